/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_source_words.c - what a CREATE SOURCE with connector = 'hbase' says, understood and checked.
 *
 * Everything that can be wrong without a server is found here, so that `penstock check` says it: keys, times, versions,
 * and what does not go together with FORMAT UPSERT or INCLUDE.
 */
#include "connect/hbase_source.h"
#include "data/value.h"
#include "hbase/region.h"

#define VERSION_COUNT_MAX INT32_MAX

static penstock_code wrong(struct penstock_error *error, const char *name, const char *value,
                           const char *hint) {
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s = '%s' cannot be understood", name, value);
    return ps_error_hint(error, "%s", hint);
}

/* --- keys and times ------------------------------------------------------------------------------------------ */

static penstock_code read_keys(const struct ps_hbase_source_config *config, struct ps_arena *arena,
                               struct ps_hbase_words *words, struct penstock_error *error) {
    const char *const start = config->start_row != NULL ? config->start_row : "";
    const char *const stop = config->stop_row != NULL ? config->stop_row : "";
    PS_TRY(ps_hbase_spell(start, arena, &words->start_row, error));
    PS_TRY(ps_hbase_spell(stop, arena, &words->stop_row, error));
    if (words->start_row.size > PS_HBASE_ROW_SIZE_MAX || words->stop_row.size > PS_HBASE_ROW_SIZE_MAX) {
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT, "a row key of HBase has at most %d bytes",
                            PS_HBASE_ROW_SIZE_MAX);
    }
    if (words->stop_row.size > 0 && ps_hbase_compare(words->start_row, words->stop_row) >= 0) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                           "there is no row between scan.startrow '%s' and scan.stoprow '%s'", start, stop);
        return ps_error_hint(error,
                             "keys are compared byte by byte; scan.stoprow is the first that is not read");
    }
    return PENSTOCK_OK;
}

static bool read_time(struct ps_bytes text, int64_t *ms_out) {
    int64_t us = 0, ms = 0;
    if (ps_value_of_text(PS_TYPE_BIGINT, text, &ms, 0) == PS_VALUE_OK) {
        *ms_out = ms;
    } else if (ps_value_of_text(PS_TYPE_TIMESTAMP, text, &us, 0) == PS_VALUE_OK && us >= 0) {
        *ms_out = us / 1000;
    } else {
        return false;
    }
    return *ms_out >= 0;
}

static bool is_blank(struct ps_bytes text) {
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != ' ') {
            return false;
        }
    }
    return true;
}

static penstock_code read_times(const struct ps_hbase_source_config *config, struct ps_hbase_words *words,
                                struct penstock_error *error) {
    static const char hint[] =
        "two times with a comma, the second is the first that is not read; either may be left out: "
        "'2026-01-31 12:00:00,' (UTC, or with a zone) or '1700000000000,1800000000000' (milliseconds since 1970)";
    words->time_min = 0;
    words->time_max = INT64_MAX;
    if (config->time_range == NULL || config->time_range[0] == '\0') {
        return PENSTOCK_OK;
    }
    const char *const comma = strchr(config->time_range, ',');
    if (comma == NULL) {
        return wrong(error, "scan.timerange", config->time_range, hint);
    }
    const struct ps_bytes least = {config->time_range, (size_t)(comma - config->time_range)};
    const struct ps_bytes end = ps_bytes_of(comma + 1);
    if ((!is_blank(least) && !read_time(least, &words->time_min)) ||
        (!is_blank(end) && !read_time(end, &words->time_max)) || words->time_min >= words->time_max) {
        return wrong(error, "scan.timerange", config->time_range, hint);
    }
    return PENSTOCK_OK;
}

static penstock_code read_versions(const struct ps_hbase_source_config *config, struct ps_hbase_words *words,
                                   struct penstock_error *error) {
    if (strcmp(config->versions, "all") == 0) {
        words->versions = VERSION_COUNT_MAX;
        return PENSTOCK_OK;
    }
    if (!ps_parse_integer(config->versions, &words->versions) || words->versions < 1 ||
        words->versions > VERSION_COUNT_MAX) {
        return wrong(error, "scan.versions", config->versions,
                     "how many of each cell, newest first; or 'all'");
    }
    return PENSTOCK_OK;
}

/* --- what goes together --------------------------------------------------------------------------------------- */

