/* SPDX-License-Identifier: Apache-2.0
 *
 * drift_score_test.c - profiles and drift: no alarm when nothing has changed, whatever the number of rows; one
 * when it has.
 *
 * The canary is the fixed limit of 0.2 that is often used: with few rows it cries far too often, with many it is
 * deaf.
 */
#include "publish/drift_score.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "publish/json.h"

static double uniform(uint64_t *seed) {
    *seed += 0x9e3779b97f4a7c15u;
    uint64_t z = *seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(uint64_t *seed) {
    return sqrt(-2.0 * log(uniform(seed))) * cos(6.283185307179586 * uniform(seed));
}

/* Columns x (normal, moved by `shift`), k (a whole number below 5), label. */
static struct ps_sample *sample_of(int row_count, double shift, uint64_t *seed) {
    static const char *const names[] = {"x", "k", "label"};
    static const bool is_text[] = {false, false, false};
    struct ps_sample *sample = NULL;
    assert_int_equal(ps_sample_new(3, names, is_text, 100000, &sample, NULL), PENSTOCK_OK);
    for (int row = 0; row < row_count; row++) {
        const double x = normal(seed) + shift;
        const double k = floor(5 * uniform(seed));
        const double label = x + k;
        const struct ps_sample_input inputs[] = {{&x, NULL, 0}, {&k, NULL, 1}, {&label, NULL, 2}};
        assert_int_equal(ps_sample_add(sample, NULL, inputs, 1, NULL), PENSTOCK_OK);
    }
    ps_sample_finish(sample);
    return sample;
}

struct trial {
    bool has_drifted;
    double score;
};

static struct trial try(int before, int now, double shift, double tolerance, uint64_t *seed) {
    struct ps_arena *arena = ps_arena_new(0);
    struct ps_sample *old = sample_of(before, 0, seed);
    struct ps_sample *new = sample_of(now, shift, seed);
    struct ps_profile profile;
    struct ps_drift_report *report = NULL;
    assert_int_equal(ps_profile_of_sample(old, arena, &profile, NULL), PENSTOCK_OK);
    assert_int_equal(ps_drift_compare(&profile, new, NULL, tolerance, 0.95, &report, NULL), PENSTOCK_OK);
    assert_int_equal(report->feature_count, report->is_applicable ? 2 : 0); /* the label is no feature */
    const struct trial trial = {report->has_drifted,
                                report->is_applicable ? report->features[0].score : (double)NAN};
    ps_drift_report_free(report);
    ps_sample_free(old);
    ps_sample_free(new);
    ps_arena_free(arena);
    return trial;
}

static void nothing_changed_seldom_alarms(void **state) {
    static const int rows[] = {150, 1000, 20000};
    uint64_t seed = 1;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        int alarms = 0, fixed = 0;
        const int count = rows[i] > 10000 ? 60 : 200;
        for (int n = 0; n < count; n++) {
            const struct trial trial = try(rows[i], rows[i], 0, 0, &seed);
            alarms += trial.has_drifted;
            fixed += trial.score > 0.2;
        }
        if (alarms > count / 10) { /* 5 percent are asked for */
            fail_msg("%d of %d alarms with %d rows", alarms, count, rows[i]);
        }
        assert_true(rows[i] > 150 || fixed > count / 10); /* the canary */
    }
}

static void a_shift_is_found_when_there_are_rows_enough(void **state) {
    uint64_t seed = 2;
    (void)state;
    const struct trial small = try(20000, 20000, 0.2, 0, &seed);
    assert_true(small.has_drifted);
    assert_true(small.score < 0.2);                               /* the fixed limit does not see it */
    assert_false(try(20000, 20000, 0.2, 0.1, &seed).has_drifted); /* but it is no more than 0.1 */
    assert_true(try(20000, 20000, 0.8, 0.1, &seed).has_drifted);
    assert_true(try(20000, 300, 1.0, 0.1, &seed).has_drifted);
    assert_false(try(20000, 50, 3.0, 0.1, &seed).has_drifted); /* too few rows to say */
}

