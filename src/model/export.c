/* SPDX-License-Identifier: Apache-2.0
 *
 * export.c - the folder of an export: made beside its place, filled, and moved there when it is whole.
 */
#include "model/export.h"

#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "model/export_parts.h"

const char *const ps_export_formats[] = {"mlflow", "onnx", "spark", "pmml", "sql", "xgboost", NULL};

/* In the order in which they are written: MLmodel points to the ONNX file. */
struct format {
    const char *name, *file;
    penstock_code (*write)(const struct ps_exporting *exporting, struct ps_buffer *out,
                           struct penstock_error *error);
    penstock_code (*write_folder)(const struct ps_exporting *exporting, struct penstock_error *error);
};
static const struct format formats[PS_EXPORT_FORMAT_COUNT] = {
    {"onnx", "model.onnx", ps_export_onnx, NULL}, {"mlflow", "MLmodel", ps_export_mlmodel, NULL},
    {"spark", "spark", NULL, ps_export_spark},    {"pmml", "model.pmml", ps_export_pmml, NULL},
    {"sql", "model.sql", ps_export_sql, NULL},    {"xgboost", "model.xgboost.json", ps_export_xgboost, NULL},
};

const struct ps_linear_predictor *ps_export_linear(const struct ps_exporting *exporting) {
    return exporting->predictor->type == &ps_linear_predictor_type
               ? (const struct ps_linear_predictor *)(const void *)exporting->predictor
               : NULL;
}

const char *ps_export_estimator(const struct ps_exporting *exporting) {
    return exporting->predictor->type == &ps_network_predictor_type ? "MultilayerPerceptron"
           : exporting->predictor->type == &ps_trees_predictor_type ? "GradientBoostedTrees"
                                                                    : "a linear model";
}

void ps_export_title(const struct ps_exporting *exporting, struct ps_buffer *out) {
    ps_buffer_printf(out, "model %s, version %lld, by penstock", exporting->options->name,
                     (long long)exporting->options->version);
}

void ps_export_number(struct ps_buffer *out, double value) {
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    ps_buffer_text(out, text);
}

penstock_code ps_export_refuse(struct penstock_error *error, const char *format, const char *what) {
    return ps_error_set(error, PENSTOCK_UNSUPPORTED, "%s has no counterpart in %s", what, format);
}

const char *ps_export_maker(const struct ps_exporting *exporting, size_t step) {
    const struct ps_formula_step *made = &exporting->formula->steps[step];
    return made->transform == PS_NO_STEP
               ? made->name
               : exporting->formula->fitted->pipeline->transforms[made->transform].type->name;
}

/* --- files ---------------------------------------------------------------------------------------------- */

static penstock_code write_file(const struct ps_exporting *exporting, const char *name, const char *data,
                                size_t size, struct penstock_error *error) {
    const char *path = ps_path_join(exporting->arena, exporting->folder, name);
    return path == NULL ? ps_error_memory(error, "an export") : ps_file_replace(path, data, size, error);
}

/* What MLflow installs where it serves the model; and what it serves, if that is not model.onnx. */
static penstock_code write_environments(const struct ps_exporting *exporting, struct penstock_error *error) {
    static const char requirements[] = "mlflow\nonnx>=1.15\nonnxruntime>=1.17\n";
    static const char conda[] = "channels:\n- conda-forge\ndependencies:\n- python=3.11\n- pip\n- pip:\n"
                                "  - mlflow\n  - onnx>=1.15\n  - onnxruntime>=1.17\nname: mlflow-env\n";
    static const char python[] =
        "python: 3.11.0\nbuild_dependencies:\n- pip\ndependencies:\n- -r requirements.txt\n";
    if (exporting->target.class_count > 0) {
        struct ps_buffer model PS_SCOPED(ps_buffer_done);
        ps_buffer_init(&model, PS_EXPORT_SIZE_MAX);
        PS_TRY(ps_export_onnx_flat(exporting, &model, error));
        PS_TRY(write_file(exporting, ps_export_mlflow_file(exporting), model.data, model.size, error));
    }
    PS_TRY(write_file(exporting, "requirements.txt", requirements, sizeof requirements - 1, error));
    PS_TRY(write_file(exporting, "conda.yaml", conda, sizeof conda - 1, error));
    return write_file(exporting, "python_env.yaml", python, sizeof python - 1, error);
}

static penstock_code write_format(struct ps_exporting *exporting, const struct format *format,
                                  struct penstock_error *error) {
    if (format->write_folder != NULL) {
        return format->write_folder(exporting, error);
    }
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, PS_EXPORT_SIZE_MAX);
    PS_TRY(format->write(exporting, &text, error));
    PS_TRY(ps_buffer_status(&text, error));
    PS_TRY(write_file(exporting, format->file, text.data, text.size, error));
    if (format->write == ps_export_onnx) {
        exporting->has_onnx = true;
    }
    return format->write == ps_export_mlmodel ? write_environments(exporting, error) : PENSTOCK_OK;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

