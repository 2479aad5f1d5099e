/* SPDX-License-Identifier: Apache-2.0
 *
 * source_kafka_test.c - the Kafka source against librdkafka's own mock cluster: what is planned is read, once more
 * after a crash too, whatever the broker or the memory does meanwhile. What needs a real broker is in tests/services.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "base/clock.h"
#include "connect/create.h"

#define MS INT64_C(1000000)

struct world {
    rd_kafka_t *producer;
    rd_kafka_mock_cluster_t *cluster;
    struct ps_arena *arena;
    struct ps_source *source;
    struct ps_source_setup setup;
    struct ps_source_statement statement;
    struct ps_setting settings[12];
    struct ps_position_list positions;
    struct penstock_error error;
    struct ps_buffer text; /* "partition:offset=value " of every message */
};

static struct ps_column_schema columns[] = {{"data", "BLOB", PS_TYPE_BLOB, false}};

static void set(struct world *world, const char *name, const char *value) {
    world->settings[world->statement.setting_count++] = (struct ps_setting){name, value, {"s.sql", 1, 1}};
}

static void begin(struct world *world, int partitions) {
    *world = (struct world){.arena = ps_arena_new(0)};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    assert_int_equal(rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", NULL, 0), RD_KAFKA_CONF_OK);
    assert_int_equal(rd_kafka_conf_set(conf, "linger.ms", "0", NULL, 0), RD_KAFKA_CONF_OK);
    rd_kafka_conf_set_log_cb(conf, NULL);
    world->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
    assert_non_null(world->producer);
    world->cluster = rd_kafka_handle_mock_cluster(world->producer);
    assert_int_equal(rd_kafka_mock_topic_create(world->cluster, "t", partitions, 1), 0);
    ps_buffer_init(&world->text, 1 << 20);
    assert_int_equal(ps_position_list_init(&world->positions, NULL), PENSTOCK_OK);
    world->statement = (struct ps_source_statement){
        .schema = {columns, 1}, .connector = "kafka", .encode = "bytes", .settings = world->settings};
    set(world, "connector", "kafka");
    set(world, "topic", "t");
    set(world, "connect.timeout", "5 s");
    set(world, "properties.bootstrap.servers", rd_kafka_mock_cluster_bootstraps(world->cluster));
    set(world, "properties.fetch.wait.max.ms", "50");
}

/* Opens the source, or opens it again at the committed positions. */
static void start(struct world *world) {
    ps_source_close(ps_take(world->source));
    if (ps_source_create(&world->statement, "s", ".", world->arena, &world->source, &world->setup,
                         &world->error) != PENSTOCK_OK ||
        ps_source_seek(world->source, &world->positions, &world->error) != PENSTOCK_OK) {
        fail_msg("%s (%s)", world->error.message, world->error.detail);
    }
}

static void end(struct world *world) {
    ps_source_close(world->source);
    ps_buffer_done(&world->text);
    ps_position_list_done(&world->positions);
    ps_arena_free(world->arena);
    rd_kafka_destroy(world->producer);
}

static void produce(struct world *world, int partition, const char *prefix, int first, int count) {
    for (int i = first; i < first + count; i++) {
        char value[64];
        const int size = snprintf(value, sizeof value, "%s%d", prefix, i);
        assert_int_equal(rd_kafka_producev(world->producer, RD_KAFKA_V_TOPIC("t"),
                                           RD_KAFKA_V_PARTITION(partition),
                                           RD_KAFKA_V_VALUE(value, (size_t)size),
                                           RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                         RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    assert_int_equal(rd_kafka_flush(world->producer, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

static struct ps_epoch_limits within(int64_t ms) {
    return (struct ps_epoch_limits){.record_count_max = 1000,
                                    .byte_count_max = 1 << 20,
                                    .slice_size = 1 << 20,
                                    .deadline_ns = ps_clock_monotonic_ns() + ms * MS};
}

static penstock_code read_range(struct world *world, const struct ps_range *range) {
    for (size_t i = 0; i < range->slice_count; i++) {
        struct ps_raw raw = {0};
        PS_TRY(ps_source_read(world->source, &range->slices[i], &raw, &world->error));
        for (size_t k = 0; k < raw.message_count; k++) {
            const struct ps_message *message = &raw.messages[k];
            ps_buffer_printf(&world->text, "%s:%lld=%.*s ", range->slices[i].partition.name,
                             (long long)message->offset, (int)message->value.size, message->value.data);
        }
        ps_raw_done(&raw);
    }
    return PENSTOCK_OK;
}

static void commit(struct world *world, const struct ps_range *range) {
    for (size_t i = 0; i < range->end_count; i++) {
        assert_int_equal(ps_position_list_set(&world->positions, &range->ends[i], NULL), PENSTOCK_OK);
    }
}

/* Plans until so many records are there; the ranges' messages are in world->text, the last range is given. */
static struct ps_range *plan(struct world *world) {
    for (int i = 0; i < 100; i++) {
        const struct ps_epoch_limits limits = within(100);
        struct ps_range *range = NULL;
        if (ps_source_plan(world->source, &limits, &range, &world->error) != PENSTOCK_OK) {
            fail_msg("%s (%s)", world->error.message, world->error.detail);
        }
        if (range != NULL && range->slice_count > 0) {
            return range;
        }
        if (range != NULL) {
            commit(world, range); /* first positions */
            ps_range_free(range);
        }
    }
    fail_msg("nothing came");
    return NULL;
}

static void take(struct world *world, const char *expected) {
    ps_buffer_clear(&world->text);
    while (world->text.size < strlen(expected)) {
        struct ps_range *range = plan(world);
        assert_int_equal(read_range(world, range), PENSTOCK_OK);
        commit(world, range);
        ps_range_free(range);
    }
    assert_string_equal(world->text.data, expected);
}

static void records_and_positions(void **state) {
    (void)state;
    struct world world;
    begin(&world, 2);
    produce(&world, 0, "a", 0, 2);
    start(&world);
    take(&world, "t[0]:0=a0 t[0]:1=a1 ");
    assert_int_equal(ps_position_list_find(&world.positions, "t[0]")->offset, 2);
    assert_int_equal(ps_position_list_find(&world.positions, "t[1]")->offset, 0);
    produce(&world, 1, "b", 0, 1);
    take(&world, "t[1]:0=b0 ");
    produce(&world, 0, "a", 2, 1);
    start(&world); /* a new life */
    take(&world, "t[0]:2=a2 ");
    assert_int_equal(ps_source_lag(world.source), 0);
    end(&world);
}

/* first positions are worth an epoch of their own, though the topic is empty */
static void first_positions(void **state) {
    (void)state;
    struct world world;
    begin(&world, 2);
    produce(&world, 1, "b", 0, 3);
    set(&world, "scan.startup.mode", "latest");
    start(&world);
    const struct ps_epoch_limits limits = within(10);
    struct ps_range *range = NULL;
    assert_int_equal(ps_source_plan(world.source, &limits, &range, &world.error), PENSTOCK_OK);
    assert_non_null(range);
    assert_true(range->is_moved);
    assert_int_equal(range->slice_count, 0);
    assert_int_equal(range->end_count, 2);
    assert_int_equal(range->ends[1].offset, 3);
    commit(&world, range);
    ps_range_free(range);
    produce(&world, 1, "b", 3, 1);
    start(&world); /* latest is what it was at the first start */
    take(&world, "t[1]:3=b3 ");
    end(&world);
}

/* A planned range gives the same records again: twice in one life, and after a crash. */
static void a_range_is_read_again(void **state) {
    (void)state;
    struct world world;
    begin(&world, 2);
    produce(&world, 0, "a", 0, 40);
    produce(&world, 1, "b", 0, 30);
    start(&world);
    ps_clock_sleep_ms(300);
    struct ps_range *range = plan(&world);
    produce(&world, 0, "later", 0, 2);
    assert_int_equal(read_range(&world, range), PENSTOCK_OK);
    char *first = ps_duplicate(world.text.data);
    for (int life = 0; life < 2; life++) {
        ps_buffer_clear(&world.text);
        assert_int_equal(read_range(&world, range), PENSTOCK_OK);
        assert_string_equal(world.text.data, first);
        start(&world); /* the epoch was not committed */
        assert_int_equal(ps_source_restore(world.source, range, &world.error), PENSTOCK_OK);
    }
    ps_buffer_clear(&world.text);
    assert_int_equal(read_range(&world, range), PENSTOCK_OK);
    assert_string_equal(world.text.data, first);
    commit(&world, range);
    ps_range_free(range);
    /* and goes on behind it: nothing twice, nothing left out */
    ps_buffer_clear(&world.text);
    while (strstr(world.text.data != NULL ? world.text.data : "", "later1") == NULL) {
        range = plan(&world);
        assert_int_equal(read_range(&world, range), PENSTOCK_OK);
        ps_range_free(range);
    }
    int count = 0;
    for (const char *at = first; (at = strchr(at, '=')) != NULL; at++) {
        count++;
    }
    for (const char *at = world.text.data; (at = strchr(at, '=')) != NULL; at++) {
        count++;
    }
    assert_int_equal(count, 72);
    ps_release(first);
    end(&world);
}

static void limits_hold(void **state) {
    (void)state;
    struct world world;
    begin(&world, 1);
    produce(&world, 0, "", 0, 100);
    start(&world);
    ps_clock_sleep_ms(300);
    int64_t seen = 0;
    while (seen < 100) {
        struct ps_epoch_limits limits = within(100);
        limits.record_count_max = 30;
        limits.slice_size = 16;
        struct ps_range *range = NULL;
        assert_int_equal(ps_source_plan(world.source, &limits, &range, &world.error), PENSTOCK_OK);
        if (range == NULL) {
            continue;
        }
        int64_t count = 0;
        for (size_t i = 0; i < range->slice_count; i++) {
            const int64_t size = range->slices[i].end - range->slices[i].begin;
            assert_true(size <= 16);
            count += size;
        }
        assert_true(count <= 30);
        assert_int_equal(read_range(&world, range), PENSTOCK_OK);
        seen += count;
        ps_range_free(range);
    }
    assert_non_null(strstr(world.text.data, "t[0]:99=99 "));
    end(&world);
}

/* Nothing to read: a plan is back in time, and says so. A run that ends knows that it is drained. */
static void time_and_drain(void **state) {
    (void)state;
    struct world world;
    begin(&world, 2);
    produce(&world, 0, "", 0, 5);
    start(&world);
    take(&world, "t[0]:0=0 t[0]:1=1 t[0]:2=2 t[0]:3=3 t[0]:4=4 ");
    struct ps_epoch_limits limits = within(200);
    struct ps_range *range = NULL;
    const int64_t start_ns = ps_clock_monotonic_ns();
    assert_int_equal(ps_source_plan(world.source, &limits, &range, &world.error), PENSTOCK_OK);
    assert_null(range);
    const int64_t took_ms = (ps_clock_monotonic_ns() - start_ns) / MS;
    assert_true(took_ms >= 150 && took_ms < 2000);
    start(&world);
    produce(&world, 1, "", 5, 3);
    limits.is_once = true;
    assert_int_equal(ps_source_plan(world.source, &limits, &range, &world.error), PENSTOCK_OK);
    assert_non_null(range);
    assert_true(range->is_drained);
    ps_range_free(range);
    produce(&world, 1, "", 8, 3); /* after the beginning of the run */
    assert_int_equal(ps_source_plan(world.source, &limits, &range, &world.error), PENSTOCK_OK);
    assert_null(range);
    end(&world);
}

static void broker_away(void **state) {
    (void)state;
    struct world world;
    begin(&world, 1);
    produce(&world, 0, "", 0, 1);
    start(&world);
    take(&world, "t[0]:0=0 ");
    rd_kafka_mock_broker_set_down(world.cluster, 1);
    for (int i = 0; i < 10; i++) {
        const struct ps_epoch_limits limits = within(50);
        struct ps_range *range = NULL;
        assert_int_equal(ps_source_plan(world.source, &limits, &range, &world.error), PENSTOCK_OK);
        assert_null(range);
    }
    rd_kafka_mock_broker_set_up(world.cluster, 1);
    produce(&world, 0, "", 1, 2);
    take(&world, "t[0]:1=1 t[0]:2=2 ");
    rd_kafka_mock_push_request_errors(world.cluster, 1 /* Fetch */, 3,
                                      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                                      RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR_UNKNOWN);
    produce(&world, 0, "", 3, 1);
    take(&world, "t[0]:3=3 ");
    end(&world);
}

/* Whatever allocation fails, nothing is lost or doubled by planning again. */
static void memory_runs_out(void **state) {
    (void)state;
    struct world world;
    begin(&world, 1);
    produce(&world, 0, "", 0, 1);
    start(&world);
    take(&world, "t[0]:0=0 "); /* from here on the wrapper has its list of positions and needs no memory */
    ps_buffer_clear(&world.text);
    produce(&world, 0, "", 1, 4);
    int failures = 0;
    for (int call = 1; call < 200 && world.text.size == 0; call++) {
        const struct ps_epoch_limits limits = within(300);
        struct ps_range *range = NULL;
        ps_memory_fail_at(call);
        const penstock_code code = ps_source_plan(world.source, &limits, &range, &world.error);
        ps_memory_fail_at(0);
        if (range != NULL) {
            assert_int_equal(read_range(&world, range), PENSTOCK_OK);
            ps_range_free(range);
        }
        assert_int_equal(code, code == PENSTOCK_OK ? PENSTOCK_OK : PENSTOCK_OUT_OF_MEMORY);
        failures += code != PENSTOCK_OK ? 1 : 0;
    }
    assert_true(failures > 3);
    assert_non_null(world.text.data);
    assert_string_equal(world.text.data, "t[0]:1=1 t[0]:2=2 t[0]:3=3 t[0]:4=4 ");
    end(&world);
}

static void headers_as_json(void **state) {
    (void)state;
    struct world world;
    begin(&world, 1);
    rd_kafka_headers_t *headers = rd_kafka_headers_new(4);
    rd_kafka_header_add(headers, "text", -1, "a\"\n\xC3\xA4", -1);
    rd_kafka_header_add(headers, "bytes", -1, "\xff\x00\x01\x02", 4);
    rd_kafka_header_add(headers, "none", -1, NULL, 0);
    rd_kafka_header_add(headers, "text", -1, "", 0);
    assert_int_equal(rd_kafka_producev(world.producer, RD_KAFKA_V_TOPIC("t"), RD_KAFKA_V_PARTITION(0),
                                       RD_KAFKA_V_KEY("k", 1), RD_KAFKA_V_HEADERS(headers),
                                       RD_KAFKA_V_TIMESTAMP(42), RD_KAFKA_V_END),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(rd_kafka_flush(world.producer, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
    start(&world);
    struct ps_range *range = plan(&world);
    struct ps_raw raw = {0};
    assert_int_equal(ps_source_read(world.source, &range->slices[0], &raw, &world.error), PENSTOCK_OK);
    const struct ps_message *message = &raw.messages[0];
    static const char expected[] =
        "{\"text\":\"a\\\"\\n\xC3\xA4\",\"bytes\":\"base64:/wABAg==\",\"none\":null,\"text\":\"\"}";
    struct ps_arena *arena = ps_arena_new(0);
    struct ps_bytes read;
    assert_int_equal(ps_message_headers(message, arena, &read, &world.error), PENSTOCK_OK);
    assert_true(ps_bytes_equal(read, PS_BYTES(expected)));
    ps_arena_free(arena);
    assert_null(message->value.data);
    assert_true(ps_bytes_equal(message->key, PS_BYTES("k")));
    assert_int_equal(message->timestamp_ms, 42);
    ps_raw_done(&raw);
    ps_range_free(range);
    end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_and_positions), cmocka_unit_test(first_positions),
        cmocka_unit_test(a_range_is_read_again), cmocka_unit_test(limits_hold),
        cmocka_unit_test(time_and_drain),        cmocka_unit_test(broker_away),
        cmocka_unit_test(memory_runs_out),       cmocka_unit_test(headers_as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
