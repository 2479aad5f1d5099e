/* SPDX-License-Identifier: Apache-2.0
 *
 * categories.c - tables of categories, and their order.
 *
 * Spark's StringIndexer sorts by frequency or alphabet, equal frequencies by alphabet; OneHotEncoder then
 * leaves out the last. Inside a CrossValidator both are fitted again on each fold's training rows, so the last
 * one is asked for with those rows' counts.
 */
#include "model/categories.h"

#include <math.h>
#include <stdio.h>

#include "model/fit.h"

static const size_t direct_max = 4096;

static penstock_code index_numbers(struct ps_categories *categories, struct ps_arena *arena,
                                   struct penstock_error *error) {
    const size_t count = categories->count;
    const double first = categories->numbers[0];
    const double range = categories->numbers[count - 1] - first;
    bool is_whole = range < (double)direct_max && fabs(first) < 1e15;
    for (size_t i = 0; is_whole && i < count; i++) {
        is_whole = categories->numbers[i] == floor(categories->numbers[i]);
    }
    if (!is_whole) {
        return PENSTOCK_OK;
    }
    categories->table_size = (size_t)range + 1;
    categories->table = ps_arena_allocate(arena, categories->table_size, sizeof(int32_t));
    if (categories->table == NULL) {
        return ps_error_memory(error, "a table of categories");
    }
    categories->is_direct = true;
    categories->table_start = first;
    memset(categories->table, 0xFF, categories->table_size * sizeof(int32_t));
    for (size_t i = 0; i < count; i++) {
        categories->table[(size_t)(categories->numbers[i] - first)] = (int32_t)i;
    }
    return PENSTOCK_OK;
}

static size_t place_of(const struct ps_categories *categories, struct ps_bytes text) {
    size_t place = (size_t)ps_hash(text.data, text.size, 0) & (categories->table_size - 1);
    while (categories->table[place] >= 0) {
        const char *label = categories->labels[categories->table[place]];
        if (strncmp(label, text.data, text.size) == 0 && label[text.size] == '\0') {
            break;
        }
        place = (place + 1) & (categories->table_size - 1);
    }
    return place;
}

penstock_code ps_categories_index(struct ps_categories *categories, struct ps_arena *arena,
                                  struct penstock_error *error) {
    if (categories->count == 0) {
        return PENSTOCK_OK;
    }
    if (categories->numbers != NULL) {
        return index_numbers(categories, arena, error);
    }
    categories->table_size = 16;
    while (categories->table_size < categories->count * 2) {
        categories->table_size *= 2;
    }
    categories->table = ps_arena_allocate(arena, categories->table_size, sizeof(int32_t));
    if (categories->table == NULL) {
        return ps_error_memory(error, "a table of categories");
    }
    memset(categories->table, 0xFF, categories->table_size * sizeof(int32_t));
    for (size_t i = 0; i < categories->count; i++) {
        categories->table[place_of(categories, ps_bytes_of(categories->labels[i]))] = (int32_t)i;
    }
    return PENSTOCK_OK;
}

int32_t ps_categories_find_text(const struct ps_categories *categories, struct ps_bytes text) {
    return categories->count == 0 ? -1 : categories->table[place_of(categories, text)];
}

