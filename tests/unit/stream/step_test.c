/* SPDX-License-Identifier: Apache-2.0
 *
 * step_test.c - the order of actions, told event by event. That the order is right is what tests/sim shows.
 */
#include "scene.h"

#include "stream/step.h"

static struct ps_step_action after(struct ps_step *step, enum ps_step_event_kind kind) {
    const struct ps_step_event event = {.kind = kind,
                                        .code = kind == PS_STEP_FAILED ? PENSTOCK_IO : PENSTOCK_OK};
    return ps_step_next(step, &event);
}

static struct ps_step_action recovered(struct ps_step *step, int64_t epoch, int64_t attempt,
                                       int64_t planned) {
    const struct ps_step_event event = {
        .kind = PS_STEP_RECOVERED, .epoch = {epoch, attempt}, .planned_epoch = planned};
    return ps_step_next(step, &event);
}

static void an_epoch_of_the_store_alone(void **state) {
    (void)state;
    struct ps_step step;
    struct ps_step_action action = ps_step_start(&step, (struct ps_step_options){.once = true});
    assert_int_equal(action.kind, PS_STEP_RECOVER_STORE);
    assert_int_equal(recovered(&step, 4, 2, 0).kind, PS_STEP_SEEK);
    action = after(&step, PS_STEP_DONE);
    assert_int_equal(action.kind, PS_STEP_PLAN);
    assert_int_equal(action.epoch.number, 5);
    assert_int_equal(action.epoch.attempt, 2);
    assert_int_equal(after(&step, PS_STEP_PLANNED).kind, PS_STEP_BEGIN_STORE);
    assert_int_equal(after(&step, PS_STEP_DONE).kind, PS_STEP_WRITE_STORE);
    assert_int_equal(after(&step, PS_STEP_DONE).kind, PS_STEP_COMMIT_STORE);
    assert_int_equal(after(&step, PS_STEP_DONE).kind, PS_STEP_RELEASE);
    action = after(&step, PS_STEP_DONE);
    assert_int_equal(action.kind, PS_STEP_PLAN);
    assert_int_equal(action.epoch.number, 6);
    action = after(&step, PS_STEP_NOTHING);
    assert_int_equal(action.kind, PS_STEP_END);
    assert_int_equal(action.code, PENSTOCK_OK);
}

static void a_sink_one_ahead_is_left_out_of_the_replay(void **state) {
    (void)state;
    struct ps_step step;
    (void)ps_step_start(&step, (struct ps_step_options){.sink_count = 2});
    assert_int_equal(recovered(&step, 4, 2, 5).kind, PS_STEP_RECOVER_SINK);
    assert_int_equal(recovered(&step, 5, 0, 0).kind, PS_STEP_RECOVER_SINK); /* sink 0 has epoch 5 */
    assert_int_equal(recovered(&step, 4, 0, 0).kind, PS_STEP_SEEK);
    assert_int_equal(after(&step, PS_STEP_DONE).kind, PS_STEP_LOAD_PLAN);
    assert_int_equal(after(&step, PS_STEP_DONE).kind, PS_STEP_BEGIN_STORE);
    struct ps_step_action action = after(&step, PS_STEP_DONE);
    assert_int_equal(action.kind, PS_STEP_BEGIN_SINK);
    assert_int_equal(action.sink, 1);
    assert_int_equal(after(&step, PS_STEP_DONE).kind, PS_STEP_WRITE_STORE);
    assert_int_equal(after(&step, PS_STEP_DONE).kind, PS_STEP_WRITE_SINK);
    action = after(&step, PS_STEP_DONE);
    assert_int_equal(action.kind, PS_STEP_COMMIT_SINK);
    assert_int_equal(action.sink, 1);
    assert_int_equal(after(&step, PS_STEP_DONE).kind, PS_STEP_COMMIT_STORE);
    assert_int_equal(after(&step, PS_STEP_DONE).kind, PS_STEP_RELEASE);
    assert_int_equal(after(&step, PS_STEP_DONE).kind, PS_STEP_PLAN);
    assert_int_equal(after(&step, PS_STEP_PLANNED).kind,
                     PS_STEP_SAVE_PLAN); /* a new one is made durable first */
}

