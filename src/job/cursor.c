/* SPDX-License-Identifier: Apache-2.0
 *
 * cursor.c - taking tokens, and saying what is wrong with them.
 */
#include "job/cursor.h"

#include <stdio.h>

struct ps_token ps_cursor_peek(const struct ps_cursor *cursor, size_t ahead) {
    const struct ps_script *script = cursor->script;
    if (cursor->next + ahead >= cursor->end) {
        struct ps_token end = script->tokens[cursor->end]; /* the semicolon, or the end of the file */
        end.kind = PS_TOKEN_END;
        end.size = 0;
        return end;
    }
    return script->tokens[cursor->next + ahead];
}

bool ps_cursor_at_end(const struct ps_cursor *cursor) {
    return cursor->next >= cursor->end;
}

struct ps_location ps_cursor_location(const struct ps_cursor *cursor) {
    return ps_script_location(cursor->script, ps_cursor_peek(cursor, 0).offset);
}

const char *ps_cursor_text(const struct ps_cursor *cursor, size_t first, size_t last) {
    if (first >= last) {
        return "";
    }
    const struct ps_token *tokens = cursor->script->tokens;
    const size_t start = tokens[first].offset;
    return ps_arena_copy_size(cursor->arena, cursor->script->text + start,
                              tokens[last - 1].offset + tokens[last - 1].size - start);
}

bool ps_cursor_is_word(const struct ps_cursor *cursor, size_t ahead, const char *word) {
    return ps_token_is(cursor->script->text, ps_cursor_peek(cursor, ahead), word);
}

bool ps_cursor_is_sign(const struct ps_cursor *cursor, size_t ahead, char sign) {
    const struct ps_token token = ps_cursor_peek(cursor, ahead);
    return token.kind == PS_TOKEN_SIGN && cursor->script->text[token.offset] == sign;
}

bool ps_cursor_accept(struct ps_cursor *cursor, const char *word) {
    const bool is_there = ps_cursor_is_word(cursor, 0, word);
    cursor->next += is_there ? 1 : 0;
    return is_there;
}

bool ps_cursor_accept_sign(struct ps_cursor *cursor, char sign) {
    const bool is_there = ps_cursor_is_sign(cursor, 0, sign);
    cursor->next += is_there ? 1 : 0;
    return is_there;
}

penstock_code ps_cursor_expect(struct ps_cursor *cursor, const char *word) {
    return ps_cursor_accept(cursor, word) ? PENSTOCK_OK : ps_cursor_unexpected(cursor, word);
}

penstock_code ps_cursor_expect_sign(struct ps_cursor *cursor, char sign) {
    const char expected[] = {'\'', sign, '\'', '\0'};
    return ps_cursor_accept_sign(cursor, sign) ? PENSTOCK_OK : ps_cursor_unexpected(cursor, expected);
}

/* The next token, as an error shows it; long ones are cut. */
static void show_next(const struct ps_cursor *cursor, char *text_out, size_t size) {
    const struct ps_token token = ps_cursor_peek(cursor, 0);
    const char *text = cursor->script->text + token.offset;
    if (token.kind == PS_TOKEN_END) {
        snprintf(text_out, size, "the end of the statement");
    } else if (token.kind == PS_TOKEN_STRING || token.kind == PS_TOKEN_NAME) {
        snprintf(text_out, size, "%.*s%s", token.size > 40 ? 40 : (int)token.size, text,
                 token.size > 40 ? "..." : "");
    } else {
        snprintf(text_out, size, "'%.*s%s'", token.size > 40 ? 40 : (int)token.size, text,
                 token.size > 40 ? "..." : "");
    }
}

penstock_code ps_cursor_unexpected(struct ps_cursor *cursor, const char *expected) {
    char found[64];
    show_next(cursor, found, sizeof found);
    ps_error_set(cursor->error, PENSTOCK_INVALID_PROJECT, "found %s, but %s was expected", found, expected);
    ps_error_at(cursor->error, ps_cursor_location(cursor), NULL, -1);
    return PENSTOCK_INVALID_PROJECT;
}

