/* SPDX-License-Identifier: Apache-2.0
 *
 * replay.c - dead letters once more through the project as it is now, in one epoch.
 *
 * A letter that did not get past its source goes to every statement that streams from it; one that broke a
 * rule of a table goes to that table and what streams from it, because everything else has its rows already.
 * Lateness is not looked at again: replaying a late record is the user's decision to take it after all.
 */
#include <stdio.h>

#include "base/clock.h"
#include "stream/columns.h"
#include "stream/epoch.h"
#include "stream/prepare.h"
#include "stream/replay.h"

struct letter {
    int64_t id;
    size_t input;
    const char *statement; /* or NULL */
    const char *partition;
    int64_t position;
    struct ps_bytes raw;
    int64_t raw_size;
    const struct ps_message *message; /* of a broker's record, else NULL */
    bool is_dead;                     /* still */
};

/* Letters with the same source and statement: one pass over the graph. */
struct group {
    size_t first, count;
    int64_t target; /* index of the output, -1: all of the source */
};

struct replay {
    struct ps_run *run;
    struct letter *letters;
    size_t letter_count;
    struct ps_batch **batches; /* of all groups: dead letters point into them */
    size_t batch_count, batch_capacity;
    struct ps_dead_list kept; /* new dead letters, of statements further on */
    struct ps_epoch_totals totals;
    const char *resumed_ids; /* of a replay that was cut off; NULL: a new one */
    struct ps_replay_sinks sinks;
};

/* --- loading ----------------------------------------------------------------------------------------------------- */

static int nibble(char digit) {
    return digit <= '9' ? digit - '0' : digit - 'A' + 10;
}

static penstock_code unhex(struct ps_arena *arena, const char *text, struct ps_bytes *bytes_out,
                           struct penstock_error *error) {
    const size_t size = strlen(text) / 2;
    char *data = ps_arena_allocate(arena, size + 1, 1);
    if (data == NULL) {
        return ps_error_memory(error, "dead letters");
    }
    for (size_t i = 0; i < size; i++) {
        data[i] = (char)(nibble(text[2 * i]) * 16 + nibble(text[2 * i + 1]));
    }
    *bytes_out = (struct ps_bytes){data, size};
    return PENSTOCK_OK;
}

static int64_t find_input(const struct ps_run *run, const char *name) {
    for (size_t i = 0; i < run->input_count; i++) {
        if (run->inputs[i].is_used && strcmp(run->inputs[i].name, name) == 0) {
            return (int64_t)i;
        }
    }
    return -1;
}

static int64_t find_output(const struct ps_run *run, const char *name) {
    for (size_t i = 0; i < run->output_count; i++) {
        if (strcmp(run->outputs[i].name, name) == 0) {
            return (int64_t)i;
        }
    }
    return -1;
}

static const char *keep_text(struct ps_arena *arena, const char *text) {
    return text != NULL ? ps_arena_copy(arena, text) : NULL;
}

/* A broker's record is decoded with everything the broker said of it. */
static penstock_code load_message(const struct ps_run *run, const struct ps_result *result, int64_t row,
                                  struct letter *letter, struct penstock_error *error) {
    const struct ps_source_type *type = ps_source_type_find(run->inputs[letter->input].statement->connector);
    if (type == NULL || !type->is_sparse) {
        return PENSTOCK_OK;
    }
    struct ps_message *message = ps_arena_allocate(run->arena, 1, sizeof *message);
    if (message == NULL) {
        return ps_error_memory(error, "dead letters");
    }
    const char *key = ps_result_text(result, row, 8), *headers = ps_result_text(result, row, 9);
    message->offset = letter->position;
    message->timestamp_ms = ps_result_text(result, row, 10) != NULL ? ps_result_integer(result, row, 10) : -1;
    message->value = letter->raw.size > 0 ? letter->raw : (struct ps_bytes){NULL, 0};
    if (key != NULL) {
        PS_TRY(unhex(run->arena, key, &message->key, error));
    }
    if (headers != NULL) {
        struct ps_bytes *text = ps_arena_allocate(run->arena, 1, sizeof *text);
        if (text == NULL || (text->data = ps_arena_copy(run->arena, headers)) == NULL) {
            return ps_error_memory(error, "dead letters");
        }
        text->size = strlen(headers);
        message->headers = ps_headers_of(text);
    }
    letter->message = message;
    return PENSTOCK_OK;
}

