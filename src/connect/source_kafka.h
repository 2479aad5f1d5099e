/* SPDX-License-Identifier: Apache-2.0
 *
 * source_kafka.h - the Kafka connector's row of the table of sources, see source_kafka.c.
 */
#ifndef PS_CONNECT_SOURCE_KAFKA_H
#define PS_CONNECT_SOURCE_KAFKA_H

#include "connect/source.h"

extern const struct ps_source_type ps_source_kafka;

#endif
