/* SPDX-License-Identifier: Apache-2.0
 *
 * scan.c - a scan over regions that may move under it.
 *
 * The scan's position is a row key and whether it is still to be read: behind the last row of each answer that arrived
 * whole, or at the first key of the next region. Whatever goes wrong, the scanner is dropped and another one opened
 * there. A request that was sent ahead is of no account before its answer is there.
 *
 * Of columns that are asked for, whole families are read first, a few rows, and looked at (pick.h): if nearly all of
 * their cells are wanted, the scan goes on like that, and as soon as that ends, or an answer is too large, by columns.
 */
#include "hbase/scan_parts.h"

#define LOOK_COUNT 16          /* rows of whole families that are looked at first */
#define CACHING_DEFAULT 100000 /* the size decides, except for the shortest rows */
#define FILTER_PACKAGE "org.apache.hadoop.hbase.filter."
#define RESULT_SIZE_MAX_DEFAULT ((size_t)4 << 20)

/* A filter may look at cells that are not given out, and counts on the columns. */
static penstock_code begin_pick(struct ps_hbase_scan *scan, struct penstock_error *error) {
    const struct ps_hbase_range *const range = &scan->options.range;
    bool may_pick = range->column_count > 0 && range->filter_class.size == 0;
    for (size_t i = 0; i < range->column_count; i++) {
        may_pick = may_pick && !range->columns[i].is_family;
    }
    scan->takes_families = scan->is_looking = may_pick;
    return may_pick ? ps_hbase_pick_init(&scan->pick, range->columns, range->column_count, error)
                    : PENSTOCK_OK;
}

penstock_code ps_hbase_scan_open(struct ps_hbase *client, const struct ps_hbase_scan_options *options,
                                 struct ps_hbase_scan **scan_out, struct penstock_error *error) {
    const struct ps_hbase_range *const range = &options->range;
    if (range->is_reversed || range->start_row.size > PS_HBASE_ROW_SIZE_MAX ||
        range->stop_row.size > PS_HBASE_ROW_SIZE_MAX) {
        return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "a row key of HBase has at most %d bytes",
                            PS_HBASE_ROW_SIZE_MAX);
    }
    struct ps_hbase_scan *scan PS_SCOPED(ps_hbase_scan_close_scoped) = ps_allocate(1, sizeof *scan);
    if (scan == NULL) {
        return ps_error_memory(error, "a scan of HBase");
    }
    scan->client = client;
    scan->options = *options;
    scan->options.caching = options->caching > 0 ? options->caching : CACHING_DEFAULT;
    if (range->result_size_max <= 0) { /* a server exceeds it by a row */
        const size_t part = ps_hbase_frame_size_max(client) / 4;
        scan->options.range.result_size_max =
            (int64_t)(part < RESULT_SIZE_MAX_DEFAULT ? part : RESULT_SIZE_MAX_DEFAULT);
    }
    scan->rows_left = options->row_count_max > 0 ? options->row_count_max : INT64_MAX;
    scan->is_behind = range->start_is_exclusive;
    scan->is_done = options->is_empty;
    PS_TRY(begin_pick(scan, error));
    ps_buffer_init(&scan->position, PS_HBASE_ROW_SIZE_MAX + 1);
    ps_buffer_add(&scan->position, range->start_row.size == 0 ? "" : range->start_row.data,
                  range->start_row.size);
    PS_TRY(ps_buffer_status(&scan->position, error));
    *scan_out = ps_take(scan);
    return PENSTOCK_OK;
}

static penstock_code set_position(struct ps_hbase_scan *scan, struct ps_bytes row, bool is_behind,
                                  struct penstock_error *error) {
    ps_buffer_clear(&scan->position);
    ps_buffer_add(&scan->position, row.size == 0 ? "" : row.data, row.size);
    scan->is_behind = is_behind;
    return ps_buffer_status(&scan->position, error);
}

