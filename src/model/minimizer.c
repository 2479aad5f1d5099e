/* SPDX-License-Identifier: Apache-2.0
 *
 * minimizer.c - L-BFGS (Liu, Nocedal 1989) with a line search by bisection for the weak Wolfe conditions (Lewis,
 * Overton 2013), which needs no derivative to be exact; and gradient descent.
 *
 * It ends as scipy's: when no derivative is larger than tol, or the value falls by less than 64 units in the last
 * place. All sums run in order, so the same function gives the same bits.
 */
#include "model/minimizer.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { MEMORY = 10, LINE_STEPS = 40 };

struct search {
    const struct ps_minimizer_options *options;
    double *point, *gradient, *direction, *trial, *trial_gradient;
    double *steps, *changes; /* MEMORY vectors each: of the points and of the gradients */
    double curvatures[MEMORY];
    size_t pair_count, pair_next;
    double value, trial_value;
};

static double dot(const double *left, const double *right, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += left[i] * right[i];
    }
    return sum;
}

static void add(double *to, double factor, const double *from, size_t count) {
    for (size_t i = 0; i < count; i++) {
        to[i] += factor * from[i];
    }
}

static double largest(const double *values, size_t count) {
    double found = 0;
    for (size_t i = 0; i < count; i++) {
        found = fabs(values[i]) > found ? fabs(values[i]) : found;
    }
    return found;
}

/* direction = - (approximate inverse of the second derivatives) gradient: the two-loop recursion */
static void choose_direction(struct search *search) {
    const size_t n = search->options->count;
    double shares[MEMORY];
    for (size_t i = 0; i < n; i++) {
        search->direction[i] = -search->gradient[i];
    }
    for (size_t k = 0; k < search->pair_count; k++) {
        const size_t pair = (search->pair_next + MEMORY - 1 - k) % MEMORY;
        shares[pair] = dot(search->steps + pair * n, search->direction, n) / search->curvatures[pair];
        add(search->direction, -shares[pair], search->changes + pair * n, n);
    }
    if (search->pair_count > 0) {
        const size_t last = (search->pair_next + MEMORY - 1) % MEMORY;
        const double *change = search->changes + last * n;
        const double scale = search->curvatures[last] / dot(change, change, n);
        for (size_t i = 0; i < n; i++) {
            search->direction[i] *= scale;
        }
    }
    for (size_t k = search->pair_count; k > 0; k--) {
        const size_t pair = (search->pair_next + MEMORY - k) % MEMORY;
        const double share = dot(search->changes + pair * n, search->direction, n) / search->curvatures[pair];
        add(search->direction, shares[pair] - share, search->steps + pair * n, n);
    }
}

/* A step along the direction, to trial; *found_out: one that lowers the value. */
static penstock_code search_line(struct search *search, double slope, double first, bool *found_out,
                                 struct penstock_error *error) {
    const struct ps_minimizer_options *options = search->options;
    double low = 0, high = INFINITY, step = first;
    *found_out = false;
    for (int i = 0; i < LINE_STEPS; i++) {
        memcpy(search->trial, search->point, options->count * sizeof(double));
        add(search->trial, step, search->direction, options->count);
        PS_TRY(options->evaluate(options->context, search->trial, &search->trial_value,
                                 search->trial_gradient, error));
        *found_out = search->trial_value < search->value;
        if (!(search->trial_value <= search->value + 1e-4 * step * slope)) {
            high = step;
        } else if (dot(search->trial_gradient, search->direction, options->count) < 0.9 * slope) {
            low = step;
        } else {
            return PENSTOCK_OK;
        }
        step = isinf(high) ? 2 * low : (low + high) / 2;
    }
    return PENSTOCK_OK;
}

/* Moves to the trial and remembers what was seen of the curvature on the way. */
static void move(struct search *search) {
    const size_t n = search->options->count;
    double *step = search->steps + search->pair_next * n;
    double *change = search->changes + search->pair_next * n;
    for (size_t i = 0; i < n; i++) {
        step[i] = search->trial[i] - search->point[i];
        change[i] = search->trial_gradient[i] - search->gradient[i];
    }
    const double curvature = dot(step, change, n);
    if (curvature > DBL_EPSILON * dot(change, change, n)) {
        search->curvatures[search->pair_next] = curvature;
        search->pair_next = (search->pair_next + 1) % MEMORY;
        search->pair_count += search->pair_count < MEMORY ? 1 : 0;
    }
    memcpy(search->point, search->trial, n * sizeof(double));
    memcpy(search->gradient, search->trial_gradient, n * sizeof(double));
    search->value = search->trial_value;
}

