/* SPDX-License-Identifier: Apache-2.0
 *
 * connection.c - greeting, login, call ids, frames, and what a server that is not HBase looks like.
 */
#include "hbase/connection.h"

#include <ctype.h>
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "hbase/call.h"
#include "hbase/kerberos.h"

#define NS_PER_MS INT64_C(1000000)
/* Of a reply that is longer, this much is received before its message is looked for. */
#define FRONT_SIZE ((size_t)64 << 10)
#define GREETING_SIZE_MAX ((size_t)1 << 20)
/* Above a request that a server takes (256 MB by its default). */
#define REQUEST_SIZE_MAX ((size_t)512 << 20)

enum call_state { CALL_FREE, CALL_WAITING, CALL_ARRIVED, CALL_ABANDONED };
struct call {
    uint32_t id;
    enum call_state state;
    struct ps_hbase_frame frame;
};

struct ps_hbase_connection {
    struct ps_hbase_address address, target;
    const char *service;
    struct ps_hbase_limits limits;
    struct ps_hbase_socket socket;
    struct ps_hbase_sasl sasl; /* what seals and opens the bytes of the socket, with Kerberos */
    char name[PS_HBASE_HOST_SIZE + 8];
    uint64_t life; /* counts connects */
    uint32_t next_id;
    bool has_answered; /* ever: it is HBase */
    struct call calls[PS_HBASE_CALL_COUNT_MAX];
};

bool ps_hbase_address_parse(struct ps_bytes text, uint16_t default_port,
                            struct ps_hbase_address *address_out) {
    struct ps_hbase_address address = {.port = default_port};
    size_t host = text.size, start = 0;
    for (size_t i = text.size; i > 0 && text.data[i - 1] != ']'; i--) {
        if (text.data[i - 1] == ':') {
            host = i - 1;
            break;
        }
    }
    if (host < text.size) {
        uint32_t port = 0;
        for (size_t i = host + 1; i < text.size; i++) {
            if (!isdigit((unsigned char)text.data[i]) || port > UINT16_MAX) {
                return false;
            }
            port = port * 10 + (uint32_t)(text.data[i] - '0');
        }
        if (port == 0 || port > UINT16_MAX) {
            return false;
        }
        address.port = (uint16_t)port;
    }
    if (host > 0 && text.data[0] == '[') {
        if (text.data[host - 1] != ']') {
            return false;
        }
        start = 1;
        host--;
    }
    if (host <= start || host - start >= sizeof address.host) {
        return false;
    }
    memcpy(address.host, text.data + start, host - start);
    *address_out = address;
    return strlen(address.host) == host - start;
}

bool ps_hbase_address_equal(const struct ps_hbase_address *left, const struct ps_hbase_address *right) {
    return left->port == right->port && ps_text_equal_nocase(left->host, right->host);
}

struct ps_hbase_connection *ps_hbase_connection_new(const struct ps_hbase_address *address,
                                                    const struct ps_hbase_address *target,
                                                    const char *service,
                                                    const struct ps_hbase_limits *limits) {
    struct ps_hbase_connection *const connection = ps_allocate(1, sizeof *connection);
    if (connection != NULL) {
        connection->address = *address;
        connection->target = *target;
        connection->service = service;
        connection->limits = *limits;
        snprintf(connection->name, sizeof connection->name, "%s:%u", address->host, (unsigned)address->port);
        connection->socket =
            (struct ps_hbase_socket){.descriptor = -1, .name = connection->name, .stop = limits->stop};
    }
    return connection;
}

/* Everything that waits on it is lost. */
static void hang_up(struct ps_hbase_connection *connection) {
    ps_hbase_socket_close(&connection->socket);
    ps_hbase_sasl_done(&connection->sasl);
    connection->life++;
    for (size_t i = 0; i < PS_HBASE_CALL_COUNT_MAX; i++) {
        ps_hbase_frame_done(&connection->calls[i].frame);
        connection->calls[i].state = CALL_FREE;
    }
}

void ps_hbase_connection_free(struct ps_hbase_connection *connection) {
    if (connection != NULL) {
        hang_up(connection);
        ps_release(connection);
    }
}

bool ps_hbase_connection_is(const struct ps_hbase_connection *connection,
                            const struct ps_hbase_address *address, const char *service) {
    return ps_hbase_address_equal(&connection->address, address) && strcmp(connection->service, service) == 0;
}

