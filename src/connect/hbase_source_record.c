/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_source_record.c - rows become records, records become slices, and slices records again.
 *
 * Of a row the cells that were given before are left out. With one version the rest is one record; with more, the
 * cells of each timestamp are one, oldest first. A slice is a block of records that stands for itself: for each its
 * size, its timestamp and its cells as they came over the wire. It is read as it is: after a crash from the saved
 * plan, which may be the only place where the cells still are.
 */
#include "base/check.h"
#include "connect/hbase_source.h"

/* Of a record: 4 bytes for the size of its cells, 8 for the newest timestamp. */
#define HEAD_SIZE 12
/* In front of a cell's row are its length, those of key and value, and the row's. */
#define CELL_HEAD_SIZE 14
/* Of a slice: a row of more, which no answer can hold by default, is one too many. */
#define BLOCK_SIZE_MAX ((size_t)1 << 30)

/* --- cells that were given ----------------------------------------------------------------------------------- */

/* Can none of the row's cells be met again, or have been met? So it is with nearly all of a first pass. */
static bool is_settled(const struct ps_hbase_stand *stand, const struct ps_hbase_row *row,
                       int64_t remembered_from) {
    bool is_settled = stand->seen.count == 0;
    for (size_t i = 0; i < row->cell_count && is_settled; i++) {
        is_settled = row->cells[i].timestamp < remembered_from;
    }
    return is_settled;
}

/* Leaves the first cells of source->cells that can be given: all, and then they are remembered as far as they may be
 * met again; or, where that would be too many to remember, those that will not be. The next pass has the others: for
 * most of them the overlap is over then. A row's cells of one time are never parted. */
static penstock_code remember(struct ps_hbase_source *source, struct ps_hbase_stand *stand,
                              int64_t remembered_from, size_t *count, struct penstock_error *error) {
    size_t late_count = 0, kept = 0;
    for (size_t i = 0; i < *count; i++) {
        late_count += source->cells[i].timestamp >= remembered_from ? 1 : 0;
    }
    const bool is_too_much = stand->seen.count + late_count > PS_HBASE_SEEN_COUNT_MAX;
    for (size_t i = 0; i < *count; i++) {
        const bool is_late = source->cells[i].timestamp >= remembered_from;
        if (is_late && is_too_much) {
            stand->is_held_back = true;
            continue;
        }
        if (is_late) {
            const struct ps_hbase_seen_cell seen = ps_hbase_seen_of(&source->cells[i]);
            PS_TRY(ps_hbase_seen_add(&stand->seen, &seen, error));
        }
        source->cells[kept++] = source->cells[i];
    }
    *count = kept;
    return PENSTOCK_OK;
}

/* The row's cells that were not given before: the row's own, or in source->cells. They are given now. */
static penstock_code sift(struct ps_hbase_source *source, struct ps_hbase_part *part,
                          const struct ps_hbase_row *row, const struct ps_hbase_cell **cells_out,
                          size_t *count_out, struct penstock_error *error) {
    struct ps_hbase_stand *const stand = &part->stand;
    const int64_t remembered_from = source->words.is_snapshot ? INT64_MAX : stand->since;
    *cells_out = row->cells;
    *count_out = row->cell_count;
    if (is_settled(stand, row, remembered_from)) {
        return PENSTOCK_OK;
    }
    void *cells = source->cells;
    const penstock_code grown =
        ps_grow(&cells, &source->cell_capacity, row->cell_count, sizeof *source->cells, error);
    source->cells = cells;
    PS_TRY(grown);
    size_t count = 0;
    for (size_t i = 0; i < row->cell_count; i++) {
        const struct ps_hbase_seen_cell seen = ps_hbase_seen_of(&row->cells[i]);
        if (!ps_hbase_seen_has(&stand->seen, &seen)) {
            source->cells[count++] = row->cells[i];
        }
    }
    PS_TRY(remember(source, stand, remembered_from, &count, error));
    *cells_out = source->cells;
    *count_out = count;
    return PENSTOCK_OK;
}

penstock_code ps_hbase_meet_row(struct ps_hbase_source *source, struct ps_hbase_part *part,
                                const struct ps_hbase_row *row, bool *is_new_out,
                                struct penstock_error *error) {
    const struct ps_hbase_cell *cells = NULL;
    size_t count = 0;
    PS_TRY(sift(source, part, row, &cells, &count, error));
    *is_new_out = count > 0;
    return PENSTOCK_OK;
}

