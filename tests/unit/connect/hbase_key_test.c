/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_key_test.c - row keys of parts: put together and taken apart, what cannot be put together, and what cannot
 * be taken apart.
 */
#include "connect/hbase_key.h"
#include "hbase_cells.h"

static penstock_code put_together(struct scene *scene, const char *const *values, struct ps_bytes *key_out) {
    struct ps_bytes texts[8];
    struct ps_buffer out;
    ps_buffer_init(&out, (size_t)1 << 20);
    for (size_t i = 0; i < scene->schema.column_count; i++) {
        texts[i] = values[i] == NULL ? (struct ps_bytes){NULL, 0} : spell(scene, values[i]);
    }
    const penstock_code code = ps_hbase_key_encode(scene->mapping, texts, &out, &scene->error);
    key_out->data = ps_arena_copy_size(scene->arena, out.data == NULL ? "" : out.data, out.size);
    key_out->size = out.size;
    ps_buffer_done(&out);
    return code;
}

/* The key of the values is these bytes, and gives the values again. */
static void expect_key(const char *columns, const char *rowkey, const char *const *values, const char *key,
                       const char *row) {
    struct scene scene;
    struct ps_bytes made;
    scene_begin(&scene, columns, NULL, rowkey, NULL);
    if (put_together(&scene, values, &made) != PENSTOCK_OK) {
        fail_msg("%s", scene.error.message);
    }
    struct ps_buffer shown;
    ps_buffer_init(&shown, 100000);
    ps_hbase_show(&shown, made);
    assert_string_equal(shown.data, key);
    ps_buffer_done(&shown);
    scene_cell(&scene, key, "f:a", 1, "");
    expect_row(&scene, row);
    scene_end(&scene);
}

#define VALUES(...) \
    (const char *const[]) { \
        __VA_ARGS__ \
    }

static void keys_and_their_values(void **state) {
    (void)state;
    expect_key("s VARCHAR; at TIMESTAMP", "s:8 at:8:reversed", VALUES("sensor-1", "2023-11-14 22:13:20"),
               "sensor-1\\x7F\\xFF\\xFEt0\\x1A\\x97\\xFF", "sensor-1|2023-11-14T22:13:20");
    expect_key("s VARCHAR; n INTEGER; t VARCHAR", "s \"|\" n:6:text \"|\" t", VALUES("a", "42", "b|c"),
               "a|000042|b|c", "a|42|b|c");
    expect_key("n INTEGER; d DOUBLE; m DECIMAL(6,2)", "n:5:text d:6:text m:7:text",
               VALUES("-7", "-1.5", "3.25"), "-0007-001.50003.25", "-7|-1.5|0003.25");
    expect_key("s VARCHAR; n BIGINT", "s n", VALUES("", "1"), "\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01",
               "|1");
    expect_key("s VARCHAR; n BIGINT; t VARCHAR", "s:ordered n:numeric_desc t:ordered_desc",
               VALUES("a", "100", "z"), "4a\\x00\\xE6\\xFD\\xCB\\x85\\xFF", "a|100|z");
    expect_key("x BLOB; s VARCHAR", "x:2 \"\\x00\" s", VALUES("ab", "é"), "ab\\x00\\xC3\\xA9", "ab|é");
}

/* Blobs are shown as they are, which a C string is not; so this one looks at the bytes. */
static void a_blob_in_a_key(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, "x BLOB; y BLOB", NULL, "x:2 y:blob_last", NULL);
    scene_cell(&scene, "\\x00\\x018\\x00z", "f:a", 1, "");
    scene_decode(&scene);
    const struct ps_bytes x = ((struct ps_bytes *)scene.batch->columns[0].values)[0];
    const struct ps_bytes y = ((struct ps_bytes *)scene.batch->columns[1].values)[0];
    assert_true(ps_bytes_equal(x, PS_BYTES("\0\1")));
    assert_true(ps_bytes_equal(y, PS_BYTES("\0z")));
    scene_end(&scene);
}

static void expect_no_key(const char *columns, const char *rowkey, const char *const *values,
                          const char *message) {
    struct scene scene;
    struct ps_bytes made;
    const struct ps_hbase_mapping_words words = {.rowkey = rowkey, .family = "f"};
    assert_int_equal(scene_try(&scene, columns, &words, false), PENSTOCK_OK);
    assert_int_equal(put_together(&scene, values, &made), PENSTOCK_INVALID_DATA);
    assert_string_equal(scene.error.message, message);
    scene_end(&scene);
}

