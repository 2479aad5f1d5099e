/* SPDX-License-Identifier: Apache-2.0
 *
 * record.c - application.json, and how a reader finds out that nobody will write its end.
 */
#include "app/record.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "publish/json.h"

/* A record is a few hundred bytes; diagnostics are one error's text. */
#define RECORD_SIZE_MAX ((size_t)1 << 16)
/* Of a dead process's driver log: enough for the last lines. */
#define TAIL_SIZE 400

static const char *const state_names[] = {[PS_APPLICATION_NEW] = "NEW",
                                          [PS_APPLICATION_RUNNING] = "RUNNING",
                                          [PS_APPLICATION_FINISHED] = "FINISHED",
                                          [PS_APPLICATION_FAILED] = "FAILED",
                                          [PS_APPLICATION_KILLED] = "KILLED"};

const char *ps_application_state_name(enum ps_application_state state) {
    return state_names[state];
}

bool ps_record_is_finished(const struct ps_application_record *record) {
    return record->state != PS_APPLICATION_NEW && record->state != PS_APPLICATION_RUNNING;
}

bool ps_application_id_parse(const char *id, int64_t *start_ms_out, int64_t *number_out) {
    long long start = 0;
    long long number = 0;
    int end = 0;
    if (sscanf(id, "application_%19lld_%9lld%n", &start, &number, &end) != 2 || id[end] != '\0' ||
        start < 0 || number < 0 || id[strlen("application_")] == '+') {
        return false;
    }
    *start_ms_out = start;
    *number_out = number;
    return true;
}

/* Reads a small file of /proc, which has no size to ask for. */
static bool read_small(const char *path, char *text_out, size_t size) {
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    const size_t count = fread(text_out, 1, size - 1, file);
    (void)fclose(file);
    text_out[count] = '\0';
    return count > 0;
}

void ps_process_start(int64_t pid, char *text_out, size_t size) {
    char path[64];
    char stat[1024];
    char boot[64] = "";
    text_out[0] = '\0';
    (void)snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
    if (pid <= 0 || !read_small(path, stat, sizeof stat)) {
        return;
    }
    /* the command's name, in parentheses, may hold anything; field 22 is the 20th after it */
    const char *field = strrchr(stat, ')');
    const char *state = field == NULL ? "" : field + 2;
    for (int i = 0; field != NULL && i < 20; i++) {
        field = strchr(field + 1, ' ');
    }
    if (field == NULL || *state == 'Z' || *state == 'X') {
        return; /* a zombie has ended, only its parent has not looked yet */
    }
    (void)read_small("/proc/sys/kernel/random/boot_id", boot, sizeof boot);
    boot[strcspn(boot, "\n")] = '\0';
    (void)snprintf(text_out, size, "%.40s/%lld", boot, strtoll(field + 1, NULL, 10));
}

char *ps_record_folder(struct ps_arena *arena, const char *store_path, const char *id) {
    return id == NULL ? ps_arena_printf(arena, "%s/applications", store_path)
                      : ps_arena_printf(arena, "%s/applications/%s", store_path, id);
}

static penstock_code write_json(const struct ps_application_record *record, struct ps_buffer *out,
                                struct penstock_error *error) {
    yyjson_mut_doc *document PS_SCOPED(ps_json_free_scoped) = ps_json_new();
    if (document == NULL) {
        return ps_error_memory(error, "application record");
    }
    yyjson_mut_val *root = yyjson_mut_doc_get_root(document);
    ps_json_add_text(document, root, "id", record->id);
    ps_json_add_text(document, root, "name", record->name);
    ps_json_add_text(document, root, "type", "PENSTOCK");
    ps_json_add_text(document, root, "user", record->user);
    ps_json_add_text(document, root, "queue", "default");
    ps_json_add_text(document, root, "master", record->master);
    ps_json_add_text(document, root, "node", record->node);
    ps_json_add_text(document, root, "state", state_names[record->state]);
    ps_json_add_text(document, root, "finalStatus", record->final_status);
    (void)yyjson_mut_obj_add_int(document, root, "startedTime", record->start_ms);
    (void)yyjson_mut_obj_add_int(document, root, "finishedTime", record->finish_ms);
    (void)yyjson_mut_obj_add_int(document, root, "pid", record->pid);
    ps_json_add_text(document, root, "processStart", record->process_start);
    (void)yyjson_mut_obj_add_int(document, root, "exitCode", record->exit_code);
    ps_json_add_text(document, root, "diagnostics", record->diagnostics);
    PS_TRY(ps_json_write(document, true, out, error));
    ps_buffer_text(out, "\n");
    return ps_buffer_status(out, error);
}

