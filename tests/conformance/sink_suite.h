/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_suite.h - what every sink must do, whatever it writes to.
 *
 * A sink brings a `struct sink_quirks`: a world that outlives a crash, the config to open a sink on it, and how often
 * each record is durably there. The suite drives it as the runner does (rows are a SELECT over an engine in memory,
 * within its transaction, so that sinks that take batches and sinks that copy are driven alike), crashing (closing
 * without a word) before every step, and starts again from what recover() says. A check returns NULL or one sentence,
 * so that sinks that are wrong on purpose can be run through the same suite and must not pass.
 * Rows have one column, id BIGINT: the record's number; or those that the quirks select.
 */
#ifndef TESTS_CONFORMANCE_SINK_SUITE_H
#define TESTS_CONFORMANCE_SINK_SUITE_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "connect/sink.h"

#define SINK_SUITE_EPOCHS 3
#define SINK_SUITE_ROWS 4 /* records of one epoch */
#define SINK_SUITE_RECORDS (SINK_SUITE_EPOCHS * SINK_SUITE_ROWS)

struct sink_world; /* the quirks' own */

struct sink_quirks {
    const char *name;
    const struct ps_sink_type *type;
    bool keeps_positions;  /* recover() gives back what commit() was given */
    bool is_at_least_once; /* opened with delivery = 'at_least_once': a record may be there twice, or early */
    /* Nothing can be hidden there until it is committed: a record may be there early, but never twice. */
    bool is_early;
    /* What to select of the record's number i; NULL: "i AS id". set_up() then says what columns that gives. */
    const char *select;
    /* How long a committed record may take until readers see it: Kafka answers to a commit when it is decided, and
     * marks the partitions after that. 0: it is there at once. */
    int visible_ms;
    struct sink_world *(*make)(const struct sink_quirks *quirks);
    void (*destroy)(struct sink_world *world);
    const void *(*config)(struct sink_world *world);
    /* May be NULL: changes what the sink is opened with (name, folder, encode, statement). */
    void (*set_up)(struct sink_world *world, struct ps_sink_setup *setup);
    /* times[i] (SINK_SUITE_RECORDS of them, 0 now): how often record i is there for a reader. */
    void (*count)(struct sink_world *world, int *times);
};

struct sink_drive {
    const struct sink_quirks *quirks;
    struct sink_world *world;
    struct ps_engine *engine;
    struct ps_connection *connection; /* of the epoch */
    bool is_in_transaction;
    struct ps_sink_setup setup; /* outlives the sinks */
    struct ps_sink *sink;
    int64_t attempt;
    int step, crash_at; /* crash before this step; 0: never */
    char fault[512];
};

static inline void sink_suite_adopt_drive(struct sink_drive *drive, const struct sink_quirks *quirks,
                                          struct sink_world *world) {
    static const char *const names[] = {"id"};
    static const char *const types[] = {"BIGINT"};
    *drive = (struct sink_drive){.quirks = quirks, .world = world};
    drive->setup =
        (struct ps_sink_setup){.name = quirks->name,
                               .project = "suite",
                               .store_id = "store-1",
                               .folder = ".",
                               .column_names = names,
                               .column_types = types,
                               .column_count = 1,
                               .encode = quirks->type->encodes != NULL ? quirks->type->encodes[0] : NULL,
                               .is_at_least_once = quirks->is_at_least_once};
    if (quirks->set_up != NULL) {
        quirks->set_up(drive->world, &drive->setup);
    }
    const struct ps_engine_options options = {.thread_count = 1};
    ps_check(ps_engine_open(&options, &drive->engine, NULL) == PENSTOCK_OK);
    ps_check(ps_connection_open(drive->engine, &drive->connection, NULL) == PENSTOCK_OK);
}

static inline void sink_suite_begin_drive(struct sink_drive *drive, const struct sink_quirks *quirks) {
    sink_suite_adopt_drive(drive, quirks, quirks->make(quirks));
}

