/* SPDX-License-Identifier: Apache-2.0
 *
 * registry_test.c - versions that never change, aliases that move with their history, and what is said when
 * a reference leads nowhere.
 */
#include "publish/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <yyjson.h>

#include "fake_fitted.h"
#include "publish/drift.h"
#include "publish/history.h"
#include "publish/reference.h"

struct scene {
    struct ps_engine *engine;
    struct ps_connection *connection;
    struct ps_arena *arena;
    struct ps_statement statement;
    struct ps_fitted fitted;
    const char *names[2];
    double values[4], folds[6];
    struct ps_search_cell cells[2];
    const char *notes[1];
    struct ps_candidate candidate;
    struct ps_gate_check checks[2];
    struct ps_gate_report report;
};

static struct scene scene;

static int set_up(void **state) {
    (void)state;
    const struct ps_engine_options options = {0};
    struct penstock_error error;
    scene = (struct scene){.statement = {.name = "congestion", .text = "CREATE MODEL congestion ... 'it''s'"},
                           .fitted = {0.1, {0.25, -1.0 / 3.0}},
                           .names = {"regParam", "elasticNetParam"},
                           .values = {0, 0, 0.01, 0.5},
                           .folds = {1, 2, 3, 1.5, 2.5, (double)NAN},
                           .notes = {"feature x is constant"}};
    scene.statement.as.model.label = "loading_time";
    static const char *const texts[] = {"0", "0", "0.01", "0.5"};
    for (size_t i = 0; i < 2; i++) {
        scene.cells[i] = (struct ps_search_cell){.estimator = "LinearRegression",
                                                 .names = scene.names,
                                                 .texts = texts + 2 * i,
                                                 .values = scene.values + 2 * i,
                                                 .parameter_count = 2,
                                                 .fold_metrics = scene.folds + 3 * i,
                                                 .fold_count = 3,
                                                 .mean = i == 0 ? 2.0 : 1.9};
    }
    scene.candidate = (struct ps_candidate){
        .statement = &scene.statement,
        .fitted = &scene.fitted,
        .target = {.task = PS_TASK_REGRESSION},
        .cells = scene.cells,
        .cell_count = 2,
        .best = 1,
        .metric_name = "rmse",
        .rows = {.read = 110, .training = 90, .holdout = 10, .outliers = 7, .null_features = 3},
        .training = {.row_count = 90, .rmse = 1},
        .holdout = {.row_count = 10, .rmse = 1.25, .r2 = 0.125},
        .baseline = {.row_count = 10, .rmse = 1.5},
        .notes = scene.notes,
        .note_count = 1,
        .scan_count = 1};
    scene.checks[0] = (struct ps_gate_check){"rmse <= 20", 1.25, 20, PS_VERDICT_PASSED, "rmse 1.25 <= 20"};
    scene.checks[1] = (struct ps_gate_check){"improvement", (double)NAN, (double)NAN,
                                             PS_VERDICT_NOT_APPLICABLE, "first version"};
    scene.report = (struct ps_gate_report){
        .checks = scene.checks, .check_count = 2, .passed = true, .sentence = "passed: rmse 1.25 <= 20"};
    scene.arena = ps_arena_new(0);
    assert_non_null(scene.arena);
    assert_int_equal(ps_engine_open(&options, &scene.engine, &error), PENSTOCK_OK);
    assert_int_equal(ps_connection_open(scene.engine, &scene.connection, &error), PENSTOCK_OK);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    ps_connection_close(scene.connection);
    ps_engine_close(scene.engine);
    ps_arena_free(scene.arena);
    return 0;
}

static void must(penstock_code code, const struct penstock_error *error) {
    if (code != PENSTOCK_OK) {
        fail_msg("%s (%s)", error->message, error->detail);
    }
}

static int64_t publish(bool passed) {
    struct penstock_error error = {0};
    int64_t version = 0;
    const struct ps_publication publication = {.candidate = &scene.candidate,
                                               .report = &scene.report,
                                               .application = "application_1_0001",
                                               .model_name = "congestion",
                                               .positions_json = "{\"departures\":{\"a.ndjson\":12}}"};
    scene.report.passed = passed;
    must(ps_sql_run(scene.connection, "BEGIN", &error), &error);
    must(ps_registry_publish(scene.connection, &publication, &version, &error), &error);
    must(ps_sql_run(scene.connection, "COMMIT", &error), &error);
    return version;
}

static void prepare(void) {
    struct penstock_error error = {0};
    must(ps_registry_prepare(scene.connection, &error), &error);
    must(ps_registry_prepare(scene.connection, &error), &error); /* again, as every run does */
}

