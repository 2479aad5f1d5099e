/* SPDX-License-Identifier: Apache-2.0
 *
 * manifest.c - the keys of penstock.yml.
 *
 * One table of options serves YAML, --conf and spark-submit's spellings, so that they cannot differ. Keys that
 * are not plain values (sql, vars, targets) are read here by hand.
 */
#include "job/manifest.h"

#include <stddef.h>

#include "base/limits.h"
#include "job/script.h"
#include "job/yaml.h"

#define FIELD(name) offsetof(struct ps_manifest, name)

const struct ps_option ps_manifest_options[] = {
    {.name = "name",
     .type = PS_OPTION_TEXT,
     .offset = FIELD(name),
     .since = "0.1",
     .help = "name of the project; default: its folder's"},
    {.name = "store",
     .type = PS_OPTION_TEXT,
     .default_text = "store",
     .offset = FIELD(store),
     .since = "0.1",
     .help = "folder of tables, models and logs, relative to the project"},
    {.name = "master",
     .type = PS_OPTION_TEXT,
     .default_text = "local[*]",
     .offset = FIELD(master),
     .since = "0.1",
     .help = "where it runs: local, local[N] or local[*]"},
    {.name = "num-executors",
     .type = PS_OPTION_INTEGER,
     .default_text = "1",
     .value_min = 1,
     .value_max = 10000,
     .offset = FIELD(num_executors),
     .since = "0.1",
     .help = "executors; a local master has one"},
    {.name = "executor-cores",
     .type = PS_OPTION_INTEGER,
     .default_text = "0",
     .value_min = 0,
     .value_max = PS_LIMIT_CORE_COUNT,
     .offset = FIELD(executor_cores),
     .since = "0.1",
     .help = "task slots of an executor; 0: what the master says"},
    {.name = "executor-memory",
     .type = PS_OPTION_SIZE,
     .default_text = "1g",
     .value_min = 64 << 20,
     .value_max = 1e15,
     .offset = FIELD(executor_memory),
     .since = "0.1",
     .help = "the one memory number, shared by everything in the process"},
    {.name = "driver-memory",
     .type = PS_OPTION_SIZE,
     .default_text = "0",
     .value_min = 0,
     .value_max = 1e15,
     .offset = FIELD(driver_memory),
     .since = "0.1",
     .help = "added to executor-memory: under a local master both are one process"},
    {.name = "epoch.rows",
     .type = PS_OPTION_INTEGER,
     .default_text = "245760",
     .value_min = 1,
     .value_max = 100000000,
     .offset = FIELD(epoch_rows),
     .since = "0.1",
     .help = "most records of one epoch"},
    {.name = "epoch.bytes",
     .type = PS_OPTION_SIZE,
     .default_text = "64m",
     .value_min = 1024,
     .value_max = 1e12,
     .offset = FIELD(epoch_bytes),
     .since = "0.1",
     .help = "most raw bytes of one epoch"},
    {.name = "epoch.interval",
     .type = PS_OPTION_DURATION,
     .default_text = "100 ms",
     .value_min = 1,
     .value_max = 3600000,
     .offset = FIELD(epoch_interval_ms),
     .since = "0.1",
     .help =
         "how long records are gathered for one epoch, and how often a running stream looks for new ones; also"
         " written epoch: 10 ms"},
    {.name = "retry-timeout",
     .type = PS_OPTION_DURATION,
     .default_text = "1 hour",
     .value_min = 0,
     .value_max = 31536000000.0,
     .offset = FIELD(retry_timeout_ms),
     .since = "0.2",
     .help = "how long a server (of a source or a sink) may be away before a running stream gives up"},
    {.name = "log-level",
     .type = PS_OPTION_CHOICE,
     .default_text = "info",
     .choices = "error|warning|notice|info|debug",
     .offset = FIELD(log_level),
     .since = "0.1",
     .help = "what is written to the log"},
    {.name = NULL}};

static const struct {
    const char *spark, *own;
} spark_names[] = {{"spark.app.name", "name"},
                   {"spark.master", "master"},
                   {"spark.executor.instances", "num-executors"},
                   {"spark.executor.cores", "executor-cores"},
                   {"spark.executor.memory", "executor-memory"},
                   {"spark.driver.memory", "driver-memory"},
                   {NULL, NULL}};

