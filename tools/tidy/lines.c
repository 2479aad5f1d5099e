/* SPDX-License-Identifier: Apache-2.0
 *
 * lines.c - the checks that look at one line or one word: includes against the ranks of the rooms, banned
 * words with what to use instead, widths, machine paths, leftovers, and how a file opens.
 */
#include "tidy.h"

#include <ctype.h>

/* Rooms from low to high. cli and ui stand side by side: neither may use the other. */
static const struct {
    const char *name;
    int rank;
} rooms[] = {{"base", 0},     {"data", 1},   {"hbase", 2}, {"sql", 3},     {"job", 4},
             {"connect", 5},  {"stream", 6}, {"model", 7}, {"publish", 8}, {"serve", 9},
             {"cluster", 10}, {"app", 11},   {"cli", 12},  {"ui", 12}};

/* Words that must not stand in the code. A word that ends in '*' is a beginning. */
struct ban {
    const char *word;
    enum check check;
    bool is_call;          /* only where '(' follows */
    bool is_everywhere;    /* else only in src/ and include/ */
    const char *except[3]; /* beginnings of paths where it may stand */
    const char *instead;
};
static const struct ban bans[] = {
    {"malloc", MEMORY, true, false, {"src/base/memory.c"}, "ps_allocate() or an arena"},
    {"calloc", MEMORY, true, false, {"src/base/memory.c"}, "ps_allocate() or an arena"},
    {"realloc", MEMORY, true, false, {"src/base/memory.c"}, "ps_reallocate() or ps_grow()"},
    {"reallocarray", MEMORY, true, false, {"src/base/memory.c"}, "ps_reallocate() or ps_grow()"},
    {"free", MEMORY, true, false, {"src/base/memory.c"}, "ps_release()"},
    {"strdup", MEMORY, true, false, {NULL}, "ps_duplicate() or ps_arena_copy()"},
    {"strndup", MEMORY, true, false, {NULL}, "ps_arena_copy_size()"},
    {"asprintf", MEMORY, true, false, {NULL}, "ps_arena_printf()"},
    {"vasprintf", MEMORY, true, false, {NULL}, "ps_arena_printf()"},
    {"alloca", MEMORY, true, true, {NULL}, "an arena"},
    {"strcpy", CALL, true, false, {NULL}, "ps_arena_copy() or memcpy() with a checked size"},
    {"strncpy", CALL, true, false, {NULL}, "ps_arena_copy_size() or memcpy() with a checked size"},
    {"strcat", CALL, true, false, {NULL}, "struct ps_buffer"},
    {"strncat", CALL, true, false, {NULL}, "struct ps_buffer"},
    {"sprintf", CALL, true, false, {NULL}, "snprintf() or struct ps_buffer"},
    {"vsprintf", CALL, true, false, {NULL}, "vsnprintf() or struct ps_buffer"},
    {"gets", CALL, true, false, {NULL}, "ps_file_read()"},
    {"atoi", CALL, true, false, {NULL}, "ps_parse_integer()"},
    {"atol", CALL, true, false, {NULL}, "ps_parse_integer()"},
    {"atoll", CALL, true, false, {NULL}, "ps_parse_integer()"},
    {"atof", CALL, true, false, {NULL}, "ps_parse_double()"},
    {"strtok", CALL, true, false, {NULL}, "strsep() or strcspn()"},
    {"strerror", CALL, true, false, {NULL}, "ps_error_errno()"},
    {"localtime", CALL, true, false, {NULL}, "ps_clock_format_iso()"},
    {"gmtime", CALL, true, false, {NULL}, "ps_clock_format_iso()"},
    {"rand", CALL, true, false, {NULL}, "a generator with a stored seed"},
    {"srand", CALL, true, false, {NULL}, "a generator with a stored seed"},
    {"setlocale", CALL, true, false, {NULL}, "nothing: the locale belongs to the embedding program"},
    {"system", CALL, true, false, {NULL}, "the system call that does it"},
    {"popen", CALL, true, false, {NULL}, "the system call that does it"},
    {"exit", CALL, true, false, {"src/cli/"}, "a penstock_code that is returned"},
    {"printf",
     CALL,
     true,
     false,
     {"src/cli/", "src/app/library"},
     "an error or a report that the caller shows"},
    {"vprintf",
     CALL,
     true,
     false,
     {"src/cli/", "src/app/library"},
     "an error or a report that the caller shows"},
    {"puts",
     CALL,
     true,
     false,
     {"src/cli/", "src/app/library"},
     "an error or a report that the caller shows"},
    {"putchar",
     CALL,
     true,
     false,
     {"src/cli/", "src/app/library"},
     "an error or a report that the caller shows"},
    {"fprintf", CALL, true, false, {"src/cli/", "src/app/"}, "an error or a report that the caller shows"},
    {"perror", CALL, true, false, {NULL}, "ps_error_errno()"},
    {"clock_gettime", CALL, true, false, {"src/base/"}, "ps_clock_monotonic_ns() and friends"},
    {"nanosleep", CALL, true, false, {"src/base/"}, "ps_clock_sleep_ms()"},
    {"usleep", CALL, true, false, {NULL}, "ps_clock_sleep_ms()"},
    {"sleep", CALL, true, false, {NULL}, "ps_clock_sleep_ms()"},
    /* control: the door of a running process; run: signals belong to the program */
    {"pthread_*",
     PTHREAD,
     false,
     false,
     {"src/base/", "src/app/control", "src/cli/signals"},
     "base/thread.h"},
    {"thrd_*", PTHREAD, false, true, {NULL}, "base/thread.h"},
    {"mtx_*", PTHREAD, false, true, {NULL}, "base/thread.h"},
    {"cnd_*", PTHREAD, false, true, {NULL}, "base/thread.h"},
    {"duckdb_*", CALL, true, false, {"src/sql/"}, "sql/engine.h"},
    {"goto", CALL, false, true, {NULL}, "an early return with PS_SCOPED"},
};

