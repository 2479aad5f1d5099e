/* SPDX-License-Identifier: Apache-2.0
 *
 * wire.c - a unix socket with waits that can be woken, so that a peer that says nothing holds nobody up.
 */
#include "app/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

#define BACKLOG 16

void ps_wire_close(int *descriptor) {
    if (*descriptor >= 0) {
        (void)close(*descriptor);
        *descriptor = -1;
    }
}

/* Fills in the address by way of the folder's descriptor, which must stay open while the address is used. */
static bool name_socket(const char *store_path, int *folder_out, struct sockaddr_un *address_out) {
    const int folder = open(store_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        return false;
    }
    *address_out = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void)snprintf(address_out->sun_path, sizeof address_out->sun_path, "/proc/self/fd/%d/" PS_WIRE_NAME,
                   folder);
    *folder_out = folder;
    return true;
}

penstock_code ps_wire_listen(const char *store_path, int *descriptor_out, struct penstock_error *error) {
    int folder PS_SCOPED(ps_wire_close) = -1;
    int descriptor PS_SCOPED(ps_wire_close) = -1;
    struct sockaddr_un address;
    if (!name_socket(store_path, &folder, &address)) {
        return ps_error_errno(error, errno, "open %s", store_path);
    }
    (void)unlinkat(folder, PS_WIRE_NAME, 0);
    descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* the mode that the name gets when it is bound: there is no moment at which others could connect */
    if (descriptor < 0 || fchmod(descriptor, 0600) != 0 ||
        bind(descriptor, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(descriptor, BACKLOG) != 0) {
        return ps_error_errno(error, errno, "listen on %s/" PS_WIRE_NAME, store_path);
    }
    *descriptor_out = descriptor;
    descriptor = -1;
    return PENSTOCK_OK;
}

penstock_code ps_wire_connect(const char *store_path, int *descriptor_out, struct penstock_error *error) {
    int folder PS_SCOPED(ps_wire_close) = -1;
    int descriptor PS_SCOPED(ps_wire_close) = -1;
    struct sockaddr_un address;
    if (!name_socket(store_path, &folder, &address)) {
        return ps_error_set(error, PENSTOCK_NOT_FOUND, "there is no store in %s", store_path);
    }
    descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return ps_error_errno(error, errno, "connect to %s/" PS_WIRE_NAME, store_path);
    }
    if (connect(descriptor, (const struct sockaddr *)&address, sizeof address) != 0) {
        return errno == ENOENT || errno == ECONNREFUSED
                   ? ps_error_set(error, PENSTOCK_NOT_FOUND, "no running process serves the store %s",
                                  store_path)
                   : ps_error_errno(error, errno, "connect to %s/" PS_WIRE_NAME, store_path);
    }
    *descriptor_out = descriptor;
    descriptor = -1;
    return PENSTOCK_OK;
}

void ps_wire_remove(const char *store_path) {
    const int folder = open(store_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
        (void)unlinkat(folder, PS_WIRE_NAME, 0);
        (void)close(folder);
    }
}

/* Waits for `events`. `end_ns` 0: for ever. */
static penstock_code wait_for(int descriptor, short events, int wake, int64_t end_ns,
                              struct penstock_error *error) {
    for (;;) {
        struct pollfd polled[2] = {{.fd = descriptor, .events = events}, {.fd = wake, .events = POLLIN}};
        int timeout = -1;
        if (end_ns > 0) {
            const int64_t left_ms = (end_ns - ps_clock_monotonic_ns()) / 1000000;
            timeout = left_ms <= 0 ? 0 : (left_ms > 1000000 ? 1000000 : (int)left_ms + 1);
        }
        const int count = poll(polled, 2, timeout);
        if (count < 0 && errno != EINTR) {
            return ps_error_errno(error, errno, "wait for " PS_WIRE_NAME);
        }
        if (count > 0 && polled[1].revents != 0) {
            return ps_error_set(error, PENSTOCK_CANCELLED, "the application is ending");
        }
        if (count > 0 && polled[0].revents != 0) {
            return PENSTOCK_OK;
        }
        if (end_ns > 0 && ps_clock_monotonic_ns() >= end_ns) {
            return ps_error_set(error, PENSTOCK_IO, "no answer on " PS_WIRE_NAME " in time");
        }
    }
}

static int64_t deadline(int64_t wait_ms) {
    return wait_ms > 0 ? ps_clock_monotonic_ns() + wait_ms * 1000000 : 0;
}

penstock_code ps_wire_read(int descriptor, int wake, int64_t wait_ms, struct ps_buffer *line_out,
                           struct penstock_error *error) {
    const int64_t end_ns = deadline(wait_ms);
    char block[65536];
    for (;;) {
        PS_TRY(wait_for(descriptor, POLLIN, wake, end_ns, error));
        const ssize_t count = recv(descriptor, block, sizeof block, MSG_DONTWAIT);
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        if (count < 0) {
            return ps_error_errno(error, errno, "read from " PS_WIRE_NAME);
        }
        if (count == 0) {
            return ps_error_set(error, PENSTOCK_IO,
                                "the other side of " PS_WIRE_NAME " ended before its line did");
        }
        const char *newline = memchr(block, '\n', (size_t)count);
        ps_buffer_add(line_out, block, newline == NULL ? (size_t)count : (size_t)(newline - block));
        PS_TRY(ps_buffer_status(line_out, error));
        if (newline != NULL) {
            return PENSTOCK_OK;
        }
    }
}

penstock_code ps_wire_write(int descriptor, int wake, int64_t wait_ms, const char *data, size_t size,
                            struct penstock_error *error) {
    const int64_t end_ns = deadline(wait_ms);
    for (size_t done = 0; done < size;) {
        PS_TRY(wait_for(descriptor, POLLOUT, wake, end_ns, error));
        const ssize_t count = send(descriptor, data + done, size - done, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        if (count < 0) {
            return ps_error_errno(error, errno, "write to " PS_WIRE_NAME);
        }
        done += (size_t)count;
    }
    return PENSTOCK_OK;
}
