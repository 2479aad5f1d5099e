/* SPDX-License-Identifier: Apache-2.0
 *
 * pipeline.c - binding stages to columns, and running them.
 *
 * A call's positional parameters (and inputCol, inputCols) are columns, its named ones options. Both are looked
 * up in tables, so that a wrong name is answered with the nearest right one, at the place where it is written.
 */
#include "model/pipeline.h"

#include <stdio.h>

#include "base/check.h"
#include "base/limits.h"

/* Arrays in the arena that double; the old ones stay until the arena goes. */
static void *grown(struct ps_arena *arena, void *items, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity) {
        return items;
    }
    const size_t larger = *capacity == 0 ? 32 : *capacity * 2;
    void *copy = ps_arena_allocate(arena, larger, size);
    if (copy != NULL && count > 0) {
        memcpy(copy, items, count * size);
    }
    if (copy != NULL) {
        *capacity = larger;
    }
    return copy;
}

penstock_code ps_pipeline_new(struct ps_arena *arena, struct ps_pipeline **pipeline_out,
                              struct penstock_error *error) {
    struct ps_pipeline *pipeline = ps_arena_allocate(arena, 1, sizeof *pipeline);
    if (pipeline == NULL) {
        return ps_error_memory(error, "a pipeline");
    }
    pipeline->arena = arena;
    pipeline->fixed_slot = PS_NO_SLOT;
    *pipeline_out = pipeline;
    return PENSTOCK_OK;
}

static penstock_code add_slot(struct ps_pipeline *pipeline, const struct ps_slot *slot, size_t *slot_out,
                              struct penstock_error *error) {
    if (pipeline->slot_count >= (size_t)PS_LIMIT_FEATURE_COUNT * 2) {
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT, "more than %d columns in one pipeline",
                            PS_LIMIT_FEATURE_COUNT * 2);
    }
    pipeline->slots = grown(pipeline->arena, pipeline->slots, pipeline->slot_count, &pipeline->slot_capacity,
                            sizeof *pipeline->slots);
    if (pipeline->slots == NULL) {
        return ps_error_memory(error, "a pipeline");
    }
    *slot_out = pipeline->slot_count;
    pipeline->slots[pipeline->slot_count++] = *slot;
    return PENSTOCK_OK;
}

static penstock_code add_column(struct ps_pipeline *pipeline, const char *name, size_t slot, bool is_label,
                                struct penstock_error *error) {
    pipeline->columns = grown(pipeline->arena, pipeline->columns, pipeline->column_count,
                              &pipeline->column_capacity, sizeof *pipeline->columns);
    if (pipeline->columns == NULL) {
        return ps_error_memory(error, "a pipeline");
    }
    pipeline->columns[pipeline->column_count++] = (struct ps_live_column){name, slot, is_label};
    return PENSTOCK_OK;
}

penstock_code ps_pipeline_add_input(struct ps_pipeline *pipeline, const char *name, enum ps_slot_kind kind,
                                    const char *type_text, const char *sql, bool is_label,
                                    struct penstock_error *error) {
    const struct ps_slot slot = {.name = name,
                                 .kind = kind,
                                 .type_text = type_text,
                                 .sql = sql,
                                 .maker = PS_NO_SLOT,
                                 .is_label = is_label,
                                 .dropped = -1};
    size_t index = 0;
    PS_TRY(add_slot(pipeline, &slot, &index, error));
    pipeline->inputs = grown(pipeline->arena, pipeline->inputs, pipeline->input_count,
                             &pipeline->input_capacity, sizeof *pipeline->inputs);
    if (pipeline->inputs == NULL) {
        return ps_error_memory(error, "a pipeline");
    }
    pipeline->inputs[pipeline->input_count++] = index;
    return add_column(pipeline, name, index, is_label, error);
}

int64_t ps_pipeline_find(const struct ps_pipeline *pipeline, const char *name) {
    for (size_t i = 0; i < pipeline->column_count; i++) {
        if (ps_text_equal_nocase(pipeline->columns[i].name, name)) {
            return (int64_t)i;
        }
    }
    return -1;
}

penstock_code ps_transform_error(const struct ps_transform *transform, struct penstock_error *error,
                                 const char *format, ...) {
    char text[900];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: %s", transform->type->name, text);
    return ps_error_at(error, transform->call->location, NULL, 0);
}

