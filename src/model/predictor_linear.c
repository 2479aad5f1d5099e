/* SPDX-License-Identifier: Apache-2.0
 *
 * predictor_linear.c - sums of coefficients times features, and what a link makes of them.
 *
 * Terms are added in the order of the features, one after the other, as everything that applies a linear model
 * here does: so a model says the same bits in training, in a file and in a stream.
 */
#include <math.h>
#include <string.h>

#include "model/predictor.h"

static const char *const link_names[] = {
    [PS_LINK_IDENTITY] = "identity", [PS_LINK_LOG] = "log",       [PS_LINK_INVERSE] = "inverse",
    [PS_LINK_LOGIT] = "logit",       [PS_LINK_PROBIT] = "probit", [PS_LINK_CLOGLOG] = "cloglog",
    [PS_LINK_SQRT] = "sqrt",         [PS_LINK_POWER] = "power",   [PS_LINK_SOFTMAX] = "softmax",
};
enum { LINK_COUNT = sizeof link_names / sizeof link_names[0] };

const char *ps_link_name(enum ps_link link) {
    return (size_t)link < LINK_COUNT ? link_names[link] : NULL;
}

static const struct ps_linear_predictor *linear_of(const struct ps_predictor *predictor) {
    return (const struct ps_linear_predictor *)predictor; /* its first member */
}

/* Adds a column's term to sum `s` of every row. */
static void add_number(const struct ps_linear_predictor *linear, const struct ps_feature_column *column,
                       size_t row_count, double *sums) {
    const size_t width = linear->sum_count;
    for (size_t s = 0; s < width; s++) {
        const double coefficient =
            linear->coefficients[s * linear->predictor.feature_count + column->feature];
        for (size_t i = 0; i < row_count; i++) {
            sums[i * width + s] += coefficient * column->numbers[i];
        }
    }
}

static void add_group(const struct ps_linear_predictor *linear, const struct ps_feature_column *column,
                      size_t row_count, double *sums) {
    const size_t width = linear->sum_count;
    for (size_t i = 0; i < row_count; i++) {
        const int32_t index = column->indexes[i];
        const int32_t feature = index < 0 ? -1 : column->features[index];
        if (feature < 0) {
            continue;
        }
        const double value = column->values == NULL ? 1 : column->values[i];
        for (size_t s = 0; s < width; s++) {
            sums[i * width + s] +=
                linear->coefficients[s * linear->predictor.feature_count + (size_t)feature] * value;
        }
    }
}

double ps_link_mean(enum ps_link link, double link_power, double sum) {
    switch (link) {
    case PS_LINK_IDENTITY:
    case PS_LINK_SOFTMAX: return sum;
    case PS_LINK_LOG: return exp(sum);
    case PS_LINK_INVERSE: return 1 / sum;
    case PS_LINK_LOGIT: return 1 / (1 + exp(-sum));
    case PS_LINK_PROBIT: return 0.5 * erfc(-sum * 0.70710678118654752440);
    case PS_LINK_CLOGLOG: return -expm1(-exp(sum));
    case PS_LINK_SQRT: return sum * sum;
    case PS_LINK_POWER: return link_power == 0 ? exp(sum) : pow(sum, 1 / link_power);
    }
    return (double)NAN;
}

/* Sums of one row become probabilities; the largest is taken away first, so that nothing overflows. */
static void soften(double *sums, size_t count) {
    double largest = sums[0];
    for (size_t s = 1; s < count; s++) {
        largest = sums[s] > largest ? sums[s] : largest;
    }
    double total = 0;
    for (size_t s = 0; s < count; s++) {
        sums[s] = exp(sums[s] - largest);
        total += sums[s];
    }
    for (size_t s = 0; s < count; s++) {
        sums[s] /= total;
    }
}

static void link_rows(const struct ps_linear_predictor *linear, size_t row_count, double *outputs) {
    if (linear->link == PS_LINK_SOFTMAX) {
        for (size_t i = 0; i < row_count; i++) {
            soften(outputs + i * linear->sum_count, linear->sum_count);
        }
    } else if (linear->predictor.output_count == 2) {
        /* one sum, two classes; from the last row on, since the sums lie where the outputs will */
        for (size_t i = row_count; i > 0; i--) {
            const double sum = outputs[i - 1];
            outputs[2 * i - 2] = 1 / (1 + exp(sum));
            outputs[2 * i - 1] = 1 / (1 + exp(-sum));
        }
    } else if (linear->link != PS_LINK_IDENTITY) {
        for (size_t i = 0; i < row_count; i++) {
            outputs[i] = ps_link_mean(linear->link, linear->link_power, outputs[i]);
        }
    }
}

static penstock_code apply(const struct ps_predictor *predictor, const struct ps_features *features,
                           double *outputs_out, struct penstock_error *error) {
    (void)error;
    const struct ps_linear_predictor *linear = linear_of(predictor);
    for (size_t i = 0; i < features->row_count; i++) {
        memcpy(outputs_out + i * linear->sum_count, linear->intercepts, linear->sum_count * sizeof(double));
    }
    for (size_t c = 0; c < features->column_count; c++) {
        if (features->columns[c].numbers != NULL) {
            add_number(linear, &features->columns[c], features->row_count, outputs_out);
        } else {
            add_group(linear, &features->columns[c], features->row_count, outputs_out);
        }
    }
    link_rows(linear, features->row_count, outputs_out);
    return PENSTOCK_OK;
}

