/* SPDX-License-Identifier: Apache-2.0
 *
 * drift.h - have the rows that a model reads become other rows than those it was trained on?
 *
 * Each version keeps a profile of its training rows (profile.h). New rows are counted into the profile's own bins
 * and the two sets of shares p (new) and q (trained on) are compared by the population stability index,
 *   PSI = sum (p - q) ln (p / q).
 * A fixed limit (0.1, 0.2, 0.25 are common) is wrong for any number of rows but one: with bins B and n and m rows,
 * PSI / (1/n + 1/m) is about chi-square with B - 1 degrees of freedom when nothing has changed (Yurdakul and Naranjo,
 * Statistical properties of the population stability index, Journal of Risk Model Validation 14(4), 2020), and
 * noncentral with noncentrality X / (1/n + 1/m) when the true index is X. So the limit is the quantile of that
 * distribution at the asked confidence: "more than X, and not by chance". With few rows it is far above X, with many
 * it comes down to X. Over several features the confidence is that of all of them together (Bonferroni).
 */
#ifndef PS_PUBLISH_DRIFT_H
#define PS_PUBLISH_DRIFT_H

#include "base/thread.h"
#include "job/project.h"

/* What is asked when nothing is said: a true index above this much, at this confidence over all features. */
#define PS_DRIFT_TOLERANCE 0.1
#define PS_DRIFT_CONFIDENCE 0.99
/* Rows looked at, when nothing is said. */
#define PS_DRIFT_ROW_COUNT_MAX 100000
/* Fewer new rows than this say nothing: the check is not applicable. */
#define PS_DRIFT_ROW_COUNT_MIN 100

struct ps_drift_options {
    const struct ps_statement *statement; /* CREATE MODEL: its SELECT gives the rows */
    const char *profile;                  /* the champion's: ps_registry_profile() */
    /* Which rows, as a condition on the SELECT's columns ("left_at > TIMESTAMP '...'"). NULL: what lies behind the
     * time of the last row that the champion was trained or tested on (HOLDOUT ... BY column); without such a column
     * all rows. */
    const char *condition;
    int64_t row_count_max;      /* the newest so many; 0: PS_DRIFT_ROW_COUNT_MAX */
    double tolerance;           /* below 0: PS_DRIFT_TOLERANCE */
    double confidence;          /* 0: PS_DRIFT_CONFIDENCE */
    const struct ps_stop *stop; /* or NULL */
};

struct ps_drift_feature {
    const char *name; /* a column of the SELECT */
    double score;     /* PSI */
    double limit;     /* above it, it has drifted */
    bool has_drifted;
    const char *sentence; /* "origin: PSI 0.31, limit 0.12: EWR 51.0% was 34.2%" */
};
struct ps_drift_report {
    struct ps_drift_feature *features; /* largest score / limit first */
    size_t feature_count;
    size_t drifted_count;
    int64_t row_count;    /* new rows that were looked at */
    bool has_drifted;     /* any of them */
    bool is_applicable;   /* false: too few rows, or a profile without columns: has_drifted is false then */
    const char *sentence; /* "2 of 14 features have drifted: origin PSI 0.31 (limit 0.12), ..." */
    struct ps_arena *arena;
};

/* One ordered scan of the rows. Reads only; any transaction. Errors: INVALID_DATA (a profile that cannot be read),
 * SQL (the SELECT lacks a column that the champion reads), CANCELLED. Owns: ps_drift_report_free(). */
penstock_code ps_drift_check(struct ps_connection *connection, const struct ps_drift_options *options,
                             struct ps_drift_report **report_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
void ps_drift_report_free(struct ps_drift_report *report); /* NULL: nothing */
void ps_drift_report_free_scoped(struct ps_drift_report **report);

/* The profile of a version, as JSON, in the arena; NULL when the version has none (made by an older penstock). Errors:
 * INVALID_DATA: it is not as it was written. */
penstock_code ps_registry_profile(struct ps_connection *connection, const char *name, int64_t version,
                                  struct ps_arena *arena, const char **profile_out,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
