/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_debezium.c - any bytes as a changelog: every line is a record, its key before the first tab, its value
 * behind it; a line without a tab has no value, an empty key is none.
 *
 * Whatever the bytes, records are counted, deletes and puts have a whole key, and a record comes to the same alone.
 */
#include "connect/decoding.h"
#include "data/codec_json.h"
#include "decoding.h"

#define MESSAGE_COUNT_MAX 4096

static uint64_t fuzz_digest_all(const struct ps_batch *batch) {
    uint64_t digest = (uint64_t)batch->skipped_count * 3 + (uint64_t)batch->second_count;
    for (int64_t row = 0; row < batch->row_count; row++) {
        digest = digest * 31 + fuzz_digest(batch, row) + batch->operations[row];
    }
    for (size_t i = 0; i < batch->dead_letter_count; i++) {
        const char *text = batch->dead_letters[i].text;
        digest += ps_hash(text, strlen(text), (uint64_t)batch->dead_letters[i].offset); /* in any order */
    }
    return digest;
}

static struct ps_batch *fuzz_changelog(const struct ps_source_setup *setup, const struct ps_message *messages,
                                       size_t count) {
    const struct ps_slice slice = {.partition = {"t[0]", 0}, .begin = 0, .end = 1, .end_state = ""};
    struct ps_raw raw = {.data = ps_allocate(1, 1),
                         .messages = ps_allocate(count + 1, sizeof *messages),
                         .message_count = count};
    struct ps_batch *batch = NULL;
    struct penstock_error error = {0};
    ps_check(raw.data != NULL && raw.messages != NULL);
    memcpy(raw.messages, messages, count * sizeof *messages);
    ps_check(ps_decode(setup, &slice, &raw, &batch, &error) == PENSTOCK_OK);
    fuzz_lose_record(batch);
    ps_check(batch->record_count == (int64_t)count && ps_batch_is_counted(batch));
    for (int64_t row = 0; row < batch->row_count; row++) {
        ps_check(batch->columns[0].is_valid == NULL || batch->columns[0].is_valid[row] != 0);
        ps_check(batch->columns[1].is_valid == NULL || batch->columns[1].is_valid[row] != 0);
    }
    return batch;
}

static size_t fuzz_split(const char *data, size_t size, struct ps_message *messages) {
    size_t count = 0;
    for (size_t at = 0; at < size && count < MESSAGE_COUNT_MAX;) {
        const char *newline = memchr(data + at, '\n', size - at);
        const size_t end = newline == NULL ? size : (size_t)(newline - data);
        const char *tab = memchr(data + at, '\t', end - at);
        struct ps_message *message = &messages[count];
        *message = (struct ps_message){.offset = (int64_t)count, .timestamp_ms = -1};
        message->key.size = tab == NULL ? end - at : (size_t)(tab - data) - at;
        message->key.data = message->key.size == 0 ? NULL : data + at;
        if (tab != NULL) {
            message->value = (struct ps_bytes){tab + 1, (size_t)(data + end - tab) - 1};
        }
        count++;
        at = end + 1;
    }
    return count;
}

static void fuzz_format(enum ps_source_format format, const struct ps_message *messages, size_t count) {
    size_t key[] = {0, 1};
    struct ps_arena *arena = ps_arena_new(0);
    struct penstock_error error = {0};
    struct ps_json_config config = {0};
    struct ps_source_statement statement = {
        .schema = fuzz_schemas[0], .format = format, .primary_key = key, .primary_key_count = 2};
    struct ps_source_setup setup = {.name = "s",
                                    .folder = ".",
                                    .schema = &statement.schema,
                                    .codec = ps_codec_find("json"),
                                    .codec_config = &config,
                                    .encode = "json",
                                    .codec_schema = statement.schema,
                                    .statement = &statement};
    ps_check(arena != NULL && setup.codec->config_size == sizeof config);
    ps_check(ps_decoding_new(&setup, arena, &setup.decoding, &error) == PENSTOCK_OK);
    struct ps_batch *batch = fuzz_changelog(&setup, messages, count);
    for (size_t i = 0; i < count && i < 4; i++) {
        struct ps_batch *alone = fuzz_changelog(&setup, &messages[i], 1), *again;
        again = fuzz_changelog(&setup, &messages[i], 1);
        ps_check(fuzz_digest_all(alone) == fuzz_digest_all(again));
        ps_check(alone->dead_letter_count + (size_t)alone->skipped_count <= 1);
        ps_batch_free(alone);
        ps_batch_free(again);
    }
    ps_batch_free(batch);
    ps_decoding_free(setup.decoding);
    ps_arena_free(arena);
}

static void fuzz_one(const char *data, size_t size) {
    struct ps_message *messages = ps_allocate(MESSAGE_COUNT_MAX, sizeof *messages);
    ps_check(messages != NULL);
    const size_t count = fuzz_split(data, size, messages);
    fuzz_format(PS_FORMAT_UPSERT, messages, count);
    fuzz_format(PS_FORMAT_DEBEZIUM, messages, count);
    ps_release(messages);
}
