/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_hbase.h - a table of HBase as a sink; registered in sink_types.c.
 */
#ifndef PS_CONNECT_SINK_HBASE_H
#define PS_CONNECT_SINK_HBASE_H

#include "connect/hbase_login.h"
#include "connect/sink.h"

extern const struct ps_sink_type ps_sink_hbase;

/* The options as they are read; for tests that open a sink without a project. */
struct ps_hbase_sink_config {
    struct ps_hbase_login login;
    const char *table, *family, *rowkey, *mapping;
    const char *on_null, *durability;
    const char *ledger_table;
    const char *on_other_store;
    bool creates_table, creates_ledger;
    int64_t batch_size;
    int64_t retry_ms;
};

#endif
