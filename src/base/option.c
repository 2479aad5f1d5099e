/* SPDX-License-Identifier: Apache-2.0
 *
 * option.c - reads one value of an option table, or says in one sentence why it is none.
 *
 * A value is parsed fully before the field is written, so a refused value leaves the old one. Secret values
 * never appear in an error, whatever is wrong with them.
 */
#include "base/option.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>

bool ps_option_name_equal(const char *left, const char *right) {
    for (;;) {
        left += strspn(left, "_");
        right += strspn(right, "_");
        const char pair[2][2] = {{*left, '\0'}, {*right, '\0'}};
        if (!ps_text_equal_nocase(pair[0], pair[1])) {
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
    for (const struct ps_option *row = rows; row->name != NULL; row++) {
        if (ps_option_name_equal(row->name, name)) {
            return row;
        }
    }
    return NULL;
}

const char *ps_option_nearest(const struct ps_option *rows, const char *name) {
    const char *nearest = NULL;
    size_t distance_min = SIZE_MAX;
    for (const struct ps_option *row = rows; row->name != NULL; row++) {
        size_t distance;
        if (ps_text_is_near(name, row->name, &distance) && distance < distance_min) {
            nearest = row->name;
            distance_min = distance;
        }
    }
    return nearest;
}

static const char *type_name(enum ps_option_type type) {
    switch (type) {
    case PS_OPTION_BOOLEAN: return "true or false";
    case PS_OPTION_INTEGER: return "integer";
    case PS_OPTION_DOUBLE: return "number";
    case PS_OPTION_TEXT: return "text";
    case PS_OPTION_CHOICE: return "one of";
    case PS_OPTION_SIZE: return "size";
    case PS_OPTION_DURATION: return "duration";
    default: return "value";
    }
}

static const char *type_example(enum ps_option_type type) {
    switch (type) {
    case PS_OPTION_BOOLEAN: return "true, false, on, off, yes, no";
    case PS_OPTION_INTEGER: return "3";
    case PS_OPTION_DOUBLE: return "0.5";
    case PS_OPTION_SIZE: return "512m, 4g, 64KiB";
    case PS_OPTION_DURATION: return "100 ms, 2s, 5 min, 1h";
    case PS_OPTION_TEXT:
    case PS_OPTION_CHOICE:
    default: return "";
    }
}

static bool parse_boolean(const char *text, bool *value_out) {
    static const char *const words[2][4] = {{"false", "off", "no", "0"}, {"true", "on", "yes", "1"}};
    for (size_t value = 0; value < 2; value++) {
        for (size_t index = 0; index < 4; index++) {
            if (ps_text_equal_nocase(text, words[value][index])) {
                *value_out = value == 1;
                return true;
            }
        }
    }
    return false;
}

/* --- ranges ------------------------------------------------------------------------------------------- */

static bool has_range(const struct ps_option *row) {
    return row->value_min != 0 || row->value_max != 0; /* exact: both are literals of a table */
}

/* A bound as its option would be written: bytes and milliseconds get a unit. */
static void show_bound(const struct ps_option *row, double value, char *text_out, size_t size) {
    static const char *const size_units[] = {"", " KiB", " MiB", " GiB", " TiB"};
    if (row->type == PS_OPTION_DURATION) {
        (void)snprintf(text_out, size, "%.15g ms", value);
        return;
    }
    size_t unit = 0;
    while (row->type == PS_OPTION_SIZE && unit < 4 && value >= 1024 && fmod(value, 1024) == 0) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(text_out, size, "%.15g%s", value, size_units[unit]);
}

static void show_range(const struct ps_option *row, char *text_out, size_t size) {
    char low[48], high[48];
    show_bound(row, row->value_min, low, sizeof low);
    show_bound(row, row->value_max, high, sizeof high);
    if (isinf(row->value_max)) {
        (void)snprintf(text_out, size, "at least %s", low);
    } else if (isinf(row->value_min)) {
        (void)snprintf(text_out, size, "at most %s", high);
    } else {
        (void)snprintf(text_out, size, "%s to %s", low, high);
    }
}

/* --- setting ------------------------------------------------------------------------------------------ */

static penstock_code refuse_form(const struct ps_option *row, const char *value,
                                 struct penstock_error *error) {
    if (row->is_secret) {
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "option %s: its value is not of type %s",
                           row->name, type_name(row->type));
    } else {
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "option %s: '%s' is not of type %s", row->name,
                           value, type_name(row->type));
    }
    (void)ps_error_hint(error, "write it like this: %s", type_example(row->type));
    return PENSTOCK_INVALID_ARGUMENT;
}

static penstock_code check_range(const struct ps_option *row, double number, const char *value,
                                 struct penstock_error *error) {
    if (!has_range(row) || (number >= row->value_min && number <= row->value_max)) {
        return PENSTOCK_OK;
    }
    char range[112];
    show_range(row, range, sizeof range);
    return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "option %s: %s is outside its range, %s", row->name,
                        row->is_secret ? "its value" : value, range);
}

/* The choice that `value` names, as it is spelt in the table, in the arena. */
static penstock_code set_choice(const struct ps_option *row, const char *value, struct ps_arena *arena,
                                const char **choice_out, struct penstock_error *error) {
    char *rest = ps_arena_copy(arena, row->choices);
    if (rest == NULL) {
        return ps_error_memory(error, row->name);
    }
    const char *nearest = NULL;
    size_t distance_min = SIZE_MAX;
    while (rest != NULL) {
        const char *choice = strsep(&rest, "|");
        if (ps_option_name_equal(choice, value)) {
            *choice_out = choice;
            return PENSTOCK_OK;
        }
        size_t distance;
        if (ps_text_is_near(value, choice, &distance) && distance < distance_min) {
            nearest = choice;
            distance_min = distance;
        }
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "option %s: '%s' is not one of %s", row->name,
                       row->is_secret ? "***" : value, row->choices);
    if (nearest != NULL) {
        (void)ps_error_hint(error, "did you mean '%s'?", nearest);
    }
    return PENSTOCK_INVALID_ARGUMENT;
}

