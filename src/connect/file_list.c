/* SPDX-License-Identifier: Apache-2.0
 *
 * file_list.c - which files a source has.
 *
 * Files that are found together get their ordinals in the order of their names; later ones come after them.
 * The ordinal is in the position from the first epoch after the discovery, so a restart reads in the same
 * order. A file that is gone is an error only if something of it was still to be read.
 */
#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "connect/file_source.h"

static int compare_names(const void *left, const void *right) {
    const struct ps_file_entry *const *a = left;
    const struct ps_file_entry *const *b = right;
    return strcmp((*a)->name, (*b)->name);
}

static bool ends_with(const char *text, const char *end) {
    const size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && ps_text_equal_nocase(text + size - end_size, end);
}

static enum ps_file_kind kind_of(const struct ps_file_source *source, const char *name) {
    if (strcmp(source->setup->encode, "parquet") == 0) {
        return PS_FILE_PARQUET;
    }
    const bool is_packed = strcmp(source->config->compression, "gzip") == 0 ||
                           (strcmp(source->config->compression, "auto") == 0 && ends_with(name, ".gz"));
    return is_packed ? PS_FILE_GZIP : PS_FILE_PLAIN;
}

penstock_code ps_file_add(struct ps_file_source *source, const char *name, const char *path, int64_t ordinal,
                          struct ps_file_entry **entry_out, struct penstock_error *error) {
    if (source->count >= PS_LIMIT_FILE_COUNT) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "%s: more than %d files match",
                            source->config->path, PS_LIMIT_FILE_COUNT);
    }
    void *items = source->items;
    const penstock_code grown =
        ps_grow(&items, &source->capacity, source->count + 1, sizeof(*source->items), error);
    source->items = items;
    PS_TRY(grown);
    struct ps_file_entry *entry = ps_arena_allocate(source->arena, 1, sizeof(*entry));
    if (entry == NULL) {
        return ps_error_memory(error, "the list of files");
    }
    entry->name = ps_arena_copy(source->arena, name);
    entry->path = ps_arena_copy(source->arena, path);
    if (entry->name == NULL || entry->path == NULL) {
        return ps_error_memory(error, "the list of files");
    }
    entry->ordinal = ordinal;
    entry->kind = kind_of(source, name);
    source->ordinal_next = ordinal >= source->ordinal_next ? ordinal + 1 : source->ordinal_next;
    source->items[source->count++] = entry;
    *entry_out = entry;
    return PENSTOCK_OK;
}

penstock_code ps_file_sort(struct ps_file_source *source, struct penstock_error *error) {
    void *by_name = source->by_name;
    const penstock_code grown =
        ps_grow(&by_name, &source->name_capacity, source->count, sizeof(*source->by_name), error);
    source->by_name = by_name;
    PS_TRY(grown);
    if (source->count > 0) {
        memcpy(source->by_name, source->items, source->count * sizeof(*source->items));
        qsort(source->by_name, source->count, sizeof(*source->by_name), compare_names);
    }
    source->name_count = source->count;
    return PENSTOCK_OK;
}

struct ps_file_entry *ps_file_find(const struct ps_file_source *source, const char *name) {
    size_t low = 0, high = source->name_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(source->by_name[middle]->name, name);
        if (order == 0) {
            return source->by_name[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

/* --- one look at the world ------------------------------------------------------------------------------- */

/* The name of a found path: without the project's folder in front. */
static const char *name_of(const struct ps_file_source *source, const char *path) {
    const char *folder = source->setup->folder;
    const size_t size = folder == NULL ? 0 : strlen(folder);
    if (size == 0 || strncmp(path, folder, size) != 0 || (path[size] != '/' && folder[size - 1] != '/')) {
        return path;
    }
    path += size;
    while (*path == '/') {
        path++;
    }
    return path;
}

static penstock_code refuse_name(const char *name, struct penstock_error *error) {
    static const char *const packed[] = {".zst", ".bz2", ".xz", ".lz4", ".zip", NULL};
    for (size_t i = 0; packed[i] != NULL; i++) {
        if (ends_with(name, packed[i])) {
            (void)ps_error_set(error, PENSTOCK_UNSUPPORTED, "%s: files packed as %s cannot be read", name,
                               packed[i]);
            return ps_error_hint(error, "pack it with gzip, or unpack it");
        }
    }
    size_t bad;
    if (!ps_bytes_is_utf8(ps_bytes_of(name), &bad)) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                           "the name of a file is not UTF-8 at byte %zu of '%s'", bad, name);
        return ps_error_hint(error, "rename it");
    }
    return PENSTOCK_OK;
}

static penstock_code add_found(struct ps_file_source *source, const char *path,
                               struct penstock_error *error) {
    const char *name = name_of(source, path);
    struct ps_file_entry *entry = ps_file_find(source, name);
    if (entry != NULL) {
        entry->is_present = true;
        return PENSTOCK_OK;
    }
    PS_TRY(refuse_name(name, error));
    struct ps_file_info info;
    if (ps_file_stat(path, &info, error) != PENSTOCK_OK) {
        ps_error_clear(error); /* gone again since the folder was read: never seen */
        return PENSTOCK_OK;
    }
    PS_TRY(ps_file_add(source, name, path, source->ordinal_next, &entry, error));
    entry->is_present = true;
    entry->state.size = info.size;
    return PENSTOCK_OK;
}

/* Nothing matched: is that a mistake in the path? */
static penstock_code check_nothing(const struct ps_file_source *source, const char *pattern, const char *path,
                                   struct ps_arena *arena, struct penstock_error *error) {
    const char *wildcard = strpbrk(path, "*?[");
    char *folder = ps_arena_copy(arena, path);
    if (folder == NULL) {
        return ps_error_memory(error, "the list of files");
    }
    if (wildcard != NULL) {
        folder[wildcard - path] = '\0';
    }
    char *slash = strrchr(folder, '/');
    struct stat found;
    if (wildcard == NULL && stat(path, &found) == 0 && S_ISDIR(found.st_mode)) {
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "source %s: path '%s' is a folder",
                           source->setup->name, pattern);
        return ps_error_hint(error, "give a pattern, such as '%s/*.%s'", pattern,
                             strcmp(source->setup->encode, "json") == 0 ? "ndjson" : source->setup->encode);
    }
    if (wildcard == NULL) {
        (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "source %s: there is no file %s", source->setup->name,
                           pattern);
        return ps_error_hint(
            error, "path starts at the project's folder; a pattern (with * or ?) may match nothing yet");
    }
    if (slash != NULL && slash != folder) {
        *slash = '\0';
        if (stat(folder, &found) != 0 || !S_ISDIR(found.st_mode)) {
            (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "source %s: path '%s': there is no folder %s",
                               source->setup->name, pattern, name_of(source, folder));
            return ps_error_hint(error, "path starts at the project's folder");
        }
    }
    return PENSTOCK_OK;
}

