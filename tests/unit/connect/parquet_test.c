/* SPDX-License-Identifier: Apache-2.0
 *
 * parquet_test.c - Parquet slices are relations with the declared types; what does not fit is told before.
 */
#include "folder.h"

struct parquet {
    struct folder folder;
    struct ps_engine *engine;
    struct ps_connection *connection;
};

static void begin(struct parquet *parquet) {
    const struct ps_engine_options options = {.thread_count = 1};
    folder_begin(&parquet->folder, "parquet", "*.parquet");
    parquet->engine = NULL;
    parquet->connection = NULL;
    assert_int_equal(ps_engine_open(&options, &parquet->engine, NULL), PENSTOCK_OK);
    assert_int_equal(ps_connection_open(parquet->engine, &parquet->connection, NULL), PENSTOCK_OK);
}

static void end(struct parquet *parquet) {
    ps_connection_close(parquet->connection);
    ps_engine_close(parquet->engine);
    folder_end(&parquet->folder);
}

static void write_file(struct parquet *parquet, const char *name, const char *select) {
    struct penstock_error error = {0};
    if (ps_sql_runf(parquet->connection, &error, "COPY (%s) TO '%s' (FORMAT parquet, ROW_GROUP_SIZE 2048)",
                    select, folder_at(&parquet->folder, name)) != PENSTOCK_OK) {
        fail_msg("%s", error.message);
    }
}

static struct ps_range *plan(struct parquet *parquet, struct ps_epoch_limits limits) {
    struct ps_range *range = NULL;
    if (ps_source_plan(parquet->folder.source, &limits, &range, &parquet->folder.error) != PENSTOCK_OK) {
        fail_msg("%s (%s)", parquet->folder.error.message, parquet->folder.error.detail);
    }
    return range;
}

static void slices_are_relations(void **state) {
    (void)state;
    struct parquet parquet;
    begin(&parquet);
    write_file(&parquet, "x y.parquet", "SELECT i AS \"A\", 'v' || i AS b, i AS other FROM range(5000) t(i)");
    write_file(&parquet, "z.parquet", "SELECT 1 AS a, 'x' AS b WHERE false");
    folder_open(&parquet.folder);
    const struct ps_epoch_limits small = {
        .byte_count_max = 1 << 20, .slice_size = 1, .record_count_max = 4096};
    struct ps_range *range = plan(&parquet, small);
    assert_int_equal(range->slice_count, 2);
    struct ps_raw raw = {0};
    assert_int_equal(ps_source_read(parquet.folder.source, &range->slices[1], &raw, &parquet.folder.error),
                     PENSTOCK_OK);
    assert_int_equal(raw.row_count, 2048);
    struct ps_result *result = NULL;
    assert_int_equal(
        ps_sql_queryf(
            parquet.connection, &result, &parquet.folder.error,
            "SELECT min(a), max(b), typeof(any_value(a)), min(penstock_offset), max(penstock_offset), "
            "typeof(any_value(penstock_offset)), count(*) FROM %s t",
            raw.relation),
        PENSTOCK_OK);
    static const char *const expected[] = {"2048", "v4095", "INTEGER", "2048", "4095", "BIGINT", "2048"};
    for (int64_t i = 0; i < 7; i++) {
        assert_string_equal(ps_result_text(result, 0, i), expected[i]);
    }
    ps_result_free(result);
    ps_raw_done(&raw);
    ps_range_free(range);
    range = plan(&parquet, small);
    assert_int_equal(range->slice_count, 1);
    assert_int_equal(range->slices[0].begin, 2);
    assert_true(range->is_drained);
    ps_range_free(range);
    assert_null(plan(&parquet, small));
    end(&parquet);
}

