/* SPDX-License-Identifier: Apache-2.0
 *
 * json_plain.c - plain records, eight bytes at a time; see json_plain.h.
 *
 * Records of one source mostly look alike. So what stood between two values (`,"status":`, with its white space) is
 * remembered, and where the same bytes stand again there is nothing to parse: they were looked at once, in the same
 * place between two values, and it does not depend on the record what they mean there.
 *
 * A number of up to 18 digits is an integer in 64 bits. With a dot, it is that integer over a power of ten: both are
 * doubles without error if the integer is at most 2^53 and the power at most 10^22, so their quotient is rounded once
 * and correctly (W. Clinger, "How to read floating point numbers accurately", 1990). Other numbers take the way of
 * numbers in texts (value.h), which is correct and slower.
 *
 * A record is copied once, with zeros behind it. A zero byte is part of nothing that is plain, so the pass needs no
 * other end, and words may be loaded anywhere.
 */
#include "data/json_plain.h"

#include "data/value.h"

/* Members whose place is remembered, and the most bytes before a value that are. */
#define PLACE_COUNT 256
#define PLACE_WORDS 4
#define PLACE_SIZE (8 * PLACE_WORDS)
/* Where a member is looked for: keys that a record may leave out do not make all after them unknown. */
#define PLACE_STEPS 3
/* Larger records are left to the parser: what is around it costs them little. */
#define RECORD_SIZE_MAX ((size_t)64 << 10)
/* Digits that fit into 64 bits; numbers with more go the other way. */
#define DIGIT_COUNT_MAX 18
/* 2^53: doubles up to here are integers without gaps. */
#define MANTISSA_MAX (UINT64_C(1) << 53)
/* A source whose records are not plain: after so many in succession only every n-th one is looked at. */
#define MISS_COUNT_MAX 32
#define MISS_PERIOD 64

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* What stands before the value of a member, from the end of the value before it. An unused one is nowhere: its first
 * word has a bit that its mask has not. */
struct place {
    uint64_t words[PLACE_WORDS], masks[PLACE_WORDS];
    size_t size;
    int32_t column; /* -1: none */
};

struct ps_json_plain {
    const struct ps_names *names;
    const bool *is_json;
    bool keeps_unknown;
    size_t rest_column;
    struct place *places; /* PLACE_COUNT, and PLACE_STEPS that stay unused */
    char *copy;           /* of the record at hand, RECORD_SIZE_MAX bytes and the zeros */
    const char *raw;      /* what it is a copy of */
    /* Per column, of the record at hand: turn means null, turn + 1 a value, less nothing. */
    uint64_t *marks;
    uint64_t turn;
    size_t value_count;
    uint32_t miss_count; /* in succession */
};

struct ps_json_plain *ps_json_plain_new(const struct ps_names *names, const bool *is_json, bool keeps_unknown,
                                        size_t rest_column) {
    struct ps_json_plain *plain = ps_allocate(1, sizeof(*plain));
    if (plain == NULL) {
        return NULL;
    }
    plain->names = names;
    plain->is_json = is_json;
    plain->keeps_unknown = keeps_unknown;
    plain->rest_column = rest_column;
    plain->marks = ps_allocate(names->schema->column_count + 1, sizeof(*plain->marks));
    plain->places = ps_allocate(PLACE_COUNT + PLACE_STEPS, sizeof(*plain->places));
    plain->copy = ps_reallocate(NULL, RECORD_SIZE_MAX + PLACE_SIZE, 1);
    if (plain->marks == NULL || plain->places == NULL || plain->copy == NULL) {
        ps_json_plain_free(plain);
        return NULL;
    }
    for (size_t i = 0; i < PLACE_COUNT + PLACE_STEPS; i++) {
        plain->places[i].words[0] = 1;
    }
    return plain;
}

void ps_json_plain_free(struct ps_json_plain *plain) {
    if (plain != NULL) {
        ps_release(plain->marks);
        ps_release(plain->places);
        ps_release(plain->copy);
        ps_release(plain);
    }
}

