/* SPDX-License-Identifier: Apache-2.0
 *
 * cases.h - texts and what they must be told, from cases/NAME.txt:
 *
 *   === bad                 or good: nothing is said
 *   the text, any number of lines; @SOURCE, @CLEAN, @PAIR and @CHANGES stand for statements that many cases begin with
 *   --- the message, with its place
 *   ? a part of the hint    may be left out
 */
#ifndef TESTS_UNIT_JOB_CASES_H
#define TESTS_UNIT_JOB_CASES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define CASE_MAX 400

struct test_case {
    bool is_good;
    char *text;
    char *message; /* "" for good ones */
    char *hint;    /* NULL: not looked at */
};

struct test_cases {
    struct ps_arena *arena;
    struct test_case items[CASE_MAX];
    size_t count;
};

static const char case_source[] =
    "CREATE SOURCE departures (carrier VARCHAR, origin VARCHAR, sched_dep TIMESTAMP, departed_at TIMESTAMP, "
    "distance DOUBLE, price DECIMAL(10,2), loading_time DOUBLE, "
    "WATERMARK FOR departed_at AS departed_at - INTERVAL 30 SECOND) WITH (connector = 'file');";
static const char case_pair[] =
    "CREATE SOURCE a (k INTEGER, t TIMESTAMP, v DOUBLE, WATERMARK FOR t AS t - INTERVAL 30 SECOND)"
    " WITH (connector = 'file', path = 'a');"
    "CREATE SOURCE b (k INTEGER, u TIMESTAMP, w DOUBLE, WATERMARK FOR u AS u - INTERVAL 30 SECOND)"
    " WITH (connector = 'file', path = 'b');";
static const char case_changes[] =
    "CREATE SOURCE c (id INTEGER, region VARCHAR, v DOUBLE, PRIMARY KEY (id, region))"
    " WITH (connector = 'file', path = 'c') FORMAT UPSERT ENCODE JSON;";
static const char case_clean[] = "CREATE STREAMING TABLE clean AS SELECT * FROM STREAM departures;";

static void add_text(struct test_cases *cases, struct test_case *item, const char *line, bool is_first) {
    const char *before = is_first ? "" : "\n";
    const char *old = item->text != NULL ? item->text : "";
    if (strcmp(line, "@SOURCE") == 0) {
        item->text = ps_arena_printf(cases->arena, "%s%s%s", old, before, case_source);
    } else if (strcmp(line, "@CLEAN") == 0) {
        item->text = ps_arena_printf(cases->arena, "%s%s%s\n%s", old, before, case_source, case_clean);
    } else if (strcmp(line, "@PAIR") == 0) {
        item->text = ps_arena_printf(cases->arena, "%s%s%s", old, before, case_pair);
    } else if (strcmp(line, "@CHANGES") == 0) {
        item->text = ps_arena_printf(cases->arena, "%s%s%s", old, before, case_changes);
    } else {
        item->text = ps_arena_printf(cases->arena, "%s%s%s", old, before, line);
    }
}

/* Reads cases/<name>; the caller frees cases->arena. False: the file cannot be read. */
static bool read_cases(const char *name, struct test_cases *cases) {
    const char *root = getenv("PENSTOCK_SOURCE_ROOT");
    struct ps_bytes content = {NULL, 0};
    char path[512];
    snprintf(path, sizeof path, "%s/tests/unit/job/cases/%s", root != NULL ? root : ".", name);
    cases->arena = ps_arena_new(0);
    cases->count = 0;
    if (ps_file_read(path, (size_t)1 << 20, cases->arena, &content, NULL) != PENSTOCK_OK) {
        return false;
    }
    char *text = ps_arena_copy_size(cases->arena, content.data, content.size);
    struct test_case *item = NULL;
    size_t line_count = 0;
    for (char *line = text, *next = NULL; line != NULL && *line != '\0'; line = next) {
        char *end = strchr(line, '\n');
        next = end != NULL ? end + 1 : NULL;
        if (end != NULL) {
            *end = '\0';
        }
        if (strncmp(line, "=== ", 4) == 0 && cases->count < CASE_MAX) {
            item = &cases->items[cases->count++];
            *item = (struct test_case){.is_good = strcmp(line, "=== good") == 0,
                                       .message = ps_arena_copy(cases->arena, "")};
            line_count = 0;
        } else if (item != NULL && strncmp(line, "--- ", 4) == 0) {
            item->message = line + 4;
        } else if (item != NULL && item->message[0] != '\0' && strncmp(line, "? ", 2) == 0) {
            item->hint = line + 2;
        } else if (item != NULL) {
            add_text(cases, item, line, line_count++ == 0);
        }
    }
    return true;
}

/* Is this what the case asks for? Says so if not. */
static bool check_case(const struct test_case *item, penstock_code code, const struct penstock_error *error) {
    const bool is_right = item->is_good ? code == PENSTOCK_OK
                                        : code != PENSTOCK_OK && error->code == code &&
                                              strcmp(error->message, item->message) == 0 &&
                                              (item->hint == NULL || strstr(error->hint, item->hint) != NULL);
    if (!is_right) {
        printf("%s\n  is:       %s: %s (%s) %s\n  expected: %s (%s)\n", item->text, ps_error_code_name(code),
               code != PENSTOCK_OK ? error->message : "", code != PENSTOCK_OK ? error->hint : "",
               code != PENSTOCK_OK ? error->detail : "", item->message, item->hint != NULL ? item->hint : "");
    }
    return is_right;
}

#endif
