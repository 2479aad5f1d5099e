/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_delta_log.c - one commit of a Delta table: the next file of _delta_log, and never one over another.
 *
 * The file is written under another name, synced, and given its name by link(), which fails when somebody was faster.
 * Then that commit is read: a newer attempt or another store fences us, our own epoch in it means that we had
 * committed already, new columns or features are refused; all else leaves our rows what they are, and the next version
 * is tried. A new attempt always makes a commit (recover), so an older one that wakes meets it here.
 * Whose commits they are, and how far, is told by txn actions, which every writer keeps and checkpoints: APP (version:
 * the epoch), APP/attempt (version: the attempt), APP/store/ID (version: 1, or more after a replace).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "connect/sink_delta.h"
#include "connect/sink_disk.h"
#include "connect/sink_owner.h"

/* Others who commit all the time may win so often in a row. */
#define TRIES_MAX 1000
/* A commit that is read; others' may list very many files. */
#define READ_SIZE_MAX ((size_t)1 << 30)
/* Partitions whose positions are kept in every commit; of more only the store knows them. */
#define POSITION_COUNT_MAX 2000

const char *ps_delta_log_path(const struct ps_delta_sink *sink, int64_t version, struct ps_arena *arena) {
    return ps_arena_printf(arena, "%s/%020" PRId64 ".json", sink->log_folder, version);
}

void ps_delta_add_txn(struct ps_buffer *out, const char *app, int64_t version) {
    ps_buffer_text(out, "{\"txn\":{\"appId\":");
    ps_buffer_json(out, app, strlen(app));
    ps_buffer_printf(out, ",\"version\":%" PRId64 ",\"lastUpdated\":%" PRId64 "}}\n", version,
                     ps_clock_wall_ms());
}

void ps_delta_add_remove(struct ps_buffer *out, const char *path, const char *values, int64_t size,
                         bool is_change) {
    ps_buffer_text(out, "{\"remove\":{\"path\":");
    ps_buffer_json(out, path, strlen(path));
    ps_buffer_printf(out,
                     ",\"deletionTimestamp\":%" PRId64 ",\"dataChange\":%s,\"extendedFileMetadata\":true",
                     ps_clock_wall_ms(), is_change ? "true" : "false");
    ps_buffer_text(out, ",\"partitionValues\":");
    ps_buffer_text(out, values != NULL ? values : "{}");
    ps_buffer_printf(out, ",\"size\":%" PRId64 "}}\n", size);
}

const char *ps_delta_file_name(const char *path, struct ps_arena *arena) {
    char *name = ps_arena_copy(arena, path);
    char *to = name;
    for (const char *at = path; name != NULL && *at != '\0'; at++) {
        unsigned byte = 0;
        if (*at == '%' && sscanf(at + 1, "%2x", &byte) == 1) {
            *to++ = (char)byte;
            at += 2;
        } else {
            *to++ = *at;
        }
    }
    if (name != NULL) {
        *to = '\0';
    }
    return name;
}

/* --- what a table demands ------------------------------------------------------------------------------------ */

static void add_features(yyjson_val *features, struct ps_buffer *list) {
    yyjson_val *feature = NULL;
    size_t index, count;
    yyjson_arr_foreach(features, index, count, feature) {
        const char *name = yyjson_get_str(feature);
        const bool is_known =
            name != NULL && (strcmp(name, "appendOnly") == 0 || strcmp(name, "invariants") == 0);
        if (!is_known) {
            ps_buffer_printf(list, "%s%s", list->size > 0 ? ", " : "", name != NULL ? name : "?");
        }
    }
}

penstock_code ps_delta_protocol_check(const struct ps_delta_sink *sink, yyjson_val *protocol,
                                      struct penstock_error *error) {
    const int64_t reader = yyjson_get_sint(yyjson_obj_get(protocol, "minReaderVersion"));
    const int64_t writer = yyjson_get_sint(yyjson_obj_get(protocol, "minWriterVersion"));
    struct ps_buffer list PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&list, 4096);
    add_features(yyjson_obj_get(protocol, "readerFeatures"), &list);
    add_features(yyjson_obj_get(protocol, "writerFeatures"), &list);
    const bool is_listed = reader == 3 && writer == 7;
    if (!is_listed && list.size == 0 && (reader > 1 || writer > 2)) {
        /* before features had names, a version stood for all of them */
        ps_buffer_printf(&list, "%s%s%s", writer >= 3 ? "checkConstraints" : "columnMapping",
                         writer >= 4 ? ", changeDataFeed, generatedColumns" : "",
                         writer >= 5 ? ", columnMapping" : "");
    }
    if (list.size == 0) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_UNSUPPORTED,
                       "the Delta table %s has features that penstock cannot write with: %s", sink->folder,
                       list.data);
    (void)ps_error_detail(error, "minReaderVersion %" PRId64 ", minWriterVersion %" PRId64, reader, writer);
    return ps_error_hint(error, "write to a table of its own, and merge from there");
}

