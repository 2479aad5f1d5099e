/* SPDX-License-Identifier: Apache-2.0
 *
 * layout.c - base columns of a pipeline, features of a training set.
 *
 * A deferred chain is carried along as value = scale * (z + fill * gap) + constant, where z is the shifted
 * base column (0 in its gaps) and gap marks them; mean, variance and range of the value follow from those of
 * z and gap, and each stage of the chain learns from them what it would learn from the rows.
 */
#include "model/layout.h"

#include <math.h>

#include "base/limits.h"
#include "model/categories.h"

/* The deferred stages behind a slot, last to first: counts them, or writes them into chain. */
static size_t trace(const struct ps_pipeline *pipeline, size_t slot, struct ps_chain_step *chain,
                    size_t count) {
    size_t length = 0;
    for (;;) {
        const struct ps_slot *value = &pipeline->slots[slot];
        if (value->maker == PS_NO_SLOT ||
            !pipeline->transforms[value->maker].is_deferred[value->maker_input]) {
            return length;
        }
        length++;
        if (chain != NULL) {
            chain[count - length] = (struct ps_chain_step){value->maker, value->maker_input};
        }
        slot = pipeline->transforms[value->maker].inputs[value->maker_input];
    }
}

static penstock_code add_number(struct ps_layout *layout, struct ps_arena *arena, size_t slot,
                                struct penstock_error *error) {
    struct ps_dense_column *column = &layout->dense[layout->number_count];
    *column = (struct ps_dense_column){.slot = slot, .indicator = PS_NO_COLUMN};
    column->chain_count = trace(layout->pipeline, slot, NULL, 0);
    column->chain = ps_arena_allocate(arena, column->chain_count + 1, sizeof *column->chain);
    if (column->chain == NULL) {
        return ps_error_memory(error, "a layout");
    }
    (void)trace(layout->pipeline, slot, column->chain, column->chain_count);
    for (size_t i = 0; i < column->chain_count; i++) {
        const struct ps_transform_type *type = layout->pipeline->transforms[column->chain[i].transform].type;
        column->is_filled = column->is_filled || type == &ps_imputer_type;
        layout->needs_range = layout->needs_range || type->learns_range;
    }
    layout->columns[layout->column_count++] = (struct ps_layout_column){false, layout->number_count};
    layout->number_count++;
    return PENSTOCK_OK;
}

static penstock_code place_groups(struct ps_layout *layout, struct ps_arena *arena,
                                  struct penstock_error *error) {
    struct ps_gram_shape *shape = &layout->shape;
    size_t *starts = ps_arena_allocate(arena, shape->group_count + 1, sizeof(size_t));
    if (starts == NULL) {
        return ps_error_memory(error, "a layout");
    }
    for (size_t g = 0; g < shape->group_count; g++) {
        const struct ps_slot *slot = &layout->pipeline->slots[layout->groups[g]];
        starts[g] = shape->slot_count;
        shape->slot_count += slot->width;
        shape->has_values = shape->has_values || slot->has_values;
    }
    starts[shape->group_count] = shape->slot_count;
    shape->group_starts = starts;
    layout->feature_max = layout->number_count + shape->slot_count;
    if (layout->feature_max > PS_LIMIT_FEATURE_COUNT) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "TRANSFORM makes %zu features; the limit is %d",
                            layout->feature_max, PS_LIMIT_FEATURE_COUNT);
    }
    return PENSTOCK_OK;
}

