/* SPDX-License-Identifier: Apache-2.0
 *
 * prove_input.c - the records of a proof: {"id":17,"k":"k042","v":123}, id by id.
 *
 * What is expected is counted from the input itself, not from the generator: a record that never got there cannot be
 * lost. That the input is whole is looked at apart.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "app/prove_parts.h"
#include "publish/json.h"

#define LINE_SIZE_MAX 128

/* Of Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014). */
static uint64_t mix(uint64_t value) {
    value += UINT64_C(0x9E3779B97F4A7C15);
    value = (value ^ (value >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94D049BB133111EB);
    return value ^ (value >> 31);
}

uint64_t ps_prove_random(struct ps_prove *prove) {
    prove->random += UINT64_C(0x9E3779B97F4A7C15);
    return mix(prove->random);
}

static int format_record(const struct ps_prove *prove, int64_t id, char *key, char *line) {
    const uint64_t value = mix((uint64_t)prove->options->seed ^ (uint64_t)id);
    (void)snprintf(key, LINE_SIZE_MAX, "k%03d", (int)(value % PS_PROVE_KEY_COUNT));
    return snprintf(line, LINE_SIZE_MAX, "{\"id\":%" PRId64 ",\"k\":\"%s\",\"v\":%d}", id, key,
                    (int)((value >> 32) % 1000));
}

/* One write() a partition, whole lines: what a log shipper does. */
static penstock_code append(const struct ps_prove *prove, int partition, const struct ps_buffer *lines,
                            struct penstock_error *error) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/input/%d.ndjson", prove->folder, partition);
    const int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) {
        return ps_error_errno(error, errno, "cannot write %s", path);
    }
    const ssize_t written = write(file, lines->data, lines->size);
    const int cause = errno;
    (void)close(file);
    return written == (ssize_t)lines->size ? PENSTOCK_OK
                                           : ps_error_errno(error, cause, "cannot write %s", path);
}

static penstock_code write_files(struct ps_prove *prove, int64_t end, struct penstock_error *error) {
    for (int partition = 0; partition < PS_PROVE_PARTITION_COUNT; partition++) {
        struct ps_buffer lines PS_SCOPED(ps_buffer_done) = {0};
        ps_buffer_init(&lines, (size_t)1 << 30);
        for (int64_t id = prove->written; id < end; id++) {
            char key[LINE_SIZE_MAX], line[LINE_SIZE_MAX];
            if (id % PS_PROVE_PARTITION_COUNT == partition) {
                ps_buffer_add(&lines, line, (size_t)format_record(prove, id, key, line));
                ps_buffer_add(&lines, "\n", 1);
            }
        }
        PS_TRY(ps_buffer_status(&lines, error));
        if (lines.size > 0) {
            PS_TRY(append(prove, partition, &lines, error));
        }
    }
    return PENSTOCK_OK;
}

static penstock_code write_topic(struct ps_prove *prove, int64_t end, struct penstock_error *error) {
    for (int64_t id = prove->written; id < end; id++) {
        char key[LINE_SIZE_MAX], line[LINE_SIZE_MAX];
        const int size = format_record(prove, id, key, line);
        PS_TRY(ps_trial_produce(prove->trial, prove->input_topic, (int32_t)(id % PS_PROVE_PARTITION_COUNT),
                                ps_bytes_of(key), (struct ps_bytes){line, (size_t)size}, error));
    }
    return ps_trial_flush(prove->trial, error);
}

penstock_code ps_prove_write(struct ps_prove *prove, int64_t count, struct penstock_error *error) {
    const int64_t left = prove->options->record_count - prove->written;
    const int64_t end = prove->written + (count < left ? count : left);
    PS_TRY(prove->trial != NULL ? write_topic(prove, end, error) : write_files(prove, end, error));
    prove->written = end;
    return PENSTOCK_OK;
}

/* --- counting --------------------------------------------------------------------------------------------------- */

penstock_code ps_prove_take(struct ps_prove *prove, struct ps_prove_count *count, struct ps_bytes json,
                            struct penstock_error *error) {
    yyjson_doc *document PS_SCOPED(ps_json_read_free_scoped) = ps_json_read(json.data, json.size);
    yyjson_val *root = yyjson_doc_get_root(document);
    yyjson_val *id_value = yyjson_obj_get(root, "id");
    const int64_t id = yyjson_get_sint(id_value);
    const int64_t value = yyjson_get_sint(yyjson_obj_get(root, "v"));
    const char *key = yyjson_get_str(yyjson_obj_get(root, "k"));
    (void)error;
    count->total++;
    if (!yyjson_is_int(id_value) || id < 0 || id >= prove->options->record_count || key == NULL) {
        count->foreign++;
        return PENSTOCK_OK;
    }
    count->times[id] = (uint8_t)(count->times[id] < 255 ? count->times[id] + 1 : 255);
    if (count != &prove->input) {
        count->wrong += prove->values[id] != value ? 1 : 0;
        return PENSTOCK_OK;
    }
    const int64_t number = strtoll(key + 1, NULL, 10);
    if (number >= 0 && number < PS_PROVE_KEY_COUNT) {
        prove->values[id] = (int32_t)value;
        prove->key_counts[number]++;
        prove->key_sums[number] += value;
    }
    return PENSTOCK_OK;
}

penstock_code ps_prove_read_lines(struct ps_prove *prove, const char *path, struct ps_prove_count *count,
                                  struct penstock_error *error) {
    char *line = NULL;
    size_t capacity = 0;
    FILE *file = fopen(path, "re");
    penstock_code code = PENSTOCK_OK;
    if (file == NULL) {
        return errno == ENOENT ? PENSTOCK_OK : ps_error_errno(error, errno, "cannot read %s", path);
    }
    for (ssize_t size = getline(&line, &capacity, file); size > 0 && code == PENSTOCK_OK;
         size = getline(&line, &capacity, file)) {
        const size_t kept = line[size - 1] == '\n' ? (size_t)size - 1 : (size_t)size;
        code = ps_prove_take(prove, count, (struct ps_bytes){line, kept}, error);
    }
    free(line); /* tidy: allow memory: getline allocates its line */
    (void)fclose(file);
    return code;
}

static penstock_code take_message(struct ps_bytes value, void *context, struct penstock_error *error) {
    struct ps_prove *prove = context;
    return ps_prove_take(prove, &prove->input, value, error);
}

penstock_code ps_prove_read_input(struct ps_prove *prove, struct penstock_error *error) {
    if (prove->trial != NULL) {
        PS_TRY(ps_trial_read(prove->trial, prove->input_topic, PS_PROVE_PARTITION_COUNT, take_message, prove,
                             error));
    }
    for (int partition = 0; partition < PS_PROVE_PARTITION_COUNT && prove->trial == NULL; partition++) {
        char path[4096];
        (void)snprintf(path, sizeof path, "%s/input/%d.ndjson", prove->folder, partition);
        PS_TRY(ps_prove_read_lines(prove, path, &prove->input, error));
    }
    if (prove->input.total == prove->written && prove->input.foreign == 0) {
        return PENSTOCK_OK;
    }
    return ps_error_set(error, PENSTOCK_INVALID_DATA,
                        "the input itself is not whole: %" PRId64 " records were written, %" PRId64
                        " are there",
                        prove->written, prove->input.total);
}
