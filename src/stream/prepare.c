/* SPDX-License-Identifier: Apache-2.0
 *
 * prepare.c - a project's statements applied to its store, each exactly once.
 *
 * SQL statements run once, known by their text; those that set up a session (SET, ATTACH, ...) run at every
 * start. A view that is there must have the text it was made with, a table its columns. A new one over a streaming
 * table starts with the table's rows; over a source it must be there before the first record is read, or
 * `penstock backfill` fills it from the source.
 */
#include "stream/prepare.h"

#include "job/predicted.h"
#include "stream/columns.h"
#include "sql/serve.h"
#include "stream/join.h"

#include <ctype.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

/* --- SQL statements --------------------------------------------------------------------------------------------- */

/* Do the words (upper case, NULL-terminated) stand at the start of the text? NULL-safe for short texts. */
static bool starts_with(const char *text, const char *const *words) {
    for (; *words != NULL; words++) {
        const size_t size = strlen(*words);
        if (strncasecmp(text, *words, size) != 0 || isalnum((unsigned char)text[size]) != 0 ||
            text[size] == '_') {
            return false;
        }
        text += size + strspn(text + size, " ");
    }
    return true;
}

/* What lasts as long as the session runs at every start. */
static bool is_of_session(const char *text) {
    static const char *const heads[][5] = {{"SET", NULL},
                                           {"RESET", NULL},
                                           {"PRAGMA", NULL},
                                           {"ATTACH", NULL},
                                           {"DETACH", NULL},
                                           {"USE", NULL},
                                           {"LOAD", NULL},
                                           {"CREATE", "TEMP", NULL},
                                           {"CREATE", "TEMPORARY", NULL},
                                           {"CREATE", "OR", "REPLACE", "TEMP", NULL},
                                           {"CREATE", "OR", "REPLACE", "TEMPORARY", NULL}};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        if (starts_with(text, heads[i])) {
            return true;
        }
    }
    return false;
}

/* Of these, what is there for all connections once one has done it. */
static bool is_of_all(const char *text) {
    static const char *const heads[][2] = {{"ATTACH", NULL}, {"DETACH", NULL}, {"LOAD", NULL}};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        if (starts_with(text, heads[i])) {
            return true;
        }
    }
    return false;
}

static penstock_code blame(const struct ps_node *node, struct penstock_error *error) {
    if (error != NULL && strstr(error->message, "already exists") != NULL && error->hint[0] == '\0') {
        (void)ps_error_hint(
            error, "a statement runs once, known by its text; write CREATE OR REPLACE to run a changed one");
    }
    return ps_error_at(error, node->statement->location, node->statement->text, 0);
}

static penstock_code run_once(struct ps_run *run, const struct ps_node *node, const char *name,
                              const char *text, struct penstock_error *error) {
    const char *sql = node->statement->text;
    PS_TRY(ps_serve_expand(sql, run->arena, &sql, NULL, NULL, error));
    PS_TRY(ps_sql_run(run->connection, "BEGIN TRANSACTION", error));
    penstock_code code = ps_sql_run(run->connection, sql, error);
    if (code == PENSTOCK_OK) {
        code = ps_applied_save(run, name, "sql", text, error);
    }
    if (code == PENSTOCK_OK) {
        code = ps_sql_run(run->connection, "COMMIT", error);
    }
    if (code != PENSTOCK_OK) {
        ps_run_roll_back(run);
        return blame(node, error);
    }
    return PENSTOCK_OK;
}

/* `ordinal`: how many statements of the project before this one have the same text. */
static penstock_code apply_sql(struct ps_run *run, const struct ps_node *node, const char *text,
                               size_t ordinal, struct penstock_error *error) {
    if (is_of_session(text)) {
        const char *sql = node->statement->text;
        PS_TRY(ps_serve_expand(sql, run->arena, &sql, NULL, NULL, error));
        return ps_sql_run(run->connection, sql, error) == PENSTOCK_OK ? PENSTOCK_OK : blame(node, error);
    }
    char name[64];
    snprintf(name, sizeof name, "sql %016llx #%zu", (unsigned long long)ps_hash(text, strlen(text), 0),
             ordinal + 1);
    enum ps_applied applied = PS_APPLIED_NEW;
    PS_TRY(ps_applied_look(run, name, "sql", text, &applied, error));
    return applied == PS_APPLIED_SAME ? PENSTOCK_OK : run_once(run, node, name, text, error);
}

/* --- what changed ----------------------------------------------------------------------------------------------- */

