/* SPDX-License-Identifier: Apache-2.0
 *
 * xgboost.h - what is used of XGBoost's C API, found when it is first needed.
 *
 * The library is opened by name, not linked: linking it would cost every start of the program some milliseconds,
 * and models that are there predict without it. xgboost.c checks these types against XGBoost's own header;
 * a build without XGBoost has xgboost_absent.c instead.
 */
#ifndef PS_MODEL_XGBOOST_H
#define PS_MODEL_XGBOOST_H

#include <stdint.h>

#include "base/memory.h"

struct ps_xgboost {
    int (*set_global_config)(const char *config);
    int (*register_log_callback)(void (*callback)(const char *text));
    const char *(*last_error)(void);
    int (*proxy_create)(void **matrix_out);
    int (*proxy_set_dense)(void *matrix, const char *values);
    int (*proxy_set_csr)(void *matrix, const char *starts, const char *indices, const char *values,
                         uint64_t column_count);
    int (*quantile_create)(void *iterator, void *proxy, void *reference, void (*reset)(void *iterator),
                           int (*next)(void *iterator), const char *config, void **matrix_out);
    int (*matrix_create_dense)(const char *values, const char *config, void **matrix_out);
    int (*matrix_create_csr)(const char *starts, const char *indices, const char *values,
                             uint64_t column_count, const char *config, void **matrix_out);
    int (*matrix_set_floats)(void *matrix, const char *field, const float *values, uint64_t count);
    int (*matrix_free)(void *matrix);
    int (*booster_create)(void *const matrices[], uint64_t count, void **booster_out);
    int (*booster_set_param)(void *booster, const char *name, const char *value);
    int (*booster_update)(void *booster, int iteration, void *matrix);
    int (*booster_evaluate)(void *booster, int iteration, void *matrices[], const char *names[],
                            uint64_t count, const char **text_out);
    int (*booster_save)(void *booster, const char *config, uint64_t *size_out, const char **data_out);
    int (*booster_free)(void *booster);
};

/* Opens the library (again: nothing but a few look-ups) and keeps it from writing to the terminal in this thread.
 * Errors: UNSUPPORTED (not installed, or a build without it). */
penstock_code ps_xgboost_open(struct ps_xgboost *xgboost_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* `status` of a call as an error: XGBoost's own sentence, without its stack trace. */
penstock_code ps_xgboost_status(const struct ps_xgboost *xgboost, int status, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
