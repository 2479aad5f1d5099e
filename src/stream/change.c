/* SPDX-License-Identifier: Apache-2.0
 *
 * change.c - keep, new, new text from now on, rebuild, backfill, left out: see change.h.
 *
 * The statements are taken in the order of the graph, so what a statement streams from is decided before it: what is
 * rebuilt takes along everything below it.
 */
#include "stream/change.h"

#include <stdio.h>

#include "stream/columns.h"

#define KIND_VIEW "materialized view"

struct plan {
    const struct ps_graph *graph;
    const struct ps_change_facts *facts;
    struct ps_arena *arena;
    struct ps_change *changes; /* of graph nodes by index first, then of what left */
    bool *is_there;            /* per node: it has a row */
};

const char *ps_change_action_name(enum ps_change_action action) {
    switch (action) {
    case PS_CHANGE_KEEP: return "keep";
    case PS_CHANGE_NEW: return "new";
    case PS_CHANGE_NEW_TEXT: return "new text from now on";
    case PS_CHANGE_GROW: return "new columns";
    case PS_CHANGE_REBUILD: return "rebuild";
    case PS_CHANGE_BACKFILL: return "needs a backfill";
    case PS_CHANGE_RESUME: return "backfill not finished";
    case PS_CHANGE_REFUSED: return "cannot come back";
    case PS_CHANGE_LEFT_OUT: return "left out";
    }
    return "";
}

static const char *kind_of(const struct ps_node *node) {
    switch (node->kind) {
    case PS_NODE_SOURCE: return "source";
    case PS_NODE_SQL: return "sql";
    case PS_NODE_TABLE: return PS_KIND_TABLE;
    case PS_NODE_VIEW: return KIND_VIEW;
    case PS_NODE_SINK: return "sink";
    case PS_NODE_MODEL: return "model";
    case PS_NODE_JOB: return "job";
    case PS_NODE_DATASET: return "dataset";
    }
    return "";
}

static const struct ps_known_statement *find_known(const struct ps_change_facts *facts, const char *name) {
    for (size_t i = 0; i < facts->statement_count; i++) {
        if (strcmp(facts->statements[i].name, name) == 0) {
            return &facts->statements[i];
        }
    }
    return NULL;
}

/* `prefix`: "" or PS_BACKFILL_PREFIX */
static bool has_positions(const struct ps_change_facts *facts, const char *prefix, const char *name) {
    const size_t size = strlen(prefix);
    for (size_t i = 0; i < facts->source_count; i++) {
        if (strncmp(facts->sources[i], prefix, size) == 0 && strcmp(facts->sources[i] + size, name) == 0) {
            return true;
        }
    }
    return false;
}

/* --- columns ---------------------------------------------------------------------------------------------------- */

/* The columns that the store's table has. Those of penstock itself do not count. */
static penstock_code known_columns(const struct plan *plan, const struct ps_node *node,
                                   struct ps_column_list *list_out, struct penstock_error *error) {
    const char **names = ps_arena_allocate(plan->arena, plan->facts->column_count + 1, sizeof *names);
    const char **types = ps_arena_allocate(plan->arena, plan->facts->column_count + 1, sizeof *types);
    if (names == NULL || types == NULL) {
        return ps_error_memory(error, "a plan of changes");
    }
    size_t count = 0;
    for (size_t i = 0; i < plan->facts->column_count; i++) {
        const struct ps_known_column *known = &plan->facts->columns[i];
        if (strcmp(known->table, node->name) == 0 && strncmp(known->name, "penstock_", 9) != 0) {
            names[count] = known->name;
            types[count++] = known->type;
        }
    }
    *list_out = (struct ps_column_list){names, types, count};
    return PENSTOCK_OK;
}

static const char *list_columns(const struct plan *plan, struct ps_column_list columns, const size_t *indexes,
                                size_t count) {
    const char *text = "";
    for (size_t i = 0; i < count && text != NULL; i++) {
        text = ps_arena_printf(plan->arena, "%s%s%s %s", text, i > 0 ? ", " : "", columns.names[indexes[i]],
                               columns.types[indexes[i]]);
    }
    return text;
}

