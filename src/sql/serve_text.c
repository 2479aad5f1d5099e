/* SPDX-License-Identifier: Apache-2.0
 *
 * serve_text.c - predict() and ML_PREDICT() in a text, and what DuckDB is given in their place.
 *
 * Only tokens are looked at, as for STREAM: a call is the word, its parentheses and what stands between them. Calls
 * inside calls are expanded from the outside in, one round after the other. For each byte of the new text it is kept
 * where it came from, so that every error still points at what the user wrote.
 */
#include <stdio.h>

#include "sql/duck.h"
#include "sql/lexer.h"

/* Calls inside calls; a model that predicts with the predictions of a model that ... */
#define ROUND_COUNT_MAX 32
#define NESTING_MAX 256
#define TEXT_SIZE_MAX ((size_t)64 << 20)

enum call_kind { CALL_NONE, CALL_PREDICT, CALL_PROBA, CALL_TABLE };

struct span {
    size_t offset, size;
};

/* One call: predict('m', row) or ML_PREDICT(TABLE t, MODEL m). */
struct call {
    enum call_kind kind;
    size_t begin, end; /* of the text, parentheses included */
    struct span model; /* as written, without MODEL; a literal with its quotes */
    struct span rows;  /* the row, or the relation without TABLE */
    bool is_stream;    /* STREAM t */
    bool is_item;      /* an item of a SELECT list that has no name: it gets one */
    const char *wrong; /* what is wrong with it, or NULL */
    size_t wrong_at;
};

struct scanner {
    const char *text;
    size_t size;
    size_t at;
    struct ps_token before, two_before; /* tokens that are no white space */
    size_t depth;
    bool in_list[NESTING_MAX]; /* per depth: between SELECT and FROM */
};

static struct ps_token next_solid(const char *text, size_t size, size_t *at) {
    struct ps_token token = ps_lexer_next(text, size, *at);
    while (token.kind == PS_TOKEN_SPACE) {
        token = ps_lexer_next(text, size, token.offset + token.size);
    }
    *at = token.offset + token.size;
    return token;
}

static bool is_sign(const char *text, struct ps_token token, char sign) {
    return token.kind == PS_TOKEN_SIGN && text[token.offset] == sign;
}

/* The byte behind the parenthesis that closes the one before `at`, or 0. Commas at its own level are told. */
static size_t find_close(const char *text, size_t size, size_t at, size_t *commas, size_t comma_max,
                         size_t *comma_count) {
    size_t depth = 1;
    *comma_count = 0;
    for (;;) {
        const struct ps_token token = next_solid(text, size, &at);
        if (token.kind == PS_TOKEN_END) {
            return 0;
        }
        if (token.kind != PS_TOKEN_SIGN) {
            continue;
        }
        const char sign = text[token.offset];
        if (sign == '(' || sign == '[' || sign == '{') {
            depth++;
        } else if (sign == ')' || sign == ']' || sign == '}') {
            depth--;
            if (depth == 0) {
                return at;
            }
        } else if (sign == ',' && depth == 1) {
            if (*comma_count < comma_max) {
                commas[*comma_count] = token.offset;
            }
            (*comma_count)++;
        }
    }
}

static struct span trim(const char *text, size_t begin, size_t end) {
    size_t at = begin;
    const struct ps_token first = next_solid(text, end, &at);
    begin = first.kind == PS_TOKEN_END ? end : first.offset;
    while (end > begin && (text[end - 1] == ' ' || text[end - 1] == '\n' || text[end - 1] == '\t' ||
                           text[end - 1] == '\r')) {
        end--;
    }
    return (struct span){begin, end - begin};
}

/* ---- predict('m', row) ---- */

static void read_function(const struct scanner *scanner, struct ps_token word, size_t inside,
                          struct call *call) {
    const char *text = scanner->text;
    size_t at = inside;
    size_t comma = 0, count = 0;
    const struct ps_token model = next_solid(text, scanner->size, &at);
    const size_t end = find_close(text, scanner->size, inside, &comma, 1, &count);
    if (model.kind != PS_TOKEN_STRING || text[model.offset] != '\'' || end == 0 || count != 1 ||
        !is_sign(text, next_solid(text, scanner->size, &at), ',')) {
        call->kind = CALL_NONE; /* somebody's own function, or one that DuckDB will object to */
        return;
    }
    call->begin = word.offset;
    call->end = end;
    call->model = (struct span){model.offset, model.size};
    call->rows = trim(text, comma + 1, end - 1);
    const struct ps_token before = scanner->before;
    const bool opens = is_sign(text, before, ',') || ps_token_is(text, before, "SELECT") ||
                       ps_token_is(text, before, "DISTINCT");
    size_t after_at = end;
    const struct ps_token after = next_solid(text, scanner->size, &after_at);
    const bool closes = after.kind == PS_TOKEN_END || is_sign(text, after, ',') ||
                        is_sign(text, after, ')') || is_sign(text, after, ';') ||
                        ps_token_is(text, after, "FROM");
    call->is_item = opens && closes && scanner->depth < NESTING_MAX && scanner->in_list[scanner->depth];
}

