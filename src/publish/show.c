/* SPDX-License-Identifier: Apache-2.0
 *
 * show.c - a version of a model as one JSON object: everything there is to know about it, for people and programs.
 *
 * The stored JSON (search, metrics, positions) is put in as it was written; coefficients come from the fitted
 * model itself, so that what is shown is what predicts.
 */
#include "publish/registry.h"

#include <inttypes.h>
#include <stdio.h>

#include "publish/history.h"
#include "model/predictor.h"
#include "publish/json.h"

enum show_column {
    NAME,
    VERSION,
    STATUS,
    CREATED,
    APPLICATION,
    STATEMENT,
    LABEL,
    POSITIONS,
    SEARCH,
    METRICS,
    CHECKSUM
};

struct showing {
    struct ps_connection *connection;
    const char *name;
    char version[24];
    yyjson_mut_doc *document;
    yyjson_mut_val *root;
};

/* A copy of object[name] of parsed JSON; null if it is not there. */
static void add_member(struct showing *show, yyjson_mut_val *object, const char *name, yyjson_val *value) {
    (void)yyjson_mut_obj_add_val(show->document, object, name,
                                 value == NULL ? yyjson_mut_null(show->document)
                                               : yyjson_val_mut_copy(show->document, value));
}

static penstock_code add_search(struct showing *show, const char *text, struct penstock_error *error) {
    yyjson_doc *parsed PS_SCOPED(ps_json_read_free_scoped) = NULL;
    PS_TRY(ps_json_parse(text, text == NULL ? 0 : strlen(text), &parsed, error));
    yyjson_val *search = yyjson_doc_get_root(parsed);
    yyjson_val *best = yyjson_arr_get(yyjson_obj_get(search, "cells"),
                                      (size_t)yyjson_get_uint(yyjson_obj_get(search, "best")));
    add_member(show, show->root, "search", search);
    add_member(show, show->root, "chosen", yyjson_obj_get(best, "parameters"));
    return PENSTOCK_OK;
}

static penstock_code add_metrics(struct showing *show, const char *text, struct penstock_error *error) {
    static const char *const names[] = {"holdout", "baseline", "training", "rows", "notes"};
    yyjson_doc *parsed PS_SCOPED(ps_json_read_free_scoped) = NULL;
    PS_TRY(ps_json_parse(text, text == NULL ? 0 : strlen(text), &parsed, error));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        add_member(show, show->root, names[i], yyjson_obj_get(yyjson_doc_get_root(parsed), names[i]));
    }
    return PENSTOCK_OK;
}

static void free_fitted(struct ps_fitted **fitted) {
    ps_fitted_free(*fitted);
}

static void add_feature(struct showing *show, yyjson_mut_val *list, const struct ps_fitted *fitted,
                        size_t feature, double number) {
    (void)yyjson_mut_obj_add(list, yyjson_mut_strcpy(show->document, ps_fitted_feature_name(fitted, feature)),
                             yyjson_mut_real(show->document, number));
}

/* What the model knows of each feature: coefficients of a sum, what trees gained by it. */
static penstock_code add_coefficients(struct showing *show, int64_t version, struct penstock_error *error) {
    struct ps_fitted *fitted PS_SCOPED(free_fitted) = NULL;
    PS_TRY(ps_registry_load(show->connection, show->name, version, &fitted, error));
    ps_json_add_text(show->document, show->root, "kind", ps_fitted_predictor(fitted)->type->kind);
    if (ps_fitted_has_coefficients(fitted)) {
        ps_json_add_number(show->document, show->root, "intercept", ps_fitted_intercept(fitted));
        yyjson_mut_val *coefficients = yyjson_mut_obj_add_obj(show->document, show->root, "coefficients");
        for (size_t i = 0; i < ps_fitted_feature_count(fitted); i++) {
            add_feature(show, coefficients, fitted, i, ps_fitted_coefficient(fitted, i));
        }
    }
    const double *importances = ps_predictor_importances(ps_fitted_predictor(fitted));
    if (importances != NULL) {
        yyjson_mut_val *list = yyjson_mut_obj_add_obj(show->document, show->root, "importances");
        for (size_t i = 0; i < ps_fitted_feature_count(fitted); i++) {
            add_feature(show, list, fitted, i, importances[i]);
        }
    }
    yyjson_mut_val *inputs = yyjson_mut_obj_add_arr(show->document, show->root, "inputs");
    for (size_t i = 0; i < ps_fitted_input_count(fitted); i++) {
        (void)yyjson_mut_arr_add_strcpy(show->document, inputs, ps_fitted_input_name(fitted, i));
    }
    return PENSTOCK_OK;
}

