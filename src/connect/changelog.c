/* SPDX-License-Identifier: Apache-2.0
 *
 * changelog.c - records that change a table.
 *
 * UPSERT: the value is the row, no value is a delete, the record's key is the row's key (of a codec whose values have
 * the key in them: the value is all there is). DEBEZIUM: the value is an
 * envelope {before, after, op}, which the source's codec decodes into four columns; before and after are JSON text
 * then, whatever the codec, and become columns by the JSON codec. Keys and envelopes are decoded into batches of
 * one row that share the arena of the real one, so that every text lives as long as the row it ends up in.
 */
#include "connect/changelog.h"

#include "base/check.h"
#include "data/value.h"

struct ps_changelog {
    const struct ps_source_setup *setup;
    const struct ps_decoding *decoding;
    bool is_debezium;
    struct ps_batch *batch; /* where rows go; borrowed */
    struct ps_batch *key, *envelope;
    struct ps_decoder *value_decoder;    /* the codec's: into the batch, or into the envelope */
    struct ps_decoder *key_decoder;      /* the codec's, of keys with a schema id; or NULL */
    struct ps_decoder *json_key_decoder; /* of keys that are JSON objects */
    struct ps_decoder *json_row_decoder, *json_envelope_decoder; /* of DEBEZIUM */
};

/* --- open and close --------------------------------------------------------------------------------------------- */

static void free_scratch(struct ps_batch *scratch) {
    if (scratch != NULL) {
        scratch->arena = NULL; /* the real batch's */
        ps_batch_free(scratch);
    }
}

/* A batch of one row that takes its texts from the real one's arena. */
static penstock_code new_scratch(const struct ps_changelog *changelog, const struct ps_schema *schema,
                                 struct ps_batch **scratch_out, struct penstock_error *error) {
    PS_TRY(ps_batch_new(schema, 1, scratch_out, error));
    ps_arena_free((*scratch_out)->arena);
    (*scratch_out)->arena = changelog->batch->arena;
    return PENSTOCK_OK;
}

static void reset_scratch(struct ps_batch *scratch) {
    scratch->row_count = scratch->record_count = 0;
    scratch->dead_letter_count = 0;
}

void ps_changelog_close(struct ps_changelog *changelog) {
    if (changelog == NULL) {
        return;
    }
    ps_decoder_close(changelog->value_decoder);
    ps_decoder_close(changelog->key_decoder);
    ps_decoder_close(changelog->json_key_decoder);
    ps_decoder_close(changelog->json_row_decoder);
    ps_decoder_close(changelog->json_envelope_decoder);
    free_scratch(changelog->key);
    free_scratch(changelog->envelope);
    ps_release(changelog);
}

void ps_changelog_close_scoped(struct ps_changelog **changelog) {
    ps_changelog_close(*changelog);
}

static penstock_code open_decoders(struct ps_changelog *changelog, struct penstock_error *error) {
    const struct ps_decoding *decoding = changelog->decoding;
    const struct ps_codec_type *json = ps_codec_find("json");
    const struct ps_bytes none = PS_BYTES("");
    /* of JSON the source's own config is that of rows */
    const void *config = decoding->value_config != NULL                      ? decoding->value_config
                         : changelog->is_debezium && decoding->codec == json ? decoding->json_config
                                                                             : changelog->setup->codec_config;
    const void *row_config = decoding->codec == json ? changelog->setup->codec_config : decoding->json_config;
    PS_TRY(ps_decoder_open(decoding->codec, config, &decoding->value_schema, none, &changelog->value_decoder,
                           error));
    PS_TRY(ps_decoder_open(json, decoding->json_config, &decoding->key_schema, none,
                           &changelog->json_key_decoder, error));
    if (decoding->has_registry) {
        PS_TRY(ps_decoder_open(decoding->codec, decoding->key_config, &decoding->key_schema, none,
                               &changelog->key_decoder, error));
    }
    if (!changelog->is_debezium) {
        return PENSTOCK_OK;
    }
    PS_TRY(new_scratch(changelog, &decoding->value_schema, &changelog->envelope, error));
    PS_TRY(
        ps_decoder_open(json, row_config, &decoding->row_schema, none, &changelog->json_row_decoder, error));
    return ps_decoder_open(json, decoding->json_config, &decoding->value_schema, none,
                           &changelog->json_envelope_decoder, error);
}

