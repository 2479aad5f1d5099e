/* SPDX-License-Identifier: Apache-2.0
 *
 * search_space.c - values of a range, and cells drawn at random.
 *
 * RANDOM(n, seed) draws from Spark's generator (random.h), cell after cell, in a cell parameter after parameter as
 * written. When all parameters have finitely many values the n cells are chosen among all combinations without
 * putting back (Knuth's selection sampling), as scikit-learn's ParameterSampler does.
 */
#include "model/search_space.h"

#include <math.h>
#include <stdio.h>

#include "model/random.h"

/* So many combinations are gone through one by one to choose without putting back; of more, two equal draws are
 * as good as impossible and do no harm. */
static const double selection_max = 4e6;

/* The shortest text that reads back as the same number. */
static const char *number_text(struct ps_arena *arena, double value) {
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        const double back = strtod(text, NULL);
        if (back >= value && back <= value) {
            break;
        }
    }
    return ps_arena_copy(arena, text);
}

static double between(const struct ps_search_range *range, double share) {
    const double value = range->is_log ? exp(log(range->from) + share * (log(range->to) - log(range->from)))
                                       : range->from + share * (range->to - range->from);
    return fmin(fmax(value, fmin(range->from, range->to)), fmax(range->from, range->to));
}

static penstock_code spell(struct ps_search_range *range, size_t count, struct ps_arena *arena,
                           struct penstock_error *error) {
    const char **texts = ps_arena_allocate(arena, count, sizeof *texts);
    if (texts == NULL) {
        return ps_error_memory(error, "a search");
    }
    double last = 0;
    for (size_t i = 0; i < count; i++) {
        const double share = count > 1 ? (double)i / (double)(count - 1) : 0;
        double value = i == 0 ? range->from : i + 1 == count ? range->to : between(range, share);
        value = range->is_whole ? round(value) : value;
        if (range->count > 0 && !(fabs(value - last) > 0)) {
            continue; /* whole numbers that fell together */
        }
        last = value;
        texts[range->count] = number_text(arena, value);
        if (texts[range->count++] == NULL) {
            return ps_error_memory(error, "a search");
        }
    }
    range->texts = texts;
    return PENSTOCK_OK;
}

static penstock_code read_range(const struct ps_parameter *parameter, bool is_random, struct ps_arena *arena,
                                struct ps_search_range *range, struct penstock_error *error) {
    const char *name = range->option->name;
    int64_t count = 0;
    if (!ps_parse_double(parameter->values[0], &range->from) ||
        !ps_parse_double(parameter->values[1], &range->to)) {
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: RANGE is between two numbers", name);
    }
    if (range->is_log && !(range->from > 0 && range->to > 0)) {
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                            "%s: a RANGE with LOG is between numbers above 0, not %s and %s", name,
                            parameter->values[0], parameter->values[1]);
    }
    if (range->is_whole && (range->from != round(range->from) || range->to != round(range->to))) {
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s is a whole number: RANGE(%s, %s) is not",
                            name, parameter->values[0], parameter->values[1]);
    }
    if (parameter->value_count == 3 && (!ps_parse_integer(parameter->values[2], &count) || count < 1)) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                           "%s: the third number of a RANGE says how many values, and %s cannot be", name,
                           parameter->values[2]);
        return ps_error_hint(error, "RANGE(from, to, count): both ends are values");
    }
    if (count == 0 && is_random) {
        return PENSTOCK_OK; /* any number in between */
    }
    if (count == 0 && range->is_whole && !range->is_log) {
        count = (int64_t)fmin(fabs(range->to - range->from) + 1, PS_LIMIT_GRID_CELLS + 1.0);
    }
    if (count == 0) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: RANGE(%s, %s) does not say how many values",
                           name, parameter->values[0], parameter->values[1]);
        return ps_error_hint(error, "write RANGE(%s, %s, 5%s), or add RANDOM(n, seed) to draw from it",
                             parameter->values[0], parameter->values[1], range->is_log ? ", LOG" : "");
    }
    if (count > PS_LIMIT_GRID_CELLS) {
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: a RANGE has at most %d values, not %lld",
                            name, PS_LIMIT_GRID_CELLS, (long long)count);
    }
    return spell(range, (size_t)count, arena, error);
}

penstock_code ps_search_range_read(const struct ps_parameter *parameter, const struct ps_option *option,
                                   bool is_random, struct ps_arena *arena, struct ps_search_range *range_out,
                                   struct penstock_error *error) {
    const bool is_whole = option->type == PS_OPTION_INTEGER || option->type == PS_OPTION_SIZE ||
                          option->type == PS_OPTION_DURATION;
    struct ps_search_range range = {.option = option, .is_whole = is_whole, .is_log = parameter->is_log};
    if (parameter->form == PS_FORM_RANGE) {
        if (!is_whole && option->type != PS_OPTION_DOUBLE) {
            (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "RANGE is for numbers, and %s is none",
                               option->name);
            return ps_error_hint(error, "GRID(a, b) searches any values");
        }
        PS_TRY(read_range(parameter, is_random, arena, &range, error));
    } else {
        range.texts = parameter->values;
        range.count = parameter->value_count;
    }
    *range_out = range;
    return PENSTOCK_OK;
}

/* --- cells ------------------------------------------------------------------------------------------------ */

