/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_file.c - rows as lines of one growing file, or of numbered ones: NDJSON or CSV.
 *
 * Beside the file lies its manifest (PATH.penstock): whose rows these are, the last epoch, and how many bytes of
 * which file are committed. An epoch is written by DuckDB into a stage file; commit() appends the stage behind the
 * committed bytes, syncs, and then replaces the manifest: that rename is the commit. Bytes behind the committed size
 * are nobody's, and recover() cuts them off. So a reader who stops at the manifest's size never sees half an epoch.
 * A pipe or device keeps nothing and can take nothing back: it is refused unless at_least_once is enough.
 */
#include "connect/sink_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "connect/file_source.h"
#include "connect/sink_disk.h"
#include "connect/sink_owner.h"
#include "connect/sink_text.h"

#define STAGE_SUFFIX ".stage"

struct file_config {
    const char *path;
    int64_t rotate_size, rotate_epochs;
    const char *on_other_store;
};

/* The committed part of the file that is being written. */
struct file_place {
    int64_t index; /* of a rotated file, from 1; 0 without rotation */
    int64_t size, epoch_count;
    uint64_t fingerprint;
};

struct file_sink {
    const struct ps_sink_setup *setup;
    struct file_config config;
    struct ps_text_format format;
    struct ps_arena *arena;
    const char *path, *folder, *manifest_path;
    const char *stage_path; /* of this attempt; NULL before recover() */
    bool is_stream;         /* a pipe or device */
    struct ps_epoch epoch;  /* committed */
    struct file_place place;
    struct file_place next; /* where the epoch in work goes, before its bytes */
    bool is_there;          /* the epoch in work is committed already */
    int64_t row_count;
};

static const struct ps_option file_options[] = {
    {.name = "path",
     .type = PS_OPTION_TEXT,
     .is_required = true,
     .offset = offsetof(struct file_config, path),
     .help = "the file to append to, relative to the project",
     .since = "0.2"},
    {.name = "rotate.size",
     .type = PS_OPTION_SIZE,
     .default_text = "0",
     .offset = offsetof(struct file_config, rotate_size),
     .help =
         "begin a new file when the last one has so many bytes: NAME-000001.EXT, NAME-000002.EXT, ...; 0: never",
     .since = "0.2"},
    {.name = "rotate.epochs",
     .type = PS_OPTION_INTEGER,
     .default_text = "0",
     .value_min = 0,
     .value_max = 1e15,
     .offset = offsetof(struct file_config, rotate_epochs),
     .help = "begin a new file after so many epochs with rows; 0: never",
     .since = "0.2"},
    PS_SINK_ON_OTHER_STORE(offsetof(struct file_config, on_other_store)),
    {.name = NULL},
};

static const char *const file_encodes[] = {"json", "csv", NULL};

static void file_close(void *state) {
    struct file_sink *sink = state;
    if (sink != NULL) {
        ps_arena_free(sink->arena);
        ps_release(sink);
    }
}

static void file_close_scoped(struct file_sink **sink) {
    file_close(*sink);
}

static bool is_rotating(const struct file_sink *sink) {
    return sink->config.rotate_size > 0 || sink->config.rotate_epochs > 0;
}

static penstock_code file_open(const struct ps_sink_setup *setup, const void *config, void **state_out,
                               struct penstock_error *error) {
    struct file_sink *sink PS_SCOPED(file_close_scoped) = ps_allocate(1, sizeof *sink);
    if (sink == NULL || (sink->arena = ps_arena_new(0)) == NULL) {
        return ps_error_memory(error, "a sink");
    }
    sink->setup = setup;
    sink->config = *(const struct file_config *)config;
    PS_TRY(ps_text_format_read(setup, sink->arena, &sink->format, error));
    sink->path = ps_path_join(sink->arena, setup->folder != NULL ? setup->folder : "", sink->config.path);
    sink->folder = sink->path == NULL ? NULL : ps_disk_parent(sink->arena, sink->path);
    sink->manifest_path = sink->path == NULL ? NULL : ps_arena_printf(sink->arena, "%s.penstock", sink->path);
    if (sink->folder == NULL || sink->manifest_path == NULL) {
        return ps_error_memory(error, "a sink");
    }
    *state_out = ps_take(sink);
    return PENSTOCK_OK;
}

/* "out/alerts.ndjson", or "out/alerts-000007.ndjson". In `arena`. */
static const char *path_of(const struct file_sink *sink, int64_t index, struct ps_arena *arena) {
    if (index == 0) {
        return ps_arena_copy(arena, sink->path);
    }
    const char *name = ps_path_name(sink->path);
    const char *dot = strrchr(name, '.');
    const size_t stem = dot == NULL || dot == name ? strlen(sink->path) : (size_t)(dot - sink->path);
    return ps_arena_printf(arena, "%.*s-%06" PRId64 "%s", (int)stem, sink->path, index, sink->path + stem);
}

