/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_source.h - the HBase source's own structures, shared by its files.
 *
 *   source_hbase.c          options, open, seek, read: the row of the connector table
 *   hbase_source_words.c    what the statement says, understood and checked
 *   hbase_source_state.c    the state of a position: written, and read without believing it
 *   hbase_source_seen.c     the cells that were given already and may be met again
 *   hbase_source_layout.c   the table's key ranges: fixed at the first start, from its regions
 *   hbase_source_scan.c     what is asked of the servers: the one place where a scan's options are made
 *   hbase_source_record.c   rows become records, records become slices, and back
 *   hbase_source_plan.c     passes over the table, and what of them one epoch takes
 *
 * A partition is a range of row keys, "ns:table[start key]". It is read in passes: a pass reads the cells with
 * timestamps in [from, to) in the order of their rows, and gives those that were not given before. A position is how
 * many records the partition has given, and as its state where it is in which pass. Everything is the caller's one
 * thread's: several scans are open at once, and each has asked for its next answer, so that several servers work.
 */
#ifndef PS_CONNECT_HBASE_SOURCE_H
#define PS_CONNECT_HBASE_SOURCE_H

#include "connect/hbase_login.h"
#include "connect/hbase_mapping.h"
#include "connect/hbase_pushdown.h"
#include "connect/source.h"
#include "hbase/scan.h"

/* Scans that are open at once: each holds an answer and has asked for another, 4 MiB each. */
#define PS_HBASE_SCAN_COUNT_MAX 8
/* Partitions of one source, each a row of the store's positions: more regions share one. */
#define PS_HBASE_PARTITION_COUNT_MAX 4096
/* Cells of one partition that are remembered because the next pass may meet them again: 11 MiB of a position's
 * state. What is beyond waits for the next pass. */
#define PS_HBASE_SEEN_COUNT_MAX ((size_t)1 << 18)

struct ps_hbase_source_config {
    struct ps_hbase_login login;
    const char *table, *family, *mapping, *rowkey;
    const char *start_row, *stop_row, *time_range, *versions, *mode, *filter;
    bool pushes_down;
    int64_t overlap_ms, interval_ms, caching;
    int64_t connect_ms, call_ms, retry_ms, frame_size_max;
};

