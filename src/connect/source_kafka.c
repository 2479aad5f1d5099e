/* SPDX-License-Identifier: Apache-2.0
 *
 * source_kafka.c - topics of Kafka brokers as a source: its options and its row of the connector table.
 *
 * A partition is a partition of a topic, "orders[3]"; a position is the offset to read next. The positions are the
 * store's; the group is told them after each epoch so that lag can be watched with Kafka's own tools, and nothing
 * depends on that. What the files of this connector do: kafka_source.h.
 */
#include "connect/source_kafka.h"

#include <inttypes.h>
#include <regex.h>

#include "base/clock.h"
#include "connect/kafka_source.h"
#include "connect/settings.h"

/* The group is told at most so often; what is left at the end is waited for a moment. */
#define TELL_INTERVAL_NS INT64_C(1000000000)
#define TELL_LAST_MS 1000

static const struct ps_option kafka_options[] = {
    {.name = "topic",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_kafka_config, topic),
     .help = "topics to read, several with commas",
     .since = "0.1"},
    {.name = "topic.pattern",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_kafka_config, topic_pattern),
     .help = "instead of topic: a regular expression (POSIX, extended) for whole names; new topics are found",
     .since = "0.1"},
    {.name = "scan.startup.mode",
     .type = PS_OPTION_CHOICE,
     .default_text = "earliest",
     .choices = "earliest|latest|timestamp|group-offsets|specific",
     .offset = offsetof(struct ps_kafka_config, startup_mode),
     .help = "where to begin at the first start; later the store knows",
     .since = "0.1"},
    {.name = "scan.startup.timestamp",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_kafka_config, startup_timestamp),
     .help = "for 'timestamp': '2026-01-31 12:00:00' (UTC) or milliseconds since 1970",
     .since = "0.1"},
    {.name = "scan.startup.specific.offsets",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_kafka_config, startup_offsets),
     .help = "for 'specific': 'partition:0,offset:42;partition:1,offset:300', with several topics "
             "'topic:a,partition:0,offset:42'",
     .since = "0.1"},
    {.name = "scan.bounded",
     .type = PS_OPTION_CHOICE,
     .default_text = "none",
     .choices = "none|latest|timestamp|group-offsets|specific",
     .offset = offsetof(struct ps_kafka_config, bounded),
     .help = "where to end for ever; fixed at the first start and stored",
     .since = "0.1"},
    {.name = "scan.bounded.timestamp",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_kafka_config, bounded_timestamp),
     .help = "as scan.startup.timestamp",
     .since = "0.1"},
    {.name = "scan.bounded.specific.offsets",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_kafka_config, bounded_offsets),
     .help = "as scan.startup.specific.offsets; the record at the offset is not read any more",
     .since = "0.1"},
    {.name = "on_offset_lost",
     .type = PS_OPTION_CHOICE,
     .default_text = "fail",
     .choices = "fail|earliest|latest",
     .offset = offsetof(struct ps_kafka_config, on_offset_lost),
     .help = "the broker no longer has the position (retention, topic made again): stop, or go on there",
     .since = "0.1"},
    {.name = "discovery.interval",
     .type = PS_OPTION_DURATION,
     .default_text = "10 s",
     .offset = offsetof(struct ps_kafka_config, discovery_ms),
     .help = "how often new partitions, new topics and topics made again are looked for; 0: never",
     .since = "0.1"},
    {.name = "connect.timeout",
     .type = PS_OPTION_DURATION,
     .default_text = "30 s",
     .value_min = 100,
     .value_max = 3600000,
     .offset = offsetof(struct ps_kafka_config, connect_ms),
     .help = "how long a broker may take to answer at the start; later it may be away for any time",
     .since = "0.1"},
    {.name = NULL},
};

static const char *const kafka_encodes[] = {"json", "csv", "avro", "protobuf", "bytes", NULL};

