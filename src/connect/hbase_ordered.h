/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_ordered.h - OrderedBytes of HBase (org.apache.hadoop.hbase.util.OrderedBytes): values whose bytes sort as they
 * do.
 *
 * The first byte says what a value is; in descending order every byte is complemented. Only the one form that HBase
 * itself writes is taken for a value, so that equal values have equal bytes.
 */
#ifndef PS_CONNECT_HBASE_ORDERED_H
#define PS_CONNECT_HBASE_ORDERED_H

#include "connect/hbase_encoding.h"

/* The value at the beginning of the bytes: its size, 0 if there is none. BLOB_LAST: all of them. */
size_t ps_hbase_ordered_measure(enum ps_hbase_encoding encoding, struct ps_bytes bytes);
/* `bytes` is one value and nothing else. */
enum ps_hbase_fit ps_hbase_ordered_decode(enum ps_hbase_encoding encoding, struct ps_bytes bytes,
                                          const struct ps_hbase_slot *slot);
penstock_code ps_hbase_ordered_encode(enum ps_hbase_encoding encoding, const struct ps_column_schema *column,
                                      struct ps_bytes value, struct ps_buffer *out,
                                      struct penstock_error *error) PENSTOCK_MUST_USE;
/* "int64 (header 0x2C)": what OrderedBytes of this encoding and column are. */
const char *ps_hbase_ordered_name(enum ps_hbase_encoding encoding, const struct ps_column_schema *column);

#endif
