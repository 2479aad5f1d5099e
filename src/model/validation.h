/* SPDX-License-Identifier: Apache-2.0
 *
 * validation.h - VALIDATE: how training rows are cut into parts, and which part validates which split.
 *
 * Split s validates on part s and trains on all other parts. CrossValidator has as many splits as parts,
 * TrainValidationSplit one split and two parts. A new validator is a row of the table in validation.c.
 */
#ifndef PS_MODEL_VALIDATION_H
#define PS_MODEL_VALIDATION_H

#include "base/option.h"
#include "job/project.h"
#include "model/metrics.h"

struct ps_validation;
struct ps_validation_type {
    const char *name; /* NULL ends the table */
    const char *help;
    const struct ps_option *options;
    /* Sets part_count and split_count from the options. */
    void (*plan)(struct ps_validation *validation);
    /* The part of a row whose random number is `number`. */
    size_t (*part_of)(const struct ps_validation *validation, double number);
};
extern const struct ps_validation_type ps_validation_types[];

struct ps_validation {
    const struct ps_validation_type *type;
    const char *metric_name;
    const struct ps_metric_type *metric;
    int64_t fold_count, seed;
    double train_ratio;
    const char *fold_column; /* or NULL: parts by random numbers */
    size_t part_count, split_count;
};

/* A call without a name is CrossValidator() with its defaults. Errors: INVALID_PROJECT with the place. */
penstock_code ps_validation_read(const struct ps_call *call, struct ps_arena *arena, struct ps_validation *validation_out,
                                 struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
