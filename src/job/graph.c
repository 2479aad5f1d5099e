/* SPDX-License-Identifier: Apache-2.0
 *
 * graph.c - statements into a DAG in which every node comes after its inputs and knows its columns.
 */
#include "job/graph.h"

#include <stdio.h>

#include "job/analysis.h"
#include "job/predicted.h"

static const struct ps_sql_text *select_of(const struct ps_statement *statement) {
    switch (statement->kind) {
    case PS_STATEMENT_STREAMING_TABLE: return &statement->as.table.select;
    case PS_STATEMENT_MATERIALIZED_VIEW: return &statement->as.view.select;
    case PS_STATEMENT_SINK: return &statement->as.sink.select;
    case PS_STATEMENT_MODEL: return &statement->as.model.select;
    case PS_STATEMENT_DATASET: return &statement->as.dataset.select;
    case PS_STATEMENT_SOURCE:
    case PS_STATEMENT_JOB:
    case PS_STATEMENT_SQL: break;
    }
    return NULL;
}

static enum ps_node_kind kind_of(enum ps_statement_kind kind) {
    switch (kind) {
    case PS_STATEMENT_SOURCE: return PS_NODE_SOURCE;
    case PS_STATEMENT_STREAMING_TABLE: return PS_NODE_TABLE;
    case PS_STATEMENT_MATERIALIZED_VIEW: return PS_NODE_VIEW;
    case PS_STATEMENT_SINK: return PS_NODE_SINK;
    case PS_STATEMENT_MODEL: return PS_NODE_MODEL;
    case PS_STATEMENT_JOB: return PS_NODE_JOB;
    case PS_STATEMENT_DATASET: return PS_NODE_DATASET;
    case PS_STATEMENT_SQL: break;
    }
    return PS_NODE_SQL;
}

int64_t ps_analysis_find(const struct ps_analysis *analysis, const char *name) {
    for (size_t i = 0; i < analysis->item_count; i++) {
        const struct ps_node *node = &analysis->items[i].node;
        if (node->kind != PS_NODE_SQL && ps_text_equal_nocase(node->name, name)) {
            return (int64_t)i;
        }
    }
    return -1;
}

const char *ps_analysis_nearest(const struct ps_analysis *analysis, const char *name, uint32_t kinds) {
    const char **names = ps_arena_allocate(analysis->arena, analysis->item_count + 1, sizeof *names);
    size_t count = 0;
    for (size_t i = 0; names != NULL && i < analysis->item_count; i++) {
        const struct ps_item *item = &analysis->items[i];
        const char *own = item->node.kind != PS_NODE_SQL     ? item->node.name
                          : item->effect == PS_EFFECT_CREATE ? item->target
                                                             : NULL;
        if (own != NULL && (kinds & (1U << item->node.kind)) != 0) {
            names[count++] = own;
        }
    }
    return names == NULL ? NULL : ps_nearest(name, names);
}

penstock_code ps_analysis_place(struct ps_analysis *analysis, const struct ps_item *item, int64_t offset) {
    struct penstock_error *error = analysis->error;
    const struct ps_statement *statement = item->node.statement;
    if (error != NULL && (error->code == PENSTOCK_SQL || error->code == PENSTOCK_INVALID_ARGUMENT ||
                          error->code == PENSTOCK_INVALID_DATA || error->code == PENSTOCK_IO)) {
        error->code = PENSTOCK_INVALID_PROJECT;
        error->remedy = PENSTOCK_GIVE_UP;
    }
    ps_error_at(error, item->select != NULL ? item->select->location : statement->location,
                item->select != NULL ? item->select->text : statement->text, offset);
    return error != NULL ? error->code : PENSTOCK_INVALID_PROJECT;
}

penstock_code ps_analysis_fail(struct ps_analysis *analysis, const struct ps_item *item, int64_t offset,
                               const char *hint, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char message[512];
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    ps_error_set(analysis->error, PENSTOCK_INVALID_PROJECT, "%s", message);
    if (hint != NULL) {
        ps_error_hint(analysis->error, "%s", hint);
    }
    ps_analysis_place(analysis, item, offset);
    return PENSTOCK_INVALID_PROJECT;
}

/* --- items ---------------------------------------------------------------------------------------------------- */

