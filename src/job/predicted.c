/* SPDX-License-Identifier: Apache-2.0
 *
 * predicted.c - references to models in statements: edges, and types for the binder.
 */
#include "job/predicted.h"

#include "job/syntax.h"

#define SCHEME "models:/"

const char *ps_predicted_name(const char *reference, struct ps_arena *arena) {
    const bool has_scheme = strncmp(reference, SCHEME, strlen(SCHEME)) == 0;
    const char *start = has_scheme ? reference + strlen(SCHEME) : reference;
    const char *mark = strrchr(start, '@');
    mark = mark == NULL && has_scheme ? strrchr(start, '/') : mark;
    return ps_arena_copy_size(arena, start, mark == NULL ? strlen(start) : (size_t)(mark - start));
}

/* ---- what it will be ---- */

static const char *label_type(const struct ps_node *node) {
    const char *label = node->statement->as.model.label;
    for (size_t i = 0; label != NULL && i < node->column_count; i++) {
        if (ps_text_equal_nocase(node->column_names[i], label)) {
            return node->column_types[i];
        }
    }
    return "";
}

static bool is_any(const char *text, const char *const *names) {
    for (; *names != NULL; names++) {
        if (ps_text_equal_nocase(text, *names)) {
            return true;
        }
    }
    return false;
}

/* Does the model predict classes? Estimators that can do both take a label of texts or truths for classes. */
static bool predicts_classes(const struct ps_model_statement *model, const char *type) {
    static const char *const regressions[] = {"LinearRegression", "GeneralizedLinearRegression",
                                              "HuberRegression", NULL};
    static const char *const classifiers[] = {"LogisticRegression", "MultilayerPerceptronClassifier", NULL};
    const bool is_discrete =
        strcmp(type, "BOOLEAN") == 0 || strncmp(type, "VARCHAR", 7) == 0 || strncmp(type, "ENUM", 4) == 0;
    if (is_any(model->estimator.name, regressions)) {
        return false;
    }
    return is_discrete || is_any(model->estimator.name, classifiers);
}

static enum ps_served_kind kind_of(const struct ps_node *node) {
    static const char *const wholes[] = {"TINYINT",   "SMALLINT", "INTEGER", "BIGINT",  "UTINYINT",
                                         "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT", NULL};
    const char *type = label_type(node);
    if (!predicts_classes(&node->statement->as.model, type)) {
        return PS_SERVED_NUMBER;
    }
    return strcmp(type, "BOOLEAN") == 0 ? PS_SERVED_TRUTH
           : is_any(type, wholes)       ? PS_SERVED_INTEGER
           : strcmp(type, "DOUBLE") == 0 || strcmp(type, "FLOAT") == 0 || strncmp(type, "DECIMAL", 7) == 0
               ? PS_SERVED_REAL
               : PS_SERVED_TEXT;
}

enum ps_served_kind ps_predicted_kind(const struct ps_graph *graph, const char *model) {
    const int64_t index = graph == NULL ? -1 : ps_graph_find(graph, model);
    return index >= 0 && graph->nodes[index].kind == PS_NODE_MODEL ? kind_of(&graph->nodes[index])
                                                                   : PS_SERVED_NUMBER;
}

bool ps_predicted_is_late(const struct ps_graph *graph, size_t index) {
    const struct ps_node *node = &graph->nodes[index];
    bool is_late = false;
    if (node->kind != PS_NODE_SQL) {
        return false;
    }
    /* inputs come before, and so have been marked; a project has a handful of plain statements */
    bool *late = ps_allocate(graph->node_count, sizeof *late);
    for (size_t i = 0; late != NULL && i <= index; i++) {
        for (size_t k = 0; k < graph->nodes[i].input_count; k++) {
            const size_t input = graph->nodes[i].inputs[k];
            late[i] = late[i] || (graph->nodes[i].kind == PS_NODE_SQL &&
                                  (graph->nodes[input].kind == PS_NODE_MODEL || late[input]));
        }
        is_late = late[i];
    }
    ps_release(late);
    return is_late;
}

/* ---- edges ---- */

static penstock_code refuse_rules(struct ps_analysis *analysis, const struct ps_item *item) {
    const struct ps_table_statement *table = &item->node.statement->as.table;
    for (size_t i = 0; item->node.kind == PS_NODE_TABLE && i < table->rule_count; i++) {
        struct ps_served_mention *mentions = NULL;
        size_t count = 0;
        PS_TRY(ps_serve_mentions(table->rules[i].expression.text, analysis->arena, &mentions, &count,
                                 analysis->error));
        if (count > 0) {
            (void)ps_error_set(analysis->error, PENSTOCK_INVALID_PROJECT, "rule '%s' cannot predict",
                               table->rules[i].name);
            (void)ps_error_hint(analysis->error,
                                "predict in the SELECT, as a column, and let the rule look at the column");
            ps_error_at(analysis->error, table->rules[i].expression.location, table->rules[i].expression.text,
                        mentions[0].offset);
            return PENSTOCK_INVALID_PROJECT;
        }
    }
    return PENSTOCK_OK;
}

