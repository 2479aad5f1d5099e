/* SPDX-License-Identifier: Apache-2.0
 *
 * backfill.c - what a backfill would read and fill, in words.
 */
#include "app/backfill.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/session.h"
#include "app/table.h"

static penstock_code list_spans(const struct ps_backfill_plan *plan, struct ps_text_table **table_out,
                                struct penstock_error *error) {
    static const char *const names[] = {"partition", "from", "to"};
    static const char *const types[] = {"VARCHAR", "BIGINT", "BIGINT"};
    struct ps_text_table_builder builder PS_SCOPED(ps_text_table_builder_done) = {0};
    PS_TRY(ps_text_table_begin(&builder, names, types, 3, error));
    for (size_t i = 0; i < plan->span_count; i++) {
        char from[24], to[24];
        (void)snprintf(from, sizeof from, "%" PRId64, plan->spans[i].from);
        (void)snprintf(to, sizeof to, "%" PRId64, plan->spans[i].to);
        const char *const cells[] = {plan->spans[i].partition, from, to};
        PS_TRY(ps_text_table_row(&builder, cells, error));
    }
    return ps_text_table_end(&builder, table_out, error);
}

penstock_code ps_backfill_describe(const struct ps_app *app, struct ps_store *store,
                                   const struct ps_backfill *backfill, struct ps_text_table **table_out,
                                   struct ps_buffer *meaning, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_backfill_plan plan;
    if (arena == NULL) {
        return ps_error_memory(error, "a backfill");
    }
    PS_TRY(ps_backfill_plan(app->graph, store, backfill, arena, &plan, error));
    ps_buffer_printf(meaning, "source %s is read %s for: ", plan.source, plan.is_resumed ? "on" : "again");
    for (size_t i = 0; i < plan.output_count; i++) {
        ps_buffer_printf(meaning, "%s%s", i > 0 ? ", " : "", plan.outputs[i]);
    }
    ps_buffer_text(meaning, backfill->is_rebuild ? "; their rows are DROPPED first\n" : "\n");
    PS_TRY(ps_buffer_status(meaning, error));
    return list_spans(&plan, table_out, error);
}
