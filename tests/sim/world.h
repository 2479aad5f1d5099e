/* SPDX-License-Identifier: Apache-2.0
 *
 * world.h - the simulated outside of the streaming engine: a source that grows, a store, and sinks.
 *
 * What a crash leaves behind is in struct world; what it destroys is in struct process. Sinks are real
 * rows of the sink contract (connect/sink.h), called through its wrappers. A flaw makes one part break its
 * promise on purpose: the simulator must see each of them.
 */
#ifndef PS_TESTS_WORLD_H
#define PS_TESTS_WORLD_H

#include "stream/step.h"

#define PARTITION_COUNT 2
#define PARTITION_SIZE 9 /* records that will ever be in a partition */
#define RECORD_COUNT (PARTITION_COUNT * PARTITION_SIZE)
#define SINK_COUNT 2

enum flaw {
    FLAW_NONE,
    FLAW_ACKNOWLEDGE_EARLY, /* sink 1: the epoch is durable before its rows */
    FLAW_ACKNOWLEDGE_LATE,  /* sink 1: rows are durable before the epoch is */
    FLAW_FORGET_POSITION,   /* sink 1: rows are durable, the epoch never is */
    FLAW_PLAN_AGAIN,        /* the driver plans anew where it must take the saved plan */
    FLAW_NO_FENCE,          /* nobody looks at the attempt */
    FLAW_SPLIT_COMMIT,      /* the store commits positions in a transaction after that of the rows */
    FLAW_COUNT,
};
const char *flaw_name(enum flaw flaw);

struct random {
    uint64_t state;
};
uint64_t random_next(struct random *random);
int64_t random_below(struct random *random, int64_t limit);

/* Half-open offsets per partition. */
struct range {
    int64_t begin[PARTITION_COUNT], end[PARTITION_COUNT];
};

struct durable_sink {
    struct ps_epoch last;
    int64_t attempt;
    int64_t positions[PARTITION_COUNT];
    int times[RECORD_COUNT]; /* how often each record arrived */
};

struct world {
    enum flaw flaw;
    size_t sink_count; /* 0: the store alone, which is what a project without outside sinks is */
    struct random random;
    int64_t available[PARTITION_COUNT];
    struct {
        int64_t epoch, attempt;
        int64_t positions[PARTITION_COUNT];
        int times[RECORD_COUNT];
        int64_t plan_epoch;
        struct range plan;
        bool is_half_committed; /* FLAW_SPLIT_COMMIT only */
    } store;
    struct durable_sink sinks[SINK_COUNT];
};

/* One run of the program. */
struct process {
    struct world *world;
    struct ps_step step;
    struct ps_step_action action; /* to be carried out next */
    struct range range;
    bool is_writing;
    struct ps_sink *sinks[SINK_COUNT];
};

void world_init(struct world *world, enum flaw flaw, size_t sink_count, uint64_t seed);
/* What is wrong with the world, all told; NULL: every record is everywhere exactly once. */
const char *world_check(const struct world *world);

void process_start(struct process *process, struct world *world);
void process_stop(struct process *process); /* a crash: what it held is gone */
/* Carries out process->action. How it ended is the event for ps_step_next(). */
struct ps_step_event process_act(struct process *process);

extern const struct ps_sink_type sink_type;

#endif
