/* SPDX-License-Identifier: Apache-2.0
 *
 * sasl_test.c - the login and the sealed stream against a server that is a row of bytes: what it may say, and what not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "fake_proof.h"
#include "hbase/kerberos.h"

#define FAR_AWAY (ps_clock_monotonic_ns() + INT64_C(5000000000))

/* Both ends of a connection; what the server says is written before anybody reads. */
struct line {
    struct ps_hbase_socket socket;
    int server;
    struct fake_proof fake, server_fake; /* the server seals and opens as the client does */
    struct ps_hbase_sasl sasl;
    struct penstock_error error;
    size_t frame_size;
};

static struct line dial(void) {
    int ends[2];
    struct line line = {.fake = {.rounds = 2}};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    line.socket = (struct ps_hbase_socket){.descriptor = ends[0], .name = "h:1"};
    line.server = ends[1];
    return line;
}

static void hang_up(struct line *line) {
    ps_hbase_sasl_done(&line->sasl);
    assert_int_equal(line->fake.closes, line->fake.steps > 0 ? 1 : 0);
    ps_hbase_socket_close(&line->socket);
    if (line->server >= 0) {
        close(line->server);
    }
}

static void say(struct line *line, struct ps_bytes bytes) {
    assert_int_equal(write(line->server, bytes.data, bytes.size), bytes.size);
}

static void say_number(struct line *line, uint32_t number) {
    const char bytes[] = {(char)(number >> 24), (char)(number >> 16), (char)(number >> 8), (char)number};
    say(line, (struct ps_bytes){bytes, sizeof bytes});
}

static void say_words(struct line *line, const char *words) {
    say_number(line, (uint32_t)strlen(words));
    say(line, ps_bytes_of(words));
}

static void say_sealed(struct line *line, struct ps_bytes plain, bool is_secret) {
    struct ps_buffer sealed PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&sealed, (size_t)1 << 20);
    assert_int_equal(fake_seal(&line->server_fake, plain, is_secret, &sealed, NULL), PENSTOCK_OK);
    say_number(line, (uint32_t)sealed.size);
    say(line, (struct ps_bytes){sealed.data, sealed.size});
}

/* Token, then the offer of layers. */
static void say_good_login(struct line *line, uint32_t offer) {
    const char bytes[] = {(char)(offer >> 24), (char)(offer >> 16), (char)(offer >> 8), (char)offer};
    say_number(line, 0);
    say_words(line, "server 1");
    say_number(line, 0);
    say_sealed(line, (struct ps_bytes){bytes, sizeof bytes}, false);
}

static void no_more(struct line *line) {
    assert_int_equal(shutdown(line->server, SHUT_WR), 0);
}

static penstock_code agree_with(struct line *line, const char *protection, size_t piece_size_max) {
    struct ps_hbase_terms terms = {.piece_size_max = piece_size_max};
    assert_int_equal(ps_hbase_protection_parse(protection, terms.wanted, &line->error), PENSTOCK_OK);
    return ps_hbase_sasl_agree(&line->sasl, &line->socket, fake_proof(&line->fake), &terms, FAR_AWAY,
                               &line->frame_size, &line->error);
}
static penstock_code agree(struct line *line, const char *protection) {
    return agree_with(line, protection, 1 << 16);
}

static size_t hear(struct line *line, char *heard, size_t room) {
    const ssize_t got = read(line->server, heard, room);
    return got < 0 ? 0 : (size_t)got;
}

static void a_login(void **state) {
    (void)state;
    static const char wanted[] = "\0\0\0\7token 1"              /* the first */
                                 "\0\0\0\0"                     /* complete, and nothing to say */
                                 "\0\0\0\6I\0\x24\xDF\xDF\xDF"; /* privacy; at most 0xFFFFFF at once */
    char heard[256];
    struct line line = dial();
    say_good_login(&line, 0x07010000);
    assert_int_equal(agree(&line, NULL), PENSTOCK_OK);
    assert_int_equal(line.frame_size, 0);
    assert_int_equal(line.sasl.protection, PS_HBASE_PRIVACY);
    assert_int_equal(hear(&line, heard, sizeof heard), sizeof wanted - 1);
    assert_memory_equal(heard, wanted, sizeof wanted - 1);
    hang_up(&line);
}

