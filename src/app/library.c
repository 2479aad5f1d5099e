/* SPDX-License-Identifier: Apache-2.0
 *
 * library.c - the public API (penstock.h) over app.h. Nothing happens here but naming: what the program does and
 * what the library does is the same code.
 */
#include "penstock.h"

#include <stdio.h>

#include "app/app.h"
#include "base/option.h"

/* Inside, an error always has a place: who gives none still gets the right code. */
struct unseen {
    struct penstock_error error;
};

static struct penstock_error *place_of(struct penstock_error *error, struct unseen *unseen) {
    return error == NULL ? &unseen->error : error;
}

struct penstock {
    struct ps_app *app;
};

struct penstock_result {
    struct ps_text_table *table;
};

struct penstock_model {
    struct ps_fitted *fitted;
    int64_t version;
};

const char *penstock_version(void) {
    return PENSTOCK_VERSION;
}

penstock_code penstock_open(const char *directory, const struct penstock_options *options,
                            struct penstock **project_out, struct penstock_error *error) {
    if (directory == NULL || project_out == NULL) {
        return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT,
                            "penstock_open needs a directory and a place for the project");
    }
    struct ps_app_options opened = {.folder = directory};
    if (options != NULL) {
        opened.project = (struct ps_project_options){.target = options->target,
                                                     .master = options->master,
                                                     .settings = options->settings,
                                                     .variables = options->variables};
    }
    struct penstock *project = ps_allocate(1, sizeof *project);
    if (project == NULL) {
        return ps_error_memory(error, "project");
    }
    struct unseen unseen;
    const penstock_code code = ps_app_open(&opened, &project->app, place_of(error, &unseen));
    if (code != PENSTOCK_OK) {
        ps_release(project);
        return code;
    }
    *project_out = project;
    return PENSTOCK_OK;
}

static void print_line(const char *line, void *context) {
    (void)context;
    (void)puts(line);
    (void)fflush(stdout);
}

penstock_code penstock_run(struct penstock *project, const struct penstock_run_options *options,
                           struct penstock_error *error) {
    if (project == NULL) {
        return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "penstock_run needs a project");
    }
    const struct ps_app_run_options run = {.once = options != NULL && options->once,
                                           .on_line = options != NULL && options->quiet ? NULL : print_line};
    struct ps_run_report *report = NULL;
    struct unseen unseen;
    const penstock_code code = ps_app_run(project->app, &run, &report, place_of(error, &unseen));
    ps_run_report_free(report);
    return code;
}

void penstock_stop(struct penstock *project) {
    if (project != NULL) {
        ps_app_stop(project->app);
    }
}

penstock_code penstock_query(struct penstock *project, const char *sql, struct penstock_result **result_out,
                             struct penstock_error *error) {
    if (project == NULL || sql == NULL || result_out == NULL) {
        return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT,
                            "penstock_query needs a project, a statement and a place for the result");
    }
    struct penstock_result *result = ps_allocate(1, sizeof *result);
    if (result == NULL) {
        return ps_error_memory(error, "result");
    }
    struct unseen unseen;
    const penstock_code code = ps_app_query(project->app, sql, &result->table, place_of(error, &unseen));
    if (code != PENSTOCK_OK) {
        ps_release(result);
        return code;
    }
    *result_out = result;
    return PENSTOCK_OK;
}

int64_t penstock_result_row_count(const struct penstock_result *result) {
    return result == NULL ? 0 : result->table->row_count;
}

int64_t penstock_result_column_count(const struct penstock_result *result) {
    return result == NULL ? 0 : (int64_t)result->table->column_count;
}

const char *penstock_result_column_name(const struct penstock_result *result, int64_t column) {
    return column < 0 || column >= penstock_result_column_count(result) ? NULL : result->table->names[column];
}

const char *penstock_result_text(const struct penstock_result *result, int64_t row, int64_t column) {
    if (row < 0 || row >= penstock_result_row_count(result) || column < 0 ||
        column >= penstock_result_column_count(result)) {
        return NULL;
    }
    return result->table->cells[(size_t)row * result->table->column_count + (size_t)column];
}

