/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_pushdown_random_test.c - random conditions over random rows, with row keys of several makes.
 *
 * DuckDB says which rows meet a condition; the filters that are made of it are applied as a server would. Every row
 * that DuckDB takes must pass them, and no other one if they are pushed as scan.filter. A server that compares wrongly
 * must be caught by that.
 */
#include "hbase_conditions.h"
#include "hbase_filters.h"

static uint64_t random_state = 88172645463325252;

static size_t draw(size_t count) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (size_t)(random_state % count);
}

/* What a column may hold, and be compared with; as SQL writes it. */
struct pool {
    const char *type;
    const char *values[12], *constants[14];
};

static const struct pool pools[] = {
    {"INTEGER",
     {"-2147483648", "-300", "-1", "0", "1", "2", "3", "256", "2147483647"},
     {"-2147483648", "-300", "-1", "0", "1", "2", "2.5", "-0.5", "256", "3e0", "'3'", "2147483647",
      "5000000000"}},
    {"BIGINT",
     {"-9223372036854775808", "-4294967296", "-1", "0", "1", "2", "4294967296", "9223372036854775807"},
     {"-4294967296", "-1", "0", "1", "1.5", "4294967296", "9223372036854775807", "1e18", "'2'"}},
    {"FLOAT",
     {"-3.5", "-0.1", "-0.0", "0.0", "0.1", "0.5", "3.5", "nan"},
     {"-3.5", "-0.1", "0", "0.1", "0.5", "1", "3.5", "1e30", "'0.5'"}},
    {"DOUBLE",
     {"-1e+300", "-3.5", "-0.1", "-0.0", "0.0", "0.1", "3.5", "1e+300", "nan", "inf", "-inf"},
     {"-3.5", "-0.1", "0", "-0.0::DOUBLE", "0.1", "1", "3.5", "1e300", "'0.1'", "7"}},
    {"BOOLEAN", {"true", "false"}, {"true", "false"}},
    {"TIMESTAMP",
     {"1969-12-31 23:59:59.999", "1970-01-01 00:00:00", "1970-01-01 00:00:00.001", "2024-02-29 12:00:00",
      "2024-03-01 00:00:00"},
     {"'1969-12-31 23:59:59.999'", "TIMESTAMP '1970-01-01'", "'1970-01-01 00:00:00.0005'",
      "'1970-01-01 00:00:00.001'", "DATE '2024-03-01'", "'2024-02-29 12:00:00'",
      "TIMESTAMP '2024-03-01' - INTERVAL 12 HOUR"}},
    {"DATE",
     {"1969-12-31", "1970-01-01", "2024-02-29", "2024-03-01"},
     {"'1970-01-01'", "DATE '2024-02-29'", "TIMESTAMP '2024-02-29 12:00:00'", "TIMESTAMP '2024-03-01'"}},
    {"VARCHAR",
     {"", "a", "ab", "abc", "a b", "a~", "b", "\xC3\xA9"},
     {"''", "'a'", "'ab'", "'a b'", "'a~'", "'b'", "'\xC3\xA9'", "'zz'", "'a' "}},
    {"BLOB",
     {"", "a", "a\xFF", "\xFF\xFF", "b"},
     {"''::BLOB", "'a'::BLOB", "from_hex('61ff')", "from_hex('ffff')", "from_hex('62')"}},
};

struct column {
    const char *name, *place;
    size_t pool;
    bool is_key;
};

enum {
    POOL_INTEGER,
    POOL_BIGINT,
    POOL_FLOAT,
    POOL_DOUBLE,
    POOL_BOOLEAN,
    POOL_TIMESTAMP,
    POOL_DATE,
    POOL_VARCHAR,
    POOL_BLOB
};

