/* SPDX-License-Identifier: Apache-2.0
 *
 * client.h - HBase, as a program sees it that was told the addresses of its masters and nothing else.
 *
 * A client speaks HBase's own RPC: no Java, no ZooKeeper, no gateway. It asks the masters where hbase:meta is,
 * hbase:meta where the regions are, and keeps what it learnt until a server says otherwise. What it reads and writes
 * is in region.h, scan.h, get.h, mutate.h and admin.h. Written against HBase 2.6 (2.4 and later have the same
 * messages).
 * Every wait has a deadline. What may help again (a region that moves, a server that restarts, a queue that is full)
 * is tried again with growing pauses until retry_ms are over without progress; then the last error is returned, its
 * class of exception in the detail.
 *
 * Threads: a client and all that is opened on it belong to one thread. For more, open more: they share nothing.
 */
#ifndef PS_HBASE_CLIENT_H
#define PS_HBASE_CLIENT_H

#include "base/thread.h"

#define PS_HBASE_MASTERS_DEFAULT "127.0.0.1:16000"
#define PS_HBASE_MASTER_PORT 16000

struct ps_hbase_options {
    const char *masters; /* "host:16000,host2"; any of them will do */
    /* SIMPLE authentication believes it; NULL: the one who runs this process. With Kerberos: the one on whose
     * behalf the principal acts (a proxy user, if HBase allows it); NULL: the principal itself. */
    const char *user;
    const char
        *address_map; /* "host:port=host:port,...": servers that are reached elsewhere (a tunnel); or NULL */
    /* As HBase's own properties, from hbase-site.xml of any client. All but the first are for Kerberos only. */
    const char *authentication;    /* hbase.security.authentication: "simple" (also NULL) or "kerberos" */
    const char *service_principal; /* hbase.regionserver.kerberos.principal; NULL: hbase/_HOST */
    const char *master_principal;  /* hbase.master.kerberos.principal; NULL: as the region servers' */
    const char *keytab;            /* hbase.client.keytab.file; NULL: the tickets of kinit */
    const char
        *client_principal; /* hbase.client.keytab.principal; NULL: the keytab's first, or the tickets' */
    const char
        *protection; /* hbase.rpc.protection: "authentication", "integrity", "privacy", several with commas;
                             * NULL: the strongest that a server offers */
    int64_t connect_ms;         /* 0: 10 s */
    int64_t call_ms;            /* 0: 60 s */
    int64_t retry_ms;           /* 0: 60 s */
    size_t frame_size_max;      /* 0: 256 MiB; an answer above it is an error, however little of it came */
    const struct ps_stop *stop; /* or NULL */
};

struct ps_hbase;
/* Does not connect yet. Errors: INVALID_ARGUMENT. */
penstock_code ps_hbase_open(const struct ps_hbase_options *options, struct ps_hbase **client_out,
                            struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_hbase_close(struct ps_hbase *client); /* after everything that was opened on it */
void ps_hbase_close_scoped(struct ps_hbase **client);

/* What happened so far, for tests and measurements. */
struct ps_hbase_tally {
    int64_t calls, retries, lookups, scanners_reopened;
};
struct ps_hbase_tally ps_hbase_tally(const struct ps_hbase *client);

#endif
