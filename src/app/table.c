/* SPDX-License-Identifier: Apache-2.0
 *
 * table.c - tables of text. A table lives in one arena together with its cells, so that freeing it is one call.
 */
#include "app/table.h"

#include "base/limits.h"

void ps_text_table_free(struct ps_text_table *table) {
    if (table != NULL) {
        ps_arena_free(table->arena);
    }
}

void ps_text_table_drop(struct ps_text_table **table) {
    ps_text_table_free(*table);
}

static const char **copy_texts(struct ps_arena *arena, const char *const *texts, size_t count) {
    const char **copies = ps_arena_allocate(arena, count + 1, sizeof *copies);
    for (size_t i = 0; copies != NULL && i < count; i++) {
        copies[i] = ps_arena_copy(arena, texts[i]);
        copies = copies[i] == NULL ? NULL : copies;
    }
    return copies;
}

penstock_code ps_text_table_begin(struct ps_text_table_builder *builder, const char *const *names,
                                  const char *const *types, size_t column_count,
                                  struct penstock_error *error) {
    struct ps_arena *arena = ps_arena_new(0);
    struct ps_text_table *table = arena == NULL ? NULL : ps_arena_allocate(arena, 1, sizeof *table);
    if (table != NULL) {
        table->arena = arena;
        table->column_count = column_count;
        table->names = copy_texts(arena, names, column_count);
        table->types = copy_texts(arena, types, column_count);
    }
    if (table == NULL || table->names == NULL || table->types == NULL) {
        ps_arena_free(arena);
        return ps_error_memory(error, "table");
    }
    *builder = (struct ps_text_table_builder){.table = table};
    return PENSTOCK_OK;
}

penstock_code ps_text_table_row(struct ps_text_table_builder *builder, const char *const *cells,
                                struct penstock_error *error) {
    struct ps_text_table *table = builder->table;
    void *grown = builder->cells;
    PS_TRY(ps_grow(&grown, &builder->capacity, builder->count + table->column_count, sizeof *builder->cells,
                   error));
    builder->cells = grown;
    for (size_t i = 0; i < table->column_count; i++) {
        const char *copy = cells[i] == NULL ? NULL : ps_arena_copy(table->arena, cells[i]);
        if (cells[i] != NULL && copy == NULL) {
            return ps_error_memory(error, "table");
        }
        builder->cells[builder->count + i] = copy;
    }
    builder->count += table->column_count;
    table->row_count++;
    return PENSTOCK_OK;
}

penstock_code ps_text_table_end(struct ps_text_table_builder *builder, struct ps_text_table **table_out,
                                struct penstock_error *error) {
    struct ps_text_table *table = builder->table;
    table->cells = ps_arena_allocate(table->arena, builder->count + 1, sizeof *table->cells);
    if (table->cells == NULL) {
        return ps_error_memory(error, "table");
    }
    if (builder->count > 0) {
        memcpy(table->cells, builder->cells, builder->count * sizeof *table->cells);
    }
    *table_out = ps_take(builder->table);
    return PENSTOCK_OK;
}

void ps_text_table_builder_done(struct ps_text_table_builder *builder) {
    ps_text_table_free(builder->table);
    ps_release(builder->cells);
    *builder = (struct ps_text_table_builder){0};
}