void ps_hbase_scan_drop(struct ps_hbase_scan *scan) {
    ps_hbase_connection_abandon(&scan->ahead);
    scan->ahead = (struct ps_hbase_ticket){.connection = NULL};
    ps_hbase_region_release(scan->region);
    scan->region = NULL;
    scan->scanner_id = 0;
}

/* Tells the server that its scanner is not needed any more; nobody waits for the answer. */
static void close_scanner(struct ps_hbase_scan *scan) {
    struct ps_buffer message PS_SCOPED(ps_buffer_done) = {.data = NULL};
    struct ps_hbase_ticket ticket = {.connection = NULL};
    struct ps_hbase_fault fault;
    struct penstock_error ignored;
    ps_buffer_init(&message, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_hbase_add_scan_close(&message, scan->scanner_id);
    if (ps_hbase_send(scan->client, &scan->region->server, PS_HBASE_CLIENT_SERVICE, "Scan", &message, NULL,
                      &ticket, &fault, &ignored) == PENSTOCK_OK) {
        ps_hbase_connection_abandon(&ticket);
    }
}

void ps_hbase_scan_close(struct ps_hbase_scan *scan) {
    if (scan != NULL) {
        if (scan->region != NULL && scan->scanner_id != 0 && ps_hbase_connection_lives(&scan->last)) {
            close_scanner(scan);
        }
        ps_hbase_scan_drop(scan);
        ps_hbase_scan_forget_successor(scan);
        while (scan->queue_count > 0) {
            ps_hbase_scan_take_queued(scan);
        }
        ps_hbase_answer_done(&scan->answer);
        ps_hbase_rows_done(&scan->rows);
        ps_hbase_pick_done(&scan->pick);
        ps_buffer_done(&scan->position);
        ps_release(scan);
    }
}

void ps_hbase_scan_close_scoped(struct ps_hbase_scan **scan) {
    ps_hbase_scan_close(*scan);
}

static int64_t rows_wanted(const struct ps_hbase_scan *scan) {
    const bool is_look = scan->is_looking && scan->options.caching > LOOK_COUNT;
    const int64_t most = scan->is_narrow ? 1 : is_look ? LOOK_COUNT : scan->options.caching;
    return scan->rows_left < most ? scan->rows_left : most;
}

/* Opens a scanner where the scan is; its first rows come in the same answer. */
static penstock_code ask_open(struct ps_hbase_scan *scan, struct ps_hbase_ticket *ticket_out,
                              struct ps_hbase_fault *fault, struct penstock_error *error) {
    struct ps_buffer message PS_SCOPED(ps_buffer_done) = {.data = NULL};
    const struct ps_bytes position = {scan->position.data, scan->position.size};
    struct ps_hbase_range range = scan->options.range;
    range.start_row = position;
    range.start_is_exclusive = scan->is_behind;
    scan->is_whole = scan->takes_families;
    if (scan->is_whole) {
        range.columns = scan->pick.families;
        range.column_count = scan->pick.family_count;
    }
    PS_TRY(ps_hbase_locate(scan->client, scan->options.table, position, &scan->region, fault, error));
    ps_buffer_init(&message, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_hbase_add_scan_open(&message, scan->region->name, &range, rows_wanted(scan), false);
    scan->call_sequence = 0;
    return ps_hbase_send(scan->client, &scan->region->server, PS_HBASE_CLIENT_SERVICE, "Scan", &message, NULL,
                         ticket_out, fault, error);
}

penstock_code ps_hbase_scan_ask_next(struct ps_hbase_scan *scan, struct ps_hbase_ticket *ticket_out,
                                     struct ps_hbase_fault *fault, struct penstock_error *error) {
    struct ps_buffer message PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&message, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_hbase_add_scan_next(&message, scan->scanner_id, scan->call_sequence, rows_wanted(scan));
    PS_TRY(ps_hbase_send(scan->client, &scan->region->server, PS_HBASE_CLIENT_SERVICE, "Scan", &message, NULL,
                         ticket_out, fault, error));
    scan->call_sequence++;
    return PENSTOCK_OK;
}

bool ps_hbase_scan_begin(struct ps_hbase_scan *scan) {
    struct ps_hbase_fault fault;
    struct penstock_error later; /* found again when the answer is needed */
    if (scan->region == NULL && !scan->is_done && scan->rows_left > 0 &&
        ask_open(scan, &scan->ahead, &fault, &later) != PENSTOCK_OK) {
        ps_hbase_scan_drop(scan);
        return false;
    }
    return true;
}

bool ps_hbase_scan_region_is_last(const struct ps_hbase_scan *scan) {
    const struct ps_bytes end = scan->region->end_key, stop = scan->options.range.stop_row;
    if (end.size == 0) {
        return true;
    }
    const int order = stop.size == 0 ? -1 : ps_hbase_compare(end, stop);
    return order > 0 || (order == 0 && !scan->options.range.stop_is_inclusive);
}

/* All rows of the answer were given out, and it was the region's last one. */
static penstock_code leave_region(struct ps_hbase_scan *scan, struct penstock_error *error) {
    scan->is_done = ps_hbase_scan_region_is_last(scan);
    if (!scan->is_done) {
        PS_TRY(set_position(scan, scan->region->end_key, false, error));
    }
    scan->scanner_id = 0; /* the server has closed it */
    ps_hbase_scan_drop(scan);
    if (!scan->is_done) {
        ps_hbase_scan_follow(scan);
    }
    return PENSTOCK_OK;
}

/* While the rows of an answer are looked at, or are still on their way, the next answer is asked for. */
static void ask_ahead(struct ps_hbase_scan *scan) {
    const struct ps_hbase_rows *const rows = &scan->rows;
    struct ps_hbase_fault fault;
    struct penstock_error later; /* found again when the answer is needed */
    if (scan->region == NULL || scan->queue_count > 0 || scan->ahead.connection != NULL ||
        rows->row_count == 0 || !rows->has_more || !rows->has_more_in_region || scan->is_looking ||
        scan->options.waits_for_caller || scan->rows_left <= (int64_t)rows->row_count) {
        return;
    }
    scan->rows_left -= (int64_t)rows->row_count;
    if (ps_hbase_scan_ask_next(scan, &scan->ahead, &fault, &later) != PENSTOCK_OK) {
        ps_hbase_region_release(scan->region);
        scan->region = NULL;
        scan->scanner_id = 0;
        scan->ahead = (struct ps_hbase_ticket){.connection = NULL};
    }
    scan->rows_left += (int64_t)rows->row_count;
}

/* Takes what an answer says of itself; its cells may still be on their way. */
static penstock_code take_message(struct ps_hbase_scan *scan, struct ps_bytes message, struct ps_bytes cells,
                                  struct penstock_error *error) {
    PS_TRY(ps_hbase_rows_parse(&scan->rows, message, cells, error));
    scan->scanner_id = scan->rows.scanner_id != 0 ? scan->rows.scanner_id : scan->scanner_id;
    return PENSTOCK_OK;
}

/* Only cells are still to come. */
static void message_arrived(void *of, struct ps_bytes message) {
    struct ps_hbase_scan *const scan = of;
    struct penstock_error later; /* found again when all is there */
    if (!scan->is_narrow && take_message(scan, message, PS_BYTES(""), &later) == PENSTOCK_OK) {
        ask_ahead(scan);
    }
}

/* One attempt to have another answer. */
static penstock_code fetch(struct ps_hbase_scan *scan, struct ps_hbase_fault *fault,
                           struct penstock_error *error) {
    if (scan->queue_count > 0) {
        *fault = (struct ps_hbase_fault){.cure = PS_HBASE_CURE_NONE};
        ps_hbase_scan_take_queued(scan);
        return take_message(scan, scan->answer.message, scan->answer.cells, error);
    }
    struct ps_hbase_ticket ticket = scan->ahead;
    scan->ahead = (struct ps_hbase_ticket){.connection = NULL};
    if (ticket.connection == NULL) {
        PS_TRY(scan->region == NULL ? ask_open(scan, &ticket, fault, error)
                                    : ps_hbase_scan_ask_next(scan, &ticket, fault, error));
    }
    scan->last = ticket;
    ticket.front = (struct ps_hbase_front){message_arrived, scan};
    PS_TRY(ps_hbase_receive(scan->client, &ticket, &scan->answer, fault, error));
    *fault = (struct ps_hbase_fault){.cure = PS_HBASE_CURE_NONE};
    scan->has_whole_rows = scan->is_whole;
    return take_message(scan, scan->answer.message, scan->answer.cells, error);
}

/* Of the cells of a row the first one's key, after what the scan itself filters by. */
static void add_key_filter(struct ps_buffer *out, const struct ps_hbase_range *range) {
    struct ps_buffer filter PS_SCOPED(ps_buffer_done) = {.data = NULL},
                            key_only PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(out, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_buffer_init(&filter, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_buffer_init(&key_only, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_proto_add_integer(out, 1, 1); /* all must pass */
    if (range->filter_class.size > 0) {
        ps_proto_add_bytes(&filter, 1, range->filter_class.data, range->filter_class.size);
        ps_proto_add_bytes(&filter, 2, range->filter.data, range->filter.size);
        ps_proto_add_message(out, 2, &filter);
        ps_buffer_clear(&filter);
    }
    ps_proto_add_text(&filter, 1, FILTER_PACKAGE "FirstKeyOnlyFilter");
    ps_proto_add_text(&filter, 2, "");
    ps_proto_add_message(out, 2, &filter);
    ps_buffer_clear(&filter);
    ps_proto_add_integer(&key_only, 1, 0); /* without the length as value */
    ps_proto_add_text(&filter, 1, FILTER_PACKAGE "KeyOnlyFilter");
    ps_proto_add_message(&filter, 2, &key_only);
    ps_proto_add_message(out, 2, &filter);
}

/* An answer is larger than is taken. First the next row alone is asked for; if that is it, what is its key? */
static penstock_code narrow(struct ps_hbase_scan *scan, const struct ps_hbase_fault *fault,
                            struct penstock_error *error) {
    if (!scan->is_narrow) {
        scan->is_narrow = true;
        return PENSTOCK_OK;
    }
    struct ps_hbase_scan *key PS_SCOPED(ps_hbase_scan_close_scoped) = NULL;
    struct ps_buffer filter PS_SCOPED(ps_buffer_done) = {.data = NULL};
    struct ps_hbase_scan_options options = scan->options;
    struct ps_hbase_row row = {.cell_count = 0};
    struct penstock_error ignored;
    add_key_filter(&filter, &scan->options.range);
    options.range.start_row = (struct ps_bytes){scan->position.data, scan->position.size};
    options.range.start_is_exclusive = scan->is_behind;
    options.range.filter_class = PS_BYTES(FILTER_PACKAGE "FilterList");
    options.range.filter = (struct ps_bytes){filter.data, filter.size};
    options.caching = options.row_count_max = 1;
    if (filter.failed || ps_hbase_scan_open(scan->client, &options, &key, &ignored) != PENSTOCK_OK ||
        ps_hbase_scan_next(key, &row, &ignored) != PENSTOCK_OK || row.cell_count == 0) {
        row.key = PS_BYTES("");
    }
    return ps_hbase_row_too_large(scan->client, scan->options.table, row.key, fault, error);
}

/* What is to be done after a failure: nothing of the scanner is believed any more. */
static penstock_code recover(struct ps_hbase_scan *scan, struct ps_hbase_fault *fault,
                             struct penstock_error *error) {
    if (fault->cure == PS_HBASE_CURE_RELOCATE && scan->region != NULL) {
        PS_TRY(ps_hbase_mislocated(scan->client, scan->region, scan->retry.attempts, fault, error));
    }
    if (fault->cure != PS_HBASE_CURE_NONE && scan->scanner_id != 0) {
        ps_hbase_count(scan->client)->scanners_reopened++;
    }
    ps_hbase_scan_drop(scan);
    if (fault->too_large > 0 && scan->takes_families) { /* it may be what is not wanted */
        scan->takes_families = scan->is_looking = false;
        return PENSTOCK_OK;
    }
    return fault->too_large > 0 ? narrow(scan, fault, error)
                                : ps_hbase_retry_wait(&scan->retry, fault, error);
}

/* From here on by columns. The answer in hand stays. */
static void leave_families(struct ps_hbase_scan *scan) {
    scan->takes_families = false;
    ps_hbase_scan_forget_successor(scan);
    if (scan->region != NULL && scan->scanner_id != 0 && scan->rows.has_more_in_region) {
        close_scanner(scan);
    }
    ps_hbase_scan_drop(scan);
}

/* The first rows of whole families are there. They are counted when they are given out. */
static void look(struct ps_hbase_scan *scan) {
    struct ps_hbase_cell_reader reader = scan->rows.reader;
    struct ps_hbase_cell cell;
    scan->is_looking = false;
    while (ps_hbase_cell_next(&reader, &cell)) {
        (void)ps_hbase_pick_cells(&scan->pick, &cell, 1);
    }
    if (!ps_hbase_pick_pays(&scan->pick)) {
        leave_families(scan);
    }
    scan->pick.wanted_size = scan->pick.other_size = 0;
}

/* Reads on until there are rows or the scan is done. */
static penstock_code advance(struct ps_hbase_scan *scan, struct penstock_error *error) {
    scan->retry = ps_hbase_retry_begin(scan->client);
    while (!scan->is_done && !scan->has_rows) {
        struct ps_hbase_fault fault = {.cure = PS_HBASE_CURE_NONE};
        if (fetch(scan, &fault, error) != PENSTOCK_OK) {
            PS_TRY(recover(scan, &fault, error));
            continue;
        }
        ps_hbase_retry_progress(&scan->retry);
        scan->is_narrow = scan->is_narrow && scan->rows.row_count == 0;
        scan->has_rows = scan->rows.row_count > 0;
        if (scan->has_rows) {
            break;
        }
        if (!scan->rows.has_more) {
            scan->is_done = true;
        } else if (!scan->rows.has_more_in_region) {
            PS_TRY(leave_region(scan, error));
        }
    }
    if (scan->has_rows && scan->is_looking) {
        look(scan);
    }
    if (scan->has_rows) {
        ask_ahead(scan);
        ps_hbase_scan_look_ahead(scan);
    }
    return PENSTOCK_OK;
}

/* The last row of an answer was given out: that is where a new scanner would go on. */
static penstock_code end_answer(struct ps_hbase_scan *scan, struct penstock_error *error) {
    scan->has_rows = false;
    PS_TRY(set_position(scan, scan->rows.cells[0].row, true, error));
    if (scan->takes_families && !ps_hbase_pick_pays(&scan->pick)) {
        leave_families(scan);
    }
    if (!scan->rows.has_more) {
        scan->is_done = true;
    } else if (!scan->rows.has_more_in_region && scan->region != NULL) {
        PS_TRY(leave_region(scan, error));
    }
    return PENSTOCK_OK;
}

penstock_code ps_hbase_scan_next(struct ps_hbase_scan *scan, struct ps_hbase_row *row_out,
                                 struct penstock_error *error) {
    *row_out = (struct ps_hbase_row){.cell_count = 0};
    if (scan->rows_left == 0) {
        return PENSTOCK_OK;
    }
    while (!scan->is_done) {
        if (scan->has_rows) {
            PS_TRY(ps_hbase_rows_next(&scan->rows, row_out, error));
            if (row_out->cell_count == 0) {
                PS_TRY(end_answer(scan, error));
                continue;
            }
            if (scan->has_whole_rows) {
                row_out->cell_count = ps_hbase_pick_cells(&scan->pick, scan->rows.cells, row_out->cell_count);
            }
            if (row_out->cell_count > 0) {
                scan->rows_left--;
                return PENSTOCK_OK;
            }
        } else {
            PS_TRY(advance(scan, error));
        }
    }
    return PENSTOCK_OK;
}