static const char *kind_of(const struct ps_output *output) {
    return output->is_view                      ? "materialized view"
           : output->node->kind == PS_NODE_SINK ? PS_KIND_SINK
                                                : PS_KIND_TABLE;
}

static void describe_difference(const char *before, const char *now, struct penstock_error *error) {
    size_t at = 0;
    while (before[at] != '\0' && before[at] == now[at]) {
        at++;
    }
    const size_t start = at > 20 ? at - 20 : 0;
    (void)ps_error_detail(error, "it was '...%.80s', it is '...%.80s'", before + start, now + start);
}

static penstock_code refuse_changed(struct ps_run *run, const struct ps_output *first, const char *first_text,
                                    const char *names, size_t count, struct penstock_error *error) {
    const char *const values[] = {first->name};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(run->connection, "SELECT text FROM penstock.statements WHERE name = $1", values,
                             1, &result, error));
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                       "%s %s: what is in the store was created by another text", names,
                       count == 1 ? "has changed" : "have changed");
    describe_difference(ps_result_text(result, 0, 0), first_text, error);
    (void)ps_error_hint(error,
                        "give %s a new name, put the old text back, or remove the store %s to start over",
                        count == 1 ? "it" : "them", run->store->path);
    return ps_error_at(error, first->node->statement->location, first->node->statement->text, 0);
}

static penstock_code refuse_left_out(const struct ps_run *run, const struct ps_output *output,
                                     struct penstock_error *error) {
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                       "%s %s was left out of the project for a while, so records are missing in it",
                       kind_of(output), output->name);
    (void)ps_error_hint(error, "give it a new name, or remove the store %s to start over", run->store->path);
    return ps_error_at(error, output->node->statement->location, output->node->statement->text, 0);
}

static penstock_code check_changes(struct ps_run *run, const char *const *texts, enum ps_applied *applied,
                                   struct penstock_error *error) {
    struct ps_buffer names PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&names, PS_LIMIT_SQL_SIZE);
    size_t changed_count = 0, first = 0;
    for (size_t i = 0; i < run->output_count; i++) {
        const struct ps_output *output = &run->outputs[i];
        if (output->is_skipped) {
            continue;
        }
        PS_TRY(ps_applied_look(run, output->name, kind_of(output), texts[i], &applied[i], error));
        if (output->join != NULL && applied[i] == PS_APPLIED_NEW_TEXT) {
            applied[i] = PS_APPLIED_CHANGED; /* what it keeps of both streams belongs to its text */
        }
        if (applied[i] == PS_APPLIED_CHANGED) {
            first = changed_count == 0 ? i : first;
            ps_buffer_printf(&names, "%s%s", changed_count > 0 ? ", " : "", output->name);
            changed_count++;
        }
    }
    PS_TRY(ps_buffer_status(&names, error));
    if (changed_count > 0) {
        return refuse_changed(run, &run->outputs[first], texts[first], names.data, changed_count, error);
    }
    for (size_t i = 0; i < run->output_count; i++) {
        if (!run->outputs[i].is_skipped && applied[i] == PS_APPLIED_LEFT_OUT) {
            return refuse_left_out(run, &run->outputs[i], error);
        }
    }
    return PENSTOCK_OK;
}

static penstock_code refuse_columns(const struct ps_run *run, const struct ps_output *output,
                                    struct ps_column_list was, struct ps_column_list now, size_t i, size_t j,
                                    struct penstock_error *error) {
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                       "%s, or what it reads, has changed: its column %zu was %s %s, it would be %s %s",
                       output->name, i + 1, i < was.count ? was.names[i] : "(none)",
                       i < was.count ? was.types[i] : "", j < now.count ? now.names[j] : "(none)",
                       j < now.count ? now.types[j] : "");
    (void)ps_error_hint(error, "put the old text back, give the table a new name, or remove the store %s",
                        run->store->path);
    return ps_error_at(error, output->node->statement->location, output->node->statement->text, 0);
}

/* The statement is the same, but do its columns still come out as they did? A changed source changes them; if it
 * adds columns the table takes them, too, if its text has not changed (may_grow). */
