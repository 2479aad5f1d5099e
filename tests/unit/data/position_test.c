/* SPDX-License-Identifier: Apache-2.0
 *
 * position_test.c - positions by name and in ordinal order, however many and however often they move.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "data/position.h"

static struct ps_position at(const char *name, int64_t ordinal, int64_t offset, const char *state) {
    return (struct ps_position){.partition = {name, ordinal}, .offset = offset, .state = state};
}

static void set(struct ps_position_list *list, struct ps_position position) {
    struct penstock_error error;
    assert_int_equal(ps_position_list_set(list, &position, &error), PENSTOCK_OK);
}

static void items_stay_in_ordinal_order(void **state) {
    (void)state;
    struct ps_position_list list;
    assert_int_equal(ps_position_list_init(&list, NULL), PENSTOCK_OK);
    assert_null(ps_position_list_find(&list, "a"));
    set(&list, at("c", 2, 30, "{}"));
    set(&list, at("a", 0, 10, NULL));
    set(&list, at("b", 1, 20, "{\"x\":1}"));
    set(&list, at("a", 0, 11, "new"));
    assert_int_equal(list.count, 3);
    assert_string_equal(list.items[0].partition.name, "a");
    assert_string_equal(list.items[1].partition.name, "b");
    assert_string_equal(list.items[2].partition.name, "c");
    assert_int_equal(ps_position_list_find(&list, "a")->offset, 11);
    assert_string_equal(ps_position_list_find(&list, "a")->state, "new");
    assert_int_equal(ps_position_list_find(&list, "c")->offset, 30);
    assert_null(ps_position_list_find(&list, "d"));
    ps_position_list_done(&list);
}

static void many_partitions_and_many_commits(void **state) {
    (void)state;
    struct ps_position_list list, copy;
    char name[32], text[200];
    assert_int_equal(ps_position_list_init(&list, NULL), PENSTOCK_OK);
    for (int i = 0; i < 20000; i++) {
        snprintf(name, sizeof(name), "data/%d.ndjson", i);
        set(&list, at(name, i, i, "{}"));
    }
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (int i = 0; i < 100000; i++) {
        snprintf(name, sizeof(name), "data/%d.ndjson", i % 50);
        set(&list, at(name, i % 50, i, text));
    }
    /* forgotten states do not pile up: 20 MB were written */
    assert_true(ps_arena_size(list.arena) < ((size_t)8 << 20));
    assert_int_equal(ps_position_list_copy(&list, &copy, NULL), PENSTOCK_OK);
    ps_position_list_done(&list);
    assert_int_equal(copy.count, 20000);
    assert_int_equal(ps_position_list_find(&copy, "data/49.ndjson")->offset, 99999);
    assert_int_equal(ps_position_list_find(&copy, "data/19999.ndjson")->offset, 19999);
    ps_position_list_done(&copy);
}

/* A position of the list itself may be set again. */
static void texts_may_be_the_lists_own(void **state) {
    (void)state;
    struct ps_position_list list;
    assert_int_equal(ps_position_list_init(&list, NULL), PENSTOCK_OK);
    set(&list, at("a", 0, 0, "state"));
    for (int i = 0; i < 300000; i++) {
        struct ps_position own = *ps_position_list_find(&list, "a");
        own.offset = i;
        set(&list, own);
    }
    assert_string_equal(ps_position_list_find(&list, "a")->state, "state");
    ps_position_list_done(&list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_stay_in_ordinal_order),
        cmocka_unit_test(many_partitions_and_many_commits),
        cmocka_unit_test(texts_may_be_the_lists_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
