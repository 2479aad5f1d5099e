/* SPDX-License-Identifier: Apache-2.0
 *
 * export_pmml_network.c - a network as PMML's NeuralNetwork: an input for each feature, a Neuron for each unit.
 *
 * The label's scale is in the weights of the last layer. Two classes have a second neuron that is always 0, so that
 * softmax makes of the two what the logistic function makes of one.
 */
#include "model/export_pmml.h"

/* Weights that are written out as text at most. */
enum { WEIGHTS_MAX = 1000000 };

static const char *activation_name(enum ps_activation activation) {
    switch (activation) {
    case PS_ACTIVATION_IDENTITY: return "identity";
    case PS_ACTIVATION_RELU: return "rectifier";
    case PS_ACTIVATION_TANH: return "tanh";
    case PS_ACTIVATION_SIGMOID: return "logistic";
    }
    return "identity";
}

static void add_inputs(struct ps_pmml_writer *writer) {
    struct ps_buffer *out = writer->out;
    const size_t count = writer->formula->feature_count;
    ps_buffer_printf(out, "    <NeuralInputs numberOfInputs=\"%zu\">\n", count);
    for (size_t j = 0; j < count; j++) {
        ps_buffer_printf(out,
                         "      <NeuralInput id=\"0,%zu\"><DerivedField optype=\"continuous\""
                         " dataType=\"double\">",
                         j);
        ps_export_pmml_reference(out, writer->features[j]);
        ps_buffer_text(out, "</DerivedField></NeuralInput>\n");
    }
    ps_buffer_text(out, "    </NeuralInputs>\n");
}

/* scale, shift: of the sum; weights NULL: always 0. */
static void add_neuron(const struct ps_network_predictor *network, size_t layer, size_t unit, size_t id,
                       double scale, double shift, bool is_zero, struct ps_buffer *out) {
    const struct ps_network_shape *shape = &network->shape;
    const size_t input_count = shape->sizes[layer], unit_count = shape->sizes[layer + 1];
    const double *weights = network->parameters + ps_network_offset(shape, layer);
    ps_buffer_printf(out, "      <Neuron id=\"%zu,%zu\" bias=\"", layer + 1, id);
    ps_export_number(out, is_zero ? 0 : weights[input_count * unit_count + unit] * scale + shift);
    ps_buffer_text(out, "\">");
    for (size_t i = 0; i < (is_zero ? 1 : input_count); i++) {
        ps_buffer_printf(out, "<Con from=\"%zu,%zu\" weight=\"", layer, i);
        ps_export_number(out, is_zero ? 0 : weights[i * unit_count + unit] * scale);
        ps_buffer_text(out, "\"/>");
    }
    ps_buffer_text(out, "</Neuron>\n");
}

static void add_layer(const struct ps_network_predictor *network, size_t layer, struct ps_buffer *out) {
    const struct ps_network_shape *shape = &network->shape;
    const bool is_last = layer + 1 == shape->layer_count;
    const bool is_two = is_last && shape->task == PS_TASK_BINARY;
    const bool is_scaled = is_last && shape->task == PS_TASK_REGRESSION;
    const size_t count = shape->sizes[layer + 1] + (is_two ? 1 : 0);
    ps_buffer_printf(out, "    <NeuralLayer numberOfNeurons=\"%zu\" activationFunction=\"%s\"%s>\n", count,
                     is_last ? "identity" : activation_name(shape->activation),
                     is_last && shape->task != PS_TASK_REGRESSION ? " normalizationMethod=\"softmax\"" : "");
    if (is_two) {
        add_neuron(network, layer, 0, 0, 1, 0, true, out);
    }
    for (size_t u = 0; u < shape->sizes[layer + 1]; u++) {
        add_neuron(network, layer, u, u + (is_two ? 1 : 0), is_scaled ? network->label_scale : 1,
                   is_scaled ? network->label_mean : 0, false, out);
    }
    ps_buffer_text(out, "    </NeuralLayer>\n");
}

static void add_outputs(struct ps_pmml_writer *writer, size_t layer_count) {
    struct ps_buffer *out = writer->out;
    const struct ps_target *target = &writer->exporting->target;
    const char *label =
        writer->exporting->options->label == NULL ? "label" : writer->exporting->options->label;
    const size_t count = target->class_count == 0 ? 1 : target->class_count;
    ps_buffer_printf(out, "    <NeuralOutputs numberOfOutputs=\"%zu\">\n", count);
    for (size_t k = 0; k < count; k++) {
        ps_buffer_printf(
            out, "      <NeuralOutput outputNeuron=\"%zu,%zu\"><DerivedField optype=\"%s\" dataType=\"%s\">",
            layer_count, k, target->class_count == 0 ? "continuous" : "categorical",
            target->class_count == 0 ? "double" : "string");
        if (target->class_count == 0) {
            ps_export_pmml_reference(out, label);
        } else {
            ps_buffer_text(out, "<NormDiscrete field=\"");
            ps_export_pmml_text(out, label);
            ps_buffer_text(out, "\" value=\"");
            ps_export_pmml_text(out, target->class_names[k]);
            ps_buffer_text(out, "\"/>");
        }
        ps_buffer_text(out, "</DerivedField></NeuralOutput>\n");
    }
    ps_buffer_text(out, "    </NeuralOutputs>\n");
}

penstock_code ps_export_pmml_network(struct ps_pmml_writer *writer,
                                     const struct ps_network_predictor *network) {
    struct ps_buffer *out = writer->out;
    const struct ps_network_shape *shape = &network->shape;
    if (shape->parameter_count > WEIGHTS_MAX) {
        return ps_error_set(writer->error, PENSTOCK_UNSUPPORTED,
                            "PMML would have to spell out %zu weights of a network, more than %d: take ONNX",
                            shape->parameter_count, WEIGHTS_MAX);
    }
    ps_buffer_text(out, "  <NeuralNetwork modelName=\"");
    ps_export_pmml_text(out, writer->exporting->options->name);
    ps_buffer_printf(out, "\" functionName=\"%s\" activationFunction=\"%s\">\n",
                     shape->task == PS_TASK_REGRESSION ? "regression" : "classification",
                     activation_name(shape->activation));
    ps_export_pmml_schema(writer);
    ps_export_pmml_output(writer, "prediction");
    ps_buffer_text(out, "    </Output>\n");
    add_inputs(writer);
    for (size_t layer = 0; layer < shape->layer_count; layer++) {
        add_layer(network, layer, out);
    }
    add_outputs(writer, shape->layer_count);
    ps_buffer_text(out, "  </NeuralNetwork>\n");
    return PENSTOCK_OK;
}