static penstock_code add_gate(struct showing *show, struct penstock_error *error) {
    const char *const values[] = {show->name, show->version};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(
        show->connection,
        "SELECT check_index, name, value, limit_value, verdict, sentence FROM penstock.gate_reports"
        " WHERE model = $1 AND version = CAST($2 AS BIGINT) ORDER BY check_index",
        values, 2, &result, error));
    yyjson_mut_val *gate = yyjson_mut_obj_add_obj(show->document, show->root, "gate");
    yyjson_mut_val *checks = yyjson_mut_arr(show->document);
    for (int64_t row = 0; row < ps_result_row_count(result); row++) {
        if (ps_result_integer(result, row, 0) == 0) {
            ps_json_add_text(show->document, gate, "verdict", ps_result_text(result, row, 4));
            ps_json_add_text(show->document, gate, "sentence", ps_result_text(result, row, 5));
            continue;
        }
        yyjson_mut_val *check = yyjson_mut_arr_add_obj(show->document, checks);
        ps_json_add_text(show->document, check, "name", ps_result_text(result, row, 1));
        ps_json_add_number(show->document, check, "value", ps_result_double(result, row, 2));
        ps_json_add_number(show->document, check, "limit", ps_result_double(result, row, 3));
        ps_json_add_text(show->document, check, "verdict", ps_result_text(result, row, 4));
        ps_json_add_text(show->document, check, "sentence", ps_result_text(result, row, 5));
    }
    (void)yyjson_mut_obj_add_val(show->document, gate, "checks", checks);
    return PENSTOCK_OK;
}

/* What is known of the rows it was trained and tested on. */
static penstock_code add_profile(struct showing *show, int64_t version, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    const char *profile = NULL;
    if (arena == NULL) {
        return ps_error_memory(error, "show model");
    }
    PS_TRY(ps_registry_profile(show->connection, show->name, version, arena, &profile, error));
    ps_json_add_parsed(show->document, show->root, "profile", profile);
    return PENSTOCK_OK;
}

static penstock_code add_aliases(struct showing *show, struct penstock_error *error) {
    const char *const values[] = {show->name, show->version};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(
        show->connection,
        "SELECT alias FROM penstock.model_aliases WHERE model = $1 AND version = CAST($2 AS BIGINT) ORDER BY alias",
        values, 2, &result, error));
    yyjson_mut_val *aliases = yyjson_mut_obj_add_arr(show->document, show->root, "aliases");
    for (int64_t row = 0; row < ps_result_row_count(result); row++) {
        (void)yyjson_mut_arr_add_strcpy(show->document, aliases, ps_result_text(result, row, 0));
    }
    return PENSTOCK_OK;
}

