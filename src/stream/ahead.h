/* SPDX-License-Identifier: Apache-2.0
 *
 * ahead.h - the epoch after the one in work: planned, read and decoded while its SQL still runs.
 *
 * One reader thread owns the sources: it plans, reads slice after slice and hands each to the task slots
 * through a bounded queue. When the last slice is decoded the epoch lies ready. The runner asks for one epoch
 * at a time, so at most one is ahead, and memory holds two.
 */
#ifndef PS_STREAM_AHEAD_H
#define PS_STREAM_AHEAD_H

#include "stream/run.h"

/* One slice: what a task slot decodes. */
struct ps_task {
    struct ps_prepared *epoch;
    size_t input;
    const struct ps_slice *slice; /* in the epoch's range */
    struct ps_raw raw;
    struct ps_batch *batch; /* NULL for a relation: then raw.relation */
    penstock_code code;
    struct penstock_error *error; /* owned; set when code is not OK */
    int64_t duration_ns, byte_count;
};

/* One planned epoch. Owned by whoever took it. */
struct ps_prepared {
    struct ps_range **ranges; /* per input; NULL: nothing new */
    struct ps_task *tasks;    /* input by input, in the order of the ranges' slices */
    size_t input_count, task_count;
    int64_t byte_count;
    bool is_empty;
    char notice[600];   /* of a source, for a human; "": none */
    bool is_restored;   /* `ranges` are of a saved plan: they are read, not planned */
    penstock_code code; /* planning failed */
    struct penstock_error error;
    atomic_size_t open_count; /* tasks not yet decoded, and the reader while it reads */
    struct ps_queue *ready;   /* where it goes when nothing is open */
};
void ps_prepared_free(struct ps_prepared *prepared);

struct ps_ahead;
/* The inputs' sources belong to the read-ahead from here on until ps_ahead_stop(). */
penstock_code ps_ahead_start(struct ps_run *run, bool once, struct ps_ahead **ahead_out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
/* Asks for the next epoch; nothing if it was asked for already. */
void ps_ahead_ask(struct ps_ahead *ahead);
/* Asks for the records of a saved plan, as the first epoch. Takes the ranges (one a source,
 * NULL: nothing of it) over. */
penstock_code ps_ahead_restore(struct ps_ahead *ahead, struct ps_range **ranges, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* The epoch is committed, and the sources may tell so: on the reader's thread, before it plans again.
 * Takes it over. */
void ps_ahead_committed(struct ps_ahead *ahead, struct ps_prepared *prepared);
/* Does some source wait for records by itself? Then nobody else need wait between two plans. */
bool ps_ahead_waits(const struct ps_ahead *ahead);
/* How far behind the source of an input was when it was planned last, or a second before: records, or bytes of files;
 * -1: not known. */
int64_t ps_ahead_lag(const struct ps_ahead *ahead, size_t input);
/* The epoch asked for (asks if nobody has), or NULL while it is not ready. */
struct ps_prepared *ps_ahead_poll(struct ps_ahead *ahead);
void ps_ahead_stop(struct ps_ahead *ahead);

#endif
