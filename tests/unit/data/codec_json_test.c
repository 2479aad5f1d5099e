/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_json_test.c - every kind of value into every kind of column, and every reason for a dead letter.
 */
#include "decoding.h"

#include "base/limits.h"
#include "data/codec_json.h"

static const char columns[] =
    "b BOOLEAN; t TINYINT; i INTEGER; l BIGINT; f FLOAT; d DOUBLE; day DATE; at TIMESTAMP; v VARCHAR";

static void values_of_their_own_type(void **state) {
    (void)state;
    struct decoding decoding;
    decoding_begin(&decoding, "json", columns, NULL);
    expect_row(
        &decoding, "",
        "{\"b\":true,\"t\":-128,\"i\":2147483647,\"l\":-9223372036854775808,\"f\":1.5,\"d\":0.1,\"day\":\"2013-01-01\","
        "\"at\":\"2013-01-01T05:15:00Z\",\"v\":\"EWR\"}\n",
        "true|-128|2147483647|-9223372036854775808|1.5|0.10000000000000001|15706|1357017300000000|'EWR'");
    /* the text is a view into the record */
    const struct ps_bytes text = ((struct ps_bytes *)decoding.batch->columns[8].values)[0];
    assert_true(text.data >= decoding.batch->records[0].raw.data &&
                text.data < decoding.batch->records[0].raw.data + decoding.batch->records[0].raw.size);
    expect_row(&decoding, "", "{}", "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL");
    expect_row(&decoding, "", "{\"i\":null,\"v\":null,\"d\":7,\"unknown\":{\"a\":[1,2]}}",
               "NULL|NULL|NULL|NULL|NULL|7|NULL|NULL|NULL");
    decoding_end(&decoding);
}

static void values_that_are_converted(void **state) {
    (void)state;
    struct decoding decoding;
    decoding_begin(&decoding, "json", columns, NULL);
    expect_row(
        &decoding, "",
        "{\"b\":\"false\",\"t\":1.0,\"i\":\"12\",\"l\":1e3,\"f\":\"1e2\",\"d\":\" -4.25 \",\"day\":\"2000-02-29\","
        "\"at\":\"1970-01-01 00:00:01.5+01:00\",\"v\":12.50}\n",
        "false|1|12|1000|100|-4.25|11016|-3598500000|'12.50'");
    expect_row(&decoding, "", "{\"b\":0,\"at\":\"1969-12-31\",\"v\":true}",
               "false|NULL|NULL|NULL|NULL|NULL|NULL|-86400000000|'true'");
    expect_row(&decoding, "", "{\"b\":1,\"at\":\"2013-01-01 05:15\",\"v\":{\"a\":[1.10,\"x\"]}}",
               "true|NULL|NULL|NULL|NULL|NULL|NULL|1357017300000000|'{\"a\":[1.10,\"x\"]}'");
    expect_row(&decoding, "", "{\"v\":\"a\\n\\u00e9\\\"\"}",
               "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|'a\n\xC3\xA9\"'");
    expect_row(&decoding, "", "{\"v\":\"\xC3\xA9t\xC3\xA9\"}",
               "NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|'\xC3\xA9t\xC3\xA9'");
    expect_row(&decoding, "", "{\"d\":123456789012345678901234567890}",
               "NULL|NULL|NULL|NULL|NULL|1.2345678901234568e+29|NULL|NULL|NULL");
    expect_row(&decoding, "", "{\"d\":\".5\",\"unused\":1e999}",
               "NULL|NULL|NULL|NULL|NULL|0.5|NULL|NULL|NULL");
    decoding_end(&decoding);
}

