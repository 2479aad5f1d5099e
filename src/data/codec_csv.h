/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_csv.h - the row of the codec table for CSV.
 */
#ifndef PS_DATA_CODEC_CSV_H
#define PS_DATA_CODEC_CSV_H

#include "data/codec.h"

extern const struct ps_codec_type ps_codec_csv;

#endif
