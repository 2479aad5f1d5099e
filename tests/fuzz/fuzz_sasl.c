/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_sasl.c - any bytes as what a server says during the login and after it. Whatever comes, there is an agreement or
 * a sentence, the proof is closed once, and what is read was sealed. The first byte says which protections are wanted.
 */
#include "fuzz.h"

#include <sys/socket.h>
#include <unistd.h>

#include "../unit/hbase/fake_proof.h"

#define PIECE_SIZE_MAX 4096

static void check(penstock_code code, const struct penstock_error *error) {
    if (code != PENSTOCK_OK && (error->message[0] == '\0' || error->code != code)) {
        abort();
    }
}

static void read_on(struct ps_hbase_sasl *sasl, struct ps_hbase_socket *socket, int64_t deadline_ns) {
    struct penstock_error error = {0};
    penstock_code code = PENSTOCK_OK;
    size_t got = 1;
    for (size_t size = 1; code == PENSTOCK_OK && got > 0; size = size % 61 + 3) {
        char *const data = malloc(size); /* of its own, so that a byte too much is a sanitizer's find */
        if (data == NULL) {
            abort();
        }
        code = ps_hbase_sasl_read(sasl, socket, data, size, deadline_ns, &got, &error);
        if (code == PENSTOCK_OK && got > 0) {
            if (ps_hash(data, got, 0) == 0 || got > size) {
                abort();
            }
            if (getenv("PENSTOCK_FUZZ_CANARY") != NULL && sasl->protection == PS_HBASE_PRIVACY) {
                abort(); /* a seed has sealed pieces behind a login: somebody must get here */
            }
        }
        free(data);
    }
    check(code, &error);
}

static void fuzz_one(const char *data, size_t size) {
    static const unsigned wanted[][PS_HBASE_PROTECTION_COUNT] = {
        {PS_HBASE_PRIVACY, PS_HBASE_INTEGRITY, PS_HBASE_AUTHENTICATION},
        {PS_HBASE_AUTHENTICATION, PS_HBASE_INTEGRITY, 0},
        {PS_HBASE_INTEGRITY, 0, 0},
        {PS_HBASE_PRIVACY, 0, 0}};
    const unsigned char kind = size == 0 ? 0 : (unsigned char)data[0] & 3;
    struct ps_hbase_terms terms = {.piece_size_max = PIECE_SIZE_MAX};
    struct fake_proof fake = {.rounds = 2};
    struct ps_hbase_sasl sasl = {.protection = 0};
    struct penstock_error error = {0};
    size_t frame_size = 0;
    int ends[2];
    memcpy(terms.wanted, wanted[kind], sizeof terms.wanted);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0 ||
        (size > 1 && write(ends[1], data + 1, size - 1) != (ssize_t)size - 1) ||
        shutdown(ends[1], SHUT_WR) != 0) {
        abort();
    }
    struct ps_hbase_socket socket = {.descriptor = ends[0], .name = "h:1"};
    const int64_t deadline_ns = ps_clock_monotonic_ns() + INT64_C(60000000000);
    const penstock_code code =
        ps_hbase_sasl_agree(&sasl, &socket, fake_proof(&fake), &terms, deadline_ns, &frame_size, &error);
    check(code, &error);
    if (code == PENSTOCK_OK && frame_size == 0) {
        if ((sasl.protection & (wanted[kind][0] | wanted[kind][1] | wanted[kind][2])) == 0) {
            abort();
        }
        read_on(&sasl, &socket, deadline_ns);
    }
    ps_hbase_sasl_done(&sasl);
    if (fake.closes != 1) {
        abort();
    }
    ps_hbase_socket_close(&socket);
    close(ends[1]);
}
