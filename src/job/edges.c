/* SPDX-License-Identifier: Apache-2.0
 *
 * edges.c - who reads what.
 *
 * A SELECT's tables come from its syntax tree. Of a DuckDB statement only the first words are read: what it
 * makes or changes; every other name in it that is one of ours counts as read, because an edge too many only
 * orders, while one too few would run a statement before what it needs.
 */
#include "job/analysis.h"
#include "job/predicted.h"
#include "sql/lexer.h"

struct words {
    const char *text;
    size_t size, at;
};

/* The next token that is no white space. */
static struct ps_token next_token(struct words *words) {
    struct ps_token token = ps_lexer_next(words->text, words->size, words->at);
    while (token.kind == PS_TOKEN_SPACE) {
        token = ps_lexer_next(words->text, words->size, token.offset + token.size);
    }
    words->at = token.offset + token.size;
    return token;
}

static bool accept(struct words *words, const char *word) {
    const size_t before = words->at;
    if (ps_token_is(words->text, next_token(words), word)) {
        return true;
    }
    words->at = before;
    return false;
}

/* A name, quotes taken off; NULL if the token is none or memory is short. */
static const char *token_name(const char *text, struct ps_token token, struct ps_arena *arena) {
    if (token.kind == PS_TOKEN_WORD) {
        return ps_arena_copy_size(arena, text + token.offset, token.size);
    }
    if (token.kind != PS_TOKEN_NAME || token.size < 2) {
        return NULL;
    }
    char *name = ps_arena_copy_size(arena, text + token.offset + 1, token.size - 2);
    size_t count = 0;
    for (size_t i = 0; name != NULL && name[i] != '\0'; i++) {
        name[count++] = name[i];
        i += name[i] == '"' ? 1 : 0;
    }
    if (name != NULL) {
        name[count] = '\0';
    }
    return name;
}

/* [schema .] name, the last part. */
static const char *read_name(struct words *words, struct ps_arena *arena) {
    const char *name = token_name(words->text, next_token(words), arena);
    for (;;) {
        const size_t before = words->at;
        const struct ps_token dot = next_token(words);
        if (name == NULL || dot.kind != PS_TOKEN_SIGN || words->text[dot.offset] != '.') {
            words->at = before;
            return name;
        }
        name = token_name(words->text, next_token(words), arena);
    }
}

static void skip_exists(struct words *words) {
    if (accept(words, "IF")) {
        accept(words, "NOT");
        accept(words, "EXISTS");
    }
}

static void read_create(struct words *words, struct ps_item *item, struct ps_arena *arena) {
    static const char *const before[] = {"OR",         "REPLACE", "TEMP",     "TEMPORARY",
                                         "PERSISTENT", "UNIQUE",  "RECURSIVE"};
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        accept(words, before[i]);
    }
    const bool is_table = accept(words, "TABLE");
    if (!is_table) {
        next_token(words); /* VIEW, MACRO, TYPE, ... */
    }
    skip_exists(words);
    item->effect = PS_EFFECT_CREATE;
    item->target = read_name(words, arena);
    item->is_definition = true;
    item->is_query_table = false;
    size_t depth = 0;
    for (struct ps_token token = next_token(words); is_table && token.kind != PS_TOKEN_END;
         token = next_token(words)) {
        if (token.kind == PS_TOKEN_SIGN &&
            (words->text[token.offset] == '(' || words->text[token.offset] == ')')) {
            depth = words->text[token.offset] == '(' ? depth + 1 : depth - (depth > 0 ? 1 : 0);
        } else if (depth == 0 && ps_token_is(words->text, token, "AS")) {
            item->is_query_table = true;
            return;
        }
    }
}

/* Of anything but CREATE: what it changes. */
static void read_change(struct words *words, struct ps_item *item, struct ps_arena *arena) {
    if (accept(words, "INSERT") || accept(words, "MERGE")) {
        if (accept(words, "OR")) {
            next_token(words);
        }
        item->effect = accept(words, "INTO") ? PS_EFFECT_CHANGE : PS_EFFECT_NONE;
    } else if (accept(words, "DELETE")) {
        item->effect = accept(words, "FROM") ? PS_EFFECT_CHANGE : PS_EFFECT_NONE;
    } else if (accept(words, "UPDATE") || accept(words, "TRUNCATE")) {
        accept(words, "TABLE");
        item->effect = PS_EFFECT_CHANGE;
    } else if (accept(words, "COPY")) {
        struct words ahead = *words;
        const char *name = read_name(&ahead, arena);
        struct ps_token token = next_token(&ahead);
        while (token.kind != PS_TOKEN_END && !ps_token_is(ahead.text, token, "FROM") &&
               !ps_token_is(ahead.text, token, "TO")) {
            token = next_token(&ahead); /* a column list */
        }
        item->effect =
            name != NULL && ps_token_is(ahead.text, token, "FROM") ? PS_EFFECT_CHANGE : PS_EFFECT_NONE;
    } else if (accept(words, "ALTER") || accept(words, "DROP")) {
        item->effect = ps_token_is(words->text, ps_lexer_next(words->text, words->size, 0), "DROP")
                           ? PS_EFFECT_DROP
                           : PS_EFFECT_CHANGE;
        item->is_definition = true;
        next_token(words); /* TABLE, VIEW, ... */
        skip_exists(words);
    }
    item->target = item->effect != PS_EFFECT_NONE ? read_name(words, arena) : NULL;
}

