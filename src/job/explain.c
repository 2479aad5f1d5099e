/* SPDX-License-Identifier: Apache-2.0
 *
 * explain.c - a plan as text, as a Graphviz graph and as JSON.
 */
#include "job/graph.h"

static const char *project_name(const struct ps_graph *graph) {
    const char *name = graph->project->manifest.name;
    return name != NULL ? name : "penstock";
}

const char *ps_node_kind_name(enum ps_node_kind kind) {
    switch (kind) {
    case PS_NODE_SOURCE: return "source";
    case PS_NODE_SQL: return "sql";
    case PS_NODE_TABLE: return "streaming table";
    case PS_NODE_VIEW: return "materialized view";
    case PS_NODE_SINK: return "sink";
    case PS_NODE_JOB: return "job";
    case PS_NODE_DATASET: return "dataset";
    case PS_NODE_MODEL: break;
    }
    return "model";
}

/* --- text ------------------------------------------------------------------------------------------------ */

static void write_reads(const struct ps_graph *graph, const struct ps_node *node, struct ps_buffer *out) {
    for (size_t i = 0; i < node->input_count; i++) {
        ps_buffer_printf(out, "%s%s%s", i == 0 ? "  <- " : ", ", node->input_is_stream[i] ? "STREAM " : "",
                         graph->nodes[node->inputs[i]].name);
    }
}

static void write_places(const struct ps_dataset_statement *dataset, struct ps_buffer *out) {
    const char *between = ", into ";
    for (size_t i = 0; i < dataset->setting_count; i++) {
        if (!ps_option_name_equal(dataset->settings[i].name, "on_existing")) {
            ps_buffer_printf(out, "%s%s", between, dataset->settings[i].value);
            between = " and ";
        }
    }
}

static void write_node(const struct ps_graph *graph, const struct ps_node *node, struct ps_buffer *out) {
    const struct ps_statement *statement = node->statement;
    ps_buffer_printf(out, "  %s  [%s", node->name, ps_node_kind_name(node->kind));
    switch (node->kind) {
    case PS_NODE_SOURCE:
        ps_buffer_printf(out, ", %s, %s", statement->as.source.connector, statement->as.source.encode);
        break;
    case PS_NODE_TABLE:
        if (statement->as.table.rule_count > 0) {
            ps_buffer_printf(out, ", %zu rule%s", statement->as.table.rule_count,
                             statement->as.table.rule_count == 1 ? "" : "s");
        }
        break;
    case PS_NODE_VIEW:
        ps_buffer_printf(out, ", emit %s", statement->as.view.emit_final ? "final" : "changes");
        break;
    case PS_NODE_SINK: ps_buffer_printf(out, ", %s", statement->as.sink.connector); break;
    case PS_NODE_MODEL:
        for (size_t i = 0; i < statement->as.model.estimator_count; i++) {
            ps_buffer_printf(out, "%s%s", i == 0 ? ", " : " or ", statement->as.model.estimators[i].name);
        }
        ps_buffer_printf(out, " predicts %s", statement->as.model.label);
        break;
    case PS_NODE_JOB:
        ps_buffer_text(out, ", ");
        ps_job_describe(&statement->as.job, out);
        break;
    case PS_NODE_DATASET: write_places(&statement->as.dataset, out); break;
    case PS_NODE_SQL:
        ps_buffer_printf(out, ", %s:%d", statement->location.file, (int)statement->location.line);
        break;
    }
    if (node->kind != PS_NODE_SQL && node->kind != PS_NODE_JOB) {
        ps_buffer_printf(out, ", %zu columns", node->column_count);
        if (node->kind == PS_NODE_SOURCE && node->statement->as.source.added_count > 0) {
            ps_buffer_text(out, ", added: ");
            ps_source_list_added(&node->statement->as.source, out);
        }
    }
    ps_buffer_text(out, "]");
    write_reads(graph, node, out);
    ps_buffer_text(out, "\n");
}