/* --- what others have committed ------------------------------------------------------------------------------ */

struct look {
    struct ps_delta_sink *sink;
    const struct ps_delta_commit *commit;
    bool is_there;
};

static penstock_code look_at_txn(struct look *look, yyjson_val *txn, struct penstock_error *error) {
    const struct ps_delta_sink *sink = look->sink;
    const char *app = yyjson_get_str(yyjson_obj_get(txn, "appId"));
    const int64_t version = yyjson_get_sint(yyjson_obj_get(txn, "version"));
    if (app == NULL) {
        return PENSTOCK_OK;
    }
    if (strcmp(app, sink->app_attempt) == 0 && version > sink->epoch.attempt) {
        char by[64];
        snprintf(by, sizeof by, "attempt %" PRId64, version);
        return ps_delta_claim_fence(sink, by, error);
    }
    if (strncmp(app, sink->app_store_prefix, strlen(sink->app_store_prefix)) == 0 &&
        strcmp(app, sink->app_store) != 0 && version >= sink->generation) {
        return ps_delta_claim_fence(sink, "another store", error);
    }
    look->is_there = look->is_there || (strcmp(app, sink->app) == 0 && look->commit->epoch.number > 0 &&
                                        version >= look->commit->epoch.number);
    return PENSTOCK_OK;
}

static penstock_code keep_removed(struct ps_delta_others *others, yyjson_val *removed,
                                  struct penstock_error *error) {
    const char *path = yyjson_get_str(yyjson_obj_get(removed, "path"));
    if (others == NULL || path == NULL) {
        return PENSTOCK_OK;
    }
    void *items = (void *)(uintptr_t)others->removed;
    PS_TRY(ps_grow(&items, &others->removed_capacity, others->removed_count + 1, sizeof *others->removed,
                   error));
    others->removed = items;
    others->removed[others->removed_count] = ps_arena_copy(others->arena, path);
    return others->removed[others->removed_count++] != NULL ? PENSTOCK_OK
                                                            : ps_error_memory(error, "a commit");
}

static penstock_code look_at_action(struct look *look, yyjson_val *action, struct penstock_error *error) {
    yyjson_val *metadata = yyjson_obj_get(action, "metaData"), *protocol = yyjson_obj_get(action, "protocol");
    yyjson_val *txn = yyjson_obj_get(action, "txn"), *removed = yyjson_obj_get(action, "remove");
    if (txn != NULL) {
        return look_at_txn(look, txn, error);
    }
    if (removed != NULL) {
        return keep_removed(look->commit->others, removed, error);
    }
    if (protocol != NULL) {
        return ps_delta_protocol_check(look->sink, protocol, error);
    }
    if (metadata != NULL) {
        yyjson_val *schema = yyjson_obj_get(metadata, "schemaString");
        bool is_short = false;
        PS_TRY(ps_delta_schema_check(look->sink, yyjson_is_str(schema) ? yyjson_get_str(schema) : "{}",
                                     yyjson_is_str(schema) ? yyjson_get_len(schema) : 2, &is_short, error));
        return is_short || look->sink->is_short ? ps_delta_columns_moved(look->sink, error) : PENSTOCK_OK;
    }
    return PENSTOCK_OK;
}

static penstock_code look_at(struct look *look, int64_t version, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_bytes text = {0};
    const char *path = arena == NULL ? NULL : ps_delta_log_path(look->sink, version, arena);
    if (path == NULL) {
        return ps_error_memory(error, "a commit");
    }
    PS_TRY(ps_file_read(path, READ_SIZE_MAX, arena, &text, error));
    for (size_t at = 0; at < text.size;) {
        const char *end = memchr(text.data + at, '\n', text.size - at);
        const size_t size = end == NULL ? text.size - at : (size_t)(end - text.data) - at;
        yyjson_doc *document = yyjson_read(text.data + at, size, 0);
        const penstock_code code = look_at_action(look, yyjson_doc_get_root(document), error);
        yyjson_doc_free(document);
        PS_TRY(code);
        at += size + 1;
    }
    return PENSTOCK_OK;
}

