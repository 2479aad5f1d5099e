/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_kafka_quirks.c - topics of a real Kafka as worlds of the sink suite.
 */
#include "connect/sink_kafka.h"

#include <librdkafka/rdkafka.h>
#include <time.h>

#include "sink_servers.h"

#define PARTITIONS 2
#define ANSWER_MS 20000
#define VISIBLE_MS 10000

struct sink_world {
    char name[64]; /* of the sink and of its topic */
    char id[80];
    char other_name[80];
    int open_count;
    struct ps_sink_setup *setup;
    struct ps_kafka_sink_config config;
    struct ps_setting setting;
    struct ps_sink_statement statement;
};

static struct sink_servers *servers;
static rd_kafka_t *reader; /* read_committed, as librdkafka's default is */

static void give_up(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static void create_topic(const char *name) {
    char words[256] = "";
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, PARTITIONS, 1, words, sizeof words);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(reader);
    rd_kafka_CreateTopics(reader, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ANSWER_MS);
    if (event == NULL || rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        give_up(name, "cannot be made");
    }
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(topic);
    for (int i = 0; i < 500; i++) { /* until all of the broker knows it */
        const struct rd_kafka_metadata *metadata = NULL;
        rd_kafka_topic_t *handle = rd_kafka_topic_new(reader, name, NULL);
        const rd_kafka_resp_err_t code = rd_kafka_metadata(reader, 0, handle, &metadata, ANSWER_MS);
        rd_kafka_topic_destroy(handle);
        const bool is_there = code == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->topic_cnt == 1 &&
                              metadata->topics[0].partition_cnt == PARTITIONS &&
                              metadata->topics[0].partitions[0].leader >= 0;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            rd_kafka_metadata_destroy(metadata);
        }
        if (is_there) {
            return;
        }
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    give_up(name, "is made, but nobody knows it");
}

static struct sink_world *make(const struct sink_quirks *quirks) {
    (void)quirks;
    struct sink_world *world = calloc(1, sizeof *world);
    (void)sink_servers_name(servers, world->name, sizeof world->name);
    snprintf(world->id, sizeof world->id, "%s-id", world->name);
    world->config = (struct ps_kafka_sink_config){.topic = world->name,
                                                  .key = "id",
                                                  .transactional_id = world->id,
                                                  .on_other_store = "fail",
                                                  .retry_ms = 20000};
    world->setting = (struct ps_setting){.name = "properties.bootstrap.servers", .value = servers->address};
    world->statement = (struct ps_sink_statement){.settings = &world->setting, .setting_count = 1};
    create_topic(world->name);
    return world;
}

static void destroy(struct sink_world *world) {
    free(world);
}

static const void *config_of(struct sink_world *world) {
    return &world->config;
}

/* Each start keeps its epoch under another name: it has forgotten it. */
static const void *config_of_forgetful(struct sink_world *world) {
    snprintf(world->other_name, sizeof world->other_name, "%s_%d", world->name, ++world->open_count);
    world->setup->name = world->other_name;
    return &world->config;
}

static void set_up(struct sink_world *world, struct ps_sink_setup *setup) {
    world->setup = setup;
    setup->name = world->name;
    setup->statement = &world->statement;
}

static void set_up_without_transactions(struct sink_world *world, struct ps_sink_setup *setup) {
    set_up(world, setup);
    setup->is_at_least_once = true;
}

static void count_message(const rd_kafka_message_t *message, int *times) {
    static const char begin[] = "{\"id\":";
    char text[64] = "";
    ps_check(message->len < sizeof text && message->payload != NULL);
    memcpy(text, message->payload, message->len);
    ps_check(strncmp(text, begin, sizeof begin - 1) == 0);
    const long record = strtol(text + sizeof begin - 1, NULL, 10);
    ps_check(record >= 0 && record < SINK_SUITE_RECORDS);
    char key[24];
    snprintf(key, sizeof key, "%ld", record);
    ps_check(message->key_len == strlen(key) && memcmp(message->key, key, message->key_len) == 0);
    times[record]++;
}

static void count(struct sink_world *world, int *times) {
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(PARTITIONS);
    for (int i = 0; i < PARTITIONS; i++) {
        rd_kafka_topic_partition_list_add(all, world->name, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    ps_check(rd_kafka_assign(reader, all) == RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(all);
    for (int ended = 0; ended < PARTITIONS;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, ANSWER_MS);
        if (message == NULL) {
            give_up(world->name, "cannot be read to its end");
        } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            ended++;
        } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            count_message(message, times);
        } else {
            give_up(world->name, rd_kafka_message_errstr(message));
        }
        rd_kafka_message_destroy(message);
    }
    ps_check(rd_kafka_assign(reader, NULL) == RD_KAFKA_RESP_ERR_NO_ERROR);
}

static const struct sink_quirks exactly_once = {
    .name = "kafka, exactly_once",
    .type = &ps_sink_kafka,
    .visible_ms = VISIBLE_MS,
    .keeps_positions = true,
    .make = make,
    .destroy = destroy,
    .config = config_of,
    .set_up = set_up,
    .count = count,
};
static const struct sink_quirks at_least_once = {
    .name = "kafka, at_least_once",
    .type = &ps_sink_kafka,
    .visible_ms = VISIBLE_MS,
    .keeps_positions = true,
    .is_at_least_once = true,
    .make = make,
    .destroy = destroy,
    .config = config_of,
    .set_up = set_up,
    .count = count,
};
/* Sent without transactions, judged as if it had them. */
static const struct sink_quirks without = {
    .name = "kafka, exactly_once without transactions",
    .type = &ps_sink_kafka,
    .visible_ms = VISIBLE_MS,
    .keeps_positions = true,
    .make = make,
    .destroy = destroy,
    .config = config_of,
    .set_up = set_up_without_transactions,
    .count = count,
};
static const struct sink_quirks forgetful = {
    .name = "kafka, without its epoch",
    .type = &ps_sink_kafka,
    .visible_ms = VISIBLE_MS,
    .make = make,
    .destroy = destroy,
    .config = config_of_forgetful,
    .set_up = set_up,
    .count = count,
};

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char words[256];
    if (rd_kafka_conf_set(conf, name, value, words, sizeof words) != RD_KAFKA_CONF_OK) {
        give_up(name, words);
    }
}

const struct sink_quirks *const *sink_servers_kafka(struct sink_servers *given) {
    static const struct sink_quirks *const list[] = {&exactly_once, &at_least_once, NULL};
    static const struct sink_quirks *const canaries[] = {&without, &forgetful, NULL};
    char words[256];
    servers = given;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", servers->address);
    set(conf, "group.id", "sink_servers");
    set(conf, "enable.partition.eof", "true");
    set(conf, "enable.auto.commit", "false");
    set(conf, "fetch.wait.max.ms", "20");
    set(conf, "topic.metadata.refresh.fast.interval.ms", "20");
    reader = rd_kafka_new(RD_KAFKA_CONSUMER, conf, words, sizeof words);
    if (reader == NULL) {
        give_up("a consumer", words);
    }
    rd_kafka_poll_set_consumer(reader);
    return servers->is_canary ? canaries : list;
}

void sink_servers_kafka_done(void) {
    rd_kafka_destroy(reader);
}
