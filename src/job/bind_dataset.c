/* SPDX-License-Identifier: Apache-2.0
 *
 * bind_dataset.c - where a dataset goes: its settings, read through rows, and that no two statements write to one
 * place.
 *
 * Two datasets at one path would take turns in overwriting each other, so that is refused here, by the text of the
 * paths; what is on the disk is looked at when the dataset is made.
 */
#include "job/analysis.h"

#include <stddef.h>

const struct ps_option ps_dataset_options[] = {
    {.name = "parquet",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_dataset_settings, parquet),
     .help = "the Parquet file that it is written to, relative to the project",
     .since = "0.2"},
    {.name = "delta",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_dataset_settings, delta),
     .help = "the folder of the Delta table whose rows it becomes, relative to the project",
     .since = "0.2"},
    {.name = "report",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_dataset_settings, report),
     .help = "the HTML page about its quality, relative to the project; its numbers lie beside it as JSON",
     .since = "0.2"},
    {.name = "on_existing",
     .type = PS_OPTION_CHOICE,
     .default_text = "fail",
     .choices = "fail|replace",
     .offset = offsetof(struct ps_dataset_settings, on_existing),
     .help = "something is there that this dataset did not write: fail, or replace it",
     .since = "0.2"},
    {.name = NULL},
};

static penstock_code at(struct penstock_error *error, struct ps_location location) {
    if (error != NULL && error->code == PENSTOCK_INVALID_ARGUMENT) {
        error->code = PENSTOCK_INVALID_PROJECT;
    }
    ps_error_at(error, location, NULL, -1);
    return error != NULL ? error->code : PENSTOCK_INVALID_PROJECT;
}

static penstock_code check_setting(const struct ps_setting *setting, struct penstock_error *error) {
    if (setting->value[0] == '\0') {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s is empty", setting->name);
        return at(error, setting->location);
    }
    return PENSTOCK_OK;
}

/* "quality.json" for "quality.html" */
static const char *numbers_of(const char *report, struct ps_arena *arena) {
    const size_t size = strlen(report);
    const bool is_page = size > 5 && ps_text_equal_nocase(report + size - 5, ".html");
    return ps_arena_printf(arena, "%.*s.json", (int)(is_page ? size - 5 : size), report);
}

penstock_code ps_dataset_settings_read(const struct ps_dataset_statement *dataset, struct ps_arena *arena,
                                       struct ps_dataset_settings *settings_out,
                                       struct penstock_error *error) {
    struct ps_dataset_settings settings = {0};
    PS_TRY(ps_option_defaults(ps_dataset_options, &settings, arena, error));
    for (size_t i = 0; i < dataset->setting_count; i++) {
        const struct ps_setting *setting = &dataset->settings[i];
        if (ps_option_set(ps_dataset_options, &settings, setting->name, setting->value, arena, error) !=
            PENSTOCK_OK) {
            return at(error, setting->location);
        }
        PS_TRY(check_setting(setting, error));
    }
    if (settings.parquet == NULL && settings.delta == NULL && settings.report == NULL) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "the dataset does not say where it goes");
        (void)ps_error_hint(error,
                            "add WITH (parquet = 'out/rows.parquet'), delta = '...' or report = '...'");
        return at(error, dataset->settings_location);
    }
    if (settings.report != NULL) {
        settings.numbers = numbers_of(settings.report, arena);
        if (settings.numbers == NULL) {
            return ps_error_memory(error, "a dataset");
        }
    }
    *settings_out = settings;
    return PENSTOCK_OK;
}

/* --- places ------------------------------------------------------------------------------------------------------ */