/* ---- ML_PREDICT(TABLE t, MODEL m) ---- */

static void object(struct call *call, size_t at, const char *wrong) {
    if (call->wrong == NULL) {
        call->wrong = wrong;
        call->wrong_at = at;
    }
}

/* The rest of an argument behind its first word. */
static struct span behind(const char *text, struct span argument, struct ps_token word) {
    return trim(text, word.offset + word.size, argument.offset + argument.size);
}

static void read_argument(const char *text, struct span argument, struct call *call) {
    const size_t end = argument.offset + argument.size;
    size_t at = argument.offset;
    const struct ps_token word = next_solid(text, end, &at);
    if (word.kind == PS_TOKEN_STRING) {
        call->model = argument;
    } else if (ps_token_is(text, word, "MODEL")) {
        call->model = behind(text, argument, word);
        if (call->model.size == 0) {
            object(call, argument.offset, "ML_PREDICT: a name is expected behind MODEL");
        }
    } else if (ps_token_is(text, word, "TABLE") || ps_token_is(text, word, "STREAM")) {
        call->rows = behind(text, argument, word);
        call->is_stream = ps_token_is(text, word, "STREAM");
        if (call->rows.size == 0) {
            object(call, argument.offset, "ML_PREDICT: a name is expected behind TABLE");
        }
    } else if (is_sign(text, word, '(')) {
        call->rows = argument;
    } else if (ps_token_is(text, word, "DESCRIPTOR")) {
        object(call, argument.offset, "ML_PREDICT finds the columns by their names: leave DESCRIPTOR out");
    } else {
        object(call, argument.offset,
               "ML_PREDICT takes TABLE name (or STREAM name, or a SELECT in parentheses) and MODEL name");
    }
}

static void read_table(const struct scanner *scanner, size_t begin, size_t inside, struct call *call) {
    size_t commas[8];
    size_t count = 0;
    const size_t end = find_close(scanner->text, scanner->size, inside, commas, 8, &count);
    if (end == 0) {
        call->kind = CALL_NONE;
        return;
    }
    call->begin = begin;
    call->end = end;
    const size_t argument_count = count < 8 ? count + 1 : 8;
    for (size_t i = 0; i < argument_count; i++) {
        const size_t from = i == 0 ? inside : commas[i - 1] + 1;
        const size_t to = i == count ? end - 1 : commas[i < 8 ? i : 7];
        read_argument(scanner->text, trim(scanner->text, from, to), call);
    }
    if (call->rows.size == 0 || call->model.size == 0) {
        object(call, begin,
               "ML_PREDICT takes TABLE name (or STREAM name, or a SELECT in parentheses) and MODEL name");
    }
}

/* ---- finding calls ---- */

/* The word and, for ML.PREDICT, the two before it: what is called? *begin_out: where the call begins. */
static enum call_kind kind_of(const struct scanner *scanner, struct ps_token word, size_t *begin_out) {
    const char *text = scanner->text;
    const bool is_member = is_sign(text, scanner->before, '.');
    *begin_out = word.offset;
    if (is_member && ps_token_is(text, word, "PREDICT") && ps_token_is(text, scanner->two_before, "ML")) {
        *begin_out = scanner->two_before.offset;
        return CALL_TABLE;
    }
    return is_member                                  ? CALL_NONE
           : ps_token_is(text, word, "ML_PREDICT")    ? CALL_TABLE
           : ps_token_is(text, word, "PREDICT")       ? CALL_PREDICT
           : ps_token_is(text, word, "PREDICT_PROBA") ? CALL_PROBA
                                                      : CALL_NONE;
}

static void follow(struct scanner *scanner, struct ps_token token) {
    const char *text = scanner->text;
    if (is_sign(text, token, '(')) {
        scanner->depth++;
        if (scanner->depth < NESTING_MAX) {
            scanner->in_list[scanner->depth] = false;
        }
    } else if (is_sign(text, token, ')')) {
        scanner->depth -= scanner->depth > 0 ? 1 : 0;
    } else if (scanner->depth < NESTING_MAX && token.kind == PS_TOKEN_WORD) {
        const bool is_list = scanner->in_list[scanner->depth];
        scanner->in_list[scanner->depth] =
            ps_token_is(text, token, "SELECT") ||
            (is_list && !ps_token_is(text, token, "FROM") && !ps_token_is(text, token, "WHERE") &&
             !ps_token_is(text, token, "ORDER") && !ps_token_is(text, token, "GROUP"));
    }
    scanner->two_before = scanner->before;
    scanner->before = token;
    scanner->at = token.offset + token.size;
}

