/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_source_plan.c - passes over the table, and what of them one epoch takes.
 *
 * A pass reads each partition once, up to a time that is fixed when it begins. The first partitions that are not read
 * out have their scans open at once, and give rows in turn, each a share of what is left of the epoch: so the rows of
 * an epoch follow from the table and the limits alone, however fast which server was. As with a broker, planning is
 * reading: what a plan takes it holds until the epoch is over. A pass that finds nothing is an epoch only now and
 * then: to begin it anew after a restart costs a look and gives nothing twice.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "connect/hbase_source.h"
#include "hbase/get.h"

#define EPOCH_COUNT_DEFAULT 1000000
#define EPOCH_SIZE_DEFAULT ((int64_t)64 << 20)
/* All of an epoch lies in one arena. */
#define EPOCH_SIZE_MAX ((int64_t)512 << 20)
#define SLICE_SIZE_DEFAULT ((int64_t)4 << 20)
/* What one scan gives in its turn at most: about half an answer, so that the next one is on its way meanwhile. */
#define TURN_COUNT_MAX 1000
#define TURN_SIZE_MAX ((int64_t)1 << 20)
/* Rows that it looks at in a turn, also where all of them were given before: then a stop is looked for. */
#define TURN_LOOK_MAX 20000
/* Rows that are read whole at once, all in one arena: of 5 MB each at most. */
#define WHOLE_COUNT_MAX 200
/* Passes that found nothing are written into the store so often. */
#define TOLD_INTERVAL_NS INT64_C(60000000000)
#define NAP_MS 20
#define STATE_SIZE_MAX ((size_t)64 << 20)

struct ps_hbase_quota ps_hbase_quota_of(int64_t count_left, int64_t size_left, size_t open_count) {
    const int64_t scans = open_count > 0 ? (int64_t)open_count : 1;
    int64_t count = count_left / scans, size = size_left / scans;
    count = count < 1 ? 1 : count > TURN_COUNT_MAX ? TURN_COUNT_MAX : count;
    size = size < 1 ? 1 : size > TURN_SIZE_MAX ? TURN_SIZE_MAX : size;
    return (struct ps_hbase_quota){count, size};
}

/* --- passes --------------------------------------------------------------------------------------------------- */

/* The time up to which the pass under way, or the last one, reads. */
static int64_t pass_end(const struct ps_hbase_source *source) {
    return source->parts[0].stand.to;
}

static int64_t pass_number(const struct ps_hbase_source *source) {
    return source->parts[0].stand.pass;
}

static bool is_pass_over(const struct ps_hbase_source *source) {
    for (size_t i = 0; i < source->part_count; i++) {
        const struct ps_hbase_stand *const stand = &source->parts[i].stand;
        if (stand->pass < 0 || !stand->is_done) {
            return stand->pass < 0 && i == 0;
        }
    }
    return true;
}

/* Were cells left to the next pass, because they were too many to remember? */
static bool is_held_back(const struct ps_hbase_source *source) {
    for (size_t i = 0; i < source->part_count; i++) {
        if (source->parts[i].stand.is_held_back) {
            return true;
        }
    }
    return false;
}

/* Will there never be another pass? Only asked between passes. A range of time that has ended is looked at once more
 * when scan.overlap is over, too. */
static bool is_finished(const struct ps_hbase_source *source) {
    return pass_number(source) >= 0 &&
           (source->words.is_snapshot ||
            (pass_end(source) - source->words.overlap_ms >= source->words.time_max && !is_held_back(source)));
}

/* A run that ends with a pass up to once_ms needs another one: up to there, or for cells of before that were held
 * back. */
static bool is_behind(const struct ps_hbase_source *source) {
    return !is_finished(source) && source->is_once && pass_number(source) >= 0 &&
           (pass_end(source) < source->once_ms ||
            (is_held_back(source) && source->parts[0].stand.since < source->once_ms));
}

