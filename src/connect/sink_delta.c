/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_delta.c - rows into a Delta Lake table: Parquet files by DuckDB, and one commit of the log an epoch.
 *
 * A reader sees a file only once a commit names it, so the commit is all there is to do at once; it carries a txn
 * action with the epoch's number, by which the same epoch is known when it comes again (see sink_delta_log.c).
 * recover() claims the table for this attempt with a commit of its own, which an older attempt will meet. Other
 * writers may work on the same table. Checkpoints and merges of small files are made between epochs, in begin().
 */
#include "connect/sink_delta.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "connect/sink_disk.h"
#include "connect/sink_file.h"
#include "connect/sink_owner.h"

/* Two penstocks that make one table at the same time. */
#define CREATE_TRIES_MAX 3

static const struct ps_option delta_options[] = {
    {.name = "path",
     .type = PS_OPTION_TEXT,
     .is_required = true,
     .offset = offsetof(struct ps_delta_config, path),
     .help = "the folder of the table, relative to the project",
     .since = "0.2"},
    {.name = "partition_by",
     .type = PS_OPTION_TEXT,
     .default_text = "",
     .offset = offsetof(struct ps_delta_config, partition_by),
     .help = "columns the table is partitioned by: 'day, origin'; texts, integers, dates and booleans",
     .since = "0.2"},
    PS_PARTS_COMPACT_OPTIONS(struct ps_delta_config, compact_files, target_file_size),
    {.name = "checkpoint.interval",
     .type = PS_OPTION_INTEGER,
     .default_text = "10",
     .value_min = 0,
     .value_max = 1000000,
     .offset = offsetof(struct ps_delta_config, checkpoint_interval),
     .help = "write a checkpoint of the log every so many commits; 0: never",
     .since = "0.2"},
    {.name = "retention",
     .type = PS_OPTION_DURATION,
     .default_text = "168h",
     .offset = offsetof(struct ps_delta_config, retention_ms),
     .help = "how long files that a merge has replaced stay on the disk, for readers of older versions",
     .since = "0.2"},
    {.name = "log.retention",
     .type = PS_OPTION_DURATION,
     .default_text = "720h",
     .offset = offsetof(struct ps_delta_config, log_retention_ms),
     .help =
         "how long commits of the log stay that a checkpoint stands for; older versions can be read as long",
     .since = "0.2"},
    PS_SINK_ON_OTHER_STORE(offsetof(struct ps_delta_config, on_other_store)),
    {.name = NULL},
};

static const char *const delta_encodes[] = {"parquet", NULL};

static void delta_close(void *state) {
    struct ps_delta_sink *sink = state;
    if (sink == NULL) {
        return;
    }
    ps_buffer_done(&sink->adds);
    ps_part_list_done(&sink->parts);
    ps_connection_close(sink->connection);
    ps_engine_close(sink->engine);
    ps_arena_free(sink->epoch_arena);
    ps_arena_free(sink->arena);
    ps_release(sink);
}

static void delta_close_scoped(struct ps_delta_sink **sink) {
    delta_close(*sink);
}

/* --- open ---------------------------------------------------------------------------------------------------- */

/* In the names of the files of (project, sink, store): so they are told from all others' in the same folder. */
static void make_tag(const struct ps_sink_setup *setup, const char *store_id, char *tag_out, size_t size) {
    uint64_t hash = ps_hash(setup->project, strlen(setup->project) + 1, 0);
    hash = ps_hash(setup->name, strlen(setup->name) + 1, hash);
    hash = ps_hash(store_id, strlen(store_id) + 1, hash);
    snprintf(tag_out, size, "%08" PRIx32, (uint32_t)(hash ^ hash >> 32));
}