bool ps_manifest_name_equal(const char *left, const char *right) {
    for (; *left != '\0' && *right != '\0'; left++, right++) {
        const char a[] = {*left == '_' ? '-' : *left, '\0'}, b[] = {*right == '_' ? '-' : *right, '\0'};
        if (!ps_text_equal_nocase(a, b)) {
            return false;
        }
    }
    return *left == *right;
}

static const struct ps_option *find_option(const char *name) {
    for (size_t i = 0; ps_manifest_options[i].name != NULL; i++) {
        if (ps_manifest_name_equal(ps_manifest_options[i].name, name)) {
            return &ps_manifest_options[i];
        }
    }
    return NULL;
}

/* Nearest of all option names and `more`, or NULL. */
static const char *nearest(const char *name, const char *prefix, const char *const *more,
                           struct ps_arena *arena) {
    const char *names[64];
    size_t count = 0;
    const size_t prefix_size = strlen(prefix);
    for (size_t i = 0; ps_manifest_options[i].name != NULL && count < 50; i++) {
        if (strncmp(ps_manifest_options[i].name, prefix, prefix_size) == 0) {
            names[count++] = ps_manifest_options[i].name + prefix_size;
        }
    }
    for (size_t i = 0; more != NULL && more[i] != NULL && count < 63; i++) {
        names[count++] = more[i];
    }
    names[count] = NULL;
    char *plain = ps_arena_copy(arena, name); /* hyphens are compared, underscores are not */
    for (char *c = plain; c != NULL && *c != '\0'; c++) {
        *c = *c == '_' ? '-' : *c;
    }
    return plain == NULL ? NULL : ps_nearest(plain, names);
}

static penstock_code fail_at(struct penstock_error *error, const struct ps_yaml *node, const char *message) {
    ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s", message);
    return ps_error_at(error, node->location, NULL, -1);
}

/* One value of one option, from the manifest. */
static penstock_code apply_value(struct ps_manifest_reading *reading, const struct ps_option *option,
                                 const struct ps_yaml *value, struct penstock_error *error) {
    if (value->kind != PS_YAML_SCALAR || value->is_null) {
        ps_error_set(error, PENSTOCK_INVALID_PROJECT, "'%s' needs one value", option->name);
        ps_error_hint(error, "%s", option->help);
        return ps_error_at(error, value->location, NULL, -1);
    }
    const char *text = value->text;
    PS_TRY(ps_variables_put(text, reading->variables, reading->variable_count, value->location,
                            reading->arena, &text, error));
    if (ps_option_set(ps_manifest_options, &reading->manifest, option->name, text, reading->arena, error) !=
        PENSTOCK_OK) {
        if (error != NULL && error->code == PENSTOCK_INVALID_ARGUMENT) {
            error->code = PENSTOCK_INVALID_PROJECT;
        }
        return ps_error_at(error, value->location, NULL, -1);
    }
    if (option->offset == FIELD(master)) {
        reading->master_location = value->location;
    } else if (option->offset == FIELD(num_executors)) {
        reading->executors_location = value->location;
    }
    return PENSTOCK_OK;
}

static penstock_code unknown_key(struct ps_manifest_reading *reading, const struct ps_yaml *key,
                                 const char *prefix, const char *const *more, struct penstock_error *error) {
    const char *near = nearest(key->text, prefix, more, reading->arena);
    ps_error_set(error, PENSTOCK_INVALID_PROJECT, "unknown key '%s%s'", prefix, key->text);
    if (near != NULL) {
        ps_error_hint(error, "did you mean %s?", near);
    } else {
        ps_error_hint(
            error,
            "keys are name, sql, store, master, num-executors, executor-cores, executor-memory, driver-memory, "
            "epoch, retry-timeout, log-level, vars, targets, default-target");
    }
    return ps_error_at(error, key->location, NULL, -1);
}

