/* SPDX-License-Identifier: Apache-2.0
 *
 * plan.c - the graph as stages and tasks, and what was found out on the way.
 *
 *   prepare   DuckDB's own statements, once                                    one task
 *   decode    each source: a slice of records into checked columns             one task a slice
 *   epoch     watermarks, tables, views, commit: one transaction               one task
 *   train     each model: scan, solve, hold-out, gate                          one task a block of rows
 *
 * Decode is split from epoch because records are handed over, in order; everything in an epoch is fused,
 * because one transaction with one thread is what makes its result the same on every replay.
 */
#include "job/graph.h"

struct lines {
    const char **texts;
    size_t count, capacity;
};

struct planning {
    const struct ps_graph *graph;
    struct ps_arena *arena;
    struct ps_plan *plan;
    struct lines notes;
    bool failed; /* out of memory: looked at once, at the end */
};

static void add_line(struct planning *planning, struct lines *lines, const char *text) {
    if (lines->count == lines->capacity) {
        const size_t capacity = lines->capacity == 0 ? 8 : lines->capacity * 2;
        const char **texts = ps_arena_allocate(planning->arena, capacity, sizeof *texts);
        if (texts == NULL) {
            planning->failed = true;
            return;
        }
        if (lines->count > 0) {
            memcpy(texts, lines->texts, lines->count * sizeof *texts);
        }
        lines->texts = texts;
        lines->capacity = capacity;
    }
    planning->failed = planning->failed || text == NULL;
    lines->texts[lines->count++] = text;
}

/* One more stage; its lists have room for every node of the graph. NULL when out of memory. */
static struct ps_stage *add_stage(struct planning *planning, const char *name, const char *tasks) {
    struct ps_stage *stage = &planning->plan->stages[planning->plan->stage_count];
    stage->name = name;
    stage->tasks = tasks;
    stage->nodes = ps_arena_allocate(planning->arena, planning->graph->node_count + 1, sizeof *stage->nodes);
    stage->inputs =
        ps_arena_allocate(planning->arena, planning->graph->node_count + 2, sizeof *stage->inputs);
    if (name == NULL || tasks == NULL || stage->nodes == NULL || stage->inputs == NULL) {
        planning->failed = true;
        return NULL;
    }
    planning->plan->stage_count++;
    return stage;
}

static void set_steps(struct ps_stage *stage, const struct lines *steps) {
    stage->steps = steps->texts;
    stage->step_count = steps->count;
}

/* The first line of a statement, shortened. */
static const char *short_text(struct planning *planning, const char *text) {
    const size_t line = strcspn(text, "\r\n");
    const size_t size = line > 60 ? 60 : line;
    return ps_arena_printf(planning->arena, "%.*s%s", (int)size, text, text[size] != '\0' ? " ..." : "");
}

static size_t count_kind(const struct ps_graph *graph, enum ps_node_kind kind) {
    size_t count = 0;
    for (size_t i = 0; i < graph->node_count; i++) {
        count += graph->nodes[i].kind == kind;
    }
    return count;
}

/* --- stages ----------------------------------------------------------------------------------------------------- */

static void plan_prepare(struct planning *planning) {
    const struct ps_graph *graph = planning->graph;
    struct lines steps = {NULL, 0, 0};
    struct ps_stage *stage = add_stage(planning, "prepare", "1, when a statement is new or changed");
    for (size_t i = 0; stage != NULL && i < graph->node_count; i++) {
        const struct ps_node *node = &graph->nodes[i];
        if (node->kind == PS_NODE_SQL) {
            stage->nodes[stage->node_count++] = i;
            add_line(planning, &steps,
                     ps_arena_printf(planning->arena, "%s: %s", node->name,
                                     short_text(planning, node->statement->text)));
        }
    }
    if (stage != NULL) {
        set_steps(stage, &steps);
    }
}