static penstock_code discover_pattern(struct ps_file_source *source, const char *pattern,
                                      struct ps_arena *arena, struct penstock_error *error) {
    const char *path = ps_path_join(arena, source->setup->folder, pattern);
    char **paths = NULL;
    size_t count = 0;
    if (path == NULL) {
        return ps_error_memory(error, "the list of files");
    }
    PS_TRY(ps_file_glob(path, arena, &paths, &count, error));
    for (size_t i = 0; i < count; i++) {
        PS_TRY(add_found(source, paths[i], error));
    }
    const bool is_known = strpbrk(path, "*?[") != NULL ? source->count > 0
                                                       : ps_file_find(source, name_of(source, path)) != NULL;
    return count > 0 || is_known ? PENSTOCK_OK : check_nothing(source, pattern, path, arena, error);
}

/* A file that was there and is not any more. */
static penstock_code check_gone(const struct ps_file_source *source, struct ps_file_entry *entry,
                                struct penstock_error *error) {
    const int64_t size = entry->state.size > entry->seen.size ? entry->state.size : entry->seen.size;
    const bool is_unread =
        entry->kind == PS_FILE_PLAIN ? size > entry->offset : !entry->state.is_complete && size > 0;
    struct stat found;
    if (!is_unread || strcmp(source->config->on_lost, "skip") == 0 || stat(entry->path, &found) == 0) {
        return PENSTOCK_OK; /* read to its end, given up, or no longer matched by the pattern */
    }
    const int cause = errno;
    if (cause != ENOENT && cause != ENOTDIR) {
        return ps_error_errno(error, cause, "cannot read %s", entry->name);
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                       "%s vanished before it was read to its end: it had %" PRId64
                       " bytes, and reading stopped at %s %" PRId64,
                       entry->name, size, entry->kind == PS_FILE_PARQUET ? "row group" : "byte",
                       entry->offset);
    return ps_error_hint(error,
                         "put it back, or set on_lost = 'skip' in WITH to go on without the rest of it");
}

/* Files of one discovery: in the order of their names, whatever pattern found them. */
static void order_new(struct ps_file_source *source, size_t known) {
    const int64_t first = source->ordinal_next - (int64_t)(source->count - known);
    qsort(source->items + known, source->count - known, sizeof(*source->items), compare_names);
    for (size_t i = known; i < source->count; i++) {
        source->items[i]->ordinal = first + (int64_t)(i - known);
    }
}

penstock_code ps_file_discover(struct ps_file_source *source, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    char *patterns = arena == NULL ? NULL : ps_arena_copy(arena, source->config->path);
    if (patterns == NULL) {
        return ps_error_memory(error, "the list of files");
    }
    for (size_t i = 0; i < source->count; i++) {
        source->items[i]->is_present = false;
    }
    const size_t known = source->count;
    char *rest = NULL;
    for (char *pattern = strtok_r(patterns, ",", &rest); pattern != NULL;
         pattern = strtok_r(NULL, ",", &rest)) {
        pattern += strspn(pattern, " \t\r\n");
        size_t size = strlen(pattern);
        while (size > 0 && strchr(" \t\r\n", pattern[size - 1]) != NULL) {
            pattern[--size] = '\0';
        }
        if (size == 0) {
            continue;
        }
        const size_t before = source->count;
        PS_TRY(discover_pattern(source, pattern, arena, error));
        if (source->count > before) {
            PS_TRY(ps_file_sort(source, error));
        }
    }
    if (source->count > known) {
        order_new(source, known);
    }
    for (size_t i = 0; i < known; i++) {
        if (!source->items[i]->is_present) {
            PS_TRY(check_gone(source, source->items[i], error));
        }
    }
    return PENSTOCK_OK;
}
