/* SPDX-License-Identifier: Apache-2.0
 *
 * report_text.c - the report of a run for a person: records, dead letters by reason, tables, stages, and
 * for each model the whole search, the choice, the hold-out beside the constant, the gate's sentence.
 */
#include "cli/report.h"

#include <inttypes.h>
#include <stdio.h>

#include "model/metrics.h"

/* "  best         regParam = 0.1" */
static void put_label(struct ps_output *out, const char *label) {
    ps_output_printf(out, "  %-14s ", label);
}

static void put_count(struct ps_output *out, int64_t count) {
    char text[48];
    ps_output_text(out, ps_show_count(count, text, sizeof text));
}

static void put_section(struct ps_output *out, const char *title, const struct ps_text_table *table) {
    if (table != NULL && table->row_count > 0) {
        ps_output_printf(out, "\n%s\n", title);
        ps_output_table(out, table, 2);
    }
}

static void put_records(struct ps_output *out, const struct ps_run_report *report) {
    const struct ps_run_totals *const totals = &report->totals;
    if (!report->has_sources) {
        return;
    }
    if (totals->record_count == 0) {
        ps_output_text(out, "\nRecords\n");
        put_label(out, "read");
        ps_output_text(out, "nothing new: 0 records\n");
        return;
    }
    ps_output_text(out, "\nRecords\n");
    put_label(out, "read");
    put_count(out, totals->record_count);
    ps_output_printf(out, " (%.1f MiB, %" PRId64 " epoch%s)\n", (double)totals->byte_count / 1048576.0,
                     totals->epoch_count, totals->epoch_count == 1 ? "" : "s");
    put_label(out, "kept");
    put_count(out, totals->row_count);
    ps_output_text(out, " rows of streaming tables\n");
    put_label(out, "dead letters");
    put_count(out, totals->dead_letter_count);
    ps_output_text(out, "\n");
}

static void put_best(struct ps_output *out, const struct ps_candidate *candidate, struct ps_arena *arena) {
    const struct ps_search_cell *const best = &candidate->cells[candidate->best];
    const char *const parameters = ps_report_parameters(best, arena);
    put_label(out, "best");
    if (ps_report_has_several(candidate)) {
        ps_output_printf(out, "%s%s", best->estimator, best->parameter_count > 0 ? ": " : "");
    } else if (best->parameter_count == 0) {
        ps_output_text(out, "the one that was given");
    }
    ps_output_text(out, parameters == NULL ? "" : parameters);
    ps_output_printf(out, " (mean %s %.6f)\n", candidate->metric_name, best->mean);
}

/* "rmse 3.0000, r2 0.9000, mae 2.0000": the first `count` of the task's main metrics. */
static void put_metrics(struct ps_output *out, enum ps_task task, const struct ps_metrics *metrics,
                        size_t count) {
    const char *const *const names = ps_report_main_metrics(task);
    for (size_t i = 0; i < count && names[i] != NULL; i++) {
        ps_output_printf(out, "%s%s %.4f", i == 0 ? "" : ", ", names[i],
                         ps_metric_read(ps_metric_find(names[i]), metrics));
    }
}

static void put_candidate(struct ps_output *out, const struct ps_candidate *candidate,
                          struct ps_arena *arena) {
    const struct ps_row_counts *const rows = &candidate->rows;
    put_label(out, "rows");
    put_count(out, rows->read);
    ps_output_text(out, " read: ");
    put_count(out, rows->training);
    ps_output_text(out, " to train, ");
    put_count(out, rows->holdout);
    ps_output_text(out, " held out, ");
    put_count(out, rows->outliers);
    ps_output_text(out, " outliers and ");
    put_count(out, rows->null_features);
    ps_output_text(out, " with a NULL feature left out\n");
    put_label(out, "search");
    ps_output_printf(out, "%zu parameter sets x %zu folds by %s, %" PRId64 " scan%s of the data\n",
                     candidate->cell_count, candidate->cells[0].fold_count, candidate->metric_name,
                     candidate->scan_count, candidate->scan_count == 1 ? "" : "s");
    ps_report_print_search(out, candidate, arena);
    put_best(out, candidate, arena);
    if (candidate->holdout.row_count > 0) {
        const enum ps_task task = candidate->target.task;
        put_label(out, "hold-out");
        put_metrics(out, task, &candidate->holdout, SIZE_MAX);
        ps_output_text(out, " on ");
        put_count(out, candidate->holdout.row_count);
        ps_output_text(out, " rows\n");
        put_label(out, task == PS_TASK_REGRESSION ? "constant mean" : "class shares");
        put_metrics(out, task, &candidate->baseline, task == PS_TASK_REGRESSION ? 1 : SIZE_MAX);
        ps_output_text(out, " on the same rows\n");
    }
    for (size_t index = 0; index < candidate->note_count; index++) {
        put_label(out, "note");
        ps_output_shown(out, candidate->notes[index]);
        ps_output_text(out, "\n");
    }
}

