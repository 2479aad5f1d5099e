/* SPDX-License-Identifier: Apache-2.0
 *
 * clock.h - time. Monotonic for measuring and waiting, wall clock only for showing and naming.
 */
#ifndef PS_BASE_CLOCK_H
#define PS_BASE_CLOCK_H

#include "base/bytes.h"

int64_t ps_clock_monotonic_ns(void);
int64_t ps_clock_wall_ms(void);              /* since 1970-01-01 UTC */
int64_t ps_clock_cpu_ns(void);               /* user + system time of this process */
void ps_clock_sleep_ms(int64_t duration_ms); /* may return early on a signal */
/* "2026-11-22T17:18:10.123Z" into at least 32 bytes */
void ps_clock_format_iso(int64_t wall_ms, char *text_out, size_t size);
/* "Sun Nov 22 17:18:10 +0000 2026", as yarn logs prints it, in UTC */
void ps_clock_format_yarn(int64_t wall_ms, char *text_out, size_t size);

#endif
