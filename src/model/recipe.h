/* SPDX-License-Identifier: Apache-2.0
 *
 * recipe.h - a CREATE MODEL statement bound to the columns of its SELECT: what check looks at and train follows.
 */
#ifndef PS_MODEL_RECIPE_H
#define PS_MODEL_RECIPE_H

#include "model/estimator.h"
#include "model/pipeline.h"
#include "model/validation.h"

struct ps_recipe {
    const struct ps_statement *statement;
    const struct ps_model_statement *model;
    struct ps_pipeline *pipeline; /* features, then the label as last input */
    struct ps_validation validation;
    struct ps_estimator estimator;
    const char *by_column; /* of HOLDOUT, or NULL */
    const char **left_out; /* names of columns that are no features, with their types: "tail (VARCHAR)" */
    size_t left_out_count;
};

/* Everything in the arena. Errors: INVALID_PROJECT with the place, the nearest name, what to do. */
penstock_code ps_recipe_read(const struct ps_statement *statement, const char *const *names,
                             const char *const *types, size_t column_count, struct ps_arena *arena,
                             struct ps_recipe **recipe_out, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
