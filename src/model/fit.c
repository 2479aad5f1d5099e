/* SPDX-License-Identifier: Apache-2.0
 *
 * fit.c - questions to the training rows, as SQL.
 *
 * Quantiles are asked for four columns at a time: an exact quantile holds its column in memory, so all columns
 * of a large table at once would not fit, and one at a time would read the table once for each.
 */
#include "model/fit.h"

#include <math.h>
#include <stdio.h>

#include "base/limits.h"
#include "model/categories.h"
#include "sql/scan.h"

static const size_t quantile_columns = 4;

void ps_buffer_sql_double(struct ps_buffer *buffer, double value) {
    if (isinf(value)) {
        ps_buffer_printf(buffer, "CAST('%sinf' AS DOUBLE)", value < 0 ? "-" : "");
    } else {
        ps_buffer_printf(buffer, "CAST('%.17g' AS DOUBLE)", value);
    }
}

penstock_code ps_fit_note(struct ps_fit *fit, struct penstock_error *error, const char *format, ...) {
    char text[600];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return fit->note == NULL ? PENSTOCK_OK : fit->note(fit->note_context, text, error);
}

static penstock_code query(struct ps_fit *fit, struct ps_buffer *sql, struct ps_result **result_out,
                           struct penstock_error *error) {
    PS_TRY(ps_buffer_status(sql, error));
    if (ps_stop_requested(fit->stop)) {
        return ps_error_set(error, PENSTOCK_CANCELLED, "stopped while fitting transforms");
    }
    fit->scan_count++;
    return ps_sql_query(fit->connection, sql->data, result_out, error);
}

static void add_from(struct ps_fit *fit, struct ps_buffer *sql) {
    ps_buffer_printf(sql, " FROM %s %s", fit->relation, fit->where->size > 0 ? fit->where->data : "");
}

/* What is asked of four columns at once: of each the quantiles, in one list, and for ranks how many values it has. */
struct quantiles {
    const char *const *expressions;
    size_t count;
    const double *shares;
    size_t share_count;
    bool are_ranks;
};

/* Spark's rank of a share q of n values is ceil(q * n), as doubles have it; quantile_disc's is n - floor(n - q * n),
 * one less where q * n is a hair above a whole number. The value of the next rank is asked for, too: that of a share
 * which is larger by less than one of a billion rows, and by more than doubles round. */
static const double next_rank = 1e-12;

static double choose_rank(double count, double share, double value, double next) {
    const double product = share * count;
    return ceil(product) > count - floor(count - product) ? next : value;
}

static void add_shares(const struct quantiles *quantiles, struct ps_buffer *sql) {
    const size_t lists = quantiles->are_ranks ? 2 : 1;
    for (size_t p = 0; p < lists * quantiles->share_count; p++) {
        const bool is_next = p >= quantiles->share_count;
        const double share = quantiles->shares[p % quantiles->share_count];
        ps_buffer_text(sql, p > 0 ? ", " : "");
        /* a plain literal would be a DECIMAL: 0.1 and a bit */
        ps_buffer_sql_double(sql, is_next ? fmin(share + next_rank, 1) : share);
    }
}

