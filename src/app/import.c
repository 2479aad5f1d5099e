/* SPDX-License-Identifier: Apache-2.0
 *
 * import.c - a model made elsewhere: read by this process, registered where the store is.
 */
#include "app/exchange.h"

#include "app/session.h"
#include "base/limits.h"
#include "publish/registry.h"

#include <stdlib.h>

static penstock_code read_model(const struct ps_import_options *given, struct ps_arena *arena,
                                struct ps_buffer *json, struct ps_import_report *report_out,
                                struct penstock_error *error) {
    const struct ps_engine_options engine_options = {.path = NULL};
    struct ps_import_options options = *given;
    struct ps_engine *engine = NULL;
    struct ps_connection *connection = NULL;
    struct ps_fitted *fitted = NULL;
    PS_TRY(ps_engine_open(&engine_options, &engine, error));
    penstock_code code = ps_connection_open(engine, &connection, error);
    if (code == PENSTOCK_OK) {
        options.connection = connection;
        code = ps_model_import(&options, arena, &fitted, report_out, error);
    }
    if (code == PENSTOCK_OK) {
        code = ps_fitted_to_json(fitted, json, error);
    }
    ps_fitted_free(fitted);
    ps_connection_close(connection);
    ps_engine_close(engine);
    return code == PENSTOCK_OK ? ps_buffer_status(json, error) : code;
}

penstock_code ps_app_models_import(struct ps_app *app, const char *name, const char *path,
                                   const char *const *column_map, const char *reason, struct ps_arena *arena,
                                   struct ps_import_report *report_out, int64_t *version_out,
                                   struct penstock_error *error) {
    const struct ps_import_options options = {.path = path, .column_map = column_map};
    struct ps_text_table *table = NULL;
    struct ps_buffer json PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&json, PS_LIMIT_ARENA_SIZE);
    PS_TRY(read_model(&options, arena, &json, report_out, error));
    const char *statement = ps_arena_printf(arena, "-- imported from %s%s%s%s: %s", report_out->format,
                                            report_out->producer == NULL ? "" : " (",
                                            report_out->producer == NULL ? "" : report_out->producer,
                                            report_out->producer == NULL ? "" : ")", path);
    if (statement == NULL) {
        return ps_error_memory(error, "an import");
    }
    const struct ps_registry_request request = {.verb = PS_REGISTRY_IMPORT,
                                                .reference = name,
                                                .reason = reason,
                                                .fitted = json.data,
                                                .label = report_out->label,
                                                .statement = statement};
    PS_TRY(ps_app_models_change(app, &request, &table, error));
    const char *version = table->row_count == 1 ? table->cells[3] : NULL;
    *version_out = version == NULL ? 0 : strtoll(version, NULL, 10);
    ps_text_table_free(table);
    return *version_out > 0 ? PENSTOCK_OK
                            : ps_error_set(error, PENSTOCK_INTERNAL, "the store gave the model no version");
}
