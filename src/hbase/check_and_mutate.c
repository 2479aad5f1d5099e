/* SPDX-License-Identifier: Apache-2.0
 *
 * check_and_mutate.c - mutations of one row behind a condition: one RegionAction, atomic, never repeated in doubt.
 */
#include "hbase/mutate.h"

#include "hbase/mutate_parts.h"
#include "hbase/region.h"

struct verdict {
    bool is_told, is_processed, has_exception;
    struct ps_hbase_exception exception;
};

static void visit(const struct ps_hbase_multi_result *result, void *context) {
    struct verdict *const verdict = context;
    if (result->has_exception && !verdict->has_exception) {
        verdict->has_exception = true;
        verdict->exception = result->exception;
    }
    if (result->action_index == SIZE_MAX) {
        verdict->is_told = true;
        verdict->is_processed = result->is_processed;
    }
}

static penstock_code read_verdict(const struct ps_hbase_answer *answer, const char *server, bool *is_done_out,
                                  struct ps_hbase_fault *fault, struct penstock_error *error) {
    struct verdict verdict = {.is_told = false};
    if (!ps_hbase_multi_parse(answer->message, visit, &verdict) ||
        (!verdict.is_told && !verdict.has_exception)) {
        *fault = (struct ps_hbase_fault){.is_unsure = true};
        return ps_error_set(error, PENSTOCK_INVALID_DATA,
                            "HBase at %s answers a put with what cannot be read", server);
    }
    if (verdict.has_exception) {
        return ps_hbase_fault_set(&verdict.exception, server, fault, error);
    }
    *is_done_out = verdict.is_processed;
    return PENSTOCK_OK;
}

static penstock_code attempt(struct ps_hbase *client, const char *table, struct ps_bytes row,
                             int64_t attempts, struct ps_hbase_guarded *guarded, bool *is_done_out,
                             struct ps_hbase_fault *fault, struct penstock_error *error) {
    struct ps_hbase_answer answer PS_SCOPED(ps_hbase_answer_done) = {.frame = {.data = NULL}};
    struct ps_hbase_region *region PS_SCOPED(ps_hbase_region_release_scoped) = NULL;
    struct ps_buffer message PS_SCOPED(ps_buffer_done) = {.data = NULL},
                             cells PS_SCOPED(ps_buffer_done) = {.data = NULL};
    struct ps_hbase_ticket ticket = {.connection = NULL};
    PS_TRY(ps_hbase_locate(client, table, row, &region, fault, error));
    ps_hbase_add_guarded(&message, &cells, region->name, guarded);
    PS_TRY(ps_buffer_status(&message, error));
    PS_TRY(ps_buffer_status(&cells, error));
    penstock_code code = ps_hbase_send(client, &region->server, PS_HBASE_CLIENT_SERVICE, "Multi", &message,
                                       &cells, &ticket, fault, error);
    if (code == PENSTOCK_OK) {
        code = ps_hbase_receive(client, &ticket, &answer, fault, error);
    }
    if (code == PENSTOCK_OK) {
        code = read_verdict(&answer, ps_hbase_connection_name(ticket.connection), is_done_out, fault, error);
    }
    if (code != PENSTOCK_OK && fault->cure == PS_HBASE_CURE_RELOCATE) {
        const bool is_unsure = fault->is_unsure;
        PS_TRY(ps_hbase_mislocated(client, region, attempts, fault, error));
        fault->is_unsure = is_unsure;
    }
    return code;
}

penstock_code ps_hbase_check_and_mutate(struct ps_hbase *client, const char *table,
                                        const struct ps_hbase_condition *condition,
                                        const struct ps_hbase_mutation *mutations, size_t count,
                                        bool *is_done_out, struct penstock_error *error) {
    struct ps_hbase_retry retry = ps_hbase_retry_begin(client);
    struct ps_hbase_fault fault = {.cure = PS_HBASE_CURE_NONE};
    struct ps_hbase_guarded guarded = {.condition = condition, .mutations = mutations, .count = count};
    for (size_t i = 0; i < count; i++) {
        PS_TRY(ps_hbase_mutation_check(&mutations[i], error));
        if (!ps_bytes_equal(mutations[i].row, condition->row)) {
            return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT,
                                "a mutation behind a condition is of another row than the condition");
        }
    }
    while (attempt(client, table, condition->row, retry.attempts, &guarded, is_done_out, &fault, error) !=
           PENSTOCK_OK) {
        if (fault.is_unsure) {
            (void)ps_error_context(error, "it is not known whether a guarded put was carried out");
            (void)ps_error_hint(error, "read the row, then decide");
            error->remedy = PENSTOCK_ABORT;
            return error->code;
        }
        PS_TRY(ps_hbase_retry_wait(&retry, &fault, error));
    }
    return PENSTOCK_OK;
}
