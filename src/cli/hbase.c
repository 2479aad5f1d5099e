/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase.c - `penstock hbase tables`, `describe`, `scan` and `get`: a look around in HBase, where there is no shell.
 *
 * Row keys, column names and values are shown as HBase's shell shows them, and read in the same spelling.
 */
#include "cli/command.h"

#include <inttypes.h>
#include <stdio.h>

#include "hbase/admin.h"
#include "hbase/get.h"
#include "hbase/scan.h"

#define MASTERS_VARIABLE "PENSTOCK_HBASE_MASTERS"
/* Of a shown cell; what is longer is an error of memory rather than of a screen. */
#define SHOWN_SIZE_MAX ((size_t)1 << 30)

struct hbase_values {
    const char *masters, *user, *start_row, *stop_row, *columns, *time_range;
    const char *authentication, *principal, *master_principal, *keytab, *user_principal, *protection;
    int64_t timeout_ms, limit, versions, frame_size_max;
};

#define CONNECTION_TEXT(option_name, member, value, text) \
    { \
        .row = {.name = option_name, \
                .type = PS_OPTION_TEXT, \
                .offset = offsetof(struct hbase_values, member), \
                .help = text, \
                .since = "0.2"}, \
        .value_name = value \
    }
#define CONNECTION_OPTIONS \
    {.row = {.name = "masters", \
             .type = PS_OPTION_TEXT, \
             .offset = offsetof(struct hbase_values, masters), \
             .help = "the masters, with commas; else $" MASTERS_VARIABLE ", else " PS_HBASE_MASTERS_DEFAULT, \
             .since = "0.2"}, \
     .value_name = "HOST:PORT"}, \
        {.row = {.name = "user", \
                 .type = PS_OPTION_TEXT, \
                 .offset = offsetof(struct hbase_values, user), \
                 .help = "who to be for HBase; else the one who runs penstock, or the Kerberos principal", \
                 .since = "0.2"}, \
         .value_name = "NAME"}, \
        {.row = {.name = "authentication", \
                 .type = PS_OPTION_CHOICE, \
                 .choices = "simple|kerberos", \
                 .default_text = "simple", \
                 .offset = offsetof(struct hbase_values, authentication), \
                 .help = "as the servers' hbase.security.authentication", \
                 .since = "0.2"}}, \
        CONNECTION_TEXT("principal", principal, "PRINCIPAL", \
                        "of the region servers (hbase.regionserver.kerberos.principal); else hbase/_HOST"), \
        CONNECTION_TEXT("master-principal", master_principal, "PRINCIPAL", \
                        "of the masters (hbase.master.kerberos.principal); else as --principal"), \
        CONNECTION_TEXT("keytab", keytab, "FILE", \
                        "log in with it (hbase.client.keytab.file); else the tickets of kinit"), \
        CONNECTION_TEXT("user-principal", user_principal, "PRINCIPAL", \
                        "who to be for Kerberos (hbase.client.keytab.principal); else the keytab's first"), \
        CONNECTION_TEXT("protection", protection, "NAMES", \
                        "authentication, integrity or privacy (hbase.rpc.protection); else the strongest"), \
    { \
        .row = {.name = "timeout", \
                .type = PS_OPTION_DURATION, \
                .default_text = "20 s", \
                .value_min = 100, \
                .value_max = 86400000, \
                .offset = offsetof(struct hbase_values, timeout_ms), \
                .help = "how long to try, and to wait for an answer", \
                .since = "0.2"}, \
        .value_name = "DURATION" \
    }
#define FRAME_OPTION \
    { \
        .row = {.name = "frame-max", \
                .type = PS_OPTION_SIZE, \
                .default_text = "256m", \
                .value_min = 1 << 16, \
                .value_max = INT32_MAX, \
                .offset = offsetof(struct hbase_values, frame_size_max), \
                .help = "the largest answer of a server that is taken: a row must fit into it", \
                .since = "0.2"}, \
        .value_name = "SIZE" \
    }
