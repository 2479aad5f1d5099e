/* SPDX-License-Identifier: Apache-2.0
 *
 * categories.h - from a value to its index.
 *
 * Texts go through an open-addressing hash table; numbers through a table of their own when they are small
 * whole numbers (an hour, a bucket), else by bisection.
 */
#ifndef PS_MODEL_CATEGORIES_H
#define PS_MODEL_CATEGORIES_H

#include "model/transform.h"

/* Builds the table for labels, numbers, count, order and has_unknown, which are set. In the arena. */
penstock_code ps_categories_index(struct ps_categories *categories, struct ps_arena *arena,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;
/* -1: none of them. */
int32_t ps_categories_find_text(const struct ps_categories *categories, struct ps_bytes text);
int32_t ps_categories_find_number(const struct ps_categories *categories, double number);
/* Sorts labels (given in byte order, with their counts) into `order`; ties by byte order. */
penstock_code ps_categories_sort(struct ps_categories *categories, const int64_t *counts,
                                 struct ps_arena *arena, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Which of the labels is the last one by `order` when they occur `counts` times (0: not at all)? -1: none occurs. */
int64_t ps_categories_last(const struct ps_categories *categories, const double *counts);

/* CASE in WHEN category THEN value ... : `values` by category (NULL: the index itself), `missing` for NULL, `other` for
 * the rest ("NULL" or a number). With is_index, `in` is an index and not the category. In the arena. */
penstock_code ps_categories_write_sql(const struct ps_categories *categories, const char *in, bool is_index,
                                      const double *values, const char *missing, const char *other,
                                      struct ps_arena *arena, const char **sql_out,
                                      struct penstock_error *error) PENSTOCK_MUST_USE;
/* A number category as its user would write it: 5, not 5.0. In the arena; NULL when exhausted. */
const char *ps_category_label(struct ps_arena *arena, double number);

#endif
