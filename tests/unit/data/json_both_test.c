/* SPDX-License-Identifier: Apache-2.0
 *
 * json_both_test.c - the short way for plain JSON records and the parser, side by side over records that are made up.
 *
 * Most are plain and look like the one before, many have something that is not, some are broken. Two decoders, of which
 * one parses everything, must come to the same: values, NULLs, texts and where they are, dead letters, new fields. The
 * last test breaks each of these and wants to see it found.
 */
#include "decoding.h"

#include <math.h>
#include <stdlib.h>

#include "base/limits.h"
#include "data/codec_json.h"

#define RECORDS_PER_BATCH 48

/* --- made up ------------------------------------------------------------------------------------------------------ */

struct random {
    uint64_t state;
};

/* splitmix64 (S. Vigna) */
static uint64_t next(struct random *random) {
    uint64_t value = random->state += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

static size_t below(struct random *random, size_t limit) {
    return (size_t)(next(random) % limit);
}

static bool one_in(struct random *random, size_t count) {
    return below(random, count) == 0;
}

static void add_digits(struct random *random, struct ps_buffer *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char digit = (char)('0' + below(random, 10));
        ps_buffer_add(out, &digit, 1);
    }
}

/* As programs write them, and at the borders of what is exact. */
static void add_number(struct random *random, struct ps_buffer *out) {
    static const char *const odd[] = {
        "-0",
        "0",
        "-0.0",
        "0.0",
        "1.0",
        "-1.0",
        "1e5",
        "1E400",
        "-1e400",
        "1e-400",
        "01",
        "-",
        "1.",
        ".5",
        "+1",
        "1e",
        "9007199254740993",
        "9007199254740993.0",
        "0.9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "18446744073709551615",
        "18446744073709551616",
        "127",
        "128",
        "-128",
        "-129",
        "32768",
        "2147483647",
        "2147483648",
        "1e38",
        "3.5e38",
        "1e3",
        "0e0",
        "123456789012345678901234567890",
        "0.30000000000000004",
        "NaN",
        "Infinity",
        "00",
        "1.50",
        "2.5",
        "1e+2",
        "0x1",
        "1_0",
        "16777217",
        "5e-324",
    };
    const size_t kind = below(random, 12);
    if (kind == 0) {
        ps_buffer_text(out, odd[below(random, sizeof odd / sizeof odd[0])]);
        return;
    }
    if (kind == 1) {
        double value;
        const uint64_t bits = next(random);
        memcpy(&value, &bits, sizeof value);
        ps_buffer_printf(out, "%.17g", isfinite(value) ? value : 0.5);
        return;
    }
    if (kind == 2) {
        ps_buffer_printf(out, "%.*g", 15 + (int)below(random, 3),
                         (double)(next(random) >> 11) / (double)(1 << 20));
        return;
    }
    ps_buffer_text(out, one_in(random, 4) ? "-" : "");
    if (kind < 8) {
        ps_buffer_printf(out, "%llu", (unsigned long long)(next(random) >> below(random, 64)));
    } else {
        ps_buffer_printf(out, "%llu", (unsigned long long)(next(random) >> (40 + below(random, 24))));
    }
    if (kind > 5) {
        ps_buffer_text(out, ".");
        add_digits(random, out, 1 + below(random, one_in(random, 4) ? 20 : 6));
    }
    if (one_in(random, 30)) {
        ps_buffer_printf(out, "e%d", (int)below(random, 60) - 30);
    }
}

