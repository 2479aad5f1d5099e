/* SPDX-License-Identifier: Apache-2.0
 *
 * file.c - files and folders: read whole, replaced whole, listed in a fixed order.
 *
 * Order matters: whoever reads the files of a folder must meet them in the same order on every machine, so
 * names are sorted by byte value, not by locale.
 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"

/* For PS_SCOPED: closes a descriptor that was opened. */
static void close_scoped(const int *descriptor) {
    if (*descriptor >= 0) {
        (void)close(*descriptor);
    }
}

penstock_code ps_file_stat(const char *path, struct ps_file_info *info_out, struct penstock_error *error) {
    struct stat status;
    if (stat(path, &status) != 0) {
        return ps_error_errno(error, errno, "%s", path);
    }
    *info_out = (struct ps_file_info){
        .size = (int64_t)status.st_size,
        .modified_ms = (int64_t)status.st_mtim.tv_sec * 1000 + (int64_t)status.st_mtim.tv_nsec / 1000000,
        .inode = (uint64_t)status.st_ino,
        .device = (uint64_t)status.st_dev,
        .is_directory = S_ISDIR(status.st_mode),
        .is_regular = S_ISREG(status.st_mode),
    };
    return PENSTOCK_OK;
}

bool ps_file_exists(const char *path) {
    struct stat status;
    return stat(path, &status) == 0;
}

/* Reads until the end of the file or one byte over the buffer's limit, which marks the buffer as failed. */
static penstock_code read_all(int descriptor, const char *path, struct ps_buffer *buffer,
                              struct penstock_error *error) {
    char chunk[16384];
    while (!buffer->failed) {
        const ssize_t count = read(descriptor, chunk, sizeof chunk);
        if (count == 0) {
            return PENSTOCK_OK;
        }
        if (count < 0) {
            if (errno == EINTR) {
                continue;
            }
            return ps_error_errno(error, errno, "read %s", path);
        }
        ps_buffer_add(buffer, chunk, (size_t)count);
    }
    if (buffer->size_max - buffer->size >= sizeof chunk) {
        return ps_error_memory(error, path);
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "%s is larger than the limit of %zu bytes", path,
                       buffer->size_max);
    (void)ps_error_hint(error, "is it the right file?");
    return PENSTOCK_INVALID_DATA;
}

penstock_code ps_file_read(const char *path, size_t size_max, struct ps_arena *arena,
                           struct ps_bytes *content_out, struct penstock_error *error) {
    const int descriptor PS_SCOPED(close_scoped) = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return ps_error_errno(error, errno, "open %s", path);
    }
    struct ps_buffer buffer PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&buffer, size_max);
    PS_TRY(read_all(descriptor, path, &buffer, error));
    char *content = ps_arena_copy_size(arena, buffer.data, buffer.size);
    if (content == NULL) {
        return ps_error_memory(error, path);
    }
    *content_out = (struct ps_bytes){content, buffer.size};
    return PENSTOCK_OK;
}

static penstock_code write_all(int descriptor, const char *path, const char *data, size_t size,
                               struct penstock_error *error) {
    size_t written = 0;
    while (written < size) {
        const ssize_t count = write(descriptor, data + written, size - written);
        if (count < 0 && errno != EINTR) {
            return ps_error_errno(error, errno, "write %s", path);
        }
        written += count > 0 ? (size_t)count : 0;
    }
    return PENSTOCK_OK;
}

static penstock_code write_temporary(const char *temporary, const char *path, const char *data, size_t size,
                                     struct penstock_error *error) {
    const int descriptor PS_SCOPED(close_scoped) =
        open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor < 0) {
        return ps_error_errno(error, errno, "create %s", temporary);
    }
    PS_TRY(write_all(descriptor, path, data, size, error));
    if (fsync(descriptor) != 0) {
        return ps_error_errno(error, errno, "write %s to the disk", path);
    }
    if (rename(temporary, path) != 0) {
        return ps_error_errno(error, errno, "rename %s to %s", temporary, path);
    }
    return PENSTOCK_OK;
}

