/* SPDX-License-Identifier: Apache-2.0
 *
 * admin.c - what only the active master does (Master.proto of 2.6).
 */
#include "hbase/admin.h"

#include <stdio.h>

#include "base/clock.h"

#define PROCEDURE_FINISHED 2
#define PROCEDURE_UNKNOWN 0
#define PROCEDURE_PAUSE_MS 50

/* One call to the active master, again and again until it answers. */
static penstock_code call_master(struct ps_hbase *client, const char *method, const struct ps_buffer *message,
                                 struct ps_hbase_answer *answer, struct penstock_error *error) {
    struct ps_hbase_retry retry = ps_hbase_retry_begin(client);
    for (;;) {
        struct ps_hbase_address master;
        struct ps_hbase_fault fault = {.cure = PS_HBASE_CURE_NONE};
        penstock_code code = ps_hbase_master(client, &master, &fault, error);
        if (code == PENSTOCK_OK) {
            code = ps_hbase_call(client, &master, PS_HBASE_MASTER_SERVICE, method, message, answer, &fault,
                                 error);
        }
        if (code == PENSTOCK_OK) {
            return code;
        }
        ps_hbase_forget_servers(client);
        PS_TRY(ps_hbase_retry_wait(&retry, &fault, error));
    }
}

/* The value of a field that is a number; 0 if it is not there. */
static uint64_t number_of(struct ps_bytes message, uint32_t wanted) {
    struct ps_proto_reader reader = ps_proto_begin(message);
    struct ps_proto_field field;
    uint64_t value = 0;
    while (ps_proto_next(&reader, &field)) {
        value = field.number == wanted && field.wire == PS_PROTO_VARINT ? field.value : value;
    }
    return value;
}

/* GetProcedureResultResponse.exception: ForeignExceptionMessage{source, generic_exception{class_name, message}} */
static penstock_code procedure_error(struct ps_bytes message, struct penstock_error *error) {
    struct ps_hbase_exception exception = {
        .class_name = PS_BYTES(""), .trace = PS_BYTES(""), .do_not_retry = true};
    struct ps_hbase_fault ignored;
    struct ps_bytes source, generic = PS_BYTES("");
    struct ps_proto_reader reader = ps_proto_begin(message);
    struct ps_proto_field field;
    bool failed = false;
    while (ps_proto_next(&reader, &field)) {
        if (field.number == 5 && field.wire == PS_PROTO_BYTES) {
            failed = true;
            if (!ps_hbase_parse_pair(field.bytes, &source, &generic) ||
                !ps_hbase_parse_pair(generic, &exception.class_name, &exception.trace)) {
                return ps_error_set(error, PENSTOCK_INVALID_DATA,
                                    "HBase's master answers with what cannot be read");
            }
        }
    }
    return failed ? ps_hbase_fault_set(&exception, "its master", &ignored, error) : PENSTOCK_OK;
}

static penstock_code wait_for_procedure(struct ps_hbase *client, uint64_t id, struct penstock_error *error) {
    struct ps_buffer message PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&message, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_proto_add_integer(&message, 1, (int64_t)id);
    for (;;) {
        struct ps_hbase_answer answer PS_SCOPED(ps_hbase_answer_done) = {.frame = {.data = NULL}};
        PS_TRY(call_master(client, "getProcedureResult", &message, &answer, error));
        const uint64_t state = number_of(answer.message, 1);
        if (state == PROCEDURE_FINISHED || state == PROCEDURE_UNKNOWN) {
            return procedure_error(answer.message, error);
        }
        ps_clock_sleep_ms(PROCEDURE_PAUSE_MS);
    }
}

penstock_code ps_hbase_master_procedure(struct ps_hbase *client, const char *method,
                                        const struct ps_buffer *message, struct penstock_error *error) {
    struct ps_hbase_answer answer PS_SCOPED(ps_hbase_answer_done) = {.frame = {.data = NULL}};
    PS_TRY(ps_buffer_status(message, error));
    PS_TRY(call_master(client, method, message, &answer, error));
    const uint64_t id = number_of(answer.message, 1);
    return id == 0 ? PENSTOCK_OK : wait_for_procedure(client, id, error);
}

