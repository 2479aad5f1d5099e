/* SPDX-License-Identifier: Apache-2.0
 *
 * late.c - plain statements that predict with a model of the project: carried out once the model has a version.
 *
 * They are left out where the project's other statements are applied (stream/prepare.c), and come after the models
 * they name. One whose model has no version yet is not carried out, and said so: the next run tries again.
 */
#include "app/late.h"

#include "job/predicted.h"
#include "publish/registry.h"

/* The first of the node's models that has no version, or NULL. */
static penstock_code find_missing(struct ps_progress *progress, const struct ps_node *node,
                                  const char **missing_out, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    *missing_out = NULL;
    if (arena == NULL) {
        return ps_error_memory(error, "models");
    }
    for (size_t i = 0; i < node->model_count && *missing_out == NULL; i++) {
        const char *name = NULL;
        int64_t version = 0;
        struct penstock_error reason = {0};
        const penstock_code code = ps_registry_resolve(progress->store->connection, node->models[i], arena,
                                                       &name, &version, &reason);
        const char *model = ps_predicted_name(node->models[i], arena);
        if (model == NULL) {
            return ps_error_memory(error, "models");
        }
        if (code == PENSTOCK_NOT_FOUND && ps_graph_find(progress->app->graph, model) >= 0) {
            *missing_out = node->models[i];
        } else if (code != PENSTOCK_OK) {
            *error = reason;
            return ps_error_at(error, node->statement->location, node->statement->text, 0);
        }
    }
    return PENSTOCK_OK;
}

static penstock_code apply(struct ps_progress *progress, size_t index, bool is_last, bool *is_done_out,
                           struct penstock_error *error) {
    const struct ps_node *node = &progress->app->graph->nodes[index];
    const char *missing = NULL;
    PS_TRY(find_missing(progress, node, &missing, error));
    *is_done_out = missing == NULL;
    if (missing != NULL) {
        if (is_last) {
            ps_progress_line(progress, "%s:%d is not carried out yet: there is no %s",
                             node->statement->location.file, (int)node->statement->location.line, missing);
        }
        return PENSTOCK_OK;
    }
    return ps_runner_late(progress->app->graph, progress->store, index, error);
}

penstock_code ps_late_run(struct ps_progress *progress, size_t first, size_t end, bool is_last,
                          struct penstock_error *error) {
    const struct ps_graph *graph = progress->app->graph;
    if (progress->late_is_done == NULL) {
        progress->late_is_done =
            ps_arena_allocate(progress->arena, graph->node_count + 1, sizeof *progress->late_is_done);
        if (progress->late_is_done == NULL) {
            return ps_error_memory(error, "the project's statements");
        }
    }
    for (size_t i = first; i < end && i < graph->node_count; i++) {
        if (progress->late_is_done[i] || !ps_predicted_is_late(graph, i)) {
            continue;
        }
        bool is_ready = true;
        for (size_t k = 0; k < graph->nodes[i].input_count; k++) {
            const size_t input = graph->nodes[i].inputs[k];
            is_ready = is_ready && (!ps_predicted_is_late(graph, input) || progress->late_is_done[input]);
        }
        if (is_ready) {
            PS_TRY(apply(progress, i, is_last, &progress->late_is_done[i], error));
        }
    }
    return PENSTOCK_OK;
}
