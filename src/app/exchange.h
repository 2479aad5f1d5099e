/* SPDX-License-Identifier: Apache-2.0
 *
 * exchange.h - models out of the store and into it: penstock models export, penstock models import.
 *
 * An exported folder is written by this process, also while another one runs the project. An imported model becomes a
 * version with the status 'imported' and no gate report: it predicts by its number at once and becomes champion only
 * when somebody promotes it and says why.
 */
#ifndef PS_APP_EXCHANGE_H
#define PS_APP_EXCHANGE_H

#include "app/app.h"
#include "model/export.h"
#include "model/import.h"

/* reference: a version. format: a name of ps_export_formats, or NULL: all that can be. outcomes_out:
 * PS_EXPORT_FORMAT_COUNT, texts in the arena. Errors: NOT_FOUND, and those of ps_model_export. */
penstock_code ps_app_models_export(struct ps_app *app, const char *reference, const char *folder,
                                   const char *format, struct ps_arena *arena,
                                   struct ps_export_outcome *outcomes_out, size_t *count_out,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;

/* name: of the model; path, column_map: as in ps_import_options. Texts of the report are in the arena. *version_out:
 * the new version. Errors: those of ps_model_import, NOT_FOUND (no store), BUSY. */
penstock_code ps_app_models_import(struct ps_app *app, const char *name, const char *path,
                                   const char *const *column_map, const char *reason, struct ps_arena *arena,
                                   struct ps_import_report *report_out, int64_t *version_out,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
