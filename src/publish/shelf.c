/* SPDX-License-Identifier: Apache-2.0
 *
 * shelf.c - models in memory, found for DuckDB's binder and applied on its threads.
 *
 * The binder must not be waited for on its own connection, so the registry is read on one of the shelf's. One mutex
 * guards that connection, the list of models and the pins; a model itself never changes, and is applied without it.
 */
#include "publish/shelf.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

#include "job/predicted.h"
#include "model/fitted.h"
#include "publish/json.h"
#include "publish/reference.h"

/* Models that nobody uses at the moment, kept for the next statement. */
#define IDLE_COUNT_MAX 8
#define PINS_SIZE_MAX ((size_t)1 << 20)

struct entry {
    struct ps_served served; /* first: what SQL holds is this */
    struct entry *next;
    struct ps_arena *arena;
    struct ps_fitted *fitted; /* NULL: awaited */
    const char *model, *checksum;
    int64_t version;
    size_t user_count;
};

struct pin {
    const char *reference;
    int64_t version; /* 0: awaited */
};

struct ps_shelf {
    struct ps_engine *engine;
    const struct ps_graph *graph;
    struct ps_connection *connection;
    pthread_mutex_t mutex; /* tidy: allow pthread: guards all below, and the connection */
    struct entry *entries;
    uint64_t run_connection; /* 0: there is no run */
    struct ps_arena *pin_arena;
    struct pin *pins;
    size_t pin_count;
    struct ps_buffer pins_text;
};

static void lock(struct ps_shelf *shelf) {
    (void)pthread_mutex_lock(&shelf->mutex); /* tidy: allow pthread: see struct ps_shelf */
}

static void unlock(struct ps_shelf *shelf) {
    (void)pthread_mutex_unlock(&shelf->mutex); /* tidy: allow pthread: see struct ps_shelf */
}

/* ---- entries ---- */

static void free_entry(struct entry *entry) {
    if (entry != NULL) {
        ps_fitted_free(entry->fitted);
        ps_arena_free(entry->arena); /* the entry itself lies in it */
    }
}

static void free_entry_scoped(struct entry **entry) {
    free_entry(*entry);
}

/* The oldest idle ones go. */
static void sweep(struct ps_shelf *shelf) {
    size_t idle_count = 0;
    struct entry **link = &shelf->entries;
    while (*link != NULL) {
        struct entry *entry = *link;
        idle_count += entry->user_count == 0;
        if (entry->user_count == 0 && idle_count > IDLE_COUNT_MAX) {
            *link = entry->next;
            free_entry(entry);
        } else {
            link = &entry->next;
        }
    }
}

static struct entry *new_entry(const char *model, int64_t version, const char *checksum,
                               struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct entry *entry = arena == NULL ? NULL : ps_arena_allocate(arena, 1, sizeof *entry);
    if (entry == NULL) {
        (void)ps_error_memory(error, "a model");
        return NULL;
    }
    entry->version = version;
    entry->model = ps_arena_copy(arena, model);
    entry->checksum = ps_arena_copy(arena, checksum);
    entry->served.name = version > 0 ? ps_arena_printf(arena, "%s version %" PRId64, model, version)
                                     : ps_arena_copy(arena, model);
    if (entry->model == NULL || entry->checksum == NULL || entry->served.name == NULL) {
        (void)ps_error_memory(error, "a model");
        return NULL;
    }
    entry->arena = ps_take(arena);
    return entry;
}

static bool is_integer(const char *text) {
    const char *digits = text[0] == '-' ? text + 1 : text;
    return digits[0] != '\0' && digits[strspn(digits, "0123456789")] == '\0';
}

/* What the names of the classes are in SQL. */
static enum ps_served_kind kind_of(const struct ps_target *target) {
    bool is_truth = true, is_whole = true;
    for (size_t i = 0; i < target->class_count; i++) {
        const char *name = target->class_names[i];
        is_truth = is_truth && (strcmp(name, "true") == 0 || strcmp(name, "false") == 0);
        is_whole = is_whole && is_integer(name);
    }
    return target->class_count == 0 ? PS_SERVED_NUMBER
           : target->is_text        ? PS_SERVED_TEXT
           : is_truth               ? PS_SERVED_TRUTH
           : is_whole               ? PS_SERVED_INTEGER
                                    : PS_SERVED_REAL;
}