void penstock_result_free(struct penstock_result *result) {
    if (result != NULL) {
        ps_text_table_free(result->table);
        ps_release(result);
    }
}

penstock_code penstock_model_load(struct penstock *project, const char *name,
                                  struct penstock_model **model_out, struct penstock_error *error) {
    if (project == NULL || name == NULL || model_out == NULL) {
        return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT,
                            "penstock_model_load needs a project, a name and a place for the model");
    }
    struct penstock_model *model = ps_allocate(1, sizeof *model);
    if (model == NULL) {
        return ps_error_memory(error, "model");
    }
    struct unseen unseen;
    const penstock_code code =
        ps_app_load_model(project->app, name, &model->fitted, &model->version, place_of(error, &unseen));
    if (code != PENSTOCK_OK) {
        ps_release(model);
        return code;
    }
    *model_out = model;
    return PENSTOCK_OK;
}

int64_t penstock_model_input_count(const struct penstock_model *model) {
    return model == NULL ? 0 : (int64_t)ps_fitted_input_count(model->fitted);
}

const char *penstock_model_input_name(const struct penstock_model *model, int64_t input) {
    return input < 0 || input >= penstock_model_input_count(model)
               ? NULL
               : ps_fitted_input_name(model->fitted, (size_t)input);
}

int64_t penstock_model_version(const struct penstock_model *model) {
    return model == NULL ? 0 : model->version;
}

/* One value as the column of one row that it is. */
struct single {
    double number;
    struct ps_bytes text;
    uint64_t validity;
};

static penstock_code read_value(const struct ps_fitted *fitted, size_t input, const char *value,
                                struct single *single, struct ps_input_column *column,
                                struct penstock_error *error) {
    single->validity = value != NULL;
    column->validity = &single->validity;
    if (ps_fitted_input_is_text(fitted, input)) {
        single->text = ps_bytes_of(value);
        column->texts = &single->text;
        return PENSTOCK_OK;
    }
    column->numbers = &single->number;
    if (value == NULL || ps_parse_double(value, &single->number)) {
        return PENSTOCK_OK;
    }
    if (ps_text_equal_nocase(value, "true") || ps_text_equal_nocase(value, "false")) {
        single->number = ps_text_equal_nocase(value, "true") ? 1.0 : 0.0;
        return PENSTOCK_OK;
    }
    return ps_error_set(error, PENSTOCK_INVALID_DATA, "column %s: '%.60s' is not a number",
                        ps_fitted_input_name(fitted, input), value);
}

penstock_code penstock_model_predict(const struct penstock_model *model, const char *const *values,
                                     double *prediction_out, struct penstock_error *error) {
    if (model == NULL || values == NULL || prediction_out == NULL) {
        return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT,
                            "penstock_model_predict needs a model, values and a place for the prediction");
    }
    const size_t count = ps_fitted_input_count(model->fitted);
    struct single *singles PS_SCOPED(ps_release_scoped) = ps_allocate(count + 1, sizeof *singles);
    struct ps_input_column *columns PS_SCOPED(ps_release_scoped) = ps_allocate(count + 1, sizeof *columns);
    if (singles == NULL || columns == NULL) {
        return ps_error_memory(error, "predict");
    }
    for (size_t i = 0; i < count; i++) {
        PS_TRY(read_value(model->fitted, i, values[i], &singles[i], &columns[i], error));
    }
    double prediction = 0;
    struct unseen unseen;
    PS_TRY(ps_fitted_predict(model->fitted, columns, 1, &prediction, place_of(error, &unseen)));
    if (prediction != prediction) { /* NaN: a NULL that no Imputer fills, or a category that is skipped */
        return ps_error_set(
            error, PENSTOCK_INVALID_DATA,
            "this row cannot be predicted: a value is missing, or is a category the model never saw");
    }
    *prediction_out = prediction;
    return PENSTOCK_OK;
}

void penstock_model_free(struct penstock_model *model) {
    if (model != NULL) {
        ps_fitted_free(model->fitted);
        ps_release(model);
    }
}

void penstock_close(struct penstock *project) {
    if (project != NULL) {
        ps_app_close(project->app);
        ps_release(project);
    }
}
