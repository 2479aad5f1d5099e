/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_layout.c - which topics and partitions a source has, at the start and while it runs.
 *
 * Partitions keep the ordinal they were given when they were first seen. Of a topic that was deleted and made again,
 * the id in the stored state is not the broker's: its offsets then mean other records. New partitions are read from
 * their beginning, because whatever is in them came after the source began. Looking costs no waiting: the question
 * is sent with one plan and the answer taken by a later one.
 */
#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <yyjson.h>

#include "base/check.h"
#include "base/clock.h"
#include "connect/kafka_source.h"

#define MS_NS INT64_C(1000000)
/* How long a question about topics may be under way. */
#define DISCOVERY_MS_MAX 10000
/* A deleted topic is missing more than once: a broker that just started may not know it yet. */
#define MISSING_COUNT_MAX 3
#define MISSING_INTERVAL_NS (INT64_C(1000) * MS_NS)
#define TOPIC_COUNT_MAX 10000

/* --- topics by name --------------------------------------------------------------------------------------- */

static struct ps_kafka_entry *find_topic(const struct ps_kafka_source *source, const char *name) {
    for (size_t i = 0; i < source->topic_count; i++) {
        if (strcmp(source->topics[i]->name, name) == 0) {
            return source->topics[i];
        }
    }
    return NULL;
}

static penstock_code add_topic(struct ps_kafka_source *source, struct ps_bytes name,
                               struct penstock_error *error) {
    char *copy = ps_arena_copy_size(source->arena, name.data, name.size);
    struct ps_kafka_entry *topic = ps_arena_allocate(source->arena, 1, sizeof *topic);
    if (copy == NULL || topic == NULL) {
        return ps_error_memory(error, "the topics of a source");
    }
    if (find_topic(source, copy) != NULL) {
        return PENSTOCK_OK;
    }
    *topic = (struct ps_kafka_entry){.name = copy, .id = ""};
    void *topics = source->topics;
    const penstock_code grown =
        ps_grow(&topics, &source->topic_capacity, source->topic_count + 1, sizeof(void *), error);
    source->topics = topics;
    PS_TRY(grown);
    source->topics[source->topic_count++] = topic;
    return PENSTOCK_OK;
}

/* The names of 'a, b, c'. */
static penstock_code add_named(struct ps_kafka_source *source, struct penstock_error *error) {
    const char *at = source->config->topic;
    while (*at != '\0') {
        at += strspn(at, ", ");
        const size_t size = strcspn(at, ", ");
        if (size > 0) {
            PS_TRY(add_topic(source, (struct ps_bytes){at, size}, error));
        }
        at += size;
    }
    return PENSTOCK_OK;
}

/* The topics there are whose whole name matches. */
static penstock_code add_matching(struct ps_kafka_source *source, int64_t timeout_ms,
                                  struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    const char *const *names = NULL;
    size_t count = 0;
    if (arena == NULL) {
        return ps_error_memory(error, "the topics of a source");
    }
    PS_TRY(ps_kafka_list(source->client, timeout_ms, arena, &names, &count, error));
    regex_t pattern;
    if (regcomp(&pattern, source->config->topic_pattern, REG_EXTENDED) != 0) {
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: topic.pattern is not a regular expression",
                            source->what);
    }
    penstock_code code = PENSTOCK_OK;
    for (size_t i = 0; i < count && code == PENSTOCK_OK; i++) {
        regmatch_t match;
        if (regexec(&pattern, names[i], 1, &match, 0) == 0 && match.rm_so == 0 &&
            (size_t)match.rm_eo == strlen(names[i])) {
            code = add_topic(source, ps_bytes_of(names[i]), error);
        }
    }
    regfree(&pattern);
    if (code == PENSTOCK_OK && source->topic_count > TOPIC_COUNT_MAX) {
        return ps_error_set(error, PENSTOCK_UNSUPPORTED, "%s: %zu topics match, the most is %d", source->what,
                            source->topic_count, TOPIC_COUNT_MAX);
    }
    return code;
}

static const char **topic_names(const struct ps_kafka_source *source, struct ps_arena *arena) {
    const char **names = ps_arena_allocate(arena, source->topic_count + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < source->topic_count; i++) {
        names[i] = source->topics[i]->name;
    }
    return names;
}

/* --- partitions ------------------------------------------------------------------------------------------- */

