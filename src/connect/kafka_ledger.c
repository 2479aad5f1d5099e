/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_ledger.c - a sink's epoch as an offset, and other questions to a broker; see kafka_ledger.h.
 */
#include "connect/kafka_ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <yyjson.h>

/* A broker takes 4,096 bytes (offset.metadata.max.bytes) unless it was told otherwise. */
#define TEXT_SIZE_MAX 4000

/* Letters of a claim group's end: digits of base 31, from 'A' on. */
#define HASH_BASE 31U
#define HASH_DIGIT_COUNT 7

uint32_t ps_kafka_ledger_hash(const char *text) {
    uint32_t hash = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        const int more = *at >= 0xf0 ? 3 : *at >= 0xe0 ? 2 : *at >= 0xc0 ? 1 : 0;
        uint32_t point = *at & (more == 0 ? 0x7fU : 0x3fU >> more);
        at++;
        for (int i = 0; i < more && (*at & 0xc0) == 0x80; i++, at++) {
            point = point << 6 | (*at & 0x3fU);
        }
        if (point > 0xffff) { /* two UTF-16 units */
            hash = hash * HASH_BASE + (0xd800U | (point - 0x10000U) >> 10);
            point = 0xdc00U | ((point - 0x10000U) & 0x3ffU);
        }
        hash = hash * HASH_BASE + point;
    }
    return hash;
}

const char *ps_kafka_ledger_claim_group(const char *group, struct ps_arena *arena) {
    char end[HASH_DIGIT_COUNT + 1] = "AAAAAAA";
    const char *start = ps_arena_printf(arena, "%s.claim.%s", group, end);
    /* how much the digits must add, modulo 2^32; seven of them have room for that */
    uint32_t missing = start == NULL ? 0 : ps_kafka_ledger_hash(group) - ps_kafka_ledger_hash(start);
    for (size_t i = HASH_DIGIT_COUNT; i-- > 0; missing /= HASH_BASE) {
        end[i] = (char)('A' + (char)(missing % HASH_BASE));
    }
    return start == NULL ? NULL : ps_arena_printf(arena, "%s.claim.%s", group, end);
}

static rd_kafka_topic_partition_list_t *make_list(const struct ps_kafka_ledger *ledger, int64_t offset,
                                                  const struct ps_buffer *text) {
    if (text->failed) {
        return NULL;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *item = rd_kafka_topic_partition_list_add(list, ledger->topic, 0);
    item->offset = offset;
    item->metadata = ps_allocate(text->size, 1); /* librdkafka releases it */
    if (item->metadata == NULL) {
        rd_kafka_topic_partition_list_destroy(list);
        return NULL;
    }
    memcpy(item->metadata, text->data, text->size);
    item->metadata_size = text->size;
    return list;
}

rd_kafka_topic_partition_list_t *ps_kafka_ledger_claim(const struct ps_kafka_ledger *ledger,
                                                       int64_t attempt) {
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, TEXT_SIZE_MAX);
    ps_buffer_text(&text, "{\"store\":");
    ps_buffer_json(&text, ledger->store_id, strlen(ledger->store_id));
    ps_buffer_text(&text, "}");
    return make_list(ledger, attempt, &text);
}

rd_kafka_topic_partition_list_t *ps_kafka_ledger_offset(const struct ps_kafka_ledger *ledger,
                                                        struct ps_epoch epoch,
                                                        const struct ps_position_list *positions) {
    struct ps_buffer head PS_SCOPED(ps_buffer_done);
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&head, TEXT_SIZE_MAX);
    ps_buffer_init(&text, TEXT_SIZE_MAX);
    ps_buffer_text(&head, "{\"store\":");
    ps_buffer_json(&head, ledger->store_id, strlen(ledger->store_id));
    ps_buffer_printf(&head, ",\"attempt\":%" PRId64, epoch.attempt);
    ps_buffer_text(&text, head.data != NULL ? head.data : "");
    if (positions != NULL) {
        ps_buffer_text(&text, ",\"positions\":");
        ps_sink_positions_write(positions, &text);
        ps_buffer_text(&text, "}");
    }
    const bool is_whole = positions != NULL && !text.failed;
    if (!is_whole) {
        ps_buffer_text(&head, "}");
    }
    return make_list(ledger, epoch.number, is_whole ? &text : &head);
}

