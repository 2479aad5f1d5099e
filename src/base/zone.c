/* SPDX-License-Identifier: Apache-2.0
 *
 * zone.c - reads a TZif file and its closing rule, and answers from the two.
 *
 * Everything is said by one question: which transition comes next after an instant? Up to the last one of the list
 * the list answers, behind it the rule, year by year. Local times are then looked up by walking over the transitions
 * of the two days around, which is right for any number of them.
 */
#include "base/zone.h"

#include <ctype.h>
#include <stdio.h>

#include "base/file.h"

#define DAY_SECONDS INT64_C(86400)
/* No zone is further than this from UTC; the tz database's own limit is 26 hours. */
#define AROUND_SECONDS (27 * INT64_C(3600))
#define ZONE_FILE_SIZE_MAX ((size_t)1 << 20)
#define HEADER_SIZE 44
#define NEVER INT64_MAX

/* A day of the year: "M3.5.0" (the last Sunday of March), "J60" (never 29 February) or "59" (with it), and a time. */
struct day_rule {
    char kind; /* 'M', 'J' or 'n' */
    int month, week, day;
    int64_t time;
};

struct ps_zone {
    const int64_t *times;   /* of the transitions, ascending */
    const int64_t *offsets; /* from each of them on */
    size_t count;
    int64_t first_offset; /* before the first one */
    bool has_rule;        /* else the last offset stays */
    bool has_summer;
    int64_t standard, summer; /* offsets of the rule */
    struct day_rule begin, end;
};

/* --- the calendar: days as in "chrono-Compatible Low-Level Date Algorithms" (Howard Hinnant) ---------- */

int64_t ps_date_to_days(struct ps_date date) {
    const int64_t year = date.year - (date.month <= 2);
    const int64_t era = (year >= 0 ? year : year - 399) / 400;
    const int64_t year_of_era = year - era * 400;
    const int64_t day_of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

struct ps_date ps_date_of_days(int64_t days) {
    const int64_t shifted = days + 719468;
    const int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    const int64_t day_of_era = shifted - era * 146097;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t month = (5 * day_of_year + 2) / 153; /* from March */
    struct ps_date date = {.year = year_of_era + era * 400,
                           .month = (int)(month < 10 ? month + 3 : month - 9),
                           .day = (int)(day_of_year - (153 * month + 2) / 5 + 1)};
    date.year += date.month <= 2;
    return date;
}

int ps_date_weekday(int64_t days) {
    const int64_t weekday = (days + 4) % 7;
    return (int)(weekday < 0 ? weekday + 7 : weekday);
}

int ps_date_month_days(int64_t year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && is_leap);
}

static int64_t floor_days(int64_t seconds) {
    return seconds >= 0 ? seconds / DAY_SECONDS : -((-seconds + DAY_SECONDS - 1) / DAY_SECONDS);
}

/* --- the rule ----------------------------------------------------------------------------------------- */

/* "<+03>" or "CEST" */
static bool read_name(const char **at) {
    const char *start = *at;
    if (**at == '<') {
        *at += strcspn(*at, ">");
        *at += **at == '>';
        return *at - start > 2;
    }
    while (isalpha((unsigned char)**at)) {
        (*at)++;
    }
    return *at - start >= 3;
}

static bool read_number(const char **at, int *value_out) {
    if (!isdigit((unsigned char)**at)) {
        return false;
    }
    int value = 0;
    while (isdigit((unsigned char)**at) && value < 100000) {
        value = value * 10 + (*(*at)++ - '0');
    }
    *value_out = value;
    return true;
}

/* "5:30", "-3", "167:59:59" */
static bool read_time(const char **at, int64_t *seconds_out) {
    const int64_t sign = **at == '-' ? -1 : 1;
    *at += **at == '-' || **at == '+';
    int64_t seconds = 0;
    int64_t unit = 3600;
    for (int part = 0; part < 3; part++, unit /= 60) {
        int value = 0;
        if (part > 0 && **at != ':') {
            break;
        }
        *at += part > 0;
        if (!read_number(at, &value)) {
            return false;
        }
        seconds += value * unit;
    }
    *seconds_out = sign * seconds;
    return true;
}

