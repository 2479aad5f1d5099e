/* SPDX-License-Identifier: Apache-2.0
 *
 * rows_test.c - the training rows in memory or in a file: the same values, seen as features; passes in order.
 */
#include "training.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "model/dataset.h"
#include "model/fit.h"
#include "model/frame.h"
#include "model/rows.h"
#include "model/search_split.h"

/* What a training does until the rows are there. */
struct kept {
    struct scene *scene;
    struct ps_recipe *recipe;
    struct ps_dataset dataset;
    struct ps_layout layout;
    struct ps_tally_options options;
    struct ps_tally tally;
    struct ps_rows *rows;
    struct ps_target target;
    struct ps_split split;
    struct ps_search_options search;
};

static const char *const statement =
    "CREATE MODEL m TRANSFORM (Imputer(b), StandardScaler(a, withMean = true), OneHotEncoder(g), Interaction(a, g)) "
    "PREDICT y USING HuberRegression() VALIDATE CrossValidator(numFolds = 3, seed = 5) "
    "AS SELECT a, b, g, y FROM t";

static penstock_code collect(struct kept *kept, int64_t memory_max, const struct ps_stop *stop) {
    struct scene *scene = kept->scene;
    static const char *const names[] = {"a", "b", "g", "y"};
    static const char *const types[] = {"DOUBLE", "DOUBLE", "VARCHAR", "DOUBLE"};
    struct penstock_error *error = &scene->error;
    parse(scene, statement);
    must(ps_recipe_read(scene->node.statement, names, types, 4, scene->arena, &kept->recipe, error), error);
    must(ps_dataset_open(scene->connection, kept->recipe, 2, scene->arena, &kept->dataset, error), error);
    struct ps_buffer where;
    ps_buffer_init(&where, 1 << 16);
    struct ps_fit fit = {.connection = scene->connection,
                         .relation = kept->dataset.relation,
                         .where = &where,
                         .pipeline = kept->recipe->pipeline,
                         .arena = scene->arena};
    must(ps_pipeline_fit(&fit, error), error);
    ps_buffer_done(&where);
    must(ps_layout_init(&kept->layout, kept->recipe->pipeline, scene->arena, error), error);
    kept->options = (struct ps_tally_options){.pipeline = kept->recipe->pipeline,
                                              .layout = &kept->layout,
                                              .validation = &kept->recipe->validation,
                                              .worker_count = 3};
    struct ps_scan *scan = NULL;
    must(ps_dataset_scan_training(&kept->dataset, &scan, error), error);
    must(ps_tally_run(&kept->options, scan, &kept->tally, error), error);
    ps_scan_close(scan);
    kept->options.memory_max = memory_max;
    kept->options.stop = stop;
    must(ps_dataset_scan_training(&kept->dataset, &scan, error), error);
    const penstock_code code =
        ps_rows_collect(&kept->options, &kept->tally, P_tmpdir, scan, &kept->rows, error);
    ps_scan_close(scan);
    return code;
}

static void see(struct kept *kept, size_t split, size_t workers) {
    kept->search = (struct ps_search_options){.layout = &kept->layout,
                                              .tally = &kept->tally,
                                              .rows = kept->rows,
                                              .validation = &kept->recipe->validation,
                                              .target = &kept->target,
                                              .worker_count = workers};
    must(ps_split_init(&kept->split, &kept->search, split, NULL, &kept->scene->error), &kept->scene->error);
}

static void drop(struct kept *kept) {
    ps_split_done(&kept->split);
    kept->split = (struct ps_split){0};
    ps_rows_free(kept->rows);
    ps_tally_done(&kept->tally);
    kept->rows = NULL;
}

static int open_table(void **state) {
    (void)scene_open(state);
    sql(*state,
        "CREATE TABLE t AS SELECT sin(i) * 5 + 100 AS a, CASE WHEN i % 7 = 0 THEN NULL ELSE cos(i) END AS b, "
        "['x', 'y', 'z'][i % 3 + 1] AS g, i::DOUBLE AS y FROM range(50000) r(i)");
    return 0;
}

/* Every feature of every row is what its formula says; the label tells which row it is. */
static void check_rows(struct kept *kept, double mean, double deviation) {
    struct ps_features_reader *reader = NULL;
    must(ps_features_reader_new(&kept->split.set, &reader, &kept->scene->error), &kept->scene->error);
    const size_t features = kept->split.design.count;
    assert_int_equal(features, 6); /* a, b, two of g (z is the rarest), a by those two */
    double *matrix = ps_allocate(PS_FRAME_ROWS * features, sizeof(double));
    size_t seen = 0;
    for (size_t p = 0; p < kept->rows->block_count * kept->rows->part_count; p++) {
        const struct ps_row_panel *panel = &kept->rows->panels[p];
        for (size_t begin = 0; begin < panel->row_count; begin += 1000) {
            const size_t left = panel->row_count - begin;
            const size_t count = left < 1000 ? left : 1000;
            ps_features_dense(ps_features_reader_read(reader, panel, begin, count), matrix);
            for (size_t i = 0; i < count; i++, seen++) {
                const double label = panel->labels[begin + i];
                const int64_t row = (int64_t)label;
                assert_true(label == (double)row); /* not shifted and back */
                const double *found = matrix + i * features;
                const double a = (sin(label) * 5 + 100 - mean) / deviation;
                near(found[0], a, 1e-11);
                near(found[1], row % 7 == 0 ? found[1] : cos(label), 1e-12);
                assert_true(found[2] == (row % 3 == 0 ? 1 : 0) && found[3] == (row % 3 == 1 ? 1 : 0));
                near(found[4], row % 3 == 0 ? a : 0, 1e-11);
                near(found[5], row % 3 == 1 ? a : 0, 1e-11);
            }
        }
    }
    assert_int_equal(seen, 50000);
    ps_release(matrix);
    ps_features_reader_free(reader);
}

