/* SPDX-License-Identifier: Apache-2.0
 *
 * export_pmml.c - a model as PMML 4.4: derived fields for the steps, a RegressionModel for linear sums. Trees and
 * networks stand in files of their own.
 *
 * A category is first mapped to its index (MapValues), which says what an unknown one becomes, then each index to a
 * field of zeros and ones (NormDiscrete). What cannot be predicted is missing in PMML, too: it goes through Apply and
 * NumericPredictor to the result. A link that RegressionModel has no word for is an Apply on its output.
 */
#include <math.h>

#include "model/export_pmml.h"
#include "penstock.h"

/* In an attribute or between tags. Control characters cannot stand in XML at all: a space does. */
void ps_export_pmml_text(struct ps_buffer *out, const char *text) {
    for (const char *at = text; *at != '\0'; at++) {
        switch (*at) {
        case '&': ps_buffer_text(out, "&amp;"); break;
        case '<': ps_buffer_text(out, "&lt;"); break;
        case '>': ps_buffer_text(out, "&gt;"); break;
        case '"': ps_buffer_text(out, "&quot;"); break;
        case '\n': ps_buffer_text(out, "&#10;"); break;
        case '\r': ps_buffer_text(out, "&#13;"); break;
        case '\t': ps_buffer_text(out, "&#9;"); break;
        default: ps_buffer_add(out, (unsigned char)*at < 0x20 ? " " : at, 1); break;
        }
    }
}

void ps_export_pmml_reference(struct ps_buffer *out, const char *name) {
    ps_buffer_text(out, "<FieldRef field=\"");
    ps_export_pmml_text(out, name);
    ps_buffer_text(out, "\"/>");
}

void ps_export_pmml_constant(struct ps_buffer *out, double value) {
    ps_buffer_text(out, "<Constant dataType=\"double\">");
    ps_export_number(out, value);
    ps_buffer_text(out, "</Constant>");
}

static void begin_field(struct ps_buffer *out, const char *name, bool is_index) {
    ps_buffer_text(out, "    <DerivedField name=\"");
    ps_export_pmml_text(out, name);
    ps_buffer_printf(out, "\" optype=\"%s\" dataType=\"%s\">", is_index ? "categorical" : "continuous",
                     is_index ? "integer" : "double");
}

static void end_field(struct ps_buffer *out) {
    ps_buffer_text(out, "</DerivedField>\n");
}

static void add_affine(struct ps_buffer *out, const struct ps_formula_step *step, const char *a) {
    ps_buffer_text(out, "<Apply function=\"+\"><Apply function=\"*\"><Apply function=\"-\">");
    ps_export_pmml_reference(out, a);
    ps_export_pmml_constant(out, step->numbers[0]);
    ps_buffer_text(out, "</Apply>");
    ps_export_pmml_constant(out, step->numbers[1]);
    ps_buffer_text(out, "</Apply>");
    ps_export_pmml_constant(out, step->numbers[2]);
    ps_buffer_text(out, "</Apply>");
}

static void add_fill(struct ps_buffer *out, const struct ps_formula_step *step, const char *a) {
    ps_buffer_text(out, "<Apply function=\"if\">");
    if (!isnan(step->numbers[1])) {
        ps_buffer_text(out, "<Apply function=\"or\">");
    }
    ps_buffer_text(out, "<Apply function=\"isMissing\">");
    ps_export_pmml_reference(out, a);
    ps_buffer_text(out, "</Apply>");
    if (!isnan(step->numbers[1])) {
        ps_buffer_text(out, "<Apply function=\"equal\">");
        ps_export_pmml_reference(out, a);
        ps_export_pmml_constant(out, step->numbers[1]);
        ps_buffer_text(out, "</Apply></Apply>");
    }
    ps_export_pmml_constant(out, step->numbers[0]);
    ps_export_pmml_reference(out, a);
    ps_buffer_text(out, "</Apply>");
}

