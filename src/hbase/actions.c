/* SPDX-License-Identifier: Apache-2.0
 *
 * actions.c - many actions: by region and server, in rounds.
 *
 * A round takes what is not yet done, looks up the regions, makes one call for each server, sends all calls and then
 * reads the answers. What a region refused waits for the next round.
 */
#include "hbase/actions.h"

#include <stdio.h>

#include "hbase/mutate.h"
#include "hbase/region.h"

/* Bytes of one call: what a server takes without a thought; more go in further rounds. */
#define CALL_SIZE_MAX ((size_t)8 << 20)

/* What is known of one action. */
struct part {
    struct ps_hbase_region *region; /* NULL: to be looked up */
    size_t index;                   /* of the action */
    bool is_done, is_sent;
};

/* One call of a round: parts begin to end, in regions that start at starts[0 .. region_count). */
struct call {
    size_t begin, end, region_count;
    size_t *starts;
    struct ps_hbase_ticket ticket;
};

struct batch {
    struct ps_hbase *client;
    const struct ps_hbase_actions *actions;
    struct part *parts; /* in the order of servers and regions, else as given */
    struct call *calls;
    size_t *starts;
    size_t call_count;
    size_t
        call_count_max; /* actions of one call: less than their owner wants after answers that were too large */
    int64_t attempts;
    struct ps_hbase_fault fault; /* the worst of the round */
    struct penstock_error problem;
    bool has_problem;
};

static struct ps_bytes row_of(const struct batch *batch, size_t part) {
    return batch->actions->row(batch->actions->context, batch->parts[part].index);
}

static void take_problem(struct batch *batch, const struct ps_hbase_fault *fault,
                         const struct penstock_error *problem) {
    if (!batch->has_problem || batch->fault.cure != PS_HBASE_CURE_NONE) {
        batch->fault = *fault;
        batch->problem = *problem;
        batch->has_problem = true;
    }
}

static int compare_parts(const void *left_pointer, const void *right_pointer) {
    const struct part *const left = left_pointer, *const right = right_pointer;
    if (left->region != right->region) {
        if (left->region == NULL || right->region == NULL) { /* those that are done come last */
            return (left->region == NULL) - (right->region == NULL);
        }
        int order = strcmp(left->region->server.host, right->region->server.host);
        order = order != 0 ? order : (int)left->region->server.port - (int)right->region->server.port;
        order = order != 0 ? order : ps_hbase_compare(left->region->name, right->region->name);
        if (order != 0) {
            return order;
        }
    }
    return left->index < right->index ? -1 : 1;
}

static penstock_code locate_all(struct batch *batch, struct ps_hbase_fault *fault,
                                struct penstock_error *error) {
    for (size_t i = 0; i < batch->actions->count; i++) {
        struct part *const part = &batch->parts[i];
        if (!part->is_done && part->region == NULL) {
            PS_TRY(ps_hbase_locate(batch->client, batch->actions->table, row_of(batch, i), &part->region,
                                   fault, error));
        }
    }
    qsort(batch->parts, batch->actions->count, sizeof *batch->parts, compare_parts);
    return PENSTOCK_OK;
}

/* The parts from `begin` on that are of one region, `count_max` at most, as one RegionAction. Returns where they
 * end. */
