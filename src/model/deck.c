/* SPDX-License-Identifier: Apache-2.0
 *
 * deck.c - shuffling and dealing training rows.
 */
#include "model/deck.h"

#include <string.h>

#include "base/check.h"
#include "model/frame.h"
#include "model/random.h"
#include "model/watching.h"

/* Bytes of the rows in a deck: far more batches than it takes to look random, a small part of any executor. */
static const size_t deck_size_max = (size_t)64 << 20;

void ps_inputs_done(struct ps_inputs *inputs) {
    ps_release(inputs->features);
    ps_release(inputs->inputs);
    *inputs = (struct ps_inputs){0};
}

penstock_code ps_inputs_init(struct ps_inputs *inputs, const struct ps_training_set *set,
                             struct penstock_error *error) {
    const struct ps_layout *layout = set->rows->layout;
    const struct ps_design *design = set->design;
    *inputs = (struct ps_inputs){.feature_count = design->count,
                                 .number_count = layout->number_count,
                                 .group_count = layout->shape.group_count,
                                 .has_values = layout->shape.has_values};
    inputs->features = ps_allocate(design->count + 1, sizeof *inputs->features);
    inputs->inputs = ps_allocate(design->count + 1, sizeof *inputs->inputs);
    if (inputs->features == NULL || inputs->inputs == NULL) {
        ps_inputs_done(inputs);
        return ps_error_memory(error, "a network");
    }
    size_t next = 0;
    for (int wants_group = 0; wants_group < 2; wants_group++) {
        for (size_t j = 0; j < design->count; j++) {
            if (layout->columns[design->columns[j]].is_group == (wants_group != 0)) {
                inputs->inputs[j] = (int32_t)next;
                inputs->features[next++] = j;
            }
        }
    }
    return PENSTOCK_OK;
}

void ps_row_batch_done(struct ps_row_batch *batch) {
    ps_release(batch->numbers);
    ps_release(batch->categories);
    ps_release(batch->values);
    ps_release(batch->labels);
    *batch = (struct ps_row_batch){0};
}

penstock_code ps_row_batch_init(struct ps_row_batch *batch, const struct ps_inputs *inputs, size_t row_max,
                                struct penstock_error *error) {
    *batch = (struct ps_row_batch){.inputs = inputs, .row_max = row_max};
    size_t numbers = 0, categories = 0;
    if (__builtin_mul_overflow(row_max, inputs->number_count, &numbers) ||
        __builtin_mul_overflow(row_max, inputs->group_count, &categories)) {
        return ps_error_memory(error, "rows of a network");
    }
    batch->numbers = ps_allocate(numbers + 1, sizeof(double));
    batch->categories = ps_allocate(categories + 1, sizeof(int32_t));
    batch->labels = ps_allocate(row_max + 1, sizeof(double));
    if (inputs->has_values) {
        batch->values = ps_allocate(categories + 1, sizeof(double));
    }
    if (batch->numbers == NULL || batch->categories == NULL || batch->labels == NULL ||
        (inputs->has_values && batch->values == NULL)) {
        ps_row_batch_done(batch);
        return ps_error_memory(error, "rows of a network");
    }
    return PENSTOCK_OK;
}

void ps_row_batch_add(struct ps_row_batch *batch, const struct ps_features *features, const size_t *rows,
                      size_t count) {
    const struct ps_inputs *inputs = batch->inputs;
    ps_check(batch->row_count + count <= batch->row_max);
    double *numbers = batch->numbers + batch->row_count * inputs->number_count;
    int32_t *categories = batch->categories + batch->row_count * inputs->group_count;
    double *values = batch->values == NULL ? NULL : batch->values + batch->row_count * inputs->group_count;
    size_t number = 0, group = 0;
    for (size_t c = 0; c < features->column_count; c++) {
        const struct ps_feature_column *column = &features->columns[c];
        if (column->numbers != NULL) {
            for (size_t i = 0; i < count; i++) {
                numbers[i * inputs->number_count + number] = column->numbers[rows == NULL ? i : rows[i]];
            }
            number++;
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            const size_t row = rows == NULL ? i : rows[i];
            const int32_t index = column->indexes[row];
            const int32_t feature = index < 0 ? -1 : column->features[index];
            categories[i * inputs->group_count + group] = feature < 0 ? -1 : inputs->inputs[feature];
            if (values != NULL) {
                values[i * inputs->group_count + group] = column->values == NULL ? 1 : column->values[row];
            }
        }
        group++;
    }
    batch->row_count += count;
}

