/* SPDX-License-Identifier: Apache-2.0
 *
 * sasl.h - how the sides of a connection prove who they are before HBase's first message, and what seals later ones.
 *
 * HBase sends tokens of SASL's mechanism GSSAPI (RFC 4752) with their lengths in front, and a status in front of each
 * answer. In the end both agree on one of three protections: of the login only, of the integrity of all that follows,
 * or of its secrecy too; with the latter two the connection becomes a stream of sealed pieces. What makes and reads
 * tokens and seals is a table of functions: Kerberos (kerberos.h) in earnest, something simple in tests and fuzzers.
 */
#ifndef PS_HBASE_SASL_H
#define PS_HBASE_SASL_H

#include "hbase/socket.h"

/* As bits of the layers of RFC 4752; the names are those of hbase.rpc.protection. */
enum ps_hbase_protection {
    PS_HBASE_AUTHENTICATION = 1,
    PS_HBASE_INTEGRITY = 2,
    PS_HBASE_PRIVACY = 4,
};
#define PS_HBASE_PROTECTION_COUNT 3
/* "authentication, integrity and privacy" for what `bits` has */
const char *ps_hbase_protection_name(unsigned bits);
/* "privacy,integrity": what is accepted, the most wanted first; zeros behind. NULL: the strongest that there is. */
penstock_code ps_hbase_protection_parse(const char *text, unsigned wanted_out[PS_HBASE_PROTECTION_COUNT],
                                        struct penstock_error *error) PENSTOCK_MUST_USE;

/* The proof of one connection. All functions but `close` may fail with a sentence. */
struct ps_hbase_proof_table {
    /* The next token, for the other side's last one (empty at first). */
    penstock_code (*step)(void *state, struct ps_bytes challenge, struct ps_buffer *token, bool *is_done_out,
                          struct penstock_error *error);
    penstock_code (*seal)(void *state, struct ps_bytes plain, bool is_secret, struct ps_buffer *sealed,
                          struct penstock_error *error);
    /* In place: *plain_out is inside of `sealed`. Piece by piece in the order of sending. */
    penstock_code (*open)(void *state, char *sealed, size_t size, bool *is_secret_out,
                          struct ps_bytes *plain_out, struct penstock_error *error);
    void (*close)(void *state);
};
struct ps_hbase_proof {
    const struct ps_hbase_proof_table *table; /* NULL: none, as with SIMPLE authentication */
    void *state;
};

/* What was agreed on, and what was received and not read yet. */
struct ps_hbase_sasl {
    struct ps_hbase_proof proof;
    unsigned protection;         /* a bit */
    size_t piece_size_max;       /* what may be sealed at once for the other side */
    size_t sealed_size_max;      /* of a piece that comes */
    struct ps_hbase_frame frame; /* of the last piece */
    struct ps_bytes plain;       /* what of it was not read yet */
    bool has_read;               /* something came after the agreement: the server was content with it */
};
void ps_hbase_sasl_done(struct ps_hbase_sasl *sasl);

struct ps_hbase_terms {
    unsigned wanted[PS_HBASE_PROTECTION_COUNT]; /* the most wanted first */
    size_t piece_size_max;                      /* of a sealed piece that is received */
};
/* Speaks with the server until both have proven themselves and agreed; takes `proof` over in any case.
 * *frame_size_out > 0: instead of a token the server began a frame of that size, which is how it refuses a greeting. */
penstock_code ps_hbase_sasl_agree(struct ps_hbase_sasl *sasl, struct ps_hbase_socket *socket,
                                  struct ps_hbase_proof proof, const struct ps_hbase_terms *terms,
                                  int64_t deadline_ns, size_t *frame_size_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* As of a socket, through the agreed protection or, without a proof, none. */
penstock_code ps_hbase_sasl_write(struct ps_hbase_sasl *sasl, struct ps_hbase_socket *socket,
                                  const char *data, size_t size, int64_t deadline_ns,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_hbase_sasl_read(struct ps_hbase_sasl *sasl, struct ps_hbase_socket *socket, char *data,
                                 size_t size, int64_t deadline_ns, size_t *got_out,
                                 struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
