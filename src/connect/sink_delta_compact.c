/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_delta_compact.c - small files of ours merged into larger ones, as Delta's own OPTIMIZE does it.
 *
 * One commit with dataChange = false: the inputs removed, the merged file added; readers see the same rows before and
 * after. Only files that this sink has written are touched, and when another writer removes one of them meanwhile, the
 * merge is forgotten. The inputs stay on the disk until their retention is over.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "connect/sink_delta.h"
#include "connect/sink_disk.h"

/* Between two epochs: the rest waits for the next. */
#define MERGES_MAX 4

/* Columns of the query below. */
enum { COLUMN_PATH, COLUMN_SIZE, COLUMN_FOLDER, COLUMN_VALUES };

struct merge {
    const struct ps_result *files;
    int64_t first, count; /* rows of it */
};

static penstock_code query_files(const struct ps_delta_sink *sink, struct ps_result **files_out,
                                 struct penstock_error *error) {
    return ps_sql_queryf(sink->connection, files_out, error,
                         "SELECT path, size, path[1:len(path) - len(parse_filename(path))] AS folder,"
                         " to_json(partitionValues)::VARCHAR FROM delta_files WHERE parse_filename(path) LIKE"
                         " 'part-%%-%s%%.parquet' ORDER BY folder, path",
                         sink->tag);
}

static penstock_code choose(const struct ps_delta_sink *sink, struct ps_arena *arena, struct merge *merge,
                            struct penstock_error *error) {
    const int64_t count = ps_result_row_count(merge->files);
    int64_t *sizes = ps_arena_allocate(arena, (size_t)count + 1, sizeof *sizes);
    if (sizes == NULL) {
        return ps_error_memory(error, "a merge");
    }
    for (int64_t begin = 0, end = 0; begin < count && merge->count == 0; begin = end) {
        const char *folder = ps_result_text(merge->files, begin, COLUMN_FOLDER);
        for (end = begin;
             end < count && strcmp(ps_result_text(merge->files, end, COLUMN_FOLDER), folder) == 0; end++) {
            sizes[end] = ps_result_integer(merge->files, end, COLUMN_SIZE);
        }
        size_t first = 0;
        merge->count =
            (int64_t)ps_parts_choose(sizes + begin, (size_t)(end - begin), sink->config.compact_files,
                                     sink->config.target_file_size, &first);
        merge->first = begin + (int64_t)first;
    }
    return PENSTOCK_OK;
}

/* Writes the merged file and puts it in place; it is the only part of the list. */
static penstock_code write_merged(struct ps_delta_sink *sink, const struct merge *merge,
                                  struct ps_part_list *parts, struct penstock_error *error) {
    struct ps_arena *arena = parts->arena;
    const char **paths = ps_arena_allocate(arena, (size_t)merge->count + 1, sizeof *paths);
    const char *first = ps_delta_file_name(ps_result_text(merge->files, merge->first, COLUMN_PATH), arena);
    struct ps_part part = {.staged = ps_arena_printf(arena, "%s/merged", sink->stage)};
    struct ps_file_info info = {0};
    if (paths == NULL || first == NULL || part.staged == NULL) {
        return ps_error_memory(error, "a merge");
    }
    for (int64_t i = 0; i < merge->count; i++) {
        const char *name =
            ps_delta_file_name(ps_result_text(merge->files, merge->first + i, COLUMN_PATH), arena);
        paths[i] = name == NULL ? NULL : ps_path_join(arena, sink->folder, name);
        if (paths[i] == NULL) {
            return ps_error_memory(error, "a merge");
        }
    }
    /* "day=1/part-000000000007": the first epoch in it, so that the order of names stays that of epochs */
    const int stem = (int)(ps_path_name(first) - first) + (int)strlen("part-000000000007");
    part.name = ps_arena_printf(arena, "%.*s-%" PRId64 "-%s-merged%" PRId64 ".parquet", stem, first,
                                sink->epoch.attempt, sink->tag, sink->version + 1);
    if (part.name == NULL) {
        return ps_error_memory(error, "a merge");
    }
    PS_TRY(ps_file_make_folders(sink->stage, error));
    PS_TRY(
        ps_parts_merge(sink->connection, paths, (size_t)merge->count, part.staged, &part.row_count, error));
    PS_TRY(ps_file_stat(part.staged, &info, error));
    part.size = info.size;
    return ps_part_list_add(parts, &part, error);
}

