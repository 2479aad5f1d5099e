/* SPDX-License-Identifier: Apache-2.0
 *
 * changelog_test.c - FORMAT UPSERT and FORMAT DEBEZIUM: what each record does to the row of its key.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "connect/decoding.h"
#include "data/codec_json.h"

/* A source of one changelog, and what a slice of it came to. */
struct scene {
    struct ps_arena *arena;
    struct ps_source_statement statement;
    struct ps_source_setup setup;
    struct ps_batch *batch;
    struct ps_message messages[16];
    size_t message_count;
};

static struct ps_column_schema columns[] = {{"id", "BIGINT", PS_TYPE_BIGINT, true},
                                            {"name", "VARCHAR", PS_TYPE_VARCHAR, false},
                                            {"price", "DECIMAL(9,2)", PS_TYPE_CAST, false},
                                            {"at", "TIMESTAMP", PS_TYPE_TIMESTAMP, false},
                                            {"kafka_offset", "BIGINT", PS_TYPE_BIGINT, false}};
static struct ps_include includes[] = {{PS_INCLUDE_OFFSET, 4, {"s.sql", 1, 1}}};

static void scene_begin(struct scene *scene, enum ps_source_format format, size_t key_count,
                        const char *codec) {
    static size_t key[] = {0, 1};
    struct penstock_error error = {0};
    *scene = (struct scene){.arena = ps_arena_new(0)};
    scene->statement = (struct ps_source_statement){.schema = {columns, 5},
                                                    .format = format,
                                                    .includes = includes,
                                                    .include_count = 1,
                                                    .primary_key = key,
                                                    .primary_key_count = key_count};
    scene->setup = (struct ps_source_setup){.name = "s",
                                            .folder = ".",
                                            .schema = &scene->statement.schema,
                                            .codec = ps_codec_find(codec),
                                            .encode = codec,
                                            .codec_schema = {columns, 4},
                                            .statement = &scene->statement};
    void *config = ps_arena_allocate(scene->arena, 1, scene->setup.codec->config_size);
    assert_int_equal(ps_option_defaults(scene->setup.codec->options, config, scene->arena, &error),
                     PENSTOCK_OK);
    scene->setup.codec_config = config;
    if (strcmp(codec, "avro") == 0) {
        ((struct ps_schema_options *)config)->text =
            "{\"type\":\"record\",\"name\":\"E\",\"fields\":[{\"name\":\"before\",\"type\":[\"null\",{\"type\":\"record\","
            "\"name\":\"V\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"},{\"name\":\"name\",\"type\":\"string\"},{\"name\":"
            "\"at\",\"type\":{\"type\":\"long\",\"connect.name\":\"io.debezium.time.MicroTimestamp\"}}]}]},{\"name\":"
            "\"after\",\"type\":[\"null\",\"V\"]},{\"name\":\"op\",\"type\":\"string\"}]}";
    }
    if (ps_decoding_new(&scene->setup, scene->arena, &scene->setup.decoding, &error) != PENSTOCK_OK) {
        fail_msg("%s", error.message);
    }
}

static void scene_end(struct scene *scene) {
    ps_batch_free(scene->batch);
    ps_decoding_free(scene->setup.decoding);
    ps_arena_free(scene->arena);
}

/* NULL: no key, no value. */
static void add_bytes(struct scene *scene, const char *key, struct ps_bytes value) {
    scene->messages[scene->message_count] = (struct ps_message){.key = {key, key == NULL ? 0 : strlen(key)},
                                                                .value = value,
                                                                .offset = 100 + (int64_t)scene->message_count,
                                                                .timestamp_ms = -1};
    scene->message_count++;
}

static void add(struct scene *scene, const char *key, const char *value) {
    add_bytes(scene, key, (struct ps_bytes){value, value == NULL ? 0 : strlen(value)});
}

