/* SPDX-License-Identifier: Apache-2.0
 *
 * jobs_parts.h - what the files of a run's jobs share: jobs.c trains, jobs_ask.c is what other threads ask, jobs_look.c
 * finds out what is due. Included by these only.
 */
#ifndef PS_APP_JOBS_PARTS_H
#define PS_APP_JOBS_PARTS_H

#include "app/job_store.h"
#include "app/jobs.h"

/* Requests under way: one a thread of the control socket, with room. */
#define PS_JOBS_REQUEST_MAX 16

/* Of one asker, on its stack until it has been answered. */
struct ps_jobs_request {
    size_t job;
    struct ps_queue *reply;
    penstock_code code;
    struct penstock_error error;
    struct ps_job_result result;
};

struct ps_jobs {
    struct ps_progress *progress;
    struct ps_arena *arena;
    struct ps_schedule schedule;
    const struct ps_node **nodes;     /* of the jobs */
    const struct ps_node **models;    /* of the models that have one */
    const char **count_sql;           /* per model */
    struct ps_job_settings *settings; /* per job */
    struct ps_queue *requests, *words;
    struct ps_jobs_request *waiting[PS_JOBS_REQUEST_MAX];
    size_t waiting_count;
    int64_t counted_ms;
    bool is_loaded;
    struct ps_thread thread;
    struct ps_stop stop;
    struct ps_connection *connection; /* of the thread */
    atomic_bool has_ended;
    _Atomic int asker_count;
    _Atomic size_t running_job; /* index + 1 of the job that a training under way is for; 0: none */
    _Atomic unsigned running_reasons;
    _Atomic int64_t running_since_ms;
};

/* Who trains: a thread with what it has. */
struct ps_jobs_seat {
    struct ps_connection *connection;
    const struct ps_voice *voice;
    const struct ps_stop *stop;
    bool is_beside; /* the stream */
};

/* jobs_ask.c; the thread that trains */
void ps_jobs_take_requests(struct ps_jobs *jobs);
/* Those that the training was for: all that were taken before it was. */
void ps_jobs_answer(struct ps_jobs *jobs, size_t model, penstock_code code,
                    const struct ps_job_result *result, const struct penstock_error *error);
void ps_jobs_refuse_all(struct ps_jobs *jobs);
penstock_code ps_jobs_find(const struct ps_jobs *jobs, const char *name, size_t *index_out,
                           struct penstock_error *error) PENSTOCK_MUST_USE;
/* jobs_look.c */
/* AFTER n ROWS, now and then. */
penstock_code ps_jobs_count_rows(struct ps_jobs *jobs, struct ps_connection *connection,
                                 struct penstock_error *error) PENSTOCK_MUST_USE;
/* ON DRIFT. A look that failed is told, and tried again at the next time. */
void ps_jobs_look(struct ps_jobs *jobs, const struct ps_jobs_seat *seat, size_t job);

#endif
