/* SPDX-License-Identifier: Apache-2.0
 *
 * jobs_ask.c - what other threads want of a run's jobs: a training now, and what is under way.
 *
 * A request is laid down in a queue and answered through one of its own, so the schedule is touched by the thread that
 * trains alone. All requests that are there when a training is taken are answered by it.
 */
#include "app/jobs_parts.h"

/* Who may wait for a training at the same time: the control socket has more threads, so that one is left for a stop. */
#define ASKER_MAX 2
#define REASON_SIZE_MAX 4096

static void answer(struct ps_jobs_request *request, penstock_code code, const struct penstock_error *error) {
    request->code = code;
    if (error != NULL) {
        request->error = *error;
    }
    (void)ps_queue_push(request->reply, request); /* there is room: it is its only item */
}

void ps_jobs_take_requests(struct ps_jobs *jobs) {
    while (jobs->waiting_count < PS_JOBS_REQUEST_MAX) {
        struct ps_jobs_request *request = ps_queue_poll(jobs->requests);
        if (request == NULL) {
            return;
        }
        jobs->waiting[jobs->waiting_count++] = request;
        ps_schedule_asked(&jobs->schedule, request->job);
    }
}

void ps_jobs_answer(struct ps_jobs *jobs, size_t model, penstock_code code,
                    const struct ps_job_result *result, const struct penstock_error *error) {
    size_t kept = 0;
    for (size_t i = 0; i < jobs->waiting_count; i++) {
        struct ps_jobs_request *request = jobs->waiting[i];
        if (jobs->schedule.jobs[request->job].rule.model != model) {
            jobs->waiting[kept++] = request;
            continue;
        }
        request->result = *result;
        answer(request, code, error);
    }
    jobs->waiting_count = kept;
}

void ps_jobs_refuse_all(struct ps_jobs *jobs) {
    struct penstock_error error = {0};
    ps_error_set(&error, PENSTOCK_CANCELLED, "the application is ending");
    ps_error_hint(&error, "ask again when it has ended: then it is trained directly");
    for (size_t i = 0; i < jobs->waiting_count; i++) {
        answer(jobs->waiting[i], PENSTOCK_CANCELLED, &error);
    }
    jobs->waiting_count = 0;
    for (struct ps_jobs_request *request = ps_queue_poll(jobs->requests); request != NULL;
         request = ps_queue_poll(jobs->requests)) {
        answer(request, PENSTOCK_CANCELLED, &error);
    }
}

penstock_code ps_jobs_find(const struct ps_jobs *jobs, const char *name, size_t *index_out,
                           struct penstock_error *error) {
    const char *names[64];
    size_t count = 0;
    for (size_t i = 0; jobs != NULL && i < jobs->schedule.job_count; i++) {
        if (ps_text_equal_nocase(jobs->nodes[i]->name, name)) {
            *index_out = i;
            return PENSTOCK_OK;
        }
        if (count + 1 < sizeof names / sizeof names[0]) {
            names[count++] = jobs->nodes[i]->name;
        }
    }
    names[count] = NULL;
    ps_error_set(error, PENSTOCK_NOT_FOUND, "there is no job %s", name);
    const char *near = ps_nearest(name, names);
    return near != NULL ? ps_error_hint(error, "did you mean %s?", near)
                        : ps_error_hint(error, "penstock jobs list names the jobs there are; one is made with"
                                               " CREATE JOB");
}

penstock_code ps_jobs_ask(struct ps_jobs *jobs, const char *name, yyjson_mut_doc *answer_out,
                          struct penstock_error *error) {
    struct ps_jobs_request request = {.job = 0};
    PS_TRY(ps_jobs_find(jobs, name, &request.job, error));
    request.reply = ps_queue_new(1);
    if (request.reply == NULL) {
        return ps_error_memory(error, "a request");
    }
    if (atomic_fetch_add(&jobs->asker_count, 1) >= ASKER_MAX) {
        request.code = ps_error_set(&request.error, PENSTOCK_BUSY, "others wait for a training already");
        (void)ps_error_hint(&request.error, "penstock jobs list tells what is under way");
    } else if (ps_queue_push(jobs->requests, &request)) {
        (void)ps_queue_pop(request.reply);
    } else {
        request.code = ps_error_set(&request.error, PENSTOCK_CANCELLED, "the application is ending");
    }
    (void)atomic_fetch_sub(&jobs->asker_count, 1);
    ps_queue_free(request.reply);
    if (request.code != PENSTOCK_OK) {
        *error = request.error;
        return request.code;
    }
    yyjson_mut_val *root = yyjson_mut_doc_get_root(answer_out);
    (void)yyjson_mut_obj_add_strcpy(answer_out, root, "outcome", request.result.outcome);
    (void)yyjson_mut_obj_add_int(answer_out, root, "version", request.result.version);
    (void)yyjson_mut_obj_add_strcpy(answer_out, root, "sentence", request.result.sentence);
    return PENSTOCK_OK;
}

void ps_jobs_tell(struct ps_jobs *jobs, yyjson_mut_doc *document) {
    const size_t running = jobs == NULL ? 0 : atomic_load(&jobs->running_job);
    if (running == 0) {
        return;
    }
    const struct ps_node *node = jobs->nodes[running - 1];
    struct ps_buffer reason PS_SCOPED(ps_buffer_done) = {0};
    ps_buffer_init(&reason, REASON_SIZE_MAX);
    ps_job_reasons(&node->statement->as.job, atomic_load(&jobs->running_reasons), &reason);
    yyjson_mut_val *object = yyjson_mut_obj_add_obj(document, yyjson_mut_doc_get_root(document), "training");
    ps_json_add_text(document, object, "model",
                     jobs->models[jobs->schedule.jobs[running - 1].rule.model]->name);
    ps_json_add_text(document, object, "job", node->name);
    (void)yyjson_mut_obj_add_strcpy(document, object, "reason", reason.size > 0 ? reason.data : "");
    (void)yyjson_mut_obj_add_int(document, object, "since_ms", atomic_load(&jobs->running_since_ms));
}