static penstock_code check_name(struct ps_analysis *analysis, size_t index) {
    const struct ps_statement *statement = analysis->items[index].node.statement;
    for (size_t i = 0; i < index; i++) {
        const struct ps_node *other = &analysis->items[i].node;
        if (other->kind != PS_NODE_SQL && ps_text_equal_nocase(other->name, statement->name)) {
            ps_error_set(analysis->error, PENSTOCK_INVALID_PROJECT,
                         "the name '%s' is used twice, first in %s:%d", statement->name,
                         other->statement->name_location.file, (int)other->statement->name_location.line);
            ps_error_at(analysis->error, statement->name_location, NULL, -1);
            return PENSTOCK_INVALID_PROJECT;
        }
    }
    return PENSTOCK_OK;
}

static penstock_code make_items(struct ps_analysis *analysis) {
    const struct ps_project *project = analysis->project;
    analysis->items =
        ps_arena_allocate(analysis->arena, project->statement_count + 1, sizeof *analysis->items);
    if (analysis->items == NULL) {
        return ps_error_memory(analysis->error, "the graph");
    }
    int sql_count = 0;
    for (size_t i = 0; i < project->statement_count; i++) {
        const struct ps_statement *statement = &project->statements[i];
        struct ps_item *item = &analysis->items[i];
        item->node.statement = statement;
        item->node.kind = kind_of(statement->kind);
        item->node.source = -1;
        item->node.time_column = -1;
        item->node.name = statement->name != NULL ? statement->name
                                                  : ps_arena_printf(analysis->arena, "sql_%d", ++sql_count);
        item->select = select_of(statement);
        if (item->node.name == NULL) {
            return ps_error_memory(analysis->error, "the graph");
        }
        analysis->item_count = i + 1;
        if (statement->name != NULL) {
            PS_TRY(check_name(analysis, i));
        }
    }
    for (size_t i = 0; i < analysis->item_count; i++) {
        PS_TRY(ps_bind_parse(analysis, &analysis->items[i]));
    }
    return PENSTOCK_OK;
}

/* --- order ------------------------------------------------------------------------------------------------------ */

static bool is_ready(const struct ps_analysis *analysis, const struct ps_item *item) {
    for (size_t i = 0; i < item->node.input_count; i++) {
        if (!analysis->items[item->node.inputs[i]].is_placed) {
            return false;
        }
    }
    return true;
}

/* Every item that is left waits for another one: following that leads into the cycle. */
static penstock_code report_cycle(struct ps_analysis *analysis) {
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, 400);
    size_t current = 0;
    while (analysis->items[current].is_placed) {
        current++;
    }
    size_t first = 0;
    for (size_t round = 0; round < 2; round++) { /* once to get into the cycle, once to write it down */
        first = current;
        bool *is_seen = ps_arena_allocate(analysis->arena, analysis->item_count, sizeof *is_seen);
        if (is_seen == NULL) {
            return ps_error_memory(analysis->error, "the graph");
        }
        while (!is_seen[current]) {
            is_seen[current] = true;
            const struct ps_node *node = &analysis->items[current].node;
            size_t next = 0;
            while (analysis->items[node->inputs[next]].is_placed) {
                next++;
            }
            if (round == 1) {
                ps_buffer_printf(&text, "%s%s reads %s", text.size > 0 ? ", " : "", node->name,
                                 analysis->items[node->inputs[next]].node.name);
            }
            current = node->inputs[next];
        }
    }
    const struct ps_statement *statement = analysis->items[first].node.statement;
    ps_error_set(analysis->error, PENSTOCK_INVALID_PROJECT, "the statements go in a circle: %s", text.data);
    ps_error_at(analysis->error, statement->name != NULL ? statement->name_location : statement->location,
                NULL, -1);
    return PENSTOCK_INVALID_PROJECT;
}

/* Fills order[]: items, each after its inputs, else in the order of the text. */
static penstock_code find_order(struct ps_analysis *analysis, size_t *order) {
    for (size_t count = 0; count < analysis->item_count;) {
        size_t next = analysis->item_count;
        for (size_t i = 0; i < analysis->item_count && next == analysis->item_count; i++) {
            if (!analysis->items[i].is_placed && is_ready(analysis, &analysis->items[i])) {
                next = i;
            }
        }
        if (next == analysis->item_count) {
            return report_cycle(analysis);
        }
        analysis->items[next].is_placed = true;
        order[count++] = next;
    }
    return PENSTOCK_OK;
}

/* --- the graph -------------------------------------------------------------------------------------------------- */

