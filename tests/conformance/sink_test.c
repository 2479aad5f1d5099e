/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_test.c - the sink suite over a sink in memory that keeps the contract, and over its wrong brothers.
 *
 * This version has no sink for users yet: the streaming store is its own. The memory sink is the model that a
 * connector is written after; each flaw is a way in which real ones have lost or doubled records.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sink_suite.h"

#define RECORD_COUNT (SINK_SUITE_EPOCHS * SINK_SUITE_ROWS)

enum flaw {
    FLAW_NONE,
    FLAW_ACKNOWLEDGE_EARLY, /* the epoch is durable before its rows */
    FLAW_ACKNOWLEDGE_LATE,  /* the rows are durable before the epoch is */
    FLAW_FORGET_POSITION,   /* rows and epoch are durable, the position is not */
    FLAW_COMMIT_TWICE,      /* an epoch that is there is written again */
    FLAW_KEEP_DISCARDED,
    FLAW_NO_FENCE,
    FLAW_COUNT,
};

struct sink_world {
    enum flaw flaw;
    int times[RECORD_COUNT];
    struct ps_epoch last;
    int64_t attempt, position;
};

struct memory_sink {
    struct sink_world *world;
    int pending[RECORD_COUNT];
};

static enum flaw flaw_of_next_world;

static struct sink_world *make_world(const struct sink_quirks *quirks) {
    (void)quirks;
    struct sink_world *world = calloc(1, sizeof(*world));
    world->flaw = flaw_of_next_world;
    return world;
}

static void destroy_world(struct sink_world *world) {
    free(world);
}

static const void *config_of_world(struct sink_world *world) {
    static struct sink_world *config;
    config = world;
    return &config;
}

static int count_record(struct sink_world *world, int64_t record) {
    return world->times[record];
}

static penstock_code memory_open(const struct ps_sink_setup *setup, const void *config, void **state_out,
                                 struct penstock_error *error) {
    (void)setup;
    struct memory_sink *sink = ps_allocate(1, sizeof(*sink));
    if (sink == NULL) {
        return ps_error_memory(error, "a sink in memory");
    }
    memcpy(&sink->world, config, sizeof(sink->world));
    *state_out = sink;
    return PENSTOCK_OK;
}

static penstock_code fence(const struct memory_sink *sink, int64_t attempt, struct penstock_error *error) {
    if (attempt < sink->world->attempt && sink->world->flaw != FLAW_NO_FENCE) {
        return ps_error_set(error, PENSTOCK_FENCED, "attempt %lld is over", (long long)attempt);
    }
    return PENSTOCK_OK;
}

static penstock_code memory_recover(void *state, int64_t attempt, struct ps_epoch *epoch_out,
                                    struct ps_position_list *positions_out, struct penstock_error *error) {
    struct memory_sink *sink = state;
    PS_TRY(fence(sink, attempt, error));
    sink->world->attempt = attempt;
    *epoch_out = sink->world->last;
    const struct ps_position position = {.partition = {"a", 0}, .offset = sink->world->position, .state = ""};
    return ps_position_list_set(positions_out, &position, error);
}

static penstock_code memory_begin(void *state, struct ps_epoch epoch, struct penstock_error *error) {
    struct memory_sink *sink = state;
    PS_TRY(fence(sink, epoch.attempt, error));
    if (sink->world->flaw != FLAW_KEEP_DISCARDED) {
        memset(sink->pending, 0, sizeof(sink->pending));
    }
    if (sink->world->flaw == FLAW_ACKNOWLEDGE_EARLY) {
        sink->world->last = epoch;
        sink->world->position = epoch.number * SINK_SUITE_ROWS;
    }
    return PENSTOCK_OK;
}

static penstock_code memory_write(void *state, const struct ps_batch *batch, struct penstock_error *error) {
    struct memory_sink *sink = state;
    (void)error;
    int *times = sink->world->flaw == FLAW_ACKNOWLEDGE_LATE ? sink->world->times : sink->pending;
    for (int64_t i = 0; i < batch->row_count; i++) {
        times[((const int64_t *)batch->columns[0].values)[i]]++;
    }
    return PENSTOCK_OK;
}

static penstock_code memory_commit(void *state, struct ps_epoch epoch,
                                   const struct ps_position_list *positions, struct penstock_error *error) {
    struct memory_sink *sink = state;
    struct sink_world *world = sink->world;
    PS_TRY(fence(sink, epoch.attempt, error));
    const bool is_early = world->flaw == FLAW_ACKNOWLEDGE_EARLY;
    if (world->last.number >= epoch.number && world->flaw != FLAW_COMMIT_TWICE && !is_early) {
        return PENSTOCK_OK;
    }
    for (int i = 0; i < RECORD_COUNT; i++) {
        world->times[i] += sink->pending[i];
    }
    world->last = epoch;
    if (world->flaw != FLAW_FORGET_POSITION) {
        world->position = positions->items[0].offset;
    }
    return PENSTOCK_OK;
}

static penstock_code memory_discard(void *state, struct penstock_error *error) {
    struct memory_sink *sink = state;
    (void)error;
    if (sink->world->flaw != FLAW_KEEP_DISCARDED) {
        memset(sink->pending, 0, sizeof(sink->pending));
    }
    return PENSTOCK_OK;
}

static void memory_close(void *state) {
    ps_release(state);
}

static const struct ps_sink_type memory_type = {
    .name = "memory",
    .summary = "counts records",
    .config_size = sizeof(struct sink_world *),
    .delivery = PS_DELIVERY_SAME_TRANSACTION,
    .open = memory_open,
    .recover = memory_recover,
    .begin = memory_begin,
    .write = memory_write,
    .commit = memory_commit,
    .discard = memory_discard,
    .close = memory_close,
};

static const struct sink_quirks memory_quirks = {
    .name = "memory",
    .type = &memory_type,
    .make = make_world,
    .destroy = destroy_world,
    .config = config_of_world,
    .count = count_record,
};

static void a_right_sink_passes(void **state) {
    (void)state;
    flaw_of_next_world = FLAW_NONE;
    const char *fault = sink_suite_run(&memory_quirks);
    if (fault != NULL) {
        fail_msg("%s", fault);
    }
}

static void wrong_sinks_are_caught(void **state) {
    (void)state;
    for (int flaw = FLAW_NONE + 1; flaw < FLAW_COUNT; flaw++) {
        flaw_of_next_world = (enum flaw)flaw;
        const char *fault = sink_suite_run(&memory_quirks);
        if (fault == NULL) {
            fail_msg("the sink with flaw %d passed", flaw);
        }
        print_message("flaw %d: %s\n", flaw, fault);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_right_sink_passes),
        cmocka_unit_test(wrong_sinks_are_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