static bool read_day(const char **at, struct day_rule *rule) {
    rule->time = 7200;
    rule->kind = **at == 'M' || **at == 'J' ? *(*at)++ : 'n';
    if (rule->kind == 'M') {
        if (!read_number(at, &rule->month) || *(*at)++ != '.' || !read_number(at, &rule->week) ||
            *(*at)++ != '.' || !read_number(at, &rule->day) || rule->month < 1 || rule->month > 12 ||
            rule->week < 1 || rule->week > 5 || rule->day > 6) {
            return false;
        }
    } else if (!read_number(at, &rule->day) || rule->day > 366) {
        return false;
    }
    if (**at == '/') {
        (*at)++;
        return read_time(at, &rule->time);
    }
    return true;
}

static bool read_rule(const char *text, struct ps_zone *zone) {
    const char *at = text;
    if (!read_name(&at) || !read_time(&at, &zone->standard)) {
        return false;
    }
    zone->standard = -zone->standard; /* POSIX counts to the west */
    zone->has_rule = true;
    if (*at == '\0') {
        return true;
    }
    zone->has_summer = true;
    zone->summer = zone->standard + 3600;
    if (!read_name(&at)) {
        return false;
    }
    if (*at != ',') {
        if (!read_time(&at, &zone->summer)) {
            return false;
        }
        zone->summer = -zone->summer;
    }
    return *at++ == ',' && read_day(&at, &zone->begin) && *at++ == ',' && read_day(&at, &zone->end) &&
           *at == '\0';
}

/* Local seconds at which the clock is moved in that year. */
static int64_t rule_local(const struct day_rule *rule, int64_t year) {
    int64_t days = 0;
    if (rule->kind == 'M') {
        const int64_t first = ps_date_to_days((struct ps_date){year, rule->month, 1});
        int day = 1 + (rule->day - ps_date_weekday(first) + 7) % 7 + (rule->week - 1) * 7;
        while (day > ps_date_month_days(year, rule->month)) { /* week 5 is the last one */
            day -= 7;
        }
        days = first + day - 1;
    } else {
        days = ps_date_to_days((struct ps_date){year, 1, 1}) + rule->day - (rule->kind == 'J');
        days += rule->kind == 'J' && rule->day >= 60 && ps_date_month_days(year, 2) == 29;
    }
    return days * DAY_SECONDS + rule->time;
}

/* The transition of the rule after `utc`. */
static int64_t rule_next(const struct ps_zone *zone, int64_t utc, int64_t *offset_out) {
    const int64_t year = ps_date_of_days(floor_days(utc)).year;
    int64_t next = NEVER;
    for (int64_t y = year - 1; y <= year + 1; y++) {
        const int64_t begin = rule_local(&zone->begin, y) - zone->standard;
        const int64_t end = rule_local(&zone->end, y) - zone->summer;
        if (begin > utc && begin < next) {
            next = begin;
            *offset_out = zone->summer;
        }
        if (end > utc && end < next) {
            next = end;
            *offset_out = zone->standard;
        }
    }
    return next;
}

static int64_t rule_offset(const struct ps_zone *zone, int64_t utc) {
    int64_t after = zone->standard;
    if (!zone->has_summer) {
        return zone->standard;
    }
    (void)rule_next(zone, utc, &after); /* it is now what the next transition ends */
    return after == zone->summer ? zone->standard : zone->summer;
}

/* --- answers ------------------------------------------------------------------------------------------ */

