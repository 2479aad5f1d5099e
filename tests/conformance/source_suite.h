/* SPDX-License-Identifier: Apache-2.0
 *
 * source_suite.h - what every source must do, whatever it reads from.
 *
 * A connector brings a `struct source_quirks`: how to make a small world for it, and what can be done to that world.
 * The suite looks at it through ps_source_* alone. Records carry (partition, number); a record is got right when it
 * is got once, in the order of its partition, as a row or as a dead letter. A check returns NULL or one sentence, so
 * that the canaries (sources that are wrong on purpose) can be run through the same suite and must not pass.
 */
#ifndef TESTS_CONFORMANCE_SOURCE_SUITE_H
#define TESTS_CONFORMANCE_SOURCE_SUITE_H

#include <stdio.h>

#include "connect/source.h"
#include "sql/engine.h"

#define SUITE_PARTITION_MAX 64

struct source_world; /* the quirks' own */

struct source_quirks {
    const char *name;
    const struct ps_source_type *type;
    /* A world without records. */
    struct source_world *(*make)(const struct source_quirks *quirks);
    void (*destroy)(struct source_world *world);
    struct ps_source *(*open)(struct source_world *world, const struct source_quirks *quirks,
                              struct ps_source_setup *setup_out);
    /* Adds records number `first` to `first + count - 1` to partition `partition`, made if it is not there. */
    void (*append)(struct source_world *world, int partition, int first, int count);
    bool can_grow;        /* an existing partition takes more records */
    bool plans_what_came; /* a plan is what has arrived by then: the same position may give another one */
    /* Damage to a partition; NULL where that cannot happen. */
    void (*shrink)(struct source_world *world, int partition);
    void (*change)(struct source_world *world, int partition);
    void (*vanish)(struct source_world *world, int partition);
    const char *(*partition_name)(struct source_world *world, int partition);
    int record_count;     /* of a usual partition */
    bool has_bad_records; /* every 13th is bad on purpose */
    /* The record's (partition, number) from the raw bytes of a dead letter. */
    bool (*identify)(struct ps_bytes raw, int *partition_out, int *number_out);
};

/* What was got so far: the next number that each partition owes. */
struct suite_tally {
    int next[SUITE_PARTITION_MAX];
    int64_t row_count, dead_letter_count;
    char fault[256]; /* the first thing that was wrong; "" is none */
};

static const struct ps_epoch_limits suite_small = {.byte_count_max = 2000, .slice_size = 500};
static const struct ps_epoch_limits suite_large = {.byte_count_max = 1 << 30, .slice_size = 4 << 20};

static inline void suite_count(struct suite_tally *tally, int partition, int number) {
    if (tally->fault[0] != '\0') {
        return;
    }
    if (partition < 0 || partition >= SUITE_PARTITION_MAX) {
        snprintf(tally->fault, sizeof(tally->fault), "a record of partition %d, which nobody wrote",
                 partition);
    } else if (number != tally->next[partition]) {
        snprintf(tally->fault, sizeof(tally->fault),
                 "partition %d: record %d came where %d was due: one is %s", partition, number,
                 tally->next[partition], number > tally->next[partition] ? "missing" : "there twice");
    } else {
        tally->next[partition]++;
    }
}