penstock_code ps_changelog_open(const struct ps_source_setup *setup, struct ps_batch *batch,
                                struct ps_changelog **changelog_out, struct penstock_error *error) {
    ps_check(setup->decoding != NULL && setup->decoding->key_schema.column_count > 0);
    struct ps_changelog *changelog PS_SCOPED(ps_changelog_close_scoped) = ps_allocate(1, sizeof *changelog);
    if (changelog == NULL) {
        return ps_error_memory(error, "a changelog");
    }
    changelog->setup = setup;
    changelog->decoding = setup->decoding;
    changelog->is_debezium = setup->statement->format == PS_FORMAT_DEBEZIUM;
    changelog->batch = batch;
    PS_TRY(ps_batch_use_operations(batch, error));
    PS_TRY(new_scratch(changelog, &setup->decoding->key_schema, &changelog->key, error));
    PS_TRY(open_decoders(changelog, error));
    *changelog_out = ps_take(changelog);
    return PENSTOCK_OK;
}

/* --- values of columns ------------------------------------------------------------------------------------------ */

static bool is_valid(const struct ps_batch *batch, size_t column, int64_t row) {
    return batch->columns[column].is_valid == NULL || batch->columns[column].is_valid[row] != 0;
}

static const char *value_at(const struct ps_batch *batch, size_t column, int64_t row) {
    return (const char *)batch->columns[column].values +
           (size_t)row * ps_type_size(batch->columns[column].type);
}

static bool is_same_value(enum ps_type type, const char *left, const char *right) {
    if (type == PS_TYPE_CAST) {
        return true; /* one value has many texts (1.0, 1.00): only SQL could tell */
    }
    if (type != PS_TYPE_VARCHAR && type != PS_TYPE_BLOB) {
        return memcmp(left, right, ps_type_size(type)) == 0;
    }
    struct ps_bytes texts[2];
    memcpy(&texts[0], left, sizeof texts[0]);
    memcpy(&texts[1], right, sizeof texts[1]);
    return ps_bytes_equal(texts[0], texts[1]);
}

/* The key batch's value `index` goes to the row at `row`. */
static void copy_key(const struct ps_changelog *changelog, size_t index, int64_t row) {
    const size_t column = changelog->decoding->key_columns[index];
    struct ps_column *to = &changelog->batch->columns[column];
    const size_t size = ps_type_size(to->type);
    memcpy((char *)to->values + (size_t)row * size, value_at(changelog->key, index, 0), size);
    if (to->is_valid != NULL) {
        to->is_valid[row] = 1;
    }
}

static const char *key_name(const struct ps_changelog *changelog, size_t index) {
    return changelog->decoding->key_schema.columns[index].name;
}

static penstock_code refuse_key(const struct ps_changelog *changelog, struct ps_record record,
                                const char *column, struct penstock_error *error, const char *text) {
    return ps_batch_add_dead_letter(changelog->batch, record, PS_REASON_KEY, column, error, "%s", text);
}

/* The dead letter of a scratch batch, for the record as it came. */
static penstock_code adopt(const struct ps_changelog *changelog, const struct ps_batch *scratch,
                           struct ps_record record, bool is_key, struct penstock_error *error) {
    const struct ps_dead_letter *letter = &scratch->dead_letters[0];
    return ps_batch_add_dead_letter(changelog->batch, record, is_key ? PS_REASON_KEY : letter->reason,
                                    letter->column, error, "%s%s", is_key ? "the record's key: " : "",
                                    letter->text);
}

/* --- keys ------------------------------------------------------------------------------------------------------- */

