/* SPDX-License-Identifier: Apache-2.0
 *
 * table.c - a table of text as aligned columns, as CSV (RFC 4180) or as JSON.
 *
 * Numbers stand to the right. In a table NULL is written NULL, in CSV it is an empty field while an empty
 * text is "", so that the two stay apart.
 */
#include "cli/command.h"

#include <stdio.h>

/* Wider cells are cut in a table (never in csv or json): a screen is not wider, and a raw record of a
 * dead letter may be a megabyte. */
#define TABLE_CELL_WIDTH_MAX 100

static bool type_starts(const char *type, const char *start) {
    return type != NULL && strncmp(type, start, strlen(start)) == 0;
}

static bool is_number_type(const char *type) {
    static const char *const starts[] = {"TINYINT",  "SMALLINT",  "INTEGER",  "BIGINT",  "HUGEINT",
                                         "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
                                         "FLOAT",    "DOUBLE",    "DECIMAL",  NULL};
    for (size_t index = 0; starts[index] != NULL; index++) {
        if (type_starts(type, starts[index])) {
            return strchr(type, '[') == NULL;
        }
    }
    return false;
}

/* Characters that a cell takes on a screen: code points, and two for a \n shown as such. Stops at the maximum. */
static size_t shown_width(const char *text, size_t *bytes_out) {
    size_t width = 0;
    const char *at = text;
    while (*at != '\0' && width < TABLE_CELL_WIDTH_MAX) {
        const unsigned char byte = (unsigned char)*at;
        width += byte == '\n' || byte == '\t' ? 2 : byte < 0x20 || byte == 0x7f ? 4 : 1;
        at++;
        while (((unsigned char)*at & 0xc0) == 0x80) {
            at++;
        }
    }
    if (bytes_out != NULL) {
        *bytes_out = (size_t)(at - text);
    }
    return *at == '\0' ? width : width + 3;
}

static void put_spaces(struct ps_output *output, size_t count) {
    for (size_t index = 0; index < count; index++) {
        ps_output_bytes(output, " ", 1);
    }
}

static void put_cell(struct ps_output *output, const char *cell, size_t width, bool is_right, bool is_last) {
    const char *const text = cell == NULL ? "NULL" : cell;
    size_t bytes = 0;
    const size_t used = shown_width(text, &bytes);
    if (is_right && used < width) {
        put_spaces(output, width - used);
    }
    if (text[bytes] == '\0') {
        ps_output_shown(output, text);
    } else {
        char part[TABLE_CELL_WIDTH_MAX * 4 + 4];
        snprintf(part, sizeof part, "%.*s", (int)bytes, text);
        ps_output_shown(output, part);
        ps_output_text(output, "...");
    }
    if (!is_right && !is_last && used < width) {
        put_spaces(output, width - used);
    }
}

static void put_row(struct ps_output *output, const struct ps_text_table *table, const char *const *cells,
                    const size_t *widths, int indent) {
    put_spaces(output, (size_t)indent);
    for (size_t column = 0; column < table->column_count; column++) {
        const bool is_blank_end =
            column + 1 == table->column_count && cells[column] != NULL && cells[column][0] == '\0';
        if (column > 0 && !is_blank_end) {
            ps_output_text(output, "  ");
        }
        put_cell(output, cells[column], widths[column], is_number_type(table->types[column]),
                 column + 1 == table->column_count);
    }
    ps_output_text(output, "\n");
}

void ps_output_table(struct ps_output *output, const struct ps_text_table *table, int indent) {
    size_t *widths PS_SCOPED(ps_release_scoped) = ps_allocate(table->column_count + 1, sizeof *widths);
    if (widths == NULL) {
        output->text.failed = true;
        return;
    }
    for (size_t column = 0; column < table->column_count; column++) {
        widths[column] = shown_width(table->names[column], NULL);
        for (int64_t row = 0; row < table->row_count; row++) {
            const char *const cell = table->cells[(size_t)row * table->column_count + column];
            const size_t width = shown_width(cell == NULL ? "NULL" : cell, NULL);
            widths[column] = width > widths[column] ? width : widths[column];
        }
    }
    put_row(output, table, table->names, widths, indent);
    put_spaces(output, (size_t)indent);
    for (size_t column = 0; column < table->column_count; column++) {
        if (column > 0) {
            ps_output_text(output, "  ");
        }
        for (size_t index = 0; index < widths[column]; index++) {
            ps_output_bytes(output, "-", 1);
        }
    }
    ps_output_text(output, "\n");
    for (int64_t row = 0; row < table->row_count; row++) {
        put_row(output, table, table->cells + (size_t)row * table->column_count, widths, indent);
    }
}

