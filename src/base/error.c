/* SPDX-License-Identifier: Apache-2.0
 *
 * error.c - filling, extending and naming errors. Nothing here allocates.
 */
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static penstock_remedy remedy_of(penstock_code code) {
    switch (code) {
    case PENSTOCK_BUSY: return PENSTOCK_RETRY;
    case PENSTOCK_FENCED:
    case PENSTOCK_INTERNAL: return PENSTOCK_RESTART;
    case PENSTOCK_RULE_FAILED:
    case PENSTOCK_CANCELLED: return PENSTOCK_ABORT;
    case PENSTOCK_OK:
    case PENSTOCK_INVALID_ARGUMENT:
    case PENSTOCK_INVALID_PROJECT:
    case PENSTOCK_INVALID_DATA:
    case PENSTOCK_NOT_FOUND:
    case PENSTOCK_ALREADY_EXISTS:
    case PENSTOCK_IO:
    case PENSTOCK_OUT_OF_MEMORY:
    case PENSTOCK_UNSUPPORTED:
    case PENSTOCK_SQL:
    case PENSTOCK_GATE_REFUSED: return PENSTOCK_GIVE_UP;
    }
    return PENSTOCK_GIVE_UP;
}

/* vsnprintf that says where it cut, and never leaves half of a UTF-8 character. */
static void fill(char *out, size_t size, const char *format, va_list arguments) {
    const int needed = vsnprintf(out, size, format, arguments);
    if (needed < 0 || (size_t)needed < size) {
        return;
    }
    size_t end = size - 4;
    while (end > 0 && ((unsigned char)out[end] & 0xC0) == 0x80) {
        end--;
    }
    memcpy(out + end, "...", 4);
}

penstock_code ps_error_set(struct penstock_error *error, penstock_code code, const char *format, ...) {
    if (error != NULL) {
        char message[sizeof error->message]; /* the arguments may point into *error */
        va_list arguments;
        va_start(arguments, format);
        fill(message, sizeof message, format, arguments);
        va_end(arguments);
        error->code = code;
        error->remedy = remedy_of(code);
        memcpy(error->message, message, sizeof message);
        error->detail[0] = '\0';
        error->hint[0] = '\0';
    }
    return code;
}

penstock_code ps_error_detail(struct penstock_error *error, const char *format, ...) {
    if (error == NULL) {
        return PENSTOCK_INTERNAL;
    }
    char text[sizeof error->detail];
    va_list arguments;
    va_start(arguments, format);
    fill(text, sizeof text, format, arguments);
    va_end(arguments);
    memcpy(error->detail, text, sizeof text);
    return error->code;
}

penstock_code ps_error_hint(struct penstock_error *error, const char *format, ...) {
    if (error == NULL) {
        return PENSTOCK_INTERNAL;
    }
    char text[sizeof error->hint];
    va_list arguments;
    va_start(arguments, format);
    fill(text, sizeof text, format, arguments);
    va_end(arguments);
    memcpy(error->hint, text, sizeof text);
    return error->code;
}

static void join(char *out, size_t size, const char *format, ...) PS_PRINTF(3, 4);
static void join(char *out, size_t size, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fill(out, size, format, arguments);
    va_end(arguments);
}

penstock_code ps_error_context(struct penstock_error *error, const char *format, ...) {
    if (error == NULL) {
        return PENSTOCK_INTERNAL;
    }
    char context[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    fill(context, sizeof context, format, arguments);
    va_end(arguments);
    char message[sizeof error->message];
    join(message, sizeof message, "%s: %s", context, error->message);
    memcpy(error->message, message, sizeof message);
    return error->code;
}

penstock_code ps_error_errno(struct penstock_error *error, int errno_value, const char *format, ...) {
    char what[sizeof error->message / 2];
    va_list arguments;
    va_start(arguments, format);
    fill(what, sizeof what, format, arguments);
    va_end(arguments);
    const penstock_code code = errno_value == ENOENT || errno_value == ENOTDIR ? PENSTOCK_NOT_FOUND
                               : errno_value == ENOMEM                        ? PENSTOCK_OUT_OF_MEMORY
                                                                              : PENSTOCK_IO;
    if (errno_value == ENOSPC || errno_value == EDQUOT) {
        (void)ps_error_set(error, code, "%s: the disk is full", what);
        (void)ps_error_hint(error, "free some space and run again");
        return code;
    }
    if (errno_value == EFBIG) {
        (void)ps_error_set(error, code, "%s: the file would grow beyond the limit of this process", what);
        (void)ps_error_hint(error, "raise the limit (ulimit -f) and run again");
        return code;
    }
    char reason[128];
    (void)ps_error_set(error, code, "%s: %s", what, strerror_r(errno_value, reason, sizeof reason));
    if (errno_value == EACCES || errno_value == EPERM) {
        (void)ps_error_hint(error, "check the owner and the permissions of the path");
    }
    return code;
}

void ps_error_clear(struct penstock_error *error) {
    if (error != NULL) {
        memset(error, 0, sizeof *error);
    }
}

const char *ps_error_code_name(penstock_code code) {
    switch (code) {
    case PENSTOCK_OK: return "OK";
    case PENSTOCK_INVALID_ARGUMENT: return "INVALID_ARGUMENT";
    case PENSTOCK_INVALID_PROJECT: return "INVALID_PROJECT";
    case PENSTOCK_INVALID_DATA: return "INVALID_DATA";
    case PENSTOCK_NOT_FOUND: return "NOT_FOUND";
    case PENSTOCK_ALREADY_EXISTS: return "ALREADY_EXISTS";
    case PENSTOCK_BUSY: return "BUSY";
    case PENSTOCK_IO: return "IO";
    case PENSTOCK_OUT_OF_MEMORY: return "OUT_OF_MEMORY";
    case PENSTOCK_CANCELLED: return "CANCELLED";
    case PENSTOCK_UNSUPPORTED: return "UNSUPPORTED";
    case PENSTOCK_SQL: return "SQL";
    case PENSTOCK_GATE_REFUSED: return "GATE_REFUSED";
    case PENSTOCK_RULE_FAILED: return "RULE_FAILED";
    case PENSTOCK_FENCED: return "FENCED";
    case PENSTOCK_INTERNAL: return "INTERNAL";
    }
    return "UNKNOWN";
}

int ps_error_exit_status(penstock_code code) {
    return code == PENSTOCK_OK                 ? 0
           : code == PENSTOCK_INVALID_ARGUMENT ? 2
           : code == PENSTOCK_GATE_REFUSED     ? 3
           : code == PENSTOCK_RULE_FAILED      ? 4
                                               : 1;
}