static penstock_code check_partitions(const struct ps_delta_sink *sink, struct penstock_error *error) {
    static const char *const allowed[] = {"\"string\"", "\"byte\"",    "\"short\"", "\"integer\"",
                                          "\"long\"",   "\"boolean\"", "\"date\"",  NULL};
    for (size_t i = 0; i < sink->setup->column_count; i++) {
        bool is_partition = false, is_allowed = false;
        for (size_t k = 0; k < sink->partition_count; k++) {
            is_partition = is_partition || sink->partition_names[k] == sink->setup->column_names[i];
        }
        for (size_t k = 0; allowed[k] != NULL; k++) {
            is_allowed = is_allowed || strcmp(sink->columns[i].type, allowed[k]) == 0;
        }
        if (is_partition && !is_allowed) {
            (void)ps_error_set(error, PENSTOCK_UNSUPPORTED,
                               "sink %s: the table cannot be partitioned by column %s %s", sink->setup->name,
                               sink->setup->column_names[i], sink->setup->column_types[i]);
            return ps_error_hint(error,
                                 "partition by a text, an integer, a date or a boolean: CAST(... AS DATE)");
        }
    }
    return PENSTOCK_OK;
}

static penstock_code make_names(struct ps_delta_sink *sink, struct penstock_error *error) {
    const struct ps_sink_setup *setup = sink->setup;
    struct ps_arena *arena = sink->arena;
    sink->folder = ps_path_join(arena, setup->folder != NULL ? setup->folder : "", sink->config.path);
    sink->log_folder = sink->folder == NULL ? NULL : ps_path_join(arena, sink->folder, "_delta_log");
    sink->app = ps_arena_printf(arena, "penstock/%s/%s", setup->project, setup->name);
    sink->app_attempt = ps_arena_printf(arena, "penstock/%s/%s/attempt", setup->project, setup->name);
    sink->app_store_prefix = ps_arena_printf(arena, "penstock/%s/%s/store/", setup->project, setup->name);
    sink->app_store = ps_arena_printf(arena, "penstock/%s/%s/store/%s", setup->project, setup->name,
                                      ps_sink_store_id(setup));
    if (sink->log_folder == NULL || sink->app == NULL || sink->app_attempt == NULL ||
        sink->app_store_prefix == NULL || sink->app_store == NULL) {
        return ps_error_memory(error, "a sink");
    }
    make_tag(setup, ps_sink_store_id(setup), sink->tag, sizeof sink->tag);
    return PENSTOCK_OK;
}

static penstock_code delta_open(const struct ps_sink_setup *setup, const void *config, void **state_out,
                                struct penstock_error *error) {
    struct ps_delta_sink *sink PS_SCOPED(delta_close_scoped) = ps_allocate(1, sizeof *sink);
    if (sink == NULL || (sink->arena = ps_arena_new(0)) == NULL ||
        (sink->epoch_arena = ps_arena_new(0)) == NULL) {
        return ps_error_memory(error, "a sink");
    }
    ps_buffer_init(&sink->adds, PS_DELTA_COMMIT_SIZE_MAX);
    sink->setup = setup;
    sink->config = *(const struct ps_delta_config *)config;
    sink->version = sink->state_version = sink->checkpoint_version = -1;
    PS_TRY(make_names(sink, error));
    PS_TRY(ps_delta_schema_make(sink, error));
    PS_TRY(ps_parts_columns(setup, sink->config.partition_by, sink->arena, &sink->partition_names,
                            &sink->partition_count, error));
    PS_TRY(check_partitions(sink, error));
    *state_out = ps_take(sink);
    return PENSTOCK_OK;
}

/* --- recover ------------------------------------------------------------------------------------------------- */

static penstock_code refuse_unknown(const struct ps_delta_sink *sink, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    const char *literal = arena == NULL ? NULL : ps_disk_literal(arena, sink->folder);
    const char *pattern = literal == NULL ? NULL : ps_arena_printf(arena, "%s/**/*.parquet", literal);
    char **paths = NULL;
    size_t count = 0;
    if (pattern == NULL) {
        return ps_error_memory(error, "a sink");
    }
    PS_TRY(ps_file_glob(pattern, arena, &paths, &count, error));
    if (count == 0) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_ALREADY_EXISTS, "%s has Parquet files, but is no Delta table",
                       sink->folder);
    (void)ps_error_detail(error, "%s", paths[0]);
    return ps_error_hint(error, "move them away, or choose another path");
}

