/* SPDX-License-Identifier: Apache-2.0
 *
 * paired.c - blocks of squared error differences and the bound over them. The method is in paired.h.
 *
 * Rows are put in order of time (ties keep the order of the rows), so that the sums, and with them the
 * decision, are the same bits whenever the rows are the same.
 */
#include "publish/paired.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "publish/student.h"

#define HOUR_SECONDS 3600.0
/* Fewer hours than this give a bound too wide to be of use; blocks of sqrt(n) rows in time order are taken then. */
#define HOUR_COUNT_MIN 10

struct paired_row {
    double time;
    int64_t index;
};

struct block {
    double difference, champion; /* sums over its rows */
};

static int compare_rows(const void *left, const void *right) {
    const struct paired_row *a = left;
    const struct paired_row *b = right;
    if (a->time != b->time) {
        return a->time < b->time ? -1 : 1;
    }
    return a->index < b->index ? -1 : (a->index > b->index ? 1 : 0);
}

static double hour_of(double time) {
    return floor(time / HOUR_SECONDS);
}

/* The rows that both predicted, in order of time. NaN times count as the end of time. */
static int64_t collect(const struct ps_paired_rows *rows, struct paired_row *order) {
    int64_t count = 0;
    for (int64_t row = 0; row < rows->row_count; row++) {
        if (!isfinite(rows->candidate[row]) || !isfinite(rows->champion[row]) ||
            !isfinite(rows->labels[row])) {
            continue;
        }
        const double time = rows->times == NULL ? 0.0 : rows->times[row];
        order[count].time = isnan(time) ? (double)INFINITY : time;
        order[count].index = row;
        count++;
    }
    if (count > 1) {
        qsort(order, (size_t)count, sizeof *order, compare_rows);
    }
    return count;
}

static int64_t count_hours(const struct paired_row *order, int64_t count) {
    int64_t hours = count > 0 ? 1 : 0;
    for (int64_t i = 1; i < count; i++) {
        hours += hour_of(order[i].time) != hour_of(order[i - 1].time);
    }
    return hours;
}

static void fill_blocks(const struct ps_paired_rows *rows, const struct paired_row *order,
                        struct ps_paired *paired, struct block *blocks) {
    const int64_t size = (int64_t)ceil(sqrt((double)paired->row_count));
    int64_t block = -1;
    for (int64_t i = 0; i < paired->row_count; i++) {
        const bool is_first =
            i == 0 ||
            (paired->is_hourly ? hour_of(order[i].time) != hour_of(order[i - 1].time) : i % size == 0);
        block += is_first;
        const int64_t row = order[i].index;
        const double candidate = rows->labels[row] - rows->candidate[row];
        const double champion = rows->labels[row] - rows->champion[row];
        blocks[block].difference += champion * champion - candidate * candidate;
        blocks[block].champion += champion * champion;
    }
    paired->block_count = block + 1;
}

static double gain_of_squares(double square_gain) {
    return 1.0 - sqrt(fmax(0.0, 1.0 - square_gain));
}

static void bound(const struct block *blocks, double confidence, struct ps_paired *paired) {
    double difference = 0.0;
    double champion = 0.0;
    for (int64_t i = 0; i < paired->block_count; i++) {
        difference += blocks[i].difference;
        champion += blocks[i].champion;
    }
    const double count = (double)paired->row_count;
    paired->champion_rmse = sqrt(champion / count);
    paired->candidate_rmse = sqrt(fmax(0.0, champion - difference) / count);
    if (champion <= 0.0) { /* a champion without any error cannot be beaten */
        paired->gain = difference < 0.0 ? (double)-INFINITY : 0.0;
        paired->lower_bound = paired->gain;
        paired->has_bound = true;
        return;
    }
    const double ratio = difference / champion;
    paired->gain = gain_of_squares(ratio);
    paired->has_bound = paired->block_count >= 2;
    if (!paired->has_bound) {
        return;
    }
    double squares = 0.0;
    for (int64_t i = 0; i < paired->block_count; i++) {
        const double residual = blocks[i].difference - ratio * blocks[i].champion;
        squares += residual * residual;
    }
    const double block_count = (double)paired->block_count;
    const double deviation = sqrt(squares * block_count / (block_count - 1.0)) / champion;
    paired->lower_bound =
        gain_of_squares(ratio - ps_student_quantile(confidence, block_count - 1.0) * deviation);
}

penstock_code ps_paired_compare(const struct ps_paired_rows *rows, double confidence,
                                struct ps_paired *paired_out, struct penstock_error *error) {
    ps_check(confidence > 0.0 && confidence < 1.0);
    struct ps_paired paired = {.gain = (double)NAN,
                               .lower_bound = (double)NAN,
                               .champion_rmse = (double)NAN,
                               .candidate_rmse = (double)NAN};
    const size_t size = rows->row_count > 0 ? (size_t)rows->row_count : 1;
    struct paired_row *order PS_SCOPED(ps_release_scoped) = ps_allocate(size, sizeof *order);
    struct block *blocks PS_SCOPED(ps_release_scoped) = ps_allocate(size, sizeof *blocks);
    if (order == NULL || blocks == NULL) {
        return ps_error_memory(error, "compare with the champion");
    }
    paired.row_count = collect(rows, order);
    paired.left_out = rows->row_count - paired.row_count;
    if (paired.row_count > 0) {
        paired.is_hourly = rows->times != NULL && count_hours(order, paired.row_count) >= HOUR_COUNT_MIN;
        fill_blocks(rows, order, &paired, blocks);
        bound(blocks, confidence, &paired);
    }
    *paired_out = paired;
    return PENSTOCK_OK;
}
