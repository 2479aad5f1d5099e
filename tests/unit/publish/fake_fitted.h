/* SPDX-License-Identifier: Apache-2.0
 *
 * fake_fitted.h - a fitted model of two coefficients in place of room model's, so that the tests of the gate and
 * the registry choose the numbers, also impossible ones, without training.
 */
#ifndef FAKE_FITTED_H
#define FAKE_FITTED_H

#include <math.h>
#include <stdio.h>

#include "model/predictor.h"
#include "model/fitted.h"
#include "model/task.h"

struct ps_fitted {
    double intercept, coefficients[2];
    bool is_lossy;           /* a writer that drops digits: what is stored is not what was scored */
    bool lacks_coefficients; /* a model of another kind */
    struct ps_target target;
};

void ps_fitted_free(struct ps_fitted *fitted) {
    ps_release(fitted);
}

penstock_code ps_fitted_to_json(const struct ps_fitted *fitted, struct ps_buffer *out,
                                struct penstock_error *error) {
    ps_buffer_printf(out,
                     fitted->is_lossy ? "{\"fake\":[%.15g,%.15g,%.15g]}" : "{\"fake\":[%.17g,%.17g,%.17g]}",
                     fitted->intercept, fitted->coefficients[0], fitted->coefficients[1]);
    return ps_buffer_status(out, error);
}

penstock_code ps_fitted_from_json(const char *json, size_t size, struct ps_fitted **fitted_out,
                                  struct penstock_error *error) {
    struct ps_fitted *fitted = ps_allocate(1, sizeof *fitted);
    (void)size;
    if (fitted == NULL) {
        return ps_error_memory(error, "fake model");
    }
    if (sscanf(json, "{\"fake\":[%lf,%lf,%lf]}", &fitted->intercept, &fitted->coefficients[0],
               &fitted->coefficients[1]) != 3) {
        ps_release(fitted);
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "no fake model");
    }
    *fitted_out = fitted;
    return PENSTOCK_OK;
}

size_t ps_fitted_input_count(const struct ps_fitted *fitted) {
    (void)fitted;
    return 1;
}

const char *ps_fitted_input_name(const struct ps_fitted *fitted, size_t input) {
    (void)fitted;
    return input == 0 ? "distance" : NULL;
}

size_t ps_fitted_feature_count(const struct ps_fitted *fitted) {
    (void)fitted;
    return 2;
}

const char *ps_fitted_feature_name(const struct ps_fitted *fitted, size_t feature) {
    (void)fitted;
    return feature == 0 ? "distance" : "origin=JFK";
}

bool ps_fitted_input_is_text(const struct ps_fitted *fitted, size_t input) {
    (void)fitted;
    (void)input;
    return false;
}

const struct ps_target *ps_fitted_target(const struct ps_fitted *fitted) {
    return &fitted->target;
}

const struct ps_predictor *ps_fitted_predictor(const struct ps_fitted *fitted) {
    static const struct ps_predictor_type type = {.kind = "linear"};
    static const struct ps_predictor predictor = {.type = &type, .feature_count = 2, .output_count = 1};
    (void)fitted;
    return &predictor;
}

bool ps_fitted_has_coefficients(const struct ps_fitted *fitted) {
    return !fitted->lacks_coefficients;
}

penstock_code ps_fitted_predict(const struct ps_fitted *fitted, const struct ps_input_column *columns,
                                int64_t row_count, double *predictions_out, struct penstock_error *error) {
    (void)error;
    for (int64_t i = 0; i < row_count; i++) {
        predictions_out[i] = fitted->intercept + fitted->coefficients[0] * columns[0].numbers[i];
    }
    return PENSTOCK_OK;
}

penstock_code ps_fitted_probabilities(const struct ps_fitted *fitted, const struct ps_input_column *columns,
                                      int64_t row_count, double *probabilities_out,
                                      struct penstock_error *error) {
    (void)fitted;
    (void)columns;
    (void)row_count;
    (void)probabilities_out;
    return ps_error_set(error, PENSTOCK_INTERNAL, "a fake model has no probabilities");
}

double ps_fitted_class(const struct ps_fitted *fitted, const double *probabilities) {
    (void)fitted;
    return probabilities[0];
}

double ps_fitted_coefficient(const struct ps_fitted *fitted, size_t feature) {
    return fitted->coefficients[feature];
}

double ps_fitted_intercept(const struct ps_fitted *fitted) {
    return fitted->intercept;
}

#endif
