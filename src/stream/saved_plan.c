/* SPDX-License-Identifier: Apache-2.0
 *
 * saved_plan.c - penstock.plans: number and range of the epoch in work, durable before an outside sink sees it.
 *
 * After a crash between a sink's commit and the store's, the very same range is read again: the sink that has the
 * epoch is left out, the others and the store get the same records. The range is JSON: for each source its slices
 * and ends, as they were planned. With it goes a hash of the project's statements: the same records through other
 * statements are another epoch.
 */
#include <stdio.h>
#include <yyjson.h>

#include "base/clock.h"
#include "stream/run.h"

/* --- writing ------------------------------------------------------------------------------------------------- */

static bool add_position(yyjson_mut_doc *document, yyjson_mut_val *list, const struct ps_position *end) {
    yyjson_mut_val *item = yyjson_mut_arr_add_obj(document, list);
    return item != NULL && yyjson_mut_obj_add_str(document, item, "partition", end->partition.name) &&
           yyjson_mut_obj_add_sint(document, item, "ordinal", end->partition.ordinal) &&
           yyjson_mut_obj_add_sint(document, item, "offset", end->offset) &&
           yyjson_mut_obj_add_str(document, item, "state", end->state);
}

static bool add_slice(yyjson_mut_doc *document, yyjson_mut_val *list, const struct ps_slice *slice) {
    yyjson_mut_val *item = yyjson_mut_arr_add_obj(document, list);
    return item != NULL && yyjson_mut_obj_add_str(document, item, "partition", slice->partition.name) &&
           yyjson_mut_obj_add_sint(document, item, "ordinal", slice->partition.ordinal) &&
           yyjson_mut_obj_add_sint(document, item, "begin", slice->begin) &&
           yyjson_mut_obj_add_sint(document, item, "end", slice->end) &&
           yyjson_mut_obj_add_bool(document, item, "start", slice->is_partition_start) &&
           yyjson_mut_obj_add_str(document, item, "state", slice->end_state);
}

static bool add_range(yyjson_mut_doc *document, yyjson_mut_val *list, const char *source,
                      const struct ps_range *range) {
    yyjson_mut_val *item = yyjson_mut_arr_add_obj(document, list);
    bool is_good = item != NULL && yyjson_mut_obj_add_str(document, item, "source", source) &&
                   yyjson_mut_obj_add_sint(document, item, "bytes", range->byte_count);
    yyjson_mut_val *slices = is_good ? yyjson_mut_obj_add_arr(document, item, "slices") : NULL;
    yyjson_mut_val *ends = slices != NULL ? yyjson_mut_obj_add_arr(document, item, "ends") : NULL;
    is_good = ends != NULL;
    for (size_t i = 0; i < range->slice_count && is_good; i++) {
        is_good = add_slice(document, slices, &range->slices[i]);
    }
    for (size_t i = 0; i < range->end_count && is_good; i++) {
        is_good = add_position(document, ends, &range->ends[i]);
    }
    return is_good;
}

static char *ranges_text(const struct ps_run *run, struct ps_range *const *ranges) {
    yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = document != NULL ? yyjson_mut_arr(document) : NULL;
    bool is_good = root != NULL;
    for (size_t i = 0; i < run->input_count && is_good; i++) {
        is_good = ranges[i] == NULL || add_range(document, root, run->inputs[i].name, ranges[i]);
    }
    yyjson_mut_doc_set_root(document, root);
    char *text = is_good ? yyjson_mut_write(document, 0, NULL) : NULL;
    yyjson_mut_doc_free(document);
    return text;
}

static void free_text(char **text) {
    free(*text); /* tidy: allow memory: yyjson allocates what it writes */
}

/* Of all statements that records go through, in their order; white space and comments do not count. */
static penstock_code hash_project(const struct ps_run *run, char text_out[24], struct penstock_error *error) {
    uint64_t hash = 0;
    for (size_t i = 0; i < run->graph->node_count; i++) {
        const struct ps_node *node = &run->graph->nodes[i];
        const char *text = NULL;
        if (node->kind == PS_NODE_MODEL || node->kind == PS_NODE_JOB || node->kind == PS_NODE_DATASET) {
            continue;
        }
        PS_TRY(ps_applied_text(node->statement->text, run->epoch_arena, &text, error));
        hash = ps_hash(text, strlen(text), hash);
    }
    snprintf(text_out, 24, "%016llx", (unsigned long long)hash);
    return PENSTOCK_OK;
}