/* A key that is one value: the text of the only column. A JSON text in quotes stands for what it quotes. */
static penstock_code decode_text_key(struct ps_changelog *changelog, struct ps_record record,
                                     struct ps_bytes text, bool *is_dead_out, struct penstock_error *error) {
    const struct ps_column_schema *column = &changelog->decoding->key_schema.columns[0];
    const struct ps_record inside = {.raw = text, .offset = record.offset, .message = record.message};
    if (column->type != PS_TYPE_BLOB && !ps_bytes_is_utf8(text, NULL)) {
        *is_dead_out = true;
        return refuse_key(changelog, record, column->name, error, "the record's key is not UTF-8");
    }
    if (text.size >= 2 && text.data[0] == '"' && text.data[text.size - 1] == '"' &&
        memchr(text.data, '\\', text.size) == NULL && memchr(text.data + 1, '"', text.size - 2) == NULL) {
        text.data++;
        text.size -= 2;
    }
    PS_TRY(ps_batch_begin_row(changelog->key, error));
    const enum ps_value_result result =
        ps_value_of_text(column->type, text, changelog->key->columns[0].values, 0);
    if (result != PS_VALUE_OK) {
        *is_dead_out = true;
        PS_TRY(ps_value_refuse(changelog->key, inside, 0, result, "the text", text, error));
        return adopt(changelog, changelog->key, record, true, error);
    }
    ps_batch_end_row(changelog->key, inside);
    return PENSTOCK_OK;
}

/* {"schema": ..., "payload": {...}}: what is in it. Only Debezium's converters write keys so. */
static penstock_code unwrap_key(struct ps_changelog *changelog, struct ps_record inside,
                                struct ps_bytes *text, struct penstock_error *error) {
    struct ps_batch *envelope = changelog->envelope;
    if (!changelog->is_debezium) {
        return PENSTOCK_OK;
    }
    reset_scratch(envelope);
    PS_TRY(ps_decoder_decode(changelog->json_envelope_decoder, envelope, inside, error));
    if (envelope->row_count == 1 && is_valid(envelope, PS_ENVELOPE_PAYLOAD, 0)) {
        memcpy(text, value_at(envelope, PS_ENVELOPE_PAYLOAD, 0), sizeof *text);
    }
    return PENSTOCK_OK;
}

/* Fills the key batch from the message's key; the columns it does not name are NULL. */
static penstock_code decode_key(struct ps_changelog *changelog, struct ps_record record, bool *is_dead_out,
                                struct penstock_error *error) {
    struct ps_bytes text = record.message->key;
    struct ps_record inside = {.raw = text, .offset = record.offset, .message = record.message};
    reset_scratch(changelog->key);
    if (text.data == NULL) {
        *is_dead_out = true;
        return refuse_key(changelog, record, NULL, error,
                          "the record has no key, which says in a changelog which row it is about");
    }
    size_t first = 0;
    while (first < text.size && strchr(" \t\r\n", text.data[first]) != NULL && text.data[first] != '\0') {
        first++;
    }
    const bool is_object = first < text.size && text.data[first] == '{';
    if (changelog->key_decoder != NULL && ps_schemas_has_header(text)) {
        PS_TRY(ps_decoder_decode(changelog->key_decoder, changelog->key, inside, error));
    } else if (is_object) {
        PS_TRY(unwrap_key(changelog, inside, &text, error));
        inside.raw = text;
        PS_TRY(ps_decoder_decode(changelog->json_key_decoder, changelog->key, inside, error));
    } else if (changelog->decoding->key_schema.column_count == 1) {
        return decode_text_key(changelog, record, text, is_dead_out, error);
    } else {
        *is_dead_out = true;
        return refuse_key(
            changelog, record, NULL, error,
            "the record's key is one value, but the primary key has several columns; expected a JSON "
            "object");
    }
    if (changelog->key->dead_letter_count > 0) {
        *is_dead_out = true;
        return adopt(changelog, changelog->key, record, true, error);
    }
    return PENSTOCK_OK;
}

static size_t count_key_values(const struct ps_changelog *changelog) {
    size_t count = 0;
    for (size_t i = 0; i < changelog->decoding->key_schema.column_count; i++) {
        count += is_valid(changelog->key, i, 0) ? 1 : 0;
    }
    return count;
}

