/* SPDX-License-Identifier: Apache-2.0
 *
 * schedule_test.c - the schedule of jobs in a simulated world: a clock that moves, rows that come, people who ask, a
 * process that is killed. An observer that knows nothing of the schedule's insides writes down what asked for a
 * training and what was trained, and judges: never twice at once, never without a reason, and nothing forgotten.
 */
#include "app/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define JOB_MAX 4
#define MODEL_MAX 2
#define MINUTE_MS INT64_C(60000)

static struct ps_arena *arena;
static const struct ps_zone *utc;

static int begin(void **state) {
    (void)state;
    struct penstock_error error;
    arena = ps_arena_new(0);
    return arena == NULL || ps_zone_load("UTC", arena, &utc, &error) != PENSTOCK_OK;
}

static int end(void **state) {
    (void)state;
    ps_arena_free(arena);
    return 0;
}

static struct ps_cron cron_of(const char *text) {
    struct ps_cron cron;
    struct penstock_error error;
    assert_int_equal(ps_cron_parse(text, &cron, &error), PENSTOCK_OK);
    return cron;
}

/* --- one job, step by step ---------------------------------------------------------------------------- */

struct bench {
    struct ps_schedule schedule;
    struct ps_schedule_job jobs[JOB_MAX];
    struct ps_schedule_model models[MODEL_MAX];
};

static void set_up(struct bench *bench, size_t job_count, size_t model_count) {
    *bench = (struct bench){.schedule = {.job_count = job_count, .model_count = model_count}};
    bench->schedule.jobs = bench->jobs;
    bench->schedule.models = bench->models;
}

/* A job that has been served once, at time 0. */
static void make_known(struct bench *bench, size_t job) {
    bench->jobs[job].mark = (struct ps_schedule_mark){.is_known = true};
}

static void expect_wait(struct bench *bench, int64_t now_ms) {
    assert_int_equal(ps_schedule_next(&bench->schedule, now_ms).kind, PS_SCHEDULE_WAIT);
}

static void expect_training(struct bench *bench, int64_t now_ms, unsigned reasons) {
    const struct ps_schedule_action action = ps_schedule_next(&bench->schedule, now_ms);
    assert_int_equal(action.kind, PS_SCHEDULE_TRAIN);
    assert_int_equal(bench->jobs[0].serving, reasons);
}

static void test_every(void **state) {
    (void)state;
    const struct ps_cron hourly = cron_of("@hourly");
    struct bench bench;
    set_up(&bench, 1, 1);
    bench.jobs[0].rule = (struct ps_schedule_rule){.cron = &hourly, .zone = utc, .makes_up_missed = true};
    make_known(&bench, 0);
    ps_schedule_start(&bench.schedule, 30 * MINUTE_MS);
    expect_wait(&bench, 59 * MINUTE_MS);
    expect_training(&bench, 60 * MINUTE_MS, PS_TRIGGER_EVERY);
    expect_wait(&bench, 130 * MINUTE_MS); /* under way: it fires, and waits */
    ps_schedule_finished(&bench.schedule, 0, true);
    assert_int_equal(bench.jobs[0].mark.handled_ms, 60 * MINUTE_MS); /* not up to what has fired since */
    expect_training(&bench, 131 * MINUTE_MS, PS_TRIGGER_EVERY);
    ps_schedule_finished(&bench.schedule, 0, true);
    expect_wait(&bench, 179 * MINUTE_MS);
}

/* Whatever was missed while nothing ran is one training; or none, when that is asked for. */
static void test_missed(void **state) {
    (void)state;
    const struct ps_cron hourly = cron_of("@hourly");
    struct bench bench;
    set_up(&bench, 1, 1);
    bench.jobs[0].rule = (struct ps_schedule_rule){.cron = &hourly, .zone = utc, .makes_up_missed = true};
    make_known(&bench, 0);
    ps_schedule_start(&bench.schedule, 1000 * MINUTE_MS);
    expect_training(&bench, 1000 * MINUTE_MS, PS_TRIGGER_EVERY);
    ps_schedule_finished(&bench.schedule, 0, true);
    expect_wait(&bench, 1001 * MINUTE_MS);

    set_up(&bench, 1, 1);
    bench.jobs[0].rule = (struct ps_schedule_rule){.cron = &hourly, .zone = utc, .makes_up_missed = false};
    make_known(&bench, 0);
    ps_schedule_start(&bench.schedule, 1000 * MINUTE_MS);
    expect_wait(&bench, 1000 * MINUTE_MS);
    expect_training(&bench, 1020 * MINUTE_MS, PS_TRIGGER_EVERY);
}

