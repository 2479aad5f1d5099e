/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.h - rows to predict, as a person hands them over: CSV with a header, or NDJSON, as one text.
 */
#ifndef PS_APP_ROWS_H
#define PS_APP_ROWS_H

#include "app/app.h"

/* NDJSON when the first character is '{' (or '['), else CSV. Empty CSV fields and JSON nulls are NULL.
 * Errors: INVALID_DATA with the line. */
penstock_code ps_rows_parse(const char *text, struct ps_text_table **table_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
