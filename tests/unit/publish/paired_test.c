/* SPDX-License-Identifier: Apache-2.0
 *
 * paired_test.c - the paired comparison: by hand, on its blocks, and for its error rate.
 */
#include "publish/paired.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "publish/student.h"

#define HOUR_COUNT 200
#define ROWS_PER_HOUR 20
#define ROW_COUNT (HOUR_COUNT * ROWS_PER_HOUR)

static void check_near(double actual, double expected, double tolerance) {
    if (!(fabs(actual - expected) <= tolerance)) {
        fail_msg("%.12g is not %.12g within %g", actual, expected, tolerance);
    }
}

/* splitmix64, then Box and Muller */
static double uniform(uint64_t *seed) {
    *seed += 0x9e3779b97f4a7c15u;
    uint64_t z = *seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(uint64_t *seed) {
    const double radius = sqrt(-2.0 * log(uniform(seed)));
    return radius * cos(6.283185307179586 * uniform(seed));
}

static struct ps_paired compare(const struct ps_paired_rows *rows, double confidence) {
    struct ps_paired paired = {0};
    assert_int_equal(ps_paired_compare(rows, confidence, &paired, NULL), PENSTOCK_OK);
    return paired;
}

/* Without times: four rows are two blocks of two. Everything can be done on paper. */
static void small_numbers_by_hand(void **state) {
    (void)state;
    const double labels[] = {0, 0, 0, 0};
    const double champion[] = {2, 2, 3, 1};  /* squares 4 4 9 1: blocks 8, 10, all 18 */
    const double candidate[] = {1, 2, 2, 1}; /* squares 1 4 4 1: differences 3 0 5 0: blocks 3, 5, all 8 */
    const struct ps_paired_rows rows = {labels, candidate, champion, NULL, 4, .is_root = true};
    const struct ps_paired paired = compare(&rows, 0.95);
    assert_int_equal(paired.block_count, 2);
    assert_false(paired.is_hourly);
    check_near(paired.champion_metric, sqrt(18.0 / 4), 1e-12);
    check_near(paired.candidate_metric, sqrt(10.0 / 4), 1e-12);
    check_near(paired.gain, 1.0 - sqrt(10.0 / 18), 1e-12);
    const double ratio = 8.0 / 18;
    const double r1 = 3 - ratio * 8;
    const double r2 = 5 - ratio * 10;
    const double deviation = sqrt(2.0 * (r1 * r1 + r2 * r2)) / 18;
    check_near(paired.lower_bound, 1.0 - sqrt(1.0 - (ratio - ps_student_quantile(0.95, 1) * deviation)),
               1e-12);
}

static void blocks_are_hours_in_order_of_time(void **state) {
    (void)state;
    double labels[48] = {0};
    double champion[48];
    double candidate[48];
    double times[48];
    for (int i = 0; i < 48; i++) { /* two rows an hour, written backwards */
        const int when = 47 - i;
        times[i] = 1.7e9 - fmod(1.7e9, 3600) + when * 1800.0;
        champion[i] = 2.0 + when % 5;
        candidate[i] = 1.0 + when % 3;
    }
    const struct ps_paired_rows rows = {labels, candidate, champion, times, 48, .is_root = true};
    const struct ps_paired backwards = compare(&rows, 0.9);
    assert_true(backwards.is_hourly);
    assert_int_equal(backwards.block_count, 24);
    for (int i = 0; i < 24; i++) { /* the same rows in order of time: the same bits */
        const double swapped[] = {times[i], champion[i], candidate[i]};
        times[i] = times[47 - i], champion[i] = champion[47 - i], candidate[i] = candidate[47 - i];
        times[47 - i] = swapped[0], champion[47 - i] = swapped[1], candidate[47 - i] = swapped[2];
    }
    const struct ps_paired forwards = compare(&rows, 0.9);
    assert_memory_equal(&backwards.lower_bound, &forwards.lower_bound, sizeof(double));
    /* in fewer than ten hours blocks are of sqrt(n) rows */
    const struct ps_paired_rows few = {labels, candidate, champion, times, 16, .is_root = true};
    const struct ps_paired short_time = compare(&few, 0.9);
    assert_false(short_time.is_hourly);
    assert_int_equal(short_time.block_count, 4);
}

static void rows_that_one_cannot_predict_are_left_out(void **state) {
    (void)state;
    const double labels[] = {0, 0, 0, 0, 0};
    const double champion[] = {2, (double)NAN, 2, 3, 1};
    const double candidate[] = {1, 0, 2, 2, 1};
    const struct ps_paired_rows rows = {labels, candidate, champion, NULL, 5, .is_root = true};
    const struct ps_paired paired = compare(&rows, 0.95);
    assert_int_equal(paired.row_count, 4);
    assert_int_equal(paired.left_out, 1);
    check_near(paired.gain, 1.0 - sqrt(10.0 / 18), 1e-12);
    const struct ps_paired_rows one = {labels, candidate, champion, NULL, 1, .is_root = true};
    assert_false(compare(&one, 0.95).has_bound);
    const struct ps_paired_rows none = {labels, candidate, champion, NULL, 0, .is_root = true};
    assert_true(isnan(compare(&none, 0.95).gain));
}

static void the_same_model_gains_nothing(void **state) {
    (void)state;
    const double labels[] = {1, 2, 3, 4, 5, 6};
    const double predictions[] = {2, 2, 2, 5, 5, 5};
    const struct ps_paired_rows rows = {labels, predictions, predictions, NULL, 6, .is_root = true};
    const struct ps_paired paired = compare(&rows, 0.95);
    check_near(paired.gain, 0.0, 0.0);
    check_near(paired.lower_bound, 0.0, 0.0);
}

static double labels_of_hours[ROW_COUNT], champion_of_hours[ROW_COUNT], candidate_of_hours[ROW_COUNT],
    times_of_hours[ROW_COUNT];

/* One trial: two models with errors of their own, correlated within the hour. Publishes above a gain of `asked`?
 * With an hour between one row and the next every row is a block of its own. */
static bool publishes(uint64_t *seed, double candidate_scale, double asked, double seconds_between) {
    for (int hour = 0; hour < HOUR_COUNT; hour++) {
        const double shared = normal(seed);
        const double mine = 0.7 * normal(seed);
        const double yours = 0.7 * normal(seed);
        for (int i = 0; i < ROWS_PER_HOUR; i++) {
            const int row = hour * ROWS_PER_HOUR + i;
            labels_of_hours[row] = shared + normal(seed);
            champion_of_hours[row] = yours;
            candidate_of_hours[row] = labels_of_hours[row] + candidate_scale * (mine - labels_of_hours[row]);
            times_of_hours[row] = seconds_between > 60.0 ? row * seconds_between : hour * 3600.0 + i;
        }
    }
    const struct ps_paired_rows rows = {labels_of_hours, candidate_of_hours, champion_of_hours,
                                        times_of_hours,  ROW_COUNT,          .is_root = true};
    const struct ps_paired paired = compare(&rows, 0.95);
    if (seconds_between > 60.0) { /* as if rows were independent: without the covariances of near ones */
        return paired.ratio > ps_student_quantile(0.95, paired.freedom) * paired.deviation;
    }
    return paired.lower_bound > asked;
}

/* Equal models are published as better in about 5 % of the trials; a real gain is found nearly always. */
static void the_error_rate_is_what_it_says(void **state) {
    (void)state;
    uint64_t seed = 20261122;
    int published = 0;
    for (int trial = 0; trial < 400; trial++) {
        published += publishes(&seed, 1.0, 0.0, 1.0);
    }
    assert_in_range(published, 8, 34); /* 20 expected, +- 3 deviations */
    int found = 0;
    for (int trial = 0; trial < 50; trial++) {
        found += publishes(&seed, 0.9, 0.01, 1.0);
    }
    assert_in_range(found, 40, 50);
}

/* The canary: rows taken as independent publish far more often than 5 %, so the test above can see it. */
static void rows_as_blocks_publish_too_often(void **state) {
    (void)state;
    uint64_t seed = 20261122;
    int published = 0;
    for (int trial = 0; trial < 400; trial++) {
        published += publishes(&seed, 1.0, 0.0, 3600.0);
    }
    assert_in_range(published, 60, 400);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_numbers_by_hand),
        cmocka_unit_test(blocks_are_hours_in_order_of_time),
        cmocka_unit_test(rows_that_one_cannot_predict_are_left_out),
        cmocka_unit_test(the_same_model_gains_nothing),
        cmocka_unit_test(the_error_rate_is_what_it_says),
        cmocka_unit_test(rows_as_blocks_publish_too_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
