/* SPDX-License-Identifier: Apache-2.0
 *
 * standing.c - positions of the sources under a node, in the transaction that reads its rows.
 */
#include "app/standing.h"

/* Marks the nodes that `index` reads, directly or not. Nodes come after their inputs, so one walk back is enough. */
static void mark_inputs(const struct ps_graph *graph, size_t index, bool *is_read) {
    is_read[index] = true;
    for (size_t i = index + 1; i-- > 0;) {
        for (size_t k = 0; is_read[i] && k < graph->nodes[i].input_count; k++) {
            is_read[graph->nodes[i].inputs[k]] = true;
        }
    }
}

static penstock_code add_positions(yyjson_mut_doc *document, struct ps_connection *connection,
                                   const char *source, struct penstock_error *error) {
    const char *const values[] = {source};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(
        connection,
        "SELECT partition, position FROM penstock.positions WHERE source = $1 ORDER BY ordinal, partition",
        values, 1, &result, error));
    yyjson_mut_val *object = yyjson_mut_obj_add_obj(document, yyjson_mut_doc_get_root(document), source);
    for (int64_t row = 0; row < ps_result_row_count(result); row++) {
        (void)yyjson_mut_obj_add(object, yyjson_mut_strcpy(document, ps_result_text(result, row, 0)),
                                 yyjson_mut_sint(document, ps_result_integer(result, row, 1)));
    }
    struct ps_result *replayed PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(connection,
                             "SELECT max(replayed_epoch) FROM penstock.dead_letters WHERE source = $1",
                             values, 1, &replayed, error));
    if (ps_result_text(replayed, 0, 0) != NULL) { /* rows that came back without a position moving */
        (void)yyjson_mut_obj_add(object, yyjson_mut_str(document, "(dead letters replayed in epoch)"),
                                 yyjson_mut_sint(document, ps_result_integer(replayed, 0, 0)));
    }
    return PENSTOCK_OK;
}

penstock_code ps_standing_positions(struct ps_connection *connection, const struct ps_graph *graph,
                                    const struct ps_node *node, struct ps_buffer *json_out,
                                    size_t *source_count_out, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    bool *is_read = arena == NULL ? NULL : ps_arena_allocate(arena, graph->node_count, sizeof *is_read);
    yyjson_mut_doc *document PS_SCOPED(ps_json_free_scoped) = ps_json_new();
    size_t source_count = 0;
    if (is_read == NULL || document == NULL) {
        return ps_error_memory(error, "positions");
    }
    mark_inputs(graph, (size_t)(node - graph->nodes), is_read);
    for (size_t i = 0; i < graph->node_count; i++) {
        if (is_read[i] && graph->nodes[i].kind == PS_NODE_SOURCE) {
            PS_TRY(add_positions(document, connection, graph->nodes[i].name, error));
            source_count++;
        }
    }
    *source_count_out = source_count;
    return ps_json_write(document, false, json_out, error);
}
