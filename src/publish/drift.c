/* SPDX-License-Identifier: Apache-2.0
 *
 * drift.c - the new rows of a model's SELECT against the profile of its champion.
 *
 * The rows are those behind the last one that the champion has seen, newest first, so that a check before every
 * training costs no more than its limit of rows.
 */
#include "publish/drift.h"

#include <math.h>

#include "publish/drift_score.h"
#include "sql/scan.h"

#define SQL_SIZE_MAX ((size_t)16 << 20)

struct check {
    struct ps_connection *connection;
    const struct ps_drift_options *options;
    struct ps_arena *arena;
    struct ps_profile profile;
    const char *by_column; /* quoted, or NULL */
    int64_t row_count_max;
};

static const char *quote(struct ps_arena *arena, const char *name) {
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, SQL_SIZE_MAX);
    ps_buffer_sql_name(&text, name);
    return text.failed || text.data == NULL ? NULL : ps_arena_copy(arena, text.data);
}

/* The condition of rows that the champion has not seen: in seconds for a time, as it is for a number. */
static penstock_code write_behind(const struct check *check, struct ps_buffer *tail,
                                  struct penstock_error *error) {
    const char **names = NULL;
    const char **types = NULL;
    size_t count = 0;
    const struct ps_model_statement *model = &check->options->statement->as.model;
    PS_TRY(ps_sql_describe(check->connection, model->select.text, check->arena, &names, &types, &count, NULL,
                           error));
    for (size_t i = 0; i < count; i++) {
        if (ps_text_equal_nocase(names[i], model->holdout.by_column)) {
            const bool is_time = strncmp(types[i], "TIMESTAMP", 9) == 0 || strcmp(types[i], "DATE") == 0;
            ps_buffer_printf(tail, is_time ? "WHERE epoch(%s) > %.17g" : "WHERE %s > %.17g", check->by_column,
                             check->profile.time_last);
        }
    }
    return PENSTOCK_OK;
}

static penstock_code write_tail(const struct check *check, struct ps_buffer *tail,
                                struct penstock_error *error) {
    if (check->options->condition != NULL) {
        ps_buffer_printf(tail, "WHERE (%s\n)", check->options->condition);
    } else if (check->by_column != NULL && isfinite(check->profile.time_last)) {
        PS_TRY(write_behind(check, tail, error));
    }
    if (check->by_column != NULL) {
        ps_buffer_printf(tail, " ORDER BY %s DESC NULLS LAST LIMIT %lld", check->by_column,
                         (long long)check->row_count_max);
    }
    return ps_buffer_status(tail, error);
}

static penstock_code read_rows(struct ps_scan *scan, const struct ps_stop *stop,
                               struct penstock_error *error) {
    for (;;) {
        struct ps_chunk *chunk = NULL;
        PS_TRY(ps_scan_next(scan, &chunk, error));
        if (chunk == NULL) {
            return PENSTOCK_OK;
        }
        ps_chunk_free(chunk); /* the sample has seen it */
        if (stop != NULL && ps_stop_requested(stop)) {
            return ps_error_set(error, PENSTOCK_CANCELLED, "stopped while looking for drift");
        }
    }
}

static penstock_code take_sample(const struct check *check, struct ps_sample **sample_out,
                                 struct penstock_error *error) {
    const size_t count = check->profile.column_count - 1;
    struct ps_scan_column *columns = ps_arena_allocate(check->arena, count + 1, sizeof *columns);
    const char **names = ps_arena_allocate(check->arena, count + 1, sizeof *names);
    bool *is_text = ps_arena_allocate(check->arena, count + 1, sizeof *is_text);
    const char *relation = ps_arena_printf(check->arena, "(%s\n) AS penstock_rows",
                                           check->options->statement->as.model.select.text);
    if (columns == NULL || names == NULL || is_text == NULL || relation == NULL) {
        return ps_error_memory(error, "a drift check");
    }
    for (size_t i = 0; i < count; i++) {
        const struct ps_profile_column *column = &check->profile.columns[i];
        names[i] = column->name;
        is_text[i] = column->is_text;
        columns[i] = (struct ps_scan_column){quote(check->arena, column->name),
                                             column->is_text ? PS_SCAN_TEXT : PS_SCAN_DOUBLE};
        if (columns[i].expression == NULL) {
            return ps_error_memory(error, "a drift check");
        }
    }
    struct ps_buffer tail PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&tail, SQL_SIZE_MAX);
    PS_TRY(write_tail(check, &tail, error));
    struct ps_sample *sample PS_SCOPED(ps_sample_free_scoped) = NULL;
    PS_TRY(ps_sample_new(count, names, is_text, (size_t)check->row_count_max, &sample, error));
    struct ps_scan *scan = NULL;
    PS_TRY(ps_scan_open(check->connection, relation, columns, count, tail.data, &scan, error));
    ps_sample_watch(sample, scan);
    const penstock_code code = read_rows(scan, check->options->stop, error);
    ps_scan_close(scan);
    PS_TRY(code);
    ps_sample_finish(sample);
    *sample_out = ps_take(sample);
    return PENSTOCK_OK;
}

static penstock_code run(struct check *check, struct ps_drift_report **report_out,
                         struct penstock_error *error) {
    const struct ps_drift_options *options = check->options;
    const struct ps_holdout *holdout = &options->statement->as.model.holdout;
    PS_TRY(ps_profile_read(options->profile, check->arena, &check->profile, error));
    if (holdout->by_column != NULL) {
        check->by_column = quote(check->arena, holdout->by_column);
        if (check->by_column == NULL) {
            return ps_error_memory(error, "a drift check");
        }
    }
    struct ps_sample *sample PS_SCOPED(ps_sample_free_scoped) = NULL;
    if (check->profile.column_count > 1) {
        PS_TRY(take_sample(check, &sample, error));
    } else { /* no features: nothing can drift */
        PS_TRY(ps_sample_new(0, NULL, NULL, 2, &sample, error));
    }
    return ps_drift_compare(
        &check->profile, sample, NULL, options->tolerance < 0 ? PS_DRIFT_TOLERANCE : options->tolerance,
        options->confidence > 0 ? options->confidence : PS_DRIFT_CONFIDENCE, report_out, error);
}

penstock_code ps_drift_check(struct ps_connection *connection, const struct ps_drift_options *options,
                             struct ps_drift_report **report_out, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    if (arena == NULL) {
        return ps_error_memory(error, "a drift check");
    }
    struct check check = {.connection = connection,
                          .options = options,
                          .arena = arena,
                          .row_count_max =
                              options->row_count_max > 0 ? options->row_count_max : PS_DRIFT_ROW_COUNT_MAX};
    const penstock_code code = run(&check, report_out, error);
    if (code != PENSTOCK_OK) {
        (void)ps_error_context(error, "look for drift");
    }
    return code;
}
