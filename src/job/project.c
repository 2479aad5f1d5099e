/* SPDX-License-Identifier: Apache-2.0
 *
 * project.c - a folder into a project: manifest, SQL files, statements.
 */
#include "job/project.h"

#include <stdio.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/thread.h"
#include "job/manifest.h"

static const char accepted_masters[] = "this version runs on local, local[N] or local[*]";

penstock_code ps_master_read(const char *master, int64_t *core_count_out, struct penstock_error *error) {
    static const char *const later[] = {"yarn",     "sc://", "local-cluster[", "spark://", "k8s://",
                                        "mesos://", NULL};
    if (strcmp(master, "local") == 0) {
        *core_count_out = 1;
        return PENSTOCK_OK;
    }
    if (strcmp(master, "local[*]") == 0) {
        *core_count_out = ps_core_count();
        return PENSTOCK_OK;
    }
    const size_t size = strlen(master);
    if (strncmp(master, "local[", 6) == 0 && master[size - 1] == ']' && size > 7 && size < 6 + 1 + 12) {
        char digits[16];
        snprintf(digits, sizeof digits, "%.*s", (int)(size - 7), master + 6);
        int64_t count = 0;
        if (ps_parse_integer(digits, &count) && count >= 1 && count <= PS_LIMIT_CORE_COUNT) {
            *core_count_out = count;
            return PENSTOCK_OK;
        }
        ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "master '%s': the number of cores is from 1 to %d",
                     master, PS_LIMIT_CORE_COUNT);
        return ps_error_hint(error, "%s", accepted_masters);
    }
    for (size_t i = 0; later[i] != NULL; i++) {
        if (strncmp(master, later[i], strlen(later[i])) == 0) {
            ps_error_set(error, PENSTOCK_UNSUPPORTED, "master '%s' cannot be used: %s", master,
                         accepted_masters);
            return PENSTOCK_UNSUPPORTED;
        }
    }
    ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "unknown master '%s': %s", master, accepted_masters);
    return PENSTOCK_INVALID_ARGUMENT;
}

static void free_project_scoped(struct ps_project **project) {
    ps_project_free(*project);
}

void ps_project_free(struct ps_project *project) {
    if (project != NULL) {
        ps_arena_free(project->arena); /* the project itself is in it */
    }
}

/* The folder's own name, for a manifest that gives none. */
static const char *folder_name(const char *folder, struct ps_arena *arena) {
    char *real = realpath(folder, NULL);
    const char *name = ps_arena_copy(arena, real != NULL ? ps_path_name(real) : ps_path_name(folder));
    free(real); /* tidy: allow memory: realpath allocates */
    return name;
}

/* What the values mean together. */
static penstock_code settle(struct ps_project *project, const struct ps_manifest_reading *reading,
                            struct penstock_error *error) {
    struct ps_manifest *manifest = &project->manifest;
    *manifest = reading->manifest;
    if (ps_master_read(manifest->master, &project->core_count, error) != PENSTOCK_OK) {
        if (error != NULL && reading->master_location.file != NULL &&
            error->code == PENSTOCK_INVALID_ARGUMENT) {
            error->code = PENSTOCK_INVALID_PROJECT;
        }
        return ps_error_at(error, reading->master_location, NULL, -1);
    }
    if (manifest->num_executors != 1) {
        ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                     "num-executors is %lld, but master %s has one executor, this process",
                     (long long)manifest->num_executors, manifest->master);
        ps_error_hint(error, "leave num-executors out, and say local[N] for N task slots");
        return ps_error_at(error, reading->executors_location, NULL, -1);
    }
    if (manifest->executor_cores > 0 && manifest->executor_cores < project->core_count) {
        project->core_count = manifest->executor_cores;
    }
    manifest->executor_memory += manifest->driver_memory;
    if (manifest->name == NULL || manifest->name[0] == '\0') {
        manifest->name = folder_name(project->folder, project->arena);
    }
    project->store_path = ps_path_join(project->arena, project->folder, manifest->store);
    project->variables = reading->variables;
    project->variable_count = reading->variable_count;
    return manifest->name != NULL && project->store_path != NULL ? PENSTOCK_OK
                                                                 : ps_error_memory(error, "a project");
}

struct file_list {
    char **paths; /* folder included */
    size_t count, capacity;
};

static void file_list_done(struct file_list *files) {
    ps_release(files->paths);
}

