/* SPDX-License-Identifier: Apache-2.0
 *
 * file_plan.c - where slices of a text file end: always after a whole record.
 *
 * A slice ends at the last record border within its size. Where records are lines of a plain file the border is
 * looked for from behind, so planning reads a few KiB a slice. A slice that is longer than its size is exactly one
 * record, and one that is longer than the largest record is known to be too large before anything holds it.
 *
 * The last line of a file may lack its line feed: while the file may still be written to, it is left alone.
 */
#include <inttypes.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "connect/file_source.h"

#define SEARCH_SIZE ((size_t)64 << 10)
#define WINDOW_SIZE_MIN ((size_t)64 << 10)
#define HEADER_SIZE_MAX ((size_t)1 << 20)

/* The work on one file. */
struct plan {
    struct ps_file_source *source;
    struct ps_file_entry *entry;
    struct ps_content *content;
    bool is_old;     /* nobody has written to it for a while */
    bool takes_rest; /* an unterminated last line of a plain file is a record */
    size_t size_max; /* what is left of the epoch: a larger record starts the next one */
};

/* What was found after an offset. */
struct border {
    int64_t end;      /* == begin: no whole record */
    bool is_full;     /* a record is there, but it does not fit into what is left of the epoch */
    bool has_tail;    /* bytes without a record end are left */
    bool is_oversize; /* one record, too large to be kept */
};

static const struct ps_codec_type *codec_of(const struct plan *plan) {
    return plan->source->setup->codec;
}

static penstock_code reserve_window(struct ps_file_source *source, size_t size,
                                    struct penstock_error *error) {
    if (size <= source->window_capacity) {
        return PENSTOCK_OK;
    }
    char *window = ps_reallocate(source->window, size, 1);
    if (window == NULL) {
        return ps_error_memory(error, "reading a file");
    }
    source->window = window;
    source->window_capacity = size;
    return PENSTOCK_OK;
}

/* The window becomes [begin, begin + size), or what is there of it. What it has already is not read again: a gzip
 * file cannot go back. *is_end_out: the file ends there, as far as this plan is concerned. */
static penstock_code fill_window(struct plan *plan, int64_t begin, size_t size, bool *is_end_out,
                                 struct penstock_error *error) {
    struct ps_file_source *source = plan->source;
    const int64_t window_end = source->window_begin + (int64_t)source->window_size;
    PS_TRY(reserve_window(source, size < WINDOW_SIZE_MIN ? WINDOW_SIZE_MIN : size, error));
    size_t kept = 0;
    if (begin >= source->window_begin && begin < window_end) {
        kept = (size_t)(window_end - begin);
        memmove(source->window, source->window + (begin - source->window_begin), kept);
    }
    source->window_begin = begin;
    source->window_size = kept;
    int64_t wanted = (int64_t)size;
    if (plan->entry->kind == PS_FILE_PLAIN && plan->entry->seen.size - begin < wanted) {
        wanted = plan->entry->seen.size - begin; /* what was added since is for the next plan */
    }
    size_t got = 0;
    if ((int64_t)kept < wanted) {
        PS_TRY(ps_content_read(plan->content, begin + (int64_t)kept, source->window + kept,
                               (size_t)wanted - kept, &got, error));
        source->window_size += got;
        *is_end_out = source->window_size < size;
        return PENSTOCK_OK;
    }
    *is_end_out = wanted < (int64_t)size;
    return PENSTOCK_OK;
}

/* Is the end of what was read the end of the file, for good? */
static bool is_final(const struct plan *plan) {
    int64_t packed;
    return plan->entry->kind == PS_FILE_GZIP ? !ps_content_is_truncated(plan->content, &packed)
                                             : plan->takes_rest;
}

/* Plain lines: the last line feed in [begin, end), from behind. *border_out 0: none. */
static penstock_code search_back(struct plan *plan, int64_t begin, int64_t end, int64_t *border_out,
                                 struct penstock_error *error) {
    struct ps_file_source *source = plan->source;
    *border_out = 0;
    while (end > begin) {
        const int64_t from = end - begin > (int64_t)SEARCH_SIZE ? end - (int64_t)SEARCH_SIZE : begin;
        bool is_end;
        PS_TRY(fill_window(plan, from, (size_t)(end - from), &is_end, error));
        const size_t size =
            source->window_size < (size_t)(end - from) ? source->window_size : (size_t)(end - from);
        const char *found = size == 0 ? NULL : memrchr(source->window, '\n', size);
        if (found != NULL) {
            *border_out = from + (found - source->window) + 1;
            return PENSTOCK_OK;
        }
        end = from;
    }
    return PENSTOCK_OK;
}