/* The stage that a column of this name has gone into, or NULL. */
static const char *taker_of(const struct ps_pipeline *pipeline, const char *name) {
    for (size_t t = pipeline->transform_count; t-- > 0;) {
        const struct ps_transform *transform = &pipeline->transforms[t];
        for (size_t i = 0; i < transform->input_count; i++) {
            if (ps_text_equal_nocase(pipeline->slots[transform->inputs[i]].name, name)) {
                return transform->type->name;
            }
        }
    }
    return NULL;
}

static penstock_code unknown_column(const struct ps_pipeline *pipeline, const struct ps_transform *transform,
                                    const struct ps_parameter *parameter, const char *name,
                                    struct penstock_error *error) {
    const char **names = ps_arena_allocate(pipeline->arena, pipeline->column_count + 1, sizeof *names);
    if (names == NULL) {
        return ps_error_memory(error, "a pipeline");
    }
    for (size_t i = 0; i < pipeline->column_count; i++) {
        names[i] = pipeline->columns[i].name;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: the %s column %s", transform->type->name,
                       pipeline->is_of_dataset ? "dataset's SELECT has no" : "model's SELECT has no feature",
                       name);
    const char *nearest = ps_nearest(name, names);
    const char *taker = taker_of(pipeline, name);
    if (taker != NULL) {
        (void)ps_error_hint(error, "%s has taken %s and made other columns of it: put %s before it", taker,
                            name, transform->type->name);
    } else if (nearest != NULL) {
        (void)ps_error_hint(error, "did you mean %s?", nearest);
    } else if (!pipeline->is_of_dataset) {
        (void)ps_error_hint(error, "the label, foldCol and the HOLDOUT column are no features");
    }
    return ps_error_at(error, parameter->location, NULL, 0);
}

static const char *type_of(const struct ps_slot *slot) {
    return slot->type_text == NULL ? "text" : slot->type_text;
}

static bool is_time(const char *type) {
    return strncmp(type, "TIME", 4) == 0 || strcmp(type, "DATE") == 0;
}

static penstock_code check_kind(const struct ps_pipeline *pipeline, const struct ps_transform *transform,
                                const struct ps_live_column *column, struct penstock_error *error) {
    const struct ps_slot *slot = &pipeline->slots[column->slot];
    const struct ps_transform_type *type = transform->type;
    if (column->is_label && !type->takes_label) {
        return ps_transform_error(transform, error, "%s is the label: only OutlierFilter may read it",
                                  column->name);
    }
    if (slot->kind == PS_SLOT_TEXT && is_time(type_of(slot)) && !type->takes_text && !type->takes_time) {
        return ps_transform_error(transform, error,
                                  "%s is %s, not a number; CyclicEncoder makes numbers of a time",
                                  column->name, type_of(slot));
    }
    if (slot->kind == PS_SLOT_TEXT && !is_time(type_of(slot)) && !type->takes_text) {
        return type->takes_time
                   ? ps_transform_error(transform, error,
                                        "%s is %s, neither a time nor a number; CAST(%s AS "
                                        "TIMESTAMP) AS %s in the SELECT makes a time of it",
                                        column->name, type_of(slot), column->name, column->name)
                   : ps_transform_error(transform, error,
                                        "%s is %s, not a number; StringIndexer or OneHotEncoder first",
                                        column->name, type_of(slot));
    }
    if (slot->is_opaque && type->reads_values) {
        return ps_transform_error(transform, error,
                                  "cannot learn from %s, which %s has made; put %s before it", column->name,
                                  pipeline->transforms[slot->maker].type->name, type->name);
    }
    if (slot->kind == PS_SLOT_ONE_HOT && !type->takes_one_hot) {
        return ps_transform_error(transform, error,
                                  "%s is one-hot encoded already; put %s before OneHotEncoder", column->name,
                                  type->name);
    }
    return PENSTOCK_OK;
}

static penstock_code bind_column(struct ps_pipeline *pipeline, struct ps_transform *transform,
                                 const struct ps_parameter *parameter, const char *name,
                                 struct penstock_error *error) {
    const int64_t index = ps_pipeline_find(pipeline, name);
    if (index < 0) {
        return unknown_column(pipeline, transform, parameter, name, error);
    }
    const struct ps_live_column *column = &pipeline->columns[index];
    PS_TRY(check_kind(pipeline, transform, column, error));
    for (size_t i = 0; i < transform->input_count; i++) {
        if (transform->inputs[i] == column->slot) {
            return ps_transform_error(transform, error, "column %s is given twice", name);
        }
    }
    transform->inputs[transform->input_count++] = column->slot;
    return PENSTOCK_OK;
}

