/* SPDX-License-Identifier: Apache-2.0
 *
 * render.h - binary values as text: what the codecs of binary formats add to a column that travels as text.
 *
 * Dates and times as ISO 8601, decimals with their digits, bytes as base64 inside JSON (as in the JSON mapping of
 * protobuf), numbers in the shortest form that reads back the same.
 */
#ifndef PS_DATA_RENDER_H
#define PS_DATA_RENDER_H

#include "base/bytes.h"

void ps_render_integer(struct ps_buffer *out, int64_t value);
/* Not finite: NaN, Infinity, -Infinity, in quotes if `is_json`. */
void ps_render_double(struct ps_buffer *out, double value, bool is_float, bool is_json);
/* 2013-01-01; 2013-01-01T05:15:00.000001; 05:15:00. `zone`: "Z" or "". */
void ps_render_date(struct ps_buffer *out, int64_t days);
void ps_render_timestamp(struct ps_buffer *out, int64_t microseconds, const char *zone);
void ps_render_time(struct ps_buffer *out, int64_t microseconds);
/* A two's complement number, first byte first, with `scale` digits behind the dot. False: more than
 * PS_RENDER_DECIMAL_SIZE_MAX bytes. */
#define PS_RENDER_DECIMAL_SIZE_MAX 64
bool ps_render_decimal(struct ps_buffer *out, struct ps_bytes bytes, int64_t scale);
void ps_render_base64(struct ps_buffer *out, struct ps_bytes bytes);
/* False: not base64. White space is passed over. */
bool ps_read_base64(struct ps_bytes text, struct ps_buffer *out);

#endif