static penstock_code quantiles_of(struct ps_fit *fit, const struct quantiles *quantiles, double *values_out,
                                  struct penstock_error *error) {
    const char *function = quantiles->are_ranks ? "quantile_disc" : "quantile_cont";
    const size_t share_count = quantiles->share_count;
    const size_t width = quantiles->are_ranks ? 2 * share_count + 1 : share_count;
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, (size_t)16 << 20);
    ps_buffer_text(&sql, "SELECT ");
    for (size_t i = 0; i < quantiles->count * width; i++) {
        const size_t place = i % width;
        ps_buffer_text(&sql, i > 0 ? ", " : "");
        if (place == 2 * share_count) {
            ps_buffer_printf(&sql, "n%zu", i / width);
        } else {
            ps_buffer_printf(&sql, "q%zu[%zu]", i / width, place + 1);
        }
    }
    ps_buffer_text(&sql, " FROM (SELECT ");
    for (size_t i = 0; i < quantiles->count; i++) {
        const char *expression = quantiles->expressions[i];
        ps_buffer_printf(&sql, "%scount(%s) AS n%zu, %s(%s, [", i > 0 ? ", " : "", expression, i, function,
                         expression);
        add_shares(quantiles, &sql);
        ps_buffer_printf(&sql, "]) AS q%zu", i);
    }
    add_from(fit, &sql);
    ps_buffer_text(&sql, ")");
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(query(fit, &sql, &result, error));
    for (size_t i = 0; i < quantiles->count * share_count; i++) {
        const size_t first = i / share_count * width;
        const size_t p = i % share_count;
        values_out[i] = ps_result_double(result, 0, (int64_t)(first + p));
        if (quantiles->are_ranks) {
            values_out[i] = choose_rank(ps_result_double(result, 0, (int64_t)(first + 2 * share_count)),
                                        quantiles->shares[p], values_out[i],
                                        ps_result_double(result, 0, (int64_t)(first + share_count + p)));
        }
    }
    return PENSTOCK_OK;
}

static penstock_code all_quantiles(struct ps_fit *fit, const struct quantiles *asked, double *values_out,
                                   struct penstock_error *error) {
    for (size_t i = 0; i < asked->count; i += quantile_columns) {
        struct quantiles some = *asked;
        some.expressions += i;
        some.count = asked->count - i < quantile_columns ? asked->count - i : quantile_columns;
        PS_TRY(quantiles_of(fit, &some, values_out + i * asked->share_count, error));
    }
    return PENSTOCK_OK;
}

penstock_code ps_fit_quantiles(struct ps_fit *fit, const char *const *expressions, size_t count,
                               const double *probabilities, size_t probability_count, double *quantiles_out,
                               struct penstock_error *error) {
    const struct quantiles quantiles = {expressions, count, probabilities, probability_count, false};
    return all_quantiles(fit, &quantiles, quantiles_out, error);
}

penstock_code ps_fit_ranks(struct ps_fit *fit, const char *const *expressions, size_t count,
                           const double *probabilities, size_t probability_count, double *values_out,
                           struct penstock_error *error) {
    const struct quantiles quantiles = {expressions, count, probabilities, probability_count, true};
    return all_quantiles(fit, &quantiles, values_out, error);
}

static void add(double *sum, double *rest, double value) {
    const double total = *sum + value;
    *rest += fabs(*sum) >= fabs(value) ? (*sum - total) + value : (value - total) + *sum;
    *sum = total;
}

void ps_fit_sums_add(struct ps_fit_sums *sums, double value) {
    if (sums->count == 0) {
        sums->pilot = sums->least = sums->largest = value;
    }
    const double distance = value - sums->pilot;
    sums->count++;
    add(&sums->first, &sums->first_rest, distance);
    add(&sums->second, &sums->second_rest, distance * distance);
    sums->least = fmin(sums->least, value);
    sums->largest = fmax(sums->largest, value);
}

struct ps_column_moments ps_fit_sums_moments(const struct ps_fit_sums *sums) {
    const double first = sums->first + sums->first_rest;
    const double squares = sums->second + sums->second_rest - first * first / fmax(sums->count, 1);
    return (struct ps_column_moments){
        .row_count = sums->count,
        .mean = sums->pilot + first / fmax(sums->count, 1),
        .variance = sums->count > 1 ? fmax(squares, 0) / (sums->count - 1) : 0,
        .least = sums->least,
        .largest = sums->largest,
    };
}

static penstock_code sum_chunks(struct ps_fit *fit, struct ps_scan *scan, struct ps_fit_sums *sums,
                                size_t count, struct penstock_error *error) {
    for (;;) {
        struct ps_chunk *chunk = NULL;
        PS_TRY(ps_scan_next(scan, &chunk, error));
        if (chunk == NULL) {
            return PENSTOCK_OK;
        }
        for (size_t c = 0; c < count; c++) {
            const double *values = ps_chunk_doubles(chunk, c);
            const uint64_t *validity = ps_chunk_validity(chunk, c);
            for (int64_t row = 0; row < ps_chunk_row_count(chunk); row++) {
                if (ps_chunk_is_valid(validity, row) && isfinite(values[row])) {
                    ps_fit_sums_add(&sums[c], values[row]);
                }
            }
        }
        ps_chunk_free(chunk);
        if (ps_stop_requested(fit->stop)) {
            return ps_error_set(error, PENSTOCK_CANCELLED, "stopped while fitting transforms");
        }
    }
}