/* --- eight bytes at once ----------------------------------------------------------------------------------------- */

/* The first byte is the lowest, on any machine. */
static inline uint64_t load(const char *from) {
    uint64_t value;
    memcpy(&value, from, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

/* The lowest bit that is set is in the first byte that does not stand for itself in a text: a quote, a backslash, a
 * control character, above 0x7F. (Bits above it may be wrong: a subtraction borrows from the next byte.) */
static inline uint64_t find_special(uint64_t word) {
    const uint64_t quote = (word ^ EACH_BYTE('"')) - EACH_BYTE(1);
    const uint64_t backslash = (word ^ EACH_BYTE('\\')) - EACH_BYTE(1);
    const uint64_t control = word - EACH_BYTE(0x20);
    return (quote | backslash | control | word) & EACH_BYTE(0x80);
}

/* The high bit of every byte that is no digit; *values_out: the bytes less '0'. */
static inline uint64_t find_other(uint64_t word, uint64_t *values_out) {
    const uint64_t values = word ^ EACH_BYTE('0');
    *values_out = values;
    return (((values & EACH_BYTE(0x7F)) + EACH_BYTE(0x76)) | values) & EACH_BYTE(0x80);
}

static inline size_t first_of(uint64_t found) {
    return (size_t)__builtin_ctzll(found) / 8;
}

/* Eight digits as bytes, the first the lowest: to pairs, to fours, to one (D. Lemire, "Quickly parsing eight digits",
 * 2018). */
static inline uint64_t join_digits(uint64_t values) {
    values = (values * 10 + (values >> 8)) & UINT64_C(0x00FF00FF00FF00FF);
    values = (values * 100 + (values >> 16)) & UINT64_C(0x0000FFFF0000FFFF);
    return (values * 10000 + (values >> 32)) & UINT64_C(0xFFFFFFFF);
}

/* --- pieces of a record ------------------------------------------------------------------------------------------ */

static inline void skip_blank(const char **at) {
    while ((unsigned char)**at <= ' ' && (**at == ' ' || **at == '\t' || **at == '\n' || **at == '\r')) {
        (*at)++;
    }
}

static inline bool skip_character(const char **at, char character) {
    const bool is_there = **at == character;
    *at += is_there ? 1 : 0;
    return is_there;
}

/* Of a text from behind its opening quote to behind the closing one. */
static inline bool scan_text(const char **at, struct ps_bytes *text_out) {
    const char *end = *at;
    uint64_t found = find_special(load(end));
    while (found == 0) {
        end += 8;
        found = find_special(load(end));
    }
    end += first_of(found);
    *text_out = (struct ps_bytes){*at, (size_t)(end - *at)};
    *at = end + 1;
    return *end == '"';
}

/* Digits are appended to *value, which wraps when they are too many. Gives their number. */
static inline size_t scan_digits(const char **at, uint64_t *value) {
    static const uint64_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    const char *first = *at;
    uint64_t values;
    uint64_t found = find_other(load(*at), &values);
    while (found == 0) {
        *value = *value * 100000000 + join_digits(values);
        *at += 8;
        found = find_other(load(*at), &values);
    }
    const size_t count = first_of(found);
    *value = *value * powers[count] + join_digits((values << (56 - 8 * count)) << 8);
    *at += count;
    return (size_t)(*at - first);
}

/* JSON's grammar of numbers, nothing else. Lengths and signs change from record to record, so that it costs more to
 * guess them than to compute with them: the branches here are on what a member mostly has, or never. *digits: without
 * the dot, and of no use if there are more than DIGIT_COUNT_MAX of them. *has_exponent: the digits are not all. */
static inline bool scan_number(const char **at, uint64_t *digits, size_t *digit_count, size_t *fraction_count,
                               bool *has_exponent) {
    *at += **at == '-' ? 1 : 0;
    /* one of them is the most behind a zero, and the least */
    const size_t more_max = **at == '0' ? 0 : SIZE_MAX - 1;
    *digit_count = scan_digits(at, digits);
    if (*digit_count - 1 > more_max) {
        return false;
    }
    if (**at == '.') {
        (*at)++;
        *fraction_count = scan_digits(at, digits);
        *digit_count += *fraction_count;
        if (*fraction_count == 0) {
            return false;
        }
    }
    if ((**at | 0x20) == 'e') {
        uint64_t exponent = 0;
        (*at)++;
        *at += **at == '-' || **at == '+' ? 1 : 0;
        *has_exponent = true;
        return scan_digits(at, &exponent) > 0;
    }
    return true;
}

static inline bool scan_null(const char **at) {
    const bool is_good = (uint32_t)load(*at) == (uint32_t)load("null    ");
    *at += is_good ? 4 : 0;
    return is_good;
}

static inline bool scan_boolean(const char **at, bool *is_true_out) {
    const uint64_t word = load(*at);
    const bool is_true = (uint32_t)word == (uint32_t)load("true    ");
    const bool is_false = ((word ^ load("false   ")) << 24) == 0;
    *is_true_out = is_true;
    *at += is_true ? 4 : is_false ? 5 : 0;
    return is_true | is_false;
}

/* --- values ------------------------------------------------------------------------------------------------------ */

/* The same bytes in the record, which stays as long as the batch. */
static inline struct ps_bytes in_record(const struct ps_json_plain *plain, struct ps_bytes text) {
    return (struct ps_bytes){plain->raw + (text.data - plain->copy), text.size};
}

static inline void set_text(struct ps_batch *batch, size_t column, struct ps_bytes text) {
    ((struct ps_bytes *)batch->columns[column].values)[batch->row_count] = text;
}

/* The number that was written `text`: with a fraction, digits over a power of ten. */
static inline bool set_number(struct ps_batch *batch, size_t column, struct ps_bytes text, uint64_t digits,
                              size_t fraction_count) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                    1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
    static const double signs[] = {1, -1};
    const enum ps_type type = batch->columns[column].type;
    void *values = batch->columns[column].values;
    const int64_t row = batch->row_count;
    const int64_t is_negative = text.data[0] == '-' ? 1 : 0;
    if (fraction_count == 0) {
        const int64_t value = ((int64_t)digits ^ -is_negative) + is_negative;
        return ps_value_of_integer(type, value, values, row) == PS_VALUE_OK;
    }
    if (digits > MANTISSA_MAX) {
        return ps_value_of_text(type, text, values, row) == PS_VALUE_OK;
    }
    const double value = (double)(int64_t)digits / powers[fraction_count] * signs[is_negative];
    if (type == PS_TYPE_DOUBLE) {
        ((double *)values)[row] = value;
        return true;
    }
    return ps_value_of_double(type, value, values, row) == PS_VALUE_OK;
}

static inline bool take_number(const struct ps_json_plain *plain, const char **at, struct ps_batch *batch,
                               size_t column) {
    const char *first = *at;
    uint64_t digits = 0;
    size_t digit_count = 0, fraction_count = 0;
    bool has_exponent = false;
    if (!scan_number(at, &digits, &digit_count, &fraction_count, &has_exponent)) {
        return false;
    }
    const enum ps_type type = batch->columns[column].type;
    const struct ps_bytes text = in_record(plain, (struct ps_bytes){first, (size_t)(*at - first)});
    if (ps_type_is_bytes(type)) {
        set_text(batch, column, text);
        return true;
    }
    if (digit_count <= DIGIT_COUNT_MAX && !has_exponent) {
        return set_number(batch, column, text, digits, fraction_count);
    }
    return ps_value_of_text(type, text, batch->columns[column].values, batch->row_count) == PS_VALUE_OK;
}

static bool set_boolean(struct ps_batch *batch, size_t column, bool is_true) {
    const enum ps_type type = batch->columns[column].type;
    if (ps_type_is_bytes(type)) {
        set_text(batch, column, is_true ? PS_BYTES("true") : PS_BYTES("false"));
        return true;
    }
    if (type != PS_TYPE_BOOLEAN) {
        return false;
    }
    ((uint8_t *)batch->columns[column].values)[batch->row_count] = is_true ? 1 : 0;
    return true;
}

static inline bool set_scanned_text(const struct ps_json_plain *plain, struct ps_batch *batch, size_t column,
                                    struct ps_bytes text) {
    const enum ps_type type = batch->columns[column].type;
    if (plain->is_json[column]) {
        return false;
    }
    if (type == PS_TYPE_VARCHAR) {
        set_text(batch, column, text);
        return true;
    }
    return ps_value_of_text(type, text, batch->columns[column].values, batch->row_count) == PS_VALUE_OK;
}

/* The value at hand, which must be a scalar. */
static inline bool skip_value(const char **at) {
    const char first = **at;
    struct ps_bytes text;
    uint64_t digits = 0;
    size_t digit_count = 0, fraction_count = 0;
    bool is_true, has_exponent = false;
    if (first == '"') {
        (*at)++;
        return scan_text(at, &text);
    }
    if (first == 'n') {
        return scan_null(at);
    }
    return (first == 't') | (first == 'f')
               ? scan_boolean(at, &is_true)
               : scan_number(at, &digits, &digit_count, &fraction_count, &has_exponent);
}

/* The same, into its column. */
static inline bool take_value(struct ps_json_plain *plain, const char **at, struct ps_batch *batch,
                              size_t column) {
    const char first = **at;
    if (first == 'n') {
        plain->marks[column] = plain->turn;
        return scan_null(at);
    }
    plain->marks[column] = plain->turn + 1;
    plain->value_count++;
    if (first == '"') {
        struct ps_bytes text;
        (*at)++;
        return scan_text(at, &text) && set_scanned_text(plain, batch, column, in_record(plain, text));
    }
    if ((first == 't') | (first == 'f')) {
        bool is_true;
        return scan_boolean(at, &is_true) && set_boolean(batch, column, is_true);
    }
    return take_number(plain, at, batch, column);
}

/* --- keys -------------------------------------------------------------------------------------------------------- */

static inline bool is_place(const struct place *place, const char *at) {
    if ((load(at) & place->masks[0]) != place->words[0] ||
        (load(at + 8) & place->masks[1]) != place->words[1]) {
        return false;
    }
    return place->size <= 16 || ((load(at + 16) & place->masks[2]) == place->words[2] &&
                                 (load(at + 24) & place->masks[3]) == place->words[3]);
}

/* The remembered place that this is, among the next ones. */
static const struct place *find_place(const struct place *from, size_t step_count, const char *at) {
    for (size_t i = 0; i < step_count; i++) {
        if (is_place(&from[i], at)) {
            return &from[i];
        }
    }
    return NULL;
}

static void remember_place(struct place *place, struct ps_bytes text, int32_t column) {
    if (text.size > PLACE_SIZE) {
        return;
    }
    char bytes[PLACE_SIZE] = {0};
    memcpy(bytes, text.data, text.size);
    place->size = text.size;
    place->column = column;
    for (size_t i = 0; i < PLACE_WORDS; i++) {
        const size_t used = text.size > 8 * i ? text.size - 8 * i : 0;
        place->words[i] = load(bytes + 8 * i);
        place->masks[i] = used >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * used)) - 1;
    }
}

