/* SPDX-License-Identifier: Apache-2.0
 *
 * application_test.c - applications, containers and logs, to the letter as YARN prints them.
 */
#include "app/application.h"

#include <signal.h>
#include <sys/wait.h>

#include "app/container.h"
#include "base/clock.h"
#include "base/file.h"
#include "scene.h"

static char *store;
static struct ps_arena *arena;
static struct ps_buffer out, complaints;

static int set_up(void **state) {
    (void)state;
    store = make_store();
    arena = ps_arena_new(0);
    ps_buffer_init(&out, 1 << 24);
    ps_buffer_init(&complaints, 1 << 20);
    return arena == NULL;
}

static int tear_down(void **state) {
    (void)state;
    ps_buffer_done(&out);
    ps_buffer_done(&complaints);
    ps_arena_free(arena);
    free_store(store);
    return 0;
}

static struct ps_application *begin(int64_t executors) {
    struct penstock_error error = {0};
    struct ps_application *application = NULL;
    const struct ps_application_setup setup = {store, "demo", "local[2]", executors, PS_LOG_INFO};
    must(ps_application_begin(&setup, &application, &error), &error);
    must(ps_application_set_running(application, &error), &error);
    return application;
}

static void end(struct ps_application *application, enum ps_application_state how, const char *final_status) {
    struct penstock_error error = {0};
    must(ps_application_end(application, how, final_status, 0, "", &error), &error);
    ps_application_free(application);
}

static char *host(void) {
    char name[256] = "";
    assert_int_equal(gethostname(name, sizeof name - 1), 0);
    return ps_arena_copy(arena, name);
}

static const char *container_of(const char *id, int index) {
    return ps_arena_printf(arena, "container_%s_01_%06d", id + strlen("application_"), index);
}

static int ask(struct ps_logs_options options) {
    struct penstock_error error = {0};
    int status = -1;
    ps_buffer_clear(&out);
    ps_buffer_clear(&complaints);
    must(ps_application_logs(store, &options, &out, &complaints, &status, &error), &error);
    return status;
}

static const char *text_of(const struct ps_buffer *buffer) {
    return buffer->size == 0 ? "" : buffer->data;
}

static const char *stars(size_t count) {
    char *text = ps_arena_allocate(arena, count + 1, 1);
    memset(text, '*', count);
    return text;
}

static const char *modified(const char *id, const char *container, const char *file) {
    struct ps_file_info info;
    struct penstock_error error = {0};
    char *text = ps_arena_allocate(arena, 64, 1);
    must(ps_file_stat(ps_arena_printf(arena, "%s/applications/%s/%s/%s", store, id, container, file), &info,
                      &error),
         &error);
    ps_clock_format_yarn(info.modified_ms, text, 64);
    return text;
}

#define RULE "===================================================================="

static void a_block_while_it_runs(void **state) {
    (void)state;
    struct ps_application *application = begin(1);
    const char *id = ps_application_id(application);
    const char *container = container_of(id, 1);
    ps_application_print(application, "first line");
    ps_application_print(application, "second");
    assert_int_equal(
        ask((struct ps_logs_options){.application_id = id, .log_files = "stdout", .container_id = container}),
        0);
    assert_string_equal(
        text_of(&out),
        ps_arena_printf(
            arena,
            "Container: %s on %s:0\nLogAggregationType: LOCAL\n" RULE
            "\nLogType:stdout\nLogLastModifiedTime:%s\nLogLength:18\nLogContents:\n"
            "first line\nsecond\nEnd of LogType:stdout.This log file belongs to a running container (%s) and so may not be complete.\n%s\n\n\n",
            container, host(), modified(id, container, "stdout"), container, stars(21 + 50)));
    assert_int_equal(complaints.size, 0);
    end(application, PS_APPLICATION_FINISHED, "SUCCEEDED");
}

