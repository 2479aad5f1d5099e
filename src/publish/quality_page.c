/* SPDX-License-Identifier: Apache-2.0
 *
 * quality_page.c - the quality of a dataset as an HTML page.
 *
 * First what was dropped and why, then every column: its values as they were read, with the part that was kept, and
 * its numbers before and after.
 */
#include <math.h>
#include <stdio.h>

#include "publish/drawing.h"
#include "publish/page.h"
#include "publish/quality.h"

/* Of more columns only the numbers are shown. */
#define DRAWN_MAX 200
#define LEFT 64.0
#define BASE 150.0

static void put_integer(struct ps_buffer *html, int64_t value) {
    char digits[32];
    const int size = snprintf(digits, sizeof digits, "%lld", (long long)value);
    for (int i = 0; i < size; i++) {
        ps_buffer_add(html, &digits[i], 1);
        if ((size - i - 1) % 3 == 0 && i + 1 < size && digits[i] != '-') {
            ps_buffer_text(html, ",");
        }
    }
}

static int64_t count_of(yyjson_val *object, const char *name) {
    return yyjson_get_sint(yyjson_obj_get(object, name));
}

static void put_tile(struct ps_buffer *html, const char *what, int64_t value) {
    ps_buffer_text(html, "<div class=tile><b>");
    put_integer(html, value);
    ps_buffer_printf(html, "</b><span>%s</span></div>", what);
}

static void put_cell(struct ps_buffer *html, yyjson_val *value) {
    ps_buffer_text(html, "<td class=n>");
    if (yyjson_is_int(value)) {
        put_integer(html, yyjson_get_sint(value));
    } else if (yyjson_is_str(value)) {
        ps_page_text(html, yyjson_get_str(value));
    } else {
        ps_page_number(html, value);
    }
}

/* ---- head ---- */

static void put_head(struct ps_buffer *html, yyjson_val *root) {
    yyjson_val *rows = yyjson_obj_get(root, "rows");
    char title[256];
    (void)snprintf(title, sizeof title, "%.200s: data quality", ps_page_member(root, "dataset"));
    ps_page_begin(html, title);
    ps_buffer_text(html, "<h1>");
    ps_page_text(html, ps_page_member(root, "dataset"));
    ps_buffer_printf(html, " <small>making %lld</small></h1><p class=soft>dataset of the project ",
                     (long long)count_of(root, "making"));
    ps_page_text(html, ps_page_member(root, "project"));
    ps_buffer_text(html, ", made ");
    ps_page_text(html, ps_page_member(root, "made_at"));
    ps_buffer_text(html, " by ");
    ps_page_text(html, ps_page_member(root, "application"));
    ps_buffer_text(html, "</p><div class=tiles>");
    put_tile(html, "rows read", count_of(rows, "read"));
    put_tile(html, "rows kept", count_of(rows, "kept"));
    put_tile(html, "rows dropped", count_of(rows, "dropped"));
    put_tile(html, "columns read", (int64_t)yyjson_arr_size(yyjson_obj_get(root, "columns")));
    ps_buffer_text(html, "</div>");
}

static void put_notes(struct ps_buffer *html, yyjson_val *notes) {
    size_t index, count;
    yyjson_val *note;
    yyjson_arr_foreach(notes, index, count, note) {
        ps_buffer_text(html, "<p class=warning>");
        ps_page_text(html, yyjson_get_str(note));
        ps_buffer_text(html, "</p>");
    }
}

static void put_files(struct ps_buffer *html, yyjson_val *files) {
    size_t index, count;
    yyjson_val *file;
    if (yyjson_arr_size(files) == 0) {
        return;
    }
    ps_buffer_text(html, "<h2>Files</h2><div class=scroll><table><tr><th>kind<th>path<th class=n>rows"
                         "<th class=n>bytes<th class=n>version");
    yyjson_arr_foreach(files, index, count, file) {
        ps_buffer_text(html, "<tr><td>");
        ps_page_text(html, ps_page_member(file, "kind"));
        ps_buffer_text(html, "<td>");
        ps_page_text(html, ps_page_member(file, "path"));
        put_cell(html, yyjson_obj_get(file, "rows"));
        put_cell(html, yyjson_obj_get(file, "bytes"));
        put_cell(html, yyjson_obj_get(file, "version"));
    }
    ps_buffer_text(html, "</table></div>");
}

/* ---- what was dropped ---- */