static penstock_code load_letters(struct replay *replay, const char *reason, const char *source,
                                  int64_t *tried_out, struct penstock_error *error) {
    struct ps_arena *arena = replay->run->arena;
    const char *const values[] = {reason, source, replay->resumed_ids};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(
        replay->run->connection,
        "SELECT id, source, statement, partition, position, hex(raw), raw_size,"
        " EXISTS (SELECT 1 FROM penstock.positions p WHERE p.source = d.source"
        " AND p.partition = d.partition), hex(record_key), headers, epoch_ms(record_time)"
        " FROM penstock.dead_letters d"
        " WHERE replayed_epoch IS NULL AND ($1::VARCHAR IS NULL OR reason = $1::VARCHAR)"
        " AND ($2::VARCHAR IS NULL OR source = $2::VARCHAR)"
        " AND ($3::VARCHAR IS NULL OR id IN (SELECT unnest(string_split($3::VARCHAR, ', '))::BIGINT))"
        " ORDER BY source, statement NULLS FIRST, id",
        values, 3, &result, error));
    const int64_t count = ps_result_row_count(result);
    replay->letters = ps_arena_allocate(arena, (size_t)count + 1, sizeof *replay->letters);
    if (replay->letters == NULL) {
        return ps_error_memory(error, "dead letters");
    }
    for (int64_t i = 0; i < count; i++) {
        struct letter *letter = &replay->letters[replay->letter_count];
        const int64_t input = find_input(replay->run, ps_result_text(result, i, 1));
        const char *statement = ps_result_text(result, i, 2);
        const bool is_known = input >= 0 && (statement == NULL || find_output(replay->run, statement) >= 0);
        const char *hex = ps_result_text(result, i, 5);
        /* Cut ones, those of statements that are gone, and rows of a table (a statement that was added over it has
         * refused them: they are no records of the source) stay what they are. */
        const bool is_record = ps_result_integer(result, i, 7) != 0;
        if (!is_known || !is_record || hex == NULL ||
            (int64_t)strlen(hex) / 2 < ps_result_integer(result, i, 6)) {
            continue;
        }
        *letter = (struct letter){.id = ps_result_integer(result, i, 0),
                                  .input = (size_t)input,
                                  .statement = keep_text(arena, statement),
                                  .partition = keep_text(arena, ps_result_text(result, i, 3)),
                                  .position = ps_result_integer(result, i, 4),
                                  .raw_size = ps_result_integer(result, i, 6)};
        if ((statement != NULL && letter->statement == NULL) || letter->partition == NULL) {
            return ps_error_memory(error, "dead letters");
        }
        PS_TRY(unhex(arena, hex, &letter->raw, error));
        PS_TRY(load_message(replay->run, result, i, letter, error));
        replay->letter_count++;
    }
    *tried_out = count;
    return PENSTOCK_OK;
}

/* --- one group --------------------------------------------------------------------------------------------------- */

static bool is_same_text(const char *left, const char *right) {
    return left == right || (left != NULL && right != NULL && strcmp(left, right) == 0);
}

static struct group group_at(const struct replay *replay, size_t first) {
    const struct letter *letter = &replay->letters[first];
    struct group group = {.first = first, .target = -1};
    while (first + group.count < replay->letter_count &&
           replay->letters[first + group.count].input == letter->input &&
           is_same_text(replay->letters[first + group.count].statement, letter->statement)) {
        group.count++;
    }
    if (letter->statement != NULL) {
        group.target = find_output(replay->run, letter->statement);
    }
    return group;
}

