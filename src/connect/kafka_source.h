/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_source.h - the Kafka source's own structures, shared by its files.
 *
 *   source_kafka.c   options, open, seek, commit, lag: the row of the connector table
 *   kafka_layout.c   topics and partitions: which there are, new ones, topics that were made again
 *   kafka_offsets.c  where to begin and to end; offsets that the broker no longer has
 *   kafka_plan.c     takes what has arrived and makes a range of it
 *   kafka_slice.c    messages on their way to a task, and their headers
 *   kafka_read.c     hands planned slices over; reads a range of an earlier life again
 *
 * Every partition is assigned to this one consumer by name and offset: no group is joined, so nothing is ever taken
 * away from it. The store has the positions; the group is only told them. Messages stay in librdkafka's memory until
 * their epoch is over: a task decodes them there.
 */
#ifndef PS_CONNECT_KAFKA_SOURCE_H
#define PS_CONNECT_KAFKA_SOURCE_H

#include "connect/kafka_client.h"
#include "connect/source.h"

/* Messages taken from librdkafka's queue at once. */
#define PS_KAFKA_BATCH_COUNT 10000
/* Partitions of one source: each costs a position in the store and an entry in every fetch. */
#define PS_KAFKA_PARTITION_MAX 100000

struct ps_kafka_config {
    const char *topic, *topic_pattern;
    const char *startup_mode, *startup_timestamp, *startup_offsets;
    const char *bounded, *bounded_timestamp, *bounded_offsets;
    const char *on_offset_lost; /* fail, earliest, latest */
    int64_t discovery_ms, connect_ms;
};

struct ps_kafka_partition {
    struct ps_kafka_entry *topic;
    int32_t number;
    const char *name; /* "orders[3]" */
    int64_t ordinal;
    int64_t position;  /* next offset to plan */
    int64_t reached;   /* the end of the partition that was seen last: nothing is between position and it */
    int64_t start;     /* where the source began to read it */
    int64_t end;       /* scan.bounded: nothing from here on is read; -1: none */
    int64_t once_end;  /* the same for this run, -1: none */
    bool is_new;       /* no plan has told its position yet */
    bool is_late;      /* it was made after the source began: read from its beginning */
    bool is_gone;      /* the topic was made again with fewer partitions */
    bool is_paused;    /* read to its end */
    const char *id;    /* of the topic that its position belongs to; "" not known */
    const char *state; /* of the position */
    size_t open;       /* index + 1 of the slice that takes its messages; 0: none */
};

/* A topic of the source. */
struct ps_kafka_entry {
    const char *name;
    const char *id;                         /* of the topic that is there now; "" not known */
    const rd_kafka_topic_t *handle;         /* how librdkafka's messages name it, once one came */
    struct ps_kafka_partition **partitions; /* by number */
    size_t partition_count, capacity;
    int missing_count; /* times in a row that it was not there */
};

/* Messages of one partition on their way to a task. */
struct ps_kafka_slice {
    struct ps_kafka_partition *partition;
    int64_t begin, end;
    size_t size; /* bytes of keys and values */
    struct ps_message *messages;
    size_t count, capacity;
    struct ps_kafka_lent *lent; /* the same messages, as they go back to librdkafka */
};
void ps_kafka_slice_done(struct ps_kafka_slice *slice);
/* The message comes to the end of the slice, which takes it over, also on failure. `count_hint`: how many it may come
 * to. Errors: OUT_OF_MEMORY. */
penstock_code ps_kafka_slice_add(struct ps_kafka_slice *slice, rd_kafka_message_t *message, size_t count_hint,
                                 struct penstock_error *error) PENSTOCK_MUST_USE;
