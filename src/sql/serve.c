/* SPDX-License-Identifier: Apache-2.0
 *
 * serve.c - the scalar functions behind predict(): found and checked when a statement is bound, applied to whole
 * vectors on DuckDB's threads.
 *
 * One call is bound once: the model is held, and each of its inputs is a field of the row, known by its name. What
 * runs per vector only reads that, so any number of threads may. DuckDB copies bound expressions; all copies share
 * one counted binding.
 */
#include "sql/serve.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>

#include "sql/serve_values.h"

#define KIND_COUNT PS_SERVE_KIND_COUNT
static const char *const kind_names[KIND_COUNT] = {"number", "real", "integer", "truth", "text"};

/* What one call in one bound statement needs. */
struct binding {
    atomic_int user_count;
    struct ps_server server;
    const struct ps_served *served;
    struct ps_serve_field *fields; /* per input of the model */
};

static void drop_binding(void *pointer) {
    struct binding *binding = pointer;
    if (binding == NULL || atomic_fetch_sub(&binding->user_count, 1) > 1) {
        return;
    }
    for (size_t i = 0; binding->fields != NULL && i < binding->served->input_count; i++) {
        ps_serve_field_done(&binding->fields[i]);
    }
    if (binding->served != NULL) {
        binding->server.release(binding->server.context, binding->served);
    }
    ps_release(binding->fields);
    ps_release(binding);
}

static void *share_binding(void *pointer) {
    struct binding *binding = pointer;
    atomic_fetch_add(&binding->user_count, 1);
    return binding;
}

void ps_engine_serve(struct ps_engine *engine, const struct ps_server *server) {
    pthread_mutex_lock(&engine->mutex); /* tidy: allow pthread: guards the server */
    engine->server = server == NULL ? (struct ps_server){0} : *server;
    pthread_mutex_unlock(&engine->mutex); /* tidy: allow pthread: guards the server */
}

uint64_t ps_connection_id(const struct ps_connection *connection) {
    duckdb_client_context context = NULL;
    duckdb_connection_get_client_context(connection->handle, &context);
    const idx_t id = duckdb_client_context_get_connection_id(context);
    duckdb_destroy_client_context(&context);
    return id;
}

/* ---- binding ---- */

/* The message, and the hint as a line of its own, which ps_duck_error() finds again. */
static void refuse(duckdb_bind_info info, const struct penstock_error *error) {
    char text[sizeof error->message + sizeof error->hint + 16];
    (void)snprintf(text, sizeof text, "%s%s%s", error->message,
                   error->hint[0] == '\0' ? "" : "\n" PS_SERVE_HINT, error->hint);
    duckdb_scalar_function_bind_set_error(info, text);
}

/* The constant text of argument 0. */
static penstock_code fold_reference(duckdb_bind_info info, duckdb_client_context context, char **text_out,
                                    struct penstock_error *error) {
    duckdb_expression expression = duckdb_scalar_function_bind_get_argument(info, 0);
    duckdb_value value = NULL;
    *text_out = NULL;
    if (duckdb_expression_is_foldable(expression)) {
        duckdb_error_data failure = duckdb_expression_fold(context, expression, &value);
        *text_out = value == NULL || duckdb_is_null_value(value) ? NULL : duckdb_get_varchar(value);
        duckdb_destroy_error_data(&failure);
    }
    if (value != NULL) {
        duckdb_destroy_value(&value);
    }
    duckdb_destroy_expression(&expression);
    if (*text_out == NULL) {
        (void)ps_error_set(error, PENSTOCK_SQL, "a prediction's model is named by a constant text");
        return ps_error_hint(error, "write predict('congestion@champion', t), with t a table of FROM");
    }
    return PENSTOCK_OK;
}

static penstock_code find_served(struct ps_engine *engine, duckdb_client_context context,
                                 const char *reference, struct binding *binding,
                                 struct penstock_error *error) {
    pthread_mutex_lock(&engine->mutex); /* tidy: allow pthread: guards the server */
    binding->server = engine->server;
    pthread_mutex_unlock(&engine->mutex); /* tidy: allow pthread: guards the server */
    if (binding->server.find == NULL) {
        return ps_error_set(error, PENSTOCK_SQL, "there are no models here: '%s' cannot be used", reference);
    }
    return binding->server.find(binding->server.context, reference,
                                duckdb_client_context_get_connection_id(context), &binding->served, error);
}

