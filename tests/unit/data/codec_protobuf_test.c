/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_protobuf_test.c - messages that Google's implementation wrote (the compiler's --encode, from its text
 * format), with descriptors that it made; and bytes that nobody would write.
 */
#include <stdlib.h>

#include "shelf.h"

#define PROGRAM "protoc-c"
#define BYTES_MAX ((size_t)1 << 20)

/* What the compiler prints, into the arena. */
static struct ps_bytes run(struct ps_arena *arena, const char *arguments, const char *input) {
    const char *root = getenv("PENSTOCK_SOURCE_ROOT");
    const char *command = ps_arena_printf(
        arena, "cd '%s/tests/unit/data/protobuf' && printf '%%s' '%s' | " PROGRAM " --proto_path=. %s",
        root == NULL ? "." : root, input, arguments);
    FILE *pipe = popen(command, "r");
    char *data = ps_arena_allocate(arena, BYTES_MAX, 1);
    assert_true(pipe != NULL && data != NULL);
    const size_t size = fread(data, 1, BYTES_MAX, pipe);
    if (pclose(pipe) != 0 || size == BYTES_MAX) {
        fail_msg("%s", command);
    }
    return (struct ps_bytes){data, size};
}

static struct ps_bytes encode(struct shelf *shelf, const char *message, const char *text) {
    const char *file = strstr(message, "v0") != NULL ? "old.proto" : "trips.proto";
    return run(shelf->decoding.arena, ps_arena_printf(shelf->decoding.arena, "--encode=%s %s", message, file),
               text);
}

/* By descriptor file. */
static void begin_fixed(struct shelf *shelf, const char *columns, const char *message) {
    const char *options[] = {"descriptor.file=x", NULL, NULL};
    char option[64];
    snprintf(option, sizeof option, "message=%s", message);
    options[1] = option;
    shelf_begin(shelf, "protobuf", columns, options);
    shelf->texts[0] = run(shelf->decoding.arena,
                          "--include_imports --descriptor_set_out=/dev/stdout trips.proto old.proto", "");
}

/* By registry: descriptors without what they import, and the message in each record. */
static void begin_registry(struct shelf *shelf, const char *columns) {
    static const char *const options[] = {"schema.registry=http://schemas", NULL};
    shelf_begin(shelf, "protobuf", columns, options);
    const struct ps_bytes set =
        run(shelf->decoding.arena, "--descriptor_set_out=/dev/stdout trips.proto", "");
    struct file_head { /* a set of one file: a tag, a length of two bytes, the file */
        unsigned char tag, low, high;
    } head;
    memcpy(&head, set.data, sizeof head);
    assert_true(head.tag == 0x0A && head.low >= 0x80 && head.high < 0x80);
    shelf->texts[1] = (struct ps_bytes){set.data + 3, set.size - 3};
}

static const char scalars[] =
    "d: -2.5 f: 0.1 l: -9223372036854775808 ul: 18446744073709551615 i: -1 fl: 7 fi: 4294967295 b: true s: \"\\303\\251\" "
    "raw: \"\\001\\377\" ui: 4294967295 kind: KIND_NIGHT sfi: -3 sfl: -4 si: -2147483648 sl: -6 maybe: 0";

static void scalar_fields(void **state) {
    (void)state;
    struct shelf shelf;
    begin_fixed(
        &shelf,
        "d DOUBLE; f FLOAT; l BIGINT; ul DOUBLE; i INTEGER; fl BIGINT; fi BIGINT; b BOOLEAN; s VARCHAR; raw BLOB; "
        "ui BIGINT; kind VARCHAR; sfi SMALLINT; sfl BIGINT; si INTEGER; sl BIGINT; maybe INTEGER; gone DATE",
        "trips.v1.Trip");
    shelf_expect_row(
        &shelf, encode(&shelf, "trips.v1.Trip", scalars),
        "-2.5|0.100000001|-9223372036854775808|1.8446744073709552e+19|-1|7|4294967295|true|'\xC3\xA9'|"
        "'\x01\xFF'|4294967295|'KIND_NIGHT'|-3|-4|-2147483648|-6|0|NULL");
    /* absent: the zero of its type, but for the one that says when it is */
    shelf_expect_row(&shelf, PS_BYTES(""), "0|0|0|0|0|0|0|false|''|''|0|'KIND_NONE'|0|0|0|0|NULL|NULL");
    shelf_end(&shelf);
    /* as texts */
    begin_fixed(&shelf,
                "ul DECIMAL(20,0); f VARCHAR; kind INTEGER; raw JSON; b VARCHAR; s JSON; l VARCHAR; i JSON",
                "trips.v1.Trip");
    shelf_expect_row(
        &shelf, encode(&shelf, "trips.v1.Trip", scalars),
        "'18446744073709551615'|'0.1'|-2|'\"Af8=\"'|'true'|'\"\xC3\xA9\"'|'-9223372036854775808'|'-1'");
    shelf_end(&shelf);
}