penstock_code ps_cursor_unknown(struct ps_cursor *cursor, const char *expected, const char *const *words) {
    const struct ps_token token = ps_cursor_peek(cursor, 0);
    const char *text = ps_cursor_text(cursor, cursor->next, cursor->next + 1);
    const char *near = token.kind == PS_TOKEN_WORD && text != NULL ? ps_nearest(text, words) : NULL;
    ps_cursor_unexpected(cursor, expected);
    if (near != NULL) {
        ps_error_hint(cursor->error, "did you mean %s?", near);
    }
    return PENSTOCK_INVALID_PROJECT;
}

penstock_code ps_cursor_fail(struct ps_cursor *cursor, struct ps_location location, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char message[512];
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    ps_error_set(cursor->error, PENSTOCK_INVALID_PROJECT, "%s", message);
    ps_error_at(cursor->error, location, NULL, -1);
    return PENSTOCK_INVALID_PROJECT;
}

/* Brackets that are open, innermost last: what each must be closed by. Deeper nesting than any readable one. */
#define NESTING_MAX 256
struct brackets {
    char closers[NESTING_MAX];
    size_t depth;
};

/* Takes the next token into account. False: it closes what is not open, or there are too many. */
static bool follow_bracket(struct brackets *brackets, const struct ps_cursor *cursor) {
    static const char openers[] = "([{", closers[] = ")]}";
    const struct ps_token token = ps_cursor_peek(cursor, 0);
    const char sign = token.kind == PS_TOKEN_SIGN ? cursor->script->text[token.offset] : ' ';
    const char *opener = strchr(openers, sign);
    if (opener != NULL) {
        if (brackets->depth == NESTING_MAX) {
            return false;
        }
        brackets->closers[brackets->depth++] = closers[opener - openers];
        return true;
    }
    if (strchr(closers, sign) == NULL) {
        return true;
    }
    return brackets->depth > 0 && brackets->closers[--brackets->depth] == sign;
}

static bool is_item_end(const struct ps_cursor *cursor) {
    return ps_cursor_is_sign(cursor, 0, ',') || ps_cursor_is_sign(cursor, 0, ')');
}

penstock_code ps_cursor_skip_item(struct ps_cursor *cursor, bool (*is_end)(const struct ps_cursor *cursor)) {
    const struct ps_location start = ps_cursor_location(cursor);
    struct brackets brackets = {.depth = 0};
    for (; !ps_cursor_at_end(cursor); cursor->next++) {
        if (brackets.depth == 0 && (is_item_end(cursor) || (is_end != NULL && is_end(cursor)))) {
            return PENSTOCK_OK;
        }
        if (!follow_bracket(&brackets, cursor)) {
            return ps_cursor_unexpected(cursor, "a matching bracket");
        }
    }
    return ps_cursor_fail(cursor, start, "the list that this belongs to is not closed: ')' is missing");
}

/* Stops where ps_cursor_skip_item() would fail, so no parser gets to more items than are counted here. */
size_t ps_cursor_count_items(const struct ps_cursor *cursor) {
    struct ps_cursor ahead = *cursor;
    struct brackets brackets = {.depth = 0};
    size_t count = 1;
    for (; !ps_cursor_at_end(&ahead); ahead.next++) {
        count += brackets.depth == 0 && ps_cursor_is_sign(&ahead, 0, ',');
        if (!follow_bracket(&brackets, &ahead)) {
            break;
        }
    }
    return count;
}

penstock_code ps_cursor_select(struct ps_cursor *cursor, size_t last, struct ps_sql_text *select_out) {
    PS_TRY(ps_cursor_expect(cursor, "AS"));
    if (cursor->next >= last) {
        return ps_cursor_unexpected(cursor, "a SELECT");
    }
    select_out->location = ps_cursor_location(cursor);
    select_out->text = ps_cursor_text(cursor, cursor->next, last);
    if (select_out->text == NULL) {
        return ps_error_memory(cursor->error, "a statement");
    }
    cursor->next = last;
    return PENSTOCK_OK;
}
