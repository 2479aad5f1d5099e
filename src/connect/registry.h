/* SPDX-License-Identifier: Apache-2.0
 *
 * registry.h - a client of a schema registry: from the id in front of a record to its writer's schema.
 *
 * Speaks the REST interface that Confluent's registry, Karapace, Apicurio and Redpanda have in common, as much of
 * it as reading takes. A registry that is away says nothing about a record: that is an error to try again after,
 * never a dead letter. Private to room connect.
 */
#ifndef PS_CONNECT_REGISTRY_H
#define PS_CONNECT_REGISTRY_H

#include "data/schemas.h"

struct ps_registry;

/* Nothing is asked yet. Borrows nothing. INVALID_PROJECT: the address is none. */
penstock_code ps_registry_new(const struct ps_schema_options *options, struct ps_registry **registry_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_registry_free(struct ps_registry *registry);
/* The texts of schema `id`, references first; with `is_serialized` (Protobuf) as descriptors. NOT_FOUND: there is
 * no such schema. UNAVAILABLE: the registry does not answer, after some seconds of trying. IO: it will not. Any
 * thread. */
penstock_code ps_registry_fetch(const struct ps_registry *registry, int64_t id, bool is_serialized,
                                struct ps_arena *arena, struct ps_schema_texts *texts_out,
                                struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