static void add_claim(const struct ps_delta_sink *sink, struct ps_buffer *actions) {
    ps_delta_add_txn(actions, sink->app_attempt, sink->epoch.attempt);
    ps_delta_add_txn(actions, sink->app_store, sink->generation);
}

static penstock_code commit_actions(struct ps_delta_sink *sink, const char *operation,
                                    const struct ps_buffer *actions, bool must_be_first,
                                    struct penstock_error *error) {
    const struct ps_delta_commit commit = {.operation = operation,
                                           .parameters = "{}",
                                           .actions = actions->data,
                                           .actions_size = actions->size,
                                           .must_be_first = must_be_first};
    PS_TRY(ps_buffer_status(actions, error));
    return ps_delta_log_commit(sink, &commit, NULL, error);
}

penstock_code ps_delta_add_new_table(const struct ps_delta_sink *sink, struct ps_buffer *actions,
                                     struct penstock_error *error) {
    uint8_t id[16] = {0};
    if (getrandom(id, sizeof id, 0) != (ssize_t)sizeof id) {
        return ps_error_set(error, PENSTOCK_INTERNAL, "the system gives no random bytes");
    }
    ps_buffer_text(
        actions, "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n{\"metaData\":{\"id\":\"");
    for (size_t i = 0; i < sizeof id; i++) {
        id[i] = i == 6 ? (uint8_t)(0x40 | (id[i] & 0x0f)) : i == 8 ? (uint8_t)(0x80 | (id[i] & 0x3f)) : id[i];
        ps_buffer_printf(actions, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", id[i]);
    }
    ps_buffer_text(actions, "\",\"format\":{\"provider\":\"parquet\",\"options\":{}},\"schemaString\":");
    ps_buffer_json(actions, sink->schema, strlen(sink->schema));
    ps_buffer_text(actions, ",\"partitionColumns\":[");
    for (size_t i = 0; i < sink->partition_count; i++) {
        ps_buffer_text(actions, i > 0 ? "," : "");
        ps_buffer_json(actions, sink->partition_names[i], strlen(sink->partition_names[i]));
    }
    ps_buffer_printf(actions, "],\"configuration\":{},\"createdTime\":%" PRId64 "}}\n", ps_clock_wall_ms());
    return PENSTOCK_OK;
}

penstock_code ps_delta_add_metadata(const struct ps_delta_sink *sink, const char *schema,
                                    bool keeps_partitions, struct ps_buffer *actions,
                                    struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    const char *const values[] = {schema, keeps_partitions ? "true" : "false"};
    PS_TRY(ps_sql_query_with(
        sink->connection,
        "SELECT to_json({metaData: {id: id, name: name, description: description, format: format,"
        " schemaString: $1::VARCHAR, partitionColumns: CASE WHEN $2::BOOLEAN THEN partitionColumns"
        " ELSE []::VARCHAR[] END, configuration: configuration, createdTime: createdTime}})::VARCHAR"
        " FROM delta_metadata",
        values, 2, &result, error));
    ps_buffer_text(actions, ps_result_text(result, 0, 0));
    ps_buffer_text(actions, "\n");
    return ps_buffer_status(actions, error);
}

/* Version 0: protocol and columns. BUSY when somebody else was faster. */
static penstock_code create_table(struct ps_delta_sink *sink, struct penstock_error *error) {
    struct ps_buffer actions PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&actions, PS_DELTA_COMMIT_SIZE_MAX);
    PS_TRY(ps_delta_add_new_table(sink, &actions, error));
    sink->epoch.number = 0;
    sink->generation = 1;
    add_claim(sink, &actions);
    return commit_actions(sink, "CREATE TABLE", &actions, true, error);
}

/* --- claim ----------------------------------------------------------------------------------------------- */

