/* SPDX-License-Identifier: Apache-2.0
 *
 * offsets.c - moving a source by hand; see offsets.h.
 *
 * A move is refused while an epoch lies half-way between store and sinks: its range is fixed already, and the sinks
 * would get other records under its number than the store.
 */
#include "stream/offsets.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"

struct reset {
    struct ps_connection *connection;
    struct ps_arena *arena;
    struct ps_source *source;
    struct ps_position_list committed, found;
    struct ps_offset_reset *out;
};

static penstock_code load_committed(struct ps_connection *connection, const char *source,
                                    struct ps_position_list *list, struct penstock_error *error) {
    const char *const values[] = {source};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(connection,
                             "SELECT partition, ordinal, position, state FROM penstock.positions"
                             " WHERE source = $1 ORDER BY ordinal",
                             values, 1, &result, error));
    for (int64_t i = 0; i < ps_result_row_count(result); i++) {
        const struct ps_position position = {
            .partition = {ps_result_text(result, i, 0), ps_result_integer(result, i, 1)},
            .offset = ps_result_integer(result, i, 2),
            .state = ps_result_text(result, i, 3)};
        PS_TRY(ps_position_list_set(list, &position, error));
    }
    return PENSTOCK_OK;
}

/* --- may it move at all? ---------------------------------------------------------------------------------------- */

static penstock_code find_source(const struct ps_graph *graph, const char *name, size_t *index_out,
                                 struct penstock_error *error) {
    const int64_t index = ps_graph_find(graph, name);
    if (index >= 0 && graph->nodes[index].kind == PS_NODE_SOURCE) {
        *index_out = (size_t)index;
        return PENSTOCK_OK;
    }
    const char *names[64] = {NULL};
    size_t count = 0;
    for (size_t i = 0; i < graph->node_count && count < 63; i++) {
        if (graph->nodes[i].kind == PS_NODE_SOURCE) {
            names[count++] = graph->nodes[i].name;
        }
    }
    const char *nearest = ps_nearest(name, names);
    (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "the project has no source '%s'", name);
    return nearest != NULL ? ps_error_hint(error, "did you mean %s?", nearest)
                           : ps_error_hint(error, "penstock check lists the sources");
}

static penstock_code check_idle(struct ps_connection *connection, const char *source,
                                struct penstock_error *error) {
    int64_t count = 0;
    PS_TRY(ps_sql_integer(connection,
                          "SELECT count(*) FROM penstock.positions WHERE starts_with(source, 'backfill:')",
                          &count, error));
    if (count > 0) {
        (void)ps_error_set(
            error, PENSTOCK_BUSY,
            "a backfill is not finished: source %s cannot be moved while another position depends on it",
            source);
        return ps_error_hint(error, "penstock plan names it");
    }
    PS_TRY(ps_sql_integer(
        connection,
        "SELECT count(*) FROM penstock.plans WHERE epoch > (SELECT coalesce(max(epoch), 0) FROM penstock.epochs)",
        &count, error));
    if (count > 0) {
        (void)ps_error_set(error, PENSTOCK_BUSY,
                           "the last run was stopped between its sinks and its store: source %s cannot be "
                           "moved in the middle of an epoch",
                           source);
        return ps_error_hint(error, "penstock run --once finishes the epoch");
    }
    return PENSTOCK_OK;
}

/* Tables and views that get the source's records. */
static penstock_code list_readers(const struct ps_graph *graph, size_t source, struct ps_arena *arena,
                                  struct ps_offset_reset *out, struct penstock_error *error) {
    out->readers = ps_arena_allocate(arena, graph->node_count + 1, sizeof *out->readers);
    if (out->readers == NULL) {
        return ps_error_memory(error, "offsets");
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct ps_node *node = &graph->nodes[i];
        if ((node->kind == PS_NODE_TABLE || node->kind == PS_NODE_VIEW || node->kind == PS_NODE_SINK) &&
            node->source == (int64_t)source) {
            out->readers[out->reader_count++] = node->name;
        }
    }
    return PENSTOCK_OK;
}

/* --- where to --------------------------------------------------------------------------------------------------- */

