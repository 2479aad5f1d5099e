/* SPDX-License-Identifier: Apache-2.0
 *
 * prove.c - a proof of exactly-once: a project of its own, its lives and deaths, the report.
 *
 * The moments of death are spread from the start of a process to some epochs behind it; how far, follows from
 * where the last kills hit, so that on a slow machine, too, most of them hit work.
 */
#include "app/prove_parts.h"

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "app/table.h"
#include "base/clock.h"
#include "base/file.h"

/* How long a life may last at first; adapted, between these. */
#define LIFE_MS_START 600
#define LIFE_MS_MIN 200
#define LIFE_MS_MAX 20000
#define TICK_MS 20

static void say(const struct ps_prove *prove, const char *format, ...) PS_PRINTF(2, 3);
static void say(const struct ps_prove *prove, const char *format, ...) {
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (prove->options->on_line != NULL) {
        prove->options->on_line(line, prove->options->context);
    }
}

/* --- the project ------------------------------------------------------------------------------------------------ */

static penstock_code write_file(const struct ps_prove *prove, const char *name, const struct ps_buffer *text,
                                struct penstock_error *error) {
    char path[4096];
    PS_TRY(ps_buffer_status(text, error));
    (void)snprintf(path, sizeof path, "%s/%s", prove->folder, name);
    return ps_file_replace(path, text->data, text->size, error);
}

/* , properties.NAME = 'VALUE' for each */
static void add_properties(const struct ps_prove *prove, struct ps_buffer *sql) {
    ps_buffer_text(sql, ", properties.bootstrap.servers = ");
    ps_buffer_sql_literal(sql, prove->options->bootstrap);
    for (size_t i = 0; prove->options->properties != NULL && prove->options->properties[i] != NULL; i++) {
        const char *property = prove->options->properties[i];
        const size_t size = strcspn(property, "=");
        ps_buffer_printf(sql, ", properties.%.*s = ", (int)size, property);
        ps_buffer_sql_literal(sql, property[size] == '=' ? property + size + 1 : "");
    }
}

static penstock_code write_project(const struct ps_prove *prove, struct penstock_error *error) {
    struct ps_buffer manifest PS_SCOPED(ps_buffer_done) = {0};
    struct ps_buffer sql PS_SCOPED(ps_buffer_done) = {0};
    const int64_t life = prove->options->record_count / (prove->options->kill_count + 1);
    const int64_t rows = life / 10 < 50 ? 50 : life / 10; /* several epochs a life */
    ps_buffer_init(&manifest, (size_t)1 << 20);
    ps_buffer_init(&sql, (size_t)1 << 20);
    ps_buffer_printf(&manifest,
                     "name: %s\nsql: [\"prove.sql\"]\nmaster: local[2]\nepoch:\n  rows: %" PRId64
                     "\n  bytes: %" PRId64 "\n  interval: 10 ms\n",
                     prove->id, rows, rows * 40 < 1024 ? 1024 : rows * 40);
    ps_buffer_text(&sql, "CREATE SOURCE input (id BIGINT, k VARCHAR, v BIGINT) WITH (connector = ");
    if (prove->trial != NULL) {
        ps_buffer_printf(&sql, "'kafka', topic = '%s', scan.startup.mode = 'earliest'", prove->input_topic);
        add_properties(prove, &sql);
    } else {
        ps_buffer_text(&sql, "'file', path = 'input/*.ndjson'");
    }
    ps_buffer_text(
        &sql, ") FORMAT PLAIN ENCODE JSON;\n"
              "CREATE STREAMING TABLE kept AS SELECT id, k, v FROM STREAM input;\n"
              "CREATE MATERIALIZED VIEW per_key AS SELECT k, count(*) AS n, sum(v) AS total FROM STREAM kept"
              " GROUP BY k;\n"
              "CREATE SINK output WITH (connector = ");
    if (prove->trial != NULL) {
        ps_buffer_printf(&sql, "'kafka', topic = '%s'", prove->output_topic);
        add_properties(prove, &sql);
    } else {
        ps_buffer_text(&sql, "'file', path = 'output.ndjson'");
    }
    ps_buffer_text(&sql, ") ENCODE JSON AS SELECT id, k, v FROM STREAM kept;\n");
    PS_TRY(write_file(prove, "penstock.yml", &manifest, error));
    return write_file(prove, "prove.sql", &sql, error);
}

