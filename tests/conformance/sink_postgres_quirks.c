/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_postgres_quirks.c - tables of a real PostgreSQL as worlds of the sink suite.
 */
#include "connect/postgres_client.h"
#include "connect/sink_postgres.h"
#include "sink_servers.h"

struct sink_world {
    char name[64]; /* of the sink and of its table */
    char ledger[96];
    int open_count;
    struct ps_postgres_config config;
};

static struct sink_servers *servers;
static struct ps_postgres reader; /* not the sink's connection */

static void run(const char *sql, PGresult **result_out) {
    struct penstock_error error = {0};
    if (ps_postgres_run(&reader, "look", sql, NULL, 0, result_out, &error) != PENSTOCK_OK) {
        fprintf(stderr, "%s: %s (%s)\n", sql, error.message, error.detail);
        exit(1);
    }
}

static struct sink_world *make(const char *mode, const char *key, const char *columns) {
    struct sink_world *world = calloc(1, sizeof *world);
    char sql[256];
    (void)sink_servers_name(servers, world->name, sizeof world->name);
    world->config = (struct ps_postgres_config){.connection = servers->address,
                                                .table = world->name,
                                                .mode = mode,
                                                .key = key,
                                                .positions_table = "penstock_sink_positions",
                                                .on_other_store = "fail",
                                                .retry_ms = 5000};
    snprintf(sql, sizeof sql, "CREATE TABLE %s (%s)", world->name, columns);
    run(sql, NULL);
    return world;
}

static struct sink_world *make_append(const struct sink_quirks *quirks) {
    (void)quirks;
    return make("append", NULL, "id bigint");
}

/* An upsert hides rows that come twice: how often a key was written is counted by a trigger's column. */
static struct sink_world *make_upsert(const struct sink_quirks *quirks) {
    (void)quirks;
    struct sink_world *world = make("upsert", "id", "id bigint PRIMARY KEY, times int NOT NULL DEFAULT 1");
    char sql[512];
    snprintf(
        sql, sizeof sql,
        "CREATE FUNCTION %s_count() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.times := OLD.times + 1;"
        " RETURN NEW; END'; CREATE TRIGGER counted BEFORE UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION %s_count()",
        world->name, world->name, world->name);
    run(sql, NULL);
    return world;
}

static void destroy(struct sink_world *world) {
    char sql[256];
    snprintf(sql, sizeof sql, "DROP TABLE %s; DROP FUNCTION IF EXISTS %s_count()", world->name, world->name);
    run(sql, NULL);
    free(world);
}

static const void *config_of(struct sink_world *world) {
    if (servers->is_canary) { /* each start keeps its epochs in a table of its own: it has forgotten them */
        snprintf(world->ledger, sizeof world->ledger, "%s_ledger_%d", world->name, ++world->open_count);
        world->config.positions_table = world->ledger;
    }
    return &world->config;
}

static void set_up(struct sink_world *world, struct ps_sink_setup *setup) {
    setup->name = world->name;
}

static void count_with(const char *sql, int *times) {
    PGresult *result PS_SCOPED(ps_postgres_clear_scoped) = NULL;
    run(sql, &result);
    for (int i = 0; i < PQntuples(result); i++) {
        const int record = atoi(PQgetvalue(result, i, 0));
        ps_check(record >= 0 && record < SINK_SUITE_RECORDS);
        times[record] = atoi(PQgetvalue(result, i, 1));
    }
}

static void count_append(struct sink_world *world, int *times) {
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT id, count(*) FROM %s GROUP BY id", world->name);
    count_with(sql, times);
}

static void count_upsert(struct sink_world *world, int *times) {
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT id, times FROM %s", world->name);
    count_with(sql, times);
}

static const struct sink_quirks append = {
    .name = "postgres, append",
    .type = &ps_sink_postgres,
    .keeps_positions = true,
    .make = make_append,
    .destroy = destroy,
    .config = config_of,
    .set_up = set_up,
    .count = count_append,
};
static const struct sink_quirks upsert = {
    .name = "postgres, upsert",
    .type = &ps_sink_postgres,
    .keeps_positions = true,
    .make = make_upsert,
    .destroy = destroy,
    .config = config_of,
    .set_up = set_up,
    .count = count_upsert,
};

const struct sink_quirks *const *sink_servers_postgres(struct sink_servers *given) {
    static const struct sink_quirks *const list[] = {&append, &upsert, NULL};
    struct penstock_error error = {0};
    servers = given;
    reader = (struct ps_postgres){
        .what = "the suite", .connection = servers->address, .application = "sink_servers"};
    if (ps_postgres_connect(&reader, &error) != PENSTOCK_OK) {
        fprintf(stderr, "%s (%s)\n", error.message, error.detail);
        exit(1);
    }
    return list;
}

void sink_servers_postgres_done(void) {
    ps_postgres_close(&reader);
}