/* What the statement says. Texts and keys are in an arena of the caller's. */
struct ps_hbase_words {
    const char *table; /* "t", "ns:t" */
    struct ps_bytes start_row, stop_row;
    int64_t time_min, time_max; /* [min, max) in ms; without an end: INT64_MAX */
    int64_t versions;           /* 1: the newest; INT32_MAX: all */
    bool is_snapshot;           /* one pass, and then never again */
    bool is_upsert;             /* a record is its row's whole */
    int64_t overlap_ms, interval_ms, caching;
    const struct ps_hbase_mapping *mapping;
    /* No cell's value is asked for; and no cell but one of each row is needed. */
    bool needs_keys_only, needs_first_only;
    const struct ps_hbase_pushdown *pushdown; /* what the servers leave out */
};
/* Errors: INVALID_PROJECT; the message does not name the source. */
penstock_code ps_hbase_words_read(const struct ps_source_setup *setup,
                                  const struct ps_hbase_source_config *config,
                                  const struct ps_hbase_mapping *mapping, struct ps_arena *arena,
                                  struct ps_hbase_words *words_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* --- cells that were given --------------------------------------------------------------------------------- */

struct ps_hbase_seen_cell {
    uint64_t hash[2]; /* of row, family, qualifier and timestamp; both 0: a free place */
    int64_t timestamp;
};
struct ps_hbase_seen { /* a hash table */
    struct ps_hbase_seen_cell *slots;
    size_t slot_count, count;
};
void ps_hbase_seen_done(struct ps_hbase_seen *seen);
struct ps_hbase_seen_cell ps_hbase_seen_of(const struct ps_hbase_cell *cell);
bool ps_hbase_seen_has(const struct ps_hbase_seen *seen, const struct ps_hbase_seen_cell *cell);
penstock_code ps_hbase_seen_add(struct ps_hbase_seen *seen, const struct ps_hbase_seen_cell *cell,
                                struct penstock_error *error) PENSTOCK_MUST_USE;
/* Those with timestamps before `time` cannot be met any more. */
penstock_code ps_hbase_seen_forget(struct ps_hbase_seen *seen, int64_t time, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* --- partitions ---------------------------------------------------------------------------------------------- */

/* Where a partition is; what the state of its position says. */
struct ps_hbase_stand {
    struct ps_bytes start,
        stop;         /* the keys of the partition; empty: from the first, to the last. Never change */
    int64_t pass;     /* -1: none has begun */
    int64_t from, to; /* of the pass: timestamps in [from, to) */
    int64_t since;    /* cells from this time on are remembered when they are given */
    bool
        is_held_back; /* some of them were not given: they were too many to remember. The next pass has them */
    bool is_snapshot;       /* it was begun as one: what is newer than `to` may have been given */
    struct ps_buffer next;  /* the last row that was read in this pass: on behind it */
    bool has_next, is_done; /* is_done: the pass is over here */
    struct ps_hbase_seen seen;
};
void ps_hbase_stand_done(struct ps_hbase_stand *stand);
/* JSON. */
void ps_hbase_stand_write(const struct ps_hbase_stand *stand, struct ps_buffer *out);
/* The keys are in the arena; `stand` is zero before, and to be done after, also on an error.
 * Errors: INVALID_DATA: no such state could have been written. */
penstock_code ps_hbase_stand_read(const char *state, struct ps_arena *arena, struct ps_hbase_stand *stand,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;

struct ps_hbase_part {
    const char *name; /* "ns:t[r005000]": as HBase's shell would show the key */
    int64_t ordinal;
    int64_t offset; /* records given */
    struct ps_hbase_stand stand;
    bool is_dirty;              /* its stand is not that of the last plan's end */
    struct ps_hbase_scan *scan; /* NULL: not open */
    struct ps_hbase_scan_options scan_options;
    /* The slice that takes its records now. */
    struct ps_buffer block;
    size_t block_size; /* of the slice before it */
    int64_t block_begin;
};

/* A slice on its way into a range. */
struct ps_hbase_slice {
    const struct ps_hbase_part *part;
    int64_t begin, end;
    struct ps_bytes kept; /* in the arena of the range */
};

struct ps_hbase_source {
    const struct ps_source_setup *setup;
    const struct ps_hbase_source_config *config;
    struct ps_hbase_words words;
    struct ps_hbase *client;
    const struct ps_stop *client_stop; /* that the client looks at */
    struct ps_hbase_part *parts;       /* in the order of their keys, which is that of their ordinals */
    size_t part_count;
    struct ps_arena *arena;      /* the words */
    struct ps_arena *part_arena; /* names and keys of the parts */
    bool is_lost;                /* a plan failed: where the parts are is not known before a seek */
    bool is_once;                /* this run ends with a pass up to */
    int64_t once_ms;             /* this time */
    int64_t told_ns;             /* when a plan last had ends */
    struct ps_hbase_slice *slices;
    size_t slice_count, slice_capacity;
    struct ps_hbase_cell *cells; /* of the row in hand: those that are new, or in another order */
    size_t cell_capacity;
};

/* --- what the files do for each other ------------------------------------------------------------------------ */

/* The client, opened if need be. */
penstock_code ps_hbase_source_connect(struct ps_hbase_source *source, const struct ps_stop *stop,
                                      struct penstock_error *error) PENSTOCK_MUST_USE;

/* Takes the positions over; without any: asks for the table's regions and begins at the beginning. */
penstock_code ps_hbase_source_layout(struct ps_hbase_source *source, const struct ps_position_list *positions,
                                     struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_hbase_source_forget_parts(struct ps_hbase_source *source);
/* What a server refused for the statement's sake is a mistake of the project: a table that is disabled, a family that
 * is not there, which is looked for. Of a table that is not there the nearest name is told. Other codes stay. */
penstock_code ps_hbase_source_refuse(struct ps_hbase_source *source, penstock_code code,
                                     struct penstock_error *error) PENSTOCK_MUST_USE;
/* The key ranges of regions that begin at `starts` (the first: an empty key, or not) within [start, stop), at most
 * `count_max`; in the arena. */
penstock_code ps_hbase_cut(const struct ps_bytes *starts, size_t count, struct ps_bytes start,
                           struct ps_bytes stop, size_t count_max, struct ps_arena *arena,
                           struct ps_bytes **cuts_out, size_t *cut_count_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* "t[r005000]", in the arena. */
const char *ps_hbase_part_name(const char *table, struct ps_bytes start, struct ps_arena *arena);

/* The filter that the words alone ask for, or none. */
struct ps_hbase_filter ps_hbase_source_filter(const struct ps_hbase_words *words);
/* What is asked of the servers from where the part stands on. Views of the source and the part. */
void ps_hbase_source_scan_options(const struct ps_hbase_source *source, const struct ps_hbase_part *part,
                                  struct ps_hbase_scan_options *options_out);
/* Opens the part's scan and, if *is_asked, sends its first request; *is_asked is false after it if that failed: nobody
 * waits for each of many scans that a server is away. */
penstock_code ps_hbase_source_open_scan(struct ps_hbase_source *source, struct ps_hbase_part *part,
                                        bool *is_asked, struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_hbase_source_close_scan(struct ps_hbase_part *part);

/* An epoch in the making. */
struct ps_hbase_taking {
    struct ps_hbase_source *source;
    const struct ps_epoch_limits *limits;
    struct ps_range *range;
    int64_t count_max, size_max, slice_size;
    int64_t count, size; /* taken */
};
/* The row's new cells become records of the part. */
penstock_code ps_hbase_take_row(struct ps_hbase_taking *taking, struct ps_hbase_part *part,
                                const struct ps_hbase_row *row, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* For FORMAT UPSERT: has the row new cells? They are marked as given; its whole is to be read. */
penstock_code ps_hbase_meet_row(struct ps_hbase_source *source, struct ps_hbase_part *part,
                                const struct ps_hbase_row *row, bool *is_new_out,
                                struct penstock_error *error) PENSTOCK_MUST_USE;
/* The row as it is, one record. is_scanned: the cells lie in an answer as a scanner gives it. */
penstock_code ps_hbase_take_cells(struct ps_hbase_taking *taking, struct ps_hbase_part *part,
                                  const struct ps_hbase_cell *cells, size_t count, bool is_scanned,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;
/* The open slice of the part, if any, is full. */
penstock_code ps_hbase_close_slice(struct ps_hbase_taking *taking, struct ps_hbase_part *part,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;
/* The records of a slice: views of slice->kept. Errors: INVALID_DATA. */
penstock_code ps_hbase_read_kept(const struct ps_slice *slice, struct ps_raw *raw_out,
                                 struct penstock_error *error) PENSTOCK_MUST_USE;

/* What one of `open_count` scans may give in its turn, when so much of the epoch is left. */
struct ps_hbase_quota {
    int64_t count, size;
};
struct ps_hbase_quota ps_hbase_quota_of(int64_t count_left, int64_t size_left, size_t open_count);
penstock_code ps_hbase_source_plan(struct ps_hbase_source *source, const struct ps_epoch_limits *limits,
                                   struct ps_range *range, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