#define CELL_OPTIONS \
    {.row = {.name = "columns", \
             .type = PS_OPTION_TEXT, \
             .offset = offsetof(struct hbase_values, columns), \
             .help = "only these families and columns", \
             .since = "0.2"}, \
     .value_name = "f:q,f"}, \
        {.row = {.name = "versions", \
                 .type = PS_OPTION_INTEGER, \
                 .default_text = "1", \
                 .value_min = 1, \
                 .value_max = INT32_MAX, \
                 .offset = offsetof(struct hbase_values, versions), \
                 .help = "versions of each column, the newest first", \
                 .since = "0.2"}, \
         .value_name = "N"}, \
    { \
        .row = {.name = "time-range", \
                .type = PS_OPTION_TEXT, \
                .offset = offsetof(struct hbase_values, time_range), \
                .help = "only cells with A <= timestamp < B, in ms since 1970", \
                .since = "0.2"}, \
        .value_name = "A,B" \
    }

static const struct ps_cli_option look_options[] = {CONNECTION_OPTIONS, {.row = {.name = NULL}}};
static const struct ps_cli_option get_options[] = {
    CELL_OPTIONS, FRAME_OPTION, CONNECTION_OPTIONS, {.row = {.name = NULL}}};
static const struct ps_cli_option scan_options[] = {
    {.row = {.name = "limit",
             .type = PS_OPTION_INTEGER,
             .default_text = "100",
             .value_min = 1,
             .value_max = 1e9,
             .offset = offsetof(struct hbase_values, limit),
             .help = "at most this many rows",
             .since = "0.2"},
     .value_name = "N"},
    {.row = {.name = "start-row",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct hbase_values, start_row),
             .help = "the first row key",
             .since = "0.2"},
     .value_name = "ROW"},
    {.row = {.name = "stop-row",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct hbase_values, stop_row),
             .help = "the row key to stop in front of",
             .since = "0.2"},
     .value_name = "ROW"},
    CELL_OPTIONS,
    FRAME_OPTION,
    CONNECTION_OPTIONS,
    {.row = {.name = NULL}},
};

static penstock_code open_client(const struct ps_cli *cli, struct ps_hbase **client_out,
                                 struct penstock_error *error) {
    const struct hbase_values *const values = cli->values;
    const struct ps_hbase_options options = {
        .masters = values->masters == NULL ? getenv(MASTERS_VARIABLE) : values->masters,
        .user = values->user,
        .authentication = values->authentication,
        .service_principal = values->principal,
        .master_principal = values->master_principal,
        .keytab = values->keytab,
        .client_principal = values->user_principal,
        .protection = values->protection,
        .connect_ms = values->timeout_ms < 10000 ? values->timeout_ms : 10000,
        .call_ms = values->timeout_ms,
        .retry_ms = values->timeout_ms,
        .frame_size_max = (size_t)values->frame_size_max};
    return ps_hbase_open(&options, client_out, error);
}

/* "t" as it is called, and known to be there: a misspelt name gets the nearest. */
static penstock_code find_table(const struct ps_cli *cli, struct ps_hbase *client,
                                struct ps_hbase_table *table_out, struct penstock_error *error) {
    const char *name = NULL;
    PS_TRY(ps_hbase_table_name(cli->arguments[0], cli->arena, &name, error));
    if (strncmp(name, "hbase:", 6) == 0) { /* HBase's own are not listed */
        *table_out = (struct ps_hbase_table){.name = name};
        return PENSTOCK_OK;
    }
    bool is_described = false; /* what it is made of may not be shown: then no family is checked here */
    struct ps_hbase_table table = {.name = name};
    PS_TRY(ps_hbase_look(client, name, cli->arena, &table, &is_described, error));
    *table_out = table;
    return PENSTOCK_OK;
}

/* What was opened here, and what it is needed for. */
struct look {
    struct ps_hbase *client;
    struct ps_hbase_table table;
    struct ps_hbase_column *columns;
    size_t column_count;
    int64_t time_min, time_max;
};

static void look_done(struct look *look) {
    ps_hbase_close(look->client);
}

