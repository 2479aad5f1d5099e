/* SPDX-License-Identifier: Apache-2.0
 *
 * control.c - the threads of the running process that answer on the socket.
 *
 * A few equal threads wait on one listening socket: each takes a connection, reads one request, answers it and
 * takes the next, so one long query does not hold up a stop. A replay is not done here: it is laid down for the
 * runner's thread, which owns the writing connection, and this thread waits for what comes of it.
 */
#include "app/control.h"

#include <errno.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <poll.h>
#include <unistd.h>

#include "app/answer.h"
#include "app/jobs.h"
#include "app/models.h"
#include "app/retrain.h"
#include "app/table.h"
#include "app/wire.h"
#include "base/clock.h"
#include "base/limits.h"

#define THREAD_COUNT 4
/* An SQL text or a reference; more is a mistake. */
#define REQUEST_SIZE_MAX ((size_t)16 << 20)
/* Who connects has its request ready. */
#define REQUEST_WAIT_MS 10000
/* Who does not read its answer for this long is gone. */
#define ANSWER_WAIT_MS 60000

enum replay_state { REPLAY_NONE, REPLAY_WANTED, REPLAY_RUNNING, REPLAY_DONE };

/* One replay at a time, from a control thread to the runner's and back. Guarded by the mutex. */
struct replay {
    enum replay_state state;
    char *source, *reason;
    penstock_code code;
    struct ps_replay_totals totals;
    struct penstock_error error;
};

struct control_thread {
    struct ps_control *control;
    struct ps_thread thread;
    struct ps_connection *connection; /* its own; interrupted by ps_control_close() */
    bool is_busy;                     /* guarded by the mutex: a statement may run */
};

struct ps_control {
    char *store_path, *application;
    struct ps_stop *stop;
    const struct ps_graph *graph;
    struct ps_jobs *jobs;
    int listener, wake;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool is_closing;
    struct replay replay;
    _Atomic int64_t *lags; /* per node of the graph */
    size_t node_count;
    struct control_thread threads[THREAD_COUNT];
};

static void set_busy(struct control_thread *thread, bool is_busy) {
    (void)pthread_mutex_lock(&thread->control->mutex);
    thread->is_busy = is_busy;
    (void)pthread_cond_broadcast(&thread->control->changed);
    (void)pthread_mutex_unlock(&thread->control->mutex);
}

static void add_error(yyjson_mut_doc *answer, const struct penstock_error *error) {
    yyjson_mut_val *root = yyjson_mut_doc_get_root(answer);
    ps_json_add_text(answer, root, "message", error->message);
    ps_json_add_text(answer, root, "detail", error->detail);
    ps_json_add_text(answer, root, "hint", error->hint);
}

static const char *request_text(yyjson_val *request, const char *name) {
    return yyjson_get_str(yyjson_obj_get(request, name));
}

/* A member that must be there. */
static penstock_code need_text(yyjson_val *request, const char *name, const char **text_out,
                               struct penstock_error *error) {
    *text_out = request_text(request, name);
    return *text_out != NULL
               ? PENSTOCK_OK
               : ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "the request has no \"%s\"", name);
}

static penstock_code answer_query(struct control_thread *thread, yyjson_val *request, yyjson_mut_doc *answer,
                                  struct ps_text_table **table_out, struct penstock_error *error) {
    const char *sql = NULL;
    PS_TRY(need_text(request, "sql", &sql, error));
    PS_TRY(ps_answer_query(thread->connection, sql, table_out, error));
    ps_text_table_to_json(*table_out, answer, yyjson_mut_doc_get_root(answer));
    return PENSTOCK_OK;
}

