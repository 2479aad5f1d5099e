/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_hbase.c - a table of HBase as a sink: puts that can be repeated, and a position that can be moved once.
 *
 * HBase commits nothing together that lies in several regions. So an epoch's rows are sent while it is written, in
 * calls of a bounded size, and commit() moves the sink's row in a ledger table, last, by checkAndMutate
 * (hbase_ledger.h). What a crash leaves behind are cells of an epoch that the ledger does not have yet; its replay
 * has the same records, and because a cell's timestamp comes out of its record and never from a clock, it writes the
 * same cells: the same row, column and timestamp are one cell for HBase. That is WRITE_ONCE: rows may be seen early,
 * but not twice and not never. A process that was replaced while it slept writes cells that are there already, too, and
 * cannot move the ledger. Without a timestamp in the record only at_least_once is left.
 */
#include "connect/sink_hbase.h"

#include "connect/hbase_ledger.h"
#include "connect/hbase_puts.h"
#include "hbase/admin.h"
#include "hbase/region.h"

static const struct ps_option hbase_options[] = {
    PS_HBASE_LOGIN_OPTIONS(offsetof(struct ps_hbase_sink_config, login)),
    {.name = "table",
     .type = PS_OPTION_TEXT,
     .is_required = true,
     .offset = offsetof(struct ps_hbase_sink_config, table),
     .help = "table the rows go to: name or namespace:name",
     .since = "0.2"},
    {.name = "table.create",
     .type = PS_OPTION_BOOLEAN,
     .default_text = "false",
     .offset = offsetof(struct ps_hbase_sink_config, creates_table),
     .help = "make the table, in one region, if it is not there",
     .since = "0.2"},
    {.name = "family",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_hbase_sink_config, family),
     .help = "column family of the columns that mapping does not mention",
     .since = "0.2"},
    {.name = "rowkey",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_hbase_sink_config, rowkey),
     .help = "what the row key is made of: columns with widths and encodings, and \"separators\"",
     .since = "0.2"},
    {.name = "mapping",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_hbase_sink_config, mapping),
     .help = "column family:qualifier encoding, with commas; column :timestamp, column :key",
     .since = "0.2"},
    {.name = "on_null",
     .type = PS_OPTION_CHOICE,
     .default_text = "skip",
     .choices = "skip|delete",
     .offset = offsetof(struct ps_hbase_sink_config, on_null),
     .help = "NULL: skip writes nothing; delete hides what the cell has up to the record's timestamp",
     .since = "0.2"},
    {.name = "durability",
     .type = PS_OPTION_CHOICE,
     .default_text = "table",
     .choices = "table|skip_wal|sync_wal|fsync_wal",
     .offset = offsetof(struct ps_hbase_sink_config, durability),
     .help = "how puts go through HBase's log; table: as the table says; skip_wal: at_least_once only",
     .since = "0.2"},
    {.name = "batch.size",
     .type = PS_OPTION_SIZE,
     .default_text = "2m",
     .value_min = 1024,
     .value_max = 64 << 20,
     .offset = offsetof(struct ps_hbase_sink_config, batch_size),
     .help = "bytes of rows that are sent at once",
     .since = "0.2"},
    {.name = "ledger.table",
     .type = PS_OPTION_TEXT,
     .default_text = "penstock_epochs",
     .offset = offsetof(struct ps_hbase_sink_config, ledger_table),
     .help = "table in which sinks keep their epochs, in the column family " PS_HBASE_LEDGER_FAMILY,
     .since = "0.2"},
    {.name = "ledger.create",
     .type = PS_OPTION_BOOLEAN,
     .default_text = "false",
     .offset = offsetof(struct ps_hbase_sink_config, creates_ledger),
     .help = "make the table of epochs if it is not there",
     .since = "0.2"},
    {.name = "on_other_store",
     .type = PS_OPTION_CHOICE,
     .default_text = "fail",
     .choices = "fail|replace",
     .offset = offsetof(struct ps_hbase_sink_config, on_other_store),
     .help = "the sink has epochs of another store: fail, or replace its position (its rows stay)",
     .since = "0.2"},
    {.name = "retry.timeout",
     .type = PS_OPTION_DURATION,
     .default_text = "30 s",
     .value_min = 100,
     .value_max = 86400000,
     .offset = offsetof(struct ps_hbase_sink_config, retry_ms),
     .help = "how long servers that are away are waited for before the epoch fails",
     .since = "0.2"},
    {.name = NULL},
};