static void protections(void **state) {
    static const struct {
        const char *wanted;
        uint32_t offer;
        unsigned agreed;
    } cases[] = {
        {NULL, 0x01000000, PS_HBASE_AUTHENTICATION},
        {NULL, 0x03010000, PS_HBASE_INTEGRITY},
        {NULL, 0x07010000, PS_HBASE_PRIVACY},
        {"authentication", 0x07010000, PS_HBASE_AUTHENTICATION},
        {"integrity, privacy", 0x07010000, PS_HBASE_INTEGRITY},
        {"integrity , privacy", 0x05010000, PS_HBASE_PRIVACY},
        {"privacy", 0x03010000, 0},
        {"authentication", 0x06010000, 0},
        {NULL, 0x00000000, 0},
        {NULL, 0x04000100, 0}, /* too little at once for any frame */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct line line = dial();
        say_good_login(&line, cases[i].offer);
        const penstock_code code = agree(&line, cases[i].wanted);
        assert_int_equal(code, cases[i].agreed == 0 ? PENSTOCK_UNSUPPORTED : PENSTOCK_OK);
        if (code == PENSTOCK_OK) {
            assert_int_equal(line.sasl.protection, cases[i].agreed);
        }
        hang_up(&line);
    }
    struct line line = dial();
    say_good_login(&line, 0x03010000);
    assert_int_equal(agree(&line, "privacy"), PENSTOCK_UNSUPPORTED);
    assert_string_equal(line.error.message, "HBase at h:1 offers authentication and integrity as protection "
                                            "of the connection, and privacy is asked for");
    hang_up(&line);
}

static void words_for_protections(void **state) {
    unsigned wanted[PS_HBASE_PROTECTION_COUNT];
    struct penstock_error error;
    (void)state;
    assert_int_equal(ps_hbase_protection_parse(" integrity,,integrity , authentication", wanted, &error),
                     PENSTOCK_INVALID_ARGUMENT);
    assert_int_equal(ps_hbase_protection_parse("integrity,integrity , authentication", wanted, &error),
                     PENSTOCK_OK);
    assert_int_equal(wanted[0], PS_HBASE_INTEGRITY);
    assert_int_equal(wanted[1], PS_HBASE_AUTHENTICATION);
    assert_int_equal(wanted[2], 0);
    assert_int_equal(ps_hbase_protection_parse("secret", wanted, &error), PENSTOCK_INVALID_ARGUMENT);
    assert_int_equal(ps_hbase_protection_parse(",", wanted, &error), PENSTOCK_INVALID_ARGUMENT);
    assert_int_equal(ps_hbase_protection_parse(" ", wanted, &error), PENSTOCK_INVALID_ARGUMENT);
}