static penstock_code set_list(struct ps_pipeline *pipeline, struct ps_transform *transform,
                              const struct ps_parameter *parameter, struct penstock_error *error) {
    transform->list = ps_arena_allocate(pipeline->arena, parameter->value_count + 1, sizeof(double));
    if (transform->list == NULL) {
        return ps_error_memory(error, "a pipeline");
    }
    for (size_t i = 0; i < parameter->value_count; i++) {
        const char *text = parameter->values[i];
        const bool negative = text[0] == '-';
        const char *rest = text + (negative || text[0] == '+' ? 1 : 0);
        if (ps_text_equal_nocase(rest, "inf") || ps_text_equal_nocase(rest, "infinity")) {
            transform->list[i] = negative ? (double)-__builtin_inff() : (double)__builtin_inff();
        } else if (!ps_parse_double(text, &transform->list[i])) {
            (void)ps_transform_error(transform, error, "%s: '%s' is not a number", parameter->name, text);
            return PENSTOCK_INVALID_PROJECT;
        }
    }
    transform->list_count = parameter->value_count;
    return PENSTOCK_OK;
}

static penstock_code set_option(struct ps_pipeline *pipeline, struct ps_transform *transform,
                                const struct ps_parameter *parameter, struct penstock_error *error) {
    const struct ps_transform_type *type = transform->type;
    if (type->list_name != NULL && ps_option_name_equal(parameter->name, type->list_name)) {
        return set_list(pipeline, transform, parameter, error);
    }
    if (type->words_name != NULL && ps_option_name_equal(parameter->name, type->words_name)) {
        transform->words = parameter->values;
        transform->word_count = parameter->value_count;
        return PENSTOCK_OK;
    }
    penstock_code code = PENSTOCK_OK;
    if (parameter->is_grid) {
        code = ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                            "%s: %s: GRID is for parameters of the estimator", type->name, parameter->name);
    } else if (parameter->value_count != 1) {
        code = ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: %s takes one value, not %zu", type->name,
                            parameter->name, parameter->value_count);
    } else {
        code = ps_option_set(type->options, transform->config, parameter->name, parameter->values[0],
                             pipeline->arena, error);
        if (code == PENSTOCK_OK || code == PENSTOCK_OUT_OF_MEMORY) {
            return code;
        }
        (void)ps_error_context(error, "%s", type->name);
        if (error != NULL) {
            error->code = PENSTOCK_INVALID_PROJECT;
        }
    }
    (void)ps_error_at(error, parameter->location, NULL, 0);
    return PENSTOCK_INVALID_PROJECT;
}

static bool is_column_parameter(const struct ps_parameter *parameter) {
    return parameter->name == NULL || ps_option_name_equal(parameter->name, "inputCol") ||
           ps_option_name_equal(parameter->name, "inputCols");
}

static size_t count_columns(const struct ps_pipeline *pipeline, const struct ps_call *call) {
    size_t count = pipeline->column_count;
    for (size_t i = 0; i < call->parameter_count; i++) {
        count += is_column_parameter(&call->parameters[i]) ? call->parameters[i].value_count : 0;
    }
    return count;
}

static penstock_code bind_parameters(struct ps_pipeline *pipeline, struct ps_transform *transform,
                                     struct penstock_error *error) {
    const struct ps_call *call = transform->call;
    for (size_t i = 0; i < call->parameter_count; i++) {
        const struct ps_parameter *parameter = &call->parameters[i];
        if (!is_column_parameter(parameter)) {
            PS_TRY(set_option(pipeline, transform, parameter, error));
            continue;
        }
        for (size_t v = 0; v < parameter->value_count; v++) {
            PS_TRY(bind_column(pipeline, transform, parameter, parameter->values[v], error));
        }
    }
    if (transform->input_count == 0 && transform->type->takes_all) {
        for (size_t i = 0; i < pipeline->column_count; i++) {
            const struct ps_live_column *column = &pipeline->columns[i];
            const struct ps_slot *slot = &pipeline->slots[column->slot];
            if (!column->is_label && column->slot != pipeline->fixed_slot && slot->kind == PS_SLOT_NUMBER &&
                !(slot->is_opaque && transform->type->reads_values)) {
                transform->inputs[transform->input_count++] = column->slot;
            }
        }
    }
    const size_t least = transform->type->column_min;
    const size_t most = transform->type->column_max;
    if (transform->input_count < least || (most > 0 && transform->input_count > most)) {
        return ps_transform_error(transform, error, "takes %s%zu column%s, not %zu",
                                  most == least ? "" : "at least ", least, least == 1 ? "" : "s",
                                  transform->input_count);
    }
    return PENSTOCK_OK;
}