const char *ps_hbase_connection_name(const struct ps_hbase_connection *connection) {
    return connection->name;
}

static int64_t deadline_in(int64_t wait_ms) {
    return ps_clock_monotonic_ns() + wait_ms * NS_PER_MS;
}

/* Nothing came (UNAVAILABLE), or what came is no frame of HBase (INVALID_DATA). */
static penstock_code not_hbase(const struct ps_hbase_connection *connection, penstock_code code,
                               const char *words, struct penstock_error *error) {
    (void)ps_error_set(error, code, "HBase at %s: %s", connection->name, words);
    if (!connection->has_answered) {
        (void)ps_error_hint(
            error, "is it an HBase server? A master's port is 16000, a region server's 16020; 16010 and "
                   "16030 are web pages, 2181 is ZooKeeper, which is not needed");
    }
    return code;
}

/* Can a frame be so long? */
static penstock_code check_length(const struct ps_hbase_connection *connection, uint32_t size,
                                  struct penstock_error *error) {
    if (size <= connection->limits.frame_size_max) {
        return PENSTOCK_OK;
    }
    char text[5] = {(char)(size >> 24), (char)(size >> 16), (char)(size >> 8), (char)size};
    bool is_text = true;
    for (size_t i = 0; i < 4; i++) {
        is_text = is_text && isprint((unsigned char)text[i]);
    }
    if (is_text) {
        char words[64];
        snprintf(words, sizeof words, "it answers with the text \"%s...\", not as HBase does", text);
        return not_hbase(connection, PENSTOCK_INVALID_DATA, words, error);
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                       "HBase at %s: it answers with a frame of %u bytes, the limit is %zu", connection->name,
                       (unsigned)size, connection->limits.frame_size_max);
    return ps_error_hint(error, connection->has_answered
                                    ? "raise frame.max (--frame-max), or read fewer rows or columns at once"
                                    : "is it an HBase server?");
}

static struct call *find_call(struct ps_hbase_connection *connection, uint32_t id) {
    for (size_t i = 0; i < PS_HBASE_CALL_COUNT_MAX; i++) {
        if (connection->calls[i].state != CALL_FREE && connection->calls[i].id == id) {
            return &connection->calls[i];
        }
    }
    return NULL;
}

/* A frame is too long to be taken: whose answer is it? What it begins with says so. */
static void find_too_large(struct ps_hbase_connection *connection, uint32_t id, size_t size,
                           int64_t deadline_ns, struct ps_hbase_fault *fault, struct penstock_error *error) {
    char bytes[8]; /* the header's length, and its first field */
    size_t got = 0;
    struct penstock_error ignored;
    struct ps_proto_reader reader = ps_proto_begin((struct ps_bytes){bytes, sizeof bytes});
    uint64_t length = 0;
    struct ps_proto_field field;
    if (ps_hbase_sasl_read(&connection->sasl, &connection->socket, bytes, sizeof bytes, deadline_ns, &got,
                           &ignored) != PENSTOCK_OK ||
        got < sizeof bytes || !ps_proto_next_packed(&reader, &length) || !ps_proto_next(&reader, &field) ||
        field.number != 1 || field.wire != PS_PROTO_VARINT) {
        return;
    }
    if (field.value == id) {
        fault->too_large = size;
    } else if (find_call(connection, (uint32_t)field.value) != NULL) {
        fault->cure = PS_HBASE_CURE_RELOCATE; /* the connection is lost for this call, but not by its fault */
        (void)ps_error_set(error, PENSTOCK_UNAVAILABLE, "HBase at %s: the connection was lost",
                           connection->name);
    }
}

/* The length in front of a frame. */
static penstock_code read_length(struct ps_hbase_connection *connection, int64_t deadline_ns,
                                 size_t *size_out, struct penstock_error *error) {
    char bytes[4];
    size_t got = 0;
    PS_TRY(ps_hbase_sasl_read(&connection->sasl, &connection->socket, bytes, sizeof bytes, deadline_ns, &got,
                              error));
    if (got == 0) {
        return not_hbase(connection, PENSTOCK_UNAVAILABLE, "it closed the connection without an answer",
                         error);
    }
    if (got < sizeof bytes) {
        return not_hbase(connection, PENSTOCK_UNAVAILABLE,
                         "it closed the connection in the middle of a frame", error);
    }
    *size_out = ps_hbase_read_u32(bytes);
    return check_length(connection, ps_hbase_read_u32(bytes), error);
}

