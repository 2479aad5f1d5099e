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

static void the_first_version_of_a_column_counts(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, "a VARCHAR; b VARCHAR; at BIGINT; seen BIGINT",
                "a f:a, b f:b, at :timestamp, seen f:b@timestamp", NULL, NULL);
    scene_cell(&scene, "r", "f:a", 3, "new");
    scene_cell(&scene, "r", "f:a", 2, "old");
    scene_cell(&scene, "r", "f:b", 9, "b");
    scene_cell(&scene, "r", "f:b", 1, "older");
    expect_row(&scene, "new|b|9|9");
    scene_end(&scene);
}

static void deletions(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, "a VARCHAR; b VARCHAR; c VARCHAR; d VARCHAR; e VARCHAR", NULL, NULL, "f");
    scene_mark(&scene, "r", "f:a", 5, PS_HBASE_CELL_DELETE_COLUMN, ""); /* all of it */
    scene_cell(&scene, "r", "f:a", 4, "a");
    scene_mark(&scene, "r", "f:b", 5, PS_HBASE_CELL_DELETE, ""); /* one version: the one before it is back */
    scene_cell(&scene, "r", "f:b", 5, "b5");
    scene_cell(&scene, "r", "f:b", 4, "b4");
    scene_cell(&scene, "r", "f:c", 6, "c6"); /* put after it was deleted */
    scene_mark(&scene, "r", "f:c", 5, PS_HBASE_CELL_DELETE_COLUMN, "");
    scene_mark(&scene, "r", "f:d", 5, PS_HBASE_CELL_DELETE, "");
    expect_row(&scene, "NULL|b4|c6|NULL|NULL");
    scene_mark(&scene, "r", "f:", 5, PS_HBASE_CELL_DELETE_FAMILY, ""); /* all up to 5 */
    scene_mark(&scene, "r", "f:", 7, PS_HBASE_CELL_DELETE_FAMILY_VERSION, "");
    scene_mark(&scene, "r", "g:", 9, PS_HBASE_CELL_DELETE_FAMILY, "");
    scene_cell(&scene, "r", "f:a", 6, "a6");
    scene_cell(&scene, "r", "f:a", 5, "a5");
    scene_cell(&scene, "r", "f:b", 5, "b5");
    scene_cell(&scene, "r", "f:c", 7, "c7");
    scene_cell(&scene, "r", "f:c", 6, "c6");
    expect_row(&scene, "a6|NULL|c6|NULL|NULL");
    scene_end(&scene);
}

static void not_null(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, "a INTEGER NOT NULL; b INTEGER NOT NULL", "a f:a json, b f:b", NULL, NULL);
    scene_cell(&scene, "r1", "f:b", 1, "\\x00\\x00\\x00\\x01");
    expect_dead(&scene, PS_REASON_NULL, "a", "column a: row 'r1' has no cell f:a, expected INTEGER NOT NULL");
    scene_cell(&scene, "r1", "f:a", 8, "null");
    expect_dead(&scene, PS_REASON_NULL, "a",
                "column a: cell f:a of row 'r1' at 8 is null, expected INTEGER NOT NULL");
    scene_mark(&scene, "r1", "f:a", 8, PS_HBASE_CELL_DELETE_COLUMN, "");
    expect_dead(&scene, PS_REASON_NULL, "a",
                "column a: cell f:a of row 'r1' at 8 is deleted, expected INTEGER NOT NULL");
    scene_end(&scene);
}

static void cells_in_another_order(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, "a VARCHAR; b VARCHAR; c VARCHAR; z VARCHAR", "a f:a, b f:b, c f:c, z g:z", NULL,
                NULL);
    scene_cell(&scene, "r", "g:z", 1, "z");
    scene_cell(&scene, "r", "f:b", 1, "b");
    scene_cell(&scene, "r", "f:aa", 1, "no column");
    scene_cell(&scene, "r", "f:a", 1, "a");
    scene_cell(&scene, "r", "f:c", 1, "c");
    expect_row(&scene, "a|b|c|z");
    scene_end(&scene);
}

static void timestamps_out_of_range(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, "seen TIMESTAMP", "seen f:a@timestamp", NULL, NULL);
    scene_cell(&scene, "r", "f:a", INT64_MAX, "");
    expect_dead(
        &scene, PS_REASON_RANGE, "seen",
        "column seen: timestamp 9223372036854775807 of cell f:a of row 'r' is out of the range of TIMESTAMP");
    scene_end(&scene);
    scene_begin(&scene, "at TIMESTAMP; n INTEGER", "at :timestamp, n f:n", NULL, NULL);
    scene_cell(&scene, "r", "f:a", INT64_MAX, "");
    expect_dead(&scene, PS_REASON_RANGE, "at",
                "column at: timestamp 9223372036854775807 of row 'r' is out of the range of TIMESTAMP");
    scene_end(&scene);
}