static penstock_code unknown_transform(const struct ps_call *call, struct penstock_error *error) {
    const char *names[64] = {0};
    size_t count = 0;
    for (; ps_transform_types[count] != NULL && count < 63; count++) {
        names[count] = ps_transform_types[count]->name;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "there is no transform %s", call->name);
    const char *nearest = ps_nearest(call->name, names);
    if (nearest != NULL) {
        (void)ps_error_hint(error, "did you mean %s?", nearest);
    } else {
        char list[sizeof error->hint];
        size_t size = 0;
        for (size_t i = 0; i < count && size < sizeof list; i++) {
            size += (size_t)snprintf(list + size, sizeof list - size, "%s%s",
                                     i == 0           ? ""
                                     : i + 1 == count ? " and "
                                                      : ", ",
                                     names[i]);
        }
        (void)ps_error_hint(error, "%s are there", list);
    }
    return ps_error_at(error, call->location, NULL, 0);
}

penstock_code ps_pipeline_add(struct ps_pipeline *pipeline, const struct ps_call *call,
                              struct penstock_error *error) {
    const struct ps_transform_type *type = ps_transform_find(call->name);
    if (type == NULL) {
        return unknown_transform(call, error);
    }
    struct ps_transform transform = {
        .type = type, .call = call, .is_learnt = type->is_learnt, .refits = type->refits};
    transform.config = ps_arena_allocate(pipeline->arena, 1, type->config_size + 1);
    transform.inputs = ps_arena_allocate(pipeline->arena, count_columns(pipeline, call) + 1, sizeof(size_t));
    if (transform.config == NULL || transform.inputs == NULL) {
        return ps_error_memory(error, "a pipeline");
    }
    PS_TRY(ps_option_defaults(type->options, transform.config, pipeline->arena, error));
    PS_TRY(bind_parameters(pipeline, &transform, error));
    const size_t count = transform.input_count + 1;
    transform.outputs = ps_arena_allocate(pipeline->arena, count, sizeof(size_t));
    transform.number_count = transform.input_count * type->number_count;
    transform.numbers = ps_arena_allocate(pipeline->arena, transform.number_count + 1, sizeof(double));
    transform.is_deferred = ps_arena_allocate(pipeline->arena, count, sizeof(bool));
    transform.is_fitted = ps_arena_allocate(pipeline->arena, count, sizeof(bool));
    transform.categories = ps_arena_allocate(pipeline->arena, count, sizeof *transform.categories);
    pipeline->transforms = grown(pipeline->arena, pipeline->transforms, pipeline->transform_count,
                                 &pipeline->transform_capacity, sizeof *pipeline->transforms);
    if (transform.outputs == NULL || transform.numbers == NULL || transform.is_deferred == NULL ||
        transform.is_fitted == NULL || transform.categories == NULL || pipeline->transforms == NULL) {
        return ps_error_memory(error, "a pipeline");
    }
    PS_TRY(type->bind(pipeline, &transform, error));
    pipeline->transforms[pipeline->transform_count++] = transform;
    return PENSTOCK_OK;
}

penstock_code ps_transform_reserve(const struct ps_pipeline *pipeline, struct ps_transform *transform,
                                   size_t count, struct penstock_error *error) {
    transform->numbers = ps_arena_allocate(pipeline->arena, count + 1, sizeof(double));
    transform->number_count = count;
    return transform->numbers != NULL ? PENSTOCK_OK : ps_error_memory(error, "what a transform learns");
}

