/* SPDX-License-Identifier: Apache-2.0
 *
 * region.c - hbase:meta read, and what it said kept.
 *
 * A row of hbase:meta is named TABLE,START KEY,ID.HASH. and sorted by a comparator of its own: by table, then key, then
 * id. The region of a row is therefore the first one that a reversed scan from TABLE,ROW,: meets, ':' being greater
 * than any digit of an id.
 */
#include "hbase/region.h"

#include <ctype.h>

#include "base/check.h"

#define META_REGION "hbase:meta,,1"
#define META_TABLE "hbase:meta"
#define META_ROW_SIZE_MAX ((size_t)1 << 17)
/* Of one answer of hbase:meta. */
#define META_ROW_COUNT 1000
/* Beside the region itself: those that a split or a merge has left behind. */
#define LOCATE_ROW_COUNT 5
/* A region that is not where it should be so often in a row: perhaps its table is disabled. */
#define ATTEMPTS_OF_A_MOVE 2
#define TABLE_STATE_DISABLED 1
#define TABLE_STATE_DISABLING 2

struct ps_hbase_region *ps_hbase_region_hold(struct ps_hbase_region *region) {
    region->references++;
    return region;
}

void ps_hbase_region_release(struct ps_hbase_region *region) {
    if (region != NULL && --region->references == 0) {
        ps_release(region);
    }
}

void ps_hbase_region_release_scoped(struct ps_hbase_region **region) {
    ps_hbase_region_release(*region);
}

static struct ps_bytes put_bytes(char **at, struct ps_bytes bytes) {
    char *const start = *at;
    if (bytes.size > 0) {
        memcpy(start, bytes.data, bytes.size);
    }
    *at += bytes.size;
    return (struct ps_bytes){start, bytes.size};
}

/* A copy in one piece of memory; held once. NULL when out of memory. */
static struct ps_hbase_region *copy_region(const struct ps_hbase_region *region, struct ps_arena *arena) {
    const size_t size = sizeof *region + region->table.size + region->name.size + region->start_key.size +
                        region->end_key.size;
    struct ps_hbase_region *const copy =
        arena == NULL ? ps_allocate(1, size) : ps_arena_allocate(arena, 1, size);
    if (copy != NULL) {
        *copy = *region;
        char *at = (char *)(copy + 1);
        copy->table = put_bytes(&at, region->table);
        copy->name = put_bytes(&at, region->name);
        copy->start_key = put_bytes(&at, region->start_key);
        copy->end_key = put_bytes(&at, region->end_key);
        copy->references = 1;
    }
    return copy;
}

/* --- the rows of hbase:meta ------------------------------------------------------------------------------ */

/* PBUF + RegionInfo{region_id, table_name{namespace, qualifier}, start_key, end_key, offline, split, replica_id} */
static bool parse_region_info(struct ps_bytes value, struct ps_hbase_region *region) {
    if (value.size < 4 || memcmp(value.data, "PBUF", 4) != 0) {
        return false;
    }
    struct ps_proto_reader reader = ps_proto_begin((struct ps_bytes){value.data + 4, value.size - 4});
    struct ps_proto_field field;
    while (ps_proto_next(&reader, &field)) {
        if (field.number == 3 && field.wire == PS_PROTO_BYTES) {
            region->start_key = field.bytes;
        } else if (field.number == 4 && field.wire == PS_PROTO_BYTES) {
            region->end_key = field.bytes;
        } else if (field.number == 5) {
            region->is_offline = field.value != 0;
        } else if (field.number == 6) {
            region->is_split = field.value != 0;
        }
    }
    return !reader.is_damaged;
}

bool ps_hbase_region_parse(const struct ps_hbase_row *row, struct ps_hbase_region *region_out) {
    struct ps_hbase_region region = {.name = row->key, .start_key = PS_BYTES(""), .end_key = PS_BYTES("")};
    bool has_info = false;
    const char *const comma = memchr(row->key.data, ',', row->key.size);
    if (comma == NULL) {
        return false;
    }
    region.table = (struct ps_bytes){row->key.data, (size_t)(comma - row->key.data)};
    for (size_t i = 0; i < row->cell_count; i++) {
        const struct ps_hbase_cell *const cell = &row->cells[i];
        if (ps_bytes_equal(cell->qualifier, PS_BYTES("regioninfo"))) {
            has_info = parse_region_info(cell->value, &region);
        } else if (ps_bytes_equal(cell->qualifier, PS_BYTES("server")) && cell->value.size > 0 &&
                   !ps_hbase_address_parse(cell->value, 0, &region.server)) {
            return false;
        }
    }
    if (has_info) {
        *region_out = region;
    }
    return has_info;
}

