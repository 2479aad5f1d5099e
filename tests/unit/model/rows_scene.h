/* SPDX-License-Identifier: Apache-2.0
 *
 * rows_scene.h - a training set made from arrays, for tests of estimators that need the rows.
 *
 * Numbers first, then at most one one-hot group. Rows lie in blocks of BLOCK rows and two parts that alternate, so
 * that passes have several blocks and a split is possible. Features are seen through a design that scales them back:
 * columns are kept shifted by a pilot, as the packer does.
 */
#ifndef ROWS_SCENE_H
#define ROWS_SCENE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/thread.h"
#include "model/estimator.h"
#include "model/random.h"
#include "model/rows.h"

struct rows_scene {
    size_t row_count, number_count, width; /* width: categories of the group; 0: none */
    double *x;                             /* row * number_count + column */
    int32_t *categories;
    double *labels;
    struct ps_target target;
    size_t block_size;
    struct ps_layout layout;
    struct ps_layout_column columns[64];
    size_t group_starts[2], groups[1];
    struct ps_design design;
    struct ps_feature_map maps[64];
    size_t design_columns[64], design_indexes[64];
    struct ps_moments moments;
    struct ps_rows rows;
    double *pilots;
    bool trains[2];
    struct ps_stop stop;
    struct ps_training_set set;
};

static inline void rows_scene_done(struct rows_scene *scene) {
    for (size_t p = 0; scene->rows.panels != NULL && p < scene->rows.block_count * 2; p++) {
        ps_release((void *)(uintptr_t)scene->rows.panels[p].columns);
        ps_release((void *)(uintptr_t)scene->rows.panels[p].indexes);
        ps_release((void *)(uintptr_t)scene->rows.panels[p].labels);
    }
    ps_release(scene->rows.panels);
    ps_release(scene->pilots);
    ps_release(scene->x);
    ps_release(scene->categories);
    ps_release(scene->labels);
    *scene = (struct rows_scene){0};
}

/* Room for the values, which the test then fills. */
static inline void rows_scene_init(struct rows_scene *scene, size_t row_count, size_t number_count,
                                   size_t width) {
    *scene = (struct rows_scene){.row_count = row_count, .number_count = number_count, .width = width};
    scene->block_size = 500;
    scene->x = ps_allocate(row_count * number_count + 1, sizeof(double));
    scene->categories = ps_allocate(row_count + 1, sizeof(int32_t));
    scene->labels = ps_allocate(row_count + 1, sizeof(double));
    assert_non_null(scene->x);
    assert_non_null(scene->labels);
}

static inline void rows_scene_pack(struct rows_scene *scene) {
    const size_t blocks = (scene->row_count + scene->block_size - 1) / scene->block_size;
    const size_t stride = scene->block_size;
    scene->rows = (struct ps_rows){.layout = &scene->layout,
                                   .pilots = scene->pilots,
                                   .part_count = 2,
                                   .block_count = blocks,
                                   .row_count = (int64_t)scene->row_count};
    scene->rows.panels = ps_allocate(blocks * 2, sizeof *scene->rows.panels);
    for (size_t b = 0; b < blocks; b++) {
        for (size_t part = 0; part < 2; part++) {
            double *columns = ps_allocate(scene->number_count * stride + 1, sizeof(double));
            double *labels = ps_allocate(stride, sizeof(double));
            int32_t *indexes = ps_allocate(stride, sizeof(int32_t));
            size_t count = 0;
            for (size_t i = b * stride; i < (b + 1) * stride && i < scene->row_count; i++) {
                if (i % 2 != part) {
                    continue;
                }
                for (size_t c = 0; c < scene->number_count; c++) {
                    columns[c * stride + count] = scene->x[i * scene->number_count + c] - scene->pilots[c];
                }
                indexes[count] = scene->categories[i];
                labels[count++] = scene->labels[i];
            }
            scene->rows.panels[b * 2 + part] = (struct ps_row_panel){.columns = columns,
                                                                     .indexes = indexes,
                                                                     .labels = labels,
                                                                     .stride = stride,
                                                                     .row_count = count};
        }
    }
}

