/* SPDX-License-Identifier: Apache-2.0
 *
 * export_pmml_trees.c - boosted trees as PMML: a MiningModel that adds TreeModels up.
 *
 * Numbers are compared as float32, which derived fields of that type are; leaves are added up in double precision
 * (PMML has no word for another), so that sums differ from penstock's by float32's rounding. A row in which something
 * is missing must have no prediction whatever way it took: the sum's output asks for all fields first. Classes are a
 * chain: a MiningModel for each sum, and a RegressionModel without coefficients that makes probabilities of them.
 */
#include "model/export_pmml.h"
#include "model/export_trees.h"

penstock_code ps_export_pmml_tree_fields(struct ps_pmml_writer *writer) {
    const struct ps_formula *formula = writer->formula;
    for (size_t c = 0; c < formula->column_count; c++) {
        const size_t value = formula->columns[c].value;
        if (value == PS_NO_STEP) {
            continue;
        }
        const char *name = ps_arena_printf(writer->exporting->arena, "%s.float.%zu", writer->names[value], c);
        if (name == NULL) {
            return ps_error_memory(writer->error, "an export");
        }
        ps_buffer_text(writer->out, "    <DerivedField name=\"");
        ps_export_pmml_text(writer->out, name);
        ps_buffer_text(writer->out, "\" optype=\"continuous\" dataType=\"float\">");
        ps_export_pmml_reference(writer->out, writer->names[value]);
        ps_buffer_text(writer->out, "</DerivedField>\n");
        writer->features[c] = name;
    }
    return PENSTOCK_OK;
}

static void add_field(struct ps_buffer *out, const char *name) {
    ps_buffer_text(out, "<MiningField name=\"");
    ps_export_pmml_text(out, name);
    ps_buffer_text(out, "\"/>");
}

/* The fields that trees ask: columns may share them, they are named once. */
static penstock_code make_schema(struct ps_pmml_writer *writer, struct ps_buffer *out) {
    const struct ps_formula *formula = writer->formula;
    bool *is_named = ps_arena_allocate(writer->exporting->arena, formula->step_count + 1, sizeof *is_named);
    if (is_named == NULL) {
        return ps_error_memory(writer->error, "an export");
    }
    ps_buffer_text(out, "<MiningSchema>");
    for (size_t c = 0; c < formula->column_count; c++) {
        const struct ps_formula_column *column = &formula->columns[c];
        if (column->value != PS_NO_STEP) {
            add_field(out, writer->features[c]);
        }
        for (size_t p = 0; p < column->part_count; p++) {
            const size_t step = column->parts[p].step;
            if (!is_named[step]) {
                add_field(out, writer->names[step]);
                is_named[step] = true;
            }
        }
    }
    ps_buffer_text(out, "</MiningSchema>\n");
    return ps_buffer_status(out, writer->error);
}

static void add_simple(struct ps_buffer *out, const char *field, const char *operator_name) {
    ps_buffer_text(out, "<SimplePredicate field=\"");
    ps_export_pmml_text(out, field);
    ps_buffer_printf(out, "\" operator=\"%s\" value=\"", operator_name);
}

static void add_predicate(struct ps_pmml_writer *writer, const struct ps_split *split) {
    struct ps_buffer *out = writer->out;
    const struct ps_formula_column *column = &writer->formula->columns[split->column];
    const bool has_number =
        split->kind == PS_SPLIT_BELOW || split->kind == PS_SPLIT_IS_BELOW || split->kind == PS_SPLIT_IS_FROM;
    const size_t count = column->part_count + (has_number ? 1 : 0);
    if (split->kind == PS_SPLIT_YES) {
        ps_buffer_text(out, "<True/>");
        return;
    }
    ps_buffer_text(out, count > 1 ? "<CompoundPredicate booleanOperator=\"and\">" : "");
    size_t rest = split->category;
    for (size_t p = 0; p < column->part_count; p++) {
        add_simple(out, writer->names[column->parts[p].step], "equal");
        ps_buffer_printf(out, "%zu\"/>", rest % column->parts[p].width);
        rest /= column->parts[p].width;
    }
    if (has_number) {
        add_simple(out, writer->features[split->column],
                   split->kind == PS_SPLIT_IS_FROM ? "greaterOrEqual" : "lessThan");
        ps_export_number(out, split->limit);
        ps_buffer_text(out, "\"/>");
    }
    ps_buffer_text(out, count > 1 ? "</CompoundPredicate>" : "");
}

