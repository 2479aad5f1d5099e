/* SPDX-License-Identifier: Apache-2.0
 *
 * formula.c - from a pipeline's transforms to steps.
 *
 * Options of a transform are read through its table, by name: their structs belong to the transforms.
 */
#include "model/formula.h"

#include <math.h>

#include "base/limits.h"

/* A product of many columns is as many steps: more than this is no formula that somebody would read. */
#define STEP_COUNT_MAX ((size_t)PS_LIMIT_FEATURE_COUNT * 16)

struct maker {
    struct ps_formula *formula;
    const struct ps_pipeline *pipeline;
    size_t *slot_steps; /* per slot: the step of its value (NUMBER, TEXT) or of its category (ONE_HOT) */
    size_t *own_steps;  /* per ONE_HOT slot: what its ones are multiplied with, or PS_NO_STEP */
    size_t capacity;
    struct penstock_error *error;
};

static const void *option_of(const struct ps_transform *transform, const char *name) {
    const struct ps_option *row = ps_option_find(transform->type->options, name);
    return row == NULL ? NULL : (const char *)transform->config + row->offset;
}

static const char *text_option(const struct ps_transform *transform, const char *name) {
    const char *const *field = option_of(transform, name);
    return field == NULL || *field == NULL ? "" : *field;
}

static penstock_code add_step(struct maker *maker, const struct ps_formula_step *step, size_t *step_out) {
    struct ps_formula *formula = maker->formula;
    if (formula->step_count == maker->capacity) {
        if (maker->capacity >= STEP_COUNT_MAX) {
            return ps_error_set(maker->error, PENSTOCK_UNSUPPORTED, "the model has more than %zu steps",
                                STEP_COUNT_MAX);
        }
        const size_t larger = maker->capacity == 0 ? 64 : maker->capacity * 2;
        struct ps_formula_step *steps = ps_arena_allocate(formula->arena, larger, sizeof *steps);
        if (steps == NULL) {
            return ps_error_memory(maker->error, "a formula");
        }
        if (formula->step_count > 0) {
            memcpy(steps, formula->steps, formula->step_count * sizeof *steps);
        }
        formula->steps = steps;
        maker->capacity = larger;
    }
    *step_out = formula->step_count;
    formula->steps[formula->step_count++] = *step;
    return PENSTOCK_OK;
}

/* A step of a transform over its input i, with the name of the output. */
static struct ps_formula_step step_of(const struct maker *maker, const struct ps_transform *transform,
                                      size_t input, enum ps_formula_op op) {
    return (struct ps_formula_step){
        .op = op,
        .inputs = {maker->slot_steps[transform->inputs[input]], PS_NO_STEP},
        .name = maker->pipeline->slots[transform->inputs[input]].name,
        .transform = (size_t)(transform - maker->pipeline->transforms),
        .unknown = (double)NAN,
    };
}

static penstock_code make_scaler(struct maker *maker, const struct ps_transform *transform) {
    for (size_t i = 0; i < transform->input_count; i++) {
        struct ps_formula_step step = step_of(maker, transform, i, PS_FORMULA_AFFINE);
        memcpy(step.numbers, transform->numbers + i * 3, sizeof step.numbers);
        PS_TRY(add_step(maker, &step, &maker->slot_steps[transform->outputs[i]]));
    }
    return PENSTOCK_OK;
}

static penstock_code make_imputer(struct maker *maker, const struct ps_transform *transform) {
    double missing = (double)NAN;
    if (!ps_parse_double(text_option(transform, "missingValue"), &missing)) {
        missing = (double)NAN;
    }
    for (size_t i = 0; i < transform->input_count; i++) {
        struct ps_formula_step step = step_of(maker, transform, i, PS_FORMULA_FILL);
        step.numbers[0] = transform->numbers[i];
        step.numbers[1] = missing;
        PS_TRY(add_step(maker, &step, &maker->slot_steps[transform->outputs[i]]));
    }
    return PENSTOCK_OK;
}

