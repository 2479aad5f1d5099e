/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_table.c - a table's description, or its regions where the description is not shown; see hbase_table.h.
 */
#include "connect/hbase_table.h"

penstock_code ps_hbase_table_look(struct ps_hbase *client, const char *table, struct ps_arena *arena,
                                  struct ps_hbase_table *table_out, bool *is_described_out,
                                  struct penstock_error *error) {
    struct ps_hbase_region *regions = NULL;
    struct penstock_error other = {0};
    size_t count = 0;
    const penstock_code code = ps_hbase_describe(client, table, arena, table_out, error);
    *is_described_out = code == PENSTOCK_OK;
    if (code != PENSTOCK_NOT_FOUND) {
        return code;
    }
    if (ps_hbase_regions(client, table, arena, &regions, &count, &other) != PENSTOCK_OK || count == 0) {
        return code;
    }
    ps_error_clear(error);
    return PENSTOCK_OK;
}
