/* SPDX-License-Identifier: Apache-2.0
 *
 * standing.h - what a model or a dataset stands on: how far the sources under it have been read.
 */
#ifndef PS_APP_STANDING_H
#define PS_APP_STANDING_H

#include "job/graph.h"
#include "publish/json.h"

/* {"source": {"partition": position, ...}, ...} of the sources that the node reads, directly or not, as the connection
 * sees them now. *source_count_out may be 0: then there are none. */
penstock_code ps_standing_positions(struct ps_connection *connection, const struct ps_graph *graph,
                                    const struct ps_node *node, struct ps_buffer *json_out,
                                    size_t *source_count_out, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
