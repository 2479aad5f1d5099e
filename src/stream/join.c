/* SPDX-License-Identifier: Apache-2.0
 *
 * join.c - an epoch of a join of two streams: rows in, rows out, rows that nobody can come for any more; see join.h.
 *
 * All of it is SQL in the epoch's transaction, so a kill leaves the state as the last commit made it.
 */
#include "stream/join.h"

#include <inttypes.h>

static void add_name(struct ps_buffer *sql, const struct ps_run *run, const char *before, const char *part,
                     const struct ps_output *output) {
    char *name = ps_arena_printf(run->arena, "penstock_%s_%s", part, output->name);
    ps_buffer_text(sql, before);
    ps_buffer_sql_name(sql, name != NULL ? name : "");
}

static void add_state(struct ps_buffer *sql, const struct ps_run *run, const struct ps_output *output,
                      size_t side) {
    char *name = ps_arena_printf(run->arena, "%s/%s", output->name, output->join->sides[side].name);
    ps_buffer_text(sql, "penstock_state.");
    ps_buffer_sql_name(sql, name != NULL ? name : "");
}

penstock_code ps_join_create(struct ps_run *run, const struct ps_output *output,
                             struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    for (size_t i = 0; i < 2; i++) {
        ps_buffer_text(&sql, "CREATE TABLE ");
        add_state(&sql, run, output, i);
        add_name(&sql, run, " AS FROM temp.", i == 0 ? "new_left" : "new_right", output);
        ps_buffer_text(&sql, "; ");
    }
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_run(run->connection, sql.data, error);
}

/* The state anew, of the same rows: the SELECT puts several below one another, so the order of columns counts. */
static penstock_code grow_state(struct ps_run *run, const struct ps_output *output, size_t side,
                                struct penstock_error *error) {
    const char **names, **types, **now_names, **now_types;
    size_t count = 0, now_count = 0;
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "SELECT * FROM ");
    add_state(&sql, run, output, side);
    PS_TRY(ps_buffer_status(&sql, error));
    PS_TRY(ps_sql_describe(run->connection, sql.data, run->arena, &names, &types, &count, NULL, error));
    ps_buffer_clear(&sql);
    add_name(&sql, run, "SELECT * FROM temp.", side == 0 ? "new_left" : "new_right", output);
    PS_TRY(ps_buffer_status(&sql, error));
    PS_TRY(ps_sql_describe(run->connection, sql.data, run->arena, &now_names, &now_types, &now_count, NULL,
                           error));
    bool is_same = count == now_count;
    for (size_t i = 0; i < count && is_same; i++) {
        is_same = strcmp(names[i], now_names[i]) == 0;
    }
    if (is_same) {
        return PENSTOCK_OK;
    }
    ps_buffer_clear(&sql);
    ps_buffer_text(&sql, "CREATE OR REPLACE TABLE ");
    add_state(&sql, run, output, side);
    ps_buffer_text(&sql, " AS SELECT ");
    for (size_t i = 0; i < now_count; i++) {
        bool is_there = false;
        for (size_t k = 0; k < count; k++) {
            is_there = is_there || strcmp(names[k], now_names[i]) == 0;
        }
        ps_buffer_text(&sql, i > 0 ? ", " : "");
        ps_buffer_text(&sql, is_there ? "" : "NULL::");
        ps_buffer_text(&sql, is_there ? "" : now_types[i]);
        ps_buffer_text(&sql, is_there ? "" : " AS ");
        ps_buffer_sql_name(&sql, now_names[i]);
    }
    ps_buffer_text(&sql, " FROM ");
    add_state(&sql, run, output, side);
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_run(run->connection, sql.data, error);
}

penstock_code ps_join_grow(struct ps_run *run, const struct ps_output *output, struct penstock_error *error) {
    if (!ps_project_adds_columns(run->project)) {
        return PENSTOCK_OK;
    }
    PS_TRY(grow_state(run, output, 0, error));
    return grow_state(run, output, 1, error);
}

/* --- what the watermarks say -------------------------------------------------------------------------------------- */

/* The watermark of a side's source, in microseconds; false: none yet. */
static penstock_code watermark_of(struct ps_run *run, const struct ps_join_side *side, bool *has_out,
                                  int64_t *us_out, struct penstock_error *error) {
    const struct ps_input *input = &run->inputs[side->root];
    if (!run->is_applying) {
        *has_out = input->has_time && !__builtin_sub_overflow(input->time_max_us, input->delay_us, us_out);
        return PENSTOCK_OK;
    }
    const char *const values[] = {input->key}; /* the inputs are not open yet */
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(run->connection,
                             "SELECT epoch_us(watermark) FROM penstock.watermarks WHERE source = $1", values,
                             1, &result, error));
    *has_out = ps_result_row_count(result) > 0;
    *us_out = ps_result_integer(result, 0, 0);
    return PENSTOCK_OK;
}