static penstock_code check_upsert(const struct ps_source_statement *statement,
                                  const struct ps_hbase_words *words, struct penstock_error *error) {
    if (words->versions != 1) {
        (void)ps_error_set(
            error, PENSTOCK_INVALID_PROJECT,
            "FORMAT UPSERT keeps the newest row of each key, scan.versions gives older ones too");
        return ps_error_hint(error, "leave scan.versions out, or write FORMAT PLAIN");
    }
    for (size_t i = 0; i < statement->primary_key_count; i++) {
        const size_t column = statement->primary_key[i];
        const enum ps_hbase_place kind =
            column < words->mapping->field_count ? words->mapping->fields[column].place : PS_HBASE_IN_CELL;
        if (kind != PS_HBASE_IN_KEY && kind != PS_HBASE_IN_KEY_PART) {
            (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                               "column %s of the primary key is not of the row key",
                               statement->schema.columns[column].name);
            return ps_error_hint(error, "a row of HBase is told by its row key: map the column with rowkey = "
                                        "'...' or mapping = 'column :key'");
        }
    }
    return PENSTOCK_OK;
}

static penstock_code check_statement(const struct ps_source_statement *statement,
                                     struct ps_hbase_words *words, struct penstock_error *error) {
    for (size_t i = 0; i < statement->include_count; i++) {
        const enum ps_include_kind kind = statement->includes[i].kind;
        if (kind != PS_INCLUDE_KEY && kind != PS_INCLUDE_OFFSET && kind != PS_INCLUDE_TIMESTAMP) {
            (void)ps_error_set(
                error, PENSTOCK_INVALID_PROJECT,
                "a row of HBase has a key, an offset and a timestamp to INCLUDE, nothing else");
            return ps_error_hint(error, "INCLUDE key AS k, INCLUDE timestamp AS t, INCLUDE offset AS n");
        }
    }
    if (statement->format == PS_FORMAT_DEBEZIUM) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                           "connector 'hbase' reads FORMAT PLAIN and FORMAT UPSERT, not FORMAT DEBEZIUM");
        return ps_error_hint(error, "FORMAT UPSERT with a PRIMARY KEY keeps the newest row of each key");
    }
    words->is_upsert = statement->format == PS_FORMAT_UPSERT;
    return words->is_upsert ? check_upsert(statement, words, error) : PENSTOCK_OK;
}

/* A mapping of row keys and times alone needs no values; of row keys alone, in one pass, no second cell. */
static void look_at_needs(struct ps_hbase_words *words) {
    bool needs_time = false;
    for (size_t i = 0; i < words->mapping->field_count; i++) {
        needs_time = needs_time || words->mapping->fields[i].place == PS_HBASE_IN_TIMESTAMP;
    }
    words->needs_keys_only = words->mapping->cell_count == 0;
    words->needs_first_only =
        words->needs_keys_only && !needs_time && words->is_snapshot && words->versions == 1;
}

static penstock_code make_pushdown(const struct ps_source_setup *setup,
                                   const struct ps_hbase_source_config *config, struct ps_arena *arena,
                                   struct ps_hbase_words *words, struct penstock_error *error) {
    const struct ps_hbase_pushdown_request request = {
        .mapping = words->mapping,
        .statement = setup->statement,
        .use = config->pushes_down ? setup->use : NULL,
        .filter = config->filter != NULL && config->filter[0] != '\0' ? config->filter : NULL,
        .versions = words->versions,
        .is_snapshot = words->is_snapshot,
        .is_upsert = words->is_upsert,
        .base = ps_hbase_source_filter(words)};
    return ps_hbase_pushdown_new(&request, arena, &words->pushdown, error);
}

penstock_code ps_hbase_words_read(const struct ps_source_setup *setup,
                                  const struct ps_hbase_source_config *config,
                                  const struct ps_hbase_mapping *mapping, struct ps_arena *arena,
                                  struct ps_hbase_words *words_out, struct penstock_error *error) {
    struct ps_hbase_words words = {.mapping = mapping,
                                   .is_snapshot = strcmp(config->mode, "snapshot") == 0,
                                   .overlap_ms = config->overlap_ms,
                                   .interval_ms = config->interval_ms,
                                   .caching = config->caching};
    const penstock_code code = ps_hbase_table_name(config->table, arena, &words.table, error);
    if (code == PENSTOCK_INVALID_ARGUMENT && error != NULL) {
        error->code = PENSTOCK_INVALID_PROJECT;
    }
    PS_TRY(code == PENSTOCK_INVALID_ARGUMENT ? PENSTOCK_INVALID_PROJECT : code);
    PS_TRY(read_keys(config, arena, &words, error));
    PS_TRY(read_times(config, &words, error));
    PS_TRY(read_versions(config, &words, error));
    PS_TRY(check_statement(setup->statement, &words, error));
    look_at_needs(&words);
    PS_TRY(make_pushdown(setup, config, arena, &words, error));
    *words_out = words;
    return PENSTOCK_OK;
}
