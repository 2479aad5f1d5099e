/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_plan.c - a plan of a broker's records: what has arrived is what the epoch takes.
 *
 * Asking the broker first where its partitions end would cost a round trip an epoch and tell less. So messages are
 * taken from librdkafka's queue until the epoch is full, the time is over, or the run has what it wanted; the range is
 * made from what was taken, and the bytes wait for read(). Offsets may have gaps: compacted records and the markers of
 * transactions have some, so what counts is the order, and where a partition was seen to end.
 */
#include "connect/kafka_source.h"

#include "base/check.h"
#include "base/clock.h"

#define MS_NS INT64_C(1000000)
#define SLICE_SIZE_DEFAULT ((int64_t)1 << 20)
#define SLICE_SIZE_MAX ((int64_t)1 << 20) /* several tasks even when one partition has it all */
#define EPOCH_COUNT_DEFAULT INT64_C(50000)
#define EPOCH_SIZE_DEFAULT ((int64_t)64 << 20)
/* An epoch of so many records is worth committing once its time is over, though more are there. */
#define WORTHY_COUNT 5000
/* A run that ends when it has everything makes large epochs: nobody waits for the first rows. */
#define ONCE_EPOCH_NS (INT64_C(200) * MS_NS)
/* One look at the queue; a stop or a lost broker is seen between two. */
#define WAIT_MS_MAX 100
/* A run that ends when it has everything gives up on a broker that is away for so long. */
#define ONCE_PATIENCE_NS (INT64_C(300) * 1000 * MS_NS)
/* A stretch without records (aborted transactions) is worth an epoch of its own only now and then. */
#define MOVED_INTERVAL_NS (INT64_C(10) * 1000 * MS_NS)

/* --- messages from the consumer --------------------------------------------------------------------------- */

void ps_kafka_drop_batch(struct ps_kafka_source *source) {
    while (source->batch_next < source->batch_count) {
        rd_kafka_message_destroy(source->batch[source->batch_next++]);
    }
    source->batch_next = source->batch_count = 0;
}

void ps_kafka_drop_held(struct ps_kafka_source *source) {
    for (size_t i = 0; i < source->held_count; i++) {
        ps_kafka_slice_done(&source->held[i]);
    }
    source->held_count = source->held_next = 0;
    for (size_t i = 0; i < source->count; i++) {
        source->items[i]->open = 0;
    }
}

/* Waits for messages at most so long when none is in hand. */
static bool fill_batch(struct ps_kafka_source *source, int64_t wait_ms) {
    if (source->batch_next == source->batch_count) {
        const ssize_t got =
            rd_kafka_consume_batch_queue(source->queue, (int)wait_ms, source->batch, PS_KAFKA_BATCH_COUNT);
        source->batch_next = 0;
        source->batch_count = got < 0 ? 0 : (size_t)got;
    }
    return source->batch_next < source->batch_count;
}

rd_kafka_message_t *ps_kafka_next(struct ps_kafka_source *source, int64_t wait_ms) {
    return fill_batch(source, wait_ms) ? source->batch[source->batch_next++] : NULL;
}

static struct ps_kafka_entry *topic_of(struct ps_kafka_source *source, const rd_kafka_topic_t *handle) {
    for (size_t i = 0; i < source->topic_count; i++) {
        if (source->topics[i]->handle == handle) {
            return source->topics[i];
        }
    }
    const char *name = rd_kafka_topic_name(handle);
    for (size_t i = 0; i < source->topic_count; i++) {
        if (strcmp(source->topics[i]->name, name) == 0) {
            source->topics[i]->handle = handle;
            return source->topics[i];
        }
    }
    return NULL;
}

struct ps_kafka_partition *ps_kafka_partition_of(struct ps_kafka_source *source,
                                                 const rd_kafka_message_t *message) {
    if (message->rkt == NULL || message->partition < 0) {
        return NULL;
    }
    const struct ps_kafka_entry *topic = topic_of(source, message->rkt);
    return topic != NULL && (size_t)message->partition < topic->partition_count
               ? topic->partitions[message->partition]
               : NULL;
}

