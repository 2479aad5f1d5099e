/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_trial.c - topics, records in, all records out; see kafka_trial.h.
 */
#include "connect/kafka_trial.h"

#include <stdio.h>

#include "connect/kafka_client.h"

#define ANSWER_MS 30000
#define PROPERTY_COUNT_MAX 64

static const struct ps_kafka_property producer_properties[] = {
    {"enable.idempotence", "true", NULL}, {"linger.ms", "5", NULL}, {NULL, NULL, NULL}};
static const struct ps_kafka_property consumer_properties[] = {
    {"group.id", "penstock-prove", NULL},        {"enable.auto.commit", "false", NULL},
    {"enable.partition.eof", "true", NULL},      {"isolation.level", "read_committed", NULL},
    {"allow.auto.create.topics", "false", NULL}, {NULL, NULL, NULL}};

struct ps_trial {
    struct ps_setting settings[PROPERTY_COUNT_MAX + 1];
    size_t setting_count;
    struct ps_arena *arena;
    struct ps_kafka_client *producer;
};

static penstock_code add_setting(struct ps_trial *trial, const char *name, const char *value,
                                 struct penstock_error *error) {
    if (trial->setting_count == PROPERTY_COUNT_MAX) {
        return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "more than %d properties", PROPERTY_COUNT_MAX);
    }
    struct ps_setting *setting = &trial->settings[trial->setting_count++];
    setting->name = ps_arena_printf(trial->arena, "properties.%s", name);
    setting->value = ps_arena_copy(trial->arena, value);
    return setting->name != NULL && setting->value != NULL ? PENSTOCK_OK : ps_error_memory(error, "a broker");
}

static penstock_code add_settings(struct ps_trial *trial, const char *bootstrap,
                                  const char *const *properties, struct penstock_error *error) {
    PS_TRY(add_setting(trial, "bootstrap.servers", bootstrap, error));
    for (size_t i = 0; properties != NULL && properties[i] != NULL; i++) {
        const char *equal = strchr(properties[i], '=');
        char *name = equal == NULL
                         ? NULL
                         : ps_arena_copy_size(trial->arena, properties[i], (size_t)(equal - properties[i]));
        if (equal == NULL) {
            return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "a property is written name=value");
        }
        if (name == NULL) {
            return ps_error_memory(error, "a broker");
        }
        PS_TRY(add_setting(trial, name, equal + 1, error));
    }
    return PENSTOCK_OK;
}

static struct ps_kafka_setup setup_of(const struct ps_trial *trial,
                                      const struct ps_kafka_property *properties) {
    return (struct ps_kafka_setup){.what = "prove",
                                   .settings = trial->settings,
                                   .setting_count = trial->setting_count,
                                   .properties = properties};
}

static penstock_code open_producer(struct ps_trial *trial, const char *bootstrap,
                                   const char *const *properties, struct penstock_error *error) {
    PS_TRY(add_settings(trial, bootstrap, properties, error));
    const struct ps_kafka_setup setup = setup_of(trial, producer_properties);
    PS_TRY(ps_kafka_open(&setup, RD_KAFKA_PRODUCER, &trial->producer, error));
    return ps_kafka_connect(trial->producer, ANSWER_MS, error);
}

penstock_code ps_trial_open(const char *bootstrap, const char *const *properties, struct ps_trial **trial_out,
                            struct penstock_error *error) {
    struct ps_trial *trial = ps_allocate(1, sizeof *trial);
    if (trial == NULL) {
        return ps_error_memory(error, "a broker");
    }
    trial->arena = ps_arena_new(0);
    const penstock_code code = trial->arena == NULL ? ps_error_memory(error, "a broker")
                                                    : open_producer(trial, bootstrap, properties, error);
    if (code != PENSTOCK_OK) {
        ps_trial_close(trial);
        return code;
    }
    *trial_out = trial;
    return PENSTOCK_OK;
}

void ps_trial_close(struct ps_trial *trial) {
    if (trial != NULL) {
        ps_kafka_close(trial->producer);
        ps_arena_free(trial->arena);
        ps_release(trial);
    }
}

const char *ps_trial_library(void) {
    return rd_kafka_version_str();
}

/* --- topics ----------------------------------------------------------------------------------------------------- */

/* Waits for the one topic result of an admin request. `accepted`: a code that is as good as none. */
static penstock_code take_result(struct ps_trial *trial, rd_kafka_queue_t *queue, const char *action,
                                 const char *topic, rd_kafka_resp_err_t accepted,
                                 struct penstock_error *error) {
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ANSWER_MS);
    if (event == NULL) {
        return ps_error_set(error, PENSTOCK_IO, "the broker did not answer: %s topic %s", action, topic);
    }
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    const char *text = rd_kafka_event_error_string(event);
    size_t count = 0;
    const rd_kafka_topic_result_t **results = NULL;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR &&
        rd_kafka_event_type(event) == RD_KAFKA_EVENT_CREATETOPICS_RESULT) {
        results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    } else if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        results = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
    }
    if (count > 0) {
        code = rd_kafka_topic_result_error(results[0]);
        text = rd_kafka_topic_result_error_string(results[0]);
    }
    const penstock_code result =
        code == RD_KAFKA_RESP_ERR_NO_ERROR || code == accepted
            ? PENSTOCK_OK
            : ps_kafka_error(trial->producer, code, text, error, "cannot %s topic %s", action, topic);
    rd_kafka_event_destroy(event);
    return result;
}