/* epoch: {rows: 5, ...}, or the interval alone: epoch: 10 ms */
static penstock_code apply_group(struct ps_manifest_reading *reading, const char *prefix,
                                 const struct ps_yaml *map, struct penstock_error *error) {
    if (map->kind == PS_YAML_SCALAR) {
        return apply_value(reading, find_option("epoch.interval"), map, error);
    }
    if (map->kind != PS_YAML_MAP) {
        return fail_at(error, map, "'epoch' is a duration, or has keys of its own: rows, bytes, interval");
    }
    for (size_t i = 0; i < map->count; i++) {
        const struct ps_yaml *key = map->items[2 * i];
        const char *name = ps_arena_printf(reading->arena, "%s%s", prefix, key->text);
        if (name == NULL) {
            return ps_error_memory(error, "penstock.yml");
        }
        const struct ps_option *option = find_option(name);
        if (option == NULL) {
            return unknown_key(reading, key, prefix, NULL, error);
        }
        PS_TRY(apply_value(reading, option, map->items[2 * i + 1], error));
    }
    return PENSTOCK_OK;
}

static penstock_code apply_patterns(struct ps_manifest_reading *reading, const struct ps_yaml *node,
                                    struct penstock_error *error) {
    const size_t count = node->kind == PS_YAML_LIST ? node->count : 1;
    struct ps_setting *patterns = ps_arena_allocate(reading->arena, count + 1, sizeof *patterns);
    if (patterns == NULL) {
        return ps_error_memory(error, "penstock.yml");
    }
    for (size_t i = 0; i < count; i++) {
        const struct ps_yaml *item = node->kind == PS_YAML_LIST ? node->items[i] : node;
        if (item->kind != PS_YAML_SCALAR || item->is_null) {
            return fail_at(error, item, "'sql' is a list of file names or patterns, such as [\"*.sql\"]");
        }
        patterns[i] = (struct ps_setting){.name = "sql", .location = item->location};
        PS_TRY(ps_variables_put(item->text, reading->variables, reading->variable_count, item->location,
                                reading->arena, &patterns[i].value, error));
    }
    reading->patterns = patterns;
    reading->pattern_count = count;
    return PENSTOCK_OK;
}

static bool is_any_of(const char *name, const char *const *names) {
    for (; *names != NULL; names++) {
        if (ps_manifest_name_equal(name, *names)) {
            return true;
        }
    }
    return false;
}

static const char *const sections[] = {"sql", "epoch", "vars", "targets", "default-target", NULL};
static const char *const target_sections[] = {"sql", "epoch", "vars", NULL};

/* Keys of a target that was not chosen: its values may need variables that only it has, its names must be right. */
static penstock_code check_names(struct ps_manifest_reading *reading, const struct ps_yaml *map,
                                 struct penstock_error *error) {
    for (size_t i = 0; map->kind == PS_YAML_MAP && i < map->count; i++) {
        const struct ps_yaml *key = map->items[2 * i];
        if (find_option(key->text) == NULL && !is_any_of(key->text, target_sections)) {
            return unknown_key(reading, key, "", target_sections, error);
        }
    }
    return PENSTOCK_OK;
}

/* All keys of the manifest or of one target. */
static penstock_code apply_map(struct ps_manifest_reading *reading, const struct ps_yaml *map, bool is_target,
                               struct penstock_error *error) {
    for (size_t i = 0; i < map->count; i++) {
        const struct ps_yaml *key = map->items[2 * i], *value = map->items[2 * i + 1];
        const struct ps_option *option = find_option(key->text);
        if (option != NULL) {
            PS_TRY(apply_value(reading, option, value, error));
        } else if (!is_any_of(key->text, is_target ? target_sections : sections)) {
            return unknown_key(reading, key, "", is_target ? target_sections : sections, error);
        } else if (ps_manifest_name_equal(key->text, "sql")) {
            PS_TRY(apply_patterns(reading, value, error));
        } else if (ps_manifest_name_equal(key->text, "epoch")) {
            PS_TRY(apply_group(reading, "epoch.", value, error));
        } /* the others were read before, because variables may be used in values */
    }
    return PENSTOCK_OK;
}