penstock_code ps_kafka_trouble_of(struct ps_kafka_source *source, struct ps_kafka_partition *partition,
                                  const rd_kafka_message_t *message, struct penstock_error *error) {
    const rd_kafka_resp_err_t code = message->err;
    if (partition == NULL || ps_kafka_is_passing(code) || code == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED ||
        code == RD_KAFKA_RESP_ERR_UNKNOWN) { /* the broker's own trouble: it is asked again */
        return PENSTOCK_OK;
    }
    if (code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE ||
        code == RD_KAFKA_RESP_ERR__LOG_TRUNCATION) {
        source->is_checked = false; /* the next plan finds out what is there, and acts */
        source->is_doubtful = true;
        source->is_assigned = false;
        return PENSTOCK_OK;
    }
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
        code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION) {
        source->discovered_ns = 0; /* look what became of it */
        return PENSTOCK_OK;
    }
    (void)ps_kafka_error(source->client, code, rd_kafka_message_errstr(message), error,
                         "%s cannot be read at offset %lld", partition->name, (long long)message->offset);
    return error != NULL ? error->code : PENSTOCK_IO;
}

/* --- the consumer's place --------------------------------------------------------------------------------- */

static bool is_read_out(const struct ps_kafka_partition *partition) {
    const int64_t at = partition->position > partition->reached ? partition->position : partition->reached;
    return (partition->end >= 0 && at >= partition->end) ||
           (partition->once_end >= 0 && at >= partition->once_end);
}

/* Puts the consumer at the positions of all partitions that are still to be read. */
static penstock_code assign(struct ps_kafka_source *source, struct penstock_error *error) {
    ps_kafka_drop_batch(source);
    source->replayed = NULL;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)source->count);
    for (size_t i = 0; i < source->count; i++) {
        struct ps_kafka_partition *partition = source->items[i];
        partition->is_paused = partition->is_gone || is_read_out(partition);
        if (!partition->is_paused) {
            rd_kafka_topic_partition_list_add(list, partition->topic->name, partition->number)->offset =
                partition->position;
        }
    }
    const rd_kafka_resp_err_t code = rd_kafka_assign(source->client->handle, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return ps_kafka_error(source->client, code, NULL, error, "cannot begin to read");
    }
    source->is_assigned = true;
    return PENSTOCK_OK;
}

/* Nothing more is wanted of it: the consumer shall not fetch it on. */
static void pause_partition(struct ps_kafka_source *source, struct ps_kafka_partition *partition) {
    if (partition->is_paused) {
        return;
    }
    partition->is_paused = true;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, partition->topic->name, partition->number);
    (void)rd_kafka_pause_partitions(source->client->handle, list);
    rd_kafka_topic_partition_list_destroy(list);
}

/* --- taking ----------------------------------------------------------------------------------------------- */

struct taking {
    struct ps_kafka_source *source;
    const struct ps_epoch_limits *limits;
    int64_t deadline_ns;
    int64_t count_max, size_max, slice_size;
    int64_t count_end; /* count_max, or less: see ps_epoch_count_max() */
    int64_t count, size;
};

/* The slice that takes the next `size` bytes of the partition. */
static penstock_code slice_for(struct taking *taking, struct ps_kafka_partition *partition, size_t size,
                               struct ps_kafka_slice **slice_out, struct penstock_error *error) {
    struct ps_kafka_source *source = taking->source;
    if (partition->open > 0) {
        struct ps_kafka_slice *slice = &source->held[partition->open - 1];
        if (slice->size + size <= (size_t)taking->slice_size) {
            *slice_out = slice;
            return PENSTOCK_OK;
        }
        source->count_hint = slice->count + slice->count / 8;
    }
    void *held = source->held;
    const penstock_code grown =
        ps_grow(&held, &source->held_capacity, source->held_count + 1, sizeof *source->held, error);
    source->held = held;
    PS_TRY(grown);
    struct ps_kafka_slice *slice = &source->held[source->held_count++];
    *slice = (struct ps_kafka_slice){
        .partition = partition, .begin = partition->position, .end = partition->position};
    partition->open = source->held_count;
    *slice_out = slice;
    return PENSTOCK_OK;
}

