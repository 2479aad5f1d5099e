/* SPDX-License-Identifier: Apache-2.0
 *
 * quantile_discretizer.c - QuantileDiscretizer: buckets that hold about as many training rows each.
 *
 * The borders are exact quantiles that are values of the column, Spark's with relativeError = 0 to the bit; the first
 * and the last bucket reach to infinity, so that no number lies outside. Equal borders become one: a column with few
 * values gets fewer buckets than were asked for, with a note. What is learnt is, per column, how many borders there
 * are between the buckets, and these.
 */
#include <math.h>

#include "base/limits.h"
#include "model/buckets.h"
#include "model/fit.h"

struct config {
    int64_t bucket_count;
    const char *handle_invalid;
};

static const struct ps_option options[] = {
    {"numBuckets", PS_OPTION_INTEGER, "2", 2, PS_LIMIT_FEATURE_COUNT, NULL,
     offsetof(struct config, bucket_count), false, false, "number of buckets; fewer where values repeat",
     "0.2"},
    {"handleInvalid", PS_OPTION_CHOICE, "error", 0, 0, "error|keep|skip",
     offsetof(struct config, handle_invalid), false, false,
     "what happens to a missing value: keep gives it a bucket of its own", "0.2"},
    {0},
};

/* Distinct borders of one column, between -Infinity and Infinity, in numbers_out. */
static size_t choose_borders(const double *quantiles, size_t count, double *numbers_out) {
    size_t chosen = 0;
    for (size_t i = 0; i < count; i++) {
        if (isfinite(quantiles[i]) && (chosen == 0 || quantiles[i] > numbers_out[chosen - 1])) {
            numbers_out[chosen++] = quantiles[i];
        }
    }
    return chosen;
}

/* Of one split: the same, from its rows. */
struct ranking {
    const double *shares;
    double *quantiles;
    size_t count;
};

static void rank_values(void *context, size_t input, const double *values, size_t count) {
    const struct ranking *ranking = context;
    for (size_t i = 0; i < ranking->count; i++) {
        ranking->quantiles[input * ranking->count + i] = ps_sorted_rank(values, count, ranking->shares[i]);
    }
}

static penstock_code fit(struct ps_fit *fit, struct ps_transform *transform, struct penstock_error *error) {
    const struct config *config = transform->config;
    const size_t borders = (size_t)config->bucket_count - 1;
    const size_t count = transform->input_count;
    const char **expressions = ps_arena_allocate(fit->arena, count, sizeof *expressions);
    double *shares = ps_arena_allocate(fit->arena, borders, sizeof *shares);
    double *quantiles = ps_arena_allocate(fit->arena, borders * count, sizeof *quantiles);
    if (expressions == NULL || shares == NULL || quantiles == NULL) {
        return ps_error_memory(error, "quantiles");
    }
    for (size_t i = 0; i < borders; i++) {
        shares[i] = (double)(i + 1) / (double)config->bucket_count;
    }
    for (size_t i = 0; i < count; i++) {
        expressions[i] = fit->pipeline->slots[transform->inputs[i]].sql;
    }
    struct ranking ranking = {shares, quantiles, borders};
    PS_TRY(fit->split != NULL ? ps_fit_sorted(fit, transform, (double)NAN, &ranking, rank_values, error)
                              : ps_fit_ranks(fit, expressions, count, shares, borders, quantiles, error));
    PS_TRY(ps_transform_reserve(fit->pipeline, transform, count * (borders + 1), error));
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        const char *name = fit->pipeline->slots[transform->inputs[i]].name;
        const size_t chosen = choose_borders(quantiles + i * borders, borders, transform->numbers + used + 1);
        if (chosen == 0) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA,
                                "QuantileDiscretizer: column %s has no value in the training rows", name);
        }
        if (chosen < borders) {
            PS_TRY(ps_fit_note(fit, error,
                               "QuantileDiscretizer(%s): %zu buckets instead of %lld, for values repeat",
                               name, chosen + 1, (long long)config->bucket_count));
        }
        transform->numbers[used] = (double)chosen;
        used += chosen + 1;
    }
    transform->number_count = used;
    return PENSTOCK_OK;
}

