/* SPDX-License-Identifier: Apache-2.0
 *
 * bind_stream.c - what a statement's rows are, as far as it follows from the streams it reads.
 *
 * The event time of a watermark and the primary key of a changelog go from a source through every statement that
 * hands them through as they are. Who may read what follows from them: a changelog's rows replace each other, so
 * nothing that only adds rows up can read them; a join of two streams needs the event times of both.
 */
#include "base/check.h"
#include "job/analysis.h"
#include "job/syntax.h"

static int64_t find_column(const struct ps_node *node, const char *name) {
    for (size_t i = 0; name != NULL && i < node->column_count; i++) {
        if (ps_text_equal_nocase(node->column_names[i], name)) {
            return (int64_t)i;
        }
    }
    return -1;
}

/* --- sources ------------------------------------------------------------------------------------------------ */

penstock_code ps_bind_source_stream(struct ps_analysis *analysis, struct ps_item *item) {
    struct ps_node *node = &item->node;
    const struct ps_source_statement *source = &node->statement->as.source;
    node->time_column = find_column(node, source->watermark_column);
    node->is_changelog = source->format != PS_FORMAT_PLAIN;
    if (!node->is_changelog) {
        return PENSTOCK_OK;
    }
    node->keys = source->primary_key;
    node->key_count = source->primary_key_count;
    const char *format = source->format == PS_FORMAT_UPSERT ? "UPSERT" : "DEBEZIUM";
    if (source->watermark_column != NULL) {
        (void)ps_error_set(analysis->error, PENSTOCK_INVALID_PROJECT,
                           "a changelog has no late records, so FORMAT %s and WATERMARK do not go together",
                           format);
        (void)ps_error_hint(analysis->error,
                            "leave WATERMARK out: the last change of a key counts, whenever it "
                            "comes");
        ps_error_at(analysis->error, source->watermark_location, NULL, -1);
        return PENSTOCK_INVALID_PROJECT;
    }
    if (ps_text_equal_nocase(source->encode, "parquet")) {
        (void)ps_error_set(analysis->error, PENSTOCK_INVALID_PROJECT, "FORMAT %s cannot be read from Parquet",
                           format);
        ps_error_at(analysis->error, source->format_location, NULL, -1);
        return PENSTOCK_INVALID_PROJECT;
    }
    return PENSTOCK_OK;
}

/* --- changelogs --------------------------------------------------------------------------------------------- */

static penstock_code refuse_changelog(struct ps_analysis *analysis, const struct ps_item *item,
                                      const struct ps_table_reference *stream, const struct ps_node *input) {
    const bool is_source = input->kind == PS_NODE_SOURCE;
    const char *hint;
    if (item->shape.join.node != NULL) {
        hint = is_source ? "keep it as a streaming table, and join with that table: leave its STREAM out"
                         : "join with the table: leave its STREAM out";
    } else if (item->node.kind == PS_NODE_VIEW) {
        hint =
            is_source
                ? "keep it as a streaming table, and write CREATE VIEW ... FROM that table, which is computed when "
                  "it is read"
                : "write CREATE VIEW ... FROM the table (without STREAM), which is computed when it is read";
    } else {
        hint = "query the table, or COPY it; the sinks write rows that are added";
    }
    const char *what = item->shape.join.node != NULL     ? "a join of two streams"
                       : item->node.kind == PS_NODE_VIEW ? "a materialized view"
                                                         : "a sink";
    return ps_analysis_fail(
        analysis, item, stream->offset, hint,
        "'%s' is a changelog: its rows replace each other, so %s cannot read it as STREAM", input->name,
        what);
}

static penstock_code hand_keys(struct ps_analysis *analysis, struct ps_item *item,
                               const struct ps_node *input) {
    struct ps_node *node = &item->node;
    node->keys = ps_arena_allocate(analysis->arena, input->key_count + 1, sizeof *node->keys);
    if (node->keys == NULL) {
        return ps_error_memory(analysis->error, "the graph");
    }
    for (size_t i = 0; i < input->key_count; i++) {
        const char *key = input->column_names[input->keys[i]];
        const int64_t column = find_column(node, ps_shape_handed(&item->shape, key));
        if (column < 0) {
            const char *hint = ps_arena_printf(
                analysis->arena,
                "add %s to the SELECT; AS may give it another name, but nothing may change it", key);
            return ps_analysis_fail(
                analysis, item, item->shape.stream.offset, hint,
                "'%s' is kept by the primary key of '%s', but its SELECT does not hand '%s' through",
                node->name, input->name, key);
        }
        node->keys[i] = (size_t)column;
    }
    node->key_count = input->key_count;
    node->is_changelog = true;
    return PENSTOCK_OK;
}

