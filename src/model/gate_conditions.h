/* SPDX-License-Identifier: Apache-2.0
 *
 * gate_conditions.h - do the conditions of GATE (...) fit the model? What can be known before anything is trained.
 */
#ifndef PS_MODEL_GATE_CONDITIONS_H
#define PS_MODEL_GATE_CONDITIONS_H

#include "model/validation.h"

/* names: columns of the SELECT. Errors: INVALID_PROJECT with the place: a column that is not there, a condition said
 * twice, IN a metric that is no sum over rows, cv_ of a metric that the search does not measure, slices without
 * HOLDOUT. */
penstock_code ps_gate_conditions_check(const struct ps_model_statement *model,
                                       const struct ps_validation *validation, const char *const *names,
                                       size_t name_count, struct ps_arena *arena,
                                       struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
