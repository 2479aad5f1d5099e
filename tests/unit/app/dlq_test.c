/* SPDX-License-Identifier: Apache-2.0
 *
 * dlq_test.c - dead letters whose records are no text: the cells of a row of HBase are shown as lines, and stay what
 * they are.
 */
#include <string.h>

#include "app/app.h"
#include "base/file.h"
#include "hbase/cell.h"
#include "scene.h"
#include "sql/engine.h"

static char *folder;
static struct ps_app *app;

static const char pipeline[] =
    "CREATE SOURCE readings (rowkey VARCHAR, speed DOUBLE)\n"
    "WITH (connector = 'hbase', masters = '127.0.0.1:1', table = 't', family = 'f');\n"
    "CREATE SOURCE lines (value VARCHAR) WITH (connector = 'file', path = 'none/*.json');\n";

static void write_file(const char *name, const char *text) {
    struct penstock_error error = {0};
    char *path = NULL;
    assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
    must(ps_file_replace(path, text, strlen(text), &error), &error);
    free(path);
}

static void add_cell(struct ps_buffer *block, const char *column, struct ps_bytes value) {
    const struct ps_hbase_cell cell = {.row = PS_BYTES("r\0"
                                                       "1"),
                                       .family = PS_BYTES("f"),
                                       .qualifier = ps_bytes_of(column),
                                       .timestamp = 1000,
                                       .type = PS_HBASE_CELL_PUT,
                                       .value = value};
    ps_hbase_cell_add(block, &cell);
}

/* A record that did not fit, as a run leaves it. */
static void add_letter(struct ps_connection *connection, int id, const char *source, struct ps_bytes raw) {
    struct penstock_error error = {0};
    struct ps_buffer sql;
    ps_buffer_init(&sql, 1 << 20);
    ps_buffer_printf(
        &sql,
        "INSERT INTO penstock.dead_letters (id, epoch, source, reason, message, raw, raw_size) VALUES "
        "(%d, 1, '%s', 'key', 'why', unhex('",
        id, source);
    for (size_t i = 0; i < raw.size; i++) {
        ps_buffer_printf(&sql, "%02X", (unsigned)(unsigned char)raw.data[i]);
    }
    ps_buffer_printf(&sql, "'), %zu)", raw.size);
    must(ps_sql_run(connection, sql.data, &error), &error);
    ps_buffer_done(&sql);
}

static void add_letters(void) {
    struct penstock_error error = {0};
    struct ps_engine *engine = NULL;
    struct ps_connection *connection = NULL;
    struct ps_buffer block;
    char *path = NULL;
    ps_buffer_init(&block, 1 << 20);
    add_cell(&block, "speed", PS_BYTES("ab\n"));
    add_cell(&block, "note", PS_BYTES(""));
    assert_true(asprintf(&path, "%s/store/store.duckdb", folder) > 0);
    must(ps_engine_open(&(struct ps_engine_options){.path = path}, &engine, &error), &error);
    must(ps_connection_open(engine, &connection, &error), &error);
    add_letter(connection, 1, "readings", (struct ps_bytes){block.data, block.size});
    add_letter(connection, 2, "lines", PS_BYTES("one\ntwo"));
    add_letter(connection, 3, "lines", PS_BYTES("\xFF"));
    add_letter(connection, 4, "readings", PS_BYTES("\0damaged"));
    ps_connection_close(connection);
    ps_engine_close(engine);
    ps_buffer_done(&block);
    free(path);
}

static int set_up(void **state) {
    (void)state;
    struct penstock_error error = {0};
    struct ps_run_report *report = NULL;
    folder = make_store();
    write_file("penstock.yml", "name: cells\nsql: [pipeline.sql]\n");
    write_file("pipeline.sql", "CREATE SOURCE here (a INTEGER) WITH (connector = 'file', path = '*.json');\n"
                               "CREATE STREAMING TABLE kept AS SELECT * FROM STREAM here;\n");
    write_file("a.json", "{\"a\": 1}\n");
    must(ps_app_open(&(struct ps_app_options){.folder = folder}, &app, &error), &error);
    must(ps_app_run(app, &(struct ps_app_run_options){.once = true}, &report, &error), &error);
    ps_run_report_free(report);
    ps_app_close(app);
    add_letters();
    write_file("pipeline.sql", pipeline);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    free_store(folder);
    return 0;
}

static const char *cell_of(const struct ps_text_table *table, int64_t row, const char *name,
                           const char **type_out) {
    for (size_t i = 0; i < table->column_count; i++) {
        if (strcmp(table->names[i], name) == 0) {
            *type_out = table->types[i];
            return table->cells[(size_t)row * table->column_count + i];
        }
    }
    return NULL;
}

static void expect_shown(int64_t id, const char *raw, const char *type) {
    struct penstock_error error = {0};
    struct ps_text_table *table = NULL;
    const char *found_type = NULL;
    /* as `dlq show` opens a project */
    must(ps_app_open(&(struct ps_app_options){.folder = folder, .is_for_reading = true}, &app, &error),
         &error);
    must(ps_app_dlq_show(app, id, &table, &error), &error);
    assert_string_equal(cell_of(table, 0, "raw", &found_type), raw);
    assert_string_equal(found_type, type);
    ps_text_table_free(table);
    ps_app_close(app);
}

static const char shown[] = "row 'r\\x001' f:speed@1000 = ab\\x0A\nrow 'r\\x001' f:note@1000 = ";

static void one_letter(void **state) {
    (void)state;
    expect_shown(1, shown, PS_TEXT_TABLE_LINES);
    expect_shown(2, "one\ntwo", "VARCHAR");
    expect_shown(3, "\\xFF", "VARCHAR");
    expect_shown(4, "8 bytes that are no cell: \\x00damaged", PS_TEXT_TABLE_LINES);
}

static void all_letters(void **state) {
    (void)state;
    struct penstock_error error = {0};
    struct ps_text_table *table = NULL;
    const char *type = NULL;
    must(ps_app_open(&(struct ps_app_options){.folder = folder}, &app, &error), &error);
    must(ps_app_dlq_list(app, NULL, "key", 100, &table, &error), &error);
    assert_int_equal(table->row_count, 4);
    assert_string_equal(cell_of(table, 0, "raw", &type), shown);
    assert_string_equal(cell_of(table, 1, "raw", &type), "one\ntwo");
    ps_text_table_free(table);
    assert_int_equal(ps_app_dlq_list(app, NULL, "keys", 100, &table, &error), PENSTOCK_INVALID_ARGUMENT);
    ps_app_close(app);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_letter), cmocka_unit_test(all_letters)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
