/* SPDX-License-Identifier: Apache-2.0
 *
 * formula.h - a fitted model as a list of simple steps, which is what it is exported from.
 *
 * Every transform comes down to a few operations on single columns. Written down as steps, each reading earlier
 * ones, a model can be put into any format by something that knows a dozen operations, not twenty transforms. A
 * transform that has no steps is named (ps_formula_make). Values of a row: numbers, where NaN is "missing", and
 * texts. A row with a NaN in what the features read cannot be predicted.
 */
#ifndef PS_MODEL_FORMULA_H
#define PS_MODEL_FORMULA_H

#include "model/model.h"

enum ps_formula_op {
    PS_FORMULA_NUMBER, /* a column of the rows */
    PS_FORMULA_TEXT,   /* the same, of texts */
    PS_FORMULA_AFFINE, /* (a - numbers[0]) * numbers[1] + numbers[2] */
    PS_FORMULA_FILL,   /* numbers[0] where a is missing or numbers[1] (NaN: nothing else), else a */
    PS_FORMULA_BUCKET, /* place of a among the splits in list; the last interval is closed. unknown: missing */
    PS_FORMULA_INDEX,  /* place of a among the categories. unknown: none of them */
    PS_FORMULA_PRODUCT, /* a * b */
};
#define PS_NO_STEP SIZE_MAX

struct ps_formula_step {
    enum ps_formula_op op;
    size_t inputs[2];
    const char *name;      /* of the column, or of the one that a transform makes */
    const char *type_text; /* NUMBER, TEXT: its SQL type */
    size_t transform;      /* of the pipeline; PS_NO_STEP for NUMBER and TEXT */
    double numbers[3];
    const double *list;
    size_t list_count;
    const struct ps_categories *categories;
    double unknown; /* NaN: the row cannot be predicted */
    bool refuses;   /* penstock stops there with an error (handleInvalid = 'error') */
};

/* A category among `width`; the step's values are 0 .. width - 1, and width where no category is meant. */
struct ps_formula_part {
    size_t step, width;
};
/* A feature that is a number, or features that are a one-hot group. Category c of a group is, for each part p in
 * order, c_p, with c = sum of c_p * (product of the widths before p). */
struct ps_formula_column {
    bool is_group;
    size_t value; /* the number; of a group what a one is multiplied with, or PS_NO_STEP */
    size_t feature;
    const struct ps_formula_part *parts;
    size_t part_count, width;
    const int32_t *features; /* of each category: its feature, -1: it is none */
};

struct ps_formula {
    struct ps_arena *arena;
    const struct ps_fitted *fitted;
    struct ps_formula_step *steps;
    size_t step_count;
    struct ps_formula_column *columns;
    size_t column_count, feature_count;
};

/* In the arena, with views of the model. Errors: UNSUPPORTED, naming the transform that cannot be written down. */
penstock_code ps_formula_make(const struct ps_fitted *fitted, struct ps_arena *arena,
                              struct ps_formula **formula_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Bits of the steps whose NaN makes a row that cannot be predicted. step_count bytes in the arena. */
const uint8_t *ps_formula_guards(const struct ps_formula *formula);

#endif
