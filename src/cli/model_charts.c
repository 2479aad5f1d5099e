/* SPDX-License-Identifier: Apache-2.0
 *
 * model_charts.c - the drawings of the report page, as inline SVG, and the tables that go with them.
 *
 * Scales and axes are those of publish/drawing.h.
 */
#include "cli/model_page.h"

#include <math.h>
#include <stdio.h>

#include "publish/drawing.h"

/* Rows of a chart that are drawn; all are in its table. */
#define BARS_MAX 30
#define CELLS_MAX 40
#define TABLE_MAX 500

/* ---- the search ---- */

static void describe_cell(yyjson_val *cell, char *text, size_t size) {
    size_t index, count, used = 0;
    yyjson_val *key, *value;
    const char *estimator = ps_page_member(cell, "estimator");
    text[0] = '\0';
    yyjson_obj_foreach(yyjson_obj_get(cell, "parameters"), index, count, key, value) {
        char number[64];
        if (yyjson_is_num(value)) {
            (void)snprintf(number, sizeof number, "%.6g", yyjson_get_num(value));
        } else {
            (void)snprintf(number, sizeof number, "%.60s", yyjson_is_str(value) ? yyjson_get_str(value) : "");
        }
        const int more = snprintf(text + used, size - used, "%s%.40s %s", index > 0 ? ", " : "",
                                  yyjson_get_str(key), number);
        used = more > 0 && used + (size_t)more < size ? used + (size_t)more : used;
    }
    if (used == 0) {
        (void)snprintf(text, size, "%.80s", estimator[0] != '\0' ? estimator : "as given");
    }
}

static void put_cells_table(struct ps_buffer *html, yyjson_val *search) {
    size_t index, count, fold, fold_count;
    yyjson_val *cell, *value;
    const size_t best = (size_t)yyjson_get_uint(yyjson_obj_get(search, "best"));
    ps_buffer_text(html, "<details><summary>All parameter sets</summary><div class=scroll><table>"
                         "<tr><th>parameters<th>estimator<th class=n>mean<th class=n>folds");
    yyjson_arr_foreach(yyjson_obj_get(search, "cells"), index, count, cell) {
        char text[256];
        if (index >= TABLE_MAX && index != best) {
            continue;
        }
        describe_cell(cell, text, sizeof text);
        ps_buffer_printf(html, "<tr%s><td>", index == best ? " class=best" : "");
        ps_page_text(html, text);
        ps_buffer_text(html, "<td>");
        ps_page_text(html, ps_page_member(cell, "estimator"));
        ps_buffer_text(html, "<td class=n>");
        ps_page_number(html, yyjson_obj_get(cell, "mean"));
        ps_buffer_text(html, "<td class=n>");
        yyjson_arr_foreach(yyjson_obj_get(cell, "folds"), fold, fold_count, value) {
            ps_buffer_text(html, fold > 0 ? " &nbsp; " : "");
            ps_page_number(html, value);
        }
    }
    ps_buffer_text(html, "</table></div></details>");
}

static void put_cell(struct ps_buffer *html, yyjson_val *cell, const struct ps_scale *x, double y,
                     bool is_best) {
    struct ps_scale range = ps_scale_empty(0, 0);
    char text[256];
    size_t fold, fold_count;
    yyjson_val *value;
    describe_cell(cell, text, sizeof text);
    ps_drawing_label(html, x->start - 10, y + 4, text);
    yyjson_arr_foreach(yyjson_obj_get(cell, "folds"), fold, fold_count, value) {
        ps_scale_widen(&range, yyjson_is_num(value) ? yyjson_get_num(value) : (double)NAN);
    }
    if (range.high >= range.low) {
        ps_buffer_printf(html, "<line class=range x1=%.1f x2=%.1f y1=%.1f y2=%.1f />",
                         ps_scale_place(x, range.low), ps_scale_place(x, range.high), y, y);
    }
    if (isfinite(ps_page_real(cell, "mean"))) {
        ps_buffer_printf(html, "<circle class=%s cx=%.1f cy=%.1f r=%d />", is_best ? "over" : "bar",
                         ps_scale_place(x, ps_page_real(cell, "mean")), y, is_best ? 5 : 4);
    }
}