static void a_plan_for_other_statements(void **state) {
    (void)state;
    const struct ps_step_event stale = {
        .kind = PS_STEP_RECOVERED, .epoch = {4, 2}, .planned_epoch = 5, .is_plan_stale = true};
    struct ps_step step;
    (void)ps_step_start(&step, (struct ps_step_options){.sink_count = 2});
    (void)ps_step_next(&step, &stale);
    (void)recovered(&step, 4, 0, 0);
    assert_int_equal(recovered(&step, 4, 0, 0).kind, PS_STEP_SEEK);
    assert_int_equal(after(&step, PS_STEP_DONE).kind, PS_STEP_PLAN); /* no sink has it: it is forgotten */
    (void)ps_step_start(&step, (struct ps_step_options){.sink_count = 2});
    (void)ps_step_next(&step, &stale);
    (void)recovered(&step, 4, 0, 0);
    const struct ps_step_action action = recovered(&step, 5, 0, 0);
    assert_int_equal(action.kind, PS_STEP_END);
    assert_int_equal(action.code, PENSTOCK_INVALID_PROJECT);
    assert_non_null(action.hint);
}

static void a_sink_that_does_not_fit_is_refused(void **state) {
    (void)state;
    static const struct { int64_t sink, planned; } cases[] = {{3, 0}, {5, 0}, {6, 5}, {0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ps_step step;
        (void)ps_step_start(&step, (struct ps_step_options){.sink_count = 1});
        (void)recovered(&step, 4, 2, cases[i].planned);
        const struct ps_step_action action = recovered(&step, cases[i].sink, 0, 0);
        assert_int_equal(action.kind, PS_STEP_END);
        assert_int_equal(action.code, PENSTOCK_INVALID_DATA);
        assert_non_null(action.reason);
    }
}

static void a_failure_gives_back_what_was_begun(void **state) {
    (void)state;
    struct ps_step step;
    (void)ps_step_start(&step, (struct ps_step_options){.sink_count = 1});
    (void)recovered(&step, 0, 1, 0);
    (void)recovered(&step, 0, 0, 0);
    (void)after(&step, PS_STEP_DONE);
    (void)after(&step, PS_STEP_PLANNED);
    (void)after(&step, PS_STEP_DONE);
    assert_int_equal(after(&step, PS_STEP_DONE).kind, PS_STEP_BEGIN_SINK);
    assert_int_equal(after(&step, PS_STEP_DONE).kind, PS_STEP_WRITE_STORE);
    assert_int_equal(after(&step, PS_STEP_FAILED).kind, PS_STEP_DISCARD_SINK);
    assert_int_equal(after(&step, PS_STEP_FAILED).kind, PS_STEP_DISCARD_STORE); /* a discard may fail, too */
    const struct ps_step_action action = after(&step, PS_STEP_DONE);
    assert_int_equal(action.kind, PS_STEP_END);
    assert_int_equal(action.code, PENSTOCK_IO);
}

static void a_stop_is_heeded_between_epochs(void **state) {
    (void)state;
    struct ps_step step;
    (void)ps_step_start(&step, (struct ps_step_options){0});
    (void)recovered(&step, 0, 1, 0);
    (void)after(&step, PS_STEP_DONE);
    assert_int_equal(after(&step, PS_STEP_NOTHING).kind, PS_STEP_WAIT);
    assert_int_equal(after(&step, PS_STEP_DONE).kind, PS_STEP_PLAN);
    const struct ps_step_event event = {.kind = PS_STEP_PLANNED, .is_stop_requested = true};
    assert_int_equal(ps_step_next(&step, &event).kind, PS_STEP_BEGIN_STORE);
    assert_int_equal(after(&step, PS_STEP_DONE).kind, PS_STEP_WRITE_STORE);
    assert_int_equal(after(&step, PS_STEP_DONE).kind, PS_STEP_COMMIT_STORE);
    assert_int_equal(after(&step, PS_STEP_DONE).kind, PS_STEP_RELEASE);
    const struct ps_step_action action = after(&step, PS_STEP_DONE);
    assert_int_equal(action.kind, PS_STEP_END);
    assert_int_equal(action.code, PENSTOCK_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_epoch_of_the_store_alone),
        cmocka_unit_test(a_sink_one_ahead_is_left_out_of_the_replay),
        cmocka_unit_test(a_plan_for_other_statements),
        cmocka_unit_test(a_sink_that_does_not_fit_is_refused),
        cmocka_unit_test(a_failure_gives_back_what_was_begun),
        cmocka_unit_test(a_stop_is_heeded_between_epochs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
