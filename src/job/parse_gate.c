/* SPDX-License-Identifier: Apache-2.0
 *
 * parse_gate.c - the GATE clause of CREATE MODEL: conditions that a candidate must meet.
 *
 * Each kind of condition is a row of a table: the word it begins with and the function that reads what follows.
 * A word that is in no row is a metric; whether there is such a metric, and whether it fits the label, is found
 * out where metrics are known. docs/models.md lists the conditions.
 */
#include <stdio.h>

#include "base/check.h"
#include "job/cursor.h"

/* What a comparison is tested with when nothing is said: one error in twenty. */
#define COMPARISON_CONFIDENCE 0.95
/* Drift looks at every feature of every run: one false alarm in a hundred. */
#define DRIFT_CONFIDENCE 0.99
#define DRIFT_TOLERANCE 0.1
/* A value of a slice with fewer hold-out rows is pooled with the others. */
#define SLICE_ROW_COUNT_MIN 500

static bool accept_percent(struct ps_cursor *cursor) {
    return ps_cursor_accept(cursor, "PERCENT") || ps_cursor_accept_sign(cursor, '%');
}

static penstock_code read_comparison(struct ps_cursor *cursor, struct ps_gate_condition *condition) {
    const bool is_less = ps_cursor_is_sign(cursor, 0, '<');
    if (!is_less && !ps_cursor_is_sign(cursor, 0, '>')) {
        return ps_cursor_unexpected(cursor, "<=, <, >= or >");
    }
    cursor->next++;
    const bool has_equal = ps_cursor_accept_sign(cursor, '=');
    condition->comparison = is_less ? (has_equal ? "<=" : "<") : (has_equal ? ">=" : ">");
    return PENSTOCK_OK;
}

/* `sign`: '<' or '>', the only direction that makes sense; `example` says how to write it. */
static penstock_code read_direction(struct ps_cursor *cursor, struct ps_gate_condition *condition, char sign,
                                    const char *example) {
    const struct ps_location location = ps_cursor_location(cursor);
    PS_TRY(read_comparison(cursor, condition));
    return condition->comparison[0] == sign
               ? PENSTOCK_OK
               : ps_cursor_fail(cursor, location, "this condition is written the other way round: %s",
                                example);
}

static penstock_code read_percent(struct ps_cursor *cursor, struct ps_gate_condition *condition) {
    PS_TRY(ps_cursor_number(cursor, "n PERCENT", &condition->value));
    if (!accept_percent(cursor)) {
        return ps_cursor_unexpected(cursor, "PERCENT");
    }
    condition->value /= 100;
    return PENSTOCK_OK;
}

/* A share of rows: 0 to 100 PERCENT. */
static penstock_code read_share(struct ps_cursor *cursor, struct ps_gate_condition *condition,
                                const char *example) {
    PS_TRY(read_direction(cursor, condition, '<', example));
    const struct ps_location location = ps_cursor_location(cursor);
    PS_TRY(read_percent(cursor, condition));
    return condition->value >= 0 && condition->value <= 1
               ? PENSTOCK_OK
               : ps_cursor_fail(cursor, location, "a share is from 0 to 100 PERCENT, not %g",
                                100 * condition->value);
}

static penstock_code read_confidence(struct ps_cursor *cursor, struct ps_gate_condition *condition) {
    const struct ps_location location = ps_cursor_location(cursor);
    PS_TRY(ps_cursor_number(cursor, "a confidence such as 0.95", &condition->confidence));
    if (condition->confidence < 0.5 || condition->confidence >= 1) {
        return ps_cursor_fail(cursor, location, "a confidence is from 0.5 to below 1, not %g",
                              condition->confidence);
    }
    return PENSTOCK_OK;
}

