/* SPDX-License-Identifier: Apache-2.0
 *
 * fitted.h - a fitted model: transforms with their numbers and what an estimator has learnt.
 *
 * Plain, immutable data. It is stored as JSON with numbers in shortest round-trip form, so that a loaded
 * model predicts the same bits. The same code applies it in training, scoring, predict and serving.
 */
#ifndef PS_MODEL_FITTED_H
#define PS_MODEL_FITTED_H

#include "base/bytes.h"
#include "model/task.h"

struct ps_fitted;
struct ps_predictor; /* predictor.h */

void ps_fitted_free(struct ps_fitted *fitted);
/* JSON: inputs, transforms, feature names, classes, the predictor, a checksum over all of it. */
penstock_code ps_fitted_to_json(const struct ps_fitted *fitted, struct ps_buffer *out,
                                struct penstock_error *error) PENSTOCK_MUST_USE;
/* Errors: INVALID_DATA (cut, changed: checksum), UNSUPPORTED (from a newer version). */
penstock_code ps_fitted_from_json(const char *json, size_t size, struct ps_fitted **fitted_out,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;

/* The columns it reads, in order; is_text: a category, else a number. */
size_t ps_fitted_input_count(const struct ps_fitted *fitted);
const char *ps_fitted_input_name(const struct ps_fitted *fitted, size_t input);
bool ps_fitted_input_is_text(const struct ps_fitted *fitted, size_t input);

/* What it predicts. Lives as long as the model. */
const struct ps_target *ps_fitted_target(const struct ps_fitted *fitted);
const struct ps_predictor *ps_fitted_predictor(const struct ps_fitted *fitted);

size_t ps_fitted_feature_count(const struct ps_fitted *fitted);
const char *ps_fitted_feature_name(const struct ps_fitted *fitted, size_t feature);
/* Is it one sum of coefficients times features? Then these are they, on the scale of the features as TRANSFORM gives
 * them (Spark's), by feature ("origin=JFK"); of other models NaN. */
bool ps_fitted_has_coefficients(const struct ps_fitted *fitted);
double ps_fitted_coefficient(const struct ps_fitted *fitted, size_t feature);
double ps_fitted_intercept(const struct ps_fitted *fitted);

/* Columns of rows to predict; per input either doubles or texts. */
struct ps_input_column {
    const double *numbers; /* NULL for a text input */
    const struct ps_bytes *texts;
    const uint64_t *validity; /* as in sql/scan.h; NULL: all valid */
};
/* The number, or the index of the class: predictions_out[i] is NaN where the row cannot be predicted (a NULL no
 * Imputer fills, an unseen category under handleInvalid = 'skip'); 'error' gives INVALID_DATA with row, column and
 * value. Any thread. */
penstock_code ps_fitted_predict(const struct ps_fitted *fitted, const struct ps_input_column *columns,
                                int64_t row_count, double *predictions_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* The same for the probabilities of a model of classes: row * class_count + class. */
penstock_code ps_fitted_probabilities(const struct ps_fitted *fitted, const struct ps_input_column *columns,
                                      int64_t row_count, double *probabilities_out,
                                      struct penstock_error *error) PENSTOCK_MUST_USE;
/* The class that probabilities mean, by the model's threshold or thresholds; else the greatest. NaN: none. */
double ps_fitted_class(const struct ps_fitted *fitted, const double *probabilities);

#endif
