/* SPDX-License-Identifier: Apache-2.0
 *
 * output.c - the continuous statements of a graph as outputs, in the order in which an epoch carries them out.
 */
#include "base/clock.h"
#include "stream/join.h"
#include "stream/step.h"

/* --- who reads whom ------------------------------------------------------------------------------------------ */

static int64_t input_of_node(const struct ps_run *run, size_t node_index) {
    for (size_t i = 0; i < run->input_count; i++) {
        if (run->inputs[i].node_index == node_index) {
            return (int64_t)i;
        }
    }
    return -1;
}

static int64_t output_of_node(const struct ps_run *run, size_t node_index) {
    for (size_t i = 0; i < run->output_count; i++) {
        if (run->outputs[i].node_index == node_index) {
            return (int64_t)i;
        }
    }
    return -1;
}

static void add_input(struct ps_run *run, size_t node_index) {
    const struct ps_node *node = &run->graph->nodes[node_index];
    const struct ps_source_statement *statement = &node->statement->as.source;
    struct ps_input *input = &run->inputs[run->input_count++];
    *input = (struct ps_input){.node = node,
                               .node_index = node_index,
                               .name = node->name,
                               .key = node->name,
                               .statement = statement,
                               .is_relation = ps_text_equal_nocase(statement->encode, "parquet"),
                               .is_changelog = node->is_changelog,
                               .time_column = -1,
                               .delay_us = statement->watermark_delay_ms * 1000};
    if (statement->watermark_column != NULL) {
        input->time_column = ps_schema_find(&statement->schema, statement->watermark_column);
        ps_check(input->time_column >= 0);
        input->time_name = statement->schema.columns[input->time_column].name;
    }
    for (size_t i = 0; i < statement->schema.column_count; i++) {
        input->has_casts = input->has_casts || statement->schema.columns[i].type == PS_TYPE_CAST;
    }
}

static void set_rules(struct ps_output *output) {
    output->rules = output->node->statement->as.table.rules;
    output->rule_count = output->node->statement->as.table.rule_count;
    for (size_t i = 0; i < output->rule_count && i < PS_LIMIT_RULE_COUNT; i++) {
        const uint64_t bit = (uint64_t)1 << i;
        switch (output->rules[i].action) {
        case PS_RULE_DROP_ROW: output->reject_mask |= bit; break;
        case PS_RULE_FAIL_UPDATE: output->fail_mask |= bit; break;
        case PS_RULE_DEAD_LETTER:
            output->dead_mask |= bit;
            output->reject_mask |= bit;
            break;
        case PS_RULE_KEEP: break;
        }
    }
    output->needs_row = (output->dead_mask | output->fail_mask) != 0 || output->node->is_changelog;
}

static penstock_code fill_output(struct ps_run *run, size_t node_index, struct ps_output *output,
                                 struct penstock_error *error) {
    const struct ps_node *node = &run->graph->nodes[node_index];
    *output = (struct ps_output){.node = node,
                                 .node_index = node_index,
                                 .name = node->name,
                                 .is_view = node->kind == PS_NODE_VIEW,
                                 .upstream = -1,
                                 .join_root = -1};
    int64_t input = -1;
    for (size_t i = 0; i < node->input_count; i++) {
        if (node->input_is_stream[i]) {
            input = input_of_node(run, node->inputs[i]);
            output->upstream = output_of_node(run, node->inputs[i]);
        }
    }
    if (input < 0 && output->upstream < 0) {
        return ps_error_set(error, PENSTOCK_INTERNAL, "%s streams from nothing", node->name);
    }
    if (output->upstream >= 0) {
        run->outputs[output->upstream].has_readers = true;
        input = (int64_t)run->outputs[output->upstream].root;
    }
    output->root = (size_t)input;
    output->join_root = output->upstream >= 0 ? run->outputs[output->upstream].join_root : -1;
    run->inputs[input].is_used = true;
    if (node->kind == PS_NODE_TABLE) {
        set_rules(output);
        if (output->rule_count > PS_LIMIT_RULE_COUNT) {
            return ps_error_set(error, PENSTOCK_UNSUPPORTED, "%s has %zu rules, a table may have up to %d",
                                node->name, output->rule_count, PS_LIMIT_RULE_COUNT);
        }
    }
    return node->is_join ? ps_join_list(run, output, error) : PENSTOCK_OK;
}

/* A statement that needs the place of its rows needs it from everything it streams from. */
static void hand_needs_up(struct ps_run *run) {
    for (size_t i = run->output_count; i-- > 0;) {
        const struct ps_output *output = &run->outputs[i];
        if (output->join != NULL) {
            continue; /* it numbers its rows itself */
        }
        if (output->needs_row && output->upstream >= 0) {
            run->outputs[output->upstream].needs_row = true;
        } else if (output->needs_row) {
            run->inputs[output->root].needs_row = true;
        }
    }
}

