/* SPDX-License-Identifier: Apache-2.0
 *
 * view_levels.c - the state of a view with many groups: parts by hash of the keys, and two logs of epochs.
 *
 * DuckDB joins a MERGE with all of its target, and a checkpoint writes every row group that an update touched:
 * with millions of groups each epoch would cost what there is. So an epoch only appends its groups to the active
 * log. When that log is a quarter of the parts it is set aside and folded into them, part by part, while epochs
 * append to the other one: each epoch does as much of that as it has added to its log, and the round is over before
 * the log is half as large as the one that is folded. Rows in parts are written again once per quarter of
 * their number appended, so an epoch costs a constant for each group it touches.
 *
 * A part that is folded is a new table, and the view penstock_state."v" is made anew to say which parts and which
 * rows of the logs count. Parts are split in a round when they have grown.
 */
#include "stream/view.h"

/* As a table a state has at most so many groups: that MERGE costs no more than appending. */
#define TABLE_ROWS_MAX 50000
/* Larger than DuckDB's row group: such a table goes past the write-ahead log; folding it takes some 50 ms. */
#define PART_ROWS_MAX 250000
#define PART_COUNT_MAX 4096
#define HASH_COUNT 65536
/* A log is folded when it has one row for so many of the parts. */
#define ROWS_PER_LOG_ROW 4
/* If DuckDB's hash changes, groups are no longer where they belong. */
#define HASH_PROBE "hash('penstock', 7, NULL::VARCHAR)"

/* --- names and texts -------------------------------------------------------------------------------------------- */

static void add_state(struct ps_buffer *sql, const char *name) {
    ps_buffer_text(sql, "penstock_state.");
    ps_buffer_sql_name(sql, name);
}

/* penstock_state."v/base 3.7" */
static void add_part(struct ps_buffer *sql, const struct ps_view *view, int64_t generation, int64_t index) {
    struct ps_buffer name PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&name, PS_LIMIT_SQL_SIZE);
    ps_buffer_printf(&name, "%s/base %lld.%lld", view->name, (long long)generation, (long long)index);
    add_state(sql, name.data != NULL ? name.data : "");
}

static void add_log(struct ps_buffer *sql, const struct ps_view *view, int64_t log) {
    struct ps_buffer name PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&name, PS_LIMIT_SQL_SIZE);
    ps_buffer_printf(&name, "%s/log %lld", view->name, (long long)log);
    add_state(sql, name.data != NULL ? name.data : "");
}

static void add_levels(struct ps_buffer *sql, const struct ps_view *view) {
    struct ps_buffer name PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&name, PS_LIMIT_SQL_SIZE);
    ps_buffer_printf(&name, "%s/levels", view->name);
    add_state(sql, name.data != NULL ? name.data : "");
}

static void add_hash(struct ps_buffer *sql, const struct ps_view *view) {
    ps_buffer_text(sql, "CAST(hash(");
    ps_view_add_keys(sql, view, "");
    ps_buffer_text(sql, ") >> 48 AS USMALLINT)");
}

/* WHERE the hash is one of part `index` of `count` */
static void add_range(struct ps_buffer *sql, int64_t index, int64_t count) {
    ps_buffer_printf(sql, " BETWEEN %lld AND %lld", (long long)(index * HASH_COUNT / count),
                     (long long)((index + 1) * HASH_COUNT / count - 1));
}

void ps_view_add_append(struct ps_buffer *sql, const struct ps_view *view) {
    ps_buffer_text(sql, "INSERT INTO ");
    add_log(sql, view, view->levels.active);
    ps_buffer_text(sql, " SELECT ");
    add_hash(sql, view);
    ps_buffer_text(sql, ", * FROM (");
    ps_buffer_text(sql, view->delta_sql);
    ps_buffer_text(sql, ")");
}

static void add_select(struct ps_buffer *sql, const struct ps_view *view) {
    ps_buffer_text(sql, sql->size > 0 ? " UNION ALL SELECT " : "SELECT ");
    ps_view_add_columns(sql, view);
}

static void add_log_select(struct ps_buffer *sql, const struct ps_view *view, int64_t log, int64_t order) {
    add_select(sql, view);
    if (view->has_combined) {
        ps_buffer_printf(sql, ", %lld AS log_order, rowid AS log_row", (long long)order);
    }
    ps_buffer_text(sql, " FROM ");
    add_log(sql, view, log);
}

static penstock_code run_text(struct ps_run *run, const struct ps_buffer *sql, struct penstock_error *error) {
    PS_TRY(ps_buffer_status(sql, error));
    return ps_sql_run(run->connection, sql->data, error);
}

/* The view over what counts: parts not folded yet, those that are, the rest of the log that is folded, and the
 * active log. */
