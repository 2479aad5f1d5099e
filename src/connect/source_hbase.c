/* SPDX-License-Identifier: Apache-2.0
 *
 * source_hbase.c - tables of HBase as a source: its options and its row of the connector table.
 *
 * HBase keeps no log of changes, so a source finds what is new by the timestamps of cells: what the files of this
 * connector do about it is in hbase_source.h. What was read may not be there again, because a cell is overwritten or
 * ages out; so the source is fleeting: its planned slices carry their records, and are read from there.
 */
#include "connect/source_hbase.h"

#include "base/clock.h"
#include "connect/hbase_source.h"
#include "connect/settings.h"

#define DAY_MS 86400000

static const struct ps_option hbase_options[] = {
    PS_HBASE_LOGIN_OPTIONS(offsetof(struct ps_hbase_source_config, login)),
    {.name = "table",
     .type = PS_OPTION_TEXT,
     .is_required = true,
     .offset = offsetof(struct ps_hbase_source_config, table),
     .help = "the table to read, 'namespace:table' or 'table'",
     .since = "0.2"},
    {.name = "family",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_hbase_source_config, family),
     .help = "the column family of columns that mapping does not name: column c is family:c",
     .since = "0.2"},
    {.name = "mapping",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_hbase_source_config, mapping),
     .help = "where columns are, with their encoding: 'speed f:v double, seen f:v@timestamp, k :key'",
     .since = "0.2"},
    {.name = "rowkey",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_hbase_source_config, rowkey),
     .help = "the parts of the row key: 'sensor:8 seen:8:reversed'",
     .since = "0.2"},
    {.name = "scan.startrow",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_hbase_source_config, start_row),
     .help = "the first row key that is read, as HBase's shell shows it: 'r\\x00'",
     .since = "0.2"},
    {.name = "scan.stoprow",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_hbase_source_config, stop_row),
     .help = "the first row key behind it that is not read",
     .since = "0.2"},
    {.name = "scan.timerange",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_hbase_source_config, time_range),
     .help =
         "cells from one timestamp to before another: '2026-01-31 12:00:00,' (UTC) or milliseconds; either may "
         "be left out",
     .since = "0.2"},
    {.name = "scan.filter",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_hbase_source_config, filter),
     .help =
         "a condition on the columns that HBase looks at: rows that do not pass are not read; 'speed > 10 AND lane "
         "= 2'",
     .since = "0.2"},
    {.name = "scan.pushdown",
     .type = PS_OPTION_BOOLEAN,
     .default_text = "true",
     .offset = offsetof(struct ps_hbase_source_config, pushes_down),
     .help = "false: all rows and columns are read, also those that no statement can use (penstock explain)",
     .since = "0.2"},
    {.name = "scan.versions",
     .type = PS_OPTION_TEXT,
     .default_text = "1",
     .offset = offsetof(struct ps_hbase_source_config, versions),
     .help =
         "1: a row is a record; n or 'all': so many versions of a cell, each timestamp of a row is a record",
     .since = "0.2"},
    {.name = "scan.mode",
     .type = PS_OPTION_CHOICE,
     .default_text = "incremental",
     .choices = "incremental|snapshot",
     .offset = offsetof(struct ps_hbase_source_config, mode),
     .help =
         "what is there and then new cells as they come, or what is there at the first start and nothing more",
     .since = "0.2"},
    {.name = "scan.overlap",
     .type = PS_OPTION_DURATION,
     .default_text = "10 s",
     .value_max = DAY_MS,
     .offset = offsetof(struct ps_hbase_source_config, overlap_ms),
     .help = "how much later than its timestamp says a cell may become visible: clocks, puts under way",
     .since = "0.2"},
    {.name = "scan.interval",
     .type = PS_OPTION_DURATION,
     .default_text = "1 s",
     .value_min = 10,
     .value_max = DAY_MS,
     .offset = offsetof(struct ps_hbase_source_config, interval_ms),
     .help = "how often a running stream looks for new cells",
     .since = "0.2"},
    {.name = "caching",
     .type = PS_OPTION_INTEGER,
     .default_text = "100000",
     .value_min = 1,
     .value_max = 1000000,
     .offset = offsetof(struct ps_hbase_source_config, caching),
     .help = "rows that a server sends at once, as far as they fit into 4 MiB",
     .since = "0.2"},
    {.name = "connect.timeout",
     .type = PS_OPTION_DURATION,
     .default_text = "10 s",
     .value_min = 100,
     .value_max = DAY_MS,
     .offset = offsetof(struct ps_hbase_source_config, connect_ms),
     .help = "how long a server may take to accept a connection",
     .since = "0.2"},
    {.name = "call.timeout",
     .type = PS_OPTION_DURATION,
     .default_text = "60 s",
     .value_min = 100,
     .value_max = DAY_MS,
     .offset = offsetof(struct ps_hbase_source_config, call_ms),
     .help = "how long a server may take to answer",
     .since = "0.2"},
    {.name = "retry.timeout",
     .type = PS_OPTION_DURATION,
     .default_text = "30 s",
     .value_min = 100,
     .value_max = DAY_MS,
     .offset = offsetof(struct ps_hbase_source_config, retry_ms),
     .help =
         "how long a scan tries again by itself (regions that move, servers that restart) before the run waits",
     .since = "0.2"},
    {.name = "frame.max",
     .type = PS_OPTION_SIZE,
     .default_text = "256m",
     .value_min = 1 << 16,
     .value_max = 2147483647,
     .offset = offsetof(struct ps_hbase_source_config, frame_size_max),
     .help = "the largest answer of a server that is taken: a row must fit into it",
     .since = "0.2"},
    {.name = NULL},
};