static void a_block_of_a_finished_one(void **state) {
    (void)state;
    struct ps_application *application = begin(1);
    const char *id = ps_arena_copy(arena, ps_application_id(application));
    const char *container = container_of(id, 1);
    ps_application_complain(application, "0123456789");
    end(application, PS_APPLICATION_FINISHED, "SUCCEEDED");
    const char *const head =
        ps_arena_printf(arena,
                        "Container: %s on %s_0\nLogAggregationType: AGGREGATED\n" RULE
                        "\nLogType:stderr\nLogLastModifiedTime:%s\nLogLength:11\nLogContents:\n",
                        container, host(), modified(id, container, "stderr"));
    const char *const foot = ps_arena_printf(arena, "\nEnd of LogType:stderr\n%s\n\n", stars(21 + 50));
    assert_int_equal(ask((struct ps_logs_options){.container_id = container, .log_files = "stderr"}), 0);
    assert_string_equal(text_of(&out), ps_arena_printf(arena, "%s0123456789\n%s", head, foot));
    assert_int_equal(ask((struct ps_logs_options){
                         .container_id = container, .log_files = "stderr", .size = 4, .has_size = true}),
                     0);
    assert_string_equal(text_of(&out), ps_arena_printf(arena, "%s0123%s", head, foot));
    assert_int_equal(ask((struct ps_logs_options){
                         .container_id = container, .log_files = "stderr", .size = -4, .has_size = true}),
                     0);
    assert_string_equal(text_of(&out), ps_arena_printf(arena, "%s789\n%s", head, foot));
    assert_int_equal(ask((struct ps_logs_options){
                         .container_id = container, .log_files = "stderr", .size = -400, .has_size = true}),
                     0);
    assert_string_equal(text_of(&out), ps_arena_printf(arena, "%s0123456789\n%s", head, foot));
}

/* LogType lines of the answer, joined: which files of which containers, in which order. */
static const char *files_shown(void) {
    char *list = ps_arena_printf(arena, "%s", "");
    const char *container = "";
    for (const char *line = text_of(&out); *line != '\0'; line = strchr(line, '\n') + 1) {
        const int size = (int)strcspn(line, "\n");
        if (strncmp(line, "Container: ", 11) == 0) {
            container = ps_arena_printf(arena, "%.*s", 6, strstr(line, "_01_") + 4);
        }
        if (strncmp(line, "LogType:", 8) == 0) {
            list = ps_arena_printf(arena, "%s%s/%.*s ", list, container + 5, size - 8, line + 8);
        }
    }
    return list;
}

static void files_are_chosen_as_by_yarn(void **state) {
    (void)state;
    struct ps_application *application = begin(2);
    const char *id = ps_arena_copy(arena, ps_application_id(application));
    ps_application_task(application, 0, "task 0");
    ps_application_task(application, 1, "task 1");
    ps_application_task(application, 2, "task 2");
    assert_int_equal(ask((struct ps_logs_options){.application_id = id}), 0);
    assert_string_equal(
        files_shown(),
        "1/penstock.log 1/stderr 1/stdout 2/penstock.log 2/stderr 2/stdout 3/penstock.log 3/stderr 3/stdout ");
    assert_int_equal(ask((struct ps_logs_options){.application_id = id, .log_files = "stderr,stdout"}), 0);
    assert_string_equal(files_shown(), "1/stderr 1/stdout 2/stderr 2/stdout 3/stderr 3/stdout ");
    assert_int_equal(ask((struct ps_logs_options){.application_id = id, .log_files = "*"}), 0);
    assert_string_equal(
        files_shown(),
        "1/penstock.log 1/stderr 1/stdout 2/penstock.log 2/stderr 2/stdout 3/penstock.log 3/stderr 3/stdout ");
    assert_int_equal(ask((struct ps_logs_options){.application_id = id, .log_files_pattern = "^std.rx+"}),
                     255);
    assert_string_equal(files_shown(), "");
    assert_int_equal(ask((struct ps_logs_options){.application_id = id, .log_files_pattern = "std.*"}), 0);
    assert_string_equal(files_shown(), "1/stderr 1/stdout 2/stderr 2/stdout 3/stderr 3/stdout ");
    assert_non_null(strstr(text_of(&out), "task 1"));
    assert_int_equal(ask((struct ps_logs_options){
                         .application_id = id, .log_files = "stderr", .container_id = container_of(id, 3)}),
                     0);
    assert_string_equal(files_shown(), "3/stderr ");
    assert_non_null(strstr(text_of(&out), "task 1")); /* the third task goes around to the first executor */
    assert_null(strstr(text_of(&out), "task 2"));
    end(application, PS_APPLICATION_FINISHED, "SUCCEEDED");
}

