/* SPDX-License-Identifier: Apache-2.0
 *
 * models.c - promote, roll back, delete, compare: by the process that runs the project, or on the store itself.
 */
#include "app/models.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/answer.h"
#include "app/control.h"
#include "app/session.h"
#include "app/table.h"
#include "base/clock.h"
#include "base/file.h"

/* Two transactions that move the same alias: the later one begins again. */
#define TRY_COUNT 20
#define TRY_WAIT_MS 50
/* A run that has the lock has its socket soon after. */
#define BUSY_WAIT_MS 5000
#define BUSY_POLL_MS 25

static const char *const verbs[] = {[PS_REGISTRY_PROMOTE] = "promote",
                                    [PS_REGISTRY_ROLLBACK] = "rollback",
                                    [PS_REGISTRY_DELETE] = "delete",
                                    [PS_REGISTRY_IMPORT] = "import"};
#define VERB_COUNT (sizeof verbs / sizeof verbs[0])

/* ---- on the store ---- */

static penstock_code make_row(const struct ps_registry_change *change, struct ps_text_table **table_out,
                              struct penstock_error *error) {
    static const char *const names[] = {"model", "alias", "from", "to", "who"};
    static const char *const types[] = {"VARCHAR", "VARCHAR", "BIGINT", "BIGINT", "VARCHAR"};
    struct ps_text_table_builder builder PS_SCOPED(ps_text_table_builder_done) = {0};
    char from[24];
    char to[24];
    (void)snprintf(from, sizeof from, "%" PRId64, change->from);
    (void)snprintf(to, sizeof to, "%" PRId64, change->to);
    const char *const cells[] = {change->model, change->alias[0] == '\0' ? NULL : change->alias,
                                 change->from > 0 ? from : NULL, change->to > 0 ? to : NULL, change->who};
    PS_TRY(ps_text_table_begin(&builder, names, types, 5, error));
    PS_TRY(ps_text_table_row(&builder, cells, error));
    return ps_text_table_end(&builder, table_out, error);
}

static bool is_conflict(const struct penstock_error *error) {
    return error->code == PENSTOCK_SQL &&
           (strstr(error->message, "onflict") != NULL || strstr(error->detail, "onflict") != NULL);
}

static penstock_code try_once(struct ps_connection *connection, const struct ps_registry_request *request,
                              struct ps_arena *arena, struct ps_registry_change *change,
                              struct penstock_error *error) {
    PS_TRY(ps_sql_run(connection, "BEGIN TRANSACTION", error));
    penstock_code code = ps_registry_carry_out(connection, request, arena, change, error);
    code = code == PENSTOCK_OK ? ps_sql_run(connection, "COMMIT", error) : code;
    if (code != PENSTOCK_OK) {
        struct penstock_error ignored;
        (void)!ps_sql_run(connection, "ROLLBACK", &ignored);
    }
    return code;
}

penstock_code ps_models_carry_out(struct ps_connection *connection, const char *store_path,
                                  const struct ps_registry_request *request, struct ps_text_table **table_out,
                                  struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_registry_change change = {0};
    struct penstock_error local = {0};
    struct penstock_error *where = error == NULL ? &local : error;
    if (arena == NULL) {
        return ps_error_memory(error, "a model's alias");
    }
    penstock_code code = try_once(connection, request, arena, &change, where);
    for (int i = 1; i < TRY_COUNT && code != PENSTOCK_OK && is_conflict(where); i++) {
        ps_clock_sleep_ms(TRY_WAIT_MS);
        code = try_once(connection, request, arena, &change, where);
    }
    PS_TRY(code);
    const char *name = ps_path_join(arena, store_path, "store.duckdb");
    if (name == NULL) {
        return ps_error_memory(error, "a model's alias");
    }
    PS_TRY(ps_file_sync_name(name, where)); /* DuckDB's log may be a new file, see stream/store.h */
    return make_row(&change, table_out, error);
}

penstock_code ps_models_answer(struct ps_connection *connection, const char *store_path, yyjson_val *request,
                               struct ps_text_table **table_out, struct penstock_error *error) {
    const char *verb = yyjson_get_str(yyjson_obj_get(request, "verb"));
    struct ps_registry_request wanted = {.reference = yyjson_get_str(yyjson_obj_get(request, "reference")),
                                         .alias = yyjson_get_str(yyjson_obj_get(request, "alias")),
                                         .reason = yyjson_get_str(yyjson_obj_get(request, "reason")),
                                         .is_forced = yyjson_get_bool(yyjson_obj_get(request, "force")),
                                         .fitted = yyjson_get_str(yyjson_obj_get(request, "fitted")),
                                         .label = yyjson_get_str(yyjson_obj_get(request, "label")),
                                         .statement = yyjson_get_str(yyjson_obj_get(request, "statement"))};
    size_t index = 0;
    while (index < VERB_COUNT && (verb == NULL || strcmp(verb, verbs[index]) != 0)) {
        index++;
    }
    const bool is_import = index == PS_REGISTRY_IMPORT;
    if (index == VERB_COUNT || wanted.reference == NULL ||
        (is_import && (wanted.fitted == NULL || wanted.statement == NULL))) {
        return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT,
                            "the request says not what to do with which version");
    }
    wanted.verb = (enum ps_registry_verb)index;
    return ps_models_carry_out(connection, store_path, &wanted, table_out, error);
}

