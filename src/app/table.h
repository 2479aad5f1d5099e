/* SPDX-License-Identifier: Apache-2.0
 *
 * table.h - making tables of text: from a query's result, row by row, and to and from the control socket's JSON.
 */
#ifndef PS_APP_TABLE_H
#define PS_APP_TABLE_H

#include "app/app.h"
#include "publish/json.h"

/* Rows that come one by one. Zero it, begin, add, then end or done. */
struct ps_text_table_builder {
    struct ps_text_table *table;
    const char **cells; /* grows on the heap; moves into the table's arena at the end */
    size_t capacity, count;
};

penstock_code ps_text_table_begin(struct ps_text_table_builder *builder, const char *const *names,
                                  const char *const *types, size_t column_count, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Copies the cells; NULL is SQL NULL. */
penstock_code ps_text_table_row(struct ps_text_table_builder *builder, const char *const *cells,
                                struct penstock_error *error) PENSTOCK_MUST_USE;
/* Hands the table out; the builder is empty then. */
penstock_code ps_text_table_end(struct ps_text_table_builder *builder, struct ps_text_table **table_out,
                                struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_text_table_builder_done(struct ps_text_table_builder *builder); /* also after ps_text_table_end() */

penstock_code ps_text_table_of_result(const struct ps_result *result, struct ps_text_table **table_out,
                                      struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_text_table_drop(struct ps_text_table **table); /* for PS_SCOPED */

/* {"names": [...], "types": [...], "rows": [[...], ...]}: members are added to `object`. */
void ps_text_table_to_json(const struct ps_text_table *table, yyjson_mut_doc *document,
                           yyjson_mut_val *object);
penstock_code ps_text_table_of_json(yyjson_val *object, struct ps_text_table **table_out,
                                    struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