static void put_csv_field(struct ps_output *output, const char *cell) {
    if (cell == NULL) {
        return;
    }
    if (cell[0] != '\0' && strpbrk(cell, ",\"\r\n") == NULL) {
        ps_output_text(output, cell);
        return;
    }
    ps_output_text(output, "\"");
    for (const char *at = cell; *at != '\0'; at++) {
        ps_output_bytes(output, *at == '"' ? "\"\"" : at, *at == '"' ? 2 : 1);
    }
    ps_output_text(output, "\"");
}

void ps_output_table_csv(struct ps_output *output, const struct ps_text_table *table) {
    for (int64_t row = -1; row < table->row_count; row++) {
        const char *const *const cells =
            row < 0 ? table->names : table->cells + (size_t)row * table->column_count;
        for (size_t column = 0; column < table->column_count; column++) {
            if (column > 0) {
                ps_output_text(output, ",");
            }
            put_csv_field(output, cells[column]);
        }
        ps_output_text(output, "\n");
    }
}

/* The grammar of RFC 8259: what is not a number there ("nan", "inf", "007") must be a string. */
static bool is_json_number(const char *text) {
    const char *at = text + (*text == '-' ? 1 : 0);
    const char *const digits = at;
    at += strspn(at, "0123456789");
    if (at == digits || (*digits == '0' && at > digits + 1)) {
        return false;
    }
    if (*at == '.') {
        const size_t count = strspn(at + 1, "0123456789");
        at += count + 1;
        if (count == 0) {
            return false;
        }
    }
    if (*at == 'e' || *at == 'E') {
        at += at[1] == '+' || at[1] == '-' ? 2 : 1;
        const size_t count = strspn(at, "0123456789");
        at += count;
        if (count == 0) {
            return false;
        }
    }
    return *at == '\0';
}

void ps_output_cell_json(struct ps_output *output, const char *type, const char *cell) {
    const bool is_raw =
        cell != NULL && type != NULL &&
        ((is_number_type(type) && is_json_number(cell)) ||
         (strcmp(type, "BOOLEAN") == 0 && (strcmp(cell, "true") == 0 || strcmp(cell, "false") == 0)));
    if (is_raw) {
        ps_output_text(output, cell);
    } else {
        ps_output_json(output, cell);
    }
}

void ps_output_table_json(struct ps_output *output, const struct ps_text_table *table, int indent) {
    ps_output_text(output, "[");
    for (int64_t row = 0; row < table->row_count; row++) {
        ps_output_text(output, row == 0 ? "\n" : ",\n");
        put_spaces(output, (size_t)indent + 2);
        ps_output_text(output, "{");
        for (size_t column = 0; column < table->column_count; column++) {
            ps_output_text(output, column == 0 ? "" : ", ");
            ps_output_json(output, table->names[column]);
            ps_output_text(output, ": ");
            ps_output_cell_json(output, table->types[column],
                                table->cells[(size_t)row * table->column_count + column]);
        }
        ps_output_text(output, "}");
    }
    if (table->row_count > 0) {
        ps_output_text(output, "\n");
        put_spaces(output, (size_t)indent);
    }
    ps_output_text(output, "]");
}

struct ps_text_table *ps_table_new(struct ps_arena *arena, size_t column_count, const char *const *names,
                                   const char *const *types) {
    struct ps_text_table *const table = ps_arena_allocate(arena, 1, sizeof *table);
    if (table == NULL) {
        return NULL;
    }
    table->arena = arena;
    table->column_count = column_count;
    table->names = ps_arena_allocate(arena, column_count, sizeof *table->names);
    table->types = ps_arena_allocate(arena, column_count, sizeof *table->types);
    if (table->names == NULL || table->types == NULL) {
        return NULL;
    }
    for (size_t column = 0; column < column_count; column++) {
        table->names[column] = names[column];
        table->types[column] = types == NULL ? "VARCHAR" : types[column];
    }
    return table;
}

/* Room doubles whenever the number of rows is a power of two: no capacity to carry in a struct that is app's. */
bool ps_table_add(struct ps_text_table *table, const char *const *cells) {
    const size_t count = (size_t)table->row_count;
    if ((count & (count - 1)) == 0) {
        const size_t room = count == 0 ? 1 : count * 2;
        const char **const grown = ps_arena_allocate(table->arena, room * table->column_count, sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        if (count > 0) {
            memcpy(grown, table->cells, count * table->column_count * sizeof *grown);
        }
        table->cells = grown;
    }
    for (size_t column = 0; column < table->column_count; column++) {
        const char *copy = NULL;
        if (cells[column] != NULL) {
            copy = ps_arena_copy(table->arena, cells[column]);
            if (copy == NULL) {
                return false;
            }
        }
        table->cells[count * table->column_count + column] = copy;
    }
    table->row_count++;
    return true;
}