penstock_code ps_edges_read_sql(struct ps_analysis *analysis, struct ps_item *item) {
    struct words words = {item->node.statement->text, strlen(item->node.statement->text), 0};
    if (accept(&words, "CREATE")) {
        read_create(&words, item, analysis->arena);
    } else {
        read_change(&words, item, analysis->arena);
    }
    if (item->target == NULL) {
        item->effect = PS_EFFECT_NONE;
        return PENSTOCK_OK;
    }
    const int64_t own = ps_analysis_find(analysis, item->target);
    if (own < 0) {
        return PENSTOCK_OK;
    }
    const struct ps_node *other = &analysis->items[own].node;
    if (item->effect == PS_EFFECT_CREATE) {
        return ps_analysis_fail(analysis, item, 0, NULL, "the name '%s' is used twice, first in %s:%d",
                                item->target, other->statement->name_location.file,
                                (int)other->statement->name_location.line);
    }
    return ps_analysis_fail(analysis, item, 0,
                            "put the rows into a table of its own, and join or UNION it where it is queried",
                            "'%s' is written by its own statement in %s:%d only", other->name,
                            other->statement->name_location.file, (int)other->statement->name_location.line);
}

/* --- edges ---------------------------------------------------------------------------------------------------- */

static penstock_code add_input(struct ps_analysis *analysis, struct ps_item *item, size_t input,
                               bool is_stream) {
    struct ps_node *node = &item->node;
    for (size_t i = 0; i < node->input_count; i++) {
        if (node->inputs[i] == input) {
            node->input_is_stream[i] = node->input_is_stream[i] || is_stream;
            return PENSTOCK_OK;
        }
    }
    if (node->inputs == NULL) {
        node->inputs = ps_arena_allocate(analysis->arena, analysis->item_count, sizeof *node->inputs);
        node->input_is_stream =
            ps_arena_allocate(analysis->arena, analysis->item_count, sizeof *node->input_is_stream);
    }
    if (node->inputs == NULL || node->input_is_stream == NULL) {
        return ps_error_memory(analysis->error, "the graph");
    }
    node->inputs[node->input_count] = input;
    node->input_is_stream[node->input_count++] = is_stream;
    return PENSTOCK_OK;
}

penstock_code ps_edges_add(struct ps_analysis *analysis, struct ps_item *item, size_t input) {
    return add_input(analysis, item, input, false);
}

/* Every statement that makes or fills the plain relation `name`; `before`: only those above this item. */
static penstock_code add_writers(struct ps_analysis *analysis, struct ps_item *item, const char *name,
                                 size_t before, bool *is_known_out) {
    for (size_t i = 0; i < before; i++) {
        const struct ps_item *other = &analysis->items[i];
        if (other != item && other->target != NULL && ps_text_equal_nocase(other->target, name)) {
            *is_known_out = true;
            PS_TRY(add_input(analysis, item, i, false));
        }
    }
    return PENSTOCK_OK;
}

/* Has it rows, or records? */
static bool can_be_read(const struct ps_node *node) {
    return node->kind != PS_NODE_MODEL && node->kind != PS_NODE_SINK && node->kind != PS_NODE_JOB &&
           node->kind != PS_NODE_DATASET;
}

static penstock_code add_stream(struct ps_analysis *analysis, struct ps_item *item,
                                const struct ps_table_reference *table) {
    const int64_t found = ps_analysis_find(analysis, table->name);
    if (item->node.kind == PS_NODE_DATASET) {
        return ps_analysis_fail(analysis, item, table->offset,
                                "leave STREAM out, and make it from a streaming table",
                                "a dataset is made from tables, not from STREAM %s", table->name);
    }
    if (item->node.kind == PS_NODE_MODEL) {
        return ps_analysis_fail(analysis, item, table->offset,
                                "leave STREAM out, and train from a streaming table",
                                "a model is trained from tables, not from STREAM %s", table->name);
    }
    if (found < 0) {
        bool is_known = false;
        PS_TRY(add_writers(analysis, item, table->name, analysis->item_count, &is_known));
        if (is_known) {
            return ps_analysis_fail(
                analysis, item, table->offset,
                "leave STREAM out: a plain table is read as it is in each epoch",
                "'%s' is a plain table: only sources and streaming tables can be read as STREAM",
                table->name);
        }
        const char *near =
            ps_analysis_nearest(analysis, table->name, 1U << PS_NODE_SOURCE | 1U << PS_NODE_TABLE);
        const char *hint = near == NULL ? "declare it with CREATE SOURCE or CREATE STREAMING TABLE"
                                        : ps_arena_printf(analysis->arena, "did you mean %s?", near);
        return ps_analysis_fail(analysis, item, table->offset, hint,
                                "there is no source or streaming table '%s'", table->name);
    }
    const struct ps_node *node = &analysis->items[found].node;
    if (node->kind == PS_NODE_VIEW) {
        return ps_analysis_fail(
            analysis, item, table->offset, "leave STREAM out: it is read as a table, as it is in each epoch",
            "'%s' is a materialized view: its rows change, so they cannot be read as STREAM", node->name);
    }
    if (!can_be_read(node)) {
        return ps_analysis_fail(analysis, item, table->offset, NULL,
                                "'%s' is a %s, not a source or streaming table", node->name,
                                ps_node_kind_name(node->kind));
    }
    return add_input(analysis, item, (size_t)found, true);
}

