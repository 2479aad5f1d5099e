/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_hbase_test.c - what the HBase sink says of a statement before it touches anything, and what it makes of rows
 * that DuckDB gives: row keys, timestamps, cells, deletes, and only the last of what is the same cell. The rest,
 * against a real HBase, is in tests/services/sink_hbase.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/check.h"
#include "connect/hbase_puts.h"
#include "connect/sink_hbase.h"
#include "sql/scan.h"

/* --- the statement ------------------------------------------------------------------------------------------ */

static const char *const names[] = {"id", "at", "n"};
static const char *const types[] = {"VARCHAR", "TIMESTAMP", "BIGINT"};

static struct ps_hbase_sink_config config_of(const char *mapping) {
    return (struct ps_hbase_sink_config){.login = {.masters = "127.0.0.1:1"},
                                         .table = "ns:t",
                                         .family = "f",
                                         .mapping = mapping,
                                         .on_null = "skip",
                                         .durability = "table",
                                         .ledger_table = "penstock_epochs",
                                         .on_other_store = "fail",
                                         .batch_size = 2 << 20,
                                         .retry_ms = 1000};
}

static penstock_code open_with(const struct ps_hbase_sink_config *config, bool is_at_least_once,
                               struct penstock_error *error) {
    const struct ps_sink_setup setup = {.name = "out",
                                        .project = "p",
                                        .store_id = "s",
                                        .column_names = names,
                                        .column_types = types,
                                        .column_count = 3,
                                        .is_at_least_once = is_at_least_once};
    void *state = NULL;
    const penstock_code code = ps_sink_hbase.open(&setup, config, &state, error);
    ps_sink_hbase.close(state);
    return code;
}

static void expect(struct ps_hbase_sink_config config, bool is_at_least_once, const char *message,
                   const char *hint) {
    struct penstock_error error = {0};
    const penstock_code code = open_with(&config, is_at_least_once, &error);
    if (message == NULL) {
        assert_int_equal(code, PENSTOCK_OK);
        return;
    }
    assert_int_equal(code, PENSTOCK_INVALID_PROJECT);
    if (strstr(error.message, message) == NULL || strstr(error.hint, hint) == NULL) {
        fail_msg("%s | %s", error.message, error.hint);
    }
}

static void promises_are_checked(void **state) {
    (void)state;
    struct ps_hbase_sink_config config = config_of("id :key, at :timestamp");
    expect(config, false, NULL, NULL);
    expect(config_of("id :key"), false, "sink out: exactly_once needs a column that is :timestamp",
           "delivery = 'at_least_once'");
    expect(config_of("id :key"), true, NULL, NULL);
    config.durability = "skip_wal";
    expect(config, false, "sink out: durability = 'skip_wal' loses rows", "leave durability out");
    expect(config, true, NULL, NULL);
}

static void mistakes_are_told(void **state) {
    (void)state;
    struct ps_hbase_sink_config config = config_of("id :key, at :timestamp");
    expect(config_of("idd :key, at :timestamp"), false, "sink out: ", "id");
    expect(config_of("at :timestamp"), false, "sink out: ", "");
    config.table = "a:b:c";
    expect(config, false, "sink out: ", "");
    config = config_of("id :key, at :timestamp");
    config.login.masters = "here:x";
    expect(config, false, "sink out: \"here:x\" is no address", "host:port");
}

static void memory_that_runs_out_is_an_error(void **state) {
    (void)state;
    const struct ps_hbase_sink_config config = config_of("id :key, at :timestamp");
    penstock_code code = PENSTOCK_OUT_OF_MEMORY;
    int64_t failure_count = 0;
    for (int64_t call = 1; code != PENSTOCK_OK; call++) {
        struct penstock_error error = {0};
        ps_memory_fail_at(call);
        code = open_with(&config, false, &error);
        ps_memory_fail_at(0);
        if (code != PENSTOCK_OK && (code != PENSTOCK_OUT_OF_MEMORY || error.message[0] == '\0')) {
            fail_msg("allocation %lld: %s: %s", (long long)call, ps_error_code_name(code), error.message);
        }
        failure_count += code == PENSTOCK_OK ? 0 : 1;
    }
    assert_true(failure_count > 5);
}

/* --- rows --------------------------------------------------------------------------------------------------- */