static penstock_code add_actions(struct ps_delta_sink *sink, const struct merge *merge,
                                 const struct ps_part_list *parts, struct ps_buffer *out,
                                 struct penstock_error *error) {
    for (int64_t i = merge->first; i < merge->first + merge->count; i++) {
        const char *path = ps_result_text(merge->files, i, COLUMN_PATH);
        ps_delta_add_remove(out, path, ps_result_text(merge->files, i, COLUMN_VALUES),
                            ps_result_integer(merge->files, i, COLUMN_SIZE), false);
    }
    return ps_delta_stats_add(sink, sink->connection, parts, false, out, error);
}

static bool is_input(const struct merge *merge, const char *path) {
    for (int64_t i = merge->first; i < merge->first + merge->count; i++) {
        if (strcmp(ps_result_text(merge->files, i, COLUMN_PATH), path) == 0) {
            return true;
        }
    }
    return false;
}

/* Commits; when somebody else has removed an input, the merged file is removed instead. */
static penstock_code commit_merge(struct ps_delta_sink *sink, const struct merge *merge,
                                  const struct ps_buffer *actions, const char *merged_path,
                                  struct ps_arena *arena, struct penstock_error *error) {
    struct ps_delta_others others = {.arena = arena};
    const struct ps_delta_commit commit = {.operation = "OPTIMIZE",
                                           .parameters = "{\"predicate\":\"[]\"}",
                                           .actions = actions->data,
                                           .actions_size = actions->size,
                                           .others = &others};
    penstock_code code = ps_delta_log_commit(sink, &commit, NULL, error);
    while (code == PENSTOCK_BUSY && others.removed_count > 0) {
        bool is_gone = false;
        for (size_t i = 0; i < others.removed_count; i++) {
            is_gone = is_gone || is_input(merge, others.removed[i]);
        }
        others.removed_count = 0;
        if (is_gone) {
            code = ps_disk_remove(merged_path, error);
            break;
        }
        code = ps_delta_log_commit(sink, &commit, NULL, error);
    }
    ps_release((void *)(uintptr_t)others.removed);
    return code;
}

static penstock_code merge_once(struct ps_delta_sink *sink, const struct merge *merge, struct ps_arena *arena,
                                struct penstock_error *error) {
    struct ps_part_list parts PS_SCOPED(ps_part_list_done) = {.arena = arena};
    struct ps_buffer actions PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&actions, PS_DELTA_COMMIT_SIZE_MAX);
    PS_TRY(write_merged(sink, merge, &parts, error));
    PS_TRY(add_actions(sink, merge, &parts, &actions, error));
    PS_TRY(ps_parts_place(&parts, sink->folder, error));
    const char *merged_path = ps_path_join(arena, sink->folder, parts.items[0].name);
    if (merged_path == NULL) {
        return ps_error_memory(error, "a merge");
    }
    return commit_merge(sink, merge, &actions, merged_path, arena, error);
}

penstock_code ps_delta_compact(struct ps_delta_sink *sink, struct penstock_error *error) {
    if (sink->config.compact_files < 2 || sink->added_count < sink->config.compact_files) {
        return PENSTOCK_OK;
    }
    for (int i = 0; i < MERGES_MAX; i++) {
        struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
        struct ps_result *files PS_SCOPED(ps_result_free_scoped) = NULL;
        bool is_table = false;
        if (arena == NULL) {
            return ps_error_memory(error, "a merge");
        }
        PS_TRY(ps_delta_state_load(sink, &is_table, error));
        PS_TRY(query_files(sink, &files, error));
        struct merge merge = {.files = files};
        PS_TRY(choose(sink, arena, &merge, error));
        if (merge.count == 0) {
            sink->added_count = 0;
            return PENSTOCK_OK;
        }
        const penstock_code code = merge_once(sink, &merge, arena, error);
        if (code != PENSTOCK_OK) {
            return ps_error_context(error, "sink %s: merge small files of %s", sink->setup->name,
                                    sink->folder);
        }
    }
    return PENSTOCK_OK;
}
