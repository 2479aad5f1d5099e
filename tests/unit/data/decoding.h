/* SPDX-License-Identifier: Apache-2.0
 *
 * decoding.h - what the codec tests share: a schema from text, a block decoded, and a row shown as text.
 */
#ifndef TESTS_UNIT_DATA_DECODING_H
#define TESTS_UNIT_DATA_DECODING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "data/codec.h"

struct decoding {
    struct ps_arena *arena;
    struct ps_schema schema;
    const struct ps_codec_type *codec;
    void *config;
    struct ps_batch *batch;
};

/* columns: "a INTEGER, b VARCHAR NOT NULL"; options: "name=value", NULL-terminated, or NULL */
static inline void decoding_begin(struct decoding *decoding, const char *codec, const char *columns,
                                  const char *const *options) {
    struct penstock_error error;
    *decoding = (struct decoding){.arena = ps_arena_new(0), .codec = ps_codec_find(codec)};
    decoding->schema.columns = ps_arena_allocate(decoding->arena, 64, sizeof(struct ps_column_schema));
    char *rest = ps_arena_copy(decoding->arena, columns);
    for (char *column = strsep(&rest, ";"); column != NULL; column = strsep(&rest, ";")) {
        struct ps_column_schema *schema = &decoding->schema.columns[decoding->schema.column_count++];
        column += strspn(column, " ");
        schema->name = strsep(&column, " ");
        char *not_null = strstr(column, " NOT NULL");
        schema->not_null = not_null != NULL;
        if (not_null != NULL) {
            *not_null = '\0';
        }
        schema->type_text = column;
        schema->type = ps_type_of_sql(column);
    }
    decoding->config = ps_arena_allocate(decoding->arena, 1, decoding->codec->config_size);
    assert_int_equal(ps_option_defaults(decoding->codec->options, decoding->config, decoding->arena, &error),
                     PENSTOCK_OK);
    for (size_t i = 0; options != NULL && options[i] != NULL; i++) {
        char *name = ps_arena_copy(decoding->arena, options[i]);
        char *value = strchr(name, '=');
        *value = '\0';
        assert_int_equal(ps_option_set(decoding->codec->options, decoding->config, name, value + 1,
                                       decoding->arena, &error),
                         PENSTOCK_OK);
    }
}

static inline penstock_code decoding_try(struct decoding *decoding, const char *header, const char *data,
                                         size_t size, struct penstock_error *error) {
    struct ps_decoder *decoder = NULL;
    ps_batch_free(decoding->batch);
    decoding->batch = NULL;
    PS_TRY(ps_decoder_open(decoding->codec, decoding->config, &decoding->schema, ps_bytes_of(header),
                           &decoder, error));
    assert_int_equal(ps_batch_new(&decoding->schema, 0, &decoding->batch, error), PENSTOCK_OK);
    const penstock_code code =
        ps_decoder_decode_block(decoder, decoding->batch, (struct ps_bytes){data, size}, 0, error);
    ps_decoder_close(decoder);
    assert_int_equal(decoding->batch->record_count,
                     decoding->batch->row_count + (int64_t)decoding->batch->dead_letter_count);
    return code;
}

static inline void decoding_run(struct decoding *decoding, const char *header, const char *data) {
    struct penstock_error error = {0};
    if (decoding_try(decoding, header, data, strlen(data), &error) != PENSTOCK_OK) {
        fail_msg("%s", error.message);
    }
}

static inline void decoding_end(struct decoding *decoding) {
    ps_batch_free(decoding->batch);
    ps_arena_free(decoding->arena);
}

static inline void show_value(const struct ps_column *column, int64_t row, struct ps_buffer *out) {
    switch (column->type) {
    case PS_TYPE_BOOLEAN: ps_buffer_text(out, ((uint8_t *)column->values)[row] ? "true" : "false"); break;
    case PS_TYPE_TINYINT: ps_buffer_printf(out, "%d", ((int8_t *)column->values)[row]); break;
    case PS_TYPE_SMALLINT: ps_buffer_printf(out, "%d", ((int16_t *)column->values)[row]); break;
    case PS_TYPE_INTEGER:
    case PS_TYPE_DATE: ps_buffer_printf(out, "%d", ((int32_t *)column->values)[row]); break;
    case PS_TYPE_BIGINT:
    case PS_TYPE_TIMESTAMP: ps_buffer_printf(out, "%lld", (long long)((int64_t *)column->values)[row]); break;
    case PS_TYPE_FLOAT: ps_buffer_printf(out, "%.9g", (double)((float *)column->values)[row]); break;
    case PS_TYPE_DOUBLE: ps_buffer_printf(out, "%.17g", ((double *)column->values)[row]); break;
    case PS_TYPE_VARCHAR:
    case PS_TYPE_BLOB:
    case PS_TYPE_CAST: {
        const struct ps_bytes text = ((struct ps_bytes *)column->values)[row];
        ps_buffer_add(out, "'", 1);
        ps_buffer_add(out, text.data, text.size);
        ps_buffer_add(out, "'", 1);
        break;
    }
    }
}

/* "1|'a'|NULL" of row `row` */
static inline const char *decoding_row(struct decoding *decoding, int64_t row) {
    struct ps_buffer out;
    assert_true(row < decoding->batch->row_count);
    ps_buffer_init(&out, 1 << 20);
    for (size_t i = 0; i < decoding->schema.column_count; i++) {
        const struct ps_column *column = &decoding->batch->columns[i];
        ps_buffer_text(&out, i == 0 ? "" : "|");
        if (column->is_valid != NULL && !column->is_valid[row]) {
            ps_buffer_text(&out, "NULL");
        } else {
            show_value(column, row, &out);
        }
    }
    const char *copy = ps_arena_copy(decoding->arena, out.data == NULL ? "" : out.data);
    ps_buffer_done(&out);
    return copy;
}

/* The only record of the block is this row. */
static inline void expect_row(struct decoding *decoding, const char *header, const char *data,
                              const char *row) {
    decoding_run(decoding, header, data);
    if (decoding->batch->dead_letter_count > 0) {
        fail_msg("%s: %s", data, decoding->batch->dead_letters[0].text);
    }
    assert_int_equal(decoding->batch->row_count, 1);
    assert_string_equal(decoding_row(decoding, 0), row);
}

/* The only record of the block is this dead letter; `text` is a part of its sentence. */
static inline void expect_dead(struct decoding *decoding, const char *header, const char *data,
                               enum ps_reason reason, const char *column, const char *text) {
    decoding_run(decoding, header, data);
    if (decoding->batch->row_count > 0) {
        fail_msg("%s gave the row %s", data, decoding_row(decoding, 0));
    }
    assert_int_equal(decoding->batch->dead_letter_count, 1);
    const struct ps_dead_letter *letter = &decoding->batch->dead_letters[0];
    if (letter->reason != reason || strstr(letter->text, text) == NULL) {
        fail_msg("%s: %s: %s", data, ps_reason_name(letter->reason), letter->text);
    }
    assert_true((column == NULL) == (letter->column == NULL));
    if (column != NULL) {
        assert_string_equal(letter->column, column);
    }
}

#endif
