/* SPDX-License-Identifier: Apache-2.0
 *
 * import_values.c - columns, their chains, vectors of them.
 */
#include "model/import_values.h"

#include <math.h>
#include <stdio.h>

/* Problems told in one sentence. */
#define PROBLEMS_TOLD_MAX 20

void ps_import_problem(struct ps_importing *importing, const char *format, ...) {
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (importing->problem_count++ < PROBLEMS_TOLD_MAX) {
        ps_buffer_printf(&importing->problems, "%s%s", importing->problems.size > 0 ? ", " : "", text);
    }
}

penstock_code ps_import_damaged(struct ps_importing *importing, const char *format, ...) {
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return ps_error_set(importing->error, PENSTOCK_INVALID_DATA, "%s: %s", importing->options->path, text);
}

static penstock_code no_memory(struct ps_importing *importing) {
    return ps_error_memory(importing->error, "an import");
}

penstock_code ps_import_vector_new(struct ps_importing *importing, size_t count,
                                   struct ps_import_vector *vector_out) {
    if (count > PS_LIMIT_FEATURE_COUNT || importing->element_count + count > PS_IMPORT_ELEMENTS_MAX) {
        return ps_error_set(importing->error, PENSTOCK_UNSUPPORTED,
                            "%s: a vector of %zu elements; the limit is %d", importing->options->path, count,
                            PS_LIMIT_FEATURE_COUNT);
    }
    importing->element_count += count;
    vector_out->count = count;
    vector_out->elements = ps_arena_allocate(importing->arena, count + 1, sizeof *vector_out->elements);
    return vector_out->elements != NULL ? PENSTOCK_OK : no_memory(importing);
}

/* --- inputs ----------------------------------------------------------------------------------------------- */

/* The part after '=' of the mapping of `name`; NULL: there is none. */
static const char *mapping_of(const struct ps_importing *importing, const char *name) {
    const size_t size = strlen(name);
    for (size_t i = 0; importing->options->column_map != NULL && importing->options->column_map[i] != NULL;
         i++) {
        const char *map = importing->options->column_map[i];
        if (strncmp(map, name, size) == 0 && map[size] == '=') {
            return map + size + 1;
        }
    }
    return NULL;
}

static size_t count_names(const char *list) {
    size_t count = 1;
    for (const char *at = list; *at != '\0'; at++) {
        count += *at == ',' ? 1 : 0;
    }
    return count;
}

static const char *name_at(struct ps_importing *importing, const char *list, size_t index) {
    for (; index > 0; index--) {
        list = strchr(list, ',') + 1;
    }
    while (*list == ' ') {
        list++;
    }
    size_t size = strcspn(list, ",");
    while (size > 0 && list[size - 1] == ' ') {
        size--;
    }
    return ps_arena_printf(importing->arena, "%.*s", (int)size, list);
}

static penstock_code add_column(struct ps_importing *importing, const char *name, bool is_text,
                                struct ps_import_element *element_out) {
    for (size_t i = 0; i < importing->column_count; i++) {
        if (ps_text_equal_nocase(importing->columns[i]->name, name)) {
            return ps_error_set(importing->error, PENSTOCK_INVALID_ARGUMENT, "%s: column %s is there twice",
                                importing->options->path, name);
        }
    }
    if (importing->column_count >= PS_LIMIT_COLUMN_COUNT || name[0] == '\0') {
        return ps_error_set(importing->error, PENSTOCK_INVALID_ARGUMENT, "%s: %s", importing->options->path,
                            name[0] == '\0' ? "a column without a name" : "it reads too many columns");
    }
    if (importing->columns == NULL) {
        importing->columns =
            ps_arena_allocate(importing->arena, PS_LIMIT_COLUMN_COUNT, sizeof *importing->columns);
    }
    struct ps_import_column *column = ps_arena_allocate(importing->arena, 1, sizeof *column);
    if (column == NULL || importing->columns == NULL) {
        return no_memory(importing);
    }
    column->name = name;
    column->is_text = is_text;
    *element_out = (struct ps_import_element){.column = importing->column_count, .category = -1, .scale = 1};
    importing->columns[importing->column_count++] = column;
    return PENSTOCK_OK;
}

penstock_code ps_import_input(struct ps_importing *importing, const char *name, size_t width, bool is_text,
                              struct ps_import_vector *vector_out) {
    const char *map = mapping_of(importing, name);
    if (map == NULL && width > 1) {
        (void)ps_error_set(importing->error, PENSTOCK_INVALID_ARGUMENT,
                           "%s: input %s has %zu columns, and the file does not say which",
                           importing->options->path, name, width);
        return ps_error_hint(importing->error, "--column-map '%s=first,second,...' names them in order",
                             name);
    }
    if (map != NULL && count_names(map) != width) {
        return ps_error_set(importing->error, PENSTOCK_INVALID_ARGUMENT,
                            "--column-map %s=%s names %zu columns; the input has %zu", name, map,
                            count_names(map), width);
    }
    PS_TRY(ps_import_vector_new(importing, width, vector_out));
    for (size_t i = 0; i < width; i++) {
        const char *column = map == NULL ? ps_arena_copy(importing->arena, name) : name_at(importing, map, i);
        if (column == NULL) {
            return no_memory(importing);
        }
        PS_TRY(add_column(importing, column, is_text, &vector_out->elements[i]));
    }
    return PENSTOCK_OK;
}

