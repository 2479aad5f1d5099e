/* SPDX-License-Identifier: Apache-2.0
 *
 * thresholds.c - reading thresholds, and where a predictor keeps them.
 */
#include "model/thresholds.h"

#include <math.h>
#include <string.h>

#include "base/option.h"

/* Characters of a number at most. */
enum { NUMBER_MAX = 64 };

/* The next number behind *at; false: there is none, or what is there is no number. */
static bool next_number(const char **at, double *number_out, bool *is_bad) {
    const char *start = *at + strspn(*at, " [,");
    const size_t size = strcspn(start, " ],");
    char text[NUMBER_MAX];
    *is_bad = size >= sizeof text;
    if (size == 0 || *is_bad) {
        return false;
    }
    memcpy(text, start, size);
    text[size] = '\0';
    *at = start + size;
    *is_bad = !ps_parse_double(text, number_out);
    return !*is_bad;
}

penstock_code ps_thresholds_check(const char *text, double threshold, struct penstock_error *error) {
    double numbers[2] = {0}, number = 0;
    size_t count = 0, zero_count = 0;
    bool is_bad = false;
    const char *at = text;
    while (at != NULL && next_number(&at, &number, &is_bad)) {
        numbers[count < 2 ? count : 1] = number;
        is_bad = is_bad || number < 0;
        zero_count += number == 0 ? 1 : 0;
        count++;
        if (is_bad) {
            break;
        }
    }
    if (text == NULL) {
        return PENSTOCK_OK;
    }
    if (is_bad || count < 2 || zero_count > 1) {
        (void)ps_error_set(
            error, PENSTOCK_INVALID_PROJECT,
            "thresholds is a list of numbers, one for each class, none below 0 and at most one 0; "
            "not %s",
            text);
        return ps_error_hint(error, "thresholds = [0.3, 0.7]");
    }
    /* Spark's tolerance */
    if (count == 2 && !isnan(threshold) && threshold != 0.5 &&
        !(fabs(1 / (1 + numbers[0] / numbers[1]) - threshold) < 1e-5)) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                           "threshold = %g and thresholds = %s contradict each other: thresholds mean %g",
                           threshold, text, 1 / (1 + numbers[0] / numbers[1]));
        return ps_error_hint(error, "give one of them");
    }
    return PENSTOCK_OK;
}

penstock_code ps_thresholds_set(const char *text, struct ps_predictor *predictor,
                                struct penstock_error *error) {
    const size_t class_count = predictor->output_count;
    size_t count = 0;
    double number = 0;
    bool is_bad = false;
    if (text == NULL || predictor->task == PS_TASK_REGRESSION) {
        return PENSTOCK_OK;
    }
    double *thresholds PS_SCOPED(ps_release_scoped) = ps_allocate(class_count, sizeof(double));
    if (thresholds == NULL) {
        return ps_error_memory(error, "thresholds");
    }
    for (const char *at = text; next_number(&at, &number, &is_bad); count++) {
        thresholds[count < class_count ? count : 0] = number;
    }
    if (count != class_count) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "thresholds are %zu, but the label has %zu classes",
                            count, class_count);
    }
    if (predictor->type == &ps_linear_predictor_type &&
        ((struct ps_linear_predictor *)(void *)predictor)->sum_count == 1) {
        ((struct ps_linear_predictor *)(void *)predictor)->threshold =
            1 / (1 + thresholds[0] / thresholds[1]);
        return PENSTOCK_OK;
    }
    predictor->thresholds = ps_take(thresholds);
    return PENSTOCK_OK;
}