/* <Node score> with the predicate of the branch; a split's second branch takes what is left. */
static void add_tree(struct ps_pmml_writer *writer, struct ps_tree_walk *walk) {
    struct ps_buffer *out = writer->out;
    struct ps_split split, above = {.kind = PS_SPLIT_YES};
    size_t node;
    for (;;) {
        const enum ps_walk_event event = ps_export_walk_next(walk, &node, &split);
        switch (event) {
        case PS_WALK_LEAF:
            ps_buffer_text(out, "<Node score=\"");
            ps_export_number(out, (double)walk->nodes[node].value);
            ps_buffer_text(out, "\">");
            add_predicate(writer, &above);
            ps_buffer_text(out, "</Node>");
            break;
        case PS_WALK_OPEN:
            ps_buffer_text(out, "<Node>");
            add_predicate(writer, &above);
            above = split;
            break;
        case PS_WALK_BETWEEN: above = (struct ps_split){.kind = PS_SPLIT_YES}; break;
        case PS_WALK_CLOSE: ps_buffer_text(out, "</Node>"); break;
        case PS_WALK_END: return;
        }
    }
}

static void begin_tree(struct ps_pmml_writer *writer, const struct ps_buffer *schema) {
    ps_buffer_text(
        writer->out,
        "        <Segment><True/><TreeModel functionName=\"regression\" splitCharacteristic=\"multiSplit\">");
    ps_buffer_text(writer->out, schema->data);
}

static void end_tree(struct ps_pmml_writer *writer) {
    ps_buffer_text(writer->out, "</TreeModel></Segment>\n");
}

/* What is there before the first tree: a tree of one leaf. */
static void add_constant_tree(struct ps_pmml_writer *writer, const struct ps_buffer *schema, double value) {
    begin_tree(writer, schema);
    ps_buffer_text(writer->out, "<Node score=\"");
    ps_export_number(writer->out, value);
    ps_buffer_text(writer->out, "\"><True/></Node>");
    end_tree(writer);
}

/* name: the sum if nothing is missing, else missing. is_exp: its exp(). */
static void add_sum_output(struct ps_pmml_writer *writer, const char *raw, const char *name, bool is_exp) {
    struct ps_buffer *out = writer->out;
    size_t guard_count = 0;
    ps_buffer_printf(
        out,
        "    <Output><OutputField name=\"%s\" feature=\"predictedValue\" optype=\"continuous\""
        " dataType=\"double\" isFinalResult=\"false\"/>\n      <OutputField name=\"%s\""
        " feature=\"transformedValue\" optype=\"continuous\" dataType=\"double\"><Apply function=\"if\">",
        raw, name);
    for (size_t i = 0; i < writer->formula->step_count; i++) {
        guard_count += writer->exporting->guards[i] != 0 ? 1 : 0;
    }
    ps_buffer_text(out, guard_count > 1 ? "<Apply function=\"and\">" : "");
    for (size_t i = 0; i < writer->formula->step_count; i++) {
        if (writer->exporting->guards[i] != 0) {
            ps_buffer_text(out, "<Apply function=\"isNotMissing\">");
            ps_export_pmml_reference(out, writer->names[i]);
            ps_buffer_text(out, "</Apply>");
        }
    }
    ps_buffer_text(out, guard_count > 1 ? "</Apply>" : "");
    ps_buffer_text(out, is_exp ? "<Apply function=\"exp\">" : "");
    ps_export_pmml_reference(out, raw);
    ps_buffer_text(out, is_exp ? "</Apply>" : "");
    ps_buffer_text(out, "</Apply></OutputField></Output>\n");
}

/* The segments of sum `sum`. */
static void add_segments(struct ps_pmml_writer *writer, const struct ps_trees_predictor *trees,
                         const struct ps_split_place *places, const struct ps_buffer *schema, size_t sum) {
    struct ps_tree_walk walk;
    ps_buffer_text(writer->out, "      <Segmentation multipleModelMethod=\"sum\">\n");
    add_constant_tree(writer, schema, (double)trees->base);
    if (trees->link == PS_TREE_IDENTITY) {
        add_constant_tree(writer, schema, trees->offset);
    }
    for (size_t t = sum; t < trees->tree_count; t += trees->sum_count) {
        begin_tree(writer, schema);
        ps_export_walk(&walk, writer->formula, places, trees->nodes + trees->starts[t]);
        add_tree(writer, &walk);
        end_tree(writer);
    }
    ps_buffer_text(writer->out, "      </Segmentation>\n");
}

