/* SPDX-License-Identifier: Apache-2.0
 *
 * view_plan.c - splits the SELECT of a materialized view into a delta and a final part.
 *
 *   delta  SELECT key AS k0, ..., sum(x) EXPORT_STATE AS a0, ... FROM the epoch's rows GROUP BY key
 *   merge  the delta's states combined into penstock_state."<view>"
 *   final  the user's select list with finalize(a0) in the place of sum(x): a plain DuckDB view
 *
 * The state of a count, sum, min, max, avg, bool_and, bool_or is made of values (sum and count of an avg); all
 * others keep the state that DuckDB exports. view_fold.c says how two of a group become one.
 */
#include "stream/view.h"

#include <ctype.h>
#include <stdio.h>

struct state {
    yyjson_mut_val *call; /* a copy of the aggregate as written */
    enum ps_fold fold;
    bool is_average; /* kept as sum and count: columns a0_count, a0 */
    bool is_export;  /* EXPORT_STATE */
    const char *type, *count_type;
    int scale; /* of the DECIMAL that is summed, -1: it is none */
};

struct plan {
    struct ps_run *run;
    struct ps_output *output;
    struct ps_tree *tree;
    yyjson_mut_doc *document;
    const struct ps_shape *shape;
    yyjson_mut_val **keys; /* copies */
    struct state *states;
    size_t state_count;
    size_t *state_of; /* per aggregate of the shape */
    bool is_exact;    /* names are compared with their qualifiers */
};

static penstock_code exhausted(struct penstock_error *error) {
    return ps_error_memory(error, "a materialized view");
}

static bool put(yyjson_mut_doc *document, yyjson_mut_val *object, const char *key, yyjson_mut_val *value) {
    return value != NULL && yyjson_mut_obj_put(object, yyjson_mut_str(document, key), value);
}

static bool put_text(yyjson_mut_doc *document, yyjson_mut_val *object, const char *key, const char *text) {
    return put(document, object, key, yyjson_mut_strcpy(document, text));
}

/* --- comparing expressions ------------------------------------------------------------------------------------ */

/* Where an expression was written and what it is called are no part of what it means. */
static bool visit_plain(yyjson_mut_val *node, void *context) {
    yyjson_mut_doc *document = context;
    if (yyjson_mut_obj_get(node, "class") != NULL) {
        put(document, node, "query_location", yyjson_mut_uint(document, UINT64_MAX));
        put_text(document, node, "alias", "");
    }
    return strcmp(ps_tree_member(node, "class"), "SUBQUERY") != 0;
}

/* t.origin, ORIGIN -> origin */
static bool visit_bare(yyjson_mut_val *node, void *context) {
    yyjson_mut_doc *document = context;
    if (strcmp(ps_tree_member(node, "class"), "COLUMN_REF") == 0) {
        const char *name =
            yyjson_mut_get_str(yyjson_mut_arr_get_last(yyjson_mut_obj_get(node, "column_names")));
        char lower[256];
        snprintf(lower, sizeof lower, "%s", name != NULL ? name : "");
        for (char *at = lower; *at != '\0'; at++) {
            *at = (char)tolower((unsigned char)*at);
        }
        yyjson_mut_val *names = yyjson_mut_arr(document);
        yyjson_mut_arr_add_strcpy(document, names, lower);
        put(document, node, "column_names", names);
    }
    return true;
}

static bool is_same(const struct plan *plan, yyjson_mut_val *left, yyjson_mut_val *right) {
    if (strcmp(ps_tree_member(left, "class"), ps_tree_member(right, "class")) != 0) {
        return false;
    }
    yyjson_mut_val *left_copy = yyjson_mut_val_mut_copy(plan->document, left);
    yyjson_mut_val *right_copy = yyjson_mut_val_mut_copy(plan->document, right);
    if (!plan->is_exact) {
        ps_tree_visit(left_copy, visit_bare, plan->document);
        ps_tree_visit(right_copy, visit_bare, plan->document);
    }
    ps_tree_visit(left_copy, visit_plain, plan->document);
    ps_tree_visit(right_copy, visit_plain, plan->document);
    return yyjson_mut_equals(left_copy, right_copy);
}

