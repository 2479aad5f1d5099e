/* SPDX-License-Identifier: Apache-2.0
 *
 * sort.h - numbers in order: samples of a training set's columns, whole columns for their medians. There are many of
 * them, and qsort() calls back for each comparison.
 */
#ifndef PS_BASE_SORT_H
#define PS_BASE_SORT_H

#include <stddef.h>

/* Rising; no NaN among them. -0 stands before 0. What is in order already costs one look, and many numbers a pass for
 * each byte in which they differ (a radix sort; memory as large as the numbers), not qsort()'s calls. */
void ps_sort_doubles(double *values, size_t count);

#endif
