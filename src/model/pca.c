/* SPDX-License-Identifier: Apache-2.0
 *
 * pca.c - PCA: columns become their projections on the k directions in which they vary most.
 *
 * As in Spark the directions are eigenvectors of the sample covariance matrix, and the mean is not taken off before
 * projecting (put StandardScaler(withMean = true) before it to do so). Spark leaves the sign of a direction to
 * chance; here its largest weight is positive, as in scikit-learn, so that a training repeats. The covariance is
 * summed up by an ordered scan of the training rows, about the mean of the first 2048, in one thread: the same bits
 * each time. Rows in which a column is missing have no part in it.
 *
 * Numbers: k rows of weights, one for each column; then each direction's share of the variance.
 */
#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>

#include "base/limits.h"
#include "model/fit.h"
#include "model/gram.h"

struct config {
    int64_t k;
    const char *output;
};

static const struct ps_option options[] = {
    {"k", PS_OPTION_INTEGER, NULL, 1, PS_LIMIT_FEATURE_COUNT, NULL, offsetof(struct config, k), true, false,
     "number of directions", "0.2"},
    {"outputCol", PS_OPTION_TEXT, "pca", 0, 0, NULL, offsetof(struct config, output), false, false,
     "what the new columns are called: pca_0, pca_1, ...", "0.2"},
    {0},
};

static penstock_code bind(struct ps_pipeline *pipeline, struct ps_transform *transform,
                          struct penstock_error *error) {
    const struct config *config = transform->config;
    const size_t k = (size_t)config->k;
    if (config->k <= 0) {
        return ps_transform_error(transform, error, "k is missing: how many directions, as in k = 3");
    }
    if (k > transform->input_count) {
        return ps_transform_error(transform, error, "k = %zu, but there are only %zu columns", k,
                                  transform->input_count);
    }
    PS_TRY(ps_transform_reserve(pipeline, transform, k * transform->input_count + k, error));
    transform->outputs = ps_arena_allocate(pipeline->arena, k, sizeof(size_t));
    if (transform->outputs == NULL) {
        return ps_error_memory(error, "a pipeline");
    }
    for (size_t i = 0; i < transform->input_count; i++) {
        ps_pipeline_remove(pipeline, transform, i);
    }
    for (size_t i = 0; i < k; i++) {
        const char *name = ps_arena_printf(pipeline->arena, "%s_%zu", config->output, i);
        if (name == NULL) {
            return ps_error_memory(error, "a pipeline");
        }
        PS_TRY(ps_pipeline_make(pipeline, transform, 0, name, PS_SLOT_NUMBER, &transform->outputs[i], error));
        transform->output_count++;
    }
    return PENSTOCK_OK;
}

/* Sums about a pilot, of the columns that are there. */
struct learning {
    const struct ps_transform *transform;
    const size_t *inputs; /* indexes of the transform's inputs */
    size_t count;
    double row_count;
    double *pilots, *sums; /* count */
    double *products;      /* count x count, lower triangle */
    double *block;         /* count columns of PS_FRAME_ROWS rows */
    uint32_t rows[PS_FRAME_ROWS];
};

static size_t list_rows(struct learning *learning, const struct ps_frame *frame) {
    size_t count = 0;
    for (size_t row = 0; row < frame->row_count; row++) {
        bool is_whole = frame->fates[row] == PS_FATE_KEEP;
        for (size_t c = 0; is_whole && c < learning->count; c++) {
            is_whole = isfinite(frame->slots[learning->transform->inputs[learning->inputs[c]]].numbers[row]);
        }
        if (is_whole) {
            learning->rows[count++] = (uint32_t)row;
        }
    }
    return count;
}

