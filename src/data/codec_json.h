/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_json.h - the row of the codec table for JSON.
 */
#ifndef PS_DATA_CODEC_JSON_H
#define PS_DATA_CODEC_JSON_H

#include "data/codec.h"

/* None of it is an option. */
struct ps_json_config {
    size_t rest_column; /* column of the batch that takes the fields without a column, + 1; 0: none */
    /* Fields without a column are noted in the batch, to become columns. NULL: they are not. The schema of the source:
     * the names of all its columns are taken. */
    const struct ps_schema *growing;
    size_t added_count;    /* columns that were added so, the last ones of those that are decoded */
    bool is_parsed_always; /* plain records, too: for tests, which compare */
};

extern const struct ps_codec_type ps_codec_json;

#endif