penstock_code ps_fit_scan(struct ps_fit *fit, const struct ps_scan_column *columns, size_t count,
                          struct ps_scan **scan_out, struct penstock_error *error) {
    struct ps_buffer tail PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&tail, (size_t)16 << 20);
    ps_buffer_printf(&tail, "%s%s", fit->where->size > 0 ? fit->where->data : "",
                     fit->is_sorted ? " ORDER BY ALL" : "");
    PS_TRY(ps_buffer_status(&tail, error));
    fit->scan_count++;
    return ps_scan_open(fit->connection, fit->relation, columns, count, tail.size > 0 ? tail.data : NULL,
                        scan_out, error);
}

penstock_code ps_fit_moments(struct ps_fit *fit, const char *const *expressions, size_t count,
                             struct ps_column_moments *moments_out, struct penstock_error *error) {
    struct ps_scan_column *columns PS_SCOPED(ps_release_scoped) = ps_allocate(count, sizeof *columns);
    struct ps_fit_sums *sums PS_SCOPED(ps_release_scoped) = ps_allocate(count, sizeof *sums);
    if (columns == NULL || sums == NULL) {
        return ps_error_memory(error, "moments");
    }
    for (size_t i = 0; i < count; i++) {
        columns[i] = (struct ps_scan_column){expressions[i], PS_SCAN_DOUBLE};
    }
    struct ps_scan *scan = NULL;
    PS_TRY(ps_fit_scan(fit, columns, count, &scan, error));
    const penstock_code code = sum_chunks(fit, scan, sums, count, error);
    ps_scan_close(scan);
    for (size_t i = 0; code == PENSTOCK_OK && i < count; i++) {
        moments_out[i] = ps_fit_sums_moments(&sums[i]);
    }
    return code;
}

penstock_code ps_fit_mode(struct ps_fit *fit, const char *expression, double *mode_out,
                          struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, (size_t)16 << 20);
    ps_buffer_printf(&sql, "SELECT v FROM (SELECT %s AS v", expression);
    add_from(fit, &sql);
    ps_buffer_text(&sql, ") WHERE v IS NOT NULL GROUP BY v ORDER BY count(*) DESC, v LIMIT 1");
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(query(fit, &sql, &result, error));
    *mode_out = ps_result_row_count(result) > 0 ? ps_result_double(result, 0, 0) : (double)NAN;
    return PENSTOCK_OK;
}

penstock_code ps_fit_distinct(struct ps_fit *fit, const char *expression, bool is_text, const char *column,
                              struct ps_fit_values *values_out, struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, (size_t)16 << 20);
    ps_buffer_printf(&sql, "SELECT v, count(*) FROM (SELECT %s AS v", expression);
    add_from(fit, &sql);
    ps_buffer_printf(&sql, ") WHERE v IS NOT NULL GROUP BY v ORDER BY v LIMIT %d",
                     PS_LIMIT_FEATURE_COUNT + 1);
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(query(fit, &sql, &result, error));
    const int64_t count = ps_result_row_count(result);
    if (count > PS_LIMIT_FEATURE_COUNT) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                           "column %s has more than %d categories, the limit of features", column,
                           PS_LIMIT_FEATURE_COUNT);
        return ps_error_hint(
            error, "is it a number, a time or an id? Leave it out of the SELECT, or Bucketizer first");
    }
    struct ps_fit_values values = {.count = (size_t)count};
    values.texts = ps_arena_allocate(fit->arena, values.count + 1, sizeof *values.texts);
    values.counts = ps_arena_allocate(fit->arena, values.count + 1, sizeof *values.counts);
    values.numbers = is_text ? NULL : ps_arena_allocate(fit->arena, values.count + 1, sizeof(double));
    if (values.texts == NULL || values.counts == NULL || (!is_text && values.numbers == NULL)) {
        return ps_error_memory(error, "categories");
    }
    for (int64_t i = 0; i < count; i++) {
        values.counts[i] = ps_result_integer(result, i, 1);
        if (is_text) {
            values.texts[i] = ps_arena_copy(fit->arena, ps_result_text(result, i, 0));
        } else {
            values.numbers[i] = ps_result_double(result, i, 0);
            values.texts[i] = ps_category_label(fit->arena, values.numbers[i]);
        }
        if (values.texts[i] == NULL) {
            return ps_error_memory(error, "categories");
        }
    }
    *values_out = values;
    return PENSTOCK_OK;
}

