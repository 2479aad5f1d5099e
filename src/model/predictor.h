/* SPDX-License-Identifier: Apache-2.0
 *
 * predictor.h - what an estimator has learnt, over features: the contract of each kind of model.
 *
 * A kind is one file with its functions and a row in predictor.c: "linear" (coefficients and a link), "network"
 * (layers), "trees". It applies itself to blocks of rows, writes itself as a JSON object into the model and reads
 * itself back with the same bits. A predictor is immutable once made; any number of threads may apply it.
 */
#ifndef PS_MODEL_PREDICTOR_H
#define PS_MODEL_PREDICTOR_H

#include <yyjson.h>

#include "base/memory.h"
#include "model/features.h"
#include "model/task.h"

struct ps_predictor;
struct ps_predictor_type {
    const char *kind; /* in JSON; NULL ends the table */
    /* outputs_out: row_count * output_count, row after row: the number of a regression, or the probabilities of the
     * classes (they add up to 1). Errors: OUT_OF_MEMORY, INTERNAL. */
    penstock_code (*apply)(const struct ps_predictor *predictor, const struct ps_features *features,
                           double *outputs_out, struct penstock_error *error);
    /* Adds its members to `object` ("kind", "task" and "outputs" are there already). That memory ran out is found
     * out by the caller. */
    penstock_code (*write)(const struct ps_predictor *predictor, yyjson_mut_doc *doc, yyjson_mut_val *object,
                           struct penstock_error *error);
    /* feature_count: of the model. Errors: INVALID_DATA (a member is missing, of another kind or size). */
    penstock_code (*read)(yyjson_val *object, size_t feature_count, struct ps_predictor **predictor_out,
                          struct penstock_error *error);
    void (*free)(struct ps_predictor *predictor);
    /* What each feature brings, shares of 1, as long as the predictor lives. NULL: the kind does not tell. */
    const double *(*importances)(const struct ps_predictor *predictor);
};
extern const struct ps_predictor_type *const ps_predictor_types[]; /* NULL-terminated */

/* Which class probabilities mean: metrics.h says how. */
struct ps_decision {
    double threshold;         /* of two classes, of the second's probability */
    const double *thresholds; /* of the classes, or NULL */
};

/* First member of every kind's own struct. */
struct ps_predictor {
    const struct ps_predictor_type *type;
    enum ps_task task;
    size_t feature_count, output_count; /* output_count: 1, or the number of classes */
    /* Of the classes, owned; Spark's: predicted is the class whose probability over its threshold is the greatest, one
     * of threshold 0 always. NULL: the most probable one. */
    double *thresholds;
};

/* The only callers of the table's functions; they check. */
penstock_code ps_predictor_apply(const struct ps_predictor *predictor, const struct ps_features *features,
                                 double *outputs_out, struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_predictor_write(const struct ps_predictor *predictor, yyjson_mut_doc *doc,
                                 yyjson_mut_val *object, struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_predictor_read(yyjson_val *object, size_t feature_count, struct ps_predictor **predictor_out,
                                struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_predictor_free(struct ps_predictor *predictor); /* NULL: nothing */
struct ps_decision ps_predictor_decision(const struct ps_predictor *predictor);
/* feature_count numbers, or NULL: the kind does not tell. */
const double *ps_predictor_importances(const struct ps_predictor *predictor);
/* For the read() of a kind: "task" and "outputs", checked. */
penstock_code ps_predictor_read_head(yyjson_val *object, enum ps_task *task_out, size_t *output_count_out,
                                     struct penstock_error *error) PENSTOCK_MUST_USE;
/* The same sentence for whatever is wrong in a stored predictor: "the stored model is damaged: WHAT". */
penstock_code ps_predictor_damaged(struct penstock_error *error, const char *what);
/* `count` finite numbers. False: it is no such list. */
bool ps_predictor_read_numbers(yyjson_val *list, double *numbers_out, size_t count);
void ps_predictor_write_numbers(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name,
                                const double *numbers, size_t count);
/* "regression", "binary", "multiclass" */
const char *ps_task_name(enum ps_task task);

/* What a linear predictor's sum becomes. The inverse of the link function. */
enum ps_link {
    PS_LINK_IDENTITY,
    PS_LINK_LOG,
    PS_LINK_INVERSE,
    PS_LINK_LOGIT,
    PS_LINK_PROBIT,
    PS_LINK_CLOGLOG,
    PS_LINK_SQRT,
    PS_LINK_POWER,   /* link_power; 0: log */
    PS_LINK_SOFTMAX, /* one sum for each class */
};
struct ps_linear_predictor {
    struct ps_predictor predictor;
    enum ps_link link;
    double link_power;
    double threshold;     /* BINARY: of the second class's probability; 0.5 */
    size_t sum_count;     /* 1, or the number of classes (SOFTMAX) */
    double *intercepts;   /* sum_count */
    double *coefficients; /* sum s, feature j: s * feature_count + j */
};
/* "identity", "log", ...; NULL: there is no such link. */
const char *ps_link_name(enum ps_link link);
/* The inverse of the link: the mean that belongs to a sum. Not for SOFTMAX. */
double ps_link_mean(enum ps_link link, double link_power, double sum);
/* Zeros, to be filled. BINARY with LOGIT has one sum and two outputs. */
penstock_code ps_linear_predictor_new(enum ps_task task, enum ps_link link, size_t sum_count,
                                      size_t feature_count, size_t output_count,
                                      struct ps_linear_predictor **predictor_out,
                                      struct penstock_error *error) PENSTOCK_MUST_USE;
extern const struct ps_predictor_type ps_linear_predictor_type;
extern const struct ps_predictor_type ps_network_predictor_type;
extern const struct ps_predictor_type ps_trees_predictor_type;

#endif