/* [OF champion] [IN metric] [MIN ROWS n] [CONFIDENCE c], in any order; MIN ROWS of slices only. */
static penstock_code read_terms(struct ps_cursor *cursor, struct ps_gate_condition *condition) {
    static const char *const words[] = {"OF", "IN", "CONFIDENCE", "MIN", NULL};
    condition->confidence = COMPARISON_CONFIDENCE;
    for (;;) {
        if (ps_cursor_accept(cursor, "OF")) {
            PS_TRY(ps_cursor_expect(cursor, "champion"));
        } else if (ps_cursor_accept(cursor, "IN")) {
            PS_TRY(ps_cursor_name(cursor, "a metric such as mae", &condition->metric));
        } else if (ps_cursor_accept(cursor, "CONFIDENCE")) {
            PS_TRY(read_confidence(cursor, condition));
        } else if (condition->kind == PS_GATE_SLICE && ps_cursor_accept(cursor, "MIN")) {
            double count = 0;
            PS_TRY(ps_cursor_expect(cursor, "ROWS"));
            const struct ps_location location = ps_cursor_location(cursor);
            PS_TRY(ps_cursor_number(cursor, "a number of rows", &count));
            if (!(count >= 2 && count <= 1e15)) {
                return ps_cursor_fail(cursor, location, "a slice has 2 rows at least, not %g", count);
            }
            condition->row_count_min = (int64_t)count;
        } else if (ps_cursor_is_sign(cursor, 0, ',') || ps_cursor_is_sign(cursor, 0, ')')) {
            return PENSTOCK_OK;
        } else {
            return ps_cursor_unknown(cursor, "',' or ')', OF champion, IN metric or CONFIDENCE", words);
        }
    }
}

/* (column) behind slice, nulls or drift. */
static penstock_code read_column(struct ps_cursor *cursor, struct ps_gate_condition *condition) {
    PS_TRY(ps_cursor_expect_sign(cursor, '('));
    condition->column_location = ps_cursor_location(cursor);
    PS_TRY(ps_cursor_name(cursor, "a column of the SELECT", &condition->column));
    return ps_cursor_expect_sign(cursor, ')');
}

static penstock_code read_improvement(struct ps_cursor *cursor, struct ps_gate_condition *condition) {
    condition->kind = PS_GATE_IMPROVEMENT;
    if (ps_cursor_is_sign(cursor, 0, '<')) {
        return ps_cursor_fail(cursor, condition->location,
                              "an improvement is at least so much: write improvement >= n PERCENT");
    }
    PS_TRY(read_comparison(cursor, condition));
    PS_TRY(read_percent(cursor, condition));
    if (condition->value >= 1 || condition->value <= -1) {
        return ps_cursor_fail(cursor, condition->location, "an improvement of %g percent cannot be",
                              condition->value * 100);
    }
    return read_terms(cursor, condition);
}

static penstock_code read_non_inferiority(struct ps_cursor *cursor, struct ps_gate_condition *condition) {
    condition->kind = PS_GATE_NON_INFERIORITY;
    PS_TRY(read_direction(cursor, condition, '<', "non_inferiority <= n PERCENT"));
    const struct ps_location location = ps_cursor_location(cursor);
    PS_TRY(read_percent(cursor, condition));
    if (condition->value < 0) {
        return ps_cursor_fail(
            cursor, location,
            "worse by %g percent or less would be an improvement: write improvement >= %g PERCENT",
            condition->value * 100, -condition->value * 100);
    }
    return read_terms(cursor, condition);
}

static penstock_code read_slice(struct ps_cursor *cursor, struct ps_gate_condition *condition) {
    condition->kind = PS_GATE_SLICE;
    condition->row_count_min = SLICE_ROW_COUNT_MIN;
    PS_TRY(read_column(cursor, condition));
    PS_TRY(ps_cursor_expect(cursor, "worse"));
    PS_TRY(ps_cursor_expect(cursor, "BY"));
    PS_TRY(read_direction(cursor, condition, '<', "slice(column) worse BY <= n PERCENT"));
    const struct ps_location location = ps_cursor_location(cursor);
    PS_TRY(read_percent(cursor, condition));
    if (condition->value < 0) {
        return ps_cursor_fail(cursor, location, "a slice is worse by 0 PERCENT at least, not %g",
                              condition->value * 100);
    }
    return read_terms(cursor, condition);
}

