/* SPDX-License-Identifier: Apache-2.0
 *
 * export_sql.c - a model as one SELECT that any database can run.
 *
 * Standard SQL but for exp() where the link needs it: CASE, arithmetic on double precision, literals with 17 digits.
 * Sums are written in the order in which penstock adds, so that a database that computes in IEEE doubles from left
 * to right gives the same bits. NULL stands for "cannot be predicted", as it does in penstock predict.
 *
 * Long sums are cut into groups: parsers limit how deep an expression may be (DuckDB: 1000).
 */
#include <math.h>

#include "model/export_sql.h"

/* Terms of one group of a sum. */
#define TERMS_MAX 400

/* A double precision literal: with an exponent it is no DECIMAL. */
void ps_export_sql_literal(struct ps_buffer *out, double value) {
    if (value < 0 || (value == 0 && signbit(value))) {
        ps_buffer_printf(out, "(%.16e)", value);
    } else {
        ps_buffer_printf(out, "%.16e", value);
    }
}

static void add_column(struct ps_buffer *out, const struct ps_formula_step *step) {
    if (step->op == PS_FORMULA_TEXT) {
        ps_buffer_text(out, "CAST(r.");
        ps_buffer_sql_name(out, step->name);
        ps_buffer_text(out, " AS VARCHAR)");
        return;
    }
    /* NaN and infinity are missing: no number lies outside of the range of doubles */
    ps_buffer_text(out, "CASE WHEN CAST(r.");
    ps_buffer_sql_name(out, step->name);
    ps_buffer_text(
        out, " AS DOUBLE PRECISION) BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308 THEN CAST(r.");
    ps_buffer_sql_name(out, step->name);
    ps_buffer_text(out, " AS DOUBLE PRECISION) END");
}

static void add_affine(struct ps_buffer *out, const struct ps_formula_step *step, const char *a) {
    ps_buffer_printf(out, "((%s) - ", a);
    ps_export_sql_literal(out, step->numbers[0]);
    ps_buffer_text(out, ") * ");
    ps_export_sql_literal(out, step->numbers[1]);
    ps_buffer_text(out, " + ");
    ps_export_sql_literal(out, step->numbers[2]);
}

static void add_fill(struct ps_buffer *out, const struct ps_formula_step *step, const char *a) {
    ps_buffer_text(out, "COALESCE(");
    if (isnan(step->numbers[1])) {
        ps_buffer_text(out, a);
    } else {
        ps_buffer_printf(out, "NULLIF(%s, ", a);
        ps_export_sql_literal(out, step->numbers[1]);
        ps_buffer_text(out, ")");
    }
    ps_buffer_text(out, ", ");
    ps_export_sql_literal(out, step->numbers[0]);
    ps_buffer_text(out, ")");
}

static void add_bucket(struct ps_buffer *out, const struct ps_formula_step *step, const char *a) {
    const double *splits = step->list;
    const size_t last = step->list_count - 1;
    ps_buffer_text(out, "CASE");
    if (!isnan(step->unknown)) {
        ps_buffer_printf(out, " WHEN (%s) IS NULL THEN ", a);
        ps_export_sql_literal(out, step->unknown);
    }
    if (isfinite(splits[0])) {
        ps_buffer_printf(out, " WHEN (%s) < ", a);
        ps_export_sql_literal(out, splits[0]);
        ps_buffer_text(out, " THEN NULL");
    }
    for (size_t i = 1; i < last; i++) {
        ps_buffer_printf(out, " WHEN (%s) < ", a);
        ps_export_sql_literal(out, splits[i]);
        ps_buffer_text(out, " THEN ");
        ps_export_sql_literal(out, (double)(i - 1));
    }
    ps_buffer_printf(out, " WHEN (%s) <= ", a);
    ps_export_sql_literal(out, isfinite(splits[last]) ? splits[last] : 1.7976931348623157e308);
    ps_buffer_text(out, " THEN ");
    ps_export_sql_literal(out, (double)(last - 1));
    ps_buffer_text(out, " END");
}

static void add_category(struct ps_buffer *out, const struct ps_categories *categories, size_t index) {
    if (categories->numbers != NULL) {
        ps_export_sql_literal(out, categories->numbers[index]);
    } else {
        ps_buffer_sql_literal(out, categories->labels[index]);
    }
}

