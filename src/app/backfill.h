/* SPDX-License-Identifier: Apache-2.0
 *
 * backfill.h - a backfill as a person sees it before it is done.
 */
#ifndef PS_APP_BACKFILL_H
#define PS_APP_BACKFILL_H

#include "app/app.h"
#include "stream/backfill.h"

/* partition, from, to; what is filled and what is dropped as sentences, one a line. */
penstock_code ps_backfill_describe(const struct ps_app *app, struct ps_store *store,
                                   const struct ps_backfill *backfill, struct ps_text_table **table_out,
                                   struct ps_buffer *meaning, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
