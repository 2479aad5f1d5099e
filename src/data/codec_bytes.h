/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_bytes.h - the row of the codec table for BYTES.
 */
#ifndef PS_DATA_CODEC_BYTES_H
#define PS_DATA_CODEC_BYTES_H

#include "data/codec.h"

extern const struct ps_codec_type ps_codec_bytes;

#endif