static void nested_and_repeated_fields(void **state) {
    (void)state;
    struct shelf shelf;
    begin_fixed(
        &shelf,
        "packed JSON; loose VARCHAR; words JSON; counts JSON; legs JSON; first_leg JSON; more_legs JSON; shares "
        "JSON; firstleg JSON",
        "trips.v1.Trip");
    shelf_expect_row(
        &shelf,
        encode(
            &shelf, "trips.v1.Trip",
            "packed: [1, -2, 3] loose: [4, 5] words: [\"a\", \"b\\\"c\"] counts { key: \"x\" value: 1 } counts { key: "
            "\"y\" } legs { key: -1 value { from: \"EWR\" } } first_leg { from: \"JFK\" kind: KIND_DAY minutes: 0 parts "
            "{ from: \"p\" } parts { } } more_legs { } more_legs { kind: KIND_NIGHT } shares: [0.5, 1e300]"),
        "'[1,-2,3]'|'[4,5]'|'[\"a\",\"b\\\"c\"]'|'{\"x\":1,\"y\":0}'|'{\"-1\":{\"from\":\"EWR\",\"kind\":\"KIND_NONE\","
        "\"parts\":[]}}'|'{\"from\":\"JFK\",\"kind\":\"KIND_DAY\",\"minutes\":0,\"parts\":[{\"from\":\"p\",\"kind\":\"KIND_"
        "NONE\",\"parts\":[]},{\"from\":\"\",\"kind\":\"KIND_NONE\",\"parts\":[]}]}'|'[{\"from\":\"\",\"kind\":\"KIND_NONE\","
        "\"parts\":[]},{\"from\":\"\",\"kind\":\"KIND_NIGHT\",\"parts\":[]}]'|'[0.5,1e300]'|NULL");
    shelf_expect_row(&shelf, PS_BYTES(""), "'[]'|'[]'|'[]'|'{}'|'{}'|NULL|'[]'|'[]'|NULL");
    /* pieces in any order, as bytes put one behind the other are: lists go on, messages are merged, scalars replaced */
    struct ps_bytes first =
        encode(&shelf, "trips.v1.Trip", "packed: [1] first_leg { from: \"a\" minutes: 5 } words: [\"x\"]");
    struct ps_bytes second =
        encode(&shelf, "trips.v1.Trip", "words: [\"y\"] first_leg { from: \"b\" } packed: [2, 3]");
    char both[512];
    memcpy(both, first.data, first.size);
    memcpy(both + first.size, second.data, second.size);
    shelf_expect_row(
        &shelf, (struct ps_bytes){both, first.size + second.size},
        "'[1,2,3]'|'[]'|'[\"x\",\"y\"]'|'{}'|'{}'|'{\"from\":\"b\",\"kind\":\"KIND_NONE\",\"minutes\":5,"
        "\"parts\":[]}'|'[]'|'[]'|NULL");
    shelf_end(&shelf);
}

