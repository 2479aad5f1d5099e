/* SPDX-License-Identifier: Apache-2.0
 *
 * json_plain_test.c - the short way for plain JSON records: which records it takes, and that it makes of them what the
 * parser makes of them.
 *
 * The second is a comparison of two decoders, of which one parses everything, over records that are made up: most of
 * them plain and of one shape, many with something that is not. What they are compared by has a test of its own.
 */
#include "decoding.h"

#include <stdlib.h>

#include "base/limits.h"
#include "data/codec_json.h"
#include "data/json_plain.h"

/* --- what is taken ------------------------------------------------------------------------------------------------ */

struct trial {
    struct decoding decoding;
    struct ps_names names;
    bool *is_json;
    struct ps_json_plain *plain;
};

static void trial_begin(struct trial *trial, const char *columns, bool keeps_unknown) {
    struct penstock_error error;
    decoding_begin(&trial->decoding, "json", columns, NULL);
    const struct ps_schema *schema = &trial->decoding.schema;
    assert_int_equal(ps_names_init(&trial->names, schema, &error), PENSTOCK_OK);
    trial->is_json = ps_arena_allocate(trial->decoding.arena, schema->column_count, sizeof(bool));
    for (size_t i = 0; i < schema->column_count; i++) {
        trial->is_json[i] = ps_text_equal_nocase(schema->columns[i].type_text, "JSON");
    }
    trial->plain = ps_json_plain_new(&trial->names, trial->is_json, keeps_unknown, 0);
    assert_non_null(trial->plain);
    assert_int_equal(ps_batch_new(schema, 0, &trial->decoding.batch, &error), PENSTOCK_OK);
}

static void trial_end(struct trial *trial) {
    ps_json_plain_free(trial->plain);
    ps_names_done(&trial->names);
    decoding_end(&trial->decoding);
}

/* From memory that ends where the record does; leaves nothing in the batch unless it is taken. */
static bool is_taken(struct trial *trial, struct ps_bytes raw) {
    struct ps_batch *batch = trial->decoding.batch;
    const int64_t row_count = batch->row_count;
    struct penstock_error error;
    bool is_it = false;
    char *copy = ps_arena_copy_size(trial->decoding.arena, raw.data, raw.size);
    const struct ps_record record = {.raw = {copy, raw.size}};
    bool had_nulls[64];
    for (size_t i = 0; i < batch->schema->column_count; i++) {
        had_nulls[i] = batch->columns[i].is_valid != NULL;
    }
    assert_int_equal(ps_json_plain_decode(trial->plain, batch, record, &is_it, &error), PENSTOCK_OK);
    assert_int_equal(batch->row_count, row_count + (is_it ? 1 : 0));
    assert_int_equal(batch->dead_letter_count, 0);
    for (size_t i = 0; i < batch->schema->column_count && !is_it; i++) {
        assert_int_equal(had_nulls[i], batch->columns[i].is_valid != NULL);
    }
    return is_it;
}

static const char all_columns[] =
    "b BOOLEAN; t TINYINT; s SMALLINT; i INTEGER; l BIGINT; f FLOAT; d DOUBLE; day DATE; at TIMESTAMP; v VARCHAR; "
    "m DECIMAL(18,3); j JSON";

static void plain_records_are_taken(void **state) {
    (void)state;
    static const struct {
        const char *record, *row;
    } cases[] = {
        {"{}", "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL"},
        {" \t{ \"i\" : 7 ,\n\"v\":\"\" } \r\n", "NULL|NULL|NULL|7|NULL|NULL|NULL|NULL|NULL|''|NULL|NULL"},
        {"{\"b\":true,\"t\":-128,\"s\":32767,\"i\":-2147483648,\"l\":-999999999999999999,\"f\":0.5,\"d\":-0.25}",
         "true|-128|32767|-2147483648|-999999999999999999|0.5|-0.25|NULL|NULL|NULL|NULL|NULL"},
        {"{\"day\":\"2013-01-01\",\"at\":\"2013-01-01T05:15:00Z\",\"m\":1.10,\"v\":12.50,\"j\":1}",
         "NULL|NULL|NULL|NULL|NULL|NULL|NULL|15706|1357017300000000|'12.50'|'1.10'|'1'"},
        {"{\"v\":true,\"m\":\"1.1\",\"j\":false,\"i\":null,\"x\":null,\"y\":\"z\",\"z\":-1.5e+300,\"\":true}",
         "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|'true'|'1.1'|'false'"},
        {"{\"i\":\"12\",\"d\":\" -4.25 \",\"b\":\"f\",\"T\":1.0}",
         "false|1|NULL|12|NULL|NULL|-4.25|NULL|NULL|NULL|NULL|NULL"},
        {"{\"l\":9223372036854775807,\"d\":1e2,\"i\":1E3}",
         "NULL|NULL|NULL|1000|9223372036854775807|NULL|100|NULL|NULL|NULL|NULL|NULL"},
        {"{\"b\":1.0}", "true|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL"},
        {"{\"b\":-0}", "false|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL"},
    };
    struct trial trial;
    trial_begin(&trial, all_columns, false);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0] * 2;
         i++) { /* the second time what is remembered is there */
        const size_t of = i % (sizeof cases / sizeof cases[0]);
        if (!is_taken(&trial, ps_bytes_of(cases[of].record))) {
            fail_msg("%s is not taken", cases[of].record);
        }
        assert_string_equal(decoding_row(&trial.decoding, (int64_t)i), cases[of].row);
    }
    trial_end(&trial);
}