static penstock_code answer_model(struct control_thread *thread, yyjson_val *request, bool is_load,
                                  yyjson_mut_doc *answer, struct penstock_error *error) {
    const char *reference = NULL;
    int64_t version = 0;
    PS_TRY(need_text(request, "reference", &reference, error));
    struct ps_buffer json PS_SCOPED(ps_buffer_done) = {0};
    ps_buffer_init(&json, PS_LIMIT_ARENA_SIZE);
    if (is_load) {
        PS_TRY(ps_answer_load(thread->connection, reference, &json, &version, error));
    } else {
        PS_TRY(ps_answer_show(thread->connection, reference, &json, error));
    }
    yyjson_mut_val *root = yyjson_mut_doc_get_root(answer);
    ps_json_add_text(answer, root, "json", json.data);
    (void)yyjson_mut_obj_add_int(answer, root, "version", version);
    return PENSTOCK_OK;
}

static penstock_code answer_diff(struct control_thread *thread, yyjson_val *request, yyjson_mut_doc *answer,
                                 struct penstock_error *error) {
    const char *first = NULL;
    const char *second = NULL;
    struct ps_buffer json PS_SCOPED(ps_buffer_done) = {0};
    ps_buffer_init(&json, PS_LIMIT_ARENA_SIZE);
    PS_TRY(need_text(request, "reference", &first, error));
    PS_TRY(need_text(request, "other", &second, error));
    PS_TRY(ps_answer_diff(thread->connection, first, second, &json, error));
    ps_json_add_text(answer, yyjson_mut_doc_get_root(answer), "json", json.data);
    return PENSTOCK_OK;
}

/* With one thread: the stream and its jobs have the others. */
static penstock_code answer_retrain(struct control_thread *thread, yyjson_val *request,
                                    yyjson_mut_doc *answer, struct penstock_error *error) {
    const struct ps_control *control = thread->control;
    const char *reference = NULL;
    struct ps_buffer json PS_SCOPED(ps_buffer_done) = {0};
    ps_buffer_init(&json, PS_LIMIT_ARENA_SIZE);
    PS_TRY(need_text(request, "reference", &reference, error));
    const struct ps_retraining retraining = {.project = control->graph->project,
                                             .graph = control->graph,
                                             .connection = thread->connection,
                                             .thread_count = 1,
                                             .stop = control->stop};
    PS_TRY(ps_retrain(&retraining, reference, &json, error));
    ps_json_add_text(answer, yyjson_mut_doc_get_root(answer), "json", json.data);
    return PENSTOCK_OK;
}

/* The one request that writes: a transaction of its own, beside the runner's. */
static penstock_code answer_models(struct control_thread *thread, yyjson_val *request, yyjson_mut_doc *answer,
                                   struct ps_text_table **table_out, struct penstock_error *error) {
    PS_TRY(ps_models_answer(thread->connection, thread->control->store_path, request, table_out, error));
    ps_text_table_to_json(*table_out, answer, yyjson_mut_doc_get_root(answer));
    return PENSTOCK_OK;
}

static penstock_code answer_train(struct control_thread *thread, yyjson_val *request, yyjson_mut_doc *answer,
                                  struct penstock_error *error) {
    const char *job = NULL;
    PS_TRY(need_text(request, "job", &job, error));
    set_busy(thread, false); /* it waits for another thread: there is nothing to interrupt here */
    return ps_jobs_ask(thread->control->jobs, job, answer, error);
}

static penstock_code answer_stop(struct ps_control *control, yyjson_val *request,
                                 struct penstock_error *error) {
    const char *application = request_text(request, "application");
    if (application != NULL && strcmp(application, control->application) != 0) {
        return ps_error_set(error, PENSTOCK_NOT_FOUND, "%s runs, not %s", control->application, application);
    }
    (void)atomic_fetch_or(&control->stop->requested, PS_STOP_ASKED);
    return PENSTOCK_OK;
}

/* The mutex is held. */
static void forget_replay(struct ps_control *control) {
    ps_release(control->replay.source);
    ps_release(control->replay.reason);
    control->replay = (struct replay){.state = REPLAY_NONE};
    (void)pthread_cond_broadcast(&control->changed);
}

static char *copy_or_null(const char *text) {
    return text == NULL ? NULL : ps_duplicate(text);
}