static void nothing_matches(void **state) {
    (void)state;
    struct ps_application *application = begin(1);
    const char *id = ps_arena_copy(arena, ps_application_id(application));
    struct ps_application_record record;
    must(ps_record_read(store, id, arena, &record, NULL), NULL);
    const char *const user = record.user;
    assert_int_equal(ask((struct ps_logs_options){.application_id = id, .log_files = "syslog"}), 255);
    assert_string_equal(
        text_of(&complaints),
        ps_arena_printf(
            arena,
            "Can not find any log file matching the pattern: [syslog] for the container: %s within the application: %s\n"
            "Can not find any log file matching the pattern: [syslog] for the container: %s within the application: %s\n"
            "Can not find the logs for the application: %s with the appOwner: %s\n",
            container_of(id, 1), id, container_of(id, 2), id, id, user));
    assert_int_equal(out.size, 0);
    assert_int_equal(ask((struct ps_logs_options){.application_id = id, .list_nodes = true}), 255);
    assert_string_equal(text_of(&complaints),
                        "The -list_nodes command can be only used with finished applications\n");
    end(application, PS_APPLICATION_FINISHED, "SUCCEEDED");
    assert_int_equal(ask((struct ps_logs_options){.application_id = id, .log_files = "a,b"}), 255);
    assert_string_equal(
        text_of(&complaints),
        ps_arena_printf(arena,
                        "Can not find any log file matching the pattern: [a, b] for the application: %s\n"
                        "Can not find the logs for the application: %s with the appOwner: %s\n",
                        id, id, user));
}

static void infos(void **state) {
    (void)state;
    struct ps_application *application = begin(1);
    const char *id = ps_arena_copy(arena, ps_application_id(application));
    const char *const one = container_of(id, 1);
    const char *const two = container_of(id, 2);
    assert_int_equal(ask((struct ps_logs_options){.application_id = id, .show_application_log_info = true}),
                     0);
    assert_string_equal(
        text_of(&out),
        ps_arena_printf(arena, "Application State: Running.\nContainer: %s on %s:0\nContainer: %s on %s:0\n",
                        one, host(), two, host()));
    ps_application_print(application, "12345");
    end(application, PS_APPLICATION_FINISHED, "SUCCEEDED");
    assert_int_equal(ask((struct ps_logs_options){.application_id = id, .show_application_log_info = true}),
                     0);
    assert_string_equal(
        text_of(&out),
        ps_arena_printf(arena,
                        "Application State: Completed.\nContainer: %s on %s_0\nContainer: %s on %s_0\n", one,
                        host(), two, host()));
    assert_int_equal(ask((struct ps_logs_options){.application_id = id, .list_nodes = true}), 0);
    assert_string_equal(text_of(&out), ps_arena_printf(arena, "%s_0\n\n", host()));
    assert_int_equal(ask((struct ps_logs_options){.container_id = one, .show_container_log_info = true}), 0);
    const char *const start =
        ps_arena_printf(arena, "Container: %s on %s_0\n" RULE "\n%30s\t%30s\t%30s\t%30s\n" RULE RULE "\n",
                        one, host(), "LogFile", "LogLength", "LastModificationTime", "LogAggregationType");
    assert_memory_equal(text_of(&out), start, strlen(start));
    const char *const row = ps_arena_printf(arena, "%30s\t%30s\t%30s\t%30s\n", "stdout", "6",
                                            modified(id, one, "stdout"), "AGGREGATED");
    assert_string_equal(text_of(&out) + out.size - strlen(row), row);
}