/* Is the record of this epoch? */
static bool is_wanted(const struct taking *taking, struct ps_kafka_partition *partition, int64_t offset) {
    if (offset < partition->position) {
        return false; /* planned already */
    }
    if ((partition->end >= 0 && offset >= partition->end) ||
        (partition->once_end >= 0 && offset >= partition->once_end)) {
        partition->reached = offset;
        pause_partition(taking->source, partition);
        return false;
    }
    return true;
}

static penstock_code take_record(struct taking *taking, struct ps_kafka_partition *partition,
                                 rd_kafka_message_t *message, struct penstock_error *error) {
    struct ps_kafka_slice *slice = NULL;
    const int64_t offset = message->offset;
    const size_t size = message->len + message->key_len;
    const penstock_code code = slice_for(taking, partition, size, &slice, error);
    if (code != PENSTOCK_OK) {
        rd_kafka_message_destroy(message);
        return code;
    }
    PS_TRY(ps_kafka_slice_add(slice, message, taking->source->count_hint, error));
    partition->position = offset + 1;
    taking->count++;
    taking->size += (int64_t)size;
    if (is_read_out(partition)) {
        pause_partition(taking->source, partition);
    }
    return PENSTOCK_OK;
}

/* What librdkafka says in the place of a record. */
static penstock_code hear(const struct taking *taking, struct ps_kafka_partition *partition,
                          const rd_kafka_message_t *message, struct penstock_error *error) {
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        taking->source->client->trouble.is_down = false;
        if (partition != NULL && message->offset > partition->reached) {
            partition->reached = message->offset;
        }
        return PENSTOCK_OK;
    }
    return ps_kafka_trouble_of(taking->source, partition, message, error);
}

/* The message is the epoch's, or goes back at once. */
static penstock_code take_message(struct taking *taking, rd_kafka_message_t *message,
                                  struct penstock_error *error) {
    struct ps_kafka_partition *partition = ps_kafka_partition_of(taking->source, message);
    penstock_code code = PENSTOCK_OK;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = hear(taking, partition, message, error);
    } else {
        taking->source->client->trouble.is_down = false;
        if (partition != NULL && is_wanted(taking, partition, message->offset)) {
            return take_record(taking, partition, message, error);
        }
    }
    rd_kafka_message_destroy(message);
    return code;
}

static bool is_drained(const struct ps_kafka_source *source) {
    for (size_t i = 0; i < source->count; i++) {
        const struct ps_kafka_partition *partition = source->items[i];
        if (!partition->is_gone && !is_read_out(partition)) {
            return false;
        }
    }
    return true;
}

static bool is_full(const struct taking *taking) {
    return taking->count >= taking->count_end || taking->size >= taking->size_max;
}

/* How long to wait for more messages when none is in hand; -1: the epoch is to be closed. */
static int64_t wait_ms(const struct taking *taking, int64_t now_ns, int64_t last_ns) {
    const struct ps_epoch_limits *limits = taking->limits;
    if (is_full(taking) || ps_stop_requested(limits->stop) || is_drained(taking->source)) {
        return -1;
    }
    if (now_ns < taking->deadline_ns) {
        const int64_t left_ms = (taking->deadline_ns - now_ns + MS_NS - 1) / MS_NS;
        return left_ms < WAIT_MS_MAX ? left_ms : WAIT_MS_MAX;
    }
    if (taking->count >= WORTHY_COUNT) {
        return -1;
    }
    /* a run that ends when nothing is left must not take silence for the end */
    return limits->is_once && taking->count == 0 && now_ns - last_ns < ONCE_PATIENCE_NS ? WAIT_MS_MAX : 0;
}

static penstock_code give_up(const struct ps_kafka_source *source, struct penstock_error *error) {
    const struct ps_kafka_client *client = source->client;
    return ps_kafka_error(client, RD_KAFKA_RESP_ERR__TIMED_OUT,
                          client->trouble.code != RD_KAFKA_RESP_ERR_NO_ERROR ? client->trouble.text : NULL,
                          error, "nothing came from %s for %lld s", client->addresses,
                          (long long)(ONCE_PATIENCE_NS / MS_NS / 1000));
}