static penstock_code make_counts(struct ps_prove *prove, struct penstock_error *error) {
    const size_t count = (size_t)prove->options->record_count + 1;
    prove->input.times = ps_allocate(count, 1);
    prove->table.times = ps_allocate(count, 1);
    prove->sink.times = ps_allocate(count, 1);
    prove->values = ps_allocate(count, sizeof *prove->values);
    return prove->input.times == NULL || prove->table.times == NULL || prove->sink.times == NULL ||
                   prove->values == NULL
               ? ps_error_memory(error, "prove")
               : PENSTOCK_OK;
}

static penstock_code set_up(struct ps_prove *prove, struct penstock_error *error) {
    char program[4096];
    const ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
    if (size < 0) {
        return ps_error_errno(error, errno, "cannot tell where this program is");
    }
    program[size] = '\0';
    const char *below = prove->options->folder != NULL ? prove->options->folder : ".";
    prove->program = ps_arena_copy(prove->arena, program);
    prove->id = ps_arena_printf(prove->arena, "penstock-prove-%llx",
                                (unsigned long long)ps_clock_wall_ms() * 1000 + (unsigned)getpid() % 1000);
    prove->folder = prove->id == NULL ? NULL : ps_path_join(prove->arena, below, prove->id);
    prove->store_path = prove->folder == NULL ? NULL : ps_path_join(prove->arena, prove->folder, "store");
    char *input = prove->folder == NULL ? NULL : ps_path_join(prove->arena, prove->folder, "input");
    prove->input_topic = prove->id;
    prove->output_topic = prove->id == NULL ? NULL : ps_arena_printf(prove->arena, "%s-out", prove->id);
    if (prove->program == NULL || prove->store_path == NULL || input == NULL || prove->output_topic == NULL) {
        return ps_error_memory(error, "prove");
    }
    PS_TRY(make_counts(prove, error));
    PS_TRY(ps_file_make_folders(input, error));
    if (chmod(prove->folder, 0700) != 0) { /* properties may be secrets */
        return ps_error_errno(error, errno, "cannot close %s to others", prove->folder);
    }
    if (prove->options->bootstrap != NULL) {
        PS_TRY(ps_trial_open(prove->options->bootstrap, prove->options->properties, &prove->trial, error));
        PS_TRY(ps_trial_create(prove->trial, prove->input_topic, PS_PROVE_PARTITION_COUNT, error));
        PS_TRY(ps_trial_create(prove->trial, prove->output_topic, PS_PROVE_PARTITION_COUNT, error));
    }
    return write_project(prove, error);
}

/* --- lives and deaths ------------------------------------------------------------------------------------------- */

/* One life: the input grows while it lasts. */
static penstock_code live(struct ps_prove *prove, int64_t life_ms, int64_t record_count,
                          struct penstock_error *error) {
    pid_t child = -1;
    const int64_t tick_count = life_ms / TICK_MS + 1;
    PS_TRY(ps_prove_start(prove, false, &child, error));
    penstock_code code = PENSTOCK_OK;
    const int64_t end_ns = ps_clock_monotonic_ns() + life_ms * 1000000;
    for (int64_t tick = 0; code == PENSTOCK_OK && tick < tick_count; tick++) {
        const int64_t left_ms = (end_ns - ps_clock_monotonic_ns()) / 1000000;
        const int64_t share = record_count * (tick + 1) / tick_count - record_count * tick / tick_count;
        code = ps_prove_write(prove, share, error);
        if (left_ms > 0) {
            ps_clock_sleep_ms(left_ms < TICK_MS ? left_ms : TICK_MS);
        }
    }
    if (code == PENSTOCK_OK) {
        code = ps_prove_check_alive(prove, child, error);
    }
    if (code == PENSTOCK_OK || error->code != PENSTOCK_INVALID_DATA) {
        ps_prove_kill(child);
    }
    return code;
}

