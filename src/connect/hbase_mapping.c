/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_mapping.c - the words of `mapping`, `rowkey` and `family` as a mapping.
 *
 *   item = column place [encoding] | column encoding        (the latter with `family`)
 *
 * Every column gets its place in this order: a part of the row key, an item, :key because it is the primary key or is
 * called rowkey, the `family`. Families and qualifiers are spelt as HBase shows bytes, so that a comma, a space or an @
 * in them is \x2C, \x20, \x40.
 */
#include "connect/hbase_mapping.h"

#include "connect/hbase_key.h"

/* Words of an item: column, place, encoding, and one that is too many. */
#define WORD_COUNT_MAX 4

struct maker {
    const struct ps_hbase_mapping_words *words;
    const struct ps_schema *schema;
    bool is_sink;
    struct ps_arena *arena;
    struct ps_hbase_mapping *mapping;
    bool *is_placed;                /* per column */
    struct ps_hbase_column *places; /* per column: its cell, before cells are sorted */
};

/* --- one column -------------------------------------------------------------------------------------------------- */

static penstock_code check_timestamp(const struct ps_column_schema *column, struct penstock_error *error) {
    if (column->type == PS_TYPE_TIMESTAMP || column->type == PS_TYPE_BIGINT) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                       "mapping: column %s of type %s cannot hold a timestamp of HBase", column->name,
                       column->type_text);
    return ps_error_hint(error, "declare it as TIMESTAMP, or as BIGINT (milliseconds)");
}

static penstock_code resolve(const struct maker *maker, size_t column, enum ps_hbase_encoding encoding,
                             struct penstock_error *error) {
    const struct ps_column_schema *const schema = &maker->schema->columns[column];
    struct ps_hbase_field *const field = &maker->mapping->fields[column];
    if (field->place == PS_HBASE_IN_TIMESTAMP || field->place == PS_HBASE_IN_CELL_TIMESTAMP) {
        if (encoding != PS_HBASE_AS_BYTES) {
            return ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                                "mapping: column %s is a timestamp of HBase, which has no encoding",
                                schema->name);
        }
        PS_TRY(check_timestamp(schema, error));
        field->encoding = schema->type == PS_TYPE_BIGINT ? PS_HBASE_AS_LONG : PS_HBASE_AS_MILLIS;
        return PENSTOCK_OK;
    }
    field->encoding = ps_hbase_encoding_resolve(encoding, schema);
    if (ps_hbase_encoding_suits(field->encoding, schema)) {
        return PENSTOCK_OK;
    }
    const enum ps_hbase_encoding usual = ps_hbase_encoding_resolve(PS_HBASE_AS_BYTES, schema);
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "mapping: %s is no encoding for column %s of type %s",
                       ps_hbase_encoding_name(field->encoding), schema->name, schema->type_text);
    return ps_error_hint(error, "without an encoding it is %s", ps_hbase_encoding_name(usual));
}

/* --- one item ---------------------------------------------------------------------------------------------------- */

static penstock_code refuse_item(const char *item, const char *why, struct penstock_error *error) {
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "mapping: '%s': %s", item, why);
    return ps_error_hint(
        error, "an item is a column, a place (family:qualifier, family:qualifier@timestamp, :key or "
               ":timestamp) and, if need be, an encoding");
}

static penstock_code spell_cell(const struct maker *maker, const char *item, const char *family,
                                const char *qualifier, struct ps_hbase_column *cell,
                                struct penstock_error *error) {
    PS_TRY(ps_hbase_spell(family, maker->arena, &cell->family, error));
    PS_TRY(ps_hbase_spell(qualifier, maker->arena, &cell->qualifier, error));
    return cell->family.size <= PS_HBASE_FAMILY_SIZE_MAX && cell->qualifier.size <= PS_HBASE_ROW_SIZE_MAX
               ? PENSTOCK_OK
               : refuse_item(item, "a family or qualifier that is too long", error);
}