static penstock_code check_family(const struct look *look, struct ps_bytes family, const struct ps_cli *cli,
                                  struct penstock_error *error) {
    const char **const names = ps_arena_allocate(cli->arena, look->table.family_count + 1, sizeof *names);
    const char *const written = ps_arena_copy_size(cli->arena, family.data, family.size);
    if (names == NULL || written == NULL) {
        return ps_error_memory(error, "columns");
    }
    for (size_t i = 0; i < look->table.family_count; i++) {
        const struct ps_bytes name = look->table.families[i].name;
        names[i] = ps_arena_copy_size(cli->arena, name.data, name.size);
        if (names[i] == NULL || ps_bytes_equal(name, family)) {
            return names[i] == NULL ? ps_error_memory(error, "columns") : PENSTOCK_OK;
        }
    }
    if (look->table.family_count == 0) { /* not known */
        return PENSTOCK_OK;
    }
    const char *const nearest = ps_nearest(written, names);
    (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "HBase's table %s has no column family \"%s\"",
                       look->table.name, written);
    return nearest == NULL
               ? ps_error_hint(error, "penstock hbase describe %s shows its families", look->table.name)
               : ps_error_hint(error, "did you mean \"%s\"?", nearest);
}

/* "f:q,f" */
static penstock_code parse_columns(const struct ps_cli *cli, struct look *look,
                                   struct penstock_error *error) {
    const struct hbase_values *const values = cli->values;
    const char *at = values->columns == NULL ? "" : values->columns;
    look->columns = ps_arena_allocate(cli->arena, strlen(at) + 1, sizeof *look->columns);
    if (look->columns == NULL) {
        return ps_error_memory(error, "columns");
    }
    while (*at != '\0') {
        const size_t size = strcspn(at, ",");
        const char *const part = ps_arena_copy_size(cli->arena, at, size);
        struct ps_hbase_column *const column = &look->columns[look->column_count++];
        struct ps_bytes bytes;
        if (part == NULL) {
            return ps_error_memory(error, "columns");
        }
        PS_TRY(ps_hbase_spell(part, cli->arena, &bytes, error));
        const char *const colon = memchr(bytes.data, ':', bytes.size);
        column->is_family = colon == NULL;
        column->family =
            (struct ps_bytes){bytes.data, colon == NULL ? bytes.size : (size_t)(colon - bytes.data)};
        column->qualifier =
            colon == NULL ? PS_BYTES("") : (struct ps_bytes){colon + 1, bytes.size - column->family.size - 1};
        if (column->family.size == 0) {
            return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT,
                                "--columns \"%s\": write family:qualifier or family, with commas",
                                values->columns);
        }
        PS_TRY(check_family(look, column->family, cli, error));
        at += size + (at[size] == ',' ? 1 : 0);
    }
    return PENSTOCK_OK;
}

static penstock_code parse_time_range(const struct ps_cli *cli, struct look *look,
                                      struct penstock_error *error) {
    const char *const text = ((const struct hbase_values *)cli->values)->time_range;
    if (text == NULL) {
        return PENSTOCK_OK;
    }
    const char *const comma = strchr(text, ',');
    const char *const first =
        comma == NULL ? NULL : ps_arena_copy_size(cli->arena, text, (size_t)(comma - text));
    if (first == NULL || !ps_parse_integer(first, &look->time_min) ||
        !ps_parse_integer(comma + 1, &look->time_max) || look->time_min < 0 ||
        look->time_max <= look->time_min) {
        return ps_error_set(
            error, PENSTOCK_INVALID_ARGUMENT,
            "--time-range \"%s\": write two timestamps in ms, the first one smaller: 1000,2000", text);
    }
    return PENSTOCK_OK;
}

static penstock_code open_look(const struct ps_cli *cli, struct look *look, struct penstock_error *error) {
    PS_TRY(open_client(cli, &look->client, error));
    PS_TRY(find_table(cli, look->client, &look->table, error));
    PS_TRY(parse_columns(cli, look, error));
    return parse_time_range(cli, look, error);
}

