/* SPDX-License-Identifier: Apache-2.0
 *
 * datasets.c - one dataset from its statement to its places.
 */
#include "app/datasets.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/standing.h"
#include "base/clock.h"
#include "base/limits.h"
#include "connect/dataset_files.h"
#include "model/dataset.h"
#include "model/preparation.h"
#include "publish/quality.h"
#include "publish/snapshot.h"
#include "sql/serve.h"

/* JSON of the positions: a million files with long names. */
#define POSITIONS_SIZE_MAX ((size_t)512 << 20)
#define PAGE_SIZE_MAX ((size_t)256 << 20)
/* Temporary tables, so that no name of a project's is in their way. */
#define ROWS_TABLE "temp.main.penstock_dataset_rows"
#define MADE_TABLE "temp.main.penstock_dataset_made"

struct making {
    struct ps_progress *progress;
    const struct ps_node *node;
    struct ps_connection *connection;
    struct ps_arena *arena;
    struct ps_dataset_settings settings;
    struct ps_dataset_place parquet, delta, report, numbers; /* path NULL: not asked for */
    struct ps_dataset_delta *table;
    struct ps_preparation *preparation;
    const char **column_names, **column_types; /* of the dataset */
    size_t column_count;
    yyjson_mut_doc *quality; /* JSON, also of the page */
    struct ps_buffer snapshot, positions, fitted, files, dropped, text;
    struct ps_dataset_record last;
    int64_t parquet_size, delta_size, delta_version;
    bool has_parquet; /* it is written, and not put yet */
    char made_at[32];
};

static void making_done(struct making *making) {
    if (making->has_parquet) {
        ps_dataset_parquet_discard(&making->parquet);
    }
    ps_dataset_delta_close(making->table);
    struct penstock_error ignored;
    (void)!ps_sql_run(making->connection,
                      "DROP TABLE IF EXISTS " ROWS_TABLE "; DROP TABLE IF EXISTS " MADE_TABLE, &ignored);
    ps_json_free_scoped(&making->quality);
    ps_buffer_done(&making->snapshot);
    ps_buffer_done(&making->positions);
    ps_buffer_done(&making->fitted);
    ps_buffer_done(&making->files);
    ps_buffer_done(&making->dropped);
    ps_buffer_done(&making->text);
    ps_arena_free(making->arena);
}

/* ---- before anything ---- */

static struct ps_dataset_place place_of(const struct making *making, const char *path) {
    const struct ps_project *project = making->progress->app->project;
    return (struct ps_dataset_place){.name = making->node->name,
                                     .project = project->manifest.name,
                                     .store_id = making->progress->store->id,
                                     .attempt = making->progress->store->attempt,
                                     .folder = project->folder,
                                     .path = path,
                                     .may_replace = strcmp(making->settings.on_existing, "replace") == 0};
}

static penstock_code begin(struct making *making, struct penstock_error *error) {
    making->arena = ps_arena_new(0);
    making->quality = ps_json_new();
    if (making->arena == NULL || making->quality == NULL) {
        return ps_error_memory(error, "a dataset");
    }
    struct ps_buffer *const buffers[] = {&making->snapshot, &making->positions, &making->fitted,
                                         &making->files,    &making->dropped,   &making->text};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        ps_buffer_init(buffers[i], POSITIONS_SIZE_MAX);
    }
    PS_TRY(ps_dataset_settings_read(&making->node->statement->as.dataset, making->arena, &making->settings,
                                    error));
    making->parquet = place_of(making, making->settings.parquet);
    making->delta = place_of(making, making->settings.delta);
    making->report = place_of(making, making->settings.report);
    making->numbers = place_of(making, making->settings.numbers);
    return ps_dataset_store_prepare(making->connection, error);
}

static penstock_code check_file(const struct making *making, const struct ps_dataset_place *place,
                                struct penstock_error *error) {
    bool owns = false;
    if (place->path == NULL) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_dataset_store_owns(making->connection, making->node->name, place->path, &owns, error));
    return ps_dataset_file_check(place, owns, error);
}

/* ---- is there anything new? ---- */

