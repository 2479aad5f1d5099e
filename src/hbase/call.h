/* SPDX-License-Identifier: Apache-2.0
 *
 * call.h - calls and their repetition: what the rest of the room is written on.
 *
 * ps_hbase_call() is one attempt. Who can try again makes a retry, and after a failure asks ps_hbase_retry_wait(),
 * which waits and says yes, or returns the error that the last attempt gave.
 */
#ifndef PS_HBASE_CALL_H
#define PS_HBASE_CALL_H

#include "hbase/client.h"
#include "hbase/connection.h"

#define PS_HBASE_META_SERVICE "ClientMetaService"
#define PS_HBASE_CLIENT_SERVICE "ClientService"
#define PS_HBASE_MASTER_SERVICE "MasterService"
/* Requests without cell blocks: names, ranges, conditions with a value. */
#define PS_HBASE_MESSAGE_SIZE_MAX ((size_t)128 << 20)

/* What a server answered: views into the frame. */
struct ps_hbase_answer {
    struct ps_hbase_frame frame;
    struct ps_bytes message, cells;
};
void ps_hbase_answer_done(struct ps_hbase_answer *answer);

/* `service` is one of the three above. */
penstock_code ps_hbase_send(struct ps_hbase *client, const struct ps_hbase_address *address,
                            const char *service, const char *method, const struct ps_buffer *message,
                            const struct ps_buffer *cells, struct ps_hbase_ticket *ticket_out,
                            struct ps_hbase_fault *fault, struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_hbase_receive(struct ps_hbase *client, const struct ps_hbase_ticket *ticket,
                               struct ps_hbase_answer *answer, struct ps_hbase_fault *fault,
                               struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_hbase_call(struct ps_hbase *client, const struct ps_hbase_address *address,
                            const char *service, const char *method, const struct ps_buffer *message,
                            struct ps_hbase_answer *answer, struct ps_hbase_fault *fault,
                            struct penstock_error *error) PENSTOCK_MUST_USE;

/* Where hbase:meta is, and the master that decides; asked once, until they are forgotten. */
penstock_code ps_hbase_meta(struct ps_hbase *client, struct ps_hbase_address *address_out,
                            struct ps_hbase_fault *fault, struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_hbase_master(struct ps_hbase *client, struct ps_hbase_address *address_out,
                              struct ps_hbase_fault *fault, struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_hbase_forget_servers(struct ps_hbase *client);

struct ps_hbase_retry {
    struct ps_hbase *client;
    int64_t give_up_ns;
    int64_t attempts;
};
struct ps_hbase_retry ps_hbase_retry_begin(struct ps_hbase *client);
/* Something was achieved: patience starts anew. */
void ps_hbase_retry_progress(struct ps_hbase_retry *retry);
/* After an attempt that failed with *error. OK: try again. */
penstock_code ps_hbase_retry_wait(struct ps_hbase_retry *retry, const struct ps_hbase_fault *fault,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;

/* Bytes of the largest answer that is taken. */
size_t ps_hbase_frame_size_max(const struct ps_hbase *client);
/* After an answer about one row that is larger (fault->too_large): says so. row: empty if it is not known.
 * Returns INVALID_DATA. */
penstock_code ps_hbase_row_too_large(const struct ps_hbase *client, const char *table, struct ps_bytes row,
                                     const struct ps_hbase_fault *fault, struct penstock_error *error);

struct ps_hbase_tally *ps_hbase_count(struct ps_hbase *client);

/* The regions that the client knows; region.c alone looks into it. */
struct ps_hbase_region;
struct ps_hbase_region_cache {
    struct ps_hbase_region **items; /* by table and start key */
    size_t count, capacity;
};
struct ps_hbase_region_cache *ps_hbase_region_cache(struct ps_hbase *client);
void ps_hbase_region_cache_done(struct ps_hbase_region_cache *cache);

#endif
