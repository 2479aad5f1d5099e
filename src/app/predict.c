/* SPDX-License-Identifier: Apache-2.0
 *
 * predict.c - rows in, rows with a prediction out, by the same code that scored the hold-out.
 *
 * Texts become numbers as DuckDB's cast in training made them: BOOLEAN is 0 or 1, and a FLOAT is rounded to its own
 * precision first, so that a row of the store predicts the same bits as it did there.
 */
#include "app/rows.h"
#include "app/session.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/table.h"
#include "base/limits.h"
#include "base/option.h"

struct predicting {
    const struct ps_fitted *fitted;
    const char *reference;
    const struct ps_text_table *table;
    struct ps_arena *arena;
    struct ps_input_column *columns; /* per input of the model */
    size_t row_count;
};

static penstock_code find_column(const struct predicting *predicting, const char *name, size_t *column_out,
                                 struct penstock_error *error) {
    const struct ps_text_table *table = predicting->table;
    for (size_t i = 0; i < table->column_count; i++) {
        if (ps_text_equal_nocase(table->names[i], name)) {
            *column_out = i;
            return PENSTOCK_OK;
        }
    }
    const char **names = ps_arena_allocate(predicting->arena, table->column_count + 1, sizeof *names);
    if (names == NULL) {
        return ps_error_memory(error, "predict");
    }
    memcpy(names, table->names, table->column_count * sizeof *names);
    const char *nearest = ps_nearest(name, names);
    ps_error_set(error, PENSTOCK_INVALID_DATA, "the rows have no column '%s', which model %s reads", name,
                 predicting->reference);
    return nearest == NULL
               ? ps_error_hint(
                     error,
                     "give a column of that name; a NULL in it is allowed where TRANSFORM has an Imputer")
               : ps_error_hint(error, "did you mean it by '%s'?", nearest);
}

static const char *cell_at(const struct ps_text_table *table, size_t row, size_t column) {
    return table->cells[row * table->column_count + column];
}

static bool parse_number(const char *text, const char *type, double *value_out) {
    if (ps_text_equal_nocase(text, "true") || ps_text_equal_nocase(text, "false")) {
        *value_out = ps_text_equal_nocase(text, "true") ? 1.0 : 0.0;
        return true;
    }
    if (!ps_parse_double(text, value_out)) {
        return false;
    }
    if (strcmp(type, "FLOAT") == 0) {
        *value_out = (double)(float)*value_out;
    }
    return true;
}

static penstock_code fill_numbers(struct predicting *predicting, size_t column, double *numbers,
                                  uint64_t *validity, struct penstock_error *error) {
    const struct ps_text_table *table = predicting->table;
    for (size_t row = 0; row < predicting->row_count; row++) {
        const char *cell = cell_at(table, row, column);
        if (cell == NULL) {
            continue;
        }
        if (!parse_number(cell, table->types[column], &numbers[row])) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA, "row %zu, column %s: '%.60s' is not a number",
                                row + 1, table->names[column], cell);
        }
        validity[row / 64] |= (uint64_t)1 << (row % 64);
    }
    return PENSTOCK_OK;
}

static void fill_texts(struct predicting *predicting, size_t column, struct ps_bytes *texts,
                       uint64_t *validity) {
    for (size_t row = 0; row < predicting->row_count; row++) {
        const char *cell = cell_at(predicting->table, row, column);
        if (cell != NULL) {
            texts[row] = ps_bytes_of(cell);
            validity[row / 64] |= (uint64_t)1 << (row % 64);
        }
    }
}

static penstock_code fill_input(struct predicting *predicting, size_t input, struct penstock_error *error) {
    const bool is_text = ps_fitted_input_is_text(predicting->fitted, input);
    size_t column = 0;
    PS_TRY(find_column(predicting, ps_fitted_input_name(predicting->fitted, input), &column, error));
    uint64_t *validity =
        ps_arena_allocate(predicting->arena, predicting->row_count / 64 + 1, sizeof *validity);
    void *values = ps_arena_allocate(predicting->arena, predicting->row_count + 1,
                                     is_text ? sizeof(struct ps_bytes) : sizeof(double));
    if (validity == NULL || values == NULL) {
        return ps_error_memory(error, "predict");
    }
    struct ps_input_column *filled = &predicting->columns[input];
    filled->validity = validity;
    if (is_text) {
        filled->texts = values;
        fill_texts(predicting, column, values, validity);
        return PENSTOCK_OK;
    }
    filled->numbers = values;
    return fill_numbers(predicting, column, values, validity, error);
}

/* The fewest digits that read back as the same double. */
static void format_number(double value, char *text, size_t size) {
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, size, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            return;
        }
    }
}

/* Of classes: the kind of type that the label had. */
static const char *type_of(const struct ps_target *target) {
    if (target->class_count == 0) {
        return "DOUBLE";
    }
    return target->is_text ? "VARCHAR" : strcmp(target->class_names[0], "false") == 0 ? "BOOLEAN" : "BIGINT";
}

