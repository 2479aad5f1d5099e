/* SPDX-License-Identifier: Apache-2.0
 *
 * replay_sinks.c - see replay.h. Letters are replayed group by group, a sink is written once an epoch: its rows are
 * gathered in a temporary table meanwhile.
 */
#include "stream/replay.h"

#include <stdio.h>

#include "base/clock.h"

static const char plan_head[] = "{\"replay\":[";

/* --- the plan --------------------------------------------------------------------------------------------------- */

penstock_code ps_replay_plan_find(struct ps_connection *connection, struct ps_arena *arena,
                                  const char **ids_out, struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(connection,
                        "SELECT ranges FROM penstock.plans WHERE starts_with(ranges, '{\"replay\":[')"
                        " AND epoch > (SELECT coalesce(max(epoch), 0) FROM penstock.epochs)",
                        &result, error));
    *ids_out = NULL;
    if (ps_result_row_count(result) == 0) {
        return PENSTOCK_OK;
    }
    const char *text = ps_result_text(result, 0, 0) + sizeof plan_head - 1;
    *ids_out = ps_arena_copy_size(arena, text, strcspn(text, "]"));
    return *ids_out != NULL ? PENSTOCK_OK : ps_error_memory(error, "dead letters");
}

static penstock_code replace_plan(struct ps_run *run, const char *ids, struct penstock_error *error) {
    PS_TRY(ps_sql_run(run->connection, "DELETE FROM penstock.plans", error));
    if (ids == NULL) {
        return PENSTOCK_OK;
    }
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    char epoch[24], now[32];
    ps_buffer_init(&text, PS_LIMIT_SQL_SIZE);
    ps_buffer_printf(&text, "%s%s]}", plan_head, ids);
    PS_TRY(ps_buffer_status(&text, error));
    (void)snprintf(epoch, sizeof epoch, "%lld", (long long)run->epoch.number + 1);
    PS_TRY(ps_pins_save(run, run->epoch.number + 1, true, error));
    ps_clock_format_iso(ps_clock_wall_ms(), now, sizeof now);
    const char *const values[] = {epoch, now, text.data};
    return ps_sql_run_with(run->connection,
                           "INSERT INTO penstock.plans BY NAME SELECT $1::BIGINT AS epoch,"
                           " $2::TIMESTAMPTZ::TIMESTAMP AS planned_at, $3 AS ranges, '' AS project",
                           values, 3, error);
}

static penstock_code commit_plan(struct ps_run *run, const char *ids, struct penstock_error *error) {
    PS_TRY(ids == NULL ? PENSTOCK_OK : ps_pins_take(run, run->epoch.number + 1, error));
    PS_TRY(ps_sql_run(run->connection, "BEGIN TRANSACTION", error));
    penstock_code code = replace_plan(run, ids, error);
    if (code == PENSTOCK_OK) {
        code = ps_sql_run(run->connection, "COMMIT", error);
    }
    if (code != PENSTOCK_OK) {
        ps_run_roll_back(run);
        return code;
    }
    return ps_store_settle(run->store, error); /* the sinks are written on the strength of it */
}

penstock_code ps_replay_plan_save(struct ps_run *run, const char *ids, struct penstock_error *error) {
    return commit_plan(run, ids, error);
}

penstock_code ps_replay_plan_forget(struct ps_run *run, struct penstock_error *error) {
    return commit_plan(run, NULL, error);
}

/* --- the sinks -------------------------------------------------------------------------------------------------- */

penstock_code ps_replay_sinks_open(struct ps_run *run, bool is_resumed, struct ps_replay_sinks *sinks,
                                   struct penstock_error *error) {
    PS_TRY(ps_sinks_open(run, error));
    for (size_t i = 0; i < run->sink_count; i++) {
        struct ps_epoch epoch = {0};
        PS_TRY(ps_sinks_recover(run, i, &epoch, error));
        if (is_resumed && epoch.number == run->epoch.number + 1) {
            sinks->has_epoch |= (uint64_t)1 << i;
        } else if (epoch.number != run->epoch.number) {
            (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                               "sink %s is at epoch %lld, the store at epoch %lld", run->sinks[i].output.name,
                               (long long)epoch.number, (long long)run->epoch.number);
            return ps_error_hint(error, epoch.number > run->epoch.number
                                            ? "penstock run --once finishes the epoch that was cut off"
                                            : "was what the sink has written put back to an older state?");
        }
    }
    return PENSTOCK_OK;
}

