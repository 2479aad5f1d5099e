/* SPDX-License-Identifier: Apache-2.0
 *
 * export_spark.c - a model's steps as stages of a Spark ML PipelineModel.
 *
 * Spark's scalers and predictors read vectors, its other stages columns, and nothing leads back from a vector to a
 * column. So a step whose value somebody reads as a column is a SQLTransformer where Spark's own stage would put it
 * into a vector. Steps that one transform made for several columns become one stage. The features are assembled in
 * Spark's order; the coefficients follow them.
 */
#include "model/export_spark.h"

#include <ctype.h>
#include <math.h>

#include "base/file.h"

/* --- names and columns ------------------------------------------------------------------------------------ */

const char *ps_spark_name(struct ps_spark_writer *writer) {
    return ps_arena_printf(writer->exporting->arena, "penstock_%zu", writer->name_count++);
}

void ps_spark_add_identifier(struct ps_buffer *out, const char *name) {
    ps_buffer_text(out, "`");
    for (const char *at = name; *at != '\0'; at++) {
        ps_buffer_add(out, at, 1);
        ps_buffer_text(out, *at == '`' ? "`" : "");
    }
    ps_buffer_text(out, "`");
}

/* A dot in a name would be a field of a struct. */
static bool is_plain(const char *name) {
    for (const char *at = name; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) && *at != '_') {
            return false;
        }
    }
    return name[0] != '\0';
}

penstock_code ps_spark_no_memory(struct ps_spark_writer *writer) {
    return ps_error_memory(writer->error, "an export");
}

penstock_code ps_spark_add_sql(struct ps_spark_writer *writer, const char *expressions,
                               const char *condition) {
    struct ps_spark_stage *stage = ps_spark_add(&writer->stages, "feature.SQLTransformer");
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, PS_EXPORT_SIZE_MAX);
    if (condition == NULL) {
        ps_buffer_printf(&text, "SELECT *, %s FROM __THIS__", expressions);
    } else {
        ps_buffer_printf(&text, "SELECT * FROM (SELECT *, %s FROM __THIS__) WHERE %s", expressions,
                         condition);
    }
    PS_TRY(ps_buffer_status(&text, writer->error));
    if (stage == NULL) {
        return ps_spark_no_memory(writer);
    }
    ps_spark_set_text(stage, "statement", text.data);
    return PENSTOCK_OK;
}

static void add_literal(struct ps_buffer *out, double value) {
    ps_buffer_printf(out, value < 0 || signbit(value) ? "(%.16eD)" : "%.16eD", value);
}

void ps_spark_add_column(struct ps_spark_writer *writer, struct ps_buffer *out, size_t step) {
    ps_spark_add_identifier(out, writer->places[step].column);
}

/* A SQLTransformer for one step; `text` has the expression. */
static penstock_code add_expression(struct ps_spark_writer *writer, struct ps_buffer *text, size_t step,
                                    const char *condition) {
    const char *name = ps_spark_name(writer);
    if (name == NULL) {
        return ps_spark_no_memory(writer);
    }
    ps_buffer_text(text, " AS ");
    ps_spark_add_identifier(text, name);
    PS_TRY(ps_buffer_status(text, writer->error));
    PS_TRY(ps_spark_add_sql(writer, text->data, condition));
    writer->places[step] = (struct ps_spark_place){name, -1};
    return PENSTOCK_OK;
}

/* A column of the rows as what the model takes it for, where Spark might see something else in it. */
static penstock_code write_input(struct ps_spark_writer *writer, size_t index) {
    const struct ps_formula_step *step = &writer->formula->steps[index];
    const bool is_text = step->op == PS_FORMULA_TEXT;
    const char *type = step->type_text == NULL ? "" : step->type_text;
    if (is_plain(step->name) && strcmp(type, is_text ? "VARCHAR" : "DOUBLE") == 0) {
        writer->places[index] = (struct ps_spark_place){step->name, -1};
        return PENSTOCK_OK;
    }
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, PS_EXPORT_SIZE_MAX);
    ps_buffer_text(&text, "CAST(");
    ps_spark_add_identifier(&text, step->name);
    ps_buffer_text(&text, is_text ? " AS STRING)" : " AS DOUBLE)");
    return add_expression(writer, &text, index, NULL);
}