struct rows {
    struct ps_arena *arena;
    struct ps_engine *engine;
    struct ps_connection *connection;
    struct ps_sink_setup setup;
    struct ps_schema schema, batch_schema;
    struct ps_hbase_mapping *mapping;
    struct ps_hbase_puts puts;
    struct ps_scan_column *columns;
    size_t count;
    int64_t fail_at; /* allocation of ps_hbase_puts_write() */
    struct penstock_error error;
};

static struct rows *rows_of(const char *select, struct ps_hbase_mapping_words words, bool deletes_nulls) {
    struct rows *const rows = ps_allocate(1, sizeof *rows);
    rows->arena = ps_arena_new(0);
    const struct ps_engine_options options = {.thread_count = 1};
    const char **column_names = NULL, **column_types = NULL;
    ps_check(ps_engine_open(&options, &rows->engine, NULL) == PENSTOCK_OK);
    ps_check(ps_connection_open(rows->engine, &rows->connection, NULL) == PENSTOCK_OK);
    ps_check(ps_sql_describe(rows->connection, select, rows->arena, &column_names, &column_types,
                             &rows->setup.column_count, NULL, &rows->error) == PENSTOCK_OK);
    rows->setup.name = "out";
    rows->setup.column_names = column_names;
    rows->setup.column_types = column_types;
    rows->schema.column_count = rows->setup.column_count;
    rows->schema.columns = ps_arena_allocate(rows->arena, 16, sizeof *rows->schema.columns);
    for (size_t i = 0; i < rows->schema.column_count; i++) {
        rows->schema.columns[i] = (struct ps_column_schema){column_names[i], column_types[i],
                                                            ps_type_of_sql(column_types[i]), false};
    }
    ps_check(ps_hbase_mapping_new(&words, &rows->schema, true, rows->arena, &rows->mapping, &rows->error) ==
             PENSTOCK_OK);
    rows->puts = (struct ps_hbase_puts){
        .mapping = rows->mapping, .table = "t", .deletes_nulls = deletes_nulls, .size_max = (size_t)1 << 30};
    return rows;
}

/* What the wrapper of sinks does with a SELECT. */
static penstock_code write_rows(struct rows *rows, const char *select) {
    struct ps_scan *scan = NULL;
    struct ps_chunk *chunk = NULL;
    struct ps_batch *batch = NULL;
    rows->puts.setup = &rows->setup;
    ps_check(ps_hbase_puts_init(&rows->puts, NULL) == PENSTOCK_OK);
    ps_check(ps_hbase_puts_project(&rows->puts, rows->arena, &rows->columns, &rows->count, NULL) ==
             PENSTOCK_OK);
    rows->batch_schema.columns = ps_arena_allocate(rows->arena, 16, sizeof *rows->batch_schema.columns);
    rows->batch_schema.column_count = rows->count;
    for (size_t i = 0; i < rows->count; i++) {
        rows->batch_schema.columns[i] =
            (struct ps_column_schema){rows->columns[i].expression, "VARCHAR", PS_TYPE_VARCHAR, false};
    }
    ps_check(ps_scan_open(rows->connection, ps_arena_printf(rows->arena, "(%s) t", select), rows->columns,
                          rows->count, NULL, &scan, &rows->error) == PENSTOCK_OK);
    ps_check(ps_scan_next(scan, &chunk, &rows->error) == PENSTOCK_OK && chunk != NULL);
    ps_check(ps_batch_new(&rows->batch_schema, ps_chunk_row_count(chunk), &batch, NULL) == PENSTOCK_OK);
    for (int64_t row = 0; row < ps_chunk_row_count(chunk); row++) {
        ps_check(ps_batch_begin_row(batch, NULL) == PENSTOCK_OK);
        for (size_t i = 0; i < rows->count; i++) {
            if (ps_chunk_is_valid(ps_chunk_validity(chunk, i), row)) {
                ((struct ps_bytes *)batch->columns[i].values)[row] = ps_chunk_text(chunk, i, row);
            } else {
                ps_batch_set_null(batch, i);
            }
        }
        ps_batch_end_row(batch, (struct ps_record){{NULL, 0}, row, NULL});
    }
    ps_memory_fail_at(rows->fail_at);
    const penstock_code code = ps_hbase_puts_write(&rows->puts, batch, &rows->error);
    ps_memory_fail_at(0);
    ps_batch_free(batch);
    ps_chunk_free(chunk);
    ps_scan_close(scan);
    return code;
}