static penstock_code parse_time(struct ps_connection *connection, const char *text, int64_t *ms_out,
                                struct penstock_error *error) {
    if (ps_parse_integer(text, ms_out)) {
        return PENSTOCK_OK;
    }
    const char *const values[] = {text};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(connection, "SELECT epoch_ms(TRY_CAST($1 AS TIMESTAMPTZ))", values, 1, &result,
                             error));
    if (ps_result_text(result, 0, 0) == NULL) {
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "'%s' is no time", text);
        return ps_error_hint(error, "timestamp:2026-11-23T04:00:00Z, or milliseconds since 1970");
    }
    *ms_out = ps_result_integer(result, 0, 0);
    return PENSTOCK_OK;
}

/* "3" is the partition whose name ends in "[3]", if there is one only. */
static const char *full_name(const struct ps_position_list *known, const char *name) {
    if (ps_position_list_find(known, name) != NULL || name[strspn(name, "0123456789")] != '\0') {
        return name;
    }
    char end[64];
    const char *found = NULL;
    (void)snprintf(end, sizeof end, "[%.40s]", name);
    for (size_t i = 0; i < known->count; i++) {
        const char *full = known->items[i].partition.name;
        const size_t size = strlen(full), end_size = strlen(end);
        if (size > end_size && strcmp(full + size - end_size, end) == 0) {
            if (found != NULL) {
                return name;
            }
            found = full;
        }
    }
    return found != NULL ? found : name;
}

static penstock_code bad_place(const char *text, struct penstock_error *error) {
    (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "'%s' says no place", text);
    return ps_error_hint(error,
                         "earliest, latest, timestamp:2026-11-23T04:00:00Z, or PARTITION=OFFSET[,...]");
}

static penstock_code locate_offsets(struct reset *reset, const char *to, struct penstock_error *error) {
    char *rest = ps_arena_copy(reset->arena, to);
    if (rest == NULL) {
        return ps_error_memory(error, "offsets");
    }
    while (rest != NULL) {
        char *comma = strchr(rest, ',');
        if (comma != NULL) {
            *comma = '\0';
        }
        char *equal = strrchr(rest, '=');
        int64_t offset = 0;
        if (equal == NULL || equal == rest || !ps_parse_integer(equal + 1, &offset)) {
            return bad_place(rest, error);
        }
        *equal = '\0';
        PS_TRY(ps_source_locate_offset(reset->source, full_name(&reset->committed, rest), offset,
                                       &reset->committed, &reset->found, error));
        rest = comma != NULL ? comma + 1 : NULL;
    }
    return PENSTOCK_OK;
}

static penstock_code locate(struct reset *reset, const char *to, struct penstock_error *error) {
    static const char time_head[] = "timestamp:";
    int64_t time_ms = 0;
    enum ps_place place = PS_PLACE_EARLIEST;
    if (strcmp(to, "latest") == 0) {
        place = PS_PLACE_LATEST;
    } else if (strncmp(to, time_head, sizeof time_head - 1) == 0) {
        place = PS_PLACE_TIME;
        PS_TRY(parse_time(reset->connection, to + sizeof time_head - 1, &time_ms, error));
    } else if (strcmp(to, "earliest") != 0) {
        return locate_offsets(reset, to, error);
    }
    return ps_source_locate(reset->source, place, time_ms, &reset->committed, &reset->found, error);
}

penstock_code ps_offsets_locate(struct ps_connection *connection, struct ps_source *source,
                                const struct ps_position_list *committed, const char *to,
                                struct ps_arena *arena, struct ps_position_list *found_out,
                                struct penstock_error *error) {
    struct reset reset = {.connection = connection,
                          .arena = arena,
                          .source = source,
                          .committed = *committed,
                          .found = *found_out};
    const penstock_code code = locate(&reset, to, error);
    *found_out = reset.found; /* the committed ones were only looked at */
    return code;
}

/* --- the plan --------------------------------------------------------------------------------------------------- */

