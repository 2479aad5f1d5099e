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
    struct ps_estimator estimator;   /* the first of */
    struct ps_estimator *estimators; /* they compete */
    size_t estimator_count;
    size_t cell_count;         /* of all of them */
    unsigned tasks;            /* enum ps_task, or-ed: what the model may be, as far as the statement tells */
    const char *by_column;     /* of HOLDOUT, or NULL */
    const char *time_column;   /* of TimeSeriesSplit, or NULL */
    const char *offset_column; /* of GeneralizedLinearRegression, or NULL */
    const char **left_out;     /* names of columns that are no features, with their types: "tail (VARCHAR)" */
    size_t left_out_count;
};

/* Everything in the arena. Errors: INVALID_PROJECT with the place, the nearest name, what to do. */
penstock_code ps_recipe_read(const struct ps_statement *statement, const char *const *names,
                             const char *const *types, size_t column_count, struct ps_arena *arena,
                             struct ps_recipe **recipe_out, struct penstock_error *error) PENSTOCK_MUST_USE;

/* Once the label's classes are known: the metric of the search and those of the gate must be the task's. Errors:
 * INVALID_PROJECT with the place. */
penstock_code ps_recipe_settle(struct ps_recipe *recipe, enum ps_task task, struct ps_arena *arena,
                               struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
