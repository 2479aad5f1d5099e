/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_statements.c - any bytes as a SQL file: statements with places that are right, or an error with a place.
 */
#include "fuzz.h"

#include "base/check.h"
#include "job/project.h"

/* Where a line and column are in the text; the size if nowhere. */
static size_t offset_of(const char *data, size_t size, struct ps_location location) {
    size_t offset = size >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    for (int32_t line = 1; line < location.line && offset < size; offset++) {
        line += data[offset] == '\n';
    }
    return offset + (size_t)location.column - 1;
}

/* Is `text` what stands there? Only asked of files without variables. */
static void check_place(const char *data, size_t size, struct ps_location location, const char *text) {
    ps_check(text != NULL && location.line >= 1 && location.column >= 1);
    const size_t offset = offset_of(data, size, location), length = strlen(text);
    ps_check(offset + length <= size && memcmp(data + offset, text, length) == 0);
}

/* Every parameter has the values that its form asks for. */
static void check_call(const struct ps_call *call) {
    ps_check(call->name != NULL);
    for (size_t i = 0; i < call->parameter_count; i++) {
        const struct ps_parameter *parameter = &call->parameters[i];
        const bool is_range = parameter->form == PS_FORM_RANGE;
        ps_check(parameter->value_count > (is_range ? 1 : 0) && (!is_range || parameter->value_count <= 3));
        ps_check(parameter->form != PS_FORM_RANDOM ||
                 (parameter->name == NULL && parameter->value_count <= 2));
        for (size_t v = 0; v < parameter->value_count; v++) {
            ps_check(parameter->values[v] != NULL);
        }
    }
}

static void check_statement(const char *data, size_t size, const struct ps_statement *statement) {
    check_place(data, size, statement->location, statement->text);
    switch (statement->kind) {
    case PS_STATEMENT_SOURCE:
        ps_check(statement->name != NULL && statement->as.source.schema.column_count > 0);
        ps_check(statement->as.source.connector != NULL && statement->as.source.encode != NULL);
        break;
    case PS_STATEMENT_STREAMING_TABLE:
        check_place(data, size, statement->as.table.select.location, statement->as.table.select.text);
        for (size_t i = 0; i < statement->as.table.rule_count; i++) {
            const struct ps_rule *rule = &statement->as.table.rules[i];
            check_place(data, size, rule->expression.location, rule->expression.text);
        }
        break;
    case PS_STATEMENT_MATERIALIZED_VIEW:
        check_place(data, size, statement->as.view.select.location, statement->as.view.select.text);
        break;
    case PS_STATEMENT_SINK:
        ps_check(statement->as.sink.connector != NULL);
        check_place(data, size, statement->as.sink.select.location, statement->as.sink.select.text);
        break;
    case PS_STATEMENT_MODEL:
        ps_check(statement->as.model.label != NULL && statement->as.model.estimator_count > 0);
        for (size_t i = 0; i < statement->as.model.estimator_count; i++) {
            check_call(&statement->as.model.estimators[i]);
        }
        check_place(data, size, statement->as.model.select.location, statement->as.model.select.text);
        break;
    case PS_STATEMENT_DATASET:
        for (size_t i = 0; i < statement->as.dataset.transform_count; i++) {
            check_call(&statement->as.dataset.transforms[i]);
        }
        check_place(data, size, statement->as.dataset.select.location, statement->as.dataset.select.text);
        break;
    case PS_STATEMENT_JOB: ps_check(statement->as.job.model != NULL); break;
    case PS_STATEMENT_SQL: ps_check(statement->name == NULL); break;
    }
}

static void fuzz_one(const char *data, size_t size) {
    static const struct ps_setting variables[] = {{"KAFKA", "localhost:9092", {NULL, 0, 0}},
                                                  {"Q", "it's \"so\"\n", {NULL, 0, 0}}};
    struct ps_arena *arena = ps_arena_new((size_t)256 << 20);
    struct penstock_error error = {0};
    struct ps_statement *statements = NULL;
    size_t count = 0;
    ps_check(arena != NULL);
    const penstock_code code =
        ps_statements_parse("fuzz.sql", data, size, variables, 2, arena, &statements, &count, &error);
    if (code != PENSTOCK_OK) {
        ps_check(code == PENSTOCK_INVALID_PROJECT && error.code == code &&
                 strncmp(error.message, "fuzz.sql:", 9) == 0);
    } else if (memmem(data, size, "${", 2) == NULL) {
        for (size_t i = 0; i < count; i++) {
            check_statement(data, size, &statements[i]);
        }
    }
    ps_arena_free(arena);
}
