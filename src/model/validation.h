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
#include "model/random.h"

struct ps_validation;
struct ps_validation_type {
    const char *name; /* NULL ends the table */
    const char *help;
    const struct ps_option *options;
    /* Sets part_count, split_count and cuts from the options; cuts has room for fold_count numbers. */
    void (*plan)(struct ps_validation *validation);
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
    double *cuts;     /* part_count - 1, rising: where the range of random numbers is cut */
    bool is_reversed; /* the first interval is the last part */
};

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

#endif
