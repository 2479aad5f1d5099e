/* SPDX-License-Identifier: Apache-2.0
 *
 * thread.c - named threads and the bounded queue: a ring under one lock with two conditions.
 */
#include "base/thread.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>

#include "base/check.h"
#include "base/limits.h"

penstock_code ps_thread_start(struct ps_thread *thread, const char *name, void *(*run)(void *), void *argument,
                              struct penstock_error *error) {
    const int reason = pthread_create(&thread->handle, NULL, run, argument);
    if (reason != 0) {
        return ps_error_errno(error, reason, "start the thread %s", name);
    }
    thread->is_started = true;
    char kept[16];
    snprintf(kept, sizeof kept, "%s", name);
    pthread_setname_np(thread->handle, kept);
    return PENSTOCK_OK;
}

void ps_thread_join(struct ps_thread *thread) {
    if (thread->is_started) {
        pthread_join(thread->handle, NULL);
        thread->is_started = false;
    }
}

struct ps_queue {
    pthread_mutex_t mutex;
    pthread_cond_t not_full, not_empty;
    bool is_closed;
    size_t first, count, capacity;
    void *items[];
};

struct ps_queue *ps_queue_new(size_t capacity) {
    ps_check(capacity > 0);
    struct ps_queue *queue = ps_allocate(1, sizeof *queue + capacity * sizeof queue->items[0]);
    if (queue != NULL) {
        queue->capacity = capacity;
        pthread_mutex_init(&queue->mutex, NULL);
        pthread_cond_init(&queue->not_full, NULL);
        pthread_cond_init(&queue->not_empty, NULL);
    }
    return queue;
}

void ps_queue_free(struct ps_queue *queue) {
    if (queue != NULL) {
        pthread_cond_destroy(&queue->not_empty);
        pthread_cond_destroy(&queue->not_full);
        pthread_mutex_destroy(&queue->mutex);
        ps_release(queue);
    }
}

bool ps_queue_push(struct ps_queue *queue, void *item) {
    ps_check(item != NULL);
    pthread_mutex_lock(&queue->mutex);
    while (queue->count == queue->capacity && !queue->is_closed) {
        pthread_cond_wait(&queue->not_full, &queue->mutex);
    }
    const bool is_taken = !queue->is_closed;
    if (is_taken) {
        queue->items[(queue->first + queue->count++) % queue->capacity] = item;
        pthread_cond_signal(&queue->not_empty);
    }
    pthread_mutex_unlock(&queue->mutex);
    return is_taken;
}

/* The lock is held. */
static void *take_first(struct ps_queue *queue) {
    if (queue->count == 0) {
        return NULL;
    }
    void *item = queue->items[queue->first];
    queue->first = (queue->first + 1) % queue->capacity;
    queue->count--;
    pthread_cond_signal(&queue->not_full);
    return item;
}

void *ps_queue_pop(struct ps_queue *queue) {
    pthread_mutex_lock(&queue->mutex);
    while (queue->count == 0 && !queue->is_closed) {
        pthread_cond_wait(&queue->not_empty, &queue->mutex);
    }
    void *item = take_first(queue);
    pthread_mutex_unlock(&queue->mutex);
    return item;
}

void *ps_queue_poll(struct ps_queue *queue) {
    pthread_mutex_lock(&queue->mutex);
    void *item = take_first(queue);
    pthread_mutex_unlock(&queue->mutex);
    return item;
}

void ps_queue_close(struct ps_queue *queue) {
    pthread_mutex_lock(&queue->mutex);
    queue->is_closed = true;
    pthread_cond_broadcast(&queue->not_full);
    pthread_cond_broadcast(&queue->not_empty);
    pthread_mutex_unlock(&queue->mutex);
}

int64_t ps_core_count(void) {
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) != 0) {
        return 1;
    }
    const int count = CPU_COUNT(&cores);
    return count < 1 ? 1 : count > PS_LIMIT_CORE_COUNT ? PS_LIMIT_CORE_COUNT : count;
}