static penstock_code kill_often(struct ps_prove *prove, struct penstock_error *error) {
    const int64_t kill_count = prove->options->kill_count;
    const int64_t share = prove->options->record_count / (kill_count + 1);
    int64_t life_ms = LIFE_MS_START;
    for (int64_t i = 0; i < kill_count; i++) {
        PS_TRY(live(prove, 5 + (int64_t)(ps_prove_random(prove) % (uint64_t)life_ms), share, error));
        const enum ps_prove_hit hit = ps_prove_where(prove);
        prove->hits[hit]++;
        life_ms = hit == PS_PROVE_STARTING ? life_ms * 5 / 4 : life_ms * 9 / 10;
        life_ms = life_ms < LIFE_MS_MIN ? LIFE_MS_MIN : life_ms > LIFE_MS_MAX ? LIFE_MS_MAX : life_ms;
        if ((i + 1) % 10 == 0) {
            say(prove, "%" PRId64 " of %" PRId64 " kills; %" PRId64 " records written", i + 1, kill_count,
                prove->written);
        }
    }
    PS_TRY(ps_prove_write(prove, prove->options->record_count, error)); /* what is left */
    pid_t child = -1;
    PS_TRY(ps_prove_start(prove, true, &child, error));
    return ps_prove_wait(prove, child, error);
}

/* --- the report ------------------------------------------------------------------------------------------------- */

static penstock_code add(struct ps_text_table_builder *builder, struct penstock_error *error,
                         const char *item, const char *format, ...) PS_PRINTF(4, 5);
