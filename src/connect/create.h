/* SPDX-License-Identifier: Apache-2.0
 *
 * create.h - from a CREATE SOURCE or CREATE SINK statement to an open source or sink.
 *
 * A connector's file holds only its own idea; finding it by name, applying the WITH settings through its
 * option rows, choosing the codec and naming the place of a mistake is done here, once for all.
 */
#ifndef PS_CONNECT_CREATE_H
#define PS_CONNECT_CREATE_H

#include "connect/sink.h"
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

/* The same for statements that need no more of it than `use` says (borrowed as long; NULL: everything). */
penstock_code ps_source_create_for(const struct ps_source_statement *statement, const char *name,
                                   const char *folder, const struct ps_source_use *use,
                                   struct ps_arena *arena, struct ps_source **source_out,
                                   struct ps_source_setup *setup_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* What such a source leaves out by itself; *is_known_out false: its connector leaves nothing out. Touches no world. */
penstock_code ps_source_explain(const struct ps_source_statement *statement, const char *name,
                                const char *folder, const struct ps_source_use *use, struct ps_arena *arena,
                                struct ps_pushed *pushed_out, bool *is_known_out,
                                struct penstock_error *error) PENSTOCK_MUST_USE;

/* The same checks without touching the world: for `penstock check`. */
penstock_code ps_source_check(const struct ps_source_statement *statement, const char *name,
                              const char *folder, struct penstock_error *error) PENSTOCK_MUST_USE;

/* Opens the sink that `statement` describes. Of the setup name, project, store_id, folder and columns are given; the
 * rest is filled in here. The arena and everything in the setup must outlive the sink.
 * Errors: INVALID_PROJECT with file:line:column (unknown connector, option, encoding; a promise it cannot keep).
 * Owns: the caller closes *sink_out. */
penstock_code ps_sink_create(const struct ps_sink_statement *statement, const struct ps_sink_setup *setup,
                             struct ps_arena *arena, struct ps_sink **sink_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* The same checks, for `penstock check`. */
penstock_code ps_sink_check(const struct ps_sink_statement *statement, const struct ps_sink_setup *setup,
                            struct penstock_error *error) PENSTOCK_MUST_USE;
/* Options of every sink: connector, delivery. For help pages. */
extern const struct ps_option ps_sink_options[];

/* Options of every source, whatever its connector: connector, on_bad_record. For help pages. */
extern const struct ps_option ps_source_options[];

#endif
