/* SPDX-License-Identifier: Apache-2.0
 *
 * changes.c - what a changed project would do to its store, shown before it is done.
 *
 * Nothing is shown for a store that the project has never run on, and nothing if all is kept.
 */
#include "app/changes.h"

#include <stdio.h>

#include "app/progress.h"
#include "app/session.h"
#include "app/table.h"

static const char *const questions[3] = {
    "SELECT name, kind, text, CAST(is_active AS INTEGER) AS is_active FROM penstock.statements"
    " WHERE kind <> 'sql' ORDER BY name",
    "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE schema_name = 'main'"
    " AND database_name = current_database() AND NOT internal ORDER BY table_name, column_index",
    "SELECT DISTINCT source FROM penstock.positions ORDER BY source"};

void ps_change_list_done(struct ps_change_list *list) {
    for (size_t i = 0; i < 3; i++) {
        ps_text_table_free(list->facts[i]);
    }
    ps_arena_free(list->arena);
    *list = (struct ps_change_list){0};
}

static const char *const *row_of(const struct ps_text_table *table, int64_t row) {
    return table->cells + (size_t)row * table->column_count;
}

static penstock_code read_facts(struct ps_change_list *list, struct ps_change_facts *facts,
                                struct penstock_error *error) {
    const struct ps_text_table *statements = list->facts[0], *columns = list->facts[1],
                               *sources = list->facts[2];
    struct ps_known_statement *known =
        ps_arena_allocate(list->arena, (size_t)statements->row_count + 1, sizeof *known);
    struct ps_known_column *known_columns =
        ps_arena_allocate(list->arena, (size_t)columns->row_count + 1, sizeof *known_columns);
    const char **known_sources =
        ps_arena_allocate(list->arena, (size_t)sources->row_count + 1, sizeof *known_sources);
    if (known == NULL || known_columns == NULL || known_sources == NULL) {
        return ps_error_memory(error, "a plan of changes");
    }
    for (int64_t i = 0; i < statements->row_count; i++) {
        const char *const *cells = row_of(statements, i);
        known[i] = (struct ps_known_statement){cells[0], cells[1], cells[2], strcmp(cells[3], "1") == 0};
    }
    for (int64_t i = 0; i < columns->row_count; i++) {
        const char *const *cells = row_of(columns, i);
        known_columns[i] = (struct ps_known_column){cells[0], cells[1], cells[2]};
    }
    for (int64_t i = 0; i < sources->row_count; i++) {
        known_sources[i] = row_of(sources, i)[0];
    }
    *facts = (struct ps_change_facts){.statements = known,
                                      .statement_count = (size_t)statements->row_count,
                                      .columns = known_columns,
                                      .column_count = (size_t)columns->row_count,
                                      .sources = known_sources,
                                      .source_count = (size_t)sources->row_count};
    return PENSTOCK_OK;
}

static penstock_code make(const struct ps_graph *graph, const struct ps_asker *asker,
                          struct ps_change_list *list, struct penstock_error *error) {
    struct ps_change_facts facts = {0};
    list->arena = ps_arena_new(0);
    if (list->arena == NULL) {
        return ps_error_memory(error, "a plan of changes");
    }
    for (size_t i = 0; i < 3 && asker != NULL; i++) {
        PS_TRY(asker->ask(asker->context, questions[i], &list->facts[i], error));
    }
    if (asker != NULL) {
        PS_TRY(read_facts(list, &facts, error));
    }
    PS_TRY(ps_change_plan(graph, &facts, list->arena, &list->items, &list->count, error));
    for (size_t i = 0; i < list->count; i++) {
        list->needs_consent |= list->items[i].action == PS_CHANGE_REBUILD;
        list->is_blocked |= list->items[i].action == PS_CHANGE_BACKFILL ||
                            list->items[i].action == PS_CHANGE_RESUME ||
                            list->items[i].action == PS_CHANGE_REFUSED;
    }
    return PENSTOCK_OK;
}

penstock_code ps_change_list_make(const struct ps_graph *graph, const struct ps_asker *asker,
                                  struct ps_change_list *list_out, struct penstock_error *error) {
    struct ps_change_list list PS_SCOPED(ps_change_list_done) = {0};
    PS_TRY(make(graph, asker, &list, error));
    *list_out = list;
    list = (struct ps_change_list){0};
    return PENSTOCK_OK;
}

penstock_code ps_change_list_table(const struct ps_change_list *list, bool all,
                                   struct ps_text_table **table_out, struct penstock_error *error) {
    static const char *const names[] = {"statement", "kind", "action", "reason"};
    static const char *const types[] = {"VARCHAR", "VARCHAR", "VARCHAR", "VARCHAR"};
    struct ps_text_table_builder builder PS_SCOPED(ps_text_table_builder_done) = {0};
    PS_TRY(ps_text_table_begin(&builder, names, types, 4, error));
    for (size_t i = 0; i < list->count; i++) {
        const struct ps_change *change = &list->items[i];
        const char *const cells[] = {change->name, change->kind, ps_change_action_name(change->action),
                                     change->reason};
        if (all || (change->action != PS_CHANGE_KEEP && change->action != PS_CHANGE_LEFT_OUT)) {
            PS_TRY(ps_text_table_row(&builder, cells, error));
        }
    }
    return ps_text_table_end(&builder, table_out, error);
}

