/* SPDX-License-Identifier: Apache-2.0
 *
 * view_fold.c - the SQL that makes one state of several.
 *
 * A sum, a count, a minimum or a maximum is its own state: values that DuckDB stores, compresses and adds up as
 * any other column. All other aggregates keep DuckDB's exported state, for which there is combine() of two and
 * no aggregate: those of one group in a log are listed and reduced, and the parts, in which a group is there once,
 * are joined with what comes out of that.
 */
#include "stream/view.h"

void ps_view_add_keys(struct ps_buffer *sql, const struct ps_view *view, const char *prefix) {
    for (size_t i = 0; i < view->key_count; i++) {
        ps_buffer_printf(sql, "%s%sk%zu", i > 0 ? ", " : "", prefix, i);
    }
}

void ps_view_add_columns(struct ps_buffer *sql, const struct ps_view *view) {
    ps_view_add_keys(sql, view, "");
    for (size_t i = 0; i < view->column_count; i++) {
        ps_buffer_printf(sql, "%s%s", i + view->key_count > 0 ? ", " : "", view->columns[i].name);
    }
}

void ps_view_add_merged(struct ps_buffer *sql, const struct ps_view_column *column, const char *left,
                        const char *right) {
    const char *name = column->name;
    switch (column->fold) {
    case PS_FOLD_SUM:
        ps_buffer_printf(sql, "coalesce(%s.%s + %s.%s, %s.%s, %s.%s)", left, name, right, name, left, name,
                         right, name);
        break;
    case PS_FOLD_MIN: ps_buffer_printf(sql, "least(%s.%s, %s.%s)", left, name, right, name); break;
    case PS_FOLD_MAX: ps_buffer_printf(sql, "greatest(%s.%s, %s.%s)", left, name, right, name); break;
    case PS_FOLD_COMBINE: ps_buffer_printf(sql, "combine(%s.%s, %s.%s)", left, name, right, name); break;
    }
}

void ps_view_add_same_key(struct ps_buffer *sql, const struct ps_view *view, const char *left,
                          const char *right) {
    for (size_t i = 0; i < view->key_count; i++) {
        ps_buffer_printf(sql, "%s%s.k%zu IS NOT DISTINCT FROM %s.k%zu", i > 0 ? " AND " : "", left, i, right,
                         i);
    }
}

void ps_view_add_merge(struct ps_buffer *sql, const struct ps_view *view) {
    ps_buffer_text(sql, "MERGE INTO penstock_state.");
    ps_buffer_sql_name(sql, view->name);
    ps_buffer_text(sql, " AS s USING (");
    ps_buffer_text(sql, view->delta_sql);
    ps_buffer_text(sql, ") AS d ON ");
    ps_view_add_same_key(sql, view, "s", "d");
    ps_buffer_text(sql, view->key_count == 0 ? "true" : "");
    for (size_t i = 0; i < view->column_count; i++) {
        ps_buffer_printf(sql, "%s%s = ", i > 0 ? ", " : " WHEN MATCHED THEN UPDATE SET ",
                         view->columns[i].name);
        ps_view_add_merged(sql, &view->columns[i], "s", "d");
    }
    ps_buffer_text(sql, " WHEN NOT MATCHED THEN INSERT BY NAME");
}

/* One column of SELECT ... GROUP BY keys. */
static void add_grouped(struct ps_buffer *sql, const struct ps_view_column *column) {
    const char *name = column->name;
    switch (column->fold) {
    case PS_FOLD_SUM: ps_buffer_printf(sql, ", CAST(sum(%s) AS %s) AS %s", name, column->type, name); break;
    case PS_FOLD_MIN: ps_buffer_printf(sql, ", min(%s) AS %s", name, name); break;
    case PS_FOLD_MAX: ps_buffer_printf(sql, ", max(%s) AS %s", name, name); break;
    case PS_FOLD_COMBINE:
        ps_buffer_printf(sql,
                         ", list_reduce(list(%s ORDER BY log_order, log_row), lambda left_state, right_state:"
                         " combine(left_state, right_state)) AS %s",
                         name, name);
        break;
    }
}

static void add_group_by(struct ps_buffer *sql, const struct ps_view *view, const char *from,
                         const char *more) {
    ps_buffer_text(sql, "SELECT ");
    ps_view_add_keys(sql, view, "");
    for (size_t i = 0; i < view->column_count; i++) {
        add_grouped(sql, &view->columns[i]);
    }
    ps_buffer_text(sql, " FROM (");
    ps_buffer_text(sql, from);
    ps_buffer_text(sql, more != NULL ? " UNION ALL " : "");
    ps_buffer_text(sql, more != NULL ? more : "");
    ps_buffer_text(sql, ") GROUP BY ");
    ps_view_add_keys(sql, view, "");
}

void ps_view_add_folded(struct ps_buffer *sql, const struct ps_view *view, const char *base,
                        const char *log) {
    if (!view->has_combined) {
        add_group_by(sql, view, base, log);
        return;
    }
    ps_buffer_text(sql, "SELECT ");
    for (size_t i = 0; i < view->key_count; i++) {
        ps_buffer_printf(sql, "%scoalesce(b.k%zu, d.k%zu) AS k%zu", i > 0 ? ", " : "", i, i, i);
    }
    for (size_t i = 0; i < view->column_count; i++) {
        ps_buffer_text(sql, ", ");
        ps_view_add_merged(sql, &view->columns[i], "b", "d");
        ps_buffer_printf(sql, " AS %s", view->columns[i].name);
    }
    ps_buffer_text(sql, " FROM (");
    ps_buffer_text(sql, base);
    ps_buffer_text(sql, ") AS b FULL JOIN (");
    add_group_by(sql, view, log, NULL);
    ps_buffer_text(sql, ") AS d ON ");
    ps_view_add_same_key(sql, view, "b", "d");
}
