/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_client.c - what bench/hbase.py measures of src/hbase: a table written and read into columns of doubles, by one
 * thread or several with a client each; and the same rows through HBase's REST gateway, in protobuf, by libcurl.
 *
 * Row n of the table is the key r%010d with the columns f:q0 to f:q9, the doubles n + q / 4, at timestamp 1000. Sums of
 * these are exact, so that every reader must come to the same. Prints "rows cells sum wall_s cpu_s".
 *
 *   ninja -C build tests/hbase_client
 *   hbase_client create TABLE ROWS REGIONS
 *   hbase_client drop TABLE
 *   hbase_client flush TABLE                                   out of the server's memory into files
 *   hbase_client put TABLE FROM TO THREADS DURABILITY BATCH    DURABILITY: 0 as the table says, 1 without the log
 *   hbase_client scan TABLE THREADS ROWS BYTES                 of one answer
 *   hbase_client side TABLE ROWS BYTES                         one thread, all regions at once
 *   hbase_client rest http://HOST:PORT TABLE ROWS CELLS        CELLS of one answer
 */
#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "hbase/admin.h"
#include "hbase/mutate.h"
#include "hbase/scan.h"

#define COLUMNS 10
#define ROW_SIZE 11 /* r and ten digits */
#define THREADS_MAX 64
#define BATCH_MAX 10000
/* Rows of one batch of columns, as the program's own batches. */
#define COLUMN_SIZE 2048

struct total {
    int64_t rows, cells;
    double sum;
};

/* Ten columns of doubles, filled row by row. */
struct columns {
    double values[COLUMNS][COLUMN_SIZE];
    size_t count;
    struct total total;
};

static void add_up(struct columns *columns) {
    for (size_t column = 0; column < COLUMNS; column++) {
        double sum = 0;
        for (size_t i = 0; i < columns->count; i++) {
            sum += columns->values[column][i];
        }
        columns->total.sum += sum;
    }
    columns->total.rows += (int64_t)columns->count;
    columns->count = 0;
}

static double big_endian_double(const char *bytes) {
    uint64_t bits;
    double value;
    memcpy(&bits, bytes, sizeof bits);
    bits = __builtin_bswap64(bits);
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return __builtin_bswap64(bits);
}

/* Cells are sorted by their qualifiers, and so are the columns. */
static bool add_row(struct columns *columns, const struct ps_hbase_row *row) {
    size_t column = 0;
    for (size_t i = 0; i < row->cell_count; i++) {
        const struct ps_hbase_cell *const cell = &row->cells[i];
        const char name[] = {'q', (char)('0' + column)};
        if (cell->value.size != sizeof(double) || column == COLUMNS ||
            !ps_bytes_equal(cell->qualifier, (struct ps_bytes){name, sizeof name})) {
            return false;
        }
        columns->values[column++][columns->count] = big_endian_double(cell->value.data);
    }
    columns->total.cells += (int64_t)row->cell_count;
    if (++columns->count == COLUMN_SIZE) {
        add_up(columns);
    }
    return column == COLUMNS;
}

/* --- threads ------------------------------------------------------------------------------------------------ */

struct job {
    const char *table;
    int64_t from, to, batch, bytes, durability;
    struct ps_hbase_region *regions;
    size_t region_count, thread_count;
    atomic_size_t next; /* the region that is to be read next */
};

struct worker {
    struct job *job;
    size_t index;
    struct ps_thread thread;
    struct columns columns;
    penstock_code code;
    struct penstock_error error;
};

static penstock_code open_client(struct ps_hbase **client_out, struct penstock_error *error) {
    const struct ps_hbase_options options = {.masters = getenv("PENSTOCK_HBASE_MASTERS")};
    return ps_hbase_open(&options, client_out, error);
}

static penstock_code open_scan(struct ps_hbase *client, const struct job *job,
                               const struct ps_hbase_region *region, struct ps_hbase_scan **scan_out,
                               struct penstock_error *error) {
    const struct ps_hbase_scan_options options = {.table = job->table,
                                                  .caching = job->batch,
                                                  .range = {.start_row = region->start_key,
                                                            .stop_row = region->end_key,
                                                            .result_size_max = job->bytes}};
    return ps_hbase_scan_open(client, &options, scan_out, error);
}

