/* SPDX-License-Identifier: Apache-2.0
 *
 * source_file_test.c - what is special about files: last lines, byte order marks, headers, gzip, huge records,
 * and files that are not what they were. What holds for every source is in tests/conformance.
 */
#include "folder.h"

#include <sys/resource.h>
#include <zlib.h>

static void last_line_without_a_line_end(void **state) {
    (void)state;
    struct folder folder;
    folder_begin(&folder, "json", "*.ndjson");
    folder_open(&folder);
    folder_write(&folder, "x.ndjson", "{\"a\":1}\n{\"a\":2");
    folder_expect(&folder, "1,;"); /* it is being written */
    folder_write(&folder, "x.ndjson", "2}");
    folder_expect(&folder, "");
    folder_age(&folder, "x.ndjson");
    folder_expect(&folder, "22,;"); /* now it is not */
    folder_expect(&folder, "");
    folder_write(&folder, "x.ndjson", "\n{\"a\":3}\n");
    folder_expect(&folder, "3,;");
    folder_end(&folder);
}

static void last_line_that_goes_on(void **state) {
    (void)state;
    struct folder folder;
    folder_begin(&folder, "json", "*.ndjson");
    folder_open(&folder);
    folder_write(&folder, "x.ndjson", "{\"a\":1}\n{\"a\":2");
    folder_age(&folder, "x.ndjson");
    folder_expect(&folder, "1,;!syntax@8;");
    folder_write(&folder, "x.ndjson", "2}\n");
    folder_expect_error(&folder, PENSTOCK_INVALID_DATA, "x.ndjson changed: its last line, up to byte 14",
                        "unterminated = 'wait'");
    folder_open(&folder);
    folder_expect_error(&folder, PENSTOCK_INVALID_DATA, "x.ndjson changed: its last line", "");
    folder_end(&folder);
}

static void last_line_may_be_waited_for(void **state) {
    (void)state;
    struct folder folder;
    folder_begin(&folder, "json", "*.ndjson");
    folder_set(&folder, "unterminated", "wait");
    folder_open(&folder);
    folder_write(&folder, "x.ndjson", "{\"a\":1}\n{\"a\":2");
    folder_age(&folder, "x.ndjson");
    folder_expect(&folder, "1,;");
    folder_write(&folder, "x.ndjson", "}\n");
    folder_expect(&folder, "2,;");
    folder_end(&folder);
}

/* --once: what is just being written is waited for, and the source is not drained before. */
static void once_waits_for_the_last_line(void **state) {
    (void)state;
    struct folder folder;
    struct ps_epoch_limits limits = folder_limits;
    limits.is_once = true;
    folder_begin(&folder, "json", "*.ndjson");
    folder_open(&folder);
    folder_write(&folder, "x.ndjson", "{\"a\":1}\n{\"a\":2}");
    assert_int_equal(folder_try(&folder, limits), PENSTOCK_OK);
    assert_string_equal(folder.rows.data, "1,;2,;");
    assert_true(folder.is_drained);
    folder_end(&folder);
}

static void line_ends_and_byte_order_marks(void **state) {
    (void)state;
    struct folder folder;
    folder_begin(&folder, "json", "*.ndjson");
    folder_open(&folder);
    folder_write(&folder, "a.ndjson", "\xEF\xBB\xBF{\"a\":1}\r\n\r\n\n  \n{\"a\":2}\r\n");
    folder_write(&folder, "b.ndjson", "");
    folder_write(&folder, "c.ndjson", "\n\n");
    folder_write(&folder, "d.ndjson", "{\"a\":4}\n\xEF\xBB\xBF{\"a\":5}\n");
    folder_expect(&folder, "1,;2,;4,;!syntax@8;");
    folder_end(&folder);
}

