/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_records.c - records into a topic and out of it, for tests.
 *
 *   generate TOPIC COUNT PARTITIONS [--from ID] [--key id|device|category] [--rate PER_SECOND] [--now] [--print]
 *       the test record: 12 flat fields, 195 bytes on average, a function of its id alone (splitmix64, seed 42):
 *       200 categories, status 500 in 1 of 8 (else 200), temperature from -20 to 40; partition = id / 500 % PARTITIONS.
 *       --now: ts is the time of sending (else 1700000000000 + 3 * id). --print: to stdout instead of the topic.
 *   produce TOPIC [--transaction ID [--abort]]
 *       a line of stdin is {"key","value","partition","timestamp","headers":{}}; no value is a tombstone; key_base64 and
 *       value_base64 for any bytes. With --transaction all lines are one transaction.
 *   consume TOPIC [--uncommitted] [--count]
 *       everything up to the end, as NDJSON; --count: only how many
 *   rate TOPIC
 *       reads everything as fast as it can: {"records","bytes","seconds","cpu_seconds"}
 */
#include "kafka_tool.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <yyjson.h>

#include "base/bytes.h"

#define LINE_SIZE_MAX ((size_t)32 << 20)
#define POLL_BATCH 10000

static double now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* --- the test record ------------------------------------------------------------------------------------- */