static const struct column cell_columns[] = {
    {"i", "f:i", POOL_INTEGER, false},
    {"l", "f:l", POOL_BIGINT, false},
    {"il", "f:il long", POOL_INTEGER, false},
    {"f", "f:f", POOL_FLOAT, false},
    {"d", "f:d", POOL_DOUBLE, false},
    {"b", "f:b", POOL_BOOLEAN, false},
    {"t", "f:t", POOL_TIMESTAMP, false},
    {"u", "f:u micros", POOL_TIMESTAMP, false},
    {"dy", "f:dy", POOL_DATE, false},
    {"w", "f:w", POOL_VARCHAR, false},
    {"x", "g:x", POOL_BLOB, false},
    {"o", "f:o ordered", POOL_INTEGER, false},
    {"od", "f:od ordered_desc", POOL_DOUBLE, false},
    {"ot", "f:ot ordered", POOL_TIMESTAMP, false},
    {"nm", "f:nm numeric", POOL_BIGINT, false},
    {"j", "f:j json", POOL_INTEGER, false},
    {"tx", "f:tx text", POOL_INTEGER, false},
    {"rl", "f:rl reversed", POOL_INTEGER, false},
};
#define CELL_COLUMN_COUNT (sizeof cell_columns / sizeof cell_columns[0])

struct layout {
    const char *rowkey;
    struct column keys[3];
    size_t key_count;
};
static const struct layout layouts[] = {
    {NULL, {{"k", ":key", POOL_VARCHAR, true}}, 1},
    {"p \"|\" q:8", {{"p", NULL, POOL_VARCHAR, true}, {"q", NULL, POOL_BIGINT, true}}, 2},
    {"q:4 p", {{"q", NULL, POOL_INTEGER, true}, {"p", NULL, POOL_VARCHAR, true}}, 2},
    {"q:8:reversed r:1 p",
     {{"q", NULL, POOL_INTEGER, true}, {"p", NULL, POOL_BLOB, true}, {"r", NULL, POOL_BOOLEAN, true}},
     3},
    {"\"v|\" p:ordered q:ordered_desc", {{"p", NULL, POOL_VARCHAR, true}, {"q", NULL, POOL_DOUBLE, true}}, 2},
    {"-:1 p \"|\" q:8", {{"p", NULL, POOL_VARCHAR, true}, {"q", NULL, POOL_TIMESTAMP, true}}, 2},
};

#define ROW_COUNT 40
#define COLUMN_COUNT_MAX (CELL_COLUMN_COUNT + 3)

struct world {
    struct scene scene;
    struct column columns[COLUMN_COUNT_MAX];
    size_t column_count;
    struct ps_bytes keys[ROW_COUNT];
    struct ps_bytes cells[ROW_COUNT][COLUMN_COUNT_MAX]; /* by cell of the mapping */
};

static size_t count_of(const char *const *texts, size_t max) {
    size_t count = 0;
    while (count < max && texts[count] != NULL) {
        count++;
    }
    return count;
}

static void add_sql_value(struct ps_buffer *sql, const struct pool *pool, const char *value) {
    if (value == NULL) {
        ps_buffer_text(sql, "NULL");
    } else if (strcmp(pool->type, "BLOB") == 0) {
        ps_buffer_text(sql, "from_hex('");
        for (const char *at = value; *at != '\0'; at++) {
            ps_buffer_printf(sql, "%02x", (unsigned)(unsigned char)*at);
        }
        ps_buffer_text(sql, "')");
    } else {
        ps_buffer_sql_literal(sql, value);
        ps_buffer_printf(sql, "::%s", pool->type);
    }
}

