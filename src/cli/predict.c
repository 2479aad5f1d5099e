/* SPDX-License-Identifier: Apache-2.0
 *
 * predict.c - `penstock predict MODEL`: rows in (CSV, NDJSON or a SELECT), rows with a prediction out.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cli/command.h"

/* Rows to predict are held in memory with their answer; more than this belongs into a SELECT. */
#define PREDICT_INPUT_SIZE_MAX ((size_t)256 << 20)

struct predict_values {
    const char *input, *sql;
};

static const struct ps_cli_option predict_options[] = {
    {.row = {.name = "input",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct predict_values, input),
             .help = "a CSV file with a header, or NDJSON; - for standard input",
             .since = "0.1"},
     .value_name = "FILE"},
    {.row = {.name = "sql",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct predict_values, sql),
             .help = "a SELECT over the store that gives the rows",
             .since = "0.1"},
     .value_name = "SELECT"},
    {.row = {.name = NULL}},
};

static penstock_code read_standard_input(struct ps_buffer *text, struct penstock_error *error) {
    char part[65536];
    for (;;) {
        const ssize_t count = read(STDIN_FILENO, part, sizeof part);
        if (count == 0) {
            return ps_buffer_status(text, error);
        }
        if (count > 0) {
            ps_buffer_add(text, part, (size_t)count);
        } else if (errno != EINTR) {
            return ps_error_errno(error, errno, "read standard input");
        }
        if (text->failed) {
            ps_error_set(error, PENSTOCK_INVALID_ARGUMENT,
                         "standard input: more than %zu MiB of rows to predict",
                         PREDICT_INPUT_SIZE_MAX >> 20);
            return ps_error_hint(error, "load them into a table and use --sql");
        }
    }
}

static penstock_code read_input(struct ps_cli *cli, const char *input, struct ps_buffer *text,
                                const char **text_out, struct penstock_error *error) {
    if (strcmp(input, "-") == 0) {
        PS_TRY(read_standard_input(text, error));
        *text_out = text->data == NULL ? "" : text->data;
        return PENSTOCK_OK;
    }
    struct ps_bytes content;
    PS_TRY(ps_file_read(input, PREDICT_INPUT_SIZE_MAX, cli->arena, &content, error));
    *text_out = content.data;
    return PENSTOCK_OK;
}

static penstock_code run_predict(struct ps_cli *cli, struct penstock_error *error) {
    const struct predict_values *const values = cli->values;
    if ((values->input == NULL) == (values->sql == NULL)) {
        ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "penstock predict needs %s",
                     values->sql == NULL ? "rows: --input or --sql" : "one of --input and --sql, not both");
        return ps_error_hint(error, "penstock predict %s --input rows.csv", cli->arguments[0]);
    }
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, PREDICT_INPUT_SIZE_MAX);
    const char *input = values->sql;
    if (input == NULL) {
        PS_TRY(read_input(cli, values->input, &text, &input, error));
    }
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    PS_TRY(ps_cli_open_for_reading(cli, &app, error));
    struct ps_text_table *table PS_SCOPED(ps_text_table_free_scoped) = NULL;
    PS_TRY(ps_app_predict(app, cli->arguments[0], input, values->sql != NULL, &table, error));
    ps_cli_print_table(cli, table);
    return PENSTOCK_OK;
}

const struct ps_command ps_command_predict = {
    .name = "predict",
    .summary = "predict rows of a file, of standard input or of a SELECT",
    .arguments = "MODEL",
    .argument_count_min = 1,
    .argument_count_max = 1,
    .options = predict_options,
    .values_size = sizeof(struct predict_values),
    .details =
        "MODEL is a name (its champion), name@alias or name@version. The answer has the columns of the input and "
        "a column prediction, which is NULL where a row cannot be predicted (a NULL that no Imputer fills). The "
        "transforms are those that were fitted in training, with the same numbers.",
    .examples = "penstock predict congestion --input rows.csv\n"
                "penstock predict congestion@champion --sql \"FROM clean_departures LIMIT 3\"",
    .run = run_predict,
};