/* Parquet rows were kept as JSON. */
static penstock_code setup_of(struct ps_run *run, const struct ps_input *input,
                              struct ps_source_setup *setup_out, struct penstock_error *error) {
    *setup_out = input->setup;
    if (setup_out->codec != NULL) {
        return PENSTOCK_OK;
    }
    setup_out->codec = ps_codec_find("json");
    void *config = ps_arena_allocate(run->arena, setup_out->codec->config_size + 1, 1);
    if (config == NULL) {
        return ps_error_memory(error, "dead letters");
    }
    setup_out->codec_config = config;
    return ps_option_defaults(setup_out->codec->options, config, run->arena, error);
}

static penstock_code state_of(struct ps_run *run, const char *source, const char *partition,
                              const char **state_out, struct penstock_error *error) {
    const char *const values[] = {source, partition};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(run->connection,
                             "SELECT state FROM penstock.positions WHERE source = $1 AND partition = $2",
                             values, 2, &result, error));
    const char *state = ps_result_text(result, 0, 0);
    *state_out = ps_arena_copy(run->arena, state != NULL ? state : "");
    return *state_out != NULL ? PENSTOCK_OK : ps_error_memory(error, "dead letters");
}

/* Decodes the letters [first, end) of one partition. A record's offset is its letter's index. */
static penstock_code decode(struct replay *replay, const struct ps_source_setup *setup, size_t first,
                            size_t end, struct penstock_error *error) {
    struct ps_run *run = replay->run;
    struct ps_record *records = ps_arena_allocate(run->arena, end - first, sizeof *records);
    if (records == NULL) {
        return ps_error_memory(error, "dead letters");
    }
    for (size_t i = first; i < end; i++) {
        records[i - first] = (struct ps_record){
            .raw = replay->letters[i].raw, .offset = (int64_t)i, .message = replay->letters[i].message};
    }
    void *batches = replay->batches;
    const penstock_code grown =
        ps_grow(&batches, &replay->batch_capacity, replay->batch_count + 1, sizeof(struct ps_batch *), error);
    replay->batches = batches;
    PS_TRY(grown);
    const char *state = "";
    PS_TRY(state_of(run, run->inputs[replay->letters[first].input].name, replay->letters[first].partition,
                    &state, error));
    PS_TRY(ps_decode_records(setup, (struct ps_partition){replay->letters[first].partition, 0}, state,
                             records, end - first, &replay->batches[replay->batch_count], error));
    replay->batch_count++;
    return PENSTOCK_OK;
}

/* The group's letters as the rows of its source. */
static penstock_code load_group(struct replay *replay, struct group group, struct penstock_error *error) {
    struct ps_run *run = replay->run;
    struct ps_input *input = &run->inputs[replay->letters[group.first].input];
    struct ps_source_setup setup;
    PS_TRY(setup_of(run, input, &setup, error));
    const size_t first_batch = replay->batch_count;
    for (size_t i = group.first; i < group.first + group.count;) {
        size_t end = i;
        while (end < group.first + group.count &&
               strcmp(replay->letters[end].partition, replay->letters[i].partition) == 0) {
            end++;
        }
        PS_TRY(decode(replay, &setup, i, end, error));
        if (run->options->on_new_columns != NULL) {
            PS_TRY(ps_columns_note(run, input, replay->batches[replay->batch_count - 1], error));
        }
        i = end;
    }
    if (ps_columns_are_new(run)) { /* replay_once() begins again with them */
        return ps_error_set(error, PENSTOCK_CANCELLED, "source %s has new columns", input->name);
    }
    const size_t count = replay->batch_count - first_batch;
    struct ps_batch **batches = ps_arena_allocate(run->epoch_arena, count + 1, sizeof(struct ps_batch *));
    const char **partitions = ps_arena_allocate(run->epoch_arena, count + 1, sizeof(char *));
    if (batches == NULL || partitions == NULL) {
        return ps_error_memory(error, "dead letters");
    }
    for (size_t i = 0; i < count; i++) {
        batches[i] = replay->batches[first_batch + i];
        partitions[i] = batches[i]->partition.name;
    }
    input->rows = (struct ps_input_rows){.batches = batches, .partitions = partitions, .slice_count = count};
    const struct ps_input before = *input;
    input->delay_us = INT64_MAX; /* nothing is late */
    input->setup.fail_on_bad_record = false;
    const penstock_code code = ps_input_load(run, input, error);
    input->delay_us = before.delay_us;
    input->setup.fail_on_bad_record = before.setup.fail_on_bad_record;
    input->has_time = before.has_time;
    input->time_max_us = before.time_max_us;
    return code;
}