/* In `later` some cells were given before: the record of a later pass lacks them. */
static void make_row(struct world *world, size_t row, struct ps_buffer *sql, struct ps_buffer *later) {
    struct scene *scene = &world->scene;
    struct ps_bytes values[COLUMN_COUNT_MAX] = {{NULL, 0}};
    ps_buffer_printf(sql, "INSERT INTO source VALUES (%zu", row);
    ps_buffer_printf(later, "INSERT INTO later VALUES (%zu", row);
    for (size_t i = 0; i < world->column_count; i++) {
        const struct pool *pool = &pools[world->columns[i].pool];
        const bool is_reversed = strcmp(world->columns[i].name, "rl") == 0 ||
                                 (world->columns[i].is_key && pool == &pools[POOL_INTEGER]);
        const char *value = pool->values[draw(count_of(pool->values, 12))];
        value = is_reversed && value[0] == '-' ? "7" : value;
        value = !world->columns[i].is_key && draw(5) == 0 ? NULL : value;
        value = world->columns[i].is_key && value[0] == '\0' && world->column_count == CELL_COLUMN_COUNT + 1
                    ? "c"
                    : value;
        value = world->columns[i].is_key && strcmp(value, "nan") == 0 ? "1.0" : value;
        ps_buffer_text(sql, ", ");
        add_sql_value(sql, pool, value);
        ps_buffer_text(later, ", ");
        add_sql_value(later, pool, world->columns[i].is_key || draw(3) > 0 ? value : NULL);
        values[i] = (struct ps_bytes){value, value == NULL ? 0 : strlen(value)};
        const struct ps_hbase_field *field = &scene->mapping->fields[i];
        if (field->place != PS_HBASE_IN_CELL) {
            continue;
        }
        struct ps_buffer bytes;
        ps_buffer_init(&bytes, 1000);
        ps_buffer_text(&bytes, "");
        if (value != NULL &&
            ps_hbase_value_encode(scene->mapping, field, values[i], &bytes, &scene->error) != PENSTOCK_OK) {
            fail_msg("%s: %s", world->columns[i].name, scene->error.message);
        }
        const char *copy = ps_arena_copy_size(scene->arena, bytes.data == NULL ? "" : bytes.data, bytes.size);
        world->cells[row][field->cell] = (struct ps_bytes){value == NULL ? NULL : copy, bytes.size};
        ps_buffer_done(&bytes);
    }
    ps_buffer_text(sql, ");\n");
    ps_buffer_text(later, ");\n");
    struct ps_buffer key;
    ps_buffer_init(&key, 1000);
    const bool has_salt = scene->mapping->part_count > 0 && scene->mapping->parts[0].name == NULL &&
                          scene->mapping->parts[0].literal.size == 0;
    if (has_salt) { /* no one but a reader can have such a key: part by part */
        ps_buffer_text(&key, "s");
        ps_buffer_add(&key, values[CELL_COLUMN_COUNT].data, values[CELL_COLUMN_COUNT].size);
        ps_buffer_text(&key, "|");
        assert_int_equal(ps_hbase_value_encode(scene->mapping, &scene->mapping->fields[CELL_COLUMN_COUNT + 1],
                                               values[CELL_COLUMN_COUNT + 1], &key, &scene->error),
                         PENSTOCK_OK);
    } else if (ps_hbase_key_encode(scene->mapping, values, &key, &scene->error) != PENSTOCK_OK) {
        fail_msg("%s", scene->error.message);
    }
    world->keys[row] = (struct ps_bytes){ps_arena_copy_size(scene->arena, key.data, key.size), key.size};
    ps_buffer_done(&key);
}

static void open_world(struct world *world, const struct layout *layout) {
    struct ps_buffer columns, mapping, sql, later;
    *world = (struct world){.column_count = CELL_COLUMN_COUNT + layout->key_count};
    ps_buffer_init(&columns, 10000);
    ps_buffer_init(&mapping, 10000);
    ps_buffer_init(&sql, 1 << 20);
    ps_buffer_init(&later, 1 << 20);
    ps_buffer_text(&sql, "CREATE OR REPLACE TABLE source (rid INTEGER");
    for (size_t i = 0; i < world->column_count; i++) {
        const struct column *column =
            i < CELL_COLUMN_COUNT ? &cell_columns[i] : &layout->keys[i - CELL_COLUMN_COUNT];
        world->columns[i] = *column;
        ps_buffer_printf(&columns, "%s%s %s", i > 0 ? "; " : "", column->name, pools[column->pool].type);
        ps_buffer_printf(&sql, ", %s %s", column->name, pools[column->pool].type);
        if (column->place != NULL) {
            ps_buffer_printf(&mapping, "%s%s %s", mapping.size > 0 ? ", " : "", column->name, column->place);
        }
    }
    ps_buffer_text(&sql, ");\nCREATE OR REPLACE TABLE later AS FROM source;\n");
    scene_begin(&world->scene, columns.data, mapping.data, layout->rowkey, NULL);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        make_row(world, i, &sql, &later);
    }
    ps_buffer_text(&sql, later.data);
    if (ps_sql_run(connection, sql.data, &world->scene.error) != PENSTOCK_OK) {
        fail_msg("%s\n%s", world->scene.error.message, sql.data);
    }
    ps_buffer_done(&columns);
    ps_buffer_done(&mapping);
    ps_buffer_done(&sql);
    ps_buffer_done(&later);
}

