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

/* "published", "refused", "unchanged", "skipped" */
const char *ps_report_outcome(const struct ps_model_outcome *outcome);
/* Shortest text that reads back as the same double; "nan", "inf". At least 32 bytes. */
const char *ps_show_double(double value, char *text, size_t size);

#endif