/* The last record border in the first `size` bytes of the window; 0: none. */
static size_t last_border(const struct plan *plan, int64_t begin, size_t size, bool is_end) {
    const struct ps_codec_type *codec = codec_of(plan);
    const char *data = plan->source->window;
    if (codec->is_line_based) {
        const char *found = size == 0 ? NULL : memrchr(data, '\n', size);
        return is_end ? size : found == NULL ? 0 : (size_t)(found - data) + 1;
    }
    const size_t first = begin == 0 && size >= 3 && memcmp(data, PS_BYTE_ORDER_MARK, 3) == 0 ? 3 : 0;
    size_t at = first;
    while (at < size) {
        const size_t length =
            ps_codec_frame(codec, plan->source->setup->codec_config, data + at, size - at, is_end);
        if (length == 0) {
            break;
        }
        at += length;
    }
    return at == first ? 0 : at;
}

/* A record that is larger than the largest: its end is the next line feed, and nothing of it is kept. */
static penstock_code skip_oversize(struct plan *plan, int64_t begin, struct border *border,
                                   struct penstock_error *error) {
    struct ps_file_source *source = plan->source;
    int64_t at = begin + (int64_t)PS_LIMIT_RECORD_SIZE;
    border->is_oversize = true;
    while (true) {
        bool is_end;
        PS_TRY(fill_window(plan, at, source->window_capacity, &is_end, error));
        const char *found =
            source->window_size == 0 ? NULL : memchr(source->window, '\n', source->window_size);
        if (found != NULL) {
            border->end = at + (found - source->window) + 1;
            return PENSTOCK_OK;
        }
        at += (int64_t)source->window_size;
        if (is_end) {
            border->end = is_final(plan) ? at : begin;
            border->has_tail = !is_final(plan);
            return PENSTOCK_OK;
        }
    }
}

static penstock_code search_window(struct plan *plan, int64_t begin, size_t target, struct border *border,
                                   struct penstock_error *error) {
    size_t size = target;
    while (true) {
        bool is_end;
        PS_TRY(fill_window(plan, begin, size, &is_end, error));
        const size_t got = plan->source->window_size < size ? plan->source->window_size : size;
        const size_t found = last_border(plan, begin, got, is_end && is_final(plan));
        border->end = begin + (int64_t)found;
        if (found > 0 || is_end) {
            border->has_tail = is_end && found < got;
            return PENSTOCK_OK;
        }
        if (size == PS_LIMIT_RECORD_SIZE) {
            return skip_oversize(plan, begin, border, error);
        }
        if (size >= plan->size_max) {
            border->is_full = true;
            return PENSTOCK_OK;
        }
        size = size > plan->size_max / 4 ? plan->size_max : size * 4;
    }
}

/* Where a slice of at most `target` bytes from `begin` ends. */
static penstock_code find_border(struct plan *plan, int64_t begin, int64_t target, struct border *border_out,
                                 struct penstock_error *error) {
    struct border border = {.end = begin};
    const int64_t size = plan->entry->seen.size;
    if (plan->entry->kind == PS_FILE_PLAIN && codec_of(plan)->is_line_based) {
        const bool is_rest = size - begin <= target;
        if (is_rest && plan->takes_rest) {
            *border_out = (struct border){.end = size};
            return PENSTOCK_OK;
        }
        int64_t found;
        PS_TRY(search_back(plan, begin, is_rest ? size : begin + target, &found, error));
        if (found > begin) {
            *border_out = (struct border){.end = found, .has_tail = is_rest && found < size};
            return PENSTOCK_OK;
        }
    }
    PS_TRY(search_window(plan, begin, (size_t)target, &border, error));
    *border_out = border;
    return PENSTOCK_OK;
}

/* --- the header ------------------------------------------------------------------------------------------ */