/* "./out//a" and "out/a/" are one place. */
static const char *plain_path(const char *path, struct ps_arena *arena) {
    char *text = ps_arena_copy(arena, path);
    size_t size = 0;
    for (const char *from = path; text != NULL && *from != '\0'; from++) {
        const bool is_start = size == 0 || text[size - 1] == '/';
        if (is_start && size > 0 && *from == '/') {
            continue;
        }
        if (is_start && from[0] == '.' && from[1] == '/') {
            from++;
            continue;
        }
        text[size++] = *from;
    }
    while (text != NULL && size > 1 && text[size - 1] == '/') {
        size--;
    }
    if (text != NULL) {
        text[size] = '\0';
    }
    return text;
}

#define PLACE_MAX 4

static size_t places_of(const struct ps_dataset_settings *settings, const char *places_out[PLACE_MAX]) {
    const char *const all[PLACE_MAX] = {settings->parquet, settings->delta, settings->report,
                                        settings->numbers};
    size_t count = 0;
    for (size_t i = 0; i < PLACE_MAX; i++) {
        if (all[i] != NULL) {
            places_out[count++] = all[i];
        }
    }
    return count;
}

/* Where the statement writes; a sink has one place at most. */
static penstock_code list_places(struct ps_analysis *analysis, const struct ps_statement *statement,
                                 const char *places_out[PLACE_MAX], size_t *count_out) {
    *count_out = 0;
    if (statement->kind == PS_STATEMENT_DATASET) {
        struct ps_dataset_settings settings;
        PS_TRY(ps_dataset_settings_read(&statement->as.dataset, analysis->arena, &settings, analysis->error));
        *count_out = places_of(&settings, places_out);
    } else if (statement->kind == PS_STATEMENT_SINK) {
        for (size_t i = 0; i < statement->as.sink.setting_count && *count_out == 0; i++) {
            const struct ps_setting *setting = &statement->as.sink.settings[i];
            if (ps_option_name_equal(setting->name, "path")) {
                places_out[(*count_out)++] = setting->value;
            }
        }
    }
    return PENSTOCK_OK;
}

static struct ps_location location_of(const struct ps_dataset_statement *dataset, const char *place) {
    for (size_t i = 0; i < dataset->setting_count; i++) {
        if (strcmp(dataset->settings[i].value, place) == 0) {
            return dataset->settings[i].location;
        }
    }
    return dataset->settings_location;
}

/* Is one of these places also one of `others`? `owner`: whose they are. */
static penstock_code compare(struct ps_analysis *analysis, const struct ps_dataset_statement *dataset,
                             const char *const *places, size_t count, const char *const *others,
                             size_t other_count, const char *owner) {
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < other_count; k++) {
            const char *own = plain_path(places[i], analysis->arena);
            const char *other = plain_path(others[k], analysis->arena);
            if (own == NULL || other == NULL) {
                return ps_error_memory(analysis->error, "a dataset");
            }
            if (places[i] != others[k] && strcmp(own, other) == 0) {
                (void)ps_error_set(analysis->error, PENSTOCK_INVALID_PROJECT, "'%s' is written by %s, too",
                                   places[i], owner);
                (void)ps_error_hint(analysis->error, "give each a path of its own");
                return at(analysis->error, location_of(dataset, places[i]));
            }
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_bind_dataset(struct ps_analysis *analysis, struct ps_item *item) {
    const struct ps_dataset_statement *dataset = &item->node.statement->as.dataset;
    const char *places[PLACE_MAX], *others[PLACE_MAX];
    size_t count = 0, other_count = 0;
    PS_TRY(list_places(analysis, item->node.statement, places, &count));
    PS_TRY(compare(analysis, dataset, places, count, places, count, "the same dataset"));
    for (size_t i = 0; i < analysis->item_count; i++) {
        const struct ps_item *other = &analysis->items[i];
        const bool is_later = other >= item && other->node.kind == PS_NODE_DATASET;
        if (other == item || is_later) {
            continue; /* the later one says it */
        }
        PS_TRY(list_places(analysis, other->node.statement, others, &other_count));
        PS_TRY(compare(analysis, dataset, places, count, others, other_count, other->node.name));
    }
    return PENSTOCK_OK;
}