void ps_page_search(struct ps_buffer *html, yyjson_val *search) {
    yyjson_val *cells = yyjson_obj_get(search, "cells");
    const size_t cell_count = yyjson_arr_size(cells);
    const size_t best = (size_t)yyjson_get_uint(yyjson_obj_get(search, "best"));
    if (cell_count == 0) {
        return;
    }
    const size_t drawn = cell_count < CELLS_MAX ? cell_count : CELLS_MAX;
    const size_t first = best < drawn ? 0 : best - drawn + 1;
    const double height = 20.0 * (double)drawn + 30;
    struct ps_scale x = ps_scale_empty(230, PS_DRAWING_WIDTH - 20);
    size_t index, count, fold, fold_count;
    yyjson_val *cell, *value;
    yyjson_arr_foreach(cells, index, count, cell) {
        const bool is_drawn = index >= first && index < first + drawn;
        yyjson_arr_foreach(yyjson_obj_get(cell, "folds"), fold, fold_count, value) {
            ps_scale_widen(&x, is_drawn && yyjson_is_num(value) ? yyjson_get_num(value) : (double)NAN);
        }
        ps_scale_widen(&x, is_drawn ? ps_page_real(cell, "mean") : (double)NAN);
    }
    ps_buffer_text(html, "<h2>Search</h2><p class=soft>Mean of the folds and their range, by ");
    ps_page_text(html, ps_page_member(search, "metric"));
    ps_buffer_printf(html, "; the chosen one is marked. %zu parameter set%s.</p>", cell_count,
                     cell_count == 1 ? "" : "s");
    ps_drawing_open(html, height, "metric of each parameter set");
    ps_drawing_axis(html, &x, 4, height - 22, true);
    yyjson_arr_foreach(cells, index, count, cell) {
        if (index >= first && index < first + drawn) {
            put_cell(html, cell, &x, 16 + 20.0 * (double)(index - first), index == best);
        }
    }
    ps_buffer_text(html, "</svg>");
    put_cells_table(html, search);
}

/* ---- the hold-out ---- */

static void put_band(struct ps_buffer *html, yyjson_val *parts, const struct ps_scale *x,
                     const struct ps_scale *y, const char *low, const char *high, const char *class) {
    size_t index, count;
    yyjson_val *part;
    ps_buffer_printf(html, "<polygon class=%s points=\"", class);
    yyjson_arr_foreach(parts, index, count, part) {
        ps_buffer_printf(html, "%.1f,%.1f ", ps_scale_place(x, ps_page_real(part, "predicted")),
                         ps_scale_place(y, ps_page_real(part, high)));
    }
    for (size_t i = count; i-- > 0;) {
        part = yyjson_arr_get(parts, i);
        ps_buffer_printf(html, "%.1f,%.1f ", ps_scale_place(x, ps_page_real(part, "predicted")),
                         ps_scale_place(y, ps_page_real(part, low)));
    }
    ps_buffer_text(html, "\" />");
}

static void put_line(struct ps_buffer *html, yyjson_val *parts, const struct ps_scale *x,
                     const struct ps_scale *y, const char *what) {
    size_t index, count;
    yyjson_val *part;
    ps_buffer_text(html, "<polyline class=line points=\"");
    yyjson_arr_foreach(parts, index, count, part) {
        ps_buffer_printf(html, "%.1f,%.1f ", ps_scale_place(x, ps_page_real(part, "predicted")),
                         ps_scale_place(y, ps_page_real(part, what)));
    }
    ps_buffer_text(html, "\" />");
}

void ps_page_residuals(struct ps_buffer *html, yyjson_val *parts) {
    size_t index, count;
    yyjson_val *part;
    struct ps_scale x = ps_scale_empty(60, PS_DRAWING_WIDTH - 20);
    struct ps_scale y = ps_scale_empty(250, 12);
    if (yyjson_arr_size(parts) < 2) {
        return;
    }
    yyjson_arr_foreach(parts, index, count, part) {
        ps_scale_widen(&x, ps_page_real(part, "predicted"));
        ps_scale_widen(&y, ps_page_real(part, "p05"));
        ps_scale_widen(&y, ps_page_real(part, "p95"));
    }
    ps_scale_widen(&y, 0);
    ps_buffer_text(
        html, "<h2>Residuals by prediction</h2><p class=soft>Label minus prediction on the hold-out: the "
              "median, half of the rows (dark) and nine tenths of them (light), in parts of equal size. A "
              "median off the dashed line is a bias that the model could have learnt.</p>");
    ps_drawing_open(html, 285, "residuals by prediction");
    ps_drawing_axis(html, &x, 12, 250, true);
    ps_drawing_axis(html, &y, 60, PS_DRAWING_WIDTH - 20, false);
    put_band(html, parts, &x, &y, "p05", "p95", "pale");
    put_band(html, parts, &x, &y, "p25", "p75", "mid");
    ps_buffer_printf(html, "<line class=zero x1=60 x2=%.0f y1=%.1f y2=%.1f />", PS_DRAWING_WIDTH - 20,
                     ps_scale_place(&y, 0), ps_scale_place(&y, 0));
    put_line(html, parts, &x, &y, "p50");
    ps_buffer_printf(html, "<text x=%.0f y=282 text-anchor=end>prediction</text></svg>",
                     PS_DRAWING_WIDTH - 20);
}

