/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_source_state.c - the state of a position: where a partition is, as JSON in the store.
 *
 *   {"start": "r005000", "stop": "r010000", "pass": 3, "from": 1700000000000, "to": 1700000011000,
 *    "since": 1700000001000, "next": "r007123\\x00", "done": false, "seen": "..."}
 *
 * Keys are spelt as HBase's shell shows them. "next" is the last row that was read, and is not there before the first
 * one and when the pass is over. "seen" are the cells that a later pass may meet again: 32 hex digits of the hash and
 * 12 of the timestamp each. "held" is there if cells from "since" on were left to the next pass. What is read is
 * checked as if anybody could have written it.
 */
#include <inttypes.h>
#include <yyjson.h>

#include "connect/hbase_source.h"

#define HASH_DIGITS 16
#define TIME_DIGITS 12
#define SEEN_DIGITS (2 * HASH_DIGITS + TIME_DIGITS)
#define SEEN_TIME_MAX (((int64_t)1 << (4 * TIME_DIGITS)) - 1)

void ps_hbase_stand_done(struct ps_hbase_stand *stand) {
    ps_buffer_done(&stand->next);
    ps_hbase_seen_done(&stand->seen);
}

/* --- writing -------------------------------------------------------------------------------------------------- */

/* What is shown is printable ASCII, in which a backslash is doubled for JSON. */
static void write_key(struct ps_buffer *out, const char *name, struct ps_bytes key) {
    struct ps_buffer shown PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&shown, 4 * (size_t)PS_HBASE_ROW_SIZE_MAX + 1);
    ps_hbase_show(&shown, key);
    ps_buffer_printf(out, "\"%s\":", name);
    ps_buffer_json(out, shown.data != NULL ? shown.data : "", shown.size);
    out->failed = out->failed || shown.failed;
}

static const char hex_digits[] = "0123456789abcdef";

static void write_hex(char *at, uint64_t value, size_t digits) {
    for (size_t i = 0; i < digits; i++) {
        at[i] = hex_digits[value >> (4 * (digits - 1 - i)) & 15];
    }
}

static void write_seen(struct ps_buffer *out, const struct ps_hbase_seen *seen) {
    ps_buffer_text(out, ",\"seen\":\"");
    for (size_t i = 0; i < seen->slot_count; i++) {
        const struct ps_hbase_seen_cell *const slot = &seen->slots[i];
        if (slot->hash[0] == 0 && slot->hash[1] == 0) {
            continue;
        }
        char text[SEEN_DIGITS];
        write_hex(text, slot->hash[0], HASH_DIGITS);
        write_hex(text + HASH_DIGITS, slot->hash[1], HASH_DIGITS);
        write_hex(text + 2 * HASH_DIGITS, (uint64_t)slot->timestamp, TIME_DIGITS);
        ps_buffer_add(out, text, sizeof text);
    }
    ps_buffer_text(out, "\"");
}

void ps_hbase_stand_write(const struct ps_hbase_stand *stand, struct ps_buffer *out) {
    ps_buffer_text(out, "{");
    write_key(out, "start", stand->start);
    ps_buffer_text(out, ",");
    write_key(out, "stop", stand->stop);
    ps_buffer_printf(out, ",\"pass\":%" PRId64 ",\"from\":%" PRId64 ",\"to\":%" PRId64 ",\"since\":%" PRId64,
                     stand->pass, stand->from, stand->to, stand->since);
    ps_buffer_text(out, stand->is_snapshot ? ",\"snapshot\":true" : "");
    ps_buffer_text(out, stand->is_held_back ? ",\"held\":true" : "");
    if (stand->has_next) {
        ps_buffer_text(out, ",");
        write_key(out, "next", (struct ps_bytes){stand->next.data, stand->next.size});
    }
    ps_buffer_printf(out, ",\"done\":%s", stand->is_done ? "true" : "false");
    if (stand->seen.count > 0) {
        write_seen(out, &stand->seen);
    }
    ps_buffer_text(out, "}");
}

/* --- reading -------------------------------------------------------------------------------------------------- */

static penstock_code damaged(struct penstock_error *error, const char *words) {
    return ps_error_set(error, PENSTOCK_INVALID_DATA, "its state in the store cannot be read: %s", words);
}

static penstock_code read_key(yyjson_val *root, const char *name, struct ps_arena *arena,
                              struct ps_bytes *key_out, struct penstock_error *error) {
    yyjson_val *const value = yyjson_obj_get(root, name);
    if (!yyjson_is_str(value) || strlen(yyjson_get_str(value)) != yyjson_get_len(value)) {
        return damaged(error, "it has no such key");
    }
    PS_TRY(ps_hbase_spell(yyjson_get_str(value), arena, key_out, error));
    return key_out->size <= PS_HBASE_ROW_SIZE_MAX ? PENSTOCK_OK : damaged(error, "a key is too long");
}

