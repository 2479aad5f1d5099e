/* SPDX-License-Identifier: Apache-2.0
 *
 * session.h - an opened project, and the way to its store: through the process that runs it, directly, or none.
 */
#ifndef PS_APP_SESSION_H
#define PS_APP_SESSION_H

#include "app/app.h"
#include "publish/shelf.h"
#include "stream/store.h"

struct ps_app {
    struct ps_project *project;
    struct ps_graph *graph;
    /* Graphs of before the sources had all their columns: who was given one may still read it. */
    struct ps_graph **past;
    size_t past_count, past_capacity;
    size_t column_count; /* that sources have got: growth.h */
    struct ps_stop stop;
};

/* Where questions about the store go. Init with zero, open, close. */
struct ps_access {
    const char *store_path;
    bool is_remote;                   /* a running process answers */
    struct ps_store *store;           /* read-only, ours; NULL when remote or when there is none */
    struct ps_engine *memory;         /* in place of a store that is not there yet */
    struct ps_connection *connection; /* of the store or of memory */
    struct ps_shelf *shelf;           /* models for its statements; NULL without a store of ours */
};
/* Errors: BUSY (the store is held by a process that does not serve it), IO, UNSUPPORTED. No store is none. */
penstock_code ps_access_open(const struct ps_app *app, struct ps_access *access, struct penstock_error *error)
    PENSTOCK_MUST_USE;
void ps_access_close(struct ps_access *access);
bool ps_access_has_store(const struct ps_access *access);

penstock_code ps_access_query(struct ps_access *access, const char *sql, struct ps_text_table **table_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_access_show(struct ps_access *access, const char *reference, struct ps_buffer *json_out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_access_load(struct ps_access *access, const char *reference, struct ps_fitted **fitted_out,
                             int64_t *version_out, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
