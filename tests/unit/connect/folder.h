/* SPDX-License-Identifier: Apache-2.0
 *
 * folder.h - what the tests of the file connector share: a folder, a source on it, and everything it gives.
 */
#ifndef TESTS_UNIT_CONNECT_FOLDER_H
#define TESTS_UNIT_CONNECT_FOLDER_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"
#include "connect/create.h"

struct folder {
    char path[64];
    struct ps_arena *arena;
    struct ps_source *source;
    struct ps_source_setup setup;
    struct ps_source_statement statement;
    struct ps_setting settings[8], encode_settings[4];
    struct ps_position_list positions;
    struct penstock_error error;
    struct ps_buffer rows; /* "a,b;" of every row; dead letters as "!reason@offset;" */
    bool is_drained;
};

static struct ps_column_schema folder_columns[] = {{"a", "INTEGER", PS_TYPE_INTEGER, false},
                                                   {"b", "VARCHAR", PS_TYPE_VARCHAR, false}};
static const struct ps_epoch_limits folder_limits = {.byte_count_max = 1 << 20, .slice_size = 1 << 16};

static inline void folder_begin(struct folder *folder, const char *encode, const char *pattern) {
    *folder = (struct folder){.arena = ps_arena_new(0)};
    snprintf(folder->path, sizeof(folder->path), "penstock-connect-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    ps_buffer_init(&folder->rows, 1 << 20);
    assert_int_equal(ps_position_list_init(&folder->positions, NULL), PENSTOCK_OK);
    folder->settings[0] = (struct ps_setting){"connector", "file", {"s.sql", 1, 1}};
    folder->settings[1] = (struct ps_setting){"path", pattern, {"s.sql", 1, 1}};
    folder->statement =
        (struct ps_source_statement){.schema = {folder_columns, 2}, .connector = "file", .encode = encode};
    folder->statement.settings = folder->settings;
    folder->statement.setting_count = 2;
    folder->statement.encode_settings = folder->encode_settings;
}

static inline void folder_set(struct folder *folder, const char *name, const char *value) {
    folder->settings[folder->statement.setting_count++] = (struct ps_setting){name, value, {"s.sql", 1, 1}};
}

/* Opens the source, or opens it again at the committed positions. */
static inline void folder_open(struct folder *folder) {
    ps_source_close(ps_take(folder->source));
    if (ps_source_create(&folder->statement, "s", folder->path, folder->arena, &folder->source,
                         &folder->setup, &folder->error) != PENSTOCK_OK ||
        ps_source_seek(folder->source, &folder->positions, &folder->error) != PENSTOCK_OK) {
        fail_msg("%s", folder->error.message);
    }
}

static inline void folder_end(struct folder *folder) {
    char command[96];
    ps_source_close(folder->source);
    ps_buffer_done(&folder->rows);
    ps_position_list_done(&folder->positions);
    ps_arena_free(folder->arena);
    snprintf(command, sizeof(command), "rm -rf '%s'", folder->path);
    assert_int_equal(system(command), 0);
}

static inline const char *folder_at(struct folder *folder, const char *name) {
    return ps_path_join(folder->arena, folder->path, name);
}

static inline void folder_append(struct folder *folder, const char *name, const char *text, size_t size) {
    FILE *file = fopen(folder_at(folder, name), "ab");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    fclose(file);
}

static inline void folder_write(struct folder *folder, const char *name, const char *text) {
    folder_append(folder, name, text, strlen(text));
}

/* As if nobody had written to it for a minute. */
static inline void folder_age(struct folder *folder, const char *name) {
    struct timespec times[2];
    clock_gettime(CLOCK_REALTIME, &times[0]);
    times[0].tv_sec -= 60;
    times[1] = times[0];
    assert_int_equal(utimensat(AT_FDCWD, folder_at(folder, name), times, 0), 0);
}

static inline void folder_show(struct folder *folder, const struct ps_batch *batch) {
    int64_t row = 0;
    size_t letter = 0;
    while (row < batch->row_count || letter < batch->dead_letter_count) {
        const bool is_row =
            letter == batch->dead_letter_count ||
            (row < batch->row_count && batch->records[row].offset < batch->dead_letters[letter].offset);
        if (!is_row) {
            ps_buffer_printf(&folder->rows, "!%s@%lld;", ps_reason_name(batch->dead_letters[letter].reason),
                             (long long)batch->dead_letters[letter].offset);
            letter++;
            continue;
        }
        const struct ps_bytes text = ((struct ps_bytes *)batch->columns[1].values)[row];
        ps_buffer_printf(&folder->rows, "%d,%.*s;", ((int32_t *)batch->columns[0].values)[row],
                         (int)text.size, text.data);
        row++;
    }
}

static inline penstock_code folder_take_range(struct folder *folder, const struct ps_range *range) {
    for (size_t i = 0; i < range->slice_count; i++) {
        struct ps_raw raw = {0};
        struct ps_batch *batch = NULL;
        PS_TRY(ps_source_read(folder->source, &range->slices[i], &raw, &folder->error));
        const penstock_code code = ps_decode(&folder->setup, &range->slices[i], &raw, &batch, &folder->error);
        if (code == PENSTOCK_OK) {
            folder_show(folder, batch);
        }
        ps_batch_free(batch);
        ps_raw_done(&raw);
        PS_TRY(code);
    }
    for (size_t i = 0; i < range->end_count; i++) {
        PS_TRY(ps_position_list_set(&folder->positions, &range->ends[i], &folder->error));
    }
    return PENSTOCK_OK;
}

/* Takes and commits what is there. */
static inline penstock_code folder_try(struct folder *folder, struct ps_epoch_limits limits) {
    ps_buffer_clear(&folder->rows);
    while (true) {
        struct ps_range *range = NULL;
        PS_TRY(ps_source_plan(folder->source, &limits, &range, &folder->error));
        if (range == NULL) {
            return PENSTOCK_OK;
        }
        folder->is_drained = range->is_drained;
        const penstock_code code = folder_take_range(folder, range);
        ps_range_free(range);
        PS_TRY(code);
    }
}

static inline void folder_expect(struct folder *folder, const char *rows) {
    if (folder_try(folder, folder_limits) != PENSTOCK_OK) {
        fail_msg("%s (%s)", folder->error.message, folder->error.detail);
    }
    assert_string_equal(folder->rows.data == NULL ? "" : folder->rows.data, rows);
}

static inline void folder_expect_error(struct folder *folder, penstock_code code, const char *message,
                                       const char *hint) {
    assert_int_equal(folder_try(folder, folder_limits), code);
    if (strstr(folder->error.message, message) == NULL || strstr(folder->error.hint, hint) == NULL) {
        fail_msg("%s | %s", folder->error.message, folder->error.hint);
    }
}

#endif