/* Each for a reason of its own. */
static const char *const others[] = {
    /* texts and keys */
    "{\"v\":\"a\\n\"}",
    "{\"v\":\"\\u0041\"}",
    "{\"v\":\"\xC3\xA9\"}",
    "{\"v\":\"\x1F\"}",
    "{\"v\":\"a",
    "{\"v\":\"aaaaaaaaaaaaaaaa\\\"}",
    "{\"v\":\"aaaaaaaaaaaaa\xC3\xA9\"}",
    "{\"k\\u0041\":1}",
    "{\"\xC3\xA9\":1}",
    "{\"\x01\":1}",
    "{\"x\":\"\\\"\"}",
    "{v:1}",
    "{'v':1}",
    /* arrays, objects, other roots */
    "{\"x\":[]}",
    "{\"x\":{}}",
    "{\"v\":[1]}",
    "[]",
    "17",
    "\"v\"",
    "null",
    "",
    " ",
    "x",
    /* columns that come twice */
    "{\"i\":1,\"i\":1}",
    "{\"i\":1,\"I\":1}",
    "{\"i\":null,\"i\":null}",
    "{\"i\":null,\"i\":1}",
    "{\"I\":1,\"x\":0,\"i\":null}",
    /* values that a column does not take */
    "{\"i\":2147483648}",
    "{\"i\":1.5}",
    "{\"t\":128}",
    "{\"i\":true}",
    "{\"i\":\"\"}",
    "{\"i\":\"x\"}",
    "{\"at\":20130101}",
    "{\"day\":1}",
    "{\"day\":\"2013-02-29\"}",
    "{\"f\":1e39}",
    "{\"d\":1e400}",
    "{\"l\":9223372036854775808}",
    "{\"b\":2}",
    "{\"b\":01}",
    "{\"b\":1.5}",
    "{\"b\":\"x\"}",
    "{\"day\":true}",
    "{\"day\":\"2013-01-01x\"}",
    /* texts that keep their quotes */
    "{\"j\":\"x\"}",
    /* numbers that are none */
    "{\"d\":01}",
    "{\"d\":-}",
    "{\"d\":1.}",
    "{\"d\":.5}",
    "{\"d\":+1}",
    "{\"d\":-01}",
    "{\"d\":1e}",
    "{\"d\":1e+}",
    "{\"d\":0x1}",
    "{\"d\":NaN}",
    "{\"d\":Infinity}",
    "{\"d\":1.e1}",
    "{\"d\":1.2.3}",
    "{\"d\":--1}",
    "{\"d\":}",
    "{\"x\":01}",
    "{\"x\":-}",
    "{\"x\":1.}",
    "{\"x\":1e-}",
    "{\"x\":00.1}",
    "{\"x\":1a}",
    "{\"x\":-a}",
    /* words that are none */
    "{\"x\":tru}",
    "{\"x\":truE}",
    "{\"x\":fals}",
    "{\"x\":falsy}",
    "{\"x\":nul}",
    "{\"x\":nulL}",
    "{\"x\":True}",
    "{\"x\":truee}",
    "{\"x\":true1}",
    "{\"x\":nullnull}",
    /* marks */
    "{",
    "}",
    "{\"i\":1",
    "{\"i\":1,",
    "{\"i\":1,}",
    "{,}",
    "{,\"i\":1}",
    "{\"i\"1}",
    "{\"i\" 1}",
    "{\"i\"::1}",
    "{\"i\":1 \"v\":1}",
    "{\"i\":1,,\"v\":1}",
    "{\"i\":1;\"v\":1}",
    "{\"i\":1}}",
    "{\"i\":1} x",
    "{\"i\":1}{\"i\":1}",
    "{\"i\"}",
    "{\"i\":}",
    "{\"i",
    ",\"v\":1}",
    "{\"i\":1]",
    "\f{}",
    "{}\v",
    "{\"i\":\f1}",
};

