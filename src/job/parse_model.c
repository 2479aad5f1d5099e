/* SPDX-License-Identifier: Apache-2.0
 *
 * parse_model.c - CREATE MODEL name [TRANSFORM (...)] PREDICT label USING Estimator(...), ... [VALIDATE X(...)]
 *                 [HOLDOUT ...] [GATE (...)] AS SELECT
 *
 * Clauses may come in any order, each once (but USING), AS last. Which transforms, estimators and parameters there
 * are is for room model to say: here a call is a name with arguments.
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

/* [a, b] inside GRID(...), as one text. */
static penstock_code read_nested_list(struct ps_cursor *cursor, const char **text_out) {
    cursor->next++;
    const char *text = "[";
    do {
        const char *value = NULL;
        PS_TRY(ps_cursor_literal(cursor, &value));
        text = ps_arena_printf(cursor->arena, "%s%s%s", text, text[1] == '\0' ? "" : ", ", value);
        if (text == NULL) {
            return ps_error_memory(cursor->error, "a list of values");
        }
    } while (ps_cursor_accept_sign(cursor, ','));
    if (!ps_cursor_accept_sign(cursor, ']')) {
        return ps_cursor_unexpected(cursor, "',' or ']'");
    }
    *text_out = ps_arena_printf(cursor->arena, "%s]", text);
    return *text_out != NULL ? PENSTOCK_OK : ps_error_memory(cursor->error, "a list of values");
}

/* [a, b], (a, b) or what stands in GRID(a, b); the opening sign is next. */
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
        const bool is_nested = parameter->form == PS_FORM_GRID && ps_cursor_is_sign(cursor, 0, '[');
        PS_TRY(is_nested ? read_nested_list(cursor, &values[count])
                         : ps_cursor_literal(cursor, &values[count]));
        count++;
    } while (ps_cursor_accept_sign(cursor, ','));
    if (!ps_cursor_accept_sign(cursor, close)) {
        return ps_cursor_unexpected(cursor, close == ']' ? "',' or ']'" : "',' or ')'");
    }
    parameter->values = values;
    parameter->value_count = count;
    return PENSTOCK_OK;
}

/* (n, n, ...) of RANGE and RANDOM: `least` to `most` numbers, as written; LOG may be the last of a RANGE. */
static penstock_code read_numbers(struct ps_cursor *cursor, const char *what, size_t least, size_t most,
                                  struct ps_parameter *parameter) {
    const struct ps_location start = ps_cursor_location(cursor);
    const char **values = ps_arena_allocate(cursor->arena, most, sizeof *values);
    if (values == NULL) {
        return ps_error_memory(cursor->error, "a range");
    }
    cursor->next += 2;
    size_t count = 0;
    do {
        if (parameter->form == PS_FORM_RANGE && count >= least && ps_cursor_accept(cursor, "LOG")) {
            parameter->is_log = true;
            break;
        }
        if (count == most) {
            return ps_cursor_unexpected(cursor, parameter->form == PS_FORM_RANGE ? "LOG or ')'" : "')'");
        }
        double number = 0;
        const struct ps_location place = ps_cursor_location(cursor);
        PS_TRY(ps_cursor_literal(cursor, &values[count]));
        if (!ps_parse_double(values[count], &number)) {
            return ps_cursor_fail(cursor, place, "found '%s', but a number of %s was expected", values[count],
                                  what);
        }
        count++;
    } while (ps_cursor_accept_sign(cursor, ','));
    if (!ps_cursor_accept_sign(cursor, ')')) {
        return ps_cursor_unexpected(cursor, "',' or ')'");
    }
    if (count < least) {
        return ps_cursor_fail(cursor, start, "too few numbers: %s", what);
    }
    parameter->values = values;
    parameter->value_count = count;
    parameter->is_grid = true;
    return PENSTOCK_OK;
}

static penstock_code read_one_value(struct ps_cursor *cursor, struct ps_parameter *parameter) {
    const char **values = ps_arena_allocate(cursor->arena, 1, sizeof *values);
    if (values == NULL) {
        return ps_error_memory(cursor->error, "a value");
    }
    const bool is_column =
        ps_option_name_equal(parameter->name, "by") || ps_option_name_equal(parameter->name, "foldCol");
    const enum ps_token_kind kind = ps_cursor_peek(cursor, 0).kind;
    if (ps_cursor_is_word(cursor, 0, "INTERVAL")) {
        int64_t interval_ms = 0;
        PS_TRY(ps_cursor_interval_ms(cursor, &interval_ms));
        values[0] = ps_arena_printf(cursor->arena, "%lld", (long long)interval_ms);
        parameter->form = PS_FORM_INTERVAL;
    } else if (is_column && (kind == PS_TOKEN_WORD || kind == PS_TOKEN_NAME)) {
        PS_TRY(ps_cursor_name(cursor, "a column", &values[0]));
    } else {
        PS_TRY(ps_cursor_literal(cursor, &values[0]));
    }
    parameter->values = values;
    parameter->value_count = 1;
    return values[0] != NULL ? PENSTOCK_OK : ps_error_memory(cursor->error, "a value");
}

