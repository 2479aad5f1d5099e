/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_transaction.c - transactions, and the errors of their calls; see kafka_transaction.h.
 */
#include "connect/kafka_transaction.h"

static bool is_fenced(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

/* Takes the error object. Fatal, abortable, retriable, in this order. */
enum ps_kafka_verdict ps_kafka_judge(struct ps_kafka_client *client, rd_kafka_error_t *object,
                                     const char *action, struct penstock_error *error) {
    if (object == NULL) {
        return PS_KAFKA_DONE;
    }
    const rd_kafka_resp_err_t code = rd_kafka_error_code(object);
    const bool is_fatal = rd_kafka_error_is_fatal(object) != 0;
    const bool is_abort = !is_fatal && rd_kafka_error_txn_requires_abort(object) != 0;
    const bool is_again = !is_fatal && !is_abort && rd_kafka_error_is_retriable(object) != 0;
    (void)ps_kafka_error_object(client, object, error, "%s", action);
    if (is_fenced(code) || ps_kafka_is_passing(code) || code == RD_KAFKA_RESP_ERR__STATE) {
        error->remedy = PENSTOCK_RETRY;
    }
    return is_again ? PS_KAFKA_AGAIN : is_abort ? PS_KAFKA_ABORT : PS_KAFKA_FATAL;
}

/* transaction.timeout.ms is above what the broker allows: both numbers. */
static penstock_code tell_timeouts(struct ps_kafka_client *client, struct penstock_error *error) {
    char ours[32] = "";
    char broker[32] = "";
    size_t size = sizeof ours;
    const rd_kafka_conf_t *conf = rd_kafka_conf(client->handle);
    (void)rd_kafka_conf_get(conf, "transaction.timeout.ms", ours, &size);
    const bool is_told = ps_kafka_broker_setting(client, "transaction.max.timeout.ms", PS_KAFKA_CALL_MS,
                                                 broker, sizeof broker);
    (void)ps_error_set(
        error, PENSTOCK_INVALID_PROJECT,
        "%s: properties.transaction.timeout.ms is %s, the broker's transaction.max.timeout.ms is %s",
        client->what, ours, is_told ? broker : "smaller, but the broker does not tell it");
    return ps_error_hint(error, "set properties.transaction.timeout.ms to %s or less",
                         is_told ? broker : "the broker's limit");
}

penstock_code ps_kafka_transactions_start(struct ps_kafka_client *client, struct ps_sink_patience *patience,
                                          struct penstock_error *error) {
    for (;;) {
        rd_kafka_error_t *object = rd_kafka_init_transactions(client->handle, PS_KAFKA_CALL_MS);
        const rd_kafka_resp_err_t code =
            object != NULL ? rd_kafka_error_code(object) : RD_KAFKA_RESP_ERR_NO_ERROR;
        const enum ps_kafka_verdict verdict =
            ps_kafka_judge(client, object, "cannot start transactions", error);
        if (verdict == PS_KAFKA_DONE) {
            return PENSTOCK_OK;
        }
        if (code == RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT) {
            return tell_timeouts(client, error);
        }
        if (verdict != PS_KAFKA_AGAIN || !ps_sink_patience_wait(patience)) {
            return error->code;
        }
    }
}

/* Offsets and transaction, to the end. The caller looks at what failed. */
enum ps_kafka_verdict ps_kafka_transaction_commit(struct ps_kafka_client *client, const char *group_name,
                                                  rd_kafka_topic_partition_list_t *offset,
                                                  struct ps_sink_patience *patience,
                                                  struct penstock_error *error) {
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata_new(group_name);
    enum ps_kafka_verdict verdict = PS_KAFKA_ABORT;
    if (offset == NULL) {
        (void)ps_error_memory(error, "a sink's epoch");
    } else {
        do {
            verdict = ps_kafka_judge(
                client, rd_kafka_send_offsets_to_transaction(client->handle, offset, group, PS_KAFKA_CALL_MS),
                "cannot send its epoch", error);
        } while (verdict == PS_KAFKA_AGAIN && ps_sink_patience_wait(patience));
        rd_kafka_topic_partition_list_destroy(offset);
    }
    rd_kafka_consumer_group_metadata_destroy(group);
    if (verdict != PS_KAFKA_DONE) {
        return verdict;
    }
    do {
        verdict = ps_kafka_judge(client, rd_kafka_commit_transaction(client->handle, PS_KAFKA_CALL_MS),
                                 "cannot commit", error);
    } while (verdict == PS_KAFKA_AGAIN && ps_sink_patience_wait(patience));
    return verdict;
}