/* What is before a value, as the grammar has it; remembered at `place`, unless there is none. *is_end_out: there is no
 * member any more, only the brace. */
static bool scan_key(const struct ps_json_plain *plain, const char **at, bool is_first, struct place *place,
                     bool *is_end_out, int32_t *column_out) {
    const char *first = *at;
    struct ps_bytes key;
    bool is_exact;
    skip_blank(at);
    if (is_first) {
        if (!skip_character(at, '{')) {
            return false;
        }
        skip_blank(at);
    }
    *is_end_out = skip_character(at, '}');
    if (*is_end_out) {
        return true;
    }
    if (!is_first) {
        if (!skip_character(at, ',')) {
            return false;
        }
        skip_blank(at);
    }
    if (!skip_character(at, '"') || !scan_text(at, &key)) {
        return false;
    }
    skip_blank(at);
    if (!skip_character(at, ':')) {
        return false;
    }
    skip_blank(at);
    *column_out = ps_names_find(plain->names, key, &is_exact);
    if (place != NULL) {
        remember_place(place, (struct ps_bytes){first, (size_t)(*at - first)}, *column_out);
    }
    return true;
}

/* --- a record ---------------------------------------------------------------------------------------------------- */

/* The first place begins with the brace of the record: it is the only one that may be first, and is no other one. */
static bool take_members(struct ps_json_plain *plain, const char **at, struct ps_batch *batch) {
    struct place *const end = plain->places + PLACE_COUNT;
    struct place *next = plain->places;
    bool is_first = true, is_end = false;
    for (;;) {
        int32_t column;
        const struct place *place = is_place(next, *at) ? next
                                    : is_first          ? NULL
                                                        : find_place(next + 1, PLACE_STEPS - 1, *at);
        if (place != NULL) {
            *at += place->size;
            column = place->column;
            next = plain->places + (place - plain->places) + 1;
            skip_blank(at); /* here may be more of it than there was */
        } else {
            if (!scan_key(plain, at, is_first, next < end ? next : NULL, &is_end, &column)) {
                return false;
            }
            if (is_end) {
                return true;
            }
            next += next < end ? 1 : 0;
        }
        is_first = false;
        if (column < 0
                ? plain->keeps_unknown || !skip_value(at)
                : plain->marks[column] >= plain->turn || !take_value(plain, at, batch, (size_t)column)) {
            return false;
        }
    }
}

