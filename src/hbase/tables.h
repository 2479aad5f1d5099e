/* SPDX-License-Identifier: Apache-2.0
 *
 * tables.h - descriptions of tables as the master sends them.
 */
#ifndef PS_HBASE_TABLES_H
#define PS_HBASE_TABLES_H

#include "base/bytes.h"

struct ps_hbase_attribute {
    struct ps_bytes name, value; /* "COMPRESSION", "NONE" */
};
struct ps_hbase_family {
    struct ps_bytes name;
    struct ps_hbase_attribute *attributes;
    size_t attribute_count;
};
struct ps_hbase_table {
    const char *name; /* "ns:t", or "t" in the namespace default */
    struct ps_hbase_family *families;
    size_t family_count;
    struct ps_hbase_attribute *attributes;
    size_t attribute_count;
};

/* GetTableDescriptorsResponse, sorted by name: views of the message, arrays and names in the arena.
 * Errors: INVALID_DATA. */
penstock_code ps_hbase_tables_parse(struct ps_bytes message, struct ps_arena *arena,
                                    struct ps_hbase_table **tables_out, size_t *count_out,
                                    struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
