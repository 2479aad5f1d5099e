/* SPDX-License-Identifier: Apache-2.0
 *
 * scan_ahead.c - while a region is read, the one behind it is begun.
 *
 * One region after the other keeps one server at a time at work. So each time an answer is in hand, it is looked
 * whether one has come for the successor, a scan that begins at the end of the region, and that asks for its next,
 * as long as what it has fits. Its rows come behind the region's as they would have come anyway. Its region is looked
 * up by the key at which this one ends; if the region was split or merged meanwhile, the scan stands at another key
 * then, and the successor is of no use.
 */
#include "hbase/scan_parts.h"

static size_t queue_size(const struct ps_hbase_scan *scan) {
    size_t size = 0;
    for (size_t i = 0; i < scan->queue_count; i++) {
        size += scan->queue[(scan->queue_first + i) % PS_HBASE_QUEUE_COUNT_MAX].answer.frame.size;
    }
    return size;
}

void ps_hbase_scan_forget_successor(struct ps_hbase_scan *scan) {
    ps_hbase_scan_close(scan->successor);
    scan->successor = NULL;
}

/* Who waits for the caller, or wants some rows, wants no more of the servers than that. */
static void begin_successor(struct ps_hbase_scan *scan) {
    const struct ps_hbase_scan_options *const options = &scan->options;
    if (scan->has_no_successor || scan->region == NULL || scan->is_looking || scan->is_narrow ||
        options->waits_for_caller || options->is_one_of_many || options->row_count_max > 0 ||
        ps_hbase_scan_region_is_last(scan)) {
        return;
    }
    struct ps_hbase_scan_options further = *options;
    struct penstock_error ignored;
    further.range.start_row = scan->region->end_key; /* the successor's position is a copy of it */
    further.range.start_is_exclusive = false;
    scan->has_no_successor =
        ps_hbase_scan_open(scan->client, &further, &scan->successor, &ignored) != PENSTOCK_OK;
    if (scan->successor != NULL) {
        scan->successor->takes_families = scan->takes_families;
        scan->successor->is_looking = false;
        scan->has_no_successor = !ps_hbase_scan_begin(scan->successor);
    }
    if (scan->has_no_successor) {
        ps_hbase_scan_forget_successor(scan);
    }
}

/* Puts the answer that was asked for into the successor's queue, and asks for the next. False: that failed; what is in
 * the queue is good nevertheless, and behind it a scanner is opened anew. */
static bool take_answer(struct ps_hbase_scan *successor) {
    const struct ps_hbase_ticket ticket = successor->ahead;
    struct ps_hbase_queued *const queued = &successor->queue[successor->queue_count];
    struct ps_hbase_fault fault;
    struct penstock_error ignored;
    *queued = (struct ps_hbase_queued){.is_whole = successor->is_whole};
    successor->ahead = (struct ps_hbase_ticket){.connection = NULL};
    successor->last = ticket;
    if (ps_hbase_receive(successor->client, &ticket, &queued->answer, &fault, &ignored) != PENSTOCK_OK ||
        ps_hbase_rows_parse(&successor->rows, queued->answer.message, queued->answer.cells, &ignored) !=
            PENSTOCK_OK) {
        ps_hbase_answer_done(&queued->answer);
        return false;
    }
    successor->queue_count++;
    successor->scanner_id =
        successor->rows.scanner_id != 0 ? successor->rows.scanner_id : successor->scanner_id;
    if (!successor->rows.has_more || !successor->rows.has_more_in_region ||
        successor->queue_count == PS_HBASE_QUEUE_COUNT_MAX ||
        queue_size(successor) >= ps_hbase_frame_size_max(successor->client) / 8) {
        return true;
    }
    return ps_hbase_scan_ask_next(successor, &successor->ahead, &fault, &ignored) == PENSTOCK_OK;
}

void ps_hbase_scan_look_ahead(struct ps_hbase_scan *scan) {
    struct ps_hbase_scan *const successor = scan->successor;
    if (successor == NULL) {
        begin_successor(scan);
        return;
    }
    const bool is_alone = scan->ahead.connection != successor->ahead.connection;
    if (successor->ahead.connection != NULL && ps_hbase_connection_arrived(&successor->ahead, is_alone) &&
        !take_answer(successor)) {
        ps_hbase_scan_drop(successor);
    }
}

/* The queue was full: with room in sight the server may work again. `rows`: of the queue's last answer. */
static void go_on(struct ps_hbase_scan *scan, const struct ps_hbase_rows *rows) {
    struct ps_hbase_fault fault;
    struct penstock_error later; /* found again when the answer is needed */
    if (scan->region != NULL && scan->queue_count > 0 && scan->ahead.connection == NULL && rows->has_more &&
        rows->has_more_in_region &&
        ps_hbase_scan_ask_next(scan, &scan->ahead, &fault, &later) != PENSTOCK_OK) {
        ps_hbase_scan_drop(scan);
    }
}

void ps_hbase_scan_follow(struct ps_hbase_scan *scan) {
    struct ps_hbase_scan *const successor = scan->successor;
    const struct ps_bytes here = {scan->position.data, scan->position.size};
    scan->has_no_successor = false;
    if (successor != NULL &&
        ps_bytes_equal(here, (struct ps_bytes){successor->position.data, successor->position.size})) {
        scan->region = successor->region;
        scan->scanner_id = successor->scanner_id;
        scan->call_sequence = successor->call_sequence;
        scan->ahead = successor->ahead;
        scan->last = successor->last;
        scan->is_whole = successor->is_whole;
        memcpy(scan->queue, successor->queue, sizeof scan->queue);
        scan->queue_first = successor->queue_first;
        scan->queue_count = successor->queue_count;
        successor->region = NULL; /* it is this scan's now, as all of it */
        successor->ahead = successor->last = (struct ps_hbase_ticket){.connection = NULL};
        successor->queue_count = 0;
        go_on(scan, &successor->rows);
    }
    ps_hbase_scan_forget_successor(scan);
}

void ps_hbase_scan_take_queued(struct ps_hbase_scan *scan) {
    struct ps_hbase_queued *const queued = &scan->queue[scan->queue_first];
    ps_hbase_answer_done(&scan->answer);
    scan->answer = queued->answer;
    scan->has_whole_rows = queued->is_whole;
    queued->answer = (struct ps_hbase_answer){.message = {NULL, 0}};
    scan->queue_first = (scan->queue_first + 1) % PS_HBASE_QUEUE_COUNT_MAX;
    scan->queue_count--;
}
