/* SPDX-License-Identifier: Apache-2.0
 *
 * frame.c - the memory of a frame, and how columns get into it.
 */
#include "model/frame.h"

#include <math.h>

#include "base/check.h"
#include "model/pipeline.h"

static bool allocate_slot(const struct ps_slot *slot, size_t row_max, struct ps_frame_slot *values) {
    switch (slot->kind) {
    case PS_SLOT_NUMBER:
        values->own_numbers = ps_allocate(row_max, sizeof(double));
        values->numbers = values->own_numbers;
        return values->own_numbers != NULL;
    case PS_SLOT_TEXT:
        values->own_texts = ps_allocate(row_max, sizeof(struct ps_bytes));
        values->texts = values->own_texts;
        return values->own_texts != NULL;
    case PS_SLOT_ONE_HOT:
        values->indexes = ps_allocate(row_max, sizeof(int32_t));
        values->values = slot->has_values ? ps_allocate(row_max, sizeof(double)) : NULL;
        return values->indexes != NULL && (!slot->has_values || values->values != NULL);
    }
    return false;
}

penstock_code ps_frame_new(const struct ps_pipeline *pipeline, size_t row_max, bool is_training,
                           struct ps_frame **frame_out, struct penstock_error *error) {
    ps_check(row_max > 0 && row_max <= PS_FRAME_ROWS);
    struct ps_frame *frame = ps_allocate(1, sizeof *frame);
    if (frame == NULL) {
        return ps_error_memory(error, "a frame of rows");
    }
    frame->is_training = is_training;
    frame->row_max = row_max;
    frame->slot_count = pipeline->slot_count;
    frame->slots = ps_allocate(pipeline->slot_count + 1, sizeof *frame->slots);
    frame->fates = ps_allocate(row_max, 1);
    bool is_complete = frame->slots != NULL && frame->fates != NULL;
    for (size_t i = 0; is_complete && i < pipeline->slot_count; i++) {
        is_complete = allocate_slot(&pipeline->slots[i], row_max, &frame->slots[i]);
    }
    if (!is_complete) {
        ps_frame_free(frame);
        return ps_error_memory(error, "a frame of rows");
    }
    *frame_out = frame;
    return PENSTOCK_OK;
}

void ps_frame_free(struct ps_frame *frame) {
    if (frame == NULL) {
        return;
    }
    for (size_t i = 0; frame->slots != NULL && i < frame->slot_count; i++) {
        ps_release(frame->slots[i].own_numbers);
        ps_release(frame->slots[i].own_texts);
        ps_release(frame->slots[i].indexes);
        ps_release(frame->slots[i].values);
    }
    ps_release(frame->slots);
    ps_release(frame->fates);
    ps_release(frame);
}

void ps_frame_begin(struct ps_frame *frame, size_t row_count) {
    ps_check(row_count <= frame->row_max);
    frame->row_count = row_count;
    frame->has_fates = false;
    frame->failure = (struct ps_frame_failure){0};
    memset(frame->fates, PS_FATE_KEEP, row_count);
}

static bool is_valid(const uint64_t *validity, int64_t row) {
    return validity == NULL || ((validity[(uint64_t)row >> 6] >> ((uint64_t)row & 63)) & 1) != 0;
}

void ps_frame_set_input(struct ps_frame *frame, size_t slot, const struct ps_input_column *column,
                        int64_t begin) {
    struct ps_frame_slot *values = &frame->slots[slot];
    if (column->numbers != NULL) {
        values->numbers = column->numbers + begin;
        if (column->validity != NULL) {
            for (size_t i = 0; i < frame->row_count; i++) {
                values->own_numbers[i] = is_valid(column->validity, begin + (int64_t)i)
                                             ? column->numbers[begin + (int64_t)i]
                                             : (double)NAN;
            }
            values->numbers = values->own_numbers;
        }
        return;
    }
    for (size_t i = 0; i < frame->row_count; i++) {
        const bool valid = is_valid(column->validity, begin + (int64_t)i);
        values->own_texts[i] = valid ? column->texts[begin + (int64_t)i] : (struct ps_bytes){NULL, 0};
    }
    values->texts = values->own_texts;
}

void ps_frame_set_fate(struct ps_frame *frame, size_t row, enum ps_fate fate) {
    if (frame->fates[row] == PS_FATE_KEEP) {
        frame->fates[row] = (uint8_t)fate;
        frame->has_fates = true;
    }
}

void ps_frame_fail(struct ps_frame *frame, size_t row, const char *column, struct ps_bytes value,
                   const char *reason) {
    if (frame->failure.is_set || frame->fates[row] != PS_FATE_KEEP) {
        return;
    }
    frame->failure =
        (struct ps_frame_failure){.is_set = true, .row = row, .column = column, .reason = reason};
    size_t size = value.size < sizeof frame->failure.value - 1 ? value.size : sizeof frame->failure.value - 1;
    while (size < value.size && size > 0 && ((unsigned char)value.data[size] & 0xC0) == 0x80) {
        size--; /* never half a UTF-8 character */
    }
    if (size > 0) {
        memcpy(frame->failure.value, value.data, size);
    }
    frame->failure.value[size] = '\0';
}

penstock_code ps_frame_error(const struct ps_frame *frame, int64_t first_row, struct penstock_error *error) {
    return ps_error_set(error, PENSTOCK_INVALID_DATA, "row %lld: column %s: '%s' %s",
                        (long long)(first_row + (int64_t)frame->failure.row + 1), frame->failure.column,
                        frame->failure.value, frame->failure.reason);
}
