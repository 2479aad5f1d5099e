/* SPDX-License-Identifier: Apache-2.0
 *
 * schemas.c - the schemas that records were written with.
 *
 * A list under a lock: a topic has few schemas, and a decoder remembers the one it used last. An id is never given
 * to another schema, so what was compiled stays. That an id is not there is believed for a while only: a registry
 * may be filled later, and a flood of bad records must not become a flood of requests.
 */
#include "data/schemas.h"

#include <pthread.h>

#include "base/check.h"
#include "base/clock.h"
#include "data/codec.h"

#define HEADER_SIZE 5
/* Ids that are not there: how many are remembered, and how long. */
#define REFUSED_COUNT 64
#define REFUSED_NS (INT64_C(30) * 1000000000)
/* One schema with all it refers to: texts and what is made of them. */
#define SCHEMA_ARENA_SIZE ((size_t)256 << 20)

struct entry {
    int64_t id;
    const void *compiled;
    struct ps_arena *arena;
    struct entry *next;
};

struct refusal {
    int64_t id;
    int64_t until_ns; /* 0: unused */
    char text[400];
};

struct ps_schemas {
    const struct ps_codec_type *type;
    const void *config;
    const struct ps_schema *columns;
    struct ps_schema_fetcher fetcher;
    pthread_mutex_t lock; /* tidy: allow pthread: guards the list of schemas */
    bool has_lock;
    struct entry *entries;
    struct refusal refusals[REFUSED_COUNT];
    size_t refusal_next;
};

penstock_code ps_schemas_new(const struct ps_codec_type *type, const void *config,
                             const struct ps_schema *columns, struct ps_schema_fetcher fetcher,
                             struct ps_schemas **schemas_out, struct penstock_error *error) {
    ps_check(type->compile != NULL);
    struct ps_schemas *schemas PS_SCOPED(ps_schemas_free_scoped) = ps_allocate(1, sizeof *schemas);
    if (schemas == NULL ||
        pthread_mutex_init(&schemas->lock, NULL) != 0) { /* tidy: allow pthread: as above */
        return ps_error_memory(error, "the schemas of a source");
    }
    schemas->has_lock = true;
    schemas->type = type;
    schemas->config = config;
    schemas->columns = columns;
    schemas->fetcher = fetcher;
    *schemas_out = ps_take(schemas);
    return PENSTOCK_OK;
}

void ps_schemas_free(struct ps_schemas *schemas) {
    if (schemas == NULL) {
        return;
    }
    while (schemas->entries != NULL) {
        struct entry *entry = schemas->entries;
        schemas->entries = entry->next;
        ps_arena_free(entry->arena);
        ps_release(entry);
    }
    if (schemas->has_lock) {
        pthread_mutex_destroy(&schemas->lock); /* tidy: allow pthread: as above */
    }
    ps_release(schemas);
}

void ps_schemas_free_scoped(struct ps_schemas **schemas) {
    ps_schemas_free(*schemas);
}

/* --- under the lock ------------------------------------------------------------------------------------------ */

static penstock_code refuse(struct ps_schemas *schemas, int64_t id, struct penstock_error *error) {
    struct refusal *refusal = &schemas->refusals[schemas->refusal_next];
    schemas->refusal_next = (schemas->refusal_next + 1) % REFUSED_COUNT;
    refusal->id = id;
    refusal->until_ns = ps_clock_monotonic_ns() + REFUSED_NS;
    const size_t size = strnlen(error->message, sizeof refusal->text - 1);
    memcpy(refusal->text, error->message, size);
    refusal->text[size] = '\0';
    return ps_error_set(error, PENSTOCK_INVALID_DATA, "%s", refusal->text);
}

static const struct refusal *find_refusal(const struct ps_schemas *schemas, int64_t id) {
    for (size_t i = 0; i < REFUSED_COUNT; i++) {
        const struct refusal *refusal = &schemas->refusals[i];
        if (refusal->until_ns != 0 && refusal->id == id && ps_clock_monotonic_ns() < refusal->until_ns) {
            return refusal;
        }
    }
    return NULL;
}