/* The consumer. Sizes: the queue of all partitions together holds 64 MiB, with fetches under way about twice that. */
#define GROUP_ROW 0
static const struct ps_kafka_property kafka_properties[] = {
    {"group.id", NULL, NULL},
    {"client.id", "penstock", NULL},
    {"enable.auto.commit", "false", "the store keeps the positions, together with the output"},
    {"enable.auto.offset.store", "false", "the store keeps the positions, together with the output"},
    {"auto.commit.interval.ms", NULL, "the store keeps the positions, together with the output"},
    {"auto.offset.reset", "error", "scan.startup.mode says where to begin, on_offset_lost what to do later"},
    {"enable.partition.eof", "true", "it tells where partitions end"},
    {"allow.auto.create.topics", "false", "reading makes no topics"},
    {"queued.min.messages", "1000000", NULL},
    {"queued.max.messages.kbytes", "65536", NULL},
    {"fetch.message.max.bytes", "2097152", NULL},
    {"fetch.max.bytes", "16777216", NULL},
    {"fetch.queue.backoff.ms", "10", NULL},
    {"check.crcs", "true", NULL},
    {"reconnect.backoff.max.ms", "2000", NULL},
    /* no group is joined: this is only how long closing waits for a commit whose coordinator is away */
    {"session.timeout.ms", "2000", "no group is joined"},
    {"socket.keepalive.enable", "true", NULL},
    {NULL, NULL, NULL},
};
#define PROPERTY_COUNT (sizeof kafka_properties / sizeof kafka_properties[0])

/* What a client is made from; `rows` are the properties with the group in its place. */
static struct ps_kafka_setup client_setup(const struct ps_source_setup *setup, const char *what,
                                          const char *group, struct ps_kafka_property rows[PROPERTY_COUNT]) {
    memcpy(rows, kafka_properties, sizeof kafka_properties);
    rows[GROUP_ROW].value = group;
    return (struct ps_kafka_setup){.what = what,
                                   .settings = setup->statement->settings,
                                   .setting_count = setup->statement->setting_count,
                                   .properties = rows};
}

static const char *given(const struct ps_source_setup *setup, const char *name) {
    for (size_t i = 0; i < setup->statement->setting_count; i++) {
        if (strcmp(setup->statement->settings[i].name, name) == 0) {
            return setup->statement->settings[i].value;
        }
    }
    return NULL;
}

static bool is_text(const char *text) {
    return text != NULL && text[0] != '\0';
}

static penstock_code check_topic(const struct ps_kafka_config *config, const char *what,
                                 struct penstock_error *error) {
    if (is_text(config->topic) == is_text(config->topic_pattern)) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                           is_text(config->topic) ? "%s has both a topic and a topic.pattern"
                                                  : "%s does not say which topic to read",
                           what);
        return ps_error_hint(error, "topic = 'orders' (several with commas), or topic.pattern = 'orders-.*'");
    }
    if (is_text(config->topic)) {
        return PENSTOCK_OK;
    }
    regex_t pattern;
    const int result = regcomp(&pattern, config->topic_pattern, REG_EXTENDED | REG_NOSUB);
    if (result == 0) {
        regfree(&pattern);
        return PENSTOCK_OK;
    }
    char words[200];
    regerror(result, &pattern, words, sizeof words);
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: topic.pattern '%s' is not a regular expression",
                       what, config->topic_pattern);
    return ps_error_detail(error, "%s", words);
}

/* Everything about the statement that can be wrong without a broker. */
static penstock_code kafka_check(const struct ps_source_setup *setup, const void *config,
                                 struct penstock_error *error) {
    struct ps_buffer what PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&what, 400);
    ps_buffer_printf(&what, "source %s", setup->name);
    PS_TRY(ps_buffer_status(&what, error));
    struct ps_kafka_property rows[PROPERTY_COUNT];
    const struct ps_kafka_setup client = client_setup(setup, what.data, "penstock", rows);
    penstock_code code = check_topic(config, what.data, error);
    if (code == PENSTOCK_OK) {
        code = ps_kafka_check_scan(config, what.data, error);
    }
    if (code != PENSTOCK_OK) {
        return setup->statement->setting_count > 0
                   ? ps_settings_blame(error, setup->statement->settings[0].location, code)
                   : code;
    }
    return ps_kafka_check(&client, error);
}

/* --- open and close --------------------------------------------------------------------------------------- */