static void values_of_another_type(void **state) {
    (void)state;
    static const struct {
        const char *data, *column, *text;
    } cases[] = {
        {"{\"i\":\"abc\"}", "i", "column i: found the text 'abc', expected INTEGER"},
        {"{\"i\":\"\"}", "i", "found the text '', expected INTEGER"},
        {"{\"i\":1.5}", "i", "found the number 1.5, expected INTEGER"},
        {"{\"i\":\"1.5\"}", "i", "expected INTEGER"},
        {"{\"i\":true}", "i", "found the boolean true, expected INTEGER"},
        {"{\"i\":[1]}", "i", "found an array"},
        {"{\"d\":{}}", "d", "found an object"},
        {"{\"d\":\"nan\"}", "d", "expected DOUBLE"},
        {"{\"d\":\"1e\"}", "d", "expected DOUBLE"},
        {"{\"d\":\"0x10\"}", "d", "expected DOUBLE"},
        {"{\"b\":2}", "b", "expected BOOLEAN"},
        {"{\"b\":\"maybe\"}", "b", "expected BOOLEAN"},
        {"{\"at\":1357017300}", "at", "found the number 1357017300, expected TIMESTAMP"},
        {"{\"at\":\"2013-01-01T05\"}", "at", "expected TIMESTAMP"},
        {"{\"at\":\"2013-01-01 05:15:00 UTC\"}", "at", "expected TIMESTAMP"},
        {"{\"at\":\"01/02/2013\"}", "at", "expected TIMESTAMP"},
        {"{\"day\":\"2013-1-1\"}", "day", "expected DATE"},
        {"{\"day\":\"2013-01-01T00:00:00\"}", "day", "expected DATE"},
        {"{\"day\":20130101}", "day", "expected DATE"},
    };
    struct decoding decoding;
    decoding_begin(&decoding, "json", columns, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expect_dead(&decoding, "", cases[i].data, PS_REASON_TYPE, cases[i].column, cases[i].text);
    }
    decoding_end(&decoding);
}

static void values_out_of_range(void **state) {
    (void)state;
    static const char *const cases[] = {
        "{\"t\":128}",
        "{\"t\":\"-129\"}",
        "{\"i\":2147483648}",
        "{\"i\":1e10}",
        "{\"l\":9223372036854775808}",
        "{\"l\":\"9223372036854775808\"}",
        "{\"l\":99999999999999999999999}",
        "{\"f\":1e39}",
        "{\"d\":1e999}",
        "{\"d\":\"1e999\"}",
        "{\"day\":\"2013-02-29\"}",
        "{\"day\":\"2013-13-01\"}",
        "{\"at\":\"2013-01-01T24:00:00\"}",
        "{\"at\":\"2013-01-01T23:60\"}",
    };
    struct decoding decoding;
    decoding_begin(&decoding, "json", columns, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        decoding_run(&decoding, "", cases[i]);
        if (decoding.batch->dead_letter_count != 1 ||
            decoding.batch->dead_letters[0].reason != PS_REASON_RANGE) {
            fail_msg("%s is not out of range", cases[i]);
        }
    }
    expect_dead(&decoding, "", "{\"t\":128}", PS_REASON_RANGE, "t",
                "the number 128 is out of range for TINYINT");
    expect_row(&decoding, "", "{\"l\":9223372036854775807,\"i\":-2147483648,\"t\":127}",
               "NULL|127|-2147483648|9223372036854775807|NULL|NULL|NULL|NULL|NULL");
    decoding_end(&decoding);
}

static void records_that_are_not_json(void **state) {
    (void)state;
    struct decoding decoding;
    decoding_begin(&decoding, "json", columns, NULL);
    expect_dead(&decoding, "", "{\"i\":1", PS_REASON_SYNTAX, NULL, "byte 6 of the record: not JSON");
    expect_dead(&decoding, "", "{\"d\":NaN}", PS_REASON_SYNTAX, NULL, "not JSON");
    expect_dead(&decoding, "", "{\"d\":-Infinity}", PS_REASON_SYNTAX, NULL, "not JSON");
    expect_dead(&decoding, "", "{\"i\":1,}", PS_REASON_SYNTAX, NULL, "not JSON");
    expect_dead(&decoding, "", "{\"i\":1} {\"i\":2}", PS_REASON_SYNTAX, NULL, "not JSON");
    expect_dead(&decoding, "", "[1,2]", PS_REASON_SYNTAX, NULL, "found an array, expected one JSON object");
    expect_dead(&decoding, "", "17", PS_REASON_SYNTAX, NULL, "number, expected one JSON object");
    expect_dead(&decoding, "", "{\"v\":\"\xC3(\"}", PS_REASON_ENCODING, NULL,
                "byte 6 of the record (0xC3) is not UTF-8");
    expect_dead(&decoding, "", "{\"v\":\"\\ud800\"}", PS_REASON_SYNTAX, NULL, "not JSON");
    decoding_end(&decoding);
}

