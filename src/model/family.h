/* SPDX-License-Identifier: Apache-2.0
 *
 * family.h - distributions of a generalized linear model: variance, deviance, and the link to a sum.
 *
 * McCullagh and Nelder, Generalized Linear Models (1989); names and defaults are Spark ML's.
 */
#ifndef PS_MODEL_FAMILY_H
#define PS_MODEL_FAMILY_H

#include "model/convex.h"

enum ps_family_kind {
    PS_FAMILY_GAUSSIAN,
    PS_FAMILY_BINOMIAL,
    PS_FAMILY_POISSON,
    PS_FAMILY_GAMMA,
    PS_FAMILY_TWEEDIE,
};
struct ps_family {
    enum ps_family_kind kind;
    double variance_power; /* variance = mean ^ this (not BINOMIAL) */
    enum ps_link link;
    double link_power;
};

/* "log": PS_LINK_LOG. False: it is none of a family's links. */
bool ps_family_link(enum ps_family_kind kind, const char *name, enum ps_link *link_out);
/* "log, identity or sqrt" */
const char *ps_family_links(enum ps_family_kind kind);
/* The sum whose mean this is. */
double ps_family_sum(const struct ps_family *family, double mean);
/* For ps_loss: half the deviance; curvatures are Fisher's. context: a struct ps_family. */
double ps_family_rows(const void *context, const double *labels, size_t count, double *sums,
                      double *curvatures);
/* Is it a label that the family can have? */
bool ps_family_takes(const struct ps_family *family, double least, double largest);
/* "whole numbers from 0 on" and the like, for the sentence. */
const char *ps_family_labels(const struct ps_family *family);

#endif