/* Row `from` of a batch becomes the next of another. */
static void copy_row(struct ps_row_batch *to, const struct ps_row_batch *from, size_t row) {
    const size_t numbers = to->inputs->number_count, groups = to->inputs->group_count;
    memcpy(to->numbers + to->row_count * numbers, from->numbers + row * numbers, numbers * sizeof(double));
    memcpy(to->categories + to->row_count * groups, from->categories + row * groups,
           groups * sizeof(int32_t));
    if (to->values != NULL) {
        memcpy(to->values + to->row_count * groups, from->values + row * groups, groups * sizeof(double));
    }
    to->labels[to->row_count++] = from->labels[row];
}

/* A piece of a panel that is read at once. */
struct portion {
    const struct ps_row_panel *panel;
    size_t begin, count;
    uint64_t ordinal; /* of its first row */
};

struct ps_deck {
    struct ps_deck_options options;
    struct ps_features_reader *reader;
    struct portion *portions;
    size_t portion_count, portion_next;
    size_t row_count; /* dealt in an epoch */
    double share;
    struct ps_row_batch rows, watching;
    uint32_t *order; /* of the rows in the deck */
    size_t dealt;    /* of them */
    bool is_whole, is_filled;
    struct ps_random random;
    size_t kept[PS_FRAME_ROWS];
};

void ps_deck_free(struct ps_deck *deck) {
    if (deck == NULL) {
        return;
    }
    ps_features_reader_free(deck->reader);
    ps_release(deck->portions);
    ps_release(deck->order);
    ps_row_batch_done(&deck->rows);
    ps_row_batch_done(&deck->watching);
    ps_release(deck);
}

static penstock_code list_portions(struct ps_deck *deck, struct penstock_error *error) {
    const struct ps_training_set *set = deck->options.set;
    const struct ps_rows *rows = set->rows;
    for (int pass = 0; pass < 2; pass++) {
        uint64_t ordinal = 0;
        deck->portion_count = 0;
        for (size_t p = 0; p < rows->block_count * rows->part_count; p++) {
            const struct ps_row_panel *panel = &rows->panels[p];
            for (size_t begin = 0; set->trains[p % rows->part_count] && begin < panel->row_count;
                 begin += PS_FRAME_ROWS) {
                const size_t left = panel->row_count - begin;
                const size_t count = left < PS_FRAME_ROWS ? left : PS_FRAME_ROWS;
                if (pass > 0) {
                    deck->portions[deck->portion_count] = (struct portion){panel, begin, count, ordinal};
                }
                deck->portion_count++;
                ordinal += count;
            }
        }
        if (pass == 0) {
            deck->row_count = (size_t)ordinal;
            deck->portions = ps_allocate(deck->portion_count + 1, sizeof *deck->portions);
            if (deck->portions == NULL) {
                return ps_error_memory(error, "rows of a network");
            }
        }
    }
    return PENSTOCK_OK;
}

/* Puts the rows of a portion that are dealt into the deck, or those that watch into their batch. */
static void read_portion(struct ps_deck *deck, const struct portion *portion, bool wants_watching) {
    const struct ps_deck_options *options = &deck->options;
    const struct ps_features *features =
        ps_features_reader_read(deck->reader, portion->panel, portion->begin, portion->count);
    struct ps_row_batch *batch = wants_watching ? &deck->watching : &deck->rows;
    size_t count = 0;
    for (size_t i = 0; i < portion->count; i++) {
        if (ps_watching_has(options->seed, portion->ordinal + i, deck->share) == wants_watching) {
            deck->kept[count++] = i;
        }
    }
    const size_t first = batch->row_count;
    ps_row_batch_add(batch, features, deck->kept, count);
    for (size_t i = 0; i < count; i++) {
        const double label = portion->panel->labels[portion->begin + deck->kept[i]];
        batch->labels[first + i] = (label - options->label_mean) / options->label_scale;
    }
}

/* A number below `limit`, which is far below 2^32. */
static size_t draw_below(struct ps_random *random, size_t limit) {
    return (size_t)(ps_random_next(random) * (double)limit);
}

