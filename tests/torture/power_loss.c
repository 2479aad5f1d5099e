/* SPDX-License-Identifier: Apache-2.0
 *
 * power_loss.c - a library to preload (LD_PRELOAD) that records what a program does to the files of one folder:
 * every write with its bytes, every truncation, fsync, creation, rename and removal, in order.
 *
 * disk.py then works out from the record what a disk may hold after the power was cut at any point: what was not
 * synced may be there, in part, or not at all. Writes of stdio do not pass here (the C library calls itself), so the
 * record is checked against the real folder at the end.
 *
 *   PENSTOCK_RECORD_ROOT   the folder
 *   PENSTOCK_RECORD_FILE   the record, appended to; not inside the folder
 *
 * An entry is: kind (u8), inode (u64), offset (u64), sizes of path, second path and data (u32 each), and these three.
 */
#undef _FILE_OFFSET_BITS /* open and open64 are to be two functions here */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum kind {
    CREATE = 1,
    WRITE,
    TRUNCATE,
    SYNC,
    SYNC_FOLDER,
    RENAME,
    LINK,
    REMOVE,
    MAKE_FOLDER,
    REMOVE_FOLDER,
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int record = -1;
static char root[PATH_MAX];
static size_t root_size;

__attribute__((constructor)) static void start(void) {
    const char *folder = getenv("PENSTOCK_RECORD_ROOT");
    const char *file = getenv("PENSTOCK_RECORD_FILE");
    if (folder == NULL || file == NULL || realpath(folder, root) == NULL) {
        return;
    }
    root_size = strlen(root);
    record = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

static bool is_inside(const char *path) {
    return record >= 0 && strncmp(path, root, root_size) == 0 &&
           (path[root_size] == '/' || path[root_size] == '\0');
}

/* The absolute path without . and .., of which the last part need not exist; false if it is not in the folder. */
static bool locate(int folder, const char *path, char *out) {
    char joined[PATH_MAX * 2];
    if (record < 0 || path == NULL) {
        return false;
    }
    if (path[0] == '/' || folder == AT_FDCWD) {
        snprintf(joined, sizeof joined, "%s", path);
    } else {
        char link[64];
        char base[PATH_MAX];
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        const ssize_t size = readlink(link, base, sizeof base - 1);
        if (size < 0) {
            return false;
        }
        base[size] = '\0';
        snprintf(joined, sizeof joined, "%s/%s", base, path);
    }
    char *slash = strrchr(joined, '/');
    char name[NAME_MAX + 1];
    const char *last = slash != NULL ? slash + 1 : joined;
    if (strlen(last) > NAME_MAX) {
        return false;
    }
    memcpy(name, last, strlen(last) + 1);
    if (slash != NULL) {
        slash[slash == joined ? 1 : 0] = '\0';
    }
    if (realpath(slash != NULL ? joined : ".", out) == NULL || strlen(out) + strlen(name) + 2 > PATH_MAX) {
        return false;
    }
    strcat(out, "/");
    strcat(out, name);
    return is_inside(out);
}

static bool locate_descriptor(int descriptor, char *out) {
    char link[64];
    if (record < 0) {
        return false;
    }
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    const ssize_t size = readlink(link, out, PATH_MAX - 1);
    if (size < 0) {
        return false;
    }
    out[size] = '\0';
    return is_inside(out);
}

static void put(const void *data, size_t size) {
    const char *bytes = data;
    while (size > 0) {
        const ssize_t written = syscall(SYS_write, record, bytes, size);
        if (written <= 0) {
            abort(); /* a record with a hole proves nothing */
        }
        bytes += written;
        size -= (size_t)written;
    }
}

static void note(enum kind kind, uint64_t inode, uint64_t offset, const char *path, const char *second,
                 const void *data, size_t size) {
    const uint8_t kind_byte = (uint8_t)kind;
    const uint32_t sizes[3] = {path != NULL ? (uint32_t)strlen(path) : 0,
                               second != NULL ? (uint32_t)strlen(second) : 0, (uint32_t)size};
    char head[1 + 8 + 8 + 12];
    memcpy(head, &kind_byte, 1);
    memcpy(head + 1, &inode, 8);
    memcpy(head + 9, &offset, 8);
    memcpy(head + 17, sizes, 12);
    put(head, sizeof head);
    put(path, sizes[0]);
    put(second, sizes[1]);
    put(data, size);
}

static uint64_t inode_of(int descriptor) {
    struct stat about;
    return fstat(descriptor, &about) == 0 ? (uint64_t)about.st_ino : 0;
}

/* --- opening --------------------------------------------------------------------------------------------- */

static int open_any(int folder, const char *path, int flags, mode_t mode) {
    char place[PATH_MAX];
    const bool writes = (flags & O_ACCMODE) != O_RDONLY;
    if (!writes || !locate(folder, path, place)) {
        return (int)syscall(SYS_openat, folder, path, flags, mode);
    }
    pthread_mutex_lock(&mutex);
    const bool was_there = access(place, F_OK) == 0;
    const int descriptor = (int)syscall(SYS_openat, folder, path, flags, mode);
    const int cause = errno;
    if (descriptor >= 0 && !was_there) {
        note(CREATE, inode_of(descriptor), 0, place, NULL, NULL, 0);
    } else if (descriptor >= 0 && (flags & O_TRUNC) != 0) {
        note(TRUNCATE, inode_of(descriptor), 0, place, NULL, NULL, 0);
    }
    pthread_mutex_unlock(&mutex);
    errno = cause;
    return descriptor;
}

#define MODE_OF(flags, mode) \
    mode_t mode = 0; \
    if (((flags) & (O_CREAT | __O_TMPFILE)) != 0) { \
        va_list arguments; \
        va_start(arguments, flags); \
        (mode) = va_arg(arguments, mode_t); \
        va_end(arguments); \
    }

EXPORT int open(const char *path, int flags, ...) {
    MODE_OF(flags, mode)
    return open_any(AT_FDCWD, path, flags, mode);
}
EXPORT int open64(const char *path, int flags, ...) {
    MODE_OF(flags, mode)
    return open_any(AT_FDCWD, path, flags, mode);
}
EXPORT int openat(int folder, const char *path, int flags, ...) {
    MODE_OF(flags, mode)
    return open_any(folder, path, flags, mode);
}
EXPORT int openat64(int folder, const char *path, int flags, ...) {
    MODE_OF(flags, mode)
    return open_any(folder, path, flags, mode);
}
EXPORT int creat(const char *path, mode_t mode) {
    return open_any(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}
/* what -D_FORTIFY_SOURCE makes of open() without a mode */
EXPORT int __open_2(const char *path, int flags) {
    return open_any(AT_FDCWD, path, flags, 0);
}
EXPORT int __open64_2(const char *path, int flags) {
    return open_any(AT_FDCWD, path, flags, 0);
}

/* --- content --------------------------------------------------------------------------------------------- */

/* offset -1: where the descriptor stands. */
static ssize_t write_any(int descriptor, const struct iovec *pieces, int count, off_t offset) {
    char place[PATH_MAX];
    if (!locate_descriptor(descriptor, place)) {
        return offset < 0 ? syscall(SYS_writev, descriptor, pieces, count)
                          : syscall(SYS_pwritev, descriptor, pieces, count, offset, 0);
    }
    pthread_mutex_lock(&mutex);
    const ssize_t written = offset < 0 ? syscall(SYS_writev, descriptor, pieces, count)
                                       : syscall(SYS_pwritev, descriptor, pieces, count, offset, 0);
    const int cause = errno;
    off_t at = offset < 0 ? lseek(descriptor, 0, SEEK_CUR) - written : offset;
    ssize_t left = written;
    for (int index = 0; index < count && left > 0; index++) {
        const size_t size = (size_t)left < pieces[index].iov_len ? (size_t)left : pieces[index].iov_len;
        note(WRITE, inode_of(descriptor), (uint64_t)at, NULL, NULL, pieces[index].iov_base, size);
        at += (off_t)size;
        left -= (ssize_t)size;
    }
    pthread_mutex_unlock(&mutex);
    errno = cause;
    return written;
}

static ssize_t write_one(int descriptor, const void *data, size_t size, off_t offset) {
    const struct iovec piece = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    return write_any(descriptor, &piece, 1, offset);
}

EXPORT ssize_t write(int descriptor, const void *data, size_t size) {
    return write_one(descriptor, data, size, -1);
}
EXPORT ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset) {
    return write_one(descriptor, data, size, offset);
}
EXPORT ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t offset) {
    return write_one(descriptor, data, size, offset);
}
EXPORT ssize_t writev(int descriptor, const struct iovec *pieces, int count) {
    return write_any(descriptor, pieces, count, -1);
}
EXPORT ssize_t pwritev(int descriptor, const struct iovec *pieces, int count, off_t offset) {
    return write_any(descriptor, pieces, count, offset);
}
EXPORT ssize_t pwritev64(int descriptor, const struct iovec *pieces, int count, off64_t offset) {
    return write_any(descriptor, pieces, count, offset);
}

