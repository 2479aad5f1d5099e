/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_encoding_test.c - values and bytes: as HBase itself writes them, there and back, and in the order that
 * predicates count on.
 *
 * tests/parity/hbase_vectors.txt is what Bytes and OrderedBytes of HBase 2.6.1 made of values (make_hbase_vectors.py).
 */
#include <math.h>

#include "base/file.h"
#include "connect/hbase_encoding.h"
#include "data/value.h"
#include "hbase_cells.h"

/* A scene of one column v in the cell f:v. */
static void one_column(struct scene *scene, const char *type, const char *encoding) {
    char columns[80], mapping[80];
    (void)snprintf(columns, sizeof columns, "v %s", type);
    (void)snprintf(mapping, sizeof mapping, "v f:v %s", encoding);
    scene_begin(scene, columns, mapping, NULL, NULL);
}

static penstock_code encode(struct scene *scene, struct ps_bytes value, struct ps_bytes *bytes_out) {
    struct ps_buffer out;
    ps_buffer_init(&out, 1 << 20);
    const penstock_code code =
        ps_hbase_value_encode(scene->mapping, &scene->mapping->fields[0], value, &out, &scene->error);
    bytes_out->data = ps_arena_copy_size(scene->arena, out.data == NULL ? "" : out.data, out.size);
    bytes_out->size = out.size;
    ps_buffer_done(&out);
    return code;
}

/* The value of a cell, as SQL writes it; NULL: it is NULL. Fails for a dead letter. */
static const struct ps_bytes *decode(struct scene *scene, struct ps_bytes bytes) {
    const struct ps_hbase_cell cell = {.row = PS_BYTES("r"),
                                       .family = PS_BYTES("f"),
                                       .qualifier = PS_BYTES("v"),
                                       .type = PS_HBASE_CELL_PUT,
                                       .value = bytes};
    ps_buffer_clear(&scene->cells);
    ps_hbase_cell_add(&scene->cells, &cell);
    scene_decode(scene);
    if (scene->batch->dead_letter_count > 0) {
        fail_msg("%s", scene->batch->dead_letters[0].text);
    }
    const struct ps_column *const column = &scene->batch->columns[0];
    if (column->is_valid != NULL && !column->is_valid[0]) {
        return NULL;
    }
    struct ps_buffer out;
    ps_buffer_init(&out, 1 << 20);
    scene_show(column, 0, &out);
    struct ps_bytes *const shown = ps_arena_allocate(scene->arena, 1, sizeof *shown);
    shown->data = ps_arena_copy_size(scene->arena, out.data == NULL ? "" : out.data, out.size);
    shown->size = out.size;
    ps_buffer_done(&out);
    return shown;
}

static struct ps_bytes bytes_of_hex(struct scene *scene, const char *hex) {
    char *const bytes = ps_arena_allocate(scene->arena, strlen(hex) / 2 + 1, 1);
    for (size_t i = 0; hex[2 * i] != '\0'; i++) {
        const char digits[] = {hex[2 * i], hex[2 * i + 1], '\0'};
        bytes[i] = (char)(unsigned char)strtoul(digits, NULL, 16);
    }
    return (struct ps_bytes){bytes, strlen(hex) / 2};
}

static void check_vector(const char *encoding, const char *type, const char *hex, const char *text) {
    struct scene scene;
    one_column(&scene, type, encoding);
    const struct ps_bytes bytes = bytes_of_hex(&scene, hex), value = spell(&scene, text);
    const struct ps_bytes *const decoded = decode(&scene, bytes);
    struct ps_bytes written;
    if (strcmp(text, "NULL") == 0) {
        assert_null(decoded);
        scene_end(&scene);
        return;
    }
    if (encode(&scene, value, &written) != PENSTOCK_OK) {
        fail_msg("%s %s: %s", encoding, type, scene.error.message);
    }
    if (!ps_bytes_equal(written, bytes)) {
        fail_msg("%s %s %s: HBase writes %s", encoding, type, text, hex);
    }
    assert_non_null(decoded);
    assert_int_equal(encode(&scene, *decoded, &written), PENSTOCK_OK);
    /* of a double Java may write more digits than are needed */
    double there = 0, back = 1;
    const bool is_same = strcmp(type, "DOUBLE") == 0 &&
                         ps_hbase_double_of_text(value, &there) == PS_HBASE_FITS &&
                         ps_hbase_double_of_text(*decoded, &back) == PS_HBASE_FITS && there == back;
    if (!is_same && !ps_bytes_equal(written, bytes)) {
        fail_msg("%s %s %s: read as %.*s", encoding, type, hex, (int)decoded->size, decoded->data);
    }
    scene_end(&scene);
}

