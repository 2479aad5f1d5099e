/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_offsets.c - where partitions begin and end: the words of scan.startup and scan.bounded, and what to do about a
 * position that the broker does not have.
 *
 * Every word becomes a number at once, and the number is stored with the first epoch: "latest" means the end at the
 * first start, whatever is killed then. librdkafka never chooses an offset by itself.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "connect/kafka_source.h"
#include "data/value.h"

static const char time_form[] =
    "a time is '2026-01-31 12:00:00' (UTC, or with a zone) or milliseconds since 1970-01-01";
static const char offsets_form[] =
    "offsets are 'partition:0,offset:42;partition:1,offset:300', with several topics "
    "'topic:a,partition:0,offset:42'";

/* --- the broker's answers --------------------------------------------------------------------------------- */

static void list_destroy_scoped(rd_kafka_topic_partition_list_t **list) {
    if (*list != NULL) {
        rd_kafka_topic_partition_list_destroy(*list);
    }
}

/* Takes the answers over. Gives what is wrong with one of them. */
static rd_kafka_resp_err_t take_answers(rd_kafka_event_t *event, rd_kafka_topic_partition_list_t *list) {
    size_t count = 0;
    const rd_kafka_ListOffsetsResultInfo_t **infos =
        rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(event), &count);
    rd_kafka_resp_err_t failure = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (size_t i = 0; i < count; i++) {
        const rd_kafka_topic_partition_t *answer = rd_kafka_ListOffsetsResultInfo_topic_partition(infos[i]);
        rd_kafka_topic_partition_t *asked =
            rd_kafka_topic_partition_list_find(list, answer->topic, answer->partition);
        if (answer->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            failure = answer->err;
        } else if (asked != NULL) {
            asked->offset = answer->offset;
        }
    }
    return failure;
}

static rd_kafka_resp_err_t ask(struct ps_kafka_source *source, rd_kafka_topic_partition_list_t *list,
                               bool is_readable_end, int timeout_ms) {
    rd_kafka_t *handle = source->client->handle;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(handle);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(handle, RD_KAFKA_ADMIN_OP_LISTOFFSETS);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, NULL, 0);
    if (is_readable_end && !source->is_uncommitted_read) {
        rd_kafka_error_t *failure =
            rd_kafka_AdminOptions_set_isolation_level(options, RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED);
        if (failure != NULL) {
            rd_kafka_error_destroy(failure);
        }
    }
    rd_kafka_ListOffsets(handle, list, options, queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms);
    rd_kafka_resp_err_t code = event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = take_answers(event, list);
    }
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    return code;
}

penstock_code ps_kafka_ask_offsets(struct ps_kafka_source *source, rd_kafka_topic_partition_list_t *list,
                                   bool is_readable_end, struct penstock_error *error) {
    if (list->cnt == 0) {
        return PENSTOCK_OK;
    }
    const int64_t end_ns = ps_clock_monotonic_ns() + source->config->connect_ms * 1000000;
    for (;;) {
        rd_kafka_topic_partition_list_t *copy PS_SCOPED(list_destroy_scoped) =
            rd_kafka_topic_partition_list_copy(list);
        const int64_t left_ms = (end_ns - ps_clock_monotonic_ns()) / 1000000;
        const rd_kafka_resp_err_t code = ask(source, copy, is_readable_end, left_ms > 1 ? (int)left_ms : 1);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            for (int i = 0; i < list->cnt; i++) {
                list->elems[i].offset = copy->elems[i].offset;
            }
            return PENSTOCK_OK;
        }
        ps_kafka_hear(source->client);
        if (!ps_kafka_is_passing(code) || ps_clock_monotonic_ns() >= end_ns) {
            return ps_kafka_error(source->client, code, NULL, error, "cannot ask for the offsets of %s[%d]%s",
                                  list->elems[0].topic, list->elems[0].partition,
                                  list->cnt > 1 ? " and others" : "");
        }
        ps_clock_sleep_ms(100); /* a leader is being chosen */
    }
}

/* --- words ------------------------------------------------------------------------------------------------ */

