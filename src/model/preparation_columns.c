/* SPDX-License-Identifier: Apache-2.0
 *
 * preparation_columns.c - the columns of a dataset: their order, their names, and the SELECT that gives them.
 *
 * A column of the SELECT, or what took its place, stands where it stood; what stages have made new comes behind, in
 * the order of the stages. Names that the SELECT has given go before names that are made here.
 */
#include "base/limits.h"
#include "model/preparation.h"

/* What no Delta table allows in a name: readers of other formats have their troubles with it, too. */
static const char forbidden[] = " ,;{}()=\n\r\t";

static bool is_input(const struct ps_preparation *preparation, size_t slot) {
    return preparation->pipeline->slots[slot].maker == PS_NO_SLOT;
}

penstock_code ps_preparation_list_made(const struct ps_preparation *preparation,
                                       struct ps_made_column **made_out, size_t *count_out,
                                       struct penstock_error *error) {
    const struct ps_pipeline *pipeline = preparation->pipeline;
    size_t count = 0;
    for (size_t i = 0; i < pipeline->column_count; i++) {
        const struct ps_slot *slot = &pipeline->slots[pipeline->columns[i].slot];
        count += slot->kind == PS_SLOT_ONE_HOT ? slot->width : 1;
    }
    struct ps_made_column *made = ps_arena_allocate(preparation->arena, count + 1, sizeof *made);
    if (made == NULL) {
        return ps_error_memory(error, "a dataset");
    }
    count = 0;
    for (size_t i = 0; i < pipeline->column_count; i++) {
        const size_t index = pipeline->columns[i].slot;
        const struct ps_slot *slot = &pipeline->slots[index];
        const size_t width = is_input(preparation, index)    ? 0
                             : slot->kind == PS_SLOT_ONE_HOT ? slot->width
                                                             : 1;
        for (size_t k = 0; k < width; k++) {
            made[count++] =
                (struct ps_made_column){index, k, slot->kind == PS_SLOT_ONE_HOT && !slot->has_values};
        }
    }
    if (count + preparation->column_count > PS_LIMIT_COLUMN_COUNT) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                           "TRANSFORM makes %zu columns beside the %zu of the SELECT; at most %d are allowed",
                           count, preparation->column_count, PS_LIMIT_COLUMN_COUNT);
        return ps_error_hint(error, "StringIndexer makes one column of a text, however many values it has");
    }
    *made_out = made;
    *count_out = count;
    return PENSTOCK_OK;
}

struct naming {
    struct ps_preparation *preparation;
    const struct ps_made_column *made;
    size_t made_count;
    const int64_t *dropped;
    struct penstock_error *error;
};

