/* SPDX-License-Identifier: Apache-2.0
 *
 * sasl.c - the exchange of tokens as HBase frames it, the choice of a protection, and the stream of sealed pieces.
 *
 * The server says nothing after the last token when it is content, but may still refuse then (a realm that its rules do
 * not know): that refusal arrives in the place of the first answer, where its status is a length that no answer has.
 */
#include "hbase/sasl.h"

#include <stdio.h>

#include "base/check.h"
#include "base/limits.h"

#define STATUS_CONTENT 0
#define STATUS_REFUSED 1
/* A server without Kerberos answers with this length, and goes on with SIMPLE authentication. */
#define SWITCH_TO_SIMPLE UINT32_C(0xFFFFFFA8)
/* Tokens are a few kB; a ticket with a Windows domain's groups has up to 64. HBase's own client has this limit. */
#define TOKEN_SIZE_MAX ((size_t)1 << 20)
/* Rounds of tokens: Kerberos has one, with a mutual proof two. */
#define ROUND_COUNT_MAX 10
/* Of a refusal's class and words. */
#define WORDS_SIZE_MAX ((size_t)1 << 16)
/* Sealing makes a piece longer by 60 to 80 bytes (RFC 4121, AES). */
#define SEAL_SIZE_MAX 256
#define PIECE_SIZE_MAX ((size_t)1 << 20)
/* What we take at once: three bytes are there to say it with. HBase seals a whole answer nevertheless. */
#define OFFERED_SIZE_MAX 0xFFFFFF

static const struct {
    const char *name;
    unsigned bit;
} protections[PS_HBASE_PROTECTION_COUNT] = {{"privacy", PS_HBASE_PRIVACY},
                                            {"integrity", PS_HBASE_INTEGRITY},
                                            {"authentication", PS_HBASE_AUTHENTICATION}};

const char *ps_hbase_protection_name(unsigned bits) {
    static const char *const names[] = {"none",
                                        "authentication",
                                        "integrity",
                                        "authentication and integrity",
                                        "privacy",
                                        "authentication and privacy",
                                        "integrity and privacy",
                                        "authentication, integrity and privacy"};
    return names[bits & 7];
}

static unsigned protection_of(struct ps_bytes name) {
    for (size_t i = 0; i < PS_HBASE_PROTECTION_COUNT; i++) {
        if (ps_bytes_equal(ps_bytes_of(protections[i].name), name)) {
            return protections[i].bit;
        }
    }
    return 0;
}

penstock_code ps_hbase_protection_parse(const char *text, unsigned wanted_out[PS_HBASE_PROTECTION_COUNT],
                                        struct penstock_error *error) {
    unsigned wanted[PS_HBASE_PROTECTION_COUNT] = {0};
    unsigned all = 0;
    size_t count = 0;
    const char *at = text == NULL || text[0] == '\0' ? "privacy,integrity,authentication" : text;
    while (*at != '\0') {
        const size_t blanks = strspn(at, " "), size = strcspn(at + blanks, " ,");
        const unsigned bit = protection_of((struct ps_bytes){at + blanks, size});
        if (bit == 0) {
            (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT,
                               "hbase.rpc.protection \"%s\": \"%.*s\" is no protection", text,
                               (int)(size < 64 ? size : 64), at + blanks);
            return ps_error_hint(error, "write authentication, integrity or privacy, with commas");
        }
        if ((all & bit) == 0) {
            wanted[count++] = bit;
            all |= bit;
        }
        at += blanks + size;
        at += strspn(at, " ");
        at += *at == ',' ? 1 : 0;
    }
    memcpy(wanted_out, wanted, sizeof wanted);
    return PENSTOCK_OK;
}

void ps_hbase_sasl_done(struct ps_hbase_sasl *sasl) {
    if (sasl->proof.table != NULL) {
        sasl->proof.table->close(sasl->proof.state);
    }
    ps_hbase_frame_done(&sasl->frame);
    *sasl = (struct ps_hbase_sasl){.protection = 0};
}

