/* SPDX-License-Identifier: Apache-2.0
 *
 * json.h - yyjson over our own memory: documents that the torture test can starve, written into a ps_buffer.
 */
#ifndef PS_PUBLISH_JSON_H
#define PS_PUBLISH_JSON_H

#include <yyjson.h>

#include "base/bytes.h"

/* A new document whose root is an empty object, or NULL when out of memory. */
yyjson_mut_doc *ps_json_new(void);
void ps_json_free_scoped(yyjson_mut_doc **document);
/* Reads. Errors: INVALID_DATA (no JSON), OUT_OF_MEMORY. */
penstock_code ps_json_parse(const char *text, size_t size, yyjson_doc **document_out,
                            struct penstock_error *error) PENSTOCK_MUST_USE;
/* The same for who has one answer to both: NULL. */
yyjson_doc *ps_json_read(const char *text, size_t size);
void ps_json_read_free_scoped(yyjson_doc **document);
/* Appends the document: on one line, or indented for people. NaN and infinities become null: JSON has none. */
penstock_code ps_json_write(const yyjson_mut_doc *document, bool is_pretty, struct ps_buffer *out,
                            struct penstock_error *error) PENSTOCK_MUST_USE;
/* Adds a number with the shortest digits that read back as the same double. */
void ps_json_add_number(yyjson_mut_doc *document, yyjson_mut_val *object, const char *name, double value);
/* Adds a copy of the text, or null. */
void ps_json_add_text(yyjson_mut_doc *document, yyjson_mut_val *object, const char *name, const char *text);
/* Adds the JSON in `text` as a value; null when it is NULL or no JSON. */
void ps_json_add_parsed(yyjson_mut_doc *document, yyjson_mut_val *object, const char *name, const char *text);

#endif
