/* SPDX-License-Identifier: Apache-2.0
 *
 * models.c - `penstock models list`, `show`, `diff`, `promote`, `rollback`, `delete` and `replay`.
 */
#include "cli/command.h"
#include "cli/model_card.h"
#include "publish/json.h"
#include "publish/registry.h"

/* The last column is JSON already. */
static void put_list_json(struct ps_output *out, const struct ps_text_table *table) {
    for (int64_t row = 0; row < table->row_count; row++) {
        const char *const *const cells = table->cells + (size_t)row * table->column_count;
        ps_output_text(out, row == 0 ? "[\n  {" : ",\n  {");
        for (size_t column = 0; column < table->column_count; column++) {
            ps_output_text(out, column == 0 ? "" : ", ");
            ps_output_json(out, table->names[column]);
            ps_output_text(out, ": ");
            if (column + 1 == table->column_count) {
                ps_output_text(out, cells[column] == NULL ? "null" : cells[column]);
            } else {
                ps_output_cell_json(out, table->types[column], cells[column]);
            }
        }
        ps_output_text(out, "}");
    }
    ps_output_text(out, table->row_count == 0 ? "[]\n" : "\n]\n");
}

/* All metrics of a version are more than a line of a screen: the table has the one that it was chosen by. */
static void put_list(struct ps_cli *cli, const struct ps_text_table *table) {
    if (ps_cli_format(cli) == PS_FORMAT_JSON) {
        put_list_json(cli->out, table);
        return;
    }
    const size_t count = table->column_count - 1;
    struct ps_text_table *const narrow = ps_table_new(cli->arena, count, table->names, table->types);
    for (int64_t row = 0; narrow != NULL && row < table->row_count; row++) {
        (void)ps_table_add(narrow, table->cells + (size_t)row * table->column_count);
    }
    ps_cli_print_table(cli, narrow == NULL ? table : narrow);
}

static penstock_code run_list(struct ps_cli *cli, struct penstock_error *error) {
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    PS_TRY(ps_cli_open_for_reading(cli, &app, error));
    struct ps_text_table *table PS_SCOPED(ps_text_table_free_scoped) = NULL;
    PS_TRY(ps_app_models_list(app, &table, error));
    put_list(cli, table);
    return PENSTOCK_OK;
}

const struct ps_command ps_command_models_list = {
    .name = "models list",
    .summary = "every version of every model, with its aliases",
    .details =
        "Versions are immutable and numbered 1, 2, 3. champion is the version that passed its gate last, or that "
        "was promoted; previous is the one that a rollback would go to. A refused candidate is kept as a version "
        "without an alias. metric is what the version was chosen by, holdout its value on the hold-out rows, or, "
        "where measured_on says so, on the training rows; constant is what the constant prediction comes to. "
        "--format json has all metrics.",
    .examples = "penstock models list",
    .run = run_list,
};

static penstock_code run_show(struct ps_cli *cli, struct penstock_error *error) {
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    PS_TRY(ps_cli_open_for_reading(cli, &app, error));
    struct ps_buffer json PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&json, PS_LIMIT_ARENA_SIZE);
    PS_TRY(ps_app_models_show(app, cli->arguments[0], &json, error));
    PS_TRY(ps_buffer_status(&json, error));
    if (ps_cli_format(cli) != PS_FORMAT_JSON) {
        return ps_model_card_print(cli, json.data, json.size, error);
    }
    ps_output_bytes(cli->out, json.data, json.size);
    if (json.size > 0 && json.data[json.size - 1] != '\n') {
        ps_output_text(cli->out, "\n");
    }
    return PENSTOCK_OK;
}

const struct ps_command ps_command_models_show = {
    .name = "models show",
    .summary = "one version: search, choice, coefficients, hold-out, gate, lineage",
    .arguments = "MODEL",
    .argument_count_min = 1,
    .argument_count_max = 1,
    .details =
        "MODEL is a name (its champion), name@alias, name@version, models:/name@alias or models:/name/version. The "
        "history tells who moved an alias to or from this version, when and why. With --format json the "
        "whole search is there: every parameter set with the metric of every fold and the mean. With --format csv: "
        "the coefficients by feature name.",
    .examples = "penstock models show congestion\npenstock models show congestion@2 --format json",
    .run = run_show,
};

static penstock_code put_json(struct ps_cli *cli, const struct ps_buffer *json) {
    ps_output_bytes(cli->out, json->data, json->size);
    if (json->size > 0 && json->data[json->size - 1] != '\n') {
        ps_output_text(cli->out, "\n");
    }
    return PENSTOCK_OK;
}

static penstock_code run_diff(struct ps_cli *cli, struct penstock_error *error) {
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    PS_TRY(ps_cli_open_for_reading(cli, &app, error));
    struct ps_buffer json PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&json, PS_LIMIT_ARENA_SIZE);
    PS_TRY(ps_app_models_diff(app, cli->arguments[0], cli->arguments[1], &json, error));
    PS_TRY(ps_buffer_status(&json, error));
    return ps_cli_format(cli) == PS_FORMAT_JSON ? put_json(cli, &json)
                                                : ps_model_diff_print(cli, json.data, json.size, error);
}