/* --- bytes ----------------------------------------------------------------------------------------------- */

static penstock_code cut_off(const struct ps_hbase_socket *socket, struct penstock_error *error) {
    (void)ps_error_set(error, PENSTOCK_UNAVAILABLE, "HBase at %s: it closed the connection during the login",
                       socket->name);
    return ps_error_hint(error, "the server's log may say why");
}

/* All of them, or an error. */
static penstock_code read_all(struct ps_hbase_socket *socket, char *data, size_t size, int64_t deadline_ns,
                              struct penstock_error *error) {
    size_t got = 0;
    PS_TRY(ps_hbase_socket_read(socket, data, size, deadline_ns, &got, error));
    return got == size ? PENSTOCK_OK : cut_off(socket, error);
}

static penstock_code read_number(struct ps_hbase_socket *socket, int64_t deadline_ns, uint32_t *number_out,
                                 struct penstock_error *error) {
    char bytes[4];
    PS_TRY(read_all(socket, bytes, sizeof bytes, deadline_ns, error));
    *number_out = ps_hbase_read_u32(bytes);
    return PENSTOCK_OK;
}

/* A text with its length in front, as much of it as a sentence should have. -1 stands for none. */
static penstock_code read_words(struct ps_hbase_socket *socket, int64_t deadline_ns, char *text, size_t room,
                                struct penstock_error *error) {
    uint32_t size = 0;
    PS_TRY(read_number(socket, deadline_ns, &size, error));
    size = size == UINT32_MAX ? 0 : size;
    if (size > WORDS_SIZE_MAX) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA,
                            "HBase at %s: its refusal of the login cannot be read", socket->name);
    }
    const size_t kept = size < room - 1 ? size : room - 1;
    PS_TRY(read_all(socket, text, kept, deadline_ns, error));
    for (size_t i = 0; i < kept; i++) { /* of one line, and no text of the terminal */
        text[i] = (unsigned char)text[i] < ' ' ? ' ' : text[i];
    }
    text[kept] = '\0';
    for (size_t left = size - kept; left > 0;) {
        char thrown_away[256];
        const size_t piece = left < sizeof thrown_away ? left : sizeof thrown_away;
        PS_TRY(read_all(socket, thrown_away, piece, deadline_ns, error));
        left -= piece;
    }
    return PENSTOCK_OK;
}

/* Behind STATUS_REFUSED: a class and what it says. */
static penstock_code refused(struct ps_hbase_socket *socket, int64_t deadline_ns,
                             struct penstock_error *error) {
    char class_name[256], words[400];
    PS_TRY(read_words(socket, deadline_ns, class_name, sizeof class_name, error));
    PS_TRY(read_words(socket, deadline_ns, words, sizeof words, error));
    (void)ps_error_set(error, PENSTOCK_UNSUPPORTED, "HBase at %s refuses the Kerberos login: %s",
                       socket->name, words[0] == '\0' ? "it does not say why" : words);
    (void)ps_error_detail(error, "%s", class_name);
    return ps_error_hint(error,
                         strstr(words, "GSS initiate failed") != NULL
                             ? "often the principal is another server's, a clock is wrong by more than 5 "
                               "minutes, or the server's keytab is older than its key; its log says more"
                             : "the server's log says more");
}

static penstock_code no_token(const struct ps_hbase_socket *socket, struct penstock_error *error) {
    return ps_error_set(error, PENSTOCK_INVALID_DATA, "HBase at %s: its answer to the login cannot be read",
                        socket->name);
}

