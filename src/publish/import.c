/* SPDX-License-Identifier: Apache-2.0
 *
 * import.c - a model that was made elsewhere becomes a version.
 *
 * Its status is 'imported': it was not trained here, so there is no search, no hold-out and no gate report. It can be
 * asked by its number at once; an alias goes to it only by force, with a reason.
 */
#include "publish/import.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#define NAME_SIZE_MAX 64

static penstock_code check_name(const char *name, struct penstock_error *error) {
    const size_t size = strlen(name);
    bool is_good = size > 0 && size <= NAME_SIZE_MAX && !isdigit((unsigned char)name[0]);
    for (size_t i = 0; i < size; i++) {
        is_good = is_good && (isalnum((unsigned char)name[i]) || name[i] == '_');
    }
    if (!is_good) {
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "'%.80s' cannot be the name of a model", name);
        return ps_error_hint(error,
                             "letters, digits and '_', as in CREATE MODEL; the version's number is given");
    }
    return PENSTOCK_OK;
}

penstock_code ps_registry_add_imported(struct ps_connection *connection,
                                       const struct ps_registry_request *request, const char *now,
                                       const char *who, int64_t *version_out, struct penstock_error *error) {
    char version[24], checksum[24];
    const char *name = request->reference;
    PS_TRY(check_name(name, error));
    struct ps_fitted *fitted = NULL; /* what came over a socket is looked at again */
    PS_TRY(ps_fitted_from_json(request->fitted, strlen(request->fitted), &fitted, error));
    ps_fitted_free(fitted);
    PS_TRY(ps_registry_next_version(connection, name, version_out, error));
    (void)snprintf(version, sizeof version, "%" PRId64, *version_out);
    const char *label = request->label == NULL ? "" : request->label;
    const char *const sealed[] = {name, version, request->statement, label,
                                  "{}", "{}",    request->fitted,    "{}"};
    ps_registry_seal(sealed, sizeof sealed / sizeof sealed[0], checksum, sizeof checksum);
    const char *const values[] = {name,  version, "imported",      now,     "imported", request->statement,
                                  label, "{}",    request->fitted, checksum};
    PS_TRY(ps_sql_run_with(
        connection,
        "INSERT INTO penstock.models(name, version, status, created_at, application, statement_text, label,"
        " positions, search, fitted, metrics, checksum) SELECT $1, CAST($2 AS BIGINT), $3, CAST($4 AS TIMESTAMP),"
        " $5, $6, $7, CAST($8 AS JSON), CAST($8 AS JSON), $9, CAST($8 AS JSON), $10",
        values, sizeof values / sizeof values[0], error));
    const struct ps_alias_move move = {.model = name,
                                       .alias = "",
                                       .to = *version_out,
                                       .moved_at = now,
                                       .who = who,
                                       .why = request->reason == NULL ? "imported by hand" : request->reason,
                                       .action = "import"};
    return ps_registry_move(connection, &move, error);
}
