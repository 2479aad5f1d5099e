/* SPDX-License-Identifier: Apache-2.0
 *
 * connection.h - one TCP connection to one service of one server: calls go out, frames come in, whichever first.
 *
 * Never waits without a deadline, and looks at the stop flag several times a second. A reply that arrives while another
 * is waited for is kept. Whatever goes wrong closes the connection; the next call opens it again, and calls of its
 * earlier life are lost.
 *
 * Threads: belongs to the thread that its client belongs to.
 */
#ifndef PS_HBASE_CONNECTION_H
#define PS_HBASE_CONNECTION_H

#include "base/thread.h"
#include "hbase/fault.h"

/* Calls under way at once on one connection: scanners that read ahead, and one more. */
#define PS_HBASE_CALL_COUNT_MAX 256
#define PS_HBASE_HOST_SIZE 256

struct ps_hbase_address {
    char host[PS_HBASE_HOST_SIZE];
    uint16_t port;
};
/* "host:port", "[::1]:port", or "host" with `default_port`. False if it is neither. */
bool ps_hbase_address_parse(struct ps_bytes text, uint16_t default_port,
                            struct ps_hbase_address *address_out);
bool ps_hbase_address_equal(const struct ps_hbase_address *left, const struct ps_hbase_address *right);

/* What holds for every connection of a client. */
struct ps_hbase_kerberos;
struct ps_hbase_limits {
    const char *user;                         /* NULL with Kerberos: its principal */
    struct ps_hbase_kerberos *kerberos;       /* NULL: SIMPLE authentication */
    const char *principal, *master_principal; /* of servers, with Kerberos */
    unsigned protections[3];                  /* enum ps_hbase_protection, the most wanted first */
    int64_t connect_ms, call_ms;
    size_t frame_size_max;
    const struct ps_stop *stop;
};

struct ps_hbase_connection;
/* Does not connect yet. target: where it really goes; address: how it is called in errors. */
struct ps_hbase_connection *ps_hbase_connection_new(const struct ps_hbase_address *address,
                                                    const struct ps_hbase_address *target,
                                                    const char *service,
                                                    const struct ps_hbase_limits *limits);
void ps_hbase_connection_free(struct ps_hbase_connection *connection);
bool ps_hbase_connection_is(const struct ps_hbase_connection *connection,
                            const struct ps_hbase_address *address, const char *service);
const char *ps_hbase_connection_name(const struct ps_hbase_connection *connection); /* "host:port" */

/* Who wants to know, while a long reply is received, that its message is there and only cells are still coming: the
 * next request can be sent then, and the server works on it meanwhile. Not told of short replies, nor of one that came
 * while another was waited for. */
struct ps_hbase_front {
    void (*arrived)(void *of,
                    struct ps_bytes message); /* NULL: nobody. May send; the message's views end with it */
    void *of;
};

/* A call that was sent. */
struct ps_hbase_ticket {
    struct ps_hbase_connection *connection; /* NULL: none */
    uint64_t life;                          /* of the connection */
    uint32_t call_id;
    struct ps_hbase_front front; /* may be set before the reply is waited for */
};
/* A frame with its memory, which grows and is used again. */
struct ps_hbase_frame {
    char *data;
    size_t size, capacity;
};
void ps_hbase_frame_done(struct ps_hbase_frame *frame);

/* Connects if need be, and sends. */
penstock_code ps_hbase_connection_send(struct ps_hbase_connection *connection,
                                       const struct ps_hbase_request *request,
                                       struct ps_hbase_ticket *ticket_out, struct ps_hbase_fault *fault,
                                       struct penstock_error *error) PENSTOCK_MUST_USE;
/* Waits for the reply, into `frame`; reply_out holds views of it. An exception of the server is an error. */
penstock_code ps_hbase_connection_receive(const struct ps_hbase_ticket *ticket, struct ps_hbase_frame *frame,
                                          struct ps_hbase_reply *reply_out, struct ps_hbase_fault *fault,
                                          struct penstock_error *error) PENSTOCK_MUST_USE;
/* Can its reply be received without much waiting: has it come, or, on a connection that no other call than this one is
 * waited for on (is_alone), has some of it? True also if it is lost. */
bool ps_hbase_connection_arrived(const struct ps_hbase_ticket *ticket, bool is_alone);
/* Nobody waits for it any more: its reply is thrown away when it comes. */
void ps_hbase_connection_abandon(const struct ps_hbase_ticket *ticket);
/* Is the connection still the one that it was sent on? False also for no ticket. */
bool ps_hbase_connection_lives(const struct ps_hbase_ticket *ticket);

#endif
