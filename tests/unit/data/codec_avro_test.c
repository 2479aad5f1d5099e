/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_avro_test.c - records that Apache Avro's own C library wrote, and records that nobody would write.
 */
#include "shelf.h"

#include <avro.h>

#define RECORD_MAX 65536

/* A writer of one schema, by libavro. */
struct writer {
    avro_schema_t schema;
    avro_value_iface_t *face;
    avro_value_t value;
    char data[RECORD_MAX];
    size_t size;
};

static void writer_begin(struct writer *writer, const char *schema) {
    assert_int_equal(avro_schema_from_json_length(schema, strlen(schema), &writer->schema), 0);
    writer->face = avro_generic_class_from_schema(writer->schema);
    assert_int_equal(avro_generic_value_new(writer->face, &writer->value), 0);
}

static void writer_end(struct writer *writer) {
    avro_value_decref(&writer->value);
    avro_value_iface_decref(writer->face);
    avro_schema_decref(writer->schema);
}

static avro_value_t field_of(struct writer *writer, const char *name) {
    avro_value_t field;
    assert_int_equal(avro_value_get_by_name(&writer->value, name, &field, NULL), 0);
    return field;
}

static avro_value_t branch_of(avro_value_t value, int branch) {
    avro_value_t inside;
    assert_int_equal(avro_value_set_branch(&value, branch, &inside), 0);
    return inside;
}

/* The bytes, behind `header_size` bytes of zero and id. */
static struct ps_bytes write_record(struct writer *writer, int64_t id) {
    const size_t header_size = id == PS_SCHEMA_FIXED ? 0 : 5;
    memset(writer->data, 0, 5);
    writer->data[4] = (char)id;
    avro_writer_t memory = avro_writer_memory(writer->data + header_size, RECORD_MAX - 5);
    assert_int_equal(avro_value_write(memory, &writer->value), 0);
    writer->size = header_size + (size_t)avro_writer_tell(memory);
    avro_writer_free(memory);
    return (struct ps_bytes){writer->data, writer->size};
}

static const char *const with_registry[] = {"schema.registry=http://schemas", NULL};
static const char *const fixed[] = {"schema={}", NULL};

static const char all_kinds[] =
    "{\"type\":\"record\",\"name\":\"Trip\",\"namespace\":\"org.trips\",\"fields\":["
    "{\"name\":\"b\",\"type\":\"boolean\"},{\"name\":\"i\",\"type\":\"int\"},{\"name\":\"l\",\"type\":\"long\"},"
    "{\"name\":\"f\",\"type\":\"float\"},{\"name\":\"d\",\"type\":\"double\"},{\"name\":\"raw\",\"type\":\"bytes\"},"
    "{\"name\":\"s\",\"type\":\"string\"},"
    "{\"name\":\"day\",\"type\":{\"type\":\"int\",\"logicalType\":\"date\"}},"
    "{\"name\":\"ms\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"
    "{\"name\":\"us\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":\"local-timestamp-micros\"}]},"
    "{\"name\":\"price\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}},"
    "{\"name\":\"kind\",\"type\":{\"type\":\"enum\",\"name\":\"Kind\",\"symbols\":[\"DAY\",\"NIGHT\"]}},"
    "{\"name\":\"code\",\"type\":{\"type\":\"fixed\",\"name\":\"Code\",\"size\":3}},"
    "{\"name\":\"tags\",\"type\":{\"type\":\"map\",\"values\":[\"null\",\"long\",\"string\"]}},"
    "{\"name\":\"legs\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"Leg\",\"fields\":["
    "{\"name\":\"from\",\"type\":\"string\"},{\"name\":\"kind\",\"type\":\"Kind\"},"
    "{\"name\":\"on\",\"type\":{\"type\":\"int\",\"logicalType\":\"date\"}}]}}},"
    "{\"name\":\"more\",\"type\":[\"null\",\"Leg\",\"org.trips.Trip\"]}]}";