static void deep_records(void **state) {
    (void)state;
    struct decoding decoding;
    char data[4096];
    decoding_begin(&decoding, "json", "v VARCHAR", NULL);
    for (int depth = 126; depth <= 1000; depth += depth == 126 ? 1 : 873) {
        char *at = data + sprintf(data, "{\"v\":");
        memset(at, '[', (size_t)depth);
        memset(at + depth, ']', (size_t)depth);
        strcpy(at + 2 * depth, "}");
        if (depth + 1 <= PS_LIMIT_JSON_DEPTH) {
            decoding_run(&decoding, "", data);
            assert_int_equal(decoding.batch->row_count, 1);
        } else {
            expect_dead(&decoding, "", data, PS_REASON_NESTING, NULL, "deeper than 128 levels");
        }
    }
    /* brackets inside texts do not count */
    char *at = data + sprintf(data, "{\"v\":\"\\\"");
    memset(at, '[', 500);
    strcpy(at + 500, "\"}");
    decoding_run(&decoding, "", data);
    assert_int_equal(decoding.batch->row_count, 1);
    decoding_end(&decoding);
}

static void keys_and_columns(void **state) {
    (void)state;
    struct decoding decoding;
    decoding_begin(&decoding, "json", "Origin VARCHAR; n INTEGER NOT NULL", NULL);
    expect_row(&decoding, "", "{\"ORIGIN\":\"a\",\"N\":1}", "'a'|1");
    expect_row(&decoding, "", "{\"Origin\":\"a\",\"origin\":\"b\",\"n\":1}", "'a'|1");
    expect_row(&decoding, "", "{\"origin\":\"b\",\"Origin\":\"a\",\"n\":1}", "'a'|1");
    expect_row(&decoding, "", "{\"n\":1,\"n\":2,\"or\\u0069gin\":\"x\"}", "'x'|2");
    expect_dead(&decoding, "", "{\"Origin\":\"a\"}", PS_REASON_NULL, "n",
                "column n: found nothing, expected INTEGER NOT NULL");
    expect_dead(&decoding, "", "{\"n\":null}", PS_REASON_NULL, "n", "found null");
    /* other orders, more and fewer keys than the record before */
    decoding_run(&decoding, "",
                 "{\"Origin\":\"a\",\"x\":0,\"n\":1}\n{\"n\":2,\"Origin\":\"b\"}\r\n\n  \n"
                 "{\"x\":0,\"y\":0,\"n\":3,\"Origin\":\"c\"}\n"
                 "{\"n\":\"bad\"}\n{\"Origin\":\"d\",\"x\":0,\"n\":4}");
    assert_int_equal(decoding.batch->row_count, 4);
    assert_int_equal(decoding.batch->dead_letter_count, 1);
    assert_string_equal(decoding_row(&decoding, 0), "'a'|1");
    assert_string_equal(decoding_row(&decoding, 1), "'b'|2");
    assert_string_equal(decoding_row(&decoding, 2), "'c'|3");
    assert_string_equal(decoding_row(&decoding, 3), "'d'|4");
    assert_int_equal(decoding.batch->records[1].offset, 27);
    decoding_end(&decoding);
}

