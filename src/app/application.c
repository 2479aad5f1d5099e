/* SPDX-License-Identifier: Apache-2.0
 *
 * application.c - `yarn application -list | -status | -kill` over the records of a store.
 *
 * Killing asks first: a mark in the application's folder says that it is a kill and no ordinary stop, then the
 * running process is asked through its socket, then by SIGTERM, and only a process that has not ended after
 * KILL_WAIT_MS is ended by SIGKILL, which loses nothing that was committed.
 */
#include "app/application.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "app/container.h"
#include "app/control.h"
#include "app/table.h"
#include "base/clock.h"
#include "base/file.h"

/* An epoch is finished first; the largest take seconds. */
#define KILL_WAIT_MS 30000
#define POLL_MS 20

static const char *const yarn_states[] = {"NEW",     "NEW_SAVING", "SUBMITTED", "ACCEPTED",
                                          "RUNNING", "FINISHED",   "FAILED",    "KILLED"};
#define YARN_STATE_COUNT (sizeof yarn_states / sizeof yarn_states[0])

static const char *progress_of(const struct ps_application_record *record) {
    return ps_record_is_finished(record) ? "100%" : "0%";
}

/* "RUNNING,failed" or "ALL" into flags; without: those that have not ended, as yarn. */
static penstock_code choose_states(const char *states, struct ps_arena *arena, bool *chosen,
                                   struct penstock_error *error) {
    char *copy = ps_arena_copy(arena, states == NULL ? "SUBMITTED,ACCEPTED,RUNNING" : states);
    if (copy == NULL) {
        return ps_error_memory(error, "states");
    }
    char *rest = NULL;
    for (char *name = strtok_r(copy, ", ", &rest); name != NULL; name = strtok_r(NULL, ", ", &rest)) {
        bool known = false;
        for (size_t i = 0; i < YARN_STATE_COUNT; i++) {
            const bool is_this =
                ps_text_equal_nocase(name, "ALL") || ps_text_equal_nocase(name, yarn_states[i]);
            chosen[i] = chosen[i] || is_this;
            known = known || is_this;
        }
        if (!known) {
            ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "The application state %s is invalid.", name);
            return ps_error_hint(
                error,
                "The valid application state can be one of the following: ALL,NEW,NEW_SAVING,SUBMITTED,ACCEPTED,"
                "RUNNING,FINISHED,FAILED,KILLED");
        }
    }
    return PENSTOCK_OK;
}

static bool is_chosen(const struct ps_application_record *record, const bool *chosen) {
    for (size_t i = 0; i < YARN_STATE_COUNT; i++) {
        if (chosen[i] && strcmp(yarn_states[i], ps_application_state_name(record->state)) == 0) {
            return true;
        }
    }
    return false;
}

static void list_row(struct ps_buffer *out, const char *const *cells) {
    ps_buffer_printf(out, "%30s\t%20s\t%20s\t%10s\t%10s\t%18s\t%18s\t%15s\t%35s\n", cells[0], cells[1],
                     cells[2], cells[3], cells[4], cells[5], cells[6], cells[7], cells[8]);
}