static void refusals(void **state) {
    (void)state;
    struct line line = dial();
    say_number(&line, 1);
    say_words(&line, "javax.security.sasl.SaslException");
    say_words(&line, "GSS initiate failed\nat line 2");
    assert_int_equal(agree(&line, NULL), PENSTOCK_UNSUPPORTED);
    assert_string_equal(line.error.message,
                        "HBase at h:1 refuses the Kerberos login: GSS initiate failed at line 2");
    assert_string_equal(line.error.detail, "javax.security.sasl.SaslException");
    assert_non_null(strstr(line.error.hint, "clock"));
    hang_up(&line);

    line = dial(); /* neither a class nor words */
    say_number(&line, 1);
    say_number(&line, UINT32_MAX);
    say_number(&line, UINT32_MAX);
    assert_int_equal(agree(&line, NULL), PENSTOCK_UNSUPPORTED);
    assert_string_equal(line.error.message, "HBase at h:1 refuses the Kerberos login: it does not say why");
    hang_up(&line);

    line = dial(); /* longer than a sentence, and than any */
    char long_words[3000] = {0};
    memset(long_words, 'w', sizeof long_words - 1);
    say_number(&line, 1);
    say_words(&line, "c");
    say_words(&line, long_words);
    assert_int_equal(agree(&line, NULL), PENSTOCK_UNSUPPORTED);
    hang_up(&line);
    line = dial();
    say_number(&line, 1);
    say_number(&line, 0x10000001);
    assert_int_equal(agree(&line, NULL), PENSTOCK_INVALID_DATA);
    hang_up(&line);

    line = dial();
    say_number(&line, 0);
    say_number(&line, 0xFFFFFFA8);
    assert_int_equal(agree(&line, NULL), PENSTOCK_UNSUPPORTED);
    assert_string_equal(line.error.message,
                        "HBase at h:1 has no Kerberos: it asks for SIMPLE authentication");
    hang_up(&line);

    line = dial(); /* a call's answer: the greeting itself is refused */
    say_number(&line, 32);
    assert_int_equal(agree(&line, NULL), PENSTOCK_OK);
    assert_int_equal(line.frame_size, 32);
    hang_up(&line);
}

static void what_cannot_be_read(void **state) {
    (void)state;
    struct line line = dial(); /* a token of 16 MB */
    say_number(&line, 0);
    say_number(&line, 0x01000000);
    assert_int_equal(agree(&line, NULL), PENSTOCK_INVALID_DATA);
    hang_up(&line);

    line = dial(); /* tokens for ever */
    line.fake.rounds = FAKE_ROUNDS_FOR_EVER;
    for (int i = 0; i < 20; i++) {
        say_number(&line, 0);
        say_words(&line, "again");
    }
    assert_int_equal(agree(&line, NULL), PENSTOCK_INVALID_DATA);
    assert_int_equal(line.fake.steps, 10);
    hang_up(&line);

    line = dial(); /* an offer of five bytes */
    say_number(&line, 0);
    say_words(&line, "server 1");
    say_number(&line, 0);
    say_sealed(&line, PS_BYTES("\7\1\0\0\0"), false);
    assert_int_equal(agree(&line, NULL), PENSTOCK_INVALID_DATA);
    hang_up(&line);

    line = dial(); /* a challenge that the proof does not like */
    say_number(&line, 0);
    say_words(&line, "!");
    assert_int_equal(agree(&line, NULL), PENSTOCK_UNSUPPORTED);
    assert_string_equal(line.error.message, "fake: not this challenge");
    hang_up(&line);
}

static void it_ends_anywhere(void **state) {
    static const char good[] = "\0\0\0\0\0\0\0\2s1\0\0\0\0\0\0\0\6I\0\x27\x21\x20\x20";
    (void)state;
    for (size_t size = 0; size < sizeof good - 1; size++) {
        struct line line = dial();
        say(&line, (struct ps_bytes){good, size});
        no_more(&line);
        assert_int_equal(agree(&line, NULL), PENSTOCK_UNAVAILABLE);
        assert_string_equal(line.error.message, "HBase at h:1: it closed the connection during the login");
        hang_up(&line);
    }
    struct line line = dial(); /* and whole it is good */
    say(&line, (struct ps_bytes){good, sizeof good - 1});
    assert_int_equal(agree(&line, NULL), PENSTOCK_OK);
    hang_up(&line);
}

static void log_in(struct line *line, const char *protection, size_t piece_size_max) {
    char heard[256];
    *line = dial();
    say_good_login(line, 0x07001000); /* 4096 at once */
    assert_int_equal(agree_with(line, protection, piece_size_max), PENSTOCK_OK);
    (void)hear(line, heard, sizeof heard);
}