/* A mark of the future, left by a clock that was wrong, does not stop a job for years. */
static void test_future_mark(void **state) {
    (void)state;
    const struct ps_cron hourly = cron_of("@hourly");
    struct bench bench;
    set_up(&bench, 1, 1);
    bench.jobs[0].rule = (struct ps_schedule_rule){.cron = &hourly, .zone = utc, .makes_up_missed = true};
    bench.jobs[0].mark = (struct ps_schedule_mark){.is_known = true, .handled_ms = INT64_C(4000000000000)};
    ps_schedule_start(&bench.schedule, 30 * MINUTE_MS);
    expect_wait(&bench, 59 * MINUTE_MS);
    expect_training(&bench, 60 * MINUTE_MS, PS_TRIGGER_EVERY);
}

static void test_first_and_changed(void **state) {
    (void)state;
    struct bench bench;
    set_up(&bench, 1, 1);
    bench.jobs[0].rule = (struct ps_schedule_rule){.row_count = 100, .statement = 7};
    ps_schedule_start(&bench.schedule, 1);
    ps_schedule_rows(&bench.schedule, 0, 500, 1); /* counted from now on, not from nothing */
    expect_training(&bench, 1, PS_TRIGGER_FIRST);
    ps_schedule_finished(&bench.schedule, 0, true);
    expect_wait(&bench, 2);
    assert_int_equal(bench.jobs[0].mark.row_count, 500);
    const struct ps_schedule_mark mark = bench.jobs[0].mark;
    set_up(&bench, 1, 1);
    bench.jobs[0].rule = (struct ps_schedule_rule){.row_count = 100, .statement = 8};
    bench.jobs[0].mark = mark;
    ps_schedule_start(&bench.schedule, 3);
    expect_training(&bench, 3, PS_TRIGGER_CHANGED);
}

static void test_rows(void **state) {
    (void)state;
    struct bench bench;
    set_up(&bench, 1, 1);
    bench.jobs[0].rule = (struct ps_schedule_rule){.row_count = 100, .pause_ms = 10000};
    make_known(&bench, 0);
    bench.jobs[0].mark.row_count = 1000;
    bench.jobs[0].mark.handled_ms = 1000;
    ps_schedule_start(&bench.schedule, 60000);
    ps_schedule_rows(&bench.schedule, 0, 1099, 60000);
    expect_wait(&bench, 60000);
    ps_schedule_rows(&bench.schedule, 0, 1100, 60001);
    expect_training(&bench, 60001, PS_TRIGGER_ROWS);
    ps_schedule_snapshot(&bench.schedule, 0, 1150); /* what the snapshot had */
    ps_schedule_rows(&bench.schedule, 0, 1250, 60002);
    ps_schedule_finished(&bench.schedule, 0, true);
    expect_wait(&bench, 60003); /* it pauses */
    ps_schedule_rows(&bench.schedule, 0, 1250, 70001);
    expect_training(&bench, 70001, PS_TRIGGER_ROWS);
    ps_schedule_finished(&bench.schedule, 0, true);
    ps_schedule_rows(&bench.schedule, 0, 10, 90000); /* a rebuild: counted from what is left */
    expect_wait(&bench, 90000);
    ps_schedule_rows(&bench.schedule, 0, 110, 90001);
    expect_training(&bench, 90001, PS_TRIGGER_ROWS);
}

static void test_drift(void **state) {
    (void)state;
    struct bench bench;
    set_up(&bench, 1, 1);
    bench.jobs[0].rule = (struct ps_schedule_rule){.drift_interval_ms = 1000};
    make_known(&bench, 0);
    ps_schedule_start(&bench.schedule, 500);
    assert_int_equal(ps_schedule_next(&bench.schedule, 999).until_ms, 1000);
    assert_int_equal(ps_schedule_next(&bench.schedule, 1000).kind, PS_SCHEDULE_LOOK);
    ps_schedule_looked(&bench.schedule, 0, false, 1000);
    assert_int_equal(bench.jobs[0].mark.drift_ms, 1000);
    expect_wait(&bench, 1999);
    assert_int_equal(ps_schedule_next(&bench.schedule, 2000).kind, PS_SCHEDULE_LOOK);
    ps_schedule_looked(&bench.schedule, 0, true, 2000);
    assert_int_equal(bench.jobs[0].mark.drift_ms, 1000); /* until the training is done */
    expect_training(&bench, 2001, PS_TRIGGER_DRIFT);
    expect_wait(&bench, 9000); /* nobody looks at what is being trained */
    ps_schedule_finished(&bench.schedule, 0, true);
    assert_int_equal(ps_schedule_next(&bench.schedule, 9001).kind, PS_SCHEDULE_LOOK);
}

