/* SPDX-License-Identifier: Apache-2.0
 *
 * xgboost_absent.c - in place of xgboost.c in a build without XGBoost (-Dxgboost=disabled).
 *
 * Everything else is there: a model of trees that was trained elsewhere is read and predicts.
 */
#include "model/xgboost.h"

penstock_code ps_xgboost_open(struct ps_xgboost *xgboost_out, struct penstock_error *error) {
    (void)xgboost_out;
    (void)ps_error_set(error, PENSTOCK_UNSUPPORTED,
                       "this penstock was built without XGBoost: it cannot train GradientBoostedTrees");
    (void)ps_error_hint(error, "build it with libxgboost-dev and -Dxgboost=enabled");
    return PENSTOCK_UNSUPPORTED;
}

penstock_code ps_xgboost_status(const struct ps_xgboost *xgboost, int status, struct penstock_error *error) {
    (void)xgboost;
    return status == 0 ? PENSTOCK_OK : ps_error_set(error, PENSTOCK_INTERNAL, "XGBoost is not there");
}
