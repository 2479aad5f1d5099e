/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_mapping_test.c - the words of mapping, rowkey and family: what they mean, and every mistake in them.
 */
#include "hbase_cells.h"

/* "a=f:a int b=:key text": every column with its place and encoding */
static const char *describe(struct scene *scene) {
    static const char *const places[] = {"", "@timestamp", ":timestamp", ":key", "part "};
    struct ps_buffer out;
    ps_buffer_init(&out, 10000);
    for (size_t i = 0; i < scene->mapping->field_count; i++) {
        const struct ps_hbase_field *const field = &scene->mapping->fields[i];
        ps_buffer_printf(&out, "%s%s=", i > 0 ? ", " : "", scene->schema.columns[i].name);
        assert_int_equal(field->column, i);
        if (field->place <= PS_HBASE_IN_CELL_TIMESTAMP) {
            ps_hbase_show(&out, scene->mapping->cells[field->cell].family);
            ps_buffer_text(&out, ":");
            ps_hbase_show(&out, scene->mapping->cells[field->cell].qualifier);
        }
        ps_buffer_text(&out, places[field->place]);
        if (field->place == PS_HBASE_IN_KEY_PART) {
            ps_buffer_printf(&out, "%zu", field->part);
        }
        ps_buffer_printf(&out, " %s", ps_hbase_encoding_name(field->encoding));
    }
    const char *const copy = ps_arena_copy(scene->arena, out.data);
    ps_buffer_done(&out);
    return copy;
}

static void expect_mapping(const char *columns, const char *mapping, const char *rowkey, const char *family,
                           const char *described) {
    struct scene scene;
    scene_begin(&scene, columns, mapping, rowkey, family);
    assert_string_equal(describe(&scene), described);
    scene_end(&scene);
}

static void places_and_encodings(void **state) {
    (void)state;
    expect_mapping(
        "speed DOUBLE; lane INTEGER; note VARCHAR; seen TIMESTAMP; at BIGINT; k BLOB",
        "speed f:speed, lane f:lane long, note f:n json , seen f:speed@timestamp,at :timestamp, k :key", NULL,
        NULL,
        "speed=f:speed double, lane=f:lane long, note=f:n json, seen=f:speed@timestamp millis, "
        "at=:timestamp long, k=:key raw");
    expect_mapping("Speed DOUBLE; a INTEGER", "\"Speed\" f:s, A F:\\x2C\\x20\\x40\\xff INT,", NULL, NULL,
                   "Speed=f:s double, a=F:, @\\xFF int");
}

/* scene_columns() takes names as they are written: with their quotation marks they would not be found. */
static void names_in_quotation_marks(void **state) {
    (void)state;
    struct scene scene;
    const struct ps_hbase_mapping_words words = {.mapping = "\"wind, speed\" f:w\n, \"a\"\tf:a"};
    scene_columns(&scene, "a INTEGER; b DOUBLE");
    scene.schema.columns[1].name = "wind, speed";
    assert_int_equal(
        ps_hbase_mapping_new(&words, &scene.schema, false, scene.arena, &scene.mapping, &scene.error),
        PENSTOCK_OK);
    assert_string_equal(describe(&scene), "a=f:a int, wind, speed=f:w double");
    scene_end(&scene);
}

static void columns_that_are_not_mentioned(void **state) {
    (void)state;
    expect_mapping("rowkey VARCHAR; a INTEGER; b BIGINT", NULL, NULL, "f",
                   "rowkey=:key text, a=f:a int, b=f:b long");
    expect_mapping("rowkey VARCHAR; a INTEGER", "rowkey f:rowkey", NULL, "f",
                   "rowkey=f:rowkey text, a=f:a int");
    expect_mapping("a INTEGER; b BIGINT; c DATE", "a int, b g:b, c text", NULL, "\\x00f",
                   "a=\\x00f:a int, b=g:b long, c=\\x00f:c text");
    expect_mapping("a VARCHAR; rowkey VARCHAR", "a :key text", NULL, "f",
                   "a=:key text, rowkey=f:rowkey text");
    expect_mapping("a INTEGER; rowkey BLOB", NULL, "a", NULL, "a=part 0 int, rowkey=:key raw");
}

static void the_primary_key_is_the_row_key(void **state) {
    (void)state;
    struct scene scene;
    const struct ps_hbase_mapping_words words = {.key = "id", .family = "f"};
    assert_int_equal(scene_try(&scene, "id BIGINT; a INTEGER; rowkey VARCHAR", &words, false), PENSTOCK_OK);
    assert_string_equal(describe(&scene), "id=:key long, a=f:a int, rowkey=f:rowkey text");
    scene_end(&scene);
    const struct ps_hbase_mapping_words mapped = {.key = "id", .mapping = "id f:id, a :key"};
    assert_int_equal(scene_try(&scene, "id BIGINT; a INTEGER", &mapped, true), PENSTOCK_OK);
    assert_string_equal(describe(&scene), "id=f:id long, a=:key int");
    scene_end(&scene);
}

