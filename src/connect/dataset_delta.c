/* SPDX-License-Identifier: Apache-2.0
 *
 * dataset_delta.c - a Delta table whose rows are replaced as a whole: one commit with the files that go and those that
 * come, and the columns if they are others now.
 *
 * The table is the delta sink's in all else: its types, its log, its checkpoints and what it removes after a while are
 * those of sink_delta*.c. Whose table it is stands in the log itself, as txn actions with the names of project,
 * dataset and store, so that it needs no record elsewhere. Readers of older versions find their files until the
 * retention is over.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "connect/dataset_files.h"
#include "connect/sink_delta.h"
#include "connect/sink_disk.h"
#include "connect/sink_file.h"

/* Other writers of the same table. */
#define PUT_TRIES_MAX 5

struct ps_dataset_delta {
    struct ps_sink_setup setup;
    const struct ps_dataset_place *place;
    struct ps_delta_sink *sink; /* state of a delta sink, opened for this table */
    bool is_table;
    bool is_other_schema; /* the table's columns are not those of the rows */
    struct ps_delta_claim claim;
    int64_t size;
};

static penstock_code refuse(const struct ps_dataset_place *place, const char *what,
                            struct penstock_error *error) {
    (void)ps_error_set(error, PENSTOCK_ALREADY_EXISTS, "'%s' %s", place->path, what);
    return ps_error_hint(error, "choose another path, or say on_existing = 'replace' in WITH");
}

/* ---- what is there ---- */

/* What a kill may have left of the very first making: no table, but files with our tag. */
static bool is_ours(const struct ps_delta_sink *sink, const char *name) {
    return strcmp(name, "_delta_log") == 0 || (name[0] == '.' && strstr(name, sink->tag) != NULL) ||
           (strncmp(name, "part-", 5) == 0 && strstr(name, sink->tag) != NULL);
}

static penstock_code check_folder(const struct ps_dataset_delta *delta, struct ps_arena *arena,
                                  struct penstock_error *error) {
    const struct ps_delta_sink *sink = delta->sink;
    struct ps_file_info info = {0};
    char **names = NULL;
    size_t count = 0;
    PS_TRY(ps_file_stat(sink->folder, &info, error));
    if (!info.is_directory) {
        (void)ps_error_set(error, PENSTOCK_ALREADY_EXISTS, "'%s' is a file; a Delta table is a folder",
                           delta->place->path);
        return ps_error_hint(error, "name another folder");
    }
    PS_TRY(ps_file_list(sink->folder, arena, &names, &count, error));
    for (size_t i = 0; i < count; i++) {
        if (!is_ours(sink, names[i])) {
            (void)ps_error_set(error, PENSTOCK_ALREADY_EXISTS,
                               "the folder '%s' has something in it and is no Delta table",
                               delta->place->path);
            (void)ps_error_detail(error, "%s", names[i]);
            return ps_error_hint(error, "move it away, or name another folder");
        }
    }
    return PENSTOCK_OK;
}

static penstock_code check_owner(struct ps_dataset_delta *delta, struct penstock_error *error) {
    const struct ps_dataset_place *place = delta->place;
    struct ps_delta_claim claim = {0};
    PS_TRY(ps_delta_claim_read(delta->sink, delta->sink->arena, &claim, error));
    delta->claim = claim;
    if (!place->may_replace && claim.store_app == NULL) {
        return refuse(place, "is a Delta table that this dataset did not make", error);
    }
    if (!place->may_replace && strcmp(claim.store_app, delta->sink->app_store) != 0) {
        return refuse(place, "is a Delta table that this dataset of another store has made", error);
    }
    return PENSTOCK_OK;
}

/* Features that are not known here, and whether its columns and partitions are those of the rows. */
static penstock_code compare_table(struct ps_dataset_delta *delta, struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(delta->sink->connection,
                        "SELECT (SELECT to_json(p)::VARCHAR FROM delta_protocol p), schemaString,"
                        " coalesce(len(partitionColumns), 0) FROM delta_metadata",
                        &result, error));
    const char *protocol = ps_result_text(result, 0, 0), *schema = ps_result_text(result, 0, 1);
    if (protocol == NULL || schema == NULL) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "the log of '%s' names no columns",
                            delta->place->path);
    }
    yyjson_doc *document = yyjson_read(protocol, strlen(protocol), 0);
    const penstock_code code = ps_delta_protocol_check(delta->sink, yyjson_doc_get_root(document), error);
    yyjson_doc_free(document);
    delta->is_other_schema = strcmp(schema, delta->sink->schema) != 0 || ps_result_integer(result, 0, 2) > 0;
    return code;
}