/* Can it be told from the snapshot that the rows are the same? */
static bool is_known(const struct making *making) {
    yyjson_doc *document PS_SCOPED(ps_json_read_free_scoped) =
        ps_json_read(making->snapshot.data, making->snapshot.size);
    size_t index, count;
    yyjson_val *input;
    bool is_known = document != NULL;
    yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(document), "inputs"), index, count, input) {
        yyjson_val *kind = yyjson_obj_get(input, "kind");
        is_known = is_known && !yyjson_equals_str(kind, "function") && !yyjson_equals_str(kind, "outside");
    }
    return is_known;
}

static bool are_places_there(const struct making *making) {
    return (making->parquet.path == NULL || ps_dataset_file_is_there(&making->parquet)) &&
           (making->delta.path == NULL || ps_dataset_delta_is_there(&making->delta)) &&
           (making->report.path == NULL ||
            (ps_dataset_file_is_there(&making->report) && ps_dataset_file_is_there(&making->numbers)));
}

static penstock_code is_same(struct making *making, bool *is_same_out, struct penstock_error *error) {
    bool is_there = false;
    size_t source_count = 0;
    PS_TRY(ps_standing_positions(making->connection, making->progress->app->graph, making->node,
                                 &making->positions, &source_count, error));
    PS_TRY(ps_snapshot_record(making->connection, making->progress->app->graph, making->node,
                              &making->snapshot, error));
    PS_TRY(ps_dataset_store_last(making->connection, making->node->name, making->arena, &making->last,
                                 &is_there, error));
    *is_same_out = is_there && is_known(making) &&
                   strcmp(making->last.statement, making->node->statement->text) == 0 &&
                   strcmp(making->last.snapshot, making->snapshot.data) == 0 && are_places_there(making);
    return PENSTOCK_OK;
}

/* ---- the rows ---- */

/* The SELECT's rows as a table: read once, in the order that they will have. */
static penstock_code take_rows(struct making *making, struct penstock_error *error) {
    const char *select = making->node->statement->as.dataset.select.text;
    const char *expanded = NULL;
    bool is_disordered = false, is_sorted = false;
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, (size_t)16 << 20);
    PS_TRY(ps_serve_expand(select, making->arena, &expanded, NULL, NULL, error)); /* it may predict */
    PS_TRY(ps_dataset_find_order(making->connection, select, &is_disordered, &is_sorted, error));
    /* the line break ends a comment at the end of the SELECT */
    ps_buffer_printf(&sql, "CREATE OR REPLACE TEMP TABLE " ROWS_TABLE " AS SELECT * FROM (%s\n)%s", expanded,
                     is_sorted ? " ORDER BY ALL" : "");
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_run(making->connection, sql.data, error);
}

static penstock_code prepare(struct making *making, struct penstock_error *error) {
    struct ps_store *store = making->progress->store;
    const char **names = NULL, **types = NULL;
    size_t count = 0;
    PS_TRY(ps_sql_describe(making->connection, "SELECT * FROM " ROWS_TABLE, making->arena, &names, &types,
                           &count, NULL, error));
    PS_TRY(
        ps_preparation_read(making->node, names, types, count, making->arena, &making->preparation, error));
    const struct ps_preparation_run run = {
        .engine = store->engine,
        .connection = making->connection,
        .rows = ROWS_TABLE,
        .made = MADE_TABLE,
        .feed = ps_arena_printf(making->arena, "dataset/%" PRId64, ++store->feed_count),
        .stop = &making->progress->app->stop};
    if (run.feed == NULL) {
        return ps_error_memory(error, "a dataset");
    }
    PS_TRY(ps_preparation_run(making->preparation, &run, error));
    PS_TRY(ps_sql_describe(making->connection, making->preparation->select, making->arena,
                           &making->column_names, &making->column_types, &making->column_count, NULL, error));
    return ps_preparation_write(making->preparation, &making->fitted, error);
}

