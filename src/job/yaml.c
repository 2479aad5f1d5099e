/* SPDX-License-Identifier: Apache-2.0
 *
 * yaml.c - libyaml at the border.
 */
#include "job/yaml.h"

#include <yaml.h>

#include "job/manifest.h"

struct loading {
    yaml_parser_t parser;
    yaml_document_t document;
    bool has_parser, has_document;
};

static void loading_done(struct loading *loading) {
    if (loading->has_document) {
        yaml_document_delete(&loading->document);
    }
    if (loading->has_parser) {
        yaml_parser_delete(&loading->parser);
    }
}

/* libyaml counts columns in characters, penstock in bytes. */
static struct ps_location place(const char *file, const char *text, size_t size, yaml_mark_t mark) {
    size_t start = 0;
    for (size_t line = 0; line < mark.line && start < size; start++) {
        line += text[start] == '\n';
    }
    size_t byte = start;
    for (size_t column = 0; column < mark.column && byte < size; column++) {
        byte++;
        while (byte < size && ((unsigned char)text[byte] & 0xC0U) == 0x80U) {
            byte++;
        }
    }
    return (struct ps_location){file, (int32_t)mark.line + 1, (int32_t)(byte - start) + 1};
}

static penstock_code syntax_error(const char *file, const char *text, size_t size,
                                  const yaml_parser_t *parser, struct penstock_error *error) {
    if (parser->error == YAML_MEMORY_ERROR) {
        return ps_error_memory(error, "penstock.yml");
    }
    ps_error_set(error, PENSTOCK_INVALID_PROJECT, "this is not YAML: %s",
                 parser->problem != NULL ? parser->problem : "it cannot be read");
    if (parser->context != NULL) {
        ps_error_detail(error, "%s", parser->context);
    }
    const struct ps_location location = place(file, text, size, parser->problem_mark);
    const size_t offset = parser->problem_mark.index < size ? parser->problem_mark.index : size;
    if (parser->problem != NULL && strstr(parser->problem, "alphabetic") != NULL) {
        ps_error_hint(error, "a value that starts with '*' or '&' needs quotes: \"*.sql\"");
    } else if (memchr(text, '\t', offset < size ? offset + 1 : size) != NULL) {
        ps_error_hint(error, "indent with spaces: YAML has no tabs there");
    }
    return ps_error_at(error, location, NULL, -1);
}

/* Two lines that a document's maker cannot know: the same key twice is silently the last one in most readers. */
static penstock_code check_keys(const struct ps_yaml *map, struct penstock_error *error) {
    for (size_t i = 0; i < map->count; i++) {
        const struct ps_yaml *key = map->items[2 * i];
        if (key->kind != PS_YAML_SCALAR) {
            ps_error_set(error, PENSTOCK_INVALID_PROJECT, "a key must be a plain word");
            return ps_error_at(error, key->location, NULL, -1);
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(map->items[2 * j]->text, key->text) == 0) {
                ps_error_set(error, PENSTOCK_INVALID_PROJECT, "the key '%s' is given twice, first in line %d",
                             key->text, (int)map->items[2 * j]->location.line);
                return ps_error_at(error, key->location, NULL, -1);
            }
        }
    }
    return PENSTOCK_OK;
}

static penstock_code read_scalar(const yaml_node_t *node, struct ps_yaml *out, struct ps_arena *arena,
                                 struct penstock_error *error) {
    const char *value = (const char *)node->data.scalar.value;
    out->kind = PS_YAML_SCALAR;
    out->text = ps_arena_copy_size(arena, value, node->data.scalar.length);
    if (out->text == NULL) {
        return ps_error_memory(error, "penstock.yml");
    }
    if (strlen(out->text) != node->data.scalar.length) {
        ps_error_set(error, PENSTOCK_INVALID_PROJECT, "there is a NUL character in this value");
        return ps_error_at(error, out->location, NULL, -1);
    }
    out->is_null = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
                   (value[0] == '\0' || strcmp(value, "~") == 0 || strcmp(value, "null") == 0);
    return PENSTOCK_OK;
}

