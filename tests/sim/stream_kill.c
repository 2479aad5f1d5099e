/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_kill.c - kills the runner for real (SIGKILL, at random moments), restarts it, and compares the store.
 *
 *   stream_kill [KILLS [SEED]]          exit status 1 if any store differs from that of an undisturbed run
 *   stream_kill --canary [KILLS [SEED]] the same with a runner that commits in two steps: must differ
 *
 * The project has late, bad and rule-breaking records, chains of tables, a join, views of every kind, NDJSON,
 * CSV and Parquet, and two outside sinks, whose files are compared byte for byte. Also compared: every table and
 * view row by row in stored order (doubles as shortest text that reads back to the same bits), how far views of many
 * groups are folded, dead letters with raw bytes, positions, watermarks, epochs, violations.
 *
 * The parent never touches DuckDB, so that fork() finds no threads; whatever needs it runs in a child.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/file.h"
#include "stream/runner.h"

#define FILE_COUNT 4
#define RECORDS_PER_FILE 300
#define ROUND_COUNT_MAX 400
/* A round must also end, or nothing is ever compared. */
#define KILLS_PER_ROUND_MAX 10

struct scene {
    char folder[256];
    uint64_t random;
    bool is_canary;
    int64_t start_ms; /* of an undisturbed run: until its first epoch */
    int64_t whole_ms; /* until its end */
    int started_pipe; /* the child writes a byte when its first epoch starts */
};

