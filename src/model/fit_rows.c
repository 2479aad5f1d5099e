/* SPDX-License-Identifier: Apache-2.0
 *
 * fit_rows.c - the training rows as a stage will see them: scanned in order, through the stages before it.
 *
 * Only the inputs that the asking stage depends on are read, only the stages on the way are applied. None of
 * these is deferred, because the asking stage reads them. Outlier filters need not run: their bounds stand in the
 * WHERE of the scan by now. For one split of the validation it is different: the scan must give the search's rows in
 * the search's order, for their parts are drawn row by row; so all inputs are read, filters run, and the rows that
 * the split does not train on get a fate.
 */
#include <math.h>

#include "base/check.h"
#include "model/fit.h"
#include "sql/scan.h"

struct rows {
    struct ps_fit *fit;
    const struct ps_transform *transform;
    size_t transform_index;
    bool *needs_slot;      /* per slot */
    bool *needs_transform; /* per transform before the asking one */
    size_t *inputs;        /* slots that are scanned, in the order of the scan's columns */
    size_t input_count;
    struct ps_frame *frame;
    struct ps_random random; /* of a split's parts */
    int64_t row_count;
    void *context;
    penstock_code (*take)(void *context, const struct ps_frame *frame, struct penstock_error *error);
};

static void rows_done(struct rows *rows) {
    ps_release(rows->needs_slot);
    ps_release(rows->needs_transform);
    ps_release(rows->inputs);
    ps_frame_free(rows->frame);
}

/* Marks what the transform's inputs depend on, from the last stage before it to the first. */
static void trace(struct rows *rows, bool with_label) {
    const struct ps_pipeline *pipeline = rows->fit->pipeline;
    for (size_t i = 0; i < rows->transform->input_count; i++) {
        rows->needs_slot[rows->transform->inputs[i]] = !rows->transform->is_deferred[i];
    }
    const bool is_split = rows->fit->split != NULL;
    for (size_t t = rows->transform_index; t-- > 0;) {
        const struct ps_transform *before = &pipeline->transforms[t];
        rows->needs_transform[t] = is_split && before->type->is_filter;
        for (size_t i = 0; i < before->output_count; i++) {
            rows->needs_transform[t] = rows->needs_transform[t] || rows->needs_slot[before->outputs[i]];
        }
        for (size_t i = 0; rows->needs_transform[t] && i < before->input_count; i++) {
            rows->needs_slot[before->inputs[i]] = true;
        }
    }
    for (size_t i = 0; i < pipeline->input_count; i++) {
        const size_t slot = pipeline->inputs[i];
        if (is_split || rows->needs_slot[slot] || (with_label && pipeline->slots[slot].is_label)) {
            rows->inputs[rows->input_count++] = slot;
        }
    }
}

static penstock_code open_scan(const struct rows *rows, struct ps_scan **scan_out,
                               struct penstock_error *error) {
    const struct ps_pipeline *pipeline = rows->fit->pipeline;
    const struct ps_fit_split *split = rows->fit->split;
    const char *fold = split == NULL ? NULL : split->validation->fold_column;
    struct ps_scan_column *columns PS_SCOPED(ps_release_scoped) =
        ps_allocate(rows->input_count + 1, sizeof *columns);
    if (columns == NULL) {
        return ps_error_memory(error, "rows to learn from");
    }
    const size_t count = rows->input_count + (fold != NULL ? 1 : 0);
    for (size_t i = 0; i < count; i++) {
        const struct ps_slot *slot = i < rows->input_count ? &pipeline->slots[rows->inputs[i]] : NULL;
        struct ps_buffer name PS_SCOPED(ps_buffer_done);
        ps_buffer_init(&name, (size_t)1 << 20);
        if (slot == NULL && split->validation->fold_sql != NULL) {
            ps_buffer_text(&name, split->validation->fold_sql);
        } else {
            ps_buffer_sql_name(&name, slot == NULL ? fold : slot->name);
        }
        PS_TRY(ps_buffer_status(&name, error));
        columns[i].expression = ps_arena_copy(rows->fit->arena, name.data);
        columns[i].kind = slot != NULL && slot->kind == PS_SLOT_TEXT ? PS_SCAN_TEXT : PS_SCAN_DOUBLE;
        if (columns[i].expression == NULL) {
            return ps_error_memory(error, "rows to learn from");
        }
    }
    return ps_fit_scan(rows->fit, columns, count, scan_out, error);
}

static void fill_frame(struct rows *rows, const struct ps_chunk *chunk, int64_t begin, size_t count) {
    ps_frame_begin(rows->frame, count);
    for (size_t i = 0; i < rows->input_count; i++) {
        const size_t slot = rows->inputs[i];
        const uint64_t *validity = ps_chunk_validity(chunk, i);
        if (rows->fit->pipeline->slots[slot].kind == PS_SLOT_NUMBER) {
            const struct ps_input_column column = {ps_chunk_doubles(chunk, i), NULL, validity};
            ps_frame_set_input(rows->frame, slot, &column, begin);
            continue;
        }
        struct ps_bytes *texts = rows->frame->slots[slot].own_texts;
        for (size_t row = 0; row < count; row++) {
            const int64_t place = begin + (int64_t)row;
            texts[row] = ps_chunk_is_valid(validity, place) ? ps_chunk_text(chunk, i, place)
                                                            : (struct ps_bytes){NULL, 0};
        }
        rows->frame->slots[slot].texts = texts;
    }
}