static void add_text(struct random *random, struct ps_buffer *out) {
    static const char *const some[] = {
        "",
        "true",
        "t",
        "0",
        "1",
        "12",
        "-3",
        " 4 ",
        "1.5",
        "1e3",
        "x",
        "2013-01-01",
        "2013-02-29",
        "2000-02-29T12:30",
        "2013-01-01T05:15:00Z",
        "1970-01-01 00:00:01.123456789+01:00",
        "1969-12-31",
        "2013-01-01T05:15:60",
        "null",
        "127",
        "128",
        "9223372036854775808",
        ".5",
        "+7",
        "\\n",
        "\\u0041b",
        "\\\"",
        "\\\\",
        "\\ud83d\\ude00",
        "\\ud800",
        "\xC3\xA9t\xC3\xA9",
        "\xE2\x82\xAC",
        "\xF0\x9F\x98\x80",
        "\xC3",
        "\xED\xA0\x80",
        "\x7F",
        "\t",
        "\x1F",
        "\\x",
        "'",
        "{\\\"a\\\":1}",
        "[1]",
        "{",
        "}",
        ",",
        ":",
    };
    ps_buffer_text(out, "\"");
    if (one_in(random, 4)) {
        ps_buffer_text(out, some[below(random, sizeof some / sizeof some[0])]);
    }
    for (size_t left = below(random, one_in(random, 8) ? 60 : 12); left > 0; left--) {
        const char character = (char)(' ' + below(random, 95));
        ps_buffer_add(out, character == '"' || character == '\\' ? "-" : &character, 1);
    }
    if (one_in(random, 12)) {
        ps_buffer_text(out, some[below(random, sizeof some / sizeof some[0])]);
    }
    ps_buffer_text(out, "\"");
}

static void add_value(struct random *random, struct ps_buffer *out, enum ps_type type) {
    static const char *const dates[] = {"\"2013-01-01\"", "\"2013-01-01T05:15:00Z\"",
                                        "\"2024-02-29 23:59:59.5\""};
    static const char *const words[] = {"true", "false", "null", "true",   "false",
                                        "null", "True",  "nul",  "falsee", "tru"};
    static const char *const nested[] = {"[]",   "{}",      "[1, 2.50]", "{\"a\":[null,{\"b\":\"\\n\"}]}",
                                         "[1,]", "{\"a\"}", "[[["};
    if (one_in(random, 60)) {
        ps_buffer_text(out, nested[below(random, sizeof nested / sizeof nested[0])]);
    } else if (one_in(random, 20) || (type == PS_TYPE_BOOLEAN && !one_in(random, 6))) {
        ps_buffer_text(out, words[below(random, one_in(random, 6) ? 10 : 6)]);
    } else if ((type == PS_TYPE_DATE || type == PS_TYPE_TIMESTAMP) && !one_in(random, 20)) {
        ps_buffer_text(out, dates[type == PS_TYPE_DATE ? 0 : below(random, 3)]);
    } else if (type <= PS_TYPE_INTEGER && !one_in(random, 10)) {
        ps_buffer_printf(out, "%d", (int)below(random, 160) - 30);
    } else if ((type >= PS_TYPE_VARCHAR) != one_in(random, 10)) {
        add_text(random, out);
    } else {
        add_number(random, out);
    }
}

static void add_blank(struct random *random, struct ps_buffer *out) {
    while (one_in(random, 3)) {
        ps_buffer_add(out, &" \t\n\r \v"[below(random, one_in(random, 20) ? 6 : 5)], 1);
    }
}

static const char *const other_keys[] = {
    "x",        "unknown",  "",    "longer than what is remembered of a key, by far",
    "x\\u0041", "\xC3\xA9", "y",   "a b",
    "I",        "\\\"",     "rest"};

/* What records of one kind share: the order of keys, and how it is written. */
struct shape {
    size_t keys[24]; /* column, or count of columns + number of another key */
    size_t key_count;
    size_t style; /* 0: compact; 1: a blank after marks; 2: blanks anywhere */
};

static void make_shape(struct random *random, const struct ps_schema *schema, struct shape *shape) {
    shape->style = below(random, 3);
    shape->key_count = 0;
    const size_t wanted = 1 + below(random, schema->column_count + 3);
    size_t order[40];
    for (size_t i = 0; i < schema->column_count; i++) {
        const size_t other = below(random, i + 1);
        order[i] = order[other];
        order[other] = i;
    }
    for (size_t i = 0; i < wanted; i++) {
        const bool is_other = i >= schema->column_count || one_in(random, 6);
        const size_t number = one_in(random, 2) ? 0 : below(random, sizeof other_keys / sizeof other_keys[0]);
        shape->keys[shape->key_count++] = is_other ? schema->column_count + number : order[i];
    }
}

