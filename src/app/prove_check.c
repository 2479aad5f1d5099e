/* SPDX-License-Identifier: Apache-2.0
 *
 * prove_check.c - the count: the table row by row, the view key by key, the sink record by record.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "app/prove_parts.h"
#include "base/clock.h"
#include "sql/scan.h"
#include "stream/store.h"

#define SYNC_COUNT 20

static penstock_code open_store(const struct ps_prove *prove, bool is_read_only, struct ps_store **store_out,
                                struct penstock_error *error) {
    const struct ps_store_options options = {
        .path = prove->store_path, .is_read_only = is_read_only, .thread_count = 1};
    return ps_store_open(&options, store_out, error);
}

penstock_code ps_prove_plant(struct ps_prove *prove, struct penstock_error *error) {
    struct ps_store *store = NULL;
    PS_TRY(open_store(prove, false, &store, error));
    const penstock_code code =
        ps_sql_run(store->connection,
                   "DELETE FROM main.kept WHERE id = (SELECT min(id) FROM main.kept);"
                   "INSERT INTO main.kept SELECT * FROM main.kept WHERE id = (SELECT max(id) FROM main.kept)",
                   error);
    ps_store_close(store);
    return code;
}

/* --- the table -------------------------------------------------------------------------------------------------- */

static void take_chunk(struct ps_prove *prove, const struct ps_chunk *chunk) {
    const double *ids = ps_chunk_doubles(chunk, 0), *values = ps_chunk_doubles(chunk, 1);
    const uint64_t *validity = ps_chunk_validity(chunk, 0);
    struct ps_prove_count *count = &prove->table;
    for (int64_t row = 0; row < ps_chunk_row_count(chunk); row++) {
        count->total++;
        if (!ps_chunk_is_valid(validity, row) || ids[row] < 0 ||
            ids[row] >= (double)prove->options->record_count) {
            count->foreign++;
            continue;
        }
        const int64_t id = (int64_t)ids[row];
        count->times[id] = (uint8_t)(count->times[id] < 255 ? count->times[id] + 1 : 255);
        count->wrong += (int64_t)values[row] != prove->values[id] ? 1 : 0;
    }
}

static penstock_code read_table(struct ps_prove *prove, struct ps_connection *connection,
                                struct penstock_error *error) {
    const struct ps_scan_column columns[] = {{"id", PS_SCAN_DOUBLE}, {"v", PS_SCAN_DOUBLE}};
    struct ps_scan *scan = NULL;
    PS_TRY(ps_scan_open(connection, "main.kept", columns, 2, NULL, &scan, error));
    penstock_code code = PENSTOCK_OK;
    for (struct ps_chunk *chunk = NULL; code == PENSTOCK_OK;) {
        code = ps_scan_next(scan, &chunk, error);
        if (code != PENSTOCK_OK || chunk == NULL) {
            break;
        }
        take_chunk(prove, chunk);
        ps_chunk_free(ps_take(chunk));
    }
    ps_scan_close(scan);
    return code;
}

static penstock_code read_view(struct ps_prove *prove, struct ps_connection *connection,
                               struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(connection,
                        "SELECT CAST(substring(k, 2) AS BIGINT), n, CAST(total AS BIGINT) FROM main.per_key",
                        &result, error));
    int64_t counts[PS_PROVE_KEY_COUNT] = {0}, sums[PS_PROVE_KEY_COUNT] = {0};
    for (int64_t row = 0; row < ps_result_row_count(result); row++) {
        const int64_t key = ps_result_integer(result, row, 0);
        if (key < 0 || key >= PS_PROVE_KEY_COUNT) {
            prove->view_wrong++;
            continue;
        }
        counts[key] += ps_result_integer(result, row, 1);
        sums[key] += ps_result_integer(result, row, 2);
    }
    for (size_t key = 0; key < PS_PROVE_KEY_COUNT; key++) {
        prove->view_wrong +=
            counts[key] != prove->key_counts[key] || sums[key] != prove->key_sums[key] ? 1 : 0;
    }
    return PENSTOCK_OK;
}

