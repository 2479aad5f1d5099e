/* SPDX-License-Identifier: Apache-2.0
 *
 * predicate.h - what of a condition can be said without SQL: columns compared with constants, joined by AND and OR.
 *
 * A source that can leave rows out by itself (a server that filters, a range of keys) is given such a condition.
 * DuckDB looks at every row again, so a condition here may let through more than the one that it comes from, never
 * less: what is not understood is left out of an AND, and takes its whole OR with it. is_exact says that nothing was.
 */
#ifndef PS_JOB_PREDICATE_H
#define PS_JOB_PREDICATE_H

#include "data/schema.h"
#include "sql/tree.h"

enum ps_predicate_kind {
    PS_PREDICATE_ALL, /* of its children, */
    PS_PREDICATE_ANY,
    PS_PREDICATE_LESS, /* column < value, */
    PS_PREDICATE_LESS_EQUAL,
    PS_PREDICATE_EQUAL,
    PS_PREDICATE_NOT_EQUAL,
    PS_PREDICATE_GREATER_EQUAL,
    PS_PREDICATE_GREATER,
    PS_PREDICATE_IN,     /* one of the values, */
    PS_PREDICATE_PREFIX, /* a VARCHAR that begins with the value, */
    PS_PREDICATE_IS_NULL,
    PS_PREDICATE_IS_NOT_NULL,
};

struct ps_predicate {
    enum ps_predicate_kind kind;
    size_t column;           /* of the schema */
    struct ps_bytes *values; /* of the column's type, as DuckDB writes them; BLOB: the bytes */
    size_t value_count;
    size_t first_child, child_count; /* in the list, behind their parent */
    bool is_exact;                   /* as for the list, of this one and what is below */
    const char *text;                /* "speed > 10" */
};

/* A part of the condition that is left to SQL. */
struct ps_predicate_left {
    const char *text, *why;
};

struct ps_predicate_list {
    struct ps_predicate *items; /* [0] is the whole; none: every row may count */
    size_t count;
    bool is_exact;
    struct ps_predicate_left *left;
    size_t left_count;
};

/* Most values of one IN list: each is a question to DuckDB. */
#define PS_LIMIT_PREDICATE_VALUES 200

/* Names as they are known where the condition stands. */
struct ps_predicate_scope {
    struct ps_connection *connection;
    struct ps_tree *tree;
    const struct ps_schema *schema;
    const char *const *names; /* of each column there; NULL: it is not there */
    const char *table;        /* what may stand before the dot */
    yyjson_mut_val *from; /* FROM: a column that is joined by USING may be the other side's. NULL: none is */
    const char *why_no_text; /* why no VARCHAR is compared (a collation); NULL: it is */
    const char *why_absent;  /* why a column has no name; NULL: it is no column of the source */
    struct ps_arena *arena;
};

/* `condition`: an expression of the tree; NULL or JSON null: none. Errors: OUT_OF_MEMORY. */
penstock_code ps_predicate_read(const struct ps_predicate_scope *scope, yyjson_mut_val *condition,
                                struct ps_predicate_list *list_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* A condition that stands alone, over the columns of `schema`, with a catalogue of its own.
 * Errors: INVALID_PROJECT with what DuckDB says of it (a column that is not there), or that it is no condition. */
penstock_code ps_predicate_parse(const char *condition, const struct ps_schema *schema,
                                 struct ps_arena *arena, struct ps_predicate_list *list_out,
                                 struct penstock_error *error) PENSTOCK_MUST_USE;

/* Every row that passes one of two lists: a list without items lets everything through. */
penstock_code ps_predicate_either(const struct ps_predicate_list *left, const struct ps_predicate_list *right,
                                  struct ps_arena *arena, struct ps_predicate_list *list_out,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;
/* Every row that passes both. What is left is that of both. */
penstock_code ps_predicate_both(const struct ps_predicate_list *left, const struct ps_predicate_list *right,
                                struct ps_arena *arena, struct ps_predicate_list *list_out,
                                struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
