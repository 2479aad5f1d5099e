/* SPDX-License-Identifier: Apache-2.0
 *
 * history.h - what the registry remembers of the rows of earlier versions.
 */
#ifndef PS_PUBLISH_HISTORY_H
#define PS_PUBLISH_HISTORY_H

#include "publish/drift.h"
#include "publish/gate.h"

/* Versions that the data checks compare with at most. */
#define PS_HISTORY_VERSIONS 5

/* Sets champion_profile, past_profiles and past_count of the question, whose champion_version is set. Texts in the
 * arena. Refused versions are not what the next one is measured by. */
penstock_code ps_registry_recall(struct ps_connection *connection, const char *name, struct ps_arena *arena,
                                 struct ps_gate_question *question, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