/* The beginning of a frame is there. */
static void tell_front(const struct ps_hbase_ticket *ticket, const struct ps_hbase_frame *frame,
                       size_t size) {
    struct ps_hbase_reply reply;
    if (ps_hbase_parse_front((struct ps_bytes){frame->data, frame->size}, size, &reply) &&
        !reply.has_exception && reply.call_id == ticket->call_id) {
        ticket->front.arrived(ticket->front.of, reply.message);
    }
}

/* What stands behind the length. `ticket`: of the reply that is waited for. */
static penstock_code read_frame(struct ps_hbase_connection *connection, size_t size,
                                const struct ps_hbase_ticket *ticket, int64_t deadline_ns,
                                struct ps_hbase_frame *frame, struct penstock_error *error) {
    const bool has_front = ticket != NULL && ticket->front.arrived != NULL && size > FRONT_SIZE;
    frame->size = 0;
    while (frame->size < size || frame->data == NULL) {
        size_t wanted = 0, got = 0;
        PS_TRY(ps_hbase_frame_grow(frame, size, &wanted, error));
        if (has_front && frame->size == 0) {
            wanted = FRONT_SIZE;
        }
        PS_TRY(ps_hbase_sasl_read(&connection->sasl, &connection->socket, frame->data + frame->size,
                                  wanted - frame->size, deadline_ns, &got, error));
        frame->size += got;
        if (frame->size < wanted) {
            return not_hbase(connection, PENSTOCK_UNAVAILABLE,
                             "it closed the connection in the middle of a frame", error);
        }
        if (has_front && frame->size == FRONT_SIZE) {
            tell_front(ticket, frame, size);
        }
    }
    return PENSTOCK_OK;
}

/* Instead of a token the server began a frame: it refuses the greeting as a whole. */
static penstock_code greeting_refused(struct ps_hbase_connection *connection, size_t frame_size,
                                      int64_t deadline_ns, struct penstock_error *error) {
    struct ps_hbase_frame frame PS_SCOPED(ps_hbase_frame_done) = {.data = NULL};
    struct ps_hbase_fault fault;
    struct ps_hbase_reply reply;
    PS_TRY(check_length(connection, (uint32_t)frame_size, error));
    PS_TRY(read_frame(connection, frame_size, NULL, deadline_ns, &frame, error));
    if (!ps_hbase_parse_reply((struct ps_bytes){frame.data, frame.size}, &reply) || !reply.has_exception) {
        return not_hbase(connection, PENSTOCK_INVALID_DATA, "its answer to the login cannot be read", error);
    }
    return ps_hbase_fault_set(&reply.exception, connection->name, &fault, error);
}

/* Proves who we are, and has the server prove it. */
static penstock_code log_in(struct ps_hbase_connection *connection, struct penstock_error *error) {
    const struct ps_hbase_limits *const limits = &connection->limits;
    const bool is_region_server = strcmp(connection->service, PS_HBASE_CLIENT_SERVICE) == 0;
    const struct ps_hbase_terms terms = {
        .wanted = {limits->protections[0], limits->protections[1], limits->protections[2]},
        .piece_size_max = limits->frame_size_max};
    char principal[PS_HBASE_PRINCIPAL_SIZE];
    struct ps_hbase_proof proof;
    size_t frame_size = 0;
    PS_TRY(ps_hbase_principal_of(is_region_server ? limits->principal : limits->master_principal,
                                 connection->address.host, principal, error));
    PS_TRY(ps_hbase_kerberos_begin(limits->kerberos, principal, connection->name, &proof, error));
    const int64_t deadline_ns = deadline_in(limits->connect_ms); /* the KDC's time does not count */
    PS_TRY(ps_hbase_sasl_agree(&connection->sasl, &connection->socket, proof, &terms, deadline_ns,
                               &frame_size, error));
    return frame_size == 0 ? PENSTOCK_OK : greeting_refused(connection, frame_size, deadline_ns, error);
}

