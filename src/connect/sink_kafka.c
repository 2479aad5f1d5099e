/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_kafka.c - a topic of Kafka as a sink: records and epoch in one Kafka transaction.
 *
 * The epoch is an offset of a consumer group of the sink's own (kafka_ledger.h), sent with the transaction.
 * init_transactions() ends whatever an older process left open and fences it; the attempt in the offset's text tells
 * afterwards who was fenced by whom, because Kafka uses one error for a producer that was replaced and for one whose
 * transaction took too long. A producer that was fenced is never used again: only a new one, after recover(), knows
 * what was committed. With delivery = 'at_least_once' there are no transactions: the epoch is committed to the group
 * after every record was confirmed, so what a crash between the two leaves is written again.
 */
#include "connect/sink_kafka.h"

#include <inttypes.h>

#include "base/check.h"
#include "base/clock.h"
#include "connect/kafka_rows.h"
#include "connect/kafka_transaction.h"

/* A wrong address should be an error soon; brokers that were there once are waited for as long as `retry` says. */
#define FIRST_MS_MAX 5000
/* Producers in a row that were fenced although no newer attempt of ours is there: somebody else uses the id. */
#define FENCED_COUNT_MAX 5

static const char *const kafka_encodes[] = {"json", "bytes", NULL};

#define PROPERTY_COUNT 13

struct kafka_sink {
    const struct ps_sink_setup *setup;
    const struct ps_kafka_sink_config *config;
    struct ps_arena *arena;   /* as long as the sink */
    struct ps_arena *session; /* from one producer to the next */
    struct ps_kafka_property properties[PROPERTY_COUNT];
    struct ps_kafka_setup kafka;
    struct ps_kafka_property reader_properties[3];
    struct ps_kafka_setup reader_setup;
    struct ps_kafka_rows rows;
    struct ps_kafka_ledger ledger;
    struct ps_kafka_client *client; /* NULL: there is none, or it cannot be used any more */
    /* reads the group's offset. Not the producer: librdkafka 2.11.1 asks its group for another coordinator when a
     * broker that just started answers "not coordinator", and a client without a group crashes there */
    struct ps_kafka_client *reader;
    rd_kafka_topic_t *topic;
    const char *what;
    const char *transactional_id; /* NULL: no transactions */
    int64_t attempt;
    int64_t epoch; /* the last that is known to be there */
    int fenced_count;
    bool was_connected;
    bool is_in_transaction;
    bool has_epoch; /* the epoch that is begun is there already: nothing is written */
};

static void drop_client(struct kafka_sink *sink) {
    if (sink->topic != NULL) {
        rd_kafka_topic_destroy(sink->topic);
        sink->topic = NULL;
    }
    if (sink->client != NULL) { /* or closing would wait for records that nobody wants any more */
        (void)rd_kafka_purge(sink->client->handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                                       RD_KAFKA_PURGE_F_NON_BLOCKING);
    }
    ps_kafka_close(ps_take(sink->client));
    ps_kafka_close(ps_take(sink->reader));
    sink->is_in_transaction = false;
}

static void kafka_close(void *state) {
    struct kafka_sink *sink = state;
    if (sink == NULL) {
        return;
    }
    drop_client(sink);
    ps_arena_free(sink->session);
    ps_arena_free(sink->arena);
    ps_release(sink);
}

static void kafka_close_scoped(struct kafka_sink **sink) {
    kafka_close(*sink);
}

/* --- open --------------------------------------------------------------------------------------------------------- */

static void set_properties(struct kafka_sink *sink) {
    const struct ps_kafka_property properties[PROPERTY_COUNT] = {
        {"transactional.id", sink->transactional_id, "it is the option transactional_id"},
        {"enable.idempotence", "true", "without it records come twice or in another order"},
        {"delivery.report.only.error", "true", "the sink counts what was not delivered"},
        {"enable.gapless.guarantee", NULL, "it is experimental in librdkafka"},
        {"acks", "all", "an epoch must outlive any one broker"},
        {"request.required.acks", NULL, "an epoch must outlive any one broker"},
        /* Kafka's Java clients put the same key into the same partition */
        {"partitioner", "murmur2_random", NULL},
        {"linger.ms", "5", NULL},
        {"queue.buffering.max.messages", "500000", NULL},
        {"queue.buffering.max.kbytes", "131072", NULL},
        {"client.id", "penstock", NULL},
        {"group.id", NULL, "it keeps the sink's epoch"},
        {.name = NULL},
    };
    memcpy(sink->properties, properties, sizeof properties);
    sink->kafka = (struct ps_kafka_setup){.what = sink->what,
                                          .settings = sink->setup->statement->settings,
                                          .setting_count = sink->setup->statement->setting_count,
                                          .properties = sink->properties};
    sink->reader_properties[0] =
        (struct ps_kafka_property){"group.id", sink->ledger.group, "it keeps the sink's epoch"};
    sink->reader_properties[1] =
        (struct ps_kafka_property){"enable.auto.commit", "false", "the sink commits its epochs"};
    sink->reader_setup = sink->kafka;
    sink->reader_setup.properties = sink->reader_properties;
}

