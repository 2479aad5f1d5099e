/* SPDX-License-Identifier: Apache-2.0
 *
 * socket.c - connect, write and read with poll(): in pieces of a tenth of a second, so that a stop is seen soon; and
 * the memory that frames are read into.
 */
#include "hbase/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define PIECE_MS 100
#define FRAME_PIECE_SIZE ((size_t)1 << 20)
#define NS_PER_MS INT64_C(1000000)

void ps_hbase_frame_done(struct ps_hbase_frame *frame) {
    ps_release(frame->data);
    *frame = (struct ps_hbase_frame){.data = NULL};
}

penstock_code ps_hbase_frame_grow(struct ps_hbase_frame *frame, size_t size, size_t *wanted_out,
                                  struct penstock_error *error) {
    const size_t piece = frame->size < FRAME_PIECE_SIZE ? FRAME_PIECE_SIZE : frame->size;
    const size_t wanted = size - frame->size < piece ? size : frame->size + piece;
    if (frame->capacity < wanted || frame->data == NULL) {
        char *const grown = ps_reallocate(frame->data, wanted + 1, 1);
        if (grown == NULL) {
            return ps_error_memory(error, "an answer of HBase");
        }
        frame->data = grown;
        frame->capacity = wanted;
    }
    *wanted_out = wanted;
    return PENSTOCK_OK;
}

static penstock_code fail(const struct ps_hbase_socket *socket, const char *what, const char *words,
                          struct penstock_error *error) {
    (void)ps_error_set(error, PENSTOCK_UNAVAILABLE, "%s HBase at %s: %s", what, socket->name, words);
    return PENSTOCK_UNAVAILABLE;
}

static penstock_code fail_errno(const struct ps_hbase_socket *socket, const char *what, int errno_value,
                                struct penstock_error *error) {
    char text[128];
    return fail(socket, what, strerror_r(errno_value, text, sizeof text), error);
}

/* Waits until the socket can be read or written. */
static penstock_code wait_for(struct ps_hbase_socket *socket, short events, int64_t deadline_ns,
                              const char *what, struct penstock_error *error) {
    for (;;) {
        if (ps_stop_requested(socket->stop)) {
            return ps_error_set(error, PENSTOCK_CANCELLED, "stopped while waiting for HBase at %s",
                                socket->name);
        }
        const int64_t left_ms = (deadline_ns - ps_clock_monotonic_ns()) / NS_PER_MS;
        if (left_ms <= 0) {
            return fail(socket, what, "it does not answer in time", error);
        }
        struct pollfd waited = {.fd = socket->descriptor, .events = events};
        const int ready = poll(&waited, 1, (int)(left_ms < PIECE_MS ? left_ms : PIECE_MS));
        if (ready > 0) {
            return PENSTOCK_OK;
        }
        if (ready < 0 && errno != EINTR) {
            return fail_errno(socket, what, errno, error);
        }
    }
}

void ps_hbase_socket_close(struct ps_hbase_socket *socket) {
    if (socket->descriptor >= 0) {
        close(socket->descriptor);
        socket->descriptor = -1;
    }
}

static penstock_code connect_one(struct ps_hbase_socket *sock, const struct addrinfo *info,
                                 int64_t deadline_ns, struct penstock_error *error) {
    static const char what[] = "cannot connect to";
    const int on = 1;
    sock->descriptor = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (sock->descriptor < 0) {
        return fail_errno(sock, what, errno, error);
    }
    if (connect(sock->descriptor, info->ai_addr, info->ai_addrlen) != 0 && errno != EINPROGRESS) {
        const penstock_code code = fail_errno(sock, what, errno, error);
        ps_hbase_socket_close(sock);
        return code;
    }
    int problem = 0;
    socklen_t size = sizeof problem;
    penstock_code code = wait_for(sock, POLLOUT, deadline_ns, what, error);
    if (code == PENSTOCK_OK && getsockopt(sock->descriptor, SOL_SOCKET, SO_ERROR, &problem, &size) != 0) {
        problem = errno;
    }
    if (code == PENSTOCK_OK && problem != 0) {
        code = fail_errno(sock, what, problem, error);
    }
    if (code != PENSTOCK_OK) {
        ps_hbase_socket_close(sock);
        return code;
    }
    (void)setsockopt(sock->descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(sock->descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    return PENSTOCK_OK;
}

penstock_code ps_hbase_socket_open(struct ps_hbase_socket *socket, const struct ps_hbase_address *target,
                                   int64_t wait_ms, struct penstock_error *error) {
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    char port[8];
    snprintf(port, sizeof port, "%u", (unsigned)target->port);
    const int problem = getaddrinfo(target->host, port, &hints, &found);
    if (problem != 0) {
        return fail(socket, "cannot connect to", gai_strerror(problem), error);
    }
    const int64_t deadline_ns = ps_clock_monotonic_ns() + wait_ms * NS_PER_MS;
    penstock_code code = PENSTOCK_UNAVAILABLE;
    for (const struct addrinfo *info = found; info != NULL && code == PENSTOCK_UNAVAILABLE;
         info = info->ai_next) {
        code = connect_one(socket, info, deadline_ns, error);
    }
    freeaddrinfo(found);
    return code;
}

penstock_code ps_hbase_socket_write(struct ps_hbase_socket *socket, const char *data, size_t size,
                                    int64_t deadline_ns, struct penstock_error *error) {
    static const char what[] = "writing to";
    while (size > 0) {
        const ssize_t sent = send(socket->descriptor, data, size, MSG_NOSIGNAL);
        if (sent > 0) {
            data += sent;
            size -= (size_t)sent;
        } else if (sent < 0 && errno == EAGAIN) {
            PS_TRY(wait_for(socket, POLLOUT, deadline_ns, what, error));
        } else if (sent < 0 && errno != EINTR) {
            return fail_errno(socket, what, errno, error);
        }
    }
    return PENSTOCK_OK;
}

bool ps_hbase_socket_is_readable(const struct ps_hbase_socket *socket) {
    struct pollfd wait = {.fd = socket->descriptor, .events = POLLIN};
    return poll(&wait, 1, 0) > 0;
}

penstock_code ps_hbase_socket_read(struct ps_hbase_socket *socket, char *data, size_t size,
                                   int64_t deadline_ns, size_t *got_out, struct penstock_error *error) {
    static const char what[] = "reading from";
    *got_out = 0;
    while (*got_out < size) {
        const ssize_t got = recv(socket->descriptor, data + *got_out, size - *got_out, 0);
        if (got > 0) {
            *got_out += (size_t)got;
        } else if (got == 0) {
            return PENSTOCK_OK;
        } else if (errno == EAGAIN) {
            PS_TRY(wait_for(socket, POLLIN, deadline_ns, what, error));
        } else if (errno != EINTR) {
            return fail_errno(socket, what, errno, error);
        }
    }
    return PENSTOCK_OK;
}
