/* SPDX-License-Identifier: Apache-2.0
 *
 * file_state.c - the position state of a file, and whether the file is still the one that was read.
 *
 * The fingerprint covers the first and the last 4 KiB of what was read: it notices a file that was replaced,
 * rotated or edited near where reading stopped, and costs two small reads however long the file is.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>
#include <yyjson.h>

#include "connect/file_source.h"

#define FINGERPRINT_SIZE 4096
#define FINGERPRINT_SEED UINT64_C(0x70656e73746f636b)
/* The state's text: a few numbers and the CSV header. */
#define STATE_SIZE_MAX ((size_t)8 << 20)

penstock_code ps_file_state_text(const struct ps_file_state *state, struct ps_arena *arena,
                                 const char **text_out, struct penstock_error *error) {
    struct ps_buffer buffer PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&buffer, STATE_SIZE_MAX);
    ps_buffer_printf(&buffer, "{\"read\":%" PRId64 ",\"fingerprint\":\"%016" PRIx64 "\",\"size\":%" PRId64,
                     state->mark_size, state->fingerprint, state->size);
    if (state->is_complete) {
        ps_buffer_text(&buffer, ",\"complete\":true");
    }
    if (state->is_unterminated) {
        ps_buffer_text(&buffer, ",\"unterminated\":true");
    }
    if (state->header != NULL) {
        ps_buffer_text(&buffer, ",\"header\":");
        ps_buffer_json(&buffer, state->header, strlen(state->header));
    }
    ps_buffer_text(&buffer, "}");
    PS_TRY(ps_buffer_status(&buffer, error));
    *text_out = ps_arena_copy_size(arena, buffer.data, buffer.size);
    return *text_out != NULL ? PENSTOCK_OK : ps_error_memory(error, "the position of a file");
}

penstock_code ps_file_state_parse(const char *file, const char *text, struct ps_arena *arena,
                                  struct ps_file_state *state_out, struct penstock_error *error) {
    struct ps_file_state state = {0};
    if (text == NULL || text[0] == '\0') {
        *state_out = state;
        return PENSTOCK_OK;
    }
    yyjson_doc *document = yyjson_read(text, strlen(text), 0);
    yyjson_val *root = yyjson_doc_get_root(document);
    yyjson_val *fingerprint = yyjson_obj_get(root, "fingerprint");
    yyjson_val *header = yyjson_obj_get(root, "header");
    if (!yyjson_is_str(fingerprint) || !yyjson_is_int(yyjson_obj_get(root, "read"))) {
        yyjson_doc_free(document);
        return ps_error_set(error, PENSTOCK_INVALID_DATA,
                            "%s: the stored position is not one of a file: %.200s", file, text);
    }
    state.mark_size = yyjson_get_sint(yyjson_obj_get(root, "read"));
    state.fingerprint = strtoull(yyjson_get_str(fingerprint), NULL, 16);
    state.size = yyjson_get_sint(yyjson_obj_get(root, "size"));
    state.is_complete = yyjson_is_true(yyjson_obj_get(root, "complete"));
    state.is_unterminated = yyjson_is_true(yyjson_obj_get(root, "unterminated"));
    state.header = yyjson_is_str(header)
                       ? ps_arena_copy_size(arena, yyjson_get_str(header), yyjson_get_len(header))
                       : NULL;
    const bool is_exhausted = yyjson_is_str(header) && state.header == NULL;
    yyjson_doc_free(document);
    if (is_exhausted) {
        return ps_error_memory(error, "the position of a file");
    }
    *state_out = state;
    return PENSTOCK_OK;
}

/* Exactly `size` bytes at `offset`. */
static penstock_code read_exactly(int descriptor, const char *name, int64_t offset, char *buffer, size_t size,
                                  struct penstock_error *error) {
    size_t done = 0;
    while (done < size) {
        const ssize_t got = pread(descriptor, buffer + done, size - done, offset + (int64_t)done);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return ps_error_errno(error, errno, "cannot read %s", name);
        }
        if (got == 0) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA,
                                "%s shrank while it was read: it ends at byte %" PRId64, name,
                                offset + (int64_t)done);
        }
        done += (size_t)got;
    }
    return PENSTOCK_OK;
}

penstock_code ps_file_fingerprint(int descriptor, const char *name, int64_t mark_size,
                                  uint64_t *fingerprint_out, struct penstock_error *error) {
    char bytes[FINGERPRINT_SIZE];
    const size_t size = mark_size < FINGERPRINT_SIZE ? (size_t)mark_size : FINGERPRINT_SIZE;
    PS_TRY(read_exactly(descriptor, name, 0, bytes, size, error));
    uint64_t hash = ps_hash(bytes, size, FINGERPRINT_SEED);
    if (mark_size > FINGERPRINT_SIZE) {
        PS_TRY(read_exactly(descriptor, name, mark_size - (int64_t)size, bytes, size, error));
        hash = ps_hash(bytes, size, hash);
    }
    *fingerprint_out = hash;
    return PENSTOCK_OK;
}

static penstock_code hint_changed(struct penstock_error *error) {
    return ps_error_hint(
        error,
        "a file must not change once records were taken from it, it may only grow: put its old content "
        "back, and give new content a new name");
}

static penstock_code check_open(const struct ps_file_entry *entry, int descriptor,
                                struct penstock_error *error) {
    uint64_t fingerprint;
    PS_TRY(ps_file_fingerprint(descriptor, entry->name, entry->state.mark_size, &fingerprint, error));
    if (fingerprint != entry->state.fingerprint) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                           "%s changed: its first %" PRId64 " bytes were read, and are now others",
                           entry->name, entry->state.mark_size);
        (void)ps_error_detail(error, "fingerprint was %016" PRIx64 ", is %016" PRIx64,
                              entry->state.fingerprint, fingerprint);
        return hint_changed(error);
    }
    if (!entry->state.is_unterminated || entry->seen.size == entry->state.mark_size) {
        return PENSTOCK_OK;
    }
    char next;
    PS_TRY(read_exactly(descriptor, entry->name, entry->state.mark_size, &next, 1, error));
    if (next == '\n' || next == '\r') {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                       "%s changed: its last line, up to byte %" PRId64
                       ", was read without a line end, and now goes on",
                       entry->name, entry->state.mark_size);
    return ps_error_hint(
        error, "a writer that pauses in the middle of a line needs unterminated = 'wait' in WITH; for this "
               "file, take off what was added and put it into a new one");
}

penstock_code ps_file_check(const struct ps_file_entry *entry, struct penstock_error *error) {
    const struct ps_file_state *state = &entry->state;
    if (entry->offset == 0 || state->mark_size == 0) {
        return PENSTOCK_OK;
    }
    if (entry->seen.size < state->mark_size) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                           "%s shrank: %" PRId64 " bytes of it were read, now it has %" PRId64, entry->name,
                           state->mark_size, entry->seen.size);
        return hint_changed(error);
    }
    if (state->is_complete && entry->seen.size != state->mark_size) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                           "%s changed: it was read to its end at %" PRId64 " bytes, now it has %" PRId64,
                           entry->name, state->mark_size, entry->seen.size);
        return hint_changed(error);
    }
    const int descriptor = open(entry->path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return ps_error_errno(error, errno, "cannot read %s", entry->name);
    }
    const penstock_code code = check_open(entry, descriptor, error);
    close(descriptor);
    return code;
}
