/* SPDX-License-Identifier: Apache-2.0
 *
 * export_sql_trees.c - boosted trees as SQL: a nested CASE for each tree, added up in REAL.
 *
 *   SELECT ..., 5.2e1 + CAST(s.score_0 AS DOUBLE PRECISION) AS prediction
 *   FROM (SELECT f.*, CAST(<base> AS REAL) + CAST(CASE WHEN f.feature_0 < 1.5e0 THEN ... END AS REAL) + ... AS score_0
 *   FROM (SELECT r.*, CAST(... AS REAL) AS feature_0, ... AS category_1, ... AS is_whole FROM model_rows AS r) AS f)
 *   AS s
 *
 * What is compared and added is rounded to float32 as in penstock, so that a database whose REAL is that gives the same
 * bits. Sums of many trees are cut: each level of SELECT adds so many of them to the level below.
 */
#include <float.h>

#include "model/export_sql.h"
#include "model/export_trees.h"

/* Trees that one level adds to each sum. */
enum { TREES_OF_LEVEL = 300, GUARDS_OF_GROUP = 300 };

/* CAST(... AS REAL), what is too large for it made finite. A NULL is found out by is_whole. */
static void add_narrow(struct ps_buffer *out, const char *text) {
    ps_buffer_text(out, "CAST(LEAST(GREATEST(");
    ps_buffer_text(out, text);
    ps_buffer_text(out, ", ");
    ps_export_sql_literal(out, -(double)FLT_MAX);
    ps_buffer_text(out, "), ");
    ps_export_sql_literal(out, (double)FLT_MAX);
    ps_buffer_text(out, ") AS REAL)");
}

/* The category of a group as one number, -1 where it has none of them. */
static void add_category(struct ps_sql_writer *writer, const struct ps_formula_column *column,
                         struct ps_buffer *out) {
    if (column->part_count == 1) {
        ps_buffer_text(out, writer->texts[column->parts[0].step]);
        return;
    }
    ps_buffer_text(out, "CASE");
    for (size_t p = 0; p < column->part_count; p++) {
        ps_buffer_printf(out, " WHEN (%s) >= ", writer->texts[column->parts[p].step]);
        ps_export_sql_literal(out, (double)column->parts[p].width);
        ps_buffer_text(out, " THEN -1e0");
    }
    ps_buffer_text(out, " ELSE ");
    double factor = 1;
    for (size_t p = 0; p < column->part_count; p++) {
        ps_buffer_printf(out, "%s(%s) * ", p == 0 ? "" : " + ", writer->texts[column->parts[p].step]);
        ps_export_sql_literal(out, factor);
        factor *= (double)column->parts[p].width;
    }
    ps_buffer_text(out, " END");
}

/* 1 where nothing is missing that the features read. */
static void add_whole(struct ps_sql_writer *writer, struct ps_buffer *out) {
    const struct ps_formula *formula = writer->exporting->formula;
    size_t count = 0;
    ps_buffer_text(out, "CASE WHEN (");
    for (size_t i = 0; i < formula->step_count; i++) {
        if (writer->exporting->guards[i] != 0) {
            const bool begins = count > 0 && count % GUARDS_OF_GROUP == 0;
            ps_buffer_text(out, count == 0 ? "" : begins ? ") OR (" : " OR ");
            ps_buffer_printf(out, "(%s) IS NULL", writer->texts[i]);
            count++;
        }
    }
    ps_buffer_text(out, ") THEN 0 ELSE 1 END AS is_whole");
}

static void add_columns(struct ps_sql_writer *writer, struct ps_buffer *out) {
    const struct ps_formula *formula = writer->exporting->formula;
    ps_buffer_text(out, "\nFROM (SELECT r.*");
    for (size_t c = 0; c < formula->column_count; c++) {
        const struct ps_formula_column *column = &formula->columns[c];
        if (column->value != PS_NO_STEP) {
            ps_buffer_text(out, ",\n  ");
            add_narrow(out, writer->texts[column->value]);
            ps_buffer_printf(out, " AS feature_%zu", c);
        }
        if (column->is_group) {
            ps_buffer_text(out, ",\n  ");
            add_category(writer, column, out);
            ps_buffer_printf(out, " AS category_%zu", c);
        }
    }
    ps_buffer_text(out, ",\n  ");
    add_whole(writer, out);
    ps_buffer_text(out, "\nFROM model_rows AS r) AS f");
}

static void add_condition(const struct ps_split *split, struct ps_buffer *out) {
    if (split->kind == PS_SPLIT_YES) {
        ps_buffer_text(out, "1 = 1");
        return;
    }
    if (split->kind != PS_SPLIT_BELOW) {
        ps_buffer_printf(out, "f.category_%zu = %zu", split->column, split->category);
    }
    if (split->kind != PS_SPLIT_IS) {
        ps_buffer_printf(out, "%sf.feature_%zu %s ", split->kind == PS_SPLIT_BELOW ? "" : " AND ",
                         split->column, split->kind == PS_SPLIT_IS_FROM ? ">=" : "<");
        ps_export_sql_literal(out, split->limit);
    }
}