/* Bytes.toBytes() of every type, and what is nearest for those it has not. */
static void usual_encodings(void **state) {
    (void)state;
    expect_mapping(
        "a BOOLEAN; b TINYINT; c SMALLINT; d INTEGER; e BIGINT; f FLOAT; g DOUBLE; h DATE; i TIMESTAMP; "
        "j TIMESTAMPTZ; k VARCHAR; l BLOB; m DECIMAL(10,2); n HUGEINT; o JSON; p UUID; q INTEGER[]; "
        "r TIMESTAMP_MS; s DECIMAL(3,1)[]; t UINTEGER; u TIME",
        NULL, NULL, "f",
        "a=f:a boolean, b=f:b byte, c=f:c short, d=f:d int, e=f:e long, f=f:f float, g=f:g double, "
        "h=f:h int, i=f:i millis, j=f:j millis, k=f:k text, l=f:l raw, m=f:m decimal, n=f:n decimal, "
        "o=f:o json, p=f:p text, q=f:q text, r=f:r millis, s=f:s text, t=f:t decimal, u=f:u text");
    expect_mapping("a BLOB; b VARCHAR; c BIGINT; d BOOLEAN; e DECIMAL(3,1); f INTEGER",
                   "a f:a string, b f:b raw, c f:c bytes, d f:d bool, e f:e bigdecimal, f f:f integer", NULL,
                   NULL, "a=f:a raw, b=f:b text, c=f:c long, d=f:d boolean, e=f:e decimal, f=f:f int");
}

static void cells_are_sorted_and_distinct(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, "a INTEGER; b BIGINT; c INTEGER; d INTEGER; e TIMESTAMP",
                "a g:a, b f:z, c f:\\xFF, d f:, e f:z@TIMESTAMP", NULL, NULL);
    static const char *const cells[] = {"f:", "f:z", "f:\\xFF", "g:a"};
    assert_int_equal(scene.mapping->cell_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_true(ps_bytes_equal(scene.mapping->cells[i].qualifier, spell(&scene, cells[i] + 2)));
        assert_int_equal(scene.mapping->cells[i].family.data[0], cells[i][0]);
        assert_false(scene.mapping->cells[i].is_family);
    }
    static const size_t first[] = {0, 1, 3, 4, 5}, fields[] = {3, 1, 4, 2, 0};
    assert_memory_equal(scene.mapping->first_of_cell, first, sizeof first);
    assert_memory_equal(scene.mapping->of_cell, fields, sizeof fields);
    scene_end(&scene);
}

/* --- row keys ---------------------------------------------------------------------------------------------------- */

static void parts_of_the_row_key(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, "sensor VARCHAR; at TIMESTAMP; n INTEGER; k SMALLINT", NULL,
                "-:1 sensor\"|\\x00\"n:6:text  k at:reversed", NULL);
    static const struct {
        size_t width, tail, literal_size;
        const char *name;
    } parts[] = {{1, 0, 0, NULL}, {0, 0, 0, "sensor"}, {2, 0, 2, NULL},
                 {6, 0, 0, "n"},  {2, 0, 0, "k"},      {8, 0, 0, "at"}};
    assert_int_equal(scene.mapping->part_count, 6);
    for (size_t i = 0; i < 6; i++) {
        const struct ps_hbase_key_part *const part = &scene.mapping->parts[i];
        assert_int_equal(part->width, parts[i].width);
        assert_int_equal(part->tail, parts[i].tail);
        assert_int_equal(part->literal.size, parts[i].literal_size);
        assert_int_equal(part->name == NULL, parts[i].name == NULL);
    }
    assert_string_equal(describe(&scene),
                        "sensor=part 1 text, at=part 5 reversed, n=part 3 padded, k=part 4 short");
    scene_end(&scene);
}

static void a_part_ends_before_fixed_ones(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, "url VARCHAR; at TIMESTAMP; n INTEGER", NULL, "n:ordered url \"\\x00\" at", NULL);
    assert_int_equal(scene.mapping->parts[1].tail, 0); /* the literal ends it */
    scene_end(&scene);
    scene_begin(&scene, "url VARCHAR; at TIMESTAMP; n INTEGER", NULL, "url at \"x\" n", NULL);
    assert_int_equal(scene.mapping->parts[0].tail, 13);
    scene_end(&scene);
}

/* --- mistakes ---------------------------------------------------------------------------------------------------- */

