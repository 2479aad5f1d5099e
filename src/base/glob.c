/* SPDX-License-Identifier: Apache-2.0
 *
 * glob.c - files that match a pattern, with '**' for any depth.
 *
 * A list of (folder, rest of the pattern) still to be looked into takes the place of recursion. A part
 * without wildcards is just appended, so that folders that may not be listed can still be passed through.
 */
#include <errno.h>
#include <fnmatch.h>

#include "base/file.h"
#include "base/limits.h"

struct place {
    const char *folder; /* "" or with its last '/' */
    const char *rest;   /* pattern below it, no leading '/' */
};

struct search {
    struct ps_arena *arena;
    struct place *places;
    size_t place_count, place_capacity;
    char **found;
    size_t found_count, found_capacity;
    struct penstock_error *error;
};

static penstock_code add_place(struct search *search, const char *folder, const char *rest) {
    void *items = search->places;
    PS_TRY(ps_grow(&items, &search->place_capacity, search->place_count + 1, sizeof *search->places, search->error));
    search->places = items;
    search->places[search->place_count++] = (struct place){folder, rest};
    return PENSTOCK_OK;
}

static penstock_code add_found(struct search *search, char *path) {
    if (search->found_count >= PS_LIMIT_FILE_COUNT) {
        return ps_error_set(search->error, PENSTOCK_UNSUPPORTED, "the pattern matches more than %d files", PS_LIMIT_FILE_COUNT);
    }
    void *items = search->found;
    PS_TRY(ps_grow(&items, &search->found_capacity, search->found_count + 1, sizeof *search->found, search->error));
    search->found = items;
    search->found[search->found_count++] = path;
    return PENSTOCK_OK;
}

/* `path` was reached and nothing (is_last) or `rest` of the pattern remains. */
static penstock_code reach(struct search *search, const char *folder, const char *name, bool is_last, const char *rest) {
    char *path = ps_arena_printf(search->arena, "%s%s", folder, name);
    if (path == NULL) {
        return ps_error_memory(search->error, "the files of a pattern");
    }
    struct ps_file_info info;
    if (ps_file_stat(path, &info, NULL) != PENSTOCK_OK) {
        return PENSTOCK_OK; /* gone meanwhile, or a part of the path that is not there */
    }
    if (is_last) {
        return info.is_regular ? add_found(search, path) : PENSTOCK_OK;
    }
    if (!info.is_directory) {
        return PENSTOCK_OK;
    }
    char *below = ps_arena_printf(search->arena, "%s/", path);
    return below != NULL ? add_place(search, below, rest) : ps_error_memory(search->error, "the files of a pattern");
}

static penstock_code list(struct search *search, const char *folder, char ***names_out, size_t *count_out) {
    struct penstock_error error;
    const penstock_code code = ps_file_list(folder[0] != '\0' ? folder : ".", search->arena, names_out, count_out, &error);
    if (code == PENSTOCK_NOT_FOUND) { /* nothing there is not an error of a pattern */
        *count_out = 0;
        return PENSTOCK_OK;
    }
    if (code != PENSTOCK_OK && search->error != NULL) {
        *search->error = error;
    }
    return code;
}

static penstock_code look(struct search *search, struct place place) {
    const char *slash = strchr(place.rest, '/');
    const size_t part_size = slash != NULL ? (size_t)(slash - place.rest) : strlen(place.rest);
    const char *part = ps_arena_copy_size(search->arena, place.rest, part_size);
    if (part == NULL) {
        return ps_error_memory(search->error, "the files of a pattern");
    }
    const char *rest = slash != NULL ? slash + 1 : "";
    if (strpbrk(part, "*?[\\") == NULL) {
        return reach(search, place.folder, part, slash == NULL, rest);
    }
    char **names;
    size_t count = 0;
    PS_TRY(list(search, place.folder, &names, &count));
    const bool is_deep = strcmp(part, "**") == 0;
    if (is_deep && slash != NULL) {
        PS_TRY(add_place(search, place.folder, rest)); /* '**' may stand for no folder at all */
    }
    for (size_t i = 0; i < count; i++) {
        if (is_deep) {
            if (names[i][0] == '.') {
                continue;
            }
            PS_TRY(reach(search, place.folder, names[i], false, place.rest));
            if (slash == NULL) {
                PS_TRY(reach(search, place.folder, names[i], true, rest));
            }
        } else if (fnmatch(part, names[i], FNM_PERIOD) == 0) {
            PS_TRY(reach(search, place.folder, names[i], slash == NULL, rest));
        }
    }
    return PENSTOCK_OK;
}

static int compare_paths(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void search_done(struct search *search) {
    ps_release(search->places);
    ps_release(search->found);
}

penstock_code ps_file_glob(const char *pattern, struct ps_arena *arena, char ***paths_out, size_t *count_out,
                           struct penstock_error *error) {
    struct search search PS_SCOPED(search_done) = {.arena = arena, .error = error};
    const bool is_absolute = pattern[0] == '/';
    while (*pattern == '/') {
        pattern++;
    }
    PS_TRY(add_place(&search, is_absolute ? "/" : "", pattern));
    while (search.place_count > 0) {
        PS_TRY(look(&search, search.places[--search.place_count]));
    }
    char **paths = ps_arena_allocate(arena, search.found_count + 1, sizeof *paths);
    if (paths == NULL) {
        return ps_error_memory(error, "the files of a pattern");
    }
    size_t count = 0;
    if (search.found_count > 0) {
        qsort(search.found, search.found_count, sizeof *search.found, compare_paths);
    }
    for (size_t i = 0; i < search.found_count; i++) {
        if (count == 0 || strcmp(paths[count - 1], search.found[i]) != 0) { /* '**' can reach a file twice */
            paths[count++] = search.found[i];
        }
    }
    *paths_out = paths;
    *count_out = count;
    return PENSTOCK_OK;
}
