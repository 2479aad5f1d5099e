/* SPDX-License-Identifier: Apache-2.0
 *
 * model_page.c - the frame of the report page: style, head, numbers, gate, lineage. What is drawn is in model_charts.c.
 *
 * One file that can be mailed: style and drawings are in it, no script, no font, no picture from elsewhere. Colours
 * follow the reader's light or dark setting; what a colour says is always said by a word or sign, too.
 */
#include "cli/model_page.h"

#include <math.h>
#include <stdio.h>

#include "publish/json.h"

static const char style[] =
    ":root{color-scheme:light dark;--page:#fcfcfb;--ink:#1b1b19;--soft:#63635e;--line:#e3e2de;--tile:#f4f3f0;"
    "--main:#2563a8;--pale:#2563a826;--mid:#2563a84d;--good:#1d7a3e;--bad:#b3261e;--warn:#8a5a00;--mark:#c2571a}"
    "@media(prefers-color-scheme:dark){:root{--page:#17181a;--ink:#e9e8e4;--soft:#a2a19b;--line:#34363a;"
    "--tile:#202225;--main:#74aef0;--pale:#74aef026;--mid:#74aef04d;--good:#62c583;--bad:#ff8a80;--warn:#e6b450;"
    "--mark:#f0935a}}"
    "*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,"
    "-apple-system,'Segoe UI',Roboto,sans-serif}main{max-width:60rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}"
    "h1{font-size:1.7rem;line-height:1.2;margin:0}h2{font-size:1.1rem;margin:2.75rem 0 .5rem}"
    "h1 small{color:var(--soft);font-weight:400}p{margin:.4rem 0}.soft{color:var(--soft)}"
    ".badge{display:inline-block;border:1px solid currentColor;border-radius:1rem;padding:0 .6rem;font-size:.85rem;"
    "margin-right:.3rem}.passed,.published,.forced{color:var(--good)}.refused,.deleted{color:var(--bad)}"
    ".warning{color:var(--warn)}.verdict{border-left:4px solid;padding:.1rem 0 .1rem .9rem;margin:1rem 0}"
    ".verdict span{color:var(--ink)}"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.5rem,1fr));gap:.6rem;margin:1.2rem 0}"
    ".tile{background:var(--tile);border-radius:.5rem;padding:.6rem .8rem}.tile b{display:block;font-size:1.35rem;"
    "font-variant-numeric:tabular-nums}.tile span{color:var(--soft);font-size:.82rem;overflow-wrap:anywhere}"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}"
    "th,td{text-align:left;padding:.3rem .9rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top}"
    "th{color:var(--soft);font-weight:500;white-space:nowrap}td.n,th.n{text-align:right;white-space:nowrap;"
    "font-variant-numeric:tabular-nums}tr.best td{font-weight:600}td.k{white-space:nowrap}"
    "svg{display:block;width:100%;height:auto;max-width:46rem}svg text{fill:var(--soft);font-size:11px}"
    "svg .ink{fill:var(--ink)}svg .axis{stroke:var(--line)}svg .zero{stroke:var(--soft);stroke-dasharray:3 3}"
    "svg .line{stroke:var(--main);fill:none;stroke-width:2}svg .bar{fill:var(--main)}svg .over{fill:var(--mark)}"
    "svg .pale{fill:var(--pale)}svg .mid{fill:var(--mid)}svg .limit{stroke:var(--ink);stroke-width:1.5}"
    "svg .range{stroke:var(--mid);stroke-width:3}svg .spark{max-width:7rem}"
    "pre{background:var(--tile);border-radius:.5rem;padding:.8rem 1rem;overflow-x:auto;font-size:.82rem}"
    "details summary{cursor:pointer;color:var(--soft);margin:.6rem 0}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1.2rem;margin:.5rem 0}dt{color:var(--soft)}"
    "dd{margin:0;overflow-wrap:anywhere}@media print{main{max-width:none;padding:0}}";

void ps_page_text(struct ps_buffer *html, const char *text) {
    for (const char *at = text == NULL ? "" : text; *at != '\0'; at++) {
        switch (*at) {
        case '<': ps_buffer_text(html, "&lt;"); break;
        case '>': ps_buffer_text(html, "&gt;"); break;
        case '&': ps_buffer_text(html, "&amp;"); break;
        case '"': ps_buffer_text(html, "&quot;"); break;
        case '\'': ps_buffer_text(html, "&#39;"); break;
        default: ps_buffer_add(html, at, 1); break;
        }
    }
}

const char *ps_page_member(yyjson_val *object, const char *name) {
    const char *text = yyjson_get_str(yyjson_obj_get(object, name));
    return text == NULL ? "" : text;
}

void ps_page_number(struct ps_buffer *html, yyjson_val *value) {
    if (!yyjson_is_num(value)) {
        ps_buffer_text(html, "&ndash;");
        return;
    }
    const double number = yyjson_get_num(value);
    const bool is_count = fabs(number) < 1e15 && number == floor(number) && fabs(number) >= 1000;
    ps_buffer_printf(html, is_count ? "%.0f" : "%.4g", number);
}

static void put_tile(struct ps_buffer *html, const char *what, yyjson_val *value) {
    if (yyjson_is_num(value)) {
        ps_buffer_text(html, "<div class=tile><b>");
        ps_page_number(html, value);
        ps_buffer_text(html, "</b><span>");
        ps_page_text(html, what);
        ps_buffer_text(html, "</span></div>");
    }
}

static void put_head(struct ps_buffer *html, yyjson_val *root) {
    ps_buffer_text(html, "<!doctype html><html lang=en><head><meta charset=utf-8>"
                         "<meta name=viewport content=\"width=device-width,initial-scale=1\"><title>");
    ps_page_text(html, ps_page_member(root, "name"));
    ps_buffer_printf(html, " version %lld</title><style>%s</style></head><body><main><h1>",
                     (long long)yyjson_get_sint(yyjson_obj_get(root, "version")), style);
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
        put_tile(html, what, value);
    }
    if (has_holdout) {
        put_tile(html, "training rows", yyjson_obj_get(yyjson_obj_get(root, "rows"), "training"));
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
    ps_buffer_text(html, "</main></body></html>\n");
    return ps_buffer_status(html, error);
}
