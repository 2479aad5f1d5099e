/* SPDX-License-Identifier: Apache-2.0
 *
 * feed.c - the table function penstock_feed('name'): decoded batches as the rows of a FROM.
 *
 * Values are copied from the batch's columns into DuckDB's vectors, 2048 rows at a time, only for the
 * columns that the statement uses. One thread reads a feed, so that rows keep the order of their records.
 */
#include <stdio.h>

#include "base/check.h"
#include "sql/duck.h"
#include "sql/feed.h"

struct ps_feed {
    struct ps_feed *next;
    char *name;
    struct ps_arena *arena;
    struct ps_schema schema;
    const struct ps_batch **batches; /* the array is ours, the batches are borrowed */
    size_t batch_count, batch_capacity;
};

/* State of one scan. */
struct feed_scan {
    size_t batch;
    int64_t row;
    idx_t *columns; /* of the schema, in the order of the output */
    idx_t column_count;
};

static struct ps_feed *find_feed(struct ps_engine *engine, const char *name) {
    for (struct ps_feed *feed = engine->feeds; feed != NULL; feed = feed->next) {
        if (strcmp(feed->name, name) == 0) {
            return feed;
        }
    }
    return NULL;
}

static duckdb_type type_of(enum ps_type type) {
    switch (type) {
    case PS_TYPE_BOOLEAN: return DUCKDB_TYPE_BOOLEAN;
    case PS_TYPE_TINYINT: return DUCKDB_TYPE_TINYINT;
    case PS_TYPE_SMALLINT: return DUCKDB_TYPE_SMALLINT;
    case PS_TYPE_INTEGER: return DUCKDB_TYPE_INTEGER;
    case PS_TYPE_BIGINT: return DUCKDB_TYPE_BIGINT;
    case PS_TYPE_FLOAT: return DUCKDB_TYPE_FLOAT;
    case PS_TYPE_DOUBLE: return DUCKDB_TYPE_DOUBLE;
    case PS_TYPE_DATE: return DUCKDB_TYPE_DATE;
    case PS_TYPE_TIMESTAMP: return DUCKDB_TYPE_TIMESTAMP;
    case PS_TYPE_BLOB: return DUCKDB_TYPE_BLOB;
    case PS_TYPE_VARCHAR:
    case PS_TYPE_CAST: return DUCKDB_TYPE_VARCHAR;
    }
    return DUCKDB_TYPE_VARCHAR;
}

static void bind(duckdb_bind_info info) {
    struct ps_engine *engine = duckdb_bind_get_extra_info(info);
    duckdb_value value = duckdb_bind_get_parameter(info, 0);
    char *name = duckdb_get_varchar(value);
    pthread_mutex_lock(&engine->mutex); /* tidy: allow pthread: guards the list of feeds */
    struct ps_feed *feed = name != NULL ? find_feed(engine, name) : NULL;
    pthread_mutex_unlock(&engine->mutex); /* tidy: allow pthread: guards the list of feeds */
    if (feed == NULL) {
        duckdb_bind_set_error(info, "there is no feed of this name in this process");
    } else {
        idx_t rows = 0;
        for (size_t i = 0; i < feed->batch_count; i++) {
            rows += (idx_t)feed->batches[i]->row_count;
        }
        for (size_t i = 0; i < feed->schema.column_count; i++) {
            duckdb_logical_type type = duckdb_create_logical_type(type_of(feed->schema.columns[i].type));
            duckdb_bind_add_result_column(info, feed->schema.columns[i].name, type);
            duckdb_destroy_logical_type(&type);
        }
        duckdb_bind_set_cardinality(info, rows, true);
        duckdb_bind_set_bind_data(info, feed, NULL);
    }
    duckdb_free(name);
    duckdb_destroy_value(&value);
}

static void scan_free(void *pointer) {
    struct feed_scan *scan = pointer;
    if (scan != NULL) {
        ps_release(scan->columns);
        ps_release(scan);
    }
}

static void scan_init(duckdb_init_info info) {
    struct feed_scan *scan = ps_allocate(1, sizeof *scan);
    if (scan != NULL) {
        scan->column_count = duckdb_init_get_column_count(info);
        scan->columns = ps_allocate(scan->column_count + 1, sizeof *scan->columns);
    }
    if (scan == NULL || scan->columns == NULL) {
        scan_free(scan);
        duckdb_init_set_error(info, "out of memory");
        return;
    }
    for (idx_t i = 0; i < scan->column_count; i++) {
        scan->columns[i] = duckdb_init_get_column_index(info, i);
    }
    duckdb_init_set_max_threads(info, 1);
    duckdb_init_set_init_data(info, scan, scan_free);
}

/* Texts stand where their records are, which another core has read some time ago: what is so many rows ahead of the row
 * that is copied is asked for, and memory answers meanwhile. */
#define PREFETCH_ROWS 16

/* rows [first, first + count) of one column into a vector at `target` */
static void copy_column(const struct ps_column *column, int64_t first, idx_t count, duckdb_vector vector,
                        idx_t target) {
    if (column->is_valid != NULL) {
        uint64_t *validity = NULL;
        for (idx_t i = 0; i < count; i++) {
            if (column->is_valid[first + (int64_t)i] == 0) {
                if (validity == NULL) {
                    duckdb_vector_ensure_validity_writable(vector);
                    validity = duckdb_vector_get_validity(vector);
                }
                duckdb_validity_set_row_invalid(validity, target + i);
            }
        }
    }
    if (ps_type_is_bytes(column->type)) {
        const struct ps_bytes *texts = (const struct ps_bytes *)column->values + first;
        for (idx_t i = 0; i < count; i++) {
            if (i + PREFETCH_ROWS < count) {
                __builtin_prefetch(texts[i + PREFETCH_ROWS].data);
            }
            if (column->is_valid == NULL || column->is_valid[first + (int64_t)i] != 0) {
                /* decoders have checked the UTF-8 */
                duckdb_unsafe_vector_assign_string_element_len(vector, target + i, texts[i].data,
                                                               texts[i].size);
            }
        }
        return;
    }
    const size_t size = ps_type_size(column->type);
    memcpy((char *)duckdb_vector_get_data(vector) + target * size,
           (const char *)column->values + (size_t)first * size, count * size);
}

