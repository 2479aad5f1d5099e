/* SPDX-License-Identifier: Apache-2.0
 *
 * fit_sorted.c - quantiles, modes and categories of the rows of one split of a validation.
 *
 * Over all training rows DuckDB answers such questions (fit.c). Which rows a split trains on is drawn row by row, as
 * the search draws it, and cannot be said in SQL: so the columns are read by an ordered scan, four at a time as there,
 * and sorted here.
 */
#include <math.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/sort.h"
#include "model/categories.h"
#include "model/fit.h"

enum { COLUMNS_AT_ONCE = 4, FIRST_CAPACITY = 4096 };

struct column {
    double *values;
    size_t count, capacity;
};

struct gathering {
    const struct ps_transform *transform;
    double missing;
    size_t inputs[COLUMNS_AT_ONCE];
    struct column columns[COLUMNS_AT_ONCE];
    size_t count;
};

static void gathering_done(struct gathering *gathering) {
    for (size_t i = 0; i < COLUMNS_AT_ONCE; i++) {
        ps_release(gathering->columns[i].values);
    }
}

static bool grow(struct column *column) {
    const size_t capacity = column->capacity == 0 ? FIRST_CAPACITY : column->capacity * 2;
    double *values = ps_reallocate(column->values, capacity, sizeof(double));
    if (values == NULL) {
        return false;
    }
    column->values = values;
    column->capacity = capacity;
    return true;
}

static penstock_code take(void *context, const struct ps_frame *frame, struct penstock_error *error) {
    struct gathering *gathering = context;
    for (size_t c = 0; c < gathering->count; c++) {
        struct column *column = &gathering->columns[c];
        const double *values = frame->slots[gathering->transform->inputs[gathering->inputs[c]]].numbers;
        for (size_t row = 0; row < frame->row_count; row++) {
            if (frame->fates[row] != PS_FATE_KEEP || !isfinite(values[row]) ||
                values[row] == gathering->missing) {
                continue;
            }
            if (column->count == column->capacity && !grow(column)) {
                return ps_error_memory(error, "values to sort");
            }
            column->values[column->count++] = values[row];
        }
    }
    return PENSTOCK_OK;
}

static penstock_code sort_some(struct ps_fit *fit, struct gathering *gathering, void *context,
                               void (*use)(void *context, size_t input, const double *values, size_t count),
                               struct penstock_error *error) {
    PS_TRY(ps_fit_rows(fit, gathering->transform, false, gathering, take, error));
    for (size_t c = 0; c < gathering->count; c++) {
        struct column *column = &gathering->columns[c];
        ps_sort_doubles(column->values, column->count);
        use(context, gathering->inputs[c], column->values, column->count);
        column->count = 0;
    }
    gathering->count = 0;
    return PENSTOCK_OK;
}

penstock_code ps_fit_sorted(struct ps_fit *fit, const struct ps_transform *transform, double missing,
                            void *context,
                            void (*use)(void *context, size_t input, const double *values, size_t count),
                            struct penstock_error *error) {
    struct gathering gathering PS_SCOPED(gathering_done) = {.transform = transform, .missing = missing};
    for (size_t i = 0; i < transform->input_count; i++) {
        if (transform->is_deferred[i]) {
            continue;
        }
        gathering.inputs[gathering.count++] = i;
        if (gathering.count == COLUMNS_AT_ONCE) {
            PS_TRY(sort_some(fit, &gathering, context, use, error));
        }
    }
    return gathering.count == 0 ? PENSTOCK_OK : sort_some(fit, &gathering, context, use, error);
}

double ps_sorted_quantile(const double *values, size_t count, double share) {
    if (count == 0) {
        return (double)NAN;
    }
    const double place = share * (double)(count - 1);
    const double below = floor(place);
    const size_t low = (size_t)below;
    const size_t high = low + 1 < count ? low + 1 : low;
    const double part = place - below;
    return part > 0 ? values[low] * (1 - part) + values[high] * part : values[low];
}

double ps_sorted_rank(const double *values, size_t count, double share) {
    if (count == 0) {
        return (double)NAN;
    }
    const double rank = ceil(share * (double)count);
    return values[rank < 1 ? 0 : rank > (double)count ? count - 1 : (size_t)rank - 1];
}

double ps_sorted_mode(const double *values, size_t count) {
    double mode = (double)NAN;
    size_t most = 0;
    for (size_t begin = 0, end = 0; begin < count; begin = end) {
        while (end < count && values[end] == values[begin]) {
            end++;
        }
        if (end - begin > most) {
            most = end - begin;
            mode = values[begin];
        }
    }
    return mode;
}

static penstock_code name_values(struct ps_fit *fit, const struct column *column, const char *name,
                                 struct ps_fit_values *values_out, struct penstock_error *error) {
    struct ps_fit_values values = {0};
    for (size_t i = 0; i < column->count; i++) {
        values.count += i == 0 || column->values[i] != column->values[i - 1] ? 1 : 0;
    }
    if (values.count > PS_LIMIT_FEATURE_COUNT) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA,
                            "column %s has more than %d categories, the limit of features", name,
                            PS_LIMIT_FEATURE_COUNT);
    }
    values.texts = ps_arena_allocate(fit->arena, values.count + 1, sizeof *values.texts);
    values.counts = ps_arena_allocate(fit->arena, values.count + 1, sizeof *values.counts);
    values.numbers = ps_arena_allocate(fit->arena, values.count + 1, sizeof(double));
    if (values.texts == NULL || values.counts == NULL || values.numbers == NULL) {
        return ps_error_memory(error, "categories");
    }
    size_t next = 0;
    for (size_t i = 0; i < column->count; i++) {
        if (i == 0 || column->values[i] != column->values[i - 1]) {
            values.numbers[next] = column->values[i];
            values.texts[next] = ps_category_label(fit->arena, column->values[i]);
            if (values.texts[next++] == NULL) {
                return ps_error_memory(error, "categories");
            }
        }
        values.counts[next - 1]++;
    }
    *values_out = values;
    return PENSTOCK_OK;
}

penstock_code ps_fit_categories(struct ps_fit *fit, struct ps_transform *transform, size_t input,
                                struct ps_fit_values *values_out, bool *given_out,
                                struct penstock_error *error) {
    const struct ps_slot *slot = &fit->pipeline->slots[transform->inputs[input]];
    *given_out = fit->split != NULL && !slot->is_refitted;
    if (*given_out) {
        const size_t index = (size_t)(transform - fit->pipeline->transforms);
        transform->categories[input] = fit->split->whole->transforms[index].categories[input];
        return PENSTOCK_OK;
    }
    if (fit->split == NULL) {
        return ps_fit_distinct(fit, slot->sql, slot->kind == PS_SLOT_TEXT, slot->name, values_out, error);
    }
    struct gathering gathering PS_SCOPED(gathering_done) = {
        .transform = transform, .missing = (double)NAN, .inputs = {input}, .count = 1};
    fit->takes_all_parts = true;
    const penstock_code code = ps_fit_rows(fit, transform, false, &gathering, take, error);
    fit->takes_all_parts = false;
    PS_TRY(code);
    struct column *column = &gathering.columns[0];
    ps_sort_doubles(column->values, column->count);
    return name_values(fit, column, slot->name, values_out, error);
}