/* --- the manifest -------------------------------------------------------------------------------------------- */

static penstock_code write_manifest(const struct file_sink *sink, const struct file_place *place,
                                    struct ps_epoch epoch, const struct ps_position_list *positions,
                                    struct ps_arena *arena, struct penstock_error *error) {
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, PS_SINK_MANIFEST_SIZE_MAX);
    const char *path = path_of(sink, place->index, arena);
    if (path == NULL) {
        return ps_error_memory(error, "a manifest");
    }
    ps_buffer_text(&text, "{\"penstock\":1,\"file\":");
    ps_buffer_json(&text, ps_path_name(path), strlen(ps_path_name(path)));
    ps_buffer_printf(&text,
                     ",\"index\":%" PRId64 ",\"size\":%" PRId64 ",\"checksum\":\"%016" PRIx64
                     "\",\"epochs\":%" PRId64 ",",
                     place->index, place->size, place->fingerprint, place->epoch_count);
    ps_sink_owner_write(&text, sink->setup, epoch, positions);
    ps_buffer_text(&text, "}\n");
    PS_TRY(ps_buffer_status(&text, error));
    return ps_file_replace(sink->manifest_path, text.data, text.size, error);
}

static struct file_place place_of(yyjson_val *root) {
    const char *checksum = yyjson_get_str(yyjson_obj_get(root, "checksum"));
    return (struct file_place){.index = yyjson_get_sint(yyjson_obj_get(root, "index")),
                               .size = yyjson_get_sint(yyjson_obj_get(root, "size")),
                               .epoch_count = yyjson_get_sint(yyjson_obj_get(root, "epochs")),
                               .fingerprint = checksum != NULL ? strtoull(checksum, NULL, 16) : 0};
}

/* --- recover ------------------------------------------------------------------------------------------------- */

static penstock_code look_at_path(struct file_sink *sink, struct penstock_error *error) {
    struct ps_file_info info = {0};
    if (!ps_file_exists(sink->path)) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_file_stat(sink->path, &info, error));
    if (info.is_directory) {
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "%s is a folder, not a file", sink->path);
        return ps_error_hint(error, "name a file in it: path = '%s/%s.%s'", sink->config.path,
                             sink->setup->name, sink->format.is_csv ? "csv" : "ndjson");
    }
    sink->is_stream = !info.is_regular;
    if (!sink->is_stream || sink->setup->is_at_least_once) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_UNSUPPORTED,
                       "%s is a pipe or device and cannot keep exactly_once: what was written to it cannot be"
                       " taken back",
                       sink->path);
    return ps_error_hint(error, "write to a file, or say delivery = 'at_least_once'");
}

/* Is what is committed still there? */
static penstock_code check_content(const struct file_sink *sink, const char *path,
                                   struct penstock_error *error) {
    const struct file_place *place = &sink->place;
    struct ps_file_info info = {0};
    uint64_t fingerprint = 0;
    if (place->size == 0) {
        return PENSTOCK_OK;
    }
    if (ps_file_exists(path)) {
        PS_TRY(ps_file_stat(path, &info, error));
    }
    if (info.size < place->size) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                           "%s shrank: %" PRId64 " bytes of it are committed, now it has %" PRId64, path,
                           place->size, info.size);
        return ps_error_hint(error,
                             "put the file back as it was; to begin anew, remove it and %s, and use a"
                             " new store",
                             ps_path_name(sink->manifest_path));
    }
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return ps_error_errno(error, errno, "open %s", path);
    }
    const penstock_code code = ps_file_fingerprint(descriptor, path, place->size, &fingerprint, error);
    (void)close(descriptor);
    PS_TRY(code);
    if (fingerprint == place->fingerprint) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                       "%s changed: its first %" PRId64
                       " bytes are committed, and are now others; it has %" PRId64,
                       path, place->size, info.size);
    return ps_error_hint(error, "put the file back as it was, and let nobody else write to it");
}

