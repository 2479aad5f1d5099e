/* SPDX-License-Identifier: Apache-2.0
 *
 * quality_count.c - the numbers of columns: what DuckDB can say in any order of rows, and sums in their order.
 *
 * Counts, extremes, exact quantiles and the estimate of distinct values do not depend on the order of rows; means and
 * deviations do, to the last bit, and so are summed by an ordered scan (model/fit.h).
 */
#include "model/fit.h"
#include "model/inputs.h"
#include "publish/quality.h"

/* Columns of one query: a statement of thousands of aggregates takes DuckDB long to plan. */
#define COLUMNS_AT_ONCE 64
#define SQL_SIZE_MAX ((size_t)16 << 20)
/* Up to so many different values, as estimated, they are counted. */
#define EXACT_MAX 2000
/* Of smallest and largest texts. */
#define TEXT_LENGTH_MAX 80

const double ps_quality_shares[7] = {0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99};

static bool has_order(const char *type) {
    static const char *const names[] = {"VARCHAR", "DATE", "TIME", "TIMESTAMP", "UUID", "ENUM", "INTERVAL"};
    const size_t size = strlen(type);
    bool is_one = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        is_one = is_one || strncmp(type, names[i], strlen(names[i])) == 0;
    }
    return is_one && (size == 0 || type[size - 1] != ']');
}

static penstock_code describe(const struct ps_quality_setup *setup, const char *name, const char *type,
                              struct ps_quality_column *column, struct penstock_error *error) {
    *column = (struct ps_quality_column){.name = name, .type = type, .has_order = has_order(type)};
    if (!ps_input_is_number(type)) {
        return PENSTOCK_OK;
    }
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, SQL_SIZE_MAX);
    ps_buffer_text(&sql, "(CASE WHEN isfinite(CAST(");
    ps_buffer_sql_name(&sql, name);
    ps_buffer_text(&sql, " AS DOUBLE)) THEN CAST(");
    ps_buffer_sql_name(&sql, name);
    ps_buffer_text(&sql, " AS DOUBLE) END)");
    PS_TRY(ps_buffer_status(&sql, error));
    column->value = ps_arena_copy(setup->arena, sql.data);
    return column->value != NULL ? PENSTOCK_OK : ps_error_memory(error, "a dataset's numbers");
}

/* Five answers of a column: count, distinct, values that are finite numbers, smallest and largest as text. */
#define ANSWERS 5

static void add_questions(const struct ps_quality_column *column, struct ps_buffer *sql) {
    ps_buffer_text(sql, ", count(");
    ps_buffer_sql_name(sql, column->name);
    ps_buffer_text(sql, "), approx_count_distinct(");
    ps_buffer_sql_name(sql, column->name);
    ps_buffer_printf(sql, "), %s%s%s", column->value != NULL ? "count(" : "",
                     column->value != NULL ? column->value : "0", column->value != NULL ? ")" : "");
    for (int i = 0; i < 2; i++) {
        if (column->value != NULL || !column->has_order) {
            ps_buffer_text(sql, ", NULL");
            continue;
        }
        ps_buffer_printf(sql, ", left(CAST(%s(", i == 0 ? "min" : "max");
        ps_buffer_sql_name(sql, column->name);
        ps_buffer_printf(sql, ") AS VARCHAR), %d)", TEXT_LENGTH_MAX);
    }
}

static penstock_code ask(const struct ps_quality_setup *setup, const char *relation,
                         struct ps_quality_column *columns, size_t count, struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    ps_buffer_init(&sql, SQL_SIZE_MAX);
    ps_buffer_text(&sql, "SELECT count(*)");
    for (size_t i = 0; i < count; i++) {
        add_questions(&columns[i], &sql);
    }
    ps_buffer_printf(&sql, " FROM %s", relation);
    PS_TRY(ps_buffer_status(&sql, error));
    PS_TRY(ps_sql_query(setup->connection, sql.data, &result, error));
    const int64_t rows = ps_result_integer(result, 0, 0);
    for (size_t i = 0; i < count; i++) {
        struct ps_quality_column *column = &columns[i];
        const int64_t first = (int64_t)(1 + i * ANSWERS);
        column->count = ps_result_integer(result, 0, first);
        column->nulls = rows - column->count;
        column->distinct = ps_result_integer(result, 0, first + 1);
        column->not_finite =
            column->value != NULL ? column->count - ps_result_integer(result, 0, first + 2) : 0;
        const char *texts[2] = {ps_result_text(result, 0, first + 3), ps_result_text(result, 0, first + 4)};
        column->least_text = texts[0] == NULL ? NULL : ps_arena_copy(setup->arena, texts[0]);
        column->largest_text = texts[1] == NULL ? NULL : ps_arena_copy(setup->arena, texts[1]);
        /* an estimate is never more than there are */
        column->distinct = column->distinct < column->count ? column->distinct : column->count;
    }
    return PENSTOCK_OK;
}