/* Decodes bytes as they are: one record, as after a dead letter. */
static const struct ps_dead_letter *decode_raw(struct scene *scene, struct ps_bytes raw) {
    struct ps_decoder *decoder = NULL;
    ps_batch_free(scene->batch);
    assert_int_equal(ps_decoder_open(&ps_codec_cells, scene->mapping, &scene->schema, PS_BYTES(""), &decoder,
                                     &scene->error),
                     PENSTOCK_OK);
    assert_int_equal(ps_batch_new(&scene->schema, 0, &scene->batch, &scene->error), PENSTOCK_OK);
    assert_int_equal(ps_decoder_decode(decoder, scene->batch, (struct ps_record){.raw = raw}, &scene->error),
                     PENSTOCK_OK);
    ps_decoder_close(decoder);
    return scene->batch->dead_letter_count > 0 ? &scene->batch->dead_letters[0] : NULL;
}

static void blocks_that_are_damaged(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, "a VARCHAR", "a f:a", NULL, NULL);
    assert_string_equal(decode_raw(&scene, PS_BYTES(""))->text, "byte 0 of the record: it has no cells");
    assert_string_equal(decode_raw(&scene, PS_BYTES("hello"))->text,
                        "byte 0 of the record: not a cell: its lengths do not fit");
    scene_cell(&scene, "r1", "f:a", 1, "a");
    const size_t first = scene.cells.size;
    scene_cell(&scene, "r1", "f:b", 1, "b");
    const struct ps_bytes cut = {scene.cells.data, scene.cells.size - 1};
    char text[80];
    (void)snprintf(text, sizeof text, "row 'r1': byte %zu of the record: not a cell: its lengths do not fit",
                   first);
    assert_string_equal(decode_raw(&scene, cut)->text, text);
    ps_buffer_clear(&scene.cells);
    scene_cell(&scene, "r1", "f:a", 1, "a");
    scene_cell(&scene, "r2", "f:a", 1, "a");
    (void)snprintf(text, sizeof text, "row 'r1': byte %zu of the record: a cell of another row", first);
    assert_string_equal(decode_raw(&scene, (struct ps_bytes){scene.cells.data, scene.cells.size})->text,
                        text);
    ps_buffer_clear(&scene.cells);
    for (size_t i = 0; i < 1025; i++) {
        scene_mark(&scene, "r1", "f:", 1, PS_HBASE_CELL_DELETE_FAMILY, "");
    }
    assert_non_null(strstr(decode_raw(&scene, (struct ps_bytes){scene.cells.data, scene.cells.size})->text,
                           "more deletions of families than one row can have"));
    scene_end(&scene);
}

/* Every cut of a block is a row of what is whole, or a dead letter; a block of rows is cut the same way. */
static void every_cut(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, "a VARCHAR NOT NULL; b INTEGER", NULL, NULL, "f");
    scene_cell(&scene, "r1", "f:a", 1, "a");
    scene_cell(&scene, "r1", "f:b", 1, "\\x00\\x00\\x00\\x01");
    for (size_t size = 0; size < scene.cells.size; size++) {
        char *const copy = ps_allocate(size + 1, 1); /* a read behind it is a sanitizer's find */
        memcpy(copy, scene.cells.data, size);
        const struct ps_dead_letter *const letter = decode_raw(&scene, (struct ps_bytes){copy, size});
        assert_true((letter != NULL) == (scene.batch->row_count == 0));
        const size_t framed =
            size == 0 ? 0 : ps_codec_frame(&ps_codec_cells, scene.mapping, copy, size, true);
        assert_int_equal(framed, size);
        assert_int_equal(size == 0 ? 0 : ps_codec_frame(&ps_codec_cells, scene.mapping, copy, size, false),
                         0);
        ps_release(copy);
    }
    scene_end(&scene);
}

