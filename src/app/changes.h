/* SPDX-License-Identifier: Apache-2.0
 *
 * changes.h - the plan of changes of a project, over a store that is open here or in another process.
 */
#ifndef PS_APP_CHANGES_H
#define PS_APP_CHANGES_H

#include "app/app.h"
#include "stream/change.h"

/* Answers a SELECT as a table. */
struct ps_asker {
    penstock_code (*ask)(void *context, const char *sql, struct ps_text_table **table_out,
                         struct penstock_error *error);
    void *context;
};

struct ps_change_list {
    struct ps_change *items;
    size_t count;
    bool needs_consent;             /* something is dropped and computed again */
    bool is_blocked;                /* something cannot be done by a run */
    struct ps_text_table *facts[3]; /* hold texts of the items */
    struct ps_arena *arena;
};
void ps_change_list_done(struct ps_change_list *list);
/* `asker` NULL: there is no store yet. */
penstock_code ps_change_list_make(const struct ps_graph *graph, const struct ps_asker *asker,
                                  struct ps_change_list *list_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* statement, kind, action, reason. `all`: also what is kept. */
penstock_code ps_change_list_table(const struct ps_change_list *list, bool all,
                                   struct ps_text_table **table_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

struct ps_progress;
/* Before a run prepares: shows what changes, asks where it must, drops what is made anew. Errors: INVALID_ARGUMENT
 * (it was not agreed to), INVALID_PROJECT (it cannot be done). */
penstock_code ps_changes_settle(struct ps_progress *progress, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
