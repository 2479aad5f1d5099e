/* SPDX-License-Identifier: Apache-2.0
 *
 * dataset.c - relation, cut, order.
 *
 * HOLDOUT LAST 30 DAYS BY t    t > max(t) - 30 days
 * HOLDOUT LAST 20 PERCENT BY t t >= the value below which 80 percent of the rows lie
 * HOLDOUT 20 PERCENT           a hash of the row's number: the same rows each time, whatever their values
 */
#include "model/dataset.h"

#include <stdio.h>

#include "model/model.h"
#include "sql/serve.h"
#include "sql/tree.h"

const char *ps_dataset_column(const struct ps_dataset *dataset, const char *name) {
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, (size_t)1 << 20);
    ps_buffer_sql_name(&text, name);
    return text.failed || text.data == NULL ? NULL : ps_arena_copy(dataset->arena, text.data);
}

static bool has_order(yyjson_mut_val *root) {
    size_t index, count;
    yyjson_mut_val *modifier;
    yyjson_mut_arr_foreach(yyjson_mut_obj_get(root, "modifiers"), index, count, modifier) {
        if (strcmp(ps_tree_member(modifier, "type"), "ORDER_MODIFIER") == 0) {
            return true;
        }
    }
    return false;
}

/* Looks for nodes after which the order of rows is not the order of a table, in the tree's JSON text: a quote
 * inside a string of it is escaped, so that only nodes can match. */
penstock_code ps_dataset_find_order(struct ps_connection *connection, const char *select,
                                    bool *is_disordered_out, bool *is_sorted_out,
                                    struct penstock_error *error) {
    static const char *const marks[] = {"\"type\":\"JOIN\"",
                                        "\"type\":\"SET_OPERATION_NODE\"",
                                        "\"type\":\"RECURSIVE_CTE_NODE\"",
                                        "\"type\":\"DISTINCT_MODIFIER\"",
                                        "\"type\":\"PIVOT\"",
                                        "\"class\":\"WINDOW\"",
                                        "\"group_expressions\":[{"};
    struct ps_tree *tree PS_SCOPED(ps_tree_free_scoped) = NULL;
    int64_t offset = -1;
    *is_disordered_out = *is_sorted_out = false;
    const penstock_code code = ps_tree_parse(connection, select, &tree, &offset, error);
    if (code == PENSTOCK_OUT_OF_MEMORY) {
        return code;
    }
    if (code != PENSTOCK_OK) {
        return PENSTOCK_OK; /* what cannot be parsed alone has been bound by the analysis; it is taken as ordered */
    }
    char *text PS_SCOPED(ps_release_scoped) =
        yyjson_mut_val_write_opts(ps_tree_root(tree), YYJSON_WRITE_NOFLAG, &ps_model_allocator, NULL, NULL);
    if (text == NULL) {
        return ps_error_memory(error, "a training set");
    }
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        *is_disordered_out = *is_disordered_out || strstr(text, marks[i]) != NULL;
    }
    *is_sorted_out = *is_disordered_out && !has_order(ps_tree_root(tree));
    return PENSTOCK_OK;
}

static penstock_code keep(const char *text, const char **text_out, struct penstock_error *error) {
    *text_out = text;
    return text != NULL ? PENSTOCK_OK : ps_error_memory(error, "a training set");
}

static penstock_code cut_random(struct ps_dataset *dataset, struct penstock_error *error) {
    const double share = dataset->recipe->model->holdout.fraction;
    const char *select = dataset->select;
    const char *relation = ps_arena_printf(dataset->arena,
                                           "(SELECT *, row_number() OVER () AS penstock_row "
                                           "FROM (SELECT * FROM (%s\n)%s)) AS penstock_rows",
                                           select, dataset->is_sorted ? " ORDER BY ALL" : "");
    PS_TRY(keep(relation, &dataset->relation, error));
    dataset->is_sorted = false;
    const char *condition = ps_arena_printf(dataset->arena, "hash(penstock_row, %lld) %% 1000000 < %.0f",
                                            (long long)dataset->recipe->validation.seed, share * 1e6);
    PS_TRY(keep(condition, &dataset->holdout, error));
    return keep(ps_arena_printf(dataset->arena, "NOT (%s)", condition), &dataset->training, error);
}