static uint64_t next_random(struct scene *scene) {
    uint64_t value = scene->random += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

static int64_t below(struct scene *scene, int64_t limit) {
    return (int64_t)(next_random(scene) % (uint64_t)limit);
}

static FILE *create(const struct scene *scene, const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", scene->folder, name);
    FILE *file = fopen(path, "w");
    ps_check(file != NULL);
    return file;
}

/* --- the project ------------------------------------------------------------------------------------------------ */

static const char manifest[] = "name: kill\nepoch:\n  bytes: 6k\n  interval: 10 ms\n";

static const char statements[] =
    "CREATE TABLE weather AS SELECT * FROM (VALUES ('A0', 1.5), ('A1', 2.5), ('A1', 3.5)) AS w(origin, visib);\n"
    "CREATE SOURCE flights (origin VARCHAR, id BIGINT NOT NULL, seen_at TIMESTAMP, price DECIMAL(10,2), minutes DOUBLE,\n"
    "  WATERMARK FOR seen_at AS seen_at - INTERVAL 60 SECOND)\n"
    "  WITH (connector = 'file', path = 'flights/*.ndjson') FORMAT PLAIN ENCODE JSON;\n"
    "CREATE SOURCE readings (sensor INTEGER, value DOUBLE)\n"
    "  WITH (connector = 'file', path = 'readings/*.csv') FORMAT PLAIN ENCODE CSV;\n"
    "CREATE SOURCE blocks (n BIGINT, day DATE, WATERMARK FOR day AS day - INTERVAL 3 DAY)\n"
    "  WITH (connector = 'file', path = 'blocks/*.parquet') FORMAT PLAIN ENCODE PARQUET;\n"
    "CREATE STREAMING TABLE clean (\n"
    "  CONSTRAINT positive EXPECT (minutes > 0) ON VIOLATION DEAD LETTER,\n"
    "  CONSTRAINT sane EXPECT (minutes < 600) ON VIOLATION DROP ROW,\n"
    "  CONSTRAINT cheap EXPECT (price < 50)\n"
    ") AS SELECT f.*, w.visib FROM STREAM flights f LEFT JOIN weather w ON w.origin = f.origin;\n"
    "CREATE STREAMING TABLE dear (CONSTRAINT whole EXPECT (id % 7 <> 0) ON VIOLATION DEAD LETTER)\n"
    "  AS SELECT id, price * 2 AS twice FROM STREAM clean WHERE price > 20;\n"
    "CREATE STREAMING TABLE plain AS SELECT * FROM STREAM readings WHERE value IS NOT NULL;\n"
    "CREATE STREAMING TABLE days (CONSTRAINT odd EXPECT (n % 2 = 1) ON VIOLATION DEAD LETTER)\n"
    "  AS SELECT * FROM STREAM blocks;\n"
    "CREATE MATERIALIZED VIEW by_origin AS SELECT origin, count(*) AS n, avg(minutes) AS mean, stddev(minutes) AS spread,\n"
    "  sum(price) AS total, avg(price) AS mean_price, max(origin) AS greatest_origin, corr(minutes, visib) AS r\n"
    "  FROM STREAM clean GROUP BY origin;\n"
    "CREATE MATERIALIZED VIEW everything AS SELECT count(*) AS n, sum(minutes) AS s FROM STREAM clean;\n"
    "CREATE MATERIALIZED VIEW windows AS SELECT origin, window_start, window_end, count(*) AS n, sum(minutes) AS s\n"
    "  FROM HOP(STREAM clean, seen_at, INTERVAL 5 MINUTE, INTERVAL 15 MINUTE) GROUP BY ALL EMIT FINAL;\n"
    "CREATE MATERIALIZED VIEW sensors AS SELECT sensor, sum(value) AS s, approx_count_distinct(value) AS d\n"
    "  FROM STREAM plain GROUP BY sensor;\n"
    "CREATE MATERIALIZED VIEW by_id AS SELECT id % 97 AS which, origin, count(*) AS n, avg(minutes) AS mean,\n"
    "  stddev(minutes) AS spread, max(seen_at) AS last_seen FROM STREAM clean GROUP BY ALL;\n"
    "CREATE MATERIALIZED VIEW per_day AS SELECT day, count(*) AS n FROM STREAM blocks GROUP BY day;\n"
    "CREATE SINK copies WITH (connector = 'file', path = 'out/${STORE}.ndjson')\n"
    "  AS SELECT id, origin, twice FROM (SELECT id, origin, price * 2 AS twice FROM STREAM clean) WHERE id % 2 = 0;\n"
    "CREATE SINK values WITH (connector = 'file', path = 'out/${STORE}.csv') ENCODE CSV\n"
    "  AS SELECT * FROM STREAM readings;\n";

static void write_flights(struct scene *scene, int number) {
    char name[64];
    snprintf(name, sizeof name, "flights/%d.ndjson", number);
    FILE *file = create(scene, name);
    for (int i = 0; i < RECORDS_PER_FILE; i++) {
        const int64_t id = number * RECORDS_PER_FILE + i;
        const int64_t kind = below(scene, 40);
        int64_t second = id * 20 + below(scene, 40);
        second -= kind == 0 && second > 900 ? 900 : 0; /* late */
        char at[40];
        snprintf(at, sizeof at, "\"2013-01-%02d %02d:%02d:%02d\"", (int)(1 + second / 86400),
                 (int)(second / 3600 % 24), (int)(second / 60 % 60), (int)(second % 60));
        if (kind == 1) {
            fprintf(file, "{\"id\": %lld, \"origin\"\n", (long long)id);
            continue;
        }
        const double minutes = kind == 2 ? -1.0 : kind == 3 ? 700.0 : (double)below(scene, 100000) / 977.0;
        fprintf(
            file,
            "{\"id\": %lld, \"origin\": %s%lld%s, \"seen_at\": %s, \"price\": \"%s\", \"minutes\": %.6f}\n",
            (long long)id, kind == 6 ? "null, \"x\": \"" : "\"A", (long long)below(scene, 4), "\"",
            kind == 4 ? "null" : at,
            kind == 5     ? "much"
            : id % 3 == 0 ? "12.34"
                          : "45.67",
            minutes);
    }
    fclose(file);
}

static void write_readings(struct scene *scene, int number) {
    char name[64];
    snprintf(name, sizeof name, "readings/%d.csv", number);
    FILE *file = create(scene, name);
    fprintf(file, "sensor,value\n");
    for (int i = 0; i < RECORDS_PER_FILE; i++) {
        if (below(scene, 30) == 0) {
            fprintf(file, "oops,%d\n", i);
        } else {
            fprintf(file, "%lld,%.4f\n", (long long)below(scene, 5), (double)below(scene, 1000000) / 7919.0);
        }
    }
    fclose(file);
}

static void make_folder(const struct scene *scene, const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", scene->folder, name);
    ps_check(mkdir(path, 0777) == 0);
}

/* --- what runs in children -------------------------------------------------------------------------------------- */

static void show(const char *what, const struct penstock_error *error) {
    fprintf(stderr, "%s: %s %s %s\n", what, error->message, error->detail, error->hint);
}

static struct ps_store *open_store(const struct scene *scene, const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", scene->folder, name);
    struct penstock_error error;
    struct ps_store *store = NULL;
    if (ps_store_open(&(struct ps_store_options){.path = path}, &store, &error) != PENSTOCK_OK) {
        show("open", &error);
        _exit(3);
    }
    return store;
}

struct watcher {
    const struct scene *scene;
    struct ps_store *store;
    bool is_told;
};

static void on_event(const struct ps_event *event, void *context) {
    struct watcher *watcher = context;
    if (event->kind == PS_EVENT_EPOCH_STARTED && !watcher->is_told && watcher->scene->started_pipe >= 0) {
        watcher->is_told = true;
        ps_check(write(watcher->scene->started_pipe, "s", 1) == 1);
    }
    if (event->kind == PS_EVENT_STATEMENT_FINISHED && watcher->scene->is_canary) {
        /* the wrong runner: rows are durable before their position is */
        struct penstock_error error;
        if (ps_sql_run(watcher->store->connection, "COMMIT; BEGIN TRANSACTION", &error) != PENSTOCK_OK) {
            show("canary", &error);
        }
    }
}

static int run_child(const struct scene *scene, const char *store_name) {
    struct penstock_error error;
    struct ps_project *project = NULL;
    struct ps_graph *graph = NULL;
    char store_variable[64];
    snprintf(store_variable, sizeof store_variable, "STORE=%s", store_name);
    const char *const variables[] = {store_variable, NULL};
    const struct ps_project_options project_options = {.master = "local[2]", .variables = variables};
    if (ps_project_load(scene->folder, &project_options, &project, &error) != PENSTOCK_OK ||
        ps_graph_build(project, &graph, &error) != PENSTOCK_OK) {
        show("project", &error);
        return 3;
    }
    struct ps_store *store = open_store(scene, store_name);
    /* views of a few dozen groups are large ones */
    if (ps_sql_run(
            store->connection,
            "INSERT INTO penstock.meta SELECT * FROM (VALUES ('view_table_rows_max', '20'),"
            " ('view_part_rows_max', '40')) WHERE NOT EXISTS (FROM penstock.meta WHERE key LIKE 'view_%')",
            &error) != PENSTOCK_OK) {
        show("limits", &error);
        return 3;
    }
    struct watcher watcher = {.scene = scene, .store = store};
    const struct ps_runner_options options = {.graph = graph,
                                              .store = store,
                                              .application = "application_1_0001",
                                              .once = true,
                                              .on_event = on_event,
                                              .context = &watcher};
    struct ps_run_totals totals;
    if (ps_runner_run(&options, &totals, &error) != PENSTOCK_OK) {
        show("run", &error);
        return 3;
    }
    ps_store_close(store);
    ps_graph_free(graph);
    ps_project_free(project);
    return 0;
}

static int make_parquet(const struct scene *scene) {
    struct ps_store *store = open_store(scene, "maker");
    struct penstock_error error;
    for (int i = 0; i < 3; i++) {
        if (ps_sql_runf(
                store->connection, &error,
                "COPY (SELECT i AS n, CASE WHEN i %% 37 = 0 THEN NULL ELSE DATE '2013-01-01' + (i // 400 -"
                " CASE WHEN i %% 41 = 0 THEN 9 ELSE 0 END)::INTEGER END AS day FROM range(%d, %d) t(i))"
                " TO '%s/blocks/%d.parquet' (FORMAT parquet, ROW_GROUP_SIZE 2048)",
                i * 5000, i * 5000 + 5000, scene->folder, i) != PENSTOCK_OK) {
            show("parquet", &error);
            return 3;
        }
    }
    ps_store_close(store);
    return 0;
}

static int dump(const struct scene *scene, const char *store_name) {
    static const char *const queries[] = {
        "SELECT * FROM clean", "SELECT * FROM dear", "SELECT * FROM plain", "SELECT * FROM days",
        "SELECT * FROM by_origin ORDER BY ALL", "SELECT * FROM everything",
        "SELECT * FROM windows ORDER BY ALL", "SELECT * FROM sensors ORDER BY ALL",
        "SELECT * FROM by_id ORDER BY ALL", "SELECT * FROM per_day ORDER BY ALL",
        /* what is folded, and when, is decided by the records alone */
        "SELECT * FROM penstock_state.\"windows/levels\"", "SELECT * FROM penstock_state.\"by_id/levels\"",
        "SELECT * FROM penstock_state.\"per_day/levels\"",
        "SELECT table_name, estimated_size FROM duckdb_tables() WHERE schema_name = 'penstock_state' ORDER BY ALL",
        "SELECT * EXCLUDE (raw, created_at), hex(raw) FROM penstock.dead_letters ORDER BY id",
        "SELECT * FROM penstock.positions ORDER BY source, ordinal",
        "SELECT * FROM penstock.watermarks ORDER BY source",
        "SELECT epoch, records, rows_kept, dead_letters FROM penstock.epochs ORDER BY epoch",
        "SELECT * FROM penstock.rule_violations ORDER BY ALL"};
    struct ps_store *store = open_store(scene, store_name);
    char name[64];
    snprintf(name, sizeof name, "%s.dump", store_name);
    FILE *file = create(scene, name);
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        struct ps_result *result = NULL;
        struct penstock_error error;
        if (ps_sql_query(store->connection, queries[i], &result, &error) != PENSTOCK_OK) {
            show(queries[i], &error);
            return 3;
        }
        fprintf(file, "-- %s: %lld rows\n", queries[i], (long long)ps_result_row_count(result));
        for (int64_t row = 0; row < ps_result_row_count(result); row++) {
            for (int64_t column = 0; column < ps_result_column_count(result); column++) {
                const char *text = ps_result_text(result, row, column);
                fprintf(file, "%s|", text != NULL ? text : "NULL");
            }
            fprintf(file, "\n");
        }
        ps_result_free(result);
    }
    fclose(file);
    ps_store_close(store);
    return 0;
}

