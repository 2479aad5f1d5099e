/* SPDX-License-Identifier: Apache-2.0
 *
 * table.c - streaming tables: the stage of an epoch, its rules, and the rows that pass.
 *
 * The stage is the user's SELECT with one bit a broken rule. As a view it costs nothing and is computed by
 * whoever reads it, with only the columns that are needed; that is right for plain projections and filters.
 * With a join or a subquery it is a temporary table, filled once an epoch.
 */
#include <stdio.h>

#include "stream/join.h"

static const char *action_name(enum ps_rule_action action) {
    switch (action) {
    case PS_RULE_DROP_ROW: return "drop row";
    case PS_RULE_FAIL_UPDATE: return "fail update";
    case PS_RULE_DEAD_LETTER: return "dead letter";
    case PS_RULE_KEEP: return "keep";
    }
    return "?";
}

/* --- planning ------------------------------------------------------------------------------------------------ */

struct cost_visit {
    bool is_dear;
};

static bool visit_cost(yyjson_mut_val *node, void *context) {
    struct cost_visit *visit = context;
    const char *class_name = ps_tree_member(node, "class");
    const char *type = ps_tree_member(node, "type");
    const char *function = ps_tree_member(node, "function_name");
    if (strcmp(class_name, "SUBQUERY") == 0 || strcmp(type, "JOIN") == 0 ||
        strcmp(type, "TABLE_FUNCTION") == 0 || ps_text_equal_nocase(function, "unnest") ||
        strncmp(function, "penstock_predict", 16) == 0 || ps_text_equal_nocase(function, "predict_proba")) {
        visit->is_dear = true;
    }
    return !visit->is_dear;
}

static void add_rules(const struct ps_output *output, struct ps_buffer *sql) {
    ps_buffer_text(sql, ", CAST(");
    for (size_t i = 0; i < output->rule_count; i++) {
        ps_buffer_printf(sql, "%sCASE WHEN (", i > 0 ? " + " : "");
        ps_buffer_text(sql, output->rules[i].expression.text);
        ps_buffer_printf(sql, "\n) THEN 0 ELSE %llu END", (unsigned long long)1 << i);
    }
    ps_buffer_text(sql, " AS BIGINT) AS " PS_BROKEN_COLUMN);
}

static penstock_code name_columns(struct ps_run *run, struct ps_output *output,
                                  struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    for (size_t i = 0; i < output->node->column_count; i++) {
        ps_buffer_text(&sql, i > 0 ? ", " : "");
        ps_buffer_sql_name(&sql, output->node->column_names[i]);
    }
    return ps_run_keep(run->arena, &sql, &output->columns_sql, error);
}

penstock_code ps_table_plan(struct ps_run *run, struct ps_output *output, struct ps_tree *tree,
                            const struct ps_shape *shape, struct penstock_error *error) {
    struct cost_visit cost = {.is_dear = shape->path_count != 1};
    ps_tree_visit(ps_tree_root(tree), visit_cost, &cost);
    output->is_staged = cost.is_dear && (output->has_readers || output->rule_count > 0);
    if (output->needs_row) {
        PS_TRY(ps_place_carry(tree, shape, error));
    }
    const char *select = NULL;
    PS_TRY(ps_tree_text(run->connection, tree, ps_tree_root(tree), run->arena, &select, error));
    return ps_table_plan_stage(run, output, select, error);
}

penstock_code ps_table_plan_stage(struct ps_run *run, struct ps_output *output, const char *select,
                                  struct penstock_error *error) {
    PS_TRY(name_columns(run, output, error));
    const char *row = output->needs_row ? ", " PS_ROW_COLUMN : "";
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "SELECT ");
    ps_buffer_text(&sql, output->columns_sql);
    ps_buffer_text(&sql, row);
    if (output->rule_count > 0) {
        add_rules(output, &sql);
    }
    ps_buffer_text(&sql, " FROM (");
    ps_buffer_text(&sql, select);
    ps_buffer_text(&sql, ") AS ");
    ps_buffer_sql_name(&sql, output->name);
    ps_buffer_text(&sql, "(");
    ps_buffer_text(&sql, output->columns_sql);
    ps_buffer_text(&sql, row);
    ps_buffer_text(&sql, ")");
    return ps_run_keep(run->arena, &sql, &output->select_sql, error);
}

