/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_source_test.c - the HBase source without a server: the state of a position, cells that were given, key ranges,
 * turns, and rows that become records.
 */
#include "connect/hbase_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define OK(call) \
    do { \
        if ((call) != PENSTOCK_OK) { \
            fail_msg("%s", error.message); \
        } \
    } while (0)

static struct ps_hbase_cell cell_of(const char *row, const char *qualifier, int64_t timestamp) {
    return (struct ps_hbase_cell){.row = ps_bytes_of(row),
                                  .family = PS_BYTES("f"),
                                  .qualifier = ps_bytes_of(qualifier),
                                  .value = PS_BYTES("value"),
                                  .timestamp = timestamp,
                                  .type = PS_HBASE_CELL_PUT};
}

/* --- state ----------------------------------------------- */

static void write_state(const struct ps_hbase_stand *stand, struct ps_buffer *out) {
    ps_buffer_init(out, (size_t)1 << 24);
    ps_hbase_stand_write(stand, out);
    assert_false(out->failed);
}

static struct ps_hbase_stand some_stand(void) {
    struct penstock_error error = {0};
    struct ps_hbase_stand stand = {.start = {"r\x00\x5c\xff\"a", 6},
                                   .stop = PS_BYTES("s"),
                                   .pass = 3,
                                   .from = 1700000000000,
                                   .to = 1700000011000,
                                   .has_next = true};
    ps_buffer_init(&stand.next, 100);
    ps_buffer_add(&stand.next, "r\x01\n\xc3\xa9", 5);
    for (int i = 0; i < 300; i++) {
        char row[16];
        snprintf(row, sizeof row, "r%d", i);
        const struct ps_hbase_cell cell = cell_of(row, "q", 1700000001000 + i);
        const struct ps_hbase_seen_cell seen = ps_hbase_seen_of(&cell);
        OK(ps_hbase_seen_add(&stand.seen, &seen, &error));
    }
    return stand;
}

static void state_comes_back(void **state) {
    (void)state;
    struct penstock_error error = {0};
    struct ps_hbase_stand stand = some_stand(), back = {.pass = 0};
    struct ps_buffer text, again;
    struct ps_arena *arena = ps_arena_new(0);
    write_state(&stand, &text);
    OK(ps_hbase_stand_read(text.data, arena, &back, &error));
    assert_true(ps_bytes_equal(back.start, stand.start));
    assert_true(ps_bytes_equal(back.stop, stand.stop));
    assert_int_equal(back.pass, 3);
    assert_true(back.from == stand.from && back.to == stand.to && back.has_next && !back.is_done);
    assert_int_equal(back.next.size, 5);
    assert_memory_equal(back.next.data, stand.next.data, 5);
    assert_int_equal(back.seen.count, 300);
    for (int i = 0; i < 300; i++) {
        char row[16];
        snprintf(row, sizeof row, "r%d", i);
        struct ps_hbase_cell cell = cell_of(row, "q", 1700000001000 + i);
        struct ps_hbase_seen_cell seen = ps_hbase_seen_of(&cell);
        assert_true(ps_hbase_seen_has(&back.seen, &seen));
        cell.timestamp++;
        seen = ps_hbase_seen_of(&cell);
        assert_false(ps_hbase_seen_has(&back.seen, &seen));
    }
    write_state(&back, &again);
    assert_int_equal(again.size, text.size);
    ps_buffer_done(&text);
    ps_buffer_done(&again);
    ps_hbase_stand_done(&stand);
    ps_hbase_stand_done(&back);
    ps_arena_free(arena);
}