/* --- committing ---------------------------------------------------------------------------------------------- */

static void add_info(const struct ps_delta_sink *sink, const struct ps_delta_commit *commit,
                     struct ps_buffer *out) {
    const struct ps_position_list none = {0};
    ps_buffer_printf(out, "{\"commitInfo\":{\"timestamp\":%" PRId64 ",\"operation\":", ps_clock_wall_ms());
    ps_buffer_json(out, commit->operation, strlen(commit->operation));
    ps_buffer_text(out, ",\"operationParameters\":");
    ps_buffer_text(out, commit->parameters);
    ps_buffer_printf(out, ",\"isBlindAppend\":%s,\"engineInfo\":\"penstock\",\"penstock\":{",
                     commit->is_append ? "true" : "false");
    const struct ps_epoch epoch = {commit->epoch.number, sink->epoch.attempt};
    const bool is_kept = commit->positions != NULL && commit->positions->count <= POSITION_COUNT_MAX;
    ps_sink_owner_write(out, sink->setup, epoch, is_kept ? commit->positions : &none);
    ps_buffer_text(out, "}}}\n");
}

/* Gives `temporary` the name `path`, if nobody has it. *is_taken_out: somebody has. */
static penstock_code give_name(const char *temporary, const char *path, bool *is_taken_out,
                               struct penstock_error *error) {
    if (link(temporary, path) == 0) {
        return PENSTOCK_OK;
    }
    if (errno == EPERM || errno == ENOTSUP || errno == ENOSYS) {
        /* a file system without links */
        if (syscall(SYS_renameat2, AT_FDCWD, temporary, AT_FDCWD, path, 1U /* RENAME_NOREPLACE */) == 0) {
            return PENSTOCK_OK;
        }
    }
    *is_taken_out = errno == EEXIST;
    return *is_taken_out ? PENSTOCK_OK : ps_error_errno(error, errno, "create %s", path);
}

static penstock_code write_temporary(const char *path, const struct ps_buffer *text,
                                     struct penstock_error *error) {
    const int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor < 0) {
        return ps_error_errno(error, errno, "create %s", path);
    }
    penstock_code code = PENSTOCK_OK;
    for (size_t done = 0; done < text->size && code == PENSTOCK_OK;) {
        const ssize_t count = write(descriptor, text->data + done, text->size - done);
        if (count < 0 && errno != EINTR) {
            code = ps_error_errno(error, errno, "write %s", path);
        }
        done += count > 0 ? (size_t)count : 0;
    }
    if (code == PENSTOCK_OK && fsync(descriptor) != 0) {
        code = ps_error_errno(error, errno, "write %s to the disk", path);
    }
    (void)close(descriptor);
    return code;
}

penstock_code ps_delta_log_look(struct ps_delta_sink *sink, struct penstock_error *error) {
    const struct ps_delta_commit none = {.operation = ""};
    struct look look = {.sink = sink, .commit = &none};
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    if (arena == NULL) {
        return ps_error_memory(error, "a commit");
    }
    for (int64_t version = sink->version + 1;; version++) {
        const char *path = ps_delta_log_path(sink, version, arena);
        if (path == NULL) {
            return ps_error_memory(error, "a commit");
        }
        if (!ps_file_exists(path)) {
            return PENSTOCK_OK;
        }
        PS_TRY(look_at(&look, version, error));
    }
}

/* A sink that stood still for weeks, while another writer went on and cleaned the log, must not commit into the gap. */
static penstock_code check_tip(const struct ps_delta_sink *sink, struct ps_arena *arena,
                               struct penstock_error *error) {
    const char *path = ps_delta_log_path(sink, sink->version, arena);
    const char *checkpoint =
        ps_arena_printf(arena, "%s/%020" PRId64 ".checkpoint.parquet", sink->log_folder, sink->version);
    if (path == NULL || checkpoint == NULL) {
        return ps_error_memory(error, "a commit");
    }
    if (sink->version < 0 || ps_file_exists(path) || ps_file_exists(checkpoint)) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_IO,
                       "the log of %s was cleaned up to behind version %" PRId64
                       ", the last that this sink has seen",
                       sink->folder, sink->version);
    return ps_error_hint(error, "start again: the sink then reads the log anew");
}