static void add_leaf(const struct world *world, struct ps_buffer *out) {
    static const char *const signs[] = {"<", "<=", "=", "<>", ">=", ">"};
    const bool is_key = draw(3) == 0;
    const size_t at =
        is_key ? CELL_COLUMN_COUNT + draw(world->column_count - CELL_COLUMN_COUNT) : draw(CELL_COLUMN_COUNT);
    const char *name = world->columns[at].name;
    const struct pool *pool = &pools[world->columns[at].pool];
    const size_t count = count_of(pool->constants, 14);
    const char *one = pool->constants[draw(count)], *other = pool->constants[draw(count)];
    switch (draw(12)) {
    case 0: ps_buffer_printf(out, "%s IS NULL", name); break;
    case 1: ps_buffer_printf(out, "%s IS NOT NULL", name); break;
    case 2: ps_buffer_printf(out, "%s IN (%s, %s)", name, one, other); break;
    case 3: ps_buffer_printf(out, "%s NOT IN (%s, %s)", name, one, other); break;
    case 4: ps_buffer_printf(out, "%s BETWEEN %s AND %s", name, one, other); break;
    case 5:
        if (strcmp(pool->type, "VARCHAR") == 0) {
            static const char *const patterns[] = {"a%", "ab%", "a%b", "_b%", "a", "%", "\xC3\xA9%"};
            ps_buffer_printf(out, "%s %sLIKE '%s'", name, draw(4) == 0 ? "NOT " : "", patterns[draw(7)]);
            break;
        }
        ps_buffer_printf(out, "%s %s %s", one, signs[draw(6)], name);
        break;
    default: ps_buffer_printf(out, "%s %s %s", name, signs[draw(6)], one); break;
    }
}

/* Two levels of AND and OR. */
static void add_condition(const struct world *world, struct ps_buffer *out) {
    const size_t outer = 1 + draw(3);
    const bool is_and = draw(2) == 0;
    for (size_t i = 0; i < outer; i++) {
        const size_t inner = draw(3) == 0 ? 1 + draw(3) : 1;
        ps_buffer_printf(out, "%s%s(", i > 0 ? is_and ? " AND " : " OR " : "", draw(6) == 0 ? "NOT " : "");
        for (size_t j = 0; j < inner; j++) {
            ps_buffer_text(out, j > 0 ? is_and ? " OR " : " AND " : "");
            add_leaf(world, out);
        }
        ps_buffer_text(out, ")");
    }
}

static bool row_passes(const struct filter_world *filters, const struct world *world,
                       const struct ps_hbase_pushdown *pushdown, bool is_first_pass, size_t row) {
    struct ps_hbase_range range = {.time_max = INT64_MAX};
    struct ps_bytes values[COLUMN_COUNT_MAX];
    if (!ps_hbase_pushdown_apply(pushdown, is_first_pass, &range)) {
        return false;
    }
    bool is_any_there = false;
    for (size_t i = 0; i < range.column_count; i++) {
        for (size_t c = 0; c < world->scene.mapping->cell_count; c++) {
            const struct ps_hbase_column *cell = &world->scene.mapping->cells[c];
            if (ps_bytes_equal(cell->family, range.columns[i].family) &&
                ps_bytes_equal(cell->qualifier, range.columns[i].qualifier)) {
                values[i] = world->cells[row][c];
                is_any_there = is_any_there || values[i].data != NULL;
            }
        }
    }
    const struct ps_hbase_span span = {.low = range.start_row,
                                       .low_is_open = range.start_is_exclusive,
                                       .high = range.stop_row,
                                       .has_high = range.stop_row.size > 0,
                                       .high_is_in = range.stop_is_inclusive};
    const struct filtered_row filtered = {world->keys[row], range.columns, values, range.column_count};
    return is_any_there && ps_hbase_span_has(&span, world->keys[row]) &&
           passes(filters, range.filter_class, range.filter, &filtered);
}

static bool has_cells(const struct world *world, size_t row) {
    for (size_t i = 0; i < world->scene.mapping->cell_count; i++) {
        if (world->cells[row][i].data != NULL) {
            return true;
        }
    }
    return false;
}

struct tally {
    size_t condition_count, row_count, sent_count, wrong_count, skipped_count;
};

