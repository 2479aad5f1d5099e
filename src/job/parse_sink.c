/* SPDX-License-Identifier: Apache-2.0
 *
 * parse_sink.c - CREATE SINK name WITH (connector = '...', ...) [FORMAT PLAIN | UPSERT] [ENCODE JSON (...)] AS SELECT
 *
 * The encodings are words here; whether a connector can write one is the connector's to say.
 */
#include "job/cursor.h"

static penstock_code read_encode(struct ps_cursor *cursor, struct ps_sink_statement *sink) {
    static const char *const words[] = {"JSON", "CSV", "PARQUET", "BYTES", NULL};
    static const char *const names[] = {"json", "csv", "parquet", "bytes"};
    if (sink->encode != NULL) {
        return ps_cursor_fail(cursor, ps_cursor_location(cursor), "ENCODE is given twice");
    }
    for (size_t i = 0; words[i] != NULL; i++) {
        if (ps_cursor_accept(cursor, words[i])) {
            sink->encode = names[i];
            return ps_cursor_is_sign(cursor, 0, '(')
                       ? ps_cursor_settings(cursor, &sink->encode_settings, &sink->encode_setting_count)
                       : PENSTOCK_OK;
        }
    }
    return ps_cursor_unknown(cursor, "JSON, CSV, PARQUET or BYTES", words);
}

static penstock_code read_clause(struct ps_cursor *cursor, struct ps_sink_statement *sink) {
    static const char *const words[] = {"WITH", "FORMAT", "ENCODE", "AS", NULL};
    static const char *const formats[] = {"PLAIN", NULL};
    if (ps_cursor_accept(cursor, "WITH")) {
        if (sink->settings != NULL) {
            return ps_cursor_fail(cursor, ps_cursor_location(cursor), "WITH is given twice");
        }
        return ps_cursor_settings(cursor, &sink->settings, &sink->setting_count);
    }
    if (ps_cursor_accept(cursor, "FORMAT")) {
        return ps_cursor_accept(cursor, "PLAIN") ? PENSTOCK_OK : ps_cursor_unknown(cursor, "PLAIN", formats);
    }
    if (ps_cursor_accept(cursor, "ENCODE")) {
        return read_encode(cursor, sink);
    }
    return ps_cursor_unknown(cursor, "WITH (...), FORMAT ..., ENCODE ... or AS SELECT", words);
}

penstock_code ps_parse_sink(struct ps_cursor *cursor, struct ps_sink_statement *sink_out) {
    sink_out->connector_location = ps_cursor_location(cursor);
    while (!ps_cursor_is_word(cursor, 0, "AS")) {
        PS_TRY(read_clause(cursor, sink_out));
    }
    for (size_t i = 0; i < sink_out->setting_count; i++) {
        if (ps_option_name_equal(sink_out->settings[i].name, "connector")) {
            sink_out->connector = sink_out->settings[i].value;
            sink_out->connector_location = sink_out->settings[i].location;
        }
    }
    if (sink_out->connector == NULL) {
        ps_cursor_fail(cursor, sink_out->connector_location, "the sink does not say where its rows go");
        ps_error_hint(cursor->error,
                      "add WITH (connector = 'kafka', topic = '...', properties.bootstrap.servers = '...')");
        return PENSTOCK_INVALID_PROJECT;
    }
    return ps_cursor_select(cursor, cursor->end, &sink_out->select);
}