penstock_code ps_application_list(const char *store_path, const char *states, struct ps_buffer *out,
                                  struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    if (arena == NULL) {
        return ps_error_memory(error, "list of applications");
    }
    bool chosen[YARN_STATE_COUNT] = {false};
    struct ps_application_record *records = NULL;
    size_t count = 0;
    PS_TRY(choose_states(states, arena, chosen, error));
    PS_TRY(ps_record_list(store_path, arena, &records, &count, error));
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += is_chosen(&records[i], chosen);
    }
    ps_buffer_text(out, "Total number of applications (application-types: [], states: [");
    const char *separator = "";
    for (size_t i = 0; i < YARN_STATE_COUNT; i++) {
        if (chosen[i]) {
            ps_buffer_printf(out, "%s%s", separator, yarn_states[i]);
            separator = ", ";
        }
    }
    ps_buffer_printf(out, "] and tags: []):%zu\n", total);
    static const char *const heads[] = {
        "Application-Id", "Application-Name", "Application-Type", "User",        "Queue",
        "State",          "Final-State",      "Progress",         "Tracking-URL"};
    list_row(out, heads);
    for (size_t i = 0; i < count; i++) {
        if (is_chosen(&records[i], chosen)) {
            const char *const cells[] = {records[i].id,
                                         records[i].name,
                                         "PENSTOCK",
                                         records[i].user,
                                         "default",
                                         ps_application_state_name(records[i].state),
                                         records[i].final_status,
                                         progress_of(&records[i]),
                                         "N/A"};
            list_row(out, cells);
        }
    }
    return ps_buffer_status(out, error);
}

static const char *iso_or_null(int64_t wall_ms, char *text, size_t size) {
    if (wall_ms <= 0) {
        return NULL;
    }
    ps_clock_format_iso(wall_ms, text, size);
    return text;
}

penstock_code ps_application_table(const char *store_path, struct ps_text_table **table_out,
                                   struct penstock_error *error) {
    static const char *const names[] = {"application", "name",        "user",      "state", "final_state",
                                        "started_at",  "finished_at", "exit_code", "pid",   "diagnostics"};
    static const char *const types[] = {"VARCHAR",   "VARCHAR",   "VARCHAR", "VARCHAR", "VARCHAR",
                                        "TIMESTAMP", "TIMESTAMP", "BIGINT",  "BIGINT",  "VARCHAR"};
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_text_table_builder builder PS_SCOPED(ps_text_table_builder_done) = {0};
    struct ps_application_record *records = NULL;
    size_t count = 0;
    if (arena == NULL) {
        return ps_error_memory(error, "list of applications");
    }
    PS_TRY(ps_record_list(store_path, arena, &records, &count, error));
    PS_TRY(ps_text_table_begin(&builder, names, types, sizeof names / sizeof names[0], error));
    for (size_t i = 0; i < count; i++) {
        char started[40];
        char finished[40];
        char exit_code[24];
        char pid[24];
        (void)snprintf(exit_code, sizeof exit_code, "%" PRId64, records[i].exit_code);
        (void)snprintf(pid, sizeof pid, "%" PRId64, records[i].pid);
        const char *const cells[] = {records[i].id,
                                     records[i].name,
                                     records[i].user,
                                     ps_application_state_name(records[i].state),
                                     records[i].final_status,
                                     iso_or_null(records[i].start_ms, started, sizeof started),
                                     iso_or_null(records[i].finish_ms, finished, sizeof finished),
                                     records[i].exit_code < 0 ? NULL : exit_code,
                                     pid,
                                     records[i].diagnostics};
        PS_TRY(ps_text_table_row(&builder, cells, error));
    }
    return ps_text_table_end(&builder, table_out, error);
}

penstock_code ps_application_status(const char *store_path, const char *id, struct ps_buffer *out,
                                    struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_application_record record;
    if (arena == NULL) {
        return ps_error_memory(error, "application status");
    }
    PS_TRY(ps_record_read(store_path, id, arena, &record, error));
    const bool finished = ps_record_is_finished(&record);
    ps_buffer_printf(
        out,
        "Application Report : \n\tApplication-Id : %s\n\tApplication-Name : %s\n"
        "\tApplication-Type : PENSTOCK\n\tUser : %s\n"
        "\tQueue : default\n\tApplication Priority : 0\n\tStart-Time : %" PRId64 "\n\tFinish-Time : %" PRId64
        "\n\tProgress : %s\n"
        "\tState : %s\n\tFinal-State : %s\n\tTracking-URL : N/A\n\tRPC Port : -1\n\tAM Host : %s\n"
        "\tAggregate Resource Allocation : N/A\n\tLog Aggregation Status : %s\n\tDiagnostics : %s\n"
        "\tUnmanaged Application : false\n\tApplication Node Label Expression : <Not set>\n"
        "\tAM container Node Label Expression : <DEFAULT_PARTITION>\n",
        record.id, record.name, record.user, record.start_ms, record.finish_ms, progress_of(&record),
        ps_application_state_name(record.state), record.final_status, record.node,
        finished ? "SUCCEEDED" : "RUNNING", record.diagnostics);
    return ps_buffer_status(out, error);
}

