/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_cells.h - what the tests of HBase's mapping share: columns and a mapping from text, cells from text, and a row
 * as text.
 */
#ifndef TESTS_UNIT_CONNECT_HBASE_CELLS_H
#define TESTS_UNIT_CONNECT_HBASE_CELLS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "connect/hbase_mapping.h"
#include "data/render.h"

struct scene {
    struct ps_arena *arena;
    struct ps_schema schema;
    struct ps_hbase_mapping *mapping;
    struct ps_buffer cells;
    struct ps_batch *batch;
    struct penstock_error error;
};

/* columns: "a INTEGER; b VARCHAR NOT NULL" */
static inline void scene_columns(struct scene *scene, const char *columns) {
    *scene = (struct scene){.arena = ps_arena_new(0)};
    ps_buffer_init(&scene->cells, (size_t)1 << 26);
    scene->schema.columns = ps_arena_allocate(scene->arena, 64, sizeof(struct ps_column_schema));
    char *rest = ps_arena_copy(scene->arena, columns);
    for (char *column = strsep(&rest, ";"); column != NULL; column = strsep(&rest, ";")) {
        struct ps_column_schema *const schema = &scene->schema.columns[scene->schema.column_count++];
        column += strspn(column, " ");
        schema->name = strsep(&column, " ");
        char *const not_null = strstr(column, " NOT NULL");
        schema->not_null = not_null != NULL;
        if (not_null != NULL) {
            *not_null = '\0';
        }
        schema->type_text = column;
        schema->type = ps_type_of_sql(column);
    }
}

static inline void scene_end(struct scene *scene) {
    ps_batch_free(scene->batch);
    ps_buffer_done(&scene->cells);
    ps_arena_free(scene->arena);
}

static inline penstock_code scene_try(struct scene *scene, const char *columns,
                                      const struct ps_hbase_mapping_words *words, bool is_sink) {
    scene_columns(scene, columns);
    return ps_hbase_mapping_new(words, &scene->schema, is_sink, scene->arena, &scene->mapping, &scene->error);
}

static inline void scene_begin(struct scene *scene, const char *columns, const char *mapping,
                               const char *rowkey, const char *family) {
    const struct ps_hbase_mapping_words words = {.mapping = mapping, .rowkey = rowkey, .family = family};
    if (scene_try(scene, columns, &words, false) != PENSTOCK_OK) {
        fail_msg("%s (%s)", scene->error.message, scene->error.hint);
    }
}

/* Bytes as HBase shows them. */
static inline struct ps_bytes spell(struct scene *scene, const char *text) {
    struct ps_bytes bytes;
    assert_int_equal(ps_hbase_spell(text, scene->arena, &bytes, &scene->error), PENSTOCK_OK);
    return bytes;
}

/* column: "f:speed"; bytes as HBase shows them */
static inline void scene_mark(struct scene *scene, const char *row, const char *column, int64_t timestamp,
                              uint8_t type, const char *value) {
    const char *const colon = strchr(column, ':');
    const char *const family = ps_arena_copy_size(scene->arena, column, (size_t)(colon - column));
    const struct ps_hbase_cell cell = {.row = spell(scene, row),
                                       .family = spell(scene, family),
                                       .qualifier = spell(scene, colon + 1),
                                       .timestamp = timestamp,
                                       .type = type,
                                       .value = spell(scene, value)};
    ps_hbase_cell_add(&scene->cells, &cell);
}

static inline void scene_cell(struct scene *scene, const char *row, const char *column, int64_t timestamp,
                              const char *value) {
    scene_mark(scene, row, column, timestamp, PS_HBASE_CELL_PUT, value);
}

