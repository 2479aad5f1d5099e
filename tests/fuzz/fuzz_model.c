/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_model.c - any bytes as the inside of a stored model, under a checksum that fits: a model that predicts and can
 * be written and read again, or an error. Seeds are models of all kinds of stages. The canary believes every text.
 */
#include "fuzz.h"

#include <math.h>

#include "base/check.h"
#include "model/fitted.h"

enum { INPUT_MAX = 64, ROW_COUNT = 3 };

/* Rows that are there, odd and missing: nothing but the result's code may depend on them. */
static void predict(const struct ps_fitted *fitted) {
    static const double numbers[ROW_COUNT] = {1, -1e308, 0};
    static const struct ps_bytes texts[ROW_COUNT] = {{"red", 3}, {"2026-11-23 06:00:00", 19}, {NULL, 0}};
    static const uint64_t validity = 3;
    struct ps_input_column columns[INPUT_MAX];
    const size_t count = ps_fitted_input_count(fitted);
    if (count > INPUT_MAX) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const bool is_text = ps_fitted_input_is_text(fitted, i);
        columns[i] = (struct ps_input_column){is_text ? NULL : numbers, is_text ? texts : NULL, &validity};
    }
    double predictions[ROW_COUNT];
    struct penstock_error error = {0};
    const penstock_code code = ps_fitted_predict(fitted, columns, ROW_COUNT, predictions, &error);
    ps_check(code == PENSTOCK_OK || code == PENSTOCK_INVALID_DATA || code == PENSTOCK_OUT_OF_MEMORY);
    for (size_t i = 0; code == PENSTOCK_OK && i < ROW_COUNT; i++) {
        ps_check(!isinf(predictions[i]));
    }
}

static void fuzz_one(const char *data, size_t size) {
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, (size_t)1 << 24);
    ps_buffer_text(&text, "{\"model\":");
    ps_buffer_add(&text, data, size);
    ps_buffer_printf(&text, ",\"checksum\":\"%016llx\"}", (unsigned long long)ps_hash(data, size, 0));
    struct ps_fitted *fitted = NULL;
    struct penstock_error error = {0};
    const penstock_code code = ps_fitted_from_json(text.data, text.size, &fitted, &error);
    if (code != PENSTOCK_OK) {
        ps_check(error.code == code && error.message[0] != '\0');
        ps_check(getenv("PENSTOCK_FUZZ_CANARY") == NULL);
        return;
    }
    predict(fitted);
    struct ps_buffer again PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&again, (size_t)1 << 24);
    ps_check(ps_fitted_to_json(fitted, &again, &error) == PENSTOCK_OK);
    ps_fitted_free(fitted);
    fitted = NULL;
    ps_check(ps_fitted_from_json(again.data, again.size, &fitted, &error) == PENSTOCK_OK);
    ps_fitted_free(fitted);
}
