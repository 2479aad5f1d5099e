/* SPDX-License-Identifier: Apache-2.0
 *
 * deck.h - training rows as a network takes them: row after row, numbers first, a one-hot group as one index; in
 * shuffled order without holding all of them.
 *
 * An epoch deals every row once. Portions of the rows (panels, in an order drawn for the epoch) fill a deck, which
 * is shuffled and dealt; as long as all rows fit into it, and they do up to 64 MiB, an epoch is one shuffle of all.
 * The order follows from the seed, never from memory or threads.
 */
#ifndef PS_MODEL_DECK_H
#define PS_MODEL_DECK_H

#include "model/rows.h"

/* Which input of the network a feature is: numbers come first, then the features of groups. */
struct ps_inputs {
    size_t feature_count, number_count, group_count;
    bool has_values;  /* groups carry values other than 1 */
    size_t *features; /* of each input */
    int32_t *inputs;  /* of each feature */
};
penstock_code ps_inputs_init(struct ps_inputs *inputs, const struct ps_training_set *set,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_inputs_done(struct ps_inputs *inputs);

/* Rows; memory for row_max of them. */
struct ps_row_batch {
    const struct ps_inputs *inputs;
    size_t row_count, row_max;
    double *numbers;     /* row * number_count + input */
    int32_t *categories; /* row * group_count + group: an input, or -1 */
    double *values;      /* as categories, or NULL: 1 */
    double *labels;      /* (label - label_mean) / label_scale */
};
penstock_code ps_row_batch_init(struct ps_row_batch *batch, const struct ps_inputs *inputs, size_t row_max,
                                struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_row_batch_done(struct ps_row_batch *batch);
/* Appends rows of a block of features; `rows`: which (NULL: the first `count`). */
void ps_row_batch_add(struct ps_row_batch *batch, const struct ps_features *features, const size_t *rows,
                      size_t count);

struct ps_deck_options {
    const struct ps_training_set *set;
    const struct ps_inputs *inputs;
    int64_t seed;
    double watching_share; /* of the rows that are never dealt; 0: none */
    double label_mean, label_scale;
};
struct ps_deck;
/* Errors: INVALID_DATA (no row left to learn from or to watch), OUT_OF_MEMORY. */
penstock_code ps_deck_new(const struct ps_deck_options *options, struct ps_deck **deck_out,
                          struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_deck_free(struct ps_deck *deck);
size_t ps_deck_row_count(const struct ps_deck *deck); /* that an epoch deals */
/* The rows that watch; none: row_count 0. */
const struct ps_row_batch *ps_deck_watching(const struct ps_deck *deck);
void ps_deck_shuffle(struct ps_deck *deck); /* the next epoch */
/* The next rows, batch->row_max of them or what is left; false: the epoch is over. */
bool ps_deck_deal(struct ps_deck *deck, struct ps_row_batch *batch);

#endif
