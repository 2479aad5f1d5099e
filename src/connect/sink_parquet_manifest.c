/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_parquet_manifest.c - which files of the folder count: written, read, and held against what is there.
 */
#include <ctype.h>
#include <inttypes.h>

#include "connect/sink_disk.h"
#include "connect/sink_owner.h"
#include "connect/sink_parquet.h"

void ps_parquet_clear_files(struct ps_parquet_files *files) {
    for (size_t i = 0; i < files->count; i++) {
        ps_release(files->items[i].name);
    }
    files->count = 0;
}

penstock_code ps_parquet_add_file(struct ps_parquet_files *files, const struct ps_parquet_file *file,
                                  const char *name, struct penstock_error *error) {
    void *items = files->items;
    PS_TRY(ps_grow(&items, &files->capacity, files->count + 1, sizeof *files->items, error));
    files->items = items;
    files->items[files->count] = *file;
    files->items[files->count].name = ps_duplicate(name);
    if (files->items[files->count].name == NULL) {
        return ps_error_memory(error, "a sink's files");
    }
    files->count++;
    return PENSTOCK_OK;
}

/* --- the manifest -------------------------------------------------------------------------------------------- */

static void add_columns(struct ps_buffer *text, const struct ps_sink_setup *setup) {
    ps_buffer_text(text, "\"columns\":{");
    for (size_t i = 0; i < setup->column_count; i++) {
        ps_buffer_text(text, i > 0 ? "," : "");
        ps_buffer_json(text, setup->column_names[i], strlen(setup->column_names[i]));
        ps_buffer_text(text, ":");
        ps_buffer_json(text, setup->column_types[i], strlen(setup->column_types[i]));
    }
    ps_buffer_text(text, "},\n");
}

penstock_code ps_parquet_write_manifest(const struct ps_parquet_sink *sink, struct ps_epoch epoch,
                                        const struct ps_position_list *positions,
                                        const struct ps_parquet_files *files, struct penstock_error *error) {
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, PS_SINK_MANIFEST_SIZE_MAX);
    ps_buffer_text(&text, "{\"penstock\":1,");
    add_columns(&text, sink->setup);
    ps_buffer_text(&text, "\"files\":[");
    for (size_t i = 0; i < files->count; i++) {
        const struct ps_parquet_file *file = &files->items[i];
        ps_buffer_text(&text, i > 0 ? ",\n{\"path\":" : "\n{\"path\":");
        ps_buffer_json(&text, file->name, strlen(file->name));
        ps_buffer_printf(&text,
                         ",\"rows\":%" PRId64 ",\"bytes\":%" PRId64 ",\"first_epoch\":%" PRId64
                         ",\"last_epoch\":%" PRId64 "}",
                         file->row_count, file->size, file->epoch_first, file->epoch_last);
    }
    ps_buffer_text(&text, "],\n");
    ps_sink_owner_write(&text, sink->setup, epoch, positions);
    ps_buffer_text(&text, "}\n");
    PS_TRY(ps_buffer_status(&text, error));
    return ps_file_replace(sink->manifest_path, text.data, text.size, error);
}

/* The files that are there have the columns that will come. */
static penstock_code check_columns(const struct ps_parquet_sink *sink, yyjson_val *root,
                                   struct penstock_error *error) {
    yyjson_val *columns = yyjson_obj_get(root, "columns");
    const struct ps_sink_setup *setup = sink->setup;
    size_t known_count = 0;
    for (size_t i = 0; i < setup->column_count; i++) {
        const char *type = yyjson_get_str(yyjson_obj_get(columns, setup->column_names[i]));
        if (type == NULL && setup->column_is_added != NULL && setup->column_is_added[i]) {
            continue; /* files from now on have it, as the next manifest says */
        }
        known_count++;
        if (type != NULL && strcmp(type, setup->column_types[i]) == 0) {
            continue;
        }
        if (type == NULL) {
            (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                               "%s has no column %s, which the SELECT of sink %s gives", sink->folder,
                               setup->column_names[i], setup->name);
        } else {
            (void)ps_error_set(
                error, PENSTOCK_INVALID_DATA, "column %s is %s in %s, and %s in the SELECT of sink %s",
                setup->column_names[i], type, sink->folder, setup->column_types[i], setup->name);
        }
        return ps_error_hint(error, "give a changed SELECT another path");
    }
    if (yyjson_obj_size(columns) == known_count) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "%s has %zu columns, the SELECT of sink %s gives %zu",
                       sink->folder, yyjson_obj_size(columns), setup->name, setup->column_count);
    return ps_error_hint(error, "give a changed SELECT another path");
}

static penstock_code load_files(struct ps_parquet_sink *sink, yyjson_val *root, struct ps_arena *arena,
                                struct penstock_error *error) {
    yyjson_val *item = NULL;
    size_t index, count;
    yyjson_arr_foreach(yyjson_obj_get(root, "files"), index, count, item) {
        const char *name = yyjson_get_str(yyjson_obj_get(item, "path"));
        const struct ps_parquet_file file = {
            .row_count = yyjson_get_sint(yyjson_obj_get(item, "rows")),
            .size = yyjson_get_sint(yyjson_obj_get(item, "bytes")),
            .epoch_first = yyjson_get_sint(yyjson_obj_get(item, "first_epoch")),
            .epoch_last = yyjson_get_sint(yyjson_obj_get(item, "last_epoch"))};
        const char *path = name == NULL ? NULL : ps_path_join(arena, sink->folder, name);
        struct ps_file_info info = {0};
        if (path == NULL) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA, "%s is damaged", sink->manifest_path);
        }
        if (ps_file_exists(path)) {
            PS_TRY(ps_file_stat(path, &info, error));
        }
        if (info.size != file.size) {
            (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                               "%s changed: %" PRId64 " bytes of it are committed, now it has %" PRId64, path,
                               file.size, info.size);
            return ps_error_hint(error, "put the file back as it was; only penstock may change this folder");
        }
        PS_TRY(ps_parquet_add_file(&sink->files, &file, name, error));
    }
    return PENSTOCK_OK;
}

