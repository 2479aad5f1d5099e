/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_cells_test.c - rows of HBase as rows of columns: plain values, versions, deletions, row keys of parts, and what
 * a dead letter says.
 */
#include "hbase_cells.h"

#define LONG_PAST "\\x00\\x00\\x01\\x8B\\xCF\\xE5h\\x00" /* 1700000000000 */

static void values_of_every_usual_encoding(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(
        &scene,
        "t TINYINT; s SMALLINT; i INTEGER; l BIGINT; f FLOAT; d DOUBLE; b BOOLEAN; v VARCHAR; x BLOB; "
        "at TIMESTAMP; day DATE; m DECIMAL(10,2); gone INTEGER",
        NULL, NULL, "f");
    scene_cell(&scene, "r1", "f:at", 5, LONG_PAST);
    scene_cell(&scene, "r1", "f:b", 5, "\\xFF");
    scene_cell(&scene, "r1", "f:d", 5, "?\\xF8\\x00\\x00\\x00\\x00\\x00\\x00");
    scene_cell(&scene, "r1", "f:day", 5, "\\x00\\x00L\\x0B");
    scene_cell(&scene, "r1", "f:f", 5, "?\\xC0\\x00\\x00");
    scene_cell(&scene, "r1", "f:i", 5, "\\xFF\\xFF\\xFF\\xFE");
    scene_cell(&scene, "r1", "f:l", 5, "\\x7F\\xFF\\xFF\\xFF\\xFF\\xFF\\xFF\\xFF");
    scene_cell(&scene, "r1", "f:m", 5, "\\x00\\x00\\x00\\x02\\xFBw");
    scene_cell(&scene, "r1", "f:s", 5, "\\x80\\x00");
    scene_cell(&scene, "r1", "f:t", 5, "\\x80");
    scene_cell(&scene, "r1", "f:v", 5, "\\xC3\\xA9t\\xC3\\xA9");
    scene_cell(&scene, "r1", "f:x", 5, "a\\x0A");
    expect_row(
        &scene,
        "-128|-32768|-2|9223372036854775807|1.5|1.5|true|été|a\n|2023-11-14T22:13:20|2023-04-20|-11.61|"
        "NULL");
    scene_end(&scene);
}

static void places_beside_values(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, "k VARCHAR; seen TIMESTAMP; at BIGINT; a INTEGER; n VARCHAR",
                "k :key, seen f:a@timestamp, at :timestamp, a f:a, n g:\\x2C\\x40 json,", NULL, NULL);
    scene_cell(&scene, "r\\x001", "f:a", 1000, "\\x00\\x00\\x00\\x07");
    scene_cell(&scene, "r\\x001", "f:zz", 9000, "no column");
    scene_cell(&scene, "r\\x001", "g:,@", 3000, " \"a\\x5Cn\" ");
    scene_decode(&scene);
    assert_memory_equal(((struct ps_bytes *)scene.batch->columns[0].values)[0].data,
                        "r\0"
                        "1",
                        3);
    ((struct ps_bytes *)scene.batch->columns[0].values)[0] = PS_BYTES("r");
    assert_string_equal(scene_row(&scene, 0), "r|1970-01-01T00:00:01|9000|7|a\n");
    assert_int_equal(scene.mapping->cell_count, 2);
    scene_end(&scene);
}

static void several_rows_in_a_block(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, "rowkey VARCHAR; a VARCHAR; b VARCHAR", NULL, NULL, "f");
    scene_cell(&scene, "r1", "f:a", 1, "x\\x0D\\x0A");
    scene_cell(&scene, "r2", "f:b", 1, "y\\x0A");
    scene_cell(&scene, "r3", "f:a", 1, "1");
    scene_cell(&scene, "r3", "f:b", 1, "2");
    scene_decode(&scene);
    assert_int_equal(scene.batch->row_count, 3);
    assert_string_equal(scene_row(&scene, 0), "r1|x\r\n|NULL");
    assert_string_equal(scene_row(&scene, 1), "r2|NULL|y\n");
    assert_string_equal(scene_row(&scene, 2), "r3|1|2");
    scene_end(&scene);
}

static void a_value_that_does_not_fit_is_a_dead_letter(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, "speed DOUBLE; lane INTEGER", "speed f:speed, lane f:lane long", NULL, NULL);
    scene_cell(&scene, "r0001", "f:speed", 1700000000000, "abc");
    expect_dead(&scene, PS_REASON_TYPE, "speed",
                "column speed: cell f:speed of row 'r0001' at 1700000000000 has 3 bytes (0x61 0x62 0x63), a "
                "double has 8");
    scene_cell(&scene, "r0001", "f:lane", 1, "\\x00\\x00\\x00\\x01\\x00\\x00\\x00\\x00");
    expect_dead(
        &scene, PS_REASON_RANGE, "lane",
        "column lane: cell f:lane of row 'r0001' at 1 has 8 bytes (0x00 0x00 0x00 0x01 0x00 0x00 0x00 "
        "0x00), a long out of the range of INTEGER");
    scene_end(&scene);
}

static void row_keys_of_parts(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, "sensor VARCHAR; at TIMESTAMP; n INTEGER", NULL,
                "-:1 sensor \"|\" n:6:text at:8:reversed", NULL);
    scene_cell(&scene, "\\x07s|000042\\x7F\\xFF\\xFEt0\\x1A\\x97\\xFF", "f:a", 1, "");
    expect_row(&scene, "s|2023-11-14T22:13:20|42");
    scene_end(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_every_usual_encoding),
        cmocka_unit_test(places_beside_values),
        cmocka_unit_test(several_rows_in_a_block),
        cmocka_unit_test(a_value_that_does_not_fit_is_a_dead_letter),
        cmocka_unit_test(row_keys_of_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
