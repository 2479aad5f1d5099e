/* SPDX-License-Identifier: Apache-2.0
 *
 * memory_test.c - counted allocation, growing arrays, and arenas that keep their limit and hand out zeros.
 */
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_allocate(void **state) {
    (void)state;
    char *bytes = ps_allocate(100, 1);
    assert_non_null(bytes);
    for (size_t index = 0; index < 100; index++) {
        assert_int_equal(bytes[index], 0);
    }
    ps_release(bytes);
    volatile size_t huge = SIZE_MAX / 2 + 2; /* volatile: the compiler would warn of what is tested here */
    assert_null(ps_allocate(huge, 2));
    assert_null(ps_reallocate(NULL, huge, 2));
    void *nothing = ps_allocate(0, 8); /* not NULL: that would read as failure */
    assert_non_null(nothing);
    ps_release(nothing);
    char *text PS_SCOPED(ps_release_scoped) = ps_duplicate("abc");
    assert_string_equal(text, "abc");
}

static void test_take(void **state) {
    (void)state;
    char *kept;
    {
        char *text PS_SCOPED(ps_release_scoped) = ps_duplicate("abc");
        kept = ps_take(text);
        assert_null(text);
    }
    assert_string_equal(kept, "abc");
    ps_release(kept);
}

static void test_nth_call_fails(void **state) {
    (void)state;
    const int64_t before = ps_memory_call_count();
    ps_memory_fail_at(2);
    void *first = ps_allocate(1, 1);
    void *second = ps_allocate(1, 1);
    void *third = ps_reallocate(NULL, 1, 1);
    ps_memory_fail_at(0);
    assert_non_null(first);
    assert_null(second);
    assert_non_null(third);
    assert_int_equal(ps_memory_call_count() - before, 3);
    ps_release(first);
    ps_release(third);
}

static void test_grow(void **state) {
    (void)state;
    struct penstock_error error;
    int *items = NULL;
    size_t capacity = 0;
    for (size_t count = 0; count < 1000; count++) {
        assert_int_equal(ps_grow((void **)&items, &capacity, count + 1, sizeof *items, &error), PENSTOCK_OK);
        items[count] = (int)count;
    }
    assert_int_equal(items[999], 999);
    assert_int_equal(capacity, 1024);
    ps_memory_fail_at(1);
    assert_int_equal(ps_grow((void **)&items, &capacity, 5000, sizeof *items, &error),
                     PENSTOCK_OUT_OF_MEMORY);
    ps_memory_fail_at(0);
    assert_int_equal(capacity, 1024); /* and the items are still there */
    assert_int_equal(items[999], 999);
    ps_release(items);
}

static void test_arena_aligned_and_zeroed(void **state) {
    (void)state;
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    for (size_t round = 0; round < 3; round++) {
        for (size_t size = 0; size < 5000; size += 13) {
            unsigned char *bytes = ps_arena_allocate(arena, size, 1);
            assert_non_null(bytes);
            assert_int_equal((uintptr_t)bytes % 16, 0);
            for (size_t index = 0; index < size; index++) {
                assert_int_equal(bytes[index], 0);
            }
            memset(bytes, 0xEE, size);
        }
        assert_true(ps_arena_size(arena) > 900000);
        ps_arena_reset(arena);
        assert_int_equal(ps_arena_size(arena), 0);
    }
}

static void test_arena_limit(void **state) {
    (void)state;
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(1000);
    assert_null(ps_arena_allocate(arena, 1001, 1));
    assert_null(ps_arena_allocate(arena, SIZE_MAX, 1));
    assert_null(ps_arena_allocate(arena, SIZE_MAX / 2, 4));
    assert_non_null(ps_arena_allocate(arena, 600, 1));
    assert_null(ps_arena_allocate(arena, 600, 1));
    assert_non_null(ps_arena_allocate(arena, 300, 1));
    ps_arena_reset(arena);
    assert_non_null(ps_arena_allocate(arena, 900, 1));
    ps_arena_free(NULL);
}

static void test_arena_large_block_keeps_the_small_one(void **state) {
    (void)state;
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    assert_non_null(ps_arena_copy(arena, "first"));
    const int64_t before = ps_memory_call_count();
    assert_non_null(ps_arena_allocate(arena, 100000, 1));
    assert_non_null(ps_arena_copy(arena, "second"));
    assert_int_equal(ps_memory_call_count() - before, 1); /* "second" went beside "first" */
}

static void test_arena_text(void **state) {
    (void)state;
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    assert_string_equal(ps_arena_copy_size(arena, "abcdef", 3), "abc");
    assert_string_equal(ps_arena_copy_size(arena, NULL, 0), "");
    assert_string_equal(ps_arena_printf(arena, "%s-%d", "x", 5), "x-5");
    ps_memory_fail_at(1);
    void *lost = ps_arena_allocate(arena, 1 << 20, 1);
    ps_memory_fail_at(0);
    assert_null(lost);
}

/* The leak checker sees whether it is freed. */
static void test_arena_adopts(void **state) {
    (void)state;
    struct ps_arena *arena = ps_arena_new(10000);
    char *first = ps_reallocate(NULL, 3000, 1), *second = ps_reallocate(NULL, 3000, 1);
    char *third = ps_reallocate(NULL, 9000, 1);
    const size_t before = ps_arena_size(arena);
    assert_true(ps_arena_adopt(arena, first, 3000));
    assert_true(ps_arena_size(arena) >= before + 3000);
    assert_false(ps_arena_adopt(arena, third, 9000)); /* above its limit: still ours */
    ps_arena_reset(arena);
    assert_int_equal(ps_arena_size(arena), 0);
    assert_true(ps_arena_adopt(arena, second, 3000));
    memset(second, 'x', 3000);
    ps_memory_fail_at(1);
    struct ps_arena *empty = ps_arena_new(0);
    ps_memory_fail_at(0);
    assert_null(empty);
    empty = ps_arena_new(0);
    ps_memory_fail_at(1);
    assert_false(ps_arena_adopt(empty, third, 9000));
    ps_memory_fail_at(0);
    ps_release(third);
    ps_arena_free(empty);
    ps_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocate),
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_nth_call_fails),
        cmocka_unit_test(test_grow),
        cmocka_unit_test(test_arena_aligned_and_zeroed),
        cmocka_unit_test(test_arena_limit),
        cmocka_unit_test(test_arena_large_block_keeps_the_small_one),
        cmocka_unit_test(test_arena_text),
        cmocka_unit_test(test_arena_adopts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