/* Fields are written as bytes: the row knows the type, the config struct is the caller's. */
static void store(void *config, const struct ps_option *row, const void *value, size_t size) {
    memcpy((char *)config + row->offset, value, size);
}

static penstock_code set_number(const struct ps_option *row, void *config, const char *value,
                                struct penstock_error *error) {
    int64_t integer = 0;
    double number = 0;
    bool is_good;
    if (row->type == PS_OPTION_DOUBLE) {
        is_good = ps_parse_double(value, &number);
    } else {
        is_good = row->type == PS_OPTION_SIZE       ? ps_parse_size(value, &integer)
                  : row->type == PS_OPTION_DURATION ? ps_parse_duration(value, &integer)
                                                    : ps_parse_integer(value, &integer);
        number = (double)integer;
    }
    if (!is_good) {
        return refuse_form(row, value, error);
    }
    PS_TRY(check_range(row, number, value, error));
    if (row->type == PS_OPTION_DOUBLE) {
        store(config, row, &number, sizeof number);
    } else {
        store(config, row, &integer, sizeof integer);
    }
    return PENSTOCK_OK;
}

static penstock_code set_value(const struct ps_option *row, void *config, const char *value,
                               struct ps_arena *arena, struct penstock_error *error) {
    const char *text = NULL;
    bool flag = false;
    switch (row->type) {
    case PS_OPTION_BOOLEAN:
        if (!parse_boolean(value, &flag)) {
            return refuse_form(row, value, error);
        }
        store(config, row, &flag, sizeof flag);
        return PENSTOCK_OK;
    case PS_OPTION_TEXT:
        text = ps_arena_copy(arena, value);
        if (text == NULL) {
            return ps_error_memory(error, row->name);
        }
        store(config, row, &text, sizeof text);
        return PENSTOCK_OK;
    case PS_OPTION_CHOICE:
        PS_TRY(set_choice(row, value, arena, &text, error));
        store(config, row, &text, sizeof text);
        return PENSTOCK_OK;
    case PS_OPTION_INTEGER:
    case PS_OPTION_DOUBLE:
    case PS_OPTION_SIZE:
    case PS_OPTION_DURATION:
    default: return set_number(row, config, value, error);
    }
}

penstock_code ps_option_defaults(const struct ps_option *rows, void *config, struct ps_arena *arena,
                                 struct penstock_error *error) {
    for (const struct ps_option *row = rows; row->name != NULL; row++) {
        if (row->default_text != NULL) {
            PS_TRY(set_value(row, config, row->default_text, arena, error));
            continue;
        }
        const char *none = NULL;
        const int64_t zero = 0;
        const double zero_double = 0;
        const bool no = false;
        switch (row->type) {
        case PS_OPTION_BOOLEAN: store(config, row, &no, sizeof no); break;
        case PS_OPTION_DOUBLE: store(config, row, &zero_double, sizeof zero_double); break;
        case PS_OPTION_TEXT:
        case PS_OPTION_CHOICE: store(config, row, &none, sizeof none); break;
        case PS_OPTION_INTEGER:
        case PS_OPTION_SIZE:
        case PS_OPTION_DURATION:
        default: store(config, row, &zero, sizeof zero); break;
        }
    }
    return PENSTOCK_OK;
}

static penstock_code refuse_name(const struct ps_option *rows, const char *name,
                                 struct penstock_error *error) {
    (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "there is no option '%s'", name);
    const char *nearest = ps_option_nearest(rows, name);
    if (nearest != NULL) {
        (void)ps_error_hint(error, "did you mean '%s'?", nearest);
        return PENSTOCK_INVALID_ARGUMENT;
    }
    struct ps_buffer known PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&known, sizeof error->hint);
    for (const struct ps_option *row = rows; row->name != NULL; row++) {
        ps_buffer_printf(&known, "%s%s", row == rows ? "" : ", ", row->name);
    }
    if (known.size > 0) { /* also if not all fit */
        (void)ps_error_hint(error, "known options: %s%s", known.data, known.failed ? ", ..." : "");
    }
    return PENSTOCK_INVALID_ARGUMENT;
}

penstock_code ps_option_set(const struct ps_option *rows, void *config, const char *name, const char *value,
                            struct ps_arena *arena, struct penstock_error *error) {
    const struct ps_option *row = ps_option_find(rows, name);
    return row == NULL ? refuse_name(rows, name, error) : set_value(row, config, value, arena, error);
}

/* --- describing --------------------------------------------------------------------------------------- */

void ps_option_describe(const struct ps_option *row, struct ps_buffer *out) {
    ps_buffer_text(out, type_name(row->type));
    if (row->type == PS_OPTION_CHOICE) {
        for (const char *choice = row->choices; choice != NULL;) {
            const size_t size = strcspn(choice, "|");
            ps_buffer_printf(out, "%s%.*s", choice == row->choices ? " " : ", ", (int)size, choice);
            choice = choice[size] == '\0' ? NULL : choice + size + 1;
        }
    }
    if (has_range(row)) {
        char range[112];
        show_range(row, range, sizeof range);
        ps_buffer_printf(out, ", %s", range);
    }
    if (row->is_required) {
        ps_buffer_text(out, ", required");
    } else if (row->default_text != NULL) {
        ps_buffer_printf(out, ", default %s", row->is_secret ? "***" : row->default_text);
    }
}