static void bytes_are_those_of_hbase(void **state) {
    (void)state;
    struct ps_arena *const arena = ps_arena_new(0);
    struct penstock_error error;
    struct ps_bytes content;
    const char *const path =
        ps_path_join(arena, getenv("PENSTOCK_SOURCE_ROOT"), "tests/parity/hbase_vectors.txt");
    assert_int_equal(ps_file_read(path, 1 << 24, arena, &content, &error), PENSTOCK_OK);
    char *rest = ps_arena_copy_size(arena, content.data, content.size);
    size_t count = 0;
    for (char *line = strsep(&rest, "\n"); line != NULL && *line != '\0'; line = strsep(&rest, "\n")) {
        const char *const encoding = strsep(&line, "\t"), *const type = strsep(&line, "\t");
        const char *const hex = strsep(&line, "\t");
        check_vector(encoding, type, hex, line);
        count++;
    }
    assert_true(count > 1000);
    ps_arena_free(arena);
}

/* --- order ------------------------------------------------------------------------------------------------------- */

struct generator {
    uint64_t state;
};

/* splitmix64 (S. Vigna) */
static uint64_t next(struct generator *generator) {
    uint64_t value = generator->state += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

struct sample {
    int64_t number; /* whole numbers, times, booleans */
    double real;
    struct ps_bytes text; /* as SQL writes it */
    struct ps_bytes bytes;
};

static void render(struct scene *scene, struct sample *sample,
                   void (*write)(struct ps_buffer *, const struct sample *)) {
    struct ps_buffer out;
    ps_buffer_init(&out, 4096);
    write(&out, sample);
    sample->text.data = ps_arena_copy_size(scene->arena, out.data, out.size);
    sample->text.size = out.size;
    ps_buffer_done(&out);
}

static void write_number(struct ps_buffer *out, const struct sample *sample) {
    ps_render_integer(out, sample->number);
}

static void write_float(struct ps_buffer *out, const struct sample *sample) {
    ps_render_double(out, sample->real, true, false);
}

static void write_double(struct ps_buffer *out, const struct sample *sample) {
    ps_render_double(out, sample->real, false, false);
}

static void write_time(struct ps_buffer *out, const struct sample *sample) {
    ps_render_timestamp(out, sample->number, "");
}

static void write_date(struct ps_buffer *out, const struct sample *sample) {
    ps_render_date(out, sample->number);
}

/* Small, middling and extreme ones of that many bits. */
static int64_t any_integer(struct generator *generator, unsigned bits) {
    const int64_t edge[] = {0, 1, -1, INT64_MAX >> (64 - bits), INT64_MIN >> (64 - bits)};
    const uint64_t choice = next(generator) % 8;
    const int64_t value = (int64_t)next(generator) >> (64 - bits);
    return choice < 5 ? edge[choice] : value >> (next(generator) % bits);
}

static void any_text(struct scene *scene, struct generator *generator, struct sample *sample, bool is_blob) {
    static const char *const pieces[] = {"", "a", "b", "é", "日", "~", " ", "\x01", "A", "aa"};
    struct ps_buffer out;
    ps_buffer_init(&out, 4096);
    for (size_t i = next(generator) % 6; i > 0; i--) {
        const char byte = (char)(unsigned char)(next(generator) & 0xFF);
        if (is_blob) {
            ps_buffer_add(&out, &byte, 1);
        } else {
            ps_buffer_text(&out, pieces[next(generator) % 10]);
        }
    }
    sample->text.data = ps_arena_copy_size(scene->arena, out.data == NULL ? "" : out.data, out.size);
    sample->text.size = out.size;
    ps_buffer_done(&out);
}

static double any_real(struct generator *generator, bool is_float) {
    const double edge[] = {0.0, -0.0, 1.0, -1.0, 1e-30, -1e30};
    const uint64_t choice = next(generator) % 10;
    const double mantissa = (double)(int64_t)next(generator) / 9.3e18;
    const double value = choice < 6 ? edge[choice] : ldexp(mantissa, (int)(next(generator) % 80) - 40);
    return is_float ? (double)(float)value : value;
}

static void any_value(struct scene *scene, struct generator *generator, enum ps_type type,
                      struct sample *sample) {
    static const unsigned bits[] = {[PS_TYPE_BOOLEAN] = 1,
                                    [PS_TYPE_TINYINT] = 8,
                                    [PS_TYPE_SMALLINT] = 16,
                                    [PS_TYPE_INTEGER] = 32,
                                    [PS_TYPE_BIGINT] = 64};
    switch (type) {
    case PS_TYPE_BOOLEAN:
        sample->number = (int64_t)(next(generator) & 1);
        sample->text = sample->number == 1 ? PS_BYTES("true") : PS_BYTES("false");
        break;
    case PS_TYPE_TINYINT:
    case PS_TYPE_SMALLINT:
    case PS_TYPE_INTEGER:
    case PS_TYPE_BIGINT:
        sample->number = any_integer(generator, bits[type]);
        render(scene, sample, write_number);
        break;
    case PS_TYPE_FLOAT:
    case PS_TYPE_DOUBLE:
        sample->real = any_real(generator, type == PS_TYPE_FLOAT);
        render(scene, sample, type == PS_TYPE_FLOAT ? write_float : write_double);
        break;
    case PS_TYPE_DATE:
        sample->number = any_integer(generator, 18) % 700000;
        render(scene, sample, write_date);
        break;
    case PS_TYPE_TIMESTAMP: /* whole seconds: what all encodings of times keep */
        sample->number = any_integer(generator, 36) % INT64_C(60000000000) * 1000000;
        render(scene, sample, write_time);
        break;
    case PS_TYPE_VARCHAR:
    case PS_TYPE_CAST:
    case PS_TYPE_BLOB: any_text(scene, generator, sample, type == PS_TYPE_BLOB); break;
    }
}

static int compare_values(enum ps_type type, const struct sample *left, const struct sample *right) {
    if (type == PS_TYPE_FLOAT || type == PS_TYPE_DOUBLE) {
        return left->real < right->real ? -1 : left->real > right->real ? 1 : 0;
    }
    if (type == PS_TYPE_VARCHAR || type == PS_TYPE_BLOB) {
        return ps_hbase_compare(left->text, right->text);
    }
    return left->number < right->number ? -1 : left->number > right->number ? 1 : 0;
}

static int sign_of(int order) {
    return order < 0 ? -1 : order > 0 ? 1 : 0;
}

static bool is_below_zero(enum ps_type type, const struct sample *sample) {
    const bool is_real = type == PS_TYPE_FLOAT || type == PS_TYPE_DOUBLE;
    return is_real ? sample->real <= 0 : sample->number < 0;
}

/* What the order says of two values is so of their bytes. */
static bool pair_holds(enum ps_hbase_order order, bool is_unique, enum ps_type type,
                       const struct sample *left, const struct sample *right) {
    const int values = sign_of(compare_values(type, left, right));
    const int bytes = sign_of(ps_hbase_compare(left->bytes, right->bytes));
    if (values == 0) {
        return !is_unique || bytes == 0;
    }
    if (bytes == 0) { /* no two values have the same bytes */
        return false;
    }
    if (order == PS_HBASE_ORDER_FROM_ZERO && (is_below_zero(type, left) || is_below_zero(type, right))) {
        return true; /* see below */
    }
    return bytes == (order == PS_HBASE_ORDER_OPPOSITE ? -values : values);
}

/* Values below 0 do not lie between two above it. */
static bool lies_outside(enum ps_type type, const struct sample *below, const struct sample *left,
                         const struct sample *right) {
    if (!is_below_zero(type, below) || is_below_zero(type, left) || is_below_zero(type, right)) {
        return true;
    }
    return (ps_hbase_compare(below->bytes, left->bytes) < 0) ==
           (ps_hbase_compare(below->bytes, right->bytes) < 0);
}

#define SAMPLE_COUNT 60

static const char *const type_texts[] = {"BOOLEAN", "TINYINT", "SMALLINT",  "INTEGER", "BIGINT", "FLOAT",
                                         "DOUBLE",  "DATE",    "TIMESTAMP", "VARCHAR", "BLOB"};

/* Random values of the type: read back as they were, and in order. `order`: what is claimed of it. */
static bool order_holds(const char *type_text, enum ps_hbase_encoding encoding, enum ps_hbase_order order,
                        uint64_t seed) {
    struct scene scene;
    struct generator generator = {seed};
    struct sample samples[SAMPLE_COUNT] = {{.number = 0}};
    one_column(&scene, type_text, ps_hbase_encoding_name(encoding));
    const enum ps_type type = scene.schema.columns[0].type;
    const bool is_unique = ps_hbase_encoding_is_unique(encoding, type);
    bool holds = true;
    size_t count = 0;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        any_value(&scene, &generator, type, &samples[count]);
        if (encode(&scene, samples[count].text, &samples[count].bytes) == PENSTOCK_OK) {
            const struct ps_bytes *const again = decode(&scene, samples[count].bytes);
            assert_non_null(again);
            const bool is_zero =
                samples[count].text.size == 4 && memcmp(samples[count].text.data, "-0.0", 4) == 0;
            if (!is_zero && !ps_bytes_equal(*again, samples[count].text)) {
                fail_msg("%s %s: %.*s is read as %.*s", type_text, ps_hbase_encoding_name(encoding),
                         (int)samples[count].text.size, samples[count].text.data, (int)again->size,
                         again->data);
            }
            count++;
        }
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            holds = holds && pair_holds(order, is_unique, type, &samples[i], &samples[k]);
            for (size_t m = 0; m < count && order == PS_HBASE_ORDER_FROM_ZERO; m++) {
                holds = holds && lies_outside(type, &samples[i], &samples[k], &samples[m]);
            }
        }
    }
    scene_end(&scene);
    return holds;
}

