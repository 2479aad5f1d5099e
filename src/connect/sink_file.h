/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_file.h - the rows of the sink table for what is files: text, Parquet, Delta Lake.
 *
 * Private to room connect.
 */
#ifndef PS_CONNECT_SINK_FILE_H
#define PS_CONNECT_SINK_FILE_H

#include "connect/sink.h"

extern const struct ps_sink_type ps_sink_file;
extern const struct ps_sink_type ps_sink_parquet;
extern const struct ps_sink_type ps_sink_delta;

#endif