static penstock_code name_things(struct kafka_sink *sink, struct penstock_error *error) {
    const struct ps_sink_setup *setup = sink->setup;
    const char *given = sink->config->transactional_id;
    const char *id = given != NULL && given[0] != '\0'
                         ? given
                         : ps_arena_printf(sink->arena, "penstock-%s-%s", setup->project, setup->name);
    sink->what = ps_arena_printf(sink->arena, "sink %s", setup->name);
    sink->ledger = (struct ps_kafka_ledger){
        .group = ps_arena_printf(sink->arena, "penstock.%s.%s", setup->project, setup->name),
        .topic = sink->config->topic,
        .store_id = setup->store_id};
    if (id == NULL || sink->what == NULL || sink->ledger.group == NULL) {
        return ps_error_memory(error, "a sink");
    }
    sink->transactional_id = setup->is_at_least_once ? NULL : id;
    sink->ledger.claim_group = ps_kafka_ledger_claim_group(sink->ledger.group, sink->arena);
    if (sink->ledger.claim_group == NULL) {
        return ps_error_memory(error, "a sink");
    }
    sink->rows.setup = setup;
    sink->rows.what = sink->what;
    return PENSTOCK_OK;
}

static penstock_code kafka_open(const struct ps_sink_setup *setup, const void *config, void **state_out,
                                struct penstock_error *error) {
    struct kafka_sink *sink PS_SCOPED(kafka_close_scoped) = ps_allocate(1, sizeof *sink);
    if (sink == NULL) {
        return ps_error_memory(error, "a sink");
    }
    sink->setup = setup;
    sink->config = config;
    sink->arena = ps_arena_new(0);
    sink->session = ps_arena_new(0);
    if (sink->arena == NULL || sink->session == NULL) {
        return ps_error_memory(error, "a sink");
    }
    PS_TRY(name_things(sink, error));
    PS_TRY(ps_kafka_rows_init(&sink->rows, sink->config->key, sink->config->headers, sink->config->timestamp,
                              sink->arena, error));
    set_properties(sink);
    PS_TRY(ps_kafka_check(&sink->kafka, error));
    *state_out = ps_take(sink);
    return PENSTOCK_OK;
}

static penstock_code kafka_project(void *state, struct ps_arena *arena, struct ps_scan_column **columns_out,
                                   size_t *count_out, struct penstock_error *error) {
    const struct kafka_sink *sink = state;
    return ps_kafka_rows_project(&sink->rows, arena, columns_out, count_out, error);
}

/* --- recover ------------------------------------------------------------------------------------------------------ */

static penstock_code fenced(const struct kafka_sink *sink, int64_t attempt, int64_t newer,
                            struct penstock_error *error) {
    return ps_error_set(error, PENSTOCK_FENCED,
                        "%s: attempt %" PRId64 " is over: attempt %" PRId64 " writes now", sink->what,
                        attempt, newer);
}

static penstock_code check_entry(const struct kafka_sink *sink, int64_t attempt, struct ps_kafka_entry *entry,
                                 struct penstock_error *error) {
    if (entry->is_other_store && strcmp(sink->config->on_other_store, "replace") == 0) {
        *entry = (struct ps_kafka_entry){0};
    }
    if (entry->is_other_store) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                           "%s: topic %s has epochs of sink %s of project %s that another store wrote",
                           sink->what, sink->config->topic, sink->setup->name, sink->setup->project);
        (void)ps_error_detail(error, "the other store is %s, this one is %s", entry->store_id,
                              sink->setup->store_id);
        return ps_error_hint(error, "give the sink another name, or remove what the other store wrote and say"
                                    " on_other_store = 'replace'");
    }
    return entry->attempt > attempt ? fenced(sink, attempt, entry->attempt, error) : PENSTOCK_OK;
}

