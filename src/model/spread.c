/* SPDX-License-Identifier: Apache-2.0
 *
 * spread.c - covariances from sums, features from base columns, metrics from covariances.
 *
 * cov = S/n - mean mean'. The base columns are shifted by the mean of the first block, which bounds what
 * cancels: the first block belongs to the data, so the squared distance of the pilot from the mean is at
 * most variance * rows / rows of the block.
 */
#include "model/spread.h"

#include <cblas.h>
#include <math.h>

/* Below this share of the second moment a variance is rounding noise: the column is constant. */
static const double noise_share = 1e-13;

penstock_code ps_spread_init(struct ps_spread *spread, const struct ps_gram_shape *shape, const double *sums,
                             const double *pairs, struct penstock_error *error) {
    const size_t count = shape->dense_count + shape->slot_count;
    *spread = (struct ps_spread){.count = count, .row_count = sums[0]};
    spread->means = ps_allocate(count, sizeof(double));
    spread->covariance = ps_allocate(count * count, sizeof(double));
    if (spread->means == NULL || spread->covariance == NULL) {
        ps_spread_done(spread);
        return ps_error_memory(error, "covariances");
    }
    const double n = spread->row_count;
    if (n <= 0) {
        return PENSTOCK_OK;
    }
    for (size_t i = 0; i < count; i++) {
        spread->means[i] = ps_gram_at(shape, sums, pairs, 0, i + 1) / n;
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i; j < count; j++) {
            const double second = ps_gram_at(shape, sums, pairs, i + 1, j + 1) / n;
            double value = second - spread->means[i] * spread->means[j];
            if (i == j && value <= noise_share * second) {
                value = 0;
            }
            spread->covariance[i * count + j] = value;
            spread->covariance[j * count + i] = value;
        }
    }
    return PENSTOCK_OK;
}

void ps_spread_done(struct ps_spread *spread) {
    ps_release(spread->means);
    ps_release(spread->covariance);
    spread->means = NULL;
    spread->covariance = NULL;
}

static double covariance_of(const struct ps_spread *spread, const struct ps_feature_map *map, size_t column) {
    double value = spread->covariance[map->column * spread->count + column];
    if (map->indicator != PS_NO_COLUMN) {
        value += map->fill * spread->covariance[map->indicator * spread->count + column];
    }
    return map->scale * value;
}

static double mean_of(const struct ps_spread *spread, const struct ps_feature_map *map) {
    double value = spread->means[map->column];
    if (map->indicator != PS_NO_COLUMN) {
        value += map->fill * spread->means[map->indicator];
    }
    return map->scale * value + map->constant;
}

/* A filled column is constant when what is left of its variance is noise beside its parts. */
static bool is_constant(const struct ps_spread *spread, const struct ps_feature_map *map, double variance) {
    double parts = spread->covariance[map->column * spread->count + map->column];
    if (map->indicator != PS_NO_COLUMN) {
        parts += map->fill * map->fill * spread->covariance[map->indicator * spread->count + map->indicator];
    }
    parts *= map->scale * map->scale;
    return !(variance > noise_share * parts);
}

penstock_code ps_moments_init(struct ps_moments *moments, const struct ps_spread *spread, size_t label,
                              double label_pilot, const struct ps_feature_map *maps, size_t map_count,
                              struct penstock_error *error) {
    *moments = (struct ps_moments){.count = map_count, .row_count = spread->row_count};
    moments->means = ps_allocate(map_count + 1, sizeof(double));
    moments->cross = ps_allocate(map_count + 1, sizeof(double));
    moments->covariance = ps_allocate(map_count * map_count + 1, sizeof(double));
    if (moments->means == NULL || moments->cross == NULL || moments->covariance == NULL) {
        ps_moments_done(moments);
        return ps_error_memory(error, "moments of features");
    }
    moments->label_mean = spread->means[label] + label_pilot;
    moments->label_variance = spread->covariance[label * spread->count + label];
    double *covariance = moments->covariance;
    for (size_t i = 0; i < map_count; i++) {
        moments->means[i] = mean_of(spread, &maps[i]);
        moments->cross[i] = covariance_of(spread, &maps[i], label);
        for (size_t j = i; j < map_count; j++) {
            double value = covariance_of(spread, &maps[i], maps[j].column);
            if (maps[j].indicator != PS_NO_COLUMN) {
                value += maps[j].fill * covariance_of(spread, &maps[i], maps[j].indicator);
            }
            covariance[i * map_count + j] = covariance[j * map_count + i] = maps[j].scale * value;
        }
    }
    for (size_t i = 0; i < map_count; i++) {
        if (is_constant(spread, &maps[i], covariance[i * map_count + i])) {
            moments->cross[i] = 0;
            for (size_t j = 0; j < map_count; j++) {
                covariance[i * map_count + j] = covariance[j * map_count + i] = 0;
            }
        }
    }
    return PENSTOCK_OK;
}

void ps_moments_done(struct ps_moments *moments) {
    ps_release(moments->means);
    ps_release(moments->covariance);
    ps_release(moments->cross);
    *moments = (struct ps_moments){0};
}

void ps_base_model_set(struct ps_base_model *model, size_t base_count, double label_pilot,
                       const struct ps_feature_map *maps, size_t map_count, const double *coefficients,
                       double intercept) {
    memset(model->weights, 0, base_count * sizeof(double));
    model->constant = intercept - label_pilot;
    for (size_t i = 0; i < map_count; i++) {
        const double weight = coefficients[i] * maps[i].scale;
        model->constant += coefficients[i] * maps[i].constant;
        model->weights[maps[i].column] += weight;
        if (maps[i].indicator != PS_NO_COLUMN) {
            model->weights[maps[i].indicator] += weight * maps[i].fill;
        }
    }
}

void ps_spread_score(const struct ps_spread *spread, size_t label, const struct ps_base_model *model,
                     double *scratch, struct ps_metrics *metrics_out) {
    const int count = (int)spread->count;
    double prediction_mean = model->constant;
    for (size_t i = 0; i < spread->count; i++) {
        prediction_mean += model->weights[i] * spread->means[i];
    }
    /* scratch = C w */
    cblas_dsymv(CblasColMajor, CblasUpper, count, 1.0, spread->covariance, count, model->weights, 1, 0.0,
                scratch, 1);
    double prediction_variance = 0;
    for (size_t i = 0; i < spread->count; i++) {
        prediction_variance += model->weights[i] * scratch[i];
    }
    const double label_variance = spread->covariance[label * spread->count + label];
    const double bias = spread->means[label] - prediction_mean;
    const double residual_variance = label_variance - 2 * scratch[label] + prediction_variance;
    const double mse = bias * bias + fmax(residual_variance, 0);
    const bool is_empty = !(spread->row_count > 0);
    ps_metrics_clear(metrics_out);
    metrics_out->row_count = (int64_t)spread->row_count;
    if (!is_empty) {
        metrics_out->mse = mse;
        metrics_out->rmse = sqrt(mse);
        metrics_out->r2 = 1 - mse / label_variance;
        metrics_out->var = fmax(prediction_variance, 0) + bias * bias;
    }
}
