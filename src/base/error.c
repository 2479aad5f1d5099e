/* SPDX-License-Identifier: Apache-2.0
 *
 * error.c - the caller-owned error: fixed size, never allocates, so that "out of memory" can be said too.
 *
 * All text is formatted into a local buffer first, because callers may pass parts of the same error as
 * arguments ("%s", error->message). A text that does not fit ends in "...", never inside a UTF-8 character.
 */
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    penstock_remedy remedy;
    int exit_status;
} codes[] = {
    [PENSTOCK_OK] = {"OK", PENSTOCK_GIVE_UP, 0},
    [PENSTOCK_INVALID_ARGUMENT] = {"INVALID_ARGUMENT", PENSTOCK_GIVE_UP, 2},
    [PENSTOCK_INVALID_PROJECT] = {"INVALID_PROJECT", PENSTOCK_GIVE_UP, 1},
    [PENSTOCK_INVALID_DATA] = {"INVALID_DATA", PENSTOCK_GIVE_UP, 1},
    [PENSTOCK_NOT_FOUND] = {"NOT_FOUND", PENSTOCK_GIVE_UP, 1},
    [PENSTOCK_ALREADY_EXISTS] = {"ALREADY_EXISTS", PENSTOCK_GIVE_UP, 1},
    [PENSTOCK_BUSY] = {"BUSY", PENSTOCK_RETRY, 1},
    [PENSTOCK_IO] = {"IO", PENSTOCK_RETRY, 1},
    [PENSTOCK_OUT_OF_MEMORY] = {"OUT_OF_MEMORY", PENSTOCK_ABORT, 1},
    [PENSTOCK_CANCELLED] = {"CANCELLED", PENSTOCK_RETRY, 1},
    [PENSTOCK_UNSUPPORTED] = {"UNSUPPORTED", PENSTOCK_GIVE_UP, 1},
    [PENSTOCK_SQL] = {"SQL", PENSTOCK_ABORT, 1},
    [PENSTOCK_GATE_REFUSED] = {"GATE_REFUSED", PENSTOCK_GIVE_UP, 3},
    [PENSTOCK_RULE_FAILED] = {"RULE_FAILED", PENSTOCK_GIVE_UP, 4},
    [PENSTOCK_FENCED] = {"FENCED", PENSTOCK_RESTART, 1},
    [PENSTOCK_INTERNAL] = {"INTERNAL", PENSTOCK_RESTART, 1},
    [PENSTOCK_UNAVAILABLE] = {"UNAVAILABLE", PENSTOCK_RETRY, 1},
};
#define CODE_COUNT (sizeof codes / sizeof codes[0])

static bool is_known(penstock_code code) {
    return (size_t)code < CODE_COUNT;
}

/* Copies text of any length into `out`, cut at a character and marked with "..." if it does not fit. */
static void copy_cut(char *out, size_t capacity, const char *text) {
    size_t size = strlen(text);
    if (size < capacity) {
        memcpy(out, text, size + 1);
        return;
    }
    size = capacity - sizeof "...";
    while (size > 0 && ((unsigned char)text[size] & 0xC0) == 0x80) {
        size--;
    }
    memcpy(out, text, size);
    memcpy(out + size, "...", sizeof "...");
}

/* Long enough for the longest field plus what makes copy_cut() see that something is missing. */
struct text {
    char data[2048];
};

PS_PRINTF(2, 0) static void format_text(struct text *text, const char *format, va_list arguments) {
    if (vsnprintf(text->data, sizeof text->data, format, arguments) < 0) {
        copy_cut(text->data, sizeof text->data, format);
    }
}

penstock_code ps_error_set(struct penstock_error *error, penstock_code code, const char *format, ...) {
    if (error == NULL) {
        return code;
    }
    struct text text;
    va_list arguments;
    va_start(arguments, format);
    format_text(&text, format, arguments);
    va_end(arguments);
    error->code = code;
    error->remedy = is_known(code) ? codes[code].remedy : PENSTOCK_GIVE_UP;
    copy_cut(error->message, sizeof error->message, text.data);
    error->detail[0] = '\0';
    error->hint[0] = '\0';
    return code;
}

penstock_code ps_error_detail(struct penstock_error *error, const char *format, ...) {
    if (error == NULL) {
        return PENSTOCK_INTERNAL;
    }
    struct text text;
    va_list arguments;
    va_start(arguments, format);
    format_text(&text, format, arguments);
    va_end(arguments);
    copy_cut(error->detail, sizeof error->detail, text.data);
    return error->code;
}

