/* SPDX-License-Identifier: Apache-2.0
 *
 * feature_hasher.c - FeatureHasher: columns of any kind become features by hashing, at most numFeatures.
 *
 * A number adds its value to the feature that the hash of its column's name points to; a text, a BOOLEAN and a
 * column of categoricalCols add 1 to the feature of "column=value". The hash is MurmurHash3 (x86, 32 bit, seed 42) of
 * the UTF-8 bytes, modulo numFeatures made positive: the indexes are Spark's. A missing value adds nothing.
 *
 * Of Spark's vector of 262144 only the places that some training row uses are features here: of the others nothing can
 * be learnt, their weight would be 0. So a scan finds them, and the columns are made when they are known, behind
 * all others. A category that training has not seen shares a feature, or has a weight of 0, as in Spark.
 *
 * Numbers: the places, ascending.
 *
 * Reference: Austin Appleby, MurmurHash3 (public domain); Weinberger et al., Feature Hashing for Large Scale
 * Multitask Learning, 2009.
 */
#include <math.h>
#include <stdio.h>

#include "base/limits.h"
#include "model/fit.h"

struct config {
    int64_t feature_count;
    const char *output;
    const char *categorical; /* only for the option table: the names are transform->words */
};

static const struct ps_option options[] = {
    {"numFeatures", PS_OPTION_INTEGER, "262144", 1, 1 << 24, NULL, offsetof(struct config, feature_count),
     false, false, "number of places that values share; those in use are features", "0.2"},
    {"categoricalCols", PS_OPTION_TEXT, NULL, 0, 0, NULL, offsetof(struct config, categorical), false, false,
     "number columns whose values are categories, in brackets", "0.2"},
    {"outputCol", PS_OPTION_TEXT, "hash", 0, 0, NULL, offsetof(struct config, output), false, false,
     "what the new columns are called: hash_0, hash_1, ...", "0.2"},
    {0},
};

static uint32_t rotate(uint32_t value, int bits) {
    return value << bits | value >> (32 - bits);
}

static uint32_t scramble(uint32_t block) {
    return rotate(block * 0xcc9e2d51U, 15) * 0x1b873593U;
}

/* MurmurHash3_x86_32, fed piece by piece: "column=" and then the value. */
struct murmur {
    uint32_t hash, tail;
    uint32_t size; /* bytes so far */
};

static void add_bytes(struct murmur *murmur, struct ps_bytes bytes) {
    for (size_t i = 0; i < bytes.size; i++) {
        murmur->tail |= (uint32_t)(unsigned char)bytes.data[i] << (8 * (murmur->size & 3));
        murmur->size++;
        if ((murmur->size & 3) == 0) {
            murmur->hash = rotate(murmur->hash ^ scramble(murmur->tail), 13) * 5 + 0xe6546b64U;
            murmur->tail = 0;
        }
    }
}

static struct murmur begin(const char *text) {
    struct murmur murmur = {.hash = 42};
    add_bytes(&murmur, ps_bytes_of(text));
    return murmur;
}

/* Index of the feature: the hash is signed in Spark. */
static size_t end(struct murmur murmur, size_t feature_count) {
    uint32_t hash = murmur.hash ^ scramble(murmur.tail) ^ murmur.size;
    hash = (hash ^ hash >> 16) * 0x85ebca6bU;
    hash = (hash ^ hash >> 13) * 0xc2b2ae35U;
    const int64_t value = (int32_t)(hash ^ hash >> 16);
    const int64_t rest = value % (int64_t)feature_count;
    return (size_t)(rest < 0 ? rest + (int64_t)feature_count : rest);
}

static bool is_word(const struct ps_transform *transform, const char *name) {
    for (size_t i = 0; i < transform->word_count; i++) {
        if (ps_text_equal_nocase(transform->words[i], name)) {
            return true;
        }
    }
    return false;
}

static penstock_code check_words(const struct ps_pipeline *pipeline, const struct ps_transform *transform,
                                 struct penstock_error *error) {
    for (size_t w = 0; w < transform->word_count; w++) {
        const struct ps_slot *found = NULL;
        for (size_t i = 0; i < transform->input_count; i++) {
            const struct ps_slot *slot = &pipeline->slots[transform->inputs[i]];
            found = ps_text_equal_nocase(slot->name, transform->words[w]) ? slot : found;
        }
        if (found == NULL) {
            return ps_transform_error(transform, error, "categoricalCols: %s is none of its columns",
                                      transform->words[w]);
        }
        if (found->kind != PS_SLOT_TEXT) {
            return ps_transform_error(
                transform, error,
                "categoricalCols: an earlier stage has read %s as a number; put FeatureHasher first",
                found->name);
        }
    }
    return PENSTOCK_OK;
}