/* From the beginning: nothing is remembered of an earlier look. */
static penstock_code look(struct ps_dataset_delta *delta, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_delta_sink *sink = delta->sink;
    if (arena == NULL) {
        return ps_error_memory(error, "a dataset's table");
    }
    sink->version = sink->state_version = sink->checkpoint_version = -1;
    delta->is_table = false;
    if (!ps_file_exists(sink->folder)) {
        return PENSTOCK_OK;
    }
    if (ps_file_exists(sink->log_folder)) {
        PS_TRY(ps_delta_state_load(sink, &delta->is_table, error));
    }
    if (!delta->is_table) {
        return check_folder(delta, arena, error);
    }
    PS_TRY(check_owner(delta, error));
    return compare_table(delta, error);
}

/* ---- open and close ---- */

void ps_dataset_delta_close(struct ps_dataset_delta *delta) {
    if (delta == NULL) {
        return;
    }
    struct penstock_error ignored;
    if (delta->sink != NULL && delta->sink->stage != NULL) {
        (void)!ps_disk_remove_tree(delta->sink->stage, &ignored);
    }
    ps_sink_delta.close(delta->sink);
    ps_release(delta);
}

void ps_dataset_delta_close_scoped(struct ps_dataset_delta **delta) {
    ps_dataset_delta_close(*delta);
}

bool ps_dataset_delta_is_there(const struct ps_dataset_place *place) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    const char *folder = arena == NULL ? NULL : ps_path_join(arena, place->folder, place->path);
    const char *log = folder == NULL ? NULL : ps_path_join(arena, folder, "_delta_log");
    return log != NULL && ps_file_exists(log);
}

penstock_code ps_dataset_delta_open(const struct ps_dataset_place *place, struct ps_dataset_delta **delta_out,
                                    struct penstock_error *error) {
    struct ps_dataset_delta *delta PS_SCOPED(ps_dataset_delta_close_scoped) = ps_allocate(1, sizeof *delta);
    if (delta == NULL) {
        return ps_error_memory(error, "a dataset's table");
    }
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_delta_config config = {0};
    void *state = NULL;
    delta->place = place;
    delta->setup = (struct ps_sink_setup){.what = "dataset",
                                          .name = place->name,
                                          .project = place->project,
                                          .store_id = place->store_id,
                                          .folder = place->folder,
                                          .column_names = place->column_names,
                                          .column_types = place->column_types,
                                          .column_count = place->column_count};
    if (arena == NULL) {
        return ps_error_memory(error, "a dataset's table");
    }
    PS_TRY(ps_option_defaults(ps_sink_delta.options, &config, arena, error));
    config.path = place->path; /* the defaults' texts are not asked for again */
    PS_TRY(ps_sink_delta.open(&delta->setup, &config, &state, error));
    delta->sink = state;
    delta->sink->config.partition_by = delta->sink->config.on_other_store = NULL;
    delta->sink->epoch.attempt = place->attempt;
    PS_TRY(look(delta, error));
    *delta_out = ps_take(delta);
    return PENSTOCK_OK;
}

/* ---- writing ---- */

penstock_code ps_dataset_delta_write(struct ps_dataset_delta *delta, struct ps_connection *connection,
                                     const char *select_sql, int64_t *row_count_out, int64_t *size_out,
                                     struct penstock_error *error) {
    struct ps_delta_sink *sink = delta->sink;
    sink->epoch.number = delta->claim.epoch.number;
    /* one name for all attempts: what a kill has left is overwritten */
    sink->stage = ps_arena_printf(sink->arena, "%s/.%s.stage", sink->folder, sink->tag);
    if (sink->stage == NULL) {
        return ps_error_memory(error, "a dataset's table");
    }
    PS_TRY(ps_disk_make_folders(sink->log_folder, error));
    if (delta->is_table) {
        PS_TRY(ps_delta_remove_orphans(sink, error));
    }
    ps_arena_reset(sink->epoch_arena);
    ps_part_list_init(&sink->parts, sink->epoch_arena);
    if (ps_delta_write_rows(sink, connection, select_sql, error) != PENSTOCK_OK) {
        return ps_error_context(error, "write '%s'", delta->place->path);
    }
    *row_count_out = sink->row_count;
    for (size_t i = 0; i < sink->parts.count; i++) {
        delta->size += sink->parts.items[i].size;
    }
    *size_out = delta->size;
    return PENSTOCK_OK;
}

