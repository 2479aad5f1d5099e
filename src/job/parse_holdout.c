/* SPDX-License-Identifier: Apache-2.0
 *
 * parse_holdout.c - the HOLDOUT clause of CREATE MODEL.
 *
 *   HOLDOUT LAST 30 DAYS BY c | LAST 20 PERCENT BY c | 20 PERCENT
 */
#include "job/cursor.h"

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
