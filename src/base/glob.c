/* SPDX-License-Identifier: Apache-2.0
 *
 * glob.c - files that match a shell pattern, "**" for folders of any depth.
 *
 * The C library's glob() knows no "**", hides errors and follows links in circles. Here a list of places
 * still to look at (a path, and how many parts of the pattern it has matched) replaces recursion. A folder
 * that may not be read is an error: a source that silently leaves out files loses records. Links to folders
 * are followed where the pattern names them, not below "**". Names with a leading dot want a pattern with one.
 */
#include "base/file.h"

#include <errno.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include "base/limits.h"

struct place {
    char *path;  /* "" is the current folder */
    size_t part; /* the next part of the pattern */
};

struct glob {
    struct ps_arena *arena; /* of this call: paths on the way */
    const char **parts;
    size_t part_count;
    struct place *places;
    size_t place_count, place_capacity;
    char **found;
    size_t found_count, found_capacity;
};

static bool has_magic(const char *part) {
    return strpbrk(part, "*?[\\") != NULL;
}

static bool is_any_depth(const char *part) {
    return strcmp(part, "**") == 0;
}

/* Splits the pattern at '/'; empty and doubled "**" parts are left out, and "a/" + "**" means every file below. */
static penstock_code split_pattern(struct glob *glob, const char *pattern, struct penstock_error *error) {
    char *text = ps_arena_copy(glob->arena, pattern);
    glob->parts = ps_arena_allocate(glob->arena, strlen(pattern) + 2, sizeof *glob->parts);
    if (text == NULL || glob->parts == NULL) {
        return ps_error_memory(error, pattern);
    }
    while (text != NULL) {
        const char *part = strsep(&text, "/");
        const bool is_again =
            glob->part_count > 0 && is_any_depth(part) && is_any_depth(glob->parts[glob->part_count - 1]);
        if (part[0] != '\0' && !is_again) {
            glob->parts[glob->part_count++] = part;
        }
    }
    if (glob->part_count > 0 && is_any_depth(glob->parts[glob->part_count - 1])) {
        glob->parts[glob->part_count++] = "*";
    }
    return PENSTOCK_OK;
}

static penstock_code add_place(struct glob *glob, const char *folder, const char *name, size_t part,
                               struct penstock_error *error) {
    char *path = name == NULL ? ps_arena_copy(glob->arena, folder) : ps_path_join(glob->arena, folder, name);
    if (path == NULL) {
        return ps_error_memory(error, folder);
    }
    PS_TRY(ps_grow((void **)&glob->places, &glob->place_capacity, glob->place_count + 1, sizeof *glob->places,
                   error));
    glob->places[glob->place_count++] = (struct place){path, part};
    return PENSTOCK_OK;
}

static penstock_code add_found(struct glob *glob, char *path, struct penstock_error *error) {
    if (glob->found_count == PS_LIMIT_FILE_COUNT) {
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "the pattern matches more than %d files",
                           PS_LIMIT_FILE_COUNT);
        return ps_error_hint(error, "narrow the pattern, or put the records into fewer, larger files");
    }
    PS_TRY(ps_grow((void **)&glob->found, &glob->found_capacity, glob->found_count + 1, sizeof *glob->found,
                   error));
    glob->found[glob->found_count++] = path;
    return PENSTOCK_OK;
}

/* Names in a folder; none if it is no folder or is gone, which a pattern simply does not match. */
static penstock_code list_folder(struct glob *glob, const char *path, char ***names_out, size_t *count_out,
                                 struct penstock_error *error) {
    *count_out = 0;
    struct stat status;
    const char *folder = path[0] == '\0' ? "." : path;
    if (stat(folder, &status) != 0) {
        return errno == ENOENT || errno == ENOTDIR ? PENSTOCK_OK : ps_error_errno(error, errno, "%s", folder);
    }
    if (!S_ISDIR(status.st_mode)) {
        return PENSTOCK_OK;
    }
    const penstock_code code = ps_file_list(folder, glob->arena, names_out, count_out, error);
    return code == PENSTOCK_NOT_FOUND ? PENSTOCK_OK : code;
}

