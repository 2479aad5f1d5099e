/* SPDX-License-Identifier: Apache-2.0
 *
 * model.h - the inside of a fitted model.
 *
 * A fitted model is always read from its JSON, also the one that was just trained: what predicts now is what a
 * later process loads.
 */
#ifndef PS_MODEL_MODEL_H
#define PS_MODEL_MODEL_H

#include <yyjson.h>

#include "model/fitted.h"
#include "model/pipeline.h"
#include "model/predictor.h"

/* A live column with its coefficients: one for a number, one for each slot of a one-hot group. */
struct ps_term {
    size_t slot;
    double *coefficients; /* 0 where a category is no feature */
    size_t count;
};

struct ps_fitted {
    struct ps_arena *arena;
    struct ps_pipeline *pipeline; /* without filters and label; nothing is deferred */
    struct ps_target target;
    struct ps_predictor *predictor;           /* owned */
    const struct ps_linear_predictor *linear; /* the predictor, if it is a linear one with one sum */
    struct ps_term *terms;                    /* of `linear`; a plain linear model is nothing but these */
    size_t term_count;
    const char **names;
    size_t feature_count;
    struct ps_feature_column
        *columns;  /* one for each live column; numbers and indexes are set for each frame */
    size_t *slots; /* of each column */
    size_t column_count;
};

/* JSON of a model: a pipeline (its filters and label are left out) with its predictor. */
penstock_code ps_model_write_predictor(const struct ps_pipeline *pipeline,
                                       const struct ps_predictor *predictor, const struct ps_target *target,
                                       struct ps_buffer *out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Parts of it: a stage as the call that it was, with what it has learnt; the inputs, as a member of `model`. */
yyjson_mut_val *ps_model_write_transform(yyjson_mut_doc *doc, const struct ps_pipeline *pipeline,
                                         const struct ps_transform *transform);
void ps_model_write_inputs(yyjson_mut_doc *doc, yyjson_mut_val *model, const struct ps_pipeline *pipeline);
/* The same for the coefficients of a linear regression. */
penstock_code ps_model_write(const struct ps_pipeline *pipeline, const double *coefficients,
                             size_t feature_count, double intercept, struct ps_buffer *out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
/* Reads what follows the transforms: features, classes, predictor. Fields of `fitted` that own something are set as
 * soon as they do. Errors: INVALID_DATA. */
penstock_code ps_fitted_read_features(struct ps_fitted *fitted, yyjson_val *model, int64_t format,
                                      struct penstock_error *error) PENSTOCK_MUST_USE;
/* yyjson's memory through base/memory.h. */
extern const yyjson_alc ps_model_allocator;
/* Features of a finished pipeline, dropped categories not among them. */
size_t ps_pipeline_feature_count(const struct ps_pipeline *pipeline);

#endif