static bool is_pass_due(const struct ps_hbase_source *source, int64_t now_ms) {
    if (is_finished(source)) {
        return false;
    }
    if (pass_number(source) < 0) {
        return now_ms > source->words.time_min;
    }
    if (source->is_once && (pass_end(source) < source->once_ms || !is_behind(source))) {
        return pass_end(source) < source->once_ms && now_ms > pass_end(source);
    }
    return now_ms > pass_end(source) && now_ms - pass_end(source) >= source->words.interval_ms;
}

static penstock_code begin_pass(struct ps_hbase_source *source, int64_t now_ms,
                                struct penstock_error *error) {
    const struct ps_hbase_words *const words = &source->words;
    for (size_t i = 0; i < source->part_count; i++) {
        struct ps_hbase_part *const part = &source->parts[i];
        struct ps_hbase_stand *const stand = &part->stand;
        /* what was given and not remembered must not be met again, also where scan.overlap has grown since */
        const int64_t again = stand->to - words->overlap_ms;
        const bool is_later = again > stand->since && !stand->is_held_back;
        const int64_t from = stand->pass < 0 ? 0 : is_later ? again : stand->since;
        const int64_t least = from > words->time_min ? from : words->time_min;
        stand->from = least < now_ms ? least : now_ms; /* scan.timerange may have been made to begin later */
        stand->to = now_ms;
        stand->since = now_ms > words->overlap_ms ? now_ms - words->overlap_ms : 0;
        stand->is_snapshot = words->is_snapshot;
        stand->is_held_back = false;
        stand->pass++;
        stand->is_done = false;
        stand->has_next = false;
        ps_buffer_clear(&stand->next);
        part->is_dirty = true;
        PS_TRY(ps_hbase_seen_forget(&stand->seen, stand->from, error));
    }
    return PENSTOCK_OK;
}

/* Waits for the time of the next pass, as long as the epoch may. */
static bool wait_for_pass(const struct ps_hbase_source *source, const struct ps_epoch_limits *limits) {
    while (!is_pass_due(source, ps_clock_wall_ms())) {
        const bool may_wait =
            source->is_once ? is_behind(source) : ps_clock_monotonic_ns() < limits->deadline_ns;
        if (!may_wait || ps_stop_requested(limits->stop)) {
            return false;
        }
        ps_clock_sleep_ms(NAP_MS);
    }
    return true;
}

/* --- taking ---------------------------------------------------------------------------------------------------- */

static int64_t count_left(const struct ps_hbase_taking *taking) {
    return ps_epoch_count_max(taking->count, taking->size, taking->count_max, taking->size_max) -
           taking->count;
}

static bool is_full(const struct ps_hbase_taking *taking) {
    return count_left(taking) <= 0 || taking->size >= taking->size_max;
}

static void end_part(struct ps_hbase_part *part) {
    part->stand.is_done = true;
    part->stand.has_next = false;
    ps_buffer_clear(&part->stand.next);
    part->is_dirty = true;
    ps_hbase_source_close_scan(part);
}

static penstock_code pass_row(struct ps_hbase_part *part, const struct ps_hbase_row *row,
                              struct penstock_error *error) {
    ps_buffer_clear(&part->stand.next);
    ps_buffer_add(&part->stand.next, row->key.data, row->key.size);
    part->stand.has_next = true;
    part->is_dirty = true;
    return ps_buffer_status(&part->stand.next, error);
}

static penstock_code take_turn(struct ps_hbase_taking *taking, struct ps_hbase_part *part,
                               struct ps_hbase_quota quota, struct penstock_error *error) {
    const int64_t count_end = taking->count + quota.count, size_end = taking->size + quota.size;
    for (int looks = 0; looks < TURN_LOOK_MAX && taking->count < count_end && taking->size < size_end;
         looks++) {
        struct ps_hbase_row row;
        PS_TRY(ps_hbase_scan_next(part->scan, &row, error));
        if (row.cell_count == 0) {
            end_part(part);
            return PENSTOCK_OK;
        }
        PS_TRY(ps_hbase_take_row(taking, part, &row, error));
        PS_TRY(pass_row(part, &row, error));
    }
    return PENSTOCK_OK;
}