penstock_code ps_plan_save(struct ps_run *run, int64_t planned_ms, struct ps_range *const *ranges,
                           struct penstock_error *error) {
    char *text PS_SCOPED(free_text) = ranges_text(run, ranges);
    if (text == NULL) {
        return ps_error_memory(error, "an epoch's plan");
    }
    char planned[32], epoch[24];
    ps_clock_format_iso(planned_ms, planned, sizeof planned);
    snprintf(epoch, sizeof epoch, "%lld", (long long)run->epoch.number + 1);
    char project[24];
    PS_TRY(hash_project(run, project, error));
    PS_TRY(ps_pins_take(run, run->epoch.number + 1, error));
    const char *const values[] = {epoch, planned, text, project};
    PS_TRY(ps_sql_run(run->connection, "BEGIN TRANSACTION; DELETE FROM penstock.plans", error));
    penstock_code code = ps_sql_run_with(
        run->connection, "INSERT INTO penstock.plans VALUES ($1::BIGINT, $2::TIMESTAMPTZ::TIMESTAMP, $3, $4)",
        values, 4, error);
    if (code == PENSTOCK_OK) {
        code = ps_kept_save(run, ranges, error);
    }
    if (code == PENSTOCK_OK) {
        code = ps_pins_save(run, run->epoch.number + 1, true, error);
    }
    if (code == PENSTOCK_OK) {
        code = ps_sql_run(run->connection, "COMMIT", error);
    }
    if (code != PENSTOCK_OK) {
        ps_run_roll_back(run);
        return code;
    }
    return ps_store_settle(run->store, error); /* the outside sinks are written on the strength of it */
}

/* --- reading ------------------------------------------------------------------------------------------------- */

penstock_code ps_plan_find(struct ps_run *run, int64_t *epoch_out, bool *is_stale_out,
                           struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    char project[24];
    PS_TRY(hash_project(run, project, error));
    PS_TRY(ps_sql_query(run->connection, "SELECT epoch, project FROM penstock.plans", &result, error));
    const bool is_there = ps_result_row_count(result) > 0;
    *epoch_out = is_there ? ps_result_integer(result, 0, 0) : 0;
    *is_stale_out = is_there && strcmp(ps_result_text(result, 0, 1), project) != 0;
    return PENSTOCK_OK;
}

static const char *text_of(yyjson_val *item, const char *key, struct ps_arena *arena) {
    const char *text = yyjson_get_str(yyjson_obj_get(item, key));
    return ps_arena_copy(arena, text != NULL ? text : "");
}

static int64_t integer_of(yyjson_val *item, const char *key) {
    return yyjson_get_sint(yyjson_obj_get(item, key));
}

static struct ps_partition partition_of(yyjson_val *item, struct ps_arena *arena) {
    return (struct ps_partition){text_of(item, "partition", arena), integer_of(item, "ordinal")};
}

static void free_range_scoped(struct ps_range **range) {
    ps_range_free(*range);
}

