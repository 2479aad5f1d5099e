/* SPDX-License-Identifier: Apache-2.0
 *
 * kept_test.c - the records of the epoch in work, kept with its plan: what sources cannot read again comes back byte by
 * byte, of other sources nothing is kept, and what the store has lost is noticed.
 */
#include "scene.h"

#include "stream/run.h"

/* A run of two sources, of which the second one cannot read again. */
struct kept {
    struct scene scene;
    struct ps_run run;
    struct ps_source_statement statements[2];
    struct ps_input inputs[2];
    struct ps_range ranges[2], *pointers[2];
    struct ps_slice slices[2][2];
    char block[70000];
};

static void make(struct kept *kept) {
    static char path[600];
    memset(kept, 0, sizeof *kept);
    scene_make(&kept->scene, "name: test\n");
    snprintf(path, sizeof path, "%s/store", kept->scene.folder);
    const struct ps_store_options options = {.path = path};
    scene_must(&kept->scene, ps_store_open(&options, &kept->scene.store, &kept->scene.error));
    kept->statements[0].connector = "file";
    kept->statements[1].connector = "hbase";
    for (size_t i = 0; i < sizeof kept->block; i++) {
        kept->block[i] = (char)(unsigned char)(i * 7 + i / 256);
    }
    for (size_t i = 0; i < 2; i++) {
        kept->inputs[i] = (struct ps_input){
            .name = i == 0 ? "files" : "cells", .statement = &kept->statements[i], .is_used = true};
        for (size_t j = 0; j < 2; j++) {
            kept->slices[i][j] =
                (struct ps_slice){.partition = {"p", 0}, .begin = (int64_t)j, .end = (int64_t)j + 1};
        }
        kept->ranges[i] =
            (struct ps_range){.slices = kept->slices[i], .slice_count = 2, .arena = ps_arena_new(0)};
        kept->pointers[i] = &kept->ranges[i];
    }
    kept->slices[1][0].kept = (struct ps_bytes){kept->block, sizeof kept->block};
    kept->slices[1][1].kept = (struct ps_bytes){"\x00'x", 3};
    kept->run = (struct ps_run){.store = kept->scene.store,
                                .connection = kept->scene.store->connection,
                                .inputs = kept->inputs,
                                .input_count = 2};
}

static void end(struct kept *kept) {
    ps_arena_free(kept->ranges[0].arena);
    ps_arena_free(kept->ranges[1].arena);
    scene_end(&kept->scene);
}

static void forget(struct kept *kept) {
    for (size_t i = 0; i < 2; i++) {
        kept->slices[i][0].kept = kept->slices[i][1].kept = (struct ps_bytes){NULL, 0};
    }
}

static void records_come_back(void **state) {
    (void)state;
    static struct kept kept;
    make(&kept);
    struct penstock_error *error = &kept.scene.error;
    for (int round = 0; round < 2; round++) { /* the second plan takes the place of the first */
        scene_must(&kept.scene, ps_kept_save(&kept.run, kept.pointers, error));
        scene_expect(&kept.scene, "SELECT source, slice, octet_length(bytes) FROM penstock.kept ORDER BY ALL",
                     "cells|0|70000;cells|1|3;");
    }
    forget(&kept);
    scene_must(&kept.scene, ps_kept_load(&kept.run, kept.pointers, error));
    assert_int_equal(kept.slices[1][0].kept.size, sizeof kept.block);
    assert_memory_equal(kept.slices[1][0].kept.data, kept.block, sizeof kept.block);
    assert_int_equal(kept.slices[1][1].kept.size, 3);
    assert_memory_equal(kept.slices[1][1].kept.data, "\x00'x", 3);
    assert_null(kept.slices[0][0].kept.data);
    end(&kept);
}

static void what_is_lost_is_noticed(void **state) {
    (void)state;
    static struct kept kept;
    make(&kept);
    struct penstock_error *error = &kept.scene.error;
    scene_must(&kept.scene, ps_kept_save(&kept.run, kept.pointers, error));
    scene_must(&kept.scene,
               ps_sql_run(kept.run.connection, "DELETE FROM penstock.kept WHERE slice = 1", error));
    assert_int_equal(ps_kept_load(&kept.run, kept.pointers, error), PENSTOCK_INVALID_DATA);
    assert_non_null(strstr(error->message, "cells"));
    end(&kept);
}

static void other_sources_pay_nothing(void **state) {
    (void)state;
    static struct kept kept;
    make(&kept);
    struct penstock_error *error = &kept.scene.error;
    kept.statements[1].connector = "kafka";
    scene_must(&kept.scene, ps_kept_save(&kept.run, kept.pointers, error));
    scene_expect(&kept.scene, "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'kept'", "0;");
    scene_must(&kept.scene, ps_kept_load(&kept.run, kept.pointers, error));
    end(&kept);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(records_come_back),
                                       cmocka_unit_test(what_is_lost_is_noticed),
                                       cmocka_unit_test(other_sources_pay_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
