/* SPDX-License-Identifier: Apache-2.0
 *
 * logs.c - what `yarn logs` prints, from the plain files of an application.
 *
 * The blocks are those of YARN 3.4: a header, the bytes, a footer; LOCAL and host:port while the application runs,
 * AGGREGATED and host_port afterwards. Our node has port 0, because nothing listens there. Complaints and the exit
 * status 255 are yarn's too, so that scripts written for it go on working.
 */
#include "app/application.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <unistd.h>

#include "app/record.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/option.h"

#define STATUS_FAILED 255
/* Rows of '=' as wide as those of a node with a five-digit port. */
#define RULE_WIDTH 68
#define WIDE_RULE_WIDTH 136
#define FOOTER_STARS_MORE 50
#define PATTERN_COUNT_MAX 64

struct logs {
    const char *store_path;
    const struct ps_logs_options *options;
    struct ps_buffer *out, *complaints;
    struct ps_arena *arena;
    struct ps_application_record record;
    bool is_finished;
    char **containers;
    size_t container_count;
    char node[300];
    char *wanted[PATTERN_COUNT_MAX]; /* names or patterns, as given */
    size_t wanted_count;             /* 0: all files */
    regex_t patterns[PATTERN_COUNT_MAX];
    size_t pattern_count; /* compiled */
};

static void repeat(struct ps_buffer *out, char character, size_t count) {
    for (size_t i = 0; i < count; i++) {
        ps_buffer_add(out, &character, 1);
    }
    ps_buffer_text(out, "\n");
}

/* "[stderr, stdout]", as Java shows a set */
static void add_wanted(struct ps_buffer *out, const struct logs *logs) {
    ps_buffer_text(out, "[");
    for (size_t i = 0; i < logs->wanted_count; i++) {
        ps_buffer_printf(out, "%s%s", i == 0 ? "" : ", ", logs->wanted[i]);
    }
    ps_buffer_text(out, logs->wanted_count == 0 ? "ALL]" : "]");
}

static bool wants(const struct logs *logs, const char *file) {
    if (logs->wanted_count == 0) {
        return true;
    }
    for (size_t i = 0; i < logs->wanted_count; i++) {
        if (logs->pattern_count > 0 ? regexec(&logs->patterns[i], file, 0, NULL, 0) == 0
                                    : strcmp(logs->wanted[i], file) == 0) {
            return true;
        }
    }
    return false;
}

static penstock_code split_wanted(struct logs *logs, const char *list, struct penstock_error *error) {
    char *copy = ps_arena_copy(logs->arena, list);
    if (copy == NULL) {
        return ps_error_memory(error, "logs");
    }
    char *rest = NULL;
    for (char *name = strtok_r(copy, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest)) {
        if (logs->wanted_count == PATTERN_COUNT_MAX) {
            return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "more than %d log files are named",
                                PATTERN_COUNT_MAX);
        }
        logs->wanted[logs->wanted_count++] = name;
    }
    return PENSTOCK_OK;
}

static bool wants_all(const struct logs *logs, const char *all, const char *also) {
    for (size_t i = 0; i < logs->wanted_count; i++) {
        if (strcmp(logs->wanted[i], all) == 0 || strcmp(logs->wanted[i], also) == 0) {
            return true;
        }
    }
    return false;
}

static penstock_code choose_files(struct logs *logs, struct penstock_error *error) {
    const struct ps_logs_options *options = logs->options;
    if (options->log_files != NULL) {
        PS_TRY(split_wanted(logs, options->log_files, error));
        logs->wanted_count = wants_all(logs, "ALL", "*") ? 0 : logs->wanted_count;
        return PENSTOCK_OK;
    }
    if (options->log_files_pattern == NULL) {
        return PENSTOCK_OK;
    }
    PS_TRY(split_wanted(logs, options->log_files_pattern, error));
    logs->wanted_count = wants_all(logs, ".*", ".*") ? 0 : logs->wanted_count;
    for (size_t i = 0; i < logs->wanted_count; i++) {
        const int code = regcomp(&logs->patterns[i], logs->wanted[i], REG_EXTENDED | REG_NOSUB);
        if (code != 0) {
            char text[128];
            (void)regerror(code, &logs->patterns[i], text, sizeof text);
            ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "'%s' is not a regular expression",
                         logs->wanted[i]);
            return ps_error_detail(error, "%s", text);
        }
        logs->pattern_count++;
    }
    return PENSTOCK_OK;
}

