/* SPDX-License-Identifier: Apache-2.0
 *
 * model_page.h - a registered version as one HTML page: from the registry's JSON, with nothing to load from elsewhere.
 */
#ifndef PS_CLI_MODEL_PAGE_H
#define PS_CLI_MODEL_PAGE_H

#include <yyjson.h>

#include "publish/page.h"

/* json: as ps_app_models_show() gives it. Errors: INTERNAL (no JSON), OUT_OF_MEMORY. */
penstock_code ps_model_page_write(const char *json, size_t size, struct ps_buffer *html,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;

/* Private to model_page.c and model_charts.c. */
/* Sections that are drawn; each writes nothing when there is nothing to draw. */
void ps_page_search(struct ps_buffer *html, yyjson_val *search);
void ps_page_residuals(struct ps_buffer *html, yyjson_val *parts);
void ps_page_calibration(struct ps_buffer *html, yyjson_val *parts);
void ps_page_drift(struct ps_buffer *html, yyjson_val *drift);
void ps_page_slices(struct ps_buffer *html, yyjson_val *slices);
void ps_page_coefficients(struct ps_buffer *html, yyjson_val *coefficients, yyjson_val *intercept);
void ps_page_importances(struct ps_buffer *html, yyjson_val *importances);
void ps_page_columns(struct ps_buffer *html, yyjson_val *columns);

#endif