/* The next call from scanner->at on, kind CALL_NONE at the end. The scanner stands behind the opening parenthesis. */
static struct call next_call(struct scanner *scanner) {
    for (;;) {
        size_t at = scanner->at;
        const struct ps_token token = next_solid(scanner->text, scanner->size, &at);
        if (token.kind == PS_TOKEN_END) {
            return (struct call){CALL_NONE};
        }
        struct call call = {CALL_NONE};
        size_t begin = 0, after = at;
        if (token.kind == PS_TOKEN_WORD) {
            call.kind = kind_of(scanner, token, &begin);
        }
        if (call.kind != CALL_NONE &&
            !is_sign(scanner->text, next_solid(scanner->text, scanner->size, &after), '(')) {
            call.kind = CALL_NONE;
        }
        if (call.kind == CALL_TABLE) {
            read_table(scanner, begin, after, &call);
        } else if (call.kind != CALL_NONE) {
            read_function(scanner, token, after, &call);
        }
        follow(scanner, token);
        if (call.kind != CALL_NONE) {
            return call;
        }
    }
}

/* The model's reference without quotes, in the arena. */
static const char *reference_of(const char *text, struct span model, struct ps_arena *arena) {
    const char quote = text[model.offset];
    if (quote != '\'' && quote != '"') {
        return ps_arena_copy_size(arena, text + model.offset, model.size);
    }
    char *reference = ps_arena_allocate(arena, model.size + 1, 1);
    size_t size = 0;
    bool is_inside = false;
    for (size_t i = 0; reference != NULL && i < model.size; i++) {
        const char letter = text[model.offset + i];
        if (letter == quote && is_inside && i + 1 < model.size && text[model.offset + i + 1] == quote) {
            reference[size++] = quote;
            i++;
        } else if (letter == quote) {
            is_inside = !is_inside;
        } else {
            reference[size++] = letter;
        }
    }
    return reference;
}

/* ---- expanding ---- */

struct writing {
    struct ps_buffer text;
    size_t *origins; /* per byte of text */
    size_t capacity;
    const size_t *before; /* origins of the round before; NULL: the first round */
    bool failed;
};

static void writing_done(struct writing *writing) {
    ps_buffer_done(&writing->text);
    ps_release(writing->origins);
}

/* `at`: the byte that the text stands for; with `moves` one more for each byte. */
static void put(struct writing *writing, const char *data, size_t size, size_t at, bool moves) {
    const size_t first = writing->text.size;
    void *origins = writing->origins;
    if (ps_grow(&origins, &writing->capacity, first + size + 1, sizeof *writing->origins, NULL) !=
        PENSTOCK_OK) {
        writing->failed = true;
        return;
    }
    writing->origins = origins;
    ps_buffer_add(&writing->text, data, size);
    for (size_t i = 0; i <= size; i++) {
        const size_t from = at + (moves ? i : 0);
        writing->origins[first + i] = writing->before == NULL ? from : writing->before[from];
    }
}

static void put_text(struct writing *writing, const char *data, size_t at) {
    put(writing, data, strlen(data), at, false);
}

static void put_span(struct writing *writing, const char *text, struct span span) {
    put(writing, text + span.offset, span.size, span.offset, true);
}

static penstock_code put_literal(struct writing *writing, const char *text, struct span model,
                                 struct ps_arena *arena, struct penstock_error *error) {
    struct ps_buffer literal PS_SCOPED(ps_buffer_done) = {0};
    const char *reference = reference_of(text, model, arena);
    ps_buffer_init(&literal, TEXT_SIZE_MAX);
    if (reference == NULL) {
        return ps_error_memory(error, "a statement");
    }
    ps_buffer_sql_literal(&literal, reference);
    PS_TRY(ps_buffer_status(&literal, error));
    put_text(writing, literal.data, model.offset);
    return PENSTOCK_OK;
}

static penstock_code put_function(struct writing *writing, const char *text, const struct call *call,
                                  struct ps_arena *arena, struct penstock_error *error) {
    put_text(writing, "struct_extract(penstock_predict(", call->begin);
    PS_TRY(put_literal(writing, text, call->model, arena, error));
    put_text(writing, ", ", call->model.offset);
    put_span(writing, text, call->rows);
    put_text(writing, "), penstock_output(", call->begin);
    PS_TRY(put_literal(writing, text, call->model, arena, error));
    put_text(writing, call->is_item ? ")) AS prediction" : "))", call->begin);
    return PENSTOCK_OK;
}