/* Takes at most so many rows of a scan into the columns. */
static penstock_code take_rows(struct ps_hbase_scan *scan, int64_t count_max, struct columns *columns,
                               bool *is_over_out, struct penstock_error *error) {
    for (int64_t i = 0; i < count_max; i++) {
        struct ps_hbase_row row;
        PS_TRY(ps_hbase_scan_next(scan, &row, error));
        *is_over_out = row.cell_count == 0;
        if (*is_over_out) {
            return PENSTOCK_OK;
        }
        if (!add_row(columns, &row)) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA, "a row is not as it was written");
        }
    }
    return PENSTOCK_OK;
}

static penstock_code scan_region(struct ps_hbase *client, struct worker *worker,
                                 const struct ps_hbase_region *region, struct penstock_error *error) {
    struct ps_hbase_scan *scan PS_SCOPED(ps_hbase_scan_close_scoped) = NULL;
    bool is_over = false;
    PS_TRY(open_scan(client, worker->job, region, &scan, error));
    return take_rows(scan, INT64_MAX, &worker->columns, &is_over, error);
}

static penstock_code scan_regions(struct worker *worker, struct penstock_error *error) {
    struct ps_hbase *client PS_SCOPED(ps_hbase_close_scoped) = NULL;
    PS_TRY(open_client(&client, error));
    for (size_t i = atomic_fetch_add(&worker->job->next, 1); i < worker->job->region_count;
         i = atomic_fetch_add(&worker->job->next, 1)) {
        PS_TRY(scan_region(client, worker, &worker->job->regions[i], error));
    }
    add_up(&worker->columns);
    return PENSTOCK_OK;
}

struct put_rows {
    struct ps_hbase_mutation mutations[BATCH_MAX];
    struct ps_hbase_cell cells[BATCH_MAX][COLUMNS];
    char keys[BATCH_MAX][32];
    uint64_t values[BATCH_MAX][COLUMNS];
};

static void set_row(struct put_rows *rows, size_t at, int64_t number, int64_t durability,
                    struct total *total) {
    static const char qualifiers[] = "q0q1q2q3q4q5q6q7q8q9";
    snprintf(rows->keys[at], sizeof rows->keys[at], "r%010" PRId64, number);
    for (size_t column = 0; column < COLUMNS; column++) {
        const double value = (double)number + (double)column / 4;
        rows->values[at][column] = bits_of(value);
        total->sum += value;
        rows->cells[at][column] =
            (struct ps_hbase_cell){.family = PS_BYTES("f"),
                                   .qualifier = {qualifiers + 2 * column, 2},
                                   .value = {(const char *)&rows->values[at][column], 8},
                                   .timestamp = 1000,
                                   .type = PS_HBASE_CELL_PUT};
    }
    rows->mutations[at] = (struct ps_hbase_mutation){.row = {rows->keys[at], ROW_SIZE},
                                                     .cells = rows->cells[at],
                                                     .cell_count = COLUMNS,
                                                     .durability = (enum ps_hbase_durability)durability};
    total->rows++;
    total->cells += COLUMNS;
}

/* Every thread has a part of the keys of its own. */
static penstock_code put_part(struct worker *worker, struct penstock_error *error) {
    const struct job *const job = worker->job;
    struct ps_hbase *client PS_SCOPED(ps_hbase_close_scoped) = NULL;
    struct put_rows *rows PS_SCOPED(ps_release_scoped) = ps_allocate(1, sizeof *rows);
    if (rows == NULL) {
        return ps_error_memory(error, "rows");
    }
    PS_TRY(open_client(&client, error));
    const int64_t all = job->to - job->from, threads = (int64_t)job->thread_count,
                  index = (int64_t)worker->index;
    const int64_t end = job->from + all * (index + 1) / threads;
    for (int64_t at = job->from + all * index / threads; at < end;) {
        size_t count = 0;
        for (; (int64_t)count < job->batch && at < end; count++, at++) {
            set_row(rows, count, at, job->durability, &worker->columns.total);
        }
        PS_TRY(ps_hbase_mutate(client, job->table, rows->mutations, count, error));
    }
    return PENSTOCK_OK;
}