static penstock_code find_topic(struct kafka_sink *sink, struct penstock_error *error) {
    const char *const names[] = {sink->config->topic};
    struct ps_kafka_topic *topics = NULL;
    PS_TRY(ps_kafka_describe(sink->client, names, 1, PS_KAFKA_CALL_MS, sink->session, &topics, error));
    if (topics[0].code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART && sink->config->create_topic) {
        PS_TRY(ps_kafka_topic_create(sink->client, sink->config->topic, sink->config->partitions,
                                     PS_KAFKA_CALL_MS, error));
    } else if (topics[0].code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        PS_TRY(ps_kafka_topic_error(sink->client, &topics[0], PS_KAFKA_CALL_MS, error));
    }
    sink->topic = rd_kafka_topic_new(sink->client->handle, sink->config->topic, NULL);
    return sink->topic != NULL ? PENSTOCK_OK
                               : ps_kafka_error(sink->client, rd_kafka_last_error(), NULL, error,
                                                "cannot use topic %s", sink->config->topic);
}

/* Commits an offset; takes the list. */
static penstock_code keep(struct kafka_sink *sink, const char *group, rd_kafka_topic_partition_list_t *offset,
                          struct ps_sink_patience *patience, struct penstock_error *error) {
    if (sink->transactional_id == NULL) {
        return ps_kafka_ledger_write(sink->reader, group, offset, PS_KAFKA_CALL_MS, error);
    }
    enum ps_kafka_verdict verdict = ps_kafka_judge(
        sink->client, rd_kafka_begin_transaction(sink->client->handle), "cannot begin a transaction", error);
    if (verdict != PS_KAFKA_DONE && offset != NULL) {
        rd_kafka_topic_partition_list_destroy(offset);
    }
    verdict = verdict == PS_KAFKA_DONE
                  ? ps_kafka_transaction_commit(sink->client, group, offset, patience, error)
                  : verdict;
    return verdict == PS_KAFKA_DONE ? PENSTOCK_OK : error->code;
}

/* The attempt is written down, so that whoever was fenced can see by whom; and read until it is seen, so that what was
 * committed before it is seen, too (kafka_ledger.h). */
static penstock_code claim(struct kafka_sink *sink, int64_t attempt, struct ps_sink_patience *patience,
                           struct ps_kafka_entry *entry_out, struct penstock_error *error) {
    struct ps_sink_patience own = ps_sink_patience_of(sink->config->retry_ms);
    PS_TRY(
        keep(sink, sink->ledger.claim_group, ps_kafka_ledger_claim(&sink->ledger, attempt), patience, error));
    for (;;) {
        int64_t seen = 0;
        penstock_code code =
            ps_kafka_ledger_read_claim(sink->reader, &sink->ledger, true, PS_KAFKA_CALL_MS, &seen, error);
        if (code == PENSTOCK_OK && seen >= attempt) {
            code = ps_kafka_ledger_read(sink->reader, &sink->ledger, true, PS_KAFKA_CALL_MS, sink->session,
                                        entry_out, error);
            if (code == PENSTOCK_OK) {
                return check_entry(sink, attempt, entry_out, error);
            }
        }
        if (code != PENSTOCK_OK && error->remedy != PENSTOCK_RETRY) {
            return code;
        }
        if (!ps_sink_patience_wait(&own)) {
            (void)ps_error_set(error, PENSTOCK_UNAVAILABLE,
                               "%s: the coordinator of group %s does not tell what was committed to it",
                               sink->what, sink->ledger.group);
            error->remedy = PENSTOCK_RETRY;
            return error->code;
        }
    }
}