static penstock_code bind(struct ps_pipeline *pipeline, struct ps_transform *transform,
                          struct penstock_error *error) {
    PS_TRY(check_words(pipeline, transform, error));
    for (size_t i = 0; i < transform->input_count; i++) {
        ps_pipeline_remove(pipeline, transform, i);
    }
    pipeline->makes_late = true;
    return PENSTOCK_OK;
}

/* Place of a text of this column; `prefix` is "column=". */
static size_t place_of(const struct ps_transform *transform, struct murmur prefix, struct ps_bytes text) {
    const struct config *config = transform->config;
    add_bytes(&prefix, text);
    return end(prefix, (size_t)config->feature_count);
}

static size_t number_place(const struct ps_transform *transform, const struct ps_slot *slot) {
    const struct config *config = transform->config;
    return end(begin(slot->name), (size_t)config->feature_count);
}

static struct murmur prefix_of(const struct ps_slot *slot) {
    struct murmur prefix = begin(slot->name);
    add_bytes(&prefix, ps_bytes_of("="));
    return prefix;
}

struct learning {
    const struct ps_pipeline *pipeline;
    const struct ps_transform *transform;
    bool *is_used; /* per place */
};

static penstock_code take(void *context, const struct ps_frame *frame, struct penstock_error *error) {
    const struct learning *learning = context;
    const struct ps_transform *transform = learning->transform;
    (void)error;
    for (size_t i = 0; i < transform->input_count; i++) {
        const struct ps_slot *slot = &learning->pipeline->slots[transform->inputs[i]];
        const struct murmur prefix = prefix_of(slot);
        for (size_t row = 0; slot->kind == PS_SLOT_TEXT && row < frame->row_count; row++) {
            const struct ps_bytes text = frame->slots[transform->inputs[i]].texts[row];
            if (frame->fates[row] == PS_FATE_KEEP && text.data != NULL) {
                learning->is_used[place_of(transform, prefix, text)] = true;
            }
        }
    }
    return PENSTOCK_OK;
}

static penstock_code fit(struct ps_fit *fit, struct ps_transform *transform, struct penstock_error *error) {
    const struct config *config = transform->config;
    const size_t place_count = (size_t)config->feature_count;
    bool *is_used PS_SCOPED(ps_release_scoped) = ps_allocate(place_count, sizeof *is_used);
    if (is_used == NULL) {
        return ps_error_memory(error, "hashed features");
    }
    bool has_texts = false;
    for (size_t i = 0; i < transform->input_count; i++) {
        const struct ps_slot *slot = &fit->pipeline->slots[transform->inputs[i]];
        has_texts = has_texts || slot->kind == PS_SLOT_TEXT;
        if (slot->kind == PS_SLOT_NUMBER && !slot->is_absent) {
            is_used[number_place(transform, slot)] = true;
        }
    }
    struct learning learning = {fit->pipeline, transform, is_used};
    if (has_texts) {
        PS_TRY(ps_fit_rows(fit, transform, false, &learning, take, error));
    }
    size_t used = 0;
    for (size_t i = 0; i < place_count; i++) {
        used += is_used[i];
    }
    if (used > PS_LIMIT_FEATURE_COUNT) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                           "FeatureHasher: the training rows use %zu of the %zu features; the limit is %d",
                           used, place_count, PS_LIMIT_FEATURE_COUNT);
        return ps_error_hint(error, "numFeatures = 4096 lets them share");
    }
    PS_TRY(ps_transform_reserve(fit->pipeline, transform, used, error));
    used = 0;
    for (size_t i = 0; i < place_count; i++) {
        if (is_used[i]) {
            transform->numbers[used++] = (double)i;
        }
    }
    return PENSTOCK_OK;
}