static void the_driver_is_the_am(void **state) {
    (void)state;
    struct ps_application *application = begin(1);
    const char *id = ps_arena_copy(arena, ps_application_id(application));
    end(application, PS_APPLICATION_FINISHED, "SUCCEEDED");
    assert_int_equal(ask((struct ps_logs_options){.application_id = id, .am = "1", .log_files = "stdout"}),
                     0);
    assert_string_equal(files_shown(), "1/stdout ");
    assert_int_equal(ask((struct ps_logs_options){.application_id = id, .am = "-1", .log_files = "stdout"}),
                     0);
    assert_string_equal(files_shown(), "1/stdout ");
    assert_int_equal(ask((struct ps_logs_options){.application_id = id, .am = "ALL", .log_files = "stdout"}),
                     0);
    assert_non_null(
        strstr(text_of(&out), "*\n\n\nSpecified ALL for -am option. Printed logs for all am containers.\n"));
    assert_int_equal(ask((struct ps_logs_options){.application_id = id, .am = "2"}), 255);
    assert_string_equal(text_of(&complaints),
                        "ERROR: Specified AM containerId (2) exceeds the number of AM containers (1).\n");
    assert_int_equal(ask((struct ps_logs_options){.application_id = id, .am = "x"}), 255);
}

static void wrong_questions(void **state) {
    (void)state;
    assert_int_equal(ask((struct ps_logs_options){0}), 255);
    assert_string_equal(text_of(&complaints),
                        "Both applicationId and containerId are missing,  one of them must be specified.\n");
    assert_int_equal(ask((struct ps_logs_options){.application_id = "application_1"}), 255);
    assert_string_equal(text_of(&complaints), "Invalid ApplicationId specified\n");
    assert_int_equal(ask((struct ps_logs_options){.application_id = "application_1_0001/../x"}), 255);
    assert_string_equal(text_of(&complaints), "Invalid ApplicationId specified\n");
    assert_int_equal(ask((struct ps_logs_options){.container_id = "container_x"}), 255);
    assert_string_equal(text_of(&complaints), "Invalid ContainerId specified\n");
    assert_int_equal(ask((struct ps_logs_options){.application_id = "application_1_0001",
                                                  .container_id = "container_2_0001_01_000001"}),
                     255);
    assert_string_equal(
        text_of(&complaints),
        "The Application:application_1_0001 does not have the container:container_2_0001_01_000001\n");
    assert_int_equal(ask((struct ps_logs_options){.application_id = "application_1_0001"}), 255);
    assert_non_null(
        strstr(text_of(&complaints), "Could not locate application logs for application_1_0001\n"));
    struct ps_application *application = begin(1);
    struct penstock_error error = {0};
    int status = 0;
    const struct ps_logs_options bad = {.application_id = ps_application_id(application),
                                        .log_files_pattern = "a("};
    assert_int_equal(ps_application_logs(store, &bad, &out, &complaints, &status, &error),
                     PENSTOCK_INVALID_ARGUMENT);
    assert_string_equal(error.message, "'a(' is not a regular expression");
    end(application, PS_APPLICATION_FINISHED, "SUCCEEDED");
}

static void logs_go_into_a_folder(void **state) {
    (void)state;
    struct ps_application *application = begin(1);
    const char *id = ps_arena_copy(arena, ps_application_id(application));
    ps_application_print(application, "hello");
    end(application, PS_APPLICATION_FINISHED, "SUCCEEDED");
    const char *const folder = ps_arena_printf(arena, "%s/out", store);
    assert_int_equal(ask((struct ps_logs_options){.application_id = id, .out_folder = folder}), 0);
    assert_int_equal(out.size, 0);
    struct ps_bytes content;
    struct penstock_error error = {0};
    must(ps_file_read(ps_arena_printf(arena, "%s/%s_0/%s", folder, host(), container_of(id, 1)), 1 << 20,
                      arena, &content, &error),
         &error);
    assert_non_null(strstr(content.data, "LogType:stdout"));
    assert_non_null(strstr(content.data, "hello\n"));
}

