/* SPDX-License-Identifier: Apache-2.0
 *
 * model_page.c - the report page of a version: head, numbers, gate, lineage. What is drawn is in model_charts.c; how a
 * page looks, in publish/page.c.
 */
#include "cli/model_page.h"

#include <stdio.h>

#include "publish/json.h"

static void put_head(struct ps_buffer *html, yyjson_val *root) {
    char title[256];
    (void)snprintf(title, sizeof title, "%.200s version %lld", ps_page_member(root, "name"),
                   (long long)yyjson_get_sint(yyjson_obj_get(root, "version")));
    ps_page_begin(html, title);
    ps_buffer_text(html, "<h1>");
    ps_page_text(html, ps_page_member(root, "name"));
    ps_buffer_printf(html, " <small>version %lld</small></h1><p>",
                     (long long)yyjson_get_sint(yyjson_obj_get(root, "version")));
    ps_buffer_printf(html, "<span class=\"badge %s\">%s</span>", ps_page_member(root, "status"),
                     ps_page_member(root, "status"));
    size_t index, count;
    yyjson_val *alias;
    yyjson_arr_foreach(yyjson_obj_get(root, "aliases"), index, count, alias) {
        ps_buffer_text(html, "<span class=badge>@");
        ps_page_text(html, yyjson_get_str(alias));
        ps_buffer_text(html, "</span>");
    }
    ps_buffer_text(html, " <span class=soft>predicts ");
    ps_page_text(html, ps_page_member(root, "label"));
    ps_buffer_text(html, ", trained ");
    ps_page_text(html, ps_page_member(root, "created_at"));
    ps_buffer_text(html, "</span></p>");
    yyjson_val *gate = yyjson_obj_get(root, "gate");
    ps_buffer_printf(html, "<p class=\"verdict %s\"><span>", ps_page_member(gate, "verdict"));
    ps_page_text(html, ps_page_member(gate, "sentence"));
    ps_buffer_text(html, "</span></p>");
}

/* Metrics of the hold-out, or of the training rows where there is none. */
static void put_tiles(struct ps_buffer *html, yyjson_val *root) {
    yyjson_val *holdout = yyjson_obj_get(root, "holdout");
    const bool has_holdout = yyjson_is_obj(holdout);
    yyjson_val *metrics = has_holdout ? holdout : yyjson_obj_get(root, "training");
    char what[96];
    ps_buffer_text(html, "<div class=tiles>");
    size_t index, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(metrics, index, count, key, value) {
        const char *name = yyjson_get_str(key);
        const bool is_count = strcmp(name, "row_count") == 0;
        (void)snprintf(what, sizeof what, "%.40s%s", is_count ? "" : name,
                       is_count      ? (has_holdout ? "hold-out rows" : "training rows")
                       : has_holdout ? " on the hold-out"
                                     : " on the training rows");
        ps_page_tile(html, what, value);
    }
    if (has_holdout) {
        ps_page_tile(html, "training rows", yyjson_obj_get(yyjson_obj_get(root, "rows"), "training"));
    }
    ps_buffer_text(html, "</div>");
}

static void put_metrics(struct ps_buffer *html, yyjson_val *root) {
    static const struct {
        const char *name, *title;
    } sets[] = {{"holdout", "hold-out"}, {"baseline", "constant"}, {"training", "training"}};
    ps_buffer_text(html, "<h2>Metrics</h2><div class=scroll><table><tr><th>");
    size_t index, count;
    yyjson_val *key, *value;
    yyjson_val *training = yyjson_obj_get(root, "training");
    yyjson_val *first =
        yyjson_is_obj(yyjson_obj_get(root, "holdout")) ? yyjson_obj_get(root, "holdout") : training;
    yyjson_obj_foreach(first, index, count, key, value) {
        (void)value;
        ps_buffer_text(html, "<th class=n>");
        ps_page_text(html, strcmp(yyjson_get_str(key), "row_count") == 0 ? "rows" : yyjson_get_str(key));
    }
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        yyjson_val *metrics = yyjson_obj_get(root, sets[i].name);
        if (!yyjson_is_obj(metrics)) {
            continue;
        }
        ps_buffer_printf(html, "<tr><td>%s", sets[i].title);
        yyjson_obj_foreach(first, index, count, key, value) {
            ps_buffer_text(html, "<td class=n>");
            ps_page_number(html, yyjson_obj_get(metrics, yyjson_get_str(key)));
        }
    }
    ps_buffer_text(html, "</table></div>");
    yyjson_val *note;
    yyjson_arr_foreach(yyjson_obj_get(root, "notes"), index, count, note) {
        ps_buffer_text(html, "<p class=soft>");
        ps_page_text(html, yyjson_get_str(note));
        ps_buffer_text(html, "</p>");
    }
}

