/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_ledger.c - the epochs of the sinks of a cluster, and who may move them; see hbase_ledger.h.
 *
 * The cells are stamped by the server: for a put behind a condition it takes care that the new cell is not older than
 * the one that the condition has seen, whatever its clock says.
 */
#include "connect/hbase_ledger.h"

#include <inttypes.h>
#include <yyjson.h>

#include "base/clock.h"
#include "hbase/admin.h"
#include "hbase/get.h"
#include "hbase/mutate.h"

#define FAMILY PS_BYTES(PS_HBASE_LEDGER_FAMILY)
#define EPOCH PS_BYTES("epoch")
#define POSITIONS PS_BYTES("positions")
#define STATE_SIZE_MAX ((size_t)64 << 10)
/* Times that somebody else may come first while the row is claimed. */
#define CLAIM_COUNT_MAX 10

/* '/' stands between project and sink only. */
static void add_name(struct ps_buffer *row, const char *name) {
    for (const char *at = name != NULL ? name : ""; *at != '\0'; at++) {
        ps_buffer_add(row, *at == '/' ? "%2F" : *at == '%' ? "%25" : at, *at == '/' || *at == '%' ? 3 : 1);
    }
}

penstock_code ps_hbase_ledger_init(struct ps_hbase_ledger *ledger, struct penstock_error *error) {
    ps_buffer_init(&ledger->row, PS_HBASE_ROW_SIZE_MAX);
    ps_buffer_init(&ledger->known, STATE_SIZE_MAX);
    add_name(&ledger->row, ledger->setup->project);
    ps_buffer_text(&ledger->row, "/");
    add_name(&ledger->row, ledger->setup->name);
    return ps_buffer_status(&ledger->row, error);
}

void ps_hbase_ledger_done(struct ps_hbase_ledger *ledger) {
    ps_buffer_done(&ledger->row);
    ps_buffer_done(&ledger->known);
}

static struct ps_bytes row_of(const struct ps_hbase_ledger *ledger) {
    return (struct ps_bytes){ledger->row.data, ledger->row.size};
}

static bool holds(const struct ps_buffer *buffer, struct ps_bytes bytes) {
    return buffer->size == bytes.size &&
           (bytes.size == 0 || memcmp(buffer->data, bytes.data, bytes.size) == 0);
}

static penstock_code keep(struct ps_buffer *known, struct ps_bytes bytes, struct penstock_error *error) {
    ps_buffer_clear(known);
    ps_buffer_add(known, bytes.data, bytes.size);
    return ps_buffer_status(known, error);
}

/* --- the table ---------------------------------------------------------------------------------------------- */

static penstock_code no_ledger(const struct ps_hbase_ledger *ledger, const char *fault,
                               struct penstock_error *error) {
    (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "%s: %s %s for its epochs", ledger->what, fault,
                       ledger->table);
    return ps_error_hint(error, "say ledger.create = 'true', or make it in HBase's shell: create '%s', '%s'",
                         ledger->table, PS_HBASE_LEDGER_FAMILY);
}

penstock_code ps_hbase_ledger_open(struct ps_hbase_ledger *ledger, bool may_create, struct ps_arena *arena,
                                   struct penstock_error *error) {
    static const char *const families[] = {PS_HBASE_LEDGER_FAMILY};
    struct ps_hbase_table table = {.name = NULL};
    bool is_described = false;
    penstock_code code = ps_hbase_look(ledger->client, ledger->table, arena, &table, &is_described, error);
    if (code == PENSTOCK_NOT_FOUND && may_create) {
        code = ps_hbase_create_table(ledger->client, ledger->table, families, 1, 1, NULL, 0, error);
        /* two sinks at once: the slower one finds it there */
        return code == PENSTOCK_OK || code == PENSTOCK_ALREADY_EXISTS
                   ? PENSTOCK_OK
                   : ps_error_context(error, "%s: make table %s for its epochs", ledger->what, ledger->table);
    }
    if (code == PENSTOCK_NOT_FOUND) {
        return no_ledger(ledger, "HBase has no table", error);
    }
    if (code != PENSTOCK_OK) {
        return ps_error_context(error, "%s", ledger->what);
    }
    bool has_family = !is_described; /* a put will tell */
    for (size_t i = 0; i < table.family_count; i++) {
        has_family = has_family || ps_bytes_equal(table.families[i].name, FAMILY);
    }
    return has_family
               ? PENSTOCK_OK
               : no_ledger(ledger, "there is no column family " PS_HBASE_LEDGER_FAMILY " in table", error);
}

/* --- the row ------------------------------------------------------------------------------------------------ */

