/* SPDX-License-Identifier: Apache-2.0
 *
 * locate.c - positions for a human who moves a source: its beginning, its end, a time, an offset.
 *
 * A broker is asked. Of files only planning knows where records begin: the end is where planning on from the
 * committed positions stops, an offset is good if planning from the beginning comes by there. Nothing is read
 * into tables, but the files' bytes are looked at for the borders of their records.
 */
#include "connect/source.h"

#include <inttypes.h>

/* As much as a source hands over at once: plans are made of slices of any size below it. */
#define PLAN_SIZE ((int64_t)1 << 40)
#define SLICE_SIZE ((int64_t)4 << 20)

static void range_free_scoped(struct ps_range **range) {
    ps_range_free(*range);
}

static penstock_code add_all(const struct ps_position_list *from, struct ps_position_list *list,
                             struct penstock_error *error) {
    for (size_t i = 0; i < from->count; i++) {
        PS_TRY(ps_position_list_set(list, &from->items[i], error));
    }
    return PENSTOCK_OK;
}

/* The ends of all plans from `start` on. */
static penstock_code plan_to_end(struct ps_source *source, const struct ps_position_list *start,
                                 struct ps_position_list *found, struct penstock_error *error) {
    const struct ps_epoch_limits limits = {
        .record_count_max = INT64_MAX, .byte_count_max = PLAN_SIZE, .slice_size = SLICE_SIZE};
    PS_TRY(add_all(start, found, error));
    PS_TRY(ps_source_seek(source, start, error));
    for (;;) {
        struct ps_range *range PS_SCOPED(range_free_scoped) = NULL;
        PS_TRY(ps_source_plan(source, &limits, &range, error));
        if (range == NULL) {
            return PENSTOCK_OK;
        }
        for (size_t i = 0; i < range->end_count; i++) {
            PS_TRY(ps_position_list_set(found, &range->ends[i], error));
        }
    }
}

static penstock_code locate_by_plan(struct ps_source *source, enum ps_place place,
                                    const struct ps_position_list *committed, struct ps_position_list *found,
                                    struct penstock_error *error) {
    if (place == PS_PLACE_LATEST) {
        return plan_to_end(source, committed, found, error);
    }
    if (place != PS_PLACE_EARLIEST) {
        (void)ps_error_set(error, PENSTOCK_UNSUPPORTED, "records of this source have no time of their own");
        return ps_error_hint(error, "move it to earliest, to latest, or to an offset: 'data/a.ndjson=0'");
    }
    for (size_t i = 0; i < committed->count; i++) { /* what is not known yet begins at its beginning anyway */
        const struct ps_position first = {.partition = committed->items[i].partition, .state = ""};
        PS_TRY(ps_position_list_set(found, &first, error));
    }
    return PENSTOCK_OK;
}

penstock_code ps_source_locate(struct ps_source *source, enum ps_place place, int64_t time_ms,
                               const struct ps_position_list *committed, struct ps_position_list *found_out,
                               struct penstock_error *error) {
    struct penstock_error local = {0};
    struct penstock_error *where = error == NULL ? &local : error;
    const penstock_code code = ps_source_ask_place(source, place, time_ms, committed, found_out, where);
    if (code != PENSTOCK_UNSUPPORTED) {
        return code;
    }
    ps_error_clear(where);
    return locate_by_plan(source, place, committed, found_out, where);
}

/* --- one offset -------------------------------------------------------------------------------------------- */

static penstock_code unknown_partition(const char *partition, const struct ps_position_list *known,
                                       struct penstock_error *error) {
    const char *names[64] = {NULL};
    for (size_t i = 0; i < known->count && i < 63; i++) {
        names[i] = known->items[i].partition.name;
    }
    const char *nearest = ps_nearest(partition, names);
    (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "the source has no partition '%s'", partition);
    return nearest != NULL ? ps_error_hint(error, "did you mean '%s'?", nearest)
                           : ps_error_hint(error, "penstock offsets show lists the partitions");
}

static penstock_code outside(const char *partition, int64_t offset, int64_t first, int64_t end,
                             struct penstock_error *error) {
    return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT,
                        "%s=%" PRId64 " is not there: the partition has %" PRId64 " to %" PRId64, partition,
                        offset, first, end);
}

