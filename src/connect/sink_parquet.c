/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_parquet.c - rows as Parquet files of a folder, with a manifest that says which of them count.
 *
 * _manifest.json names every committed file with its rows, bytes and epochs, and whose they are; replacing it is the
 * commit. DuckDB writes an epoch into a hidden stage folder; commit() renames the files into place and then replaces
 * the manifest. A reader of the manifest is always exact. A reader of the pattern part-*.parquet is exact whenever no
 * commit is under way: files that a crash left behind are removed by recover(), and their epoch is written again.
 * Small files are merged between two epochs; again the manifest is what counts, the merged ones are removed after it.
 */
#include "connect/sink_parquet.h"

#include <inttypes.h>

#include "connect/sink_disk.h"
#include "connect/sink_file.h"
#include "connect/sink_owner.h"

#define SELECT_SIZE_MAX ((size_t)16 << 20)

static const struct ps_option parquet_options[] = {
    {.name = "path",
     .type = PS_OPTION_TEXT,
     .is_required = true,
     .offset = offsetof(struct ps_parquet_config, path),
     .help = "the folder of the files, relative to the project",
     .since = "0.2"},
    {.name = "partition_by",
     .type = PS_OPTION_TEXT,
     .default_text = "",
     .offset = offsetof(struct ps_parquet_config, partition_by),
     .help = "columns that become folders: 'day, origin' gives day=2013-01-01/origin=JFK/",
     .since = "0.2"},
    PS_PARTS_COMPACT_OPTIONS(struct ps_parquet_config, compact_files, target_file_size),
    PS_SINK_ON_OTHER_STORE(offsetof(struct ps_parquet_config, on_other_store)),
    {.name = NULL},
};

static const char *const parquet_encodes[] = {"parquet", NULL};

static void parquet_close(void *state) {
    struct ps_parquet_sink *sink = state;
    if (sink == NULL) {
        return;
    }
    ps_parquet_clear_files(&sink->files);
    ps_release(sink->files.items);
    if (sink->has_positions) {
        ps_position_list_done(&sink->positions);
    }
    ps_part_list_done(&sink->parts);
    ps_connection_close(sink->connection);
    ps_engine_close(sink->engine);
    ps_arena_free(sink->epoch_arena);
    ps_arena_free(sink->arena);
    ps_release(sink);
}

static void parquet_close_scoped(struct ps_parquet_sink **sink) {
    parquet_close(*sink);
}

static penstock_code parquet_open(const struct ps_sink_setup *setup, const void *config, void **state_out,
                                  struct penstock_error *error) {
    struct ps_parquet_sink *sink PS_SCOPED(parquet_close_scoped) = ps_allocate(1, sizeof *sink);
    if (sink == NULL || (sink->arena = ps_arena_new(0)) == NULL ||
        (sink->epoch_arena = ps_arena_new(0)) == NULL) {
        return ps_error_memory(error, "a sink");
    }
    sink->setup = setup;
    sink->config = *(const struct ps_parquet_config *)config;
    sink->folder = ps_path_join(sink->arena, setup->folder != NULL ? setup->folder : "", sink->config.path);
    sink->manifest_path =
        sink->folder == NULL ? NULL : ps_path_join(sink->arena, sink->folder, PS_PARQUET_MANIFEST);
    if (sink->manifest_path == NULL) {
        return ps_error_memory(error, "a sink");
    }
    PS_TRY(ps_parts_columns(setup, sink->config.partition_by, sink->arena, &sink->partition_names,
                            &sink->partition_count, error));
    *state_out = ps_take(sink);
    return PENSTOCK_OK;
}

/* --- recover ---------------------------------------------------------------------------------------------------- */

static penstock_code keep_positions(struct ps_parquet_sink *sink, const struct ps_position_list *positions,
                                    struct penstock_error *error) {
    struct ps_position_list copy;
    PS_TRY(ps_position_list_copy(positions, &copy, error));
    if (sink->has_positions) {
        ps_position_list_done(&sink->positions);
    }
    sink->positions = copy;
    sink->has_positions = true;
    return PENSTOCK_OK;
}

static penstock_code parquet_recover(void *state, int64_t attempt, struct ps_epoch *epoch_out,
                                     struct ps_position_list *positions_out, struct penstock_error *error) {
    struct ps_parquet_sink *sink = state;
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    if (arena == NULL) {
        return ps_error_memory(error, "a sink");
    }
    PS_TRY(ps_disk_make_folders(sink->folder, error));
    int lock PS_SCOPED(ps_disk_unlock_scoped) = -1;
    PS_TRY(ps_disk_lock(sink->folder, &lock, error));
    ps_parquet_clear_files(&sink->files);
    sink->epoch = (struct ps_epoch){0};
    sink->file_count_seen = 0;
    PS_TRY(keep_positions(sink, positions_out, error));
    PS_TRY(ps_parquet_load(sink, attempt, arena, error));
    sink->epoch.attempt = attempt;
    PS_TRY(ps_parquet_write_manifest(sink, sink->epoch, &sink->positions, &sink->files, error));
    PS_TRY(ps_parquet_clean(sink, arena, error));
    sink->stage = ps_arena_printf(sink->arena, "%s/.stage-%" PRId64, sink->folder, attempt);
    for (size_t i = 0; i < sink->positions.count; i++) {
        PS_TRY(ps_position_list_set(positions_out, &sink->positions.items[i], error));
    }
    *epoch_out = sink->epoch;
    return sink->stage != NULL ? PENSTOCK_OK : ps_error_memory(error, "a sink");
}

