/* SPDX-License-Identifier: Apache-2.0
 *
 * datasets.c - `penstock datasets list` and `datasets show`.
 */
#include <stdio.h>

#include "cli/command.h"
#include "publish/json.h"

static penstock_code run_list(struct ps_cli *cli, struct penstock_error *error) {
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    struct ps_text_table *table PS_SCOPED(ps_text_table_free_scoped) = NULL;
    PS_TRY(ps_cli_open_for_reading(cli, &app, error));
    PS_TRY(ps_app_datasets_list(app, &table, error));
    ps_cli_print_table(cli, table);
    return PENSTOCK_OK;
}

const struct ps_command ps_command_datasets_list = {
    .name = "datasets list",
    .summary = "every dataset: when it was made last, its rows and its files",
    .details =
        "rows_read are the rows that its SELECT gave, rows_kept those that its stages have left. A dataset that is not "
        "listed has not been made yet. All makings: SELECT * FROM penstock.datasets.",
    .examples = "penstock datasets list\npenstock datasets list --format json",
    .run = run_list,
};

/* ---- one of them ---- */

static const char *text_of(yyjson_val *object, const char *name) {
    const char *const text = yyjson_get_str(yyjson_obj_get(object, name));
    return text == NULL ? "" : text;
}

static void put_label(struct ps_output *out, const char *label) {
    ps_output_printf(out, "  %-14s ", label);
}

static void put_count(struct ps_output *out, yyjson_val *object, const char *name) {
    char text[48];
    ps_output_text(out, ps_show_count(yyjson_get_sint(yyjson_obj_get(object, name)), text, sizeof text));
}

static void put_head(struct ps_output *out, yyjson_val *root) {
    yyjson_val *const rows = yyjson_obj_get(root, "rows");
    size_t index, count;
    yyjson_val *file, *note;
    ps_output_shown(out, text_of(root, "dataset"));
    ps_output_printf(out, " making %lld\n", (long long)yyjson_get_sint(yyjson_obj_get(root, "making")));
    put_label(out, "made");
    ps_output_printf(out, "%s by %s\n", text_of(root, "made_at"), text_of(root, "application"));
    put_label(out, "rows");
    put_count(out, rows, "read");
    ps_output_text(out, " read, ");
    put_count(out, rows, "kept");
    ps_output_text(out, " kept, ");
    put_count(out, rows, "dropped");
    ps_output_text(out, " dropped\n");
    yyjson_arr_foreach(yyjson_obj_get(root, "files"), index, count, file) {
        yyjson_val *const version = yyjson_obj_get(file, "version");
        put_label(out, index == 0 ? "files" : "");
        ps_output_printf(out, "%-8s ", text_of(file, "kind"));
        ps_output_shown(out, text_of(file, "path"));
        if (yyjson_is_int(version)) {
            ps_output_printf(out, " version %lld", (long long)yyjson_get_sint(version));
        }
        ps_output_text(out, "\n");
    }
    yyjson_arr_foreach(yyjson_obj_get(root, "notes"), index, count, note) {
        put_label(out, "note");
        ps_output_shown(out, yyjson_get_str(note));
        ps_output_text(out, "\n");
    }
}

/* A number as short as it may be, or the text that it is, or nothing. */
static const char *cell_of(struct ps_cli *cli, yyjson_val *value) {
    if (yyjson_is_int(value)) {
        return ps_arena_printf(cli->arena, "%lld", (long long)yyjson_get_sint(value));
    }
    return yyjson_is_num(value) ? ps_arena_printf(cli->arena, "%.6g", yyjson_get_num(value))
                                : yyjson_get_str(value);
}

static void put_stages(struct ps_cli *cli, yyjson_val *stages) {
    static const char *const names[] = {"stage", "column", "lower",       "upper",
                                        "below", "above",  "rows_dropped"};
    static const char *const types[] = {"VARCHAR", "VARCHAR", "DOUBLE", "DOUBLE",
                                        "BIGINT",  "BIGINT",  "BIGINT"};
    struct ps_text_table *const table = ps_table_new(cli->arena, 7, names, types);
    size_t index, count, inner, inner_count;
    yyjson_val *stage, *column;
    yyjson_arr_foreach(stages, index, count, stage) {
        yyjson_arr_foreach(yyjson_obj_get(stage, "columns"), inner, inner_count, column) {
            const char *const cells[] = {inner == 0 ? text_of(stage, "name") : "",
                                         text_of(column, "name"),
                                         cell_of(cli, yyjson_obj_get(column, "lower")),
                                         cell_of(cli, yyjson_obj_get(column, "upper")),
                                         cell_of(cli, yyjson_obj_get(column, "below")),
                                         cell_of(cli, yyjson_obj_get(column, "above")),
                                         inner == 0 ? cell_of(cli, yyjson_obj_get(stage, "dropped")) : NULL};
            if (table == NULL || !ps_table_add(table, cells)) {
                return;
            }
        }
    }
    if (table != NULL && table->row_count > 0) {
        ps_output_text(cli->out, "\nStages\n");
        ps_output_table(cli->out, table, 2);
    }
}