static penstock_code damaged(const struct ps_transform *transform, struct penstock_error *error) {
    return ps_error_set(error, PENSTOCK_INVALID_DATA,
                        "the stored model is damaged: %s has not the borders it needs",
                        transform->type->name);
}

/* The column's splits with their infinite ends, from the numbers at *next, in transform->list. */
static penstock_code read_splits(struct ps_transform *transform, size_t *next, double *splits,
                                 size_t *split_count_out, struct penstock_error *error) {
    const struct config *config = transform->config;
    const double count = *next < transform->number_count ? transform->numbers[*next] : 0;
    if (!(count >= 1 && count < (double)config->bucket_count && count == floor(count)) ||
        *next + 1 + (size_t)count > transform->number_count) {
        return damaged(transform, error);
    }
    splits[0] = -(double)INFINITY;
    for (size_t i = 0; i < (size_t)count; i++) {
        splits[i + 1] = transform->numbers[*next + 1 + i];
        if (!(splits[i] < splits[i + 1])) {
            return damaged(transform, error);
        }
    }
    splits[(size_t)count + 1] = (double)INFINITY;
    *split_count_out = (size_t)count + 2;
    *next += (size_t)count + 1;
    return PENSTOCK_OK;
}

static struct ps_buckets buckets_of(const struct ps_transform *transform, const double *splits,
                                    size_t split_count) {
    const struct config *config = transform->config;
    return (struct ps_buckets){.splits = splits,
                               .split_count = split_count,
                               .keeps_missing = strcmp(config->handle_invalid, "keep") == 0,
                               .refusal = "is in no bucket"};
}

/* transform->list holds all columns' splits, one after the other; categories[i].count + 1 of them are column i's. */
static penstock_code finish(struct ps_pipeline *pipeline, struct ps_transform *transform,
                            struct penstock_error *error) {
    transform->list = ps_arena_allocate(pipeline->arena, transform->number_count + transform->input_count + 2,
                                        sizeof(double));
    if (transform->list == NULL) {
        return ps_error_memory(error, "a pipeline");
    }
    size_t next = 0;
    transform->list_count = 0;
    for (size_t i = 0; i < transform->input_count; i++) {
        double *splits = transform->list + transform->list_count;
        size_t split_count = 0;
        PS_TRY(read_splits(transform, &next, splits, &split_count, error));
        transform->list_count += split_count;
        transform->is_fitted[i] = true;
        const struct ps_buckets buckets = buckets_of(transform, splits, split_count);
        struct ps_slot *out = &pipeline->slots[transform->outputs[i]];
        PS_TRY(ps_buckets_name(&buckets, pipeline->arena, &transform->categories[i], error));
        out->categories = &transform->categories[i];
        const char *in = pipeline->slots[transform->inputs[i]].sql;
        if (in != NULL) {
            PS_TRY(ps_buckets_write_sql(&buckets, in, pipeline->arena, &out->sql, error));
        }
    }
    return next == transform->number_count ? PENSTOCK_OK : damaged(transform, error);
}

static void apply(const struct ps_pipeline *pipeline, const struct ps_transform *transform,
                  struct ps_frame *frame) {
    const double *splits = transform->list;
    for (size_t i = 0; i < transform->input_count; i++) {
        const struct ps_buckets buckets = buckets_of(transform, splits, transform->categories[i].count + 1);
        const char *column = pipeline->slots[transform->inputs[i]].name;
        ps_buckets_apply(&buckets, column, frame, transform->inputs[i], transform->outputs[i]);
        splits += buckets.split_count;
    }
}

const struct ps_transform_type ps_quantile_discretizer_type = {
    .name = "QuantileDiscretizer",
    .help = "gives each number the index of its bucket; buckets hold about as many rows each",
    .options = options,
    .config_size = sizeof(struct config),
    .column_min = 1,
    .reads_values = true,
    .has_own_count = true,
    .refits = true,
    .bind = ps_pipeline_replace_all,
    .fit = fit,
    .finish = finish,
    .apply = apply,
};