/* A broker's offsets: any between its first and its end. */
static penstock_code locate_sparse(struct ps_source *source, const char *partition, int64_t offset,
                                   const struct ps_position_list *committed, struct ps_position_list *found,
                                   struct penstock_error *error) {
    struct ps_position_list first, end;
    PS_TRY(ps_position_list_init(&first, error));
    penstock_code code = ps_position_list_init(&end, error);
    if (code != PENSTOCK_OK) {
        ps_position_list_done(&first);
        return code;
    }
    code = ps_source_ask_place(source, PS_PLACE_EARLIEST, 0, committed, &first, error);
    if (code == PENSTOCK_OK) {
        code = ps_source_ask_place(source, PS_PLACE_LATEST, 0, committed, &end, error);
    }
    if (code == PENSTOCK_OK) {
        const struct ps_position *low = ps_position_list_find(&first, partition);
        const struct ps_position *high = ps_position_list_find(&end, partition);
        if (low == NULL || high == NULL) {
            code = unknown_partition(partition, &first, error);
        } else if (offset < low->offset || offset > high->offset) {
            code = outside(partition, offset, low->offset, high->offset, error);
        } else {
            struct ps_position there = *low;
            there.offset = offset;
            code = ps_position_list_set(found, &there, error);
        }
    }
    ps_position_list_done(&first);
    ps_position_list_done(&end);
    return code;
}

/* Plans towards the offset. All other partitions have been read to their ends, so every plan is of this one. */
static penstock_code walk_to(struct ps_source *source, const char *partition, int64_t offset,
                             struct ps_position_list *found, struct penstock_error *error) {
    int64_t at = 0;
    while (at < offset) {
        const struct ps_epoch_limits limits = {
            .record_count_max = INT64_MAX, .byte_count_max = offset - at, .slice_size = SLICE_SIZE};
        struct ps_range *range PS_SCOPED(range_free_scoped) = NULL;
        PS_TRY(ps_source_plan(source, &limits, &range, error));
        const struct ps_position *end = NULL;
        for (size_t i = 0; range != NULL && i < range->end_count; i++) {
            end = strcmp(range->ends[i].partition.name, partition) == 0 ? &range->ends[i] : end;
        }
        if (end == NULL) {
            return outside(partition, offset, 0, at, error);
        }
        if (end->offset > offset) {
            (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "no record of %s begins at %" PRId64,
                               partition, offset);
            return ps_error_hint(error,
                                 "a place between two records is needed: 0, the end, or the position of a "
                                 "dead letter");
        }
        at = end->offset;
        PS_TRY(ps_position_list_set(found, end, error));
    }
    return PENSTOCK_OK;
}

penstock_code ps_source_locate_offset(struct ps_source *source, const char *partition, int64_t offset,
                                      const struct ps_position_list *committed,
                                      struct ps_position_list *found_out, struct penstock_error *error) {
    if (ps_source_is_sparse(source)) {
        return locate_sparse(source, partition, offset, committed, found_out, error);
    }
    struct ps_position_list start;
    PS_TRY(ps_position_list_init(&start, error));
    penstock_code code = plan_to_end(source, committed, &start, error);
    const struct ps_position *known = code == PENSTOCK_OK ? ps_position_list_find(&start, partition) : NULL;
    if (code == PENSTOCK_OK && known == NULL) {
        code = unknown_partition(partition, &start, error);
    }
    if (code == PENSTOCK_OK && (offset < 0 || offset > known->offset)) {
        code = outside(partition, offset, 0, known->offset, error);
    }
    if (code == PENSTOCK_OK && offset == known->offset) { /* also of a file that is gone */
        code = ps_position_list_set(found_out, known, error);
    } else if (code == PENSTOCK_OK) {
        const struct ps_position first = {.partition = known->partition, .state = ""};
        code = ps_position_list_set(found_out, &first, error);
        code = code == PENSTOCK_OK ? ps_position_list_set(&start, &first, error) : code;
        code = code == PENSTOCK_OK ? ps_source_seek(source, &start, error) : code;
        code = code == PENSTOCK_OK ? walk_to(source, partition, offset, found_out, error) : code;
    }
    ps_position_list_done(&start);
    return code;
}