/* The part of the file that -size asks for. */
static penstock_code read_part(const struct logs *logs, const char *path, const struct ps_file_info *info,
                               struct ps_buffer *out, struct penstock_error *error) {
    int64_t offset = 0;
    int64_t size = info->size;
    if (logs->options->has_size && logs->options->size < 0 && -logs->options->size < size) {
        offset = size + logs->options->size;
        size = -logs->options->size;
    } else if (logs->options->has_size && logs->options->size >= 0 && logs->options->size < size) {
        size = logs->options->size;
    }
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return ps_error_errno(error, errno, "open %s", path);
    }
    char block[16384];
    ssize_t count = 1;
    while (size > 0 && count > 0) {
        count = pread(descriptor, block, size < (int64_t)sizeof block ? (size_t)size : sizeof block,
                      (off_t)offset);
        if (count > 0) {
            ps_buffer_add(out, block, (size_t)count);
            offset += count;
            size -= count;
        }
    }
    const int errno_value = errno;
    (void)close(descriptor);
    return count < 0 ? ps_error_errno(error, errno_value, "read %s", path) : PENSTOCK_OK;
}

static penstock_code add_block(const struct logs *logs, const char *container, const char *file,
                               struct ps_buffer *out, struct penstock_error *error) {
    struct ps_file_info info = {0};
    char when[64];
    char *path = ps_arena_printf(logs->arena, "%s/applications/%s/%s/%s", logs->store_path, logs->record.id,
                                 container, file);
    if (path == NULL) {
        return ps_error_memory(error, "logs");
    }
    PS_TRY(ps_file_stat(path, &info, error));
    ps_clock_format_yarn(info.modified_ms, when, sizeof when);
    ps_buffer_printf(out, "Container: %s on %s\nLogAggregationType: %s\n", container, logs->node,
                     logs->is_finished ? "AGGREGATED" : "LOCAL");
    repeat(out, '=', RULE_WIDTH);
    ps_buffer_printf(out, "LogType:%s\nLogLastModifiedTime:%s\nLogLength:%" PRId64 "\nLogContents:\n", file,
                     when, info.size);
    PS_TRY(read_part(logs, path, &info, out, error));
    if (logs->is_finished) {
        ps_buffer_printf(out, "\nEnd of LogType:%s\n", file);
    } else {
        ps_buffer_printf(
            out,
            "End of LogType:%s.This log file belongs to a running container (%s) and so may not be complete.\n",
            file, container);
    }
    repeat(out, '*', strlen("End of LogType:") + strlen(file) + FOOTER_STARS_MORE);
    ps_buffer_text(out, logs->is_finished ? "\n" : "\n\n");
    return PENSTOCK_OK;
}

static penstock_code list_files(const struct logs *logs, const char *container, char ***names_out,
                                size_t *count_out, struct penstock_error *error) {
    char *folder =
        ps_arena_printf(logs->arena, "%s/applications/%s/%s", logs->store_path, logs->record.id, container);
    return folder == NULL ? ps_error_memory(error, "logs")
                          : ps_file_list(folder, logs->arena, names_out, count_out, error);
}

/* "host_0": a node as the name of a folder or an aggregated file. */
static char *node_file_name(const struct logs *logs) {
    char *name = ps_arena_copy(logs->arena, logs->node);
    for (char *at = name; at != NULL && *at != '\0'; at++) {
        *at = *at == ':' ? '_' : *at;
    }
    return name;
}

static penstock_code write_out(const struct logs *logs, const char *container, const struct ps_buffer *text,
                               struct penstock_error *error) {
    char *node = node_file_name(logs);
    char *folder =
        node == NULL ? NULL : ps_arena_printf(logs->arena, "%s/%s", logs->options->out_folder, node);
    char *path = folder == NULL ? NULL : ps_path_join(logs->arena, folder, container);
    if (path == NULL) {
        return ps_error_memory(error, "logs");
    }
    PS_TRY(ps_file_make_folders(folder, error));
    PS_TRY(ps_buffer_status(text, error));
    return ps_file_replace(path, text->data == NULL ? "" : text->data, text->size, error);
}

