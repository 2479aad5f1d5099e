/* SPDX-License-Identifier: Apache-2.0
 *
 * retrain.c - a version trained once more: the recorded statement over the recorded rows.
 *
 * All of it is one transaction that is rolled back, temporary views included. What comes out is compared as text, and
 * the text of a model is its numbers in shortest round-trip form: the same text is the same bits.
 */
#include "app/retrain.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/answer.h"
#include "app/control.h"
#include "base/limits.h"
#include "publish/registry.h"
#include "publish/snapshot.h"

#define SOLVER_SHARE_PERCENT 40

struct retrain {
    const struct ps_retraining *setup;
    struct ps_arena *arena;
    const char *name;
    int64_t version;
    struct ps_registry_origin origin;
    struct ps_snapshot_changes changes;
    struct ps_node node;
    struct ps_candidate *candidate;
    struct penstock_error refusal; /* why it could not be trained */
    bool is_trained, is_same;
    char recorded[24], now[24];
};

static void hash_text(const char *text, char out[24]) {
    (void)snprintf(out, 24, "%016" PRIx64, ps_hash(text, strlen(text), 0));
}

/* The statement as it was, as a node of a graph: its SELECT bound to the relations as they were. */
static penstock_code make_node(struct retrain *retrain, struct penstock_error *error) {
    const char *place =
        ps_arena_printf(retrain->arena, "%s version %" PRId64, retrain->name, retrain->version);
    struct ps_statement *statements = NULL;
    const char **names = NULL, **types = NULL, *select = NULL;
    size_t count = 0;
    if (place == NULL) {
        return ps_error_memory(error, "a model's statement");
    }
    PS_TRY(ps_statements_parse(place, retrain->origin.statement, strlen(retrain->origin.statement), NULL, 0,
                               retrain->arena, &statements, &count, error));
    if (count != 1 || statements[0].kind != PS_STATEMENT_MODEL) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "what is recorded of %s is no CREATE MODEL", place);
    }
    PS_TRY(ps_snapshot_pin(retrain->origin.snapshot, statements[0].as.model.select.text, retrain->arena,
                           &select, error));
    statements[0].as.model.select.text = select;
    retrain->node = (struct ps_node){.kind = PS_NODE_MODEL,
                                     .name = retrain->name,
                                     .statement = &statements[0],
                                     .source = -1,
                                     .time_column = -1};
    PS_TRY(ps_sql_describe(retrain->setup->connection, select, retrain->arena, &names, &types,
                           &retrain->node.column_count, NULL, error));
    retrain->node.column_names = names;
    retrain->node.column_types = types;
    return PENSTOCK_OK;
}

static penstock_code train(struct retrain *retrain, struct penstock_error *error) {
    const struct ps_project *project = retrain->setup->project;
    PS_TRY(make_node(retrain, error));
    const struct ps_train_options options = {.project = project,
                                             .node = &retrain->node,
                                             .connection = retrain->setup->connection,
                                             .thread_count = retrain->setup->thread_count,
                                             .memory_max = project->manifest.executor_memory / 100 *
                                                           SOLVER_SHARE_PERCENT,
                                             .stop = retrain->setup->stop};
    return ps_model_train(&options, &retrain->candidate, error);
}

static penstock_code compare(struct retrain *retrain, struct penstock_error *error) {
    struct ps_buffer fitted PS_SCOPED(ps_buffer_done) = {0};
    ps_buffer_init(&fitted, PS_LIMIT_ARENA_SIZE);
    PS_TRY(ps_fitted_to_json(retrain->candidate->fitted, &fitted, error));
    PS_TRY(ps_buffer_status(&fitted, error));
    hash_text(fitted.data, retrain->now);
    retrain->is_same = strcmp(fitted.data, retrain->origin.fitted) == 0;
    return PENSTOCK_OK;
}

/* What makes it impossible is an answer; what stops it (memory, a stop) is an error. */
static bool is_answer(penstock_code code) {
    return code == PENSTOCK_SQL || code == PENSTOCK_INVALID_DATA || code == PENSTOCK_INVALID_PROJECT ||
           code == PENSTOCK_NOT_FOUND || code == PENSTOCK_INVALID_ARGUMENT || code == PENSTOCK_UNSUPPORTED;
}