static bool is_to_be_tried(const char *type_text, size_t encoding) {
    const struct ps_column_schema column = {.type_text = type_text, .type = ps_type_of_sql(type_text)};
    const bool is_float_in_double = encoding == PS_HBASE_AS_FLOAT && column.type == PS_TYPE_DOUBLE;
    return encoding != PS_HBASE_AS_BYTES && encoding != PS_HBASE_AS_PADDED && !is_float_in_double &&
           ps_hbase_encoding_suits((enum ps_hbase_encoding)encoding, &column);
}

static void bytes_are_in_the_order_that_is_claimed(void **state) {
    (void)state;
    size_t ordered_count = 0;
    for (size_t t = 0; t < sizeof type_texts / sizeof type_texts[0]; t++) {
        for (size_t e = 0; e <= PS_HBASE_AS_JSON; e++) {
            const enum ps_hbase_encoding encoding = (enum ps_hbase_encoding)e;
            const enum ps_hbase_order order =
                ps_hbase_encoding_order(encoding, ps_type_of_sql(type_texts[t]));
            if (!is_to_be_tried(type_texts[t], e)) {
                continue;
            }
            ordered_count += order != PS_HBASE_ORDER_NONE;
            for (uint64_t seed = 1; seed <= 4; seed++) {
                const bool holds = order_holds(type_texts[t], encoding, order, seed);
                if (order != PS_HBASE_ORDER_NONE && !holds) {
                    fail_msg("%s %s, seed %llu", type_texts[t], ps_hbase_encoding_name(encoding),
                             (unsigned long long)seed);
                }
            }
        }
    }
    assert_true(ordered_count > 50);
}