static void state_of_a_beginning(void **state) {
    (void)state;
    struct penstock_error error = {0};
    const struct ps_hbase_stand stand = {.start = PS_BYTES(""), .stop = PS_BYTES(""), .pass = -1};
    struct ps_hbase_stand back = {.pass = 0};
    struct ps_buffer text;
    struct ps_arena *arena = ps_arena_new(0);
    write_state(&stand, &text);
    assert_string_equal(
        text.data,
        "{\"start\":\"\",\"stop\":\"\",\"pass\":-1,\"from\":0,\"to\":0,\"since\":0,\"done\":false}");
    OK(ps_hbase_stand_read(text.data, arena, &back, &error));
    assert_true(back.pass == -1 && !back.has_next && back.seen.count == 0);
    ps_buffer_done(&text);
    ps_hbase_stand_done(&back);
    ps_arena_free(arena);
}

static const char *const bad_states[] = {
    "",
    "[]",
    "{}",
    "{\"start\":\"\",\"stop\":\"\",\"pass\":0,\"from\":0,\"to\":0}",
    "{\"start\":1,\"stop\":\"\",\"pass\":0,\"from\":0,\"to\":0,\"since\":0,\"done\":false}",
    "{\"start\":\"a\\u0000b\",\"stop\":\"\",\"pass\":0,\"from\":0,\"to\":0,\"since\":0,\"done\":false}",
    "{\"start\":\"b\",\"stop\":\"a\",\"pass\":0,\"from\":0,\"to\":0,\"since\":0,\"done\":false}",
    "{\"start\":\"\",\"stop\":\"\",\"pass\":-2,\"from\":0,\"to\":0,\"since\":0,\"done\":false}",
    "{\"start\":\"\",\"stop\":\"\",\"pass\":0.5,\"from\":0,\"to\":0,\"since\":0,\"done\":false}",
    "{\"start\":\"\",\"stop\":\"\",\"pass\":0,\"from\":0,\"to\":4,\"done\":false}",
    "{\"start\":\"\",\"stop\":\"\",\"pass\":0,\"from\":0,\"to\":4,\"since\":-1,\"done\":false}",
    "{\"start\":\"\",\"stop\":\"\",\"pass\":0,\"from\":5,\"to\":4,\"since\":0,\"done\":false}",
    "{\"start\":\"\",\"stop\":\"\",\"pass\":0,\"from\":-1,\"to\":4,\"since\":0,\"done\":false}",
    "{\"start\":\"\",\"stop\":\"\",\"pass\":0,\"from\":0,\"to\":9223372036854775807,\"since\":0,\"done\":false}",
    "{\"start\":\"\",\"stop\":\"\",\"pass\":0,\"from\":0,\"to\":18446744073709551615,\"since\":0,\"done\":false}",
    "{\"start\":\"\",\"stop\":\"\",\"pass\":0,\"from\":0,\"to\":4,\"since\":0,\"done\":1}",
    "{\"start\":\"m\",\"stop\":\"n\",\"pass\":0,\"from\":0,\"to\":4,\"since\":0,\"done\":false,\"next\":\"a\"}",
    "{\"start\":\"m\",\"stop\":\"n\",\"pass\":0,\"from\":0,\"to\":4,\"since\":0,\"done\":false,\"next\":\"n\"}",
    "{\"start\":\"\",\"stop\":\"\",\"pass\":0,\"from\":0,\"to\":4,\"since\":0,\"done\":false,\"next\":\"\"}",
    "{\"start\":\"m\",\"stop\":\"n\",\"pass\":0,\"from\":0,\"to\":4,\"since\":0,\"done\":true,\"next\":\"m\"}",
    "{\"start\":\"m\",\"stop\":\"n\",\"pass\":0,\"from\":0,\"to\":4,\"since\":0,\"done\":true,\"seen\":\"00\"}",
    "{\"start\":\"m\",\"stop\":\"n\",\"pass\":0,\"from\":0,\"to\":4,\"since\":0,\"done\":true,\"seen\":7}",
    "{\"start\":\"m\",\"stop\":\"n\",\"pass\":0,\"from\":0,\"to\":4,\"since\":0,\"done\":true,\"seen\":"
    "\"00000000000000000000000000000000000000000000\"}",
    "{\"start\":\"m\",\"stop\":\"n\",\"pass\":0,\"from\":0,\"to\":4,\"since\":0,\"done\":true,\"seen\":"
    "\"0000000000000001000000000000000x000000000000\"}",
};