/* --- vectors ---------------------------------------------------------------------------------------------- */

static penstock_code slice(struct ps_spark_writer *writer, const struct ps_spark_place *place,
                           const char **column_out) {
    struct ps_spark_stage *stage = ps_spark_add(&writer->stages, "feature.VectorSlicer");
    *column_out = ps_spark_name(writer);
    if (stage == NULL || *column_out == NULL) {
        return ps_spark_no_memory(writer);
    }
    ps_spark_set_text(stage, "inputCol", place->column);
    ps_spark_set_text(stage, "outputCol", *column_out);
    ps_spark_set_integers(stage, "indices", &place->element, 1);
    return PENSTOCK_OK;
}

/* NULL and NaN pass, and make the prediction NaN. */
penstock_code ps_spark_assemble(struct ps_spark_writer *writer, const char *const *columns, size_t count,
                                const char *output) {
    struct ps_spark_stage *stage = ps_spark_add(&writer->stages, "feature.VectorAssembler");
    if (stage == NULL) {
        return ps_spark_no_memory(writer);
    }
    ps_spark_set_texts(stage, "inputCols", columns, count);
    ps_spark_set_text(stage, "outputCol", output);
    ps_spark_set_text(stage, "handleInvalid", "keep");
    return PENSTOCK_OK;
}

/* The values of `count` steps as one vector. */
static penstock_code gather(struct ps_spark_writer *writer, const size_t *steps, size_t count,
                            const char **vector_out) {
    const char **columns = ps_arena_allocate(writer->exporting->arena, count + 1, sizeof *columns);
    *vector_out = ps_spark_name(writer);
    if (columns == NULL || *vector_out == NULL) {
        return ps_spark_no_memory(writer);
    }
    for (size_t i = 0; i < count; i++) {
        const struct ps_spark_place *place = &writer->places[steps[i]];
        columns[i] = place->column;
        if (place->element >= 0) {
            PS_TRY(slice(writer, place, &columns[i]));
        }
    }
    return ps_spark_assemble(writer, columns, count, *vector_out);
}

/* --- scalers ---------------------------------------------------------------------------------------------- */

static penstock_code scale_by_sql(struct ps_spark_writer *writer, size_t index) {
    const struct ps_formula_step *step = &writer->formula->steps[index];
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, PS_EXPORT_SIZE_MAX);
    ps_buffer_text(&text, "(");
    ps_spark_add_column(writer, &text, step->inputs[0]);
    ps_buffer_text(&text, " - ");
    add_literal(&text, step->numbers[0]);
    ps_buffer_text(&text, ") * ");
    add_literal(&text, step->numbers[1]);
    ps_buffer_text(&text, " + ");
    add_literal(&text, step->numbers[2]);
    return add_expression(writer, &text, index, NULL);
}

static double option_number(const struct ps_transform *transform, const char *name) {
    const struct ps_option *row = ps_option_find(transform->type->options, name);
    double value = 0;
    if (row != NULL) {
        memcpy(&value, (const char *)transform->config + row->offset, sizeof value);
    }
    return value;
}

/* What Spark's own scaler learns, from shift, factor, offset. first: mean, least, median; second: what it divides by,
 * or the largest. */
