/* SPDX-License-Identifier: Apache-2.0
 *
 * cursor.h - reading the tokens of one statement, from left to right, with errors that name the place.
 *
 * Every parser of a statement head is written with these: accept (take it if it is there), expect (or fail
 * with what was found and what was expected), and the pieces that several statements share: names, values,
 * WITH lists. Private to room job.
 */
#ifndef PS_JOB_CURSOR_H
#define PS_JOB_CURSOR_H

#include "job/script.h"

struct ps_cursor {
    const struct ps_script *script;
    size_t next; /* token */
    size_t end;  /* one after the statement's last token */
    struct ps_arena *arena;
    struct penstock_error *error;
};

/* The token `ahead` tokens on; PS_TOKEN_END past the statement. */
struct ps_token ps_cursor_peek(const struct ps_cursor *cursor, size_t ahead);
bool ps_cursor_at_end(const struct ps_cursor *cursor);
struct ps_location ps_cursor_location(const struct ps_cursor *cursor); /* of the next token */
/* The text of tokens [first, last), as written. NULL when out of memory. */
const char *ps_cursor_text(const struct ps_cursor *cursor, size_t first, size_t last);

bool ps_cursor_is_word(const struct ps_cursor *cursor, size_t ahead, const char *word);
bool ps_cursor_is_sign(const struct ps_cursor *cursor, size_t ahead, char sign);
bool ps_cursor_accept(struct ps_cursor *cursor, const char *word);
bool ps_cursor_accept_sign(struct ps_cursor *cursor, char sign);
penstock_code ps_cursor_expect(struct ps_cursor *cursor, const char *word) PENSTOCK_MUST_USE;
penstock_code ps_cursor_expect_sign(struct ps_cursor *cursor, char sign) PENSTOCK_MUST_USE;

/* "file:line:column: found 'x', but <expected> was expected". Always returns INVALID_PROJECT. */
penstock_code ps_cursor_unexpected(struct ps_cursor *cursor, const char *expected);
/* The same with "did you mean" when the next token is near one of `words` (NULL-terminated). */
penstock_code ps_cursor_unknown(struct ps_cursor *cursor, const char *expected, const char *const *words);
/* An own sentence, at the next token or at `location`. */
penstock_code ps_cursor_fail(struct ps_cursor *cursor, struct ps_location location, const char *format, ...)
    PS_PRINTF(3, 4);

/* A plain or quoted name, quotes taken off. `what`: "a column's name". */
penstock_code ps_cursor_name(struct ps_cursor *cursor, const char *what, const char **name_out)
    PENSTOCK_MUST_USE;
/* A string, quotes taken off and escapes read. */
penstock_code ps_cursor_string(struct ps_cursor *cursor, const char *what, const char **text_out)
    PENSTOCK_MUST_USE;
/* A number, with its sign. */
penstock_code ps_cursor_number(struct ps_cursor *cursor, const char *what, double *value_out)
    PENSTOCK_MUST_USE;
/* A literal as text: number, string, TRUE, FALSE, NULL, INF. `hint_is_string`: a bare word gets the hint 'word'. */
penstock_code ps_cursor_literal(struct ps_cursor *cursor, const char **text_out) PENSTOCK_MUST_USE;
/* INTERVAL 30 SECOND, INTERVAL '30' SECOND, INTERVAL '30 seconds', with the word INTERVAL next. */
penstock_code ps_cursor_interval_ms(struct ps_cursor *cursor, int64_t *ms_out) PENSTOCK_MUST_USE;
/* (name = value, ...) with dotted and hyphenated names; the '(' is next. */
penstock_code ps_cursor_settings(struct ps_cursor *cursor, struct ps_setting **settings_out,
                                 size_t *count_out) PENSTOCK_MUST_USE;
/* Steps over tokens up to a ',' or ')' that belongs to this level of brackets, or to where is_end (may be NULL)
 * says so. Brackets that do not match are an error. */
penstock_code ps_cursor_skip_item(struct ps_cursor *cursor, bool (*is_end)(const struct ps_cursor *cursor))
    PENSTOCK_MUST_USE;
/* AS <everything to the statement's end>; AS is next. `last`: one after the last token of the SELECT. */
penstock_code ps_cursor_select(struct ps_cursor *cursor, size_t last, struct ps_sql_text *select_out)
    PENSTOCK_MUST_USE;
/* Items up to the ')' that closes the level the cursor is in; a bound for arrays. */
size_t ps_cursor_count_items(const struct ps_cursor *cursor);

/* The parsers, one a statement. The cursor stands behind the statement's name. */
penstock_code ps_parse_source(struct ps_cursor *cursor, struct ps_source_statement *source_out)
    PENSTOCK_MUST_USE;
penstock_code ps_parse_table(struct ps_cursor *cursor, struct ps_table_statement *table_out)
    PENSTOCK_MUST_USE;
penstock_code ps_parse_view(struct ps_cursor *cursor, struct ps_view_statement *view_out) PENSTOCK_MUST_USE;
penstock_code ps_parse_sink(struct ps_cursor *cursor, struct ps_sink_statement *sink_out) PENSTOCK_MUST_USE;
penstock_code ps_parse_model(struct ps_cursor *cursor, struct ps_model_statement *model_out)
    PENSTOCK_MUST_USE;
penstock_code ps_parse_job(struct ps_cursor *cursor, struct ps_job_statement *job_out) PENSTOCK_MUST_USE;
penstock_code ps_parse_dataset(struct ps_cursor *cursor, struct ps_dataset_statement *dataset_out)
    PENSTOCK_MUST_USE;
/* (Stage(column, parameter = value), ...) behind TRANSFORM */
penstock_code ps_parse_transforms(struct ps_cursor *cursor, struct ps_call **transforms_out,
                                  size_t *count_out) PENSTOCK_MUST_USE;
penstock_code ps_parse_holdout(struct ps_cursor *cursor, struct ps_holdout *holdout_out) PENSTOCK_MUST_USE;
penstock_code ps_parse_gate(struct ps_cursor *cursor, struct ps_model_statement *model) PENSTOCK_MUST_USE;

#endif