static void expect_text(const char *sql, const char *expected) {
    struct penstock_error error = {0};
    struct ps_result *result = NULL;
    must(ps_sql_query(scene.connection, sql, &result, &error), &error);
    const char *text = ps_result_text(result, 0, 0);
    assert_string_equal(text == NULL ? "NULL" : text, expected);
    ps_result_free(result);
}

static void aliases_move_and_leave_history(void **state) {
    (void)state;
    prepare();
    assert_int_equal(publish(true), 1);
    assert_int_equal(publish(false), 2); /* refused: kept, no alias moves */
    assert_int_equal(publish(true), 3);
    assert_int_equal(publish(true), 4);
    expect_text("SELECT string_agg(alias || '=' || version, ' ' ORDER BY alias) FROM penstock.model_aliases",
                "champion=4 previous=3");
    expect_text("SELECT string_agg(version || ' ' || status, ', ' ORDER BY version) FROM penstock.models",
                "1 published, 2 refused, 3 published, 4 published");
    expect_text(
        "SELECT string_agg(alias || ':' || coalesce(from_version::VARCHAR, '-') || '>' || to_version, ' ' ORDER BY to_version, alias)"
        " FROM penstock.model_alias_history WHERE why = 'passed: rmse 1.25 <= 20' AND who <> ''",
        "champion:->1 previous:->1 champion:1>3 previous:1>3 champion:3>4");
    expect_text("SELECT count(*) FROM penstock.gate_reports WHERE version = 2", "3");
    expect_text("SELECT verdict FROM penstock.gate_reports WHERE version = 2 AND check_index = 0", "refused");
    expect_text(
        "SELECT value IS NULL AND limit_value IS NULL FROM penstock.gate_reports WHERE version = 2 AND check_index = 2",
        "true");
}

static void a_rolled_back_publication_leaves_nothing(void **state) {
    struct penstock_error error = {0};
    int64_t version = 0;
    const struct ps_publication publication = {.candidate = &scene.candidate,
                                               .report = &scene.report,
                                               .application = "application_1_0001",
                                               .model_name = "congestion",
                                               .positions_json = "{}"};
    (void)state;
    prepare();
    must(ps_sql_run(scene.connection, "BEGIN", &error), &error);
    must(ps_registry_publish(scene.connection, &publication, &version, &error), &error);
    must(ps_sql_run(scene.connection, "ROLLBACK", &error), &error);
    expect_text(
        "SELECT (SELECT count(*) FROM penstock.models) + (SELECT count(*) FROM penstock.gate_reports)"
        " + (SELECT count(*) FROM penstock.model_aliases) + (SELECT count(*) FROM penstock.model_alias_history)",
        "0");
}

static void expect_resolved(const char *reference, const char *name, int64_t version) {
    struct penstock_error error = {0};
    const char *found = NULL;
    int64_t found_version = 0;
    must(ps_registry_resolve(scene.connection, reference, scene.arena, &found, &found_version, &error),
         &error);
    assert_string_equal(found, name);
    assert_int_equal(found_version, version);
}

static void expect_lost(const char *reference, penstock_code code, const char *message, const char *hint) {
    struct penstock_error error = {0};
    const char *found = NULL;
    int64_t version = 0;
    assert_int_equal(ps_registry_resolve(scene.connection, reference, scene.arena, &found, &version, &error),
                     code);
    assert_string_equal(error.message, message);
    assert_string_equal(error.hint, hint);
    assert_null(found);
}

static void references_resolve(void **state) {
    (void)state;
    expect_lost("congestion", PENSTOCK_NOT_FOUND, "there is no model 'congestion' in the store",
                "no model was trained yet: run penstock run first");
    prepare();
    expect_lost("congestion", PENSTOCK_NOT_FOUND, "there is no model 'congestion' in the store",
                "no model was trained yet: run penstock run first");
    publish(false);
    expect_lost("congestion", PENSTOCK_NOT_FOUND, "model congestion has no alias 'champion'",
                "no version of it passed its gate yet; see penstock models show congestion@1");
    publish(true);
    publish(true);
    expect_resolved("congestion", "congestion", 3);
    expect_resolved("congestion@champion", "congestion", 3);
    expect_resolved("congestion@previous", "congestion", 2);
    expect_resolved("congestion@1", "congestion", 1);
    expect_resolved("models:/congestion", "congestion", 3);
    expect_resolved("models:/congestion@previous", "congestion", 2);
    expect_resolved("models:/congestion/2", "congestion", 2);
    expect_resolved("models:/congestion/champion", "congestion", 3);
    expect_lost("congestoin@champion", PENSTOCK_NOT_FOUND, "there is no model 'congestoin' in the store",
                "did you mean congestion?");
    expect_lost("zebra", PENSTOCK_NOT_FOUND, "there is no model 'zebra' in the store",
                "see penstock models list");
    expect_lost("congestion@champoin", PENSTOCK_NOT_FOUND, "model congestion has no alias 'champoin'",
                "its aliases: champion (version 3), previous (version 2)");
    expect_lost("congestion@9", PENSTOCK_NOT_FOUND, "model congestion has no version 9",
                "its versions are 1 to 3");
    const char *const forms = "write name, name@alias, name@3, models:/name@alias or models:/name/3";
    expect_lost("", PENSTOCK_INVALID_ARGUMENT, "'' does not name a model", forms);
    expect_lost("congestion@", PENSTOCK_INVALID_ARGUMENT, "'congestion@' does not name a model", forms);
    expect_lost("congestion@0", PENSTOCK_INVALID_ARGUMENT, "'congestion@0' does not name a model", forms);
    expect_lost("congestion@99999999999999999999", PENSTOCK_INVALID_ARGUMENT,
                "'congestion@99999999999999999999' does not name a model", forms);
    expect_lost("models:/@champion", PENSTOCK_INVALID_ARGUMENT, "'models:/@champion' does not name a model",
                forms);
}