/* --- the simulation ----------------------------------------------------------------------------------- */

/* The scheduler under test as three functions, so that a wrong one can be put in its place. */
struct scheduler {
    void *self;
    void (*start)(void *self, const struct ps_schedule_rule *rules, const struct ps_schedule_mark *marks,
                  size_t count, int64_t now_ms);
    void (*tell)(void *self, size_t job, int64_t rows, bool asked, int64_t now_ms);
    /* The model to train, or -1; reasons of the jobs. */
    int64_t (*next)(void *self, int64_t now_ms);
    void (*finish)(void *self, size_t model, bool is_served, struct ps_schedule_mark *marks);
};

struct world {
    struct ps_schedule_rule rules[JOB_MAX];
    struct ps_schedule_mark marks[JOB_MAX]; /* durable */
    size_t job_count, model_count;
    int64_t now_ms, rows;
    uint64_t seed;
    bool is_running[MODEL_MAX];
    int64_t ends_ms[MODEL_MAX];
    /* the observer's own book */
    int64_t taken_rows[MODEL_MAX], taken_ms[MODEL_MAX]; /* of the last training that was taken */
    int64_t kept_rows[MODEL_MAX], kept_ms[MODEL_MAX];   /* of the last one that was served */
    bool is_first[MODEL_MAX], is_asked[MODEL_MAX];
    bool was_killed[MODEL_MAX];
    int64_t asked_ms[MODEL_MAX];
    int trainings, kills;
    const char *verdict; /* NULL: nothing is wrong so far */
};

static uint64_t next_random(struct world *world, uint64_t below) {
    world->seed = world->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (world->seed >> 33) % below;
}

/* Does any trigger of the model hold, by the observer's book? */
static bool has_reason(const struct world *world, size_t model) {
    bool found = world->is_first[model] || world->is_asked[model] || world->was_killed[model];
    for (size_t i = 0; i < world->job_count; i++) {
        const struct ps_schedule_rule *rule = &world->rules[i];
        if (rule->model == model) {
            found = found || (rule->cron != NULL &&
                              ps_cron_next(rule->cron, rule->zone, world->taken_ms[model]) <= world->now_ms);
            found =
                found || (rule->row_count > 0 && world->rows - world->taken_rows[model] >= rule->row_count);
        }
    }
    return found;
}

static void take(struct world *world, size_t model) {
    if (world->is_running[model]) {
        world->verdict = "a model is trained twice at once";
        return;
    }
    if (!has_reason(world, model)) {
        world->verdict = "a training without a reason";
        return;
    }
    world->trainings++;
    world->is_running[model] = true;
    world->ends_ms[model] = world->now_ms + 1 + (int64_t)next_random(world, 90) * MINUTE_MS;
    world->taken_ms[model] = world->now_ms;
    world->taken_rows[model] = world->rows;
    world->is_first[model] = false;
    world->is_asked[model] = false;
    world->was_killed[model] = false;
}

static void finish(struct world *world, struct scheduler *scheduler) {
    for (size_t i = 0; i < world->model_count; i++) {
        if (world->is_running[i] && world->now_ms >= world->ends_ms[i]) {
            world->is_running[i] = false;
            world->kept_ms[i] = world->taken_ms[i];
            world->kept_rows[i] = world->taken_rows[i];
            scheduler->finish(scheduler->self, i, true, world->marks);
        }
    }
}

/* The process dies: what was under way has left nothing, and what was asked for has gone with it. */
static void crash(struct world *world, struct scheduler *scheduler) {
    world->kills++;
    for (size_t i = 0; i < world->model_count; i++) {
        world->is_asked[i] = false;
        world->is_first[i] = world->is_first[i] || (world->is_running[i] && world->kept_ms[i] < 0);
        world->is_running[i] = false;
        if (world->kept_ms[i] >= 0) {
            world->taken_ms[i] = world->kept_ms[i];
            world->taken_rows[i] = world->kept_rows[i];
        } else {
            world->is_first[i] = true;
        }
    }
    world->now_ms += (int64_t)next_random(world, 600) * MINUTE_MS;
    world->rows += (int64_t)next_random(world, 300);
    scheduler->start(scheduler->self, world->rules, world->marks, world->job_count, world->now_ms);
}

