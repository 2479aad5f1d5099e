/* SPDX-License-Identifier: Apache-2.0
 *
 * family.c - what a row of each distribution costs, and which way is down.
 *
 * With mean m = g^-1(sum): slope = -(y - m)/V(m) m', curvature = m'^2/V(m), loss = half the unit deviance.
 */
#include "model/family.h"

#include <math.h>
#include <string.h>

/* Means of a binomial stay this far from 0 and 1, as in Spark. */
static const double margin = 1e-16;

struct link_row {
    enum ps_family_kind kind;
    const char *name;
    enum ps_link link;
};
static const struct link_row links[] = {
    {PS_FAMILY_GAUSSIAN, "identity", PS_LINK_IDENTITY},
    {PS_FAMILY_GAUSSIAN, "log", PS_LINK_LOG},
    {PS_FAMILY_GAUSSIAN, "inverse", PS_LINK_INVERSE},
    {PS_FAMILY_BINOMIAL, "logit", PS_LINK_LOGIT},
    {PS_FAMILY_BINOMIAL, "probit", PS_LINK_PROBIT},
    {PS_FAMILY_BINOMIAL, "cloglog", PS_LINK_CLOGLOG},
    {PS_FAMILY_POISSON, "log", PS_LINK_LOG},
    {PS_FAMILY_POISSON, "identity", PS_LINK_IDENTITY},
    {PS_FAMILY_POISSON, "sqrt", PS_LINK_SQRT},
    {PS_FAMILY_GAMMA, "inverse", PS_LINK_INVERSE},
    {PS_FAMILY_GAMMA, "identity", PS_LINK_IDENTITY},
    {PS_FAMILY_GAMMA, "log", PS_LINK_LOG},
};

bool ps_family_link(enum ps_family_kind kind, const char *name, enum ps_link *link_out) {
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        if (links[i].kind == kind && strcmp(links[i].name, name) == 0) {
            *link_out = links[i].link;
            return true;
        }
    }
    return false;
}

const char *ps_family_links(enum ps_family_kind kind) {
    switch (kind) {
    case PS_FAMILY_GAUSSIAN: return "identity, log and inverse";
    case PS_FAMILY_BINOMIAL: return "logit, probit and cloglog";
    case PS_FAMILY_POISSON: return "log, identity and sqrt";
    case PS_FAMILY_GAMMA: return "inverse, identity and log";
    case PS_FAMILY_TWEEDIE: return "linkPower";
    }
    return "";
}

/* The standard normal's quantile: Newton steps on erfc from a start that is right to three digits (Abramowitz and
 * Stegun 26.2.23). */
static double normal_quantile(double share) {
    const double tail = share < 0.5 ? share : 1 - share;
    const double t = sqrt(-2 * log(tail));
    double value =
        t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
    for (int i = 0; i < 4; i++) {
        const double excess = 0.5 * erfc(value * M_SQRT1_2) - tail;
        value += excess / (exp(-value * value / 2) * 0.39894228040143267794);
    }
    return share < 0.5 ? -value : value;
}

double ps_family_sum(const struct ps_family *family, double mean) {
    switch (family->link) {
    case PS_LINK_LOG: return log(mean);
    case PS_LINK_INVERSE: return 1 / mean;
    case PS_LINK_LOGIT: return log(mean / (1 - mean));
    case PS_LINK_PROBIT: return normal_quantile(mean);
    case PS_LINK_CLOGLOG: return log(-log1p(-mean));
    case PS_LINK_SQRT: return sqrt(mean);
    case PS_LINK_POWER: return family->link_power == 0 ? log(mean) : pow(mean, family->link_power);
    case PS_LINK_IDENTITY:
    case PS_LINK_SOFTMAX: break;
    }
    return mean;
}

/* dm / dsum */
static double mean_slope(const struct ps_family *family, double sum, double mean) {
    switch (family->link) {
    case PS_LINK_LOG: return mean;
    case PS_LINK_INVERSE: return -mean * mean;
    case PS_LINK_LOGIT: return mean * (1 - mean);
    case PS_LINK_PROBIT: return exp(-sum * sum / 2) * 0.39894228040143267794;
    case PS_LINK_CLOGLOG: return exp(sum - exp(sum));
    case PS_LINK_SQRT: return 2 * sum;
    case PS_LINK_POWER: return family->link_power == 0 ? mean : mean / (family->link_power * sum);
    case PS_LINK_IDENTITY:
    case PS_LINK_SOFTMAX: break;
    }
    return 1;
}

