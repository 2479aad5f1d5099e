/* SPDX-License-Identifier: Apache-2.0
 *
 * literal.c - names, strings, numbers, intervals and setting lists inside statement heads.
 */
#include <math.h>

#include "base/check.h"
#include "job/cursor.h"

static bool hex_digit(char c, uint32_t *value_out) {
    if (c >= '0' && c <= '9') {
        *value_out = (uint32_t)(c - '0');
    } else if (c >= 'a' && c <= 'f') {
        *value_out = (uint32_t)(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
        *value_out = (uint32_t)(c - 'A') + 10;
    } else {
        return false;
    }
    return true;
}

/* One backslash escape of an E'' string at text[0] (behind the backslash); the bytes it took. */
static size_t read_escape(const char *text, size_t size, char *byte_out) {
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *known = text[0] != '\0' ? strchr(from, text[0]) : NULL;
    uint32_t high, low;
    if (known != NULL) {
        *byte_out = to[known - from];
        return 1;
    }
    if (text[0] == 'x' && size >= 3 && hex_digit(text[1], &high) && hex_digit(text[2], &low)) {
        *byte_out = (char)(unsigned char)(high * 16 + low);
        return 3;
    }
    *byte_out = text[0];
    return 1;
}

/* The content of a quoted token: 'it''s', "a""b", E'a\n', $$x$$. NULL when out of memory. */
static const char *unquote(struct ps_cursor *cursor, struct ps_token token) {
    const char *text = cursor->script->text + token.offset;
    size_t size = token.size;
    if (text[0] == '$') {
        const char *tag_end = memchr(text + 1, '$', size - 1);
        const size_t tag_size = tag_end == NULL ? 1 : (size_t)(tag_end - text) + 1;
        return ps_arena_copy_size(cursor->arena, text + tag_size, size - 2 * tag_size);
    }
    const bool has_escapes = text[0] != '\'' && text[0] != '"';
    text += has_escapes ? 2 : 1;
    size -= has_escapes ? 3 : 2;
    const char quote = text[-1];
    char *out = ps_arena_allocate(cursor->arena, size + 1, 1);
    if (out == NULL) {
        return NULL;
    }
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        if (has_escapes && text[i] == '\\' && i + 1 < size) {
            i += read_escape(text + i + 1, size - i - 1, &out[count++]);
        } else {
            out[count++] = text[i];
            i += text[i] == quote ? 1 : 0;
        }
    }
    return out;
}

penstock_code ps_cursor_name(struct ps_cursor *cursor, const char *what, const char **name_out) {
    const struct ps_token token = ps_cursor_peek(cursor, 0);
    if (token.kind != PS_TOKEN_WORD && token.kind != PS_TOKEN_NAME) {
        return ps_cursor_unexpected(cursor, what);
    }
    const char *name = token.kind == PS_TOKEN_NAME ? unquote(cursor, token)
                                                   : ps_cursor_text(cursor, cursor->next, cursor->next + 1);
    if (name == NULL) {
        return ps_error_memory(cursor->error, "a name");
    }
    if (name[0] == '\0') {
        return ps_cursor_unexpected(cursor, what);
    }
    cursor->next++;
    *name_out = name;
    return PENSTOCK_OK;
}

penstock_code ps_cursor_string(struct ps_cursor *cursor, const char *what, const char **text_out) {
    const struct ps_token token = ps_cursor_peek(cursor, 0);
    if (token.kind != PS_TOKEN_STRING) {
        return ps_cursor_unexpected(cursor, what);
    }
    const char *text = unquote(cursor, token);
    if (text == NULL) {
        return ps_error_memory(cursor->error, "a string");
    }
    cursor->next++;
    *text_out = text;
    return PENSTOCK_OK;
}

/* INF, INFINITY and NAN are values of some parameters (the splits of a Bucketizer); NULL if it is none. */
static const char *special_number(const struct ps_cursor *cursor, size_t ahead) {
    if (ps_cursor_is_word(cursor, ahead, "INF") || ps_cursor_is_word(cursor, ahead, "INFINITY")) {
        return "inf";
    }
    return ps_cursor_is_word(cursor, ahead, "NAN") ? "nan" : NULL;
}

