/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_hbase_quirks.c - rows of one table of a real HBase as worlds of the sink suite.
 *
 * HBase shows an epoch's rows before it is committed, and the same cells written again are the same cells: what tells
 * is the number of versions of each. The family keeps ten. A sink that leaves the timestamps to the server's clock, but
 * is held to exactly once, is the canary that must be caught by it.
 */
#include <stdlib.h>

#include "connect/sink_hbase.h"
#include "hbase/admin.h"
#include "hbase/scan.h"
#include "sink_servers.h"

#define TABLE "suite"
#define MADE_COUNT 3

struct sink_world {
    char name[64]; /* of the sink, and what its row keys begin with */
    char rowkey[96];
    const char *ledgers[2];
    int open_count;
    struct ps_hbase_sink_config config;
};

static struct sink_servers *servers;
static struct ps_hbase *reader; /* not the sink's connection */

static void must(penstock_code code, const struct penstock_error *error) {
    if (code != PENSTOCK_OK) {
        fprintf(stderr, "%s (%s)\n", error->message, error->detail);
        exit(1);
    }
}

static struct sink_world *make(const char *mapping, bool forgets) {
    struct sink_world *world = calloc(1, sizeof *world);
    (void)sink_servers_name(servers, world->name, sizeof world->name);
    snprintf(world->rowkey, sizeof world->rowkey, "\"%s|\" id", world->name);
    world->ledgers[0] = "suite_epochs";
    world->ledgers[1] = forgets ? "suite_forgetful" : "suite_epochs";
    world->config =
        (struct ps_hbase_sink_config){.login = {.masters = servers->address},
                                      .table = TABLE,
                                      .rowkey = world->rowkey,
                                      .mapping = mapping,
                                      .on_null = "skip",
                                      .durability = "table",
                                      .ledger_table = "suite_epochs",
                                      .on_other_store = "fail",
                                      .batch_size = 100, /* rows are sent while the epoch is written */
                                      .retry_ms = 20000};
    return world;
}

static struct sink_world *make_stamped(const struct sink_quirks *quirks) {
    (void)quirks;
    return make("ts :timestamp, value f:value", servers->is_canary);
}

static struct sink_world *make_unstamped(const struct sink_quirks *quirks) {
    (void)quirks;
    return make("ts f:ts, value f:value", servers->is_canary);
}

static struct sink_world *make_clocked(const struct sink_quirks *quirks) {
    (void)quirks;
    return make("ts f:ts, value f:value", false);
}

static void destroy(struct sink_world *world) {
    free(world);
}

static const void *config_of(struct sink_world *world) {
    world->config.ledger_table = world->ledgers[world->open_count++ % 2];
    return &world->config;
}

static void set_up(struct sink_world *world, struct ps_sink_setup *setup) {
    static const char *const names[] = {"id", "ts", "value"};
    static const char *const types[] = {"VARCHAR", "TIMESTAMP", "BIGINT"};
    setup->name = world->name;
    setup->column_names = names;
    setup->column_types = types;
    setup->column_count = 3;
}

static void set_up_canary(struct sink_world *world, struct ps_sink_setup *setup) {
    set_up(world, setup);
    setup->is_at_least_once = true; /* it is believed, and the suite is not told */
}

/* How many versions of f:value there are of each record. */
static void count(struct sink_world *world, int *times) {
    struct ps_hbase_scan *scan PS_SCOPED(ps_hbase_scan_close_scoped) = NULL;
    struct penstock_error error = {0};
    const size_t prefix = strlen(world->name) + 1;
    char start[80], stop[80];
    const struct ps_hbase_column column = {.family = PS_BYTES("f"), .qualifier = PS_BYTES("value")};
    snprintf(start, sizeof start, "%s|", world->name);
    snprintf(stop, sizeof stop, "%s}", world->name);
    const struct ps_hbase_scan_options options = {.table = TABLE,
                                                  .range = {.start_row = ps_bytes_of(start),
                                                            .stop_row = ps_bytes_of(stop),
                                                            .columns = &column,
                                                            .column_count = 1,
                                                            .versions = 10}};
    must(ps_hbase_scan_open(reader, &options, &scan, &error), &error);
    for (;;) {
        struct ps_hbase_row row;
        must(ps_hbase_scan_next(scan, &row, &error), &error);
        if (row.cell_count == 0) {
            return;
        }
        char digits[24] = "";
        ps_check(row.key.size > prefix && row.key.size - prefix < sizeof digits);
        memcpy(digits, row.key.data + prefix, row.key.size - prefix);
        const int record = atoi(digits);
        ps_check(record >= 0 && record < SINK_SUITE_RECORDS);
        times[record] = (int)row.cell_count;
    }
}

#define SELECT "CAST(i AS VARCHAR) AS id, make_timestamp_ms(1000 + i) AS ts, i * i AS value"
static const struct sink_quirks stamped = {
    .name = "hbase, timestamps of the records",
    .type = &ps_sink_hbase,
    .keeps_positions = true,
    .is_early = true,
    .select = SELECT,
    .make = make_stamped,
    .destroy = destroy,
    .config = config_of,
    .set_up = set_up,
    .count = count,
};
static const struct sink_quirks unstamped = {
    .name = "hbase, at least once",
    .type = &ps_sink_hbase,
    .keeps_positions = true,
    .is_at_least_once = true,
    .select = SELECT,
    .make = make_unstamped,
    .destroy = destroy,
    .config = config_of,
    .set_up = set_up,
    .count = count,
};
static const struct sink_quirks clocked = {
    .name = "hbase, timestamps of the clock",
    .type = &ps_sink_hbase,
    .keeps_positions = true,
    .is_early = true,
    .select = SELECT,
    .make = make_clocked,
    .destroy = destroy,
    .config = config_of,
    .set_up = set_up_canary,
    .count = count,
};

const struct sink_quirks *const *sink_servers_hbase(struct sink_servers *given) {
    static const struct sink_quirks *const list[] = {&stamped, &unstamped, NULL};
    static const struct sink_quirks *const canaries[] = {&stamped, &unstamped, &clocked, NULL};
    static const char *const tables[MADE_COUNT][2] = {
        {TABLE, "f"}, {"suite_epochs", "p"}, {"suite_forgetful", "p"}};
    struct penstock_error error = {0};
    const struct ps_hbase_options options = {.masters = given->address};
    servers = given;
    must(ps_hbase_open(&options, &reader, &error), &error);
    for (size_t i = 0; i < MADE_COUNT; i++) {
        const penstock_code code =
            ps_hbase_create_table(reader, tables[i][0], &tables[i][1], 1, 10, NULL, 0, &error);
        must(code == PENSTOCK_ALREADY_EXISTS ? PENSTOCK_OK : code, &error);
    }
    return given->is_canary ? canaries : list;
}

void sink_servers_hbase_done(void) {
    ps_hbase_close(reader);
}