/* The test above must see a claim that is wrong. */
static void a_wrong_claim_is_seen(void **state) {
    (void)state;
    assert_false(order_holds("INTEGER", PS_HBASE_AS_INT, PS_HBASE_ORDER_SAME, 1));
    assert_false(order_holds("DOUBLE", PS_HBASE_AS_DOUBLE, PS_HBASE_ORDER_SAME, 1));
    assert_false(order_holds("INTEGER", PS_HBASE_AS_TEXT, PS_HBASE_ORDER_SAME, 1));
    assert_false(order_holds("INTEGER", PS_HBASE_AS_TEXT, PS_HBASE_ORDER_FROM_ZERO, 1));
    assert_false(order_holds("BIGINT", PS_HBASE_AS_REVERSED, PS_HBASE_ORDER_SAME, 1));
    assert_false(order_holds("BIGINT", PS_HBASE_AS_ORDERED, PS_HBASE_ORDER_OPPOSITE, 1));
}

/* --- what is refused --------------------------------------------------------------------------------------------- */

static void expect_no_bytes(const char *type, const char *encoding, const char *value, const char *message) {
    struct scene scene;
    struct ps_bytes bytes;
    one_column(&scene, type, encoding);
    assert_int_equal(encode(&scene, spell(&scene, value), &bytes), PENSTOCK_INVALID_DATA);
    assert_string_equal(scene.error.message, message);
    scene_end(&scene);
}