/* "**" here: goes on with the next part in this folder, and with "**" in every folder of it. */
static penstock_code visit_any_depth(struct glob *glob, struct place place, struct penstock_error *error) {
    PS_TRY(add_place(glob, place.path, NULL, place.part + 1, error));
    char **names;
    size_t count;
    PS_TRY(list_folder(glob, place.path, &names, &count, error));
    for (size_t index = 0; index < count; index++) {
        if (names[index][0] == '.') {
            continue;
        }
        const char *path = ps_path_join(glob->arena, place.path, names[index]);
        if (path == NULL) {
            return ps_error_memory(error, place.path);
        }
        struct stat status;
        if (lstat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
            PS_TRY(add_place(glob, path, NULL, place.part, error));
        }
    }
    return PENSTOCK_OK;
}

static penstock_code visit(struct glob *glob, struct place place, struct penstock_error *error) {
    if (place.part == glob->part_count) {
        struct stat status;
        if (stat(place.path, &status) == 0) {
            return S_ISREG(status.st_mode) ? add_found(glob, place.path, error) : PENSTOCK_OK;
        }
        return errno == ENOENT || errno == ENOTDIR ? PENSTOCK_OK
                                                   : ps_error_errno(error, errno, "%s", place.path);
    }
    const char *part = glob->parts[place.part];
    if (is_any_depth(part)) {
        return visit_any_depth(glob, place, error);
    }
    if (!has_magic(part)) {
        return add_place(glob, place.path, part, place.part + 1, error);
    }
    char **names;
    size_t count;
    PS_TRY(list_folder(glob, place.path, &names, &count, error));
    for (size_t index = 0; index < count; index++) {
        if (fnmatch(part, names[index], FNM_PERIOD) == 0) {
            PS_TRY(add_place(glob, place.path, names[index], place.part + 1, error));
        }
    }
    return PENSTOCK_OK;
}

static int compare_paths(const void *left, const void *right) {
    const char *const *left_path = left;
    const char *const *right_path = right;
    return strcmp(*left_path, *right_path);
}

/* Sorted, each once ("a/" + "**" + "/b/" + "**" can meet one file on two ways), in the caller's arena. */
static penstock_code hand_out(const struct glob *glob, struct ps_arena *arena, char ***paths_out,
                              size_t *count_out, struct penstock_error *error) {
    char **paths = ps_arena_allocate(arena, glob->found_count + 1, sizeof *paths);
    if (paths == NULL) {
        return ps_error_memory(error, "a list of files");
    }
    if (glob->found_count > 0) {
        qsort(glob->found, glob->found_count, sizeof *glob->found, compare_paths);
    }
    size_t count = 0;
    for (size_t index = 0; index < glob->found_count; index++) {
        if (index > 0 && strcmp(glob->found[index], glob->found[index - 1]) == 0) {
            continue;
        }
        paths[count] = ps_arena_copy(arena, glob->found[index]);
        if (paths[count] == NULL) {
            return ps_error_memory(error, "a list of files");
        }
        count++;
    }
    *paths_out = paths;
    *count_out = count;
    return PENSTOCK_OK;
}

static void done_scoped(struct glob *glob) {
    ps_release(glob->places);
    ps_release(glob->found);
    ps_arena_free(glob->arena);
}

penstock_code ps_file_glob(const char *pattern, struct ps_arena *arena, char ***paths_out, size_t *count_out,
                           struct penstock_error *error) {
    struct glob glob PS_SCOPED(done_scoped) = {.arena = ps_arena_new(0)};
    if (glob.arena == NULL) {
        return ps_error_memory(error, pattern);
    }
    PS_TRY(split_pattern(&glob, pattern, error));
    if (glob.part_count > 0) {
        PS_TRY(add_place(&glob, pattern[0] == '/' ? "/" : "", NULL, 0, error));
    }
    while (glob.place_count > 0) {
        const struct place place = glob.places[--glob.place_count];
        const penstock_code code = visit(&glob, place, error);
        if (code != PENSTOCK_OK) {
            (void)ps_error_context(error, "files %s", pattern);
            return code;
        }
    }
    return hand_out(&glob, arena, paths_out, count_out, error);
}
