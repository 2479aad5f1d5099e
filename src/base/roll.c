/* SPDX-License-Identifier: Apache-2.0
 *
 * roll.c - appends to a file, and begins a new one when it is full.
 *
 * One write() a line keeps lines whole. The size is counted here and asked for once, at the opening: nobody else
 * writes the file. See roll.h.
 */
#include "base/roll.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_file(const char *path) {
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

penstock_code ps_roll_open(const char *path, int64_t size_max, struct ps_roll *roll_out,
                           struct penstock_error *error) {
    struct stat info;
    struct ps_roll roll = {.path = ps_duplicate(path), .descriptor = -1, .size_max = size_max};
    if (roll.path == NULL) {
        return ps_error_memory(error, "a log");
    }
    roll.descriptor = open_file(path);
    if (roll.descriptor < 0) {
        const penstock_code code = ps_error_errno(error, errno, "open the log %s", path);
        ps_release(roll.path);
        return code;
    }
    roll.size = fstat(roll.descriptor, &info) == 0 ? (int64_t)info.st_size : 0;
    *roll_out = roll;
    return PENSTOCK_OK;
}

/* If the new file cannot be opened, the old one goes on under its new name. */
static void begin_anew(struct ps_roll *roll) {
    char old_path[PATH_MAX];
    if (snprintf(old_path, sizeof old_path, "%s.1", roll->path) >= (int)sizeof old_path ||
        rename(roll->path, old_path) != 0) {
        return;
    }
    const int descriptor = open_file(roll->path);
    if (descriptor >= 0) {
        (void)close(roll->descriptor);
        roll->descriptor = descriptor;
    }
    roll->size = 0;
}

void ps_roll_write(struct ps_roll *roll, const char *data, size_t size) {
    if (roll->descriptor < 0) {
        return;
    }
    if (roll->size > 0 && roll->size + (int64_t)size > roll->size_max) {
        begin_anew(roll);
    }
    size_t written = 0;
    while (written < size) { /* more than once only if a signal or a full disk cut the write */
        const ssize_t count = write(roll->descriptor, data + written, size - written);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            break;
        }
        written += (size_t)count;
    }
    roll->size += (int64_t)written;
}

void ps_roll_close(struct ps_roll *roll) {
    if (roll->descriptor >= 0) {
        (void)close(roll->descriptor);
    }
    ps_release(roll->path);
    *roll = (struct ps_roll){.descriptor = -1};
}
