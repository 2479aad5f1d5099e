/* SPDX-License-Identifier: Apache-2.0
 *
 * blocks.c - the pipeline of threads behind a scan.
 *
 * The caller fills a block from chunks and pushes it to the workers; when no block is free it waits for a
 * finished one. Finished blocks wait in their slot until all before them are merged. Since at most slot_count
 * blocks exist, block b always lands in a slot that block b - slot_count has left.
 */
#include "model/blocks.h"

#include "base/check.h"

struct ps_shared_chunk {
    struct ps_chunk *chunk;
    atomic_int reference_count;
};

static void drop_chunk(struct ps_shared_chunk *shared) {
    if (shared != NULL && atomic_fetch_sub_explicit(&shared->reference_count, 1, memory_order_acq_rel) == 1) {
        ps_chunk_free(shared->chunk);
        ps_release(shared);
    }
}

struct worker {
    struct runner *runner;
    struct ps_thread thread;
    size_t index;
};

struct runner {
    const struct ps_block_job *job;
    struct ps_block *blocks;
    bool *is_finished; /* per slot */
    size_t slot_count;
    struct ps_queue *todo, *done;
    struct worker *workers;
    size_t worker_count; /* that are started */
    int64_t next_block;  /* to be filled */
    int64_t merged_count;
    int64_t row_count;
};

size_t ps_block_slot_count(size_t worker_count) {
    return worker_count <= 1 ? 1 : 2 * worker_count + 2;
}

static void release_block(struct ps_block *block) {
    for (size_t i = 0; i < block->slice_count; i++) {
        drop_chunk(block->slices[i].shared);
    }
    block->slice_count = 0;
    block->row_count = 0;
}

static void *run_worker(void *argument) {
    struct worker *worker = argument;
    struct runner *runner = worker->runner;
    for (;;) {
        struct ps_block *block = ps_queue_pop(runner->todo);
        if (block == NULL) {
            return NULL;
        }
        block->code = runner->job->work(runner->job->context, worker->index, block, &block->error);
        if (!ps_queue_push(runner->done, block)) {
            return NULL;
        }
    }
}

static penstock_code merge_ready(struct runner *runner, struct penstock_error *error) {
    for (;;) {
        const size_t slot = (size_t)runner->merged_count % runner->slot_count;
        if (runner->merged_count >= runner->next_block || !runner->is_finished[slot]) {
            return PENSTOCK_OK;
        }
        struct ps_block *block = &runner->blocks[slot];
        runner->is_finished[slot] = false;
        runner->merged_count++;
        if (block->code != PENSTOCK_OK) {
            if (error != NULL) {
                *error = block->error;
            }
            return block->code;
        }
        PS_TRY(runner->job->merge(runner->job->context, block, error));
        release_block(block);
    }
}

static void take_finished(struct runner *runner, bool waits) {
    struct ps_block *block = waits ? ps_queue_pop(runner->done) : ps_queue_poll(runner->done);
    while (block != NULL) {
        runner->is_finished[block->slot] = true;
        block = ps_queue_poll(runner->done);
    }
}

/* The block that is being filled; waits until its slot is free. */
static penstock_code open_block(struct runner *runner, struct ps_block **block_out,
                                struct penstock_error *error) {
    take_finished(runner, false);
    PS_TRY(merge_ready(runner, error));
    while (runner->next_block - runner->merged_count >= (int64_t)runner->slot_count) {
        take_finished(runner, true);
        PS_TRY(merge_ready(runner, error));
    }
    struct ps_block *block = &runner->blocks[(size_t)runner->next_block % runner->slot_count];
    ps_check(block->slice_count == 0);
    block->index = runner->next_block;
    block->first_row = runner->row_count;
    *block_out = block;
    return PENSTOCK_OK;
}

static penstock_code submit(struct runner *runner, struct ps_block *block, struct penstock_error *error) {
    const struct ps_block_job *job = runner->job;
    if (ps_stop_requested(job->stop)) {
        return ps_error_set(error, PENSTOCK_CANCELLED, "stopped while reading the training rows");
    }
    if (job->prepare != NULL) {
        PS_TRY(job->prepare(job->context, block, error));
    }
    runner->next_block++;
    if (runner->worker_count > 0) {
        ps_check(ps_queue_push(runner->todo, block));
        return PENSTOCK_OK;
    }
    block->code = job->work(job->context, 0, block, &block->error);
    runner->is_finished[block->slot] = true;
    return merge_ready(runner, error);
}

static penstock_code add_slice(struct ps_block *block, struct ps_shared_chunk *shared, int64_t begin,
                               int64_t count, struct penstock_error *error) {
    PS_TRY(ps_grow((void **)&block->slices, &block->slice_capacity, block->slice_count + 1,
                   sizeof *block->slices, error));
    atomic_fetch_add_explicit(&shared->reference_count, 1, memory_order_relaxed);
    block->slices[block->slice_count++] = (struct ps_slice){shared, shared->chunk, begin, count};
    block->row_count += count;
    return PENSTOCK_OK;
}

