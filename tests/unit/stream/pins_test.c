/* SPDX-License-Identifier: Apache-2.0
 *
 * pins_test.c - which version of a model an epoch predicts with: all its statements with one, prepared ones too, and
 * the same once more after a crash. The "model" predicts its own version.
 */
#include "scene.h"

#include <sys/wait.h>

#include "sql/serve.h"

#define SOURCE \
    "CREATE SOURCE s (id INTEGER NOT NULL) WITH (connector = 'file', path = 'data/*.ndjson') FORMAT PLAIN ENCODE JSON;"
#define REFERENCE "m@champion"

#define VERSION_COUNT 9
struct world {
    int registry; /* the version that the reference means now */
    int pinned, told;
    bool moves; /* another version after each epoch */
    bool dies;  /* when a statement of an epoch has run */
    char pins[64];
    struct ps_served served[VERSION_COUNT];
};
static struct world world;

/* ---- models ---- */

static penstock_code find(void *context, const char *reference, uint64_t connection,
                          const struct ps_served **served_out, struct penstock_error *error) {
    (void)context;
    (void)connection;
    (void)error;
    assert_string_equal(reference, REFERENCE);
    *served_out = &world.served[world.pinned];
    return PENSTOCK_OK;
}

static void release(void *context, const struct ps_served *served) {
    (void)context;
    (void)served;
}

static penstock_code predict(void *context, const struct ps_served *served,
                             const struct ps_served_column *columns, int64_t row_count,
                             double *predictions_out, double *probabilities_out,
                             struct penstock_error *error) {
    (void)context;
    (void)columns;
    (void)probabilities_out;
    (void)error;
    for (int64_t i = 0; i < row_count; i++) {
        predictions_out[i] = (double)(served - world.served);
    }
    return PENSTOCK_OK;
}

static penstock_code pin(const char *const *references, size_t count, const char *pins, const char **pins_out,
                         bool *is_changed_out, void *context, struct penstock_error *error) {
    (void)context;
    (void)error;
    assert_int_equal(count, 1); /* each reference once */
    assert_string_equal(references[0], REFERENCE);
    world.pinned = world.registry;
    if (pins != NULL) {
        assert_int_equal(sscanf(pins, "{\"" REFERENCE "\":%d}", &world.pinned), 1);
    }
    *is_changed_out = world.told != world.pinned;
    world.told = world.pinned;
    snprintf(world.pins, sizeof world.pins, "{\"" REFERENCE "\":%d}", world.pinned);
    *pins_out = world.pins;
    return PENSTOCK_OK;
}

static void on_event(const struct ps_event *event, void *context) {
    (void)context;
    if (event->kind == PS_EVENT_EPOCH_COMMITTED && world.moves) {
        world.registry++;
    }
    if (event->kind == PS_EVENT_STATEMENT_FINISHED && world.dies) {
        _exit(7);
    }
}

static void open_world(struct scene *scene, const char *sql) {
    const struct ps_server server = {.find = find, .release = release, .predict = predict};
    scene_open(scene, sql);
    ps_engine_serve(scene->store->engine, &server);
    world.told = 0;
}

static void run(struct scene *scene) {
    const struct ps_runner_options options = {.graph = scene->graph,
                                              .store = scene->store,
                                              .application = "application_1_0001",
                                              .once = true,
                                              .on_event = on_event,
                                              .on_pin = pin};
    scene_must(scene, ps_runner_run(&options, &scene->totals, &scene->error));
}

static void begin(struct scene *scene, const char *manifest) {
    world = (struct world){.registry = 1};
    for (int i = 0; i < VERSION_COUNT; i++) {
        world.served[i] = (struct ps_served){.name = "m", .kind = PS_SERVED_NUMBER};
    }
    scene_make(scene, manifest);
}

/* ---- tests ---- */

static void each_epoch_has_one_version(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, "name: test\n");
    scene_write(&scene, "data/a.ndjson", "{\"id\":1}\n{\"id\":2}\n");
    open_world(&scene, SOURCE
               "CREATE STREAMING TABLE t AS SELECT id, predict('" REFERENCE "', d) AS p FROM STREAM s d;"
               "CREATE STREAMING TABLE u AS SELECT id, p, predict('" REFERENCE
               "', {'a': id}) AS q FROM STREAM t;"
               "CREATE MATERIALIZED VIEW v AS SELECT p, count(*) AS n FROM STREAM t GROUP BY p;");
    run(&scene);
    scene_append(&scene, "data/a.ndjson", "{\"id\":3}\n");
    run(&scene); /* the same version: no row of its own */
    world.registry = 4;
    scene_append(&scene, "data/a.ndjson", "{\"id\":4}\n");
    open_world(&scene, NULL);
    run(&scene);
    scene_expect(&scene, "SELECT id, p, q FROM u ORDER BY id", "1|1.0|1.0;2|1.0|1.0;3|1.0|1.0;4|4.0|4.0;");
    scene_expect(&scene, "SELECT * FROM v ORDER BY p", "1.0|3;4.0|1;");
    scene_expect(&scene, "SELECT * FROM penstock.epoch_models ORDER BY epoch",
                 "1|{\"m@champion\":1};3|{\"m@champion\":4};");
    scene_end(&scene);
}