/* Bytes in the shell's spelling, in the arena. */
static const char *show(struct ps_arena *arena, struct ps_bytes bytes) {
    struct ps_buffer shown PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&shown, SHOWN_SIZE_MAX);
    ps_hbase_show(&shown, bytes);
    return shown.failed ? NULL : shown.size == 0 ? "" : ps_arena_copy_size(arena, shown.data, shown.size);
}

/* --- tables, describe ---------------------------------------------------------------------------------------- */

static penstock_code run_tables(struct ps_cli *cli, struct penstock_error *error) {
    static const char *const names[] = {"table", "families", "regions"};
    static const char *const types[] = {"VARCHAR", "VARCHAR", "BIGINT"};
    struct ps_hbase *client PS_SCOPED(ps_hbase_close_scoped) = NULL;
    struct ps_hbase_table *tables = NULL;
    size_t count = 0;
    PS_TRY(open_client(cli, &client, error));
    PS_TRY(ps_hbase_tables(client, cli->arena, &tables, &count, error));
    struct ps_text_table *const shown = ps_table_new(cli->arena, 3, names, types);
    for (size_t i = 0; i < count && shown != NULL; i++) {
        struct ps_buffer families PS_SCOPED(ps_buffer_done) = {.data = NULL};
        struct ps_hbase_region *regions = NULL;
        size_t region_count = 0;
        char text[32];
        ps_buffer_init(&families, SHOWN_SIZE_MAX);
        for (size_t k = 0; k < tables[i].family_count; k++) {
            ps_buffer_text(&families, k == 0 ? "" : ", ");
            ps_hbase_show(&families, tables[i].families[k].name);
        }
        /* a table that is made or dropped at this moment has a name and no whole list of regions */
        const penstock_code code =
            ps_hbase_regions(client, tables[i].name, cli->arena, &regions, &region_count, error);
        snprintf(text, sizeof text, "%zu", region_count);
        const char *const cells[] = {tables[i].name, families.data, code == PENSTOCK_OK ? text : NULL};
        if (families.failed || !ps_table_add(shown, cells)) {
            return ps_error_memory(error, "the tables of HBase");
        }
    }
    if (shown == NULL) {
        return ps_error_memory(error, "the tables of HBase");
    }
    ps_cli_print_table(cli, shown);
    return PENSTOCK_OK;
}

const struct ps_command ps_command_hbase_tables = {
    .name = "hbase tables",
    .summary = "the tables of an HBase, their families, the number of their regions",
    .options = look_options,
    .values_size = sizeof(struct hbase_values),
    .details = "Asks the masters; neither ZooKeeper nor Java is needed. HBase's own tables are left out.",
    .examples = "penstock hbase tables --masters master1:16000,master2:16000\n"
                "kinit alice@EXAMPLE.COM && penstock hbase tables --authentication kerberos "
                "--principal hbase/_HOST@EXAMPLE.COM",
    .run = run_tables,
};

/* A family's attributes, or a region's bounds and server: kind, name, and what there is to say. */
static bool add_line(struct ps_cli *cli, struct ps_text_table *shown, const char *kind, struct ps_bytes name,
                     const char *what, const char *value) {
    const char *const cells[] = {kind, show(cli->arena, name), what, value};
    return ps_table_add(shown, cells);
}

static bool add_attributes(struct ps_cli *cli, struct ps_text_table *shown, const char *kind,
                           struct ps_bytes name, const struct ps_hbase_attribute *attributes, size_t count) {
    bool is_whole = true;
    for (size_t i = 0; i < count; i++) {
        is_whole = is_whole && add_line(cli, shown, kind, name, show(cli->arena, attributes[i].name),
                                        show(cli->arena, attributes[i].value));
    }
    return is_whole;
}