penstock_code ps_record_write(const char *store_path, const struct ps_application_record *record,
                              struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(RECORD_SIZE_MAX);
    char *path = arena == NULL
                     ? NULL
                     : ps_arena_printf(arena, "%s/applications/%s/application.json", store_path, record->id);
    if (path == NULL) {
        return ps_error_memory(error, "application record");
    }
    struct ps_buffer json;
    ps_buffer_init(&json, RECORD_SIZE_MAX);
    penstock_code code = write_json(record, &json, error);
    if (code == PENSTOCK_OK) {
        code = ps_file_replace(path, json.data, json.size, error);
    }
    ps_buffer_done(&json);
    return code;
}

/* Members of a record that is read; what memory did not hold is remembered. */
struct reading {
    yyjson_val *root;
    struct ps_arena *arena;
    bool failed;
};

static const char *member_text(struct reading *reading, const char *name) {
    const char *text = yyjson_get_str(yyjson_obj_get(reading->root, name));
    const char *copy = ps_arena_copy(reading->arena, text == NULL ? "" : text);
    reading->failed = reading->failed || copy == NULL;
    return copy == NULL ? "" : copy;
}

static int64_t member_integer(const struct reading *reading, const char *name) {
    return yyjson_get_sint(yyjson_obj_get(reading->root, name));
}

static enum ps_application_state state_of(const char *name) {
    for (size_t i = 0; i < sizeof state_names / sizeof state_names[0]; i++) {
        if (strcmp(name, state_names[i]) == 0) {
            return (enum ps_application_state)i;
        }
    }
    return PS_APPLICATION_FAILED; /* a state of a newer version: nothing that can be waited for */
}

static penstock_code read_record(const char *path, struct ps_arena *arena,
                                 struct ps_application_record *record_out, struct penstock_error *error) {
    struct ps_bytes content;
    yyjson_doc *document PS_SCOPED(ps_json_read_free_scoped) = NULL;
    PS_TRY(ps_file_read(path, RECORD_SIZE_MAX, arena, &content, error));
    PS_TRY(ps_json_parse(content.data, content.size, &document, error));
    struct reading reading = {.root = yyjson_doc_get_root(document), .arena = arena};
    const struct ps_application_record record = {
        .id = member_text(&reading, "id"),
        .name = member_text(&reading, "name"),
        .user = member_text(&reading, "user"),
        .master = member_text(&reading, "master"),
        .node = member_text(&reading, "node"),
        .state = state_of(member_text(&reading, "state")),
        .final_status = member_text(&reading, "finalStatus"),
        .start_ms = member_integer(&reading, "startedTime"),
        .finish_ms = member_integer(&reading, "finishedTime"),
        .pid = member_integer(&reading, "pid"),
        .process_start = member_text(&reading, "processStart"),
        .exit_code = member_integer(&reading, "exitCode"),
        .diagnostics = member_text(&reading, "diagnostics"),
    };
    if (reading.failed) {
        return ps_error_memory(error, "application record");
    }
    *record_out = record;
    return PENSTOCK_OK;
}

/* The last lines of the driver's files, as far as there are any, and the time of the last write. */
static void read_last_words(const char *store_path, const char *id, struct ps_arena *arena,
                            const char **words_out, int64_t *last_ms_out) {
    static const char *const files[] = {"stderr", "stdout", "penstock.log"};
    char **containers = NULL;
    size_t count = 0;
    if (ps_record_containers(store_path, id, arena, &containers, &count, NULL) != PENSTOCK_OK || count == 0) {
        return;
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char *path =
            ps_arena_printf(arena, "%s/applications/%s/%s/%s", store_path, id, containers[0], files[i]);
        struct ps_file_info info = {0};
        if (path == NULL || ps_file_stat(path, &info, NULL) != PENSTOCK_OK) {
            continue;
        }
        *last_ms_out = info.modified_ms > *last_ms_out ? info.modified_ms : *last_ms_out;
        char tail[TAIL_SIZE + 1] = "";
        FILE *file = info.size > 0 && *words_out == NULL && i < 2 ? fopen(path, "re") : NULL;
        if (file != NULL) {
            (void)fseek(file, info.size > TAIL_SIZE ? -TAIL_SIZE : 0,
                        info.size > TAIL_SIZE ? SEEK_END : SEEK_SET);
            tail[fread(tail, 1, TAIL_SIZE, file)] = '\0';
            (void)fclose(file);
            const char *start =
                info.size > TAIL_SIZE && strchr(tail, '\n') != NULL ? strchr(tail, '\n') + 1 : tail;
            *words_out = ps_arena_printf(arena, "; last lines of %s: %s", files[i], start);
        }
    }
}