static void put_bound_row(struct ps_buffer *html, yyjson_val *stage, yyjson_val *column, bool is_first) {
    ps_buffer_text(html, "<tr><td>");
    ps_page_text(html, is_first ? ps_page_member(stage, "name") : "");
    ps_buffer_text(html, "<td>");
    ps_page_text(html, ps_page_member(column, "name"));
    put_cell(html, yyjson_obj_get(column, "lower"));
    put_cell(html, yyjson_obj_get(column, "upper"));
    put_cell(html, yyjson_obj_get(column, "below"));
    put_cell(html, yyjson_obj_get(column, "above"));
    ps_buffer_text(html, "<td class=n>");
    if (is_first) {
        put_integer(html, count_of(stage, "dropped"));
    }
}

static void put_stages(struct ps_buffer *html, yyjson_val *stages) {
    size_t index, count, inner, inner_count;
    yyjson_val *stage, *column;
    if (yyjson_arr_size(stages) == 0) {
        return;
    }
    ps_buffer_text(
        html,
        "<h2>Stages, and what they dropped</h2><p class=soft>A row beyond the bounds of several columns "
        "counts for each of them, and is dropped once.</p><div class=scroll><table><tr><th>stage"
        "<th>column<th class=n>lower bound<th class=n>upper bound<th class=n>rows below"
        "<th class=n>rows above<th class=n>rows dropped");
    yyjson_arr_foreach(stages, index, count, stage) {
        yyjson_arr_foreach(yyjson_obj_get(stage, "columns"), inner, inner_count, column) {
            put_bound_row(html, stage, column, inner == 0);
        }
    }
    ps_buffer_text(html, "</table></div>");
}

/* ---- drawings ---- */

static void put_legend(struct ps_buffer *html, double y, bool has_dropped) {
    ps_buffer_printf(html,
                     "<rect class=bar x=%.0f y=%.0f width=10 height=10 /><text x=%.0f y=%.0f>kept</text>",
                     LEFT, y - 9, LEFT + 15, y);
    if (has_dropped) {
        ps_buffer_printf(
            html, "<rect class=over x=%.0f y=%.0f width=10 height=10 /><text x=%.0f y=%.0f>dropped</text>",
            LEFT + 60, y - 9, LEFT + 75, y);
    }
}

static void put_bar(struct ps_buffer *html, const char *class, double x, double width, double top,
                    double bottom) {
    if (bottom - top > 0) {
        ps_buffer_printf(html, "<rect class=%s x=%.1f y=%.1f width=%.1f height=%.1f />", class, x, top,
                         fmax(width, 0.5), bottom - top);
    }
}

/* A stroke at a bound, if it lies within the drawing. */
static void put_bound(struct ps_buffer *html, const struct ps_scale *x, double value) {
    if (isfinite(value) && value >= x->low && value <= x->high) {
        ps_buffer_printf(html,
                         "<line class=limit x1=%.1f x2=%.1f y1=8 y2=%.0f><title>bound %.6g</title></line>",
                         ps_scale_place(x, value), ps_scale_place(x, value), BASE, value);
    }
}

static void put_beyond(struct ps_buffer *html, yyjson_val *histogram) {
    const int64_t below = count_of(histogram, "below"), above = count_of(histogram, "above");
    if (below > 0 || above > 0) {
        ps_buffer_text(html, "<p class=soft>Not drawn: ");
        put_integer(html, below);
        ps_buffer_text(html, below == 1 ? " row with a smaller value, " : " rows with smaller values, ");
        put_integer(html, above);
        ps_buffer_text(html, above == 1 ? " with a larger one.</p>" : " with larger ones.</p>");
    }
}

static void put_bins(struct ps_buffer *html, yyjson_val *histogram, const struct ps_scale *x,
                     const struct ps_scale *y) {
    yyjson_val *all = yyjson_obj_get(histogram, "all"), *kept = yyjson_obj_get(histogram, "kept");
    const size_t bins = yyjson_arr_size(all);
    const double width = (x->high - x->low) / (double)bins;
    for (size_t i = 0; i < bins; i++) {
        const double total = (double)yyjson_get_sint(yyjson_arr_get(all, i));
        const double rest = (double)yyjson_get_sint(yyjson_arr_get(kept, i));
        const double from = x->low + width * (double)i;
        const double left = ps_scale_place(x, from);
        const double right = ps_scale_place(x, from + width);
        if (total <= 0) {
            continue;
        }
        ps_buffer_printf(html, "<g><title>%.6g to %.6g: %.0f rows, %.0f kept</title>", from, from + width,
                         total, rest);
        /* a handful of rows among millions is still to be seen */
        const double middle = ps_scale_place(y, rest);
        const double top = total > rest ? fmin(ps_scale_place(y, total), middle - 1.5) : middle;
        put_bar(html, "over", left + 0.5, right - left - 1, top, total > rest ? middle : top);
        put_bar(html, "bar", left + 0.5, right - left - 1, rest > 0 ? fmin(middle, BASE - 1) : BASE, BASE);
        ps_buffer_text(html, "</g>");
    }
}