/* Does `output` stream from `target`, directly or not? */
static bool is_downstream(const struct ps_run *run, const struct ps_output *output, int64_t target) {
    for (int64_t at = output - run->outputs; at >= 0; at = run->outputs[at].upstream) {
        if (at == target) {
            return true;
        }
    }
    return false;
}

static penstock_code write_group(struct replay *replay, struct group group, struct penstock_error *error) {
    struct ps_run *run = replay->run;
    const size_t input = replay->letters[group.first].input;
    ps_flow_begin(run); /* also without rows: what the last group wrote is not written again */
    run->is_targeted = group.target >= 0;
    if (run->inputs[input].rows.row_count == 0) {
        return PENSTOCK_OK;
    }
    for (size_t i = 0; i < run->output_count; i++) {
        struct ps_output *output = &run->outputs[i];
        int64_t row_count = 0;
        if ((int64_t)i == group.target || ps_flow_has_rows(run, output)) {
            PS_TRY(ps_output_write(run, output, &row_count, error));
            replay->totals.row_count += row_count;
        } else if (group.target >= 0 && !output->is_view &&
                   is_downstream(run, &run->outputs[group.target], (int64_t)i)) {
            PS_TRY(ps_table_stage(run, output, error)); /* its rows are in the table already */
        }
    }
    return PENSTOCK_OK;
}

/* Index of the letter behind a dead row of this pass. */
static size_t letter_of(const struct ps_run *run, const struct ps_dead_row *row) {
    const struct ps_input *input = &run->inputs[row->input];
    if (!input->is_relation || row->statement == NULL) {
        return (size_t)row->offset;
    }
    size_t slice = 0; /* a relation's rows are told by their number */
    while (slice + 1 < input->rows.slice_count && input->rows.starts[slice + 1] <= row->offset) {
        slice++;
    }
    return (size_t)input->rows.batches[slice]->records[row->offset - input->rows.starts[slice]].offset;
}

