/* SPDX-License-Identifier: Apache-2.0
 *
 * model_card.c - a registered version for a person, from the JSON that the registry gives.
 *
 * The JSON is the contract; the page shows what a reader asks first and leaves the rest to --format json.
 */
#include "cli/model_card.h"

#include <stdio.h>

#include "cli/report.h"
#include "publish/json.h"

/* Cells that a person reads at most; of more the best is shown. */
enum { CELL_MAX = 60 };

static const char *text_of(yyjson_val *object, const char *name) {
    const char *const text = yyjson_get_str(yyjson_obj_get(object, name));
    return text == NULL ? "" : text;
}

static void put_line(struct ps_output *out, const char *label, const char *text) {
    ps_output_printf(out, "  %-14s ", label);
    ps_output_shown(out, text);
    ps_output_text(out, "\n");
}

static void put_number(struct ps_output *out, const char *before, yyjson_val *value) {
    if (yyjson_is_num(value)) {
        ps_output_printf(out, "%s%.6g", before, yyjson_get_num(value));
    } else {
        ps_output_printf(out, "%snone", before);
    }
}

static void put_head(struct ps_output *out, yyjson_val *root) {
    yyjson_val *const lineage = yyjson_obj_get(root, "lineage");
    ps_output_shown(out, text_of(root, "name"));
    ps_output_printf(out, " version %lld (%s", (long long)yyjson_get_sint(yyjson_obj_get(root, "version")),
                     text_of(root, "status"));
    size_t index, count;
    yyjson_val *alias;
    yyjson_arr_foreach(yyjson_obj_get(root, "aliases"), index, count, alias) {
        ps_output_printf(out, ", @%s", yyjson_get_str(alias));
    }
    ps_output_text(out, ")\n");
    put_line(out, "created", text_of(root, "created_at"));
    put_line(out, "application", text_of(root, "application"));
    put_line(out, "predicts", text_of(root, "label"));
    put_line(out, "checksum", text_of(lineage, "checksum"));
}

/* The metrics that a person looks at first, of whichever task the model has, and the one that it was chosen by. */
static void put_metrics(struct ps_output *out, const char *label, yyjson_val *metrics,
                        const char *chosen_by) {
    static const enum ps_task tasks[] = {PS_TASK_REGRESSION, PS_TASK_BINARY, PS_TASK_MULTICLASS};
    size_t task = 0;
    while (task < 2 && yyjson_obj_get(metrics, ps_report_main_metrics(tasks[task])[0]) == NULL) {
        task++;
    }
    if (!yyjson_is_obj(metrics)) {
        return;
    }
    char count[48];
    ps_output_printf(out, "  %-14s", label);
    const char *const *const names = ps_report_main_metrics(tasks[task]);
    bool is_shown = false;
    for (size_t i = 0; names[i] != NULL; i++) {
        ps_output_printf(out, "%s%s", i == 0 ? " " : ", ", names[i]);
        put_number(out, " ", yyjson_obj_get(metrics, names[i]));
        is_shown = is_shown || strcmp(names[i], chosen_by) == 0;
    }
    if (!is_shown && yyjson_obj_get(metrics, chosen_by) != NULL) {
        ps_output_printf(out, ", %s", chosen_by);
        put_number(out, " ", yyjson_obj_get(metrics, chosen_by));
    }
    ps_output_printf(
        out, " on %s rows\n",
        ps_show_count(yyjson_get_sint(yyjson_obj_get(metrics, "row_count")), count, sizeof count));
}

/* A cell's parameters as one text: estimators differ in which they have. */
static const char *cell_text(struct ps_arena *arena, yyjson_val *cell) {
    const char *text = yyjson_get_str(yyjson_obj_get(cell, "estimator"));
    text = text == NULL ? "LinearRegression" : text;
    size_t index, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(yyjson_obj_get(cell, "parameters"), index, count, key, value) {
        const char *before = index == 0 ? ": " : ", ";
        text = text == NULL ? NULL
               : yyjson_is_num(value)
                   ? ps_arena_printf(arena, "%s%s%s = %g", text, before, yyjson_get_str(key),
                                     yyjson_get_num(value))
                   : ps_arena_printf(arena, "%s%s%s = %s", text, before, yyjson_get_str(key),
                                     yyjson_is_str(value) ? yyjson_get_str(value) : "");
    }
    return text;
}

/* Do cells differ in more than the values of the same parameters? */
static bool has_several(yyjson_val *cells) {
    yyjson_val *const first = yyjson_arr_get_first(cells);
    const size_t parameter_count = yyjson_obj_size(yyjson_obj_get(first, "parameters"));
    bool is_same = true;
    size_t index, count, number, number_count;
    yyjson_val *cell, *key, *value;
    yyjson_arr_foreach(cells, index, count, cell) {
        yyjson_val *const parameters = yyjson_obj_get(cell, "parameters");
        is_same = is_same && strcmp(text_of(cell, "estimator"), text_of(first, "estimator")) == 0 &&
                  yyjson_obj_size(parameters) == parameter_count;
        yyjson_obj_foreach(yyjson_obj_get(first, "parameters"), number, number_count, key, value) {
            (void)value;
            is_same = is_same && yyjson_obj_get(parameters, yyjson_get_str(key)) != NULL;
        }
    }
    return !is_same;
}

