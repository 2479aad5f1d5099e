/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_error.c - what librdkafka and brokers say, as one sentence with a cause and what to do.
 *
 * The codes that a person can do something about have a row; for the others the broker's own words must do. They
 * always go to detail as they are, so that nothing is lost by the translation.
 */
#include <stdio.h>

#include "connect/kafka_client.h"

static const struct cause {
    rd_kafka_resp_err_t code;
    const char *part; /* of librdkafka's text, to tell causes with one code apart; NULL: any */
    penstock_code result;
    const char *words, *hint;
} causes[] = {
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, "not enabled", PENSTOCK_IO, "it does not take this SASL mechanism",
     "set properties.sasl.mechanism to one that the broker offers: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER"},
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, NULL, PENSTOCK_IO, "it refused the SASL user name or password",
     "look at properties.sasl.username, properties.sasl.password and properties.sasl.mechanism"},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, NULL, PENSTOCK_IO,
     "it refused the SASL user name or password",
     "look at properties.sasl.username, properties.sasl.password and properties.sasl.mechanism"},
    {RD_KAFKA_RESP_ERR__SSL, "expired", PENSTOCK_IO, "the broker's certificate has expired",
     "the broker needs a new certificate; nothing is to be set here"},
    {RD_KAFKA_RESP_ERR__SSL, "not yet valid", PENSTOCK_IO, "the broker's certificate is not valid yet",
     "compare the clocks of this machine and the broker's"},
    {RD_KAFKA_RESP_ERR__SSL, "verify failed", PENSTOCK_IO,
     "the broker's certificate is not signed by an authority that is known here",
     "set properties.ssl.ca.location to the PEM file of the authority"},
    {RD_KAFKA_RESP_ERR__SSL, "mismatch", PENSTOCK_IO, "the broker's certificate is for another host",
     "use the name that is in the certificate in properties.bootstrap.servers"},
    {RD_KAFKA_RESP_ERR__SSL, NULL, PENSTOCK_IO, "TLS failed",
     "is this the port of a TLS listener? look at properties.security.protocol and properties.ssl.*"},
    {RD_KAFKA_RESP_ERR__RESOLVE, NULL, PENSTOCK_IO, "the address cannot be resolved",
     "look at properties.bootstrap.servers: host:port, several with commas"},
    {RD_KAFKA_RESP_ERR__TRANSPORT, "security.protocol", PENSTOCK_IO, "it closes the connection",
     "the listener may speak TLS or SASL: look at properties.security.protocol"},
    {RD_KAFKA_RESP_ERR__TRANSPORT, "SSL", PENSTOCK_IO, "it closes the TLS connection",
     "the listener may not speak TLS: look at properties.security.protocol"},
    {RD_KAFKA_RESP_ERR__TRANSPORT, "refused", PENSTOCK_IO, "the connection is refused",
     "is the broker running, and is properties.bootstrap.servers its address?"},
    {RD_KAFKA_RESP_ERR__TRANSPORT, NULL, PENSTOCK_IO, "it cannot be reached",
     "is the broker running, and is properties.bootstrap.servers its address?"},
    {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, NULL, PENSTOCK_IO, "it cannot be reached",
     "is the broker running, is properties.bootstrap.servers its address, and does that listener speak "
     "properties.security.protocol?"},
    {RD_KAFKA_RESP_ERR__TIMED_OUT, NULL, PENSTOCK_IO, "no answer in time",
     "is the broker running, and is properties.bootstrap.servers its address?"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, NULL, PENSTOCK_IO,
     "this user has no permission for the topic",
     "the broker's administrator can give it: READ and DESCRIBE to read, WRITE and DESCRIBE to write"},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, NULL, PENSTOCK_IO,
     "this user has no permission for the group",
     "the broker's administrator can give READ on the group, or choose another with group.id"},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, NULL, PENSTOCK_IO,
     "this user has no permission for the cluster", "the broker's administrator can give it"},
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, NULL, PENSTOCK_IO,
     "this user has no permission for the transactional id",
     "the broker's administrator can give WRITE on it"},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, NULL, PENSTOCK_NOT_FOUND, "there is no such topic or partition",
     NULL},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, NULL, PENSTOCK_NOT_FOUND, "there is no such topic", NULL},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, NULL, PENSTOCK_NOT_FOUND, "there is no such partition", NULL},
};