static penstock_code read_rows(struct ps_cursor *cursor, struct ps_gate_condition *condition) {
    if (ps_cursor_accept(cursor, "DROP")) {
        condition->kind = PS_GATE_ROWS_DROP;
        return read_share(cursor, condition, "rows DROP <= n PERCENT");
    }
    condition->kind = PS_GATE_ROWS;
    PS_TRY(read_comparison(cursor, condition));
    return ps_cursor_number(cursor, "a number of rows", &condition->value);
}

static penstock_code read_nulls(struct ps_cursor *cursor, struct ps_gate_condition *condition) {
    if (ps_cursor_is_sign(cursor, 0, '(')) {
        PS_TRY(read_column(cursor, condition));
    }
    const bool is_rise = ps_cursor_accept(cursor, "RISE");
    condition->kind = is_rise ? PS_GATE_NULLS_RISE : PS_GATE_NULLS;
    return read_share(cursor, condition, is_rise ? "nulls RISE <= n PERCENT" : "nulls <= n PERCENT");
}

static penstock_code read_label(struct ps_cursor *cursor, struct ps_gate_condition *condition) {
    if (ps_cursor_accept(cursor, "OUTSIDE")) {
        condition->kind = PS_GATE_LABEL_OUTSIDE;
        return read_share(cursor, condition, "label OUTSIDE <= n PERCENT");
    }
    if (!ps_cursor_accept(cursor, "SHIFT")) {
        condition->kind = PS_GATE_LABEL;
        PS_TRY(read_comparison(cursor, condition));
        return ps_cursor_number(cursor, "a number", &condition->value);
    }
    condition->kind = PS_GATE_LABEL_SHIFT;
    PS_TRY(read_direction(cursor, condition, '<', "label SHIFT <= 1"));
    const struct ps_location location = ps_cursor_location(cursor);
    PS_TRY(ps_cursor_number(cursor, "a number of standard deviations", &condition->value));
    if (accept_percent(cursor)) {
        condition->value /= 100;
    }
    return condition->value >= 0
               ? PENSTOCK_OK
               : ps_cursor_fail(cursor, location, "a shift is 0 at least, not %g", condition->value);
}

static penstock_code read_drift(struct ps_cursor *cursor, struct ps_gate_condition *condition) {
    condition->kind = PS_GATE_DRIFT;
    condition->confidence = DRIFT_CONFIDENCE;
    condition->value = DRIFT_TOLERANCE;
    condition->comparison = "<=";
    if (ps_cursor_is_sign(cursor, 0, '(')) {
        PS_TRY(read_column(cursor, condition));
    }
    if (!ps_cursor_is_word(cursor, 0, "CONFIDENCE")) {
        PS_TRY(read_direction(cursor, condition, '<', "drift <= 0.1"));
        const struct ps_location location = ps_cursor_location(cursor);
        PS_TRY(ps_cursor_number(cursor, "a population stability index such as 0.1", &condition->value));
        if (condition->value < 0) {
            return ps_cursor_fail(cursor, location, "drift is 0 at least, not %g", condition->value);
        }
    }
    return ps_cursor_accept(cursor, "CONFIDENCE") ? read_confidence(cursor, condition) : PENSTOCK_OK;
}

static penstock_code read_condition_number(struct ps_cursor *cursor, struct ps_gate_condition *condition) {
    condition->kind = PS_GATE_CONDITION;
    PS_TRY(read_direction(cursor, condition, '<', "condition <= 1e8"));
    return ps_cursor_number(cursor, "a condition number such as 1e8", &condition->value);
}

static penstock_code read_full_rank(struct ps_cursor *cursor, struct ps_gate_condition *condition) {
    (void)cursor;
    condition->kind = PS_GATE_FULL_RANK;
    return PENSTOCK_OK;
}

static penstock_code read_converged(struct ps_cursor *cursor, struct ps_gate_condition *condition) {
    (void)cursor;
    condition->kind = PS_GATE_CONVERGED;
    return PENSTOCK_OK;
}

