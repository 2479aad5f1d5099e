/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_source_layout.c - the key ranges that a source is read in.
 *
 * At the first start each region of the table is one, as far as it lies between scan.startrow and scan.stoprow. From
 * then on the store has them: a region that is split, merged or moved later changes nothing, because a scan of a
 * range goes through whatever regions there are. What the store has is checked to be what the statement asks for.
 */
#include <inttypes.h>

#include "connect/hbase_source.h"
#include "hbase/admin.h"
#include "hbase/region.h"

void ps_hbase_source_forget_parts(struct ps_hbase_source *source) {
    for (size_t i = 0; i < source->part_count; i++) {
        ps_hbase_source_close_scan(&source->parts[i]);
        ps_hbase_stand_done(&source->parts[i].stand);
        ps_buffer_done(&source->parts[i].block);
    }
    ps_release(source->parts);
    source->parts = NULL;
    source->part_count = 0;
    ps_arena_free(source->part_arena);
    source->part_arena = NULL;
}

const char *ps_hbase_part_name(const char *table, struct ps_bytes start, struct ps_arena *arena) {
    struct ps_buffer shown PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&shown, 4 * (size_t)PS_HBASE_ROW_SIZE_MAX + 2000);
    ps_buffer_printf(&shown, "%s[", table);
    ps_hbase_show(&shown, start);
    ps_buffer_text(&shown, "]");
    return shown.failed ? NULL : ps_arena_copy_size(arena, shown.data, shown.size);
}

static penstock_code make_room(struct ps_hbase_source *source, size_t count, struct penstock_error *error) {
    ps_hbase_source_forget_parts(source);
    source->part_arena = ps_arena_new(0);
    source->parts = ps_allocate(count + 1, sizeof *source->parts);
    return source->part_arena != NULL && source->parts != NULL
               ? PENSTOCK_OK
               : ps_error_memory(error, "the partitions of a source");
}

/* --- from regions -------------------------------------------------------------------------------------------- */

penstock_code ps_hbase_cut(const struct ps_bytes *starts, size_t count, struct ps_bytes start,
                           struct ps_bytes stop, size_t count_max, struct ps_arena *arena,
                           struct ps_bytes **cuts_out, size_t *cut_count_out, struct penstock_error *error) {
    struct ps_bytes *const cuts = ps_arena_allocate(arena, count + 1, sizeof *cuts);
    size_t cut_count = 0;
    if (cuts == NULL) {
        return ps_error_memory(error, "the partitions of a source");
    }
    cuts[cut_count++] = start;
    for (size_t i = 0; i < count; i++) {
        const bool is_inside = ps_hbase_compare(starts[i], cuts[cut_count - 1]) > 0 &&
                               (stop.size == 0 || ps_hbase_compare(starts[i], stop) < 0);
        if (is_inside) {
            cuts[cut_count++] = starts[i];
        }
    }
    const size_t each = (cut_count + count_max - 1) / count_max; /* regions in one partition */
    size_t kept = 0;
    for (size_t i = 0; i < cut_count; i += each) {
        cuts[kept++] = cuts[i];
    }
    *cuts_out = cuts;
    *cut_count_out = kept;
    return PENSTOCK_OK;
}

static const char *copy_key(struct ps_arena *arena, struct ps_bytes key) {
    return ps_arena_copy_size(arena, key.size == 0 ? "" : key.data, key.size);
}

/* A part that has given nothing yet. */
static penstock_code add_part(struct ps_hbase_source *source, struct ps_bytes start, struct ps_bytes stop,
                              struct penstock_error *error) {
    struct ps_hbase_part *const part = &source->parts[source->part_count];
    const char *const name = ps_hbase_part_name(source->words.table, start, source->part_arena);
    const char *const kept_start = copy_key(source->part_arena, start);
    const char *const kept_stop = copy_key(source->part_arena, stop);
    if (name == NULL || kept_start == NULL || kept_stop == NULL) {
        return ps_error_memory(error, "the partitions of a source");
    }
    *part = (struct ps_hbase_part){
        .name = name,
        .ordinal = (int64_t)source->part_count,
        .stand = {.start = {kept_start, start.size}, .stop = {kept_stop, stop.size}, .pass = -1},
        .is_dirty = true};
    ps_buffer_init(&part->stand.next, PS_HBASE_ROW_SIZE_MAX + 1);
    source->part_count++;
    return PENSTOCK_OK;
}