/* Takes what is in hand, as far as it fits. */
static penstock_code take_batch(struct taking *taking, struct penstock_error *error) {
    struct ps_kafka_source *source = taking->source;
    taking->count_end = ps_epoch_count_max(taking->count, taking->size, taking->count_max, taking->size_max);
    while (source->batch_next < source->batch_count && !is_full(taking)) {
        PS_TRY(take_message(taking, source->batch[source->batch_next++], error));
    }
    return PENSTOCK_OK;
}

/* Takes messages until the epoch is full, its time is over or all is there. */
static penstock_code collect(struct taking *taking, struct penstock_error *error) {
    struct ps_kafka_source *source = taking->source;
    int64_t now_ns = ps_clock_monotonic_ns(), last_ns = now_ns;
    for (;;) {
        const int64_t wait = wait_ms(taking, now_ns, last_ns);
        if (wait < 0) {
            return PENSTOCK_OK;
        }
        const bool has_some = fill_batch(source, wait);
        now_ns = ps_clock_monotonic_ns();
        if (has_some) {
            last_ns = now_ns;
            PS_TRY(take_batch(taking, error));
        } else {
            ps_kafka_hear(source->client);
        }
        if (!source->is_assigned || (!has_some && wait == 0)) {
            break; /* a position is lost, or nothing is there and not to be waited for */
        }
    }
    if (taking->limits->is_once && taking->count == 0 && source->is_assigned) {
        return give_up(source, error);
    }
    return PENSTOCK_OK;
}

/* What was taken is not planned after all: the consumer goes back. */
static void undo(struct ps_kafka_source *source) {
    for (size_t i = 0; i < source->held_count; i++) {
        struct ps_kafka_slice *slice = &source->held[i];
        if (slice->begin < slice->partition->position) {
            slice->partition->position = slice->begin;
        }
    }
    ps_kafka_drop_held(source);
    source->is_assigned = false;
}

/* --- the range -------------------------------------------------------------------------------------------- */

static int compare_slices(const void *left, const void *right) {
    const struct ps_kafka_slice *a = left, *b = right;
    if (a->partition->ordinal != b->partition->ordinal) {
        return a->partition->ordinal < b->partition->ordinal ? -1 : 1;
    }
    return a->begin < b->begin ? -1 : a->begin > b->begin ? 1 : 0;
}

static penstock_code list_slices(struct ps_kafka_source *source, struct ps_range *range,
                                 struct penstock_error *error) {
    if (source->held_count == 0) {
        return PENSTOCK_OK;
    }
    qsort(source->held, source->held_count, sizeof *source->held, compare_slices);
    range->slices = ps_arena_allocate(range->arena, source->held_count, sizeof *range->slices);
    if (range->slices == NULL) {
        return ps_error_memory(error, "an epoch");
    }
    for (size_t i = 0; i < source->held_count; i++) {
        const struct ps_kafka_slice *slice = &source->held[i];
        range->slices[i] = (struct ps_slice){
            .partition = {ps_arena_copy(range->arena, slice->partition->name), slice->partition->ordinal},
            .begin = slice->begin,
            .end = slice->end,
            .end_state = ps_arena_copy(range->arena, slice->partition->state)};
        if (range->slices[i].partition.name == NULL || range->slices[i].end_state == NULL) {
            return ps_error_memory(error, "an epoch");
        }
    }
    range->slice_count = source->held_count;
    return PENSTOCK_OK;
}

/* Where a partition stands after this range: also behind a stretch without records that was seen. */
static int64_t end_of(const struct ps_kafka_partition *partition) {
    int64_t end = partition->reached > partition->position ? partition->reached : partition->position;
    end = partition->end >= 0 && end > partition->end ? partition->end : end;
    end = partition->once_end >= 0 && end > partition->once_end ? partition->once_end : end;
    return end > partition->position ? end : partition->position;
}