/* FORMAT UPSERT: rows with new cells are read whole. What was deleted since is not seen, here as everywhere. */
static penstock_code take_whole(struct ps_hbase_taking *taking, struct ps_hbase_part *part,
                                const struct ps_bytes *keys, size_t count, struct ps_arena *arena,
                                struct penstock_error *error) {
    const struct ps_hbase_words *const words = &taking->source->words;
    const struct ps_hbase_get_options options = {.table = words->table,
                                                 .columns = words->mapping->cells,
                                                 .column_count = words->mapping->cell_count,
                                                 .time_min = words->time_min,
                                                 .time_max = words->time_max,
                                                 .versions = 1};
    struct ps_hbase_row *rows = NULL;
    if (count == 0) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_hbase_get_many(taking->source->client, &options, keys, count, arena, &rows, error));
    for (size_t i = 0; i < count; i++) {
        if (rows[i].cell_count > 0) {
            PS_TRY(ps_hbase_take_cells(taking, part, rows[i].cells, rows[i].cell_count, false, error));
        }
    }
    return PENSTOCK_OK;
}

static penstock_code take_whole_turn(struct ps_hbase_taking *taking, struct ps_hbase_part *part,
                                     struct ps_hbase_quota quota, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_bytes keys[WHOLE_COUNT_MAX];
    const size_t count_max = (size_t)(quota.count < WHOLE_COUNT_MAX ? quota.count : WHOLE_COUNT_MAX);
    size_t count = 0;
    if (arena == NULL) {
        return ps_error_memory(error, "the rows of a source");
    }
    for (int looks = 0; looks < TURN_LOOK_MAX && count < count_max; looks++) {
        struct ps_hbase_row row;
        bool is_new = false;
        PS_TRY(ps_hbase_scan_next(part->scan, &row, error));
        if (row.cell_count == 0) {
            end_part(part);
            break;
        }
        PS_TRY(ps_hbase_meet_row(taking->source, part, &row, &is_new, error));
        PS_TRY(pass_row(part, &row, error));
        if (is_new) {
            keys[count] =
                (struct ps_bytes){ps_arena_copy_size(arena, row.key.data, row.key.size), row.key.size};
            if (keys[count++].data == NULL) {
                return ps_error_memory(error, "the rows of a source");
            }
        }
    }
    return take_whole(taking, part, keys, count, arena, error);
}

/* The first partitions that are not read out have scans. Those that are asked first answer together. */
static penstock_code open_scans(struct ps_hbase_source *source, size_t *open_count_out,
                                struct penstock_error *error) {
    size_t open_count = 0;
    bool is_asked = true;
    for (size_t i = 0; i < source->part_count && open_count < PS_HBASE_SCAN_COUNT_MAX; i++) {
        struct ps_hbase_part *const part = &source->parts[i];
        if (part->stand.is_done) {
            continue;
        }
        if (part->scan == NULL) {
            PS_TRY(ps_hbase_source_open_scan(source, part, &is_asked, error));
        }
        open_count++;
    }
    *open_count_out = open_count;
    return PENSTOCK_OK;
}

/* In a stream nobody waits longer than for an epoch; what is read from the beginning is cut by its size alone. */
static bool is_time_over(const struct ps_hbase_taking *taking) {
    const struct ps_epoch_limits *const limits = taking->limits;
    return !limits->is_once && (taking->count == 0 || pass_number(taking->source) > 0) &&
           ps_clock_monotonic_ns() >= limits->deadline_ns && limits->deadline_ns != 0;
}

/* Takes until the epoch is full or the pass is over. */
static penstock_code take(struct ps_hbase_taking *taking, struct penstock_error *error) {
    struct ps_hbase_source *const source = taking->source;
    const bool is_whole = source->words.is_upsert && pass_number(source) > 0;
    for (;;) {
        size_t open_count = 0;
        PS_TRY(open_scans(source, &open_count, error));
        const struct ps_hbase_quota quota =
            ps_hbase_quota_of(count_left(taking), taking->size_max - taking->size, open_count);
        for (size_t i = 0; i < source->part_count && !is_full(taking); i++) {
            struct ps_hbase_part *const part = &source->parts[i];
            if (part->scan != NULL) {
                PS_TRY(is_whole ? take_whole_turn(taking, part, quota, error)
                                : take_turn(taking, part, quota, error));
            }
        }
        if (open_count == 0 || is_full(taking) || is_time_over(taking) ||
            ps_stop_requested(taking->limits->stop)) {
            return PENSTOCK_OK;
        }
    }
}