static penstock_code define(struct ps_run *run, const struct ps_view *view, struct penstock_error *error) {
    const struct ps_view_levels *levels = &view->levels;
    struct ps_buffer base PS_SCOPED(ps_buffer_done);
    struct ps_buffer log PS_SCOPED(ps_buffer_done);
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&base, PS_LIMIT_SQL_SIZE);
    ps_buffer_init(&log, PS_LIMIT_SQL_SIZE);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    const int64_t folded = levels->next < 0 ? 0 : levels->next;
    for (int64_t i = 0; i < folded * levels->factor; i++) {
        add_select(&base, view);
        ps_buffer_text(&base, " FROM ");
        add_part(&base, view, levels->generation + 1, i);
    }
    for (int64_t i = folded; i < levels->part_count; i++) {
        add_select(&base, view);
        ps_buffer_text(&base, " FROM ");
        add_part(&base, view, levels->generation, i);
    }
    if (levels->next >= 0) {
        add_log_select(&log, view, 1 - levels->active, 0);
        ps_buffer_printf(&log, " WHERE p >= %lld", (long long)(folded * HASH_COUNT / levels->part_count));
    }
    add_log_select(&log, view, levels->active, 1);
    PS_TRY(ps_buffer_status(&base, error));
    PS_TRY(ps_buffer_status(&log, error));
    ps_buffer_text(&sql, "CREATE OR REPLACE VIEW ");
    add_state(&sql, view->name);
    ps_buffer_text(&sql, " AS ");
    ps_view_add_folded(&sql, view, base.data, log.data);
    return run_text(run, &sql, error);
}

/* --- where it stands -------------------------------------------------------------------------------------------- */

static penstock_code save(struct ps_run *run, const struct ps_view *view, struct penstock_error *error) {
    const struct ps_view_levels *levels = &view->levels;
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "UPDATE ");
    add_levels(&sql, view);
    ps_buffer_printf(&sql,
                     " SET generation = %lld, part_count = %lld, factor = %lld, next = %lld, active = %lld",
                     (long long)levels->generation, (long long)levels->part_count, (long long)levels->factor,
                     (long long)levels->next, (long long)levels->active);
    return run_text(run, &sql, error);
}

static penstock_code count_rows(struct ps_run *run, const struct ps_buffer *name, int64_t *count_out,
                                struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    PS_TRY(ps_buffer_status(name, error));
    ps_buffer_text(&sql, "SELECT count(*) FROM ");
    ps_buffer_text(&sql, name->data);
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_integer(run->connection, sql.data, count_out, error);
}

penstock_code ps_view_count(struct ps_run *run, struct ps_view *view, struct penstock_error *error) {
    struct ps_buffer name PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&name, PS_LIMIT_SQL_SIZE);
    add_state(&name, view->name);
    return count_rows(run, &name, &view->row_count, error);
}

static penstock_code count_log(struct ps_run *run, struct ps_view *view, int64_t log,
                               struct penstock_error *error) {
    struct ps_buffer name PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&name, PS_LIMIT_SQL_SIZE);
    add_log(&name, view, log);
    return count_rows(run, &name, &view->levels.log_rows[log], error);
}

static penstock_code count_base(struct ps_run *run, struct ps_view *view, struct penstock_error *error) {
    struct ps_buffer name PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&name, PS_LIMIT_SQL_SIZE);
    view->levels.base_rows = 0;
    for (int64_t i = 0; i < view->levels.part_count; i++) {
        int64_t count = 0;
        ps_buffer_clear(&name);
        add_part(&name, view, view->levels.generation, i);
        PS_TRY(count_rows(run, &name, &count, error));
        view->levels.base_rows += count;
    }
    return PENSTOCK_OK;
}

/* --- many groups ------------------------------------------------------------------------------------------------ */

static penstock_code make_parts(struct ps_run *run, const struct ps_view *view, const char *source,
                                struct penstock_error *error) {
    const struct ps_view_levels *levels = &view->levels;
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    for (int64_t i = 0; i < levels->part_count; i++) {
        ps_buffer_clear(&sql);
        ps_buffer_text(&sql, "CREATE TABLE ");
        add_part(&sql, view, levels->generation, i);
        ps_buffer_text(&sql, " AS SELECT * FROM ");
        add_state(&sql, source);
        ps_buffer_text(&sql, " WHERE ");
        add_hash(&sql, view);
        add_range(&sql, i, levels->part_count);
        PS_TRY(run_text(run, &sql, error));
    }
    return PENSTOCK_OK;
}