static void add_index(struct ps_buffer *out, const struct ps_formula_step *step, const char *a) {
    ps_buffer_printf(out, "CASE %s", a);
    for (size_t i = 0; i < step->categories->count; i++) {
        ps_buffer_text(out, " WHEN ");
        add_category(out, step->categories, i);
        ps_buffer_text(out, " THEN ");
        ps_export_sql_literal(out, (double)i);
    }
    if (!isnan(step->unknown)) {
        ps_buffer_text(out, " ELSE ");
        ps_export_sql_literal(out, step->unknown);
    }
    ps_buffer_text(out, " END");
}

static penstock_code write_step(struct ps_sql_writer *writer, size_t index) {
    const struct ps_formula_step *step = &writer->exporting->formula->steps[index];
    const char *a = step->inputs[0] == PS_NO_STEP ? NULL : writer->texts[step->inputs[0]];
    const char *b = step->inputs[1] == PS_NO_STEP ? NULL : writer->texts[step->inputs[1]];
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, PS_EXPORT_SIZE_MAX);
    switch (step->op) {
    case PS_FORMULA_NUMBER:
    case PS_FORMULA_TEXT: add_column(&text, step); break;
    case PS_FORMULA_AFFINE: add_affine(&text, step, a); break;
    case PS_FORMULA_FILL: add_fill(&text, step, a); break;
    case PS_FORMULA_BUCKET: add_bucket(&text, step, a); break;
    case PS_FORMULA_INDEX: add_index(&text, step, a); break;
    case PS_FORMULA_PRODUCT: ps_buffer_printf(&text, "(%s) * (%s)", a, b); break;
    }
    if (text.failed) {
        return ps_error_set(writer->error, PENSTOCK_UNSUPPORTED, "the SQL of %s would be larger than %zu MiB",
                            step->name, PS_EXPORT_SIZE_MAX >> 20);
    }
    writer->texts[index] = ps_arena_copy(writer->exporting->arena, text.data);
    return writer->texts[index] != NULL ? PENSTOCK_OK : ps_error_memory(writer->error, "an export");
}

static double coefficient_of(const struct ps_formula_column *column, const double *coefficients,
                             size_t category) {
    const int32_t feature = category < column->width ? column->features[category] : -1;
    return feature < 0 ? 0 : coefficients[feature];
}

/* CASE place WHEN category THEN coefficient ... END, NULL where the row cannot be predicted. */
static void add_group(struct ps_sql_writer *writer, const struct ps_formula_column *column,
                      const double *coefficients, struct ps_buffer *out) {
    const struct ps_formula_part *part = &column->parts[0];
    const struct ps_formula_step *step = &writer->exporting->formula->steps[part->step];
    const bool is_index = step->op == PS_FORMULA_INDEX;
    const size_t count = is_index ? step->categories->count : column->width;
    ps_buffer_printf(out, "CASE %s", is_index ? writer->texts[step->inputs[0]] : writer->texts[part->step]);
    for (size_t i = 0; i < count; i++) {
        ps_buffer_text(out, " WHEN ");
        if (is_index) {
            add_category(out, step->categories, i);
        } else {
            ps_export_sql_literal(out, (double)i);
        }
        ps_buffer_text(out, " THEN ");
        ps_export_sql_literal(out, coefficient_of(column, coefficients, i));
    }
    if (!isnan(step->unknown)) {
        if (is_index) {
            ps_buffer_text(out, " ELSE ");
        } else {
            ps_buffer_text(out, " WHEN ");
            ps_export_sql_literal(out, step->unknown);
            ps_buffer_text(out, " THEN ");
        }
        ps_export_sql_literal(out, coefficient_of(column, coefficients, count));
    }
    ps_buffer_text(out, " END");
}

