/* SPDX-License-Identifier: Apache-2.0
 *
 * estimator.h - USING: what is fitted, and the grid of its parameters.
 *
 * An estimator here is one that needs moments only, so that one scan serves every cell of the search. A new
 * one is a row of the table in estimator.c.
 */
#ifndef PS_MODEL_ESTIMATOR_H
#define PS_MODEL_ESTIMATOR_H

#include "job/project.h"
#include "model/linear.h"

/* Cells of one grid at most: each is solved once for each fold. */
#define PS_LIMIT_GRID_CELLS 100000

struct ps_estimator_type {
    const char *name; /* NULL ends the table */
    const char *help;
    const struct ps_option *options;
    size_t config_size;
};
extern const struct ps_estimator_type ps_estimator_types[];

struct ps_grid_axis {
    const char *name; /* as in the option table */
    const char *const *texts;
    double *values;
    size_t count;
};
struct ps_estimator {
    const struct ps_estimator_type *type;
    struct ps_linear_config config; /* what is not gridded */
    struct ps_grid_axis *axes;      /* as written; the last one varies fastest */
    size_t axis_count;
    size_t cell_count;
};

/* Errors: INVALID_PROJECT with the place: unknown estimator, parameter, a value out of range, too many cells.
 * `split_count`: for the sentence about their cost. */
penstock_code ps_estimator_read(const struct ps_call *call, size_t split_count, struct ps_arena *arena,
                                struct ps_estimator *estimator_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Parameters of cell `cell`; values_out (axis_count) may be NULL. */
penstock_code ps_estimator_cell(const struct ps_estimator *estimator, size_t cell, struct ps_arena *arena,
                                struct ps_linear_config *config_out, double *values_out,
                                struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