/* --- a slice's block ------------------------------------------------------------------------------------------ */

/* Does the cell lie in its answer exactly as it is written into a block, without tags? */
static bool is_plain(const struct ps_hbase_cell *cell) {
    const char *const start = cell->row.data - CELL_HEAD_SIZE, *const end =
                                                                   cell->value.data + cell->value.size;
    return ps_hbase_read_u32(start) == (size_t)(end - start) - 4;
}

/* Cells that lie one behind the other are copied at once. */
static void add_scanned(struct ps_buffer *block, const struct ps_hbase_cell *cells, size_t count) {
    for (size_t i = 0; i < count;) {
        if (!is_plain(&cells[i])) {
            ps_hbase_cell_add(block, &cells[i++]);
            continue;
        }
        const char *const start = cells[i].row.data - CELL_HEAD_SIZE;
        const char *end = cells[i].value.data + cells[i].value.size;
        for (i++; i < count && cells[i].row.data - CELL_HEAD_SIZE == end && is_plain(&cells[i]); i++) {
            end = cells[i].value.data + cells[i].value.size;
        }
        ps_buffer_add(block, start, (size_t)(end - start));
    }
}

static size_t size_of(const struct ps_hbase_cell *cells, size_t count) {
    size_t size = HEAD_SIZE;
    for (size_t i = 0; i < count; i++) {
        size += CELL_HEAD_SIZE + 10 + cells[i].row.size + cells[i].family.size + cells[i].qualifier.size +
                cells[i].value.size;
    }
    return size;
}

penstock_code ps_hbase_take_cells(struct ps_hbase_taking *taking, struct ps_hbase_part *part,
                                  const struct ps_hbase_cell *cells, size_t count, bool is_scanned,
                                  struct penstock_error *error) {
    ps_check(count > 0);
    struct ps_buffer *const block = &part->block;
    const size_t size = size_of(cells, count);
    if (size > UINT32_MAX / 2) {
        return ps_error_set(error, PENSTOCK_UNSUPPORTED, "%s: a row of %zu bytes is too large to be read",
                            part->name, size);
    }
    if (block->size > 0 && block->size + size > (size_t)taking->slice_size) {
        PS_TRY(ps_hbase_close_slice(taking, part, error));
    }
    if (block->size == 0) {
        ps_buffer_init(block, BLOCK_SIZE_MAX);
        ps_buffer_reserve(block, part->block_size); /* as large as the last one */
        part->block_begin = part->offset;
    }
    int64_t newest = cells[0].timestamp;
    for (size_t i = 1; i < count; i++) {
        newest = cells[i].timestamp > newest ? cells[i].timestamp : newest;
    }
    const size_t start = block->size;
    char head[HEAD_SIZE] = {0};
    memcpy(head + 4, &newest, sizeof newest);
    ps_buffer_add(block, head, sizeof head);
    if (is_scanned) {
        add_scanned(block, cells, count);
    } else {
        for (size_t i = 0; i < count; i++) {
            ps_hbase_cell_add(block, &cells[i]);
        }
    }
    PS_TRY(ps_buffer_status(block, error));
    const uint32_t written = (uint32_t)(block->size - start - HEAD_SIZE);
    memcpy(block->data + start, &written, sizeof written);
    part->offset++;
    taking->count++;
    taking->size += (int64_t)(block->size - start);
    return PENSTOCK_OK;
}

penstock_code ps_hbase_close_slice(struct ps_hbase_taking *taking, struct ps_hbase_part *part,
                                   struct penstock_error *error) {
    struct ps_hbase_source *const source = taking->source;
    if (part->block.size == 0) {
        return PENSTOCK_OK;
    }
    void *slices = source->slices;
    const penstock_code grown =
        ps_grow(&slices, &source->slice_capacity, source->slice_count + 1, sizeof *source->slices, error);
    source->slices = slices;
    PS_TRY(grown);
    struct ps_buffer *const block = &part->block;
    if (!ps_arena_adopt(taking->range->arena, block->data, block->capacity)) {
        return ps_error_memory(error, "the records of an epoch");
    }
    source->slices[source->slice_count++] = (struct ps_hbase_slice){
        .part = part, .begin = part->block_begin, .end = part->offset, .kept = {block->data, block->size}};
    part->block_size = block->size;
    block->data = NULL; /* it is the range's */
    ps_buffer_done(block);
    return PENSTOCK_OK;
}