/* CREATE OR REPLACE TEMP <kind> "penstock_<part>_<name>" AS */
static void add_define(struct ps_buffer *sql, const struct ps_run *run, const char *kind, const char *part,
                       const struct ps_output *output) {
    char *name = ps_arena_printf(run->arena, "penstock_%s_%s", part, output->name);
    ps_buffer_printf(sql, "CREATE OR REPLACE TEMP %s ", kind);
    ps_buffer_sql_name(sql, name != NULL ? name : "");
    ps_buffer_text(sql, " AS ");
}

void ps_table_add_stage(struct ps_buffer *sql, const struct ps_run *run, const struct ps_output *output) {
    char *name = ps_arena_printf(run->arena, "penstock_stage_%s", output->name);
    ps_buffer_text(sql, "temp.");
    ps_buffer_sql_name(sql, name != NULL ? name : "");
}

static void add_main(struct ps_buffer *sql, const struct ps_output *output) {
    ps_buffer_text(sql, "main.");
    ps_buffer_sql_name(sql, output->name);
}

/* "penstock_stream_..." or, with the row number, "penstock_place_..." */
static void add_stream(struct ps_buffer *sql, const struct ps_run *run, const struct ps_output *output,
                       bool has_row) {
    add_define(sql, run, "VIEW", has_row ? "place" : "stream", output);
    ps_buffer_text(sql, "SELECT ");
    ps_buffer_text(sql, output->columns_sql);
    if (run->is_applying) {
        ps_buffer_text(sql, has_row ? ", rowid AS " PS_ROW_COLUMN " FROM " : " FROM ");
        add_main(sql, output);
    } else {
        ps_buffer_text(sql, has_row ? ", " PS_ROW_COLUMN " FROM " : " FROM ");
        ps_table_add_stage(sql, run, output);
        if (output->reject_mask != 0) {
            ps_buffer_printf(sql, " WHERE (" PS_BROKEN_COLUMN " & %llu) = 0",
                             (unsigned long long)output->reject_mask);
        }
    }
    ps_buffer_text(sql, "; ");
}

penstock_code ps_table_define(struct ps_run *run, const struct ps_output *output,
                              struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    if (!run->is_applying) {
        add_define(&sql, run, output->is_staged ? "TABLE" : "VIEW", "stage", output);
        ps_buffer_text(&sql, output->select_sql);
        ps_buffer_text(&sql, output->is_staged ? " LIMIT 0; " : "; ");
    }
    add_stream(&sql, run, output, false);
    if (output->needs_row) {
        add_stream(&sql, run, output, true);
    }
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_run(run->connection, sql.data, error);
}

penstock_code ps_table_stage(struct ps_run *run, const struct ps_output *output,
                             struct penstock_error *error) {
    if (!output->is_staged && !run->is_applying) {
        return PENSTOCK_OK; /* defined once, at the start of the run */
    }
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    add_define(&sql, run, output->is_staged ? "TABLE" : "VIEW", "stage", output);
    ps_buffer_text(&sql, output->select_sql);
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_run(run->connection, sql.data, error);
}

/* --- rules --------------------------------------------------------------------------------------------------- */

/* Runs "SELECT <what> FROM <stage> <tail>". */
static penstock_code ask_stage(struct ps_run *run, const struct ps_output *output, const char *what,
                               const char *tail, struct ps_result **result_out,
                               struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_printf(&sql, "SELECT %s FROM ", what);
    ps_table_add_stage(&sql, run, output);
    ps_buffer_printf(&sql, " %s", tail);
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_query(run->connection, sql.data, result_out, error);
}