static const char *const hbase_encodes[] = {"cells", NULL};

struct hbase_sink {
    const struct ps_sink_setup *setup;
    const struct ps_hbase_sink_config *config;
    struct ps_arena *arena; /* as long as the sink */
    const char *what, *table;
    struct ps_schema schema;
    struct ps_hbase_mapping *mapping;
    struct ps_hbase *client;
    struct ps_hbase_ledger ledger;
    struct ps_hbase_puts puts;
    bool has_epoch; /* the epoch that is begun is there already: nothing is written */
};

static void hbase_close(void *state) {
    struct hbase_sink *sink = state;
    if (sink == NULL) {
        return;
    }
    ps_hbase_puts_done(&sink->puts);
    ps_hbase_ledger_done(&sink->ledger);
    ps_hbase_close(sink->client);
    ps_arena_free(sink->arena);
    ps_release(sink);
}

static void hbase_close_scoped(struct hbase_sink **sink) {
    hbase_close(*sink);
}

/* --- open: what is wrong with the statement ----------------------------------------------------------------- */

static penstock_code blame(const struct hbase_sink *sink, struct penstock_error *error) {
    (void)ps_error_context(error, "%s", sink->what);
    if (error != NULL && error->code == PENSTOCK_INVALID_ARGUMENT) {
        error->code = PENSTOCK_INVALID_PROJECT;
    }
    return error != NULL ? error->code : PENSTOCK_INVALID_PROJECT;
}

static penstock_code make_mapping(struct hbase_sink *sink, struct penstock_error *error) {
    const struct ps_sink_setup *const setup = sink->setup;
    const struct ps_hbase_mapping_words words = {
        .mapping = sink->config->mapping, .rowkey = sink->config->rowkey, .family = sink->config->family};
    sink->schema.column_count = setup->column_count;
    sink->schema.columns =
        ps_arena_allocate(sink->arena, setup->column_count + 1, sizeof *sink->schema.columns);
    if (sink->schema.columns == NULL) {
        return ps_error_memory(error, "a sink's columns");
    }
    for (size_t i = 0; i < setup->column_count; i++) {
        const char *const type = setup->column_types[i];
        sink->schema.columns[i] = (struct ps_column_schema){
            .name = setup->column_names[i], .type_text = type, .type = ps_type_of_sql(type)};
    }
    if (ps_hbase_mapping_new(&words, &sink->schema, true, sink->arena, &sink->mapping, error) !=
        PENSTOCK_OK) {
        return blame(sink, error);
    }
    if (sink->mapping->cell_count == 0) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: none of its columns goes to a cell",
                           sink->what);
        return ps_error_hint(error,
                             "name a column besides row key and timestamp: a row of HBase is its cells");
    }
    return PENSTOCK_OK;
}

static enum ps_hbase_durability durability_of(const char *name) {
    return strcmp(name, "skip_wal") == 0    ? PS_HBASE_SKIP_WAL
           : strcmp(name, "sync_wal") == 0  ? PS_HBASE_SYNC_WAL
           : strcmp(name, "fsync_wal") == 0 ? PS_HBASE_FSYNC_WAL
                                            : PS_HBASE_AS_TABLE;
}

