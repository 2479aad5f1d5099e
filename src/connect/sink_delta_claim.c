/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_delta_claim.c - is the table one that we can write, and are we still the ones who write it?
 *
 * Asked of the state, that is of everything the log says up to a version. Commits that are met one by one are looked at
 * in sink_delta_log.c; both must know the same things, or an older attempt could slip past its successor's claim.
 */
#include <inttypes.h>

#include "connect/sink_delta.h"

/* The table's features, columns and partitions are those that we write. */
penstock_code ps_delta_table_check(const struct ps_delta_sink *sink, bool *is_short_out,
                                   struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(sink->connection,
                        "SELECT (SELECT to_json(p)::VARCHAR FROM delta_protocol p), schemaString,"
                        " to_json(partitionColumns)::VARCHAR FROM delta_metadata",
                        &result, error));
    const char *protocol = ps_result_text(result, 0, 0), *schema = ps_result_text(result, 0, 1);
    const char *partitions = ps_result_text(result, 0, 2);
    if (protocol == NULL || schema == NULL || partitions == NULL) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "the log of %s names no columns", sink->folder);
    }
    yyjson_doc *document = yyjson_read(protocol, strlen(protocol), 0);
    const penstock_code code = ps_delta_protocol_check(sink, yyjson_doc_get_root(document), error);
    yyjson_doc_free(document);
    PS_TRY(code);
    PS_TRY(ps_delta_schema_check(sink, schema, strlen(schema), is_short_out, error));
    struct ps_buffer ours PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&ours, PS_DELTA_STATEMENT_SIZE_MAX);
    ps_buffer_text(&ours, "[");
    for (size_t i = 0; i < sink->partition_count; i++) {
        ps_buffer_text(&ours, i > 0 ? "," : "");
        ps_buffer_json(&ours, sink->partition_names[i], strlen(sink->partition_names[i]));
    }
    ps_buffer_text(&ours, "]");
    PS_TRY(ps_buffer_status(&ours, error));
    if (strcmp(ours.data, partitions) == 0) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                       "the Delta table %s is partitioned by %s, the sink by %s", sink->folder, partitions,
                       ours.data);
    return ps_error_hint(error, "give partition_by the table's columns, or choose another path");
}

penstock_code ps_delta_claim_read(const struct ps_delta_sink *sink, struct ps_arena *arena,
                                  struct ps_delta_claim *claim_out, struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(sink->connection, "SELECT appId, version FROM delta_txns", &result, error));
    for (int64_t i = 0; i < ps_result_row_count(result); i++) {
        const char *app = ps_result_text(result, i, 0);
        const int64_t version = ps_result_integer(result, i, 1);
        if (app == NULL) {
            continue;
        }
        if (strcmp(app, sink->app) == 0) {
            claim_out->epoch.number = version;
        } else if (strcmp(app, sink->app_attempt) == 0) {
            claim_out->epoch.attempt = version;
        } else if (strncmp(app, sink->app_store_prefix, strlen(sink->app_store_prefix)) == 0 &&
                   version > claim_out->generation) {
            claim_out->generation = version;
            claim_out->store_app = ps_arena_copy(arena, app);
            if (claim_out->store_app == NULL) {
                return ps_error_memory(error, "a sink");
            }
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_delta_claim_fence(const struct ps_delta_sink *sink, const char *by,
                                   struct penstock_error *error) {
    (void)ps_error_set(error, PENSTOCK_FENCED, "attempt %" PRId64 " is over: %s writes %s",
                       sink->epoch.attempt, by, sink->folder);
    return ps_error_hint(error, "is the same project running twice?");
}

penstock_code ps_delta_columns_moved(const struct ps_delta_sink *sink, struct penstock_error *error) {
    (void)ps_error_set(error, PENSTOCK_BUSY, "another writer has changed the columns of %s meanwhile",
                       sink->folder);
    return ps_error_hint(error, "start again: the sink then looks at the table anew");
}

penstock_code ps_delta_claim_check(const struct ps_delta_sink *sink, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_delta_claim claim = {0};
    if (arena == NULL) {
        return ps_error_memory(error, "a sink");
    }
    PS_TRY(ps_delta_claim_read(sink, arena, &claim, error));
    if (claim.store_app == NULL || strcmp(claim.store_app, sink->app_store) != 0) {
        return ps_delta_claim_fence(sink, "another store", error);
    }
    if (claim.epoch.attempt > sink->epoch.attempt) {
        return ps_delta_claim_fence(sink, "a newer attempt", error);
    }
    bool is_short = false;
    PS_TRY(ps_delta_table_check(sink, &is_short, error));
    return is_short && !sink->is_short ? ps_delta_columns_moved(sink, error) : PENSTOCK_OK;
}