static penstock_code check_columns(struct ps_run *run, const struct ps_output *output, bool may_grow,
                                   struct penstock_error *error) {
    const char **now_names, **now_types, **names, **types;
    size_t now_count = 0, count = 0, missing_count = 0, i = 0, j = 0;
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    PS_TRY(output->join != NULL ? ps_join_grow(run, output, error) : PENSTOCK_OK);
    ps_buffer_printf(&sql, "SELECT %s FROM (%s)", output->columns_sql, output->select_sql);
    PS_TRY(ps_buffer_status(&sql, error));
    PS_TRY(ps_sql_describe(run->connection, sql.data, run->arena, &now_names, &now_types, &now_count, NULL,
                           error));
    ps_buffer_clear(&sql);
    ps_buffer_text(&sql, "SELECT * FROM main.");
    ps_buffer_sql_name(&sql, output->name);
    PS_TRY(ps_buffer_status(&sql, error));
    PS_TRY(ps_sql_describe(run->connection, sql.data, run->arena, &names, &types, &count, NULL, error));
    const struct ps_column_list was = {names, types, count}, now = {now_names, now_types, now_count};
    size_t *missing = ps_arena_allocate(run->arena, now_count + 1, sizeof *missing);
    if (missing == NULL) {
        return ps_error_memory(error, "a table's columns");
    }
    if (!ps_columns_match(run->project, was, now, missing, &missing_count, &i, &j)) {
        return refuse_columns(run, output, was, now, i, j, error);
    }
    if (missing_count > 0 && !may_grow) {
        return refuse_columns(run, output, was, now, count, missing[0], error);
    }
    return missing_count > 0 ? ps_columns_grow(run, output->name, now, missing, missing_count, error)
                             : PENSTOCK_OK;
}

/* --- tables and views ------------------------------------------------------------------------------------------- */

static penstock_code check_source(struct ps_run *run, const struct ps_output *output, size_t input,
                                  struct penstock_error *error) {
    const char *source = run->inputs[input].name;
    const char *const values[] = {source};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(run->connection, "SELECT count(*) FROM penstock.positions WHERE source = $1",
                             values, 1, &result, error));
    if (ps_result_integer(result, 0, 0) == 0) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                       "%s %s is new, but source %s has been read already: a run does not read what went by",
                       kind_of(output), output->name, source);
    (void)ps_error_hint(
        error,
        "penstock backfill %s reads the source again for it alone; or read STREAM of a streaming "
        "table that has the records",
        output->name);
    return ps_error_at(error, output->node->statement->location, output->node->statement->text, 0);
}

static penstock_code check_start(struct ps_run *run, const struct ps_output *output,
                                 struct penstock_error *error) {
    if (run->backfill != NULL) {
        return PENSTOCK_OK;
    }
    if (output->join == NULL) {
        return output->upstream >= 0 ? PENSTOCK_OK : check_source(run, output, output->root, error);
    }
    for (size_t i = 0; i < 2; i++) {
        const struct ps_join_side *side = &output->join->sides[i];
        PS_TRY(side->upstream >= 0 ? PENSTOCK_OK : check_source(run, output, side->root, error));
    }
    return PENSTOCK_OK;
}

static penstock_code create_table(struct ps_run *run, struct ps_output *output,
                                  struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    if (output->join != NULL) {
        PS_TRY(ps_join_create(run, output, error));
    }
    ps_buffer_text(&sql, "CREATE TABLE main.");
    ps_buffer_sql_name(&sql, output->name);
    ps_buffer_printf(&sql, " AS SELECT %s FROM (%s) LIMIT 0", output->columns_sql, output->select_sql);
    PS_TRY(ps_buffer_status(&sql, error));
    PS_TRY(ps_sql_run(run->connection, sql.data, error));
    if (output->upstream < 0 && output->join == NULL) {
        return PENSTOCK_OK;
    }
    int64_t row_count = 0;
    PS_TRY(ps_table_write(run, output, &row_count, error)); /* of the rows that are there already */
    return ps_dead_save(run, error);
}

static penstock_code create(struct ps_run *run, struct ps_output *output, const char *text,
                            struct penstock_error *error) {
    PS_TRY(check_start(run, output, error));
    PS_TRY(ps_sql_run(run->connection, "BEGIN TRANSACTION", error));
    penstock_code code =
        output->is_view ? ps_view_create(run, output, error) : create_table(run, output, error);
    if (code == PENSTOCK_OK) {
        code = ps_applied_save(run, output->name, kind_of(output), text, error);
    }
    if (code == PENSTOCK_OK && run->backfill != NULL) {
        code = ps_backfill_mark(run, output, error);
    }
    if (code == PENSTOCK_OK) {
        code = ps_sql_run(run->connection, "COMMIT", error);
    }
    if (code != PENSTOCK_OK) {
        ps_run_roll_back(run);
        return ps_error_at(error, output->node->statement->location, output->node->statement->text, 0);
    }
    ps_arena_reset(run->epoch_arena);
    return PENSTOCK_OK;
}

