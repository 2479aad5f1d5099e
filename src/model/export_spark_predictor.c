/* SPDX-License-Identifier: Apache-2.0
 *
 * export_spark_predictor.c - a predictor as Spark ML's model of the same kind, over the assembled vector.
 *
 * A generalised linear model is told by its link; the family is any that has this link, since it has no part in a
 * prediction. Spark predicts the index of a class; its name is put behind it.
 *
 * Spark's classifiers and trees make something of NaN. So a linear regression of zeros looks at the same vector: it
 * gives 0, or NaN where the row cannot be predicted (penstock_whole).
 */
#include "model/export_spark.h"

/* Rows of coefficients in the order of the assembled vector; 0 where an element is no feature. */
static double *arrange(struct ps_spark_writer *writer, const struct ps_linear_predictor *linear) {
    const size_t feature_count = writer->formula->feature_count;
    double *values =
        ps_arena_allocate(writer->exporting->arena, writer->width * linear->sum_count + 1, sizeof(double));
    for (size_t s = 0; values != NULL && s < linear->sum_count; s++) {
        for (size_t j = 0; j < feature_count; j++) {
            values[s * writer->width + writer->positions[j]] = linear->coefficients[s * feature_count + j];
        }
    }
    return values;
}

static penstock_code write_regression(struct ps_spark_writer *writer,
                                      const struct ps_linear_predictor *linear, const double *coefficients) {
    static const struct {
        enum ps_link link;
        const char *family, *name;
    } links[] = {
        {PS_LINK_LOG, "poisson", "log"},      {PS_LINK_INVERSE, "gamma", "inverse"},
        {PS_LINK_LOGIT, "binomial", "logit"}, {PS_LINK_PROBIT, "binomial", "probit"},
        {PS_LINK_SQRT, "poisson", "sqrt"},    {PS_LINK_CLOGLOG, "binomial", "cloglog"},
    };
    const bool is_plain = linear->link == PS_LINK_IDENTITY;
    struct ps_spark_stage *stage =
        ps_spark_add(&writer->stages, is_plain ? "regression.LinearRegressionModel"
                                               : "regression.GeneralizedLinearRegressionModel");
    if (stage == NULL) {
        return ps_error_memory(writer->error, "an export");
    }
    ps_spark_set_text(stage, "featuresCol", "features");
    ps_spark_set_text(stage, "predictionCol", "prediction");
    ps_spark_learn_number(stage, "intercept", linear->intercepts[0]);
    ps_spark_learn_vector(stage, "coefficients", coefficients, writer->width);
    if (is_plain) {
        ps_spark_learn_number(stage, "scale", 1);
        return PENSTOCK_OK;
    }
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        if (links[i].link == linear->link) {
            ps_spark_set_text(stage, "family", links[i].family);
            ps_spark_set_text(stage, "link", links[i].name);
            return PENSTOCK_OK;
        }
    }
    ps_spark_set_text(stage, "family", "tweedie");
    ps_spark_set_number(stage, "variancePower", 1.5);
    ps_spark_set_number(stage, "linkPower", linear->link_power);
    return PENSTOCK_OK;
}

/* Spark's classes are 0, 1, ... as doubles. */
static bool is_counted(const struct ps_target *target) {
    for (size_t i = 0; i < target->class_count; i++) {
        double number = 0;
        if (target->is_text || !ps_parse_double(target->class_names[i], &number) || number != (double)i) {
            return false;
        }
    }
    return true;
}