penstock_code ps_hbase_tables(struct ps_hbase *client, struct ps_arena *arena,
                              struct ps_hbase_table **tables_out, size_t *count_out,
                              struct penstock_error *error) {
    struct ps_hbase_answer answer PS_SCOPED(ps_hbase_answer_done) = {.frame = {.data = NULL}};
    struct ps_buffer message PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&message, PS_HBASE_MESSAGE_SIZE_MAX);
    PS_TRY(call_master(client, "GetTableDescriptors", &message, &answer, error));
    const char *const copy = ps_arena_copy_size(arena, answer.message.data, answer.message.size);
    if (copy == NULL) {
        return ps_error_memory(error, "the tables of HBase");
    }
    return ps_hbase_tables_parse((struct ps_bytes){copy, answer.message.size}, arena, tables_out, count_out,
                                 error);
}

penstock_code ps_hbase_describe(struct ps_hbase *client, const char *table, struct ps_arena *arena,
                                struct ps_hbase_table *table_out, struct penstock_error *error) {
    struct ps_hbase_table *tables = NULL;
    size_t count = 0;
    PS_TRY(ps_hbase_tables(client, arena, &tables, &count, error));
    const char **const names = ps_arena_allocate(arena, count + 1, sizeof *names);
    if (names == NULL) {
        return ps_error_memory(error, "the tables of HBase");
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = tables[i].name;
        if (strcmp(tables[i].name, table) == 0) {
            *table_out = tables[i];
            return PENSTOCK_OK;
        }
    }
    const char *const nearest = ps_nearest(table, names);
    (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "HBase has no table %s", table);
    return nearest == NULL ? ps_error_hint(error, "penstock hbase tables lists those there are")
                           : ps_error_hint(error, "did you mean %s?", nearest);
}

penstock_code ps_hbase_look(struct ps_hbase *client, const char *table, struct ps_arena *arena,
                            struct ps_hbase_table *table_out, bool *is_described_out,
                            struct penstock_error *error) {
    struct ps_hbase_region *regions = NULL;
    struct penstock_error other = {0};
    size_t count = 0;
    const penstock_code code = ps_hbase_describe(client, table, arena, table_out, error);
    *is_described_out = code == PENSTOCK_OK;
    if (code != PENSTOCK_NOT_FOUND) {
        return code;
    }
    if (ps_hbase_regions(client, table, arena, &regions, &count, &other) != PENSTOCK_OK || count == 0) {
        return code;
    }
    ps_error_clear(error);
    return PENSTOCK_OK;
}

static void add_family(struct ps_buffer *schema, const char *name, int64_t versions) {
    struct ps_buffer family PS_SCOPED(ps_buffer_done) = {.data = NULL},
                            attribute PS_SCOPED(ps_buffer_done) = {.data = NULL};
    char text[32];
    ps_buffer_init(&family, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_buffer_init(&attribute, PS_HBASE_MESSAGE_SIZE_MAX);
    snprintf(text, sizeof text, "%lld", (long long)(versions > 0 ? versions : 1));
    ps_proto_add_text(&attribute, 1, "VERSIONS");
    ps_proto_add_text(&attribute, 2, text);
    ps_proto_add_text(&family, 1, name);
    ps_proto_add_message(&family, 2, &attribute);
    ps_proto_add_message(schema, 3, &family);
}

penstock_code ps_hbase_create_table(struct ps_hbase *client, const char *table, const char *const *families,
                                    size_t family_count, int64_t versions, const struct ps_bytes *split_keys,
                                    size_t split_count, struct penstock_error *error) {
    struct ps_buffer message PS_SCOPED(ps_buffer_done) = {.data = NULL},
                             schema PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&message, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_buffer_init(&schema, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_hbase_add_table_name(&schema, 1, table);
    for (size_t i = 0; i < family_count; i++) {
        add_family(&schema, families[i], versions);
    }
    ps_proto_add_message(&message, 1, &schema);
    for (size_t i = 0; i < split_count; i++) {
        ps_proto_add_bytes(&message, 2, split_keys[i].data, split_keys[i].size);
    }
    return ps_hbase_master_procedure(client, "CreateTable", &message, error);
}

static penstock_code change_table(struct ps_hbase *client, const char *method, const char *table,
                                  struct penstock_error *error) {
    struct ps_buffer message PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&message, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_hbase_add_table_name(&message, 1, table);
    return ps_hbase_master_procedure(client, method, &message, error);
}

penstock_code ps_hbase_disable_table(struct ps_hbase *client, const char *table,
                                     struct penstock_error *error) {
    return change_table(client, "DisableTable", table, error);
}

penstock_code ps_hbase_delete_table(struct ps_hbase *client, const char *table,
                                    struct penstock_error *error) {
    return change_table(client, "DeleteTable", table, error);
}
