/* SPDX-License-Identifier: Apache-2.0
 *
 * access.c - the way to the store. DuckDB gives one process the file, so while a run holds it, that run answers;
 * otherwise the file is opened here, read-only. A run that has the lock and not yet the socket is waited for.
 */
#include "app/session.h"

#include <stdio.h>

#include "app/answer.h"
#include "app/control.h"
#include "app/table.h"
#include "base/clock.h"
#include "base/limits.h"

/* From the lock to the socket a run opens DuckDB and makes tables; from the last answer to the end it checkpoints. */
#define BUSY_WAIT_MS 5000
#define BUSY_POLL_MS 25

void ps_access_close(struct ps_access *access) {
    ps_shelf_close(access->shelf);
    if (access->store == NULL) {
        ps_connection_close(access->connection);
    }
    ps_engine_close(access->memory);
    ps_store_close(access->store);
    *access = (struct ps_access){0};
}

bool ps_access_has_store(const struct ps_access *access) {
    return access->is_remote || access->store != NULL;
}

static penstock_code open_memory(struct ps_access *access, struct penstock_error *error) {
    const struct ps_engine_options options = {.path = NULL};
    PS_TRY(ps_engine_open(&options, &access->memory, error));
    return ps_connection_open(access->memory, &access->connection, error);
}

static penstock_code open_store(const struct ps_app *app, struct ps_access *access,
                                struct penstock_error *error) {
    const struct ps_store_options options = {.path = app->project->store_path,
                                             .is_read_only = true,
                                             .memory_max = app->project->manifest.executor_memory,
                                             .thread_count = app->project->core_count};
    PS_TRY(ps_store_open(&options, &access->store, error));
    access->connection = access->store->connection;
    return ps_shelf_open(access->store->engine, app->graph, &access->shelf, error);
}

static penstock_code find_store(const struct ps_app *app, struct ps_access *access,
                                struct penstock_error *error) {
    const int64_t end_ns = ps_clock_monotonic_ns() + (int64_t)BUSY_WAIT_MS * 1000000;
    for (;;) {
        if (ps_control_is_served(access->store_path)) {
            access->is_remote = true;
            return PENSTOCK_OK;
        }
        const penstock_code code = open_store(app, access, error);
        if (code == PENSTOCK_NOT_FOUND) {
            ps_error_clear(error);
            return open_memory(access, error);
        }
        if (code != PENSTOCK_BUSY || ps_clock_monotonic_ns() >= end_ns) {
            return code;
        }
        ps_clock_sleep_ms(BUSY_POLL_MS);
    }
}

penstock_code ps_access_open(const struct ps_app *app, struct ps_access *access,
                             struct penstock_error *error) {
    struct penstock_error
        local; /* the codes of the tries in between are looked at, also when the caller wants no text */
    access->store_path = app->project->store_path;
    const penstock_code code = find_store(app, access, error == NULL ? &local : error);
    if (code != PENSTOCK_OK) {
        ps_access_close(access);
    }
    return code;
}

static penstock_code no_store(struct penstock_error *error) {
    ps_error_set(error, PENSTOCK_NOT_FOUND, "there is no store yet");
    return ps_error_hint(error, "run penstock run first");
}

/* {"request": request, name: text} and its answer. */
static penstock_code ask(const struct ps_access *access, const char *request, const char *name,
                         const char *text, yyjson_doc **answer_out, struct penstock_error *error) {
    yyjson_mut_doc *document PS_SCOPED(ps_json_free_scoped) = ps_json_new();
    if (document == NULL) {
        return ps_error_memory(error, "request");
    }
    ps_json_add_text(document, yyjson_mut_doc_get_root(document), "request", request);
    ps_json_add_text(document, yyjson_mut_doc_get_root(document), name, text);
    return ps_control_ask(access->store_path, document, 0, answer_out, error);
}

static bool is_missing_table(const struct penstock_error *error) {
    return error->code == PENSTOCK_SQL && strstr(error->message, "does not exist") != NULL &&
           (strstr(error->message, "Table") != NULL || strstr(error->message, "Catalog") != NULL ||
            strstr(error->message, "Schema") != NULL);
}

penstock_code ps_access_query(struct ps_access *access, const char *sql, struct ps_text_table **table_out,
                              struct penstock_error *error) {
    struct penstock_error local;
    struct penstock_error *where = error == NULL ? &local : error;
    if (access->is_remote) {
        yyjson_doc *answer PS_SCOPED(ps_json_read_free_scoped) = NULL;
        PS_TRY(ps_answer_check(sql, where));
        PS_TRY(ask(access, "query", "sql", sql, &answer, where));
        return ps_text_table_of_json(yyjson_doc_get_root(answer), table_out, where);
    }
    const penstock_code code = ps_answer_query(access->connection, sql, table_out, where);
    return code != PENSTOCK_OK && access->store == NULL && is_missing_table(where) ? no_store(where) : code;
}

penstock_code ps_access_show(struct ps_access *access, const char *reference, struct ps_buffer *json_out,
                             struct penstock_error *error) {
    if (!ps_access_has_store(access)) {
        return no_store(error);
    }
    if (!access->is_remote) {
        return ps_answer_show(access->connection, reference, json_out, error);
    }
    yyjson_doc *answer PS_SCOPED(ps_json_read_free_scoped) = NULL;
    PS_TRY(ask(access, "show", "reference", reference, &answer, error));
    ps_buffer_text(json_out, yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(answer), "json")));
    return ps_buffer_status(json_out, error);
}

penstock_code ps_access_load(struct ps_access *access, const char *reference, struct ps_fitted **fitted_out,
                             int64_t *version_out, struct penstock_error *error) {
    if (!ps_access_has_store(access)) {
        return no_store(error);
    }
    struct ps_buffer json PS_SCOPED(ps_buffer_done) = {0};
    int64_t version = 0;
    ps_buffer_init(&json, PS_LIMIT_ARENA_SIZE);
    if (access->is_remote) {
        yyjson_doc *answer PS_SCOPED(ps_json_read_free_scoped) = NULL;
        PS_TRY(ask(access, "load", "reference", reference, &answer, error));
        yyjson_val *root = yyjson_doc_get_root(answer);
        const char *text = yyjson_get_str(yyjson_obj_get(root, "json"));
        ps_buffer_text(&json, text == NULL ? "" : text);
        version = yyjson_get_sint(yyjson_obj_get(root, "version"));
    } else {
        PS_TRY(ps_answer_load(access->connection, reference, &json, &version, error));
    }
    PS_TRY(ps_buffer_status(&json, error));
    PS_TRY(ps_fitted_from_json(json.data, json.size, fitted_out, error));
    *version_out = version;
    return PENSTOCK_OK;
}
