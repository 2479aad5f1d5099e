/* SPDX-License-Identifier: Apache-2.0
 *
 * estimator.h - USING: what is fitted, and the cells of its search.
 *
 * The cells are all combinations of GRID(...) and RANGE(from, to, count), or n of them (RANDOM(n, seed));
 * search_space.c makes values of both. Several estimators compete: each has its own cells.
 *
 * Linear regression needs moments only, so that one scan serves every cell of the search (needs_rows false, fit
 * NULL: search.c solves it). Every other estimator gets the rows (rows.h) and is a row of the table in
 * estimator.c with its fit().
 */
#ifndef PS_MODEL_ESTIMATOR_H
#define PS_MODEL_ESTIMATOR_H

#include "job/project.h"
#include "model/linear.h"
#include "model/predictor.h"

/* Cells of one search at most: each is solved once for each fold. */
#define PS_LIMIT_GRID_CELLS 100000

/* What fit() gives. Owns the predictor. */
struct ps_fit_result {
    struct ps_predictor *predictor;
    int64_t iteration_count;
    bool is_unconverged;
    double objective; /* what was minimised, at the end; NaN: not said */
    const char *note; /* what the user should know of the last fit; NULL: nothing. Not freed */
};

struct ps_training_set; /* rows.h */
struct ps_estimator_type {
    const char *name; /* NULL ends the table */
    const char *help;
    const struct ps_option *options;
    size_t config_size;
    unsigned tasks; /* enum ps_task, or-ed */
    bool needs_rows;
    /* For one that needs them only with some parameters: does it with these? rows_choice: the value of a parameter
     * that makes it so. NULL: as needs_rows says. */
    bool (*wants_rows)(const void *config);
    const char *rows_choice;
    /* Parameters that do not go together; the error needs no place. NULL: none. */
    penstock_code (*check)(const void *config, struct penstock_error *error);
    /* Which task this is, for estimators that can do several. class_count: of the label, 0 if it is no class label;
     * is_text: a label that can be nothing but classes (whole numbers can be either).
     * NULL: the only one in `tasks` (CLASSES: by class_count). */
    enum ps_task (*task)(const void *config, size_t class_count, bool is_text);
    /* Fits one cell on one training set. `start`: the predictor of the cell before on the same set, to start from, or
     * NULL; the result must not depend on it beyond the tolerance. Same bits on any number of threads.
     * Errors: INVALID_DATA, CANCELLED, OUT_OF_MEMORY. */
    penstock_code (*fit)(const void *config, const struct ps_training_set *set,
                         const struct ps_predictor *start, struct ps_fit_result *result_out,
                         struct penstock_error *error);
};
extern const struct ps_estimator_type ps_estimator_types[];
const struct ps_estimator_type *ps_estimator_find(const char *name); /* NULL: there is none */

struct ps_grid_axis {
    const char *name; /* as in the option table */
    const char *const *texts;
    double *values; /* NaN where a text is no number */
    size_t count;
};
/* One estimator of USING. */
struct ps_estimator {
    const struct ps_estimator_type *type;
    struct ps_location location;
    void *config;              /* of type->options: what is not searched */
    struct ps_grid_axis *axes; /* as written; the last one varies fastest */
    size_t axis_count;
    size_t cell_count;
    bool is_drawn; /* RANDOM: cell c takes value c of every axis */
};

/* The only caller of fit(): what every estimator of classes has in common comes after it (thresholds). */
penstock_code ps_estimator_fit(const struct ps_estimator_type *type, const void *config,
                               const struct ps_training_set *set, const struct ps_predictor *start,
                               struct ps_fit_result *result_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* The text of an option, as "weightCol"; NULL: the type has no such option, or it is not given. */
const char *ps_estimator_text(const struct ps_estimator_type *type, const void *config, const char *name);
/* Does some cell of it need the rows? And one with this config? */
bool ps_estimator_needs_rows(const struct ps_estimator *estimator);
static inline bool ps_estimator_cell_needs_rows(const struct ps_estimator_type *type, const void *config) {
    return type->needs_rows || (type->wants_rows != NULL && type->wants_rows(config));
}

/* Names of the estimators that there are, NULL-terminated, in the arena; NULL when out of memory. */
const char **ps_estimator_names(struct ps_arena *arena);

/* Errors: INVALID_PROJECT with the place: unknown estimator, parameter, a value out of range, values that do not go
 * together, too many cells.
 * `split_count`: for the sentence about their cost. */
penstock_code ps_estimator_read(const struct ps_call *call, size_t split_count, struct ps_arena *arena,
                                struct ps_estimator *estimator_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Makes an axis of one value of each parameter that is given: among several estimators they say which one it is. */
penstock_code ps_estimator_name_given(struct ps_estimator *estimator, const struct ps_call *call,
                                      struct ps_arena *arena, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Parameters of cell `cell`: config_out has type->config_size bytes; texts_out and values_out (axis_count each) may be
 * NULL. */
penstock_code ps_estimator_cell(const struct ps_estimator *estimator, size_t cell, struct ps_arena *arena,
                                void *config_out, const char **texts_out, double *values_out,
                                struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
