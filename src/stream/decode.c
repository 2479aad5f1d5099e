/* SPDX-License-Identifier: Apache-2.0
 *
 * decode.c - the reader thread and the task slots; see ahead.h.
 *
 * The order of records does not depend on which slot was faster: every slice has its place in the epoch's
 * array of tasks. An error is kept in its task; the runner takes the first in record order.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "stream/ahead.h"

/* One task is enough work to be worth handing over, and small enough that all slots have some. */
#define SLICE_SIZE ((int64_t)4 << 20)
/* Slices read but not yet decoded, per slot: the reader waits beyond it. */
#define WAITING_PER_SLOT 2
#define LAG_INTERVAL_NS INT64_C(1000000000)
/* Committed epochs that the reader has not told its sources yet: the runner is at most two ahead of it. */
#define COMMITTED_COUNT 8
/* Pause before a slice is decoded once more, when what that takes (a schema registry) is away. */
#define AGAIN_MS 200

struct ps_ahead {
    struct ps_run *run;
    bool once;
    bool is_asked;
    atomic_bool is_stopping;
    struct ps_queue *orders, *tasks, *ready, *committed;
    _Atomic int64_t *lags; /* per input; written by the reader */
    int64_t lag_ns;        /* when; the reader's */
    struct ps_thread reader;
    struct ps_thread *slots;
    size_t slot_count;
};

/* --- an epoch in preparation ------------------------------------------------------------------------------------ */

static void free_tasks(struct ps_prepared *prepared) {
    for (size_t i = 0; i < prepared->task_count; i++) {
        ps_raw_done(&prepared->tasks[i].raw);
        ps_batch_free(prepared->tasks[i].batch);
        ps_release(prepared->tasks[i].error);
    }
    ps_release(prepared->tasks);
    prepared->tasks = NULL;
    prepared->task_count = 0;
}

void ps_prepared_free(struct ps_prepared *prepared) {
    if (prepared == NULL) {
        return;
    }
    free_tasks(prepared);
    for (size_t i = 0; i < prepared->input_count && prepared->ranges != NULL; i++) {
        ps_range_free(prepared->ranges[i]);
    }
    ps_release(prepared->ranges);
    ps_release(prepared);
}

/* One holder less; the last one makes it ready. */
static void let_go(struct ps_prepared *prepared) {
    if (atomic_fetch_sub(&prepared->open_count, 1) == 1) {
        struct ps_queue *ready = prepared->ready;
        ps_check(ps_queue_push(ready, prepared));
    }
}

/* Keeps an error in its task; without memory for it the code must do. */
static void keep_error(struct ps_task *task, penstock_code code, const struct penstock_error *error) {
    task->code = code;
    task->error = ps_allocate(1, sizeof *task->error);
    if (task->error != NULL) {
        *task->error = *error;
    }
}

/* A stream waits for what comes back by itself; a run over what is there ends with its error. */
static void decode(const struct ps_ahead *ahead, struct ps_task *task) {
    if (task->code != PENSTOCK_OK || task->raw.relation != NULL) {
        return;
    }
    struct penstock_error error;
    const struct ps_source_setup *setup = &ahead->run->inputs[task->input].setup;
    const int64_t start = ps_clock_monotonic_ns();
    penstock_code code = ps_decode(setup, task->slice, &task->raw, &task->batch, &error);
    while (code != PENSTOCK_OK && error.remedy == PENSTOCK_RETRY && !ahead->once &&
           !atomic_load(&ahead->is_stopping)) {
        ps_clock_sleep_ms(AGAIN_MS);
        code = ps_decode(setup, task->slice, &task->raw, &task->batch, &error);
    }
    if (code != PENSTOCK_OK) {
        keep_error(task, code, &error);
    }
    task->duration_ns = ps_clock_monotonic_ns() - start;
}