static penstock_code share(struct ps_chunk *chunk, struct ps_shared_chunk **shared_out,
                           struct penstock_error *error) {
    struct ps_shared_chunk *shared = ps_allocate(1, sizeof *shared);
    if (shared == NULL) {
        ps_chunk_free(chunk);
        return ps_error_memory(error, "a chunk of rows");
    }
    shared->chunk = chunk;
    atomic_init(&shared->reference_count, 1);
    *shared_out = shared;
    return PENSTOCK_OK;
}

/* Cuts one chunk into the block at hand and those after it. */
static penstock_code cut(struct runner *runner, struct ps_shared_chunk *shared, struct ps_block **block,
                         struct penstock_error *error) {
    const int64_t count = ps_chunk_row_count(shared->chunk);
    int64_t begin = 0;
    while (begin < count) {
        if (*block == NULL) {
            PS_TRY(open_block(runner, block, error));
        }
        const int64_t room = runner->job->block_rows - (*block)->row_count;
        const int64_t some = count - begin < room ? count - begin : room;
        PS_TRY(add_slice(*block, shared, begin, some, error));
        begin += some;
        runner->row_count += some;
        if ((*block)->row_count == runner->job->block_rows) {
            struct ps_block *full = *block;
            *block = NULL;
            PS_TRY(submit(runner, full, error));
        }
    }
    return PENSTOCK_OK;
}

static penstock_code feed(struct runner *runner, struct ps_scan *scan, struct penstock_error *error) {
    struct ps_block *block = NULL;
    for (;;) {
        struct ps_chunk *chunk = NULL;
        PS_TRY(ps_scan_next(scan, &chunk, error));
        if (chunk == NULL) {
            break;
        }
        struct ps_shared_chunk *shared = NULL;
        PS_TRY(share(chunk, &shared, error));
        const penstock_code code = cut(runner, shared, &block, error);
        drop_chunk(shared);
        PS_TRY(code);
    }
    if (block != NULL) {
        PS_TRY(submit(runner, block, error));
    }
    while (runner->merged_count < runner->next_block) {
        take_finished(runner, true);
        PS_TRY(merge_ready(runner, error));
    }
    return PENSTOCK_OK;
}

static penstock_code start(struct runner *runner, struct penstock_error *error) {
    const size_t worker_count = runner->job->worker_count;
    runner->slot_count = ps_block_slot_count(worker_count);
    runner->blocks = ps_allocate(runner->slot_count, sizeof *runner->blocks);
    runner->is_finished = ps_allocate(runner->slot_count, sizeof(bool));
    runner->workers = ps_allocate(worker_count + 1, sizeof *runner->workers);
    runner->todo = ps_queue_new(runner->slot_count + 1);
    runner->done = ps_queue_new(runner->slot_count + 1);
    if (runner->blocks == NULL || runner->is_finished == NULL || runner->workers == NULL ||
        runner->todo == NULL || runner->done == NULL) {
        return ps_error_memory(error, "blocks of rows");
    }
    for (size_t i = 0; i < runner->slot_count; i++) {
        runner->blocks[i].slot = i;
    }
    for (size_t i = 0; worker_count > 1 && i < worker_count; i++) {
        struct worker *worker = &runner->workers[i];
        *worker = (struct worker){.runner = runner, .index = i};
        PS_TRY(ps_thread_start(&worker->thread, "ps-model", run_worker, worker, error));
        runner->worker_count++;
    }
    return PENSTOCK_OK;
}

static void stop(struct runner *runner) {
    if (runner->todo != NULL) {
        ps_queue_close(runner->todo);
    }
    for (size_t i = 0; i < runner->worker_count; i++) {
        ps_thread_join(&runner->workers[i].thread);
    }
    for (size_t i = 0; runner->blocks != NULL && i < runner->slot_count; i++) {
        release_block(&runner->blocks[i]);
        ps_release(runner->blocks[i].slices);
    }
    ps_queue_free(runner->todo);
    ps_queue_free(runner->done);
    ps_release(runner->blocks);
    ps_release(runner->is_finished);
    ps_release(runner->workers);
}

penstock_code ps_blocks_run(const struct ps_block_job *job, struct ps_scan *scan, int64_t *task_count_out,
                            struct penstock_error *error) {
    struct runner runner = {.job = job};
    penstock_code code = start(&runner, error);
    if (code == PENSTOCK_OK) {
        code = feed(&runner, scan, error);
    }
    *task_count_out = runner.merged_count;
    stop(&runner);
    return code;
}