/* Columns without a value are NULL, if they may be. Only then something but the values at the end is touched. */
static bool take_missing(const struct ps_json_plain *plain, struct ps_batch *batch) {
    const struct ps_schema *schema = plain->names->schema;
    if (plain->value_count < schema->column_count) {
        for (size_t i = 0; i < schema->column_count; i++) {
            if (schema->columns[i].not_null && plain->marks[i] <= plain->turn) {
                return false;
            }
        }
        for (size_t i = 0; i < schema->column_count; i++) {
            if (plain->marks[i] <= plain->turn) {
                ps_batch_set_null(batch, i);
            }
        }
    }
    if (plain->rest_column != 0) {
        ps_batch_set_null(batch, plain->rest_column - 1);
    }
    return true;
}

static bool take_record(struct ps_json_plain *plain, struct ps_batch *batch, struct ps_bytes raw) {
    const char *at = plain->copy;
    memcpy(plain->copy, raw.data, raw.size);
    memset(plain->copy + raw.size, 0, PLACE_SIZE);
    plain->raw = raw.data;
    plain->turn += 2;
    plain->value_count = 0;
    if (!take_members(plain, &at, batch)) {
        return false;
    }
    skip_blank(&at);
    return at == plain->copy + raw.size && take_missing(plain, batch);
}

penstock_code ps_json_plain_decode(struct ps_json_plain *plain, struct ps_batch *batch,
                                   struct ps_record record, bool *is_taken_out,
                                   struct penstock_error *error) {
    *is_taken_out = false;
    if (record.raw.size == 0 || record.raw.size > RECORD_SIZE_MAX) {
        return PENSTOCK_OK;
    }
    if (plain->miss_count >= MISS_COUNT_MAX && plain->miss_count % MISS_PERIOD != 0) {
        plain->miss_count++;
        return PENSTOCK_OK;
    }
    PS_TRY(ps_batch_begin_row(batch, error));
    if (!take_record(plain, batch, record.raw)) {
        plain->miss_count++;
        return PENSTOCK_OK;
    }
    plain->miss_count = 0;
    ps_batch_end_row(batch, record);
    *is_taken_out = true;
    return PENSTOCK_OK;
}