/* Column 0 is the partition, column 1 the number. Dead letters stand between the rows by their offsets. */
static inline void suite_count_batch(const struct source_quirks *quirks, const struct ps_batch *batch,
                                     struct suite_tally *tally) {
    int64_t row = 0;
    size_t letter = 0;
    while (row < batch->row_count || letter < batch->dead_letter_count) {
        const bool is_row =
            letter == batch->dead_letter_count ||
            (row < batch->row_count && batch->records[row].offset < batch->dead_letters[letter].offset);
        int partition = -1, number = -1;
        if (is_row) {
            partition = ((const int32_t *)batch->columns[0].values)[row];
            number = ((const int32_t *)batch->columns[1].values)[row];
            row++;
        } else {
            const struct ps_bytes raw = batch->dead_letters[letter++].raw;
            if (!quirks->identify(raw, &partition, &number)) {
                snprintf(tally->fault, sizeof(tally->fault), "a dead letter that nobody wrote: %.*s",
                         (int)raw.size, raw.data);
                return;
            }
        }
        suite_count(tally, partition, number);
    }
    tally->row_count += batch->row_count;
    tally->dead_letter_count += (int64_t)batch->dead_letter_count;
    if (batch->record_count != batch->row_count + (int64_t)batch->dead_letter_count) {
        snprintf(tally->fault, sizeof(tally->fault),
                 "a batch of %lld records has %lld rows and %zu dead letters", (long long)batch->record_count,
                 (long long)batch->row_count, batch->dead_letter_count);
    }
}

static inline penstock_code suite_count_relation(const struct ps_raw *raw, struct suite_tally *tally,
                                                 struct penstock_error *error) {
    struct ps_engine *engine = NULL;
    struct ps_connection *connection = NULL;
    struct ps_result *result = NULL;
    const struct ps_engine_options options = {.thread_count = 1};
    penstock_code code = ps_engine_open(&options, &engine, error);
    code = code == PENSTOCK_OK ? ps_connection_open(engine, &connection, error) : code;
    if (code == PENSTOCK_OK) {
        code = ps_sql_queryf(connection, &result, error, "SELECT * FROM %s t ORDER BY penstock_offset",
                             raw->relation);
    }
    for (int64_t i = 0; code == PENSTOCK_OK && i < ps_result_row_count(result); i++) {
        suite_count(tally, (int)ps_result_integer(result, i, 0), (int)ps_result_integer(result, i, 1));
        tally->row_count++;
    }
    if (code == PENSTOCK_OK && ps_result_row_count(result) != raw->row_count) {
        snprintf(tally->fault, sizeof(tally->fault), "a relation of %lld rows says it has %lld",
                 (long long)ps_result_row_count(result), (long long)raw->row_count);
    }
    ps_result_free(result);
    ps_connection_close(connection);
    ps_engine_close(engine);
    return code;
}

static inline penstock_code suite_take_slice(const struct source_quirks *quirks, struct ps_source *source,
                                             const struct ps_source_setup *setup,
                                             const struct ps_slice *slice, struct suite_tally *tally,
                                             struct penstock_error *error) {
    struct ps_raw raw = {0};
    PS_TRY(ps_source_read(source, slice, &raw, error));
    if (raw.relation != NULL) {
        const penstock_code code = suite_count_relation(&raw, tally, error);
        ps_raw_done(&raw);
        return code;
    }
    struct ps_batch *batch = NULL;
    const penstock_code code = ps_decode(setup, slice, &raw, &batch, error);
    if (code == PENSTOCK_OK) {
        suite_count_batch(quirks, batch, tally);
    }
    ps_batch_free(batch);
    ps_raw_done(&raw);
    return code;
}

/* Everything that is there now, epoch by epoch; `positions` follow the commits. */
static inline penstock_code suite_drain(const struct source_quirks *quirks, struct ps_source *source,
                                        const struct ps_source_setup *setup,
                                        const struct ps_epoch_limits *limits, struct suite_tally *tally,
                                        struct ps_position_list *positions, int epoch_max,
                                        struct penstock_error *error) {
    for (int epoch = 0; epoch < epoch_max; epoch++) {
        struct ps_range *range = NULL;
        PS_TRY(ps_source_plan(source, limits, &range, error));
        if (range == NULL) {
            return PENSTOCK_OK;
        }
        penstock_code code = PENSTOCK_OK;
        for (size_t i = 0; code == PENSTOCK_OK && i < range->slice_count; i++) {
            code = suite_take_slice(quirks, source, setup, &range->slices[i], tally, error);
        }
        for (size_t i = 0; code == PENSTOCK_OK && i < range->end_count; i++) {
            code = ps_position_list_set(positions, &range->ends[i], error);
        }
        ps_range_free(range);
        PS_TRY(code);
    }
    return PENSTOCK_OK;
}

