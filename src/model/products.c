/* SPDX-License-Identifier: Apache-2.0
 *
 * products.c - PolynomialExpansion and Interaction: new features that are products of columns.
 *
 * Both leave their inputs where they are and add features behind the others. PolynomialExpansion adds every
 * monomial of degree 2 .. degree ("x^2", "x*y"); Interaction the product of all its columns, where a one-hot
 * column stands for each of its categories ("distance:origin=JFK").
 */
#include <math.h>

#include "base/limits.h"
#include "model/fit.h"

struct expansion_config {
    int64_t degree;
};
struct interaction_config {
    char unused;
};

static const struct ps_option expansion_options[] = {
    {"degree", PS_OPTION_INTEGER, "2", 1, 10, NULL, offsetof(struct expansion_config, degree), false, false,
     "highest degree of the monomials", "0.1"},
    {0},
};
static const struct ps_option interaction_options[] = {{0}};

/* Exponents of the monomials, one row of input_count each, kept in transform->list. */
static const double *exponents_of(const struct ps_transform *transform, size_t output) {
    return transform->list + output * transform->input_count;
}

/* The next vector of exponents with sum <= degree, counting up like an odometer. False: that was the last. */
static bool next_monomial(double *exponents, size_t count, double degree) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += exponents[i];
    }
    for (size_t i = 0; i < count; i++) {
        if (sum < degree) {
            exponents[i] += 1;
            return true;
        }
        sum -= exponents[i];
        exponents[i] = 0;
    }
    return false;
}

static const char *monomial_name(const struct ps_pipeline *pipeline, const struct ps_transform *transform,
                                 const double *exponents, bool as_sql) {
    const char *text = NULL;
    for (size_t i = 0; i < transform->input_count; i++) {
        const struct ps_slot *slot = &pipeline->slots[transform->inputs[i]];
        for (int n = 0; as_sql && n < (int)exponents[i]; n++) {
            text = text == NULL ? ps_arena_printf(pipeline->arena, "(%s)", slot->sql)
                                : ps_arena_printf(pipeline->arena, "(%s * %s)", text, slot->sql);
        }
        if (!as_sql && exponents[i] > 0) {
            const char *part = exponents[i] > 1
                                   ? ps_arena_printf(pipeline->arena, "%s^%d", slot->name, (int)exponents[i])
                                   : slot->name;
            text = text == NULL ? part : ps_arena_printf(pipeline->arena, "%s*%s", text, part);
        }
    }
    return text;
}

static double degree_of(const double *exponents, size_t count) {
    double degree = 0;
    for (size_t i = 0; i < count; i++) {
        degree += exponents[i];
    }
    return degree;
}

/* Number of monomials of degree 2 .. degree in `count` columns: C(count + degree, degree) - 1 - count. */
static double count_monomials(size_t count, int64_t degree) {
    double total = 1;
    for (int64_t i = 1; i <= degree; i++) {
        total = total * (double)((int64_t)count + i) / (double)i;
    }
    return round(total) - 1 - (double)count;
}

static penstock_code bind_expansion(struct ps_pipeline *pipeline, struct ps_transform *transform,
                                    struct penstock_error *error) {
    const struct expansion_config *config = transform->config;
    const size_t width = transform->input_count;
    const double total = count_monomials(width, config->degree);
    if (total > PS_LIMIT_FEATURE_COUNT) {
        return ps_transform_error(transform, error,
                                  "degree %lld of %zu columns is %.0f more features; the limit is %d",
                                  (long long)config->degree, width, total, PS_LIMIT_FEATURE_COUNT);
    }
    transform->list = ps_arena_allocate(pipeline->arena, ((size_t)total + 1) * width, sizeof(double));
    transform->outputs = ps_arena_allocate(pipeline->arena, (size_t)total + 1, sizeof(size_t));
    double *exponents = ps_arena_allocate(pipeline->arena, width, sizeof(double));
    if (transform->list == NULL || transform->outputs == NULL || exponents == NULL) {
        return ps_error_memory(error, "a pipeline");
    }
    while (next_monomial(exponents, width, (double)config->degree)) {
        if (degree_of(exponents, width) < 2) {
            continue;
        }
        const size_t output = transform->output_count;
        memcpy(transform->list + output * width, exponents, width * sizeof(double));
        const char *name = monomial_name(pipeline, transform, exponents, false);
        if (name == NULL) {
            return ps_error_memory(error, "a pipeline");
        }
        PS_TRY(ps_pipeline_make(pipeline, transform, 0, name, PS_SLOT_NUMBER, &transform->outputs[output],
                                error));
        transform->output_count++;
    }
    return PENSTOCK_OK;
}

