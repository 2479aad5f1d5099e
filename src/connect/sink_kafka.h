/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_kafka.h - a topic of Kafka as a sink; registered in sink_types.c.
 */
#ifndef PS_CONNECT_SINK_KAFKA_H
#define PS_CONNECT_SINK_KAFKA_H

#include "connect/sink.h"

extern const struct ps_sink_type ps_sink_kafka;

/* The options as they are read; for tests that open a sink without a project. */
struct ps_kafka_sink_config {
    const char *topic;
    const char *key, *headers, *timestamp;
    const char *transactional_id;
    const char *on_other_store;
    bool create_topic;
    int64_t partitions;
    int64_t retry_ms;
};
extern const struct ps_option ps_kafka_sink_options[]; /* of ps_kafka_sink_config */

#endif
