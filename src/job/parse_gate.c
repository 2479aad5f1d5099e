/* SPDX-License-Identifier: Apache-2.0
 *
 * parse_gate.c - the HOLDOUT and GATE clauses of CREATE MODEL.
 *
 *   HOLDOUT LAST 30 DAYS BY c | LAST 20 PERCENT BY c | 20 PERCENT
 *   GATE (rmse <= 20, improvement >= 1 PERCENT [OF champion] [CONFIDENCE 0.95], FIRST RUN r2 > 0.1)
 */
#include "base/check.h"
#include "job/cursor.h"

/* What a paired improvement is tested with when nothing is said: one error in twenty. */
#define DEFAULT_CONFIDENCE 0.95

static bool accept_percent(struct ps_cursor *cursor) {
    return ps_cursor_accept(cursor, "PERCENT") || ps_cursor_accept_sign(cursor, '%');
}

/* The unit of HOLDOUT LAST n unit; as DuckDB's INTERVAL takes it. */
static penstock_code read_unit(struct ps_cursor *cursor, const char **unit_out) {
    static const char *const words[] = {"SECOND", "MINUTE",  "HOUR",    "DAY",   "WEEK", "MONTH",
                                        "YEAR",   "SECONDS", "MINUTES", "HOURS", "DAYS", "WEEKS",
                                        "MONTHS", "YEARS",   "PERCENT", NULL};
    for (size_t i = 0; words[i] != NULL; i++) {
        if (ps_cursor_accept(cursor, words[i])) {
            *unit_out = words[i];
            return PENSTOCK_OK;
        }
    }
    return ps_cursor_unknown(cursor, "PERCENT, or SECONDS, MINUTES, HOURS, DAYS, WEEKS, MONTHS or YEARS",
                             words);
}

static penstock_code read_by(struct ps_cursor *cursor, struct ps_holdout *holdout) {
    static const char *const words[] = {"BY", NULL};
    if (!ps_cursor_accept(cursor, "BY")) {
        return ps_cursor_unknown(cursor, "BY column (what the last rows are last by)", words);
    }
    return ps_cursor_name(cursor, "the column of time", &holdout->by_column);
}

static penstock_code read_last(struct ps_cursor *cursor, struct ps_holdout *holdout,
                               struct ps_location start) {
    const char *amount = NULL, *unit = NULL;
    ps_cursor_accept(cursor, "INTERVAL");
    if (ps_cursor_peek(cursor, 0).kind == PS_TOKEN_STRING) {
        PS_TRY(ps_cursor_string(cursor, "an amount of time", &amount));
        holdout->kind = PS_HOLDOUT_LAST_INTERVAL;
        if (strspn(amount, " 0123456789.") == strlen(amount)) {
            PS_TRY(read_unit(cursor, &unit));
        }
        holdout->interval = unit == NULL ? amount : ps_arena_printf(cursor->arena, "%s %s", amount, unit);
        return holdout->interval != NULL ? read_by(cursor, holdout)
                                         : ps_error_memory(cursor->error, "a hold-out");
    }
    double value = 0;
    const size_t first = cursor->next;
    PS_TRY(ps_cursor_number(cursor, "how much is last, such as 30 DAYS or 20 PERCENT", &value));
    amount = ps_cursor_text(cursor, first, cursor->next);
    if (value <= 0) {
        return ps_cursor_fail(cursor, start, "the hold-out must be more than nothing");
    }
    if (accept_percent(cursor)) {
        holdout->kind = PS_HOLDOUT_FRACTION;
        holdout->fraction = value / 100;
        if (value >= 100) {
            return ps_cursor_fail(cursor, start, "a hold-out of %g percent leaves nothing to train on",
                                  value);
        }
        return read_by(cursor, holdout);
    }
    PS_TRY(read_unit(cursor, &unit));
    holdout->kind = PS_HOLDOUT_LAST_INTERVAL;
    holdout->interval = amount == NULL ? NULL : ps_arena_printf(cursor->arena, "%s %s", amount, unit);
    return holdout->interval != NULL ? read_by(cursor, holdout)
                                     : ps_error_memory(cursor->error, "a hold-out");
}

