/* SPDX-License-Identifier: Apache-2.0
 *
 * parse_model.c - CREATE MODEL name [TRANSFORM (...)] PREDICT label USING Estimator(...) [VALIDATE X(...)]
 *                 [HOLDOUT ...] [GATE (...)] AS SELECT
 *
 * Clauses may come in any order, each once, AS last. Which transforms, estimators and parameters there are is
 * for room model to say: here a call is a name with arguments.
 */
#include "base/check.h"
#include "job/cursor.h"

enum clause {
    CLAUSE_TRANSFORM,
    CLAUSE_PREDICT,
    CLAUSE_USING,
    CLAUSE_VALIDATE,
    CLAUSE_HOLDOUT,
    CLAUSE_GATE,
    CLAUSE_COUNT
};
static const char *const clause_words[] = {"TRANSFORM", "PREDICT", "USING", "VALIDATE",
                                           "HOLDOUT",   "GATE",    "AS",    NULL};

/* [a, b], (a, b) or GRID(a, b); the opening sign is next. */
static penstock_code read_list(struct ps_cursor *cursor, struct ps_parameter *parameter) {
    const char close = ps_cursor_is_sign(cursor, 0, '[') ? ']' : ')';
    const struct ps_location start = ps_cursor_location(cursor);
    cursor->next++;
    const size_t count_max = ps_cursor_count_items(cursor);
    const char **values = ps_arena_allocate(cursor->arena, count_max, sizeof *values);
    if (values == NULL) {
        return ps_error_memory(cursor->error, "a list of values");
    }
    if (ps_cursor_is_sign(cursor, 0, close)) {
        return ps_cursor_fail(cursor, start, "the list of values for %s is empty", parameter->name);
    }
    size_t count = 0;
    do {
        ps_check(count < count_max);
        PS_TRY(ps_cursor_literal(cursor, &values[count]));
        count++;
    } while (ps_cursor_accept_sign(cursor, ','));
    if (!ps_cursor_accept_sign(cursor, close)) {
        return ps_cursor_unexpected(cursor, close == ']' ? "',' or ']'" : "',' or ')'");
    }
    parameter->values = values;
    parameter->value_count = count;
    return PENSTOCK_OK;
}

static penstock_code read_value(struct ps_cursor *cursor, struct ps_parameter *parameter) {
    if (ps_cursor_is_word(cursor, 0, "GRID") && ps_cursor_is_sign(cursor, 1, '(')) {
        cursor->next++;
        parameter->is_grid = true;
        return read_list(cursor, parameter);
    }
    if (ps_cursor_is_sign(cursor, 0, '[') || ps_cursor_is_sign(cursor, 0, '(')) {
        return read_list(cursor, parameter);
    }
    const char **values = ps_arena_allocate(cursor->arena, 1, sizeof *values);
    if (values == NULL) {
        return ps_error_memory(cursor->error, "a value");
    }
    PS_TRY(ps_cursor_literal(cursor, &values[0]));
    parameter->values = values;
    parameter->value_count = 1;
    return PENSTOCK_OK;
}

/* name = value, or a column. */
static penstock_code read_parameter(struct ps_cursor *cursor, struct ps_call *call) {
    struct ps_parameter *parameter = &call->parameters[call->parameter_count];
    parameter->location = ps_cursor_location(cursor);
    const char *name = NULL;
    PS_TRY(ps_cursor_name(cursor, "a column or a parameter", &name));
    if (ps_cursor_accept_sign(cursor, '=')) {
        parameter->name = name;
        for (size_t i = 0; i < call->parameter_count; i++) {
            if (call->parameters[i].name != NULL && ps_option_name_equal(call->parameters[i].name, name)) {
                return ps_cursor_fail(cursor, parameter->location, "the parameter '%s' of %s is set twice",
                                      name, call->name);
            }
        }
        PS_TRY(read_value(cursor, parameter));
    } else {
        const char **values = ps_arena_allocate(cursor->arena, 1, sizeof *values);
        if (values == NULL) {
            return ps_error_memory(cursor->error, "a column");
        }
        values[0] = name;
        parameter->values = values;
        parameter->value_count = 1;
    }
    call->parameter_count++;
    return PENSTOCK_OK;
}