/* The same for a group of several columns: their categories make one number. */
static void add_product_group(struct ps_sql_writer *writer, const struct ps_formula_column *column,
                              const double *coefficients, struct ps_buffer *out) {
    ps_buffer_text(out, "CASE");
    for (size_t p = 0; p < column->part_count; p++) {
        const char *place = writer->texts[column->parts[p].step];
        ps_buffer_printf(out, " WHEN (%s) IS NULL THEN NULL", place);
    }
    for (size_t p = 0; p < column->part_count; p++) {
        ps_buffer_printf(out, " WHEN (%s) >= ", writer->texts[column->parts[p].step]);
        ps_export_sql_literal(out, (double)column->parts[p].width);
        ps_buffer_text(out, " THEN ");
        ps_export_sql_literal(out, 0);
    }
    ps_buffer_text(out, " ELSE CASE ");
    double divisor = 1;
    for (size_t p = 0; p < column->part_count; p++) {
        ps_buffer_printf(out, "%s(%s) * ", p == 0 ? "" : " + ", writer->texts[column->parts[p].step]);
        ps_export_sql_literal(out, divisor);
        divisor *= (double)column->parts[p].width;
    }
    for (size_t i = 0; i < column->width; i++) {
        if (column->features[i] >= 0) {
            ps_buffer_text(out, " WHEN ");
            ps_export_sql_literal(out, (double)i);
            ps_buffer_text(out, " THEN ");
            ps_export_sql_literal(out, coefficients[column->features[i]]);
        }
    }
    ps_buffer_text(out, " ELSE ");
    ps_export_sql_literal(out, 0);
    ps_buffer_text(out, " END END");
}

static void add_term(struct ps_sql_writer *writer, const struct ps_formula_column *column,
                     const double *coefficients, struct ps_buffer *out) {
    if (!column->is_group) {
        ps_export_sql_literal(out, coefficients[column->feature]);
        ps_buffer_printf(out, " * (%s)", writer->texts[column->value]);
        return;
    }
    ps_buffer_text(out, "(");
    if (column->part_count == 1) {
        add_group(writer, column, coefficients, out);
    } else {
        add_product_group(writer, column, coefficients, out);
    }
    ps_buffer_text(out, ")");
    if (column->value != PS_NO_STEP) {
        ps_buffer_printf(out, " * (%s)", writer->texts[column->value]);
    }
}

void ps_export_sql_sum(struct ps_sql_writer *writer, double intercept, const double *coefficients,
                       struct ps_buffer *out) {
    const struct ps_formula *formula = writer->exporting->formula;
    const bool is_cut = formula->column_count > TERMS_MAX;
    ps_buffer_text(out, is_cut ? "(" : "");
    ps_export_sql_literal(out, intercept);
    for (size_t c = 0; c < formula->column_count; c++) {
        const bool begins = is_cut && c > 0 && c % TERMS_MAX == 0;
        ps_buffer_text(out, begins ? ")\n    + (" : "\n    + ");
        add_term(writer, &formula->columns[c], coefficients, out);
    }
    ps_buffer_text(out, is_cut ? ")" : "");
}

/* The prediction of a regression, from its sum. */
static penstock_code add_mean(const struct ps_linear_predictor *linear, const char *sum,
                              struct ps_buffer *out, struct penstock_error *error) {
    switch (linear->link) {
    case PS_LINK_IDENTITY: ps_buffer_text(out, sum); return PENSTOCK_OK;
    case PS_LINK_LOG: ps_buffer_printf(out, "EXP(%s)", sum); return PENSTOCK_OK;
    case PS_LINK_INVERSE: ps_buffer_printf(out, "1e0 / (%s)", sum); return PENSTOCK_OK;
    case PS_LINK_LOGIT: ps_buffer_printf(out, "1e0 / (1e0 + EXP(-(%s)))", sum); return PENSTOCK_OK;
    case PS_LINK_CLOGLOG: ps_buffer_printf(out, "1e0 - EXP(-EXP(%s))", sum); return PENSTOCK_OK;
    case PS_LINK_SQRT: ps_buffer_printf(out, "(%s) * (%s)", sum, sum); return PENSTOCK_OK;
    case PS_LINK_POWER:
        if (linear->link_power == 0) {
            ps_buffer_printf(out, "EXP(%s)", sum);
        } else {
            ps_buffer_printf(out, "POWER(%s, ", sum);
            ps_export_sql_literal(out, 1 / linear->link_power);
            ps_buffer_text(out, ")");
        }
        return PENSTOCK_OK;
    case PS_LINK_PROBIT: return ps_export_refuse(error, "SQL", "the probit link");
    case PS_LINK_SOFTMAX: break;
    }
    return ps_export_refuse(error, "SQL", "this link");
}