/* The record as it is when the application has ended, or when the time is over. `arena` is reset between looks. */
static penstock_code wait_for_end(const char *store_path, const char *id, struct ps_arena *arena,
                                  struct ps_application_record *record_out, struct penstock_error *error) {
    const int64_t end_ns = ps_clock_monotonic_ns() + (int64_t)KILL_WAIT_MS * 1000000;
    do {
        ps_arena_reset(arena);
        PS_TRY(ps_record_read(store_path, id, arena, record_out, error));
        if (ps_record_is_finished(record_out)) {
            return PENSTOCK_OK;
        }
        ps_clock_sleep_ms(POLL_MS);
    } while (ps_clock_monotonic_ns() < end_ns);
    return PENSTOCK_OK;
}

/* Whoever ends by our signal, and so without a word, was killed and did not fail. */
static penstock_code say_killed(const char *store_path, struct ps_application_record *record,
                                struct penstock_error *error) {
    record->state = PS_APPLICATION_KILLED;
    record->final_status = "KILLED";
    record->finish_ms = record->finish_ms > 0 ? record->finish_ms : ps_clock_wall_ms();
    record->diagnostics = "killed by penstock application -kill";
    return ps_record_write(store_path, record, error);
}

static penstock_code kill_running(const char *store_path, struct ps_arena *arena,
                                  struct ps_application_record *record, struct penstock_error *error) {
    char *mark = ps_application_kill_path(arena, store_path, record->id);
    if (mark == NULL) {
        return ps_error_memory(error, "application");
    }
    PS_TRY(ps_file_replace(mark, "kill\n", strlen("kill\n"), error));
    struct ps_application_record now;
    struct ps_arena *poll PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    if (poll == NULL) {
        return ps_error_memory(error, "application");
    }
    struct penstock_error ignored; /* no socket yet, or not any more: the signal does it */
    if (ps_control_stop(store_path, record->id, &ignored) != PENSTOCK_OK &&
        kill((pid_t)record->pid, SIGTERM) != 0 && errno != ESRCH) {
        return ps_error_errno(error, errno, "stop process %" PRId64, record->pid);
    }
    PS_TRY(wait_for_end(store_path, record->id, poll, &now, error));
    if (!ps_record_is_finished(&now)) {
        if (kill((pid_t)record->pid, SIGKILL) != 0 && errno != ESRCH) {
            return ps_error_errno(error, errno, "kill process %" PRId64, record->pid);
        }
        PS_TRY(wait_for_end(store_path, record->id, poll, &now, error));
    }
    return now.state == PS_APPLICATION_FAILED && now.exit_code < 0 ? say_killed(store_path, &now, error)
                                                                   : PENSTOCK_OK;
}

penstock_code ps_application_kill(const char *store_path, const char *id, struct ps_buffer *out,
                                  struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_application_record record;
    if (arena == NULL) {
        return ps_error_memory(error, "application");
    }
    PS_TRY(ps_record_read(store_path, id, arena, &record, error));
    if (ps_record_is_finished(&record)) {
        ps_buffer_printf(out, "Application %s has already finished \n", id);
        return ps_buffer_status(out, error);
    }
    ps_buffer_printf(out, "Killing application %s\n", id);
    PS_TRY(kill_running(store_path, arena, &record, error));
    ps_buffer_printf(out, "Killed application %s\n", id);
    return ps_buffer_status(out, error);
}