static penstock_code apply_output(struct ps_run *run, struct ps_output *output, enum ps_applied applied,
                                  const char *text, struct penstock_error *error) {
    if (output->is_skipped) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_output_plan(run, output, error));
    if (applied == PS_APPLIED_NEW) {
        PS_TRY(create(run, output, text, error));
    } else if (!output->is_view) {
        PS_TRY(check_columns(run, output, applied == PS_APPLIED_SAME, error));
    }
    if (applied == PS_APPLIED_NEW_TEXT && run->backfill != NULL) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                           "%s has changed while it was being filled: its rows would be of two texts",
                           output->name);
        return ps_error_hint(error, "penstock backfill %s --rebuild begins again", run->backfill);
    }
    if (applied == PS_APPLIED_NEW_TEXT) {
        PS_TRY(ps_applied_save(run, output->name, kind_of(output), text, error));
    }
    return output->is_view ? PENSTOCK_OK : ps_table_define(run, output, error);
}

/* A sink keeps nothing here but the fact that it belongs to the project, so its text may change. */
static penstock_code apply_sink(struct ps_run *run, struct ps_run_sink *sink, const char *text,
                                struct penstock_error *error) {
    enum ps_applied applied = PS_APPLIED_NEW;
    PS_TRY(ps_applied_hash(text, run->arena, &text, error)); /* passwords may stand in it */
    PS_TRY(ps_output_plan(run, &sink->output, error));
    PS_TRY(ps_applied_look(run, sink->output.name, PS_KIND_SINK, text, &applied, error));
    if (applied == PS_APPLIED_LEFT_OUT) {
        return refuse_left_out(run, &sink->output, error);
    }
    if (applied != PS_APPLIED_SAME) {
        PS_TRY(ps_applied_save(run, sink->output.name, PS_KIND_SINK, text, error));
    }
    return PENSTOCK_OK;
}

/* What is in the store but no longer in the project stops being maintained. */
static penstock_code mark_left_out(struct ps_run *run, struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(
        &sql,
        "UPDATE penstock.statements SET is_active = false WHERE is_active AND kind NOT IN ('sql', 'source') AND "
        "name NOT IN (''");
    for (size_t i = 0; i < run->output_count; i++) {
        ps_buffer_text(&sql, ", ");
        ps_buffer_sql_literal(&sql, run->outputs[i].name);
    }
    for (size_t i = 0; i < run->sink_count; i++) {
        ps_buffer_text(&sql, ", ");
        ps_buffer_sql_literal(&sql, run->sinks[i].output.name);
    }
    ps_buffer_text(&sql, ")");
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_run(run->connection, sql.data, error);
}

/* --- all of it -------------------------------------------------------------------------------------------------- */

static size_t count_same(const char *const *texts, size_t index) {
    size_t count = 0;
    for (size_t i = 0; i < index; i++) {
        count += texts[i] != NULL && strcmp(texts[i], texts[index]) == 0 ? 1 : 0;
    }
    return count;
}