/* One run of a check: a world, an open source, positions that were committed. */
struct suite_run {
    const struct source_quirks *quirks;
    struct source_world *world;
    struct ps_source *source;
    struct ps_source_setup setup;
    struct ps_position_list positions;
    struct suite_tally tally;
    struct penstock_error error;
    char fault[2048];
};

static inline void suite_begin(struct suite_run *run, const struct source_quirks *quirks,
                               int partition_count) {
    *run = (struct suite_run){.quirks = quirks, .world = quirks->make(quirks)};
    for (int i = 0; i < partition_count; i++) {
        quirks->append(run->world, i, 0, quirks->record_count);
    }
    (void)!ps_position_list_init(&run->positions, NULL);
    run->source = quirks->open(run->world, quirks, &run->setup);
}

/* As after a crash: only world and positions are left. */
static inline penstock_code suite_restart(struct suite_run *run) {
    ps_source_close(run->source);
    run->source = run->quirks->open(run->world, run->quirks, &run->setup);
    return ps_source_seek(run->source, &run->positions, &run->error);
}

static inline penstock_code suite_take(struct suite_run *run, const struct ps_epoch_limits *limits,
                                       int epoch_max) {
    return suite_drain(run->quirks, run->source, &run->setup, limits, &run->tally, &run->positions, epoch_max,
                       &run->error);
}

/* Ends the run; NULL, or `check`: what was wrong. Static text: one caller at a time. */
static inline const char *suite_end(struct suite_run *run, const char *check, penstock_code code) {
    static char text[4096];
    const char *fault = run->tally.fault[0] != '\0' ? run->tally.fault : run->fault;
    snprintf(text, sizeof(text), "%s: %s: %s", run->quirks->name, check,
             code != PENSTOCK_OK ? run->error.message : fault);
    const bool is_good = code == PENSTOCK_OK && fault[0] == '\0';
    ps_source_close(run->source);
    ps_position_list_done(&run->positions);
    run->quirks->destroy(run->world);
    return is_good ? NULL : text;
}

static inline void suite_expect(struct suite_run *run, int partition, int count) {
    if (run->fault[0] == '\0' && run->tally.next[partition] != count) {
        snprintf(run->fault, sizeof(run->fault), "partition %d gave %d records of %d", partition,
                 run->tally.next[partition], count);
    }
}

/* --- the checks ------------------------------------------------------------------------------------------ */

static inline const char *suite_all_records(const struct source_quirks *quirks,
                                            const struct ps_epoch_limits *limits) {
    struct suite_run run;
    suite_begin(&run, quirks, 3);
    const penstock_code code = suite_take(&run, limits, 1 << 20);
    for (int i = 0; i < 3 && code == PENSTOCK_OK; i++) {
        suite_expect(&run, i, quirks->record_count);
    }
    const int64_t written = 3 * (int64_t)quirks->record_count;
    const int64_t bad = quirks->has_bad_records ? 3 * ((quirks->record_count + 12) / 13) : 0;
    if (run.fault[0] == '\0' &&
        (run.tally.row_count != written - bad || run.tally.dead_letter_count != bad)) {
        snprintf(run.fault, sizeof(run.fault),
                 "%lld records gave %lld rows and %lld dead letters (%lld are bad)", (long long)written,
                 (long long)run.tally.row_count, (long long)run.tally.dead_letter_count, (long long)bad);
    }
    return suite_end(&run, "every record is a row or a dead letter", code);
}

