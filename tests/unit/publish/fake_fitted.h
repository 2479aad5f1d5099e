/* SPDX-License-Identifier: Apache-2.0
 *
 * fake_fitted.h - a fitted model of two coefficients in place of room model's, so that the tests of the gate and
 * the registry choose the numbers, also impossible ones, without training.
 */
#ifndef FAKE_FITTED_H
#define FAKE_FITTED_H

#include <math.h>
#include <stdio.h>

#include "model/fitted.h"

struct ps_fitted {
    double intercept, coefficients[2];
};

void ps_fitted_free(struct ps_fitted *fitted) {
    ps_release(fitted);
}

penstock_code ps_fitted_to_json(const struct ps_fitted *fitted, struct ps_buffer *out,
                                struct penstock_error *error) {
    ps_buffer_printf(out, "{\"fake\":[%.17g,%.17g,%.17g]}", fitted->intercept, fitted->coefficients[0],
                     fitted->coefficients[1]);
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

double ps_fitted_coefficient(const struct ps_fitted *fitted, size_t feature) {
    return fitted->coefficients[feature];
}

double ps_fitted_intercept(const struct ps_fitted *fitted) {
    return fitted->intercept;
}

#endif