static penstock_code fill_graph(struct ps_analysis *analysis, const size_t *order, struct ps_graph *graph) {
    size_t *place = ps_arena_allocate(analysis->arena, analysis->item_count + 1, sizeof *place);
    graph->nodes = ps_arena_allocate(analysis->arena, analysis->item_count + 1, sizeof *graph->nodes);
    if (place == NULL || graph->nodes == NULL) {
        return ps_error_memory(analysis->error, "the graph");
    }
    for (size_t i = 0; i < analysis->item_count; i++) {
        place[order[i]] = i;
    }
    for (size_t i = 0; i < analysis->item_count; i++) {
        struct ps_node *node = &graph->nodes[i];
        *node = analysis->items[order[i]].node;
        for (size_t j = 0; j < node->input_count; j++) {
            node->inputs[j] = place[node->inputs[j]];
        }
        for (size_t j = 0; node->is_join && j < 2; j++) {
            node->sides[j] = place[node->sides[j]];
        }
        node->source = node->source >= 0 ? (int64_t)place[node->source] : -1;
    }
    graph->node_count = analysis->item_count;
    graph->project = analysis->project;
    return PENSTOCK_OK;
}

static void analysis_done(struct ps_analysis *analysis) {
    for (size_t i = 0; i < analysis->item_count; i++) {
        ps_tree_free(analysis->items[i].tree);
    }
    ps_connection_close(analysis->connection);
    ps_engine_close(analysis->engine);
}

/* An empty catalogue: schema "stream", epoch_time(), and files looked up in the project's folder. */
static penstock_code open_catalogue(struct ps_analysis *analysis) {
    const struct ps_engine_options options = {.thread_count = 1};
    PS_TRY(ps_engine_open(&options, &analysis->engine, analysis->error));
    PS_TRY(ps_connection_open(analysis->engine, &analysis->connection, analysis->error));
    ps_predicted_serve(analysis);
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, 65536);
    ps_buffer_text(&sql,
                   "CREATE SCHEMA stream; CREATE MACRO epoch_time() AS TIMESTAMP '1970-01-01 00:00:00'; SET "
                   "file_search_path = ");
    ps_buffer_sql_literal(&sql, analysis->project->folder);
    PS_TRY(ps_buffer_status(&sql, analysis->error));
    return ps_sql_run(analysis->connection, sql.data, analysis->error);
}

static penstock_code build(struct ps_analysis *analysis, struct ps_graph *graph) {
    PS_TRY(open_catalogue(analysis));
    PS_TRY(make_items(analysis));
    PS_TRY(ps_edges_find(analysis));
    size_t *order = ps_arena_allocate(analysis->arena, analysis->item_count + 1, sizeof *order);
    if (order == NULL) {
        return ps_error_memory(analysis->error, "the graph");
    }
    PS_TRY(find_order(analysis, order));
    for (size_t i = 0; i < analysis->item_count; i++) {
        PS_TRY(ps_predicted_check(analysis, &analysis->items[order[i]]));
        PS_TRY(ps_bind_item(analysis, &analysis->items[order[i]]));
    }
    PS_TRY(ps_reads_find(analysis));
    PS_TRY(ps_use_find(analysis));
    return fill_graph(analysis, order, graph);
}

static void free_graph_scoped(struct ps_graph **graph) {
    ps_graph_free(*graph);
}

penstock_code ps_graph_build(const struct ps_project *project, struct ps_graph **graph_out,
                             struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_graph *made = arena == NULL ? NULL : ps_arena_allocate(arena, 1, sizeof *made);
    if (made == NULL) {
        return ps_error_memory(error, "the graph");
    }
    made->arena = ps_take(arena);
    struct ps_graph *graph PS_SCOPED(free_graph_scoped) = made;
    struct penstock_error own;
    struct ps_analysis analysis PS_SCOPED(analysis_done) = {
        .project = project, .arena = graph->arena, .error = error != NULL ? error : &own};
    PS_TRY(build(&analysis, graph));
    *graph_out = ps_take(graph);
    return PENSTOCK_OK;
}

void ps_graph_free(struct ps_graph *graph) {
    if (graph != NULL) {
        ps_arena_free(graph->arena);
    }
}

int64_t ps_graph_find(const struct ps_graph *graph, const char *name) {
    for (size_t i = 0; i < graph->node_count; i++) {
        if (ps_text_equal_nocase(graph->nodes[i].name, name)) {
            return (int64_t)i;
        }
    }
    return -1;
}