/* ---- where the store is ---- */

static penstock_code ask(const char *store_path, const struct ps_registry_request *request,
                         struct ps_text_table **table_out, struct penstock_error *error) {
    yyjson_mut_doc *document PS_SCOPED(ps_json_free_scoped) = ps_json_new();
    yyjson_doc *answer PS_SCOPED(ps_json_read_free_scoped) = NULL;
    if (document == NULL) {
        return ps_error_memory(error, "request");
    }
    yyjson_mut_val *root = yyjson_mut_doc_get_root(document);
    ps_json_add_text(document, root, "request", "models");
    ps_json_add_text(document, root, "verb", verbs[request->verb]);
    ps_json_add_text(document, root, "reference", request->reference);
    ps_json_add_text(document, root, "alias", request->alias);
    ps_json_add_text(document, root, "reason", request->reason);
    (void)yyjson_mut_obj_add_bool(document, root, "force", request->is_forced);
    ps_json_add_text(document, root, "fitted", request->fitted);
    ps_json_add_text(document, root, "label", request->label);
    ps_json_add_text(document, root, "statement", request->statement);
    PS_TRY(ps_control_ask(store_path, document, 0, &answer, error));
    return ps_text_table_of_json(yyjson_doc_get_root(answer), table_out, error);
}

static penstock_code do_it_here(const struct ps_store_options *options,
                                const struct ps_registry_request *request, struct ps_text_table **table_out,
                                struct penstock_error *error) {
    struct ps_store *store = NULL;
    PS_TRY(ps_store_open(options, &store, error));
    penstock_code code = ps_registry_prepare(store->connection, error);
    if (code == PENSTOCK_OK) {
        code = ps_models_carry_out(store->connection, options->path, request, table_out, error);
    }
    ps_store_close(store);
    return code;
}

penstock_code ps_app_models_change(struct ps_app *app, const struct ps_registry_request *request,
                                   struct ps_text_table **table_out, struct penstock_error *error) {
    const struct ps_store_options options = {.path = app->project->store_path,
                                             .thread_count = 1,
                                             .memory_max = app->project->manifest.executor_memory};
    const int64_t end_ns = ps_clock_monotonic_ns() + (int64_t)BUSY_WAIT_MS * 1000000;
    if (!ps_file_exists(options.path)) {
        (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "there is no store yet");
        return ps_error_hint(error, "run penstock run first");
    }
    for (;;) {
        if (ps_control_is_served(options.path)) {
            return ask(options.path, request, table_out, error);
        }
        struct penstock_error local = {0};
        const penstock_code code = do_it_here(&options, request, table_out, &local);
        if (code != PENSTOCK_BUSY || ps_clock_monotonic_ns() >= end_ns) {
            if (code != PENSTOCK_OK && error != NULL) {
                *error = local;
            }
            return code;
        }
        ps_clock_sleep_ms(BUSY_POLL_MS);
    }
}

penstock_code ps_app_models_diff(struct ps_app *app, const char *first, const char *second,
                                 struct ps_buffer *json_out, struct penstock_error *error) {
    struct ps_access access PS_SCOPED(ps_access_close) = {0};
    PS_TRY(ps_access_open(app, &access, error));
    if (!ps_access_has_store(&access)) {
        (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "there is no store yet");
        return ps_error_hint(error, "run penstock run first");
    }
    if (!access.is_remote) {
        return ps_answer_diff(access.connection, first, second, json_out, error);
    }
    yyjson_mut_doc *document PS_SCOPED(ps_json_free_scoped) = ps_json_new();
    yyjson_doc *answer PS_SCOPED(ps_json_read_free_scoped) = NULL;
    if (document == NULL) {
        return ps_error_memory(error, "request");
    }
    yyjson_mut_val *root = yyjson_mut_doc_get_root(document);
    ps_json_add_text(document, root, "request", "diff");
    ps_json_add_text(document, root, "reference", first);
    ps_json_add_text(document, root, "other", second);
    PS_TRY(ps_control_ask(app->project->store_path, document, 0, &answer, error));
    ps_buffer_text(json_out, yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(answer), "json")));
    return ps_buffer_status(json_out, error);
}