penstock_code ps_kafka_write_state(struct ps_kafka_source *source, struct ps_kafka_partition *partition,
                                   struct penstock_error *error) {
    char text[160], end[40] = "";
    if (partition->end >= 0) {
        snprintf(end, sizeof end, ",\"end\":%" PRId64, partition->end);
    }
    snprintf(text, sizeof text, "{\"topic_id\":\"%.60s\",\"start\":%" PRId64 "%s}", partition->id,
             partition->start, end);
    if (partition->state != NULL && strcmp(partition->state, text) == 0) {
        return PENSTOCK_OK;
    }
    partition->state = ps_arena_copy(source->arena, text);
    return partition->state != NULL ? PENSTOCK_OK : ps_error_memory(error, "the position of a partition");
}

static penstock_code add_partition(struct ps_kafka_source *source, struct ps_kafka_entry *topic,
                                   int32_t number, struct ps_kafka_partition **partition_out,
                                   struct penstock_error *error) {
    struct ps_kafka_partition *partition = ps_arena_allocate(source->arena, 1, sizeof *partition);
    if (partition == NULL) {
        return ps_error_memory(error, "the partitions of a source");
    }
    *partition = (struct ps_kafka_partition){.topic = topic,
                                             .number = number,
                                             .ordinal = source->ordinal_next,
                                             .position = -1,
                                             .reached = -1,
                                             .end = -1,
                                             .once_end = -1,
                                             .is_new = true,
                                             .id = topic->id,
                                             .state = ""};
    partition->name = ps_arena_printf(source->arena, "%s[%d]", topic->name, number);
    void *items = source->items, *numbered = topic->partitions;
    const size_t needed = (size_t)number + 1;
    penstock_code code = ps_grow(&items, &source->capacity, source->count + 1, sizeof *source->items, error);
    source->items = items;
    PS_TRY(code);
    code = ps_grow(&numbered, &topic->capacity, needed, sizeof *topic->partitions, error);
    topic->partitions = numbered;
    PS_TRY(code);
    if (partition->name == NULL) {
        return ps_error_memory(error, "the partitions of a source");
    }
    while (topic->partition_count < needed) {
        topic->partitions[topic->partition_count++] = NULL;
    }
    topic->partitions[number] = partition;
    source->items[source->count++] = partition;
    *partition_out = partition;
    return PENSTOCK_OK;
}

struct ps_kafka_partition *ps_kafka_find(struct ps_kafka_source *source, const char *name) {
    for (size_t i = 0; i < source->count; i++) {
        if (strcmp(source->items[i]->name, name) == 0) {
            return source->items[i];
        }
    }
    return NULL;
}

/* "orders[3]" of a topic of this source; NULL: another's. */
static struct ps_kafka_entry *parse_partition(const struct ps_kafka_source *source, const char *name,
                                              int32_t *number_out) {
    const char *bracket = strrchr(name, '[');
    for (size_t i = 0; bracket != NULL && i < source->topic_count; i++) {
        const char *topic = source->topics[i]->name;
        if (strlen(topic) == (size_t)(bracket - name) && strncmp(topic, name, strlen(topic)) == 0) {
            *number_out = (int32_t)strtol(bracket + 1, NULL, 10);
            return *number_out >= 0 && *number_out < PS_KAFKA_PARTITION_MAX ? source->topics[i] : NULL;
        }
    }
    return NULL;
}

static bool is_bounded(const struct ps_kafka_source *source) {
    return strcmp(source->config->bounded, "none") != 0;
}

/* A stored position becomes a partition that stands there. */
static penstock_code restore(struct ps_kafka_source *source, const struct ps_position *position,
                             struct penstock_error *error) {
    int32_t number = 0;
    struct ps_kafka_entry *topic = parse_partition(source, position->partition.name, &number);
    if (position->partition.ordinal >= source->ordinal_next) {
        source->ordinal_next = position->partition.ordinal + 1;
    }
    if (topic == NULL) {
        return PENSTOCK_OK; /* of a topic that the project reads no more */
    }
    struct ps_kafka_partition *partition = NULL;
    PS_TRY(add_partition(source, topic, number, &partition, error));
    yyjson_doc *document = yyjson_read(position->state, strlen(position->state), 0);
    yyjson_val *root = yyjson_doc_get_root(document);
    const char *id = yyjson_get_str(yyjson_obj_get(root, "topic_id"));
    yyjson_val *start = yyjson_obj_get(root, "start"), *end = yyjson_obj_get(root, "end");
    partition->ordinal = position->partition.ordinal;
    partition->position = partition->reached = position->offset;
    partition->start = yyjson_is_int(start) ? yyjson_get_sint(start) : position->offset;
    partition->end = is_bounded(source) && yyjson_is_int(end) ? yyjson_get_sint(end) : -1;
    partition->is_new = false;
    partition->id = ps_arena_copy(source->arena, id != NULL ? id : "");
    yyjson_doc_free(document);
    return partition->id != NULL ? PENSTOCK_OK : ps_error_memory(error, "the position of a partition");
}

