/* SPDX-License-Identifier: Apache-2.0
 *
 * rows_test.c - CSV and NDJSON rows to predict, right ones and wrong ones.
 */
#include "app/rows.h"

#include "app/table.h"
#include "scene.h"

/* The table as text: names, then rows; "~" is NULL. */
static void expect(const char *input, const char *expected) {
    struct penstock_error error = {0};
    struct ps_text_table *table = NULL;
    struct ps_buffer text;
    must(ps_rows_parse(input, &table, &error), &error);
    ps_buffer_init(&text, 1 << 20);
    for (size_t i = 0; i < table->column_count; i++) {
        ps_buffer_printf(&text, "%s:%s ", table->names[i], table->types[i]);
    }
    for (int64_t row = 0; row < table->row_count; row++) {
        ps_buffer_text(&text, "|");
        for (size_t i = 0; i < table->column_count; i++) {
            const char *cell = table->cells[(size_t)row * table->column_count + i];
            ps_buffer_printf(&text, " %s", cell == NULL ? "~" : cell);
        }
    }
    assert_string_equal(text.data, expected);
    ps_buffer_done(&text);
    ps_text_table_free(table);
}

static void refuse(const char *input, const char *message) {
    struct penstock_error error = {0};
    struct ps_text_table *table = NULL;
    assert_int_equal(ps_rows_parse(input, &table, &error), PENSTOCK_INVALID_DATA);
    assert_string_equal(error.message, message);
    assert_null(table);
}

static void csv(void **state) {
    (void)state;
    expect("a,b\n1,x\n", "a:VARCHAR b:VARCHAR | 1 x");
    expect("a,b\r\n1,x\r\n2,", "a:VARCHAR b:VARCHAR | 1 x| 2 ~");
    expect("\xef\xbb\xbf"
           "a\n1\n\n2\n",
           "a:VARCHAR | 1| ~| 2");
    expect("a,b\n\"1\n2\",\"x\"\"y,\"\n\n3,\"\"\n", "a:VARCHAR b:VARCHAR | 1\n2 x\"y,| 3 ");
    expect("a,b", "a:VARCHAR b:VARCHAR ");
    refuse("a,b\n1\n", "line 2 has 1 fields, the header has 2");
    refuse("a,b\n\"1\n\n2\",3\n1,2,3\n", "line 5 has 3 fields, the header has 2");
    refuse("a,\n1,2\n", "line 1: column 2 of the header has no name");
    refuse("a\n\"1\n2", "line 2: the quoted field has no end");
    refuse("a\n\"1\"2\n", "line 2: '2' after the end of a quoted field");
    refuse("a\n\"\"\"\"\"", "line 2: the quoted field has no end");
    refuse(" \n\t", "there are no rows to predict");
    refuse("", "there are no rows to predict");
    refuse("a\n\xff\n", "byte 2 is not UTF-8");
}

static void ndjson(void **state) {
    (void)state;
    expect("{\"a\": 1, \"b\": \"x\"}\n{\"b\": null, \"a\": 0.1}\n", "a:DOUBLE b:VARCHAR | 1 x| 0.1 ~");
    expect("{\"a\": true}\n\n  \n{\"a\": false, \"c\": [1, {\"d\": 2}]}",
           "a:BOOLEAN c:VARCHAR | true ~| false [1,{\"d\":2}]");
    expect("{\"a\": 1}\n{\"a\": \"1\"}", "a:VARCHAR | 1| 1");
    expect("{\"a\": null}", "a:VARCHAR | ~");
    expect("{\"a\": 0.30000000000000004}", "a:DOUBLE | 0.30000000000000004");
    refuse("{\"a\": 1}\n{\"a\":\n", "line 2 is not JSON");
    refuse("{\"a\": 1}\n[1]", "line 2 is JSON, but not an object");
}

static void tables_survive_json(void **state) {
    (void)state;
    struct penstock_error error = {0};
    struct ps_text_table *table = NULL;
    struct ps_text_table *back = NULL;
    must(ps_rows_parse("a,b\n\"x\"\"\n\xc3\xa4\",\n,2\n", &table, &error), &error);
    yyjson_mut_doc *document = ps_json_new();
    struct ps_buffer text;
    ps_buffer_init(&text, 1 << 20);
    ps_text_table_to_json(table, document, yyjson_mut_doc_get_root(document));
    must(ps_json_write(document, false, &text, &error), &error);
    yyjson_doc *read = ps_json_read(text.data, text.size);
    must(ps_text_table_of_json(yyjson_doc_get_root(read), &back, &error), &error);
    assert_int_equal(back->row_count, 2);
    assert_string_equal(back->cells[0], "x\"\n\xc3\xa4");
    assert_null(back->cells[1]);
    assert_null(back->cells[2]);
    assert_string_equal(back->cells[3], "2");
    ps_text_table_free(back);
    ps_text_table_free(table);
    yyjson_doc_free(read);
    ps_json_free_scoped(&document);
    ps_buffer_done(&text);
    read = ps_json_read("{\"names\": [\"a\"], \"types\": [], \"rows\": []}", 41);
    assert_int_equal(ps_text_table_of_json(yyjson_doc_get_root(read), &back, &error), PENSTOCK_INTERNAL);
    yyjson_doc_free(read);
}

static void out_of_memory_is_an_error(void **state) {
    (void)state;
    static const char *const inputs[] = {"a,b\n\"x\",2\n3,\n", "{\"a\": 1, \"b\": [2]}\n{\"c\": \"x\"}\n"};
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        penstock_code code = PENSTOCK_OUT_OF_MEMORY;
        struct ps_text_table *table = NULL;
        for (int64_t call = 1; code != PENSTOCK_OK; call++) {
            ps_memory_fail_at(call);
            code = ps_rows_parse(inputs[i], &table, NULL);
            ps_memory_fail_at(0);
        }
        assert_int_equal(table->row_count, 2);
        ps_text_table_free(table);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(csv), cmocka_unit_test(ndjson),
                                       cmocka_unit_test(tables_survive_json),
                                       cmocka_unit_test(out_of_memory_is_an_error)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