penstock_code ps_error_hint(struct penstock_error *error, const char *format, ...) {
    if (error == NULL) {
        return PENSTOCK_INTERNAL;
    }
    struct text text;
    va_list arguments;
    va_start(arguments, format);
    format_text(&text, format, arguments);
    va_end(arguments);
    copy_cut(error->hint, sizeof error->hint, text.data);
    return error->code;
}

penstock_code ps_error_context(struct penstock_error *error, const char *format, ...) {
    if (error == NULL) {
        return PENSTOCK_INTERNAL;
    }
    struct text text;
    va_list arguments;
    va_start(arguments, format);
    format_text(&text, format, arguments);
    va_end(arguments);
    const size_t size = strlen(text.data);
    if (size + 2 < sizeof text.data) {
        (void)snprintf(text.data + size, sizeof text.data - size, ": %s", error->message);
    }
    copy_cut(error->message, sizeof error->message, text.data);
    return error->code;
}

/* What errno means to a person, and what to do; NULL words: errno's own text. */
static const struct {
    int errno_value;
    penstock_code code;
    penstock_remedy remedy;
    const char *words;
    const char *hint;
} causes[] = {
    {ENOSPC, PENSTOCK_IO, PENSTOCK_GIVE_UP, "the disk is full",
     "free some space on that disk, then run again: it goes on from the last commit"},
    {EDQUOT, PENSTOCK_IO, PENSTOCK_GIVE_UP, "the disk quota is used up",
     "free some space or raise the quota, then run again: it goes on from the last commit"},
    {EACCES, PENSTOCK_IO, PENSTOCK_GIVE_UP, "permission denied",
     "let the user who runs penstock read (or write) it"},
    {EPERM, PENSTOCK_IO, PENSTOCK_GIVE_UP, "the operation is not permitted",
     "let the user who runs penstock read (or write) it"},
    {EROFS, PENSTOCK_IO, PENSTOCK_GIVE_UP, "the file system is read-only",
     "choose a folder that can be written"},
    {ENOENT, PENSTOCK_NOT_FOUND, PENSTOCK_GIVE_UP, "there is no such file or folder",
     "look at the spelling of the path"},
    {ENOTDIR, PENSTOCK_IO, PENSTOCK_GIVE_UP, "a part of the path is a file, not a folder",
     "look at the spelling of the path"},
    {EISDIR, PENSTOCK_IO, PENSTOCK_GIVE_UP, "it is a folder, not a file", "name a file in it"},
    {ENAMETOOLONG, PENSTOCK_IO, PENSTOCK_GIVE_UP, "the name is too long", "choose a shorter path"},
    {ELOOP, PENSTOCK_IO, PENSTOCK_GIVE_UP, "its symbolic links go in a circle", "mend the links"},
    {EMFILE, PENSTOCK_IO, PENSTOCK_RETRY, "this process has too many files open",
     "raise the limit: ulimit -n"},
    {ENFILE, PENSTOCK_IO, PENSTOCK_RETRY, "this machine has too many files open", "try again later"},
    {ENOMEM, PENSTOCK_OUT_OF_MEMORY, PENSTOCK_ABORT, "out of memory", "give the process more memory"},
};

penstock_code ps_error_errno(struct penstock_error *error, int errno_value, const char *format, ...) {
    struct text text;
    va_list arguments;
    va_start(arguments, format);
    format_text(&text, format, arguments);
    va_end(arguments);
    char buffer[128];
    const char *words = strerror_r(errno_value, buffer, sizeof buffer);
    for (size_t index = 0; index < sizeof causes / sizeof causes[0]; index++) {
        if (causes[index].errno_value == errno_value) {
            const penstock_code code = causes[index].code;
            (void)ps_error_set(error, code, "%s: %s", text.data, causes[index].words);
            (void)ps_error_detail(error, "%s (errno %d)", words, errno_value);
            (void)ps_error_hint(error, "%s", causes[index].hint);
            if (error != NULL) {
                error->remedy = causes[index].remedy;
            }
            return code;
        }
    }
    (void)ps_error_set(error, PENSTOCK_IO, "%s: %s", text.data, words);
    (void)ps_error_detail(error, "%s (errno %d)", words, errno_value);
    return PENSTOCK_IO;
}

void ps_error_clear(struct penstock_error *error) {
    if (error != NULL) {
        *error = (struct penstock_error){.code = PENSTOCK_OK};
    }
}

const char *ps_error_code_name(penstock_code code) {
    return is_known(code) ? codes[code].name : "UNKNOWN";
}

int ps_error_exit_status(penstock_code code) {
    return is_known(code) ? codes[code].exit_status : 1;
}
