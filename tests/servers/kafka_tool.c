/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_tool.c - what tests do to a Kafka broker besides penstock: topics, records, offsets.
 *
 *   kafka_tool BOOTSTRAP COMMAND ... [-X name=value]...          settings of librdkafka
 *   wait [SECONDS]                                until the broker is in its own metadata
 *   create TOPIC PARTITIONS [name=value...]       delete TOPIC        partitions TOPIC COUNT
 *   configure TOPIC name=value...                 delete-records TOPIC PARTITION BEFORE_OFFSET
 *   marks TOPIC                                   {"0":[low,high],...}
 *   offsets GROUP TOPIC                           {"0":committed offset,...}
 *   produce, generate, consume, rate              see kafka_records.c
 */
#include "kafka_tool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

void check(rd_kafka_resp_err_t code, const char *what) {
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fail("%s: %s", what, rd_kafka_err2str(code));
    }
}

void check_error(rd_kafka_error_t *error, const char *what) {
    if (error != NULL) {
        fail("%s: %s", what, rd_kafka_error_string(error));
    }
}

const char *argument(const struct call *call, size_t index, const char *what) {
    if (index >= call->argument_count) {
        fail("missing: %s", what);
    }
    return call->arguments[index];
}

int64_t number(const char *text, const char *what) {
    char *end = NULL;
    const long long value = strtoll(text, &end, 10);
    if (*text == '\0' || *end != '\0') {
        fail("%s is not a number: %s", what, text);
    }
    return (int64_t)value;
}

bool flag(const struct call *call, const char *name, const char **value_out) {
    for (size_t index = 0; index < call->argument_count; index++) {
        if (strcmp(call->arguments[index], name) == 0) {
            if (value_out != NULL) {
                *value_out = argument(call, index + 1, name);
            }
            return true;
        }
    }
    return false;
}

static void set(rd_kafka_conf_t *configuration, const char *name, const char *value) {
    char reason[512];
    if (rd_kafka_conf_set(configuration, name, value, reason, sizeof reason) != RD_KAFKA_CONF_OK) {
        fail("%s", reason);
    }
}

static void delivered(rd_kafka_t *kafka, const rd_kafka_message_t *message, void *failures) {
    (void)kafka;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && (*(int64_t *)failures)++ == 0) {
        fprintf(stderr, "not delivered: %s\n", rd_kafka_err2str(message->err));
    }
}

rd_kafka_t *client(const struct call *call, rd_kafka_type_t type, const char *const *pairs,
                   int64_t *failures_out) {
    rd_kafka_conf_t *configuration = rd_kafka_conf_new();
    if (failures_out != NULL) {
        rd_kafka_conf_set_dr_msg_cb(configuration, delivered);
        rd_kafka_conf_set_opaque(configuration, failures_out);
    }
    set(configuration, "bootstrap.servers", call->bootstrap);
    set(configuration, "log_level", "3");
    for (size_t index = 0; pairs != NULL && pairs[index] != NULL; index += 2) {
        set(configuration, pairs[index], pairs[index + 1]);
    }
    for (size_t index = 0; index < call->setting_count; index++) {
        char name[256];
        const char *equals = strchr(call->settings[index], '=');
        if (equals == NULL || (size_t)(equals - call->settings[index]) >= sizeof name) {
            fail("-X takes name=value, not %s", call->settings[index]);
        }
        memcpy(name, call->settings[index], (size_t)(equals - call->settings[index]));
        name[equals - call->settings[index]] = '\0';
        set(configuration, name, equals + 1);
    }
    char reason[512];
    rd_kafka_t *kafka = rd_kafka_new(type, configuration, reason, sizeof reason);
    if (kafka == NULL) {
        fail("%s", reason);
    }
    return kafka;
}

int32_t partition_count(rd_kafka_t *kafka, const char *topic) {
    rd_kafka_topic_t *handle = rd_kafka_topic_new(kafka, topic, NULL);
    const struct rd_kafka_metadata *metadata = NULL;
    check(rd_kafka_metadata(kafka, 0, handle, &metadata, ANSWER_MS_MAX), topic);
    if (metadata->topic_cnt != 1 || metadata->topics[0].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fail("%s: %s", topic,
             metadata->topic_cnt == 1 ? rd_kafka_err2str(metadata->topics[0].err) : "unknown");
    }
    const int32_t count = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
    if (count > PARTITION_COUNT_MAX) {
        fail("%s has more than %d partitions", topic, PARTITION_COUNT_MAX);
    }
    return count;
}

/* --- administration ------------------------------------------------------------------------------------ */