/* "+id|name|price|at@offset;" of every row ("-" of a delete), then "!reason(column) text;" of every dead letter. */
static const char *show(struct scene *scene) {
    struct ps_buffer out;
    const struct ps_batch *batch = scene->batch;
    ps_buffer_init(&out, 1 << 20);
    for (int64_t row = 0; row < batch->row_count; row++) {
        ps_buffer_text(&out, batch->operations[row] == PS_OPERATION_DELETE ? "-" : "+");
        for (size_t i = 0; i < 4; i++) {
            const struct ps_column *column = &batch->columns[i];
            ps_buffer_text(&out, i == 0 ? "" : "|");
            if (column->is_valid != NULL && column->is_valid[row] == 0) {
                ps_buffer_text(&out, "NULL");
            } else if (ps_type_size(column->type) == 8) {
                ps_buffer_printf(&out, "%lld", (long long)((int64_t *)column->values)[row]);
            } else {
                const struct ps_bytes text = ((struct ps_bytes *)column->values)[row];
                ps_buffer_add(&out, text.data, text.size);
            }
        }
        ps_buffer_printf(&out, "@%lld;", (long long)((int64_t *)batch->columns[4].values)[row]);
        assert_true(batch->records[row].offset == ((int64_t *)batch->columns[4].values)[row]);
        assert_true(batch->records[row].raw.data == batch->records[row].message->value.data);
    }
    for (size_t i = 0; i < batch->dead_letter_count; i++) {
        const struct ps_dead_letter *letter = &batch->dead_letters[i];
        ps_buffer_printf(&out, "!%s(%s)%s;", ps_reason_name(letter->reason),
                         letter->column == NULL ? "" : letter->column, letter->text);
        assert_true(letter->raw_size == (int64_t)letter->message->value.size);
    }
    const char *copy = ps_arena_copy(scene->arena, out.size == 0 ? "" : out.data);
    ps_buffer_done(&out);
    return copy;
}

static penstock_code decode(struct scene *scene, struct penstock_error *error) {
    const struct ps_slice slice = {.partition = {"t[0]", 0}, .begin = 100, .end = 200, .end_state = ""};
    struct ps_raw raw = {.data = ps_allocate(1, 1),
                         .messages = ps_allocate(scene->message_count + 1, sizeof(struct ps_message)),
                         .message_count = scene->message_count};
    penstock_code code = PENSTOCK_OUT_OF_MEMORY;
    ps_batch_free(ps_take(scene->batch));
    if (raw.data != NULL && raw.messages != NULL) {
        memcpy(raw.messages, scene->messages, scene->message_count * sizeof(struct ps_message));
        code = ps_decode(&scene->setup, &slice, &raw, &scene->batch, error);
    }
    ps_raw_done(&raw);
    return code;
}

/* Of all messages since the last call. */
static void expect(struct scene *scene, const char *expected) {
    struct penstock_error error = {0};
    if (decode(scene, &error) != PENSTOCK_OK) {
        fail_msg("%s", error.message);
    }
    assert_string_equal(show(scene), expected);
    assert_int_equal(scene->batch->record_count, scene->message_count);
    assert_true(ps_batch_is_counted(scene->batch));
    /* one by one, as dead letters are replayed, the same comes out */
    struct ps_record records[16];
    struct ps_batch *whole = scene->batch;
    for (size_t i = 0; i < scene->message_count; i++) {
        const struct ps_message *message = &scene->messages[i];
        records[i] = (struct ps_record){message->value, message->offset, message};
    }
    scene->batch = NULL;
    assert_int_equal(ps_decode_records(&scene->setup, (struct ps_partition){"t[0]", 0}, "", records,
                                       scene->message_count, &scene->batch, &error),
                     PENSTOCK_OK);
    assert_string_equal(show(scene), expected);
    ps_batch_free(whole);
    scene->message_count = 0;
}

static void upsert(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, PS_FORMAT_UPSERT, 1, "json");
    add(&scene, "7", "{\"id\":7,\"name\":\"a\",\"price\":1.50,\"at\":\"1970-01-01 00:00:01\"}");
    add(&scene, "{\"id\":8,\"unused\":1}", "{\"name\":\"b\"}");
    add(&scene, " {\"ID\":8}", NULL);
    add(&scene, "9", NULL);
    add(&scene, "\"10\"", "{}");
    expect(&scene, "+7|a|1.50|1000000@100;+8|b|NULL|NULL@101;-8|NULL|NULL|NULL@102;-9|NULL|NULL|NULL@103;"
                   "+10|NULL|NULL|NULL@104;");
    scene_end(&scene);
}

static void upsert_without_a_usable_key(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, PS_FORMAT_UPSERT, 1, "json");
    add(&scene, NULL, "{\"id\":7}");
    add(&scene, "x7", "{\"id\":7}");
    add(&scene, "{\"no\":7}", "{\"id\":7}");
    add(&scene, "{\"id\":null}", NULL);
    add(&scene, "{\"id\":7", NULL);
    add(&scene, "8", "{\"id\":7}");
    add(&scene, "\xFF", NULL);
    add(&scene, "7", "{\"id\":7,\"at\":1}");
    expect(
        &scene,
        "!key()the record has no key, which says in a changelog which row it is about;"
        "!key(id)the record's key: column id: found the text 'x7', expected BIGINT;"
        "!key(id)the record's key has no column of the primary key;"
        "!key(id)the record's key has no column of the primary key;"
        "!key()the record's key: byte 7 of the record: not JSON: unexpected end of data; expected one JSON object a "
        "line;"
        "!key(id)the record's value and its key disagree on this column of the primary key;"
        "!key(id)the record's key is not UTF-8;"
        "!type(at)column at: found the number 1, expected TIMESTAMP;");
    scene_end(&scene);
}