#define QUALIFIED_COUNT_MAX 128

struct qualified_names {
    const char *tables[QUALIFIED_COUNT_MAX], *columns[QUALIFIED_COUNT_MAX];
    size_t count;
    bool is_ambiguous; /* a.x and b.x are both there: x alone does not say which */
};

static bool visit_qualified(yyjson_mut_val *node, void *context) {
    struct qualified_names *seen = context;
    yyjson_mut_val *parts = yyjson_mut_obj_get(node, "column_names");
    if (strcmp(ps_tree_member(node, "class"), "COLUMN_REF") != 0 || yyjson_mut_arr_size(parts) < 2) {
        return true;
    }
    const char *column = yyjson_mut_get_str(yyjson_mut_arr_get_last(parts));
    const char *table = yyjson_mut_get_str(yyjson_mut_arr_get(parts, yyjson_mut_arr_size(parts) - 2));
    for (size_t i = 0; i < seen->count; i++) {
        if (ps_text_equal_nocase(seen->columns[i], column) && !ps_text_equal_nocase(seen->tables[i], table)) {
            seen->is_ambiguous = true;
        }
    }
    if (seen->count == QUALIFIED_COUNT_MAX) {
        seen->is_ambiguous = true;
    } else {
        seen->tables[seen->count] = table;
        seen->columns[seen->count++] = column;
    }
    return true;
}

/* --- keys and states ------------------------------------------------------------------------------------------ */

static penstock_code copy_parts(struct plan *plan, struct penstock_error *error) {
    const struct ps_shape *shape = plan->shape;
    struct ps_arena *arena = plan->run->arena;
    yyjson_mut_val *root = ps_tree_root(plan->tree);
    struct qualified_names names = {.count = 0};
    ps_tree_visit(yyjson_mut_obj_get(root, "select_list"), visit_qualified, &names);
    ps_tree_visit(yyjson_mut_obj_get(root, "group_expressions"), visit_qualified, &names);
    ps_tree_visit(yyjson_mut_obj_get(root, "having"), visit_qualified, &names);
    plan->is_exact = names.is_ambiguous;
    plan->keys = ps_arena_allocate(arena, shape->key_count + 1, sizeof *plan->keys);
    plan->states = ps_arena_allocate(arena, shape->aggregate_count + 1, sizeof *plan->states);
    plan->state_of = ps_arena_allocate(arena, shape->aggregate_count + 1, sizeof *plan->state_of);
    if (plan->keys == NULL || plan->states == NULL || plan->state_of == NULL) {
        return exhausted(error);
    }
    for (size_t i = 0; i < shape->key_count; i++) {
        plan->keys[i] = yyjson_mut_val_mut_copy(plan->document, shape->keys[i].expression);
        ps_tree_visit(plan->keys[i], visit_plain, plan->document);
    }
    for (size_t i = 0; i < shape->aggregate_count; i++) {
        size_t at = 0;
        while (at < plan->state_count && !is_same(plan, plan->states[at].call, shape->aggregates[i])) {
            at++;
        }
        plan->state_of[i] = at;
        if (at == plan->state_count) {
            yyjson_mut_val *call = yyjson_mut_val_mut_copy(plan->document, shape->aggregates[i]);
            ps_tree_visit(call, visit_plain, plan->document);
            plan->states[plan->state_count++] = (struct state){.call = call};
        }
    }
    return PENSTOCK_OK;
}

static bool add_item(struct plan *plan, yyjson_mut_val *list, yyjson_mut_val *expression, const char *letter,
                     size_t index, const char *suffix) {
    char name[48];
    snprintf(name, sizeof name, "%s%zu%s", letter, index, suffix);
    yyjson_mut_val *copy = yyjson_mut_val_mut_copy(plan->document, expression);
    return copy != NULL && put_text(plan->document, copy, "alias", name) && yyjson_mut_arr_append(list, copy);
}

