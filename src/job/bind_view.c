/* SPDX-License-Identifier: Apache-2.0
 *
 * bind_view.c - what only types and names can tell about a materialized view.
 *
 * Whether a GROUP BY name is a column or a select item, and whether EMIT FINAL has a window that its watermark
 * will close. (Every aggregate that shape_view.c lets pass can be kept over every type it takes: tried over all
 * of DuckDB's types; room stream keeps min and max as values and avg as sum and count where it must.)
 */
#include "job/analysis.h"
#include "job/syntax.h"

/* A copy of the view's SELECT that selects `item` and nothing else: no groups, no HAVING. NULL: out of memory. */
static yyjson_mut_val *select_only(struct ps_tree *tree, yyjson_mut_val *item) {
    yyjson_mut_doc *document = ps_tree_document(tree);
    yyjson_mut_val *copy = yyjson_mut_val_mut_copy(document, ps_tree_root(tree));
    yyjson_mut_val *list = yyjson_mut_arr(document);
    if (copy == NULL || item == NULL || !yyjson_mut_arr_append(list, item)) {
        return NULL;
    }
    yyjson_mut_obj_put(copy, yyjson_mut_str(document, "select_list"), list);
    yyjson_mut_obj_put(copy, yyjson_mut_str(document, "group_expressions"), yyjson_mut_arr(document));
    yyjson_mut_obj_put(copy, yyjson_mut_str(document, "group_sets"), yyjson_mut_arr(document));
    yyjson_mut_obj_put(copy, yyjson_mut_str(document, "having"), yyjson_mut_null(document));
    yyjson_mut_obj_put(copy, yyjson_mut_str(document, "aggregate_handling"),
                       yyjson_mut_str(document, "STANDARD_HANDLING"));
    return copy;
}

static penstock_code describe_only(struct ps_analysis *analysis, const struct ps_item *item,
                                   yyjson_mut_val *expression, struct penstock_error *error) {
    const char *sql = NULL, **names = NULL, **types = NULL;
    size_t count = 0;
    yyjson_mut_val *select = select_only(item->tree, expression);
    if (select == NULL) {
        return ps_error_memory(error, "the graph");
    }
    PS_TRY(ps_tree_text(analysis->connection, item->tree, select, analysis->arena, &sql, error));
    return ps_sql_describe(analysis->connection, sql, analysis->arena, &names, &types, &count, NULL, error);
}

/* GROUP BY hour, where hour is a column and another select item's name: DuckDB takes the column, most readers
 * take the other. */
static penstock_code check_group_names(struct ps_analysis *analysis, const struct ps_item *item) {
    yyjson_mut_val *root = ps_tree_root(item->tree);
    yyjson_mut_val *select_list = yyjson_mut_obj_get(root, "select_list");
    size_t index, max, item_index, item_max;
    yyjson_mut_val *expression, *selected;
    yyjson_mut_arr_foreach(yyjson_mut_obj_get(root, "group_expressions"), index, max, expression) {
        const char *name = ps_syntax_column(expression);
        if (name == NULL || yyjson_mut_arr_size(yyjson_mut_obj_get(expression, "column_names")) != 1) {
            continue;
        }
        yyjson_mut_arr_foreach(select_list, item_index, item_max, selected) {
            const char *column = ps_syntax_column(selected);
            if (!ps_text_equal_nocase(ps_tree_member(selected, "alias"), name) ||
                (column != NULL && ps_text_equal_nocase(column, name))) {
                continue;
            }
            struct penstock_error error;
            yyjson_mut_val *copy = yyjson_mut_val_mut_copy(ps_tree_document(item->tree), expression);
            if (describe_only(analysis, item, copy, &error) == PENSTOCK_OK) {
                return ps_analysis_fail(
                    analysis, item, ps_syntax_offset(expression),
                    "GROUP BY ALL, or by the item's number, or give the item another name",
                    "'%s' is a column and the name of another select item: it is not clear which one to group by",
                    name);
            }
        }
    }
    return PENSTOCK_OK;
}

static penstock_code check_final(struct ps_analysis *analysis, const struct ps_item *item) {
    const struct ps_shape *shape = &item->shape;
    if (item->node.source < 0) {
        return PENSTOCK_OK;
    }
    const struct ps_node *source = &analysis->items[item->node.source].node;
    const char *watermark = source->statement->as.source.watermark_column;
    if (watermark == NULL) {
        return ps_analysis_fail(analysis, item, shape->stream.offset,
                                "add WATERMARK FOR column AS column - INTERVAL 1 MINUTE to the source",
                                "EMIT FINAL needs a watermark, but the source '%s' has none", source->name);
    }
    for (size_t i = 0; i < item->node.input_count; i++) {
        if (item->node.input_is_stream[i] && analysis->items[item->node.inputs[i]].node.is_joined) {
            return ps_analysis_fail(
                analysis, item, shape->stream.offset,
                "leave EMIT FINAL out, and look at windows that are old enough",
                "EMIT FINAL cannot be used over '%s': a join of streams yields rows after the "
                "watermark has passed their time",
                shape->stream.name);
        }
    }
    if (shape->window_key < 0) {
        const char *hint = ps_arena_printf(
            analysis->arena,
            "group by time_bucket(INTERVAL 15 MINUTE, %s), or by window_start of TUMBLE(STREAM ..., %s, ...)",
            watermark, watermark);
        return ps_analysis_fail(
            analysis, item, shape->stream.offset, hint,
            "EMIT FINAL needs a window of event time among the keys: without one no row is ever final");
    }
    if (!ps_text_equal_nocase(shape->window_column, watermark)) {
        return ps_analysis_fail(analysis, item, ps_syntax_offset(shape->keys[shape->window_key].expression),
                                NULL,
                                "EMIT FINAL groups by windows of '%s', but the watermark of '%s' is for '%s'",
                                shape->window_column, source->name, watermark);
    }
    return PENSTOCK_OK;
}

penstock_code ps_bind_view(struct ps_analysis *analysis, struct ps_item *item) {
    PS_TRY(check_group_names(analysis, item));
    return item->node.statement->as.view.emit_final ? check_final(analysis, item) : PENSTOCK_OK;
}
