/* SPDX-License-Identifier: Apache-2.0
 *
 * pick.h - the cells of some columns, picked here out of whole families.
 *
 * A server that is asked for columns by their names looks for each of them in each row: for ten columns of doubles that
 * costs it a quarter more than sending all cells as they stand (HBase 2.6: ExplicitColumnTracker beside
 * ScanWildcardColumnTracker). So families are asked for whole as long as little in them is not wanted.
 */
#ifndef PS_HBASE_PICK_H
#define PS_HBASE_PICK_H

#include "hbase/rows.h"

/* A column as it stands in a block: the family, and right behind it the qualifier. */
struct ps_hbase_pick_name {
    const char *bytes;
    size_t family_size, size;
};

struct ps_hbase_pick {
    struct ps_hbase_pick_name *names; /* in the order of cells, each once */
    size_t name_count;
    struct ps_hbase_column *families; /* of them, each once: what is to be asked for */
    size_t family_count;
    char *bytes;
    int64_t wanted_size, other_size; /* bytes of cells met, on the wire */
};

/* Copies the columns, of which none may be a whole family. Errors: OUT_OF_MEMORY. */
penstock_code ps_hbase_pick_init(struct ps_hbase_pick *pick, const struct ps_hbase_column *columns,
                                 size_t column_count, struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_hbase_pick_done(struct ps_hbase_pick *pick); /* accepts zero */
/* Of a row's cells, in their order and out of a block, the wanted ones come to the front; how many they are. */
size_t ps_hbase_pick_cells(struct ps_hbase_pick *pick, struct ps_hbase_cell *cells, size_t count);
/* Is so little of what was met not wanted that whole families are the cheaper question? */
bool ps_hbase_pick_pays(const struct ps_hbase_pick *pick);

#endif
