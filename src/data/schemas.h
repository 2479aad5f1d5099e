/* SPDX-License-Identifier: Apache-2.0
 *
 * schemas.h - the schemas that records were written with: fetched once per id, compiled once, for any thread.
 *
 * A record of Avro or Protobuf is bytes without names; what they mean is in the schema that its writer used. It is
 * known by an id in front of the record (a schema registry's wire format) or is one and the same for all records.
 * Where schemas come from is the caller's: this room asks nobody over a network.
 */
#ifndef PS_DATA_SCHEMAS_H
#define PS_DATA_SCHEMAS_H

#include "base/option.h"
#include "data/batch.h"

struct ps_codec_type;
struct ps_schemas;

/* What a codec with schemas begins its config with. */
struct ps_schema_options {
    const char *registry, *username, *password,
        *ca_file;               /* schema.registry...; registry NULL: one fixed schema */
    const char *text;           /* the fixed schema itself, or */
    const char *file;           /* a file that has it */
    const char *message;        /* which of its types a record is, where it has many */
    struct ps_schemas *schemas; /* set by whoever opens decoders; not an option */
};

/* The texts of one schema: what it refers to first, itself last. */
struct ps_schema_texts {
    struct ps_bytes *items;
    size_t count;
};

/* Where schemas come from. NOT_FOUND: there is no such schema, which is the records' fault. Every other error is
 * passed on, and the records are decoded another time. Called under a lock, by any thread; `arena` takes the
 * texts. */
struct ps_schema_fetcher {
    penstock_code (*fetch)(void *context, int64_t id, struct ps_arena *arena,
                           struct ps_schema_texts *texts_out, struct penstock_error *error);
    void *context;
};

/* The id of the schema that all records share. */
#define PS_SCHEMA_FIXED ((int64_t)-1)

/* For records that become these columns. Type, config, columns and what the fetcher points to are borrowed. */
penstock_code ps_schemas_new(const struct ps_codec_type *type, const void *config,
                             const struct ps_schema *columns, struct ps_schema_fetcher fetcher,
                             struct ps_schemas **schemas_out, struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_schemas_free(struct ps_schemas *schemas);
void ps_schemas_free_scoped(struct ps_schemas **schemas);
/* The compiled schema; it stays as long as `schemas`. INVALID_DATA: there is none, and `error` says why in one
 * sentence for a dead letter. Other errors: as the fetcher's. */
penstock_code ps_schemas_find(struct ps_schemas *schemas, int64_t id, const void **compiled_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;

/* What a decoder keeps of the record before: mostly the next one has the same schema. */
struct ps_schema_memo {
    int64_t id;
    const void *compiled; /* NULL: nothing yet */
};
/* Takes the header off record.raw and finds its schema. *compiled_out NULL: the record became a dead letter. */
penstock_code ps_schemas_of_record(const struct ps_schema_options *options, struct ps_schema_memo *memo,
                                   struct ps_batch *batch, struct ps_record record, const void **compiled_out,
                                   struct ps_bytes *body_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Is there a wire format header: a zero byte and an id? */
bool ps_schemas_has_header(struct ps_bytes raw);

#endif