static void others_are_left_to_the_parser(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct trial trial;
        trial_begin(&trial, all_columns, false);
        /* what stands between these values is remembered: not of it may follow that another record is plain */
        assert_true(is_taken(&trial, PS_BYTES("{\"i\":1,\"v\":\"x\",\"d\":1.5}")));
        if (is_taken(&trial, ps_bytes_of(others[i]))) {
            fail_msg("%s is taken", others[i]);
        }
        trial_end(&trial);
    }
    struct trial trial;
    trial_begin(&trial, "i INTEGER", false);
    assert_false(is_taken(&trial, (struct ps_bytes){"{\"i\":1}\0", 8}));
    assert_false(is_taken(&trial, (struct ps_bytes){"{\"i\":\0001}", 8}));
    assert_false(is_taken(&trial, (struct ps_bytes){"{\"\0\":1}", 7}));
    assert_false(is_taken(&trial, (struct ps_bytes){"{\"i\":\"1\0\"}", 10}));
    trial_end(&trial);
}

/* What is remembered of a key is its bytes: those that stand for others must not be. */
static void remembered_keys(void **state) {
    (void)state;
    struct trial trial;
    trial_begin(&trial, "a INTEGER; b INTEGER; c INTEGER; \"q INTEGER", false);
    assert_true(is_taken(&trial, PS_BYTES("{\"a\":1,\"b\":2,\"c\":3}")));
    assert_true(is_taken(&trial, PS_BYTES("{\"a\":4,\"c\":6}")));
    assert_true(is_taken(&trial, PS_BYTES("{\"b\":8}")));
    assert_true(is_taken(&trial, PS_BYTES("{\"c\":12,\"b\":11,\"a\":10}")));
    assert_true(is_taken(&trial, PS_BYTES("{\"a\":  13,\"b\": 14 ,\"c\":15}")));
    assert_true(is_taken(&trial, PS_BYTES("{\"a\":1,\"b2\":2,\"B\":17}")));
    assert_false(is_taken(&trial, PS_BYTES("{\"\\\"q\":1}")));
    assert_false(is_taken(&trial, PS_BYTES("{\"\"q\":1}")));
    assert_false(is_taken(&trial, PS_BYTES(",\"b\":1}")));
    assert_false(is_taken(&trial, PS_BYTES("{\"a\":1{\"a\":1}")));
    static const char *const rows[] = {"1|2|3|NULL",    "4|NULL|6|NULL", "NULL|8|NULL|NULL",
                                       "10|11|12|NULL", "13|14|15|NULL", "1|17|NULL|NULL"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_string_equal(decoding_row(&trial.decoding, (int64_t)i), rows[i]);
    }
    trial_end(&trial);
}

static void missing_and_unknown(void **state) {
    (void)state;
    struct trial trial;
    trial_begin(&trial, "a INTEGER NOT NULL; b VARCHAR", true);
    assert_true(is_taken(&trial, PS_BYTES("{\"a\":1,\"b\":\"x\"}")));
    assert_false(is_taken(&trial, PS_BYTES("{\"b\":\"x\"}")));
    assert_false(is_taken(&trial, PS_BYTES("{\"a\":null}")));
    assert_false(is_taken(&trial, PS_BYTES("{\"a\":1,\"x\":1}")));
    assert_false(is_taken(&trial, PS_BYTES("{\"x\":null,\"a\":1}")));
    /* no trace of what was not taken */
    assert_null(trial.decoding.batch->columns[1].is_valid);
    assert_false(is_taken(&trial, PS_BYTES("{\"b\":null,\"a\":\"x\"}")));
    assert_null(trial.decoding.batch->columns[1].is_valid);
    assert_true(is_taken(&trial, PS_BYTES("{\"a\":2,\"b\":null}")));
    assert_true(is_taken(&trial, PS_BYTES("{\"a\":3,\"b\":\"y\"}")));
    assert_string_equal(decoding_row(&trial.decoding, 1), "2|NULL");
    assert_string_equal(decoding_row(&trial.decoding, 2), "3|'y'");
    trial_end(&trial);
}