/* The mutex is held. Lays the request down and waits until the runner has carried it out. */
static penstock_code wait_for_replay(struct ps_control *control, const char *source, const char *reason,
                                     struct ps_replay_totals *totals_out, struct penstock_error *error) {
    while (control->replay.state != REPLAY_NONE && !control->is_closing) {
        (void)pthread_cond_wait(&control->changed, &control->mutex);
    }
    if (control->is_closing) {
        return ps_error_set(error, PENSTOCK_CANCELLED, "the application is ending");
    }
    control->replay = (struct replay){
        .state = REPLAY_WANTED, .source = copy_or_null(source), .reason = copy_or_null(reason)};
    if ((source != NULL && control->replay.source == NULL) ||
        (reason != NULL && control->replay.reason == NULL)) {
        forget_replay(control);
        return ps_error_memory(error, "replay");
    }
    while (control->replay.state != REPLAY_DONE &&
           !(control->is_closing && control->replay.state == REPLAY_WANTED)) {
        (void)pthread_cond_wait(&control->changed, &control->mutex);
    }
    penstock_code code = control->replay.code;
    if (control->replay.state == REPLAY_DONE) {
        *totals_out = control->replay.totals;
        *error = control->replay.error;
    } else {
        code = ps_error_set(error, PENSTOCK_CANCELLED, "the application is ending");
    }
    forget_replay(control);
    return code;
}

static penstock_code answer_replay(struct ps_control *control, yyjson_val *request, yyjson_mut_doc *answer,
                                   struct penstock_error *error) {
    struct ps_replay_totals totals = {0};
    (void)pthread_mutex_lock(&control->mutex);
    const penstock_code code = wait_for_replay(control, request_text(request, "source"),
                                               request_text(request, "reason"), &totals, error);
    (void)pthread_mutex_unlock(&control->mutex);
    if (code == PENSTOCK_OK) {
        yyjson_mut_val *root = yyjson_mut_doc_get_root(answer);
        (void)yyjson_mut_obj_add_int(answer, root, "tried", totals.tried);
        (void)yyjson_mut_obj_add_int(answer, root, "replayed", totals.replayed);
        (void)yyjson_mut_obj_add_int(answer, root, "still_dead", totals.still_dead);
    }
    return code;
}

static void answer_status(const struct ps_control *control, yyjson_mut_doc *answer) {
    yyjson_mut_val *root = yyjson_mut_doc_get_root(answer);
    ps_json_add_text(answer, root, "application", control->application);
    yyjson_mut_val *lags = yyjson_mut_obj_add_arr(answer, root, "lags");
    for (size_t i = 0; lags != NULL && i < control->node_count; i++) {
        (void)yyjson_mut_arr_add_sint(answer, lags, atomic_load(&control->lags[i]));
    }
    ps_jobs_tell(control->jobs, answer);
}

void ps_control_tell_lag(struct ps_control *control, size_t node, int64_t lag) {
    if (node < control->node_count) {
        atomic_store(&control->lags[node], lag);
    }
}

static penstock_code answer_request(struct control_thread *thread, yyjson_val *request,
                                    yyjson_mut_doc *answer, struct ps_text_table **table_out,
                                    struct penstock_error *error) {
    struct ps_control *control = thread->control;
    const char *what = NULL;
    PS_TRY(need_text(request, "request", &what, error));
    if (strcmp(what, "query") == 0) {
        return answer_query(thread, request, answer, table_out, error);
    }
    if (strcmp(what, "show") == 0 || strcmp(what, "load") == 0) {
        return answer_model(thread, request, strcmp(what, "load") == 0, answer, error);
    }
    if (strcmp(what, "models") == 0) {
        return answer_models(thread, request, answer, table_out, error);
    }
    if (strcmp(what, "retrain") == 0) {
        return answer_retrain(thread, request, answer, error);
    }
    if (strcmp(what, "diff") == 0) {
        return answer_diff(thread, request, answer, error);
    }
    if (strcmp(what, "status") == 0) {
        answer_status(control, answer);
        return PENSTOCK_OK;
    }
    if (strcmp(what, "train") == 0) {
        return answer_train(thread, request, answer, error);
    }
    if (strcmp(what, "stop") == 0) {
        return answer_stop(control, request, error);
    }
    if (strcmp(what, "replay") == 0) {
        return answer_replay(control, request, answer, error);
    }
    return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "there is no request '%s'", what);
}

