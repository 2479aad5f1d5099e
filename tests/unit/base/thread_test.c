/* SPDX-License-Identifier: Apache-2.0
 *
 * thread_test.c - queues lose nothing, wait when full, and end when closed; a failed check aborts.
 */
#include "base/thread.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"

enum { ITEM_COUNT = 2000, SENDER_COUNT = 3 };

struct sender {
    struct ps_thread thread;
    struct ps_queue *queue;
    int64_t items[ITEM_COUNT];
    int64_t pushed_count;
};

static void *send_items(void *argument) {
    struct sender *sender = argument;
    for (size_t index = 0; index < ITEM_COUNT; index++) {
        sender->items[index] = (int64_t)index;
        if (!ps_queue_push(sender->queue, &sender->items[index])) {
            return NULL;
        }
        sender->pushed_count++;
    }
    return NULL;
}

static void test_everything_arrives_in_order(void **state) {
    (void)state;
    struct penstock_error error;
    static struct sender senders[SENDER_COUNT];
    struct ps_queue *queue = ps_queue_new(3);
    assert_null(ps_queue_poll(queue));
    for (size_t index = 0; index < SENDER_COUNT; index++) {
        senders[index].queue = queue;
        assert_int_equal(ps_thread_start(&senders[index].thread, "a-very-long-thread-name", send_items,
                                         &senders[index], &error),
                         PENSTOCK_OK);
    }
    int64_t next[SENDER_COUNT] = {0};
    for (size_t count = 0; count < (size_t)ITEM_COUNT * SENDER_COUNT; count++) {
        const int64_t *item = ps_queue_pop(queue);
        for (size_t index = 0; index < SENDER_COUNT; index++) {
            if (item >= senders[index].items && item < senders[index].items + ITEM_COUNT) {
                assert_int_equal(*item, next[index]);
                next[index]++;
            }
        }
    }
    for (size_t index = 0; index < SENDER_COUNT; index++) {
        ps_thread_join(&senders[index].thread);
        ps_thread_join(&senders[index].thread); /* nothing left to do */
        assert_int_equal(next[index], ITEM_COUNT);
    }
    ps_queue_close(queue);
    assert_null(ps_queue_pop(queue));
    ps_queue_free(queue);
    ps_queue_free(NULL);
}

static void test_full_queue_makes_the_sender_wait(void **state) {
    (void)state;
    struct penstock_error error;
    static struct sender sender;
    struct ps_queue *queue = ps_queue_new(2);
    sender.queue = queue;
    assert_int_equal(ps_thread_start(&sender.thread, "sender", send_items, &sender, &error), PENSTOCK_OK);
    ps_clock_sleep_ms(20);
    ps_queue_close(queue); /* wakes it */
    ps_thread_join(&sender.thread);
    assert_int_equal(sender.pushed_count, 2);
    int value = 0;
    assert_false(ps_queue_push(queue, &value));
    assert_ptr_equal(ps_queue_pop(queue), &sender.items[0]); /* what is in it can still be drained */
    assert_ptr_equal(ps_queue_poll(queue), &sender.items[1]);
    assert_null(ps_queue_pop(queue));
    ps_queue_free(queue);
}

static void test_stop_and_cores(void **state) {
    (void)state;
    struct ps_stop stop = {0};
    assert_false(ps_stop_requested(NULL));
    assert_false(ps_stop_requested(&stop));
    atomic_store(&stop.requested, 1);
    assert_true(ps_stop_requested(&stop));
    assert_true(ps_core_count() >= 1);
}

static void test_failed_check_aborts(void **state) {
    (void)state;
    const pid_t child = fork();
    if (child == 0) {
        (void)close(STDERR_FILENO);
        ps_check(1 + 1 == 3);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    ps_check(1 + 1 == 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_arrives_in_order),
        cmocka_unit_test(test_full_queue_makes_the_sender_wait),
        cmocka_unit_test(test_stop_and_cores),
        cmocka_unit_test(test_failed_check_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