static void add_bucket(struct ps_buffer *out, const struct ps_formula_step *step, const char *a) {
    ps_buffer_text(out, "<Discretize field=\"");
    ps_export_pmml_text(out, a);
    ps_buffer_text(out, "\"");
    if (!isnan(step->unknown)) {
        ps_buffer_printf(out, " mapMissingTo=\"%.0f\"", step->unknown);
    }
    ps_buffer_text(out, ">");
    for (size_t i = 0; i + 1 < step->list_count; i++) {
        const bool is_last = i + 2 == step->list_count;
        ps_buffer_printf(out, "<DiscretizeBin binValue=\"%zu\"><Interval closure=\"%s\"", i,
                         is_last ? "closedClosed" : "closedOpen");
        if (isfinite(step->list[i])) {
            ps_buffer_text(out, " leftMargin=\"");
            ps_export_number(out, step->list[i]);
            ps_buffer_text(out, "\"");
        }
        if (isfinite(step->list[i + 1])) {
            ps_buffer_text(out, " rightMargin=\"");
            ps_export_number(out, step->list[i + 1]);
            ps_buffer_text(out, "\"");
        }
        ps_buffer_text(out, "/></DiscretizeBin>");
    }
    ps_buffer_text(out, "</Discretize>");
}

static void add_index(struct ps_buffer *out, const struct ps_formula_step *step, const char *a) {
    ps_buffer_text(out, "<MapValues outputColumn=\"index\" dataType=\"integer\"");
    if (!isnan(step->unknown)) {
        ps_buffer_printf(out, " defaultValue=\"%.0f\" mapMissingTo=\"%.0f\"", step->unknown, step->unknown);
    }
    ps_buffer_text(out, "><FieldColumnPair field=\"");
    ps_export_pmml_text(out, a);
    ps_buffer_text(out, "\" column=\"value\"/><InlineTable>");
    for (size_t i = 0; i < step->categories->count; i++) {
        ps_buffer_text(out, "<row><value>");
        if (step->categories->numbers != NULL) {
            ps_export_number(out, step->categories->numbers[i]);
        } else {
            ps_export_pmml_text(out, step->categories->labels[i]);
        }
        ps_buffer_printf(out, "</value><index>%zu</index></row>", i);
    }
    ps_buffer_text(out, "</InlineTable></MapValues>");
}

static void add_product(struct ps_buffer *out, const char *const *names, size_t count) {
    for (size_t i = 1; i < count; i++) {
        ps_buffer_text(out, "<Apply function=\"*\">");
    }
    for (size_t i = 0; i < count; i++) {
        ps_export_pmml_reference(out, names[i]);
        ps_buffer_text(out, i > 0 ? "</Apply>" : "");
    }
}

static penstock_code write_step(struct ps_pmml_writer *writer, size_t index) {
    const struct ps_formula_step *step = &writer->formula->steps[index];
    struct ps_buffer *out = writer->out;
    if (step->op == PS_FORMULA_NUMBER || step->op == PS_FORMULA_TEXT) {
        writer->names[index] = step->name;
        return PENSTOCK_OK;
    }
    writer->names[index] = ps_arena_printf(writer->exporting->arena, "%s.%zu", step->name, index);
    if (writer->names[index] == NULL) {
        return ps_error_memory(writer->error, "an export");
    }
    const char *a = writer->names[step->inputs[0]];
    begin_field(out, writer->names[index], step->op == PS_FORMULA_BUCKET || step->op == PS_FORMULA_INDEX);
    switch (step->op) {
    case PS_FORMULA_AFFINE: add_affine(out, step, a); break;
    case PS_FORMULA_FILL: add_fill(out, step, a); break;
    case PS_FORMULA_BUCKET: add_bucket(out, step, a); break;
    case PS_FORMULA_INDEX: add_index(out, step, a); break;
    case PS_FORMULA_PRODUCT: {
        const char *const names[] = {a, writer->names[step->inputs[1]]};
        add_product(out, names, 2);
        break;
    }
    case PS_FORMULA_NUMBER:
    case PS_FORMULA_TEXT: break;
    }
    end_field(out);
    return PENSTOCK_OK;
}

