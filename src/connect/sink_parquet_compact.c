/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_parquet_compact.c - small Parquet files merged into larger ones.
 *
 * Neighbours in the order of epochs, within one partition folder. The merged file is staged, put in place, and counts
 * once the manifest names it instead of its inputs, which are removed after that: at every moment the manifest is
 * right.
 */
#include <inttypes.h>

#include "connect/sink_disk.h"
#include "connect/sink_parquet.h"

/* Between two epochs: the rest waits for the next. */
#define MERGES_MAX 4

/* A file's place in the order (folder, epoch). */
struct place {
    const char *name;
    size_t folder_size, index;
};

static int compare_places(const void *left, const void *right) {
    const struct place *a = left, *b = right;
    const size_t size = a->folder_size < b->folder_size ? a->folder_size : b->folder_size;
    const int order = memcmp(a->name, b->name, size);
    if (order != 0 || a->folder_size != b->folder_size) {
        return order != 0 ? order : a->folder_size < b->folder_size ? -1 : 1;
    }
    return a->index < b->index ? -1 : a->index > b->index ? 1 : 0;
}

static bool is_same_folder(const struct place *a, const struct place *b) {
    return a->folder_size == b->folder_size && memcmp(a->name, b->name, a->folder_size) == 0;
}

/* The places of files to merge: *chosen_out of them from *first_out. */
static penstock_code choose(const struct ps_parquet_sink *sink, struct ps_arena *arena,
                            struct place **first_out, size_t *chosen_out, struct penstock_error *error) {
    const struct ps_parquet_files *files = &sink->files;
    struct place *places = ps_arena_allocate(arena, files->count + 1, sizeof *places);
    int64_t *sizes = ps_arena_allocate(arena, files->count + 1, sizeof *sizes);
    if (places == NULL || sizes == NULL) {
        return ps_error_memory(error, "a sink's files");
    }
    for (size_t i = 0; i < files->count; i++) {
        const char *name = files->items[i].name;
        places[i] = (struct place){name, (size_t)(ps_path_name(name) - name), i};
    }
    qsort(places, files->count, sizeof *places, compare_places);
    for (size_t begin = 0, end = 0; begin < files->count && *chosen_out == 0; begin = end) {
        size_t first = 0;
        for (end = begin; end < files->count && is_same_folder(&places[begin], &places[end]); end++) {
            sizes[end] = files->items[places[end].index].size;
        }
        *chosen_out = ps_parts_choose(sizes + begin, end - begin, sink->config.compact_files,
                                      sink->config.target_file_size, &first);
        *first_out = &places[begin + first];
    }
    return PENSTOCK_OK;
}

/* Writes the merged file, staged and in place. *file_out without its name. */
static penstock_code merge(struct ps_parquet_sink *sink, const struct place *places, size_t count,
                           struct ps_arena *arena, const char **name_out, struct ps_parquet_file *file_out,
                           struct penstock_error *error) {
    const char **paths = ps_arena_allocate(arena, count + 1, sizeof *paths);
    const struct ps_parquet_file *first = &sink->files.items[places[0].index];
    const struct ps_parquet_file *last = &sink->files.items[places[count - 1].index];
    struct ps_parquet_file file = {.epoch_first = first->epoch_first, .epoch_last = last->epoch_last};
    const char *name = ps_arena_printf(arena, "%.*spart-%012" PRId64 "-%" PRId64 "-to%" PRId64 ".parquet",
                                       (int)places[0].folder_size, places[0].name, file.epoch_first,
                                       sink->epoch.attempt, file.epoch_last);
    const char *staged = ps_arena_printf(arena, "%s/merged", sink->stage);
    const char *target = name == NULL ? NULL : ps_path_join(arena, sink->folder, name);
    const char *parent = target == NULL ? NULL : ps_disk_parent(arena, target);
    struct ps_file_info info = {0};
    if (paths == NULL || staged == NULL || parent == NULL) {
        return ps_error_memory(error, "a sink's files");
    }
    for (size_t i = 0; i < count; i++) {
        paths[i] = ps_path_join(arena, sink->folder, places[i].name);
        if (paths[i] == NULL) {
            return ps_error_memory(error, "a sink's files");
        }
    }
    PS_TRY(ps_file_make_folders(sink->stage, error));
    PS_TRY(ps_parts_engine(&sink->engine, &sink->connection, sink->stage, error));
    PS_TRY(ps_parts_merge(sink->connection, paths, count, staged, &file.row_count, error));
    PS_TRY(ps_file_stat(staged, &info, error));
    file.size = info.size;
    PS_TRY(ps_disk_rename(staged, target, error));
    PS_TRY(ps_disk_sync_folder(parent, error));
    *name_out = name;
    *file_out = file;
    return PENSTOCK_OK;
}

