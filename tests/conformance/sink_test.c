/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_test.c - the sink suite over a sink in memory that keeps the contract, and over its wrong brothers.
 *
 * The memory sink is the model that a connector is written after; each flaw is a way in which real ones have lost or
 * doubled records. Sinks that need no server are run here, too; the others in tests/services.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sink_suite.h"

enum flaw {
    FLAW_NONE,
    FLAW_ACKNOWLEDGE_EARLY, /* the epoch is durable before its rows */
    FLAW_ACKNOWLEDGE_LATE,  /* the rows are durable before the epoch is */
    FLAW_FORGET_POSITION,   /* rows and epoch are durable, the position is not */
    FLAW_COMMIT_TWICE,      /* an epoch that is there is written again */
    FLAW_KEEP_DISCARDED,
    FLAW_NO_FENCE,
    FLAW_SKIP_EMPTY,       /* an epoch without rows is not remembered */
    FLAW_ANY_STORE,        /* takes the epochs of another store for its own */
    FLAW_LOSE_SECOND_HALF, /* only the first batch of an epoch counts */
    FLAW_COUNT,
};

struct sink_world {
    enum flaw flaw;
    int times[SINK_SUITE_RECORDS];
    struct ps_epoch last;
    int64_t attempt, position;
    char store_id[32]; /* "": nobody's yet */
};

struct memory_sink {
    struct sink_world *world;
    const struct ps_sink_setup *setup;
    int batch_count;
    int pending[SINK_SUITE_RECORDS];
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

static void count_records(struct sink_world *world, int *times) {
    memcpy(times, world->times, sizeof(world->times));
}

static penstock_code memory_open(const struct ps_sink_setup *setup, const void *config, void **state_out,
                                 struct penstock_error *error) {
    struct memory_sink *sink = ps_allocate(1, sizeof(*sink));
    if (sink == NULL) {
        return ps_error_memory(error, "a sink in memory");
    }
    sink->setup = setup;
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
    struct sink_world *world = sink->world;
    PS_TRY(fence(sink, attempt, error));
    if (world->store_id[0] != '\0' && strcmp(world->store_id, sink->setup->store_id) != 0 &&
        world->flaw != FLAW_ANY_STORE) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "sink %s holds another store's epochs",
                           sink->setup->name);
        return ps_error_hint(error, "give the sink another name");
    }
    snprintf(world->store_id, sizeof(world->store_id), "%s", sink->setup->store_id);
    world->attempt = attempt;
    *epoch_out = world->last;
    const struct ps_position position = {.partition = {"a", 0}, .offset = world->position, .state = ""};
    return ps_position_list_set(positions_out, &position, error);
}

static penstock_code memory_begin(void *state, struct ps_epoch epoch, struct penstock_error *error) {
    struct memory_sink *sink = state;
    PS_TRY(fence(sink, epoch.attempt, error));
    sink->batch_count = 0;
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
    if (batch->row_count > 0 && sink->batch_count++ > 0 && sink->world->flaw == FLAW_LOSE_SECOND_HALF) {
        return PENSTOCK_OK;
    }
    for (int64_t i = 0; i < batch->row_count; i++) {
        const struct ps_bytes text = ((const struct ps_bytes *)batch->columns[0].values)[i];
        char digits[32] = "";
        int64_t record;
        ps_check(text.size < sizeof(digits));
        memcpy(digits, text.data, text.size);
        ps_check(ps_parse_integer(digits, &record) && record >= 0 && record < SINK_SUITE_RECORDS);
        times[record]++;
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
    for (int i = 0; i < SINK_SUITE_RECORDS; i++) {
        world->times[i] += sink->pending[i];
    }
    if (sink->batch_count == 0 && world->flaw == FLAW_SKIP_EMPTY) {
        return PENSTOCK_OK;
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
    .keeps_positions = true,
    .make = make_world,
    .destroy = destroy_world,
    .config = config_of_world,
    .count = count_records,
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