/* A row that is gone: the key batch's values, every other column NULL. */
static penstock_code add_delete(struct ps_changelog *changelog, struct ps_record record,
                                struct penstock_error *error) {
    struct ps_batch *batch = changelog->batch;
    const size_t key_count = changelog->decoding->key_schema.column_count;
    for (size_t i = 0; i < key_count; i++) {
        if (!is_valid(changelog->key, i, 0)) {
            return refuse_key(changelog, record, key_name(changelog, i), error,
                              "the record deletes a row but does not have all columns of its key");
        }
    }
    PS_TRY(ps_batch_begin_row(batch, error));
    for (size_t i = 0; i < changelog->decoding->row_schema.column_count; i++) {
        ps_batch_set_null(batch, i);
    }
    for (size_t i = 0; i < key_count; i++) {
        copy_key(changelog, i, batch->row_count);
    }
    batch->operations[batch->row_count] = PS_OPERATION_DELETE;
    ps_batch_end_row(batch, record);
    return PENSTOCK_OK;
}

/* --- UPSERT ----------------------------------------------------------------------------------------------------- */

/* The last row and the record's key, made one. */
static penstock_code merge_key(struct ps_changelog *changelog, struct ps_record record,
                               struct penstock_error *error) {
    struct ps_batch *batch = changelog->batch;
    const int64_t row = batch->row_count - 1;
    for (size_t i = 0; i < changelog->decoding->key_schema.column_count; i++) {
        const size_t column = changelog->decoding->key_columns[i];
        const bool has_key = is_valid(changelog->key, i, 0);
        const char *text = NULL;
        if (!is_valid(batch, column, row)) {
            text =
                has_key ? NULL : "neither the record's value nor its key has this column of the primary key";
        } else if (has_key && !is_same_value(batch->columns[column].type, value_at(batch, column, row),
                                             value_at(changelog->key, i, 0))) {
            text = "the record's value and its key disagree on this column of the primary key";
        }
        if (text != NULL) {
            ps_batch_take_back_row(batch);
            return refuse_key(changelog, record, key_name(changelog, i), error, text);
        }
        if (has_key) {
            copy_key(changelog, i, row);
        }
    }
    return PENSTOCK_OK;
}

/* The value is the row with its key. */
static penstock_code decode_keyed(struct ps_changelog *changelog, struct ps_record record,
                                  struct penstock_error *error) {
    struct ps_batch *batch = changelog->batch;
    const int64_t before = batch->row_count;
    PS_TRY(ps_decoder_decode(changelog->value_decoder, batch, record, error));
    for (size_t i = 0; batch->row_count > before && i < changelog->decoding->key_schema.column_count; i++) {
        if (!is_valid(batch, changelog->decoding->key_columns[i], before)) {
            ps_batch_take_back_row(batch);
            return refuse_key(changelog, record, key_name(changelog, i), error,
                              "the record's key does not have this column of the primary key");
        }
    }
    return PENSTOCK_OK;
}

static penstock_code decode_upsert(struct ps_changelog *changelog, struct ps_record record,
                                   struct penstock_error *error) {
    struct ps_batch *batch = changelog->batch;
    bool is_dead = false;
    if (changelog->decoding->codec->has_key) {
        return decode_keyed(changelog, record, error);
    }
    PS_TRY(decode_key(changelog, record, &is_dead, error));
    if (is_dead) {
        return PENSTOCK_OK;
    }
    if (count_key_values(changelog) == 0) {
        return refuse_key(changelog, record, key_name(changelog, 0), error,
                          "the record's key has no column of the primary key");
    }
    if (record.message->value.data == NULL) {
        return add_delete(changelog, record, error);
    }
    const int64_t before = batch->row_count;
    PS_TRY(ps_decoder_decode(changelog->value_decoder, batch, record, error));
    return batch->row_count > before ? merge_key(changelog, record, error) : PENSTOCK_OK;
}

/* --- DEBEZIUM --------------------------------------------------------------------------------------------------- */