static penstock_code prepare_puts(struct hbase_sink *sink, struct penstock_error *error) {
    sink->puts.setup = sink->setup;
    sink->puts.mapping = sink->mapping;
    sink->puts.client = sink->client;
    sink->puts.table = sink->table;
    sink->puts.durability = durability_of(sink->config->durability);
    sink->puts.deletes_nulls = strcmp(sink->config->on_null, "delete") == 0;
    sink->puts.size_max = (size_t)sink->config->batch_size;
    return ps_hbase_puts_init(&sink->puts, error);
}

/* What the mapping and the options cannot keep. */
static penstock_code check_promise(const struct hbase_sink *sink, struct penstock_error *error) {
    if (sink->setup->is_at_least_once) {
        return PENSTOCK_OK;
    }
    if (sink->mapping->timestamp == SIZE_MAX) {
        (void)ps_error_set(
            error, PENSTOCK_INVALID_PROJECT,
            "%s: exactly_once needs a column that is :timestamp, so that what is written again after"
            " a crash is the same cells",
            sink->what);
        return ps_error_hint(
            error,
            "mapping = '%s :timestamp', or delivery = 'at_least_once', with which the clock of"
            " HBase stamps the cells",
            sink->setup->column_count > 0 ? sink->setup->column_names[0] : "column");
    }
    if (sink->puts.durability == PS_HBASE_SKIP_WAL) {
        (void)ps_error_set(
            error, PENSTOCK_INVALID_PROJECT,
            "%s: durability = 'skip_wal' loses rows of finished epochs when a server of HBase dies,"
            " which is not exactly_once",
            sink->what);
        return ps_error_hint(error, "leave durability out, or say delivery = 'at_least_once'");
    }
    return PENSTOCK_OK;
}

static penstock_code open_client(struct hbase_sink *sink, struct penstock_error *error) {
    const struct ps_hbase_sink_config *const config = sink->config;
    struct ps_hbase_options options;
    PS_TRY(ps_hbase_login_options(&config->login, sink->setup->folder, sink->arena, &options, error));
    options.connect_ms = config->retry_ms < 10000 ? config->retry_ms : 10000;
    options.call_ms = config->retry_ms < 60000 ? config->retry_ms : 60000;
    options.retry_ms = config->retry_ms;
    if (ps_hbase_table_name(config->table, sink->arena, &sink->table, error) != PENSTOCK_OK ||
        ps_hbase_table_name(config->ledger_table, sink->arena, &sink->ledger.table, error) != PENSTOCK_OK ||
        ps_hbase_open(&options, &sink->client, error) != PENSTOCK_OK) {
        return blame(sink, error);
    }
    sink->ledger.client = sink->client;
    sink->ledger.setup = sink->setup;
    sink->ledger.what = sink->what;
    sink->ledger.target = sink->table;
    sink->ledger.replaces_other = strcmp(config->on_other_store, "replace") == 0;
    sink->ledger.patience_ms = config->retry_ms;
    return ps_hbase_ledger_init(&sink->ledger, error);
}

static penstock_code hbase_open(const struct ps_sink_setup *setup, const void *config, void **state_out,
                                struct penstock_error *error) {
    struct hbase_sink *sink PS_SCOPED(hbase_close_scoped) = ps_allocate(1, sizeof *sink);
    if (sink == NULL || (sink->arena = ps_arena_new(0)) == NULL) {
        return ps_error_memory(error, "a sink");
    }
    sink->setup = setup;
    sink->config = config;
    sink->what = ps_arena_printf(sink->arena, "sink %s", setup->name);
    if (sink->what == NULL) {
        return ps_error_memory(error, "a sink");
    }
    PS_TRY(open_client(sink, error));
    PS_TRY(make_mapping(sink, error));
    PS_TRY(prepare_puts(sink, error));
    PS_TRY(check_promise(sink, error));
    *state_out = ps_take(sink);
    return PENSTOCK_OK;
}

