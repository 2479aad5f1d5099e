/* SPDX-License-Identifier: Apache-2.0
 *
 * import.h - registering what was made elsewhere; part of ps_registry_carry_out().
 */
#ifndef PS_PUBLISH_IMPORT_H
#define PS_PUBLISH_IMPORT_H

#include "publish/registry.h"

/* reference: the model's name; fitted, statement, label, reason of the request. Inside the caller's transaction.
 * Errors: INVALID_ARGUMENT (the name), those of ps_fitted_from_json, SQL. */
penstock_code ps_registry_add_imported(struct ps_connection *connection,
                                       const struct ps_registry_request *request, const char *now,
                                       const char *who, int64_t *version_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