static bool read_integer(yyjson_val *root, const char *name, int64_t least, int64_t *value_out) {
    yyjson_val *const value = yyjson_obj_get(root, name);
    if (!yyjson_is_int(value) || (yyjson_is_uint(value) && yyjson_get_uint(value) > INT64_MAX)) {
        return false;
    }
    *value_out = yyjson_get_sint(value);
    return *value_out >= least;
}

static bool read_hex(const char *at, size_t digits, uint64_t *value_out) {
    uint64_t value = 0;
    for (size_t i = 0; i < digits; i++) {
        const char *const digit = memchr(hex_digits, at[i], 16);
        if (digit == NULL) {
            return false;
        }
        value = value << 4 | (uint64_t)(digit - hex_digits);
    }
    *value_out = value;
    return true;
}

static penstock_code read_seen(yyjson_val *value, struct ps_hbase_seen *seen, struct penstock_error *error) {
    const char *const text = yyjson_get_str(value);
    const size_t size = yyjson_get_len(value);
    if (value == NULL) {
        return PENSTOCK_OK;
    }
    if (text == NULL || size % SEEN_DIGITS != 0 || size / SEEN_DIGITS > PS_HBASE_SEEN_COUNT_MAX) {
        return damaged(error, "the cells that were given");
    }
    for (size_t at = 0; at < size; at += SEEN_DIGITS) {
        struct ps_hbase_seen_cell cell;
        uint64_t time = 0;
        if (!read_hex(text + at, HASH_DIGITS, &cell.hash[0]) ||
            !read_hex(text + at + HASH_DIGITS, HASH_DIGITS, &cell.hash[1]) ||
            !read_hex(text + at + 2 * (size_t)HASH_DIGITS, TIME_DIGITS, &time) ||
            (cell.hash[0] == 0 && cell.hash[1] == 0)) {
            return damaged(error, "a cell that was given");
        }
        cell.timestamp = (int64_t)time;
        PS_TRY(ps_hbase_seen_add(seen, &cell, error));
    }
    return PENSTOCK_OK;
}

static penstock_code read_next(yyjson_val *root, struct ps_arena *arena, struct ps_hbase_stand *stand,
                               struct penstock_error *error) {
    struct ps_bytes next;
    if (yyjson_obj_get(root, "next") == NULL) {
        return PENSTOCK_OK;
    }
    PS_TRY(read_key(root, "next", arena, &next, error));
    const bool is_inside = ps_hbase_compare(next, stand->start) >= 0 &&
                           (stand->stop.size == 0 || ps_hbase_compare(next, stand->stop) < 0);
    if (!is_inside || next.size == 0 || stand->is_done || stand->pass < 0) {
        return damaged(error, "the row that was read last");
    }
    ps_buffer_add(&stand->next, next.data, next.size);
    stand->has_next = true;
    return ps_buffer_status(&stand->next, error);
}

static penstock_code read_stand(yyjson_val *root, struct ps_arena *arena, struct ps_hbase_stand *stand,
                                struct penstock_error *error) {
    yyjson_val *const done = yyjson_obj_get(root, "done");
    PS_TRY(read_key(root, "start", arena, &stand->start, error));
    PS_TRY(read_key(root, "stop", arena, &stand->stop, error));
    if (!read_integer(root, "pass", -1, &stand->pass) || !read_integer(root, "from", 0, &stand->from) ||
        !read_integer(root, "to", stand->from, &stand->to) ||
        !read_integer(root, "since", 0, &stand->since) || !yyjson_is_bool(done)) {
        return damaged(error, "its pass");
    }
    stand->is_done = yyjson_get_bool(done);
    stand->is_snapshot = yyjson_is_true(yyjson_obj_get(root, "snapshot"));
    stand->is_held_back = yyjson_is_true(yyjson_obj_get(root, "held"));
    if (stand->stop.size > 0 && ps_hbase_compare(stand->start, stand->stop) >= 0) {
        return damaged(error, "its keys");
    }
    if (stand->pass >= 0 && stand->to > SEEN_TIME_MAX) {
        return damaged(error, "its time");
    }
    PS_TRY(read_next(root, arena, stand, error));
    return read_seen(yyjson_obj_get(root, "seen"), &stand->seen, error);
}

penstock_code ps_hbase_stand_read(const char *state, struct ps_arena *arena, struct ps_hbase_stand *stand,
                                  struct penstock_error *error) {
    ps_buffer_init(&stand->next, PS_HBASE_ROW_SIZE_MAX + 1);
    yyjson_doc *document = yyjson_read(state, strlen(state), 0);
    if (document == NULL || !yyjson_is_obj(yyjson_doc_get_root(document))) {
        yyjson_doc_free(document);
        return damaged(error, "it is no JSON object");
    }
    const penstock_code code = read_stand(yyjson_doc_get_root(document), arena, stand, error);
    yyjson_doc_free(document);
    return code;
}
