/* SPDX-License-Identifier: Apache-2.0
 *
 * log.c - JSON lines, one write() each, so that lines of several threads never mix.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

#define LOG_LINE_SIZE_MAX ((size_t)64 << 10)

struct ps_log {
    int descriptor; /* O_APPEND: the kernel keeps lines whole */
    enum ps_log_level level_max;
    char *application, *container;
};

const char *ps_log_level_name(enum ps_log_level level) {
    switch (level) {
    case PS_LOG_ERROR: return "error";
    case PS_LOG_WARNING: return "warning";
    case PS_LOG_NOTICE: return "notice";
    case PS_LOG_INFO: return "info";
    case PS_LOG_DEBUG: return "debug";
    }
    return "info";
}

penstock_code ps_log_open(const char *path, enum ps_log_level level_max, const char *application, const char *container,
                          struct ps_log **log_out, struct penstock_error *error) {
    struct ps_log *log = ps_allocate(1, sizeof *log);
    if (log == NULL) {
        return ps_error_memory(error, "a log");
    }
    log->descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    log->level_max = level_max;
    log->application = ps_duplicate(application != NULL ? application : "");
    log->container = ps_duplicate(container != NULL ? container : "");
    if (log->descriptor < 0 || log->application == NULL || log->container == NULL) {
        const int reason = log->descriptor < 0 ? errno : ENOMEM;
        ps_log_close(log);
        return ps_error_errno(error, reason, "open the log %s", path);
    }
    *log_out = log;
    return PENSTOCK_OK;
}

void ps_log_close(struct ps_log *log) {
    if (log != NULL) {
        if (log->descriptor >= 0) {
            close(log->descriptor);
        }
        ps_release(log->application);
        ps_release(log->container);
        ps_release(log);
    }
}

void ps_log_write(struct ps_log *log, enum ps_log_level level, const char *fields, const char *format, ...) {
    if (log == NULL || level > log->level_max) {
        return;
    }
    char message[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    char now[32];
    ps_clock_format_iso(ps_clock_wall_ms(), now, sizeof now);
    struct ps_buffer line PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&line, LOG_LINE_SIZE_MAX);
    ps_buffer_printf(&line, "{\"ts\":\"%s\",\"level\":\"%s\",\"app\":\"%s\",\"container\":\"%s\",\"msg\":", now,
                     ps_log_level_name(level), log->application, log->container);
    ps_buffer_json(&line, message, strlen(message));
    if (fields != NULL && fields[0] != '\0') {
        ps_buffer_printf(&line, ",%s", fields);
    }
    ps_buffer_text(&line, "}\n");
    if (!line.failed && write(log->descriptor, line.data, line.size) < 0) {
        return; /* a log that cannot be written must not stop the work it tells about */
    }
}