static void learn_scaler(struct ps_spark_stage *stage, const struct ps_transform *transform,
                         const double *shifts, const double *factors, double *scratch, size_t count) {
    const bool is_min_max = transform->type == &ps_min_max_scaler_type;
    const double least = is_min_max ? option_number(transform, "min") : 0;
    const double largest = is_min_max ? option_number(transform, "max") : 1;
    for (size_t i = 0; i < count; i++) {
        const double range = factors[i] == 0 ? 0 : (largest - least) / factors[i];
        scratch[i] = is_min_max ? shifts[i] + range : range;
    }
    if (is_min_max) {
        ps_spark_set_number(stage, "min", least);
        ps_spark_set_number(stage, "max", largest);
        ps_spark_learn_vector(stage, "originalMin", shifts, count);
        ps_spark_learn_vector(stage, "originalMax", scratch, count);
    } else if (transform->type == &ps_max_abs_scaler_type) {
        ps_spark_learn_vector(stage, "maxAbs", scratch, count);
    } else if (transform->type == &ps_robust_scaler_type) {
        ps_spark_set_bool(stage, "withCentering", true);
        ps_spark_learn_vector(stage, "range", scratch, count);
        ps_spark_learn_vector(stage, "median", shifts, count);
    } else {
        ps_spark_set_bool(stage, "withMean", true);
        ps_spark_learn_vector(stage, "std", scratch, count);
        ps_spark_learn_vector(stage, "mean", shifts, count);
    }
}

static const char *scaler_class(const struct ps_transform *transform) {
    static const struct {
        const struct ps_transform_type *type;
        const char *class_name;
    } classes[] = {
        {&ps_standard_scaler_type, "feature.StandardScalerModel"},
        {&ps_min_max_scaler_type, "feature.MinMaxScalerModel"},
        {&ps_max_abs_scaler_type, "feature.MaxAbsScalerModel"},
        {&ps_robust_scaler_type, "feature.RobustScalerModel"},
    };
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (classes[i].type == transform->type) {
            return classes[i].class_name;
        }
    }
    return NULL;
}

static penstock_code scale_vector(struct ps_spark_writer *writer, const size_t *steps, size_t count,
                                  const struct ps_transform *transform) {
    struct ps_arena *arena = writer->exporting->arena;
    double *numbers = ps_arena_allocate(arena, 3 * count + 1, sizeof(double));
    size_t *inputs = ps_arena_allocate(arena, count + 1, sizeof(size_t));
    if (numbers == NULL || inputs == NULL) {
        return ps_spark_no_memory(writer);
    }
    for (size_t i = 0; i < count; i++) {
        const struct ps_formula_step *step = &writer->formula->steps[steps[i]];
        inputs[i] = step->inputs[0];
        numbers[i] = step->numbers[0];
        numbers[count + i] = step->numbers[1];
    }
    const char *vector = NULL;
    PS_TRY(gather(writer, inputs, count, &vector));
    struct ps_spark_stage *stage = ps_spark_add(&writer->stages, scaler_class(transform));
    const char *output = ps_spark_name(writer);
    if (stage == NULL || output == NULL) {
        return ps_spark_no_memory(writer);
    }
    ps_spark_set_text(stage, "inputCol", vector);
    ps_spark_set_text(stage, "outputCol", output);
    learn_scaler(stage, transform, numbers, numbers + count, numbers + 2 * count, count);
    for (size_t i = 0; i < count; i++) {
        writer->places[steps[i]] = (struct ps_spark_place){output, (int64_t)i};
    }
    return PENSTOCK_OK;
}

/* --- columns ---------------------------------------------------------------------------------------------- */