/* A new producer that owns the sink's epoch. The error of one try; `error` is not NULL. */
static penstock_code take_over(struct kafka_sink *sink, int64_t attempt, struct ps_sink_patience *patience,
                               struct ps_position_list *positions, struct ps_epoch *epoch_out,
                               struct penstock_error *error) {
    struct ps_kafka_entry entry = {0};
    drop_client(sink);
    ps_arena_reset(sink->session);
    PS_TRY(ps_kafka_open(&sink->kafka, RD_KAFKA_PRODUCER, &sink->client, error));
    PS_TRY(ps_kafka_open(&sink->reader_setup, RD_KAFKA_CONSUMER, &sink->reader, error));
    PS_TRY(ps_kafka_connect(sink->client, PS_KAFKA_CALL_MS, error));
    sink->was_connected = true;
    PS_TRY(find_topic(sink, error));
    /* an older attempt must see that it is one before it fences the newer one */
    PS_TRY(ps_kafka_ledger_read(sink->reader, &sink->ledger, false, PS_KAFKA_CALL_MS, sink->session, &entry,
                                error));
    PS_TRY(check_entry(sink, attempt, &entry, error));
    if (sink->transactional_id != NULL) {
        PS_TRY(ps_kafka_transactions_start(sink->client, patience, error));
    }
    PS_TRY(claim(sink, attempt, patience, &entry, error));
    if (entry.positions != NULL) {
        PS_TRY(ps_sink_positions_read(entry.positions, strlen(entry.positions), positions, error));
    }
    if (!entry.is_there) { /* or it was another store's, and is to be replaced */
        PS_TRY(keep(sink, sink->ledger.group,
                    ps_kafka_ledger_offset(&sink->ledger, (struct ps_epoch){0, attempt}, positions), patience,
                    error));
    }
    *epoch_out = (struct ps_epoch){entry.epoch, entry.epoch > 0 ? attempt : 0};
    sink->attempt = attempt;
    sink->epoch = entry.epoch;
    return PENSTOCK_OK;
}

static penstock_code take_over_patiently(struct kafka_sink *sink, int64_t attempt, int64_t wait_ms,
                                         struct ps_position_list *positions, struct ps_epoch *epoch_out,
                                         struct penstock_error *error) {
    struct ps_sink_patience patience = ps_sink_patience_of(wait_ms);
    for (;;) {
        const penstock_code code = take_over(sink, attempt, &patience, positions, epoch_out, error);
        if (code == PENSTOCK_OK) {
            ps_error_clear(error);
            return code;
        }
        if (error->remedy != PENSTOCK_RETRY || !ps_sink_patience_wait(&patience)) {
            drop_client(sink);
            return code;
        }
    }
}

static penstock_code kafka_recover(void *state, int64_t attempt, struct ps_epoch *epoch_out,
                                   struct ps_position_list *positions_out, struct penstock_error *error) {
    struct kafka_sink *sink = state;
    struct penstock_error own = {0};
    const int64_t wait_ms =
        sink->was_connected || sink->config->retry_ms < FIRST_MS_MAX ? sink->config->retry_ms : FIRST_MS_MAX;
    return take_over_patiently(sink, attempt, wait_ms, positions_out, epoch_out,
                               error != NULL ? error : &own);
}

/* --- an epoch ----------------------------------------------------------------------------------------------------- */

/* After a discard that cost the producer: the epoch must be where it was. */
static penstock_code come_back(struct kafka_sink *sink, struct ps_epoch epoch, struct penstock_error *error) {
    struct ps_position_list positions;
    struct ps_epoch found = {0};
    PS_TRY(ps_position_list_init(&positions, error));
    const penstock_code code =
        take_over_patiently(sink, epoch.attempt, sink->config->retry_ms, &positions, &found, error);
    ps_position_list_done(&positions);
    return code;
}

static penstock_code kafka_begin(void *state, struct ps_epoch epoch, struct penstock_error *error) {
    struct kafka_sink *sink = state;
    struct penstock_error own = {0};
    error = error != NULL ? error : &own;
    if (sink->client == NULL) {
        PS_TRY(come_back(sink, epoch, error));
    }
    sink->has_epoch = epoch.number <= sink->epoch;
    sink->client->lost.count = 0;
    if (sink->transactional_id == NULL || sink->has_epoch) {
        return PENSTOCK_OK;
    }
    const enum ps_kafka_verdict verdict = ps_kafka_judge(
        sink->client, rd_kafka_begin_transaction(sink->client->handle), "cannot begin a transaction", error);
    sink->is_in_transaction = verdict == PS_KAFKA_DONE;
    if (verdict != PS_KAFKA_DONE) {
        drop_client(sink); /* recover() tells what is there */
        return error->code;
    }
    return PENSTOCK_OK;
}

