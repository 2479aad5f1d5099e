/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_suite.h - what every sink must do, whatever it writes to.
 *
 * A sink brings a `struct sink_quirks`: a world that outlives a crash, the config to open a sink on it, and how often a
 * record is durably there. The suite drives it through ps_sink_* alone, crashing (closing without a word) before
 * every step, and starts again from what recover() says. A check returns NULL or one sentence, so that sinks that
 * are wrong on purpose can be run through the same suite and must not pass.
 * Batches have one BIGINT column: the record's number.
 */
#ifndef TESTS_CONFORMANCE_SINK_SUITE_H
#define TESTS_CONFORMANCE_SINK_SUITE_H

#include <stdio.h>

#include "base/check.h"
#include "connect/sink.h"

#define SINK_SUITE_EPOCHS 3
#define SINK_SUITE_ROWS 4 /* records of one epoch, in two batches */

struct sink_world; /* the quirks' own */

struct sink_quirks {
    const char *name;
    const struct ps_sink_type *type;
    struct sink_world *(*make)(const struct sink_quirks *quirks);
    void (*destroy)(struct sink_world *world);
    const void *(*config)(struct sink_world *world);
    /* How often the record is there for a reader. */
    int (*count)(struct sink_world *world, int64_t record);
};

struct sink_drive {
    const struct sink_quirks *quirks;
    struct sink_world *world;
    struct ps_sink *sink;
    int64_t attempt;
    int step, crash_at; /* crash before this step; 0: never */
    char fault[512];
};

static inline struct ps_batch *sink_suite_batch(int64_t first, int64_t count) {
    static struct ps_column_schema column = {"id", "BIGINT", PS_TYPE_BIGINT, true};
    static const struct ps_schema schema = {&column, 1};
    struct ps_batch *batch = NULL;
    ps_check(ps_batch_new(&schema, count, &batch, NULL) == PENSTOCK_OK);
    for (int64_t i = 0; i < count; i++) {
        ps_check(ps_batch_begin_row(batch, NULL) == PENSTOCK_OK);
        ((int64_t *)batch->columns[0].values)[batch->row_count] = first + i;
        ps_batch_end_row(batch, (struct ps_record){.raw = PS_BYTES("{}"), .offset = first + i});
    }
    return batch;
}

/* Expects records [0, count) to be there `times` times, and none after. */
static inline void sink_suite_expect(struct sink_drive *drive, int64_t count, const char *when) {
    for (int64_t i = 0; i < SINK_SUITE_EPOCHS * SINK_SUITE_ROWS && drive->fault[0] == '\0'; i++) {
        const int found = drive->quirks->count(drive->world, i);
        if (found != (i < count ? 1 : 0)) {
            snprintf(drive->fault, sizeof(drive->fault), "%s record %lld is there %d times", when,
                     (long long)i, found);
        }
    }
}

static inline void sink_suite_crash(struct sink_drive *drive) {
    ps_sink_close(drive->sink);
    drive->sink = NULL;
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
    PS_TRY(ps_sink_open(drive->quirks->type,
                        &(struct ps_sink_setup){.name = drive->quirks->name, .project = "suite"},
                        drive->quirks->config(drive->world), &drive->sink, error));
    PS_TRY(ps_position_list_init(&positions, error));
    const penstock_code code = ps_sink_recover(drive->sink, drive->attempt, epoch_out, &positions, error);
    const struct ps_position *position = ps_position_list_find(&positions, "a");
    *position_out = position == NULL ? 0 : position->offset;
    ps_position_list_done(&positions);
    return code;
}

static inline penstock_code sink_suite_write(struct ps_sink *sink, int64_t first, int64_t count,
                                             struct penstock_error *error) {
    struct ps_batch *batch = sink_suite_batch(first, count);
    const penstock_code code = ps_sink_write(sink, batch, error);
    ps_batch_free(batch);
    return code;
}

static inline penstock_code sink_suite_commit(struct ps_sink *sink, struct ps_epoch epoch,
                                              struct penstock_error *error) {
    struct ps_position_list positions;
    PS_TRY(ps_position_list_init(&positions, error));
    const struct ps_position position = {
        .partition = {"a", 0}, .offset = epoch.number * SINK_SUITE_ROWS, .state = "{}"};
    penstock_code code = ps_position_list_set(&positions, &position, error);
    code = code == PENSTOCK_OK ? ps_sink_commit(sink, epoch, &positions, error) : code;
    ps_position_list_done(&positions);
    return code;
}