/* ImputerModel reads and fills whole columns; what is missing beside NULL is made NULL first. */
static penstock_code fill(struct ps_spark_writer *writer, const size_t *steps, size_t count) {
    struct ps_arena *arena = writer->exporting->arena;
    const char **columns = ps_arena_allocate(arena, 2 * count + 1, sizeof *columns);
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, PS_EXPORT_SIZE_MAX);
    for (size_t i = 0; columns != NULL && i < count; i++) {
        const struct ps_formula_step *step = &writer->formula->steps[steps[i]];
        columns[i] = ps_spark_name(writer);
        columns[count + i] = ps_spark_name(writer);
        if (columns[i] == NULL || columns[count + i] == NULL) {
            return ps_spark_no_memory(writer);
        }
        ps_buffer_text(&text, i == 0 ? "nullif(" : ", nullif(");
        ps_buffer_text(&text, isnan(step->numbers[1]) ? "" : "nullif(");
        ps_spark_add_column(writer, &text, step->inputs[0]);
        if (!isnan(step->numbers[1])) {
            ps_buffer_text(&text, ", ");
            add_literal(&text, step->numbers[1]);
            ps_buffer_text(&text, ")");
        }
        ps_buffer_text(&text, ", double('NaN')) AS ");
        ps_spark_add_identifier(&text, columns[i]);
        writer->places[steps[i]] = (struct ps_spark_place){columns[count + i], -1};
    }
    PS_TRY(ps_buffer_status(&text, writer->error));
    if (columns == NULL) {
        return ps_spark_no_memory(writer);
    }
    PS_TRY(ps_spark_add_sql(writer, text.data, NULL));
    struct ps_spark_stage *stage = ps_spark_add(&writer->stages, "feature.ImputerModel");
    if (stage == NULL) {
        return ps_spark_no_memory(writer);
    }
    ps_spark_set_texts(stage, "inputCols", columns, count);
    ps_spark_set_texts(stage, "outputCols", columns + count, count);
    for (size_t i = 0; i < count; i++) {
        ps_spark_learn_number(stage, columns[i], writer->formula->steps[steps[i]].numbers[0]);
    }
    return PENSTOCK_OK;
}

static const char *invalid_of(const struct ps_formula_step *step) {
    return !isnan(step->unknown) ? "keep" : step->refuses ? "error" : "skip";
}

static penstock_code bucket(struct ps_spark_writer *writer, size_t index) {
    const struct ps_formula_step *step = &writer->formula->steps[index];
    struct ps_spark_stage *stage = ps_spark_add(&writer->stages, "feature.Bucketizer");
    const char *output = ps_spark_name(writer);
    if (stage == NULL || output == NULL) {
        return ps_spark_no_memory(writer);
    }
    ps_spark_set_text(stage, "inputCol", writer->places[step->inputs[0]].column);
    ps_spark_set_text(stage, "outputCol", output);
    ps_spark_set_numbers(stage, "splits", step->list, step->list_count);
    ps_spark_set_text(stage, "handleInvalid", invalid_of(step));
    writer->places[index] = (struct ps_spark_place){output, -1};
    return PENSTOCK_OK;
}

/* Spark's StringIndexer compares numbers as it prints them; a CASE compares them as numbers. */
static penstock_code index_numbers(struct ps_spark_writer *writer, size_t index) {
    const struct ps_formula_step *step = &writer->formula->steps[index];
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    struct ps_buffer condition PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, PS_EXPORT_SIZE_MAX);
    ps_buffer_init(&condition, PS_EXPORT_SIZE_MAX);
    ps_buffer_text(&text, "CASE ");
    ps_spark_add_column(writer, &text, step->inputs[0]);
    for (size_t i = 0; i < step->categories->count; i++) {
        ps_buffer_text(&text, " WHEN ");
        add_literal(&text, step->categories->numbers[i]);
        ps_buffer_text(&text, " THEN ");
        add_literal(&text, (double)i);
    }
    if (!isnan(step->unknown)) {
        ps_buffer_text(&text, " ELSE ");
        add_literal(&text, step->unknown);
    } else if (step->refuses) {
        ps_buffer_text(&text, " ELSE CAST(raise_error('unknown category') AS DOUBLE)");
    }
    ps_buffer_text(&text, " END");
    const size_t next = writer->name_count;
    if (isnan(step->unknown) && !step->refuses) {
        ps_buffer_printf(&condition, "penstock_%zu IS NOT NULL", next);
        PS_TRY(ps_buffer_status(&condition, writer->error));
    }
    return add_expression(writer, &text, index, condition.size > 0 ? condition.data : NULL);
}