static penstock_code put_table(struct writing *writing, const char *text, const struct call *call,
                               struct ps_arena *arena, struct penstock_error *error) {
    put_text(writing, "(SELECT penstock_input.*, unnest(struct_extract(penstock_predict_columns(",
             call->begin);
    PS_TRY(put_literal(writing, text, call->model, arena, error));
    put_text(writing, ", penstock_input), penstock_output(", call->begin);
    PS_TRY(put_literal(writing, text, call->model, arena, error));
    put_text(writing, "))) FROM ", call->begin);
    put_text(writing, call->is_stream ? "STREAM " : "", call->rows.offset);
    put_span(writing, text, call->rows);
    put_text(writing, " AS penstock_input)", call->begin);
    return PENSTOCK_OK;
}

/* One round: the outermost calls. */
static penstock_code expand_once(const char *text, struct writing *writing, struct ps_arena *arena,
                                 bool *is_changed_out, int64_t *offset_out, struct penstock_error *error) {
    struct scanner scanner = {.text = text, .size = strlen(text)};
    size_t copied = 0;
    for (struct call call = next_call(&scanner); call.kind != CALL_NONE; call = next_call(&scanner)) {
        if (call.wrong != NULL) {
            if (offset_out != NULL) {
                *offset_out =
                    (int64_t)(writing->before == NULL ? call.wrong_at : writing->before[call.wrong_at]);
            }
            (void)ps_error_set(error, PENSTOCK_SQL, "%s", call.wrong);
            return ps_error_hint(error, "write FROM ML_PREDICT(TABLE departures, MODEL congestion@champion)");
        }
        if (call.kind == CALL_PROBA) {
            continue; /* DuckDB has it as it is */
        }
        put_span(writing, text, (struct span){copied, call.begin - copied});
        PS_TRY(call.kind == CALL_TABLE ? put_table(writing, text, &call, arena, error)
                                       : put_function(writing, text, &call, arena, error));
        *is_changed_out = true;
        copied = call.end;
        scanner.at = call.end;
    }
    put_span(writing, text, (struct span){copied, scanner.size - copied});
    return writing->failed ? ps_error_memory(error, "a statement") : ps_buffer_status(&writing->text, error);
}

/* Most statements predict nothing: then nothing is made. */
static bool may_predict(const char *sql) {
    return strcasestr(sql, "predict") != NULL;
}

penstock_code ps_serve_expand(const char *sql, struct ps_arena *arena, const char **expanded_out,
                              const size_t **origins_out, int64_t *offset_out, struct penstock_error *error) {
    const char *text = sql;
    const size_t *origins = NULL;
    bool is_changed = may_predict(sql);
    for (int round = 0; round < ROUND_COUNT_MAX && is_changed; round++) {
        struct writing writing PS_SCOPED(writing_done) = {.before = origins};
        ps_buffer_init(&writing.text, TEXT_SIZE_MAX);
        is_changed = false;
        PS_TRY(expand_once(text, &writing, arena, &is_changed, offset_out, error));
        if (is_changed) {
            size_t *kept = ps_arena_allocate(arena, writing.text.size + 1, sizeof *kept);
            text = ps_arena_copy_size(arena, writing.text.data, writing.text.size);
            if (kept == NULL || text == NULL) {
                return ps_error_memory(error, "a statement");
            }
            memcpy(kept, writing.origins, (writing.text.size + 1) * sizeof *kept);
            origins = kept;
        }
    }
    *expanded_out = text;
    if (origins_out != NULL) {
        *origins_out = origins;
    }
    return PENSTOCK_OK;
}

penstock_code ps_serve_mentions(const char *sql, struct ps_arena *arena,
                                struct ps_served_mention **mentions_out, size_t *count_out,
                                struct penstock_error *error) {
    struct scanner scanner = {.text = sql, .size = may_predict(sql) ? strlen(sql) : 0};
    void *items = NULL;
    size_t count = 0, capacity = 0;
    penstock_code code = PENSTOCK_OK;
    for (struct call call = next_call(&scanner); call.kind != CALL_NONE && code == PENSTOCK_OK;
         call = next_call(&scanner)) {
        if (call.model.size == 0) {
            continue;
        }
        code = ps_grow(&items, &capacity, count + 1, sizeof(struct ps_served_mention), error);
        const char *reference = code == PENSTOCK_OK ? reference_of(sql, call.model, arena) : NULL;
        if (reference == NULL) {
            code = ps_error_memory(error, "a statement");
        } else {
            ((struct ps_served_mention *)items)[count++] =
                (struct ps_served_mention){reference, (int64_t)call.model.offset};
        }
    }
    struct ps_served_mention *kept =
        code == PENSTOCK_OK ? ps_arena_allocate(arena, count + 1, sizeof *kept) : NULL;
    if (kept != NULL && count > 0) {
        memcpy(kept, items, count * sizeof *kept);
    }
    ps_release(items);
    PS_TRY(code);
    if (kept == NULL) {
        return ps_error_memory(error, "a statement");
    }
    *mentions_out = kept;
    *count_out = count;
    return PENSTOCK_OK;
}