static penstock_code missing_field(const struct ps_served *served, const char *input, duckdb_logical_type row,
                                   struct penstock_error *error) {
    const char *names[512] = {NULL};
    const idx_t count = duckdb_struct_type_child_count(row);
    const size_t kept = count < 511 ? (size_t)count : 511;
    for (size_t i = 0; i < kept; i++) {
        names[i] = duckdb_struct_type_child_name(row, i);
    }
    const char *nearest = ps_nearest(input, names);
    (void)ps_error_set(error, PENSTOCK_SQL, "the row has no column '%s', which model %s reads", input,
                       served->name);
    (void)(nearest != NULL
               ? ps_error_hint(error, "did you mean it by '%s'?", nearest)
               : ps_error_hint(error, "give the row that column: predict('...', {'%s': ..., ...})", input));
    for (size_t i = 0; i < kept; i++) {
        duckdb_free((void *)(uintptr_t)names[i]); /* handed out by DuckDB */
    }
    return PENSTOCK_SQL;
}

static int64_t find_child(duckdb_logical_type row, const char *name) {
    const idx_t count = duckdb_struct_type_child_count(row);
    for (idx_t i = 0; i < count; i++) {
        char *child = duckdb_struct_type_child_name(row, i);
        const bool is_same = child != NULL && ps_text_equal_nocase(child, name);
        duckdb_free(child);
        if (is_same) {
            return (int64_t)i;
        }
    }
    return -1;
}

static penstock_code bind_field(struct binding *binding, duckdb_logical_type row, size_t input,
                                struct penstock_error *error) {
    const struct ps_served *served = binding->served;
    const int64_t child = find_child(row, served->input_names[input]);
    if (child < 0) {
        return missing_field(served, served->input_names[input], row, error);
    }
    duckdb_logical_type type = duckdb_struct_type_child_type(row, (idx_t)child);
    const duckdb_type id = duckdb_get_type_id(type);
    const bool is_text = served->input_is_text[input];
    penstock_code code = PENSTOCK_OK;
    if (is_text ? !ps_serve_is_text(id) : !ps_serve_is_number(id)) {
        struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
        const char *name = arena == NULL ? NULL : ps_duck_type_text(type, arena);
        code = ps_error_set(error, PENSTOCK_SQL, "the column '%s' is %s, but model %s reads a %s there",
                            served->input_names[input], name == NULL ? "of another type" : name, served->name,
                            is_text ? "category" : "number");
        (void)ps_error_hint(error, "CAST it: predict('...', {'%s': CAST(... AS %s), ...})",
                            served->input_names[input], is_text ? "VARCHAR" : "DOUBLE");
    } else {
        code = ps_serve_field_init(type, (idx_t)child, &binding->fields[input], error);
    }
    duckdb_destroy_logical_type(&type);
    return code;
}

static penstock_code bind_row(struct binding *binding, duckdb_logical_type row,
                              struct penstock_error *error) {
    const struct ps_served *served = binding->served;
    if (duckdb_get_type_id(row) != DUCKDB_TYPE_STRUCT) {
        (void)ps_error_set(error, PENSTOCK_SQL,
                           "a prediction's second argument is a row, but this is a single value");
        return ps_error_hint(error,
                             "write predict('...', t), with t a table of FROM, or a STRUCT: {'%s': ..., ...}",
                             served->input_count > 0 ? served->input_names[0] : "column");
    }
    binding->fields = ps_allocate(served->input_count + 1, sizeof *binding->fields);
    if (binding->fields == NULL) {
        return ps_error_memory(error, "a prediction");
    }
    for (size_t i = 0; i < served->input_count && !served->is_awaited; i++) {
        PS_TRY(bind_field(binding, row, i, error));
    }
    return PENSTOCK_OK;
}

/* The model and, when there is a second argument, its row. */
static penstock_code bind_call(duckdb_bind_info info, duckdb_client_context context, struct binding *binding,
                               struct penstock_error *error) {
    struct ps_engine *engine = duckdb_scalar_function_bind_get_extra_info(info);
    char *reference = NULL;
    PS_TRY(fold_reference(info, context, &reference, error));
    const penstock_code found = find_served(engine, context, reference, binding, error);
    duckdb_free(reference);
    PS_TRY(found);
    if (duckdb_scalar_function_bind_get_argument_count(info) < 2) {
        return PENSTOCK_OK;
    }
    duckdb_expression expression = duckdb_scalar_function_bind_get_argument(info, 1);
    duckdb_logical_type row = duckdb_expression_return_type(expression);
    const penstock_code code = bind_row(binding, row, error);
    duckdb_destroy_logical_type(&row);
    duckdb_destroy_expression(&expression);
    return code;
}

