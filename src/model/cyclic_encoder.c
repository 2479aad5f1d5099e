/* SPDX-License-Identifier: Apache-2.0
 *
 * cyclic_encoder.c - CyclicEncoder: a time, or a number that comes round again, becomes its sine and cosine.
 *
 * 23:59 and 0:00 are neighbours on a circle and far apart as numbers; a linear model sees the circle when it is given
 * sin(2 pi v / P) and cos(2 pi v / P). Of a time, v is
 *
 *   hour_of_day   hours since midnight with their fraction            P = 24
 *   day_of_week   1 (Monday) .. 7                                     P = 7
 *   month         1 .. 12                                             P = 12
 *   day_of_year   1 .. 366                                            P = days of that year
 *   a number      seconds since 1970 (of a TIME: since midnight)      P = that many seconds
 *
 * Of a number column v is its value, and P is 24, 7, 12, 365.25 or the number. Nothing is learnt. A time is read as
 * text, whoever delivers it: a table, a stream, a JSON request. With a time zone it is taken as it is written.
 */
#include <math.h>
#include <stdio.h>

#include "model/fit.h"

enum period { HOUR_OF_DAY, DAY_OF_WEEK, MONTH, DAY_OF_YEAR, NUMBER };
static const char *const period_names[] = {"hour_of_day", "day_of_week", "month", "day_of_year", NULL};
static const double period_lengths[] = {24, 7, 12, 365.25};

struct config {
    const char *period_text;
    enum period period;
    double length;
};

static const struct ps_option options[] = {
    {"period", PS_OPTION_TEXT, NULL, 0, 0, NULL, offsetof(struct config, period_text), true, false,
     "hour_of_day, day_of_week, month, day_of_year, or after how much a value comes round again (of a time: "
     "seconds)",
     "0.2"},
    {0},
};

static penstock_code read_period(const struct ps_transform *transform, struct config *config,
                                 struct penstock_error *error) {
    if (config->period_text == NULL) {
        return ps_transform_error(
            transform, error, "period is missing: hour_of_day, day_of_week, month, day_of_year or a number");
    }
    for (size_t i = 0; period_names[i] != NULL; i++) {
        if (ps_option_name_equal(period_names[i], config->period_text)) {
            config->period = (enum period)i;
            config->length = period_lengths[i];
            return PENSTOCK_OK;
        }
    }
    config->period = NUMBER;
    if (ps_parse_double(config->period_text, &config->length) && config->length > 0) {
        return PENSTOCK_OK;
    }
    const penstock_code code = ps_transform_error(
        transform, error,
        "period is '%s', but must be hour_of_day, day_of_week, month, day_of_year or a number",
        config->period_text);
    const char *nearest = ps_nearest(config->period_text, period_names);
    if (nearest != NULL) {
        (void)ps_error_hint(error, "did you mean %s?", nearest);
    }
    return code;
}

static penstock_code check_type(const struct ps_transform *transform, const struct ps_slot *slot,
                                struct penstock_error *error) {
    const struct config *config = transform->config;
    const bool is_date = strcmp(slot->type_text, "DATE") == 0;
    const bool is_clock = strcmp(slot->type_text, "TIME") == 0 || strncmp(slot->type_text, "TIME ", 5) == 0;
    if (is_date && config->period == HOUR_OF_DAY) {
        return ps_transform_error(transform, error, "%s is a DATE: it has no hour_of_day", slot->name);
    }
    if (is_clock && config->period != HOUR_OF_DAY && config->period != NUMBER) {
        return ps_transform_error(transform, error, "%s is a TIME: it has no %s", slot->name,
                                  period_names[config->period]);
    }
    return PENSTOCK_OK;
}