/* The number, or the class and the probability of each class. False: out of memory. */
static bool write_outputs(const struct predicting *predicting, const double *outputs, const char **texts) {
    const struct ps_target *target = ps_fitted_target(predicting->fitted);
    const size_t width = target->class_count == 0 ? 1 : target->class_count;
    const double class = target->class_count == 0 ? 0 : ps_fitted_class(predicting->fitted, outputs);
    texts[0] = isfinite(class) && target->class_count > 0 ? target->class_names[(size_t) class] : NULL;
    for (size_t i = 0; i < width; i++) {
        char number[40];
        const char **text = &texts[target->class_count == 0 ? 0 : 1 + i];
        format_number(outputs[i], number, sizeof number);
        *text = isfinite(outputs[i]) ? ps_arena_copy(predicting->arena, number) : NULL;
        if (isfinite(outputs[i]) && *text == NULL) {
            return false;
        }
    }
    return true;
}

/* The input's columns, prediction, and of classes probability_CLASS for each. */
static penstock_code add_predictions(const struct predicting *predicting, const double *outputs,
                                     struct ps_text_table **table_out, struct penstock_error *error) {
    const struct ps_text_table *table = predicting->table;
    const struct ps_target *target = ps_fitted_target(predicting->fitted);
    const size_t count = table->column_count;
    const size_t width = target->class_count == 0 ? 1 : target->class_count;
    const size_t room = count + 1 + target->class_count;
    const char **texts = ps_arena_allocate(predicting->arena, room + 1, sizeof *texts);
    const char **types = ps_arena_allocate(predicting->arena, room + 1, sizeof *types);
    struct ps_text_table_builder builder PS_SCOPED(ps_text_table_builder_done) = {0};
    if (texts == NULL || types == NULL) {
        return ps_error_memory(error, "predict");
    }
    memcpy(texts, table->names, count * sizeof *texts);
    memcpy(types, table->types, count * sizeof *types);
    texts[count] = "prediction";
    types[count] = type_of(target);
    for (size_t i = 0; i < target->class_count; i++) {
        texts[count + 1 + i] = ps_arena_printf(predicting->arena, "probability_%s", target->class_names[i]);
        types[count + 1 + i] = "DOUBLE";
        if (texts[count + 1 + i] == NULL) {
            return ps_error_memory(error, "predict");
        }
    }
    PS_TRY(ps_text_table_begin(&builder, texts, types, room, error));
    for (size_t row = 0; row < predicting->row_count; row++) {
        memcpy(texts, &table->cells[row * count], count * sizeof *texts);
        if (!write_outputs(predicting, outputs + row * width, texts + count)) {
            return ps_error_memory(error, "predict");
        }
        PS_TRY(ps_text_table_row(&builder, texts, error));
    }
    return ps_text_table_end(&builder, table_out, error);
}

static penstock_code predict_rows(const struct ps_fitted *fitted, const char *reference,
                                  const struct ps_text_table *table, struct ps_text_table **table_out,
                                  struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct predicting predicting = {.fitted = fitted,
                                    .reference = reference,
                                    .table = table,
                                    .arena = arena,
                                    .row_count = (size_t)table->row_count};
    const size_t input_count = ps_fitted_input_count(fitted);
    predicting.columns =
        arena == NULL ? NULL : ps_arena_allocate(arena, input_count + 1, sizeof *predicting.columns);
    const size_t classes = ps_fitted_target(fitted)->class_count;
    const size_t width = classes == 0 ? 1 : classes;
    double *outputs =
        arena == NULL ? NULL : ps_arena_allocate(arena, predicting.row_count * width + 1, sizeof *outputs);
    if (predicting.columns == NULL || outputs == NULL) {
        return ps_error_memory(error, "predict");
    }
    for (size_t input = 0; input < input_count; input++) {
        PS_TRY(fill_input(&predicting, input, error));
    }
    PS_TRY(classes == 0
               ? ps_fitted_predict(fitted, predicting.columns, table->row_count, outputs, error)
               : ps_fitted_probabilities(fitted, predicting.columns, table->row_count, outputs, error));
    return add_predictions(&predicting, outputs, table_out, error);
}

static void free_fitted(struct ps_fitted **fitted) {
    ps_fitted_free(*fitted);
}

penstock_code ps_app_predict(struct ps_app *app, const char *reference, const char *input, bool is_sql,
                             struct ps_text_table **table_out, struct penstock_error *error) {
    struct ps_access access PS_SCOPED(ps_access_close) = {0};
    struct ps_fitted *fitted PS_SCOPED(free_fitted) = NULL;
    struct ps_text_table *table PS_SCOPED(ps_text_table_drop) = NULL;
    int64_t version = 0;
    PS_TRY(ps_access_open(app, &access, error));
    PS_TRY(ps_access_load(&access, reference, &fitted, &version, error));
    if (is_sql) {
        PS_TRY(ps_access_query(&access, input, &table, error));
    } else {
        PS_TRY(ps_rows_parse(input, &table, error));
    }
    return predict_rows(fitted, reference, table, table_out, error);
}
