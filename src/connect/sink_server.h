/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_server.h - what sinks with a server at their end share: columns named in an option, positions as JSON, waiting.
 *
 * Private to room connect.
 */
#ifndef PS_CONNECT_SINK_SERVER_H
#define PS_CONNECT_SINK_SERVER_H

#include "connect/sink.h"

/* Positions are kept beside the epoch for people to see (the store has its own): above this size they are left out. */
#define PS_LIMIT_SINK_POSITIONS_SIZE ((size_t)64 << 10)

/* Columns of the SELECT, in the order of the option's text. */
struct ps_sink_columns {
    size_t *indexes;
    size_t count;
};

/* "a, b" as columns of the SELECT; NULL or "" is none. `option` names the option in errors. In the arena.
 * Errors: INVALID_PROJECT (no such column, with the nearest; the same twice). */
penstock_code ps_sink_columns_parse(const struct ps_sink_setup *setup, const char *option, const char *text,
                                    struct ps_arena *arena, struct ps_sink_columns *columns_out,
                                    struct penstock_error *error) PENSTOCK_MUST_USE;
bool ps_sink_columns_have(const struct ps_sink_columns *columns, size_t index);

/* [{"partition":"a","ordinal":0,"offset":5,"state":"..."},...]; fails the buffer when it is too long. */
void ps_sink_positions_write(const struct ps_position_list *positions, struct ps_buffer *json);
/* Sets the positions of such a text; what is no such text is INVALID_DATA. */
penstock_code ps_sink_positions_read(const char *json, size_t size, struct ps_position_list *positions,
                                     struct penstock_error *error) PENSTOCK_MUST_USE;

/* Waits before the next try: 50 ms, doubling to 2 s, each less up to a half by chance, so that many clients of a server
 * that comes back do not come at once. False, without waiting, when the time is over. */
struct ps_sink_patience {
    int64_t deadline_ns; /* monotonic */
    int64_t wait_ms;
};
struct ps_sink_patience ps_sink_patience_of(int64_t duration_ms);
bool ps_sink_patience_wait(struct ps_sink_patience *patience);

#endif
