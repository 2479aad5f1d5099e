/* SPDX-License-Identifier: Apache-2.0
 *
 * export_spark_network.c - a network as Spark's MultilayerPerceptronClassificationModel, where it is one.
 *
 * Spark's hidden layers are sigmoid and its last one is softmax. Two classes have one sum here and two there: the
 * other one is always 0.
 */
#include "model/export_spark.h"

static penstock_code refuse(struct ps_spark_writer *writer, const char *what) {
    (void)ps_error_set(
        writer->error, PENSTOCK_UNSUPPORTED,
        "MultilayerPerceptron %s has no counterpart in Spark ML, whose networks predict classes with "
        "sigmoid layers",
        what);
    return ps_error_hint(writer->error, "ONNX, PMML and SQL can say it");
}

/* Layer after layer: of each input its weights, then the biases. */
static double *arrange(struct ps_spark_writer *writer, const struct ps_network_predictor *network,
                       const int64_t *sizes, size_t *count_out) {
    const struct ps_network_shape *shape = &network->shape;
    size_t count = 0;
    for (size_t l = 0; l < shape->layer_count; l++) {
        count += (size_t)((sizes[l] + 1) * sizes[l + 1]);
    }
    double *weights = ps_arena_allocate(writer->exporting->arena, count + 1, sizeof *weights);
    *count_out = count;
    double *at = weights;
    for (size_t l = 0; weights != NULL && l < shape->layer_count; l++) {
        const double *from = network->parameters + ps_network_offset(shape, l);
        const size_t units = shape->sizes[l + 1], width = (size_t)sizes[l + 1];
        const size_t shift = width - units; /* of two classes the first is always 0 */
        for (size_t i = 0; i <= shape->sizes[l]; i++) {
            const bool is_bias = i == shape->sizes[l];
            const size_t row = is_bias ? (size_t)sizes[l] : l == 0 ? writer->positions[i] : i;
            memcpy(at + row * width + shift, from + i * units, units * sizeof *at);
        }
        at += (size_t)((sizes[l] + 1) * sizes[l + 1]);
    }
    return weights;
}

penstock_code ps_export_spark_network(struct ps_spark_writer *writer,
                                      const struct ps_network_predictor *network) {
    const struct ps_network_shape *shape = &network->shape;
    int64_t sizes[PS_LIMIT_NETWORK_LAYERS + 1];
    size_t count = 0;
    if (shape->task == PS_TASK_REGRESSION) {
        return refuse(writer, "for a number");
    }
    if (shape->layer_count > 1 && shape->activation != PS_ACTIVATION_SIGMOID) {
        const char *what = ps_arena_printf(writer->exporting->arena, "with activation %s",
                                           ps_activation_name(shape->activation));
        return what == NULL ? ps_spark_no_memory(writer) : refuse(writer, what);
    }
    for (size_t l = 0; l <= shape->layer_count; l++) {
        sizes[l] = (int64_t)(l == 0 ? writer->width : shape->sizes[l]);
    }
    sizes[shape->layer_count] = (int64_t)writer->exporting->target.class_count;
    PS_TRY(ps_spark_add_whole(writer));
    struct ps_spark_stage *stage =
        ps_spark_add(&writer->stages, "classification.MultilayerPerceptronClassificationModel");
    const double *weights = arrange(writer, network, sizes, &count);
    if (stage == NULL || weights == NULL) {
        return ps_spark_no_memory(writer);
    }
    ps_spark_begin_classifier(writer, stage);
    ps_spark_set_integers(stage, "layers", sizes, shape->layer_count + 1);
    ps_spark_learn_vector(stage, "weights", weights, count);
    return ps_spark_add_class(writer);
}