static penstock_code add(struct ps_text_table_builder *builder, struct penstock_error *error,
                         const char *item, const char *format, ...) {
    char value[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    const char *const cells[] = {item, value};
    return ps_text_table_row(builder, cells, error);
}

static penstock_code add_world(struct ps_prove *prove, struct ps_text_table_builder *builder,
                               struct penstock_error *error) {
    struct utsname system = {0};
    (void)uname(&system);
    PS_TRY(add(builder, error, "disk", "%s", ps_prove_disk(prove)));
    PS_TRY(add(builder, error, "system", "%s %s %s, %" PRId64 " processors", system.sysname, system.release,
               system.machine, ps_core_count()));
    if (prove->trial != NULL) {
        PS_TRY(add(builder, error, "broker", "%s", prove->options->bootstrap));
    }
    return add(builder, error, "versions", "penstock %s, DuckDB %s, librdkafka %s", PENSTOCK_VERSION,
               ps_engine_version(), ps_trial_library());
}

static penstock_code report(struct ps_prove *prove, int64_t started_ns, struct ps_text_table **table_out,
                            bool *is_proven_out, struct penstock_error *error) {
    static const char *const names[] = {"item", "value"};
    static const char *const types[] = {"VARCHAR", "VARCHAR"};
    struct ps_text_table_builder builder PS_SCOPED(ps_text_table_builder_done) = {0};
    int64_t lost[2], doubled[2];
    ps_prove_compare(prove, &prove->table, &lost[0], &doubled[0]);
    ps_prove_compare(prove, &prove->sink, &lost[1], &doubled[1]);
    const int64_t wrong = prove->table.wrong + prove->sink.wrong + prove->view_wrong + prove->dead_count;
    *is_proven_out = lost[0] + lost[1] + doubled[0] + doubled[1] + wrong == 0;
    PS_TRY(ps_text_table_begin(&builder, names, types, 2, error));
    PS_TRY(add(&builder, error, "result", "%s", *is_proven_out ? "exactly once" : "NOT exactly once"));
    PS_TRY(add(&builder, error, "kills",
               "%" PRId64 " with SIGKILL: %" PRId64 " while starting, %" PRId64 " in an epoch, %" PRId64
               " between epochs",
               prove->options->kill_count, prove->hits[PS_PROVE_STARTING], prove->hits[PS_PROVE_IN_EPOCH],
               prove->hits[PS_PROVE_BETWEEN]));
    PS_TRY(add(&builder, error, "records", "%" PRId64 " in %s, %" PRId64 " epochs", prove->input.total,
               prove->trial != NULL ? "a topic" : "files", prove->epoch_count));
    PS_TRY(add(&builder, error, "table",
               "%" PRId64 " rows: %" PRId64 " lost, %" PRId64 " doubled, %" PRId64 " wrong",
               prove->table.total, lost[0], doubled[0], prove->table.wrong));
    PS_TRY(add(&builder, error, "view", "%d keys: %" PRId64 " with a wrong count or sum", PS_PROVE_KEY_COUNT,
               prove->view_wrong));
    PS_TRY(add(&builder, error, "sink",
               "%s: %" PRId64 " records: %" PRId64 " lost, %" PRId64 " doubled, %" PRId64 " wrong",
               prove->trial != NULL ? "topic" : "file", prove->sink.total, lost[1], doubled[1],
               prove->sink.wrong));
    PS_TRY(add(&builder, error, "dead letters", "%" PRId64, prove->dead_count));
    PS_TRY(add(&builder, error, "time", "%.1f s", (double)(ps_clock_monotonic_ns() - started_ns) / 1e9));
    PS_TRY(add(&builder, error, "seed", "%" PRId64, prove->options->seed));
    PS_TRY(add_world(prove, &builder, error));
    return ps_text_table_end(&builder, table_out, error);
}

/* --- all of it -------------------------------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

/* A proof that failed leaves its project, to be looked at. */
static void clear_away(struct ps_prove *prove, bool is_good) {
    if (prove->trial != NULL && (is_good || !prove->options->keeps)) {
        struct penstock_error ignored;
        (void)!ps_trial_delete(prove->trial, prove->input_topic, &ignored);
        (void)!ps_trial_delete(prove->trial, prove->output_topic, &ignored);
    }
    if (is_good && !prove->options->keeps) {
        (void)nftw(prove->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    } else if (prove->folder != NULL && ps_file_exists(prove->folder)) {
        say(prove, "the project is kept in %s", prove->folder);
    }
    ps_trial_close(prove->trial);
    ps_release(prove->input.times);
    ps_release(prove->table.times);
    ps_release(prove->sink.times);
    ps_release(prove->values);
    ps_arena_free(prove->arena);
}

static penstock_code carry_out(struct ps_prove *prove, struct ps_text_table **report_out, bool *is_proven_out,
                               struct penstock_error *error) {
    const int64_t started_ns = ps_clock_monotonic_ns();
    PS_TRY(set_up(prove, error));
    say(prove, "%s: %" PRId64 " records, %" PRId64 " kills, seed %" PRId64, prove->folder,
        prove->options->record_count, prove->options->kill_count, prove->options->seed);
    PS_TRY(kill_often(prove, error));
    if (prove->options->is_canary) {
        PS_TRY(ps_prove_plant(prove, error));
    }
    PS_TRY(ps_prove_check(prove, error));
    return report(prove, started_ns, report_out, is_proven_out, error);
}

penstock_code ps_prove(const struct ps_prove_options *options, struct ps_text_table **report_out,
                       bool *is_proven_out, struct penstock_error *error) {
    struct penstock_error local = {0};
    struct penstock_error *where = error == NULL ? &local : error;
    struct ps_prove prove = {.options = options, .random = (uint64_t)options->seed, .arena = ps_arena_new(0)};
    bool is_proven = false;
    if (prove.arena == NULL) {
        return ps_error_memory(where, "prove");
    }
    ps_error_clear(where);
    const penstock_code code = carry_out(&prove, report_out, &is_proven, where);
    clear_away(&prove, code == PENSTOCK_OK && (is_proven || options->is_canary));
    *is_proven_out = is_proven;
    return code;
}