static penstock_code lay_out(struct ps_hbase_source *source, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_hbase_region *regions = NULL;
    struct ps_bytes *cuts = NULL;
    size_t region_count = 0, count = 0;
    if (arena == NULL) {
        return ps_error_memory(error, "the partitions of a source");
    }
    PS_TRY(ps_hbase_source_connect(source, source->client_stop, error));
    PS_TRY(ps_hbase_regions(source->client, source->words.table, arena, &regions, &region_count, error));
    struct ps_bytes *const starts = ps_arena_allocate(arena, region_count + 1, sizeof *starts);
    if (starts == NULL) {
        return ps_error_memory(error, "the partitions of a source");
    }
    for (size_t i = 0; i < region_count; i++) {
        starts[i] = regions[i].start_key;
    }
    PS_TRY(ps_hbase_cut(starts, region_count, source->words.start_row, source->words.stop_row,
                        PS_HBASE_PARTITION_COUNT_MAX, arena, &cuts, &count, error));
    PS_TRY(make_room(source, count, error));
    for (size_t i = 0; i < count; i++) {
        PS_TRY(add_part(source, cuts[i], i + 1 < count ? cuts[i + 1] : source->words.stop_row, error));
    }
    return PENSTOCK_OK;
}

/* --- a family that is not there ------------------------------------------------------------------------------- */

static bool has_family(const struct ps_hbase_table *table, struct ps_bytes name) {
    for (size_t i = 0; i < table->family_count; i++) {
        if (ps_bytes_equal(table->families[i].name, name)) {
            return true;
        }
    }
    return false;
}

static penstock_code name_family(const struct ps_hbase_source *source, const struct ps_hbase_table *table,
                                 struct ps_bytes missing, struct ps_arena *arena,
                                 struct penstock_error *error) {
    const char **const names = ps_arena_allocate(arena, table->family_count + 1, sizeof *names);
    const char *const wanted = ps_arena_copy_size(arena, missing.data, missing.size);
    for (size_t i = 0; names != NULL && i < table->family_count; i++) {
        names[i] = ps_arena_copy_size(arena, table->families[i].name.data, table->families[i].name.size);
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "table %s has no column family \"%s\"",
                       source->words.table, wanted != NULL ? wanted : "");
    const char *const nearest = names != NULL && wanted != NULL ? ps_nearest(wanted, names) : NULL;
    return nearest != NULL
               ? ps_error_hint(error, "did you mean %s?", nearest)
               : ps_error_hint(error, "penstock hbase describe %s shows its families", source->words.table);
}

penstock_code ps_hbase_source_refuse(struct ps_hbase_source *source, penstock_code code,
                                     struct penstock_error *error) {
    const struct ps_hbase_mapping *const mapping = source->words.mapping;
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct penstock_error ignored = {0};
    struct ps_hbase_table table;
    if (code == PENSTOCK_NOT_FOUND && error != NULL &&
        arena != NULL) { /* of a table: is there one that is near? */
        const penstock_code other =
            ps_hbase_describe(source->client, source->words.table, arena, &table, &ignored);
        *error = other == PENSTOCK_NOT_FOUND ? ignored : *error;
        return code;
    }
    if (code != PENSTOCK_INVALID_ARGUMENT) {
        return code;
    }
    if (error != NULL) {
        error->code = PENSTOCK_INVALID_PROJECT;
    }
    if (arena == NULL ||
        ps_hbase_describe(source->client, source->words.table, arena, &table, &ignored) != PENSTOCK_OK) {
        return PENSTOCK_INVALID_PROJECT; /* not everybody may ask for it */
    }
    for (size_t i = 0; i < mapping->cell_count; i++) {
        if (!has_family(&table, mapping->cells[i].family)) {
            return name_family(source, &table, mapping->cells[i].family, arena, error);
        }
    }
    return PENSTOCK_INVALID_PROJECT;
}

