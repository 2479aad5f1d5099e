/* SPDX-License-Identifier: Apache-2.0
 *
 * join_plan.c - the SQL of a join of two streams; see join.h.
 *
 * The user's SELECT is taken as it is, several times, with its two streams pointed at different rows: new x all, old x
 * new, and for a LEFT JOIN the rows that stay alone x nothing. So whatever the SELECT does with the joined rows is
 * done by DuckDB in every case alike. When the stage is computed, the right state has the new rows already, the
 * left one has not.
 */
#include "stream/join.h"

static bool put_text(yyjson_mut_doc *document, yyjson_mut_val *object, const char *key, const char *text) {
    return yyjson_mut_obj_put(object, yyjson_mut_str(document, key), yyjson_mut_strcpy(document, text));
}

/* --- who is joined --------------------------------------------------------------------------------------------- */

penstock_code ps_join_list(struct ps_run *run, struct ps_output *output, struct penstock_error *error) {
    static const char *const names[] = {"left", "right"};
    struct ps_join *join = ps_arena_allocate(run->arena, 1, sizeof *join);
    if (join == NULL) {
        return ps_error_memory(error, "a join of streams");
    }
    for (size_t i = 0; i < 2; i++) {
        struct ps_join_side *side = &join->sides[i];
        *side = (struct ps_join_side){
            .node = &run->graph->nodes[output->node->sides[i]], .upstream = -1, .name = names[i]};
        for (size_t j = 0; j < run->input_count; j++) {
            side->root = run->inputs[j].node == side->node ? j : side->root;
        }
        for (size_t j = 0; j < run->output_count; j++) {
            if (run->outputs[j].node == side->node) {
                side->upstream = (int64_t)j;
                side->root = run->outputs[j].root;
                run->outputs[j].has_readers = true;
            }
        }
        ps_check(side->node->time_column >= 0);
        side->time = side->node->column_names[side->node->time_column];
        run->inputs[side->root].is_used = true;
    }
    output->join = join;
    output->join_root = output - run->outputs;
    output->root = join->sides[0].root;
    output->upstream = join->sides[0].upstream;
    output->needs_row = true;
    return PENSTOCK_OK;
}

/* --- which columns are kept ------------------------------------------------------------------------------------- */

struct name_visit {
    const struct ps_node *node;
    bool *is_named;
    bool is_all;
};

static void mark(struct name_visit *visit, yyjson_mut_val *names) {
    size_t index, max;
    yyjson_mut_val *value;
    yyjson_mut_arr_foreach(names, index, max, value) {
        for (size_t i = 0; yyjson_mut_is_str(value) && i < visit->node->column_count; i++) {
            const bool is_it = ps_text_equal_nocase(yyjson_mut_get_str(value), visit->node->column_names[i]);
            visit->is_named[i] = visit->is_named[i] || is_it;
        }
    }
}

static bool visit_names(yyjson_mut_val *node, void *context) {
    struct name_visit *visit = context;
    mark(visit, yyjson_mut_obj_get(node, "column_names"));
    mark(visit, yyjson_mut_obj_get(node, "using_columns"));
    visit->is_all = visit->is_all || strcmp(ps_tree_member(node, "class"), "STAR") == 0 ||
                    strcmp(ps_tree_member(node, "ref_type"), "NATURAL") == 0;
    return true;
}

/* By name, over the whole tree: too many is safe. */
static penstock_code find_columns(struct ps_run *run, struct ps_join_side *side, yyjson_mut_val *root,
                                  struct penstock_error *error) {
    const struct ps_node *node = side->node;
    struct name_visit visit = {
        .node = node, .is_named = ps_arena_allocate(run->arena, node->column_count + 1, sizeof(bool))};
    if (visit.is_named == NULL) {
        return ps_error_memory(error, "a join of streams");
    }
    ps_tree_visit(root, visit_names, &visit);
    visit.is_named[node->time_column] = true;
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    for (size_t i = 0; i < node->column_count; i++) {
        if (visit.is_all || visit.is_named[i]) {
            ps_buffer_text(&sql, sql.size > 0 ? ", " : "");
            ps_buffer_sql_name(&sql, node->column_names[i]);
        }
    }
    return ps_run_keep(run->arena, &sql, &side->columns_sql, error);
}

