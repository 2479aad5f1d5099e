/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_read.c - the messages of a planned slice: those in hand, or once more from the broker.
 *
 * A slice that is not in hand was planned in an earlier life: its epoch was saved before it was written, and now it
 * must be written again from the same records. The consumer goes back, takes exactly [begin, end), and the next plan
 * puts it where it stood. Offsets in between that do not come are gaps that were there before or that compaction
 * made; a range whose beginning the broker has deleted is an error, because records would be missing.
 */
#include <inttypes.h>
#include <yyjson.h>

#include "base/clock.h"
#include "connect/kafka_source.h"

#define ROUND_MS 100

/* The held slice that this is, or NULL. They are asked for in order. */
static struct ps_kafka_slice *find_held(struct ps_kafka_source *source, const struct ps_slice *slice) {
    for (size_t i = 0; i < source->held_count; i++) {
        const size_t at = (source->held_next + i) % source->held_count;
        struct ps_kafka_slice *held = &source->held[at];
        if (held->messages != NULL && held->begin == slice->begin && held->end == slice->end &&
            strcmp(held->partition->name, slice->partition.name) == 0) {
            source->held_next = at + 1;
            return held;
        }
    }
    return NULL;
}

static penstock_code hint_replay(struct penstock_error *error) {
    return ps_error_hint(error,
                         "an epoch that was begun cannot be finished with other records: with on_offset_lost "
                         "the project can go on elsewhere after penstock offsets reset");
}

/* Is it still the topic that the slice was planned from, and does it still have its beginning? */
static penstock_code check_range(struct ps_kafka_source *source, struct ps_kafka_partition *partition,
                                 const struct ps_slice *slice, struct penstock_error *error) {
    yyjson_doc *document = yyjson_read(slice->end_state, strlen(slice->end_state), 0);
    const char *id = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(document), "topic_id"));
    const char *now = partition->topic->id;
    const bool is_other = id != NULL && id[0] != '\0' && now[0] != '\0' && strcmp(id, now) != 0;
    if (is_other) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                           "%s: offsets %" PRId64 " to %" PRId64
                           " of %s were planned, but the topic was made again (its id was %s, is %s)",
                           source->what, slice->begin, slice->end - 1, partition->name, id, now);
        yyjson_doc_free(document);
        return hint_replay(error);
    }
    yyjson_doc_free(document);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *asked =
        rd_kafka_topic_partition_list_add(list, partition->topic->name, partition->number);
    asked->offset = RD_KAFKA_OFFSET_SPEC_EARLIEST;
    const penstock_code code = ps_kafka_ask_offsets(source, list, false, error);
    const int64_t low = asked->offset;
    rd_kafka_topic_partition_list_destroy(list);
    PS_TRY(code);
    if (low > slice->begin) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                           "%s: offsets %" PRId64 " to %" PRId64
                           " of %s were planned, but the broker has deleted those before %" PRId64,
                           source->what, slice->begin, slice->end - 1, partition->name, low);
        return hint_replay(error);
    }
    return PENSTOCK_OK;
}

/* Puts the consumer at the beginning of the slice, unless it stands there. */
static penstock_code go_back(struct ps_kafka_source *source, struct ps_kafka_partition *partition,
                             const struct ps_slice *slice, struct penstock_error *error) {
    if (source->replayed == partition && source->replay_at == slice->begin) {
        return PENSTOCK_OK;
    }
    PS_TRY(check_range(source, partition, slice, error));
    ps_kafka_drop_batch(source);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, partition->topic->name, partition->number)->offset = slice->begin;
    const rd_kafka_resp_err_t code = rd_kafka_assign(source->client->handle, list);
    rd_kafka_topic_partition_list_destroy(list);
    source->is_assigned = false;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return ps_kafka_error(source->client, code, NULL, error, "cannot go back to offset %" PRId64 " of %s",
                              slice->begin, partition->name);
    }
    source->replayed = partition;
    return PENSTOCK_OK;
}