const struct ps_command ps_command_models_diff = {
    .name = "models diff",
    .summary = "two versions side by side",
    .arguments = "A B",
    .argument_count_min = 2,
    .argument_count_max = 2,
    .details =
        "A and B are versions as for models show. Shows the parameters and metrics of both, the coefficients that "
        "came, went and changed most, the inputs, the lines of the statement that differ, the rows and the verdicts "
        "of the gate. With --format json everything, with --format csv all coefficients that differ.",
    .examples = "penstock models diff congestion@3 congestion@champion",
    .run = run_diff,
};

/* ---- what moves aliases ---- */

struct change_values {
    const char *alias, *reason;
    bool force;
};

#define REASON_OPTION \
    { \
        .row = {.name = "reason", \
                .type = PS_OPTION_TEXT, \
                .offset = offsetof(struct change_values, reason), \
                .help = "why; kept in the history", \
                .since = "0.2"}, \
        .value_name = "TEXT" \
    }

static const struct ps_cli_option promote_options[] = {
    {.row = {.name = "alias",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct change_values, alias),
             .help = "champion (the default), challenger or any other name",
             .since = "0.2"},
     .value_name = "NAME"},
    {.row = {.name = "force",
             .type = PS_OPTION_BOOLEAN,
             .offset = offsetof(struct change_values, force),
             .help = "also a version that its gate refused; needs --reason",
             .since = "0.2"}},
    REASON_OPTION,
    {.row = {.name = NULL}},
};

static const struct ps_cli_option reason_options[] = {
    REASON_OPTION,
    {.row = {.name = NULL}},
};

/* "congestion@champion: version 4 -> version 3" */
static void tell_change(struct ps_cli *cli, const struct ps_text_table *table) {
    const char *const *cells = table->cells;
    if (ps_cli_format(cli) != PS_FORMAT_TABLE || table->row_count != 1) {
        ps_cli_print_table(cli, table);
    } else if (cells[1] == NULL) {
        ps_output_printf(cli->out, "%s version %s is deleted; its number is not given again\n", cells[0],
                         cells[2]);
    } else if (cells[2] != NULL && strcmp(cells[2], cells[3]) == 0) {
        ps_output_printf(cli->out, "%s@%s is version %s already\n", cells[0], cells[1], cells[3]);
    } else if (cells[2] == NULL) {
        ps_output_printf(cli->out, "%s@%s: version %s\n", cells[0], cells[1], cells[3]);
    } else {
        ps_output_printf(cli->out, "%s@%s: version %s -> version %s\n", cells[0], cells[1], cells[2],
                         cells[3]);
    }
}

static penstock_code run_change(struct ps_cli *cli, enum ps_registry_verb verb,
                                struct penstock_error *error) {
    const struct change_values *const values = cli->values;
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    struct ps_text_table *table PS_SCOPED(ps_text_table_free_scoped) = NULL;
    const struct ps_registry_request request = {.verb = verb,
                                                .reference = cli->arguments[0],
                                                .alias = values->alias,
                                                .is_forced = values->force,
                                                .reason = values->reason};
    PS_TRY(ps_cli_open_for_reading(cli, &app, error));
    PS_TRY(ps_app_models_change(app, &request, &table, error));
    tell_change(cli, table);
    return PENSTOCK_OK;
}

static penstock_code run_promote(struct ps_cli *cli, struct penstock_error *error) {
    return run_change(cli, PS_REGISTRY_PROMOTE, error);
}

const struct ps_command ps_command_models_promote = {
    .name = "models promote",
    .summary = "give a version an alias: champion, challenger or another",
    .arguments = "MODEL",
    .argument_count_min = 1,
    .argument_count_max = 1,
    .options = promote_options,
    .values_size = sizeof(struct change_values),
    .details =
        "MODEL is a version: congestion@3, congestion@challenger, models:/congestion/3. A version that its gate "
        "refused (exit status 3) is promoted with --force and --reason only. The history keeps who, when and why. A "
        "project that runs goes on with the new champion from its next epoch.",
    .examples = "penstock models promote congestion@3\n"
                "penstock models promote congestion@4 --alias challenger\n"
                "penstock models promote congestion@4 --force --reason \"the hold-out had the strike in it\"",
    .run = run_promote,
};

static penstock_code run_rollback(struct ps_cli *cli, struct penstock_error *error) {
    return run_change(cli, PS_REGISTRY_ROLLBACK, error);
}

const struct ps_command ps_command_models_rollback = {
    .name = "models rollback",
    .summary = "make the champion what it was before",
    .arguments = "MODEL",
    .argument_count_min = 1,
    .argument_count_max = 1,
    .options = reason_options,
    .values_size = sizeof(struct change_values),
    .details =
        "Goes one step back in the history of champion, to the version that previous names; again: one more step. "
        "Versions that were deleted since are passed over.",
    .examples =
        "penstock models rollback congestion --reason \"it is off by an hour since the clocks changed\"",
    .run = run_rollback,
};

