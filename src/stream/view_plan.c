/* SPDX-License-Identifier: Apache-2.0
 *
 * view_plan.c - splits the SELECT of a materialized view into a delta and a final part.
 *
 *   delta  SELECT key AS k0, ..., sum(x) EXPORT_STATE AS a0, ... FROM the epoch's rows GROUP BY key
 *   merge  the delta's states combined into penstock_state."<view>"
 *   final  the user's select list with finalize(a0) in the place of sum(x): a plain DuckDB view
 *
 * DuckDB cannot export every aggregate's state. min and max of texts are kept as values and combined by
 * least() and greatest(); avg of DECIMAL is kept as sum and count.
 */
#include "stream/run.h"

#include <ctype.h>
#include <stdio.h>

enum state_kind { STATE_EXPORTED, STATE_LEAST, STATE_GREATEST, STATE_PARTS };

struct state {
    yyjson_mut_val *call; /* a copy of the aggregate as written */
    enum state_kind kind;
    int scale; /* of the DECIMAL that is summed, for STATE_PARTS */
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
    const bool is_exported = state->kind == STATE_EXPORTED || state->kind == STATE_PARTS;
    put(plan->document, call, "export_state", yyjson_mut_bool(plan->document, is_exported));
    if (state->kind == STATE_PARTS) {
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

/* Does DuckDB take the states [first, end)? Some it exports and then cannot combine. */
static penstock_code try_states(struct plan *plan, size_t first, size_t end, struct penstock_error *error) {
    const char *delta = NULL;
    PS_TRY(delta_text(plan, first, end, &delta, error));
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "SELECT 1");
    for (size_t i = first; i < end; i++) {
        switch (plan->states[i].kind) {
        case STATE_EXPORTED: ps_buffer_printf(&sql, ", finalize(combine(a%zu, a%zu))", i, i); break;
        case STATE_LEAST: ps_buffer_printf(&sql, ", least(a%zu, a%zu)", i, i); break;
        case STATE_GREATEST: ps_buffer_printf(&sql, ", greatest(a%zu, a%zu)", i, i); break;
        case STATE_PARTS: ps_buffer_printf(&sql, ", finalize(a%zu) / finalize(a%zu_count)", i, i); break;
        }
    }
    ps_buffer_text(&sql, " FROM (");
    ps_buffer_text(&sql, delta);
    ps_buffer_text(&sql, ")");
    PS_TRY(ps_buffer_status(&sql, error));
    const char **names = NULL;
    const char **types = NULL;
    size_t count = 0;
    return ps_sql_describe(plan->run->connection, sql.data, plan->run->arena, &names, &types, &count, NULL,
                           error);
}

/* avg() of a DECIMAL becomes sum and count; *is_good_out: it is one, and its scale is known. */
static penstock_code read_scale(struct plan *plan, size_t index, bool *is_good_out,
                                struct penstock_error *error) {
    const char *delta = NULL;
    PS_TRY(delta_text(plan, index, index + 1, &delta, error));
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_printf(&sql, "SELECT finalize(a%zu) FROM (", index);
    ps_buffer_text(&sql, delta);
    ps_buffer_text(&sql, ")");
    PS_TRY(ps_buffer_status(&sql, error));
    const char **names = NULL;
    const char **types = NULL;
    size_t count = 0;
    PS_TRY(ps_sql_describe(plan->run->connection, sql.data, plan->run->arena, &names, &types, &count, NULL,
                           error));
    *is_good_out = count == 1 && sscanf(types[0], "DECIMAL(%*d,%d)", &plan->states[index].scale) == 1;
    return PENSTOCK_OK;
}

static penstock_code choose_kind(struct plan *plan, size_t index, struct penstock_error *error) {
    struct state *state = &plan->states[index];
    if (try_states(plan, index, index + 1, error) == PENSTOCK_OK) {
        return PENSTOCK_OK;
    }
    const char *function = ps_tree_member(state->call, "function_name");
    const size_t argument_count = yyjson_mut_arr_size(yyjson_mut_obj_get(state->call, "children"));
    if (argument_count == 1) {
        state->kind = strcmp(function, "min") == 0                                    ? STATE_LEAST
                      : strcmp(function, "max") == 0                                  ? STATE_GREATEST
                      : strcmp(function, "avg") == 0 || strcmp(function, "mean") == 0 ? STATE_PARTS
                                                                                      : STATE_EXPORTED;
    }
    bool is_good = state->kind != STATE_EXPORTED && try_states(plan, index, index + 1, error) == PENSTOCK_OK;
    if (is_good && state->kind == STATE_PARTS) {
        PS_TRY(read_scale(plan, index, &is_good, error));
    }
    if (is_good) {
        return PENSTOCK_OK;
    }
    if (error != NULL) {
        char cause[sizeof error->detail];
        snprintf(cause, sizeof cause, "%.500s", error->message);
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                           "%s() cannot be kept incrementally in the materialized view %s", function,
                           plan->output->name);
        (void)ps_error_detail(error, "%s", cause);
        (void)ps_error_hint(error,
                            "use an aggregate that can be combined (count, sum, avg, min, max, stddev, corr, "
                            "regr_..., approx_count_distinct), or query the streaming table");
    }
    return PENSTOCK_INVALID_PROJECT;
}

