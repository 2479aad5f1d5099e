/* SPDX-License-Identifier: Apache-2.0
 *
 * source_file.c - files as a source: NDJSON, CSV (plain or gzip) and Parquet, one file or a growing folder of them.
 *
 * A partition is a file, in the order in which files were found; a position is a byte (of the unpacked content) or
 * a row group. Every plan looks again which files there are and how long they are, so a folder may grow while it
 * is read; what was read must stay as it is, and a file that does not is an error that names it.
 */
#include "connect/source_file.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/limits.h"
#include "connect/file_source.h"

#define SLICE_SIZE_DEFAULT ((int64_t)4 << 20)
#define EPOCH_SIZE_DEFAULT ((int64_t)64 << 20)
/* A file that is written to again and again is not waited for longer than this. */
#define WAIT_MS_MAX (PS_FILE_QUIET_MS + 1000)

static const struct ps_option file_options[] = {
    {.name = "path",
     .type = PS_OPTION_TEXT,
     .is_required = true,
     .offset = offsetof(struct ps_file_config, path),
     .help =
         "files to read, relative to the project: a name or a pattern with *, ?, [...], **; several with commas",
     .since = "0.1"},
    {.name = "compression",
     .type = PS_OPTION_CHOICE,
     .default_text = "auto",
     .choices = "auto|none|gzip",
     .offset = offsetof(struct ps_file_config, compression),
     .help = "auto: gzip if the name ends in .gz",
     .since = "0.1"},
    {.name = "unterminated",
     .type = PS_OPTION_CHOICE,
     .default_text = "take",
     .choices = "take|wait",
     .offset = offsetof(struct ps_file_config, unterminated),
     .help = "a last line without a line end: take it once the file is 2 s old, or wait for its line end",
     .since = "0.1"},
    {.name = "on_lost",
     .type = PS_OPTION_CHOICE,
     .default_text = "fail",
     .choices = "fail|skip",
     .offset = offsetof(struct ps_file_config, on_lost),
     .help = "a file that vanished or ends in the middle of gzip data before it was read to its end",
     .since = "0.1"},
    {.name = NULL},
};

static const char *const file_encodes[] = {"json", "csv", "parquet", NULL};

static void file_close(void *state) {
    struct ps_file_source *source = state;
    if (source == NULL) {
        return;
    }
    ps_content_close(source->plan_content);
    ps_content_close(source->read_content);
    ps_parquet_done(&source->parquet);
    ps_release(source->items);
    ps_release(source->by_name);
    ps_release(source->window);
    ps_arena_free(source->arena);
    ps_release(source);
}

static void file_close_scoped(struct ps_file_source **source) {
    file_close(*source);
}

static penstock_code file_open(const struct ps_source_setup *setup, const void *config, void **state_out,
                               struct penstock_error *error) {
    struct ps_file_source *source PS_SCOPED(file_close_scoped) = ps_allocate(1, sizeof(*source));
    if (source == NULL) {
        return ps_error_memory(error, "a source");
    }
    source->setup = setup;
    source->config = config;
    source->arena = ps_arena_new(0);
    if (source->arena == NULL) {
        return ps_error_memory(error, "a source");
    }
    *state_out = ps_take(source);
    return PENSTOCK_OK;
}

static penstock_code file_seek(void *state, const struct ps_position_list *positions,
                               struct penstock_error *error) {
    struct ps_file_source *source = state;
    ps_content_close(ps_take(source->plan_content));
    ps_content_close(ps_take(source->read_content));
    ps_arena_reset(source->arena);
    source->count = source->name_count = 0;
    source->ordinal_next = 0;
    source->window_size = 0;
    for (size_t i = 0; i < positions->count; i++) {
        const struct ps_position *position = &positions->items[i];
        const char *name = position->partition.name;
        const char *path = ps_path_join(source->arena, source->setup->folder, name);
        struct ps_file_entry *entry = NULL;
        if (path == NULL) {
            return ps_error_memory(error, "the list of files");
        }
        PS_TRY(ps_file_add(source, name, path, position->partition.ordinal, &entry, error));
        PS_TRY(ps_file_state_parse(name, position->state, source->arena, &entry->state, error));
        entry->offset = position->offset;
        entry->is_announced = true;
    }
    return ps_file_sort(source, error);
}

/* --- plan ------------------------------------------------------------------------------------------------ */

