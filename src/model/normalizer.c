/* SPDX-License-Identifier: Apache-2.0
 *
 * normalizer.c - Normalizer: the named columns of a row, taken as one vector, are divided by its length.
 *
 * The length is the p-norm; p = 'Infinity' is the largest absolute value. A vector of zeros stays as it is. As in
 * Spark. Nothing is learnt. A row in which one of the columns is missing has no length: it is left out.
 */
#include <math.h>

#include "model/fit.h"

struct config {
    const char *p_text;
    double p;
};

static const struct ps_option options[] = {
    {"p", PS_OPTION_TEXT, "2.0", 0, 0, NULL, offsetof(struct config, p_text), false, false,
     "which norm: a number from 1 on, or Infinity", "0.2"},
    {0},
};

static penstock_code bind(struct ps_pipeline *pipeline, struct ps_transform *transform,
                          struct penstock_error *error) {
    struct config *config = transform->config;
    if (ps_text_equal_nocase(config->p_text, "infinity") || ps_text_equal_nocase(config->p_text, "inf")) {
        config->p = (double)INFINITY;
    } else if (!ps_parse_double(config->p_text, &config->p) || !(config->p >= 1)) {
        return ps_transform_error(transform, error,
                                  "p is '%s', but must be a number from 1 on, or 'Infinity'", config->p_text);
    }
    return ps_pipeline_replace_all(pipeline, transform, error);
}

/* The length as SQL, of the columns that are there. False: one of them has no SQL. */
static bool write_norm(const struct ps_pipeline *pipeline, const struct ps_transform *transform,
                       struct ps_buffer *text) {
    const struct config *config = transform->config;
    const bool is_largest = isinf(config->p);
    ps_buffer_text(text, is_largest ? "greatest(" : "pow(");
    bool is_first = true;
    for (size_t i = 0; i < transform->input_count; i++) {
        const struct ps_slot *slot = &pipeline->slots[transform->inputs[i]];
        if (slot->is_absent) {
            continue;
        }
        if (slot->sql == NULL) {
            return false;
        }
        ps_buffer_text(text, is_first ? "" : is_largest ? ", " : " + ");
        ps_buffer_printf(text, is_largest ? "abs(%s)" : "pow(abs(%s)", slot->sql);
        if (!is_largest) {
            ps_buffer_printf(text, ", %.17g)", config->p);
        }
        is_first = false;
    }
    if (!is_largest) {
        ps_buffer_printf(text, ", 1 / CAST('%.17g' AS DOUBLE)", config->p);
    }
    ps_buffer_text(text, ")");
    return !is_first;
}

static penstock_code finish(struct ps_pipeline *pipeline, struct ps_transform *transform,
                            struct penstock_error *error) {
    struct ps_buffer norm PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&norm, (size_t)16 << 20);
    for (size_t i = 0; i < transform->input_count; i++) {
        transform->is_fitted[i] = true;
        struct ps_slot *out = &pipeline->slots[transform->outputs[i]];
        if (!out->is_asked) {
            continue;
        }
        if (norm.size == 0 && !write_norm(pipeline, transform, &norm)) {
            return PENSTOCK_OK;
        }
        PS_TRY(ps_buffer_status(&norm, error));
        const char *in = pipeline->slots[transform->inputs[i]].sql;
        out->sql =
            ps_arena_printf(pipeline->arena, "coalesce(%s / nullif(%s, 0), %s * 0)", in, norm.data, in);
        if (out->sql == NULL) {
            return ps_error_memory(error, "a pipeline");
        }
    }
    return PENSTOCK_OK;
}

/* Adds a column to what the norm is made of. */
static void add_column(double p, const double *values, size_t row_count, double *norms) {
    for (size_t row = 0; row < row_count; row++) {
        const double size = fabs(values[row]);
        if (p == 2) {
            norms[row] += values[row] * values[row];
        } else if (p == 1) {
            norms[row] += size;
        } else if (isinf(p)) {
            norms[row] = size > norms[row] || isnan(size) ? size : norms[row];
        } else {
            norms[row] += pow(size, p);
        }
    }
}

static void apply(const struct ps_pipeline *pipeline, const struct ps_transform *transform,
                  struct ps_frame *frame) {
    const struct config *config = transform->config;
    double norms[PS_FRAME_ROWS] = {0};
    for (size_t i = 0; i < transform->input_count; i++) {
        if (!pipeline->slots[transform->inputs[i]].is_absent) {
            add_column(config->p, frame->slots[transform->inputs[i]].numbers, frame->row_count, norms);
        }
    }
    for (size_t row = 0; row < frame->row_count; row++) {
        const double norm = config->p == 2                       ? sqrt(norms[row])
                            : config->p == 1 || isinf(config->p) ? norms[row]
                                                                 : pow(norms[row], 1 / config->p);
        norms[row] = norm == 0 ? 1 : norm;
    }
    for (size_t i = 0; i < transform->input_count; i++) {
        const double *in = frame->slots[transform->inputs[i]].numbers;
        struct ps_frame_slot *out = &frame->slots[transform->outputs[i]];
        for (size_t row = 0; row < frame->row_count; row++) {
            out->own_numbers[row] = in[row] / norms[row];
        }
        out->numbers = out->own_numbers;
    }
}

const struct ps_transform_type ps_normalizer_type = {
    .name = "Normalizer",
    .help = "divides the columns of a row, as one vector, by its length",
    .options = options,
    .config_size = sizeof(struct config),
    .column_min = 1,
    .takes_all = true,
    .bind = bind,
    .finish = finish,
    .apply = apply,
};
