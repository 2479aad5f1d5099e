/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_conditions.h - what the tests of HBase's pushdown share: a condition as the graph reads it, and what is pushed.
 */
#ifndef TESTS_UNIT_CONNECT_HBASE_CONDITIONS_H
#define TESTS_UNIT_CONNECT_HBASE_CONDITIONS_H

#include "connect/hbase_pushdown.h"

#include "hbase_cells.h"

static struct ps_engine *engine;
static struct ps_connection *connection;

static inline int begin(void **state) {
    (void)state;
    const struct ps_engine_options options = {.thread_count = 1};
    struct penstock_error error;
    return ps_engine_open(&options, &engine, &error) != PENSTOCK_OK ||
           ps_connection_open(engine, &connection, &error) != PENSTOCK_OK;
}

static inline int end(void **state) {
    (void)state;
    ps_connection_close(connection);
    ps_engine_close(engine);
    return 0;
}

/* The condition as the graph would read it. */
static inline struct ps_predicate_list read_condition(struct scene *scene, const char *condition) {
    struct ps_tree *tree = NULL;
    struct ps_predicate_list list;
    const char *names[64];
    const char *sql = ps_arena_printf(scene->arena, "SELECT 1 FROM source WHERE %s", condition);
    if (ps_tree_parse(connection, sql, &tree, NULL, &scene->error) != PENSTOCK_OK) {
        fail_msg("%s: %s", condition, scene->error.message);
    }
    for (size_t i = 0; i < scene->schema.column_count; i++) {
        names[i] = scene->schema.columns[i].name;
    }
    const struct ps_predicate_scope scope = {.connection = connection,
                                             .tree = tree,
                                             .schema = &scene->schema,
                                             .names = names,
                                             .table = "source",
                                             .arena = scene->arena};
    assert_int_equal(ps_predicate_read(&scope, yyjson_mut_obj_get(ps_tree_root(tree), "where_clause"), &list,
                                       &scene->error),
                     PENSTOCK_OK);
    ps_tree_free(tree);
    return list;
}

static const struct ps_source_statement plain = {.format = PS_FORMAT_PLAIN};

static inline const struct ps_hbase_pushdown *push(struct scene *scene, const struct ps_source_use *use) {
    const struct ps_hbase_pushdown_request request = {
        .mapping = scene->mapping, .statement = &plain, .use = use, .versions = 1, .is_snapshot = true};
    const struct ps_hbase_pushdown *pushdown = NULL;
    if (ps_hbase_pushdown_new(&request, scene->arena, &pushdown, &scene->error) != PENSTOCK_OK) {
        fail_msg("%s", scene->error.message);
    }
    return pushdown;
}

#endif