static void keys_that_cannot_be_written(void **state) {
    (void)state;
    expect_no_key("s VARCHAR", "s:8", VALUES("sensor"),
                  "column s: 'sensor' has 6 bytes, its part of the row key has 8");
    expect_no_key("s VARCHAR", "s:2", VALUES("sensor"),
                  "column s: 'sensor' has 6 bytes, its part of the row key has 2");
    expect_no_key("n INTEGER", "n:3:text", VALUES("1000"),
                  "column n: '1000' has 4 bytes, its part of the row key has 3");
    expect_no_key("n INTEGER", "n:3:text", VALUES("many"), "column n: 'many' is no whole number");
    expect_no_key("n DOUBLE", "n:4:text", VALUES("nan"),
                  "column n: 'nan' has 3 bytes, its part of the row key has 4");
    expect_no_key("s VARCHAR; t VARCHAR", "s \"|\" t", VALUES("a|b", "c"),
                  "column s: 'a|b' contains the separator behind it in the row key");
    expect_no_key("s VARCHAR; t VARCHAR", "s \"||\" t", VALUES("a|", "c"),
                  "column s: 'a|' contains the separator behind it in the row key");
    expect_no_key("s VARCHAR; t VARCHAR", "s \"|\" t", VALUES("a", NULL),
                  "column t is NULL, and part of the row key");
    expect_no_key("s VARCHAR", "s", VALUES(""), "the row key is empty");
    char large[40000];
    memset(large, 'a', sizeof large);
    large[sizeof large - 1] = '\0';
    expect_no_key("s VARCHAR", "s", VALUES(large), "the row key has 39999 bytes, the most is 32767");
    expect_no_key("at TIMESTAMP", "at", VALUES("noon"), "column at: 'noon' is not a time in milliseconds");
}

static void the_whole_key_is_one_column(void **state) {
    (void)state;
    struct scene scene;
    struct ps_bytes made;
    const struct ps_hbase_mapping_words words = {.mapping = "a f:a, k :key"};
    assert_int_equal(scene_try(&scene, "a INTEGER; k BIGINT", &words, true), PENSTOCK_OK);
    assert_int_equal(put_together(&scene, VALUES(NULL, "258"), &made), PENSTOCK_OK);
    assert_true(ps_bytes_equal(made, PS_BYTES("\0\0\0\0\0\0\1\2")));
    assert_int_equal(put_together(&scene, VALUES("1", NULL), &made), PENSTOCK_INVALID_DATA);
    assert_string_equal(scene.error.message, "column k is NULL, and part of the row key");
    scene_end(&scene);
}

static void expect_no_parts(const char *columns, const char *rowkey, const char *key, enum ps_reason reason,
                            const char *column, const char *text) {
    struct scene scene;
    scene_begin(&scene, columns, NULL, rowkey, "f");
    scene_cell(&scene, key, "f:a", 1, "");
    expect_dead(&scene, reason, column, text);
    scene_end(&scene);
}

static void keys_that_are_not_made_so(void **state) {
    (void)state;
    expect_no_parts("s VARCHAR; n INTEGER", "s \"|\" n", "abc", PS_REASON_KEY, "s",
                    "row 'abc' has no \"|\" behind part s");
    expect_no_parts("s VARCHAR; n INTEGER", "s:2 \"|\" n", "abc", PS_REASON_KEY, NULL,
                    "row 'abc' has no \"|\" behind part s");
    expect_no_parts("s VARCHAR", "\"k:\" s", "abc", PS_REASON_KEY, NULL,
                    "row 'abc' has no \"k:\" before part s");
    expect_no_parts("s VARCHAR; n INTEGER", "s \"|\" n", "abc|12", PS_REASON_KEY, "n",
                    "row 'abc|12' has 6 bytes, too few for part n of 4");
    expect_no_parts("s VARCHAR; n INTEGER", "s \"|\" n", "abc|12345", PS_REASON_KEY, NULL,
                    "row 'abc|12345' has 9 bytes, more than its parts");
    expect_no_parts("s VARCHAR; n INTEGER", "s n", "abc", PS_REASON_KEY, "s",
                    "row 'abc' has 3 bytes, in which part s does not end");
    expect_no_parts("s VARCHAR; n INTEGER", "n:ordered s", "+\\x80", PS_REASON_KEY, "n",
                    "row '+\\x80' has 2 bytes, in which part n does not end");
    expect_no_parts(
        "n INTEGER", "n:4:text", "00a2", PS_REASON_TYPE, "n",
        "column n: its part of row '00a2' has 4 bytes ('00a2'), a zero-padded number that is no INTEGER");
    expect_no_parts(
        "n TINYINT", "n:4:text", "0300", PS_REASON_RANGE, "n",
        "column n: its part of row '0300' has 4 bytes ('0300'), a zero-padded number out of the range of "
        "TINYINT");
    expect_no_parts(
        "n BIGINT", "n:2:text", "-0", PS_REASON_TYPE, "n",
        "column n: its part of row '-0' has 2 bytes ('-0'), a zero-padded number that is no BIGINT");
    expect_no_parts("s VARCHAR", "s:2", "\\xC3\\x28", PS_REASON_ENCODING, "s",
                    "column s: its part of row '\\xC3(' has 2 bytes ('\\xC3('), which are not UTF-8");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_and_their_values),       cmocka_unit_test(a_blob_in_a_key),
        cmocka_unit_test(keys_that_cannot_be_written), cmocka_unit_test(the_whole_key_is_one_column),
        cmocka_unit_test(keys_that_are_not_made_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
