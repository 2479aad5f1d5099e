/* SPDX-License-Identifier: Apache-2.0
 *
 * export_sql.h - what the parts of the SQL export share: the steps as texts, sums, classes from scores.
 */
#ifndef PS_MODEL_EXPORT_SQL_H
#define PS_MODEL_EXPORT_SQL_H

#include "model/export_parts.h"
#include "model/network.h"
#include "model/trees.h"

struct ps_sql_writer {
    const struct ps_exporting *exporting;
    const char **texts; /* of each step; it reads the rows as r */
    struct penstock_error *error;
};

/* A double precision literal: with an exponent it is no DECIMAL. */
void ps_export_sql_literal(struct ps_buffer *out, double value);
/* intercept + coefficient * feature + ..., in the order in which penstock adds. */
void ps_export_sql_sum(struct ps_sql_writer *writer, double intercept, const double *coefficients,
                       struct ps_buffer *out);
/* SELECT probabilities and prediction FROM (..., which the caller goes on with: "FROM (SELECT ... AS score_0 ...) AS s"
 * and the closing ") AS e) AS p" (softmax) or ") AS p" (two classes; is_single: ") AS o) AS p"). is_single: scores are
 * REAL, and so are weights and shares, as of trees. */
void ps_export_sql_softmax(const struct ps_exporting *exporting, bool is_single, struct ps_buffer *out);
void ps_export_sql_two(const struct ps_exporting *exporting, double threshold, bool is_single,
                       struct ps_buffer *out);

penstock_code ps_export_sql_trees(struct ps_sql_writer *writer, const struct ps_trees_predictor *trees,
                                  struct ps_buffer *out) PENSTOCK_MUST_USE;
penstock_code ps_export_sql_network(struct ps_sql_writer *writer, const struct ps_network_predictor *network,
                                    struct ps_buffer *out) PENSTOCK_MUST_USE;

#endif