static void write_text(const struct ps_plan *plan, struct ps_buffer *out) {
    const struct ps_graph *graph = plan->graph;
    ps_buffer_text(out, "== DAG ==\n");
    for (size_t i = 0; i < graph->node_count; i++) {
        write_node(graph, &graph->nodes[i], out);
    }
    ps_buffer_text(out, "\n== Physical plan ==\n");
    for (size_t i = 0; i < plan->stage_count; i++) {
        const struct ps_stage *stage = &plan->stages[i];
        ps_buffer_printf(out, "Stage %zu: %s", i, stage->name);
        for (size_t j = 0; j < stage->input_count; j++) {
            ps_buffer_printf(out, "%s%zu", j == 0 ? "  (after stage " : ", ", stage->inputs[j]);
        }
        ps_buffer_printf(out, "%s\n  tasks: %s\n", stage->input_count > 0 ? ")" : "", stage->tasks);
        for (size_t j = 0; j < stage->step_count; j++) {
            ps_buffer_printf(out, "  %s %s\n", j + 1 < stage->step_count ? "+-" : "`-", stage->steps[j]);
        }
    }
    ps_buffer_text(out, plan->note_count > 0 ? "\n== Optimiser ==\n" : "");
    for (size_t i = 0; i < plan->note_count; i++) {
        ps_buffer_printf(out, "- %s\n", plan->notes[i]);
    }
}

/* --- Graphviz -------------------------------------------------------------------------------------------- */

static void write_dot_text(struct ps_buffer *out, const char *text) {
    ps_buffer_text(out, "\"");
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            ps_buffer_text(out, "\\");
        }
        ps_buffer_add(out, text, 1);
    }
    ps_buffer_text(out, "\"");
}

static const char *shape_of(enum ps_node_kind kind) {
    switch (kind) {
    case PS_NODE_SOURCE: return "cds";
    case PS_NODE_SQL: return "note";
    case PS_NODE_TABLE: return "box";
    case PS_NODE_VIEW: return "box3d";
    case PS_NODE_SINK: return "cds";
    case PS_NODE_JOB: return "octagon";
    case PS_NODE_DATASET: return "folder";
    case PS_NODE_MODEL: break;
    }
    return "hexagon";
}

static void write_dot(const struct ps_plan *plan, struct ps_buffer *out) {
    const struct ps_graph *graph = plan->graph;
    ps_buffer_text(out, "digraph ");
    write_dot_text(out, project_name(graph));
    ps_buffer_text(out, " {\n  rankdir=LR;\n");
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct ps_node *node = &graph->nodes[i];
        ps_buffer_text(out, "  ");
        write_dot_text(out, node->name);
        ps_buffer_printf(out, " [shape=%s, tooltip=\"%s\"];\n", shape_of(node->kind),
                         ps_node_kind_name(node->kind));
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct ps_node *node = &graph->nodes[i];
        for (size_t j = 0; j < node->input_count; j++) {
            ps_buffer_text(out, "  ");
            write_dot_text(out, graph->nodes[node->inputs[j]].name);
            ps_buffer_text(out, " -> ");
            write_dot_text(out, node->name);
            ps_buffer_text(out, node->input_is_stream[j] ? " [label=\"STREAM\"];\n" : " [style=dashed];\n");
        }
    }
    ps_buffer_text(out, "}\n");
}

/* --- JSON ------------------------------------------------------------------------------------------------ */

static void write_json_text(struct ps_buffer *out, const char *text) {
    ps_buffer_json(out, text, strlen(text));
}

static void write_json_list(struct ps_buffer *out, const char *const *texts, size_t count) {
    ps_buffer_text(out, "[");
    for (size_t i = 0; i < count; i++) {
        ps_buffer_text(out, i > 0 ? "," : "");
        write_json_text(out, texts[i]);
    }
    ps_buffer_text(out, "]");
}