/* Another store's rows go: a remove for each file with its tag, and the count starts anew. */
static penstock_code add_replace(const struct ps_delta_sink *sink, const char *store_id,
                                 struct ps_buffer *actions, struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    char tag[sizeof sink->tag];
    make_tag(sink->setup, store_id, tag, sizeof tag);
    PS_TRY(ps_sql_queryf(sink->connection, &result, error,
                         "SELECT path, to_json(partitionValues)::VARCHAR, size FROM delta_files WHERE"
                         " parse_filename(path) LIKE 'part-%%-%s%%.parquet' ORDER BY path",
                         tag));
    for (int64_t i = 0; i < ps_result_row_count(result); i++) {
        ps_delta_add_remove(actions, ps_result_text(result, i, 0), ps_result_text(result, i, 1),
                            ps_result_integer(result, i, 2), true);
    }
    ps_delta_add_txn(actions, sink->app, 0);
    return PENSTOCK_OK;
}

/* A source has got columns: the table gets them, too. Older files do not have them, which reads as NULL. */
static penstock_code add_columns(const struct ps_delta_sink *sink, struct ps_buffer *actions,
                                 struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    struct ps_buffer schema PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&schema, PS_DELTA_STATEMENT_SIZE_MAX);
    PS_TRY(ps_sql_query(sink->connection, "SELECT schemaString FROM delta_metadata", &result, error));
    PS_TRY(ps_delta_schema_grow(sink, ps_result_text(result, 0, 0), &schema, error));
    return ps_delta_add_metadata(sink, schema.data, true, actions, error);
}

static penstock_code claim_table(struct ps_delta_sink *sink, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_buffer actions PS_SCOPED(ps_buffer_done);
    struct ps_delta_claim claim = {0};
    bool is_other = false;
    ps_buffer_init(&actions, PS_DELTA_COMMIT_SIZE_MAX);
    if (arena == NULL) {
        return ps_error_memory(error, "a sink");
    }
    PS_TRY(ps_delta_table_check(sink, &sink->is_short, error));
    PS_TRY(sink->is_short ? add_columns(sink, &actions, error) : PENSTOCK_OK);
    PS_TRY(ps_delta_claim_read(sink, arena, &claim, error));
    if (claim.generation > 0) {
        const struct ps_sink_owner owner = {.project = sink->setup->project,
                                            .sink = sink->setup->name,
                                            .store_id = claim.store_app + strlen(sink->app_store_prefix),
                                            .epoch = claim.epoch};
        PS_TRY(ps_sink_owner_claim(&owner, sink->setup, sink->epoch.attempt, sink->folder,
                                   strcmp(sink->config.on_other_store, "replace") == 0, &is_other, error));
        if (is_other) {
            PS_TRY(add_replace(sink, owner.store_id, &actions, error));
            claim.epoch.number = 0;
        }
    }
    sink->epoch.number = claim.epoch.number;
    sink->generation = is_other || claim.generation == 0 ? claim.generation + 1 : claim.generation;
    add_claim(sink, &actions);
    PS_TRY(commit_actions(sink,
                          is_other         ? "DELETE"
                          : sink->is_short ? "ADD COLUMNS"
                                           : "STREAMING UPDATE",
                          &actions, false, error));
    sink->is_short = false;
    return PENSTOCK_OK;
}

/* Stage folders and half-written commits (".TAG.ATTEMPT.stage", ".TAG.ATTEMPT.tmp"), ours and of earlier attempts. */
static penstock_code clean(const struct ps_delta_sink *sink, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    const char *start = arena == NULL ? NULL : ps_arena_printf(arena, ".%s.", sink->tag);
    const char *folders[] = {sink->folder, sink->log_folder};
    if (start == NULL) {
        return ps_error_memory(error, "a sink");
    }
    for (size_t k = 0; k < 2; k++) {
        char **names = NULL;
        size_t count = 0;
        PS_TRY(ps_file_list(folders[k], arena, &names, &count, error));
        for (size_t i = 0; i < count; i++) {
            const char *path = ps_path_join(arena, folders[k], names[i]);
            if (path == NULL) {
                return ps_error_memory(error, "a sink");
            }
            if (strncmp(names[i], start, strlen(start)) == 0 &&
                strtoll(names[i] + strlen(start), NULL, 10) <= sink->epoch.attempt) {
                PS_TRY(ps_disk_remove_tree(path, error));
            }
        }
    }
    return PENSTOCK_OK;
}

