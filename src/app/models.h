/* SPDX-License-Identifier: Apache-2.0
 *
 * models.h - what people do with versions, on the side that has the store: one transaction each.
 *
 * While a project runs it is carried out by a control thread with a connection of its own; the stream and the
 * predictions see the new champion at their next epoch and their next query. A transaction that meets the publication
 * of a training is tried again.
 */
#ifndef PS_APP_MODELS_H
#define PS_APP_MODELS_H

#include "app/app.h"
#include "publish/json.h"
#include "publish/registry.h"

penstock_code ps_models_carry_out(struct ps_connection *connection, const char *store_path,
                                  const struct ps_registry_request *request, struct ps_text_table **table_out,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;
/* The same from the control socket: {"request": "models", "verb": "promote", "reference": "m@3", ...}. */
penstock_code ps_models_answer(struct ps_connection *connection, const char *store_path, yyjson_val *request,
                               struct ps_text_table **table_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