static penstock_code refuse_unknown(struct ps_analysis *analysis, const struct ps_item *item,
                                    const struct ps_served_mention *mention, const char *name,
                                    int64_t found) {
    if (found >= 0) {
        return ps_analysis_fail(analysis, item, mention->offset, NULL, "'%s' is no model", name);
    }
    const char *near = ps_analysis_nearest(analysis, name, 1U << PS_NODE_MODEL);
    if (near == NULL || strncmp(mention->reference, SCHEME, strlen(SCHEME)) == 0) {
        return PENSTOCK_OK; /* a model that was imported: the store knows */
    }
    const char *hint = ps_arena_printf(
        analysis->arena, "did you mean %s? A model that only the store has is written " SCHEME "%s", near,
        mention->reference);
    return ps_analysis_fail(analysis, item, mention->offset, hint, "the project makes no model '%s'", name);
}

penstock_code ps_predicted_find(struct ps_analysis *analysis, struct ps_item *item) {
    const char *text = item->select != NULL ? item->select->text : item->node.statement->text;
    struct ps_served_mention *mentions = NULL;
    size_t count = 0;
    PS_TRY(refuse_rules(analysis, item));
    if (item->node.kind == PS_NODE_SOURCE || item->node.kind == PS_NODE_JOB) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_serve_mentions(text, analysis->arena, &mentions, &count, analysis->error));
    const char **references = ps_arena_allocate(analysis->arena, count + 1, sizeof *references);
    if (references == NULL) {
        return ps_error_memory(analysis->error, "the graph");
    }
    item->node.models = references;
    for (size_t i = 0; i < count; i++) {
        const char *name = ps_predicted_name(mentions[i].reference, analysis->arena);
        if (name == NULL) {
            return ps_error_memory(analysis->error, "the graph");
        }
        references[item->node.model_count++] = mentions[i].reference;
        const int64_t found = ps_analysis_find(analysis, name);
        if (found >= 0 && analysis->items[found].node.kind == PS_NODE_MODEL) {
            PS_TRY(ps_edges_add(analysis, item, (size_t)found));
        } else {
            PS_TRY(refuse_unknown(analysis, item, &mentions[i], name, found));
        }
    }
    item->marked = count > 0 ? NULL : item->marked; /* DuckDB cannot read it as it is written */
    return PENSTOCK_OK;
}

penstock_code ps_predicted_check(struct ps_analysis *analysis, struct ps_item *item) {
    const struct ps_node *node = &item->node;
    const bool is_continuous =
        node->kind == PS_NODE_TABLE || node->kind == PS_NODE_VIEW || node->kind == PS_NODE_SINK;
    for (size_t i = 0; i < node->input_count; i++) {
        const struct ps_item *input = &analysis->items[node->inputs[i]];
        item->is_late |= node->kind == PS_NODE_SQL && (input->node.kind == PS_NODE_MODEL || input->is_late);
        if (is_continuous && input->is_late) {
            return ps_analysis_fail(
                analysis, item, 0,
                "predict in the statement itself: predict('model@champion', t) is NULL until there is a champion",
                "'%s' reads '%s', which is made after a model is trained, but the stream runs before",
                node->name, input->target != NULL ? input->target : input->node.name);
        }
    }
    return PENSTOCK_OK;
}

/* ---- for the binder ---- */

/* One for each kind: nothing more is known of a model here. */
static const struct ps_served awaited[] = {
    {.name = "of the project", .is_awaited = true, .kind = PS_SERVED_NUMBER},
    {.name = "of the project", .is_awaited = true, .kind = PS_SERVED_REAL},
    {.name = "of the project", .is_awaited = true, .kind = PS_SERVED_INTEGER},
    {.name = "of the project", .is_awaited = true, .kind = PS_SERVED_TRUTH},
    {.name = "of the project", .is_awaited = true, .kind = PS_SERVED_TEXT},
};

static penstock_code find(void *context, const char *reference, uint64_t connection,
                          const struct ps_served **served_out, struct penstock_error *error) {
    const struct ps_analysis *analysis = context;
    (void)connection;
    const char *name = ps_predicted_name(reference, analysis->arena);
    if (name == NULL) {
        return ps_error_memory(error, "the graph");
    }
    const int64_t found = ps_analysis_find(analysis, name);
    const struct ps_node *node = found >= 0 ? &analysis->items[found].node : NULL;
    const enum ps_served_kind kind =
        node != NULL && node->kind == PS_NODE_MODEL ? kind_of(node) : PS_SERVED_NUMBER;
    for (size_t i = 0; i < sizeof awaited / sizeof awaited[0]; i++) {
        if (awaited[i].kind == kind) {
            *served_out = &awaited[i];
        }
    }
    return PENSTOCK_OK;
}

static void release(void *context, const struct ps_served *served) {
    (void)context;
    (void)served;
}

static penstock_code predict(void *context, const struct ps_served *served,
                             const struct ps_served_column *columns, int64_t row_count,
                             double *predictions_out, double *probabilities_out,
                             struct penstock_error *error) {
    (void)context;
    (void)columns;
    (void)row_count;
    (void)predictions_out;
    (void)probabilities_out;
    return ps_error_set(error, PENSTOCK_INTERNAL, "model %s has no version", served->name);
}

void ps_predicted_serve(struct ps_analysis *analysis) {
    const struct ps_server server = {
        .context = analysis, .find = find, .release = release, .predict = predict};
    ps_engine_serve(analysis->engine, &server);
}
