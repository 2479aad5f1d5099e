/* SPDX-License-Identifier: Apache-2.0
 *
 * syntax.h - small questions about nodes of DuckDB's syntax tree, as room job's files ask them.
 *
 * The tree is JSON, so a misspelt member name is silence, not an error: each is spelt here once.
 */
#ifndef PS_JOB_SYNTAX_H
#define PS_JOB_SYNTAX_H

#include "sql/tree.h"

/* Byte in the statement that a node was written at, or -1. */
int64_t ps_syntax_offset(yyjson_mut_val *node);
void ps_syntax_set_offset(struct ps_tree *tree, yyjson_mut_val *node, int64_t offset);
/* "SELECT_NODE", "BASE_TABLE", "COLUMN_REF", ... */
bool ps_syntax_is(yyjson_mut_val *node, const char *type);
/* "FUNCTION", "WINDOW", "SUBQUERY", "COLUMN_REF", ... of an expression */
bool ps_syntax_is_class(yyjson_mut_val *node, const char *class_name);
/* The last part of a COLUMN_REF's name ("ts" of d.ts), or NULL if the node is none. */
const char *ps_syntax_column(yyjson_mut_val *node);
/* The name of a function that is called as name(...), not as an operator; NULL if the node is none. */
const char *ps_syntax_function(yyjson_mut_val *node);
/* The query node of a FROM subquery, subquery expression or CTE entry. */
yyjson_mut_val *ps_syntax_query(yyjson_mut_val *node);
/* A list of nodes in the arena that grows; nodes are borrowed from the tree. */
struct ps_node_list {
    yyjson_mut_val **nodes;
    size_t count, capacity;
    bool failed; /* out of memory: look once, at the end */
};
void ps_node_list_add(struct ps_node_list *list, struct ps_arena *arena, yyjson_mut_val *node);

/* Aggregate calls (not window functions) of an expression, without looking into subqueries. */
penstock_code ps_syntax_aggregates(struct ps_connection *connection, yyjson_mut_val *expression,
                                   struct ps_arena *arena, struct ps_node_list *list,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;
/* The first window function of an expression (subqueries not looked into), or NULL. */
yyjson_mut_val *ps_syntax_find_window(yyjson_mut_val *expression);
/* The first subquery expression below, or NULL. */
yyjson_mut_val *ps_syntax_find_subquery(yyjson_mut_val *expression);
/* The first call whose answer differs on a replay, anywhere below; *name_out is its name. NULL if there is none. */
yyjson_mut_val *ps_syntax_find_volatile(struct ps_connection *connection, yyjson_mut_val *node,
                                        const char **name_out);
/* Refuses such a call with what to use instead. *offset_out: where it stands. */
penstock_code ps_syntax_check_replay(struct ps_connection *connection, yyjson_mut_val *node,
                                     int64_t *offset_out, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
