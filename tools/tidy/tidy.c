/* SPDX-License-Identifier: Apache-2.0
 *
 * tidy.c - the house rules that no other tool checks, read from the sources themselves.
 *
 *   tidy [--verbose] ROOT      checks the tree at ROOT, prints file:line: check: what, exit status 1 if any
 *   tidy --canary ROOT         checks a tree of wrong files, each of which marks what must be complained of
 *                              ("expect: CHECK" on the line, "expect-file: CHECK" for the file as a whole)
 *
 * A line may switch one check off with a comment "tidy: allow CHECK: reason"; a switch that switches nothing
 * off is itself an error, so that no old ones stay. The C is not parsed: comments and strings are blanked,
 * and what stands at depth 0 of the braces is read as definitions. That is enough for this house's style.
 */
#include "tidy.h"

#include <stdio.h>

#include "base/limits.h"

static const char *const check_names[CHECK_COUNT] = {
    "opens", "length", "include", "call", "memory", "pthread", "global", "name", "path", "word", "allow"};

/* The check that is named at `text` and ends at one of `ends`, or CHECK_COUNT. */
static enum check check_named(const char *text, const char *ends) {
    const size_t size = strcspn(text, ends);
    for (size_t index = 0; index < CHECK_COUNT; index++) {
        if (strlen(check_names[index]) == size && strncmp(text, check_names[index], size) == 0) {
            return (enum check)index;
        }
    }
    return CHECK_COUNT;
}

/* Takes complaints of this file away: of `check` on `line`. How many there were. */
static size_t take_away(struct report *report, const struct source *source, size_t line, enum check check) {
    size_t kept = source->first;
    size_t taken = 0;
    for (size_t index = source->first; index < report->count; index++) {
        if (report->items[index].line == line && report->items[index].check == check) {
            taken++;
        } else {
            report->items[kept++] = report->items[index];
        }
    }
    report->count = kept;
    return taken;
}

static void apply_switch(struct report *report, const struct source *source, size_t line, const char *text) {
    const enum check check = check_named(text, ": \t*");
    const char *reason = text + strcspn(text, ": \t*");
    if (check == CHECK_COUNT || check == ALLOW) {
        complain(report, source, line, ALLOW, "the switch names no check");
    } else if (*reason != ':' || strspn(reason, ": */") == strlen(reason)) {
        complain(report, source, line, ALLOW, "the switch gives no reason");
    } else if (take_away(report, source, line, check) == 0) {
        complain(report, source, line, ALLOW, "the switch switches nothing off: remove it");
    }
}

static void apply_expectation(struct report *report, const struct source *source, size_t line,
                              const char *text, bool expected[CHECK_COUNT]) {
    const enum check check = check_named(text, " \t*");
    if (check == CHECK_COUNT) {
        complain(report, source, line, ALLOW, "the expectation names no check");
    } else if (take_away(report, source, line, check) == 0) {
        printf("%s:%zu: canary: tidy does not see what is wrong here (%s)\n", source->path, line,
               check_names[check]);
        report->failed = true;
    } else {
        expected[check] = true;
    }
}

/* In the order of the lines: first all switches, then, in a canary tree, what was to be complained of. */
static void apply_marks(struct report *report, const struct source *source, const char *mark,
                        bool expected[CHECK_COUNT]) {
    size_t line = 0;
    for (const char *start = source->text; *start != '\0';
         start += start[strcspn(start, "\n")] == '\0' ? 0 : 1) {
        const char *text = line_at(report->arena, start);
        line++;
        const char *at = text == NULL ? NULL : strstr(text, mark);
        if (at != NULL && expected == NULL) {
            apply_switch(report, source, line, at + strlen(mark));
        } else if (at != NULL) {
            apply_expectation(report, source, starts_with(mark, "expect-file") ? 1 : line, at + strlen(mark),
                              expected);
        }
        start += strcspn(start, "\n");
    }
}

/* --- the tree ----------------------------------------------------------------------------------------- */

static bool is_c(const char *path) {
    return ends_with(path, ".c") || ends_with(path, ".h");
}

static bool is_text(const char *path) {
    static const char *const ends[] = {".c",   ".h",   ".md",   ".py",    ".sh",
                                       ".sql", ".yml", ".yaml", ".build", NULL};
    for (size_t index = 0; ends[index] != NULL; index++) {
        if (ends_with(path, ends[index])) {
            return true;
        }
    }
    return strchr(ps_path_name(path), '.') == NULL; /* Makefile, tools/setup */
}

