/* SPDX-License-Identifier: Apache-2.0
 *
 * shape_parts.h - what shape.c, shape_join.c and shape_view.c share while one statement is being read.
 */
#ifndef PS_JOB_SHAPE_PARTS_H
#define PS_JOB_SHAPE_PARTS_H

#include <stdio.h>

#include "job/shape.h"
#include "job/syntax.h"

struct ps_shape_reading {
    struct ps_connection *connection;
    struct ps_tree *tree;
    enum ps_shape_use use;
    const struct ps_window *windows;
    size_t window_count;
    struct ps_arena *arena;
    struct ps_node_list ctes;           /* entries of all cte_maps that are not known to stream */
    struct ps_node_list streaming_ctes; /* those that lead to the stream */
    struct ps_shape shape;
    int64_t offset; /* of the error, or -1 */
    struct penstock_error *error;
};

/* Sets the error and its place (`node` may be NULL: the place stays). */
penstock_code ps_shape_fail(struct ps_shape_reading *reading, yyjson_mut_val *node, const char *message,
                            const char *hint);
/* ORDER BY, LIMIT, DISTINCT; window functions and QUALIFY. `what`: "streaming table" */
penstock_code ps_shape_check_modifiers(struct ps_shape_reading *reading, yyjson_mut_val *node,
                                       const char *what) PENSTOCK_MUST_USE;
penstock_code ps_shape_check_windows(struct ps_shape_reading *reading, yyjson_mut_val *node)
    PENSTOCK_MUST_USE;
/* Is the node a FROM STREAM x? */
bool ps_shape_is_stream(yyjson_mut_val *node);
/* Both sides of `join` lead to a stream: reads shape.join, *left_out is the left stream's node. */
penstock_code ps_shape_read_join(struct ps_shape_reading *reading, yyjson_mut_val *join,
                                 yyjson_mut_val **left_out) PENSTOCK_MUST_USE;
/* What a join of a stream with a table may not be. `is_left`, `is_right`: where the stream stands. */
penstock_code ps_shape_check_join(struct ps_shape_reading *reading, yyjson_mut_val *join, bool is_left,
                                  bool is_right) PENSTOCK_MUST_USE;
/* Streams that the tree below leads to. */
size_t ps_shape_count_streams(const struct ps_shape_reading *reading, yyjson_mut_val *node);
/* Keys, aggregates and the window of a view, from its root SELECT. */
penstock_code ps_shape_read_view(struct ps_shape_reading *reading) PENSTOCK_MUST_USE;

#endif
