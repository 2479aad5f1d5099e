/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_disk.c - durable files and names; see sink_disk.h.
 */
#include "connect/sink_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

/* A commit holds the lock for milliseconds: who holds it longer hangs, or was stopped. */
#define LOCK_WAIT_MS 5000
#define LOCK_STEP_MS 5
#define COPY_SIZE ((size_t)64 << 10)
#define OPEN_FOLDERS_MAX 16

static void close_scoped(const int *descriptor) {
    if (*descriptor >= 0) {
        (void)close(*descriptor);
    }
}

char *ps_disk_parent(struct ps_arena *arena, const char *path) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return ps_arena_copy(arena, ".");
    }
    return ps_arena_copy_size(arena, path, slash == path ? 1 : (size_t)(slash - path));
}

char *ps_disk_literal(struct ps_arena *arena, const char *path) {
    char *text = ps_arena_allocate(arena, 2 * strlen(path) + 1, 1);
    size_t size = 0;
    for (const char *at = path; text != NULL && *at != '\0'; at++) {
        if (strchr("*?[]\\", *at) != NULL) {
            text[size++] = '\\';
        }
        text[size++] = *at;
    }
    return text;
}

static penstock_code sync_path(const char *path, int flags, struct penstock_error *error) {
    const int descriptor PS_SCOPED(close_scoped) = open(path, flags | O_CLOEXEC);
    if (descriptor < 0) {
        return ps_error_errno(error, errno, "open %s", path);
    }
    /* EINVAL: a file system that cannot, and so has nothing to do */
    if (fsync(descriptor) != 0 && errno != EINVAL) {
        return ps_error_errno(error, errno, "write %s to the disk", path);
    }
    return PENSTOCK_OK;
}

penstock_code ps_disk_sync_file(const char *path, struct penstock_error *error) {
    return sync_path(path, O_RDONLY, error);
}

penstock_code ps_disk_sync_folder(const char *folder, struct penstock_error *error) {
    return sync_path(folder, O_RDONLY | O_DIRECTORY, error);
}

/* Makes one folder, whose parent is there. */
static penstock_code make_folder(const char *path, struct penstock_error *error) {
    if (mkdir(path, 0777) != 0) {
        return errno == EEXIST ? PENSTOCK_OK : ps_error_errno(error, errno, "create folder %s", path);
    }
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    const char *parent = arena == NULL ? NULL : ps_disk_parent(arena, path);
    return parent == NULL ? ps_error_memory(error, path) : ps_disk_sync_folder(parent, error);
}

penstock_code ps_disk_make_folders(const char *path, struct penstock_error *error) {
    char *prefix PS_SCOPED(ps_release_scoped) = ps_duplicate(path);
    if (prefix == NULL) {
        return ps_error_memory(error, path);
    }
    const size_t size = strlen(prefix);
    for (size_t i = 1; i <= size; i++) {
        if (path[i] == '/' || path[i] == '\0') {
            prefix[i] = '\0';
            PS_TRY(make_folder(prefix, error));
            prefix[i] = path[i];
        }
    }
    return ps_file_make_folders(path, error); /* says what is in the way if it is no folder */
}

penstock_code ps_disk_rename(const char *from, const char *to, struct penstock_error *error) {
    return rename(from, to) == 0 ? PENSTOCK_OK : ps_error_errno(error, errno, "rename %s to %s", from, to);
}