/* --- joins of two streams -------------------------------------------------------------------------------------- */

/* The name of the event time of one side. */
static penstock_code find_time(struct ps_analysis *analysis, const struct ps_item *item,
                               const struct ps_table_reference *stream, const struct ps_node *input,
                               const char **name_out) {
    if (input->time_column >= 0) {
        *name_out = input->column_names[input->time_column];
        return PENSTOCK_OK;
    }
    if (input->is_joined) {
        return ps_analysis_fail(
            analysis, item, stream->offset,
            "join with the table it is (leave STREAM out), or join the third stream where the tables are queried",
            "'%s' is a join of streams itself: its rows come too late to be joined with a stream",
            input->name);
    }
    const char *watermark =
        input->source >= 0 ? analysis->items[input->source].node.statement->as.source.watermark_column : NULL;
    if (watermark != NULL) {
        const char *hint = ps_arena_printf(analysis->arena, "add %s to the SELECT of '%s', unchanged",
                                           watermark, input->name);
        return ps_analysis_fail(
            analysis, item, stream->offset, hint,
            "a join of two streams needs the event time of both, but '%s' does not hand '%s' through",
            input->name, watermark);
    }
    return ps_analysis_fail(
        analysis, item, stream->offset,
        "add WATERMARK FOR column AS column - INTERVAL 1 MINUTE to its source: it says how long rows are waited for",
        "a join of two streams needs a watermark on both, but '%s' has none", input->name);
}

static penstock_code bind_join(struct ps_analysis *analysis, struct ps_item *item,
                               const struct ps_node *stream, const struct ps_node *partner) {
    const struct ps_shape *shape = &item->shape;
    if (item->node.kind == PS_NODE_SINK) {
        return ps_analysis_fail(
            analysis, item, shape->join.partner.offset,
            "put the join into a CREATE STREAMING TABLE, and let the sink read STREAM of it",
            "a sink reads one stream");
    }
    const char *times[2] = {NULL, NULL};
    PS_TRY(find_time(analysis, item, &shape->stream, stream, &times[0]));
    PS_TRY(find_time(analysis, item, &shape->join.partner, partner, &times[1]));
    struct ps_time_bound bound;
    int64_t offset = -1;
    if (ps_shape_read_bound(analysis->connection, item->tree, shape, times[0], times[1], analysis->arena,
                            &bound, &offset, analysis->error) != PENSTOCK_OK) {
        return ps_analysis_place(analysis, item, offset);
    }
    item->node.is_joined = true;
    item->node.is_join = true;
    item->node.bound_us[0] = bound.lower_us;
    item->node.bound_us[1] = bound.upper_us;
    return PENSTOCK_OK;
}

penstock_code ps_bind_stream(struct ps_analysis *analysis, struct ps_item *item) {
    const struct ps_table_reference *streams[2] = {&item->shape.stream, &item->shape.join.partner};
    const struct ps_node *inputs[2] = {NULL, NULL};
    const size_t count = item->shape.join.node != NULL ? 2 : 1;
    for (size_t i = 0; i < count; i++) {
        const int64_t found = ps_analysis_find(analysis, streams[i]->name);
        ps_check(found >= 0);
        inputs[i] = &analysis->items[found].node;
        item->node.sides[i] = (size_t)found;
        if (i == 0) {
            item->node.source = inputs[0]->kind == PS_NODE_SOURCE ? found : inputs[0]->source;
        }
        if (inputs[i]->is_changelog && (count == 2 || item->node.kind != PS_NODE_TABLE)) {
            return refuse_changelog(analysis, item, streams[i], inputs[i]);
        }
    }
    if (count == 2) {
        return bind_join(analysis, item, inputs[0], inputs[1]);
    }
    item->node.is_joined = inputs[0]->is_joined;
    if (item->node.kind == PS_NODE_TABLE && inputs[0]->time_column >= 0) {
        const char *time = inputs[0]->column_names[inputs[0]->time_column];
        item->node.time_column = find_column(&item->node, ps_shape_handed(&item->shape, time));
    }
    return inputs[0]->is_changelog ? hand_keys(analysis, item, inputs[0]) : PENSTOCK_OK;
}
