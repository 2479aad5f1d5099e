/* SPDX-License-Identifier: Apache-2.0
 *
 * report.c - what the three forms of a report have in common, and the csv form: section,name,value.
 */
#include "cli/report.h"

#include <inttypes.h>
#include <stdio.h>

#include "model/metrics.h"

const char *ps_report_outcome(const struct ps_model_outcome *outcome) {
    if (outcome->is_skipped) {
        return "skipped";
    }
    if (outcome->is_unchanged) {
        return "unchanged";
    }
    return outcome->report != NULL && !outcome->report->passed ? "refused" : "published";
}

const char *ps_show_double(double value, char *text, size_t size) {
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, size, "%.*g", digits, value);
        if (strtod(text, NULL) >= value && strtod(text, NULL) <= value) {
            break;
        }
    }
    return text;
}

static void add_line(struct ps_text_table *table, const char *section, const char *name, const char *value) {
    const char *const cells[] = {section, name, value};
    if (!ps_table_add(table, cells)) {
        table->row_count = 0;
    }
}

static void add_count(struct ps_text_table *table, const char *section, const char *name, int64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, value);
    add_line(table, section, name, text);
}

static void add_double(struct ps_text_table *table, const char *section, const char *name, double value) {
    char text[32];
    add_line(table, section, name, ps_show_double(value, text, sizeof text));
}

static void add_metrics(struct ps_text_table *table, const char *section, const char *what, enum ps_task task,
                        const struct ps_metrics *metrics) {
    for (const struct ps_metric_type *type = ps_metric_types; type->name != NULL; type++) {
        char name[64];
        snprintf(name, sizeof name, "%s_%s", what, type->name);
        if ((type->tasks & (unsigned)task) != 0) {
            add_double(table, section, name, ps_metric_read(type, metrics));
        }
    }
}

static void add_model(struct ps_text_table *table, const struct ps_model_outcome *outcome) {
    char section[256];
    snprintf(section, sizeof section, "model %s", outcome->name);
    add_line(table, section, "outcome", ps_report_outcome(outcome));
    add_count(table, section, "version", outcome->version);
    const struct ps_candidate *const candidate = outcome->candidate;
    if (candidate != NULL) {
        const struct ps_search_cell *const best = &candidate->cells[candidate->best];
        add_line(table, section, "estimator", best->estimator);
        for (size_t index = 0; index < best->parameter_count; index++) {
            add_line(table, section, best->names[index], best->texts[index]);
        }
        add_double(table, section, "search_mean", best->mean);
        add_metrics(table, section, "holdout", candidate->target.task, &candidate->holdout);
        add_metrics(table, section, "baseline", candidate->target.task, &candidate->baseline);
    }
    if (outcome->report != NULL) {
        add_line(table, section, "gate", outcome->report->sentence);
    }
}

void ps_report_print_csv(struct ps_output *out, const struct ps_run_report *report, struct ps_arena *arena) {
    static const char *const names[] = {"section", "name", "value"};
    struct ps_text_table *const table = ps_table_new(arena, 3, names, NULL);
    if (table == NULL) {
        out->text.failed = true;
        return;
    }
    add_line(table, "run", "application", report->application);
    add_count(table, "run", "epochs", report->totals.epoch_count);
    add_count(table, "run", "records", report->totals.record_count);
    add_count(table, "run", "rows", report->totals.row_count);
    add_count(table, "run", "dead_letters", report->totals.dead_letter_count);
    add_count(table, "run", "bytes", report->totals.byte_count);
    for (size_t index = 0; index < report->model_count; index++) {
        add_model(table, &report->models[index]);
    }
    for (size_t index = 0; index < report->dataset_count; index++) {
        add_count(table, report->datasets[index].name, "rows_read", report->datasets[index].row_count);
        add_count(table, report->datasets[index].name, "rows_kept", report->datasets[index].kept_count);
    }
    ps_output_table_csv(out, table);
}

void ps_report_print(struct ps_output *out, const struct ps_run_report *report, enum ps_format format,
                     struct ps_arena *arena) {
    switch (format) {
    case PS_FORMAT_TABLE: ps_report_print_text(out, report, arena); break;
    case PS_FORMAT_CSV: ps_report_print_csv(out, report, arena); break;
    case PS_FORMAT_JSON: ps_report_print_json(out, report); break;
    }
}
