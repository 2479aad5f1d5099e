/* SPDX-License-Identifier: Apache-2.0
 *
 * fault.h - what went wrong with a call to HBase, and what helps.
 *
 * An exception is known by its class. The table here says for each what helps: the same call later, asking first where
 * the region is now, a new scanner behind the last row, or nothing. A connection that broke is a fault like any other.
 */
#ifndef PS_HBASE_FAULT_H
#define PS_HBASE_FAULT_H

#include "hbase/wire.h"

enum ps_hbase_cure {
    PS_HBASE_CURE_NONE,     /* the same call will fail again */
    PS_HBASE_CURE_AGAIN,    /* the same call, later */
    PS_HBASE_CURE_SLOWLY,   /* the same, but the server is overloaded: much later */
    PS_HBASE_CURE_RELOCATE, /* the region is elsewhere: look it up */
    PS_HBASE_CURE_REOPEN,   /* the scanner is lost: open another one behind the last row */
};

struct ps_hbase_fault {
    enum ps_hbase_cure cure;
    bool is_unsure;   /* the request was sent and no answer came: it may have been carried out or not */
    size_t too_large; /* not 0: the bytes of an answer that is larger than the client takes */
};

/* The sentence, the class and the first line of the trace. `server`: "host:port". Returns the code. */
penstock_code ps_hbase_fault_set(const struct ps_hbase_exception *exception, const char *server,
                                 struct ps_hbase_fault *fault_out, struct penstock_error *error);

#endif
