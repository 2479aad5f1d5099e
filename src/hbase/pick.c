/* SPDX-License-Identifier: Apache-2.0
 *
 * pick.c - the cells of some columns, picked here out of whole families; see pick.h.
 */
#include "hbase/pick.h"

/* A server saves about a quarter of what a wanted cell costs it; one that is not wanted costs a whole one. */
#define WANTED_PER_OTHER 5

static int compare_columns(const void *left, const void *right) {
    const struct ps_hbase_column *const a = left, *const b = right;
    const int family = ps_hbase_compare(a->family, b->family);
    return family != 0 ? family : ps_hbase_compare(a->qualifier, b->qualifier);
}

/* Of sorted columns. */
static void take_columns(struct ps_hbase_pick *pick, const struct ps_hbase_column *columns, size_t count) {
    char *at = pick->bytes;
    for (size_t i = 0; i < count; i++) {
        const struct ps_bytes family = columns[i].family, qualifier = columns[i].qualifier;
        if (i > 0 && compare_columns(&columns[i - 1], &columns[i]) == 0) {
            continue;
        }
        memcpy(at, family.data, family.size);
        memcpy(at + family.size, qualifier.size == 0 ? "" : qualifier.data, qualifier.size);
        pick->names[pick->name_count++] =
            (struct ps_hbase_pick_name){at, family.size, family.size + qualifier.size};
        if (i == 0 || ps_hbase_compare(columns[i - 1].family, family) != 0) {
            pick->families[pick->family_count++] =
                (struct ps_hbase_column){.family = {at, family.size}, .is_family = true};
        }
        at += family.size + qualifier.size;
    }
}

penstock_code ps_hbase_pick_init(struct ps_hbase_pick *pick, const struct ps_hbase_column *columns,
                                 size_t column_count, struct penstock_error *error) {
    size_t size = 1;
    for (size_t i = 0; i < column_count; i++) {
        size += columns[i].family.size + columns[i].qualifier.size;
    }
    struct ps_hbase_column *const sorted = ps_allocate(column_count + 1, sizeof *sorted);
    *pick = (struct ps_hbase_pick){.names = ps_allocate(column_count + 1, sizeof *pick->names),
                                   .families = ps_allocate(column_count + 1, sizeof *pick->families),
                                   .bytes = ps_allocate(size, 1)};
    if (sorted == NULL || pick->names == NULL || pick->families == NULL || pick->bytes == NULL) {
        ps_release(sorted);
        ps_hbase_pick_done(pick);
        return ps_error_memory(error, "the columns of a scan");
    }
    if (column_count > 0) {
        memcpy(sorted, columns, column_count * sizeof *sorted);
        qsort(sorted, column_count, sizeof *sorted, compare_columns);
    }
    take_columns(pick, sorted, column_count);
    ps_release(sorted);
    return PENSTOCK_OK;
}

void ps_hbase_pick_done(struct ps_hbase_pick *pick) {
    ps_release(pick->names);
    ps_release(pick->families);
    ps_release(pick->bytes);
    *pick = (struct ps_hbase_pick){.names = NULL};
}

static bool is_of(const struct ps_hbase_pick_name *name, const struct ps_hbase_cell *cell) {
    return cell->family.size == name->family_size && cell->family.size + cell->qualifier.size == name->size &&
           ps_bytes_same(name->bytes, cell->family.data, name->size);
}

/* As HBase orders cells. */
static int compare(const struct ps_hbase_pick_name *name, const struct ps_hbase_cell *cell) {
    const struct ps_bytes family = {name->bytes, name->family_size};
    const struct ps_bytes qualifier = {name->bytes + name->family_size, name->size - name->family_size};
    const int order = ps_hbase_compare(family, cell->family);
    return order != 0 ? order : ps_hbase_compare(qualifier, cell->qualifier);
}

/* `next`: the name that is likely to come, behind the one that came last. */
static bool is_wanted(const struct ps_hbase_pick *pick, const struct ps_hbase_cell *cell, size_t *next) {
    if (*next < pick->name_count && is_of(&pick->names[*next], cell)) {
        ++*next;
        return true;
    }
    if (*next > 0 && is_of(&pick->names[*next - 1], cell)) { /* an older version */
        return true;
    }
    int order = -1;
    while (*next < pick->name_count && (order = compare(&pick->names[*next], cell)) < 0) {
        ++*next;
    }
    *next += order == 0 ? 1 : 0;
    return order == 0;
}

size_t ps_hbase_pick_cells(struct ps_hbase_pick *pick, struct ps_hbase_cell *cells, size_t count) {
    size_t next = 0, kept = 0;
    int64_t wanted = 0, other = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t size = PS_HBASE_CELL_SIZE_MIN + cells[i].row.size + cells[i].family.size +
                            cells[i].qualifier.size + cells[i].value.size;
        if (!is_wanted(pick, &cells[i], &next)) {
            other += (int64_t)size;
            continue;
        }
        wanted += (int64_t)size;
        if (kept != i) {
            cells[kept] = cells[i];
        }
        kept++;
    }
    pick->wanted_size += wanted;
    pick->other_size += other;
    return kept;
}

bool ps_hbase_pick_pays(const struct ps_hbase_pick *pick) {
    return pick->other_size <= pick->wanted_size / WANTED_PER_OTHER;
}
