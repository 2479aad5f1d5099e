/* SPDX-License-Identifier: Apache-2.0
 *
 * limits.h - every limit of penstock, with its reason. Nothing grows without one.
 */
#ifndef PS_BASE_LIMITS_H
#define PS_BASE_LIMITS_H

/* A plan, a project, a request: text and small structs. Far above any real one, below a runaway. */
#define PS_LIMIT_ARENA_SIZE ((size_t)1 << 30)
/* One SQL or YAML file. dbt's largest generated models are a few hundred KiB. */
#define PS_LIMIT_PROJECT_FILE_SIZE ((size_t)16 << 20)
/* One record (a line of NDJSON or CSV, a Kafka message). Larger ones are dead letters that keep the
 * first PS_LIMIT_DEAD_LETTER_SIZE bytes; the memory budget would not hold many of them. */
#define PS_LIMIT_RECORD_SIZE ((size_t)16 << 20)
/* Raw bytes kept of one dead letter. */
#define PS_LIMIT_DEAD_LETTER_SIZE ((size_t)1 << 20)
/* Nesting of one JSON record: the parser's own stack is bounded by it. */
#define PS_LIMIT_JSON_DEPTH 128
/* Columns of a source or of a model's input: DuckDB itself gets slow far below. */
#define PS_LIMIT_COLUMN_COUNT 4096
/* Features after TRANSFORM: the Gram matrix of 8192 features is 512 MiB. */
#define PS_LIMIT_FEATURE_COUNT 8192
/* One log file of an application; twice as much is kept. Ten epochs a second write it full in three hours. */
#define PS_LIMIT_LOG_SIZE ((int64_t)64 << 20)
/* Epochs whose row is kept in penstock.epochs: some 20 MB, and a day at ten a second. */
#define PS_LIMIT_EPOCH_COUNT 1000000
/* Files of one source's glob. */
#define PS_LIMIT_FILE_COUNT 1000000
/* Task slots of one executor: more than any one machine's cores. */
#define PS_LIMIT_CORE_COUNT 1024

#endif
