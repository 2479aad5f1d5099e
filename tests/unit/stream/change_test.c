/* SPDX-License-Identifier: Apache-2.0
 *
 * change_test.c - what becomes of each statement, from the graph and what a store would say; no store is there.
 */
#include "scene.h"

#include "stream/change.h"
#include "stream/columns.h"

#define SOURCE \
    "CREATE SOURCE s (id INTEGER, v DOUBLE) WITH (connector = 'file', path = 'data/*.ndjson') FORMAT PLAIN ENCODE JSON;\n"
#define TABLE "CREATE STREAMING TABLE t AS SELECT id, v FROM STREAM s;\n"
#define VIEW "CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n FROM STREAM t;\n"
#define DIRECT "CREATE MATERIALIZED VIEW d AS SELECT sum(v) AS v FROM STREAM s;\n"

static const struct ps_known_statement statements[] = {
    {"t", "streaming table", "CREATE STREAMING TABLE t AS SELECT id, v FROM STREAM s", true},
    {"n", "materialized view", "CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n FROM STREAM t", true},
    {"d", "materialized view", "CREATE MATERIALIZED VIEW d AS SELECT sum(v) AS v FROM STREAM s", true}};
static const struct ps_known_column columns[] = {{"t", "id", "INTEGER"}, {"t", "v", "DOUBLE"}};
static const char *const sources[] = {"s", "backfill:n"};

static struct ps_change_facts facts(void) {
    return (struct ps_change_facts){.statements = statements,
                                    .statement_count = 3,
                                    .columns = columns,
                                    .column_count = 2,
                                    .sources = sources,
                                    .source_count = 1};
}

/* "s:keep t:keep n:rebuild" */
static void expect(const char *sql, const struct ps_change_facts *known, const char *expected) {
    struct scene scene;
    struct ps_arena *arena = ps_arena_new(0);
    struct ps_change *changes = NULL;
    size_t count = 0, size = 0;
    char got[1000] = "";
    scene_make(&scene, "name: test\n");
    scene_open(&scene, sql);
    scene_must(&scene, ps_change_plan(scene.graph, known, arena, &changes, &count, &scene.error));
    for (size_t i = 0; i < count; i++) {
        size += (size_t)snprintf(got + size, sizeof got - size, "%s%s:%s", i > 0 ? ", " : "", changes[i].name,
                                 ps_change_action_name(changes[i].action));
        assert_non_null(changes[i].reason);
    }
    if (strcmp(got, expected) != 0) {
        print_error("%s\n gives    %s\n expected %s\n", sql, got, expected);
        fail();
    }
    ps_arena_free(arena);
    scene_end(&scene);
}

static void nothing_changed(void **state) {
    (void)state;
    const struct ps_change_facts known = facts(), none = {0};
    expect(SOURCE TABLE VIEW DIRECT, &known, "s:keep, t:keep, n:keep, d:keep");
    expect(SOURCE "CREATE  STREAMING TABLE t -- words\n AS SELECT id, v FROM STREAM s;" VIEW DIRECT, &known,
           "s:keep, t:keep, n:keep, d:keep");
    expect(SOURCE TABLE VIEW DIRECT, &none, "s:new, t:new, n:new, d:new");
}

static void texts_changed(void **state) {
    (void)state;
    const struct ps_change_facts known = facts();
    expect(SOURCE "CREATE STREAMING TABLE t AS SELECT id, v + 1 AS v FROM STREAM s;\n" VIEW DIRECT, &known,
           "s:keep, t:new text from now on, n:keep, d:keep");
    expect(SOURCE TABLE "CREATE MATERIALIZED VIEW n AS SELECT sum(id) AS n FROM STREAM t;\n" DIRECT, &known,
           "s:keep, t:keep, n:rebuild, d:keep");
    expect(SOURCE TABLE VIEW "CREATE MATERIALIZED VIEW d AS SELECT max(v) AS v FROM STREAM s;\n", &known,
           "s:keep, t:keep, n:keep, d:needs a backfill");
}

/* Other columns: over a source the rows cannot be had again, and what streams from the table goes along. */
static void columns_changed(void **state) {
    (void)state;
    const struct ps_change_facts known = facts();
    expect(SOURCE "CREATE STREAMING TABLE t AS SELECT id, v, v * 2 AS w FROM STREAM s;\n" VIEW DIRECT, &known,
           "s:keep, t:needs a backfill, n:rebuild, d:keep");
    expect(SOURCE "CREATE STREAMING TABLE t AS SELECT id, CAST(v AS FLOAT) AS v FROM STREAM s;\n" VIEW DIRECT,
           &known, "s:keep, t:needs a backfill, n:rebuild, d:keep");
}

