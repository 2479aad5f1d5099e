/* SPDX-License-Identifier: Apache-2.0
 *
 * inputs.c - a column of a SELECT as an input of a pipeline.
 */
#include "model/inputs.h"

static bool starts_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

bool ps_input_is_number(const char *type) {
    static const char *const names[] = {"BOOLEAN",  "TINYINT",  "SMALLINT",  "INTEGER",  "BIGINT",
                                        "HUGEINT",  "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
                                        "UHUGEINT", "FLOAT",    "DOUBLE",    "DECIMAL"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const size_t size = strlen(names[i]);
        if (starts_with(type, names[i]) &&
            (type[size] == '\0' || (type[size] == '(' && type[strlen(type) - 1] == ')'))) {
            return true;
        }
    }
    return false;
}

bool ps_input_is_time(const char *type) {
    return starts_with(type, "TIMESTAMP") || strcmp(type, "DATE") == 0;
}

const struct ps_call *ps_input_first_stage(const struct ps_input_stages *stages, const char *name) {
    for (size_t t = 0; t < stages->count; t++) {
        const struct ps_call *call = &stages->calls[t];
        for (size_t i = 0; i < call->parameter_count; i++) {
            const struct ps_parameter *parameter = &call->parameters[i];
            const bool has_columns = parameter->name == NULL ||
                                     ps_option_name_equal(parameter->name, "inputCol") ||
                                     ps_option_name_equal(parameter->name, "inputCols");
            for (size_t v = 0; has_columns && v < parameter->value_count; v++) {
                if (ps_text_equal_nocase(parameter->values[v], name)) {
                    return call;
                }
            }
        }
    }
    return NULL;
}

static penstock_code value_sql(const char *name, bool is_text, struct ps_arena *arena, const char **sql_out,
                               struct penstock_error *error) {
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, (size_t)1 << 20);
    ps_buffer_text(&text, is_text ? "CAST(" : "CASE WHEN isfinite(CAST(");
    ps_buffer_sql_name(&text, name);
    if (is_text) {
        ps_buffer_text(&text, " AS VARCHAR)");
    } else {
        ps_buffer_text(&text, " AS DOUBLE)) THEN CAST(");
        ps_buffer_sql_name(&text, name);
        ps_buffer_text(&text, " AS DOUBLE) END");
    }
    PS_TRY(ps_buffer_status(&text, error));
    *sql_out = ps_arena_printf(arena, "(%s)", text.data);
    return *sql_out != NULL ? PENSTOCK_OK : ps_error_memory(error, "a pipeline");
}

penstock_code ps_input_add(struct ps_pipeline *pipeline, const struct ps_input_stages *stages,
                           const char *name, const char *type, bool is_label, bool *is_added_out,
                           struct penstock_error *error) {
    const struct ps_call *stage = is_label ? NULL : ps_input_first_stage(stages, name);
    bool is_text = !is_label && !ps_input_is_number(type);
    *is_added_out = !is_text || stage != NULL;
    if (!*is_added_out) {
        return PENSTOCK_OK;
    }
    is_text = is_text || (stage != NULL && (ps_transform_find(stage->name) == &ps_string_indexer_type ||
                                            ps_feature_hasher_wants_text(stage, name, type)));
    const char *sql = NULL;
    PS_TRY(value_sql(name, is_text, pipeline->arena, &sql, error));
    return ps_pipeline_add_input(pipeline, name, is_text ? PS_SLOT_TEXT : PS_SLOT_NUMBER, type, sql, is_label,
                                 error);
}
