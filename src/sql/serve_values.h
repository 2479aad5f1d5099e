/* SPDX-License-Identifier: Apache-2.0
 *
 * serve_values.h - the columns of a row argument as numbers and texts, as scan.h makes them, and predictions as
 * vectors. Included by this room only.
 */
#ifndef PS_SQL_SERVE_VALUES_H
#define PS_SQL_SERVE_VALUES_H

#include "sql/duck.h"
#include "sql/serve.h"

/* How one column of the row is read; found once, when the statement is bound. */
struct ps_serve_field {
    idx_t child; /* of the STRUCT */
    duckdb_type type, internal;
    uint8_t scale, width; /* of a DECIMAL */
    char **labels;        /* of an ENUM */
    idx_t label_count;
};

/* Can a column of this type be a number (a text)? */
bool ps_serve_is_number(duckdb_type type);
bool ps_serve_is_text(duckdb_type type);
penstock_code ps_serve_field_init(duckdb_logical_type type, idx_t child, struct ps_serve_field *field,
                                  struct penstock_error *error);
void ps_serve_field_done(struct ps_serve_field *field);

/* Fills numbers[row_count]; clears bits of `validity` (all set before, where the row is there). */
void ps_serve_numbers(const struct ps_serve_field *field, duckdb_vector vector, idx_t row_count,
                      double *numbers, uint64_t *validity);
/* Texts point into the vector, or into the arena. */
penstock_code ps_serve_texts(const struct ps_serve_field *field, duckdb_vector vector, idx_t row_count,
                             struct ps_arena *arena, struct ps_bytes *texts, uint64_t *validity,
                             struct penstock_error *error);

/* Rows of one chunk and what the model predicts for them. */
struct ps_serve_rows {
    struct ps_arena *arena;
    const struct ps_served *served;
    idx_t row_count;
    double *predictions;   /* row_count */
    double *probabilities; /* row_count * class_count, or NULL */
};
typedef penstock_code ps_serve_write(const struct ps_serve_rows *rows, duckdb_vector out,
                                     struct penstock_error *error);
#define PS_SERVE_KIND_COUNT 5
/* STRUCT(number DOUBLE, integer BIGINT, ...): all but the model's kind are NULL. */
penstock_code ps_serve_write_kinds(const struct ps_serve_rows *rows, duckdb_vector out,
                                   struct penstock_error *error);
/* STRUCT(number STRUCT(prediction DOUBLE), integer STRUCT(prediction BIGINT, probabilities MAP), ...) */
penstock_code ps_serve_write_columns(const struct ps_serve_rows *rows, duckdb_vector out,
                                     struct penstock_error *error);
/* MAP(VARCHAR, DOUBLE) */
penstock_code ps_serve_write_probabilities(const struct ps_serve_rows *rows, duckdb_vector out,
                                           struct penstock_error *error);

#endif