bool ps_kafka_is_recreated(const struct ps_kafka_partition *partition) {
    const char *before = partition->id, *now = partition->topic->id;
    return before[0] != '\0' && now[0] != '\0' && strcmp(before, now) != 0;
}

/* What the broker says of a topic: its id, and partitions that are not known yet. Late ones came after the source
 * began; one that has an end does not want them. */
static penstock_code update_topic(struct ps_kafka_source *source, struct ps_kafka_entry *topic,
                                  const struct ps_kafka_topic *found, bool is_late,
                                  struct penstock_error *error) {
    topic->id = ps_arena_copy(source->arena, found->id);
    if (topic->id == NULL) {
        return ps_error_memory(error, "the topics of a source");
    }
    if (source->count + (size_t)found->partition_count > PS_KAFKA_PARTITION_MAX) {
        return ps_error_set(error, PENSTOCK_UNSUPPORTED, "%s: more than %d partitions", source->what,
                            PS_KAFKA_PARTITION_MAX);
    }
    for (int32_t i = 0; i < found->partition_count && !(is_late && is_bounded(source)); i++) {
        if ((size_t)i < topic->partition_count && topic->partitions[i] != NULL) {
            continue;
        }
        struct ps_kafka_partition *partition = NULL;
        PS_TRY(add_partition(source, topic, i, &partition, error));
        partition->is_late = is_late;
        source->ordinal_next++;
    }
    for (size_t i = 0; i < topic->partition_count; i++) {
        if (topic->partitions[i] != NULL) {
            topic->partitions[i]->is_gone = i >= (size_t)found->partition_count;
            if (!topic->partitions[i]->is_gone && ps_kafka_is_recreated(topic->partitions[i])) {
                source->is_checked = false;
            }
        }
    }
    return PENSTOCK_OK;
}

/* --- at the start ----------------------------------------------------------------------------------------- */

static void forget(struct ps_kafka_source *source) {
    ps_kafka_drop_batch(source);
    ps_kafka_drop_held(source);
    for (size_t i = 0; i < source->topic_count; i++) {
        ps_release(source->topics[i]->partitions);
    }
    ps_arena_reset(source->arena);
    source->topic_count = source->count = 0;
    source->ordinal_next = 0;
    source->is_assigned = source->is_checked = source->is_once = false;
    source->replayed = NULL;
    if (source->discovery != NULL) {
        rd_kafka_queue_destroy(source->discovery);
        source->discovery = NULL;
    }
}

static penstock_code look_up(struct ps_kafka_source *source, bool is_first_start,
                             struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    const char **names = arena != NULL ? topic_names(source, arena) : NULL;
    if (names == NULL) {
        return ps_error_memory(error, "the topics of a source");
    }
    if (source->topic_count == 0) {
        return PENSTOCK_OK;
    }
    const int64_t end_ns = ps_clock_monotonic_ns() + source->config->connect_ms * MS_NS;
    struct ps_kafka_topic *found = NULL;
    PS_TRY(ps_kafka_describe(source->client, names, source->topic_count, source->config->connect_ms, arena,
                             &found, error));
    for (size_t i = 0; i < source->topic_count; i++) {
        while (ps_kafka_is_passing(found[i].code) && ps_clock_monotonic_ns() < end_ns) {
            ps_clock_sleep_ms(100); /* a leader is being chosen */
            struct ps_kafka_topic *again = NULL;
            PS_TRY(ps_kafka_describe(source->client, &names[i], 1, source->config->connect_ms, arena, &again,
                                     error));
            found[i] = *again;
        }
        if (found[i].code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return ps_kafka_topic_error(source->client, &found[i], source->config->connect_ms, error);
        }
        const bool is_known = source->topics[i]->partition_count > 0;
        const bool is_late = is_known || (!is_first_start && source->config->topic_pattern != NULL);
        PS_TRY(update_topic(source, source->topics[i], &found[i], is_late, error));
    }
    return PENSTOCK_OK;
}

penstock_code ps_kafka_layout(struct ps_kafka_source *source, const struct ps_position_list *positions,
                              struct penstock_error *error) {
    forget(source);
    PS_TRY(ps_kafka_connect(source->client, source->config->connect_ms, error));
    if (source->config->topic_pattern != NULL) {
        PS_TRY(add_matching(source, source->config->connect_ms, error));
    } else {
        PS_TRY(add_named(source, error));
    }
    for (size_t i = 0; i < positions->count; i++) {
        PS_TRY(restore(source, &positions->items[i], error));
    }
    PS_TRY(look_up(source, positions->count == 0, error));
    source->discovered_ns = ps_clock_monotonic_ns();
    return ps_kafka_begin(source, error);
}

