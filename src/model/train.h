/* SPDX-License-Identifier: Apache-2.0
 *
 * train.h - from a CREATE MODEL statement to a fitted, scored candidate.
 *
 *   snapshot -> split by time -> fit TRANSFORM -> sufficient statistics per fold (one scan)
 *            -> solve every (fold, parameter) on d x d -> refit -> score the hold-out
 *
 * Same rows in the same order + same statement = same bits, whatever the number of threads.
 */
#ifndef PS_MODEL_TRAIN_H
#define PS_MODEL_TRAIN_H

#include "base/thread.h"
#include "job/graph.h"
#include "model/fitted.h"
#include "model/task.h"

struct ps_sample; /* sample.h */
struct ps_slices; /* slices.h */

/* One row of the search: an estimator and its parameters, with the metric per fold. */
struct ps_search_cell {
    const char *estimator;    /* "LinearRegression" */
    const char *const *names; /* of the searched parameters: "regParam", "elasticNetParam" */
    const char *const *texts; /* their values as written */
    const double *values;     /* NaN where a value is no number */
    size_t parameter_count;
    const double *fold_metrics;
    size_t fold_count;
    double mean;
};

/* Metrics of one set of rows: read through the table of metrics.h. NaN: of another task, or not known (mae and mape
 * of the training rows of a linear search: sums of products do not give them). */
struct ps_metrics {
    int64_t row_count;
    double rmse, mse, r2, mae, var, mape;           /* Spark's RegressionMetrics; var = explained variance */
    double area_under_roc, area_under_pr, log_loss; /* of probabilities */
    double accuracy, f1, weighted_precision, weighted_recall, hamming_loss; /* of classes */
    double weighted_false_positive_rate;
};

/* Rank and condition of the features that were fitted to; sanity.h measures them. */
struct ps_fit_sanity {
    bool has_rank;        /* false: not measured */
    size_t rank;          /* of the features that are not constant */
    size_t varying_count; /* features that are not constant */
    double condition;     /* NaN: not known; infinity: rank < varying_count */
    bool has_convergence; /* the estimator goes in steps */
    bool is_converged;
    int64_t iteration_count;  /* 0: not known */
    const char *const *leaks; /* columns that tell the label by themselves (leaks.h) */
    size_t leak_count;
};

/* Counts, so that nothing is left out silently. */
struct ps_row_counts {
    int64_t read; /* rows of the SELECT */
    int64_t training, holdout;
    int64_t outliers;      /* left out by OutlierFilter, training only */
    int64_t null_features; /* left out because a feature was NULL or not finite */
};

struct ps_stage_time {
    const char *name; /* "fit transforms", "search: one scan", "solve 12 x 3", ... */
    int64_t wall_ns, cpu_ns;
    int64_t task_count;
};

struct ps_candidate {
    struct ps_arena *arena;
    const struct ps_statement *statement;
    struct ps_fitted *fitted; /* owned */
    struct ps_target target;
    struct ps_search_cell *cells;
    size_t cell_count;
    size_t best; /* index in cells */
    const char *metric_name;
    struct ps_row_counts rows;
    struct ps_metrics training, holdout;
    struct ps_metrics
        baseline; /* predicting the training mean (the class frequencies) on the hold-out rows */
    /* The hold-out rows themselves, for paired comparison: label, prediction, and their order in time. */
    double *holdout_labels, *holdout_predictions,
        *holdout_times;            /* holdout.row_count each; times NULL without BY; a class is its index */
    double *holdout_probabilities; /* of classes: row * class_count + class; NULL for a regression */
    /* What the gate asks: rows as they were read, training_sample with the label as last column, holdout_sample with
     * what scoring predicted as last column ("penstock_prediction"; NaN: none); of each hold-out row the values of the
     * columns that slice(...) names. NULL without such rows. */
    struct ps_sample *training_sample, *holdout_sample;
    struct ps_slices *slices;
    struct ps_fit_sanity sanity;
    struct ps_stage_time *stages;
    size_t stage_count;
    const char *const *notes; /* "feature x is constant: coefficient 0", "3,120 rows left out: ..." */
    size_t note_count;
    int64_t scan_count; /* of the data for the whole search: 1 (2 for metricName = 'mae') */
};

/* Checks a statement against the tables of transforms, estimators, validators, metrics: unknown names with the
 * nearest, values out of range, columns that are not there. `node` gives the SELECT's columns. */
penstock_code ps_model_check(const struct ps_project *project, const struct ps_node *node,
                             struct penstock_error *error) PENSTOCK_MUST_USE;

struct ps_train_options {
    const struct ps_project *project;
    const struct ps_node *node;
    struct ps_connection *connection; /* inside a transaction: the snapshot */
    int64_t thread_count;
    int64_t memory_max;
    const struct ps_stop *stop;
    /* Told before each fit of the search, on the calling thread: how many are done, of how many. May be NULL. */
    void (*on_fit)(int64_t done, int64_t count, void *context);
    void *on_fit_context;
};
/* Errors: INVALID_DATA (label NULL or text, fewer rows than folds, empty hold-out, ...), CANCELLED, SQL. */
penstock_code ps_model_train(const struct ps_train_options *options, struct ps_candidate **candidate_out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_candidate_free(struct ps_candidate *candidate);

/* Scores another fitted model (the champion) on the candidate's hold-out rows: one more scan of those rows.
 * predictions_out: holdout.row_count doubles, the caller's (ps_release); NaN for a row that this model cannot
 * predict. Of classes: holdout.row_count * class_count probabilities instead, in the candidate's order of classes.
 * Errors: SQL when the SELECT lacks a column that it reads; INVALID_DATA when it predicts other classes. */
penstock_code ps_model_score_holdout(const struct ps_train_options *options,
                                     const struct ps_candidate *candidate, const struct ps_fitted *fitted,
                                     double **predictions_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
