/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_json.h - the row of the codec table for JSON.
 */
#ifndef PS_DATA_CODEC_JSON_H
#define PS_DATA_CODEC_JSON_H

#include "data/codec.h"

extern const struct ps_codec_type ps_codec_json;

#endif
