/* SPDX-License-Identifier: Apache-2.0
 *
 * registry.c - the tables of the registry, writing a version, and finding it again.
 *
 * A version is one row that is never updated: its checksum is over everything that was written, and a row that
 * no longer matches it is not loaded. What moves are aliases, and every move is a row of the history. All of a
 * publication happens in the caller's transaction: version, report, aliases and history are there or none is.
 */
#include "publish/registry.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/option.h"
#include "model/metrics.h"
#include "publish/json.h"
#include "publish/reference.h"

/* One version's JSON: the search of a large grid with its folds stays far below. */
#define JSON_SIZE_MAX ((size_t)256 << 20)
/* Texts of a row that its checksum is over; behind them the snapshot, for rows that have one. */
#define SEALED_COUNT 8

penstock_code ps_registry_prepare(struct ps_connection *connection, struct penstock_error *error) {
    return ps_sql_run(
        connection,
        "CREATE SCHEMA IF NOT EXISTS penstock;"
        "CREATE TABLE IF NOT EXISTS penstock.models(name VARCHAR NOT NULL, version BIGINT NOT NULL,"
        " status VARCHAR NOT NULL, created_at TIMESTAMP NOT NULL, application VARCHAR NOT NULL,"
        " statement_text VARCHAR NOT NULL, label VARCHAR NOT NULL, positions JSON NOT NULL, search JSON NOT NULL,"
        " fitted VARCHAR NOT NULL, metrics JSON NOT NULL, checksum VARCHAR NOT NULL, PRIMARY KEY (name, version));"
        "CREATE TABLE IF NOT EXISTS penstock.model_aliases(model VARCHAR NOT NULL, alias VARCHAR NOT NULL,"
        " version BIGINT NOT NULL, PRIMARY KEY (model, alias));"
        "CREATE TABLE IF NOT EXISTS penstock.model_alias_history(model VARCHAR NOT NULL, alias VARCHAR NOT NULL,"
        " from_version BIGINT, to_version BIGINT NOT NULL, moved_at TIMESTAMP NOT NULL, who VARCHAR NOT NULL,"
        " why VARCHAR NOT NULL);"
        "CREATE TABLE IF NOT EXISTS penstock.gate_reports(model VARCHAR NOT NULL, version BIGINT NOT NULL,"
        " check_index INTEGER NOT NULL, name VARCHAR NOT NULL, value DOUBLE, limit_value DOUBLE,"
        " verdict VARCHAR NOT NULL, sentence VARCHAR NOT NULL, PRIMARY KEY (model, version, check_index));"
        "ALTER TABLE penstock.model_alias_history ADD COLUMN IF NOT EXISTS action VARCHAR;"
        "ALTER TABLE penstock.models ADD COLUMN IF NOT EXISTS snapshot VARCHAR;"
        "ALTER TABLE penstock.models ADD COLUMN IF NOT EXISTS profile JSON;"
        "ALTER TABLE penstock.models ADD COLUMN IF NOT EXISTS profile_checksum VARCHAR;",
        error);
}

/* What a publication writes, as text. */
struct record {
    const struct ps_publication *publication;
    char version[24], created_at[32], checksum[24], profile_checksum[24], who[160];
    struct ps_buffer search, fitted, metrics;
};

static void record_done(struct record *record) {
    ps_buffer_done(&record->search);
    ps_buffer_done(&record->fitted);
    ps_buffer_done(&record->metrics);
}

static void add_metrics(yyjson_mut_doc *document, const char *name, enum ps_task task,
                        const struct ps_metrics *metrics) {
    yyjson_mut_val *root = yyjson_mut_doc_get_root(document);
    if (metrics->row_count <= 0) {
        (void)yyjson_mut_obj_add_null(document, root, name);
        return;
    }
    yyjson_mut_val *object = yyjson_mut_obj_add_obj(document, root, name);
    (void)yyjson_mut_obj_add_int(document, object, "row_count", metrics->row_count);
    for (const struct ps_metric_type *type = ps_metric_types; type->name != NULL; type++) {
        if ((type->tasks & (unsigned)task) != 0) {
            ps_json_add_number(document, object, type->name, ps_metric_read(type, metrics));
        }
    }
}