/* Rows that the split does not train on are not to be learnt from. */
static void choose_rows(struct rows *rows, const struct ps_chunk *chunk, int64_t begin) {
    const struct ps_fit_split *split = rows->fit->split;
    const size_t count = rows->frame->row_count;
    uint16_t parts[PS_FRAME_ROWS];
    if (split->validation->fold_column == NULL) {
        ps_validation_draw(split->validation, &rows->random, parts, (int64_t)count);
    } else { /* the search's scan, which comes first, has checked them */
        const double *folds = ps_chunk_doubles(chunk, rows->input_count) + begin;
        for (size_t row = 0; row < count; row++) {
            parts[row] = (uint16_t)folds[row];
        }
    }
    for (size_t row = 0; row < count; row++) {
        if (!ps_validation_trains(split->validation, split->index, parts[row])) {
            ps_frame_set_fate(rows->frame, row, PS_FATE_NULL);
        }
    }
}

static penstock_code take_chunk(struct rows *rows, const struct ps_chunk *chunk,
                                struct penstock_error *error) {
    const struct ps_pipeline *pipeline = rows->fit->pipeline;
    const int64_t total = ps_chunk_row_count(chunk);
    for (int64_t begin = 0; begin < total; begin += PS_FRAME_ROWS) {
        const int64_t left = total - begin;
        fill_frame(rows, chunk, begin, (size_t)(left < PS_FRAME_ROWS ? left : PS_FRAME_ROWS));
        if (rows->fit->split != NULL && !rows->fit->takes_all_parts) {
            choose_rows(rows, chunk, begin);
        }
        for (size_t t = 0; t < rows->transform_index; t++) {
            const struct ps_transform *before = &pipeline->transforms[t];
            if (!rows->needs_transform[t]) {
                continue;
            }
            before->type->apply(pipeline, before, rows->frame);
            if (rows->frame->failure.is_set) {
                return ps_frame_error(rows->frame, rows->row_count, error);
            }
        }
        PS_TRY(rows->take(rows->context, rows->frame, error));
        rows->row_count += (int64_t)rows->frame->row_count;
    }
    return PENSTOCK_OK;
}

static penstock_code take_all(struct rows *rows, struct ps_scan *scan, struct penstock_error *error) {
    for (;;) {
        struct ps_chunk *chunk = NULL;
        PS_TRY(ps_scan_next(scan, &chunk, error));
        if (chunk == NULL) {
            return PENSTOCK_OK;
        }
        const penstock_code code = take_chunk(rows, chunk, error);
        ps_chunk_free(chunk);
        PS_TRY(code);
        if (ps_stop_requested(rows->fit->stop)) {
            return ps_error_set(error, PENSTOCK_CANCELLED, "stopped while fitting transforms");
        }
    }
}

penstock_code ps_fit_rows(struct ps_fit *fit, const struct ps_transform *transform, bool with_label,
                          void *context,
                          penstock_code (*take)(void *context, const struct ps_frame *frame,
                                                struct penstock_error *error),
                          struct penstock_error *error) {
    const struct ps_pipeline *pipeline = fit->pipeline;
    ps_check(transform >= pipeline->transforms &&
             transform < pipeline->transforms + pipeline->transform_count);
    struct rows rows PS_SCOPED(rows_done) = {
        .fit = fit,
        .transform = transform,
        .transform_index = (size_t)(transform - pipeline->transforms),
        .context = context,
        .take = take,
    };
    rows.needs_slot = ps_allocate(pipeline->slot_count + 1, sizeof(bool));
    rows.needs_transform = ps_allocate(pipeline->transform_count + 1, sizeof(bool));
    rows.inputs = ps_allocate(pipeline->input_count + 1, sizeof(size_t));
    if (rows.needs_slot == NULL || rows.needs_transform == NULL || rows.inputs == NULL) {
        return ps_error_memory(error, "rows to learn from");
    }
    if (fit->split != NULL) {
        ps_random_init(&rows.random, fit->split->validation->seed);
    }
    trace(&rows, with_label);
    PS_TRY(ps_frame_new(pipeline, PS_FRAME_ROWS, true, &rows.frame, error));
    struct ps_scan *scan = NULL;
    PS_TRY(open_scan(&rows, &scan, error));
    const penstock_code code = take_all(&rows, scan, error);
    ps_scan_close(scan);
    return code;
}

struct moments {
    const struct ps_transform *transform;
    struct ps_fit_sums *sums;
};

static penstock_code add_frame(void *context, const struct ps_frame *frame, struct penstock_error *error) {
    const struct moments *moments = context;
    (void)error;
    for (size_t i = 0; i < moments->transform->input_count; i++) {
        const double *values = frame->slots[moments->transform->inputs[i]].numbers;
        for (size_t row = 0; !moments->transform->is_deferred[i] && row < frame->row_count; row++) {
            if (frame->fates[row] == PS_FATE_KEEP && isfinite(values[row])) {
                ps_fit_sums_add(&moments->sums[i], values[row]);
            }
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_fit_input_moments(struct ps_fit *fit, const struct ps_transform *transform,
                                   struct ps_column_moments *moments_out, struct penstock_error *error) {
    struct ps_fit_sums *sums PS_SCOPED(ps_release_scoped) = ps_allocate(transform->input_count, sizeof *sums);
    if (sums == NULL) {
        return ps_error_memory(error, "moments");
    }
    struct moments moments = {transform, sums};
    PS_TRY(ps_fit_rows(fit, transform, false, &moments, add_frame, error));
    for (size_t i = 0; i < transform->input_count; i++) {
        moments_out[i] = ps_fit_sums_moments(&sums[i]);
    }
    return PENSTOCK_OK;
}