/* Size and time of a file now; its fingerprint is compared when they are not those of the last look. */
static penstock_code look(struct ps_file_entry *entry, struct penstock_error *error) {
    struct ps_file_info info;
    PS_TRY(ps_file_stat(entry->path, &info, error));
    /* a time says nothing about a write in the same tick of the file system's clock as the last look */
    const bool is_told_by_time = entry->looked_at_ms - info.modified_ms > PS_FILE_QUIET_MS;
    const bool is_same = entry->is_checked && info.size == entry->seen.size &&
                         info.inode == entry->seen.inode && info.modified_ms == entry->seen.modified_ms &&
                         is_told_by_time;
    entry->looked_at_ms = ps_clock_wall_ms();
    entry->seen = info;
    if (!is_same) {
        PS_TRY(ps_file_check(entry, error));
    }
    entry->is_checked = true;
    return PENSTOCK_OK;
}

static penstock_code plan_files(struct ps_file_source *source, const struct ps_epoch_limits *limits,
                                struct ps_range *range, bool *is_full_out, struct penstock_error *error) {
    source->has_young_tail = false;
    *is_full_out = false;
    PS_TRY(ps_file_discover(source, error));
    for (size_t i = 0; i < source->count && !*is_full_out; i++) {
        struct ps_file_entry *entry = source->items[i];
        if (!entry->is_present) {
            continue;
        }
        PS_TRY(look(entry, error));
        if (entry->kind == PS_FILE_PARQUET) {
            PS_TRY(ps_parquet_plan(source, entry, limits, range, is_full_out, error));
        } else {
            PS_TRY(ps_file_plan(source, entry, limits, range, is_full_out, error));
        }
    }
    return PENSTOCK_OK;
}

/* The positions after this range: of files that move, and of files whose ordinal nobody has stored yet. */
static penstock_code list_ends(struct ps_file_source *source, struct ps_range *range,
                               struct penstock_error *error) {
    range->ends = ps_arena_allocate(range->arena, source->count, sizeof(*range->ends));
    if (range->ends == NULL) {
        return ps_error_memory(error, "the positions of an epoch");
    }
    size_t slice = 0;
    for (size_t i = 0; i < source->count; i++) {
        struct ps_file_entry *entry = source->items[i];
        const size_t first = slice;
        while (slice < range->slice_count && range->slices[slice].partition.ordinal == entry->ordinal) {
            slice++;
        }
        if (slice == first && entry->is_announced) {
            continue;
        }
        struct ps_position end = {.offset = entry->offset};
        end.partition.name = ps_arena_copy(range->arena, entry->name);
        end.partition.ordinal = entry->ordinal;
        if (end.partition.name == NULL) {
            return ps_error_memory(error, "the positions of an epoch");
        }
        PS_TRY(ps_file_state_text(&entry->state, range->arena, &end.state, error));
        range->ends[range->end_count++] = end;
        entry->is_announced = true;
    }
    return PENSTOCK_OK;
}

static penstock_code file_plan(void *state, const struct ps_epoch_limits *limits, struct ps_range *range,
                               struct penstock_error *error) {
    struct ps_file_source *source = state;
    struct ps_epoch_limits usable = *limits;
    usable.byte_count_max = limits->byte_count_max > 0 ? limits->byte_count_max : EPOCH_SIZE_DEFAULT;
    usable.slice_size = limits->slice_size > 0 ? limits->slice_size : SLICE_SIZE_DEFAULT;
    const int64_t start_ns = ps_clock_monotonic_ns();
    bool is_full;
    PS_TRY(plan_files(source, &usable, range, &is_full, error));
    while (limits->is_once && range->slice_count == 0 && source->has_young_tail &&
           ps_clock_monotonic_ns() - start_ns < WAIT_MS_MAX * INT64_C(1000000)) {
        ps_clock_sleep_ms(50);
        PS_TRY(plan_files(source, &usable, range, &is_full, error));
    }
    range->is_drained = !is_full && !(limits->is_once && source->has_young_tail);
    return range->slice_count > 0 ? list_ends(source, range, error) : PENSTOCK_OK;
}

/* --- read ------------------------------------------------------------------------------------------------ */

/* The file of a slice: also one that a plan of an earlier process named. */
static penstock_code find_entry(struct ps_file_source *source, const struct ps_slice *slice,
                                struct ps_file_entry *found_out, struct penstock_error *error) {
    const struct ps_file_entry *known = ps_file_find(source, slice->partition.name);
    if (known != NULL) {
        *found_out = *known;
    } else {
        const char *path = ps_path_join(source->arena, source->setup->folder, slice->partition.name);
        struct ps_file_entry *entry = NULL;
        if (path == NULL) {
            return ps_error_memory(error, "the list of files");
        }
        PS_TRY(ps_file_add(source, slice->partition.name, path, slice->partition.ordinal, &entry, error));
        PS_TRY(ps_file_sort(source, error));
        *found_out = *entry;
    }
    if (ps_file_stat(found_out->path, &found_out->seen, error) != PENSTOCK_OK) {
        return ps_error_context(error, "%s vanished while it was to be read from %s %" PRId64,
                                found_out->name, found_out->kind == PS_FILE_PARQUET ? "row group" : "byte",
                                slice->begin);
    }
    return PENSTOCK_OK;
}

