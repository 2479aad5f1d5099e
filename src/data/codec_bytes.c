/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_bytes.c - the value as it is, in the only column: bytes for a BLOB, text for the others.
 *
 * For what SQL can take apart itself, and for what nobody has to. The column is a view into the record.
 */
#include "data/codec_bytes.h"

struct bytes_decoder {
    const struct ps_schema *schema;
};

static penstock_code bytes_open(const void *config, const struct ps_schema *schema, struct ps_bytes header,
                                void **state_out, struct penstock_error *error) {
    (void)config;
    (void)header;
    struct bytes_decoder *decoder = ps_allocate(1, sizeof *decoder);
    if (decoder == NULL) {
        return ps_error_memory(error, "a decoder");
    }
    decoder->schema = schema;
    *state_out = decoder;
    return PENSTOCK_OK;
}

static penstock_code bytes_decode(void *state, struct ps_batch *batch, struct ps_record record,
                                  struct penstock_error *error) {
    const struct bytes_decoder *decoder = state;
    const struct ps_column_schema *column = &decoder->schema->columns[0];
    size_t bad = 0;
    if (column->type != PS_TYPE_BLOB && !ps_bytes_is_utf8(record.raw, &bad)) {
        return ps_batch_add_dead_letter(batch, record, PS_REASON_ENCODING, column->name, error,
                                        "column %s: byte %zu of the record (0x%02X) is not UTF-8",
                                        column->name, bad, (unsigned)(unsigned char)record.raw.data[bad]);
    }
    PS_TRY(ps_batch_begin_row(batch, error));
    ((struct ps_bytes *)batch->columns[0].values)[batch->row_count] = record.raw;
    ps_batch_end_row(batch, record);
    return PENSTOCK_OK;
}

static void bytes_close(void *state) {
    ps_release(state);
}

static penstock_code bytes_check_columns(const struct ps_schema *columns, struct penstock_error *error) {
    if (columns->column_count != 1) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "ENCODE BYTES fills one column, %zu are declared",
                           columns->column_count);
        return ps_error_hint(error, "declare one column: value BLOB, VARCHAR or JSON");
    }
    const struct ps_column_schema *column = &columns->columns[0];
    if (column->type == PS_TYPE_BLOB || column->type == PS_TYPE_VARCHAR ||
        ps_text_equal_nocase(column->type_text, "JSON")) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "ENCODE BYTES cannot fill column %s of type %s",
                       column->name, column->type_text);
    return ps_error_hint(error, "declare it as BLOB, VARCHAR or JSON");
}

static const struct ps_option bytes_options[] = {{.name = NULL}};

const struct ps_codec_type ps_codec_bytes = {
    .name = "bytes",
    .summary = "the value as it is, in the source's only column (BLOB, VARCHAR or JSON)",
    .options = bytes_options,
    .config_size = 1,
    .check_columns = bytes_check_columns,
    .has_header = ps_codec_has_no_header,
    .frame = ps_codec_frame_whole,
    .open = bytes_open,
    .decode = bytes_decode,
    .close = bytes_close,
};