static void step(struct world *world, struct scheduler *scheduler) {
    const uint64_t dice = next_random(world, 200);
    const size_t job = (size_t)next_random(world, world->job_count);
    world->now_ms += (int64_t)next_random(world, 10) * MINUTE_MS;
    world->rows += dice < 60 ? (int64_t)next_random(world, 60) : 0;
    if (dice == 199) {
        crash(world, scheduler);
    }
    const bool is_asked = dice >= 100 && dice < 104;
    finish(world, scheduler);
    for (size_t i = 0; i < world->job_count; i++) {
        scheduler->tell(scheduler->self, i, world->rows, is_asked && i == job, world->now_ms);
    }
    if (is_asked) {
        world->is_asked[world->rules[job].model] = true;
    }
    for (int64_t model = scheduler->next(scheduler->self, world->now_ms);
         model >= 0 && world->verdict == NULL; model = scheduler->next(scheduler->self, world->now_ms)) {
        take(world, (size_t)model);
    }
    for (size_t i = 0; i < world->model_count && world->verdict == NULL; i++) {
        if (!world->is_running[i] && has_reason(world, i)) {
            world->verdict = "a reason that was forgotten";
        }
    }
}

static struct world new_world(uint64_t seed, const struct ps_cron *crons) {
    struct world world = {.seed = seed * 7919 + 1, .now_ms = INT64_C(1760000000000)};
    world.job_count = 1 + next_random(&world, JOB_MAX);
    world.model_count = 1 + next_random(&world, MODEL_MAX);
    for (size_t i = 0; i < world.job_count; i++) {
        const uint64_t kind = 1 + next_random(&world, 3);
        world.rules[i] = (struct ps_schedule_rule){
            .model = i < world.model_count ? i : (size_t)next_random(&world, world.model_count),
            .cron = (kind & 1) != 0 ? &crons[next_random(&world, 3)] : NULL,
            .zone = utc,
            .row_count = (kind & 2) != 0 ? 50 + (int64_t)next_random(&world, 200) : 0,
            .makes_up_missed = true};
    }
    world.model_count = world.model_count < world.job_count ? world.model_count : world.job_count;
    for (size_t i = 0; i < world.job_count; i++) {
        world.rules[i].model %= world.model_count;
    }
    for (size_t i = 0; i < world.model_count; i++) {
        world.is_first[i] = true;
        world.kept_ms[i] = -1;
        world.taken_ms[i] = world.now_ms;
    }
    return world;
}

static const char *simulate(struct scheduler *scheduler, uint64_t seed, int *trainings, int *kills) {
    const struct ps_cron crons[] = {cron_of("@hourly"), cron_of("*/20 * * * *"), cron_of("30 3,15 * * *")};
    struct world world = new_world(seed, crons);
    scheduler->start(scheduler->self, world.rules, world.marks, world.job_count, world.now_ms);
    for (int i = 0; i < 2000 && world.verdict == NULL; i++) {
        step(&world, scheduler);
    }
    *trainings += world.trainings;
    *kills += world.kills;
    return world.verdict;
}

/* The real one. */
static void real_start(void *self, const struct ps_schedule_rule *rules, const struct ps_schedule_mark *marks,
                       size_t count, int64_t now_ms) {
    struct bench *bench = self;
    size_t model_count = 0;
    for (size_t i = 0; i < count; i++) {
        model_count = rules[i].model + 1 > model_count ? rules[i].model + 1 : model_count;
    }
    set_up(bench, count, model_count);
    for (size_t i = 0; i < count; i++) {
        bench->jobs[i].rule = rules[i];
        bench->jobs[i].mark = marks[i];
    }
    ps_schedule_start(&bench->schedule, now_ms);
}

static void real_tell(void *self, size_t job, int64_t rows, bool asked, int64_t now_ms) {
    struct bench *bench = self;
    ps_schedule_rows(&bench->schedule, job, rows, now_ms);
    if (asked) {
        ps_schedule_asked(&bench->schedule, job);
    }
}