static const char *const hbase_encodes[] = {"cells", NULL};

/* --- the statement -------------------------------------------------------------------------------------------- */

static const char *given(const char *text) {
    return text != NULL && text[0] != '\0' ? text : NULL;
}

static penstock_code hbase_configure(const struct ps_source_setup *setup, const void *config_given,
                                     struct ps_arena *arena, const void **codec_config_out,
                                     struct penstock_error *error) {
    const struct ps_hbase_source_config *const config = config_given;
    const struct ps_source_statement *const statement = setup->statement;
    const struct ps_hbase_mapping_words words = {
        .mapping = given(config->mapping),
        .rowkey = given(config->rowkey),
        .family = given(config->family),
        .key = statement->primary_key_count == 1 ? statement->schema.columns[statement->primary_key[0]].name
                                                 : NULL};
    struct ps_hbase_mapping *mapping = NULL;
    struct ps_hbase_words understood;
    struct ps_schema *const schema = ps_arena_allocate(arena, 1, sizeof *schema); /* the setup may be moved */
    if (schema == NULL) {
        return ps_error_memory(error, "a source");
    }
    *schema = setup->codec_schema;
    penstock_code code = ps_hbase_mapping_new(&words, schema, false, arena, &mapping, error);
    if (code == PENSTOCK_OK) {
        code = ps_hbase_words_read(setup, config, mapping, arena, &understood, error);
    }
    if (code != PENSTOCK_OK) {
        return ps_error_context(error, "source %s", setup->name);
    }
    *codec_config_out = mapping;
    return PENSTOCK_OK;
}

/* --- open and close ------------------------------------------------------------------------------------------- */

static void hbase_close(void *state) {
    struct ps_hbase_source *const source = state;
    if (source == NULL) {
        return;
    }
    ps_hbase_source_forget_parts(source);
    ps_hbase_close(source->client);
    ps_release(source->slices);
    ps_release(source->cells);
    ps_arena_free(source->arena);
    ps_release(source);
}

static void hbase_close_scoped(struct ps_hbase_source **source) {
    hbase_close(*source);
}

/* Touches no server. */
static penstock_code hbase_open(const struct ps_source_setup *setup, const void *config, void **state_out,
                                struct penstock_error *error) {
    struct ps_hbase_source *source PS_SCOPED(hbase_close_scoped) = ps_allocate(1, sizeof *source);
    if (source == NULL || (source->arena = ps_arena_new(0)) == NULL) {
        return ps_error_memory(error, "a source");
    }
    source->setup = setup;
    source->config = config;
    PS_TRY(ps_hbase_words_read(setup, config, setup->codec_config, source->arena, &source->words, error));
    PS_TRY(ps_hbase_source_connect(source, NULL, error));
    *state_out = ps_take(source);
    return PENSTOCK_OK;
}

penstock_code ps_hbase_source_connect(struct ps_hbase_source *source, const struct ps_stop *stop,
                                      struct penstock_error *error) {
    const struct ps_hbase_source_config *const config = source->config;
    if (source->client != NULL && source->client_stop == stop) {
        return PENSTOCK_OK;
    }
    for (size_t i = 0; i < source->part_count; i++) {
        ps_hbase_source_close_scan(&source->parts[i]);
    }
    ps_hbase_close(source->client);
    source->client = NULL;
    source->client_stop = stop;
    struct ps_hbase_options options;
    PS_TRY(ps_hbase_login_options(&config->login, source->setup->folder, source->arena, &options, error));
    options.connect_ms = config->connect_ms;
    options.call_ms = config->call_ms;
    options.retry_ms = config->retry_ms;
    options.frame_size_max = (size_t)config->frame_size_max;
    options.stop = stop;
    return ps_hbase_open(&options, &source->client, error);
}