/* One epoch; *died_out: the process died within it. */
static inline penstock_code sink_suite_epoch(struct sink_drive *drive, struct ps_epoch epoch, bool *died_out,
                                             struct penstock_error *error) {
    const int64_t first = (epoch.number - 1) * SINK_SUITE_ROWS;
    *died_out = true;
    if (sink_suite_is_crash(drive)) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_sink_begin(drive->sink, epoch, error));
    for (int half = 0; half < 2; half++) {
        if (sink_suite_is_crash(drive)) {
            return PENSTOCK_OK;
        }
        PS_TRY(sink_suite_write(drive->sink, first + half * SINK_SUITE_ROWS / 2, SINK_SUITE_ROWS / 2, error));
    }
    if (sink_suite_is_crash(drive)) {
        return PENSTOCK_OK;
    }
    PS_TRY(sink_suite_commit(drive->sink, epoch, error));
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
            if (drive->fault[0] == '\0' && position != last.number * SINK_SUITE_ROWS) {
                snprintf(drive->fault, sizeof(drive->fault), "epoch %lld has position %lld",
                         (long long)last.number, (long long)position);
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
    static char text[2048];
    snprintf(text, sizeof(text), "%s: %s (crash before step %d): %s", drive->quirks->name, check,
             drive->crash_at, code != PENSTOCK_OK ? error->message : drive->fault);
    sink_suite_crash(drive);
    drive->quirks->destroy(drive->world);
    return code == PENSTOCK_OK && drive->fault[0] == '\0' ? NULL : text;
}

/* --- the checks ------------------------------------------------------------------------------------------ */

static inline const char *sink_suite_crashes(const struct sink_quirks *quirks) {
    const char *fault = NULL;
    const int step_count = SINK_SUITE_EPOCHS * 5;
    for (int crash_at = 0; crash_at <= step_count && fault == NULL; crash_at++) {
        struct penstock_error error = {0};
        struct sink_drive drive = {.quirks = quirks, .world = quirks->make(quirks), .crash_at = crash_at};
        const penstock_code code = sink_suite_drive(&drive, &error);
        if (code == PENSTOCK_OK) {
            sink_suite_expect(&drive, SINK_SUITE_EPOCHS * SINK_SUITE_ROWS, "at the end");
        }
        fault = sink_suite_end(&drive, "every record once, whenever it dies", code, &error);
    }
    return fault;
}

static inline const char *sink_suite_discard(const struct sink_quirks *quirks) {
    struct penstock_error error = {0};
    struct sink_drive drive = {.quirks = quirks, .world = quirks->make(quirks)};
    struct ps_epoch last;
    int64_t position;
    penstock_code code = sink_suite_start(&drive, &last, &position, &error);
    const struct ps_epoch epoch = {1, drive.attempt};
    code = code == PENSTOCK_OK ? ps_sink_begin(drive.sink, epoch, &error) : code;
    code = code == PENSTOCK_OK ? sink_suite_write(drive.sink, 0, SINK_SUITE_ROWS, &error) : code;
    sink_suite_expect(&drive, 0, "before commit");
    code = code == PENSTOCK_OK ? ps_sink_discard(drive.sink, &error) : code;
    sink_suite_expect(&drive, 0, "after discard");
    bool died;
    code = code == PENSTOCK_OK ? sink_suite_epoch(&drive, epoch, &died, &error) : code;
    sink_suite_expect(&drive, code == PENSTOCK_OK ? SINK_SUITE_ROWS : 0, "after discard and commit");
    return sink_suite_end(&drive, "what is discarded is gone", code, &error);
}

/* An epoch that is there is begun, written and committed again: it stays as it is. */
static inline const char *sink_suite_again(const struct sink_quirks *quirks) {
    struct penstock_error error = {0};
    struct sink_drive drive = {.quirks = quirks, .world = quirks->make(quirks)};
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

/* An older attempt still runs when a newer one has taken over. */
static inline const char *sink_suite_fence(const struct sink_quirks *quirks) {
    struct penstock_error error = {0};
    struct sink_drive drive = {.quirks = quirks, .world = quirks->make(quirks)};
    struct ps_epoch last;
    int64_t position;
    penstock_code code = sink_suite_start(&drive, &last, &position, &error);
    const struct ps_epoch epoch = {1, drive.attempt};
    struct ps_sink *zombie = ps_take(drive.sink);
    code = code == PENSTOCK_OK ? sink_suite_start(&drive, &last, &position, &error) : code;
    penstock_code late = ps_sink_begin(zombie, epoch, &error);
    late = late == PENSTOCK_OK ? sink_suite_write(zombie, 0, SINK_SUITE_ROWS, &error) : late;
    late = late == PENSTOCK_OK ? sink_suite_commit(zombie, epoch, &error) : late;
    ps_sink_close(zombie);
    if (late != PENSTOCK_FENCED) {
        snprintf(drive.fault, sizeof(drive.fault), "the commit of an older attempt gave %s",
                 ps_error_code_name(late));
    }
    sink_suite_expect(&drive, 0, "after a zombie's commit");
    return sink_suite_end(&drive, "an older attempt is fenced", code, &error);
}

static inline const char *sink_suite_run(const struct sink_quirks *quirks) {
    const char *fault = sink_suite_crashes(quirks);
    fault = fault != NULL ? fault : sink_suite_discard(quirks);
    fault = fault != NULL ? fault : sink_suite_again(quirks);
    fault = fault != NULL ? fault : sink_suite_fence(quirks);
    return fault;
}

#endif
