/* SPDX-License-Identifier: Apache-2.0
 *
 * train_model.c - trains the CREATE MODEL statement of a file on an in-memory DuckDB and prints the search.
 *
 *   train_model FILE.sql [THREADS [MEMORY_MIB]]
 *
 * The bench's way to the model search without a store, a gate or a registry around it.
 */
#include <stdio.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/file.h"
#include "model/train.h"

static penstock_code train(const char *path, int64_t threads, int64_t memory, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_bytes text = {0};
    struct ps_statement *statements = NULL;
    size_t count = 0;
    PS_TRY(ps_file_read(path, (size_t)1 << 20, arena, &text, error));
    PS_TRY(ps_statements_parse(path, text.data, text.size, NULL, 0, arena, &statements, &count, error));
    const struct ps_engine_options engine_options = {.thread_count = threads};
    struct ps_engine *engine = NULL;
    struct ps_connection *connection = NULL;
    PS_TRY(ps_engine_open(&engine_options, &engine, error));
    PS_TRY(ps_connection_open(engine, &connection, error));
    penstock_code code = PENSTOCK_OK;
    for (size_t i = 0; code == PENSTOCK_OK && i < count; i++) {
        if (statements[i].kind != PS_STATEMENT_MODEL) {
            code = ps_sql_run(connection, statements[i].text, error);
            continue;
        }
        const struct ps_node node = {
            .kind = PS_NODE_MODEL, .name = statements[i].name, .statement = &statements[i]};
        const struct ps_train_options options = {
            .node = &node, .connection = connection, .thread_count = threads, .memory_max = memory};
        struct ps_candidate *candidate = NULL;
        const int64_t wall = ps_clock_monotonic_ns();
        const int64_t cpu = ps_clock_cpu_ns();
        code = ps_model_train(&options, &candidate, error);
        if (code != PENSTOCK_OK) {
            break;
        }
        const double wall_s = (double)(ps_clock_monotonic_ns() - wall) / 1e9;
        const double cpu_s = (double)(ps_clock_cpu_ns() - cpu) / 1e9;
        for (size_t c = 0; c < candidate->cell_count; c++) {
            for (size_t p = 0; p < candidate->cells[c].parameter_count; p++) {
                printf("%s=%g ", candidate->cells[c].names[p], candidate->cells[c].values[p]);
            }
            for (size_t f = 0; f < candidate->cells[c].fold_count; f++) {
                printf(" %.12f", candidate->cells[c].fold_metrics[f]);
            }
            printf("  mean %.12f%s\n", candidate->cells[c].mean, c == candidate->best ? " *" : "");
        }
        for (size_t f = 0; f < ps_fitted_feature_count(candidate->fitted) && f < 30; f++) {
            printf("%s %.9f, ", ps_fitted_feature_name(candidate->fitted, f),
                   ps_fitted_coefficient(candidate->fitted, f));
        }
        printf("\nintercept %.10f features %zu\n", ps_fitted_intercept(candidate->fitted),
               ps_fitted_feature_count(candidate->fitted));
        for (size_t s = 0; s < candidate->stage_count; s++) {
            printf("%-32s wall %8.3f s  cpu %8.3f s  tasks %lld\n", candidate->stages[s].name,
                   (double)candidate->stages[s].wall_ns / 1e9, (double)candidate->stages[s].cpu_ns / 1e9,
                   (long long)candidate->stages[s].task_count);
        }
        for (size_t n = 0; n < candidate->note_count; n++) {
            printf("note: %s\n", candidate->notes[n]);
        }
        struct rusage usage;
        (void)getrusage(RUSAGE_SELF, &usage);
        printf("rows %lld wall %.3f s cpu %.3f s peak %.0f MiB holdout rmse %.6f baseline %.6f rows %lld\n",
               (long long)candidate->rows.read, wall_s, cpu_s, (double)usage.ru_maxrss / 1024,
               candidate->holdout.rmse, candidate->baseline.rmse, (long long)candidate->holdout.row_count);
        ps_candidate_free(candidate);
    }
    ps_connection_close(connection);
    ps_engine_close(engine);
    return code;
}

int main(int argc, char **argv) {
    struct penstock_error error = {0};
    if (argc < 2) {
        (void)fprintf(stderr, "usage: train_model FILE.sql [THREADS [MEMORY_MIB]]\n");
        return 2;
    }
    const int64_t threads = argc > 2 ? strtoll(argv[2], NULL, 10) : ps_core_count();
    const int64_t memory = (argc > 3 ? strtoll(argv[3], NULL, 10) : 512) << 20;
    if (train(argv[1], threads, memory, &error) != PENSTOCK_OK) {
        (void)fprintf(stderr, "error %s: %s\n  %s\n  %s\n", ps_error_code_name(error.code), error.message,
                      error.detail, error.hint);
        return 1;
    }
    return 0;
}
