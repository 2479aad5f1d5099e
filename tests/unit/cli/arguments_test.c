/* SPDX-License-Identifier: Apache-2.0
 *
 * arguments_test.c - the command line: one dash or two, values, repeats, the two words of a command,
 * and what is refused with which hint.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/command.h"

struct parsed {
    struct ps_arena *arena;
    struct ps_cli cli;
    struct penstock_error error;
};

/* Words are parted by one space. */
static penstock_code parse(struct parsed *parsed, const char *line) {
    *parsed = (struct parsed){.arena = ps_arena_new(0)};
    assert_non_null(parsed->arena);
    parsed->cli.arena = parsed->arena;
    char *const copy = ps_arena_copy(parsed->arena, line);
    char **const words = ps_arena_allocate(parsed->arena, strlen(line) + 1, sizeof *words);
    assert_non_null(words);
    size_t count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        words[count++] = word;
    }
    return ps_cli_parse(&parsed->cli, count, words, &parsed->error);
}

static void done(struct parsed *parsed) {
    ps_arena_free(parsed->arena);
}

static void dashes_case_and_equals(void **state) {
    (void)state;
    static const char *const lines[] = {"logs -applicationId a", "logs --applicationId a",
                                        "logs --application-id a", "logs --APPLICATION_ID=a",
                                        "logs -applicationid=a"};
    for (size_t index = 0; index < sizeof lines / sizeof *lines; index++) {
        struct parsed parsed;
        assert_int_equal(parse(&parsed, lines[index]), PENSTOCK_OK);
        assert_string_equal(*(const char **)parsed.cli.values, "a");
        done(&parsed);
    }
}

static void options_stand_anywhere(void **state) {
    (void)state;
    struct parsed parsed;
    assert_int_equal(parse(&parsed, "--project p query --format json SELECT --set A=1 -set B=2 --conf k=v"),
                     PENSTOCK_OK);
    assert_string_equal(parsed.cli.command->name, "query");
    assert_string_equal(parsed.cli.common.project, "p");
    assert_int_equal(ps_cli_format(&parsed.cli), PS_FORMAT_JSON);
    assert_int_equal(parsed.cli.argument_count, 1);
    assert_string_equal(parsed.cli.arguments[0], "SELECT");
    assert_int_equal(parsed.cli.common.variables.count, 2);
    assert_string_equal(parsed.cli.common.variables.items[1], "B=2");
    assert_null(parsed.cli.common.variables.items[2]);
    struct ps_app_options options;
    assert_int_equal(ps_cli_project_options(&parsed.cli, &options, &parsed.error), PENSTOCK_OK);
    assert_string_equal(options.folder, "p");
    assert_string_equal(options.project.settings[0], "k=v");
    assert_null(options.project.settings[1]);
    done(&parsed);
}

static void shorthands_become_settings(void **state) {
    (void)state;
    struct parsed parsed;
    assert_int_equal(parse(&parsed, "run --executor-memory 2g --num_executors 1 --conf epoch.rows=5"),
                     PENSTOCK_OK);
    struct ps_app_options options;
    assert_int_equal(ps_cli_project_options(&parsed.cli, &options, &parsed.error), PENSTOCK_OK);
    assert_string_equal(options.project.settings[0], "epoch.rows=5");
    assert_string_equal(options.project.settings[1], "num-executors=1");
    assert_string_equal(options.project.settings[2], "executor-memory=2g");
    done(&parsed);
}

static void a_value_may_look_like_an_option(void **state) {
    (void)state;
    struct parsed parsed;
    assert_int_equal(parse(&parsed, "logs -applicationId a -size -60"), PENSTOCK_OK);
    done(&parsed);
    assert_int_equal(parse(&parsed, "query -- -1"), PENSTOCK_OK);
    assert_string_equal(parsed.cli.arguments[0], "-1");
    done(&parsed);
}

static void two_words(void **state) {
    (void)state;
    struct parsed parsed;
    assert_int_equal(parse(&parsed, "models show m"), PENSTOCK_OK);
    assert_string_equal(parsed.cli.command->name, "models show");
    assert_int_equal(parsed.cli.argument_count, 1);
    done(&parsed);
    assert_int_equal(parse(&parsed, "models --format csv"), PENSTOCK_INVALID_ARGUMENT);
    assert_non_null(strstr(parsed.error.hint, "models list"));
    done(&parsed);
}