static void what_is_written(void **state) {
    static const char *const kinds[] = {"privacy", "integrity"};
    char data[10000], heard[12000];
    (void)state;
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (char)(i * 7);
    }
    for (size_t kind = 0; kind < 2; kind++) {
        struct line line;
        log_in(&line, kinds[kind], 1 << 16);
        struct fake_proof other = {.opened = 1}; /* the agreement was the first */
        size_t at = 0, plain_at = 0;
        assert_int_equal(
            ps_hbase_sasl_write(&line.sasl, &line.socket, data, sizeof data, FAR_AWAY, &line.error),
            PENSTOCK_OK);
        const size_t size = hear(&line, heard, sizeof heard);
        while (at < size) {
            const size_t piece = ps_hbase_read_u32(heard + at);
            struct ps_bytes plain = PS_BYTES("");
            bool is_secret = false;
            assert_true(piece <= 4096 && at + 4 + piece <= size);
            assert_int_equal(fake_open(&other, heard + at + 4, piece, &is_secret, &plain, &line.error),
                             PENSTOCK_OK);
            assert_int_equal(is_secret, kind == 0);
            assert_memory_equal(plain.data, data + plain_at, plain.size);
            plain_at += plain.size;
            at += 4 + piece;
        }
        assert_int_equal(plain_at, sizeof data);
        hang_up(&line);
    }
    struct line line;
    log_in(&line, "authentication", 1 << 16);
    assert_int_equal(ps_hbase_sasl_write(&line.sasl, &line.socket, data, sizeof data, FAR_AWAY, &line.error),
                     PENSTOCK_OK);
    assert_int_equal(hear(&line, heard, sizeof heard), sizeof data);
    assert_memory_equal(heard, data, sizeof data);
    hang_up(&line);
}

/* Pieces need not end where frames do. */
static void what_is_read(void **state) {
    char got[64];
    size_t size = 0;
    (void)state;
    struct line line;
    log_in(&line, "privacy", 1 << 16);
    say_sealed(&line, PS_BYTES("abc"), true);
    say_sealed(&line, PS_BYTES("defghij"), true);
    say_sealed(&line, PS_BYTES("k"), true);
    no_more(&line);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ps_hbase_sasl_read(&line.sasl, &line.socket, got, 5, FAR_AWAY, &size, &line.error),
                         PENSTOCK_OK);
        assert_int_equal(size, 5);
        assert_memory_equal(got, i == 0 ? "abcde" : "fghij", 5);
    }
    assert_int_equal(ps_hbase_sasl_read(&line.sasl, &line.socket, got, 5, FAR_AWAY, &size, &line.error),
                     PENSTOCK_OK);
    assert_int_equal(size, 1); /* and then it has closed */
    hang_up(&line);
}

static void expect_bad(struct line *line, penstock_code wanted, const char *words) {
    char got[8];
    size_t size = 0;
    const penstock_code code =
        ps_hbase_sasl_read(&line->sasl, &line->socket, got, sizeof got, FAR_AWAY, &size, &line->error);
    assert_int_equal(code, wanted);
    assert_non_null(strstr(line->error.message, words));
    hang_up(line);
}

static void bad_pieces(void **state) {
    (void)state;
    struct line line;
    log_in(&line, "privacy", 1 << 16);
    say_sealed(&line, PS_BYTES("whole, and readable"), false);
    expect_bad(&line, PENSTOCK_INVALID_DATA, "privacy was agreed on, and it sends readable text");

    log_in(&line, "integrity", 1 << 16);
    line.server_fake.sealed++; /* one was left out */
    say_sealed(&line, PS_BYTES("x"), false);
    expect_bad(&line, PENSTOCK_INVALID_DATA, "not the next");

    log_in(&line, "integrity", 1 << 16);
    say_sealed(&line, PS_BYTES(""), false);
    expect_bad(&line, PENSTOCK_INVALID_DATA, "a sealed piece of nothing");

    log_in(&line, "integrity", 1000);
    say_number(&line, 1257);
    expect_bad(&line, PENSTOCK_INVALID_DATA, "a sealed piece of 1257 bytes, the limit is 1256");

    log_in(&line, "integrity", 1000);
    say_number(&line, 0);
    expect_bad(&line, PENSTOCK_INVALID_DATA, "no seal");
}

