/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_servers.h - the parts of sink_servers.c: what each server's sinks bring to the suite.
 */
#ifndef TESTS_CONFORMANCE_SINK_SERVERS_H
#define TESTS_CONFORMANCE_SINK_SERVERS_H

#include "sink_suite.h"

struct sink_servers {
    const char *address;
    bool is_canary;
    int world_count;
};

/* A name that no other world of this run has. */
const char *sink_servers_name(struct sink_servers *servers, char *name_out, size_t size);

/* NULL-terminated. One call of either in a process. */
const struct sink_quirks *const *sink_servers_postgres(struct sink_servers *servers);
void sink_servers_postgres_done(void);
const struct sink_quirks *const *sink_servers_kafka(struct sink_servers *servers);
void sink_servers_kafka_done(void);
const struct sink_quirks *const *sink_servers_hbase(struct sink_servers *servers);
void sink_servers_hbase_done(void);

#endif