/* --- operations ------------------------------------------------------------------------------------------- */

static bool same_number(double left, double right) {
    return left == right || (isnan(left) && isnan(right));
}

static bool same_op(const struct ps_import_op *left, const struct ps_import_op *right) {
    if (left->kind != right->kind || left->list_count != right->list_count ||
        left->text_count != right->text_count) {
        return false;
    }
    if ((left->invalid == NULL) != (right->invalid == NULL) ||
        (left->invalid != NULL && strcmp(left->invalid, right->invalid) != 0)) {
        return false;
    }
    for (size_t i = 0; i < 3; i++) {
        if (!same_number(left->numbers[i], right->numbers[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < left->list_count; i++) {
        if (!same_number(left->list[i], right->list[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < left->text_count; i++) {
        if (strcmp(left->texts[i], right->texts[i]) != 0) {
            return false;
        }
    }
    return true;
}

penstock_code ps_import_apply(struct ps_importing *importing, struct ps_import_element *element,
                              const struct ps_import_op *op, const char *place) {
    if (element->column == PS_IMPORT_CONSTANT || element->category >= 0) {
        ps_import_problem(importing, "%s of what is one-hot already", place);
        return PENSTOCK_OK;
    }
    struct ps_import_column *column = importing->columns[element->column];
    if (element->depth < column->op_count) {
        if (!same_op(&column->ops[element->depth], op)) {
            ps_import_problem(importing, "%s: column %s goes two ways", place, column->name);
            return PENSTOCK_OK;
        }
    } else if (column->op_count >= PS_IMPORT_OPS_MAX) {
        ps_import_problem(importing, "%s: more than %d operations on column %s", place, PS_IMPORT_OPS_MAX,
                          column->name);
        return PENSTOCK_OK;
    } else {
        column->ops[column->op_count++] = *op;
    }
    element->depth++;
    return PENSTOCK_OK;
}

static bool is_text_yet(const struct ps_importing *importing, const struct ps_import_element *element) {
    return element->column != PS_IMPORT_CONSTANT && importing->columns[element->column]->is_text &&
           element->depth == 0;
}

penstock_code ps_import_scale(struct ps_importing *importing, struct ps_import_element *element, double shift,
                              double factor, double offset, const char *place) {
    if (!isfinite(shift) || !isfinite(factor) || !isfinite(offset)) {
        return ps_import_damaged(importing, "%s: a number is not finite", place);
    }
    if (shift == 0 && factor == 1 && offset == 0) {
        return PENSTOCK_OK;
    }
    if (element->column == PS_IMPORT_CONSTANT || element->category >= 0) {
        element->offset = (element->offset - shift) * factor + offset;
        element->scale *= factor;
        return PENSTOCK_OK;
    }
    if (is_text_yet(importing, element)) {
        ps_import_problem(importing, "%s: column %s is a text", place,
                          importing->columns[element->column]->name);
        return PENSTOCK_OK;
    }
    const struct ps_import_op op = {.kind = PS_IMPORT_AFFINE, .numbers = {shift, factor, offset}};
    return ps_import_apply(importing, element, &op, place);
}

penstock_code ps_import_encode(struct ps_importing *importing, const struct ps_import_element *element,
                               const struct ps_import_op *op, size_t width, const char *place,
                               struct ps_import_vector *vector_out) {
    struct ps_import_element encoded = *element;
    PS_TRY(ps_import_apply(importing, &encoded, op, place));
    PS_TRY(ps_import_vector_new(importing, width, vector_out));
    for (size_t i = 0; i < width; i++) {
        vector_out->elements[i] = encoded;
        vector_out->elements[i].category = (int32_t)i;
        vector_out->elements[i].scale = 1;
        vector_out->elements[i].offset = 0;
    }
    return PENSTOCK_OK;
}

penstock_code ps_import_sums_new(struct ps_importing *importing, struct ps_import_vector vector,
                                 size_t sum_count, const char *place, struct ps_import_sums **sums_out) {
    struct ps_import_sums *sums = ps_arena_allocate(importing->arena, 1, sizeof *sums);
    if (sum_count == 0 || sum_count > PS_LIMIT_FEATURE_COUNT ||
        sum_count * (vector.count + 1) > PS_IMPORT_ELEMENTS_MAX) {
        return ps_import_damaged(importing, "%s has %zu sums", place, sum_count);
    }
    if (sums == NULL) {
        return no_memory(importing);
    }
    if (importing->sums != NULL) {
        ps_import_problem(importing, "%s: a second layer of sums", place);
    }
    sums->vector = vector;
    sums->sum_count = sum_count;
    sums->threshold = 0.5;
    sums->weights = ps_arena_allocate(importing->arena, sum_count * vector.count + 1, sizeof(double));
    sums->intercepts = ps_arena_allocate(importing->arena, sum_count + 1, sizeof(double));
    if (sums->weights == NULL || sums->intercepts == NULL) {
        return no_memory(importing);
    }
    importing->sums = sums;
    *sums_out = sums;
    return PENSTOCK_OK;
}
