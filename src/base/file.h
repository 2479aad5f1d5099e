/* SPDX-License-Identifier: Apache-2.0
 *
 * file.h - files and folders. A path is text; a name that cannot be opened is a sentence with the path.
 */
#ifndef PS_BASE_FILE_H
#define PS_BASE_FILE_H

#include "base/bytes.h"

struct ps_file_info {
    int64_t size;
    int64_t modified_ms;
    uint64_t inode;
    uint64_t device;
    bool is_directory;
    bool is_regular;
};

penstock_code ps_file_stat(const char *path, struct ps_file_info *info_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
bool ps_file_exists(const char *path);
/* Whole file, at most size_max bytes, NUL-terminated, in the arena. */
penstock_code ps_file_read(const char *path, size_t size_max, struct ps_arena *arena,
                           struct ps_bytes *content_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Writes to a temporary name beside it, fsyncs, renames: the old content or the new, never half. */
penstock_code ps_file_replace(const char *path, const char *data, size_t size, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Makes the name of a file or folder durable, by an fsync of the folder that it stands in. */
penstock_code ps_file_sync_name(const char *path, struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_file_make_folders(const char *path, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Names in a folder (no "." and ".."), sorted by byte value. */
penstock_code ps_file_list(const char *folder, struct ps_arena *arena, char ***names_out, size_t *count_out,
                           struct penstock_error *error) PENSTOCK_MUST_USE;
/* Regular files that match a shell pattern ('*', '?', '[...]' within a name, '**' for any depth), sorted by
 * byte value. No match is not an error. */
penstock_code ps_file_glob(const char *pattern, struct ps_arena *arena, char ***paths_out, size_t *count_out,
                           struct penstock_error *error) PENSTOCK_MUST_USE;
/* Joins unless `path` is absolute. In the arena; NULL when exhausted. */
char *ps_path_join(struct ps_arena *arena, const char *folder, const char *path);
const char *ps_path_name(const char *path); /* after the last '/' */

/* An advisory lock that lives as long as the descriptor (open file description lock, survives other opens). */
struct ps_file_lock {
    int descriptor; /* -1: not held */
};
/* BUSY with the holder's pid, if its file says so, when another process holds it. Writes our pid into it. */
penstock_code ps_file_lock(const char *path, struct ps_file_lock *lock_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Is the lock's file still the one at `path`? Who removes or replaces it lets another process in. */
bool ps_file_lock_is_at(const struct ps_file_lock *lock, const char *path);
void ps_file_unlock(struct ps_file_lock *lock);

#endif
