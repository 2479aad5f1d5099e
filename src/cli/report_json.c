/* SPDX-License-Identifier: Apache-2.0
 *
 * report_json.c - the report of a run as one JSON document: everything that the text form says, and more.
 */
#include "cli/report.h"

#include <inttypes.h>
#include <math.h>

#include "model/metrics.h"

static void put_double(struct ps_output *out, const char *name, double value) {
    char text[32];
    ps_output_printf(out, "\"%s\": %s", name,
                     isfinite(value) ? ps_show_double(value, text, sizeof text) : "null");
}

static void put_table(struct ps_output *out, const char *name, const struct ps_text_table *table,
                      bool is_last) {
    ps_output_printf(out, "  \"%s\": ", name);
    if (table == NULL) {
        ps_output_text(out, "[]");
    } else {
        ps_output_table_json(out, table, 2);
    }
    ps_output_text(out, is_last ? "\n" : ",\n");
}

static void put_metrics(struct ps_output *out, const char *name, enum ps_task task,
                        const struct ps_metrics *metrics) {
    ps_output_printf(out, ",\n      \"%s\": {\"row_count\": %" PRId64, name, metrics->row_count);
    for (const struct ps_metric_type *type = ps_metric_types; type->name != NULL; type++) {
        if ((type->tasks & (unsigned)task) != 0) {
            ps_output_text(out, ", ");
            put_double(out, type->name, ps_metric_read(type, metrics));
        }
    }
    ps_output_text(out, "}");
}

static void put_parameters(struct ps_output *out, const struct ps_search_cell *cell) {
    ps_output_text(out, "{");
    for (size_t index = 0; index < cell->parameter_count; index++) {
        ps_output_text(out, index == 0 ? "" : ", ");
        if (isfinite(cell->values[index])) {
            put_double(out, cell->names[index], cell->values[index]);
        } else {
            ps_output_printf(out, "\"%s\": ", cell->names[index]);
            ps_output_json(out, cell->texts[index]);
        }
    }
    ps_output_text(out, "}");
}

static void put_cell(struct ps_output *out, const struct ps_search_cell *cell) {
    char text[32];
    ps_output_text(out, "{\"estimator\": ");
    ps_output_json(out, cell->estimator);
    ps_output_text(out, ", \"parameters\": ");
    put_parameters(out, cell);
    ps_output_text(out, ", \"folds\": [");
    for (size_t fold = 0; fold < cell->fold_count; fold++) {
        const double metric = cell->fold_metrics[fold];
        ps_output_printf(out, "%s%s", fold == 0 ? "" : ", ",
                         isfinite(metric) ? ps_show_double(metric, text, sizeof text) : "null");
    }
    ps_output_text(out, "], ");
    put_double(out, "mean", cell->mean);
    ps_output_text(out, "}");
}

static void put_candidate(struct ps_output *out, const struct ps_candidate *candidate) {
    ps_output_text(out, ",\n      \"search\": {\"metric\": ");
    ps_output_json(out, candidate->metric_name);
    ps_output_printf(out, ", \"best\": %zu, \"scan_count\": %" PRId64 ", \"cells\": [", candidate->best,
                     candidate->scan_count);
    for (size_t index = 0; index < candidate->cell_count; index++) {
        ps_output_text(out, index == 0 ? "\n        " : ",\n        ");
        put_cell(out, &candidate->cells[index]);
    }
    ps_output_text(out, "\n      ]},\n      \"estimator\": ");
    ps_output_json(out, candidate->cells[candidate->best].estimator);
    ps_output_text(out, ",\n      \"chosen\": ");
    put_parameters(out, &candidate->cells[candidate->best]);
    const struct ps_row_counts *const rows = &candidate->rows;
    ps_output_printf(out,
                     ",\n      \"rows\": {\"read\": %" PRId64 ", \"training\": %" PRId64
                     ", \"holdout\": %" PRId64 ", \"outliers\": %" PRId64 ", \"null_features\": %" PRId64 "}",
                     rows->read, rows->training, rows->holdout, rows->outliers, rows->null_features);
    put_metrics(out, "training", candidate->target.task, &candidate->training);
    put_metrics(out, "holdout", candidate->target.task, &candidate->holdout);
    put_metrics(out, "baseline", candidate->target.task, &candidate->baseline);
    ps_output_text(out, ",\n      \"stages\": [");
    for (size_t index = 0; index < candidate->stage_count; index++) {
        const struct ps_stage_time *const stage = &candidate->stages[index];
        ps_output_text(out, index == 0 ? "{\"stage\": " : ", {\"stage\": ");
        ps_output_json(out, stage->name);
        ps_output_printf(out, ", \"tasks\": %" PRId64 ", \"wall_ms\": %.3f, \"cpu_ms\": %.3f}",
                         stage->task_count, (double)stage->wall_ns / 1e6, (double)stage->cpu_ns / 1e6);
    }
    ps_output_text(out, "],\n      \"notes\": [");
    for (size_t index = 0; index < candidate->note_count; index++) {
        ps_output_text(out, index == 0 ? "" : ", ");
        ps_output_json(out, candidate->notes[index]);
    }
    ps_output_text(out, "]");
}