static void fill(struct writer *writer) {
    avro_value_t field, item;
    field = field_of(writer, "b");
    avro_value_set_boolean(&field, 1);
    field = field_of(writer, "i");
    avro_value_set_int(&field, INT32_MIN);
    field = field_of(writer, "l");
    avro_value_set_long(&field, INT64_MAX);
    field = field_of(writer, "f");
    avro_value_set_float(&field, 0.1f);
    field = field_of(writer, "d");
    avro_value_set_double(&field, -2.5);
    field = field_of(writer, "raw");
    avro_value_set_bytes(&field, (void *)(uintptr_t) "\x01\xFF", 2);
    field = field_of(writer, "s");
    avro_value_set_string(&field, "\xC3\xA9t\xC3\xA9 \"x\"");
    field = field_of(writer, "day");
    avro_value_set_int(&field, -1);
    field = field_of(writer, "ms");
    avro_value_set_long(&field, 1700000000123);
    field = branch_of(field_of(writer, "us"), 1);
    avro_value_set_long(&field, -1);
    field = field_of(writer, "price");
    avro_value_set_bytes(&field, (void *)(uintptr_t) "\xFF\x38", 2); /* -200 */
    field = field_of(writer, "kind");
    avro_value_set_enum(&field, 1);
    field = field_of(writer, "code");
    avro_value_set_fixed(&field, (void *)(uintptr_t) "abc", 3);
    field = field_of(writer, "tags");
    avro_value_add(&field, "a", &item, NULL, NULL);
    item = branch_of(item, 1);
    avro_value_set_long(&item, 7);
    avro_value_add(&field, "b", &item, NULL, NULL);
    item = branch_of(item, 2);
    avro_value_set_string(&item, "x\ny");
    field = field_of(writer, "legs");
    for (int i = 0; i < 2; i++) {
        avro_value_t part;
        avro_value_append(&field, &item, NULL);
        avro_value_get_by_name(&item, "from", &part, NULL);
        avro_value_set_string(&part, i == 0 ? "EWR" : "JFK");
        avro_value_get_by_name(&item, "kind", &part, NULL);
        avro_value_set_enum(&part, i);
        avro_value_get_by_name(&item, "on", &part, NULL);
        avro_value_set_int(&part, 15706);
    }
    (void)branch_of(field_of(writer, "more"), 0);
}

static void every_kind_of_value(void **state) {
    (void)state;
    static struct writer writer;
    struct shelf shelf;
    writer_begin(&writer, all_kinds);
    fill(&writer);
    shelf_begin(
        &shelf, "avro",
        "b BOOLEAN; i INTEGER; l BIGINT; f FLOAT; d DOUBLE; raw BLOB; s VARCHAR; day DATE; ms TIMESTAMP; "
        "us TIMESTAMP; price DECIMAL(9,2); kind VARCHAR; code VARCHAR; tags JSON; legs JSON; more JSON; other "
        "INTEGER",
        with_registry);
    shelf.texts[3] = PS_BYTES(all_kinds);
    shelf_expect_row(
        &shelf, write_record(&writer, 3),
        "true|-2147483648|9223372036854775807|0.100000001|-2.5|'\x01\xFF'|'\xC3\xA9t\xC3\xA9 \"x\"'|-1|"
        "1700000000123000|-1|'-2.00'|'NIGHT'|'abc'|'{\"a\":7,\"b\":\"x\\ny\"}'|"
        "'[{\"from\":\"EWR\",\"kind\":\"DAY\",\"on\":\"2013-01-01\"},{\"from\":\"JFK\",\"kind\":\"NIGHT\","
        "\"on\":\"2013-01-01\"}]'|NULL|NULL");
    assert_int_equal(shelf.fetch_count, 1);
    shelf_expect_row(&shelf, write_record(&writer, 3), decoding_row(&shelf.decoding, 0));
    assert_int_equal(shelf.fetch_count, 1); /* a second decoder does not ask again */
    shelf_end(&shelf);
    /* the same as texts and numbers */
    shelf_begin(
        &shelf, "avro",
        "i BIGINT; L DOUBLE; day VARCHAR; ms VARCHAR; us TIMESTAMP_NS; price DOUBLE; kind JSON; s JSON; raw "
        "JSON; b VARCHAR; d DECIMAL(4,1); ms_ INTEGER",
        with_registry);
    shelf.texts[3] = PS_BYTES(all_kinds);
    shelf_expect_row(
        &shelf, write_record(&writer, 3),
        "-2147483648|9.2233720368547758e+18|'1969-12-31'|'2023-11-14T22:13:20.123000Z'|"
        "'1969-12-31T23:59:59.999999'|-2|'\"NIGHT\"'|'\"\xC3\xA9t\xC3\xA9 \\\"x\\\"\"'|'\"Af8=\"'|'true'|"
        "'-2.5'|NULL");
    shelf_end(&shelf);
    writer_end(&writer);
}