static void the_list_is_yarns(void **state) {
    (void)state;
    struct penstock_error error = {0};
    must(ps_application_list(store, NULL, &out, &error), &error); /* no store, no applications */
    assert_memory_equal(
        out.data,
        "Total number of applications (application-types: [], states: [SUBMITTED, ACCEPTED, RUNNING] and tags: []):0\n",
        108);
    struct ps_application *first = begin(1);
    end(first, PS_APPLICATION_FINISHED, "SUCCEEDED");
    struct ps_application *second = begin(1);
    assert_string_equal(ps_application_id(second) + strlen(ps_application_id(second)) - 5, "_0002");
    ps_buffer_clear(&out);
    must(ps_application_list(store, "finished,RUNNING", &out, &error), &error);
    struct ps_application_record *records = NULL;
    size_t count = 0;
    must(ps_record_list(store, arena, &records, &count, &error), &error);
    assert_int_equal(count, 2);
    assert_string_equal(
        text_of(&out),
        ps_arena_printf(
            arena,
            "Total number of applications (application-types: [], states: [RUNNING, FINISHED] and tags: []):2\n"
            "%30s\t%20s\t%20s\t%10s\t%10s\t%18s\t%18s\t%15s\t%35s\n%30s\t%20s\t%20s\t%10s\t%10s\t%18s\t%18s\t%15s\t%35s\n%30s\t%20s\t%20s\t%10s\t%10s\t%18s\t%18s\t%15s\t%35s\n",
            "Application-Id", "Application-Name", "Application-Type", "User", "Queue", "State", "Final-State",
            "Progress", "Tracking-URL", records[0].id, "demo", "PENSTOCK", records[0].user, "default",
            "FINISHED", "SUCCEEDED", "100%", "N/A", records[1].id, "demo", "PENSTOCK", records[1].user,
            "default", "RUNNING", "UNDEFINED", "0%", "N/A"));
    assert_int_equal(ps_application_list(store, "RUNING", &out, &error), PENSTOCK_INVALID_ARGUMENT);
    assert_string_equal(error.message, "The application state RUNING is invalid.");
    struct ps_text_table *table = NULL;
    must(ps_application_table(store, &table, &error), &error);
    assert_int_equal(table->row_count, 2);
    assert_string_equal(table->cells[3], "FINISHED");
    ps_text_table_free(table);
    end(second, PS_APPLICATION_FINISHED, "SUCCEEDED");
}

static void the_report_is_yarns(void **state) {
    (void)state;
    struct penstock_error error = {0};
    struct ps_application *application = begin(1);
    const char *id = ps_arena_copy(arena, ps_application_id(application));
    end(application, PS_APPLICATION_FAILED, "FAILED");
    must(ps_application_status(store, id, &out, &error), &error);
    const char *const start = ps_arena_printf(
        arena,
        "Application Report : \n\tApplication-Id : %s\n\tApplication-Name : demo\n\tApplication-Type : PENSTOCK\n",
        id);
    assert_memory_equal(out.data, start, strlen(start));
    assert_non_null(strstr(out.data, "\tState : FAILED\n\tFinal-State : FAILED\n"));
    assert_int_equal(ps_application_status(store, "application_1_0009", &out, &error), PENSTOCK_NOT_FOUND);
    assert_non_null(strstr(error.message, "Application with id 'application_1_0009' doesn't exist"));
    ps_buffer_clear(&out);
    must(ps_application_kill(store, id, &out, &error), &error);
    assert_string_equal(out.data, ps_arena_printf(arena, "Application %s has already finished \n", id));
}

/* A child that begins an application and then waits for a signal, as a run does. */
static pid_t run_child(bool dies_at_once) {
    const pid_t child = fork();
    if (child == 0) {
        struct ps_application *application = begin(1);
        ps_application_print(application, "the last line");
        if (dies_at_once) {
            (void)raise(SIGKILL);
        }
        sigset_t signals;
        int number = 0;
        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        (void)sigprocmask(SIG_BLOCK, &signals, NULL);
        (void)sigwait(&signals, &number);
        const bool killed = ps_application_kill_requested(application);
        end(application, killed ? PS_APPLICATION_KILLED : PS_APPLICATION_FINISHED,
            killed ? "KILLED" : "SUCCEEDED");
        _exit(0);
    }
    return child;
}

static struct ps_application_record only_record(void) {
    struct ps_application_record *records = NULL;
    struct penstock_error error = {0};
    size_t count = 0;
    must(ps_record_list(store, arena, &records, &count, &error), &error);
    return count == 1 ? records[0] : (struct ps_application_record){.id = ""};
}