/* --- the parent ------------------------------------------------------------------------------------------------- */

enum child_work { WORK_RUN, WORK_DUMP, WORK_PARQUET };

static pid_t start_child(const struct scene *scene, enum child_work work, const char *store_name) {
    fflush(NULL);
    const pid_t pid = fork();
    ps_check(pid >= 0);
    if (pid == 0) {
        const int status = work == WORK_RUN    ? run_child(scene, store_name)
                           : work == WORK_DUMP ? dump(scene, store_name)
                                               : make_parquet(scene);
        fflush(NULL);
        _exit(status);
    }
    return pid;
}

/* Exit status, or -1 if a signal ended it. */
static int wait_child(pid_t pid) {
    int status = 0;
    ps_check(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void do_child(const struct scene *scene, enum child_work work, const char *store_name) {
    const int status = wait_child(start_child(scene, work, store_name));
    if (status != 0) {
        fprintf(stderr, "a child failed with status %d\n", status);
        exit(EXIT_FAILURE);
    }
}

static void remove_store(const struct scene *scene, const char *name) {
    char path[600];
    struct ps_arena *arena = ps_arena_new(0);
    snprintf(path, sizeof path, "%s/%s", scene->folder, name);
    char **names = NULL;
    size_t count = 0;
    if (ps_file_list(path, arena, &names, &count, NULL) == PENSTOCK_OK) {
        for (size_t i = 0; i < count; i++) {
            const char *file = ps_path_join(arena, path, names[i]);
            (void)!unlink(file);
            (void)!rmdir(file);
        }
        (void)!rmdir(path);
    }
    static const char *const sink_files[] = {"ndjson", "ndjson.penstock", "csv", "csv.penstock"};
    for (size_t i = 0; i < sizeof sink_files / sizeof sink_files[0]; i++) {
        snprintf(path, sizeof path, "%s/out/%s.%s", scene->folder, name, sink_files[i]);
        (void)!unlink(path);
    }
    ps_arena_free(arena);
}

static bool is_same_dump(const struct scene *scene, const char *left, const char *right) {
    static const struct {
        const char *folder, *ending;
    } files[] = {{"", "dump"}, {"out/", "ndjson"}, {"out/", "csv"}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char command[1300];
        snprintf(command, sizeof command, "cmp -s '%s/%s%s.%s' '%s/%s%s.%s'", scene->folder, files[i].folder,
                 left, files[i].ending, scene->folder, files[i].folder, right, files[i].ending);
        if (system(command) != 0) {
            return false;
        }
    }
    return true;
}

static void prepare(struct scene *scene) {
    const char *base = getenv("TMPDIR");
    snprintf(scene->folder, sizeof scene->folder, "%s/penstock-kill-XXXXXX", base != NULL ? base : "/tmp");
    ps_check(mkdtemp(scene->folder) != NULL);
    make_folder(scene, "flights");
    make_folder(scene, "readings");
    make_folder(scene, "blocks");
    make_folder(scene, "out");
    FILE *file = create(scene, "penstock.yml");
    fputs(manifest, file);
    fclose(file);
    file = create(scene, "kill.sql");
    fputs(statements, file);
    fclose(file);
    for (int i = 0; i < FILE_COUNT; i++) {
        write_flights(scene, i);
        write_readings(scene, i);
    }
    do_child(scene, WORK_PARQUET, "");
    remove_store(scene, "maker");
}

/* Starts a run; *started_out: where a byte arrives when its first epoch begins, or the end when it is over. */
static pid_t start_run(struct scene *scene, const char *store_name, int *started_out) {
    int ends[2];
    ps_check(pipe(ends) == 0);
    scene->started_pipe = ends[1];
    const pid_t pid = start_child(scene, WORK_RUN, store_name);
    close(ends[1]);
    scene->started_pipe = -1;
    *started_out = ends[0];
    return pid;
}

static bool wait_for_epoch(int started) {
    char byte;
    return read(started, &byte, 1) == 1;
}

/* The undisturbed run: what all others are compared with, and how long it takes. */
static void run_reference(struct scene *scene) {
    int started = -1;
    const int64_t start_ns = ps_clock_monotonic_ns();
    const pid_t pid = start_run(scene, "reference", &started);
    ps_check(wait_for_epoch(started));
    scene->start_ms = (ps_clock_monotonic_ns() - start_ns) / 1000000;
    ps_check(wait_child(pid) == 0);
    scene->whole_ms = (ps_clock_monotonic_ns() - start_ns) / 1000000;
    close(started);
    do_child(scene, WORK_DUMP, "reference");
}

/* Kills a fresh store's runs until one ends by itself. Gives the number of kills: one in eight while the run starts,
 * the others within its first epochs. *has_failed_out: penstock itself refuses to go on, which only the wrong runner's
 * leavings may make it do (a sink that is behind the store, for one). */
static int64_t run_round(struct scene *scene, int64_t kill_count_max, bool *has_failed_out) {
    remove_store(scene, "killed");
    const int64_t span_ms = (scene->whole_ms - scene->start_ms) / 4 + 10;
    for (int64_t kills = 0;; kills++) {
        int started = -1;
        const pid_t pid = start_run(scene, "killed", &started);
        if (kills < kill_count_max) {
            const bool is_early = below(scene, 8) == 0;
            const bool is_running = is_early || wait_for_epoch(started);
            if (is_running) {
                ps_clock_sleep_ms(below(scene, is_early ? scene->start_ms : span_ms));
                kill(pid, SIGKILL);
            }
        }
        const int status = wait_child(pid);
        close(started);
        if (status >= 0) {
            *has_failed_out = status != 0;
            if (status != 0 && !scene->is_canary) {
                fprintf(stderr, "the run after %lld kills failed with status %d; files are in %s\n",
                        (long long)kills, status, scene->folder);
                exit(EXIT_FAILURE);
            }
            return kills;
        }
    }
}

static int64_t number(char **arguments, int index, int count, int64_t other) {
    return index < count ? strtoll(arguments[index], NULL, 10) : other;
}

int main(int count, char **arguments) {
    struct scene scene = {.started_pipe = -1};
    int at = 1;
    bool is_canary = false;
    if (at < count && strcmp(arguments[at], "--canary") == 0) {
        is_canary = true;
        at++;
    }
    const int64_t kill_count = number(arguments, at, count, 50);
    scene.random = (uint64_t)number(arguments, at + 1, count, ps_clock_wall_ms());
    printf("seed %llu\n", (unsigned long long)scene.random);
    prepare(&scene);
    run_reference(&scene);
    scene.is_canary = is_canary;
    int64_t kills = 0, rounds = 0, wrong = 0;
    while (kills < kill_count && rounds < ROUND_COUNT_MAX && !(is_canary && wrong > 0)) {
        const int64_t left = kill_count - kills;
        bool has_failed = false;
        kills += run_round(&scene, left < KILLS_PER_ROUND_MAX ? left : KILLS_PER_ROUND_MAX, &has_failed);
        rounds++;
        if (!has_failed) {
            do_child(&scene, WORK_DUMP, "killed");
        }
        wrong += has_failed || !is_same_dump(&scene, "reference", "killed") ? 1 : 0;
        if (wrong > 0 && !is_canary) {
            break;
        }
    }
    printf(
        "%lld kills in %lld rounds, %lld stores differ (undisturbed run: %lld ms, first epoch after %lld ms)\n",
        (long long)kills, (long long)rounds, (long long)wrong, (long long)scene.whole_ms,
        (long long)scene.start_ms);
    if ((wrong > 0) != is_canary) {
        printf("FAILED: compare %s/reference.dump and killed.dump\n", scene.folder);
        return EXIT_FAILURE;
    }
    char command[400];
    snprintf(command, sizeof command, "rm -rf '%s'", scene.folder);
    return system(command) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
