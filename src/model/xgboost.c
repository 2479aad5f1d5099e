/* SPDX-License-Identifier: Apache-2.0
 *
 * xgboost.c - opening XGBoost's shared library.
 *
 * It stays open until the process ends: it brings an OpenMP runtime whose threads must not lose their code. What it
 * has to say about itself is thrown away; what went wrong comes back as the error of a call.
 */
#include "model/xgboost.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <xgboost/c_api.h>

/* The types in xgboost.h are the library's. */
#define SAME(member, function) \
    _Static_assert( \
        __builtin_types_compatible_p(__typeof__(((struct ps_xgboost *)0)->member), __typeof__(&(function))), \
        #function " has another type")
SAME(set_global_config, XGBSetGlobalConfig);
SAME(register_log_callback, XGBRegisterLogCallback);
SAME(last_error, XGBGetLastError);
SAME(proxy_create, XGProxyDMatrixCreate);
SAME(proxy_set_dense, XGProxyDMatrixSetDataDense);
SAME(proxy_set_csr, XGProxyDMatrixSetDataCSR);
SAME(quantile_create, XGQuantileDMatrixCreateFromCallback);
SAME(matrix_create_dense, XGDMatrixCreateFromDense);
SAME(matrix_create_csr, XGDMatrixCreateFromCSR);
SAME(matrix_set_floats, XGDMatrixSetFloatInfo);
SAME(matrix_free, XGDMatrixFree);
SAME(booster_create, XGBoosterCreate);
SAME(booster_set_param, XGBoosterSetParam);
SAME(booster_update, XGBoosterUpdateOneIter);
SAME(booster_evaluate, XGBoosterEvalOneIter);
SAME(booster_save, XGBoosterSaveModelToBuffer);
SAME(booster_free, XGBoosterFree);

static const struct symbol {
    const char *name;
    size_t offset;
} symbols[] = {
    {"XGBSetGlobalConfig", offsetof(struct ps_xgboost, set_global_config)},
    {"XGBRegisterLogCallback", offsetof(struct ps_xgboost, register_log_callback)},
    {"XGBGetLastError", offsetof(struct ps_xgboost, last_error)},
    {"XGProxyDMatrixCreate", offsetof(struct ps_xgboost, proxy_create)},
    {"XGProxyDMatrixSetDataDense", offsetof(struct ps_xgboost, proxy_set_dense)},
    {"XGProxyDMatrixSetDataCSR", offsetof(struct ps_xgboost, proxy_set_csr)},
    {"XGQuantileDMatrixCreateFromCallback", offsetof(struct ps_xgboost, quantile_create)},
    {"XGDMatrixCreateFromDense", offsetof(struct ps_xgboost, matrix_create_dense)},
    {"XGDMatrixCreateFromCSR", offsetof(struct ps_xgboost, matrix_create_csr)},
    {"XGDMatrixSetFloatInfo", offsetof(struct ps_xgboost, matrix_set_floats)},
    {"XGDMatrixFree", offsetof(struct ps_xgboost, matrix_free)},
    {"XGBoosterCreate", offsetof(struct ps_xgboost, booster_create)},
    {"XGBoosterSetParam", offsetof(struct ps_xgboost, booster_set_param)},
    {"XGBoosterUpdateOneIter", offsetof(struct ps_xgboost, booster_update)},
    {"XGBoosterEvalOneIter", offsetof(struct ps_xgboost, booster_evaluate)},
    {"XGBoosterSaveModelToBuffer", offsetof(struct ps_xgboost, booster_save)},
    {"XGBoosterFree", offsetof(struct ps_xgboost, booster_free)},
};

static void ignore(const char *text) {
    (void)text;
}

static void *open_library(void) {
    static const char *const names[] = {"libxgboost.so.0", "libxgboost.so"};
    void *library = NULL;
    for (size_t i = 0; library == NULL && i < sizeof names / sizeof names[0]; i++) {
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    }
    return library;
}

penstock_code ps_xgboost_open(struct ps_xgboost *xgboost_out, struct penstock_error *error) {
    struct ps_xgboost xgboost = {0};
    void *library = open_library();
    if (library == NULL) {
        const char *cause = dlerror();
        (void)ps_error_set(error, PENSTOCK_UNSUPPORTED,
                           "training GradientBoostedTrees needs the library XGBoost, which is not there");
        (void)ps_error_detail(error, "%s", cause == NULL ? "" : cause);
        (void)ps_error_hint(error,
                            "install it (Debian: libxgboost0); models that are trained predict without it");
        return PENSTOCK_UNSUPPORTED;
    }
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        void *address = dlsym(library, symbols[i].name);
        if (address == NULL) {
            (void)dlclose(library);
            return ps_error_set(error, PENSTOCK_UNSUPPORTED,
                                "the library XGBoost has no %s: it is older than 1.7", symbols[i].name);
        }
        memcpy((char *)&xgboost + symbols[i].offset, &address, sizeof address);
    }
    (void)dlclose(library); /* it stays, see RTLD_NODELETE */
    (void)xgboost.register_log_callback(ignore);
    (void)xgboost.set_global_config("{\"verbosity\": 0}");
    *xgboost_out = xgboost;
    return PENSTOCK_OK;
}

penstock_code ps_xgboost_status(const struct ps_xgboost *xgboost, int status, struct penstock_error *error) {
    if (status == 0) {
        return PENSTOCK_OK;
    }
    const char *text = xgboost->last_error();
    if (text == NULL) {
        text = "";
    }
    if (strstr(text, "bad_alloc") != NULL) {
        return ps_error_memory(error, "XGBoost");
    }
    const char *sentence = text; /* [12:34:56] ../src/file.cc:12: Check failed: ...: SENTENCE */
    const char *failed = strstr(text, "Check failed: ");
    if (failed != NULL) {
        const char *colon = strstr(failed + strlen("Check failed: "), ": ");
        sentence = colon != NULL ? colon + 2 : failed;
    } else if (text[0] == '[') {
        const char *colon = strstr(text, ": ");
        sentence = colon != NULL ? colon + 2 : text;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "XGBoost refuses: %.*s", (int)strcspn(sentence, "\n"),
                       sentence);
    (void)ps_error_detail(error, "%.*s", (int)strcspn(text, "\n"), text);
    return PENSTOCK_INVALID_DATA;
}
