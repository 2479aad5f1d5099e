/* SPDX-License-Identifier: Apache-2.0
 *
 * inputs.h - which columns of a SELECT a pipeline reads, and how: for models and for datasets the same.
 *
 * Numbers and BOOLEAN are numbers. A text or a time is read only where a stage names it.
 */
#ifndef PS_MODEL_INPUTS_H
#define PS_MODEL_INPUTS_H

#include "model/pipeline.h"

/* By what DuckDB calls its types. */
bool ps_input_is_number(const char *type);
bool ps_input_is_time(const char *type); /* DATE, TIMESTAMP of any kind */

/* The stages as written. */
struct ps_input_stages {
    const struct ps_call *calls;
    size_t count;
};
/* The first stage that names the column, or NULL. */
const struct ps_call *ps_input_first_stage(const struct ps_input_stages *stages, const char *name);
/* Adds the column as an input. *is_added_out false: it is no number, and no stage names it. */
penstock_code ps_input_add(struct ps_pipeline *pipeline, const struct ps_input_stages *stages,
                           const char *name, const char *type, bool is_label, bool *is_added_out,
                           struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
