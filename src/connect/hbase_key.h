/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_key.h - the row key that is made of parts: its grammar, and taking a key apart.
 */
#ifndef PS_CONNECT_HBASE_KEY_H
#define PS_CONNECT_HBASE_KEY_H

#include "connect/hbase_encoding.h"

/* Parts beyond it are no row key any more. */
#define PS_HBASE_PART_COUNT_MAX 64

/* The parts of `text`, with names that are columns of the schema, each once, and with their widths and encodings.
 * `field` is the index of the column. Errors: INVALID_PROJECT. */
penstock_code ps_hbase_key_parse(const char *text, const struct ps_schema *schema, struct ps_arena *arena,
                                 struct ps_hbase_key_part **parts_out, size_t *count_out,
                                 struct penstock_error *error) PENSTOCK_MUST_USE;

/* The column whose name is nearest to this one, or NULL. */
penstock_code ps_hbase_nearest_column(const struct ps_schema *schema, const char *name,
                                      struct ps_arena *arena, const char **near_out,
                                      struct penstock_error *error) PENSTOCK_MUST_USE;

/* The bytes of every part, views of `key`. False: the key is not made so; *bad_out is the part where it ends to fit,
 * part_count if bytes are left over. */
bool ps_hbase_key_split(const struct ps_hbase_mapping *mapping, struct ps_bytes key, struct ps_bytes *pieces,
                        size_t *bad_out);
/* "has no \"|\" behind part sensor" */
void ps_hbase_key_explain(struct ps_buffer *out, const struct ps_hbase_mapping *mapping, struct ps_bytes key,
                          size_t bad);

#endif
