/* SPDX-License-Identifier: Apache-2.0
 *
 * convex_parts.h - the inside of convex.h: parameters, points, passes.
 *
 * Parameters are those of features with mean 0 (with an intercept) and deviation 1: sum after sum, its features that
 * vary, then its intercept. A base row is [dense columns, slots of groups, 1].
 */
#ifndef PS_MODEL_CONVEX_PARTS_H
#define PS_MODEL_CONVEX_PARTS_H

#include "model/convex.h"

/* z = on_column * base[column] + on_gap * base[gap] + constant */
struct ps_convex_map {
    size_t feature, column, gap; /* gap: PS_NO_COLUMN without */
    double on_column, on_gap, constant;
    double sigma, mean;
};

struct ps_convex {
    const struct ps_convex_problem *problem;
    const struct ps_layout *layout;
    size_t sum_count, pair_count;
    size_t base_count; /* dense columns and slots; the constant comes after */
    struct ps_convex_map *maps;
    size_t map_count;   /* features that vary */
    size_t *offsets;    /* per sum: its first parameter; sum_count + 1 */
    size_t *intercepts; /* per sum: its parameter, or PS_NO_COLUMN */
    size_t count;       /* parameters */
    double *l1, *l2;    /* per parameter; l2 without the curvature it may follow */
    bool has_l1;
    size_t block_stride; /* of the sample: every so many blocks */
    double *weights;     /* sum_count * (base_count + 1): of the pass under way */
    bool has_offset;
    struct ps_convex_map offset; /* what is added to the first sum as it is */
};

/* What a pass says of one set of parameters, penalties in it. */
struct ps_convex_point {
    double *parameters;
    double loss;      /* mean */
    double value;     /* with the L2 penalty, without L1 */
    double curvature; /* mean of the first sum's; 1 unless it was asked for */
    double square;    /* mean square of the first sum */
    double *gradient; /* of value */
    double *hessian;  /* count x count, or NULL: not asked */
    double l2_factor; /* what l2 is times in value and gradient */
};

penstock_code ps_convex_init(struct ps_convex *convex, const struct ps_convex_problem *problem,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_convex_free(struct ps_convex *convex);

penstock_code ps_convex_point_init(struct ps_convex_point *point, const struct ps_convex *convex,
                                   bool has_hessian, struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_convex_point_done(struct ps_convex_point *point);

/* One pass at point->parameters over every block_stride-th block: fills the rest of the point. With
 * follows_curvature the L2 penalty is times point->l2_factor, which stays as it is; else 1. */
penstock_code ps_convex_pass(struct ps_convex *convex, size_t block_stride, struct ps_convex_point *point,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
/* Gives the point another l2_factor. */
void ps_convex_point_rescale(const struct ps_convex *convex, struct ps_convex_point *point, double factor);
double ps_convex_l1_of(const struct ps_convex *convex, const double *parameters);

/* How a minimiser went. */
struct ps_convex_report {
    int64_t iteration_count;
    bool is_unconverged, is_separated;
};
/* Both start at point->parameters and end there, with value and gradient. */
penstock_code ps_convex_descend_dense(struct ps_convex *convex, struct ps_convex_point *point,
                                      struct ps_convex_report *report, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_convex_descend_limited(struct ps_convex *convex, struct ps_convex_point *point,
                                        struct ps_convex_report *report, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