static struct binding *make_binding(duckdb_bind_info info) {
    struct penstock_error error = {0};
    struct binding *binding = ps_allocate(1, sizeof *binding);
    duckdb_client_context context = NULL;
    duckdb_scalar_function_get_client_context(info, &context);
    if (binding != NULL) {
        atomic_init(&binding->user_count, 1);
    }
    const penstock_code code =
        binding == NULL ? ps_error_memory(&error, "a prediction") : bind_call(info, context, binding, &error);
    duckdb_destroy_client_context(&context);
    if (code != PENSTOCK_OK) {
        refuse(info, &error);
        drop_binding(binding);
        return NULL;
    }
    return binding;
}

static void keep_binding(duckdb_bind_info info, struct binding *binding) {
    if (binding != NULL) {
        duckdb_scalar_function_set_bind_data(info, binding, drop_binding);
        duckdb_scalar_function_set_bind_data_copy(info, share_binding);
    }
}

static void bind(duckdb_bind_info info) {
    keep_binding(info, make_binding(info));
}

static void bind_proba(duckdb_bind_info info) {
    struct binding *binding = make_binding(info);
    if (binding != NULL && binding->served->kind == PS_SERVED_NUMBER) {
        struct penstock_error error;
        (void)ps_error_set(&error, PENSTOCK_SQL,
                           "model %s predicts a number, so there are no probabilities of classes",
                           binding->served->name);
        (void)ps_error_hint(&error, "write predict('...', t)");
        refuse(info, &error);
        drop_binding(binding);
        return;
    }
    keep_binding(info, binding);
}

/* predict() that was not expanded: its model is no literal. */
static void bind_unexpanded(duckdb_bind_info info) {
    struct penstock_error error;
    (void)ps_error_set(&error, PENSTOCK_SQL, "predict() takes a model, as a constant text, and a row");
    (void)ps_error_hint(&error,
                        "write predict('congestion@champion', t), with t a table of FROM or a STRUCT");
    refuse(info, &error);
}

/* ---- applying ---- */

static penstock_code fill_columns(const struct binding *binding, struct ps_serve_rows *rows,
                                  duckdb_vector row, struct ps_served_column *columns,
                                  struct penstock_error *error) {
    const struct ps_served *served = rows->served;
    const size_t word_count = rows->row_count / 64 + 1;
    const size_t word_count_given = (rows->row_count + 63) / 64; /* the last of ours may be one more */
    uint64_t *there = duckdb_vector_get_validity(row);
    for (size_t i = 0; i < served->input_count; i++) {
        const struct ps_serve_field *field = &binding->fields[i];
        uint64_t *validity = ps_arena_allocate(rows->arena, word_count, sizeof *validity);
        void *values = ps_arena_allocate(rows->arena, rows->row_count + 1, sizeof(struct ps_bytes));
        if (validity == NULL || values == NULL) {
            return ps_error_memory(error, "the rows of a prediction");
        }
        for (size_t word = 0; word < word_count; word++) {
            validity[word] = there == NULL || word == word_count_given ? UINT64_MAX : there[word];
        }
        duckdb_vector child = duckdb_struct_vector_get_child(row, field->child);
        columns[i].validity = validity;
        if (served->input_is_text[i]) {
            columns[i].texts = values;
            PS_TRY(ps_serve_texts(field, child, rows->row_count, rows->arena, values, validity, error));
        } else {
            columns[i].numbers = values;
            ps_serve_numbers(field, child, rows->row_count, values, validity);
        }
    }
    return PENSTOCK_OK;
}

