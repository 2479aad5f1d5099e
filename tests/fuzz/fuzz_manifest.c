/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_manifest.c - any bytes as penstock.yml: values in their ranges, or an error with a place.
 */
#include "fuzz.h"

#include "base/check.h"
#include "job/manifest.h"

static void fuzz_one(const char *data, size_t size) {
    struct ps_arena *arena = ps_arena_new((size_t)256 << 20);
    ps_check(arena != NULL);
    struct ps_manifest_reading reading = {.arena = arena};
    struct penstock_error error = {0};
    const penstock_code code = ps_manifest_read(data, size, &reading, &error);
    if (code != PENSTOCK_OK) {
        ps_check(code == PENSTOCK_INVALID_PROJECT && error.code == code);
        ps_check(strncmp(error.message, "penstock.yml:", 13) == 0);
    } else {
        int64_t core_count = 0;
        ps_check(reading.manifest.epoch_rows >= 1 && reading.manifest.epoch_interval_ms >= 1);
        ps_check(reading.manifest.executor_memory >= (64 << 20) && reading.manifest.num_executors >= 1);
        if (ps_master_read(reading.manifest.master, &core_count, &error) == PENSTOCK_OK) {
            ps_check(core_count >= 1);
        }
        for (size_t i = 0; i < reading.variable_count; i++) {
            ps_check(reading.variables[i].name != NULL && reading.variables[i].value != NULL);
        }
    }
    ps_arena_free(arena);
}
