/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_tool.c - an HBase for tests as a program: tables made, rows written and read through src/hbase, regions split,
 * merged and moved by the master, and the exceptions and answers that tests ask for. One command a process.
 *
 * $PENSTOCK_HBASE_MASTERS says where it is; $PENSTOCK_HBASE_MAP sends servers' addresses through a proxy,
 * $PENSTOCK_HBASE_SECONDS is its patience, $PENSTOCK_HBASE_FRAME_MAX the largest answer that it takes. Row number n
 * of the test is the key r%06d with columns f:n (the number) and f:pad, at timestamp 1000 + n.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "hbase/admin.h"
#include "hbase/get.h"
#include "hbase/mutate.h"
#include "hbase/scan.h"

#define SCAN_COLUMN_COUNT_MAX 8
#define BATCH_SIZE 1000

struct tool {
    struct ps_hbase *client;
    struct ps_arena *arena;
    char **arguments;
    int count;
};

static const char *argument(const struct tool *tool, int index) {
    return index < tool->count ? tool->arguments[index] : "";
}

static int64_t number(const struct tool *tool, int index) {
    return strtoll(argument(tool, index), NULL, 10);
}

/* For the test: did what it did to the servers get in the way? */
static void print_tally(const struct tool *tool) {
    const struct ps_hbase_tally tally = ps_hbase_tally(tool->client);
    fprintf(stderr, "calls=%" PRId64 " retries=%" PRId64 " lookups=%" PRId64 " reopened=%" PRId64 "\n",
            tally.calls, tally.retries, tally.lookups, tally.scanners_reopened);
}

/* create TABLE VERSIONS SPLIT... */
static penstock_code create(struct tool *tool, struct penstock_error *error) {
    static const char *const families[] = {"f", "g"};
    struct ps_bytes splits[64];
    size_t count = 0;
    for (int i = 2; i < tool->count && count < 64; i++) {
        PS_TRY(ps_hbase_spell(tool->arguments[i], tool->arena, &splits[count++], error));
    }
    return ps_hbase_create_table(tool->client, argument(tool, 0), families, 2, number(tool, 1), splits, count,
                                 error);
}

/* drop TABLE, disable TABLE */
static penstock_code drop(struct tool *tool, struct penstock_error *error) {
    PS_TRY(ps_hbase_disable_table(tool->client, argument(tool, 0), error));
    return ps_hbase_delete_table(tool->client, argument(tool, 0), error);
}
static penstock_code disable(struct tool *tool, struct penstock_error *error) {
    return ps_hbase_disable_table(tool->client, argument(tool, 0), error);
}