static penstock_code damaged(const struct ps_hbase_ledger *ledger, struct ps_bytes state,
                             struct penstock_error *error) {
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "%s: row %s of table %s is not what a sink wrote",
                       ledger->what, ledger->row.data, ledger->table);
    (void)ps_error_detail(error, "p:epoch is %.*s", (int)(state.size < 200 ? state.size : 200), state.data);
    return ps_error_hint(error, "nobody but penstock may write to that table");
}

static penstock_code parse_state(const struct ps_hbase_ledger *ledger, struct ps_bytes state,
                                 struct ps_hbase_entry *entry_out, struct penstock_error *error) {
    yyjson_doc *document = yyjson_read(state.data, state.size, 0);
    yyjson_val *root = yyjson_doc_get_root(document);
    const char *store_id = yyjson_get_str(yyjson_obj_get(root, "store_id"));
    yyjson_val *epoch = yyjson_obj_get(root, "epoch"), *attempt = yyjson_obj_get(root, "attempt");
    const bool is_right = store_id != NULL && yyjson_is_int(epoch) && yyjson_is_int(attempt) &&
                          yyjson_get_sint(epoch) >= 0 && yyjson_get_sint(attempt) >= 0;
    if (is_right) {
        *entry_out = (struct ps_hbase_entry){.is_there = true,
                                             .is_other_store = strcmp(store_id, ledger->setup->store_id) != 0,
                                             .epoch = yyjson_get_sint(epoch),
                                             .attempt = yyjson_get_sint(attempt)};
    }
    yyjson_doc_free(document);
    return is_right ? PENSTOCK_OK : damaged(ledger, state, error);
}

/* *state_out and *positions_out (may be NULL) are in the arena; empty if the row is not there. */
static penstock_code read_row(struct ps_hbase_ledger *ledger, struct ps_arena *arena,
                              struct ps_hbase_entry *entry_out, struct ps_bytes *state_out,
                              struct ps_bytes *positions_out, struct penstock_error *error) {
    const struct ps_hbase_column columns[] = {{.family = FAMILY, .qualifier = EPOCH},
                                              {.family = FAMILY, .qualifier = POSITIONS}};
    const struct ps_hbase_get_options options = {
        .table = ledger->table, .row = row_of(ledger), .columns = columns, .column_count = 2};
    struct ps_hbase_row row = {.cell_count = 0};
    struct ps_bytes state = PS_BYTES(""), positions = PS_BYTES("");
    if (ps_hbase_get(ledger->client, &options, arena, &row, error) != PENSTOCK_OK) {
        return ps_error_context(error, "%s: read its epoch in table %s", ledger->what, ledger->table);
    }
    for (size_t i = 0; i < row.cell_count; i++) {
        const struct ps_hbase_cell *const cell = &row.cells[i];
        *(ps_bytes_equal(cell->qualifier, EPOCH) ? &state : &positions) = cell->value;
    }
    *entry_out = (struct ps_hbase_entry){.is_there = false};
    if (state.size > 0) {
        PS_TRY(parse_state(ledger, state, entry_out, error));
    }
    *state_out = state;
    if (positions_out != NULL) {
        *positions_out = positions;
    }
    return PENSTOCK_OK;
}

static void write_state(const struct ps_hbase_ledger *ledger, struct ps_epoch epoch, uint64_t claim,
                        struct ps_buffer *out) {
    ps_buffer_text(out, "{\"store_id\":");
    ps_buffer_json(out, ledger->setup->store_id, strlen(ledger->setup->store_id));
    ps_buffer_printf(out, ",\"epoch\":%" PRId64 ",\"attempt\":%" PRId64 ",\"claim\":\"%016" PRIx64 "\"}",
                     epoch.number, epoch.attempt, claim);
}

/* The number of the claim in a state, which a move leaves as it is. */
static uint64_t claim_of(const struct ps_buffer *state) {
    yyjson_doc *document = yyjson_read(state->data, state->size, 0);
    const char *text = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(document), "claim"));
    const uint64_t claim = text != NULL ? strtoull(text, NULL, 16) : 0;
    yyjson_doc_free(document);
    return claim;
}

