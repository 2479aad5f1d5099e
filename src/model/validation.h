/* SPDX-License-Identifier: Apache-2.0
 *
 * validation.h - VALIDATE: how training rows are cut into parts, and which part validates which split.
 *
 * CrossValidator has as many splits as parts: split s validates on part s and trains on all others.
 * TrainValidationSplit has one split and two parts. TimeSeriesSplit's parts are in the order of time: a split trains
 * on the first parts and validates on later ones, and what lies between (the gap) is in neither. Whoever needs to
 * know asks ps_validation_trains() and ps_validation_validates(). A new validator is a row of the table in
 * validation.c.
 */
#ifndef PS_MODEL_VALIDATION_H
#define PS_MODEL_VALIDATION_H

#include "base/option.h"
#include "job/project.h"
#include "model/metrics.h"
#include "model/random.h"

struct ps_validation;
struct ps_validation_type {
    const char *name; /* NULL ends the table */
    const char *help;
    const struct ps_option *options;
    /* Sets part_count, split_count and cuts from the options; cuts has room for fold_count numbers. */
    penstock_code (*plan)(struct ps_validation *validation, struct ps_arena *arena,
                          struct penstock_error *error);
};
extern const struct ps_validation_type ps_validation_types[];

/* Parts of one split of a series in time. */
struct ps_series_split {
    size_t train_end;  /* trains on parts before this one */
    size_t begin, end; /* validates on parts begin .. end - 1 */
};

struct ps_validation {
    const struct ps_validation_type *type;
    const char *metric_name; /* as written; NULL: the default of the task */
    struct ps_location metric_location;
    const struct ps_metric_type *metric;
    int64_t fold_count, seed, parallelism;
    double train_ratio;
    const char *fold_column;       /* or NULL: parts by random numbers. Of a series: the column of time */
    const char *score_weights;     /* weightCol of the evaluator, as written, or NULL */
    const char *weight_column;     /* of the rows, whoever asks for it, or NULL: each counts 1 (recipe.c) */
    bool weighs_training;          /* estimators do */
    const char *fold_sql;          /* a row's part, instead of the column itself (a series, once it is cut) */
    const char *gap, *time_column; /* of a series, as written */
    int64_t gap_rows, gap_ms;
    size_t part_count, split_count;
    double *cuts;                   /* part_count - 1, rising: where the range of random numbers is cut */
    bool is_reversed;               /* the first interval is the last part */
    struct ps_series_split *series; /* split_count; NULL: split s validates on part s */
};

/* Does split `split` train on the rows of `part`? split_count: the last fit, which trains on all. */
static inline bool ps_validation_trains(const struct ps_validation *validation, size_t split, size_t part) {
    if (split >= validation->split_count) {
        return true;
    }
    return validation->series == NULL ? part != split : part < validation->series[split].train_end;
}
/* Does it validate on them? */
static inline bool ps_validation_validates(const struct ps_validation *validation, size_t split,
                                           size_t part) {
    if (validation->series == NULL || split >= validation->split_count) {
        return part == split && split < validation->split_count;
    }
    return part >= validation->series[split].begin && part < validation->series[split].end;
}

/* The part of a row whose random number is `number`. */
static inline size_t ps_validation_part(const struct ps_validation *validation, double number) {
    size_t part = 0;
    for (size_t i = 0; i + 1 < validation->part_count; i++) {
        part += number >= validation->cuts[i] ? 1 : 0;
    }
    return validation->is_reversed ? validation->part_count - 1 - part : part;
}
/* The parts of the next `count` rows. */
void ps_validation_draw(const struct ps_validation *validation, struct ps_random *random, uint16_t *parts_out,
                        int64_t count);

/* A call without a name is CrossValidator() with its defaults. Errors: INVALID_PROJECT with the place. */
penstock_code ps_validation_read(const struct ps_call *call, struct ps_arena *arena,
                                 struct ps_validation *validation_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Sets the metric, now that more is known of the task (enum ps_task, or-ed). Errors: INVALID_PROJECT with the place:
 * the metric that was asked for is of another task. */
penstock_code ps_validation_settle(struct ps_validation *validation, unsigned tasks, struct ps_arena *arena,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;
/* The metric of that name, if it is one of `tasks`. The error has no place yet. */
penstock_code ps_metric_choose(const char *name, unsigned tasks, struct ps_arena *arena,
                               const struct ps_metric_type **metric_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