static void upsert_with_a_key_of_two_columns(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, PS_FORMAT_UPSERT, 2, "json");
    add(&scene, "{\"name\":\"a\",\"id\":1}", "{\"price\":2}");
    add(&scene, "{\"id\":1}", "{\"name\":\"b\"}");
    add(&scene, "{\"id\":1}", NULL);
    add(&scene, "{\"id\":1}", "{}");
    add(&scene, "1", "{\"id\":1,\"name\":\"b\"}");
    expect(&scene,
           "+1|a|2|NULL@100;+1|b|NULL|NULL@101;"
           "!key(name)the record deletes a row but does not have all columns of its key;"
           "!key(name)neither the record's value nor its key has this column of the primary key;"
           "!key()the record's key is one value, but the primary key has several columns; expected a JSON "
           "object;");
    scene_end(&scene);
}

static void debezium(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, PS_FORMAT_DEBEZIUM, 1, "json");
    add(&scene, "{\"id\":1}",
        "{\"before\":null,\"after\":{\"id\":1,\"name\":\"a\\n\",\"price\":\"1.10\"},\"op\":\"c\"}");
    add(&scene, "{\"id\":1}",
        "{\"before\":{\"id\":1},\"after\":{\"id\":1,\"name\":\"b\"},\"op\":\"u\",\"source\":{}}");
    add(&scene, "{\"id\":1}", "{\"before\":{\"id\":1,\"name\":\"b\"},\"after\":null,\"op\":\"d\"}");
    add(&scene, "{\"id\":1}", NULL);
    add(&scene, NULL,
        "{\"schema\":{\"type\":\"struct\"},\"payload\":{\"before\":null,\"after\":{\"id\":2},\"op\":\"r\"}}");
    add(&scene, "{\"schema\":{},\"payload\":{\"id\":2}}",
        "{\"schema\":{},\"payload\":{\"before\":null,\"after\":null,\"op\":\"d\"}}");
    add(&scene, "{\"id\":3}", "{\"before\":{\"id\":3},\"after\":{\"id\":4,\"name\":\"c\"},\"op\":\"u\"}");
    add(&scene, NULL, "{\"op\":\"m\",\"message\":{}}");
    expect(&scene, "+1|a\n|1.10|NULL@100;+1|b|NULL|NULL@101;-1|NULL|NULL|NULL@102;+2|NULL|NULL|NULL@104;"
                   "-2|NULL|NULL|NULL@105;-3|NULL|NULL|NULL@106;+4|c|NULL|NULL@106;");
    assert_int_equal(scene.batch->skipped_count, 2);
    assert_int_equal(scene.batch->second_count, 1);
    scene_end(&scene);
}

static void debezium_that_is_none(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, PS_FORMAT_DEBEZIUM, 1, "json");
    add(&scene, "1", "{\"id\":1,\"name\":\"flat\"}");
    add(&scene, "1", "{\"op\":\"t\"}");
    add(&scene, "1", "{\"op\":\"x\",\"after\":{\"id\":1}}");
    add(&scene, "1", "{\"op\":\"c\"}");
    add(&scene, "1", "{\"op\":\"c\",\"after\":{\"name\":\"a\"}}");
    add(&scene, "1", "{\"op\":\"c\",\"after\":{\"id\":\"one\"}}");
    add(&scene, NULL, "{\"op\":\"d\"}");
    add(&scene, "1", "{\"op\":\"c\"");
    expect(
        &scene,
        "!syntax()not a change event of Debezium: it has no op; flattened events are FORMAT UPSERT;"
        "!type()the table was truncated (op t), which cannot be followed row by row;"
        "!syntax()found op 'x', expected c, r, u or d;"
        "!syntax()a change event of Debezium without the row it is about: after is null;"
        "!key(id)the row that the record is about does not have this column of the primary key;"
        "!type(id)column id: found the text 'one', expected BIGINT;"
        "!key()the record has no key, which says in a changelog which row it is about;"
        "!syntax()byte 9 of the record: not JSON: unexpected end of data; expected one JSON object a line;");
    scene_end(&scene);
}

