/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.c - the second scan: packed rows that stay.
 *
 * Every block has a fixed place, so that workers write without asking anybody: what its left-out rows leave empty
 * are pages that are never touched. Labels are packed without their pilot, so that a class stays a whole number.
 * The temporary file has lost its name before the first byte is written: whatever ends the process removes it.
 */
#include "model/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/random.h"

/* A line of the cache: panels share none. */
enum { ALIGNMENT = 64 };

struct collector {
    const struct ps_tally_options *options;
    struct ps_packing packing;
    struct ps_packer *packers; /* per worker */
    size_t worker_count;
    uint16_t **parts; /* per slot */
    size_t slot_count;
    double *pilots; /* the tally's; 0 for the label */
    struct ps_random random;
    struct ps_rows *rows;
    size_t block_size; /* bytes of one block's panels at most */
};

static size_t round_up(size_t size) {
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Bytes of a panel, and where its arrays begin. */
struct panel_plan {
    size_t stride, labels, weights, values, indexes, size;
};

static struct panel_plan plan_panel(const struct ps_layout *layout, size_t row_count, bool has_weights) {
    const struct ps_gram_shape *shape = &layout->shape;
    struct panel_plan plan = {.stride = round_up(row_count * sizeof(double)) / sizeof(double)};
    plan.labels = layout->label * plan.stride * sizeof(double);
    plan.weights = plan.labels + plan.stride * sizeof(double);
    plan.values = plan.weights + (has_weights ? plan.stride * sizeof(double) : 0);
    plan.indexes = plan.values + (shape->has_values ? shape->group_count * plan.stride * sizeof(double) : 0);
    plan.size = plan.indexes + round_up(shape->group_count * plan.stride * sizeof(int32_t));
    return plan;
}

/* All rows of the block in one part, and a line of the cache more for each array of each other part. */
static size_t block_size(const struct ps_layout *layout, size_t block_rows, size_t part_count,
                         bool has_weights) {
    const size_t arrays = layout->label + 2 + 2 * layout->shape.group_count + 1;
    return plan_panel(layout, block_rows, has_weights).size + part_count * arrays * ALIGNMENT;
}

static penstock_code map_file(struct ps_rows *rows, const char *folder, struct penstock_error *error) {
    const int file = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    int descriptor = file;
    if (file < 0) { /* a file system without O_TMPFILE */
        char path[4096];
        (void)snprintf(path, sizeof path, "%s/penstock-rows-XXXXXX", folder);
        descriptor = mkostemp(path, O_CLOEXEC);
        if (descriptor < 0) {
            return ps_error_errno(error, errno, "a temporary file of training rows in %s", folder);
        }
        (void)unlink(path);
    }
    /* space is asked for now: a full disk would be a signal later */
    const int status = posix_fallocate(descriptor, 0, (off_t)rows->memory_size);
    void *memory = status != 0
                       ? MAP_FAILED
                       : mmap(NULL, rows->memory_size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    const int cause = status != 0 ? status : errno;
    (void)close(descriptor);
    if (memory == MAP_FAILED) {
        return ps_error_errno(error, cause, "%zu MiB of training rows in %s", rows->memory_size >> 20,
                              folder);
    }
    rows->memory = memory;
    rows->is_mapped = true;
    return PENSTOCK_OK;
}

static penstock_code reserve(struct collector *collector, const char *folder, struct penstock_error *error) {
    struct ps_rows *rows = collector->rows;
    if (__builtin_mul_overflow(rows->block_count + 1, collector->block_size, &rows->memory_size)) {
        return ps_error_memory(error, "training rows");
    }
    rows->panels = ps_allocate(rows->block_count * rows->part_count + 1, sizeof *rows->panels);
    if (rows->panels == NULL) {
        return ps_error_memory(error, "training rows");
    }
    const int64_t allowed = collector->options->memory_max / 2;
    if (allowed > 0 && rows->memory_size > (size_t)allowed) {
        return map_file(rows, folder, error);
    }
    rows->memory = ps_allocate(rows->memory_size, 1);
    return rows->memory == NULL ? ps_error_memory(error, "training rows") : PENSTOCK_OK;
}

static penstock_code prepare(void *context, struct ps_block *block, struct penstock_error *error) {
    struct collector *collector = context;
    if (collector->options->validation->fold_column == NULL) {
        ps_validation_draw(collector->options->validation, &collector->random, collector->parts[block->slot],
                           block->row_count);
    }
    if (block->index >= (int64_t)collector->rows->block_count) {
        return ps_error_set(error, PENSTOCK_INTERNAL, "the second scan has more rows than the first");
    }
    return PENSTOCK_OK;
}

static void keep_panel(const struct ps_layout *layout, const struct ps_panel *packed, char *memory,
                       struct ps_row_panel *panel) {
    const struct panel_plan plan = plan_panel(layout, packed->row_count, packed->weights != NULL);
    const size_t count = packed->row_count;
    double *columns = (double *)(void *)memory;
    double *labels = (double *)(void *)(memory + plan.labels);
    double *values = (double *)(void *)(memory + plan.values);
    double *weights = (double *)(void *)(memory + plan.weights);
    int32_t *indexes = (int32_t *)(void *)(memory + plan.indexes);
    for (size_t c = 0; c < layout->label; c++) {
        memcpy(columns + c * plan.stride, packed->columns + (1 + c) * packed->stride, count * sizeof(double));
    }
    memcpy(labels, packed->columns + (1 + layout->label) * packed->stride, count * sizeof(double));
    if (packed->weights != NULL) {
        memcpy(weights, packed->weights, count * sizeof(double));
    }
    for (size_t g = 0; g < layout->shape.group_count; g++) {
        memcpy(indexes + g * plan.stride, packed->indexes + g * packed->stride, count * sizeof(int32_t));
        if (packed->values != NULL) {
            memcpy(values + g * plan.stride, packed->values + g * packed->stride, count * sizeof(double));
        }
    }
    *panel = (struct ps_row_panel){.columns = columns,
                                   .indexes = indexes,
                                   .values = packed->values == NULL ? NULL : values,
                                   .labels = labels,
                                   .weights = packed->weights == NULL ? NULL : weights,
                                   .stride = plan.stride,
                                   .row_count = count};
}

static penstock_code work(void *context, size_t worker, struct ps_block *block,
                          struct penstock_error *error) {
    struct collector *collector = context;
    struct ps_rows *rows = collector->rows;
    struct ps_packer *packer = &collector->packers[worker];
    PS_TRY(ps_packer_pack(packer, block, collector->parts[block->slot], collector->pilots, error));
    const size_t index = (size_t)block->index;
    char *memory = (char *)rows->memory + index * collector->block_size;
    for (size_t p = 0; p < rows->part_count; p++) {
        const struct ps_panel packed = ps_packer_panel(packer, p);
        keep_panel(rows->layout, &packed, memory, &rows->panels[index * rows->part_count + p]);
        memory += plan_panel(rows->layout, packed.row_count, packed.weights != NULL).size;
    }
    return PENSTOCK_OK;
}

static penstock_code merge(void *context, struct ps_block *block, struct penstock_error *error) {
    (void)error;
    struct collector *collector = context;
    struct ps_rows *rows = collector->rows;
    for (size_t p = 0; p < rows->part_count; p++) {
        rows->row_count += (int64_t)rows->panels[(size_t)block->index * rows->part_count + p].row_count;
    }
    return PENSTOCK_OK;
}

static penstock_code allocate(struct collector *collector, const struct ps_tally *tally,
                              struct penstock_error *error) {
    const struct ps_layout *layout = collector->options->layout;
    collector->packers = ps_allocate(collector->worker_count, sizeof *collector->packers);
    collector->parts = ps_allocate(collector->slot_count, sizeof *collector->parts);
    collector->pilots = ps_allocate(layout->shape.dense_count, sizeof(double));
    if (collector->packers == NULL || collector->parts == NULL || collector->pilots == NULL) {
        return ps_error_memory(error, "training rows");
    }
    memcpy(collector->pilots, tally->pilots, layout->label * sizeof(double));
    for (size_t i = 0; i < collector->worker_count; i++) {
        PS_TRY(ps_packer_init(&collector->packers[i], &collector->packing, error));
    }
    for (size_t i = 0; i < collector->slot_count; i++) {
        collector->parts[i] = ps_allocate((size_t)collector->packing.block_rows, sizeof(uint16_t));
        if (collector->parts[i] == NULL) {
            return ps_error_memory(error, "training rows");
        }
    }
    return PENSTOCK_OK;
}

static void release(struct collector *collector) {
    for (size_t i = 0; collector->packers != NULL && i < collector->worker_count; i++) {
        ps_packer_done(&collector->packers[i]);
    }
    for (size_t i = 0; collector->parts != NULL && i < collector->slot_count; i++) {
        ps_release(collector->parts[i]);
    }
    ps_release(collector->packers);
    ps_release(collector->parts);
    ps_release(collector->pilots);
}

static penstock_code collect(struct collector *collector, const struct ps_tally *tally, struct ps_scan *scan,
                             struct penstock_error *error) {
    const struct ps_block_job job = {
        .context = collector,
        .block_rows = collector->packing.block_rows,
        .worker_count = collector->options->worker_count,
        .stop = collector->options->stop,
        .prepare = prepare,
        .work = work,
        .merge = merge,
    };
    int64_t task_count = 0;
    PS_TRY(ps_blocks_run(&job, scan, &task_count, error));
    if (collector->rows->row_count != tally->used_count) {
        return ps_error_set(error, PENSTOCK_INTERNAL,
                            "the second scan has %lld usable rows, the first had %lld",
                            (long long)collector->rows->row_count, (long long)tally->used_count);
    }
    return PENSTOCK_OK;
}

penstock_code ps_rows_collect(const struct ps_tally_options *options, const struct ps_tally *tally,
                              const char *folder, struct ps_scan *scan, struct ps_rows **rows_out,
                              struct penstock_error *error) {
    struct collector collector = {.options = options};
    collector.packing = ps_packing_of(options->pipeline, options->layout, options->validation);
    collector.worker_count = options->worker_count > 1 ? options->worker_count : 1;
    collector.slot_count = ps_block_slot_count(options->worker_count);
    const size_t block_rows = (size_t)collector.packing.block_rows;
    collector.block_size =
        block_size(options->layout, block_rows, tally->part_count, collector.packing.weight_column != NULL);
    ps_random_init(&collector.random, options->validation->seed);
    collector.rows = ps_allocate(1, sizeof *collector.rows);
    if (collector.rows == NULL) {
        return ps_error_memory(error, "training rows");
    }
    *collector.rows = (struct ps_rows){
        .layout = options->layout,
        .pilots = tally->pilots,
        .part_count = tally->part_count,
        .block_count = ((size_t)tally->row_count + block_rows - 1) / block_rows,
    };
    penstock_code code = allocate(&collector, tally, error);
    if (code == PENSTOCK_OK) {
        code = reserve(&collector, folder, error);
    }
    if (code == PENSTOCK_OK) {
        code = collect(&collector, tally, scan, error);
    }
    release(&collector);
    if (code != PENSTOCK_OK) {
        ps_rows_free(collector.rows);
        return code;
    }
    *rows_out = collector.rows;
    return PENSTOCK_OK;
}

void ps_rows_free(struct ps_rows *rows) {
    if (rows == NULL) {
        return;
    }
    if (rows->is_mapped) {
        (void)munmap(rows->memory, rows->memory_size);
    } else {
        ps_release(rows->memory);
    }
    ps_release(rows->panels);
    ps_release(rows);
}