static void values_that_an_encoding_has_not(void **state) {
    (void)state;
    expect_no_bytes("BIGINT", "int", "2147483648", "column v: '2147483648' is out of range for an int");
    expect_no_bytes("BIGINT", "byte", "-129", "column v: '-129' is out of range for a byte");
    expect_no_bytes("DOUBLE", "long", "1.5", "column v: '1.5' is not a long");
    expect_no_bytes("DOUBLE", "float", "1e39", "column v: '1e39' is out of range for a float");
    expect_no_bytes("INTEGER", "float", "16777217", "column v: '16777217' is out of range for a float");
    expect_no_bytes("BIGINT", "double", "9223372036854775807",
                    "column v: '9223372036854775807' is out of range for a double");
    expect_no_bytes("TIMESTAMP", "", "yesterday", "column v: 'yesterday' is not a time in milliseconds");
    expect_no_bytes("VARCHAR", "", "\\xFF", "column v: '\\xFF' is not UTF-8");
    expect_no_bytes("VARCHAR", "ordered", "a\\x00",
                    "column v: 'a\\x00' has a byte 0x00, which ends a value of OrderedBytes");
    expect_no_bytes("DOUBLE", "json", "nan", "column v: 'nan' is nothing that JSON has");
    expect_no_bytes("DECIMAL(38,0)", "numeric", "12345678901234567890123456789012",
                    "column v: '12345678901234567890123456789012' is no number of at most 31 digits, as "
                    "OrderedBytes has them");
    expect_no_bytes("DECIMAL(38,0)", "", "one", "column v: 'one' is not a decimal");
    expect_no_bytes("BOOLEAN", "", "2", "column v: '2' is not a boolean");
}

static void expect_read(const char *type, const char *encoding, const char *bytes, const char *value) {
    struct scene scene;
    one_column(&scene, type, encoding);
    const struct ps_bytes *const found = decode(&scene, spell(&scene, bytes));
    if (value == NULL) {
        assert_null(found);
    } else {
        assert_non_null(found);
        assert_string_equal(found->data, value);
    }
    scene_end(&scene);
}

static void expect_misfit(const char *type, const char *encoding, const char *bytes, const char *sentence) {
    struct scene scene;
    char text[400];
    one_column(&scene, type, encoding);
    const struct ps_hbase_cell cell = {.row = PS_BYTES("r"),
                                       .family = PS_BYTES("f"),
                                       .qualifier = PS_BYTES("v"),
                                       .timestamp = 7,
                                       .type = PS_HBASE_CELL_PUT,
                                       .value = spell(&scene, bytes)};
    ps_hbase_cell_add(&scene.cells, &cell);
    scene_decode(&scene);
    assert_int_equal(scene.batch->dead_letter_count, 1);
    (void)snprintf(text, sizeof text, "column v: cell f:v of row 'r' at 7 %s", sentence);
    assert_string_equal(scene.batch->dead_letters[0].text, text);
    scene_end(&scene);
}

static void values_of_other_types(void **state) {
    (void)state;
    expect_read("DOUBLE", "int", "\\x00\\x00\\x00\\x07", "7.0");
    expect_read("INTEGER", "double", "@\\x1C\\x00\\x00\\x00\\x00\\x00\\x00", "7");
    expect_read("UINTEGER", "long", "\\x00\\x00\\x00\\x00\\xFF\\xFF\\xFF\\xFF", "4294967295");
    expect_read("DATE", "millis", "\\xFF\\xFF\\xFF\\xFF\\xFF\\xFF\\xFF\\xFF", "1969-12-31");
    expect_read("BOOLEAN", "", "\\x01", "true");
    expect_read("BOOLEAN", "int", "\\x00\\x00\\x00\\x01", "true");
    expect_read("DECIMAL(9,2)", "int", "\\x00\\x00\\x00\\x07", "7");
    expect_read("DOUBLE", "decimal", "\\xFF\\xFF\\xFF\\xFE\\x07", "700.0");
    expect_read("DECIMAL(18,3)", "decimal", "\\x00\\x00\\x00\\x50\\x07", "7e-80");
    expect_read("DOUBLE", "text", "-Infinity", "-Infinity");
    expect_read("DOUBLE", "text", " 1.5 ", "1.5");
    expect_read("TIMESTAMP", "text", "2026-11-23T10:00:00+01:00", "2026-11-23T09:00:00");
    expect_read("TIMESTAMP_S", "seconds", "\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01", "1970-01-01T00:00:01");
    expect_read("UUID", "", "6f9619ff-8b86-d011-b42d-00c04fc964ff", "6f9619ff-8b86-d011-b42d-00c04fc964ff");
}

