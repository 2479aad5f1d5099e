/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics.c - the table of metrics: which there are, for which tasks, which is the default.
 *
 * They are computed in metrics_regression.c and metrics_classes.c.
 */
#include "model/metrics.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/option.h"

#define NUMBER(field) offsetof(struct ps_metrics, field)
const struct ps_metric_type ps_metric_types[] = {
    {"rmse", NUMBER(rmse), PS_TASK_REGRESSION, false, false, "root of the mean squared error"},
    {"mse", NUMBER(mse), PS_TASK_REGRESSION, false, false, "mean squared error"},
    {"r2", NUMBER(r2), PS_TASK_REGRESSION, true, false, "share of the label's variance that is explained"},
    {"mae", NUMBER(mae), PS_TASK_REGRESSION, false, true,
     "mean absolute error; needs a second scan of the data"},
    {"mape", NUMBER(mape), PS_TASK_REGRESSION, false, true,
     "mean absolute error as a share of the label, 0.1 is 10 percent; needs a second scan of the data"},
    {"var", NUMBER(var), PS_TASK_REGRESSION, true, false,
     "explained variance: mean squared distance of predictions from the label's mean"},
    {"areaUnderROC", NUMBER(area_under_roc), PS_TASK_BINARY, true, true,
     "how often a row of the second class has the greater probability than one of the first"},
    {"areaUnderPR", NUMBER(area_under_pr), PS_TASK_BINARY, true, true,
     "area under precision over recall of the second class"},
    {"logLoss", NUMBER(log_loss), PS_TASK_CLASSES, false, true,
     "mean of -log of the probability that the right class was given"},
    {"accuracy", NUMBER(accuracy), PS_TASK_CLASSES, true, true, "share of rows whose class is right"},
    {"f1", NUMBER(f1), PS_TASK_CLASSES, true, true,
     "harmonic mean of precision and recall, of each class by its share of rows"},
    {"weightedPrecision", NUMBER(weighted_precision), PS_TASK_CLASSES, true, true,
     "precision of each class by its share of rows"},
    {"weightedRecall", NUMBER(weighted_recall), PS_TASK_CLASSES, true, true,
     "recall of each class by its share of rows; as accuracy"},
    {"weightedFalsePositiveRate", NUMBER(weighted_false_positive_rate), PS_TASK_CLASSES, false, true,
     "share of other rows that are given the class, of each class by its share of rows"},
    {"hammingLoss", NUMBER(hamming_loss), PS_TASK_CLASSES, false, true, "share of rows whose class is wrong"},
    {0},
};
#undef NUMBER

/* Spark's other names of the same numbers (beta is 1). */
static const char *const aliases[][2] = {
    {"weightedTruePositiveRate", "weightedRecall"},
    {"weightedFMeasure", "f1"},
    {NULL, NULL},
};

double ps_metric_read(const struct ps_metric_type *type, const struct ps_metrics *metrics) {
    double value;
    memcpy(&value, (const char *)metrics + type->offset, sizeof value);
    return value;
}

void ps_metrics_clear(struct ps_metrics *metrics_out) {
    *metrics_out = (struct ps_metrics){0};
    for (size_t at = offsetof(struct ps_metrics, rmse); at < sizeof *metrics_out; at += sizeof(double)) {
        memcpy((char *)metrics_out + at, &(double){(double)NAN}, sizeof(double));
    }
}

const struct ps_metric_type *ps_metric_find(const char *name) {
    for (size_t i = 0; aliases[i][0] != NULL; i++) {
        name = ps_option_name_equal(aliases[i][0], name) ? aliases[i][1] : name;
    }
    for (const struct ps_metric_type *type = ps_metric_types; type->name != NULL; type++) {
        if (ps_option_name_equal(type->name, name)) {
            return type;
        }
    }
    return NULL;
}

const struct ps_metric_type *ps_metric_default(unsigned tasks) {
    return ps_metric_find((tasks & PS_TASK_REGRESSION) != 0 ? "rmse"
                          : tasks == PS_TASK_BINARY         ? "areaUnderROC"
                                                            : "f1");
}

const char *ps_metric_names(unsigned tasks, struct ps_arena *arena) {
    const char *text = "";
    for (const struct ps_metric_type *type = ps_metric_types; text != NULL && type->name != NULL; type++) {
        if ((type->tasks & tasks) != 0) {
            text = ps_arena_printf(arena, "%s%s%s", text, text[0] == '\0' ? "" : ", ", type->name);
        }
    }
    return text;
}
