/* SPDX-License-Identifier: Apache-2.0
 *
 * parse_table.c - CREATE STREAMING TABLE name [(CONSTRAINT ... EXPECT (...) ON VIOLATION ...)] AS SELECT
 *                 CREATE MATERIALIZED VIEW name AS SELECT [EMIT CHANGES | EMIT FINAL]
 */
#include "base/check.h"
#include "job/cursor.h"

static penstock_code read_action(struct ps_cursor *cursor, enum ps_rule_action *action_out) {
    static const char *const words[] = {"DROP", "FAIL", "DEAD", NULL};
    PS_TRY(ps_cursor_expect(cursor, "VIOLATION"));
    if (ps_cursor_accept(cursor, "DROP")) {
        *action_out = PS_RULE_DROP_ROW;
        return ps_cursor_expect(cursor, "ROW");
    }
    if (ps_cursor_accept(cursor, "FAIL")) {
        *action_out = PS_RULE_FAIL_UPDATE;
        return ps_cursor_expect(cursor, "UPDATE");
    }
    if (ps_cursor_accept(cursor, "DEAD")) {
        *action_out = PS_RULE_DEAD_LETTER;
        return ps_cursor_expect(cursor, "LETTER");
    }
    return ps_cursor_unknown(cursor, "DROP ROW, FAIL UPDATE or DEAD LETTER", words);
}

static penstock_code read_rule(struct ps_cursor *cursor, struct ps_table_statement *table) {
    static const char *const words[] = {"CONSTRAINT", NULL};
    struct ps_rule *rule = &table->rules[table->rule_count];
    if (!ps_cursor_accept(cursor, "CONSTRAINT")) {
        ps_cursor_unknown(cursor, "CONSTRAINT name EXPECT (condition)", words);
        if (cursor->error != NULL && cursor->error->hint[0] == '\0') {
            ps_error_hint(cursor->error,
                          "columns and their types come from the SELECT, only rules stand here");
        }
        return PENSTOCK_INVALID_PROJECT;
    }
    rule->location = ps_cursor_location(cursor);
    PS_TRY(ps_cursor_name(cursor, "the rule's name", &rule->name));
    for (size_t i = 0; i < table->rule_count; i++) {
        if (ps_text_equal_nocase(table->rules[i].name, rule->name)) {
            return ps_cursor_fail(cursor, rule->location, "the rule '%s' is declared twice", rule->name);
        }
    }
    PS_TRY(ps_cursor_expect(cursor, "EXPECT"));
    PS_TRY(ps_cursor_expect_sign(cursor, '('));
    rule->expression.location = ps_cursor_location(cursor);
    const size_t first = cursor->next;
    do {
        PS_TRY(ps_cursor_skip_item(cursor, NULL));
    } while (ps_cursor_accept_sign(cursor, ','));
    if (cursor->next == first) {
        return ps_cursor_unexpected(cursor, "a condition");
    }
    rule->expression.text = ps_cursor_text(cursor, first, cursor->next);
    if (rule->expression.text == NULL) {
        return ps_error_memory(cursor->error, "a rule");
    }
    PS_TRY(ps_cursor_expect_sign(cursor, ')'));
    rule->action = PS_RULE_KEEP;
    if (ps_cursor_accept(cursor, "ON")) {
        PS_TRY(read_action(cursor, &rule->action));
    }
    table->rule_count++;
    return PENSTOCK_OK;
}

penstock_code ps_parse_table(struct ps_cursor *cursor, struct ps_table_statement *table_out) {
    if (ps_cursor_accept_sign(cursor, '(')) {
        const size_t count_max = ps_cursor_count_items(cursor);
        table_out->rules = ps_arena_allocate(cursor->arena, count_max, sizeof *table_out->rules);
        if (table_out->rules == NULL) {
            return ps_error_memory(cursor->error, "the rules of a table");
        }
        do {
            ps_check(table_out->rule_count < count_max);
            PS_TRY(read_rule(cursor, table_out));
        } while (ps_cursor_accept_sign(cursor, ','));
        if (!ps_cursor_accept_sign(cursor, ')')) {
            return ps_cursor_unexpected(cursor, "',', ')' or ON VIOLATION");
        }
    }
    return ps_cursor_select(cursor, cursor->end, &table_out->select);
}

penstock_code ps_parse_view(struct ps_cursor *cursor, struct ps_view_statement *view_out) {
    static const char *const words[] = {"CHANGES", "FINAL", NULL};
    size_t last = cursor->end;
    if (cursor->end >= cursor->next + 2) {
        struct ps_cursor tail = *cursor;
        tail.next = cursor->end - 2;
        if (ps_cursor_accept(&tail, "EMIT")) {
            view_out->emit_final = ps_cursor_is_word(&tail, 0, "FINAL");
            if (!view_out->emit_final && !ps_cursor_is_word(&tail, 0, "CHANGES")) {
                return ps_cursor_unknown(&tail, "CHANGES or FINAL", words);
            }
            last = cursor->end - 2;
        } else if (ps_cursor_is_word(&tail, 1, "EMIT")) {
            tail.next += 2;
            return ps_cursor_unexpected(&tail, "CHANGES or FINAL");
        }
    }
    PS_TRY(ps_cursor_select(cursor, last, &view_out->select));
    cursor->next = cursor->end;
    return PENSTOCK_OK;
}
