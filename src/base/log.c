/* SPDX-License-Identifier: Apache-2.0
 *
 * log.c - the structured log: every event is one JSON object on one line, appended by one write().
 *
 * The line is made outside the lock; O_APPEND and a single write keep lines whole even when a second process
 * writes the same file. A line that cannot be written is dropped: a log must never stop the work it tells of.
 */
#include "base/log.h"

#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/roll.h"

#define LINE_SIZE_MAX ((size_t)64 << 10) /* a longer event is somebody's data, not an event */

struct ps_log {
    pthread_mutex_t lock;
    struct ps_roll file;
    enum ps_log_level level_max;
    char *application;
    char *container;
};

const char *ps_log_level_name(enum ps_log_level level) {
    switch (level) {
    case PS_LOG_ERROR: return "error";
    case PS_LOG_WARNING: return "warning";
    case PS_LOG_NOTICE: return "notice";
    case PS_LOG_INFO: return "info";
    case PS_LOG_DEBUG: return "debug";
    default: return "unknown";
    }
}

static void free_log(struct ps_log *log) {
    ps_roll_close(&log->file);
    (void)pthread_mutex_destroy(&log->lock);
    ps_release(log->application);
    ps_release(log->container);
    ps_release(log);
}

penstock_code ps_log_open(const char *path, enum ps_log_level level_max, const char *application,
                          const char *container, struct ps_log **log_out, struct penstock_error *error) {
    struct ps_log *log = ps_allocate(1, sizeof *log);
    if (log == NULL) {
        return ps_error_memory(error, "the log");
    }
    (void)pthread_mutex_init(&log->lock, NULL);
    log->level_max = level_max;
    log->application = ps_duplicate(application == NULL ? "" : application);
    log->container = ps_duplicate(container == NULL ? "" : container);
    log->file.descriptor = -1;
    penstock_code code = log->application == NULL || log->container == NULL
                             ? ps_error_memory(error, "the log")
                             : ps_roll_open(path, PS_LIMIT_LOG_SIZE, &log->file, error);
    if (code != PENSTOCK_OK) {
        free_log(log);
        return code;
    }
    *log_out = log;
    return PENSTOCK_OK;
}

void ps_log_close(struct ps_log *log) {
    if (log != NULL) {
        free_log(log);
    }
}

static void add_member(struct ps_buffer *line, const char *name, const char *value) {
    if (value[0] != '\0') {
        ps_buffer_printf(line, ",\"%s\":", name);
        ps_buffer_json(line, value, strlen(value));
    }
}

static void write_line(struct ps_log *log, const struct ps_buffer *line) {
    (void)pthread_mutex_lock(&log->lock);
    ps_roll_write(&log->file, line->data, line->size);
    (void)pthread_mutex_unlock(&log->lock);
}

void ps_log_write(struct ps_log *log, enum ps_log_level level, const char *fields, const char *format, ...) {
    if (log == NULL || level > log->level_max) {
        return;
    }
    char message[2048];
    va_list arguments;
    va_start(arguments, format);
    const int size = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (size < 0) {
        return;
    }
    char time[32];
    ps_clock_format_iso(ps_clock_wall_ms(), time, sizeof time);
    struct ps_buffer line PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&line, LINE_SIZE_MAX);
    ps_buffer_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\"", time, ps_log_level_name(level));
    add_member(&line, "application", log->application);
    add_member(&line, "container", log->container);
    ps_buffer_text(&line, ",\"message\":");
    ps_buffer_json(&line, message, strlen(message));
    if (fields != NULL && fields[0] != '\0') {
        ps_buffer_text(&line, ",");
        ps_buffer_text(&line, fields);
    }
    ps_buffer_text(&line, "}\n");
    if (!line.failed) {
        write_line(log, &line);
    }
}
