/* SPDX-License-Identifier: Apache-2.0
 *
 * aliases_test.c - promote, roll back, delete: where the aliases stand afterwards, what the history says, and what is
 * refused.
 */
#include "publish/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <yyjson.h>

static struct ps_engine *engine;
static struct ps_connection *connection;
static struct ps_arena *arena;
static struct penstock_error error;

static void must(penstock_code code) {
    if (code != PENSTOCK_OK) {
        fail_msg("%s (%s)", error.message, error.hint);
    }
}

/* A version as a training would have left it: published ones are champion when they come. */
static void add_version(int version, bool passed) {
    char text[24];
    snprintf(text, sizeof text, "%d", version);
    const char *const values[] = {text, passed ? "published" : "refused"};
    must(ps_sql_run_with(
        connection,
        "INSERT INTO penstock.models(name, version, status, created_at, application, statement_text, label,"
        " positions, search, fitted, metrics, checksum) SELECT 'm', CAST($1 AS BIGINT), $2, now()::TIMESTAMP,"
        " 'a', 't', 'y', '{}', '{}', '{}', '{}', ''",
        values, 2, &error));
    if (!passed) {
        return;
    }
    struct ps_alias_move move = {.model = "m",
                                 .alias = "previous",
                                 .moved_at = "2026-01-01 00:00:00",
                                 .who = "a@b",
                                 .why = "passed",
                                 .action = "publish"};
    must(ps_registry_alias(connection, "m", "champion", &move.to, &error));
    const int64_t champion = move.to;
    if (champion > 0) {
        must(ps_registry_alias(connection, "m", "previous", &move.from, &error));
        must(ps_registry_move(connection, &move, &error));
    }
    move.alias = "champion";
    move.from = champion;
    move.to = version;
    must(ps_registry_move(connection, &move, &error));
}

static int set_up(void **state) {
    (void)state;
    const struct ps_engine_options options = {0};
    arena = ps_arena_new(0);
    must(ps_engine_open(&options, &engine, &error));
    must(ps_connection_open(engine, &connection, &error));
    must(ps_registry_prepare(connection, &error));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    ps_connection_close(connection);
    ps_engine_close(engine);
    ps_arena_free(arena);
    return 0;
}

static penstock_code carry_out(struct ps_registry_request request, struct ps_registry_change *change) {
    error = (struct penstock_error){0};
    must(ps_sql_run(connection, "BEGIN", &error));
    const penstock_code code = ps_registry_carry_out(connection, &request, arena, change, &error);
    assert_int_equal(ps_sql_run(connection, code == PENSTOCK_OK ? "COMMIT" : "ROLLBACK", NULL), PENSTOCK_OK);
    return code;
}

static void does(struct ps_registry_request request, int64_t from, int64_t to) {
    struct ps_registry_change change = {0};
    must(carry_out(request, &change));
    assert_int_equal(change.from, from);
    assert_int_equal(change.to, to);
    assert_non_null(strchr(change.who, '@'));
}

static void refuses(struct ps_registry_request request, penstock_code code, const char *words) {
    struct ps_registry_change change = {0};
    const penstock_code found = carry_out(request, &change);
    if (found != code || strstr(error.message, words) == NULL) {
        fail_msg("expected %s with '%s', found %s: %s", ps_error_code_name(code), words,
                 ps_error_code_name(found), error.message);
    }
}

static void stands(const char *expected) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    must(ps_sql_query(connection,
                      "SELECT coalesce(string_agg(alias || '=' || version, ' ' ORDER BY alias), '')"
                      " FROM penstock.model_aliases",
                      &result, &error));
    assert_string_equal(ps_result_text(result, 0, 0), expected);
}

static int64_t history_count(void) {
    int64_t count = 0;
    must(ps_sql_integer(connection, "SELECT count(*) FROM penstock.model_alias_history", &count, &error));
    return count;
}

static const struct ps_registry_request rollback = {.verb = PS_REGISTRY_ROLLBACK, .reference = "m"};

static void rollbacks_go_back_step_by_step(void **state) {
    (void)state;
    for (int version = 1; version <= 4; version++) {
        add_version(version, version != 2);
    }
    stands("champion=4 previous=3");
    does(rollback, 4, 3);
    stands("champion=3 previous=1");
    does(rollback, 3, 1);
    stands("champion=1");
    refuses(rollback, PENSTOCK_NOT_FOUND, "version 1 is the first champion of m: there is nothing before it");
    add_version(5, true); /* a publication after rollbacks: back from it leads to where it came from */
    stands("champion=5 previous=1");
    does(rollback, 5, 1);
    stands("champion=1");
}

static void promotions_are_steps_too(void **state) {
    (void)state;
    for (int version = 1; version <= 3; version++) {
        add_version(version, true);
    }
    does((struct ps_registry_request){.reference = "models:/m/1"}, 3, 1);
    stands("champion=1 previous=3");
    const int64_t count = history_count();
    does((struct ps_registry_request){.reference = "m@1"}, 1, 1); /* it is there already */
    assert_int_equal(history_count(), count);
    does(rollback, 1, 3);
    stands("champion=3 previous=2");
    does((struct ps_registry_request){.reference = "m@2", .alias = "challenger", .reason = "to be watched"},
         0, 2);
    stands("challenger=2 champion=3 previous=2");
    does((struct ps_registry_request){.reference = "m@challenger"}, 3, 2);
    stands("challenger=2 champion=2 previous=3");
}