static penstock_code take(void *context, const struct ps_frame *frame, struct penstock_error *error) {
    struct learning *learning = context;
    (void)error;
    const size_t rows = list_rows(learning, frame);
    if (rows == 0) {
        return PENSTOCK_OK;
    }
    for (size_t c = 0; c < learning->count; c++) {
        const double *values = frame->slots[learning->transform->inputs[learning->inputs[c]]].numbers;
        double *column = learning->block + c * PS_FRAME_ROWS;
        double sum = 0;
        for (size_t i = 0; learning->row_count == 0 && i < rows; i++) {
            sum += values[learning->rows[i]] - values[learning->rows[0]];
        }
        if (learning->row_count == 0) {
            learning->pilots[c] = values[learning->rows[0]] + sum / (double)rows;
        }
        sum = 0;
        for (size_t i = 0; i < rows; i++) {
            column[i] = values[learning->rows[i]] - learning->pilots[c];
            sum += column[i];
        }
        learning->sums[c] += sum;
    }
    learning->row_count += (double)rows;
    const int n = (int)learning->count;
    cblas_dsyrk(CblasColMajor, CblasLower, CblasTrans, n, (int)rows, 1, learning->block, PS_FRAME_ROWS, 1,
                learning->products, n);
    return PENSTOCK_OK;
}

/* The sample covariance in the lower triangle of products; false: a value was too large to be summed up. */
static bool finish_covariance(struct learning *learning) {
    const size_t n = learning->count;
    const double rows = learning->row_count;
    double probe = 0;
    for (size_t c = 0; c < n; c++) {
        for (size_t r = c; r < n; r++) {
            double *place = &learning->products[c * n + r];
            *place = (*place - learning->sums[c] * (learning->sums[r] / rows)) / (rows - 1);
            probe += *place * 0;
        }
    }
    return probe == 0;
}

/* Eigenvectors are the columns of products, by rising eigenvalue: the last k become the rows of numbers. */
static void take_directions(const struct learning *learning, const double *eigenvalues, size_t k,
                            double *numbers) {
    const size_t n = learning->count;
    const size_t width = learning->transform->input_count;
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        total += fmax(eigenvalues[i], 0);
    }
    for (size_t d = 0; d < k; d++) {
        const double *vector = learning->products + (n - 1 - d) * n;
        size_t largest = 0;
        for (size_t i = 1; i < n; i++) {
            largest = fabs(vector[i]) > fabs(vector[largest]) ? i : largest;
        }
        for (size_t i = 0; i < n; i++) {
            numbers[d * width + learning->inputs[i]] = vector[largest] < 0 ? -vector[i] : vector[i];
        }
        numbers[k * width + d] = total > 0 ? fmax(eigenvalues[n - 1 - d], 0) / total : 0;
    }
}

static penstock_code solve(struct ps_fit *fit, struct learning *learning, size_t k, double *numbers,
                           struct penstock_error *error) {
    if (learning->row_count < 2) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA,
                            "PCA: %s training row has a value in all of its columns",
                            learning->row_count > 0 ? "only one" : "no");
    }
    if (!finish_covariance(learning)) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "PCA: a column is too large to be summed up");
    }
    const lapack_int n = (lapack_int)learning->count;
    double *eigenvalues PS_SCOPED(ps_release_scoped) = ps_allocate(learning->count, sizeof(double));
    if (eigenvalues == NULL) {
        return ps_error_memory(error, "PCA");
    }
    const lapack_int info = LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'L', n, learning->products, n, eigenvalues);
    if (info == LAPACK_WORK_MEMORY_ERROR) {
        return ps_error_memory(error, "PCA");
    }
    if (info != 0) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA,
                            "PCA: the covariance matrix has no eigenvectors that can be found (dsyevd: %d)",
                            (int)info);
    }
    take_directions(learning, eigenvalues, k, numbers);
    double share = 0;
    for (size_t i = 0; i < k; i++) {
        share += numbers[k * learning->transform->input_count + i];
    }
    return ps_fit_note(fit, error, "PCA: %zu directions keep %.4g percent of the variance of %zu columns", k,
                       100 * share, learning->count);
}

static void learning_done(struct learning *learning) {
    ps_release(learning->pilots);
    ps_release(learning->sums);
    ps_release(learning->products);
    ps_release(learning->block);
}