static void fill(struct ps_deck *deck) {
    deck->rows.row_count = 0;
    while (deck->portion_next < deck->portion_count &&
           deck->rows.row_count + deck->portions[deck->portion_next].count <= deck->rows.row_max) {
        read_portion(deck, &deck->portions[deck->portion_next++], false);
    }
    deck->is_filled = true;
}

static void shuffle_rows(struct ps_deck *deck) {
    for (size_t i = 0; i < deck->rows.row_count; i++) {
        const size_t other = draw_below(&deck->random, i + 1);
        deck->order[i] = deck->order[other];
        deck->order[other] = (uint32_t)i;
    }
    deck->dealt = 0;
}

void ps_deck_shuffle(struct ps_deck *deck) {
    if (!deck->is_whole) {
        for (size_t i = deck->portion_count; i > 1; i--) {
            const size_t other = draw_below(&deck->random, i);
            const struct portion portion = deck->portions[i - 1];
            deck->portions[i - 1] = deck->portions[other];
            deck->portions[other] = portion;
        }
        deck->portion_next = 0;
    }
    if (!deck->is_whole || !deck->is_filled) {
        fill(deck);
    }
    shuffle_rows(deck);
}

bool ps_deck_deal(struct ps_deck *deck, struct ps_row_batch *batch) {
    batch->row_count = 0;
    while (batch->row_count < batch->row_max) {
        if (deck->dealt == deck->rows.row_count) {
            if (deck->is_whole || deck->portion_next == deck->portion_count) {
                break;
            }
            fill(deck);
            shuffle_rows(deck);
            continue;
        }
        copy_row(batch, &deck->rows, deck->order[deck->dealt++]);
    }
    return batch->row_count > 0;
}

size_t ps_deck_row_count(const struct ps_deck *deck) {
    return deck->row_count;
}

const struct ps_row_batch *ps_deck_watching(const struct ps_deck *deck) {
    return &deck->watching;
}

static penstock_code prepare(struct ps_deck *deck, struct penstock_error *error) {
    const struct ps_deck_options *options = &deck->options;
    const size_t width = options->inputs->number_count + 2 * options->inputs->group_count + 2;
    const size_t deck_rows = deck_size_max / (width * sizeof(double)) + PS_FRAME_ROWS;
    PS_TRY(list_portions(deck, error));
    deck->share = options->watching_share;
    if (deck->share * (double)deck->row_count > (double)deck_rows) {
        deck->share = (double)deck_rows / (double)deck->row_count;
    }
    size_t watching = 0;
    for (size_t i = 0; deck->share > 0 && i < deck->row_count; i++) {
        watching += ps_watching_has(options->seed, i, deck->share) ? 1 : 0;
    }
    if (deck->row_count == watching || (deck->share > 0 && watching == 0)) {
        return ps_error_set(
            error, PENSTOCK_INVALID_DATA,
            "of %zu training rows none would be left to learn from or to watch (earlyStopping)",
            deck->row_count);
    }
    deck->is_whole = deck->row_count <= deck_rows;
    const size_t rows = deck->is_whole ? deck->row_count : deck_rows;
    deck->row_count -= watching;
    PS_TRY(ps_row_batch_init(&deck->rows, options->inputs, rows, error));
    PS_TRY(ps_row_batch_init(&deck->watching, options->inputs, watching, error));
    deck->order = ps_allocate(rows + 1, sizeof *deck->order);
    if (deck->order == NULL) {
        return ps_error_memory(error, "rows of a network");
    }
    PS_TRY(ps_features_reader_new(options->set, &deck->reader, error));
    for (size_t p = 0; watching > 0 && p < deck->portion_count; p++) {
        read_portion(deck, &deck->portions[p], true);
    }
    return PENSTOCK_OK;
}

penstock_code ps_deck_new(const struct ps_deck_options *options, struct ps_deck **deck_out,
                          struct penstock_error *error) {
    struct ps_deck *deck = ps_allocate(1, sizeof *deck);
    if (deck == NULL) {
        return ps_error_memory(error, "rows of a network");
    }
    deck->options = *options;
    ps_random_init(&deck->random, options->seed);
    const penstock_code code = prepare(deck, error);
    if (code != PENSTOCK_OK) {
        ps_deck_free(deck);
        return code;
    }
    *deck_out = deck;
    return PENSTOCK_OK;
}
