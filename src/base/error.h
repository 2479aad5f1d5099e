/* SPDX-License-Identifier: Apache-2.0
 *
 * error.h - how every function of penstock says that it failed.
 *
 * Expected failures return a penstock_code and fill the caller's struct penstock_error; bugs assert
 * (check.h). A function that returns anything but PENSTOCK_OK has set a message. Context is added
 * outwards, one sentence part at a time: "train model congestion: read table speeds: ...".
 */
#ifndef PS_BASE_ERROR_H
#define PS_BASE_ERROR_H

#include <stdarg.h>

#include "penstock.h"

/* Returns from the calling function with the code of `call` unless it is PENSTOCK_OK.
 * The only control-flow macro of the project. */
#define PS_TRY(call) \
    do { \
        const penstock_code ps_try_code = (call); \
        if (ps_try_code != PENSTOCK_OK) { \
            return ps_try_code; \
        } \
    } while (0)

#define PS_PRINTF(text_index, first) __attribute__((format(printf, text_index, first)))

/* Fills *error (if not NULL): code, the remedy that goes with the code, message. Clears detail and hint.
 * Returns `code`, so that `return ps_error_set(...)` reads well. Long text is cut with "...". */
penstock_code ps_error_set(struct penstock_error *error, penstock_code code, const char *format, ...)
    PS_PRINTF(3, 4);
/* The technical cause (an errno text, DuckDB's own words). Returns error->code. */
penstock_code ps_error_detail(struct penstock_error *error, const char *format, ...) PS_PRINTF(2, 3);
/* What to do. Returns error->code. With error == NULL both return PENSTOCK_INTERNAL. */
penstock_code ps_error_hint(struct penstock_error *error, const char *format, ...) PS_PRINTF(2, 3);
/* Puts "text: " in front of the message. Returns error->code. */
penstock_code ps_error_context(struct penstock_error *error, const char *format, ...) PS_PRINTF(2, 3);
/* From errno: ENOSPC, EACCES... become one sentence with the path and a hint. Code IO (NOT_FOUND for ENOENT). */
penstock_code ps_error_errno(struct penstock_error *error, int errno_value, const char *format, ...)
    PS_PRINTF(3, 4);
void ps_error_clear(struct penstock_error *error);

/* "INVALID_DATA" */
const char *ps_error_code_name(penstock_code code);
/* Exit status of a program that ends with this code: 0, 1, 2 (usage), 3 (gate refused), 4 (data rule failed). */
int ps_error_exit_status(penstock_code code);

#endif