static penstock_code add_table(struct ps_analysis *analysis, struct ps_item *item,
                               const struct ps_table_reference *table) {
    if (table->is_stream) {
        return add_stream(analysis, item, table);
    }
    const bool is_main = table->schema[0] == '\0' || ps_text_equal_nocase(table->schema, "main");
    const int64_t found = is_main ? ps_analysis_find(analysis, table->name) : -1;
    bool is_known = false;
    if (found < 0) {
        return add_writers(analysis, item, table->name, analysis->item_count, &is_known);
    }
    const struct ps_node *node = &analysis->items[found].node;
    if (node->kind == PS_NODE_SOURCE) {
        const char *hint =
            item->node.kind == PS_NODE_DATASET
                ? "make it from a streaming table: CREATE STREAMING TABLE ... AS SELECT ... FROM STREAM"
            : item->node.kind == PS_NODE_MODEL
                ? "train from a streaming table: CREATE STREAMING TABLE ... AS SELECT ... FROM STREAM"
                : ps_arena_printf(analysis->arena, "write STREAM %s", node->name);
        return ps_analysis_fail(analysis, item, table->offset, hint,
                                "'%s' is a source: its records are not kept, so it cannot be read as a table",
                                node->name);
    }
    if (!can_be_read(node)) {
        return ps_analysis_fail(analysis, item, table->offset, NULL, "'%s' is a %s, not a table", node->name,
                                ps_node_kind_name(node->kind));
    }
    return add_input(analysis, item, (size_t)found, false);
}

/* DuckDB statements among themselves run in the order of the text; only what is nowhere made before may come later. */
static penstock_code add_earlier(struct ps_analysis *analysis, struct ps_item *item, const char *name,
                                 size_t index) {
    bool is_made = item->effect == PS_EFFECT_CREATE && ps_text_equal_nocase(item->target, name),
         is_known = false;
    for (size_t i = 0; i < index; i++) {
        const struct ps_item *other = &analysis->items[i];
        is_made = is_made || (other->effect == PS_EFFECT_CREATE && ps_text_equal_nocase(other->target, name));
    }
    PS_TRY(add_writers(analysis, item, name, index, &is_known));
    for (size_t i = index + 1; i < analysis->item_count && !is_made; i++) {
        const struct ps_item *other = &analysis->items[i];
        if (other->effect == PS_EFFECT_CREATE && ps_text_equal_nocase(other->target, name)) {
            return add_input(analysis, item, i, false);
        }
    }
    return PENSTOCK_OK;
}

/* All names of a DuckDB statement that are a table of ours or made by another statement. */
static penstock_code add_mentions(struct ps_analysis *analysis, struct ps_item *item, size_t index) {
    struct words words = {item->node.statement->text, strlen(item->node.statement->text), 0};
    for (struct ps_token token = next_token(&words); token.kind != PS_TOKEN_END; token = next_token(&words)) {
        const char *name = token_name(words.text, token, analysis->arena);
        if (name == NULL) {
            continue;
        }
        const int64_t found = ps_analysis_find(analysis, name);
        if (found < 0) {
            PS_TRY(add_earlier(analysis, item, name, index));
        } else if (analysis->items[found].node.kind == PS_NODE_TABLE ||
                   analysis->items[found].node.kind == PS_NODE_VIEW) {
            PS_TRY(add_input(analysis, item, (size_t)found, false));
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_edges_find(struct ps_analysis *analysis) {
    for (size_t i = 0; i < analysis->item_count; i++) {
        struct ps_item *item = &analysis->items[i];
        if (item->node.kind == PS_NODE_SQL) {
            PS_TRY(add_mentions(analysis, item, i));
        }
        if (item->node.kind == PS_NODE_JOB) {
            size_t model = 0;
            PS_TRY(ps_bind_job_model(analysis, item, &model));
            PS_TRY(add_input(analysis, item, model, false));
        }
        for (size_t j = 0; j < item->table_count; j++) {
            PS_TRY(add_table(analysis, item, &item->tables[j]));
        }
        PS_TRY(ps_predicted_find(analysis, item));
    }
    return PENSTOCK_OK;
}