static void digits_are_kept_where_they_matter(void **state) {
    (void)state;
    struct decoding decoding;
    decoding_begin(&decoding, "json", "m DECIMAL(38,10); d DOUBLE; i INTEGER; j JSON; l INTEGER[]; b BOOLEAN",
                   NULL);
    expect_row(
        &decoding, "",
        "{\"m\":1234567890123456789012345678.1234567890,\"d\":0.1,\"i\":7,\"j\":\"text\",\"l\":[1, 2, 3.0],\"b\":1}",
        "'1234567890123456789012345678.1234567890'|0.10000000000000001|7|'\"text\"'|'[1,2,3.0]'|true");
    expect_dead(&decoding, "", "{\"i\":3000000000}", PS_REASON_RANGE, "i",
                "the number 3000000000 is out of range");
    expect_dead(&decoding, "", "{\"i\":2.5}", PS_REASON_TYPE, "i", "found the number 2.5");
    decoding_end(&decoding);
    /* and make no other value of others, which were parsed without them before */
    decoding_begin(&decoding, "json", "b BOOLEAN; v VARCHAR", NULL);
    decoding_run(&decoding, "", "{\"b\":1.0}\n{\"v\":1.10,\"x\":[]}\n{\"b\":1.0}\n{\"b\":-0}\n{\"b\":1e400}");
    assert_int_equal(decoding.batch->row_count, 4);
    assert_string_equal(decoding_row(&decoding, 2), "true|NULL");
    assert_string_equal(decoding_row(&decoding, 3), "false|NULL");
    assert_non_null(strstr(decoding.batch->dead_letters[0].text, "found the number 1e400"));
    decoding_end(&decoding);
    decoding_begin(&decoding, "json", "at TIMESTAMP; m DECIMAL(3,1)", NULL);
    expect_dead(&decoding, "", "{\"at\":20130101}", PS_REASON_TYPE, "at", "found the number");
    decoding_end(&decoding);
}

static void records_that_are_too_large(void **state) {
    (void)state;
    struct decoding decoding;
    const size_t size = PS_LIMIT_RECORD_SIZE + 100;
    char *data = malloc(size);
    struct penstock_error error;
    memset(data, 'x', size);
    data[size - 1] = '\n';
    decoding_begin(&decoding, "json", "v VARCHAR", NULL);
    assert_int_equal(decoding_try(&decoding, "", data, size, &error), PENSTOCK_OK);
    assert_int_equal(decoding.batch->dead_letter_count, 1);
    assert_int_equal(decoding.batch->dead_letters[0].reason, PS_REASON_SIZE);
    assert_int_equal(decoding.batch->dead_letters[0].raw_size, size - 1);
    assert_int_equal(decoding.batch->dead_letters[0].raw.size, PS_LIMIT_DEAD_LETTER_SIZE);
    /* a large record within the limit */
    memcpy(data, "{\"v\":\"", 6);
    memcpy(data + 2000000, "\"}\n", 3);
    assert_int_equal(decoding_try(&decoding, "", data, 2000003, &error), PENSTOCK_OK);
    assert_int_equal(decoding.batch->row_count, 1);
    assert_int_equal(((struct ps_bytes *)decoding.batch->columns[0].values)[0].size, 2000000 - 6);
    free(data);
    decoding_end(&decoding);
}

/* Out of memory at any allocation is an error, never a lost record or a crash. */
/* The last column takes what has no column: a decoder of the others, a batch of all. */
static void fields_without_a_column(void **state) {
    (void)state;
    static const struct {
        const char *record, *row;
    } cases[] = {
        {"{\"a\":1}", "1|NULL|NULL"},
        {"{\"x\":1.10,\"A\":2,\"b\":\"t\",\"y\\\"\":[1e2,{\"z\":null}]}",
         "2|'t'|'{\"x\":1.10,\"y\\\"\":[1e2,{\"z\":null}]}'"},
        {"{\"x\":\"\\n\"}", "NULL|NULL|'{\"x\":\"\\n\"}'"},
        {"{\"x\":true,\"x\":false}", "NULL|NULL|'{\"x\":true,\"x\":false}'"},
    };
    struct decoding decoding;
    decoding_begin(&decoding, "json", "a INTEGER; b VARCHAR; rest VARCHAR", NULL);
    ((struct ps_json_config *)decoding.config)->rest_column = 3;
    const struct ps_schema declared = {decoding.schema.columns, 2};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ps_decoder *decoder = NULL;
        struct penstock_error error;
        ps_batch_free(ps_take(decoding.batch));
        assert_int_equal(
            ps_decoder_open(decoding.codec, decoding.config, &declared, PS_BYTES(""), &decoder, &error),
            PENSTOCK_OK);
        assert_int_equal(ps_batch_new(&decoding.schema, 0, &decoding.batch, &error), PENSTOCK_OK);
        const struct ps_record record = {.raw = ps_bytes_of(cases[i].record)};
        for (int again = 0; again < 2; again++) { /* the second time with what the decoder remembers */
            assert_int_equal(ps_decoder_decode(decoder, decoding.batch, record, &error), PENSTOCK_OK);
            assert_string_equal(decoding_row(&decoding, again), cases[i].row);
        }
        ps_decoder_close(decoder);
    }
    decoding_end(&decoding);
}

