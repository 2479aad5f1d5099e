/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_trial.h - a broker as `penstock prove` uses it: topics of its own, records into them, and all records of a
 * topic read back, by other means than the source and the sink that are on trial.
 *
 * Nothing here is shared with source_kafka.c and sink_kafka.c but the client, so that a fault of theirs cannot
 * hide itself. One thread.
 */
#ifndef PS_CONNECT_KAFKA_TRIAL_H
#define PS_CONNECT_KAFKA_TRIAL_H

#include "base/bytes.h"

struct ps_trial;

/* `properties`: "name=value" of librdkafka, NULL-terminated, or NULL. Waits until a broker answers. */
penstock_code ps_trial_open(const char *bootstrap, const char *const *properties, struct ps_trial **trial_out,
                            struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_trial_close(struct ps_trial *trial);

penstock_code ps_trial_create(struct ps_trial *trial, const char *topic, int32_t partition_count,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
/* A topic that is not there is no error. */
penstock_code ps_trial_delete(struct ps_trial *trial, const char *topic, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Hands a record to librdkafka. Copies it; waits while its queue is full. */
penstock_code ps_trial_produce(struct ps_trial *trial, const char *topic, int32_t partition,
                               struct ps_bytes key, struct ps_bytes value, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Until the broker has them all. */
penstock_code ps_trial_flush(struct ps_trial *trial, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Every committed record of the topic, partition by partition, up to the ends that are there now. */
penstock_code ps_trial_read(struct ps_trial *trial, const char *topic, int32_t partition_count,
                            penstock_code (*on_record)(struct ps_bytes value, void *context,
                                                       struct penstock_error *error),
                            void *context, struct penstock_error *error) PENSTOCK_MUST_USE;
/* librdkafka's version. */
const char *ps_trial_library(void);

#endif
