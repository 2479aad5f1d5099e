/* SPDX-License-Identifier: Apache-2.0
 *
 * feature_hasher.c - FeatureHasher: columns of any kind become numFeatures numbers, by hashing.
 *
 * A number adds its value to the feature that the hash of its column's name points to; a text, a BOOLEAN and a
 * column of categoricalCols add 1 to the feature of "column=value". The hash is MurmurHash3 (x86, 32 bit, seed 42) of
 * the UTF-8 bytes, modulo numFeatures made positive: the indexes are Spark's. Nothing is learnt, a category that
 * training has not seen has its place, too, and a missing value adds nothing.
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
    {"numFeatures", PS_OPTION_INTEGER, "256", 1, PS_LIMIT_FEATURE_COUNT, NULL,
     offsetof(struct config, feature_count), false, false,
     "number of features to share; Spark's default of 262144 is more than a model here can have", "0.3"},
    {"categoricalCols", PS_OPTION_TEXT, NULL, 0, 0, NULL, offsetof(struct config, categorical), false, false,
     "number columns whose values are categories, in brackets", "0.3"},
    {"outputCol", PS_OPTION_TEXT, "hash", 0, 0, NULL, offsetof(struct config, output), false, false,
     "what the new columns are called: hash_0, hash_1, ...", "0.3"},
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
    const struct config *config = transform->config;
    const size_t count = (size_t)config->feature_count;
    PS_TRY(check_words(pipeline, transform, error));
    transform->outputs = ps_arena_allocate(pipeline->arena, count, sizeof(size_t));
    if (transform->outputs == NULL) {
        return ps_error_memory(error, "a pipeline");
    }
    for (size_t i = 0; i < transform->input_count; i++) {
        ps_pipeline_remove(pipeline, transform, i);
    }
    for (size_t i = 0; i < count; i++) {
        const char *name = ps_arena_printf(pipeline->arena, "%s_%zu", config->output, i);
        if (name == NULL) {
            return ps_error_memory(error, "a pipeline");
        }
        PS_TRY(ps_pipeline_make(pipeline, transform, 0, name, PS_SLOT_NUMBER, &transform->outputs[i], error));
        pipeline->slots[transform->outputs[i]].is_opaque = true;
        transform->output_count++;
    }
    return PENSTOCK_OK;
}

static penstock_code finish(struct ps_pipeline *pipeline, struct ps_transform *transform,
                            struct penstock_error *error) {
    (void)pipeline;
    (void)error;
    for (size_t i = 0; i < transform->input_count; i++) {
        transform->is_fitted[i] = true;
    }
    return PENSTOCK_OK;
}

static void add_numbers(const struct ps_transform *transform, const struct ps_slot *slot,
                        const double *values, struct ps_frame *frame) {
    const size_t feature = end(begin(slot->name), transform->output_count);
    double *out = frame->slots[transform->outputs[feature]].own_numbers;
    for (size_t row = 0; row < frame->row_count; row++) {
        out[row] += isnan(values[row]) ? 0 : values[row];
    }
}

static void add_categories(const struct ps_transform *transform, const struct ps_slot *slot,
                           const struct ps_bytes *values, struct ps_frame *frame) {
    struct murmur prefix = begin(slot->name);
    add_bytes(&prefix, ps_bytes_of("="));
    for (size_t row = 0; row < frame->row_count; row++) {
        if (values[row].data == NULL) {
            continue;
        }
        struct murmur murmur = prefix;
        add_bytes(&murmur, values[row]);
        frame->slots[transform->outputs[end(murmur, transform->output_count)]].own_numbers[row] += 1;
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
    .help = "shares a fixed number of features among all values of its columns, by hash",
    .options = options,
    .config_size = sizeof(struct config),
    .words_name = "categoricalCols",
    .column_min = 1,
    .takes_text = true,
    .takes_time = true,
    .bind = bind,
    .finish = finish,
    .apply = apply,
};
