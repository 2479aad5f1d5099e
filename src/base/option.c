/* SPDX-License-Identifier: Apache-2.0
 *
 * option.c - one table of rows: finding, parsing, checking, describing.
 */
#include "base/option.h"

#include <stdio.h>

#include "base/check.h"

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool ps_option_name_equal(const char *left, const char *right) {
    for (;;) {
        while (*left == '_' || *left == '-') {
            left++;
        }
        while (*right == '_' || *right == '-') {
            right++;
        }
        if (lower(*left) != lower(*right)) {
            return false;
        }
        if (*left == '\0') {
            return true;
        }
        left++;
        right++;
    }
}

const struct ps_option *ps_option_find(const struct ps_option *rows, const char *name) {
    for (; rows != NULL && rows->name != NULL; rows++) {
        if (ps_option_name_equal(rows->name, name)) {
            return rows;
        }
    }
    return NULL;
}

const char *ps_option_nearest(const struct ps_option *rows, const char *name) {
    enum { NAME_COUNT_MAX = 128 };
    const char *names[NAME_COUNT_MAX + 1];
    size_t count = 0;
    for (; rows != NULL && rows->name != NULL && count < NAME_COUNT_MAX; rows++) {
        names[count++] = rows->name;
    }
    names[count] = NULL;
    return ps_nearest(name, names);
}

static bool parse_boolean(const char *text, bool *value_out) {
    static const char *const words[] = {"true", "on", "yes", "1", "false", "off", "no", "0"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (ps_text_equal_nocase(text, words[i])) {
            *value_out = i < 4;
            return true;
        }
    }
    return false;
}

/* The choice as the table spells it, in the arena; NULL if `value` is none. */
static const char *find_choice(const char *choices, const char *value, struct ps_arena *arena) {
    for (const char *start = choices; start != NULL;) {
        const char *end = strchr(start, '|');
        const size_t size = end != NULL ? (size_t)(end - start) : strlen(start);
        char *choice = ps_arena_copy_size(arena, start, size);
        if (choice != NULL && ps_option_name_equal(choice, value)) {
            return choice;
        }
        start = end != NULL ? end + 1 : NULL;
    }
    return NULL;
}

static penstock_code wrong_value(const struct ps_option *row, const char *value, struct penstock_error *error) {
    struct ps_buffer expected PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&expected, 1024);
    ps_option_describe(row, &expected);
    (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "%s = %s%s%s is not valid: expected %s", row->name,
                       row->is_secret ? "" : "'", row->is_secret ? "(secret)" : value, row->is_secret ? "" : "'",
                       expected.data != NULL ? expected.data : "another value");
    return PENSTOCK_INVALID_ARGUMENT;
}

static bool in_range(const struct ps_option *row, double value) {
    const bool is_any = row->value_min >= 0.0 && row->value_min <= 0.0 && row->value_max >= 0.0 && row->value_max <= 0.0;
    return is_any || (value >= row->value_min && value <= row->value_max);
}

static penstock_code set_number(const struct ps_option *row, void *field, const char *value, struct penstock_error *error) {
    int64_t number = 0;
    const bool is_number = row->type == PS_OPTION_SIZE       ? ps_parse_size(value, &number)
                           : row->type == PS_OPTION_DURATION ? ps_parse_duration(value, &number)
                                                             : ps_parse_integer(value, &number);
    if (!is_number || !in_range(row, (double)number)) {
        return wrong_value(row, value, error);
    }
    memcpy(field, &number, sizeof number);
    return PENSTOCK_OK;
}

static penstock_code set_field(const struct ps_option *row, void *config, const char *value, struct ps_arena *arena,
                               struct penstock_error *error) {
    void *field = (char *)config + row->offset;
    switch (row->type) {
    case PS_OPTION_BOOLEAN: {
        bool flag;
        if (!parse_boolean(value, &flag)) {
            return wrong_value(row, value, error);
        }
        memcpy(field, &flag, sizeof flag);
        return PENSTOCK_OK;
    }
    case PS_OPTION_INTEGER:
    case PS_OPTION_SIZE:
    case PS_OPTION_DURATION: return set_number(row, field, value, error);
    case PS_OPTION_DOUBLE: {
        double number;
        if (!ps_parse_double(value, &number) || !in_range(row, number)) {
            return wrong_value(row, value, error);
        }
        memcpy(field, &number, sizeof number);
        return PENSTOCK_OK;
    }
    case PS_OPTION_TEXT:
    case PS_OPTION_CHOICE: {
        const char *text = row->type == PS_OPTION_TEXT ? ps_arena_copy(arena, value) : find_choice(row->choices, value, arena);
        if (text == NULL) {
            return row->type == PS_OPTION_TEXT ? ps_error_memory(error, row->name) : wrong_value(row, value, error);
        }
        memcpy(field, &text, sizeof text);
        return PENSTOCK_OK;
    }
    }
    ps_check(false);
    return PENSTOCK_INTERNAL;
}

penstock_code ps_option_defaults(const struct ps_option *rows, void *config, struct ps_arena *arena,
                                 struct penstock_error *error) {
    for (; rows != NULL && rows->name != NULL; rows++) {
        if (rows->default_text != NULL) {
            PS_TRY(set_field(rows, config, rows->default_text, arena, error));
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_option_set(const struct ps_option *rows, void *config, const char *name, const char *value,
                            struct ps_arena *arena, struct penstock_error *error) {
    const struct ps_option *row = ps_option_find(rows, name);
    if (row == NULL) {
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "there is no option %s", name);
        const char *near = ps_option_nearest(rows, name);
        if (near != NULL) {
            (void)ps_error_hint(error, "did you mean %s?", near);
        }
        return PENSTOCK_INVALID_ARGUMENT;
    }
    return set_field(row, config, value, arena, error);
}

void ps_option_describe(const struct ps_option *row, struct ps_buffer *out) {
    switch (row->type) {
    case PS_OPTION_BOOLEAN: ps_buffer_text(out, "true or false"); break;
    case PS_OPTION_INTEGER: ps_buffer_text(out, "an integer"); break;
    case PS_OPTION_DOUBLE: ps_buffer_text(out, "a number"); break;
    case PS_OPTION_TEXT: ps_buffer_text(out, "text"); break;
    case PS_OPTION_SIZE: ps_buffer_text(out, "a size such as 512m or 4g"); break;
    case PS_OPTION_DURATION: ps_buffer_text(out, "a duration such as '100 ms' or '5 min'"); break;
    case PS_OPTION_CHOICE: {
        ps_buffer_text(out, "one of ");
        for (const char *c = row->choices; *c != '\0'; c++) {
            ps_buffer_add(out, *c == '|' ? ", " : c, *c == '|' ? 2 : 1);
        }
        break;
    }
    }
    if (row->value_min < 0.0 || row->value_min > 0.0 || row->value_max < 0.0 || row->value_max > 0.0) {
        ps_buffer_printf(out, ", %.15g to %.15g", row->value_min, row->value_max);
    }
    if (row->default_text != NULL && !row->is_secret) {
        ps_buffer_printf(out, ", default %s", row->default_text[0] != '\0' ? row->default_text : "''");
    }
}
