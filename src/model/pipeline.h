/* SPDX-License-Identifier: Apache-2.0
 *
 * pipeline.h - the TRANSFORM stages of a model, bound to columns.
 *
 * Slots are written once: a stage that changes a column in place makes a new slot, and the column's name then
 * stands for it ("live"). The features are the live columns in the order of the SELECT; what a stage adds
 * (powers, interactions) comes after them. The same pipeline is checked, fitted, run in training and, read
 * back from JSON, run by a fitted model.
 */
#ifndef PS_MODEL_PIPELINE_H
#define PS_MODEL_PIPELINE_H

#include "model/transform.h"

struct ps_live_column {
    const char *name;
    size_t slot;
    bool is_label;
};

struct ps_pipeline {
    struct ps_arena *arena;
    struct ps_slot *slots;
    size_t slot_count, slot_capacity;
    size_t *inputs; /* slots; the label, if there is one, is the last */
    size_t input_count, input_capacity;
    struct ps_live_column *columns;
    size_t column_count, column_capacity;
    struct ps_transform *transforms;
    size_t transform_count, transform_capacity;
    size_t fixed_slot;  /* an input that stages do not take unless they name it (offsetCol), or PS_NO_SLOT */
    bool makes_late;    /* some stage makes columns when it has learnt how many */
    bool is_of_dataset; /* no model: there is no label, and no feature need be left */
};

penstock_code ps_pipeline_new(struct ps_arena *arena, struct ps_pipeline **pipeline_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
/* kind NUMBER or TEXT. `sql` may be NULL (read from JSON). */
penstock_code ps_pipeline_add_input(struct ps_pipeline *pipeline, const char *name, enum ps_slot_kind kind,
                                    const char *type_text, const char *sql, bool is_label,
                                    struct penstock_error *error) PENSTOCK_MUST_USE;
/* Adds a stage. Errors: INVALID_PROJECT with the place: unknown transform, option, column (with the nearest), a
 * value out of range, a column of the wrong kind. `call` is kept. */
penstock_code ps_pipeline_add(struct ps_pipeline *pipeline, const struct ps_call *call,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
/* All stages are there: decides what is deferred and whose SQL will be asked for; spent columns go. */
void ps_pipeline_defer(struct ps_pipeline *pipeline);
/* Does some stage learn anew for each split of the validation? */
bool ps_pipeline_refits(const struct ps_pipeline *pipeline);
/* Columns that are spent or absent are no features any more. */
void ps_pipeline_prune(struct ps_pipeline *pipeline);
/* The stage has finished: what it makes of absent columns alone is absent, too. */
void ps_pipeline_settle(struct ps_pipeline *pipeline, const struct ps_transform *transform);
/* Applies every stage to the frame, whose inputs are set. Stops early when the frame has failed. */
void ps_pipeline_apply(const struct ps_pipeline *pipeline, struct ps_frame *frame);

/* For the bind() and finish() of transforms. */
penstock_code ps_pipeline_make(struct ps_pipeline *pipeline, struct ps_transform *transform, size_t input,
                               const char *name, enum ps_slot_kind kind, size_t *slot_out,
                               struct penstock_error *error) PENSTOCK_MUST_USE;
/* The output takes the place of the input's column. */
penstock_code ps_pipeline_replace(struct ps_pipeline *pipeline, struct ps_transform *transform, size_t input,
                                  enum ps_slot_kind kind, struct penstock_error *error) PENSTOCK_MUST_USE;
/* The input's column goes: for a stage whose outputs stand for several columns together. */
void ps_pipeline_remove(struct ps_pipeline *pipeline, const struct ps_transform *transform, size_t input);
/* One output for each input, NUMBER in place: the bind() of scalers and the like. */
penstock_code ps_pipeline_replace_all(struct ps_pipeline *pipeline, struct ps_transform *transform,
                                      struct penstock_error *error) PENSTOCK_MUST_USE;
/* "file:line:column: OneHotEncoder: ..." */
penstock_code ps_transform_error(const struct ps_transform *transform, struct penstock_error *error,
                                 const char *format, ...) PS_PRINTF(3, 4);
/* Index of a live column by name, or -1. */
int64_t ps_pipeline_find(const struct ps_pipeline *pipeline, const char *name);

/* Is feature `index` of a one-hot slot left out when category dropped[s] of each one-hot slot s is? */
bool ps_slot_is_dropped(const struct ps_slot *slot, const int64_t *dropped, size_t index);
/* "origin=JFK", "distance:origin=JFK", "x"; in the arena, NULL when exhausted. */
const char *ps_slot_feature_name(const struct ps_pipeline *pipeline, size_t slot, size_t index);

#endif
