/* SPDX-License-Identifier: Apache-2.0
 *
 * scan.h - a SELECT's rows as typed columns, in order, without the whole result in memory.
 *
 * DuckDB's threads run the query ahead; one thread of ours takes the chunks in the query's own order
 * (preserve_insertion_order), so that what is computed from "row 0, row 1, ..." does not depend on the
 * number of threads. This is the only user of DuckDB's streaming results.
 */
#ifndef PS_SQL_SCAN_H
#define PS_SQL_SCAN_H

#include "sql/engine.h"

/* How a column is to be delivered. */
enum ps_scan_kind {
    PS_SCAN_DOUBLE, /* numbers, BOOLEAN, DATE, TIMESTAMP: cast to DOUBLE in SQL (the last two: seconds) */
    PS_SCAN_TEXT,   /* anything, cast to VARCHAR */
    PS_SCAN_BYTES,  /* anything, cast to BLOB: a BLOB's bytes as they are */
};

struct ps_scan_column {
    const char *expression; /* SQL over the relation, usually a quoted name */
    enum ps_scan_kind kind;
};

/* One chunk (up to 2048 rows). Borrowed until ps_chunk_free(). */
struct ps_chunk;
int64_t ps_chunk_row_count(const struct ps_chunk *chunk);
/* row_count doubles; values of NULL rows are undefined. */
const double *ps_chunk_doubles(const struct ps_chunk *chunk, size_t column);
/* Bit i of word i/64 set: row i is not NULL. NULL: no NULLs. */
const uint64_t *ps_chunk_validity(const struct ps_chunk *chunk, size_t column);
struct ps_bytes ps_chunk_text(const struct ps_chunk *chunk, size_t column, int64_t row);
static inline bool ps_chunk_is_valid(const uint64_t *validity, int64_t row) {
    return validity == NULL || ((validity[(uint64_t)row >> 6] >> ((uint64_t)row & 63)) & 1) != 0;
}
void ps_chunk_free(struct ps_chunk *chunk); /* any thread */

struct ps_scan;
/* Starts SELECT columns... FROM relation (`relation` is text that may follow FROM, e.g. "(SELECT ...) t").
 * `tail`: "WHERE ... ORDER BY ..." or NULL. */
penstock_code ps_scan_open(struct ps_connection *connection, const char *relation,
                           const struct ps_scan_column *columns, size_t column_count, const char *tail,
                           struct ps_scan **scan_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* The next chunk in order; *chunk_out NULL at the end. The chunk is the caller's and may be handed to
 * another thread; it stays valid after the scan is closed. */
penstock_code ps_scan_next(struct ps_scan *scan, struct ps_chunk **chunk_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* `observe` sees every chunk before the taker does, in order, in the taker's thread. */
void ps_scan_observe(struct ps_scan *scan,
                     penstock_code (*observe)(void *context, const struct ps_chunk *chunk,
                                              struct penstock_error *error),
                     void *context);
void ps_scan_close(struct ps_scan *scan);

#endif