/* What tools make, and the tree that is wrong on purpose. */
static bool is_left_out(const char *path, bool is_canary) {
    return strstr(path, "/store/") != NULL || strstr(path, "__pycache__") != NULL ||
           ends_with(path, "LICENSE") || (starts_with(path, "examples/") && strstr(path, "/data/") != NULL) ||
           (!is_canary && starts_with(path, "tests/house/bad/"));
}

static void check_file(struct report *report, const char *root, const char *path,
                       bool expected[CHECK_COUNT]) {
    struct penstock_error error;
    struct ps_bytes content = {0};
    struct source source = {.path = path, .first = report->count};
    const char *full = ps_path_join(report->arena, root, path);
    if (full == NULL ||
        ps_file_read(full, PS_LIMIT_PROJECT_FILE_SIZE, report->arena, &content, &error) != PENSTOCK_OK) {
        fprintf(stderr, "tidy: %s: %s\n", path, full == NULL ? "out of memory" : error.message);
        report->failed = true;
        return;
    }
    source.text = ps_arena_copy_size(report->arena, content.data, content.size);
    source.code = is_c(path) ? ps_arena_copy_size(report->arena, content.data, content.size) : NULL;
    source.size = content.size;
    source.room = room_of(report->arena, path);
    if (source.text == NULL || (is_c(path) && source.code == NULL)) {
        report->failed = true;
        return;
    }
    report->file_count++;
    check_file_name(report, &source);
    check_lines(report, &source);
    if (source.code != NULL) {
        blank(source.code);
        check_opening(report, &source);
        check_words(report, &source);
        if (!starts_with(path, "include/")) { /* extern "C" { is no depth */
            check_definitions(report, &source);
        }
    }
    if (!starts_with(path, "tools/tidy/") && !ends_with(path, ".md")) { /* these two write about the marks */
        apply_marks(report, &source, "tidy: allow ", NULL);
    }
    if (report->is_canary) {
        apply_marks(report, &source, "expect: ", expected);
        apply_marks(report, &source, "expect-file: ", expected);
    }
}

static void check_tree(struct report *report, const char *root, bool expected[CHECK_COUNT]) {
    static const char *const patterns[] = {"src/**",   "include/**",  "tests/**", "tools/**", "docs/**",
                                           "bench/**", "examples/**", ".ci/*",    "*",        NULL};
    for (size_t index = 0; patterns[index] != NULL; index++) {
        struct penstock_error error;
        char **paths = NULL;
        size_t count = 0;
        const char *pattern = ps_path_join(report->arena, root, patterns[index]);
        if (pattern == NULL || ps_file_glob(pattern, report->arena, &paths, &count, &error) != PENSTOCK_OK) {
            fprintf(stderr, "tidy: %s\n", pattern == NULL ? "out of memory" : error.message);
            report->failed = true;
            return;
        }
        for (size_t file = 0; file < count; file++) {
            const char *path = paths[file] + strlen(root) + (ends_with(root, "/") ? 0 : 1);
            if (is_text(path) && !is_left_out(path, report->is_canary)) {
                check_file(report, root, path, expected);
            }
        }
    }
}

int main(int argument_count, char **arguments) {
    struct report report = {0};
    const char *root = NULL;
    for (int index = 1; index < argument_count; index++) {
        if (strcmp(arguments[index], "--verbose") == 0) {
            report.is_verbose = true;
        } else if (strcmp(arguments[index], "--canary") == 0) {
            report.is_canary = true;
        } else {
            root = arguments[index];
        }
    }
    report.arena = ps_arena_new(0);
    if (root == NULL || report.arena == NULL) {
        fprintf(stderr, "usage: tidy [--verbose] [--canary] ROOT\n");
        return 2;
    }
    bool expected[CHECK_COUNT] = {false};
    check_tree(&report, root, expected);
    for (size_t index = 0; index < report.count; index++) {
        const struct complaint *item = &report.items[index];
        printf("%s:%zu: %s: %s\n", item->path, item->line, check_names[item->check], item->text);
    }
    for (size_t index = 0; report.is_canary && index < CHECK_COUNT; index++) {
        if (!expected[index]) {
            printf("canary: no file shows that check \"%s\" can fail\n", check_names[index]);
            report.failed = true;
        }
    }
    printf("tidy: %zu files, %zu complaints\n", report.file_count, report.count);
    const bool is_good = report.count == 0 && !report.failed && report.file_count > 0;
    ps_release(report.items);
    ps_arena_free(report.arena);
    return is_good ? 0 : 1;
}