static void a_dead_one_is_found_out(void **state) {
    (void)state;
    const pid_t child = run_child(true);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    const struct ps_application_record record = only_record();
    assert_int_equal(record.state, PS_APPLICATION_FAILED);
    assert_string_equal(record.final_status, "FAILED");
    assert_string_equal(
        record.diagnostics,
        "the process ended without saying so (killed?); last lines of stdout: the last line\n");
    assert_true(record.finish_ms >= record.start_ms);
    /* and it is written down, so that logs are those of a finished one */
    assert_int_equal(ask((struct ps_logs_options){.application_id = record.id, .log_files = "stdout"}), 0);
    assert_non_null(strstr(text_of(&out), "AGGREGATED"));
    assert_non_null(strstr(text_of(&out), "the last line"));
}

/* The pid of the record lives, but it is another process that has it now. */
static void a_pid_that_was_taken_again_is_no_life(void **state) {
    (void)state;
    struct penstock_error error = {0};
    struct ps_application *application = begin(1);
    struct ps_application_record record = only_record();
    assert_int_equal(record.state, PS_APPLICATION_RUNNING);
    record.process_start = "an earlier boot/17";
    must(ps_record_write(store, &record, &error), &error);
    assert_int_equal(only_record().state, PS_APPLICATION_FAILED);
    end(application, PS_APPLICATION_FINISHED, "SUCCEEDED");
}

static void a_running_one_is_killed(void **state) {
    (void)state;
    struct penstock_error error = {0};
    const pid_t child = run_child(false);
    struct ps_application_record record = only_record();
    for (int i = 0; i < 500 && (record.id[0] == '\0' || record.state != PS_APPLICATION_RUNNING); i++) {
        ps_clock_sleep_ms(10);
        record = only_record();
    }
    assert_int_equal(record.state, PS_APPLICATION_RUNNING);
    assert_int_equal(record.pid, child);
    ps_clock_sleep_ms(50); /* it blocks the signal first */
    must(ps_application_kill(store, record.id, &out, &error), &error);
    assert_string_equal(out.data, ps_arena_printf(arena, "Killing application %s\nKilled application %s\n",
                                                  record.id, record.id));
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(only_record().state, PS_APPLICATION_KILLED);
}

static void ids_are_strict(void **state) {
    (void)state;
    int64_t start = 0;
    int64_t number = 0;
    assert_true(ps_application_id_parse("application_1795367732275_0001", &start, &number));
    assert_int_equal(start, 1795367732275);
    assert_int_equal(number, 1);
    assert_false(ps_application_id_parse("application_1795367732275", &start, &number));
    assert_false(ps_application_id_parse("application_1_1_", &start, &number));
    assert_false(ps_application_id_parse("../application_1_1", &start, &number));
    assert_false(ps_application_id_parse("", &start, &number));
}

/* Every allocation of a reader fails once: an error each time, and never an answer that is not whole. */
static void out_of_memory_is_an_error(void **state) {
    (void)state;
    struct ps_application *application = begin(1);
    const char *id = ps_arena_copy(arena, ps_application_id(application));
    ps_application_print(application, "hello");
    end(application, PS_APPLICATION_FINISHED, "SUCCEEDED");
    assert_int_equal(ask((struct ps_logs_options){.application_id = id}), 0);
    char *whole = ps_arena_copy(arena, out.data);
    penstock_code code = PENSTOCK_OUT_OF_MEMORY;
    for (int64_t call = 1; code != PENSTOCK_OK; call++) {
        struct ps_buffer text;
        const struct ps_logs_options options = {.application_id = id};
        int status = 0;
        ps_buffer_init(&text, 1 << 20);
        ps_memory_fail_at(call);
        code = ps_application_logs(store, &options, &text, &complaints, &status, NULL);
        ps_memory_fail_at(0);
        if (code == PENSTOCK_OK) {
            assert_int_equal(status, 0);
            assert_string_equal(text.data, whole);
        }
        ps_buffer_done(&text);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_block_while_it_runs),
        TEST(a_block_of_a_finished_one),
        TEST(files_are_chosen_as_by_yarn),
        TEST(nothing_matches),
        TEST(infos),
        TEST(the_driver_is_the_am),
        TEST(wrong_questions),
        TEST(logs_go_into_a_folder),
        TEST(the_list_is_yarns),
        TEST(the_report_is_yarns),
        TEST(a_dead_one_is_found_out),
        TEST(a_pid_that_was_taken_again_is_no_life),
        TEST(a_running_one_is_killed),
        TEST(out_of_memory_is_an_error),
        TEST(ids_are_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