static void bad_states_are_refused(void **state) {
    (void)state;
    struct ps_arena *arena = ps_arena_new(0);
    for (size_t i = 0; i < sizeof bad_states / sizeof bad_states[0]; i++) {
        struct penstock_error error = {0};
        struct ps_hbase_stand stand = {.pass = 0};
        if (ps_hbase_stand_read(bad_states[i], arena, &stand, &error) != PENSTOCK_INVALID_DATA) {
            fail_msg("taken: %s", bad_states[i]);
        }
        assert_non_null(strstr(error.message, "cannot be read"));
        ps_hbase_stand_done(&stand);
    }
    ps_arena_free(arena);
}

/* Whatever is changed in a state, it is refused, or it is one that could be written. */
static void changed_states_do_no_harm(void **state) {
    (void)state;
    struct ps_hbase_stand stand = some_stand();
    struct ps_buffer text;
    write_state(&stand, &text);
    char *copy = ps_allocate(text.size + 1, 1);
    uint64_t random = 7;
    for (int round = 0; round < 3000; round++) {
        struct penstock_error error = {0};
        struct ps_hbase_stand back = {.pass = 0};
        struct ps_arena *arena = ps_arena_new(0);
        memcpy(copy, text.data, text.size + 1);
        for (int change = 0; change <= round % 3; change++) {
            random = ps_hash(&random, sizeof random, (uint64_t)round);
            const size_t room = round % 2 == 0 ? 120 : text.size; /* the hashes are most of it */
            copy[random % room] = "{}[]\",:\\x0a9-."[random / 1000 % 14];
        }
        if (ps_hbase_stand_read(copy, arena, &back, &error) == PENSTOCK_OK) {
            struct ps_buffer again;
            write_state(&back, &again);
            ps_buffer_done(&again);
        }
        ps_hbase_stand_done(&back);
        ps_arena_free(arena);
    }
    ps_release(copy);
    ps_buffer_done(&text);
    ps_hbase_stand_done(&stand);
}

/* --- cells that were given ----------------------------------------------- */

static void cells_are_told_apart(void **state) {
    (void)state;
    struct penstock_error error = {0};
    struct ps_hbase_seen seen = {.slots = NULL};
    const struct ps_hbase_cell cells[] = {cell_of("ab", "c", 5), cell_of("a", "bc", 5), cell_of("abc", "", 5),
                                          cell_of("ab", "c", 6), cell_of("ab", "d", 5)};
    const size_t count = sizeof cells / sizeof cells[0];
    for (size_t i = 0; i < count; i++) {
        const struct ps_hbase_seen_cell one = ps_hbase_seen_of(&cells[i]);
        assert_false(ps_hbase_seen_has(&seen, &one));
        OK(ps_hbase_seen_add(&seen, &one, &error));
        OK(ps_hbase_seen_add(&seen, &one, &error));
        assert_true(ps_hbase_seen_has(&seen, &one));
    }
    assert_int_equal(seen.count, count);
    ps_hbase_seen_done(&seen);
}

static void cells_are_forgotten(void **state) {
    (void)state;
    struct penstock_error error = {0};
    struct ps_hbase_seen seen = {.slots = NULL};
    for (int i = 0; i < 10000; i++) {
        char row[16];
        snprintf(row, sizeof row, "%d", i);
        const struct ps_hbase_cell cell = cell_of(row, "q", i);
        const struct ps_hbase_seen_cell one = ps_hbase_seen_of(&cell);
        OK(ps_hbase_seen_add(&seen, &one, &error));
    }
    OK(ps_hbase_seen_forget(&seen, 9000, &error));
    assert_int_equal(seen.count, 1000);
    for (int i = 0; i < 10000; i++) {
        char row[16];
        snprintf(row, sizeof row, "%d", i);
        const struct ps_hbase_cell cell = cell_of(row, "q", i);
        const struct ps_hbase_seen_cell one = ps_hbase_seen_of(&cell);
        assert_int_equal(ps_hbase_seen_has(&seen, &one), i >= 9000);
    }
    assert_true(seen.slot_count <= 4096);
    ps_hbase_seen_done(&seen);
}

