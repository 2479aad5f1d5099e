/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_parts.c - Parquet files, staged and put in place, and small ones merged; see sink_parts.h.
 */
#include "connect/sink_parts.h"

#include <stdio.h>
#include <strings.h>

#include "connect/sink_disk.h"

#define STATEMENT_SIZE_MAX ((size_t)64 << 20)
#define STAGED_EXTENSION "stage"
/* Of the private engine: a merge streams, it needs room for a row group or two. */
#define ENGINE_MEMORY_MAX ((int64_t)512 << 20)
/* Orders of magnitude between one row and the target size. */
#define LEVEL_COUNT_MAX 12

void ps_part_list_init(struct ps_part_list *list, struct ps_arena *arena) {
    *list = (struct ps_part_list){.arena = arena};
}

void ps_part_list_done(struct ps_part_list *list) {
    ps_release(list->items);
    *list = (struct ps_part_list){0};
}

penstock_code ps_part_list_add(struct ps_part_list *list, const struct ps_part *part,
                               struct penstock_error *error) {
    void *items = list->items;
    PS_TRY(ps_grow(&items, &list->capacity, list->count + 1, sizeof *list->items, error));
    list->items = items;
    list->items[list->count++] = *part;
    return PENSTOCK_OK;
}

/* --- partition_by -------------------------------------------------------------------------------------------- */

static const char *find_column(const struct ps_sink_setup *setup, struct ps_bytes name) {
    for (size_t i = 0; i < setup->column_count; i++) {
        const char *column = setup->column_names[i];
        if (strlen(column) == name.size && strncasecmp(column, name.data, name.size) == 0) {
            return column;
        }
    }
    return NULL;
}

static penstock_code refuse_partition(const struct ps_sink_setup *setup, const char *sentence,
                                      const char *hint, struct penstock_error *error) {
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "sink %s: partition_by %s", setup->name, sentence);
    return ps_error_hint(error, "%s", hint);
}

penstock_code ps_parts_columns(const struct ps_sink_setup *setup, const char *partition_by,
                               struct ps_arena *arena, const char ***names_out, size_t *count_out,
                               struct penstock_error *error) {
    const char **names = ps_arena_allocate(arena, setup->column_count + 1, sizeof *names);
    size_t count = 0;
    if (names == NULL) {
        return ps_error_memory(error, "a sink");
    }
    for (const char *at = partition_by != NULL ? partition_by : ""; *at != '\0';) {
        const size_t size = strcspn(at, ",");
        struct ps_bytes name = {at + strspn(at, " "), 0};
        name.size = name.data < at + size ? size - (size_t)(name.data - at) : 0;
        while (name.size > 0 && name.data[name.size - 1] == ' ') {
            name.size--;
        }
        const char *column = find_column(setup, name);
        char sentence[200];
        if (column == NULL) {
            snprintf(sentence, sizeof sentence, "names '%.*s', which the SELECT does not give",
                     (int)name.size, name.data);
            return refuse_partition(setup, sentence, "name columns of the SELECT: partition_by = 'a, b'",
                                    error);
        }
        for (size_t i = 0; i < count; i++) {
            if (names[i] == column) {
                snprintf(sentence, sizeof sentence, "names '%s' twice", column);
                return refuse_partition(setup, sentence, "name each column once", error);
            }
        }
        names[count++] = column;
        at += size + (at[size] == ',' ? 1 : 0);
    }
    if (count > 0 && count == setup->column_count) {
        return refuse_partition(setup, "names every column: nothing would be left for the files",
                                "leave at least one column out of it", error);
    }
    *names_out = names;
    *count_out = count;
    return PENSTOCK_OK;
}

/* --- the COPY ------------------------------------------------------------------------------------------------ */

static void add_copy(struct ps_buffer *sql, const struct ps_parts_copy *copy, const char *target) {
    ps_buffer_text(sql, "COPY (");
    ps_buffer_text(sql, copy->select_sql);
    ps_buffer_text(sql, "\n) TO "); /* the line feed ends a comment */
    ps_buffer_sql_literal(sql, target);
    ps_buffer_text(sql, " (FORMAT parquet, COMPRESSION zstd");
    for (size_t i = 0; i < copy->partition_count; i++) {
        ps_buffer_text(sql, i == 0 ? ", PARTITION_BY (" : ", ");
        ps_buffer_sql_name(sql, copy->partition_names[i]);
    }
    if (copy->partition_count > 0) {
        ps_buffer_text(sql, "), FILENAME_PATTERN 'rows-{i}', FILE_EXTENSION '" STAGED_EXTENSION "'");
    } else {
        ps_buffer_text(sql, ", USE_TMP_FILE false");
    }
    ps_buffer_text(sql, ")");
}