static penstock_code make_log(struct ps_run *run, const struct ps_view *view, int64_t log,
                              struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "CREATE OR REPLACE TABLE ");
    add_log(&sql, view, log);
    ps_buffer_text(&sql, " AS SELECT CAST(0 AS USMALLINT) AS p, * FROM ");
    add_part(&sql, view, view->levels.generation, 0);
    ps_buffer_text(&sql, " LIMIT 0");
    return run_text(run, &sql, error);
}

/* From the table `source`, which is dropped. */
static penstock_code make(struct ps_run *run, struct ps_view *view, const char *source, int64_t generation,
                          struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    add_state(&sql, source);
    int64_t row_count = 0;
    PS_TRY(count_rows(run, &sql, &row_count, error));
    view->levels = (struct ps_view_levels){
        .generation = generation, .part_count = 1, .factor = 1, .next = -1, .base_rows = row_count};
    while (view->levels.part_count < PART_COUNT_MAX &&
           row_count / view->levels.part_count > view->part_rows_max) {
        view->levels.part_count *= 2;
    }
    PS_TRY(make_parts(run, view, source, error));
    PS_TRY(make_log(run, view, 0, error));
    PS_TRY(make_log(run, view, 1, error));
    ps_buffer_clear(&sql);
    ps_buffer_text(&sql, "DROP TABLE ");
    add_state(&sql, source);
    ps_buffer_text(&sql, "; CREATE OR REPLACE TABLE ");
    add_levels(&sql, view);
    ps_buffer_text(&sql, " AS SELECT 0::BIGINT AS generation, 0::BIGINT AS part_count, 0::BIGINT AS factor,"
                         " 0::BIGINT AS next, 0::BIGINT AS active, " HASH_PROBE " AS hash_probe");
    PS_TRY(run_text(run, &sql, error));
    PS_TRY(save(run, view, error));
    view->is_leveled = true;
    return define(run, view, error);
}

penstock_code ps_view_levels_make(struct ps_run *run, struct ps_view *view, struct penstock_error *error) {
    return make(run, view, view->name, 0, error);
}

/* Everything into new parts: the groups' hashes are others than they were. */
static penstock_code make_again(struct ps_run *run, struct ps_view *view, struct penstock_error *error) {
    const struct ps_view_levels before = view->levels;
    struct ps_buffer name PS_SCOPED(ps_buffer_done);
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&name, PS_LIMIT_SQL_SIZE);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_printf(&name, "%s/again", view->name);
    PS_TRY(ps_buffer_status(&name, error));
    ps_buffer_text(&sql, "CREATE TABLE ");
    add_state(&sql, name.data);
    ps_buffer_text(&sql, " AS SELECT * FROM ");
    add_state(&sql, view->name);
    const int64_t folded = before.next < 0 ? 0 : before.next;
    for (int64_t i = 0; i < folded * before.factor; i++) {
        ps_buffer_text(&sql, "; DROP TABLE ");
        add_part(&sql, view, before.generation + 1, i);
    }
    for (int64_t i = folded; i < before.part_count; i++) {
        ps_buffer_text(&sql, "; DROP TABLE ");
        add_part(&sql, view, before.generation, i);
    }
    PS_TRY(run_text(run, &sql, error));
    return make(run, view, name.data, before.generation + 2, error);
}

penstock_code ps_view_levels_load(struct ps_run *run, struct ps_view *view, struct penstock_error *error) {
    struct ps_view_levels *levels = &view->levels;
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "SELECT TRY_CAST(value AS BIGINT), key FROM penstock.meta WHERE key IN"
                         " ('view_table_rows_max', 'view_part_rows_max')");
    struct ps_result *limits PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(run->connection, sql.data, &limits, error));
    view->table_rows_max = TABLE_ROWS_MAX;
    view->part_rows_max = PART_ROWS_MAX;
    for (int64_t i = 0; i < ps_result_row_count(limits); i++) {
        int64_t *limit = strstr(ps_result_text(limits, i, 1), "table") != NULL ? &view->table_rows_max
                                                                               : &view->part_rows_max;
        *limit = ps_result_integer(limits, i, 0);
    }
    const char *const values[] = {view->name};
    struct ps_result *found PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(run->connection,
                             "SELECT 1 FROM duckdb_tables() WHERE database_name = current_database() AND"
                             " schema_name = 'penstock_state' AND table_name = $1::VARCHAR || '/levels'",
                             values, 1, &found, error));
    view->is_leveled = ps_result_row_count(found) > 0;
    if (!view->is_leveled) {
        return ps_view_count(run, view, error);
    }
    ps_buffer_clear(&sql);
    ps_buffer_text(&sql,
                   "SELECT generation, part_count, factor, next, active, hash_probe = " HASH_PROBE " FROM ");
    add_levels(&sql, view);
    PS_TRY(ps_buffer_status(&sql, error));
    struct ps_result *row PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(run->connection, sql.data, &row, error));
    *levels = (struct ps_view_levels){.generation = ps_result_integer(row, 0, 0),
                                      .part_count = ps_result_integer(row, 0, 1),
                                      .factor = ps_result_integer(row, 0, 2),
                                      .next = ps_result_integer(row, 0, 3),
                                      .active = ps_result_integer(row, 0, 4) != 0 ? 1 : 0};
    if (ps_result_integer(row, 0, 5) == 0) {
        return make_again(run, view, error);
    }
    PS_TRY(count_log(run, view, 0, error));
    PS_TRY(count_log(run, view, 1, error));
    return levels->next < 0 ? count_base(run, view, error) : PENSTOCK_OK;
}