static penstock_code run_delete(struct ps_cli *cli, struct penstock_error *error) {
    return run_change(cli, PS_REGISTRY_DELETE, error);
}

const struct ps_command ps_command_models_delete = {
    .name = "models delete",
    .summary = "remove a version that no alias names",
    .arguments = "MODEL",
    .argument_count_min = 1,
    .argument_count_max = 1,
    .options = reason_options,
    .values_size = sizeof(struct change_values),
    .details =
        "The model and its search go; that it was there, its gate's report and who deleted it stay. Its number is "
        "never given again.",
    .examples = "penstock models delete congestion@2 --reason \"trained on the wrong month\"",
    .run = run_delete,
};

/* ---- what was trained, once more ---- */

struct replay_values {
    int64_t version;
};

static const struct ps_cli_option replay_options[] = {
    {.row = {.name = "version",
             .type = PS_OPTION_INTEGER,
             .offset = offsetof(struct replay_values, version),
             .value_min = 1,
             .value_max = 1e15,
             .help = "of MODEL; the champion if it is not given",
             .since = "0.2"},
     .value_name = "N"},
    {.row = {.name = NULL}},
};

static penstock_code put_replay(struct ps_cli *cli, const struct ps_buffer *json,
                                struct penstock_error *error) {
    yyjson_doc *document PS_SCOPED(ps_json_read_free_scoped) = ps_json_read(json->data, json->size);
    yyjson_val *const root = yyjson_doc_get_root(document);
    const char *const now = yyjson_get_str(yyjson_obj_get(root, "now"));
    const char *const name = yyjson_get_str(yyjson_obj_get(root, "model"));
    if (name == NULL) {
        return ps_error_set(error, PENSTOCK_INTERNAL, "models replay: the answer is no JSON");
    }
    cli->exit_status = yyjson_get_bool(yyjson_obj_get(root, "same")) ? 0 : 1;
    if (ps_cli_format(cli) == PS_FORMAT_JSON) {
        return put_json(cli, json);
    }
    char count[48];
    ps_output_printf(cli->out, "%s version %lld: ", name,
                     (long long)yyjson_get_sint(yyjson_obj_get(root, "version")));
    ps_output_shown(cli->out, yyjson_get_str(yyjson_obj_get(root, "sentence")));
    ps_output_printf(cli->out, "\n  recorded  %s\n", yyjson_get_str(yyjson_obj_get(root, "recorded")));
    if (now != NULL) {
        ps_output_printf(cli->out, "  now       %s, from %s rows\n", now,
                         ps_show_count(yyjson_get_sint(yyjson_obj_get(root, "rows")), count, sizeof count));
    }
    size_t index, change_count;
    yyjson_val *change;
    yyjson_arr_foreach(yyjson_obj_get(root, "changes"), index, change_count, change) {
        ps_output_text(cli->out, "  changed   ");
        ps_output_shown(cli->out, yyjson_get_str(change));
        ps_output_text(cli->out, "\n");
    }
    return PENSTOCK_OK;
}

static penstock_code run_replay(struct ps_cli *cli, struct penstock_error *error) {
    const struct replay_values *const values = cli->values;
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    struct ps_buffer json PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&json, PS_LIMIT_ARENA_SIZE);
    const char *reference = cli->arguments[0];
    if (values->version > 0) {
        if (strchr(reference, '@') != NULL || strchr(reference, '/') != NULL) {
            (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT,
                               "'%s' and --version %lld both name a version", reference,
                               (long long)values->version);
            return ps_error_hint(error, "give one of them");
        }
        reference = ps_arena_printf(cli->arena, "%s@%lld", reference, (long long)values->version);
        if (reference == NULL) {
            return ps_error_memory(error, "models replay");
        }
    }
    PS_TRY(ps_cli_open(cli, &app, error));
    PS_TRY(ps_app_models_replay(app, reference, &json, error));
    PS_TRY(ps_buffer_status(&json, error));
    return put_replay(cli, &json, error);
}

#define REPLAY_DETAILS \
    "Trains the version once more: its statement as it was recorded, over the rows that its tables had then, also " \
    "when more have come since. Nothing is registered. Exit status 0: the same, bit for bit; 1: not the same, or it " \
    "cannot be trained again; then it says what has changed since: a table that was rebuilt, other rows of a plain " \
    "table, another file."

const struct ps_command ps_command_models_replay = {
    .name = "models replay",
    .summary = "train a version once more, and see whether the same comes out",
    .arguments = "MODEL",
    .argument_count_min = 1,
    .argument_count_max = 1,
    .options = replay_options,
    .values_size = sizeof(struct replay_values),
    .details = REPLAY_DETAILS,
    .examples =
        "penstock models replay congestion@3\npenstock models replay congestion --version 3 --format json",
    .run = run_replay,
};

const struct ps_command ps_command_replay = {
    .name = "replay",
    .summary = "the same as models replay",
    .arguments = "MODEL",
    .argument_count_min = 1,
    .argument_count_max = 1,
    .options = replay_options,
    .values_size = sizeof(struct replay_values),
    .details = REPLAY_DETAILS,
    .examples = "penstock replay congestion --version 3",
    .run = run_replay,
};