/* *changed_out: the first column that would be another one; *grown_out: the columns that are missing. NULL: none. */
static penstock_code compare_columns(const struct plan *plan, const struct ps_node *node,
                                     const char **changed_out, const char **grown_out,
                                     struct penstock_error *error) {
    struct ps_column_list was;
    const struct ps_column_list now = {node->column_names, node->column_types, node->column_count};
    size_t *missing = ps_arena_allocate(plan->arena, now.count + 1, sizeof *missing);
    size_t missing_count = 0, i = 0, j = 0;
    PS_TRY(known_columns(plan, node, &was, error));
    if (missing == NULL) {
        return ps_error_memory(error, "a plan of changes");
    }
    if (was.count == 0) {
        return PENSTOCK_OK;
    }
    const char **text_out = changed_out;
    if (ps_columns_match(plan->graph->project, was, now, missing, &missing_count, &i, &j)) {
        if (missing_count == 0) {
            return PENSTOCK_OK;
        }
        text_out = grown_out;
        *text_out = list_columns(plan, now, missing, missing_count);
    } else if (i < was.count) {
        *text_out = ps_arena_printf(plan->arena, "column %zu was %s %s, it would be %s %s", i + 1,
                                    was.names[i], was.types[i], j < now.count ? now.names[j] : "(none)",
                                    j < now.count ? now.types[j] : "");
    } else {
        *text_out = ps_arena_printf(plan->arena, "column %zu would be %s %s, it was not there", j + 1,
                                    now.names[j], now.types[j]);
    }
    return *text_out != NULL ? PENSTOCK_OK : ps_error_memory(error, "a plan of changes");
}

/* --- one statement ---------------------------------------------------------------------------------------------- */

/* Where a table or view gets its rows: nodes that it reads as streams. */
static void streams_of(const struct ps_node *node, size_t *streams, size_t *count_out) {
    *count_out = 0;
    for (size_t i = 0; i < node->input_count && *count_out < 2; i++) {
        if (node->input_is_stream[i]) {
            streams[(*count_out)++] = node->inputs[i];
        }
    }
}

static void put(struct plan *plan, size_t index, enum ps_change_action action, const char *reason) {
    const struct ps_node *node = &plan->graph->nodes[index];
    plan->changes[index] =
        (struct ps_change){.name = node->name, .kind = kind_of(node), .action = action, .reason = reason};
    plan->is_there[index] = true;
}

/* It must be made from the beginning. `why`: what is wrong with what is there; NULL: it is new. */
static void put_anew(struct plan *plan, size_t index, const char *why) {
    const struct ps_node *node = &plan->graph->nodes[index];
    size_t streams[2], count = 0;
    streams_of(node, streams, &count);
    const char *source = NULL; /* one that has been read: what went by is not in any table */
    const char *table = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct ps_node *stream = &plan->graph->nodes[streams[i]];
        if (stream->kind != PS_NODE_SOURCE) {
            table = stream->name;
            const enum ps_change_action above = plan->changes[streams[i]].action;
            if (above == PS_CHANGE_BACKFILL || above == PS_CHANGE_RESUME) {
                put(plan, index, why == NULL ? PS_CHANGE_NEW : PS_CHANGE_REBUILD,
                    ps_arena_printf(plan->arena, "%s%scomes with %s", why != NULL ? why : "",
                                    why != NULL ? ": " : "", stream->name));
                return;
            }
        } else if (has_positions(plan->facts, "", stream->name)) {
            source = stream->name;
        }
    }
    if (source != NULL) {
        put(plan, index, PS_CHANGE_BACKFILL,
            ps_arena_printf(
                plan->arena,
                "%s%ssource %s has been read already: penstock backfill %s%s reads it again for this alone",
                why != NULL ? why : "", why != NULL ? ", and " : "", source, node->name,
                why != NULL ? " --rebuild" : ""));
    } else if (why == NULL) {
        put(plan, index, PS_CHANGE_NEW,
            table != NULL ? ps_arena_printf(plan->arena, "starts with the rows of %s", table)
                          : "starts with the first record");
    } else {
        put(plan, index, PS_CHANGE_REBUILD,
            table != NULL ? ps_arena_printf(plan->arena,
                                            "%s: dropped, and computed again from the rows of %s", why, table)
                          : ps_arena_printf(plan->arena, "%s: dropped, and made anew", why));
    }
}