static bool parse_time(const char *text, int64_t *ms_out) {
    int64_t us = 0;
    if (ps_parse_integer(text, ms_out)) {
        return *ms_out >= 0;
    }
    if (ps_value_of_text(PS_TYPE_TIMESTAMP, ps_bytes_of(text), &us, 0) != PS_VALUE_OK || us < 0) {
        return false;
    }
    *ms_out = us / 1000;
    return true;
}

/* One "name:value" at *at, which is moved behind it. */
static bool parse_field(const char **at, const char *name, char *value_out, size_t size) {
    const char *text = *at + strspn(*at, " ");
    const size_t length = strlen(name);
    if (strncmp(text, name, length) != 0 || text[length] != ':') {
        return false;
    }
    text += length + 1;
    const size_t value_size = strcspn(text, ",;");
    if (value_size == 0 || value_size >= size) {
        return false;
    }
    memcpy(value_out, text, value_size);
    value_out[value_size] = '\0';
    *at = text + value_size;
    return true;
}

struct specific {
    char topic[256]; /* "": any */
    int64_t partition, offset;
};

/* The next entry of 'partition:0,offset:42;...'; false at the end, *is_bad_out where it is not one. */
static bool next_specific(const char **at, struct specific *specific_out, bool *is_bad_out) {
    char number[32];
    *specific_out = (struct specific){.topic = ""};
    *is_bad_out = false;
    *at += strspn(*at, "; ");
    if (**at == '\0') {
        return false;
    }
    *is_bad_out = true;
    if (parse_field(at, "topic", specific_out->topic, sizeof specific_out->topic) && *(*at)++ != ',') {
        return false;
    }
    if (!parse_field(at, "partition", number, sizeof number) || *(*at)++ != ',' ||
        !ps_parse_integer(number, &specific_out->partition) ||
        !parse_field(at, "offset", number, sizeof number) || (**at != ';' && **at != '\0') ||
        !ps_parse_integer(number, &specific_out->offset) || specific_out->partition < 0 ||
        specific_out->offset < 0) {
        return false;
    }
    *is_bad_out = false;
    return true;
}

/* What scan.startup or scan.bounded say. */
struct words {
    const char *mode, *time, *offsets;
    const char *mode_name, *time_name, *offsets_name;
};

static struct words startup_words(const struct ps_kafka_config *config) {
    return (struct words){config->startup_mode, config->startup_timestamp, config->startup_offsets,
                          "scan.startup.mode",  "scan.startup.timestamp",  "scan.startup.specific.offsets"};
}

static struct words bounded_words(const struct ps_kafka_config *config) {
    return (struct words){config->bounded, config->bounded_timestamp, config->bounded_offsets,
                          "scan.bounded",  "scan.bounded.timestamp",  "scan.bounded.specific.offsets"};
}

static penstock_code check_pair(const char *what, const char *mode_name, const char *mode, const char *word,
                                const char *name, const char *value, struct penstock_error *error) {
    const bool is_wanted = strcmp(mode, word) == 0;
    if (is_wanted == (value != NULL && value[0] != '\0')) {
        return PENSTOCK_OK;
    }
    return is_wanted
               ? ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: %s = '%s' needs %s", what, mode_name,
                              mode, name)
               : ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: %s goes with %s = '%s', not with '%s'",
                              what, name, mode_name, word, mode);
}