static penstock_code plan_delta(struct plan *plan, struct penstock_error *error) {
    if (try_states(plan, 0, plan->state_count, NULL) != PENSTOCK_OK) {
        for (size_t i = 0; i < plan->state_count; i++) {
            PS_TRY(choose_kind(plan, i, error));
        }
    }
    return delta_text(plan, 0, plan->state_count, &plan->output->delta_sql, error);
}

/* --- merge ---------------------------------------------------------------------------------------------------- */

static void add_assignments(const struct plan *plan, struct ps_buffer *sql) {
    for (size_t i = 0; i < plan->state_count; i++) {
        const char *comma = i > 0 ? ", " : "";
        switch (plan->states[i].kind) {
        case STATE_EXPORTED: ps_buffer_printf(sql, "%sa%zu = combine(s.a%zu, d.a%zu)", comma, i, i, i); break;
        case STATE_LEAST: ps_buffer_printf(sql, "%sa%zu = least(s.a%zu, d.a%zu)", comma, i, i, i); break;
        case STATE_GREATEST:
            ps_buffer_printf(sql, "%sa%zu = greatest(s.a%zu, d.a%zu)", comma, i, i, i);
            break;
        case STATE_PARTS:
            ps_buffer_printf(
                sql, "%sa%zu = combine(s.a%zu, d.a%zu), a%zu_count = combine(s.a%zu_count, d.a%zu_count)",
                comma, i, i, i, i, i, i);
            break;
        }
    }
}

static penstock_code plan_merge(struct plan *plan, struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "MERGE INTO penstock_state.");
    ps_buffer_sql_name(&sql, plan->output->name);
    ps_buffer_text(&sql, " AS s USING (");
    ps_buffer_text(&sql, plan->output->delta_sql);
    ps_buffer_text(&sql, ") AS d ON ");
    for (size_t i = 0; i < plan->shape->key_count; i++) { /* NULL is a key like any other */
        ps_buffer_printf(&sql, "%ss.k%zu IS NOT DISTINCT FROM d.k%zu", i > 0 ? " AND " : "", i, i);
    }
    ps_buffer_text(&sql, plan->shape->key_count == 0 ? "true" : "");
    if (plan->state_count > 0) {
        ps_buffer_text(&sql, " WHEN MATCHED THEN UPDATE SET ");
        add_assignments(plan, &sql);
    }
    ps_buffer_text(&sql, " WHEN NOT MATCHED THEN INSERT BY NAME");
    return ps_run_keep(plan->run->arena, &sql, &plan->output->merge_sql, error);
}

/* --- final ---------------------------------------------------------------------------------------------------- */

/* Makes `node` the expression that `text` says, keeping its alias. */
static bool become(struct plan *plan, yyjson_mut_val *node, const char *text) {
    struct ps_tree *tree PS_SCOPED(ps_tree_free_scoped) = NULL;
    char select[320];
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

static void final_state(struct plan *plan, size_t index, char *text, size_t size) {
    switch (plan->states[index].kind) {
    case STATE_EXPORTED: snprintf(text, size, "finalize(a%zu)", index); break;
    case STATE_LEAST:
    case STATE_GREATEST: snprintf(text, size, "a%zu", index); break;
    case STATE_PARTS: /* digit for digit what DuckDB's avg() does: the unscaled sum over the scaled count */
        snprintf(text, size,
                 "(CAST(CAST(replace(CAST(finalize(a%zu) AS VARCHAR), '.', '') AS HUGEINT) AS DOUBLE)"
                 " / (CAST(finalize(a%zu_count) AS DOUBLE) * 1e%d))",
                 index, index, plan->states[index].scale);
        break;
    }
}

static bool visit_final(yyjson_mut_val *node, void *context) {
    struct final_visit *visit = context;
    struct plan *plan = visit->plan;
    char text[256];
    if (yyjson_mut_obj_get(node, "class") == NULL) {
        return true;
    }
    for (size_t i = 0; i < plan->shape->aggregate_count; i++) {
        if (plan->shape->aggregates[i] == node) {
            final_state(plan, plan->state_of[i], text, sizeof text);
            visit->failed = !become(plan, node, text) || visit->failed;
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
    PS_TRY(copy_parts(&plan, error));
    PS_TRY(plan_delta(&plan, error));
    PS_TRY(plan_merge(&plan, error));
    PS_TRY(plan_emit_final(&plan, error));
    return plan_final(&plan, error);
}