/* Files of one pattern, without those that an earlier pattern gave. */
static penstock_code add_pattern(struct ps_project *project, const struct ps_setting *pattern,
                                 struct file_list *files, struct penstock_error *error) {
    const char *full = ps_path_join(project->arena, project->folder, pattern->value);
    if (full == NULL) {
        return ps_error_memory(error, "a project");
    }
    char **found = NULL;
    size_t found_count = 0;
    PS_TRY(ps_file_glob(full, project->arena, &found, &found_count, error));
    if (found_count == 0) {
        ps_error_set(error, PENSTOCK_INVALID_PROJECT, "no SQL file matches '%s' in %s", pattern->value,
                     project->folder);
        ps_error_hint(error, "write one, or name the files under sql: in %s", PS_MANIFEST_FILE);
        return ps_error_at(error, pattern->location, NULL, -1);
    }
    for (size_t i = 0; i < found_count; i++) {
        bool is_known = false;
        for (size_t j = 0; j < files->count; j++) {
            is_known = is_known || strcmp(files->paths[j], found[i]) == 0;
        }
        if (!is_known) {
            void *paths = files->paths;
            PS_TRY(ps_grow(&paths, &files->capacity, files->count + 1, sizeof *files->paths, error));
            files->paths = paths;
            files->paths[files->count++] = found[i];
        }
    }
    return PENSTOCK_OK;
}

/* The name of a file as errors show it: relative to the project. */
static const char *shown_name(const struct ps_project *project, const char *path) {
    const size_t size = strlen(project->folder);
    if (strncmp(path, project->folder, size) == 0 && size > 0) {
        const char *rest = path + size;
        return *rest == '/' ? rest + 1 : project->folder[size - 1] == '/' ? rest : path;
    }
    return path;
}

static penstock_code read_file(struct ps_project *project, const char *path, struct penstock_error *error) {
    struct ps_bytes content = {NULL, 0};
    PS_TRY(ps_file_read(path, PS_LIMIT_PROJECT_FILE_SIZE, project->arena, &content, error));
    struct ps_statement *statements = NULL;
    size_t count = 0;
    PS_TRY(ps_statements_parse(shown_name(project, path), content.data, content.size, project->variables,
                               project->variable_count, project->arena, &statements, &count, error));
    struct ps_statement *all =
        ps_arena_allocate(project->arena, project->statement_count + count + 1, sizeof *all);
    if (all == NULL) {
        return ps_error_memory(error, "a project");
    }
    if (project->statement_count > 0) {
        memcpy(all, project->statements, project->statement_count * sizeof *all);
    }
    if (count > 0) {
        memcpy(all + project->statement_count, statements, count * sizeof *all);
    }
    project->statements = all;
    project->statement_count += count;
    return PENSTOCK_OK;
}

static penstock_code read_files(struct ps_project *project, const struct ps_manifest_reading *reading,
                                struct penstock_error *error) {
    static const struct ps_setting by_default = {"sql", "*.sql", {NULL, 0, 0}};
    const bool is_given = reading->patterns != NULL;
    struct file_list files PS_SCOPED(file_list_done) = {NULL, 0, 0};
    for (size_t i = 0; i < (is_given ? reading->pattern_count : 1); i++) {
        PS_TRY(add_pattern(project, is_given ? &reading->patterns[i] : &by_default, &files, error));
    }
    for (size_t i = 0; i < files.count; i++) {
        PS_TRY(read_file(project, files.paths[i], error));
    }
    return PENSTOCK_OK;
}

static penstock_code read_manifest(struct ps_project *project, struct ps_manifest_reading *reading,
                                   struct penstock_error *error) {
    const char *path = ps_path_join(project->arena, project->folder, PS_MANIFEST_FILE);
    if (path == NULL) {
        return ps_error_memory(error, "a project");
    }
    if (!ps_file_exists(path)) {
        ps_error_set(error, PENSTOCK_NOT_FOUND, "there is no %s in %s", PS_MANIFEST_FILE, project->folder);
        ps_error_hint(error, "penstock init NAME makes a project; --project DIR names one");
        return PENSTOCK_NOT_FOUND;
    }
    struct ps_bytes content = {NULL, 0};
    PS_TRY(ps_file_read(path, PS_LIMIT_PROJECT_FILE_SIZE, project->arena, &content, error));
    return ps_manifest_read(content.data, content.size, reading, error);
}

penstock_code ps_project_load(const char *folder, const struct ps_project_options *options,
                              struct ps_project **project_out, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_project *made = arena == NULL ? NULL : ps_arena_allocate(arena, 1, sizeof *made);
    if (made == NULL) {
        return ps_error_memory(error, "a project");
    }
    made->arena = ps_take(arena);
    struct ps_project *project PS_SCOPED(free_project_scoped) = made;
    project->folder = ps_arena_copy(project->arena, folder);
    if (project->folder == NULL) {
        return ps_error_memory(error, "a project");
    }
    struct ps_manifest_reading reading = {.options = options, .arena = project->arena};
    PS_TRY(read_manifest(project, &reading, error));
    PS_TRY(settle(project, &reading, error));
    PS_TRY(read_files(project, &reading, error));
    *project_out = ps_take(project);
    return PENSTOCK_OK;
}