static inline void sink_suite_end_transaction(struct sink_drive *drive, const char *how) {
    if (drive->is_in_transaction) {
        drive->is_in_transaction = false;
        ps_check(ps_sql_run(drive->connection, how, NULL) == PENSTOCK_OK);
    }
}

/* times[i] once all of the first count records are there, or after visible_ms as they are. */
static inline void sink_suite_count(struct sink_drive *drive, int64_t count, int *times) {
    const int64_t pause_ms = 20;
    int64_t waited_ms = 0;
    for (bool is_all = false; !is_all; waited_ms += pause_ms) {
        memset(times, 0, SINK_SUITE_RECORDS * sizeof *times);
        drive->quirks->count(drive->world, times);
        is_all = true;
        for (int64_t i = 0; i < count; i++) {
            is_all = is_all && times[i] > 0;
        }
        if (waited_ms >= drive->quirks->visible_ms) {
            return;
        }
        nanosleep(&(struct timespec){.tv_nsec = is_all ? 0 : pause_ms * 1000000}, NULL);
    }
}

/* Expects records [0, count) to be there once, and none after. */
static inline void sink_suite_expect(struct sink_drive *drive, int64_t count, const char *when) {
    int times[SINK_SUITE_RECORDS];
    if (drive->fault[0] != '\0') {
        return;
    }
    sink_suite_count(drive, count, times);
    for (int64_t i = 0; i < SINK_SUITE_RECORDS && drive->fault[0] == '\0'; i++) {
        const bool is_late = i >= count && (drive->quirks->is_early || drive->quirks->is_at_least_once);
        const bool is_right = drive->quirks->is_at_least_once ? is_late || times[i] >= 1
                              : is_late                       ? times[i] <= 1
                                                              : times[i] == (i < count ? 1 : 0);
        if (!is_right) {
            snprintf(drive->fault, sizeof(drive->fault), "%s record %" PRId64 " is there %d times", when, i,
                     times[i]);
        }
    }
}

static inline void sink_suite_crash(struct sink_drive *drive) {
    ps_sink_close(drive->sink);
    drive->sink = NULL;
    sink_suite_end_transaction(drive, "ROLLBACK");
}

/* True: the process dies here. */
static inline bool sink_suite_is_crash(struct sink_drive *drive) {
    drive->step++;
    if (drive->step != drive->crash_at) {
        return false;
    }
    sink_suite_crash(drive);
    return true;
}

static inline penstock_code sink_suite_start(struct sink_drive *drive, struct ps_epoch *epoch_out,
                                             int64_t *position_out, struct penstock_error *error) {
    struct ps_position_list positions;
    drive->attempt++;
    PS_TRY(ps_sink_open(drive->quirks->type, &drive->setup, drive->quirks->config(drive->world), &drive->sink,
                        error));
    PS_TRY(ps_position_list_init(&positions, error));
    const penstock_code code = ps_sink_recover(drive->sink, drive->attempt, epoch_out, &positions, error);
    const struct ps_position *position = ps_position_list_find(&positions, "a");
    *position_out = position == NULL ? 0 : position->offset;
    ps_position_list_done(&positions);
    return code;
}

/* Records [first, first + count) by one SELECT. */
static inline penstock_code sink_suite_write(struct sink_drive *drive, struct ps_sink *sink, int64_t first,
                                             int64_t count, struct penstock_error *error) {
    char sql[256];
    int64_t written = 0;
    snprintf(sql, sizeof(sql), "SELECT %s FROM range(%" PRId64 ", %" PRId64 ") t(i)",
             drive->quirks->select != NULL ? drive->quirks->select : "i AS id", first, first + count);
    if (!drive->is_in_transaction) {
        PS_TRY(ps_sql_run(drive->connection, "BEGIN TRANSACTION", error));
        drive->is_in_transaction = true;
    }
    PS_TRY(ps_sink_write_query(sink, drive->connection, sql, &written, error));
    return written == count ? PENSTOCK_OK
                            : ps_error_set(error, PENSTOCK_INTERNAL,
                                           "%" PRId64 " of %" PRId64 " rows written", written, count);
}