/* "x BIGINT, y VARCHAR" */
static const char *noted(const struct ps_batch *batch) {
    static char text[400];
    size_t size = 0;
    text[0] = '\0';
    for (size_t i = 0; i < batch->new_fields.count; i++) {
        const struct ps_new_field *field = &batch->new_fields.items[i];
        size += (size_t)snprintf(text + size, sizeof text - size, "%s%s %s", i > 0 ? ", " : "", field->name,
                                 ps_type_sql(field->type));
    }
    return text;
}

static void fields_that_become_columns(void **state) {
    (void)state;
    static const struct {
        const char *records, *fields;
    } cases[] = {
        {"{\"a\":1}", ""},
        {"{\"x\":null}", ""},
        {"{\"x\":true,\"y\":1,\"z\":1.5,\"t\":\"s\",\"o\":{\"k\":1},\"l\":[]}",
         "x BOOLEAN, y BIGINT, z DOUBLE, t VARCHAR, o VARCHAR, l VARCHAR"},
        {"{\"x\":1}\n{\"x\":2.5}", "x DOUBLE"},
        {"{\"x\":2.5}\n{\"x\":1}\n{\"x\":null}", "x DOUBLE"},
        {"{\"x\":1}\n{\"x\":true}", "x VARCHAR"},
        {"{\"x\":1}\n{\"X\":\"s\"}", "x VARCHAR"},
        {"{\"x\":9223372036854775807}", "x BIGINT"},
        {"{\"x\":-9223372036854775808}", "x BIGINT"},
        {"{\"x\":9223372036854775808}", "x DOUBLE"},
        {"{\"x\":123456789012345678901234567890}", "x DOUBLE"},
        {"{\"b\":1.10,\"x\":7}", "x BIGINT"}, /* parsed with its digits */
        {"{\"b\":1.10,\"x\":7.0}", "x DOUBLE"},
        {"{\"a\":\"bad\",\"x\":1}", ""}, /* of rows only */
    };
    struct decoding decoding;
    decoding_begin(&decoding, "json", "a INTEGER; b VARCHAR; kafka_offset BIGINT", NULL);
    struct ps_json_config *config = decoding.config;
    config->growing = &decoding.schema;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        decoding_run(&decoding, "", cases[i].records);
        assert_string_equal(noted(decoding.batch), cases[i].fields);
    }
    expect_dead(&decoding, "", "{\"Penstock_x\":1}", PS_REASON_SCHEMA, NULL, "begin with penstock_");
    expect_dead(&decoding, "", "{\"\":1}", PS_REASON_SCHEMA, NULL, "1 to 250 bytes");
    expect_dead(&decoding, "", "{\"a\\u0000b\":1}", PS_REASON_SCHEMA, NULL, "1 to 250 bytes");
    config->added_count = 2; /* the last two columns */
    expect_dead(&decoding, "", "{\"a\":\"bad\"}", PS_REASON_TYPE, "a", "expected INTEGER");
    assert_null(strstr(decoding.batch->dead_letters[0].text, "declare"));
    expect_dead(&decoding, "", "{\"kafka_offset\":\"bad\"}", PS_REASON_TYPE, "kafka_offset",
                "expected BIGINT, as its first values were; declare the column to give it another type");
    config->added_count = PS_LIMIT_ADDED_COLUMN_COUNT;
    expect_dead(&decoding, "", "{\"x\":1}", PS_REASON_SCHEMA, NULL, "the source has got 100 columns already");
    decoding_run(&decoding, "", "{\"x\":null}");
    assert_int_equal(decoding.batch->row_count, 1);
    decoding_end(&decoding);
}

