/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot_models.c - the models that a SELECT predicts with, and the same SELECT with their versions of then.
 *
 * In a text that is expanded (sql/serve.h), as a view's is in the store, every model is the first argument of one of
 * four functions: a literal. To train a version again, the literal becomes "name@version" of what it meant.
 */
#include "publish/snapshot_models.h"

#include <inttypes.h>

#include "publish/reference.h"
#include "publish/registry.h"
#include "sql/lexer.h"
#include "sql/serve.h"

#define SQL_SIZE_MAX ((size_t)64 << 20)

struct literal {
    size_t offset, size;   /* with its quotes; size 0: there is none any more */
    const char *reference; /* in the arena */
};

static struct ps_token next_token(const char *text, size_t size, size_t *at) {
    struct ps_token token;
    do {
        token = ps_lexer_next(text, size, *at);
        *at += token.size;
    } while (token.kind == PS_TOKEN_SPACE);
    return token;
}

static bool is_predicting(const char *text, struct ps_token token) {
    return token.kind == PS_TOKEN_WORD &&
           (ps_token_is(text, token, "penstock_output") || ps_token_is(text, token, "penstock_predict") ||
            ps_token_is(text, token, "penstock_predict_columns") ||
            ps_token_is(text, token, "predict_proba"));
}

/* 'it''s' -> it's */
static const char *unquote(const char *text, struct ps_token token, struct ps_arena *arena) {
    char *copy = ps_arena_allocate(arena, token.size + 1, 1);
    size_t size = 0;
    for (size_t i = 1; copy != NULL && i + 1 < token.size; i++) {
        copy[size++] = text[token.offset + i];
        i += text[token.offset + i] == '\'' ? 1 : 0;
    }
    return copy;
}

/* The next model of the text behind *at. */
static penstock_code next_literal(const char *text, size_t size, size_t *at, struct ps_arena *arena,
                                  struct literal *literal_out, struct penstock_error *error) {
    *literal_out = (struct literal){.offset = size};
    for (struct ps_token token = next_token(text, size, at); token.kind != PS_TOKEN_END;
         token = next_token(text, size, at)) {
        if (!is_predicting(text, token)) {
            continue;
        }
        const struct ps_token open = next_token(text, size, at);
        if (open.kind != PS_TOKEN_SIGN || text[open.offset] != '(') {
            continue;
        }
        const struct ps_token model = next_token(text, size, at);
        if (model.kind == PS_TOKEN_STRING && text[model.offset] == '\'' && !model.is_open) {
            *literal_out = (struct literal){model.offset, model.size, unquote(text, model, arena)};
            return literal_out->reference == NULL ? ps_error_memory(error, "a snapshot") : PENSTOCK_OK;
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_snapshot_add_models(struct ps_connection *connection, const char *sql,
                                     struct ps_arena *arena, yyjson_mut_doc *document, yyjson_mut_val *models,
                                     struct penstock_error *error) {
    const char *text = NULL;
    size_t at = 0;
    struct literal literal;
    PS_TRY(ps_serve_expand(sql, arena, &text, NULL, NULL, error));
    const size_t size = strlen(text);
    for (;;) {
        const char *name = NULL;
        int64_t version = 0;
        PS_TRY(next_literal(text, size, &at, arena, &literal, error));
        if (literal.size == 0) {
            return PENSTOCK_OK;
        }
        if (yyjson_mut_obj_get(models, literal.reference) == NULL) {
            PS_TRY(ps_registry_resolve(connection, literal.reference, arena, &name, &version, error));
            (void)yyjson_mut_obj_add(models, yyjson_mut_strcpy(document, literal.reference),
                                     yyjson_mut_sint(document, version));
        }
    }
}

static penstock_code put_version(struct ps_buffer *out, const char *reference, int64_t version,
                                 struct ps_arena *arena, struct penstock_error *error) {
    struct ps_model_reference parsed;
    PS_TRY(ps_reference_parse(reference, arena, &parsed, error));
    const char *pinned = ps_arena_printf(arena, "%s@%" PRId64, parsed.name, version);
    if (pinned == NULL) {
        return ps_error_memory(error, "a snapshot");
    }
    ps_buffer_sql_literal(out, pinned);
    return PENSTOCK_OK;
}

penstock_code ps_snapshot_pin_models(const char *sql, yyjson_val *models, struct ps_arena *arena,
                                     const char **pinned_out, struct penstock_error *error) {
    const char *text = NULL;
    size_t at = 0, copied = 0;
    struct literal literal;
    struct ps_buffer out PS_SCOPED(ps_buffer_done) = {0};
    ps_buffer_init(&out, SQL_SIZE_MAX);
    PS_TRY(ps_serve_expand(sql, arena, &text, NULL, NULL, error));
    const size_t size = strlen(text);
    for (;;) {
        PS_TRY(next_literal(text, size, &at, arena, &literal, error));
        ps_buffer_add(&out, text + copied, literal.offset - copied);
        if (literal.size == 0) {
            break;
        }
        copied = literal.offset + literal.size;
        const int64_t version = yyjson_get_sint(yyjson_obj_get(models, literal.reference));
        if (version > 0) {
            PS_TRY(put_version(&out, literal.reference, version, arena, error));
        } else { /* recorded by a penstock that did not look into views */
            ps_buffer_add(&out, text + literal.offset, literal.size);
        }
    }
    PS_TRY(ps_buffer_status(&out, error));
    *pinned_out = ps_arena_copy(arena, out.data == NULL ? "" : out.data);
    return *pinned_out == NULL ? ps_error_memory(error, "a snapshot") : PENSTOCK_OK;
}