static void debezium_in_avro(void **state) {
    (void)state;
    struct scene scene;
    scene_begin(&scene, PS_FORMAT_DEBEZIUM, 1, "avro");
    add_bytes(&scene, "1", PS_BYTES("\0\2\2\2a\x80\x89\x7A\2c")); /* 1,000,000 microseconds */
    add_bytes(&scene, "1", PS_BYTES("\2\2\2a\0\0\2d"));
    add_bytes(&scene, "1", PS_BYTES("\2\2\2a\0\2\4\2b\0\2u"));
    add_bytes(&scene, "1", PS_BYTES("\2\2"));
    expect(&scene, "+1|a|NULL|1000000@100;-1|NULL|NULL|NULL@101;-1|NULL|NULL|NULL@102;+2|b|NULL|0@102;"
                   "!syntax()the record ends after 2 bytes, within field before;");
    scene_end(&scene);
}

/* Fields without a column, of what is put and of what is gone. */
static void fields_that_are_kept(void **state) {
    (void)state;
    static struct ps_column_schema kept[] = {{"id", "BIGINT", PS_TYPE_BIGINT, true},
                                             {"penstock_rest", "VARCHAR", PS_TYPE_VARCHAR, false}};
    static struct ps_include rest[] = {{PS_INCLUDE_REST, 1, {"s.sql", 1, 1}}};
    for (int format = PS_FORMAT_UPSERT; format <= PS_FORMAT_DEBEZIUM; format++) {
        struct scene scene;
        struct penstock_error error = {0};
        const bool is_upsert = format == PS_FORMAT_UPSERT;
        scene_begin(&scene, (enum ps_source_format)format, 1, "json");
        ps_decoding_free(scene.setup.decoding);
        struct ps_json_config config = {.rest_column = 2};
        scene.setup.codec_config = &config;
        scene.statement.schema = (struct ps_schema){kept, 2};
        scene.statement.includes = rest;
        scene.setup.codec_schema = (struct ps_schema){kept, 1};
        assert_int_equal(ps_decoding_new(&scene.setup, scene.arena, &scene.setup.decoding, &error),
                         PENSTOCK_OK);
        add(&scene, "1", is_upsert ? "{\"n\":1.0}" : "{\"after\":{\"id\":1,\"n\":1.0},\"op\":\"c\"}");
        add(&scene, "1", is_upsert ? NULL : "{\"before\":{\"id\":1,\"n\":1.0},\"op\":\"d\"}");
        assert_int_equal(decode(&scene, &error), PENSTOCK_OK);
        assert_int_equal(scene.batch->row_count, 2);
        const struct ps_column *column = &scene.batch->columns[1];
        const struct ps_bytes text = ((struct ps_bytes *)column->values)[0];
        assert_true(ps_bytes_equal(text, PS_BYTES("{\"n\":1.0}")));
        assert_true(column->is_valid != NULL && column->is_valid[0] == 1 && column->is_valid[1] == 0);
        scene_end(&scene);
    }
}

static void memory_may_run_out(void **state) {
    (void)state;
    bool is_done = false;
    for (int64_t call = 1; !is_done; call++) {
        struct scene scene;
        struct penstock_error error = {0};
        scene_begin(&scene, PS_FORMAT_DEBEZIUM, 1, "json");
        add(&scene, "{\"id\":3}", "{\"before\":{\"id\":3},\"after\":{\"id\":4,\"name\":\"c\"},\"op\":\"u\"}");
        add(&scene, "{\"id\":3}", "{\"op\":\"d\"}");
        add(&scene, NULL, "{\"op\":\"d\"}");
        ps_memory_fail_at(call);
        const penstock_code code = decode(&scene, &error);
        ps_memory_fail_at(0);
        is_done = code == PENSTOCK_OK;
        assert_true(is_done || code == PENSTOCK_OUT_OF_MEMORY);
        assert_true(!is_done || (scene.batch->row_count == 3 && scene.batch->dead_letter_count == 1));
        assert_true(call < 1000);
        scene_end(&scene);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(upsert),
        cmocka_unit_test(upsert_without_a_usable_key),
        cmocka_unit_test(upsert_with_a_key_of_two_columns),
        cmocka_unit_test(debezium),
        cmocka_unit_test(debezium_that_is_none),
        cmocka_unit_test(debezium_in_avro),
        cmocka_unit_test(fields_that_are_kept),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
