/* SPDX-License-Identifier: Apache-2.0
 *
 * drawing.c - scales and axes as inline SVG.
 *
 * Numbers on an axis are those of a small step (1, 2 or 5 times a power of ten), so that they are short.
 */
#include "publish/drawing.h"

#include <math.h>
#include <stdio.h>

#include "publish/page.h"

double ps_scale_place(const struct ps_scale *scale, double value) {
    const double share = scale->high > scale->low ? (value - scale->low) / (scale->high - scale->low) : 0.5;
    return scale->start + fmin(1.0, fmax(0.0, share)) * (scale->end - scale->start);
}

void ps_scale_widen(struct ps_scale *scale, double value) {
    if (isfinite(value)) {
        scale->low = fmin(scale->low, value);
        scale->high = fmax(scale->high, value);
    }
}

struct ps_scale ps_scale_empty(double start, double end) {
    return (struct ps_scale){(double)INFINITY, (double)-INFINITY, start, end};
}

static double step_of(const struct ps_scale *scale) {
    const double rough = (scale->high - scale->low) / 5;
    const double power = pow(10, floor(log10(rough)));
    const double lead = rough / power;
    return power * (lead < 1.5 ? 1 : lead < 3.5 ? 2 : lead < 7.5 ? 5 : 10);
}

void ps_drawing_axis(struct ps_buffer *html, const struct ps_scale *scale, double from, double to,
                     bool is_horizontal) {
    if (!(scale->high > scale->low)) {
        return;
    }
    const double step = step_of(scale);
    for (double at = ceil(scale->low / step) * step; at <= scale->high + step / 1e6; at += step) {
        const double value = fabs(at) < step / 1e6 ? 0 : at;
        const double where = ps_scale_place(scale, value);
        if (is_horizontal) {
            ps_buffer_printf(html, "<line class=axis x1=%.1f x2=%.1f y1=%.1f y2=%.1f />", where, where, from,
                             to);
            ps_buffer_printf(html, "<text x=%.1f y=%.1f text-anchor=middle>%.6g</text>", where, to + 14,
                             value);
        } else {
            ps_buffer_printf(html, "<line class=axis x1=%.1f x2=%.1f y1=%.1f y2=%.1f />", from, to, where,
                             where);
            ps_buffer_printf(html, "<text x=%.1f y=%.1f text-anchor=end>%.6g</text>", from - 6, where + 4,
                             value);
        }
    }
}

void ps_drawing_open(struct ps_buffer *html, double height, const char *what) {
    ps_buffer_printf(html, "<svg viewBox=\"0 0 %.0f %.0f\" role=img aria-label=\"", PS_DRAWING_WIDTH, height);
    ps_page_text(html, what);
    ps_buffer_text(html, "\">");
}

void ps_drawing_label(struct ps_buffer *html, double x, double y, const char *text) {
    char cut[128];
    size_t size = strlen(text);
    if (size > 28) {
        size = 27;
        while (size > 0 && ((unsigned char)text[size] & 0xC0) == 0x80) {
            size--; /* not in the middle of a character */
        }
        (void)snprintf(cut, sizeof cut, "%.*s\xE2\x80\xA6", (int)size, text);
    } else {
        (void)snprintf(cut, sizeof cut, "%s", text);
    }
    ps_buffer_printf(html, "<text class=ink x=%.1f y=%.1f text-anchor=end>", x, y);
    ps_page_text(html, cut);
    ps_buffer_text(html, "</text>");
}