static void add_record(struct random *random, const struct ps_schema *schema, const struct shape *shape,
                       struct ps_buffer *out) {
    const char *blank = shape->style == 1 ? " " : "";
    ps_buffer_text(out, "{");
    bool is_first = true;
    for (size_t i = 0; i < shape->key_count; i++) {
        size_t key = shape->keys[i];
        if (one_in(random, 40)) {
            key = below(random, schema->column_count + 4); /* another order, or twice */
        } else if (one_in(random, 20)) {
            continue; /* missing */
        }
        const bool is_column = key < schema->column_count;
        const char *name = is_column ? schema->columns[key].name : other_keys[key - schema->column_count];
        ps_buffer_printf(out, "%s%s\"", is_first ? "" : ",", is_first ? "" : blank);
        if (is_column && one_in(random, 40)) {
            ps_buffer_printf(out, "%c%s", name[0] ^ 0x20, name + 1);
        } else {
            ps_buffer_text(out, name);
        }
        ps_buffer_printf(out, "\":%s", blank);
        if (shape->style == 2) {
            add_blank(random, out);
        }
        add_value(random, out,
                  is_column ? schema->columns[key].type : (enum ps_type)below(random, PS_TYPE_CAST));
        if (shape->style == 2) {
            add_blank(random, out);
        }
        is_first = false;
    }
    ps_buffer_text(out, "}");
    ps_buffer_text(out, one_in(random, 20) ? " \n" : one_in(random, 60) ? "x" : "");
}

/* A change of some bytes, which mostly is a fault. */
static void mutate(struct random *random, struct ps_buffer *record) {
    static const char bytes[] = "{}[]\",:\\ \n0123456789.-+eEtfn\x00\x7F\x80\xC3\xFF";
    const size_t at = below(random, record->size + 1);
    switch (below(random, 4)) {
    case 0: record->size = at; break;
    case 1:
        if (at < record->size) {
            record->data[at] = bytes[below(random, sizeof bytes - 1)];
        }
        break;
    case 2:
        if (at < record->size) {
            memmove(record->data + at, record->data + at + 1, record->size - at - 1);
            record->size--;
        }
        break;
    default:
        ps_buffer_add(record, "x", 1);
        memmove(record->data + at + 1, record->data + at, record->size - at - 1);
        record->data[at] = bytes[below(random, sizeof bytes - 1)];
        break;
    }
}

/* --- compared ----------------------------------------------------------------------------------------------------- */

static bool is_null(const struct ps_column *column, int64_t row) {
    return column->is_valid != NULL && column->is_valid[row] == 0;
}

/* Texts without escapes are where they are in the record, in both. */
static bool is_same_text(struct ps_bytes left, struct ps_bytes right, struct ps_bytes raw) {
    const bool is_inside = right.data >= raw.data && right.data + right.size <= raw.data + raw.size;
    return left.size == right.size && (left.size == 0 || memcmp(left.data, right.data, left.size) == 0) &&
           (!is_inside || left.data == right.data);
}

static const char *difference_of_column(const struct ps_batch *left, const struct ps_batch *right,
                                        size_t index) {
    const struct ps_column *a = &left->columns[index], *b = &right->columns[index];
    const size_t size = ps_type_size(a->type);
    if ((a->is_valid == NULL) != (b->is_valid == NULL)) {
        return "whether there are NULLs";
    }
    for (int64_t row = 0; row < left->row_count; row++) {
        if (is_null(a, row) != is_null(b, row)) {
            return "a NULL";
        }
        if (size == sizeof(struct ps_bytes)) {
            const struct ps_bytes *texts = a->values, *others = b->values;
            if (!is_same_text(texts[row], others[row], left->records[row].raw)) {
                return "a text";
            }
        } else if (memcmp((const char *)a->values + (size_t)row * size,
                          (const char *)b->values + (size_t)row * size, size) != 0) {
            return "a value";
        }
    }
    return NULL;
}

static const char *difference_of_letters(const struct ps_dead_letter *a, const struct ps_dead_letter *b) {
    if (a->reason != b->reason || a->offset != b->offset || a->raw_size != b->raw_size) {
        return "a dead letter";
    }
    if (strcmp(a->text, b->text) != 0 || (a->column == NULL) != (b->column == NULL) ||
        (a->column != NULL && strcmp(a->column, b->column) != 0)) {
        return "a dead letter's text";
    }
    return ps_bytes_equal(a->raw, b->raw) ? NULL : "a dead letter's bytes";
}

