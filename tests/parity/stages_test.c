/* SPDX-License-Identifier: Apache-2.0
 *
 * stages_test.c - what a transform makes of real rows, beside what Spark ML, scikit-learn and pandas make of them.
 *
 * stages.json (made by make_stages.py) holds for each case a TRANSFORM clause and, per feature, its first values and
 * the sum over all rows. The clause is trained as part of a model; the rows then go through the stages of the stored
 * model, which are what serving runs. Canaries: a value that is off by a millionth, and another norm, are noticed.
 */
#include <math.h>

#include "model/model.h"
#include "sql/scan.h"
#include "scene.h"

enum { VALUE_MAX = 40 };

/* What the stored model makes of the rows: per live column its first values, and the sum. */
struct made {
    const char *const *names;
    double *sums, *values;
    size_t count;
};

static int setup(void **state) {
    return scene_open(state, "stages.json", "*");
}

static struct ps_candidate *train(struct scene *scene, const char *transforms, const char *select,
                                  const char *label) {
    struct penstock_error error = {0};
    struct ps_statement *statements = NULL;
    size_t count = 0;
    const char *text = ps_arena_printf(
        scene->arena, "CREATE MODEL m TRANSFORM (%s) PREDICT %s USING LinearRegression() AS %s", transforms,
        label, select);
    must(ps_statements_parse("reference.sql", text, strlen(text), NULL, 0, scene->arena, &statements, &count,
                             &error),
         &error);
    const struct ps_node node = {
        .kind = PS_NODE_MODEL, .name = statements[0].name, .statement = &statements[0]};
    const struct ps_train_options options = {
        .node = &node, .connection = scene->connection, .thread_count = 2, .memory_max = (int64_t)2 << 30};
    struct ps_candidate *candidate = NULL;
    must(ps_model_train(&options, &candidate, &error), &error);
    return candidate;
}

static struct ps_scan *open_inputs(struct scene *scene, const struct ps_fitted *fitted, const char *select) {
    struct penstock_error error = {0};
    const size_t count = ps_fitted_input_count(fitted);
    struct ps_scan_column *columns = ps_arena_allocate(scene->arena, count, sizeof *columns);
    for (size_t i = 0; i < count; i++) {
        columns[i].expression = ps_arena_printf(scene->arena, "\"%s\"", ps_fitted_input_name(fitted, i));
        columns[i].kind = ps_fitted_input_is_text(fitted, i) ? PS_SCAN_TEXT : PS_SCAN_DOUBLE;
    }
    struct ps_scan *scan = NULL;
    must(ps_scan_open(scene->connection, ps_arena_printf(scene->arena, "(%s) AS r", select), columns, count,
                      NULL, &scan, &error),
         &error);
    return scan;
}

static void fill(const struct ps_pipeline *pipeline, struct ps_frame *frame, const struct ps_chunk *chunk) {
    ps_frame_begin(frame, (size_t)ps_chunk_row_count(chunk));
    for (size_t i = 0; i < pipeline->input_count; i++) {
        const size_t slot = pipeline->inputs[i];
        const uint64_t *validity = ps_chunk_validity(chunk, i);
        if (pipeline->slots[slot].kind == PS_SLOT_NUMBER) {
            const struct ps_input_column column = {ps_chunk_doubles(chunk, i), NULL, validity};
            ps_frame_set_input(frame, slot, &column, 0);
            continue;
        }
        for (size_t row = 0; row < frame->row_count; row++) {
            frame->slots[slot].own_texts[row] = ps_chunk_is_valid(validity, (int64_t)row)
                                                    ? ps_chunk_text(chunk, i, (int64_t)row)
                                                    : (struct ps_bytes){NULL, 0};
        }
        frame->slots[slot].texts = frame->slots[slot].own_texts;
    }
}

static struct made make(struct scene *scene, const char *transforms, const char *select, const char *label) {
    struct penstock_error error = {0};
    struct ps_candidate *candidate = train(scene, transforms, select, label);
    const struct ps_pipeline *pipeline = candidate->fitted->pipeline;
    struct made made = {.count = pipeline->column_count};
    const char **names = ps_arena_allocate(scene->arena, made.count, sizeof *names);
    made.sums = ps_arena_allocate(scene->arena, made.count, sizeof(double));
    made.values = ps_arena_allocate(scene->arena, made.count * VALUE_MAX, sizeof(double));
    for (size_t c = 0; c < made.count; c++) {
        names[c] = ps_arena_copy(scene->arena, pipeline->columns[c].name);
        assert_int_equal(pipeline->slots[pipeline->columns[c].slot].kind, PS_SLOT_NUMBER);
    }
    made.names = names;
    struct ps_frame *frame = NULL;
    must(ps_frame_new(pipeline, PS_FRAME_ROWS, false, &frame, &error), &error);
    struct ps_scan *scan = open_inputs(scene, candidate->fitted, select);
    size_t row_count = 0;
    for (;;) {
        struct ps_chunk *chunk = NULL;
        must(ps_scan_next(scan, &chunk, &error), &error);
        if (chunk == NULL) {
            break;
        }
        fill(pipeline, frame, chunk);
        ps_pipeline_apply(pipeline, frame);
        assert_false(frame->failure.is_set);
        for (size_t c = 0; c < made.count; c++) {
            const double *numbers = frame->slots[pipeline->columns[c].slot].numbers;
            for (size_t row = 0; row < frame->row_count; row++) {
                made.sums[c] += numbers[row];
                if (row_count + row < VALUE_MAX) {
                    made.values[c * VALUE_MAX + row_count + row] = numbers[row];
                }
            }
        }
        row_count += frame->row_count;
        ps_chunk_free(chunk);
    }
    ps_scan_close(scan);
    ps_frame_free(frame);
    ps_candidate_free(candidate);
    return made;
}