static penstock_code finish(struct ps_pipeline *pipeline, struct ps_transform *transform,
                            struct penstock_error *error) {
    const struct config *config = transform->config;
    double after = -1;
    for (size_t i = 0; i < transform->number_count; i++) {
        const double place = transform->numbers[i];
        if (!(place > after && place < (double)config->feature_count && place == floor(place))) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA,
                                "the stored model is damaged: FeatureHasher has a feature that cannot be");
        }
        after = place;
    }
    transform->outputs = ps_arena_allocate(pipeline->arena, transform->number_count + 1, sizeof(size_t));
    if (transform->outputs == NULL) {
        return ps_error_memory(error, "a pipeline");
    }
    for (size_t i = 0; i < transform->number_count; i++) {
        const char *name = ps_arena_printf(pipeline->arena, "%s_%.0f", config->output, transform->numbers[i]);
        if (name == NULL) {
            return ps_error_memory(error, "a pipeline");
        }
        PS_TRY(ps_pipeline_make(pipeline, transform, 0, name, PS_SLOT_NUMBER, &transform->outputs[i], error));
        pipeline->slots[transform->outputs[i]].is_opaque = true;
        transform->output_count++;
    }
    for (size_t i = 0; i < transform->input_count; i++) {
        transform->is_fitted[i] = true;
    }
    return PENSTOCK_OK;
}

/* The values of a place; NULL: it is no feature. */
static double *values_of(const struct ps_transform *transform, const struct ps_frame *frame, size_t place) {
    size_t low = 0;
    size_t high = transform->output_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (transform->numbers[middle] < (double)place) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < transform->output_count && transform->numbers[low] == (double)place
               ? frame->slots[transform->outputs[low]].own_numbers
               : NULL;
}

static void add_numbers(const struct ps_transform *transform, const struct ps_slot *slot,
                        const double *values, const struct ps_frame *frame) {
    double *out = values_of(transform, frame, number_place(transform, slot));
    for (size_t row = 0; out != NULL && row < frame->row_count; row++) {
        out[row] += isnan(values[row]) ? 0 : values[row];
    }
}

static void add_categories(const struct ps_transform *transform, const struct ps_slot *slot,
                           const struct ps_bytes *values, const struct ps_frame *frame) {
    const struct murmur prefix = prefix_of(slot);
    for (size_t row = 0; row < frame->row_count; row++) {
        double *out = values[row].data == NULL
                          ? NULL
                          : values_of(transform, frame, place_of(transform, prefix, values[row]));
        if (out != NULL) {
            out[row] += 1;
        }
    }
}

static void apply(const struct ps_pipeline *pipeline, const struct ps_transform *transform,
                  struct ps_frame *frame) {
    for (size_t i = 0; i < transform->output_count; i++) {
        struct ps_frame_slot *out = &frame->slots[transform->outputs[i]];
        memset(out->own_numbers, 0, frame->row_count * sizeof(double));
        out->numbers = out->own_numbers;
    }
    for (size_t i = 0; i < transform->input_count; i++) {
        const struct ps_slot *slot = &pipeline->slots[transform->inputs[i]];
        if (slot->is_absent) {
            continue;
        }
        if (slot->kind == PS_SLOT_TEXT) {
            add_categories(transform, slot, frame->slots[transform->inputs[i]].texts, frame);
        } else {
            add_numbers(transform, slot, frame->slots[transform->inputs[i]].numbers, frame);
        }
    }
}

bool ps_feature_hasher_wants_text(const struct ps_call *call, const char *column, const char *type) {
    if (ps_transform_find(call->name) != &ps_feature_hasher_type) {
        return false;
    }
    struct ps_transform words = {0};
    for (size_t i = 0; i < call->parameter_count; i++) {
        const struct ps_parameter *parameter = &call->parameters[i];
        if (parameter->name != NULL && ps_option_name_equal(parameter->name, "categoricalCols")) {
            words.words = parameter->values;
            words.word_count = parameter->value_count;
        }
    }
    return strcmp(type, "BOOLEAN") == 0 || is_word(&words, column);
}

const struct ps_transform_type ps_feature_hasher_type = {
    .name = "FeatureHasher",
    .help = "shares features among all values of its columns, by hash",
    .options = options,
    .config_size = sizeof(struct config),
    .words_name = "categoricalCols",
    .column_min = 1,
    .takes_text = true,
    .takes_time = true,
    .has_own_count = true,
    .bind = bind,
    .fit = fit,
    .finish = finish,
    .apply = apply,
};
