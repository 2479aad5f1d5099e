/* SPDX-License-Identifier: Apache-2.0
 *
 * view.c - materialized views: the groups' states in the store, and a plain DuckDB view that finishes them.
 *
 * Any DuckDB can read the view; nothing of penstock runs when it is read.
 */
#include "stream/view.h"

/* Few rows more than a statement was planned for do not matter. */
#define UNPLANNED_ROWS_MAX 2000

/* A table that has grown is planned for anew (a MERGE that was planned for an empty one joins with 45,000 rows in 73 ms
 * instead of 5), and one that is too large becomes parts and logs. */
static penstock_code enlarge(struct ps_run *run, struct ps_view *view, int64_t changed,
                             struct penstock_error *error) {
    const int64_t planned_max = 2 * view->planned_rows + UNPLANNED_ROWS_MAX;
    view->row_count += changed; /* as if all were new */
    if (view->key_count == 0 || (view->row_count <= view->table_rows_max && view->row_count <= planned_max)) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_view_count(run, view, error));
    if (view->row_count <= view->table_rows_max && view->row_count <= 2 * view->planned_rows) {
        return PENSTOCK_OK;
    }
    ps_sql_statement_free(ps_take(view->write));
    return view->row_count > view->table_rows_max ? ps_view_levels_make(run, view, error) : PENSTOCK_OK;
}

penstock_code ps_view_create(struct ps_run *run, const struct ps_output *output,
                             struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "CREATE TABLE penstock_state.");
    ps_buffer_sql_name(&sql, output->name);
    ps_buffer_text(&sql, " AS SELECT * FROM (");
    ps_buffer_text(&sql, output->view->delta_sql);
    /* streams stand over the rows that are there already: this is the state after them */
    ps_buffer_text(&sql, "); ");
    if (output->final_sql != NULL) {
        ps_buffer_text(&sql, output->final_sql);
        ps_buffer_text(&sql, "; ");
    }
    ps_buffer_text(&sql, output->view_sql);
    PS_TRY(ps_buffer_status(&sql, error));
    PS_TRY(ps_sql_run(run->connection, sql.data, error));
    PS_TRY(ps_view_levels_load(run, output->view, error)); /* counts them */
    return enlarge(run, output->view, 0, error);
}

penstock_code ps_view_write(struct ps_run *run, const struct ps_output *output,
                            struct penstock_error *error) {
    struct ps_view *view = output->view;
    if (!view->is_loaded ||
        view->epoch == run->epoch.number) { /* the epoch was tried before, and rolled back */
        ps_sql_statement_free(ps_take(view->write));
        PS_TRY(ps_view_levels_load(run, view, error));
    }
    if (run->uses_epoch_time) {
        ps_sql_statement_free(
            ps_take(view->write)); /* a plan keeps the time of the epoch that it was made in */
    }
    view->is_loaded = false; /* until all of it is done */
    if (view->write == NULL) {
        struct ps_buffer sql PS_SCOPED(ps_buffer_done);
        ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
        view->is_leveled ? ps_view_add_append(&sql, view) : ps_view_add_merge(&sql, view);
        PS_TRY(ps_buffer_status(&sql, error));
        PS_TRY(ps_sql_prepare(run->connection, sql.data, &view->write, error));
        view->planned_rows = view->row_count;
    }
    int64_t changed = 0;
    PS_TRY(ps_sql_execute(view->write, &changed, error));
    if (view->is_leveled) {
        bool is_moved = false;
        PS_TRY(ps_view_levels_fold(run, view, changed, &is_moved, error));
        if (is_moved) {
            ps_sql_statement_free(ps_take(view->write));
        }
    } else {
        PS_TRY(enlarge(run, view, changed, error));
    }
    view->epoch = run->epoch.number;
    view->is_loaded = true;
    return PENSTOCK_OK;
}

void ps_view_done(struct ps_output *output) {
    if (output->view != NULL) {
        ps_sql_statement_free(ps_take(output->view->write));
    }
}