static void rows_done(struct rows *rows) {
    ps_hbase_puts_done(&rows->puts);
    ps_connection_close(rows->connection);
    ps_engine_close(rows->engine);
    ps_arena_free(rows->arena);
    ps_release(rows);
}

/* "put k f:a@5=\x01 ...; delete ..." */
static const char *text_of(struct rows *rows) {
    struct ps_buffer out PS_SCOPED(ps_buffer_done) = {.data = NULL};
    const struct ps_hbase_mutation *mutations = NULL;
    size_t count = 0;
    ps_buffer_init(&out, 10000);
    ps_check(ps_hbase_puts_mutations(&rows->puts, &mutations, &count, NULL) == PENSTOCK_OK);
    for (size_t i = 0; i < count; i++) {
        ps_buffer_text(&out, mutations[i].is_delete ? "delete " : "put ");
        ps_hbase_show(&out, mutations[i].row);
        for (size_t j = 0; j < mutations[i].cell_count; j++) {
            const struct ps_hbase_cell *const cell = &mutations[i].cells[j];
            assert_int_equal(cell->type,
                             mutations[i].is_delete ? PS_HBASE_CELL_DELETE_COLUMN : PS_HBASE_CELL_PUT);
            ps_buffer_printf(&out, " %.*s:%.*s@%lld=", (int)cell->family.size, cell->family.data,
                             (int)cell->qualifier.size, cell->qualifier.data, (long long)cell->timestamp);
            ps_hbase_show(&out, cell->value);
        }
        ps_buffer_text(&out, "; ");
    }
    return out.data == NULL ? "" : ps_arena_copy(rows->arena, out.data);
}

static void expect_rows(const char *select, const char *mapping, bool deletes_nulls, const char *wanted) {
    const struct ps_hbase_mapping_words words = {.mapping = mapping, .family = "f"};
    struct rows *const rows = rows_of(select, words, deletes_nulls);
    const penstock_code code = write_rows(rows, select);
    if (code != PENSTOCK_OK) {
        fail_msg("%s", rows->error.message);
    }
    assert_string_equal(text_of(rows), wanted);
    rows_done(rows);
}

static void rows_become_puts(void **state) {
    (void)state;
    const char *const at = "k :key, at :timestamp";
    expect_rows(
        "SELECT 'k' AS k, 7::BIGINT AS at, 1.5::DOUBLE AS d, -2::FLOAT AS f, 258::SMALLINT AS s", at, false,
        "put k f:d@7=?\\xF8\\x00\\x00\\x00\\x00\\x00\\x00 f:f@7=\\xC0\\x00\\x00\\x00 f:s@7=\\x01\\x02; ");
    expect_rows("SELECT 'k' AS k, TIMESTAMP '1970-01-01 00:00:01.2345' AS at, '' AS a, '\\x00'::BLOB AS b",
                at, false, "put k f:a@1234= f:b@1234=\\x00; ");
    expect_rows("SELECT 'k' AS k, TIMESTAMPTZ '1970-01-01 02:00:00+01' AS at, 'x' AS a", at, false,
                "put k f:a@3600000=x; ");
    expect_rows("SELECT 'k' AS k, 'x' AS a", "k :key", false, "put k f:a@9223372036854775807=x; ");
}

static void nulls_are_skipped_or_deleted(void **state) {
    (void)state;
    const char *const select =
        "SELECT * FROM (VALUES ('k', 1::BIGINT, 'x', NULL), ('l', 2, NULL, NULL)) v(k, \"at\", a, b)";
    const char *const mapping = "k :key, at :timestamp, a g:a text, b f:b text";
    expect_rows(select, mapping, false, "put k g:a@1=x; ");
    expect_rows(select, mapping, true, "put k g:a@1=x; delete k f:b@1=; delete l f:b@2= g:a@2=; ");
}