static inline penstock_code sink_suite_commit(struct sink_drive *drive, struct ps_sink *sink,
                                              struct ps_epoch epoch, struct penstock_error *error) {
    struct ps_position_list positions;
    PS_TRY(ps_position_list_init(&positions, error));
    const struct ps_position position = {
        .partition = {"a", 0}, .offset = epoch.number * SINK_SUITE_ROWS, .state = "{}"};
    penstock_code code = ps_position_list_set(&positions, &position, error);
    code = code == PENSTOCK_OK ? ps_sink_commit(sink, epoch, &positions, error) : code;
    ps_position_list_done(&positions);
    if (code == PENSTOCK_OK) {
        sink_suite_end_transaction(drive, "COMMIT"); /* as the store does: after the sinks */
    }
    return code;
}

/* copy() runs once in an epoch; a sink that takes batches gets two. */
static inline int sink_suite_part_count(const struct sink_quirks *quirks) {
    return quirks->type->copy != NULL ? 1 : 2;
}

/* One epoch; *died_out: the process died within it. */
static inline penstock_code sink_suite_epoch(struct sink_drive *drive, struct ps_epoch epoch, bool *died_out,
                                             struct penstock_error *error) {
    const int64_t first = (epoch.number - 1) * SINK_SUITE_ROWS;
    const int part_count = sink_suite_part_count(drive->quirks);
    *died_out = true;
    if (sink_suite_is_crash(drive)) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_sink_begin(drive->sink, epoch, error));
    for (int part = 0; part < part_count; part++) {
        if (sink_suite_is_crash(drive)) {
            return PENSTOCK_OK;
        }
        const int64_t count = SINK_SUITE_ROWS / part_count;
        PS_TRY(sink_suite_write(drive, drive->sink, first + part * count, count, error));
    }
    if (sink_suite_is_crash(drive)) {
        return PENSTOCK_OK;
    }
    PS_TRY(sink_suite_commit(drive, drive->sink, epoch, error));
    *died_out = sink_suite_is_crash(drive);
    return PENSTOCK_OK;
}

/* All epochs, from where the sink says it is; a crash goes on with the next attempt. */
static inline penstock_code sink_suite_drive(struct sink_drive *drive, struct penstock_error *error) {
    struct ps_epoch last = {0};
    int64_t position = 0;
    bool died = true;
    while (drive->fault[0] == '\0') {
        if (died) {
            PS_TRY(sink_suite_start(drive, &last, &position, error));
            sink_suite_expect(drive, last.number * SINK_SUITE_ROWS, "after recover()");
            if (drive->fault[0] == '\0' && drive->quirks->keeps_positions &&
                position != last.number * SINK_SUITE_ROWS) {
                snprintf(drive->fault, sizeof(drive->fault), "epoch %" PRId64 " has position %" PRId64,
                         last.number, position);
            }
        }
        if (last.number >= SINK_SUITE_EPOCHS) {
            return PENSTOCK_OK;
        }
        const struct ps_epoch epoch = {last.number + 1, drive->attempt};
        PS_TRY(sink_suite_epoch(drive, epoch, &died, error));
        last = died ? last : epoch;
    }
    return PENSTOCK_OK;
}

/* Ends a check: NULL or the sentence. Static text: one caller at a time. */
static inline const char *sink_suite_end(struct sink_drive *drive, const char *check, penstock_code code,
                                         const struct penstock_error *error) {
    static char text[4096];
    snprintf(text, sizeof(text), "%s: %s (crash before step %d): %s (%s)", drive->quirks->name, check,
             drive->crash_at, code != PENSTOCK_OK ? error->message : drive->fault,
             code != PENSTOCK_OK ? error->detail : "");
    sink_suite_crash(drive);
    ps_connection_close(drive->connection);
    ps_engine_close(drive->engine);
    drive->quirks->destroy(drive->world);
    return code == PENSTOCK_OK && drive->fault[0] == '\0' ? NULL : text;
}

/* --- the checks ------------------------------------------------------------------------------------------ */