static bool add_state_items(struct plan *plan, yyjson_mut_val *list, size_t index) {
    const struct state *state = &plan->states[index];
    yyjson_mut_val *call = yyjson_mut_val_mut_copy(plan->document, state->call);
    if (call == NULL) {
        return false;
    }
    put(plan->document, call, "export_state", yyjson_mut_bool(plan->document, state->is_export));
    if (state->is_average) {
        put_text(plan->document, call, "function_name", "count");
        if (!add_item(plan, list, call, "a", index, "_count")) {
            return false;
        }
        put_text(plan->document, call, "function_name", "sum");
    }
    return add_item(plan, list, call, "a", index, "");
}

/* The delta with the states [first, end). */
static penstock_code delta_text(struct plan *plan, size_t first, size_t end, const char **sql_out,
                                struct penstock_error *error) {
    yyjson_mut_doc *document = plan->document;
    yyjson_mut_val *node = yyjson_mut_val_mut_copy(document, ps_tree_root(plan->tree));
    yyjson_mut_val *list = yyjson_mut_arr(document);
    yyjson_mut_val *groups = yyjson_mut_arr(document);
    yyjson_mut_val *sets = yyjson_mut_arr(document);
    if (node == NULL || list == NULL || groups == NULL || sets == NULL) {
        return exhausted(error);
    }
    yyjson_mut_val *set = plan->shape->key_count > 0 ? yyjson_mut_arr_add_arr(document, sets) : NULL;
    bool is_good = true;
    for (size_t i = 0; i < plan->shape->key_count; i++) {
        is_good = is_good && add_item(plan, list, plan->keys[i], "k", i, "") &&
                  yyjson_mut_arr_append(groups, yyjson_mut_val_mut_copy(document, plan->keys[i])) &&
                  yyjson_mut_arr_add_uint(document, set, i);
    }
    for (size_t i = first; i < end; i++) {
        is_good = is_good && add_state_items(plan, list, i);
    }
    is_good = is_good && put(document, node, "select_list", list) &&
              put(document, node, "group_expressions", groups) && put(document, node, "group_sets", sets) &&
              put_text(document, node, "aggregate_handling", "STANDARD_HANDLING") &&
              put(document, node, "having", yyjson_mut_null(document)) &&
              put(document, node, "modifiers", yyjson_mut_arr(document));
    return is_good ? ps_tree_text(plan->run->connection, plan->tree, node, plan->run->arena, sql_out, error)
                   : exhausted(error);
}

/* --- what is kept --------------------------------------------------------------------------------------------- */

/* Where a value does; else, and for all that is not named here, what DuckDB exports. */
static void choose_value(struct state *state) {
    static const struct {
        const char *function;
        enum ps_fold fold;
        bool is_average;
    } values[] = {
        {"count", PS_FOLD_SUM, false},    {"count_star", PS_FOLD_SUM, false},
        {"count_if", PS_FOLD_SUM, false}, {"countif", PS_FOLD_SUM, false},
        {"sum", PS_FOLD_SUM, false},      {"avg", PS_FOLD_SUM, true},
        {"mean", PS_FOLD_SUM, true},      {"min", PS_FOLD_MIN, false},
        {"max", PS_FOLD_MAX, false},      {"bool_and", PS_FOLD_MIN, false},
        {"bool_or", PS_FOLD_MAX, false},
    };
    const char *function = ps_tree_member(state->call, "function_name");
    const size_t argument_count = yyjson_mut_arr_size(yyjson_mut_obj_get(state->call, "children"));
    state->fold = PS_FOLD_COMBINE;
    state->is_export = true;
    for (size_t i = 0; i < sizeof values / sizeof values[0] && argument_count <= 1; i++) {
        if (ps_text_equal_nocase(function, values[i].function)) {
            state->fold = values[i].fold;
            state->is_average = values[i].is_average;
            state->is_export = false;
        }
    }
}