static void choices_and_known_messages(void **state) {
    (void)state;
    struct shelf shelf;
    begin_fixed(
        &shelf,
        "by_name VARCHAR; by_number BIGINT; at TIMESTAMP; took VARCHAR; wrapped BIGINT; title VARCHAR; by_leg JSON",
        "trips.v1.Trip");
    shelf_expect_row(
        &shelf,
        encode(
            &shelf, "trips.v1.Trip",
            "by_name: \"n\" at { seconds: -1 nanos: 999999999 } took { seconds: 1 nanos: 5 } wrapped { value: "
            "7 } title { value: \"t\" }"),
        "'n'|NULL|-1|'1.000000005s'|7|'t'|NULL");
    shelf_expect_row(&shelf, encode(&shelf, "trips.v1.Trip", "by_number: 0 wrapped { } title { }"),
                     "NULL|0|NULL|NULL|0|''|NULL");
    struct ps_bytes first = encode(&shelf, "trips.v1.Trip", "by_name: \"n\"");
    struct ps_bytes second = encode(&shelf, "trips.v1.Trip", "by_leg { }");
    char both[64];
    memcpy(both, first.data, first.size);
    memcpy(both + first.size, second.data, second.size);
    shelf_expect_row(&shelf, (struct ps_bytes){both, first.size + second.size},
                     "NULL|NULL|NULL|NULL|NULL|NULL|'{\"from\":\"\",\"kind\":\"KIND_NONE\",\"parts\":[]}'");
    shelf_end(&shelf);
    begin_fixed(&shelf, "at VARCHAR; wrapped VARCHAR; took JSON", "trips.v1.Trip");
    shelf_expect_row(&shelf,
                     encode(&shelf, "trips.v1.Trip",
                            "at { seconds: 1700000000 } wrapped { value: 7 } took { seconds: -2 }"),
                     "'2023-11-14T22:13:20Z'|'7'|'\"-2s\"'");
    shelf_end(&shelf);
}

static void the_older_language(void **state) {
    (void)state;
    struct shelf shelf;
    begin_fixed(&shelf, "id BIGINT; name VARCHAR; gates JSON; note JSON", "trips.v0.Stop");
    shelf_expect_row(
        &shelf,
        encode(&shelf, "trips.v0.Stop", "id: 1 Note { text: \"a\" } Note { text: \"b\" } gates: [1, 2]"),
        "1|NULL|'[1,2]'|NULL");
    shelf_end(&shelf);
    begin_fixed(&shelf, "s VARCHAR", "trips.v1.Old"); /* what it does not have is passed over */
    shelf_expect_row(&shelf, encode(&shelf, "trips.v1.Trip", scalars), "'\xC3\xA9'");
    shelf_end(&shelf);
}

