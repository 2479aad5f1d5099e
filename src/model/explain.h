/* SPDX-License-Identifier: Apache-2.0
 *
 * explain.h - EXPLAIN MODEL: what a training will cost, told before it runs.
 *
 * From the statement alone: the task, the features, the cells and splits, every scan of the data with its reason, and
 * memory. What only the data tell (rows, categories) is taken from the last version, or said per million rows.
 */
#ifndef PS_MODEL_EXPLAIN_H
#define PS_MODEL_EXPLAIN_H

#include "job/graph.h"
#include "model/task.h"

/* Of the last version that was trained; zeros: there is none. */
struct ps_model_known {
    int64_t version, row_count, feature_count;
};

struct ps_model_fact {
    const char *item;  /* "scan", "memory" */
    const char *value; /* "2", "12 MiB" */
    const char *why;   /* one sentence, or "" */
};
struct ps_model_explanation {
    struct ps_model_fact *facts;
    size_t fact_count;
    unsigned tasks;
    size_t cell_count, split_count, fit_count; /* fit_count: with the last one, on all training rows */
    int64_t scan_count;                        /* of the SELECT, all together */
    int64_t row_bytes; /* of a training row in memory; 0: no estimator needs the rows */
};

/* Everything in the arena. Errors: as ps_model_check()'s. */
penstock_code ps_model_explain(const struct ps_project *project, const struct ps_node *node,
                               const struct ps_model_known *known, struct ps_arena *arena,
                               struct ps_model_explanation **explanation_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