static bool is_summed(const char *type) {
    return strcmp(type, "BIGINT") == 0 || strcmp(type, "HUGEINT") == 0 || strcmp(type, "DOUBLE") == 0 ||
           strncmp(type, "DECIMAL(", 8) == 0;
}

static void final_state(const struct plan *plan, size_t index, struct ps_buffer *sql) {
    const struct state *state = &plan->states[index];
    const char *open = state->is_export ? "finalize(" : "";
    const char *close = state->is_export ? ")" : "";
    if (!state->is_average) {
        ps_buffer_printf(sql, "%sa%zu%s", open, index, close);
    } else if (state->scale < 0) {
        ps_buffer_printf(sql, "(CAST(%sa%zu%s AS DOUBLE) / CAST(%sa%zu_count%s AS DOUBLE))", open, index,
                         close, open, index, close);
    } else { /* digit for digit what DuckDB's avg() does: the unscaled sum over the scaled count */
        ps_buffer_printf(sql,
                         "(CAST(CAST(replace(CAST(%sa%zu%s AS VARCHAR), '.', '') AS HUGEINT) AS DOUBLE)"
                         " / (CAST(%sa%zu_count%s AS DOUBLE) * 1e%d))",
                         open, index, close, open, index, close, state->scale);
    }
}

/* Types of the states [first, end). */
static penstock_code read_types(struct plan *plan, size_t first, size_t end, struct penstock_error *error) {
    const char *delta = NULL;
    const char **names = NULL;
    const char **types = NULL;
    size_t count = 0;
    PS_TRY(delta_text(plan, first, end, &delta, error));
    PS_TRY(
        ps_sql_describe(plan->run->connection, delta, plan->run->arena, &names, &types, &count, NULL, error));
    size_t column = plan->shape->key_count;
    for (size_t i = first; i < end; i++) {
        struct state *state = &plan->states[i];
        state->count_type = state->is_average ? types[column++] : NULL;
        state->type = types[column++];
        state->scale = -1;
        const char *type = state->type;
        if (state->is_average && state->is_export) { /* AGGREGATE_STATE<sum(DECIMAL(8,3))::DECIMAL(38,3)> */
            type = strstr(type, "::") != NULL ? strstr(type, "::") + 2 : type;
        }
        (void)sscanf(type, "DECIMAL(%*d,%d)", &state->scale);
        if (state->fold == PS_FOLD_SUM && !is_summed(type)) {
            return ps_error_set(error, PENSTOCK_UNSUPPORTED, "a sum of %s has a state of its own", type);
        }
    }
    ps_check(column == count);
    return PENSTOCK_OK;
}

static void add_merged(const struct plan *plan, size_t index, struct ps_buffer *sql) {
    const struct state *state = &plan->states[index];
    char name[48];
    snprintf(name, sizeof name, "a%zu", index);
    const struct ps_view_column column = {name, state->type, state->fold};
    ps_buffer_text(sql, ", ");
    ps_view_add_merged(sql, &column, "d", "d");
    ps_buffer_text(sql, ", ");
    final_state(plan, index, sql);
}

/* Does DuckDB take the states [first, end)? Some it exports and then cannot combine. */
static penstock_code try_states(struct plan *plan, size_t first, size_t end, struct penstock_error *error) {
    PS_TRY(read_types(plan, first, end, error));
    bool is_sure = true;
    for (size_t i = first; i < end; i++) {
        is_sure = is_sure && plan->states[i].fold == PS_FOLD_SUM;
    }
    if (is_sure) {
        return PENSTOCK_OK;
    }
    const char *delta = NULL;
    PS_TRY(delta_text(plan, first, end, &delta, error));
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "SELECT 1");
    for (size_t i = first; i < end; i++) {
        add_merged(plan, i, &sql);
    }
    ps_buffer_text(&sql, " FROM (");
    ps_buffer_text(&sql, delta);
    ps_buffer_text(&sql, ") AS d");
    PS_TRY(ps_buffer_status(&sql, error));
    const char **names = NULL;
    const char **types = NULL;
    size_t count = 0;
    return ps_sql_describe(plan->run->connection, sql.data, plan->run->arena, &names, &types, &count, NULL,
                           error);
}