static penstock_code set_values(struct ps_grid_axis *axis, struct ps_arena *arena,
                                struct penstock_error *error) {
    axis->values = ps_arena_allocate(arena, axis->count, sizeof(double));
    if (axis->values == NULL) {
        return ps_error_memory(error, "a search");
    }
    for (size_t i = 0; i < axis->count; i++) {
        if (!ps_parse_double(axis->texts[i], &axis->values[i])) {
            axis->values[i] = (double)NAN;
        }
    }
    return PENSTOCK_OK;
}

static const char *draw(const struct ps_search_range *range, struct ps_random *random,
                        struct ps_arena *arena) {
    const double share = ps_random_next(random);
    if (range->texts != NULL) {
        return range->texts[(size_t)(share * (double)range->count)];
    }
    double value = between(range, share);
    if (range->is_whole) {
        value = range->is_log
                    ? round(value)
                    : fmin(range->from, range->to) + floor(share * (fabs(range->to - range->from) + 1));
    }
    char text[40]; /* six digits are as random, and can be typed */
    (void)snprintf(text, sizeof text, "%.6g", value);
    const double shown = strtod(text, NULL);
    const bool is_inside = shown >= fmin(range->from, range->to) && shown <= fmax(range->from, range->to);
    return number_text(arena, is_inside && !range->is_whole ? shown : value);
}

/* The value of a range in combination `cell`, the last range varying fastest. */
static const char *pick(const struct ps_search_range *ranges, size_t range_count, size_t index, size_t cell) {
    for (size_t i = range_count - 1; i > index; i--) {
        cell /= ranges[i].count;
    }
    return ranges[index].texts[cell % ranges[index].count];
}

/* texts: axis after axis, `count` each. */
static penstock_code draw_cells(const struct ps_search_range *ranges, size_t range_count, size_t count,
                                double combinations, struct ps_random *random, struct ps_arena *arena,
                                const char **texts, struct penstock_error *error) {
    const bool is_selection = combinations <= selection_max;
    size_t chosen = 0;
    for (size_t cell = 0; chosen < count; cell++) {
        if (is_selection &&
            ps_random_next(random) * (combinations - (double)cell) >= (double)(count - chosen)) {
            continue;
        }
        for (size_t i = 0; i < range_count; i++) {
            texts[i * count + chosen] =
                is_selection ? pick(ranges, range_count, i, cell) : draw(&ranges[i], random, arena);
            if (texts[i * count + chosen] == NULL) {
                return ps_error_memory(error, "a search");
            }
        }
        chosen++;
    }
    return PENSTOCK_OK;
}

static penstock_code read_random(const struct ps_parameter *parameter, int64_t *count_out, int64_t *seed_out,
                                 struct penstock_error *error) {
    *seed_out = 42;
    if (!ps_parse_integer(parameter->values[0], count_out) || *count_out < 1 ||
        *count_out > PS_LIMIT_GRID_CELLS) {
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT, "RANDOM(n, seed) draws 1 to %d cells, not %s",
                            PS_LIMIT_GRID_CELLS, parameter->values[0]);
    }
    if (parameter->value_count > 1 && !ps_parse_integer(parameter->values[1], seed_out)) {
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                            "RANDOM(n, seed): the seed %s is no whole number", parameter->values[1]);
    }
    return PENSTOCK_OK;
}

static penstock_code make_random(struct ps_estimator *estimator, const struct ps_search_range *ranges,
                                 size_t range_count, size_t count, int64_t seed, double combinations,
                                 struct ps_arena *arena, struct penstock_error *error) {
    struct ps_random random;
    ps_random_init(&random, seed);
    const char **texts = ps_arena_allocate(arena, range_count * count, sizeof *texts);
    if (texts == NULL) {
        return ps_error_memory(error, "a search");
    }
    PS_TRY(draw_cells(ranges, range_count, count, combinations, &random, arena, texts, error));
    for (size_t i = 0; i < range_count; i++) {
        estimator->axes[i].texts = texts + i * count;
        estimator->axes[i].count = count;
    }
    estimator->is_drawn = true;
    return PENSTOCK_OK;
}

penstock_code ps_search_space_make(struct ps_estimator *estimator, const struct ps_search_range *ranges,
                                   size_t range_count, const struct ps_parameter *random,
                                   struct ps_arena *arena, double *cell_count_out,
                                   struct penstock_error *error) {
    double combinations = 1;
    int64_t count = 0, seed = 0;
    for (size_t i = 0; i < range_count; i++) {
        combinations *= ranges[i].texts == NULL ? (double)INFINITY : (double)ranges[i].count;
    }
    if (random != NULL) {
        PS_TRY(read_random(random, &count, &seed, error));
        if (range_count == 0) {
            (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "RANDOM has nothing to draw from");
            return ps_error_hint(error, "give a parameter as RANGE(from, to) or GRID(a, b)");
        }
    }
    estimator->axis_count = range_count;
    for (size_t i = 0; i < range_count; i++) {
        estimator->axes[i] =
            (struct ps_grid_axis){ranges[i].option->name, ranges[i].texts, NULL, ranges[i].count};
    }
    *cell_count_out = combinations;
    if (random != NULL && combinations > (double)count) {
        *cell_count_out = (double)count;
        PS_TRY(make_random(estimator, ranges, range_count, (size_t)count, seed, combinations, arena, error));
    }
    for (size_t i = 0; i < range_count; i++) {
        PS_TRY(set_values(&estimator->axes[i], arena, error));
    }
    return PENSTOCK_OK;
}