static size_t add_region(struct batch *batch, size_t begin, size_t count_max, struct ps_buffer *message,
                         struct ps_buffer *cells) {
    const struct ps_hbase_actions *const actions = batch->actions;
    struct ps_buffer action PS_SCOPED(ps_buffer_done) = {.data = NULL};
    const struct ps_bytes name = batch->parts[begin].region->name;
    ps_buffer_init(&action, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_hbase_add_region_specifier(&action, 1, name);
    size_t at = begin;
    while (at < actions->count && batch->parts[at].region != NULL &&
           ps_bytes_equal(batch->parts[at].region->name, name) &&
           (at == begin ||
            (at - begin < count_max && cells->size + message->size + action.size < CALL_SIZE_MAX))) {
        actions->add(actions->context, batch->parts[at].index, (uint32_t)(at - begin), &action, cells);
        batch->parts[at++].is_sent = true;
    }
    ps_proto_add_message(message, 1, &action);
    return at;
}

/* One call to the server of the part at `begin`. What is too much for it waits for the next round, so that the
 * actions of one row are carried out in their order. *next_out: the first part of another server. */
static penstock_code send_call(struct batch *batch, size_t begin, size_t *next_out,
                               struct ps_hbase_fault *fault, struct penstock_error *error) {
    const struct ps_hbase_actions *const actions = batch->actions;
    struct ps_buffer message PS_SCOPED(ps_buffer_done) = {.data = NULL},
                             cells PS_SCOPED(ps_buffer_done) = {.data = NULL};
    struct call *const call = &batch->calls[batch->call_count];
    const struct ps_hbase_address *const server = &batch->parts[begin].region->server;
    const size_t wanted =
        actions->call_count_max == NULL ? SIZE_MAX : actions->call_count_max(actions->context);
    const size_t count_max = wanted < batch->call_count_max ? wanted : batch->call_count_max;
    ps_buffer_init(&message, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_buffer_init(&cells, PS_HBASE_CELLS_SIZE_MAX);
    *call = (struct call){.begin = begin, .end = begin, .starts = batch->starts + begin};
    size_t next = begin;
    while (next < actions->count && batch->parts[next].region != NULL &&
           ps_hbase_address_equal(&batch->parts[next].region->server, server)) {
        const size_t count = next - begin;
        if (next == call->end &&
            (next == begin || (count < count_max && cells.size + message.size < CALL_SIZE_MAX))) {
            call->starts[call->region_count++] = next;
            call->end = next = add_region(batch, next, count_max - count, &message, &cells);
        } else {
            next++;
        }
    }
    *next_out = next;
    PS_TRY(ps_buffer_status(&message, error));
    PS_TRY(ps_buffer_status(&cells, error));
    PS_TRY(ps_hbase_send(batch->client, server, PS_HBASE_CLIENT_SERVICE, "Multi", &message, &cells,
                         &call->ticket, fault, error));
    batch->call_count++;
    return PENSTOCK_OK;
}

static void forget_region(struct batch *batch, struct part *part, int64_t attempts,
                          struct ps_hbase_fault *fault, struct penstock_error *problem) {
    (void)ps_hbase_mislocated(batch->client, part->region, attempts, fault, problem);
    ps_hbase_region_release(part->region);
    part->region = NULL;
}

static void refuse(struct batch *batch, size_t index, const struct ps_hbase_exception *exception) {
    struct part *const part = &batch->parts[index];
    struct ps_hbase_fault fault;
    struct penstock_error problem = {0};
    char server[PS_HBASE_HOST_SIZE + 8];
    snprintf(server, sizeof server, "%s:%u", part->region->server.host, (unsigned)part->region->server.port);
    (void)ps_hbase_fault_set(exception, server, &fault, &problem);
    if (fault.cure == PS_HBASE_CURE_NONE) {
        struct ps_buffer row PS_SCOPED(ps_buffer_done) = {.data = NULL};
        ps_buffer_init(&row, (size_t)4 * PS_HBASE_ROW_SIZE_MAX + 1);
        ps_hbase_show(&row, row_of(batch, index));
        (void)ps_error_context(&problem, "row \"%.200s\"", row.data == NULL ? "" : row.data);
    } else if (fault.cure == PS_HBASE_CURE_RELOCATE) {
        forget_region(batch, part, batch->has_problem ? 0 : batch->attempts, &fault, &problem);
    }
    take_problem(batch, &fault, &problem);
}

struct reading {
    struct batch *batch;
    const struct call *call;
    penstock_code code; /* the first of what `take` said */
    struct penstock_error *error;
};

/* What does not belong to the call says so by `code`: behind it nothing can be attributed to a row. */
static void take_result(struct reading *reading, size_t index, const struct ps_hbase_multi_result *result) {
    const struct ps_hbase_actions *const actions = reading->batch->actions;
    struct part *const part = &reading->batch->parts[index];
    if (!part->is_sent || part->is_done || part->region == NULL) {
        reading->code = ps_error_set(reading->error, PENSTOCK_INVALID_DATA,
                                     "HBase speaks twice of one row in its answer to %s", actions->word);
        return;
    }
    if (actions->take != NULL) {
        reading->code = actions->take(actions->context, part->index, result->result, reading->error);
    }
    part->is_done = reading->code == PENSTOCK_OK;
}

static void visit_part(const struct ps_hbase_multi_result *result, void *context) {
    struct reading *const reading = context;
    const struct call *const call = reading->call;
    if (result->region_index >= call->region_count || reading->code != PENSTOCK_OK) {
        return;
    }
    const size_t start = call->starts[result->region_index];
    const size_t end =
        result->region_index + 1 < call->region_count ? call->starts[result->region_index + 1] : call->end;
    const bool is_whole = result->action_index == SIZE_MAX;
    if (!is_whole && !result->has_exception) {
        if (result->action_index < end - start) {
            take_result(reading, start + result->action_index, result);
        }
        return;
    }
    for (size_t i = start; i < end && result->has_exception; i++) {
        const struct part *const part = &reading->batch->parts[i];
        if ((is_whole || i - start == result->action_index) && part->is_sent && !part->is_done &&
            part->region != NULL) {
            refuse(reading->batch, i, &result->exception);
        }
    }
}

static penstock_code read_answer(struct batch *batch, const struct call *call, struct ps_hbase_answer *answer,
                                 struct penstock_error *error) {
    const struct ps_hbase_actions *const actions = batch->actions;
    struct reading reading = {.batch = batch, .call = call, .code = PENSTOCK_OK, .error = error};
    if (actions->begin != NULL) {
        PS_TRY(actions->begin(actions->context, answer, error));
    }
    if (!ps_hbase_multi_parse(answer->message, visit_part, &reading)) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "HBase answers %s with what cannot be read",
                            actions->word);
    }
    return reading.code;
}