static penstock_code describe(struct entry *entry, struct penstock_error *error) {
    const struct ps_target *target = ps_fitted_target(entry->fitted);
    const size_t count = ps_fitted_input_count(entry->fitted);
    const char **names = ps_arena_allocate(entry->arena, count + 1, sizeof *names);
    bool *is_text = ps_arena_allocate(entry->arena, count + 1, sizeof *is_text);
    if (names == NULL || is_text == NULL) {
        return ps_error_memory(error, "a model");
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = ps_fitted_input_name(entry->fitted, i);
        is_text[i] = ps_fitted_input_is_text(entry->fitted, i);
    }
    entry->served.input_count = count;
    entry->served.input_names = names;
    entry->served.input_is_text = is_text;
    entry->served.class_count = target->class_count;
    entry->served.class_names = target->class_names;
    entry->served.kind = kind_of(target);
    return PENSTOCK_OK;
}

/* Checksum and status of a version, in the arena. */
static penstock_code look_up(struct ps_shelf *shelf, const char *model, int64_t version,
                             struct ps_arena *arena, const char **checksum_out,
                             struct penstock_error *error) {
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRId64, version);
    const char *const values[] = {model, text};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(shelf->connection,
                             "SELECT checksum, status FROM penstock.models"
                             " WHERE name = $1 AND version = CAST($2 AS BIGINT)",
                             values, 2, &result, error));
    const char *status = ps_result_text(result, 0, 1);
    if (status == NULL || strcmp(status, "refused") == 0 || strcmp(status, "deleted") == 0) {
        (void)ps_error_set(
            error, PENSTOCK_NOT_FOUND, "version %s of model %s was %s, so it cannot be used to predict", text,
            model, status != NULL && strcmp(status, "refused") == 0 ? "refused by its gate" : "deleted");
        return ps_error_hint(error, "%s@champion is what is published", model);
    }
    *checksum_out = ps_arena_copy(arena, ps_result_text(result, 0, 0));
    return *checksum_out == NULL ? ps_error_memory(error, "a model") : PENSTOCK_OK;
}

static struct entry *find_entry(struct ps_shelf *shelf, const char *model, int64_t version,
                                const char *checksum) {
    for (struct entry *entry = shelf->entries; entry != NULL; entry = entry->next) {
        if (entry->version == version && strcmp(entry->model, model) == 0 &&
            strcmp(entry->checksum, checksum) == 0) {
            return entry;
        }
    }
    return NULL;
}

static void shelve(struct ps_shelf *shelf, struct entry *entry) {
    entry->next = shelf->entries;
    shelf->entries = entry;
    sweep(shelf);
}

static penstock_code take_version(struct ps_shelf *shelf, const char *model, int64_t version,
                                  struct ps_arena *arena, struct entry **entry_out,
                                  struct penstock_error *error) {
    const char *checksum = NULL;
    PS_TRY(look_up(shelf, model, version, arena, &checksum, error));
    *entry_out = find_entry(shelf, model, version, checksum);
    if (*entry_out != NULL) {
        return PENSTOCK_OK;
    }
    struct entry *entry PS_SCOPED(free_entry_scoped) = new_entry(model, version, checksum, error);
    if (entry == NULL) {
        return PENSTOCK_OUT_OF_MEMORY;
    }
    PS_TRY(ps_registry_load(shelf->connection, model, version, &entry->fitted, error));
    PS_TRY(describe(entry, error));
    *entry_out = entry;
    shelve(shelf, ps_take(entry));
    return PENSTOCK_OK;
}

/* A model that has no version yet. */
static penstock_code take_awaited(struct ps_shelf *shelf, const char *model, struct entry **entry_out,
                                  struct penstock_error *error) {
    *entry_out = find_entry(shelf, model, 0, "");
    if (*entry_out != NULL) {
        return PENSTOCK_OK;
    }
    struct entry *entry = new_entry(model, 0, "", error);
    if (entry == NULL) {
        return PENSTOCK_OUT_OF_MEMORY;
    }
    entry->served.is_awaited = true;
    entry->served.kind = ps_predicted_kind(shelf->graph, model);
    *entry_out = entry;
    shelve(shelf, entry);
    return PENSTOCK_OK;
}

/* ---- references ---- */

static const struct ps_node *find_model(const struct ps_graph *graph, const char *name) {
    const int64_t index = graph == NULL ? -1 : ps_graph_find(graph, name);
    return index >= 0 && graph->nodes[index].kind == PS_NODE_MODEL ? &graph->nodes[index] : NULL;
}

