/* SPDX-License-Identifier: Apache-2.0
 *
 * training_set.c - panels seen as features, and passes over their blocks on several threads.
 *
 * In a pass the caller's thread hands out blocks by a queue, merges what is finished in block order, and works itself
 * when there is nothing to merge. A block is handed out only when it is less than a window ahead of what is merged,
 * which bounds the memory of results that wait.
 */
#include <string.h>

#include "base/check.h"
#include "base/thread.h"
#include "model/frame.h"
#include "model/rows.h"

/* Below this many rows a thread costs more than it brings. */
static const int64_t threaded_rows_min = 8192;

int64_t ps_training_set_rows(const struct ps_training_set *set) {
    const struct ps_rows *rows = set->rows;
    int64_t count = 0;
    for (size_t p = 0; p < rows->block_count * rows->part_count; p++) {
        count += set->trains[p % rows->part_count] ? (int64_t)rows->panels[p].row_count : 0;
    }
    return count;
}

struct ps_features_reader {
    const struct ps_training_set *set;
    struct ps_feature_column *columns;
    const struct ps_feature_map **maps; /* per column; NULL: a group */
    size_t *groups;                     /* per column */
    double *numbers;                    /* PS_FRAME_ROWS for each number */
    int32_t *group_features;            /* all groups' features, by slot */
    struct ps_features features;
};

void ps_features_reader_free(struct ps_features_reader *reader) {
    if (reader != NULL) {
        ps_release(reader->columns);
        ps_release(reader->maps);
        ps_release(reader->groups);
        ps_release(reader->numbers);
        ps_release(reader->group_features);
        ps_release(reader);
    }
}

/* What does not change from block to block: which column is what, and which feature a category is. */
static void bind(struct ps_features_reader *reader) {
    const struct ps_layout *layout = reader->set->rows->layout;
    const struct ps_design *design = reader->set->design;
    const struct ps_gram_shape *shape = &layout->shape;
    size_t next = 0;
    double *numbers = reader->numbers;
    for (size_t c = 0; c < layout->column_count; c++) {
        const struct ps_layout_column *source = &layout->columns[c];
        struct ps_feature_column *column = &reader->columns[c];
        if (!source->is_group) {
            column->numbers = numbers;
            column->feature = next;
            reader->maps[c] = &design->maps[next++];
            numbers += PS_FRAME_ROWS;
            continue;
        }
        reader->groups[c] = source->index;
        const size_t start = shape->group_starts[source->index];
        int32_t *features = reader->group_features + start;
        column->width = shape->group_starts[source->index + 1] - start;
        column->features = features;
        for (size_t i = 0; i < column->width; i++) {
            const bool is_feature =
                next < design->count && design->columns[next] == c && design->indexes[next] == i;
            features[i] = is_feature ? (int32_t)next++ : -1;
        }
    }
    reader->features = (struct ps_features){
        .columns = reader->columns, .column_count = layout->column_count, .feature_count = design->count};
}

penstock_code ps_features_reader_new(const struct ps_training_set *set,
                                     struct ps_features_reader **reader_out, struct penstock_error *error) {
    const struct ps_layout *layout = set->rows->layout;
    struct ps_features_reader *reader = ps_allocate(1, sizeof *reader);
    if (reader == NULL) {
        return ps_error_memory(error, "features of training rows");
    }
    reader->set = set;
    reader->columns = ps_allocate(layout->column_count + 1, sizeof *reader->columns);
    reader->maps = ps_allocate(layout->column_count + 1, sizeof *reader->maps);
    reader->groups = ps_allocate(layout->column_count + 1, sizeof *reader->groups);
    reader->numbers = ps_allocate(layout->number_count * PS_FRAME_ROWS + 1, sizeof(double));
    reader->group_features = ps_allocate(layout->shape.slot_count + 1, sizeof(int32_t));
    if (reader->columns == NULL || reader->maps == NULL || reader->groups == NULL ||
        reader->numbers == NULL || reader->group_features == NULL) {
        ps_features_reader_free(reader);
        return ps_error_memory(error, "features of training rows");
    }
    bind(reader);
    *reader_out = reader;
    return PENSTOCK_OK;
}

static void read_number(const struct ps_feature_map *map, const struct ps_row_panel *panel, size_t begin,
                        size_t count, double *numbers) {
    const double *base = panel->columns + map->column * panel->stride + begin;
    if (map->indicator == PS_NO_COLUMN) {
        for (size_t i = 0; i < count; i++) {
            numbers[i] = map->scale * base[i] + map->constant;
        }
        return;
    }
    const double *gaps = panel->columns + map->indicator * panel->stride + begin;
    for (size_t i = 0; i < count; i++) {
        numbers[i] = map->scale * (base[i] + map->fill * gaps[i]) + map->constant;
    }
}

const struct ps_features *ps_features_reader_read(struct ps_features_reader *reader,
                                                  const struct ps_row_panel *panel, size_t begin,
                                                  size_t count) {
    double *numbers = reader->numbers;
    for (size_t c = 0; c < reader->features.column_count; c++) {
        struct ps_feature_column *column = &reader->columns[c];
        if (reader->maps[c] != NULL) {
            read_number(reader->maps[c], panel, begin, count, numbers);
            numbers += PS_FRAME_ROWS;
            continue;
        }
        const size_t place = reader->groups[c] * panel->stride + begin;
        column->indexes = panel->indexes + place;
        column->values = panel->values == NULL ? NULL : panel->values + place;
    }
    reader->features.row_count = count;
    return &reader->features;
}