/* Tells the group what it was not told yet. Not by the admin API: librdkafka 2.11 ends the process when a group's
 * coordinator goes away in the middle of such a request (its pull request 5397). */
static void tell(struct ps_kafka_source *source) {
    source->telling = rd_kafka_queue_new(source->client->handle);
    if (rd_kafka_commit_queue(source->client->handle, source->untold, source->telling, NULL, NULL) !=
        RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_queue_destroy(source->telling);
        source->telling = NULL;
    }
    rd_kafka_topic_partition_list_destroy(source->untold);
    source->untold = NULL;
    source->told_ns = ps_clock_monotonic_ns();
}

/* Is nothing under way to the group any more? What it answers does not matter. */
static bool is_told(struct ps_kafka_source *source, int wait_ms) {
    if (source->telling == NULL) {
        return true;
    }
    rd_kafka_event_t *event = rd_kafka_queue_poll(source->telling, wait_ms);
    if (event == NULL) {
        return false;
    }
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(source->telling);
    source->telling = NULL;
    return true;
}

/* The last positions for the group, if it answers soon. */
static void tell_last(struct ps_kafka_source *source) {
    if (is_told(source, TELL_LAST_MS) && source->untold != NULL) {
        tell(source);
        (void)is_told(source, TELL_LAST_MS);
    }
    if (source->untold != NULL) {
        rd_kafka_topic_partition_list_destroy(source->untold);
    }
    if (source->telling != NULL) {
        rd_kafka_queue_destroy(source->telling);
    }
}

static void kafka_close(void *state) {
    struct ps_kafka_source *source = state;
    if (source == NULL) {
        return;
    }
    if (source->client != NULL) {
        tell_last(source);
        ps_kafka_drop_batch(source);
    }
    ps_kafka_drop_held(source);
    for (size_t i = 0; i < source->topic_count; i++) {
        ps_release(source->topics[i]->partitions);
    }
    if (source->discovery != NULL) {
        rd_kafka_queue_destroy(source->discovery);
    }
    if (source->queue != NULL) {
        rd_kafka_queue_destroy(source->queue);
    }
    ps_kafka_close(source->client);
    ps_release(source->what);
    ps_release(source->group);
    ps_release(source->topics);
    ps_release(source->items);
    ps_release(source->held);
    ps_release(source->batch);
    ps_arena_free(source->arena);
    ps_release(source);
}

static void kafka_close_scoped(struct ps_kafka_source **source) {
    kafka_close(*source);
}

static penstock_code text_of(char **text_out, const char *before, const char *name,
                             struct penstock_error *error) {
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, 1000);
    ps_buffer_printf(&text, "%s%s", before, name);
    PS_TRY(ps_buffer_status(&text, error));
    *text_out = ps_duplicate(text.data);
    return *text_out != NULL ? PENSTOCK_OK : ps_error_memory(error, "a source");
}

static penstock_code kafka_open(const struct ps_source_setup *setup, const void *config, void **state_out,
                                struct penstock_error *error) {
    PS_TRY(kafka_check(setup, config, error));
    struct ps_kafka_source *source PS_SCOPED(kafka_close_scoped) = ps_allocate(1, sizeof *source);
    if (source == NULL) {
        return ps_error_memory(error, "a source");
    }
    source->setup = setup;
    source->config = config;
    source->arena = ps_arena_new(0);
    source->batch = ps_allocate(PS_KAFKA_BATCH_COUNT, sizeof(rd_kafka_message_t *));
    if (source->arena == NULL || source->batch == NULL) {
        return ps_error_memory(error, "a source");
    }
    const char *group = given(setup, "properties.group.id");
    const char *isolation = given(setup, "properties.isolation.level");
    source->is_uncommitted_read = isolation != NULL && strcmp(isolation, "read_uncommitted") == 0;
    PS_TRY(text_of(&source->what, "source ", setup->name, error));
    PS_TRY(text_of(&source->group, group != NULL ? "" : "penstock-", group != NULL ? group : setup->name,
                   error));
    struct ps_kafka_property rows[PROPERTY_COUNT];
    const struct ps_kafka_setup client = client_setup(setup, source->what, source->group, rows);
    PS_TRY(ps_kafka_open(&client, RD_KAFKA_CONSUMER, &source->client, error));
    source->queue = rd_kafka_queue_get_consumer(source->client->handle);
    *state_out = ps_take(source);
    return PENSTOCK_OK;
}