static penstock_code read_store(struct ps_prove *prove, struct penstock_error *error) {
    struct ps_store *store = NULL;
    PS_TRY(open_store(prove, true, &store, error));
    penstock_code code = read_table(prove, store->connection, error);
    code = code == PENSTOCK_OK ? read_view(prove, store->connection, error) : code;
    if (code == PENSTOCK_OK) {
        code = ps_sql_integer(store->connection, "SELECT count(*) FROM penstock.epochs", &prove->epoch_count,
                              error);
    }
    if (code == PENSTOCK_OK) {
        code = ps_sql_integer(store->connection, "SELECT count(*) FROM penstock.dead_letters",
                              &prove->dead_count, error);
    }
    ps_store_close(store);
    return code;
}

/* --- the sink --------------------------------------------------------------------------------------------------- */

static penstock_code take_message(struct ps_bytes value, void *context, struct penstock_error *error) {
    struct ps_prove *prove = context;
    return ps_prove_take(prove, &prove->sink, value, error);
}

static penstock_code read_sink(struct ps_prove *prove, struct penstock_error *error) {
    if (prove->trial != NULL) {
        return ps_trial_read(prove->trial, prove->output_topic, PS_PROVE_PARTITION_COUNT, take_message, prove,
                             error);
    }
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/output.ndjson", prove->folder);
    return ps_prove_read_lines(prove, path, &prove->sink, error);
}

penstock_code ps_prove_check(struct ps_prove *prove, struct penstock_error *error) {
    PS_TRY(ps_prove_read_input(prove, error));
    PS_TRY(read_store(prove, error));
    return read_sink(prove, error);
}

void ps_prove_compare(const struct ps_prove *prove, const struct ps_prove_count *count, int64_t *lost_out,
                      int64_t *doubled_out) {
    int64_t lost = 0, doubled = count->foreign;
    for (int64_t id = 0; id < prove->options->record_count; id++) {
        const int missing = (int)prove->input.times[id] - (int)count->times[id];
        lost += missing > 0 ? missing : 0;
        doubled += missing < 0 ? -missing : 0;
    }
    *lost_out = lost;
    *doubled_out = doubled;
}

/* --- the disk --------------------------------------------------------------------------------------------------- */

static const char *file_system(int64_t type) {
    static const struct {
        int64_t type;
        const char *name;
    } known[] = {
        {0xEF53, "ext4"},        {0x58465342, "xfs"}, {0x9123683E, "btrfs"}, {0x01021994, "tmpfs (no disk)"},
        {0x794C7630, "overlay"}, {0x6969, "nfs"},     {0x2FC12FC1, "zfs"},   {0xF2F52010, "f2fs"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].type == type) {
            return known[i].name;
        }
    }
    return "file system of another kind";
}

static int compare_times(const void *left, const void *right) {
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return a < b ? -1 : a > b ? 1 : 0;
}

const char *ps_prove_disk(struct ps_prove *prove) {
    static const char block[4096] = "penstock";
    int64_t times[SYNC_COUNT] = {0};
    struct statfs info = {0};
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/sync", prove->folder);
    const int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    for (int i = 0; i < SYNC_COUNT && file >= 0; i++) {
        const int64_t start = ps_clock_monotonic_ns();
        if (write(file, block, sizeof block) < 0 || fsync(file) != 0) {
            break;
        }
        times[i] = ps_clock_monotonic_ns() - start;
    }
    if (file >= 0) {
        (void)close(file);
        (void)unlink(path);
    }
    qsort(times, SYNC_COUNT, sizeof times[0], compare_times);
    const char *text =
        statfs(prove->folder, &info) != 0
            ? NULL
            : ps_arena_printf(prove->arena, "%s, a sync of 4 KiB takes %.2f ms",
                              file_system((int64_t)info.f_type), (double)times[SYNC_COUNT / 2] / 1e6);
    return text != NULL ? text : "not known";
}