static penstock_code run_copy(const struct ps_parts_copy *copy, struct ps_connection *connection,
                              const char *target, int64_t *row_count_out, struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    ps_buffer_init(&sql, STATEMENT_SIZE_MAX);
    add_copy(&sql, copy, target);
    PS_TRY(ps_buffer_status(&sql, error));
    PS_TRY(ps_sql_query(connection, sql.data, &result, error));
    *row_count_out = ps_result_integer(result, 0, 0);
    return PENSTOCK_OK;
}

static penstock_code count_rows(struct ps_connection *connection, struct ps_part *part,
                                struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, STATEMENT_SIZE_MAX);
    ps_buffer_text(&sql, "SELECT sum(num_rows)::BIGINT FROM parquet_file_metadata(");
    ps_buffer_sql_literal(&sql, part->staged);
    ps_buffer_text(&sql, ")");
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_integer(connection, sql.data, &part->row_count, error);
}

/* The name of a staged file once it is in place: its hive folders and the epoch's name. */
static const char *final_name(const struct ps_parts_copy *copy, const char *staged, struct ps_arena *arena) {
    const char *relative = staged + strlen(copy->stage) + 1;
    const char *name = ps_path_name(relative);
    const char *number = copy->partition_count > 0 ? name + strlen("rows-") : "0";
    const int number_size = (int)strcspn(number, ".");
    /* one file a folder is the rule: only others have their number in the name */
    return number_size == 1 && number[0] == '0'
               ? ps_arena_printf(arena, "%.*s%s.parquet", (int)(name - relative), relative, copy->name)
               : ps_arena_printf(arena, "%.*s%s-%.*s.parquet", (int)(name - relative), relative, copy->name,
                                 number_size, number);
}

static penstock_code add_staged(const struct ps_parts_copy *copy, struct ps_connection *connection,
                                const char *staged, int64_t row_count, struct ps_part_list *list,
                                struct penstock_error *error) {
    struct ps_file_info info = {0};
    struct ps_part part = {.name = final_name(copy, staged, list->arena),
                           .staged = ps_arena_copy(list->arena, staged),
                           .row_count = row_count};
    if (part.name == NULL || part.staged == NULL) {
        return ps_error_memory(error, "a sink's files");
    }
    PS_TRY(ps_disk_sync_file(staged, error));
    PS_TRY(ps_file_stat(staged, &info, error));
    part.size = info.size;
    if (copy->partition_count > 0) {
        PS_TRY(count_rows(connection, &part, error));
    }
    return ps_part_list_add(list, &part, error);
}

penstock_code ps_parts_copy(const struct ps_parts_copy *copy, struct ps_connection *connection,
                            struct ps_part_list *list, int64_t *row_count_out, struct penstock_error *error) {
    int64_t row_count = 0;
    PS_TRY(ps_disk_remove_tree(copy->stage, error));
    PS_TRY(ps_file_make_folders(copy->stage, error));
    const char *file = ps_arena_printf(list->arena, "%s/rows-0." STAGED_EXTENSION, copy->stage);
    const char *literal = ps_disk_literal(list->arena, copy->stage);
    const char *pattern =
        literal == NULL ? NULL : ps_arena_printf(list->arena, "%s/**/rows-*." STAGED_EXTENSION, literal);
    if (file == NULL || pattern == NULL) {
        return ps_error_memory(error, "a sink's files");
    }
    const bool is_partitioned = copy->partition_count > 0;
    PS_TRY(run_copy(copy, connection, is_partitioned ? copy->stage : file, &row_count, error));
    char **staged = NULL;
    size_t count = 0;
    if (is_partitioned) {
        PS_TRY(ps_file_glob(pattern, list->arena, &staged, &count, error));
    } else if (row_count > 0) {
        PS_TRY(add_staged(copy, connection, file, row_count, list, error));
    }
    for (size_t i = 0; i < count; i++) {
        PS_TRY(add_staged(copy, connection, staged[i], 0, list, error));
    }
    *row_count_out = row_count;
    return PENSTOCK_OK;
}