static penstock_code fit(struct ps_fit *fit, struct ps_transform *transform, struct penstock_error *error) {
    const size_t k = transform->output_count;
    size_t *inputs = ps_arena_allocate(fit->arena, transform->input_count, sizeof *inputs);
    if (inputs == NULL) {
        return ps_error_memory(error, "PCA");
    }
    struct learning learning PS_SCOPED(learning_done) = {.transform = transform, .inputs = inputs};
    for (size_t i = 0; i < transform->input_count; i++) {
        if (!fit->pipeline->slots[transform->inputs[i]].is_absent) {
            inputs[learning.count++] = i;
        }
    }
    const size_t n = learning.count;
    if (k > n) {
        (void)ps_error_set(
            error, PENSTOCK_INVALID_DATA,
            "PCA: k = %zu, but only %zu of its %zu columns vary enough for VarianceThresholdSelector", k, n,
            transform->input_count);
        return ps_error_hint(error, "a lower varianceThreshold or a smaller k");
    }
    learning.pilots = ps_allocate(n, sizeof(double));
    learning.sums = ps_allocate(n, sizeof(double));
    learning.products = ps_allocate(n * n, sizeof(double));
    learning.block = ps_allocate(n * PS_FRAME_ROWS, sizeof(double));
    if (learning.pilots == NULL || learning.sums == NULL || learning.products == NULL ||
        learning.block == NULL) {
        return ps_error_memory(error, "PCA");
    }
    ps_gram_prepare();
    PS_TRY(ps_fit_rows(fit, transform, false, &learning, take, error));
    PS_TRY(solve(fit, &learning, k, transform->numbers, error));
    for (size_t i = 0; i < transform->input_count; i++) {
        transform->is_fitted[i] = true;
    }
    return PENSTOCK_OK;
}

static penstock_code write_sql(struct ps_pipeline *pipeline, const struct ps_transform *transform,
                               size_t output, struct penstock_error *error) {
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, (size_t)16 << 20);
    bool is_first = true;
    for (size_t i = 0; i < transform->input_count; i++) {
        const struct ps_slot *in = &pipeline->slots[transform->inputs[i]];
        if (in->is_absent) {
            continue;
        }
        if (in->sql == NULL) {
            return PENSTOCK_OK;
        }
        ps_buffer_printf(&text, "%s%s * ", is_first ? "(" : " + ", in->sql);
        ps_buffer_sql_double(&text, transform->numbers[output * transform->input_count + i]);
        is_first = false;
    }
    ps_buffer_text(&text, ")");
    PS_TRY(ps_buffer_status(&text, error));
    struct ps_slot *out = &pipeline->slots[transform->outputs[output]];
    out->sql = ps_arena_copy(pipeline->arena, text.data);
    return out->sql != NULL ? PENSTOCK_OK : ps_error_memory(error, "a pipeline");
}

static penstock_code finish(struct ps_pipeline *pipeline, struct ps_transform *transform,
                            struct penstock_error *error) {
    for (size_t i = 0; i < transform->output_count; i++) {
        if (pipeline->slots[transform->outputs[i]].is_asked) {
            PS_TRY(write_sql(pipeline, transform, i, error));
        }
    }
    return PENSTOCK_OK;
}

static void apply(const struct ps_pipeline *pipeline, const struct ps_transform *transform,
                  struct ps_frame *frame) {
    for (size_t d = 0; d < transform->output_count; d++) {
        const double *weights = transform->numbers + d * transform->input_count;
        struct ps_frame_slot *out = &frame->slots[transform->outputs[d]];
        memset(out->own_numbers, 0, frame->row_count * sizeof(double));
        for (size_t i = 0; i < transform->input_count; i++) {
            const double *in = frame->slots[transform->inputs[i]].numbers;
            if (pipeline->slots[transform->inputs[i]].is_absent) {
                continue;
            }
            for (size_t row = 0; row < frame->row_count; row++) {
                out->own_numbers[row] += weights[i] * in[row];
            }
        }
        out->numbers = out->own_numbers;
    }
}

const struct ps_transform_type ps_pca_type = {
    .name = "PCA",
    .help = "projects columns on the directions in which they vary most",
    .options = options,
    .config_size = sizeof(struct config),
    .column_min = 1,
    .takes_all = true,
    .refits = true,
    .bind = bind,
    .fit = fit,
    .finish = finish,
    .apply = apply,
};
