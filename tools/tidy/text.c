/* SPDX-License-Identifier: Apache-2.0
 *
 * text.c - the small lexer of tidy: what is code, what is a word, what is a line.
 */
#include "tidy.h"

#include <ctype.h>

#define COMPLAINT_COUNT_MAX 20000

void complain(struct report *report, const struct source *source, size_t line, enum check check,
              const char *text) {
    struct penstock_error error;
    if (report->count == COMPLAINT_COUNT_MAX ||
        ps_grow((void **)&report->items, &report->capacity, report->count + 1, sizeof *report->items,
                &error) != PENSTOCK_OK) {
        report->failed = true;
        return;
    }
    report->items[report->count++] =
        (struct complaint){source->path, line, check, text == NULL ? "out of memory" : text};
}

bool starts_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

bool ends_with(const char *text, const char *end) {
    const size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

bool is_word(char letter) {
    return isalnum((unsigned char)letter) || letter == '_';
}

bool is_blank(char letter) {
    return letter == ' ' || letter == '\t' || letter == '\n' || letter == '\r';
}

/* Does `word` stand at `at` in `text` as a word of its own? */
bool is_whole_word(const char *text, const char *at, const char *word) {
    return (at == text || !is_word(at[-1])) && !is_word(at[strlen(word)]);
}

const char *find_word(const char *text, const char *word) {
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        if (is_whole_word(text, at, word)) {
            return at;
        }
    }
    return NULL;
}

/* Blanks comments and the insides of strings and character constants; line breaks stay. */
void blank(char *code) {
    enum { CODE, LINE_COMMENT, COMMENT, STRING, CHARACTER } state = CODE;
    for (char *at = code; *at != '\0'; at++) {
        const bool is_escape = (state == STRING || state == CHARACTER) && at[0] == '\\' && at[1] != '\0';
        if (state == CODE) {
            state = at[0] == '/' && at[1] == '*'   ? COMMENT
                    : at[0] == '/' && at[1] == '/' ? LINE_COMMENT
                    : at[0] == '"'                 ? STRING
                    : at[0] == '\''                ? CHARACTER
                                                   : CODE;
            if (state == COMMENT) {
                at[0] = at[1] = ' ';
                at++;
            } else if (state == LINE_COMMENT) {
                at[0] = ' ';
            }
        } else if ((state == STRING && at[0] == '"') || (state == CHARACTER && at[0] == '\'')) {
            state = CODE;
        } else if (state == COMMENT && at[0] == '*' && at[1] == '/') {
            at[0] = at[1] = ' ';
            at++;
            state = CODE;
        } else if (state == LINE_COMMENT && at[0] == '\n') {
            state = CODE;
        } else if (at[0] != '\n') {
            at[0] = ' ';
            if (is_escape && at[1] != '\n') {
                *++at = ' ';
            }
        }
    }
}

/* "src/sql/tree.c" gives "sql", also for "tests/unit/sql/". */
const char *room_of(struct ps_arena *arena, const char *path) {
    const char *start = starts_with(path, "src/")          ? path + 4
                        : starts_with(path, "tests/unit/") ? path + 11
                                                           : NULL;
    const char *end = start == NULL ? NULL : strchr(start, '/');
    return end == NULL ? NULL : ps_arena_copy_size(arena, start, (size_t)(end - start));
}

/* Text of the line that starts at `start`, without its end, in the arena. */
char *line_at(struct ps_arena *arena, const char *start) {
    return ps_arena_copy_size(arena, start, strcspn(start, "\n"));
}