static void *run_scan(void *argument) {
    struct worker *const worker = argument;
    worker->code = scan_regions(worker, &worker->error);
    return NULL;
}

static void *run_put(void *argument) {
    struct worker *const worker = argument;
    worker->code = put_part(worker, &worker->error);
    return NULL;
}

static penstock_code run_threads(struct job *job, void *(*run)(void *), struct total *total_out,
                                 struct penstock_error *error) {
    struct worker *workers PS_SCOPED(ps_release_scoped) = ps_allocate(job->thread_count, sizeof *workers);
    penstock_code code = workers == NULL ? ps_error_memory(error, "threads") : PENSTOCK_OK;
    size_t started = 0;
    for (; started < job->thread_count && code == PENSTOCK_OK; started += code == PENSTOCK_OK ? 1 : 0) {
        workers[started].job = job;
        workers[started].index = started;
        code = ps_thread_start(&workers[started].thread, "reader", run, &workers[started], error);
    }
    for (size_t i = 0; i < started; i++) {
        ps_thread_join(&workers[i].thread);
        total_out->rows += workers[i].columns.total.rows;
        total_out->cells += workers[i].columns.total.cells;
        total_out->sum += workers[i].columns.total.sum;
        if (workers[i].code != PENSTOCK_OK && code == PENSTOCK_OK) {
            code = workers[i].code;
            *error = workers[i].error;
        }
    }
    return code;
}

/* --- commands ------------------------------------------------------------------------------------------------ */

static int64_t number(char **arguments, int index) {
    const char *const text = arguments[index];
    return text == NULL ? 0 : strtoll(text, NULL, 10);
}

static size_t thread_count(char **arguments, int index) {
    const int64_t count = number(arguments, index);
    return count < 1 ? 1 : count > THREADS_MAX ? THREADS_MAX : (size_t)count;
}

static penstock_code create(char **arguments, struct total *total, struct penstock_error *error) {
    static const char *const families[] = {"f"};
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_hbase *client PS_SCOPED(ps_hbase_close_scoped) = NULL;
    struct ps_bytes splits[THREADS_MAX];
    size_t count = 0;
    (void)total;
    PS_TRY(open_client(&client, error));
    for (int64_t i = 1; i < number(arguments, 2) && count < THREADS_MAX; i++) {
        const char *const key =
            ps_arena_printf(arena, "r%010" PRId64, number(arguments, 1) * i / number(arguments, 2));
        splits[count++] = (struct ps_bytes){key, ROW_SIZE};
    }
    return ps_hbase_create_table(client, arguments[0], families, 1, 1, splits, count, error);
}

static penstock_code drop(char **arguments, struct total *total, struct penstock_error *error) {
    struct ps_hbase *client PS_SCOPED(ps_hbase_close_scoped) = NULL;
    (void)total;
    PS_TRY(open_client(&client, error));
    PS_TRY(ps_hbase_disable_table(client, arguments[0], error));
    return ps_hbase_delete_table(client, arguments[0], error);
}

