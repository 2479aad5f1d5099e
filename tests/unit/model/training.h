/* SPDX-License-Identifier: Apache-2.0
 *
 * training.h - for tests: an in-memory engine, and CREATE MODEL texts trained on its tables.
 */
#ifndef TESTS_UNIT_MODEL_TRAINING_H
#define TESTS_UNIT_MODEL_TRAINING_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/fitted.h"
#include "model/train.h"

struct scene {
    struct ps_arena *arena;
    struct ps_engine *engine;
    struct ps_connection *connection;
    struct penstock_error error;
    struct ps_node node;
    struct ps_train_options options;
    struct ps_candidate *candidate;
};

static void must(penstock_code code, const struct penstock_error *error) {
    if (code != PENSTOCK_OK) {
        fail_msg("%s: %s | %s | %s", ps_error_code_name(code), error->message, error->detail, error->hint);
    }
}

static inline int scene_open(void **state) {
    struct scene *scene = ps_allocate(1, sizeof *scene);
    const struct ps_engine_options options = {.thread_count = 2};
    scene->arena = ps_arena_new(0);
    must(ps_engine_open(&options, &scene->engine, &scene->error), &scene->error);
    must(ps_connection_open(scene->engine, &scene->connection, &scene->error), &scene->error);
    *state = scene;
    return 0;
}

static inline int scene_close(void **state) {
    struct scene *scene = *state;
    ps_candidate_free(scene->candidate);
    ps_connection_close(scene->connection);
    ps_engine_close(scene->engine);
    ps_arena_free(scene->arena);
    ps_release(scene);
    return 0;
}

static inline void sql(struct scene *scene, const char *text) {
    must(ps_sql_run(scene->connection, text, &scene->error), &scene->error);
}

static inline void parse(struct scene *scene, const char *text) {
    struct ps_statement *statements = NULL;
    size_t count = 0;
    must(ps_statements_parse("m.sql", text, strlen(text), NULL, 0, scene->arena, &statements, &count,
                             &scene->error),
         &scene->error);
    scene->node =
        (struct ps_node){.kind = PS_NODE_MODEL, .name = statements[0].name, .statement = &statements[0]};
}

/* Trains; the result is scene->candidate. */
static inline penstock_code train_with(struct scene *scene, int64_t threads, const char *text) {
    parse(scene, text);
    ps_candidate_free(scene->candidate);
    scene->candidate = NULL;
    scene->options = (struct ps_train_options){.node = &scene->node,
                                               .connection = scene->connection,
                                               .thread_count = threads,
                                               .memory_max = (int64_t)512 << 20};
    return ps_model_train(&scene->options, &scene->candidate, &scene->error);
}

static inline void train(struct scene *scene, const char *text) {
    must(train_with(scene, 2, text), &scene->error);
}

static inline void refuses(struct scene *scene, const char *text, penstock_code code, const char *words) {
    const penstock_code found = train_with(scene, 2, text);
    if (found != code || strstr(scene->error.message, words) == NULL) {
        fail_msg("expected %s with '%s', found %s: %s", ps_error_code_name(code), words,
                 ps_error_code_name(found), found == PENSTOCK_OK ? "" : scene->error.message);
    }
}

static inline void hints(const struct scene *scene, const char *words) {
    if (strstr(scene->error.hint, words) == NULL) {
        fail_msg("the hint has no '%s': %s", words, scene->error.hint);
    }
}

static inline double coefficient(const struct scene *scene, const char *name) {
    const struct ps_fitted *fitted = scene->candidate->fitted;
    for (size_t i = 0; i < ps_fitted_feature_count(fitted); i++) {
        if (strcmp(ps_fitted_feature_name(fitted, i), name) == 0) {
            return ps_fitted_coefficient(fitted, i);
        }
    }
    fail_msg("there is no feature %s", name);
    return 0;
}

static inline bool has_feature(const struct scene *scene, const char *name) {
    const struct ps_fitted *fitted = scene->candidate->fitted;
    for (size_t i = 0; i < ps_fitted_feature_count(fitted); i++) {
        if (strcmp(ps_fitted_feature_name(fitted, i), name) == 0) {
            return true;
        }
    }
    return false;
}

static inline bool has_note(const struct scene *scene, const char *words) {
    for (size_t i = 0; i < scene->candidate->note_count; i++) {
        if (strstr(scene->candidate->notes[i], words) != NULL) {
            return true;
        }
    }
    return false;
}

static inline void near(double found, double expected, double tolerance) {
    if (!(fabs(found - expected) <= tolerance * fmax(1, fabs(expected)))) {
        fail_msg("%.17g is not %.17g", found, expected);
    }
}

#endif
