/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_ledger.h - where a Kafka sink keeps its epoch: the committed offset of a consumer group of its own.
 *
 * The group penstock.<project>.<sink> has one offset, of partition 0 of the topic: its number is the epoch, its text
 * (JSON) the store, the attempt and, if they fit, the positions. A transaction can commit such an offset together with
 * records, and this is the only thing of the kind that Kafka has.
 *
 * A coordinator whose broker has just come back answers for a while with what it has got to know so far: an older
 * epoch, or none (seen with Kafka 4.4.0 after kill -9). So who takes over commits a claim first, the number of its
 * attempt, to a second group, and waits until it reads it: that group's name has the hash of the first one's (as Java
 * counts it), by which Kafka puts both into the same partition of __consumer_offsets; what was committed before the
 * claim is known when the claim is. Here are also the other questions that the sink puts to a broker. Private to room
 * connect.
 */
#ifndef PS_CONNECT_KAFKA_LEDGER_H
#define PS_CONNECT_KAFKA_LEDGER_H

#include "connect/kafka_client.h"
#include "connect/sink_server.h"

struct ps_kafka_ledger {
    const char *group;       /* "penstock.shop.orders" */
    const char *claim_group; /* ps_kafka_ledger_claim_group() of it */
    const char *topic;
    const char *store_id;
};

struct ps_kafka_entry {
    bool is_there;
    bool is_other_store;
    int64_t epoch;
    int64_t attempt;       /* the greatest that wrote the entry or, of our store, claimed it */
    const char *store_id;  /* in the arena */
    const char *positions; /* JSON in the arena, or NULL */
};

/* "penstock.shop.orders.claim." and seven letters that give it the hash of `group`; in the arena, NULL: no memory. */
const char *ps_kafka_ledger_claim_group(const char *group, struct ps_arena *arena);
/* String.hashCode() of Java. */
uint32_t ps_kafka_ledger_hash(const char *text);

/* One offset with its text; the caller destroys the list. NULL: no memory. */
rd_kafka_topic_partition_list_t *ps_kafka_ledger_offset(const struct ps_kafka_ledger *ledger,
                                                        struct ps_epoch epoch,
                                                        const struct ps_position_list *positions);
/* The same for a claim: an offset of the claim group. */
rd_kafka_topic_partition_list_t *ps_kafka_ledger_claim(const struct ps_kafka_ledger *ledger, int64_t attempt);
/* `is_stable`: waits until no transaction is open that could still change it. Errors: IO; INVALID_DATA (the offset is
 * not one that a sink committed). */
penstock_code ps_kafka_ledger_read(struct ps_kafka_client *client, const struct ps_kafka_ledger *ledger,
                                   bool is_stable, int64_t timeout_ms, struct ps_arena *arena,
                                   struct ps_kafka_entry *entry_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* The attempt of our store's claim, 0: none is known. Errors: IO. */
penstock_code ps_kafka_ledger_read_claim(struct ps_kafka_client *client, const struct ps_kafka_ledger *ledger,
                                         bool is_stable, int64_t timeout_ms, int64_t *attempt_out,
                                         struct penstock_error *error) PENSTOCK_MUST_USE;
/* Commits an offset outside of any transaction. Takes the list; NULL is OUT_OF_MEMORY. */
penstock_code ps_kafka_ledger_write(struct ps_kafka_client *client, const char *group,
                                    rd_kafka_topic_partition_list_t *list, int64_t timeout_ms,
                                    struct penstock_error *error) PENSTOCK_MUST_USE;

/* partition_count 0: as many as the broker makes by itself. */
penstock_code ps_kafka_topic_create(struct ps_kafka_client *client, const char *topic,
                                    int64_t partition_count, int64_t timeout_ms, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* A setting of the broker, as text; false if it does not tell. */
bool ps_kafka_broker_setting(struct ps_kafka_client *client, const char *name, int64_t timeout_ms,
                             char *value_out, size_t size);

#endif
