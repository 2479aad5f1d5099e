/* SPDX-License-Identifier: Apache-2.0
 *
 * gate_error.c - how often the gate errs: a thousand retrainings of each kind, put before the gate that runs.
 *
 *   ninja -C build tests/gate_error && build/tests/gate_error [RETRAININGS [FIRST [LAST]]]
 *
 * Prints a table; ends with 1 if a bound that is promised does not hold: nothing changed is published in at most 5 of
 * 100 retrainings, a true gain of 2 percent on 50,000 rows is found in at least 80. Hard rows are told, not judged for
 * what is found: two models whose errors are opposite for a whole hour are as hard to tell apart as any.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../tests/unit/publish/gate_simulation.h"

enum promise { AT_MOST_5, AT_LEAST_80, TOLD };
struct scenario {
    const char *what;
    enum promise promise;
    bool counts_refusals;
    struct simulation simulation;
};

#define IMPROVEMENT(asked) \
    { \
        .kind = PS_GATE_IMPROVEMENT, .text = "improvement", .comparison = ">=", .value = (asked), \
        .confidence = 0.95 \
    }
#define NON_INFERIORITY(allowed) \
    { \
        .kind = PS_GATE_NON_INFERIORITY, .text = "non_inferiority", .comparison = "<=", .value = (allowed), \
        .confidence = 0.95 \
    }
#define SLICE(allowed) \
    { \
        .kind = PS_GATE_SLICE, .text = "slice", .comparison = "<=", .value = (allowed), .confidence = 0.95, \
        .column = "origin", .row_count_min = 500 \
    }

static const struct scenario scenarios[] = {
    {"improvement >= 0 PERCENT, nothing changed, hard",
     AT_MOST_5,
     false,
     {.is_hard = true, .condition = IMPROVEMENT(0)}},
    {"improvement >= 0 PERCENT, nothing changed", AT_MOST_5, false, {.condition = IMPROVEMENT(0)}},
    {"improvement >= 1 PERCENT, nothing changed", AT_MOST_5, false, {.condition = IMPROVEMENT(0.01)}},
    {"improvement >= 1 PERCENT, true gain 1 %, hard",
     AT_MOST_5,
     false,
     {.is_hard = true, .gain = 0.01, .condition = IMPROVEMENT(0.01)}},
    {"non_inferiority <= 2 PERCENT, truly 2 % worse, hard",
     AT_MOST_5,
     false,
     {.is_hard = true, .gain = -0.02, .condition = NON_INFERIORITY(0.02)}},
    {"slice(origin) worse BY <= 5 PERCENT, 20 slices, nothing changed: refused",
     AT_MOST_5,
     true,
     {.slice_count = 20, .condition = SLICE(0.05)}},
    {"improvement >= 0 PERCENT, true gain 2 %",
     AT_LEAST_80,
     false,
     {.gain = 0.02, .condition = IMPROVEMENT(0)}},
    {"improvement >= 0 PERCENT, true gain 2 %, hard",
     TOLD,
     false,
     {.is_hard = true, .gain = 0.02, .condition = IMPROVEMENT(0)}},
    {"improvement >= 1 PERCENT, true gain 2 %", TOLD, false, {.gain = 0.02, .condition = IMPROVEMENT(0.01)}},
    {"non_inferiority <= 2 PERCENT, nothing changed", TOLD, false, {.condition = NON_INFERIORITY(0.02)}},
    {"slice(origin) worse BY <= 5 PERCENT, 20 slices, one truly 25 % worse: refused",
     TOLD,
     true,
     {.slice_count = 20, .slice_worse = 0.25, .condition = SLICE(0.05)}},
};

/* With `count` retrainings a true 5 percent shows as more than this once in 1,000 times. */
static double slack(int count) {
    return 3.1 * sqrt(0.05 * 0.95 / count);
}

/* What goes together over hours, too, is harder to tell apart: for that, what is found is told. */
static bool holds(const struct scenario *scenario, int noise, double share, int count) {
    switch (scenario->promise) {
    case AT_MOST_5: return share <= 0.05 + slack(count);
    case AT_LEAST_80: return share >= 0.80 || noise == NOISE_ACROSS;
    case TOLD: break;
    }
    return true;
}

int main(int argument_count, char **arguments) {
    const int count = argument_count > 1 ? atoi(arguments[1]) : 1000;
    const size_t scenario_count = sizeof scenarios / sizeof scenarios[0];
    const size_t first = argument_count > 2 ? (size_t)atoi(arguments[2]) : 1;
    const size_t last = argument_count > 3 ? (size_t)atoi(arguments[3]) : scenario_count;
    int broken = 0;
    if (count < 1 || first < 1 || last > scenario_count) {
        (void)fprintf(stderr, "usage: gate_error [RETRAININGS [FIRST [LAST]]]\n");
        return 2;
    }
    printf("| scenario, 50,000 hold-out rows in 720 hours, %d retrainings |", count);
    for (int noise = 0; noise <= NOISE_ACROSS; noise++) {
        printf(" %s |", simulated_noise_names[noise]);
    }
    printf(" promised |\n|---|---:|---:|---:|---:|---:|---|\n");
    for (size_t i = first - 1; i < last; i++) {
        const struct scenario *scenario = &scenarios[i];
        printf("| %s |", scenario->what);
        for (int noise = 0; noise <= NOISE_ACROSS; noise++) {
            struct simulation simulation = scenario->simulation;
            simulation.row_count = 50000;
            simulation.hour_count = 720;
            simulation.noise = (enum simulated_noise)noise;
            const int published = simulated_published(&simulation, count, false, 1000 * i + (unsigned)noise);
            const double share = (double)(scenario->counts_refusals ? count - published : published) / count;
            const bool is_kept = holds(scenario, noise, share, count);
            broken += !is_kept;
            printf(" %.1f %%%s |", 100 * share, is_kept ? "" : " (broken)");
            (void)fflush(stdout);
        }
        static const char *const promises[] = {"<= 5 %", ">= 80 %", ""};
        printf(" %s |\n", promises[scenario->promise]);
    }
    return broken > 0 ? 1 : 0;
}
