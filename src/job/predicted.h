/* SPDX-License-Identifier: Apache-2.0
 *
 * predicted.h - the models that statements predict with, as far as the project alone tells.
 *
 * A statement that predicts with a model of the project comes after it. Whether the model has a version is not known
 * here; what type its predictions will have is read off its statement: its estimators and the type of its label.
 */
#ifndef PS_JOB_PREDICTED_H
#define PS_JOB_PREDICTED_H

#include "job/analysis.h"
#include "sql/serve.h"

/* "congestion" of "models:/congestion@champion", "congestion@3", ...; in the arena, NULL: exhausted. */
const char *ps_predicted_name(const char *reference, struct ps_arena *arena);
/* What a model of the project will predict, PS_SERVED_NUMBER when it is none of the project's. */
enum ps_served_kind ps_predicted_kind(const struct ps_graph *graph, const char *model);

/* Does the statement predict with a model of the project, or read what does? Then it can only be carried out once
 * the model has a version. `index` of a PS_NODE_SQL; false for all others. */
bool ps_predicted_is_late(const struct ps_graph *graph, size_t index);

/* The models that the item's statement names: its references, an edge from each model of the project. Errors:
 * INVALID_PROJECT (a name that is nearly that of a model; a rule that predicts). */
penstock_code ps_predicted_find(struct ps_analysis *analysis, struct ps_item *item) PENSTOCK_MUST_USE;
/* In the order of the graph: does the item wait for a model? Errors: INVALID_PROJECT (a stream reads what waits). */
penstock_code ps_predicted_check(struct ps_analysis *analysis, struct ps_item *item) PENSTOCK_MUST_USE;
/* Lets the analysis' statements bind predictions. */
void ps_predicted_serve(struct ps_analysis *analysis);

#endif
