/* SPDX-License-Identifier: Apache-2.0
 *
 * wire.h - the socket itself: where it is, lines over it.
 *
 * sun_path holds 108 bytes and stores lie deeper than that, so the folder is opened and the socket is named
 * through /proc/self/fd.
 */
#ifndef PS_APP_WIRE_H
#define PS_APP_WIRE_H

#include "base/bytes.h"

#define PS_WIRE_NAME "penstock.sock"

penstock_code ps_wire_listen(const char *store_path, int *descriptor_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* NOT_FOUND when nobody listens. */
penstock_code ps_wire_connect(const char *store_path, int *descriptor_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
void ps_wire_remove(const char *store_path);

/* Reads up to a newline or the end. `wake`: a descriptor that becomes readable when it is time to leave, or -1.
 * `wait_ms` 0: as long as it takes. Errors: CANCELLED (woken), IO (too slow, cut off). */
penstock_code ps_wire_read(int descriptor, int wake, int64_t wait_ms, struct ps_buffer *line_out,
                           struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_wire_write(int descriptor, int wake, int64_t wait_ms, const char *data, size_t size,
                            struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_wire_close(int *descriptor); /* for PS_SCOPED; -1: nothing */

#endif