/* What librdkafka says in the place of a record. *is_done_out: the range is over. */
static penstock_code hear(struct ps_kafka_source *source, const struct ps_kafka_slice *slice, int64_t end,
                          const rd_kafka_message_t *message, bool *is_done_out,
                          struct penstock_error *error) {
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        *is_done_out = message->offset >= end;
        return PENSTOCK_OK;
    }
    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                           "%s: offsets %" PRId64 " to %" PRId64
                           " of %s were planned, but the broker no longer has them",
                           source->what, slice->begin, end - 1, slice->partition->name);
        (void)ps_error_detail(error, "librdkafka: %s", rd_kafka_message_errstr(message));
        return hint_replay(error);
    }
    return ps_kafka_trouble_of(source, slice->partition, message, error);
}

/* Takes one message, which is the slice's then, or goes back at once. *is_done_out: it was the last one of the range,
 * or there is none any more. */
static penstock_code take(struct ps_kafka_source *source, struct ps_kafka_slice *slice, int64_t end,
                          rd_kafka_message_t *message, bool *is_done_out, struct penstock_error *error) {
    const bool is_of_it = ps_kafka_partition_of(source, message) == slice->partition;
    const bool is_record = message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (is_of_it && is_record && message->offset >= slice->begin) {
        *is_done_out = message->offset == end - 1;
        return ps_kafka_slice_add(slice, message, source->count_hint, error);
    }
    const penstock_code code =
        is_of_it && !is_record ? hear(source, slice, end, message, is_done_out, error) : PENSTOCK_OK;
    rd_kafka_message_destroy(message);
    return code;
}

static penstock_code wait_over(struct ps_kafka_source *source, const struct ps_kafka_slice *slice,
                               int64_t end, struct penstock_error *error) {
    const struct ps_kafka_client *client = source->client;
    return ps_kafka_error(client, RD_KAFKA_RESP_ERR__TIMED_OUT,
                          client->trouble.code != RD_KAFKA_RESP_ERR_NO_ERROR ? client->trouble.text : NULL,
                          error, "offsets %" PRId64 " to %" PRId64 " of %s were planned and do not come",
                          slice->begin, end - 1, slice->partition->name);
}

/* Messages until the end of the range has gone by. */
static penstock_code replay(struct ps_kafka_source *source, struct ps_kafka_slice *slice, int64_t end,
                            struct penstock_error *error) {
    int64_t last_ns = ps_clock_monotonic_ns();
    for (bool is_done = false; !is_done;) {
        rd_kafka_message_t *message = ps_kafka_next(source, ROUND_MS);
        if (message == NULL) {
            ps_kafka_hear(source->client);
            if (ps_clock_monotonic_ns() - last_ns > source->config->connect_ms * 1000000) {
                return wait_over(source, slice, end, error);
            }
            continue;
        }
        const bool is_of_it = ps_kafka_partition_of(source, message) == slice->partition;
        if (is_of_it && message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->offset >= end) {
            source->batch_next--; /* of the next slice */
            return PENSTOCK_OK;
        }
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            last_ns = ps_clock_monotonic_ns();
        }
        PS_TRY(take(source, slice, end, message, &is_done, error));
    }
    return PENSTOCK_OK;
}

penstock_code ps_kafka_read(struct ps_kafka_source *source, const struct ps_slice *slice, struct ps_raw *raw,
                            struct penstock_error *error) {
    struct ps_kafka_slice *held = find_held(source, slice);
    if (held != NULL) {
        return ps_kafka_slice_take(held, raw, error);
    }
    struct ps_kafka_partition *partition = ps_kafka_find(source, slice->partition.name);
    if (partition == NULL || partition->is_gone) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA,
                            "%s: offsets %" PRId64 " to %" PRId64 " of %s were planned, but it is not there",
                            source->what, slice->begin, slice->end - 1, slice->partition.name);
    }
    struct ps_kafka_slice taken = {.partition = partition, .begin = slice->begin, .end = slice->begin};
    PS_TRY(go_back(source, partition, slice, error));
    penstock_code code = replay(source, &taken, slice->end, error);
    source->replay_at = slice->end;
    if (code == PENSTOCK_OK) {
        code = ps_kafka_slice_take(&taken, raw, error);
    } else {
        source->replayed = NULL;
    }
    ps_kafka_slice_done(&taken);
    return code;
}