penstock_code ps_output_list(struct ps_run *run, struct penstock_error *error) {
    run->inputs = ps_arena_allocate(run->arena, run->graph->node_count + 1, sizeof *run->inputs);
    run->outputs = ps_arena_allocate(run->arena, run->graph->node_count + 1, sizeof *run->outputs);
    run->sinks = ps_arena_allocate(run->arena, run->graph->node_count + 1, sizeof *run->sinks);
    if (run->inputs == NULL || run->outputs == NULL || run->sinks == NULL) {
        return ps_error_memory(error, "a run");
    }
    for (size_t i = 0; i < run->graph->node_count; i++) {
        switch (run->graph->nodes[i].kind) {
        case PS_NODE_SOURCE: add_input(run, i); break;
        case PS_NODE_TABLE:
        case PS_NODE_VIEW:
            PS_TRY(fill_output(run, i, &run->outputs[run->output_count], error));
            run->output_count++;
            break;
        case PS_NODE_SINK:
            if (run->sink_count == PS_LIMIT_SINK_COUNT) {
                return ps_error_set(error, PENSTOCK_UNSUPPORTED, "a project may have up to %d sinks",
                                    PS_LIMIT_SINK_COUNT);
            }
            PS_TRY(fill_output(run, i, &run->sinks[run->sink_count].output, error));
            run->sink_count++;
            break;
        case PS_NODE_SQL:
        case PS_NODE_MODEL:
        case PS_NODE_DATASET:
        case PS_NODE_JOB: break;
        }
    }
    hand_needs_up(run);
    return PENSTOCK_OK;
}

/* --- a statement's SQL ---------------------------------------------------------------------------------------- */

const struct ps_sql_text *ps_output_select(const struct ps_output *output) {
    const struct ps_statement *statement = output->node->statement;
    return output->is_view                      ? &statement->as.view.select
           : output->node->kind == PS_NODE_SINK ? &statement->as.sink.select
                                                : &statement->as.table.select;
}

static bool put_text(yyjson_mut_doc *document, yyjson_mut_val *object, const char *key, const char *text) {
    return yyjson_mut_obj_put(object, yyjson_mut_str(document, key), yyjson_mut_strcpy(document, text));
}

/* Points `stream.name` at the temporary view of its rows. */
static penstock_code redirect(struct ps_run *run, const struct ps_output *output, struct ps_tree *tree,
                              const struct ps_shape *shape, struct penstock_error *error) {
    yyjson_mut_doc *document = ps_tree_document(tree);
    yyjson_mut_val *table = shape->stream.node;
    const char *name =
        output->upstream >= 0 ? run->outputs[output->upstream].name : run->inputs[output->root].name;
    const char *view = ps_arena_printf(run->arena, "penstock_%s_%s",
                                       output->needs_row && !output->is_view ? "place" : "stream", name);
    bool is_put = view != NULL;
    if (is_put && ps_tree_member(table, "alias")[0] == '\0') {
        is_put = put_text(document, table, "alias", ps_tree_member(table, "table_name"));
    }
    is_put = is_put && put_text(document, table, "catalog_name", "temp") &&
             put_text(document, table, "schema_name", "main") &&
             put_text(document, table, "table_name", view);
    return is_put ? PENSTOCK_OK : ps_error_memory(error, "a statement");
}

penstock_code ps_output_plan(struct ps_run *run, struct ps_output *output, struct penstock_error *error) {
    const struct ps_sql_text *select = ps_output_select(output);
    struct ps_tree *tree PS_SCOPED(ps_tree_free_scoped) = NULL;
    int64_t offset = -1;
    struct ps_window *windows = NULL;
    size_t window_count = 0;
    struct ps_shape shape = {0};
    penstock_code code = ps_tree_parse(run->connection, select->text, &tree, &offset, error);
    if (code == PENSTOCK_OK) {
        code = ps_window_expand(run->connection, tree, run->arena, &windows, &window_count, &offset, error);
    }
    if (code == PENSTOCK_OK) {
        code = ps_shape_read(run->connection, tree, output->is_view ? PS_SHAPE_VIEW : PS_SHAPE_TABLE, windows,
                             window_count, run->arena, &shape, &offset, error);
    }
    if (code != PENSTOCK_OK) {
        return ps_error_at(error, select->location, select->text, offset);
    }
    if (output->join != NULL) {
        return ps_join_plan(run, output, tree, &shape, error);
    }
    PS_TRY(redirect(run, output, tree, &shape, error));
    return output->is_view ? ps_view_plan(run, output, tree, &shape, error)
                           : ps_table_plan(run, output, tree, &shape, error);
}

/* A statement that fails on data fails for the whole epoch: the user must be told which one, and the way out. */
penstock_code ps_output_explain(const struct ps_output *output, penstock_code code,
                                struct penstock_error *error) {
    if (code == PENSTOCK_SQL && error != NULL && error->hint[0] == '\0') {
        (void)ps_error_hint(
            error, "nothing of this epoch was written; use TRY_CAST, or a CASE that spares such rows");
    }
    if (code == PENSTOCK_RULE_FAILED) {
        return code;
    }
    (void)ps_error_context(error, "%s", output->name);
    (void)ps_error_at(error, ps_output_select(output)->location, ps_output_select(output)->text, 0);
    return code;
}

penstock_code ps_output_write(struct ps_run *run, struct ps_output *output, int64_t *row_count_out,
                              struct penstock_error *error) {
    const int64_t start = ps_clock_monotonic_ns();
    int64_t row_count = 0;
    const penstock_code code =
        output->is_view ? ps_view_write(run, output, error) : ps_table_write(run, output, &row_count, error);
    if (code != PENSTOCK_OK) {
        return ps_output_explain(output, code, error);
    }
    ps_run_tell(run, (struct ps_event){.kind = PS_EVENT_STATEMENT_FINISHED,
                                       .name = output->name,
                                       .row_count = row_count,
                                       .duration_ns = ps_clock_monotonic_ns() - start});
    *row_count_out = row_count;
    return PENSTOCK_OK;
}