/* --- rounds ----------------------------------------------------------------------------------------------------- */

/* The next part, with its rows of the log, becomes `factor` parts of the next generation. */
static penstock_code fold_part(struct ps_run *run, struct ps_view *view, struct penstock_error *error) {
    struct ps_view_levels *levels = &view->levels;
    struct ps_buffer base PS_SCOPED(ps_buffer_done);
    struct ps_buffer log PS_SCOPED(ps_buffer_done);
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&base, PS_LIMIT_SQL_SIZE);
    ps_buffer_init(&log, PS_LIMIT_SQL_SIZE);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    for (int64_t i = 0; i < levels->factor; i++) {
        const int64_t index = levels->next * levels->factor + i;
        const int64_t count = levels->part_count * levels->factor;
        ps_buffer_clear(&base);
        ps_buffer_clear(&log);
        ps_buffer_clear(&sql);
        add_select(&base, view);
        ps_buffer_text(&base, " FROM ");
        add_part(&base, view, levels->generation, levels->next);
        if (levels->factor > 1) {
            ps_buffer_text(&base, " WHERE ");
            add_hash(&base, view);
            add_range(&base, index, count);
        }
        add_log_select(&log, view, 1 - levels->active, 0);
        ps_buffer_text(&log, " WHERE p");
        add_range(&log, index, count);
        PS_TRY(ps_buffer_status(&base, error));
        PS_TRY(ps_buffer_status(&log, error));
        ps_buffer_text(&sql, "CREATE TABLE ");
        add_part(&sql, view, levels->generation + 1, index);
        ps_buffer_text(&sql, " AS ");
        ps_view_add_folded(&sql, view, base.data, log.data);
        PS_TRY(run_text(run, &sql, error));
    }
    ps_buffer_clear(&sql);
    ps_buffer_text(&sql, "DROP TABLE ");
    add_part(&sql, view, levels->generation, levels->next);
    levels->next++;
    return run_text(run, &sql, error);
}

static penstock_code end_round(struct ps_run *run, struct ps_view *view, struct penstock_error *error) {
    struct ps_view_levels *levels = &view->levels;
    levels->generation++;
    levels->part_count *= levels->factor;
    levels->factor = 1;
    levels->next = -1;
    PS_TRY(make_log(run, view, 1 - levels->active, error));
    levels->log_rows[1 - levels->active] = 0;
    return count_base(run, view, error);
}

static void begin_round(struct ps_view *view) {
    struct ps_view_levels *levels = &view->levels;
    const int64_t rows_max = levels->base_rows + levels->log_rows[levels->active];
    levels->next = 0;
    levels->factor = 1;
    while (levels->part_count * levels->factor < PART_COUNT_MAX &&
           rows_max / (levels->part_count * levels->factor) > view->part_rows_max) {
        levels->factor *= 2;
    }
    levels->active = 1 - levels->active;
}

penstock_code ps_view_levels_fold(struct ps_run *run, struct ps_view *view, int64_t row_count,
                                  bool *is_moved_out, struct penstock_error *error) {
    struct ps_view_levels *levels = &view->levels;
    levels->log_rows[levels->active] += row_count;
    *is_moved_out = false;
    const int64_t before = levels->next;
    if (levels->next >= 0) {
        const int64_t goal = levels->log_rows[1 - levels->active] / 2 + 1;
        const int64_t due = 1 + levels->part_count * levels->log_rows[levels->active] / goal;
        while (levels->next < levels->part_count && levels->next < due) {
            PS_TRY(fold_part(run, view, error));
        }
        if (levels->next == levels->part_count) {
            PS_TRY(end_round(run, view, error));
        }
    }
    if (levels->next < 0 && levels->log_rows[levels->active] >= view->table_rows_max &&
        levels->log_rows[levels->active] >= levels->base_rows / ROWS_PER_LOG_ROW) {
        begin_round(view);
        *is_moved_out = true;
    }
    if (levels->next == before && !*is_moved_out) {
        return PENSTOCK_OK;
    }
    PS_TRY(save(run, view, error));
    return define(run, view, error);
}
