/* SPDX-License-Identifier: Apache-2.0
 *
 * init.c - a new project that runs as it is: visits to a web site, how long their pages took to load, and why.
 *
 * The data is generated, the same in every new project: sizes, pages, connections and visitors of which the loading
 * time is a linear function with noise, in order of time; among them one record that is not what the source
 * declares, one that is late and one that breaks a rule, so that dead letters can be seen at once.
 */
#include "app/app.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"

#define VISIT_COUNT 600
#define BAD_VISIT 200
#define LATE_VISIT 350
#define BROKEN_VISIT 450
/* 2026-01-05T08:00:00Z, a Monday */
#define FIRST_VISIT_MS 1767600000000
#define TEXT_SIZE_MAX ((size_t)1 << 20)

static const char pipeline[] =
    "-- Records come in from data/*.ndjson, each one exactly once. Put more files there and run again.\n"
    "CREATE SOURCE visits (\n"
    "  visit BIGINT, page VARCHAR, network VARCHAR, started_at TIMESTAMP, size_kb DOUBLE,\n"
    "  visitors INTEGER, loading_time DOUBLE,\n"
    "  WATERMARK FOR started_at AS started_at - INTERVAL 10 MINUTE\n"
    ") WITH (connector = 'file', path = 'data/*.ndjson')\n"
    "FORMAT PLAIN ENCODE JSON;\n"
    "\n"
    "-- Cleaned, row by row. What breaks a rule is kept as a dead letter: penstock dlq list\n"
    "CREATE STREAMING TABLE clean_visits (\n"
    "  CONSTRAINT has_label EXPECT (loading_time > 0) ON VIOLATION DEAD LETTER\n"
    ") AS SELECT * FROM STREAM visits;\n"
    "\n"
    "-- Kept up to date with every epoch.\n"
    "CREATE MATERIALIZED VIEW visits_by_hour AS\n"
    "  SELECT page, time_bucket(INTERVAL 1 HOUR, started_at) AS window_start, count(*) AS visits,\n"
    "         avg(loading_time) AS mean_loading_time\n"
    "  FROM STREAM clean_visits GROUP BY ALL;\n"
    "\n"
    "-- Trained when everything is read; published only if it passes its gate: penstock models show loading\n"
    "CREATE MODEL loading\n"
    "  TRANSFORM (StandardScaler(size_kb, visitors),\n"
    "             OneHotEncoder(page, network, handleInvalid = 'keep'))\n"
    "  PREDICT loading_time\n"
    "  USING LinearRegression(regParam = GRID(0, 0.01, 0.1), elasticNetParam = GRID(0, 0.5))\n"
    "  VALIDATE CrossValidator(numFolds = 3, metricName = 'rmse', seed = 7)\n"
    "  HOLDOUT LAST 12 HOURS BY started_at\n"
    "  GATE (rmse <= 1, improvement >= 1 PERCENT CONFIDENCE 0.95)\n"
    "AS SELECT page, network, size_kb, visitors, started_at, loading_time FROM clean_visits;\n";

static const char readme[] =
    "# %s\n"
    "\n"
    "A penstock project. `penstock.yml` says where and how big, `pipeline.sql` says what, `data/` is what comes in.\n"
    "\n"
    "```sh\n"
    "penstock check                                    # is everything right? runs nothing\n"
    "penstock run --once                               # read, clean, train, ask the gate\n"
    "penstock query \"FROM visits_by_hour LIMIT 5\"\n"
    "penstock dlq list                                 # three records could not be used: here is why\n"
    "penstock models show loading\n"
    "penstock predict loading --sql \"FROM clean_visits LIMIT 3\"\n"
    "penstock run --once                               # again: nothing new, nothing is done twice\n"
    "```\n";

