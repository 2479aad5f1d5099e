/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_client.h - what the Kafka source and the Kafka sink share: a client made from WITH ("properties.*"), the first
 * contact with a broker, topics by name, and librdkafka's errors as sentences.
 *
 * librdkafka's threads run no code of ours (but for one number, see keep_fault()): errors wait in its queue until
 * ps_kafka_hear() looks, and its log is off unless properties.debug is set. Secrets (passwords, keys, tokens) are
 * passed on and never shown. Private to room connect; a client belongs to one thread.
 */
#ifndef PS_CONNECT_KAFKA_CLIENT_H
#define PS_CONNECT_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>

#include "job/project.h"

/* A property that the connector sets. */
struct ps_kafka_property {
    const char *name;  /* of librdkafka; NULL ends a table */
    const char *value; /* NULL: the connector sets it elsewhere, or not at all */
    const char
        *reason; /* why a project may not set it ("the store keeps the positions"); NULL: it may, and rules */
};

struct ps_kafka_setup {
    const char *what; /* "source events": the beginning of every sentence. Borrowed for the client's life */
    const struct ps_setting *settings; /* all of WITH; those not under "properties." are left alone */
    size_t setting_count;
    const struct ps_kafka_property *properties;
};

/* The last thing that went wrong, as librdkafka told it. */
struct ps_kafka_trouble {
    rd_kafka_resp_err_t code; /* NO_ERROR: nothing */
    char text[400];
    int64_t count; /* of all troubles so far */
    bool is_down;  /* no broker can be reached since; a message that arrives ends it */
};

struct ps_kafka_client {
    rd_kafka_t *handle;
    const char *what;
    char *addresses; /* bootstrap.servers, owned */
    char *user;      /* sasl.username or "", owned */
    struct ps_kafka_trouble trouble;
    atomic_int certificate_fault; /* OpenSSL's number for what is wrong with a broker's certificate */
    struct ps_kafka_trouble
        lost; /* of a producer: records that were not delivered, and why the last one was not */
};

/* Names and values of "properties.*", without touching a network: for `penstock check`. Errors: INVALID_PROJECT at
 * the setting's place: unknown to librdkafka (with the nearest name), refused by the connector, not a value, or no
 * properties.bootstrap.servers. */
penstock_code ps_kafka_check(const struct ps_kafka_setup *setup, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* A client; connects in the background. Errors: those of ps_kafka_check(), IO (a file of properties.ssl.* that cannot
 * be read). Owns: the caller closes it. */
penstock_code ps_kafka_open(const struct ps_kafka_setup *setup, rd_kafka_type_t type,
                            struct ps_kafka_client **client_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
void ps_kafka_close(struct ps_kafka_client *client); /* accepts NULL */

/* Serves librdkafka's callbacks without waiting: client->trouble is up to date, tokens are renewed. Not for a handle
 * whose main queue was redirected. */
void ps_kafka_hear(struct ps_kafka_client *client);

/* Waits until a broker answers. Errors (IO): none did within the time, with the addresses; at once if the password or
 * certificate is refused. */
penstock_code ps_kafka_connect(struct ps_kafka_client *client, int64_t timeout_ms,
                               struct penstock_error *error) PENSTOCK_MUST_USE;

/* One sentence for what librdkafka said: `what` of the client, the action ("cannot commit", "topic orders cannot be
 * read"), the cause in plain words where it is known; librdkafka's words in detail; what to do in hint. `text` may be
 * NULL. The remedy is RETRY where the same call may succeed later. Returns the code: IO, or NOT_FOUND. */
penstock_code ps_kafka_error(const struct ps_kafka_client *client, rd_kafka_resp_err_t code, const char *text,
                             struct penstock_error *error, const char *action, ...) PS_PRINTF(5, 6);
/* The same for an error object, which is destroyed. */
penstock_code ps_kafka_error_object(const struct ps_kafka_client *client, rd_kafka_error_t *object,
                                    struct penstock_error *error, const char *action, ...) PS_PRINTF(4, 5);
/* Nobody's fault and passing: broker away, leader moving, timeout. */
bool ps_kafka_is_passing(rd_kafka_resp_err_t code);

/* --- topics ------------------------------------------------------------------------------------------------------ */

struct ps_kafka_topic {
    const char *name;
    const char *id; /* base64, "" where the broker has none */
    int32_t partition_count;
    rd_kafka_resp_err_t
        code; /* UNKNOWN_TOPIC_OR_PART, TOPIC_AUTHORIZATION_FAILED, ...; then the rest is not set */
};

/* Looks topics up, in the order of `names`; everything in the arena. Errors: IO (no answer in time). */
penstock_code ps_kafka_describe(struct ps_kafka_client *client, const char *const *names, size_t count,
                                int64_t timeout_ms, struct ps_arena *arena,
                                struct ps_kafka_topic **topics_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* The same in two steps, for those who cannot wait: *topics_out NULL is no answer yet; any other outcome ends the
 * question. `names` must be the same both times. */
rd_kafka_queue_t *ps_kafka_describe_begin(struct ps_kafka_client *client, const char *const *names,
                                          size_t count, int64_t timeout_ms);
penstock_code ps_kafka_describe_end(struct ps_kafka_client *client, rd_kafka_queue_t *queue, int64_t wait_ms,
                                    const char *const *names, size_t count, struct ps_arena *arena,
                                    struct ps_kafka_topic **topics_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Names of all topics that this client may see, without internal ones, sorted. */
penstock_code ps_kafka_list(struct ps_kafka_client *client, int64_t timeout_ms, struct ps_arena *arena,
                            const char *const **names_out, size_t *count_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* The error of a topic that is not there (with near names) or may not be seen. */
penstock_code ps_kafka_topic_error(struct ps_kafka_client *client, const struct ps_kafka_topic *topic,
                                   int64_t timeout_ms, struct penstock_error *error);

#endif