static void remove_folder(const char *path) {
    (void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Nothing that is there is overwritten. */
static penstock_code check_folder(const char *folder, struct ps_arena *arena, struct penstock_error *error) {
    struct ps_file_info info;
    char **names = NULL;
    size_t count = 0;
    if (!ps_file_exists(folder)) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_file_stat(folder, &info, error));
    if (!info.is_directory) {
        return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "%s is there, and no folder", folder);
    }
    PS_TRY(ps_file_list(folder, arena, &names, &count, error));
    if (count > 0) {
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "folder %s is not empty", folder);
        return ps_error_hint(error, "give a folder that is not there yet; an export never overwrites");
    }
    return PENSTOCK_OK;
}

static const char *without_slashes(struct ps_arena *arena, const char *path) {
    char *copy = ps_arena_copy(arena, path);
    for (size_t size = copy == NULL ? 0 : strlen(copy); size > 1 && copy[size - 1] == '/'; size--) {
        copy[size - 1] = '\0';
    }
    return copy;
}

/* --- formats -------------------------------------------------------------------------------------------- */

static bool is_wanted(const struct ps_exporting *exporting, const struct format *format) {
    const struct ps_export_options *options = exporting->options;
    if (format->write == ps_export_xgboost && exporting->predictor->type != &ps_trees_predictor_type &&
        options->format == NULL) {
        return false; /* nobody would look for it */
    }
    const bool needs_onnx = options->format != NULL && strcmp(options->format, "mlflow") == 0;
    return options->format == NULL || strcmp(options->format, format->name) == 0 ||
           (needs_onnx && format->write == ps_export_onnx);
}

static penstock_code write_formats(struct ps_exporting *exporting, struct ps_export_outcome *outcomes,
                                   size_t *count_out, struct penstock_error *error) {
    size_t written = 0;
    *count_out = 0;
    for (size_t i = 0; i < PS_EXPORT_FORMAT_COUNT; i++) {
        if (!is_wanted(exporting, &formats[i])) {
            continue;
        }
        struct penstock_error cause = {0};
        const penstock_code code = write_format(exporting, &formats[i], &cause);
        if (code != PENSTOCK_OK && (code != PENSTOCK_UNSUPPORTED || exporting->options->format != NULL)) {
            if (error != NULL) {
                *error = cause;
            }
            return code;
        }
        struct ps_export_outcome *outcome = &outcomes[(*count_out)++];
        *outcome = (struct ps_export_outcome){.format = formats[i].name, .file = formats[i].file};
        if (code == PENSTOCK_OK) {
            written++;
            continue;
        }
        outcome->reason = ps_arena_copy(exporting->arena, cause.message);
        if (outcome->reason == NULL) {
            return ps_error_memory(error, "an export");
        }
    }
    return written > 0 ? PENSTOCK_OK
                       : ps_error_set(error, PENSTOCK_UNSUPPORTED,
                                      "no format can say what the model does: %s", outcomes[0].reason);
}

static penstock_code move_into_place(const char *from, const char *to, struct penstock_error *error) {
    if (rename(from, to) != 0) { /* an empty folder may be there: it is replaced */
        (void)ps_error_errno(error, errno, "rename");
        return ps_error_context(error, "make folder %s", to);
    }
    return ps_file_sync_name(to, error);
}

penstock_code ps_model_export(const struct ps_export_options *options, struct ps_arena *arena,
                              struct ps_export_outcome *outcomes_out, size_t *count_out,
                              struct penstock_error *error) {
    struct ps_exporting exporting = {.options = options, .arena = arena};
    struct ps_formula *formula = NULL;
    const char *folder = without_slashes(arena, options->folder);
    const char *work =
        folder == NULL ? NULL : ps_arena_printf(arena, "%s.writing-%lld", folder, (long long)getpid());
    if (work == NULL) {
        return ps_error_memory(error, "an export");
    }
    PS_TRY(check_folder(folder, arena, error));
    PS_TRY(ps_formula_make(options->fitted, arena, &formula, error));
    exporting.formula = formula;
    exporting.guards = ps_formula_guards(formula);
    exporting.folder = work;
    if (exporting.guards == NULL) {
        return ps_error_memory(error, "an export");
    }
    exporting.predictor = options->fitted->predictor;
    exporting.target = options->fitted->target;
    remove_folder(work); /* of an export that was killed under the same number */
    PS_TRY(ps_file_make_folders(work, error));
    penstock_code code = write_formats(&exporting, outcomes_out, count_out, error);
    if (code == PENSTOCK_OK) {
        code = move_into_place(work, folder, error);
    }
    if (code != PENSTOCK_OK) {
        remove_folder(work);
    }
    return code;
}