static const char *sign_of(const char *verdict) {
    return strcmp(verdict, "passed") == 0    ? "&#10003;"
           : strcmp(verdict, "refused") == 0 ? "&#10007;"
           : strcmp(verdict, "warning") == 0 ? "!"
                                             : "&ndash;";
}

static void put_gate(struct ps_buffer *html, yyjson_val *gate) {
    size_t index, count;
    yyjson_val *check;
    ps_buffer_text(html, "<h2>Gate</h2><div class=scroll><table><tr><th>verdict<th>check<th class=n>value"
                         "<th class=n>limit<th>why");
    yyjson_arr_foreach(yyjson_obj_get(gate, "checks"), index, count, check) {
        const char *verdict = ps_page_member(check, "verdict");
        ps_buffer_printf(html, "<tr><td class=\"k %s\">%s %s<td class=k>", verdict, sign_of(verdict),
                         verdict);
        ps_page_text(html, ps_page_member(check, "name"));
        ps_buffer_text(html, "<td class=n>");
        ps_page_number(html, yyjson_obj_get(check, "value"));
        ps_buffer_text(html, "<td class=n>");
        ps_page_number(html, yyjson_obj_get(check, "limit"));
        ps_buffer_text(html, "<td>");
        ps_page_text(html, ps_page_member(check, "sentence"));
    }
    ps_buffer_text(html, "</table></div>");
}

static void put_lineage(struct ps_buffer *html, yyjson_val *lineage, struct ps_buffer *positions) {
    ps_buffer_text(html, "<h2>Lineage</h2><dl><dt>application<dd>");
    ps_page_text(html, ps_page_member(lineage, "application"));
    ps_buffer_text(html, "<dt>checksum<dd>");
    ps_page_text(html, ps_page_member(lineage, "checksum"));
    ps_buffer_text(html, "<dt>positions<dd>");
    ps_page_text(html, positions->data);
    ps_buffer_text(html, "</dl><pre>");
    ps_page_text(html, ps_page_member(lineage, "statement"));
    ps_buffer_text(html, "</pre>");
}

/* Positions of a source with thousands of files are not for a page: the first of them stand for all. */
static void write_positions(yyjson_val *positions, struct ps_buffer *text) {
    size_t index, count, inner, inner_count;
    yyjson_val *source, *parts, *part, *place;
    yyjson_obj_foreach(positions, index, count, source, parts) {
        ps_buffer_printf(text, "%s%s:", index > 0 ? "; " : "", yyjson_get_str(source));
        yyjson_obj_foreach(parts, inner, inner_count, part, place) {
            if (inner < 10) {
                ps_buffer_printf(text, "%s %s at %lld", inner > 0 ? "," : "", yyjson_get_str(part),
                                 (long long)yyjson_get_sint(place));
            }
        }
        if (inner_count > 10) {
            ps_buffer_printf(text, " and %zu more", inner_count - 10);
        }
    }
}

penstock_code ps_model_page_write(const char *json, size_t size, struct ps_buffer *html,
                                  struct penstock_error *error) {
    yyjson_doc *document PS_SCOPED(ps_json_read_free_scoped) = ps_json_read(json, size);
    yyjson_val *root = yyjson_doc_get_root(document);
    if (root == NULL) {
        return ps_error_set(error, PENSTOCK_INTERNAL, "models report: the registry's answer is no JSON");
    }
    yyjson_val *profile = yyjson_obj_get(root, "profile");
    yyjson_val *lineage = yyjson_obj_get(root, "lineage");
    struct ps_buffer positions PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&positions, html->size_max);
    write_positions(yyjson_obj_get(lineage, "positions"), &positions);
    PS_TRY(ps_buffer_status(&positions, error));
    put_head(html, root);
    put_tiles(html, root);
    put_gate(html, yyjson_obj_get(root, "gate"));
    put_metrics(html, root);
    ps_page_search(html, yyjson_obj_get(root, "search"));
    ps_page_residuals(html, yyjson_obj_get(profile, "residuals"));
    ps_page_calibration(html, yyjson_obj_get(profile, "calibration"));
    ps_page_slices(html, yyjson_obj_get(profile, "slices"));
    ps_page_drift(html, yyjson_obj_get(profile, "drift"));
    ps_page_coefficients(html, yyjson_obj_get(root, "coefficients"), yyjson_obj_get(root, "intercept"));
    ps_page_importances(html, yyjson_obj_get(root, "importances"));
    ps_page_columns(html, yyjson_obj_get(profile, "columns"));
    put_lineage(html, lineage, &positions);
    ps_page_end(html);
    return ps_buffer_status(html, error);
}