/* A sign and a number as text; false if the next tokens are none. */
static bool read_signed(struct ps_cursor *cursor, const char **text_out) {
    const size_t sign_count = ps_cursor_is_sign(cursor, 0, '-') || ps_cursor_is_sign(cursor, 0, '+') ? 1 : 0;
    const char *digits = special_number(cursor, sign_count);
    const bool is_special = digits != NULL;
    if (!is_special && ps_cursor_peek(cursor, sign_count).kind != PS_TOKEN_NUMBER) {
        return false;
    }
    const char *sign = ps_cursor_is_sign(cursor, 0, '-') ? "-" : "";
    digits = is_special ? digits
                        : ps_cursor_text(cursor, cursor->next + sign_count, cursor->next + sign_count + 1);
    *text_out = digits == NULL ? NULL : ps_arena_printf(cursor->arena, "%s%s", sign, digits);
    double value;
    return is_special || (*text_out != NULL && ps_parse_double(*text_out, &value));
}

penstock_code ps_cursor_number(struct ps_cursor *cursor, const char *what, double *value_out) {
    const char *text = NULL;
    double value = 0;
    if (!read_signed(cursor, &text) || text == NULL || !ps_parse_double(text, &value)) {
        return ps_cursor_unexpected(cursor, what);
    }
    cursor->next += ps_cursor_peek(cursor, 0).kind == PS_TOKEN_SIGN ? 2 : 1;
    *value_out = value;
    return PENSTOCK_OK;
}

penstock_code ps_cursor_literal(struct ps_cursor *cursor, const char **text_out) {
    static const char expected[] = "a value (a number, a 'string', TRUE, FALSE or NULL)";
    const struct ps_token token = ps_cursor_peek(cursor, 0);
    if (token.kind == PS_TOKEN_STRING) {
        return ps_cursor_string(cursor, expected, text_out);
    }
    const char *text = NULL;
    if (read_signed(cursor, &text)) {
        cursor->next += token.kind == PS_TOKEN_SIGN ? 2 : 1;
    } else if (ps_cursor_accept(cursor, "TRUE")) {
        text = "true";
    } else if (ps_cursor_accept(cursor, "FALSE")) {
        text = "false";
    } else if (ps_cursor_accept(cursor, "NULL")) {
        text = "NULL";
    } else {
        ps_cursor_unexpected(cursor, expected);
        if (token.kind == PS_TOKEN_WORD || token.kind == PS_TOKEN_NAME) {
            const bool is_quoted = token.kind == PS_TOKEN_NAME;
            ps_error_hint(cursor->error, "text needs single quotes: '%.*s'",
                          (int)token.size - (is_quoted ? 2 : 0),
                          cursor->script->text + token.offset + (is_quoted ? 1 : 0));
        }
        return PENSTOCK_INVALID_PROJECT;
    }
    *text_out = text;
    return text != NULL ? PENSTOCK_OK : ps_error_memory(cursor->error, "a value");
}