static penstock_code hbase_project(void *state, struct ps_arena *arena, struct ps_scan_column **columns_out,
                                   size_t *count_out, struct penstock_error *error) {
    const struct hbase_sink *sink = state;
    return ps_hbase_puts_project(&sink->puts, arena, columns_out, count_out, error);
}

/* --- recover: what is there --------------------------------------------------------------------------------- */

/* The families that the mapping writes, each once, in the arena. */
static penstock_code families_of(const struct hbase_sink *sink, struct ps_arena *arena,
                                 const char ***families_out, size_t *count_out,
                                 struct penstock_error *error) {
    const struct ps_hbase_mapping *const mapping = sink->mapping;
    const char **const families = ps_arena_allocate(arena, mapping->cell_count + 1, sizeof *families);
    size_t count = 0;
    for (size_t i = 0; families != NULL && i < mapping->cell_count; i++) {
        const struct ps_bytes family = mapping->cells[i].family;
        if (i > 0 && ps_bytes_equal(family, mapping->cells[i - 1].family)) {
            continue; /* cells are sorted */
        }
        families[count] = ps_arena_copy_size(arena, family.data, family.size);
        if (families[count++] == NULL) {
            return ps_error_memory(error, "a sink's families");
        }
    }
    *families_out = families;
    *count_out = count;
    return families != NULL ? PENSTOCK_OK : ps_error_memory(error, "a sink's families");
}

static penstock_code no_family(const struct hbase_sink *sink, const struct ps_hbase_table *table,
                               const char *family, struct ps_arena *arena, struct penstock_error *error) {
    const char **const names = ps_arena_allocate(arena, table->family_count + 1, sizeof *names);
    struct ps_buffer list PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&list, (size_t)1 << 20);
    for (size_t i = 0; names != NULL && i < table->family_count; i++) {
        const struct ps_bytes name = table->families[i].name;
        names[i] = ps_arena_copy_size(arena, name.data, name.size);
        ps_buffer_text(&list, i > 0 ? ", " : "");
        ps_buffer_add(&list, name.data, name.size);
        if (names[i] == NULL) {
            return ps_error_memory(error, "a table's families");
        }
    }
    (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "%s: table %s has no column family %s", sink->what,
                       sink->table, family);
    const char *const nearest = names != NULL ? ps_nearest(family, names) : NULL;
    return nearest != NULL ? ps_error_hint(error, "did you mean %s?", nearest)
                           : ps_error_hint(error, "it has: %s", list.data != NULL ? list.data : "none");
}

/* A table may say that its puts leave the log out. */
static penstock_code check_durability(const struct hbase_sink *sink, const struct ps_hbase_table *table,
                                      struct penstock_error *error) {
    for (size_t i = 0; i < table->attribute_count; i++) {
        const struct ps_bytes value = table->attributes[i].value;
        if (!ps_bytes_equal(table->attributes[i].name, PS_BYTES("DURABILITY")) ||
            (!ps_bytes_equal(value, PS_BYTES("SKIP_WAL")) && !ps_bytes_equal(value, PS_BYTES("ASYNC_WAL")))) {
            continue;
        }
        if (sink->setup->is_at_least_once || sink->puts.durability != PS_HBASE_AS_TABLE) {
            continue;
        }
        (void)ps_error_set(
            error, PENSTOCK_INVALID_PROJECT,
            "%s: table %s has DURABILITY %.*s, with which rows of finished epochs are lost when a"
            " server of HBase dies",
            sink->what, sink->table, (int)value.size, value.data);
        return ps_error_hint(error, "say durability = 'sync_wal'");
    }
    return PENSTOCK_OK;
}

