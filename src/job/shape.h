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

/* FROM STREAM a JOIN STREAM b: tables only. `stream` is a, both are read directly in FROM. */
struct ps_shape_join {
    yyjson_mut_val *node;              /* the JOIN that both sides meet in; NULL: there is one stream */
    struct ps_table_reference partner; /* b */
    bool is_left;                      /* LEFT JOIN: a row of a without a partner counts, too */
};

struct ps_shape {
    /* The FROM STREAM x. After ps_window_expand() the node may be inside the window's subquery. */
    struct ps_table_reference stream;
    struct ps_shape_join join;
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

/* How the rows of one side of a FROM are called there: its alias, else its own name. */
const char *ps_shape_alias(yyjson_mut_val *table);
/* How path[index]'s FROM calls the rows that come from the stream: the stream's alias, or that of the subquery or CTE
 * that path[index + 1] is; "" if it has no name. */
const char *ps_shape_carrier(const struct ps_shape *shape, size_t index);

/* What path[index] calls the column that its FROM knows under this name from there, as it goes in; or NULL. */
const char *ps_shape_passed(const struct ps_shape *shape, size_t index, const char *column);
/* The name under which a column of the stream comes out of the whole SELECT as it went in, or NULL: it is left out or
 * computed, or there are two streams. */
const char *ps_shape_handed(const struct ps_shape *shape, const char *column);

/* A pair of rows can only match while lower_us <= partner's time - stream's time <= upper_us. */
struct ps_time_bound {
    int64_t lower_us, upper_us;
};
/* The bound in ON (of an inner join also in WHERE) between the event time columns of the two streams of shape->join.
 * Errors: INVALID_PROJECT if there is none or half of one; *offset_out as for ps_shape_read(). */
penstock_code ps_shape_read_bound(struct ps_connection *connection, struct ps_tree *tree,
                                  const struct ps_shape *shape, const char *stream_time,
                                  const char *partner_time, struct ps_arena *arena,
                                  struct ps_time_bound *bound_out, int64_t *offset_out,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;

enum ps_shape_use { PS_SHAPE_TABLE, PS_SHAPE_VIEW };

/* Errors: INVALID_PROJECT with the reason and what to use instead; *offset_out (may be NULL) = byte in the
 * statement, or -1. `windows`: what ps_window_expand() returned. */
penstock_code ps_shape_read(struct ps_connection *connection, struct ps_tree *tree, enum ps_shape_use use,
                            const struct ps_window *windows, size_t window_count, struct ps_arena *arena,
                            struct ps_shape *shape_out, int64_t *offset_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