int32_t ps_categories_find_number(const struct ps_categories *categories, double number) {
    if (categories->count == 0) {
        return -1;
    }
    if (categories->is_direct) {
        const double place = number - categories->table_start;
        const bool is_inside = place >= 0 && place < (double)categories->table_size && place == floor(place);
        return is_inside ? categories->table[(size_t)place] : -1;
    }
    size_t low = 0;
    size_t high = categories->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (categories->numbers[middle] < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < categories->count && categories->numbers[low] == number ? (int32_t)low : -1;
}

struct ranked {
    const char *label;
    double count;
    size_t index;
};

/* Negative: `a` comes first. Equal counts are in byte order of the labels, whichever way the counts go. */
static int compare(const struct ranked *a, const struct ranked *b, enum ps_category_order order) {
    const int letters = strcmp(a->label, b->label);
    switch (order) {
    case PS_ORDER_FREQUENCY_DESC: return a->count != b->count ? (a->count > b->count ? -1 : 1) : letters;
    case PS_ORDER_FREQUENCY_ASC: return a->count != b->count ? (a->count < b->count ? -1 : 1) : letters;
    case PS_ORDER_ALPHABET_DESC: return -letters;
    case PS_ORDER_ALPHABET_ASC: return letters;
    case PS_ORDER_VALUE: return a->index < b->index ? -1 : 1;
    }
    return 0;
}

/* Bottom-up merge sort: stable, no recursion, no globals for the comparison. */
static void sort(struct ranked *items, struct ranked *spare, size_t count, enum ps_category_order order) {
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t begin = 0; begin < count; begin += 2 * width) {
            const size_t middle = begin + width < count ? begin + width : count;
            const size_t end = begin + 2 * width < count ? begin + 2 * width : count;
            size_t left = begin;
            size_t right = middle;
            for (size_t i = begin; i < end; i++) {
                const bool takes_left =
                    left < middle && (right >= end || compare(&items[left], &items[right], order) <= 0);
                spare[i] = takes_left ? items[left++] : items[right++];
            }
        }
        memcpy(items, spare, count * sizeof *items);
    }
}

penstock_code ps_categories_sort(struct ps_categories *categories, const int64_t *counts,
                                 struct ps_arena *arena, struct penstock_error *error) {
    const size_t count = categories->count;
    struct ranked *items = ps_arena_allocate(arena, 2 * count + 1, sizeof *items);
    if (items == NULL) {
        return ps_error_memory(error, "a table of categories");
    }
    for (size_t i = 0; i < count; i++) {
        items[i] = (struct ranked){categories->labels[i], (double)counts[i], i};
    }
    sort(items, items + count, count, categories->order);
    for (size_t i = 0; i < count; i++) {
        categories->labels[i] = items[i].label;
    }
    return PENSTOCK_OK;
}

int64_t ps_categories_last(const struct ps_categories *categories, const double *counts) {
    int64_t last = -1;
    struct ranked held = {0};
    for (size_t i = 0; i < categories->count; i++) {
        const struct ranked item = {categories->labels[i], counts[i], i};
        if (counts[i] > 0 && (last < 0 || compare(&held, &item, categories->order) < 0)) {
            held = item;
            last = (int64_t)i;
        }
    }
    return last;
}

penstock_code ps_categories_write_sql(const struct ps_categories *categories, const char *in, bool is_index,
                                      const double *values, const char *missing, const char *other,
                                      struct ps_arena *arena, const char **sql_out,
                                      struct penstock_error *error) {
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, (size_t)16 << 20);
    ps_buffer_printf(&text, "CAST(CASE WHEN %s IS NULL THEN %s ELSE CASE %s", in, missing, in);
    for (size_t i = 0; i < categories->count; i++) {
        ps_buffer_text(&text, " WHEN ");
        if (is_index) {
            ps_buffer_printf(&text, "%zu", i);
        } else if (categories->numbers != NULL) {
            ps_buffer_sql_double(&text, categories->numbers[i]);
        } else {
            ps_buffer_sql_literal(&text, categories->labels[i]);
        }
        ps_buffer_text(&text, " THEN ");
        ps_buffer_sql_double(&text, values != NULL ? values[i] : (double)i);
    }
    ps_buffer_printf(&text, " ELSE %s END END AS DOUBLE)", other);
    PS_TRY(ps_buffer_status(&text, error));
    *sql_out = ps_arena_copy(arena, text.data);
    return *sql_out != NULL ? PENSTOCK_OK : ps_error_memory(error, "a pipeline");
}

const char *ps_category_label(struct ps_arena *arena, double number) {
    for (int digits = 1; digits < 17; digits++) {
        char text[40];
        double back = 0;
        (void)snprintf(text, sizeof text, "%.*g", digits, number);
        if (ps_parse_double(text, &back) && back == number) {
            return fabs(number) < 1e15 && number == floor(number) ? ps_arena_printf(arena, "%.0f", number)
                                                                  : ps_arena_copy(arena, text);
        }
    }
    return ps_arena_printf(arena, "%.17g", number);
}