static void json_in_a_cell(void **state) {
    (void)state;
    expect_read("VARCHAR", "json", "\"a\"", "a");
    expect_read("VARCHAR", "json", " \"a\\x5Cu00e9\" ", "aé");
    expect_read("VARCHAR", "json", "12.50", "12.50");
    expect_read("VARCHAR", "json", " {\"a\": [1, 2]} ", "{\"a\": [1, 2]}");
    expect_read("VARCHAR", "json", "null", NULL);
    expect_read("JSON", "", "\"a\"", "\"a\"");
    expect_read("INTEGER[]", "json", "[1,2]", "[1,2]");
    expect_read("INTEGER", "json", "1e3", "1000");
    expect_read("BOOLEAN", "json", "true", "true");
    expect_read("DATE", "json", "\"2026-11-23\"", "2026-11-23");
    expect_read("DECIMAL(38,20)", "json", "0.12345678901234567890", "0.12345678901234567890");
    expect_read("INTEGER", "json", "\"12\"", "12");
    expect_read("BOOLEAN", "json", "1", "true");
    expect_misfit("INTEGER", "json", "true", "has 4 bytes ('true'), JSON that is no INTEGER");
    expect_misfit("DATE", "json", "20261123", "has 8 bytes ('20261123'), JSON that is no DATE");
    expect_misfit("INTEGER", "json", "[1]", "has 3 bytes ('[1]'), JSON that is no INTEGER");
    expect_misfit("INTEGER", "json", "{", "has 1 byte ('{'), JSON that is no INTEGER");
    expect_misfit("VARCHAR", "json", "\"\\xFF\"", "has 3 bytes ('\"\\xFF\"'), which are not UTF-8");
    expect_misfit("VARCHAR", "json", "", "has 0 bytes, JSON that is no VARCHAR");
}

static void bytes_that_are_no_value(void **state) {
    (void)state;
    expect_misfit("INTEGER", "", "abc", "has 3 bytes (0x61 0x62 0x63), an int has 4");
    expect_misfit("INTEGER", "", "", "has 0 bytes, an int has 4");
    expect_misfit("INTEGER", "double", "?\\xF8\\x00\\x00\\x00\\x00\\x00\\x00",
                  "has 8 bytes (0x3F 0xF8 0x00 0x00 0x00 0x00 0x00 0x00), a double that is no INTEGER");
    expect_misfit("TIMESTAMP", "", "\\x7F\\xFF\\xFF\\xFF\\xFF\\xFF\\xFF\\xFF",
                  "has 8 bytes (0x7F 0xFF 0xFF 0xFF 0xFF 0xFF 0xFF 0xFF), a time in milliseconds out of the "
                  "range of TIMESTAMP");
    expect_misfit("DATE", "", "\\x80\\x00\\x00\\x00",
                  "has 4 bytes (0x80 0x00 0x00 0x00), an int out of the range of DATE");
    expect_misfit("VARCHAR", "", "a\\xFF", "has 2 bytes ('a\\xFF'), which are not UTF-8");
    expect_misfit("DOUBLE", "text", "fast and far away",
                  "has 17 bytes ('fast and far awa' ...), text that is no DOUBLE");
    expect_misfit("DECIMAL(9,2)", "", "\\x00\\x00\\x00\\x01",
                  "has 4 bytes (0x00 0x00 0x00 0x01), a decimal has at least 5");
    expect_misfit("BIGINT", "ordered", "\\x2B\\x80\\x00\\x00\\x00",
                  "has 5 bytes (0x2B 0x80 0x00 0x00 0x00), expected OrderedBytes int64 (0x2C and 8 bytes)");
    expect_misfit("VARCHAR", "ordered", "4a",
                  "has 2 bytes (0x34 0x61), expected OrderedBytes string (0x34 to 0x00)");
    expect_misfit("VARCHAR", "ordered", "4a\\x00b\\x00",
                  "has 5 bytes (0x34 0x61 0x00 0x62 0x00), expected OrderedBytes string (0x34 to 0x00)");
    expect_misfit("BIGINT", "numeric_desc", "\\x25",
                  "has 1 byte (0x25), expected OrderedBytes numeric, descending (0xD9 to 0xF8)");
    expect_misfit("BIGINT", "numeric", "#",
                  "has 1 byte (0x23), an OrderedBytes numeric out of the range of BIGINT");
    expect_misfit("BLOB", "blob_last_desc", "\\xC7\\x9E",
                  "has 2 bytes (0xC7 0x9E), expected OrderedBytes blob copy, descending (0xC7 to 0xFF)");
    expect_misfit("DOUBLE", "ordered", "1\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00",
                  "has 9 bytes (0x31 0x00 0x00 0x00 0x00 0x00 0x00 0x00 0x00), expected OrderedBytes float64 "
                  "(0x31 and 8 bytes)");
}

