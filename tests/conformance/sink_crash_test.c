/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_crash_test.c - the sinks that write files, killed at every single call that changes the disk, and every such
 * call refused once.
 *
 * This program has its own fsync, write, rename, link, ...: they are called by DuckDB, too. A child process drives
 * three epochs and dies within the n-th call (of a write half is done before); the next attempt goes on from
 * recover(), and at the end a reader finds every record once. Then the same with the n-th call failing: no space
 * left, or an I/O error. The parent never opens DuckDB, so that it may fork.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sink_files.h"

#define EXPORT __attribute__((visibility("default")))
#define STATUS_CRASHED 9
#define STATUS_FAILED 3
#define CALL_COUNT_MAX 2000

enum mode { MODE_OFF, MODE_CRASH, MODE_FAIL };

static enum mode mode;
static long call_count, call_at;

/* True: this call fails instead. */
static bool is_hit(void) {
    if (mode == MODE_OFF || ++call_count != call_at) {
        return false;
    }
    if (mode == MODE_CRASH) {
        _exit(STATUS_CRASHED);
    }
    errno = call_at % 2 == 0 ? ENOSPC : EIO;
    return true;
}

/* Nothing here dies but the process: the disk need not be waited for (tests/torture/power_loss.py cuts the power). */
EXPORT int fsync(int descriptor) {
    (void)descriptor;
    return is_hit() ? -1 : 0;
}

EXPORT int rename(const char *from, const char *to) {
    return is_hit() ? -1 : (int)syscall(SYS_rename, from, to);
}

EXPORT int link(const char *from, const char *to) {
    return is_hit() ? -1 : (int)syscall(SYS_link, from, to);
}

EXPORT int unlink(const char *path) {
    return is_hit() ? -1 : (int)syscall(SYS_unlink, path);
}

EXPORT int remove(const char *path) {
    if (is_hit()) {
        return -1;
    }
    return syscall(SYS_unlink, path) == 0 ? 0 : (int)syscall(SYS_rmdir, path);
}

EXPORT int mkdir(const char *path, mode_t permissions) {
    return is_hit() ? -1 : (int)syscall(SYS_mkdir, path, permissions);
}

EXPORT int ftruncate(int descriptor, off_t size) {
    return is_hit() ? -1 : (int)syscall(SYS_ftruncate, descriptor, size);
}

EXPORT int truncate(const char *path, off_t size) {
    return is_hit() ? -1 : (int)syscall(SYS_truncate, path, size);
}

/* Half of it reaches the file before a crash. */
EXPORT ssize_t write(int descriptor, const void *data, size_t size) {
    if (mode == MODE_CRASH && call_count + 1 == call_at) {
        (void)syscall(SYS_write, descriptor, data, size / 2);
    }
    return is_hit() ? -1 : (ssize_t)syscall(SYS_write, descriptor, data, size);
}

EXPORT ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset) {
    if (mode == MODE_CRASH && call_count + 1 == call_at) {
        (void)syscall(SYS_pwrite64, descriptor, data, size / 2, offset);
    }
    return is_hit() ? -1 : (ssize_t)syscall(SYS_pwrite64, descriptor, data, size, offset);
}

/* --- a child: one attempt ------------------------------------------------------------------------------------ */

static struct sink_world *open_world(const struct kind *kind, const char *folder) {
    struct sink_world *world = calloc(1, sizeof(*world));
    ps_check(world != NULL);
    world->kind = kind;
    snprintf(world->folder, sizeof(world->folder), "%s", folder);
    world->arena = ps_arena_new(0);
    const struct ps_engine_options options = {.thread_count = 1};
    ps_check(ps_engine_open(&options, &world->engine, NULL) == PENSTOCK_OK);
    return world;
}

static void say(const char *what, const struct penstock_error *error) {
    mode = MODE_OFF;
    fprintf(stderr, "%s: %s: %s (%s)\n", what, ps_error_code_name(error->code), error->message,
            error->detail);
}

static penstock_code drive_epochs(struct sink_drive *drive, struct penstock_error *error) {
    struct ps_epoch last = {0};
    int64_t position = 0;
    PS_TRY(sink_suite_start(drive, &last, &position, error));
    while (last.number < SINK_SUITE_EPOCHS) {
        bool died = false;
        const struct ps_epoch epoch = {last.number + 1, drive->attempt};
        PS_TRY(sink_suite_epoch(drive, epoch, &died, error));
        last = epoch;
    }
    return PENSTOCK_OK;
}

