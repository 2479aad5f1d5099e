/* SPDX-License-Identifier: Apache-2.0
 *
 * actions.h - the same thing done to many rows, by region and server, with the patience that it takes: what puts and
 * gets of many rows have in common.
 *
 * It knows nothing of what an action is: it is told each one's row, has it written, and hands back what a server
 * says of it.
 */
#ifndef PS_HBASE_ACTIONS_H
#define PS_HBASE_ACTIONS_H

#include "hbase/call.h"

#define PS_HBASE_CELLS_SIZE_MAX ((size_t)256 << 20)

struct ps_hbase_actions {
    const char *table;
    const char *word; /* "a put", for errors */
    size_t count;
    void *context; /* of the functions below */
    struct ps_bytes (*row)(const void *context, size_t index);
    /* The Action, as field 3 of a RegionAction; `number` is its number there. Its cells go behind the message. */
    void (*add)(const void *context, size_t index, uint32_t number, struct ps_buffer *out,
                struct ps_buffer *cells);
    /* How many of them a server may be asked at once now. NULL: as many as a request holds. */
    size_t (*call_count_max)(const void *context);
    /* An answer came that speaks of some of them. It may put other bytes in the place of the answer's. Or NULL. */
    penstock_code (*begin)(void *context, struct ps_hbase_answer *answer, struct penstock_error *error);
    /* An action was carried out; result: the server's Result, if there is one. In the order of the answer. Or NULL. */
    penstock_code (*take)(void *context, size_t index, struct ps_bytes result, struct penstock_error *error);
};
/* Until all are done, each once as far as answers arrived. Errors: those of a scan; INVALID_ARGUMENT with the row. */
penstock_code ps_hbase_act(struct ps_hbase *client, const struct ps_hbase_actions *actions,
                           struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