/* After the last token: with what the first answer would be, the server refuses; later a length of 1 is no refusal. */
static void late_refusals(void **state) {
    static const char *const kinds[] = {"privacy", "integrity", "authentication"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char got[4];
        size_t size = 0;
        struct line line;
        log_in(&line, kinds[i], 1 << 16);
        say_number(&line, 1);
        say_words(&line, "java.lang.IllegalArgumentException");
        say_words(&line, "No rules applied to alice@ELSEWHERE");
        assert_int_equal(ps_hbase_sasl_read(&line.sasl, &line.socket, got, 4, FAR_AWAY, &size, &line.error),
                         PENSTOCK_UNSUPPORTED);
        assert_string_equal(line.error.message, "HBase at h:1 refuses the Kerberos login: "
                                                "No rules applied to alice@ELSEWHERE");
        hang_up(&line);
    }
    for (size_t i = 0; i < 3;
         i++) { /* and has closed before we write: the pipe is broken, its words are there */
        struct line line;
        log_in(&line, kinds[i], 1 << 16);
        say_number(&line, 1);
        say_words(&line, "c");
        say_words(&line, "why");
        close(line.server);
        line.server = -1;
        assert_int_equal(ps_hbase_sasl_write(&line.sasl, &line.socket, "header", 6, FAR_AWAY, &line.error),
                         PENSTOCK_UNSUPPORTED);
        assert_string_equal(line.error.message, "HBase at h:1 refuses the Kerberos login: why");
        hang_up(&line);
    }
    char got[4];
    size_t size = 0;
    struct line line;
    log_in(&line, "authentication", 1 << 16);
    say(&line, PS_BYTES("\0\0\0\2ab\0\0\0\1"));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            ps_hbase_sasl_read(&line.sasl, &line.socket, got, i == 1 ? 2 : 4, FAR_AWAY, &size, &line.error),
            PENSTOCK_OK);
    }
    hang_up(&line);
}

static void principals(void **state) {
    static const char *const good[] = {"hbase/_HOST", "hbase/_HOST@R.TEST", "hb/h.example.com@R"};
    static const char *const bad[] = {"",     "hbase",   "hbase@R", "/h@R",    "hbase/@R",
                                      "a/b@", "a/b/c@R", "a/b@R@S", "a/b@R/S", "@"};
    char resolved[PS_HBASE_PRINCIPAL_SIZE], long_name[2000];
    struct penstock_error error;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(ps_hbase_principal_is_service(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(ps_hbase_principal_is_service(bad[i]));
    }
    memset(long_name, 'a', sizeof long_name);
    memcpy(long_name, "hbase/", 6);
    long_name[sizeof long_name - 1] = '\0';
    assert_false(ps_hbase_principal_is_service(long_name));
    assert_int_equal(ps_hbase_principal_of("hbase/_HOST@R", "No-Such-Host.INVALID", resolved, &error),
                     PENSTOCK_OK);
    assert_string_equal(resolved, "hbase/no-such-host.invalid@R");
    assert_int_equal(ps_hbase_principal_of("hbase/_HOST", "LOCALHOST", resolved, &error), PENSTOCK_OK);
    assert_string_equal(resolved, "hbase/localhost");
    assert_int_equal(ps_hbase_principal_of("hbase/_HOSTS@R", "h", resolved, &error), PENSTOCK_OK);
    assert_string_equal(resolved, "hbase/_HOSTS@R");
    assert_int_equal(ps_hbase_principal_of("alice@R", "h", resolved, &error), PENSTOCK_OK);
    assert_string_equal(resolved, "alice@R");
    assert_int_equal(ps_hbase_principal_of(long_name, "h", resolved, &error), PENSTOCK_INVALID_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_login),         cmocka_unit_test(protections),
        cmocka_unit_test(refusals),        cmocka_unit_test(words_for_protections),
        cmocka_unit_test(bad_pieces),      cmocka_unit_test(what_cannot_be_read),
        cmocka_unit_test(what_is_written), cmocka_unit_test(it_ends_anywhere),
        cmocka_unit_test(what_is_read),    cmocka_unit_test(late_refusals),
        cmocka_unit_test(principals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
