/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_rows.h - which columns of a SELECT become key, value, headers and time of a message, and the messages.
 *
 * The projection makes the JSON in SQL, so a row arrives here as the bytes to be sent. Private to room connect.
 */
#ifndef PS_CONNECT_KAFKA_ROWS_H
#define PS_CONNECT_KAFKA_ROWS_H

#include "connect/kafka_client.h"
#include "connect/sink_server.h"

struct ps_kafka_rows {
    const struct ps_sink_setup *setup;
    const char *what;
    struct ps_sink_columns key, headers, timestamp, value;
    bool is_json;
};

/* Sorts the columns; texts are the options' or NULL. Errors: INVALID_PROJECT. */
penstock_code ps_kafka_rows_init(struct ps_kafka_rows *rows, const char *key, const char *headers,
                                 const char *timestamp, struct ps_arena *arena, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* value, then key, then time, then headers: those that there are. */
penstock_code ps_kafka_rows_project(const struct ps_kafka_rows *rows, struct ps_arena *arena,
                                    struct ps_scan_column **columns_out, size_t *count_out,
                                    struct penstock_error *error) PENSTOCK_MUST_USE;
/* Hands one row to librdkafka, which copies it. NULL: done; else librdkafka's error object. */
rd_kafka_error_t *ps_kafka_rows_produce(const struct ps_kafka_rows *rows, rd_kafka_t *handle,
                                        rd_kafka_topic_t *topic, const struct ps_batch *batch, int64_t row);

#endif