/* Tries version after version. */
static penstock_code take_version(struct look *look, const char *temporary, struct ps_arena *arena,
                                  struct penstock_error *error) {
    struct ps_delta_sink *sink = look->sink;
    PS_TRY(check_tip(sink, arena, error));
    for (int i = 0; i < TRIES_MAX; i++) {
        const char *path = ps_delta_log_path(sink, sink->version + 1, arena);
        bool is_taken = false;
        if (path == NULL) {
            return ps_error_memory(error, "a commit");
        }
        PS_TRY(give_name(temporary, path, &is_taken, error));
        if (!is_taken) {
            sink->version++;
            return ps_disk_sync_folder(sink->log_folder, error);
        }
        if (look->commit->must_be_first) {
            return ps_error_set(error, PENSTOCK_BUSY, "another writer makes the table %s", sink->folder);
        }
        PS_TRY(look_at(look, sink->version + 1, error));
        sink->version++;
        if (look->is_there) {
            return PENSTOCK_OK;
        }
        if (look->commit->others != NULL && look->commit->others->removed_count > 0) {
            return ps_error_set(error, PENSTOCK_BUSY, "another writer removed files from %s", sink->folder);
        }
    }
    (void)ps_error_set(error, PENSTOCK_BUSY, "%d other commits to %s came before ours", TRIES_MAX,
                       sink->folder);
    return ps_error_hint(error, "let fewer writers commit to one table");
}

penstock_code ps_delta_log_commit(struct ps_delta_sink *sink, const struct ps_delta_commit *commit,
                                  bool *is_there_out, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    struct look look = {.sink = sink, .commit = commit};
    ps_buffer_init(&text, PS_DELTA_COMMIT_SIZE_MAX);
    add_info(sink, commit, &text);
    ps_buffer_add(&text, commit->actions, commit->actions_size);
    if (commit->epoch.number > 0) {
        ps_delta_add_txn(&text, sink->app, commit->epoch.number);
    }
    PS_TRY(ps_buffer_status(&text, error));
    const char *temporary = arena == NULL ? NULL
                                          : ps_arena_printf(arena, "%s/.%s.%" PRId64 ".tmp", sink->log_folder,
                                                            sink->tag, sink->epoch.attempt);
    if (temporary == NULL) {
        return ps_error_memory(error, "a commit");
    }
    penstock_code code = write_temporary(temporary, &text, error);
    code = code == PENSTOCK_OK ? take_version(&look, temporary, arena, error) : code;
    (void)unlink(temporary); /* its content has its name now; or recover() removes it */
    if (is_there_out != NULL) {
        *is_there_out = look.is_there;
    }
    return code;
}

/* --- positions ----------------------------------------------------------------------------------------------- */

/* *is_found_out: this commit has an epoch of ours. */
static penstock_code positions_of(const struct ps_delta_sink *sink, struct ps_bytes text,
                                  struct ps_position_list *positions, bool *is_found_out,
                                  struct penstock_error *error) {
    const char *end = memchr(text.data, '\n', text.size);
    const size_t size = end == NULL ? text.size : (size_t)(end - text.data);
    yyjson_doc *document = yyjson_read(text.data, size, 0);
    yyjson_val *ours =
        yyjson_obj_get(yyjson_obj_get(yyjson_doc_get_root(document), "commitInfo"), "penstock");
    struct ps_sink_owner owner = {0};
    penstock_code code = PENSTOCK_OK;
    if (ours != NULL && ps_sink_owner_read(ours, sink->folder, &owner, NULL) == PENSTOCK_OK &&
        strcmp(owner.project, sink->setup->project) == 0 && strcmp(owner.sink, sink->setup->name) == 0 &&
        owner.epoch.number == sink->epoch.number) {
        *is_found_out = true;
        code = ps_sink_owner_positions(ours, sink->folder, positions, error);
    }
    yyjson_doc_free(document);
    return code;
}

penstock_code ps_delta_log_positions(const struct ps_delta_sink *sink, struct ps_position_list *positions,
                                     struct penstock_error *error) {
    bool is_found = false;
    for (int64_t version = sink->version; version >= 0 && !is_found && sink->epoch.number > 0; version--) {
        struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
        struct ps_bytes text = {0};
        const char *path = arena == NULL ? NULL : ps_delta_log_path(sink, version, arena);
        if (path == NULL) {
            return ps_error_memory(error, "a commit");
        }
        if (!ps_file_exists(path)) {
            return PENSTOCK_OK; /* another writer has cleaned the log: the store has the positions, too */
        }
        PS_TRY(ps_file_read(path, READ_SIZE_MAX, arena, &text, error));
        PS_TRY(positions_of(sink, text, positions, &is_found, error));
    }
    return PENSTOCK_OK;
}
