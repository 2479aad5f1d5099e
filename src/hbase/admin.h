/* SPDX-License-Identifier: Apache-2.0
 *
 * admin.h - tables as a whole: which there are, what they are made of, and making and dropping them.
 */
#ifndef PS_HBASE_ADMIN_H
#define PS_HBASE_ADMIN_H

#include "hbase/client.h"
#include "hbase/region.h"
#include "hbase/tables.h"

/* Sorted by name, without HBase's own; everything is in the arena. */
penstock_code ps_hbase_tables(struct ps_hbase *client, struct ps_arena *arena,
                              struct ps_hbase_table **tables_out, size_t *count_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
/* Errors: NOT_FOUND with the nearest name. */
penstock_code ps_hbase_describe(struct ps_hbase *client, const char *table, struct ps_arena *arena,
                                struct ps_hbase_table *table_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* Is it there, and if that is shown, what is it made of? The master of an HBase with access control shows tables only
 * to those who may change them (the rights A and C), and to others says nothing at all: who may read or write only
 * finds a table by its regions, which everybody sees. Then *is_described_out is false, and *table_out is left alone.
 * Errors: as of describe. */
penstock_code ps_hbase_look(struct ps_hbase *client, const char *table, struct ps_arena *arena,
                            struct ps_hbase_table *table_out, bool *is_described_out,
                            struct penstock_error *error) PENSTOCK_MUST_USE;

/* Waits until it is there. split_keys: where regions begin, but the first. versions: of each family; 0: one.
 * Errors: ALREADY_EXISTS, NOT_FOUND (the namespace). */
penstock_code ps_hbase_create_table(struct ps_hbase *client, const char *table, const char *const *families,
                                    size_t family_count, int64_t versions, const struct ps_bytes *split_keys,
                                    size_t split_count, struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_hbase_disable_table(struct ps_hbase *client, const char *table, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Of a disabled table. */
penstock_code ps_hbase_delete_table(struct ps_hbase *client, const char *table, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* A call to the active master that starts a procedure; waits until that is finished. Tries again by itself. */
penstock_code ps_hbase_master_procedure(struct ps_hbase *client, const char *method,
                                        const struct ps_buffer *message, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
