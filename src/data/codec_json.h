/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_json.h - the row of the codec table for JSON.
 */
#ifndef PS_DATA_CODEC_JSON_H
#define PS_DATA_CODEC_JSON_H

#include "data/codec.h"

struct ps_json_config {
    size_t
        rest_column; /* column of the batch that takes the fields without a column, + 1; 0: none. Not an option */
};

extern const struct ps_codec_type ps_codec_json;

#endif