static penstock_code make_bucketizer(struct maker *maker, const struct ps_transform *transform) {
    const char *invalid = text_option(transform, "handleInvalid");
    for (size_t i = 0; i < transform->input_count; i++) {
        struct ps_formula_step step = step_of(maker, transform, i, PS_FORMULA_BUCKET);
        step.list = transform->list;
        step.list_count = transform->list_count;
        step.unknown = strcmp(invalid, "keep") == 0 ? (double)(step.list_count - 1) : (double)NAN;
        step.refuses = true; /* what lies outside of the splits */
        PS_TRY(add_step(maker, &step, &maker->slot_steps[transform->outputs[i]]));
    }
    return PENSTOCK_OK;
}

/* Each column has splits of its own: they lie one behind the other. */
static penstock_code make_discretizer(struct maker *maker, const struct ps_transform *transform) {
    const double *splits = transform->list;
    const bool keeps = strcmp(text_option(transform, "handleInvalid"), "keep") == 0;
    for (size_t i = 0; i < transform->input_count; i++) {
        struct ps_formula_step step = step_of(maker, transform, i, PS_FORMULA_BUCKET);
        step.list = splits;
        step.list_count = transform->categories[i].count + 1;
        step.unknown = keeps ? (double)(step.list_count - 1) : (double)NAN;
        step.refuses = true;
        splits += step.list_count;
        PS_TRY(add_step(maker, &step, &maker->slot_steps[transform->outputs[i]]));
    }
    return PENSTOCK_OK;
}

static penstock_code make_selector(struct maker *maker, const struct ps_transform *transform) {
    for (size_t i = 0; i < transform->input_count; i++) {
        maker->slot_steps[transform->outputs[i]] = maker->slot_steps[transform->inputs[i]];
    }
    return PENSTOCK_OK;
}

static penstock_code make_elementwise(struct maker *maker, const struct ps_transform *transform) {
    for (size_t i = 0; i < transform->input_count; i++) {
        struct ps_formula_step step = step_of(maker, transform, i, PS_FORMULA_AFFINE);
        step.numbers[1] = transform->list[i];
        PS_TRY(add_step(maker, &step, &maker->slot_steps[transform->outputs[i]]));
    }
    return PENSTOCK_OK;
}

static penstock_code add_index(struct maker *maker, const struct ps_transform *transform, size_t input,
                               size_t *step_out) {
    const char *invalid = text_option(transform, "handleInvalid");
    struct ps_formula_step step = step_of(maker, transform, input, PS_FORMULA_INDEX);
    step.categories = &transform->categories[input];
    step.unknown = strcmp(invalid, "keep") == 0 ? (double)step.categories->count : (double)NAN;
    step.refuses = strcmp(invalid, "error") == 0;
    return add_step(maker, &step, step_out);
}

static penstock_code make_indexer(struct maker *maker, const struct ps_transform *transform) {
    for (size_t i = 0; i < transform->input_count; i++) {
        PS_TRY(add_index(maker, transform, i, &maker->slot_steps[transform->outputs[i]]));
    }
    return PENSTOCK_OK;
}

/* The input's index is the category; a text or a number is looked up first. */
static penstock_code make_encoder(struct maker *maker, const struct ps_transform *transform) {
    for (size_t i = 0; i < transform->input_count; i++) {
        const struct ps_slot *in = &maker->pipeline->slots[transform->inputs[i]];
        if (in->kind == PS_SLOT_NUMBER && in->categories != NULL) {
            maker->slot_steps[transform->outputs[i]] = maker->slot_steps[transform->inputs[i]];
            continue;
        }
        PS_TRY(add_index(maker, transform, i, &maker->slot_steps[transform->outputs[i]]));
    }
    return PENSTOCK_OK;
}

static penstock_code multiply(struct maker *maker, const struct ps_transform *transform, const char *name,
                              size_t *product, size_t factor) {
    if (*product == PS_NO_STEP) {
        *product = factor;
        return PENSTOCK_OK;
    }
    struct ps_formula_step step = step_of(maker, transform, 0, PS_FORMULA_PRODUCT);
    step.name = name;
    step.inputs[0] = *product;
    step.inputs[1] = factor;
    return add_step(maker, &step, product);
}