/* A status and a token. */
static penstock_code read_token(struct ps_hbase_socket *socket, int64_t deadline_ns,
                                struct ps_hbase_frame *token, size_t *frame_size_out,
                                struct penstock_error *error) {
    uint32_t status = 0, size = 0;
    PS_TRY(read_number(socket, deadline_ns, &status, error));
    if (status == STATUS_REFUSED) {
        return refused(socket, deadline_ns, error);
    }
    if (status != STATUS_CONTENT) {
        *frame_size_out = status;
        return PENSTOCK_OK;
    }
    PS_TRY(read_number(socket, deadline_ns, &size, error));
    if (size == SWITCH_TO_SIMPLE) {
        (void)ps_error_set(error, PENSTOCK_UNSUPPORTED,
                           "HBase at %s has no Kerberos: it asks for SIMPLE authentication", socket->name);
        return ps_error_hint(error,
                             "set authentication (hbase.security.authentication) to simple if you trust it");
    }
    if (size > TOKEN_SIZE_MAX) {
        return no_token(socket, error);
    }
    token->size = 0;
    while (token->size < size || token->data == NULL) {
        size_t wanted = 0;
        PS_TRY(ps_hbase_frame_grow(token, size, &wanted, error));
        PS_TRY(read_all(socket, token->data + token->size, wanted - token->size, deadline_ns, error));
        token->size = wanted;
    }
    return PENSTOCK_OK;
}

static penstock_code write_token(struct ps_hbase_socket *socket, const struct ps_buffer *token,
                                 int64_t deadline_ns, struct penstock_error *error) {
    struct ps_buffer framed PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&framed, PIECE_SIZE_MAX + SEAL_SIZE_MAX + 4);
    PS_TRY(ps_buffer_status(token, error));
    ps_hbase_add_u32(&framed, (uint32_t)token->size);
    if (token->size > 0) {
        ps_buffer_add(&framed, token->data, token->size);
    }
    PS_TRY(ps_buffer_status(&framed, error));
    return ps_hbase_socket_write(socket, framed.data, framed.size, deadline_ns, error);
}

/* --- the agreement --------------------------------------------------------------------------------------- */

/* Until the proof is complete on our side; the last token that came is the server's offer. */
static penstock_code prove(struct ps_hbase_sasl *sasl, struct ps_hbase_socket *socket, int64_t deadline_ns,
                           struct ps_hbase_frame *came, size_t *frame_size_out,
                           struct penstock_error *error) {
    bool is_done = false;
    for (int round = 0; round < ROUND_COUNT_MAX && !is_done; round++) {
        struct ps_buffer token PS_SCOPED(ps_buffer_done) = {.data = NULL};
        ps_buffer_init(&token, TOKEN_SIZE_MAX);
        PS_TRY(sasl->proof.table->step(sasl->proof.state, (struct ps_bytes){came->data, came->size}, &token,
                                       &is_done, error));
        /* who is done and has nothing to say says that: the server waits for it with its offer */
        PS_TRY(write_token(socket, &token, deadline_ns, error));
        PS_TRY(read_token(socket, deadline_ns, came, frame_size_out, error));
        if (*frame_size_out > 0) {
            return PENSTOCK_OK;
        }
    }
    return is_done ? PENSTOCK_OK : no_token(socket, error);
}

/* What the server offers: a byte of layers, and three with the most that it takes at once. */
static penstock_code choose(struct ps_hbase_sasl *sasl, const struct ps_hbase_socket *socket,
                            struct ps_hbase_frame *came, const unsigned wanted[PS_HBASE_PROTECTION_COUNT],
                            struct penstock_error *error) {
    struct ps_bytes offer;
    bool is_secret = false;
    unsigned all = 0;
    PS_TRY(sasl->proof.table->open(sasl->proof.state, came->data, came->size, &is_secret, &offer, error));
    if (offer.size != 4) {
        return no_token(socket, error);
    }
    const uint32_t number = ps_hbase_read_u32(offer.data), offered = number >> 24;
    for (size_t i = 0; i < PS_HBASE_PROTECTION_COUNT; i++) {
        all |= wanted[i];
        if (sasl->protection == 0 && (offered & wanted[i]) != 0) {
            sasl->protection = wanted[i];
        }
    }
    if (sasl->protection == 0) {
        (void)ps_error_set(error, PENSTOCK_UNSUPPORTED,
                           "HBase at %s offers %s as protection of the connection, and %s is asked for",
                           socket->name, ps_hbase_protection_name(offered), ps_hbase_protection_name(all));
        return ps_error_hint(error, "protection (hbase.rpc.protection) says what this side accepts");
    }
    const size_t size_max = number & 0xFFFFFF;
    if (sasl->protection == PS_HBASE_AUTHENTICATION) {
        return PENSTOCK_OK;
    }
    if (size_max <= 2 * SEAL_SIZE_MAX) {
        return ps_error_set(error, PENSTOCK_UNSUPPORTED, "HBase at %s takes no more than %zu bytes at once",
                            socket->name, size_max);
    }
    sasl->piece_size_max =
        size_max - SEAL_SIZE_MAX < PIECE_SIZE_MAX ? size_max - SEAL_SIZE_MAX : PIECE_SIZE_MAX;
    return PENSTOCK_OK;
}