penstock_code ps_parse_holdout(struct ps_cursor *cursor, struct ps_holdout *holdout_out) {
    struct ps_holdout *holdout = holdout_out;
    holdout->location = ps_cursor_location(cursor);
    if (ps_cursor_accept(cursor, "LAST")) {
        return read_last(cursor, holdout, holdout->location);
    }
    double value = 0;
    PS_TRY(ps_cursor_number(cursor, "LAST n DAYS BY column, LAST n PERCENT BY column, or n PERCENT", &value));
    if (!accept_percent(cursor)) {
        return ps_cursor_unexpected(cursor, "PERCENT");
    }
    if (value <= 0 || value >= 100) {
        return ps_cursor_fail(cursor, holdout->location,
                              "a hold-out is more than 0 and less than 100 percent, not %g", value);
    }
    holdout->kind = PS_HOLDOUT_FRACTION;
    holdout->fraction = value / 100;
    return PENSTOCK_OK;
}

static penstock_code read_comparison(struct ps_cursor *cursor, const char **comparison_out) {
    const bool is_less = ps_cursor_is_sign(cursor, 0, '<');
    if (!is_less && !ps_cursor_is_sign(cursor, 0, '>')) {
        return ps_cursor_unexpected(cursor, "<=, <, >= or >");
    }
    cursor->next++;
    const bool has_equal = ps_cursor_accept_sign(cursor, '=');
    *comparison_out = is_less ? (has_equal ? "<=" : "<") : (has_equal ? ">=" : ">");
    return PENSTOCK_OK;
}

/* n PERCENT [OF champion] [CONFIDENCE c], behind "improvement >=". */
static penstock_code read_improvement(struct ps_cursor *cursor, struct ps_gate_condition *condition) {
    if (condition->comparison[0] != '>') {
        return ps_cursor_fail(cursor, condition->location,
                              "an improvement is at least so much: write improvement >= n PERCENT");
    }
    PS_TRY(ps_cursor_number(cursor, "n PERCENT", &condition->value));
    if (!accept_percent(cursor)) {
        return ps_cursor_unexpected(cursor, "PERCENT");
    }
    condition->value /= 100;
    if (condition->value >= 1 || condition->value <= -1) {
        return ps_cursor_fail(cursor, condition->location, "an improvement of %g percent cannot be",
                              condition->value * 100);
    }
    if (ps_cursor_accept(cursor, "OF")) {
        PS_TRY(ps_cursor_expect(cursor, "champion"));
    }
    condition->confidence = DEFAULT_CONFIDENCE;
    if (ps_cursor_accept(cursor, "CONFIDENCE")) {
        const struct ps_location location = ps_cursor_location(cursor);
        PS_TRY(ps_cursor_number(cursor, "a confidence such as 0.95", &condition->confidence));
        if (condition->confidence < 0.5 || condition->confidence >= 1) {
            return ps_cursor_fail(cursor, location, "a confidence is from 0.5 to below 1, not %g",
                                  condition->confidence);
        }
    }
    return PENSTOCK_OK;
}

static penstock_code read_condition(struct ps_cursor *cursor, struct ps_gate_condition *condition) {
    condition->location = ps_cursor_location(cursor);
    if (ps_cursor_is_word(cursor, 0, "FIRST") && ps_cursor_is_word(cursor, 1, "RUN")) {
        cursor->next += 2;
        condition->is_first_run = true;
    }
    PS_TRY(ps_cursor_name(cursor, "a metric such as rmse, or improvement", &condition->metric));
    PS_TRY(read_comparison(cursor, &condition->comparison));
    if (!ps_text_equal_nocase(condition->metric, "improvement")) {
        condition->kind = PS_GATE_LIMIT;
        return ps_cursor_number(cursor, "a number", &condition->value);
    }
    condition->kind = PS_GATE_IMPROVEMENT;
    condition->metric = "improvement";
    if (condition->is_first_run) {
        return ps_cursor_fail(
            cursor, condition->location,
            "the first run has no champion to improve on: give it a limit, such as FIRST RUN r2 > 0");
    }
    return read_improvement(cursor, condition);
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
