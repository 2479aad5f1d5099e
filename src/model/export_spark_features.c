/* SPDX-License-Identifier: Apache-2.0
 *
 * export_spark_features.c - one-hot groups and numbers, assembled into the vector that Spark's predictor reads.
 *
 * Every category has its element, also the one that dropLast leaves out (its coefficient is 0): Spark's encoder can
 * leave out only the last by index, penstock leaves out the last that the training rows have.
 */
#include <math.h>

#include "model/export_spark.h"

/* One part of a group as zeros and ones. *size_out: elements of the vector. */
static penstock_code encode(struct ps_spark_writer *writer, const struct ps_formula_part *part,
                            const char **column_out, size_t *size_out) {
    const struct ps_formula_step *step = &writer->formula->steps[part->step];
    struct ps_spark_stage *stage = ps_spark_add(&writer->stages, "feature.OneHotEncoderModel");
    *column_out = ps_spark_name(writer);
    if (stage == NULL || *column_out == NULL) {
        return ps_spark_no_memory(writer);
    }
    const bool keeps = !isnan(step->unknown);
    const bool is_bucket = step->op == PS_FORMULA_BUCKET;
    const size_t known = is_bucket ? step->list_count - 1 : step->categories->count;
    /* Bucketizer says in the schema that it has only the buckets, StringIndexer that it has one more */
    const int64_t size = (int64_t)(known + (keeps && !is_bucket ? 1 : 0));
    *size_out = known + (keeps ? 1 : 0);
    ps_spark_set_texts(stage, "inputCols", &writer->places[part->step].column, 1);
    ps_spark_set_texts(stage, "outputCols", column_out, 1);
    ps_spark_set_bool(stage, "dropLast", false);
    ps_spark_set_text(stage, "handleInvalid", keeps && is_bucket ? "keep" : "error");
    ps_spark_learn_integers(stage, "categorySizes", &size, 1);
    return PENSTOCK_OK;
}

/* Without what the schema says of its categories: Interaction would encode it. */
static penstock_code plain_copy(struct ps_spark_writer *writer, size_t step, const char **column_out) {
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, PS_EXPORT_SIZE_MAX);
    *column_out = ps_spark_name(writer);
    ps_buffer_text(&text, "coalesce("); /* Interaction stops at NULL, NaN passes */
    ps_spark_add_column(writer, &text, step);
    ps_buffer_text(&text, ", CAST('NaN' AS DOUBLE)) + 0D AS ");
    if (*column_out == NULL) {
        return ps_spark_no_memory(writer);
    }
    ps_spark_add_identifier(&text, *column_out);
    PS_TRY(ps_buffer_status(&text, writer->error));
    return ps_spark_add_sql(writer, text.data, NULL);
}

static void place_group(struct ps_spark_writer *writer, const struct ps_formula_column *column,
                        const size_t *sizes) {
    for (size_t i = 0; i < column->width; i++) {
        size_t place = 0;
        size_t rest = i;
        for (size_t p = 0; p < column->part_count; p++) { /* Interaction: the first varies slowest */
            place = place * sizes[p] + rest % column->parts[p].width;
            rest /= column->parts[p].width;
        }
        if (column->features[i] >= 0) {
            writer->positions[column->features[i]] = writer->width + place;
        }
    }
    size_t width = 1;
    for (size_t p = 0; p < column->part_count; p++) {
        width *= sizes[p];
    }
    writer->width += width;
}

static penstock_code write_group(struct ps_spark_writer *writer, const struct ps_formula_column *column,
                                 const char **column_out) {
    struct ps_arena *arena = writer->exporting->arena;
    const char **columns = ps_arena_allocate(arena, column->part_count + 2, sizeof *columns);
    size_t *sizes = ps_arena_allocate(arena, column->part_count + 1, sizeof *sizes);
    if (columns == NULL || sizes == NULL) {
        return ps_spark_no_memory(writer);
    }
    size_t count = 0;
    for (; count < column->part_count; count++) {
        PS_TRY(encode(writer, &column->parts[count], &columns[count], &sizes[count]));
    }
    place_group(writer, column, sizes);
    if (column->value != PS_NO_STEP) {
        PS_TRY(plain_copy(writer, column->value, &columns[count++]));
    }
    *column_out = columns[0];
    if (count == 1) {
        return PENSTOCK_OK;
    }
    struct ps_spark_stage *stage = ps_spark_add(&writer->stages, "feature.Interaction");
    *column_out = ps_spark_name(writer);
    if (stage == NULL || *column_out == NULL) {
        return ps_spark_no_memory(writer);
    }
    ps_spark_set_texts(stage, "inputCols", columns, count);
    ps_spark_set_text(stage, "outputCol", *column_out);
    return PENSTOCK_OK;
}

/* Elements of the vector column that step `step` is in. */
static size_t vector_size(const struct ps_spark_writer *writer, const char *column) {
    size_t size = 0;
    for (size_t i = 0; i < writer->formula->step_count; i++) {
        const struct ps_spark_place *place = &writer->places[i];
        if (place->element >= 0 && strcmp(place->column, column) == 0) {
            size = (size_t)place->element + 1 > size ? (size_t)place->element + 1 : size;
        }
    }
    return size;
}

/* A number's column, or the whole vector that it is in, once. */
static size_t place_number(struct ps_spark_writer *writer, const struct ps_formula_column *column,
                           const char **columns, size_t *starts, size_t count) {
    const struct ps_spark_place *place = &writer->places[column->value];
    const size_t element = place->element < 0 ? 0 : (size_t)place->element;
    for (size_t i = 0; i < count && place->element >= 0; i++) {
        if (strcmp(columns[i], place->column) == 0) {
            writer->positions[column->feature] = starts[i] + element;
            return count;
        }
    }
    columns[count] = place->column;
    starts[count] = writer->width;
    writer->positions[column->feature] = writer->width + element;
    writer->width += place->element < 0 ? 1 : vector_size(writer, place->column);
    return count + 1;
}

penstock_code ps_export_spark_features(struct ps_spark_writer *writer) {
    const struct ps_formula *formula = writer->formula;
    struct ps_arena *arena = writer->exporting->arena;
    const char **columns = ps_arena_allocate(arena, formula->column_count + 1, sizeof *columns);
    size_t *starts = ps_arena_allocate(arena, formula->column_count + 1, sizeof *starts);
    size_t count = 0;
    if (columns == NULL || starts == NULL) {
        return ps_spark_no_memory(writer);
    }
    for (size_t c = 0; c < formula->column_count; c++) {
        const struct ps_formula_column *column = &formula->columns[c];
        if (column->is_group) {
            starts[count] = writer->width;
            PS_TRY(write_group(writer, column, &columns[count]));
            count++;
        } else {
            count = place_number(writer, column, columns, starts, count);
        }
    }
    return ps_spark_assemble(writer, columns, count, "features");
}