static void plan_decode(struct planning *planning, size_t index) {
    const struct ps_node *node = &planning->graph->nodes[index];
    const struct ps_source_statement *source = &node->statement->as.source;
    struct ps_stage *stage =
        add_stage(planning, ps_arena_printf(planning->arena, "decode %s", node->name),
                  ps_arena_printf(planning->arena, "one per slice of records, up to %lld at a time",
                                  (long long)planning->graph->project->core_count));
    if (stage == NULL) {
        return;
    }
    struct lines steps = {NULL, 0, 0};
    stage->nodes[stage->node_count++] = index;
    add_line(planning, &steps,
             ps_option_name_equal(source->connector, "hbase")
                 ? "scan the table, one partition a region, 8 at a time; a slice is rows of one partition"
                 : ps_arena_printf(planning->arena, "read a slice from connector '%s'", source->connector));
    add_line(
        planning, &steps,
        ps_arena_printf(
            planning->arena,
            "decode %s into %zu columns, checked against their types; what does not fit is a dead letter",
            source->encode, node->column_count));
    set_steps(stage, &steps);
}

static const char *describe_table(struct planning *planning, const struct ps_node *node) {
    const size_t rule_count = node->statement->as.table.rule_count;
    const char *what = "SELECT";
    const char *rules = rule_count == 0 ? ""
                                        : ps_arena_printf(planning->arena, ", %zu rule%s", rule_count,
                                                          rule_count == 1 ? "" : "s");
    if (node->is_join) {
        const struct ps_node *nodes = planning->graph->nodes;
        what = ps_arena_printf(planning->arena, "new %s x all %s + old %s x new %s",
                               nodes[node->sides[0]].name, nodes[node->sides[1]].name,
                               nodes[node->sides[0]].name, nodes[node->sides[1]].name);
    }
    return what == NULL || rules == NULL
               ? NULL
               : ps_arena_printf(planning->arena, "%s: %s%s, %s", node->name, what, rules,
                                 node->is_changelog ? "replace the rows of the keys that changed" : "insert");
}

/* Everything that a source's records go through, in one transaction. Returns the stage's index. */
static void plan_epoch(struct planning *planning, size_t first_decode, size_t decode_count) {
    const struct ps_graph *graph = planning->graph;
    struct ps_stage *stage = add_stage(planning, "epoch", "1: one transaction, in the order of the records");
    struct lines steps = {NULL, 0, 0};
    for (size_t i = 0; stage != NULL && i < graph->node_count; i++) {
        const struct ps_node *node = &graph->nodes[i];
        if (node->kind == PS_NODE_SOURCE && node->statement->as.source.watermark_column != NULL) {
            const struct ps_source_statement *source = &node->statement->as.source;
            add_line(planning, &steps,
                     ps_arena_printf(planning->arena,
                                     "%s: watermark of %s, %lld ms behind; late records are dead letters",
                                     node->name, source->watermark_column,
                                     (long long)source->watermark_delay_ms));
        } else if (node->kind == PS_NODE_TABLE) {
            add_line(planning, &steps, describe_table(planning, node));
        } else if (node->kind == PS_NODE_VIEW) {
            add_line(planning, &steps,
                     ps_arena_printf(
                         planning->arena, "%s: aggregate the epoch's rows, merge the states%s", node->name,
                         node->statement->as.view.emit_final ? "; shown once the watermark is past the window"
                                                             : ""));
        } else if (node->kind == PS_NODE_SINK) {
            add_line(planning, &steps,
                     ps_arena_printf(planning->arena,
                                     "%s: rows to %s, committed there with the epoch's number", node->name,
                                     node->statement->as.sink.connector));
        } else {
            continue;
        }
        stage->nodes[stage->node_count++] = i;
    }
    if (stage == NULL) {
        return;
    }
    add_line(planning, &steps, "commit rows, states, dead letters, watermarks and positions together");
    set_steps(stage, &steps);
    for (size_t i = 0; i < decode_count; i++) {
        stage->inputs[stage->input_count++] = first_decode + i;
    }
}

static const char *join_names(struct planning *planning, const struct ps_call *calls, size_t count) {
    const char *text = "";
    for (size_t i = 0; i < count && text != NULL; i++) {
        text = ps_arena_printf(planning->arena, "%s%s%s", text, i > 0 ? ", " : "", calls[i].name);
    }
    return text;
}