/* Every move of an alias to or from this version, and what was done by hand. */
static penstock_code add_history(struct showing *show, struct penstock_error *error) {
    static const char *const names[] = {"at", "action", "alias", "from", "to", "who", "why"};
    const char *const values[] = {show->name, show->version};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    bool has_action = false;
    PS_TRY(ps_registry_has(show->connection, "model_alias_history", "action", &has_action, error));
    if (!has_action) {
        return PENSTOCK_OK; /* of an older penstock, and only read */
    }
    PS_TRY(ps_sql_query_with(
        show->connection,
        "SELECT moved_at, coalesce(action, 'publish'), alias, from_version, nullif(to_version, 0), who, why"
        " FROM penstock.model_alias_history WHERE model = $1 AND (from_version = CAST($2 AS BIGINT)"
        " OR to_version = CAST($2 AS BIGINT)) ORDER BY rowid",
        values, 2, &result, error));
    yyjson_mut_val *history = yyjson_mut_obj_add_arr(show->document, show->root, "history");
    for (int64_t row = 0; row < ps_result_row_count(result); row++) {
        yyjson_mut_val *move = yyjson_mut_arr_add_obj(show->document, history);
        for (int64_t i = 0; i < 7; i++) {
            const char *text = ps_result_text(result, row, i);
            if (text != NULL && (i == 3 || i == 4)) {
                (void)yyjson_mut_obj_add_int(show->document, move, names[i],
                                             ps_result_integer(result, row, i));
            } else {
                ps_json_add_text(show->document, move, names[i], text);
            }
        }
    }
    return PENSTOCK_OK;
}

static void add_lineage(struct showing *show, const struct ps_result *row) {
    yyjson_mut_val *lineage = yyjson_mut_obj_add_obj(show->document, show->root, "lineage");
    ps_json_add_text(show->document, lineage, "statement", ps_result_text(row, 0, STATEMENT));
    ps_json_add_parsed(show->document, lineage, "positions", ps_result_text(row, 0, POSITIONS));
    ps_json_add_text(show->document, lineage, "application", ps_result_text(row, 0, APPLICATION));
    ps_json_add_text(show->document, lineage, "created_at", ps_result_text(row, 0, CREATED));
    ps_json_add_text(show->document, lineage, "checksum", ps_result_text(row, 0, CHECKSUM));
}

static penstock_code show_row(struct showing *show, const struct ps_result *row, int64_t version,
                              struct ps_buffer *json_out, struct penstock_error *error) {
    ps_json_add_text(show->document, show->root, "name", show->name);
    (void)yyjson_mut_obj_add_int(show->document, show->root, "version", version);
    ps_json_add_text(show->document, show->root, "status", ps_result_text(row, 0, STATUS));
    PS_TRY(add_aliases(show, error));
    ps_json_add_text(show->document, show->root, "created_at", ps_result_text(row, 0, CREATED));
    ps_json_add_text(show->document, show->root, "application", ps_result_text(row, 0, APPLICATION));
    ps_json_add_text(show->document, show->root, "label", ps_result_text(row, 0, LABEL));
    PS_TRY(add_search(show, ps_result_text(row, 0, SEARCH), error));
    PS_TRY(add_coefficients(show, version, error));
    PS_TRY(add_metrics(show, ps_result_text(row, 0, METRICS), error));
    PS_TRY(add_gate(show, error));
    PS_TRY(add_profile(show, version, error));
    PS_TRY(add_history(show, error));
    add_lineage(show, row);
    return ps_json_write(show->document, true, json_out, error);
}

penstock_code ps_registry_show(struct ps_connection *connection, const char *name, int64_t version,
                               struct ps_buffer *json_out, struct penstock_error *error) {
    struct showing show = {.connection = connection, .name = name};
    (void)snprintf(show.version, sizeof show.version, "%" PRId64, version);
    const char *const values[] = {name, show.version};
    struct ps_result *row PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(
        connection,
        "SELECT name, version, status, created_at, application, statement_text, label, positions, search,"
        " metrics, checksum FROM penstock.models WHERE name = $1 AND version = CAST($2 AS BIGINT)",
        values, 2, &row, error));
    if (ps_result_row_count(row) == 0) {
        return ps_error_set(error, PENSTOCK_NOT_FOUND, "model %s has no version %" PRId64, name, version);
    }
    yyjson_mut_doc *document PS_SCOPED(ps_json_free_scoped) = ps_json_new();
    if (document == NULL) {
        return ps_error_memory(error, "show model");
    }
    show.document = document;
    show.root = yyjson_mut_doc_get_root(document);
    return show_row(&show, row, version, json_out, error);
}