/* Reads the CSV header into the entry's state; NULL if its line is not complete yet. */
static penstock_code read_header(struct plan *plan, struct penstock_error *error) {
    struct ps_file_source *source = plan->source;
    bool is_end;
    PS_TRY(fill_window(plan, 0, HEADER_SIZE_MAX, &is_end, error));
    const size_t got = source->window_size < HEADER_SIZE_MAX ? source->window_size : HEADER_SIZE_MAX;
    struct ps_bytes line = {source->window, got};
    if (line.size >= 3 && memcmp(line.data, PS_BYTE_ORDER_MARK, 3) == 0) {
        line.data += 3;
        line.size -= 3;
    }
    const size_t length = ps_codec_frame(codec_of(plan), source->setup->codec_config, line.data, line.size,
                                         is_end && is_final(plan));
    if (length == 0) {
        if (!is_end) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA, "%s: its header line has more than %zu bytes",
                                plan->entry->name, HEADER_SIZE_MAX);
        }
        return PENSTOCK_OK;
    }
    line.size = length;
    while (line.size > 0 && (line.data[line.size - 1] == '\n' || line.data[line.size - 1] == '\r')) {
        line.size--;
    }
    size_t bad;
    if (!ps_bytes_is_utf8(line, &bad)) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "%s: its header line is not UTF-8 at byte %zu",
                            plan->entry->name, bad);
    }
    plan->entry->state.header = ps_arena_copy_size(source->arena, line.data, line.size);
    return plan->entry->state.header != NULL ? PENSTOCK_OK : ps_error_memory(error, "the header of a file");
}

/* --- slices ---------------------------------------------------------------------------------------------- */

penstock_code ps_file_add_slice(struct ps_file_entry *entry, int64_t end, int64_t byte_count,
                                struct ps_range *range, struct penstock_error *error) {
    ps_check(end > entry->offset);
    /* doubles when full: the arena is not an array that can grow in place */
    if ((range->slice_count & (range->slice_count - 1)) == 0) {
        const size_t capacity = range->slice_count == 0 ? 1 : range->slice_count * 2;
        struct ps_slice *slices = ps_arena_allocate(range->arena, capacity, sizeof(*slices));
        if (slices == NULL) {
            return ps_error_memory(error, "the slices of an epoch");
        }
        if (range->slice_count > 0) {
            memcpy(slices, range->slices, range->slice_count * sizeof(*slices));
        }
        range->slices = slices;
    }
    struct ps_slice slice = {.begin = entry->offset, .end = end, .is_partition_start = entry->offset == 0};
    slice.partition.name = ps_arena_copy(range->arena, entry->name);
    slice.partition.ordinal = entry->ordinal;
    if (slice.partition.name == NULL) {
        return ps_error_memory(error, "the slices of an epoch");
    }
    PS_TRY(ps_file_state_text(&entry->state, range->arena, &slice.end_state, error));
    range->slices[range->slice_count++] = slice;
    range->byte_count += byte_count;
    entry->offset = end;
    return PENSTOCK_OK;
}

/* The state of the file once it is read to `end`. */
static penstock_code mark(struct plan *plan, int64_t end, struct penstock_error *error) {
    struct ps_file_entry *entry = plan->entry;
    struct ps_file_state state = entry->state;
    char last = '\n';
    size_t got = 0;
    state.size = entry->seen.size;
    state.mark_size = entry->kind == PS_FILE_GZIP ? entry->seen.size : end;
    if (entry->kind == PS_FILE_PLAIN) {
        PS_TRY(ps_content_read(plan->content, end - 1, &last, 1, &got, error));
    }
    state.is_unterminated = last != '\n';
    PS_TRY(ps_file_fingerprint(ps_content_descriptor(plan->content), entry->name, state.mark_size,
                               &state.fingerprint, error));
    entry->state = state;
    return PENSTOCK_OK;
}

/* The last slice of the range, if it is of this file, gets the state as it is now. */
static penstock_code refresh_last_slice(const struct ps_file_entry *entry, struct ps_range *range,
                                        struct penstock_error *error) {
    struct ps_slice *last = range->slice_count == 0 ? NULL : &range->slices[range->slice_count - 1];
    if (last == NULL || last->partition.ordinal != entry->ordinal) {
        return PENSTOCK_OK;
    }
    return ps_file_state_text(&entry->state, range->arena, &last->end_state, error);
}

