/* SPDX-License-Identifier: Apache-2.0
 *
 * variables.c - ${NAME} in SQL text and in manifest values.
 *
 * A variable may stand anywhere but in a comment. Inside '...' and "..." quotes in its value are doubled, so
 * that a value cannot end the text it stands in. $${NAME} stands for ${NAME} itself. The project's
 * variables come first (the caller has them in order of precedence), then the environment.
 */
#include "base/limits.h"
#include "job/script.h"

/* Text with every variable in it put in: a project file may grow, but not without end. */
#define FILLED_SIZE_MAX (4 * PS_LIMIT_PROJECT_FILE_SIZE)

struct filling {
    struct ps_script *script;
    const char *source;
    size_t size;
    const struct ps_setting *variables;
    size_t variable_count;
    struct ps_arena *arena;
    struct ps_buffer out;
};

static void done(struct filling *filling) {
    ps_buffer_done(&filling->out);
}

static size_t name_end(const char *text, size_t size, size_t position) {
    size_t end = position;
    while (end < size && (text[end] == '_' || (text[end] >= '0' && text[end] <= '9' && end > position) ||
                          (text[end] >= 'a' && text[end] <= 'z') || (text[end] >= 'A' && text[end] <= 'Z'))) {
        end++;
    }
    return end;
}

static const char *find_value(const struct ps_setting *variables, size_t variable_count, const char *name) {
    for (size_t i = 0; i < variable_count; i++) {
        if (strcmp(variables[i].name, name) == 0) {
            return variables[i].value;
        }
    }
    return getenv(name);
}

static penstock_code unknown(const struct ps_setting *variables, size_t variable_count, const char *name,
                             struct ps_location location, struct ps_arena *arena,
                             struct penstock_error *error) {
    ps_error_set(error, PENSTOCK_INVALID_PROJECT, "the variable ${%s} has no value", name);
    const char **names = ps_arena_allocate(arena, variable_count + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < variable_count; i++) {
        names[i] = variables[i].name;
    }
    const char *near = names == NULL ? NULL : ps_nearest(name, names);
    if (near != NULL) {
        ps_error_hint(error, "did you mean ${%s}?", near);
    } else {
        ps_error_hint(error, "give it with --set %s=..., under vars: in penstock.yml, or in the environment",
                      name);
    }
    return ps_error_at(error, location, NULL, -1);
}

/* ${NAME} at position (text[position] is '$'): its value, and where it ends. */
static penstock_code read_variable(const char *text, size_t size, size_t position,
                                   const struct ps_setting *variables, size_t variable_count,
                                   struct ps_location location, struct ps_arena *arena,
                                   const char **value_out, size_t *end_out, struct penstock_error *error) {
    const size_t end = name_end(text, size, position + 2);
    if (end == position + 2 || end >= size || text[end] != '}') {
        ps_error_set(error, PENSTOCK_INVALID_PROJECT, "'${' is not followed by a variable's name and '}'");
        ps_error_hint(error, "write ${NAME}, or $${NAME} for the text ${NAME} itself");
        return ps_error_at(error, location, NULL, -1);
    }
    const char *name = ps_arena_copy_size(arena, text + position + 2, end - position - 2);
    if (name == NULL) {
        return ps_error_memory(error, "a variable");
    }
    *value_out = find_value(variables, variable_count, name);
    *end_out = end + 1;
    return *value_out != NULL ? PENSTOCK_OK
                              : unknown(variables, variable_count, name, location, arena, error);
}

/* Is this $${NAME}, which stands for ${NAME}? */
static bool is_escape(const char *text, size_t size, size_t position) {
    if (position + 2 >= size || text[position + 1] != '$' || text[position + 2] != '{') {
        return false;
    }
    const size_t end = name_end(text, size, position + 3);
    return end > position + 3 && end < size && text[end] == '}';
}

static void add_span(struct filling *filling, size_t source_offset, bool is_variable) {
    struct ps_script *script = filling->script;
    if (script->span_count > 0 && script->spans[script->span_count - 1].offset == filling->out.size) {
        script->span_count--; /* nothing was written under it */
    }
    script->spans[script->span_count++] = (struct ps_span){filling->out.size, source_offset, is_variable};
}

static void add_value(struct filling *filling, const char *value, char quote) {
    for (const char *c = value; *c != '\0'; c++) {
        if (quote != '\0' && *c == quote) {
            ps_buffer_add(&filling->out, c, 1);
        }
        ps_buffer_add(&filling->out, c, 1);
    }
}

