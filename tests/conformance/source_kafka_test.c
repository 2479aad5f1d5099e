/* SPDX-License-Identifier: Apache-2.0
 *
 * source_kafka_test.c - the suite of all sources over the Kafka source, on librdkafka's own mock cluster.
 *
 * A plan of a broker's records is what has arrived by then, so the suite's plans get time to wait, and its check that
 * the same position gives the same plan is not for this source: that a plan once made gives the same records for ever
 * is what its epochs stand on, and what the other checks look at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "base/clock.h"
#include "connect/create.h"
#include "source_suite.h"

#define PARTITION_COUNT 8
#define WAIT_NS (INT64_C(800) * 1000000)

struct source_world {
    rd_kafka_t *producer;
    rd_kafka_mock_cluster_t *cluster;
    struct ps_arena *arena;
    struct ps_source_statement statement;
    struct ps_setting settings[5];
    char name[32];
};

static struct ps_column_schema columns[] = {{"part", "INTEGER", PS_TYPE_INTEGER, false},
                                            {"number", "INTEGER", PS_TYPE_INTEGER, false},
                                            {"note", "VARCHAR", PS_TYPE_VARCHAR, false}};

static struct source_world *make(const struct source_quirks *quirks) {
    (void)quirks;
    struct source_world *world = calloc(1, sizeof(*world));
    world->arena = ps_arena_new(0);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    assert_int_equal(rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", NULL, 0), RD_KAFKA_CONF_OK);
    rd_kafka_conf_set_log_cb(conf, NULL);
    world->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
    assert_non_null(world->producer);
    world->cluster = rd_kafka_handle_mock_cluster(world->producer);
    assert_int_equal(rd_kafka_mock_topic_create(world->cluster, "t", PARTITION_COUNT, 1), 0);
    const char *pairs[] = {"connector",
                           "kafka",
                           "topic",
                           "t",
                           "properties.bootstrap.servers",
                           rd_kafka_mock_cluster_bootstraps(world->cluster),
                           "properties.fetch.wait.max.ms",
                           "20"};
    for (size_t i = 0; i < 4; i++) {
        world->settings[i] = (struct ps_setting){pairs[2 * i], pairs[2 * i + 1], {"s.sql", 1, 1}};
    }
    world->statement = (struct ps_source_statement){.schema = {columns, 3},
                                                    .connector = "kafka",
                                                    .encode = "json",
                                                    .settings = world->settings,
                                                    .setting_count = 4};
    return world;
}

static void destroy(struct source_world *world) {
    rd_kafka_destroy(world->producer);
    ps_arena_free(world->arena);
    free(world);
}

static struct ps_source *open_topic(struct source_world *world, const struct source_quirks *quirks,
                                    struct ps_source_setup *setup_out) {
    struct penstock_error error = {0};
    struct ps_source *source = NULL, *waiting = NULL;
    if (ps_source_create(&world->statement, "s", ".", world->arena, &source, setup_out, &error) !=
        PENSTOCK_OK) {
        fail_msg("%s", error.message);
    }
    ps_source_close(source); /* it made the setup; the suite's type waits for what was just written */
    struct ps_option const *options = quirks->type->options;
    void *config = ps_arena_allocate(world->arena, 1, quirks->type->config_size);
    assert_int_equal(ps_option_defaults(options, config, world->arena, &error), PENSTOCK_OK);
    assert_int_equal(ps_option_set(options, config, "topic", "t", world->arena, &error), PENSTOCK_OK);
    if (ps_source_open(quirks->type, setup_out, config, &waiting, &error) != PENSTOCK_OK) {
        fail_msg("%s", error.message);
    }
    struct ps_position_list nowhere;
    assert_int_equal(ps_position_list_init(&nowhere, &error), PENSTOCK_OK);
    if (ps_source_seek(waiting, &nowhere, &error) != PENSTOCK_OK) {
        fail_msg("%s", error.message);
    }
    ps_position_list_done(&nowhere);
    return waiting;
}

/* Every 13th record is bad, and can still be told by (partition, number). */
static void append(struct source_world *world, int partition, int first, int count) {
    for (int number = first; number < first + count; number++) {
        char text[128];
        const int size =
            number % 13 == 0
                ? snprintf(text, sizeof text, "{\"part\":%d,\"number\":%d,", partition, number)
                : snprintf(text, sizeof text, "{\"note\":\"%.*s\",\"part\":%d,\"number\":%d}", number % 40,
                           "a note that is now short and then longer", partition, number);
        assert_int_equal(rd_kafka_producev(world->producer, RD_KAFKA_V_TOPIC("t"),
                                           RD_KAFKA_V_PARTITION(partition),
                                           RD_KAFKA_V_VALUE(text, (size_t)size),
                                           RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                         RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    assert_int_equal(rd_kafka_flush(world->producer, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

static bool identify(struct ps_bytes raw, int *partition_out, int *number_out) {
    char text[64];
    snprintf(text, sizeof(text), "%.*s", (int)(raw.size < 60 ? raw.size : 60), raw.data);
    return sscanf(text, "{\"part\":%d,\"number\":%d", partition_out, number_out) == 2;
}

static const char *name_of(struct source_world *world, int partition) {
    snprintf(world->name, sizeof world->name, "t[%d]", partition);
    return world->name;
}

/* The suite's plans do not say how long they may wait. */
static penstock_code plan_waiting(void *state, const struct ps_epoch_limits *limits, struct ps_range *range,
                                  struct penstock_error *error) {
    struct ps_epoch_limits own = *limits;
    own.record_count_max = own.record_count_max > 0 ? own.record_count_max : 100000;
    own.deadline_ns = ps_clock_monotonic_ns() + WAIT_NS;
    return ps_source_type_find("kafka")->plan(state, &own, range, error);
}

static struct source_quirks quirks_of(const struct ps_source_type *type) {
    return (struct source_quirks){.name = "kafka",
                                  .type = type,
                                  .make = make,
                                  .destroy = destroy,
                                  .open = open_topic,
                                  .append = append,
                                  .can_grow = true,
                                  .plans_what_came = true,
                                  .partition_name = name_of,
                                  .record_count = 100,
                                  .has_bad_records = true,
                                  .identify = identify};
}

static void kafka_passes(void **state) {
    (void)state;
    struct ps_source_type type = *ps_source_type_find("kafka");
    type.plan = plan_waiting;
    const struct source_quirks quirks = quirks_of(&type);
    const char *fault = source_suite_run(&quirks);
    if (fault != NULL) {
        fail_msg("%s", fault);
    }
}

/* A canary: the last message of each slice is not handed over. */
static penstock_code read_less(void *state, const struct ps_slice *slice, struct ps_raw *raw_out,
                               struct penstock_error *error) {
    PS_TRY(ps_source_type_find("kafka")->read(state, slice, raw_out, error));
    raw_out->message_count--;
    return PENSTOCK_OK;
}

static void one_that_forgets_does_not(void **state) {
    (void)state;
    struct ps_source_type type = *ps_source_type_find("kafka");
    type.plan = plan_waiting;
    type.read = read_less;
    const struct source_quirks quirks = quirks_of(&type);
    const char *fault = source_suite_run(&quirks);
    assert_non_null(fault);
    assert_non_null(strstr(fault, "partition 0 gave 99 records of 100"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(kafka_passes),
                                       cmocka_unit_test(one_that_forgets_does_not)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