/* The files with the merged one in the place of the first of its inputs. */
static penstock_code replace(const struct ps_parquet_files *files, const struct place *places, size_t count,
                             const struct ps_parquet_file *merged, const char *name,
                             struct ps_parquet_files *files_out, struct penstock_error *error) {
    for (size_t i = 0, next = 0; i < files->count; i++) {
        const bool is_input = next < count && places[next].index == i;
        if (!is_input) {
            PS_TRY(ps_parquet_add_file(files_out, &files->items[i], files->items[i].name, error));
            continue;
        }
        if (next++ == 0) {
            PS_TRY(ps_parquet_add_file(files_out, merged, name, error));
        }
    }
    return PENSTOCK_OK;
}

static void files_done(struct ps_parquet_files *files) {
    ps_parquet_clear_files(files);
    ps_release(files->items);
}

static penstock_code merge_chosen(struct ps_parquet_sink *sink, const struct place *places, size_t count,
                                  struct ps_arena *arena, struct penstock_error *error) {
    struct ps_parquet_files files PS_SCOPED(files_done) = {0};
    struct ps_parquet_file merged = {0};
    const char *name = NULL;
    int lock PS_SCOPED(ps_disk_unlock_scoped) = -1;
    PS_TRY(ps_disk_lock(sink->folder, &lock, error));
    PS_TRY(ps_parquet_check_owner(sink, sink->epoch.attempt, error));
    PS_TRY(merge(sink, places, count, arena, &name, &merged, error));
    PS_TRY(replace(&sink->files, places, count, &merged, name, &files, error));
    PS_TRY(ps_parquet_write_manifest(sink, sink->epoch, &sink->positions, &files, error));
    for (size_t i = 0; i < count; i++) {
        const char *path = ps_path_join(arena, sink->folder, places[i].name);
        PS_TRY(path == NULL ? ps_error_memory(error, "a sink") : ps_disk_remove(path, error));
    }
    const struct ps_parquet_files old = sink->files;
    sink->files = files;
    files = old;
    return PENSTOCK_OK;
}

penstock_code ps_parquet_compact(struct ps_parquet_sink *sink, struct penstock_error *error) {
    const size_t due = sink->file_count_seen + (size_t)sink->config.compact_files;
    for (int i = 0; i < MERGES_MAX && sink->config.compact_files > 1 && sink->files.count >= due; i++) {
        struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
        struct place *places = NULL;
        size_t count = 0;
        if (arena == NULL) {
            return ps_error_memory(error, "a sink's files");
        }
        PS_TRY(choose(sink, arena, &places, &count, error));
        if (count == 0) {
            sink->file_count_seen = sink->files.count;
            return PENSTOCK_OK;
        }
        const penstock_code code = merge_chosen(sink, places, count, arena, error);
        if (code != PENSTOCK_OK) {
            return ps_error_context(error, "sink %s: merge small files of %s", sink->setup->name,
                                    sink->folder);
        }
    }
    return PENSTOCK_OK;
}