/* `line` is one request; the answer goes into `out`. */
static penstock_code answer_line(struct control_thread *thread, const struct ps_buffer *line,
                                 struct ps_buffer *out, struct penstock_error *error) {
    yyjson_doc *request PS_SCOPED(ps_json_read_free_scoped) = ps_json_read(line->data, line->size);
    yyjson_mut_doc *answer PS_SCOPED(ps_json_free_scoped) = ps_json_new();
    struct ps_text_table *table PS_SCOPED(ps_text_table_drop) = NULL; /* the answer borrows its texts */
    if (answer == NULL) {
        return ps_error_memory(error, "answer");
    }
    struct penstock_error refusal = {0};
    set_busy(thread, true);
    const penstock_code code = answer_request(thread, yyjson_doc_get_root(request), answer, &table, &refusal);
    set_busy(thread, false);
    (void)yyjson_mut_obj_add_int(answer, yyjson_mut_doc_get_root(answer), "code", code);
    if (code != PENSTOCK_OK) {
        add_error(answer, &refusal);
    }
    PS_TRY(ps_json_write(answer, false, out, error));
    ps_buffer_text(out, "\n");
    return ps_buffer_status(out, error);
}

/* A peer that misbehaves gets no answer; there is nobody to tell. */
static penstock_code serve(struct control_thread *thread, int peer, struct penstock_error *error) {
    struct ps_buffer line PS_SCOPED(ps_buffer_done) = {0};
    struct ps_buffer out PS_SCOPED(ps_buffer_done) = {0};
    ps_buffer_init(&line, REQUEST_SIZE_MAX);
    ps_buffer_init(&out, PS_LIMIT_ARENA_SIZE);
    PS_TRY(ps_wire_read(peer, thread->control->wake, REQUEST_WAIT_MS, &line, error));
    PS_TRY(answer_line(thread, &line, &out, error));
    /* not woken: an answer that is ready is still sent while the application ends */
    return ps_wire_write(peer, -1, ANSWER_WAIT_MS, out.data, out.size, error);
}

static bool is_closing(struct ps_control *control) {
    (void)pthread_mutex_lock(&control->mutex);
    const bool closing = control->is_closing;
    (void)pthread_mutex_unlock(&control->mutex);
    return closing;
}

static void *serve_peers(void *argument) {
    struct control_thread *thread = argument;
    struct ps_control *control = thread->control;
    while (!is_closing(control)) {
        struct pollfd polled[2] = {{.fd = control->listener, .events = POLLIN},
                                   {.fd = control->wake, .events = POLLIN}};
        (void)poll(polled, 2, -1);
        int peer PS_SCOPED(ps_wire_close) = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC);
        if (peer >= 0 && !is_closing(control)) {
            struct penstock_error ignored;
            (void)!serve(thread, peer, &ignored);
        }
    }
    return NULL;
}

static penstock_code start(struct ps_control *control, const struct ps_control_setup *setup,
                           struct penstock_error *error) {
    control->store_path = ps_duplicate(setup->store_path);
    control->application = ps_duplicate(setup->application);
    control->stop = setup->stop;
    control->graph = setup->graph;
    control->jobs = setup->jobs;
    control->lags = ps_allocate(setup->node_count + 1, sizeof *control->lags);
    if (control->store_path == NULL || control->application == NULL || control->lags == NULL) {
        return ps_error_memory(error, "control socket");
    }
    control->node_count = setup->node_count;
    for (size_t i = 0; i < setup->node_count; i++) {
        atomic_init(&control->lags[i], -1);
    }
    control->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (control->wake < 0) {
        return ps_error_errno(error, errno, "make the control socket");
    }
    PS_TRY(ps_wire_listen(setup->store_path, &control->listener, error));
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        control->threads[i].control = control;
        PS_TRY(ps_connection_open(setup->engine, &control->threads[i].connection, error));
        PS_TRY(ps_thread_start(&control->threads[i].thread, "control", serve_peers, &control->threads[i],
                               error));
    }
    return PENSTOCK_OK;
}