penstock_code ps_parts_place(const struct ps_part_list *list, const char *folder,
                             struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    const char *previous = NULL;
    if (arena == NULL) {
        return ps_error_memory(error, "a sink's files");
    }
    for (size_t i = 0; i < list->count; i++) {
        const char *target = ps_path_join(arena, folder, list->items[i].name);
        const char *parent = target == NULL ? NULL : ps_disk_parent(arena, target);
        if (parent == NULL) {
            return ps_error_memory(error, "a sink's files");
        }
        /* parts are in the order of their names: those of one folder are side by side */
        if (previous == NULL || strcmp(previous, parent) != 0) {
            PS_TRY(previous != NULL ? ps_disk_sync_folder(previous, error) : PENSTOCK_OK);
            PS_TRY(ps_disk_make_folders(parent, error));
            previous = parent;
        }
        PS_TRY(ps_disk_rename(list->items[i].staged, target, error));
    }
    return previous != NULL ? ps_disk_sync_folder(previous, error) : PENSTOCK_OK;
}

/* --- compaction ---------------------------------------------------------------------------------------------- */

/* Order of magnitude, to the base file_count, below size_target / 2: LEVEL_COUNT_MAX for what is large enough. */
static int level_of(int64_t size, int64_t file_count, int64_t size_target) {
    int64_t bound = size_target / 2;
    int level = LEVEL_COUNT_MAX;
    while (level > 0 && bound > 0 && size < bound) {
        bound /= file_count > 2 ? file_count : 2;
        level--;
    }
    return level;
}

/* The first run of files of at most this level that has enough files of this very level. */
static size_t choose_level(const int64_t *sizes, size_t count, int level, int64_t file_count,
                           int64_t size_target, size_t *first_out) {
    size_t first = 0;
    int64_t level_files = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        const int own = level_of(sizes[i], file_count, size_target);
        if (own > level) {
            first = i + 1;
            level_files = size = 0;
            continue;
        }
        level_files += own == level ? 1 : 0;
        size += sizes[i];
        if ((level_files >= file_count || (size >= size_target && level_files > 0)) && i > first) {
            *first_out = first;
            return i - first + 1;
        }
    }
    return 0;
}

size_t ps_parts_choose(const int64_t *sizes, size_t count, int64_t file_count, int64_t size_target,
                       size_t *first_out) {
    size_t chosen = 0;
    for (int level = 0; level < LEVEL_COUNT_MAX && chosen == 0 && file_count > 1; level++) {
        chosen = choose_level(sizes, count, level, file_count, size_target, first_out);
    }
    return chosen;
}

penstock_code ps_parts_merge(struct ps_connection *connection, const char *const *paths, size_t count,
                             const char *path, int64_t *row_count_out, struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    ps_buffer_init(&sql, STATEMENT_SIZE_MAX);
    ps_buffer_text(&sql, "COPY (SELECT * FROM read_parquet([");
    for (size_t i = 0; i < count; i++) {
        ps_buffer_text(&sql, i > 0 ? ", " : "");
        ps_buffer_sql_literal(&sql, paths[i]);
    }
    ps_buffer_text(&sql, "], hive_partitioning = false, union_by_name = true)) TO ");
    ps_buffer_sql_literal(&sql, path);
    ps_buffer_text(&sql, " (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)");
    PS_TRY(ps_buffer_status(&sql, error));
    PS_TRY(ps_sql_query(connection, sql.data, &result, error));
    if (row_count_out != NULL) {
        *row_count_out = ps_result_integer(result, 0, 0);
    }
    return ps_disk_sync_file(path, error);
}

penstock_code ps_parts_engine(struct ps_engine **engine, struct ps_connection **connection,
                              const char *temp_folder, struct penstock_error *error) {
    const struct ps_engine_options options = {
        .thread_count = 1, .memory_max = ENGINE_MEMORY_MAX, .temp_folder = temp_folder};
    if (*engine == NULL) {
        PS_TRY(ps_engine_open(&options, engine, error));
    }
    return *connection == NULL ? ps_connection_open(*engine, connection, error) : PENSTOCK_OK;
}