/* An estimate is a few percent off, which nobody forgives of three categories. Few values are quickly counted. */
static penstock_code count_few(const struct ps_quality_setup *setup, const char *relation,
                               struct ps_quality_column *columns, size_t count,
                               struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    int64_t place = 0;
    ps_buffer_init(&sql, SQL_SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        if (columns[i].distinct <= EXACT_MAX) {
            ps_buffer_text(&sql, sql.size == 0 ? "SELECT count(DISTINCT " : ", count(DISTINCT ");
            ps_buffer_sql_name(&sql, columns[i].name);
            ps_buffer_text(&sql, ")");
        }
    }
    if (sql.size == 0) {
        return PENSTOCK_OK;
    }
    ps_buffer_printf(&sql, " FROM %s", relation);
    PS_TRY(ps_buffer_status(&sql, error));
    PS_TRY(ps_sql_query(setup->connection, sql.data, &result, error));
    for (size_t i = 0; i < count; i++) {
        if (columns[i].distinct <= EXACT_MAX) {
            columns[i].distinct = ps_result_integer(result, 0, place++);
        }
    }
    return PENSTOCK_OK;
}

/* Means and deviations of all numbers; quantiles of those that have more than two values. */
static penstock_code sum_up(const struct ps_quality_setup *setup, const char *relation,
                            struct ps_quality_column *columns, size_t count, struct penstock_error *error) {
    const size_t share_count = sizeof ps_quality_shares / sizeof ps_quality_shares[0];
    const char **values = ps_arena_allocate(setup->arena, 2 * (count + 1), sizeof *values);
    struct ps_column_moments *moments = ps_arena_allocate(setup->arena, count + 1, sizeof *moments);
    double *quantiles = ps_arena_allocate(setup->arena, count * share_count + 1, sizeof *quantiles);
    size_t number_count = 0, many_count = 0;
    if (values == NULL || moments == NULL || quantiles == NULL) {
        return ps_error_memory(error, "a dataset's numbers");
    }
    const char **many = values + count + 1;
    for (size_t i = 0; i < count; i++) {
        columns[i].has_quantiles = columns[i].value != NULL && columns[i].distinct > 2;
        if (columns[i].value != NULL) {
            values[number_count++] = columns[i].value;
        }
        if (columns[i].has_quantiles) {
            many[many_count++] = columns[i].value;
        }
    }
    if (number_count == 0) {
        return PENSTOCK_OK;
    }
    struct ps_buffer where PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&where, 64);
    struct ps_fit fit = {.connection = setup->connection,
                         .relation = relation,
                         .where = &where,
                         .arena = setup->arena,
                         .stop = setup->stop};
    PS_TRY(ps_fit_moments(&fit, values, number_count, moments, error));
    PS_TRY(ps_fit_quantiles(&fit, many, many_count, ps_quality_shares, share_count, quantiles, error));
    number_count = many_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (columns[i].value != NULL) {
            columns[i].moments = moments[number_count++];
        }
        if (columns[i].has_quantiles) {
            memcpy(columns[i].quantiles, quantiles + many_count++ * share_count, sizeof columns[i].quantiles);
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_quality_count(const struct ps_quality_setup *setup, const char *relation,
                               const char *const *names, const char *const *types, size_t count,
                               struct ps_quality_column **columns_out, struct penstock_error *error) {
    struct ps_quality_column *columns = ps_arena_allocate(setup->arena, count + 1, sizeof *columns);
    if (columns == NULL) {
        return ps_error_memory(error, "a dataset's numbers");
    }
    for (size_t i = 0; i < count; i++) {
        PS_TRY(describe(setup, names[i], types[i], &columns[i], error));
    }
    for (size_t i = 0; i < count; i += COLUMNS_AT_ONCE) {
        const size_t left = count - i;
        const size_t some = left < COLUMNS_AT_ONCE ? left : COLUMNS_AT_ONCE;
        PS_TRY(ask(setup, relation, columns + i, some, error));
        PS_TRY(count_few(setup, relation, columns + i, some, error));
    }
    PS_TRY(sum_up(setup, relation, columns, count, error));
    *columns_out = columns;
    return PENSTOCK_OK;
}
