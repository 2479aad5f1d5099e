/* SPDX-License-Identifier: Apache-2.0
 *
 * scan_parts.h - a scan's own structure, shared by its files.
 *
 *   scan.c         rows, one region after the other
 *   scan_ahead.c   the first answers of the region behind, which another server may give meanwhile
 */
#ifndef PS_HBASE_SCAN_PARTS_H
#define PS_HBASE_SCAN_PARTS_H

#include "hbase/pick.h"
#include "hbase/region.h"
#include "hbase/scan.h"

/* Answers of the next region that are held, of an eighth of the bytes that one answer may have (32 MiB). */
#define PS_HBASE_QUEUE_COUNT_MAX 64

struct ps_hbase_queued {
    struct ps_hbase_answer answer;
    bool is_whole;
};

struct ps_hbase_scan {
    struct ps_hbase *client;
    struct ps_hbase_scan_options options;
    struct ps_hbase_retry retry;
    struct ps_buffer position; /* the row key */
    bool is_behind;            /* that row was read */
    bool is_done;
    int64_t rows_left;              /* of row_count_max */
    struct ps_hbase_region *region; /* of the open scanner; NULL: none is open */
    uint64_t scanner_id;
    int64_t call_sequence;
    struct ps_hbase_ticket ahead; /* asked for, not yet received */
    struct ps_hbase_ticket last;  /* of the scanner: its connection is the one to close it on */
    bool is_whole;                /* that scanner was opened on whole families */
    struct ps_hbase_answer answer;
    struct ps_hbase_rows rows;
    bool has_rows; /* of `answer`, not yet all given out */
    struct ps_hbase_pick pick;
    bool takes_families; /* scanners are to be opened on whole families: cells of the pick are given out */
    bool is_looking;     /* whether that pays is not known yet */
    bool has_whole_rows; /* the rows in hand are of whole families */
    bool is_narrow;      /* an answer was too large: the next row alone */
    /* Of the region behind this one (scan_ahead.c): its scan, and answers that were taken over from it. */
    struct ps_hbase_scan *successor;
    bool has_no_successor; /* it failed once: this region is read to its end first */
    struct ps_hbase_queued queue[PS_HBASE_QUEUE_COUNT_MAX];
    size_t queue_first, queue_count;
};

/* --- scan.c ------------------------------------------------------------------------------------------------------ */

/* Forgets the scanner; the server's lease on it ends by itself if it is not told. */
void ps_hbase_scan_drop(struct ps_hbase_scan *scan);
penstock_code ps_hbase_scan_ask_next(struct ps_hbase_scan *scan, struct ps_hbase_ticket *ticket_out,
                                     struct ps_hbase_fault *fault, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Is what lies behind the scanner's region outside the range? */
bool ps_hbase_scan_region_is_last(const struct ps_hbase_scan *scan);

/* --- scan_ahead.c ------------------------------------------------------------------------------------------------ */

/* The rows of an answer are in hand, and the next is asked for: now to the region behind. Never fails: what goes wrong
 * is found again when its rows are needed. */
void ps_hbase_scan_look_ahead(struct ps_hbase_scan *scan);
/* The scan stands at the end of its region, whose scanner is dropped: it goes on with what the successor has, if that
 * began at just this row key. */
void ps_hbase_scan_follow(struct ps_hbase_scan *scan);
void ps_hbase_scan_forget_successor(struct ps_hbase_scan *scan);
/* The oldest answer of the queue becomes scan->answer. */
void ps_hbase_scan_take_queued(struct ps_hbase_scan *scan);

#endif