/* --- from the store ------------------------------------------------------------------------------------------- */

static penstock_code take_over(struct ps_hbase_source *source, const struct ps_position *position,
                               struct penstock_error *error) {
    struct ps_hbase_part *const part = &source->parts[source->part_count++]; /* done with the source, too */
    const char *const table = source->words.table;
    part->name = ps_arena_copy(source->part_arena, position->partition.name);
    part->ordinal = position->partition.ordinal;
    part->offset = position->offset;
    if (part->name == NULL) {
        return ps_error_memory(error, "the partitions of a source");
    }
    const size_t size = strlen(table);
    if (strncmp(part->name, table, size) != 0 || part->name[size] != '[') {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                           "the store has a position in %s, but the statement says table = '%s'", part->name,
                           table);
        return ps_error_hint(error, "another table is another source: give it another name");
    }
    const penstock_code code = ps_hbase_stand_read(position->state, source->part_arena, &part->stand, error);
    return code == PENSTOCK_OK ? code : ps_error_context(error, "%s", part->name);
}

static penstock_code other_keys(const struct ps_hbase_source *source, struct penstock_error *error) {
    const struct ps_bytes start = source->parts[0].stand.start,
                          stop = source->parts[source->part_count - 1].stand.stop;
    struct ps_buffer shown PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&shown, 1000); /* of a longer key the beginning is enough */
    ps_buffer_text(&shown, "'");
    ps_hbase_show(&shown, (struct ps_bytes){start.data, start.size < 100 ? start.size : 100});
    ps_buffer_text(&shown, "' to '");
    ps_hbase_show(&shown, (struct ps_bytes){stop.data, stop.size < 100 ? stop.size : 100});
    ps_buffer_text(&shown, "'");
    (void)ps_error_set(
        error, PENSTOCK_INVALID_PROJECT,
        "the source was begun with the rows %s: scan.startrow and scan.stoprow have changed since",
        shown.data);
    return ps_error_hint(error, "other rows are another source: give it another name");
}

/* One range behind the other, from scan.startrow to scan.stoprow? */
static penstock_code check_parts(const struct ps_hbase_source *source, struct penstock_error *error) {
    const struct ps_hbase_part *const parts = source->parts;
    for (size_t i = 1; i < source->part_count; i++) {
        if (!ps_bytes_equal(parts[i - 1].stand.stop, parts[i].stand.start) ||
            parts[i].stand.start.size == 0) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA,
                                "%s: its state in the store cannot be read: another row than the last of %s",
                                parts[i].name, parts[i - 1].name);
        }
        if (parts[i].stand.pass != parts[0].stand.pass || parts[i].stand.to != parts[0].stand.to) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA,
                                "%s: its state in the store cannot be read: it is in another pass than %s",
                                parts[i].name, parts[0].name);
        }
    }
    if (!ps_bytes_equal(parts[0].stand.start, source->words.start_row) ||
        !ps_bytes_equal(parts[source->part_count - 1].stand.stop, source->words.stop_row)) {
        return other_keys(source, error);
    }
    return PENSTOCK_OK;
}

penstock_code ps_hbase_source_layout(struct ps_hbase_source *source, const struct ps_position_list *positions,
                                     struct penstock_error *error) {
    if (positions->count == 0) {
        return lay_out(source, error);
    }
    PS_TRY(make_room(source, positions->count, error));
    for (size_t i = 0; i < positions->count; i++) {
        PS_TRY(take_over(source, &positions->items[i], error));
    }
    return check_parts(source, error);
}
