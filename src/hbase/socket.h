/* SPDX-License-Identifier: Apache-2.0
 *
 * socket.h - a TCP socket that never waits without a deadline.
 */
#ifndef PS_HBASE_SOCKET_H
#define PS_HBASE_SOCKET_H

#include "hbase/connection.h"

struct ps_hbase_socket {
    int descriptor;   /* -1: none */
    const char *name; /* "host:port", for errors */
    const struct ps_stop *stop;
};

/* Room for the next bytes of a frame of `size`: until its size is *wanted_out, at least one byte more. It grows with
 * what has come, so that a server that claims more than it sends costs no more than it sent. */
penstock_code ps_hbase_frame_grow(struct ps_hbase_frame *frame, size_t size, size_t *wanted_out,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;

/* Every address that the name has is tried. Errors: UNAVAILABLE, CANCELLED. */
penstock_code ps_hbase_socket_open(struct ps_hbase_socket *socket, const struct ps_hbase_address *target,
                                   int64_t wait_ms, struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_hbase_socket_close(struct ps_hbase_socket *socket);
penstock_code ps_hbase_socket_write(struct ps_hbase_socket *socket, const char *data, size_t size,
                                    int64_t deadline_ns, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Is there something to read, or an end? */
bool ps_hbase_socket_is_readable(const struct ps_hbase_socket *socket);
/* Reads until `size` bytes are there or the other side has closed: *got_out is how many came. */
penstock_code ps_hbase_socket_read(struct ps_hbase_socket *socket, char *data, size_t size,
                                   int64_t deadline_ns, size_t *got_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
