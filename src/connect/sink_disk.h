/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_disk.h - what sinks that write files share: the order of writes that a loss of power cannot turn round.
 *
 * A file counts as written when it was fsynced, a name when its folder was. Every function that gives something a
 * name says so to the folder before it returns. Private to room connect.
 */
#ifndef PS_CONNECT_SINK_DISK_H
#define PS_CONNECT_SINK_DISK_H

#include "base/file.h"

/* The folder part of a path, "." if it has none; in the arena, NULL when exhausted. */
char *ps_disk_parent(struct ps_arena *arena, const char *path);
/* A path as the start of a pattern: what a pattern would take as magic is escaped. In the arena. */
char *ps_disk_literal(struct ps_arena *arena, const char *path);
penstock_code ps_disk_sync_file(const char *path, struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_disk_sync_folder(const char *folder, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Makes what is missing of the path; the new names are durable. */
penstock_code ps_disk_make_folders(const char *path, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Renames a file that is already synced; the caller syncs the folder of `to` once for all. */
penstock_code ps_disk_rename(const char *from, const char *to, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* No error when it is not there. */
penstock_code ps_disk_remove(const char *path, struct penstock_error *error) PENSTOCK_MUST_USE;
/* A folder with all in it; symbolic links are removed, not followed. No error when it is not there. */
penstock_code ps_disk_remove_tree(const char *path, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Cuts `target` at `size`, appends all of `stage` and syncs. *size_out: the new size. */
penstock_code ps_disk_append(const char *target, int64_t size, const char *stage, int64_t *size_out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
/* All of `stage` into a pipe or device, which keeps nothing. BUSY when nobody reads the pipe. */
penstock_code ps_disk_pour(const char *target, const char *stage, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* Between the look at who owns a place and the change of it nobody else may come: one holder at a time, within this
 * process, too. Waits a few seconds, then BUSY. A file system without locks has none: there the look alone counts. */
penstock_code ps_disk_lock(const char *folder, int *descriptor_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
void ps_disk_unlock_scoped(const int *descriptor); /* -1: nothing held */

#endif
