/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_key.c - row keys: taken apart, and put together of values.
 *
 * What is written can be read: a value that would end elsewhere than at the separator behind it, or that does not have
 * exactly the width of its part, is refused. Only numbers written as text are padded, with zeros in front.
 */
#include "connect/hbase_key.h"

#include <stdio.h>

#include "connect/hbase_ordered.h"
#include "data/render.h"

/* --- apart ------------------------------------------------------------------------------------------------------- */

/* The size of a part of no fixed width at the beginning of `rest`; SIZE_MAX: it does not end. */
static size_t measure(const struct ps_hbase_mapping *mapping, size_t index, struct ps_bytes rest) {
    const struct ps_hbase_key_part *const part = &mapping->parts[index];
    if (part->name != NULL && ps_hbase_encoding_is_ordered_bytes(part->encoding)) {
        const size_t size = ps_hbase_ordered_measure(part->encoding, rest);
        return size == 0 ? SIZE_MAX : size;
    }
    if (index + 1 < mapping->part_count && part[1].literal.size > 0) {
        const char *const end =
            rest.size == 0 ? NULL : memmem(rest.data, rest.size, part[1].literal.data, part[1].literal.size);
        return end == NULL ? SIZE_MAX : (size_t)(end - rest.data);
    }
    return rest.size >= part->tail ? rest.size - part->tail : SIZE_MAX;
}

bool ps_hbase_key_split(const struct ps_hbase_mapping *mapping, struct ps_bytes key, struct ps_bytes *pieces,
                        size_t *bad_out) {
    struct ps_bytes rest = key;
    for (size_t i = 0; i < mapping->part_count; i++) {
        const struct ps_hbase_key_part *const part = &mapping->parts[i];
        const size_t size = part->width > 0 ? part->width : measure(mapping, i, rest);
        if (size > rest.size ||
            (part->literal.size > 0 && memcmp(rest.data, part->literal.data, size) != 0)) {
            *bad_out = i;
            return false;
        }
        pieces[i] = (struct ps_bytes){rest.data, size};
        rest = (struct ps_bytes){rest.data + size, rest.size - size};
    }
    *bad_out = mapping->part_count;
    return rest.size == 0;
}

static const char *name_of(const struct ps_hbase_key_part *part) {
    return part->name != NULL ? part->name : "-";
}

void ps_hbase_key_explain(struct ps_buffer *out, const struct ps_hbase_mapping *mapping, struct ps_bytes key,
                          size_t bad) {
    if (bad == mapping->part_count) {
        ps_buffer_printf(out, "has %zu byte%s, more than its parts", key.size, key.size == 1 ? "" : "s");
        return;
    }
    const struct ps_hbase_key_part *const part = &mapping->parts[bad];
    const bool is_ended = part->width == 0 && bad + 1 < mapping->part_count && part[1].literal.size > 0;
    if (part->literal.size > 0 || is_ended) {
        ps_buffer_text(out, "has no \"");
        ps_hbase_show(out, is_ended ? part[1].literal : part->literal);
        ps_buffer_printf(out, "\" %s part %s", bad == 0 && !is_ended ? "before" : "behind",
                         is_ended || bad == 0
                             ? name_of(bad == 0 && !is_ended && mapping->part_count > 1 ? part + 1 : part)
                             : name_of(part - 1));
    } else if (part->width > 0) {
        ps_buffer_printf(out, "has %zu byte%s, too few for part %s of %zu", key.size,
                         key.size == 1 ? "" : "s", name_of(part), part->width);
    } else {
        ps_buffer_printf(out, "has %zu byte%s, in which part %s does not end", key.size,
                         key.size == 1 ? "" : "s", name_of(part));
    }
}

/* --- together ---------------------------------------------------------------------------------------------------- */

/* A number as text with zeros between its sign and its digits. */
static void add_padded(struct ps_buffer *out, struct ps_bytes number, size_t width) {
    const size_t sign = number.size > 0 && number.data[0] == '-' ? 1 : 0;
    ps_buffer_add(out, number.data, sign);
    for (size_t i = number.size; i < width; i++) {
        ps_buffer_add(out, "0", 1);
    }
    ps_buffer_add(out, number.data + sign, number.size - sign);
}

static penstock_code encode_digits(const struct ps_hbase_key_part *part,
                                   const struct ps_column_schema *column, struct ps_bytes value,
                                   struct ps_buffer *out, struct penstock_error *error) {
    int64_t number = 0;
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, 64);
    if (ps_hbase_integer_of_text(column->type, value, &number) != PS_HBASE_FITS) {
        return ps_hbase_refuse_value(column, value, "is no whole number", error);
    }
    ps_render_integer(&text, number);
    PS_TRY(ps_buffer_status(&text, error));
    add_padded(out, (struct ps_bytes){text.data, text.size}, part->width);
    return PENSTOCK_OK;
}