/* --- key ranges and turns ----------------------------------------------- */

static void regions_are_cut(void **state) {
    (void)state;
    struct penstock_error error = {0};
    struct ps_arena *arena = ps_arena_new(0);
    const struct ps_bytes starts[] = {PS_BYTES(""), PS_BYTES("d"), PS_BYTES("h"), PS_BYTES("m"),
                                      PS_BYTES("t")};
    struct ps_bytes *cuts = NULL;
    size_t count = 0;
    OK(ps_hbase_cut(starts, 5, PS_BYTES(""), PS_BYTES(""), 100, arena, &cuts, &count, &error));
    assert_int_equal(count, 5);
    OK(ps_hbase_cut(starts, 5, PS_BYTES("e"), PS_BYTES("m"), 100, arena, &cuts, &count, &error));
    assert_int_equal(count, 2); /* e to h, h to m */
    assert_true(ps_bytes_equal(cuts[0], PS_BYTES("e")) && ps_bytes_equal(cuts[1], PS_BYTES("h")));
    OK(ps_hbase_cut(starts, 5, PS_BYTES("d"), PS_BYTES("e"), 100, arena, &cuts, &count, &error));
    assert_int_equal(count, 1);
    OK(ps_hbase_cut(starts, 5, PS_BYTES(""), PS_BYTES(""), 2, arena, &cuts, &count, &error));
    assert_int_equal(count, 2); /* three regions, two regions */
    assert_true(ps_bytes_equal(cuts[1], PS_BYTES("m")));
    assert_string_equal(ps_hbase_part_name("ns:t", (struct ps_bytes){"a\x00]", 3}, arena), "ns:t[a\\x00]]");
    ps_arena_free(arena);
}

static void turns_share_an_epoch(void **state) {
    (void)state;
    struct ps_hbase_quota quota = ps_hbase_quota_of(1000000, 64 << 20, 8);
    assert_true(quota.count == 1000 && quota.size == 1 << 20);
    quota = ps_hbase_quota_of(800, 64 << 20, 8);
    assert_int_equal(quota.count, 100);
    quota = ps_hbase_quota_of(5, 3, 8);
    assert_true(quota.count == 1 && quota.size == 1);
    quota = ps_hbase_quota_of(500, 1000, 0);
    assert_true(quota.count == 500 && quota.size == 1000);
}

/* --- records ----------------------------------------------- */

struct bench {
    struct ps_hbase_source source;
    struct ps_hbase_part part;
    struct ps_range range;
    struct ps_hbase_taking taking;
};

static void bench_init(struct bench *bench, int64_t versions, int64_t overlap_ms) {
    *bench =
        (struct bench){.source = {.words = {.versions = versions, .overlap_ms = overlap_ms}},
                       .part = {.name = "t[]", .stand = {.from = 0, .to = 1000, .since = 1000 - overlap_ms}},
                       .range = {.arena = ps_arena_new(0)}};
    bench->taking = (struct ps_hbase_taking){.source = &bench->source,
                                             .range = &bench->range,
                                             .count_max = 100,
                                             .size_max = 1 << 20,
                                             .slice_size = 300};
}

static void bench_done(struct bench *bench) {
    ps_release(bench->source.slices);
    ps_release(bench->source.cells);
    ps_buffer_done(&bench->part.block);
    ps_hbase_stand_done(&bench->part.stand);
    ps_arena_free(bench->range.arena);
}