static void plan_model(struct planning *planning, size_t index, int64_t before) {
    const struct ps_node *node = &planning->graph->nodes[index];
    const struct ps_model_statement *model = &node->statement->as.model;
    struct ps_arena *arena = planning->arena;
    struct ps_stage *stage = add_stage(planning, ps_arena_printf(arena, "train %s", node->name),
                                       ps_arena_printf(arena, "one per block of rows, up to %lld at a time",
                                                       (long long)planning->graph->project->core_count));
    if (stage == NULL) {
        return;
    }
    struct lines steps = {NULL, 0, 0};
    stage->nodes[stage->node_count++] = index;
    if (model->transform_count > 0) {
        add_line(planning, &steps,
                 ps_arena_printf(arena, "fit %s",
                                 join_names(planning, model->transforms, model->transform_count)));
    }
    add_line(planning, &steps,
             ps_arena_printf(arena, "search %s with %s",
                             join_names(planning, model->estimators, model->estimator_count),
                             model->validation.name != NULL ? model->validation.name : "CrossValidator"));
    add_line(planning, &steps,
             model->holdout.kind == PS_HOLDOUT_NONE ? "fit the best on all rows"
                                                    : "fit the best, score the hold-out rows");
    add_line(planning, &steps,
             ps_arena_printf(arena, "gate: %zu condition%s; publish what passes", model->gate_count,
                             model->gate_count == 1 ? "" : "s"));
    set_steps(stage, &steps);
    if (before >= 0) {
        stage->inputs[stage->input_count++] = (size_t)before;
    }
}

static void plan_dataset(struct planning *planning, size_t index, int64_t before) {
    const struct ps_node *node = &planning->graph->nodes[index];
    const struct ps_dataset_statement *dataset = &node->statement->as.dataset;
    struct ps_arena *arena = planning->arena;
    struct ps_stage *stage = add_stage(planning, ps_arena_printf(arena, "make %s", node->name), "one");
    if (stage == NULL) {
        return;
    }
    struct lines steps = {NULL, 0, 0};
    stage->nodes[stage->node_count++] = index;
    if (dataset->transform_count > 0) {
        add_line(planning, &steps,
                 ps_arena_printf(arena, "fit %s on all rows, and apply them",
                                 join_names(planning, dataset->transforms, dataset->transform_count)));
    }
    for (size_t i = 0; i < dataset->setting_count; i++) {
        const struct ps_setting *setting = &dataset->settings[i];
        if (!ps_option_name_equal(setting->name, "on_existing")) {
            add_line(planning, &steps, ps_arena_printf(arena, "write %s %s", setting->name, setting->value));
        }
    }
    add_line(planning, &steps, "put all of it in place, then record it");
    set_steps(stage, &steps);
    if (before >= 0) {
        stage->inputs[stage->input_count++] = (size_t)before;
    }
}

/* --- notes -------------------------------------------------------------------------------------------------------- */

static void note_unread(struct planning *planning, const struct ps_node *node) {
    const char *names = "";
    size_t count = 0;
    for (size_t i = 0; i < node->column_count && names != NULL; i++) {
        if (!node->column_is_read[i]) {
            names = ps_arena_printf(planning->arena, "%s%s%s", names, count > 0 ? ", " : "",
                                    node->column_names[i]);
            count++;
        }
    }
    if (count > 0) {
        add_line(planning, &planning->notes,
                 ps_arena_printf(planning->arena, "%s: no statement reads %s; still decoded and checked",
                                 node->name, names));
    }
}

/* The chain of statements that a record runs through without being handed over. */
static void note_fused(struct planning *planning, size_t source) {
    const struct ps_graph *graph = planning->graph;
    const char *text = "";
    size_t count = 0;
    for (size_t i = 0; i < graph->node_count && text != NULL; i++) {
        if (graph->nodes[i].source == (int64_t)source) {
            text =
                ps_arena_printf(planning->arena, "%s%s%s", text, count > 0 ? ", " : "", graph->nodes[i].name);
            count++;
        }
    }
    if (count > 1) {
        add_line(planning, &planning->notes,
                 ps_arena_printf(planning->arena,
                                 "%s: %s are fused into one task: no data is exchanged between them",
                                 graph->nodes[source].name, text));
    }
}