/* Blocks of one container. *found_out: did any file match? */
static penstock_code add_container(struct logs *logs, const char *container, bool *found_out,
                                   struct penstock_error *error) {
    char **files = NULL;
    size_t count = 0;
    bool found = false;
    PS_TRY(list_files(logs, container, &files, &count, error));
    struct ps_buffer text PS_SCOPED(ps_buffer_done) = {0};
    ps_buffer_init(&text, logs->out->size_max);
    struct ps_buffer *out = logs->options->out_folder == NULL ? logs->out : &text;
    for (size_t i = 0; i < count; i++) {
        if (wants(logs, files[i])) {
            PS_TRY(add_block(logs, container, files[i], out, error));
            found = true;
        }
    }
    if (found && logs->options->out_folder != NULL) {
        PS_TRY(write_out(logs, container, &text, error));
    }
    *found_out = found;
    return PENSTOCK_OK;
}

static void complain_no_file(const struct logs *logs, const char *container) {
    ps_buffer_text(logs->complaints, "Can not find any log file matching the pattern: ");
    add_wanted(logs->complaints, logs);
    if (container != NULL) {
        ps_buffer_printf(logs->complaints, " for the container: %s within the application: %s\n", container,
                         logs->record.id);
    } else {
        ps_buffer_printf(logs->complaints, " for the application: %s\n", logs->record.id);
    }
}

static penstock_code show_all(struct logs *logs, int *status_out, struct penstock_error *error) {
    bool any = false;
    for (size_t i = 0; i < logs->container_count; i++) {
        bool found = false;
        PS_TRY(add_container(logs, logs->containers[i], &found, error));
        if (!found && !logs->is_finished) {
            complain_no_file(logs, logs->containers[i]);
        }
        any = any || found;
    }
    if (!any) {
        if (logs->is_finished) {
            complain_no_file(logs, NULL);
        }
        ps_buffer_printf(logs->complaints,
                         "Can not find the logs for the application: %s with the appOwner: %s\n",
                         logs->record.id, logs->record.user);
        *status_out = STATUS_FAILED;
    }
    return PENSTOCK_OK;
}

static penstock_code show_one(struct logs *logs, const char *container, int *status_out,
                              struct penstock_error *error) {
    bool is_there = false;
    for (size_t i = 0; i < logs->container_count; i++) {
        is_there = is_there || strcmp(logs->containers[i], container) == 0;
    }
    if (!is_there) {
        ps_buffer_printf(
            logs->complaints,
            "Unable to get logs for this container:%s for the application:%s with the appOwner: %s\n",
            container, logs->record.id, logs->record.user);
        *status_out = STATUS_FAILED;
        return PENSTOCK_OK;
    }
    bool found = false;
    PS_TRY(add_container(logs, container, &found, error));
    if (!found) {
        complain_no_file(logs, container);
        *status_out = STATUS_FAILED;
    }
    return PENSTOCK_OK;
}

/* -am ALL | 1 | -1, comma separated; one attempt has one driver, which is container 000001. */
static penstock_code show_am(struct logs *logs, int *status_out, struct penstock_error *error) {
    char *copy = ps_arena_copy(logs->arena, logs->options->am);
    if (copy == NULL || logs->container_count == 0) {
        return copy == NULL ? ps_error_memory(error, "logs") : PENSTOCK_OK;
    }
    int ignored = 0; /* a driver without the named file prints nothing more, as yarn */
    char *rest = NULL;
    for (char *which = strtok_r(copy, ", ", &rest); which != NULL; which = strtok_r(NULL, ", ", &rest)) {
        int64_t number = 0;
        if (ps_text_equal_nocase(which, "ALL")) {
            PS_TRY(show_one(logs, logs->containers[0], &ignored, error));
            ps_buffer_text(logs->out,
                           "\nSpecified ALL for -am option. Printed logs for all am containers.\n");
            return PENSTOCK_OK;
        }
        if (!ps_parse_integer(which, &number) || (number != -1 && number <= 0)) {
            ps_buffer_text(
                logs->complaints,
                "Invalid input for option -am. Valid inputs are 'ALL', -1 and any other integer which is "
                "larger than 0.\n");
            *status_out = STATUS_FAILED;
            return PENSTOCK_OK;
        }
        if (number > 1) {
            ps_buffer_printf(logs->complaints,
                             "ERROR: Specified AM containerId (%" PRId64
                             ") exceeds the number of AM containers (1).\n",
                             number);
            *status_out = STATUS_FAILED;
            return PENSTOCK_OK;
        }
        PS_TRY(show_one(logs, logs->containers[0], &ignored, error));
    }
    return PENSTOCK_OK;
}

