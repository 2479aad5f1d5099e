/* SPDX-License-Identifier: Apache-2.0
 *
 * memory_test.c - memory that runs out at any allocation between CREATE SOURCE and a batch is an ordinary error, leaks
 * nothing, and loses nothing: the same work afterwards gives every record.
 */
#include "folder.h"

#include <zlib.h>

/* One try from the beginning, in which allocation number `call` fails. */
static penstock_code try_with_failure(struct folder *folder, int64_t call) {
    struct ps_position_list nowhere;
    assert_int_equal(ps_position_list_init(&nowhere, NULL), PENSTOCK_OK);
    ps_source_close(ps_take(folder->source));
    ps_position_list_done(&folder->positions);
    assert_int_equal(ps_position_list_init(&folder->positions, NULL), PENSTOCK_OK);
    ps_error_clear(&folder->error);
    ps_memory_fail_at(call);
    penstock_code code = ps_source_create(&folder->statement, "s", folder->path, folder->arena,
                                          &folder->source, &folder->setup, &folder->error);
    code = code == PENSTOCK_OK ? ps_source_seek(folder->source, &nowhere, &folder->error) : code;
    code = code == PENSTOCK_OK ? folder_try(folder, folder_limits) : code;
    ps_memory_fail_at(0);
    ps_position_list_done(&nowhere);
    return code;
}

static void sweep(const char *encode, const char *name, const char *text, const char *rows) {
    struct folder folder;
    folder_begin(&folder, encode, "*");
    gzFile file = gzopen(folder_at(&folder, name), strstr(name, ".gz") != NULL ? "wb" : "wbT");
    assert_int_equal(gzputs(file, text), strlen(text));
    gzclose(file);
    const int64_t before = ps_memory_call_count();
    assert_int_equal(try_with_failure(&folder, 0), PENSTOCK_OK);
    const int64_t call_count = ps_memory_call_count() - before;
    assert_string_equal(folder.rows.data, rows);
    int64_t failure_count = 0;
    for (int64_t call = 1; call <= call_count + 1; call++) {
        const penstock_code code = try_with_failure(&folder, call);
        if (code == PENSTOCK_OK) {
            assert_string_equal(folder.rows.data, rows);
        } else if (code != PENSTOCK_OUT_OF_MEMORY || folder.error.message[0] == '\0') {
            fail_msg("allocation %lld: %s: %s", (long long)call, ps_error_code_name(code),
                     folder.error.message);
        }
        failure_count += code == PENSTOCK_OK ? 0 : 1;
    }
    assert_true(failure_count > call_count / 2);
    folder_end(&folder);
}

static void ndjson(void **state) {
    (void)state;
    sweep("json", "a.ndjson", "{\"a\":1,\"b\":\"\\u00e9\"}\n{\"a\":\"x\"}\n{\"b\":[1]}\n",
          "1,\xC3\xA9;!type@21;0,[1];");
}

static void csv(void **state) {
    (void)state;
    sweep("csv", "a.csv", "b,a\n\"x\"\"y\",1\n,x\n", "1,x\"y;!type@13;");
}

static void gzip(void **state) {
    (void)state;
    sweep("json", "a.ndjson.gz", "{\"a\":1}\n{\"a\":2}\n", "1,;2,;");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ndjson),
        cmocka_unit_test(csv),
        cmocka_unit_test(gzip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
