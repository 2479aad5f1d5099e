/* SPDX-License-Identifier: Apache-2.0
 *
 * lock.c - a lock file that dies with its holder.
 *
 * Open file description locks: released by the kernel when the last descriptor is closed, so a killed process
 * leaves none behind; and, unlike POSIX record locks, not lost when another part of the process opens and
 * closes the same file. The pid inside is only for the error message; the lock itself is what counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/option.h"

/* The pid that the holder wrote, 0 if it cannot be read. */
static int64_t read_holder(int descriptor) {
    char text[32];
    const ssize_t size = pread(descriptor, text, sizeof text - 1, 0);
    if (size <= 0) {
        return 0;
    }
    text[size] = '\0';
    text[strcspn(text, "\n")] = '\0';
    int64_t pid;
    return ps_parse_integer(text, &pid) && pid > 0 ? pid : 0;
}

static penstock_code report_busy(int descriptor, const char *path, struct penstock_error *error) {
    const int64_t pid = read_holder(descriptor);
    if (pid > 0) {
        (void)ps_error_set(error, PENSTOCK_BUSY, "%s is held by process %lld", path, (long long)pid);
        (void)ps_error_hint(error, "wait until process %lld has ended, or stop it", (long long)pid);
    } else {
        (void)ps_error_set(error, PENSTOCK_BUSY, "%s is held by another process", path);
        (void)ps_error_hint(error, "wait until it has ended, or stop it");
    }
    return PENSTOCK_BUSY;
}

/* Replaces the content by our pid. A full disk does not matter: the lock holds, only the message is poorer. */
static void write_holder(int descriptor) {
    char text[32];
    const int size = snprintf(text, sizeof text, "%lld\n", (long long)getpid());
    if (ftruncate(descriptor, 0) == 0 && pwrite(descriptor, text, (size_t)size, 0) != size) {
        (void)!ftruncate(descriptor, 0);
    }
}

penstock_code ps_file_lock(const char *path, struct ps_file_lock *lock_out, struct penstock_error *error) {
    const int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0) {
        return ps_error_errno(error, errno, "open the lock file %s", path);
    }
    struct flock range = {.l_type = F_WRLCK,
                          .l_whence = SEEK_SET}; /* length 0: the whole file; pid must be 0 */
    if (fcntl(descriptor, F_OFD_SETLK, &range) != 0) {
        const int cause = errno;
        const penstock_code code = cause == EAGAIN || cause == EACCES
                                       ? report_busy(descriptor, path, error)
                                       : ps_error_errno(error, cause, "lock %s", path);
        (void)close(descriptor);
        return code;
    }
    write_holder(descriptor);
    lock_out->descriptor = descriptor;
    return PENSTOCK_OK;
}

bool ps_file_lock_is_at(const struct ps_file_lock *lock, const char *path) {
    struct stat held, there;
    return lock->descriptor >= 0 && fstat(lock->descriptor, &held) == 0 && stat(path, &there) == 0 &&
           held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

void ps_file_unlock(struct ps_file_lock *lock) {
    if (lock->descriptor >= 0) {
        (void)!ftruncate(lock->descriptor, 0); /* so that nobody reads the pid of a process that let go */
        (void)close(lock->descriptor);
        lock->descriptor = -1;
    }
}
