/* SPDX-License-Identifier: Apache-2.0
 *
 * definitions.c - the checks that look at definitions: variables of the whole program, lengths and names of
 * functions. The C is not parsed: what stands at depth 0 of the braces is read, which suffices for one style.
 */
#include "tidy.h"

#include <stdio.h>

/* Is a variable that is declared like this constant? For pointers the pointer itself must be. */
static bool is_constant(const char *declaration) {
    char head[512];
    const size_t size = strcspn(declaration, "=[");
    (void)snprintf(head, sizeof head, "%.*s", (int)(size < sizeof head ? size : sizeof head - 1),
                   declaration);
    const char *star = strrchr(head, '*');
    return find_word(star == NULL ? head : star, "const") != NULL;
}

/* A statement at depth 0 that ended in ';': is it a variable? Braces have been cut down to "{}". */
static bool is_variable(const char *statement) {
    char head[512];
    const size_t size = strcspn(statement, "=");
    (void)snprintf(head, sizeof head, "%.*s", (int)(size < sizeof head ? size : sizeof head - 1), statement);
    size_t length = strlen(head);
    while (length > 0 && is_blank(head[length - 1])) {
        head[--length] = '\0';
    }
    if (length == 0 || head[length - 1] == '}' || strchr(head, '(') != NULL || starts_with(head, "typedef")) {
        return false;
    }
    size_t word_count = 0;
    for (size_t index = 0; index < length; index++) {
        word_count += is_word(head[index]) && (index == 0 || !is_word(head[index - 1])) ? 1 : 0;
    }
    const bool is_tag =
        starts_with(head, "struct ") || starts_with(head, "union ") || starts_with(head, "enum ");
    return word_count > (is_tag ? 2u : 1u);
}

struct walk {
    char statement[4096]; /* of depth 0, without what is in braces */
    size_t size;
    size_t line_start; /* of the statement */
    int depth;
    bool in_function;
    char function[128];
    const char *local; /* a "static" inside a function, until its ';' '=' or '[' */
    size_t local_line;
};

/* The name before the last group of parentheses in the head of a function. */
static void function_name(const char *head, char *name_out, size_t size) {
    const char *close = strrchr(head, ')');
    int depth = 0;
    const char *at = close;
    for (; at != NULL && at > head; at--) {
        depth += *at == ')' ? 1 : *at == '(' ? -1 : 0;
        if (depth == 0) {
            break;
        }
    }
    const char *end = at == NULL ? head : at;
    while (end > head && is_blank(end[-1])) {
        end--;
    }
    const char *start = end;
    while (start > head && is_word(start[-1])) {
        start--;
    }
    (void)snprintf(name_out, size, "%.*s", (int)(end - start), start);
}

static void check_function_name(struct report *report, const struct source *source, const struct walk *walk) {
    if (!starts_with(source->path, "src/") || !ends_with(source->path, ".c")) {
        return;
    }
    const bool is_public = starts_with(walk->function, "ps_") || starts_with(walk->function, "penstock_") ||
                           strcmp(walk->function, "main") == 0;
    const bool is_static = find_word(walk->statement, "static") != NULL;
    if (is_static == is_public) {
        complain(
            report, source, walk->line_start, NAME,
            ps_arena_printf(report->arena,
                            is_static ? "%s is static: no prefix" : "%s is seen by other files: ps_room_verb",
                            walk->function));
    }
}

static void check_function_length(struct report *report, const struct source *source, const struct walk *walk,
                                  size_t line) {
    const size_t lines = line - walk->line_start + 1;
    if (lines > FUNCTION_LINES_MAX) {
        complain(report, source, walk->line_start, LENGTH,
                 ps_arena_printf(report->arena, "%s has %zu lines, at most %d", walk->function, lines,
                                 FUNCTION_LINES_MAX));
    } else if (lines > FUNCTION_LINES_AIM && report->is_verbose) {
        printf("%s:%zu: note: %s has %zu lines, %d are aimed at\n", source->path, walk->line_start,
               walk->function, lines, FUNCTION_LINES_AIM);
    }
}