/* A statement above this one that loses its rows. */
static const char *rebuilt_above(const struct plan *plan, const struct ps_node *node) {
    size_t streams[2], count = 0;
    streams_of(node, streams, &count);
    for (size_t i = 0; i < count; i++) {
        if (plan->changes[streams[i]].action == PS_CHANGE_REBUILD ||
            plan->changes[streams[i]].action == PS_CHANGE_BACKFILL) {
            return plan->graph->nodes[streams[i]].name;
        }
    }
    return NULL;
}

static penstock_code decide_output(struct plan *plan, size_t index, const struct ps_known_statement *known,
                                   struct penstock_error *error) {
    const struct ps_node *node = &plan->graph->nodes[index];
    const bool is_view = node->kind == PS_NODE_VIEW;
    const char *text = NULL;
    PS_TRY(ps_applied_text(node->statement->text, plan->arena, &text, error));
    if (has_positions(plan->facts, PS_BACKFILL_PREFIX, node->name)) {
        put(plan, index, PS_CHANGE_RESUME,
            ps_arena_printf(plan->arena, "penstock backfill %s goes on with it", node->name));
        return PENSTOCK_OK;
    }
    if (known == NULL) {
        put_anew(plan, index, NULL);
        return PENSTOCK_OK;
    }
    const bool is_same = strcmp(known->text, text) == 0;
    const char *above = rebuilt_above(plan, node);
    const char *column = NULL, *grown = NULL;
    PS_TRY(is_view ? PENSTOCK_OK : compare_columns(plan, node, &column, &grown, error));
    if (column == NULL && grown != NULL && !is_same) { /* another text: not only its source has grown */
        column = ps_arena_printf(plan->arena, "its text has changed, and %s would come to it", grown);
    }
    if (strcmp(known->kind, kind_of(node)) != 0) {
        put_anew(plan, index, ps_arena_printf(plan->arena, "it was a %s", known->kind));
    } else if (above != NULL) {
        put_anew(plan, index, ps_arena_printf(plan->arena, "%s is rebuilt", above));
    } else if (!known->is_active) {
        put_anew(plan, index, "it was left out of the project for a while");
    } else if ((is_view || node->is_join) && !is_same) {
        put_anew(plan, index, "its states were made by another text");
    } else if (column != NULL) {
        put_anew(plan, index, column);
    } else if (grown != NULL) {
        put(plan, index, PS_CHANGE_GROW,
            ps_arena_printf(plan->arena, "its source has them: %s; NULL in rows that are there", grown));
    } else if (!is_same) {
        put(plan, index, PS_CHANGE_NEW_TEXT, "its columns stay: rows that are there stay as they are");
    } else {
        put(plan, index, PS_CHANGE_KEEP, "");
    }
    return PENSTOCK_OK;
}

static penstock_code hash_of(const struct ps_node *node, struct ps_arena *arena, const char **hash_out,
                             struct penstock_error *error) {
    const char *text = NULL;
    PS_TRY(ps_applied_text(node->statement->text, arena, &text, error));
    return ps_applied_hash(text, arena, hash_out, error);
}

/* A source or a sink has no rows here: a new text is a new way to the same positions. */
static penstock_code decide_outside(struct plan *plan, size_t index, const struct ps_known_statement *known,
                                    struct penstock_error *error) {
    const struct ps_node *node = &plan->graph->nodes[index];
    const bool is_source = node->kind == PS_NODE_SOURCE;
    const char *hash = NULL;
    PS_TRY(hash_of(node, plan->arena, &hash, error));
    const bool is_read = is_source && has_positions(plan->facts, "", node->name);
    if (known == NULL) {
        put(plan, index, is_read ? PS_CHANGE_KEEP : PS_CHANGE_NEW,
            is_read     ? ""
            : is_source ? ""
                        : "gets the rows from now on, none of the earlier ones");
    } else if (!known->is_active) {
        put(plan, index, PS_CHANGE_REFUSED,
            "it was left out of the project for a while, so rows are missing in it: give it a new name");
    } else if (strcmp(known->text, hash) == 0) {
        put(plan, index, PS_CHANGE_KEEP, "");
    } else {
        put(plan, index, PS_CHANGE_NEW_TEXT,
            is_source ? "read with it from the committed position on"
                      : "written with it from the next epoch on");
    }
    return PENSTOCK_OK;
}

