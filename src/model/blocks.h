/* SPDX-License-Identifier: Apache-2.0
 *
 * blocks.h - an ordered scan cut into fixed blocks of rows, worked on by several threads, put together in order.
 *
 * Block b is rows b * block_rows .. of the query, however DuckDB cuts its chunks and however many threads there
 * are. The caller's thread takes the chunks, prepares each block and merges finished blocks in order; workers do
 * what lies between. Nothing is shared: a block has one owner at a time. At most `slot_count` blocks are under
 * way, which bounds memory.
 */
#ifndef PS_MODEL_BLOCKS_H
#define PS_MODEL_BLOCKS_H

#include "base/thread.h"
#include "sql/scan.h"

/* Rows begin .. begin + count of a chunk; several blocks may hold one chunk. */
struct ps_slice {
    struct ps_shared_chunk *shared;
    const struct ps_chunk *chunk;
    int64_t begin, count;
};

struct ps_block {
    int64_t index, first_row, row_count;
    struct ps_slice *slices;
    size_t slice_count, slice_capacity;
    size_t slot; /* 0 .. slot_count - 1: results are kept per slot */
    penstock_code code;
    struct penstock_error error;
};

struct ps_block_job {
    void *context;
    int64_t block_rows;
    size_t worker_count; /* 0 or 1: everything happens in the caller's thread */
    const struct ps_stop *stop;
    /* The caller's thread, blocks in order. May be NULL. */
    penstock_code (*prepare)(void *context, struct ps_block *block, struct penstock_error *error);
    /* A worker's thread, any order. `worker` counts from 0. */
    penstock_code (*work)(void *context, size_t worker, struct ps_block *block, struct penstock_error *error);
    /* The caller's thread, blocks in order. */
    penstock_code (*merge)(void *context, struct ps_block *block, struct penstock_error *error);
};
/* Blocks under way at most. */
size_t ps_block_slot_count(size_t worker_count);

/* Runs the scan to its end. The first error in block order is returned. *task_count_out: blocks. */
penstock_code ps_blocks_run(const struct ps_block_job *job, struct ps_scan *scan, int64_t *task_count_out,
                            struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