/* Nodes refer to each other by number, so every one is converted on its own. */
static penstock_code read_node(const yaml_node_t *node, struct ps_yaml *nodes, struct ps_yaml *out,
                               struct ps_arena *arena, struct penstock_error *error) {
    if (node->type == YAML_SCALAR_NODE) {
        return read_scalar(node, out, arena, error);
    }
    const bool is_map = node->type == YAML_MAPPING_NODE;
    out->kind = is_map ? PS_YAML_MAP : PS_YAML_LIST;
    out->text = "";
    out->count = is_map ? (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start)
                        : (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    out->items = ps_arena_allocate(arena, out->count * (is_map ? 2 : 1) + 1, sizeof *out->items);
    if (out->items == NULL) {
        return ps_error_memory(error, "penstock.yml");
    }
    for (size_t i = 0; i < out->count; i++) {
        if (is_map) {
            out->items[2 * i] = &nodes[node->data.mapping.pairs.start[i].key - 1];
            out->items[2 * i + 1] = &nodes[node->data.mapping.pairs.start[i].value - 1];
        } else {
            out->items[i] = &nodes[node->data.sequence.items.start[i] - 1];
        }
    }
    return PENSTOCK_OK;
}

static penstock_code convert(const char *file, const char *text, size_t size, const yaml_document_t *document,
                             struct ps_arena *arena, const struct ps_yaml **root_out,
                             struct penstock_error *error) {
    const yaml_node_t *first = document->nodes.start;
    const size_t count = (size_t)(document->nodes.top - first);
    struct ps_yaml *nodes = ps_arena_allocate(arena, count + 1, sizeof *nodes);
    if (nodes == NULL) {
        return ps_error_memory(error, "penstock.yml");
    }
    for (size_t i = 0; i < count; i++) {
        nodes[i].location = place(file, text, size, first[i].start_mark);
        PS_TRY(read_node(&first[i], nodes, &nodes[i], arena, error));
    }
    for (size_t i = 0; i < count; i++) {
        if (nodes[i].kind == PS_YAML_MAP) {
            PS_TRY(check_keys(&nodes[i], error));
        }
    }
    *root_out = count > 0 ? &nodes[0] : NULL;
    return PENSTOCK_OK;
}

penstock_code ps_yaml_read(const char *file, const char *text, size_t size, struct ps_arena *arena,
                           const struct ps_yaml **root_out, struct penstock_error *error) {
    size_t bad = 0;
    if (!ps_bytes_is_utf8((struct ps_bytes){text, size}, &bad)) {
        ps_error_set(error, PENSTOCK_INVALID_PROJECT, "the byte 0x%02x is not UTF-8",
                     (unsigned)(unsigned char)text[bad]);
        ps_error_hint(error, "save the file as UTF-8");
        return ps_error_at(error, (struct ps_location){file, 1, 1}, text, (int64_t)bad);
    }
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        size -= 3;
    }
    struct loading loading PS_SCOPED(loading_done) = {.has_parser = false};
    if (yaml_parser_initialize(&loading.parser) == 0) {
        return ps_error_memory(error, "penstock.yml");
    }
    loading.has_parser = true;
    yaml_parser_set_encoding(&loading.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&loading.parser, (const unsigned char *)text, size);
    if (yaml_parser_load(&loading.parser, &loading.document) == 0) {
        return syntax_error(file, text, size, &loading.parser, error);
    }
    loading.has_document = true;
    PS_TRY(convert(file, text, size, &loading.document, arena, root_out, error));
    yaml_document_delete(&loading.document);
    loading.has_document = false;
    if (yaml_parser_load(&loading.parser, &loading.document) == 0) {
        return syntax_error(file, text, size, &loading.parser, error);
    }
    loading.has_document = true;
    const yaml_node_t *second = yaml_document_get_root_node(&loading.document);
    if (second != NULL) {
        ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                     "a second YAML document begins here, but a manifest is one");
        return ps_error_at(error, place(file, text, size, second->start_mark), NULL, -1);
    }
    return PENSTOCK_OK;
}

const struct ps_yaml *ps_yaml_find(const struct ps_yaml *map, const char *key) {
    for (size_t i = 0; map != NULL && map->kind == PS_YAML_MAP && i < map->count; i++) {
        if (ps_manifest_name_equal(map->items[2 * i]->text, key)) {
            return map->items[2 * i + 1];
        }
    }
    return NULL;
}
