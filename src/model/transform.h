/* SPDX-License-Identifier: Apache-2.0
 *
 * transform.h - the contract of a TRANSFORM stage: one row of a table per type.
 *
 * A stage reads slots and makes slots. It may learn from the training rows: before the scan (fit), by SQL
 * aggregates or from the rows themselves as the stages before it leave them (ps_fit_rows), or, for what is affine
 * in one column (scalers, a mean that fills), from the moments of each training set after the scan (learn): such a
 * stage is "deferred", its columns pass the scan as they are and the Gram matrix is rescaled by algebra, per fold
 * as Spark's pipeline inside a CrossValidator refits it. A stage is deferred per column, unless a later stage
 * needs its values. Other stages that learn from values or from the label are fitted once for the model and once
 * more for each split of the validation (`refits`, train_splits.c), so that nothing of the rows that validate gets
 * into what is measured on them; and with them what learns from their values. Otherwise of all training rows are, by
 * choice, the categories of StringIndexer and OneHotEncoder, the bounds of OutlierFilter and the features of
 * FeatureHasher.
 *
 * A new transform is one file with its functions, one row in transform.c, and its tests.
 */
#ifndef PS_MODEL_TRANSFORM_H
#define PS_MODEL_TRANSFORM_H

#include "base/option.h"
#include "job/project.h"
#include "model/frame.h"

enum ps_slot_kind { PS_SLOT_NUMBER, PS_SLOT_TEXT, PS_SLOT_ONE_HOT };

/* How categories are ordered; it decides which is the last, that dropLast leaves out. */
enum ps_category_order {
    PS_ORDER_FREQUENCY_DESC,
    PS_ORDER_FREQUENCY_ASC,
    PS_ORDER_ALPHABET_DESC,
    PS_ORDER_ALPHABET_ASC,
    PS_ORDER_VALUE, /* as listed: numbers ascending, buckets */
};

/* What the indexes 0, 1, ... of a column stand for. */
struct ps_categories {
    const char **labels;
    double *numbers; /* of number categories, ascending; NULL for texts */
    size_t count;
    enum ps_category_order order;
    bool has_unknown; /* the last index, after all labels, is for whatever is not among them */
    int32_t *table;   /* open addressing over the labels' hashes, or direct by number */
    size_t table_size;
    double table_start; /* direct: number of table[0] */
    bool is_direct;
};

/* A one-hot slot made of others: index = sum of component index * divisor. */
struct ps_component {
    size_t slot; /* a one-hot slot with categories of its own */
    size_t divisor, width;
};

struct ps_slot {
    const char *name;
    enum ps_slot_kind kind;
    const char *type_text; /* of an input: its SQL type */
    const char *sql;       /* its value as SQL over the relation, or NULL */
    size_t maker;          /* index of the transform, or PS_NO_SLOT for an input */
    size_t maker_input;    /* which of the transform's inputs, when it makes one output for each */
    bool is_label;
    bool is_opaque;   /* its value cannot be said in SQL: what learns by SQL must stand before its maker */
    bool is_asked;    /* a later stage learns from it by SQL: finish() must set `sql` */
    bool is_refitted; /* its values come through a stage that is fitted anew for each split */
    bool is_spent; /* no feature of its own, once all stages are bound (a time that CyclicEncoder has read) */
    bool is_absent;                   /* a selector leaves it out, or what it is made of */
    bool is_in_place;                 /* it took the place of its maker's input `maker_input` */
    bool has_values;                  /* ONE_HOT with values other than 1 */
    struct ps_categories *categories; /* of an index (NUMBER) or of ONE_HOT; NULL: none */
    size_t width;                     /* ONE_HOT: number of slots in the group */
    bool drops_last;                  /* ONE_HOT: the last of the present categories is not a feature */
    int64_t dropped;                  /* which one in the fitted model; -1: none */
    struct ps_component *components;  /* ONE_HOT: itself, or what an Interaction joins */
    size_t component_count;
};
#define PS_NO_SLOT SIZE_MAX

struct ps_transform_type;
struct ps_transform {
    const struct ps_transform_type *type;
    const struct ps_call *call;
    void *config; /* of type->options */
    double *list; /* values of the list parameter (splits) */
    size_t list_count;
    const char *const *words; /* values of the words parameter (categoricalCols) */
    size_t word_count;
    size_t *inputs, *outputs;
    size_t input_count, output_count;
    double *numbers;     /* fitted */
    size_t number_count; /* input_count * type->number_count, or what ps_transform_reserve() has made it */
    bool is_learnt;      /* as its type, unless bind() finds that its options ask for more than moments */
    bool refits;       /* fitted anew for each split of the validation; as its type, unless bind() or what is
                          * deferred says otherwise */
    bool *is_deferred; /* per input */
    bool *is_fitted;   /* per input */
    struct ps_categories *categories; /* fitted, per input, or NULL */
};