static void put_histogram(struct ps_buffer *html, yyjson_val *column) {
    yyjson_val *histogram = yyjson_obj_get(column, "histogram");
    yyjson_val *all = yyjson_obj_get(histogram, "all"), *kept = yyjson_obj_get(histogram, "kept");
    yyjson_val *bounds = yyjson_obj_get(column, "bounds");
    const struct ps_scale x = {ps_page_real(histogram, "low"), ps_page_real(histogram, "high"), LEFT,
                               PS_DRAWING_WIDTH - 16};
    struct ps_scale y = {0, 1, BASE, 14};
    bool has_dropped = false;
    char what[160];
    for (size_t i = 0; i < yyjson_arr_size(all); i++) {
        const int64_t total = yyjson_get_sint(yyjson_arr_get(all, i));
        ps_scale_widen(&y, (double)total);
        has_dropped = has_dropped || total > yyjson_get_sint(yyjson_arr_get(kept, i));
    }
    (void)snprintf(what, sizeof what, "how the values of %.100s lie", ps_page_member(column, "name"));
    ps_drawing_open(html, BASE + 44, what);
    ps_drawing_axis(html, &x, 8, BASE, true);
    ps_drawing_axis(html, &y, LEFT, PS_DRAWING_WIDTH - 16, false);
    put_bins(html, histogram, &x, &y);
    put_bound(html, &x, ps_page_real(bounds, "lower"));
    put_bound(html, &x, ps_page_real(bounds, "upper"));
    put_legend(html, BASE + 38, has_dropped);
    if (yyjson_is_obj(bounds)) {
        ps_buffer_printf(html, "<text x=%.0f y=%.0f>| bounds of OutlierFilter</text>", LEFT + 150, BASE + 38);
    }
    ps_buffer_text(html, "</svg>");
    put_beyond(html, histogram);
}

static void put_values(struct ps_buffer *html, yyjson_val *column) {
    yyjson_val *values = yyjson_obj_get(column, "values"), *value;
    const double start = 230;
    struct ps_scale x = {0, 1, start, PS_DRAWING_WIDTH - 90};
    size_t index, count;
    bool has_dropped = false;
    char what[160];
    yyjson_arr_foreach(values, index, count, value) {
        ps_scale_widen(&x, ps_page_real(value, "all"));
        has_dropped = has_dropped || count_of(value, "all") > count_of(value, "kept");
    }
    (void)snprintf(what, sizeof what, "the most frequent values of %.100s", ps_page_member(column, "name"));
    ps_drawing_open(html, 22.0 * (double)count + 28, what);
    yyjson_arr_foreach(values, index, count, value) {
        const double top = 22.0 * (double)index + 4;
        const double kept = ps_scale_place(&x, ps_page_real(value, "kept"));
        const double all = ps_scale_place(&x, ps_page_real(value, "all"));
        ps_drawing_label(html, start - 10, top + 12, ps_page_member(value, "value"));
        ps_buffer_printf(html, "<rect class=bar x=%.1f y=%.1f width=%.1f height=14 />", start, top,
                         fmax(kept - start, 0));
        if (count_of(value, "all") > count_of(value, "kept")) {
            ps_buffer_printf(html, "<rect class=over x=%.1f y=%.1f width=%.1f height=14 />", kept, top,
                             fmax(all - kept, 1.5));
        }
        ps_buffer_printf(html, "<text x=%.0f y=%.1f text-anchor=end>", PS_DRAWING_WIDTH - 4, top + 12);
        put_integer(html, count_of(value, "all"));
        ps_buffer_text(html, "</text>");
    }
    put_legend(html, 22.0 * (double)count + 20, has_dropped);
    ps_buffer_text(html, "</svg>");
    if (count_of(yyjson_obj_get(column, "before"), "distinct") > (int64_t)count) {
        ps_buffer_text(html, "<p class=soft>The most frequent values.</p>");
    }
}

/* ---- columns ---- */

/* What of a column can be told: of texts and times no mean, of new columns no quantiles. */
struct telling {
    bool has_mean, has_quantiles;
};

static void put_number_cells(struct ps_buffer *html, yyjson_val *numbers, struct telling telling) {
    static const char *const names[] = {"nulls", "distinct", "minimum", "mean", "deviation", "maximum"};
    static const char *const shares[] = {"0.05", "0.25", "0.5", "0.75", "0.95"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (telling.has_mean || (i != 3 && i != 4)) {
            put_cell(html, yyjson_obj_get(numbers, names[i]));
        }
    }
    for (size_t i = 0; telling.has_quantiles && i < sizeof shares / sizeof shares[0]; i++) {
        put_cell(html, yyjson_obj_get(yyjson_obj_get(numbers, "quantiles"), shares[i]));
    }
}