/* What of a side lies before *us_out can have no partner any more; false: nothing can be told yet. */
static penstock_code end_of(struct ps_run *run, const struct ps_output *output, size_t side, bool *has_out,
                            int64_t *us_out, struct penstock_error *error) {
    const struct ps_join *join = output->join;
    int64_t left = 0, right = 0;
    bool has_left = false, has_right = false;
    PS_TRY(watermark_of(run, &join->sides[0], &has_left, &left, error));
    PS_TRY(watermark_of(run, &join->sides[1], &has_right, &right, error));
    if (side == 0) { /* the latest partner: time + upper */
        *has_out = has_right && !__builtin_sub_overflow(right, join->bound.upper_us, us_out);
        return PENSTOCK_OK;
    }
    /* the latest partner: time - lower */
    *has_out = has_left && !__builtin_add_overflow(left, join->bound.lower_us, us_out);
    if (join->is_left) { /* and it is asked whether it is alone when its own time is over */
        int64_t asked = 0;
        *has_out = *has_out && has_right && !__builtin_add_overflow(right, join->bound.lower_us, &asked) &&
                   !__builtin_sub_overflow(asked, join->bound.upper_us, &asked);
        *us_out = asked < *us_out ? asked : *us_out;
    }
    return PENSTOCK_OK;
}

/* WHERE time < end */
static void add_before(struct ps_buffer *sql, const struct ps_join_side *side, int64_t us) {
    ps_buffer_text(sql, " WHERE CAST(");
    ps_buffer_sql_name(sql, side->time);
    ps_buffer_printf(sql, " AS TIMESTAMP) < make_timestamp(%" PRId64 ")", us);
}

/* --- an epoch ----------------------------------------------------------------------------------- */

static void add_new(struct ps_buffer *sql, const struct ps_run *run, const struct ps_output *output,
                    size_t side) {
    const struct ps_join_side *from = &output->join->sides[side];
    char *view = ps_arena_printf(run->arena, "penstock_stream_%s", from->node->name);
    const bool has_rows = run->is_applying || ps_flow_stream_has_rows(run, from->root, from->upstream);
    add_name(sql, run, "CREATE OR REPLACE TEMP TABLE ", side == 0 ? "new_left" : "new_right", output);
    ps_buffer_printf(sql, " AS SELECT %s FROM temp.", from->columns_sql);
    ps_buffer_sql_name(sql, view != NULL ? view : "");
    ps_buffer_text(sql, has_rows ? "; " : " LIMIT 0; ");
}

/* Left rows whose time is over, old and new ones, without a partner among all right rows. */
static void add_alone(struct ps_buffer *sql, const struct ps_run *run, const struct ps_output *output,
                      bool has_end, int64_t end_us) {
    add_name(sql, run, "CREATE OR REPLACE TEMP TABLE ", "alone", output);
    for (int is_new = 0; is_new < 2; is_new++) {
        ps_buffer_text(sql, is_new ? " UNION ALL SELECT " : " AS SELECT ");
        ps_buffer_printf(sql, "%s.* FROM (FROM ", output->join->alias_sql);
        if (is_new) {
            add_name(sql, run, "temp.", "new_left", output);
        } else {
            add_state(sql, run, output, 0);
        }
        add_before(sql, &output->join->sides[0], end_us);
        ps_buffer_text(sql, has_end ? ")" : " AND false)");
        ps_buffer_text(sql, output->join->alone_sql);
    }
    ps_buffer_text(sql, "; ");
}

penstock_code ps_join_load(struct ps_run *run, const struct ps_output *output, struct penstock_error *error) {
    bool has_end = false;
    int64_t end_us = 0;
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    add_new(&sql, run, output, 0);
    add_new(&sql, run, output, 1);
    ps_buffer_text(&sql, "INSERT INTO ");
    add_state(&sql, run, output, 1);
    add_name(&sql, run, " FROM temp.", "new_right", output);
    ps_buffer_text(&sql, "; ");
    if (output->join->is_left) {
        PS_TRY(end_of(run, output, 0, &has_end, &end_us, error));
        add_alone(&sql, run, output, has_end, end_us);
    }
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_run(run->connection, sql.data, error);
}

penstock_code ps_join_keep(struct ps_run *run, const struct ps_output *output, struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "INSERT INTO ");
    add_state(&sql, run, output, 0);
    add_name(&sql, run, " FROM temp.", "new_left", output);
    ps_buffer_text(&sql, "; ");
    for (size_t i = 0; i < 2; i++) {
        bool has_end = false;
        int64_t end_us = 0;
        PS_TRY(end_of(run, output, i, &has_end, &end_us, error));
        if (has_end) {
            ps_buffer_text(&sql, "DELETE FROM ");
            add_state(&sql, run, output, i);
            add_before(&sql, &output->join->sides[i], end_us);
            ps_buffer_text(&sql, "; ");
        }
    }
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_run(run->connection, sql.data, error);
}

penstock_code ps_join_rows(struct ps_run *run, const struct ps_output *output, const int64_t *rows,
                           size_t count, struct ps_result **result_out, struct penstock_error *error) {
    const struct ps_output *join = &run->outputs[output->join_root];
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "SELECT 0, " PS_ROW_COLUMN ", to_json({");
    for (size_t i = 0; i < join->node->column_count; i++) {
        ps_buffer_text(&sql, i > 0 ? ", " : "");
        ps_buffer_sql_literal(&sql, join->node->column_names[i]);
        ps_buffer_text(&sql, ": ");
        ps_buffer_sql_name(&sql, join->node->column_names[i]);
    }
    ps_buffer_text(&sql, "})::VARCHAR FROM ");
    ps_table_add_stage(&sql, run, join);
    ps_buffer_text(&sql, " WHERE " PS_ROW_COLUMN " IN (");
    for (size_t i = 0; i < count; i++) {
        ps_buffer_printf(&sql, "%s%" PRId64, i > 0 ? ", " : "", rows[i]);
    }
    ps_buffer_text(&sql, ") ORDER BY " PS_ROW_COLUMN);
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_query(run->connection, sql.data, result_out, error);
}
