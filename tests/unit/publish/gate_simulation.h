/* SPDX-License-Identifier: Apache-2.0
 *
 * gate_simulation.h - retrainings whose truth is known, put before the real gate: how often does it err?
 *
 * The rows of a hold-out lie in hours. The noise of a row and what a model's own errors add to it are drawn so that
 * the true ratio of the two models' RMSE is exactly what the scenario says. Errors go together within an hour (a model
 * is wrong about mornings, not about rows), which is what a test over rows gets wrong.
 * Used by gate_error_test.c (few retrainings, wide bounds) and by bench/gate_error.c (a thousand of each).
 */
#ifndef GATE_SIMULATION_H
#define GATE_SIMULATION_H

#include <math.h>

#include "fake_fitted.h"
#include "model/slices.h"
#include "publish/gate.h"

enum simulated_noise {
    NOISE_INDEPENDENT, /* normal, row by row */
    NOISE_IN_HOURS,    /* normal, correlation 0.5 within an hour */
    NOISE_HEAVY,       /* Student's t with 5 degrees of freedom, row by row */
    NOISE_HEAVY_HOURS, /* the same, correlation 0.5 within an hour */
    NOISE_ACROSS,      /* normal, correlation 0.5 within an hour, and 0.5 from one hour to the next */
};
static const char *const simulated_noise_names[] = {"independent", "within hours", "heavy tails",
                                                    "heavy tails within hours", "within and across hours"};

struct simulation {
    enum simulated_noise noise;
    int row_count, hour_count;
    double gain; /* true: 0.02: the candidate's RMSE is 2 % smaller; below 0: larger */
    /* What the models add to the noise: half of it the same for an hour, half row by row, each model its own. Hard:
     * all of it the same for an hour, and what one model adds the other takes away. */
    bool is_hard;
    struct ps_gate_condition condition;
    /* slices: values of a column, the first of which is worse by so much than the gain says */
    int slice_count;
    double slice_worse;
};

struct simulated {
    struct ps_statement statement;
    struct ps_gate_condition condition;
    struct ps_fitted fitted;
    struct ps_search_cell cell;
    struct ps_slices slices;
    struct ps_slice_column slice;
    struct ps_candidate candidate;
    double *labels, *predictions, *champion, *times;
};

struct simulated_random {
    uint64_t state;
    double spare; /* Box and Muller make two normal numbers at a time */
    bool has_spare;
};

/* splitmix64 */
static inline double simulated_uniform(struct simulated_random *seed) {
    seed->state += 0x9e3779b97f4a7c15u;
    uint64_t z = seed->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) / 9007199254740992.0;
}

static inline double simulated_normal(struct simulated_random *seed) {
    if (seed->has_spare) {
        seed->has_spare = false;
        return seed->spare;
    }
    const double radius = sqrt(-2.0 * log(simulated_uniform(seed)));
    double sine, cosine;
    sincos(6.283185307179586 * simulated_uniform(seed), &sine, &cosine);
    seed->spare = radius * sine;
    seed->has_spare = true;
    return radius * cosine;
}

/* Variance 1. A chi-square of 5 degrees of freedom is two exponentials and a squared normal. */
static inline double simulated_draw(enum simulated_noise noise, struct simulated_random *seed) {
    const double normal = simulated_normal(seed);
    if (noise != NOISE_HEAVY && noise != NOISE_HEAVY_HOURS) {
        return normal;
    }
    const double other = simulated_normal(seed);
    const double squares = other * other - 2.0 * log(simulated_uniform(seed) * simulated_uniform(seed));
    return normal / sqrt(squares / 5) / sqrt(5.0 / 3.0);
}

static inline void simulated_open(struct simulated *simulated, const struct simulation *simulation) {
    const size_t count = (size_t)simulation->row_count;
    *simulated = (struct simulated){.fitted = {1, {1, 1}}, .condition = simulation->condition};
    simulated->labels = ps_allocate(count, sizeof(double));
    simulated->predictions = ps_allocate(count, sizeof(double));
    simulated->champion = ps_allocate(count, sizeof(double));
    simulated->times = ps_allocate(count, sizeof(double));
    simulated->statement.as.model.gate = &simulated->condition;
    simulated->statement.as.model.gate_count = 1;
    simulated->cell.mean = 1;
    if (simulation->slice_count > 0) {
        struct penstock_error error;
        simulated->slice.name = simulation->condition.column;
        simulated->slice.indexes = ps_allocate(count, sizeof(int32_t));
        simulated->slices = (struct ps_slices){&simulated->slice, 1};
        (void)!ps_dictionary_new(1000, &simulated->slice.values, &error);
        for (int i = 0; i < simulation->slice_count; i++) {
            char name[32];
            int32_t index = 0;
            (void)snprintf(name, sizeof name, "value %d", i);
            (void)!ps_dictionary_add(simulated->slice.values, ps_bytes_of(name), &index, &error);
        }
    }
    simulated->candidate =
        (struct ps_candidate){.statement = &simulated->statement,
                              .fitted = &simulated->fitted,
                              .target = {.task = PS_TASK_REGRESSION},
                              .cells = &simulated->cell,
                              .cell_count = 1,
                              .metric_name = "rmse",
                              .holdout = {.row_count = simulation->row_count, .rmse = 1},
                              .baseline = {.row_count = simulation->row_count, .rmse = 2},
                              .holdout_labels = simulated->labels,
                              .holdout_predictions = simulated->predictions,
                              .holdout_times = simulated->times,
                              .slices = simulation->slice_count > 0 ? &simulated->slices : NULL};
}

