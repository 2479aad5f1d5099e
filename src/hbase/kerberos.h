/* SPDX-License-Identifier: Apache-2.0
 *
 * kerberos.h - who a client is for Kerberos, and its proofs to servers. The only file that knows GSSAPI is kerberos.c.
 *
 * Tickets come from the user's cache (kinit), or, with a keytab, from the KDC into a cache in memory that belongs to
 * the client: new ones are fetched whenever half of their life is over, so that a run outlives every ticket. Nothing
 * is written to a disk. What Kerberos is like here (realms, KDCs) is in krb5.conf, as for every program.
 * Errors name principals and files, never keys.
 *
 * Asking a KDC waits as long as krb5.conf makes it: GSSAPI knows neither deadlines nor stops.
 */
#ifndef PS_HBASE_KERBEROS_H
#define PS_HBASE_KERBEROS_H

#include "hbase/sasl.h"

#define PS_HBASE_PRINCIPAL_SIZE 512
#define PS_HBASE_PRINCIPAL_DEFAULT "hbase/_HOST"

struct ps_hbase_kerberos;
/* keytab: NULL for the tickets of kinit. principal: who to be; NULL: the first of the keytab, or whose the tickets are;
 * _HOST in it is this machine. Both are copied. Errors: NOT_FOUND, INVALID_ARGUMENT. */
penstock_code ps_hbase_kerberos_new(const char *keytab, const char *principal,
                                    struct ps_hbase_kerberos **kerberos_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
void ps_hbase_kerberos_free(struct ps_hbase_kerberos *kerberos);

/* Is it service/host[@REALM]? The host may be _HOST. */
bool ps_hbase_principal_is_service(const char *principal);
/* `principal` with the canonical name of `host`, in small letters, for _HOST. */
penstock_code ps_hbase_principal_of(const char *principal, const char *host,
                                    char resolved_out[PS_HBASE_PRINCIPAL_SIZE], struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* A proof to the server whose principal (without _HOST) that is. Gets tickets; `kerberos` must outlive it. */
penstock_code ps_hbase_kerberos_begin(struct ps_hbase_kerberos *kerberos, const char *principal,
                                      const char *server, struct ps_hbase_proof *proof_out,
                                      struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