/* What was planned for one epoch is planned anew for the next: a view's statements are prepared once. */
static void a_running_stream_sees_the_new_version(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, "name: test\nepoch: {bytes: 1k}\n");
    char padded[1000]; /* a record fills an epoch */
    for (int id = 1; id <= 3; id++) {
        snprintf(padded, sizeof padded, "{\"id\":%d,\"more\":\"%0900d\"}\n", id, 0);
        scene_append(&scene, "data/a.ndjson", padded);
    }
    world.moves = true;
    open_world(&scene, SOURCE "CREATE STREAMING TABLE t AS SELECT id, predict('" REFERENCE
                              "', d) AS p FROM STREAM s d;"
                              "CREATE MATERIALIZED VIEW v AS SELECT id, max(predict('" REFERENCE
                              "', d)) AS p FROM STREAM s d GROUP BY id;");
    run(&scene);
    scene_expect(&scene, "SELECT id, p FROM t ORDER BY id", "1|1.0;2|2.0;3|3.0;");
    scene_expect(&scene, "SELECT id, p FROM v ORDER BY id", "1|1.0;2|2.0;3|3.0;");
    scene_end(&scene);
}

/* An outside sink may have seen the epoch: it is carried out with the versions that it was planned with. */
static void a_planned_epoch_keeps_its_version(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, "name: test\n");
    scene_write(&scene, "data/a.ndjson", "{\"id\":1}\n");
    const char *sql = SOURCE
        "CREATE STREAMING TABLE t AS SELECT id, predict('" REFERENCE "', d) AS p FROM STREAM s d;"
        "CREATE SINK out WITH (connector = 'file', path = 'out.ndjson') AS SELECT id, p FROM STREAM t;";
    open_world(&scene, sql);
    run(&scene);
    scene_append(&scene, "data/a.ndjson", "{\"id\":2}\n");
    scene_close(&scene);
    const pid_t pid = fork();
    if (pid == 0) {
        world.dies = true;
        open_world(&scene, NULL);
        run(&scene);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    world.registry = 5; /* the champion has moved meanwhile */
    open_world(&scene, NULL);
    scene_expect(&scene, "SELECT * FROM penstock.epoch_models ORDER BY epoch",
                 "1|{\"m@champion\":1};2|{\"m@champion\":1};");
    run(&scene);
    scene_expect(&scene, "SELECT id, p FROM t ORDER BY id", "1|1.0;2|1.0;");
    scene_expect(&scene, "SELECT * FROM penstock.epoch_models ORDER BY epoch", "1|{\"m@champion\":1};");
    scene_append(&scene, "data/a.ndjson", "{\"id\":3}\n");
    run(&scene);
    scene_expect(&scene, "SELECT id, p FROM t ORDER BY id", "1|1.0;2|1.0;3|5.0;");
    char path[600];
    snprintf(path, sizeof path, "SELECT id, p FROM read_ndjson('%s/out.ndjson') ORDER BY id", scene.folder);
    scene_expect(&scene, path, "1|1.0;2|1.0;3|5.0;");
    scene_end(&scene);
}

static void a_rule_cannot_predict(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, "name: test\n");
    scene_write(
        &scene, "all.sql",
        SOURCE
        "CREATE STREAMING TABLE t (CONSTRAINT c EXPECT (predict('m', t) > 0)) AS SELECT id FROM STREAM s;");
    const struct ps_project_options options = {.master = "local[2]"};
    scene_must(&scene, ps_project_load(scene.folder, &options, &scene.project, &scene.error));
    assert_int_equal(ps_graph_build(scene.project, &scene.graph, &scene.error), PENSTOCK_INVALID_PROJECT);
    assert_non_null(strstr(scene.error.message, "rule 'c' cannot predict"));
    scene.graph = NULL;
    scene_end(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_epoch_has_one_version),
        cmocka_unit_test(a_running_stream_sees_the_new_version),
        cmocka_unit_test(a_planned_epoch_keeps_its_version),
        cmocka_unit_test(a_rule_cannot_predict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
