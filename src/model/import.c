/* SPDX-License-Identifier: Apache-2.0
 *
 * import.c - which kind of file it is.
 */
#include "model/import.h"

#include "base/file.h"
#include "model/import_values.h"

/* An ONNX file of a linear pipeline is kilobytes. */
#define IMPORT_SIZE_MAX ((size_t)64 << 20)

static penstock_code run(struct ps_importing *importing, const char *data, size_t size,
                         struct ps_fitted **fitted_out) {
    ps_buffer_init(&importing->problems, (size_t)1 << 16);
    penstock_code code = data == NULL ? ps_import_spark(importing) : ps_import_onnx(importing, data, size);
    if (code == PENSTOCK_OK) {
        code = ps_import_finish(importing, fitted_out);
    }
    ps_buffer_done(&importing->problems);
    return code;
}

penstock_code ps_model_import_onnx(const char *data, size_t size, const struct ps_import_options *options,
                                   struct ps_arena *arena, struct ps_fitted **fitted_out,
                                   struct ps_import_report *report_out, struct penstock_error *error) {
    *report_out = (struct ps_import_report){.format = "ONNX"};
    struct ps_importing importing = {
        .options = options, .report = report_out, .arena = arena, .error = error};
    return run(&importing, data == NULL ? "" : data, size, fitted_out);
}

penstock_code ps_model_import(const struct ps_import_options *options, struct ps_arena *arena,
                              struct ps_fitted **fitted_out, struct ps_import_report *report_out,
                              struct penstock_error *error) {
    struct ps_file_info info;
    if (!ps_file_exists(options->path)) {
        (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "there is no file or folder %s", options->path);
        return ps_error_hint(error, "give a folder that Spark's PipelineModel.save() wrote, or a .onnx file");
    }
    PS_TRY(ps_file_stat(options->path, &info, error));
    if (info.is_directory) {
        *report_out = (struct ps_import_report){.format = "Spark ML PipelineModel"};
        struct ps_importing importing = {
            .options = options, .report = report_out, .arena = arena, .error = error};
        return run(&importing, NULL, 0, fitted_out);
    }
    struct ps_bytes content;
    PS_TRY(ps_file_read(options->path, IMPORT_SIZE_MAX, arena, &content, error));
    return ps_model_import_onnx(content.data, content.size, options, arena, fitted_out, report_out, error);
}