/* One pass after the other, until there is something or nothing more is to be read now. */
static penstock_code collect(struct ps_hbase_taking *taking, struct penstock_error *error) {
    struct ps_hbase_source *const source = taking->source;
    for (;;) {
        if (is_pass_over(source)) {
            if (!wait_for_pass(source, taking->limits)) {
                return PENSTOCK_OK;
            }
            PS_TRY(begin_pass(source, ps_clock_wall_ms(), error));
        }
        PS_TRY(take(taking, error));
        if (taking->count > 0 || !is_pass_over(source) || !source->is_once) {
            return PENSTOCK_OK;
        }
    }
}

/* --- the range ------------------------------------------------------------------------------------------------- */

static int compare_slices(const void *left, const void *right) {
    const struct ps_hbase_slice *const a = left, *const b = right;
    if (a->part->ordinal != b->part->ordinal) {
        return a->part->ordinal < b->part->ordinal ? -1 : 1;
    }
    return a->begin < b->begin ? -1 : a->begin > b->begin ? 1 : 0;
}

static penstock_code list_slices(struct ps_hbase_taking *taking, struct penstock_error *error) {
    struct ps_hbase_source *const source = taking->source;
    struct ps_range *const range = taking->range;
    for (size_t i = 0; i < source->part_count; i++) {
        PS_TRY(ps_hbase_close_slice(taking, &source->parts[i], error));
    }
    if (source->slice_count == 0) {
        return PENSTOCK_OK;
    }
    qsort(source->slices, source->slice_count, sizeof *source->slices, compare_slices);
    range->slices = ps_arena_allocate(range->arena, source->slice_count, sizeof *range->slices);
    if (range->slices == NULL) {
        return ps_error_memory(error, "an epoch");
    }
    for (size_t i = 0; i < source->slice_count; i++) {
        const struct ps_hbase_slice *const slice = &source->slices[i];
        range->slices[i] = (struct ps_slice){
            .partition = {ps_arena_copy(range->arena, slice->part->name), slice->part->ordinal},
            .begin = slice->begin,
            .end = slice->end,
            .is_partition_start = slice->begin == 0,
            .end_state = "",
            .kept = slice->kept};
        if (range->slices[i].partition.name == NULL) {
            return ps_error_memory(error, "an epoch");
        }
    }
    range->slice_count = source->slice_count;
    return PENSTOCK_OK;
}

/* Is it worth an epoch of its own that the partitions have moved without a record? */
static bool is_worth_telling(const struct ps_hbase_source *source) {
    const bool is_milestone = is_pass_over(source) && (pass_number(source) == 0 || is_finished(source));
    return is_milestone || ps_clock_monotonic_ns() - source->told_ns > TOLD_INTERVAL_NS;
}

static penstock_code list_ends(struct ps_hbase_taking *taking, struct penstock_error *error) {
    struct ps_hbase_source *const source = taking->source;
    struct ps_range *const range = taking->range;
    struct ps_buffer state PS_SCOPED(ps_buffer_done) = {.data = NULL};
    range->ends = ps_arena_allocate(range->arena, source->part_count + 1, sizeof *range->ends);
    if (range->ends == NULL) {
        return ps_error_memory(error, "the positions of an epoch");
    }
    if (range->slice_count == 0 && (pass_number(source) < 0 || !is_worth_telling(source))) {
        return PENSTOCK_OK;
    }
    ps_buffer_init(&state, STATE_SIZE_MAX);
    for (size_t i = 0; i < source->part_count; i++) {
        const struct ps_hbase_part *const part = &source->parts[i];
        if (!part->is_dirty) {
            continue;
        }
        ps_buffer_clear(&state);
        ps_hbase_stand_write(&part->stand, &state);
        PS_TRY(ps_buffer_status(&state, error));
        const struct ps_position position = {
            .partition = {ps_arena_copy(range->arena, part->name), part->ordinal},
            .offset = part->offset,
            .state = ps_arena_copy_size(range->arena, state.data, state.size)};
        if (position.partition.name == NULL || position.state == NULL) {
            return ps_error_memory(error, "the positions of an epoch");
        }
        range->ends[range->end_count++] = position;
    }
    range->is_moved = range->end_count > 0;
    return PENSTOCK_OK;
}

