/* SPDX-License-Identifier: Apache-2.0
 *
 * thread.h - threads, bounded queues and a stop flag, on pthreads.
 *
 * Every mutable thing has one owner. Threads talk through bounded queues of pointers: what is pushed
 * belongs to the receiver; a full queue makes the sender wait, which is back-pressure.
 */
#ifndef PS_BASE_THREAD_H
#define PS_BASE_THREAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/memory.h"

struct ps_thread {
    pthread_t handle;
    bool is_started;
};

/* Starts `run(argument)` in a thread named `name` (15 characters are kept). */
penstock_code ps_thread_start(struct ps_thread *thread, const char *name, void *(*run)(void *),
                              void *argument, struct penstock_error *error) PENSTOCK_MUST_USE;
/* The calling thread, and those that it starts from now on, let others go first when cores are short. */
void ps_thread_give_way(void);
void ps_thread_join(struct ps_thread *thread); /* nothing if not started */

struct ps_queue;
struct ps_queue *ps_queue_new(size_t capacity);
void ps_queue_free(struct ps_queue *queue); /* what is still in it leaks: drain first */
/* Waits while full. False once the queue is closed (the item stays the caller's). */
bool ps_queue_push(struct ps_queue *queue, void *item);
/* Waits while empty. NULL once the queue is closed and drained. */
void *ps_queue_pop(struct ps_queue *queue);
/* Never waits. NULL if empty. */
void *ps_queue_poll(struct ps_queue *queue);
void ps_queue_close(struct ps_queue *queue);

/* Set from a signal handler or another thread, read by whoever can stop at a good place. */
struct ps_stop {
    atomic_int requested;
};
static inline bool ps_stop_requested(const struct ps_stop *stop) {
    return stop != NULL && atomic_load_explicit(&stop->requested, memory_order_relaxed) != 0;
}

/* Processors this process may run on. */
int64_t ps_core_count(void);

#endif
