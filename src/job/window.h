/* SPDX-License-Identifier: Apache-2.0
 *
 * window.h - TUMBLE and HOP, written out as plain subqueries in DuckDB's syntax tree.
 *
 *   FROM TUMBLE(STREAM t, event_time, INTERVAL 15 MINUTE) [AS w]
 *   FROM HOP(STREAM t, event_time, INTERVAL 5 MINUTE, INTERVAL 1 HOUR) [AS w]      slide, then size
 *
 * Each becomes (SELECT *, ... AS window_start, ... AS window_end FROM stream.t) AS w, so that what reads the
 * tree afterwards (analysis here, the runner in room stream) meets an ordinary table reference in schema
 * "stream". Windows are aligned to 1970-01-01 00:00:00; both columns are TIMESTAMP; a row with a NULL time is
 * in no window. HOP gives each row once per window it falls into (size / slide of them, size a whole multiple).
 */
#ifndef PS_JOB_WINDOW_H
#define PS_JOB_WINDOW_H

#include "job/project.h"
#include "sql/tree.h"

struct ps_window {
    const char *stream; /* the name after STREAM */
    const char *alias;  /* how the statement calls the window's rows; the stream's name if it gives none */
    const char *column; /* event time */
    const char *size;   /* SQL text of an INTERVAL expression */
    const char *slide;  /* the same as size for TUMBLE */
    int64_t count;      /* windows a row falls into: 1 for TUMBLE */
    int64_t offset;     /* byte of the call in the statement, or -1 */
};

/* Most windows that one row of a HOP may fall into: each multiplies the work of the epoch. */
#define PS_LIMIT_HOP_COUNT 1000

/* Replaces every TUMBLE and HOP of the tree. `windows_out` (may be NULL) is in the arena, in order of the text.
 * A wrong call: code INVALID_PROJECT, *offset_out (may be NULL) = byte in the statement, or -1. */
penstock_code ps_window_expand(struct ps_connection *connection, struct ps_tree *tree, struct ps_arena *arena,
                               struct ps_window **windows_out, size_t *count_out, int64_t *offset_out,
                               struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
