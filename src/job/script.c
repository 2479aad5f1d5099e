/* SPDX-License-Identifier: Apache-2.0
 *
 * script.c - the text of one SQL file, its tokens and their places.
 */
#include "job/script.h"

struct ps_location ps_script_location(const struct ps_script *script, size_t offset) {
    size_t low = 0, high = script->span_count;
    while (low + 1 < high) {
        const size_t middle = low + (high - low) / 2;
        if (script->spans[middle].offset <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    const struct ps_span *span = &script->spans[low];
    const size_t source = span->source_offset + (span->is_variable ? 0 : offset - span->offset);
    low = 0;
    high = script->line_count;
    while (low + 1 < high) {
        const size_t middle = low + (high - low) / 2;
        if (script->lines[middle] <= source) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return (struct ps_location){script->file, (int32_t)(low + 1), (int32_t)(source - script->lines[low] + 1)};
}

/* Where the block comment begins that white space from `at` on does not close. */
static size_t find_open_comment(const char *text, size_t size, size_t at) {
    size_t depth = 0, start = at;
    while (at + 1 < size) {
        if (depth == 0 && text[at] == '-' && text[at + 1] == '-') {
            while (at < size && text[at] != '\n') {
                at++;
            }
        } else if (text[at] == '/' && text[at + 1] == '*') {
            start = depth == 0 ? at : start;
            depth++;
            at += 2;
        } else if (depth > 0 && text[at] == '*' && text[at + 1] == '/') {
            depth--;
            at += 2;
        } else {
            at++;
        }
    }
    return start;
}

static penstock_code unterminated(const struct ps_script *script, struct ps_token token,
                                  struct penstock_error *error) {
    const char *what = token.kind == PS_TOKEN_STRING ? "string"
                       : token.kind == PS_TOKEN_NAME ? "quoted name"
                                                     : "comment";
    const size_t start = token.kind == PS_TOKEN_SPACE
                             ? find_open_comment(script->text, script->size, token.offset)
                             : token.offset;
    ps_error_set(error, PENSTOCK_INVALID_PROJECT, "this %s does not end before the end of the file", what);
    return ps_error_at(error, ps_script_location(script, start), NULL, -1);
}

static penstock_code find_lines(struct ps_script *script, const char *source, size_t size,
                                struct ps_arena *arena, struct penstock_error *error) {
    size_t count = 1;
    for (size_t i = 0; i < size; i++) {
        count += source[i] == '\n';
    }
    script->lines = ps_arena_allocate(arena, count, sizeof *script->lines);
    if (script->lines == NULL) {
        return ps_error_memory(error, "the lines of a SQL file");
    }
    script->line_count = 1;
    for (size_t i = 0; i < size; i++) {
        if (source[i] == '\n') {
            script->lines[script->line_count++] = i + 1;
        }
    }
    return PENSTOCK_OK;
}

static penstock_code find_tokens(struct ps_script *script, struct ps_arena *arena,
                                 struct penstock_error *error) {
    size_t count = 1;
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1) {
            script->tokens = ps_arena_allocate(arena, count, sizeof *script->tokens);
            if (script->tokens == NULL) {
                return ps_error_memory(error, "the tokens of a SQL file");
            }
        }
        for (size_t position = 0; position < script->size;) {
            const struct ps_token token = ps_lexer_next(script->text, script->size, position);
            if (token.is_open) {
                return unterminated(script, token, error);
            }
            if (token.kind != PS_TOKEN_SPACE && pass == 0) {
                count++;
            } else if (token.kind != PS_TOKEN_SPACE) {
                script->tokens[script->token_count++] = token;
            }
            position += token.size;
        }
    }
    script->tokens[script->token_count++] = (struct ps_token){PS_TOKEN_END, script->size, 0, false};
    return PENSTOCK_OK;
}

penstock_code ps_script_read(const char *file, const char *text, size_t size,
                             const struct ps_setting *variables, size_t variable_count,
                             struct ps_arena *arena, struct ps_script *script_out,
                             struct penstock_error *error) {
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        size -= 3;
    }
    struct ps_span whole = {0, 0, false};
    struct ps_script script = {.file = file, .text = text, .size = size, .spans = &whole, .span_count = 1};
    PS_TRY(find_lines(&script, text, size, arena, error));
    size_t bad = 0;
    if (!ps_bytes_is_utf8((struct ps_bytes){text, size}, &bad)) {
        ps_error_set(error, PENSTOCK_INVALID_PROJECT, "the byte 0x%02x is not UTF-8",
                     (unsigned)(unsigned char)text[bad]);
        ps_error_hint(error, "save the file as UTF-8");
        return ps_error_at(error, ps_script_location(&script, bad), NULL, -1);
    }
    const char *zero = memchr(text, '\0', size);
    if (zero != NULL) {
        ps_error_set(error, PENSTOCK_INVALID_PROJECT, "there is a NUL byte in the text");
        return ps_error_at(error, ps_script_location(&script, (size_t)(zero - text)), NULL, -1);
    }
    PS_TRY(ps_variables_fill(&script, text, size, variables, variable_count, arena, error));
    PS_TRY(find_tokens(&script, arena, error));
    *script_out = script;
    return PENSTOCK_OK;
}