static void a_record_as_a_person_reads_it(void **state) {
    (void)state;
    struct scene scene;
    struct ps_buffer out;
    ps_buffer_init(&out, 100000);
    scene_begin(&scene, "a VARCHAR", "a f:a", NULL, NULL);
    scene_cell(&scene, "r\\x001", "f:speed", 1000, "\\x00a\\x0A");
    scene_mark(&scene, "r\\x001", "f:speed", 999, PS_HBASE_CELL_DELETE, "");
    scene_mark(&scene, "r\\x001", "f:speed", 998, PS_HBASE_CELL_DELETE_COLUMN, "");
    scene_mark(&scene, "r\\x001", "f:", 5, PS_HBASE_CELL_DELETE_FAMILY, "");
    scene_mark(&scene, "r\\x001", "f:", -5, PS_HBASE_CELL_DELETE_FAMILY_VERSION, "");
    scene_mark(&scene, "r\\x001", "f:x", 5, 77, "");
    ps_buffer_add(&scene.cells, "\0zz", 3);
    ps_codec_cells.print((struct ps_bytes){scene.cells.data, scene.cells.size}, &out);
    assert_string_equal(out.data, "row 'r\\x001' f:speed@1000 = \\x00a\\x0A\n"
                                  "row 'r\\x001' f:speed@999 deleted\n"
                                  "row 'r\\x001' f:speed@998 deleted, with all older versions\n"
                                  "row 'r\\x001' f:@5 family deleted, up to this timestamp\n"
                                  "row 'r\\x001' f:@-5 family deleted, of this timestamp\n"
                                  "row 'r\\x001' f:x@5 a cell of unknown type\n"
                                  "3 bytes that are no cell: \\x00zz");
    ps_buffer_done(&out);
    scene_end(&scene);
}

/* Whichever allocation fails, it is an error, and nothing is lost but the record. */
static void no_memory(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, "k VARCHAR; a INTEGER; b DECIMAL(5,2); c VARCHAR; d VARCHAR; e BLOB NOT NULL",
                "b f:b, c f:c json, d f:d ordered_desc", "k", "f");
    scene_cell(&scene, "r1", "f:a", 1, "\\x00\\x00\\x00\\x01");
    scene_cell(&scene, "r1", "f:b", 1, "\\x00\\x00\\x00\\x02\\x07");
    scene_cell(&scene, "r1", "f:c", 1, "\"\\x5Cn\"");
    scene_cell(&scene, "r1", "f:d", 1, "\\xCB\\x9E\\xFF");
    scene_cell(&scene, "r1", "f:e", 1, "e");
    scene_cell(&scene, "r2", "f:d", 1, "\\xCB\\x9E\\xFF");
    const struct ps_bytes block = {scene.cells.data, scene.cells.size};
    bool is_done = false;
    size_t failure_count = 0;
    for (int64_t call = 1; !is_done; call++) {
        struct ps_decoder *decoder = NULL;
        struct ps_batch *batch = NULL;
        ps_memory_fail_at(call);
        penstock_code code = ps_decoder_open(&ps_codec_cells, scene.mapping, &scene.schema, PS_BYTES(""),
                                             &decoder, &scene.error);
        code = code == PENSTOCK_OK ? ps_batch_new(&scene.schema, 0, &batch, &scene.error) : code;
        code = code == PENSTOCK_OK ? ps_decoder_decode_block(decoder, batch, block, 0, &scene.error) : code;
        is_done = code == PENSTOCK_OK;
        ps_memory_fail_at(0);
        assert_true(code == PENSTOCK_OK || code == PENSTOCK_OUT_OF_MEMORY);
        if (code == PENSTOCK_OK) {
            assert_int_equal(batch->row_count, 1);
            assert_int_equal(batch->dead_letter_count, 1);
        } else {
            failure_count++;
        }
        ps_batch_free(batch);
        ps_decoder_close(decoder);
    }
    assert_in_range(failure_count, 5, 1000);
    scene_end(&scene);
}

/* What is long is cut, so that a sentence has an end. */
static void long_names_in_a_sentence(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, "a INTEGER", "a f:a", NULL, NULL);
    char row[1001];
    memset(row, 'r', 1000);
    row[1000] = '\0';
    scene_cell(&scene, row, "f:a", 1, row);
    expect_dead(
        &scene, PS_REASON_TYPE, "a",
        "column a: cell f:a of row 'rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr...' at 1 has 1000 bytes (0x72 0x72 "
        "0x72 0x72 0x72 0x72 0x72 0x72 0x72 0x72 0x72 0x72 0x72 0x72 0x72 0x72 ...), an int has 4");
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
        cmocka_unit_test(the_first_version_of_a_column_counts),
        cmocka_unit_test(deletions),
        cmocka_unit_test(not_null),
        cmocka_unit_test(cells_in_another_order),
        cmocka_unit_test(timestamps_out_of_range),
        cmocka_unit_test(blocks_that_are_damaged),
        cmocka_unit_test(every_cut),
        cmocka_unit_test(a_record_as_a_person_reads_it),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(long_names_in_a_sentence),
        cmocka_unit_test(row_keys_of_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