static penstock_code write(const struct ps_predictor *predictor, yyjson_mut_doc *doc, yyjson_mut_val *object,
                           struct penstock_error *error) {
    (void)error;
    const struct ps_linear_predictor *linear = linear_of(predictor);
    (void)yyjson_mut_obj_add_str(doc, object, "link", link_names[linear->link]);
    if (linear->link == PS_LINK_POWER) {
        (void)yyjson_mut_obj_add_real(doc, object, "linkPower", linear->link_power);
    }
    if (predictor->task == PS_TASK_BINARY) {
        (void)yyjson_mut_obj_add_real(doc, object, "threshold", linear->threshold);
    }
    ps_predictor_write_numbers(doc, object, "intercepts", linear->intercepts, linear->sum_count);
    ps_predictor_write_numbers(doc, object, "coefficients", linear->coefficients,
                               linear->sum_count * predictor->feature_count);
    return PENSTOCK_OK;
}

/* How many sums a link needs for so many outputs; 0: they do not go together. */
static size_t sum_count_of(enum ps_task task, enum ps_link link, size_t output_count) {
    if (link == PS_LINK_SOFTMAX) {
        return task == PS_TASK_REGRESSION ? 0 : output_count;
    }
    return task == PS_TASK_REGRESSION || (task == PS_TASK_BINARY && link == PS_LINK_LOGIT) ? 1 : 0;
}

static penstock_code read_members(yyjson_val *object, struct ps_linear_predictor *linear,
                                  struct penstock_error *error) {
    double numbers[2] = {0, 0.5};
    yyjson_val *power = yyjson_obj_get(object, "linkPower");
    yyjson_val *threshold = yyjson_obj_get(object, "threshold");
    numbers[0] = yyjson_is_num(power) ? yyjson_get_num(power) : 0;
    numbers[1] = yyjson_is_num(threshold) ? yyjson_get_num(threshold) : 0.5;
    if (!isfinite(numbers[0]) || !(numbers[1] >= 0 && numbers[1] <= 1)) {
        return ps_predictor_damaged(error, "the power or the threshold of its link is wrong");
    }
    linear->link_power = numbers[0];
    linear->threshold = numbers[1];
    if (!ps_predictor_read_numbers(yyjson_obj_get(object, "intercepts"), linear->intercepts,
                                   linear->sum_count) ||
        !ps_predictor_read_numbers(yyjson_obj_get(object, "coefficients"), linear->coefficients,
                                   linear->sum_count * linear->predictor.feature_count)) {
        return ps_predictor_damaged(error, "it has not the coefficients it needs");
    }
    return PENSTOCK_OK;
}

static void free_linear(struct ps_predictor *predictor) {
    struct ps_linear_predictor *linear = (struct ps_linear_predictor *)predictor;
    ps_release(linear->intercepts);
    ps_release(linear->coefficients);
    ps_release(linear);
}

static penstock_code read(yyjson_val *object, size_t feature_count, struct ps_predictor **predictor_out,
                          struct penstock_error *error) {
    enum ps_task task = PS_TASK_REGRESSION;
    size_t output_count = 0;
    PS_TRY(ps_predictor_read_head(object, &task, &output_count, error));
    size_t link = 0;
    while (link < LINK_COUNT && !yyjson_equals_str(yyjson_obj_get(object, "link"), link_names[link])) {
        link++;
    }
    const size_t sum_count = link == LINK_COUNT ? 0 : sum_count_of(task, (enum ps_link)link, output_count);
    if (sum_count == 0) {
        return ps_predictor_damaged(error, "its link is not one of its task");
    }
    struct ps_linear_predictor *linear = NULL;
    PS_TRY(ps_linear_predictor_new(task, (enum ps_link)link, sum_count, feature_count, output_count, &linear,
                                   error));
    const penstock_code code = read_members(object, linear, error);
    if (code != PENSTOCK_OK) {
        free_linear(&linear->predictor);
        return code;
    }
    *predictor_out = &linear->predictor;
    return PENSTOCK_OK;
}

const struct ps_predictor_type ps_linear_predictor_type = {"linear", apply, write, read, free_linear, NULL};

penstock_code ps_linear_predictor_new(enum ps_task task, enum ps_link link, size_t sum_count,
                                      size_t feature_count, size_t output_count,
                                      struct ps_linear_predictor **predictor_out,
                                      struct penstock_error *error) {
    struct ps_linear_predictor *linear = ps_allocate(1, sizeof *linear);
    if (linear == NULL) {
        return ps_error_memory(error, "a linear model");
    }
    linear->predictor =
        (struct ps_predictor){&ps_linear_predictor_type, task, feature_count, output_count, NULL};
    linear->link = link;
    linear->threshold = 0.5;
    linear->sum_count = sum_count;
    linear->intercepts = ps_allocate(sum_count, sizeof(double));
    linear->coefficients = ps_allocate(sum_count * feature_count + 1, sizeof(double));
    if (linear->intercepts == NULL || linear->coefficients == NULL) {
        free_linear(&linear->predictor);
        return ps_error_memory(error, "a linear model");
    }
    *predictor_out = linear;
    return PENSTOCK_OK;
}