static void put_number_head(struct ps_buffer *html, const char *first, struct telling telling) {
    ps_buffer_printf(
        html,
        "<div class=scroll><table><tr><th>%s<th class=n>NULLs<th class=n>distinct<th class=n>smallest%s%s%s",
        first, telling.has_mean ? "<th class=n>mean<th class=n>deviation" : "", "<th class=n>largest",
        telling.has_quantiles
            ? "<th class=n>5 %<th class=n>25 %<th class=n>50 %<th class=n>75 %<th class=n>95 %"
            : "");
}

static const char *meaning_of(const char *state) {
    return strcmp(state, "changed") == 0    ? "changed in its place"
           : strcmp(state, "replaced") == 0 ? "other columns stand in its place"
           : strcmp(state, "left out") == 0 ? "left out"
                                            : "as it was read";
}

static void put_column(struct ps_buffer *html, yyjson_val *column, bool is_drawn) {
    yyjson_val *before = yyjson_obj_get(column, "before"), *after = yyjson_obj_get(column, "after");
    const struct telling telling = {yyjson_obj_get(before, "mean") != NULL,
                                    yyjson_is_obj(yyjson_obj_get(before, "quantiles"))};
    ps_buffer_text(html, "<h2>");
    ps_page_text(html, ps_page_member(column, "name"));
    ps_buffer_text(html, " <small class=soft>");
    ps_page_text(html, ps_page_member(column, "type"));
    ps_buffer_printf(html, ", %s</small></h2>", meaning_of(ps_page_member(column, "state")));
    if (is_drawn && yyjson_is_obj(yyjson_obj_get(column, "histogram"))) {
        put_histogram(html, column);
    } else if (is_drawn && yyjson_arr_size(yyjson_obj_get(column, "values")) > 0) {
        put_values(html, column);
    }
    put_number_head(html, "", telling);
    ps_buffer_text(html, "<tr><td>before");
    put_number_cells(html, before, telling);
    if (yyjson_is_obj(after)) {
        ps_buffer_text(html, "<tr><td>after");
        put_number_cells(html, after, telling);
    }
    ps_buffer_text(html, "</table></div>");
    if (count_of(before, "not_finite") > 0) {
        ps_buffer_text(html, "<p class=warning>");
        put_integer(html, count_of(before, "not_finite"));
        ps_buffer_text(html, " values are NaN or infinite: they are in none of these numbers.</p>");
    }
}

static void put_new_columns(struct ps_buffer *html, yyjson_val *columns) {
    size_t index, count;
    yyjson_val *column;
    if (yyjson_arr_size(columns) == 0) {
        return;
    }
    ps_buffer_text(html, "<h2>New columns</h2>");
    const struct telling telling = {true, false};
    put_number_head(html, "column<th>of<th>type", telling);
    yyjson_arr_foreach(columns, index, count, column) {
        ps_buffer_text(html, "<tr><td>");
        ps_page_text(html, ps_page_member(column, "name"));
        ps_buffer_text(html, "<td>");
        ps_page_text(html, ps_page_member(column, "of"));
        ps_buffer_text(html, "<td>");
        ps_page_text(html, ps_page_member(column, "type"));
        put_number_cells(html, yyjson_obj_get(column, "after"), telling);
    }
    ps_buffer_text(html, "</table></div>");
}

penstock_code ps_quality_page_write(const char *json, size_t size, struct ps_buffer *html,
                                    struct penstock_error *error) {
    yyjson_doc *document PS_SCOPED(ps_json_read_free_scoped) = ps_json_read(json, size);
    yyjson_val *root = yyjson_doc_get_root(document), *column;
    size_t index, count;
    if (root == NULL) {
        return ps_error_set(error, PENSTOCK_INTERNAL, "the quality of a dataset is no JSON");
    }
    put_head(html, root);
    put_notes(html, yyjson_obj_get(root, "notes"));
    put_stages(html, yyjson_obj_get(root, "stages"));
    put_files(html, yyjson_obj_get(root, "files"));
    yyjson_arr_foreach(yyjson_obj_get(root, "columns"), index, count, column) {
        put_column(html, column, index < DRAWN_MAX);
    }
    put_new_columns(html, yyjson_obj_get(root, "new_columns"));
    ps_buffer_text(html, "<h2>Statement</h2><pre>");
    ps_page_text(html, ps_page_member(root, "statement"));
    ps_buffer_text(html, "</pre>");
    ps_page_end(html);
    return ps_buffer_status(html, error);
}
