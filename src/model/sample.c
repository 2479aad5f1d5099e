/* SPDX-License-Identifier: Apache-2.0
 *
 * sample.c - counting all rows, keeping some. The idea is in sample.h.
 *
 * Deviations come from sums of squares about the column's first number, which is near enough to the mean for them not
 * to cancel.
 */
#include "model/sample.h"

#include <math.h>

#include "base/check.h"

/* Of all kept numbers together. */
#define KEPT_SIZE_MAX ((size_t)16 << 20)
/* Distinct texts of one column; more are too many to compare shares of. */
#define VALUE_COUNT_MAX 8192

struct sums {
    double origin, sum, squares; /* of number - origin */
    bool has_origin;
};
struct sampling {
    struct ps_sample sample; /* first, so that the one is the other */
    struct ps_arena *arena;
    struct sums *sums;
    struct ps_sample_input *inputs; /* of the chunk at hand */
    size_t room;
    int level; /* one row of 2^level is kept */
};

static struct sampling *inside(struct ps_sample *sample) {
    return (struct sampling *)(void *)sample;
}

/* splitmix64's finish */
static uint64_t mix(uint64_t z) {
    z += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static bool is_kept(int64_t row, int level) {
    return (mix((uint64_t)row) & (((uint64_t)1 << level) - 1)) == 0;
}

static penstock_code add_column(struct sampling *sampling, size_t c, const char *name, bool is_text,
                                struct penstock_error *error) {
    struct ps_sample_column *column = &sampling->sample.columns[c];
    *column = (struct ps_sample_column){.name = ps_arena_copy(sampling->arena, name),
                                        .is_text = is_text,
                                        .minimum = (double)NAN,
                                        .maximum = (double)NAN,
                                        .mean = (double)NAN,
                                        .deviation = (double)NAN};
    bool is_complete = column->name != NULL;
    if (is_text) {
        column->indexes = ps_allocate(sampling->room, sizeof(int32_t));
        is_complete = is_complete && column->indexes != NULL;
        PS_TRY(ps_dictionary_new(VALUE_COUNT_MAX, &column->values, error));
    } else {
        column->numbers = ps_allocate(sampling->room, sizeof(double));
        is_complete = is_complete && column->numbers != NULL;
    }
    return is_complete ? PENSTOCK_OK : ps_error_memory(error, "a sample of the rows");
}

penstock_code ps_sample_new(size_t column_count, const char *const *names, const bool *is_text, size_t room,
                            struct ps_sample **sample_out, struct penstock_error *error) {
    struct sampling *sampling = ps_allocate(1, sizeof *sampling);
    if (sampling == NULL) {
        return ps_error_memory(error, "a sample of the rows");
    }
    struct ps_sample *sample PS_SCOPED(ps_sample_free_scoped) = &sampling->sample;
    const size_t room_max = KEPT_SIZE_MAX / sizeof(double) / (column_count + 1);
    sampling->room = room < room_max ? room : room_max;
    sampling->room = sampling->room < 2 ? 2 : sampling->room;
    sampling->arena = ps_arena_new(0);
    sampling->sums = ps_allocate(column_count + 1, sizeof *sampling->sums);
    sample->columns = ps_allocate(column_count + 1, sizeof *sample->columns);
    sample->rows = ps_allocate(sampling->room, sizeof *sample->rows);
    sampling->inputs = ps_allocate(column_count + 1, sizeof *sampling->inputs);
    if (sampling->arena == NULL || sampling->sums == NULL || sample->columns == NULL ||
        sample->rows == NULL || sampling->inputs == NULL) {
        return ps_error_memory(error, "a sample of the rows");
    }
    sample->column_count = column_count;
    for (size_t c = 0; c < column_count; c++) {
        PS_TRY(add_column(sampling, c, names[c], is_text[c], error));
    }
    *sample_out = ps_take(sample);
    return PENSTOCK_OK;
}

void ps_sample_free(struct ps_sample *sample) {
    if (sample == NULL) {
        return;
    }
    struct sampling *sampling = inside(sample);
    for (size_t c = 0; sample->columns != NULL && c < sample->column_count; c++) {
        ps_release(sample->columns[c].numbers);
        ps_release(sample->columns[c].indexes);
        ps_dictionary_free(sample->columns[c].values);
    }
    ps_release(sample->columns);
    ps_release(sample->rows);
    ps_release(sampling->sums);
    ps_release(sampling->inputs);
    ps_arena_free(sampling->arena);
    ps_release(sampling);
}

void ps_sample_free_scoped(struct ps_sample **sample) {
    ps_sample_free(*sample);
}

/* Every second kept row goes. */
static void thin(struct sampling *sampling) {
    struct ps_sample *sample = &sampling->sample;
    while (sample->kept_count > sampling->room / 2 && sampling->level < 62) {
        sampling->level++;
        size_t kept = 0;
        for (size_t i = 0; i < sample->kept_count; i++) {
            if (!is_kept(sample->rows[i], sampling->level)) {
                continue;
            }
            sample->rows[kept] = sample->rows[i];
            for (size_t c = 0; c < sample->column_count; c++) {
                struct ps_sample_column *column = &sample->columns[c];
                if (column->is_text) {
                    column->indexes[kept] = column->indexes[i];
                } else {
                    column->numbers[kept] = column->numbers[i];
                }
            }
            kept++;
        }
        sample->kept_count = kept;
    }
}

/* On copies, which stay in registers. */
static void count_numbers(struct ps_sample_column *column, struct sums *sums_all,
                          const struct ps_sample_input *input, int64_t row_count) {
    struct sums sums = *sums_all;
    double minimum = column->minimum, maximum = column->maximum;
    int64_t count = 0;
    for (int64_t row = 0; row < row_count; row++) {
        const double number = input->numbers[row];
        if (!ps_chunk_is_valid(input->validity, row) || !isfinite(number)) {
            continue;
        }
        if (!sums.has_origin) {
            sums.origin = minimum = maximum = number;
            sums.has_origin = true;
        }
        minimum = number < minimum ? number : minimum;
        maximum = number > maximum ? number : maximum;
        const double distance = number - sums.origin;
        sums.sum += distance;
        sums.squares += distance * distance;
        count++;
    }
    *sums_all = sums;
    column->minimum = minimum;
    column->maximum = maximum;
    column->count += count;
    column->missing_count += row_count - count;
}

static void count_texts(struct ps_sample_column *column, const uint64_t *validity, int64_t row_count) {
    int64_t count = 0;
    for (int64_t row = 0; row < row_count; row++) {
        count += ps_chunk_is_valid(validity, row) ? 1 : 0;
    }
    column->count += count;
    column->missing_count += row_count - count;
}

static penstock_code keep(struct sampling *sampling, const struct ps_chunk *chunk,
                          const struct ps_sample_input *inputs, int64_t row, struct penstock_error *error) {
    struct ps_sample *sample = &sampling->sample;
    const size_t place = sample->kept_count;
    for (size_t c = 0; c < sample->column_count; c++) {
        struct ps_sample_column *column = &sample->columns[c];
        const bool is_valid = ps_chunk_is_valid(inputs[c].validity, row);
        if (!column->is_text) {
            column->numbers[place] = is_valid ? inputs[c].numbers[row] : (double)NAN;
        } else if (is_valid) {
            PS_TRY(ps_dictionary_add(column->values, ps_chunk_text(chunk, inputs[c].chunk_column, row),
                                     &column->indexes[place], error));
        } else {
            column->indexes[place] = -1;
        }
    }
    sample->rows[place] = sample->row_count + row;
    sample->kept_count++;
    return PENSTOCK_OK;
}

penstock_code ps_sample_add(struct ps_sample *sample, const struct ps_chunk *chunk,
                            const struct ps_sample_input *inputs, int64_t row_count,
                            struct penstock_error *error) {
    struct sampling *sampling = inside(sample);
    for (size_t c = 0; c < sample->column_count; c++) {
        ps_check(sample->columns[c].is_text == (inputs[c].numbers == NULL));
        if (sample->columns[c].is_text) {
            count_texts(&sample->columns[c], inputs[c].validity, row_count);
        } else {
            count_numbers(&sample->columns[c], &sampling->sums[c], &inputs[c], row_count);
        }
    }
    for (int64_t row = 0; row < row_count; row++) {
        if (!is_kept(sample->row_count + row, sampling->level)) {
            continue;
        }
        if (sample->kept_count == sampling->room) {
            thin(sampling);
            if (sample->kept_count == sampling->room || !is_kept(sample->row_count + row, sampling->level)) {
                continue;
            }
        }
        PS_TRY(keep(sampling, chunk, inputs, row, error));
    }
    sample->row_count += row_count;
    return PENSTOCK_OK;
}

static penstock_code observe(void *context, const struct ps_chunk *chunk, struct penstock_error *error) {
    struct ps_sample *sample = context;
    struct ps_sample_input *inputs = inside(sample)->inputs;
    for (size_t c = 0; c < sample->column_count; c++) {
        inputs[c] = (struct ps_sample_input){
            .numbers = sample->columns[c].is_text ? NULL : ps_chunk_doubles(chunk, c),
            .validity = ps_chunk_validity(chunk, c),
            .chunk_column = c};
    }
    return ps_sample_add(sample, chunk, inputs, ps_chunk_row_count(chunk), error);
}

void ps_sample_watch(struct ps_sample *sample, struct ps_scan *scan) {
    ps_scan_observe(scan, observe, sample);
}

void ps_sample_finish(struct ps_sample *sample) {
    for (size_t c = 0; c < sample->column_count; c++) {
        struct ps_sample_column *column = &sample->columns[c];
        const struct sums *sums = &inside(sample)->sums[c];
        if (column->is_text || column->count == 0) {
            continue;
        }
        const double count = (double)column->count;
        const double mean = sums->sum / count;
        column->mean = sums->origin + mean;
        column->deviation = sqrt(fmax(0.0, sums->squares / count - mean * mean));
    }
}
