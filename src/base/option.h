/* SPDX-License-Identifier: Apache-2.0
 *
 * option.h - typed option rows.
 *
 * Whatever a user can set is a row of a table: type, name, default, range, help. The parser, --help, the
 * man page, the completion and the reference page are all made from the rows. Names compare without case
 * and underscores, so that regParam, reg_param and REGPARAM are one.
 */
#ifndef PS_BASE_OPTION_H
#define PS_BASE_OPTION_H

#include "base/bytes.h"

enum ps_option_type {
    PS_OPTION_BOOLEAN,  /* field: bool. true/false, on/off, yes/no, 1/0 */
    PS_OPTION_INTEGER,  /* field: int64_t */
    PS_OPTION_DOUBLE,   /* field: double */
    PS_OPTION_TEXT,     /* field: const char *, in the arena */
    PS_OPTION_CHOICE,   /* field: const char *, one of `choices`, spelt as there */
    PS_OPTION_SIZE,     /* field: int64_t bytes. "512m", "4g", "64KiB" (binary units) */
    PS_OPTION_DURATION, /* field: int64_t milliseconds. "100 ms", "2s", "5 min", "1h" */
};

struct ps_option {
    const char *name; /* NULL ends a table */
    enum ps_option_type type;
    const char *default_text;    /* NULL: required if `is_required`, else zero/NULL */
    double value_min, value_max; /* for numbers; both 0: any */
    const char *choices;         /* "a|b|c" for CHOICE */
    size_t offset;               /* of the field in the config struct */
    bool is_required;
    bool is_secret;    /* never shown in a log, a page or an error */
    const char *help;  /* one line */
    const char *since; /* "0.1" */
};

bool ps_option_name_equal(const char *left, const char *right);
const struct ps_option *ps_option_find(const struct ps_option *rows, const char *name);
/* Nearest known name, or NULL. */
const char *ps_option_nearest(const struct ps_option *rows, const char *name);
/* Writes every default into config. */
penstock_code ps_option_defaults(const struct ps_option *rows, void *config, struct ps_arena *arena,
                                 struct penstock_error *error) PENSTOCK_MUST_USE;
/* Parses `value` and writes the field. Unknown name: INVALID_ARGUMENT with the nearest. */
penstock_code ps_option_set(const struct ps_option *rows, void *config, const char *name, const char *value,
                            struct ps_arena *arena, struct penstock_error *error) PENSTOCK_MUST_USE;
/* "integer, 1 to 100, default 3" */
void ps_option_describe(const struct ps_option *row, struct ps_buffer *out);

bool ps_parse_integer(const char *text, int64_t *value_out);
bool ps_parse_double(const char *text, double *value_out); /* locale-independent; inf and nan are refused */
bool ps_parse_size(const char *text, int64_t *bytes_out);
bool ps_parse_duration(const char *text, int64_t *ms_out);

#endif