/* What librdkafka says of records that it could not deliver. */
static penstock_code lost_error(const struct kafka_sink *sink, struct penstock_error *error) {
    const struct ps_kafka_trouble *lost = &sink->client->lost;
    char words[256];
    const rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(sink->client->handle, words, sizeof words);
    if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR) { /* the producer is lost, and its records with it */
        (void)ps_kafka_error(sink->client, fatal, words, error, "cannot write");
        error->remedy = PENSTOCK_RETRY; /* with a new one; recover() tells by whom this one was fenced */
        return error->code;
    }
    if (lost->code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "%s: a record is larger than topic %s takes",
                           sink->what, sink->config->topic);
        (void)ps_error_detail(error, "librdkafka: %s", lost->text);
        return ps_error_hint(error,
                             "raise max.message.bytes of the topic, and properties.message.max.bytes here");
    }
    return ps_kafka_error(sink->client, lost->code, lost->text, error,
                          "%" PRId64 " records were not delivered to %s", lost->count, sink->config->topic);
}

static penstock_code produce(struct kafka_sink *sink, const struct ps_batch *batch, int64_t row,
                             struct penstock_error *error) {
    struct ps_sink_patience patience = ps_sink_patience_of(sink->config->retry_ms);
    for (;;) {
        rd_kafka_error_t *object =
            ps_kafka_rows_produce(&sink->rows, sink->client->handle, sink->topic, batch, row);
        if (object == NULL) {
            return PENSTOCK_OK;
        }
        const rd_kafka_resp_err_t code = rd_kafka_error_code(object);
        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL && ps_clock_monotonic_ns() < patience.deadline_ns &&
            sink->client->lost.count == 0) {
            rd_kafka_error_destroy(object);
            (void)rd_kafka_poll(sink->client->handle,
                                10); /* back-pressure: the broker is slower than we are */
            continue;
        }
        if (sink->client->lost.count > 0) {
            rd_kafka_error_destroy(object);
            return lost_error(sink, error);
        }
        if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
            (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                               "%s: a record is larger than properties.message.max.bytes", sink->what);
            (void)ps_error_detail(error, "librdkafka: %s", rd_kafka_error_string(object));
            rd_kafka_error_destroy(object);
            return ps_error_hint(error, "raise it here, and max.message.bytes of the topic");
        }
        (void)ps_kafka_judge(sink->client, object, "cannot write", error);
        return error->code;
    }
}

static penstock_code kafka_write(void *state, const struct ps_batch *batch, struct penstock_error *error) {
    struct kafka_sink *sink = state;
    struct penstock_error own = {0};
    error = error != NULL ? error : &own;
    for (int64_t row = 0; row < batch->row_count && !sink->has_epoch; row++) {
        PS_TRY(produce(sink, batch, row, error));
    }
    ps_kafka_hear(sink->client);
    return sink->client->lost.count > 0 ? lost_error(sink, error) : PENSTOCK_OK;
}

/* Until every record of the epoch is confirmed. */
static penstock_code flush(struct kafka_sink *sink, struct ps_sink_patience *patience,
                           struct penstock_error *error) {
    char words[8];
    for (;;) {
        const rd_kafka_resp_err_t code = rd_kafka_flush(sink->client->handle, 200);
        if (sink->client->lost.count > 0) {
            return lost_error(sink, error);
        }
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return PENSTOCK_OK;
        }
        if (rd_kafka_fatal_error(sink->client->handle, words, sizeof words) != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return lost_error(sink, error);
        }
        if (ps_clock_monotonic_ns() >= patience->deadline_ns) {
            return ps_kafka_error(sink->client, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL, error,
                                  "records were not confirmed");
        }
    }
}

/* The producer is lost, and with it the answer: what the group says counts. Keeps `error` unless it knows better. */
static penstock_code settle(struct kafka_sink *sink, struct ps_epoch epoch, struct penstock_error *error) {
    struct ps_kafka_entry entry = {0};
    struct penstock_error own = {0};
    drop_client(sink);
    penstock_code code = ps_kafka_open(&sink->reader_setup, RD_KAFKA_CONSUMER, &sink->reader, &own);
    code = code == PENSTOCK_OK ? ps_kafka_connect(sink->reader, PS_KAFKA_CALL_MS, &own) : code;
    code = code == PENSTOCK_OK ? ps_kafka_ledger_read(sink->reader, &sink->ledger, true, PS_KAFKA_CALL_MS,
                                                      sink->session, &entry, &own)
                               : code;
    drop_client(sink);
    if (code != PENSTOCK_OK) {
        return error->code; /* recover() tells */
    }
    PS_TRY(check_entry(sink, epoch.attempt, &entry, error));
    if (entry.is_there && entry.epoch >= epoch.number) {
        ps_error_clear(error);
        return PENSTOCK_OK;
    }
    if (++sink->fenced_count >= FENCED_COUNT_MAX && error->remedy == PENSTOCK_RETRY) {
        error->remedy = PENSTOCK_GIVE_UP;
        (void)ps_error_hint(
            error,
            "%d producers in a row were fenced: does somebody else use transactional id %s, or is an"
            " epoch longer than properties.transaction.timeout.ms?",
            sink->fenced_count, sink->transactional_id);
    }
    return error->code;
}