/* NULL: none. */
static const char *difference(const struct ps_batch *left, const struct ps_batch *right) {
    if (left->row_count != right->row_count || left->record_count != right->record_count ||
        left->dead_letter_count != right->dead_letter_count ||
        left->new_fields.count != right->new_fields.count) {
        return "a count";
    }
    for (int64_t row = 0; row < left->row_count; row++) {
        if (left->records[row].offset != right->records[row].offset ||
            left->records[row].raw.data != right->records[row].raw.data ||
            left->records[row].raw.size != right->records[row].raw.size) {
            return "a record";
        }
    }
    const char *what = NULL;
    for (size_t i = 0; i < left->schema->column_count && what == NULL; i++) {
        what = difference_of_column(left, right, i);
    }
    for (size_t i = 0; i < left->dead_letter_count && what == NULL; i++) {
        what = difference_of_letters(&left->dead_letters[i], &right->dead_letters[i]);
    }
    for (size_t i = 0; i < left->new_fields.count && what == NULL; i++) {
        const struct ps_new_field *a = &left->new_fields.items[i], *b = &right->new_fields.items[i];
        what = a->type != b->type || strcmp(a->name, b->name) != 0 ? "a new field" : NULL;
    }
    return what;
}

/* --- both --------------------------------------------------------------------------------------------------------- */

enum kind { IGNORED, KEPT, ADDED };

struct both {
    struct decoding decoding;
    struct ps_schema declared; /* without the column for the rest */
    struct ps_json_config configs[2];
    struct ps_decoder *decoders[2];
    struct ps_batch *batches[2];
    struct ps_bytes records[RECORDS_PER_BATCH];
    size_t record_count;
    int64_t row_count, dead_letter_count;
};

static void both_begin(struct both *both, const char *columns, enum kind kind) {
    *both = (struct both){0};
    decoding_begin(&both->decoding, "json", columns, NULL);
    struct ps_schema *schema = &both->decoding.schema;
    both->declared = (struct ps_schema){schema->columns, schema->column_count - (kind == KEPT ? 1 : 0)};
    for (size_t i = 0; i < 2; i++) {
        both->configs[i].rest_column = kind == KEPT ? schema->column_count : 0;
        both->configs[i].growing = kind == ADDED ? schema : NULL;
        both->configs[i].is_parsed_always = i == 1;
    }
}

static void both_open(struct both *both) {
    struct penstock_error error;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(ps_decoder_open(both->decoding.codec, &both->configs[i], &both->declared,
                                         PS_BYTES(""), &both->decoders[i], &error),
                         PENSTOCK_OK);
        assert_int_equal(ps_batch_new(&both->decoding.schema, 0, &both->batches[i], &error), PENSTOCK_OK);
    }
    both->record_count = 0;
}

static void both_decode(struct both *both, struct ps_bytes bytes) {
    struct penstock_error error;
    char *copy = malloc(bytes.size > 0 ? bytes.size : 1); /* that ends where the record does */
    assert_non_null(copy);
    memcpy(copy, bytes.data, bytes.size);
    both->records[both->record_count] = (struct ps_bytes){copy, bytes.size};
    const struct ps_record record = {.raw = both->records[both->record_count],
                                     .offset = (int64_t)both->record_count};
    both->record_count++;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(ps_decoder_decode(both->decoders[i], both->batches[i], record, &error), PENSTOCK_OK);
    }
}

static void both_close(struct both *both) {
    both->row_count += both->batches[0]->row_count;
    both->dead_letter_count += (int64_t)both->batches[0]->dead_letter_count;
    for (size_t i = 0; i < 2; i++) {
        ps_decoder_close(both->decoders[i]);
        ps_batch_free(both->batches[i]);
    }
    for (size_t i = 0; i < both->record_count; i++) {
        void *record;
        memcpy(&record, &both->records[i].data, sizeof record);
        free(record);
    }
}

static void expect_same(const struct both *both, uint64_t seed) {
    const char *what = difference(both->batches[0], both->batches[1]);
    if (what == NULL) {
        return;
    }
    print_message("seed %llu: %s differs\n", (unsigned long long)seed, what);
    for (size_t i = 0; i < both->record_count; i++) {
        print_message("  %.*s\n", (int)both->records[i].size, both->records[i].data);
    }
    fail();
}