static bool add_regions(struct ps_cli *cli, struct ps_text_table *shown,
                        const struct ps_hbase_region *regions, size_t count) {
    bool is_whole = true;
    for (size_t i = 0; i < count; i++) {
        char server[PS_HBASE_HOST_SIZE + 8] = "";
        if (regions[i].server.port != 0) {
            snprintf(server, sizeof server, "%s:%u", regions[i].server.host,
                     (unsigned)regions[i].server.port);
        }
        is_whole =
            is_whole &&
            add_line(cli, shown, "region", regions[i].name, "start key",
                     show(cli->arena, regions[i].start_key)) &&
            add_line(cli, shown, "region", regions[i].name, "end key",
                     show(cli->arena, regions[i].end_key)) &&
            add_line(cli, shown, "region", regions[i].name, "server", server[0] == '\0' ? NULL : server);
    }
    return is_whole;
}

static penstock_code run_describe(struct ps_cli *cli, struct penstock_error *error) {
    static const char *const names[] = {"kind", "name", "attribute", "value"};
    struct look look PS_SCOPED(look_done) = {.client = NULL};
    struct ps_hbase_region *regions = NULL;
    size_t region_count = 0;
    PS_TRY(open_look(cli, &look, error));
    PS_TRY(ps_hbase_regions(look.client, look.table.name, cli->arena, &regions, &region_count, error));
    struct ps_text_table *const shown = ps_table_new(cli->arena, 4, names, NULL);
    bool is_whole = shown != NULL && add_attributes(cli, shown, "table", ps_bytes_of(look.table.name),
                                                    look.table.attributes, look.table.attribute_count);
    for (size_t i = 0; i < look.table.family_count && is_whole; i++) {
        const struct ps_hbase_family *const family = &look.table.families[i];
        is_whole =
            add_attributes(cli, shown, "family", family->name, family->attributes, family->attribute_count);
    }
    if (!is_whole || !add_regions(cli, shown, regions, region_count)) {
        return ps_error_memory(error, "a table of HBase");
    }
    ps_cli_print_table(cli, shown);
    return PENSTOCK_OK;
}

const struct ps_command ps_command_hbase_describe = {
    .name = "hbase describe",
    .summary = "a table of HBase: attributes, families, regions with their keys and servers",
    .arguments = "TABLE",
    .argument_count_min = 1,
    .argument_count_max = 1,
    .options = look_options,
    .values_size = sizeof(struct hbase_values),
    .details = "TABLE is a name in the namespace default, or namespace:name.",
    .examples = "penstock hbase describe sensors:readings",
    .run = run_describe,
};

/* --- scan, get ----------------------------------------------------------------------------------------------- */

static const char *const cell_names[] = {"row", "column", "timestamp", "value"};
static const char *const cell_types[] = {"VARCHAR", "VARCHAR", "BIGINT", "VARCHAR"};

static penstock_code add_row(struct ps_cli *cli, struct ps_text_table *shown, const struct ps_hbase_row *row,
                             struct penstock_error *error) {
    const char *const key = show(cli->arena, row->key);
    for (size_t i = 0; i < row->cell_count; i++) {
        const struct ps_hbase_cell *const cell = &row->cells[i];
        struct ps_buffer column PS_SCOPED(ps_buffer_done) = {.data = NULL};
        char timestamp[32];
        ps_buffer_init(&column, SHOWN_SIZE_MAX);
        ps_hbase_show(&column, cell->family);
        ps_buffer_text(&column, ":");
        ps_hbase_show(&column, cell->qualifier);
        snprintf(timestamp, sizeof timestamp, "%" PRId64, cell->timestamp);
        const char *const value = show(cli->arena, cell->value);
        const char *const cells[] = {key, column.data, timestamp, value};
        if (key == NULL || value == NULL || column.failed || !ps_table_add(shown, cells)) {
            (void)ps_error_memory(error, "the rows of a table of HBase");
            return ps_error_hint(error, "take fewer with --limit");
        }
    }
    return PENSTOCK_OK;
}

