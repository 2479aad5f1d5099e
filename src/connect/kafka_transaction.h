/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_transaction.h - the calls of a transactional producer, and what their errors mean.
 *
 * Kafka's rule: look first whether an error is fatal (the producer is lost), then whether the transaction must be
 * aborted, then whether the same call may be made again. Private to room connect; no `error` here may be NULL.
 */
#ifndef PS_CONNECT_KAFKA_TRANSACTION_H
#define PS_CONNECT_KAFKA_TRANSACTION_H

#include "connect/kafka_ledger.h"

/* One call of librdkafka; between two it is looked whether going on makes sense. */
#define PS_KAFKA_CALL_MS 5000

enum ps_kafka_verdict {
    PS_KAFKA_DONE,
    PS_KAFKA_AGAIN, /* the same call may be made again */
    PS_KAFKA_ABORT, /* the transaction is lost, the producer is not */
    PS_KAFKA_FATAL, /* the producer is lost */
};

/* Takes the error object (NULL: done); `action` is for the sentence. The remedy is RETRY where a new producer, or the
 * same one later, may succeed. */
enum ps_kafka_verdict ps_kafka_judge(struct ps_kafka_client *client, rd_kafka_error_t *object,
                                     const char *action, struct penstock_error *error);
/* init_transactions(): ends what an older producer left, and fences it. */
penstock_code ps_kafka_transactions_start(struct ps_kafka_client *client, struct ps_sink_patience *patience,
                                          struct penstock_error *error) PENSTOCK_MUST_USE;
/* Puts an offset of the group into the transaction and commits it. Takes the list; NULL is OUT_OF_MEMORY, ABORT.
 * AGAIN: no answer while there was patience. */
enum ps_kafka_verdict ps_kafka_transaction_commit(struct ps_kafka_client *client, const char *group_name,
                                                  rd_kafka_topic_partition_list_t *offset,
                                                  struct ps_sink_patience *patience,
                                                  struct penstock_error *error);

#endif