static int64_t integer_parameter(const struct ps_call *call, const char *name, int64_t by_default) {
    for (size_t i = 0; i < call->parameter_count; i++) {
        int64_t value = 0;
        if (call->parameters[i].name != NULL && ps_option_name_equal(call->parameters[i].name, name) &&
            ps_parse_integer(call->parameters[i].values[0], &value)) {
            return value;
        }
    }
    return by_default;
}

/* Cells of one estimator, as far as its text tells: RANDOM(n) draws at most n of them. */
static int64_t count_cells(const struct ps_call *call) {
    int64_t count = 1, drawn = 0;
    for (size_t i = 0; i < call->parameter_count; i++) {
        const struct ps_parameter *parameter = &call->parameters[i];
        int64_t values = 1;
        if (parameter->form == PS_FORM_RANDOM) {
            (void)ps_parse_integer(parameter->values[0], &drawn);
        } else if (parameter->form == PS_FORM_GRID) {
            values = (int64_t)parameter->value_count;
        } else if (parameter->form == PS_FORM_RANGE && parameter->value_count == 3) {
            (void)ps_parse_integer(parameter->values[2], &values);
        }
        count = count > INT64_MAX / 2 / (values + 1) ? count : count * (values > 0 ? values : 1);
    }
    return drawn > 0 ? drawn : count;
}

/* Least squares, which sums of products serve; with loss = 'huber' it needs the rows. */
static bool is_by_sums(const struct ps_call *call) {
    bool is_huber = false;
    for (size_t i = 0; i < call->parameter_count; i++) {
        const struct ps_parameter *parameter = &call->parameters[i];
        for (size_t v = 0; parameter->name != NULL && v < parameter->value_count; v++) {
            is_huber = is_huber || (ps_option_name_equal(parameter->name, "loss") &&
                                    ps_text_equal_nocase(parameter->values[v], "huber"));
        }
    }
    return !is_huber && ps_option_name_equal(call->name, "LinearRegression");
}

/* Linear regression is chosen from sufficient statistics, so that one scan feeds its whole search. */
static void note_search(struct planning *planning, const struct ps_node *node) {
    const struct ps_model_statement *model = &node->statement->as.model;
    const char *validator = model->validation.name != NULL ? model->validation.name : "CrossValidator";
    int64_t cell_count = 0;
    bool needs_rows = false;
    for (size_t i = 0; i < model->estimator_count; i++) {
        cell_count += count_cells(&model->estimators[i]);
        needs_rows = needs_rows || !is_by_sums(&model->estimators[i]);
    }
    const char *unit = "folds";
    int64_t split_count = integer_parameter(&model->validation, "numFolds", 3);
    if (ps_option_name_equal(validator, "TimeSeriesSplit")) {
        static const char *const names[] = {"numSplits", "n", "nSplits"};
        unit = "splits in time";
        split_count = 5;
        for (size_t i = 0; i < 3; i++) {
            split_count = integer_parameter(&model->validation, names[i], split_count);
        }
    } else if (ps_option_name_equal(validator, "TrainValidationSplit")) {
        unit = "split";
        split_count = 1;
    }
    add_line(planning, &planning->notes,
             ps_arena_printf(planning->arena, "%s: %s, %lld %s x %lld parameter set%s", node->name,
                             needs_rows ? "one scan for sums, one more takes the rows into memory"
                                        : "one scan feeds the whole search",
                             (long long)split_count, unit, (long long)cell_count,
                             cell_count == 1 ? "" : "s"));
}

/* What a join keeps, which is what it costs. */
static void note_join(struct planning *planning, const struct ps_node *node) {
    const struct ps_node *left = &planning->graph->nodes[node->sides[0]];
    const struct ps_node *right = &planning->graph->nodes[node->sides[1]];
    add_line(planning, &planning->notes,
             ps_arena_printf(
                 planning->arena,
                 "%s: a row of %s and one of %s meet only if %s is %.15g s to %.15g s after %s; each is kept"
                 " until the other one's watermark is past that",
                 node->name, left->name, right->name, right->column_names[right->time_column],
                 (double)node->bound_us[0] / 1e6, (double)node->bound_us[1] / 1e6,
                 left->column_names[left->time_column]));
}