static int truncate_any(int descriptor, off_t size) {
    char place[PATH_MAX];
    if (!locate_descriptor(descriptor, place)) {
        return (int)syscall(SYS_ftruncate, descriptor, size);
    }
    pthread_mutex_lock(&mutex);
    const int status = (int)syscall(SYS_ftruncate, descriptor, size);
    const int cause = errno;
    if (status == 0) {
        note(TRUNCATE, inode_of(descriptor), (uint64_t)size, NULL, NULL, NULL, 0);
    }
    pthread_mutex_unlock(&mutex);
    errno = cause;
    return status;
}
EXPORT int ftruncate(int descriptor, off_t size) {
    return truncate_any(descriptor, size);
}
EXPORT int ftruncate64(int descriptor, off64_t size) {
    return truncate_any(descriptor, size);
}

static int sync_any(int descriptor, long call) {
    char place[PATH_MAX];
    struct stat about;
    if (!locate_descriptor(descriptor, place) || fstat(descriptor, &about) != 0) {
        return (int)syscall(call, descriptor);
    }
    pthread_mutex_lock(&mutex);
    const int status = (int)syscall(call, descriptor);
    const int cause = errno;
    if (status == 0) {
        note(S_ISDIR(about.st_mode) ? SYNC_FOLDER : SYNC, (uint64_t)about.st_ino, 0, place, NULL, NULL, 0);
    }
    pthread_mutex_unlock(&mutex);
    errno = cause;
    return status;
}
EXPORT int fsync(int descriptor) {
    return sync_any(descriptor, SYS_fsync);
}
EXPORT int fdatasync(int descriptor) {
    return sync_any(descriptor, SYS_fdatasync);
}