static void the_gate_is_overruled_by_force_only(void **state) {
    (void)state;
    add_version(1, true);
    add_version(2, false);
    refuses((struct ps_registry_request){.reference = "m@2"}, PENSTOCK_GATE_REFUSED,
            "was refused by its gate");
    refuses((struct ps_registry_request){.reference = "m@2", .alias = "challenger"}, PENSTOCK_GATE_REFUSED,
            "refused");
    refuses((struct ps_registry_request){.reference = "m@2", .is_forced = true}, PENSTOCK_INVALID_ARGUMENT,
            "--force needs --reason");
    refuses((struct ps_registry_request){.reference = "m@2", .is_forced = true, .reason = "  "},
            PENSTOCK_INVALID_ARGUMENT, "--force needs --reason");
    refuses((struct ps_registry_request){.reference = "m@2", .reason = "please"}, PENSTOCK_GATE_REFUSED,
            "refused");
    stands("champion=1");
    does((struct ps_registry_request){.reference = "m@2", .is_forced = true, .reason = "the strike"}, 1, 2);
    stands("champion=2 previous=1");
    int64_t count = 0;
    must(ps_sql_integer(
        connection,
        "SELECT count(*) FROM penstock.model_alias_history h JOIN penstock.models m ON m.version = h.to_version"
        " WHERE h.why = 'the strike' AND h.alias = 'champion' AND h.action = 'promote' AND m.status = 'forced'",
        &count, &error));
    assert_int_equal(count, 1);
}

static void what_cannot_be_an_alias(void **state) {
    (void)state;
    add_version(1, true);
    refuses((struct ps_registry_request){.reference = "m@1", .alias = "previous"}, PENSTOCK_INVALID_ARGUMENT,
            "previous");
    refuses((struct ps_registry_request){.reference = "m@1", .alias = "12"}, PENSTOCK_INVALID_ARGUMENT,
            "cannot be an alias");
    refuses((struct ps_registry_request){.reference = "m@1", .alias = ""}, PENSTOCK_INVALID_ARGUMENT,
            "cannot be an alias");
    refuses((struct ps_registry_request){.reference = "m@1", .alias = "a b"}, PENSTOCK_INVALID_ARGUMENT,
            "cannot be an alias");
    refuses((struct ps_registry_request){.reference = "m@9"}, PENSTOCK_NOT_FOUND, "no version 9");
    refuses((struct ps_registry_request){.verb = PS_REGISTRY_ROLLBACK, .reference = "m@1"},
            PENSTOCK_INVALID_ARGUMENT, "names a version");
}

static void deleted_versions(void **state) {
    (void)state;
    for (int version = 1; version <= 4; version++) {
        add_version(version, true);
    }
    struct ps_registry_request delete = {.verb = PS_REGISTRY_DELETE, .reference = "m@4", .reason = "old"};
    refuses(delete, PENSTOCK_INVALID_ARGUMENT, "version 4 of m is @champion, so it is not deleted");
    delete.reference = "m@previous";
    refuses(delete, PENSTOCK_INVALID_ARGUMENT, "is @previous");
    delete.reference = "m@2";
    does(delete, 2, 0);
    refuses(delete, PENSTOCK_NOT_FOUND, "version 2 of model m was deleted by");
    assert_non_null(strstr(error.message, "old"));
    refuses((struct ps_registry_request){.reference = "m@2"}, PENSTOCK_NOT_FOUND, "was deleted");
    does(rollback, 4, 3);
    stands("champion=3 previous=1"); /* 2 is passed over */
    does(rollback, 3, 1);
    delete.reference = "m@4"; /* the greatest number is not given again */
    does(delete, 4, 0);
    int64_t next = 0;
    must(ps_sql_integer(connection, "SELECT max(version) + 1 FROM penstock.models WHERE name = 'm'", &next,
                        &error));
    assert_int_equal(next, 5);
    does((struct ps_registry_request){.reference = "m@3"}, 1, 3);
    stands("champion=3 previous=1");
}

static void what_an_epoch_in_work_predicts_with_stays(void **state) {
    (void)state;
    for (int version = 1; version <= 3; version++) {
        add_version(version, true);
    }
    must(ps_sql_run(connection,
                    "CREATE TABLE penstock.epochs(epoch BIGINT); INSERT INTO penstock.epochs VALUES (6);"
                    "CREATE TABLE penstock.epoch_models(epoch BIGINT, models VARCHAR);"
                    "INSERT INTO penstock.epoch_models VALUES (7, '{\"m@champion\":1,\"x@y\":null}')",
                    &error));
    const struct ps_registry_request delete = {.verb = PS_REGISTRY_DELETE, .reference = "m@1"};
    refuses(delete, PENSTOCK_BUSY, "epoch 7, which is in work, predicts with version 1 of m");
    must(ps_sql_run(connection, "INSERT INTO penstock.epochs VALUES (7)", &error));
    does(delete, 1, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rollbacks_go_back_step_by_step, set_up, tear_down),
        cmocka_unit_test_setup_teardown(promotions_are_steps_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_gate_is_overruled_by_force_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_an_alias, set_up, tear_down),
        cmocka_unit_test_setup_teardown(deleted_versions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_an_epoch_in_work_predicts_with_stays, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
