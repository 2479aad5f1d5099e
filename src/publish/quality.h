/* SPDX-License-Identifier: Apache-2.0
 *
 * quality.h - what can be said of the rows of a dataset: numbers of every column before its stages and after, what each
 * stage dropped and for which bounds, and how the values lie.
 *
 * Members that are added to the document's root:
 *   "rows"         {"read", "kept", "dropped"}
 *   "stages"       [{"name", "dropped", "columns": [{"name", "lower", "upper", "below", "above"}]}]
 *   "columns"      of the SELECT: [{"name", "type", "state": "unchanged" | "changed" | "replaced" | "left out",
 *                  "before": NUMBERS, "after": NUMBERS, "bounds": [{"lower", "upper"}], "histogram": {"low", "high",
 *                  "below", "above", "all": [...], "kept": [...]}, "values": [{"value", "all", "kept"}]}]
 *   "new_columns"  [{"name", "type", "of", "after": NUMBERS}]
 *   "notes"        sentences
 *   NUMBERS        {"count", "nulls", "not_finite", "distinct", "minimum", "maximum", "mean", "deviation", "quantiles":
 *                  {"0.01": ..., "0.5": ...}}; quantiles if there are more than two values. Of other types than numbers
 *                  smallest and largest are texts, and the rest is not there
 * Distinct values are counted up to about 2,000; more are an estimate (HyperLogLog). Everything repeats to the bit, on
 * any number of threads.
 */
#ifndef PS_PUBLISH_QUALITY_H
#define PS_PUBLISH_QUALITY_H

#include "model/preparation.h"
#include "publish/json.h"

struct ps_quality_setup {
    struct ps_connection *connection;
    const struct ps_preparation *preparation; /* has run */
    const char *rows;                         /* the table that it ran on */
    const char *const *column_names;          /* of the dataset */
    const char *const *column_types;
    size_t column_count;
    struct ps_arena *arena;
    const struct ps_stop *stop;
};
/* Errors: SQL, CANCELLED. */
penstock_code ps_quality_measure(const struct ps_quality_setup *setup, yyjson_mut_doc *document,
                                 struct penstock_error *error) PENSTOCK_MUST_USE;

/* Private to quality*.c: the numbers of columns of one relation. */
struct ps_quality_column {
    const char *name, *type;
    const char *value; /* SQL: a finite DOUBLE or NULL; of a column that is no number NULL */
    bool has_order;    /* smallest and largest say something */
    int64_t count, nulls, not_finite, distinct;
    const char *least_text, *largest_text; /* of what is no number; NULL: none */
    struct ps_column_moments moments;
    bool has_quantiles;
    double quantiles[7]; /* of ps_quality_shares */
};
extern const double ps_quality_shares[7];
/* `relation`: follows FROM. */
penstock_code ps_quality_count(const struct ps_quality_setup *setup, const char *relation,
                               const char *const *names, const char *const *types, size_t count,
                               struct ps_quality_column **columns_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* The page: json as the document that was measured, with "dataset", "project", "making", "made_at", "application",
 * "statement" and "files": [{"kind", "path", "rows", "bytes", "version"}]. */
penstock_code ps_quality_page_write(const char *json, size_t size, struct ps_buffer *html,
                                    struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