static void add_letter(struct walk *walk, char letter, size_t line) {
    if (walk->size == 0) {
        if (is_blank(letter)) {
            return;
        }
        walk->line_start = line;
    }
    if (walk->size + 1 < sizeof walk->statement) {
        walk->statement[walk->size++] = is_blank(letter) ? ' ' : letter;
        walk->statement[walk->size] = '\0';
    }
}

static void end_statement(struct report *report, const struct source *source, struct walk *walk) {
    if (walk->size > 0) {
        /* a test may keep its fixture in a static: nobody else sees it */
        const bool is_fixture =
            starts_with(source->path, "tests/") && starts_with(walk->statement, "static ");
        if (is_variable(walk->statement) && !is_constant(walk->statement) && !is_fixture) {
            complain(report, source, walk->line_start, GLOBAL,
                     "a variable of the whole program: pass it, or make it const");
        }
        if (starts_with(walk->statement, "typedef struct") || starts_with(walk->statement, "typedef union")) {
            complain(report, source, walk->line_start, NAME, "no typedef for a struct");
        }
    }
    walk->size = 0;
    walk->statement[0] = '\0';
}

static void open_brace(struct report *report, const struct source *source, struct walk *walk, size_t line) {
    if (walk->depth++ > 0) {
        return;
    }
    if (strchr(walk->statement, '(') != NULL && strchr(walk->statement, '=') == NULL) {
        walk->in_function = true;
        function_name(walk->statement, walk->function, sizeof walk->function);
        check_function_name(report, source, walk);
    } else {
        add_letter(walk, '{', line);
    }
}

static void close_brace(struct report *report, const struct source *source, struct walk *walk, size_t line) {
    walk->depth -= walk->depth > 0 ? 1 : 0;
    if (walk->depth > 0) {
        return;
    }
    if (walk->in_function) {
        check_function_length(report, source, walk, line);
        walk->in_function = false;
        walk->size = 0;
        walk->statement[0] = '\0';
    } else {
        add_letter(walk, '}', line);
    }
}

/* A static variable inside a function lives as long as one outside. */
static void check_local(struct report *report, const struct source *source, struct walk *walk, const char *at,
                        size_t line) {
    if (walk->local == NULL) {
        if (walk->in_function && *at == 's' && starts_with(at, "static") &&
            is_whole_word(source->code, at, "static")) {
            walk->local = at;
            walk->local_line = line;
        }
        return;
    }
    if (*at == ';' || *at == '=' || *at == '{') {
        char declaration[512];
        const size_t size = (size_t)(at - walk->local);
        (void)snprintf(declaration, sizeof declaration, "%.*s", (int)(size < 511 ? size : 511), walk->local);
        if (!is_constant(declaration)) {
            complain(report, source, walk->local_line, GLOBAL,
                     "a static variable: pass it, or make it const");
        }
        walk->local = NULL;
    }
}

void check_definitions(struct report *report, const struct source *source) {
    struct walk walk = {0};
    size_t line = 1;
    bool in_directive = false, at_line_start = true;
    for (const char *at = source->code; *at != '\0'; at++) {
        if (at_line_start && !in_directive) {
            in_directive = at[strspn(at, " \t")] == '#';
        }
        at_line_start = *at == '\n';
        if (in_directive) {
            in_directive = !(at_line_start && at[-1] != '\\');
        } else {
            if (starts_with(source->path, "src/")) {
                check_local(report, source, &walk, at, line);
            }
            if (*at == '{') {
                open_brace(report, source, &walk, line);
            } else if (*at == '}') {
                close_brace(report, source, &walk, line);
            } else if (walk.depth == 0 && *at == ';') {
                end_statement(report, source, &walk);
            } else if (walk.depth == 0) {
                add_letter(&walk, *at, line);
            }
        }
        line += at_line_start ? 1 : 0;
    }
}