/* At the end of what a gzip file has: all of it, or is something missing? */
static penstock_code finish_gzip(struct plan *plan, struct ps_range *range, struct penstock_error *error) {
    struct ps_file_entry *entry = plan->entry;
    int64_t packed;
    if (!ps_content_is_truncated(plan->content, &packed)) {
        entry->state.is_complete = true;
        entry->is_announced = false;
        PS_TRY(mark(plan, entry->offset, error));
        return refresh_last_slice(entry, range, error);
    }
    if (!plan->is_old) {
        plan->source->has_young_tail = true;
        return PENSTOCK_OK;
    }
    if (range->slice_count > 0) {
        return PENSTOCK_OK; /* what can be read is read first; the next plan says it */
    }
    if (strcmp(plan->source->config->on_lost, "skip") == 0) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                       "%s is truncated: it ends at byte %" PRId64
                       " in the middle of gzip data; unpacked, its records up to "
                       "byte %" PRId64 " are read and what follows is incomplete",
                       entry->name, packed, entry->offset);
    return ps_error_hint(
        error,
        "complete it (bytes may be added at its end), or set on_lost = 'skip' in WITH to go on without "
        "the rest of it");
}

/* How many bytes the next slice may have at most, and the epoch still. */
static int64_t target_of(struct plan *plan, const struct ps_epoch_limits *limits,
                         const struct ps_range *range) {
    const int64_t left = limits->byte_count_max - range->byte_count;
    const int64_t record_max = (int64_t)PS_LIMIT_RECORD_SIZE;
    int64_t target = limits->slice_size < record_max ? limits->slice_size : record_max;
    target = left < target ? left : target;
    plan->size_max =
        range->slice_count == 0 || left > record_max ? PS_LIMIT_RECORD_SIZE : (size_t)(left < 0 ? 0 : left);
    return target < 1 ? 1 : target;
}

static penstock_code plan_slices(struct plan *plan, const struct ps_epoch_limits *limits,
                                 struct ps_range *range, bool *is_full_out, struct penstock_error *error) {
    struct ps_file_entry *entry = plan->entry;
    struct border border = {0};
    while (entry->kind == PS_FILE_GZIP || entry->offset < entry->seen.size) {
        const int64_t target = target_of(plan, limits, range);
        if (plan->size_max == 0) {
            *is_full_out = true;
            return PENSTOCK_OK;
        }
        PS_TRY(find_border(plan, entry->offset, target, &border, error));
        if (border.is_full) {
            *is_full_out = true;
            return PENSTOCK_OK;
        }
        if (border.end == entry->offset) {
            break;
        }
        PS_TRY(mark(plan, border.end, error));
        const int64_t size = border.end - entry->offset;
        const int64_t kept = border.is_oversize ? (int64_t)PS_LIMIT_DEAD_LETTER_SIZE : size;
        PS_TRY(ps_file_add_slice(entry, border.end, kept, range, error));
    }
    plan->source->has_young_tail = plan->source->has_young_tail || (border.has_tail && !plan->is_old);
    return entry->kind == PS_FILE_GZIP ? finish_gzip(plan, range, error) : PENSTOCK_OK;
}

penstock_code ps_file_plan(struct ps_file_source *source, struct ps_file_entry *entry,
                           const struct ps_epoch_limits *limits, struct ps_range *range, bool *is_full_out,
                           struct penstock_error *error) {
    const bool is_done =
        entry->kind == PS_FILE_GZIP ? entry->state.is_complete : entry->offset == entry->seen.size;
    if (is_done || entry->seen.size == 0) {
        return PENSTOCK_OK;
    }
    if (entry->kind == PS_FILE_PLAIN || !ps_content_is_of(source->plan_content, entry)) {
        source->window_size = 0;
        ps_content_close(ps_take(source->plan_content));
        PS_TRY(ps_content_open(entry, &source->plan_content, error));
    }
    struct plan plan = {.source = source, .entry = entry, .content = source->plan_content};
    plan.is_old = ps_clock_wall_ms() - entry->seen.modified_ms > PS_FILE_QUIET_MS;
    plan.takes_rest = plan.is_old && strcmp(source->config->unterminated, "take") == 0;
    if (source->setup->codec->has_header(source->setup->codec_config) && entry->state.header == NULL) {
        PS_TRY(read_header(&plan, error));
        if (entry->state.header == NULL) {
            source->has_young_tail = source->has_young_tail || !plan.is_old;
            return PENSTOCK_OK;
        }
    }
    return plan_slices(&plan, limits, range, is_full_out, error);
}