static void write_json_node(const struct ps_plan *plan, size_t index, struct ps_buffer *out) {
    const struct ps_graph *graph = plan->graph;
    const struct ps_node *node = &graph->nodes[index];
    ps_buffer_text(out, "{\"name\":");
    write_json_text(out, node->name);
    ps_buffer_printf(out, ",\"kind\":\"%s\",\"file\":", ps_node_kind_name(node->kind));
    write_json_text(out, node->statement->location.file);
    ps_buffer_printf(out, ",\"line\":%d,\"columns\":[", (int)node->statement->location.line);
    for (size_t i = 0; i < node->column_count; i++) {
        ps_buffer_text(out, i > 0 ? ",{\"name\":" : "{\"name\":");
        write_json_text(out, node->column_names[i]);
        ps_buffer_text(out, ",\"type\":");
        write_json_text(out, node->column_types[i]);
        ps_buffer_text(out, "}");
    }
    ps_buffer_text(out, "],\"inputs\":[");
    for (size_t i = 0; i < node->input_count; i++) {
        ps_buffer_text(out, i > 0 ? ",{\"name\":" : "{\"name\":");
        write_json_text(out, graph->nodes[node->inputs[i]].name);
        ps_buffer_printf(out, ",\"stream\":%s}", node->input_is_stream[i] ? "true" : "false");
    }
    ps_buffer_text(out, "]");
    if (plan->pushed != NULL && plan->pushed[index] != NULL) {
        ps_buffer_text(out, ",\"pushdown\":");
        ps_plan_write_pushed(plan->pushed[index], out);
    }
    ps_buffer_text(out, "}");
}

static void write_json_stage(const struct ps_plan *plan, size_t index, struct ps_buffer *out) {
    const struct ps_stage *stage = &plan->stages[index];
    ps_buffer_printf(out, "{\"stage\":%zu,\"name\":", index);
    write_json_text(out, stage->name);
    ps_buffer_text(out, ",\"tasks\":");
    write_json_text(out, stage->tasks);
    ps_buffer_text(out, ",\"steps\":");
    write_json_list(out, stage->steps, stage->step_count);
    ps_buffer_text(out, ",\"nodes\":[");
    for (size_t i = 0; i < stage->node_count; i++) {
        ps_buffer_text(out, i > 0 ? "," : "");
        write_json_text(out, plan->graph->nodes[stage->nodes[i]].name);
    }
    ps_buffer_text(out, "],\"inputs\":[");
    for (size_t i = 0; i < stage->input_count; i++) {
        ps_buffer_printf(out, "%s%zu", i > 0 ? "," : "", stage->inputs[i]);
    }
    ps_buffer_text(out, "]}");
}

static void write_json(const struct ps_plan *plan, struct ps_buffer *out) {
    const struct ps_graph *graph = plan->graph;
    ps_buffer_text(out, "{\"project\":");
    write_json_text(out, project_name(graph));
    ps_buffer_text(out, ",\"nodes\":[");
    for (size_t i = 0; i < graph->node_count; i++) {
        ps_buffer_text(out, i > 0 ? ",\n" : "\n");
        write_json_node(plan, i, out);
    }
    ps_buffer_text(out, "],\"stages\":[");
    for (size_t i = 0; i < plan->stage_count; i++) {
        ps_buffer_text(out, i > 0 ? ",\n" : "\n");
        write_json_stage(plan, i, out);
    }
    ps_buffer_text(out, "],\"notes\":");
    write_json_list(out, plan->notes, plan->note_count);
    ps_buffer_text(out, "}\n");
}

penstock_code ps_plan_explain(const struct ps_plan *plan, enum ps_explain_form form, struct ps_buffer *out,
                              struct penstock_error *error) {
    switch (form) {
    case PS_EXPLAIN_TEXT: write_text(plan, out); break;
    case PS_EXPLAIN_DOT: write_dot(plan, out); break;
    case PS_EXPLAIN_JSON: write_json(plan, out); break;
    }
    return ps_buffer_status(out, error);
}
