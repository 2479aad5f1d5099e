/* SPDX-License-Identifier: Apache-2.0
 *
 * world.c - see world.h. The store and the sinks are arrays of counters: a record that arrives twice counts 2.
 */
#include "world.h"

#include "base/check.h"

const char *flaw_name(enum flaw flaw) {
    switch (flaw) {
    case FLAW_NONE: return "correct";
    case FLAW_ACKNOWLEDGE_EARLY: return "acknowledge early";
    case FLAW_ACKNOWLEDGE_LATE: return "acknowledge late";
    case FLAW_FORGET_POSITION: return "forget the position";
    case FLAW_PLAN_AGAIN: return "plan again";
    case FLAW_NO_FENCE: return "no fence";
    case FLAW_SPLIT_COMMIT: return "split commit";
    case FLAW_COUNT: break;
    }
    return "?";
}

uint64_t random_next(struct random *random) { /* splitmix64 */
    uint64_t value = random->state += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

int64_t random_below(struct random *random, int64_t limit) {
    return (int64_t)(random_next(random) % (uint64_t)limit);
}

void world_init(struct world *world, enum flaw flaw, size_t sink_count, uint64_t seed) {
    ps_check(sink_count <= SINK_COUNT);
    *world = (struct world){.flaw = flaw, .sink_count = sink_count, .random = {seed}};
    for (int i = 0; i < PARTITION_COUNT; i++) {
        world->available[i] = 1 + random_below(&world->random, 3);
    }
}

static const char *check_times(const int *times) {
    for (int i = 0; i < RECORD_COUNT; i++) {
        if (times[i] != 1) {
            return times[i] == 0 ? "lost" : "doubled";
        }
    }
    return NULL;
}

const char *world_check(const struct world *world) {
    const char *wrong = check_times(world->store.times);
    for (size_t i = 0; i < world->sink_count && wrong == NULL; i++) {
        wrong = check_times(world->sinks[i].times);
    }
    return wrong;
}

/* --- a sink of the contract -------------------------------------------------------------------------------- */

struct sink_config {
    struct world *world;
    size_t index;
};

struct sink_state {
    struct sink_config config;
    int pending[RECORD_COUNT];
};

static struct durable_sink *durable_of(const struct sink_state *sink) {
    return &sink->config.world->sinks[sink->config.index];
}

/* Only sink 1 breaks its promises: sink 0 beside it must stay right. */
static enum flaw flaw_of(const struct sink_state *sink) {
    return sink->config.index == 1 ? sink->config.world->flaw : FLAW_NONE;
}

static penstock_code sink_open(const struct ps_sink_setup *setup, const void *config, void **state_out,
                               struct penstock_error *error) {
    (void)setup;
    struct sink_state *sink = ps_allocate(1, sizeof *sink);
    if (sink == NULL) {
        return ps_error_memory(error, "a simulated sink");
    }
    memcpy(&sink->config, config, sizeof sink->config);
    *state_out = sink;
    return PENSTOCK_OK;
}

static penstock_code fence(const struct sink_state *sink, int64_t attempt, struct penstock_error *error) {
    if (attempt < durable_of(sink)->attempt && sink->config.world->flaw != FLAW_NO_FENCE) {
        return ps_error_set(error, PENSTOCK_FENCED, "attempt %lld is over", (long long)attempt);
    }
    return PENSTOCK_OK;
}

static penstock_code sink_recover(void *state, int64_t attempt, struct ps_epoch *epoch_out,
                                  struct ps_position_list *positions_out, struct penstock_error *error) {
    struct sink_state *sink = state;
    struct durable_sink *durable = durable_of(sink);
    PS_TRY(fence(sink, attempt, error));
    durable->attempt = attempt;
    *epoch_out = durable->last;
    for (int i = 0; i < PARTITION_COUNT; i++) {
        const char name[2] = {(char)('a' + i), '\0'};
        PS_TRY(ps_position_list_set(
            positions_out,
            &(struct ps_position){.partition = {name, i}, .offset = durable->positions[i], .state = ""},
            error));
    }
    return PENSTOCK_OK;
}

static penstock_code sink_begin(void *state, struct ps_epoch epoch, struct penstock_error *error) {
    struct sink_state *sink = state;
    memset(sink->pending, 0, sizeof sink->pending);
    PS_TRY(fence(sink, epoch.attempt, error));
    if (flaw_of(sink) == FLAW_ACKNOWLEDGE_EARLY) {
        durable_of(sink)->last = epoch;
    }
    return PENSTOCK_OK;
}

static penstock_code sink_write(void *state, const struct ps_batch *batch, struct penstock_error *error) {
    struct sink_state *sink = state;
    (void)error;
    int *times = flaw_of(sink) == FLAW_ACKNOWLEDGE_LATE ? durable_of(sink)->times : sink->pending;
    for (int64_t i = 0; i < batch->row_count; i++) {
        times[((const int64_t *)batch->columns[0].values)[i]]++;
    }
    return PENSTOCK_OK;
}

static penstock_code sink_commit(void *state, struct ps_epoch epoch, const struct ps_position_list *positions,
                                 struct penstock_error *error) {
    struct sink_state *sink = state;
    struct durable_sink *durable = durable_of(sink);
    PS_TRY(fence(sink, epoch.attempt, error));
    const bool is_there = durable->last.number >= epoch.number;
    if (is_there && flaw_of(sink) != FLAW_ACKNOWLEDGE_EARLY) {
        return PENSTOCK_OK;
    }
    for (int i = 0; i < RECORD_COUNT; i++) {
        durable->times[i] += sink->pending[i];
    }
    memset(sink->pending, 0, sizeof sink->pending);
    if (flaw_of(sink) != FLAW_FORGET_POSITION) {
        durable->last = epoch;
        for (size_t i = 0; i < positions->count; i++) {
            durable->positions[positions->items[i].partition.ordinal] = positions->items[i].offset;
        }
    }
    return PENSTOCK_OK;
}

static penstock_code sink_discard(void *state, struct penstock_error *error) {
    struct sink_state *sink = state;
    (void)error;
    memset(sink->pending, 0, sizeof sink->pending);
    return PENSTOCK_OK;
}

static void sink_close(void *state) {
    ps_release(state);
}

const struct ps_sink_type sink_type = {
    .name = "simulated",
    .summary = "counts records in memory",
    .config_size = sizeof(struct sink_config),
    .delivery = PS_DELIVERY_SAME_TRANSACTION,
    .open = sink_open,
    .recover = sink_recover,
    .begin = sink_begin,
    .write = sink_write,
    .commit = sink_commit,
    .discard = sink_discard,
    .close = sink_close,
};

/* --- a process --------------------------------------------------------------------------------------------- */

void process_start(struct process *process, struct world *world) {
    *process = (struct process){.world = world};
    for (size_t i = 0; i < world->sink_count; i++) {
        const struct sink_config config = {world, i};
        ps_check(ps_sink_open(&sink_type, &(struct ps_sink_setup){.name = "sim"}, &config, &process->sinks[i],
                              NULL) == PENSTOCK_OK);
    }
    process->action = ps_step_start(&process->step,
                                    (struct ps_step_options){.sink_count = world->sink_count, .once = true});
}

void process_stop(struct process *process) {
    for (size_t i = 0; i < SINK_COUNT; i++) {
        ps_sink_close(process->sinks[i]);
    }
    *process = (struct process){0};
}

static bool is_fenced(const struct process *process) {
    return process->step.epoch.attempt < process->world->store.attempt &&
           process->world->flaw != FLAW_NO_FENCE;
}

static struct ps_step_event recover_store(struct process *process) {
    struct world *world = process->world;
    if (world->store.is_half_committed) { /* the wrong store: rows are in, positions are not */
        world->store.is_half_committed = false;
    }
    world->store.attempt++;
    return (struct ps_step_event){.kind = PS_STEP_RECOVERED,
                                  .epoch = {world->store.epoch, world->store.attempt},
                                  .planned_epoch = world->store.plan_epoch};
}

static struct ps_step_event recover_sink(struct process *process, struct ps_step_action action) {
    struct ps_position_list positions;
    ps_check(ps_position_list_init(&positions, NULL) == PENSTOCK_OK);
    struct ps_epoch epoch = {0};
    const penstock_code code =
        ps_sink_recover(process->sinks[action.sink], action.epoch.attempt, &epoch, &positions, NULL);
    ps_position_list_done(&positions);
    return code == PENSTOCK_OK ? (struct ps_step_event){.kind = PS_STEP_RECOVERED, .epoch = epoch}
                               : (struct ps_step_event){.kind = PS_STEP_FAILED, .code = code};
}

/* The source grows while it is being read: planning twice does not give the same range. */
static struct ps_step_event plan(struct process *process) {
    struct world *world = process->world;
    int64_t left = 0;
    for (int i = 0; i < PARTITION_COUNT; i++) {
        left += PARTITION_SIZE - process->range.begin[i];
    }
    for (bool is_new = false; left > 0 && !is_new;) {
        for (int i = 0; i < PARTITION_COUNT; i++) {
            process->range.end[i] = world->available[i];
            is_new = is_new || process->range.end[i] > process->range.begin[i];
            const int64_t grown = world->available[i] + random_below(&world->random, 4);
            world->available[i] = grown < PARTITION_SIZE ? grown : PARTITION_SIZE;
        }
    }
    return (struct ps_step_event){.kind = left > 0 ? PS_STEP_PLANNED : PS_STEP_NOTHING};
}

static struct ps_step_event write_sink(struct process *process, size_t sink) {
    struct ps_column_schema column = {.name = "record", .type_text = "BIGINT", .type = PS_TYPE_BIGINT};
    const struct ps_schema schema = {&column, 1};
    struct ps_batch *batch PS_SCOPED(ps_batch_free_scoped) = NULL;
    ps_check(ps_batch_new(&schema, RECORD_COUNT, &batch, NULL) == PENSTOCK_OK);
    for (int i = 0; i < PARTITION_COUNT; i++) {
        for (int64_t at = process->range.begin[i]; at < process->range.end[i]; at++) {
            ps_check(ps_batch_begin_row(batch, NULL) == PENSTOCK_OK);
            ((int64_t *)batch->columns[0].values)[batch->row_count] = i * PARTITION_SIZE + at;
            ps_batch_end_row(batch, (struct ps_record){.offset = at});
        }
    }
    const penstock_code code = ps_sink_write(process->sinks[sink], batch, NULL);
    return (struct ps_step_event){.kind = code == PENSTOCK_OK ? PS_STEP_DONE : PS_STEP_FAILED, .code = code};
}

static struct ps_step_event commit_sink(struct process *process, struct ps_step_action action) {
    struct ps_position_list positions;
    ps_check(ps_position_list_init(&positions, NULL) == PENSTOCK_OK);
    for (int i = 0; i < PARTITION_COUNT; i++) {
        const char name[2] = {(char)('a' + i), '\0'};
        ps_check(
            ps_position_list_set(
                &positions,
                &(struct ps_position){.partition = {name, i}, .offset = process->range.end[i], .state = ""},
                NULL) == PENSTOCK_OK);
    }
    const penstock_code code = ps_sink_commit(process->sinks[action.sink], action.epoch, &positions, NULL);
    ps_position_list_done(&positions);
    return (struct ps_step_event){.kind = code == PENSTOCK_OK ? PS_STEP_DONE : PS_STEP_FAILED, .code = code};
}

static struct ps_step_event commit_store(struct process *process, struct ps_step_action action) {
    struct world *world = process->world;
    if (is_fenced(process)) {
        return (struct ps_step_event){.kind = PS_STEP_FAILED, .code = PENSTOCK_FENCED};
    }
    for (int i = 0; i < PARTITION_COUNT; i++) {
        for (int64_t at = process->range.begin[i]; at < process->range.end[i]; at++) {
            world->store.times[i * PARTITION_SIZE + at]++;
        }
    }
    if (world->flaw == FLAW_SPLIT_COMMIT) { /* the positions follow with the next action, in release */
        world->store.is_half_committed = true;
        return (struct ps_step_event){.kind = PS_STEP_DONE};
    }
    memcpy(world->store.positions, process->range.end, sizeof world->store.positions);
    world->store.epoch = action.epoch.number;
    return (struct ps_step_event){.kind = PS_STEP_DONE};
}

static struct ps_step_event release(struct process *process, struct ps_step_action action) {
    struct world *world = process->world;
    if (world->store.is_half_committed) {
        memcpy(world->store.positions, process->range.end, sizeof world->store.positions);
        world->store.epoch = action.epoch.number;
        world->store.is_half_committed = false;
    }
    memcpy(process->range.begin, process->range.end, sizeof process->range.begin);
    return (struct ps_step_event){.kind = PS_STEP_DONE};
}

static struct ps_step_event save_plan(struct process *process, struct ps_step_action action) {
    if (is_fenced(process)) {
        return (struct ps_step_event){.kind = PS_STEP_FAILED, .code = PENSTOCK_FENCED};
    }
    process->world->store.plan_epoch = action.epoch.number;
    process->world->store.plan = process->range;
    return (struct ps_step_event){.kind = PS_STEP_DONE};
}

static struct ps_step_event load_plan(struct process *process) {
    if (process->world->flaw == FLAW_PLAN_AGAIN) {
        const struct ps_step_event event = plan(process);
        ps_check(event.kind == PS_STEP_PLANNED);
    } else {
        process->range = process->world->store.plan;
    }
    return (struct ps_step_event){.kind = PS_STEP_DONE};
}

struct ps_step_event process_act(struct process *process) {
    const struct ps_step_action action = process->action;
    penstock_code code = PENSTOCK_OK;
    switch (action.kind) {
    case PS_STEP_RECOVER_STORE: return recover_store(process);
    case PS_STEP_RECOVER_SINK: return recover_sink(process, action);
    case PS_STEP_SEEK:
        memcpy(process->range.begin, process->world->store.positions, sizeof process->range.begin);
        break;
    case PS_STEP_PLAN: return plan(process);
    case PS_STEP_LOAD_PLAN: return load_plan(process);
    case PS_STEP_SAVE_PLAN: return save_plan(process, action);
    case PS_STEP_BEGIN_STORE: process->is_writing = true; break;
    case PS_STEP_WRITE_STORE: ps_check(process->is_writing); break;
    case PS_STEP_DISCARD_STORE: process->is_writing = false; break;
    case PS_STEP_BEGIN_SINK: code = ps_sink_begin(process->sinks[action.sink], action.epoch, NULL); break;
    case PS_STEP_WRITE_SINK: return write_sink(process, action.sink);
    case PS_STEP_COMMIT_SINK: return commit_sink(process, action);
    case PS_STEP_DISCARD_SINK: code = ps_sink_discard(process->sinks[action.sink], NULL); break;
    case PS_STEP_COMMIT_STORE: return commit_store(process, action);
    case PS_STEP_RELEASE: return release(process, action);
    case PS_STEP_WAIT:
    case PS_STEP_END: break;
    }
    return (struct ps_step_event){.kind = code == PENSTOCK_OK ? PS_STEP_DONE : PS_STEP_FAILED, .code = code};
}