/* "row 3: column origin: ..." counts within a chunk, which nobody can see: the row's values tell more. */
static void describe_row(const struct ps_served *served, const struct ps_served_column *columns,
                         idx_t row_count, struct penstock_error *error) {
    char message[sizeof error->message];
    char values[400] = "";
    int size = 0;
    long long row = 0;
    int prefix = 0;
    (void)snprintf(message, sizeof message, "%s", error->message);
    if (sscanf(message, "row %lld: %n", &row, &prefix) != 1 || prefix == 0 || row < 1 ||
        (idx_t)row > row_count) {
        return;
    }
    const idx_t at = (idx_t)row - 1;
    for (size_t i = 0; i < served->input_count && size < (int)sizeof values - 80; i++) {
        const bool is_null = (columns[i].validity[at / 64] >> (at % 64) & 1) == 0;
        const char *before = i == 0 ? "" : ", ";
        if (is_null) {
            size += snprintf(values + size, sizeof values - (size_t)size, "%s%.30s: NULL", before,
                             served->input_names[i]);
        } else if (columns[i].numbers != NULL) {
            size += snprintf(values + size, sizeof values - (size_t)size, "%s%.30s: %.17g", before,
                             served->input_names[i], columns[i].numbers[at]);
        } else {
            const struct ps_bytes text = columns[i].texts[at];
            size += snprintf(values + size, sizeof values - (size_t)size, "%s%.30s: '%.*s'", before,
                             served->input_names[i], (int)(text.size < 40 ? text.size : 40), text.data);
        }
    }
    (void)ps_error_set(error, error->code, "model %s: %s, in the row {%s}", served->name, message + prefix,
                       values);
}

static penstock_code predict_rows(const struct binding *binding, struct ps_serve_rows *rows,
                                  duckdb_vector row, struct penstock_error *error) {
    const struct ps_served *served = rows->served;
    const struct ps_server *server = &binding->server;
    if (served->is_awaited) {
        for (idx_t i = 0; i < rows->row_count; i++) {
            rows->predictions[i] = (double)NAN;
        }
        return PENSTOCK_OK;
    }
    struct ps_served_column *columns =
        ps_arena_allocate(rows->arena, served->input_count + 1, sizeof *columns);
    if (columns == NULL) {
        return ps_error_memory(error, "the rows of a prediction");
    }
    PS_TRY(fill_columns(binding, rows, row, columns, error));
    const penstock_code code = server->predict(server->context, served, columns, (int64_t)rows->row_count,
                                               rows->predictions, rows->probabilities, error);
    if (code == PENSTOCK_INVALID_DATA) {
        describe_row(served, columns, rows->row_count, error);
    }
    return code;
}

static penstock_code apply(const struct binding *binding, duckdb_data_chunk input, duckdb_vector out,
                           bool wants_probabilities, ps_serve_write *write, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_serve_rows rows = {
        .arena = arena, .served = binding->served, .row_count = duckdb_data_chunk_get_size(input)};
    const size_t class_count = binding->served->class_count;
    if (arena != NULL) {
        rows.predictions = ps_arena_allocate(arena, rows.row_count + 1, sizeof(double));
    }
    if (arena != NULL && wants_probabilities && class_count > 0) {
        rows.probabilities = ps_arena_allocate(arena, (rows.row_count + 1) * class_count, sizeof(double));
    }
    if (rows.predictions == NULL || (wants_probabilities && class_count > 0 && rows.probabilities == NULL)) {
        return ps_error_memory(error, "predictions");
    }
    PS_TRY(predict_rows(binding, &rows, duckdb_data_chunk_get_vector(input, 1), error));
    return write(&rows, out, error);
}

static void run(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector out,
                bool wants_probabilities, ps_serve_write *write) {
    const struct binding *binding = duckdb_scalar_function_get_bind_data(info);
    struct penstock_error error = {0};
    if (binding == NULL) {
        duckdb_scalar_function_set_error(info, "this prediction was bound without its model");
    } else if (apply(binding, input, out, wants_probabilities, write, &error) != PENSTOCK_OK) {
        duckdb_scalar_function_set_error(info, error.message);
    }
}

static void run_predict(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector out) {
    run(info, input, out, false, ps_serve_write_kinds);
}

static void run_columns(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector out) {
    const struct binding *binding = duckdb_scalar_function_get_bind_data(info);
    run(info, input, out, binding != NULL && binding->served->kind != PS_SERVED_NUMBER,
        ps_serve_write_columns);
}

static void run_proba(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector out) {
    run(info, input, out, true, ps_serve_write_probabilities);
}

static void run_output(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector out) {
    const struct binding *binding = duckdb_scalar_function_get_bind_data(info);
    const idx_t row_count = duckdb_data_chunk_get_size(input);
    for (idx_t row = 0; row < row_count; row++) {
        duckdb_vector_assign_string_element(out, row,
                                            kind_names[binding == NULL ? 0 : binding->served->kind]);
    }
}