static void *run_slot(void *argument) {
    struct ps_ahead *ahead = argument;
    for (struct ps_task *task = ps_queue_pop(ahead->tasks); task != NULL; task = ps_queue_pop(ahead->tasks)) {
        struct ps_prepared *prepared = task->epoch;
        decode(ahead, task);
        let_go(prepared);
    }
    return NULL;
}

/* --- the reader -------------------------------------------------------------------------------------------------- */

/* Asking costs a look at every file: once a second is often enough for a person. */
static void look_at_lags(struct ps_ahead *ahead) {
    const int64_t now_ns = ps_clock_monotonic_ns();
    if (ahead->lags == NULL || (ahead->lag_ns != 0 && now_ns - ahead->lag_ns < LAG_INTERVAL_NS)) {
        return;
    }
    ahead->lag_ns = now_ns;
    for (size_t i = 0; i < ahead->run->input_count; i++) {
        if (ahead->run->inputs[i].is_used) {
            atomic_store(&ahead->lags[i], ps_source_lag(ahead->run->inputs[i].source));
        }
    }
}

int64_t ps_ahead_lag(const struct ps_ahead *ahead, size_t input) {
    return ahead == NULL || ahead->lags == NULL ? -1 : atomic_load(&ahead->lags[input]);
}

/* One source after the other. The first may wait for records until the epoch's interval is over; as soon as there are
 * some, the others only look. */
static penstock_code plan_sources(struct ps_ahead *ahead, struct ps_prepared *prepared) {
    const struct ps_manifest *manifest = &ahead->run->project->manifest;
    struct ps_epoch_limits limits = {.record_count_max = manifest->epoch_rows,
                                     .byte_count_max = manifest->epoch_bytes,
                                     .slice_size = SLICE_SIZE,
                                     .is_once = ahead->once,
                                     .deadline_ns =
                                         ps_clock_monotonic_ns() + manifest->epoch_interval_ms * 1000000,
                                     .stop = ahead->run->options != NULL ? ahead->run->options->stop : NULL};
    prepared->ranges = ps_allocate(prepared->input_count + 1, sizeof(struct ps_range *));
    if (prepared->ranges == NULL) {
        return ps_error_memory(&prepared->error, "an epoch");
    }
    for (size_t i = 0; i < prepared->input_count; i++) {
        if (ahead->run->inputs[i].is_used) {
            PS_TRY(ps_source_plan(ahead->run->inputs[i].source, &limits, &prepared->ranges[i],
                                  &prepared->error));
            if (prepared->ranges[i] != NULL && !ahead->once) {
                limits.deadline_ns = 0;
            }
        }
    }
    look_at_lags(ahead);
    return PENSTOCK_OK;
}

static penstock_code restore_sources(struct ps_ahead *ahead, struct ps_prepared *prepared) {
    for (size_t i = 0; i < prepared->input_count; i++) {
        if (prepared->ranges[i] != NULL) {
            PS_TRY(ps_source_restore(ahead->run->inputs[i].source, prepared->ranges[i], &prepared->error));
        }
    }
    return PENSTOCK_OK;
}

static penstock_code plan(struct ps_ahead *ahead, struct ps_prepared *prepared) {
    struct penstock_error *error = &prepared->error;
    PS_TRY(prepared->is_restored ? restore_sources(ahead, prepared) : plan_sources(ahead, prepared));
    for (size_t i = 0; i < prepared->input_count; i++) {
        if (prepared->ranges[i] != NULL) {
            prepared->task_count += prepared->ranges[i]->slice_count;
            prepared->byte_count += prepared->ranges[i]->byte_count;
            prepared->is_empty = false;
        }
    }
    const size_t count = prepared->task_count;
    prepared->tasks = ps_allocate(count + 1, sizeof(struct ps_task));
    if (prepared->tasks == NULL) {
        prepared->task_count = 0;
        return ps_error_memory(error, "an epoch");
    }
    size_t at = 0;
    for (size_t i = 0; i < prepared->input_count; i++) {
        for (size_t j = 0; prepared->ranges[i] != NULL && j < prepared->ranges[i]->slice_count; j++) {
            prepared->tasks[at++] =
                (struct ps_task){.epoch = prepared, .input = i, .slice = &prepared->ranges[i]->slices[j]};
        }
    }
    return PENSTOCK_OK;
}