static void csv_headers_are_of_each_file(void **state) {
    (void)state;
    struct folder folder;
    folder_begin(&folder, "csv", "*.csv");
    folder_open(&folder);
    folder_write(&folder, "a.csv", "\xEF\xBB\xBF\"a\",b\n1,x\n");
    folder_write(&folder, "b.csv", "b,\"extra\ncolumn\",A\n\"y\n,\",0,2\n");
    folder_write(&folder, "c.csv", "a,b\n");
    folder_write(&folder, "d.csv", "");
    folder_expect(&folder, "1,x;2,y\n,;");
    /* later records of a file, after a restart, know its header */
    folder_open(&folder);
    folder_write(&folder, "b.csv", "z,0,3\n");
    folder_write(&folder, "c.csv", "4,w\n");
    folder_expect(&folder, "3,z;4,w;");
    /* dead letters are decoded again with the header of their file */
    const struct ps_record record = {.raw = PS_BYTES("again,0,7"), .offset = 99};
    const struct ps_position *position = ps_position_list_find(&folder.positions, "b.csv");
    struct ps_batch *batch = NULL;
    assert_int_equal(ps_decode_records(&folder.setup, position->partition, position->state, &record, 1,
                                       &batch, &folder.error),
                     PENSTOCK_OK);
    ps_buffer_clear(&folder.rows);
    folder_show(&folder, batch);
    assert_string_equal(folder.rows.data, "7,again;");
    assert_int_equal(batch->records[0].offset, 99);
    ps_batch_free(batch);
    folder_write(&folder, "e.csv", "a,c\n1,2\n");
    folder_expect_error(&folder, PENSTOCK_INVALID_DATA, "e.csv: the CSV header has no column b; it is: a,c",
                        "");
    folder_end(&folder);
}

/* An open quote at the end of a growing file is waited for; at the end of a finished one it costs its own line. */
static void csv_quotes_that_stay_open(void **state) {
    (void)state;
    struct folder folder;
    folder_begin(&folder, "csv", "*.csv");
    folder_open(&folder);
    folder_write(&folder, "a.csv", "a,b\n1,x\n2,\"y\n3,z\n");
    folder_expect(&folder, "1,x;");
    folder_age(&folder, "a.csv");
    folder_expect(&folder, "!syntax@8;3,z;");
    folder_end(&folder);
}

