/* SPDX-License-Identifier: Apache-2.0
 *
 * main.c - penstock inside another C program: open a project, run it, query its store, load a model, predict.
 *
 *   embed PROJECT MODEL TABLE
 *
 * The project is one that `penstock init` makes, or any other with a model; nothing here knows its columns. The
 * first row of TABLE is predicted, column by column, as a server would do it per request.
 */
#include <penstock.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *what, const struct penstock_error *error) {
    fprintf(stderr, "%s: %s\n", what, error->message);
    if (error->detail[0] != '\0') {
        fprintf(stderr, "  detail: %s\n", error->detail);
    }
    if (error->hint[0] != '\0') {
        fprintf(stderr, "  hint: %s\n", error->hint);
    }
    return 1;
}

/* Tables of the store with their rows, by a query like any other. */
static int show_tables(struct penstock *project) {
    struct penstock_error error;
    struct penstock_result *result = NULL;
    if (penstock_query(
            project,
            "SELECT table_name, estimated_size FROM duckdb_tables() WHERE schema_name = 'main' ORDER BY table_name",
            &result, &error) != PENSTOCK_OK) {
        return fail("query", &error);
    }
    for (int64_t row = 0; row < penstock_result_row_count(result); row++) {
        printf("table %s: %s rows\n", penstock_result_text(result, row, 0),
               penstock_result_text(result, row, 1));
    }
    penstock_result_free(result);
    return 0;
}

/* SELECT with the model's inputs, in its order, from `table`. */
static char *write_select(const struct penstock_model *model, const char *table) {
    size_t size = strlen(table) + 64;
    for (int64_t i = 0; i < penstock_model_input_count(model); i++) {
        size += strlen(penstock_model_input_name(model, i)) + 8;
    }
    char *sql = malloc(size);
    if (sql != NULL) {
        strcpy(sql, "SELECT ");
        for (int64_t i = 0; i < penstock_model_input_count(model); i++) {
            strcat(sql, i == 0 ? "\"" : ", \"");
            strcat(sql, penstock_model_input_name(model, i));
            strcat(sql, "\"");
        }
        strcat(sql, " FROM ");
        strcat(sql, table);
        strcat(sql, " LIMIT 1");
    }
    return sql;
}

static int predict_first_row(struct penstock *project, const struct penstock_model *model,
                             const char *table) {
    struct penstock_error error;
    struct penstock_result *result = NULL;
    char *sql = write_select(model, table);
    const int64_t count = penstock_model_input_count(model);
    const char **values = calloc((size_t)count + 1, sizeof *values);
    int status = 1;
    if (sql == NULL || values == NULL) {
        fprintf(stderr, "out of memory\n");
    } else if (penstock_query(project, sql, &result, &error) != PENSTOCK_OK) {
        fail("query", &error);
    } else if (penstock_result_row_count(result) == 0) {
        fprintf(stderr, "%s has no rows\n", table);
    } else {
        double prediction = 0;
        for (int64_t i = 0; i < count; i++) {
            values[i] = penstock_result_text(result, 0, i);
            printf("  %s = %s\n", penstock_model_input_name(model, i),
                   values[i] == NULL ? "NULL" : values[i]);
        }
        if (penstock_model_predict(model, values, &prediction, &error) != PENSTOCK_OK) {
            fail("predict", &error);
        } else {
            printf("prediction: %.6f\n", prediction);
            status = 0;
        }
    }
    penstock_result_free(result);
    free(values);
    free(sql);
    return status;
}

static int run_and_predict(struct penstock *project, const char *name, const char *table) {
    const struct penstock_run_options options = {.once = true, .quiet = true};
    struct penstock_error error;
    struct penstock_model *model = NULL;
    const penstock_code code = penstock_run(project, &options, &error);
    if (code == PENSTOCK_GATE_REFUSED) {
        printf("the gate refused: %s\n", error.message); /* the champion of before, if any, still predicts */
    } else if (code != PENSTOCK_OK) {
        return fail("run", &error);
    }
    if (show_tables(project) != 0) {
        return 1;
    }
    if (penstock_model_load(project, name, &model, &error) != PENSTOCK_OK) {
        return fail("load", &error);
    }
    printf("model %s, version %" PRId64 "\n", name, penstock_model_version(model));
    const int status = predict_first_row(project, model, table);
    penstock_model_free(model);
    return status;
}

int main(int argc, char **argv) {
    struct penstock_error error;
    struct penstock *project = NULL;
    if (argc != 4) {
        fprintf(stderr, "usage: embed PROJECT MODEL TABLE\n");
        return 2;
    }
    printf("libpenstock %s\n", penstock_version());
    if (penstock_open(argv[1], NULL, &project, &error) != PENSTOCK_OK) {
        return fail("open", &error);
    }
    const int status = run_and_predict(project, argv[2], argv[3]);
    penstock_close(project);
    return status;
}
