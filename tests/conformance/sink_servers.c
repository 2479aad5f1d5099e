/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_servers.c - the sink suite over sinks that need a server; tests/services starts the servers.
 *
 *   sink_servers postgres CONNECTION     appending and upserting into PostgreSQL
 *   sink_servers kafka ADDRESSES         producing to Kafka, in transactions and without
 *   sink_servers hbase MASTERS           writing to HBase, with timestamps of the records and without
 *   ... canary                           the same sinks made to forget where they were: they must not pass
 *
 * Every world is a table or topic of its own, so that one server serves the whole suite.
 */
#include "sink_servers.h"

#include <string.h>

const char *sink_servers_name(struct sink_servers *servers, char *name_out, size_t size) {
    snprintf(name_out, size, "suite_%d_%d", servers->is_canary ? 1 : 0, ++servers->world_count);
    return name_out;
}

/* Runs the suite; a canary must not pass. */
static int judge(const struct sink_quirks *quirks, bool is_canary) {
    const char *fault = sink_suite_run(quirks);
    if (is_canary) {
        printf("%s, as a canary: %s\n", quirks->name, fault != NULL ? fault : "it passed, which is wrong");
        return fault != NULL ? 0 : 1;
    }
    printf("%s: %s\n", quirks->name, fault != NULL ? fault : "passed");
    return fault != NULL ? 1 : 0;
}

struct kind {
    const char *name;
    const struct sink_quirks *const *(*begin)(struct sink_servers *servers);
    void (*end)(void);
};
static const struct kind kinds[] = {{"postgres", sink_servers_postgres, sink_servers_postgres_done},
                                    {"kafka", sink_servers_kafka, sink_servers_kafka_done},
                                    {"hbase", sink_servers_hbase, sink_servers_hbase_done}};

int main(int count, char **arguments) {
    const struct kind *kind = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        kind = count > 2 && strcmp(arguments[1], kinds[i].name) == 0 ? &kinds[i] : kind;
    }
    if (kind == NULL) {
        fprintf(stderr, "usage: sink_servers postgres|kafka|hbase ADDRESS [canary]\n");
        return 2;
    }
    struct sink_servers servers = {.address = arguments[2],
                                   .is_canary = count > 3 && strcmp(arguments[3], "canary") == 0};
    setvbuf(stdout, NULL, _IOLBF, 0);
    const struct sink_quirks *const *list = kind->begin(&servers);
    int failures = 0;
    for (size_t i = 0; list[i] != NULL; i++) {
        failures += judge(list[i], servers.is_canary);
    }
    kind->end();
    return failures > 0 ? 1 : 0;
}
