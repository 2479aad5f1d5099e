/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_text.h - ENCODE JSON (...) and ENCODE CSV (...) of sinks whose text DuckDB writes: from options to a COPY.
 *
 * Private to room connect.
 */
#ifndef PS_CONNECT_SINK_TEXT_H
#define PS_CONNECT_SINK_TEXT_H

#include "connect/sink.h"

struct ps_text_format {
    bool is_csv, has_header;
    const char *delimiter, *quote, *escape, *null;
    const char *date_format, *timestamp_format; /* NULL: ISO 8601 */
};

/* Reads the statement's encode settings; the texts are in the arena. Errors: INVALID_PROJECT at the setting. */
penstock_code ps_text_format_read(const struct ps_sink_setup *setup, struct ps_arena *arena,
                                  struct ps_text_format *format_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Writes all rows of the SELECT to a new file `path`. A CSV header only if `is_first`. */
penstock_code ps_text_format_copy(const struct ps_text_format *format, const struct ps_sink_setup *setup,
                                  struct ps_connection *connection, const char *select_sql, const char *path,
                                  bool is_first, int64_t *row_count_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