static void values_that_do_not_fit(void **state) {
    (void)state;
    static const struct {
        const char *columns, *column, *text;
        enum ps_reason reason;
    } cases[] = {
        {"i SMALLINT", "i", "column i: the number -2147483648 is out of range for SMALLINT", PS_REASON_RANGE},
        {"i BOOLEAN", "i", "column i: found the number -2147483648, expected BOOLEAN", PS_REASON_TYPE},
        {"l DATE", "l", "found the number 9223372036854775807, expected DATE", PS_REASON_TYPE},
        {"s INTEGER", "s", "found the text", PS_REASON_TYPE},
        {"raw INTEGER", "raw", "found the bytes Af8=, expected INTEGER", PS_REASON_TYPE},
        {"raw VARCHAR", NULL, "field raw, before byte", PS_REASON_ENCODING},
        {"legs INTEGER", "legs", "found an array , expected INTEGER", PS_REASON_TYPE},
        {"tags DOUBLE", "tags", "found a map", PS_REASON_TYPE},
        {"d INTEGER", "d", "found the number -2.5, expected INTEGER", PS_REASON_TYPE},
        {"ms DATE", "ms", "found the time 2023-11-14T22:13:20.123000Z, expected DATE", PS_REASON_TYPE},
        {"kind INTEGER", "kind", "found the enum NIGHT, expected INTEGER", PS_REASON_TYPE},
        {"more JSON NOT NULL", "more", "column more: found null, expected JSON NOT NULL", PS_REASON_NULL},
        {"gone INTEGER NOT NULL", "gone", "column gone: found nothing, expected INTEGER NOT NULL",
         PS_REASON_NULL},
    };
    static struct writer writer;
    writer_begin(&writer, all_kinds);
    fill(&writer);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct shelf shelf;
        shelf_begin(&shelf, "avro", cases[i].columns, with_registry);
        shelf.texts[3] = PS_BYTES(all_kinds);
        shelf_expect_dead(&shelf, write_record(&writer, 3), cases[i].reason, cases[i].column, cases[i].text);
        shelf_end(&shelf);
    }
    writer_end(&writer);
}

/* Every beginning of a record is a dead letter, and so is one with something behind it. */
static void records_that_are_cut(void **state) {
    (void)state;
    static struct writer writer;
    writer_begin(&writer, all_kinds);
    fill(&writer);
    const struct ps_bytes whole = write_record(&writer, 3);
    struct shelf shelf;
    shelf_begin(&shelf, "avro", "i INTEGER; legs JSON; tags JSON", with_registry);
    shelf.texts[3] = PS_BYTES(all_kinds);
    for (size_t size = 0; size < whole.size; size++) {
        shelf_expect_dead(&shelf, (struct ps_bytes){whole.data, size},
                          size < 5 ? PS_REASON_SCHEMA : PS_REASON_SYNTAX, NULL,
                          size < 5 ? "schema id" : "field");
    }
    writer.data[whole.size] = 0;
    shelf_expect_dead(&shelf, (struct ps_bytes){whole.data, whole.size + 1}, PS_REASON_SYNTAX, NULL,
                      "1 bytes stand behind");
    shelf_end(&shelf);
    writer_end(&writer);
}