static inline const char *sink_suite_crashes(const struct sink_quirks *quirks) {
    const char *fault = NULL;
    const int step_count = SINK_SUITE_EPOCHS * (3 + sink_suite_part_count(quirks));
    for (int crash_at = 0; crash_at <= step_count && fault == NULL; crash_at++) {
        struct penstock_error error = {0};
        struct sink_drive drive;
        sink_suite_begin_drive(&drive, quirks);
        drive.crash_at = crash_at;
        const penstock_code code = sink_suite_drive(&drive, &error);
        if (code == PENSTOCK_OK) {
            sink_suite_expect(&drive, SINK_SUITE_RECORDS, "at the end");
        }
        fault = sink_suite_end(&drive, "every record once, whenever it dies", code, &error);
    }
    return fault;
}

static inline const char *sink_suite_discard(const struct sink_quirks *quirks) {
    struct penstock_error error = {0};
    struct sink_drive drive;
    sink_suite_begin_drive(&drive, quirks);
    struct ps_epoch last;
    int64_t position;
    penstock_code code = sink_suite_start(&drive, &last, &position, &error);
    const struct ps_epoch epoch = {1, drive.attempt};
    code = code == PENSTOCK_OK ? ps_sink_begin(drive.sink, epoch, &error) : code;
    code = code == PENSTOCK_OK ? sink_suite_write(&drive, drive.sink, 0, SINK_SUITE_ROWS, &error) : code;
    sink_suite_expect(&drive, 0, "before commit");
    code = code == PENSTOCK_OK ? ps_sink_discard(drive.sink, &error) : code;
    sink_suite_end_transaction(&drive, "ROLLBACK");
    sink_suite_expect(&drive, 0, "after discard");
    bool died;
    code = code == PENSTOCK_OK ? sink_suite_epoch(&drive, epoch, &died, &error) : code;
    sink_suite_expect(&drive, code == PENSTOCK_OK ? SINK_SUITE_ROWS : 0, "after discard and commit");
    return sink_suite_end(&drive, "what is discarded is gone", code, &error);
}

/* An epoch that is there is begun, written and committed again: it stays as it is. */
static inline const char *sink_suite_again(const struct sink_quirks *quirks) {
    struct penstock_error error = {0};
    struct sink_drive drive;
    sink_suite_begin_drive(&drive, quirks);
    struct ps_epoch last;
    int64_t position;
    bool died;
    penstock_code code = sink_suite_start(&drive, &last, &position, &error);
    for (int i = 0; i < 2; i++) {
        const struct ps_epoch epoch = {1, drive.attempt};
        code = code == PENSTOCK_OK ? sink_suite_epoch(&drive, epoch, &died, &error) : code;
    }
    sink_suite_crash(&drive);
    code = code == PENSTOCK_OK ? sink_suite_start(&drive, &last, &position, &error) : code;
    const struct ps_epoch epoch = {1, drive.attempt};
    code = code == PENSTOCK_OK ? sink_suite_epoch(&drive, epoch, &died, &error) : code;
    sink_suite_expect(&drive, SINK_SUITE_ROWS, "after three commits of epoch 1");
    return sink_suite_end(&drive, "a commit of an epoch that is there does nothing", code, &error);
}

/* An epoch without rows counts: its input is read. Some have a SELECT without rows, some none at all. */
static inline const char *sink_suite_empty(const struct sink_quirks *quirks) {
    struct penstock_error error = {0};
    struct sink_drive drive;
    sink_suite_begin_drive(&drive, quirks);
    struct ps_epoch last = {0};
    int64_t position = 0;
    penstock_code code = sink_suite_start(&drive, &last, &position, &error);
    for (int64_t number = 1; number <= 2; number++) {
        const struct ps_epoch epoch = {number, drive.attempt};
        code = code == PENSTOCK_OK ? ps_sink_begin(drive.sink, epoch, &error) : code;
        code = code == PENSTOCK_OK && number == 1 ? sink_suite_write(&drive, drive.sink, 0, 0, &error) : code;
        code = code == PENSTOCK_OK ? sink_suite_commit(&drive, drive.sink, epoch, &error) : code;
    }
    sink_suite_crash(&drive);
    code = code == PENSTOCK_OK ? sink_suite_start(&drive, &last, &position, &error) : code;
    if (code == PENSTOCK_OK && last.number != 2) {
        snprintf(drive.fault, sizeof(drive.fault), "after two epochs without rows it is at epoch %" PRId64,
                 last.number);
    }
    sink_suite_expect(&drive, 0, "after epochs without rows");
    return sink_suite_end(&drive, "an epoch without rows counts", code, &error);
}

