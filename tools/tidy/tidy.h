/* SPDX-License-Identifier: Apache-2.0
 *
 * tidy.h - what the parts of tidy share: a source file, the checks, and the list of complaints.
 *
 * text.c finds words and blanks comments; lines.c checks line by line, definitions.c what stands at depth 0
 * of the braces; tidy.c walks the tree, applies the switches and prints.
 */
#ifndef TIDY_H
#define TIDY_H

#include "base/file.h"

#define FILE_LINES_MAX 600
#define LINE_COLUMNS_MAX 120
#define FUNCTION_LINES_MAX 100
#define FUNCTION_LINES_AIM 70

enum check { OPENS, LENGTH, INCLUDE, CALL, MEMORY, PTHREAD, GLOBAL, NAME, PATH, WORD, ALLOW, CHECK_COUNT };

struct complaint {
    const char *path;
    size_t line;
    enum check check;
    const char *text;
};

struct report {
    struct ps_arena *arena;
    struct complaint *items;
    size_t count, capacity;
    size_t file_count;
    bool is_verbose;
    bool is_canary;
    bool failed; /* out of memory or a file that cannot be read: said on stderr */
};

struct source {
    const char *path; /* from the root */
    char *text;
    char *code; /* C only: the same text with comments and the insides of strings blanked */
    size_t size;
    const char *room; /* of src/ROOM/ and tests/unit/ROOM/, else NULL */
    size_t first;     /* complaint of this file */
};

/* --- text.c: words and comments --- */
bool starts_with(const char *text, const char *start);
bool ends_with(const char *text, const char *end);
bool is_word(char letter);
bool is_blank(char letter);
/* Does `word` stand at `at` in `text` as a word of its own? */
bool is_whole_word(const char *text, const char *at, const char *word);
const char *find_word(const char *text, const char *word);
/* Blanks comments and the insides of strings and character constants; line breaks stay. */
void blank(char *code);
/* "src/sql/tree.c" gives "sql", also for "tests/unit/sql/"; NULL elsewhere. */
const char *room_of(struct ps_arena *arena, const char *path);
/* Text of the line that starts at `start`, without its end, in the arena. */
char *line_at(struct ps_arena *arena, const char *start);
void complain(struct report *report, const struct source *source, size_t line, enum check check,
              const char *text);

/* --- lines.c --- */
void check_lines(struct report *report, const struct source *source);
void check_words(struct report *report, const struct source *source);
void check_opening(struct report *report, const struct source *source);
void check_file_name(struct report *report, const struct source *source);

/* --- definitions.c --- */
void check_definitions(struct report *report, const struct source *source);

#endif