void ps_page_calibration(struct ps_buffer *html, yyjson_val *parts) {
    size_t index, count;
    yyjson_val *part;
    const struct ps_scale x = {0, 1, 60, 360};
    const struct ps_scale y = {0, 1, 312, 12};
    if (yyjson_arr_size(parts) < 2) {
        return;
    }
    ps_buffer_text(html,
                   "<h2>Calibration</h2><p class=soft>Of the hold-out rows for which the model says a "
                   "probability, the share that came true. On the dashed line a probability means what it "
                   "says.</p>");
    ps_drawing_open(html, 345, "calibration");
    ps_drawing_axis(html, &x, 12, 312, true);
    ps_drawing_axis(html, &y, 60, 360, false);
    ps_buffer_text(html, "<line class=zero x1=60 y1=312 x2=360 y2=12 />");
    put_line(html, parts, &x, &y, "observed");
    yyjson_arr_foreach(parts, index, count, part) {
        ps_buffer_printf(html, "<circle class=bar cx=%.1f cy=%.1f r=4 />",
                         ps_scale_place(&x, ps_page_real(part, "predicted")),
                         ps_scale_place(&y, ps_page_real(part, "observed")));
    }
    ps_buffer_text(html, "<text x=360 y=343 text-anchor=end>probability said</text></svg>");
}

/* ---- slices and drift ---- */

void ps_page_slices(struct ps_buffer *html, yyjson_val *slices) {
    size_t index, count, inner, inner_count;
    yyjson_val *slice, *value;
    yyjson_arr_foreach(slices, index, count, slice) {
        ps_buffer_text(html, "<h2>Slices by ");
        ps_page_text(html, ps_page_member(slice, "column"));
        ps_buffer_text(html,
                       "</h2><div class=scroll><table><tr><th>value<th class=n>rows<th class=n>champion ");
        ps_page_text(html, ps_page_member(slice, "metric"));
        ps_buffer_text(html, "<th class=n>this version<th class=n>gain<th class=n>p<th>");
        yyjson_arr_foreach(yyjson_obj_get(slice, "values"), inner, inner_count, value) {
            ps_buffer_text(html, "<tr><td>");
            ps_page_text(html, ps_page_member(value, "value"));
            ps_buffer_text(html, "<td class=n>");
            ps_page_number(html, yyjson_obj_get(value, "rows"));
            ps_buffer_text(html, "<td class=n>");
            ps_page_number(html, yyjson_obj_get(value, "champion"));
            ps_buffer_text(html, "<td class=n>");
            ps_page_number(html, yyjson_obj_get(value, "candidate"));
            ps_buffer_printf(html, "<td class=n>%+.1f %%<td class=n>", 100 * ps_page_real(value, "gain"));
            ps_page_number(html, yyjson_obj_get(value, "probability"));
            ps_buffer_text(html, yyjson_get_bool(yyjson_obj_get(value, "refused"))
                                     ? "<td class=refused>&#10007; worse"
                                     : "<td>");
        }
        ps_buffer_text(html, "</table></div>");
    }
}