static penstock_code greet(struct ps_hbase_connection *connection, struct penstock_error *error) {
    const struct ps_hbase_limits *const limits = &connection->limits;
    struct ps_buffer greeting PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&greeting, GREETING_SIZE_MAX);
    PS_TRY(ps_hbase_socket_open(&connection->socket, &connection->target, limits->connect_ms, error));
    ps_hbase_add_preamble(&greeting, limits->kerberos != NULL);
    if (limits->kerberos != NULL) {
        PS_TRY(ps_buffer_status(&greeting, error));
        PS_TRY(ps_hbase_socket_write(&connection->socket, greeting.data, greeting.size,
                                     deadline_in(limits->connect_ms), error));
        ps_buffer_clear(&greeting);
        PS_TRY(log_in(connection, error));
    }
    ps_hbase_add_header(&greeting, limits->user, connection->service);
    PS_TRY(ps_buffer_status(&greeting, error));
    return ps_hbase_sasl_write(&connection->sasl, &connection->socket, greeting.data, greeting.size,
                               deadline_in(limits->connect_ms), error);
}

/* A connection that broke: what helps is to look the region up, for its server may be gone. */
static penstock_code lose(struct ps_hbase_connection *connection, bool is_unsure, penstock_code code,
                          struct ps_hbase_fault *fault) {
    hang_up(connection);
    *fault = (struct ps_hbase_fault){.cure = code == PENSTOCK_UNAVAILABLE ? PS_HBASE_CURE_RELOCATE
                                                                          : PS_HBASE_CURE_NONE,
                                     .is_unsure = is_unsure};
    return code;
}

static struct call *free_call(struct ps_hbase_connection *connection) {
    for (size_t i = 0; i < PS_HBASE_CALL_COUNT_MAX; i++) {
        if (connection->calls[i].state == CALL_FREE) {
            return &connection->calls[i];
        }
    }
    return NULL;
}

penstock_code ps_hbase_connection_send(struct ps_hbase_connection *connection,
                                       const struct ps_hbase_request *request,
                                       struct ps_hbase_ticket *ticket_out, struct ps_hbase_fault *fault,
                                       struct penstock_error *error) {
    struct ps_buffer frame PS_SCOPED(ps_buffer_done) = {.data = NULL};
    *fault = (struct ps_hbase_fault){.cure = PS_HBASE_CURE_NONE};
    if (connection->socket.descriptor < 0) {
        const penstock_code code = greet(connection, error);
        if (code != PENSTOCK_OK) {
            return lose(connection, false, code, fault);
        }
    }
    struct call *const call = free_call(connection);
    if (call == NULL) {
        (void)ps_error_set(error, PENSTOCK_UNAVAILABLE,
                           "HBase at %s: %d calls wait for their answers already", connection->name,
                           PS_HBASE_CALL_COUNT_MAX);
        return lose(connection, false, PENSTOCK_UNAVAILABLE, fault);
    }
    const uint32_t id = connection->next_id;
    ps_buffer_init(&frame, REQUEST_SIZE_MAX);
    ps_hbase_add_request(&frame, id, request);
    PS_TRY(ps_buffer_status(&frame, error));
    const penstock_code code =
        ps_hbase_sasl_write(&connection->sasl, &connection->socket, frame.data, frame.size,
                            deadline_in(connection->limits.call_ms), error);
    if (code != PENSTOCK_OK) {
        return lose(connection, true, code, fault);
    }
    connection->next_id = (id + 1) & INT32_MAX;
    *call = (struct call){.id = id, .state = CALL_WAITING};
    *ticket_out = (struct ps_hbase_ticket){.connection = connection, .life = connection->life, .call_id = id};
    return PENSTOCK_OK;
}

