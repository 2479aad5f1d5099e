/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_onnx.c - any bytes as an ONNX file: an error with a sentence, or a model that can be written and read back.
 */
#include "fuzz.h"

#include "model/import.h"

static void fuzz_one(const char *data, size_t size) {
    static const char *const map[] = {"X=a,b,c,d", NULL};
    struct ps_arena *arena = ps_arena_new(0);
    const struct ps_import_options options = {.path = "fuzz.onnx", .column_map = map};
    struct ps_import_report report = {0};
    struct ps_fitted *fitted = NULL, *again = NULL;
    struct penstock_error error = {0};
    if (arena == NULL) {
        abort();
    }
    const penstock_code code = ps_model_import_onnx(data, size, &options, arena, &fitted, &report, &error);
    if (code != PENSTOCK_OK &&
        (fitted != NULL || error.message[0] == '\0' || error.code == PENSTOCK_INTERNAL)) {
        abort();
    }
    if (code == PENSTOCK_OK && getenv("PENSTOCK_FUZZ_CANARY") != NULL) {
        abort(); /* the seeds are good models: somebody must get here */
    }
    if (code == PENSTOCK_OK) {
        struct ps_buffer json;
        ps_buffer_init(&json, (size_t)64 << 20);
        if (ps_fitted_to_json(fitted, &json, &error) != PENSTOCK_OK ||
            ps_fitted_from_json(json.data, json.size, &again, &error) != PENSTOCK_OK) {
            abort();
        }
        ps_buffer_done(&json);
    }
    ps_fitted_free(again);
    ps_fitted_free(fitted);
    ps_arena_free(arena);
}
