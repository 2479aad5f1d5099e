/* SPDX-License-Identifier: Apache-2.0
 *
 * use.c - which rows of a source can count: the WHERE of every statement that streams from it.
 *
 * A statement's SELECTs lie in each other, the innermost reads the stream. Each WHERE on the way counts, as far as it
 * speaks of columns that come from the stream as they are. The stream stands on the side of every join that is kept
 * whole, so that a row that a WHERE does not take is not needed for anything else.
 */
#include "job/use.h"

#include "job/analysis.h"
#include "job/syntax.h"

struct finding {
    struct ps_analysis *analysis;
    const struct ps_node *source;
    const struct ps_schema *schema;
    const char *why_no_text, *why_absent;
    struct ps_predicate_list rows;
    const char *why_all;
    size_t reader_count;
};

static penstock_code out_of_memory(struct finding *finding) {
    return ps_error_memory(finding->analysis->error, "the graph");
}

/* Everything counts, whatever the statements say; or NULL. */
static const char *find_why_all(const struct ps_node *source) {
    const struct ps_source_statement *statement = &source->statement->as.source;
    for (size_t i = 0; i < statement->include_count; i++) {
        const struct ps_include *include = &statement->includes[i];
        if (include->kind == PS_INCLUDE_OFFSET && source->column_is_read[include->column]) {
            return "INCLUDE offset counts the records";
        }
    }
    return statement->watermark_column == NULL ? NULL : "each record moves the watermark";
}

/* DuckDB's default collation may be another than bytes. */
static const char *find_why_no_text(const struct ps_analysis *analysis) {
    for (size_t i = 0; i < analysis->item_count; i++) {
        const struct ps_node *node = &analysis->items[i].node;
        const char *text = node->kind == PS_NODE_SQL ? node->statement->text : "";
        for (; *text != '\0'; text++) {
            if (strncasecmp(text, "collation", 9) == 0) {
                return "the project sets a collation";
            }
        }
    }
    return NULL;
}

/* A record of a changelog replaces the one with its key, also when it does not pass: only the key itself may decide. */
static void take_other_columns_away(const struct finding *finding, const char **names) {
    const struct ps_source_statement *statement = &finding->source->statement->as.source;
    for (size_t i = 0; i < finding->schema->column_count; i++) {
        bool is_key = false;
        for (size_t k = 0; k < statement->primary_key_count; k++) {
            is_key = is_key || statement->primary_key[k] == i;
        }
        names[i] = is_key ? names[i] : NULL;
    }
}

/* All WHEREs of one statement, from the innermost SELECT out. */
static penstock_code read_item(struct finding *finding, const struct ps_item *item,
                               struct ps_predicate_list *list) {
    struct ps_analysis *analysis = finding->analysis;
    const struct ps_shape *shape = &item->shape;
    const char **names = ps_arena_allocate(analysis->arena, finding->schema->column_count + 1, sizeof *names);
    if (names == NULL) {
        return out_of_memory(finding);
    }
    for (size_t i = 0; i < finding->schema->column_count; i++) {
        names[i] = finding->schema->columns[i].name;
    }
    if (finding->source->is_changelog) {
        take_other_columns_away(finding, names);
    }
    if (yyjson_mut_arr_size(yyjson_mut_obj_get(shape->stream.node, "column_name_alias")) > 0) {
        memset(names, 0, finding->schema->column_count * sizeof *names);
    }
    *list = (struct ps_predicate_list){.is_exact = true};
    for (size_t i = shape->path_count; i-- > 0;) {
        const struct ps_predicate_scope scope = {.connection = analysis->connection,
                                                 .tree = item->tree,
                                                 .schema = finding->schema,
                                                 .names = names,
                                                 .table = ps_shape_carrier(shape, i),
                                                 .from = yyjson_mut_obj_get(shape->path[i], "from_table"),
                                                 .why_no_text = finding->why_no_text,
                                                 .why_absent = finding->why_absent,
                                                 .arena = analysis->arena};
        struct ps_predicate_list own;
        PS_TRY(ps_predicate_read(&scope, yyjson_mut_obj_get(shape->path[i], "where_clause"), &own,
                                 analysis->error));
        PS_TRY(ps_predicate_both(list, &own, analysis->arena, list, analysis->error));
        for (size_t c = 0; c < finding->schema->column_count && i > 0; c++) {
            names[c] = names[c] == NULL ? NULL : ps_shape_passed(shape, i, names[c]);
        }
    }
    return PENSTOCK_OK;
}

