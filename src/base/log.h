/* SPDX-License-Identifier: Apache-2.0
 *
 * log.h - the structured log: one JSON object a line.
 *
 * Library rooms return errors; only app and cli write here, and the stream's progress events reach it
 * through them. Every field value from outside is quoted; secrets never get here (option.h, is_secret).
 */
#ifndef PS_BASE_LOG_H
#define PS_BASE_LOG_H

#include "base/bytes.h"

enum ps_log_level { PS_LOG_ERROR, PS_LOG_WARNING, PS_LOG_NOTICE, PS_LOG_INFO, PS_LOG_DEBUG };

struct ps_log; /* thread-safe: one lock around one write() */

/* Appends to the file at `path`. `level_max`: what is finer is left out. */
penstock_code ps_log_open(const char *path, enum ps_log_level level_max, const char *application,
                          const char *container, struct ps_log **log_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
void ps_log_close(struct ps_log *log);
/* fields: JSON members without braces ("\"rows\":5"), or NULL. NULL log does nothing. */
void ps_log_write(struct ps_log *log, enum ps_log_level level, const char *fields, const char *format, ...)
    PS_PRINTF(4, 5);
const char *ps_log_level_name(enum ps_log_level level);

#endif