static bool is_chosen(const struct logs *logs, const char *container) {
    return logs->options->container_id == NULL || strcmp(logs->options->container_id, container) == 0;
}

static void show_application_info(struct logs *logs, int *status_out) {
    ps_buffer_printf(logs->out, "Application State: %s\n", logs->is_finished ? "Completed." : "Running.");
    size_t count = 0;
    for (size_t i = 0; i < logs->container_count; i++) {
        if (is_chosen(logs, logs->containers[i])) {
            ps_buffer_printf(logs->out, "Container: %s on %s\n", logs->containers[i], logs->node);
            count++;
        }
    }
    if (count == 0) {
        ps_buffer_printf(logs->complaints, "Can not find any containers for the application:%s.\n",
                         logs->record.id);
        *status_out = STATUS_FAILED;
    }
}

static penstock_code show_files_info(struct logs *logs, const char *container, struct penstock_error *error) {
    char **files = NULL;
    size_t count = 0;
    PS_TRY(list_files(logs, container, &files, &count, error));
    ps_buffer_printf(logs->out, "Container: %s on %s\n", container, logs->node);
    repeat(logs->out, '=', RULE_WIDTH);
    ps_buffer_printf(logs->out, "%30s\t%30s\t%30s\t%30s\n", "LogFile", "LogLength", "LastModificationTime",
                     "LogAggregationType");
    repeat(logs->out, '=', WIDE_RULE_WIDTH);
    for (size_t i = 0; i < count; i++) {
        struct ps_file_info info = {0};
        char when[64];
        char size[24];
        char *path = ps_arena_printf(logs->arena, "%s/applications/%s/%s/%s", logs->store_path,
                                     logs->record.id, container, files[i]);
        if (path == NULL) {
            return ps_error_memory(error, "logs");
        }
        PS_TRY(ps_file_stat(path, &info, error));
        ps_clock_format_yarn(info.modified_ms, when, sizeof when);
        (void)snprintf(size, sizeof size, "%" PRId64, info.size);
        ps_buffer_printf(logs->out, "%30s\t%30s\t%30s\t%30s\n", files[i], size, when,
                         logs->is_finished ? "AGGREGATED" : "LOCAL");
    }
    return PENSTOCK_OK;
}

static penstock_code show_container_info(struct logs *logs, int *status_out, struct penstock_error *error) {
    size_t count = 0;
    for (size_t i = 0; i < logs->container_count; i++) {
        if (is_chosen(logs, logs->containers[i])) {
            PS_TRY(show_files_info(logs, logs->containers[i], error));
            count++;
        }
    }
    if (count == 0) {
        if (logs->options->container_id != NULL) {
            ps_buffer_printf(logs->complaints, "Trying to get container with ContainerId: %s\n",
                             logs->options->container_id);
        }
        ps_buffer_printf(logs->complaints, "Can not find any matched containers for the application: %s\n",
                         logs->record.id);
        *status_out = STATUS_FAILED;
    }
    return PENSTOCK_OK;
}

static void list_nodes(struct logs *logs, int *status_out) {
    if (!logs->is_finished) {
        ps_buffer_text(logs->complaints,
                       "The -list_nodes command can be only used with finished applications\n");
        *status_out = STATUS_FAILED;
        return;
    }
    ps_buffer_printf(logs->out, "%s\n\n", logs->node);
}

static penstock_code show(struct logs *logs, int *status_out, struct penstock_error *error) {
    const struct ps_logs_options *options = logs->options;
    PS_TRY(choose_files(logs, error));
    if (options->show_container_log_info) {
        return show_container_info(logs, status_out, error);
    }
    if (options->list_nodes) {
        list_nodes(logs, status_out);
        return PENSTOCK_OK;
    }
    if (options->show_application_log_info) {
        show_application_info(logs, status_out);
        return PENSTOCK_OK;
    }
    if (options->am != NULL) {
        return show_am(logs, status_out, error);
    }
    return options->container_id != NULL ? show_one(logs, options->container_id, status_out, error)
                                         : show_all(logs, status_out, error);
}

/* The application of a container: container_[e17_]START_NUMBER_ATTEMPT_INDEX.
 * In the arena; NULL if it is no container. */