/* Name or Name(arguments). */
static penstock_code read_call(struct ps_cursor *cursor, const char *what, struct ps_call *call) {
    call->location = ps_cursor_location(cursor);
    PS_TRY(ps_cursor_name(cursor, what, &call->name));
    if (!ps_cursor_accept_sign(cursor, '(')) {
        return PENSTOCK_OK;
    }
    if (ps_cursor_accept_sign(cursor, ')')) {
        return PENSTOCK_OK;
    }
    const size_t count_max = ps_cursor_count_items(cursor);
    call->parameters = ps_arena_allocate(cursor->arena, count_max, sizeof *call->parameters);
    if (call->parameters == NULL) {
        return ps_error_memory(cursor->error, "parameters");
    }
    do {
        ps_check(call->parameter_count < count_max);
        PS_TRY(read_parameter(cursor, call));
    } while (ps_cursor_accept_sign(cursor, ','));
    return ps_cursor_accept_sign(cursor, ')') ? PENSTOCK_OK : ps_cursor_unexpected(cursor, "',', '=' or ')'");
}

static penstock_code read_transforms(struct ps_cursor *cursor, struct ps_model_statement *model) {
    PS_TRY(ps_cursor_expect_sign(cursor, '('));
    const size_t count_max = ps_cursor_count_items(cursor);
    model->transforms = ps_arena_allocate(cursor->arena, count_max, sizeof *model->transforms);
    if (model->transforms == NULL) {
        return ps_error_memory(cursor->error, "the transforms of a model");
    }
    do {
        ps_check(model->transform_count < count_max);
        PS_TRY(read_call(cursor, "a transform such as StandardScaler(column)",
                         &model->transforms[model->transform_count]));
        model->transform_count++;
    } while (ps_cursor_accept_sign(cursor, ','));
    return ps_cursor_accept_sign(cursor, ')') ? PENSTOCK_OK : ps_cursor_unexpected(cursor, "',', '(' or ')'");
}

static penstock_code read_clause(struct ps_cursor *cursor, enum clause clause,
                                 struct ps_model_statement *model) {
    switch (clause) {
    case CLAUSE_TRANSFORM: return read_transforms(cursor, model);
    case CLAUSE_PREDICT:
        model->label_location = ps_cursor_location(cursor);
        return ps_cursor_name(cursor, "the column to predict", &model->label);
    case CLAUSE_USING: return read_call(cursor, "an estimator such as LinearRegression()", &model->estimator);
    case CLAUSE_VALIDATE:
        return read_call(cursor, "a validator such as CrossValidator()", &model->validation);
    case CLAUSE_HOLDOUT: return ps_parse_holdout(cursor, &model->holdout);
    case CLAUSE_GATE: return ps_parse_gate(cursor, model);
    case CLAUSE_COUNT: break;
    }
    return ps_cursor_unknown(cursor, "a clause", clause_words);
}

/* The clause whose word is next, or CLAUSE_COUNT. */
static enum clause find_clause(const struct ps_cursor *cursor) {
    enum clause clause = CLAUSE_TRANSFORM;
    while (clause < CLAUSE_COUNT && !ps_cursor_is_word(cursor, 0, clause_words[clause])) {
        clause++;
    }
    return clause;
}

penstock_code ps_parse_model(struct ps_cursor *cursor, struct ps_model_statement *model_out) {
    static const char expected[] = "TRANSFORM, PREDICT, USING, VALIDATE, HOLDOUT, GATE or AS";
    bool is_given[CLAUSE_COUNT] = {false};
    while (!ps_cursor_is_word(cursor, 0, "AS")) {
        const enum clause clause = find_clause(cursor);
        if (clause == CLAUSE_COUNT) {
            return ps_cursor_unknown(cursor,
                                     is_given[CLAUSE_PREDICT] && is_given[CLAUSE_USING] ? expected
                                     : is_given[CLAUSE_PREDICT] ? "USING Estimator(...)"
                                     : is_given[CLAUSE_USING]   ? "PREDICT column"
                                                                : "PREDICT column and USING Estimator(...)",
                                     clause_words);
        }
        if (is_given[clause]) {
            return ps_cursor_fail(cursor, ps_cursor_location(cursor), "%s is given twice",
                                  clause_words[clause]);
        }
        is_given[clause] = true;
        cursor->next++;
        PS_TRY(read_clause(cursor, clause, model_out));
    }
    if (!is_given[CLAUSE_PREDICT]) {
        return ps_cursor_unexpected(cursor, "PREDICT column");
    }
    if (!is_given[CLAUSE_USING]) {
        return ps_cursor_unexpected(cursor, "USING Estimator(...)");
    }
    return ps_cursor_select(cursor, cursor->end, &model_out->select);
}