/* Copies source[start..end) and puts variables in. `quote`: what must be doubled in a value, or '\0'. */
static penstock_code fill_element(struct filling *filling, size_t start, size_t end, char quote,
                                  struct ps_script *plain, struct penstock_error *error) {
    size_t position = start;
    while (position < end) {
        const char *dollar = memchr(filling->source + position, '$', end - position);
        const size_t next = dollar == NULL ? end : (size_t)(dollar - filling->source);
        ps_buffer_add(&filling->out, filling->source + position, next - position);
        position = next;
        if (dollar == NULL) {
            return PENSTOCK_OK;
        }
        if (is_escape(filling->source, end, position)) {
            add_span(filling, position + 1, false);
            ps_buffer_text(&filling->out, "${");
            position += 3;
        } else if (position + 1 < end && filling->source[position + 1] == '{') {
            const char *value = NULL;
            size_t after = position;
            PS_TRY(read_variable(filling->source, end, position, filling->variables, filling->variable_count,
                                 ps_script_location(plain, position), filling->arena, &value, &after, error));
            add_span(filling, position, true);
            add_value(filling, value, quote);
            add_span(filling, after, false);
            position = after;
        } else {
            /* Two dollars at once: "$$" of a dollar quote must not be taken for the start of "${". */
            const size_t count = position + 1 < end && filling->source[position + 1] == '$' ? 2 : 1;
            ps_buffer_add(&filling->out, filling->source + position, count);
            position += count;
        }
    }
    return PENSTOCK_OK;
}

/* One lexical element of the source at `position`; a variable outside quotes is an element of its own. */
static penstock_code fill_next(struct filling *filling, size_t position, struct ps_script *plain,
                               size_t *end_out, struct penstock_error *error) {
    const char *text = filling->source;
    const size_t size = filling->size;
    if (text[position] == '$' &&
        (is_escape(text, size, position) || (position + 1 < size && text[position + 1] == '{'))) {
        const char *brace = memchr(text + position, '}', size - position);
        *end_out = brace == NULL ? size : (size_t)(brace - text) + 1;
        return fill_element(filling, position, *end_out, '\0', plain, error);
    }
    const struct ps_token token = ps_lexer_next(text, size, position);
    *end_out = position + token.size;
    if (token.kind == PS_TOKEN_SPACE) {
        ps_buffer_add(&filling->out, text + position, token.size);
        return PENSTOCK_OK;
    }
    const char quote = token.kind == PS_TOKEN_NAME                              ? '"'
                       : token.kind == PS_TOKEN_STRING && text[position] != '$' ? '\''
                                                                                : '\0';
    return fill_element(filling, position, *end_out, quote, plain, error);
}

penstock_code ps_variables_fill(struct ps_script *script, const char *source, size_t size,
                                const struct ps_setting *variables, size_t variable_count,
                                struct ps_arena *arena, struct penstock_error *error) {
    struct ps_script plain = *script; /* places in the source, while the new spans are being made */
    struct ps_span whole = {0, 0, false};
    plain.spans = &whole;
    plain.span_count = 1;
    size_t dollar_count = 0;
    for (size_t i = 0; i < size; i++) {
        dollar_count += source[i] == '$';
    }
    script->spans = ps_arena_allocate(arena, 2 * dollar_count + 2, sizeof *script->spans);
    if (script->spans == NULL) {
        return ps_error_memory(error, "the text of a SQL file");
    }
    script->span_count = 0;
    struct filling filling PS_SCOPED(done) = {script, source, size, variables, variable_count, arena, {0}};
    ps_buffer_init(&filling.out, FILLED_SIZE_MAX);
    ps_buffer_text(&filling.out, "");
    add_span(&filling, 0, false);
    for (size_t position = 0; position < size;) {
        size_t end = position;
        PS_TRY(fill_next(&filling, position, &plain, &end, error));
        position = end;
    }
    PS_TRY(ps_buffer_status(&filling.out, error));
    script->size = filling.out.size;
    script->text = ps_arena_copy_size(arena, filling.out.size == 0 ? "" : filling.out.data, filling.out.size);
    return script->text != NULL ? PENSTOCK_OK : ps_error_memory(error, "the text of a SQL file");
}

penstock_code ps_variables_put(const char *value, const struct ps_setting *variables, size_t variable_count,
                               struct ps_location location, struct ps_arena *arena, const char **value_out,
                               struct penstock_error *error) {
    const char *dollar = strstr(value, "${");
    if (dollar == NULL) {
        *value_out = value;
        return PENSTOCK_OK;
    }
    struct filling filling PS_SCOPED(done) = {NULL,  value, strlen(value), variables, variable_count,
                                              arena, {0}};
    ps_buffer_init(&filling.out, FILLED_SIZE_MAX);
    for (size_t position = 0; position < filling.size;) {
        if (value[position] == '$' && is_escape(value, filling.size, position)) {
            position++;
            ps_buffer_text(&filling.out, "${");
            position += 2;
        } else if (value[position] == '$' && value[position + 1] == '{') {
            const char *put = NULL;
            PS_TRY(read_variable(value, filling.size, position, variables, variable_count, location, arena,
                                 &put, &position, error));
            ps_buffer_text(&filling.out, put);
        } else {
            ps_buffer_add(&filling.out, value + position, 1);
            position++;
        }
    }
    PS_TRY(ps_buffer_status(&filling.out, error));
    *value_out = ps_arena_copy_size(arena, filling.out.data, filling.out.size);
    return *value_out != NULL ? PENSTOCK_OK : ps_error_memory(error, "a value of penstock.yml");
}