static void a_changed_version_is_not_loaded(void **state) {
    struct penstock_error error = {0};
    struct ps_fitted *fitted = NULL;
    (void)state;
    prepare();
    publish(true);
    must(ps_registry_load(scene.connection, "congestion", 1, &fitted, &error), &error);
    assert_memory_equal(fitted, &scene.fitted, sizeof *fitted);
    ps_fitted_free(fitted);
    fitted = NULL;
    static const char *const changes[] = {"fitted = replace(fitted, '0.25', '0.26')",
                                          "statement_text = statement_text || ' '",
                                          "positions = '{}'",
                                          "label = 'x'",
                                          "metrics = '{}'",
                                          "search = '{}'"};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        must(ps_sql_runf(scene.connection, &error, "BEGIN; UPDATE penstock.models SET %s", changes[i]),
             &error);
        assert_int_equal(ps_registry_load(scene.connection, "congestion", 1, &fitted, &error),
                         PENSTOCK_INVALID_DATA);
        assert_string_equal(
            error.message,
            "model congestion version 1 was changed after it was published: its checksum does not match");
        must(ps_sql_run(scene.connection, "ROLLBACK", &error), &error);
    }
    assert_int_equal(ps_registry_load(scene.connection, "congestion", 2, &fitted, &error),
                     PENSTOCK_NOT_FOUND);
    assert_null(fitted);
}

/* A profile is sealed, too: one with a flipped bit is refused, and does not keep a gate from judging. */
static void a_changed_profile_is_refused(void **state) {
    (void)state;
    struct penstock_error error = {0};
    const char *profile = NULL;
    prepare();
    scene.report.profile = "{\"format\": 1, \"rows\": {\"training\": 90}}";
    publish(true);
    publish(true);
    must(ps_registry_profile(scene.connection, "congestion", 2, scene.arena, &profile, &error), &error);
    assert_string_equal(profile, scene.report.profile);
    static const char *const changes[] = {"profile = replace(profile::VARCHAR, '90', '91')",
                                          "profile = replace(profile::VARCHAR, 'rows', 'sows')",
                                          "profile = '{}'", "profile_checksum = '0'"};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        must(ps_sql_runf(scene.connection, &error, "BEGIN; UPDATE penstock.models SET %s WHERE version = 2",
                         changes[i]),
             &error);
        assert_int_equal(
            ps_registry_profile(scene.connection, "congestion", 2, scene.arena, &profile, &error),
            PENSTOCK_INVALID_DATA);
        assert_string_equal(error.message,
                            "the profile of model congestion version 2 was changed after it was "
                            "published: its checksum does not match");
        must(ps_registry_profile(scene.connection, "congestion", 1, scene.arena, &profile, &error), &error);
        struct ps_gate_question question = {.champion_version = 2};
        must(ps_registry_recall(scene.connection, "congestion", scene.arena, &question, &error), &error);
        assert_null(question.champion_profile);
        assert_int_equal(question.past_count, 1);
        must(ps_sql_run(scene.connection, "ROLLBACK", &error), &error);
    }
    /* of an older store nothing is known, and nothing is refused */
    must(ps_sql_run(scene.connection, "ALTER TABLE penstock.models DROP COLUMN profile_checksum", &error),
         &error);
    must(ps_registry_profile(scene.connection, "congestion", 2, scene.arena, &profile, &error), &error);
    assert_string_equal(profile, scene.report.profile);
    prepare();
    must(ps_registry_profile(scene.connection, "congestion", 2, scene.arena, &profile, &error), &error);
    assert_string_equal(profile, scene.report.profile);
}