static penstock_code measure(struct making *making, struct penstock_error *error) {
    const struct ps_quality_setup setup = {.connection = making->connection,
                                           .preparation = making->preparation,
                                           .rows = ROWS_TABLE,
                                           .column_names = making->column_names,
                                           .column_types = making->column_types,
                                           .column_count = making->column_count,
                                           .arena = making->arena,
                                           .stop = &making->progress->app->stop};
    yyjson_mut_val *root = yyjson_mut_doc_get_root(making->quality);
    ps_json_add_text(making->quality, root, "dataset", making->node->name);
    ps_json_add_text(making->quality, root, "project", making->progress->app->project->manifest.name);
    (void)yyjson_mut_obj_add_sint(making->quality, root, "making", making->last.making + 1);
    ps_json_add_text(making->quality, root, "made_at", making->made_at);
    ps_json_add_text(making->quality, root, "application", ps_application_id(making->progress->application));
    ps_json_add_text(making->quality, root, "statement", making->node->statement->text);
    return ps_quality_measure(&setup, making->quality, error);
}

static void set_columns(const struct making *making, struct ps_dataset_place *place) {
    place->column_names = making->column_names;
    place->column_types = making->column_types;
    place->column_count = making->column_count;
}

/* Beside their places. */
static penstock_code write_files(struct making *making, struct penstock_error *error) {
    const char *select = making->preparation->select;
    int64_t rows = 0;
    set_columns(making, &making->parquet);
    set_columns(making, &making->delta);
    if (making->delta.path != NULL) {
        PS_TRY(ps_dataset_delta_open(&making->delta, &making->table, error));
    }
    if (making->parquet.path != NULL) {
        PS_TRY(ps_dataset_parquet_write(&making->parquet, making->connection, select, &rows,
                                        &making->parquet_size, error));
        making->has_parquet = true;
    }
    if (making->delta.path != NULL) {
        PS_TRY(ps_dataset_delta_write(making->table, making->connection, select, &rows, &making->delta_size,
                                      error));
    }
    return PENSTOCK_OK;
}

static penstock_code work_on_snapshot(struct making *making, bool *is_same_out,
                                      struct penstock_error *error) {
    PS_TRY(is_same(making, is_same_out, error));
    if (*is_same_out) {
        return PENSTOCK_OK;
    }
    PS_TRY(check_file(making, &making->parquet, error));
    PS_TRY(check_file(making, &making->report, error));
    PS_TRY(check_file(making, &making->numbers, error));
    if (making->delta.path != NULL) { /* its columns are not known yet; that it may be written to is */
        struct ps_dataset_delta *table PS_SCOPED(ps_dataset_delta_close_scoped) = NULL;
        PS_TRY(ps_dataset_delta_open(&making->delta, &table, error));
    }
    ps_voice_line(&making->progress->voice, "dataset %s: making", making->node->name);
    return take_rows(making, error);
}

/* The rows, what they stand on and what is known of them are of one moment. From then on the rows are a table of this
 * connection alone. */
static penstock_code take_snapshot(struct making *making, bool *is_same_out, struct penstock_error *error) {
    PS_TRY(ps_sql_run(making->connection, "BEGIN TRANSACTION", error));
    penstock_code code = work_on_snapshot(making, is_same_out, error);
    code = code == PENSTOCK_OK ? ps_sql_run(making->connection, "COMMIT", error) : code;
    if (code != PENSTOCK_OK) {
        struct penstock_error ignored;
        (void)!ps_sql_run(making->connection, "ROLLBACK", &ignored);
    }
    return code;
}

/* ---- into place ---- */

static penstock_code commit(struct making *making, penstock_code code, struct penstock_error *error) {
    struct ps_store *store = making->progress->store;
    code = code == PENSTOCK_OK ? ps_store_check_owner(store, error) : code;
    code = code == PENSTOCK_OK ? ps_sql_run(making->connection, "COMMIT", error) : code;
    if (code != PENSTOCK_OK) {
        struct penstock_error ignored;
        (void)!ps_sql_run(making->connection, "ROLLBACK", &ignored);
        return code;
    }
    return ps_store_settle(store, error);
}

