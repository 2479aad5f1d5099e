/* SPDX-License-Identifier: Apache-2.0
 *
 * settings.h - WITH (name = 'value', ...) of sources and sinks, through option rows.
 *
 * A mistake is an INVALID_PROJECT error at the setting's own place, with the nearest name that would have
 * been right. Private to room connect.
 */
#ifndef PS_CONNECT_SETTINGS_H
#define PS_CONNECT_SETTINGS_H

#include "job/project.h"

/* Any error here is one of the project, at a place. Returns the code. */
penstock_code ps_settings_blame(struct penstock_error *error, struct ps_location location,
                                penstock_code code);
/* A message that begins with the name of a setting ("sink kept: mapping: ...") is blamed on it, any other on
 * `location`. */
penstock_code ps_settings_blame_named(struct penstock_error *error, const struct ps_setting *settings,
                                      size_t setting_count, struct ps_location location, penstock_code code);
/* `owner`: "connector 'file'"; `elsewhere`: where the option belongs, or NULL. */
penstock_code ps_settings_refuse(const struct ps_setting *setting, const char *owner,
                                 const struct ps_option *rows, const struct ps_option *more_rows,
                                 const char *elsewhere, struct penstock_error *error);
/* An option given twice is a mistake: which one counts would be a guess. */
penstock_code ps_settings_check_twice(const struct ps_setting *settings, size_t index,
                                      struct penstock_error *error) PENSTOCK_MUST_USE;
/* `name`: "source departures". */
penstock_code ps_settings_check_required(const struct ps_option *rows, const struct ps_setting *settings,
                                         size_t setting_count, const char *name, struct ps_location location,
                                         struct penstock_error *error) PENSTOCK_MUST_USE;
/* All of WITH: every setting to the framework's rows (connector, ...) or the connector's, defaults first; the names
 * "properties.*" pass if `takes_properties`. */
struct ps_settings_target {
    const char *what;  /* "source departures" */
    const char *owner; /* "connector 'file'" */
    const struct ps_option *framework_rows, *rows;
    void *framework, *config;
    bool takes_properties;
    const struct ps_option *codec_rows; /* to say where an option belongs; may be NULL */
    struct ps_location location;
};
penstock_code ps_settings_apply(const struct ps_settings_target *target, const struct ps_setting *settings,
                                size_t setting_count, struct ps_arena *arena, struct penstock_error *error)
    PENSTOCK_MUST_USE;
bool ps_settings_is_property(const char *name); /* "properties." in front */

#endif
