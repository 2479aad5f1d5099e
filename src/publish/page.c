/* SPDX-License-Identifier: Apache-2.0
 *
 * page.c - the frame of a report page: style, and the pieces that every page is made of.
 *
 * One file that can be mailed: style and drawings are in it, no script, no font, no picture from elsewhere. Colours
 * follow the reader's light or dark setting; what a colour says is always said by a word or sign, too.
 */
#include "publish/page.h"

#include <math.h>

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

void ps_page_begin(struct ps_buffer *html, const char *title) {
    ps_buffer_text(html, "<!doctype html><html lang=en><head><meta charset=utf-8>"
                         "<meta name=viewport content=\"width=device-width,initial-scale=1\"><title>");
    ps_page_text(html, title);
    ps_buffer_printf(html, "</title><style>%s</style></head><body><main>", style);
}

void ps_page_end(struct ps_buffer *html) {
    ps_buffer_text(html, "</main></body></html>\n");
}

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

double ps_page_real(yyjson_val *object, const char *name) {
    yyjson_val *value = yyjson_obj_get(object, name);
    return yyjson_is_num(value) ? yyjson_get_num(value) : (double)NAN;
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

void ps_page_tile(struct ps_buffer *html, const char *what, yyjson_val *value) {
    if (yyjson_is_num(value)) {
        ps_buffer_text(html, "<div class=tile><b>");
        ps_page_number(html, value);
        ps_buffer_text(html, "</b><span>");
        ps_page_text(html, what);
        ps_buffer_text(html, "</span></div>");
    }
}