static void put_gate(struct ps_output *out, const struct ps_gate_report *report) {
    ps_output_printf(out,
                     ",\n      \"gate\": {\"passed\": %s, \"sentence\": ", report->passed ? "true" : "false");
    ps_output_json(out, report->sentence);
    ps_output_text(out, ", \"checks\": [");
    for (size_t index = 0; index < report->check_count; index++) {
        const struct ps_gate_check *const check = &report->checks[index];
        ps_output_text(out, index == 0 ? "\n        {\"name\": " : ",\n        {\"name\": ");
        ps_output_json(out, check->name);
        ps_output_text(out, ", ");
        put_double(out, "value", check->value);
        ps_output_text(out, ", ");
        put_double(out, "limit", check->limit);
        ps_output_printf(out, ", \"verdict\": \"%s\", \"sentence\": ", ps_verdict_name(check->verdict));
        ps_output_json(out, check->sentence);
        ps_output_text(out, "}");
    }
    ps_output_text(out, "\n      ]}");
}

static void put_model(struct ps_output *out, const struct ps_model_outcome *outcome) {
    ps_output_text(out, "    {\"name\": ");
    ps_output_json(out, outcome->name);
    ps_output_printf(out,
                     ",\n      \"outcome\": \"%s\", \"version\": %" PRId64 ", \"champion_before\": %" PRId64,
                     ps_report_outcome(outcome), outcome->version, outcome->champion_before);
    if (outcome->candidate != NULL) {
        put_candidate(out, outcome->candidate);
    }
    if (outcome->report != NULL) {
        put_gate(out, outcome->report);
    }
    ps_output_text(out, ",\n      \"samples\": [");
    for (size_t index = 0; index < outcome->sample_count; index++) {
        ps_output_text(out, index == 0 ? "{" : ", {");
        put_double(out, "label", outcome->sample_labels[index]);
        ps_output_text(out, ", ");
        put_double(out, "prediction", outcome->sample_predictions[index]);
        ps_output_text(out, "}");
    }
    ps_output_text(out, "]}");
}

static void put_datasets(struct ps_output *out, const struct ps_run_report *report) {
    for (size_t index = 0; index < report->dataset_count; index++) {
        const struct ps_dataset_outcome *const outcome = &report->datasets[index];
        ps_output_text(out, index == 0 ? ",\n  \"datasets\": [\n    {\"name\": " : ",\n    {\"name\": ");
        ps_output_json(out, outcome->name);
        ps_output_printf(out,
                         ", \"outcome\": \"%s\", \"making\": %" PRId64 ", \"rows_read\": %" PRId64
                         ", \"rows_kept\": %" PRId64 "}",
                         outcome->is_skipped ? "skipped" : "made", outcome->making, outcome->row_count,
                         outcome->kept_count);
    }
    ps_output_text(out, report->dataset_count == 0 ? "" : "\n  ]");
}

void ps_report_print_json(struct ps_output *out, const struct ps_run_report *report) {
    const struct ps_run_totals *const totals = &report->totals;
    ps_output_text(out, "{\n  \"application\": ");
    ps_output_json(out, report->application);
    ps_output_printf(out,
                     ",\n  \"epochs\": %" PRId64 ",\n  \"records\": %" PRId64 ",\n  \"rows\": %" PRId64
                     ",\n  \"dead_letter_count\": %" PRId64 ",\n  \"bytes\": %" PRId64 ",\n",
                     totals->epoch_count, totals->record_count, totals->row_count, totals->dead_letter_count,
                     totals->byte_count);
    put_table(out, "dead_letters", report->dead_letters, false);
    put_table(out, "violations", report->violations, false);
    put_table(out, "tables", report->tables, false);
    put_table(out, "stages", report->stages, false);
    ps_output_text(out, "  \"models\": [");
    for (size_t index = 0; index < report->model_count; index++) {
        ps_output_text(out, index == 0 ? "\n" : ",\n");
        put_model(out, &report->models[index]);
    }
    ps_output_text(out, report->model_count == 0 ? "]" : "\n  ]");
    put_datasets(out, report);
    ps_output_text(out, "\n}\n");
}