/* family:qualifier, family:qualifier@timestamp, :key, :timestamp */
static penstock_code parse_place(const struct maker *maker, const char *item, size_t column, char *text,
                                 struct penstock_error *error) {
    struct ps_hbase_field *const field = &maker->mapping->fields[column];
    char *const colon = strchr(text, ':');
    if (ps_text_equal_nocase(text, ":key")) {
        field->place = PS_HBASE_IN_KEY;
        return PENSTOCK_OK;
    }
    if (ps_text_equal_nocase(text, ":timestamp")) {
        field->place = PS_HBASE_IN_TIMESTAMP;
        return PENSTOCK_OK;
    }
    if (colon == text) {
        return refuse_item(item, "no family before the colon, and neither :key nor :timestamp", error);
    }
    *colon = '\0';
    char *const at = strchr(colon + 1, '@');
    field->place = at == NULL ? PS_HBASE_IN_CELL : PS_HBASE_IN_CELL_TIMESTAMP;
    if (at != NULL && !ps_text_equal_nocase(at, "@timestamp")) {
        return refuse_item(item, "behind an @ stands timestamp; an @ in a qualifier is \\x40", error);
    }
    if (at != NULL) {
        *at = '\0';
    }
    return spell_cell(maker, item, text, colon + 1, &maker->places[column], error);
}

static penstock_code find_encoding(const char *item, const char *word, enum ps_hbase_encoding *encoding_out,
                                   struct penstock_error *error) {
    if (ps_hbase_encoding_find(word, encoding_out)) {
        return PENSTOCK_OK;
    }
    const char *const near = ps_hbase_encoding_nearest(word);
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "mapping: '%s': %s is no encoding", item, word);
    return near != NULL
               ? ps_error_hint(error, "did you mean %s?", near)
               : ps_error_hint(error,
                               "encodings are byte, short, int, long, float, double, boolean, decimal, "
                               "raw, text, seconds, millis, micros, reversed, ordered, json, ...");
}

static penstock_code find_column(const struct maker *maker, const char *item, const char *name,
                                 size_t *column_out, struct penstock_error *error) {
    const int64_t column = ps_schema_find(maker->schema, name);
    if (column >= 0 && maker->is_placed[column]) {
        return ps_error_set(
            error, PENSTOCK_INVALID_PROJECT, "mapping: '%s': column %s has a place already%s", item, name,
            maker->mapping->fields[column].place == PS_HBASE_IN_KEY_PART ? ", in the row key" : "");
    }
    if (column >= 0) {
        *column_out = (size_t)column;
        return PENSTOCK_OK;
    }
    const char *near = NULL;
    PS_TRY(ps_hbase_nearest_column(maker->schema, name, maker->arena, &near, error));
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "mapping: '%s': there is no column %s", item, name);
    return near != NULL ? ps_error_hint(error, "did you mean %s?", near)
                        : ps_error_hint(error, "an item begins with a column that is declared");
}

/* The next word of `rest`, with "a name" in quotation marks without them; NULL at the end. */
static char *next_word(char **rest) {
    char *at = *rest + strspn(*rest, " \t\r\n");
    if (*at == '\0') {
        return NULL;
    }
    const bool is_quoted = *at == '"' && strchr(at + 1, '"') != NULL;
    char *const word = is_quoted ? at + 1 : at;
    at = word + (is_quoted ? strcspn(word, "\"") : strcspn(word, " \t\r\n"));
    *rest = *at == '\0' ? at : at + 1;
    *at = '\0';
    return word;
}

/* In a sink a column of the row key may be the timestamp, too. */
static bool is_key_and_timestamp(const struct maker *maker, const char *name, const char *place,
                                 size_t *column_out) {
    const int64_t column = ps_schema_find(maker->schema, name);
    if (!maker->is_sink || !ps_text_equal_nocase(place, ":timestamp") || column < 0 ||
        !maker->is_placed[column]) {
        return false;
    }
    *column_out = (size_t)column;
    const enum ps_hbase_place in = maker->mapping->fields[column].place;
    return maker->mapping->timestamp == SIZE_MAX && (in == PS_HBASE_IN_KEY || in == PS_HBASE_IN_KEY_PART);
}