static void put_training_stages(struct ps_output *out, const struct ps_candidate *candidate) {
    for (size_t index = 0; index < candidate->stage_count; index++) {
        const struct ps_stage_time *const stage = &candidate->stages[index];
        put_label(out, index == 0 ? "stages" : "");
        ps_output_printf(out, "%-28s %3" PRId64 " task%s %9.1f ms, %9.1f ms cpu\n", stage->name,
                         stage->task_count, stage->task_count == 1 ? " " : "s", (double)stage->wall_ns / 1e6,
                         (double)stage->cpu_ns / 1e6);
    }
}

static void put_verdict(struct ps_output *out, const struct ps_model_outcome *outcome) {
    if (outcome->report != NULL) {
        put_label(out, "gate");
        ps_output_shown(out, outcome->report->sentence);
        ps_output_text(out, "\n");
    }
    put_label(out, ps_report_outcome(outcome));
    if (outcome->is_unchanged) {
        ps_output_printf(out, "version %" PRId64 ": trained again, and bit for bit the champion\n",
                         outcome->version);
    } else if (outcome->report != NULL && !outcome->report->passed) {
        ps_output_printf(out, "version %" PRId64 " is kept without an alias; ", outcome->version);
        if (outcome->champion_before > 0) {
            ps_output_printf(out, "version %" PRId64 " stays champion\n", outcome->champion_before);
        } else {
            ps_output_text(out, "there is no champion\n");
        }
    } else {
        ps_output_printf(out, "version %" PRId64 " as %s@champion", outcome->version, outcome->name);
        if (outcome->champion_before > 0) {
            ps_output_printf(out, "; version %" PRId64 " is %s@previous", outcome->champion_before,
                             outcome->name);
        }
        ps_output_text(out, "\n");
    }
}

static const char *class_name(const struct ps_target *target, double index) {
    const bool is_known = index >= 0 && index < (double)target->class_count;
    return is_known ? target->class_names[(size_t)index] : "none of the classes";
}

static void put_sample(struct ps_output *out, const struct ps_model_outcome *outcome, size_t index) {
    const struct ps_target *const target = &outcome->candidate->target;
    if (target->task == PS_TASK_REGRESSION) {
        ps_output_printf(out, "%10.3f  true %10.3f\n", outcome->sample_predictions[index],
                         outcome->sample_labels[index]);
        return;
    }
    ps_output_shown(out, class_name(target, outcome->sample_predictions[index]));
    ps_output_text(out, "  true ");
    ps_output_shown(out, class_name(target, outcome->sample_labels[index]));
    ps_output_text(out, "\n");
}

static void put_model(struct ps_output *out, const struct ps_model_outcome *outcome, struct ps_arena *arena) {
    ps_output_printf(out, "\nModel %s\n", outcome->name);
    if (outcome->is_skipped) {
        put_label(out, "skipped");
        ps_output_printf(out, "version %" PRId64 " was trained at these positions\n", outcome->version);
        return;
    }
    if (outcome->candidate != NULL) {
        put_candidate(out, outcome->candidate, arena);
        put_training_stages(out, outcome->candidate);
    }
    put_verdict(out, outcome);
    for (size_t index = 0; outcome->candidate != NULL && index < outcome->sample_count; index++) {
        put_label(out, index == 0 ? "predictions" : "");
        put_sample(out, outcome, index);
    }
}

static void put_dataset(struct ps_output *out, const struct ps_dataset_outcome *outcome) {
    ps_output_printf(out, "\nDataset %s\n", outcome->name);
    if (outcome->is_skipped) {
        put_label(out, "skipped");
        ps_output_printf(out, "making %" PRId64 " was from the same rows\n", outcome->making);
        return;
    }
    put_label(out, "rows");
    put_count(out, outcome->row_count);
    ps_output_text(out, " read, ");
    put_count(out, outcome->kept_count);
    ps_output_text(out, " kept\n");
    put_label(out, "files");
    ps_output_shown(out, outcome->places);
    ps_output_text(out, "\n");
}

void ps_report_print_text(struct ps_output *out, const struct ps_run_report *report, struct ps_arena *arena) {
    ps_output_printf(out, "%s\n", report->application == NULL ? "" : report->application);
    put_records(out, report);
    put_section(out, "Dead letters by reason", report->dead_letters);
    put_section(out, "Rules broken", report->violations);
    put_section(out, "Tables", report->tables);
    put_section(out, "Stages", report->stages);
    for (size_t index = 0; index < report->model_count; index++) {
        put_model(out, &report->models[index], arena);
    }
    for (size_t index = 0; index < report->dataset_count; index++) {
        put_dataset(out, &report->datasets[index]);
    }
}