/* A source of records that are not plain is not looked at twice each, until they are again. */
static void misses_are_given_up(void **state) {
    (void)state;
    struct trial trial;
    trial_begin(&trial, "a INTEGER", false);
    for (int i = 0; i < 100; i++) {
        assert_false(is_taken(&trial, PS_BYTES("{\"a\":[]}")));
    }
    int count = 0;
    for (; !is_taken(&trial, PS_BYTES("{\"a\":1}")); count++) {
        assert_true(count < 64);
    }
    assert_true(count > 0);
    assert_true(is_taken(&trial, PS_BYTES("{\"a\":1}")));
    trial_end(&trial);
}

/* The largest record that is copied fills its memory to the last byte. */
static void records_of_the_largest_size(void **state) {
    (void)state;
    struct trial trial;
    trial_begin(&trial, "v VARCHAR", false);
    for (size_t size = 65535; size <= 65537; size++) {
        char *record = ps_arena_allocate(trial.decoding.arena, 1, size);
        memset(record, 'x', size);
        memcpy(record, "{\"v\":\"", 6);
        memcpy(record + size - 2, "\"}", 2);
        assert_int_equal(is_taken(&trial, (struct ps_bytes){record, size}), size <= 65536);
        record[size - 2] = 'x'; /* has no end */
        assert_false(is_taken(&trial, (struct ps_bytes){record, size}));
    }
    assert_int_equal(((struct ps_bytes *)trial.decoding.batch->columns[0].values)[1].size, 65536 - 8);
    trial_end(&trial);
}

/* As strtod() reads them, which is correctly rounded. */
static void numbers_at_the_borders(void **state) {
    (void)state;
    static const char *const cases[] = {
        "0",
        "-0",
        "0.0",
        "-0.0",
        "0.1",
        "0.2",
        "0.3",
        "1.005",
        "4999.999",
        "-20.00",
        "0.000001",
        "9007199254740991",
        "9007199254740992",
        "9007199254740993",
        "900719925474099.1",
        "900719925474099.2",
        "900719925474099.3",
        "9.007199254740993",
        "90071992.54740993",
        "0.9007199254740993",
        "0.30000000000000004",
        "0.1000000000000000055511151231257827",
        "123456789012345678",
        "999999999999999999",
        "1234567890123456789",
        "12345678901234567890",
        "123456789012345678901234567890",
        "0.000000000000000001",
        "0.0000000000000000001",
        "0.000000000000000000123",
        "12345678.12345678",
        "1234567.1234567",
        "123456789.123456789",
        "1.7976931348623157",
        "1e22",
        "1e23",
        "1e-22",
        "1e-23",
        "5e-324",
        "2.2250738585072011e-308",
        "1.7976931348623157e308",
        "1E5",
        "1e+05",
        "8.41",
        "8.5e0",
        "0e5",
        "-0e5",
        "7205759403792793.5",
        "4503599627370496.5",
        "4503599627370497.5",
        "0.5",
        "1.5",
    };
    struct trial trial;
    trial_begin(&trial, "d DOUBLE; f FLOAT", false);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char record[120];
        snprintf(record, sizeof record, "{\"d\":%s%s}", cases[i], i % 2 == 0 ? "" : ",\"x\":1");
        if (!is_taken(&trial, ps_bytes_of(record))) {
            fail_msg("%s is not taken", record);
        }
        /* an integer is read as one: -0 is 0 */
        const double expected = strcmp(cases[i], "-0") == 0 ? 0 : strtod(cases[i], NULL);
        if (memcmp(&expected, (double *)trial.decoding.batch->columns[0].values + i, sizeof expected) != 0) {
            fail_msg("%s", cases[i]);
        }
    }
    for (int64_t scale = 1; scale < INT64_C(1000000000000000000); scale *= 10) { /* every place of the dot */
        char record[120];
        const int64_t row = trial.decoding.batch->row_count;
        snprintf(record, sizeof record, "{\"d\":%lld.%lld}", (long long)(INT64_C(123456789123456789) / scale),
                 (long long)scale + 7);
        assert_true(is_taken(&trial, ps_bytes_of(record)));
        const double expected = strtod(record + 5, NULL);
        assert_memory_equal(&expected, (double *)trial.decoding.batch->columns[0].values + row,
                            sizeof expected);
    }
    trial_end(&trial);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_records_are_taken),
        cmocka_unit_test(others_are_left_to_the_parser),
        cmocka_unit_test(remembered_keys),
        cmocka_unit_test(missing_and_unknown),
        cmocka_unit_test(misses_are_given_up),
        cmocka_unit_test(numbers_at_the_borders),
        cmocka_unit_test(records_of_the_largest_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