/* The answer to an administrative request; fails with the first error in it. */
static void take_answer(rd_kafka_queue_t *queue, const char *topic) {
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ANSWER_MS_MAX);
    if (event == NULL) {
        fail("%s: no answer in %d s", topic, ANSWER_MS_MAX / 1000);
    }
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fail("%s: %s", topic, rd_kafka_event_error_string(event));
    }
    size_t count = 0;
    const rd_kafka_topic_result_t **topics = NULL;
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_CREATETOPICS_RESULT) {
        topics = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    } else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DELETETOPICS_RESULT) {
        topics = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
    } else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_CREATEPARTITIONS_RESULT) {
        topics =
            rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event), &count);
    } else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DELETERECORDS_RESULT) {
        const rd_kafka_topic_partition_list_t *offsets =
            rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
        check(offsets->elems[0].err, topic);
    } else {
        const rd_kafka_ConfigResource_t **resources = rd_kafka_IncrementalAlterConfigs_result_resources(
            rd_kafka_event_IncrementalAlterConfigs_result(event), &count);
        for (size_t index = 0; index < count; index++) {
            check(rd_kafka_ConfigResource_error(resources[index]), topic);
        }
    }
    for (size_t index = 0; topics != NULL && index < count; index++) {
        check(rd_kafka_topic_result_error(topics[index]), topic);
    }
    rd_kafka_event_destroy(event);
}

static void split_setting(const char *setting, char *name, size_t size, const char **value_out) {
    const char *equals = strchr(setting, '=');
    if (equals == NULL || (size_t)(equals - setting) >= size) {
        fail("not name=value: %s", setting);
    }
    memcpy(name, setting, (size_t)(equals - setting));
    name[equals - setting] = '\0';
    *value_out = equals + 1;
}

static void command_create(const struct call *call) {
    const char *topic = argument(call, 0, "the topic");
    const int partitions =
        (int)number(argument(call, 1, "the number of partitions"), "the number of partitions");
    char reason[512];
    rd_kafka_NewTopic_t *created = rd_kafka_NewTopic_new(topic, partitions, 1, reason, sizeof reason);
    if (created == NULL) {
        fail("%s", reason);
    }
    for (size_t index = 2; index < call->argument_count; index++) {
        char name[256];
        const char *value = NULL;
        split_setting(call->arguments[index], name, sizeof name, &value);
        check(rd_kafka_NewTopic_set_config(created, name, value), name);
    }
    rd_kafka_t *kafka = client(call, RD_KAFKA_PRODUCER, NULL, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka);
    rd_kafka_CreateTopics(kafka, &created, 1, NULL, queue);
    take_answer(queue, topic);
    rd_kafka_NewTopic_destroy(created);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(kafka);
}

static void command_delete(const struct call *call) {
    const char *topic = argument(call, 0, "the topic");
    rd_kafka_t *kafka = client(call, RD_KAFKA_PRODUCER, NULL, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka);
    rd_kafka_DeleteTopic_t *gone = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_DeleteTopics(kafka, &gone, 1, NULL, queue);
    take_answer(queue, topic);
    rd_kafka_DeleteTopic_destroy(gone);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(kafka);
}

static void command_partitions(const struct call *call) {
    const char *topic = argument(call, 0, "the topic");
    const size_t count =
        (size_t)number(argument(call, 1, "the number of partitions"), "the number of partitions");
    char reason[512];
    rd_kafka_t *kafka = client(call, RD_KAFKA_PRODUCER, NULL, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka);
    rd_kafka_NewPartitions_t *more = rd_kafka_NewPartitions_new(topic, count, reason, sizeof reason);
    if (more == NULL) {
        fail("%s", reason);
    }
    rd_kafka_CreatePartitions(kafka, &more, 1, NULL, queue);
    take_answer(queue, topic);
    rd_kafka_NewPartitions_destroy(more);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(kafka);
}

static void command_configure(const struct call *call) {
    const char *topic = argument(call, 0, "the topic");
    rd_kafka_t *kafka = client(call, RD_KAFKA_PRODUCER, NULL, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka);
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    for (size_t index = 1; index < call->argument_count; index++) {
        char name[256];
        const char *value = NULL;
        split_setting(call->arguments[index], name, sizeof name, &value);
        check_error(rd_kafka_ConfigResource_add_incremental_config(resource, name,
                                                                   RD_KAFKA_ALTER_CONFIG_OP_TYPE_SET, value),
                    name);
    }
    rd_kafka_IncrementalAlterConfigs(kafka, &resource, 1, NULL, queue);
    take_answer(queue, topic);
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(kafka);
}