/* Dead again at the same place: it stays the letter it is. Dead further on: a new letter there. */
static penstock_code sort_dead(struct replay *replay, struct group group, struct penstock_error *error) {
    struct ps_run *run = replay->run;
    for (size_t i = 0; i < run->dead.count; i++) {
        struct ps_dead_row row = run->dead.items[i];
        struct letter *letter = &replay->letters[letter_of(run, &row)];
        if (row.statement == NULL || (group.target >= 0 && is_same_text(row.statement, letter->statement))) {
            letter->is_dead = true;
            continue;
        }
        row.slice = letter->id;
        row.offset = letter->position;
        row.partition = letter->partition;
        row.raw = letter->raw;
        row.raw_size = letter->raw_size;
        row.record = letter->message;
        void *items = replay->kept.items;
        const penstock_code grown = ps_grow(&items, &replay->kept.capacity, replay->kept.count + 1,
                                            sizeof *replay->kept.items, error);
        replay->kept.items = items;
        PS_TRY(grown);
        replay->kept.items[replay->kept.count++] = row;
    }
    run->dead.count = 0;
    return PENSTOCK_OK;
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

static penstock_code mark_replayed(struct replay *replay, int64_t *replayed_out,
                                   struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_printf(&sql, "UPDATE penstock.dead_letters SET replayed_epoch = %lld WHERE id IN (",
                     (long long)replay->run->epoch.number);
    for (size_t i = 0; i < replay->letter_count; i++) {
        if (!replay->letters[i].is_dead) {
            ps_buffer_printf(&sql, "%s%lld", *replayed_out > 0 ? ", " : "", (long long)replay->letters[i].id);
            (*replayed_out)++;
        }
    }
    ps_buffer_text(&sql, ")");
    if (*replayed_out == 0) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_run(replay->run->connection, sql.data, error);
}

static penstock_code write_epoch(struct replay *replay, struct ps_replay_totals *totals,
                                 struct penstock_error *error) {
    struct ps_run *run = replay->run;
    const int64_t started_ms = ps_clock_wall_ms();
    for (size_t i = 0; i < replay->letter_count;) {
        const struct group group = group_at(replay, i);
        PS_TRY(load_group(replay, group, error));
        PS_TRY(write_group(replay, group, error));
        if (run->inputs[replay->letters[i].input].rows.row_count > 0) {
            PS_TRY(ps_replay_sinks_gather(run, &replay->sinks, error));
        }
        PS_TRY(sort_dead(replay, group, error));
        ps_input_clear(run, &run->inputs[replay->letters[i].input]);
        i += group.count;
    }
    for (size_t i = 0; i < replay->kept.count; i++) {
        PS_TRY(ps_dead_add(run, replay->kept.items[i], error));
    }
    replay->totals.dead_count = (int64_t)run->dead.count;
    PS_TRY(ps_dead_save(run, error));
    PS_TRY(mark_replayed(replay, &totals->replayed, error));
    replay->totals.record_count = totals->replayed;
    if (totals->replayed == 0 && replay->resumed_ids == NULL) {
        ps_replay_sinks_discard(run, &replay->sinks);
        ps_run_roll_back(run);
        run->epoch.number--;
        return run->sink_count > 0 ? ps_replay_plan_forget(run, error) : PENSTOCK_OK;
    }
    PS_TRY(ps_replay_sinks_commit(run, &replay->sinks, error));
    PS_TRY(ps_epoch_save(run, started_ms, &replay->totals, error));
    return ps_epoch_commit(run, error);
}

/* "1, 2, 3": what the epoch consists of, durable before a sink sees its number. */
static penstock_code save_ids(struct replay *replay, struct penstock_error *error) {
    struct ps_buffer ids PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&ids, PS_LIMIT_SQL_SIZE);
    for (size_t i = 0; i < replay->letter_count; i++) {
        ps_buffer_printf(&ids, "%s%lld", i > 0 ? ", " : "", (long long)replay->letters[i].id);
    }
    PS_TRY(ps_buffer_status(&ids, error));
    return ps_replay_plan_save(replay->run, ids.data, error);
}

static penstock_code carry_out(struct replay *replay, struct ps_replay_totals *totals,
                               struct penstock_error *error) {
    struct ps_run *run = replay->run;
    PS_TRY(ps_replay_sinks_open(run, replay->resumed_ids != NULL, &replay->sinks, error));
    if (run->sink_count > 0 && replay->resumed_ids == NULL) {
        PS_TRY(save_ids(replay, error));
    }
    const struct ps_epoch epoch = {run->epoch.number + 1, run->epoch.attempt};
    PS_TRY(ps_epoch_begin(run, epoch, ps_clock_wall_ms(), error));
    penstock_code code = ps_replay_sinks_begin(run, &replay->sinks, error);
    if (code == PENSTOCK_OK) {
        code = write_epoch(replay, totals, error);
    }
    if (code != PENSTOCK_OK) {
        ps_replay_sinks_discard(run, &replay->sinks);
        ps_run_roll_back(run);
    }
    return code;
}

/* An epoch of a run that was cut off between its sinks and the store comes first: its number is taken. */
static penstock_code check_idle(const struct ps_run *run, struct penstock_error *error) {
    int64_t count = 0;
    PS_TRY(ps_sql_integer(run->connection,
                          "SELECT count(*) FROM penstock.plans WHERE NOT starts_with(ranges, '{\"replay\":[')"
                          " AND epoch > (SELECT coalesce(max(epoch), 0) FROM penstock.epochs)",
                          &count, error));
    if (count == 0 || run->sink_count == 0) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_BUSY, "the last run was stopped between its sinks and its store");
    return ps_error_hint(error, "penstock run --once finishes the epoch");
}