static penstock_code finish_expansion(struct ps_pipeline *pipeline, struct ps_transform *transform,
                                      struct penstock_error *error) {
    bool has_sql = true;
    for (size_t i = 0; i < transform->input_count; i++) {
        const struct ps_slot *slot = &pipeline->slots[transform->inputs[i]];
        transform->is_fitted[i] = true;
        has_sql = has_sql && slot->sql != NULL;
        for (size_t o = 0; slot->is_absent && o < transform->output_count; o++) {
            if (exponents_of(transform, o)[i] > 0) {
                pipeline->slots[transform->outputs[o]].is_absent = true;
            }
        }
    }
    for (size_t i = 0; has_sql && i < transform->output_count; i++) {
        const char *sql = monomial_name(pipeline, transform, exponents_of(transform, i), true);
        if (sql == NULL) {
            return ps_error_memory(error, "a pipeline");
        }
        pipeline->slots[transform->outputs[i]].sql = sql;
    }
    return PENSTOCK_OK;
}

static void apply_expansion(const struct ps_pipeline *pipeline, const struct ps_transform *transform,
                            struct ps_frame *frame) {
    (void)pipeline;
    for (size_t i = 0; i < transform->output_count; i++) {
        const double *exponents = exponents_of(transform, i);
        double *out = frame->slots[transform->outputs[i]].own_numbers;
        bool is_first = true;
        for (size_t c = 0; c < transform->input_count; c++) {
            const double *in = frame->slots[transform->inputs[c]].numbers;
            for (int n = 0; n < (int)exponents[c]; n++) {
                for (size_t row = 0; row < frame->row_count; row++) {
                    out[row] = is_first ? in[row] : out[row] * in[row];
                }
                is_first = false;
            }
        }
        frame->slots[transform->outputs[i]].numbers = out;
    }
}

static penstock_code bind_interaction(struct ps_pipeline *pipeline, struct ps_transform *transform,
                                      struct penstock_error *error) {
    const char *name = NULL;
    enum ps_slot_kind kind = PS_SLOT_NUMBER;
    bool has_values = false;
    for (size_t i = 0; i < transform->input_count; i++) {
        const struct ps_slot *slot = &pipeline->slots[transform->inputs[i]];
        if (slot->kind == PS_SLOT_ONE_HOT) {
            kind = PS_SLOT_ONE_HOT;
            const struct ps_transform *maker = &pipeline->transforms[slot->maker];
            if (maker->type == &ps_interaction_type) {
                return ps_transform_error(transform, error,
                                          "%s is an interaction already: name all its columns at once",
                                          slot->name);
            }
        } else {
            has_values = true;
        }
        name = name == NULL ? slot->name : ps_arena_printf(pipeline->arena, "%s:%s", name, slot->name);
        if (name == NULL) {
            return ps_error_memory(error, "a pipeline");
        }
    }
    PS_TRY(ps_pipeline_make(pipeline, transform, 0, name, kind, &transform->outputs[0], error));
    pipeline->slots[transform->outputs[0]].has_values = kind == PS_SLOT_ONE_HOT && has_values;
    transform->output_count = 1;
    return PENSTOCK_OK;
}