static bool envelope_text(const struct ps_changelog *changelog, enum ps_envelope_column column,
                          struct ps_bytes *text_out) {
    const bool has_value = is_valid(changelog->envelope, column, 0);
    *text_out = (struct ps_bytes){NULL, 0};
    if (has_value) {
        memcpy(text_out, value_at(changelog->envelope, column, 0), sizeof *text_out);
    }
    return has_value;
}

/* Fills the envelope batch. *is_done_out: the record is a dead letter or says nothing. */
static penstock_code decode_envelope(struct ps_changelog *changelog, struct ps_record record,
                                     bool *is_done_out, struct penstock_error *error) {
    struct ps_batch *envelope = changelog->envelope;
    struct ps_bytes operation, payload;
    reset_scratch(envelope);
    PS_TRY(ps_decoder_decode(changelog->value_decoder, envelope, record, error));
    if (envelope->row_count == 1 && !envelope_text(changelog, PS_ENVELOPE_OPERATION, &operation) &&
        envelope_text(changelog, PS_ENVELOPE_PAYLOAD, &payload)) {
        const struct ps_record inside = {.raw = payload, .offset = record.offset, .message = record.message};
        reset_scratch(envelope);
        PS_TRY(ps_decoder_decode(changelog->json_envelope_decoder, envelope, inside, error));
    }
    *is_done_out = true;
    if (envelope->dead_letter_count > 0) {
        return adopt(changelog, envelope, record, false, error);
    }
    if (!envelope_text(changelog, PS_ENVELOPE_OPERATION, &operation)) {
        return ps_batch_add_dead_letter(changelog->batch, record, PS_REASON_SYNTAX, NULL, error,
                                        "not a change event of Debezium: it has no op; flattened events are "
                                        "FORMAT UPSERT");
    }
    if (operation.size == 1 && operation.data[0] == 'm') { /* a message of the database's log, about no row */
        ps_batch_skip_record(changelog->batch);
        return PENSTOCK_OK;
    }
    if (operation.size == 1 && operation.data[0] == 't') {
        return ps_batch_add_dead_letter(
            changelog->batch, record, PS_REASON_TYPE, NULL, error,
            "the table was truncated (op t), which cannot be followed row by row");
    }
    if (operation.size != 1 || strchr("crud", operation.data[0]) == NULL) {
        return ps_batch_add_dead_letter(changelog->batch, record, PS_REASON_SYNTAX, NULL, error,
                                        "found op '%.*s', expected c, r, u or d",
                                        (int)(operation.size < 40 ? operation.size : 40), operation.data);
    }
    *is_done_out = false;
    return PENSTOCK_OK;
}

/* The key batch from `before`. False in *has_key_out: it is not there or lacks columns of the key. */
static penstock_code decode_before(struct ps_changelog *changelog, struct ps_record record, bool *has_key_out,
                                   struct penstock_error *error) {
    struct ps_bytes before;
    *has_key_out = false;
    if (!envelope_text(changelog, PS_ENVELOPE_BEFORE, &before)) {
        return PENSTOCK_OK;
    }
    const struct ps_record inside = {.raw = before, .offset = record.offset, .message = record.message};
    reset_scratch(changelog->key);
    PS_TRY(ps_decoder_decode(changelog->json_key_decoder, changelog->key, inside, error));
    *has_key_out = changelog->key->row_count == 1 &&
                   count_key_values(changelog) == changelog->decoding->key_schema.column_count;
    return PENSTOCK_OK;
}

static penstock_code decode_delete(struct ps_changelog *changelog, struct ps_record record,
                                   struct penstock_error *error) {
    bool has_key = false, is_dead = false;
    PS_TRY(decode_before(changelog, record, &has_key, error));
    if (!has_key && record.message != NULL) {
        PS_TRY(decode_key(changelog, record, &is_dead, error));
    }
    return is_dead ? PENSTOCK_OK : add_delete(changelog, record, error);
}

