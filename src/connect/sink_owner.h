/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_owner.h - what a sink keeps beside its rows: whose they are, up to which epoch, by which attempt.
 *
 * A JSON object with project, sink, store_id, epoch, attempt, positions. A sink reads it when it recovers and again
 * before each commit: another store's rows are not mixed in, and an older attempt is told that it is over. Private to
 * room connect.
 */
#ifndef PS_CONNECT_SINK_OWNER_H
#define PS_CONNECT_SINK_OWNER_H

#include <yyjson.h>

#include "connect/sink.h"

struct ps_sink_owner {
    const char *project, *sink, *store_id; /* borrowed from the JSON document */
    struct ps_epoch epoch;
};

/* The members, without braces: "project":"p",... ,"positions":[...] */
void ps_sink_owner_write(struct ps_buffer *out, const struct ps_sink_setup *setup, struct ps_epoch epoch,
                         const struct ps_position_list *positions);
/* INVALID_DATA when it is no such object; `place` names it. */
penstock_code ps_sink_owner_read(yyjson_val *object, const char *place, struct ps_sink_owner *owner_out,
                                 struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_sink_owner_positions(yyjson_val *object, const char *place, struct ps_position_list *list,
                                      struct penstock_error *error) PENSTOCK_MUST_USE;

/* A manifest: one JSON object in a file, with the members above. Long by the positions of all partitions: a project
 * of a million files has about 300 MB of them. */
#define PS_SINK_MANIFEST_SIZE_MAX ((size_t)512 << 20)
/* The caller frees the document, which owner_out points into. Errors: INVALID_DATA, and what reading the file says. */
penstock_code ps_sink_manifest_read(const char *path, struct ps_arena *arena, yyjson_doc **document_out,
                                    struct ps_sink_owner *owner_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
void ps_sink_manifest_free_scoped(yyjson_doc **document);

/* When a sink recovers. Errors: ALREADY_EXISTS (another sink's), INVALID_DATA (another store's, unless may_replace:
 * then *is_other_out), FENCED (a newer attempt was there). */
penstock_code ps_sink_owner_claim(const struct ps_sink_owner *owner, const struct ps_sink_setup *setup,
                                  int64_t attempt, const char *place, bool may_replace, bool *is_other_out,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;
/* Before a commit: FENCED when another attempt or store has claimed the place. */
penstock_code ps_sink_owner_check(const struct ps_sink_owner *owner, const struct ps_sink_setup *setup,
                                  int64_t attempt, const char *place, struct penstock_error *error)
    PENSTOCK_MUST_USE;
const char *ps_sink_store_id(const struct ps_sink_setup *setup); /* "" if it has none */

/* For an epoch that is there already: its rows are counted, not written. */
penstock_code ps_sink_count(struct ps_connection *connection, const char *select_sql, int64_t *row_count_out,
                            struct penstock_error *error) PENSTOCK_MUST_USE;

#define PS_SINK_ON_OTHER_STORE(field_offset) \
    { \
        .name = "on_other_store", .type = PS_OPTION_CHOICE, .default_text = "fail", \
        .choices = "fail|replace", .offset = (field_offset), \
        .help = "the rows there come from another store: fail, or replace them and begin anew", \
        .since = "0.2" \
    }

#endif
