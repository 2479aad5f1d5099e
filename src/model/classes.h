/* SPDX-License-Identifier: Apache-2.0
 *
 * classes.h - which classes the label has, and their indexes as SQL.
 *
 * Classes are the distinct values of the training rows: numbers ascending, false before true, texts by byte value.
 * From then on the label is its index 0, 1, ... everywhere; a hold-out row of a class that training has not seen is
 * -1, which no prediction can meet.
 */
#ifndef PS_MODEL_CLASSES_H
#define PS_MODEL_CLASSES_H

#include "model/dataset.h"

/* Classes of a label at most: each is a probability of every row. */
#define PS_LIMIT_CLASS_COUNT 1000

/* Decides the task, finds the classes, sets the dataset's label and settles the recipe's metrics. Names in the
 * arena. Errors: INVALID_DATA (one class only, too many), INVALID_PROJECT (a metric of another task), SQL. */
penstock_code ps_classes_find(struct ps_dataset *dataset, struct ps_recipe *recipe, struct ps_arena *arena,
                              struct ps_target *target_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* The same for a target that is known already. */
penstock_code ps_classes_apply(struct ps_dataset *dataset, struct ps_recipe *recipe,
                               const struct ps_target *target, struct ps_arena *arena,
                               struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
