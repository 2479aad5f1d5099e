/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_owner.c - whose rows these are; see sink_owner.h.
 */
#include "connect/sink_owner.h"

#include <inttypes.h>

#include "base/file.h"

const char *ps_sink_store_id(const struct ps_sink_setup *setup) {
    return setup->store_id != NULL ? setup->store_id : "";
}

static void add_text(struct ps_buffer *out, const char *name, const char *text) {
    ps_buffer_printf(out, "\"%s\":", name);
    ps_buffer_json(out, text != NULL ? text : "", text != NULL ? strlen(text) : 0);
}

void ps_sink_owner_write(struct ps_buffer *out, const struct ps_sink_setup *setup, struct ps_epoch epoch,
                         const struct ps_position_list *positions) {
    add_text(out, "project", setup->project);
    ps_buffer_text(out, ",");
    add_text(out, "sink", setup->name);
    ps_buffer_text(out, ",");
    add_text(out, "store_id", setup->store_id);
    ps_buffer_printf(out, ",\"epoch\":%" PRId64 ",\"attempt\":%" PRId64 ",\"positions\":[", epoch.number,
                     epoch.attempt);
    for (size_t i = 0; i < positions->count; i++) {
        const struct ps_position *position = &positions->items[i];
        ps_buffer_text(out, i > 0 ? ",{" : "{");
        add_text(out, "partition", position->partition.name);
        ps_buffer_printf(out, ",\"ordinal\":%" PRId64 ",\"offset\":%" PRId64 ",", position->partition.ordinal,
                         position->offset);
        add_text(out, "state", position->state);
        ps_buffer_text(out, "}");
    }
    ps_buffer_text(out, "]");
}

static penstock_code not_ours(const char *place, struct penstock_error *error) {
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "%s is not what a sink of penstock has written", place);
    return ps_error_hint(error, "choose another path, or move what is there away");
}

penstock_code ps_sink_owner_read(yyjson_val *object, const char *place, struct ps_sink_owner *owner_out,
                                 struct penstock_error *error) {
    struct ps_sink_owner owner = {.project = yyjson_get_str(yyjson_obj_get(object, "project")),
                                  .sink = yyjson_get_str(yyjson_obj_get(object, "sink")),
                                  .store_id = yyjson_get_str(yyjson_obj_get(object, "store_id"))};
    yyjson_val *number = yyjson_obj_get(object, "epoch"), *attempt = yyjson_obj_get(object, "attempt");
    if (owner.project == NULL || owner.sink == NULL || owner.store_id == NULL || !yyjson_is_int(number) ||
        !yyjson_is_int(attempt)) {
        return not_ours(place, error);
    }
    owner.epoch = (struct ps_epoch){yyjson_get_sint(number), yyjson_get_sint(attempt)};
    *owner_out = owner;
    return PENSTOCK_OK;
}

penstock_code ps_sink_owner_positions(yyjson_val *object, const char *place, struct ps_position_list *list,
                                      struct penstock_error *error) {
    yyjson_val *items = yyjson_obj_get(object, "positions"), *item = NULL;
    size_t index, count;
    yyjson_arr_foreach(items, index, count, item) {
        const char *name = yyjson_get_str(yyjson_obj_get(item, "partition"));
        const char *state = yyjson_get_str(yyjson_obj_get(item, "state"));
        if (name == NULL) {
            return not_ours(place, error);
        }
        const struct ps_position position = {
            .partition = {name, yyjson_get_sint(yyjson_obj_get(item, "ordinal"))},
            .offset = yyjson_get_sint(yyjson_obj_get(item, "offset")),
            .state = state != NULL ? state : ""};
        PS_TRY(ps_position_list_set(list, &position, error));
    }
    return PENSTOCK_OK;
}

static bool is_same_store(const struct ps_sink_owner *owner, const struct ps_sink_setup *setup) {
    return strcmp(owner->store_id, ps_sink_store_id(setup)) == 0;
}

static penstock_code fence(int64_t ours, int64_t theirs, const char *place, struct penstock_error *error) {
    if (theirs <= ours) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_FENCED, "attempt %" PRId64 " is over: attempt %" PRId64 " writes %s",
                       ours, theirs, place);
    return ps_error_hint(error, "is the same project running twice?");
}

penstock_code ps_sink_owner_claim(const struct ps_sink_owner *owner, const struct ps_sink_setup *setup,
                                  int64_t attempt, const char *place, bool may_replace, bool *is_other_out,
                                  struct penstock_error *error) {
    if (strcmp(owner->project, setup->project) != 0 || strcmp(owner->sink, setup->name) != 0) {
        (void)ps_error_set(error, PENSTOCK_ALREADY_EXISTS, "%s belongs to sink %s of project %s", place,
                           owner->sink, owner->project);
        return ps_error_hint(error, "give every sink a path of its own");
    }
    if (is_same_store(owner, setup)) {
        *is_other_out = false;
        return fence(attempt, owner->epoch.attempt, place, error);
    }
    *is_other_out = true;
    if (may_replace) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "%s holds %" PRId64 " epochs of another store", place,
                       owner->epoch.number);
    (void)ps_error_detail(error, "its store is '%s', this one is '%s'", owner->store_id,
                          ps_sink_store_id(setup));
    return ps_error_hint(error, "bring that store back, choose another path, or let the rows that are there"
                                " go with on_other_store = 'replace'");
}

penstock_code ps_sink_owner_check(const struct ps_sink_owner *owner, const struct ps_sink_setup *setup,
                                  int64_t attempt, const char *place, struct penstock_error *error) {
    if (!is_same_store(owner, setup)) {
        return ps_error_set(error, PENSTOCK_FENCED, "attempt %" PRId64 " is over: another store writes %s",
                            attempt, place);
    }
    return fence(attempt, owner->epoch.attempt, place, error);
}

penstock_code ps_sink_count(struct ps_connection *connection, const char *select_sql, int64_t *row_count_out,
                            struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_queryf(connection, &result, error, "SELECT count(*) FROM (%s\n)", select_sql));
    *row_count_out = ps_result_integer(result, 0, 0);
    return PENSTOCK_OK;
}

void ps_sink_manifest_free_scoped(yyjson_doc **document) {
    yyjson_doc_free(*document);
}

penstock_code ps_sink_manifest_read(const char *path, struct ps_arena *arena, yyjson_doc **document_out,
                                    struct ps_sink_owner *owner_out, struct penstock_error *error) {
    struct ps_bytes text = {0};
    PS_TRY(ps_file_read(path, PS_SINK_MANIFEST_SIZE_MAX, arena, &text, error));
    yyjson_doc *document PS_SCOPED(ps_sink_manifest_free_scoped) = yyjson_read(text.data, text.size, 0);
    PS_TRY(ps_sink_owner_read(yyjson_doc_get_root(document), path, owner_out, error));
    *document_out = ps_take(document);
    return PENSTOCK_OK;
}