/* --- a row of several versions --------------------------------------------------------------------------------- */

static int compare_cells(const void *left, const void *right) {
    const struct ps_hbase_cell *const a = left, *const b = right;
    if (a->timestamp != b->timestamp) {
        return a->timestamp < b->timestamp ? -1 : 1;
    }
    const int family = ps_hbase_compare(a->family, b->family);
    return family != 0 ? family : ps_hbase_compare(a->qualifier, b->qualifier);
}

/* The cells in the order of their timestamps, in source->cells. */
static penstock_code sort_cells(struct ps_hbase_source *source, const struct ps_hbase_cell *cells,
                                size_t count, struct penstock_error *error) {
    if (cells != source->cells) {
        void *own = source->cells;
        const penstock_code grown = ps_grow(&own, &source->cell_capacity, count, sizeof *cells, error);
        source->cells = own;
        PS_TRY(grown);
        memcpy(source->cells, cells, count * sizeof *cells);
    }
    qsort(source->cells, count, sizeof *source->cells, compare_cells);
    return PENSTOCK_OK;
}

penstock_code ps_hbase_take_row(struct ps_hbase_taking *taking, struct ps_hbase_part *part,
                                const struct ps_hbase_row *row, struct penstock_error *error) {
    struct ps_hbase_source *const source = taking->source;
    const struct ps_hbase_cell *cells = NULL;
    size_t count = 0;
    PS_TRY(sift(source, part, row, &cells, &count, error));
    if (source->words.versions == 1 || count < 2) {
        return count > 0 ? ps_hbase_take_cells(taking, part, cells, count, true, error) : PENSTOCK_OK;
    }
    PS_TRY(sort_cells(source, cells, count, error));
    for (size_t i = 0; i < count;) {
        size_t end = i + 1;
        while (end < count && source->cells[end].timestamp == source->cells[i].timestamp) {
            end++;
        }
        PS_TRY(ps_hbase_take_cells(taking, part, &source->cells[i], end - i, true, error));
        i = end;
    }
    return PENSTOCK_OK;
}

/* --- back ------------------------------------------------------------------------------------------------------- */

static penstock_code damaged(const struct ps_slice *slice, struct penstock_error *error) {
    return ps_error_set(error, PENSTOCK_INVALID_DATA, "%s: the records that were kept of it cannot be read",
                        slice->partition.name);
}

penstock_code ps_hbase_read_kept(const struct ps_slice *slice, struct ps_raw *raw_out,
                                 struct penstock_error *error) {
    const char *at = slice->kept.data, *const end = at != NULL ? at + slice->kept.size : NULL;
    const uint64_t count = (uint64_t)slice->end - (uint64_t)slice->begin;
    if (at == NULL || count > slice->kept.size / HEAD_SIZE) {
        return damaged(slice, error);
    }
    raw_out->messages = ps_allocate((size_t)count, sizeof *raw_out->messages);
    if (raw_out->messages == NULL) {
        return ps_error_memory(error, "the records of an epoch");
    }
    for (size_t i = 0; i < (size_t)count; i++) {
        struct ps_message *const message = &raw_out->messages[i];
        struct ps_hbase_cell first;
        uint32_t size = 0;
        if ((size_t)(end - at) < HEAD_SIZE) {
            return damaged(slice, error);
        }
        memcpy(&size, at, sizeof size);
        memcpy(&message->timestamp_ms, at + 4, sizeof message->timestamp_ms);
        at += HEAD_SIZE;
        if (size > (size_t)(end - at)) {
            return damaged(slice, error);
        }
        struct ps_hbase_cell_reader reader = ps_hbase_cell_begin((struct ps_bytes){at, size});
        if (!ps_hbase_cell_next(&reader, &first)) {
            return damaged(slice, error);
        }
        message->value = (struct ps_bytes){at, size};
        message->key = first.row;
        message->offset = slice->begin + (int64_t)i;
        at += size;
    }
    raw_out->message_count = (size_t)count;
    raw_out->size = slice->kept.size;
    return at == end ? PENSTOCK_OK : damaged(slice, error);
}