static void add_gathered(struct ps_buffer *sql, const struct ps_run *run, const struct ps_run_sink *sink,
                         const char *part) {
    char *name = ps_arena_printf(run->arena, "penstock_%s_%s", part, sink->output.name);
    ps_buffer_text(sql, "temp.");
    ps_buffer_sql_name(sql, name != NULL ? name : "");
}

penstock_code ps_replay_sinks_begin(struct ps_run *run, struct ps_replay_sinks *sinks,
                                    struct penstock_error *error) {
    for (size_t i = 0; i < run->sink_count; i++) {
        if ((sinks->has_epoch >> i & 1) != 0) {
            continue;
        }
        struct ps_buffer sql PS_SCOPED(ps_buffer_done);
        ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
        ps_buffer_text(&sql, "CREATE OR REPLACE TEMP TABLE ");
        add_gathered(&sql, run, &run->sinks[i], "replay");
        ps_buffer_printf(&sql, " AS SELECT %s FROM ", run->sinks[i].output.columns_sql);
        add_gathered(&sql, run, &run->sinks[i], "stage");
        ps_buffer_text(&sql, " LIMIT 0");
        PS_TRY(ps_buffer_status(&sql, error));
        PS_TRY(ps_sql_run(run->connection, sql.data, error));
        sinks->is_begun |= (uint64_t)1 << i; /* also if begin fails: discard accepts half-begun */
        PS_TRY(ps_sinks_begin(run, i, error));
    }
    return PENSTOCK_OK;
}

penstock_code ps_replay_sinks_gather(struct ps_run *run, const struct ps_replay_sinks *sinks,
                                     struct penstock_error *error) {
    for (size_t i = 0; i < run->sink_count; i++) {
        struct ps_run_sink *sink = &run->sinks[i];
        if ((sinks->is_begun >> i & 1) == 0 || !ps_flow_has_rows(run, &sink->output)) {
            continue;
        }
        struct ps_buffer sql PS_SCOPED(ps_buffer_done);
        ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
        PS_TRY(ps_table_stage(run, &sink->output, error));
        ps_buffer_text(&sql, "INSERT INTO ");
        add_gathered(&sql, run, sink, "replay");
        ps_buffer_printf(&sql, " SELECT %s FROM ", sink->output.columns_sql);
        add_gathered(&sql, run, sink, "stage");
        PS_TRY(ps_buffer_status(&sql, error));
        PS_TRY(ps_sql_run(run->connection, sql.data, error));
    }
    return PENSTOCK_OK;
}

static penstock_code write_one(struct ps_run *run, struct ps_run_sink *sink, struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_printf(&sql, "SELECT %s FROM ", sink->output.columns_sql);
    add_gathered(&sql, run, sink, "replay");
    PS_TRY(ps_buffer_status(&sql, error));
    const penstock_code code =
        ps_sink_write_query(sink->sink, run->connection, sql.data, &sink->row_count, error);
    return code == PENSTOCK_OK ? PENSTOCK_OK : ps_error_context(error, "sink %s", sink->output.name);
}

penstock_code ps_replay_sinks_commit(struct ps_run *run, struct ps_replay_sinks *sinks,
                                     struct penstock_error *error) {
    struct ps_position_list none; /* a replay moves no position */
    for (size_t i = 0; i < run->sink_count; i++) {
        if ((sinks->is_begun >> i & 1) != 0) {
            PS_TRY(write_one(run, &run->sinks[i], error));
        }
    }
    PS_TRY(ps_position_list_init(&none, error));
    penstock_code code = PENSTOCK_OK;
    for (size_t i = 0; i < run->sink_count && code == PENSTOCK_OK; i++) {
        if ((sinks->is_begun >> i & 1) != 0) {
            code = ps_sinks_commit(run, i, &none, error);
            sinks->is_begun &= code == PENSTOCK_OK ? ~((uint64_t)1 << i) : UINT64_MAX;
        }
    }
    ps_position_list_done(&none);
    return code;
}

void ps_replay_sinks_discard(struct ps_run *run, struct ps_replay_sinks *sinks) {
    for (size_t i = 0; i < run->sink_count; i++) {
        if ((sinks->is_begun >> i & 1) != 0) {
            ps_sinks_discard(run, i);
        }
    }
    sinks->is_begun = 0;
}