penstock_code ps_spark_add_class(struct ps_spark_writer *writer) {
    const struct ps_target *target = &writer->exporting->target;
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, PS_EXPORT_SIZE_MAX);
    if (is_counted(target)) {
        ps_buffer_text(&text, "CASE WHEN NOT isnan(penstock_whole) THEN penstock_class END AS prediction");
        PS_TRY(ps_buffer_status(&text, writer->error));
        return ps_spark_add_sql(writer, text.data, NULL);
    }
    ps_buffer_text(&text, "CASE CASE WHEN NOT isnan(penstock_whole) THEN CAST(penstock_class AS INT) END");
    for (size_t i = 0; i < target->class_count; i++) {
        double number = 0;
        const bool is_text = target->is_text || !ps_parse_double(target->class_names[i], &number);
        ps_buffer_printf(&text, " WHEN %zu THEN ", i);
        if (!is_text) {
            ps_buffer_text(&text, target->class_names[i]);
            continue;
        }
        ps_buffer_text(&text, "'");
        for (const char *at = target->class_names[i]; *at != '\0'; at++) { /* Spark's literals have escapes */
            ps_buffer_text(&text, *at == '\'' || *at == '\\' ? "\\" : "");
            ps_buffer_add(&text, at, 1);
        }
        ps_buffer_text(&text, "'");
    }
    ps_buffer_text(&text, " END AS prediction");
    PS_TRY(ps_buffer_status(&text, writer->error));
    return ps_spark_add_sql(writer, text.data, NULL);
}

penstock_code ps_spark_add_whole(struct ps_spark_writer *writer) {
    const double *zeros = ps_arena_allocate(writer->exporting->arena, writer->width + 1, sizeof *zeros);
    struct ps_spark_stage *stage = ps_spark_add(&writer->stages, "regression.LinearRegressionModel");
    if (stage == NULL || zeros == NULL) {
        return ps_spark_no_memory(writer);
    }
    ps_spark_set_text(stage, "featuresCol", "features");
    ps_spark_set_text(stage, "predictionCol", "penstock_whole");
    ps_spark_learn_number(stage, "intercept", 0);
    ps_spark_learn_vector(stage, "coefficients", zeros, writer->width);
    ps_spark_learn_number(stage, "scale", 1);
    return PENSTOCK_OK;
}

void ps_spark_begin_classifier(struct ps_spark_writer *writer, struct ps_spark_stage *stage) {
    const struct ps_predictor *predictor = writer->exporting->predictor;
    ps_spark_set_text(stage, "featuresCol", "features");
    ps_spark_set_text(stage, "predictionCol", "penstock_class");
    ps_spark_set_text(stage, "probabilityCol", "probability");
    ps_spark_set_text(stage, "rawPredictionCol", "rawPrediction");
    if (predictor->thresholds != NULL) {
        ps_spark_set_numbers(stage, "thresholds", predictor->thresholds, predictor->output_count);
    }
}

static penstock_code write_classes(struct ps_spark_writer *writer, const struct ps_linear_predictor *linear,
                                   const double *coefficients) {
    const struct ps_target *target = &writer->exporting->target;
    PS_TRY(ps_spark_add_whole(writer));
    struct ps_spark_stage *stage = ps_spark_add(&writer->stages, "classification.LogisticRegressionModel");
    if (stage == NULL) {
        return ps_error_memory(writer->error, "an export");
    }
    ps_spark_begin_classifier(writer, stage);
    if (linear->sum_count == 1) {
        ps_spark_set_number(stage, "threshold", linear->threshold);
    }
    ps_spark_learn_integer(stage, "numClasses", (int64_t)target->class_count);
    ps_spark_learn_integer(stage, "numFeatures", (int64_t)writer->width);
    ps_spark_learn_vector(stage, "interceptVector", linear->intercepts, linear->sum_count);
    ps_spark_learn_matrix(stage, "coefficientMatrix", coefficients, linear->sum_count, writer->width);
    ps_spark_learn_bool(stage, "isMultinomial", linear->sum_count > 1);
    return ps_spark_add_class(writer);
}

penstock_code ps_export_spark_predictor(struct ps_spark_writer *writer) {
    const struct ps_linear_predictor *linear = ps_export_linear(writer->exporting);
    const struct ps_predictor *predictor = writer->exporting->predictor;
    if (predictor->type == &ps_trees_predictor_type) {
        return ps_export_spark_trees(writer, (const struct ps_trees_predictor *)(const void *)predictor);
    }
    if (predictor->type == &ps_network_predictor_type) {
        return ps_export_spark_network(writer, (const struct ps_network_predictor *)(const void *)predictor);
    }
    const double *coefficients = arrange(writer, linear);
    if (coefficients == NULL) {
        return ps_error_memory(writer->error, "an export");
    }
    return writer->exporting->target.class_count > 0 ? write_classes(writer, linear, coefficients)
                                                     : write_regression(writer, linear, coefficients);
}
