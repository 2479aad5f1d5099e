/* SPDX-License-Identifier: Apache-2.0
 *
 * preparation_write.c - the fitted stages of a dataset as JSON, so that somebody else can apply the same.
 */
#include "model/model.h"
#include "model/preparation.h"

static yyjson_mut_val *write_columns(yyjson_mut_doc *doc, const struct ps_preparation *preparation) {
    yyjson_mut_val *columns = yyjson_mut_arr(doc);
    for (size_t i = 0; i < preparation->prepared_count; i++) {
        const struct ps_prepared_column *column = &preparation->columns[i];
        yyjson_mut_val *object = yyjson_mut_arr_add_obj(doc, columns);
        (void)yyjson_mut_obj_add_str(doc, object, "name", column->name);
        if (column->source != PS_PREPARATION_NO_COLUMN) {
            (void)yyjson_mut_obj_add_str(doc, object, "of", preparation->names[column->source]);
        }
        (void)yyjson_mut_obj_add_bool(doc, object, "made", column->is_made);
    }
    return columns;
}

penstock_code ps_preparation_write(const struct ps_preparation *preparation, struct ps_buffer *json_out,
                                   struct penstock_error *error) {
    const struct ps_pipeline *pipeline = preparation->pipeline;
    yyjson_mut_doc *doc = yyjson_mut_doc_new(&ps_model_allocator);
    if (doc == NULL) {
        return ps_error_memory(error, "a dataset");
    }
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    (void)yyjson_mut_obj_add_int(doc, root, "format", 1);
    ps_model_write_inputs(doc, root, pipeline);
    yyjson_mut_val *transforms = yyjson_mut_obj_add_arr(doc, root, "transforms");
    for (size_t i = 0; i < pipeline->transform_count; i++) {
        (void)yyjson_mut_arr_add_val(transforms,
                                     ps_model_write_transform(doc, pipeline, &pipeline->transforms[i]));
    }
    (void)yyjson_mut_obj_add_val(doc, root, "columns", write_columns(doc, preparation));
    size_t size = 0;
    char *text =
        yyjson_mut_write_opts(doc, YYJSON_WRITE_INF_AND_NAN_AS_NULL, &ps_model_allocator, &size, NULL);
    if (text != NULL) {
        ps_buffer_add(json_out, text, size);
    }
    const penstock_code code =
        text != NULL ? ps_buffer_status(json_out, error) : ps_error_memory(error, "a dataset");
    ps_release(text);
    yyjson_mut_doc_free(doc);
    return code;
}