static bool add_cell(struct ps_text_table *table, yyjson_val *cell, bool is_several, bool is_best,
                     const char **cells) {
    size_t column = 0, index, count;
    yyjson_val *key, *value;
    if (is_several) {
        cells[column++] = cell_text(table->arena, cell);
    }
    yyjson_obj_foreach(yyjson_obj_get(cell, "parameters"), index, count, key, value) {
        (void)key;
        if (!is_several) {
            cells[column++] = yyjson_is_num(value)
                                  ? ps_arena_printf(table->arena, "%g", yyjson_get_num(value))
                                  : yyjson_get_str(value);
        }
    }
    yyjson_arr_foreach(yyjson_obj_get(cell, "folds"), index, count, value) {
        cells[column++] =
            yyjson_is_num(value) ? ps_arena_printf(table->arena, "%.6f", yyjson_get_num(value)) : "nan";
    }
    cells[column++] = ps_arena_printf(table->arena, "%.6f", yyjson_get_num(yyjson_obj_get(cell, "mean")));
    cells[column++] = is_best ? "*" : "";
    return column == table->column_count && ps_table_add(table, cells);
}

/* "regParam", ..., "fold 1", ..., "mean", "". */
static void name_columns(struct ps_arena *arena, yyjson_val *first, bool is_several, size_t head_count,
                         size_t column_count, const char **names, const char **types) {
    size_t column = 0, index, count;
    yyjson_val *key, *value;
    if (is_several) {
        types[column] = "VARCHAR";
        names[column++] = "parameters";
    }
    yyjson_obj_foreach(yyjson_obj_get(first, "parameters"), index, count, key, value) {
        if (!is_several) {
            types[column] = yyjson_is_num(value) ? "DOUBLE" : "VARCHAR";
            names[column++] = yyjson_get_str(key);
        }
    }
    for (; column < column_count; column++) {
        types[column] = column + 1 == column_count ? "VARCHAR" : "DOUBLE";
        names[column] = column + 1 == column_count ? ""
                        : column + 2 == column_count
                            ? "mean"
                            : ps_arena_printf(arena, "fold %zu", column - head_count + 1);
    }
}

static penstock_code put_search(struct ps_cli *cli, yyjson_val *search, struct penstock_error *error) {
    yyjson_val *const cells = yyjson_obj_get(search, "cells");
    yyjson_val *const first = yyjson_arr_get_first(cells);
    if (first == NULL) {
        return PENSTOCK_OK;
    }
    const bool is_several = has_several(cells);
    const size_t head_count = is_several ? 1 : yyjson_obj_size(yyjson_obj_get(first, "parameters"));
    const size_t column_count = head_count + yyjson_arr_size(yyjson_obj_get(first, "folds")) + 2;
    const char **const names = ps_arena_allocate(cli->arena, column_count, sizeof *names);
    const char **const types = ps_arena_allocate(cli->arena, column_count, sizeof *types);
    const char **const texts = ps_arena_allocate(cli->arena, column_count, sizeof *texts);
    if (names == NULL || types == NULL || texts == NULL) {
        return ps_error_memory(error, "models show");
    }
    name_columns(cli->arena, first, is_several, head_count, column_count, names, types);
    struct ps_text_table *const table = ps_table_new(cli->arena, column_count, names, types);
    const size_t best = (size_t)yyjson_get_uint(yyjson_obj_get(search, "best"));
    const bool is_long = yyjson_arr_size(cells) > CELL_MAX;
    size_t index, count;
    yyjson_val *value;
    yyjson_arr_foreach(cells, index, count, value) {
        if (table == NULL ||
            ((!is_long || index == best) && !add_cell(table, value, is_several, index == best, texts))) {
            return ps_error_memory(error, "models show");
        }
    }
    ps_output_printf(cli->out, "\nSearch by %s\n", text_of(search, "metric"));
    ps_output_table(cli->out, table, 2);
    if (is_long) {
        ps_output_printf(cli->out, "  the best of %zu; --format json has all\n", yyjson_arr_size(cells));
    }
    return PENSTOCK_OK;
}

static void put_gate(struct ps_output *out, yyjson_val *gate) {
    ps_output_text(out, "\nGate\n");
    put_line(out, text_of(gate, "verdict"), text_of(gate, "sentence"));
    size_t index, count;
    yyjson_val *check;
    yyjson_arr_foreach(yyjson_obj_get(gate, "checks"), index, count, check) {
        ps_output_printf(out, "  %-14s ", text_of(check, "verdict"));
        ps_output_shown(out, text_of(check, "name"));
        ps_output_text(out, ": ");
        ps_output_shown(out, text_of(check, "sentence"));
        ps_output_text(out, "\n");
    }
}

