/* SPDX-License-Identifier: Apache-2.0
 *
 * container.c - folders and log files of the application that this process is.
 *
 * Files are opened once, for appending, and written to line by line without a buffer: what was printed before a
 * kill is in the file.
 */
#include "app/container.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/roll.h"

/* Executors of one application on one machine. */
#define EXECUTOR_COUNT_MAX 64
#define LINE_SIZE_MAX 4096
/* Two processes may begin at the same moment; the loser takes the next number. */
#define NUMBER_TRY_COUNT 100

struct container {
    struct ps_roll output, errors; /* stdout, stderr */
};

struct ps_application {
    struct ps_arena *arena;
    struct ps_application_record record;
    const char *store_path;
    struct container containers[EXECUTOR_COUNT_MAX + 1]; /* 0: the driver */
    int64_t container_count;
    struct ps_log *log; /* the driver's */
    const char *kill_path;
    char process_start[96], host[256], user[64];
};

static penstock_code find_number(const char *folder, struct ps_arena *arena, int64_t *number_out,
                                 struct penstock_error *error) {
    char **names = NULL;
    size_t count = 0;
    int64_t last = 0;
    PS_TRY(ps_file_list(folder, arena, &names, &count, error));
    for (size_t i = 0; i < count; i++) {
        int64_t start = 0;
        int64_t number = 0;
        if (ps_application_id_parse(names[i], &start, &number) && number > last) {
            last = number;
        }
    }
    *number_out = last + 1;
    return PENSTOCK_OK;
}

static penstock_code make_application_folder(struct ps_application *application,
                                             struct penstock_error *error) {
    char *folder = ps_record_folder(application->arena, application->store_path, NULL);
    if (folder == NULL) {
        return ps_error_memory(error, "application");
    }
    PS_TRY(ps_file_make_folders(folder, error));
    int64_t number = 0;
    PS_TRY(find_number(folder, application->arena, &number, error));
    application->record.start_ms = ps_clock_wall_ms();
    for (int try_index = 0; try_index < NUMBER_TRY_COUNT; try_index++, number++) {
        char *id = ps_arena_printf(application->arena, "application_%" PRId64 "_%04" PRId64,
                                   application->record.start_ms, number);
        char *path = ps_record_folder(application->arena, application->store_path, id);
        if (id == NULL || path == NULL) {
            return ps_error_memory(error, "application");
        }
        if (mkdir(path, 0777) == 0) {
            application->record.id = id;
            return PENSTOCK_OK;
        }
        if (errno != EEXIST) {
            return ps_error_errno(error, errno, "make %s", path);
        }
    }
    return ps_error_set(error, PENSTOCK_IO, "no free application number in %s", folder);
}

static penstock_code open_file(struct ps_arena *arena, const char *folder, const char *name,
                               struct ps_roll *file_out, struct penstock_error *error) {
    char *path = ps_path_join(arena, folder, name);
    return path != NULL ? ps_roll_open(path, PS_LIMIT_LOG_SIZE, file_out, error)
                        : ps_error_memory(error, "container");
}

static penstock_code open_container(struct ps_application *application, int64_t index,
                                    enum ps_log_level level, struct penstock_error *error) {
    const char *id = application->record.id;
    struct container *container = &application->containers[index];
    char *name = ps_arena_printf(application->arena, "container_%s_01_%06" PRId64,
                                 id + strlen("application_"), index + 1);
    char *folder = name == NULL ? NULL
                                : ps_arena_printf(application->arena, "%s/applications/%s/%s",
                                                  application->store_path, id, name);
    char *log_path = folder == NULL ? NULL : ps_path_join(application->arena, folder, "penstock.log");
    if (log_path == NULL) {
        return ps_error_memory(error, "container");
    }
    if (mkdir(folder, 0777) != 0) {
        return ps_error_errno(error, errno, "make %s", folder);
    }
    PS_TRY(open_file(application->arena, folder, "stdout", &container->output, error));
    PS_TRY(open_file(application->arena, folder, "stderr", &container->errors, error));
    struct ps_log *log = NULL;
    PS_TRY(ps_log_open(log_path, level, id, name, &log, error));
    ps_log_write(log, PS_LOG_INFO, NULL, index == 0 ? "driver started" : "executor started");
    if (index == 0) {
        application->log = log;
    } else {
        ps_log_close(log);
    }
    return PENSTOCK_OK;
}

static void describe_process(struct ps_application *application) {
    struct passwd entry;
    struct passwd *found = NULL;
    char buffer[1024];
    ps_process_start((int64_t)getpid(), application->process_start, sizeof application->process_start);
    if (gethostname(application->host, sizeof application->host - 1) != 0 || application->host[0] == '\0') {
        (void)snprintf(application->host, sizeof application->host, "localhost");
    }
    if (getpwuid_r(geteuid(), &entry, buffer, sizeof buffer, &found) == 0 && found != NULL) {
        (void)snprintf(application->user, sizeof application->user, "%s", entry.pw_name);
    } else {
        (void)snprintf(application->user, sizeof application->user, "%lu", (unsigned long)geteuid());
    }
}