static char *application_of(struct ps_arena *arena, const char *container) {
    long long start = 0;
    long long number = 0;
    long long attempt = 0;
    long long index = 0;
    int epoch = 0;
    int end = 0;
    if ((sscanf(container, "container_%lld_%lld_%lld_%lld%n", &start, &number, &attempt, &index, &end) == 4 ||
         sscanf(container, "container_e%d_%lld_%lld_%lld_%lld%n", &epoch, &start, &number, &attempt, &index,
                &end) == 5) &&
        container[end] == '\0') {
        return ps_arena_printf(arena, "application_%lld_%04lld", start, number);
    }
    return NULL;
}

/* What is wrong with the options, in yarn's words, or NULL. */
static const char *find_fault(const struct ps_logs_options *options, struct ps_arena *arena,
                              const char **id_out) {
    int64_t start = 0;
    int64_t number = 0;
    if (options->application_id == NULL && options->container_id == NULL) {
        return "Both applicationId and containerId are missing,  one of them must be specified.";
    }
    if (options->application_id != NULL &&
        !ps_application_id_parse(options->application_id, &start, &number)) {
        return "Invalid ApplicationId specified";
    }
    const char *owner = options->container_id == NULL ? NULL : application_of(arena, options->container_id);
    if (options->container_id != NULL && owner == NULL) {
        return "Invalid ContainerId specified";
    }
    *id_out = options->application_id != NULL ? options->application_id : owner;
    if (owner != NULL && strcmp(*id_out, owner) != 0) {
        return ps_arena_printf(arena, "The Application:%s does not have the container:%s", *id_out,
                               options->container_id);
    }
    if (options->show_application_log_info && options->show_container_log_info) {
        return "Invalid options. Can only accept one of show_application_log_info/show_container_log_info.";
    }
    if (options->log_files != NULL && options->log_files_pattern != NULL) {
        return "Invalid options. Can only accept one of log_files/log_files_pattern.";
    }
    struct ps_file_info info = {0};
    if (options->out_folder != NULL && ps_file_stat(options->out_folder, &info, NULL) == PENSTOCK_OK &&
        !info.is_directory) {
        return "Invalid value for -out option. Please provide a directory.";
    }
    return NULL;
}

static penstock_code find_and_show(struct logs *logs, int *status_out, struct penstock_error *error) {
    const char *id = NULL;
    const char *fault = find_fault(logs->options, logs->arena, &id);
    if (fault != NULL) {
        ps_buffer_printf(logs->complaints, "%s\n", fault);
        *status_out = STATUS_FAILED;
        return PENSTOCK_OK;
    }
    const penstock_code code = ps_record_read(logs->store_path, id, logs->arena, &logs->record, error);
    if (code == PENSTOCK_NOT_FOUND) {
        ps_buffer_printf(
            logs->complaints,
            "Unable to get ApplicationState. Attempting to fetch logs directly from the filesystem.\n"
            "Can not find the appOwner. Please specify the correct appOwner\n"
            "Could not locate application logs for %s\n",
            id);
        *status_out = STATUS_FAILED;
        return PENSTOCK_OK;
    }
    PS_TRY(code);
    logs->is_finished = ps_record_is_finished(&logs->record);
    (void)snprintf(logs->node, sizeof logs->node, "%s%c0", logs->record.node, logs->is_finished ? '_' : ':');
    PS_TRY(ps_record_containers(logs->store_path, id, logs->arena, &logs->containers, &logs->container_count,
                                error));
    return show(logs, status_out, error);
}

penstock_code ps_application_logs(const char *store_path, const struct ps_logs_options *options,
                                  struct ps_buffer *out, struct ps_buffer *complaints, int *status_out,
                                  struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    if (arena == NULL) {
        return ps_error_memory(error, "logs");
    }
    struct logs logs = {
        .store_path = store_path, .options = options, .out = out, .complaints = complaints, .arena = arena};
    struct penstock_error local; /* what is missing is told from what failed by its code */
    int status = 0;
    penstock_code code = find_and_show(&logs, &status, error == NULL ? &local : error);
    for (size_t i = 0; i < logs.pattern_count; i++) {
        regfree(&logs.patterns[i]);
    }
    code = code == PENSTOCK_OK ? ps_buffer_status(out, error) : code;
    code = code == PENSTOCK_OK ? ps_buffer_status(complaints, error) : code;
    if (code == PENSTOCK_OK) {
        *status_out = status;
    }
    return code;
}