struct meta_answer {
    struct ps_hbase_answer answer;
    struct ps_hbase_rows rows;
};

static void meta_answer_done(struct meta_answer *meta) {
    ps_hbase_answer_done(&meta->answer);
    ps_hbase_rows_done(&meta->rows);
}

/* One call to hbase:meta, one answer. */
static penstock_code ask_meta(struct ps_hbase *client, const struct ps_hbase_range *range, int64_t row_count,
                              struct meta_answer *meta, struct ps_hbase_fault *fault,
                              struct penstock_error *error) {
    struct ps_hbase_address server;
    struct ps_buffer message PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&message, PS_HBASE_MESSAGE_SIZE_MAX);
    PS_TRY(ps_hbase_meta(client, &server, fault, error));
    ps_hbase_add_scan_open(&message, PS_BYTES(META_REGION), range, row_count, true);
    ps_hbase_count(client)->lookups++;
    const penstock_code code = ps_hbase_call(client, &server, PS_HBASE_CLIENT_SERVICE, "Scan", &message,
                                             &meta->answer, fault, error);
    if (code != PENSTOCK_OK) {
        ps_hbase_forget_servers(client);
        return code;
    }
    *fault = (struct ps_hbase_fault){.cure = PS_HBASE_CURE_NONE};
    return ps_hbase_rows_parse(&meta->rows, meta->answer.message, meta->answer.cells, error);
}

static penstock_code transient(const char *table, const char *words, struct ps_hbase_fault *fault,
                               struct penstock_error *error) {
    *fault = (struct ps_hbase_fault){.cure = PS_HBASE_CURE_AGAIN};
    return ps_error_set(error, PENSTOCK_UNAVAILABLE, "HBase: %s of table %s", words, table);
}

static bool holds(const struct ps_hbase_region *region, struct ps_bytes row) {
    return ps_hbase_compare(region->start_key, row) <= 0 &&
           (region->end_key.size == 0 || ps_hbase_compare(row, region->end_key) < 0);
}

/* TABLE,ROW,: down to TABLE,, */
static void locate_bounds(const char *table, struct ps_bytes row, struct ps_buffer *from,
                          struct ps_buffer *to) {
    ps_buffer_init(from, META_ROW_SIZE_MAX);
    ps_buffer_init(to, META_ROW_SIZE_MAX);
    ps_buffer_printf(from, "%s,", table);
    if (row.size > 0) {
        ps_buffer_add(from, row.data, row.size);
    }
    ps_buffer_text(from, ",:");
    ps_buffer_printf(to, "%s,,", table);
}

static const struct ps_hbase_column info_columns[] = {
    {.family = {"info", 4}, .qualifier = {"regioninfo", 10}},
    {.family = {"info", 4}, .qualifier = {"server", 6}}};

static penstock_code look_up(struct ps_hbase *client, const char *table, struct ps_bytes row,
                             struct ps_hbase_region **region_out, struct ps_hbase_fault *fault,
                             struct penstock_error *error) {
    struct meta_answer meta PS_SCOPED(meta_answer_done) = {.rows = {.counts = NULL}};
    struct ps_buffer from PS_SCOPED(ps_buffer_done) = {.data = NULL},
                          to PS_SCOPED(ps_buffer_done) = {.data = NULL};
    locate_bounds(table, row, &from, &to);
    PS_TRY(ps_buffer_status(&from, error));
    PS_TRY(ps_buffer_status(&to, error));
    const struct ps_hbase_range range = {.start_row = {from.data, from.size},
                                         .stop_row = {to.data, to.size},
                                         .is_reversed = true,
                                         .columns = info_columns,
                                         .column_count = 2};
    PS_TRY(ask_meta(client, &range, LOCATE_ROW_COUNT, &meta, fault, error));
    bool is_any = false;
    for (;;) {
        struct ps_hbase_row found;
        struct ps_hbase_region region;
        PS_TRY(ps_hbase_rows_next(&meta.rows, &found, error));
        if (found.cell_count == 0) {
            break;
        }
        is_any = true;
        if (!ps_hbase_region_parse(&found, &region) || region.is_split || region.is_offline ||
            !holds(&region, row)) {
            continue;
        }
        if (region.server.port == 0) {
            return transient(table, "no server has the region", fault, error);
        }
        *region_out = copy_region(&region, NULL);
        return *region_out == NULL ? ps_error_memory(error, "a region of HBase") : PENSTOCK_OK;
    }
    if (is_any || meta.rows.is_heartbeat) {
        return transient(table, "there is no region for a row", fault, error);
    }
    (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "HBase has no table %s", table);
    return ps_error_hint(error, "penstock hbase tables lists those there are");
}