static bool is_each_once(struct sink_world *world) {
    int times[SINK_SUITE_RECORDS] = {0};
    count_records(world, times);
    for (int i = 0; i < SINK_SUITE_RECORDS; i++) {
        if (times[i] != 1) {
            fprintf(stderr, "record %d is there %d times\n", i, times[i]);
            return false;
        }
    }
    return true;
}

/* A reader of the log, unlike one of files, sees whole epochs even before anybody has cleaned up. */
static bool is_whole(struct sink_world *world) {
    int times[SINK_SUITE_RECORDS] = {0};
    if (world->kind->is_exact_at_once) {
        count_records(world, times);
    }
    for (int i = 0; i < SINK_SUITE_RECORDS; i++) {
        if (times[i] > 1 || times[i] != times[i - i % SINK_SUITE_ROWS]) {
            fprintf(stderr, "after the crash record %d is there %d times\n", i, times[i]);
            return false;
        }
    }
    return true;
}

_Noreturn static void run_child(const struct kind *kind, const char *folder, int64_t attempt, enum mode how,
                                long at) {
    struct sink_world *world = open_world(kind, folder);
    struct sink_drive drive;
    struct sink_quirks quirks = kind->quirks;
    struct penstock_error error = {0};
    const bool is_first = how != MODE_OFF;
    sink_suite_adopt_drive(&drive, &quirks, world);
    drive.attempt = attempt - 1; /* a start adds one */
    if (!is_first && !is_whole(world)) {
        _exit(1);
    }
    call_at = at;
    mode = how;
    const penstock_code code = drive_epochs(&drive, &error);
    if (code != PENSTOCK_OK) {
        if (!is_first || error.message[0] == '\0') {
            say("an attempt that should have worked", &error);
            _exit(1);
        }
        _exit(STATUS_FAILED);
    }
    const bool is_done = call_count < call_at; /* the call was never reached */
    mode = MODE_OFF;
    _exit(!is_first && !is_each_once(world) ? 1 : is_done || !is_first ? 0 : STATUS_FAILED);
}

/* --- the parent ---------------------------------------------------------------------------------------------- */

static int wait_for(const struct kind *kind, const char *folder, int64_t attempt, enum mode how, long at) {
    int status = 0;
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        run_child(kind, folder, attempt, how, at);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256;
}

/* Every `stride`-th call of the sink's whole life. NULL, or what went wrong. Static text. */
static const char *disturb(const struct kind *kind, enum mode how, long stride) {
    static char fault[256];
    for (long at = 1; at < CALL_COUNT_MAX; at += stride) {
        char folder[] = "penstock-crash-XXXXXX", command[96];
        assert_non_null(mkdtemp(folder));
        const int first = wait_for(kind, folder, 1, how, at);
        const int second = first == 0 ? 0 : wait_for(kind, folder, 2, MODE_OFF, 0);
        snprintf(command, sizeof(command), "rm -rf '%s'", folder);
        assert_int_equal(system(command), 0);
        if ((first != 0 && first != STATUS_CRASHED && first != STATUS_FAILED) || second != 0) {
            snprintf(fault, sizeof(fault), "%s: call %ld %s: first attempt %d, second %d", kind->quirks.name,
                     at, how == MODE_CRASH ? "killed" : "refused", first, second);
            return fault;
        }
        if (first == 0) {
            print_message("%s: %ld calls, every %ld.\n", kind->quirks.name, at, stride);
            return at > 20 ? NULL : "it is not our calls that are called";
        }
    }
    return "it never comes to an end";
}

static void disturb_all(enum mode how) {
    const bool is_torture = getenv("PENSTOCK_TORTURE") != NULL;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        kinds[i].quirks.type = ps_sink_type_find(kinds[i].connector);
        const char *fault =
            kinds[i].is_in_crash_test ? disturb(&kinds[i], how, is_torture ? 1 : kinds[i].stride) : NULL;
        if (fault != NULL) {
            fail_msg("%s", fault);
        }
    }
}