/* The n-th number of the generator of Steele, Lea and Flood (2014), without those before it. */
static uint64_t splitmix(uint64_t seed, uint64_t n) {
    uint64_t value = seed + (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

struct text {
    char *data;
    size_t size;
};

static void put(struct text *text, const char *piece) {
    const size_t size = strlen(piece);
    memcpy(text->data + text->size, piece, size);
    text->size += size;
}

/* `width` digits at least, zeros in front. printf would take longer than everything else together. */
static void put_number(struct text *text, int64_t value, int width) {
    char digits[24];
    size_t at = sizeof digits;
    uint64_t rest = value < 0 ? (uint64_t)-value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0 || (int)(sizeof digits - at) < width);
    if (value < 0) {
        text->data[text->size++] = '-';
    }
    memcpy(text->data + text->size, digits + at, sizeof digits - at);
    text->size += sizeof digits - at;
}

/* value / 10^decimals */
static void put_fixed(struct text *text, int64_t value, int decimals) {
    int64_t scale = 1;
    for (int index = 0; index < decimals; index++) {
        scale *= 10;
    }
    const int64_t whole = value < 0 ? -value : value;
    if (value < 0) {
        text->data[text->size++] = '-';
    }
    put_number(text, whole / scale, 1);
    text->data[text->size++] = '.';
    put_number(text, whole % scale, decimals);
}

struct record {
    struct text value;
    struct text key;
};

static void make_key(struct text *key, const char *field, int64_t id, uint64_t device, uint64_t category) {
    key->size = 0;
    if (field == NULL) {
        return;
    }
    if (strcmp(field, "id") == 0) {
        put_number(key, id, 1);
    } else if (strcmp(field, "device") == 0) {
        put(key, "dev-");
        put_number(key, (int64_t)device, 5);
    } else if (strcmp(field, "category") == 0) {
        put(key, "cat-");
        put_number(key, (int64_t)category, 3);
    } else {
        fail("--key is id, device or category, not %s", field);
    }
}

static void make_record(struct record *record, int64_t id, int64_t ts, const char *key_field) {
    static const char *const countries[] = {"DE", "FR", "US", "GB", "ES", "IT", "NL", "PL"};
    uint64_t draw[8];
    for (uint64_t index = 0; index < 8; index++) {
        draw[index] = splitmix(42, (uint64_t)id * 8 + index);
    }
    struct text *text = &record->value;
    const uint64_t device = draw[0] % 20000;
    const uint64_t category = draw[1] % 200;
    text->size = 0;
    put(text, "{\"id\":");
    put_number(text, id, 1);
    put(text, ",\"device\":\"dev-");
    put_number(text, (int64_t)device, 5);
    put(text, "\",\"category\":\"cat-");
    put_number(text, (int64_t)category, 3);
    put(text, "\",\"ts\":");
    put_number(text, ts, 1);
    put(text, draw[2] % 8 == 0 ? ",\"status\":500,\"country\":\"" : ",\"status\":200,\"country\":\"");
    put(text, countries[(draw[2] >> 8) % 8]);
    put(text, "\",\"load_ms\":");
    put_fixed(text, (int64_t)(draw[3] % 5000000), 3);
    put(text, ",\"temperature\":");
    put_fixed(text, (int64_t)(draw[4] % 6000) - 2000, 2);
    put(text, ",\"bytes\":");
    put_number(text, (int64_t)(draw[5] % 100000), 1);
    put(text, ",\"errors\":");
    put_number(text, (int64_t)((draw[5] >> 32) % 4), 1);
    put(text, (draw[6] & 1) != 0 ? ",\"ok\":true,\"ratio\":" : ",\"ok\":false,\"ratio\":");
    put_fixed(text, (int64_t)(draw[7] % 1000000), 6);
    put(text, "}");
    make_key(&record->key, key_field, id, device, category);
}

/* --- into a topic ---------------------------------------------------------------------------------------- */

static rd_kafka_t *producer(const struct call *call, int64_t *failures, bool is_steady,
                            const char *transaction) {
    /* Idempotent: a broker that is killed meanwhile must not put duplicates into the input of a test. */
    const char *const pairs[] = {"enable.idempotence",
                                 "true",
                                 "linger.ms",
                                 is_steady ? "2" : "50",
                                 "batch.size",
                                 "1000000",
                                 "message.max.bytes",
                                 "20971520",
                                 "queue.buffering.max.messages",
                                 "500000",
                                 transaction != NULL ? "transactional.id" : NULL,
                                 transaction,
                                 NULL};
    return client(call, RD_KAFKA_PRODUCER, pairs, failures);
}

static void finish(rd_kafka_t *kafka, const int64_t *failures) {
    check(rd_kafka_flush(kafka, 10 * ANSWER_MS_MAX), "flush");
    rd_kafka_destroy(kafka);
    if (*failures > 0) {
        fail("%lld records were not delivered", (long long)*failures);
    }
}

static int64_t flag_number(const struct call *call, const char *name, int64_t otherwise) {
    const char *value = NULL;
    return flag(call, name, &value) ? number(value, name) : otherwise;
}

static void generate_one(rd_kafka_t *kafka, rd_kafka_topic_t *topic, int32_t partition,
                         const struct record *record) {
    const bool has_key = record->key.size > 0;
    while (rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_COPY, record->value.data, record->value.size,
                            has_key ? record->key.data : NULL, record->key.size, NULL) != 0) {
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            fail("produce: %s", rd_kafka_err2str(rd_kafka_last_error()));
        }
        rd_kafka_poll(kafka, 10);
    }
}