static void command_delete_records(const struct call *call) {
    const char *topic = argument(call, 0, "the topic");
    const int32_t partition = (int32_t)number(argument(call, 1, "the partition"), "the partition");
    rd_kafka_t *kafka = client(call, RD_KAFKA_PRODUCER, NULL, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset =
        number(argument(call, 2, "the offset"), "the offset");
    rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(kafka, &request, 1, NULL, queue);
    take_answer(queue, topic);
    rd_kafka_DeleteRecords_destroy(request);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(kafka);
}

static void command_wait(const struct call *call) {
    const int64_t seconds = call->argument_count > 0 ? number(call->arguments[0], "seconds") : 60;
    rd_kafka_t *kafka = client(call, RD_KAFKA_PRODUCER, NULL, NULL);
    const time_t end = time(NULL) + (time_t)seconds;
    for (;;) {
        const struct rd_kafka_metadata *metadata = NULL;
        bool there = false;
        if (rd_kafka_metadata(kafka, 1, NULL, &metadata, 2000) == RD_KAFKA_RESP_ERR_NO_ERROR) {
            there = metadata->broker_cnt > 0;
            for (int index = 0; index < metadata->topic_cnt;
                 index++) { /* after a restart: leaders must be back */
                for (int part = 0; part < metadata->topics[index].partition_cnt; part++) {
                    there = there && metadata->topics[index].partitions[part].leader >= 0;
                }
            }
            rd_kafka_metadata_destroy(metadata);
        }
        if (there) {
            break;
        }
        if (time(NULL) > end) {
            fail("the broker is not ready after %lld s", (long long)seconds);
        }
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    rd_kafka_destroy(kafka);
}

static void command_marks(const struct call *call) {
    const char *topic = argument(call, 0, "the topic");
    rd_kafka_t *kafka =
        client(call, RD_KAFKA_CONSUMER, (const char *const[]){"group.id", "kafka_tool", NULL}, NULL);
    const int32_t count = partition_count(kafka, topic);
    putchar('{');
    for (int32_t partition = 0; partition < count; partition++) {
        int64_t low = 0;
        int64_t high = 0;
        check(rd_kafka_query_watermark_offsets(kafka, topic, partition, &low, &high, ANSWER_MS_MAX), topic);
        printf("%s\"%d\":[%lld,%lld]", partition > 0 ? "," : "", partition, (long long)low, (long long)high);
    }
    puts("}");
    rd_kafka_destroy(kafka);
}

static void command_offsets(const struct call *call) {
    const char *group = argument(call, 0, "the group");
    const char *topic = argument(call, 1, "the topic");
    rd_kafka_t *kafka = client(call, RD_KAFKA_CONSUMER, (const char *const[]){"group.id", group, NULL}, NULL);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    const int32_t count = partition_count(kafka, topic);
    rd_kafka_topic_partition_list_add_range(list, topic, 0, count - 1);
    check(rd_kafka_committed(kafka, list, ANSWER_MS_MAX), topic);
    const char *comma = "";
    putchar('{');
    for (int index = 0; index < list->cnt; index++) {
        if (list->elems[index].offset >= 0) {
            printf("%s\"%d\":%lld", comma, list->elems[index].partition,
                   (long long)list->elems[index].offset);
            comma = ",";
        }
    }
    puts("}");
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(kafka);
}

static const struct {
    const char *name;
    void (*run)(const struct call *call);
} commands[] = {
    {"wait", command_wait},           {"create", command_create},
    {"delete", command_delete},       {"partitions", command_partitions},
    {"configure", command_configure}, {"delete-records", command_delete_records},
    {"marks", command_marks},         {"offsets", command_offsets},
    {"produce", command_produce},     {"generate", command_generate},
    {"consume", command_consume},     {"rate", command_rate},
};

int main(int count, char **arguments) {
    enum { SETTINGS_MAX = 64, ARGUMENTS_MAX = 256 };
    static const char *settings[SETTINGS_MAX];
    static const char *plain[ARGUMENTS_MAX];
    struct call call = {.settings = settings, .arguments = plain};
    if (count < 3) {
        fail("usage: kafka_tool BOOTSTRAP COMMAND ... (see kafka_tool.c)");
    }
    call.bootstrap = arguments[1];
    for (int index = 3; index < count; index++) {
        if (strcmp(arguments[index], "-X") == 0 && index + 1 < count && call.setting_count < SETTINGS_MAX) {
            settings[call.setting_count++] = arguments[++index];
        } else if (call.argument_count < ARGUMENTS_MAX) {
            plain[call.argument_count++] = arguments[index];
        }
    }
    for (size_t index = 0; index < sizeof commands / sizeof *commands; index++) {
        if (strcmp(commands[index].name, arguments[2]) == 0) {
            commands[index].run(&call);
            return 0;
        }
    }
    fail("no such command: %s", arguments[2]);
}