static void the_last_of_a_cell_counts(void **state) {
    (void)state;
    const char *const mapping = "k :key, at :timestamp, a f:a text, b f:b text";
    expect_rows(
        "SELECT * FROM (VALUES ('k', 1::BIGINT, 'x', 'y'), ('l', 1, '-', '-'), ('k', 2, 'z', NULL), ('k', 1, NULL, 'w'))"
        " v(k, \"at\", a, b)",
        mapping, false, "put k f:a@1=x f:b@1=w; put l f:a@1=- f:b@1=-; put k f:a@2=z; ");
    expect_rows("SELECT * FROM (VALUES ('k', 1::BIGINT, 'x', NULL), ('k', 1, NULL, 'y')) v(k, \"at\", a, b)",
                mapping, true, "put k f:b@1=y; delete k f:a@1=; ");
    /* many: the table of places grows */
    const struct ps_hbase_mapping_words words = {.mapping = "k :key, at :timestamp", .family = "f"};
    const char *const select =
        "SELECT (i % 1500)::VARCHAR AS k, 1::BIGINT AS at, i::VARCHAR AS a FROM range(2048) t(i)";
    struct rows *const rows = rows_of(select, words, false);
    const struct ps_hbase_mutation *mutations = NULL;
    size_t count = 0;
    assert_int_equal(write_rows(rows, select), PENSTOCK_OK);
    assert_int_equal(ps_hbase_puts_mutations(&rows->puts, &mutations, &count, NULL), PENSTOCK_OK);
    assert_int_equal(count, 1500);
    assert_memory_equal(mutations[0].cells[0].value.data, "1500", 4);
    assert_memory_equal(mutations[600].cells[0].value.data, "600", 3);
    assert_int_equal(rows->puts.row_count, 2048);
    ps_hbase_puts_clear(&rows->puts);
    assert_string_equal(text_of(rows), "");
    rows_done(rows);
}

static void memory_that_runs_out_loses_a_batch(void **state) {
    (void)state;
    const struct ps_hbase_mapping_words words = {.mapping = "k :key, at :timestamp", .family = "f"};
    const char *const select =
        "SELECT i::VARCHAR AS k, i AS at, repeat('x', 1000) AS a FROM range(2048) t(i)";
    penstock_code code = PENSTOCK_OUT_OF_MEMORY;
    int64_t call = 0;
    for (; code != PENSTOCK_OK; call++) {
        struct rows *const rows = rows_of(select, words, false);
        rows->fail_at = call + 1;
        code = write_rows(rows, select);
        assert_true(code == PENSTOCK_OK || code == PENSTOCK_OUT_OF_MEMORY);
        ps_hbase_puts_clear(&rows->puts);
        assert_string_equal(text_of(rows), "");
        rows_done(rows);
    }
    assert_true(call > 10);
}

static void refuse_row(const char *select, const char *message) {
    const struct ps_hbase_mapping_words words = {.mapping = "k :key, at :timestamp, a f:a short",
                                                 .family = "f"};
    struct rows *const rows = rows_of(select, words, false);
    assert_int_equal(write_rows(rows, select), PENSTOCK_INVALID_DATA);
    if (strstr(rows->error.message, message) == NULL) {
        fail_msg("%s", rows->error.message);
    }
    rows_done(rows);
}

static void rows_without_an_encoding_are_named(void **state) {
    (void)state;
    refuse_row("SELECT 'k' AS k, i AS at, (i * 20000)::INTEGER AS a FROM range(5) t(i)",
               "sink out: row 3 of the epoch");
    refuse_row("SELECT 'k' AS k, -1::BIGINT AS at, 1 AS a",
               "row 1 of the epoch: column at: -1 is no timestamp");
    refuse_row("SELECT 'k' AS k, 9223372036854775807 AS at, 1 AS a", "9223372036854775807 is no timestamp");
    refuse_row("SELECT 'k' AS k, NULL::TIMESTAMP AS at, 1 AS a", "column at: NULL is no timestamp");
    refuse_row("SELECT 'k' AS k, TIMESTAMP '-infinity' AS at, 1 AS a",
               "column at: -infinity is no timestamp");
    refuse_row("SELECT NULL::VARCHAR AS k, 1::BIGINT AS at, 1 AS a", "row 1 of the epoch: ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(promises_are_checked),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(memory_that_runs_out_is_an_error),
        cmocka_unit_test(memory_that_runs_out_loses_a_batch),
        cmocka_unit_test(rows_become_puts),
        cmocka_unit_test(nulls_are_skipped_or_deleted),
        cmocka_unit_test(the_last_of_a_cell_counts),
        cmocka_unit_test(rows_without_an_encoding_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
