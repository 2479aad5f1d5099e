/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_ledger.h - where a Kafka sink keeps its epoch: the committed offset of a consumer group of its own.
 *
 * The group penstock.<project>.<sink> has one offset, of partition 0 of the topic: its number is the epoch, its text
 * (JSON) the store, the attempt and, if they fit, the positions. A transaction can commit such an offset together with
 * records, and this is the only thing of the kind that Kafka has. Here are also the other questions that the sink puts
 * to a broker. Private to room connect.
 */
#ifndef PS_CONNECT_KAFKA_LEDGER_H
#define PS_CONNECT_KAFKA_LEDGER_H

#include "connect/kafka_client.h"
#include "connect/sink_server.h"

struct ps_kafka_ledger {
    const char *group; /* "penstock.shop.orders" */
    const char *topic;
    const char *store_id;
};

struct ps_kafka_entry {
    bool is_there;
    bool is_other_store;
    int64_t epoch, attempt;
    const char *store_id;  /* in the arena */
    const char *positions; /* JSON in the arena, or NULL */
};

/* One offset with its text; the caller destroys the list. NULL: no memory. */
rd_kafka_topic_partition_list_t *ps_kafka_ledger_offset(const struct ps_kafka_ledger *ledger,
                                                        struct ps_epoch epoch,
                                                        const struct ps_position_list *positions);
/* `is_stable`: waits until no transaction is open that could still change it. Errors: IO; INVALID_DATA (the offset is
 * not one that a sink committed). */
penstock_code ps_kafka_ledger_read(struct ps_kafka_client *client, const struct ps_kafka_ledger *ledger,
                                   bool is_stable, int64_t timeout_ms, struct ps_arena *arena,
                                   struct ps_kafka_entry *entry_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Commits it outside of any transaction. */
penstock_code ps_kafka_ledger_write(struct ps_kafka_client *client, const struct ps_kafka_ledger *ledger,
                                    struct ps_epoch epoch, const struct ps_position_list *positions,
                                    int64_t timeout_ms, struct penstock_error *error) PENSTOCK_MUST_USE;

/* partition_count 0: as many as the broker makes by itself. */
penstock_code ps_kafka_topic_create(struct ps_kafka_client *client, const char *topic,
                                    int64_t partition_count, int64_t timeout_ms, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* A setting of the broker, as text; false if it does not tell. */
bool ps_kafka_broker_setting(struct ps_kafka_client *client, const char *name, int64_t timeout_ms,
                             char *value_out, size_t size);

#endif