static bool is_number(const struct ps_column_schema *column, struct ps_bytes value) {
    const bool counts =
        column->type == PS_TYPE_FLOAT || column->type == PS_TYPE_DOUBLE ||
        (column->type == PS_TYPE_CAST && ps_hbase_kind_of(column->type_text) == PS_HBASE_KIND_NUMBER);
    const size_t sign = value.size > 0 && value.data[0] == '-' ? 1 : 0;
    return counts && value.size > sign && value.data[sign] >= '0' && value.data[sign] <= '9';
}

/* Would a reader find the part's end where it is? */
static penstock_code check_end(const struct ps_hbase_mapping *mapping, const struct ps_hbase_key_part *part,
                               const struct ps_column_schema *column, struct ps_bytes value, size_t start,
                               struct ps_buffer *out, struct penstock_error *error) {
    const size_t index = (size_t)(part - mapping->parts);
    if (part->width > 0 || index + 1 == mapping->part_count || part[1].literal.size == 0 ||
        ps_hbase_encoding_is_ordered_bytes(part->encoding)) {
        return PENSTOCK_OK;
    }
    const struct ps_bytes literal = part[1].literal;
    const size_t size = out->size;
    ps_buffer_add(out, literal.data, literal.size);
    PS_TRY(ps_buffer_status(out, error));
    const char *const found = memmem(out->data + start, out->size - start, literal.data, literal.size);
    const bool is_found = found == out->data + size;
    out->size = size;
    out->data[size] = '\0';
    return is_found ? PENSTOCK_OK
                    : ps_hbase_refuse_value(column, value, "contains the separator behind it in the row key",
                                            error);
}

static penstock_code encode_part(const struct ps_hbase_mapping *mapping, const struct ps_hbase_key_part *part,
                                 const struct ps_column_schema *column, struct ps_bytes value,
                                 struct ps_buffer *out, struct penstock_error *error) {
    const size_t start = out->size;
    if (part->encoding == PS_HBASE_AS_PADDED) {
        PS_TRY(encode_digits(part, column, value, out, error));
    } else if (part->encoding == PS_HBASE_AS_TEXT && part->width > value.size && is_number(column, value)) {
        add_padded(out, value, part->width);
    } else {
        PS_TRY(ps_hbase_encode(part->encoding, column, value, out, error));
    }
    PS_TRY(ps_buffer_status(out, error));
    const size_t size = out->size - start;
    if (part->width > 0 && size != part->width) {
        char why[96];
        (void)snprintf(why, sizeof why, "has %zu byte%s, its part of the row key has %zu", size,
                       size == 1 ? "" : "s", part->width);
        return ps_hbase_refuse_value(column, value, why, error);
    }
    return check_end(mapping, part, column, value, start, out, error);
}

penstock_code ps_hbase_value_encode(const struct ps_hbase_mapping *mapping,
                                    const struct ps_hbase_field *field, struct ps_bytes value,
                                    struct ps_buffer *out, struct penstock_error *error) {
    const struct ps_column_schema *const column = &mapping->schema->columns[field->column];
    if (field->place == PS_HBASE_IN_KEY_PART) {
        return encode_part(mapping, &mapping->parts[field->part], column, value, out, error);
    }
    PS_TRY(ps_hbase_encode(field->encoding, column, value, out, error));
    return ps_buffer_status(out, error);
}

static penstock_code add_value(const struct ps_hbase_mapping *mapping, size_t field,
                               const struct ps_bytes *values, struct ps_buffer *out,
                               struct penstock_error *error) {
    if (values[field].data == NULL) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "column %s is NULL, and part of the row key",
                            mapping->schema->columns[mapping->fields[field].column].name);
    }
    return ps_hbase_value_encode(mapping, &mapping->fields[field], values[field], out, error);
}

penstock_code ps_hbase_key_encode(const struct ps_hbase_mapping *mapping, const struct ps_bytes *values,
                                  struct ps_buffer *out, struct penstock_error *error) {
    const size_t start = out->size;
    for (size_t i = 0; i < mapping->part_count; i++) {
        const struct ps_hbase_key_part *const part = &mapping->parts[i];
        if (part->literal.size > 0) {
            ps_buffer_add(out, part->literal.data, part->literal.size);
        } else if (part->name != NULL) {
            PS_TRY(add_value(mapping, part->field, values, out, error));
        }
    }
    for (size_t i = 0; i < mapping->field_count && mapping->part_count == 0; i++) {
        if (mapping->fields[i].place == PS_HBASE_IN_KEY) {
            PS_TRY(add_value(mapping, i, values, out, error));
            break;
        }
    }
    PS_TRY(ps_buffer_status(out, error));
    const size_t size = out->size - start;
    if (size == 0) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "the row key is empty");
    }
    return size <= PS_HBASE_ROW_SIZE_MAX
               ? PENSTOCK_OK
               : ps_error_set(error, PENSTOCK_INVALID_DATA, "the row key has %zu bytes, the most is %d", size,
                              PS_HBASE_ROW_SIZE_MAX);
}