static penstock_code list_moves(struct reset *reset, struct penstock_error *error) {
    struct ps_offset_reset *out = reset->out;
    out->moves = ps_arena_allocate(reset->arena, reset->found.count + 1, sizeof *out->moves);
    if (out->moves == NULL) {
        return ps_error_memory(error, "offsets");
    }
    for (size_t i = 0; i < reset->found.count; i++) {
        const struct ps_position *to = &reset->found.items[i];
        const struct ps_position *from = ps_position_list_find(&reset->committed, to->partition.name);
        struct ps_offset_move *move = &out->moves[out->move_count];
        *move = (struct ps_offset_move){.partition = from != NULL ? from->partition : to->partition,
                                        .is_known = from != NULL,
                                        .from = from != NULL ? from->offset : 0,
                                        .to = to->offset};
        move->partition.name = ps_arena_copy(reset->arena, to->partition.name);
        move->state = ps_arena_copy(reset->arena, to->state != NULL ? to->state : "");
        if (move->partition.name == NULL || move->state == NULL) {
            return ps_error_memory(error, "offsets");
        }
        if (move->is_known && move->from == move->to) {
            continue; /* it stays where it is, with the state it has */
        }
        out->goes_back = out->goes_back || (move->is_known && move->to < move->from);
        out->skips = out->skips || move->to > move->from;
        out->move_count++;
    }
    return PENSTOCK_OK;
}

static penstock_code has_watermark(struct ps_connection *connection, const char *source, bool *has_out,
                                   struct penstock_error *error) {
    const char *const values[] = {source};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(connection, "SELECT count(*) FROM penstock.watermarks WHERE source = $1", values,
                             1, &result, error));
    *has_out = ps_result_integer(result, 0, 0) > 0;
    return PENSTOCK_OK;
}

static penstock_code work_out(struct reset *reset, const struct ps_graph *graph, size_t index, const char *to,
                              struct penstock_error *error) {
    const struct ps_node *node = &graph->nodes[index];
    const struct ps_source_statement *statement = &node->statement->as.source;
    struct ps_source_setup setup;
    PS_TRY(load_committed(reset->connection, node->name, &reset->committed, error));
    if (reset->committed.count == 0) {
        (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "source %s has not been read yet", node->name);
        return ps_error_hint(error,
                             "where it starts is said in CREATE SOURCE; run it first: penstock run --once");
    }
    PS_TRY(check_idle(reset->connection, node->name, error));
    PS_TRY(ps_source_create(statement, node->name, graph->project->folder, reset->arena, &reset->source,
                            &setup, error));
    PS_TRY(locate(reset, to, error));
    PS_TRY(list_moves(reset, error));
    PS_TRY(list_readers(graph, index, reset->arena, reset->out, error));
    reset->out->is_keyed = statement->format != PS_FORMAT_PLAIN;
    if (reset->out->goes_back) {
        PS_TRY(has_watermark(reset->connection, node->name, &reset->out->forgets_watermark, error));
    }
    return PENSTOCK_OK;
}

penstock_code ps_offsets_plan(const struct ps_graph *graph, struct ps_connection *connection,
                              const char *source, const char *to, struct ps_arena *arena,
                              struct ps_offset_reset *reset_out, struct penstock_error *error) {
    size_t index = 0;
    struct ps_offset_reset out = {0};
    struct reset reset = {.connection = connection, .arena = arena, .out = &out};
    PS_TRY(find_source(graph, source, &index, error));
    out.source = graph->nodes[index].name;
    out.given = ps_arena_copy(arena, to);
    if (out.given == NULL) {
        return ps_error_memory(error, "offsets");
    }
    PS_TRY(ps_position_list_init(&reset.committed, error));
    penstock_code code = ps_position_list_init(&reset.found, error);
    if (code == PENSTOCK_OK) {
        code = work_out(&reset, graph, index, to, error);
        ps_source_close(reset.source);
        ps_position_list_done(&reset.found);
    }
    ps_position_list_done(&reset.committed);
    if (code == PENSTOCK_OK) {
        *reset_out = out;
    }
    return code;
}

/* --- the move --------------------------------------------------------------------------------------------------- */

