/* SPDX-License-Identifier: Apache-2.0
 *
 * task.h - what is predicted: a number, one of two classes, or one of several.
 *
 * The estimator and the label decide it. A class is a distinct value of the label: numbers (and booleans) ascending,
 * texts by byte value. In training a class is its index 0, 1, ... as a double; the names stay with the model.
 */
#ifndef PS_MODEL_TASK_H
#define PS_MODEL_TASK_H

#include <stdbool.h>
#include <stddef.h>

/* Bits, so that a metric or an estimator can say which it is for. */
enum ps_task { PS_TASK_REGRESSION = 1, PS_TASK_BINARY = 2, PS_TASK_MULTICLASS = 4 };
#define PS_TASK_CLASSES (PS_TASK_BINARY | PS_TASK_MULTICLASS)
#define PS_TASK_ANY (PS_TASK_REGRESSION | PS_TASK_CLASSES)

struct ps_target {
    enum ps_task task;
    size_t class_count;             /* 0: a regression */
    const char *const *class_names; /* class_count */
    bool is_text;                   /* the label is VARCHAR */
};

#endif