/* The answer to a call is larger than is taken: half as many at once, down to one. */
static void ask_for_less(struct batch *batch, const struct call *call, struct ps_hbase_fault *fault,
                         struct penstock_error *problem) {
    const size_t count = call->end - call->begin;
    if (count > 1) {
        batch->call_count_max = count / 2 < batch->call_count_max ? count / 2 : batch->call_count_max;
        fault->cure = PS_HBASE_CURE_AGAIN;
    } else {
        (void)ps_hbase_row_too_large(batch->client, batch->actions->table, row_of(batch, call->begin), fault,
                                     problem);
    }
}

static void read_call(struct batch *batch, const struct call *call) {
    struct ps_hbase_answer answer PS_SCOPED(ps_hbase_answer_done) = {.frame = {.data = NULL}};
    struct ps_hbase_fault fault;
    struct penstock_error problem = {0};
    if (ps_hbase_receive(batch->client, &call->ticket, &answer, &fault, &problem) != PENSTOCK_OK) {
        for (size_t i = call->begin; i < call->end && fault.cure == PS_HBASE_CURE_RELOCATE; i++) {
            forget_region(batch, &batch->parts[i], i == call->begin ? batch->attempts : 0, &fault, &problem);
        }
        if (fault.too_large > 0) {
            ask_for_less(batch, call, &fault, &problem);
        }
        take_problem(batch, &fault, &problem);
    } else if (read_answer(batch, call, &answer, &problem) != PENSTOCK_OK) {
        fault.cure = PS_HBASE_CURE_NONE;
        take_problem(batch, &fault, &problem);
    }
}

/* One attempt at all that is not yet done. */
static void play_round(struct batch *batch) {
    struct ps_hbase_fault fault = {.cure = PS_HBASE_CURE_NONE};
    struct penstock_error problem = {0};
    batch->call_count = 0;
    batch->has_problem = false;
    penstock_code code = locate_all(batch, &fault, &problem);
    if (code != PENSTOCK_OK) {
        take_problem(batch, &fault, &problem);
        return;
    }
    for (size_t at = 0; at < batch->actions->count && batch->parts[at].region != NULL;) {
        const size_t begin = at;
        code = send_call(batch, begin, &at, &fault, &problem);
        if (code != PENSTOCK_OK) {
            if (fault.cure == PS_HBASE_CURE_RELOCATE) {
                for (size_t i = begin; i < at; i++) {
                    forget_region(batch, &batch->parts[i], 0, &fault, &problem);
                }
            }
            take_problem(batch, &fault, &problem);
        }
    }
    for (size_t i = 0; i < batch->call_count; i++) {
        read_call(batch, &batch->calls[i]);
    }
}

/* Takes what is done out of the way. Returns how many are left. */
static size_t end_round(struct batch *batch) {
    size_t left = 0;
    for (size_t i = 0; i < batch->actions->count; i++) {
        struct part *const part = &batch->parts[i];
        part->is_sent = false;
        if (part->is_done) {
            ps_hbase_region_release(part->region);
            part->region = NULL;
        } else {
            left++;
        }
    }
    return left;
}

static penstock_code play(struct batch *batch, struct penstock_error *error) {
    struct ps_hbase_retry retry = ps_hbase_retry_begin(batch->client);
    size_t left = batch->actions->count;
    while (left > 0) {
        batch->attempts = retry.attempts;
        play_round(batch);
        const size_t before = left;
        left = end_round(batch);
        if (left < before) {
            ps_hbase_retry_progress(&retry);
        } else if (!batch->has_problem) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA, "HBase does not say what became of %s",
                                batch->actions->word);
        }
        if (left > 0 && batch->has_problem) {
            *error = batch->problem;
            PS_TRY(ps_hbase_retry_wait(&retry, &batch->fault, error));
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_hbase_act(struct ps_hbase *client, const struct ps_hbase_actions *actions,
                           struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct batch batch = {.client = client, .actions = actions, .call_count_max = SIZE_MAX};
    if (arena != NULL) {
        batch.parts = ps_arena_allocate(arena, actions->count + 1, sizeof *batch.parts);
        batch.calls = ps_arena_allocate(arena, actions->count + 1, sizeof *batch.calls);
        batch.starts = ps_arena_allocate(arena, actions->count + 1, sizeof *batch.starts);
    }
    if (batch.parts == NULL || batch.calls == NULL || batch.starts == NULL) {
        return ps_error_memory(error, "calls to HBase");
    }
    for (size_t i = 0; i < actions->count; i++) {
        batch.parts[i].index = i;
    }
    const penstock_code code = play(&batch, error);
    for (size_t i = 0; i < actions->count; i++) {
        ps_hbase_region_release(batch.parts[i].region);
    }
    return code;
}
