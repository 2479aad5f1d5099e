/* SPDX-License-Identifier: Apache-2.0
 *
 * gram.c - sums of products of one panel of rows.
 *
 * dgemm rather than dsyrk: at some twenty columns OpenBLAS 0.3.21 is a third faster with it, although it
 * computes both triangles. `pairs` holds slot pairs of an earlier and a later group (and each slot with
 * itself); the other half stays zero.
 */
#include "model/gram.h"

#include <cblas.h>

#include "base/check.h"

/* What OpenBLAS does itself before a fork; its builds without threads have no such function. */
extern int blas_thread_shutdown_(void) __attribute__((weak));

size_t ps_gram_size(const struct ps_gram_shape *shape) {
    const size_t width = shape->dense_count + 1;
    return width * width + shape->slot_count * width;
}

size_t ps_gram_pair_size(const struct ps_gram_shape *shape) {
    return shape->slot_count * shape->slot_count;
}

void ps_gram_prepare(void) {
    if (openblas_get_num_threads() != 1) { /* to be told so would start its threads again */
        openblas_set_num_threads(1);
    }
}

void ps_gram_begin(void) {
    ps_gram_prepare();
    if (blas_thread_shutdown_ != NULL) {
        (void)blas_thread_shutdown_();
    }
}

static void add_groups(const struct ps_gram_shape *shape, const struct ps_panel *panel, double *cross,
                       double *pairs) {
    const size_t width = shape->dense_count + 1;
    const size_t slots = shape->slot_count;
    const size_t stride = panel->stride;
    for (size_t i = 0; i < panel->row_count; i++) {
        for (size_t g = 0; g < shape->group_count; g++) {
            const int32_t index = panel->indexes[g * stride + i];
            if (index < 0) {
                continue;
            }
            const double value = panel->values == NULL ? 1 : panel->values[g * stride + i];
            const size_t slot = shape->group_starts[g] + (size_t)index;
            double *sums = cross + slot * width;
            for (size_t c = 0; c < width; c++) {
                sums[c] += value * panel->columns[c * stride + i];
            }
            pairs[slot * slots + slot] += value * value;
            for (size_t h = g + 1; h < shape->group_count; h++) {
                const int32_t other = panel->indexes[h * stride + i];
                if (other >= 0) {
                    const double factor = panel->values == NULL ? 1 : panel->values[h * stride + i];
                    pairs[slot * slots + shape->group_starts[h] + (size_t)other] += value * factor;
                }
            }
        }
    }
}

void ps_gram_add(const struct ps_gram_shape *shape, const struct ps_panel *panel, double *sums,
                 double *pairs) {
    if (panel->row_count == 0) {
        return;
    }
    const int width = (int)(shape->dense_count + 1);
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, width, width, (int)panel->row_count, 1.0,
                panel->columns, (int)panel->stride, panel->columns, (int)panel->stride, 1.0, sums, width);
    if (shape->group_count > 0) {
        add_groups(shape, panel, sums + (size_t)width * (size_t)width, pairs);
    }
}

double ps_gram_at(const struct ps_gram_shape *shape, const double *sums, const double *pairs, size_t a,
                  size_t b) {
    const size_t width = shape->dense_count + 1;
    const size_t low = a < b ? a : b;
    const size_t high = a < b ? b : a;
    if (high < width) {
        return sums[low * width + high];
    }
    if (low < width) {
        return sums[width * width + (high - width) * width + low];
    }
    return pairs[(low - width) * shape->slot_count + (high - width)];
}