/* One try: from what is known to the new state. positions NULL: they stay. */
static penstock_code replace(struct ps_hbase_ledger *ledger, const struct ps_buffer *state,
                             const struct ps_bytes *positions, bool *is_done_out,
                             struct penstock_error *error) {
    const struct ps_hbase_condition condition = {.row = row_of(ledger),
                                                 .family = FAMILY,
                                                 .qualifier = EPOCH,
                                                 .compare = PS_HBASE_EQUAL,
                                                 .value = {ledger->known.data, ledger->known.size}};
    const struct ps_hbase_cell cells[] = {{.family = FAMILY,
                                           .qualifier = EPOCH,
                                           .value = {state->data, state->size},
                                           .timestamp = PS_HBASE_LATEST,
                                           .type = PS_HBASE_CELL_PUT},
                                          {.family = FAMILY,
                                           .qualifier = POSITIONS,
                                           .value = positions != NULL ? *positions : PS_BYTES(""),
                                           .timestamp = PS_HBASE_LATEST,
                                           .type = PS_HBASE_CELL_PUT}};
    const struct ps_hbase_mutation mutation = {.row = row_of(ledger),
                                               .cells = cells,
                                               .cell_count = positions != NULL ? 2 : 1,
                                               .durability = PS_HBASE_SYNC_WAL};
    *is_done_out = false;
    return ps_hbase_check_and_mutate(ledger->client, ledger->table, &condition, &mutation, 1, is_done_out,
                                     error);
}

/* --- who may move it ---------------------------------------------------------------------------------------- */

static penstock_code fenced(const struct ps_hbase_ledger *ledger, int64_t attempt, int64_t newer,
                            struct penstock_error *error) {
    return ps_error_set(error, PENSTOCK_FENCED,
                        "%s: attempt %" PRId64 " is over: attempt %" PRId64 " writes now", ledger->what,
                        attempt, newer);
}

static penstock_code other_store(const struct ps_hbase_ledger *ledger, struct ps_bytes state,
                                 struct penstock_error *error) {
    (void)ps_error_set(
        error, PENSTOCK_INVALID_DATA,
        "%s: table %s has epochs of sink %s of project %s that another store wrote, for table %s",
        ledger->what, ledger->table, ledger->setup->name, ledger->setup->project, ledger->target);
    (void)ps_error_detail(error, "the row says %.*s, this store is %s",
                          (int)(state.size < 200 ? state.size : 200), state.data, ledger->setup->store_id);
    return ps_error_hint(error, "give the sink another name, or remove what the other store wrote and say"
                                " on_other_store = 'replace'");
}

/* The row is not as this sink left it. */
static penstock_code not_ours(const struct ps_hbase_ledger *ledger, const struct ps_hbase_entry *entry,
                              int64_t attempt, struct penstock_error *error) {
    if (entry->is_there && !entry->is_other_store && entry->attempt > attempt) {
        return fenced(ledger, attempt, entry->attempt, error);
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "%s: its row %s in table %s was %s while it ran",
                       ledger->what, ledger->row.data, ledger->table,
                       !entry->is_there        ? "deleted"
                       : entry->is_other_store ? "changed by another store"
                                               : "moved by somebody else");
    return ps_error_hint(error, "nobody but penstock may write to that table, and a project runs once");
}

/* From what is known to `state`, until it is known to be done. */
static penstock_code settle(struct ps_hbase_ledger *ledger, const struct ps_buffer *state,
                            const struct ps_bytes *positions, bool *is_done_out,
                            struct ps_hbase_entry *entry_out, struct penstock_error *error) {
    struct ps_sink_patience patience = ps_sink_patience_of(ledger->patience_ms);
    for (;;) {
        struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
        struct ps_bytes there;
        if (arena == NULL) {
            return ps_error_memory(error, "a row of HBase");
        }
        penstock_code code = replace(ledger, state, positions, is_done_out, error);
        const bool is_unsure = code != PENSTOCK_OK && (error == NULL || error->remedy == PENSTOCK_ABORT);
        if (code == PENSTOCK_OK && *is_done_out) {
            return keep(&ledger->known, (struct ps_bytes){state->data, state->size}, error);
        }
        if (code != PENSTOCK_OK && !is_unsure) {
            return ps_error_context(error, "%s: write its epoch to table %s", ledger->what, ledger->table);
        }
        PS_TRY(read_row(ledger, arena, entry_out, &there, NULL, error));
        if (holds(state, there)) { /* a request whose answer was lost */
            *is_done_out = true;
            ps_error_clear(error);
            return keep(&ledger->known, there, error);
        }
        if (!holds(&ledger->known, there)) {
            return PENSTOCK_OK; /* somebody else was there: *is_done_out is false */
        }
        if (!ps_sink_patience_wait(&patience)) {
            (void)ps_error_set(error, PENSTOCK_UNAVAILABLE,
                               "%s: HBase does not say whether it wrote the epoch to table %s", ledger->what,
                               ledger->table);
            if (error != NULL) {
                error->remedy = PENSTOCK_RETRY; /* the next recover() finds it out */
            }
            return PENSTOCK_UNAVAILABLE;
        }
    }
}