static void the_sentence_names_what_moved(void **state) {
    uint64_t seed = 3;
    struct ps_arena *arena = ps_arena_new(0);
    struct ps_sample *old = sample_of(5000, 0, &seed);
    struct ps_sample *new = sample_of(5000, 2, &seed);
    struct ps_profile profile;
    struct ps_drift_report *report = NULL;
    (void)state;
    assert_int_equal(ps_profile_of_sample(old, arena, &profile, NULL), PENSTOCK_OK);
    assert_int_equal(ps_drift_compare(&profile, new, NULL, 0.1, 0.99, &report, NULL), PENSTOCK_OK);
    assert_int_equal(report->drifted_count, 1);
    assert_string_equal(report->features[0].name, "x");
    assert_non_null(strstr(report->sentence, "1 of 2 features has drifted: x PSI"));
    assert_non_null(strstr(report->features[0].sentence, "most by above"));
    ps_drift_report_free(report);
    ps_sample_free(old);
    ps_sample_free(new);
    ps_arena_free(arena);
}

static void a_profile_reads_back_as_it_was(void **state) {
    uint64_t seed = 4;
    struct ps_arena *arena = ps_arena_new(0);
    struct ps_sample *sample = sample_of(3000, 0, &seed);
    struct ps_profile profile, again;
    struct ps_buffer json PS_SCOPED(ps_buffer_done);
    yyjson_mut_doc *document PS_SCOPED(ps_json_free_scoped) = ps_json_new();
    (void)state;
    ps_buffer_init(&json, 1 << 20);
    assert_int_equal(ps_profile_of_sample(sample, arena, &profile, NULL), PENSTOCK_OK);
    profile.training_count = 3000;
    ps_profile_write(&profile, document, yyjson_mut_doc_get_root(document));
    assert_int_equal(ps_json_write(document, false, &json, NULL), PENSTOCK_OK);
    assert_int_equal(ps_profile_read(json.data, arena, &again, NULL), PENSTOCK_OK);
    assert_int_equal(again.training_count, 3000);
    assert_true(isnan(again.time_last));
    assert_int_equal(again.column_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(again.columns[i].name, profile.columns[i].name);
        assert_int_equal(again.columns[i].bin_count, profile.columns[i].bin_count);
        assert_true(again.columns[i].mean == profile.columns[i].mean);
        assert_memory_equal(again.columns[i].bins, profile.columns[i].bins,
                            profile.columns[i].bin_count * sizeof(int64_t));
    }
    assert_int_equal(profile.columns[0].bin_count, 10);
    assert_int_equal(profile.columns[1].bin_count, 5);
    struct penstock_error error;
    assert_int_equal(ps_profile_read("{\"format\":7}", arena, &again, &error), PENSTOCK_INVALID_DATA);
    assert_int_equal(
        ps_profile_read("{\"format\":1,\"columns\":[{\"name\":\"x\",\"kind\":\"number\",\"bins\":[1,2]}]}",
                        arena, &again, &error),
        PENSTOCK_INVALID_DATA);
    ps_sample_free(sample);
    ps_arena_free(arena);
}

static void out_of_memory_is_an_error(void **state) {
    uint64_t seed = 5;
    struct ps_arena *arena = ps_arena_new(0);
    struct ps_sample *sample = sample_of(500, 0, &seed);
    struct ps_profile profile;
    struct ps_drift_report *report = NULL;
    penstock_code code = PENSTOCK_OUT_OF_MEMORY;
    (void)state;
    assert_int_equal(ps_profile_of_sample(sample, arena, &profile, NULL), PENSTOCK_OK);
    for (int64_t call = 1; code != PENSTOCK_OK; call++) {
        ps_memory_fail_at(call);
        code = ps_drift_compare(&profile, sample, NULL, 0.1, 0.99, &report, NULL);
        ps_memory_fail_at(0);
        assert_true(code == PENSTOCK_OK || code == PENSTOCK_OUT_OF_MEMORY);
    }
    ps_drift_report_free(report);
    ps_sample_free(sample);
    ps_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_changed_seldom_alarms),
        cmocka_unit_test(a_shift_is_found_when_there_are_rows_enough),
        cmocka_unit_test(the_sentence_names_what_moved),
        cmocka_unit_test(a_profile_reads_back_as_it_was),
        cmocka_unit_test(out_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