static penstock_code index_texts(struct ps_spark_writer *writer, const size_t *steps, size_t count) {
    struct ps_arena *arena = writer->exporting->arena;
    const char **columns = ps_arena_allocate(arena, 2 * count + 1, sizeof *columns);
    struct ps_spark_stage *stage = ps_spark_add(&writer->stages, "feature.StringIndexerModel");
    if (columns == NULL || stage == NULL) {
        return ps_spark_no_memory(writer);
    }
    ps_spark_begin_labels(stage, "labelsArray");
    for (size_t i = 0; i < count; i++) {
        const struct ps_formula_step *step = &writer->formula->steps[steps[i]];
        columns[i] = writer->places[step->inputs[0]].column;
        columns[count + i] = ps_spark_name(writer);
        if (columns[count + i] == NULL) {
            return ps_spark_no_memory(writer);
        }
        ps_spark_add_labels(stage, step->categories->labels, step->categories->count);
        writer->places[steps[i]] = (struct ps_spark_place){columns[count + i], -1};
    }
    ps_spark_end_labels(stage, "labelsArray");
    ps_spark_set_texts(stage, "inputCols", columns, count);
    ps_spark_set_texts(stage, "outputCols", columns + count, count);
    ps_spark_set_text(stage, "handleInvalid", invalid_of(&writer->formula->steps[steps[0]]));
    return PENSTOCK_OK;
}

static penstock_code multiply(struct ps_spark_writer *writer, size_t index) {
    const struct ps_formula_step *step = &writer->formula->steps[index];
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, PS_EXPORT_SIZE_MAX);
    ps_spark_add_column(writer, &text, step->inputs[0]);
    ps_buffer_text(&text, " * ");
    ps_spark_add_column(writer, &text, step->inputs[1]);
    return add_expression(writer, &text, index, NULL);
}

/* --- steps ------------------------------------------------------------------------------------------------ */

/* Which steps somebody reads as a column. */
static void mark_scalars(struct ps_spark_writer *writer) {
    const struct ps_formula *formula = writer->formula;
    for (size_t i = 0; i < formula->step_count; i++) {
        const struct ps_formula_step *step = &formula->steps[i];
        if (step->op == PS_FORMULA_AFFINE &&
            scaler_class(&formula->fitted->pipeline->transforms[step->transform]) == NULL) {
            writer->is_scalar[i] = true; /* Spark has no stage for it that takes some columns */
        }
        for (size_t k = 0; k < 2 && step->op != PS_FORMULA_AFFINE; k++) {
            if (step->inputs[k] != PS_NO_STEP) {
                writer->is_scalar[step->inputs[k]] = true;
            }
        }
    }
    for (size_t c = 0; c < formula->column_count; c++) {
        const struct ps_formula_column *column = &formula->columns[c];
        if (column->is_group && column->value != PS_NO_STEP) {
            writer->is_scalar[column->value] = true;
        }
    }
    for (size_t i = formula->step_count; i > 0; i--) { /* what is computed from columns needs columns */
        const struct ps_formula_step *step = &formula->steps[i - 1];
        if (step->op == PS_FORMULA_AFFINE && writer->is_scalar[i - 1]) {
            writer->is_scalar[step->inputs[0]] = true;
        }
    }
}

static penstock_code write_one(struct ps_spark_writer *writer, size_t index) {
    switch (writer->formula->steps[index].op) {
    case PS_FORMULA_NUMBER:
    case PS_FORMULA_TEXT: return write_input(writer, index);
    case PS_FORMULA_AFFINE: return scale_by_sql(writer, index);
    case PS_FORMULA_FILL: return fill(writer, &index, 1);
    case PS_FORMULA_BUCKET: return bucket(writer, index);
    case PS_FORMULA_INDEX: return index_numbers(writer, index);
    case PS_FORMULA_PRODUCT: return multiply(writer, index);
    }
    return ps_export_refuse(writer->error, "Spark ML", ps_export_maker(writer->exporting, index));
}