static penstock_code run_lbfgs(struct search *search, struct ps_minimum *minimum,
                               struct penstock_error *error) {
    const struct ps_minimizer_options *options = search->options;
    const size_t n = options->count;
    PS_TRY(options->evaluate(options->context, search->point, &search->value, search->gradient, error));
    minimum->is_unconverged = true;
    for (int64_t i = 0; i <= options->iteration_max; i++) {
        minimum->iteration_count = i;
        if (largest(search->gradient, n) <= options->tol) {
            minimum->is_unconverged = false;
            break;
        }
        if (i == options->iteration_max) {
            break;
        }
        choose_direction(search);
        double slope = dot(search->gradient, search->direction, n);
        if (!(slope < 0)) { /* rounding has spoilt it: begin anew */
            search->pair_count = 0;
            choose_direction(search);
            slope = dot(search->gradient, search->direction, n);
        }
        const double first = search->pair_count > 0 ? 1 : fmin(1, 1 / sqrt(-slope));
        bool is_found = false;
        PS_TRY(search_line(search, slope, first, &is_found, error));
        const double before = search->value;
        if (!is_found) {
            break;
        }
        move(search);
        if (before - search->value <= 64 * DBL_EPSILON * fmax(1, fmax(fabs(before), fabs(search->value)))) {
            minimum->iteration_count = i + 1;
            minimum->is_unconverged = false;
            break;
        }
    }
    minimum->value = search->value;
    return PENSTOCK_OK;
}

static penstock_code run_descent(struct search *search, struct ps_minimum *minimum,
                                 struct penstock_error *error) {
    const struct ps_minimizer_options *options = search->options;
    const size_t n = options->count;
    minimum->is_unconverged = true;
    for (int64_t i = 1; i <= options->iteration_max && minimum->is_unconverged; i++) {
        PS_TRY(options->evaluate(options->context, search->point, &search->value, search->gradient, error));
        minimum->iteration_count = i;
        const double step = options->step_size / sqrt((double)i);
        const double length = step * sqrt(dot(search->gradient, search->gradient, n));
        add(search->point, -step, search->gradient, n);
        minimum->is_unconverged =
            !(length <= options->tol * fmax(1, sqrt(dot(search->point, search->point, n))));
    }
    return options->evaluate(options->context, search->point, &minimum->value, search->gradient, error);
}

static void search_done(struct search *search) {
    ps_release(search->gradient);
    ps_release(search->direction);
    ps_release(search->trial);
    ps_release(search->trial_gradient);
    ps_release(search->steps);
    ps_release(search->changes);
}

static penstock_code search_init(struct search *search, bool has_memory, struct penstock_error *error) {
    const size_t n = search->options->count;
    search->gradient = ps_allocate(n + 1, sizeof(double));
    search->direction = ps_allocate(n + 1, sizeof(double));
    search->trial = ps_allocate(n + 1, sizeof(double));
    search->trial_gradient = ps_allocate(n + 1, sizeof(double));
    search->steps = ps_allocate(has_memory ? MEMORY * n + 1 : 1, sizeof(double));
    search->changes = ps_allocate(has_memory ? MEMORY * n + 1 : 1, sizeof(double));
    return search->gradient == NULL || search->direction == NULL || search->trial == NULL ||
                   search->trial_gradient == NULL || search->steps == NULL || search->changes == NULL
               ? ps_error_memory(error, "a minimiser")
               : PENSTOCK_OK;
}

penstock_code ps_minimize_lbfgs(const struct ps_minimizer_options *options, double *point,
                                struct ps_minimum *minimum_out, struct penstock_error *error) {
    struct search search PS_SCOPED(search_done) = {.options = options, .point = point};
    *minimum_out = (struct ps_minimum){0};
    PS_TRY(search_init(&search, true, error));
    return run_lbfgs(&search, minimum_out, error);
}

penstock_code ps_minimize_descent(const struct ps_minimizer_options *options, double *point,
                                  struct ps_minimum *minimum_out, struct penstock_error *error) {
    struct search search PS_SCOPED(search_done) = {.options = options, .point = point};
    *minimum_out = (struct ps_minimum){0};
    PS_TRY(search_init(&search, false, error));
    return run_descent(&search, minimum_out, error);
}