/* A block on its way. */
struct errand {
    size_t block;
    bool is_finished;
    penstock_code code;
    struct penstock_error error;
};

struct pass {
    const struct ps_training_set *set;
    void *context;
    penstock_code (*work)(void *context, size_t worker, size_t block, struct penstock_error *error);
    penstock_code (*merge)(void *context, size_t block, struct penstock_error *error);
    size_t block_count, window;
    size_t next, merged;    /* blocks handed out, blocks merged */
    struct errand *errands; /* window; block b is at b % window */
    struct ps_queue *todo, *done;
};
struct helper {
    struct pass *pass;
    struct ps_thread thread;
    size_t worker;
};

size_t ps_training_set_window(const struct ps_training_set *set) {
    const size_t workers = set->worker_count > 1 ? set->worker_count : 1;
    return 4 * workers;
}

static void run_block(const struct pass *pass, size_t worker, struct errand *errand) {
    errand->code = ps_stop_requested(pass->set->stop)
                       ? ps_error_set(&errand->error, PENSTOCK_CANCELLED, "stopped while training")
                       : pass->work(pass->context, worker, errand->block, &errand->error);
}

static void *help(void *argument) {
    const struct helper *helper = argument;
    for (;;) {
        struct errand *errand = ps_queue_pop(helper->pass->todo);
        if (errand == NULL) {
            return NULL;
        }
        run_block(helper->pass, helper->worker, errand);
        if (!ps_queue_push(helper->pass->done, errand)) {
            return NULL;
        }
    }
}

static void hand_out(struct pass *pass) {
    while (pass->next < pass->block_count && pass->next < pass->merged + pass->window) {
        struct errand *errand = &pass->errands[pass->next % pass->window];
        errand->block = pass->next++;
        errand->is_finished = false;
        ps_check(ps_queue_push(pass->todo, errand));
    }
}

static void take_finished(const struct pass *pass, bool waits) {
    struct errand *errand = waits ? ps_queue_pop(pass->done) : ps_queue_poll(pass->done);
    for (; errand != NULL; errand = ps_queue_poll(pass->done)) {
        errand->is_finished = true;
    }
}

/* The caller's part: hands out, merges in block order what is finished, works when there is nothing to merge. */
static penstock_code lead(struct pass *pass, struct penstock_error *error) {
    while (pass->merged < pass->block_count) {
        hand_out(pass);
        take_finished(pass, false);
        const struct errand *first = &pass->errands[pass->merged % pass->window];
        if (first->is_finished) {
            if (first->code != PENSTOCK_OK) {
                if (error != NULL) {
                    *error = first->error;
                }
                return first->code;
            }
            PS_TRY(pass->merge == NULL ? PENSTOCK_OK : pass->merge(pass->context, pass->merged, error));
            pass->merged++;
            continue;
        }
        struct errand *own = ps_queue_poll(pass->todo);
        if (own != NULL) {
            run_block(pass, 0, own);
            own->is_finished = true;
        } else {
            take_finished(pass, true);
        }
    }
    return PENSTOCK_OK;
}

static penstock_code run(struct pass *pass, struct helper *helpers, size_t workers,
                         struct penstock_error *error) {
    penstock_code code = PENSTOCK_OK;
    for (size_t i = 1; code == PENSTOCK_OK && i < workers; i++) {
        helpers[i] = (struct helper){.pass = pass, .worker = i};
        code = ps_thread_start(&helpers[i].thread, "ps-fit", help, &helpers[i], error);
    }
    if (code == PENSTOCK_OK) {
        code = lead(pass, error);
    }
    while (ps_queue_poll(pass->todo) != NULL) { /* after a failure nobody begins another */
    }
    ps_queue_close(pass->todo);
    for (size_t i = 1; i < workers; i++) {
        ps_thread_join(&helpers[i].thread);
    }
    return code;
}

penstock_code ps_training_set_run(const struct ps_training_set *set, void *context,
                                  penstock_code (*work)(void *context, size_t worker, size_t block,
                                                        struct penstock_error *error),
                                  penstock_code (*merge)(void *context, size_t block,
                                                         struct penstock_error *error),
                                  struct penstock_error *error) {
    const size_t blocks = set->rows->block_count;
    const bool is_small = set->rows->row_count < threaded_rows_min;
    const size_t wanted = is_small || set->worker_count < 1 ? 1 : set->worker_count;
    const size_t workers = wanted < blocks || blocks == 0 ? wanted : blocks;
    struct pass pass = {.set = set, .context = context, .work = work, .merge = merge, .block_count = blocks};
    pass.window = ps_training_set_window(set);
    pass.errands = ps_allocate(pass.window, sizeof *pass.errands);
    pass.todo = ps_queue_new(pass.window + 1);
    pass.done = ps_queue_new(pass.window + 1);
    struct helper *helpers = ps_allocate(workers, sizeof *helpers);
    const bool is_complete =
        pass.errands != NULL && pass.todo != NULL && pass.done != NULL && helpers != NULL;
    const penstock_code code = is_complete ? run(&pass, helpers, workers, error)
                                           : ps_error_memory(error, "a pass over the training rows");
    ps_queue_free(pass.todo);
    ps_queue_free(pass.done);
    ps_release(pass.errands);
    ps_release(helpers);
    return code;
}
