/* SPDX-License-Identifier: Apache-2.0
 *
 * file.c - reading, replacing and listing files.
 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_scoped(int *descriptor) {
    if (*descriptor >= 0) {
        close(*descriptor);
    }
}

penstock_code ps_file_stat(const char *path, struct ps_file_info *info_out, struct penstock_error *error) {
    struct stat status;
    if (stat(path, &status) != 0) {
        return ps_error_errno(error, errno, "%s", path);
    }
    *info_out = (struct ps_file_info){
        .size = status.st_size,
        .modified_ms = (int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000,
        .inode = status.st_ino,
        .device = status.st_dev,
        .is_directory = S_ISDIR(status.st_mode),
        .is_regular = S_ISREG(status.st_mode),
    };
    return PENSTOCK_OK;
}

bool ps_file_exists(const char *path) {
    return access(path, F_OK) == 0;
}

penstock_code ps_file_read(const char *path, size_t size_max, struct ps_arena *arena, struct ps_bytes *content_out,
                           struct penstock_error *error) {
    int descriptor PS_SCOPED(close_scoped) = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (descriptor < 0 || fstat(descriptor, &status) != 0) {
        return ps_error_errno(error, errno, "%s", path);
    }
    if (S_ISDIR(status.st_mode)) {
        return ps_error_errno(error, EISDIR, "%s", path);
    }
    struct ps_buffer content PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&content, size_max);
    char block[16384];
    for (;;) {
        const ssize_t got = read(descriptor, block, sizeof block);
        if (got == 0) {
            break;
        }
        if (got < 0 && errno != EINTR) {
            return ps_error_errno(error, errno, "%s", path);
        }
        if (got > 0) {
            ps_buffer_add(&content, block, (size_t)got);
        }
        if (content.failed) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA, "%s is larger than %zu bytes", path, size_max);
        }
    }
    const char *data = ps_arena_copy_size(arena, content.data, content.size);
    if (data == NULL) {
        return ps_error_memory(error, path);
    }
    *content_out = (struct ps_bytes){data, content.size};
    return PENSTOCK_OK;
}

static penstock_code write_all(int descriptor, const char *data, size_t size, const char *path,
                               struct penstock_error *error) {
    while (size > 0) {
        const ssize_t written = write(descriptor, data, size);
        if (written < 0) {
            if (errno == EINTR) {
                continue;
            }
            return ps_error_errno(error, errno, "write %s", path);
        }
        data += written;
        size -= (size_t)written;
    }
    return PENSTOCK_OK;
}

/* The rename is durable once the folder is. */
static void sync_folder(const char *path) {
    char folder[4096];
    const char *slash = strrchr(path, '/');
    const size_t size = slash == NULL ? 0 : (size_t)(slash - path);
    if (size >= sizeof folder) {
        return;
    }
    memcpy(folder, size > 0 ? path : ".", size > 0 ? size : 1);
    folder[size > 0 ? size : 1] = '\0';
    int descriptor PS_SCOPED(close_scoped) = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
        fsync(descriptor);
    }
}

penstock_code ps_file_replace(const char *path, const char *data, size_t size, struct penstock_error *error) {
    char temporary[4096];
    const int length = snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof temporary) {
        return ps_error_errno(error, ENAMETOOLONG, "%s", path);
    }
    int descriptor PS_SCOPED(close_scoped) = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor < 0) {
        return ps_error_errno(error, errno, "write %s", path);
    }
    penstock_code code = write_all(descriptor, data, size, path, error);
    if (code == PENSTOCK_OK && fsync(descriptor) != 0) {
        code = ps_error_errno(error, errno, "write %s", path);
    }
    if (code == PENSTOCK_OK && rename(temporary, path) != 0) {
        code = ps_error_errno(error, errno, "write %s", path);
    }
    if (code != PENSTOCK_OK) {
        unlink(temporary);
        return code;
    }
    sync_folder(path);
    return PENSTOCK_OK;
}

penstock_code ps_file_make_folders(const char *path, struct penstock_error *error) {
    char part[4096];
    const size_t size = strlen(path);
    if (size >= sizeof part) {
        return ps_error_errno(error, ENAMETOOLONG, "%s", path);
    }
    for (size_t i = 1; i <= size; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST) {
            return ps_error_errno(error, errno, "make the folder %s", part);
        }
    }
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode)) {
        return ps_error_errno(error, ENOTDIR, "make the folder %s", path);
    }
    return PENSTOCK_OK;
}

static int compare_names(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void close_folder(DIR **folder) {
    if (*folder != NULL) {
        closedir(*folder);
    }
}

penstock_code ps_file_list(const char *folder, struct ps_arena *arena, char ***names_out, size_t *count_out,
                           struct penstock_error *error) {
    DIR *directory PS_SCOPED(close_folder) = opendir(folder);
    if (directory == NULL) {
        return ps_error_errno(error, errno, "%s", folder);
    }
    char **names PS_SCOPED(ps_release_scoped) = NULL;
    size_t count = 0, capacity = 0;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (entry == NULL) {
            if (errno != 0) {
                return ps_error_errno(error, errno, "%s", folder);
            }
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        void *items = names;
        PS_TRY(ps_grow(&items, &capacity, count + 1, sizeof *names, error));
        names = items;
        names[count] = ps_arena_copy(arena, entry->d_name);
        if (names[count++] == NULL) {
            return ps_error_memory(error, folder);
        }
    }
    char **sorted = ps_arena_allocate(arena, count + 1, sizeof *sorted);
    if (sorted == NULL) {
        return ps_error_memory(error, folder);
    }
    if (count > 0) {
        memcpy(sorted, names, count * sizeof *sorted);
        qsort(sorted, count, sizeof *sorted, compare_names);
    }
    *names_out = sorted;
    *count_out = count;
    return PENSTOCK_OK;
}

char *ps_path_join(struct ps_arena *arena, const char *folder, const char *path) {
    if (path[0] == '/' || folder == NULL || folder[0] == '\0' || strcmp(folder, ".") == 0) {
        return ps_arena_copy(arena, path);
    }
    const size_t size = strlen(folder);
    return ps_arena_printf(arena, "%s%s%s", folder, folder[size - 1] == '/' ? "" : "/", path);
}

const char *ps_path_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}