static penstock_code move(struct ps_store *store, const struct ps_offset_reset *reset,
                          const struct ps_offset_move *one, const char *now, const char *who,
                          struct penstock_error *error) {
    char ordinal[24], from[24], to[24];
    (void)snprintf(ordinal, sizeof ordinal, "%" PRId64, one->partition.ordinal);
    (void)snprintf(from, sizeof from, "%" PRId64, one->from);
    (void)snprintf(to, sizeof to, "%" PRId64, one->to);
    const char *const values[] = {reset->source, one->partition.name, ordinal, to, one->state};
    PS_TRY(ps_sql_run_with(store->connection,
                           one->is_known
                               ? "UPDATE penstock.positions SET position = $4::BIGINT, state = $5, epoch ="
                                 " (SELECT coalesce(max(epoch), 0) FROM penstock.epochs)"
                                 " WHERE source = $1 AND partition = $2 AND ordinal = $3::BIGINT"
                               : "INSERT INTO penstock.positions SELECT $1, $2, $3::BIGINT, $4::BIGINT, $5,"
                                 " (SELECT coalesce(max(epoch), 0) FROM penstock.epochs)",
                           values, 5, error));
    const char *const audit[] = {
        now, who, reset->source, one->partition.name, one->is_known ? from : NULL, to, reset->given};
    return ps_sql_run_with(
        store->connection,
        "INSERT INTO penstock.offset_resets VALUES ($1::TIMESTAMPTZ::TIMESTAMP, $2, $3, $4,"
        " $5::BIGINT, $6::BIGINT, $7)",
        audit, 7, error);
}

static penstock_code move_all(struct ps_store *store, const struct ps_offset_reset *reset, const char *who,
                              struct penstock_error *error) {
    char now[32];
    ps_clock_format_iso(ps_clock_wall_ms(), now, sizeof now);
    PS_TRY(ps_sql_run(store->connection,
                      "CREATE TABLE IF NOT EXISTS penstock.offset_resets(reset_at TIMESTAMP NOT NULL,"
                      " reset_by VARCHAR NOT NULL, source VARCHAR NOT NULL, partition VARCHAR NOT NULL,"
                      " from_position BIGINT, to_position BIGINT NOT NULL, given VARCHAR NOT NULL)",
                      error));
    for (size_t i = 0; i < reset->move_count; i++) {
        PS_TRY(move(store, reset, &reset->moves[i], now, who, error));
    }
    if (reset->forgets_watermark) {
        const char *const values[] = {reset->source};
        PS_TRY(ps_sql_run_with(store->connection, "DELETE FROM penstock.watermarks WHERE source = $1", values,
                               1, error));
    }
    return ps_sql_run(store->connection, "COMMIT", error);
}

penstock_code ps_offsets_apply(struct ps_store *store, const struct ps_offset_reset *reset, const char *who,
                               struct penstock_error *error) {
    PS_TRY(ps_sql_run(store->connection, "BEGIN TRANSACTION", error));
    const penstock_code code = move_all(store, reset, who, error);
    if (code != PENSTOCK_OK) {
        const penstock_code ignored = ps_sql_run(store->connection, "ROLLBACK", NULL);
        (void)ignored;
        return ps_error_context(error, "move source %s", reset->source);
    }
    return PENSTOCK_OK;
}

/* --- looking ---------------------------------------------------------------------------------------------------- */

static penstock_code look(struct ps_source *source, const struct ps_position_list *committed,
                          struct ps_position_list *first, struct ps_position_list *end,
                          struct penstock_error *error) {
    struct penstock_error unknown = {0};
    penstock_code code = ps_source_ask_place(source, PS_PLACE_END, 0, committed, end, &unknown);
    if (code == PENSTOCK_OK) {
        code = ps_source_ask_place(source, PS_PLACE_EARLIEST, 0, committed, first, &unknown);
    }
    if (code != PENSTOCK_OK && code != PENSTOCK_UNSUPPORTED && error != NULL) {
        *error = unknown;
    }
    return code == PENSTOCK_UNSUPPORTED ? PENSTOCK_OK : code;
}

penstock_code ps_offsets_look(const struct ps_source_statement *statement, const char *name,
                              const char *folder, const struct ps_position_list *committed,
                              struct ps_position_list *first_out, struct ps_position_list *end_out,
                              struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_source *source = NULL;
    struct ps_source_setup setup;
    if (arena == NULL) {
        return ps_error_memory(error, "offsets");
    }
    PS_TRY(ps_source_create(statement, name, folder, arena, &source, &setup, error));
    const penstock_code code = look(source, committed, first_out, end_out, error);
    ps_source_close(source);
    return code;
}
