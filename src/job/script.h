/* SPDX-License-Identifier: Apache-2.0
 *
 * script.h - one SQL file as tokens, each of which knows where it was written.
 *
 * ${VARIABLES} are put in first, then the text is cut into tokens (without white space and comments). A list
 * of spans maps every byte of the resulting text to the byte of the file it came from, so that places stay
 * exact to the right of a variable, too.
 */
#ifndef PS_JOB_SCRIPT_H
#define PS_JOB_SCRIPT_H

#include "job/project.h"
#include "sql/lexer.h"

/* Bytes text[offset...] came from source[source_offset...]; all from one place when is_variable. */
struct ps_span {
    size_t offset, source_offset;
    bool is_variable;
};

struct ps_script {
    const char *file;
    const char *text; /* variables put in; NUL-terminated */
    size_t size;
    struct ps_token *tokens; /* token_count of them; the last is PS_TOKEN_END */
    size_t token_count;
    struct ps_span *spans;
    size_t span_count;
    size_t *lines; /* offsets of line starts in the file */
    size_t line_count;
};

/* Cuts the file. Errors: INVALID_PROJECT with place: an unknown variable, an unterminated string or comment,
 * bytes that are no UTF-8. A byte order mark is skipped. Everything is in the arena. */
penstock_code ps_script_read(const char *file, const char *text, size_t size,
                             const struct ps_setting *variables, size_t variable_count,
                             struct ps_arena *arena, struct ps_script *script_out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
struct ps_location ps_script_location(const struct ps_script *script, size_t offset);

/* Fills text, size and spans of the script from the file's text (variables.c). */
penstock_code ps_variables_fill(struct ps_script *script, const char *source, size_t size,
                                const struct ps_setting *variables, size_t variable_count,
                                struct ps_arena *arena, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Puts ${NAME} into one value (of the manifest). `location`: of the value, for errors. */
penstock_code ps_variables_put(const char *value, const struct ps_setting *variables, size_t variable_count,
                               struct ps_location location, struct ps_arena *arena, const char **value_out,
                               struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
