/* SPDX-License-Identifier: Apache-2.0
 *
 * columns.c - new fields of an epoch become columns of its sources, and of tables that take them all; see columns.h.
 */
#include "stream/columns.h"

#include <stdio.h>

#include "base/clock.h"

/* --- what an epoch has met --------------------------------------------------------------------------------------- */

penstock_code ps_columns_note(struct ps_run *run, struct ps_input *input, const struct ps_batch *batch,
                              struct penstock_error *error) {
    const size_t count_max = PS_LIMIT_ADDED_COLUMN_COUNT - input->statement->added_count;
    for (size_t i = 0; i < batch->new_fields.count; i++) {
        const struct ps_new_field *field = &batch->new_fields.items[i];
        PS_TRY(ps_new_fields_add(&input->new_fields, ps_bytes_of(field->name), field->type, count_max,
                                 run->arena, error));
    }
    return PENSTOCK_OK;
}

penstock_code ps_columns_look(struct ps_run *run, const struct ps_prepared *prepared,
                              struct penstock_error *error) {
    for (size_t i = 0; i < prepared->task_count; i++) {
        if (prepared->tasks[i].code != PENSTOCK_OK) {
            return PENSTOCK_OK;
        }
    }
    for (size_t i = 0; i < prepared->task_count; i++) {
        const struct ps_task *task = &prepared->tasks[i];
        if (task->batch != NULL) {
            PS_TRY(ps_columns_note(run, &run->inputs[task->input], task->batch, error));
        }
    }
    return PENSTOCK_OK;
}

bool ps_columns_are_new(const struct ps_run *run) {
    for (size_t i = 0; i < run->input_count; i++) {
        if (run->inputs[i].new_fields.count > 0) {
            return true;
        }
    }
    return false;
}

/* --- becoming columns -------------------------------------------------------------------------------------------- */

static penstock_code insert(struct ps_run *run, const struct ps_added_column *columns, size_t count,
                            struct penstock_error *error) {
    char now[32], epoch[24];
    ps_clock_format_iso(ps_clock_wall_ms(), now, sizeof now);
    (void)snprintf(epoch, sizeof epoch, "%lld", (long long)run->epoch.number + 1);
    PS_TRY(ps_sql_run(
        run->connection,
        "BEGIN TRANSACTION; CREATE TABLE IF NOT EXISTS penstock.source_columns(source VARCHAR NOT NULL,"
        " ordinal BIGINT NOT NULL, name VARCHAR NOT NULL, type VARCHAR NOT NULL,"
        " since_epoch BIGINT NOT NULL, added_at TIMESTAMP NOT NULL)",
        error));
    for (size_t i = 0; i < count; i++) {
        const char *const values[] = {columns[i].source, columns[i].name, columns[i].type, epoch, now};
        PS_TRY(ps_sql_run_with(run->connection,
                               "INSERT INTO penstock.source_columns SELECT $1, count(*), $2, $3, $4::BIGINT,"
                               " $5::TIMESTAMPTZ::TIMESTAMP FROM penstock.source_columns WHERE source = $1",
                               values, 5, error));
    }
    PS_TRY(ps_store_check_owner(run->store, error));
    return ps_sql_run(run->connection, "COMMIT", error);
}

static void tell(const struct ps_run *run, const struct ps_input *input) {
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, PS_LIMIT_SQL_SIZE);
    ps_buffer_printf(&text, "source %s has new columns: ", input->name);
    for (size_t i = 0; i < input->new_fields.count; i++) {
        const struct ps_new_field *field = &input->new_fields.items[i];
        ps_buffer_printf(&text, "%s%s %s", i > 0 ? ", " : "", field->name, ps_type_sql(field->type));
    }
    ps_run_tell(run,
                (struct ps_event){.kind = PS_EVENT_NOTICE, .name = text.failed ? "new columns" : text.data});
}

penstock_code ps_columns_add(struct ps_run *run, const struct ps_graph **graph_out,
                             struct penstock_error *error) {
    size_t count = 0;
    for (size_t i = 0; i < run->input_count; i++) {
        count += run->inputs[i].new_fields.count;
    }
    struct ps_added_column *columns = ps_arena_allocate(run->arena, count + 1, sizeof *columns);
    if (columns == NULL) {
        return ps_error_memory(error, "new columns");
    }
    count = 0;
    for (size_t i = 0; i < run->input_count; i++) {
        const struct ps_input *input = &run->inputs[i];
        for (size_t j = 0; j < input->new_fields.count; j++) {
            const struct ps_new_field *field = &input->new_fields.items[j];
            columns[count++] = (struct ps_added_column){input->name, field->name, ps_type_sql(field->type)};
        }
    }
    const struct ps_graph *graph = NULL;
    PS_TRY(run->options->on_new_columns(columns, count, &graph, run->options->context, error));
    const penstock_code code = insert(run, columns, count, error);
    if (code != PENSTOCK_OK) {
        ps_run_roll_back(run);
        return code;
    }
    PS_TRY(ps_store_settle(run->store, error));
    for (size_t i = 0; i < run->input_count; i++) {
        if (run->inputs[i].new_fields.count > 0) {
            tell(run, &run->inputs[i]);
        }
    }
    *graph_out = graph;
    return PENSTOCK_OK;
}

/* --- tables -------------------------------------------------------------------------------------------------- */

static int64_t find(struct ps_column_list list, const char *name) {
    for (size_t i = 0; i < list.count; i++) {
        if (strcmp(list.names[i], name) == 0) {
            return (int64_t)i;
        }
    }
    return -1;
}

bool ps_columns_match(const struct ps_project *project, struct ps_column_list was, struct ps_column_list now,
                      size_t *missing, size_t *missing_count, size_t *was_out, size_t *now_out) {
    size_t i = 0, j = 0;
    *missing_count = 0;
    for (;;) {
        for (; i < was.count && ps_project_is_added(project, was.names[i]); i++) {
            const int64_t found = find(now, was.names[i]);
            if (found < 0 || !ps_text_equal_nocase(was.types[i], now.types[found])) {
                *was_out = i;
                *now_out = found < 0 ? now.count : (size_t)found;
                return false;
            }
        }
        for (; j < now.count && ps_project_is_added(project, now.names[j]); j++) {
            if (find(was, now.names[j]) < 0) {
                missing[(*missing_count)++] = j;
            }
        }
        *was_out = i;
        *now_out = j;
        if (i == was.count && j == now.count) {
            return true;
        }
        if (i == was.count || j == now.count || strcmp(was.names[i], now.names[j]) != 0 ||
            !ps_text_equal_nocase(was.types[i], now.types[j])) {
            return false;
        }
        i++;
        j++;
    }
}

penstock_code ps_columns_grow(struct ps_run *run, const char *table, struct ps_column_list columns,
                              const size_t *missing, size_t missing_count, struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "BEGIN TRANSACTION; ");
    for (size_t i = 0; i < missing_count; i++) {
        ps_buffer_text(&sql, "ALTER TABLE main.");
        ps_buffer_sql_name(&sql, table);
        ps_buffer_text(&sql, " ADD COLUMN ");
        ps_buffer_sql_name(&sql, columns.names[missing[i]]);
        ps_buffer_printf(&sql, " %s; ", columns.types[missing[i]]);
    }
    ps_buffer_text(&sql, "COMMIT");
    PS_TRY(ps_buffer_status(&sql, error));
    const penstock_code code = ps_sql_run(run->connection, sql.data, error);
    if (code != PENSTOCK_OK) {
        ps_run_roll_back(run);
    }
    return code;
}