static penstock_code read_bytes(struct ps_file_source *source, const struct ps_file_entry *entry,
                                const struct ps_slice *slice, struct ps_raw *raw,
                                struct penstock_error *error) {
    if (!ps_content_is_of(source->read_content, entry)) {
        ps_content_close(ps_take(source->read_content));
        PS_TRY(ps_content_open(entry, &source->read_content, error));
    }
    const int64_t size = slice->end - slice->begin;
    const bool is_oversize = size > (int64_t)PS_LIMIT_RECORD_SIZE;
    const size_t kept = is_oversize ? PS_LIMIT_DEAD_LETTER_SIZE : (size_t)size;
    char *data PS_SCOPED(ps_release_scoped) = ps_reallocate(NULL, kept, 1);
    if (data == NULL) {
        return ps_error_memory(error, "reading a file");
    }
    size_t got;
    PS_TRY(ps_content_read(source->read_content, slice->begin, data, kept, &got, error));
    if (got < kept) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA,
                            "%s shrank while it was read: bytes %" PRId64 " to %" PRId64
                            " were planned, it ends at byte %" PRId64,
                            entry->name, slice->begin, slice->end, slice->begin + (int64_t)got);
    }
    raw->size = got;
    raw->oversize = is_oversize ? size : 0;
    raw->base_offset = slice->begin;
    raw->data = ps_take(data);
    return PENSTOCK_OK;
}

static penstock_code file_read(void *state, const struct ps_slice *slice, struct ps_raw *raw_out,
                               struct penstock_error *error) {
    struct ps_file_source *source = state;
    struct ps_file_entry entry;
    PS_TRY(find_entry(source, slice, &entry, error));
    if (entry.kind == PS_FILE_PARQUET) {
        return ps_parquet_read(source, &entry, slice, raw_out, error);
    }
    return read_bytes(source, &entry, slice, raw_out, error);
}

/* --- locate ---------------------------------------------------------------------------------------------- */

/* How long the files are; what is packed does not say how long it is unpacked. */
static penstock_code file_locate(void *state, enum ps_place place, int64_t time_ms,
                                 struct ps_position_list *found_out, struct penstock_error *error) {
    struct ps_file_source *source = state;
    (void)time_ms;
    if (place != PS_PLACE_END) {
        return ps_error_set(error, PENSTOCK_UNSUPPORTED, "a file does not tell that place by itself");
    }
    PS_TRY(ps_file_discover(source, error));
    for (size_t i = 0; i < source->count; i++) {
        const struct ps_file_entry *entry = source->items[i];
        struct ps_file_info info;
        if (entry->kind != PS_FILE_PLAIN || !entry->is_present ||
            ps_file_stat(entry->path, &info, NULL) != PENSTOCK_OK) {
            continue;
        }
        const struct ps_position end = {
            .partition = {entry->name, entry->ordinal}, .offset = info.size, .state = ""};
        PS_TRY(ps_position_list_set(found_out, &end, error));
    }
    return PENSTOCK_OK;
}

/* Bytes of plain files behind what was planned. */
static int64_t file_lag(void *state) {
    const struct ps_file_source *source = state;
    int64_t lag = 0;
    for (size_t i = 0; i < source->count; i++) {
        const struct ps_file_entry *entry = source->items[i];
        struct ps_file_info info;
        if (entry->kind == PS_FILE_PLAIN && ps_file_stat(entry->path, &info, NULL) == PENSTOCK_OK &&
            info.size > entry->offset) {
            lag += info.size - entry->offset;
        }
    }
    return lag;
}

const struct ps_source_type ps_source_file = {
    .name = "file",
    .summary = "files in folders that may grow: NDJSON and CSV (also gzip), Parquet",
    .options = file_options,
    .config_size = sizeof(struct ps_file_config),
    .encodes = file_encodes,
    .open = file_open,
    .seek = file_seek,
    .plan = file_plan,
    .read = file_read,
    .close = file_close,
    .lag = file_lag,
    .locate = file_locate,
};