/* Takes a row whose cells lie in an answer. */
static void give(struct bench *bench, const struct ps_hbase_cell *cells, size_t count) {
    struct penstock_error error = {0};
    struct ps_buffer answer PS_SCOPED(ps_buffer_done) = {.data = NULL};
    struct ps_hbase_cell views[16];
    ps_buffer_init(&answer, 1 << 20);
    for (size_t i = 0; i < count; i++) {
        ps_hbase_cell_add(&answer, &cells[i]);
    }
    struct ps_hbase_cell_reader reader = ps_hbase_cell_begin((struct ps_bytes){answer.data, answer.size});
    for (size_t i = 0; i < count; i++) {
        assert_true(ps_hbase_cell_next(&reader, &views[i]));
    }
    const struct ps_hbase_row row = {.key = views[0].row, .cells = views, .cell_count = count};
    OK(ps_hbase_take_row(&bench->taking, &bench->part, &row, &error));
}

static struct ps_slice slice_at(const struct bench *bench, size_t index) {
    const struct ps_hbase_slice *const slice = &bench->source.slices[index];
    return (struct ps_slice){
        .partition = {slice->part->name, 0}, .begin = slice->begin, .end = slice->end, .kept = slice->kept};
}

/* "r1:a@5,b@5;" of all records. */
static void show_records(struct bench *bench, char *text, size_t size) {
    struct penstock_error error = {0};
    size_t length = 0;
    int64_t offset = 0;
    text[0] = '\0';
    OK(ps_hbase_close_slice(&bench->taking, &bench->part, &error));
    for (size_t i = 0; i < bench->source.slice_count; i++) {
        const struct ps_slice slice = slice_at(bench, i);
        struct ps_raw raw = {0};
        OK(ps_hbase_read_kept(&slice, &raw, &error));
        assert_int_equal(raw.message_count, slice.end - slice.begin);
        for (size_t j = 0; j < raw.message_count; j++) {
            const struct ps_message *const message = &raw.messages[j];
            assert_int_equal(message->offset, offset++);
            length += (size_t)snprintf(text + length, size - length, "%.*s:", (int)message->key.size,
                                       message->key.data);
            struct ps_hbase_cell_reader reader = ps_hbase_cell_begin(message->value);
            struct ps_hbase_cell cell;
            int64_t newest = 0;
            while (ps_hbase_cell_next(&reader, &cell)) {
                assert_true(ps_bytes_equal(cell.value, PS_BYTES("value")));
                newest = cell.timestamp > newest ? cell.timestamp : newest;
                length += (size_t)snprintf(text + length, size - length, "%.*s@%d,", (int)cell.qualifier.size,
                                           cell.qualifier.data, (int)cell.timestamp);
            }
            assert_false(reader.is_damaged);
            assert_int_equal(message->timestamp_ms, newest);
            length += (size_t)snprintf(text + length, size - length, ";");
        }
        ps_raw_done(&raw);
    }
}

static void rows_become_records(void **state) {
    (void)state;
    struct bench bench;
    char text[2000];
    bench_init(&bench, 1, 100);
    for (int i = 0; i < 12; i++) { /* more than one slice */
        char row[8];
        snprintf(row, sizeof row, "r%02d", i);
        const struct ps_hbase_cell cells[] = {cell_of(row, "a", 5), cell_of(row, "b", 7)};
        give(&bench, cells, 2);
    }
    show_records(&bench, text, sizeof text);
    assert_true(bench.source.slice_count > 3);
    assert_non_null(strstr(text, "r00:a@5,b@7,;r01:a@5,b@7,;"));
    assert_non_null(strstr(text, "r11:a@5,b@7,;"));
    assert_int_equal(bench.taking.count, 12);
    assert_int_equal(bench.part.stand.seen.count, 0); /* older than the overlap: never met again */
    bench_done(&bench);
}

