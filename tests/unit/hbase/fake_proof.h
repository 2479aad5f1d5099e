/* SPDX-License-Identifier: Apache-2.0
 *
 * fake_proof.h - a proof that needs no KDC, for tests and fuzzers: a seal is a letter (P for secret, I for whole), a
 * number that counts, and the bytes with one bit changed. It sees what was changed, left out or put in another order.
 */
#ifndef TESTS_UNIT_HBASE_FAKE_PROOF_H
#define TESTS_UNIT_HBASE_FAKE_PROOF_H

#include "hbase/sasl.h"

#define FAKE_MASK 0x20
#define FAKE_ROUNDS_FOR_EVER 1000

struct fake_proof {
    int rounds; /* how many tokens until it is complete; the last one is empty */
    int steps, closes;
    unsigned char sealed, opened;
};

static penstock_code fake_step(void *state, struct ps_bytes challenge, struct ps_buffer *token,
                               bool *is_done_out, struct penstock_error *error) {
    struct fake_proof *const fake = state;
    fake->steps++;
    *is_done_out = fake->steps >= fake->rounds;
    if (challenge.size > 0 && challenge.data[0] == '!') {
        return ps_error_set(error, PENSTOCK_UNSUPPORTED, "fake: not this challenge");
    }
    if (!*is_done_out || fake->rounds == 1) {
        ps_buffer_printf(token, "token %d", fake->steps);
    }
    return PENSTOCK_OK;
}

static penstock_code fake_seal(void *state, struct ps_bytes plain, bool is_secret, struct ps_buffer *sealed,
                               struct penstock_error *error) {
    struct fake_proof *const fake = state;
    const char head[] = {is_secret ? 'P' : 'I', (char)fake->sealed++};
    ps_buffer_add(sealed, head, sizeof head);
    for (size_t i = 0; i < plain.size; i++) {
        const char byte = (char)(plain.data[i] ^ FAKE_MASK);
        ps_buffer_add(sealed, &byte, 1);
    }
    return ps_buffer_status(sealed, error);
}

static penstock_code fake_open(void *state, char *sealed, size_t size, bool *is_secret_out,
                               struct ps_bytes *plain_out, struct penstock_error *error) {
    struct fake_proof *const fake = state;
    if (size < 2 || (sealed[0] != 'P' && sealed[0] != 'I') || (unsigned char)sealed[1] != fake->opened) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "fake: no seal, or not the next");
    }
    fake->opened++;
    for (size_t i = 2; i < size; i++) {
        sealed[i] = (char)(sealed[i] ^ FAKE_MASK);
    }
    *is_secret_out = sealed[0] == 'P';
    *plain_out = (struct ps_bytes){sealed + 2, size - 2};
    return PENSTOCK_OK;
}

static void fake_close(void *state) {
    ((struct fake_proof *)state)->closes++;
}

static inline struct ps_hbase_proof fake_proof(struct fake_proof *fake) {
    static const struct ps_hbase_proof_table table = {
        .step = fake_step, .seal = fake_seal, .open = fake_open, .close = fake_close};
    return (struct ps_hbase_proof){.table = &table, .state = fake};
}

#endif