/* The epochs of another store are not these epochs, whatever their numbers. */
static inline const char *sink_suite_other_store(const struct sink_quirks *quirks) {
    struct penstock_error error = {0};
    struct sink_drive drive;
    sink_suite_begin_drive(&drive, quirks);
    struct ps_epoch last = {0};
    int64_t position = 0;
    bool died;
    penstock_code code = sink_suite_start(&drive, &last, &position, &error);
    const struct ps_epoch epoch = {1, drive.attempt};
    code = code == PENSTOCK_OK ? sink_suite_epoch(&drive, epoch, &died, &error) : code;
    sink_suite_crash(&drive);
    drive.setup.store_id = "store-2";
    if (code == PENSTOCK_OK) {
        const penstock_code other = sink_suite_start(&drive, &last, &position, &error);
        if (other == PENSTOCK_OK || error.hint[0] == '\0') {
            snprintf(drive.fault, sizeof(drive.fault),
                     "another store's recover() gave %s and the hint '%.200s'", ps_error_code_name(other),
                     error.hint);
        }
    }
    sink_suite_expect(&drive, SINK_SUITE_ROWS, "after another store");
    return sink_suite_end(&drive, "another store is refused", code, &error);
}

/* An older attempt still runs when a newer one has taken over. */
static inline const char *sink_suite_fence(const struct sink_quirks *quirks) {
    struct penstock_error error = {0};
    struct sink_drive drive;
    sink_suite_begin_drive(&drive, quirks);
    struct ps_epoch last;
    int64_t position;
    bool died;
    penstock_code code = sink_suite_start(&drive, &last, &position, &error);
    const struct ps_epoch epoch = {1, drive.attempt};
    struct ps_sink *zombie = ps_take(drive.sink);
    code = code == PENSTOCK_OK ? sink_suite_start(&drive, &last, &position, &error) : code;
    struct penstock_error late_error = {0};
    penstock_code late = code == PENSTOCK_OK ? ps_sink_begin(zombie, epoch, &late_error) : code;
    late = late == PENSTOCK_OK ? sink_suite_write(&drive, zombie, 0, SINK_SUITE_ROWS, &late_error) : late;
    late = late == PENSTOCK_OK ? sink_suite_commit(&drive, zombie, epoch, &late_error) : late;
    ps_sink_close(zombie);
    sink_suite_end_transaction(&drive, "ROLLBACK");
    if (late != PENSTOCK_FENCED) {
        snprintf(drive.fault, sizeof(drive.fault), "the commit of an older attempt gave %s: %.300s",
                 ps_error_code_name(late), late_error.message);
    }
    sink_suite_expect(&drive, 0, "after a zombie's commit");
    const struct ps_epoch newer = {1, drive.attempt};
    code = code == PENSTOCK_OK ? sink_suite_epoch(&drive, newer, &died, &error) : code;
    sink_suite_expect(&drive, code == PENSTOCK_OK ? SINK_SUITE_ROWS : 0, "after the newer attempt's commit");
    return sink_suite_end(&drive, "an older attempt is fenced", code, &error);
}

static inline const char *sink_suite_run(const struct sink_quirks *quirks) {
    const char *fault = sink_suite_crashes(quirks);
    fault = fault != NULL ? fault : sink_suite_discard(quirks);
    fault = fault != NULL ? fault : sink_suite_again(quirks);
    fault = fault != NULL ? fault : sink_suite_empty(quirks);
    fault = fault != NULL ? fault : sink_suite_other_store(quirks);
    fault = fault != NULL ? fault : sink_suite_fence(quirks);
    return fault;
}

#endif