static penstock_code write_metrics(const struct ps_candidate *candidate, struct ps_buffer *out,
                                   struct penstock_error *error) {
    yyjson_mut_doc *document PS_SCOPED(ps_json_free_scoped) = ps_json_new();
    if (document == NULL) {
        return ps_error_memory(error, "metrics");
    }
    yyjson_mut_val *root = yyjson_mut_doc_get_root(document);
    add_metrics(document, "holdout", candidate->target.task, &candidate->holdout);
    add_metrics(document, "baseline", candidate->target.task, &candidate->baseline);
    add_metrics(document, "training", candidate->target.task, &candidate->training);
    yyjson_mut_val *rows = yyjson_mut_obj_add_obj(document, root, "rows");
    (void)yyjson_mut_obj_add_int(document, rows, "read", candidate->rows.read);
    (void)yyjson_mut_obj_add_int(document, rows, "training", candidate->rows.training);
    (void)yyjson_mut_obj_add_int(document, rows, "holdout", candidate->rows.holdout);
    (void)yyjson_mut_obj_add_int(document, rows, "outliers", candidate->rows.outliers);
    (void)yyjson_mut_obj_add_int(document, rows, "null_features", candidate->rows.null_features);
    yyjson_mut_val *notes = yyjson_mut_obj_add_arr(document, root, "notes");
    for (size_t i = 0; i < candidate->note_count; i++) {
        (void)yyjson_mut_arr_add_strcpy(document, notes, candidate->notes[i]);
    }
    return ps_json_write(document, false, out, error);
}

static void add_cell(yyjson_mut_doc *document, yyjson_mut_val *cells, const struct ps_search_cell *cell) {
    yyjson_mut_val *object = yyjson_mut_arr_add_obj(document, cells);
    ps_json_add_text(document, object, "estimator", cell->estimator);
    yyjson_mut_val *parameters = yyjson_mut_obj_add_obj(document, object, "parameters");
    for (size_t i = 0; i < cell->parameter_count; i++) {
        if (isfinite(cell->values[i])) {
            ps_json_add_number(document, parameters, cell->names[i], cell->values[i]);
        } else {
            ps_json_add_text(document, parameters, cell->names[i], cell->texts[i]);
        }
    }
    yyjson_mut_val *folds = yyjson_mut_obj_add_arr(document, object, "folds");
    for (size_t i = 0; i < cell->fold_count; i++) {
        (void)(isfinite(cell->fold_metrics[i])
                   ? yyjson_mut_arr_add_real(document, folds, cell->fold_metrics[i])
                   : yyjson_mut_arr_add_null(document, folds));
    }
    ps_json_add_number(document, object, "mean", cell->mean);
}

static penstock_code write_search(const struct ps_candidate *candidate, struct ps_buffer *out,
                                  struct penstock_error *error) {
    yyjson_mut_doc *document PS_SCOPED(ps_json_free_scoped) = ps_json_new();
    if (document == NULL) {
        return ps_error_memory(error, "search");
    }
    yyjson_mut_val *root = yyjson_mut_doc_get_root(document);
    ps_json_add_text(document, root, "metric", candidate->metric_name);
    (void)yyjson_mut_obj_add_int(document, root, "best", (int64_t)candidate->best);
    (void)yyjson_mut_obj_add_int(document, root, "scan_count", candidate->scan_count);
    yyjson_mut_val *cells = yyjson_mut_obj_add_arr(document, root, "cells");
    for (size_t i = 0; i < candidate->cell_count; i++) {
        add_cell(document, cells, &candidate->cells[i]);
    }
    return ps_json_write(document, false, out, error);
}

/* Over every text of the row, each with its length, so that nothing can move from one field to the next. */
void ps_registry_seal(const char *const *texts, size_t count, char *out, size_t size) {
    uint64_t hash = 0;
    for (size_t i = 0; i < count; i++) {
        const uint64_t length = strlen(texts[i]);
        hash = ps_hash(&length, sizeof length, hash);
        hash = ps_hash(texts[i], (size_t)length, hash);
    }
    (void)snprintf(out, size, "%016" PRIx64, hash);
}

static penstock_code write_version(struct ps_connection *connection, struct record *record,
                                   struct penstock_error *error) {
    const struct ps_publication *publication = record->publication;
    const struct ps_statement *statement = publication->candidate->statement;
    const char *label = statement->as.model.label;
    const char *const sealed[] = {
        publication->model_name,     record->version,     statement->text,     label,
        publication->positions_json, record->search.data, record->fitted.data, record->metrics.data,
        publication->snapshot_json};
    ps_registry_seal(sealed, publication->snapshot_json == NULL ? SEALED_COUNT : SEALED_COUNT + 1,
                     record->checksum, sizeof record->checksum);
    const char *profile = publication->report->profile;
    if (profile !=
        NULL) { /* has a seal of its own: versions of older stores have a profile that nothing seals */
        const char *const parts[] = {publication->model_name, record->version, profile};
        ps_registry_seal(parts, sizeof parts / sizeof parts[0], record->profile_checksum,
                         sizeof record->profile_checksum);
    }
    const char *const values[] = {publication->model_name,
                                  record->version,
                                  publication->report->passed ? "published" : "refused",
                                  record->created_at,
                                  publication->application,
                                  statement->text,
                                  label,
                                  publication->positions_json,
                                  record->search.data,
                                  record->fitted.data,
                                  record->metrics.data,
                                  record->checksum,
                                  profile,
                                  publication->snapshot_json,
                                  profile == NULL ? NULL : record->profile_checksum};
    return ps_sql_run_with(
        connection,
        "INSERT INTO penstock.models(name, version, status, created_at, application, statement_text, label,"
        " positions, search, fitted, metrics, checksum, profile, snapshot, profile_checksum)"
        " SELECT $1, CAST($2 AS BIGINT), $3,"
        " CAST($4 AS TIMESTAMP), $5, $6, $7, CAST($8 AS JSON), CAST($9 AS JSON), $10, CAST($11 AS JSON), $12,"
        " CAST($13 AS JSON), $14, $15",
        values, sizeof values / sizeof values[0], error);
}