penstock_code ps_text_table_of_result(const struct ps_result *result, struct ps_text_table **table_out,
                                      struct penstock_error *error) {
    const int64_t column_count = ps_result_column_count(result);
    const char *texts[2][PS_LIMIT_COLUMN_COUNT];
    if (column_count > PS_LIMIT_COLUMN_COUNT) {
        return ps_error_set(error, PENSTOCK_UNSUPPORTED, "the result has %lld columns, the limit is %d",
                            (long long)column_count, PS_LIMIT_COLUMN_COUNT);
    }
    for (int64_t i = 0; i < column_count; i++) {
        texts[0][i] = ps_result_name(result, i);
        texts[1][i] = ps_result_type(result, i);
    }
    struct ps_text_table_builder builder PS_SCOPED(ps_text_table_builder_done) = {0};
    PS_TRY(ps_text_table_begin(&builder, texts[0], texts[1], (size_t)column_count, error));
    for (int64_t row = 0; row < ps_result_row_count(result); row++) {
        for (int64_t i = 0; i < column_count; i++) {
            texts[0][i] = ps_result_text(result, row, i);
        }
        PS_TRY(ps_text_table_row(&builder, texts[0], error));
    }
    return ps_text_table_end(&builder, table_out, error);
}

void ps_text_table_to_json(const struct ps_text_table *table, yyjson_mut_doc *document,
                           yyjson_mut_val *object) {
    yyjson_mut_val *names = yyjson_mut_obj_add_arr(document, object, "names");
    yyjson_mut_val *types = yyjson_mut_obj_add_arr(document, object, "types");
    for (size_t i = 0; i < table->column_count; i++) {
        (void)yyjson_mut_arr_add_str(document, names, table->names[i]);
        (void)yyjson_mut_arr_add_str(document, types, table->types[i]);
    }
    yyjson_mut_val *rows = yyjson_mut_obj_add_arr(document, object, "rows");
    for (int64_t row = 0; row < table->row_count; row++) {
        yyjson_mut_val *cells = yyjson_mut_arr_add_arr(document, rows);
        for (size_t i = 0; i < table->column_count; i++) {
            const char *cell = table->cells[(size_t)row * table->column_count + i];
            (void)yyjson_mut_arr_append(cells, cell == NULL ? yyjson_mut_null(document)
                                                            : yyjson_mut_str(document, cell));
        }
    }
}

/* Texts of a JSON array into `texts` (count of them); null gives NULL. False if it is not such an array. */
static bool read_texts(yyjson_val *array, const char **texts, size_t count) {
    if (yyjson_arr_size(array) != count) {
        return false;
    }
    yyjson_arr_iter items = yyjson_arr_iter_with(array);
    for (size_t i = 0; i < count; i++) {
        yyjson_val *item = yyjson_arr_iter_next(&items);
        texts[i] = yyjson_get_str(item);
        if (texts[i] == NULL && !yyjson_is_null(item)) {
            return false;
        }
    }
    return true;
}

static penstock_code no_table(struct penstock_error *error) {
    return ps_error_set(error, PENSTOCK_INTERNAL,
                        "the running process answered with something that is no table");
}

penstock_code ps_text_table_of_json(yyjson_val *object, struct ps_text_table **table_out,
                                    struct penstock_error *error) {
    yyjson_val *names = yyjson_obj_get(object, "names");
    yyjson_val *rows = yyjson_obj_get(object, "rows");
    const size_t column_count = yyjson_arr_size(names);
    const char *texts[2][PS_LIMIT_COLUMN_COUNT];
    if (!yyjson_is_arr(names) || !yyjson_is_arr(rows) || column_count > PS_LIMIT_COLUMN_COUNT ||
        !read_texts(names, texts[0], column_count) ||
        !read_texts(yyjson_obj_get(object, "types"), texts[1], column_count)) {
        return no_table(error);
    }
    struct ps_text_table_builder builder PS_SCOPED(ps_text_table_builder_done) = {0};
    PS_TRY(ps_text_table_begin(&builder, texts[0], texts[1], column_count, error));
    yyjson_arr_iter items = yyjson_arr_iter_with(rows);
    for (yyjson_val *row = yyjson_arr_iter_next(&items); row != NULL; row = yyjson_arr_iter_next(&items)) {
        if (!read_texts(row, texts[0], column_count)) {
            return no_table(error);
        }
        PS_TRY(ps_text_table_row(&builder, texts[0], error));
    }
    return ps_text_table_end(&builder, table_out, error);
}