void command_generate(const struct call *call) {
    const char *name = argument(call, 0, "the topic");
    const int64_t count = number(argument(call, 1, "the number of records"), "the number of records");
    const int64_t partitions =
        number(argument(call, 2, "the number of partitions"), "the number of partitions");
    const int64_t from = flag_number(call, "--from", 0);
    const int64_t rate = flag_number(call, "--rate", 0);
    const char *key = NULL;
    flag(call, "--key", &key);
    const bool is_live = flag(call, "--now", NULL);
    const bool is_printed = flag(call, "--print", NULL);
    char value_bytes[1024];
    char key_bytes[64];
    struct record record = {.value = {.data = value_bytes}, .key = {.data = key_bytes}};
    int64_t failures = 0;
    rd_kafka_t *kafka = is_printed ? NULL : producer(call, &failures, rate > 0, NULL);
    rd_kafka_topic_t *topic = is_printed ? NULL : rd_kafka_topic_new(kafka, name, NULL);
    const double start = now(CLOCK_MONOTONIC);
    for (int64_t id = from; id < from + count; id++) {
        if (rate > 0) {
            const double early = (double)(id - from) / (double)rate - (now(CLOCK_MONOTONIC) - start);
            if (early > 0.001) {
                rd_kafka_poll(kafka, 0);
                nanosleep(&(struct timespec){.tv_sec = (time_t)early,
                                             .tv_nsec = (long)((early - (double)(time_t)early) * 1e9)},
                          NULL);
            }
        }
        const int64_t ts =
            is_live ? (int64_t)(now(CLOCK_REALTIME) * 1000.0) : INT64_C(1700000000000) + 3 * id;
        make_record(&record, id, ts, key);
        if (is_printed) {
            fwrite(record.value.data, 1, record.value.size, stdout);
            putchar('\n');
        } else {
            generate_one(kafka, topic, (int32_t)(id / 500 % partitions), &record);
            if (id % 1000 == 0) {
                rd_kafka_poll(kafka, 0);
            }
        }
    }
    if (!is_printed) {
        rd_kafka_topic_destroy(topic);
        finish(kafka, &failures);
    }
}

/* Decodes in place; the size. */
static size_t decode_base64(char *text, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    int bit_count = 0;
    size_t written = 0;
    for (size_t index = 0; index < size && text[index] != '='; index++) {
        const char *digit = text[index] == '\0' ? NULL : strchr(digits, text[index]);
        if (digit == NULL) {
            fail("not base64");
        }
        bits = (bits << 6) | (uint32_t)(digit - digits);
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            text[written++] = (char)((bits >> bit_count) & 0xff);
        }
    }
    return written;
}

static struct ps_bytes field(yyjson_val *line, const char *name, const char *coded_name, char *room,
                             size_t *used) {
    yyjson_val *plain = yyjson_obj_get(line, name);
    yyjson_val *coded = yyjson_obj_get(line, coded_name);
    if (yyjson_is_str(plain)) {
        return (struct ps_bytes){yyjson_get_str(plain), yyjson_get_len(plain)};
    }
    if (!yyjson_is_str(coded)) {
        return (struct ps_bytes){NULL, 0};
    }
    char *target = room + *used;
    memcpy(target, yyjson_get_str(coded), yyjson_get_len(coded));
    *used += yyjson_get_len(coded) + 1;
    return (struct ps_bytes){target, decode_base64(target, yyjson_get_len(coded))};
}

static void produce_line(rd_kafka_t *kafka, const char *topic, yyjson_val *line) {
    static char room[LINE_SIZE_MAX];
    size_t used = 0;
    const struct ps_bytes key = field(line, "key", "key_base64", room, &used);
    const struct ps_bytes value = field(line, "value", "value_base64", room, &used);
    const int32_t partition = yyjson_is_int(yyjson_obj_get(line, "partition"))
                                  ? (int32_t)yyjson_get_int(yyjson_obj_get(line, "partition"))
                                  : RD_KAFKA_PARTITION_UA;
    const int64_t timestamp = yyjson_get_sint(yyjson_obj_get(line, "timestamp")); /* 0, as for none: now */
    yyjson_val *named = yyjson_obj_get(line, "headers");
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    do {
        rd_kafka_headers_t *headers = rd_kafka_headers_new(8);
        yyjson_obj_iter each = yyjson_obj_iter_with(named);
        for (yyjson_val *name = yyjson_obj_iter_next(&each); name != NULL;
             name = yyjson_obj_iter_next(&each)) {
            yyjson_val *text = yyjson_obj_iter_get_val(name);
            check(rd_kafka_header_add(headers, yyjson_get_str(name), -1, yyjson_get_str(text),
                                      (ssize_t)yyjson_get_len(text)),
                  "header");
        }
        code = rd_kafka_producev(kafka, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY(key.data, key.size),
                                 RD_KAFKA_V_VALUE((void *)(uintptr_t)value.data, value.size),
                                 RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_TIMESTAMP(timestamp),
                                 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(headers),
                                 RD_KAFKA_V_END);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            rd_kafka_headers_destroy(headers);
            rd_kafka_poll(kafka, 10);
        }
    } while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL);
    check(code, "produce");
}