/* Transitions of the list up to and with `utc`. */
static size_t count_until(const struct ps_zone *zone, int64_t utc) {
    size_t low = 0;
    size_t high = zone->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (zone->times[middle] <= utc) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

int64_t ps_zone_offset(const struct ps_zone *zone, int64_t utc) {
    const size_t count = count_until(zone, utc);
    if (count == zone->count && zone->has_rule) {
        return rule_offset(zone, utc);
    }
    return count == 0 ? zone->first_offset : zone->offsets[count - 1];
}

/* The first transition after `utc`, and the offset from then on; NEVER if there is none. */
static int64_t next_transition(const struct ps_zone *zone, int64_t utc, int64_t *offset_out) {
    const size_t count = count_until(zone, utc);
    if (count < zone->count) {
        *offset_out = zone->offsets[count];
        return zone->times[count];
    }
    return zone->has_rule && zone->has_summer ? rule_next(zone, utc, offset_out) : NEVER;
}

int ps_zone_instants(const struct ps_zone *zone, int64_t local, int64_t instants_out[2]) {
    int64_t from = local - AROUND_SECONDS;
    int64_t offset = ps_zone_offset(zone, from);
    int64_t gap_end = local - offset;
    int count = 0;
    while (from <= local + AROUND_SECONDS) {
        int64_t next_offset = offset;
        const int64_t next = next_transition(zone, from, &next_offset);
        const int64_t instant = local - offset;
        if (instant >= from && instant < next && count < 2) {
            instants_out[count++] = instant;
        }
        if (next == NEVER) {
            break;
        }
        if (next + offset <= local && local < next + next_offset) {
            gap_end = next;
        }
        from = next;
        offset = next_offset;
    }
    if (count == 0) {
        instants_out[0] = gap_end;
    }
    return count;
}

/* --- the file ----------------------------------------------------------------------------------------- */

static int64_t read_signed(const unsigned char *bytes, size_t size) {
    uint64_t value = (bytes[0] & 0x80U) != 0 ? UINT64_MAX : 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | bytes[i];
    }
    return (int64_t)value;
}

/* One block of the file: a version 1 block has times of 4 bytes, the second one of newer versions of 8. */
struct block {
    const unsigned char *times, *indexes, *types, *end;
    size_t time_size, time_count, type_count;
};

static bool read_block(const unsigned char *data, size_t size, size_t time_size, struct block *block_out) {
    if (size < HEADER_SIZE || memcmp(data, "TZif", 4) != 0) {
        return false;
    }
    size_t counts[6]; /* isut, isstd, leap, time, type, char */
    for (size_t i = 0; i < 6; i++) {
        const int64_t count = read_signed(data + 20 + 4 * i, 4);
        if (count < 0 || count > (int64_t)ZONE_FILE_SIZE_MAX) {
            return false;
        }
        counts[i] = (size_t)count;
    }
    const size_t body = counts[3] * (time_size + 1) + counts[4] * 6 + counts[5] +
                        counts[2] * (time_size + 4) + counts[1] + counts[0];
    if (counts[4] == 0 || body > size - HEADER_SIZE) {
        return false;
    }
    block_out->times = data + HEADER_SIZE;
    block_out->indexes = block_out->times + counts[3] * time_size;
    block_out->types = block_out->indexes + counts[3];
    block_out->end = data + HEADER_SIZE + body;
    block_out->time_size = time_size;
    block_out->time_count = counts[3];
    block_out->type_count = counts[4];
    return true;
}

static bool fill(const struct block *block, struct ps_zone *zone, int64_t *times, int64_t *offsets) {
    zone->first_offset = read_signed(block->types, 4);
    for (size_t i = 0; i < block->time_count; i++) {
        if (block->indexes[i] >= block->type_count) {
            return false;
        }
        times[i] = read_signed(block->times + i * block->time_size, block->time_size);
        offsets[i] = read_signed(block->types + (size_t)block->indexes[i] * 6, 4);
        if (i > 0 && times[i] <= times[i - 1]) {
            return false;
        }
    }
    zone->times = times;
    zone->offsets = offsets;
    zone->count = block->time_count;
    return true;
}

/* The text between the two ends of line behind the last block; "" when there is none. */
static bool read_footer(const unsigned char *at, size_t size, struct ps_zone *zone) {
    char text[128];
    size_t length = 0;
    if (size == 0 || at[0] != '\n') {
        return size == 0;
    }
    while (length + 1 < size && at[1 + length] != '\n' && length + 1 < sizeof text) {
        text[length] = (char)at[1 + length];
        length++;
    }
    text[length] = '\0';
    return length == 0 || read_rule(text, zone);
}