static penstock_code flush(char **arguments, struct total *total, struct penstock_error *error) {
    struct ps_hbase *client PS_SCOPED(ps_hbase_close_scoped) = NULL;
    struct ps_buffer message PS_SCOPED(ps_buffer_done) = {.data = NULL};
    (void)total;
    ps_buffer_init(&message, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_hbase_add_table_name(&message, 1, arguments[0]);
    PS_TRY(open_client(&client, error));
    return ps_hbase_master_procedure(client, "FlushTable", &message, error);
}

static penstock_code put(char **arguments, struct total *total, struct penstock_error *error) {
    struct job job = {.table = arguments[0],
                      .from = number(arguments, 1),
                      .to = number(arguments, 2),
                      .thread_count = thread_count(arguments, 3),
                      .durability = number(arguments, 4),
                      .batch = number(arguments, 5)};
    job.batch = job.batch < 1 ? 1000 : job.batch > BATCH_MAX ? BATCH_MAX : job.batch;
    return run_threads(&job, run_put, total, error);
}

static penstock_code scan(char **arguments, struct total *total, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_hbase *client PS_SCOPED(ps_hbase_close_scoped) = NULL;
    struct job job = {.table = arguments[0],
                      .thread_count = thread_count(arguments, 1),
                      .batch = number(arguments, 2),
                      .bytes = number(arguments, 3)};
    if (job.thread_count == 1) { /* one scan of all, as Java's client is asked for */
        struct ps_hbase_region all = {.start_key = PS_BYTES(""), .end_key = PS_BYTES("")};
        job.regions = &all;
        job.region_count = 1;
        return run_threads(&job, run_scan, total, error);
    }
    PS_TRY(open_client(&client, error));
    PS_TRY(ps_hbase_regions(client, job.table, arena, &job.regions, &job.region_count, error));
    return run_threads(&job, run_scan, total, error);
}

/* As a source of the program reads: one thread, all regions (THREADS_MAX at most) at once, rows of each in turn. */
static penstock_code scan_side(char **arguments, struct total *total, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_hbase *client PS_SCOPED(ps_hbase_close_scoped) = NULL;
    struct ps_hbase_scan *scans[THREADS_MAX] = {NULL};
    struct job job = {.table = arguments[0], .batch = number(arguments, 1), .bytes = number(arguments, 2)};
    PS_TRY(open_client(&client, error));
    PS_TRY(ps_hbase_regions(client, job.table, arena, &job.regions, &job.region_count, error));
    struct columns *const columns = ps_allocate(1, sizeof *columns);
    penstock_code code =
        job.region_count <= THREADS_MAX && columns != NULL ? PENSTOCK_OK : PENSTOCK_INVALID_ARGUMENT;
    size_t open_count = 0;
    for (; open_count < job.region_count && code == PENSTOCK_OK; open_count++) {
        code = open_scan(client, &job, &job.regions[open_count], &scans[open_count], error);
        if (code == PENSTOCK_OK) {
            (void)ps_hbase_scan_begin(scans[open_count]);
        }
    }
    while (open_count > 0 && code == PENSTOCK_OK) {
        for (size_t i = 0; i < job.region_count && code == PENSTOCK_OK; i++) {
            bool is_over = false;
            if (scans[i] != NULL) {
                code = take_rows(scans[i], COLUMN_SIZE, columns, &is_over, error);
            }
            if (is_over) {
                ps_hbase_scan_close(scans[i]);
                scans[i] = NULL;
                open_count--;
            }
        }
    }
    if (code == PENSTOCK_OK) {
        add_up(columns);
        *total = columns->total;
    }
    for (size_t i = 0; i < THREADS_MAX; i++) {
        ps_hbase_scan_close(scans[i]);
    }
    ps_release(columns);
    return code;
}

/* --- REST ------------------------------------------------------------------------------------------------------ */

struct exchange {
    struct ps_buffer body;
    char location[1000];
};

static size_t take_body(char *data, size_t size, size_t count, void *context) {
    struct exchange *const exchange = context;
    ps_buffer_add(&exchange->body, data, size * count);
    return exchange->body.failed ? 0 : size * count;
}

static size_t take_header(char *data, size_t size, size_t count, void *context) {
    struct exchange *const exchange = context;
    if (size * count > 10 && strncasecmp(data, "location: ", 10) == 0) {
        snprintf(exchange->location, sizeof exchange->location, "%.*s", (int)strcspn(data + 10, "\r\n"),
                 data + 10);
    }
    return size * count;
}

/* CellSet{rows{key, values{row, column, timestamp, data}}} */
static bool add_cell_set(struct ps_bytes message, struct total *total) {
    struct ps_proto_reader rows = ps_proto_begin(message);
    struct ps_proto_field row, value, part;
    while (ps_proto_next(&rows, &row)) {
        struct ps_proto_reader values = ps_proto_begin(row.bytes);
        total->rows++;
        while (ps_proto_next(&values, &value)) {
            if (value.number != 2) {
                continue;
            }
            struct ps_proto_reader parts = ps_proto_begin(value.bytes);
            while (ps_proto_next(&parts, &part)) {
                if (part.number == 4 && part.bytes.size == sizeof(double)) {
                    total->sum += big_endian_double(part.bytes.data);
                    total->cells++;
                }
            }
        }
    }
    return !rows.is_damaged;
}

static penstock_code ask(CURL *curl, struct exchange *exchange, long *status_out,
                         struct penstock_error *error) {
    ps_buffer_clear(&exchange->body);
    const CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK) {
        return ps_error_set(error, PENSTOCK_UNAVAILABLE, "REST: %s", curl_easy_strerror(code));
    }
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status_out);
    return PENSTOCK_OK;
}