/* --- an epoch ------------------------------------------------------------------------------------------------ */

static penstock_code parquet_begin(void *state, struct ps_epoch epoch, struct penstock_error *error) {
    struct ps_parquet_sink *sink = state;
    ps_part_list_done(&sink->parts);
    ps_arena_reset(sink->epoch_arena);
    ps_part_list_init(&sink->parts, sink->epoch_arena);
    sink->is_there = epoch.number <= sink->epoch.number;
    return sink->is_there ? PENSTOCK_OK : ps_parquet_compact(sink, error);
}

/* DuckDB writes integers of 128 bits as DOUBLE, which has 53: they become decimals. */
static void add_select(struct ps_buffer *sql, const struct ps_sink_setup *setup, const char *select_sql) {
    size_t count = 0;
    for (size_t i = 0; i < setup->column_count; i++) {
        if (strcmp(setup->column_types[i], "HUGEINT") != 0 &&
            strcmp(setup->column_types[i], "UHUGEINT") != 0) {
            continue;
        }
        ps_buffer_text(sql, count++ == 0 ? "SELECT * REPLACE (" : ", ");
        ps_buffer_sql_name(sql, setup->column_names[i]);
        ps_buffer_text(sql, "::DECIMAL(38, 0) AS ");
        ps_buffer_sql_name(sql, setup->column_names[i]);
    }
    ps_buffer_text(sql, count > 0 ? ") FROM (" : "");
    ps_buffer_text(sql, select_sql);
    ps_buffer_text(sql, count > 0 ? "\n)" : "");
}

static penstock_code parquet_copy(void *state, struct ps_connection *connection, const char *select_sql,
                                  int64_t *row_count_out, struct penstock_error *error) {
    struct ps_parquet_sink *sink = state;
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, SELECT_SIZE_MAX);
    if (sink->is_there) {
        return ps_sink_count(connection, select_sql, row_count_out, error);
    }
    add_select(&sql, sink->setup, select_sql);
    PS_TRY(ps_buffer_status(&sql, error));
    const struct ps_parts_copy copy = {.select_sql = sql.data,
                                       .stage = sink->stage,
                                       .partition_names = sink->partition_names,
                                       .partition_count = sink->partition_count,
                                       .name =
                                           ps_arena_printf(sink->epoch_arena, "part-%012" PRId64 "-%" PRId64,
                                                           sink->epoch.number + 1, sink->epoch.attempt)};
    if (copy.name == NULL) {
        return ps_error_memory(error, "a sink");
    }
    const penstock_code code = ps_parts_copy(&copy, connection, &sink->parts, row_count_out, error);
    return code == PENSTOCK_OK
               ? code
               : ps_error_context(error, "sink %s: write %s", sink->setup->name, sink->folder);
}

static penstock_code parquet_commit(void *state, struct ps_epoch epoch,
                                    const struct ps_position_list *positions, struct penstock_error *error) {
    struct ps_parquet_sink *sink = state;
    if (sink->is_there) {
        return PENSTOCK_OK;
    }
    int lock PS_SCOPED(ps_disk_unlock_scoped) = -1;
    PS_TRY(ps_disk_lock(sink->folder, &lock, error));
    PS_TRY(ps_parquet_check_owner(sink, epoch.attempt, error));
    PS_TRY(ps_parts_place(&sink->parts, sink->folder, error));
    for (size_t i = 0; i < sink->parts.count; i++) {
        const struct ps_part *part = &sink->parts.items[i];
        const struct ps_parquet_file file = {.row_count = part->row_count,
                                             .size = part->size,
                                             .epoch_first = epoch.number,
                                             .epoch_last = epoch.number};
        PS_TRY(ps_parquet_add_file(&sink->files, &file, part->name, error));
    }
    /* whatever fails from here on, only recover() knows whether the epoch is there, and it loads everything anew */
    PS_TRY(keep_positions(sink, positions, error));
    PS_TRY(ps_parquet_write_manifest(sink, epoch, positions, &sink->files, error));
    sink->epoch = epoch;
    return PENSTOCK_OK;
}

static penstock_code parquet_discard(void *state, struct penstock_error *error) {
    struct ps_parquet_sink *sink = state;
    ps_part_list_done(&sink->parts);
    return sink->stage != NULL ? ps_disk_remove_tree(sink->stage, error) : PENSTOCK_OK;
}

const struct ps_sink_type ps_sink_parquet = {
    .name = "parquet",
    .summary = "a folder of Parquet files with a manifest",
    .options = parquet_options,
    .config_size = sizeof(struct ps_parquet_config),
    .encodes = parquet_encodes,
    .delivery = PS_DELIVERY_WRITE_ONCE,
    .open = parquet_open,
    .recover = parquet_recover,
    .begin = parquet_begin,
    .copy = parquet_copy,
    .commit = parquet_commit,
    .discard = parquet_discard,
    .close = parquet_close,
};
