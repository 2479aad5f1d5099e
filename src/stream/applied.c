/* SPDX-License-Identifier: Apache-2.0
 *
 * applied.c - penstock.statements: what ran on this store, so that a changed project is noticed.
 *
 * A view's states that were made by one text cannot go on with another. A streaming table's rows are done once they
 * are there: a new text with the same columns holds for the records that come from then on (also those that are
 * replayed from the dead letters, which is how a rule that was too strict is mended).
 */
#include <ctype.h>

#include "base/clock.h"
#include "stream/run.h"

/* Copies a quoted piece ('...', "...") that starts at text[at]; gives the offset behind it. */
static size_t copy_quoted(const char *text, size_t at, struct ps_buffer *out) {
    const char quote = text[at];
    const size_t start = at++;
    while (text[at] != '\0' && text[at] != quote) {
        at++;
    }
    at += text[at] == quote ? 1 : 0;
    ps_buffer_add(out, text + start, at - start);
    return at;
}

/* Behind a comment at text[at], or `at` if there is none. */
static size_t skip_comment(const char *text, size_t at) {
    if (text[at] == '-' && text[at + 1] == '-') {
        return at + strcspn(text + at, "\n");
    }
    if (text[at] == '/' && text[at + 1] == '*') {
        const char *end = strstr(text + at + 2, "*/");
        return end != NULL ? (size_t)(end - text) + 2 : strlen(text);
    }
    return at;
}

penstock_code ps_applied_text(const char *text, struct ps_arena *arena, const char **text_out,
                              struct penstock_error *error) {
    struct ps_buffer out PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&out, PS_LIMIT_SQL_SIZE);
    bool is_space_due = false;
    for (size_t at = 0; text[at] != '\0';) {
        const size_t behind = skip_comment(text, at);
        if (behind > at || isspace((unsigned char)text[at]) != 0) {
            at = behind > at ? behind : at + 1;
            is_space_due = out.size > 0;
            continue;
        }
        if (is_space_due) {
            ps_buffer_text(&out, " ");
            is_space_due = false;
        }
        if (text[at] == '\'' || text[at] == '"') {
            at = copy_quoted(text, at, &out);
        } else {
            ps_buffer_add(&out, text + at, 1);
            at++;
        }
    }
    return ps_run_keep(arena, &out, text_out, error);
}

penstock_code ps_applied_hash(const char *text, struct ps_arena *arena, const char **hash_out,
                              struct penstock_error *error) {
    *hash_out = ps_arena_printf(arena, "%016llx", (unsigned long long)ps_hash(text, strlen(text), 0));
    return *hash_out != NULL ? PENSTOCK_OK : ps_error_memory(error, "a statement");
}

penstock_code ps_applied_look(struct ps_run *run, const char *name, const char *kind, const char *text,
                              enum ps_applied *applied_out, struct penstock_error *error) {
    const char *const values[] = {name};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(run->connection,
                             "SELECT kind, text, is_active FROM penstock.statements WHERE name = $1", values,
                             1, &result, error));
    if (ps_result_row_count(result) == 0) {
        *applied_out = PS_APPLIED_NEW;
        return PENSTOCK_OK;
    }
    const bool is_kind_same = strcmp(ps_result_text(result, 0, 0), kind) == 0;
    const bool is_text_same = strcmp(ps_result_text(result, 0, 1), text) == 0;
    const bool is_active = ps_result_integer(result, 0, 2) != 0;
    const bool may_change = strcmp(kind, PS_KIND_TABLE) == 0 || strcmp(kind, PS_KIND_SINK) == 0;
    *applied_out = !is_kind_same || (!is_text_same && !may_change) ? PS_APPLIED_CHANGED
                   : !is_active                                    ? PS_APPLIED_LEFT_OUT
                   : !is_text_same                                 ? PS_APPLIED_NEW_TEXT
                                                                   : PS_APPLIED_SAME;
    return PENSTOCK_OK;
}

penstock_code ps_applied_save(struct ps_run *run, const char *name, const char *kind, const char *text,
                              struct penstock_error *error) {
    char now[32];
    ps_clock_format_iso(ps_clock_wall_ms(), now, sizeof now);
    const char *const values[] = {name, kind, text, now};
    PS_TRY(ps_sql_run_with(run->connection, "DELETE FROM penstock.statements WHERE name = $1", values, 1,
                           error));
    return ps_sql_run_with(
        run->connection,
        "INSERT INTO penstock.statements VALUES ($1, $2, $3, $4::TIMESTAMPTZ::TIMESTAMP, true)", values, 4,
        error);
}
