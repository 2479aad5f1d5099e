/* SPDX-License-Identifier: Apache-2.0
 *
 * leaks.h - is the answer among the questions? Columns that tell the label by themselves.
 *
 * Looked for in the sample of the training rows: a number whose order is the label's (a copy, a logarithm, the amount
 * that a class was cut from), a text each value of which stands for one value of the label. It is a warning: such a
 * column may be honest, but the model will be useless where it is not known in time.
 */
#ifndef PS_MODEL_LEAKS_H
#define PS_MODEL_LEAKS_H

#include "model/notes.h"
#include "model/train.h"

/* Sets candidate->sanity.leaks and adds a note for each. Nothing with few rows, or with a label that hardly varies. */
penstock_code ps_leaks_find(struct ps_candidate *candidate, struct ps_notes *notes,
                            struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