/* How many rows broke each rule. */
static penstock_code count_broken(struct ps_run *run, const struct ps_output *output, int64_t *counts,
                                  uint64_t *broken_out, struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ask_stage(run, output, PS_BROKEN_COLUMN ", count(*)",
                     "WHERE " PS_BROKEN_COLUMN " <> 0 GROUP BY " PS_BROKEN_COLUMN, &result, error));
    for (int64_t i = 0; i < ps_result_row_count(result); i++) {
        const uint64_t mask = (uint64_t)ps_result_integer(result, i, 0);
        *broken_out |= mask;
        for (size_t rule = 0; rule < output->rule_count; rule++) {
            counts[rule] += (mask >> rule & 1) != 0 ? ps_result_integer(result, i, 1) : 0;
        }
    }
    return PENSTOCK_OK;
}

static const struct ps_rule *first_rule(const struct ps_output *output, uint64_t mask) {
    return &output->rules[__builtin_ctzll(mask)];
}

static penstock_code fail_update(struct ps_run *run, const struct ps_output *output, const int64_t *counts,
                                 uint64_t broken, struct penstock_error *error) {
    const struct ps_rule *rule = first_rule(output, broken & output->fail_mask);
    const int64_t count = counts[rule - output->rules];
    char tail[96];
    snprintf(tail, sizeof tail, "WHERE (" PS_BROKEN_COLUMN " & %llu) <> 0",
             (unsigned long long)1 << (rule - output->rules));
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ask_stage(run, output, "min(" PS_ROW_COLUMN ")", tail, &result, error));
    const char *place = "";
    PS_TRY(ps_dead_place(run, output, ps_result_integer(result, 0, 0), &place, error));
    (void)ps_error_set(error, PENSTOCK_RULE_FAILED,
                       "rule %s of %s is broken by %lld row%s; the first is from %s", rule->name,
                       output->name, (long long)count, count == 1 ? "" : "s", place);
    (void)ps_error_detail(error, "EXPECT (%s) ON VIOLATION FAIL UPDATE; nothing of this epoch was written",
                          rule->expression.text);
    (void)ps_error_hint(error, "correct the data, or let the rule DROP ROW or keep a DEAD LETTER");
    return PENSTOCK_RULE_FAILED;
}

/* A record is a dead letter as a whole: if one of its rows broke such a rule, none of them goes in. */
static penstock_code bury(struct ps_run *run, const struct ps_output *output, struct penstock_error *error) {
    char tail[128];
    snprintf(tail, sizeof tail,
             "WHERE (" PS_BROKEN_COLUMN " & %llu) <> 0 ORDER BY " PS_ROW_COLUMN ", " PS_BROKEN_COLUMN,
             (unsigned long long)output->dead_mask);
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ask_stage(run, output, PS_ROW_COLUMN ", " PS_BROKEN_COLUMN, tail, &result, error));
    const int64_t row_count = ps_result_row_count(result);
    int64_t *rows PS_SCOPED(ps_release_scoped) = ps_allocate((size_t)row_count + 1, sizeof *rows);
    const struct ps_rule **rules PS_SCOPED(ps_release_scoped) =
        ps_allocate((size_t)row_count + 1, sizeof *rules);
    if (rows == NULL || rules == NULL) {
        return ps_error_memory(error, "dead letters");
    }
    size_t count = 0;
    for (int64_t i = 0; i < row_count; i++) {
        const int64_t row = ps_result_integer(result, i, 0);
        if (count == 0 || rows[count - 1] != row) {
            rows[count] = row;
            rules[count++] =
                first_rule(output, (uint64_t)ps_result_integer(result, i, 1) & output->dead_mask);
        }
    }
    PS_TRY(ps_dead_add_rows(run, output, rows, rules, count, error));
    if (!output->is_staged) {
        return PENSTOCK_OK; /* one row a record: it carries the bit itself */
    }
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "UPDATE ");
    ps_table_add_stage(&sql, run, output);
    ps_buffer_printf(&sql,
                     " SET " PS_BROKEN_COLUMN " = " PS_BROKEN_COLUMN " | %llu WHERE " PS_ROW_COLUMN
                     " IN (SELECT " PS_ROW_COLUMN " FROM ",
                     (unsigned long long)(output->dead_mask & (~output->dead_mask + 1)));
    ps_table_add_stage(&sql, run, output);
    ps_buffer_printf(&sql, " WHERE (" PS_BROKEN_COLUMN " & %llu) <> 0)",
                     (unsigned long long)output->dead_mask);
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_run(run->connection, sql.data, error);
}

