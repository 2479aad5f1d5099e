/* SPDX-License-Identifier: Apache-2.0
 *
 * plan_pushed.c - in a plan: what a source leaves out by itself, as steps of its decode stage and as JSON.
 */
#include "job/graph.h"

/* More ranges of keys than this are counted only. */
#define KEY_COUNT_SHOWN 4

struct steps {
    const char **texts;
    size_t count;
    struct ps_arena *arena;
    bool failed;
};

static void add(struct steps *steps, const char *text) {
    steps->failed = steps->failed || text == NULL;
    steps->texts[steps->count++] = text;
}

static const char *join(struct ps_arena *arena, const char *const *texts, size_t count) {
    const char *joined = count > 0 ? texts[0] : "";
    for (size_t i = 1; i < count && joined != NULL; i++) {
        joined = ps_arena_printf(arena, "%s, %s", joined, texts[i]);
    }
    return joined;
}

static void add_columns(struct steps *steps, const struct ps_pushed *pushed) {
    const char *names = join(steps->arena, pushed->columns, pushed->column_count);
    if (names == NULL) {
        steps->failed = true;
    } else if (pushed->column_count_all == 0) {
        add(steps, "ask for row keys alone, no cell's value is needed");
    } else if (pushed->column_count < pushed->column_count_all) {
        add(steps, ps_arena_printf(steps->arena, "ask for %zu of %zu columns: %s", pushed->column_count,
                                   pushed->column_count_all, names));
    } else {
        add(steps, ps_arena_printf(steps->arena, "ask for all %zu columns: %s%s%s%s", pushed->column_count,
                                   names, pushed->why_all_columns == NULL ? "" : " (",
                                   pushed->why_all_columns == NULL ? "" : pushed->why_all_columns,
                                   pushed->why_all_columns == NULL ? "" : ")"));
    }
}

static void add_rows(struct steps *steps, const struct ps_pushed *pushed) {
    struct ps_arena *arena = steps->arena;
    if (pushed->key_count > KEY_COUNT_SHOWN) {
        const char *first = join(arena, pushed->keys, KEY_COUNT_SHOWN);
        add(steps, first == NULL
                       ? NULL
                       : ps_arena_printf(arena, "row keys in %zu ranges: %s, ...", pushed->key_count, first));
    } else if (pushed->key_count > 0) {
        const char *keys = join(arena, pushed->keys, pushed->key_count);
        add(steps, keys == NULL ? NULL : ps_arena_printf(arena, "row keys: %s", keys));
    }
    if (pushed->times != NULL) {
        add(steps, ps_arena_printf(arena, "timestamps: %s", pushed->times));
    }
    if (pushed->filter != NULL) {
        add(steps, ps_arena_printf(arena, "the servers filter: %s%s%s%s", pushed->filter,
                                   pushed->note == NULL ? "" : " (", pushed->note == NULL ? "" : pushed->note,
                                   pushed->note == NULL ? "" : ")"));
    } else if (pushed->note != NULL) {
        add(steps, pushed->note);
    }
    if (pushed->why_all_rows != NULL) {
        add(steps, ps_arena_printf(arena, "no condition is pushed: %s", pushed->why_all_rows));
    }
    for (size_t i = 0; i < pushed->left_count; i++) {
        add(steps, ps_arena_printf(arena, "left to SQL: %s (%s)", pushed->left[i].text, pushed->left[i].why));
    }
}

/* The plan says of a column that no statement reads that it is decoded all the same: not if it is not asked for. */
static penstock_code shorten_note(struct ps_plan *plan, const struct ps_node *node,
                                  struct penstock_error *error) {
    const char *head = ps_arena_printf(plan->arena, "%s: no statement reads ", node->name);
    const char **notes = ps_arena_allocate(plan->arena, plan->note_count + 1, sizeof *notes);
    if (head == NULL || notes == NULL) {
        return ps_error_memory(error, "the plan");
    }
    for (size_t i = 0; i < plan->note_count; i++) {
        const char *end = strstr(plan->notes[i], "; still decoded");
        const bool is_it = strncmp(plan->notes[i], head, strlen(head)) == 0 && end != NULL;
        notes[i] = is_it ? ps_arena_copy_size(plan->arena, plan->notes[i], (size_t)(end - plan->notes[i]))
                         : plan->notes[i];
        if (notes[i] == NULL) {
            return ps_error_memory(error, "the plan");
        }
    }
    plan->notes = notes;
    return PENSTOCK_OK;
}