static inline bool suite_same_range(const struct ps_range *left, const struct ps_range *right, char *fault,
                                    size_t size) {
    if ((left == NULL) != (right == NULL)) {
        snprintf(fault, size, "one plan has slices, the other has none");
        return false;
    }
    if (left == NULL) {
        return true;
    }
    bool is_same = left->slice_count == right->slice_count && left->end_count == right->end_count;
    for (size_t i = 0; is_same && i < left->slice_count; i++) {
        const struct ps_slice *a = &left->slices[i], *b = &right->slices[i];
        is_same = a->begin == b->begin && a->end == b->end && a->partition.ordinal == b->partition.ordinal &&
                  strcmp(a->partition.name, b->partition.name) == 0 &&
                  strcmp(a->end_state, b->end_state) == 0;
    }
    for (size_t i = 0; is_same && i < left->end_count; i++) {
        const struct ps_position *a = &left->ends[i], *b = &right->ends[i];
        is_same = a->offset == b->offset && a->partition.ordinal == b->partition.ordinal &&
                  strcmp(a->partition.name, b->partition.name) == 0 && strcmp(a->state, b->state) == 0;
    }
    if (!is_same) {
        snprintf(fault, size, "the same position gave another plan");
    }
    return is_same;
}

/* At every epoch: plan, forget, plan again in a new process: the same; and reading on from there misses nothing. */
static inline const char *suite_same_plan(const struct source_quirks *quirks) {
    struct suite_run run;
    suite_begin(&run, quirks, 3);
    penstock_code code = PENSTOCK_OK;
    bool is_more = true;
    for (int epoch = 0; is_more && code == PENSTOCK_OK && run.fault[0] == '\0'; epoch++) {
        struct ps_range *first = NULL, *second = NULL;
        code = ps_source_plan(run.source, &suite_small, &first, &run.error);
        code = code == PENSTOCK_OK ? suite_restart(&run) : code;
        code = code == PENSTOCK_OK ? ps_source_plan(run.source, &suite_small, &second, &run.error) : code;
        if (code == PENSTOCK_OK) {
            (void)suite_same_range(first, second, run.fault, sizeof(run.fault));
        }
        is_more = first != NULL;
        ps_range_free(first);
        ps_range_free(second);
        code = code == PENSTOCK_OK ? ps_source_seek(run.source, &run.positions, &run.error) : code;
        code = code == PENSTOCK_OK ? suite_take(&run, &suite_small, 1) : code;
    }
    for (int i = 0; i < 3 && code == PENSTOCK_OK; i++) {
        suite_expect(&run, i, quirks->record_count);
    }
    return suite_end(&run, "the same position gives the same plan, after a restart too", code);
}

/* Slices of one plan, read in turn, again, and backwards: always the same records. */
static inline const char *suite_read_again(const struct source_quirks *quirks) {
    struct suite_run run;
    struct ps_range *range = NULL;
    suite_begin(&run, quirks, 2);
    const struct ps_epoch_limits limits = {.byte_count_max = 1 << 30, .slice_size = 500};
    penstock_code code = ps_source_plan(run.source, &limits, &range, &run.error);
    for (size_t i = 0; code == PENSTOCK_OK && range != NULL && i < range->slice_count; i++) {
        struct suite_tally before = run.tally;
        code = suite_take_slice(quirks, run.source, &run.setup, &range->slices[i], &run.tally, &run.error);
        code = code != PENSTOCK_OK
                   ? code
                   : suite_take_slice(quirks, run.source, &run.setup, &range->slices[i], &before, &run.error);
        if (code == PENSTOCK_OK && memcmp(before.next, run.tally.next, sizeof(before.next)) != 0) {
            snprintf(run.fault, sizeof(run.fault), "slice %zu gave other records the second time", i);
        }
        if (code == PENSTOCK_OK && i > 0) {
            struct suite_tally thrown_away = {0};
            code = suite_take_slice(quirks, run.source, &run.setup, &range->slices[i - 1], &thrown_away,
                                    &run.error);
        }
    }
    ps_range_free(range);
    suite_expect(&run, 1, quirks->record_count);
    return suite_end(&run, "a slice read twice gives the same records", code);
}