/* The chosen target: --target, else default-target, else NULL. Every target is a map, chosen or not. */
static penstock_code find_target(struct ps_manifest_reading *reading, const struct ps_yaml *root,
                                 const struct ps_yaml **target_out, struct penstock_error *error) {
    const struct ps_yaml *targets = ps_yaml_find(root, "targets");
    const struct ps_yaml *by_default = ps_yaml_find(root, "default-target");
    const char *name = reading->options != NULL ? reading->options->target : NULL;
    if (targets != NULL && targets->kind != PS_YAML_MAP && !targets->is_null) {
        return fail_at(error, targets,
                       "'targets' maps names to keys, such as targets: {local: {master: local}}");
    }
    if (by_default != NULL && (by_default->kind != PS_YAML_SCALAR || by_default->is_null)) {
        return fail_at(error, by_default, "'default-target' is the name of a target");
    }
    const char **names =
        ps_arena_allocate(reading->arena, (targets != NULL ? targets->count : 0) + 1, sizeof *names);
    if (names == NULL) {
        return ps_error_memory(error, "penstock.yml");
    }
    const bool is_given = name != NULL;
    name = is_given ? name : by_default != NULL ? by_default->text : NULL;
    for (size_t i = 0; targets != NULL && i < targets->count; i++) {
        const struct ps_yaml *value = targets->items[2 * i + 1];
        names[i] = targets->items[2 * i]->text;
        if (value->kind != PS_YAML_MAP && !value->is_null) {
            return fail_at(error, value, "a target has keys, as the manifest itself");
        }
        if (name != NULL && strcmp(names[i], name) == 0) {
            *target_out = value;
        }
        PS_TRY(check_names(reading, value, error));
    }
    if (name == NULL || *target_out != NULL) {
        return PENSTOCK_OK;
    }
    const char *near = ps_nearest(name, names);
    ps_error_set(error, is_given ? PENSTOCK_INVALID_ARGUMENT : PENSTOCK_INVALID_PROJECT,
                 "there is no target '%s' in %s", name, PS_MANIFEST_FILE);
    if (near != NULL) {
        ps_error_hint(error, "did you mean %s?", near);
    }
    return is_given ? PENSTOCK_INVALID_ARGUMENT : ps_error_at(error, by_default->location, NULL, -1);
}

static penstock_code add_vars(struct ps_manifest_reading *reading, const struct ps_yaml *map,
                              struct penstock_error *error) {
    if (map == NULL || map->is_null) {
        return PENSTOCK_OK;
    }
    if (map->kind != PS_YAML_MAP) {
        return fail_at(error, map, "'vars' maps names to values, such as vars: {KAFKA: \"localhost:9092\"}");
    }
    for (size_t i = 0; i < map->count; i++) {
        const struct ps_yaml *value = map->items[2 * i + 1];
        if (value->kind != PS_YAML_SCALAR) {
            return fail_at(error, value, "a variable has one plain value");
        }
        reading->variables[reading->variable_count++] =
            (struct ps_setting){map->items[2 * i]->text, value->is_null ? "" : value->text, value->location};
    }
    return PENSTOCK_OK;
}

/* "key=value" of the command line into name and value. */
static penstock_code cut(const char *text, const char *option, struct ps_arena *arena,
                         struct ps_setting *setting_out, struct penstock_error *error) {
    const char *equal = strchr(text, '=');
    if (equal == NULL || equal == text) {
        ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "%s '%s' is not of the form name=value", option, text);
        return PENSTOCK_INVALID_ARGUMENT;
    }
    setting_out->name = ps_arena_copy_size(arena, text, (size_t)(equal - text));
    setting_out->value = equal + 1;
    return setting_out->name != NULL ? PENSTOCK_OK : ps_error_memory(error, "a setting");
}