static penstock_code make_or_claim(struct ps_delta_sink *sink, struct penstock_error *error) {
    penstock_code code = PENSTOCK_BUSY;
    for (int i = 0; i < CREATE_TRIES_MAX && code == PENSTOCK_BUSY; i++) {
        bool is_table = false;
        PS_TRY(ps_delta_state_load(sink, &is_table, error));
        if (is_table) {
            return claim_table(sink, error);
        }
        PS_TRY(refuse_unknown(sink, error));
        code = create_table(sink, error);
    }
    return code;
}

static penstock_code delta_recover(void *state, int64_t attempt, struct ps_epoch *epoch_out,
                                   struct ps_position_list *positions_out, struct penstock_error *error) {
    struct ps_delta_sink *sink = state;
    bool is_table = false;
    sink->epoch = (struct ps_epoch){0, attempt};
    sink->version = sink->state_version = -1;
    PS_TRY(ps_disk_make_folders(sink->log_folder, error));
    PS_TRY(make_or_claim(sink, error));
    PS_TRY(
        ps_delta_state_load(sink, &is_table, error)); /* our claim is in it; nobody older commits any more */
    PS_TRY(clean(sink, error));
    PS_TRY(ps_delta_remove_orphans(sink, error));
    PS_TRY(ps_delta_log_positions(sink, positions_out, error));
    sink->stage = ps_arena_printf(sink->arena, "%s/.%s.%" PRId64 ".stage", sink->folder, sink->tag, attempt);
    sink->added_count = sink->config.compact_files; /* look for small files once */
    *epoch_out = sink->epoch;
    return sink->stage != NULL ? PENSTOCK_OK : ps_error_memory(error, "a sink");
}

/* --- an epoch ------------------------------------------------------------------------------------------------ */

static penstock_code delta_begin(void *state, struct ps_epoch epoch, struct penstock_error *error) {
    struct ps_delta_sink *sink = state;
    ps_part_list_done(&sink->parts);
    ps_arena_reset(sink->epoch_arena);
    ps_part_list_init(&sink->parts, sink->epoch_arena);
    ps_buffer_clear(&sink->adds);
    sink->row_count = 0;
    sink->is_there = epoch.number <= sink->epoch.number;
    if (sink->is_there) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_delta_compact(sink, error));
    return ps_delta_checkpoint(sink, error);
}

/* A TIMESTAMP inside a list or struct can only be cast as the session's time zone has it. */
static penstock_code check_zone(const struct ps_delta_sink *sink, struct ps_connection *connection,
                                struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    const char *column = NULL;
    for (size_t i = 0; i < sink->setup->column_count && column == NULL; i++) {
        column = sink->columns[i].has_zone_cast ? sink->columns[i].name : NULL;
    }
    if (column == NULL) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_sql_query(connection,
                        "SELECT epoch_us(TIMESTAMP '2013-07-01 00:00:00'::TIMESTAMPTZ) ="
                        " epoch_us(TIMESTAMP '2013-07-01 00:00:00')",
                        &result, error));
    if (ps_result_integer(result, 0, 0) == 1) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_UNSUPPORTED,
                       "%s %s: column %s has a TIMESTAMP inside, and the session's time zone is not UTC",
                       ps_delta_what(sink), sink->setup->name, column);
    return ps_error_hint(error, "SET TimeZone = 'UTC'; in the project's SQL");
}

static void add_select(const struct ps_delta_sink *sink, const char *select_sql, struct ps_buffer *sql) {
    ps_buffer_text(sql, "SELECT ");
    for (size_t i = 0; i < sink->setup->column_count; i++) {
        ps_buffer_text(sql, i > 0 ? ", " : "");
        ps_buffer_text(sql, sink->columns[i].expression);
        ps_buffer_text(sql, " AS ");
        ps_buffer_sql_name(sql, sink->columns[i].name);
    }
    ps_buffer_text(sql, " FROM (");
    ps_buffer_text(sql, select_sql);
    ps_buffer_text(sql, "\n)");
}