/* Steps that can be in one stage with step `first`. */
static bool belongs(const struct ps_spark_writer *writer, size_t first, size_t step) {
    const struct ps_formula_step *a = &writer->formula->steps[first];
    const struct ps_formula_step *b = &writer->formula->steps[step];
    if (a->transform != b->transform || a->op != b->op || a->transform == PS_NO_STEP) {
        return false;
    }
    switch (a->op) {
    case PS_FORMULA_AFFINE:
        return !writer->is_scalar[first] && !writer->is_scalar[step] &&
               scaler_class(&writer->formula->fitted->pipeline->transforms[a->transform]) != NULL;
    case PS_FORMULA_FILL: return true;
    case PS_FORMULA_INDEX: return a->categories->numbers == NULL && b->categories->numbers == NULL;
    case PS_FORMULA_NUMBER:
    case PS_FORMULA_TEXT:
    case PS_FORMULA_BUCKET:
    case PS_FORMULA_PRODUCT: break;
    }
    return false;
}

static penstock_code write_run(struct ps_spark_writer *writer, size_t first, bool *is_done) {
    const struct ps_formula *formula = writer->formula;
    size_t *steps = ps_arena_allocate(writer->exporting->arena, formula->step_count, sizeof(size_t));
    size_t count = 0;
    if (steps == NULL) {
        return ps_spark_no_memory(writer);
    }
    for (size_t i = first; i < formula->step_count; i++) {
        if (!is_done[i] && belongs(writer, first, i)) {
            steps[count++] = i;
            is_done[i] = true;
        }
    }
    const struct ps_formula_step *step = &formula->steps[first];
    if (step->op == PS_FORMULA_FILL) {
        return fill(writer, steps, count);
    }
    return step->op == PS_FORMULA_INDEX
               ? index_texts(writer, steps, count)
               : scale_vector(writer, steps, count, &formula->fitted->pipeline->transforms[step->transform]);
}

static penstock_code write_steps(struct ps_spark_writer *writer) {
    bool *is_done =
        ps_arena_allocate(writer->exporting->arena, writer->formula->step_count + 1, sizeof *is_done);
    if (is_done == NULL) {
        return ps_spark_no_memory(writer);
    }
    for (size_t i = 0; i < writer->formula->step_count; i++) {
        if (is_done[i]) {
            continue;
        }
        PS_TRY(belongs(writer, i, i) ? write_run(writer, i, is_done) : write_one(writer, i));
    }
    return PENSTOCK_OK;
}

static penstock_code write_stages(struct ps_spark_writer *writer) {
    mark_scalars(writer);
    PS_TRY(write_steps(writer));
    PS_TRY(ps_export_spark_features(writer));
    PS_TRY(ps_export_spark_predictor(writer));
    const char *folder = ps_path_join(writer->exporting->arena, writer->exporting->folder, "spark");
    if (folder == NULL) {
        return ps_spark_no_memory(writer);
    }
    return ps_spark_write(&writer->stages, folder, "PipelineModel_penstock",
                          writer->exporting->options->connection, writer->error);
}

penstock_code ps_export_spark(const struct ps_exporting *exporting, struct penstock_error *error) {
    const size_t step_count = exporting->formula->step_count + 1;
    struct ps_arena *arena = exporting->arena;
    struct ps_spark_writer writer = {
        .exporting = exporting, .formula = exporting->formula, .stages = {.arena = arena}, .error = error};
    writer.places = ps_arena_allocate(arena, step_count, sizeof *writer.places);
    writer.is_scalar = ps_arena_allocate(arena, step_count, sizeof *writer.is_scalar);
    writer.positions =
        ps_arena_allocate(arena, exporting->formula->feature_count + 1, sizeof *writer.positions);
    if (writer.places == NULL || writer.is_scalar == NULL || writer.positions == NULL) {
        return ps_error_memory(error, "an export");
    }
    const penstock_code code = write_stages(&writer);
    ps_spark_done(&writer.stages);
    return code;
}