static penstock_code load(struct ps_schemas *schemas, struct entry *entry, struct penstock_error *error) {
    struct ps_schema_texts texts = {0};
    penstock_code code =
        schemas->fetcher.fetch(schemas->fetcher.context, entry->id, entry->arena, &texts, error);
    if (code == PENSTOCK_NOT_FOUND) {
        return refuse(schemas, entry->id, error);
    }
    PS_TRY(code);
    code = schemas->type->compile(schemas->config, schemas->columns, &texts, entry->arena, &entry->compiled,
                                  error);
    if (code == PENSTOCK_INVALID_DATA) {
        (void)(entry->id == PS_SCHEMA_FIXED ? ps_error_context(error, "the schema")
                                            : ps_error_context(error, "schema %lld", (long long)entry->id));
        return refuse(schemas, entry->id, error);
    }
    return code;
}

static penstock_code find(struct ps_schemas *schemas, int64_t id, const void **compiled_out,
                          struct penstock_error *error) {
    for (const struct entry *entry = schemas->entries; entry != NULL; entry = entry->next) {
        if (entry->id == id) {
            *compiled_out = entry->compiled;
            return PENSTOCK_OK;
        }
    }
    const struct refusal *refusal = find_refusal(schemas, id);
    if (refusal != NULL) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "%s", refusal->text);
    }
    struct entry *entry = ps_allocate(1, sizeof *entry);
    if (entry == NULL) {
        return ps_error_memory(error, "a schema");
    }
    entry->id = id;
    entry->arena = ps_arena_new(SCHEMA_ARENA_SIZE);
    const penstock_code code =
        entry->arena == NULL ? ps_error_memory(error, "a schema") : load(schemas, entry, error);
    if (code != PENSTOCK_OK) {
        ps_arena_free(entry->arena);
        ps_release(entry);
        return code;
    }
    entry->next = schemas->entries;
    schemas->entries = entry;
    *compiled_out = entry->compiled;
    return PENSTOCK_OK;
}

penstock_code ps_schemas_find(struct ps_schemas *schemas, int64_t id, const void **compiled_out,
                              struct penstock_error *error) {
    struct penstock_error own = {0};
    pthread_mutex_lock(&schemas->lock); /* tidy: allow pthread: as above */
    const penstock_code code = find(schemas, id, compiled_out, &own);
    pthread_mutex_unlock(&schemas->lock); /* tidy: allow pthread: as above */
    if (code != PENSTOCK_OK && error != NULL) {
        *error = own;
    }
    return code;
}

/* --- records --------------------------------------------------------------------------------------------------- */

bool ps_schemas_has_header(struct ps_bytes raw) {
    return raw.size >= HEADER_SIZE && raw.data[0] == '\0';
}

static int64_t id_of(struct ps_bytes raw) {
    const unsigned char *bytes = (const unsigned char *)raw.data;
    return (int64_t)bytes[1] << 24 | (int64_t)bytes[2] << 16 | (int64_t)bytes[3] << 8 | (int64_t)bytes[4];
}

penstock_code ps_schemas_of_record(const struct ps_schema_options *options, struct ps_schema_memo *memo,
                                   struct ps_batch *batch, struct ps_record record, const void **compiled_out,
                                   struct ps_bytes *body_out, struct penstock_error *error) {
    const bool has_registry = options->registry != NULL && options->registry[0] != '\0';
    int64_t id = PS_SCHEMA_FIXED;
    *compiled_out = NULL;
    *body_out = record.raw;
    if (has_registry && !ps_schemas_has_header(record.raw)) {
        return ps_batch_add_dead_letter(
            batch, record, PS_REASON_SCHEMA, NULL, error,
            "the record has no schema id: expected a zero byte and 4 bytes of id, found %zu bytes%s",
            record.raw.size, record.raw.size >= HEADER_SIZE ? " that begin otherwise" : "");
    }
    if (has_registry) {
        id = id_of(record.raw);
        body_out->data += HEADER_SIZE;
        body_out->size -= HEADER_SIZE;
    }
    if (memo->compiled != NULL && memo->id == id) {
        *compiled_out = memo->compiled;
        return PENSTOCK_OK;
    }
    struct penstock_error cause = {0};
    const penstock_code code = ps_schemas_find(options->schemas, id, compiled_out, &cause);
    if (code == PENSTOCK_INVALID_DATA) {
        *compiled_out = NULL;
        return ps_batch_add_dead_letter(batch, record, PS_REASON_SCHEMA, NULL, error, "%s", cause.message);
    }
    if (code != PENSTOCK_OK) {
        if (error != NULL) {
            *error = cause;
        }
        return code;
    }
    *memo = (struct ps_schema_memo){id, *compiled_out};
    return PENSTOCK_OK;
}