static const struct {
    const char *word;
    penstock_code (*read)(struct ps_cursor *cursor, struct ps_gate_condition *condition);
    bool needs_champion; /* FIRST RUN before it is a contradiction */
} kinds[] = {
    {"improvement", read_improvement, true},
    {"non_inferiority", read_non_inferiority, true},
    {"slice", read_slice, true},
    {"rows", read_rows, false},
    {"row_count", read_rows, false},
    {"nulls", read_nulls, false},
    {"label", read_label, false},
    {"drift", read_drift, true},
    {"condition", read_condition_number, false},
    {"full_rank", read_full_rank, false},
    {"converged", read_converged, false},
};

static penstock_code read_limit(struct ps_cursor *cursor, struct ps_gate_condition *condition) {
    condition->kind = PS_GATE_LIMIT;
    const char *name = condition->metric;
    condition->is_cross_validated = (name[0] == 'c' || name[0] == 'C') &&
                                    (name[1] == 'v' || name[1] == 'V') && name[2] == '_' && name[3] != '\0';
    condition->metric += condition->is_cross_validated ? 3 : 0;
    PS_TRY(read_comparison(cursor, condition));
    return ps_cursor_number(cursor, "a number", &condition->value);
}

static penstock_code read_kind(struct ps_cursor *cursor, struct ps_gate_condition *condition) {
    PS_TRY(ps_cursor_name(cursor,
                          "a metric such as rmse, improvement, slice(column), rows, nulls, label or drift",
                          &condition->metric));
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!ps_text_equal_nocase(condition->metric, kinds[i].word)) {
            continue;
        }
        condition->metric = NULL;
        if (condition->is_first_run && kinds[i].needs_champion) {
            return ps_cursor_fail(
                cursor, condition->location,
                "the first run has no champion to improve on: give it a limit, such as FIRST RUN r2 > 0");
        }
        return kinds[i].read(cursor, condition);
    }
    return read_limit(cursor, condition);
}

/* The tokens from `first` on with one space between words. */
static penstock_code name_condition(struct ps_cursor *cursor, size_t first, const char **text_out) {
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, 4096);
    for (size_t i = first; i < cursor->next; i++) {
        const char *token = ps_cursor_text(cursor, i, i + 1);
        if (token == NULL) {
            return ps_error_memory(cursor->error, "the gate of a model");
        }
        const char last = text.size > 0 ? text.data[text.size - 1] : '(';
        const bool is_glued = last == '(' || strchr("()=%", token[0]) != NULL ||
                              ((last == '-' || last == '+') && token[0] >= '0' && token[0] <= '9');
        ps_buffer_printf(&text, "%s%s", is_glued ? "" : " ", token);
    }
    PS_TRY(ps_buffer_status(&text, cursor->error));
    *text_out = ps_arena_copy(cursor->arena, text.data);
    return *text_out != NULL ? PENSTOCK_OK : ps_error_memory(cursor->error, "the gate of a model");
}

static penstock_code read_condition(struct ps_cursor *cursor, struct ps_gate_condition *condition) {
    const size_t first = cursor->next;
    condition->location = ps_cursor_location(cursor);
    if (ps_cursor_is_word(cursor, 0, "FIRST") && ps_cursor_is_word(cursor, 1, "RUN")) {
        cursor->next += 2;
        condition->is_first_run = true;
    }
    PS_TRY(read_kind(cursor, condition));
    return name_condition(cursor, first, &condition->text);
}

penstock_code ps_parse_gate(struct ps_cursor *cursor, struct ps_model_statement *model) {
    PS_TRY(ps_cursor_expect_sign(cursor, '('));
    const size_t count_max = ps_cursor_count_items(cursor);
    model->gate = ps_arena_allocate(cursor->arena, count_max, sizeof *model->gate);
    if (model->gate == NULL) {
        return ps_error_memory(cursor->error, "the gate of a model");
    }
    do {
        ps_check(model->gate_count < count_max);
        PS_TRY(read_condition(cursor, &model->gate[model->gate_count]));
        model->gate_count++;
    } while (ps_cursor_accept_sign(cursor, ','));
    return ps_cursor_accept_sign(cursor, ')') ? PENSTOCK_OK : ps_cursor_unexpected(cursor, "',' or ')'");
}