static void compare(const char *columns, enum kind kind, uint64_t seed) {
    enum { BATCH_COUNT = 700 };
    struct both both;
    both_begin(&both, columns, kind);
    struct ps_buffer record;
    ps_buffer_init(&record, 1 << 20);
    for (uint64_t batch = 0; batch < BATCH_COUNT; batch++) {
        struct random random = {seed * 1000003 + batch};
        struct shape shapes[2];
        make_shape(&random, &both.declared, &shapes[0]);
        make_shape(&random, &both.declared, &shapes[1]);
        both_open(&both);
        for (size_t i = 0; i < RECORDS_PER_BATCH; i++) {
            ps_buffer_clear(&record);
            add_record(&random, &both.declared, &shapes[one_in(&random, 10) ? 1 : 0], &record);
            while (one_in(&random, 6)) {
                mutate(&random, &record);
            }
            both_decode(&both, (struct ps_bytes){record.data, record.size});
            expect_same(&both, seed * 1000003 + batch);
        }
        both_close(&both);
    }
    ps_buffer_done(&record);
    /* neither of the two is rare */
    assert_true(both.row_count > BATCH_COUNT * RECORDS_PER_BATCH / 10);
    assert_true(both.dead_letter_count > BATCH_COUNT * RECORDS_PER_BATCH / 10);
    decoding_end(&both.decoding);
}

static const char wide[] =
    "b BOOLEAN; t TINYINT; s SMALLINT; i INTEGER; l BIGINT; f FLOAT; d DOUBLE; day DATE; "
    "at TIMESTAMP; v VARCHAR; Origin VARCHAR; raw BLOB";
static const char few[] = "id BIGINT; device VARCHAR; load_ms DOUBLE; status INTEGER";

static void all_types(void **state) {
    (void)state;
    compare(wide, IGNORED, 1);
    compare(few, IGNORED, 2);
}

static void columns_that_keep_digits(void **state) {
    (void)state;
    compare("m DECIMAL(18,3); j JSON; b BOOLEAN; l INTEGER[]; d DOUBLE; v VARCHAR; i INTEGER", IGNORED, 3);
}

static void columns_that_are_not_null(void **state) {
    (void)state;
    compare("a INTEGER NOT NULL; v VARCHAR NOT NULL; d DOUBLE; at TIMESTAMP NOT NULL", IGNORED, 4);
}

static void members_without_a_column(void **state) {
    (void)state;
    compare("a INTEGER; v VARCHAR; d DOUBLE; rest VARCHAR", KEPT, 5);
    compare("a INTEGER; v VARCHAR; d DOUBLE; b BOOLEAN", ADDED, 6);
}

/* A batch of one decoder is changed in one thing: each must be found. */
static void what_differs_is_found(void **state) {
    (void)state;
    struct both both;
    both_begin(&both, few, IGNORED);
    for (int change = 0; change < 9; change++) {
        both_open(&both);
        both_decode(&both, PS_BYTES("{\"id\":1,\"device\":\"x\",\"load_ms\":0.5,\"status\":null}"));
        both_decode(&both, PS_BYTES("{\"id\":\"x\"}"));
        struct ps_batch *batch = both.batches[0];
        assert_null(difference(batch, both.batches[1]));
        char other[] = "y";
        switch (change) {
        case 0: ((int64_t *)batch->columns[0].values)[0] ^= 1; break;
        case 1: ((double *)batch->columns[2].values)[0] = nextafter(0.5, 1); break;
        case 2: ((struct ps_bytes *)batch->columns[1].values)[0] = (struct ps_bytes){other, 1}; break;
        case 3: batch->columns[3].is_valid[0] = 1; break;
        case 4: ((struct ps_bytes *)batch->columns[1].values)[0].size = 0; break;
        case 5: batch->dead_letters[0].text = "other"; break;
        case 6: batch->dead_letters[0].reason = PS_REASON_RANGE; break;
        case 7: batch->records[0].offset++; break;
        default: batch->row_count--; break;
        }
        assert_non_null(difference(batch, both.batches[1]));
        both_close(&both);
    }
    decoding_end(&both.decoding);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_types),
        cmocka_unit_test(columns_that_keep_digits),
        cmocka_unit_test(columns_that_are_not_null),
        cmocka_unit_test(members_without_a_column),
        cmocka_unit_test(what_differs_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