static void expect_mistake(const char *columns, const struct ps_hbase_mapping_words *words, bool is_sink,
                           const char *message, const char *hint) {
    struct scene scene;
    assert_int_equal(scene_try(&scene, columns, words, is_sink), PENSTOCK_INVALID_PROJECT);
    assert_string_equal(scene.error.message, message);
    assert_string_equal(scene.error.hint, hint);
    scene_end(&scene);
}

static void expect_bad_mapping(const char *mapping, const char *message, const char *hint) {
    const struct ps_hbase_mapping_words words = {.mapping = mapping};
    expect_mistake("speed DOUBLE; note VARCHAR", &words, false, message, hint);
}

static const char of_items[] =
    "an item is a column, a place (family:qualifier, family:qualifier@timestamp, :key or "
    ":timestamp) and, if need be, an encoding";

static void mistakes_in_a_mapping(void **state) {
    (void)state;
    expect_bad_mapping(
        NULL, "column speed has no place in HBase",
        "write mapping = 'speed family:qualifier', or family = 'f' for all columns that are not "
        "mentioned");
    expect_bad_mapping("spede f:speed", "mapping: 'spede f:speed': there is no column spede",
                       "did you mean speed?");
    expect_bad_mapping("x f:speed", "mapping: 'x f:speed': there is no column x",
                       "an item begins with a column that is declared");
    expect_bad_mapping("speed f:speed duoble", "mapping: 'speed f:speed duoble': duoble is no encoding",
                       "did you mean double?");
    expect_bad_mapping(
        "speed f:s padded", "mapping: 'speed f:s padded': padded is no encoding",
        "encodings are byte, short, int, long, float, double, boolean, decimal, raw, text, seconds, "
        "millis, micros, reversed, ordered, json, ...");
    expect_bad_mapping("speed f:s millis", "mapping: millis is no encoding for column speed of type DOUBLE",
                       "without an encoding it is double");
    expect_bad_mapping("speed f:s, speed f:t", "mapping: 'speed f:t': column speed has a place already", "");
    expect_bad_mapping("speed", "mapping: 'speed': no place", of_items);
    expect_bad_mapping("speed f", "mapping: 'speed f': a place has a colon", of_items);
    expect_bad_mapping("speed :f",
                       "mapping: 'speed :f': no family before the colon, and neither :key nor :timestamp",
                       of_items);
    expect_bad_mapping(
        "speed f:s@time",
        "mapping: 'speed f:s@time': behind an @ stands timestamp; an @ in a qualifier is \\x40", of_items);
    expect_bad_mapping("speed f:s double now", "mapping: 'speed f:s double now': too many words", of_items);
    expect_bad_mapping("speed f:s,, note f:n", "mapping: '': nothing between two commas", of_items);
    expect_bad_mapping("speed :timestamp",
                       "mapping: column speed of type DOUBLE cannot hold a timestamp of HBase",
                       "declare it as TIMESTAMP, or as BIGINT (milliseconds)");
    const struct ps_hbase_mapping_words encoded = {.mapping = "at :timestamp long"};
    expect_mistake("at BIGINT", &encoded, false,
                   "mapping: column at is a timestamp of HBase, which has no encoding", "");
    const struct ps_hbase_mapping_words twice = {.mapping = "a f:a", .rowkey = "a"};
    expect_mistake("a BIGINT", &twice, false,
                   "mapping: 'a f:a': column a has a place already, in the row key", "");
}

static void expect_bad_key(const char *rowkey, const char *message, const char *hint) {
    const struct ps_hbase_mapping_words words = {.rowkey = rowkey, .family = "f"};
    expect_mistake("sensor VARCHAR; at TIMESTAMP; n INTEGER; x BLOB", &words, false, message, hint);
}

static void mistakes_in_a_row_key(void **state) {
    (void)state;
    expect_bad_key(" ", "rowkey: it is empty", "write its parts: 'sensor:8 seen:8:reversed'");
    expect_bad_key("senor", "rowkey: there is no column senor", "did you mean sensor?");
    expect_bad_key(":8", "rowkey: there is no column without a name",
                   "bytes that are no column are skipped by -:width");
    expect_bad_key("sensor:8 \"|", "rowkey: the literal \"| has no end",
                   "write it as \"|\"; a quotation mark in it is \\x22");
    expect_bad_key("sensor \"\" at", "rowkey: a literal is empty", "");
    expect_bad_key("sensor:0", "rowkey: part sensor: a width is 1 to 32767 bytes, not 0", "");
    expect_bad_key("sensor:8:8", "rowkey: part sensor: 8 is no width and no encoding",
                   "write a part as name, name:8, name:8:reversed or name:ordered");
    expect_bad_key("at:8:revresed", "rowkey: part at: revresed is no width and no encoding",
                   "did you mean reversed?");
    expect_bad_key("at:8:reversed:x", "rowkey: part at: more than a width and an encoding", "");
    expect_bad_key("at:", "rowkey: part at: nothing is no width and no encoding",
                   "write a part as name, name:8, name:8:reversed or name:ordered");
    expect_bad_key("-:1:long at", "rowkey: a part that is skipped (-) has a width, not an encoding", "");
    expect_bad_key("at:4", "rowkey: part at: a time in milliseconds has 8 bytes, not 4",
                   "leave the width away, or write another encoding behind it");
    expect_bad_key("n:6", "rowkey: part n: an int has 4 bytes, not 6", "digits are written n:6:text");
    expect_bad_key("n:4:ordered", "rowkey: part n: a value of OrderedBytes has a width of its own", "");
    expect_bad_key("sensor:json", "rowkey: part sensor: json is no encoding for VARCHAR in a row key", "");
    expect_bad_key("sensor at sensor:4", "rowkey: column sensor stands in it twice", "");
    expect_bad_key("sensor x at",
                   "rowkey: nothing ends part sensor, and part x behind it has no width either",
                   "give it a width (sensor:8) or put a separator behind it (sensor \"|\")");
    expect_bad_key("x:blob_last at",
                   "rowkey: part x: blob_last goes to the end of the key, so it is the last part", "");
}