/* --- without doing it ------------------------------------------------------------------------------------------- */

static penstock_code ask_access(void *context, const char *sql, struct ps_text_table **table_out,
                                struct penstock_error *error) {
    return ps_access_query(context, sql, table_out, error);
}

penstock_code ps_app_plan(struct ps_app *app, struct ps_text_table **table_out, bool *is_ready_out,
                          struct penstock_error *error) {
    struct ps_access access PS_SCOPED(ps_access_close) = {0};
    struct ps_change_list list PS_SCOPED(ps_change_list_done) = {0};
    PS_TRY(ps_access_open(app, &access, error));
    const struct ps_asker asker = {ask_access, &access};
    PS_TRY(ps_change_list_make(app->graph, ps_access_has_store(&access) ? &asker : NULL, &list, error));
    PS_TRY(ps_change_list_table(&list, true, table_out, error));
    *is_ready_out = !list.needs_consent && !list.is_blocked;
    return PENSTOCK_OK;
}

penstock_code ps_app_drop(struct ps_app *app, const char *name, struct penstock_error *error) {
    struct ps_store *store = NULL;
    const struct ps_store_options options = {.path = app->project->store_path,
                                             .thread_count = 1,
                                             .memory_max = app->project->manifest.executor_memory};
    if (!ps_file_exists(options.path)) {
        (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "there is no store yet");
        return ps_error_hint(error, "run penstock run first");
    }
    PS_TRY(ps_store_open(&options, &store, error));
    const penstock_code code = ps_change_drop(app->graph, store, name, error);
    ps_store_close(store);
    return code;
}

/* --- before a run ----------------------------------------------------------------------------------------------- */

static penstock_code ask_store(void *context, const char *sql, struct ps_text_table **table_out,
                               struct penstock_error *error) {
    struct ps_store *store = context;
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(store->connection, sql, &result, error));
    return ps_text_table_of_result(result, table_out, error);
}

static const struct ps_change *first_of(const struct ps_change_list *list, enum ps_change_action action) {
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].action == action) {
            return &list->items[i];
        }
    }
    return NULL;
}

static penstock_code refuse_blocked(const struct ps_app *app, const struct ps_change_list *list,
                                    struct penstock_error *error) {
    const struct ps_change *change = first_of(list, PS_CHANGE_RESUME);
    change = change != NULL ? change : first_of(list, PS_CHANGE_BACKFILL);
    change = change != NULL ? change : first_of(list, PS_CHANGE_REFUSED);
    const int64_t index = ps_graph_find(app->graph, change->name);
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s %s %s: %s", change->kind, change->name,
                       ps_change_action_name(change->action), change->reason);
    (void)ps_error_hint(error, "penstock plan shows all changes");
    return ps_error_at(error, app->graph->nodes[index].statement->location,
                       app->graph->nodes[index].statement->text, 0);
}

static penstock_code settle(struct ps_progress *progress, const struct ps_change_list *list,
                            struct penstock_error *error) {
    const struct ps_app_run_options *options = progress->options;
    struct ps_text_table *table PS_SCOPED(ps_text_table_drop) = NULL;
    PS_TRY(ps_change_list_table(list, false, &table, error));
    bool is_agreed = options->accepts_changes;
    if (table->row_count > 0 && options->on_changes != NULL) {
        is_agreed = options->on_changes(table, list->needs_consent && !list->is_blocked, options->context) ||
                    is_agreed;
    }
    if (list->is_blocked) {
        return refuse_blocked(progress->app, list, error);
    }
    if (list->needs_consent && !is_agreed) {
        const struct ps_change *change = first_of(list, PS_CHANGE_REBUILD);
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "%s %s would be rebuilt, and nobody agreed: %s",
                           change->kind, change->name, change->reason);
        return ps_error_hint(
            error, "penstock plan shows all changes; penstock run --accept-changes carries them out");
    }
    int64_t count = 0;
    PS_TRY(ps_sql_integer(progress->store->connection,
                          "SELECT count(*) FROM penstock.plans WHERE epoch > (SELECT coalesce(max(epoch), 0)"
                          " FROM penstock.epochs)",
                          &count, error));
    if (list->needs_consent && count > 0) {
        (void)ps_error_set(
            error, PENSTOCK_BUSY,
            "the last run was stopped between its sinks and its store, and the project has changed since");
        return ps_error_hint(error, "put the old text back, penstock run --once, then change it");
    }
    return list->needs_consent
               ? ps_change_apply(progress->app->graph, progress->store, list->items, list->count, error)
               : PENSTOCK_OK;
}

penstock_code ps_changes_settle(struct ps_progress *progress, struct penstock_error *error) {
    int64_t count = 0;
    PS_TRY(ps_sql_integer(progress->store->connection,
                          "SELECT count(*) FROM penstock.statements WHERE kind <> 'sql'", &count, error));
    if (count == 0 || progress->options == NULL) {
        return PENSTOCK_OK; /* the first run */
    }
    struct ps_change_list list PS_SCOPED(ps_change_list_done) = {0};
    const struct ps_asker asker = {ask_store, progress->store};
    PS_TRY(ps_change_list_make(progress->app->graph, &asker, &list, error));
    return settle(progress, &list, error);
}