static penstock_code hbase_explain(const struct ps_source_setup *setup, const void *config,
                                   struct ps_arena *arena, struct ps_pushed *pushed_out,
                                   struct penstock_error *error) {
    const struct ps_hbase_source_config *const given_config = config;
    struct ps_hbase_words words;
    PS_TRY(ps_hbase_words_read(setup, config, setup->codec_config, arena, &words, error));
    *pushed_out = words.pushdown->shown;
    if (!given_config->pushes_down) {
        pushed_out->why_all_columns = pushed_out->why_all_rows = "scan.pushdown is false";
    }
    return PENSTOCK_OK;
}

/* An address that is none is found without a server. */
static penstock_code hbase_check(const struct ps_source_setup *setup, const void *config,
                                 struct penstock_error *error) {
    const struct ps_source_statement *const statement = setup->statement;
    void *source = NULL;
    const penstock_code code = hbase_open(setup, config, &source, error);
    hbase_close(source);
    if (code != PENSTOCK_INVALID_ARGUMENT) {
        return code;
    }
    (void)ps_error_context(error, "source %s", setup->name);
    return ps_settings_blame(
        error, statement->setting_count > 0 ? statement->settings[0].location : (struct ps_location){0},
        PENSTOCK_INVALID_PROJECT);
}

/* --- positions -------------------------------------------------------------------------------------------------- */

static penstock_code hbase_seek(void *state, const struct ps_position_list *positions,
                                struct penstock_error *error) {
    struct ps_hbase_source *const source = state;
    source->is_lost = false;
    source->told_ns = ps_clock_monotonic_ns();
    const penstock_code code =
        ps_hbase_source_refuse(source, ps_hbase_source_layout(source, positions, error), error);
    if (code != PENSTOCK_OK) {
        ps_hbase_source_forget_parts(source);
        return ps_error_context(error, "source %s", source->setup->name);
    }
    return code;
}

static penstock_code hbase_plan(void *state, const struct ps_epoch_limits *limits, struct ps_range *range,
                                struct penstock_error *error) {
    return ps_hbase_source_plan(state, limits, range, error);
}

static penstock_code hbase_read(void *state, const struct ps_slice *slice, struct ps_raw *raw_out,
                                struct penstock_error *error) {
    (void)state;
    return ps_hbase_read_kept(slice, raw_out, error);
}

/* The beginning alone is a place: the same key ranges, in which no pass has begun. */
static penstock_code hbase_locate(void *state, enum ps_place place, int64_t time_ms,
                                  struct ps_position_list *found_out, struct penstock_error *error) {
    const struct ps_hbase_source *const source = state;
    (void)time_ms;
    if (place != PS_PLACE_EARLIEST) {
        (void)ps_error_set(error, PENSTOCK_UNSUPPORTED, "a table of HBase has no such place");
        return ps_error_hint(error, "--to earliest reads it once more from the beginning");
    }
    for (size_t i = 0; i < source->part_count; i++) {
        const struct ps_hbase_part *const part = &source->parts[i];
        struct ps_buffer text PS_SCOPED(ps_buffer_done) = {.data = NULL};
        const struct ps_hbase_stand first = {
            .start = part->stand.start, .stop = part->stand.stop, .pass = -1};
        ps_buffer_init(&text, (size_t)1 << 20);
        ps_hbase_stand_write(&first, &text);
        PS_TRY(ps_buffer_status(&text, error));
        const struct ps_position position = {.partition = {part->name, part->ordinal}, .state = text.data};
        PS_TRY(ps_position_list_set(found_out, &position, error));
    }
    return PENSTOCK_OK;
}

const struct ps_source_type ps_source_hbase = {
    .name = "hbase",
    .summary = "tables of HBase: all of their rows, and then new cells by their timestamps",
    .options = hbase_options,
    .config_size = sizeof(struct ps_hbase_source_config),
    .encodes = hbase_encodes,
    .is_sparse = true,
    .is_remote = true,
    .is_fleeting = true,
    .codec = &ps_codec_cells,
    .configure = hbase_configure,
    .explain = hbase_explain,
    .check = hbase_check,
    .open = hbase_open,
    .seek = hbase_seek,
    .plan = hbase_plan,
    .read = hbase_read,
    .close = hbase_close,
    .locate = hbase_locate,
};