static penstock_code decide(struct plan *plan, size_t index, struct penstock_error *error) {
    const struct ps_node *node = &plan->graph->nodes[index];
    const struct ps_known_statement *known = node->name != NULL ? find_known(plan->facts, node->name) : NULL;
    switch (node->kind) {
    case PS_NODE_TABLE:
    case PS_NODE_VIEW: return decide_output(plan, index, known, error);
    case PS_NODE_SOURCE:
    case PS_NODE_SINK: return decide_outside(plan, index, known, error);
    case PS_NODE_SQL:
    case PS_NODE_MODEL:
    case PS_NODE_DATASET:
    case PS_NODE_JOB: break;
    }
    return PENSTOCK_OK;
}

penstock_code ps_change_plan(const struct ps_graph *graph, const struct ps_change_facts *facts,
                             struct ps_arena *arena, struct ps_change **changes_out, size_t *count_out,
                             struct penstock_error *error) {
    const size_t capacity = graph->node_count + facts->statement_count + 1;
    struct plan plan = {.graph = graph,
                        .facts = facts,
                        .arena = arena,
                        .changes = ps_arena_allocate(arena, capacity, sizeof(struct ps_change)),
                        .is_there = ps_arena_allocate(arena, capacity, sizeof(bool))};
    if (plan.changes == NULL || plan.is_there == NULL) {
        return ps_error_memory(error, "a plan of changes");
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        PS_TRY(decide(&plan, i, error));
    }
    size_t count = 0;
    for (size_t i = 0; i < graph->node_count; i++) {
        if (plan.is_there[i]) {
            plan.changes[count++] = plan.changes[i];
        }
    }
    for (size_t i = 0; i < facts->statement_count; i++) {
        const struct ps_known_statement *known = &facts->statements[i];
        const bool has_rows = strcmp(known->kind, PS_KIND_TABLE) == 0 || strcmp(known->kind, KIND_VIEW) == 0;
        if (has_rows && ps_graph_find(graph, known->name) < 0) {
            plan.changes[count++] = (struct ps_change){
                .name = known->name,
                .kind = known->kind,
                .action = PS_CHANGE_LEFT_OUT,
                .reason = ps_arena_printf(
                    arena, "kept as it is, nothing is added; penstock drop %s removes it", known->name)};
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (plan.changes[i].reason == NULL) {
            return ps_error_memory(error, "a plan of changes");
        }
    }
    *changes_out = plan.changes;
    *count_out = count;
    return PENSTOCK_OK;
}

/* --- carrying it out -------------------------------------------------------------------------------------------- */

static penstock_code finish(struct ps_store *store, penstock_code code, struct penstock_error *error) {
    if (code == PENSTOCK_OK) {
        code = ps_sql_run(store->connection, "COMMIT", error);
    }
    if (code != PENSTOCK_OK) {
        const penstock_code ignored = ps_sql_run(store->connection, "ROLLBACK", NULL);
        (void)ignored;
    }
    return code;
}

/* DROP ... of everything that the name has in the store. */
static penstock_code drop_objects(struct ps_store *store, const char *name, struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    const char *const values[] = {name};
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    PS_TRY(ps_sql_query_with(
        store->connection,
        "SELECT what, schema_name, name FROM (SELECT 'VIEW' AS what, schema_name, view_name AS name"
        " FROM duckdb_views() WHERE NOT internal AND database_name = current_database()"
        " UNION ALL SELECT 'TABLE', schema_name, table_name FROM duckdb_tables()"
        " WHERE database_name = current_database())"
        " WHERE (schema_name IN ('main', 'penstock_state') AND name = $1)"
        " OR (schema_name = 'penstock_state' AND (starts_with(name, $1::VARCHAR || '/') OR starts_with(name, "
        "$1::VARCHAR || ' ')))"
        " ORDER BY what DESC, schema_name",
        values, 1, &result, error));
    for (int64_t i = 0; i < ps_result_row_count(result); i++) {
        ps_buffer_printf(&sql, "DROP %s %s.", ps_result_text(result, i, 0), ps_result_text(result, i, 1));
        ps_buffer_sql_name(&sql, ps_result_text(result, i, 2));
        ps_buffer_text(&sql, "; ");
    }
    PS_TRY(ps_buffer_status(&sql, error));
    return sql.size > 0 ? ps_sql_run(store->connection, sql.data, error) : PENSTOCK_OK;
}

penstock_code ps_change_forget(struct ps_store *store, const char *name, struct penstock_error *error) {
    static const char *const statements[] = {
        "DELETE FROM penstock.statements WHERE name = $1",
        "DELETE FROM penstock.positions WHERE source = '" PS_BACKFILL_PREFIX "' || $1",
        "DELETE FROM penstock.watermarks WHERE source = '" PS_BACKFILL_PREFIX "' || $1",
        /* what was refused is refused, or taken, anew */
        "DELETE FROM penstock.dead_letters WHERE statement = $1 AND replayed_epoch IS NULL"};
    const char *const values[] = {name};
    PS_TRY(drop_objects(store, name, error));
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        PS_TRY(ps_sql_run_with(store->connection, statements[i], values, 1, error));
    }
    return PENSTOCK_OK;
}