static void read_slices(struct ps_ahead *ahead, struct ps_prepared *prepared) {
    for (size_t i = 0; i < prepared->task_count; i++) {
        struct ps_task *task = &prepared->tasks[i];
        struct penstock_error error;
        const penstock_code code =
            ps_source_read(ahead->run->inputs[task->input].source, task->slice, &task->raw, &error);
        task->byte_count =
            task->raw.messages != NULL ? (int64_t)task->raw.size : task->slice->end - task->slice->begin;
        if (code != PENSTOCK_OK) {
            keep_error(task, code, &error);
            return; /* what comes after it is of no use */
        }
        atomic_fetch_add(&prepared->open_count, 1);
        if (!ps_queue_push(ahead->tasks, task)) {
            let_go(prepared);
            return;
        }
    }
}

/* Epochs that were committed since the last order. */
static void tell_committed(struct ps_ahead *ahead) {
    for (struct ps_prepared *done = ps_queue_poll(ahead->committed); done != NULL;
         done = ps_queue_poll(ahead->committed)) {
        for (size_t i = 0; i < done->input_count && done->ranges != NULL; i++) {
            if (done->ranges[i] != NULL) {
                ps_source_committed(ahead->run->inputs[i].source, done->ranges[i]);
            }
        }
        ps_prepared_free(done);
    }
}

/* The first one that has something to say; the others are asked after the next plan. */
static void take_notice(struct ps_ahead *ahead, struct ps_prepared *prepared) {
    for (size_t i = 0; i < prepared->input_count; i++) {
        if (ahead->run->inputs[i].is_used && ps_source_notice(ahead->run->inputs[i].source, prepared->notice,
                                                              sizeof prepared->notice) != NULL) {
            return;
        }
    }
}

static void *run_reader(void *argument) {
    struct ps_ahead *ahead = argument;
    for (struct ps_prepared *prepared = ps_queue_pop(ahead->orders); prepared != NULL;
         prepared = ps_queue_pop(ahead->orders)) {
        tell_committed(ahead);
        prepared->code = plan(ahead, prepared);
        take_notice(ahead, prepared);
        if (prepared->code == PENSTOCK_OK) {
            read_slices(ahead, prepared);
        }
        let_go(prepared);
    }
    return NULL;
}

/* --- start and stop ---------------------------------------------------------------------------------------------- */

static penstock_code start(struct ps_ahead *ahead, struct penstock_error *error) {
    const int64_t cores = ahead->run->project->core_count;
    ahead->slot_count = (size_t)(cores < 1 ? 1 : cores > PS_LIMIT_CORE_COUNT ? PS_LIMIT_CORE_COUNT : cores);
    ahead->orders = ps_queue_new(2);
    ahead->tasks = ps_queue_new(ahead->slot_count * WAITING_PER_SLOT);
    ahead->ready = ps_queue_new(2);
    ahead->committed = ps_queue_new(COMMITTED_COUNT);
    ahead->slots = ps_allocate(ahead->slot_count, sizeof *ahead->slots);
    ahead->lags = ps_allocate(ahead->run->input_count + 1, sizeof *ahead->lags);
    if (ahead->orders == NULL || ahead->tasks == NULL || ahead->ready == NULL || ahead->committed == NULL ||
        ahead->slots == NULL || ahead->lags == NULL) {
        return ps_error_memory(error, "the read-ahead");
    }
    for (size_t i = 0; i < ahead->run->input_count; i++) {
        atomic_init(&ahead->lags[i], -1);
    }
    for (size_t i = 0; i < ahead->slot_count; i++) {
        char name[32];
        snprintf(name, sizeof name, "task %zu", i);
        PS_TRY(ps_thread_start(&ahead->slots[i], name, run_slot, ahead, error));
    }
    return ps_thread_start(&ahead->reader, "reader", run_reader, ahead, error);
}

