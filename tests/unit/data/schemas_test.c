/* SPDX-License-Identifier: Apache-2.0
 *
 * schemas_test.c - schemas asked for by several threads at once: each is fetched once, whoever comes first.
 */
#include "shelf.h"

#include "base/thread.h"

#define THREAD_COUNT 4
#define ROUND_COUNT 200

struct asker {
    struct shelf *shelf;
    struct ps_thread thread;
    const void *found[3];
    int refused_count;
};

static void *ask(void *argument) {
    struct asker *asker = argument;
    for (int i = 0; i < ROUND_COUNT; i++) {
        struct penstock_error error;
        const void *compiled = NULL;
        const int64_t id = 1 + i % 3; /* 3 is not there */
        if (ps_schemas_find(asker->shelf->schemas, id, &compiled, &error) == PENSTOCK_OK) {
            asker->found[id - 1] = compiled;
        } else {
            asker->refused_count++;
        }
    }
    return NULL;
}

static void each_schema_is_fetched_once(void **state) {
    (void)state;
    static const char *const options[] = {"schema.registry=http://schemas", NULL};
    struct asker askers[THREAD_COUNT] = {0};
    struct shelf shelf;
    struct penstock_error error;
    shelf_begin(&shelf, "avro", "a BIGINT", options);
    shelf.texts[1] = PS_BYTES("\"long\"");
    shelf.texts[2] = PS_BYTES("[\"null\",\"string\"]");
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        askers[i].shelf = &shelf;
        assert_int_equal(ps_thread_start(&askers[i].thread, "asker", ask, &askers[i], &error), PENSTOCK_OK);
    }
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        ps_thread_join(&askers[i].thread);
    }
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        assert_non_null(askers[i].found[0]);
        assert_ptr_equal(askers[i].found[0], askers[0].found[0]);
        assert_ptr_equal(askers[i].found[1], askers[0].found[1]);
        assert_int_equal(askers[i].refused_count, ROUND_COUNT / 3);
    }
    assert_int_equal(shelf.fetch_count, 3);
    shelf_end(&shelf);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_schema_is_fetched_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