static void scan_next(duckdb_function_info info, duckdb_data_chunk output) {
    const struct ps_feed *feed = duckdb_function_get_bind_data(info);
    struct feed_scan *scan = duckdb_function_get_init_data(info);
    const idx_t capacity = duckdb_vector_size();
    idx_t filled = 0;
    while (filled < capacity && scan->batch < feed->batch_count) {
        const struct ps_batch *batch = feed->batches[scan->batch];
        idx_t count = (idx_t)(batch->row_count - scan->row);
        if (count == 0) {
            scan->batch++;
            scan->row = 0;
            continue;
        }
        if (count > capacity - filled) {
            count = capacity - filled;
        }
        for (idx_t i = 0; i < scan->column_count; i++) {
            if (scan->columns[i] <
                feed->schema.column_count) { /* else: the row id, of which nobody reads a value */
                copy_column(&batch->columns[scan->columns[i]], scan->row, count,
                            duckdb_data_chunk_get_vector(output, i), filled);
            }
        }
        filled += count;
        scan->row += (int64_t)count;
    }
    duckdb_data_chunk_set_size(output, filled);
}

penstock_code ps_feed_register(struct ps_engine *engine, struct penstock_error *error) {
    duckdb_table_function function = duckdb_create_table_function();
    duckdb_table_function_set_name(function, "penstock_feed");
    duckdb_logical_type text = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
    duckdb_table_function_add_parameter(function, text);
    duckdb_destroy_logical_type(&text);
    duckdb_table_function_set_extra_info(function, engine, NULL);
    duckdb_table_function_set_bind(function, bind);
    duckdb_table_function_set_init(function, scan_init);
    duckdb_table_function_set_function(function, scan_next);
    duckdb_table_function_supports_projection_pushdown(function, true);
    const duckdb_state state = duckdb_register_table_function(engine->control, function);
    duckdb_destroy_table_function(&function);
    if (state != DuckDBSuccess) {
        return ps_error_set(error, PENSTOCK_INTERNAL, "DuckDB does not take the function penstock_feed");
    }
    return PENSTOCK_OK;
}

static void feed_free(struct ps_feed *feed) {
    if (feed != NULL) {
        ps_release(feed->name);
        ps_release(feed->batches);
        ps_arena_free(feed->arena);
        ps_release(feed);
    }
}

static void feed_free_scoped(struct ps_feed **feed) {
    feed_free(*feed);
}

void ps_feed_free_all(struct ps_engine *engine) {
    while (engine->feeds != NULL) {
        struct ps_feed *feed = engine->feeds;
        engine->feeds = feed->next;
        feed_free(feed);
    }
}

penstock_code ps_feed_declare(struct ps_engine *engine, const char *name, const struct ps_schema *schema,
                              struct penstock_error *error) {
    ps_check(find_feed(engine, name) == NULL);
    struct ps_feed *feed PS_SCOPED(feed_free_scoped) = ps_allocate(1, sizeof *feed);
    if (feed == NULL || (feed->arena = ps_arena_new(0)) == NULL ||
        (feed->name = ps_duplicate(name)) == NULL) {
        return ps_error_memory(error, "a feed");
    }
    feed->schema.columns = ps_arena_allocate(feed->arena, schema->column_count + 1, sizeof *schema->columns);
    if (feed->schema.columns == NULL) {
        return ps_error_memory(error, "a feed");
    }
    for (size_t i = 0; i < schema->column_count; i++) {
        feed->schema.columns[i] = schema->columns[i];
        feed->schema.columns[i].name = ps_arena_copy(feed->arena, schema->columns[i].name);
        feed->schema.columns[i].type_text = ps_arena_copy(feed->arena, schema->columns[i].type_text);
        if (feed->schema.columns[i].name == NULL) {
            return ps_error_memory(error, "a feed");
        }
    }
    feed->schema.column_count = schema->column_count;
    pthread_mutex_lock(&engine->mutex); /* tidy: allow pthread: guards the list of feeds */
    feed->next = engine->feeds;
    engine->feeds = ps_take(feed);
    pthread_mutex_unlock(&engine->mutex); /* tidy: allow pthread: guards the list of feeds */
    return PENSTOCK_OK;
}

penstock_code ps_feed_put(struct ps_engine *engine, const char *name, const struct ps_batch *const *batches,
                          size_t batch_count, struct penstock_error *error) {
    struct ps_feed *feed = find_feed(engine, name);
    ps_check(feed != NULL);
    void *items = feed->batches;
    PS_TRY(ps_grow(&items, &feed->batch_capacity, feed->batch_count + batch_count, sizeof *feed->batches,
                   error));
    feed->batches = items;
    for (size_t i = 0; i < batch_count; i++) {
        ps_check(batches[i]->schema->column_count == feed->schema.column_count);
        feed->batches[feed->batch_count++] = batches[i];
    }
    return PENSTOCK_OK;
}

void ps_feed_clear(struct ps_engine *engine, const char *name) {
    struct ps_feed *feed = find_feed(engine, name);
    if (feed != NULL) {
        feed->batch_count = 0;
    }
}
