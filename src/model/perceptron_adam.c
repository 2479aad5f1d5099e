/* SPDX-License-Identifier: Apache-2.0
 *
 * perceptron_adam.c - Adam (Kingma, Ba 2015) on mini-batches, as scikit-learn takes its steps.
 *
 * Small batches are one thread's work: handing them over would cost more than it brings. A large one is cut into
 * slices, by its size and the network's alone; helpers that live as long as the fit take slices, and their gradients
 * are added in the order of the slices.
 */
#include <math.h>
#include <string.h>

#include "base/thread.h"
#include "model/perceptron.h"
#include "model/watching.h"

/* Rows of a slice at least, slices of a batch at most, and products of a batch that make helpers worth while. */
enum { SLICE_ROWS_MIN = 64, SLICE_COUNT_MAX = 8 };
static const double sliced_products_min = 1.5e6;
/* Rows that watch are looked at in pieces of this size. */
enum { WATCHING_ROWS = 512 };

struct slice {
    size_t index;
};
struct adam;
struct helper {
    struct adam *adam;
    struct ps_backward *backward;
    struct ps_thread thread;
};
struct adam {
    struct ps_perceptron *perceptron;
    struct ps_deck *deck;
    struct ps_row_batch batch;
    double *slopes, *squares; /* Adam's memory */
    double *gradients;        /* slice_count vectors */
    double *best;             /* parameters of the best epoch; NULL without early stopping */
    double losses[SLICE_COUNT_MAX];
    size_t slice_count; /* of a full batch */
    int64_t step;
    struct helper *helpers; /* the first one is the caller's thread */
    size_t helper_count;
    struct ps_queue *begun, *ended; /* of slices, for the helpers and back; NULL without helpers */
    struct slice tasks[SLICE_COUNT_MAX];
    size_t slice_rows; /* of the batch that is being worked on */
};

/* Slice `slice` of the batch: its own gradient and loss. */
static void run_slice(struct adam *adam, struct ps_backward *backward, size_t slice) {
    const struct ps_perceptron *perceptron = adam->perceptron;
    const size_t count = perceptron->shape.parameter_count;
    const size_t begin = slice * adam->slice_rows;
    const size_t left = adam->batch.row_count - begin;
    const struct ps_dropout dropout = {
        .share = perceptron->config->dropout,
        .seed = (int64_t)(ps_watching_hash(perceptron->config->seed,
                                           (uint64_t)adam->step * SLICE_COUNT_MAX + slice) >>
                          8),
    };
    double *gradient = adam->gradients + slice * count;
    memset(gradient, 0, count * sizeof(double));
    adam->losses[slice] =
        ps_backward_run(backward, perceptron->parameters, &adam->batch, begin,
                        left < adam->slice_rows ? left : adam->slice_rows, &dropout, gradient);
}

static void *help(void *argument) {
    struct helper *helper = argument;
    struct slice *slice = NULL;
    while ((slice = ps_queue_pop(helper->adam->begun)) != NULL) {
        run_slice(helper->adam, helper->backward, slice->index);
        (void)ps_queue_push(helper->adam->ended, slice);
    }
    return NULL;
}

/* The caller's thread works, too, and waits for what the helpers have taken. */
static void share_slices(struct adam *adam, size_t slices) {
    size_t own = 0;
    for (size_t s = 0; s < slices; s++) {
        (void)ps_queue_push(adam->begun, &adam->tasks[s]);
    }
    const struct slice *slice = NULL;
    while ((slice = ps_queue_poll(adam->begun)) != NULL) {
        run_slice(adam, adam->helpers[0].backward, slice->index);
        own++;
    }
    for (; own < slices; own++) {
        (void)ps_queue_pop(adam->ended);
    }
}

/* The gradient of the batch, in the first slice's place, and its loss. */
static double run_batch(struct adam *adam) {
    const size_t count = adam->perceptron->shape.parameter_count;
    const size_t rows = adam->batch.row_count;
    adam->slice_rows = (rows + adam->slice_count - 1) / adam->slice_count;
    const size_t slices = (rows + adam->slice_rows - 1) / adam->slice_rows;
    if (adam->helper_count > 1 && slices > 1) {
        share_slices(adam, slices);
    } else {
        for (size_t s = 0; s < slices; s++) {
            run_slice(adam, adam->helpers[0].backward, s);
        }
    }
    double loss = adam->losses[0];
    for (size_t s = 1; s < slices; s++) {
        const double *gradient = adam->gradients + s * count;
        for (size_t i = 0; i < count; i++) {
            adam->gradients[i] += gradient[i];
        }
        loss += adam->losses[s];
    }
    return loss;
}

struct rates {
    double keep1, keep2, step, epsilon;
};