/* A scaler whose values a later stage needs: its moments are summed now. */
static penstock_code learn_now(struct ps_fit *fit, struct ps_transform *transform,
                               struct penstock_error *error) {
    bool has_work = false;
    for (size_t i = 0; i < transform->input_count; i++) {
        has_work = has_work || !transform->is_deferred[i];
    }
    if (!has_work) {
        return PENSTOCK_OK;
    }
    struct ps_column_moments *moments =
        ps_arena_allocate(fit->arena, transform->input_count, sizeof *moments);
    if (moments == NULL) {
        return ps_error_memory(error, "moments");
    }
    PS_TRY(ps_fit_input_moments(fit, transform, moments, error));
    for (size_t i = 0; i < transform->input_count; i++) {
        if (!transform->is_deferred[i]) {
            transform->type->learn(transform, &moments[i],
                                   transform->numbers + i * transform->type->number_count);
            transform->is_fitted[i] = true;
        }
    }
    return PENSTOCK_OK;
}

/* Has a selector left something to learn from? */
static penstock_code check_left(const struct ps_fit *fit, struct penstock_error *error) {
    for (size_t i = 0; i < fit->pipeline->column_count; i++) {
        if (!fit->pipeline->columns[i].is_label) {
            return PENSTOCK_OK;
        }
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                       "TRANSFORM leaves no feature: no column varies more than varianceThreshold");
    return ps_error_hint(error, "a lower varianceThreshold keeps more; 0 leaves out constants only");
}

/* Has the stage learnt nothing that the split's rows could tell better? Then it is as in the model. */
static void take_over(const struct ps_fit *fit, size_t index) {
    struct ps_transform *transform = &fit->pipeline->transforms[index];
    const struct ps_transform *whole = &fit->split->whole->transforms[index];
    transform->numbers = whole->numbers;
    transform->number_count = whole->number_count;
    memcpy(transform->is_fitted, whole->is_fitted, transform->input_count * sizeof(bool));
    memcpy(transform->categories, whole->categories, transform->input_count * sizeof *transform->categories);
}

penstock_code ps_pipeline_fit(struct ps_fit *fit, struct penstock_error *error) {
    for (size_t i = 0; i < fit->pipeline->transform_count; i++) {
        struct ps_transform *transform = &fit->pipeline->transforms[i];
        for (size_t c = 0; transform->type->reads_values && c < transform->input_count; c++) {
            const struct ps_slot *slot = &fit->pipeline->slots[transform->inputs[c]];
            if (slot->sql == NULL && !(slot->categories != NULL && transform->type->learns_categories)) {
                return ps_transform_error(
                    transform, error, "cannot learn from %s, which an earlier stage has made", slot->name);
            }
        }
        if (fit->split != NULL && !transform->refits) {
            take_over(fit, i);
        } else if (transform->type->fit != NULL) {
            PS_TRY(transform->type->fit(fit, transform, error));
        } else if (transform->is_learnt) {
            PS_TRY(learn_now(fit, transform, error));
        }
        PS_TRY(transform->type->finish(fit->pipeline, transform, error));
        ps_pipeline_settle(fit->pipeline, transform);
    }
    ps_pipeline_prune(fit->pipeline);
    return fit->pipeline->is_of_dataset ? PENSTOCK_OK : check_left(fit, error);
}