static int64_t real_next(void *self, int64_t now_ms) {
    struct bench *bench = self;
    const struct ps_schedule_action action = ps_schedule_next(&bench->schedule, now_ms);
    return action.kind == PS_SCHEDULE_TRAIN ? (int64_t)action.model : -1;
}

static void real_finish(void *self, size_t model, bool is_served, struct ps_schedule_mark *marks) {
    struct bench *bench = self;
    ps_schedule_finished(&bench->schedule, model, is_served);
    for (size_t i = 0; i < bench->schedule.job_count; i++) {
        if (bench->jobs[i].rule.model == model) {
            marks[i] = bench->jobs[i].mark;
        }
    }
}

static void test_simulation(void **state) {
    (void)state;
    int trainings = 0;
    int kills = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct bench bench;
        struct scheduler scheduler = {&bench, real_start, real_tell, real_next, real_finish};
        const char *verdict = simulate(&scheduler, seed, &trainings, &kills);
        if (verdict != NULL) {
            fail_msg("seed %llu: %s", (unsigned long long)seed, verdict);
        }
    }
    assert_true(trainings > 5000 && kills > 1000);
}

/* --- the canaries ------------------------------------------------------------------------------------- */

/* Forgets that triggers become one: every trigger is a training of its own. */
struct eager {
    struct bench bench;
    int extra;
};

static int64_t eager_next(void *self, int64_t now_ms) {
    struct eager *eager = self;
    const struct ps_schedule_action action = ps_schedule_next(&eager->bench.schedule, now_ms);
    if (action.kind != PS_SCHEDULE_TRAIN) {
        return -1;
    }
    unsigned fired = 0;
    for (size_t i = 0; i < eager->bench.schedule.job_count; i++) {
        fired |= eager->bench.jobs[i].rule.model == action.model ? eager->bench.jobs[i].serving : 0;
    }
    if ((fired & (fired - 1)) != 0) { /* two reasons at once: once more for the second */
        for (size_t i = 0; i < eager->bench.schedule.job_count; i++) {
            if (eager->bench.jobs[i].rule.model == action.model) {
                eager->bench.jobs[i].fired |= fired & (fired - 1);
            }
        }
        eager->bench.models[action.model].waits_since = 1;
    }
    return (int64_t)action.model;
}

/* Does not look whether one is under way. */
static int64_t hasty_next(void *self, int64_t now_ms) {
    struct bench *bench = self;
    for (size_t i = 0; i < bench->schedule.model_count; i++) {
        bench->models[i].is_running = false;
    }
    return real_next(self, now_ms);
}

/* Moves the marks when a training begins, not when it is done: what is killed is never made up for. */
static struct ps_schedule_mark early_marks[JOB_MAX];
static void early_start(void *self, const struct ps_schedule_rule *rules,
                        const struct ps_schedule_mark *marks, size_t count, int64_t now_ms) {
    (void)marks;
    real_start(self, rules, early_marks, count, now_ms);
}
static int64_t early_next(void *self, int64_t now_ms) {
    struct bench *bench = self;
    const int64_t model = real_next(self, now_ms);
    for (size_t i = 0; model >= 0 && i < bench->schedule.job_count; i++) {
        if (bench->jobs[i].rule.model == (size_t)model) {
            early_marks[i] = bench->jobs[i].seen;
        }
    }
    return model;
}

static void test_canaries(void **state) {
    (void)state;
    int caught[3] = {0, 0, 0};
    int ignored = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct eager eager = {.extra = 0};
        struct bench bench;
        struct scheduler wrong[3] = {{&eager, real_start, real_tell, eager_next, real_finish},
                                     {&bench, real_start, real_tell, hasty_next, real_finish},
                                     {&bench, early_start, real_tell, early_next, real_finish}};
        memset(early_marks, 0, sizeof early_marks);
        for (size_t i = 0; i < 3; i++) {
            caught[i] += simulate(&wrong[i], seed, &ignored, &ignored) != NULL;
        }
    }
    assert_true(caught[0] > 10 && caught[1] > 10 && caught[2] > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every),       cmocka_unit_test(test_missed),
        cmocka_unit_test(test_future_mark), cmocka_unit_test(test_first_and_changed),
        cmocka_unit_test(test_rows),        cmocka_unit_test(test_drift),
        cmocka_unit_test(test_simulation),  cmocka_unit_test(test_canaries)};
    return cmocka_run_group_tests(tests, begin, end);
}
