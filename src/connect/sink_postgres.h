/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_postgres.h - a table of PostgreSQL as a sink; registered in sink_types.c.
 */
#ifndef PS_CONNECT_SINK_POSTGRES_H
#define PS_CONNECT_SINK_POSTGRES_H

#include "connect/sink.h"

extern const struct ps_sink_type ps_sink_postgres;

/* The options as they are read; for tests that open a sink without a project. */
struct ps_postgres_config {
    const char *connection;
    const char *table;
    const char *mode;
    const char *key;
    const char *positions_table;
    const char *on_other_store;
    bool create_table;
    int64_t retry_ms;
};

#endif