/* durability TABLE WORD: SKIP_WAL, ASYNC_WAL, ... as the table's own */
static penstock_code durability(struct tool *tool, struct penstock_error *error) {
    struct ps_buffer message PS_SCOPED(ps_buffer_done) = {.data = NULL},
                             schema PS_SCOPED(ps_buffer_done) = {.data = NULL},
                             attribute PS_SCOPED(ps_buffer_done) = {.data = NULL};
    struct ps_hbase_table table;
    PS_TRY(ps_hbase_describe(tool->client, argument(tool, 0), tool->arena, &table, error));
    ps_buffer_init(&message, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_buffer_init(&schema, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_buffer_init(&attribute, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_proto_add_text(&attribute, 1, "DURABILITY");
    ps_proto_add_text(&attribute, 2, argument(tool, 1));
    ps_hbase_add_table_name(&schema, 1, argument(tool, 0));
    ps_proto_add_message(&schema, 2, &attribute);
    for (size_t i = 0; i < table.family_count; i++) {
        struct ps_buffer family PS_SCOPED(ps_buffer_done) = {.data = NULL};
        ps_buffer_init(&family, PS_HBASE_MESSAGE_SIZE_MAX);
        ps_proto_add_bytes(&family, 1, table.families[i].name.data, table.families[i].name.size);
        ps_proto_add_message(&schema, 3, &family);
    }
    ps_hbase_add_table_name(&message, 1, argument(tool, 0));
    ps_proto_add_message(&message, 2, &schema);
    return ps_hbase_master_procedure(tool->client, "ModifyTable", &message, error);
}

/* flush TABLE: out of memory into files, so that a kill -9 finds it there: on a local disk HBase's log is not synced */
static penstock_code flush(struct tool *tool, struct penstock_error *error) {
    struct ps_buffer message PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&message, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_hbase_add_table_name(&message, 1, argument(tool, 0));
    return ps_hbase_master_procedure(tool->client, "FlushTable", &message, error);
}

/* fill TABLE FROM TO PAD: rows [FROM, TO), each with PAD further bytes */
static penstock_code fill(struct tool *tool, struct penstock_error *error) {
    static char pad[1 << 20];
    static struct ps_hbase_cell cells[BATCH_SIZE][2];
    static struct ps_hbase_mutation mutations[BATCH_SIZE];
    static char keys[BATCH_SIZE][16], values[BATCH_SIZE][16];
    const size_t pad_size = (size_t)number(tool, 3) < sizeof pad ? (size_t)number(tool, 3) : sizeof pad;
    memset(pad, 'x', sizeof pad);
    for (int64_t at = number(tool, 1); at < number(tool, 2);) {
        size_t count = 0;
        for (; count < BATCH_SIZE && at < number(tool, 2); count++, at++) {
            const int key = snprintf(keys[count], 16, "r%06" PRId64, at);
            const int value = snprintf(values[count], 16, "%" PRId64, at);
            cells[count][0] = (struct ps_hbase_cell){.family = PS_BYTES("f"),
                                                     .qualifier = PS_BYTES("n"),
                                                     .value = {values[count], (size_t)value},
                                                     .timestamp = 1000 + at,
                                                     .type = PS_HBASE_CELL_PUT};
            cells[count][1] = cells[count][0];
            cells[count][1].qualifier = PS_BYTES("pad");
            cells[count][1].value = (struct ps_bytes){pad, pad_size};
            mutations[count] = (struct ps_hbase_mutation){
                .row = {keys[count], (size_t)key}, .cells = cells[count], .cell_count = 2};
        }
        PS_TRY(ps_hbase_mutate(tool->client, argument(tool, 0), mutations, count, error));
    }
    print_tally(tool);
    return PENSTOCK_OK;
}

/* scan TABLE CACHING BYTES PAUSE_MS [START STOP [COLUMN...]]: a line a row, "key n timestamp cells"; who reads slowly
 * slows it down. PAUSE_MS is waited after each 1000 rows. COLUMN: of family f. */
static penstock_code scan(struct tool *tool, struct penstock_error *error) {
    struct ps_hbase_scan *rows PS_SCOPED(ps_hbase_scan_close_scoped) = NULL;
    struct ps_hbase_scan_options options = {.table = argument(tool, 0),
                                            .caching = number(tool, 1),
                                            .range = {.result_size_max = number(tool, 2), .versions = 1}};
    PS_TRY(ps_hbase_spell(argument(tool, 4), tool->arena, &options.range.start_row, error));
    PS_TRY(ps_hbase_spell(argument(tool, 5), tool->arena, &options.range.stop_row, error));
    struct ps_hbase_column columns[SCAN_COLUMN_COUNT_MAX];
    for (int i = 6; argument(tool, i)[0] != '\0' && options.range.column_count < SCAN_COLUMN_COUNT_MAX; i++) {
        columns[options.range.column_count++] =
            (struct ps_hbase_column){.family = PS_BYTES("f"), .qualifier = ps_bytes_of(argument(tool, i))};
    }
    options.range.columns = columns;
    PS_TRY(ps_hbase_scan_open(tool->client, &options, &rows, error));
    for (int64_t count = 1;; count++) {
        struct ps_hbase_row row;
        PS_TRY(ps_hbase_scan_next(rows, &row, error));
        if (row.cell_count == 0) {
            break;
        }
        const struct ps_bytes value = row.cells[0].value;
        printf("%.*s %.*s %" PRId64 " %zu\n", (int)row.key.size, row.key.data, (int)value.size, value.data,
               row.cells[0].timestamp, row.cell_count);
        if (count % 1000 == 0) {
            fflush(stdout);
            ps_clock_sleep_ms(number(tool, 3));
        }
    }
    print_tally(tool);
    return PENSTOCK_OK;
}

/* wide TABLE ROW CELLS BYTES: one row of so many cells f:c000..., of so many bytes each, one put a cell */
static penstock_code wide(struct tool *tool, struct penstock_error *error) {
    const size_t size = (size_t)number(tool, 3);
    char *value PS_SCOPED(ps_release_scoped) = ps_allocate(size + 1, 1);
    if (value == NULL) {
        return ps_error_memory(error, "a cell");
    }
    memset(value, 'x', size);
    for (int64_t i = 0; i < number(tool, 2); i++) {
        char qualifier[32];
        snprintf(qualifier, sizeof qualifier, "c%03" PRId64, i);
        const struct ps_hbase_cell cell = {.family = PS_BYTES("f"),
                                           .qualifier = ps_bytes_of(qualifier),
                                           .value = {value, size},
                                           .timestamp = 1000,
                                           .type = PS_HBASE_CELL_PUT};
        const struct ps_hbase_mutation mutation = {
            .row = ps_bytes_of(argument(tool, 1)), .cells = &cell, .cell_count = 1};
        PS_TRY(ps_hbase_mutate(tool->client, argument(tool, 0), &mutation, 1, error));
    }
    return PENSTOCK_OK;
}

/* sizes TABLE: a line a row, "key cells bytes", by a scan, and then the same of all its rows by their keys */
static penstock_code sizes(struct tool *tool, struct penstock_error *error) {
    struct ps_hbase_scan *rows PS_SCOPED(ps_hbase_scan_close_scoped) = NULL;
    const struct ps_hbase_scan_options options = {.table = argument(tool, 0)};
    const struct ps_hbase_get_options get_options = {.table = argument(tool, 0)};
    static struct ps_bytes keys[BATCH_SIZE];
    static size_t sums[BATCH_SIZE];
    struct ps_hbase_row *found = NULL;
    size_t count = 0;
    PS_TRY(ps_hbase_scan_open(tool->client, &options, &rows, error));
    for (;; count++) {
        struct ps_hbase_row row;
        PS_TRY(ps_hbase_scan_next(rows, &row, error));
        if (row.cell_count == 0 || count == BATCH_SIZE) {
            break;
        }
        keys[count] =
            (struct ps_bytes){ps_arena_copy_size(tool->arena, row.key.data, row.key.size), row.key.size};
        for (size_t i = 0; i < row.cell_count; i++) {
            sums[count] += row.cells[i].value.size;
        }
        printf("%.*s %zu %zu\n", (int)row.key.size, row.key.data, row.cell_count, sums[count]);
        fflush(stdout);
    }
    PS_TRY(ps_hbase_get_many(tool->client, &get_options, keys, count, tool->arena, &found, error));
    for (size_t i = 0; i < count; i++) {
        size_t sum = 0;
        for (size_t k = 0; k < found[i].cell_count; k++) {
            sum += found[i].cells[k].value.size;
        }
        if (sum != sums[i]) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA, "a row is another by its key");
        }
    }
    return PENSTOCK_OK;
}

/* crowd TABLE SCANS CACHING ROWS: so many scans of the table at once, row by row in turn, so that all of them ask for
 * their next answers together. Each must give the ROWS rows of the test. */
static penstock_code crowd(struct tool *tool, struct penstock_error *error) {
    static struct ps_hbase_scan *scans[200];
    const struct ps_hbase_scan_options options = {.table = argument(tool, 0), .caching = number(tool, 2)};
    const size_t count = number(tool, 1) < 200 ? (size_t)number(tool, 1) : 200;
    penstock_code code = PENSTOCK_OK;
    for (size_t i = 0; i < count && code == PENSTOCK_OK; i++) {
        code = ps_hbase_scan_open(tool->client, &options, &scans[i], error);
    }
    for (size_t i = 0; i < count && code == PENSTOCK_OK; i++) {
        ps_hbase_scan_begin(scans[i]);
    }
    for (int64_t at = 0; at <= number(tool, 3) && code == PENSTOCK_OK; at++) {
        char key[32];
        const int size = snprintf(key, sizeof key, "r%06" PRId64, at);
        const struct ps_bytes wanted = {key, at == number(tool, 3) ? 0 : (size_t)size};
        for (size_t i = 0; i < count && code == PENSTOCK_OK; i++) {
            struct ps_hbase_row row;
            code = ps_hbase_scan_next(scans[i], &row, error);
            if (code == PENSTOCK_OK && !ps_bytes_equal(row.key, wanted)) {
                code = ps_error_set(error, PENSTOCK_INVALID_DATA, "scan %zu gives %.*s, not %.*s", i,
                                    (int)row.key.size, row.key.data, (int)wanted.size, wanted.data);
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        ps_hbase_scan_close(scans[i]);
    }
    print_tally(tool);
    return code;
}

/* put TABLE ROW FAMILY:QUALIFIER VALUE TIMESTAMP */
static penstock_code put(struct tool *tool, struct penstock_error *error) {
    const char *const column = argument(tool, 2), *const colon = strchr(column, ':');
    const struct ps_hbase_cell cell = {.family = {column, colon == NULL ? 0 : (size_t)(colon - column)},
                                       .qualifier = ps_bytes_of(colon == NULL ? "" : colon + 1),
                                       .value = ps_bytes_of(argument(tool, 3)),
                                       .timestamp = number(tool, 4) > 0 ? number(tool, 4) : PS_HBASE_LATEST,
                                       .type = PS_HBASE_CELL_PUT};
    struct ps_hbase_mutation mutation = {.cells = &cell, .cell_count = 1};
    PS_TRY(ps_hbase_spell(argument(tool, 1), tool->arena, &mutation.row, error));
    return ps_hbase_mutate(tool->client, argument(tool, 0), &mutation, 1, error);
}

#define LINE_COUNT_MAX 5000

/* puts TABLE: cells from lines "ROW FAMILY:QUALIFIER VALUE TIMESTAMP" (0: the server's clock); after a line "." those
 * before it are written, and "ok" is said. */
static penstock_code puts_lines(struct tool *tool, struct penstock_error *error) {
    static char lines[LINE_COUNT_MAX][256], keys[LINE_COUNT_MAX][64], columns[LINE_COUNT_MAX][64],
        values[LINE_COUNT_MAX][128];
    static struct ps_hbase_cell cells[LINE_COUNT_MAX];
    static struct ps_hbase_mutation mutations[LINE_COUNT_MAX];
    size_t count = 0;
    while (count < LINE_COUNT_MAX && fgets(lines[count], sizeof lines[count], stdin) != NULL) {
        long long time = 0;
        if (strcmp(lines[count], ".\n") == 0) {
            PS_TRY(ps_hbase_mutate(tool->client, argument(tool, 0), mutations, count, error));
            printf("ok\n");
            fflush(stdout);
            count = 0;
            continue;
        }
        if (sscanf(lines[count], "%63s %63s %127s %lld", keys[count], columns[count], values[count], &time) !=
            4) {
            return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "no cell: %s", lines[count]);
        }
        const char *const colon = strchr(columns[count], ':');
        cells[count] = (struct ps_hbase_cell){
            .family = {columns[count], colon == NULL ? 0 : (size_t)(colon - columns[count])},
            .qualifier = ps_bytes_of(colon == NULL ? "" : colon + 1),
            .timestamp = time > 0 ? time : PS_HBASE_LATEST,
            .type = PS_HBASE_CELL_PUT};
        PS_TRY(ps_hbase_spell(values[count], tool->arena, &cells[count].value, error));
        mutations[count] = (struct ps_hbase_mutation){.cells = &cells[count], .cell_count = 1};
        PS_TRY(ps_hbase_spell(keys[count], tool->arena, &mutations[count].row, error));
        count++;
    }
    return PENSTOCK_OK;
}

/* get TABLE ROW: a line a cell */
static penstock_code get(struct tool *tool, struct penstock_error *error) {
    const struct ps_hbase_get_options options = {.table = argument(tool, 0),
                                                 .row = ps_bytes_of(argument(tool, 1))};
    struct ps_hbase_row row;
    PS_TRY(ps_hbase_get(tool->client, &options, tool->arena, &row, error));
    for (size_t i = 0; i < row.cell_count; i++) {
        const struct ps_hbase_cell *const cell = &row.cells[i];
        printf("%.*s %.*s %" PRId64 "\n", (int)cell->qualifier.size, cell->qualifier.data,
               (int)cell->value.size, cell->value.data, cell->timestamp);
    }
    return PENSTOCK_OK;
}

/* gets TABLE COUNT STEP PAUSE_MS: rows STEP * i modulo 2 * COUNT for i in [0, 2 * COUNT), BATCH_SIZE of them at once: a
 * line each, as those of scan, "key -" where there is none; PAUSE_MS is waited after each batch. */
static penstock_code gets(struct tool *tool, struct penstock_error *error) {
    static char keys[BATCH_SIZE][16];
    static struct ps_bytes wanted[BATCH_SIZE];
    const struct ps_hbase_get_options options = {.table = argument(tool, 0)};
    const int64_t all = 2 * number(tool, 1);
    for (int64_t at = 0; at < all;) {
        struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
        struct ps_hbase_row *rows = NULL;
        size_t count = 0;
        for (; count < BATCH_SIZE && at < all; count++, at++) {
            const int size = snprintf(keys[count], 16, "r%06" PRId64, at * number(tool, 2) % all);
            wanted[count] = (struct ps_bytes){keys[count], (size_t)size};
        }
        PS_TRY(ps_hbase_get_many(tool->client, &options, wanted, count, arena, &rows, error));
        for (size_t i = 0; i < count; i++) {
            if (rows[i].cell_count == 0) {
                printf("%.*s -\n", (int)rows[i].key.size, rows[i].key.data);
            } else {
                const struct ps_hbase_cell *const cell = &rows[i].cells[0];
                printf("%.*s %.*s %" PRId64 " %zu\n", (int)rows[i].key.size, rows[i].key.data,
                       (int)cell->value.size, cell->value.data, cell->timestamp, rows[i].cell_count);
            }
        }
        fflush(stdout);
        ps_clock_sleep_ms(number(tool, 3));
    }
    print_tally(tool);
    return PENSTOCK_OK;
}

/* describe TABLE: its families */
static penstock_code describe(struct tool *tool, struct penstock_error *error) {
    struct ps_hbase_table table;
    PS_TRY(ps_hbase_describe(tool->client, argument(tool, 0), tool->arena, &table, error));
    for (size_t i = 0; i < table.family_count; i++) {
        printf("%.*s\n", (int)table.families[i].name.size, table.families[i].name.data);
    }
    return PENSTOCK_OK;
}

/* delete TABLE ROW [FAMILY QUALIFIER] */
static penstock_code delete_row(struct tool *tool, struct penstock_error *error) {
    const struct ps_hbase_cell cell = {.family = ps_bytes_of(argument(tool, 2)),
                                       .qualifier = ps_bytes_of(argument(tool, 3)),
                                       .timestamp = PS_HBASE_LATEST,
                                       .type = PS_HBASE_CELL_DELETE_COLUMN};
    struct ps_hbase_mutation mutation = {
        .is_delete = true, .cells = &cell, .cell_count = tool->count > 2 ? 1 : 0};
    PS_TRY(ps_hbase_spell(argument(tool, 1), tool->arena, &mutation.row, error));
    return ps_hbase_mutate(tool->client, argument(tool, 0), &mutation, 1, error);
}

/* cas TABLE ROW OLD NEW: f:offset moves from OLD (empty: none) to NEW together with g:data; prints true or false */
static penstock_code compare_and_set(struct tool *tool, struct penstock_error *error) {
    const struct ps_bytes row = ps_bytes_of(argument(tool, 1)), new_value = ps_bytes_of(argument(tool, 3));
    const struct ps_hbase_condition condition = {.row = row,
                                                 .family = PS_BYTES("f"),
                                                 .qualifier = PS_BYTES("offset"),
                                                 .compare = PS_HBASE_EQUAL,
                                                 .value = ps_bytes_of(argument(tool, 2))};
    const struct ps_hbase_cell cells[] = {{.family = PS_BYTES("f"),
                                           .qualifier = PS_BYTES("offset"),
                                           .value = new_value,
                                           .timestamp = PS_HBASE_LATEST,
                                           .type = PS_HBASE_CELL_PUT},
                                          {.family = PS_BYTES("g"),
                                           .qualifier = PS_BYTES("data"),
                                           .value = new_value,
                                           .timestamp = PS_HBASE_LATEST,
                                           .type = PS_HBASE_CELL_PUT}};
    const struct ps_hbase_mutation mutations[] = {{.row = row, .cells = &cells[0], .cell_count = 1},
                                                  {.row = row, .cells = &cells[1], .cell_count = 1}};
    bool is_done = false;
    PS_TRY(ps_hbase_check_and_mutate(tool->client, argument(tool, 0), &condition, mutations, 2, &is_done,
                                     error));
    printf("%s\n", is_done ? "true" : "false");
    return PENSTOCK_OK;
}

/* The region of a row, as hbase:meta has it now; its name is TABLE,START,ID.HASH. */
static penstock_code region_of(struct tool *tool, struct ps_bytes row,
                               const struct ps_hbase_region **region_out, struct penstock_error *error) {
    struct ps_hbase_region *regions = NULL;
    size_t count = 0;
    PS_TRY(ps_hbase_regions(tool->client, argument(tool, 0), tool->arena, &regions, &count, error));
    for (size_t i = 0; i < count; i++) {
        if (ps_hbase_compare(regions[i].start_key, row) <= 0 &&
            (regions[i].end_key.size == 0 || ps_hbase_compare(row, regions[i].end_key) < 0)) {
            *region_out = &regions[i];
        }
    }
    return PENSTOCK_OK;
}

static struct ps_bytes hash_of(const struct ps_hbase_region *region) {
    size_t at = region->name.size - 1;
    while (at > 0 && region->name.data[at - 1] != '.') {
        at--;
    }
    return (struct ps_bytes){region->name.data + at, region->name.size - 1 - at};
}

static void add_encoded(struct ps_buffer *out, const struct ps_hbase_region *region) {
    struct ps_buffer specifier PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&specifier, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_proto_add_integer(&specifier, 1, 2); /* ENCODED_REGION_NAME */
    ps_proto_add_bytes(&specifier, 2, hash_of(region).data, hash_of(region).size);
    ps_proto_add_message(out, 1, &specifier);
}

/* split TABLE ROW */
static penstock_code split(struct tool *tool, struct penstock_error *error) {
    struct ps_buffer message PS_SCOPED(ps_buffer_done) = {.data = NULL},
                             info PS_SCOPED(ps_buffer_done) = {.data = NULL};
    const struct ps_bytes row = ps_bytes_of(argument(tool, 1));
    const struct ps_hbase_region *region = NULL;
    ps_buffer_init(&message, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_buffer_init(&info, PS_HBASE_MESSAGE_SIZE_MAX);
    PS_TRY(region_of(tool, row, &region, error));
    const char *const id = hash_of(region).data - 1;
    const char *start = id;
    while (start[-1] != ',') {
        start--;
    }
    ps_proto_add_integer(&info, 1, strtoll(start, NULL, 10));
    ps_hbase_add_table_name(&info, 2, argument(tool, 0));
    ps_proto_add_bytes(&info, 3, region->start_key.data, region->start_key.size);
    ps_proto_add_bytes(&info, 4, region->end_key.data, region->end_key.size);
    ps_proto_add_message(&message, 1, &info);
    ps_proto_add_bytes(&message, 2, row.data, row.size);
    return ps_hbase_master_procedure(tool->client, "SplitRegion", &message, error);
}

/* merge TABLE ROW ROW */
static penstock_code merge(struct tool *tool, struct penstock_error *error) {
    struct ps_buffer message PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&message, PS_HBASE_MESSAGE_SIZE_MAX);
    for (int i = 1; i <= 2; i++) {
        const struct ps_hbase_region *region = NULL;
        PS_TRY(region_of(tool, ps_bytes_of(argument(tool, i)), &region, error));
        add_encoded(&message, region);
    }
    ps_proto_add_integer(&message, 3, 1); /* forcible */
    return ps_hbase_master_procedure(tool->client, "MergeTableRegions", &message, error);
}

/* move TABLE ROW: to any other server. The master draws one, perhaps the same: until it is another one. */
static penstock_code move(struct tool *tool, struct penstock_error *error) {
    const struct ps_bytes row = ps_bytes_of(argument(tool, 1));
    const struct ps_hbase_region *region = NULL;
    PS_TRY(region_of(tool, row, &region, error));
    const struct ps_hbase_address before = region->server;
    for (int i = 0; i < 100; i++) {
        struct ps_buffer message PS_SCOPED(ps_buffer_done) = {.data = NULL};
        ps_buffer_init(&message, PS_HBASE_MESSAGE_SIZE_MAX);
        add_encoded(&message, region);
        PS_TRY(ps_hbase_master_procedure(tool->client, "MoveRegion", &message, error));
        PS_TRY(region_of(tool, row, &region, error));
        if (!ps_hbase_address_equal(&region->server, &before)) {
            printf("%s:%u\n", region->server.host, (unsigned)region->server.port);
            return PENSTOCK_OK;
        }
    }
    return ps_error_set(error, PENSTOCK_UNAVAILABLE, "the region does not move");
}

/* servers TABLE: the address of each region's server */
static penstock_code servers(struct tool *tool, struct penstock_error *error) {
    struct ps_hbase_region *regions = NULL;
    size_t count = 0;
    PS_TRY(ps_hbase_regions(tool->client, argument(tool, 0), tool->arena, &regions, &count, error));
    for (size_t i = 0; i < count; i++) {
        printf("%s:%u\n", regions[i].server.host, (unsigned)regions[i].server.port);
    }
    return PENSTOCK_OK;
}

static const struct {
    const char *name;
    penstock_code (*run)(struct tool *tool, struct penstock_error *error);
} commands[] = {{"crowd", crowd},     {"wide", wide},         {"sizes", sizes},
                {"create", create},   {"drop", drop},         {"disable", disable},
                {"fill", fill},       {"scan", scan},         {"put", put},
                {"puts", puts_lines}, {"delete", delete_row}, {"cas", compare_and_set},
                {"split", split},     {"merge", merge},       {"move", move},
                {"servers", servers}, {"flush", flush},       {"get", get},
                {"gets", gets},       {"describe", describe}, {"durability", durability}};

int main(int argc, char **argv) {
    struct penstock_error error = {0};
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_hbase *client PS_SCOPED(ps_hbase_close_scoped) = NULL;
    const char *const seconds = getenv("PENSTOCK_HBASE_SECONDS");
    const char *const frame_max = getenv("PENSTOCK_HBASE_FRAME_MAX");
    const int64_t wait_ms = seconds == NULL ? 120000 : (int64_t)(atof(seconds) * 1000);
    const struct ps_hbase_options options = {.masters = getenv("PENSTOCK_HBASE_MASTERS"),
                                             .address_map = getenv("PENSTOCK_HBASE_MAP"),
                                             .authentication = getenv("PENSTOCK_HBASE_AUTHENTICATION"),
                                             .keytab = getenv("PENSTOCK_HBASE_KEYTAB"),
                                             .protection = getenv("PENSTOCK_HBASE_PROTECTION"),
                                             .call_ms = wait_ms / 2,
                                             .frame_size_max =
                                                 frame_max == NULL ? 0 : (size_t)atoll(frame_max),
                                             .retry_ms = wait_ms};
    penstock_code code = PENSTOCK_INVALID_ARGUMENT;
    if (argc > 2 && arena != NULL && ps_hbase_open(&options, &client, &error) == PENSTOCK_OK) {
        struct tool tool = {.client = client, .arena = arena, .arguments = argv + 2, .count = argc - 2};
        for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
            if (strcmp(commands[i].name, argv[1]) == 0) {
                code = commands[i].run(&tool, &error);
            }
        }
    }
    if (code != PENSTOCK_OK) {
        fprintf(stderr, "%s: %s (%s)\n", ps_error_code_name(code), error.message, error.detail);
    }
    return code == PENSTOCK_OK ? 0 : 1;
}
