/* SPDX-License-Identifier: Apache-2.0
 *
 * report_search.c - the cells of a search as a table, and which metrics a person looks at first.
 *
 * One estimator: a column for each searched parameter. Several: the estimator's name and its parameters as one text.
 * Of a large search only the best cells are shown, the best first; the JSON form has all of them.
 */
#include <inttypes.h>
#include <math.h>

#include "cli/report.h"
#include "model/metrics.h"

/* Cells that a person reads at most, and how many of more are shown. */
enum { CELL_MAX = 60, SHOWN_COUNT = 20 };

const char *const *ps_report_main_metrics(enum ps_task task) {
    static const char *const regression[] = {"rmse", "r2", "mae", NULL};
    static const char *const binary[] = {"areaUnderROC", "areaUnderPR", "logLoss", "accuracy", NULL};
    static const char *const multiclass[] = {"f1", "accuracy", "logLoss", NULL};
    return task == PS_TASK_REGRESSION ? regression : task == PS_TASK_BINARY ? binary : multiclass;
}

bool ps_report_has_several(const struct ps_candidate *candidate) {
    for (size_t i = 1; i < candidate->cell_count; i++) {
        if (strcmp(candidate->cells[i].estimator, candidate->cells[0].estimator) != 0 ||
            candidate->cells[i].names != candidate->cells[0].names) {
            return true;
        }
    }
    return false;
}

const char *ps_report_parameters(const struct ps_search_cell *cell, struct ps_arena *arena) {
    const char *text = "";
    for (size_t i = 0; i < cell->parameter_count && text != NULL; i++) {
        text =
            ps_arena_printf(arena, "%s%s%s = %s", text, i == 0 ? "" : ", ", cell->names[i], cell->texts[i]);
    }
    return text;
}

struct sheet {
    const struct ps_candidate *candidate;
    struct ps_arena *arena;
    bool has_several;
    size_t head_count; /* columns before the folds */
    size_t column_count;
    const char **cells;
    struct ps_text_table *table;
};

static bool begin(struct sheet *sheet) {
    const struct ps_search_cell *const first = &sheet->candidate->cells[0];
    sheet->head_count = sheet->has_several ? 2 : first->parameter_count;
    sheet->column_count = sheet->head_count + first->fold_count + 2;
    const char **const names = ps_arena_allocate(sheet->arena, sheet->column_count, sizeof *names);
    const char **const types = ps_arena_allocate(sheet->arena, sheet->column_count, sizeof *types);
    sheet->cells = ps_arena_allocate(sheet->arena, sheet->column_count, sizeof *sheet->cells);
    if (names == NULL || types == NULL || sheet->cells == NULL) {
        return false;
    }
    for (size_t column = 0; column < sheet->column_count; column++) {
        const bool is_text = (sheet->has_several && column < 2) || column + 1 == sheet->column_count;
        types[column] = is_text ? "VARCHAR" : "DOUBLE";
        names[column] = column + 1 == sheet->column_count   ? ""
                        : column + 2 == sheet->column_count ? "mean"
                        : column >= sheet->head_count
                            ? ps_arena_printf(sheet->arena, "fold %zu", column - sheet->head_count + 1)
                        : !sheet->has_several ? first->names[column]
                        : column == 0         ? "estimator"
                                              : "parameters";
    }
    sheet->table = ps_table_new(sheet->arena, sheet->column_count, names, types);
    return sheet->table != NULL;
}

static bool add(struct sheet *sheet, size_t index) {
    const struct ps_search_cell *const cell = &sheet->candidate->cells[index];
    size_t column = 0;
    if (sheet->has_several) {
        sheet->cells[column++] = cell->estimator;
        sheet->cells[column++] = ps_report_parameters(cell, sheet->arena);
    }
    for (size_t i = 0; !sheet->has_several && i < cell->parameter_count; i++) {
        sheet->cells[column++] = cell->texts[i];
    }
    for (size_t fold = 0; fold < cell->fold_count; fold++) {
        sheet->cells[column++] = ps_arena_printf(sheet->arena, "%.6f", cell->fold_metrics[fold]);
    }
    sheet->cells[column++] = ps_arena_printf(sheet->arena, "%.6f", cell->mean);
    sheet->cells[column] = index == sheet->candidate->best ? "*" : "";
    return ps_table_add(sheet->table, sheet->cells);
}

/* Is cell `left` before cell `right`, the best first, equals as they stand? */
static bool is_before(const struct ps_candidate *candidate, size_t left, size_t right) {
    const struct ps_metric_type *metric = ps_metric_find(candidate->metric_name);
    const double a = candidate->cells[left].mean, b = candidate->cells[right].mean;
    if (isnan(a) || isnan(b) || (a <= b && a >= b)) {
        return isnan(a) == isnan(b) ? left < right : isnan(b);
    }
    return metric != NULL && metric->larger_is_better ? a > b : a < b;
}

static bool add_best(struct sheet *sheet) {
    const struct ps_candidate *const candidate = sheet->candidate;
    size_t last = SIZE_MAX;
    for (size_t shown = 0; shown < SHOWN_COUNT; shown++) {
        size_t next = SIZE_MAX;
        for (size_t i = 0; i < candidate->cell_count; i++) {
            const bool is_left = last == SIZE_MAX || is_before(candidate, last, i);
            if (is_left && (next == SIZE_MAX || is_before(candidate, i, next))) {
                next = i;
            }
        }
        if (next == SIZE_MAX || !add(sheet, next)) {
            return next == SIZE_MAX;
        }
        last = next;
    }
    return true;
}

void ps_report_print_search(struct ps_output *out, const struct ps_candidate *candidate,
                            struct ps_arena *arena) {
    struct sheet sheet = {
        .candidate = candidate, .arena = arena, .has_several = ps_report_has_several(candidate)};
    const bool is_long = candidate->cell_count > CELL_MAX;
    bool is_good = begin(&sheet) && (!is_long || add_best(&sheet));
    for (size_t i = 0; is_good && !is_long && i < candidate->cell_count; i++) {
        is_good = add(&sheet, i);
    }
    if (!is_good) {
        out->text.failed = true;
        return;
    }
    ps_output_table(out, sheet.table, 4);
    if (is_long) {
        ps_output_printf(out, "    the best %d of %zu; --format json has all\n", (int)SHOWN_COUNT,
                         candidate->cell_count);
    }
}