static penstock_code replay_letters(struct replay *replay, const char *reason, const char *source,
                                    struct ps_replay_totals *totals, struct penstock_error *error) {
    struct ps_run *run = replay->run;
    PS_TRY(ps_prepare(run, error));
    PS_TRY(check_idle(run, error));
    PS_TRY(ps_prepare_attempt(run, error));
    PS_TRY(ps_prepare_epochs(run, error));
    PS_TRY(load_letters(replay, reason, source, &totals->tried, error));
    if (replay->letter_count > 0) {
        PS_TRY(carry_out(replay, totals, error));
    } else if (replay->resumed_ids != NULL) {
        PS_TRY(ps_replay_plan_forget(run, error)); /* nothing of it is left */
    }
    totals->still_dead = totals->tried - totals->replayed;
    return PENSTOCK_OK;
}

/* What was not written is written with the columns that were missing: all of it once more. */
static penstock_code add_columns(const struct replay *replay, struct ps_runner_options *options,
                                 struct penstock_error *error) {
    struct ps_run *run = replay->run;
    if (run->sink_count > 0 && replay->resumed_ids == NULL) {
        PS_TRY(ps_replay_plan_forget(run, error));
    }
    run->epoch.number--; /* it was begun */
    return ps_columns_add(run, &options->graph, error);
}

/* `ids`: of a replay that was cut off, or NULL. options->graph is another if there are new columns: nothing was
 * replayed yet. */
static penstock_code replay_once(struct ps_runner_options *options, const char *reason, const char *source,
                                 const char *ids, struct ps_replay_totals *totals_out,
                                 struct penstock_error *error) {
    struct ps_run *run PS_SCOPED(ps_run_free_scoped) = NULL;
    PS_TRY(ps_run_new(options->graph, options->store, &run, error));
    run->options = options;
    struct replay replay = {.run = run, .resumed_ids = ids};
    struct ps_replay_totals totals = {0};
    penstock_code code = replay_letters(&replay, reason, source, &totals, error);
    ps_epoch_release(run);
    if (code == PENSTOCK_CANCELLED && ps_columns_are_new(run)) {
        code = add_columns(&replay, options, error);
    }
    for (size_t i = 0; i < replay.batch_count; i++) {
        ps_batch_free(replay.batches[i]);
    }
    ps_release(replay.batches);
    ps_release(replay.kept.items);
    if (code == PENSTOCK_OK) {
        *totals_out = totals;
    }
    return code;
}

static penstock_code replay_all(const struct ps_runner_options *options, const char *reason,
                                const char *source, const char *ids, struct ps_replay_totals *totals_out,
                                struct penstock_error *error) {
    struct ps_runner_options grown = *options;
    const struct ps_graph *graph = NULL;
    while (grown.graph != graph) {
        graph = grown.graph;
        PS_TRY(replay_once(&grown, reason, source, ids, totals_out, error));
    }
    return PENSTOCK_OK;
}

penstock_code ps_runner_replay_resume(const struct ps_runner_options *options, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_replay_totals totals;
    const char *ids = NULL;
    if (arena == NULL) {
        return ps_error_memory(error, "dead letters");
    }
    PS_TRY(ps_replay_plan_find(options->store->connection, arena, &ids, error));
    return ids == NULL ? PENSTOCK_OK : replay_all(options, NULL, NULL, ids, &totals, error);
}

penstock_code ps_runner_replay(const struct ps_runner_options *options, const char *reason,
                               const char *source, struct ps_replay_totals *totals_out,
                               struct penstock_error *error) {
    PS_TRY(ps_runner_replay_resume(options, error));
    return replay_all(options, reason, source, NULL, totals_out, error);
}