/* Back to the beginning after everything was read: all of it again. */
static inline const char *suite_seek_back(const struct source_quirks *quirks) {
    struct suite_run run;
    struct ps_position_list nowhere;
    suite_begin(&run, quirks, 2);
    (void)!ps_position_list_init(&nowhere, NULL);
    penstock_code code = suite_take(&run, &suite_large, 1 << 20);
    run.tally = (struct suite_tally){0};
    code = code == PENSTOCK_OK ? ps_source_seek(run.source, &nowhere, &run.error) : code;
    code = code == PENSTOCK_OK ? suite_take(&run, &suite_small, 1 << 20) : code;
    ps_position_list_done(&nowhere);
    for (int i = 0; i < 2 && code == PENSTOCK_OK; i++) {
        suite_expect(&run, i, quirks->record_count);
    }
    return suite_end(&run, "seek goes back", code);
}

/* New partitions, and more records in old ones, before and after a restart; nothing old comes again. */
static inline const char *suite_growth(const struct source_quirks *quirks) {
    struct suite_run run;
    suite_begin(&run, quirks, 2);
    penstock_code code = suite_take(&run, &suite_small, 1 << 20);
    for (int round = 0; round < 3 && code == PENSTOCK_OK; round++) {
        quirks->append(run.world, 2 + round, 0, quirks->record_count);
        if (quirks->can_grow) {
            quirks->append(run.world, 0, quirks->record_count + round * 10, 10);
        }
        code = round == 1 ? suite_restart(&run) : PENSTOCK_OK;
        code = code == PENSTOCK_OK ? suite_take(&run, &suite_small, 1 << 20) : code;
        suite_expect(&run, 2 + round, quirks->record_count);
        suite_expect(&run, 0, quirks->record_count + (quirks->can_grow ? (round + 1) * 10 : 0));
    }
    return suite_end(&run, "what is added is read, and only that", code);
}

/* Damage to a partition that was read in part: an error that names it, in the same process and after a restart. */
static inline const char *suite_damage(const struct source_quirks *quirks, const char *check,
                                       void (*damage)(struct source_world *world, int partition),
                                       bool is_restarted) {
    if (damage == NULL) {
        return NULL;
    }
    struct suite_run run;
    suite_begin(&run, quirks, 2);
    penstock_code code = suite_take(&run, &suite_small, 1);
    if (code != PENSTOCK_OK) {
        return suite_end(&run, check, code);
    }
    damage(run.world, 0);
    code = is_restarted ? suite_restart(&run) : PENSTOCK_OK;
    code = code == PENSTOCK_OK ? suite_take(&run, &suite_small, 1 << 20) : code;
    if (code == PENSTOCK_OK) {
        snprintf(run.fault, sizeof(run.fault), "nothing was noticed");
    } else if (strstr(run.error.message, quirks->partition_name(run.world, 0)) == NULL ||
               run.error.hint[0] == '\0') {
        snprintf(run.fault, sizeof(run.fault), "the error does not name the partition or what to do: %.1000s",
                 run.error.message);
    }
    return suite_end(&run, check, PENSTOCK_OK);
}

static inline const char *source_suite_run(const struct source_quirks *quirks) {
    const char *fault = suite_all_records(quirks, &suite_large);
    fault = fault != NULL ? fault : suite_all_records(quirks, &suite_small);
    fault = fault != NULL || quirks->plans_what_came ? fault : suite_same_plan(quirks);
    fault = fault != NULL ? fault : suite_read_again(quirks);
    fault = fault != NULL ? fault : suite_seek_back(quirks);
    fault = fault != NULL ? fault : suite_growth(quirks);
    for (int restarted = 0; restarted < 2; restarted++) {
        fault = fault != NULL
                    ? fault
                    : suite_damage(quirks, "a partition that shrank", quirks->shrink, restarted == 1);
        fault = fault != NULL
                    ? fault
                    : suite_damage(quirks, "a partition that changed", quirks->change, restarted == 1);
        fault = fault != NULL
                    ? fault
                    : suite_damage(quirks, "a partition that vanished", quirks->vanish, restarted == 1);
    }
    return fault;
}

#endif