/* A time stays readable for the next CyclicEncoder ("_hour_of_day_sin"); a number gives way ("_sin"). */
static penstock_code bind_column(struct ps_pipeline *pipeline, struct ps_transform *transform, size_t input,
                                 struct penstock_error *error) {
    static const char *const functions[] = {"sin", "cos"};
    const struct config *config = transform->config;
    struct ps_slot *slot = &pipeline->slots[transform->inputs[input]];
    const char *base = slot->name;
    if (slot->kind == PS_SLOT_TEXT) {
        PS_TRY(check_type(transform, slot, error));
        slot->is_spent = true;
        base = ps_arena_printf(pipeline->arena, "%s_%s", slot->name,
                               config->period == NUMBER ? config->period_text : period_names[config->period]);
    } else {
        ps_pipeline_remove(pipeline, transform, input);
    }
    for (size_t i = 0; i < 2; i++) {
        const char *name =
            base == NULL ? NULL : ps_arena_printf(pipeline->arena, "%s_%s", base, functions[i]);
        if (name == NULL) {
            return ps_error_memory(error, "a pipeline");
        }
        size_t *out = &transform->outputs[transform->output_count];
        PS_TRY(ps_pipeline_make(pipeline, transform, input, name, PS_SLOT_NUMBER, out, error));
        pipeline->slots[*out].is_opaque = true;
        transform->output_count++;
    }
    return PENSTOCK_OK;
}

static penstock_code bind(struct ps_pipeline *pipeline, struct ps_transform *transform,
                          struct penstock_error *error) {
    PS_TRY(read_period(transform, transform->config, error));
    transform->outputs = ps_arena_allocate(pipeline->arena, 2 * transform->input_count, sizeof(size_t));
    if (transform->outputs == NULL) {
        return ps_error_memory(error, "a pipeline");
    }
    for (size_t i = 0; i < transform->input_count; i++) {
        PS_TRY(bind_column(pipeline, transform, i, error));
    }
    return PENSTOCK_OK;
}

static penstock_code finish(struct ps_pipeline *pipeline, struct ps_transform *transform,
                            struct penstock_error *error) {
    (void)error;
    for (size_t i = 0; i < transform->input_count; i++) {
        transform->is_fitted[i] = true;
        for (size_t o = 0; o < 2; o++) {
            pipeline->slots[transform->outputs[2 * i + o]].is_absent =
                pipeline->slots[transform->inputs[i]].is_absent;
        }
    }
    return PENSTOCK_OK;
}

struct moment {
    int64_t year, month, day; /* year 1970, month 1, day 1 for a TIME */
    double seconds;           /* since midnight */
};

/* Digits up to `width`; false: there is none. */
static bool read_digits(struct ps_bytes *text, size_t width, int64_t *number_out) {
    size_t count = 0;
    int64_t number = 0;
    while (count < width && count < text->size && text->data[count] >= '0' && text->data[count] <= '9') {
        number = number * 10 + (text->data[count++] - '0');
    }
    *text = (struct ps_bytes){text->data + count, text->size - count};
    *number_out = number;
    return count > 0;
}

static bool skip(struct ps_bytes *text, const char *any_of) {
    if (text->size == 0 || strchr(any_of, text->data[0]) == NULL || text->data[0] == '\0') {
        return false;
    }
    *text = (struct ps_bytes){text->data + 1, text->size - 1};
    return true;
}

static int64_t days_in_month(int64_t year, int64_t month) {
    static const int64_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap ? 1 : 0);
}

static bool read_clock(struct ps_bytes *text, double *seconds_out) {
    int64_t hour = 0, minute = 0, second = 0;
    if (!read_digits(text, 2, &hour) || !skip(text, ":") || !read_digits(text, 2, &minute)) {
        return false;
    }
    double fraction = 0;
    if (skip(text, ":")) {
        if (!read_digits(text, 2, &second)) {
            return false;
        }
        if (skip(text, ".")) {
            const size_t before = text->size;
            int64_t digits = 0;
            if (!read_digits(text, 9, &digits)) {
                return false;
            }
            fraction = (double)digits / pow(10, (double)(before - text->size));
        }
    }
    *seconds_out = (double)(hour * 3600 + minute * 60 + second) + fraction;
    return hour <= 24 && minute < 60 && second <= 60;
}