static void put_drift(struct ps_buffer *html, yyjson_val *features, const char *title) {
    size_t index, count;
    yyjson_val *feature;
    struct ps_scale x = {0, 0, 230, PS_DRAWING_WIDTH - 70};
    const size_t all = yyjson_arr_size(features);
    if (all == 0) {
        return;
    }
    const size_t drawn = all < BARS_MAX ? all : BARS_MAX;
    yyjson_arr_foreach(features, index, count, feature) {
        ps_scale_widen(&x, index < drawn ? ps_page_real(feature, "score") : 0);
        ps_scale_widen(&x, index < drawn ? ps_page_real(feature, "limit") : 0);
    }
    ps_buffer_printf(html, "<p class=soft>%s</p>", title);
    ps_drawing_open(html, 22.0 * (double)drawn + 8, "drift of each feature");
    yyjson_arr_foreach(features, index, count, feature) {
        const double y = 22.0 * (double)index + 4;
        const double score = ps_page_real(feature, "score");
        const double limit = ps_page_real(feature, "limit");
        if (index >= drawn) {
            continue;
        }
        const double end = isfinite(score) ? ps_scale_place(&x, score) : x.end;
        ps_drawing_label(html, 220, y + 12, ps_page_member(feature, "name"));
        ps_buffer_printf(html, "<rect class=%s x=230 y=%.1f width=%.1f height=14 rx=2><title>",
                         yyjson_get_bool(yyjson_obj_get(feature, "drifted")) ? "over" : "bar", y,
                         fmax(1.0, end - x.start));
        ps_page_text(html, ps_page_member(feature, "sentence"));
        ps_buffer_printf(html, "</title></rect><line class=limit x1=%.1f x2=%.1f y1=%.1f y2=%.1f />",
                         ps_scale_place(&x, limit), ps_scale_place(&x, limit), y - 2, y + 16);
        ps_buffer_printf(html, "<text x=%.0f y=%.1f text-anchor=end>%.3g</text>", PS_DRAWING_WIDTH - 4,
                         y + 12, score);
    }
    ps_buffer_text(html, "</svg>");
}

void ps_page_drift(struct ps_buffer *html, yyjson_val *drift) {
    if (!yyjson_is_obj(drift)) {
        return;
    }
    ps_buffer_printf(
        html,
        "<h2>Drift since champion version %lld</h2><p class=soft>Population stability index beside the "
        "champion's training rows. The stroke is the limit for these numbers of rows.</p>",
        (long long)yyjson_get_sint(yyjson_obj_get(drift, "champion")));
    put_drift(html, yyjson_obj_get(drift, "training"), "Training rows");
    put_drift(html, yyjson_obj_get(drift, "holdout"), "Hold-out rows");
}

/* ---- the model ---- */

struct coefficient {
    const char *name;
    double value;
};

static int compare_coefficients(const void *left, const void *right) {
    const struct coefficient *a = left;
    const struct coefficient *b = right;
    const double x = fabs(a->value);
    const double y = fabs(b->value);
    return x > y ? -1 : (x < y ? 1 : strcmp(a->name, b->name));
}

static void draw_coefficients(struct ps_buffer *html, const struct coefficient *all, size_t count) {
    const size_t drawn = count < BARS_MAX ? count : BARS_MAX;
    struct ps_scale x = {0, 0, 240, PS_DRAWING_WIDTH - 80};
    for (size_t i = 0; i < drawn; i++) {
        ps_scale_widen(&x, all[i].value);
    }
    ps_drawing_open(html, 22.0 * (double)drawn + 8, "coefficients");
    for (size_t i = 0; i < drawn; i++) {
        const double y = 22.0 * (double)i + 4;
        const double from = fmin(ps_scale_place(&x, 0), ps_scale_place(&x, all[i].value));
        const double to = fmax(ps_scale_place(&x, 0), ps_scale_place(&x, all[i].value));
        ps_drawing_label(html, 228, y + 12, all[i].name);
        ps_buffer_printf(html, "<rect class=%s x=%.1f y=%.1f width=%.1f height=14 rx=2 />",
                         all[i].value < 0 ? "over" : "bar", from, y, fmax(1.0, to - from));
        ps_buffer_printf(html, "<text x=%.0f y=%.1f text-anchor=end>%.4g</text>", PS_DRAWING_WIDTH - 4,
                         y + 12, all[i].value);
    }
    ps_buffer_printf(html, "<line class=zero x1=%.1f x2=%.1f y1=0 y2=%.0f /></svg>", ps_scale_place(&x, 0),
                     ps_scale_place(&x, 0), 22.0 * (double)drawn + 4);
}