static penstock_code place_item(const struct maker *maker, const char *item, struct penstock_error *error) {
    char *rest = ps_arena_copy(maker->arena, item);
    if (rest == NULL) {
        return ps_error_memory(error, "a mapping");
    }
    char *words[WORD_COUNT_MAX] = {NULL};
    size_t count = 0, column = 0;
    while (count < WORD_COUNT_MAX && (words[count] = next_word(&rest)) != NULL) {
        count++;
    }
    if (count == 0 || count == WORD_COUNT_MAX) {
        return refuse_item(item, count == 0 ? "nothing between two commas" : "too many words", error);
    }
    if (count == 2 && is_key_and_timestamp(maker, words[0], words[1], &column)) {
        maker->mapping->timestamp = column;
        return check_timestamp(&maker->schema->columns[column], error);
    }
    PS_TRY(find_column(maker, item, words[0], &column, error));
    const bool has_place = count > 1 && strchr(words[1], ':') != NULL;
    if (!has_place && (count != 2 || maker->words->family == NULL)) {
        return refuse_item(item, count == 1 ? "no place" : "a place has a colon", error);
    }
    enum ps_hbase_encoding encoding = PS_HBASE_AS_BYTES;
    if (has_place) {
        PS_TRY(parse_place(maker, item, column, words[1], error));
    } else {
        PS_TRY(spell_cell(maker, item, maker->words->family, "", &maker->places[column], error));
        maker->places[column].qualifier = ps_bytes_of(maker->schema->columns[column].name);
    }
    if (count == 3 || !has_place) {
        PS_TRY(find_encoding(item, words[count - 1], &encoding, error));
    }
    maker->is_placed[column] = true;
    return resolve(maker, column, encoding, error);
}

static penstock_code place_items(const struct maker *maker, struct penstock_error *error) {
    const char *at = maker->words->mapping;
    while (at != NULL && *at != '\0') {
        bool in_quotes = false;
        size_t size = 0;
        for (; at[size] != '\0' && (at[size] != ',' || in_quotes); size++) {
            in_quotes = in_quotes != (at[size] == '"');
        }
        const size_t before = strspn(at, " \t\r\n");
        const size_t first = before < size ? before : size;
        size_t end = size;
        while (end > first && strchr(" \t\r\n", at[end - 1]) != NULL) {
            end--;
        }
        const char *const item = ps_arena_copy_size(maker->arena, at + first, end - first);
        if (item == NULL) {
            return ps_error_memory(error, "a mapping");
        }
        at += size;
        const bool is_last = *at == '\0';
        if (!is_last || end > first) { /* a comma behind the last item does no harm */
            PS_TRY(place_item(maker, item, error));
        }
        at += is_last ? 0 : 1;
    }
    return PENSTOCK_OK;
}

/* --- what is not mentioned --------------------------------------------------------------------------------------- */

static penstock_code place_key_parts(const struct maker *maker, struct penstock_error *error) {
    struct ps_hbase_mapping *const mapping = maker->mapping;
    if (maker->words->rowkey == NULL) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_hbase_key_parse(maker->words->rowkey, maker->schema, maker->arena, &mapping->parts,
                              &mapping->part_count, error));
    for (size_t i = 0; i < mapping->part_count; i++) {
        const struct ps_hbase_key_part *const part = &mapping->parts[i];
        if (part->name != NULL) {
            struct ps_hbase_field *const field = &mapping->fields[part->field];
            field->place = PS_HBASE_IN_KEY_PART;
            field->encoding = part->encoding;
            field->part = i;
            maker->is_placed[part->field] = true;
        }
    }
    return PENSTOCK_OK;
}

/* The column is all of the row key, if it has no place and no other column is. */
static penstock_code place_key(const struct maker *maker, const char *name, struct penstock_error *error) {
    const int64_t column = name == NULL ? -1 : ps_schema_find(maker->schema, name);
    if (column < 0 || maker->is_placed[column]) {
        return PENSTOCK_OK;
    }
    for (size_t i = 0; i < maker->mapping->field_count; i++) {
        if (maker->is_placed[i] && maker->mapping->fields[i].place == PS_HBASE_IN_KEY) {
            return PENSTOCK_OK;
        }
    }
    maker->mapping->fields[column].place = PS_HBASE_IN_KEY;
    maker->is_placed[column] = true;
    return resolve(maker, (size_t)column, PS_HBASE_AS_BYTES, error);
}

