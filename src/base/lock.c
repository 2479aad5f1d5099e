/* SPDX-License-Identifier: Apache-2.0
 *
 * lock.c - a lock file that other opens and closes of it in this process do not drop.
 *
 * POSIX record locks vanish with any close() of the file; open file description locks belong to the
 * descriptor. The kernel releases them when the process dies, however it dies.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"

static long read_pid(int descriptor) {
    char text[32] = "";
    const ssize_t size = pread(descriptor, text, sizeof text - 1, 0);
    return size > 0 ? strtol(text, NULL, 10) : 0;
}

penstock_code ps_file_lock(const char *path, struct ps_file_lock *lock_out, struct penstock_error *error) {
    const int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0) {
        return ps_error_errno(error, errno, "lock %s", path);
    }
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(descriptor, F_OFD_SETLK, &lock) != 0) {
        const int reason = errno;
        const long pid = read_pid(descriptor);
        close(descriptor);
        if (reason != EAGAIN && reason != EACCES) {
            return ps_error_errno(error, reason, "lock %s", path);
        }
        (void)(pid > 0 ? ps_error_set(error, PENSTOCK_BUSY, "%s is held by process %ld", path, pid)
                       : ps_error_set(error, PENSTOCK_BUSY, "%s is held by another process", path));
        (void)ps_error_hint(error, "wait until it has ended, or stop it");
        return PENSTOCK_BUSY;
    }
    char text[32];
    const int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, text, (size_t)size, 0) != size) {
        const int reason = errno;
        close(descriptor);
        return ps_error_errno(error, reason, "lock %s", path);
    }
    lock_out->descriptor = descriptor;
    return PENSTOCK_OK;
}

void ps_file_unlock(struct ps_file_lock *lock) {
    if (lock->descriptor >= 0) {
        close(lock->descriptor);
        lock->descriptor = -1;
    }
}