static penstock_code cut_by_column(struct ps_dataset *dataset, struct penstock_error *error) {
    const struct ps_holdout *holdout = &dataset->recipe->model->holdout;
    const char *column = ps_dataset_column(dataset, dataset->recipe->by_column);
    if (column == NULL) {
        return ps_error_memory(error, "a training set");
    }
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, (size_t)64 << 20);
    ps_buffer_text(&sql, "SELECT CAST(v AS VARCHAR), typeof(v) FROM (SELECT ");
    if (holdout->kind == PS_HOLDOUT_LAST_INTERVAL) {
        ps_buffer_printf(&sql, "max(%s) - CAST(", column);
        ps_buffer_sql_literal(&sql, holdout->interval);
        ps_buffer_text(&sql, " AS INTERVAL)");
    } else {
        ps_buffer_printf(&sql, "quantile_disc(%s, %.17g)", column, 1 - holdout->fraction);
    }
    ps_buffer_printf(&sql, " AS v FROM %s)", dataset->relation);
    PS_TRY(ps_buffer_status(&sql, error));
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(dataset->connection, sql.data, &result, error));
    dataset->scan_count++;
    const char *cut = ps_result_text(result, 0, 0);
    const char *type = ps_result_text(result, 0, 1);
    if (cut == NULL) { /* no row has a time: the count that follows says so */
        cut = "1970-01-01";
        type = "TIMESTAMP";
        column = "CAST(NULL AS TIMESTAMP)";
    }
    struct ps_buffer condition PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&condition, (size_t)1 << 20);
    ps_buffer_printf(&condition, "%s %s CAST(", column,
                     holdout->kind == PS_HOLDOUT_LAST_INTERVAL ? ">" : ">=");
    ps_buffer_sql_literal(&condition, cut);
    ps_buffer_printf(&condition, " AS %s)", type);
    PS_TRY(ps_buffer_status(&condition, error));
    PS_TRY(keep(ps_arena_copy(dataset->arena, condition.data), &dataset->holdout, error));
    return keep(ps_arena_printf(dataset->arena, "NOT (%s)", dataset->holdout), &dataset->training, error);
}

static penstock_code refuse_cut(const struct ps_dataset *dataset, int64_t total, int64_t held_out,
                                struct penstock_error *error) {
    if (total == 0) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "the model's SELECT gives no rows");
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "HOLDOUT holds %s of the %lld rows out%s%s",
                       held_out == 0 ? "none" : "all", (long long)total,
                       dataset->recipe->by_column == NULL ? "" : " by ",
                       dataset->recipe->by_column == NULL ? "" : dataset->recipe->by_column);
    (void)ps_error_hint(error, held_out == 0 ? "are the values of the column all equal or NULL? Hold out more"
                                             : "the rows cover less than what is held out: hold out less");
    (void)ps_error_at(error, dataset->recipe->model->holdout.location, NULL, 0);
    return PENSTOCK_INVALID_DATA;
}

static penstock_code count_parts(struct ps_dataset *dataset, struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, (size_t)64 << 20);
    ps_buffer_printf(&sql, "SELECT count(*), count(*) FILTER (%s), count(*) FILTER (%s) FROM %s",
                     dataset->holdout, dataset->training, dataset->relation);
    PS_TRY(ps_buffer_status(&sql, error));
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(dataset->connection, sql.data, &result, error));
    dataset->scan_count++;
    const int64_t total = ps_result_integer(result, 0, 0);
    const int64_t held_out = ps_result_integer(result, 0, 1);
    const int64_t training = ps_result_integer(result, 0, 2);
    dataset->null_times = total - held_out - training;
    return held_out > 0 && training > 0 ? PENSTOCK_OK : refuse_cut(dataset, total, held_out, error);
}

/* How far DuckDB may run ahead of the one thread that takes rows in order. To decode row groups in parallel it
 * must hold whole ones, far more than a cache; on two cores that costs more (fresh memory, copies that miss the
 * cache) than a second decoding thread brings, because the workers have the other core: 10,000,000 rows take
 * 1.8 CPU seconds with 1 MB and 2.2 with 64 MB. */
static penstock_code set_run_ahead(const struct ps_dataset *dataset, int64_t thread_count,
                                   struct penstock_error *error) {
    const bool is_plain = thread_count <= 2 && !dataset->is_disordered;
    return ps_sql_runf(dataset->connection, error, "SET streaming_buffer_size = '%d MB'", is_plain ? 1 : 64);
}