static penstock_code finish_interaction(struct ps_pipeline *pipeline, struct ps_transform *transform,
                                        struct penstock_error *error) {
    struct ps_slot *out = &pipeline->slots[transform->outputs[0]];
    out->components = ps_arena_allocate(pipeline->arena, transform->input_count, sizeof *out->components);
    if (out->components == NULL) {
        return ps_error_memory(error, "a pipeline");
    }
    out->component_count = 0;
    const char *sql = NULL;
    bool has_sql = true;
    size_t width = 1;
    for (size_t i = 0; i < transform->input_count; i++) {
        transform->is_fitted[i] = true;
        const struct ps_slot *slot = &pipeline->slots[transform->inputs[i]];
        out->is_absent = out->is_absent || slot->is_absent;
        if (slot->kind == PS_SLOT_ONE_HOT) {
            out->components[out->component_count++] =
                (struct ps_component){transform->inputs[i], width, slot->width};
            width *= slot->width;
            if (width > PS_LIMIT_FEATURE_COUNT) {
                return ps_error_set(error, PENSTOCK_INVALID_DATA,
                                    "Interaction: %s would be more than %d features, the limit", out->name,
                                    PS_LIMIT_FEATURE_COUNT);
            }
        }
        has_sql = has_sql && slot->sql != NULL;
        if (has_sql) {
            sql = sql == NULL ? slot->sql : ps_arena_printf(pipeline->arena, "(%s * %s)", sql, slot->sql);
        }
    }
    if (out->kind == PS_SLOT_ONE_HOT) {
        out->width = width;
    } else if (has_sql) {
        out->sql = sql;
    }
    return PENSTOCK_OK;
}

static void apply_interaction(const struct ps_pipeline *pipeline, const struct ps_transform *transform,
                              struct ps_frame *frame) {
    const struct ps_slot *slot = &pipeline->slots[transform->outputs[0]];
    struct ps_frame_slot *out = &frame->slots[transform->outputs[0]];
    double *numbers = slot->kind == PS_SLOT_ONE_HOT ? out->values : out->own_numbers;
    for (size_t row = 0; row < frame->row_count; row++) {
        double value = 1;
        int64_t index = 0;
        size_t component = 0;
        for (size_t i = 0; i < transform->input_count; i++) {
            const struct ps_frame_slot *in = &frame->slots[transform->inputs[i]];
            if (pipeline->slots[transform->inputs[i]].kind == PS_SLOT_ONE_HOT) {
                const int32_t part = in->indexes[row];
                index =
                    part < 0 || index < 0 ? -1 : index + part * (int64_t)slot->components[component].divisor;
                component++;
            } else {
                value = i == 0 ? in->numbers[row] : value * in->numbers[row];
            }
        }
        if (numbers != NULL) {
            numbers[row] = value;
        }
        if (slot->kind == PS_SLOT_ONE_HOT) {
            out->indexes[row] = (int32_t)index;
        }
    }
    if (slot->kind == PS_SLOT_NUMBER) {
        out->numbers = out->own_numbers;
    }
}

const struct ps_transform_type ps_polynomial_expansion_type = {
    .name = "PolynomialExpansion",
    .help = "adds powers and products of columns",
    .options = expansion_options,
    .config_size = sizeof(struct expansion_config),
    .column_min = 1,
    .bind = bind_expansion,
    .finish = finish_expansion,
    .apply = apply_expansion,
};

const struct ps_transform_type ps_interaction_type = {
    .name = "Interaction",
    .help = "adds the product of columns, for each category of one-hot columns",
    .options = interaction_options,
    .config_size = sizeof(struct interaction_config),
    .column_min = 2,
    .takes_one_hot = true,
    .bind = bind_interaction,
    .finish = finish_interaction,
    .apply = apply_interaction,
};