penstock_code ps_plan_add_pushed(struct ps_plan *plan, size_t node, const struct ps_pushed *pushed,
                                 struct penstock_error *error) {
    struct ps_stage *stage = plan->stages; /* decode is the first stage that a source is in */
    while (stage->node_count != 1 || stage->nodes[0] != node) {
        stage++;
    }
    struct ps_pushed *kept = ps_arena_allocate(plan->arena, 1, sizeof *kept);
    struct steps steps = {.arena = plan->arena};
    steps.texts =
        ps_arena_allocate(plan->arena, stage->step_count + pushed->left_count + 8, sizeof *steps.texts);
    if (plan->pushed == NULL) {
        plan->pushed = ps_arena_allocate(plan->arena, plan->graph->node_count + 1, sizeof *plan->pushed);
    }
    if (kept == NULL || steps.texts == NULL || plan->pushed == NULL) {
        return ps_error_memory(error, "the plan");
    }
    *kept = *pushed;
    plan->pushed[node] = kept;
    add(&steps, stage->steps[0]);
    add_columns(&steps, pushed);
    add_rows(&steps, pushed);
    for (size_t i = 1; i < stage->step_count; i++) {
        add(&steps, stage->steps[i]);
    }
    if (steps.failed) {
        return ps_error_memory(error, "the plan");
    }
    stage->steps = steps.texts;
    stage->step_count = steps.count;
    return pushed->column_count < pushed->column_count_all
               ? shorten_note(plan, &plan->graph->nodes[node], error)
               : PENSTOCK_OK;
}

/* --- JSON ------------------------------------------------------------------------------------------------------ */

static void write_text(struct ps_buffer *out, const char *name, const char *text) {
    ps_buffer_printf(out, ",\"%s\":", name);
    if (text == NULL) {
        ps_buffer_text(out, "null");
    } else {
        ps_buffer_json(out, text, strlen(text));
    }
}

static void write_list(struct ps_buffer *out, const char *const *texts, size_t count) {
    ps_buffer_text(out, "[");
    for (size_t i = 0; i < count; i++) {
        ps_buffer_text(out, i > 0 ? "," : "");
        ps_buffer_json(out, texts[i], strlen(texts[i]));
    }
    ps_buffer_text(out, "]");
}

void ps_plan_write_pushed(const struct ps_pushed *pushed, struct ps_buffer *out) {
    ps_buffer_text(out, "{\"columns\":");
    write_list(out, pushed->columns, pushed->column_count);
    ps_buffer_printf(out, ",\"columns_mapped\":%zu", pushed->column_count_all);
    write_text(out, "why_all_columns", pushed->why_all_columns);
    ps_buffer_text(out, ",\"row_keys\":");
    write_list(out, pushed->keys, pushed->key_count);
    write_text(out, "timestamps", pushed->times);
    write_text(out, "filter", pushed->filter);
    write_text(out, "note", pushed->note);
    write_text(out, "why_all_rows", pushed->why_all_rows);
    ps_buffer_text(out, ",\"left\":[");
    for (size_t i = 0; i < pushed->left_count; i++) {
        ps_buffer_text(out, i > 0 ? ",{\"condition\":" : "{\"condition\":");
        ps_buffer_json(out, pushed->left[i].text, strlen(pushed->left[i].text));
        write_text(out, "why", pushed->left[i].why);
        ps_buffer_text(out, "}");
    }
    ps_buffer_text(out, "]}");
}