static penstock_code add_claims(struct making *making, struct penstock_error *error) {
    const struct ps_dataset_place *const places[] = {&making->parquet, &making->report, &making->numbers};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (places[i]->path != NULL) {
            PS_TRY(ps_dataset_store_claim(making->connection, making->node->name, places[i]->path, error));
        }
    }
    return PENSTOCK_OK;
}

/* Before the files are there: or a kill would leave files that nobody knows. */
static penstock_code claim(struct making *making, struct penstock_error *error) {
    PS_TRY(ps_sql_run(making->connection, "BEGIN TRANSACTION", error));
    return commit(making, add_claims(making, error), error);
}

static void add_file(struct making *making, yyjson_mut_val *files, const char *kind, const char *path,
                     int64_t size, int64_t version) {
    yyjson_mut_val *file = yyjson_mut_arr_add_obj(making->quality, files);
    ps_json_add_text(making->quality, file, "kind", kind);
    ps_json_add_text(making->quality, file, "path", path);
    if (size >= 0) {
        (void)yyjson_mut_obj_add_sint(making->quality, file, "rows", making->preparation->kept_count);
        (void)yyjson_mut_obj_add_sint(making->quality, file, "bytes", size);
    }
    if (version >= 0) {
        (void)yyjson_mut_obj_add_sint(making->quality, file, "version", version);
    }
}

static penstock_code write_value(struct making *making, const char *name, struct ps_buffer *out,
                                 struct penstock_error *error) {
    yyjson_mut_doc *document PS_SCOPED(ps_json_free_scoped) = ps_json_new();
    yyjson_mut_val *value = yyjson_mut_obj_get(yyjson_mut_doc_get_root(making->quality), name);
    if (document == NULL) {
        return ps_error_memory(error, "a dataset");
    }
    yyjson_mut_doc_set_root(document, yyjson_mut_val_mut_copy(document, value));
    return ps_json_write(document, false, out, error);
}

static penstock_code finish_numbers(struct making *making, struct penstock_error *error) {
    yyjson_mut_val *root = yyjson_mut_doc_get_root(making->quality);
    yyjson_mut_val *files = yyjson_mut_obj_add_arr(making->quality, root, "files");
    if (making->parquet.path != NULL) {
        add_file(making, files, "parquet", making->parquet.path, making->parquet_size, -1);
    }
    if (making->delta.path != NULL) {
        add_file(making, files, "delta", making->delta.path, making->delta_size, making->delta_version);
    }
    if (making->report.path != NULL) {
        add_file(making, files, "report", making->report.path, -1, -1);
        add_file(making, files, "numbers", making->numbers.path, -1, -1);
    }
    PS_TRY(write_value(making, "files", &making->files, error));
    PS_TRY(write_value(making, "stages", &making->dropped, error));
    return ps_json_write(making->quality, false, &making->text, error);
}

static penstock_code put_report(const struct making *making, struct penstock_error *error) {
    struct ps_buffer page PS_SCOPED(ps_buffer_done);
    struct ps_buffer pretty PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&page, PAGE_SIZE_MAX);
    ps_buffer_init(&pretty, PAGE_SIZE_MAX);
    PS_TRY(ps_quality_page_write(making->text.data, making->text.size, &page, error));
    PS_TRY(ps_json_write(making->quality, true, &pretty, error));
    ps_buffer_text(&pretty, "\n");
    PS_TRY(ps_buffer_status(&pretty, error));
    PS_TRY(ps_dataset_file_put(&making->report, page.data, page.size, error));
    return ps_dataset_file_put(&making->numbers, pretty.data, pretty.size, error);
}

static penstock_code put_files(struct making *making, struct penstock_error *error) {
    if (making->parquet.path != NULL) {
        PS_TRY(ps_dataset_parquet_put(&making->parquet, error));
        making->has_parquet = false;
    }
    if (making->delta.path != NULL) {
        PS_TRY(ps_dataset_delta_put(making->table, &making->delta_version, error));
    }
    PS_TRY(finish_numbers(making, error));
    return making->report.path != NULL ? put_report(making, error) : PENSTOCK_OK;
}

