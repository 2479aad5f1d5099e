/* SPDX-License-Identifier: Apache-2.0
 *
 * drawing.h - drawings of the report pages, as inline SVG: scales, axes, labels.
 *
 * A drawing is PS_DRAWING_WIDTH units wide and scales with the page.
 */
#ifndef PS_PUBLISH_DRAWING_H
#define PS_PUBLISH_DRAWING_H

#include "base/bytes.h"

#define PS_DRAWING_WIDTH 720.0

/* From data to the drawing. */
struct ps_scale {
    double low, high, start, end;
};
struct ps_scale ps_scale_empty(double start, double end);
void ps_scale_widen(struct ps_scale *scale, double value); /* what is not finite changes nothing */
double ps_scale_place(const struct ps_scale *scale, double value);

void ps_drawing_open(struct ps_buffer *html, double height, const char *what);
/* Lines across the drawing from `from` to `to`, with their numbers; nothing for an empty scale. */
void ps_drawing_axis(struct ps_buffer *html, const struct ps_scale *scale, double from, double to,
                     bool is_horizontal);
/* A label left of a bar: at most 28 characters. */
void ps_drawing_label(struct ps_buffer *html, double x, double y, const char *text);

#endif