/* The training set of all rows (both parts), or of the even ones. */
static inline const struct ps_training_set *rows_scene_set(struct rows_scene *scene, enum ps_task task,
                                                           size_t class_count, bool only_even,
                                                           size_t worker_count) {
    const size_t numbers = scene->number_count, groups = scene->width > 0 ? 1 : 0;
    scene->pilots = ps_allocate(numbers + 1, sizeof(double));
    for (size_t c = 0; c < numbers; c++) {
        scene->pilots[c] = scene->x[c];
        scene->columns[c] = (struct ps_layout_column){false, c};
        scene->maps[c] = (struct ps_feature_map){c, PS_NO_COLUMN, 0, 1, scene->pilots[c]};
        scene->design_columns[c] = c;
    }
    if (groups > 0) {
        scene->columns[numbers] = (struct ps_layout_column){true, 0};
        scene->group_starts[1] = scene->width;
    }
    for (size_t i = 0; i < scene->width; i++) {
        scene->design_columns[numbers + i] = numbers;
        scene->design_indexes[numbers + i] = i;
    }
    scene->layout = (struct ps_layout){
        .shape = {.dense_count = numbers + 1,
                  .group_count = groups,
                  .group_starts = scene->group_starts,
                  .slot_count = scene->width},
        .number_count = numbers,
        .label = numbers,
        .groups = scene->groups,
        .columns = scene->columns,
        .column_count = numbers + groups,
        .feature_max = numbers + scene->width,
    };
    scene->design = (struct ps_design){.maps = scene->maps,
                                       .columns = scene->design_columns,
                                       .indexes = scene->design_indexes,
                                       .count = numbers + scene->width};
    rows_scene_pack(scene);
    double sum = 0, squares = 0;
    size_t count = 0;
    for (size_t i = 0; i < scene->row_count; i += only_even ? 2 : 1, count++) {
        sum += scene->labels[i];
        squares += scene->labels[i] * scene->labels[i];
    }
    scene->moments.row_count = (double)count;
    scene->moments.label_mean = sum / (double)count;
    scene->moments.label_variance = squares / (double)count - sum / (double)count * (sum / (double)count);
    scene->target = (struct ps_target){.task = task, .class_count = class_count};
    scene->trains[0] = true;
    scene->trains[1] = !only_even;
    scene->set = (struct ps_training_set){.rows = &scene->rows,
                                          .trains = scene->trains,
                                          .design = &scene->design,
                                          .moments = &scene->moments,
                                          .target = &scene->target,
                                          .worker_count = worker_count,
                                          .memory_max = (int64_t)1 << 30,
                                          .stop = &scene->stop};
    return &scene->set;
}

/* A config with its defaults; `settings`: "name=value;name=value". */
static inline void *rows_scene_config(const struct ps_estimator_type *type, const char *settings,
                                      struct ps_arena *arena) {
    struct penstock_error error = {0};
    void *config = ps_arena_allocate(arena, 1, type->config_size);
    assert_int_equal(ps_option_defaults(type->options, config, arena, &error), PENSTOCK_OK);
    char *copy = ps_arena_copy(arena, settings);
    char *rest = NULL;
    for (char *item = strtok_r(copy, ";", &rest); item != NULL; item = strtok_r(NULL, ";", &rest)) {
        char *value = strchr(item, '=');
        assert_non_null(value);
        *value++ = '\0';
        if (ps_option_set(type->options, config, item, value, arena, &error) != PENSTOCK_OK) {
            fail_msg("%s", error.message);
        }
    }
    return config;
}