static penstock_code read_range(yyjson_val *item, struct ps_range **range_out, struct penstock_error *error) {
    struct ps_range *range PS_SCOPED(free_range_scoped) = ps_allocate(1, sizeof *range);
    yyjson_val *slices = yyjson_obj_get(item, "slices"), *ends = yyjson_obj_get(item, "ends"), *value;
    size_t index, count;
    if (range == NULL || (range->arena = ps_arena_new(0)) == NULL) {
        return ps_error_memory(error, "an epoch's plan");
    }
    struct ps_arena *arena = range->arena;
    range->slices = ps_arena_allocate(arena, yyjson_arr_size(slices) + 1, sizeof *range->slices);
    range->ends = ps_arena_allocate(arena, yyjson_arr_size(ends) + 1, sizeof *range->ends);
    if (range->slices == NULL || range->ends == NULL) {
        return ps_error_memory(error, "an epoch's plan");
    }
    yyjson_arr_foreach(slices, index, count, value) {
        range->slices[index] =
            (struct ps_slice){.partition = partition_of(value, arena),
                              .begin = integer_of(value, "begin"),
                              .end = integer_of(value, "end"),
                              .is_partition_start = yyjson_get_bool(yyjson_obj_get(value, "start")),
                              .end_state = text_of(value, "state", arena)};
        if (range->slices[index].partition.name == NULL || range->slices[index].end_state == NULL) {
            return ps_error_memory(error, "an epoch's plan");
        }
    }
    yyjson_arr_foreach(ends, index, count, value) {
        range->ends[index] = (struct ps_position){.partition = partition_of(value, arena),
                                                  .offset = integer_of(value, "offset"),
                                                  .state = text_of(value, "state", arena)};
        if (range->ends[index].partition.name == NULL || range->ends[index].state == NULL) {
            return ps_error_memory(error, "an epoch's plan");
        }
    }
    range->slice_count = yyjson_arr_size(slices);
    range->end_count = yyjson_arr_size(ends);
    range->byte_count = integer_of(item, "bytes");
    *range_out = ps_take(range);
    return PENSTOCK_OK;
}

static penstock_code read_ranges(const struct ps_run *run, yyjson_val *root, struct ps_range **ranges,
                                 struct penstock_error *error) {
    size_t index, count;
    yyjson_val *item;
    yyjson_arr_foreach(root, index, count, item) {
        const char *name = yyjson_get_str(yyjson_obj_get(item, "source"));
        size_t input = 0;
        while (input < run->input_count &&
               (name == NULL || !run->inputs[input].is_used || strcmp(run->inputs[input].name, name) != 0)) {
            input++;
        }
        if (input == run->input_count) {
            (void)ps_error_set(
                error, PENSTOCK_INVALID_PROJECT,
                "an epoch is half-way at the sinks, and source %s, which it has records of, is no"
                " longer read by the project",
                name != NULL ? name : "?");
            return ps_error_hint(error, "run the project once more as it was, then change it");
        }
        PS_TRY(read_range(item, &ranges[input], error));
    }
    return PENSTOCK_OK;
}

penstock_code ps_plan_load(struct ps_run *run, int64_t *planned_ms_out, struct ps_range **ranges_out,
                           struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(run->connection, "SELECT epoch_ms(planned_at), ranges FROM penstock.plans", &result,
                        error));
    const char *text = ps_result_row_count(result) == 1 ? ps_result_text(result, 0, 1) : NULL;
    yyjson_doc *document = text != NULL ? yyjson_read(text, strlen(text), 0) : NULL;
    if (document == NULL) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA,
                            "the store's plan of the epoch in work cannot be read");
    }
    *planned_ms_out = ps_result_integer(result, 0, 0);
    const penstock_code code = read_ranges(run, yyjson_doc_get_root(document), ranges_out, error);
    yyjson_doc_free(document);
    return code == PENSTOCK_OK ? ps_kept_load(run, ranges_out, error) : code;
}

penstock_code ps_plan_ends(const struct ps_run *run, struct ps_range *const *ranges,
                           struct ps_position_list *positions_out, struct penstock_error *error) {
    int64_t ordinal = 0;
    for (size_t i = 0; i < run->input_count; i++) {
        for (size_t j = 0; ranges[i] != NULL && j < ranges[i]->end_count; j++) {
            const struct ps_position *end = &ranges[i]->ends[j];
            const char *name =
                ps_arena_printf(run->epoch_arena, "%s/%s", run->inputs[i].name, end->partition.name);
            if (name == NULL) {
                return ps_error_memory(error, "the positions of an epoch");
            }
            const struct ps_position position = {
                .partition = {name, ordinal++}, .offset = end->offset, .state = ""};
            PS_TRY(ps_position_list_set(positions_out, &position, error));
        }
    }
    return PENSTOCK_OK;
}