penstock_code ps_delta_write_rows(struct ps_delta_sink *sink, struct ps_connection *connection,
                                  const char *select_sql, struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_DELTA_STATEMENT_SIZE_MAX);
    add_select(sink, select_sql, &sql);
    PS_TRY(ps_buffer_status(&sql, error));
    PS_TRY(check_zone(sink, connection, error));
    const struct ps_parts_copy copy = {
        .select_sql = sql.data,
        .stage = sink->stage,
        .partition_names = sink->partition_names,
        .partition_count = sink->partition_count,
        .name = ps_arena_printf(sink->epoch_arena, "part-%012" PRId64 "-%" PRId64 "-%s",
                                sink->epoch.number + 1, sink->epoch.attempt, sink->tag)};
    if (copy.name == NULL) {
        return ps_error_memory(error, "a sink");
    }
    PS_TRY(ps_parts_copy(&copy, connection, &sink->parts, &sink->row_count, error));
    return ps_delta_stats_add(sink, connection, &sink->parts, true, &sink->adds, error);
}

static penstock_code delta_copy(void *state, struct ps_connection *connection, const char *select_sql,
                                int64_t *row_count_out, struct penstock_error *error) {
    struct ps_delta_sink *sink = state;
    if (sink->is_there) {
        return ps_sink_count(connection, select_sql, row_count_out, error);
    }
    const penstock_code code = ps_delta_write_rows(sink, connection, select_sql, error);
    *row_count_out = sink->row_count;
    return code == PENSTOCK_OK
               ? code
               : ps_error_context(error, "sink %s: write %s", sink->setup->name, sink->folder);
}

static penstock_code delta_commit(void *state, struct ps_epoch epoch,
                                  const struct ps_position_list *positions, struct penstock_error *error) {
    struct ps_delta_sink *sink = state;
    char parameters[128];
    bool is_there = false;
    if (sink->is_there) {
        return PENSTOCK_OK;
    }
    snprintf(parameters, sizeof parameters, "{\"outputMode\":\"Append\",\"epochId\":\"%" PRId64 "\"}",
             epoch.number);
    const struct ps_delta_commit commit = {.operation = "STREAMING UPDATE",
                                           .parameters = parameters,
                                           .positions = positions,
                                           .epoch = epoch,
                                           .actions = sink->adds.data != NULL ? sink->adds.data : "",
                                           .actions_size = sink->adds.size,
                                           .is_append = true};
    /* a newer attempt has cleaned our stage away: say so, and not that a file is missing */
    PS_TRY(sink->parts.count > 0 ? ps_delta_log_look(sink, error) : PENSTOCK_OK);
    PS_TRY(ps_parts_place(&sink->parts, sink->folder, error));
    PS_TRY(ps_delta_log_commit(sink, &commit, &is_there, error));
    sink->epoch.number = epoch.number;
    sink->added_count += (int64_t)sink->parts.count;
    return sink->parts.count > 0 ? ps_disk_remove_tree(sink->stage, error) : PENSTOCK_OK;
}

static penstock_code delta_discard(void *state, struct penstock_error *error) {
    struct ps_delta_sink *sink = state;
    ps_part_list_done(&sink->parts);
    return sink->stage != NULL ? ps_disk_remove_tree(sink->stage, error) : PENSTOCK_OK;
}

const struct ps_sink_type ps_sink_delta = {
    .name = "delta",
    .summary = "a Delta Lake table",
    .options = delta_options,
    .config_size = sizeof(struct ps_delta_config),
    .encodes = delta_encodes,
    .delivery = PS_DELIVERY_WRITE_ONCE,
    .open = delta_open,
    .recover = delta_recover,
    .begin = delta_begin,
    .copy = delta_copy,
    .commit = delta_commit,
    .discard = delta_discard,
    .close = delta_close,
};