/* Outputs of all rows, block by block of `step` rows; the caller's (ps_release). */
static inline double *rows_scene_apply(const struct rows_scene *scene, const struct ps_predictor *predictor,
                                       size_t step) {
    double *outputs = ps_allocate(scene->row_count * predictor->output_count, sizeof(double));
    double *numbers = ps_allocate(step * scene->number_count + 1, sizeof(double));
    int32_t features[64];
    struct ps_feature_column columns[64] = {{0}};
    for (size_t i = 0; i < 64; i++) {
        features[i] = (int32_t)(scene->number_count + i);
    }
    for (size_t begin = 0; begin < scene->row_count; begin += step) {
        const size_t count = scene->row_count - begin < step ? scene->row_count - begin : step;
        for (size_t c = 0; c < scene->number_count; c++) {
            for (size_t i = 0; i < count; i++) {
                /* as training sees them: shifted and back */
                numbers[c * step + i] =
                    1 * (scene->x[(begin + i) * scene->number_count + c] - scene->pilots[c]) +
                    scene->pilots[c];
            }
            columns[c] = (struct ps_feature_column){.numbers = numbers + c * step, .feature = c};
        }
        columns[scene->number_count] = (struct ps_feature_column){
            .indexes = scene->categories + begin, .features = features, .width = scene->width};
        const struct ps_features block = {.columns = columns,
                                          .column_count = scene->number_count + (scene->width > 0 ? 1 : 0),
                                          .feature_count = scene->number_count + scene->width,
                                          .row_count = count};
        struct penstock_error error = {0};
        if (ps_predictor_apply(predictor, &block, outputs + begin * predictor->output_count, &error) !=
            PENSTOCK_OK) {
            fail_msg("%s", error.message);
        }
    }
    ps_release(numbers);
    return outputs;
}

/* Writes and reads it again; both must give the same bits. */
static inline void rows_scene_round_trip(const struct rows_scene *scene,
                                         const struct ps_predictor *predictor) {
    struct penstock_error error = {0};
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *object = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, object);
    assert_int_equal(ps_predictor_write(predictor, doc, object, &error), PENSTOCK_OK);
    size_t size = 0;
    char *text = yyjson_mut_write(doc, 0, &size);
    yyjson_doc *parsed = yyjson_read(text, size, 0);
    struct ps_predictor *copy = NULL;
    if (ps_predictor_read(yyjson_doc_get_root(parsed), predictor->feature_count, &copy, &error) !=
        PENSTOCK_OK) {
        fail_msg("%s", error.message);
    }
    double *first = rows_scene_apply(scene, predictor, 1000);
    double *second = rows_scene_apply(scene, copy, 1000);
    assert_memory_equal(first, second, scene->row_count * predictor->output_count * sizeof(double));
    yyjson_mut_doc *again = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *other = yyjson_mut_obj(again);
    yyjson_mut_doc_set_root(again, other);
    assert_int_equal(ps_predictor_write(copy, again, other, &error), PENSTOCK_OK);
    char *rewritten = yyjson_mut_write(again, 0, NULL);
    assert_string_equal(text, rewritten);
    ps_release(first);
    ps_release(second);
    free(text);
    free(rewritten);
    ps_predictor_free(copy);
    yyjson_doc_free(parsed);
    yyjson_mut_doc_free(doc);
    yyjson_mut_doc_free(again);
}

/* Two spirals (two classes) or more of them, with a little noise. */
static inline void rows_scene_spirals(struct rows_scene *scene, size_t class_count, int64_t seed) {
    struct ps_random random;
    ps_random_init(&random, seed);
    for (size_t i = 0; i < scene->row_count; i++) {
        const size_t arm = i / 2 % class_count; /* parts alternate: each has all classes */
        const double way = ps_random_next(&random);
        const double angle = 2 * M_PI * ((double)arm / (double)class_count + 1.2 * way);
        scene->x[i * scene->number_count] = 2 * way * cos(angle) + 0.04 * (ps_random_next(&random) - 0.5);
        scene->x[i * scene->number_count + 1] = 2 * way * sin(angle) + 0.04 * (ps_random_next(&random) - 0.5);
        scene->labels[i] = (double)arm;
    }
}

/* Share of the rows whose greatest probability is their class's. */
static inline double rows_scene_accuracy(const struct rows_scene *scene,
                                         const struct ps_predictor *predictor) {
    double *outputs = rows_scene_apply(scene, predictor, 333);
    size_t right = 0;
    for (size_t i = 0; i < scene->row_count; i++) {
        const double *row = outputs + i * predictor->output_count;
        size_t best = 0;
        double total = 0;
        for (size_t k = 0; k < predictor->output_count; k++) {
            best = row[k] > row[best] ? k : best;
            total += row[k];
        }
        assert_true(fabs(total - 1) < 1e-6);
        right += best == (size_t)scene->labels[i] ? 1 : 0;
    }
    ps_release(outputs);
    return (double)right / (double)scene->row_count;
}

#endif