/* Rows that DuckDB takes; false: it refuses the condition, which would not be in any statement then. */
static bool ask_duckdb(struct world *world, const char *table, const char *condition, bool *is_taken) {
    struct ps_result *result = NULL;
    if (ps_sql_queryf(connection, &result, &world->scene.error, "SELECT rid FROM %s WHERE %s", table,
                      condition) != PENSTOCK_OK) {
        return false;
    }
    memset(is_taken, 0, ROW_COUNT);
    for (int64_t i = 0; i < ps_result_row_count(result); i++) {
        is_taken[ps_result_integer(result, i, 0)] = true;
    }
    ps_result_free(result);
    return true;
}

static void try_condition(struct world *world, const char *condition, const struct filter_world *filters,
                          struct tally *tally) {
    bool is_taken[ROW_COUNT], is_taken_later[ROW_COUNT], is_used[COLUMN_COUNT_MAX];
    if (!ask_duckdb(world, "source", condition, is_taken) ||
        !ask_duckdb(world, "later", condition, is_taken_later)) {
        tally->skipped_count++;
        return;
    }
    struct ps_source_use use = {.column_is_used = is_used, .rows = read_condition(&world->scene, condition)};
    for (size_t i = 0; i < world->column_count; i++) {
        is_used[i] = draw(3) == 0;
        for (size_t j = 0; j < use.rows.count; j++) {
            is_used[i] = is_used[i] || use.rows.items[j].column == i;
        }
    }
    const struct ps_hbase_pushdown *pushdown = push(&world->scene, &use);
    tally->condition_count++;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const bool is_sent = row_passes(filters, world, pushdown, true, i);
        tally->row_count += has_cells(world, i);
        tally->sent_count += is_sent;
        if (is_taken[i] && !is_sent && has_cells(world, i)) {
            tally->wrong_count++;
            if (!filters->is_off_by_one) {
                print_error("row %zu is lost by %s: pushed %s\n", i, condition, pushdown->shown.filter);
            }
        }
    }
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (is_taken_later[i] && has_cells(world, i) && !row_passes(filters, world, pushdown, false, i)) {
            tally->wrong_count++;
            if (!filters->is_off_by_one) {
                print_error("row %zu is lost in a later pass by %s\n", i, condition);
            }
        }
    }
    /* what is pushed as scan.filter is pushed exactly */
    const struct ps_hbase_pushdown_request request = {.mapping = world->scene.mapping,
                                                      .statement = &plain,
                                                      .filter = condition,
                                                      .versions = 1,
                                                      .is_snapshot = true};
    if (draw(20) != 0 ||
        ps_hbase_pushdown_new(&request, world->scene.arena, &pushdown, &world->scene.error) != PENSTOCK_OK) {
        return;
    }
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (row_passes(filters, world, pushdown, true, i) != (is_taken[i] && has_cells(world, i))) {
            tally->wrong_count++;
            if (!filters->is_off_by_one) {
                print_error("row %zu is wrong with scan.filter = '%s'\n", i, condition);
            }
        }
    }
}

static struct tally try_conditions(const struct filter_world *filters, size_t count) {
    struct tally tally = {0};
    random_state = 88172645463325252;
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        struct world *world = ps_allocate(1, sizeof *world);
        assert_non_null(world);
        open_world(world, &layouts[i]);
        for (size_t j = 0; j < count; j++) {
            struct ps_buffer condition;
            ps_buffer_init(&condition, 10000);
            add_condition(world, &condition);
            try_condition(world, condition.data, filters, &tally);
            ps_buffer_done(&condition);
        }
        scene_end(&world->scene);
        ps_release(world);
    }
    return tally;
}

static void test_random(void **state) {
    (void)state;
    const struct filter_world right = {.is_off_by_one = false};
    const struct tally tally = try_conditions(&right, 120);
    assert_int_equal(tally.wrong_count, 0);
    assert_true(tally.condition_count > 600);
    assert_true(tally.sent_count * 10 < tally.row_count * 8); /* it is of use */
    print_message("%zu conditions (%zu refused), %zu of %zu rows sent\n", tally.condition_count,
                  tally.skipped_count, tally.sent_count, tally.row_count);
}

static void test_canary(void **state) {
    (void)state;
    const struct filter_world wrong = {.is_off_by_one = true};
    assert_true(try_conditions(&wrong, 20).wrong_count > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random), cmocka_unit_test(test_canary)};
    return cmocka_run_group_tests(tests, begin, end);
}