/* Is it the name of a column that has its name from the SELECT, or of one that is there already? */
static bool is_taken(const struct ps_preparation *preparation, const char *name) {
    for (size_t i = 0; i < preparation->column_count; i++) {
        if (ps_text_equal_nocase(preparation->names[i], name)) {
            return true;
        }
    }
    for (size_t i = 0; i < preparation->prepared_count; i++) {
        if (ps_text_equal_nocase(preparation->columns[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* "origin_JFK" of the category, the model's name of any other feature. */
static char *make_name(const struct naming *naming, const struct ps_made_column *made) {
    const struct ps_preparation *preparation = naming->preparation;
    const struct ps_slot *slot = &preparation->pipeline->slots[made->slot];
    char *name = NULL;
    if (slot->kind == PS_SLOT_ONE_HOT && slot->categories != NULL) {
        const struct ps_categories *categories = slot->categories;
        const char *label = made->index < categories->count ? categories->labels[made->index] : "unknown";
        name = ps_arena_printf(preparation->arena, "%s_%s", slot->name, label);
    } else {
        const char *feature = ps_slot_feature_name(preparation->pipeline, made->slot, made->index);
        name = feature == NULL ? NULL : ps_arena_copy(preparation->arena, feature);
    }
    for (char *at = name; at != NULL && *at != '\0'; at++) {
        *at = strchr(forbidden, *at) != NULL ? '_' : *at;
    }
    char *unique = name;
    for (size_t i = 2; unique != NULL && is_taken(preparation, unique); i++) {
        unique = ps_arena_printf(preparation->arena, "%s_%zu", name, i);
    }
    return unique;
}

static penstock_code add(const struct naming *naming, const char *name, const char *expression, size_t source,
                         bool is_made) {
    struct ps_preparation *preparation = naming->preparation;
    if (name == NULL || expression == NULL) {
        return ps_error_memory(naming->error, "a dataset");
    }
    preparation->columns[preparation->prepared_count++] =
        (struct ps_prepared_column){name, expression, source, is_made};
    return PENSTOCK_OK;
}

/* All columns that are made of the slot, but the category that the others imply. `name`: of a number in its place. */
static penstock_code add_made(const struct naming *naming, size_t slot_index, const char *name,
                              size_t source) {
    struct ps_preparation *preparation = naming->preparation;
    const struct ps_slot *slot = &preparation->pipeline->slots[slot_index];
    for (size_t i = 0; i < naming->made_count; i++) {
        const struct ps_made_column *made = &naming->made[i];
        if (made->slot != slot_index ||
            (slot->kind == PS_SLOT_ONE_HOT && ps_slot_is_dropped(slot, naming->dropped, made->index))) {
            continue;
        }
        const bool is_own = slot->kind == PS_SLOT_NUMBER && name != NULL;
        PS_TRY(add(naming, is_own ? name : make_name(naming, made),
                   ps_arena_printf(preparation->arena, "m.c%zu", i), source, true));
    }
    return PENSTOCK_OK;
}

static penstock_code add_untouched(const struct naming *naming, size_t column) {
    struct ps_preparation *preparation = naming->preparation;
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, (size_t)1 << 20);
    ps_buffer_text(&text, "t.");
    ps_buffer_sql_name(&text, preparation->names[column]);
    PS_TRY(ps_buffer_status(&text, naming->error));
    return add(naming, preparation->names[column], ps_arena_copy(preparation->arena, text.data), column,
               false);
}

/* Is it read by the pipeline at all? */
static bool is_read(const struct ps_pipeline *pipeline, const char *name) {
    for (size_t i = 0; i < pipeline->input_count; i++) {
        if (strcmp(pipeline->slots[pipeline->inputs[i]].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static penstock_code add_all(const struct naming *naming) {
    struct ps_preparation *preparation = naming->preparation;
    const struct ps_pipeline *pipeline = preparation->pipeline;
    for (size_t i = 0; i < preparation->column_count; i++) {
        const char *name = preparation->names[i];
        const int64_t live = ps_pipeline_find(pipeline, name);
        if (live >= 0 && !is_input(preparation, pipeline->columns[live].slot)) {
            PS_TRY(add_made(naming, pipeline->columns[live].slot, name, i));
        } else if (live >= 0 || !is_read(pipeline, name)) {
            PS_TRY(add_untouched(naming, i));
        } /* else a stage has left it out */
    }
    for (size_t i = 0; i < pipeline->column_count; i++) {
        bool is_of_select = false;
        for (size_t k = 0; k < preparation->column_count; k++) {
            is_of_select =
                is_of_select || ps_text_equal_nocase(preparation->names[k], pipeline->columns[i].name);
        }
        if (!is_of_select) {
            PS_TRY(add_made(naming, pipeline->columns[i].slot, NULL, PS_PREPARATION_NO_COLUMN));
        }
    }
    return PENSTOCK_OK;
}

static penstock_code write_select(struct ps_preparation *preparation, const struct ps_preparation_run *run,
                                  struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, (size_t)16 << 20);
    ps_buffer_text(&sql, "SELECT ");
    for (size_t i = 0; i < preparation->prepared_count; i++) {
        ps_buffer_printf(&sql, "%s%s AS ", i > 0 ? ", " : "", preparation->columns[i].expression);
        ps_buffer_sql_name(&sql, preparation->columns[i].name);
    }
    const bool is_joined = preparation->stage_count > 0;
    ps_buffer_printf(&sql, " FROM %s AS t", run->rows);
    if (is_joined) {
        ps_buffer_printf(&sql, " POSITIONAL JOIN %s AS m WHERE m.penstock_kept", run->made);
    }
    PS_TRY(ps_buffer_status(&sql, error));
    preparation->select = ps_arena_copy(preparation->arena, sql.data);
    preparation->marked =
        is_joined ? ps_arena_printf(preparation->arena,
                                    "(SELECT t.*, m.penstock_kept FROM %s AS t POSITIONAL JOIN %s AS m) AS r",
                                    run->rows, run->made)
                  : ps_arena_printf(preparation->arena, "(SELECT *, true AS penstock_kept FROM %s) AS r",
                                    run->rows);
    return preparation->select != NULL && preparation->marked != NULL ? PENSTOCK_OK
                                                                      : ps_error_memory(error, "a dataset");
}

penstock_code ps_preparation_name_columns(struct ps_preparation *preparation,
                                          const struct ps_preparation_run *run,
                                          const struct ps_made_column *made, size_t made_count,
                                          const int64_t *dropped, struct penstock_error *error) {
    const struct naming naming = {preparation, made, made_count, dropped, error};
    preparation->columns = ps_arena_allocate(preparation->arena, preparation->column_count + made_count + 1,
                                             sizeof *preparation->columns);
    if (preparation->columns == NULL) {
        return ps_error_memory(error, "a dataset");
    }
    preparation->prepared_count = 0;
    PS_TRY(add_all(&naming));
    if (preparation->prepared_count == 0) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "TRANSFORM leaves no column of the dataset");
        return ps_error_hint(error, "a lower varianceThreshold keeps more");
    }
    return write_select(preparation, run, error);
}
