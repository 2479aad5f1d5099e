/* SPDX-License-Identifier: Apache-2.0
 *
 * serve.h - models in SQL: predict(), predict_proba() and ML_PREDICT(), whoever keeps and applies the models.
 *
 *   predict('congestion@champion', t)           the number, or the class; t: a table of FROM, or a STRUCT
 *   predict_proba('congestion@champion', t)     MAP(VARCHAR, DOUBLE) of the classes
 *   FROM ML_PREDICT(TABLE t, MODEL congestion)  t's columns, prediction, and of classes probabilities
 *
 * DuckDB fixes the type of a function's result when the function is made, but a prediction's type depends on the
 * model. So the statement's text is expanded before DuckDB sees it: predict(m, t) becomes the member of a STRUCT of
 * all types that penstock_output(m), a constant, names. ML_PREDICT becomes the subquery that it means.
 *
 * A model is found when a statement is bound, and stays the same until the statement ends, on all threads. Columns
 * are matched by name, numbers and texts made as scan.h makes them for training, so that the bits are the same.
 */
#ifndef PS_SQL_SERVE_H
#define PS_SQL_SERVE_H

#include "sql/engine.h"

/* One input of a model over the rows of a chunk. */
struct ps_served_column {
    const double *numbers; /* NULL for a text */
    const struct ps_bytes *texts;
    const uint64_t *validity; /* as in scan.h; NULL: all valid */
};

/* What a prediction is in SQL. */
enum ps_served_kind {
    PS_SERVED_NUMBER,  /* DOUBLE */
    PS_SERVED_REAL,    /* DOUBLE: a class */
    PS_SERVED_INTEGER, /* BIGINT: a class */
    PS_SERVED_TRUTH,   /* BOOLEAN: a class */
    PS_SERVED_TEXT,    /* VARCHAR: a class */
};

/* A version of a model, as SQL sees it. Immutable; whoever made it counts its users. */
struct ps_served {
    const char *name; /* "congestion version 3", for errors */
    bool is_awaited;  /* there is no version yet: any row will do, and every prediction is NULL */
    enum ps_served_kind kind;
    size_t input_count;
    const char *const *input_names;
    const bool *input_is_text;
    size_t class_count; /* 0: a regression */
    const char *const *class_names;
};

/* Implemented by a higher room. Functions may be called by any thread, also by several at once. */
struct ps_server {
    void *context;
    /* `reference` as written; `connection`: ps_connection_id() of the one that binds. Must not use that connection.
     * Errors: NOT_FOUND with the nearest name, and others. */
    penstock_code (*find)(void *context, const char *reference, uint64_t connection,
                          const struct ps_served **served_out, struct penstock_error *error);
    void (*release)(void *context, const struct ps_served *served);
    /* predictions_out: numbers, or indexes of classes; NaN: this row cannot be predicted. probabilities_out: NULL, or
     * row_count * class_count. Errors: INVALID_DATA "row 3: ..." counted from 1. */
    penstock_code (*predict)(void *context, const struct ps_served *served,
                             const struct ps_served_column *columns, int64_t row_count,
                             double *predictions_out, double *probabilities_out,
                             struct penstock_error *error);
};
/* What the engine's statements ask from now on; NULL: there are no models. Not while statements run. */
void ps_engine_serve(struct ps_engine *engine, const struct ps_server *server);
uint64_t ps_connection_id(const struct ps_connection *connection);

/* The text in which predict() and ML_PREDICT() are what DuckDB understands, in the arena; *expanded_out is `sql`
 * itself when there is nothing to expand. *origins_out (may be NULL): for each byte of the new text, and its end, the
 * byte of `sql` that it stands for; NULL when nothing was expanded. Errors: SQL, with *offset_out (may be NULL). */
penstock_code ps_serve_expand(const char *sql, struct ps_arena *arena, const char **expanded_out,
                              const size_t **origins_out, int64_t *offset_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* A model that a text names, in predict('m@3', ...), predict_proba() or ML_PREDICT(..., MODEL m@3). */
struct ps_served_mention {
    const char *reference; /* in the arena */
    int64_t offset;        /* of the name in the text */
};
penstock_code ps_serve_mentions(const char *sql, struct ps_arena *arena,
                                struct ps_served_mention **mentions_out, size_t *count_out,
                                struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