static void note_job(struct planning *planning, const struct ps_node *node) {
    const long long cores = (long long)planning->graph->project->core_count;
    struct ps_job_settings settings;
    if (ps_job_settings_read(&node->statement->as.job, planning->arena, &settings, NULL) != PENSTOCK_OK) {
        planning->failed = true;
        return;
    }
    const long long share = (long long)ps_job_core_share(&settings, planning->graph->project->core_count);
    add_line(planning, &planning->notes,
             ps_arena_printf(planning->arena,
                             "%s: %s is trained beside the stream, from a snapshot, with %lld of %lld core%s",
                             node->name, planning->graph->nodes[node->inputs[0]].name, share, cores,
                             cores == 1 ? "" : "s"));
}

static void add_notes(struct planning *planning) {
    const struct ps_graph *graph = planning->graph;
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct ps_node *node = &graph->nodes[i];
        switch (node->kind) {
        case PS_NODE_SOURCE:
            note_unread(planning, node);
            note_fused(planning, i);
            break;
        case PS_NODE_VIEW:
            add_line(planning, &planning->notes,
                     ps_arena_printf(planning->arena,
                                     "%s: kept incrementally, an epoch reads only its own rows", node->name));
            break;
        case PS_NODE_MODEL: note_search(planning, node); break;
        case PS_NODE_JOB: note_job(planning, node); break;
        case PS_NODE_SINK:
            add_line(
                planning, &planning->notes,
                ps_arena_printf(planning->arena,
                                "%s: the epoch's range is made durable before the sink sees it, so a crash"
                                " replays the same epoch",
                                node->name));
            break;
        case PS_NODE_TABLE:
            if (node->is_join) {
                note_join(planning, node);
            }
            break;
        case PS_NODE_DATASET:
        case PS_NODE_SQL: break;
        }
    }
}

static void plan_stages(struct planning *planning) {
    const struct ps_graph *graph = planning->graph;
    const bool has_sql = count_kind(graph, PS_NODE_SQL) > 0;
    const size_t source_count = count_kind(graph, PS_NODE_SOURCE);
    if (has_sql) {
        plan_prepare(planning);
    }
    const size_t first_decode = planning->plan->stage_count;
    for (size_t i = 0; i < graph->node_count; i++) {
        if (graph->nodes[i].kind == PS_NODE_SOURCE) {
            plan_decode(planning, i);
        }
    }
    if (source_count > 0 && !planning->failed) {
        plan_epoch(planning, first_decode, source_count);
    }
    const int64_t before = (int64_t)planning->plan->stage_count - 1; /* the epoch, else prepare, else none */
    for (size_t i = 0; i < graph->node_count; i++) {
        if (graph->nodes[i].kind == PS_NODE_MODEL) {
            plan_model(planning, i, before);
        } else if (graph->nodes[i].kind == PS_NODE_DATASET) {
            plan_dataset(planning, i, before);
        }
    }
    for (size_t i = 0; has_sql && !planning->failed && i < source_count; i++) {
        struct ps_stage *decode = &planning->plan->stages[first_decode + i];
        decode->inputs[decode->input_count++] = 0;
    }
}

penstock_code ps_plan_build(const struct ps_graph *graph, struct ps_plan **plan_out,
                            struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_plan *plan = arena == NULL ? NULL : ps_arena_allocate(arena, 1, sizeof *plan);
    if (plan != NULL) {
        plan->stages = ps_arena_allocate(arena, graph->node_count + 2, sizeof *plan->stages);
    }
    if (plan == NULL || plan->stages == NULL) {
        return ps_error_memory(error, "the plan");
    }
    plan->graph = graph;
    struct planning planning = {.graph = graph, .arena = arena, .plan = plan};
    plan_stages(&planning);
    add_notes(&planning);
    if (planning.failed) {
        return ps_error_memory(error, "the plan");
    }
    plan->notes = planning.notes.texts;
    plan->note_count = planning.notes.count;
    plan->arena = ps_take(arena);
    *plan_out = plan;
    return PENSTOCK_OK;
}

void ps_plan_free(struct ps_plan *plan) {
    if (plan != NULL) {
        ps_arena_free(plan->arena);
    }
}