/* The exponents of each output lie in the transform's list. */
static penstock_code make_expansion(struct maker *maker, const struct ps_transform *transform) {
    for (size_t i = 0; i < transform->output_count; i++) {
        const size_t slot = transform->outputs[i];
        maker->slot_steps[slot] = PS_NO_STEP;
        for (size_t c = 0; c < transform->input_count; c++) {
            const double exponent = transform->list[i * transform->input_count + c];
            for (int n = 0; n < (int)exponent; n++) {
                PS_TRY(multiply(maker, transform, maker->pipeline->slots[slot].name, &maker->slot_steps[slot],
                                maker->slot_steps[transform->inputs[c]]));
            }
        }
    }
    return PENSTOCK_OK;
}

static penstock_code make_interaction(struct maker *maker, const struct ps_transform *transform) {
    const size_t slot = transform->outputs[0];
    size_t product = PS_NO_STEP;
    for (size_t i = 0; i < transform->input_count; i++) {
        if (maker->pipeline->slots[transform->inputs[i]].kind == PS_SLOT_NUMBER) {
            PS_TRY(multiply(maker, transform, maker->pipeline->slots[slot].name, &product,
                            maker->slot_steps[transform->inputs[i]]));
        }
    }
    const bool is_group = maker->pipeline->slots[slot].kind == PS_SLOT_ONE_HOT;
    *(is_group ? &maker->own_steps[slot] : &maker->slot_steps[slot]) = product;
    return PENSTOCK_OK;
}

static const struct {
    const struct ps_transform_type *type;
    penstock_code (*make)(struct maker *maker, const struct ps_transform *transform);
} makers[] = {
    {&ps_standard_scaler_type, make_scaler},
    {&ps_min_max_scaler_type, make_scaler},
    {&ps_max_abs_scaler_type, make_scaler},
    {&ps_robust_scaler_type, make_scaler},
    {&ps_imputer_type, make_imputer},
    {&ps_bucketizer_type, make_bucketizer},
    {&ps_string_indexer_type, make_indexer},
    {&ps_one_hot_encoder_type, make_encoder},
    {&ps_polynomial_expansion_type, make_expansion},
    {&ps_interaction_type, make_interaction},
    {&ps_quantile_discretizer_type, make_discretizer},
    {&ps_variance_selector_type, make_selector},
    {&ps_elementwise_product_type, make_elementwise},
};

static penstock_code make_transform(struct maker *maker, const struct ps_transform *transform) {
    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++) {
        if (makers[i].type == transform->type) {
            return makers[i].make(maker, transform);
        }
    }
    return ps_error_set(maker->error, PENSTOCK_UNSUPPORTED,
                        "transform %s has no formula that could be exported", transform->type->name);
}

static penstock_code make_inputs(struct maker *maker) {
    const struct ps_pipeline *pipeline = maker->pipeline;
    for (size_t i = 0; i < pipeline->input_count; i++) {
        const struct ps_slot *slot = &pipeline->slots[pipeline->inputs[i]];
        const struct ps_formula_step step = {
            .op = slot->kind == PS_SLOT_TEXT ? PS_FORMULA_TEXT : PS_FORMULA_NUMBER,
            .inputs = {PS_NO_STEP, PS_NO_STEP},
            .name = slot->name,
            .type_text = slot->type_text,
            .transform = PS_NO_STEP,
            .unknown = (double)NAN,
        };
        PS_TRY(add_step(maker, &step, &maker->slot_steps[pipeline->inputs[i]]));
    }
    return PENSTOCK_OK;
}

