/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_numeric.h - OrderedBytes' numbers of variable length: any decimal of up to 31 digits, whatever its magnitude.
 *
 * `mask` is 0xFF in descending order, else 0.
 */
#ifndef PS_CONNECT_HBASE_NUMERIC_H
#define PS_CONNECT_HBASE_NUMERIC_H

#include "connect/hbase_encoding.h"

/* The size of the number at the beginning of the bytes (at least one byte), 0 if there is none. */
size_t ps_hbase_numeric_measure(struct ps_bytes bytes, unsigned char mask);
enum ps_hbase_fit ps_hbase_numeric_decode(struct ps_bytes bytes, unsigned char mask,
                                          const struct ps_hbase_slot *slot);
penstock_code ps_hbase_numeric_encode(const struct ps_column_schema *column, struct ps_bytes value,
                                      struct ps_buffer *out, unsigned char mask, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