static penstock_code choose_one(struct plan *plan, size_t index, struct penstock_error *error) {
    struct state *state = &plan->states[index];
    if (try_states(plan, index, index + 1, error) == PENSTOCK_OK) {
        return PENSTOCK_OK;
    }
    state->fold = PS_FOLD_COMBINE;
    state->is_average = false;
    state->is_export = true;
    if (try_states(plan, index, index + 1, error) == PENSTOCK_OK) {
        return PENSTOCK_OK;
    }
    if (error != NULL) {
        char cause[sizeof error->detail];
        snprintf(cause, sizeof cause, "%.500s", error->message);
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                           "%s() cannot be kept incrementally in the materialized view %s",
                           ps_tree_member(state->call, "function_name"), plan->output->name);
        (void)ps_error_detail(error, "%s", cause);
        (void)ps_error_hint(error,
                            "use an aggregate that can be combined (count, sum, avg, min, max, stddev, corr, "
                            "regr_..., approx_count_distinct), or query the streaming table");
    }
    return PENSTOCK_INVALID_PROJECT;
}

/* A view that was made when every aggregate kept its exported state goes on with that. */
static penstock_code keep_exported(struct plan *plan, struct penstock_error *error) {
    const char *const values[] = {plan->output->name};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(
        ps_sql_query_with(plan->run->connection,
                          "SELECT column_name FROM duckdb_columns() WHERE database_name = current_database()"
                          " AND schema_name = 'penstock_state' AND table_name = $1::VARCHAR"
                          " AND data_type LIKE 'AGGREGATE_STATE%'",
                          values, 1, &result, error));
    for (int64_t row = 0; row < ps_result_row_count(result); row++) {
        const size_t index = (size_t)strtoull(ps_result_text(result, row, 0) + 1, NULL, 10);
        if (index < plan->state_count) {
            struct state *state = &plan->states[index];
            state->is_export = true;
            state->fold = PS_FOLD_COMBINE;
            state->is_average = false;
        }
    }
    /* only avg() of DECIMAL was kept as sum and count: the latter comes second in the list of no other */
    for (int64_t row = 0; row < ps_result_row_count(result); row++) {
        const char *name = ps_result_text(result, row, 0);
        const size_t index = (size_t)strtoull(name + 1, NULL, 10);
        if (index < plan->state_count && strstr(name, "_count") != NULL) {
            plan->states[index].is_average = true;
        }
    }
    return PENSTOCK_OK;
}

static penstock_code plan_delta(struct plan *plan, struct penstock_error *error) {
    for (size_t i = 0; i < plan->state_count; i++) {
        choose_value(&plan->states[i]);
    }
    PS_TRY(keep_exported(plan, error));
    if (try_states(plan, 0, plan->state_count, NULL) != PENSTOCK_OK) {
        for (size_t i = 0; i < plan->state_count; i++) {
            PS_TRY(choose_one(plan, i, error));
        }
    }
    return delta_text(plan, 0, plan->state_count, &plan->output->view->delta_sql, error);
}

static penstock_code name_columns(struct plan *plan, struct penstock_error *error) {
    struct ps_view *view = plan->output->view;
    view->columns = ps_arena_allocate(plan->run->arena, 2 * plan->state_count + 1, sizeof *view->columns);
    if (view->columns == NULL) {
        return exhausted(error);
    }
    for (size_t i = 0; i < plan->state_count; i++) {
        const struct state *state = &plan->states[i];
        if (state->is_average) {
            view->columns[view->column_count++] = (struct ps_view_column){
                ps_arena_printf(plan->run->arena, "a%zu_count", i), state->count_type, state->fold};
        }
        view->columns[view->column_count++] =
            (struct ps_view_column){ps_arena_printf(plan->run->arena, "a%zu", i), state->type, state->fold};
        view->has_combined = view->has_combined || state->fold == PS_FOLD_COMBINE;
    }
    for (size_t i = 0; i < view->column_count; i++) {
        if (view->columns[i].name == NULL) {
            return exhausted(error);
        }
    }
    return PENSTOCK_OK;
}

