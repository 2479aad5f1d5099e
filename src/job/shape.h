/* SPDX-License-Identifier: Apache-2.0
 *
 * shape.h - the shape of a continuous SELECT: what it streams from, and for a view its keys and aggregates.
 *
 * Analysis (graph.c) refuses what cannot run epoch by epoch; the runner rewrites the same tree. Both must
 * see the same thing, so both get it from here. Call ps_window_expand() first. All nodes are borrowed from
 * the tree and stay in it.
 */
#ifndef PS_JOB_SHAPE_H
#define PS_JOB_SHAPE_H

#include "job/window.h"

/* A GROUP BY expression; GROUP BY ALL, ordinals (GROUP BY 1) and select aliases are already followed. */
struct ps_shape_key {
    yyjson_mut_val *expression;
    int64_t output; /* index in the select list, or -1: grouped by but not shown */
};

struct ps_shape {
    /* The one FROM STREAM x. After ps_window_expand() the node may be inside the window's subquery. */
    struct ps_table_reference stream;
    /* The SELECT_NODEs on the way from the root (first) to the one whose FROM holds the stream (last): FROM
     * subqueries, CTEs and windows. All but the root of a view are row by row: no aggregate, DISTINCT, LIMIT. */
    yyjson_mut_val **path;
    size_t path_count;

    /* Views only. */
    struct ps_shape_key *keys;
    size_t key_count;
    yyjson_mut_val **aggregates; /* every aggregate call of select list and HAVING, in order of the text */
    size_t aggregate_count;
    /* The key that is a window of event time, or -1: TUMBLE/HOP's window_start or window_end, or
     * time_bucket(INTERVAL, column) / date_trunc('hour', column). */
    int64_t window_key;
    const char *window_column; /* the event time column under it */
    const char
        *window_size; /* INTERVAL expression to add to the key for the window's end; NULL: it is the end */
};

enum ps_shape_use { PS_SHAPE_TABLE, PS_SHAPE_VIEW };

/* Errors: INVALID_PROJECT with the reason and what to use instead; *offset_out (may be NULL) = byte in the
 * statement, or -1. `windows`: what ps_window_expand() returned. */
penstock_code ps_shape_read(struct ps_connection *connection, struct ps_tree *tree, enum ps_shape_use use,
                            const struct ps_window *windows, size_t window_count, struct ps_arena *arena,
                            struct ps_shape *shape_out, int64_t *offset_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