static penstock_code check_words(const struct words *words, const char *what, struct penstock_error *error) {
    int64_t ms = 0;
    PS_TRY(
        check_pair(what, words->mode_name, words->mode, "timestamp", words->time_name, words->time, error));
    PS_TRY(check_pair(what, words->mode_name, words->mode, "specific", words->offsets_name, words->offsets,
                      error));
    if (strcmp(words->mode, "timestamp") == 0 && !parse_time(words->time, &ms)) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: %s cannot be '%s'", what, words->time_name,
                           words->time);
        return ps_error_hint(error, "%s", time_form);
    }
    if (strcmp(words->mode, "specific") == 0) {
        const char *at = words->offsets;
        struct specific specific;
        bool is_bad = false;
        while (next_specific(&at, &specific, &is_bad)) {
        }
        if (is_bad) {
            (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: %s cannot be '%s'", what,
                               words->offsets_name, words->offsets);
            return ps_error_hint(error, "%s", offsets_form);
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_kafka_check_scan(const struct ps_kafka_config *config, const char *what,
                                  struct penstock_error *error) {
    const struct words startup = startup_words(config), bounded = bounded_words(config);
    PS_TRY(check_words(&startup, what, error));
    return check_words(&bounded, what, error);
}

/* --- words to numbers ------------------------------------------------------------------------------------- */

static void set_all(rd_kafka_topic_partition_list_t *list, int64_t offset) {
    for (int i = 0; i < list->cnt; i++) {
        list->elems[i].offset = offset;
    }
}

/* The first record of a time or later; behind the last record if there is none. */
static penstock_code ask_time(struct ps_kafka_source *source, rd_kafka_topic_partition_list_t *list,
                              int64_t time_ms, struct penstock_error *error) {
    rd_kafka_topic_partition_list_t *ends PS_SCOPED(list_destroy_scoped) =
        rd_kafka_topic_partition_list_copy(list);
    set_all(list, time_ms);
    set_all(ends, RD_KAFKA_OFFSET_SPEC_LATEST);
    PS_TRY(ps_kafka_ask_offsets(source, list, true, error));
    PS_TRY(ps_kafka_ask_offsets(source, ends, true, error));
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].offset < 0) {
            list->elems[i].offset = ends->elems[i].offset;
        }
    }
    return PENSTOCK_OK;
}

/* What the group has committed; partitions it never read begin at their beginning, unless it read none. */
static penstock_code ask_group(struct ps_kafka_source *source, rd_kafka_topic_partition_list_t *list,
                               bool needs_all, struct penstock_error *error) {
    rd_kafka_topic_partition_list_t *first PS_SCOPED(list_destroy_scoped) =
        rd_kafka_topic_partition_list_copy(list);
    const rd_kafka_resp_err_t code =
        rd_kafka_committed(source->client->handle, list, (int)source->config->connect_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return ps_kafka_error(source->client, code, NULL, error, "cannot ask for the offsets of group %s",
                              source->group);
    }
    set_all(first, RD_KAFKA_OFFSET_SPEC_EARLIEST);
    PS_TRY(ps_kafka_ask_offsets(source, first, true, error));
    int missing_count = 0, missing = 0;
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].offset < 0) {
            list->elems[i].offset = first->elems[i].offset;
            missing = i;
            missing_count++;
        }
    }
    if (missing_count == 0 || (missing_count < list->cnt && !needs_all)) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "%s: group %s has committed no offset of %s[%d]",
                       source->what, source->group, list->elems[missing].topic,
                       list->elems[missing].partition);
    return ps_error_hint(error,
                         "is properties.group.id the right one? to begin without it: scan.startup.mode = "
                         "'earliest' or 'latest'");
}

static penstock_code find_specific(struct ps_kafka_source *source, const struct words *words,
                                   rd_kafka_topic_partition_t *wanted, struct penstock_error *error) {
    const char *at = words->offsets;
    struct specific specific;
    bool is_bad = false;
    while (next_specific(&at, &specific, &is_bad)) {
        if (specific.partition == wanted->partition &&
            (specific.topic[0] == '\0' || strcmp(specific.topic, wanted->topic) == 0)) {
            wanted->offset = specific.offset;
            return PENSTOCK_OK;
        }
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: %s says nothing of %s[%d]", source->what,
                       words->offsets_name, wanted->topic, wanted->partition);
    return ps_error_hint(error, "%s", offsets_form);
}

static penstock_code resolve(struct ps_kafka_source *source, const struct words *words, bool is_end,
                             rd_kafka_topic_partition_list_t *list, struct penstock_error *error) {
    int64_t time_ms = 0;
    if (list->cnt == 0) {
        return PENSTOCK_OK;
    }
    if (strcmp(words->mode, "timestamp") == 0 && parse_time(words->time, &time_ms)) {
        return ask_time(source, list, time_ms, error);
    }
    if (strcmp(words->mode, "group-offsets") == 0) {
        return ask_group(source, list, is_end, error);
    }
    if (strcmp(words->mode, "specific") == 0) {
        for (int i = 0; i < list->cnt; i++) {
            PS_TRY(find_specific(source, words, &list->elems[i], error));
        }
        return PENSTOCK_OK;
    }
    set_all(list,
            strcmp(words->mode, "latest") == 0 ? RD_KAFKA_OFFSET_SPEC_LATEST : RD_KAFKA_OFFSET_SPEC_EARLIEST);
    return ps_kafka_ask_offsets(source, list, true, error);
}

