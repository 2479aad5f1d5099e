/* SPDX-License-Identifier: Apache-2.0
 *
 * late.h - plain statements that predict with a model of the project: carried out once the model has a version.
 */
#ifndef PS_APP_LATE_H
#define PS_APP_LATE_H

#include "app/progress.h"

/* Those among nodes first .. end - 1 of the graph that can be carried out and have not been. is_last: what still waits
 * for a model is told. */
penstock_code ps_late_run(struct ps_progress *progress, size_t first, size_t end, bool is_last,
                          struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
