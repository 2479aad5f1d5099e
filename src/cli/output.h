/* SPDX-License-Identifier: Apache-2.0
 *
 * output.h - stdout: buffered, checked, and quiet when its reader went away.
 *
 * Everything that the program says goes through here, so that a full disk is an error and not a lost
 * line, and `penstock ... | head` ends without a word. Tables are shown as table, csv or json.
 */
#ifndef PS_CLI_OUTPUT_H
#define PS_CLI_OUTPUT_H

#include "app/app.h"
#include "base/limits.h"

struct ps_output {
    int descriptor;
    struct ps_buffer text; /* not yet written */
    int failed_errno;      /* of the first write that failed; nothing is written after it */
};

void ps_output_init(struct ps_output *output, int descriptor);
void ps_output_done(struct ps_output *output);
void ps_output_text(struct ps_output *output, const char *text);
void ps_output_bytes(struct ps_output *output, const char *data, size_t size);
void ps_output_printf(struct ps_output *output, const char *format, ...) PS_PRINTF(2, 3);
/* Text of others for a person's eyes: control characters become \n, \t, \x1b, so that no value can steer a terminal. */
void ps_output_shown(struct ps_output *output, const char *text);
void ps_output_json(struct ps_output *output, const char *text); /* a JSON string, or null */
void ps_output_flush(struct ps_output *output);
/* Flushes; IO if anything could not be written. A closed pipe is not an error. */
penstock_code ps_output_status(struct ps_output *output, struct penstock_error *error) PENSTOCK_MUST_USE;

/* A table with aligned columns, a line under the header. `indent`: spaces in front of each line. */
void ps_output_table(struct ps_output *output, const struct ps_text_table *table, int indent);
void ps_output_table_csv(struct ps_output *output, const struct ps_text_table *table);
/* An array of objects, one a line. `indent`: of the closing bracket. */
void ps_output_table_json(struct ps_output *output, const struct ps_text_table *table, int indent);
/* A cell as JSON: a number or boolean as it is, anything else as a string. */
void ps_output_cell_json(struct ps_output *output, const char *type, const char *cell);
/* 336776 as "336,776" */
const char *ps_show_count(int64_t count, char *text, size_t size);

#endif
