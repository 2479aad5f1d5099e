/* SPDX-License-Identifier: Apache-2.0
 *
 * wire.h - what stands on a connection to HBase: the greeting, requests and replies as frames.
 *
 * A frame is four bytes of length, a header and a message, each with its own length in front, and perhaps a cell
 * block. All of it is bytes in, bytes out: no socket here, so that tests and fuzzers can drive it.
 */
#ifndef PS_HBASE_WIRE_H
#define PS_HBASE_WIRE_H

#include "hbase/cell.h"

/* What a client says first: protocol and authentication, SIMPLE or, with tokens to follow, Kerberos. */
void ps_hbase_add_preamble(struct ps_buffer *out, bool is_kerberos);
/* And then: user (NULL: who the tokens have proven), service, codec of cell blocks. */
void ps_hbase_add_header(struct ps_buffer *out, const char *user, const char *service);

struct ps_hbase_request {
    const char *method;
    const struct ps_buffer *message;
    const struct ps_buffer *cells; /* NULL: none */
    int64_t timeout_ms;            /* what the server may take */
};
void ps_hbase_add_request(struct ps_buffer *out, uint32_t call_id, const struct ps_hbase_request *request);

/* An exception, as views into its frame. */
struct ps_hbase_exception {
    struct ps_bytes class_name, trace; /* "org.apache.hadoop.hbase.NotServingRegionException" */
    bool do_not_retry;
    bool is_overloaded; /* the server says so: longer pauses help it */
};

/* The call that a server answers when it refuses the connection as a whole. */
#define PS_HBASE_NO_CALL UINT32_MAX
struct ps_hbase_reply {
    uint32_t call_id;
    bool has_exception;
    struct ps_hbase_exception exception;
    struct ps_bytes message, cells;
};
/* A frame without its length. False if it is not one. */
bool ps_hbase_parse_reply(struct ps_bytes frame, struct ps_hbase_reply *reply_out);
/* Of a frame of `frame_size` bytes of which only `part` has arrived: all but the cells. False if that is not there yet,
 * too. */
bool ps_hbase_parse_front(struct ps_bytes part, size_t frame_size, struct ps_hbase_reply *reply_out);
/* NameBytesPair{class, trace}, which is how a Multi tells what went wrong with a part of it. */
bool ps_hbase_parse_exception_pair(struct ps_bytes message, struct ps_hbase_exception *exception_out);

/* RegionSpecifier{REGION_NAME, name} */
void ps_hbase_add_region_specifier(struct ps_buffer *out, uint32_t field, struct ps_bytes region_name);
/* TableName{namespace, qualifier} of "ns:t", or of "t" in the namespace default */
void ps_hbase_add_table_name(struct ps_buffer *out, uint32_t field, const char *table);
/* NameBytesPair and the like: a message of two byte strings. False when damaged. */
bool ps_hbase_parse_pair(struct ps_bytes message, struct ps_bytes *first_out, struct ps_bytes *second_out);

#endif