/* All files out. */
static penstock_code add_removes(const struct ps_dataset_delta *delta, struct ps_buffer *actions,
                                 struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(delta->sink->connection,
                        "SELECT path, to_json(partitionValues)::VARCHAR, size FROM delta_files ORDER BY path",
                        &result, error));
    for (int64_t i = 0; i < ps_result_row_count(result); i++) {
        ps_delta_add_remove(actions, ps_result_text(result, i, 0), ps_result_text(result, i, 1),
                            ps_result_integer(result, i, 2), true);
    }
    return PENSTOCK_OK;
}

static penstock_code make_actions(const struct ps_dataset_delta *delta, struct ps_buffer *actions,
                                  struct penstock_error *error) {
    const struct ps_delta_sink *sink = delta->sink;
    if (!delta->is_table) {
        PS_TRY(ps_delta_add_new_table(sink, actions, error));
    } else {
        PS_TRY(delta->is_other_schema ? ps_delta_add_metadata(sink, sink->schema, false, actions, error)
                                      : PENSTOCK_OK);
        PS_TRY(add_removes(delta, actions, error));
    }
    ps_buffer_add(actions, sink->adds.data != NULL ? sink->adds.data : "", sink->adds.size);
    const bool is_other =
        delta->claim.store_app == NULL || strcmp(delta->claim.store_app, sink->app_store) != 0;
    ps_delta_add_txn(actions, sink->app_attempt, delta->place->attempt);
    ps_delta_add_txn(actions, sink->app_store, delta->claim.generation + (is_other ? 1 : 0));
    return ps_buffer_status(actions, error);
}

static penstock_code commit(struct ps_dataset_delta *delta, struct penstock_error *error) {
    struct ps_delta_sink *sink = delta->sink;
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_buffer actions PS_SCOPED(ps_buffer_done);
    struct ps_delta_others others = {.arena = arena};
    ps_buffer_init(&actions, PS_DELTA_COMMIT_SIZE_MAX);
    if (arena == NULL) {
        return ps_error_memory(error, "a dataset's table");
    }
    PS_TRY(make_actions(delta, &actions, error));
    const struct ps_delta_commit request = {.operation = delta->is_table ? "WRITE" : "CREATE TABLE AS SELECT",
                                            .parameters = "{\"mode\":\"Overwrite\",\"partitionBy\":\"[]\"}",
                                            .epoch = {delta->claim.epoch.number + 1, delta->place->attempt},
                                            .actions = actions.data,
                                            .actions_size = actions.size,
                                            .must_be_first = !delta->is_table,
                                            .others = &others};
    const penstock_code code = ps_delta_log_commit(sink, &request, NULL, error);
    ps_release((void *)(uintptr_t)others.removed);
    return code;
}

penstock_code ps_dataset_delta_put(struct ps_dataset_delta *delta, int64_t *version_out,
                                   struct penstock_error *error) {
    struct ps_delta_sink *sink = delta->sink;
    bool is_table = false;
    PS_TRY(ps_parts_place(&sink->parts, sink->folder, error));
    penstock_code code = commit(delta, error);
    for (int i = 1; i < PUT_TRIES_MAX && code == PENSTOCK_BUSY; i++) { /* the files that go are others now */
        PS_TRY(look(delta, error));
        code = commit(delta, error);
    }
    PS_TRY(code);
    *version_out = sink->version;
    PS_TRY(ps_disk_remove_tree(sink->stage, error));
    PS_TRY(ps_delta_state_load(sink, &is_table, error));
    return ps_delta_checkpoint(sink, error);
}