penstock_code ps_pipeline_make(struct ps_pipeline *pipeline, struct ps_transform *transform, size_t input,
                               const char *name, enum ps_slot_kind kind, size_t *slot_out,
                               struct penstock_error *error) {
    /* a stage that is being bound will be the next; one that makes its columns in finish() has its place */
    const bool is_bound =
        transform >= pipeline->transforms && transform < pipeline->transforms + pipeline->transform_count;
    const size_t maker = is_bound ? (size_t)(transform - pipeline->transforms) : pipeline->transform_count;
    const struct ps_slot slot = {
        .name = name, .kind = kind, .maker = maker, .maker_input = input, .dropped = -1};
    if (ps_pipeline_find(pipeline, name) >= 0) {
        return ps_transform_error(transform, error, "there is a column %s already", name);
    }
    PS_TRY(add_slot(pipeline, &slot, slot_out, error));
    return add_column(pipeline, name, *slot_out, false, error);
}

penstock_code ps_pipeline_replace(struct ps_pipeline *pipeline, struct ps_transform *transform, size_t input,
                                  enum ps_slot_kind kind, struct penstock_error *error) {
    const struct ps_slot *from = &pipeline->slots[transform->inputs[input]];
    const struct ps_slot slot = {.name = from->name,
                                 .kind = kind,
                                 .maker = pipeline->transform_count,
                                 .maker_input = input,
                                 .is_in_place = true,
                                 .dropped = -1};
    size_t index = 0;
    PS_TRY(add_slot(pipeline, &slot, &index, error));
    transform->outputs[transform->output_count++] = index;
    for (size_t i = 0; i < pipeline->column_count; i++) {
        if (pipeline->columns[i].slot == transform->inputs[input]) {
            pipeline->columns[i].slot = index;
        }
    }
    return PENSTOCK_OK;
}

static void remove_column(struct ps_pipeline *pipeline, size_t column) {
    pipeline->column_count--;
    memmove(&pipeline->columns[column], &pipeline->columns[column + 1],
            (pipeline->column_count - column) * sizeof *pipeline->columns);
}

void ps_pipeline_remove(struct ps_pipeline *pipeline, const struct ps_transform *transform, size_t input) {
    for (size_t i = pipeline->column_count; i-- > 0;) {
        if (pipeline->columns[i].slot == transform->inputs[input]) {
            remove_column(pipeline, i);
        }
    }
}

void ps_pipeline_prune(struct ps_pipeline *pipeline) {
    for (size_t i = pipeline->column_count; i-- > 0;) {
        const struct ps_slot *slot = &pipeline->slots[pipeline->columns[i].slot];
        if (slot->is_spent || slot->is_absent) {
            remove_column(pipeline, i);
        }
    }
}

/* In place, an output goes with its own input; what is made of several goes when all of them have gone. */
void ps_pipeline_settle(struct ps_pipeline *pipeline, const struct ps_transform *transform) {
    bool all_absent = true;
    for (size_t i = 0; i < transform->input_count; i++) {
        all_absent = all_absent && pipeline->slots[transform->inputs[i]].is_absent;
    }
    for (size_t i = 0; i < transform->output_count; i++) {
        struct ps_slot *out = &pipeline->slots[transform->outputs[i]];
        const bool is_own_absent =
            out->is_in_place && pipeline->slots[transform->inputs[out->maker_input]].is_absent;
        out->is_absent = out->is_absent || all_absent || is_own_absent;
    }
}

penstock_code ps_pipeline_replace_all(struct ps_pipeline *pipeline, struct ps_transform *transform,
                                      struct penstock_error *error) {
    for (size_t i = 0; i < transform->input_count; i++) {
        PS_TRY(ps_pipeline_replace(pipeline, transform, i, PS_SLOT_NUMBER, error));
    }
    return PENSTOCK_OK;
}

/* From the last stage to the first: what is asked of a stage is asked of its inputs. */
static void ask_for_sql(struct ps_pipeline *pipeline) {
    for (size_t t = pipeline->transform_count; t-- > 0;) {
        const struct ps_transform *transform = &pipeline->transforms[t];
        bool is_asked = transform->type->reads_values;
        for (size_t i = 0; i < transform->output_count; i++) {
            is_asked = is_asked || pipeline->slots[transform->outputs[i]].is_asked;
        }
        for (size_t i = 0; is_asked && i < transform->input_count; i++) {
            pipeline->slots[transform->inputs[i]].is_asked = true;
        }
    }
}