static double number_at(yyjson_val *root, const char *pointer) {
    yyjson_val *value = yyjson_ptr_get(root, pointer);
    if (!yyjson_is_num(value)) {
        fail_msg("%s is not a number", pointer);
    }
    return yyjson_get_num(value);
}

static const char *text_at(yyjson_val *root, const char *pointer) {
    const char *text = yyjson_get_str(yyjson_ptr_get(root, pointer));
    if (text == NULL) {
        fail_msg("%s is not text", pointer);
    }
    return text;
}

static void show_has_everything(void **state) {
    struct penstock_error error = {0};
    struct ps_buffer json;
    (void)state;
    prepare();
    publish(true);
    ps_buffer_init(&json, 1 << 20);
    must(ps_registry_show(scene.connection, "congestion", 1, &json, &error), &error);
    yyjson_doc *document = yyjson_read(json.data, json.size, 0);
    assert_non_null(document);
    yyjson_val *root = yyjson_doc_get_root(document);
    assert_string_equal(text_at(root, "/name"), "congestion");
    assert_true(number_at(root, "/version") == 1);
    assert_string_equal(text_at(root, "/status"), "published");
    assert_string_equal(text_at(root, "/aliases/0"), "champion");
    assert_int_equal(yyjson_arr_size(yyjson_ptr_get(root, "/search/cells")), 2);
    assert_true(number_at(root, "/search/cells/1/parameters/elasticNetParam") == 0.5);
    assert_true(number_at(root, "/search/cells/0/folds/2") == 3.0);
    assert_true(yyjson_is_null(yyjson_ptr_get(root, "/search/cells/1/folds/2"))); /* NaN */
    assert_true(number_at(root, "/search/cells/1/mean") == 1.9);
    assert_true(number_at(root, "/chosen/regParam") == 0.01);
    assert_true(number_at(root, "/intercept") == 0.1);
    assert_true(number_at(root, "/coefficients/origin=JFK") == -1.0 / 3.0); /* the same bits */
    assert_true(number_at(root, "/holdout/r2") == 0.125);
    assert_true(number_at(root, "/baseline/rmse") == 1.5);
    assert_true(number_at(root, "/rows/outliers") == 7);
    assert_string_equal(text_at(root, "/notes/0"), "feature x is constant");
    assert_string_equal(text_at(root, "/gate/verdict"), "passed");
    assert_string_equal(text_at(root, "/gate/sentence"), "passed: rmse 1.25 <= 20");
    assert_string_equal(text_at(root, "/gate/checks/0/name"), "rmse <= 20");
    assert_true(number_at(root, "/gate/checks/0/limit") == 20);
    assert_string_equal(text_at(root, "/lineage/statement"), "CREATE MODEL congestion ... 'it''s'");
    assert_true(number_at(root, "/lineage/positions/departures/a.ndjson") == 12);
    assert_string_equal(text_at(root, "/lineage/application"), "application_1_0001");
    yyjson_doc_free(document);
    ps_buffer_done(&json);
    assert_int_equal(ps_registry_show(scene.connection, "congestion", 7, &json, &error), PENSTOCK_NOT_FOUND);
}

/* Every allocation fails once: an error each time, never a crash, and nothing half-written. */
static void out_of_memory_is_an_error(void **state) {
    (void)state;
    struct penstock_error error = {0};
    const struct ps_publication publication = {.candidate = &scene.candidate,
                                               .report = &scene.report,
                                               .application = "application_1_0001",
                                               .model_name = "congestion",
                                               .positions_json = "{}"};
    prepare();
    publish(true);
    penstock_code code = PENSTOCK_OUT_OF_MEMORY;
    int64_t call = 0;
    while (code != PENSTOCK_OK) {
        int64_t version = 0;
        struct ps_buffer json;
        ps_buffer_init(&json, 1 << 20);
        must(ps_sql_run(scene.connection, "BEGIN", &error), &error);
        ps_memory_fail_at(++call);
        code = ps_registry_publish(scene.connection, &publication, &version, &error);
        code =
            code == PENSTOCK_OK ? ps_registry_show(scene.connection, "congestion", 1, &json, &error) : code;
        ps_memory_fail_at(0);
        if (code != PENSTOCK_OK) {
            assert_int_equal(code, PENSTOCK_OUT_OF_MEMORY);
        }
        must(ps_sql_run(scene.connection, "ROLLBACK", &error), &error);
        ps_buffer_done(&json);
    }
    assert_true(call > 20);
    expect_text("SELECT count(*) FROM penstock.models", "1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(aliases_move_and_leave_history, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rolled_back_publication_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(references_resolve, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_changed_version_is_not_loaded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_changed_profile_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(show_has_everything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(out_of_memory_is_an_error, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