static void ids_and_registries(void **state) {
    (void)state;
    static const char text[] =
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"long\"}]}";
    struct shelf shelf;
    struct penstock_error error = {0};
    shelf_begin(&shelf, "avro", "a BIGINT", with_registry);
    shelf.texts[1] = PS_BYTES(text);
    shelf.texts[2] = PS_BYTES("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\"}]}");
    shelf_expect_row(&shelf, PS_BYTES("\0\0\0\0\1\4"), "2");
    shelf_expect_dead(&shelf, PS_BYTES("\0\0\0\0\5\4"), PS_REASON_SCHEMA, NULL, "no schema of id 5");
    shelf_expect_dead(&shelf, PS_BYTES("\0\0\0\0\2\4"), PS_REASON_SCHEMA, NULL,
                      "schema 2: not an Avro schema: a field without a type");
    shelf_expect_dead(&shelf, PS_BYTES("\1\0\0\0\1\4"), PS_REASON_SCHEMA, NULL, "begin otherwise");
    const int before = shelf.fetch_count;
    shelf_expect_dead(&shelf, PS_BYTES("\0\0\0\0\5\4"), PS_REASON_SCHEMA, NULL, "no schema of id 5");
    assert_int_equal(shelf.fetch_count, before); /* what is not there is remembered for a while, too */
    /* a registry that is away is nobody's dead letter */
    shelf.is_away = true;
    shelf.texts[6] = PS_BYTES(text);
    assert_int_equal(shelf_try(&shelf, PS_BYTES("\0\0\0\0\6\4"), &error), PENSTOCK_IO);
    assert_int_equal(error.remedy, PENSTOCK_RETRY);
    assert_int_equal(shelf.decoding.batch->record_count, 0);
    shelf_expect_row(&shelf, PS_BYTES("\0\0\0\0\1\4"), "2"); /* known schemas go on */
    shelf.is_away = false;
    shelf_expect_row(&shelf, PS_BYTES("\0\0\0\0\6\4"), "2");
    shelf_end(&shelf);
    /* one fixed schema: no header */
    shelf_begin(&shelf, "avro", "a BIGINT", fixed);
    shelf.texts[0] = PS_BYTES(text);
    shelf_expect_row(&shelf, PS_BYTES("\1"), "-1");
    shelf_end(&shelf);
    /* a schema that is no record fills the only column */
    shelf_begin(&shelf, "avro", "a VARCHAR", fixed);
    shelf.texts[0] = PS_BYTES("[\"null\",\"string\"]");
    shelf_expect_row(&shelf, PS_BYTES("\2\4hi"), "'hi'");
    shelf_expect_row(&shelf, PS_BYTES("\0"), "NULL");
    shelf_end(&shelf);
}

static void names_and_aliases(void **state) {
    (void)state;
    struct shelf shelf;
    shelf_begin(&shelf, "avro", "Speed INTEGER; old INTEGER; x INTEGER", fixed);
    shelf.texts[0] = PS_BYTES(
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"speed\",\"type\":\"int\"},{\"name\":\"Speed\","
        "\"type\":\"int\"},{\"name\":\"y\",\"aliases\":[\"z\",\"old\"],\"type\":\"int\"},{\"name\":\"w\",\"type\":\"int\","
        "\"aliases\":[\"x\"]},{\"name\":\"x\",\"type\":\"int\"}]}");
    shelf_expect_row(&shelf, PS_BYTES("\2\4\6\10\12"), "2|3|5");
    shelf_end(&shelf);
}

