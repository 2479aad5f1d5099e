/* SPDX-License-Identifier: Apache-2.0
 *
 * models_exchange.c - `penstock models export` and `models import`: models for and from other programs.
 */
#include "app/exchange.h"
#include "cli/command.h"

struct export_values {
    const char *as;
};

static const struct ps_cli_option export_options[] = {
    {.row = {.name = "as",
             .type = PS_OPTION_CHOICE,
             .default_text = "all",
             .choices = "all|mlflow|onnx|spark|pmml|sql|xgboost",
             .offset = offsetof(struct export_values, as),
             .help = "what to write; all leaves out what cannot say the model, and tells why",
             .since = "0.2"}},
    {.row = {.name = NULL}},
};

static penstock_code run_export(struct ps_cli *cli, struct penstock_error *error) {
    const struct export_values *const values = cli->values;
    static const char *const names[] = {"format", "file", "left out because"};
    static const char *const types[] = {"VARCHAR", "VARCHAR", "VARCHAR"};
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    struct ps_export_outcome outcomes[PS_EXPORT_FORMAT_COUNT];
    size_t count = 0;
    PS_TRY(ps_cli_open_for_reading(cli, &app, error));
    PS_TRY(ps_app_models_export(app, cli->arguments[0], cli->arguments[1],
                                strcmp(values->as, "all") == 0 ? NULL : values->as, cli->arena, outcomes,
                                &count, error));
    struct ps_text_table *table = ps_table_new(cli->arena, 3, names, types);
    for (size_t i = 0; table != NULL && i < count; i++) {
        const char *path = ps_path_join(cli->arena, cli->arguments[1], outcomes[i].file);
        const char *const cells[] = {outcomes[i].format, outcomes[i].reason == NULL ? path : NULL,
                                     outcomes[i].reason};
        if (path == NULL || !ps_table_add(table, cells)) {
            return ps_error_memory(error, "an export");
        }
    }
    if (table == NULL) {
        return ps_error_memory(error, "an export");
    }
    ps_cli_print_table(cli, table);
    return PENSTOCK_OK;
}

const struct ps_command ps_command_models_export = {
    .name = "models export",
    .summary = "a version as MLflow, ONNX, Spark ML, PMML, SQL and XGBoost",
    .arguments = "MODEL DIR",
    .argument_count_min = 2,
    .argument_count_max = 2,
    .options = export_options,
    .values_size = sizeof(struct export_values),
    .details =
        "Writes a new folder: MLmodel and model.onnx (MLflow and onnxruntime load them), spark (a PipelineModel of "
        "Spark ML), model.pmml (PMML 4.4), model.sql (one SELECT) and, of trees over plain columns, "
        "model.xgboost.json. Each predicts the numbers that penstock predicts. A format that has no word for a "
        "transform or an estimator is left out with the reason, or, asked for by its name, is an error. A folder "
        "that is not empty is never touched.",
    .examples = "penstock models export congestion@champion exported\n"
                "penstock models export congestion@3 exported --as onnx",
    .run = run_export,
};

struct import_values {
    const char *reason;
    struct ps_text_list column_map;
};

static const struct ps_cli_option import_options[] = {
    {.row = {.name = "reason",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct import_values, reason),
             .help = "why it is imported; kept in the history",
             .since = "0.2"},
     .value_name = "TEXT"},
    {.row = {.name = "column-map",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct import_values, column_map),
             .help = "what the columns of an input of the file are called here",
             .since = "0.2"},
     .value_name = "INPUT=COLUMN,...",
     .is_repeatable = true},
    {.row = {.name = NULL}},
};

static penstock_code run_import(struct ps_cli *cli, struct penstock_error *error) {
    const struct import_values *const values = cli->values;
    static const char *const names[] = {"model", "version", "status", "format", "producer", "agrees to"};
    static const char *const types[] = {"VARCHAR", "BIGINT", "VARCHAR", "VARCHAR", "VARCHAR", "VARCHAR"};
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    struct ps_import_report report = {0};
    int64_t version = 0;
    PS_TRY(ps_cli_open_for_reading(cli, &app, error));
    PS_TRY(ps_app_models_import(app, cli->arguments[0], cli->arguments[1], values->column_map.items,
                                values->reason, cli->arena, &report, &version, error));
    struct ps_text_table *table = ps_table_new(cli->arena, 6, names, types);
    const char *text = ps_arena_printf(cli->arena, "%lld", (long long)version);
    const char *const cells[] = {
        cli->arguments[0], text,
        "imported",        report.format,
        report.producer,   report.is_single ? "1e-6: its numbers are of single precision" : "1e-12"};
    if (table == NULL || text == NULL || !ps_table_add(table, cells)) {
        return ps_error_memory(error, "an import");
    }
    ps_cli_print_table(cli, table);
    return PENSTOCK_OK;
}

const struct ps_command ps_command_models_import = {
    .name = "models import",
    .summary = "a linear pipeline of Spark ML or scikit-learn (ONNX) as a version",
    .arguments = "NAME PATH",
    .argument_count_min = 2,
    .argument_count_max = 2,
    .options = import_options,
    .values_size = sizeof(struct import_values),
    .details =
        "PATH is a folder that Spark's PipelineModel.save() wrote, or an ONNX file that skl2onnx made of a "
        "scikit-learn pipeline. Indexers, one-hot encoders, scalers, imputers and buckets before a linear, "
        "generalised linear or logistic regression are taken over with their numbers; an operator that is not known "
        "is named with its place. It becomes the next version of NAME with the status imported: penstock predict "
        "NAME@VERSION asks it at once, and penstock models promote NAME@VERSION --force --reason TEXT makes it the "
        "champion without a gate. Where a file has one input of several columns, --column-map names them in order.",
    .examples = "penstock models import congestion analyst/model --reason \"the analyst's pipeline of May\"\n"
                "penstock models import congestion model.onnx --column-map X=distance,air_time,hour",
    .run = run_import,
};