static const struct cause *find_cause(rd_kafka_resp_err_t code, const char *text) {
    for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++) {
        if (causes[i].code == code &&
            (causes[i].part == NULL || (text != NULL && strcasestr(text, causes[i].part) != NULL))) {
            return &causes[i];
        }
    }
    return NULL;
}

bool ps_kafka_is_passing(rd_kafka_resp_err_t code) {
    static const rd_kafka_resp_err_t passing[] = {
        RD_KAFKA_RESP_ERR__TRANSPORT,
        RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
        RD_KAFKA_RESP_ERR__TIMED_OUT,
        RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE,
        RD_KAFKA_RESP_ERR__MSG_TIMED_OUT,
        RD_KAFKA_RESP_ERR__RESOLVE,
        RD_KAFKA_RESP_ERR__WAIT_COORD,
        RD_KAFKA_RESP_ERR__WAIT_CACHE,
        RD_KAFKA_RESP_ERR__RETRY,
        RD_KAFKA_RESP_ERR__INTR,
        RD_KAFKA_RESP_ERR__NODE_UPDATE,
        RD_KAFKA_RESP_ERR__DESTROY_BROKER,
        RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE,
        RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE,
        RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION,
        RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT,
        RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
        RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
        RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        RD_KAFKA_RESP_ERR_NOT_CONTROLLER,
        RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
        RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH,
        RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH,
        RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE,
        RD_KAFKA_RESP_ERR_PREFERRED_LEADER_NOT_AVAILABLE,
        RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS,
        RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED,
    };
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++) {
        if (passing[i] == code) {
            return true;
        }
    }
    return false;
}

PS_PRINTF(5, 0)
static penstock_code tell(const struct ps_kafka_client *client, rd_kafka_resp_err_t code, const char *text,
                          struct penstock_error *error, const char *action, va_list arguments) {
    char what[600];
    if (vsnprintf(what, sizeof what, action, arguments) < 0) {
        what[0] = '\0';
    }
    const struct cause *cause = find_cause(code, text);
    const char *broker_words = rd_kafka_err2str(code);
    (void)ps_error_set(error, cause != NULL ? cause->result : PENSTOCK_IO, "%s: %s: %s", client->what, what,
                       cause != NULL ? cause->words : broker_words);
    (void)ps_error_detail(error, "librdkafka: %s%s%s (%s)", broker_words, text != NULL ? ": " : "",
                          text != NULL ? text : "", rd_kafka_err2name(code));
    if (cause != NULL && cause->hint != NULL) {
        (void)ps_error_hint(error, "%s", cause->hint);
    }
    if (error != NULL && !ps_kafka_is_passing(code)) {
        error->remedy = PENSTOCK_GIVE_UP;
    }
    return cause != NULL ? cause->result : PENSTOCK_IO;
}

penstock_code ps_kafka_error(const struct ps_kafka_client *client, rd_kafka_resp_err_t code, const char *text,
                             struct penstock_error *error, const char *action, ...) {
    va_list arguments;
    va_start(arguments, action);
    const penstock_code result = tell(client, code, text, error, action, arguments);
    va_end(arguments);
    return result;
}

penstock_code ps_kafka_error_object(const struct ps_kafka_client *client, rd_kafka_error_t *object,
                                    struct penstock_error *error, const char *action, ...) {
    va_list arguments;
    va_start(arguments, action);
    const penstock_code result =
        tell(client, rd_kafka_error_code(object), rd_kafka_error_string(object), error, action, arguments);
    va_end(arguments);
    if (error != NULL && rd_kafka_error_is_retriable(object)) {
        error->remedy = PENSTOCK_RETRY;
    }
    rd_kafka_error_destroy(object);
    return result;
}