/* Zeros and ones of every category of every part: names_out[p][c], in the arena. */
static penstock_code write_parts(struct ps_pmml_writer *writer, const struct ps_formula_column *column,
                                 size_t column_index, const char ***names_out) {
    for (size_t p = 0; p < column->part_count; p++) {
        const struct ps_formula_part *part = &column->parts[p];
        names_out[p] = ps_arena_allocate(writer->exporting->arena, part->width + 1, sizeof **names_out);
        for (size_t c = 0; names_out[p] != NULL && c < part->width; c++) {
            names_out[p][c] = ps_arena_printf(writer->exporting->arena, "%s.is.%zu.%zu",
                                              writer->names[part->step], c, column_index);
            if (names_out[p][c] == NULL) {
                return ps_error_memory(writer->error, "an export");
            }
            begin_field(writer->out, names_out[p][c], false);
            ps_buffer_text(writer->out, "<NormDiscrete field=\"");
            ps_export_pmml_text(writer->out, writer->names[part->step]);
            ps_buffer_printf(writer->out, "\" value=\"%zu\"/>", c);
            end_field(writer->out);
        }
        if (names_out[p] == NULL) {
            return ps_error_memory(writer->error, "an export");
        }
    }
    return PENSTOCK_OK;
}

static penstock_code write_group(struct ps_pmml_writer *writer, size_t column_index) {
    const struct ps_formula_column *column = &writer->formula->columns[column_index];
    struct ps_arena *arena = writer->exporting->arena;
    const char ***parts = ps_arena_allocate(arena, column->part_count + 1, sizeof *parts);
    const char **factors = ps_arena_allocate(arena, column->part_count + 2, sizeof *factors);
    if (parts == NULL || factors == NULL) {
        return ps_error_memory(writer->error, "an export");
    }
    PS_TRY(write_parts(writer, column, column_index, parts));
    for (size_t i = 0; i < column->width; i++) {
        if (column->features[i] < 0) {
            continue;
        }
        size_t count = 0;
        size_t rest = i;
        for (size_t p = 0; p < column->part_count; p++) {
            factors[count++] = parts[p][rest % column->parts[p].width];
            rest /= column->parts[p].width;
        }
        if (column->value != PS_NO_STEP) {
            factors[count++] = writer->names[column->value];
        }
        const char *name = factors[0];
        if (count > 1) {
            name = ps_arena_printf(arena, "group.%zu.%zu", column_index, i);
            if (name == NULL) {
                return ps_error_memory(writer->error, "an export");
            }
            begin_field(writer->out, name, false);
            add_product(writer->out, factors, count);
            end_field(writer->out);
        }
        writer->features[column->features[i]] = name;
    }
    return PENSTOCK_OK;
}

static void write_dictionary(struct ps_pmml_writer *writer) {
    struct ps_buffer *out = writer->out;
    const struct ps_target *target = &writer->exporting->target;
    const char *label = writer->exporting->options->label;
    ps_buffer_text(out, "  <DataDictionary>\n");
    for (size_t i = 0; i < writer->formula->step_count; i++) {
        const struct ps_formula_step *step = &writer->formula->steps[i];
        if (step->op == PS_FORMULA_NUMBER || step->op == PS_FORMULA_TEXT) {
            const bool is_text = step->op == PS_FORMULA_TEXT;
            ps_buffer_text(out, "    <DataField name=\"");
            ps_export_pmml_text(out, step->name);
            ps_buffer_printf(out, "\" optype=\"%s\" dataType=\"%s\"/>\n",
                             is_text ? "categorical" : "continuous", is_text ? "string" : "double");
        }
    }
    ps_buffer_text(out, "    <DataField name=\"");
    ps_export_pmml_text(out, label == NULL ? "label" : label);
    if (target->class_count == 0) {
        ps_buffer_text(out, "\" optype=\"continuous\" dataType=\"double\"/>\n");
    } else {
        ps_buffer_text(out, "\" optype=\"categorical\" dataType=\"string\">");
        for (size_t k = 0; k < target->class_count; k++) {
            ps_buffer_text(out, "<Value value=\"");
            ps_export_pmml_text(out, target->class_names[k]);
            ps_buffer_text(out, "\"/>");
        }
        ps_buffer_text(out, "</DataField>\n");
    }
    ps_buffer_text(out, "  </DataDictionary>\n");
}

static penstock_code write_transformations(struct ps_pmml_writer *writer) {
    ps_buffer_text(writer->out, "  <TransformationDictionary>\n");
    for (size_t i = 0; i < writer->formula->step_count; i++) {
        PS_TRY(write_step(writer, i));
    }
    const bool is_split = writer->exporting->predictor->type == &ps_trees_predictor_type;
    if (is_split) {
        PS_TRY(ps_export_pmml_tree_fields(writer));
    }
    for (size_t c = 0; c < writer->formula->column_count && !is_split; c++) {
        const struct ps_formula_column *column = &writer->formula->columns[c];
        if (column->is_group) {
            PS_TRY(write_group(writer, c));
        } else {
            writer->features[column->feature] = writer->names[column->value];
        }
    }
    ps_buffer_text(writer->out, "  </TransformationDictionary>\n");
    return PENSTOCK_OK;
}

