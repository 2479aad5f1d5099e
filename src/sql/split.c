/* SPDX-License-Identifier: Apache-2.0
 *
 * split.c - SQL text into tokens and statements.
 */
#include "base/check.h"
#include "sql/lexer.h"
#include "sql/tree.h"

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Bytes above 127 are letters, as in PostgreSQL's lexer. */
static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c) ||
           (unsigned char)c >= 128;
}

/* After white space and comments from `at`; *is_open_out when a block comment is not closed. */
static size_t skip_space(const char *text, size_t size, size_t at, bool *is_open_out) {
    for (;;) {
        while (at < size && is_space(text[at])) {
            at++;
        }
        if (at + 1 < size && text[at] == '-' && text[at + 1] == '-') {
            while (at < size && text[at] != '\n') {
                at++;
            }
        } else if (at + 1 < size && text[at] == '/' && text[at + 1] == '*') {
            size_t depth = 1; /* block comments nest */
            at += 2;
            while (at < size && depth > 0) {
                if (at + 1 < size && text[at] == '*' && text[at + 1] == '/') {
                    depth--;
                    at += 2;
                } else if (at + 1 < size && text[at] == '/' && text[at + 1] == '*') {
                    depth++;
                    at += 2;
                } else {
                    at++;
                }
            }
            if (depth > 0) {
                *is_open_out = true;
                return size;
            }
        } else {
            return at;
        }
    }
}

/* After the closing quote; two quotes are one character of the text. */
static size_t skip_quoted(const char *text, size_t size, size_t at, bool has_escapes, bool *is_open_out) {
    const char quote = text[at++];
    while (at < size) {
        if (has_escapes && text[at] == '\\' && at + 1 < size) {
            at += 2;
        } else if (text[at] != quote) {
            at++;
        } else if (at + 1 < size && text[at + 1] == quote) {
            at += 2;
        } else {
            return at + 1;
        }
    }
    *is_open_out = true;
    return size;
}

/* $tag$ ... $tag$; 0 if no dollar quote starts here. */
static size_t skip_dollar(const char *text, size_t size, size_t at, bool *is_open_out) {
    size_t tag_end = at + 1;
    while (tag_end < size && is_word(text[tag_end]) && !(tag_end == at + 1 && is_digit(text[tag_end]))) {
        tag_end++;
    }
    if (tag_end >= size || text[tag_end] != '$') {
        return 0;
    }
    const size_t tag_size = tag_end - at + 1;
    const char *close = memmem(text + tag_end + 1, size - tag_end - 1, text + at, tag_size);
    if (close == NULL) {
        *is_open_out = true;
        return size;
    }
    return (size_t)(close - text) + tag_size;
}

static size_t skip_number(const char *text, size_t size, size_t at) {
    while (at < size) {
        const bool is_exponent_sign =
            (text[at] == '+' || text[at] == '-') && (text[at - 1] == 'e' || text[at - 1] == 'E');
        if (!is_word(text[at]) && text[at] != '.' && !is_exponent_sign) {
            break;
        }
        at++;
    }
    return at;
}

struct ps_token ps_lexer_next(const char *text, size_t size, size_t offset) {
    struct ps_token token = {PS_TOKEN_END, offset, 0, false};
    if (offset >= size) {
        return token;
    }
    size_t end = skip_space(text, size, offset, &token.is_open);
    const char c = text[offset];
    if (end > offset) {
        token.kind = PS_TOKEN_SPACE;
    } else if (c == '\'' || c == '"') {
        token.kind = c == '"' ? PS_TOKEN_NAME : PS_TOKEN_STRING;
        end = skip_quoted(text, size, offset, false, &token.is_open);
    } else if ((c == 'e' || c == 'E') && offset + 1 < size && text[offset + 1] == '\'') {
        token.kind = PS_TOKEN_STRING;
        end = skip_quoted(text, size, offset + 1, true, &token.is_open);
    } else if (c == '$' && (end = skip_dollar(text, size, offset, &token.is_open)) > 0) {
        token.kind = PS_TOKEN_STRING;
    } else if (is_digit(c) || (c == '.' && offset + 1 < size && is_digit(text[offset + 1]))) {
        token.kind = PS_TOKEN_NUMBER;
        end = skip_number(text, size, offset + 1);
    } else if (is_word(c)) {
        token.kind = PS_TOKEN_WORD;
        end = offset;
        while (end < size && is_word(text[end])) {
            end++;
        }
    } else {
        token.kind = PS_TOKEN_SIGN;
        end = offset + 1;
    }
    token.size = end - offset;
    return token;
}

bool ps_token_is(const char *text, struct ps_token token, const char *word) {
    return token.kind == PS_TOKEN_WORD && strlen(word) == token.size &&
           strncasecmp(text + token.offset, word, token.size) == 0;
}

penstock_code ps_sql_split(const char *text, size_t size, struct ps_arena *arena,
                           struct ps_sql_piece **pieces_out, size_t *count_out,
                           struct penstock_error *error) {
    size_t semicolons = 1;
    for (size_t i = 0; i < size; i++) {
        semicolons += text[i] == ';';
    }
    struct ps_sql_piece *pieces = ps_arena_allocate(arena, semicolons, sizeof *pieces);
    if (pieces == NULL) {
        return ps_error_memory(error, "the statements of a file");
    }
    size_t count = 0, start = 0, end = 0; /* of the piece being read; start == end: nothing yet */
    for (size_t at = 0;;) {
        const struct ps_token token = ps_lexer_next(text, size, at);
        const bool is_semicolon = token.kind == PS_TOKEN_SIGN && text[token.offset] == ';';
        if (token.kind == PS_TOKEN_END || is_semicolon) {
            if (end > start) {
                ps_check(count < semicolons);
                pieces[count++] = (struct ps_sql_piece){start, end - start};
            }
            start = end = 0;
            if (token.kind == PS_TOKEN_END) {
                break;
            }
        } else if (token.kind != PS_TOKEN_SPACE) {
            start = end > start ? start : token.offset;
            end = token.offset + token.size;
        }
        at = token.offset + token.size;
    }
    *pieces_out = pieces;
    *count_out = count;
    return PENSTOCK_OK;
}