/* A column behind those that are decoded is one of INCLUDE. */
static void fields_that_may_not_become_columns(void **state) {
    (void)state;
    struct decoding decoding;
    struct ps_decoder *decoder = NULL;
    struct penstock_error error;
    decoding_begin(&decoding, "json", "a INTEGER; kafka_offset BIGINT", NULL);
    ((struct ps_json_config *)decoding.config)->growing = &decoding.schema;
    const struct ps_schema declared = {decoding.schema.columns, 1};
    assert_int_equal(
        ps_decoder_open(decoding.codec, decoding.config, &declared, PS_BYTES(""), &decoder, &error),
        PENSTOCK_OK);
    assert_int_equal(ps_batch_new(&decoding.schema, 0, &decoding.batch, &error), PENSTOCK_OK);
    const struct ps_record record = {.raw = PS_BYTES("{\"a\":1,\"Kafka_Offset\":2}")};
    assert_int_equal(ps_decoder_decode(decoder, decoding.batch, record, &error), PENSTOCK_OK);
    assert_int_equal(decoding.batch->dead_letter_count, 1);
    assert_non_null(strstr(decoding.batch->dead_letters[0].text, "INCLUDE has a column of that name"));
    ps_decoder_close(decoder);
    decoding_end(&decoding);
}

static void more_fields_than_columns(void **state) {
    (void)state;
    struct decoding decoding;
    char record[4000];
    size_t size = 1;
    decoding_begin(&decoding, "json", "a INTEGER", NULL);
    ((struct ps_json_config *)decoding.config)->growing = &decoding.schema;
    for (int i = 0; i < 120; i++) {
        size += (size_t)snprintf(record + size, sizeof record - size, "%s\"x%d\":%d", i > 0 ? "," : "", i, i);
    }
    record[0] = '{';
    (void)snprintf(record + size, sizeof record - size, "}");
    decoding_run(&decoding, "", record);
    assert_int_equal(decoding.batch->new_fields.count, PS_LIMIT_ADDED_COLUMN_COUNT);
    assert_string_equal(decoding.batch->new_fields.items[99].name, "x99");
    decoding_end(&decoding);
}

static void memory_may_run_out(void **state) {
    (void)state;
    struct decoding decoding;
    static const char data[] = "{\"v\":\"\\u00e9\",\"i\":1}\n{\"i\":\"bad\"}\n{\"v\":[1,2],\"i\":2}\n";
    bool is_done = false;
    for (int64_t call = 1; !is_done; call++) {
        struct penstock_error error = {0};
        decoding_begin(&decoding, "json", "v VARCHAR; i INTEGER", NULL);
        struct ps_decoder *decoder = NULL;
        struct ps_batch *batch = NULL;
        ps_memory_fail_at(call);
        penstock_code code = ps_decoder_open(decoding.codec, decoding.config, &decoding.schema, PS_BYTES(""),
                                             &decoder, &error);
        if (code == PENSTOCK_OK) {
            code = ps_batch_new(&decoding.schema, 0, &batch, &error);
        }
        if (code == PENSTOCK_OK) {
            code =
                ps_decoder_decode_block(decoder, batch, (struct ps_bytes){data, sizeof(data) - 1}, 0, &error);
        }
        ps_memory_fail_at(0);
        is_done = code == PENSTOCK_OK;
        assert_true(is_done || (code == PENSTOCK_OUT_OF_MEMORY && error.message[0] != '\0'));
        assert_true(!is_done || (batch->row_count == 2 && batch->dead_letter_count == 1));
        ps_decoder_close(decoder);
        ps_batch_free(batch);
        decoding_end(&decoding);
        assert_true(call < 1000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_their_own_type),
        cmocka_unit_test(values_that_are_converted),
        cmocka_unit_test(values_of_another_type),
        cmocka_unit_test(values_out_of_range),
        cmocka_unit_test(records_that_are_not_json),
        cmocka_unit_test(deep_records),
        cmocka_unit_test(keys_and_columns),
        cmocka_unit_test(digits_are_kept_where_they_matter),
        cmocka_unit_test(records_that_are_too_large),
        cmocka_unit_test(memory_may_run_out),
        cmocka_unit_test(fields_without_a_column),
        cmocka_unit_test(fields_that_become_columns),
        cmocka_unit_test(fields_that_may_not_become_columns),
        cmocka_unit_test(more_fields_than_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