/* Written in parts, so that this file does not contain them. */
static const char *const machine_paths[] = {"/wo"
                                            "rk/",
                                            "/ro"
                                            "ot/",
                                            "/fa"
                                            "rm/",
                                            "/ho"
                                            "me/",
                                            NULL};
static const char *const registry_words[] = {"regi"
                                             "stry",
                                             "mir"
                                             "ror",
                                             "pro"
                                             "xy",
                                             "/sim"
                                             "ple",
                                             "/mav"
                                             "en2",
                                             NULL};
static const char *const leftovers[] = {"TO"
                                        "DO",
                                        "FIX"
                                        "ME",
                                        "not "
                                        "implemented",
                                        "not yet "
                                        "implemented",
                                        NULL};
static const char *const empty_names[] = {"util",    "utils", "common",  "misc", "helper",
                                          "helpers", "core",  "manager", NULL};

static int rank_of(const char *room) {
    for (size_t index = 0; index < sizeof rooms / sizeof rooms[0]; index++) {
        if (strcmp(rooms[index].name, room) == 0) {
            return rooms[index].rank;
        }
    }
    return -1;
}

static void check_include(struct report *report, const struct source *source, size_t line, const char *text) {
    const char *start = text + strspn(text, " \t");
    if (*start != '#') {
        return;
    }
    start += 1 + strspn(start + 1, " \t");
    if (!starts_with(start, "include")) {
        return;
    }
    start += 7 + strspn(start + 7, " \t");
    const bool is_own = *start == '"';
    const char *name = start + (*start == '\0' ? 0 : 1);
    const size_t size = strcspn(name, "\">");
    const char *file = ps_arena_copy_size(report->arena, name, size);
    const char *slash = file == NULL ? NULL : strchr(file, '/');
    if (file != NULL && starts_with(file, "duckdb") && !starts_with(source->path, "src/sql/")) {
        complain(report, source, line, INCLUDE, "only the room sql includes duckdb.h");
    }
    if (!is_own || source->room == NULL || file == NULL || strcmp(file, "penstock.h") == 0) {
        return;
    }
    if (slash == NULL) {
        if (starts_with(source->path, "src/")) {
            complain(report, source, line, INCLUDE, "name the room too: \"room/file.h\"");
        }
        return;
    }
    const char *room = ps_arena_copy_size(report->arena, file, (size_t)(slash - file));
    const int rank = rank_of(room), own = rank_of(source->room);
    if (rank < 0) {
        complain(report, source, line, INCLUDE, ps_arena_printf(report->arena, "there is no room %s", room));
    } else if (rank >= own && strcmp(room, source->room) != 0) {
        complain(report, source, line, INCLUDE,
                 ps_arena_printf(report->arena, "room %s may not use room %s, which is not below it",
                                 source->room, room));
    }
}

static void check_columns(struct report *report, const struct source *source, size_t line, const char *text) {
    size_t columns = 0;
    for (const char *at = text; *at != '\0'; at++) {
        columns += ((unsigned char)*at & 0xC0) != 0x80 ? 1 : 0;
    }
    /* the SQL and the expected answers of a test read better in one piece */
    const bool is_test_text = starts_with(source->path, "tests/") && strchr(text, '"') != NULL;
    if (columns > LINE_COLUMNS_MAX && !is_test_text) {
        complain(report, source, line, LENGTH,
                 ps_arena_printf(report->arena, "%zu columns, at most %d", columns, LINE_COLUMNS_MAX));
    }
}