static penstock_code begin(struct ps_application *application, const struct ps_application_setup *setup,
                           struct penstock_error *error) {
    application->store_path = ps_arena_copy(application->arena, setup->store_path);
    const char *name = ps_arena_copy(application->arena, setup->name);
    const char *master = ps_arena_copy(application->arena, setup->master);
    if (application->store_path == NULL || name == NULL || master == NULL) {
        return ps_error_memory(error, "application");
    }
    describe_process(application);
    application->record.name = name;
    application->record.master = master;
    application->record.user = application->user;
    application->record.node = application->host;
    application->record.state = PS_APPLICATION_NEW;
    application->record.final_status = "UNDEFINED";
    application->record.pid = (int64_t)getpid();
    application->record.process_start = application->process_start;
    application->record.exit_code = -1;
    application->record.diagnostics = "";
    PS_TRY(make_application_folder(application, error));
    application->kill_path =
        ps_application_kill_path(application->arena, application->store_path, application->record.id);
    if (application->kill_path == NULL) {
        return ps_error_memory(error, "application");
    }
    PS_TRY(ps_record_write(application->store_path, &application->record, error));
    int64_t executors = setup->executor_count < 1 ? 1 : setup->executor_count;
    executors = executors > EXECUTOR_COUNT_MAX ? EXECUTOR_COUNT_MAX : executors;
    for (int64_t index = 0; index <= executors; index++) {
        PS_TRY(open_container(application, index, setup->log_level, error));
        application->container_count++;
    }
    return PENSTOCK_OK;
}

penstock_code ps_application_begin(const struct ps_application_setup *setup,
                                   struct ps_application **application_out, struct penstock_error *error) {
    struct ps_application *application = ps_allocate(1, sizeof *application);
    if (application == NULL) {
        return ps_error_memory(error, "application");
    }
    for (size_t i = 0; i <= EXECUTOR_COUNT_MAX; i++) {
        application->containers[i].output.descriptor = -1;
        application->containers[i].errors.descriptor = -1;
    }
    application->arena = ps_arena_new(0);
    const penstock_code code =
        application->arena == NULL ? ps_error_memory(error, "application") : begin(application, setup, error);
    if (code != PENSTOCK_OK) {
        ps_application_free(application);
        return code;
    }
    *application_out = application;
    return PENSTOCK_OK;
}

const char *ps_application_id(const struct ps_application *application) {
    return application->record.id;
}

penstock_code ps_application_set_running(struct ps_application *application, struct penstock_error *error) {
    application->record.state = PS_APPLICATION_RUNNING;
    return ps_record_write(application->store_path, &application->record, error);
}

static void write_line(struct ps_roll *file, const char *line) {
    char text[LINE_SIZE_MAX];
    const int size = snprintf(text, sizeof text - 1, "%s", line);
    size_t length = size < 0 ? 0 : (size_t)size;
    length = length > sizeof text - 2 ? sizeof text - 2 : length;
    text[length] = '\n';
    ps_roll_write(file, text, length + 1);
}

void ps_application_print(struct ps_application *application, const char *line) {
    write_line(&application->containers[0].output, line);
}

void ps_application_complain(struct ps_application *application, const char *line) {
    write_line(&application->containers[0].errors, line);
}

void ps_application_task(struct ps_application *application, int64_t executor, const char *format, ...) {
    char line[LINE_SIZE_MAX / 2];
    char when[32];
    va_list arguments;
    ps_clock_format_iso(ps_clock_wall_ms(), when, sizeof when);
    const int start = snprintf(line, sizeof line, "%s ", when);
    va_start(arguments, format);
    (void)vsnprintf(line + start, sizeof line - (size_t)start, format, arguments);
    va_end(arguments);
    const int64_t executors = application->container_count - 1;
    write_line(&application->containers[1 + (executors > 0 ? executor % executors : 0)].errors, line);
}

struct ps_log *ps_application_log(struct ps_application *application) {
    return application->log;
}

char *ps_application_kill_path(struct ps_arena *arena, const char *store_path, const char *id) {
    return ps_arena_printf(arena, "%s/applications/%s/kill", store_path, id);
}

bool ps_application_kill_requested(const struct ps_application *application) {
    return ps_file_exists(application->kill_path);
}

penstock_code ps_application_end(struct ps_application *application, enum ps_application_state state,
                                 const char *final_status, int64_t exit_code, const char *diagnostics,
                                 struct penstock_error *error) {
    application->record.state = state;
    application->record.final_status = final_status;
    application->record.finish_ms = ps_clock_wall_ms();
    application->record.exit_code = exit_code;
    application->record.diagnostics = diagnostics;
    ps_log_write(application->log, PS_LOG_INFO, NULL, "%s, %s", ps_application_state_name(state),
                 final_status);
    return ps_record_write(application->store_path, &application->record, error);
}

void ps_application_free(struct ps_application *application) {
    if (application == NULL) {
        return;
    }
    for (size_t i = 0; i <= EXECUTOR_COUNT_MAX; i++) {
        ps_roll_close(&application->containers[i].output);
        ps_roll_close(&application->containers[i].errors);
    }
    ps_log_close(application->log);
    ps_arena_free(application->arena);
    ps_release(application);
}