static penstock_code judge_claim(const struct ps_hbase_ledger *ledger, int64_t attempt, struct ps_bytes state,
                                 struct ps_hbase_entry *entry, struct penstock_error *error) {
    if (entry->is_other_store && !ledger->replaces_other) {
        return other_store(ledger, state, error);
    }
    if (entry->is_other_store) {
        *entry = (struct ps_hbase_entry){.is_there = true};
    }
    return entry->attempt > attempt ? fenced(ledger, attempt, entry->attempt, error) : PENSTOCK_OK;
}

/* One try. *is_done_out false: somebody else came first. */
static penstock_code claim_once(struct ps_hbase_ledger *ledger, int64_t attempt, bool *is_done_out,
                                struct ps_hbase_entry *entry_out, struct ps_position_list *positions_out,
                                struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_buffer state PS_SCOPED(ps_buffer_done) = {.data = NULL};
    struct ps_hbase_entry entry, now;
    struct ps_bytes there, positions;
    const struct ps_bytes none = PS_BYTES("");
    ps_buffer_init(&state, STATE_SIZE_MAX);
    if (arena == NULL) {
        return ps_error_memory(error, "a row of HBase");
    }
    PS_TRY(read_row(ledger, arena, &entry, &there, &positions, error));
    PS_TRY(judge_claim(ledger, attempt, there, &entry, error));
    PS_TRY(keep(&ledger->known, there, error));
    const int64_t chance[] = {ps_clock_monotonic_ns(), ps_clock_wall_ms(), (int64_t)(uintptr_t)ledger};
    write_state(ledger, (struct ps_epoch){entry.epoch, attempt}, ps_hash(chance, sizeof chance, 0), &state);
    PS_TRY(ps_buffer_status(&state, error));
    PS_TRY(settle(ledger, &state, entry.epoch == 0 ? &none : NULL, is_done_out, &now, error));
    if (!*is_done_out) {
        return PENSTOCK_OK;
    }
    PS_TRY(read_row(ledger, arena, &now, &there, NULL, error));
    if (!holds(&ledger->known, there)) {
        return not_ours(ledger, &now, attempt, error);
    }
    *entry_out = entry;
    return entry.epoch > 0 && positions.size > 0
               ? ps_sink_positions_read(positions.data, positions.size, positions_out, error)
               : PENSTOCK_OK;
}

penstock_code ps_hbase_ledger_claim(struct ps_hbase_ledger *ledger, int64_t attempt,
                                    struct ps_hbase_entry *entry_out, struct ps_position_list *positions_out,
                                    struct penstock_error *error) {
    bool is_done = false;
    for (int i = 0; i < CLAIM_COUNT_MAX; i++) {
        PS_TRY(claim_once(ledger, attempt, &is_done, entry_out, positions_out, error));
        if (is_done) {
            return PENSTOCK_OK;
        }
    }
    return ps_error_set(error, PENSTOCK_BUSY, "%s: others keep changing its row %s in table %s", ledger->what,
                        ledger->row.data, ledger->table);
}

penstock_code ps_hbase_ledger_check(struct ps_hbase_ledger *ledger, int64_t attempt,
                                    struct ps_hbase_entry *entry_out, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_bytes there;
    if (arena == NULL) {
        return ps_error_memory(error, "a row of HBase");
    }
    PS_TRY(read_row(ledger, arena, entry_out, &there, NULL, error));
    return holds(&ledger->known, there) ? PENSTOCK_OK : not_ours(ledger, entry_out, attempt, error);
}

penstock_code ps_hbase_ledger_move(struct ps_hbase_ledger *ledger, struct ps_epoch epoch,
                                   const struct ps_position_list *positions, struct penstock_error *error) {
    struct ps_buffer state PS_SCOPED(ps_buffer_done) = {.data = NULL},
                           json PS_SCOPED(ps_buffer_done) = {.data = NULL};
    struct ps_hbase_entry entry;
    bool is_done = false;
    ps_buffer_init(&state, STATE_SIZE_MAX);
    ps_buffer_init(&json, PS_LIMIT_SINK_POSITIONS_SIZE);
    ps_sink_positions_write(positions, &json);
    const struct ps_bytes text = json.failed ? PS_BYTES("") : (struct ps_bytes){json.data, json.size};
    write_state(ledger, epoch, claim_of(&ledger->known), &state);
    PS_TRY(ps_buffer_status(&state, error));
    PS_TRY(settle(ledger, &state, &text, &is_done, &entry, error));
    return is_done ? PENSTOCK_OK : not_ours(ledger, &entry, epoch.attempt, error);
}
