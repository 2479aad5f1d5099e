/* SPDX-License-Identifier: Apache-2.0
 *
 * wrong_modes.c - three ways to read a topic that are not exactly once, kept for the torture tests only: what checks
 * penstock must see the faults of these.
 *
 *   wrong_modes BOOTSTRAP TOPIC MODE FILE      until SIGTERM; lines "id" are added to FILE
 *
 * receiver     as the receivers of Spark Streaming 1.x: what arrives goes into a write-ahead log, the position is kept
 *              at the broker later, the log is worked off later still. Killed between log and position: read and
 *              logged again. Killed between output and the mark in the log: worked off again. Duplicates.
 * ack-first    the position is committed when records arrive, the output is written later. Killed between: loss.
 * write-first  the output is written when records arrive, the position is committed later. Killed between:
 *              duplicates.
 *
 * "Later" is at the end of an interval of 100 ms, about as long as an epoch of penstock is. Every write is one write(),
 * so what is found are faults of the order of things, not torn lines; a line that was cut is removed at the start.
 */
#include <errno.h>
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define INTERVAL_NS 100000000
#define BATCH 1000
#define ANSWER_MS_MAX 30000
#define TEXT_SIZE_MAX ((size_t)4 << 20)

enum mode { RECEIVER, ACK_FIRST, WRITE_FIRST };

struct reader {
    enum mode mode;
    rd_kafka_t *kafka;
    rd_kafka_topic_partition_list_t *positions; /* next offset of every partition */
    int output;
    int log; /* of the receiver */
    off_t log_done;
    int log_mark; /* how much of the log is worked off */
    char text[TEXT_SIZE_MAX];
    size_t size;
};

static volatile sig_atomic_t is_stopping;

static void stop(int number) {
    (void)number;
    is_stopping = 1;
}

static _Noreturn void fail(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static int64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Opens to append; what a kill left of a line is cut off. */
static int open_lines(const char *path, const char *suffix) {
    char name[4096];
    snprintf(name, sizeof name, "%s%s", path, suffix);
    const int file = open(name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file < 0) {
        fail(name, strerror(errno));
    }
    off_t end = lseek(file, 0, SEEK_END);
    char last = '\n';
    while (end > 0 && pread(file, &last, 1, end - 1) == 1 && last != '\n') {
        end--;
    }
    if (ftruncate(file, end) != 0) {
        fail(name, strerror(errno));
    }
    return file;
}

static void append(int file, const char *text, size_t size) {
    if (size > 0 && write(file, text, size) != (ssize_t)size) {
        fail("write", strerror(errno));
    }
    if (fdatasync(file) != 0) {
        fail("fdatasync", strerror(errno));
    }
}

static void set(rd_kafka_conf_t *configuration, const char *name, const char *value) {
    char reason[512];
    if (rd_kafka_conf_set(configuration, name, value, reason, sizeof reason) != RD_KAFKA_CONF_OK) {
        fail(name, reason);
    }
}

/* Where the broker says that this group stands, and the beginning where it does not know. */
static void assign(struct reader *reader, const char *topic) {
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(reader->kafka, topic, NULL);
    rd_kafka_resp_err_t code = rd_kafka_metadata(reader->kafka, 0, handle, &metadata, ANSWER_MS_MAX);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fail(topic, rd_kafka_err2str(code));
    }
    reader->positions = rd_kafka_topic_partition_list_new(8);
    for (int32_t partition = 0; partition < metadata->topics[0].partition_cnt; partition++) {
        rd_kafka_topic_partition_list_add(reader->positions, topic, partition);
    }
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
    code = rd_kafka_committed(reader->kafka, reader->positions, ANSWER_MS_MAX);
    for (int index = 0; index < reader->positions->cnt; index++) {
        if (reader->positions->elems[index].offset < 0) {
            reader->positions->elems[index].offset = RD_KAFKA_OFFSET_BEGINNING;
        }
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = rd_kafka_assign(reader->kafka, reader->positions);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fail("assign", rd_kafka_err2str(code));
    }
}

/* The committed position is all that tells the next life where to go on; a broker that is away is waited for. */
static void acknowledge(struct reader *reader) {
    while (rd_kafka_commit(reader->kafka, reader->positions, 0) != RD_KAFKA_RESP_ERR_NO_ERROR &&
           !is_stopping) {
        nanosleep(&(struct timespec){.tv_nsec = INTERVAL_NS}, NULL);
    }
}

