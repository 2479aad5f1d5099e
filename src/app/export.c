/* SPDX-License-Identifier: Apache-2.0
 *
 * export.c - a version of the registry with what is known of it, handed to the writers of formats.
 */
#include "app/exchange.h"

#include "app/session.h"
#include "base/limits.h"
#include "publish/json.h"

static void free_fitted(struct ps_fitted **fitted) {
    ps_fitted_free(*fitted);
}

/* {"holdout": {...}, "baseline": ..., "training": ...} */
static penstock_code write_metrics(yyjson_val *root, struct ps_buffer *out, struct penstock_error *error) {
    static const char *const names[] = {"holdout", "baseline", "training"};
    yyjson_mut_doc *document PS_SCOPED(ps_json_free_scoped) = ps_json_new();
    if (document == NULL) {
        return ps_error_memory(error, "an export");
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        yyjson_val *value = yyjson_obj_get(root, names[i]);
        if (value != NULL) {
            (void)yyjson_mut_obj_add_val(document, yyjson_mut_doc_get_root(document), names[i],
                                         yyjson_val_mut_copy(document, value));
        }
    }
    return ps_json_write(document, false, out, error);
}

static penstock_code export_version(yyjson_val *root, struct ps_export_options *options,
                                    struct ps_arena *arena, struct ps_export_outcome *outcomes_out,
                                    size_t *count_out, struct penstock_error *error) {
    struct ps_buffer metrics PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&metrics, PS_LIMIT_ARENA_SIZE);
    PS_TRY(write_metrics(root, &metrics, error));
    PS_TRY(ps_buffer_status(&metrics, error));
    yyjson_val *lineage = yyjson_obj_get(root, "lineage");
    options->name = yyjson_get_str(yyjson_obj_get(root, "name"));
    options->version = yyjson_get_sint(yyjson_obj_get(root, "version"));
    options->label = yyjson_get_str(yyjson_obj_get(root, "label"));
    options->created_at = yyjson_get_str(yyjson_obj_get(root, "created_at"));
    options->statement = yyjson_get_str(yyjson_obj_get(lineage, "statement"));
    options->metrics = metrics.data;
    if (options->name == NULL) {
        return ps_error_set(error, PENSTOCK_INTERNAL, "the answer about the model has no name");
    }
    const struct ps_engine_options engine_options = {.path = NULL};
    struct ps_engine *engine = NULL;
    struct ps_connection *connection = NULL;
    PS_TRY(ps_engine_open(&engine_options, &engine, error));
    penstock_code code = ps_connection_open(engine, &connection, error);
    if (code == PENSTOCK_OK) {
        options->connection = connection;
        code = ps_model_export(options, arena, outcomes_out, count_out, error);
    }
    ps_connection_close(connection);
    ps_engine_close(engine);
    return code;
}

penstock_code ps_app_models_export(struct ps_app *app, const char *reference, const char *folder,
                                   const char *format, struct ps_arena *arena,
                                   struct ps_export_outcome *outcomes_out, size_t *count_out,
                                   struct penstock_error *error) {
    struct ps_access access PS_SCOPED(ps_access_close) = {0};
    struct ps_fitted *fitted PS_SCOPED(free_fitted) = NULL;
    struct ps_buffer json PS_SCOPED(ps_buffer_done);
    yyjson_doc *document PS_SCOPED(ps_json_read_free_scoped) = NULL;
    int64_t version = 0;
    ps_buffer_init(&json, PS_LIMIT_ARENA_SIZE);
    PS_TRY(ps_access_open(app, &access, error));
    PS_TRY(ps_access_show(&access, reference, &json, error));
    PS_TRY(ps_buffer_status(&json, error));
    PS_TRY(ps_json_parse(json.data, json.size, &document, error));
    yyjson_val *root = yyjson_doc_get_root(document);
    /* the version that was shown, not the one that the alias names by now */
    const char *exact = ps_arena_printf(arena, "%s@%lld", yyjson_get_str(yyjson_obj_get(root, "name")),
                                        (long long)yyjson_get_sint(yyjson_obj_get(root, "version")));
    if (exact == NULL) {
        return ps_error_memory(error, "an export");
    }
    PS_TRY(ps_access_load(&access, exact, &fitted, &version, error));
    struct ps_export_options options = {.fitted = fitted, .format = format, .folder = folder};
    return export_version(root, &options, arena, outcomes_out, count_out, error);
}