static void given_cells_are_left_out(void **state) {
    (void)state;
    struct bench bench;
    char text[2000];
    bench_init(&bench, 1, 100);
    const struct ps_hbase_cell first[] = {cell_of("r", "a", 950), cell_of("r", "b", 980),
                                          cell_of("r", "c", 10)};
    const struct ps_hbase_cell second[] = {cell_of("r", "a", 950), cell_of("r", "b", 990),
                                           cell_of("r", "d", 1500)};
    give(&bench, first, 3);
    assert_int_equal(bench.part.stand.seen.count, 2);
    bench.part.stand.from = 900;
    bench.part.stand.to = 2000;
    bench.part.stand.since = 1900;
    give(&bench, first, 2); /* nothing of it is new */
    give(&bench, second, 3);
    give(&bench, first, 1);
    show_records(&bench, text, sizeof text);
    assert_string_equal(text, "r:a@950,b@980,c@10,;r:b@990,d@1500,;");
    bench_done(&bench);
}

static void a_snapshot_remembers_nothing(void **state) {
    (void)state;
    struct bench bench;
    bench_init(&bench, 1, 100);
    bench.source.words.is_snapshot = true;
    const struct ps_hbase_cell cell = cell_of("r", "a", 999);
    give(&bench, &cell, 1);
    assert_int_equal(bench.part.stand.seen.count, 0);
    bench_done(&bench);
}

static void versions_are_records(void **state) {
    (void)state;
    struct bench bench;
    char text[2000];
    bench_init(&bench, INT32_MAX, 100);
    const struct ps_hbase_cell cells[] = {cell_of("r", "a", 7), cell_of("r", "a", 5), cell_of("r", "a", 1),
                                          cell_of("r", "b", 7), cell_of("r", "b", 1), cell_of("r", "c", 6)};
    give(&bench, cells, 6);
    show_records(&bench, text, sizeof text);
    assert_string_equal(text, "r:a@1,b@1,;r:a@5,;r:c@6,;r:a@7,b@7,;");
    bench_done(&bench);
}

static bool is_met(struct bench *bench, const char *name, int64_t timestamp) {
    struct penstock_error error = {0};
    const struct ps_hbase_cell cells[] = {cell_of(name, "a", timestamp), cell_of(name, "b", timestamp)};
    const struct ps_hbase_row row = {.key = cells[0].row, .cells = cells, .cell_count = 2};
    bool is_new = false;
    OK(ps_hbase_meet_row(&bench->source, &bench->part, &row, &is_new, &error));
    return is_new;
}

static void too_much_to_remember_waits(void **state) {
    (void)state;
    struct bench bench;
    char name[16];
    bench_init(&bench, 1, 100);
    struct ps_hbase_stand *const stand = &bench.part.stand;
    for (size_t i = 0; i < PS_HBASE_SEEN_COUNT_MAX / 2; i++) {
        snprintf(name, sizeof name, "%zu", i);
        assert_true(is_met(&bench, name, 999));
    }
    assert_false(stand->is_held_back);
    assert_int_equal(stand->seen.count, PS_HBASE_SEEN_COUNT_MAX);
    assert_false(is_met(&bench, "late", 900)); /* not now, */
    assert_true(stand->is_held_back);
    assert_true(is_met(&bench, "early", 899)); /* what cannot be met again is given */
    stand->from = stand->since;
    stand->to = 2000;
    stand->since = 1900;
    stand->is_held_back = false;
    assert_true(is_met(&bench, "late", 900)); /* but then, */
    assert_false(is_met(&bench, "0", 999));   /* and the others not again */
    assert_false(is_met(&bench, "new", 1950));
    assert_true(stand->is_held_back);
    bench_done(&bench);
}

/* A row's cells of one time come together: all of them, or none. */
static void rows_are_held_back_whole(void **state) {
    (void)state;
    struct bench bench;
    char name[16], text[2000];
    bench_init(&bench, 1, 100);
    for (size_t i = 0; i < PS_HBASE_SEEN_COUNT_MAX / 2 - 1; i++) {
        snprintf(name, sizeof name, "%zu", i);
        assert_true(is_met(&bench, name, 999));
    }
    const struct ps_hbase_cell cells[] = {cell_of("r", "a", 999), cell_of("r", "b", 999),
                                          cell_of("r", "c", 999), cell_of("r", "d", 10)};
    give(&bench, cells, 4);
    give(&bench, cells, 2);
    show_records(&bench, text, sizeof text);
    assert_string_equal(text, "r:d@10,;r:a@999,b@999,;");
    bench_done(&bench);
}

