/* SPDX-License-Identifier: Apache-2.0
 *
 * answer.h - what can be asked of a store, on a connection to it: by this process, or for another through the socket.
 */
#ifndef PS_APP_ANSWER_H
#define PS_APP_ANSWER_H

#include "app/app.h"

/* Is this exactly one statement that only reads? INVALID_ARGUMENT if not, with what it is. */
penstock_code ps_answer_check(const char *sql, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Runs it in a transaction that cannot write. */
penstock_code ps_answer_query(struct ps_connection *connection, const char *sql,
                              struct ps_text_table **table_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_answer_show(struct ps_connection *connection, const char *reference,
                             struct ps_buffer *json_out, struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_answer_diff(struct ps_connection *connection, const char *first, const char *second,
                             struct ps_buffer *json_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* A fitted model as JSON; a version that its gate refused is not given out. */
penstock_code ps_answer_load(struct ps_connection *connection, const char *reference,
                             struct ps_buffer *json_out, int64_t *version_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
