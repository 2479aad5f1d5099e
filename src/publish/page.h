/* SPDX-License-Identifier: Apache-2.0
 *
 * page.h - what the report pages (a version of a model, a dataset) are written with: one HTML file each, with nothing
 * to load from elsewhere.
 */
#ifndef PS_PUBLISH_PAGE_H
#define PS_PUBLISH_PAGE_H

#include <yyjson.h>

#include "base/bytes.h"

void ps_page_begin(struct ps_buffer *html, const char *title);
void ps_page_end(struct ps_buffer *html);
void ps_page_text(struct ps_buffer *html, const char *text);      /* escaped; NULL: nothing */
void ps_page_number(struct ps_buffer *html, yyjson_val *value);   /* four digits; no number: an en dash */
const char *ps_page_member(yyjson_val *object, const char *name); /* a text, "" if there is none */
double ps_page_real(yyjson_val *object, const char *name);        /* a number, NaN if there is none */
/* A large number with what it is; nothing when the value is no number. */
void ps_page_tile(struct ps_buffer *html, const char *what, yyjson_val *value);

#endif