static penstock_code add_reader(struct finding *finding, const struct ps_item *item) {
    struct ps_predicate_list own = {.is_exact = true};
    if (item->shape.join.node != NULL) {
        finding->why_all = ps_arena_printf(finding->analysis->arena, "%s joins two streams", item->node.name);
        return finding->why_all == NULL ? out_of_memory(finding) : PENSTOCK_OK;
    }
    PS_TRY(read_item(finding, item, &own));
    if (own.count == 0 && own.left_count == 0) {
        finding->why_all = ps_arena_printf(finding->analysis->arena, "%s takes every row", item->node.name);
        return finding->why_all == NULL ? out_of_memory(finding) : PENSTOCK_OK;
    }
    finding->reader_count++;
    if (finding->reader_count == 1) {
        finding->rows = own;
        return PENSTOCK_OK;
    }
    return ps_predicate_either(&finding->rows, &own, finding->analysis->arena, &finding->rows,
                               finding->analysis->error);
}

static penstock_code find_rows(struct finding *finding) {
    const struct ps_analysis *analysis = finding->analysis;
    finding->why_all = find_why_all(finding->source);
    for (size_t i = 0; i < analysis->item_count && finding->why_all == NULL; i++) {
        const struct ps_item *item = &analysis->items[i];
        for (size_t j = 0; j < item->node.input_count && finding->why_all == NULL; j++) {
            if (item->node.input_is_stream[j] &&
                &analysis->items[item->node.inputs[j]].node == finding->source) {
                PS_TRY(add_reader(finding, item));
            }
        }
    }
    if (finding->why_all == NULL && finding->reader_count == 0) {
        finding->why_all = "no statement reads it";
    }
    return PENSTOCK_OK;
}

static penstock_code find_use(struct ps_analysis *analysis, struct ps_node *node) {
    const struct ps_source_statement *statement = &node->statement->as.source;
    struct ps_source_use *use = ps_arena_allocate(analysis->arena, 1, sizeof *use);
    bool *is_used = ps_arena_allocate(analysis->arena, statement->schema.column_count + 1, sizeof *is_used);
    if (use == NULL || is_used == NULL) {
        return ps_error_memory(analysis->error, "the graph");
    }
    for (size_t i = 0; i < statement->schema.column_count; i++) {
        is_used[i] = i >= node->column_count || node->column_is_read[i];
    }
    for (size_t i = 0; i < statement->primary_key_count; i++) {
        is_used[statement->primary_key[i]] = true;
    }
    struct finding finding = {
        .analysis = analysis,
        .source = node,
        .schema = &statement->schema,
        .why_no_text = find_why_no_text(analysis),
        .why_absent = node->is_changelog ? "a record replaces the one with its key: only the columns of"
                                           " the key can leave one out"
                                         : NULL,
        .rows = {.is_exact = true}};
    PS_TRY(find_rows(&finding));
    use->column_is_used = is_used;
    use->why_all = finding.why_all;
    if (finding.why_all == NULL) {
        use->rows = finding.rows;
    }
    node->use = use;
    return PENSTOCK_OK;
}

penstock_code ps_use_find(struct ps_analysis *analysis) {
    for (size_t i = 0; i < analysis->item_count; i++) {
        if (analysis->items[i].node.kind == PS_NODE_SOURCE) {
            PS_TRY(find_use(analysis, &analysis->items[i].node));
        }
    }
    return PENSTOCK_OK;
}