static penstock_code commit_in_transaction(struct kafka_sink *sink, struct ps_epoch epoch,
                                           const struct ps_position_list *positions,
                                           struct ps_sink_patience *patience, struct penstock_error *error) {
    const enum ps_kafka_verdict verdict =
        ps_kafka_transaction_commit(sink->client, sink->ledger.group,
                                    ps_kafka_ledger_offset(&sink->ledger, epoch, positions), patience, error);
    switch (verdict) {
    case PS_KAFKA_DONE: sink->is_in_transaction = false; return PENSTOCK_OK;
    case PS_KAFKA_AGAIN: /* no answer for as long as `retry` says: it may have been committed */
    case PS_KAFKA_FATAL: return settle(sink, epoch, error);
    case PS_KAFKA_ABORT: break;
    }
    return error->code; /* discard() aborts it */
}

static penstock_code commit_without(struct kafka_sink *sink, struct ps_epoch epoch,
                                    const struct ps_position_list *positions, struct penstock_error *error) {
    struct ps_kafka_entry entry = {0};
    PS_TRY(ps_kafka_ledger_read(sink->reader, &sink->ledger, false, PS_KAFKA_CALL_MS, sink->session, &entry,
                                error));
    PS_TRY(check_entry(sink, epoch.attempt, &entry, error));
    return ps_kafka_ledger_write(sink->reader, sink->ledger.group,
                                 ps_kafka_ledger_offset(&sink->ledger, epoch, positions), PS_KAFKA_CALL_MS,
                                 error);
}

static penstock_code kafka_commit(void *state, struct ps_epoch epoch,
                                  const struct ps_position_list *positions, struct penstock_error *error) {
    struct kafka_sink *sink = state;
    struct penstock_error own = {0};
    error = error != NULL ? error : &own;
    struct ps_sink_patience patience = ps_sink_patience_of(sink->config->retry_ms);
    if (sink->has_epoch) {
        return PENSTOCK_OK;
    }
    const penstock_code code = flush(sink, &patience, error);
    if (code != PENSTOCK_OK) {
        char words[8];
        const bool is_fatal =
            rd_kafka_fatal_error(sink->client->handle, words, sizeof words) != RD_KAFKA_RESP_ERR_NO_ERROR;
        return is_fatal ? settle(sink, epoch, error) : code;
    }
    PS_TRY(sink->transactional_id != NULL ? commit_in_transaction(sink, epoch, positions, &patience, error)
                                          : commit_without(sink, epoch, positions, error));
    ps_error_clear(error);
    sink->epoch = epoch.number;
    sink->fenced_count = 0;
    return PENSTOCK_OK;
}

static penstock_code kafka_discard(void *state, struct penstock_error *error) {
    struct kafka_sink *sink = state;
    struct penstock_error own = {0};
    (void)error;
    if (sink->client == NULL) {
        return PENSTOCK_OK;
    }
    if (sink->transactional_id == NULL) {
        drop_client(sink); /* what is on its way may arrive: at least once */
        return PENSTOCK_OK;
    }
    if (sink->is_in_transaction &&
        ps_kafka_judge(sink->client, rd_kafka_abort_transaction(sink->client->handle, PS_KAFKA_CALL_MS),
                       "cannot abort", &own) != PS_KAFKA_DONE) {
        drop_client(sink); /* the next producer's init_transactions() does it */
    }
    sink->is_in_transaction = false;
    return PENSTOCK_OK;
}

const struct ps_sink_type ps_sink_kafka = {
    .name = "kafka",
    .summary = "a topic of Kafka: records and epoch in one transaction",
    .options = ps_kafka_sink_options,
    .config_size = sizeof(struct ps_kafka_sink_config),
    .encodes = kafka_encodes,
    .takes_properties = true,
    .is_remote = true,
    .delivery = PS_DELIVERY_SAME_TRANSACTION,
    .open = kafka_open,
    .project = kafka_project,
    .recover = kafka_recover,
    .begin = kafka_begin,
    .write = kafka_write,
    .commit = kafka_commit,
    .discard = kafka_discard,
    .close = kafka_close,
};