/* --- administrative requests -------------------------------------------------------------------------------------- */

struct question {
    rd_kafka_queue_t *queue;
    rd_kafka_AdminOptions_t *options;
    rd_kafka_event_t *answer;
};

static void end_question(struct question *question) {
    if (question->answer != NULL) {
        rd_kafka_event_destroy(question->answer);
    }
    if (question->options != NULL) {
        rd_kafka_AdminOptions_destroy(question->options);
    }
    if (question->queue != NULL) {
        rd_kafka_queue_destroy(question->queue);
    }
}

static struct question begin_question(struct ps_kafka_client *client, rd_kafka_admin_op_t kind,
                                      int64_t timeout_ms) {
    char words[256];
    const struct question question = {rd_kafka_queue_new(client->handle),
                                      rd_kafka_AdminOptions_new(client->handle, kind), NULL};
    (void)rd_kafka_AdminOptions_set_request_timeout(question.options, (int)timeout_ms, words, sizeof words);
    return question;
}

static penstock_code hear_answer(struct ps_kafka_client *client, struct question *question,
                                 int64_t timeout_ms, const char *action, struct penstock_error *error) {
    /* the request has a timeout of its own: this one is for librdkafka */
    question->answer = rd_kafka_queue_poll(question->queue, (int)timeout_ms + 5000);
    const rd_kafka_resp_err_t code =
        question->answer != NULL ? rd_kafka_event_error(question->answer) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return PENSTOCK_OK;
    }
    return ps_kafka_error(client, code,
                          question->answer != NULL ? rd_kafka_event_error_string(question->answer) : NULL,
                          error, "%s", action);
}

/* --- the epoch ---------------------------------------------------------------------------------------------------- */

static penstock_code parse_entry(const struct ps_kafka_client *client, const struct ps_kafka_ledger *ledger,
                                 const rd_kafka_topic_partition_t *item, struct ps_arena *arena,
                                 struct ps_kafka_entry *entry, struct penstock_error *error) {
    yyjson_doc *document =
        item->metadata != NULL ? yyjson_read(item->metadata, item->metadata_size, 0) : NULL;
    yyjson_val *root = yyjson_doc_get_root(document);
    const char *store_id = yyjson_get_str(yyjson_obj_get(root, "store"));
    yyjson_val *positions = yyjson_obj_get(root, "positions");
    char *text = positions != NULL ? yyjson_val_write(positions, 0, NULL) : NULL;
    entry->is_there = true;
    entry->is_other_store = store_id != NULL && strcmp(store_id, ledger->store_id) != 0;
    entry->epoch = item->offset;
    entry->attempt = yyjson_get_sint(yyjson_obj_get(root, "attempt"));
    entry->store_id = store_id != NULL ? ps_arena_copy(arena, store_id) : NULL;
    entry->positions = text != NULL ? ps_arena_copy(arena, text) : NULL;
    const bool is_ours = store_id != NULL;
    ps_release(text);
    yyjson_doc_free(document);
    if (!is_ours) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                           "%s: group %s, which keeps its epochs, has an offset that penstock did not commit",
                           client->what, ledger->group);
        return ps_error_hint(error, "nobody else may commit offsets there: give the sink another name");
    }
    return PENSTOCK_OK;
}