/* From the first stage to the last: what learns from the values of a stage that refits, refits, too. */
static void spread_refits(struct ps_pipeline *pipeline) {
    for (size_t t = 0; t < pipeline->transform_count; t++) {
        struct ps_transform *transform = &pipeline->transforms[t];
        bool is_refitted = transform->refits;
        for (size_t i = 0; i < transform->input_count; i++) {
            is_refitted = is_refitted || pipeline->slots[transform->inputs[i]].is_refitted;
        }
        for (size_t i = 0; i < transform->output_count; i++) {
            pipeline->slots[transform->outputs[i]].is_refitted = is_refitted;
        }
        transform->refits = transform->refits || (is_refitted && transform->type->fit != NULL);
    }
}

/* From the last stage to the first: a column is deferred when only deferred stages (or none) read what it makes.
 * A stage that fills missing values must not follow a deferred one: moments of what is left are not its input. */
void ps_pipeline_defer(struct ps_pipeline *pipeline) {
    for (size_t t = pipeline->transform_count; t-- > 0;) {
        struct ps_transform *transform = &pipeline->transforms[t];
        for (size_t i = 0; transform->is_learnt && i < transform->input_count; i++) {
            bool is_deferred = true;
            for (size_t u = t + 1; u < pipeline->transform_count; u++) {
                const struct ps_transform *reader = &pipeline->transforms[u];
                for (size_t j = 0; j < reader->input_count; j++) {
                    if (reader->inputs[j] == transform->outputs[i]) {
                        const bool fills = reader->type == &ps_imputer_type;
                        is_deferred = is_deferred && reader->is_deferred[j] && !fills;
                    }
                }
            }
            transform->is_deferred[i] = is_deferred;
            transform->refits = transform->refits || !is_deferred;
        }
    }
    spread_refits(pipeline);
    ask_for_sql(pipeline);
    ps_pipeline_prune(pipeline);
}

bool ps_pipeline_refits(const struct ps_pipeline *pipeline) {
    bool refits = false;
    for (size_t i = 0; i < pipeline->transform_count; i++) {
        refits = refits || pipeline->transforms[i].refits;
    }
    return refits;
}

void ps_pipeline_apply(const struct ps_pipeline *pipeline, struct ps_frame *frame) {
    for (size_t i = 0; i < pipeline->transform_count; i++) {
        const struct ps_transform *transform = &pipeline->transforms[i];
        transform->type->apply(pipeline, transform, frame);
        if (frame->failure.is_set) {
            return;
        }
    }
}

bool ps_slot_is_dropped(const struct ps_slot *slot, const int64_t *dropped, size_t index) {
    for (size_t i = 0; i < slot->component_count; i++) {
        const struct ps_component *component = &slot->components[i];
        if ((int64_t)(index / component->divisor % component->width) == dropped[component->slot]) {
            return true;
        }
    }
    return false;
}

static const char *category_name(const struct ps_pipeline *pipeline, const struct ps_slot *slot,
                                 size_t index) {
    const struct ps_categories *categories = slot->categories;
    const char *label = index < categories->count ? categories->labels[index] : "__unknown";
    return ps_arena_printf(pipeline->arena, "%s=%s", slot->name, label);
}

const char *ps_slot_feature_name(const struct ps_pipeline *pipeline, size_t slot_index, size_t index) {
    const struct ps_slot *slot = &pipeline->slots[slot_index];
    if (slot->kind != PS_SLOT_ONE_HOT) {
        return slot->name;
    }
    if (slot->categories != NULL) {
        return category_name(pipeline, slot, index);
    }
    const struct ps_transform *maker = &pipeline->transforms[slot->maker];
    const char *text = "";
    size_t component = 0;
    for (size_t i = 0; text != NULL && i < maker->input_count; i++) {
        const struct ps_slot *input = &pipeline->slots[maker->inputs[i]];
        const char *part = input->name;
        if (input->kind == PS_SLOT_ONE_HOT) {
            const struct ps_component *place = &slot->components[component++];
            part = category_name(pipeline, input, index / place->divisor % place->width);
        }
        text = part == NULL ? NULL : ps_arena_printf(pipeline->arena, "%s%s%s", text, i > 0 ? ":" : "", part);
    }
    return text;
}