static void instants_become_utc(void **state) {
    (void)state;
    struct parquet parquet;
    static struct ps_column_schema columns[] = {{"at", "TIMESTAMP", PS_TYPE_TIMESTAMP, false}};
    begin(&parquet);
    parquet.folder.statement.schema = (struct ps_schema){columns, 1};
    write_file(&parquet, "x.parquet", "SELECT TIMESTAMPTZ '2013-01-01 05:00:00+00' AS \"at\"");
    folder_open(&parquet.folder);
    struct ps_range *range = plan(&parquet, folder_limits);
    struct ps_raw raw = {0};
    struct ps_result *result = NULL;
    assert_int_equal(ps_source_read(parquet.folder.source, &range->slices[0], &raw, &parquet.folder.error),
                     PENSTOCK_OK);
    assert_int_equal(
        ps_sql_run(parquet.connection, "SET TimeZone = 'America/New_York'", &parquet.folder.error),
        PENSTOCK_OK);
    if (ps_sql_queryf(parquet.connection, &result, &parquet.folder.error, "SELECT \"at\" FROM %s t",
                      raw.relation) != PENSTOCK_OK) {
        fail_msg("%s", parquet.folder.error.message);
    }
    assert_string_equal(ps_result_text(result, 0, 0), "2013-01-01 05:00:00");
    ps_result_free(result);
    ps_raw_done(&raw);
    ps_range_free(range);
    end(&parquet);
}

/* Plans the file, then reads it: the error of whichever fails. */
static void expect_mistake(const char *select, const char *message, const char *hint) {
    struct parquet parquet;
    struct ps_range *range = NULL;
    struct ps_raw raw = {0};
    begin(&parquet);
    write_file(&parquet, "x.parquet", select);
    folder_open(&parquet.folder);
    struct penstock_error *error = &parquet.folder.error;
    penstock_code code = ps_source_plan(parquet.folder.source, &folder_limits, &range, error);
    code = code == PENSTOCK_OK ? ps_source_read(parquet.folder.source, &range->slices[0], &raw, error) : code;
    assert_int_equal(code, PENSTOCK_INVALID_DATA);
    if (strstr(error->message, message) == NULL || strstr(error->hint, hint) == NULL) {
        fail_msg("%s | %s | %s", error->message, error->detail, error->hint);
    }
    ps_raw_done(&raw);
    ps_range_free(range);
    end(&parquet);
}

static void columns_that_do_not_fit(void **state) {
    (void)state;
    expect_mistake("SELECT 1 AS a, 'x' AS bb", "x.parquet has no column b", "its first column is a");
    expect_mistake("SELECT 'text' AS a, 'x' AS b", "x.parquet: column a is VARCHAR, declared as INTEGER",
                   "declare it as VARCHAR");
    expect_mistake("SELECT DATE '2013-01-01' AS a, 'x' AS b", "column a is DATE, declared as INTEGER", "");
    expect_mistake(
        "SELECT CASE WHEN i = 3000 THEN 3000000000 ELSE i END AS a, 'x' AS b FROM range(4000) t(i)",
        "x.parquet, row 3000: column a: found 3000000000, expected INTEGER", "wider type");
    folder_columns[0].not_null = true;
    expect_mistake("SELECT CASE WHEN i = 7 THEN NULL ELSE i END AS a, 'x' AS b FROM range(10) t(i)",
                   "x.parquet, row 7: column a: found NULL, expected INTEGER NOT NULL", "NOT NULL");
    folder_columns[0].not_null = false;
}

static void files_that_are_not_parquet(void **state) {
    (void)state;
    struct parquet parquet;
    begin(&parquet);
    folder_open(&parquet.folder);
    folder_write(&parquet.folder, "x.parquet", "this is a text, and no Parquet");
    folder_expect(&parquet.folder, ""); /* it is being written */
    folder_age(&parquet.folder, "x.parquet");
    folder_expect_error(&parquet.folder, PENSTOCK_INVALID_DATA, "x.parquet is not a whole Parquet file",
                        "rename them");
    folder_write(&parquet.folder, "x.parquet", "PAR1");
    folder_expect_error(&parquet.folder, PENSTOCK_INVALID_DATA, "x.parquet cannot be read as Parquet", "");
    assert_true(parquet.folder.error.detail[0] != '\0');
    end(&parquet);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_are_relations),
        cmocka_unit_test(instants_become_utc),
        cmocka_unit_test(columns_that_do_not_fit),
        cmocka_unit_test(files_that_are_not_parquet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