/* Who moved an alias to or from this version, when and why. */
static void put_history(struct ps_output *out, yyjson_val *history) {
    size_t index, count;
    yyjson_val *move;
    if (yyjson_arr_size(history) > 0) {
        ps_output_text(out, "\nHistory\n");
    }
    yyjson_arr_foreach(history, index, count, move) {
        ps_output_printf(out, "  %s  %s @%s", text_of(move, "at"), text_of(move, "action"),
                         text_of(move, "alias"));
        yyjson_val *const from = yyjson_obj_get(move, "from");
        yyjson_val *const to = yyjson_obj_get(move, "to");
        if (yyjson_is_int(from)) {
            ps_output_printf(out, " %lld", (long long)yyjson_get_sint(from));
        }
        if (yyjson_is_int(to)) {
            ps_output_printf(out, " -> %lld", (long long)yyjson_get_sint(to));
        }
        ps_output_text(out, " by ");
        ps_output_shown(out, text_of(move, "who"));
        ps_output_text(out, ": ");
        ps_output_shown(out, text_of(move, "why"));
        ps_output_text(out, "\n");
    }
}

/* A line for each feature: its coefficient, or its share of what trees gained. */
static penstock_code put_features(struct ps_cli *cli, yyjson_val *root, struct penstock_error *error) {
    yyjson_val *const gains = yyjson_obj_get(root, "importances");
    yyjson_val *const coefficients = yyjson_obj_get(root, "coefficients");
    const char *const names[] = {"feature", gains != NULL ? "importance" : "coefficient"};
    static const char *const types[] = {"VARCHAR", "DOUBLE"};
    struct ps_text_table *const table = ps_table_new(cli->arena, 2, names, types);
    char text[32];
    const bool is_exact = ps_cli_format(cli) == PS_FORMAT_CSV;
    bool added = table != NULL;
    const char *cells[2];
    if (coefficients != NULL) {
        const double intercept = yyjson_get_num(yyjson_obj_get(root, "intercept"));
        snprintf(text, sizeof text, "%.9g", intercept);
        cells[0] = "(intercept)";
        cells[1] = is_exact ? ps_show_double(intercept, text, sizeof text) : text;
        added = added && ps_table_add(table, cells);
    }
    size_t index, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(gains != NULL ? gains : coefficients, index, count, key, value) {
        cells[0] = yyjson_get_str(key);
        snprintf(text, sizeof text, gains != NULL ? "%.4f" : "%.9g", yyjson_get_num(value));
        cells[1] = is_exact ? ps_show_double(yyjson_get_num(value), text, sizeof text) : text;
        added = added && ps_table_add(table, cells);
    }
    if (!added) {
        return ps_error_memory(error, "models show");
    }
    if (is_exact) {
        ps_output_table_csv(cli->out, table);
    } else if (gains != NULL || coefficients != NULL) {
        ps_output_text(cli->out, gains != NULL ? "\nImportances: shares of what the trees' splits gained\n"
                                               : "\nCoefficients, on the scale that TRANSFORM gives\n");
        ps_output_table(cli->out, table, 2);
    }
    return PENSTOCK_OK;
}

penstock_code ps_model_card_print(struct ps_cli *cli, const char *json, size_t size,
                                  struct penstock_error *error) {
    yyjson_doc *document PS_SCOPED(ps_json_read_free_scoped) = ps_json_read(json, size);
    yyjson_val *const root = yyjson_doc_get_root(document);
    if (root == NULL) {
        return ps_error_set(error, PENSTOCK_INTERNAL, "models show: the registry's answer is no JSON");
    }
    if (ps_cli_format(cli) == PS_FORMAT_CSV) {
        return put_features(cli, root, error);
    }
    struct ps_output *const out = cli->out;
    put_head(out, root);
    const char *const chosen_by = text_of(yyjson_obj_get(root, "search"), "metric");
    put_metrics(out, "hold-out", yyjson_obj_get(root, "holdout"), chosen_by);
    yyjson_val *const baseline = yyjson_obj_get(root, "baseline");
    put_metrics(out, yyjson_obj_get(baseline, "rmse") != NULL ? "constant mean" : "class shares", baseline,
                chosen_by);
    put_metrics(out, "training", yyjson_obj_get(root, "training"), chosen_by);
    size_t index, count;
    yyjson_val *note;
    yyjson_arr_foreach(yyjson_obj_get(root, "notes"), index, count, note) {
        put_line(out, "note", yyjson_get_str(note));
    }
    PS_TRY(put_search(cli, yyjson_obj_get(root, "search"), error));
    put_gate(out, yyjson_obj_get(root, "gate"));
    put_history(out, yyjson_obj_get(root, "history"));
    return put_features(cli, root, error);
}