penstock_code ps_zone_read(const char *data, size_t size, struct ps_arena *arena,
                           const struct ps_zone **zone_out, struct penstock_error *error) {
    struct ps_zone *zone = ps_arena_allocate(arena, 1, sizeof *zone);
    if (zone == NULL) {
        return ps_error_memory(error, "time zone");
    }
    if (size == 0) {
        *zone_out = zone;
        return PENSTOCK_OK;
    }
    const unsigned char *bytes = (const unsigned char *)data;
    struct block block;
    bool is_good = read_block(bytes, size, 4, &block);
    const bool is_new = is_good && bytes[4] >= '2';
    if (is_new) {
        is_good = read_block(block.end, size - (size_t)(block.end - bytes), 8, &block);
    }
    int64_t *times = is_good ? ps_arena_allocate(arena, block.time_count + 1, sizeof *times) : NULL;
    int64_t *offsets = is_good ? ps_arena_allocate(arena, block.time_count + 1, sizeof *offsets) : NULL;
    if (is_good && (times == NULL || offsets == NULL)) {
        return ps_error_memory(error, "time zone");
    }
    if (!is_good || !fill(&block, zone, times, offsets) ||
        (is_new && !read_footer(block.end, size - (size_t)(block.end - bytes), zone))) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "the time zone's file is damaged");
    }
    *zone_out = zone;
    return PENSTOCK_OK;
}

static bool is_name(const char *name) {
    for (const char *at = name; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) && strchr("_+-/", *at) == NULL) {
            return false;
        }
    }
    return name[0] != '\0' && name[0] != '/';
}

/* "Europe/Berln": the nearest name of the folder that the name itself points to. */
static void suggest(const char *folder, const char *name, struct ps_arena *arena,
                    struct penstock_error *error) {
    const char *slash = strrchr(name, '/');
    const char *region = slash == NULL ? "" : ps_arena_copy_size(arena, name, (size_t)(slash - name) + 1);
    const char *path = region == NULL ? NULL : ps_arena_printf(arena, "%s/%s", folder, region);
    char **names = NULL;
    size_t count = 0;
    struct penstock_error ignored;
    if (path == NULL || ps_file_list(path, arena, &names, &count, &ignored) != PENSTOCK_OK) {
        (void)ps_error_hint(error, "a time zone is UTC or a name such as 'Europe/Berlin'");
        return;
    }
    const char **known = ps_arena_allocate(arena, count + 1, sizeof *known);
    for (size_t i = 0; known != NULL && i < count; i++) {
        known[i] = names[i];
    }
    const char *near = known == NULL ? NULL : ps_nearest(slash == NULL ? name : slash + 1, known);
    if (near != NULL) {
        (void)ps_error_hint(error, "did you mean '%s%s'?", region, near);
    } else {
        (void)ps_error_hint(error, "a time zone is UTC or a name such as 'Europe/Berlin'");
    }
}

penstock_code ps_zone_load(const char *name, struct ps_arena *arena, const struct ps_zone **zone_out,
                           struct penstock_error *error) {
    if (ps_text_equal_nocase(name, "UTC")) {
        return ps_zone_read(NULL, 0, arena, zone_out, error);
    }
    const char *set = getenv("TZDIR"); /* as the C library */
    const char *folder = set != NULL && set[0] != '\0' ? set : "/usr/share/zoneinfo";
    if (!ps_file_exists(folder)) {
        ps_error_set(error, PENSTOCK_NOT_FOUND,
                     "the time zone '%s' cannot be looked up: there is no tz database on this machine", name);
        return ps_error_hint(error, "install tzdata, or use UTC");
    }
    const char *path = is_name(name) ? ps_path_join(arena, folder, name) : "";
    struct ps_file_info info;
    struct penstock_error ignored;
    if (path == NULL) {
        return ps_error_memory(error, "time zone");
    }
    if (path[0] == '\0' || ps_file_stat(path, &info, &ignored) != PENSTOCK_OK || !info.is_regular) {
        ps_error_set(error, PENSTOCK_NOT_FOUND, "there is no time zone '%s'", name);
        suggest(folder, name, arena, error);
        return PENSTOCK_NOT_FOUND;
    }
    struct ps_bytes content;
    PS_TRY(ps_file_read(path, ZONE_FILE_SIZE_MAX, arena, &content, error));
    if (content.size == 0) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "the time zone's file %s is empty", path);
    }
    const penstock_code code = ps_zone_read(content.data, content.size, arena, zone_out, error);
    return code == PENSTOCK_OK ? code : ps_error_context(error, "time zone '%s'", name);
}
