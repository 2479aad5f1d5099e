/* SPDX-License-Identifier: Apache-2.0
 *
 * settings.c - WITH (name = 'value', ...) through option rows.
 */
#include "connect/settings.h"

/* Any error here is one of the project, at a place. */
penstock_code ps_settings_blame(struct penstock_error *error, struct ps_location location,
                                penstock_code code) {
    if (error != NULL && code == PENSTOCK_INVALID_ARGUMENT) {
        error->code = PENSTOCK_INVALID_PROJECT;
    }
    (void)ps_error_at(error, location, NULL, -1);
    return code == PENSTOCK_INVALID_ARGUMENT ? PENSTOCK_INVALID_PROJECT : code;
}

penstock_code ps_settings_blame_named(struct penstock_error *error, const struct ps_setting *settings,
                                      size_t setting_count, struct ps_location location, penstock_code code) {
    const char *const owner_end = error == NULL ? NULL : strstr(error->message, ": ");
    for (size_t i = 0; i < setting_count && owner_end != NULL; i++) {
        const size_t size = strlen(settings[i].name);
        if (strncmp(owner_end + 2, settings[i].name, size) == 0 && owner_end[2 + size] == ':') {
            return ps_settings_blame(error, settings[i].location, code);
        }
    }
    return ps_settings_blame(error, location, code);
}

penstock_code ps_settings_refuse(const struct ps_setting *setting, const char *owner,
                                 const struct ps_option *rows, const struct ps_option *more_rows,
                                 const char *elsewhere, struct penstock_error *error) {
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s has no option '%s'", owner, setting->name);
    const char *nearest = ps_option_nearest(rows, setting->name);
    if (nearest == NULL && more_rows != NULL) {
        nearest = ps_option_nearest(more_rows, setting->name);
    }
    if (elsewhere != NULL) {
        (void)ps_error_hint(error, "it belongs to %s", elsewhere);
    } else if (nearest != NULL) {
        (void)ps_error_hint(error, "did you mean %s?", nearest);
    } else if (rows[0].name == NULL) {
        (void)ps_error_hint(error, "it has no options");
    } else {
        struct ps_buffer names PS_SCOPED(ps_buffer_done);
        ps_buffer_init(&names, 400);
        for (size_t i = 0; rows[i].name != NULL; i++) {
            ps_buffer_printf(&names, "%s%s", i == 0 ? "" : ", ", rows[i].name);
        }
        (void)ps_error_hint(error, "options are: %s", names.data == NULL ? "" : names.data);
    }
    return ps_settings_blame(error, setting->location, PENSTOCK_INVALID_PROJECT);
}

/* An option given twice is a mistake: which one counts would be a guess. */
penstock_code ps_settings_check_twice(const struct ps_setting *settings, size_t index,
                                      struct penstock_error *error) {
    for (size_t i = 0; i < index; i++) {
        if (ps_option_name_equal(settings[i].name, settings[index].name)) {
            (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "option '%s' is given twice",
                               settings[index].name);
            return ps_settings_blame(error, settings[index].location, PENSTOCK_INVALID_PROJECT);
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_settings_check_required(const struct ps_option *rows, const struct ps_setting *settings,
                                         size_t setting_count, const char *name, struct ps_location location,
                                         struct penstock_error *error) {
    for (size_t i = 0; rows[i].name != NULL; i++) {
        bool is_given = !rows[i].is_required;
        for (size_t k = 0; k < setting_count && !is_given; k++) {
            is_given = ps_option_name_equal(rows[i].name, settings[k].name) && settings[k].value[0] != '\0';
        }
        if (!is_given) {
            (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s has no %s", name, rows[i].name);
            (void)ps_error_hint(error, "%s: %s", rows[i].name, rows[i].help);
            return ps_settings_blame(error, location, PENSTOCK_INVALID_PROJECT);
        }
    }
    return PENSTOCK_OK;
}

bool ps_settings_is_property(const char *name) {
    return strncasecmp(name, "properties.", 11) == 0 && name[11] != '\0';
}

static penstock_code apply_one(const struct ps_settings_target *target, const struct ps_setting *setting,
                               struct ps_arena *arena, struct penstock_error *error) {
    const bool is_framework = ps_option_find(target->framework_rows, setting->name) != NULL;
    if (target->takes_properties && ps_settings_is_property(setting->name)) {
        return PENSTOCK_OK;
    }
    if (!is_framework && ps_option_find(target->rows, setting->name) == NULL) {
        const bool is_codec =
            target->codec_rows != NULL && ps_option_find(target->codec_rows, setting->name) != NULL;
        return ps_settings_refuse(setting, target->owner, target->rows, target->framework_rows,
                                  is_codec ? "the codec: ENCODE ... (name = 'value')" : NULL, error);
    }
    const penstock_code code = is_framework ? ps_option_set(target->framework_rows, target->framework,
                                                            setting->name, setting->value, arena, error)
                                            : ps_option_set(target->rows, target->config, setting->name,
                                                            setting->value, arena, error);
    return code == PENSTOCK_OK ? code : ps_settings_blame(error, setting->location, code);
}

penstock_code ps_settings_apply(const struct ps_settings_target *target, const struct ps_setting *settings,
                                size_t setting_count, struct ps_arena *arena, struct penstock_error *error) {
    PS_TRY(ps_option_defaults(target->framework_rows, target->framework, arena, error));
    PS_TRY(ps_option_defaults(target->rows, target->config, arena, error));
    for (size_t i = 0; i < setting_count; i++) {
        PS_TRY(ps_settings_check_twice(settings, i, error));
        PS_TRY(apply_one(target, &settings[i], arena, error));
    }
    return ps_settings_check_required(target->rows, settings, setting_count, target->what, target->location,
                                      error);
}