static void move(const struct rates *rates, double alpha, double row_count, size_t count,
                 const double *gradient, double *slopes, double *squares, double *parameters) {
    const double new1 = 1 - rates->keep1, new2 = 1 - rates->keep2;
    for (size_t i = 0; i < count; i++) {
        const double slope = (gradient[i] + alpha * parameters[i]) / row_count;
        slopes[i] = rates->keep1 * slopes[i] + new1 * slope;
        squares[i] = rates->keep2 * squares[i] + new2 * (slope * slope);
        parameters[i] -= rates->step * slopes[i] / (sqrt(squares[i]) + rates->epsilon);
    }
}

static void make_step(struct adam *adam) {
    const struct ps_perceptron *perceptron = adam->perceptron;
    const struct ps_perceptron_config *config = perceptron->config;
    const struct ps_network_shape *shape = &perceptron->shape;
    const double rows = (double)adam->batch.row_count, time = (double)++adam->step;
    const struct rates rates = {
        .keep1 = config->beta1,
        .keep2 = config->beta2,
        .step = config->step_size * sqrt(1 - pow(config->beta2, time)) / (1 - pow(config->beta1, time)),
        .epsilon = config->epsilon,
    };
    for (size_t l = 0; l < shape->layer_count; l++) {
        const size_t weights = shape->sizes[l] * shape->sizes[l + 1];
        const size_t at = ps_network_offset(shape, l), biases = at + weights;
        move(&rates, config->alpha, rows, weights, adam->gradients + at, adam->slopes + at,
             adam->squares + at, perceptron->parameters + at);
        move(&rates, 0, rows, shape->sizes[l + 1], adam->gradients + biases, adam->slopes + biases,
             adam->squares + biases, perceptron->parameters + biases);
    }
}

static penstock_code run_epoch(struct adam *adam, double *loss_out, struct penstock_error *error) {
    struct ps_perceptron *perceptron = adam->perceptron;
    double loss = 0;
    ps_deck_shuffle(adam->deck);
    while (ps_deck_deal(adam->deck, &adam->batch)) {
        if (ps_stop_requested(perceptron->set->stop)) {
            return ps_error_set(error, PENSTOCK_CANCELLED, "stopped while training");
        }
        loss += run_batch(adam);
        loss +=
            perceptron->config->alpha * ps_perceptron_weight_size(&perceptron->shape, perceptron->parameters);
        make_step(adam);
    }
    *loss_out = loss / (double)ps_deck_row_count(adam->deck);
    return PENSTOCK_OK;
}

static penstock_code watch(struct adam *adam, double *loss_out, struct penstock_error *error) {
    static const struct ps_dropout no_dropout = {0};
    const struct ps_row_batch *rows = ps_deck_watching(adam->deck);
    double loss = 0;
    for (size_t begin = 0; begin < rows->row_count; begin += WATCHING_ROWS) {
        if (ps_stop_requested(adam->perceptron->set->stop)) {
            return ps_error_set(error, PENSTOCK_CANCELLED, "stopped while training");
        }
        const size_t left = rows->row_count - begin;
        loss += ps_backward_run(adam->helpers[0].backward, adam->perceptron->parameters, rows, begin,
                                left < WATCHING_ROWS ? left : WATCHING_ROWS, &no_dropout, NULL);
    }
    *loss_out = loss / (double)rows->row_count;
    return PENSTOCK_OK;
}

static penstock_code run_epochs(struct adam *adam, struct penstock_error *error) {
    struct ps_perceptron *perceptron = adam->perceptron;
    const struct ps_perceptron_config *config = perceptron->config;
    const size_t size = perceptron->shape.parameter_count * sizeof(double);
    double least = INFINITY, best = INFINITY;
    int64_t waited = 0;
    perceptron->is_unconverged = true;
    for (int64_t epoch = 0; epoch < config->max_iter; epoch++) {
        double loss = 0;
        PS_TRY(run_epoch(adam, &loss, error));
        perceptron->iteration_count = epoch + 1;
        if (adam->best != NULL) {
            PS_TRY(watch(adam, &loss, error));
        }
        if (!isfinite(loss)) {
            return ps_perceptron_diverged(perceptron, error);
        }
        waited = loss > least - config->tol ? waited + 1 : 0;
        least = fmin(least, loss);
        perceptron->loss = loss;
        if (adam->best != NULL && loss < best) {
            best = loss;
            memcpy(adam->best, perceptron->parameters, size);
        }
        if (waited > config->patience) {
            perceptron->is_unconverged = false;
            break;
        }
    }
    if (adam->best != NULL) {
        perceptron->loss = best;
        memcpy(perceptron->parameters, adam->best, size);
    }
    return PENSTOCK_OK;
}