/* A group's parts and which feature each of its categories is, counted on from `feature`. */
static penstock_code make_group(struct maker *maker, size_t slot_index, const int64_t *dropped,
                                struct ps_formula_column *column, size_t *feature) {
    const struct ps_slot *slot = &maker->pipeline->slots[slot_index];
    struct ps_formula_part *parts =
        ps_arena_allocate(maker->formula->arena, slot->component_count + 1, sizeof *parts);
    int32_t *features = ps_arena_allocate(maker->formula->arena, slot->width + 1, sizeof *features);
    if (parts == NULL || features == NULL) {
        return ps_error_memory(maker->error, "a formula");
    }
    for (size_t i = 0; i < slot->component_count; i++) {
        const struct ps_component *component = &slot->components[i];
        parts[i] = (struct ps_formula_part){maker->slot_steps[component->slot], component->width};
    }
    for (size_t c = 0; c < slot->width; c++) {
        features[c] = ps_slot_is_dropped(slot, dropped, c) ? -1 : (int32_t)(*feature)++;
    }
    *column = (struct ps_formula_column){.is_group = true,
                                         .value = maker->own_steps[slot_index],
                                         .parts = parts,
                                         .part_count = slot->component_count,
                                         .width = slot->width,
                                         .features = features};
    return PENSTOCK_OK;
}

static penstock_code make_columns(struct maker *maker) {
    const struct ps_pipeline *pipeline = maker->pipeline;
    struct ps_formula *formula = maker->formula;
    formula->columns =
        ps_arena_allocate(formula->arena, pipeline->column_count + 1, sizeof *formula->columns);
    int64_t *dropped = ps_arena_allocate(formula->arena, pipeline->slot_count + 1, sizeof *dropped);
    if (formula->columns == NULL || dropped == NULL) {
        return ps_error_memory(maker->error, "a formula");
    }
    for (size_t i = 0; i < pipeline->slot_count; i++) {
        dropped[i] = pipeline->slots[i].dropped;
    }
    size_t feature = 0;
    for (size_t c = 0; c < pipeline->column_count; c++) {
        const size_t slot = pipeline->columns[c].slot;
        struct ps_formula_column *column = &formula->columns[formula->column_count++];
        if (pipeline->slots[slot].kind == PS_SLOT_ONE_HOT) {
            PS_TRY(make_group(maker, slot, dropped, column, &feature));
        } else {
            *column = (struct ps_formula_column){
                .value = maker->slot_steps[slot], .feature = feature++, .width = 1};
        }
    }
    formula->feature_count = feature;
    return PENSTOCK_OK;
}

penstock_code ps_formula_make(const struct ps_fitted *fitted, struct ps_arena *arena,
                              struct ps_formula **formula_out, struct penstock_error *error) {
    struct maker maker = {.pipeline = fitted->pipeline, .error = error};
    const size_t slot_count = fitted->pipeline->slot_count + 1;
    maker.formula = ps_arena_allocate(arena, 1, sizeof *maker.formula);
    maker.slot_steps = ps_arena_allocate(arena, slot_count, sizeof(size_t));
    maker.own_steps = ps_arena_allocate(arena, slot_count, sizeof(size_t));
    if (maker.formula == NULL || maker.slot_steps == NULL || maker.own_steps == NULL) {
        return ps_error_memory(error, "a formula");
    }
    maker.formula->arena = arena;
    maker.formula->fitted = fitted;
    for (size_t i = 0; i < slot_count; i++) {
        maker.slot_steps[i] = maker.own_steps[i] = PS_NO_STEP;
    }
    PS_TRY(make_inputs(&maker));
    for (size_t i = 0; i < fitted->pipeline->transform_count; i++) {
        PS_TRY(make_transform(&maker, &fitted->pipeline->transforms[i]));
    }
    PS_TRY(make_columns(&maker));
    *formula_out = maker.formula;
    return PENSTOCK_OK;
}

const uint8_t *ps_formula_guards(const struct ps_formula *formula) {
    uint8_t *guards = ps_arena_allocate(formula->arena, formula->step_count + 1, 1);
    for (size_t c = 0; guards != NULL && c < formula->column_count; c++) {
        const struct ps_formula_column *column = &formula->columns[c];
        if (column->value != PS_NO_STEP) {
            guards[column->value] = 1;
        }
        for (size_t p = 0; p < column->part_count; p++) {
            guards[column->parts[p].step] = 1;
        }
    }
    return guards;
}