static void rows_are_what_the_scan_gave(void **state) {
    struct kept kept = {.scene = *state};
    struct ps_result *result = NULL;
    must(ps_sql_query(kept.scene->connection, "SELECT avg(a), stddev_samp(a) FROM t", &result,
                      &kept.scene->error),
         &kept.scene->error);
    for (size_t i = 0; i < 2; i++) {
        must(collect(&kept, i == 0 ? 0 : 1 << 20, NULL), &kept.scene->error);
        assert_int_equal(kept.rows->is_mapped, i == 1);
        see(&kept, 3, 1);
        check_rows(&kept, ps_result_double(result, 0, 0), ps_result_double(result, 0, 1));
        drop(&kept);
    }
    ps_result_free(result);
}

/* The file has no name, so that nothing is left whatever happens. */
static void nothing_is_left(void **state) {
    struct kept kept = {.scene = *state};
    must(collect(&kept, 1 << 20, NULL), &kept.scene->error);
    DIR *folder = opendir(P_tmpdir);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        assert_null(strstr(entry->d_name, "penstock-rows"));
    }
    (void)closedir(folder);
    drop(&kept);
    struct ps_scan *scan = NULL;
    must(collect(&kept, 0, NULL), &kept.scene->error);
    struct ps_rows *rows = NULL;
    kept.options.memory_max = 1 << 20;
    must(ps_dataset_scan_training(&kept.dataset, &scan, &kept.scene->error), &kept.scene->error);
    assert_int_equal(
        ps_rows_collect(&kept.options, &kept.tally, "/no/such/folder", scan, &rows, &kept.scene->error),
        PENSTOCK_NOT_FOUND);
    ps_scan_close(scan);
    drop(&kept);
}

static void stops(void **state) {
    struct kept kept = {.scene = *state};
    struct ps_stop stop;
    atomic_init(&stop.requested, 1);
    assert_int_equal(collect(&kept, 0, &stop), PENSTOCK_CANCELLED);
    ps_tally_done(&kept.tally);
}

struct pass {
    size_t merged, window;
    double sums[64];
    double total;
    const struct ps_rows *rows;
    size_t fails; /* from this block on; SIZE_MAX: none */
    _Atomic size_t worked;
};

static penstock_code add_block(void *context, size_t worker, size_t block, struct penstock_error *error) {
    struct pass *pass = context;
    (void)worker;
    atomic_fetch_add(&pass->worked, 1);
    if (block >= pass->fails) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "block %zu", block);
    }
    double sum = 0;
    for (size_t p = 0; p < pass->rows->part_count; p++) {
        const struct ps_row_panel *panel = &pass->rows->panels[block * pass->rows->part_count + p];
        for (size_t i = 0; i < panel->row_count; i++) {
            sum += sin(panel->labels[i]);
        }
    }
    pass->sums[block % pass->window] = sum;
    return PENSTOCK_OK;
}

static penstock_code merge_block(void *context, size_t block, struct penstock_error *error) {
    struct pass *pass = context;
    (void)error;
    assert_int_equal(block, pass->merged);
    pass->merged++;
    pass->total += pass->sums[block % pass->window];
    return PENSTOCK_OK;
}

/* In block order whoever worked, so the bits are the same; the first error in block order is the one that is said. */
static void passes_are_merged_in_order(void **state) {
    struct kept kept = {.scene = *state};
    must(collect(&kept, 0, NULL), &kept.scene->error);
    assert_true(kept.rows->block_count >= 3);
    double totals[3];
    for (size_t i = 0; i < 3; i++) {
        see(&kept, 3, (size_t)1 << i);
        struct pass pass = {
            .rows = kept.rows, .fails = SIZE_MAX, .window = ps_training_set_window(&kept.split.set)};
        must(ps_training_set_run(&kept.split.set, &pass, add_block, merge_block, &kept.scene->error),
             &kept.scene->error);
        assert_int_equal(pass.merged, kept.rows->block_count);
        totals[i] = pass.total;
        struct pass failing = {.rows = kept.rows, .fails = 1, .window = pass.window};
        assert_int_equal(
            ps_training_set_run(&kept.split.set, &failing, add_block, merge_block, &kept.scene->error),
            PENSTOCK_INVALID_DATA);
        assert_string_equal(kept.scene->error.message, "block 1");
        ps_split_done(&kept.split);
        kept.split = (struct ps_split){0};
    }
    assert_memory_equal(&totals[0], &totals[1], sizeof(double));
    assert_memory_equal(&totals[0], &totals[2], sizeof(double));
    drop(&kept);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_are_what_the_scan_gave, open_table, scene_close),
        cmocka_unit_test_setup_teardown(nothing_is_left, open_table, scene_close),
        cmocka_unit_test_setup_teardown(stops, open_table, scene_close),
        cmocka_unit_test_setup_teardown(passes_are_merged_in_order, open_table, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
