/* SPDX-License-Identifier: Apache-2.0
 *
 * lexer.h - the few things penstock must know about the shape of SQL text: where words, strings, comments
 * and dollar quotes begin and end. Everything else about SQL is DuckDB's.
 */
#ifndef PS_SQL_LEXER_H
#define PS_SQL_LEXER_H

#include <stdbool.h>
#include <stddef.h>

enum ps_token_kind {
    PS_TOKEN_END,
    PS_TOKEN_SPACE,  /* white space and comments */
    PS_TOKEN_WORD,   /* identifier or keyword */
    PS_TOKEN_NAME,   /* "quoted identifier" */
    PS_TOKEN_STRING, /* 'text', E'text', $tag$text$tag$ */
    PS_TOKEN_NUMBER,
    PS_TOKEN_SIGN, /* one byte */
};
struct ps_token {
    enum ps_token_kind kind;
    size_t offset, size;
    bool is_open; /* a string, quoted name or comment that the text does not close */
};

/* The token that starts at text[offset]. */
struct ps_token ps_lexer_next(const char *text, size_t size, size_t offset);
/* Is the token this word, ASCII case ignored? */
bool ps_token_is(const char *text, struct ps_token token, const char *word);

#endif