/* The version that the reference means now; 0: the project has yet to train it, and that is allowed. */
static penstock_code resolve(struct ps_shelf *shelf, const char *reference, bool may_await,
                             struct ps_arena *arena, const char **model_out, int64_t *version_out,
                             struct penstock_error *error) {
    struct ps_model_reference parsed;
    PS_TRY(ps_reference_parse(reference, arena, &parsed, error));
    const penstock_code code =
        ps_registry_resolve(shelf->connection, reference, arena, model_out, version_out, error);
    if (code != PENSTOCK_NOT_FOUND) {
        return code;
    }
    const struct ps_node *node = find_model(shelf->graph, parsed.name);
    if (node != NULL && parsed.alias != NULL && may_await) {
        ps_error_clear(error);
        *model_out = node->name;
        *version_out = 0;
        return PENSTOCK_OK;
    }
    return code;
}

/* The pinned version of a reference of the run, -1: it is not pinned. */
static int64_t pinned(const struct ps_shelf *shelf, const char *reference) {
    for (size_t i = 0; i < shelf->pin_count; i++) {
        if (strcmp(shelf->pins[i].reference, reference) == 0) {
            return shelf->pins[i].version;
        }
    }
    return -1;
}

static penstock_code find_locked(struct ps_shelf *shelf, const char *reference, bool is_run,
                                 struct entry **entry_out, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_model_reference parsed;
    if (arena == NULL) {
        return ps_error_memory(error, "a model");
    }
    PS_TRY(ps_reference_parse(reference, arena, &parsed, error));
    const char *model = parsed.name;
    int64_t version = is_run ? pinned(shelf, reference) : -1;
    if (version < 0) {
        PS_TRY(resolve(shelf, reference, is_run, arena, &model, &version, error));
    }
    return version == 0 ? take_awaited(shelf, model, entry_out, error)
                        : take_version(shelf, model, version, arena, entry_out, error);
}

/* ---- what SQL asks ---- */

static penstock_code find(void *context, const char *reference, uint64_t connection,
                          const struct ps_served **served_out, struct penstock_error *error) {
    struct ps_shelf *shelf = context;
    struct entry *entry = NULL;
    lock(shelf);
    const bool is_run = shelf->run_connection != 0 && shelf->run_connection == connection;
    const penstock_code code = find_locked(shelf, reference, is_run, &entry, error);
    if (code == PENSTOCK_OK) {
        entry->user_count++;
        *served_out = &entry->served;
    }
    unlock(shelf);
    return code;
}

static void release(void *context, const struct ps_served *served) {
    struct ps_shelf *shelf = context;
    lock(shelf);
    for (struct entry *entry = shelf->entries; entry != NULL; entry = entry->next) {
        if (&entry->served == served) {
            entry->user_count--;
            break;
        }
    }
    sweep(shelf);
    unlock(shelf);
}

static penstock_code predict(void *context, const struct ps_served *served,
                             const struct ps_served_column *columns, int64_t row_count,
                             double *predictions_out, double *probabilities_out,
                             struct penstock_error *error) {
    (void)context;
    const struct entry *entry = (const struct entry *)(const void *)served;
    struct ps_input_column *inputs PS_SCOPED(ps_release_scoped) =
        ps_allocate(served->input_count + 1, sizeof *inputs);
    if (inputs == NULL) {
        return ps_error_memory(error, "predictions");
    }
    for (size_t i = 0; i < served->input_count; i++) {
        inputs[i] = (struct ps_input_column){columns[i].numbers, columns[i].texts, columns[i].validity};
    }
    if (probabilities_out == NULL) {
        return ps_fitted_predict(entry->fitted, inputs, row_count, predictions_out, error);
    }
    PS_TRY(ps_fitted_probabilities(entry->fitted, inputs, row_count, probabilities_out, error));
    for (int64_t row = 0; row < row_count; row++) {
        predictions_out[row] =
            ps_fitted_class(entry->fitted, probabilities_out + (size_t)row * served->class_count);
    }
    return PENSTOCK_OK;
}

/* ---- pins ---- */