/* What arrived, as lines, behind what is in the buffer already. How many. */
static int receive(struct reader *reader, rd_kafka_queue_t *queue) {
    static rd_kafka_message_t *messages[BATCH];
    const ssize_t count = rd_kafka_consume_batch_queue(queue, 20, messages, BATCH);
    int taken = 0;
    for (ssize_t index = 0; index < count; index++) {
        const rd_kafka_message_t *message = messages[index];
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            const char *id = message->len > 6 ? memchr(message->payload, ':', message->len) : NULL;
            if (id == NULL || reader->size + 32 > sizeof reader->text) {
                fail("a record", "is no test record, or too many of them came at once");
            }
            reader->size +=
                (size_t)snprintf(reader->text + reader->size, 32, "%lld\n", strtoll(id + 1, NULL, 10));
            rd_kafka_topic_partition_list_find(reader->positions, rd_kafka_topic_name(message->rkt),
                                               message->partition)
                ->offset = message->offset + 1;
            taken++;
        }
        rd_kafka_message_destroy(messages[index]);
    }
    return taken;
}

/* The receiver's second half: what is in the log and not marked goes to the output, then the mark is set. */
static void work_off(struct reader *reader) {
    const off_t end = lseek(reader->log, 0, SEEK_END);
    while (reader->log_done < end) {
        const size_t left = (size_t)(end - reader->log_done);
        const ssize_t size =
            pread(reader->log, reader->text, left < TEXT_SIZE_MAX ? left : TEXT_SIZE_MAX, reader->log_done);
        if (size <= 0) {
            fail("read the log", strerror(errno));
        }
        size_t whole = (size_t)size;
        while (whole > 0 && reader->text[whole - 1] != '\n') {
            whole--;
        }
        append(reader->output, reader->text, whole);
        reader->log_done += (off_t)whole;
        char mark[32];
        const int length = snprintf(mark, sizeof mark, "%020lld\n", (long long)reader->log_done);
        if (pwrite(reader->log_mark, mark, (size_t)length, 0) != length) {
            fail("write the mark", strerror(errno));
        }
    }
}

static void open_log(struct reader *reader, const char *file) {
    char name[4096];
    char mark[32] = "0";
    reader->log = open_lines(file, ".log");
    snprintf(name, sizeof name, "%s.mark", file);
    reader->log_mark = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (reader->log_mark < 0 || pread(reader->log_mark, mark, sizeof mark - 1, 0) < 0) {
        fail(name, strerror(errno));
    }
    reader->log_done = (off_t)strtoll(mark, NULL, 10);
    work_off(reader);
}

/* One interval: what is done at once, and what is done at its end. */
static void interval(struct reader *reader, rd_kafka_queue_t *queue) {
    const int64_t end = now_ns() + INTERVAL_NS;
    int taken = 0;
    reader->size = 0;
    while (now_ns() < end && !is_stopping) {
        const int here = receive(reader, queue);
        taken += here;
        if (here > 0 && reader->mode == ACK_FIRST) {
            acknowledge(reader);
        } else if (here > 0) {
            append(reader->mode == RECEIVER ? reader->log : reader->output, reader->text, reader->size);
            reader->size = 0;
        }
    }
    if (taken == 0) {
        return;
    }
    if (reader->mode == ACK_FIRST) {
        append(reader->output, reader->text, reader->size);
        return;
    }
    acknowledge(reader);
    if (reader->mode == RECEIVER) {
        work_off(reader);
    }
}

int main(int count, char **arguments) {
    static struct reader reader;
    static const char *const modes[] = {"receiver", "ack-first", "write-first"};
    if (count != 5) {
        fail("usage", "wrong_modes BOOTSTRAP TOPIC receiver|ack-first|write-first FILE");
    }
    while (reader.mode < WRITE_FIRST && strcmp(modes[reader.mode], arguments[3]) != 0) {
        reader.mode++;
    }
    signal(SIGTERM, stop);
    char reason[512];
    rd_kafka_conf_t *configuration = rd_kafka_conf_new();
    set(configuration, "bootstrap.servers", arguments[1]);
    set(configuration, "group.id", arguments[3]);
    set(configuration, "enable.auto.commit", "false");
    set(configuration, "log_level", "2");
    reader.kafka = rd_kafka_new(RD_KAFKA_CONSUMER, configuration, reason, sizeof reason);
    if (reader.kafka == NULL) {
        fail("consumer", reason);
    }
    reader.output = open_lines(arguments[4], "");
    if (reader.mode == RECEIVER) {
        open_log(&reader, arguments[4]);
    }
    assign(&reader, arguments[2]);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(reader.kafka);
    while (!is_stopping) {
        interval(&reader, queue);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_consumer_close(reader.kafka);
    rd_kafka_topic_partition_list_destroy(reader.positions);
    rd_kafka_destroy(reader.kafka);
    return 0;
}