static penstock_code list_ends(struct ps_kafka_source *source, struct ps_range *range,
                               struct penstock_error *error) {
    range->ends = ps_arena_allocate(range->arena, source->count + 1, sizeof *range->ends);
    if (range->ends == NULL) {
        return ps_error_memory(error, "the positions of an epoch");
    }
    const int64_t now_ns = ps_clock_monotonic_ns();
    const bool may_move = range->is_drained || now_ns - source->moved_ns > MOVED_INTERVAL_NS;
    for (size_t i = 0; i < source->count; i++) {
        struct ps_kafka_partition *partition = source->items[i];
        const int64_t end = end_of(partition);
        const bool is_moved = end > partition->position && (may_move || partition->open > 0);
        if (partition->open == 0 && !partition->is_new && !is_moved) {
            continue;
        }
        partition->position = is_moved ? end : partition->position;
        range->is_moved = range->is_moved || partition->is_new || is_moved;
        const struct ps_position position = {
            .partition = {ps_arena_copy(range->arena, partition->name), partition->ordinal},
            .offset = partition->position,
            .state = ps_arena_copy(range->arena, partition->state)};
        if (position.partition.name == NULL || position.state == NULL) {
            return ps_error_memory(error, "the positions of an epoch");
        }
        range->ends[range->end_count++] = position;
    }
    source->moved_ns = range->is_moved ? now_ns : source->moved_ns;
    return PENSTOCK_OK;
}

/* Everything that must be known before messages can be taken. *is_ready_out false: the broker is away. */
static penstock_code prepare(struct ps_kafka_source *source, const struct ps_epoch_limits *limits,
                             bool *is_ready_out, struct penstock_error *error) {
    struct penstock_error local = {0};
    PS_TRY(ps_kafka_discover(source, error));
    penstock_code code = PENSTOCK_OK;
    if (!source->is_checked) {
        code = ps_kafka_check_positions(source, &local);
    }
    if (code == PENSTOCK_OK && limits->is_once && !source->is_once) {
        code = ps_kafka_fix_ends(source, &local);
    }
    *is_ready_out = code == PENSTOCK_OK;
    if (code != PENSTOCK_OK) {
        if (local.remedy == PENSTOCK_RETRY && !limits->is_once) {
            return PENSTOCK_OK;
        }
        if (error != NULL) {
            *error = local;
        }
        return code;
    }
    return source->is_assigned ? PENSTOCK_OK : assign(source, error);
}

/* Takes what is there and makes the range of it. */
static penstock_code fill(struct taking *taking, struct ps_range *range, struct penstock_error *error) {
    struct ps_kafka_source *source = taking->source;
    bool is_ready = false;
    PS_TRY(prepare(source, taking->limits, &is_ready, error));
    if (is_ready) {
        PS_TRY(collect(taking, error));
    }
    PS_TRY(list_slices(source, range, error));
    range->byte_count = taking->size;
    range->is_rebased = source->is_rebased;
    range->is_drained = is_ready && is_drained(source);
    return list_ends(source, range, error);
}

penstock_code ps_kafka_plan(struct ps_kafka_source *source, const struct ps_epoch_limits *limits,
                            struct ps_range *range, struct penstock_error *error) {
    const int64_t slice_size = limits->slice_size > 0 ? limits->slice_size : SLICE_SIZE_DEFAULT;
    struct taking taking = {
        .source = source,
        .limits = limits,
        .deadline_ns = limits->deadline_ns,
        .count_max = limits->record_count_max > 0 ? limits->record_count_max : EPOCH_COUNT_DEFAULT,
        .size_max = limits->byte_count_max > 0 ? limits->byte_count_max : EPOCH_SIZE_DEFAULT,
        .slice_size = slice_size < SLICE_SIZE_MAX ? slice_size : SLICE_SIZE_MAX};
    taking.count_end = taking.count_max;
    const int64_t once_ns = ps_clock_monotonic_ns() + ONCE_EPOCH_NS;
    if (limits->is_once && taking.deadline_ns < once_ns) {
        taking.deadline_ns = once_ns;
    }
    ps_kafka_hear(source->client);
    ps_kafka_drop_held(source);
    const penstock_code code = fill(&taking, range, error);
    if (code != PENSTOCK_OK) {
        undo(source);
        return code;
    }
    source->is_rebased = false;
    for (size_t i = 0; i < source->count; i++) {
        source->items[i]->open = 0;
        source->items[i]->is_new = false;
    }
    return PENSTOCK_OK;
}