static const char *number_text(double value, char *text, size_t size) {
    if (!isfinite(value)) {
        return NULL;
    }
    (void)snprintf(text, size, "%.17g", value);
    return text;
}

static penstock_code write_check(struct ps_connection *connection, const struct record *record, size_t index,
                                 const struct ps_gate_check *check, struct penstock_error *error) {
    char index_text[24];
    char value[40];
    char limit[40];
    (void)snprintf(index_text, sizeof index_text, "%zu", index);
    const char *const values[] = {record->publication->model_name,
                                  record->version,
                                  index_text,
                                  check->name,
                                  number_text(check->value, value, sizeof value),
                                  number_text(check->limit, limit, sizeof limit),
                                  ps_verdict_name(check->verdict),
                                  check->sentence};
    return ps_sql_run_with(
        connection,
        "INSERT INTO penstock.gate_reports SELECT $1, CAST($2 AS BIGINT), CAST($3 AS INTEGER), $4,"
        " CAST($5 AS DOUBLE), CAST($6 AS DOUBLE), $7, $8",
        values, sizeof values / sizeof values[0], error);
}

/* Row 0 is the whole verdict, rows 1 to n its checks. */
static penstock_code write_report(struct ps_connection *connection, const struct record *record,
                                  struct penstock_error *error) {
    const struct ps_gate_report *report = record->publication->report;
    const struct ps_gate_check whole = {"gate", (double)NAN, (double)NAN,
                                        report->passed ? PS_VERDICT_PASSED : PS_VERDICT_REFUSED,
                                        report->sentence};
    PS_TRY(write_check(connection, record, 0, &whole, error));
    for (size_t i = 0; i < report->check_count; i++) {
        PS_TRY(write_check(connection, record, i + 1, &report->checks[i], error));
    }
    return PENSTOCK_OK;
}

static penstock_code move_aliases(struct ps_connection *connection, const struct record *record,
                                  int64_t version, struct penstock_error *error) {
    const char *name = record->publication->model_name;
    struct ps_alias_move move = {.model = name,
                                 .alias = "previous",
                                 .moved_at = record->created_at,
                                 .who = record->who,
                                 .why = record->publication->report->sentence,
                                 .action = "publish"};
    int64_t champion = 0;
    PS_TRY(ps_registry_alias(connection, name, "champion", &champion, error));
    if (champion > 0) {
        PS_TRY(ps_registry_alias(connection, name, "previous", &move.from, error));
        move.to = champion;
        PS_TRY(ps_registry_move(connection, &move, error));
    }
    move.alias = "champion";
    move.from = champion;
    move.to = version;
    return ps_registry_move(connection, &move, error);
}

penstock_code ps_registry_next_version(struct ps_connection *connection, const char *name,
                                       int64_t *version_out, struct penstock_error *error) {
    const char *const values[] = {name};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(connection,
                             "SELECT coalesce(max(version), 0) + 1 FROM penstock.models WHERE name = $1",
                             values, 1, &result, error));
    *version_out = ps_result_integer(result, 0, 0);
    return PENSTOCK_OK;
}

static penstock_code publish(struct ps_connection *connection, struct record *record, int64_t version,
                             struct penstock_error *error) {
    const struct ps_candidate *candidate = record->publication->candidate;
    (void)snprintf(record->version, sizeof record->version, "%" PRId64, version);
    ps_clock_format_iso(ps_clock_wall_ms(), record->created_at, sizeof record->created_at);
    ps_registry_who(record->who, sizeof record->who);
    PS_TRY(write_search(candidate, &record->search, error));
    PS_TRY(write_metrics(candidate, &record->metrics, error));
    PS_TRY(ps_fitted_to_json(candidate->fitted, &record->fitted, error));
    PS_TRY(ps_buffer_status(&record->fitted, error));
    PS_TRY(write_version(connection, record, error));
    PS_TRY(write_report(connection, record, error));
    return record->publication->report->passed ? move_aliases(connection, record, version, error)
                                               : PENSTOCK_OK;
}