/* --- the user's SELECT over other rows ---------------------------------------------------------------------------- */

struct place {
    const char *catalog, *schema, *name;
};

static struct place state_of(const struct ps_run *run, const struct ps_output *output, size_t side) {
    return (struct place){"", "penstock_state",
                          ps_arena_printf(run->arena, "%s/%s", output->name, output->join->sides[side].name)};
}

/* part: "new_left", "new_right", "alone", "none" */
static struct place temporary(const struct ps_run *run, const struct ps_output *output, const char *part) {
    return (struct place){"temp", "main", ps_arena_printf(run->arena, "penstock_%s_%s", part, output->name)};
}

static bool point(struct ps_tree *tree, yyjson_mut_val *table, struct place place) {
    yyjson_mut_doc *document = ps_tree_document(tree);
    const char *alias = ps_shape_alias(table);
    return place.name != NULL && put_text(document, table, "alias", alias) &&
           put_text(document, table, "catalog_name", place.catalog) &&
           put_text(document, table, "schema_name", place.schema) &&
           put_text(document, table, "table_name", place.name);
}

static penstock_code add_select(struct ps_run *run, const struct ps_output *output, struct place left,
                                struct place right, bool is_outer, struct ps_buffer *sql,
                                struct penstock_error *error) {
    struct ps_tree *tree PS_SCOPED(ps_tree_free_scoped) = NULL;
    struct ps_shape shape = {0};
    const char *select = NULL;
    PS_TRY(ps_tree_parse(run->connection, ps_output_select(output)->text, &tree, NULL, error));
    PS_TRY(ps_window_expand(run->connection, tree, run->arena, NULL, NULL, NULL, error));
    PS_TRY(ps_shape_read(run->connection, tree, PS_SHAPE_TABLE, NULL, 0, run->arena, &shape, NULL, error));
    if (!point(tree, shape.stream.node, left) || !point(tree, shape.join.partner.node, right) ||
        !put_text(ps_tree_document(tree), shape.join.node, "join_type", is_outer ? "LEFT" : "INNER")) {
        return ps_error_memory(error, "a join of streams");
    }
    PS_TRY(ps_tree_text(run->connection, tree, ps_tree_root(tree), run->arena, &select, error));
    ps_buffer_text(sql, sql->size > 0 ? " UNION ALL (" : "(");
    ps_buffer_text(sql, select);
    ps_buffer_text(sql, ")");
    return ps_buffer_status(sql, error);
}

static penstock_code plan_stage(struct ps_run *run, struct ps_output *output, struct penstock_error *error) {
    const struct place new_left = temporary(run, output, "new_left");
    const struct place new_right = temporary(run, output, "new_right");
    struct ps_buffer pairs PS_SCOPED(ps_buffer_done);
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&pairs, PS_LIMIT_SQL_SIZE);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    PS_TRY(add_select(run, output, new_left, state_of(run, output, 1), false, &pairs, error));
    PS_TRY(add_select(run, output, state_of(run, output, 0), new_right, false, &pairs, error));
    if (output->join->is_left) {
        PS_TRY(add_select(run, output, temporary(run, output, "alone"), temporary(run, output, "none"), true,
                          &pairs, error));
    }
    ps_buffer_text(&sql, "SELECT *, row_number() OVER () - 1 AS " PS_ROW_COLUMN " FROM (FROM (");
    ps_buffer_text(&sql, pairs.data);
    ps_buffer_text(&sql, ") ORDER BY ALL)");
    const char *select = NULL;
    PS_TRY(ps_run_keep(run->arena, &sql, &select, error));
    return ps_table_plan_stage(run, output, select, error);
}

/* --- rows that stay alone ------------------------------------------------------------------------------- */