/* Says the end of an application that cannot do so any more. */
static void bury(const char *store_path, struct ps_arena *arena, struct ps_application_record *record) {
    const char *words = NULL;
    int64_t last_ms = record->start_ms;
    read_last_words(store_path, record->id, arena, &words, &last_ms);
    char *diagnostics =
        ps_arena_printf(arena, "the process ended without saying so (killed?)%s", words == NULL ? "" : words);
    record->state = PS_APPLICATION_FAILED;
    record->final_status = "FAILED";
    record->finish_ms = last_ms;
    record->exit_code = -1;
    record->diagnostics = diagnostics == NULL ? "the process ended without saying so (killed?)" : diagnostics;
    struct penstock_error ignored; /* a reader without the right to write still reports what it saw */
    (void)!ps_record_write(store_path, record, &ignored);
}

static bool is_alive(const struct ps_application_record *record) {
    char start[96];
    ps_process_start(record->pid, start, sizeof start);
    return start[0] != '\0' && strcmp(start, record->process_start) == 0;
}

static penstock_code no_such(const char *store_path, const char *id, struct penstock_error *error) {
    ps_error_set(error, PENSTOCK_NOT_FOUND, "Application with id '%s' doesn't exist in the store %s.", id,
                 store_path);
    ps_error_hint(error, "see penstock application -list -appStates ALL");
    return PENSTOCK_NOT_FOUND;
}

penstock_code ps_record_read(const char *store_path, const char *id, struct ps_arena *arena,
                             struct ps_application_record *record_out, struct penstock_error *error) {
    int64_t start = 0;
    int64_t number = 0;
    struct ps_application_record record = {0};
    if (!ps_application_id_parse(id, &start, &number)) {
        return no_such(store_path, id, error);
    }
    char *path = ps_arena_printf(arena, "%s/applications/%s/application.json", store_path, id);
    if (path == NULL) {
        return ps_error_memory(error, "application record");
    }
    penstock_code code = read_record(path, arena, &record, error);
    /* Looked at twice: the process may have written its end and gone between the first look and the look for it. */
    if (code == PENSTOCK_OK && !ps_record_is_finished(&record) && !is_alive(&record)) {
        code = read_record(path, arena, &record, error);
        if (code == PENSTOCK_OK && !ps_record_is_finished(&record)) {
            bury(store_path, arena, &record);
        }
    }
    if (code == PENSTOCK_NOT_FOUND || code == PENSTOCK_INVALID_DATA) {
        return no_such(store_path, id, error);
    }
    PS_TRY(code);
    *record_out = record;
    return PENSTOCK_OK;
}

static int compare_records(const void *left, const void *right) {
    const struct ps_application_record *a = left;
    const struct ps_application_record *b = right;
    int64_t starts[2] = {0, 0};
    int64_t numbers[2] = {0, 0};
    (void)ps_application_id_parse(a->id, &starts[0], &numbers[0]);
    (void)ps_application_id_parse(b->id, &starts[1], &numbers[1]);
    if (numbers[0] != numbers[1]) {
        return numbers[0] < numbers[1] ? -1 : 1;
    }
    return starts[0] < starts[1] ? -1 : (starts[0] > starts[1] ? 1 : 0);
}

penstock_code ps_record_list(const char *store_path, struct ps_arena *arena,
                             struct ps_application_record **records_out, size_t *count_out,
                             struct penstock_error *error) {
    char *folder = ps_record_folder(arena, store_path, NULL);
    if (folder == NULL) {
        return ps_error_memory(error, "list of applications");
    }
    *records_out = NULL;
    *count_out = 0;
    if (!ps_file_exists(folder)) {
        return PENSTOCK_OK;
    }
    char **names = NULL;
    size_t name_count = 0;
    PS_TRY(ps_file_list(folder, arena, &names, &name_count, error));
    struct ps_application_record *records = ps_arena_allocate(arena, name_count + 1, sizeof *records);
    if (records == NULL) {
        return ps_error_memory(error, "list of applications");
    }
    size_t count = 0;
    for (size_t i = 0; i < name_count; i++) {
        const penstock_code code = ps_record_read(store_path, names[i], arena, &records[count], error);
        if (code != PENSTOCK_OK && code != PENSTOCK_NOT_FOUND) {
            return code;
        }
        count += code == PENSTOCK_OK;
    }
    qsort(records, count, sizeof *records, compare_records);
    ps_error_clear(error);
    *records_out = records;
    *count_out = count;
    return PENSTOCK_OK;
}

penstock_code ps_record_containers(const char *store_path, const char *id, struct ps_arena *arena,
                                   char ***names_out, size_t *count_out, struct penstock_error *error) {
    char *folder = ps_record_folder(arena, store_path, id);
    if (folder == NULL) {
        return ps_error_memory(error, "list of containers");
    }
    char **names = NULL;
    size_t name_count = 0;
    PS_TRY(ps_file_list(folder, arena, &names, &name_count, error));
    size_t count = 0;
    for (size_t i = 0; i < name_count; i++) {
        if (strncmp(names[i], "container_", strlen("container_")) == 0) {
            names[count++] = names[i];
        }
    }
    *names_out = names;
    *count_out = count;
    return PENSTOCK_OK;
}