const struct ps_statement *ps_project_find(const struct ps_project *project, const char *name) {
    for (size_t i = 0; i < project->statement_count; i++) {
        const struct ps_statement *statement = &project->statements[i];
        if (statement->name != NULL && ps_text_equal_nocase(statement->name, name)) {
            return statement;
        }
    }
    return NULL;
}

/* --- columns that sources add ------------------------------------------------------------------------------------- */

bool ps_project_adds_columns(const struct ps_project *project) {
    for (size_t i = 0; i < project->statement_count; i++) {
        const struct ps_statement *statement = &project->statements[i];
        if (statement->kind == PS_STATEMENT_SOURCE && statement->as.source.adds_columns) {
            return true;
        }
    }
    return false;
}

void ps_source_list_added(const struct ps_source_statement *source, struct ps_buffer *out) {
    const size_t end = source->schema.column_count - source->include_count;
    for (size_t i = end - source->added_count; i < end; i++) {
        const struct ps_column_schema *column = &source->schema.columns[i];
        ps_buffer_printf(out, "%s%s %s", i > end - source->added_count ? ", " : "", column->name,
                         column->type_text);
    }
}

bool ps_project_is_added(const struct ps_project *project, const char *column) {
    for (size_t i = 0; i < project->statement_count; i++) {
        const struct ps_statement *statement = &project->statements[i];
        const struct ps_source_statement *source = &statement->as.source;
        if (statement->kind != PS_STATEMENT_SOURCE || source->added_count == 0) {
            continue;
        }
        const size_t end = source->schema.column_count - source->include_count;
        const int64_t index = ps_schema_find(&source->schema, column);
        if (index >= (int64_t)(end - source->added_count) && index < (int64_t)end) {
            return true;
        }
    }
    return false;
}

/* A new one behind the declared and added ones; the columns of INCLUDE move. */
static void put_column(struct ps_source_statement *source, const struct ps_added_column *column) {
    struct ps_schema *schema = &source->schema;
    const size_t at = schema->column_count - source->include_count;
    memmove(&schema->columns[at + 1], &schema->columns[at], source->include_count * sizeof *schema->columns);
    memmove(&source->column_locations[at + 1], &source->column_locations[at],
            source->include_count * sizeof *source->column_locations);
    schema->columns[at] = (struct ps_column_schema){
        .name = column->name, .type_text = column->type, .type = ps_type_of_sql(column->type)};
    source->column_locations[at] = source->column_locations[0];
    schema->column_count++;
    source->added_count++;
    for (size_t i = 0; i < source->include_count; i++) {
        source->includes[i].column++;
    }
}

static void *copy_array(struct ps_arena *arena, const void *items, size_t count, size_t capacity,
                        size_t size) {
    void *copy = ps_arena_allocate(arena, capacity + 1, size);
    if (copy != NULL && count > 0) {
        memcpy(copy, items, count * size);
    }
    return copy;
}

/* Arrays of its own, with room for the columns. */
static bool copy_source(struct ps_source_statement *source, size_t more, struct ps_arena *arena) {
    const size_t count = source->schema.column_count;
    source->schema.columns =
        copy_array(arena, source->schema.columns, count, count + more, sizeof *source->schema.columns);
    source->column_locations =
        copy_array(arena, source->column_locations, count, count + more, sizeof *source->column_locations);
    source->includes = copy_array(arena, source->includes, source->include_count, source->include_count,
                                  sizeof *source->includes);
    return source->schema.columns != NULL && source->column_locations != NULL && source->includes != NULL;
}

penstock_code ps_project_grow(const struct ps_project *project, const struct ps_added_column *columns,
                              size_t column_count, struct ps_project **grown_out,
                              struct penstock_error *error) {
    struct ps_arena *arena = project->arena;
    struct ps_project *grown = copy_array(arena, project, 1, 1, sizeof *grown);
    struct ps_statement *statements = copy_array(arena, project->statements, project->statement_count,
                                                 project->statement_count, sizeof *statements);
    if (grown == NULL || statements == NULL) {
        return ps_error_memory(error, "a project");
    }
    for (size_t i = 0; i < project->statement_count; i++) {
        struct ps_source_statement *source = &statements[i].as.source;
        if (statements[i].kind != PS_STATEMENT_SOURCE || !source->adds_columns) {
            continue;
        }
        if (!copy_source(source, column_count, arena)) {
            return ps_error_memory(error, "a project");
        }
        for (size_t j = 0; j < column_count; j++) {
            const struct ps_added_column column = {statements[i].name, ps_arena_copy(arena, columns[j].name),
                                                   ps_arena_copy(arena, columns[j].type)};
            if (column.name == NULL || column.type == NULL) {
                return ps_error_memory(error, "a project");
            }
            if (ps_text_equal_nocase(columns[j].source, column.source) &&
                ps_schema_find(&source->schema, column.name) < 0) {
                put_column(source, &column);
            }
        }
    }
    grown->statements = statements;
    *grown_out = grown;
    return PENSTOCK_OK;
}