/* "2013-01-31", "2013-01-31 05:15:00.25", with T instead of the space, "05:15:00"; Z or +01:30 may follow. */
static bool read_moment(struct ps_bytes text, struct moment *moment_out) {
    struct moment moment = {1970, 1, 1, 0};
    const bool is_clock = text.size >= 3 && (text.data[1] == ':' || text.data[2] == ':');
    if (!is_clock) {
        if (!read_digits(&text, 6, &moment.year) || !skip(&text, "-") ||
            !read_digits(&text, 2, &moment.month) || !skip(&text, "-") ||
            !read_digits(&text, 2, &moment.day) || moment.month < 1 || moment.month > 12 || moment.day < 1 ||
            moment.day > days_in_month(moment.year, moment.month)) {
            return false;
        }
    }
    if ((is_clock || skip(&text, " T")) && !read_clock(&text, &moment.seconds)) {
        return false;
    }
    if (!skip(&text, "Z") && skip(&text, "+-")) {
        int64_t hours = 0, minutes = 0;
        if (!read_digits(&text, 2, &hours) || (skip(&text, ":") && !read_digits(&text, 2, &minutes))) {
            return false;
        }
    }
    *moment_out = moment;
    return text.size == 0;
}

/* Days since 1970-01-01 in the Gregorian calendar (Fliegel and Van Flandern 1968). */
static int64_t day_number(const struct moment *moment) {
    const int64_t back = (moment->month - 14) / 12;
    return 1461 * (moment->year + 4800 + back) / 4 + 367 * (moment->month - 2 - 12 * back) / 12 -
           3 * ((moment->year + 4900 + back) / 100) / 4 + moment->day - 32075 - 2440588;
}

/* The place on the circle, in turns. */
static double turns_of(const struct config *config, const struct moment *moment) {
    const int64_t days = day_number(moment);
    const struct moment new_year = {moment->year, 1, 1, 0};
    const double year_length = days_in_month(moment->year, 2) == 29 ? 366 : 365;
    switch (config->period) {
    case HOUR_OF_DAY: return moment->seconds / 86400;
    case DAY_OF_WEEK: return (double)(((days + 3) % 7 + 7) % 7 + 1) / 7;
    case MONTH: return (double)moment->month / 12;
    case DAY_OF_YEAR: return (double)(days - day_number(&new_year) + 1) / year_length;
    case NUMBER: return fmod((double)days * 86400 + moment->seconds, config->length) / config->length;
    }
    return (double)NAN;
}

static double turns_of_text(const struct config *config, const struct ps_slot *slot, struct ps_bytes text,
                            struct ps_frame *frame, size_t row) {
    struct moment moment;
    if (text.data == NULL || (text.size >= 8 && memcmp(text.data + text.size - 8, "infinity", 8) == 0)) {
        return (double)NAN;
    }
    if (!read_moment(text, &moment)) {
        ps_frame_fail(frame, row, slot->name, text,
                      "is no time that CyclicEncoder can read, as 2026-01-31 05:15:00 is");
        return (double)NAN;
    }
    return turns_of(config, &moment);
}

static void apply(const struct ps_pipeline *pipeline, const struct ps_transform *transform,
                  struct ps_frame *frame) {
    const struct config *config = transform->config;
    const double whole = 2 * acos(-1.0);
    for (size_t i = 0; i < transform->input_count; i++) {
        const struct ps_slot *in = &pipeline->slots[transform->inputs[i]];
        const struct ps_frame_slot *values = &frame->slots[transform->inputs[i]];
        struct ps_frame_slot *sine = &frame->slots[transform->outputs[2 * i]];
        struct ps_frame_slot *cosine = &frame->slots[transform->outputs[2 * i + 1]];
        for (size_t row = 0; row < frame->row_count; row++) {
            const double turns = in->kind == PS_SLOT_TEXT
                                     ? turns_of_text(config, in, values->texts[row], frame, row)
                                     : fmod(values->numbers[row], config->length) / config->length;
            sine->own_numbers[row] = sin(whole * turns);
            cosine->own_numbers[row] = cos(whole * turns);
        }
        sine->numbers = sine->own_numbers;
        cosine->numbers = cosine->own_numbers;
    }
}

const struct ps_transform_type ps_cyclic_encoder_type = {
    .name = "CyclicEncoder",
    .help = "gives a time or another number that comes round again its place on a circle",
    .options = options,
    .config_size = sizeof(struct config),
    .column_min = 1,
    .takes_time = true,
    .bind = bind,
    .finish = finish,
    .apply = apply,
};
