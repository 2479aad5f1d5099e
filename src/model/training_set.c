/* SPDX-License-Identifier: Apache-2.0
 *
 * training_set.c - panels seen as features, and passes over their blocks on several threads.
 *
 * A pass has one lock: blocks are thousands of rows, so it is never hot. The caller's thread works, too, and merges
 * what is ready before it takes the next block; a block is taken only when it is less than a window ahead of what
 * is merged, which bounds the memory of results that wait.
 */
#include <string.h>

#include "base/thread.h"
#include "model/frame.h"
#include "model/rows.h"

/* Below this many rows a thread costs more than it brings. */
static const int64_t threaded_rows_min = 8192;

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

struct pass {
    const struct ps_training_set *set;
    void *context;
    penstock_code (*work)(void *context, size_t worker, size_t block, struct penstock_error *error);
    pthread_mutex_t lock;
    pthread_cond_t has_changed;
    size_t block_count, window;
    size_t next, merged; /* blocks taken, blocks merged */
    bool *is_finished;   /* per place in the window */
    bool is_over;        /* nothing more is taken */
    size_t failed_block; /* the first that failed; block_count: none */
    penstock_code code;
    struct penstock_error error;
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

/* With the lock held: runs one block without it. */
static void run_block(struct pass *pass, size_t worker) {
    const size_t block = pass->next++;
    (void)pthread_mutex_unlock(&pass->lock);
    struct penstock_error error = {0};
    const bool is_stopped = ps_stop_requested(pass->set->stop);
    const penstock_code code = is_stopped ? ps_error_set(&error, PENSTOCK_CANCELLED, "stopped while training")
                                          : pass->work(pass->context, worker, block, &error);
    (void)pthread_mutex_lock(&pass->lock);
    pass->is_finished[block % pass->window] = true;
    if (code != PENSTOCK_OK && block < pass->failed_block) {
        pass->failed_block = block;
        pass->code = code;
        pass->error = error;
        pass->is_over = true;
    }
    (void)pthread_cond_broadcast(&pass->has_changed);
}

static bool can_take(const struct pass *pass) {
    return !pass->is_over && pass->next < pass->block_count && pass->next < pass->merged + pass->window;
}

static void *help(void *argument) {
    const struct helper *helper = argument;
    struct pass *pass = helper->pass;
    (void)pthread_mutex_lock(&pass->lock);
    while (!pass->is_over && pass->next < pass->block_count) {
        if (can_take(pass)) {
            run_block(pass, helper->worker);
        } else {
            (void)pthread_cond_wait(&pass->has_changed, &pass->lock);
        }
    }
    (void)pthread_mutex_unlock(&pass->lock);
    return NULL;
}

/* The caller's part: works, and merges in block order. */
static penstock_code lead(struct pass *pass,
                          penstock_code (*merge)(void *context, size_t block, struct penstock_error *error),
                          struct penstock_error *error) {
    penstock_code code = PENSTOCK_OK;
    (void)pthread_mutex_lock(&pass->lock);
    while (code == PENSTOCK_OK && pass->merged < pass->block_count && pass->merged != pass->failed_block) {
        if (pass->is_finished[pass->merged % pass->window]) {
            pass->is_finished[pass->merged % pass->window] = false;
            const size_t block = pass->merged;
            (void)pthread_mutex_unlock(&pass->lock);
            code = merge == NULL ? PENSTOCK_OK : merge(pass->context, block, error);
            (void)pthread_mutex_lock(&pass->lock);
            pass->merged++;
            (void)pthread_cond_broadcast(&pass->has_changed);
        } else if (can_take(pass)) {
            run_block(pass, 0);
        } else {
            (void)pthread_cond_wait(&pass->has_changed, &pass->lock);
        }
    }
    pass->is_over = true;
    (void)pthread_cond_broadcast(&pass->has_changed);
    (void)pthread_mutex_unlock(&pass->lock);
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
    struct pass pass = {.set = set, .context = context, .work = work, .block_count = blocks};
    pass.window = ps_training_set_window(set);
    pass.failed_block = blocks;
    pass.is_finished = ps_allocate(pass.window, sizeof(bool));
    struct helper *helpers = ps_allocate(workers, sizeof *helpers);
    if (pass.is_finished == NULL || helpers == NULL) {
        ps_release(pass.is_finished);
        ps_release(helpers);
        return ps_error_memory(error, "a pass over the training rows");
    }
    /* with default attributes these cannot fail on Linux */
    (void)pthread_mutex_init(&pass.lock, NULL);
    (void)pthread_cond_init(&pass.has_changed, NULL);
    penstock_code code = PENSTOCK_OK;
    for (size_t i = 1; code == PENSTOCK_OK && i < workers; i++) {
        helpers[i] = (struct helper){.pass = &pass, .worker = i};
        code = ps_thread_start(&helpers[i].thread, "ps-fit", help, &helpers[i], error);
    }
    if (code == PENSTOCK_OK) {
        code = lead(&pass, merge, error);
    } else {
        (void)pthread_mutex_lock(&pass.lock);
        pass.is_over = true;
        (void)pthread_cond_broadcast(&pass.has_changed);
        (void)pthread_mutex_unlock(&pass.lock);
    }
    for (size_t i = 1; i < workers; i++) {
        ps_thread_join(&helpers[i].thread);
    }
    if (code == PENSTOCK_OK && pass.failed_block < blocks) {
        code = pass.code;
        if (error != NULL) {
            *error = pass.error;
        }
    }
    (void)pthread_cond_destroy(&pass.has_changed);
    (void)pthread_mutex_destroy(&pass.lock);
    ps_release(pass.is_finished);
    ps_release(helpers);
    return code;
}