penstock_code ps_layout_init(struct ps_layout *layout, const struct ps_pipeline *pipeline,
                             struct ps_arena *arena, struct penstock_error *error) {
    *layout = (struct ps_layout){.pipeline = pipeline, .label_slot = PS_NO_SLOT};
    const size_t count = pipeline->column_count;
    layout->dense = ps_arena_allocate(arena, count + 1, sizeof *layout->dense);
    layout->groups = ps_arena_allocate(arena, count + 1, sizeof *layout->groups);
    layout->columns = ps_arena_allocate(arena, count + 1, sizeof *layout->columns);
    if (layout->dense == NULL || layout->groups == NULL || layout->columns == NULL) {
        return ps_error_memory(error, "a layout");
    }
    for (size_t i = 0; i < count; i++) {
        const struct ps_live_column *column = &pipeline->columns[i];
        const struct ps_slot *slot = &pipeline->slots[column->slot];
        if (column->is_label) {
            layout->label_slot = column->slot;
        } else if (slot->kind == PS_SLOT_ONE_HOT) {
            layout->columns[layout->column_count++] =
                (struct ps_layout_column){true, layout->shape.group_count};
            layout->groups[layout->shape.group_count++] = column->slot;
        } else {
            PS_TRY(add_number(layout, arena, column->slot, error));
        }
    }
    size_t next = layout->number_count;
    for (size_t i = 0; i < layout->number_count; i++) {
        if (layout->dense[i].is_filled) {
            layout->dense[i].indicator = next++;
        }
    }
    layout->label = next;
    layout->shape.dense_count = next + 1;
    return place_groups(layout, arena, error);
}

penstock_code ps_design_init(struct ps_design *design, const struct ps_layout *layout,
                             struct penstock_error *error) {
    const size_t count = layout->feature_max + 1;
    *design = (struct ps_design){0};
    design->maps = ps_allocate(count, sizeof *design->maps);
    design->columns = ps_allocate(count, sizeof(size_t));
    design->indexes = ps_allocate(count, sizeof(size_t));
    design->dropped = ps_allocate(layout->pipeline->slot_count + 1, sizeof(int64_t));
    design->counts = ps_allocate(count, sizeof(double));
    if (design->counts == NULL || design->maps == NULL || design->columns == NULL ||
        design->indexes == NULL || design->dropped == NULL) {
        ps_design_done(design);
        return ps_error_memory(error, "features");
    }
    return PENSTOCK_OK;
}

void ps_design_done(struct ps_design *design) {
    ps_release(design->maps);
    ps_release(design->columns);
    ps_release(design->indexes);
    ps_release(design->dropped);
    ps_release(design->counts);
    *design = (struct ps_design){0};
}

struct chain_value {
    const struct ps_spread *spread;
    size_t column, indicator;
    double fill, scale, constant;
    double least, largest; /* of z */
};

static struct ps_column_moments moments_of(const struct chain_value *value) {
    const struct ps_spread *spread = value->spread;
    const size_t n = spread->count;
    double mean = spread->means[value->column];
    double variance = spread->covariance[value->column * n + value->column];
    double parts = variance;
    if (value->indicator != PS_NO_COLUMN) {
        const double own =
            value->fill * value->fill * spread->covariance[value->indicator * n + value->indicator];
        mean += value->fill * spread->means[value->indicator];
        variance += 2 * value->fill * spread->covariance[value->column * n + value->indicator] + own;
        parts += own;
    }
    if (!(variance > 1e-13 * parts)) {
        variance = 0; /* rounding noise of a constant column */
    }
    const double rows = spread->row_count;
    return (struct ps_column_moments){
        .row_count = rows,
        .mean = value->scale * mean + value->constant,
        .variance = value->scale * value->scale * variance * (rows > 1 ? rows / (rows - 1) : 0),
        .least = value->scale * value->least + value->constant,
        .largest = value->scale * value->largest + value->constant,
    };
}

/* The mean of the values that are there. */
static struct ps_column_moments present_moments(const struct chain_value *value) {
    const struct ps_spread *spread = value->spread;
    const double share = 1 - spread->means[value->indicator];
    const double rows = round(spread->row_count * share);
    return (struct ps_column_moments){
        .row_count = rows,
        .mean = rows > 0 ? spread->means[value->column] * spread->row_count / rows + value->constant : 0,
    };
}