penstock_code ps_ahead_start(struct ps_run *run, bool once, struct ps_ahead **ahead_out,
                             struct penstock_error *error) {
    struct ps_ahead *ahead = ps_allocate(1, sizeof *ahead);
    if (ahead == NULL) {
        return ps_error_memory(error, "the read-ahead");
    }
    ahead->run = run;
    ahead->once = once;
    const penstock_code code = start(ahead, error);
    if (code != PENSTOCK_OK) {
        ps_ahead_stop(ahead);
        return code;
    }
    *ahead_out = ahead;
    return PENSTOCK_OK;
}

static struct ps_prepared *new_order(const struct ps_ahead *ahead) {
    struct ps_prepared *prepared = ps_allocate(1, sizeof *prepared);
    if (prepared != NULL) {
        prepared->input_count = ahead->run->input_count;
        prepared->is_empty = true;
        prepared->ready = ahead->ready;
        atomic_init(&prepared->open_count, 1); /* the reader */
    }
    return prepared;
}

void ps_ahead_ask(struct ps_ahead *ahead) {
    struct ps_prepared *prepared = ahead->is_asked ? NULL : new_order(ahead);
    if (prepared == NULL) {
        return; /* without memory: polling asks again */
    }
    ahead->is_asked = true;
    ps_check(ps_queue_push(ahead->orders, prepared));
}

penstock_code ps_ahead_restore(struct ps_ahead *ahead, struct ps_range **ranges,
                               struct penstock_error *error) {
    ps_check(!ahead->is_asked);
    struct ps_prepared *prepared = new_order(ahead);
    if (prepared == NULL) {
        return ps_error_memory(error, "an epoch");
    }
    prepared->ranges = ranges;
    prepared->is_restored = true;
    ahead->is_asked = true;
    ps_check(ps_queue_push(ahead->orders, prepared));
    return PENSTOCK_OK;
}

void ps_ahead_committed(struct ps_ahead *ahead, struct ps_prepared *prepared) {
    free_tasks(prepared); /* only the ranges are wanted any more */
    ps_check(ps_queue_push(ahead->committed, prepared));
}

bool ps_ahead_waits(const struct ps_ahead *ahead) {
    for (size_t i = 0; i < ahead->run->input_count; i++) {
        const struct ps_input *input = &ahead->run->inputs[i];
        const struct ps_source_type *type =
            input->is_used ? ps_source_type_find(input->statement->connector) : NULL;
        if (type != NULL && type->is_sparse) {
            return true;
        }
    }
    return false;
}

struct ps_prepared *ps_ahead_poll(struct ps_ahead *ahead) {
    ps_ahead_ask(ahead);
    struct ps_prepared *prepared = ahead->is_asked ? ps_queue_poll(ahead->ready) : NULL;
    ahead->is_asked = ahead->is_asked && prepared == NULL;
    return prepared;
}

void ps_ahead_stop(struct ps_ahead *ahead) {
    if (ahead == NULL) {
        return;
    }
    atomic_store(&ahead->is_stopping, true);
    if (ahead->is_asked) {
        ps_prepared_free(ps_queue_pop(ahead->ready));
    }
    if (ahead->orders != NULL) {
        ps_queue_close(ahead->orders);
    }
    ps_thread_join(&ahead->reader);
    if (ahead->committed != NULL) {
        tell_committed(ahead); /* the reader is gone: the sources are ours again */
    }
    if (ahead->tasks != NULL) {
        ps_queue_close(ahead->tasks);
    }
    for (size_t i = 0; i < ahead->slot_count && ahead->slots != NULL; i++) {
        ps_thread_join(&ahead->slots[i]);
    }
    ps_queue_free(ahead->orders);
    ps_queue_free(ahead->tasks);
    ps_queue_free(ahead->ready);
    ps_queue_free(ahead->committed);
    ps_release(ahead->slots);
    ps_release((void *)(uintptr_t)ahead->lags);
    ps_release(ahead);
}
