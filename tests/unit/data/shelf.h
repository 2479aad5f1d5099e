/* SPDX-License-Identifier: Apache-2.0
 *
 * shelf.h - schemas for the tests of codecs with schemas: a registry that is an array, and records decoded with it.
 */
#ifndef TESTS_UNIT_DATA_SHELF_H
#define TESTS_UNIT_DATA_SHELF_H

#include "decoding.h"

struct shelf {
    struct decoding decoding;
    struct ps_schemas *schemas;
    struct ps_bytes texts[8]; /* by id; of PS_SCHEMA_FIXED: the first */
    int fetch_count;
    bool is_away;
};

static inline penstock_code shelf_fetch(void *context, int64_t id, struct ps_arena *arena,
                                        struct ps_schema_texts *texts_out, struct penstock_error *error) {
    struct shelf *shelf = context;
    const size_t index = id == PS_SCHEMA_FIXED ? 0 : (size_t)id;
    shelf->fetch_count++;
    if (shelf->is_away) {
        return ps_error_set(error, PENSTOCK_IO, "the shelf is away");
    }
    if (index >= 8 || shelf->texts[index].data == NULL) {
        return ps_error_set(error, PENSTOCK_NOT_FOUND, "the shelf has no schema of id %lld", (long long)id);
    }
    struct ps_bytes *items = ps_arena_allocate(arena, 1, sizeof *items);
    if (items == NULL) {
        return ps_error_memory(error, "a schema");
    }
    items[0] = shelf->texts[index];
    *texts_out = (struct ps_schema_texts){items, 1};
    return PENSTOCK_OK;
}

/* As decoding_begin(). */
static inline void shelf_begin(struct shelf *shelf, const char *codec, const char *columns,
                               const char *const *options) {
    *shelf = (struct shelf){0};
    decoding_begin(&shelf->decoding, codec, columns, options);
    struct penstock_error error;
    const struct ps_schema_fetcher fetcher = {shelf_fetch, shelf};
    assert_int_equal(ps_schemas_new(shelf->decoding.codec, shelf->decoding.config, &shelf->decoding.schema,
                                    fetcher, &shelf->schemas, &error),
                     PENSTOCK_OK);
    ((struct ps_schema_options *)shelf->decoding.config)->schemas = shelf->schemas;
}

static inline void shelf_end(struct shelf *shelf) {
    decoding_end(&shelf->decoding);
    ps_schemas_free(shelf->schemas);
}

static inline penstock_code shelf_try(struct shelf *shelf, struct ps_bytes bytes,
                                      struct penstock_error *error) {
    struct decoding *decoding = &shelf->decoding;
    struct ps_decoder *decoder = NULL;
    ps_batch_free(ps_take(decoding->batch));
    PS_TRY(
        ps_decoder_open(decoding->codec, decoding->config, &decoding->schema, PS_BYTES(""), &decoder, error));
    penstock_code code = ps_batch_new(&decoding->schema, 0, &decoding->batch, error);
    const char *copy =
        code == PENSTOCK_OK ? ps_arena_copy_size(decoding->batch->arena, bytes.data, bytes.size) : "";
    if (code == PENSTOCK_OK && copy == NULL) {
        code = ps_error_memory(error, "a record");
    }
    if (code == PENSTOCK_OK) {
        const struct ps_record record = {.raw = {copy, bytes.size}};
        code = ps_decoder_decode(decoder, decoding->batch, record, error);
    }
    ps_decoder_close(decoder);
    return code;
}

static inline void shelf_expect_row(struct shelf *shelf, struct ps_bytes bytes, const char *row) {
    struct penstock_error error = {0};
    if (shelf_try(shelf, bytes, &error) != PENSTOCK_OK) {
        fail_msg("%s", error.message);
    }
    if (shelf->decoding.batch->row_count != 1) {
        fail_msg("expected %s, found: %s", row, shelf->decoding.batch->dead_letters[0].text);
    }
    assert_string_equal(decoding_row(&shelf->decoding, 0), row);
}

/* `text` is a part of the dead letter's sentence. */
static inline void shelf_expect_dead(struct shelf *shelf, struct ps_bytes bytes, enum ps_reason reason,
                                     const char *column, const char *text) {
    struct penstock_error error = {0};
    if (shelf_try(shelf, bytes, &error) != PENSTOCK_OK) {
        fail_msg("%s", error.message);
    }
    if (shelf->decoding.batch->dead_letter_count != 1) {
        fail_msg("expected '%s', found the row %s", text, decoding_row(&shelf->decoding, 0));
    }
    const struct ps_dead_letter *letter = &shelf->decoding.batch->dead_letters[0];
    if (letter->reason != reason || strstr(letter->text, text) == NULL) {
        fail_msg("expected '%s', found %s: %s", text, ps_reason_name(letter->reason), letter->text);
    }
    if (column != NULL || letter->column != NULL) {
        assert_string_equal(letter->column == NULL ? "" : letter->column, column == NULL ? "" : column);
    }
}

#endif
