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

/* A live column with its coefficients: one for a number, one for each slot of a one-hot group. */
struct ps_term {
    size_t slot;
    double *coefficients; /* 0 where a category is no feature */
    size_t count;
};

struct ps_fitted {
    struct ps_arena *arena;
    struct ps_pipeline *pipeline; /* without filters and label; nothing is deferred */
    struct ps_term *terms;
    size_t term_count;
    const char **names;
    double *coefficients; /* by feature */
    size_t feature_count;
    double intercept;
};

/* JSON of a model: a pipeline (its filters and label are left out) with the coefficients of its features. */
penstock_code ps_model_write(const struct ps_pipeline *pipeline, const double *coefficients,
                             size_t feature_count, double intercept, struct ps_buffer *out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
/* yyjson's memory through base/memory.h. */
extern const yyjson_alc ps_model_allocator;
/* Features of a finished pipeline, dropped categories not among them. */
size_t ps_pipeline_feature_count(const struct ps_pipeline *pipeline);

#endif