penstock_code ps_trial_create(struct ps_trial *trial, const char *topic, int32_t partition_count,
                              struct penstock_error *error) {
    char text[256] = "";
    rd_kafka_NewTopic_t *wanted = rd_kafka_NewTopic_new(topic, partition_count, -1, text, sizeof text);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(trial->producer->handle);
    if (wanted == NULL || queue == NULL) {
        return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "topic %s cannot be made: %s", topic, text);
    }
    rd_kafka_CreateTopics(trial->producer->handle, &wanted, 1, NULL, queue);
    const penstock_code code =
        take_result(trial, queue, "create", topic, RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, error);
    rd_kafka_NewTopic_destroy(wanted);
    rd_kafka_queue_destroy(queue);
    return code;
}

penstock_code ps_trial_delete(struct ps_trial *trial, const char *topic, struct penstock_error *error) {
    rd_kafka_DeleteTopic_t *wanted = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(trial->producer->handle);
    if (wanted == NULL || queue == NULL) {
        return ps_error_memory(error, "a broker");
    }
    rd_kafka_DeleteTopics(trial->producer->handle, &wanted, 1, NULL, queue);
    const penstock_code code =
        take_result(trial, queue, "delete", topic, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, error);
    rd_kafka_DeleteTopic_destroy(wanted);
    rd_kafka_queue_destroy(queue);
    return code;
}

/* --- in --------------------------------------------------------------------------------------------------------- */

penstock_code ps_trial_produce(struct ps_trial *trial, const char *topic, int32_t partition,
                               struct ps_bytes key, struct ps_bytes value, struct penstock_error *error) {
    for (;;) {
        const rd_kafka_resp_err_t code = rd_kafka_producev(
            trial->producer->handle, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
            RD_KAFKA_V_KEY(key.data, key.size), RD_KAFKA_V_VALUE((void *)(uintptr_t)value.data, value.size),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return PENSTOCK_OK;
        }
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            return ps_kafka_error(trial->producer, code, NULL, error, "cannot write to topic %s", topic);
        }
        (void)rd_kafka_poll(trial->producer->handle, 100);
    }
}

penstock_code ps_trial_flush(struct ps_trial *trial, struct penstock_error *error) {
    const rd_kafka_resp_err_t code = rd_kafka_flush(trial->producer->handle, 4 * ANSWER_MS);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? PENSTOCK_OK
               : ps_kafka_error(trial->producer, code, NULL, error, "cannot write the input");
}

/* --- out -------------------------------------------------------------------------------------------------------- */

static penstock_code read_assigned(const struct ps_kafka_client *client, const char *topic,
                                   int32_t open_count,
                                   penstock_code (*on_record)(struct ps_bytes value, void *context,
                                                              struct penstock_error *error),
                                   void *context, struct penstock_error *error) {
    while (open_count > 0) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client->handle, ANSWER_MS);
        if (message == NULL) {
            return ps_error_set(error, PENSTOCK_IO, "topic %s does not come to its end", topic);
        }
        penstock_code code = PENSTOCK_OK;
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            open_count--;
        } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            code = on_record((struct ps_bytes){message->payload, message->len}, context, error);
        } else if (!ps_kafka_is_passing(message->err)) {
            code = ps_kafka_error(client, message->err, rd_kafka_message_errstr(message), error,
                                  "topic %s cannot be read", topic);
        }
        rd_kafka_message_destroy(message);
        PS_TRY(code);
    }
    return PENSTOCK_OK;
}

penstock_code ps_trial_read(struct ps_trial *trial, const char *topic, int32_t partition_count,
                            penstock_code (*on_record)(struct ps_bytes value, void *context,
                                                       struct penstock_error *error),
                            void *context, struct penstock_error *error) {
    struct ps_kafka_client *client = NULL;
    const struct ps_kafka_setup setup = setup_of(trial, consumer_properties);
    PS_TRY(ps_kafka_open(&setup, RD_KAFKA_CONSUMER, &client, error));
    (void)rd_kafka_poll_set_consumer(client->handle);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partition_count);
    for (int32_t i = 0; i < partition_count; i++) {
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    const rd_kafka_resp_err_t assigned = rd_kafka_assign(client->handle, list);
    rd_kafka_topic_partition_list_destroy(list);
    const penstock_code code =
        assigned != RD_KAFKA_RESP_ERR_NO_ERROR
            ? ps_kafka_error(client, assigned, NULL, error, "topic %s cannot be read", topic)
            : read_assigned(client, topic, partition_count, on_record, context, error);
    ps_kafka_close(client);
    return code;
}