/* Does the last row have another key than the key batch? */
static bool is_key_changed(const struct ps_changelog *changelog) {
    const struct ps_batch *batch = changelog->batch;
    for (size_t i = 0; i < changelog->decoding->key_schema.column_count; i++) {
        const size_t column = changelog->decoding->key_columns[i];
        const char *left = value_at(batch, column, batch->row_count - 1),
                   *right = value_at(changelog->key, i, 0);
        if (batch->columns[column].type ==
            PS_TYPE_CAST) { /* both come from one writer: its texts can be compared */
            struct ps_bytes texts[2];
            memcpy(&texts[0], left, sizeof texts[0]);
            memcpy(&texts[1], right, sizeof texts[1]);
            if (!ps_bytes_equal(texts[0], texts[1])) {
                return true;
            }
        } else if (!is_same_value(batch->columns[column].type, left, right)) {
            return true;
        }
    }
    return false;
}

/* The row that `after` says, with the record as it came behind it. */
static penstock_code decode_after(struct ps_changelog *changelog, struct ps_record record,
                                  struct penstock_error *error) {
    struct ps_batch *batch = changelog->batch;
    struct ps_bytes after;
    if (!envelope_text(changelog, PS_ENVELOPE_AFTER, &after)) {
        return ps_batch_add_dead_letter(
            batch, record, PS_REASON_SYNTAX, NULL, error,
            "a change event of Debezium without the row it is about: after is null");
    }
    const struct ps_record inside = {.raw = after, .offset = record.offset, .message = record.message};
    const int64_t row = batch->row_count;
    PS_TRY(ps_decoder_decode(changelog->json_row_decoder, batch, inside, error));
    if (batch->row_count == row) {
        struct ps_dead_letter letter = batch->dead_letters[batch->dead_letter_count - 1];
        ps_batch_take_back_dead_letter(batch);
        return ps_batch_add_dead_letter(batch, record, letter.reason, letter.column, error, "%s",
                                        letter.text);
    }
    batch->records[row] = record;
    for (size_t i = 0; i < changelog->decoding->key_schema.column_count; i++) {
        if (!is_valid(batch, changelog->decoding->key_columns[i], row)) {
            ps_batch_take_back_row(batch);
            return refuse_key(
                changelog, record, key_name(changelog, i), error,
                "the row that the record is about does not have this column of the primary key");
        }
    }
    return PENSTOCK_OK;
}

static penstock_code decode_put(struct ps_changelog *changelog, struct ps_record record,
                                struct penstock_error *error) {
    struct ps_batch *batch = changelog->batch;
    const int64_t row = batch->row_count;
    bool has_key = false;
    PS_TRY(decode_after(changelog, record, error));
    if (batch->row_count == row) {
        return PENSTOCK_OK;
    }
    PS_TRY(decode_before(changelog, record, &has_key, error));
    if (!has_key || !is_key_changed(changelog)) {
        return PENSTOCK_OK;
    }
    /* the old row goes first, though what became of it is known only now */
    ps_batch_take_back_row(batch);
    PS_TRY(add_delete(changelog, record, error));
    PS_TRY(decode_after(changelog, record, error));
    ps_check(batch->row_count == row + 2);
    ps_batch_is_second_row(batch);
    return PENSTOCK_OK;
}

static penstock_code decode_debezium(struct ps_changelog *changelog, struct ps_record record,
                                     struct penstock_error *error) {
    bool is_done = false;
    struct ps_bytes operation;
    if (record.message != NULL && record.message->value.data == NULL) {
        ps_batch_skip_record(changelog->batch); /* for compaction: the delete before it said it all */
        return PENSTOCK_OK;
    }
    PS_TRY(decode_envelope(changelog, record, &is_done, error));
    if (is_done) {
        return PENSTOCK_OK;
    }
    (void)envelope_text(changelog, PS_ENVELOPE_OPERATION, &operation);
    return operation.data[0] == 'd' ? decode_delete(changelog, record, error)
                                    : decode_put(changelog, record, error);
}

penstock_code ps_changelog_decode(struct ps_changelog *changelog, struct ps_record record,
                                  struct penstock_error *error) {
    if (record.message == NULL && !changelog->is_debezium) { /* kept when the source was no broker's */
        return refuse_key(changelog, record, NULL, error, "the record has no key");
    }
    return changelog->is_debezium ? decode_debezium(changelog, record, error)
                                  : decode_upsert(changelog, record, error);
}