/* The answer's only offset; *item_out NULL: there is none. */
static penstock_code read_offset(struct ps_kafka_client *client, const char *group, const char *topic,
                                 bool is_stable, int64_t timeout_ms, struct question *question,
                                 const rd_kafka_topic_partition_t **item_out, struct penstock_error *error) {
    *question = begin_question(client, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, timeout_ms);
    rd_kafka_error_t *refusal =
        rd_kafka_AdminOptions_set_require_stable_offsets(question->options, is_stable ? 1 : 0);
    if (refusal != NULL) {
        rd_kafka_error_destroy(
            refusal); /* offsets that are not stable are then waited for by init_transactions */
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    (void)rd_kafka_topic_partition_list_add(list, topic, 0);
    rd_kafka_ListConsumerGroupOffsets_t *request = rd_kafka_ListConsumerGroupOffsets_new(group, list);
    rd_kafka_ListConsumerGroupOffsets(client->handle, &request, 1, question->options, question->queue);
    rd_kafka_ListConsumerGroupOffsets_destroy(request);
    rd_kafka_topic_partition_list_destroy(list);
    PS_TRY(hear_answer(client, question, timeout_ms, "cannot read its epoch", error));
    size_t count = 0;
    const rd_kafka_group_result_t **groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(question->answer), &count);
    const rd_kafka_error_t *failure = count == 1 ? rd_kafka_group_result_error(groups[0]) : NULL;
    const rd_kafka_topic_partition_list_t *found =
        count == 1 ? rd_kafka_group_result_partitions(groups[0]) : NULL;
    rd_kafka_resp_err_t code = failure != NULL ? rd_kafka_error_code(failure) : RD_KAFKA_RESP_ERR_NO_ERROR;
    const bool has_item = failure == NULL && found != NULL && found->cnt == 1;
    code = has_item && found->elems[0].err != RD_KAFKA_RESP_ERR_NO_ERROR ? found->elems[0].err : code;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return ps_kafka_error(client, code, NULL, error, "cannot read its epoch from group %s", group);
    }
    *item_out = has_item && found->elems[0].offset >= 0 ? &found->elems[0] : NULL;
    return PENSTOCK_OK;
}

penstock_code ps_kafka_ledger_read_claim(struct ps_kafka_client *client, const struct ps_kafka_ledger *ledger,
                                         bool is_stable, int64_t timeout_ms, int64_t *attempt_out,
                                         struct penstock_error *error) {
    struct question question PS_SCOPED(end_question) = {0};
    const rd_kafka_topic_partition_t *item = NULL;
    PS_TRY(read_offset(client, ledger->claim_group, ledger->topic, is_stable, timeout_ms, &question, &item,
                       error));
    yyjson_doc *document =
        item != NULL && item->metadata != NULL ? yyjson_read(item->metadata, item->metadata_size, 0) : NULL;
    const char *store_id = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(document), "store"));
    *attempt_out = store_id != NULL && strcmp(store_id, ledger->store_id) == 0 ? item->offset : 0;
    yyjson_doc_free(document);
    return PENSTOCK_OK;
}

penstock_code ps_kafka_ledger_read(struct ps_kafka_client *client, const struct ps_kafka_ledger *ledger,
                                   bool is_stable, int64_t timeout_ms, struct ps_arena *arena,
                                   struct ps_kafka_entry *entry_out, struct penstock_error *error) {
    struct question question PS_SCOPED(end_question) = {0};
    const rd_kafka_topic_partition_t *item = NULL;
    struct ps_kafka_entry entry = {0};
    int64_t claim = 0;
    PS_TRY(ps_kafka_ledger_read_claim(client, ledger, is_stable, timeout_ms, &claim, error));
    PS_TRY(read_offset(client, ledger->group, ledger->topic, is_stable, timeout_ms, &question, &item, error));
    if (item != NULL) {
        PS_TRY(parse_entry(client, ledger, item, arena, &entry, error));
    }
    if (!entry.is_other_store && entry.attempt < claim) {
        entry.attempt = claim;
    }
    *entry_out = entry;
    return PENSTOCK_OK;
}

