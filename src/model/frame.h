/* SPDX-License-Identifier: Apache-2.0
 *
 * frame.h - up to 2048 rows on their way through a pipeline: the values of every slot.
 *
 * A frame belongs to one thread and is used again and again. Input slots point at the caller's columns where
 * they can (no NULLs: no copy); slots made by transforms have memory of their own. A missing number is NaN, a
 * missing text has no data. Training, hold-out scoring and serving all fill frames and run the same pipeline.
 */
#ifndef PS_MODEL_FRAME_H
#define PS_MODEL_FRAME_H

#include "base/bytes.h"
#include "base/memory.h"
#include "model/fitted.h"

#define PS_FRAME_ROWS 2048

/* What becomes of a row. */
enum ps_fate {
    PS_FATE_KEEP = 0,
    PS_FATE_NULL,    /* a feature is missing or not finite and nothing fills it */
    PS_FATE_OUTLIER, /* an OutlierFilter leaves it out of training */
};

struct ps_frame_slot {
    const double *numbers;        /* NUMBER */
    const struct ps_bytes *texts; /* TEXT; data NULL: missing */
    double *own_numbers;          /* this slot's memory */
    struct ps_bytes *own_texts;
    int32_t *indexes; /* ONE_HOT: slot of the group, -1: all zeros */
    double *values;   /* ONE_HOT: value in the slot; NULL: 1 */
};

/* The first row that a transform refuses (handleInvalid = 'error', out of a Bucketizer's bounds). */
struct ps_frame_failure {
    bool is_set;
    size_t row;
    const char *column;
    char value[64];
    const char
        *reason; /* "is not a category that training has seen (OneHotEncoder, handleInvalid = 'error')" */
};

struct ps_pipeline;
struct ps_frame {
    struct ps_frame_slot *slots;
    size_t slot_count;
    size_t row_count, row_max;
    uint8_t *fates;   /* enum ps_fate */
    bool has_fates;   /* some row has another fate than KEEP */
    bool is_training; /* deferred transforms pass through, outliers are left out */
    struct ps_frame_failure failure;
};

/* row_max: at most PS_FRAME_ROWS; one row to predict needs no more memory than one row. */
penstock_code ps_frame_new(const struct ps_pipeline *pipeline, size_t row_max, bool is_training,
                           struct ps_frame **frame_out, struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_frame_free(struct ps_frame *frame);
/* Makes the frame hold `row_count` rows, all KEEP. */
void ps_frame_begin(struct ps_frame *frame, size_t row_count);
/* Sets an input slot to rows begin .. begin + row_count of `column`. */
void ps_frame_set_input(struct ps_frame *frame, size_t slot, const struct ps_input_column *column,
                        int64_t begin);
void ps_frame_set_fate(struct ps_frame *frame, size_t row, enum ps_fate fate);
void ps_frame_fail(struct ps_frame *frame, size_t row, const char *column, struct ps_bytes value,
                   const char *reason);
/* The failure as an error; `row` counts from 1 in the sentence. */
penstock_code ps_frame_error(const struct ps_frame *frame, int64_t first_row, struct penstock_error *error);

#endif