static void write_table(struct ps_pmml_writer *writer, const char *category, double intercept,
                        const double *coefficients) {
    struct ps_buffer *out = writer->out;
    ps_buffer_text(out, "    <RegressionTable");
    if (category != NULL) {
        ps_buffer_text(out, " targetCategory=\"");
        ps_export_pmml_text(out, category);
        ps_buffer_text(out, "\"");
    }
    ps_buffer_text(out, " intercept=\"");
    ps_export_number(out, intercept);
    ps_buffer_text(out, "\">\n");
    for (size_t j = 0; coefficients != NULL && j < writer->formula->feature_count; j++) {
        ps_buffer_text(out, "      <NumericPredictor name=\"");
        ps_export_pmml_text(out, writer->features[j]);
        ps_buffer_text(out, "\" coefficient=\"");
        ps_export_number(out, coefficients[j]);
        ps_buffer_text(out, "\"/>\n");
    }
    ps_buffer_text(out, "    </RegressionTable>\n");
}

/* NULL: an Apply on the output. */
static const char *normalization_of(enum ps_link link) {
    switch (link) {
    case PS_LINK_IDENTITY: return "none";
    case PS_LINK_LOG: return "exp";
    case PS_LINK_LOGIT: return "logit";
    case PS_LINK_PROBIT: return "probit";
    case PS_LINK_CLOGLOG: return "cloglog";
    case PS_LINK_SOFTMAX: return "softmax";
    case PS_LINK_INVERSE:
    case PS_LINK_SQRT:
    case PS_LINK_POWER: break;
    }
    return NULL;
}

void ps_export_pmml_output(struct ps_pmml_writer *writer, const char *name) {
    struct ps_buffer *out = writer->out;
    const struct ps_target *target = &writer->exporting->target;
    ps_buffer_printf(out,
                     "    <Output>\n      <OutputField name=\"%s\" feature=\"predictedValue\" optype=\"%s\""
                     " dataType=\"%s\"/>\n",
                     name, target->class_count == 0 ? "continuous" : "categorical",
                     target->class_count == 0 ? "double" : "string");
    for (size_t k = 0; k < target->class_count; k++) {
        ps_buffer_text(out, "      <OutputField name=\"probability(");
        ps_export_pmml_text(out, target->class_names[k]);
        ps_buffer_text(out, ")\" feature=\"probability\" optype=\"continuous\" dataType=\"double\" value=\"");
        ps_export_pmml_text(out, target->class_names[k]);
        ps_buffer_text(out, "\"/>\n");
    }
}

static void write_output(struct ps_pmml_writer *writer, const struct ps_linear_predictor *linear) {
    struct ps_buffer *out = writer->out;
    const bool is_direct = normalization_of(linear->link) != NULL;
    ps_export_pmml_output(writer, is_direct ? "prediction" : "sum");
    if (!is_direct) {
        ps_buffer_text(out, "      <OutputField name=\"prediction\" feature=\"transformedValue\""
                            " optype=\"continuous\" dataType=\"double\">");
        if (linear->link == PS_LINK_INVERSE) {
            ps_buffer_text(out, "<Apply function=\"/\">");
            ps_export_pmml_constant(out, 1);
            ps_export_pmml_reference(out, "sum");
        } else if (linear->link == PS_LINK_POWER && linear->link_power == 0) {
            ps_buffer_text(out, "<Apply function=\"exp\">");
            ps_export_pmml_reference(out, "sum");
        } else {
            ps_buffer_text(out, "<Apply function=\"pow\">");
            ps_export_pmml_reference(out, "sum");
            ps_export_pmml_constant(out, linear->link == PS_LINK_SQRT ? 2 : 1 / linear->link_power);
        }
        ps_buffer_text(out, "</Apply></OutputField>\n");
    }
    ps_buffer_text(out, "    </Output>\n");
}

