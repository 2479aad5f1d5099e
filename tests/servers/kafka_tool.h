/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_tool.h - the parts of the test tool for Kafka: what its commands are given, and the commands themselves.
 *
 * The tool is for tests: it says what went wrong on stderr and exits with status 1, from wherever it is.
 */
#ifndef PS_TESTS_KAFKA_TOOL_H
#define PS_TESTS_KAFKA_TOOL_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ANSWER_MS_MAX 30000
#define PARTITION_COUNT_MAX 1024

struct call {
    const char *bootstrap;
    const char *const *settings; /* -X name=value, of librdkafka */
    size_t setting_count;
    const char *const *arguments; /* what follows the command */
    size_t argument_count;
};

/* Ends the program with this sentence. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void check(rd_kafka_resp_err_t code, const char *what);
/* Fails with the error's text, if it is one, and destroys it. */
void check_error(rd_kafka_error_t *error, const char *what);

/* The n-th argument; fails when it is not there. */
const char *argument(const struct call *call, size_t index, const char *what);
int64_t number(const char *text, const char *what);
/* Is this flag among the arguments? *value_out (may be NULL): the argument after it. */
bool flag(const struct call *call, const char *name, const char **value_out);

/* A client with the settings of the call and these pairs, which end with NULL. *failures_out (of a producer, may be
 * NULL) is counted up for each record that was not delivered, as long as the client lives. */
rd_kafka_t *client(const struct call *call, rd_kafka_type_t type, const char *const *pairs,
                   int64_t *failures_out);
int32_t partition_count(rd_kafka_t *kafka, const char *topic);

void command_produce(const struct call *call);
void command_generate(const struct call *call);
void command_consume(const struct call *call);
void command_rate(const struct call *call);

#endif