static penstock_code read_variables(struct ps_manifest_reading *reading, const struct ps_yaml *root,
                                    const struct ps_yaml *target, struct penstock_error *error) {
    const struct ps_yaml *own = ps_yaml_find(root, "vars"), *targets = ps_yaml_find(target, "vars");
    const char *const *given = reading->options != NULL ? reading->options->variables : NULL;
    size_t count = (own != NULL ? own->count : 0) + (targets != NULL ? targets->count : 0);
    for (size_t i = 0; given != NULL && given[i] != NULL; i++) {
        count++;
    }
    reading->variables = ps_arena_allocate(reading->arena, count + 1, sizeof *reading->variables);
    if (reading->variables == NULL) {
        return ps_error_memory(error, "penstock.yml");
    }
    for (size_t i = 0; given != NULL && given[i] != NULL; i++) {
        struct ps_setting *variable = &reading->variables[reading->variable_count];
        PS_TRY(cut(given[i], "--set", reading->arena, variable, error));
        variable->value = ps_arena_copy(reading->arena, variable->value);
        if (variable->value == NULL) {
            return ps_error_memory(error, "a variable");
        }
        reading->variable_count++;
    }
    PS_TRY(add_vars(reading, targets, error));
    return add_vars(reading, own, error);
}

/* --conf key=value */
static penstock_code apply_setting(struct ps_manifest_reading *reading, const char *text,
                                   struct penstock_error *error) {
    struct ps_setting setting = {NULL, NULL, {NULL, 0, 0}};
    PS_TRY(cut(text, "--conf", reading->arena, &setting, error));
    const char *name = setting.name;
    const char *names[sizeof spark_names / sizeof spark_names[0]] = {NULL};
    for (size_t i = 0; spark_names[i].spark != NULL; i++) {
        names[i] = spark_names[i].spark;
        name = ps_text_equal_nocase(name, spark_names[i].spark) ? spark_names[i].own : name;
    }
    const struct ps_option *option = find_option(name);
    if (option == NULL) {
        const char *near = strncmp(name, "spark.", 6) == 0 ? ps_nearest(name, names)
                                                           : nearest(name, "", names, reading->arena);
        ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "--conf '%s' is not a setting", name);
        if (near != NULL) {
            ps_error_hint(error, "did you mean %s?", near);
        } else {
            ps_error_hint(
                error,
                "settings are those of penstock.yml, and spark.app.name, spark.master, spark.executor.instances, "
                "spark.executor.cores, spark.executor.memory, spark.driver.memory");
        }
        return PENSTOCK_INVALID_ARGUMENT;
    }
    PS_TRY(ps_option_set(ps_manifest_options, &reading->manifest, option->name, setting.value, reading->arena,
                         error));
    reading->master_location =
        option->offset == FIELD(master) ? (struct ps_location){NULL, 0, 0} : reading->master_location;
    reading->executors_location = option->offset == FIELD(num_executors) ? (struct ps_location){NULL, 0, 0}
                                                                         : reading->executors_location;
    return PENSTOCK_OK;
}

penstock_code ps_manifest_read(const char *text, size_t size, struct ps_manifest_reading *reading,
                               struct penstock_error *error) {
    const struct ps_yaml *root = NULL, *target = NULL;
    PS_TRY(ps_yaml_read(PS_MANIFEST_FILE, text, size, reading->arena, &root, error));
    if (root != NULL && root->is_null) {
        root = NULL;
    }
    if (root != NULL && root->kind != PS_YAML_MAP) {
        return fail_at(error, root, "the manifest has keys, such as name: my_project");
    }
    PS_TRY(ps_option_defaults(ps_manifest_options, &reading->manifest, reading->arena, error));
    PS_TRY(find_target(reading, root, &target, error));
    PS_TRY(read_variables(reading, root, target, error));
    if (root != NULL) {
        PS_TRY(apply_map(reading, root, false, error));
    }
    if (target != NULL) {
        PS_TRY(apply_map(reading, target, true, error));
    }
    const char *const *settings = reading->options != NULL ? reading->options->settings : NULL;
    for (size_t i = 0; settings != NULL && settings[i] != NULL; i++) {
        PS_TRY(apply_setting(reading, settings[i], error));
    }
    if (reading->options != NULL && reading->options->master != NULL) {
        reading->manifest.master = ps_arena_copy(reading->arena, reading->options->master);
        reading->master_location = (struct ps_location){NULL, 0, 0};
        if (reading->manifest.master == NULL) {
            return ps_error_memory(error, "a setting");
        }
    }
    return PENSTOCK_OK;
}
