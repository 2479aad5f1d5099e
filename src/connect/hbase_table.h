/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_table.h - is a table there, and what is it made of?
 *
 * The master of an HBase with access control shows tables only to those who may change them (the rights A and C), and
 * to others says nothing at all. Who may read or write only finds a table by its regions, which everybody sees. Private
 * to room connect.
 */
#ifndef PS_CONNECT_HBASE_TABLE_H
#define PS_CONNECT_HBASE_TABLE_H

#include "hbase/admin.h"

/* *is_described_out false: it is there, and *table_out is left alone. Errors: NOT_FOUND with the nearest name. */
penstock_code ps_hbase_table_look(struct ps_hbase *client, const char *table, struct ps_arena *arena,
                                  struct ps_hbase_table *table_out, bool *is_described_out,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