/* Of several columns that are near the nearest one is meant. */
static void the_nearest_column(void **state) {
    (void)state;
    const struct ps_hbase_mapping_words words = {.rowkey = "sensr"};
    expect_mistake("censors VARCHAR; sensor VARCHAR", &words, false, "rowkey: there is no column sensr",
                   "did you mean sensor?");
}

static void mistakes_in_a_sink(void **state) {
    (void)state;
    const struct ps_hbase_mapping_words nothing = {.family = "f"};
    expect_mistake(
        "a INTEGER", &nothing, true, "no column is the row key",
        "name a column rowkey, write mapping = 'column :key', PRIMARY KEY (column), or rowkey = '...' for "
        "a key of several columns");
    const struct ps_hbase_mapping_words two = {.family = "f", .mapping = "a :key, b :key"};
    expect_mistake("a INTEGER; b INTEGER", &two, true, "column b and column a both are the row key", "");
    const struct ps_hbase_mapping_words both = {.family = "f", .rowkey = "a"};
    expect_mistake("a INTEGER; rowkey VARCHAR", &both, true,
                   "column rowkey and the parts of rowkey both are the row key", "");
    const struct ps_hbase_mapping_words salt = {.family = "f", .rowkey = "-:1 a"};
    expect_mistake("a INTEGER", &salt, true, "rowkey: a part that is skipped (-) cannot be written",
                   "make it a column of the SELECT: substr(md5(sensor), 1, 1) AS salt");
    const struct ps_hbase_mapping_words stamp = {.family = "f", .mapping = "at f:a@timestamp"};
    expect_mistake("rowkey VARCHAR; a INTEGER; at TIMESTAMP", &stamp, true,
                   "mapping: column at is the timestamp of one cell, which a sink cannot write",
                   "a record has one timestamp for all its cells: 'at :timestamp'");
    const struct ps_hbase_mapping_words same = {.mapping = "a f:a, b f:a"};
    expect_mistake("rowkey VARCHAR; a INTEGER; b INTEGER", &same, true,
                   "mapping: columns a and b are the same cell", "");
}

/* Out of memory is an error wherever it happens, and what was allocated is the arena's. */
static void no_memory(void **state) {
    (void)state;
    const struct ps_hbase_mapping_words words = {
        .mapping = "a f:a, b g:b", .rowkey = "c \"|\" d", .family = "f"};
    for (size_t size = 512; size < 20000; size += 512) {
        struct scene scene;
        scene_columns(&scene, "a INTEGER; b BIGINT; c VARCHAR; d INTEGER; e DATE");
        struct ps_arena *const arena = ps_arena_new(size);
        const penstock_code code =
            ps_hbase_mapping_new(&words, &scene.schema, false, arena, &scene.mapping, &scene.error);
        assert_true(code == PENSTOCK_OK || code == PENSTOCK_OUT_OF_MEMORY);
        ps_arena_free(arena);
        scene_end(&scene);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_and_encodings),
        cmocka_unit_test(names_in_quotation_marks),
        cmocka_unit_test(columns_that_are_not_mentioned),
        cmocka_unit_test(the_primary_key_is_the_row_key),
        cmocka_unit_test(usual_encodings),
        cmocka_unit_test(cells_are_sorted_and_distinct),
        cmocka_unit_test(parts_of_the_row_key),
        cmocka_unit_test(a_part_ends_before_fixed_ones),
        cmocka_unit_test(mistakes_in_a_mapping),
        cmocka_unit_test(mistakes_in_a_row_key),
        cmocka_unit_test(the_nearest_column),
        cmocka_unit_test(mistakes_in_a_sink),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