static penstock_code record(struct making *making, struct penstock_error *error) {
    const struct ps_dataset_record row = {.name = making->node->name,
                                          .application = ps_application_id(making->progress->application),
                                          .statement = making->node->statement->text,
                                          .made_at = making->made_at,
                                          .snapshot = making->snapshot.data,
                                          .positions = making->positions.data,
                                          .dropped = making->dropped.data,
                                          .files = making->files.data,
                                          .fitted = making->fitted.data,
                                          .quality = making->text.data,
                                          .making = making->last.making + 1,
                                          .row_count = making->preparation->row_count,
                                          .kept_count = making->preparation->kept_count};
    PS_TRY(ps_sql_run(making->connection, "BEGIN TRANSACTION", error));
    return commit(making, ps_dataset_store_add(making->connection, &row, error), error);
}

/* ---- all of it ---- */

static const char *list_places(const struct making *making, struct ps_arena *arena) {
    const char *text = "";
    if (making->parquet.path != NULL) {
        text = making->parquet.path;
    }
    if (text != NULL && making->delta.path != NULL) {
        text = ps_arena_printf(arena, "%s%s%s (version %" PRId64 ")", text, text[0] != '\0' ? ", " : "",
                               making->delta.path, making->delta_version);
    }
    if (text != NULL && making->report.path != NULL) {
        text = ps_arena_printf(arena, "%s%s%s", text, text[0] != '\0' ? ", " : "", making->report.path);
    }
    return text == NULL ? NULL : ps_arena_copy(arena, text);
}

static penstock_code add_outcome(const struct making *making, bool is_skipped, struct penstock_error *error) {
    struct ps_progress *progress = making->progress;
    const char *places = is_skipped ? "" : list_places(making, progress->arena);
    const char *name = ps_arena_copy(progress->arena, making->node->name);
    if (places == NULL || name == NULL) {
        return ps_error_memory(error, "a dataset");
    }
    const int64_t rows = is_skipped ? making->last.row_count : making->preparation->row_count;
    const int64_t kept = is_skipped ? making->last.kept_count : making->preparation->kept_count;
    progress->datasets[progress->dataset_count++] =
        (struct ps_dataset_outcome){.name = name,
                                    .is_skipped = is_skipped,
                                    .making = making->last.making + (is_skipped ? 0 : 1),
                                    .row_count = rows,
                                    .kept_count = kept,
                                    .places = places};
    if (is_skipped) {
        ps_voice_line(&progress->voice, "dataset %s: nothing new since making %" PRId64 ", not made", name,
                      making->last.making);
    } else {
        ps_voice_line(&progress->voice, "dataset %s: %" PRId64 " rows read, %" PRId64 " kept: %s", name, rows,
                      kept, places);
    }
    return PENSTOCK_OK;
}

static penstock_code make(struct making *making, struct penstock_error *error) {
    bool is_skipped = false;
    PS_TRY(begin(making, error));
    PS_TRY(take_snapshot(making, &is_skipped, error));
    if (!is_skipped) {
        PS_TRY(prepare(making, error));
        PS_TRY(measure(making, error));
        PS_TRY(write_files(making, error));
        PS_TRY(claim(making, error));
        PS_TRY(put_files(making, error));
        PS_TRY(record(making, error));
    }
    return add_outcome(making, is_skipped, error);
}

penstock_code ps_dataset_make(struct ps_progress *progress, const struct ps_node *node,
                              struct penstock_error *error) {
    struct making making PS_SCOPED(making_done) = {
        .progress = progress, .node = node, .connection = progress->store->connection, .delta_version = -1};
    ps_clock_format_iso(ps_clock_wall_ms(), making.made_at, sizeof making.made_at);
    struct penstock_error local;
    struct penstock_error *where = error == NULL ? &local : error;
    const penstock_code code = make(&making, where);
    char name[160];
    (void)snprintf(name, sizeof name, "dataset %.128s: ", node->name);
    const bool has_name = code != PENSTOCK_OK && strncmp(where->message, name, strlen(name)) == 0;
    return code == PENSTOCK_OK || has_name ? code : ps_error_context(where, "dataset %s", node->name);
}