penstock_code ps_control_open(const struct ps_control_setup *setup, struct ps_control **control_out,
                              struct penstock_error *error) {
    struct ps_control *control = ps_allocate(1, sizeof *control);
    if (control == NULL) {
        return ps_error_memory(error, "control socket");
    }
    control->listener = -1;
    control->wake = -1;
    (void)pthread_mutex_init(&control->mutex, NULL);
    (void)pthread_cond_init(&control->changed, NULL);
    const penstock_code code = start(control, setup, error);
    if (code != PENSTOCK_OK) {
        ps_control_close(control);
        return code;
    }
    *control_out = control;
    return PENSTOCK_OK;
}

/* Interrupts until no thread is at a statement: an interrupt that comes before the statement starts is lost. */
static void end_statements(struct ps_control *control) {
    (void)pthread_mutex_lock(&control->mutex);
    control->is_closing = true;
    (void)pthread_cond_broadcast(&control->changed);
    for (;;) {
        bool any = false;
        for (size_t i = 0; i < THREAD_COUNT; i++) {
            if (control->threads[i].is_busy && control->threads[i].connection != NULL) {
                ps_connection_interrupt(control->threads[i].connection);
                any = true;
            }
        }
        if (!any) {
            break;
        }
        (void)pthread_mutex_unlock(&control->mutex);
        ps_clock_sleep_ms(1);
        (void)pthread_mutex_lock(&control->mutex);
    }
    (void)pthread_mutex_unlock(&control->mutex);
}

void ps_control_close(struct ps_control *control) {
    if (control == NULL) {
        return;
    }
    const bool was_listening = control->listener >= 0;
    end_statements(control);
    const uint64_t one = 1;
    if (control->wake >= 0) {
        (void)!write(control->wake, &one, sizeof one);
    }
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        ps_thread_join(&control->threads[i].thread);
        ps_connection_close(control->threads[i].connection);
    }
    if (was_listening) {
        ps_wire_remove(control->store_path);
    }
    ps_wire_close(&control->listener);
    ps_wire_close(&control->wake);
    ps_release(control->replay.source);
    ps_release(control->replay.reason);
    (void)pthread_cond_destroy(&control->changed);
    (void)pthread_mutex_destroy(&control->mutex);
    ps_release(control->store_path);
    ps_release(control->application);
    ps_release((void *)(uintptr_t)control->lags);
    ps_release(control);
}

bool ps_control_replay_waits(struct ps_control *control) {
    (void)pthread_mutex_lock(&control->mutex);
    const bool waits = control->replay.state == REPLAY_WANTED;
    (void)pthread_mutex_unlock(&control->mutex);
    return waits;
}

bool ps_control_take_replay(struct ps_control *control, const char **source_out, const char **reason_out) {
    (void)pthread_mutex_lock(&control->mutex);
    const bool wanted = control->replay.state == REPLAY_WANTED;
    if (wanted) {
        control->replay.state = REPLAY_RUNNING;
        *source_out = control->replay.source;
        *reason_out = control->replay.reason;
    }
    (void)pthread_mutex_unlock(&control->mutex);
    return wanted;
}

void ps_control_replayed(struct ps_control *control, penstock_code code,
                         const struct ps_replay_totals *totals, const struct penstock_error *error) {
    (void)pthread_mutex_lock(&control->mutex);
    control->replay.code = code;
    control->replay.totals = *totals;
    control->replay.error = *error;
    control->replay.state = REPLAY_DONE;
    (void)pthread_cond_broadcast(&control->changed);
    (void)pthread_mutex_unlock(&control->mutex);
}