static double variance_of(const struct ps_family *family, double mean) {
    switch (family->kind) {
    case PS_FAMILY_GAUSSIAN: return 1;
    case PS_FAMILY_BINOMIAL: return mean * (1 - mean);
    case PS_FAMILY_POISSON: return mean;
    case PS_FAMILY_GAMMA: return mean * mean;
    case PS_FAMILY_TWEEDIE: break;
    }
    return pow(mean, family->variance_power);
}

/* y log(y / m), 0 for y = 0. */
static double y_log(double label, double mean) {
    return label > 0 ? label * log(label / mean) : 0;
}

static double half_deviance(const struct ps_family *family, double label, double mean) {
    const double power = family->variance_power;
    switch (family->kind) {
    case PS_FAMILY_GAUSSIAN: return 0.5 * (label - mean) * (label - mean);
    case PS_FAMILY_BINOMIAL: return y_log(label, mean) + y_log(1 - label, 1 - mean);
    case PS_FAMILY_POISSON: return y_log(label, mean) - (label - mean);
    case PS_FAMILY_GAMMA: return (label - mean) / mean - log(label / mean);
    case PS_FAMILY_TWEEDIE: break;
    }
    const double first = label > 0 ? label * (pow(label, 1 - power) - pow(mean, 1 - power)) / (1 - power)
                                   : -label * pow(mean, 1 - power) / (1 - power);
    return first - ((label > 0 ? pow(label, 2 - power) : 0) - pow(mean, 2 - power)) / (2 - power);
}

double ps_family_rows(const void *context, const double *labels, size_t count, double *sums,
                      double *curvatures) {
    const struct ps_family *family = context;
    const bool is_positive = family->kind != PS_FAMILY_GAUSSIAN;
    double loss = 0;
    for (size_t i = 0; i < count; i++) {
        const double sum = sums[i];
        double mean = ps_link_mean(family->link, family->link_power, sum);
        if (family->kind == PS_FAMILY_BINOMIAL) {
            mean = fmin(fmax(mean, margin), 1 - margin);
        }
        const bool is_outside = !isfinite(mean) || (is_positive && !(mean > 0)) ||
                                (family->link == PS_LINK_SQRT && !(sum > 0)) ||
                                (family->link == PS_LINK_POWER && family->link_power != 0 && !(sum > 0));
        if (is_outside) {
            sums[i] = 0;
            loss = (double)INFINITY;
            continue;
        }
        const double variance = variance_of(family, mean);
        const double slope = mean_slope(family, sum, mean);
        loss += half_deviance(family, labels[i], mean);
        sums[i] = -(labels[i] - mean) / variance * slope;
        if (curvatures != NULL) {
            curvatures[i] = slope * slope / variance;
        }
    }
    return loss;
}

bool ps_family_takes(const struct ps_family *family, double least, double largest) {
    switch (family->kind) {
    case PS_FAMILY_GAUSSIAN:
        return family->link == PS_LINK_LOG       ? least > 0
               : family->link == PS_LINK_INVERSE ? least > 0 || largest < 0
                                                 : true;
    case PS_FAMILY_BINOMIAL: return least >= 0 && largest <= 1;
    case PS_FAMILY_POISSON: return least >= 0;
    case PS_FAMILY_GAMMA: return least > 0;
    case PS_FAMILY_TWEEDIE: break;
    }
    return family->variance_power < 2 ? least >= 0 : least > 0;
}

const char *ps_family_labels(const struct ps_family *family) {
    switch (family->kind) {
    case PS_FAMILY_GAUSSIAN:
        return family->link == PS_LINK_INVERSE ? "labels of one sign, not 0" : "labels above 0";
    case PS_FAMILY_BINOMIAL: return "labels from 0 to 1";
    case PS_FAMILY_POISSON: return "labels of 0 or more";
    case PS_FAMILY_GAMMA: return "labels above 0";
    case PS_FAMILY_TWEEDIE: break;
    }
    return family->variance_power < 2 ? "labels of 0 or more" : "labels above 0";
}