static penstock_code make_range(struct ps_hbase_taking *taking, struct penstock_error *error) {
    struct ps_hbase_source *const source = taking->source;
    PS_TRY(ps_hbase_source_connect(source, taking->limits->stop, error));
    PS_TRY(collect(taking, error));
    PS_TRY(list_slices(taking, error));
    taking->range->byte_count = taking->size;
    taking->range->is_drained =
        is_pass_over(source) && !is_pass_due(source, ps_clock_wall_ms()) && !is_behind(source);
    return list_ends(taking, error);
}

/* After it a plan can go on from the ends that this one has told. */
static void settle(struct ps_hbase_source *source, const struct ps_range *range) {
    if (range->end_count == 0) {
        return;
    }
    for (size_t i = 0; i < source->part_count; i++) {
        source->parts[i].is_dirty = false;
    }
    source->told_ns = ps_clock_monotonic_ns();
}

static void look_at_once(struct ps_hbase_source *source, const struct ps_epoch_limits *limits) {
    if (limits->is_once && !source->is_once) {
        source->is_once = true;
        source->once_ms = ps_clock_wall_ms();
    }
}

static penstock_code refuse_mode(const struct ps_hbase_source *source, struct penstock_error *error) {
    const char *const name = source->setup->name;
    (void)ps_error_set(
        error, PENSTOCK_INVALID_PROJECT,
        "source %s was begun with scan.mode = 'snapshot': which newer cells it has given is not known", name);
    return ps_error_hint(
        error, "give it another name, or begin anew: penstock offsets reset %s --to earliest", name);
}

penstock_code ps_hbase_source_plan(struct ps_hbase_source *source, const struct ps_epoch_limits *limits,
                                   struct ps_range *range, struct penstock_error *error) {
    const int64_t size = limits->byte_count_max > 0 ? limits->byte_count_max : EPOCH_SIZE_DEFAULT;
    struct ps_hbase_taking taking = {
        .source = source,
        .limits = limits,
        .range = range,
        .count_max = limits->record_count_max > 0 ? limits->record_count_max : EPOCH_COUNT_DEFAULT,
        .size_max = size < EPOCH_SIZE_MAX ? size : EPOCH_SIZE_MAX,
        .slice_size = limits->slice_size > 0 ? limits->slice_size : SLICE_SIZE_DEFAULT};
    if (source->is_lost || source->part_count == 0) {
        return ps_stop_requested(limits->stop)
                   ? PENSTOCK_OK
                   : ps_error_set(error, PENSTOCK_INTERNAL, "source %s is read without a position",
                                  source->setup->name);
    }
    if (source->parts[0].stand.is_snapshot && !source->words.is_snapshot) {
        return refuse_mode(source, error);
    }
    look_at_once(source, limits);
    source->slice_count = 0;
    const penstock_code code = ps_hbase_source_refuse(source, make_range(&taking, error), error);
    if (code == PENSTOCK_OK) {
        settle(source, range);
        return code;
    }
    source->is_lost = true; /* some of it is in no range */
    if (code == PENSTOCK_CANCELLED && ps_stop_requested(limits->stop)) {
        range->slice_count = range->end_count =
            0; /* the run ends: what was read is read again by the next one */
        range->is_moved = false;
        return PENSTOCK_OK;
    }
    return ps_error_context(error, "source %s", source->setup->name);
}