/* What is kept lies in the store: it is not believed either. */
static void damaged_slices_are_refused(void **state) {
    (void)state;
    struct penstock_error error = {0};
    struct bench bench;
    bench_init(&bench, 1, 100);
    const struct ps_hbase_cell cells[] = {cell_of("r", "a", 5), cell_of("r", "b", 7)};
    give(&bench, cells, 2);
    OK(ps_hbase_close_slice(&bench.taking, &bench.part, &error));
    struct ps_slice slice = slice_at(&bench, 0);
    const size_t size = slice.kept.size;
    for (size_t cut = 0; cut < size; cut++) { /* cut short */
        struct ps_raw raw = {0};
        slice.kept.size = cut;
        assert_int_equal(ps_hbase_read_kept(&slice, &raw, &error), PENSTOCK_INVALID_DATA);
        ps_raw_done(&raw);
    }
    slice.kept.size = size;
    slice.end = INT64_MAX; /* more records than there are bytes */
    struct ps_raw raw = {0};
    assert_int_equal(ps_hbase_read_kept(&slice, &raw, &error), PENSTOCK_INVALID_DATA);
    ps_raw_done(&raw);
    slice.kept = (struct ps_bytes){NULL, 0};
    assert_int_equal(ps_hbase_read_kept(&slice, &raw, &error), PENSTOCK_INVALID_DATA);
    ps_raw_done(&raw);
    assert_non_null(strstr(error.message, "t[]"));
    bench_done(&bench);
}

static void epochs_end_with_row_groups(void **state) {
    (void)state;
    const int64_t bytes = (int64_t)64 << 20, rows = 245760, group = 122880;
    assert_int_equal(ps_epoch_count_max(0, 0, rows, bytes), rows);
    assert_int_equal(ps_epoch_count_max(1000, 200000, rows, bytes), rows); /* two fit */
    assert_int_equal(ps_epoch_count_max(1000, 450000, rows, bytes), group);
    assert_int_equal(ps_epoch_count_max(1000, 546000, rows, bytes), group);
    assert_int_equal(ps_epoch_count_max(1000, 547000, rows, bytes),
                     rows); /* not even one: the size decides */
    assert_int_equal(ps_epoch_count_max(1000, 450000, 1000000, bytes), group);
    assert_int_equal(ps_epoch_count_max(1000, 100000, 1000000, bytes), 5 * group);
    assert_int_equal(ps_epoch_count_max(1000, 450000, 5000, bytes), 5000); /* as the project says */
    assert_int_equal(ps_epoch_count_max(1000, 450000, 200000, bytes), group);
    assert_int_equal(ps_epoch_count_max(1000, 10, rows, bytes), rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(epochs_end_with_row_groups), cmocka_unit_test(state_comes_back),
        cmocka_unit_test(state_of_a_beginning),       cmocka_unit_test(bad_states_are_refused),
        cmocka_unit_test(changed_states_do_no_harm),  cmocka_unit_test(cells_are_told_apart),
        cmocka_unit_test(cells_are_forgotten),        cmocka_unit_test(regions_are_cut),
        cmocka_unit_test(turns_share_an_epoch),       cmocka_unit_test(rows_become_records),
        cmocka_unit_test(given_cells_are_left_out),   cmocka_unit_test(a_snapshot_remembers_nothing),
        cmocka_unit_test(versions_are_records),       cmocka_unit_test(too_much_to_remember_waits),
        cmocka_unit_test(rows_are_held_back_whole),   cmocka_unit_test(damaged_slices_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