/* Counts and sizes that promise more than there is. */
static void hostile_records(void **state) {
    (void)state;
    static const char deep[] =
        "{\"type\":\"record\",\"name\":\"N\",\"fields\":[{\"name\":\"v\",\"type\":\"int\"},"
        "{\"name\":\"n\",\"type\":[\"null\",\"N\"]}]}";
    struct shelf shelf;
    shelf_begin(&shelf, "avro", "a JSON; s VARCHAR", fixed);
    shelf.texts[0] =
        PS_BYTES("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":"
                 "\"array\",\"items\":\"null\"}},{\"name\":\"s\",\"type\":\"string\"}]}");
    shelf_expect_dead(&shelf, PS_BYTES("\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\0\0"), PS_REASON_SIZE, NULL,
                      "more values than a record of 12 bytes");
    shelf_expect_dead(&shelf, PS_BYTES("\0\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01xyz"), PS_REASON_SYNTAX,
                      NULL, "ends after");
    shelf_expect_dead(&shelf, PS_BYTES("\0\x01"), PS_REASON_SYNTAX, NULL, "not a value");
    shelf_expect_dead(&shelf, PS_BYTES("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"), PS_REASON_SYNTAX,
                      NULL, "not a value");
    shelf_expect_dead(&shelf, PS_BYTES("\0\2\xC3"), PS_REASON_ENCODING, NULL, "not UTF-8");
    shelf_end(&shelf);
    /* the same where nobody wants the values: a count costs no time either */
    shelf_begin(&shelf, "avro", "s VARCHAR", fixed);
    shelf.texts[0] =
        PS_BYTES("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":"
                 "\"array\",\"items\":\"null\"}},{\"name\":\"s\",\"type\":\"string\"}]}");
    shelf_expect_dead(&shelf, PS_BYTES("\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\0\0"), PS_REASON_SIZE, NULL,
                      "more values than a record of 12 bytes");
    shelf_end(&shelf);
    shelf_begin(&shelf, "avro", "n JSON", fixed);
    shelf.texts[0] = PS_BYTES(deep);
    char bytes[1024];
    for (size_t i = 0; i < sizeof bytes; i += 2) {
        bytes[i] = 2;
        bytes[i + 1] = 2;
    }
    shelf_expect_dead(&shelf, (struct ps_bytes){bytes, sizeof bytes}, PS_REASON_NESTING, NULL,
                      "nested deeper");
    bytes[7] = 0;
    shelf_expect_row(&shelf, (struct ps_bytes){bytes, 8},
                     "'{\"v\":1,\"n\":{\"v\":1,\"n\":{\"v\":1,\"n\":null}}}'");
    shelf_end(&shelf);
    /* a record that holds itself has no end */
    shelf_begin(&shelf, "avro", "a JSON", fixed);
    shelf.texts[0] =
        PS_BYTES("{\"type\":\"record\",\"name\":\"N\",\"fields\":[{\"name\":\"n\",\"type\":\"N\"}]}");
    shelf_expect_dead(&shelf, PS_BYTES("\0"), PS_REASON_NESTING, NULL, "nested deeper");
    shelf_end(&shelf);
}

static void schemas_that_are_none(void **state) {
    (void)state;
    static const struct {
        const char *schema, *text;
    } cases[] = {
        {"{", "it is not JSON"},
        {"7", "neither a name"},
        {"[]", "neither a name"},
        {"{\"type\":\"record\",\"name\":\"R\"}", "without fields"},
        {"{\"type\":\"record\",\"fields\":[]}", "without a name"},
        {"{\"type\":\"enum\",\"name\":\"E\"}", "without symbols"},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}", "without a size"},
        {"{\"type\":\"array\"}", "does not say of what"},
        {"[\"null\",[\"int\"]]", "a union directly in a union"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"Gone\"}]}",
         "no type Gone"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct shelf shelf;
        shelf_begin(&shelf, "avro", "a INTEGER; b INTEGER", fixed);
        shelf.texts[0] = ps_bytes_of(cases[i].schema);
        shelf_expect_dead(&shelf, PS_BYTES("\0"), PS_REASON_SCHEMA, NULL, cases[i].text);
        shelf_end(&shelf);
    }
}

static void memory_may_run_out(void **state) {
    (void)state;
    static struct writer writer;
    writer_begin(&writer, all_kinds);
    fill(&writer);
    const struct ps_bytes bytes = write_record(&writer, 3);
    bool is_done = false;
    for (int64_t call = 1; !is_done; call++) {
        struct shelf shelf;
        struct penstock_error error = {0};
        shelf_begin(&shelf, "avro", "i INTEGER; price DECIMAL(9,2); legs JSON; s JSON", with_registry);
        shelf.texts[3] = PS_BYTES(all_kinds);
        ps_memory_fail_at(call);
        const penstock_code code = shelf_try(&shelf, bytes, &error);
        ps_memory_fail_at(0);
        is_done = code == PENSTOCK_OK;
        assert_true(is_done || code == PENSTOCK_OUT_OF_MEMORY);
        assert_true(!is_done || shelf.decoding.batch->row_count == 1);
        assert_true(call < 1000);
        shelf_end(&shelf);
    }
    writer_end(&writer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value),   cmocka_unit_test(values_that_do_not_fit),
        cmocka_unit_test(records_that_are_cut),  cmocka_unit_test(ids_and_registries),
        cmocka_unit_test(names_and_aliases),     cmocka_unit_test(hostile_records),
        cmocka_unit_test(schemas_that_are_none), cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
