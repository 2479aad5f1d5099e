/* SPDX-License-Identifier: Apache-2.0
 *
 * create_test.c - WITH and ENCODE settings become configs; every mistake is told at its place with the nearest name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "connect/create.h"

static struct ps_column_schema columns[] = {{"a", "INTEGER", PS_TYPE_INTEGER, false}};
static struct ps_location column_locations[] = {{"streams.sql", 2, 3}};

static struct ps_setting setting(const char *name, const char *value, int line) {
    return (struct ps_setting){name, value, {"streams.sql", line, 7}};
}

static struct ps_source_statement statement_of(struct ps_setting *settings, size_t count, const char *encode,
                                               struct ps_setting *encode_settings, size_t encode_count) {
    struct ps_source_statement statement = {
        .schema = {columns, 1}, .column_locations = column_locations, .encode = encode};
    statement.settings = settings;
    statement.setting_count = count;
    statement.encode_settings = encode_settings;
    statement.encode_setting_count = encode_count;
    for (size_t i = 0; i < count; i++) {
        statement.connector =
            strcmp(settings[i].name, "connector") == 0 ? settings[i].value : statement.connector;
    }
    return statement;
}

static void good_settings(void **state) {
    (void)state;
    struct penstock_error error = {0};
    struct ps_arena *arena = ps_arena_new(0);
    struct ps_setting settings[] = {setting("connector", "file", 5), setting("path", "data/*.csv", 6),
                                    setting("on_bad_record", "fail", 7), setting("onLost", "skip", 8)};
    struct ps_setting encode[] = {setting("delimiter", ";", 9)};
    struct ps_source_statement statement = statement_of(settings, 4, "csv", encode, 1);
    struct ps_source *source = NULL;
    struct ps_source_setup setup = {0};
    assert_int_equal(ps_source_check(&statement, "s", ".", &error), PENSTOCK_OK);
    assert_int_equal(ps_source_create(&statement, "s", ".", arena, &source, &setup, &error), PENSTOCK_OK);
    assert_string_equal(setup.name, "s");
    assert_string_equal(setup.encode, "csv");
    assert_true(setup.fail_on_bad_record);
    assert_non_null(setup.codec);
    ps_source_close(source);
    statement.encode = "parquet";
    statement.encode_setting_count = 0;
    assert_int_equal(ps_source_create(&statement, "s", ".", arena, &source, &setup, &error), PENSTOCK_OK);
    assert_null(setup.codec);
    ps_source_close(source);
    ps_arena_free(arena);
}

static void expect_mistake(struct ps_source_statement statement, const char *message, const char *hint) {
    struct penstock_error error = {0};
    assert_int_equal(ps_source_check(&statement, "s", ".", &error), PENSTOCK_INVALID_PROJECT);
    assert_int_equal(error.code, PENSTOCK_INVALID_PROJECT);
    if (strstr(error.message, message) == NULL || strstr(error.hint, hint) == NULL) {
        fail_msg("%s | %s", error.message, error.hint);
    }
}

static void mistakes_are_told_at_their_place(void **state) {
    (void)state;
    struct ps_setting connector = setting("connector", "file", 5), path = setting("path", "x", 6);
    struct ps_setting fifle[] = {setting("connector", "fifle", 5), path};
    expect_mistake(statement_of(fifle, 2, "json", NULL, 0),
                   "streams.sql:5:7: source s: there is no connector 'fifle'", "did you mean 'file'?");
    struct ps_setting pulsar[] = {setting("connector", "pulsar", 5), path};
    expect_mistake(statement_of(pulsar, 2, "json", NULL, 0), "there is no connector 'pulsar'", "file");
    expect_mistake(statement_of(&path, 1, "json", NULL, 0), "source s has no connector",
                   "WITH (connector = 'file'");
    struct ps_setting pth[] = {connector, setting("pth", "x", 6)};
    expect_mistake(statement_of(pth, 2, "json", NULL, 0),
                   "streams.sql:6:7: connector 'file' has no option 'pth'", "did you mean path?");
    struct ps_setting bad_record[] = {connector, path, setting("on_bad_recrd", "fail", 7)};
    expect_mistake(statement_of(bad_record, 3, "json", NULL, 0), "has no option 'on_bad_recrd'",
                   "did you mean on_bad_record?");
    struct ps_setting choice[] = {connector, path, setting("on_bad_record", "fial", 7)};
    expect_mistake(statement_of(choice, 3, "json", NULL, 0), "streams.sql:7:7: ", "did you mean 'fail'?");
    struct ps_setting twice[] = {connector, path, setting("path", "y", 7)};
    expect_mistake(statement_of(twice, 3, "json", NULL, 0), "streams.sql:7:7: option 'path' is given twice",
                   "");
    expect_mistake(statement_of(&connector, 1, "json", NULL, 0), "streams.sql:5:7: source s has no path",
                   "files to read");
}

static void mistakes_of_encoding(void **state) {
    (void)state;
    struct ps_setting settings[] = {setting("connector", "file", 5), setting("path", "x", 6)};
    struct ps_setting with_codec[] = {settings[0], settings[1], setting("delimiter", ";", 7)};
    expect_mistake(statement_of(settings, 2, "avro", NULL, 0), "connector 'file' cannot read ENCODE avro",
                   "json");
    expect_mistake(statement_of(with_codec, 3, "csv", NULL, 0), "has no option 'delimiter'", "ENCODE ... (");
    struct ps_setting typo[] = {setting("delimeter", ";", 9)};
    expect_mistake(statement_of(settings, 2, "csv", typo, 1),
                   "streams.sql:9:7: ENCODE csv has no option 'delimeter'", "did you mean delimiter?");
    struct ps_setting long_one[] = {setting("delimiter", ";;", 9)};
    expect_mistake(statement_of(settings, 2, "csv", long_one, 1),
                   "streams.sql:9:7: delimiter = ';;': expected one ASCII", "");
    struct ps_setting json[] = {setting("delimiter", ";", 9)};
    expect_mistake(statement_of(settings, 2, "json", json, 1), "ENCODE json has no option 'delimiter'",
                   "no options");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_settings),
        cmocka_unit_test(mistakes_are_told_at_their_place),
        cmocka_unit_test(mistakes_of_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
