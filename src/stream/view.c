/* SPDX-License-Identifier: Apache-2.0
 *
 * view.c - materialized views: a table of aggregate states, and a plain DuckDB view that finishes them.
 *
 * Any DuckDB can read the view; nothing of penstock runs when it is read.
 */
#include "stream/run.h"

penstock_code ps_view_create(struct ps_run *run, const struct ps_output *output,
                             struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "CREATE TABLE penstock_state.");
    ps_buffer_sql_name(&sql, output->name);
    ps_buffer_text(&sql, " AS SELECT * FROM (");
    ps_buffer_text(&sql, output->delta_sql);
    /* streams stand over the rows that are there already: this is the state after them */
    ps_buffer_text(&sql, "); ");
    if (output->final_sql != NULL) {
        ps_buffer_text(&sql, output->final_sql);
        ps_buffer_text(&sql, "; ");
    }
    ps_buffer_text(&sql, output->view_sql);
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_run(run->connection, sql.data, error);
}

penstock_code ps_view_write(struct ps_run *run, const struct ps_output *output,
                            struct penstock_error *error) {
    return ps_sql_run(run->connection, output->merge_sql, error);
}