/* --- final ---------------------------------------------------------------------------------------------------- */

/* Makes `node` the expression that `text` says, keeping its alias. */
static bool become(struct plan *plan, yyjson_mut_val *node, const char *text) {
    struct ps_tree *tree PS_SCOPED(ps_tree_free_scoped) = NULL;
    char select[640];
    snprintf(select, sizeof select, "SELECT %s", text);
    if (ps_tree_parse(plan->run->connection, select, &tree, NULL, NULL) != PENSTOCK_OK) {
        return false;
    }
    yyjson_mut_val *made = yyjson_mut_val_mut_copy(
        plan->document, yyjson_mut_arr_get_first(yyjson_mut_obj_get(ps_tree_root(tree), "select_list")));
    size_t index, max;
    yyjson_mut_val *key, *value;
    yyjson_mut_obj_clear(node);
    yyjson_mut_obj_foreach(made, index, max, key, value) {
        if (!yyjson_mut_obj_add(node, yyjson_mut_val_mut_copy(plan->document, key),
                                yyjson_mut_val_mut_copy(plan->document, value))) {
            return false;
        }
    }
    return true;
}

struct final_visit {
    struct plan *plan;
    bool failed;
};

static bool visit_final(yyjson_mut_val *node, void *context) {
    struct final_visit *visit = context;
    struct plan *plan = visit->plan;
    char text[32];
    if (yyjson_mut_obj_get(node, "class") == NULL) {
        return true;
    }
    for (size_t i = 0; i < plan->shape->aggregate_count; i++) {
        if (plan->shape->aggregates[i] == node) {
            struct ps_buffer sql PS_SCOPED(ps_buffer_done);
            ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
            final_state(plan, plan->state_of[i], &sql);
            visit->failed =
                ps_buffer_status(&sql, NULL) != PENSTOCK_OK || !become(plan, node, sql.data) || visit->failed;
            return false;
        }
    }
    for (size_t i = 0; i < plan->shape->key_count; i++) {
        if (is_same(plan, node, plan->keys[i])) {
            snprintf(text, sizeof text, "k%zu", i);
            visit->failed = !become(plan, node, text) || visit->failed;
            return false;
        }
    }
    return true;
}

static bool read_from_state(struct plan *plan, yyjson_mut_val *root) {
    yyjson_mut_doc *document = plan->document;
    const bool is_final = plan->output->node->statement->as.view.emit_final;
    char *name = ps_arena_printf(plan->run->arena, "%s%s", plan->output->name, is_final ? "/final" : "");
    yyjson_mut_val *from = yyjson_mut_obj(document);
    yyjson_mut_val *having = yyjson_mut_val_mut_copy(document, yyjson_mut_obj_get(root, "having"));
    yyjson_mut_val *ctes = yyjson_mut_obj(document);
    return name != NULL && from != NULL && ctes != NULL && having != NULL &&
           yyjson_mut_obj_add_str(document, from, "type", "BASE_TABLE") &&
           yyjson_mut_obj_add_str(document, from, "alias", "") &&
           yyjson_mut_obj_add_null(document, from, "sample") &&
           yyjson_mut_obj_add_uint(document, from, "query_location", UINT64_MAX) &&
           yyjson_mut_obj_add_str(document, from, "schema_name", "penstock_state") &&
           yyjson_mut_obj_add_strcpy(document, from, "table_name", name) &&
           yyjson_mut_obj_add_arr(document, from, "column_name_alias") != NULL &&
           yyjson_mut_obj_add_str(document, from, "catalog_name", "") &&
           yyjson_mut_obj_add_null(document, from, "at_clause") &&
           yyjson_mut_obj_add_arr(document, ctes, "map") != NULL && put(document, root, "from_table", from) &&
           put(document, root, "where_clause", having) &&
           put(document, root, "having", yyjson_mut_null(document)) && put(document, root, "cte_map", ctes) &&
           put(document, root, "modifiers", yyjson_mut_arr(document)) &&
           put(document, root, "group_expressions", yyjson_mut_arr(document)) &&
           put(document, root, "group_sets", yyjson_mut_arr(document)) &&
           put_text(document, root, "aggregate_handling", "STANDARD_HANDLING");
}

