/* SPDX-License-Identifier: Apache-2.0
 *
 * thread.c - named threads and the bounded queue between them.
 *
 * Threads start with every signal blocked, so that signals reach the main thread, which owns the stop flag.
 * The queue is a ring under one lock: items are whole batches, so the lock is never hot.
 */
#include "base/thread.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/check.h"

/* About a tenth of a core that somebody else wants, all of one that nobody wants. */
#define GIVE_WAY_NICE 10

penstock_code ps_thread_start(struct ps_thread *thread, const char *name, void *(*run)(void *),
                              void *argument, struct penstock_error *error) {
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    const int status = pthread_create(&thread->handle, NULL, run, argument);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status != 0) {
        return ps_error_errno(error, status, "start thread %s", name);
    }
    char shown[16]; /* the kernel keeps 15 characters */
    (void)snprintf(shown, sizeof shown, "%.15s", name);
    (void)pthread_setname_np(thread->handle, shown);
    thread->is_started = true;
    return PENSTOCK_OK;
}

void ps_thread_give_way(void) {
    (void)setpriority(PRIO_PROCESS, 0, GIVE_WAY_NICE); /* Linux: of this thread; without it nothing is lost */
}

void ps_thread_join(struct ps_thread *thread) {
    if (thread->is_started) {
        ps_check(pthread_join(thread->handle, NULL) == 0);
        thread->is_started = false;
    }
}

struct ps_queue {
    pthread_mutex_t lock;
    pthread_cond_t is_not_full;
    pthread_cond_t is_not_empty;
    size_t capacity;
    size_t first; /* index of the oldest item */
    size_t count;
    bool is_closed;
    void *items[];
};

struct ps_queue *ps_queue_new(size_t capacity) {
    ps_check(capacity > 0);
    size_t size;
    if (__builtin_mul_overflow(capacity, sizeof(void *), &size) ||
        __builtin_add_overflow(size, sizeof(struct ps_queue), &size)) {
        return NULL;
    }
    struct ps_queue *queue = ps_allocate(1, size);
    if (queue == NULL) {
        return NULL;
    }
    queue->capacity = capacity;
    /* with default attributes these cannot fail on Linux */
    ps_check(pthread_mutex_init(&queue->lock, NULL) == 0);
    ps_check(pthread_cond_init(&queue->is_not_full, NULL) == 0);
    ps_check(pthread_cond_init(&queue->is_not_empty, NULL) == 0);
    return queue;
}

void ps_queue_free(struct ps_queue *queue) {
    if (queue != NULL) {
        (void)pthread_cond_destroy(&queue->is_not_empty);
        (void)pthread_cond_destroy(&queue->is_not_full);
        (void)pthread_mutex_destroy(&queue->lock);
        ps_release(queue);
    }
}

bool ps_queue_push(struct ps_queue *queue, void *item) {
    ps_check(item != NULL); /* NULL is pop's word for the end */
    (void)pthread_mutex_lock(&queue->lock);
    while (queue->count == queue->capacity && !queue->is_closed) {
        (void)pthread_cond_wait(&queue->is_not_full, &queue->lock);
    }
    const bool is_taken = !queue->is_closed;
    if (is_taken) {
        queue->items[(queue->first + queue->count) % queue->capacity] = item;
        queue->count++;
        (void)pthread_cond_signal(&queue->is_not_empty);
    }
    (void)pthread_mutex_unlock(&queue->lock);
    return is_taken;
}

/* The oldest item, or NULL if empty. The lock is held. */
static void *take_first(struct ps_queue *queue) {
    if (queue->count == 0) {
        return NULL;
    }
    void *item = queue->items[queue->first];
    queue->first = (queue->first + 1) % queue->capacity;
    queue->count--;
    (void)pthread_cond_signal(&queue->is_not_full);
    return item;
}

void *ps_queue_pop(struct ps_queue *queue) {
    (void)pthread_mutex_lock(&queue->lock);
    while (queue->count == 0 && !queue->is_closed) {
        (void)pthread_cond_wait(&queue->is_not_empty, &queue->lock);
    }
    void *item = take_first(queue);
    (void)pthread_mutex_unlock(&queue->lock);
    return item;
}

void *ps_queue_poll(struct ps_queue *queue) {
    (void)pthread_mutex_lock(&queue->lock);
    void *item = take_first(queue);
    (void)pthread_mutex_unlock(&queue->lock);
    return item;
}

void ps_queue_close(struct ps_queue *queue) {
    (void)pthread_mutex_lock(&queue->lock);
    queue->is_closed = true;
    (void)pthread_cond_broadcast(&queue->is_not_full);
    (void)pthread_cond_broadcast(&queue->is_not_empty);
    (void)pthread_mutex_unlock(&queue->lock);
}

int64_t ps_core_count(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        return CPU_COUNT(&set);
    }
    const long count = sysconf(_SC_NPROCESSORS_ONLN); /* more than 1024 processors: the set is too small */
    return count > 0 ? count : 1;
}
