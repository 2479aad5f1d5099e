/* SPDX-License-Identifier: Apache-2.0
 *
 * import_values.h - values of a foreign pipeline as symbols: which column, and what was done to it.
 *
 * A vector is a list of elements. An element is a number made of one column by a chain of operations, a one of a
 * one-hot column (scaled perhaps), or a constant. All elements of a column share its chain and stand somewhere on it;
 * a column that goes two ways cannot become a pipeline of ours, where a column is changed in place.
 */
#ifndef PS_MODEL_IMPORT_VALUES_H
#define PS_MODEL_IMPORT_VALUES_H

#include "base/limits.h"
#include "model/import.h"
#include "model/predictor.h"

/* Operations on one column at most, and elements of all vectors together: far above any pipeline. */
#define PS_IMPORT_OPS_MAX 64
#define PS_IMPORT_ELEMENTS_MAX ((size_t)4 << 20)

enum ps_import_op_kind {
    PS_IMPORT_FILL,   /* numbers[0] where it is missing or numbers[1] */
    PS_IMPORT_AFFINE, /* (x - numbers[0]) * numbers[1] + numbers[2] */
    PS_IMPORT_BUCKET, /* list: splits */
    PS_IMPORT_INDEX,  /* texts to places */
    PS_IMPORT_ENCODE, /* one-hot: of texts, of list (numbers), or of the places that the operation before gives */
};
struct ps_import_op {
    enum ps_import_op_kind kind;
    double numbers[3];
    const double *list;
    size_t list_count;
    const char *const *texts;
    size_t text_count;
    const char *invalid; /* "error", "keep", "skip" */
};
struct ps_import_column {
    const char *name;
    bool is_text;
    struct ps_import_op ops[PS_IMPORT_OPS_MAX];
    size_t op_count;
};

#define PS_IMPORT_CONSTANT SIZE_MAX
struct ps_import_element {
    size_t column;        /* PS_IMPORT_CONSTANT: its value is `offset` */
    size_t depth;         /* operations of the column's chain that are done */
    int32_t category;     /* of a one-hot column; -1: a number */
    double scale, offset; /* of a one-hot element: scale where it is the category, and offset always */
};
struct ps_import_vector {
    struct ps_import_element *elements;
    size_t count;
};

/* Sums over a vector, and what becomes of them. */
struct ps_import_sums {
    struct ps_import_vector vector;
    double *weights;    /* sum s, element i: s * vector.count + i */
    double *intercepts; /* sum_count */
    size_t sum_count;
    enum ps_link link;
    double link_power, threshold;
    const char *thresholds;         /* "[0.3, 0.7]", or NULL */
    const char *const *class_names; /* NULL: a regression */
    size_t class_count;
    bool is_text_class;
};

struct ps_importing {
    const struct ps_import_options *options;
    struct ps_import_report *report;
    struct ps_arena *arena;
    struct ps_import_column **columns;
    size_t column_count;
    size_t element_count;
    struct ps_import_sums *sums; /* NULL: none yet */
    struct ps_buffer problems;   /* "TreeEnsembleRegressor (node tree1), ..." */
    size_t problem_count;
    struct penstock_error *error;
};

/* Notes what is not supported; the import goes on, to find all of it. */
void ps_import_problem(struct ps_importing *importing, const char *format, ...) PS_PRINTF(2, 3);
/* INVALID_DATA: "<what>". */
penstock_code ps_import_damaged(struct ps_importing *importing, const char *format, ...) PS_PRINTF(2, 3);
/* The columns of an input called `name` with `width` numbers or texts, by column_map. */
penstock_code ps_import_input(struct ps_importing *importing, const char *name, size_t width, bool is_text,
                              struct ps_import_vector *vector_out) PENSTOCK_MUST_USE;
penstock_code ps_import_vector_new(struct ps_importing *importing, size_t count,
                                   struct ps_import_vector *vector_out) PENSTOCK_MUST_USE;
/* Does the operation to an element that is a number or a text. `place`: for the sentence, when it cannot be. */
penstock_code ps_import_apply(struct ps_importing *importing, struct ps_import_element *element,
                              const struct ps_import_op *op, const char *place) PENSTOCK_MUST_USE;
/* (x - shift) * factor + offset of any element. */
penstock_code ps_import_scale(struct ps_importing *importing, struct ps_import_element *element, double shift,
                              double factor, double offset, const char *place) PENSTOCK_MUST_USE;
/* One-hot of an element: `width` elements, category c of element c. */
penstock_code ps_import_encode(struct ps_importing *importing, const struct ps_import_element *element,
                               const struct ps_import_op *op, size_t width, const char *place,
                               struct ps_import_vector *vector_out) PENSTOCK_MUST_USE;
penstock_code ps_import_sums_new(struct ps_importing *importing, struct ps_import_vector vector,
                                 size_t sum_count, const char *place, struct ps_import_sums **sums_out)
    PENSTOCK_MUST_USE;

/* All is read: the pipeline, its predictor, and the model that they are. Errors: UNSUPPORTED with all problems. */
penstock_code ps_import_finish(struct ps_importing *importing, struct ps_fitted **fitted_out)
    PENSTOCK_MUST_USE;

/* import_spark.c: the folder; import_onnx.c: the file. Set columns and sums. */
penstock_code ps_import_spark(struct ps_importing *importing) PENSTOCK_MUST_USE;
penstock_code ps_import_onnx(struct ps_importing *importing, const char *data, size_t size) PENSTOCK_MUST_USE;

#endif