/* --- what is there ----------------------------------------------------------------------------------------------- */

/* Could a sink have made this name? part-000000000007-2.parquet, ...-2-1.parquet, ...-2-to9.parquet */
static bool is_own_name(const char *name) {
    if (strncmp(name, "part-", 5) != 0) {
        return false;
    }
    const char *at = name + 5;
    size_t digits = 0;
    for (; isdigit((unsigned char)*at); at++) {
        digits++;
    }
    return digits >= 12 && *at == '-' && isdigit((unsigned char)at[1]);
}

static int compare_texts(const void *left, const void *right) {
    const char *const *left_text = left;
    const char *const *right_text = right;
    return strcmp(*left_text, *right_text);
}

penstock_code ps_parquet_clean(const struct ps_parquet_sink *sink, struct ps_arena *arena,
                               struct penstock_error *error) {
    char **paths = NULL, **entries = NULL;
    size_t path_count = 0, entry_count = 0;
    const char *literal = ps_disk_literal(arena, sink->folder);
    const char *pattern = literal == NULL ? NULL : ps_arena_printf(arena, "%s/**/part-*.parquet", literal);
    const char **known = ps_arena_allocate(arena, sink->files.count + 1, sizeof *known);
    if (pattern == NULL || known == NULL) {
        return ps_error_memory(error, "a sink's files");
    }
    for (size_t i = 0; i < sink->files.count; i++) {
        known[i] = sink->files.items[i].name;
    }
    qsort(known, sink->files.count, sizeof *known, compare_texts);
    PS_TRY(ps_file_glob(pattern, arena, &paths, &path_count, error));
    for (size_t i = 0; i < path_count; i++) {
        const char *name = paths[i] + strlen(sink->folder) + 1;
        const bool is_known = bsearch(&name, known, sink->files.count, sizeof *known, compare_texts) != NULL;
        if (!is_known && is_own_name(ps_path_name(name))) {
            PS_TRY(ps_disk_remove(paths[i], error));
        }
    }
    PS_TRY(ps_file_list(sink->folder, arena, &entries, &entry_count, error));
    for (size_t i = 0; i < entry_count; i++) {
        if (strncmp(entries[i], ".stage-", 7) == 0) {
            const char *stage = ps_path_join(arena, sink->folder, entries[i]);
            PS_TRY(stage == NULL ? ps_error_memory(error, "a sink") : ps_disk_remove_tree(stage, error));
        }
    }
    return PENSTOCK_OK;
}

/* No manifest: then nothing that looks like one's files may be there. */
static penstock_code refuse_unknown(const struct ps_parquet_sink *sink, struct ps_arena *arena,
                                    struct penstock_error *error) {
    char **paths = NULL;
    size_t count = 0;
    const char *literal = ps_disk_literal(arena, sink->folder);
    const char *pattern = literal == NULL ? NULL : ps_arena_printf(arena, "%s/**/*.parquet", literal);
    if (pattern == NULL) {
        return ps_error_memory(error, "a sink's files");
    }
    PS_TRY(ps_file_glob(pattern, arena, &paths, &count, error));
    if (count == 0) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_ALREADY_EXISTS,
                       "%s has Parquet files, but no " PS_PARQUET_MANIFEST " of this sink", sink->folder);
    (void)ps_error_detail(error, "%s", paths[0]);
    return ps_error_hint(error, "move them away, or choose another path");
}

penstock_code ps_parquet_load(struct ps_parquet_sink *sink, int64_t attempt, struct ps_arena *arena,
                              struct penstock_error *error) {
    if (!ps_file_exists(sink->manifest_path)) {
        return refuse_unknown(sink, arena, error);
    }
    yyjson_doc *document PS_SCOPED(ps_sink_manifest_free_scoped) = NULL;
    struct ps_sink_owner owner = {0};
    bool is_other = false;
    PS_TRY(ps_sink_manifest_read(sink->manifest_path, arena, &document, &owner, error));
    PS_TRY(ps_sink_owner_claim(&owner, sink->setup, attempt, sink->folder,
                               strcmp(sink->config.on_other_store, "replace") == 0, &is_other, error));
    if (is_other) {
        return PENSTOCK_OK; /* no files: clean() removes them once the manifest says so */
    }
    yyjson_val *root = yyjson_doc_get_root(document);
    PS_TRY(check_columns(sink, root, error));
    PS_TRY(load_files(sink, root, arena, error));
    sink->epoch = owner.epoch;
    return ps_sink_owner_positions(root, sink->manifest_path, &sink->positions, error);
}

penstock_code ps_parquet_check_owner(const struct ps_parquet_sink *sink, int64_t attempt,
                                     struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    yyjson_doc *document PS_SCOPED(ps_sink_manifest_free_scoped) = NULL;
    struct ps_sink_owner owner = {0};
    if (arena == NULL) {
        return ps_error_memory(error, "a sink");
    }
    PS_TRY(ps_sink_manifest_read(sink->manifest_path, arena, &document, &owner, error));
    return ps_sink_owner_check(&owner, sink->setup, attempt, sink->folder, error);
}
