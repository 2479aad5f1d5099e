/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_topic.c - topics by name: their ids and partitions, and what to say of one that is not there.
 *
 * A topic that was deleted and made again has its old name and other records. Only its id tells, and only the admin
 * API gives the id, so topics are looked up through that.
 */
#include "connect/kafka_client.h"

static void queue_destroy_scoped(rd_kafka_queue_t **queue) {
    if (*queue != NULL) {
        rd_kafka_queue_destroy(*queue);
    }
}

static void event_destroy_scoped(rd_kafka_event_t **event) {
    if (*event != NULL) {
        rd_kafka_event_destroy(*event);
    }
}

static void metadata_destroy_scoped(const struct rd_kafka_metadata **metadata) {
    if (*metadata != NULL) {
        rd_kafka_metadata_destroy(*metadata);
    }
}

static penstock_code take_topic(const rd_kafka_TopicDescription_t *description, struct ps_arena *arena,
                                struct ps_kafka_topic *topic, struct penstock_error *error) {
    const rd_kafka_error_t *failure = rd_kafka_TopicDescription_error(description);
    topic->code = failure != NULL ? rd_kafka_error_code(failure) : RD_KAFKA_RESP_ERR_NO_ERROR;
    topic->id = "";
    if (topic->code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return PENSTOCK_OK;
    }
    const rd_kafka_Uuid_t *id = rd_kafka_TopicDescription_topic_id(description);
    if (id != NULL &&
        (rd_kafka_Uuid_most_significant_bits(id) != 0 || rd_kafka_Uuid_least_significant_bits(id) != 0)) {
        topic->id = ps_arena_copy(arena, rd_kafka_Uuid_base64str(id));
    }
    size_t count = 0;
    (void)rd_kafka_TopicDescription_partitions(description, &count);
    topic->partition_count = (int32_t)count;
    return topic->id != NULL ? PENSTOCK_OK : ps_error_memory(error, "the topics of a broker");
}

rd_kafka_queue_t *ps_kafka_describe_begin(struct ps_kafka_client *client, const char *const *names,
                                          size_t count, int64_t timeout_ms) {
    const char **asked = ps_allocate(count + 1, sizeof *asked);
    rd_kafka_queue_t *queue = asked != NULL ? rd_kafka_queue_new(client->handle) : NULL;
    if (queue == NULL) {
        ps_release(asked);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        asked[i] = names[i];
    }
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(client->handle, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, (int)timeout_ms, NULL, 0);
    rd_kafka_TopicCollection_t *collection = rd_kafka_TopicCollection_of_topic_names(asked, count);
    rd_kafka_DescribeTopics(client->handle, collection, options, queue);
    rd_kafka_TopicCollection_destroy(collection);
    rd_kafka_AdminOptions_destroy(options);
    ps_release(asked);
    return queue;
}

penstock_code ps_kafka_describe_end(struct ps_kafka_client *client, rd_kafka_queue_t *queue, int64_t wait_ms,
                                    const char *const *names, size_t count, struct ps_arena *arena,
                                    struct ps_kafka_topic **topics_out, struct penstock_error *error) {
    *topics_out = NULL;
    rd_kafka_event_t *event PS_SCOPED(event_destroy_scoped) = rd_kafka_queue_poll(queue, (int)wait_ms);
    if (event == NULL) {
        return PENSTOCK_OK;
    }
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return ps_kafka_error(client, rd_kafka_event_error(event), rd_kafka_event_error_string(event), error,
                              "cannot look up topic %s%s", names[0], count > 1 ? " and others" : "");
    }
    struct ps_kafka_topic *topics = ps_arena_allocate(arena, count + 1, sizeof *topics);
    if (topics == NULL) {
        return ps_error_memory(error, "the topics of a broker");
    }
    size_t found_count = 0;
    const rd_kafka_TopicDescription_t **found =
        rd_kafka_DescribeTopics_result_topics(rd_kafka_event_DescribeTopics_result(event), &found_count);
    for (size_t k = 0; k < count; k++) {
        topics[k] =
            (struct ps_kafka_topic){.name = names[k], .id = "", .code = RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC};
        for (size_t i = 0; i < found_count; i++) {
            if (strcmp(rd_kafka_TopicDescription_name(found[i]), names[k]) == 0) {
                PS_TRY(take_topic(found[i], arena, &topics[k], error));
            }
        }
    }
    *topics_out = topics;
    return PENSTOCK_OK;
}

/* The admin API asks the controller: is it one of the brokers that are there? */
static bool has_controller(struct ps_kafka_client *client, int64_t timeout_ms) {
    const struct rd_kafka_metadata *metadata PS_SCOPED(metadata_destroy_scoped) = NULL;
    if (rd_kafka_metadata(client->handle, 0, NULL, &metadata, (int)timeout_ms) !=
        RD_KAFKA_RESP_ERR_NO_ERROR) {
        return true; /* whatever comes next says why */
    }
    const int32_t controller = rd_kafka_controllerid(client->handle, 0);
    for (int i = 0; i < metadata->broker_cnt; i++) {
        if (metadata->brokers[i].id == controller) {
            return true;
        }
    }
    return false;
}

