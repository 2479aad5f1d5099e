/* SPDX-License-Identifier: Apache-2.0
 *
 * tree.h - SELECT statements as DuckDB's own syntax trees (json_serialize_sql), read and rewritten.
 *
 * penstock parses statement heads only; whatever is a SELECT is parsed by DuckDB. `STREAM name` is written
 * to DuckDB as `stream.name` (same length, so that every offset in an error stays the user's) and then found
 * in the tree as a table in schema "stream". Trees are yyjson mutable documents: rooms that rewrite (views,
 * streaming tables) use yyjson directly on ps_tree_root().
 */
#ifndef PS_SQL_TREE_H
#define PS_SQL_TREE_H

#include <yyjson.h>

#include "sql/engine.h"

struct ps_tree;

/* Parses one SELECT. Wrong syntax: code SQL, *offset_out = byte in `select` (or -1). `STREAM x` may be used. */
penstock_code ps_tree_parse(struct ps_connection *connection, const char *select, struct ps_tree **tree_out,
                            int64_t *offset_out, struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_tree_free(struct ps_tree *tree);
void ps_tree_free_scoped(struct ps_tree **tree);
yyjson_mut_doc *ps_tree_document(struct ps_tree *tree);
/* The query node of the statement: {"type": "SELECT_NODE" | "SET_OPERATION_NODE" | ...}. */
yyjson_mut_val *ps_tree_root(struct ps_tree *tree);
/* The tree back as SQL text, in the arena. `node`: a query node of this tree (the root, or one below). */
penstock_code ps_tree_text(struct ps_connection *connection, struct ps_tree *tree, yyjson_mut_val *node,
                           struct ps_arena *arena, const char **sql_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* One expression of the tree as SQL text. */
penstock_code ps_tree_expression_text(struct ps_connection *connection, struct ps_tree *tree,
                                      yyjson_mut_val *expression, struct ps_arena *arena,
                                      const char **sql_out, struct penstock_error *error) PENSTOCK_MUST_USE;

/* A table that the statement reads. */
struct ps_table_reference {
    const char *name;     /* "departures", or the path for FROM 'file.parquet' */
    const char *schema;   /* "" or as written */
    const char *alias;    /* "" or as written */
    bool is_stream;       /* FROM STREAM name */
    int64_t offset;       /* byte in the statement, or -1 */
    yyjson_mut_val *node; /* the BASE_TABLE node; borrowed from the tree */
};
/* Every table reference, in order of the text, without those that name a CTE of the statement. */
penstock_code ps_tree_tables(struct ps_tree *tree, struct ps_arena *arena,
                             struct ps_table_reference **tables_out, size_t *count_out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;

/* Calls visit(node, context) for every object of the tree, parents first, without recursion.
 * visit returns false to leave out what is below. */
void ps_tree_visit(yyjson_mut_val *node, bool (*visit)(yyjson_mut_val *node, void *context), void *context);
/* Text of a member, "" if there is none. */
const char *ps_tree_member(yyjson_mut_val *node, const char *name);

/* Function facts from the engine's own catalogue. */
bool ps_sql_is_aggregate(struct ps_connection *connection, const char *function_name);
/* Volatile or different on a replay: now(), random(), uuid(), current_date, ... */
bool ps_sql_is_volatile(struct ps_connection *connection, const char *function_name);

/* Splits text into statements (comments, strings, dollar quotes, parentheses respected). */
struct ps_sql_piece {
    size_t offset, size; /* without the semicolon and without leading white space and comments */
};
penstock_code ps_sql_split(const char *text, size_t size, struct ps_arena *arena,
                           struct ps_sql_piece **pieces_out, size_t *count_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