/* Hands the messages over. */
penstock_code ps_kafka_slice_take(struct ps_kafka_slice *slice, struct ps_raw *raw,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;

struct ps_kafka_source {
    const struct ps_source_setup *setup;
    const struct ps_kafka_config *config;
    char *what, *group; /* "source events", owned */
    struct ps_kafka_client *client;
    rd_kafka_queue_t *queue; /* of the consumer: all its partitions */
    bool is_connected, is_uncommitted_read;
    bool is_down_told; /* that no broker can be reached */

    struct ps_arena *arena; /* of topics and partitions, since the last seek */
    struct ps_kafka_entry **topics;
    size_t topic_count, topic_capacity;
    struct ps_kafka_partition **items; /* in ordinal order */
    size_t count, capacity;
    int64_t ordinal_next;

    bool is_assigned;           /* the consumer stands at the positions */
    bool is_checked;            /* the broker has the positions */
    bool is_doubtful;           /* the consumer found a position missing: the topic may be another one */
    bool is_once;               /* once_end of the partitions is set */
    bool is_rebased;            /* offsets of a topic that was made again: the next range says so */
    rd_kafka_message_t **batch; /* taken from the queue, from batch_next on not yet looked at */
    size_t batch_next, batch_count;

    struct ps_kafka_slice *held; /* of the range planned last, in record order */
    size_t held_count, held_capacity, held_next;
    size_t count_hint; /* messages of a slice */

    struct ps_kafka_partition *replayed; /* the consumer stands at this one alone, at replay_at; or NULL */
    int64_t replay_at;

    rd_kafka_queue_t *discovery; /* a question is under way */
    int64_t discovered_ns, moved_ns, told_ns;
    rd_kafka_queue_t *telling;               /* the group is being told */
    rd_kafka_topic_partition_list_t *untold; /* positions the group was not told yet, or NULL */
};

/* --- kafka_layout.c */
penstock_code ps_kafka_layout(struct ps_kafka_source *source, const struct ps_position_list *positions,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
/* New partitions, topics made again: looks when it is time, never waits long. */
penstock_code ps_kafka_discover(struct ps_kafka_source *source, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* The same with waiting. IO with remedy RETRY: no answer, or a topic is missing. */
penstock_code ps_kafka_refresh(struct ps_kafka_source *source, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Was the topic made again since the partition's position? */
bool ps_kafka_is_recreated(const struct ps_kafka_partition *partition);
struct ps_kafka_partition *ps_kafka_find(struct ps_kafka_source *source, const char *name);
penstock_code ps_kafka_write_state(struct ps_kafka_source *source, struct ps_kafka_partition *partition,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;

/* --- kafka_offsets.c */
/* Positions of partitions that have none (-1) and ends of those that want one, as the options say. */
penstock_code ps_kafka_begin(struct ps_kafka_source *source, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Does the broker have all positions? Acts as on_offset_lost says. IO with remedy RETRY: it did not answer. */
penstock_code ps_kafka_check_positions(struct ps_kafka_source *source, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Where the partitions end now, for a run that ends there. */
penstock_code ps_kafka_fix_ends(struct ps_kafka_source *source, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_kafka_locate(struct ps_kafka_source *source, enum ps_place place, int64_t time_ms,
                              struct ps_position_list *found, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Replaces each offset of the list, which is a place (RD_KAFKA_OFFSET_SPEC_*) or a time, by the broker's answer; a time
 * after the last record gives -1. The end is the one that the consumer may read to, or behind everything. */
penstock_code ps_kafka_ask_offsets(struct ps_kafka_source *source, rd_kafka_topic_partition_list_t *list,
                                   bool is_readable_end, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Are the words of scan.* well-formed? For `penstock check`. */
penstock_code ps_kafka_check_scan(const struct ps_kafka_config *config, const char *what,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;

/* --- kafka_plan.c */
penstock_code ps_kafka_plan(struct ps_kafka_source *source, const struct ps_epoch_limits *limits,
                            struct ps_range *range, struct penstock_error *error) PENSTOCK_MUST_USE;
/* The next message from the consumer, waiting at most so long; NULL: none came. The caller destroys it. */
rd_kafka_message_t *ps_kafka_next(struct ps_kafka_source *source, int64_t wait_ms);
void ps_kafka_drop_batch(struct ps_kafka_source *source);
void ps_kafka_drop_held(struct ps_kafka_source *source);
/* An error in the place of a message: OK if it will pass. */
penstock_code ps_kafka_trouble_of(struct ps_kafka_source *source, struct ps_kafka_partition *partition,
                                  const rd_kafka_message_t *message, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* The partition of a message; NULL: not one of this source. */
struct ps_kafka_partition *ps_kafka_partition_of(struct ps_kafka_source *source,
                                                 const rd_kafka_message_t *message);

/* --- kafka_read.c */
penstock_code ps_kafka_read(struct ps_kafka_source *source, const struct ps_slice *slice, struct ps_raw *raw,
                            struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