static penstock_code place_rest(const struct maker *maker, struct penstock_error *error) {
    for (size_t i = 0; i < maker->schema->column_count; i++) {
        const char *const name = maker->schema->columns[i].name;
        if (maker->is_placed[i]) {
            continue;
        }
        if (maker->words->family == NULL || maker->words->family[0] == '\0') {
            (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "column %s has no place in HBase", name);
            return ps_error_hint(error,
                                 "write mapping = '%s family:qualifier', or family = 'f' for all columns "
                                 "that are not mentioned",
                                 name);
        }
        PS_TRY(spell_cell(maker, name, maker->words->family, "", &maker->places[i], error));
        maker->places[i].qualifier = ps_bytes_of(name);
        maker->mapping->fields[i].place = PS_HBASE_IN_CELL;
        maker->is_placed[i] = true;
        PS_TRY(resolve(maker, i, PS_HBASE_AS_BYTES, error));
    }
    return PENSTOCK_OK;
}

/* --- cells ------------------------------------------------------------------------------------------------------- */

static bool is_in_cell(const struct ps_hbase_field *field) {
    return field->place == PS_HBASE_IN_CELL || field->place == PS_HBASE_IN_CELL_TIMESTAMP;
}

static int compare_cells(const struct ps_hbase_column *left, const struct ps_hbase_column *right) {
    const int order = ps_hbase_compare(left->family, right->family);
    return order != 0 ? order : ps_hbase_compare(left->qualifier, right->qualifier);
}

static int compare_for_sort(const void *left, const void *right) {
    return compare_cells(left, right);
}

static size_t index_of(const struct ps_hbase_mapping *mapping, const struct ps_hbase_column *cell) {
    size_t first = 0, end = mapping->cell_count;
    while (end - first > 1) {
        const size_t middle = first + (end - first) / 2;
        if (compare_cells(&mapping->cells[middle], cell) <= 0) {
            first = middle;
        } else {
            end = middle;
        }
    }
    return first;
}

/* Sorted, each once, with the fields of each. */
static penstock_code sort_cells(const struct maker *maker, struct penstock_error *error) {
    struct ps_hbase_mapping *const mapping = maker->mapping;
    const size_t count = mapping->field_count;
    struct ps_hbase_column *const cells = ps_arena_allocate(maker->arena, count + 1, sizeof *cells);
    size_t *const of_cell = ps_arena_allocate(maker->arena, count + 1, sizeof *of_cell);
    size_t *const first = ps_arena_allocate(maker->arena, count + 2, sizeof *first);
    if (cells == NULL || of_cell == NULL || first == NULL) {
        return ps_error_memory(error, "a mapping");
    }
    size_t cell_count = 0, used = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_in_cell(&mapping->fields[i])) {
            cells[cell_count++] = maker->places[i];
        }
    }
    qsort(cells, cell_count, sizeof *cells, compare_for_sort);
    for (size_t i = 0; i < cell_count; i++) {
        if (used == 0 || compare_cells(&cells[used - 1], &cells[i]) != 0) {
            cells[used++] = cells[i];
        }
    }
    mapping->cells = cells;
    mapping->cell_count = used;
    for (size_t i = 0; i < count; i++) {
        if (is_in_cell(&mapping->fields[i])) {
            mapping->fields[i].cell = index_of(mapping, &maker->places[i]);
            first[mapping->fields[i].cell + 1]++;
        }
    }
    for (size_t i = 0; i < used; i++) {
        first[i + 1] += first[i];
    }
    for (size_t cell = 0, at = 0; cell < used; cell++) {
        for (size_t i = 0; i < count; i++) {
            if (is_in_cell(&mapping->fields[i]) && mapping->fields[i].cell == cell) {
                of_cell[at++] = i;
            }
        }
    }
    mapping->of_cell = of_cell;
    mapping->first_of_cell = first;
    return PENSTOCK_OK;
}

/* --- sinks ------------------------------------------------------------------------------------------------------- */