static penstock_code run(struct retrain *retrain, const char *reference, struct penstock_error *error) {
    struct ps_connection *connection = retrain->setup->connection;
    struct penstock_error local = {0};
    PS_TRY(
        ps_registry_resolve(connection, reference, retrain->arena, &retrain->name, &retrain->version, error));
    PS_TRY(ps_registry_origin(connection, retrain->name, retrain->version, retrain->arena, &retrain->origin,
                              error));
    if (retrain->origin.snapshot == NULL) {
        (void)ps_error_set(error, PENSTOCK_UNSUPPORTED,
                           "nothing is recorded of the rows of %s version %" PRId64
                           ": it was imported, or trained by a penstock that kept nothing of them",
                           retrain->name, retrain->version);
        return ps_error_hint(error, "versions that are trained from now on can be replayed");
    }
    hash_text(retrain->origin.fitted, retrain->recorded);
    PS_TRY(ps_snapshot_restore(connection, retrain->origin.snapshot, retrain->setup->project->folder,
                               retrain->arena, &retrain->changes, error));
    penstock_code code = train(retrain, &local);
    if (code == PENSTOCK_OK) {
        retrain->is_trained = true;
        return compare(retrain, error);
    }
    if (!is_answer(code)) {
        if (error != NULL) {
            *error = local;
        }
        return code;
    }
    retrain->refusal = local;
    return PENSTOCK_OK;
}

static const char *sentence_of(struct retrain *retrain) {
    if (!retrain->is_trained) {
        return ps_arena_printf(retrain->arena, "cannot be trained again: %s", retrain->refusal.message);
    }
    if (retrain->is_same) {
        return "the same, bit for bit";
    }
    return retrain->changes.count > 0
               ? "not the same"
               : "not the same, and nothing is known to have changed: is something in the SELECT volatile, or is it "
                 "another machine?";
}

static penstock_code write(struct retrain *retrain, struct ps_buffer *json_out,
                           struct penstock_error *error) {
    yyjson_mut_doc *document PS_SCOPED(ps_json_free_scoped) = ps_json_new();
    const char *sentence = sentence_of(retrain);
    if (document == NULL || sentence == NULL) {
        return ps_error_memory(error, "a replay");
    }
    yyjson_mut_val *root = yyjson_mut_doc_get_root(document);
    ps_json_add_text(document, root, "model", retrain->name);
    (void)yyjson_mut_obj_add_int(document, root, "version", retrain->version);
    (void)yyjson_mut_obj_add_bool(document, root, "same", retrain->is_same);
    ps_json_add_text(document, root, "recorded", retrain->recorded);
    ps_json_add_text(document, root, "now", retrain->is_trained ? retrain->now : NULL);
    if (retrain->is_trained) {
        (void)yyjson_mut_obj_add_int(document, root, "rows", retrain->candidate->rows.read);
    }
    ps_json_add_text(document, root, "sentence", sentence);
    yyjson_mut_val *changes = yyjson_mut_obj_add_arr(document, root, "changes");
    for (size_t i = 0; i < retrain->changes.count && !retrain->is_same; i++) {
        (void)yyjson_mut_arr_add_strcpy(document, changes, retrain->changes.sentences[i]);
    }
    return ps_json_write(document, true, json_out, error);
}

penstock_code ps_retrain(const struct ps_retraining *retraining, const char *reference,
                         struct ps_buffer *json_out, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct retrain retrain = {.setup = retraining, .arena = arena};
    if (arena == NULL) {
        return ps_error_memory(error, "a replay");
    }
    PS_TRY(ps_runner_session(retraining->graph, retraining->connection, error));
    PS_TRY(ps_sql_run(retraining->connection, "BEGIN TRANSACTION", error));
    penstock_code code = run(&retrain, reference, error);
    struct penstock_error ignored; /* it wrote nothing */
    (void)!ps_sql_run(retraining->connection, "ROLLBACK", &ignored);
    code = code == PENSTOCK_OK ? write(&retrain, json_out, error) : code;
    ps_candidate_free(retrain.candidate);
    return code;
}

penstock_code ps_app_models_replay(struct ps_app *app, const char *reference, struct ps_buffer *json_out,
                                   struct penstock_error *error) {
    struct ps_access access PS_SCOPED(ps_access_close) = {0};
    PS_TRY(ps_access_open(app, &access, error));
    if (!ps_access_has_store(&access)) {
        (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "there is no store yet");
        return ps_error_hint(error, "run penstock run first");
    }
    if (!access.is_remote) {
        const struct ps_retraining retraining = {.project = app->project,
                                                 .graph = app->graph,
                                                 .connection = access.connection,
                                                 .thread_count = app->project->core_count,
                                                 .stop = &app->stop};
        return ps_retrain(&retraining, reference, json_out, error);
    }
    yyjson_mut_doc *document PS_SCOPED(ps_json_free_scoped) = ps_json_new();
    yyjson_doc *answer PS_SCOPED(ps_json_read_free_scoped) = NULL;
    if (document == NULL) {
        return ps_error_memory(error, "request");
    }
    ps_json_add_text(document, yyjson_mut_doc_get_root(document), "request", "retrain");
    ps_json_add_text(document, yyjson_mut_doc_get_root(document), "reference", reference);
    PS_TRY(ps_control_ask(app->project->store_path, document, 0, &answer, error));
    ps_buffer_text(json_out, yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(answer), "json")));
    return ps_buffer_status(json_out, error);
}