static void killed_at_any_call(void **state) {
    (void)state;
    disturb_all(MODE_CRASH);
}

static void any_call_refused(void **state) {
    (void)state;
    disturb_all(MODE_FAIL);
}

/* --- a sink that must not pass: its rows are in the file before its epoch is ---------------------------------- */

struct careless {
    const struct ps_sink_setup *setup;
    char rows[128], epoch[128], stage[128];
};

static penstock_code careless_open(const struct ps_sink_setup *setup, const void *config, void **state_out,
                                   struct penstock_error *error) {
    struct careless *sink = calloc(1, sizeof(*sink));
    (void)config;
    (void)error;
    ps_check(sink != NULL);
    sink->setup = setup;
    snprintf(sink->rows, sizeof(sink->rows), "%s/a.csv", setup->folder);
    snprintf(sink->epoch, sizeof(sink->epoch), "%s/epoch", setup->folder);
    snprintf(sink->stage, sizeof(sink->stage), "%s/stage", setup->folder);
    *state_out = sink;
    return PENSTOCK_OK;
}

static penstock_code careless_recover(void *state, int64_t attempt, struct ps_epoch *epoch_out,
                                      struct ps_position_list *positions_out, struct penstock_error *error) {
    struct careless *sink = state;
    FILE *file = fopen(sink->epoch, "r");
    long number = 0;
    (void)positions_out;
    (void)error;
    if (file != NULL) {
        ps_check(fscanf(file, "%ld", &number) == 1);
        fclose(file);
    }
    *epoch_out = (struct ps_epoch){number, attempt};
    return PENSTOCK_OK;
}

static penstock_code careless_begin(void *state, struct ps_epoch epoch, struct penstock_error *error) {
    (void)state;
    (void)epoch;
    (void)error;
    return PENSTOCK_OK;
}

static penstock_code careless_copy(void *state, struct ps_connection *connection, const char *select_sql,
                                   int64_t *row_count_out, struct penstock_error *error) {
    struct careless *sink = state;
    char block[4096];
    *row_count_out = SINK_SUITE_ROWS;
    PS_TRY(ps_sql_runf(connection, error, "COPY (%s) TO '%s' (FORMAT csv, HEADER false, USE_TMP_FILE false)",
                       select_sql, sink->stage));
    const int from = open(sink->stage, O_RDONLY), to = open(sink->rows, O_WRONLY | O_CREAT | O_APPEND, 0666);
    const ssize_t size = read(from, block, sizeof(block));
    const bool is_written = size > 0 && write(to, block, (size_t)size) == size;
    close(from);
    close(to);
    return is_written ? PENSTOCK_OK : ps_error_set(error, PENSTOCK_IO, "not written");
}

static penstock_code careless_commit(void *state, struct ps_epoch epoch,
                                     const struct ps_position_list *positions, struct penstock_error *error) {
    struct careless *sink = state;
    char text[32];
    (void)positions;
    snprintf(text, sizeof(text), "%lld\n", (long long)epoch.number);
    return ps_file_replace(sink->epoch, text, strlen(text), error);
}

static penstock_code careless_discard(void *state, struct penstock_error *error) {
    (void)state;
    (void)error;
    return PENSTOCK_OK;
}

static void a_careless_sink_is_caught(void **state) {
    static const struct ps_option no_options[] = {{.name = NULL}};
    const struct ps_sink_type type = {.name = "careless",
                                      .options = no_options,
                                      .config_size = 1,
                                      .open = careless_open,
                                      .recover = careless_recover,
                                      .begin = careless_begin,
                                      .copy = careless_copy,
                                      .commit = careless_commit,
                                      .discard = careless_discard,
                                      .close = free};
    struct kind kind = {
        .quirks = QUIRKS("careless"),
        .connector = "careless",
        .encode = "csv",
        .reader = "read_csv('%s/a.csv', header = false, columns = {id: 'BIGINT'}, auto_detect = false)",
        .files = "a.csv"};
    (void)state;
    kind.quirks.type = &type;
    assert_non_null(disturb(&kind, MODE_CRASH, 1));
    assert_non_null(disturb(&kind, MODE_FAIL, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_any_call),
        cmocka_unit_test(any_call_refused),
        cmocka_unit_test(a_careless_sink_is_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
