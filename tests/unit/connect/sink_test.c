/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_test.c - the wrapper's own rules: what is called out of turn is a bug and stops the process.
 * What a sink must do is in tests/conformance/sink_suite.h.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "connect/sink.h"

static penstock_code write_result, commit_result;

static penstock_code open_sink(const struct ps_sink_setup *setup, const void *config, void **state_out,
                               struct penstock_error *error) {
    (void)setup;
    (void)config;
    (void)error;
    *state_out = NULL;
    return PENSTOCK_OK;
}

static penstock_code recover_sink(void *state, int64_t attempt, struct ps_epoch *epoch_out,
                                  struct ps_position_list *positions_out, struct penstock_error *error) {
    (void)state;
    (void)positions_out;
    (void)error;
    *epoch_out = (struct ps_epoch){4, attempt};
    return PENSTOCK_OK;
}

static penstock_code begin_sink(void *state, struct ps_epoch epoch, struct penstock_error *error) {
    (void)state;
    (void)epoch;
    (void)error;
    return PENSTOCK_OK;
}

static penstock_code write_sink(void *state, const struct ps_batch *batch, struct penstock_error *error) {
    (void)state;
    (void)batch;
    return write_result == PENSTOCK_OK ? PENSTOCK_OK : ps_error_set(error, write_result, "no");
}

static penstock_code commit_sink(void *state, struct ps_epoch epoch, const struct ps_position_list *positions,
                                 struct penstock_error *error) {
    (void)state;
    (void)epoch;
    (void)positions;
    return commit_result == PENSTOCK_OK ? PENSTOCK_OK : ps_error_set(error, commit_result, "no");
}

static penstock_code discard_sink(void *state, struct penstock_error *error) {
    (void)state;
    (void)error;
    return PENSTOCK_OK;
}

static void close_sink(void *state) {
    (void)state;
}

static const struct ps_sink_type type = {
    .name = "test",
    .open = open_sink,
    .recover = recover_sink,
    .begin = begin_sink,
    .write = write_sink,
    .commit = commit_sink,
    .discard = discard_sink,
    .close = close_sink,
};

static struct ps_column_schema column = {"a", "INTEGER", PS_TYPE_INTEGER, false};
static const struct ps_schema schema = {&column, 1};

/* Steps by their first letters: r(ecover) b(egin 5) B(egin 6) w(rite) c(ommit) d(iscard). */
static void take_steps(const char *steps) {
    struct ps_sink *sink = NULL;
    struct ps_batch *batch = NULL;
    struct ps_position_list positions;
    struct ps_epoch epoch = {5, 1};
    (void)!ps_position_list_init(&positions, NULL);
    (void)!ps_batch_new(&schema, 1, &batch, NULL);
    (void)!ps_sink_open(&type, &(struct ps_sink_setup){.name = "test"}, NULL, &sink, NULL);
    for (; *steps != '\0'; steps++) {
        epoch.number = *steps == 'B' ? 6 : *steps == 'b' ? 5 : epoch.number;
        switch (*steps) {
        case 'r': (void)!ps_sink_recover(sink, 1, &(struct ps_epoch){0}, &positions, NULL); break;
        case 'b':
        case 'B': (void)!ps_sink_begin(sink, epoch, NULL); break;
        case 'w': (void)!ps_sink_write(sink, batch, NULL); break;
        case 'c': (void)!ps_sink_commit(sink, epoch, &positions, NULL); break;
        default: (void)!ps_sink_discard(sink, NULL); break;
        }
    }
    ps_sink_close(sink);
    ps_batch_free(batch);
    ps_position_list_done(&positions);
}

static bool is_stopped(const char *steps) {
    const pid_t child = fork();
    if (child == 0) {
        (void)!freopen("/dev/null", "w", stderr);
        signal(SIGABRT, SIG_DFL);
        take_steps(steps);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void steps_in_turn(void **state) {
    (void)state;
    static const char *const good[] = {"rbwwcBwc", "rbdbwc", "rbc", "rrb", "rbcbc", "rdb"};
    static const char *const bad[] = {"b", "d", "rw", "rc", "rB", "rbb", "rbr", "rbcw", "rbcc"};
    write_result = commit_result = PENSTOCK_OK;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        take_steps(good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (!is_stopped(bad[i])) {
            fail_msg("%s was let through", bad[i]);
        }
    }
}

/* After a failed commit only discard, then recover, are allowed. */
static void steps_after_a_failure(void **state) {
    (void)state;
    write_result = PENSTOCK_OK;
    commit_result = PENSTOCK_IO;
    take_steps("rbwcdrb");
    assert_true(is_stopped("rbwcc"));
    assert_true(is_stopped("rbwcb"));
    assert_true(is_stopped("rbwcdb"));
    write_result = PENSTOCK_IO;
    assert_true(is_stopped("rbww"));
    assert_true(is_stopped("rbwc"));
    write_result = commit_result = PENSTOCK_OK;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_in_turn),
        cmocka_unit_test(steps_after_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
