/* SPDX-License-Identifier: Apache-2.0
 *
 * source.c - the table of connectors, and the one place that calls its functions.
 *
 * The wrappers hold a connector to the contract: slices follow on from the position without gap or overlap, stay
 * in the order of ordinals, and the ends of a range are where its slices end; what is read is what was planned.
 * A connector that breaks this is a bug of penstock, and stops before anything is committed.
 */
#include "connect/source.h"

#include "base/check.h"
#include "connect/decoding.h"
#include "connect/source_file.h"
#include "connect/source_hbase.h"
#include "connect/source_kafka.h"

/* DuckDB's row groups, unless a database is made with others. */
#define ROW_GROUP_COUNT 122880

const struct ps_source_type *const ps_source_types[] = {&ps_source_file, &ps_source_hbase, &ps_source_kafka,
                                                        NULL};

struct ps_source {
    const struct ps_source_type *type;
    struct ps_source_setup setup; /* the connector keeps a pointer to it */
    void *state;
    struct ps_position_list planned; /* where the range planned last ends, per partition */
};

const struct ps_source_type *ps_source_type_find(const char *name) {
    for (size_t i = 0; ps_source_types[i] != NULL; i++) {
        if (ps_option_name_equal(ps_source_types[i]->name, name)) {
            return ps_source_types[i];
        }
    }
    return NULL;
}

int64_t ps_epoch_count_max(int64_t count, int64_t size, int64_t count_max, int64_t size_max) {
    const int64_t record_size = count > 0 && size > count ? size / count : 1;
    const int64_t group_count = size_max / record_size / ROW_GROUP_COUNT;
    return group_count > 0 && group_count <= count_max / ROW_GROUP_COUNT ? group_count * ROW_GROUP_COUNT
                                                                         : count_max;
}

void ps_range_free(struct ps_range *range) {
    if (range == NULL) {
        return;
    }
    ps_arena_free(range->arena);
    ps_release(range);
}

static void range_free_scoped(struct ps_range **range) {
    ps_range_free(*range);
}

void ps_raw_done(struct ps_raw *raw) {
    if (raw == NULL) {
        return;
    }
    ps_release(raw->data);
    ps_release(raw->messages);
    ps_lent_give_back(raw->lent);
    ps_release(raw->relation);
    *raw = (struct ps_raw){0};
}

static void source_close_scoped(struct ps_source **source) {
    ps_source_close(*source);
}

/* What may pass by itself, said of a server, is one thing for whoever drives the source. */
static penstock_code name_trouble(const struct ps_source *source, penstock_code code,
                                  struct penstock_error *error) {
    if (code != PENSTOCK_OK && source->type->is_remote && error != NULL && error->remedy == PENSTOCK_RETRY) {
        error->code = PENSTOCK_UNAVAILABLE;
        return PENSTOCK_UNAVAILABLE;
    }
    return code;
}

penstock_code ps_source_open(const struct ps_source_type *type, const struct ps_source_setup *setup,
                             const void *config, struct ps_source **source_out,
                             struct penstock_error *error) {
    ps_check(type != NULL);
    ps_check(setup != NULL && setup->schema != NULL && setup->encode != NULL);
    struct ps_source *source PS_SCOPED(source_close_scoped) = ps_allocate(1, sizeof(*source));
    if (source == NULL) {
        ps_decoding_free(setup->decoding);
        return ps_error_memory(error, "a source");
    }
    source->type = type;
    source->setup = *setup;
    PS_TRY(ps_position_list_init(&source->planned, error));
    PS_TRY(type->open(&source->setup, config, &source->state, error));
    *source_out = ps_take(source);
    return PENSTOCK_OK;
}

void ps_source_close(struct ps_source *source) {
    if (source == NULL) {
        return;
    }
    if (source->type != NULL) {
        source->type->close(source->state);
    }
    ps_decoding_free(source->setup.decoding);
    ps_position_list_done(&source->planned);
    ps_release(source);
}

penstock_code ps_source_seek(struct ps_source *source, const struct ps_position_list *positions,
                             struct penstock_error *error) {
    struct ps_position_list planned;
    PS_TRY(ps_position_list_copy(positions, &planned, error));
    const penstock_code code =
        name_trouble(source, source->type->seek(source->state, positions, error), error);
    if (code != PENSTOCK_OK) {
        ps_position_list_done(&planned);
        return code;
    }
    ps_position_list_done(&source->planned);
    source->planned = planned;
    return PENSTOCK_OK;
}

/* --- the rules of a plan --------------------------------------------------------------------------------- */

static int64_t planned_offset(const struct ps_source *source, const char *partition) {
    const struct ps_position *position = ps_position_list_find(&source->planned, partition);
    return position == NULL ? 0 : position->offset;
}

static void check_slices(const struct ps_source *source, const struct ps_range *range) {
    ps_check(source->type->is_sparse || !range->is_rebased);
    const struct ps_slice *before = NULL;
    for (size_t i = 0; i < range->slice_count; i++) {
        const struct ps_slice *slice = &range->slices[i];
        ps_check(slice->partition.name != NULL && slice->end_state != NULL);
        ps_check(slice->begin < slice->end);
        ps_check(source->type->is_sparse || slice->is_partition_start == (slice->begin == 0));
        const bool goes_on = before != NULL && before->partition.ordinal == slice->partition.ordinal;
        ps_check(before == NULL || goes_on || before->partition.ordinal < slice->partition.ordinal);
        const int64_t planned = range->is_rebased ? 0 : planned_offset(source, slice->partition.name);
        const int64_t expected = goes_on ? before->end : planned;
        ps_check(source->type->is_sparse ? slice->begin >= expected : slice->begin == expected);
        before = slice;
    }
}