/* Takes the next frame, whosever it is. *reply_out is set if it is the one of the ticket. */
static penstock_code take_frame(struct ps_hbase_connection *connection, const struct ps_hbase_ticket *ticket,
                                int64_t deadline_ns, struct ps_hbase_frame *frame,
                                struct ps_hbase_reply *reply_out, bool *is_it_out,
                                struct ps_hbase_fault *fault, struct penstock_error *error) {
    struct ps_hbase_reply reply;
    size_t size = 0;
    const penstock_code code = read_length(connection, deadline_ns, &size, error);
    if (code != PENSTOCK_OK) {
        if (size > connection->limits.frame_size_max) {
            find_too_large(connection, ticket->call_id, size, deadline_ns, fault, error);
        }
        return code;
    }
    PS_TRY(read_frame(connection, size, ticket, deadline_ns, frame, error));
    if (!ps_hbase_parse_reply((struct ps_bytes){frame->data, frame->size}, &reply)) {
        return not_hbase(connection, PENSTOCK_INVALID_DATA, "its answer cannot be read", error);
    }
    if (reply.has_exception && reply.call_id == PS_HBASE_NO_CALL) {
        return ps_hbase_fault_set(&reply.exception, connection->name, fault, error);
    }
    struct call *const call = find_call(connection, reply.call_id);
    if (call == NULL || call->state == CALL_ARRIVED) {
        return not_hbase(connection, PENSTOCK_INVALID_DATA, "it answers a call that was not made", error);
    }
    connection->has_answered = true;
    *is_it_out = reply.call_id == ticket->call_id;
    if (*is_it_out) {
        *reply_out = reply;
        call->state = CALL_FREE;
    } else if (call->state == CALL_ABANDONED) {
        call->state = CALL_FREE;
    } else {
        call->frame = *frame;
        call->state = CALL_ARRIVED;
        *frame = (struct ps_hbase_frame){.data = NULL};
    }
    return PENSTOCK_OK;
}

penstock_code ps_hbase_connection_receive(const struct ps_hbase_ticket *ticket, struct ps_hbase_frame *frame,
                                          struct ps_hbase_reply *reply_out, struct ps_hbase_fault *fault,
                                          struct penstock_error *error) {
    struct ps_hbase_connection *const connection = ticket->connection;
    ps_check(connection != NULL);
    *fault = (struct ps_hbase_fault){.cure = PS_HBASE_CURE_RELOCATE, .is_unsure = true};
    struct call *const call =
        ticket->life == connection->life ? find_call(connection, ticket->call_id) : NULL;
    if (call == NULL) {
        return ps_error_set(error, PENSTOCK_UNAVAILABLE, "HBase at %s: the connection was lost",
                            connection->name);
    }
    bool is_here = call->state == CALL_ARRIVED;
    if (is_here) {
        ps_hbase_frame_done(frame);
        *frame = call->frame;
        *call = (struct call){.state = CALL_FREE};
        ps_check(ps_hbase_parse_reply((struct ps_bytes){frame->data, frame->size}, reply_out));
    }
    /* who has never answered is asked for less patience: it may not be HBase at all */
    const struct ps_hbase_limits *const limits = &connection->limits;
    const int64_t wait_ms = connection->has_answered || limits->call_ms < limits->connect_ms
                                ? limits->call_ms
                                : limits->connect_ms;
    const int64_t deadline_ns = deadline_in(wait_ms);
    while (!is_here) {
        struct ps_hbase_fault told = {.cure = PS_HBASE_CURE_NONE};
        const penstock_code code =
            take_frame(connection, ticket, deadline_ns, frame, reply_out, &is_here, &told, error);
        if (code != PENSTOCK_OK) {
            (void)lose(connection, true, code, fault);
            fault->cure = told.cure != PS_HBASE_CURE_NONE ? told.cure : fault->cure;
            fault->too_large = told.too_large;
            return error == NULL ? code : error->code;
        }
    }
    *fault = (struct ps_hbase_fault){.cure = PS_HBASE_CURE_NONE};
    return reply_out->has_exception
               ? ps_hbase_fault_set(&reply_out->exception, connection->name, fault, error)
               : PENSTOCK_OK;
}

bool ps_hbase_connection_arrived(const struct ps_hbase_ticket *ticket, bool is_alone) {
    struct ps_hbase_connection *const connection = ticket->connection;
    const struct call *const call =
        ps_hbase_connection_lives(ticket) ? find_call(connection, ticket->call_id) : NULL;
    return call == NULL || call->state == CALL_ARRIVED ||
           (is_alone && ps_hbase_socket_is_readable(&connection->socket));
}

void ps_hbase_connection_abandon(const struct ps_hbase_ticket *ticket) {
    struct ps_hbase_connection *const connection = ticket->connection;
    if (!ps_hbase_connection_lives(ticket)) {
        return;
    }
    struct call *const call = find_call(connection, ticket->call_id);
    if (call != NULL && call->state == CALL_ARRIVED) {
        ps_hbase_frame_done(&call->frame);
        call->state = CALL_FREE;
    } else if (call != NULL) {
        call->state = CALL_ABANDONED;
    }
}

bool ps_hbase_connection_lives(const struct ps_hbase_ticket *ticket) {
    return ticket->connection != NULL && ticket->life == ticket->connection->life;
}