/* --- positions -------------------------------------------------------------------------------------------- */

static penstock_code kafka_seek(void *state, const struct ps_position_list *positions,
                                struct penstock_error *error) {
    return ps_kafka_layout(state, positions, error);
}

static penstock_code kafka_plan(void *state, const struct ps_epoch_limits *limits, struct ps_range *range,
                                struct penstock_error *error) {
    return ps_kafka_plan(state, limits, range, error);
}

static penstock_code kafka_read(void *state, const struct ps_slice *slice, struct ps_raw *raw_out,
                                struct penstock_error *error) {
    return ps_kafka_read(state, slice, raw_out, error);
}

static penstock_code kafka_locate(void *state, enum ps_place place, int64_t time_ms,
                                  struct ps_position_list *found_out, struct penstock_error *error) {
    return ps_kafka_locate(state, place, time_ms, found_out, error);
}

static void kafka_committed(void *state, const struct ps_position_list *positions) {
    struct ps_kafka_source *source = state;
    if (source->untold == NULL) {
        source->untold = rd_kafka_topic_partition_list_new((int)positions->count);
    }
    for (size_t i = 0; i < positions->count; i++) {
        const struct ps_kafka_partition *partition =
            ps_kafka_find(source, positions->items[i].partition.name);
        if (partition == NULL) {
            continue;
        }
        const char *topic = partition->topic->name;
        rd_kafka_topic_partition_t *told =
            rd_kafka_topic_partition_list_find(source->untold, topic, partition->number);
        if (told == NULL) {
            told = rd_kafka_topic_partition_list_add(source->untold, topic, partition->number);
        }
        told->offset = positions->items[i].offset;
    }
    const bool is_time = ps_clock_monotonic_ns() - source->told_ns >= TELL_INTERVAL_NS;
    if (is_time && source->untold->cnt > 0 && is_told(source, 0)) {
        tell(source);
    }
}

static int64_t kafka_lag(void *state) {
    const struct ps_kafka_source *source = state;
    int64_t lag = 0;
    for (size_t i = 0; i < source->count; i++) {
        const struct ps_kafka_partition *partition = source->items[i];
        int64_t low = 0, high = 0;
        if (partition->is_gone) {
            continue;
        }
        if (rd_kafka_get_watermark_offsets(source->client->handle, partition->topic->name, partition->number,
                                           &low, &high) != RD_KAFKA_RESP_ERR_NO_ERROR ||
            high < 0) {
            return -1;
        }
        const int64_t at =
            partition->reached > partition->position ? partition->reached : partition->position;
        lag += high > at ? high - at : 0;
    }
    return lag;
}

/* Once when no broker can be reached any more, once when records come again. */
static const char *kafka_notice(void *state, char *text, size_t size) {
    struct ps_kafka_source *source = state;
    const struct ps_kafka_client *client = source->client;
    if (client == NULL || client->trouble.is_down == source->is_down_told) {
        return NULL;
    }
    source->is_down_told = client->trouble.is_down;
    if (source->is_down_told) {
        (void)snprintf(text, size, "%s: no broker of %s can be reached (%s); waiting for one", source->what,
                       client->addresses, client->trouble.text);
    } else {
        (void)snprintf(text, size, "%s: the brokers of %s are back", source->what, client->addresses);
    }
    return text;
}

const struct ps_source_type ps_source_kafka = {
    .name = "kafka",
    .summary = "topics of Kafka brokers, exactly once: positions are kept in the store",
    .options = kafka_options,
    .config_size = sizeof(struct ps_kafka_config),
    .encodes = kafka_encodes,
    .is_sparse = true,
    .is_remote = true,
    .takes_properties = true,
    .check = kafka_check,
    .open = kafka_open,
    .seek = kafka_seek,
    .plan = kafka_plan,
    .read = kafka_read,
    .close = kafka_close,
    .committed = kafka_committed,
    .lag = kafka_lag,
    .notice = kafka_notice,
    .locate = kafka_locate,
};