static void statements_come_and_go(void **state) {
    (void)state;
    struct ps_change_facts known = facts();
    expect(SOURCE TABLE DIRECT "CREATE STREAMING TABLE u AS SELECT id FROM STREAM s;\n"
                               "CREATE MATERIALIZED VIEW m AS SELECT count(*) AS n FROM STREAM u;\n",
           &known, "s:keep, t:keep, d:keep, u:needs a backfill, m:new, n:left out");
    struct ps_known_statement left[3];
    memcpy(left, statements, sizeof left);
    left[1].is_active = false;
    left[2].is_active = false;
    known.statements = left;
    expect(SOURCE TABLE VIEW DIRECT, &known, "s:keep, t:keep, n:rebuild, d:needs a backfill");
    known = facts();
    known.source_count = 2;
    expect(SOURCE TABLE VIEW DIRECT, &known, "s:keep, t:keep, n:backfill not finished, d:keep");
}

static struct ps_column_list list_of(char *text, const char **names, const char **types) {
    struct ps_column_list list = {names, types, 0};
    for (char *name = strtok(text, " "); name != NULL; name = strtok(NULL, " ")) {
        names[list.count] = name;
        types[list.count++] = strtok(NULL, " ");
    }
    return list;
}

/* Of a table over a source that has been given x and y. `expected`: what it lacks, or "no". */
static void expect_match(const char *was, const char *now, const char *expected) {
    static const struct ps_added_column added[] = {{"s", "x", "BIGINT"}, {"s", "y", "VARCHAR"}};
    struct scene scene;
    struct ps_project *grown = NULL;
    const char *names[2][20], *types[2][20];
    char texts[2][200], got[200] = "";
    size_t missing[20], count = 0, i = 0, j = 0, size = 0;
    scene_make(&scene, "name: test\n");
    scene_open(&scene,
               "CREATE SOURCE s (id INTEGER) WITH (connector = 'file', path = 'data/*.ndjson', on_new_field ="
               " 'add') ENCODE JSON;\n");
    scene_must(&scene, ps_project_grow(scene.graph->project, added, 2, &grown, &scene.error));
    snprintf(texts[0], sizeof texts[0], "%s", was);
    snprintf(texts[1], sizeof texts[1], "%s", now);
    const struct ps_column_list before = list_of(texts[0], names[0], types[0]);
    const struct ps_column_list after = list_of(texts[1], names[1], types[1]);
    if (ps_columns_match(grown, before, after, missing, &count, &i, &j)) {
        for (size_t k = 0; k < count; k++) {
            size += (size_t)snprintf(got + size, sizeof got - size, "%s%s", k > 0 ? " " : "",
                                     after.names[missing[k]]);
        }
    } else {
        snprintf(got, sizeof got, "no");
    }
    if (strcmp(got, expected) != 0) {
        print_error("was (%s), now (%s): %s, expected %s\n", was, now, got, expected);
        fail();
    }
    scene_end(&scene);
}

static void columns_that_were_added(void **state) {
    (void)state;
    expect_match("id INTEGER k BLOB", "id INTEGER k BLOB", "");
    expect_match("id INTEGER k BLOB", "id INTEGER x BIGINT y VARCHAR k BLOB", "x y");
    expect_match("id INTEGER k BLOB x BIGINT", "id INTEGER x BIGINT y VARCHAR k BLOB", "y");
    expect_match("id INTEGER k BLOB x BIGINT y VARCHAR", "id INTEGER x BIGINT y VARCHAR k BLOB", "");
    expect_match("id INTEGER k BLOB x BIGINT", "id INTEGER k BLOB", "no");
    expect_match("id INTEGER x BIGINT", "id INTEGER x DOUBLE", "no");
    expect_match("id INTEGER k BLOB", "k BLOB id INTEGER", "no");
    expect_match("id INTEGER", "id INTEGER z BIGINT", "no");
    expect_match("id INTEGER z BIGINT", "id INTEGER x BIGINT", "no");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_changed), cmocka_unit_test(texts_changed), cmocka_unit_test(columns_changed),
        cmocka_unit_test(columns_that_were_added), cmocka_unit_test(statements_come_and_go)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