penstock_code ps_hbase_sasl_agree(struct ps_hbase_sasl *sasl, struct ps_hbase_socket *socket,
                                  struct ps_hbase_proof proof, const struct ps_hbase_terms *terms,
                                  int64_t deadline_ns, size_t *frame_size_out, struct penstock_error *error) {
    struct ps_hbase_frame came PS_SCOPED(ps_hbase_frame_done) = {.data = NULL};
    struct ps_buffer choice PS_SCOPED(ps_buffer_done) = {.data = NULL},
                            sealed PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_hbase_sasl_done(sasl);
    sasl->proof = proof;
    sasl->sealed_size_max = terms->piece_size_max + SEAL_SIZE_MAX;
    *frame_size_out = 0;
    PS_TRY(prove(sasl, socket, deadline_ns, &came, frame_size_out, error));
    if (*frame_size_out > 0) {
        return PENSTOCK_OK;
    }
    PS_TRY(choose(sasl, socket, &came, terms->wanted, error));
    ps_buffer_init(&choice, SEAL_SIZE_MAX);
    ps_buffer_init(&sealed, PIECE_SIZE_MAX);
    ps_hbase_add_u32(&choice, (uint32_t)sasl->protection << 24 |
                                  (sasl->protection == PS_HBASE_AUTHENTICATION ? 0 : OFFERED_SIZE_MAX));
    PS_TRY(ps_buffer_status(&choice, error));
    PS_TRY(sasl->proof.table->seal(sasl->proof.state, (struct ps_bytes){choice.data, choice.size}, false,
                                   &sealed, error));
    return write_token(socket, &sealed, deadline_ns, error);
}

/* --- what follows ---------------------------------------------------------------------------------------- */

static penstock_code write_on(struct ps_hbase_sasl *sasl, struct ps_hbase_socket *socket, const char *data,
                              size_t size, int64_t deadline_ns, struct penstock_error *error) {
    if (sasl->protection <= PS_HBASE_AUTHENTICATION) {
        return ps_hbase_socket_write(socket, data, size, deadline_ns, error);
    }
    while (size > 0) {
        struct ps_buffer sealed PS_SCOPED(ps_buffer_done) = {.data = NULL};
        const size_t piece = size < sasl->piece_size_max ? size : sasl->piece_size_max;
        ps_buffer_init(&sealed, PIECE_SIZE_MAX + SEAL_SIZE_MAX);
        PS_TRY(sasl->proof.table->seal(sasl->proof.state, (struct ps_bytes){data, piece},
                                       sasl->protection == PS_HBASE_PRIVACY, &sealed, error));
        PS_TRY(write_token(socket, &sealed, deadline_ns, error));
        data += piece;
        size -= piece;
    }
    return PENSTOCK_OK;
}