static void run_unexpanded(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector out) {
    (void)input;
    (void)out;
    duckdb_scalar_function_set_error(info, "predict() was not expanded");
}

/* ---- registration ---- */

struct types {
    duckdb_logical_type text, number, any, map, kinds, columns;
    duckdb_logical_type values[KIND_COUNT];
};

static void make_types(struct types *types) {
    static const duckdb_type ids[KIND_COUNT] = {DUCKDB_TYPE_DOUBLE, DUCKDB_TYPE_DOUBLE, DUCKDB_TYPE_BIGINT,
                                                DUCKDB_TYPE_BOOLEAN, DUCKDB_TYPE_VARCHAR};
    const char *member_names[] = {"prediction", "probabilities"};
    const char *names[KIND_COUNT];
    duckdb_logical_type structs[KIND_COUNT];
    types->text = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
    types->number = duckdb_create_logical_type(DUCKDB_TYPE_DOUBLE);
    types->any = duckdb_create_logical_type(DUCKDB_TYPE_ANY);
    types->map = duckdb_create_map_type(types->text, types->number);
    for (size_t i = 0; i < KIND_COUNT; i++) {
        types->values[i] = duckdb_create_logical_type(ids[i]);
        duckdb_logical_type members[] = {types->values[i], types->map};
        structs[i] = duckdb_create_struct_type(members, member_names, i == PS_SERVED_NUMBER ? 1 : 2);
        names[i] = kind_names[i];
    }
    types->kinds = duckdb_create_struct_type(types->values, names, KIND_COUNT);
    types->columns = duckdb_create_struct_type(structs, names, KIND_COUNT);
    for (size_t i = 0; i < KIND_COUNT; i++) {
        duckdb_destroy_logical_type(&structs[i]);
    }
}

static void free_types(struct types *types) {
    for (size_t i = 0; i < KIND_COUNT; i++) {
        duckdb_destroy_logical_type(&types->values[i]);
    }
    duckdb_destroy_logical_type(&types->columns);
    duckdb_destroy_logical_type(&types->kinds);
    duckdb_destroy_logical_type(&types->map);
    duckdb_destroy_logical_type(&types->any);
    duckdb_destroy_logical_type(&types->number);
    duckdb_destroy_logical_type(&types->text);
}

struct function_row {
    const char *name;
    duckdb_scalar_function_bind_t bind;
    duckdb_scalar_function_t run;
    duckdb_logical_type result;
    size_t argument_count; /* 0: any */
};

static penstock_code register_one(struct ps_engine *engine, const struct types *types,
                                  const struct function_row *row, struct penstock_error *error) {
    duckdb_scalar_function function = duckdb_create_scalar_function();
    duckdb_scalar_function_set_name(function, row->name);
    if (row->argument_count == 0) {
        duckdb_scalar_function_set_varargs(function, types->any);
    } else {
        duckdb_scalar_function_add_parameter(function, types->text);
    }
    if (row->argument_count > 1) {
        duckdb_scalar_function_add_parameter(function, types->any);
    }
    duckdb_scalar_function_set_special_handling(
        function); /* a row of NULLs may be predicted: an Imputer fills it */
    duckdb_scalar_function_set_return_type(function, row->result);
    duckdb_scalar_function_set_extra_info(function, engine, NULL);
    duckdb_scalar_function_set_bind(function, row->bind);
    duckdb_scalar_function_set_function(function, row->run);
    const duckdb_state state = duckdb_register_scalar_function(engine->control, function);
    duckdb_destroy_scalar_function(&function);
    return state == DuckDBSuccess
               ? PENSTOCK_OK
               : ps_error_set(error, PENSTOCK_INTERNAL, "DuckDB does not take the function %s", row->name);
}

penstock_code ps_serve_register(struct ps_engine *engine, struct penstock_error *error) {
    struct types types PS_SCOPED(free_types);
    make_types(&types);
    const struct function_row rows[] = {
        {"penstock_output", bind, run_output, types.text, 1},
        {"penstock_predict", bind, run_predict, types.kinds, 2},
        {"penstock_predict_columns", bind, run_columns, types.columns, 2},
        {"predict_proba", bind_proba, run_proba, types.map, 2},
        {"predict", bind_unexpanded, run_unexpanded, types.number, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        PS_TRY(register_one(engine, &types, &rows[i], error));
    }
    return PENSTOCK_OK;
}