static rd_kafka_topic_partition_list_t *list_of(struct ps_kafka_source *source,
                                                bool (*is_wanted)(const struct ps_kafka_partition *)) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)source->count);
    for (size_t i = 0; i < source->count; i++) {
        struct ps_kafka_partition *partition = source->items[i];
        if (!partition->is_gone && is_wanted(partition)) {
            rd_kafka_topic_partition_list_add(list, partition->topic->name, partition->number)->opaque =
                partition;
        }
    }
    return list;
}

static bool begins_late(const struct ps_kafka_partition *partition) {
    return partition->position < 0 && partition->is_late;
}

static bool begins_first(const struct ps_kafka_partition *partition) {
    return partition->position < 0 && !partition->is_late;
}

static bool wants_end(const struct ps_kafka_partition *partition) {
    return partition->end < 0;
}

static bool is_any(const struct ps_kafka_partition *partition) {
    (void)partition;
    return true;
}

static void take_begins(const rd_kafka_topic_partition_list_t *list) {
    for (int i = 0; i < list->cnt; i++) {
        struct ps_kafka_partition *partition = list->elems[i].opaque;
        partition->position = partition->reached = partition->start = list->elems[i].offset;
    }
}

penstock_code ps_kafka_begin(struct ps_kafka_source *source, struct penstock_error *error) {
    const struct words startup = startup_words(source->config), bounded = bounded_words(source->config);
    const struct words earliest = {.mode = "earliest"};
    rd_kafka_topic_partition_list_t *late PS_SCOPED(list_destroy_scoped) = list_of(source, begins_late);
    rd_kafka_topic_partition_list_t *first PS_SCOPED(list_destroy_scoped) = list_of(source, begins_first);
    PS_TRY(resolve(source, &earliest, false, late, error));
    PS_TRY(resolve(source, &startup, false, first, error));
    take_begins(late);
    take_begins(first);
    if (strcmp(bounded.mode, "none") != 0) {
        rd_kafka_topic_partition_list_t *ends PS_SCOPED(list_destroy_scoped) = list_of(source, wants_end);
        PS_TRY(resolve(source, &bounded, true, ends, error));
        for (int i = 0; i < ends->cnt; i++) {
            struct ps_kafka_partition *partition = ends->elems[i].opaque;
            partition->end = ends->elems[i].offset;
            partition->is_new = true; /* the end is to be stored */
        }
    }
    for (size_t i = 0; i < source->count; i++) {
        PS_TRY(ps_kafka_write_state(source, source->items[i], error));
    }
    return PENSTOCK_OK;
}

penstock_code ps_kafka_fix_ends(struct ps_kafka_source *source, struct penstock_error *error) {
    rd_kafka_topic_partition_list_t *ends PS_SCOPED(list_destroy_scoped) = list_of(source, is_any);
    set_all(ends, RD_KAFKA_OFFSET_SPEC_LATEST);
    PS_TRY(ps_kafka_ask_offsets(source, ends, true, error));
    for (int i = 0; i < ends->cnt; i++) {
        ((struct ps_kafka_partition *)ends->elems[i].opaque)->once_end = ends->elems[i].offset;
    }
    source->is_once = true;
    source->is_assigned = false;
    return PENSTOCK_OK;
}

penstock_code ps_kafka_locate(struct ps_kafka_source *source, enum ps_place place, int64_t time_ms,
                              struct ps_position_list *found, struct penstock_error *error) {
    rd_kafka_topic_partition_list_t *list PS_SCOPED(list_destroy_scoped) = list_of(source, is_any);
    if (place == PS_PLACE_TIME) {
        PS_TRY(ask_time(source, list, time_ms, error));
    } else {
        set_all(list,
                place == PS_PLACE_EARLIEST ? RD_KAFKA_OFFSET_SPEC_EARLIEST : RD_KAFKA_OFFSET_SPEC_LATEST);
        PS_TRY(ps_kafka_ask_offsets(source, list, true, error));
    }
    for (int i = 0; i < list->cnt; i++) {
        struct ps_kafka_partition *partition = list->elems[i].opaque;
        partition->id = partition->topic->id; /* of the topic that these offsets are of */
        PS_TRY(ps_kafka_write_state(source, partition, error));
        const struct ps_position position = {.partition = {partition->name, partition->ordinal},
                                             .offset = list->elems[i].offset,
                                             .state = partition->state};
        PS_TRY(ps_position_list_set(found, &position, error));
    }
    return PENSTOCK_OK;
}