static void add_class(const struct ps_exporting *exporting, size_t class_index, struct ps_buffer *out) {
    const char *name = exporting->target.class_names[class_index];
    double number = 0;
    if (exporting->target.is_text || !ps_parse_double(name, &number)) {
        ps_buffer_sql_literal(out, name);
    } else {
        ps_buffer_text(out, name);
    }
}

/* The class that probability_0, ... mean, divided by the model's thresholds if it has some. */
static void add_decision(const struct ps_exporting *exporting, struct ps_buffer *out) {
    const size_t count = exporting->target.class_count;
    const double *thresholds = exporting->predictor->thresholds;
    size_t always = count; /* a threshold of 0 */
    for (size_t k = 0; thresholds != NULL && k < count; k++) {
        always = thresholds[k] == 0 ? k : always;
    }
    ps_buffer_text(out, "CASE WHEN p.probability_0 IS NULL THEN NULL");
    for (size_t k = 0; always == count && k + 1 < count; k++) {
        ps_buffer_text(out, " WHEN ");
        for (size_t j = k + 1; j < count; j++) {
            ps_buffer_printf(out, "%sp.probability_%zu", j == k + 1 ? "" : " AND ", k);
            if (thresholds != NULL) {
                ps_buffer_text(out, " / ");
                ps_export_sql_literal(out, thresholds[k]);
            }
            ps_buffer_printf(out, " >= p.probability_%zu", j);
            if (thresholds != NULL) {
                ps_buffer_text(out, " / ");
                ps_export_sql_literal(out, thresholds[j]);
            }
        }
        ps_buffer_text(out, " THEN ");
        add_class(exporting, k, out);
    }
    ps_buffer_text(out, " ELSE ");
    add_class(exporting, always == count ? count - 1 : always, out);
    ps_buffer_text(out, " END AS prediction");
}

void ps_export_sql_softmax(const struct ps_exporting *exporting, bool is_single, struct ps_buffer *out) {
    const size_t count = exporting->target.class_count;
    ps_buffer_text(out, "SELECT p.*, ");
    add_decision(exporting, out);
    ps_buffer_text(out, "\nFROM (SELECT e.*");
    for (size_t k = 0; k < count; k++) {
        ps_buffer_printf(out, is_single ? ", CAST(e.weight_%zu / CAST((" : ", e.weight_%zu / (", k);
        for (size_t j = 0; j < count; j++) {
            ps_buffer_text(out, j == 0 ? "" : " + ");
            ps_buffer_printf(out, is_single ? "CAST(e.weight_%zu AS DOUBLE PRECISION)" : "e.weight_%zu", j);
        }
        ps_buffer_printf(
            out, is_single ? ") AS REAL) AS DOUBLE PRECISION) AS probability_%zu" : ") AS probability_%zu",
            k);
    }
    ps_buffer_text(out, "\nFROM (SELECT s.*");
    for (size_t k = 0; k < count; k++) {
        ps_buffer_printf(
            out, is_single ? ", CAST(EXP(CAST(s.score_%zu - GREATEST(" : ", EXP(s.score_%zu - GREATEST(", k);
        for (size_t j = 0; j < count; j++) {
            ps_buffer_printf(out, "%ss.score_%zu", j == 0 ? "" : ", ", j);
        }
        ps_buffer_printf(
            out, is_single ? ") AS DOUBLE PRECISION)) AS REAL) AS weight_%zu" : ")) AS weight_%zu", k);
    }
}

static void add_scores(struct ps_sql_writer *writer, const struct ps_linear_predictor *linear,
                       struct ps_buffer *out) {
    const size_t feature_count = writer->exporting->formula->feature_count;
    ps_buffer_text(out, "\nFROM (SELECT r.*");
    for (size_t k = 0; k < linear->sum_count; k++) {
        ps_buffer_text(out, ",\n  ");
        ps_export_sql_sum(writer, linear->intercepts[k], linear->coefficients + k * feature_count, out);
        ps_buffer_printf(out, " AS score_%zu", k);
    }
    ps_buffer_text(out, "\nFROM model_rows AS r) AS s");
}