void command_produce(const struct call *call) {
    static char text[LINE_SIZE_MAX];
    const char *topic = argument(call, 0, "the topic");
    const char *transaction = NULL;
    flag(call, "--transaction", &transaction);
    int64_t failures = 0;
    rd_kafka_t *kafka = producer(call, &failures, true, transaction);
    if (transaction != NULL) {
        check_error(rd_kafka_init_transactions(kafka, ANSWER_MS_MAX), "init_transactions");
        check_error(rd_kafka_begin_transaction(kafka), "begin_transaction");
    }
    while (fgets(text, sizeof text, stdin) != NULL) {
        yyjson_doc *line = yyjson_read(text, strlen(text), 0);
        if (line == NULL || !yyjson_is_obj(yyjson_doc_get_root(line))) {
            fail("a line of the input is no JSON object");
        }
        produce_line(kafka, topic, yyjson_doc_get_root(line));
        yyjson_doc_free(line);
        rd_kafka_poll(kafka, 0);
    }
    if (transaction != NULL) {
        check(rd_kafka_flush(kafka, ANSWER_MS_MAX), "flush");
        check_error(flag(call, "--abort", NULL) ? rd_kafka_abort_transaction(kafka, ANSWER_MS_MAX)
                                                : rd_kafka_commit_transaction(kafka, ANSWER_MS_MAX),
                    "end of transaction");
    }
    finish(kafka, &failures);
}

/* --- out of a topic -------------------------------------------------------------------------------------- */