static bool add_numbers(struct ps_cli *cli, struct ps_text_table *table, yyjson_val *column,
                        const char *when) {
    yyjson_val *const numbers = yyjson_obj_get(column, when);
    const char *const cells[] = {text_of(column, "name"),
                                 text_of(column, "type"),
                                 when,
                                 cell_of(cli, yyjson_obj_get(numbers, "nulls")),
                                 cell_of(cli, yyjson_obj_get(numbers, "distinct")),
                                 cell_of(cli, yyjson_obj_get(numbers, "minimum")),
                                 cell_of(cli, yyjson_obj_get(numbers, "mean")),
                                 cell_of(cli, yyjson_obj_get(numbers, "deviation")),
                                 cell_of(cli, yyjson_obj_get(numbers, "maximum"))};
    return !yyjson_is_obj(numbers) || ps_table_add(table, cells);
}

static struct ps_text_table *make_columns(struct ps_cli *cli, yyjson_val *root) {
    static const char *const names[] = {"column",   "type", "when",      "nulls",  "distinct",
                                        "smallest", "mean", "deviation", "largest"};
    static const char *const types[] = {"VARCHAR", "VARCHAR", "VARCHAR", "BIGINT", "BIGINT",
                                        "VARCHAR", "DOUBLE",  "DOUBLE",  "VARCHAR"};
    struct ps_text_table *const table = ps_table_new(cli->arena, 9, names, types);
    static const char *const lists[] = {"columns", "new_columns"};
    for (size_t i = 0; table != NULL && i < 2; i++) {
        size_t index, count;
        yyjson_val *column;
        yyjson_arr_foreach(yyjson_obj_get(root, lists[i]), index, count, column) {
            if (!add_numbers(cli, table, column, "before") || !add_numbers(cli, table, column, "after")) {
                return NULL;
            }
        }
    }
    return table;
}

static penstock_code run_show(struct ps_cli *cli, struct penstock_error *error) {
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    struct ps_buffer json PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&json, PS_LIMIT_ARENA_SIZE);
    PS_TRY(ps_cli_open_for_reading(cli, &app, error));
    PS_TRY(ps_app_datasets_show(app, cli->arguments[0], &json, error));
    if (ps_cli_format(cli) == PS_FORMAT_JSON) {
        ps_output_bytes(cli->out, json.data, json.size);
        ps_output_text(cli->out, "\n");
        return PENSTOCK_OK;
    }
    yyjson_doc *document PS_SCOPED(ps_json_read_free_scoped) = ps_json_read(json.data, json.size);
    yyjson_val *const root = yyjson_doc_get_root(document);
    struct ps_text_table *const columns = root == NULL ? NULL : make_columns(cli, root);
    if (columns == NULL) {
        return ps_error_memory(error, "datasets show");
    }
    if (ps_cli_format(cli) == PS_FORMAT_CSV) {
        ps_output_table_csv(cli->out, columns);
        return PENSTOCK_OK;
    }
    put_head(cli->out, root);
    put_stages(cli, yyjson_obj_get(root, "stages"));
    ps_output_text(cli->out, "\nColumns\n");
    ps_output_table(cli->out, columns, 2);
    return PENSTOCK_OK;
}

const struct ps_command ps_command_datasets_show = {
    .name = "datasets show",
    .summary = "the last making of a dataset: rows, what each stage dropped, the numbers of every column",
    .arguments = "NAME",
    .argument_count_min = 1,
    .argument_count_max = 1,
    .details =
        "The numbers of its report, before the stages and after. distinct is an estimate from about "
        "2,000 on. With --format json all of "
        "them, quantiles and histograms, and the stages as they were fitted; with --format csv the columns.",
    .examples = "penstock datasets show for_analysts\npenstock datasets show for_analysts --format json",
    .run = run_show,
};
