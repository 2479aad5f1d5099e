/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_server.c - columns named in an option, positions as JSON, waiting with jitter; see sink_server.h.
 */
#include "connect/sink_server.h"

#include <inttypes.h>
#include <yyjson.h>

#include "base/clock.h"

#define WAIT_MS_FIRST 50
#define WAIT_MS_MAX 2000

/* --- columns ------------------------------------------------------------------------------------------------------ */

static penstock_code no_such_column(const struct ps_sink_setup *setup, const char *option, const char *name,
                                    struct ps_arena *arena, struct penstock_error *error) {
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                       "sink %s: %s names '%s', which is no column of its SELECT", setup->name, option, name);
    const char **names = ps_arena_allocate(arena, setup->column_count + 1, sizeof *names);
    if (names == NULL) {
        return PENSTOCK_INVALID_PROJECT;
    }
    struct ps_buffer list PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&list, (size_t)1 << 20);
    for (size_t i = 0; i < setup->column_count; i++) {
        names[i] = setup->column_names[i];
        ps_buffer_printf(&list, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    const char *nearest = ps_nearest(name, names);
    (void)ps_error_hint(error, nearest != NULL ? "did you mean %s?" : "its columns are: %s",
                        nearest != NULL     ? nearest
                        : list.data != NULL ? list.data
                                            : "");
    return PENSTOCK_INVALID_PROJECT;
}

/* A name as SQL compares it: the exact one first, then without case. */
static bool find_column(const struct ps_sink_setup *setup, const char *name, size_t *index_out) {
    for (int exact = 1; exact >= 0; exact--) {
        for (size_t i = 0; i < setup->column_count; i++) {
            if (exact == 1 ? strcmp(setup->column_names[i], name) == 0
                           : ps_text_equal_nocase(setup->column_names[i], name)) {
                *index_out = i;
                return true;
            }
        }
    }
    return false;
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next name of the list, without the space around it; NULL when there is no memory. */
static const char *next_name(const char **text, struct ps_arena *arena) {
    const char *start = *text;
    while (is_space(*start)) {
        start++;
    }
    const char *end = start + strcspn(start, ",");
    *text = *end == ',' ? end + 1 : end;
    while (end > start && is_space(end[-1])) {
        end--;
    }
    return ps_arena_copy_size(arena, start, (size_t)(end - start));
}

bool ps_sink_columns_have(const struct ps_sink_columns *columns, size_t index) {
    for (size_t i = 0; i < columns->count; i++) {
        if (columns->indexes[i] == index) {
            return true;
        }
    }
    return false;
}

penstock_code ps_sink_columns_parse(const struct ps_sink_setup *setup, const char *option, const char *text,
                                    struct ps_arena *arena, struct ps_sink_columns *columns_out,
                                    struct penstock_error *error) {
    struct ps_sink_columns columns = {ps_arena_allocate(arena, setup->column_count + 1, sizeof(size_t)), 0};
    if (columns.indexes == NULL) {
        return ps_error_memory(error, "a sink's columns");
    }
    while (text != NULL && *text != '\0') {
        const char *name = next_name(&text, arena);
        size_t index = 0;
        if (name == NULL) {
            return ps_error_memory(error, "a sink's columns");
        }
        if (!find_column(setup, name, &index)) {
            return no_such_column(setup, option, name, arena, error);
        }
        if (ps_sink_columns_have(&columns, index)) {
            return ps_error_set(error, PENSTOCK_INVALID_PROJECT, "sink %s: %s names column %s twice",
                                setup->name, option, name);
        }
        columns.indexes[columns.count++] = index;
    }
    *columns_out = columns;
    return PENSTOCK_OK;
}

/* --- positions ---------------------------------------------------------------------------------------------------- */

void ps_sink_positions_write(const struct ps_position_list *positions, struct ps_buffer *json) {
    ps_buffer_text(json, "[");
    for (size_t i = 0; i < positions->count && !json->failed; i++) {
        const struct ps_position *position = &positions->items[i];
        const char *state = position->state != NULL ? position->state : "";
        ps_buffer_text(json, i > 0 ? ",{\"partition\":" : "{\"partition\":");
        ps_buffer_json(json, position->partition.name, strlen(position->partition.name));
        ps_buffer_printf(json, ",\"ordinal\":%" PRId64 ",\"offset\":%" PRId64 ",\"state\":",
                         position->partition.ordinal, position->offset);
        ps_buffer_json(json, state, strlen(state));
        ps_buffer_text(json, "}");
    }
    ps_buffer_text(json, "]");
}

static penstock_code read_positions(yyjson_val *root, struct ps_position_list *positions,
                                    struct penstock_error *error) {
    size_t index;
    size_t count;
    yyjson_val *item;
    yyjson_arr_foreach(root, index, count, item) {
        const char *name = yyjson_get_str(yyjson_obj_get(item, "partition"));
        const char *state = yyjson_get_str(yyjson_obj_get(item, "state"));
        if (name == NULL) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA, "a sink's positions are not what a sink wrote");
        }
        const struct ps_position position = {
            .partition = {name, yyjson_get_sint(yyjson_obj_get(item, "ordinal"))},
            .offset = yyjson_get_sint(yyjson_obj_get(item, "offset")),
            .state = state != NULL ? state : ""};
        PS_TRY(ps_position_list_set(positions, &position, error));
    }
    return PENSTOCK_OK;
}

penstock_code ps_sink_positions_read(const char *json, size_t size, struct ps_position_list *positions,
                                     struct penstock_error *error) {
    yyjson_doc *document = yyjson_read(json, size, 0);
    yyjson_val *root = yyjson_doc_get_root(document);
    const penstock_code code =
        yyjson_is_arr(root)
            ? read_positions(root, positions, error)
            : ps_error_set(error, PENSTOCK_INVALID_DATA, "a sink's positions are not what a sink wrote");
    yyjson_doc_free(document);
    return code;
}

/* --- waiting ------------------------------------------------------------------------------------------------------ */

struct ps_sink_patience ps_sink_patience_of(int64_t duration_ms) {
    return (struct ps_sink_patience){ps_clock_monotonic_ns() + duration_ms * INT64_C(1000000), WAIT_MS_FIRST};
}

bool ps_sink_patience_wait(struct ps_sink_patience *patience) {
    const int64_t now_ns = ps_clock_monotonic_ns();
    if (now_ns >= patience->deadline_ns) {
        return false;
    }
    const uint64_t chance = ps_hash(&now_ns, sizeof now_ns, 0);
    const int64_t half_ms = patience->wait_ms / 2;
    int64_t wait_ms = patience->wait_ms - (int64_t)(chance % (uint64_t)(half_ms + 1));
    const int64_t rest_ms = (patience->deadline_ns - now_ns) / 1000000 + 1;
    wait_ms = wait_ms < rest_ms ? wait_ms : rest_ms;
    ps_clock_sleep_ms(wait_ms);
    patience->wait_ms = patience->wait_ms * 2 < WAIT_MS_MAX ? patience->wait_ms * 2 : WAIT_MS_MAX;
    return true;
}