penstock_code ps_change_apply(const struct ps_graph *graph, struct ps_store *store,
                              const struct ps_change *changes, size_t count, struct penstock_error *error) {
    (void)graph;
    PS_TRY(ps_sql_run(store->connection, "BEGIN TRANSACTION", error));
    penstock_code code = PENSTOCK_OK;
    for (size_t i = 0; i < count && code == PENSTOCK_OK; i++) {
        if (changes[i].action == PS_CHANGE_REBUILD) {
            code = ps_change_forget(store, changes[i].name, error);
        }
    }
    return finish(store, code, error);
}

penstock_code ps_change_remember(const struct ps_graph *graph, struct ps_store *store,
                                 struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_run run = {.connection = store->connection};
    if (arena == NULL) {
        return ps_error_memory(error, "a project's statements");
    }
    PS_TRY(ps_sql_run(store->connection, "BEGIN TRANSACTION", error));
    penstock_code code = PENSTOCK_OK;
    for (size_t i = 0; i < graph->node_count && code == PENSTOCK_OK; i++) {
        const struct ps_node *node = &graph->nodes[i];
        if (node->kind == PS_NODE_SOURCE) { /* sinks: prepare.c */
            enum ps_applied applied = PS_APPLIED_NEW;
            const char *hash = NULL;
            code = hash_of(node, arena, &hash, error);
            code = code == PENSTOCK_OK
                       ? ps_applied_look(&run, node->name, kind_of(node), hash, &applied, error)
                       : code;
            if (code == PENSTOCK_OK && applied != PS_APPLIED_SAME) {
                code = ps_applied_save(&run, node->name, kind_of(node), hash, error);
            }
        }
    }
    return finish(store, code, error);
}

penstock_code ps_change_drop(const struct ps_graph *graph, struct ps_store *store, const char *name,
                             struct penstock_error *error) {
    const char *const values[] = {name};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    if (ps_graph_find(graph, name) >= 0) {
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "%s is in the project: it is not dropped", name);
        return ps_error_hint(error, "take its statement out of the SQL files first");
    }
    PS_TRY(
        ps_sql_query_with(store->connection,
                          "SELECT kind FROM penstock.statements WHERE name = $1 AND kind IN ('" PS_KIND_TABLE
                          "', '" KIND_VIEW "')",
                          values, 1, &result, error));
    if (ps_result_row_count(result) == 0) {
        (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "the store has no streaming table or view '%s'", name);
        return ps_error_hint(error, "penstock plan lists what was left out");
    }
    PS_TRY(ps_sql_run(store->connection, "BEGIN TRANSACTION", error));
    const penstock_code code = ps_change_forget(store, name, error);
    return finish(store, code, error);
}