/* splitmix64: the same numbers everywhere, for ever */
static uint64_t next_random(uint64_t *state) {
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static int64_t random_below(uint64_t *state, int64_t limit) {
    return (int64_t)(next_random(state) % (uint64_t)limit);
}

static void add_visit(struct ps_buffer *out, int64_t visit, uint64_t *state, int64_t *when_ms) {
    static const struct {
        const char *name;
        int64_t size_kb, milliseconds;
    } pages[] = {{"home", 300, 200}, {"search", 120, 450}, {"product", 800, 300}, {"checkout", 200, 700}};
    static const struct {
        const char *name;
        int64_t microseconds_per_kb;
    } networks[] = {{"fibre", 300}, {"wifi", 700}, {"4g", 1200}, {"3g", 2600}};
    const size_t page = (size_t)random_below(state, 4);
    const size_t network = (size_t)random_below(state, 4);
    const int64_t size_kb = pages[page].size_kb + random_below(state, 400);
    const int64_t visitors = 20 + random_below(state, 180);
    int64_t loading_us = (pages[page].milliseconds + 2 * visitors + random_below(state, 300)) * 1000 +
                         size_kb * networks[network].microseconds_per_kb;
    *when_ms += 1000 * (120 + random_below(state, 480));
    char when[32];
    ps_clock_format_iso(visit == LATE_VISIT ? *when_ms - 7200000 : *when_ms, when, sizeof when);
    when[strlen("2026-01-05T08:00:00")] = '\0';
    loading_us = visit == BROKEN_VISIT ? -1000000 : loading_us;
    ps_buffer_printf(out,
                     "{\"visit\": %" PRId64
                     ", \"page\": \"%s\", \"network\": \"%s\", \"started_at\": \"%s\", \"size_kb\": ",
                     visit, pages[page].name, networks[network].name, when);
    if (visit == BAD_VISIT) {
        ps_buffer_text(out, "\"large\"");
    } else {
        ps_buffer_printf(out, "%" PRId64, size_kb);
    }
    ps_buffer_printf(out, ", \"visitors\": %" PRId64 ", \"loading_time\": %.3f}\n", visitors,
                     (double)loading_us / 1e6);
}

static penstock_code write_file(const char *folder, const char *name, const struct ps_buffer *text,
                                struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    char *path = arena == NULL ? NULL : ps_path_join(arena, folder, name);
    if (path == NULL) {
        return ps_error_memory(error, "init");
    }
    PS_TRY(ps_buffer_status(text, error));
    return ps_file_replace(path, text->data, text->size, error);
}

/* The folder's own name, also of "." and "demo/". */
static const char *name_of(const char *folder, char *real, size_t size) {
    char resolved[PATH_MAX];
    const char *name = realpath(folder, resolved) == NULL ? "demo" : ps_path_name(resolved);
    (void)snprintf(real, size, "%s", name[0] == '\0' ? "demo" : name);
    return real;
}

static penstock_code check_empty(const char *folder, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    char **names = NULL;
    size_t count = 0;
    if (arena == NULL) {
        return ps_error_memory(error, "init");
    }
    struct ps_file_info info = {0};
    if (!ps_file_exists(folder)) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_file_stat(folder, &info, error));
    if (info.is_directory) {
        PS_TRY(ps_file_list(folder, arena, &names, &count, error));
    }
    if (!info.is_directory || count > 0) {
        ps_error_set(error, PENSTOCK_ALREADY_EXISTS,
                     info.is_directory ? "%s is there already and not empty"
                                       : "%s is there already and no folder",
                     folder);
        return ps_error_hint(error, "choose another name, or empty the folder first");
    }
    return PENSTOCK_OK;
}

static penstock_code write_all(const char *folder, struct ps_buffer *text, struct penstock_error *error) {
    char name[256];
    uint64_t state = 20260105;
    int64_t when_ms = FIRST_VISIT_MS;
    name_of(folder, name, sizeof name);
    /* data first and the manifest last: a folder that was left half-written is no project yet */
    for (int64_t visit = 1; visit <= VISIT_COUNT; visit++) {
        add_visit(text, visit, &state, &when_ms);
    }
    PS_TRY(write_file(folder, "data/visits.ndjson", text, error));
    ps_buffer_clear(text);
    ps_buffer_text(text, pipeline);
    PS_TRY(write_file(folder, "pipeline.sql", text, error));
    ps_buffer_clear(text);
    ps_buffer_printf(text, readme, name);
    PS_TRY(write_file(folder, "README.md", text, error));
    ps_buffer_clear(text);
    ps_buffer_text(text, "store/\n");
    PS_TRY(write_file(folder, ".gitignore", text, error));
    ps_buffer_clear(text);
    ps_buffer_text(text, "# Where and how big; what is done stands in pipeline.sql.\nname: ");
    ps_buffer_json(text, name, strlen(name));
    ps_buffer_text(text, "\nsql: [\"*.sql\"]\n");
    return write_file(folder, "penstock.yml", text, error);
}

penstock_code ps_app_init(const char *folder, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_buffer text PS_SCOPED(ps_buffer_done) = {0};
    char *data = arena == NULL ? NULL : ps_path_join(arena, folder, "data");
    if (data == NULL) {
        return ps_error_memory(error, "init");
    }
    PS_TRY(check_empty(folder, error));
    PS_TRY(ps_file_make_folders(data, error));
    ps_buffer_init(&text, TEXT_SIZE_MAX);
    return write_all(folder, &text, error);
}