void ps_export_sql_two(const struct ps_exporting *exporting, double threshold, bool is_single,
                       struct ps_buffer *out) {
    ps_buffer_text(out, "SELECT p.*, ");
    if (exporting->predictor->thresholds != NULL) {
        add_decision(exporting, out);
    } else {
        ps_buffer_text(out, "CASE WHEN p.probability_1 > ");
        ps_export_sql_literal(out, threshold);
        ps_buffer_text(out, " THEN ");
        add_class(exporting, 1, out);
        ps_buffer_text(out, " WHEN p.probability_1 IS NULL THEN NULL ELSE ");
        add_class(exporting, 0, out);
        ps_buffer_text(out, " END AS prediction");
    }
    if (!is_single) {
        ps_buffer_text(out, "\nFROM (SELECT s.*, 1e0 / (1e0 + EXP(s.score_0)) AS probability_0,"
                            " 1e0 / (1e0 + EXP(-s.score_0)) AS probability_1");
        return;
    }
    /* beyond 88 exp() is no float32 any more */
    ps_buffer_text(out, "\nFROM (SELECT o.*, 1e0 - o.probability_1 AS probability_0\nFROM (SELECT s.*, "
                        "CASE WHEN s.score_0 < -88e0 THEN 0e0 ELSE CAST(CAST(1 AS REAL) / "
                        "(CAST(EXP(-CAST(s.score_0 AS DOUBLE PRECISION)) AS REAL) + CAST(1 AS REAL)) "
                        "AS DOUBLE PRECISION) END AS probability_1");
}

static penstock_code add_regression(struct ps_sql_writer *writer, const struct ps_linear_predictor *linear,
                                    struct ps_buffer *out) {
    struct ps_buffer sum PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sum, PS_EXPORT_SIZE_MAX);
    ps_export_sql_sum(writer, linear->intercepts[0], linear->coefficients, &sum);
    PS_TRY(ps_buffer_status(&sum, writer->error));
    ps_buffer_text(out, "SELECT r.*,\n    ");
    PS_TRY(add_mean(linear, sum.data, out, writer->error));
    ps_buffer_text(out, " AS prediction\nFROM model_rows AS r");
    return PENSTOCK_OK;
}

static penstock_code add_linear(struct ps_sql_writer *writer, const struct ps_linear_predictor *linear,
                                struct ps_buffer *out) {
    if (linear->link == PS_LINK_SOFTMAX) {
        ps_export_sql_softmax(writer->exporting, false, out);
        add_scores(writer, linear, out);
        ps_buffer_text(out, ") AS e) AS p");
        return PENSTOCK_OK;
    }
    if (writer->exporting->target.class_count == 2) {
        ps_export_sql_two(writer->exporting, linear->threshold, false, out);
        add_scores(writer, linear, out);
        ps_buffer_text(out, ") AS p");
        return PENSTOCK_OK;
    }
    return add_regression(writer, linear, out);
}

penstock_code ps_export_sql(const struct ps_exporting *exporting, struct ps_buffer *out,
                            struct penstock_error *error) {
    struct ps_sql_writer writer = {.exporting = exporting, .error = error};
    const size_t step_count = exporting->formula->step_count;
    const struct ps_predictor *predictor = exporting->predictor;
    writer.texts = ps_arena_allocate(exporting->arena, step_count + 1, sizeof *writer.texts);
    if (writer.texts == NULL) {
        return ps_error_memory(error, "an export");
    }
    for (size_t i = 0; i < step_count; i++) {
        PS_TRY(write_step(&writer, i));
    }
    ps_buffer_text(out, "-- ");
    ps_export_title(exporting, out);
    ps_buffer_text(out, "\n-- model_rows: the table or query with the columns of the model\n");
    if (predictor->type == &ps_trees_predictor_type) {
        PS_TRY(ps_export_sql_trees(&writer, (const struct ps_trees_predictor *)(const void *)predictor, out));
    } else if (predictor->type == &ps_network_predictor_type) {
        PS_TRY(ps_export_sql_network(&writer, (const struct ps_network_predictor *)(const void *)predictor,
                                     out));
    } else {
        PS_TRY(add_linear(&writer, ps_export_linear(exporting), out));
    }
    ps_buffer_text(out, ";\n");
    return ps_buffer_status(out, error);
}