static penstock_code check_sink_key(const struct maker *maker, struct penstock_error *error) {
    const struct ps_hbase_mapping *const mapping = maker->mapping;
    const char *key = NULL;
    for (size_t i = 0; i < mapping->field_count; i++) {
        const char *const name = maker->schema->columns[i].name;
        if (mapping->fields[i].place == PS_HBASE_IN_KEY && (key != NULL || mapping->part_count > 0)) {
            return ps_error_set(error, PENSTOCK_INVALID_PROJECT, "column %s and %s%s both are the row key",
                                name, key != NULL ? "column " : "the parts of rowkey",
                                key != NULL ? key : "");
        }
        key = mapping->fields[i].place == PS_HBASE_IN_KEY ? name : key;
    }
    for (size_t i = 0; i < mapping->part_count; i++) {
        if (mapping->parts[i].literal.size == 0 && mapping->parts[i].name == NULL) {
            (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                               "rowkey: a part that is skipped (-) cannot be written");
            return ps_error_hint(error, "make it a column of the SELECT: substr(md5(sensor), 1, 1) AS salt");
        }
    }
    if (key == NULL && mapping->part_count == 0) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "no column is the row key");
        return ps_error_hint(error,
                             "name a column rowkey, write mapping = 'column :key', PRIMARY KEY (column), or "
                             "rowkey = '...' for a key of several columns");
    }
    return PENSTOCK_OK;
}

static penstock_code check_sink(const struct maker *maker, struct penstock_error *error) {
    const struct ps_hbase_mapping *const mapping = maker->mapping;
    const char *timestamp =
        mapping->timestamp == SIZE_MAX ? NULL : maker->schema->columns[mapping->timestamp].name;
    PS_TRY(check_sink_key(maker, error));
    for (size_t i = 0; i < mapping->field_count; i++) {
        const struct ps_hbase_field *const field = &mapping->fields[i];
        const char *const name = maker->schema->columns[i].name;
        if (field->place == PS_HBASE_IN_CELL_TIMESTAMP) {
            (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                               "mapping: column %s is the timestamp of one cell, which a sink cannot write",
                               name);
            return ps_error_hint(error, "a record has one timestamp for all its cells: '%s :timestamp'",
                                 name);
        }
        if (field->place == PS_HBASE_IN_TIMESTAMP && timestamp != NULL) {
            return ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                                "mapping: columns %s and %s both are :timestamp", timestamp, name);
        }
        if (field->place == PS_HBASE_IN_TIMESTAMP) {
            timestamp = name;
            maker->mapping->timestamp = i;
        }
    }
    for (size_t i = 0; i < mapping->cell_count; i++) {
        const size_t first = mapping->first_of_cell[i];
        if (mapping->first_of_cell[i + 1] > first + 1) {
            return ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                                "mapping: columns %s and %s are the same cell",
                                maker->schema->columns[mapping->of_cell[first]].name,
                                maker->schema->columns[mapping->of_cell[first + 1]].name);
        }
    }
    return PENSTOCK_OK;
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

penstock_code ps_hbase_mapping_new(const struct ps_hbase_mapping_words *words, const struct ps_schema *schema,
                                   bool is_sink, struct ps_arena *arena,
                                   struct ps_hbase_mapping **mapping_out, struct penstock_error *error) {
    struct maker maker = {.words = words, .schema = schema, .is_sink = is_sink, .arena = arena};
    const size_t count = schema->column_count;
    maker.mapping = ps_arena_allocate(arena, 1, sizeof *maker.mapping);
    maker.is_placed = ps_arena_allocate(arena, count + 1, sizeof *maker.is_placed);
    maker.places = ps_arena_allocate(arena, count + 1, sizeof *maker.places);
    struct ps_hbase_field *const fields = ps_arena_allocate(arena, count + 1, sizeof *fields);
    if (maker.mapping == NULL || maker.is_placed == NULL || maker.places == NULL || fields == NULL) {
        return ps_error_memory(error, "a mapping");
    }
    for (size_t i = 0; i < count; i++) {
        fields[i].column = i;
    }
    maker.mapping->schema = schema;
    maker.mapping->fields = fields;
    maker.mapping->field_count = count;
    maker.mapping->timestamp = SIZE_MAX;
    PS_TRY(place_key_parts(&maker, error));
    PS_TRY(place_items(&maker, error));
    PS_TRY(place_key(&maker, words->key, error));
    PS_TRY(place_key(&maker, "rowkey", error));
    PS_TRY(place_rest(&maker, error));
    PS_TRY(sort_cells(&maker, error));
    if (is_sink) {
        PS_TRY(check_sink(&maker, error));
    }
    *mapping_out = maker.mapping;
    return PENSTOCK_OK;
}