/* Every slice's partition has an end, at the end of its last slice; the other ends do not move. */
static void check_ends(const struct ps_source *source, const struct ps_range *range) {
    size_t slice = 0;
    for (size_t i = 0; i < range->end_count; i++) {
        const struct ps_position *end = &range->ends[i];
        ps_check(end->partition.name != NULL && end->state != NULL);
        ps_check(i == 0 || range->ends[i - 1].partition.ordinal < end->partition.ordinal);
        int64_t expected = range->is_rebased ? 0 : planned_offset(source, end->partition.name);
        while (slice < range->slice_count &&
               range->slices[slice].partition.ordinal == end->partition.ordinal) {
            ps_check(strcmp(range->slices[slice].partition.name, end->partition.name) == 0);
            expected = range->slices[slice].end;
            slice++;
        }
        ps_check(source->type->is_sparse ? end->offset >= expected : end->offset == expected);
    }
    ps_check(slice == range->slice_count);
}

penstock_code ps_source_plan(struct ps_source *source, const struct ps_epoch_limits *limits,
                             struct ps_range **range_out, struct penstock_error *error) {
    struct ps_range *range PS_SCOPED(range_free_scoped) = ps_allocate(1, sizeof(*range));
    if (range == NULL) {
        return ps_error_memory(error, "an epoch");
    }
    range->arena = ps_arena_new(0);
    if (range->arena == NULL) {
        return ps_error_memory(error, "an epoch");
    }
    PS_TRY(name_trouble(source, source->type->plan(source->state, limits, range, error), error));
    if (range->slice_count == 0 && !range->is_moved) {
        *range_out = NULL;
        return PENSTOCK_OK;
    }
    check_slices(source, range);
    check_ends(source, range);
    for (size_t i = 0; i < range->end_count; i++) {
        PS_TRY(ps_position_list_set(&source->planned, &range->ends[i], error));
    }
    *range_out = ps_take(range);
    return PENSTOCK_OK;
}

penstock_code ps_source_read(struct ps_source *source, const struct ps_slice *slice, struct ps_raw *raw_out,
                             struct penstock_error *error) {
    ps_check(slice->begin < slice->end);
    struct ps_raw raw = {0};
    const penstock_code code =
        name_trouble(source, source->type->read(source->state, slice, &raw, error), error);
    if (code != PENSTOCK_OK) {
        ps_raw_done(&raw);
        return code;
    }
    ps_check((raw.data == NULL && raw.messages == NULL) != (raw.relation == NULL));
    if (raw.messages != NULL) {
        ps_check(source->type->is_sparse);
    } else if (raw.data != NULL) {
        ps_check(raw.base_offset == slice->begin);
        ps_check((raw.oversize > 0 ? raw.oversize : (int64_t)raw.size) == slice->end - slice->begin);
    }
    *raw_out = raw;
    return PENSTOCK_OK;
}

penstock_code ps_source_restore(struct ps_source *source, const struct ps_range *range,
                                struct penstock_error *error) {
    struct ps_position_list positions;
    PS_TRY(ps_position_list_copy(&source->planned, &positions, error));
    penstock_code code = PENSTOCK_OK;
    for (size_t i = 0; i < range->end_count && code == PENSTOCK_OK; i++) {
        code = ps_position_list_set(&positions, &range->ends[i], error);
    }
    if (code == PENSTOCK_OK) {
        code = ps_source_seek(source, &positions, error);
    }
    ps_position_list_done(&positions);
    return code;
}

void ps_source_committed(struct ps_source *source, const struct ps_range *range) {
    struct ps_position_list positions;
    if (source->type->committed == NULL || ps_position_list_init(&positions, NULL) != PENSTOCK_OK) {
        return;
    }
    penstock_code code = PENSTOCK_OK;
    for (size_t i = 0; i < range->end_count && code == PENSTOCK_OK; i++) {
        code = ps_position_list_set(&positions, &range->ends[i], NULL);
    }
    if (code == PENSTOCK_OK) {
        source->type->committed(source->state, &positions);
    }
    ps_position_list_done(&positions);
}

int64_t ps_source_lag(struct ps_source *source) {
    return source->type->lag == NULL ? -1 : source->type->lag(source->state);
}

bool ps_source_is_sparse(const struct ps_source *source) {
    return source->type->is_sparse;
}

penstock_code ps_source_ask_place(struct ps_source *source, enum ps_place place, int64_t time_ms,
                                  const struct ps_position_list *committed,
                                  struct ps_position_list *found_out, struct penstock_error *error) {
    if (source->type->locate == NULL) {
        return ps_error_set(error, PENSTOCK_UNSUPPORTED, "connector '%s' cannot tell that place",
                            source->type->name);
    }
    PS_TRY(ps_source_seek(source, committed, error));
    return source->type->locate(source->state, place, time_ms, found_out, error);
}

const char *ps_source_notice(struct ps_source *source, char *text, size_t size) {
    return source->type->notice == NULL ? NULL : source->type->notice(source->state, text, size);
}