/* A consumer of every partition from its start, that says where a partition ends. */
static rd_kafka_t *consumer(const struct call *call, const char *topic, int32_t *count_out) {
    const bool is_uncommitted = flag(call, "--uncommitted", NULL);
    const char *const pairs[] = {"group.id",
                                 "kafka_tool",
                                 "enable.partition.eof",
                                 "true",
                                 "enable.auto.commit",
                                 "false",
                                 "isolation.level",
                                 is_uncommitted ? "read_uncommitted" : "read_committed",
                                 "queued.min.messages",
                                 "1000000",
                                 "queued.max.messages.kbytes",
                                 "131072",
                                 "fetch.message.max.bytes",
                                 "2097152",
                                 "check.crcs",
                                 "true",
                                 NULL};
    rd_kafka_t *kafka = client(call, RD_KAFKA_CONSUMER, pairs, NULL);
    *count_out = partition_count(kafka, topic);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(*count_out);
    for (int32_t partition = 0; partition < *count_out; partition++) {
        rd_kafka_topic_partition_list_add(list, topic, partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    check(rd_kafka_assign(kafka, list), "assign");
    rd_kafka_topic_partition_list_destroy(list);
    return kafka;
}

static void put_bytes(struct ps_buffer *line, const char *name, const void *data, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *bytes = data;
    size_t bad = 0;
    if (data == NULL) {
        ps_buffer_printf(line, ",\"%s\":null", name);
    } else if (ps_bytes_is_utf8((struct ps_bytes){data, size}, &bad)) {
        ps_buffer_printf(line, ",\"%s\":", name);
        ps_buffer_json(line, data, size);
    } else {
        ps_buffer_printf(line, ",\"%s_base64\":\"", name);
        for (size_t index = 0; index < size; index += 3) {
            const size_t here = size - index < 3 ? size - index : 3;
            uint32_t bits = (uint32_t)bytes[index] << 16;
            bits |= here > 1 ? (uint32_t)bytes[index + 1] << 8 : 0;
            bits |= here > 2 ? bytes[index + 2] : 0;
            const char four[4] = {digits[bits >> 18], digits[(bits >> 12) & 63],
                                  here > 1 ? digits[(bits >> 6) & 63] : '=',
                                  here > 2 ? digits[bits & 63] : '='};
            ps_buffer_add(line, four, sizeof four);
        }
        ps_buffer_text(line, "\"");
    }
}

static void put_headers(struct ps_buffer *line, const rd_kafka_message_t *message) {
    rd_kafka_headers_t *headers = NULL;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return;
    }
    const char *name = NULL;
    const void *value = NULL;
    size_t size = 0;
    ps_buffer_text(line, ",\"headers\":{");
    for (size_t index = 0;
         rd_kafka_header_get_all(headers, index, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         index++) {
        ps_buffer_text(line, index > 0 ? "," : "");
        ps_buffer_json(line, name, strlen(name));
        ps_buffer_text(line, ":");
        ps_buffer_json(line, value == NULL ? "" : value, size);
    }
    ps_buffer_text(line, "}");
}

static void print_message(struct ps_buffer *line, const rd_kafka_message_t *message) {
    ps_buffer_clear(line);
    ps_buffer_printf(line, "{\"partition\":%d,\"offset\":%lld,\"timestamp\":%lld", message->partition,
                     (long long)message->offset, (long long)rd_kafka_message_timestamp(message, NULL));
    put_bytes(line, "key", message->key, message->key_len);
    put_bytes(line, "value", message->payload, message->len);
    put_headers(line, message);
    ps_buffer_text(line, "}\n");
    fwrite(line->data, 1, line->size, stdout);
}

/* Reads on until every partition has ended; `line` NULL only counts. */
static void consume_all(const struct call *call, struct ps_buffer *line, int64_t *records_out,
                        int64_t *bytes_out) {
    static rd_kafka_message_t *messages[POLL_BATCH];
    int32_t partitions = 0;
    rd_kafka_t *kafka = consumer(call, argument(call, 0, "the topic"), &partitions);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(kafka);
    int32_t ended = 0;
    while (ended < partitions) {
        const ssize_t count = rd_kafka_consume_batch_queue(queue, 200, messages, POLL_BATCH);
        for (ssize_t index = 0; index < count; index++) {
            rd_kafka_message_t *message = messages[index];
            if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
                ended++;
            } else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
                fail("consume: %s", rd_kafka_message_errstr(message));
            } else {
                ++*records_out;
                *bytes_out += (int64_t)message->len;
                if (line != NULL) {
                    print_message(line, message);
                }
            }
            rd_kafka_message_destroy(message);
        }
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_consumer_close(kafka);
    rd_kafka_destroy(kafka);
}

void command_consume(const struct call *call) {
    struct ps_buffer line;
    ps_buffer_init(&line, LINE_SIZE_MAX * 4);
    int64_t records = 0;
    int64_t bytes = 0;
    const bool is_counted = flag(call, "--count", NULL);
    consume_all(call, is_counted ? NULL : &line, &records, &bytes);
    if (is_counted) {
        printf("%lld\n", (long long)records);
    }
    ps_buffer_done(&line);
}

void command_rate(const struct call *call) {
    int64_t records = 0;
    int64_t bytes = 0;
    const double start = now(CLOCK_MONOTONIC);
    const double cpu_start = now(CLOCK_PROCESS_CPUTIME_ID);
    consume_all(call, NULL, &records, &bytes);
    printf("{\"records\":%lld,\"bytes\":%lld,\"seconds\":%.3f,\"cpu_seconds\":%.3f}\n", (long long)records,
           (long long)bytes, now(CLOCK_MONOTONIC) - start, now(CLOCK_PROCESS_CPUTIME_ID) - cpu_start);
}