static void add_regression(struct ps_pmml_writer *writer, const struct ps_trees_predictor *trees,
                           const struct ps_split_place *places, const struct ps_buffer *schema) {
    struct ps_buffer *out = writer->out;
    ps_buffer_text(out, "  <MiningModel modelName=\"");
    ps_export_pmml_text(out, writer->exporting->options->name);
    ps_buffer_text(out, "\" functionName=\"regression\">\n");
    ps_export_pmml_schema(writer);
    add_sum_output(writer, "sum", "prediction", trees->link == PS_TREE_LOG);
    add_segments(writer, trees, places, schema, 0);
    ps_buffer_text(out, "  </MiningModel>\n");
}

/* The last of the chain. Two classes of one sum: the second by its sum, the first is what is left. */
static void add_chances(struct ps_pmml_writer *writer, const struct ps_trees_predictor *trees) {
    struct ps_buffer *out = writer->out;
    const struct ps_target *target = &writer->exporting->target;
    const bool is_two = trees->sum_count == 1;
    ps_buffer_printf(out,
                     "      <Segment><True/><RegressionModel functionName=\"classification\""
                     " normalizationMethod=\"%s\"><MiningSchema><MiningField name=\"",
                     is_two ? "logit" : "softmax");
    ps_export_pmml_text(out, writer->exporting->options->label == NULL ? "label"
                                                                       : writer->exporting->options->label);
    ps_buffer_text(out, "\" usageType=\"target\"/>");
    for (size_t s = 0; s < trees->sum_count; s++) {
        ps_buffer_printf(out, "<MiningField name=\"sum.%zu\"/>", s);
    }
    ps_buffer_text(out, "</MiningSchema>\n");
    for (size_t k = 0; k < target->class_count; k++) {
        const size_t of = is_two ? 1 - k : k;
        ps_buffer_text(out, "        <RegressionTable targetCategory=\"");
        ps_export_pmml_text(out, target->class_names[of]);
        ps_buffer_text(out, "\" intercept=\"0\">");
        if (!is_two || of == 1) {
            ps_buffer_printf(out, "<NumericPredictor name=\"sum.%zu\" coefficient=\"1\"/>", is_two ? 0 : of);
        }
        ps_buffer_text(out, "</RegressionTable>\n");
    }
    ps_buffer_text(out, "      </RegressionModel></Segment>\n");
}

static penstock_code add_classes(struct ps_pmml_writer *writer, const struct ps_trees_predictor *trees,
                                 const struct ps_split_place *places, const struct ps_buffer *schema) {
    struct ps_buffer *out = writer->out;
    ps_buffer_text(out, "  <MiningModel modelName=\"");
    ps_export_pmml_text(out, writer->exporting->options->name);
    ps_buffer_text(out, "\" functionName=\"classification\">\n");
    ps_export_pmml_schema(writer);
    ps_export_pmml_output(writer, "prediction");
    ps_buffer_text(out, "    </Output>\n    <Segmentation multipleModelMethod=\"modelChain\">\n");
    for (size_t s = 0; s < trees->sum_count; s++) {
        const char *raw = ps_arena_printf(writer->exporting->arena, "raw.%zu", s);
        const char *name = ps_arena_printf(writer->exporting->arena, "sum.%zu", s);
        if (raw == NULL || name == NULL) {
            return ps_error_memory(writer->error, "an export");
        }
        ps_buffer_text(out, "    <Segment><True/><MiningModel functionName=\"regression\">");
        ps_buffer_text(out, schema->data);
        add_sum_output(writer, raw, name, false);
        add_segments(writer, trees, places, schema, s);
        ps_buffer_text(out, "    </MiningModel></Segment>\n");
    }
    add_chances(writer, trees);
    ps_buffer_text(out, "    </Segmentation>\n  </MiningModel>\n");
    return PENSTOCK_OK;
}

penstock_code ps_export_pmml_trees(struct ps_pmml_writer *writer, const struct ps_trees_predictor *trees) {
    struct ps_buffer schema PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&schema, PS_EXPORT_SIZE_MAX);
    const struct ps_split_place *places = ps_export_split_places(writer->exporting);
    if (places == NULL) {
        return ps_error_memory(writer->error, "an export");
    }
    PS_TRY(ps_export_trees_fit(trees, "PMML", writer->exporting->arena, writer->error));
    PS_TRY(make_schema(writer, &schema));
    if (writer->exporting->target.class_count > 0) {
        return add_classes(writer, trees, places, &schema);
    }
    add_regression(writer, trees, places, &schema);
    return PENSTOCK_OK;
}