static penstock_code add_pins(struct ps_shelf *shelf, const char *const *references, size_t count,
                              yyjson_val *given, yyjson_mut_doc *document, struct ps_arena *arena,
                              struct penstock_error *error) {
    struct pin *pins = ps_arena_allocate(arena, count + 1, sizeof *pins);
    if (pins == NULL) {
        return ps_error_memory(error, "models");
    }
    for (size_t i = 0; i < count; i++) {
        const char *model = NULL;
        yyjson_val *known = yyjson_obj_get(given, references[i]);
        pins[i].reference = ps_arena_copy(arena, references[i]);
        if (pins[i].reference == NULL) {
            return ps_error_memory(error, "models");
        }
        if (known != NULL) {
            pins[i].version = yyjson_get_sint(known); /* null: 0 */
        } else {
            PS_TRY(resolve(shelf, references[i], true, arena, &model, &pins[i].version, error));
        }
        yyjson_mut_val *value =
            pins[i].version > 0 ? yyjson_mut_sint(document, pins[i].version) : yyjson_mut_null(document);
        (void)yyjson_mut_obj_add(yyjson_mut_doc_get_root(document),
                                 yyjson_mut_strcpy(document, references[i]), value);
    }
    ps_arena_free(shelf->pin_arena);
    shelf->pin_arena = arena;
    shelf->pins = pins;
    shelf->pin_count = count;
    return PENSTOCK_OK;
}

static penstock_code pin_locked(struct ps_shelf *shelf, const char *const *references, size_t count,
                                const char *pins, bool *is_changed_out, struct penstock_error *error) {
    struct ps_buffer text PS_SCOPED(ps_buffer_done) = {0};
    yyjson_doc *given PS_SCOPED(ps_json_read_free_scoped) = NULL;
    yyjson_mut_doc *document PS_SCOPED(ps_json_free_scoped) = ps_json_new();
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    ps_buffer_init(&text, PINS_SIZE_MAX);
    if (document == NULL || arena == NULL) {
        return ps_error_memory(error, "models");
    }
    if (pins != NULL && pins[0] != '\0') {
        PS_TRY(ps_json_parse(pins, strlen(pins), &given, error));
    }
    PS_TRY(add_pins(shelf, references, count, yyjson_doc_get_root(given), document, arena, error));
    (void)ps_take(arena); /* the shelf's now */
    PS_TRY(ps_json_write(document, false, &text, error));
    *is_changed_out = shelf->pins_text.data == NULL || strcmp(shelf->pins_text.data, text.data) != 0;
    ps_buffer_clear(&shelf->pins_text);
    ps_buffer_add(&shelf->pins_text, text.data, text.size);
    return ps_buffer_status(&shelf->pins_text, error);
}

penstock_code ps_shelf_pin(struct ps_shelf *shelf, const char *const *references, size_t count,
                           const char *pins, const char **pins_out, bool *is_changed_out,
                           struct penstock_error *error) {
    lock(shelf);
    const penstock_code code = pin_locked(shelf, references, count, pins, is_changed_out, error);
    unlock(shelf);
    *pins_out = shelf->pins_text.data;
    return code;
}

void ps_shelf_unpin(struct ps_shelf *shelf) {
    lock(shelf);
    shelf->pin_count = 0;
    unlock(shelf);
}

void ps_shelf_await(struct ps_shelf *shelf, const struct ps_connection *connection) {
    lock(shelf);
    shelf->run_connection = ps_connection_id(connection);
    unlock(shelf);
}

/* ---- open and close ---- */

penstock_code ps_shelf_open(struct ps_engine *engine, const struct ps_graph *graph,
                            struct ps_shelf **shelf_out, struct penstock_error *error) {
    struct ps_shelf *shelf = ps_allocate(1, sizeof *shelf);
    if (shelf == NULL) {
        return ps_error_memory(error, "models");
    }
    (void)pthread_mutex_init(&shelf->mutex, NULL); /* tidy: allow pthread: see struct ps_shelf */
    shelf->engine = engine;
    shelf->graph = graph;
    ps_buffer_init(&shelf->pins_text, PINS_SIZE_MAX);
    const penstock_code code = ps_connection_open(engine, &shelf->connection, error);
    if (code != PENSTOCK_OK) {
        ps_shelf_close(shelf);
        return code;
    }
    const struct ps_server server = {.context = shelf, .find = find, .release = release, .predict = predict};
    ps_engine_serve(engine, &server);
    *shelf_out = shelf;
    return PENSTOCK_OK;
}

void ps_shelf_close(struct ps_shelf *shelf) {
    if (shelf == NULL) {
        return;
    }
    ps_engine_serve(shelf->engine, NULL);
    ps_connection_close(shelf->connection);
    while (shelf->entries != NULL) {
        struct entry *entry = shelf->entries;
        shelf->entries = entry->next;
        free_entry(entry);
    }
    ps_arena_free(shelf->pin_arena);
    ps_buffer_done(&shelf->pins_text);
    (void)pthread_mutex_destroy(&shelf->mutex); /* tidy: allow pthread: see struct ps_shelf */
    ps_release(shelf);
}
