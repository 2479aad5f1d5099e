/* SPDX-License-Identifier: Apache-2.0
 *
 * convex_limited.c - OWL-QN: limited-memory BFGS, with L1 in the orthant of the point at hand.
 *
 * Andrew and Gao, Scalable training of L1-regularized log-linear models (2007); without L1 it is L-BFGS (Nocedal and
 * Wright, algorithm 7.4). This is what Spark does (Breeze's OWLQN), to a tighter end.
 */
#include <cblas.h>
#include <math.h>
#include <string.h>

#include "model/convex_parts.h"

enum { MEMORY = 16, HALVINGS_MAX = 40 };
/* Steps are cheaper and smaller than Newton's. */
static const int64_t step_factor = 10;

struct limited {
    struct ps_convex *convex;
    struct ps_convex_point *point;
    struct ps_convex_point trial;
    double *pseudo; /* the gradient with L1, where it is steepest */
    double *step;
    double *moves, *changes; /* MEMORY * count */
    double inners[MEMORY];
    size_t kept, next; /* pairs kept; place of the next */
};

static void find_pseudo(struct limited *limited) {
    const struct ps_convex *convex = limited->convex;
    for (size_t i = 0; i < convex->count; i++) {
        const double at = limited->point->parameters[i];
        const double slope = limited->point->gradient[i];
        const double l1 = convex->l1[i];
        if (!(l1 > 0) || fabs(at) > 0) {
            limited->pseudo[i] = slope + (l1 > 0 ? copysign(l1, at) : 0);
        } else {
            const double excess = fabs(slope) - l1;
            limited->pseudo[i] = excess > 0 ? copysign(excess, slope) : 0;
        }
    }
}

/* step = -H pseudo by the two loops. Gives how much the model says it gains. */
static double find_step(struct limited *limited) {
    const struct ps_convex *convex = limited->convex;
    const int n = (int)convex->count;
    double shares[MEMORY];
    for (int i = 0; i < n; i++) {
        limited->step[i] = -limited->pseudo[i];
    }
    for (size_t m = 0; m < limited->kept; m++) {
        const size_t place = (limited->next + MEMORY - 1 - m) % MEMORY;
        const size_t start = place * convex->count;
        shares[place] = cblas_ddot(n, limited->moves + start, 1, limited->step, 1) / limited->inners[place];
        cblas_daxpy(n, -shares[place], limited->changes + start, 1, limited->step, 1);
    }
    if (limited->kept > 0) {
        const size_t place = (limited->next + MEMORY - 1) % MEMORY;
        const double *change = limited->changes + place * convex->count;
        cblas_dscal(n, limited->inners[place] / cblas_ddot(n, change, 1, change, 1), limited->step, 1);
    }
    for (size_t m = limited->kept; m > 0; m--) {
        const size_t place = (limited->next + MEMORY - m) % MEMORY;
        const size_t start = place * convex->count;
        const double back =
            cblas_ddot(n, limited->changes + start, 1, limited->step, 1) / limited->inners[place];
        cblas_daxpy(n, shares[place] - back, limited->moves + start, 1, limited->step, 1);
    }
    double gain = 0;
    for (int i = 0; i < n; i++) {
        if (convex->l1[i] > 0 && limited->step[i] * limited->pseudo[i] >= 0) {
            limited->step[i] = 0;
        }
        gain -= limited->step[i] * limited->pseudo[i];
    }
    return gain;
}

/* The point at `length` along the step; parameters stay in their orthant. */
static void go(struct limited *limited, double length) {
    const struct ps_convex *convex = limited->convex;
    for (size_t i = 0; i < convex->count; i++) {
        const double at = limited->point->parameters[i];
        const double there = at + length * limited->step[i];
        const double side = fabs(at) > 0 ? at : -limited->pseudo[i];
        limited->trial.parameters[i] = convex->l1[i] > 0 && there * side <= 0 ? 0 : there;
    }
}

static double total_of(const struct limited *limited, const struct ps_convex_point *point) {
    return point->value + ps_convex_l1_of(limited->convex, point->parameters);
}

static penstock_code search_line(struct limited *limited, double gain, bool *is_stuck_out,
                                 struct penstock_error *error) {
    const double here = total_of(limited, limited->point);
    const double noise = 1e-14 * fabs(here);
    const double size = cblas_dnrm2((int)limited->convex->count, limited->pseudo, 1);
    double length = limited->kept > 0 ? 1 : 1 / fmax(size, 1e-300);
    *is_stuck_out = false;
    for (size_t i = 0; i < HALVINGS_MAX; i++, length /= 2) {
        go(limited, length);
        limited->trial.l2_factor = limited->point->l2_factor;
        PS_TRY(ps_convex_pass(limited->convex, 1, &limited->trial, error));
        const double there = total_of(limited, &limited->trial);
        if (there <= here - 1e-4 * length * gain || (gain < noise && there <= here + noise)) {
            return PENSTOCK_OK;
        }
    }
    *is_stuck_out = true;
    return PENSTOCK_OK;
}