static void run_step(const struct ps_transform *transform, struct chain_value *value, double *numbers) {
    if (transform->type == &ps_imputer_type) {
        const struct ps_column_moments moments = present_moments(value);
        transform->type->learn(transform, &moments, numbers);
        value->fill = moments.row_count > 0 ? numbers[0] - value->constant : 0;
        return;
    }
    const struct ps_column_moments moments = moments_of(value);
    transform->type->learn(transform, &moments, numbers);
    value->scale *= numbers[1];
    value->constant = (value->constant - numbers[0]) * numbers[1] + numbers[2];
}

static struct ps_feature_map learn_number(const struct ps_layout *layout, size_t index,
                                          const struct ps_rowset *set, const double *pilots,
                                          struct ps_pipeline *fitted) {
    const struct ps_dense_column *column = &layout->dense[index];
    struct chain_value value = {.spread = &set->spread,
                                .column = index,
                                .indicator = column->indicator,
                                .scale = 1,
                                .constant = pilots[index],
                                .least = set->least[index] - pilots[index],
                                .largest = set->largest[index] - pilots[index]};
    for (size_t i = 0; i < column->chain_count; i++) {
        const struct ps_chain_step *step = &column->chain[i];
        const struct ps_transform *transform = &layout->pipeline->transforms[step->transform];
        double numbers[4] = {0};
        run_step(transform, &value, numbers);
        if (fitted != NULL) {
            struct ps_transform *target = &fitted->transforms[step->transform];
            const size_t count = target->type->number_count;
            memcpy(target->numbers + step->input * count, numbers, count * sizeof(double));
            target->is_fitted[step->input] = true;
        }
    }
    return (struct ps_feature_map){index, column->indicator, value.fill, value.scale, value.constant};
}

/* Of every one-hot column that leaves its last category out: which one that is among these rows. */
static void choose_dropped(struct ps_design *design, const struct ps_layout *layout,
                           const struct ps_rowset *set, struct ps_pipeline *fitted) {
    const struct ps_gram_shape *shape = &layout->shape;
    for (size_t i = 0; i < layout->pipeline->slot_count; i++) {
        design->dropped[i] = -1;
    }
    for (size_t g = 0; g < shape->group_count; g++) {
        const struct ps_slot *slot = &layout->pipeline->slots[layout->groups[g]];
        if (slot->drops_last && slot->categories != NULL) {
            double *counts = design->counts; /* they stand on the diagonal of the pairs */
            for (size_t c = 0; c < slot->categories->count; c++) {
                const size_t place = shape->group_starts[g] + c;
                counts[c] = set->pairs[place * shape->slot_count + place];
            }
            design->dropped[layout->groups[g]] = ps_categories_last(slot->categories, counts);
        }
        if (fitted != NULL) {
            fitted->slots[layout->groups[g]].dropped = design->dropped[layout->groups[g]];
        }
    }
}

void ps_design_learn(struct ps_design *design, const struct ps_layout *layout, const struct ps_rowset *set,
                     const double *pilots, struct ps_pipeline *fitted) {
    choose_dropped(design, layout, set, fitted);
    design->count = 0;
    for (size_t c = 0; c < layout->column_count; c++) {
        const struct ps_layout_column *column = &layout->columns[c];
        if (!column->is_group) {
            design->columns[design->count] = c;
            design->indexes[design->count] = 0;
            design->maps[design->count++] = learn_number(layout, column->index, set, pilots, fitted);
            continue;
        }
        const struct ps_slot *slot = &layout->pipeline->slots[layout->groups[column->index]];
        for (size_t i = 0; i < slot->width; i++) {
            if (ps_slot_is_dropped(slot, design->dropped, i)) {
                continue;
            }
            design->columns[design->count] = c;
            design->indexes[design->count] = i;
            design->maps[design->count++] = (struct ps_feature_map){
                .column = layout->shape.dense_count + layout->shape.group_starts[column->index] + i,
                .indicator = PS_NO_COLUMN,
                .scale = 1,
            };
        }
    }
}
