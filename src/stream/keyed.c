/* SPDX-License-Identifier: Apache-2.0
 *
 * keyed.c - streaming tables over a changelog: one row a key, the last word counts.
 *
 * The stage holds what the user's SELECT makes of every put of the epoch, so rules look at each of them, however the
 * records were cut into epochs. Of each key that a record of the epoch names, the rows in the table go; of its last
 * record, if that is a put that passed WHERE and rules, the rows come. The last record is the one with the greatest
 * penstock_row: partitions in their order, in a partition the order of its records.
 */
#include <stdio.h>

#include "stream/run.h"

static void add_keys(struct ps_buffer *sql, const struct ps_run *run, const struct ps_output *output) {
    char *name = ps_arena_printf(run->arena, "penstock_keys_%s", output->name);
    ps_buffer_sql_name(sql, name != NULL ? name : "");
}

/* The keys that the epoch names, each with its last record. A table of its own: its size tells DuckDB which side of
 * the joins below is the small one. */
static penstock_code find_keys(struct ps_run *run, const struct ps_output *output,
                               struct penstock_error *error) {
    const struct ps_input *input = &run->inputs[output->root];
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "CREATE OR REPLACE TEMP TABLE ");
    add_keys(&sql, run, output);
    ps_buffer_text(&sql, " AS SELECT ");
    for (size_t i = 0; i < input->statement->primary_key_count; i++) {
        const struct ps_column_schema *column =
            &input->statement->schema.columns[input->statement->primary_key[i]];
        ps_buffer_text(&sql, "CAST(");
        ps_buffer_sql_name(&sql, column->name);
        ps_buffer_printf(&sql, " AS %s) AS k%zu, ", column->type_text, i);
    }
    ps_buffer_text(&sql, "max(" PS_ROW_COLUMN ") AS " PS_ROW_COLUMN " FROM penstock_feed(");
    ps_buffer_sql_literal(&sql, input->feed);
    ps_buffer_text(&sql, ") GROUP BY ALL");
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_run(run->connection, sql.data, error);
}

static penstock_code delete_rows(struct ps_run *run, const struct ps_output *output,
                                 struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "DELETE FROM main.");
    ps_buffer_sql_name(&sql, output->name);
    ps_buffer_text(&sql, " AS t USING temp.");
    add_keys(&sql, run, output);
    ps_buffer_text(&sql, " AS k WHERE ");
    for (size_t i = 0; i < output->node->key_count; i++) {
        ps_buffer_text(&sql, i > 0 ? " AND t." : "t.");
        ps_buffer_sql_name(&sql, output->node->column_names[output->node->keys[i]]);
        ps_buffer_printf(&sql, " = k.k%zu", i);
    }
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_run(run->connection, sql.data, error);
}

penstock_code ps_keyed_write(struct ps_run *run, const struct ps_output *output, uint64_t reject_mask,
                             int64_t *row_count_out, struct penstock_error *error) {
    PS_TRY(find_keys(run, output, error));
    PS_TRY(delete_rows(run, output, error));
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "INSERT INTO main.");
    ps_buffer_sql_name(&sql, output->name);
    ps_buffer_printf(&sql, " (%s) SELECT %s FROM ", output->columns_sql, output->columns_sql);
    ps_table_add_stage(&sql, run, output);
    ps_buffer_text(&sql, " WHERE " PS_ROW_COLUMN " IN (SELECT " PS_ROW_COLUMN " FROM temp.");
    add_keys(&sql, run, output);
    ps_buffer_text(&sql, ")");
    if (reject_mask != 0) {
        ps_buffer_printf(&sql, " AND (" PS_BROKEN_COLUMN " & %llu) = 0", (unsigned long long)reject_mask);
    }
    PS_TRY(ps_buffer_status(&sql, error));
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(run->connection, sql.data, &result, error));
    *row_count_out = ps_result_changed(result);
    return PENSTOCK_OK;
}