static penstock_code run_scan(struct ps_cli *cli, struct penstock_error *error) {
    const struct hbase_values *const values = cli->values;
    struct look look PS_SCOPED(look_done) = {.client = NULL};
    struct ps_hbase_scan *scan PS_SCOPED(ps_hbase_scan_close_scoped) = NULL;
    PS_TRY(open_look(cli, &look, error));
    struct ps_hbase_scan_options options = {.table = look.table.name,
                                            .row_count_max = values->limit,
                                            .range = {.columns = look.columns,
                                                      .column_count = look.column_count,
                                                      .time_min = look.time_min,
                                                      .time_max = look.time_max,
                                                      .versions = values->versions}};
    PS_TRY(ps_hbase_spell(values->start_row == NULL ? "" : values->start_row, cli->arena,
                          &options.range.start_row, error));
    PS_TRY(ps_hbase_spell(values->stop_row == NULL ? "" : values->stop_row, cli->arena,
                          &options.range.stop_row, error));
    PS_TRY(ps_hbase_scan_open(look.client, &options, &scan, error));
    struct ps_text_table *const shown = ps_table_new(cli->arena, 4, cell_names, cell_types);
    if (shown == NULL) {
        return ps_error_memory(error, "the rows of a table of HBase");
    }
    for (;;) {
        struct ps_hbase_row row;
        PS_TRY(ps_hbase_scan_next(scan, &row, error));
        if (row.cell_count == 0) {
            break;
        }
        PS_TRY(add_row(cli, shown, &row, error));
    }
    ps_cli_print_table(cli, shown);
    return PENSTOCK_OK;
}

const struct ps_command ps_command_hbase_scan = {
    .name = "hbase scan",
    .summary = "rows of a table of HBase, a line a cell",
    .arguments = "TABLE",
    .argument_count_min = 1,
    .argument_count_max = 1,
    .options = scan_options,
    .values_size = sizeof(struct hbase_values),
    .details =
        "Bytes that are no printable ASCII are shown as \\xNN, as HBase's shell does, and a backslash as \\x5C; "
        "row keys and columns are read in the same spelling. All that is shown is held in memory until the end.",
    .examples = "penstock hbase scan readings --limit 10 --columns f:speed,g\n"
                "penstock hbase scan readings --start-row 'a\\x00\\x01' --stop-row b --format json",
    .run = run_scan,
};

static penstock_code run_get(struct ps_cli *cli, struct penstock_error *error) {
    const struct hbase_values *const values = cli->values;
    struct look look PS_SCOPED(look_done) = {.client = NULL};
    struct ps_hbase_row row;
    PS_TRY(open_look(cli, &look, error));
    struct ps_hbase_get_options options = {.table = look.table.name,
                                           .columns = look.columns,
                                           .column_count = look.column_count,
                                           .time_min = look.time_min,
                                           .time_max = look.time_max,
                                           .versions = values->versions};
    PS_TRY(ps_hbase_spell(cli->arguments[1], cli->arena, &options.row, error));
    PS_TRY(ps_hbase_get(look.client, &options, cli->arena, &row, error));
    if (row.cell_count == 0) {
        const bool is_narrowed = look.column_count > 0 || look.time_max > 0;
        return ps_error_set(error, PENSTOCK_NOT_FOUND, "HBase's table %s has no row \"%s\"%s",
                            look.table.name, cli->arguments[1], is_narrowed ? " with such cells" : "");
    }
    struct ps_text_table *const shown = ps_table_new(cli->arena, 4, cell_names, cell_types);
    if (shown == NULL) {
        return ps_error_memory(error, "a row of HBase");
    }
    PS_TRY(add_row(cli, shown, &row, error));
    ps_cli_print_table(cli, shown);
    return PENSTOCK_OK;
}

const struct ps_command ps_command_hbase_get = {
    .name = "hbase get",
    .summary = "one row of a table of HBase, a line a cell",
    .arguments = "TABLE ROW",
    .argument_count_min = 2,
    .argument_count_max = 2,
    .options = get_options,
    .values_size = sizeof(struct hbase_values),
    .details = "ROW is spelt as penstock hbase scan shows it.",
    .examples = "penstock hbase get readings 'a\\x00\\x01' --versions 3",
    .run = run_get,
};