static void paths_that_are_wrong(void **state) {
    (void)state;
    static const struct {
        const char *path;
        penstock_code code;
        const char *message, *hint;
    } cases[] = {
        {"data", PENSTOCK_INVALID_ARGUMENT, "source s: path 'data' is a folder", "'data/*.ndjson'"},
        {"data/x.ndjson", PENSTOCK_NOT_FOUND, "source s: there is no file data/x.ndjson", "project's folder"},
        {"dta/*.ndjson", PENSTOCK_NOT_FOUND, "source s: path 'dta/*.ndjson': there is no folder dta", ""},
        {"data/*.ndjson, nowhere.ndjson", PENSTOCK_NOT_FOUND, "there is no file nowhere.ndjson", ""},
        {"zst/*", PENSTOCK_UNSUPPORTED, "zst/x.ndjson.zst: files packed as .zst", "gzip"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct folder folder;
        folder_begin(&folder, "json", cases[i].path);
        assert_int_equal(mkdir(folder_at(&folder, "data"), 0700) + mkdir(folder_at(&folder, "zst"), 0700), 0);
        folder_write(&folder, "zst/x.ndjson.zst", "x");
        folder_open(&folder);
        folder_expect_error(&folder, cases[i].code, cases[i].message, cases[i].hint);
        folder_end(&folder);
    }
}

static void several_patterns_are_one_order(void **state) {
    (void)state;
    struct folder folder;
    folder_begin(&folder, "json", "z/*.ndjson, a.ndjson , **/*.ndjson");
    assert_int_equal(mkdir(folder_at(&folder, "z"), 0700), 0);
    folder_write(&folder, "z/1.ndjson", "{\"a\":3}\n");
    folder_write(&folder, "b.ndjson", "{\"a\":2}\n");
    folder_write(&folder, "a.ndjson", "{\"a\":1}\n");
    folder_open(&folder);
    folder_expect(&folder, "1,;2,;3,;");
    /* later files come later, whatever their names */
    folder_write(&folder, "0.ndjson", "{\"a\":4}\n");
    folder_write(&folder, "a.ndjson", "{\"a\":5}\n");
    folder_expect(&folder, "5,;4,;");
    assert_int_equal(ps_position_list_find(&folder.positions, "0.ndjson")->partition.ordinal, 3);
    folder_end(&folder);
}

/* The order of a discovery outlives a crash in the middle of it, although other files have come since. */
static void ordinals_outlive_a_restart(void **state) {
    (void)state;
    struct folder folder;
    struct ps_range *range = NULL;
    const struct ps_epoch_limits small = {.byte_count_max = 8, .slice_size = 8};
    folder_begin(&folder, "json", "*.ndjson");
    folder_write(&folder, "a.ndjson", "{\"a\":1}\n{\"a\":2}\n");
    folder_write(&folder, "c.ndjson", "{\"a\":3}\n");
    folder_open(&folder);
    assert_int_equal(ps_source_plan(folder.source, &small, &range, &folder.error), PENSTOCK_OK);
    assert_int_equal(folder_take_range(&folder, range), PENSTOCK_OK);
    ps_range_free(range);
    folder_write(&folder, "b.ndjson", "{\"a\":4}\n");
    folder_open(&folder);
    folder_expect(&folder, "2,;3,;4,;");
    folder_end(&folder);
}

/* --- gone and changed ------------------------------------------------------------------------------------ */

static void files_that_are_gone(void **state) {
    (void)state;
    struct folder folder;
    folder_begin(&folder, "json", "*.ndjson");
    folder_write(&folder, "a.ndjson", "{\"a\":1}\n");
    folder_write(&folder, "b.ndjson", "{\"a\":2}\n");
    folder_open(&folder);
    folder_expect(&folder, "1,;2,;");
    /* read to its end: it may go */
    assert_int_equal(unlink(folder_at(&folder, "a.ndjson")), 0);
    folder_expect(&folder, "");
    folder_open(&folder);
    folder_expect(&folder, "");
    /* not read to its end: it may not */
    folder_write(&folder, "c.ndjson", "{\"a\":3}\n{\"a\":4");
    folder_expect(&folder, "3,;");
    assert_int_equal(unlink(folder_at(&folder, "c.ndjson")), 0);
    folder_open(&folder);
    folder_expect_error(&folder, PENSTOCK_INVALID_DATA,
                        "c.ndjson vanished before it was read to its end: it had 14 bytes",
                        "on_lost = 'skip'");
    folder_set(&folder, "on_lost", "skip");
    folder_open(&folder);
    folder_expect(&folder, "");
    folder_end(&folder);
}

static void files_that_go_between_plan_and_read(void **state) {
    (void)state;
    struct folder folder;
    struct ps_range *range = NULL;
    folder_begin(&folder, "json", "*.ndjson");
    folder_write(&folder, "a.ndjson", "{\"a\":1}\n");
    folder_open(&folder);
    assert_int_equal(ps_source_plan(folder.source, &folder_limits, &range, &folder.error), PENSTOCK_OK);
    assert_int_equal(truncate(folder_at(&folder, "a.ndjson"), 3), 0);
    assert_int_equal(folder_take_range(&folder, range), PENSTOCK_INVALID_DATA);
    assert_non_null(strstr(folder.error.message, "a.ndjson shrank while it was read"));
    assert_int_equal(unlink(folder_at(&folder, "a.ndjson")), 0);
    assert_int_not_equal(folder_take_range(&folder, range), PENSTOCK_OK);
    assert_non_null(strstr(folder.error.message, "a.ndjson vanished while it was to be read from byte 0"));
    ps_range_free(range);
    folder_end(&folder);
}

/* A copied folder is the same folder: neither inode nor time counts. */
static void copies_are_the_same_files(void **state) {
    (void)state;
    struct folder folder;
    folder_begin(&folder, "json", "*.ndjson");
    folder_write(&folder, "a.ndjson", "{\"a\":1}\n");
    folder_open(&folder);
    folder_expect(&folder, "1,;");
    assert_int_equal(rename(folder_at(&folder, "a.ndjson"), folder_at(&folder, "old")), 0);
    folder_write(&folder, "a.ndjson", "{\"a\":1}\n{\"a\":2}\n");
    folder_expect(&folder, "2,;");
    /* another file of the same name is not */
    assert_int_equal(unlink(folder_at(&folder, "a.ndjson")), 0);
    folder_write(&folder, "a.ndjson", "{\"a\":9}\n{\"a\":8}\n{\"a\":7}\n");
    folder_expect_error(&folder, PENSTOCK_INVALID_DATA, "a.ndjson changed: its first 16 bytes were read",
                        "new name");
    folder_end(&folder);
}

/* --- gzip ------------------------------------------------------------------------------------------------ */

/* Writes `text` packed, in two members, and keeps only the first `size` bytes (0: all). */
static void write_packed(struct folder *folder, const char *name, const char *text, long size) {
    for (int member = 0; member < 2; member++) {
        gzFile file = gzopen(folder_at(folder, name), "ab");
        const size_t half = strlen(text) / 2;
        const char *part = text + (member == 0 ? 0 : half);
        const size_t part_size = member == 0 ? half : strlen(text) - half;
        assert_int_equal(gzwrite(file, part, (unsigned)part_size), (int)part_size);
        gzclose(file);
    }
    if (size != 0) {
        struct stat info;
        assert_int_equal(stat(folder_at(folder, name), &info), 0);
        assert_int_equal(truncate(folder_at(folder, name), size > 0 ? size : info.st_size + size), 0);
    }
}

static void gzip_members_and_ends(void **state) {
    (void)state;
    struct folder folder;
    folder_begin(&folder, "json", "*.gz");
    folder_open(&folder);
    write_packed(&folder, "a.ndjson.gz", "{\"a\":1}\n{\"a\":2}\n{\"a\":3}", 0);
    folder_write(&folder, "b.ndjson.gz", "");
    folder_append(&folder, "a.ndjson.gz", "\0\0\0\0", 4); /* padding */
    folder_expect(&folder, "1,;2,;3,;");
    folder_open(&folder);
    folder_expect(&folder, "");
    /* a whole gzip file may go, and may not grow */
    write_packed(&folder, "a.ndjson.gz", "{\"a\":4}\n", 0);
    folder_expect_error(&folder, PENSTOCK_INVALID_DATA, "a.ndjson.gz changed: it was read to its end at",
                        "new name");
    assert_int_equal(unlink(folder_at(&folder, "a.ndjson.gz")), 0);
    folder_expect(&folder, "");
    folder_end(&folder);
}

static void gzip_that_is_truncated(void **state) {
    (void)state;
    struct folder folder;
    folder_begin(&folder, "json", "*.gz");
    folder_open(&folder);
    write_packed(&folder, "a.ndjson.gz", "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n{\"a\":4}\n", -4);
    folder_expect(&folder, "1,;2,;3,;4,;"); /* it is being written: what is there is read */
    folder_age(&folder, "a.ndjson.gz");
    folder_expect_error(&folder, PENSTOCK_INVALID_DATA, "a.ndjson.gz is truncated: it ends at byte",
                        "on_lost = 'skip'");
    folder_open(&folder);
    folder_expect_error(&folder, PENSTOCK_INVALID_DATA, "unpacked, its records up to byte 32 are read", "");
    folder_set(&folder, "on_lost", "skip");
    folder_open(&folder);
    folder_expect(&folder, "");
    folder_end(&folder);
}

static void gzip_that_is_broken(void **state) {
    (void)state;
    struct folder folder;
    folder_begin(&folder, "json", "*.gz");
    folder_open(&folder);
    folder_write(&folder, "a.ndjson.gz", "{\"a\":1}\n");
    folder_expect_error(&folder, PENSTOCK_INVALID_DATA, "a.ndjson.gz is not valid gzip at byte",
                        "compression = 'none'");
    folder_set(&folder, "compression", "none");
    folder_open(&folder);
    folder_expect(&folder, "1,;");
    folder_end(&folder);
}

/* --- huge records ---------------------------------------------------------------------------------------- */

/* A line of 100 MB between two others, plain and packed: one dead letter, and no 100 MB in memory. */
static void a_line_of_100_megabytes(void **state) {
    (void)state;
    for (int is_packed = 0; is_packed < 2; is_packed++) {
        struct folder folder;
        struct rusage before, after;
        static char block[1 << 20];
        memset(block, 'x', sizeof(block));
        folder_begin(&folder, "json", "*");
        gzFile file = gzopen(folder_at(&folder, is_packed ? "a.gz" : "a"), is_packed ? "wb1" : "wbT");
        gzputs(file, "{\"a\":1}\n");
        for (int i = 0; i < 100; i++) {
            gzwrite(file, block, sizeof(block));
        }
        gzputs(file, "\n{\"a\":2}\n");
        gzclose(file);
        folder_open(&folder);
        getrusage(RUSAGE_SELF, &before);
        folder_expect(&folder, "1,;!size@8;2,;");
        getrusage(RUSAGE_SELF, &after);
        assert_true(after.ru_maxrss - before.ru_maxrss < 40 * 1024);
        folder_end(&folder);
    }
}

/* A record that is larger than a slice, or than what is left of an epoch, is whole all the same. */
static void records_larger_than_a_slice(void **state) {
    (void)state;
    static const char *const encodes[] = {"json", "csv"};
    for (int kind = 0; kind < 2; kind++) {
        struct folder folder;
        const struct ps_epoch_limits limits = {.byte_count_max = 100, .slice_size = 40};
        folder_begin(&folder, encodes[kind], "*");
        folder_open(&folder);
        char text[4000] = "a,b\n";
        size_t size = kind == 0 ? 0 : 4;
        for (int i = 0; i < 10; i++) {
            size += (size_t)snprintf(
                text + size, sizeof(text) - size,
                kind == 0 ? "{\"a\":%d,\"b\":\"%.*s\"}\n" : "%d,\"%.*s\n\"\n", i, i % 3 == 0 ? 300 : 5,
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        }
        folder_write(&folder, "a", text);
        assert_int_equal(folder_try(&folder, limits), PENSTOCK_OK);
        assert_null(strchr(folder.rows.data, '!'));
        char number[16];
        const char *at = folder.rows.data;
        for (int i = 0; i < 10; i++) {
            snprintf(number, sizeof(number), "%d,xxxxx", i);
            at = strstr(at, number);
            assert_non_null(at);
        }
        folder_end(&folder);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_line_without_a_line_end),
        cmocka_unit_test(last_line_that_goes_on),
        cmocka_unit_test(last_line_may_be_waited_for),
        cmocka_unit_test(once_waits_for_the_last_line),
        cmocka_unit_test(line_ends_and_byte_order_marks),
        cmocka_unit_test(csv_headers_are_of_each_file),
        cmocka_unit_test(csv_quotes_that_stay_open),
        cmocka_unit_test(paths_that_are_wrong),
        cmocka_unit_test(several_patterns_are_one_order),
        cmocka_unit_test(ordinals_outlive_a_restart),
        cmocka_unit_test(files_that_are_gone),
        cmocka_unit_test(files_that_go_between_plan_and_read),
        cmocka_unit_test(copies_are_the_same_files),
        cmocka_unit_test(gzip_members_and_ends),
        cmocka_unit_test(gzip_that_is_truncated),
        cmocka_unit_test(gzip_that_is_broken),
        cmocka_unit_test(a_line_of_100_megabytes),
        cmocka_unit_test(records_larger_than_a_slice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
