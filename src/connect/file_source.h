/* SPDX-License-Identifier: Apache-2.0
 *
 * file_source.h - the file connector's own structures, shared by its files.
 *
 *   source_file.c   options, open, seek, plan, read: the row of the connector table
 *   file_list.c     which files there are: patterns, ordinals, files that vanished
 *   file_state.c    the position state: fingerprint, header; did the file change?
 *   file_content.c  bytes at an offset, plain or unpacked from gzip
 *   file_plan.c     slices that end at record borders
 *   file_parquet.c  Parquet: row groups and relations
 *
 * A file is known by its name. What was read of it is known by a fingerprint of its bytes, not by inode or
 * time, so that a copied or restored folder is the same folder.
 */
#ifndef PS_CONNECT_FILE_SOURCE_H
#define PS_CONNECT_FILE_SOURCE_H

#include "base/file.h"
#include "connect/source.h"
#include "sql/engine.h"

/* A file that was not written to for so long is taken as finished: its last line needs no line feed. */
#define PS_FILE_QUIET_MS 2000

enum ps_file_kind { PS_FILE_PLAIN, PS_FILE_GZIP, PS_FILE_PARQUET };

struct ps_file_config {
    const char *path;
    const char *compression;  /* auto, none, gzip */
    const char *unterminated; /* take, wait */
    const char *on_lost;      /* fail, skip */
};

/* What the position state of a file says. */
struct ps_file_state {
    int64_t mark_size;    /* the bytes on disk that `fingerprint` vouches for: [0, mark_size) */
    uint64_t fingerprint; /* of their first and last 4 KiB */
    int64_t size;         /* on disk when this was planned */
    bool is_complete;     /* gzip, Parquet: all of it was planned, so it must not grow either */
    bool is_unterminated; /* the last line was taken without a line feed */
    const char *header;   /* CSV header line, or NULL */
};

struct ps_file_entry {
    const char *name; /* the partition's name: relative to the project if the pattern is */
    const char *path;
    int64_t ordinal;
    enum ps_file_kind kind;
    int64_t offset;             /* planned so far: byte (of the unpacked content) or row group */
    struct ps_file_state state; /* at offset */
    bool is_announced;          /* a committed or planned position tells its ordinal */
    bool is_present;
    bool is_checked;          /* the fingerprint was compared with what is there now */
    struct ps_file_info seen; /* at the last look */
    int64_t looked_at_ms;
};

/* Bytes at an offset of one open file. */
struct ps_content;

/* Row groups of the Parquet file looked at last. */
struct ps_parquet {
    struct ps_engine *engine; /* in memory, opened with the first Parquet file */
    struct ps_connection *connection;
    struct ps_arena *arena; /* of the fields below */
    const char *path;       /* NULL: none */
    int64_t *row_counts, *byte_counts, *first_rows;
    size_t row_group_count;
    const char *const *names; /* columns of the file */
    const char *const *types;
    size_t column_count;
};

struct ps_file_source {
    const struct ps_source_setup *setup;
    const struct ps_file_config *config;
    struct ps_arena *arena;       /* names, paths, headers */
    struct ps_file_entry **items; /* in ordinal order */
    struct ps_file_entry **by_name;
    size_t count, capacity;
    size_t name_count, name_capacity; /* of by_name: it lags behind while files are found */
    int64_t ordinal_next;
    struct ps_content *plan_content, *read_content;
    char *
        window; /* what the planner looks at: bytes [window_begin, window_begin + window_size) of plan_content */
    size_t window_capacity, window_size;
    int64_t window_begin;
    struct ps_parquet parquet;
    bool has_young_tail; /* the last plan left something that is just being written */
};

/* file_list.c */
/* Finds files that are new and files that are gone. Errors: NOT_FOUND (a path or folder that is not there),
 * INVALID_ARGUMENT (a folder instead of a pattern), INVALID_DATA (a file vanished with bytes unread). */
penstock_code ps_file_discover(struct ps_file_source *source, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Adds a file that is not in the list; *entry_out is in the source's arena. */
penstock_code ps_file_add(struct ps_file_source *source, const char *name, const char *path, int64_t ordinal,
                          struct ps_file_entry **entry_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Makes by_name fit the items again. */
penstock_code ps_file_sort(struct ps_file_source *source, struct penstock_error *error) PENSTOCK_MUST_USE;
struct ps_file_entry *ps_file_find(const struct ps_file_source *source, const char *name);

/* file_state.c */
penstock_code ps_file_state_parse(const char *file, const char *text, struct ps_arena *arena,
                                  struct ps_file_state *state_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_file_state_text(const struct ps_file_state *state, struct ps_arena *arena,
                                 const char **text_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Fingerprint of [0, mark_size) of an open file. */
penstock_code ps_file_fingerprint(int descriptor, const char *name, int64_t mark_size,
                                  uint64_t *fingerprint_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Is what was read of the file still what is there? INVALID_DATA with what was there and what is now. */
penstock_code ps_file_check(const struct ps_file_entry *entry, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* file_content.c */
penstock_code ps_content_open(const struct ps_file_entry *entry, struct ps_content **content_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_content_close(struct ps_content *content);
/* Is this the open content of that very file, as it is now? */
bool ps_content_is_of(const struct ps_content *content, const struct ps_file_entry *entry);
int ps_content_descriptor(const struct ps_content *content);
/* Up to `size` bytes at `offset`; fewer only at the end of what is there. Going back in a gzip file starts it anew.
 * Errors: IO; INVALID_DATA for bytes that are not gzip. */
penstock_code ps_content_read(struct ps_content *content, int64_t offset, char *buffer, size_t size,
                              size_t *got_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* gzip: the file ends in the middle of packed data; *packed_out bytes of it were there. */
bool ps_content_is_truncated(const struct ps_content *content, int64_t *packed_out);

/* file_plan.c */
/* Adds the slices of a text file, within the limits. *is_full_out: the epoch is full. */
penstock_code ps_file_plan(struct ps_file_source *source, struct ps_file_entry *entry,
                           const struct ps_epoch_limits *limits, struct ps_range *range, bool *is_full_out,
                           struct penstock_error *error) PENSTOCK_MUST_USE;
/* Adds one slice [entry->offset, end) to the range and moves the entry there. */
penstock_code ps_file_add_slice(struct ps_file_entry *entry, int64_t end, int64_t byte_count,
                                struct ps_range *range, struct penstock_error *error) PENSTOCK_MUST_USE;

/* file_parquet.c */
penstock_code ps_parquet_plan(struct ps_file_source *source, struct ps_file_entry *entry,
                              const struct ps_epoch_limits *limits, struct ps_range *range, bool *is_full_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_parquet_read(struct ps_file_source *source, const struct ps_file_entry *entry,
                              const struct ps_slice *slice, struct ps_raw *raw_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_parquet_done(struct ps_parquet *parquet);

#endif
