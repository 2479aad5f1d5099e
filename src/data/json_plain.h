/* SPDX-License-Identifier: Apache-2.0
 *
 * json_plain.h - the short way for plain JSON records: one pass over the bytes, straight into the columns.
 *
 * Plain is one object of texts, numbers, booleans and nulls. What is not plain, and what does not become a row, is left
 * to the parser (codec_json.c): a record is taken here only if the parser would have made the same row of it, to the
 * bit.
 *
 * Left to it are: a backslash, a control character or a byte above 0x7F in a text or a key; an array or an object; a
 * column that comes twice; a member without a column where such members are kept; a value that its column does not
 * take, and a text for a column of type JSON; a NOT NULL column without a value; a very large record; any fault. Which
 * of them it was is not told.
 */
#ifndef PS_DATA_JSON_PLAIN_H
#define PS_DATA_JSON_PLAIN_H

#include "data/batch.h"
#include "data/names.h"

struct ps_json_plain;

/* For records that become the columns of `names->schema`. `is_json`, per column: its texts keep their quotes.
 * `keeps_unknown`: members without a column are not ignored. `rest_column`: as in ps_json_config. Names and is_json are
 * borrowed. NULL: out of memory. */
struct ps_json_plain *ps_json_plain_new(const struct ps_names *names, const bool *is_json, bool keeps_unknown,
                                        size_t rest_column);
void ps_json_plain_free(struct ps_json_plain *plain);
/* Adds the row of the record and says so, or leaves the batch as it was. Errors: OUT_OF_MEMORY. */
penstock_code ps_json_plain_decode(struct ps_json_plain *plain, struct ps_batch *batch,
                                   struct ps_record record, bool *is_taken_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
