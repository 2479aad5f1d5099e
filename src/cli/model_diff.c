/* SPDX-License-Identifier: Apache-2.0
 *
 * model_diff.c - two versions side by side for a person, from the JSON that the registry gives.
 *
 * What is equal is left out, and of the coefficients those that changed most are shown; --format json has all.
 */
#include "cli/model_card.h"

#include <stdio.h>

#include "cli/report.h"
#include "publish/json.h"

/* Coefficients on a screen; a one-hot model may have thousands. */
#define SHOWN_COUNT 20

struct page {
    struct ps_cli *cli;
    struct ps_output *out;
    yyjson_val *root;
};

static const char *text_of(yyjson_val *object, const char *name) {
    const char *text = yyjson_get_str(yyjson_obj_get(object, name));
    return text == NULL ? "" : text;
}

/* A value as a cell: numbers short, texts as they are. */
static const char *cell_of(struct ps_cli *cli, yyjson_val *value, bool is_exact) {
    if (yyjson_is_int(value)) {
        return ps_arena_printf(cli->arena, "%lld", (long long)yyjson_get_sint(value));
    }
    if (yyjson_is_num(value)) {
        return ps_arena_printf(cli->arena, "%.*g", is_exact ? 17 : 6, yyjson_get_num(value));
    }
    return yyjson_is_str(value) ? yyjson_get_str(value) : NULL;
}

static void put_head(struct page *page, const char *side) {
    yyjson_val *object = yyjson_obj_get(page->root, side);
    ps_output_printf(page->out, "%s  ", side);
    ps_output_shown(page->out, text_of(object, "name"));
    ps_output_printf(page->out, " version %lld (%s",
                     (long long)yyjson_get_sint(yyjson_obj_get(object, "version")),
                     text_of(object, "status"));
    size_t index, count;
    yyjson_val *alias;
    yyjson_arr_foreach(yyjson_obj_get(object, "aliases"), index, count, alias) {
        ps_output_printf(page->out, ", @%s", yyjson_get_str(alias));
    }
    ps_output_printf(page->out, "), %s\n", text_of(object, "created_at"));
}

/* name, a, b, change of every member of `section`. */
static penstock_code put_pairs(struct page *page, const char *title, yyjson_val *section,
                               struct penstock_error *error) {
    static const char *const names[] = {"", "a", "b", "change"};
    static const char *const types[] = {"VARCHAR", "DOUBLE", "DOUBLE", "DOUBLE"};
    struct ps_text_table *table = ps_table_new(page->cli->arena, 4, names, types);
    bool added = table != NULL;
    size_t index, count;
    yyjson_val *key, *pair;
    yyjson_obj_foreach(section, index, count, key, pair) {
        const char *cells[] = {yyjson_get_str(key), NULL, NULL, NULL};
        cells[1] = cell_of(page->cli, yyjson_obj_get(pair, "a"), false);
        cells[2] = cell_of(page->cli, yyjson_obj_get(pair, "b"), false);
        cells[3] = cell_of(page->cli, yyjson_obj_get(pair, "change"), false);
        added = added && ((cells[1] == NULL && cells[2] == NULL) || ps_table_add(table, cells));
    }
    if (!added) {
        return ps_error_memory(error, "models diff");
    }
    if (table->row_count > 0) {
        ps_output_printf(page->out, "\n%s\n", title);
        ps_output_table(page->out, table, 2);
    }
    return PENSTOCK_OK;
}

static void put_list(struct page *page, const char *title, yyjson_val *list, const char *member) {
    if (yyjson_arr_size(list) == 0) {
        return;
    }
    ps_output_printf(page->out, "  %-10s ", title);
    size_t index, count;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, count, item) {
        if (index == SHOWN_COUNT) {
            ps_output_printf(page->out, ", and %zu more", count - index);
            break;
        }
        ps_output_text(page->out, index > 0 ? ", " : "");
        ps_output_shown(page->out, member == NULL ? yyjson_get_str(item) : text_of(item, member));
    }
    ps_output_text(page->out, "\n");
}

static penstock_code put_changed(struct page *page, yyjson_val *list, size_t shown_count, bool is_exact,
                                 struct ps_text_table **table_out, struct penstock_error *error) {
    static const char *const names[] = {"feature", "a", "b", "change"};
    static const char *const types[] = {"VARCHAR", "DOUBLE", "DOUBLE", "DOUBLE"};
    struct ps_text_table *table = ps_table_new(page->cli->arena, 4, names, types);
    bool added = table != NULL;
    size_t index, count;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, count, item) {
        if (index == shown_count) {
            break;
        }
        const char *const cells[] = {text_of(item, "feature"),
                                     cell_of(page->cli, yyjson_obj_get(item, "a"), is_exact),
                                     cell_of(page->cli, yyjson_obj_get(item, "b"), is_exact),
                                     cell_of(page->cli, yyjson_obj_get(item, "change"), is_exact)};
        added = added && ps_table_add(table, cells);
    }
    *table_out = table;
    return added ? PENSTOCK_OK : ps_error_memory(error, "models diff");
}

