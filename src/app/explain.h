/* SPDX-License-Identifier: Apache-2.0
 *
 * explain.h - EXPLAIN MODEL name, as a command and as a statement of penstock query.
 */
#ifndef PS_APP_EXPLAIN_H
#define PS_APP_EXPLAIN_H

#include "app/app.h"

/* Columns item, value, why. What the last version of the model knows of rows and features is taken from the store, if
 * there is one. Errors: NOT_FOUND (no such model, with the nearest), ps_model_check()'s. */
penstock_code ps_app_explain_model(struct ps_app *app, const char *name, struct ps_text_table **table_out,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;
/* The name behind EXPLAIN MODEL, in the arena; NULL if `sql` is another statement. */
penstock_code ps_explain_model_name(const char *sql, struct ps_arena *arena, const char **name_out,
                                    struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