/* Without ids: where there is no controller. */
static penstock_code describe_plainly(struct ps_kafka_client *client, const char *const *names, size_t count,
                                      int64_t timeout_ms, struct ps_arena *arena,
                                      struct ps_kafka_topic **topics_out, struct penstock_error *error) {
    const struct rd_kafka_metadata *metadata PS_SCOPED(metadata_destroy_scoped) = NULL;
    const rd_kafka_resp_err_t code = rd_kafka_metadata(client->handle, 1, NULL, &metadata, (int)timeout_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return ps_kafka_error(client, code, NULL, error, "cannot look up the topics");
    }
    struct ps_kafka_topic *topics = ps_arena_allocate(arena, count + 1, sizeof *topics);
    if (topics == NULL) {
        return ps_error_memory(error, "the topics of a broker");
    }
    for (size_t k = 0; k < count; k++) {
        topics[k] =
            (struct ps_kafka_topic){.name = names[k], .id = "", .code = RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC};
        for (int i = 0; i < metadata->topic_cnt; i++) {
            if (strcmp(metadata->topics[i].topic, names[k]) == 0) {
                topics[k].code = metadata->topics[i].err;
                topics[k].partition_count = metadata->topics[i].partition_cnt;
            }
        }
    }
    *topics_out = topics;
    return PENSTOCK_OK;
}

penstock_code ps_kafka_describe(struct ps_kafka_client *client, const char *const *names, size_t count,
                                int64_t timeout_ms, struct ps_arena *arena,
                                struct ps_kafka_topic **topics_out, struct penstock_error *error) {
    if (!has_controller(client, timeout_ms)) {
        return describe_plainly(client, names, count, timeout_ms, arena, topics_out, error);
    }
    rd_kafka_queue_t *queue PS_SCOPED(queue_destroy_scoped) =
        ps_kafka_describe_begin(client, names, count, timeout_ms);
    if (queue == NULL) {
        return ps_error_memory(error, "the topics of a broker");
    }
    PS_TRY(ps_kafka_describe_end(client, queue, timeout_ms, names, count, arena, topics_out, error));
    return *topics_out != NULL
               ? PENSTOCK_OK
               : ps_kafka_error(client, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL, error,
                                "cannot look up topic %s%s", names[0], count > 1 ? " and others" : "");
}

static int compare_names(const void *left, const void *right) {
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

penstock_code ps_kafka_list(struct ps_kafka_client *client, int64_t timeout_ms, struct ps_arena *arena,
                            const char *const **names_out, size_t *count_out, struct penstock_error *error) {
    const struct rd_kafka_metadata *metadata PS_SCOPED(metadata_destroy_scoped) = NULL;
    const rd_kafka_resp_err_t code = rd_kafka_metadata(client->handle, 1, NULL, &metadata, (int)timeout_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return ps_kafka_error(client, code, NULL, error, "cannot list the topics");
    }
    const size_t topic_count = (size_t)metadata->topic_cnt;
    const char **names = ps_arena_allocate(arena, topic_count + 1, sizeof *names);
    if (names == NULL) {
        return ps_error_memory(error, "the topics of a broker");
    }
    size_t count = 0;
    for (size_t i = 0; i < topic_count; i++) {
        const char *name = metadata->topics[i].topic;
        if (strncmp(name, "__", 2) == 0) {
            continue; /* the broker's own */
        }
        names[count] = ps_arena_copy(arena, name);
        if (names[count++] == NULL) {
            return ps_error_memory(error, "the topics of a broker");
        }
    }
    qsort(names, count, sizeof *names, compare_names);
    *names_out = names;
    *count_out = count;
    return PENSTOCK_OK;
}

/* What to do about a topic that is not there. */
static void hint_near(struct ps_kafka_client *client, const char *name, int64_t timeout_ms,
                      struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    const char *const *names = NULL;
    size_t count = 0;
    if (arena == NULL || ps_kafka_list(client, timeout_ms, arena, &names, &count, NULL) != PENSTOCK_OK) {
        return;
    }
    const char *near = ps_nearest(name, names);
    if (near != NULL) {
        (void)ps_error_hint(error, "did you mean %s?", near);
        return;
    }
    struct ps_buffer list PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&list, 400);
    for (size_t i = 0; i < count && list.size < 300; i++) {
        ps_buffer_printf(&list, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    (void)ps_error_hint(error, count > 0 ? "topics there: %s" : "this broker has no topics yet%s",
                        count > 0 && list.data != NULL ? list.data : "");
}

penstock_code ps_kafka_topic_error(struct ps_kafka_client *client, const struct ps_kafka_topic *topic,
                                   int64_t timeout_ms, struct penstock_error *error) {
    const bool is_unknown = topic->code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                            topic->code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    if (!is_unknown) {
        return ps_kafka_error(client, topic->code, NULL, error, "topic %s cannot be used%s%s", topic->name,
                              client->user[0] != '\0' ? " by " : "", client->user);
    }
    const penstock_code code = ps_error_set(error, PENSTOCK_NOT_FOUND, "%s: there is no topic '%s' at %s",
                                            client->what, topic->name, client->addresses);
    (void)ps_error_detail(error, "librdkafka: %s", rd_kafka_err2str(topic->code));
    hint_near(client, topic->name, timeout_ms, error);
    return code;
}