/* --- positions that the broker does not have -------------------------------------------------------------- */

static penstock_code tell_lost(const struct ps_kafka_source *source,
                               const struct ps_kafka_partition *partition, int64_t low, int64_t high,
                               struct penstock_error *error) {
    const struct ps_kafka_entry *topic = partition->topic;
    if (ps_kafka_is_recreated(partition)) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                           "%s: topic %s was deleted and made again: %s was read up to offset %" PRId64
                           " of another topic (its id was %s, is %s)",
                           source->what, topic->name, partition->name, partition->position, partition->id,
                           topic->id);
    } else if (partition->is_new) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                           "%s: %s cannot start at offset %" PRId64 ": the broker has %" PRId64
                           " to %" PRId64,
                           source->what, partition->name, partition->position, low, high);
    } else {
        (void)ps_error_set(
            error, PENSTOCK_INVALID_DATA,
            "%s: %s is to be read from offset %" PRId64 ", but the broker has %" PRId64 " to %" PRId64 ": %s",
            source->what, partition->name, partition->position, low, high,
            partition->position < low ? "records were deleted before they were read"
                                      : "the records that were read there are gone from the broker");
    }
    return ps_error_hint(error,
                         "on_offset_lost = 'earliest' goes on at the first record that is there, 'latest' "
                         "behind the last; penstock offsets reset moves the source once");
}

/* Acts on a position outside [low, high] or of another topic. */
static penstock_code check_one(struct ps_kafka_source *source, struct ps_kafka_partition *partition,
                               int64_t low, int64_t high, struct penstock_error *error) {
    const char *action = source->config->on_offset_lost;
    if (!ps_kafka_is_recreated(partition) && partition->position >= low && partition->position <= high) {
        return PENSTOCK_OK;
    }
    if (strcmp(action, "fail") == 0) {
        return tell_lost(source, partition, low, high, error);
    }
    partition->position = partition->reached = partition->start =
        strcmp(action, "earliest") == 0 ? low : high;
    if (partition->end >= 0 && ps_kafka_is_recreated(partition)) {
        partition->end = high;
    }
    source->is_rebased = true;
    partition->is_new = true;
    source->is_assigned = false;
    return PENSTOCK_OK;
}

penstock_code ps_kafka_check_positions(struct ps_kafka_source *source, struct penstock_error *error) {
    if (source->is_doubtful) {
        PS_TRY(ps_kafka_refresh(source, error));
        source->is_doubtful = false;
    }
    rd_kafka_topic_partition_list_t *lows PS_SCOPED(list_destroy_scoped) = list_of(source, is_any);
    rd_kafka_topic_partition_list_t *highs PS_SCOPED(list_destroy_scoped) = list_of(source, is_any);
    set_all(lows, RD_KAFKA_OFFSET_SPEC_EARLIEST);
    set_all(highs, RD_KAFKA_OFFSET_SPEC_LATEST);
    PS_TRY(ps_kafka_ask_offsets(source, lows, false, error));
    PS_TRY(ps_kafka_ask_offsets(source, highs, false, error));
    for (int i = 0; i < lows->cnt; i++) {
        PS_TRY(
            check_one(source, lows->elems[i].opaque, lows->elems[i].offset, highs->elems[i].offset, error));
    }
    for (size_t i = 0; i < source->count; i++) {
        if (!source->items[i]->is_gone && source->items[i]->topic->id[0] != '\0') {
            source->items[i]->id = source->items[i]->topic->id;
        }
        PS_TRY(ps_kafka_write_state(source, source->items[i], error));
    }
    source->is_checked = true;
    return PENSTOCK_OK;
}
