/* SPDX-License-Identifier: Apache-2.0
 *
 * loss.c - the table of losses, and the loss of a row.
 */
#include "model/loss.h"

#include <math.h>

#include "base/bytes.h"
#include "base/option.h"

/* A model that was certain and wrong is not infinitely wrong; the same bound as the metric logLoss has. */
#define PROBABILITY_MIN 1e-15

const struct ps_loss_metric ps_loss_metrics[] = {
    {"rmse", PS_LOSS_SQUARED, PS_TASK_REGRESSION, true, "rmse"},
    {"mse", PS_LOSS_SQUARED, PS_TASK_REGRESSION, false, "mse"},
    {"mae", PS_LOSS_ABSOLUTE, PS_TASK_REGRESSION, false, "mae"},
    {"logLoss", PS_LOSS_LOG, PS_TASK_CLASSES, false, "logLoss"},
    {"accuracy", PS_LOSS_ZERO_ONE, PS_TASK_CLASSES, false, "error rate"},
    {0},
};

const struct ps_loss_metric *ps_loss_find(const char *name) {
    for (const struct ps_loss_metric *metric = ps_loss_metrics; metric->name != NULL; metric++) {
        if (ps_option_name_equal(metric->name, name)) {
            return metric;
        }
    }
    return NULL;
}

const struct ps_loss_metric *ps_loss_of(enum ps_task task, const char *search_metric) {
    if ((task & PS_TASK_CLASSES) != 0) {
        return ps_loss_find("logLoss");
    }
    return ps_loss_find(search_metric != NULL && ps_option_name_equal(search_metric, "mae") ? "mae" : "rmse");
}

static size_t greatest(const double *outputs, size_t class_count) {
    size_t best = 0;
    for (size_t i = 1; i < class_count; i++) {
        best = outputs[i] > outputs[best] ? i : best;
    }
    return best;
}

double ps_loss_row(enum ps_loss loss, double label, const double *outputs, size_t class_count) {
    const double residual = label - outputs[0];
    switch (loss) {
    case PS_LOSS_SQUARED: return residual * residual;
    case PS_LOSS_ABSOLUTE: return fabs(residual);
    case PS_LOSS_LOG:
    case PS_LOSS_ZERO_ONE: break;
    }
    if (!(label >= 0.0 && label < (double)class_count) || !isfinite(outputs[0])) {
        return (double)NAN;
    }
    const size_t class_index = (size_t)label;
    if (loss == PS_LOSS_ZERO_ONE) {
        return greatest(outputs, class_count) == class_index ? 0.0 : 1.0;
    }
    return -log(fmax(outputs[class_index], PROBABILITY_MIN));
}
