/* SPDX-License-Identifier: Apache-2.0
 *
 * decoding.h - what decoding the records of one source takes, beyond the options of its codec.
 *
 * Schemas and where they come from, and what a changelog (FORMAT UPSERT, DEBEZIUM) has besides its values: keys and
 * envelopes. Made once per source, then read by every thread that decodes its slices. Private to room connect.
 */
#ifndef PS_CONNECT_DECODING_H
#define PS_CONNECT_DECODING_H

#include "connect/registry.h"
#include "connect/source.h"

/* Columns of an envelope, in this order. */
enum ps_envelope_column {
    PS_ENVELOPE_PAYLOAD, /* where schema and payload stand side by side */
    PS_ENVELOPE_OPERATION,
    PS_ENVELOPE_BEFORE,
    PS_ENVELOPE_AFTER,
    PS_ENVELOPE_COUNT,
};

struct ps_decoding {
    const struct ps_codec_type *codec;
    struct ps_schema
        value_schema; /* what a value becomes: columns, with those of the key nullable; an envelope */
    struct ps_schema row_schema; /* the declared columns, with those of the key nullable */
    struct ps_schema key_schema; /* the columns of the primary key, nullable; none: no changelog */
    const size_t *key_columns;   /* which columns of the source those are */
    void *value_config, *key_config;
    void *json_config; /* of the JSON inside envelopes, and of keys */
    struct ps_schemas *value_schemas, *key_schemas;
    struct ps_registry *registry;
    struct ps_bytes fixed; /* the one schema of all records */
    bool has_schemas, has_registry;
};

/* Of setup: codec, its config, columns, folder and statement. The texts are in the arena, which must outlive it.
 * INVALID_PROJECT: the columns or the fixed schema do not suit the codec. */
penstock_code ps_decoding_new(const struct ps_source_setup *setup, struct ps_arena *arena,
                              struct ps_decoding **decoding_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
void ps_decoding_free(struct ps_decoding *decoding);
void ps_decoding_free_scoped(struct ps_decoding **decoding);

#endif
