/* SPDX-License-Identifier: Apache-2.0
 *
 * retrain.h - a version trained once more from what was recorded of it, to see whether the same comes out.
 */
#ifndef PS_APP_RETRAIN_H
#define PS_APP_RETRAIN_H

#include "app/session.h"
#include "publish/json.h"

struct ps_retraining {
    const struct ps_project *project;
    const struct ps_graph *graph;
    struct ps_connection *connection; /* no transaction is open; none is afterwards */
    int64_t thread_count;
    const struct ps_stop *stop;
};
/* JSON: {"model", "version", "same", "recorded", "now": checksums of the model, "rows": of the SELECT,
 * "sentence", "changes": [sentences]}; "now" null when it could not be trained. Nothing is registered. */
penstock_code ps_retrain(const struct ps_retraining *retraining, const char *reference,
                         struct ps_buffer *json_out, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