/* The features' numbers as bars, largest first, and all of them in a table. */
static void put_features(struct ps_buffer *html, yyjson_val *numbers, const char *title, const char *what,
                         yyjson_val *intercept) {
    size_t index, count, kept = 0;
    yyjson_val *key, *value;
    struct coefficient *all PS_SCOPED(ps_release_scoped) =
        ps_allocate(yyjson_obj_size(numbers) + 1, sizeof *all);
    if (all == NULL) {
        html->failed = true;
        return;
    }
    yyjson_obj_foreach(numbers, index, count, key, value) {
        if (yyjson_is_num(value)) {
            all[kept++] = (struct coefficient){yyjson_get_str(key), yyjson_get_num(value)};
        }
    }
    if (kept == 0) {
        return;
    }
    qsort(all, kept, sizeof *all, compare_coefficients);
    ps_buffer_printf(html, "<h2>%ss</h2><p class=soft>%s", title, what);
    if (intercept != NULL) {
        ps_buffer_text(html, "; intercept ");
        ps_page_number(html, intercept);
    }
    ps_buffer_text(html, ".</p>");
    draw_coefficients(html, all, kept);
    ps_buffer_printf(html,
                     "<details><summary>All of them</summary><div class=scroll><table><tr><th>feature"
                     "<th class=n>%s",
                     title);
    for (size_t i = 0; i < kept; i++) {
        ps_buffer_text(html, "<tr><td>");
        ps_page_text(html, all[i].name);
        ps_buffer_printf(html, "<td class=n>%.9g", all[i].value);
    }
    ps_buffer_text(html, "</table></div></details>");
}

void ps_page_coefficients(struct ps_buffer *html, yyjson_val *coefficients, yyjson_val *intercept) {
    put_features(html, coefficients, "Coefficient", "The largest, on the scale that TRANSFORM gives",
                 intercept);
}

void ps_page_importances(struct ps_buffer *html, yyjson_val *importances) {
    put_features(html, importances, "Importance",
                 "The share of each feature in what all splits of the trees lowered the loss by", NULL);
}

/* A histogram as small as a word. */
static void put_spark(struct ps_buffer *html, yyjson_val *bins) {
    size_t index, count;
    yyjson_val *bin;
    double most = 0;
    const size_t drawn = yyjson_arr_size(bins) < 20 ? yyjson_arr_size(bins) : 20;
    yyjson_arr_foreach(bins, index, count, bin) {
        most = fmax(most, index < drawn ? (double)yyjson_get_sint(bin) : 0);
    }
    if (drawn == 0 || most <= 0) {
        return;
    }
    ps_buffer_text(html,
                   "<svg class=spark viewBox=\"0 0 100 18\" style=\"max-width:7rem\" aria-hidden=true>");
    yyjson_arr_foreach(bins, index, count, bin) {
        const double width = 100.0 / (double)drawn;
        const double height = 17 * (double)yyjson_get_sint(bin) / most;
        if (index < drawn) {
            ps_buffer_printf(html, "<rect class=bar x=%.1f y=%.1f width=%.1f height=%.1f />",
                             width * (double)index, 18 - height, width - 1, height);
        }
    }
    ps_buffer_text(html, "</svg>");
}

void ps_page_columns(struct ps_buffer *html, yyjson_val *columns) {
    size_t index, count;
    yyjson_val *column;
    if (yyjson_arr_size(columns) == 0) {
        return;
    }
    ps_buffer_text(
        html, "<h2>Training rows</h2><p class=soft>What later runs are compared with. The last column is "
              "the label.</p><div class=scroll><table><tr><th>column<th class=n>missing<th class=n>least"
              "<th class=n>mean<th class=n>deviation<th class=n>largest<th>shares");
    yyjson_arr_foreach(columns, index, count, column) {
        const double rows = ps_page_real(column, "count") + ps_page_real(column, "missing");
        if (index >= TABLE_MAX) {
            continue;
        }
        ps_buffer_text(html, "<tr><td>");
        ps_page_text(html, ps_page_member(column, "name"));
        ps_buffer_printf(html, "<td class=n>%.2f %%<td class=n>",
                         rows > 0 ? 100 * ps_page_real(column, "missing") / rows : 0.0);
        ps_page_number(html, yyjson_obj_get(column, "minimum"));
        ps_buffer_text(html, "<td class=n>");
        ps_page_number(html, yyjson_obj_get(column, "mean"));
        ps_buffer_text(html, "<td class=n>");
        ps_page_number(html, yyjson_obj_get(column, "deviation"));
        ps_buffer_text(html, "<td class=n>");
        ps_page_number(html, yyjson_obj_get(column, "maximum"));
        ps_buffer_text(html, "<td>");
        put_spark(html, yyjson_obj_get(column, "bins"));
    }
    ps_buffer_text(html, "</table></div>");
}
