/* SPDX-License-Identifier: Apache-2.0
 *
 * paired.c - blocks of differences in loss and the bound over them. The method is in paired.h.
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
/* With fewer blocks their covariances are noise. */
#define SERIAL_COUNT_MIN 30

struct paired_row {
    double time;
    int64_t index;
    double candidate, champion; /* losses */
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

static double loss_of(const struct ps_paired_rows *rows, const double *outputs, int64_t row) {
    const size_t width = rows->loss == PS_LOSS_LOG || rows->loss == PS_LOSS_ZERO_ONE ? rows->class_count : 1;
    return ps_loss_row(rows->loss, rows->labels[row], outputs + (size_t)row * width, width);
}

/* The rows that both predicted, in order of time. NaN times count as the end of time. */
static int64_t collect(const struct ps_paired_rows *rows, struct paired_row *order) {
    int64_t count = 0;
    bool is_ordered = true;
    const int64_t row_count = rows->selection == NULL ? rows->row_count : rows->selection_count;
    for (int64_t i = 0; i < row_count; i++) {
        const int64_t row = rows->selection == NULL ? i : rows->selection[i];
        const double candidate = loss_of(rows, rows->candidate, row);
        const double champion = loss_of(rows, rows->champion, row);
        if (!isfinite(candidate) || !isfinite(champion)) {
            continue;
        }
        const double time = rows->times == NULL ? 0.0 : rows->times[row];
        order[count++] = (struct paired_row){isnan(time) ? (double)INFINITY : time, row, candidate, champion};
        is_ordered = is_ordered && (count < 2 || compare_rows(&order[count - 2], &order[count - 1]) < 0);
    }
    if (!is_ordered) { /* rows mostly come as they happened */
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

static void fill_blocks(const struct paired_row *order, struct ps_paired *paired, struct block *blocks) {
    const int64_t size = (int64_t)ceil(sqrt((double)paired->row_count));
    int64_t block = -1;
    for (int64_t i = 0; i < paired->row_count; i++) {
        const bool is_first =
            i == 0 ||
            (paired->is_hourly ? hour_of(order[i].time) != hour_of(order[i - 1].time) : i % size == 0);
        block += is_first;
        blocks[block].difference += order[i].champion - order[i].candidate;
        blocks[block].champion += order[i].champion;
    }
    paired->block_count = block + 1;
}

/* Gain in the metric from the gain in mean loss. */
static double gain_of(const struct ps_paired *paired, double loss_gain) {
    return paired->is_root ? 1.0 - sqrt(fmax(0.0, 1.0 - loss_gain)) : loss_gain;
}

/* Sums of squared residuals of the ratio, and of products of those at most lag_max blocks apart. */
struct squares {
    double own, near;
};

static struct squares sum_squares(const struct block *blocks, int64_t count, double ratio, int64_t lag_max) {
    struct squares squares = {0};
    for (int64_t i = 0; i < count; i++) {
        const double residual = blocks[i].difference - ratio * blocks[i].champion;
        squares.own += residual * residual;
        for (int64_t lag = 1; lag <= lag_max && lag <= i; lag++) {
            const double weight = 1.0 - (double)lag / ((double)lag_max + 1.0);
            const double before = blocks[i - lag].difference - ratio * blocks[i - lag].champion;
            squares.near += 2.0 * weight * residual * before;
        }
    }
    return squares;
}

static void set_deviations(const struct block *blocks, double champion, struct ps_paired *paired) {
    const double count = (double)paired->block_count;
    const int64_t lag_max = (int64_t)ceil(1.3 * sqrt(count));
    const struct squares squares = sum_squares(blocks, paired->block_count, paired->ratio, lag_max);
    const double scale = count / (count - 1.0);
    paired->deviation = sqrt(squares.own * scale) / champion;
    paired->freedom = count - 1.0;
    paired->serial_deviation = paired->deviation;
    paired->serial_freedom = paired->freedom;
    if (paired->block_count >= SERIAL_COUNT_MIN) {
        paired->serial_deviation = sqrt(fmax(0.0, squares.own + squares.near) * scale) / champion;
        paired->serial_freedom = fmin(count - 1.0, 1.5 * count / ((double)lag_max + 1.0));
    }
}

static void bound(const struct block *blocks, double confidence, struct ps_paired *paired) {
    double difference = 0.0;
    double champion = 0.0;
    for (int64_t i = 0; i < paired->block_count; i++) {
        difference += blocks[i].difference;
        champion += blocks[i].champion;
    }
    const double count = (double)paired->row_count;
    const double candidate = fmax(0.0, champion - difference) / count;
    paired->champion_metric = paired->is_root ? sqrt(champion / count) : champion / count;
    paired->candidate_metric = paired->is_root ? sqrt(candidate) : candidate;
    if (champion <= 0.0) { /* a champion without any error cannot be beaten */
        paired->gain = difference < 0.0 ? (double)-INFINITY : 0.0;
        paired->lower_bound = paired->ratio = paired->gain;
        paired->has_bound = true;
        return;
    }
    paired->ratio = difference / champion;
    paired->gain = gain_of(paired, paired->ratio);
    paired->has_bound = paired->block_count >= 2;
    if (!paired->has_bound) {
        return;
    }
    set_deviations(blocks, champion, paired);
    const double own = ps_student_quantile(confidence, paired->freedom) * paired->deviation;
    const double serial = ps_student_quantile(confidence, paired->serial_freedom) * paired->serial_deviation;
    paired->lower_bound = gain_of(paired, paired->ratio - fmax(own, serial));
}

static double probability_of(double distance, double deviation, double freedom) {
    if (!(deviation > 0.0)) {
        return distance < 0.0 ? 0.0 : 1.0;
    }
    return ps_student_probability(distance / deviation, freedom);
}

double ps_paired_worse(const struct ps_paired *paired, double margin) {
    if (!paired->has_bound) {
        return 1.0;
    }
    const double factor = paired->is_root ? (1.0 + margin) * (1.0 + margin) : 1.0 + margin;
    const double distance = paired->ratio - (1.0 - factor);
    const double own = probability_of(distance, paired->deviation, fmax(1.0, paired->freedom));
    const double serial =
        probability_of(distance, paired->serial_deviation, fmax(1.0, paired->serial_freedom));
    return fmax(own, serial);
}

penstock_code ps_paired_compare(const struct ps_paired_rows *rows, double confidence,
                                struct ps_paired *paired_out, struct penstock_error *error) {
    ps_check(confidence > 0.0 && confidence < 1.0);
    struct ps_paired paired = {.is_root = rows->is_root,
                               .gain = (double)NAN,
                               .lower_bound = (double)NAN,
                               .ratio = (double)NAN,
                               .deviation = (double)NAN,
                               .champion_metric = (double)NAN,
                               .candidate_metric = (double)NAN};
    const int64_t row_count = rows->selection == NULL ? rows->row_count : rows->selection_count;
    const size_t size = row_count > 0 ? (size_t)row_count : 1;
    struct paired_row *order PS_SCOPED(ps_release_scoped) = ps_allocate(size, sizeof *order);
    struct block *blocks PS_SCOPED(ps_release_scoped) = ps_allocate(size, sizeof *blocks);
    if (order == NULL || blocks == NULL) {
        return ps_error_memory(error, "compare with the champion");
    }
    paired.row_count = collect(rows, order);
    paired.left_out = row_count - paired.row_count;
    if (paired.row_count > 0) {
        paired.is_hourly = rows->times != NULL && count_hours(order, paired.row_count) >= HOUR_COUNT_MIN;
        fill_blocks(order, &paired, blocks);
        bound(blocks, confidence, &paired);
    }
    *paired_out = paired;
    return PENSTOCK_OK;
}
