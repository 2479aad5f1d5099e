/* SPDX-License-Identifier: Apache-2.0
 *
 * export_mlmodel.c - the file MLmodel, by which MLflow knows what the folder holds.
 *
 * The ONNX file is the model; the python_function flavor loads it through MLflow's own module for ONNX. Signature,
 * metrics and where the model comes from stand beside it. Texts of users go through JSON, which YAML reads as it is.
 */
#include <stdio.h>

#include "model/export_parts.h"
#include "penstock.h"

/* The version of the file format, not of a program that must be there. */
#define MLFLOW_VERSION "2.22.0"

static void add_json(struct ps_buffer *out, const char *text) {
    ps_buffer_json(out, text, strlen(text));
}

/* A JSON text inside of a YAML text in single quotes: those are doubled. */
static void add_quoted(struct ps_buffer *out, const struct ps_buffer *text) {
    ps_buffer_text(out, "'");
    size_t start = 0;
    for (size_t i = 0; i < text->size; i++) {
        if (text->data[i] == '\'') {
            ps_buffer_add(out, text->data + start, i + 1 - start);
            start = i;
        }
    }
    ps_buffer_add(out, text->data + start, text->size - start);
    ps_buffer_text(out, "'\n");
}

static void add_inputs(const struct ps_exporting *exporting, struct ps_buffer *out) {
    const struct ps_formula *formula = exporting->formula;
    bool is_first = true;
    ps_buffer_text(out, "[");
    for (size_t i = 0; i < formula->step_count; i++) {
        const struct ps_formula_step *step = &formula->steps[i];
        if (step->op != PS_FORMULA_NUMBER && step->op != PS_FORMULA_TEXT) {
            continue;
        }
        ps_buffer_printf(out, "%s{\"type\": \"%s\", \"name\": ", is_first ? "" : ", ",
                         step->op == PS_FORMULA_TEXT ? "string" : "double");
        add_json(out, step->name);
        ps_buffer_text(out, ", \"required\": true}");
        is_first = false;
    }
    ps_buffer_text(out, "]");
}

static penstock_code add_signature(const struct ps_exporting *exporting, struct ps_buffer *out,
                                   struct penstock_error *error) {
    struct ps_buffer inputs PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&inputs, PS_EXPORT_SIZE_MAX);
    add_inputs(exporting, &inputs);
    PS_TRY(ps_buffer_status(&inputs, error));
    ps_buffer_text(out, "signature:\n  inputs: ");
    add_quoted(out, &inputs);
    ps_buffer_printf(out, "  outputs: '[{\"type\": \"%s\", \"name\": \"prediction\", \"required\": true}",
                     exporting->target.class_count > 0 && exporting->target.is_text ? "string" : "double");
    for (size_t k = 0; k < exporting->target.class_count; k++) {
        ps_buffer_printf(out, ", {\"type\": \"double\", \"name\": \"probability_%zu\", \"required\": true}",
                         k);
    }
    ps_buffer_text(out, "]'\n  params: null\n");
    return PENSTOCK_OK;
}

/* metrics: those of the hold-out, as MLflow's run would have them. */
static void add_metrics(const struct ps_exporting *exporting, struct ps_buffer *out) {
    const char *text = exporting->options->metrics;
    char *copy = text == NULL ? NULL : ps_arena_copy(exporting->arena, text);
    yyjson_doc *doc =
        copy == NULL ? NULL
                     : yyjson_read_opts(copy, strlen(copy), YYJSON_READ_NOFLAG, &ps_model_allocator, NULL);
    yyjson_val *holdout = yyjson_obj_get(yyjson_doc_get_root(doc), "holdout");
    size_t index, count;
    yyjson_val *key, *value;
    ps_buffer_text(out, yyjson_obj_size(holdout) > 0 ? "  holdout_metrics:\n" : "");
    yyjson_obj_foreach(holdout, index, count, key, value) {
        if (yyjson_is_num(value)) {
            ps_buffer_text(out, "    ");
            add_json(out, yyjson_get_str(key));
            ps_buffer_text(out, ": ");
            ps_export_number(out, yyjson_get_num(value));
            ps_buffer_text(out, "\n");
        }
    }
    yyjson_doc_free(doc);
}

static void add_text(struct ps_buffer *out, const char *name, const char *text) {
    if (text != NULL) {
        ps_buffer_printf(out, "  %s: ", name);
        add_json(out, text);
        ps_buffer_text(out, "\n");
    }
}

/* "2026-11-23T08:00:00.000Z" and "2026-11-23 08:00:00" -> "2026-11-23 08:00:00.000000" */
static void add_time(const char *created_at, struct ps_buffer *out) {
    char text[32] = "1970-01-01 00:00:00";
    if (created_at != NULL && strlen(created_at) >= 19) {
        (void)snprintf(text, sizeof text, "%.10s %.8s", created_at, created_at + 11);
    }
    ps_buffer_printf(out, "utc_time_created: '%s.000000'\n", text);
}

const char *ps_export_mlflow_file(const struct ps_exporting *exporting) {
    return exporting->target.class_count == 0 ? "model.onnx" : "columns.onnx";
}

penstock_code ps_export_mlmodel(const struct ps_exporting *exporting, struct ps_buffer *out,
                                struct penstock_error *error) {
    const struct ps_export_options *options = exporting->options;
    if (!exporting->has_onnx) {
        return ps_error_set(error, PENSTOCK_UNSUPPORTED, "MLmodel points to model.onnx, which is not there");
    }
    ps_buffer_text(out, "artifact_path: ");
    add_json(out, options->name);
    ps_buffer_printf(out,
                     "\nflavors:\n  onnx:\n    code: null\n    data: %s\n    onnx_session_options: null\n"
                     "    onnx_version: 1.15.0\n    providers:\n    - CPUExecutionProvider\n"
                     "    save_as_external_data: false\n  python_function:\n    data: %s\n    env:\n"
                     "      conda: conda.yaml\n      virtualenv: python_env.yaml\n"
                     "    loader_module: mlflow.onnx\n    python_version: 3.11.0\n",
                     ps_export_mlflow_file(exporting), ps_export_mlflow_file(exporting));
    ps_buffer_text(out, "metadata:\n  producer: penstock " PENSTOCK_VERSION "\n");
    add_text(out, "model", options->name);
    ps_buffer_printf(out, "  version: %lld\n", (long long)options->version);
    add_text(out, "label", options->label);
    add_text(out, "statement", options->statement);
    add_metrics(exporting, out);
    ps_buffer_text(out, "mlflow_version: " MLFLOW_VERSION "\n");
    PS_TRY(add_signature(exporting, out, error));
    add_time(options->created_at, out);
    return ps_buffer_status(out, error);
}