/* --- what is known ----------------------------------------------------------------------------------------- */

static int compare_place(const struct ps_hbase_region *region, struct ps_bytes table, struct ps_bytes row) {
    const int order = ps_hbase_compare(region->table, table);
    return order != 0 ? order : ps_hbase_compare(region->start_key, row);
}

/* How many regions start at or before the row. */
static size_t place_of(const struct ps_hbase_region_cache *cache, struct ps_bytes table,
                       struct ps_bytes row) {
    size_t low = 0, high = cache->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (compare_place(cache->items[middle], table, row) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void remove_at(struct ps_hbase_region_cache *cache, size_t index) {
    ps_hbase_region_release(cache->items[index]);
    cache->count--;
    memmove(cache->items + index, cache->items + index + 1,
            (cache->count - index) * sizeof(struct ps_hbase_region *));
}

static bool overlap(const struct ps_hbase_region *left, const struct ps_hbase_region *right) {
    return ps_bytes_equal(left->table, right->table) &&
           (right->end_key.size == 0 || ps_hbase_compare(left->start_key, right->end_key) < 0) &&
           (left->end_key.size == 0 || ps_hbase_compare(right->start_key, left->end_key) < 0);
}

static penstock_code remember(struct ps_hbase_region_cache *cache, struct ps_hbase_region *region,
                              struct penstock_error *error) {
    void *items = cache->items;
    PS_TRY(ps_grow(&items, &cache->capacity, cache->count + 1, sizeof(struct ps_hbase_region *), error));
    cache->items = items;
    size_t at = place_of(cache, region->table, region->start_key);
    while (at > 0 && overlap(cache->items[at - 1], region)) {
        remove_at(cache, --at);
    }
    while (at < cache->count && overlap(cache->items[at], region)) {
        remove_at(cache, at);
    }
    memmove(cache->items + at + 1, cache->items + at, (cache->count - at) * sizeof(struct ps_hbase_region *));
    cache->items[at] = ps_hbase_region_hold(region);
    cache->count++;
    return PENSTOCK_OK;
}

void ps_hbase_region_cache_done(struct ps_hbase_region_cache *cache) {
    while (cache->count > 0) {
        remove_at(cache, cache->count - 1);
    }
    ps_release(cache->items);
}

static penstock_code meta_itself(struct ps_hbase *client, struct ps_hbase_region **region_out,
                                 struct ps_hbase_fault *fault, struct penstock_error *error) {
    struct ps_hbase_region region = {.table = PS_BYTES(META_TABLE),
                                     .name = PS_BYTES(META_REGION),
                                     .start_key = PS_BYTES(""),
                                     .end_key = PS_BYTES("")};
    PS_TRY(ps_hbase_meta(client, &region.server, fault, error));
    *region_out = copy_region(&region, NULL);
    return *region_out == NULL ? ps_error_memory(error, "a region of HBase") : PENSTOCK_OK;
}

penstock_code ps_hbase_locate(struct ps_hbase *client, const char *table, struct ps_bytes row,
                              struct ps_hbase_region **region_out, struct ps_hbase_fault *fault,
                              struct penstock_error *error) {
    struct ps_hbase_region_cache *const cache = ps_hbase_region_cache(client);
    const struct ps_bytes name = ps_bytes_of(table);
    *fault = (struct ps_hbase_fault){.cure = PS_HBASE_CURE_NONE};
    if (strcmp(table, META_TABLE) == 0) {
        return meta_itself(client, region_out, fault, error);
    }
    const size_t at = place_of(cache, name, row);
    if (at > 0 && ps_bytes_equal(cache->items[at - 1]->table, name) && holds(cache->items[at - 1], row)) {
        *region_out = ps_hbase_region_hold(cache->items[at - 1]);
        return PENSTOCK_OK;
    }
    struct ps_hbase_region *region PS_SCOPED(ps_hbase_region_release_scoped) = NULL;
    PS_TRY(look_up(client, table, row, &region, fault, error));
    PS_TRY(remember(cache, region, error));
    *region_out = ps_take(region);
    return PENSTOCK_OK;
}

/* --- a table that is disabled -------------------------------------------------------------------------------- */

static penstock_code check_state(struct ps_hbase *client, struct ps_bytes table, struct ps_hbase_fault *fault,
                                 struct penstock_error *error) {
    static const struct ps_hbase_column column = {.family = {"table", 5}, .qualifier = {"state", 5}};
    struct meta_answer meta PS_SCOPED(meta_answer_done) = {.rows = {.counts = NULL}};
    struct penstock_error ignored;
    struct ps_hbase_fault unimportant;
    struct ps_hbase_row row;
    const struct ps_hbase_range range = {.start_row = table,
                                         .stop_row = table,
                                         .stop_is_inclusive = true,
                                         .columns = &column,
                                         .column_count = 1};
    if (ask_meta(client, &range, 1, &meta, &unimportant, &ignored) != PENSTOCK_OK ||
        ps_hbase_rows_next(&meta.rows, &row, &ignored) != PENSTOCK_OK || row.cell_count == 0) {
        return PENSTOCK_OK; /* the error at hand says more */
    }
    struct ps_proto_reader reader = ps_proto_begin(row.cells[0].value);
    struct ps_proto_field field;
    while (ps_proto_next(&reader, &field)) {
        if (field.number == 1 &&
            (field.value == TABLE_STATE_DISABLED || field.value == TABLE_STATE_DISABLING)) {
            *fault = (struct ps_hbase_fault){.cure = PS_HBASE_CURE_NONE};
            (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "HBase's table %.*s is disabled",
                               (int)table.size, table.data);
            return ps_error_hint(error, "enable it in HBase first");
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_hbase_mislocated(struct ps_hbase *client, const struct ps_hbase_region *region,
                                  int64_t attempts, struct ps_hbase_fault *fault,
                                  struct penstock_error *error) {
    struct ps_hbase_region_cache *const cache = ps_hbase_region_cache(client);
    if (ps_bytes_equal(region->table, PS_BYTES(META_TABLE))) {
        ps_hbase_forget_servers(client);
        return PENSTOCK_OK;
    }
    const size_t at = place_of(cache, region->table, region->start_key);
    if (at > 0 && ps_bytes_equal(cache->items[at - 1]->name, region->name)) {
        remove_at(cache, at - 1);
    }
    return attempts == ATTEMPTS_OF_A_MOVE ? check_state(client, region->table, fault, error) : PENSTOCK_OK;
}

/* --- all of them ---------------------------------------------------------------------------------------------- */

struct region_list {
    struct ps_arena *arena;
    struct ps_hbase_region *items; /* in the arena: grown by copying */
    size_t count, capacity;
};

static bool list_add(struct region_list *list, const struct ps_hbase_region *region) {
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        struct ps_hbase_region *const grown = ps_arena_allocate(list->arena, capacity, sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        if (list->count > 0) {
            memcpy(grown, list->items, list->count * sizeof *grown);
        }
        list->items = grown;
        list->capacity = capacity;
    }
    const struct ps_hbase_region *const copy = copy_region(region, list->arena);
    if (copy != NULL) {
        list->items[list->count++] = *copy;
    }
    return copy != NULL;
}

/* One answer of hbase:meta, behind *last; *last is moved on. is_end: there is no more. */
static penstock_code list_some(struct ps_hbase *client, const char *table, struct region_list *list,
                               struct ps_buffer *last, bool *is_end, struct ps_hbase_fault *fault,
                               struct penstock_error *error) {
    struct meta_answer meta PS_SCOPED(meta_answer_done) = {.rows = {.counts = NULL}};
    struct ps_buffer stop PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&stop, META_ROW_SIZE_MAX);
    ps_buffer_printf(&stop, "%s ,,", table); /* the first place behind the table by meta's own order */
    const bool is_first = last->size == 0;
    if (is_first) {
        ps_buffer_printf(last, "%s,,", table);
    }
    PS_TRY(ps_buffer_status(last, error));
    const struct ps_hbase_range range = {.start_row = {last->data, last->size},
                                         .stop_row = {stop.data, stop.size},
                                         .start_is_exclusive = !is_first,
                                         .columns = info_columns,
                                         .column_count = 2};
    PS_TRY(ask_meta(client, &range, META_ROW_COUNT, &meta, fault, error));
    *is_end = meta.rows.row_count == 0 && !meta.rows.is_heartbeat;
    if (meta.rows.row_count == 0 && is_first) {
        ps_buffer_clear(last);
    }
    for (;;) {
        struct ps_hbase_row row;
        struct ps_hbase_region region;
        PS_TRY(ps_hbase_rows_next(&meta.rows, &row, error));
        if (row.cell_count == 0) {
            return PENSTOCK_OK;
        }
        ps_buffer_clear(last);
        ps_buffer_add(last, row.key.data, row.key.size);
        if (ps_hbase_region_parse(&row, &region) && ps_bytes_equal(region.table, ps_bytes_of(table)) &&
            !region.is_split && !region.is_offline && !list_add(list, &region)) {
            return ps_error_memory(error, "the regions of a table");
        }
    }
}

/* Do they cover all rows, each once? In the middle of a split or a merge what was read may be of two times. */
static bool covers_all(const struct region_list *list) {
    bool is_whole = list->count > 0 && list->items[0].start_key.size == 0;
    for (size_t i = 1; i < list->count && is_whole; i++) {
        is_whole = ps_bytes_equal(list->items[i - 1].end_key, list->items[i].start_key);
    }
    return is_whole && list->items[list->count - 1].end_key.size == 0;
}

static penstock_code list_all(struct ps_hbase *client, const char *table, struct region_list *list,
                              struct ps_hbase_fault *fault, struct penstock_error *error) {
    struct ps_buffer last PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&last, META_ROW_SIZE_MAX);
    bool is_end = false;
    list->count = 0;
    while (!is_end) {
        PS_TRY(list_some(client, table, list, &last, &is_end, fault, error));
    }
    if (list->count == 0) {
        struct ps_hbase_region *any PS_SCOPED(ps_hbase_region_release_scoped) = NULL;
        PS_TRY(look_up(client, table, PS_BYTES(""), &any, fault, error)); /* says what is the matter */
    }
    return covers_all(list) ? PENSTOCK_OK : transient(table, "a split or merge is under way", fault, error);
}

penstock_code ps_hbase_regions(struct ps_hbase *client, const char *table, struct ps_arena *arena,
                               struct ps_hbase_region **regions_out, size_t *count_out,
                               struct penstock_error *error) {
    struct ps_hbase_retry retry = ps_hbase_retry_begin(client);
    struct region_list list = {.arena = arena};
    struct ps_hbase_fault fault = {.cure = PS_HBASE_CURE_NONE};
    if (strcmp(table, META_TABLE) == 0) {
        struct ps_hbase_region *meta PS_SCOPED(ps_hbase_region_release_scoped) = NULL;
        while (meta_itself(client, &meta, &fault, error) != PENSTOCK_OK) {
            PS_TRY(ps_hbase_retry_wait(&retry, &fault, error));
        }
        if (!list_add(&list, meta)) {
            return ps_error_memory(error, "the regions of a table");
        }
    } else {
        while (list_all(client, table, &list, &fault, error) != PENSTOCK_OK) {
            PS_TRY(ps_hbase_retry_wait(&retry, &fault, error));
        }
    }
    *regions_out = list.items;
    *count_out = list.count;
    return PENSTOCK_OK;
}

penstock_code ps_hbase_table_name(const char *written, struct ps_arena *arena, const char **table_out,
                                  struct penstock_error *error) {
    bool is_name = written[0] != '\0' && strlen(written) < 1000;
    size_t colons = 0;
    for (const char *at = written; *at != '\0'; at++) {
        colons += *at == ':' ? 1 : 0;
        is_name = is_name &&
                  (isalnum((unsigned char)*at) || strchr("_-.:", *at) != NULL || (unsigned char)*at > 0x7F);
    }
    const char *const colon = strchr(written, ':');
    if (!is_name || colons > 1 || written[0] == ':' || (colon != NULL && colon[1] == '\0')) {
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "\"%s\" is no name of a table in HBase",
                           written);
        return ps_error_hint(
            error, "a name is letters, digits, '_', '-' and '.', with its namespace and ':' in front unless "
                   "that is default");
    }
    *table_out = ps_arena_copy(arena, strncmp(written, "default:", 8) == 0 ? written + 8 : written);
    return *table_out == NULL ? ps_error_memory(error, "the name of a table") : PENSTOCK_OK;
}