/* SELECT x.columns FROM <here> AS x ANTI JOIN right state AS y ON condition <tail> */
static penstock_code plan_alone(struct ps_run *run, struct ps_output *output, const struct ps_shape *shape,
                                struct ps_tree *tree, struct penstock_error *error) {
    struct ps_join *join = output->join;
    yyjson_mut_val *using_columns = yyjson_mut_obj_get(shape->join.node, "using_columns");
    const struct place right = state_of(run, output, 1);
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_sql_name(&sql, ps_shape_alias(shape->stream.node));
    PS_TRY(ps_run_keep(run->arena, &sql, &join->alias_sql, error));
    ps_buffer_printf(&sql, " AS %s", join->alias_sql);
    ps_buffer_text(&sql, " ANTI JOIN penstock_state.");
    ps_buffer_sql_name(&sql, right.name != NULL ? right.name : "");
    ps_buffer_text(&sql, " AS ");
    ps_buffer_sql_name(&sql, ps_shape_alias(shape->join.partner.node));
    if (yyjson_mut_arr_size(using_columns) > 0) {
        size_t index, max;
        yyjson_mut_val *column;
        yyjson_mut_arr_foreach(using_columns, index, max, column) {
            ps_buffer_text(&sql, index == 0 ? " USING (" : ", ");
            ps_buffer_sql_name(&sql, yyjson_mut_get_str(column));
        }
        ps_buffer_text(&sql, ")");
    } else {
        const char *condition = NULL;
        PS_TRY(ps_tree_expression_text(run->connection, tree,
                                       yyjson_mut_obj_get(shape->join.node, "condition"), run->arena,
                                       &condition, error));
        ps_buffer_printf(&sql, " ON (%s)", condition);
    }
    return ps_run_keep(run->arena, &sql, &join->alone_sql, error);
}

/* CREATE OR REPLACE TEMP TABLE part AS SELECT columns FROM the stream's view LIMIT 0 */
static void add_empty(struct ps_buffer *sql, const struct ps_run *run, const struct ps_output *output,
                      const char *part, size_t side) {
    const struct place place = temporary(run, output, part);
    char *view = ps_arena_printf(run->arena, "penstock_stream_%s", output->join->sides[side].node->name);
    ps_buffer_text(sql, "CREATE OR REPLACE TEMP TABLE ");
    ps_buffer_sql_name(sql, place.name != NULL ? place.name : "");
    ps_buffer_printf(sql, " AS SELECT %s FROM temp.", output->join->sides[side].columns_sql);
    ps_buffer_sql_name(sql, view != NULL ? view : "");
    ps_buffer_text(sql, " LIMIT 0; ");
}

static penstock_code make_empty(struct ps_run *run, const struct ps_output *output,
                                struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    add_empty(&sql, run, output, "new_left", 0);
    add_empty(&sql, run, output, "new_right", 1);
    if (output->join->is_left) {
        add_empty(&sql, run, output, "alone", 0);
        add_empty(&sql, run, output, "none", 1);
    }
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_run(run->connection, sql.data, error);
}

penstock_code ps_join_plan(struct ps_run *run, struct ps_output *output, struct ps_tree *tree,
                           const struct ps_shape *shape, struct penstock_error *error) {
    struct ps_join *join = output->join;
    join->is_left = shape->join.is_left;
    output->is_staged = true; /* what it reads changes while the epoch goes on */
    PS_TRY(ps_shape_read_bound(run->connection, tree, shape, join->sides[0].time, join->sides[1].time,
                               run->arena, &join->bound, NULL, error));
    PS_TRY(find_columns(run, &join->sides[0], ps_tree_root(tree), error));
    PS_TRY(find_columns(run, &join->sides[1], ps_tree_root(tree), error));
    if (join->is_left) {
        PS_TRY(plan_alone(run, output, shape, tree, error));
    }
    PS_TRY(make_empty(run, output, error));
    return plan_stage(run, output, error);
}
