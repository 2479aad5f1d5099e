/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_puts.h - batches of a SELECT's rows as puts and deletes of a table of HBase, a bounded number of bytes a call.
 *
 * Of records with the same row key and the same timestamp that are sent together only the last value of each cell is
 * sent: HBase takes what comes in one call as one moment, in which a delete hides a put whatever their order. Calls
 * follow one another, so the order of records is kept between them. Private to room connect.
 */
#ifndef PS_CONNECT_HBASE_PUTS_H
#define PS_CONNECT_HBASE_PUTS_H

#include "connect/hbase_mapping.h"
#include "connect/sink.h"
#include "hbase/mutate.h"

struct ps_hbase_puts {
    /* set by the owner */
    const struct ps_sink_setup *setup;
    const struct ps_hbase_mapping *mapping;
    struct ps_hbase *client;
    const char *table;
    enum ps_hbase_durability durability;
    bool deletes_nulls; /* on_null = 'delete' */
    size_t size_max;    /* of what is sent at once */
    int64_t row_count;  /* of the epoch */

    /* its own */
    bool has_timestamp; /* a batch has one column more than the SELECT: the record's time in ms, as text */
    size_t time_column; /* of the SELECT; if has_timestamp */
    struct ps_buffer bytes; /* row keys and values */
    struct ps_hbase_put *puts;
    struct ps_hbase_put_cell *cells; /* mapping->cell_count of each put */
    size_t count, put_capacity, cell_capacity;
    size_t *slots; /* hash table over row key and timestamp: index + 1 into puts */
    size_t slot_count;
    size_t size;             /* about what it has on the wire */
    bool *is_plain;          /* of each column: its bytes come as they are written */
    struct ps_bytes *values; /* of one row, one per field */
    struct ps_arena *arena;  /* of one call */
};

penstock_code ps_hbase_puts_init(struct ps_hbase_puts *puts, struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_hbase_puts_done(struct ps_hbase_puts *puts);
/* What the SELECT's columns must be turned into for ps_hbase_puts_write(): bytes of BLOB, DOUBLE and FLOAT,
 * else text. */
penstock_code ps_hbase_puts_project(const struct ps_hbase_puts *puts, struct ps_arena *arena,
                                    struct ps_scan_column **columns_out, size_t *count_out,
                                    struct penstock_error *error) PENSTOCK_MUST_USE;
/* Forgets what is not sent, and begins to count rows anew. */
void ps_hbase_puts_clear(struct ps_hbase_puts *puts);
/* Errors: INVALID_DATA with row and column; those of ps_hbase_mutate(). */
penstock_code ps_hbase_puts_write(struct ps_hbase_puts *puts, const struct ps_batch *batch,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;
/* What is there, as it would be sent; until the next call. */
penstock_code ps_hbase_puts_mutations(struct ps_hbase_puts *puts,
                                      const struct ps_hbase_mutation **mutations_out, size_t *count_out,
                                      struct penstock_error *error) PENSTOCK_MUST_USE;
/* Sends what is there. */
penstock_code ps_hbase_puts_flush(struct ps_hbase_puts *puts, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