penstock_code ps_kafka_ledger_write(struct ps_kafka_client *client, const char *group,
                                    rd_kafka_topic_partition_list_t *list, int64_t timeout_ms,
                                    struct penstock_error *error) {
    if (list == NULL) {
        return ps_error_memory(error, "a sink's epoch");
    }
    struct question question PS_SCOPED(end_question) =
        begin_question(client, RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS, timeout_ms);
    rd_kafka_AlterConsumerGroupOffsets_t *request = rd_kafka_AlterConsumerGroupOffsets_new(group, list);
    rd_kafka_AlterConsumerGroupOffsets(client->handle, &request, 1, question.options, question.queue);
    rd_kafka_AlterConsumerGroupOffsets_destroy(request);
    rd_kafka_topic_partition_list_destroy(list);
    PS_TRY(hear_answer(client, &question, timeout_ms, "cannot commit its epoch", error));
    size_t count = 0;
    const rd_kafka_group_result_t **groups = rd_kafka_AlterConsumerGroupOffsets_result_groups(
        rd_kafka_event_AlterConsumerGroupOffsets_result(question.answer), &count);
    const rd_kafka_error_t *failure = count == 1 ? rd_kafka_group_result_error(groups[0]) : NULL;
    const rd_kafka_topic_partition_list_t *done =
        count == 1 ? rd_kafka_group_result_partitions(groups[0]) : NULL;
    rd_kafka_resp_err_t code = failure != NULL ? rd_kafka_error_code(failure) : RD_KAFKA_RESP_ERR_NO_ERROR;
    code = code == RD_KAFKA_RESP_ERR_NO_ERROR && done != NULL && done->cnt == 1 ? done->elems[0].err : code;
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? PENSTOCK_OK
               : ps_kafka_error(client, code, NULL, error, "cannot commit its epoch to group %s", group);
}

/* --- the rest ----------------------------------------------------------------------------------------------------- */

penstock_code ps_kafka_topic_create(struct ps_kafka_client *client, const char *topic,
                                    int64_t partition_count, int64_t timeout_ms,
                                    struct penstock_error *error) {
    char words[512] = "";
    rd_kafka_NewTopic_t *wanted = rd_kafka_NewTopic_new(
        topic, partition_count > 0 ? (int)partition_count : -1, -1, words, sizeof words);
    if (wanted == NULL) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: topic %s cannot be made", client->what,
                           topic);
        return ps_error_detail(error, "librdkafka: %s", words);
    }
    struct question question PS_SCOPED(end_question) =
        begin_question(client, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms);
    (void)rd_kafka_AdminOptions_set_operation_timeout(question.options, (int)timeout_ms, words, sizeof words);
    rd_kafka_CreateTopics(client->handle, &wanted, 1, question.options, question.queue);
    rd_kafka_NewTopic_destroy(wanted);
    PS_TRY(hear_answer(client, &question, timeout_ms, "cannot make its topic", error));
    size_t count = 0;
    const rd_kafka_topic_result_t **topics =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(question.answer), &count);
    const rd_kafka_resp_err_t code =
        count == 1 ? rd_kafka_topic_result_error(topics[0]) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        return PENSTOCK_OK;
    }
    return ps_kafka_error(client, code, count == 1 ? rd_kafka_topic_result_error_string(topics[0]) : NULL,
                          error, "cannot make topic %s", topic);
}

/* The id of any broker, -1 if none answers. */
static int32_t some_broker(struct ps_kafka_client *client, int64_t timeout_ms) {
    const struct rd_kafka_metadata *metadata = NULL;
    if (rd_kafka_metadata(client->handle, 0, NULL, &metadata, (int)timeout_ms) !=
        RD_KAFKA_RESP_ERR_NO_ERROR) {
        return -1;
    }
    const int32_t id = metadata->broker_cnt > 0 ? metadata->brokers[0].id : -1;
    rd_kafka_metadata_destroy(metadata);
    return id;
}

bool ps_kafka_broker_setting(struct ps_kafka_client *client, const char *name, int64_t timeout_ms,
                             char *value_out, size_t size) {
    char broker[16];
    snprintf(broker, sizeof broker, "%" PRId32, some_broker(client, timeout_ms));
    struct question question PS_SCOPED(end_question) =
        begin_question(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_ms);
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, broker);
    rd_kafka_DescribeConfigs(client->handle, &resource, 1, question.options, question.queue);
    rd_kafka_ConfigResource_destroy(resource);
    if (hear_answer(client, &question, timeout_ms, "cannot ask the broker for its settings", NULL) !=
        PENSTOCK_OK) {
        return false;
    }
    size_t count = 0;
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(question.answer), &count);
    size_t entry_count = 0;
    const rd_kafka_ConfigEntry_t **entries =
        count == 1 ? rd_kafka_ConfigResource_configs(resources[0], &entry_count) : NULL;
    for (size_t i = 0; i < entry_count; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), name) == 0 && value != NULL) {
            snprintf(value_out, size, "%s", value);
            return true;
        }
    }
    return false;
}
