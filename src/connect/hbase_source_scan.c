/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_source_scan.c - what is asked of the servers.
 *
 * The one place where a scan's options are made: the keys that are left of the partition, the pass's range of time, and
 * of both and of the mapping's columns what can be of use (hbase_pushdown.h).
 */
#include "connect/hbase_source.h"

static const char keys_only_class[] = "org.apache.hadoop.hbase.filter.KeyOnlyFilter";
static const char first_only_class[] = "org.apache.hadoop.hbase.filter.FirstKeyOnlyFilter";
static const char list_class[] = "org.apache.hadoop.hbase.filter.FilterList";
/* KeyOnlyFilter{len_as_val=1: false}; FirstKeyOnlyFilter has no fields */
static const char keys_only[] = "\x08\x00";
/* FilterList{operator=1: MUST_PASS_ALL, filters=2: {name=1, serialized_filter=2}, ...} of the two */
static const char both[] = "\x08\x01"
                           "\x12\x33\x0a\x31org.apache.hadoop.hbase.filter.FirstKeyOnlyFilter"
                           "\x12\x32\x0a\x2corg.apache.hadoop.hbase.filter.KeyOnlyFilter\x12\x02\x08\x00";

struct ps_hbase_filter ps_hbase_source_filter(const struct ps_hbase_words *words) {
    _Static_assert(sizeof keys_only_class - 1 == 0x2c, "the length in `both`");
    _Static_assert(sizeof first_only_class - 1 == 0x31, "the length in `both`");
    if (words->needs_first_only) {
        return (struct ps_hbase_filter){list_class, {both, sizeof both - 1}};
    }
    return words->needs_keys_only
               ? (struct ps_hbase_filter){keys_only_class, {keys_only, sizeof keys_only - 1}}
               : (struct ps_hbase_filter){NULL, {NULL, 0}};
}

void ps_hbase_source_scan_options(const struct ps_hbase_source *source, const struct ps_hbase_part *part,
                                  struct ps_hbase_scan_options *options_out) {
    const struct ps_hbase_words *const words = &source->words;
    const struct ps_hbase_stand *const stand = &part->stand;
    /* What a later pass would give, a snapshot must give itself: a cell may be overwritten before its row's turn. */
    const bool has_end = !words->is_snapshot && stand->to < words->time_max;
    const int64_t time_max = has_end ? stand->to : words->time_max;
    struct ps_hbase_scan_options options = {
        .table = words->table,
        .caching = words->caching,
        .is_one_of_many = true,
        .range = {.start_row =
                      stand->has_next ? (struct ps_bytes){stand->next.data, stand->next.size} : stand->start,
                  .start_is_exclusive = stand->has_next,
                  .stop_row = stand->stop,
                  .time_min = stand->from,
                  .time_max = time_max,
                  .versions = words->versions}};
    options.is_empty = !ps_hbase_pushdown_apply(words->pushdown, stand->pass == 0, &options.range);
    *options_out = options;
}

penstock_code ps_hbase_source_open_scan(struct ps_hbase_source *source, struct ps_hbase_part *part,
                                        bool *is_asked, struct penstock_error *error) {
    ps_hbase_source_scan_options(source, part, &part->scan_options);
    PS_TRY(ps_hbase_scan_open(source->client, &part->scan_options, &part->scan, error));
    *is_asked = *is_asked && ps_hbase_scan_begin(part->scan);
    return PENSTOCK_OK;
}

void ps_hbase_source_close_scan(struct ps_hbase_part *part) {
    ps_hbase_scan_close(part->scan);
    part->scan = NULL;
}
