/* SPDX-License-Identifier: Apache-2.0
 *
 * offsets.h - how far a source that nobody reads is behind.
 */
#ifndef PS_APP_OFFSETS_H
#define PS_APP_OFFSETS_H

#include "app/session.h"

/* Sum over the partitions of what lies behind the committed positions; -1: it cannot be told. */
penstock_code ps_offsets_lag(const struct ps_app *app, struct ps_access *access, const char *source,
                             int64_t *lag_out, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