/* --- while it runs ---------------------------------------------------------------------------------------- */

/* A topic that is there no more. */
static penstock_code miss_topic(struct ps_kafka_source *source, struct ps_kafka_entry *topic,
                                const struct ps_kafka_topic *found, struct penstock_error *error) {
    const bool is_unknown = found->code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                            found->code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    if (!is_unknown || ++topic->missing_count < MISSING_COUNT_MAX) {
        source->discovered_ns =
            ps_clock_monotonic_ns() - source->config->discovery_ms * MS_NS + MISSING_INTERVAL_NS;
        return PENSTOCK_OK; /* looked at again soon */
    }
    if (source->config->topic_pattern != NULL || strcmp(source->config->on_offset_lost, "fail") != 0) {
        return PENSTOCK_OK; /* it may come again */
    }
    (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "%s: topic %s was deleted while it was read", source->what,
                       topic->name);
    return ps_error_hint(error, "with on_offset_lost = 'earliest' the source waits until it is made again");
}

/* What the broker says of the topics, in their order. */
static penstock_code take_topics(struct ps_kafka_source *source, const struct ps_kafka_topic *found,
                                 bool *is_missing_out, struct penstock_error *error) {
    const size_t count_before = source->count;
    for (size_t i = 0; i < source->topic_count; i++) {
        struct ps_kafka_entry *topic = source->topics[i];
        if (found[i].code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            PS_TRY(miss_topic(source, topic, &found[i], error));
            *is_missing_out = true;
            continue;
        }
        topic->missing_count = 0;
        PS_TRY(update_topic(source, topic, &found[i], true, error));
    }
    if (source->count == count_before) {
        return PENSTOCK_OK;
    }
    source->is_assigned = false;
    return ps_kafka_begin(source, error);
}

static penstock_code take_discovery(struct ps_kafka_source *source, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    const char **names = arena != NULL ? topic_names(source, arena) : NULL;
    if (names == NULL) {
        return ps_error_memory(error, "the topics of a source");
    }
    struct ps_kafka_topic *found = NULL;
    const penstock_code code = ps_kafka_describe_end(source->client, source->discovery, 0, names,
                                                     source->topic_count, arena, &found, NULL);
    if (code == PENSTOCK_OK && found == NULL) {
        return PENSTOCK_OK; /* no answer yet */
    }
    rd_kafka_queue_destroy(source->discovery);
    source->discovery = NULL;
    source->discovered_ns = ps_clock_monotonic_ns();
    if (code != PENSTOCK_OK) {
        return PENSTOCK_OK; /* the broker is away: asked again next time */
    }
    bool is_missing = false;
    return take_topics(source, found, &is_missing, error);
}

penstock_code ps_kafka_refresh(struct ps_kafka_source *source, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    const char **names = arena != NULL ? topic_names(source, arena) : NULL;
    if (names == NULL) {
        return ps_error_memory(error, "the topics of a source");
    }
    struct ps_kafka_topic *found = NULL;
    bool is_missing = false;
    PS_TRY(ps_kafka_describe(source->client, names, source->topic_count, DISCOVERY_MS_MAX, arena, &found,
                             error));
    PS_TRY(take_topics(source, found, &is_missing, error));
    return is_missing ? ps_error_set(error, PENSTOCK_IO, "%s: a topic is missing", source->what)
                      : PENSTOCK_OK;
}

penstock_code ps_kafka_discover(struct ps_kafka_source *source, struct penstock_error *error) {
    if (source->is_once) {
        return PENSTOCK_OK; /* it ends where it was when it began */
    }
    if (source->discovery != NULL) {
        return take_discovery(source, error);
    }
    const int64_t now_ns = ps_clock_monotonic_ns();
    if (source->config->discovery_ms == 0 ||
        now_ns - source->discovered_ns < source->config->discovery_ms * MS_NS) {
        return PENSTOCK_OK;
    }
    source->discovered_ns = now_ns;
    if (source->config->topic_pattern != NULL && !is_bounded(source)) {
        (void)add_matching(source, DISCOVERY_MS_MAX / 10, NULL); /* a broker that is away is asked again */
    }
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    const char **names = arena != NULL ? topic_names(source, arena) : NULL;
    if (names == NULL) {
        return ps_error_memory(error, "the topics of a source");
    }
    if (source->topic_count > 0) {
        source->discovery =
            ps_kafka_describe_begin(source->client, names, source->topic_count, DISCOVERY_MS_MAX);
    }
    return PENSTOCK_OK;
}