penstock_code ps_hbase_sasl_write(struct ps_hbase_sasl *sasl, struct ps_hbase_socket *socket,
                                  const char *data, size_t size, int64_t deadline_ns,
                                  struct penstock_error *error) {
    const penstock_code code = write_on(sasl, socket, data, size, deadline_ns, error);
    if (code == PENSTOCK_UNAVAILABLE && sasl->protection != 0 && !sasl->has_read) {
        /* a server that refuses late has closed: what it said is here already, and says more than a broken pipe */
        struct penstock_error ignored = {.code = PENSTOCK_OK};
        uint32_t status = STATUS_CONTENT;
        if (read_number(socket, deadline_ns, &status, &ignored) == PENSTOCK_OK && status == STATUS_REFUSED) {
            return refused(socket, deadline_ns, error);
        }
    }
    return code;
}

/* The next piece. *is_end_out: the other side has closed, in front of a piece or in it. */
static penstock_code read_piece(struct ps_hbase_sasl *sasl, struct ps_hbase_socket *socket,
                                int64_t deadline_ns, bool *is_end_out, struct penstock_error *error) {
    char bytes[4];
    size_t got = 0, size;
    struct ps_hbase_frame *const frame = &sasl->frame;
    PS_TRY(ps_hbase_socket_read(socket, bytes, sizeof bytes, deadline_ns, &got, error));
    *is_end_out = got < sizeof bytes;
    if (*is_end_out) {
        return PENSTOCK_OK;
    }
    size = ps_hbase_read_u32(bytes);
    if (size == STATUS_REFUSED && !sasl->has_read) {
        return refused(socket, deadline_ns, error);
    }
    if (size > sasl->sealed_size_max) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA,
                            "HBase at %s: it sends a sealed piece of %zu bytes, the limit is %zu",
                            socket->name, size, sasl->sealed_size_max);
    }
    frame->size = 0;
    while (frame->size < size || frame->data == NULL) {
        size_t wanted = 0;
        PS_TRY(ps_hbase_frame_grow(frame, size, &wanted, error));
        PS_TRY(ps_hbase_socket_read(socket, frame->data + frame->size, wanted - frame->size, deadline_ns,
                                    &got, error));
        frame->size += got;
        if (frame->size < wanted) {
            *is_end_out = true;
            return PENSTOCK_OK;
        }
    }
    bool is_secret = false;
    PS_TRY(sasl->proof.table->open(sasl->proof.state, frame->data, frame->size, &is_secret, &sasl->plain,
                                   error));
    if (sasl->protection == PS_HBASE_PRIVACY && !is_secret) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA,
                            "HBase at %s: privacy was agreed on, and it sends readable text", socket->name);
    }
    if (sasl->plain.size == 0) { /* nobody sends that; an endless row of them would outlast every deadline */
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "HBase at %s: it sends a sealed piece of nothing",
                            socket->name);
    }
    sasl->has_read = true;
    return PENSTOCK_OK;
}

penstock_code ps_hbase_sasl_read(struct ps_hbase_sasl *sasl, struct ps_hbase_socket *socket, char *data,
                                 size_t size, int64_t deadline_ns, size_t *got_out,
                                 struct penstock_error *error) {
    if (sasl->protection <= PS_HBASE_AUTHENTICATION) {
        PS_TRY(ps_hbase_socket_read(socket, data, size, deadline_ns, got_out, error));
        if (sasl->protection != 0 && !sasl->has_read && *got_out == 4 && size == 4 &&
            ps_hbase_read_u32(data) == STATUS_REFUSED) {
            return refused(socket, deadline_ns, error);
        }
        sasl->has_read = sasl->has_read || *got_out > 0;
        return PENSTOCK_OK;
    }
    *got_out = 0;
    for (bool is_end = false; *got_out < size && !is_end;) {
        if (sasl->plain.size == 0) {
            PS_TRY(read_piece(sasl, socket, deadline_ns, &is_end, error));
        }
        const size_t piece = size - *got_out < sasl->plain.size ? size - *got_out : sasl->plain.size;
        if (piece > 0) {
            memcpy(data + *got_out, sasl->plain.data, piece);
        }
        *got_out += piece;
        sasl->plain.data += piece;
        sasl->plain.size -= piece;
    }
    return PENSTOCK_OK;
}