static size_t compare(const char *name, const char *what, double found, double expected, double tolerance) {
    if (fabs(found - expected) <= tolerance * fmax(1, fabs(expected))) {
        return 0;
    }
    print_error("%s: %s: %.17g, but the reference has %.17g\n", name, what, found, expected);
    return 1;
}

/* One feature beside its reference; NULL: Spark's vector has zeros there only. */
static size_t compare_feature(yyjson_val *item, const struct made *made, size_t column, double shift) {
    const char *name = yyjson_get_str(yyjson_obj_get(item, "name"));
    const double tolerance = yyjson_get_num(yyjson_obj_get(item, "tolerance"));
    yyjson_val *feature = yyjson_obj_get(yyjson_obj_get(item, "features"), made->names[column]);
    yyjson_val *values = yyjson_obj_get(feature, "values");
    size_t differences = 0;
    double largest = 0;
    for (size_t i = 0; i < VALUE_MAX; i++) {
        const double expected = yyjson_get_num(yyjson_arr_get(values, i));
        largest = fmax(largest, fabs(expected));
        differences += compare(name, made->names[column], made->values[column * VALUE_MAX + i] + shift,
                               expected, tolerance);
    }
    return differences + compare(name, made->names[column], made->sums[column],
                                 yyjson_get_num(yyjson_obj_get(feature, "sum")),
                                 tolerance * 3000 * fmax(1, largest));
}

static size_t compare_case(struct scene *scene, yyjson_val *item, const char *transforms, double shift) {
    const char *columns = yyjson_get_str(yyjson_obj_get(item, "select"));
    const bool has_label = strstr(columns, " AS label") != NULL;
    const char *select =
        ps_arena_printf(scene->arena, "SELECT %s%s FROM data", columns, has_label ? "" : ", y");
    const struct made made = make(scene, transforms, select, has_label ? "label" : "y");
    size_t differences = 0;
    size_t found = 0;
    for (size_t c = 0; c < made.count; c++) {
        found += yyjson_obj_get(yyjson_obj_get(item, "features"), made.names[c]) != NULL;
        differences += compare_feature(item, &made, c, shift);
    }
    assert_int_equal(found, yyjson_obj_size(yyjson_obj_get(item, "features")));
    return differences;
}

static void stages_agree(void **state) {
    struct scene *scene = *state;
    size_t differences = 0;
    size_t index, count;
    yyjson_val *item;
    yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(scene->reference), "cases"), index, count, item) {
        const size_t own = compare_case(scene, item, yyjson_get_str(yyjson_obj_get(item, "transforms")), 0);
        print_message("%-45s %s\n", yyjson_get_str(yyjson_obj_get(item, "name")),
                      own == 0 ? "agrees" : "DIFFERS");
        differences += own;
    }
    assert_true(count > 25);
    assert_int_equal(differences, 0);
}

static void canaries_are_noticed(void **state) {
    struct scene *scene = *state;
    yyjson_val *cases = yyjson_obj_get(yyjson_doc_get_root(scene->reference), "cases");
    yyjson_val *item = yyjson_arr_get(cases, 0);
    const char *transforms = yyjson_get_str(yyjson_obj_get(item, "transforms"));
    assert_true(compare_case(scene, item, transforms, 1e-6) > 0);
    assert_true(compare_case(scene, item, "Normalizer(a, b, c, d, p = 4)", 0) > 0);
}

/* Texts of every length modulo 4, with letters of several bytes. */
static void hashes_agree(void **state) {
    struct scene *scene = *state;
    yyjson_val *hashes = yyjson_obj_get(yyjson_doc_get_root(scene->reference), "hashes");
    size_t index, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(hashes, index, count, key, value) {
        const char *select = ps_arena_printf(scene->arena, "SELECT '%s' AS text, i AS y FROM range(12) r(i)",
                                             yyjson_get_str(key));
        const struct made made = make(scene, "FeatureHasher(text, numFeatures = 1000)", select, "y");
        assert_int_equal(made.count, 1);
        assert_true(made.sums[0] == 12);
        assert_string_equal(made.names[0], ps_arena_printf(scene->arena, "hash_%d", yyjson_get_int(value)));
    }
    assert_int_equal(count, 9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_agree),
        cmocka_unit_test(canaries_are_noticed),
        cmocka_unit_test(hashes_agree),
    };
    return cmocka_run_group_tests(tests, setup, scene_close);
}