/* Cuts what no epoch has, and removes the files that a rotation has begun and not committed. */
static penstock_code clean(const struct file_sink *sink, struct ps_arena *arena,
                           struct penstock_error *error) {
    const char *path = path_of(sink, sink->place.index, arena);
    char **names = NULL;
    size_t count = 0;
    if (path == NULL) {
        return ps_error_memory(error, "a sink");
    }
    if (ps_file_exists(path)) {
        struct ps_file_info info = {0};
        PS_TRY(ps_file_stat(path, &info, error));
        if (info.size > sink->place.size && truncate(path, (off_t)sink->place.size) != 0) {
            return ps_error_errno(error, errno, "cut %s at byte %" PRId64, path, sink->place.size);
        }
    }
    for (int64_t index = sink->place.index + 1; is_rotating(sink); index++) {
        const char *later = path_of(sink, index, arena);
        if (later == NULL) {
            return ps_error_memory(error, "a sink");
        }
        if (!ps_file_exists(later)) {
            break;
        }
        PS_TRY(ps_disk_remove(later, error));
    }
    const char *start = ps_arena_printf(arena, "%s.", ps_path_name(sink->manifest_path));
    PS_TRY(ps_file_list(sink->folder, arena, &names, &count, error));
    for (size_t i = 0; start != NULL && i < count; i++) {
        const size_t size = strlen(names[i]), suffix = sizeof STAGE_SUFFIX - 1;
        if (strncmp(names[i], start, strlen(start)) == 0 && size > suffix &&
            strcmp(names[i] + size - suffix, STAGE_SUFFIX) == 0) {
            PS_TRY(ps_disk_remove(ps_path_join(arena, sink->folder, names[i]), error));
        }
    }
    return PENSTOCK_OK;
}

static penstock_code refuse_unknown(const struct file_sink *sink, struct ps_arena *arena,
                                    struct penstock_error *error) {
    const char *path = path_of(sink, is_rotating(sink) ? 1 : 0, arena);
    struct ps_file_info info = {0};
    if (path == NULL) {
        return ps_error_memory(error, "a sink");
    }
    if (sink->is_stream || !ps_file_exists(path)) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_file_stat(path, &info, error));
    if (info.size == 0) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_ALREADY_EXISTS,
                       "%s has %" PRId64 " bytes that this sink did not write", path, info.size);
    return ps_error_hint(error, "move it away, or choose another path");
}

/* From the manifest to sink->epoch, sink->place and positions. */
static penstock_code load(struct file_sink *sink, int64_t attempt, struct ps_position_list *positions,
                          struct ps_arena *arena, struct penstock_error *error) {
    sink->epoch = (struct ps_epoch){0};
    sink->place = (struct file_place){.index = is_rotating(sink) ? 1 : 0};
    if (!ps_file_exists(sink->manifest_path)) {
        return refuse_unknown(sink, arena, error);
    }
    yyjson_doc *document PS_SCOPED(ps_sink_manifest_free_scoped) = NULL;
    struct ps_sink_owner owner = {0};
    bool is_other = false;
    PS_TRY(ps_sink_manifest_read(sink->manifest_path, arena, &document, &owner, error));
    PS_TRY(ps_sink_owner_claim(&owner, sink->setup, attempt, sink->path,
                               strcmp(sink->config.on_other_store, "replace") == 0, &is_other, error));
    if (is_other) {
        return PENSTOCK_OK; /* epoch 0, size 0: clean() drops the rows once the manifest says so */
    }
    yyjson_val *root = yyjson_doc_get_root(document);
    sink->epoch = owner.epoch;
    sink->place = place_of(root);
    if ((sink->place.index > 0) != is_rotating(sink)) {
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "%s was written %s rotation", sink->path,
                           sink->place.index > 0 ? "with" : "without");
        return ps_error_hint(error,
                             "keep rotate.size and rotate.epochs as they were, or choose another path");
    }
    return ps_sink_owner_positions(root, sink->manifest_path, positions, error);
}

static penstock_code file_recover(void *state, int64_t attempt, struct ps_epoch *epoch_out,
                                  struct ps_position_list *positions_out, struct penstock_error *error) {
    struct file_sink *sink = state;
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    if (arena == NULL) {
        return ps_error_memory(error, "a sink");
    }
    PS_TRY(ps_disk_make_folders(sink->folder, error));
    PS_TRY(look_at_path(sink, error));
    int lock PS_SCOPED(ps_disk_unlock_scoped) = -1;
    PS_TRY(ps_disk_lock(sink->folder, &lock, error));
    PS_TRY(load(sink, attempt, positions_out, arena, error));
    if (!sink->is_stream) {
        PS_TRY(check_content(sink, path_of(sink, sink->place.index, arena), error));
    }
    sink->epoch.attempt = attempt;
    PS_TRY(write_manifest(sink, &sink->place, sink->epoch, positions_out, arena, error));
    if (!sink->is_stream) {
        PS_TRY(clean(sink, arena, error));
    }
    sink->stage_path = ps_arena_printf(sink->arena, "%s.%" PRId64 STAGE_SUFFIX, sink->manifest_path, attempt);
    *epoch_out = sink->epoch;
    return sink->stage_path != NULL ? PENSTOCK_OK : ps_error_memory(error, "a sink");
}