static penstock_code start_helpers(struct adam *adam, size_t row_max, struct penstock_error *error) {
    const struct ps_perceptron *perceptron = adam->perceptron;
    const size_t wanted =
        adam->slice_count < perceptron->set->worker_count ? adam->slice_count : perceptron->set->worker_count;
    adam->helpers = ps_allocate(wanted + 1, sizeof *adam->helpers);
    if (adam->helpers == NULL) {
        return ps_error_memory(error, "a network");
    }
    adam->helper_count = wanted > 1 ? wanted : 1;
    for (size_t i = 0; i < adam->helper_count; i++) {
        adam->helpers[i].adam = adam;
        PS_TRY(ps_backward_new(&perceptron->shape, row_max, perceptron->config->dropout > 0,
                               &adam->helpers[i].backward, error));
    }
    if (adam->helper_count == 1) {
        return PENSTOCK_OK;
    }
    adam->begun = ps_queue_new(SLICE_COUNT_MAX);
    adam->ended = ps_queue_new(SLICE_COUNT_MAX);
    if (adam->begun == NULL || adam->ended == NULL) {
        return ps_error_memory(error, "a network");
    }
    for (size_t i = 0; i < SLICE_COUNT_MAX; i++) {
        adam->tasks[i].index = i;
    }
    for (size_t i = 1; i < adam->helper_count; i++) {
        PS_TRY(ps_thread_start(&adam->helpers[i].thread, "ps-adam", help, &adam->helpers[i], error));
    }
    return PENSTOCK_OK;
}

static penstock_code prepare(struct adam *adam, struct penstock_error *error) {
    struct ps_perceptron *perceptron = adam->perceptron;
    const struct ps_perceptron_config *config = perceptron->config;
    const size_t count = perceptron->shape.parameter_count;
    const struct ps_deck_options options = {
        .set = perceptron->set,
        .inputs = &perceptron->inputs,
        .seed = config->seed,
        .watching_share = config->early_stopping ? config->validation_fraction : 0,
        .label_mean = perceptron->label_mean,
        .label_scale = perceptron->label_scale,
    };
    PS_TRY(ps_deck_new(&options, &adam->deck, error));
    const size_t rows = ps_deck_row_count(adam->deck);
    const size_t batch_rows = (size_t)config->batch_size < rows ? (size_t)config->batch_size : rows;
    PS_TRY(ps_row_batch_init(&adam->batch, &perceptron->inputs, batch_rows, error));
    adam->slice_count = 1;
    if ((double)batch_rows * (double)count >= sliced_products_min) {
        adam->slice_count = batch_rows / SLICE_ROWS_MIN;
        adam->slice_count = adam->slice_count < SLICE_COUNT_MAX ? adam->slice_count : SLICE_COUNT_MAX;
        adam->slice_count = adam->slice_count > 1 ? adam->slice_count : 1;
    }
    const size_t needed = (adam->slice_count + 4) * count * sizeof(double);
    if (perceptron->set->memory_max > 0 && needed > (size_t)perceptron->set->memory_max) {
        return ps_error_set(error, PENSTOCK_OUT_OF_MEMORY,
                            "a network of %zu weights needs about %zu MiB, more than the executor has", count,
                            needed >> 20);
    }
    adam->slopes = ps_allocate(count + 1, sizeof(double));
    adam->squares = ps_allocate(count + 1, sizeof(double));
    adam->gradients = ps_allocate(adam->slice_count * count + 1, sizeof(double));
    adam->best = config->early_stopping ? ps_allocate(count + 1, sizeof(double)) : NULL;
    if (adam->slopes == NULL || adam->squares == NULL || adam->gradients == NULL ||
        (config->early_stopping && adam->best == NULL)) {
        return ps_error_memory(error, "a network");
    }
    const size_t slice_rows = (batch_rows + adam->slice_count - 1) / adam->slice_count;
    return start_helpers(adam, slice_rows > WATCHING_ROWS ? slice_rows : WATCHING_ROWS, error);
}

static void adam_done(struct adam *adam) {
    if (adam->begun != NULL) {
        ps_queue_close(adam->begun);
    }
    for (size_t i = 0; i < adam->helper_count; i++) {
        ps_thread_join(&adam->helpers[i].thread);
        ps_backward_free(adam->helpers[i].backward);
    }
    ps_queue_free(adam->begun);
    ps_queue_free(adam->ended);
    ps_release(adam->helpers);
    ps_release(adam->slopes);
    ps_release(adam->squares);
    ps_release(adam->gradients);
    ps_release(adam->best);
    ps_row_batch_done(&adam->batch);
    ps_deck_free(adam->deck);
}

penstock_code ps_perceptron_adam(struct ps_perceptron *perceptron, struct penstock_error *error) {
    struct adam adam = {.perceptron = perceptron};
    penstock_code code = prepare(&adam, error);
    if (code == PENSTOCK_OK) {
        code = run_epochs(&adam, error);
    }
    adam_done(&adam);
    return code;
}