static inline void simulated_close(struct simulated *simulated) {
    ps_release(simulated->labels);
    ps_release(simulated->predictions);
    ps_release(simulated->champion);
    ps_release(simulated->times);
    ps_release(simulated->slice.indexes);
    ps_dictionary_free(simulated->slice.values);
}

struct simulated_hour {
    double noise, candidate, champion;
};

static inline void simulated_next_hour(const struct simulation *simulation, bool is_first,
                                       struct simulated_hour *hour, struct simulated_random *seed) {
    const double carried = simulation->noise == NOISE_ACROSS && !is_first ? 0.5 : 0.0;
    const double fresh = sqrt(1 - carried * carried);
    hour->noise = carried * hour->noise + fresh * simulated_draw(simulation->noise, seed);
    hour->candidate = carried * hour->candidate + fresh * simulated_normal(seed);
    hour->champion =
        simulation->is_hard ? -hour->candidate : carried * hour->champion + fresh * simulated_normal(seed);
}

/* A model's error on a row, of variance 1. */
static inline double simulated_error(const struct simulation *simulation, double of_hour,
                                     struct simulated_random *seed) {
    return simulation->is_hard ? of_hour : sqrt(0.5) * of_hour + sqrt(0.5) * simulated_normal(seed);
}

/* The noise has variance 1; the better model adds 0.04, the worse one so much that the ratio is the asked one. */
static inline void simulated_fill(struct simulated *simulated, const struct simulation *simulation,
                                  struct simulated_random *seed) {
    const double better = 0.04;
    const double ratio = simulation->gain >= 0 ? 1 - simulation->gain : 1 / (1 - simulation->gain);
    const double worse = (1 + better) / (ratio * ratio) - 1;
    const double candidate_size = sqrt(simulation->gain >= 0 ? better : worse);
    const double champion_size = sqrt(simulation->gain >= 0 ? worse : better);
    const double slice_factor = 1 + simulation->slice_worse;
    const double slice_size = sqrt((1 + better) * slice_factor * slice_factor - 1);
    const bool in_hours = simulation->noise != NOISE_INDEPENDENT && simulation->noise != NOISE_HEAVY;
    struct simulated_hour hour = {0};
    int last = -1;
    for (int row = 0; row < simulation->row_count; row++) {
        const int now = (int)((int64_t)row * simulation->hour_count / simulation->row_count);
        if (now != last) {
            simulated_next_hour(simulation, last < 0, &hour, seed);
            last = now;
        }
        const double own = simulated_draw(simulation->noise, seed);
        const double error = simulated_error(simulation, hour.candidate, seed);
        simulated->times[row] = now * 3600.0 + 1.7e9;
        simulated->labels[row] = in_hours ? sqrt(0.5) * hour.noise + sqrt(0.5) * own : own;
        simulated->predictions[row] = candidate_size * error;
        simulated->champion[row] = champion_size * simulated_error(simulation, hour.champion, seed);
        if (simulation->slice_count > 0) {
            const int slice = (int)(simulated_uniform(seed) * simulation->slice_count);
            simulated->slice.indexes[row] = slice;
            simulated->predictions[row] =
                slice == 0 && simulation->slice_worse > 0 ? slice_size * error : simulated->predictions[row];
        }
    }
}

/* How many of `count` retrainings the gate publishes. always_yes: the gate that lets everything through. */
static inline int simulated_published(const struct simulation *simulation, int count, bool always_yes,
                                      uint64_t start) {
    struct simulated_random seed = {.state = start};
    struct simulated simulated;
    int published = 0;
    simulated_open(&simulated, simulation);
    for (int i = 0; i < count; i++) {
        struct ps_gate_report *report = NULL;
        simulated_fill(&simulated, simulation, &seed);
        const struct ps_gate_question question = {.candidate = &simulated.candidate,
                                                  .champion_version = 1,
                                                  .champion_predictions = simulated.champion};
        if (ps_gate_judge(&question, &report, NULL) == PENSTOCK_OK) {
            published += always_yes || report->passed;
        }
        ps_gate_report_free(report);
    }
    simulated_close(&simulated);
    return published;
}

#endif