penstock_code ps_disk_remove(const char *path, struct penstock_error *error) {
    return unlink(path) == 0 || errno == ENOENT ? PENSTOCK_OK
                                                : ps_error_errno(error, errno, "remove %s", path);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place) {
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

penstock_code ps_disk_remove_tree(const char *path, struct penstock_error *error) {
    return nftw(path, remove_entry, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT
               ? PENSTOCK_OK
               : ps_error_errno(error, errno, "remove folder %s", path);
}

/* --- bytes --------------------------------------------------------------------------------------------------- */

static penstock_code write_all(int descriptor, const char *name, const char *data, size_t size,
                               struct penstock_error *error) {
    size_t done = 0;
    while (done < size) {
        const ssize_t count = write(descriptor, data + done, size - done);
        if (count < 0 && errno != EINTR) {
            return ps_error_errno(error, errno, "write %s", name);
        }
        done += count > 0 ? (size_t)count : 0;
    }
    return PENSTOCK_OK;
}

/* Everything `from` still has, to where `to` stands. */
static penstock_code copy_rest(int from, const char *from_name, int to, const char *to_name,
                               int64_t *copied_out, struct penstock_error *error) {
    char *block PS_SCOPED(ps_release_scoped) = ps_allocate(1, COPY_SIZE);
    if (block == NULL) {
        return ps_error_memory(error, to_name);
    }
    for (;;) {
        const ssize_t count = read(from, block, COPY_SIZE);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return ps_error_errno(error, errno, "read %s", from_name);
        }
        if (count == 0) {
            return PENSTOCK_OK;
        }
        PS_TRY(write_all(to, to_name, block, (size_t)count, error));
        *copied_out += count;
    }
}

penstock_code ps_disk_append(const char *target, int64_t size, const char *stage, int64_t *size_out,
                             struct penstock_error *error) {
    const int from PS_SCOPED(close_scoped) = open(stage, O_RDONLY | O_CLOEXEC);
    if (from < 0) {
        return ps_error_errno(error, errno, "open %s", stage);
    }
    const int to PS_SCOPED(close_scoped) = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (to < 0) {
        return ps_error_errno(error, errno, "open %s", target);
    }
    /* what an attempt that failed has left behind the committed bytes */
    if (ftruncate(to, (off_t)size) != 0 || lseek(to, (off_t)size, SEEK_SET) < 0) {
        return ps_error_errno(error, errno, "cut %s at byte %lld", target, (long long)size);
    }
    int64_t copied = 0;
    PS_TRY(copy_rest(from, stage, to, target, &copied, error));
    if (fsync(to) != 0) {
        return ps_error_errno(error, errno, "write %s to the disk", target);
    }
    *size_out = size + copied;
    return PENSTOCK_OK;
}

penstock_code ps_disk_pour(const char *target, const char *stage, struct penstock_error *error) {
    const int from PS_SCOPED(close_scoped) = open(stage, O_RDONLY | O_CLOEXEC);
    if (from < 0) {
        return ps_error_errno(error, errno, "open %s", stage);
    }
    /* a pipe without reader would hold us for ever */
    const int to PS_SCOPED(close_scoped) = open(target, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (to < 0 && errno == ENXIO) {
        (void)ps_error_set(error, PENSTOCK_BUSY, "nobody reads the pipe %s", target);
        return ps_error_hint(error, "start its reader first");
    }
    if (to < 0 || fcntl(to, F_SETFL, 0) != 0) {
        return ps_error_errno(error, errno, "open %s", target);
    }
    int64_t copied = 0;
    return copy_rest(from, stage, to, target, &copied, error);
}

/* --- the lock ------------------------------------------------------------------------------------------------ */

void ps_disk_unlock_scoped(const int *descriptor) {
    close_scoped(descriptor);
}

penstock_code ps_disk_lock(const char *folder, int *descriptor_out, struct penstock_error *error) {
    const int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) {
        return ps_error_errno(error, errno, "open folder %s", folder);
    }
    for (int waited_ms = 0; flock(descriptor, LOCK_EX | LOCK_NB) != 0; waited_ms += LOCK_STEP_MS) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            break; /* no locks here */
        }
        if (waited_ms >= LOCK_WAIT_MS) {
            (void)close(descriptor);
            (void)ps_error_set(error, PENSTOCK_BUSY, "folder %s has been locked by another writer for %d s",
                               folder, LOCK_WAIT_MS / 1000);
            return ps_error_hint(error, "look for a penstock that was stopped in the middle of a commit");
        }
        ps_clock_sleep_ms(LOCK_STEP_MS);
    }
    *descriptor_out = descriptor;
    return PENSTOCK_OK;
}