static void refused(void **state) {
    (void)state;
    static const struct {
        const char *line, *message, *hint;
    } cases[] = {
        {"qurey x", "unknown command qurey", "did you mean penstock query?"},
        {"run --onec", "unknown option --onec of penstock run", "did you mean --once?"},
        {"run --fromat csv", "unknown option --fromat", "did you mean --format?"},
        {"run --zzzzzzzzz", "unknown option --zzzzzzzzz", "penstock help run"},
        {"run --project", "--project needs a value", "DIR"},
        {"query", "penstock query needs SQL", ""},
        {"query a b", "unexpected \"b\"", "quotes"},
        {"--once run", "before a command", "after it"},
        {"run --format yaml", "format", ""},
        {"dlq list --limit 0", "limit", ""},
        {"models lst", "unknown command models lst", "models list"},
    };
    for (size_t index = 0; index < sizeof cases / sizeof *cases; index++) {
        struct parsed parsed;
        assert_int_equal(parse(&parsed, cases[index].line), PENSTOCK_INVALID_ARGUMENT);
        if (strstr(parsed.error.message, cases[index].message) == NULL ||
            strstr(parsed.error.hint, cases[index].hint) == NULL) {
            fail_msg("%s: \"%s\" (%s)", cases[index].line, parsed.error.message, parsed.error.hint);
        }
        done(&parsed);
    }
}

static void nothing_at_all(void **state) {
    (void)state;
    struct parsed parsed;
    assert_int_equal(parse(&parsed, ""), PENSTOCK_OK);
    assert_null(parsed.cli.command);
    done(&parsed);
    assert_int_equal(parse(&parsed, "query --help"), PENSTOCK_OK);
    assert_true(parsed.cli.common.help);
    done(&parsed);
}

/* Whoever asks for help gets that of the command, wherever it stands. */
static void help_anywhere(void **state) {
    (void)state;
    static const struct {
        const char *line, *command, *group;
    } cases[] = {
        {"models --help", NULL, "models"},
        {"models -h", NULL, "models"},
        {"-h models", NULL, "models"},
        {"dlq -help", NULL, "dlq"},
        {"models list --help", "models list", "models"},
        {"models --help list", "models list", "models"},
        {"--help models list", "models list", "models"},
        {"models --project p list -h", "models list", "models"},
        {"run --bogus -h", "run", NULL},
        {"models show --help", "models show", "models"},
        {"query a b -h", "query", NULL},
        {"logs -size -x -h", "logs", NULL},
    };
    for (size_t index = 0; index < sizeof cases / sizeof *cases; index++) {
        struct parsed parsed;
        const penstock_code code = parse(&parsed, cases[index].line);
        const char *command = parsed.cli.command == NULL ? NULL : parsed.cli.command->name;
        if (code != PENSTOCK_OK || !parsed.cli.common.help ||
            (command == NULL) != (cases[index].command == NULL) ||
            (command != NULL && strcmp(command, cases[index].command) != 0) ||
            (parsed.cli.group == NULL) != (cases[index].group == NULL)) {
            fail_msg("%s: %d %s \"%s\"", cases[index].line, code, command == NULL ? "no command" : command,
                     parsed.error.message);
        }
        done(&parsed);
    }
    struct parsed parsed;
    assert_int_equal(parse(&parsed, "models lst --help"), PENSTOCK_INVALID_ARGUMENT);
    done(&parsed);
    assert_int_equal(parse(&parsed, "query -- -h"), PENSTOCK_OK); /* a value, not an option */
    assert_false(parsed.cli.common.help);
    done(&parsed);
    assert_int_equal(parse(&parsed, "run --bogus -- -h"), PENSTOCK_INVALID_ARGUMENT);
    done(&parsed);
}

/* Every row of every command has what help, man page and completion need. */
static void rows_are_whole(void **state) {
    (void)state;
    for (size_t index = 0; ps_commands[index] != NULL; index++) {
        const struct ps_command *const command = ps_commands[index];
        assert_non_null(command->summary);
        assert_non_null(command->run);
        assert_true(command->argument_count_min <= command->argument_count_max);
        assert_true(command->argument_count_max == 0 || command->arguments != NULL);
        for (const struct ps_cli_option *option = command->options;
             option != NULL && option->row.name != NULL; option++) {
            assert_non_null(option->row.help);
            assert_non_null(option->row.since);
            assert_true(option->row.type == PS_OPTION_BOOLEAN || option->row.choices != NULL ||
                        option->value_name != NULL);
            assert_true(option->row.offset < command->values_size);
            for (const struct ps_cli_option *common = ps_cli_common_options; common->row.name != NULL;
                 common++) {
                /* but for a version to train once more, which is what users say */
                assert_true(
                    !ps_cli_option_matches(common, option->row.name) ||
                    (strstr(command->name, "replay") != NULL && strcmp(option->row.name, "version") == 0));
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dashes_case_and_equals),
        cmocka_unit_test(options_stand_anywhere),
        cmocka_unit_test(shorthands_become_settings),
        cmocka_unit_test(a_value_may_look_like_an_option),
        cmocka_unit_test(two_words),
        cmocka_unit_test(refused),
        cmocka_unit_test(nothing_at_all),
        cmocka_unit_test(help_anywhere),
        cmocka_unit_test(rows_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