void ps_export_pmml_schema(struct ps_pmml_writer *writer) {
    struct ps_buffer *out = writer->out;
    const char *label = writer->exporting->options->label;
    ps_buffer_text(out, "    <MiningSchema>\n      <MiningField name=\"");
    ps_export_pmml_text(out, label == NULL ? "label" : label);
    ps_buffer_text(out, "\" usageType=\"target\"/>\n");
    for (size_t i = 0; i < writer->formula->step_count; i++) {
        const struct ps_formula_step *step = &writer->formula->steps[i];
        if (step->op == PS_FORMULA_NUMBER || step->op == PS_FORMULA_TEXT) {
            ps_buffer_text(out, "      <MiningField name=\"");
            ps_export_pmml_text(out, step->name);
            ps_buffer_text(out, "\" invalidValueTreatment=\"asIs\"/>\n");
        }
    }
    ps_buffer_text(out, "    </MiningSchema>\n");
}

static void write_model(struct ps_pmml_writer *writer, const struct ps_linear_predictor *linear) {
    struct ps_buffer *out = writer->out;
    const struct ps_target *target = &writer->exporting->target;
    const char *normalization = normalization_of(linear->link);
    ps_buffer_text(out, "  <RegressionModel modelName=\"");
    ps_export_pmml_text(out, writer->exporting->options->name);
    ps_buffer_printf(out, "\" functionName=\"%s\" normalizationMethod=\"%s\">\n",
                     target->class_count == 0 ? "regression" : "classification",
                     normalization == NULL ? "none" : normalization);
    ps_export_pmml_schema(writer);
    write_output(writer, linear);
    if (target->class_count == 2 && linear->sum_count == 1) {
        write_table(writer, target->class_names[1], linear->intercepts[0], linear->coefficients);
        write_table(writer, target->class_names[0], 0, NULL);
    } else {
        for (size_t s = 0; s < linear->sum_count; s++) {
            write_table(writer, target->class_count > 0 ? target->class_names[s] : NULL,
                        linear->intercepts[s], linear->coefficients + s * writer->formula->feature_count);
        }
    }
    ps_buffer_text(out, "  </RegressionModel>\n");
}

penstock_code ps_export_pmml(const struct ps_exporting *exporting, struct ps_buffer *out,
                             struct penstock_error *error) {
    const struct ps_linear_predictor *linear = ps_export_linear(exporting);
    const struct ps_predictor *predictor = exporting->predictor;
    struct ps_pmml_writer writer = {
        .exporting = exporting, .formula = exporting->formula, .out = out, .error = error};
    if (predictor->thresholds != NULL || (linear != NULL && exporting->target.class_count == 2 &&
                                          linear->sum_count == 1 && linear->threshold != 0.5)) {
        return ps_export_refuse(error, "PMML", "a threshold other than 0.5");
    }
    writer.names = ps_arena_allocate(exporting->arena, writer.formula->step_count + 1, sizeof *writer.names);
    writer.features =
        ps_arena_allocate(exporting->arena, writer.formula->feature_count + 1, sizeof *writer.features);
    if (writer.names == NULL || writer.features == NULL) {
        return ps_error_memory(error, "an export");
    }
    ps_buffer_text(out,
                   "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                   "<PMML xmlns=\"http://www.dmg.org/PMML-4_4\" version=\"4.4\">\n  <Header description=\"");
    struct ps_buffer title PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&title, PS_EXPORT_SIZE_MAX);
    ps_export_title(exporting, &title);
    PS_TRY(ps_buffer_status(&title, error));
    ps_export_pmml_text(out, title.data);
    ps_buffer_text(out, "\"><Application name=\"penstock\" version=\"" PENSTOCK_VERSION "\"/></Header>\n");
    write_dictionary(&writer);
    PS_TRY(write_transformations(&writer));
    if (predictor->type == &ps_trees_predictor_type) {
        PS_TRY(ps_export_pmml_trees(&writer, (const struct ps_trees_predictor *)(const void *)predictor));
    } else if (predictor->type == &ps_network_predictor_type) {
        PS_TRY(ps_export_pmml_network(&writer, (const struct ps_network_predictor *)(const void *)predictor));
    } else {
        write_model(&writer, linear);
    }
    ps_buffer_text(out, "</PMML>\n");
    return ps_buffer_status(out, error);
}