/* Of one column over the rows that a stage learns from. */
struct ps_column_moments {
    double row_count, mean, variance; /* variance with n - 1 */
    double least, largest;
};

struct ps_fit;
struct ps_pipeline;
struct ps_transform_type {
    const char *name; /* NULL ends the table */
    const char *help;
    const struct ps_option *options;
    size_t config_size;
    const char *list_name;  /* an option that takes a list of numbers, or NULL */
    const char *words_name; /* an option that takes a list of names, or NULL */
    size_t column_min, column_max;
    bool takes_all; /* without columns: every number column there is */
    bool takes_label;
    bool takes_text;
    bool takes_time; /* DATE, TIME and TIMESTAMP columns, as text */
    bool takes_one_hot;
    bool learns_categories; /* transform->categories of inputs that do not carry their own */
    bool is_filter;         /* leaves out rows of training; no part of the fitted model */
    bool is_learnt;         /* learn() can wait until the moments are known */
    bool refits;         /* learns from values, or from the label: for each split anew, from its rows only */
    bool learns_range;   /* learn() reads least and largest */
    bool reads_values;   /* fit() needs the values of its inputs in SQL */
    size_t number_count; /* fitted numbers per input */
    bool
        has_own_count; /* there are as many numbers as fit() reserves; finish() checks how many a model brings */
    /* Columns and options are set: checks them, adds output slots. */
    penstock_code (*bind)(struct ps_pipeline *pipeline, struct ps_transform *transform,
                          struct penstock_error *error);
    /* Learns numbers or categories with SQL. NULL: nothing to learn, or learn(). */
    penstock_code (*fit)(struct ps_fit *fit, struct ps_transform *transform, struct penstock_error *error);
    void (*learn)(const struct ps_transform *transform, const struct ps_column_moments *moments,
                  double *numbers_out);
    /* Numbers and categories are known (fitted or read from JSON): sets categories, widths, SQL of the outputs. May
     * make columns that depend on them; no other stage can name these. */
    penstock_code (*finish)(struct ps_pipeline *pipeline, struct ps_transform *transform,
                            struct penstock_error *error);
    void (*apply)(const struct ps_pipeline *pipeline, const struct ps_transform *transform,
                  struct ps_frame *frame);
};
extern const struct ps_transform_type *const ps_transform_types[]; /* NULL-terminated */
const struct ps_transform_type *ps_transform_find(const char *name);
/* Room for `count` fitted numbers, all 0, instead of what there was. */
penstock_code ps_transform_reserve(const struct ps_pipeline *pipeline, struct ps_transform *transform,
                                   size_t count, struct penstock_error *error) PENSTOCK_MUST_USE;

extern const struct ps_transform_type ps_outlier_filter_type;
/* What it has learnt of an input; infinite: nothing is dropped for it. */
void ps_outlier_filter_bounds(const struct ps_transform *transform, size_t input, double *lower_out,
                              double *upper_out);
extern const struct ps_transform_type ps_standard_scaler_type;
extern const struct ps_transform_type ps_min_max_scaler_type;
extern const struct ps_transform_type ps_max_abs_scaler_type;
extern const struct ps_transform_type ps_robust_scaler_type;
extern const struct ps_transform_type ps_imputer_type;
extern const struct ps_transform_type ps_string_indexer_type;
extern const struct ps_transform_type ps_one_hot_encoder_type;
extern const struct ps_transform_type ps_bucketizer_type;
extern const struct ps_transform_type ps_polynomial_expansion_type;
extern const struct ps_transform_type ps_interaction_type;
extern const struct ps_transform_type ps_normalizer_type;
extern const struct ps_transform_type ps_binarizer_type;
extern const struct ps_transform_type ps_elementwise_product_type;
extern const struct ps_transform_type ps_quantile_discretizer_type;
extern const struct ps_transform_type ps_target_encoder_type;
extern const struct ps_transform_type ps_feature_hasher_type;
/* Is the column a category of this FeatureHasher call (by its type, or by categoricalCols)? Then it is read as text. */
bool ps_feature_hasher_wants_text(const struct ps_call *call, const char *column, const char *type);
extern const struct ps_transform_type ps_pca_type;
extern const struct ps_transform_type ps_variance_selector_type;
extern const struct ps_transform_type ps_cyclic_encoder_type;

#endif