static void check_text(struct report *report, const struct source *source, size_t line, const char *text) {
    for (size_t index = 0; machine_paths[index] != NULL; index++) {
        const char *at = strstr(text, machine_paths[index]);
        if (at != NULL && (at == text || (!is_word(at[-1]) && at[-1] != '.' && at[-1] != '}'))) {
            complain(report, source, line, PATH,
                     ps_arena_printf(report->arena, "a path of one machine: %s", machine_paths[index]));
        }
    }
    const char *url = strstr(text, "://");
    for (size_t index = 0; url != NULL && registry_words[index] != NULL; index++) {
        const char *found = strstr(url, registry_words[index]);
        if (found != NULL && (size_t)(found - url) < strcspn(url, " \t\"'`)>")) {
            complain(report, source, line, PATH, "an address of a package host");
        }
    }
    for (size_t index = 0; leftovers[index] != NULL; index++) {
        if (find_word(text, leftovers[index]) != NULL) {
            complain(report, source, line, WORD,
                     ps_arena_printf(report->arena, "finish it instead of writing %s", leftovers[index]));
        }
    }
}

static bool is_banned_here(const struct ban *ban, const char *path) {
    if (!ban->is_everywhere && !starts_with(path, "src/") && !starts_with(path, "include/")) {
        return false;
    }
    for (size_t index = 0; index < 3; index++) {
        if (ban->except[index] != NULL && starts_with(path, ban->except[index])) {
            return false;
        }
    }
    return true;
}

static void check_word(struct report *report, const struct source *source, size_t line, const char *word,
                       size_t size, char next) {
    for (size_t index = 0; index < sizeof bans / sizeof bans[0]; index++) {
        const struct ban *ban = &bans[index];
        const size_t ban_size = strlen(ban->word);
        const bool is_start = ban->word[ban_size - 1] == '*';
        const bool is_same = is_start ? size >= ban_size && strncmp(word, ban->word, ban_size - 1) == 0
                                      : size == ban_size && strncmp(word, ban->word, size) == 0;
        if (is_same && (!ban->is_call || next == '(') && is_banned_here(ban, source->path)) {
            complain(report, source, line, ban->check,
                     ps_arena_printf(report->arena, "instead of %.*s use %s", (int)size, word, ban->instead));
        }
    }
}

/* Looks at every word of the code, but not at members (ops->free(x)). */
void check_words(struct report *report, const struct source *source) {
    size_t line = 1;
    const char *at = source->code;
    while (*at != '\0') {
        if (!is_word(*at)) {
            line += *at == '\n' ? 1 : 0;
            at++;
            continue;
        }
        const char *end = at;
        while (is_word(*end)) {
            end++;
        }
        const char before = at == source->code ? ' ' : at[-1];
        const bool is_member = before == '.' || (before == '>' && at - source->code > 1 && at[-2] == '-');
        if (!is_member && !isdigit((unsigned char)*at)) {
            check_word(report, source, line, at, (size_t)(end - at), end[strspn(end, " ")]);
        }
        at = end;
    }
}

void check_opening(struct report *report, const struct source *source) {
    static const char licence[] = "/* SPDX-License-Identifier: Apache-2.0\n *\n * ";
    if (!starts_with(source->text, licence)) {
        complain(report, source, 1, OPENS,
                 "open with the SPDX line, an empty line and the purpose, in one comment");
        return;
    }
    const char *purpose = source->text + sizeof licence - 1;
    const char *end = strstr(purpose, "*/");
    const char *name = ps_path_name(source->path);
    if (end == NULL || (size_t)(end - purpose) < 30) {
        complain(report, source, 1, OPENS, "say what the file is for, in 3 to 15 lines");
    } else if (!starts_with(purpose, name) || strncmp(purpose + strlen(name), " - ", 3) != 0) {
        complain(report, source, 1, OPENS,
                 ps_arena_printf(report->arena, "the purpose begins with \"%s - \"", name));
    }
}

void check_file_name(struct report *report, const struct source *source) {
    const char *name = ps_path_name(source->path);
    for (size_t index = 0; empty_names[index] != NULL; index++) {
        for (const char *at = strstr(name, empty_names[index]); at != NULL;
             at = strstr(at + 1, empty_names[index])) {
            const char after = at[strlen(empty_names[index])];
            if ((at == name || !isalnum((unsigned char)at[-1])) && !isalnum((unsigned char)after)) {
                complain(report, source, 1, NAME,
                         ps_arena_printf(report->arena, "\"%s\" names no idea", empty_names[index]));
            }
        }
    }
}

void check_lines(struct report *report, const struct source *source) {
    size_t line = 0;
    for (const char *start = source->text; *start != '\0';
         start += start[strcspn(start, "\n")] == '\0' ? 0 : 1) {
        const char *text = line_at(report->arena, start);
        if (text == NULL) {
            report->failed = true;
            return;
        }
        line++;
        check_text(report, source, line, text);
        if (source->code != NULL) {
            check_columns(report, source, line, text);
            check_include(report, source, line, text);
        }
        start += strcspn(start, "\n");
    }
    if (source->code != NULL && line > FILE_LINES_MAX) {
        complain(report, source, 1, LENGTH,
                 ps_arena_printf(report->arena, "%zu lines, at most %d: is there more than one idea in it?",
                                 line, FILE_LINES_MAX));
    }
}