static penstock_code plan_final(struct plan *plan, struct penstock_error *error) {
    yyjson_mut_val *root = ps_tree_root(plan->tree);
    yyjson_mut_val *list = yyjson_mut_obj_get(root, "select_list");
    struct final_visit visit = {.plan = plan};
    ps_tree_visit(list, visit_final, &visit);
    ps_tree_visit(yyjson_mut_obj_get(root, "having"), visit_final, &visit);
    if (visit.failed || !read_from_state(plan, root)) {
        return exhausted(error);
    }
    const struct ps_node *node = plan->output->node;
    size_t index, max;
    yyjson_mut_val *item;
    yyjson_mut_arr_foreach(list, index, max, item) {
        if (index < node->column_count &&
            !put_text(plan->document, item, "alias", node->column_names[index])) {
            return exhausted(error);
        }
    }
    const char *select = NULL;
    PS_TRY(ps_tree_text(plan->run->connection, plan->tree, root, plan->run->arena, &select, error));
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "CREATE OR REPLACE VIEW main.");
    ps_buffer_sql_name(&sql, plan->output->name);
    ps_buffer_text(&sql, " AS ");
    ps_buffer_text(&sql, select);
    return ps_run_keep(plan->run->arena, &sql, &plan->output->view_sql, error);
}

/* EMIT FINAL: only windows that end at or before the watermark; later records for them are dead letters. */
static penstock_code plan_emit_final(struct plan *plan, struct penstock_error *error) {
    struct ps_output *output = plan->output;
    if (!output->node->statement->as.view.emit_final) {
        return PENSTOCK_OK;
    }
    ps_check(plan->shape->window_key >= 0);
    char *name = ps_arena_printf(plan->run->arena, "%s/final", output->name);
    if (name == NULL) {
        return exhausted(error);
    }
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "CREATE OR REPLACE VIEW penstock_state.");
    ps_buffer_sql_name(&sql, name);
    ps_buffer_text(&sql, " AS SELECT * FROM penstock_state.");
    ps_buffer_sql_name(&sql, output->name);
    ps_buffer_printf(&sql, " WHERE k%lld", (long long)plan->shape->window_key);
    if (plan->shape->window_size != NULL) {
        ps_buffer_text(&sql, " + ");
        ps_buffer_text(&sql, plan->shape->window_size);
    }
    ps_buffer_text(&sql, " <= (SELECT watermark FROM penstock.watermarks WHERE source = ");
    ps_buffer_sql_literal(&sql, plan->run->inputs[output->root].name);
    ps_buffer_text(&sql, ")");
    return ps_run_keep(plan->run->arena, &sql, &output->final_sql, error);
}

penstock_code ps_view_plan(struct ps_run *run, struct ps_output *output, struct ps_tree *tree,
                           const struct ps_shape *shape, struct penstock_error *error) {
    struct plan plan = {
        .run = run, .output = output, .tree = tree, .document = ps_tree_document(tree), .shape = shape};
    output->is_global = shape->key_count == 0;
    output->view = ps_arena_allocate(run->arena, 1, sizeof *output->view);
    if (output->view == NULL) {
        return exhausted(error);
    }
    *output->view = (struct ps_view){.name = output->name, .key_count = shape->key_count};
    PS_TRY(copy_parts(&plan, error));
    PS_TRY(plan_delta(&plan, error));
    PS_TRY(name_columns(&plan, error));
    PS_TRY(plan_emit_final(&plan, error));
    return plan_final(&plan, error);
}