penstock_code ps_cursor_interval_ms(struct ps_cursor *cursor, int64_t *ms_out) {
    static const char *const names[] = {"MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", NULL};
    static const double sizes[] = {1, 1000, 60000, 3600000, 86400000, 604800000};
    static const char expected[] = "an interval such as INTERVAL 30 SECOND";
    const struct ps_location start = ps_cursor_location(cursor);
    PS_TRY(ps_cursor_expect(cursor, "INTERVAL"));
    const char *amount = NULL, *unit = NULL;
    if (ps_cursor_peek(cursor, 0).kind == PS_TOKEN_STRING) {
        PS_TRY(ps_cursor_string(cursor, expected, &amount));
        const size_t digits = strspn(amount, " +-.0123456789");
        unit = ps_arena_copy(cursor->arena, amount + digits);
        amount = ps_arena_copy_size(cursor->arena, amount, digits);
    } else if (!read_signed(cursor, &amount)) {
        return ps_cursor_unexpected(cursor, expected);
    } else {
        cursor->next += ps_cursor_peek(cursor, 0).kind == PS_TOKEN_SIGN ? 2 : 1;
        unit = "";
    }
    if (amount == NULL || unit == NULL) {
        return ps_error_memory(cursor->error, "an interval");
    }
    if (unit[0] == '\0' && ps_cursor_peek(cursor, 0).kind == PS_TOKEN_WORD) {
        PS_TRY(ps_cursor_name(cursor, expected, &unit));
    }
    char *trimmed = ps_arena_copy(cursor->arena, amount + strspn(amount, " "));
    if (trimmed == NULL) {
        return ps_error_memory(cursor->error, "an interval");
    }
    trimmed[strcspn(trimmed, " ")] = '\0';
    double value = 0;
    for (size_t i = 0; names[i] != NULL; i++) {
        const size_t size = strlen(names[i]);
        const bool is_plural = strlen(unit) == size + 1 && (unit[size] | 0x20) == 's';
        if ((strlen(unit) == size || is_plural) && strncasecmp(unit, names[i], size) == 0 &&
            ps_parse_double(trimmed, &value)) {
            if (value < 0 || value * sizes[i] > 9e15) {
                return ps_cursor_fail(cursor, start, "the interval is %s",
                                      value < 0 ? "negative" : "too long");
            }
            *ms_out = (int64_t)llround(value * sizes[i]);
            return PENSTOCK_OK;
        }
    }
    return ps_cursor_fail(cursor, start,
                          "this is not an interval of MILLISECOND, SECOND, MINUTE, HOUR, DAY or WEEK");
}

/* properties.bootstrap.servers, scan.startup-mode, 'any.text'. */
static penstock_code read_setting_name(struct ps_cursor *cursor, const char **name_out) {
    static const char expected[] = "the name of a setting";
    if (ps_cursor_peek(cursor, 0).kind == PS_TOKEN_STRING) {
        return ps_cursor_string(cursor, expected, name_out);
    }
    if (ps_cursor_peek(cursor, 0).kind == PS_TOKEN_NAME) {
        return ps_cursor_name(cursor, expected, name_out);
    }
    const size_t first = cursor->next;
    const char *part = NULL;
    do {
        PS_TRY(ps_cursor_name(cursor, expected, &part));
    } while (ps_cursor_accept_sign(cursor, '.') || ps_cursor_accept_sign(cursor, '-'));
    *name_out = ps_cursor_text(cursor, first, cursor->next);
    return *name_out != NULL ? PENSTOCK_OK : ps_error_memory(cursor->error, "a setting");
}

penstock_code ps_cursor_settings(struct ps_cursor *cursor, struct ps_setting **settings_out,
                                 size_t *count_out) {
    PS_TRY(ps_cursor_expect_sign(cursor, '('));
    const size_t count_max = ps_cursor_count_items(cursor);
    struct ps_setting *settings = ps_arena_allocate(cursor->arena, count_max, sizeof *settings);
    if (settings == NULL) {
        return ps_error_memory(cursor->error, "settings");
    }
    size_t count = 0;
    do {
        ps_check(count < count_max);
        struct ps_setting *setting = &settings[count];
        setting->location = ps_cursor_location(cursor);
        PS_TRY(read_setting_name(cursor, &setting->name));
        PS_TRY(ps_cursor_expect_sign(cursor, '='));
        PS_TRY(ps_cursor_literal(cursor, &setting->value));
        for (size_t i = 0; i < count; i++) {
            if (ps_option_name_equal(settings[i].name, setting->name)) {
                return ps_cursor_fail(cursor, setting->location, "'%s' is set twice, first in line %d",
                                      setting->name, (int)settings[i].location.line);
            }
        }
        count++;
    } while (ps_cursor_accept_sign(cursor, ','));
    if (!ps_cursor_accept_sign(cursor, ')')) {
        return ps_cursor_unexpected(cursor, "',' or ')'");
    }
    *settings_out = settings;
    *count_out = count;
    return PENSTOCK_OK;
}