static penstock_code put_features(struct page *page, const char *title, yyjson_val *features,
                                  struct penstock_error *error) {
    yyjson_val *changed = yyjson_obj_get(features, "changed");
    yyjson_val *came = yyjson_obj_get(features, "came");
    yyjson_val *went = yyjson_obj_get(features, "went");
    if (yyjson_arr_size(changed) + yyjson_arr_size(came) + yyjson_arr_size(went) == 0) {
        return PENSTOCK_OK;
    }
    struct ps_text_table *table = NULL;
    ps_output_printf(page->out, "\n%s\n", title);
    put_list(page, "came", came, "feature");
    put_list(page, "went", went, "feature");
    PS_TRY(put_changed(page, changed, SHOWN_COUNT, false, &table, error));
    if (table->row_count > 0) {
        ps_output_table(page->out, table, 2);
    }
    if (yyjson_arr_size(changed) > SHOWN_COUNT) {
        ps_output_printf(page->out, "  and %zu more that changed less\n",
                         yyjson_arr_size(changed) - SHOWN_COUNT);
    }
    return PENSTOCK_OK;
}

static void put_statement(struct page *page) {
    yyjson_val *lines = yyjson_obj_get(page->root, "statement");
    if (yyjson_arr_size(lines) == 0) {
        ps_output_text(page->out, "\nThe statement is the same.\n");
        return;
    }
    ps_output_text(page->out, "\nStatement\n");
    size_t index, count;
    yyjson_val *line;
    yyjson_arr_foreach(lines, index, count, line) {
        ps_output_text(page->out, "  ");
        ps_output_shown(page->out, yyjson_get_str(line));
        ps_output_text(page->out, "\n");
    }
}

static void put_gate(struct page *page) {
    static const char *const sides[] = {"a", "b"};
    yyjson_val *gate = yyjson_obj_get(page->root, "gate");
    ps_output_text(page->out, "\nGate\n");
    for (size_t i = 0; i < 2; i++) {
        yyjson_val *side = yyjson_obj_get(gate, sides[i]);
        ps_output_printf(page->out, "  %s  %s: ", sides[i], text_of(side, "verdict"));
        ps_output_shown(page->out, text_of(side, "sentence"));
        ps_output_text(page->out, "\n");
    }
}

static penstock_code put_page(struct page *page, struct penstock_error *error) {
    yyjson_val *metrics = yyjson_obj_get(page->root, "metrics");
    yyjson_val *inputs = yyjson_obj_get(page->root, "inputs");
    put_head(page, "a");
    put_head(page, "b");
    PS_TRY(put_pairs(page, "Parameters", yyjson_obj_get(page->root, "chosen"), error));
    PS_TRY(put_pairs(page, "Hold-out", yyjson_obj_get(metrics, "holdout"), error));
    PS_TRY(put_pairs(page, "Training", yyjson_obj_get(metrics, "training"), error));
    PS_TRY(put_pairs(page, "Rows", yyjson_obj_get(page->root, "rows"), error));
    PS_TRY(put_features(page, "Coefficients", yyjson_obj_get(page->root, "coefficients"), error));
    PS_TRY(put_features(page, "Importances", yyjson_obj_get(page->root, "importances"), error));
    if (yyjson_arr_size(yyjson_obj_get(inputs, "came")) + yyjson_arr_size(yyjson_obj_get(inputs, "went")) >
        0) {
        ps_output_text(page->out, "\nInputs\n");
        put_list(page, "came", yyjson_obj_get(inputs, "came"), NULL);
        put_list(page, "went", yyjson_obj_get(inputs, "went"), NULL);
    }
    put_statement(page);
    put_gate(page);
    return PENSTOCK_OK;
}

penstock_code ps_model_diff_print(struct ps_cli *cli, const char *json, size_t size,
                                  struct penstock_error *error) {
    yyjson_doc *document PS_SCOPED(ps_json_read_free_scoped) = ps_json_read(json, size);
    struct page page = {.cli = cli, .out = cli->out, .root = yyjson_doc_get_root(document)};
    if (page.root == NULL) {
        return ps_error_set(error, PENSTOCK_INTERNAL, "models diff: the registry's answer is no JSON");
    }
    if (ps_cli_format(cli) != PS_FORMAT_CSV) {
        return put_page(&page, error);
    }
    struct ps_text_table *table = NULL;
    yyjson_val *features = yyjson_obj_get(page.root, "coefficients");
    PS_TRY(put_changed(&page, yyjson_obj_get(features, "changed"), SIZE_MAX, true, &table, error));
    ps_output_table_csv(cli->out, table);
    return PENSTOCK_OK;
}
