/* SPDX-License-Identifier: Apache-2.0
 *
 * dataset_parquet.c - the single files of a dataset: written beside their place, synced, renamed.
 *
 * The name beside it is hidden and made of the file's own name, so that what a kill has left is found again, and
 * overwritten, by the next making.
 */
#include <stdio.h>
#include <strings.h>

#include "connect/dataset_files.h"
#include "connect/sink_disk.h"

#define STATEMENT_SIZE_MAX ((size_t)64 << 20)

/* Paths of a file: where it belongs, its folder, and where it is written. In the arena. */
struct paths {
    const char *target, *folder, *stage;
};

static penstock_code make_paths(const struct ps_dataset_place *place, struct ps_arena *arena,
                                struct paths *paths_out, struct penstock_error *error) {
    paths_out->target = arena == NULL ? NULL : ps_path_join(arena, place->folder, place->path);
    paths_out->folder = paths_out->target == NULL ? NULL : ps_disk_parent(arena, paths_out->target);
    paths_out->stage =
        paths_out->folder == NULL
            ? NULL
            : ps_arena_printf(arena, "%s/.%s.penstock", paths_out->folder, ps_path_name(paths_out->target));
    return paths_out->stage != NULL ? PENSTOCK_OK : ps_error_memory(error, "a dataset's files");
}

bool ps_dataset_file_is_there(const struct ps_dataset_place *place) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct paths paths;
    return make_paths(place, arena, &paths, NULL) == PENSTOCK_OK && ps_file_exists(paths.target);
}

penstock_code ps_dataset_file_check(const struct ps_dataset_place *place, bool is_ours,
                                    struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct paths paths;
    struct ps_file_info info = {0};
    PS_TRY(make_paths(place, arena, &paths, error));
    if (!ps_file_exists(paths.target)) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_file_stat(paths.target, &info, error));
    if (info.is_directory || !info.is_regular) {
        (void)ps_error_set(error, PENSTOCK_ALREADY_EXISTS, "'%s' is a %s, not a file", place->path,
                           info.is_directory ? "folder" : "device");
        return ps_error_hint(error, "name a file: '%s/rows.parquet'", place->path);
    }
    if (is_ours || place->may_replace) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_ALREADY_EXISTS,
                       "'%s' is there already, and this dataset of this store did not make it", place->path);
    return ps_error_hint(error, "move it away, or say on_existing = 'replace' in WITH");
}

/* DuckDB writes integers of 128 bits as DOUBLE, which has 53: they become decimals. */
static void add_select(const struct ps_dataset_place *place, const char *select_sql, struct ps_buffer *sql) {
    ps_buffer_text(sql, "SELECT ");
    for (size_t i = 0; i < place->column_count; i++) {
        const char *type = place->column_types[i];
        const bool is_wide = strcmp(type, "HUGEINT") == 0 || strcmp(type, "UHUGEINT") == 0;
        ps_buffer_text(sql, i > 0 ? ", " : "");
        ps_buffer_sql_name(sql, place->column_names[i]);
        if (is_wide) {
            ps_buffer_text(sql, "::DECIMAL(38, 0) AS ");
            ps_buffer_sql_name(sql, place->column_names[i]);
        }
    }
    ps_buffer_printf(sql, " FROM (%s\n)", select_sql);
}

penstock_code ps_dataset_parquet_write(const struct ps_dataset_place *place, struct ps_connection *connection,
                                       const char *select_sql, int64_t *row_count_out, int64_t *size_out,
                                       struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    struct ps_file_info info = {0};
    struct paths paths;
    ps_buffer_init(&sql, STATEMENT_SIZE_MAX);
    PS_TRY(make_paths(place, arena, &paths, error));
    PS_TRY(ps_disk_make_folders(paths.folder, error));
    ps_buffer_text(&sql, "COPY (");
    add_select(place, select_sql, &sql);
    ps_buffer_text(&sql, ") TO ");
    ps_buffer_sql_literal(&sql, paths.stage);
    ps_buffer_text(&sql, " (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)");
    PS_TRY(ps_buffer_status(&sql, error));
    if (ps_sql_query(connection, sql.data, &result, error) != PENSTOCK_OK) {
        ps_dataset_parquet_discard(place);
        return ps_error_context(error, "write '%s'", place->path);
    }
    PS_TRY(ps_disk_sync_file(paths.stage, error));
    PS_TRY(ps_file_stat(paths.stage, &info, error));
    *row_count_out = ps_result_integer(result, 0, 0);
    *size_out = info.size;
    return PENSTOCK_OK;
}

penstock_code ps_dataset_parquet_put(const struct ps_dataset_place *place, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct paths paths;
    PS_TRY(make_paths(place, arena, &paths, error));
    PS_TRY(ps_disk_rename(paths.stage, paths.target, error));
    return ps_disk_sync_folder(paths.folder, error);
}

void ps_dataset_parquet_discard(const struct ps_dataset_place *place) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct paths paths;
    struct penstock_error ignored;
    if (make_paths(place, arena, &paths, NULL) == PENSTOCK_OK) {
        (void)!ps_disk_remove(paths.stage, &ignored);
    }
}

penstock_code ps_dataset_file_put(const struct ps_dataset_place *place, const char *data, size_t size,
                                  struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct paths paths;
    PS_TRY(make_paths(place, arena, &paths, error));
    PS_TRY(ps_disk_make_folders(paths.folder, error));
    return ps_file_replace(paths.target, data, size, error);
}