static penstock_code save_violations(struct ps_run *run, const struct ps_output *output,
                                     const int64_t *counts, struct penstock_error *error) {
    for (size_t i = 0; i < output->rule_count; i++) {
        if (counts[i] > 0) {
            char epoch[24], count[24];
            snprintf(epoch, sizeof epoch, "%lld", (long long)run->epoch.number);
            snprintf(count, sizeof count, "%lld", (long long)counts[i]);
            const char *const values[] = {epoch, output->name, output->rules[i].name,
                                          action_name(output->rules[i].action), count};
            PS_TRY(ps_sql_run_with(run->connection,
                                   "INSERT INTO penstock.rule_violations VALUES ($1, $2, $3, $4, $5)", values,
                                   5, error));
        }
    }
    return PENSTOCK_OK;
}

static penstock_code apply_rules(struct ps_run *run, const struct ps_output *output, uint64_t *broken_out,
                                 struct penstock_error *error) {
    int64_t counts[PS_LIMIT_RULE_COUNT] = {0};
    PS_TRY(count_broken(run, output, counts, broken_out, error));
    if ((*broken_out & output->fail_mask) != 0) {
        return fail_update(run, output, counts, *broken_out, error);
    }
    if ((*broken_out & output->dead_mask) != 0) {
        PS_TRY(bury(run, output, error));
    }
    return save_violations(run, output, counts, error);
}

static penstock_code insert_rows(struct ps_run *run, const struct ps_output *output, uint64_t broken,
                                 int64_t *row_count_out, struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "INSERT INTO ");
    add_main(&sql, output);
    ps_buffer_printf(&sql, " (%s) SELECT %s FROM ", output->columns_sql, output->columns_sql);
    ps_table_add_stage(&sql, run, output);
    if ((broken & output->reject_mask) != 0) {
        ps_buffer_printf(&sql, " WHERE (" PS_BROKEN_COLUMN " & %llu) = 0",
                         (unsigned long long)output->reject_mask);
    }
    PS_TRY(ps_buffer_status(&sql, error));
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(run->connection, sql.data, &result, error));
    *row_count_out = ps_result_changed(result);
    return PENSTOCK_OK;
}

penstock_code ps_table_write(struct ps_run *run, struct ps_output *output, int64_t *row_count_out,
                             struct penstock_error *error) {
    if (output->join != NULL) {
        PS_TRY(ps_join_load(run, output, error));
    }
    PS_TRY(ps_table_stage(run, output, error));
    uint64_t broken = 0;
    if (output->rule_count > 0) {
        PS_TRY(apply_rules(run, output, &broken, error));
    }
    if (output->node->is_changelog && !run->is_applying) {
        PS_TRY(ps_keyed_write(run, output, broken & output->reject_mask, row_count_out, error));
    } else {
        PS_TRY(insert_rows(run, output, broken, row_count_out, error));
    }
    if (output->join != NULL) {
        PS_TRY(ps_join_keep(run, output, error));
    }
    output->is_written = true;
    return PENSTOCK_OK;
}