/* --- an epoch ------------------------------------------------------------------------------------------------ */

static penstock_code file_begin(void *state, struct ps_epoch epoch, struct penstock_error *error) {
    struct file_sink *sink = state;
    (void)error;
    sink->is_there = epoch.number <= sink->epoch.number;
    sink->next = sink->place;
    sink->row_count = 0;
    const bool is_full =
        (sink->config.rotate_size > 0 && sink->place.size >= sink->config.rotate_size) ||
        (sink->config.rotate_epochs > 0 && sink->place.epoch_count >= sink->config.rotate_epochs);
    if (is_full) {
        sink->next = (struct file_place){.index = sink->place.index + 1};
    }
    return PENSTOCK_OK;
}

static penstock_code file_copy(void *state, struct ps_connection *connection, const char *select_sql,
                               int64_t *row_count_out, struct penstock_error *error) {
    struct file_sink *sink = state;
    if (sink->is_there) {
        return ps_sink_count(connection, select_sql, row_count_out, error);
    }
    const bool is_first = sink->is_stream ? sink->epoch.number == 0 : sink->next.size == 0;
    const penstock_code code = ps_text_format_copy(&sink->format, sink->setup, connection, select_sql,
                                                   sink->stage_path, is_first, &sink->row_count, error);
    if (code != PENSTOCK_OK) {
        (void)unlink(sink->stage_path); /* recover() removes it, too */
        return ps_error_context(error, "sink %s: write %s", sink->setup->name, sink->path);
    }
    *row_count_out = sink->row_count;
    return PENSTOCK_OK;
}

/* Appends the stage to the file; *place_out: what is committed once the manifest says so. */
static penstock_code append(const struct file_sink *sink, struct file_place *place_out,
                            struct ps_arena *arena, struct penstock_error *error) {
    struct file_place place = sink->next;
    const char *path = path_of(sink, place.index, arena);
    if (path == NULL) {
        return ps_error_memory(error, "a sink");
    }
    if (sink->is_stream) {
        PS_TRY(ps_disk_pour(path, sink->stage_path, error));
        *place_out = place;
        return PENSTOCK_OK;
    }
    const bool is_new = !ps_file_exists(path);
    PS_TRY(ps_disk_append(path, place.size, sink->stage_path, &place.size, error));
    if (is_new) {
        PS_TRY(ps_disk_sync_folder(sink->folder, error));
    }
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return ps_error_errno(error, errno, "open %s", path);
    }
    const penstock_code code = ps_file_fingerprint(descriptor, path, place.size, &place.fingerprint, error);
    (void)close(descriptor);
    PS_TRY(code);
    place.epoch_count++;
    *place_out = place;
    return PENSTOCK_OK;
}

static penstock_code file_commit(void *state, struct ps_epoch epoch, const struct ps_position_list *positions,
                                 struct penstock_error *error) {
    struct file_sink *sink = state;
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    yyjson_doc *document PS_SCOPED(ps_sink_manifest_free_scoped) = NULL;
    struct ps_sink_owner owner = {0};
    struct file_place place = sink->place;
    if (sink->is_there) {
        return PENSTOCK_OK;
    }
    if (arena == NULL) {
        return ps_error_memory(error, "a sink");
    }
    int lock PS_SCOPED(ps_disk_unlock_scoped) = -1;
    PS_TRY(ps_disk_lock(sink->folder, &lock, error));
    PS_TRY(ps_sink_manifest_read(sink->manifest_path, arena, &document, &owner, error));
    PS_TRY(ps_sink_owner_check(&owner, sink->setup, epoch.attempt, sink->path, error));
    if (sink->row_count > 0) {
        PS_TRY(append(sink, &place, arena, error));
    }
    PS_TRY(write_manifest(sink, &place, epoch, positions, arena, error));
    sink->epoch = epoch;
    sink->place = place;
    return ps_disk_remove(sink->stage_path, error);
}

static penstock_code file_discard(void *state, struct penstock_error *error) {
    struct file_sink *sink = state;
    return sink->stage_path != NULL ? ps_disk_remove(sink->stage_path, error) : PENSTOCK_OK;
}

const struct ps_sink_type ps_sink_file = {
    .name = "file",
    .summary = "appends NDJSON or CSV to a file",
    .options = file_options,
    .config_size = sizeof(struct file_config),
    .encodes = file_encodes,
    .delivery = PS_DELIVERY_SAME_TRANSACTION,
    .open = file_open,
    .recover = file_recover,
    .begin = file_begin,
    .copy = file_copy,
    .commit = file_commit,
    .discard = file_discard,
    .close = file_close,
};