static penstock_code read_rest(CURL *curl, struct exchange *exchange, char **arguments, struct total *total,
                               struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_buffer scanner PS_SCOPED(ps_buffer_done) = {.data = NULL};
    long status = 0;
    ps_buffer_init(&scanner, 1000);
    ps_proto_add_integer(&scanner, 4, number(arguments, 3));           /* batch */
    ps_proto_add_integer(&scanner, 9, number(arguments, 3) / COLUMNS); /* caching */
    (void)curl_easy_setopt(curl, CURLOPT_URL,
                           ps_arena_printf(arena, "%s/%s/scanner", arguments[0], arguments[1]));
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "PUT");
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)scanner.size);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, scanner.data);
    PS_TRY(ask(curl, exchange, &status, error));
    if (status != 201 || exchange->location[0] == '\0') {
        return ps_error_set(error, PENSTOCK_UNAVAILABLE, "REST gives no scanner: status %ld", status);
    }
    (void)curl_easy_setopt(curl, CURLOPT_URL, exchange->location);
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, NULL);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    while (total->rows < number(arguments, 2)) {
        PS_TRY(ask(curl, exchange, &status, error));
        if (status == 204) {
            return PENSTOCK_OK;
        }
        if (status != 200 ||
            !add_cell_set((struct ps_bytes){exchange->body.data, exchange->body.size}, total)) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA, "REST answers with status %ld", status);
        }
    }
    return PENSTOCK_OK;
}

static penstock_code rest(char **arguments, struct total *total, struct penstock_error *error) {
    struct exchange exchange = {.location = ""};
    CURL *const curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/x-protobuf");
    headers = curl_slist_append(headers, "Accept: application/x-protobuf");
    ps_buffer_init(&exchange.body, (size_t)1 << 30);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, &exchange);
    const penstock_code code = read_rest(curl, &exchange, arguments, total, error);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    ps_buffer_done(&exchange.body);
    return code;
}

static const struct {
    const char *name;
    int argument_count;
    penstock_code (*run)(char **arguments, struct total *total, struct penstock_error *error);
} commands[] = {{"create", 3, create}, {"drop", 1, drop},      {"flush", 1, flush}, {"put", 6, put},
                {"scan", 4, scan},     {"side", 3, scan_side}, {"rest", 4, rest}};

int main(int argc, char **argv) {
    struct penstock_error error = {0};
    struct total total = {.rows = 0};
    penstock_code code = PENSTOCK_INVALID_ARGUMENT;
    const int64_t start_ns = ps_clock_monotonic_ns();
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, argv[1]) == 0 && argc - 2 == commands[i].argument_count) {
            code = commands[i].run(argv + 2, &total, &error);
        }
    }
    if (code != PENSTOCK_OK) {
        fprintf(stderr, "hbase_client: %s (%s)\n", error.message, error.detail);
        return 1;
    }
    printf("%" PRId64 " %" PRId64 " %.17g %.3f %.3f\n", total.rows, total.cells, total.sum,
           (double)(ps_clock_monotonic_ns() - start_ns) / 1e9, (double)ps_clock_cpu_ns() / 1e9);
    return 0;
}
