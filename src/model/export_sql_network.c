/* SPDX-License-Identifier: Apache-2.0
 *
 * export_sql_network.c - a network as SQL: each layer is a SELECT over the layer before it.
 *
 * A unit is a column: first its sum, one level further its activation. NULL goes through all of it. exp() is asked for
 * nothing that it could overflow at, which some databases have as an error.
 */
#include "model/export_sql.h"

/* Weights that are written out as text at most, and terms of one group of a sum. */
enum { WEIGHTS_MAX = 100000, TERMS_OF_GROUP = 400 };

/* The units of the layer `layer` (1: the first hidden one), as they go into the next. */
static void add_activated(const struct ps_network_shape *shape, size_t layer, struct ps_buffer *out) {
    ps_buffer_text(out, "\nFROM (SELECT z.*");
    for (size_t u = 0; u < shape->sizes[layer]; u++) {
        ps_buffer_text(out, ",\n  ");
        switch (shape->activation) {
        case PS_ACTIVATION_IDENTITY: ps_buffer_printf(out, "z.sum_%zu_%zu", layer, u); break;
        case PS_ACTIVATION_RELU:
            ps_buffer_printf(out, "CASE WHEN z.sum_%zu_%zu <= 0 THEN 0e0 ELSE z.sum_%zu_%zu END", layer, u,
                             layer, u);
            break;
        case PS_ACTIVATION_TANH:
            ps_buffer_printf(
                out,
                "CASE WHEN z.sum_%zu_%zu > 300 THEN 1e0 ELSE 1e0 - 2e0 / (EXP(2e0 * z.sum_%zu_%zu) + 1e0) END",
                layer, u, layer, u);
            break;
        case PS_ACTIVATION_SIGMOID:
            ps_buffer_printf(
                out, "CASE WHEN z.sum_%zu_%zu < -700 THEN 0e0 ELSE 1e0 / (EXP(-z.sum_%zu_%zu) + 1e0) END",
                layer, u, layer, u);
            break;
        }
        ps_buffer_printf(out, " AS unit_%zu_%zu", layer, u);
    }
}

/* The sum of a unit of a layer behind the first. */
static void add_unit(const struct ps_network_predictor *network, size_t layer, size_t unit,
                     struct ps_buffer *out) {
    const struct ps_network_shape *shape = &network->shape;
    const size_t input_count = shape->sizes[layer - 1], unit_count = shape->sizes[layer];
    const double *weights = network->parameters + ps_network_offset(shape, layer - 1);
    ps_buffer_text(out, "(");
    ps_export_sql_literal(out, weights[input_count * unit_count + unit]);
    for (size_t i = 0; i < input_count; i++) {
        ps_buffer_text(out, i > 0 && i % TERMS_OF_GROUP == 0 ? ") + (" : " + ");
        ps_export_sql_literal(out, weights[i * unit_count + unit]);
        ps_buffer_printf(out, " * u.unit_%zu_%zu", layer - 1, i);
    }
    ps_buffer_text(out, ")");
}

/* The sums of a layer, named score_0, ... of the last. */
static penstock_code add_layer(struct ps_sql_writer *writer, const struct ps_network_predictor *network,
                               size_t layer, double *column, struct ps_buffer *out) {
    const struct ps_network_shape *shape = &network->shape;
    const size_t input_count = shape->sizes[0], unit_count = shape->sizes[layer];
    ps_buffer_printf(out, "\nFROM (SELECT %s.*", layer == 1 ? "r" : "u");
    for (size_t u = 0; u < unit_count; u++) {
        ps_buffer_text(out, ",\n  ");
        if (layer > 1) {
            add_unit(network, layer, u, out);
        } else {
            for (size_t i = 0; i < input_count; i++) {
                column[i] = network->parameters[i * unit_count + u];
            }
            ps_export_sql_sum(writer, network->parameters[input_count * unit_count + u], column, out);
        }
        if (layer == shape->layer_count) {
            ps_buffer_printf(out, " AS score_%zu", u);
        } else {
            ps_buffer_printf(out, " AS sum_%zu_%zu", layer, u);
        }
    }
    return ps_buffer_status(out, writer->error);
}

static penstock_code add_scores(struct ps_sql_writer *writer, const struct ps_network_predictor *network,
                                struct ps_buffer *out) {
    const struct ps_network_shape *shape = &network->shape;
    double *column = ps_arena_allocate(writer->exporting->arena, shape->sizes[0] + 1, sizeof *column);
    if (column == NULL) {
        return ps_error_memory(writer->error, "an export");
    }
    for (size_t layer = shape->layer_count; layer > 0; layer--) {
        PS_TRY(add_layer(writer, network, layer, column, out));
        if (layer > 1) {
            add_activated(shape, layer - 1, out);
        }
    }
    ps_buffer_text(out, "\nFROM model_rows AS r)");
    for (size_t layer = 1; layer < shape->layer_count; layer++) {
        ps_buffer_text(out, " AS z) AS u)");
    }
    ps_buffer_text(out, " AS s");
    return PENSTOCK_OK;
}

penstock_code ps_export_sql_network(struct ps_sql_writer *writer, const struct ps_network_predictor *network,
                                    struct ps_buffer *out) {
    const struct ps_network_shape *shape = &network->shape;
    if (shape->parameter_count > WEIGHTS_MAX) {
        return ps_error_set(writer->error, PENSTOCK_UNSUPPORTED,
                            "SQL would have to spell out %zu weights of a network, more than %d: take ONNX",
                            shape->parameter_count, WEIGHTS_MAX);
    }
    switch (shape->task) {
    case PS_TASK_REGRESSION:
        ps_buffer_text(out, "SELECT s.*, s.score_0 * ");
        ps_export_sql_literal(out, network->label_scale);
        ps_buffer_text(out, " + ");
        ps_export_sql_literal(out, network->label_mean);
        ps_buffer_text(out, " AS prediction");
        return add_scores(writer, network, out);
    case PS_TASK_BINARY:
        ps_export_sql_two(writer->exporting, 0.5, false, out);
        PS_TRY(add_scores(writer, network, out));
        ps_buffer_text(out, ") AS p");
        return PENSTOCK_OK;
    case PS_TASK_MULTICLASS:
        ps_export_sql_softmax(writer->exporting, false, out);
        PS_TRY(add_scores(writer, network, out));
        ps_buffer_text(out, ") AS e) AS p");
        return PENSTOCK_OK;
    }
    return PENSTOCK_OK;
}