static penstock_code read_value(struct ps_cursor *cursor, struct ps_parameter *parameter) {
    if (ps_cursor_is_word(cursor, 0, "GRID") && ps_cursor_is_sign(cursor, 1, '(')) {
        cursor->next++;
        parameter->is_grid = true;
        parameter->form = PS_FORM_GRID;
        return read_list(cursor, parameter);
    }
    if (ps_cursor_is_word(cursor, 0, "RANGE") && ps_cursor_is_sign(cursor, 1, '(')) {
        parameter->form = PS_FORM_RANGE;
        return read_numbers(cursor, "RANGE(from, to [, count] [, LOG])", 2, 3, parameter);
    }
    if (ps_cursor_is_sign(cursor, 0, '[') || ps_cursor_is_sign(cursor, 0, '(')) {
        parameter->form = PS_FORM_LIST;
        return read_list(cursor, parameter);
    }
    return read_one_value(cursor, parameter);
}

/* RANDOM(n, seed): how the parameters beside it are searched. */
static penstock_code read_random(struct ps_cursor *cursor, struct ps_call *call,
                                 struct ps_parameter *parameter) {
    for (size_t i = 0; i < call->parameter_count; i++) {
        if (call->parameters[i].form == PS_FORM_RANDOM) {
            return ps_cursor_fail(cursor, parameter->location, "RANDOM is given twice for %s", call->name);
        }
    }
    parameter->form = PS_FORM_RANDOM;
    return read_numbers(cursor, "RANDOM(n [, seed])", 1, 2, parameter);
}

/* name = value, or a column. */
static penstock_code read_parameter(struct ps_cursor *cursor, struct ps_call *call) {
    struct ps_parameter *parameter = &call->parameters[call->parameter_count];
    parameter->location = ps_cursor_location(cursor);
    if (ps_cursor_is_word(cursor, 0, "RANDOM") && ps_cursor_is_sign(cursor, 1, '(')) {
        PS_TRY(read_random(cursor, call, parameter));
        call->parameter_count++;
        return PENSTOCK_OK;
    }
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

/* A transform is fitted once: nothing of it is searched. */
static penstock_code refuse_search(struct ps_cursor *cursor, const struct ps_call *call) {
    for (size_t i = 0; i < call->parameter_count; i++) {
        const struct ps_parameter *parameter = &call->parameters[i];
        if (parameter->form == PS_FORM_RANGE || parameter->form == PS_FORM_RANDOM) {
            return ps_cursor_fail(cursor, parameter->location, "%s: %s is for parameters of an estimator",
                                  call->name, parameter->form == PS_FORM_RANGE ? "RANGE" : "RANDOM");
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_parse_transforms(struct ps_cursor *cursor, struct ps_call **transforms_out,
                                  size_t *count_out) {
    PS_TRY(ps_cursor_expect_sign(cursor, '('));
    const size_t count_max = ps_cursor_count_items(cursor);
    struct ps_call *transforms = ps_arena_allocate(cursor->arena, count_max, sizeof *transforms);
    size_t count = 0;
    if (transforms == NULL) {
        return ps_error_memory(cursor->error, "transforms");
    }
    do {
        ps_check(count < count_max);
        PS_TRY(read_call(cursor, "a transform such as StandardScaler(column)", &transforms[count]));
        PS_TRY(refuse_search(cursor, &transforms[count]));
        count++;
    } while (ps_cursor_accept_sign(cursor, ','));
    *transforms_out = transforms;
    *count_out = count;
    return ps_cursor_accept_sign(cursor, ')') ? PENSTOCK_OK : ps_cursor_unexpected(cursor, "',', '(' or ')'");
}

/* USING A(...), B(...): they compete. The clause may come several times. */
static penstock_code read_estimators(struct ps_cursor *cursor, struct ps_model_statement *model) {
    const size_t count_max = model->estimator_count + ps_cursor_count_items(cursor);
    struct ps_call *calls = ps_arena_allocate(cursor->arena, count_max, sizeof *calls);
    if (calls == NULL) {
        return ps_error_memory(cursor->error, "the estimators of a model");
    }
    if (model->estimator_count > 0) {
        memcpy(calls, model->estimators, model->estimator_count * sizeof *calls);
    }
    model->estimators = calls;
    do {
        ps_check(model->estimator_count < count_max);
        PS_TRY(read_call(cursor, "an estimator such as LinearRegression()",
                         &model->estimators[model->estimator_count]));
        model->estimator_count++;
    } while (ps_cursor_accept_sign(cursor, ','));
    model->estimator = model->estimators[0];
    return PENSTOCK_OK;
}

static penstock_code read_clause(struct ps_cursor *cursor, enum clause clause,
                                 struct ps_model_statement *model) {
    switch (clause) {
    case CLAUSE_TRANSFORM: return ps_parse_transforms(cursor, &model->transforms, &model->transform_count);
    case CLAUSE_PREDICT:
        model->label_location = ps_cursor_location(cursor);
        return ps_cursor_name(cursor, "the column to predict", &model->label);
    case CLAUSE_USING: return read_estimators(cursor, model);
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
        if (is_given[clause] && clause != CLAUSE_USING) {
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