/* Another form of a number, which HBase would not write: 1 as 0.01 * 100^1 with a zero pair, in the large form, with a
 * long varint; a blob with bits left over. */
static void only_the_form_of_hbase_is_taken(void **state) {
    (void)state;
    expect_read("BIGINT", "numeric", "\\x18\\x02", "1");
    expect_misfit("BIGINT", "numeric", "\\x18\\x03\\x00",
                  "has 3 bytes (0x18 0x03 0x00), expected OrderedBytes numeric (0x07 to 0x26)");
    expect_misfit("BIGINT", "numeric", "\\x19\\x01\\x02",
                  "has 3 bytes (0x19 0x01 0x02), expected OrderedBytes numeric (0x07 to 0x26)");
    expect_misfit("BIGINT", "numeric", "\\x22\\x01\\x02",
                  "has 3 bytes (0x22 0x01 0x02), expected OrderedBytes numeric (0x07 to 0x26)");
    expect_misfit(
        "BIGINT", "numeric", "\\x22\\xFB\\x00\\x00\\x00\\x0B\\x02",
        "has 7 bytes (0x22 0xFB 0x00 0x00 0x00 0x0B 0x02), expected OrderedBytes numeric (0x07 to 0x26)");
    expect_misfit("BLOB", "ordered", "7\\xB0\\x01",
                  "has 3 bytes (0x37 0xB0 0x01), expected OrderedBytes blob (0x37, 7 bits a byte)");
    expect_misfit("BLOB", "ordered", "7\\x01",
                  "has 2 bytes (0x37 0x01), expected OrderedBytes blob (0x37, 7 bits a byte)");
}

/* Of the digits of a decimal: any text of a number, and back. */
static void decimals_of_text(void **state) {
    (void)state;
    static const struct {
        const char *text, *rendered;
    } cases[] = {{"0", "0"},       {"-0", "0"},          {"+1.50", "1.50"},  {".5", "0.5"},
                 {"5.", "5"},      {"007", "7"},         {"1e3", "1000"},    {"-12e-4", "-0.0012"},
                 {"0.00", "0.00"}, {"1E+2", "100"},      {"1e100", "1e100"}, {"", NULL},
                 {".", NULL},      {"1e", NULL},         {"1e+", NULL},      {"0x1", NULL},
                 {"1 ", NULL},     {"1e999999999", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ps_hbase_decimal decimal;
        struct ps_buffer out;
        ps_buffer_init(&out, 1000);
        assert_int_equal(ps_hbase_decimal_of_text(ps_bytes_of(cases[i].text), &decimal),
                         cases[i].rendered != NULL);
        if (cases[i].rendered != NULL) {
            ps_hbase_render_digits(&out, &decimal);
            assert_string_equal(out.data, cases[i].rendered);
        }
        ps_buffer_done(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_those_of_hbase), cmocka_unit_test(bytes_are_in_the_order_that_is_claimed),
        cmocka_unit_test(a_wrong_claim_is_seen),    cmocka_unit_test(values_that_an_encoding_has_not),
        cmocka_unit_test(values_of_other_types),    cmocka_unit_test(json_in_a_cell),
        cmocka_unit_test(bytes_that_are_no_value),  cmocka_unit_test(only_the_form_of_hbase_is_taken),
        cmocka_unit_test(decimals_of_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
