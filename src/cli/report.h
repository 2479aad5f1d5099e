/* SPDX-License-Identifier: Apache-2.0
 *
 * report.h - what a run did, for a person or as one JSON document.
 */
#ifndef PS_CLI_REPORT_H
#define PS_CLI_REPORT_H

#include "cli/command.h"

/* table: report_text.c; json: report_json.c; csv: section,name,value lines of the same numbers. */
void ps_report_print(struct ps_output *out, const struct ps_run_report *report, enum ps_format format,
                     struct ps_arena *arena);
void ps_report_print_text(struct ps_output *out, const struct ps_run_report *report, struct ps_arena *arena);
void ps_report_print_json(struct ps_output *out, const struct ps_run_report *report);
void ps_report_print_csv(struct ps_output *out, const struct ps_run_report *report, struct ps_arena *arena);

/* The cells of a search as a table of at most a screen. */
void ps_report_print_search(struct ps_output *out, const struct ps_candidate *candidate,
                            struct ps_arena *arena);
/* Do cells differ in more than the values of the same parameters? */
bool ps_report_has_several(const struct ps_candidate *candidate);
/* "regParam = 0.1, maxIter = 5", in the arena; NULL when exhausted. */
const char *ps_report_parameters(const struct ps_search_cell *cell, struct ps_arena *arena);
/* Names of the metrics to show first, NULL-terminated. */
const char *const *ps_report_main_metrics(enum ps_task task);

/* "published", "refused", "unchanged", "skipped" */
const char *ps_report_outcome(const struct ps_model_outcome *outcome);
/* Shortest text that reads back as the same double; "nan", "inf". At least 32 bytes. */
const char *ps_show_double(double value, char *text, size_t size);

#endif