static penstock_code check_table(const struct hbase_sink *sink, struct ps_arena *arena,
                                 struct penstock_error *error) {
    struct ps_hbase_table table = {.name = NULL};
    const char **families = NULL;
    size_t count = 0;
    PS_TRY(families_of(sink, arena, &families, &count, error));
    bool is_described = false;
    penstock_code code = ps_hbase_look(sink->client, sink->table, arena, &table, &is_described, error);
    if (code == PENSTOCK_NOT_FOUND && sink->config->creates_table) {
        code = ps_hbase_create_table(sink->client, sink->table, families, count, 1, NULL, 0, error);
        if (code == PENSTOCK_OK || code == PENSTOCK_ALREADY_EXISTS) {
            code = ps_hbase_look(sink->client, sink->table, arena, &table, &is_described, error);
        }
    }
    if (code != PENSTOCK_OK) {
        return ps_error_context(error, "%s", sink->what);
    }
    for (size_t i = 0; i < count && is_described; i++) { /* else a put will tell */
        bool is_there = false;
        for (size_t j = 0; j < table.family_count; j++) {
            is_there = is_there || ps_bytes_equal(table.families[j].name, ps_bytes_of(families[i]));
        }
        if (!is_there) {
            return no_family(sink, &table, families[i], arena, error);
        }
    }
    return check_durability(sink, &table, error);
}

static penstock_code hbase_recover(void *state, int64_t attempt, struct ps_epoch *epoch_out,
                                   struct ps_position_list *positions_out, struct penstock_error *error) {
    struct hbase_sink *sink = state;
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_hbase_entry entry = {.epoch = 0};
    if (arena == NULL) {
        return ps_error_memory(error, "a table of HBase");
    }
    ps_hbase_puts_clear(&sink->puts);
    PS_TRY(check_table(sink, arena, error));
    PS_TRY(ps_hbase_ledger_open(&sink->ledger, sink->config->creates_ledger, arena, error));
    PS_TRY(ps_hbase_ledger_claim(&sink->ledger, attempt, &entry, positions_out, error));
    *epoch_out = (struct ps_epoch){entry.epoch, entry.epoch > 0 ? entry.attempt : 0};
    return PENSTOCK_OK;
}

/* --- an epoch ----------------------------------------------------------------------------------------------- */

static penstock_code hbase_begin(void *state, struct ps_epoch epoch, struct penstock_error *error) {
    struct hbase_sink *sink = state;
    struct ps_hbase_entry entry;
    ps_hbase_puts_clear(&sink->puts);
    PS_TRY(ps_hbase_ledger_check(&sink->ledger, epoch.attempt, &entry, error)); /* before a cell is written */
    sink->has_epoch = entry.epoch >= epoch.number;
    return PENSTOCK_OK;
}

static penstock_code hbase_write(void *state, const struct ps_batch *batch, struct penstock_error *error) {
    struct hbase_sink *sink = state;
    return sink->has_epoch ? PENSTOCK_OK : ps_hbase_puts_write(&sink->puts, batch, error);
}

static penstock_code hbase_commit(void *state, struct ps_epoch epoch,
                                  const struct ps_position_list *positions, struct penstock_error *error) {
    struct hbase_sink *sink = state;
    if (sink->has_epoch) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_hbase_puts_flush(&sink->puts, error));
    return ps_hbase_ledger_move(&sink->ledger, epoch, positions, error);
}

static penstock_code hbase_discard(void *state, struct penstock_error *error) {
    struct hbase_sink *sink = state;
    (void)error;
    ps_hbase_puts_clear(&sink->puts); /* what was sent is written once more by the replay */
    return PENSTOCK_OK;
}

const struct ps_sink_type ps_sink_hbase = {
    .name = "hbase",
    .summary = "a table of HBase: puts that can be repeated, and a position that is moved last",
    .options = hbase_options,
    .config_size = sizeof(struct ps_hbase_sink_config),
    .encodes = hbase_encodes,
    .is_remote = true,
    .delivery = PS_DELIVERY_WRITE_ONCE,
    .open = hbase_open,
    .project = hbase_project,
    .recover = hbase_recover,
    .begin = hbase_begin,
    .write = hbase_write,
    .commit = hbase_commit,
    .discard = hbase_discard,
    .close = hbase_close,
};