/* Decodes the cells so far and forgets them; the batch stays until the next call. */
static inline void scene_decode(struct scene *scene) {
    struct ps_decoder *decoder = NULL;
    ps_batch_free(scene->batch);
    scene->batch = NULL;
    assert_int_equal(ps_decoder_open(&ps_codec_cells, scene->mapping, &scene->schema, PS_BYTES(""), &decoder,
                                     &scene->error),
                     PENSTOCK_OK);
    assert_int_equal(ps_batch_new(&scene->schema, 0, &scene->batch, &scene->error), PENSTOCK_OK);
    const char *const copy = ps_arena_copy_size(
        scene->arena, scene->cells.data == NULL ? "" : scene->cells.data, scene->cells.size);
    const struct ps_bytes block = {copy, scene->cells.size};
    assert_int_equal(ps_decoder_decode_block(decoder, scene->batch, block, 0, &scene->error), PENSTOCK_OK);
    ps_decoder_close(decoder);
    ps_buffer_clear(&scene->cells);
}

static inline void scene_show(const struct ps_column *column, int64_t row, struct ps_buffer *out) {
    switch (column->type) {
    case PS_TYPE_BOOLEAN: ps_buffer_text(out, ((uint8_t *)column->values)[row] ? "true" : "false"); break;
    case PS_TYPE_TINYINT: ps_render_integer(out, ((int8_t *)column->values)[row]); break;
    case PS_TYPE_SMALLINT: ps_render_integer(out, ((int16_t *)column->values)[row]); break;
    case PS_TYPE_INTEGER: ps_render_integer(out, ((int32_t *)column->values)[row]); break;
    case PS_TYPE_DATE: ps_render_date(out, ((int32_t *)column->values)[row]); break;
    case PS_TYPE_BIGINT: ps_render_integer(out, ((int64_t *)column->values)[row]); break;
    case PS_TYPE_TIMESTAMP: ps_render_timestamp(out, ((int64_t *)column->values)[row], ""); break;
    case PS_TYPE_FLOAT: ps_render_double(out, (double)((float *)column->values)[row], true, false); break;
    case PS_TYPE_DOUBLE: ps_render_double(out, ((double *)column->values)[row], false, false); break;
    case PS_TYPE_VARCHAR:
    case PS_TYPE_BLOB:
    case PS_TYPE_CAST: {
        const struct ps_bytes text = ((struct ps_bytes *)column->values)[row];
        ps_buffer_add(out, text.data, text.size);
        break;
    }
    }
}

/* "1|a|NULL", columns as SQL writes them */
static inline const char *scene_row(struct scene *scene, int64_t row) {
    struct ps_buffer out;
    if (scene->batch->dead_letter_count > 0) {
        fail_msg("%s", scene->batch->dead_letters[0].text);
    }
    assert_true(row < scene->batch->row_count);
    ps_buffer_init(&out, 1 << 20);
    for (size_t i = 0; i < scene->schema.column_count; i++) {
        const struct ps_column *const column = &scene->batch->columns[i];
        ps_buffer_text(&out, i == 0 ? "" : "|");
        if (column->is_valid != NULL && !column->is_valid[row]) {
            ps_buffer_text(&out, "NULL");
        } else {
            scene_show(column, row, &out);
        }
    }
    const char *const copy = ps_arena_copy_size(scene->arena, out.data == NULL ? "" : out.data, out.size);
    ps_buffer_done(&out);
    return copy;
}

static inline void expect_row(struct scene *scene, const char *row) {
    scene_decode(scene);
    assert_string_equal(scene_row(scene, 0), row);
    assert_int_equal(scene->batch->row_count, 1);
}

static inline void expect_dead(struct scene *scene, enum ps_reason reason, const char *column,
                               const char *text) {
    scene_decode(scene);
    assert_int_equal(scene->batch->row_count, 0);
    assert_int_equal(scene->batch->dead_letter_count, 1);
    const struct ps_dead_letter *const letter = &scene->batch->dead_letters[0];
    assert_string_equal(letter->text, text);
    assert_string_equal(ps_reason_name(letter->reason), ps_reason_name(reason));
    assert_int_equal(letter->column == NULL, column == NULL);
    if (column != NULL) {
        assert_string_equal(letter->column, column);
    }
}

#endif
