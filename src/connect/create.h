/* SPDX-License-Identifier: Apache-2.0
 *
 * create.h - from a CREATE SOURCE statement to an open source.
 *
 * A connector's file holds only its own idea; finding it by name, applying the WITH settings through its
 * option rows, choosing the codec and naming the place of a mistake is done here, once for all.
 */
#ifndef PS_CONNECT_CREATE_H
#define PS_CONNECT_CREATE_H

#include "connect/source.h"
#include "job/project.h"

/* Opens the source `name` that `statement` describes; relative paths start at `folder`. *setup_out is what
 * ps_decode() needs (with on_bad_record in it). The arena must outlive the source and the setup; it takes the
 * option values. The statement and its schema are borrowed as long.
 * Errors: INVALID_PROJECT with file:line:column (unknown connector, option or value with the nearest name; an
 * encoding the connector cannot read); what opening the connector says. Owns: the caller closes *source_out. */
penstock_code ps_source_create(const struct ps_source_statement *statement, const char *name,
                               const char *folder, struct ps_arena *arena, struct ps_source **source_out,
                               struct ps_source_setup *setup_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* The same checks without touching the world: for `penstock check`. */
penstock_code ps_source_check(const struct ps_source_statement *statement, const char *name,
                              const char *folder, struct penstock_error *error) PENSTOCK_MUST_USE;

/* Options of every source, whatever its connector: connector, on_bad_record. For help pages. */
extern const struct ps_option ps_source_options[];

#endif