penstock_code ps_registry_publish(struct ps_connection *connection, const struct ps_publication *publication,
                                  int64_t *version_out, struct penstock_error *error) {
    int64_t version = 0;
    PS_TRY(ps_registry_next_version(connection, publication->model_name, &version, error));
    struct record record = {.publication = publication};
    ps_buffer_init(&record.search, JSON_SIZE_MAX);
    ps_buffer_init(&record.fitted, JSON_SIZE_MAX);
    ps_buffer_init(&record.metrics, JSON_SIZE_MAX);
    const penstock_code code = publish(connection, &record, version, error);
    record_done(&record);
    if (code != PENSTOCK_OK) {
        return ps_error_context(error, "publish model %s", publication->model_name);
    }
    *version_out = version;
    return PENSTOCK_OK;
}

/* Everything that is sealed, and the seal: name, version, ..., fitted [6], metrics [7], snapshot [8], checksum [9]. */
static penstock_code read_sealed(struct ps_connection *connection, const char *name, int64_t version,
                                 struct ps_result **result_out, struct penstock_error *error) {
    char version_text[24];
    (void)snprintf(version_text, sizeof version_text, "%" PRId64, version);
    const char *const values[] = {name, version_text};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    bool has_snapshot = false;
    PS_TRY(ps_registry_has(connection, "models", "snapshot", &has_snapshot, error));
    struct ps_buffer sql PS_SCOPED(ps_buffer_done) = {0};
    ps_buffer_init(&sql, 1 << 16);
    ps_buffer_printf(
        &sql,
        "SELECT name, version, statement_text, label, positions, search, fitted, metrics, %s, checksum,"
        " application, created_at FROM penstock.models"
        " WHERE name = $1 AND version = CAST($2 AS BIGINT)",
        has_snapshot ? "snapshot" : "NULL::VARCHAR");
    PS_TRY(ps_buffer_status(&sql, error));
    PS_TRY(ps_sql_query_with(connection, sql.data, values, 2, &result, error));
    if (ps_result_row_count(result) == 0) {
        return ps_error_set(error, PENSTOCK_NOT_FOUND, "model %s has no version %" PRId64, name, version);
    }
    const char *sealed[SEALED_COUNT + 1];
    for (size_t i = 0; i <= SEALED_COUNT; i++) {
        const char *text = ps_result_text(result, 0, (int64_t)i);
        sealed[i] = text == NULL ? "" : text;
    }
    const bool has_more = ps_result_text(result, 0, SEALED_COUNT) != NULL;
    char expected[24];
    ps_registry_seal(sealed, has_more ? SEALED_COUNT + 1 : SEALED_COUNT, expected, sizeof expected);
    const char *stored = ps_result_text(result, 0, SEALED_COUNT + 1);
    if (stored == NULL || strcmp(stored, expected) != 0) {
        ps_error_set(error, PENSTOCK_INVALID_DATA,
                     "model %s version %" PRId64
                     " was changed after it was published: its checksum does not match",
                     name, version);
        return ps_error_hint(error, "use another version, or train again");
    }
    *result_out = ps_take(result);
    return PENSTOCK_OK;
}

penstock_code ps_registry_load(struct ps_connection *connection, const char *name, int64_t version,
                               struct ps_fitted **fitted_out, struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(read_sealed(connection, name, version, &result, error));
    const char *fitted = ps_result_text(result, 0, 6);
    return ps_fitted_from_json(fitted, strlen(fitted), fitted_out, error);
}

penstock_code ps_registry_origin(struct ps_connection *connection, const char *name, int64_t version,
                                 struct ps_arena *arena, struct ps_registry_origin *origin_out,
                                 struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(read_sealed(connection, name, version, &result, error));
    struct ps_registry_origin origin = {0};
    const struct {
        const char **place;
        int64_t column;
    } members[] = {{&origin.statement, 2},  {&origin.fitted, 6},   {&origin.metrics, 7},
                   {&origin.snapshot, 8},   {&origin.checksum, 9}, {&origin.application, 10},
                   {&origin.created_at, 11}};
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const char *text = ps_result_text(result, 0, members[i].column);
        *members[i].place = text == NULL ? NULL : ps_arena_copy(arena, text);
        if (text != NULL && *members[i].place == NULL) {
            return ps_error_memory(error, "a model's origin");
        }
    }
    *origin_out = origin;
    return PENSTOCK_OK;
}