penstock_code ps_file_sync_name(const char *path, struct penstock_error *error) {
    char *folder PS_SCOPED(ps_release_scoped) = ps_duplicate(path);
    if (folder == NULL) {
        return ps_error_memory(error, path);
    }
    char *slash = strrchr(folder, '/');
    const char *name = ".";
    if (slash != NULL) {
        slash[slash == folder ? 1 : 0] = '\0';
        name = folder;
    }
    const int descriptor PS_SCOPED(close_scoped) = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) {
        return ps_error_errno(error, errno, "open folder %s", name);
    }
    /* EINVAL: a file system that cannot, and so has nothing to do */
    if (fsync(descriptor) != 0 && errno != EINVAL) {
        return ps_error_errno(error, errno, "write folder %s to the disk", name);
    }
    return PENSTOCK_OK;
}

penstock_code ps_file_replace(const char *path, const char *data, size_t size, struct penstock_error *error) {
    /* named by thread, so that two threads never write the same temporary file */
    struct ps_buffer temporary PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&temporary, PS_LIMIT_PROJECT_FILE_SIZE);
    ps_buffer_printf(&temporary, "%s.tmp.%lld", path, (long long)gettid());
    PS_TRY(ps_buffer_status(&temporary, error));
    const penstock_code code = write_temporary(temporary.data, path, data, size, error);
    if (code != PENSTOCK_OK) {
        (void)unlink(temporary.data);
        return code;
    }
    return ps_file_sync_name(path, error);
}

penstock_code ps_file_make_folders(const char *path, struct penstock_error *error) {
    char *prefix PS_SCOPED(ps_release_scoped) = ps_duplicate(path);
    if (prefix == NULL) {
        return ps_error_memory(error, path);
    }
    const size_t size = strlen(prefix);
    for (size_t index = 1; index <= size; index++) {
        if (path[index] != '/' && path[index] != '\0') {
            continue;
        }
        prefix[index] = '\0';
        if (mkdir(prefix, 0777) != 0 && errno != EEXIST) {
            return ps_error_errno(error, errno, "create folder %s", prefix);
        }
        prefix[index] = path[index];
    }
    struct ps_file_info info = {0};
    PS_TRY(ps_file_stat(path, &info, error));
    if (!info.is_directory) {
        (void)ps_error_set(error, PENSTOCK_IO, "create folder %s: there is a file of that name", path);
        (void)ps_error_hint(error, "move the file away, or choose another folder");
        if (error != NULL) {
            error->remedy = PENSTOCK_GIVE_UP;
        }
        return PENSTOCK_IO;
    }
    return PENSTOCK_OK;
}

/* --- listing ------------------------------------------------------------------------------------------ */

static int compare_names(const void *left, const void *right) {
    const char *const *left_name = left;
    const char *const *right_name = right;
    return strcmp(*left_name, *right_name);
}

static void close_folder_scoped(DIR **folder) {
    if (*folder != NULL) {
        (void)closedir(*folder);
    }
}

penstock_code ps_file_list(const char *folder, struct ps_arena *arena, char ***names_out, size_t *count_out,
                           struct penstock_error *error) {
    DIR *stream PS_SCOPED(close_folder_scoped) = opendir(folder);
    if (stream == NULL) {
        return ps_error_errno(error, errno, "open folder %s", folder);
    }
    void *list PS_SCOPED(ps_release_scoped) = NULL;
    size_t capacity = 0, count = 0;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL) {
            if (errno != 0) {
                return ps_error_errno(error, errno, "read folder %s", folder);
            }
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        PS_TRY(ps_grow(&list, &capacity, count + 1, sizeof(char *), error));
        char *name = ps_arena_copy(arena, entry->d_name);
        if (name == NULL) {
            return ps_error_memory(error, folder);
        }
        ((char **)list)[count++] = name;
    }
    char **names = ps_arena_allocate(arena, count + 1, sizeof *names);
    if (names == NULL) {
        return ps_error_memory(error, folder);
    }
    if (count > 0) {
        memcpy(names, list, count * sizeof *names);
        qsort(names, count, sizeof *names, compare_names);
    }
    *names_out = names;
    *count_out = count;
    return PENSTOCK_OK;
}

/* --- paths -------------------------------------------------------------------------------------------- */

char *ps_path_join(struct ps_arena *arena, const char *folder, const char *path) {
    const size_t size = strlen(folder);
    if (path[0] == '/' || size == 0) {
        return ps_arena_copy(arena, path);
    }
    return ps_arena_printf(arena, "%s%s%s", folder, folder[size - 1] == '/' ? "" : "/", path);
}

const char *ps_path_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}