/* Keeps what the step has shown, and goes there. */
static void move(struct limited *limited) {
    const size_t n = limited->convex->count;
    double *moved = limited->moves + limited->next * n;
    double *change = limited->changes + limited->next * n;
    for (size_t i = 0; i < n; i++) {
        moved[i] = limited->trial.parameters[i] - limited->point->parameters[i];
        change[i] = limited->trial.gradient[i] - limited->point->gradient[i];
    }
    const double inner = cblas_ddot((int)n, moved, 1, change, 1);
    const double size = cblas_ddot((int)n, change, 1, change, 1);
    if (inner > 1e-12 * size) {
        limited->inners[limited->next] = inner;
        limited->next = (limited->next + 1) % MEMORY;
        limited->kept = limited->kept < MEMORY ? limited->kept + 1 : MEMORY;
    }
    struct ps_convex_point kept = *limited->point;
    *limited->point = limited->trial;
    limited->trial = kept;
    if (limited->convex->problem->follows_curvature) {
        ps_convex_point_rescale(limited->convex, limited->point, limited->point->curvature);
    }
}

static bool has_vanished(const struct limited *limited) {
    const struct ps_convex_problem *problem = limited->convex->problem;
    return problem->loss.can_vanish && limited->point->loss < 1e-9 && !(problem->l1 > 0) &&
           !(problem->l2 > 0);
}

static penstock_code iterate(struct limited *limited, struct ps_convex_report *report,
                             struct penstock_error *error) {
    const struct ps_convex_problem *problem = limited->convex->problem;
    const double precision = problem->tol * 1e-2;
    for (int64_t step = 0; step < problem->iteration_max * step_factor; step++) {
        if (has_vanished(limited)) {
            report->is_separated = true;
            return PENSTOCK_OK;
        }
        find_pseudo(limited);
        double gain = find_step(limited);
        if (!(gain > 0) && limited->kept > 0) { /* the orthant leaves nothing of it: begin anew */
            limited->kept = 0;
            gain = find_step(limited);
        }
        if (limited->kept > 0 || !(gain > 0)) {
            const double least = precision * precision * fmin(1, fmax(limited->point->square, 1e-30)) *
                                 fmin(1, fmax(limited->point->loss, 1e-30));
            if (gain <= least) {
                return PENSTOCK_OK;
            }
        }
        bool is_stuck = false;
        PS_TRY(search_line(limited, gain, &is_stuck, error));
        if (is_stuck && limited->kept > 0) {
            limited->kept = 0;
            continue;
        }
        if (is_stuck) {
            report->is_unconverged = gain > 1e-8 * fabs(limited->point->loss);
            return PENSTOCK_OK;
        }
        report->iteration_count++;
        move(limited);
    }
    report->is_unconverged = true;
    return PENSTOCK_OK;
}

static void limited_done(struct limited *limited) {
    ps_convex_point_done(&limited->trial);
    ps_release(limited->pseudo);
    ps_release(limited->step);
    ps_release(limited->moves);
    ps_release(limited->changes);
}

penstock_code ps_convex_descend_limited(struct ps_convex *convex, struct ps_convex_point *point,
                                        struct ps_convex_report *report, struct penstock_error *error) {
    struct limited limited PS_SCOPED(limited_done) = {.convex = convex, .point = point};
    PS_TRY(ps_convex_point_init(&limited.trial, convex, false, error));
    limited.pseudo = ps_allocate(convex->count, sizeof(double));
    limited.step = ps_allocate(convex->count, sizeof(double));
    limited.moves = ps_allocate(MEMORY * convex->count, sizeof(double));
    limited.changes = ps_allocate(MEMORY * convex->count, sizeof(double));
    if (limited.pseudo == NULL || limited.step == NULL || limited.moves == NULL || limited.changes == NULL) {
        return ps_error_memory(error, "an estimator");
    }
    PS_TRY(ps_convex_pass(convex, 1, point, error));
    if (convex->problem->follows_curvature) {
        ps_convex_point_rescale(convex, point, point->curvature);
    }
    return iterate(&limited, report, error);
}