penstock_code ps_dataset_open(struct ps_connection *connection, const struct ps_recipe *recipe,
                              int64_t thread_count, struct ps_arena *arena, struct ps_dataset *dataset_out,
                              struct penstock_error *error) {
    struct ps_dataset dataset = {.connection = connection, .recipe = recipe, .arena = arena};
    const struct ps_holdout *holdout = &recipe->model->holdout;
    /* it may predict with other models */
    PS_TRY(ps_serve_expand(recipe->model->select.text, arena, &dataset.select, NULL, NULL, error));
    PS_TRY(ps_dataset_find_order(connection, recipe->model->select.text, &dataset.is_disordered,
                                 &dataset.is_sorted, error));
    PS_TRY(set_run_ahead(&dataset, thread_count, error));
    /* the line break ends a comment at the end of the SELECT */
    PS_TRY(keep(ps_arena_printf(arena, "(%s\n) AS penstock_rows", dataset.select), &dataset.relation, error));
    if (holdout->kind != PS_HOLDOUT_NONE) {
        if (recipe->by_column == NULL) {
            PS_TRY(cut_random(&dataset, error));
        } else {
            PS_TRY(cut_by_column(&dataset, error));
        }
        PS_TRY(count_parts(&dataset, error));
    }
    *dataset_out = dataset;
    return PENSTOCK_OK;
}

static penstock_code scan(struct ps_dataset *dataset, const struct ps_scan_column *columns, size_t count,
                          const char *condition, struct ps_scan **scan_out, struct penstock_error *error) {
    struct ps_buffer tail PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&tail, (size_t)1 << 20);
    if (condition != NULL) {
        ps_buffer_printf(&tail, "WHERE %s", condition);
    }
    if (dataset->is_sorted) {
        ps_buffer_text(&tail, " ORDER BY ALL");
    }
    PS_TRY(ps_buffer_status(&tail, error));
    PS_TRY(ps_scan_open(dataset->connection, dataset->relation, columns, count,
                        tail.size > 0 ? tail.data : NULL, scan_out, error));
    dataset->scan_count++;
    return PENSTOCK_OK;
}

penstock_code ps_dataset_scan_training(struct ps_dataset *dataset, struct ps_scan **scan_out,
                                       struct penstock_error *error) {
    const struct ps_pipeline *pipeline = dataset->recipe->pipeline;
    const char *fold_column = dataset->recipe->validation.fold_column;
    const char *fold_sql = dataset->recipe->validation.fold_sql;
    const char *weight_column = dataset->recipe->validation.weight_column;
    const size_t weight = pipeline->input_count + (fold_column != NULL ? 1 : 0);
    const size_t count = weight + (weight_column != NULL ? 1 : 0);
    struct ps_scan_column *columns PS_SCOPED(ps_release_scoped) = ps_allocate(count, sizeof *columns);
    if (columns == NULL) {
        return ps_error_memory(error, "a training set");
    }
    for (size_t i = 0; i < count; i++) {
        const struct ps_slot *slot = i < pipeline->input_count ? &pipeline->slots[pipeline->inputs[i]] : NULL;
        const bool is_weight = slot == NULL && i == weight && weight_column != NULL;
        const char *given = is_weight        ? NULL
                            : slot == NULL   ? fold_sql
                            : slot->is_label ? dataset->label_sql
                                             : NULL;
        const char *name = slot != NULL ? slot->name : is_weight ? weight_column : fold_column;
        columns[i].expression = given != NULL ? given : ps_dataset_column(dataset, name);
        columns[i].kind = slot != NULL && slot->kind == PS_SLOT_TEXT ? PS_SCAN_TEXT : PS_SCAN_DOUBLE;
        if (columns[i].expression == NULL) {
            return ps_error_memory(error, "a training set");
        }
    }
    return scan(dataset, columns, count, dataset->training, scan_out, error);
}

penstock_code ps_dataset_scan_holdout(struct ps_dataset *dataset, const struct ps_scan_column *columns,
                                      size_t count, struct ps_scan **scan_out, struct penstock_error *error) {
    return scan(dataset, columns, count, dataset->holdout, scan_out, error);
}
