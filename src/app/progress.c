/* SPDX-License-Identifier: Apache-2.0
 *
 * progress.c - what the runner tells, for a person (one line a second at most), for the logs (every epoch and task)
 * and for the report (times per node).
 */
#include "app/progress.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"

#define LINE_SIZE_MAX 2048
/* A person reads one line a second. */
#define LINE_INTERVAL_NS 1000000000

void ps_progress_line(struct ps_progress *progress, const char *format, ...) {
    char line[LINE_SIZE_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    ps_application_print(progress->application, line);
    if (progress->options != NULL && progress->options->on_line != NULL) {
        progress->options->on_line(line, progress->options->context);
    }
}

void ps_progress_complain(struct ps_progress *progress, const struct penstock_error *error) {
    char line[LINE_SIZE_MAX];
    (void)snprintf(line, sizeof line, "%s: %s", ps_error_code_name(error->code), error->message);
    ps_application_complain(progress->application, line);
    ps_log_write(ps_application_log(progress->application), PS_LOG_ERROR, NULL, "%s", line);
    if (error->detail[0] != '\0') {
        (void)snprintf(line, sizeof line, "  detail: %s", error->detail);
        ps_application_complain(progress->application, line);
    }
    if (error->hint[0] != '\0') {
        (void)snprintf(line, sizeof line, "  hint: %s", error->hint);
        ps_application_complain(progress->application, line);
    }
}

struct word {
    enum { WORD_LINE, WORD_TASK, WORD_ERROR } kind;
    char line[LINE_SIZE_MAX]; /* of the first two */
    struct penstock_error error;
};

static void lay_down(struct ps_queue *words, struct word *word) {
    if (!ps_queue_push(words, word)) {
        ps_release(word);
    }
}

static void speak(struct ps_progress *progress, const struct word *word) {
    switch (word->kind) {
    case WORD_LINE: ps_progress_line(progress, "%s", word->line); break;
    case WORD_TASK: ps_application_task(progress->application, 0, "%s", word->line); break;
    case WORD_ERROR: ps_progress_complain(progress, &word->error); break;
    }
}

static void say(const struct ps_voice *voice, struct word *word) {
    if (voice->words != NULL) {
        lay_down(voice->words, word);
        return;
    }
    speak(voice->progress, word);
    ps_release(word);
}

/* Words for a person are not worth more than the work: without memory they are left out. */
void ps_voice_line(const struct ps_voice *voice, const char *format, ...) {
    struct word *word = ps_allocate(1, sizeof *word);
    if (word == NULL) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(word->line, sizeof word->line, format, arguments);
    va_end(arguments);
    say(voice, word);
}

void ps_voice_task(const struct ps_voice *voice, const char *format, ...) {
    struct word *word = ps_allocate(1, sizeof *word);
    if (word == NULL) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(word->line, sizeof word->line, format, arguments);
    va_end(arguments);
    word->kind = WORD_TASK;
    say(voice, word);
}

void ps_voice_complain(const struct ps_voice *voice, const struct penstock_error *error) {
    struct word *word = ps_allocate(1, sizeof *word);
    if (word != NULL) {
        word->kind = WORD_ERROR;
        word->error = *error;
        say(voice, word);
    }
}

void ps_voice_hear(struct ps_progress *progress, struct ps_queue *words) {
    for (struct word *word = ps_queue_poll(words); word != NULL; word = ps_queue_poll(words)) {
        speak(progress, word);
        ps_release(word);
    }
}

static void print_epoch(struct ps_progress *progress, int64_t epoch) {
    progress->line_ns = ps_clock_monotonic_ns();
    progress->line_epoch = epoch;
    ps_progress_line(
        progress,
        "epoch %" PRId64 ": %" PRId64 " records read, %" PRId64 " rows kept, %" PRId64 " dead letters so far",
        epoch, progress->shown.record_count, progress->shown.row_count, progress->shown.dead_letter_count);
}

static void tell_committed(struct ps_progress *progress, const struct ps_event *event) {
    char fields[256];
    progress->shown.epoch_count = event->epoch;
    progress->shown.record_count += event->record_count;
    progress->shown.row_count += event->row_count;
    progress->shown.dead_letter_count += event->dead_letter_count;
    (void)snprintf(fields, sizeof fields,
                   "\"epoch\":%" PRId64 ",\"records\":%" PRId64 ",\"rows\":%" PRId64
                   ",\"dead_letters\":%" PRId64 ",\"bytes\":%" PRId64 ",\"duration_ms\":%.3f",
                   event->epoch, event->record_count, event->row_count, event->dead_letter_count,
                   event->byte_count, (double)event->duration_ns / 1e6);
    ps_log_write(ps_application_log(progress->application), PS_LOG_INFO, fields, "epoch committed");
    if (ps_clock_monotonic_ns() - progress->line_ns >= LINE_INTERVAL_NS) {
        print_epoch(progress, event->epoch);
    }
}

void ps_progress_flush(struct ps_progress *progress) {
    if (progress->shown.epoch_count > progress->line_epoch) {
        print_epoch(progress, progress->shown.epoch_count);
    }
}

void ps_progress_event(const struct ps_event *event, void *context) {
    struct ps_progress *progress = context;
    const char *text = event->name == NULL ? "" : event->name;
    const int64_t index = event->name == NULL ? -1 : ps_graph_find(progress->app->graph, event->name);
    struct ps_node_time *node = index < 0 ? NULL : &progress->nodes[index];
    switch (event->kind) {
    case PS_EVENT_EPOCH_STARTED:
        ps_application_task(progress->application, 0, "epoch %" PRId64 " started", event->epoch);
        break;
    case PS_EVENT_EPOCH_COMMITTED:
        tell_committed(progress, event);
        ps_application_task(progress->application, 0,
                            "epoch %" PRId64 " committed: %" PRId64 " records, %" PRId64 " rows, %" PRId64
                            " dead letters in %.1f ms",
                            event->epoch, event->record_count, event->row_count, event->dead_letter_count,
                            (double)event->duration_ns / 1e6);
        break;
    case PS_EVENT_TASK_FINISHED:
        if (node != NULL) {
            node->task_count++;
            node->task_ns += event->duration_ns;
            node->task_records += event->record_count;
        }
        ps_application_task(progress->application, event->task,
                            "epoch %" PRId64 ", decode %s, task %" PRId64 " finished: %" PRId64
                            " records, %" PRId64 " bytes in %.1f ms",
                            event->epoch, event->name, event->task, event->record_count, event->byte_count,
                            (double)event->duration_ns / 1e6);
        break;
    case PS_EVENT_STATEMENT_FINISHED:
        if (node != NULL) {
            node->statement_count++;
            node->statement_ns += event->duration_ns;
            node->row_count += event->row_count;
        }
        ps_application_task(progress->application, 0,
                            "epoch %" PRId64 ", %s finished: %" PRId64 " rows in %.1f ms", event->epoch,
                            event->name, event->row_count, (double)event->duration_ns / 1e6);
        break;
    case PS_EVENT_LAG:
        if (index >= 0 && progress->control != NULL) {
            ps_control_tell_lag(progress->control, (size_t)index, event->record_count);
        }
        break;
    case PS_EVENT_IDLE: ps_progress_flush(progress); break;
    case PS_EVENT_NOTICE: ps_progress_line(progress, "%s", text); break;
    case PS_EVENT_RETRY:
        ps_progress_line(progress, "%s; tried again in %.1f s", text, (double)event->duration_ns / 1e9);
        break;
    }
}
