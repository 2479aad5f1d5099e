/* SPDX-License-Identifier: Apache-2.0
 *
 * parse_dataset.c - CREATE DATASET name [TRANSFORM (...)] WITH (parquet = '...', delta = '...', report = '...')
 *                   AS SELECT
 *
 * Clauses may come in any order, each once, AS last. What the settings may be is told by rows (bind_dataset.c); which
 * stages there are is for room model to say.
 */
#include "job/cursor.h"

static penstock_code read_clause(struct ps_cursor *cursor, struct ps_dataset_statement *dataset) {
    static const char *const words[] = {"TRANSFORM", "WITH", "AS", NULL};
    const struct ps_location location = ps_cursor_location(cursor);
    if (ps_cursor_accept(cursor, "TRANSFORM")) {
        if (dataset->transforms != NULL) {
            return ps_cursor_fail(cursor, location, "TRANSFORM is given twice");
        }
        return ps_parse_transforms(cursor, &dataset->transforms, &dataset->transform_count);
    }
    if (ps_cursor_accept(cursor, "WITH")) {
        if (dataset->settings != NULL) {
            return ps_cursor_fail(cursor, location, "WITH is given twice");
        }
        dataset->settings_location = location;
        return ps_cursor_settings(cursor, &dataset->settings, &dataset->setting_count);
    }
    return ps_cursor_unknown(cursor, "TRANSFORM (...), WITH (...) or AS SELECT", words);
}

penstock_code ps_parse_dataset(struct ps_cursor *cursor, struct ps_dataset_statement *dataset_out) {
    dataset_out->settings_location = ps_cursor_location(cursor);
    while (!ps_cursor_is_word(cursor, 0, "AS")) {
        PS_TRY(read_clause(cursor, dataset_out));
    }
    return ps_cursor_select(cursor, cursor->end, &dataset_out->select);
}