static void add_tree(struct ps_tree_walk *walk, struct ps_buffer *out) {
    struct ps_split split;
    size_t node;
    for (;;) {
        switch (ps_export_walk_next(walk, &node, &split)) {
        case PS_WALK_LEAF: ps_export_sql_literal(out, (double)walk->nodes[node].value); break;
        case PS_WALK_OPEN:
            ps_buffer_text(out, "CASE WHEN ");
            add_condition(&split, out);
            ps_buffer_text(out, " THEN ");
            break;
        case PS_WALK_BETWEEN: ps_buffer_text(out, " ELSE "); break;
        case PS_WALK_CLOSE: ps_buffer_text(out, " END"); break;
        case PS_WALK_END: return;
        }
    }
}

/* One level: the sums of its rounds, on top of those of the level before. */
static void add_level(struct ps_sql_writer *writer, const struct ps_trees_predictor *trees,
                      const struct ps_split_place *places, size_t level, bool is_last,
                      struct ps_buffer *out) {
    const size_t round_count = trees->tree_count / trees->sum_count;
    struct ps_tree_walk walk;
    ps_buffer_text(out, "SELECT f.*");
    for (size_t s = 0; s < trees->sum_count; s++) {
        if (level == 0) {
            ps_buffer_text(out, ",\n  CASE WHEN f.is_whole = 1 THEN CAST(");
            ps_export_sql_literal(out, (double)trees->base);
            ps_buffer_text(out, " AS REAL) END");
        } else {
            ps_buffer_printf(out, ",\n  f.sum_%zu_%zu", level - 1, s);
        }
        for (size_t round = level * TREES_OF_LEVEL;
             round < (level + 1) * TREES_OF_LEVEL && round < round_count; round++) {
            ps_buffer_text(out, "\n  + CAST(");
            ps_export_walk(&walk, writer->exporting->formula, places,
                           trees->nodes + trees->starts[round * trees->sum_count + s]);
            add_tree(&walk, out);
            ps_buffer_text(out, " AS REAL)");
        }
        if (is_last) {
            ps_buffer_printf(out, " AS score_%zu", s);
        } else {
            ps_buffer_printf(out, " AS sum_%zu_%zu", level, s);
        }
    }
}

/* FROM (...) AS s, with score_0, ... */
static penstock_code add_scores(struct ps_sql_writer *writer, const struct ps_trees_predictor *trees,
                                struct ps_buffer *out) {
    const struct ps_split_place *places = ps_export_split_places(writer->exporting);
    const size_t round_count = trees->tree_count / trees->sum_count;
    const size_t level_count = round_count == 0 ? 1 : (round_count + TREES_OF_LEVEL - 1) / TREES_OF_LEVEL;
    if (places == NULL) {
        return ps_error_memory(writer->error, "an export");
    }
    for (size_t level = level_count; level > 0; level--) {
        ps_buffer_text(out, "\nFROM (");
        add_level(writer, trees, places, level - 1, level == level_count, out);
    }
    add_columns(writer, out);
    for (size_t level = level_count; level > 0; level--) {
        ps_buffer_text(out, level == 1 ? ") AS s" : ") AS f");
    }
    return PENSTOCK_OK;
}

penstock_code ps_export_sql_trees(struct ps_sql_writer *writer, const struct ps_trees_predictor *trees,
                                  struct ps_buffer *out) {
    PS_TRY(ps_export_trees_fit(trees, "SQL", writer->exporting->arena, writer->error));
    switch (trees->link) {
    case PS_TREE_SOFTMAX:
        ps_export_sql_softmax(writer->exporting, true, out);
        PS_TRY(add_scores(writer, trees, out));
        ps_buffer_text(out, ") AS e) AS p");
        return PENSTOCK_OK;
    case PS_TREE_LOGISTIC:
        ps_export_sql_two(writer->exporting, 0.5, true, out);
        PS_TRY(add_scores(writer, trees, out));
        ps_buffer_text(out, ") AS o) AS p");
        return PENSTOCK_OK;
    case PS_TREE_IDENTITY:
        ps_buffer_text(out, "SELECT s.*, ");
        ps_export_sql_literal(out, trees->offset);
        ps_buffer_text(out, " + CAST(s.score_0 AS DOUBLE PRECISION) AS prediction");
        return add_scores(writer, trees, out);
    case PS_TREE_LOG: /* beyond 88 exp() is no float32 any more */
        ps_buffer_text(
            out, "SELECT s.*, CASE WHEN s.score_0 < 88.5e0 THEN CAST(CAST("
                 "EXP(CAST(s.score_0 AS DOUBLE PRECISION)) AS REAL) AS DOUBLE PRECISION) END AS prediction");
        return add_scores(writer, trees, out);
    }
    return PENSTOCK_OK;
}