static penstock_code apply_nodes(struct ps_run *run, const char *const *texts, const enum ps_applied *applied,
                                 struct penstock_error *error) {
    size_t input = 0, output = 0, sink = 0;
    for (size_t i = 0; i < run->graph->node_count; i++) {
        const struct ps_node *node = &run->graph->nodes[i];
        switch (node->kind) {
        case PS_NODE_SQL:
            if (!ps_predicted_is_late(run->graph, i)) {
                PS_TRY(apply_sql(run, node, texts[i], count_same(texts, i), error));
            }
            break;
        case PS_NODE_SOURCE: PS_TRY(ps_input_define_empty(run, &run->inputs[input++], error)); break;
        case PS_NODE_TABLE:
        case PS_NODE_VIEW:
            PS_TRY(apply_output(run, &run->outputs[output], applied[output], texts[i], error));
            output++;
            break;
        case PS_NODE_SINK:
            if (run->backfill == NULL) {
                PS_TRY(apply_sink(run, &run->sinks[sink], texts[i], error));
            }
            sink++;
            break;
        case PS_NODE_MODEL:
        case PS_NODE_DATASET:
        case PS_NODE_JOB: break;
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_prepare(struct ps_run *run, struct penstock_error *error) {
    const size_t count = run->graph->node_count;
    const char **texts = ps_arena_allocate(run->arena, count + 1, sizeof(char *));
    const char **output_texts = ps_arena_allocate(run->arena, count + 1, sizeof(char *));
    enum ps_applied *applied = ps_arena_allocate(run->arena, count + 1, sizeof *applied);
    if (texts == NULL || output_texts == NULL || applied == NULL) {
        return ps_error_memory(error, "the project's statements");
    }
    size_t output = 0;
    for (size_t i = 0; i < count; i++) {
        const struct ps_node *node = &run->graph->nodes[i];
        PS_TRY(ps_applied_text(node->statement->text, run->arena, &texts[i], error));
        if (node->kind == PS_NODE_TABLE || node->kind == PS_NODE_VIEW) {
            output_texts[output++] = texts[i];
        }
    }
    run->is_applying = true;
    PS_TRY(run->backfill == NULL ? ps_backfill_check_none(run, error) : PENSTOCK_OK);
    PS_TRY(check_changes(run, output_texts, applied, error));
    PS_TRY(apply_nodes(run, texts, applied, error));
    return run->backfill == NULL ? mark_left_out(run, error) : PENSTOCK_OK;
}

penstock_code ps_runner_late(const struct ps_graph *graph, struct ps_store *store, size_t index,
                             struct penstock_error *error) {
    struct ps_run *run PS_SCOPED(ps_run_free_scoped) = NULL;
    PS_TRY(ps_run_new(graph, store, &run, error));
    const char **texts = ps_arena_allocate(run->arena, graph->node_count + 1, sizeof(char *));
    if (texts == NULL) {
        return ps_error_memory(error, "the project's statements");
    }
    for (size_t i = 0; i <= index; i++) {
        PS_TRY(ps_applied_text(graph->nodes[i].statement->text, run->arena, &texts[i], error));
    }
    return apply_sql(run, &graph->nodes[index], texts[index], count_same(texts, index), error);
}

penstock_code ps_runner_session(const struct ps_graph *graph, struct ps_connection *connection,
                                struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    if (arena == NULL) {
        return ps_error_memory(error, "a session");
    }
    PS_TRY(ps_run_session(graph->project, connection, error));
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct ps_node *node = &graph->nodes[i];
        const char *text = NULL;
        if (node->kind != PS_NODE_SQL) {
            continue;
        }
        PS_TRY(ps_applied_text(node->statement->text, arena, &text, error));
        if (is_of_session(text) && !is_of_all(text) &&
            ps_sql_run(connection, node->statement->text, error) != PENSTOCK_OK) {
            return blame(node, error);
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_prepare_epochs(struct ps_run *run, struct penstock_error *error) {
    run->is_applying = false;
    PS_TRY(ps_input_open_all(run, error));
    for (size_t i = 0; i < run->output_count; i++) {
        if (!run->outputs[i].is_view && !run->outputs[i].is_skipped) {
            PS_TRY(ps_table_define(run, &run->outputs[i], error));
        }
    }
    for (size_t i = 0; i < run->sink_count && run->backfill == NULL; i++) {
        PS_TRY(ps_table_define(run, &run->sinks[i].output, error));
    }
    return PENSTOCK_OK;
}

#define ATTEMPT_STEP_MAX 1000

/* Once a run: one that was replaced (its store is a copy now) and tries again must be refused by the sinks, and not
 * come back with a number that its successor has, too. The step is random: two copies of one store that are started at
 * the same time would have the same number otherwise, and the sinks could not tell them apart. */
static penstock_code claim(struct ps_run *run, struct penstock_error *error) {
    const int64_t now_ns[] = {ps_clock_wall_ms(), ps_clock_monotonic_ns(), getpid()};
    const int64_t step = 1 + (int64_t)(ps_hash(now_ns, sizeof now_ns, 0) % ATTEMPT_STEP_MAX);
    PS_TRY(
        ps_sql_runf(run->connection, error,
                    "UPDATE penstock.meta SET value = (value::BIGINT + %lld)::VARCHAR WHERE key = 'attempt'",
                    (long long)step));
    PS_TRY(ps_store_settle(run->store, error));
    return ps_sql_integer(run->connection, "SELECT value::BIGINT FROM penstock.meta WHERE key = 'attempt'",
                          &run->store->attempt, error);
}

penstock_code ps_prepare_attempt(struct ps_run *run, struct penstock_error *error) {
    if (run->store->attempt == 0) {
        PS_TRY(claim(run, error));
    }
    run->epoch.attempt = run->store->attempt;
    return ps_sql_integer(run->connection, "SELECT coalesce(max(epoch), 0) FROM penstock.epochs",
                          &run->epoch.number, error);
}