/* --- names ----------------------------------------------------------------------------------------------- */

static int two_names(enum kind kind, int from_folder, const char *from, int to_folder, const char *to,
                     unsigned flags) {
    char source[PATH_MAX];
    char target[PATH_MAX];
    const bool is_recorded = locate(from_folder, from, source);
    const bool is_target_recorded = locate(to_folder, to, target);
    pthread_mutex_lock(&mutex);
    const long call = kind == RENAME ? SYS_renameat2 : SYS_linkat;
    const int status = (int)syscall(call, from_folder, from, to_folder, to, flags);
    const int cause = errno;
    if (status == 0 && is_recorded && is_target_recorded) {
        note(kind, 0, 0, source, target, NULL, 0);
    } else if (status == 0 && (is_recorded || is_target_recorded)) {
        abort(); /* in or out of the folder: not followed here */
    }
    pthread_mutex_unlock(&mutex);
    errno = cause;
    return status;
}
EXPORT int rename(const char *from, const char *to) {
    return two_names(RENAME, AT_FDCWD, from, AT_FDCWD, to, 0);
}
EXPORT int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    return two_names(RENAME, from_folder, from, to_folder, to, 0);
}
EXPORT int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    return two_names(RENAME, from_folder, from, to_folder, to, flags);
}
EXPORT int link(const char *from, const char *to) {
    return two_names(LINK, AT_FDCWD, from, AT_FDCWD, to, 0);
}
EXPORT int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    return two_names(LINK, from_folder, from, to_folder, to, (unsigned)flags);
}

static int one_name(enum kind kind, int folder, const char *path, long call, long third) {
    char place[PATH_MAX];
    const bool is_recorded = locate(folder, path, place);
    pthread_mutex_lock(&mutex);
    const int status = (int)syscall(call, folder, path, third);
    const int cause = errno;
    if (status == 0 && is_recorded) {
        note(kind, 0, 0, place, NULL, NULL, 0);
    }
    pthread_mutex_unlock(&mutex);
    errno = cause;
    return status;
}
EXPORT int unlink(const char *path) {
    return one_name(REMOVE, AT_FDCWD, path, SYS_unlinkat, 0);
}
EXPORT int unlinkat(int folder, const char *path, int flags) {
    return one_name((flags & AT_REMOVEDIR) != 0 ? REMOVE_FOLDER : REMOVE, folder, path, SYS_unlinkat, flags);
}
EXPORT int rmdir(const char *path) {
    return one_name(REMOVE_FOLDER, AT_FDCWD, path, SYS_unlinkat, AT_REMOVEDIR);
}
EXPORT int remove(const char *path) {
    return unlink(path) == 0 ? 0 : errno == EISDIR || errno == EPERM ? rmdir(path) : -1;
}
EXPORT int mkdir(const char *path, mode_t mode) {
    return one_name(MAKE_FOLDER, AT_FDCWD, path, SYS_mkdirat, (long)mode);
}
EXPORT int mkdirat(int folder, const char *path, mode_t mode) {
    return one_name(MAKE_FOLDER, folder, path, SYS_mkdirat, (long)mode);
}
