/* SPDX-License-Identifier: Apache-2.0
 *
 * perceptron_whole.c - solvers that look at all rows in every step: L-BFGS and gradient descent.
 *
 * Each block's gradient is kept until it is its turn and added in block order, so that threads do not matter.
 */
#include <math.h>
#include <string.h>

#include "base/thread.h"
#include "model/frame.h"
#include "model/minimizer.h"
#include "model/perceptron.h"

/* Rows of one matrix product. */
enum { ROWS = 512 };

struct worker {
    struct ps_features_reader *reader;
    struct ps_row_batch batch;
    struct ps_backward *backward;
};
struct whole {
    struct ps_perceptron *perceptron;
    struct worker *workers;
    size_t worker_count, window;
    double *gradients; /* window * parameter_count */
    double *losses;
    const double *point;
    double loss, *gradient;
    double row_count;
};

static void whole_done(struct whole *whole) {
    for (size_t w = 0; whole->workers != NULL && w < whole->worker_count; w++) {
        ps_features_reader_free(whole->workers[w].reader);
        ps_row_batch_done(&whole->workers[w].batch);
        ps_backward_free(whole->workers[w].backward);
    }
    ps_release(whole->workers);
    ps_release(whole->gradients);
    ps_release(whole->losses);
}

static penstock_code whole_init(struct whole *whole, struct penstock_error *error) {
    struct ps_perceptron *perceptron = whole->perceptron;
    const struct ps_training_set *set = perceptron->set;
    whole->worker_count = set->worker_count > 1 ? set->worker_count : 1;
    whole->window = ps_training_set_window(set);
    const size_t vectors = whole->window + 30; /* and those of the minimiser */
    const size_t needed = vectors * perceptron->shape.parameter_count * sizeof(double);
    if (set->memory_max > 0 && needed > (size_t)set->memory_max) {
        (void)ps_error_set(error, PENSTOCK_OUT_OF_MEMORY,
                           "solver '%s' with %zu weights needs about %zu MiB, more than the executor has",
                           perceptron->config->solver, perceptron->shape.parameter_count, needed >> 20);
        (void)ps_error_hint(error, "take solver = 'adam', smaller layers, or give it more memory");
        return PENSTOCK_OUT_OF_MEMORY;
    }
    whole->workers = ps_allocate(whole->worker_count, sizeof *whole->workers);
    whole->gradients = ps_allocate(whole->window * perceptron->shape.parameter_count + 1, sizeof(double));
    whole->losses = ps_allocate(whole->window, sizeof(double));
    if (whole->workers == NULL || whole->gradients == NULL || whole->losses == NULL) {
        return ps_error_memory(error, "a network");
    }
    for (size_t w = 0; w < whole->worker_count; w++) {
        struct worker *worker = &whole->workers[w];
        PS_TRY(ps_features_reader_new(set, &worker->reader, error));
        PS_TRY(ps_row_batch_init(&worker->batch, &perceptron->inputs, ROWS, error));
        PS_TRY(ps_backward_new(&perceptron->shape, ROWS, false, &worker->backward, error));
    }
    for (size_t p = 0; p < set->rows->block_count * set->rows->part_count; p++) {
        whole->row_count +=
            set->trains[p % set->rows->part_count] ? (double)set->rows->panels[p].row_count : 0;
    }
    return PENSTOCK_OK;
}

static penstock_code work(void *context, size_t worker_index, size_t block, struct penstock_error *error) {
    (void)error;
    static const struct ps_dropout no_dropout = {0};
    struct whole *whole = context;
    const struct ps_perceptron *perceptron = whole->perceptron;
    const struct ps_rows *rows = perceptron->set->rows;
    struct worker *worker = &whole->workers[worker_index];
    const size_t place = block % whole->window;
    double *gradient = whole->gradients + place * perceptron->shape.parameter_count;
    memset(gradient, 0, perceptron->shape.parameter_count * sizeof(double));
    whole->losses[place] = 0;
    for (size_t part = 0; part < rows->part_count; part++) {
        const struct ps_row_panel *panel = &rows->panels[block * rows->part_count + part];
        for (size_t begin = 0; perceptron->set->trains[part] && begin < panel->row_count; begin += ROWS) {
            const size_t left = panel->row_count - begin;
            const size_t count = left < ROWS ? left : ROWS;
            worker->batch.row_count = 0;
            ps_row_batch_add(&worker->batch, ps_features_reader_read(worker->reader, panel, begin, count),
                             NULL, count);
            for (size_t i = 0; i < count; i++) {
                worker->batch.labels[i] =
                    (panel->labels[begin + i] - perceptron->label_mean) / perceptron->label_scale;
            }
            whole->losses[place] += ps_backward_run(worker->backward, whole->point, &worker->batch, 0, count,
                                                    &no_dropout, gradient);
        }
    }
    return PENSTOCK_OK;
}

static penstock_code merge(void *context, size_t block, struct penstock_error *error) {
    (void)error;
    struct whole *whole = context;
    const size_t count = whole->perceptron->shape.parameter_count;
    const double *gradient = whole->gradients + block % whole->window * count;
    for (size_t i = 0; i < count; i++) {
        whole->gradient[i] += gradient[i];
    }
    whole->loss += whole->losses[block % whole->window];
    return PENSTOCK_OK;
}

static penstock_code evaluate(void *context, const double *point, double *value_out, double *gradient_out,
                              struct penstock_error *error) {
    struct whole *whole = context;
    const struct ps_perceptron *perceptron = whole->perceptron;
    const struct ps_network_shape *shape = &perceptron->shape;
    whole->point = point;
    whole->gradient = gradient_out;
    whole->loss = 0;
    memset(gradient_out, 0, shape->parameter_count * sizeof(double));
    PS_TRY(ps_training_set_run(perceptron->set, whole, work, merge, error));
    const double alpha = perceptron->config->alpha;
    for (size_t l = 0; l < shape->layer_count; l++) {
        const size_t offset = ps_network_offset(shape, l);
        for (size_t i = offset; i < offset + shape->sizes[l] * shape->sizes[l + 1]; i++) {
            gradient_out[i] += alpha * point[i];
        }
    }
    for (size_t i = 0; i < shape->parameter_count; i++) {
        gradient_out[i] /= whole->row_count;
    }
    *value_out = (whole->loss + alpha * ps_perceptron_weight_size(shape, point)) / whole->row_count;
    return PENSTOCK_OK;
}

penstock_code ps_perceptron_whole(struct ps_perceptron *perceptron, struct penstock_error *error) {
    struct whole whole PS_SCOPED(whole_done) = {.perceptron = perceptron};
    PS_TRY(whole_init(&whole, error));
    const struct ps_minimizer_options options = {
        .count = perceptron->shape.parameter_count,
        .iteration_max = perceptron->config->max_iter,
        .tol = perceptron->config->tol,
        .step_size = perceptron->config->step_size,
        .context = &whole,
        .evaluate = evaluate,
    };
    struct ps_minimum minimum;
    PS_TRY(strcmp(perceptron->config->solver, "gd") == 0
               ? ps_minimize_descent(&options, perceptron->parameters, &minimum, error)
               : ps_minimize_lbfgs(&options, perceptron->parameters, &minimum, error));
    perceptron->loss = minimum.value;
    perceptron->iteration_count = minimum.iteration_count;
    perceptron->is_unconverged = minimum.is_unconverged;
    return isfinite(minimum.value) ? PENSTOCK_OK : ps_perceptron_diverged(perceptron, error);
}