static void values_that_do_not_fit(void **state) {
    (void)state;
    static const struct {
        const char *columns, *column, *text;
        enum ps_reason reason;
    } cases[] = {
        {"fi INTEGER", "fi", "column fi: the number 4294967295 is out of range for INTEGER", PS_REASON_RANGE},
        {"ul BIGINT", "ul", "the number 18446744073709551615 is out of range for BIGINT", PS_REASON_RANGE},
        {"i BOOLEAN", "i", "found the number -1, expected BOOLEAN", PS_REASON_TYPE},
        {"b INTEGER", "b", "found the boolean true, expected INTEGER", PS_REASON_TYPE},
        {"s INTEGER", "s", "found the text '\xC3\xA9', expected INTEGER", PS_REASON_TYPE},
        {"raw VARCHAR", NULL, "field raw: a text that is not UTF-8", PS_REASON_ENCODING},
        {"raw DATE", "raw", "found the bytes Af8=, expected DATE", PS_REASON_TYPE},
        {"packed INTEGER", "packed", "found a list", PS_REASON_TYPE},
        {"maybe TINYINT NOT NULL; at TIMESTAMP NOT NULL", "at", "column at: found nothing", PS_REASON_NULL},
        {"kind TIMESTAMP", "kind", "found the enum KIND_NIGHT, expected TIMESTAMP", PS_REASON_TYPE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct shelf shelf;
        begin_fixed(&shelf, cases[i].columns, "trips.v1.Trip");
        const struct ps_bytes bytes = encode(&shelf, "trips.v1.Trip", scalars);
        shelf_expect_dead(&shelf, bytes, cases[i].reason, cases[i].column, cases[i].text);
        shelf_end(&shelf);
    }
}

static struct ps_bytes with_header(struct shelf *shelf, const char *header, size_t size,
                                   struct ps_bytes message) {
    char *bytes = ps_arena_allocate(shelf->decoding.arena, size + message.size + 1, 1);
    memcpy(bytes, header, size);
    memcpy(bytes + size, message.data, message.size);
    return (struct ps_bytes){bytes, size + message.size};
}

static void headers_of_a_registry(void **state) {
    (void)state;
    struct shelf shelf;
    begin_registry(&shelf, "id BIGINT; from VARCHAR; s VARCHAR; at TIMESTAMP");
    /* 0: the first message, Leg; [1]: Trip; [1, 0, 0]: Trip.Inner.Innermost */
    shelf_expect_row(&shelf,
                     with_header(&shelf, "\0\0\0\0\1\0", 6, encode(&shelf, "trips.v1.Leg", "from: \"EWR\"")),
                     "NULL|'EWR'|NULL|NULL");
    shelf_expect_row(&shelf,
                     with_header(&shelf, "\0\0\0\0\1\2\2", 7,
                                 encode(&shelf, "trips.v1.Trip", "s: \"x\" at { seconds: 1 }")),
                     "NULL|NULL|'x'|1000000");
    shelf_expect_row(&shelf,
                     with_header(&shelf, "\0\0\0\0\1\6\2\0\0", 9,
                                 encode(&shelf, "trips.v1.Trip.Inner.Innermost", "id: 5")),
                     "5|NULL|NULL|NULL");
    shelf_expect_dead(&shelf, PS_BYTES("\0\0\0\0\1\2\10"), PS_REASON_SCHEMA, NULL,
                      "no message of the indexes");
    shelf_expect_dead(&shelf, PS_BYTES("\0\0\0\0\1\1"), PS_REASON_SCHEMA, NULL, "no message of the indexes");
    shelf_expect_dead(&shelf, PS_BYTES("\0\0\0\0\1"), PS_REASON_SCHEMA, NULL, "no message of the indexes");
    shelf_expect_dead(&shelf, PS_BYTES("\0\0\0\0\7\0"), PS_REASON_SCHEMA, NULL, "no schema of id 7");
    assert_int_equal(shelf.fetch_count, 2);
    shelf_end(&shelf);
}

static void bytes_that_are_no_message(void **state) {
    (void)state;
    struct shelf shelf;
    begin_fixed(&shelf, "s VARCHAR; packed JSON; first_leg JSON; counts JSON; at TIMESTAMP", "trips.v1.Trip");
    const struct ps_bytes whole =
        encode(&shelf, "trips.v1.Trip",
               "s: \"abc\" packed: [1, 300] first_leg { parts { from: \"x\" } } at { seconds: 5 }");
    for (size_t size = 0; size < whole.size;
         size++) { /* a beginning is a message or a dead letter, never a crash */
        struct penstock_error error;
        assert_int_equal(shelf_try(&shelf, (struct ps_bytes){whole.data, size}, &error), PENSTOCK_OK);
        assert_int_equal(shelf.decoding.batch->record_count, 1);
    }
    shelf_expect_dead(&shelf, PS_BYTES("\x4A\x05xyz"), PS_REASON_SYNTAX, NULL, "end within a value");
    shelf_expect_dead(&shelf, PS_BYTES("\x4A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"), PS_REASON_SYNTAX,
                      NULL, "end within a value");
    shelf_expect_dead(&shelf, PS_BYTES("\x07"), PS_REASON_SYNTAX, NULL, "not a Protobuf message");
    shelf_expect_dead(&shelf, PS_BYTES("\0\0"), PS_REASON_SYNTAX, NULL, "not a Protobuf message");
    shelf_expect_dead(&shelf, PS_BYTES("\x4A\1\xFF"), PS_REASON_ENCODING, NULL,
                      "field s: a text that is not UTF-8");
    shelf_expect_dead(&shelf, PS_BYTES("\x92\1\1\xFF"), PS_REASON_SYNTAX, NULL, "field packed");
    shelf_expect_dead(&shelf, PS_BYTES("\xBA\1\2\x0A\5"), PS_REASON_SYNTAX, NULL, "field first_leg");
    shelf_expect_dead(&shelf, PS_BYTES("\xAA\1\2\x0A\5"), PS_REASON_SYNTAX, NULL, "field counts");
    shelf_expect_dead(&shelf, PS_BYTES("\xE3\1\xE4\1\x4C"), PS_REASON_SYNTAX, NULL, "not a Protobuf message");
    shelf_expect_row(&shelf, PS_BYTES("\xE3\3\x0B\x0C\xE4\3\x4A\1x"), "'x'|'[]'|NULL|'{}'|NULL");
    shelf_expect_row(&shelf, PS_BYTES("\x48\1\x4A\1x"),
                     "'x'|'[]'|NULL|'{}'|NULL"); /* of another wire type: unknown */
    char deep[1024];
    size_t size = 0;
    for (size_t at = sizeof deep; at > 600;) { /* Leg.parts in Leg.parts, from the inside */
        const size_t inside = sizeof deep - at;
        deep[--at] = (char)(inside >= 0x80 ? inside >> 7 : inside);
        if (inside >= 0x80) {
            deep[--at] = (char)((inside & 0x7F) | 0x80);
        }
        deep[--at] = 0x22;
        size = sizeof deep - at;
    }
    char *bytes = ps_arena_allocate(shelf.decoding.arena, size + 4, 1);
    memcpy(bytes, "\xBA\x01", 2);
    bytes[2] = (char)((size & 0x7F) | 0x80);
    bytes[3] = (char)(size >> 7);
    memcpy(bytes + 4, deep + sizeof deep - size, size);
    shelf_expect_dead(&shelf, (struct ps_bytes){bytes, size + 4}, PS_REASON_NESTING, NULL, "nested deeper");
    shelf_end(&shelf);
}

static void descriptors_that_are_none(void **state) {
    (void)state;
    struct shelf shelf;
    begin_fixed(&shelf, "s VARCHAR", "trips.v1.Gone");
    shelf_expect_dead(&shelf, PS_BYTES(""), PS_REASON_SCHEMA, NULL,
                      "the schema: it has no message 'trips.v1.Gone'");
    shelf_end(&shelf);
    begin_fixed(&shelf, "s VARCHAR", "trips.v1.Trip");
    const struct ps_bytes whole = shelf.texts[0];
    shelf_end(&shelf);
    for (size_t size = 0; size < 400; size += 7) {
        struct penstock_error error;
        begin_fixed(&shelf, "s VARCHAR", "trips.v1.Trip");
        assert_true(shelf.texts[0].size == whole.size);
        shelf.texts[0].size = size;
        assert_int_equal(shelf_try(&shelf, PS_BYTES(""), &error), PENSTOCK_OK);
        assert_int_equal(shelf.decoding.batch->dead_letter_count, 1);
        shelf_end(&shelf);
    }
}

static void memory_may_run_out(void **state) {
    (void)state;
    bool is_done = false;
    for (int64_t call = 1; !is_done; call++) {
        struct shelf shelf;
        struct penstock_error error = {0};
        begin_fixed(&shelf, "s VARCHAR; counts JSON; more_legs JSON", "trips.v1.Trip");
        const struct ps_bytes bytes = encode(
            &shelf, "trips.v1.Trip", "s: \"abc\" counts { key: \"x\" } more_legs { parts { } } by_number: 3");
        ps_memory_fail_at(call);
        const penstock_code code = shelf_try(&shelf, bytes, &error);
        ps_memory_fail_at(0);
        is_done = code == PENSTOCK_OK;
        assert_true(is_done || code == PENSTOCK_OUT_OF_MEMORY);
        assert_true(!is_done || shelf.decoding.batch->row_count == 1);
        assert_true(call < 1000);
        shelf_end(&shelf);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalar_fields),
        cmocka_unit_test(nested_and_repeated_fields),
        cmocka_unit_test(choices_and_known_messages),
        cmocka_unit_test(the_older_language),
        cmocka_unit_test(values_that_do_not_fit),
        cmocka_unit_test(headers_of_a_registry),
        cmocka_unit_test(bytes_that_are_no_message),
        cmocka_unit_test(descriptors_that_are_none),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
