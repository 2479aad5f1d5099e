/* SPDX-License-Identifier: Apache-2.0
 *
 * diff.c - two versions side by side: what came, what went, what changed most.
 *
 * Both are first shown as JSON (show.c), and the two are compared member by member, so that whatever a kind of model
 * shows of itself is compared, too. Lines of the SQL text are matched by their longest common subsequence.
 */
#include "publish/registry.h"

#include <math.h>
#include <stdlib.h>

#include "publish/json.h"

/* Lines of one statement: beyond it, the texts are shown one after the other. */
#define LINE_COUNT_MAX 2000
#define SHOWN_SIZE_MAX ((size_t)256 << 20)

struct side {
    yyjson_doc *document;
    yyjson_val *root;
};

struct diffing {
    yyjson_mut_doc *document;
    yyjson_mut_val *root;
    struct side sides[2];
};

static void diffing_done(struct diffing *diffing) {
    ps_json_read_free_scoped(&diffing->sides[0].document);
    ps_json_read_free_scoped(&diffing->sides[1].document);
    ps_json_free_scoped(&diffing->document);
}

static yyjson_val *member(const struct diffing *diffing, size_t side, const char *name) {
    return yyjson_obj_get(diffing->sides[side].root, name);
}

static void add_copy(struct diffing *diffing, yyjson_mut_val *object, const char *name, yyjson_val *value) {
    (void)yyjson_mut_obj_add_val(diffing->document, object, name,
                                 value == NULL ? yyjson_mut_null(diffing->document)
                                               : yyjson_val_mut_copy(diffing->document, value));
}

static yyjson_mut_val *add_object(struct diffing *diffing, const char *name) {
    return yyjson_mut_obj_add_obj(diffing->document, diffing->root, name);
}

/* {"a": ..., "b": ...}, and "change" when both are numbers. */
static void add_pair(struct diffing *diffing, yyjson_mut_val *object, const char *name, yyjson_val *a,
                     yyjson_val *b) {
    yyjson_mut_val *pair = yyjson_mut_obj(diffing->document);
    (void)yyjson_mut_obj_add(object, yyjson_mut_strcpy(diffing->document, name), pair);
    add_copy(diffing, pair, "a", a);
    add_copy(diffing, pair, "b", b);
    if (yyjson_is_num(a) && yyjson_is_num(b)) {
        ps_json_add_number(diffing->document, pair, "change", yyjson_get_num(b) - yyjson_get_num(a));
    }
}

/* Members of two objects, those of a first; `only_changed`: equal ones are left out. */
static void add_members(struct diffing *diffing, yyjson_mut_val *object, yyjson_val *a, yyjson_val *b,
                        bool only_changed) {
    size_t index, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(a, index, count, key, value) {
        yyjson_val *other = yyjson_obj_get(b, yyjson_get_str(key));
        if (!only_changed || other == NULL || !yyjson_equals(value, other)) {
            add_pair(diffing, object, yyjson_get_str(key), value, other);
        }
    }
    yyjson_obj_foreach(b, index, count, key, value) {
        if (yyjson_obj_get(a, yyjson_get_str(key)) == NULL) {
            add_pair(diffing, object, yyjson_get_str(key), NULL, value);
        }
    }
}

static void add_section(struct diffing *diffing, yyjson_mut_val *object, const char *name,
                        bool only_changed) {
    yyjson_val *a = member(diffing, 0, name);
    yyjson_val *b = member(diffing, 1, name);
    if (yyjson_is_obj(a) || yyjson_is_obj(b)) {
        add_members(diffing, yyjson_mut_obj_add_obj(diffing->document, object, name), a, b, only_changed);
    }
}

/* ---- coefficients ---- */

struct change {
    const char *name;
    double a, b, size;
};

static int compare_changes(const void *left, const void *right) {
    const struct change *a = left;
    const struct change *b = right;
    if (a->size != b->size) {
        return a->size < b->size ? 1 : -1;
    }
    return strcmp(a->name, b->name);
}

static penstock_code add_changed(struct diffing *diffing, yyjson_mut_val *object, yyjson_val *a,
                                 yyjson_val *b, struct penstock_error *error) {
    struct change *changes PS_SCOPED(ps_release_scoped) =
        ps_allocate(yyjson_obj_size(a) + 1, sizeof *changes);
    size_t index, member_count, count = 0;
    yyjson_val *key, *value;
    if (changes == NULL) {
        return ps_error_memory(error, "a comparison of models");
    }
    yyjson_obj_foreach(a, index, member_count, key, value) {
        yyjson_val *other = yyjson_obj_get(b, yyjson_get_str(key));
        if (other != NULL && !yyjson_equals(value, other)) {
            const double from = yyjson_get_num(value);
            const double to = yyjson_get_num(other);
            changes[count++] = (struct change){yyjson_get_str(key), from, to, fabs(to - from)};
        }
    }
    qsort(changes, count, sizeof *changes, compare_changes);
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(diffing->document, object, "changed");
    for (size_t i = 0; i < count; i++) {
        yyjson_mut_val *item = yyjson_mut_arr_add_obj(diffing->document, list);
        ps_json_add_text(diffing->document, item, "feature", changes[i].name);
        ps_json_add_number(diffing->document, item, "a", changes[i].a);
        ps_json_add_number(diffing->document, item, "b", changes[i].b);
        ps_json_add_number(diffing->document, item, "change", changes[i].b - changes[i].a);
    }
    return PENSTOCK_OK;
}

static void add_missing(struct diffing *diffing, yyjson_mut_val *object, const char *name, yyjson_val *in,
                        yyjson_val *not_in) {
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(diffing->document, object, name);
    size_t index, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(in, index, count, key, value) {
        if (yyjson_obj_get(not_in, yyjson_get_str(key)) == NULL) {
            yyjson_mut_val *item = yyjson_mut_arr_add_obj(diffing->document, list);
            ps_json_add_text(diffing->document, item, "feature", yyjson_get_str(key));
            add_copy(diffing, item, "value", value);
        }
    }
}

static penstock_code add_features(struct diffing *diffing, const char *name, struct penstock_error *error) {
    yyjson_val *a = member(diffing, 0, name);
    yyjson_val *b = member(diffing, 1, name);
    if (!yyjson_is_obj(a) && !yyjson_is_obj(b)) {
        return PENSTOCK_OK; /* a kind of model that has none */
    }
    yyjson_mut_val *object = add_object(diffing, name);
    add_missing(diffing, object, "came", b, a);
    add_missing(diffing, object, "went", a, b);
    return add_changed(diffing, object, a, b, error);
}

static bool has_text(yyjson_val *list, const char *text) {
    size_t index, count;
    yyjson_val *value;
    yyjson_arr_foreach(list, index, count, value) {
        if (yyjson_equals_str(value, text)) {
            return true;
        }
    }
    return false;
}

static void add_texts(struct diffing *diffing, yyjson_mut_val *object, const char *name, yyjson_val *in,
                      yyjson_val *not_in) {
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(diffing->document, object, name);
    size_t index, count;
    yyjson_val *value;
    yyjson_arr_foreach(in, index, count, value) {
        if (!has_text(not_in, yyjson_get_str(value))) {
            (void)yyjson_mut_arr_add_strcpy(diffing->document, list, yyjson_get_str(value));
        }
    }
}

/* ---- the SQL text ---- */

struct line {
    const char *text;
    size_t size;
};

static size_t split_lines(const char *text, struct line *lines) {
    size_t count = 0;
    while (*text != '\0' && count < LINE_COUNT_MAX) {
        const char *end = strchr(text, '\n');
        lines[count++] = (struct line){text, end == NULL ? strlen(text) : (size_t)(end - text)};
        text = end == NULL ? text + lines[count - 1].size : end + 1;
    }
    return count;
}

static bool is_same_line(struct line a, struct line b) {
    return a.size == b.size && memcmp(a.text, b.text, a.size) == 0;
}

static void add_line(struct diffing *diffing, yyjson_mut_val *list, char mark, struct line line) {
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, SHOWN_SIZE_MAX);
    ps_buffer_printf(&text, "%c ", mark);
    ps_buffer_add(&text, line.text, line.size);
    (void)yyjson_mut_arr_add_strcpy(diffing->document, list, text.data == NULL ? "" : text.data);
}

/* lengths[i * (b_count + 1) + j]: of the longest common subsequence of a's lines from i and b's from j. */
static void match_lines(const struct line *a, size_t a_count, const struct line *b, size_t b_count,
                        uint32_t *lengths) {
    const size_t width = b_count + 1;
    for (size_t i = a_count; i-- > 0;) {
        for (size_t j = b_count; j-- > 0;) {
            const uint32_t down = lengths[(i + 1) * width + j];
            const uint32_t right = lengths[i * width + j + 1];
            lengths[i * width + j] = is_same_line(a[i], b[j]) ? lengths[(i + 1) * width + j + 1] + 1
                                     : down >= right          ? down
                                                              : right;
        }
    }
}

static penstock_code add_statement(struct diffing *diffing, struct penstock_error *error) {
    const char *texts[2];
    struct line *lines[2] = {NULL, NULL};
    size_t counts[2] = {0, 0};
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    for (size_t side = 0; side < 2; side++) {
        texts[side] = yyjson_get_str(yyjson_obj_get(member(diffing, side, "lineage"), "statement"));
        texts[side] = texts[side] == NULL ? "" : texts[side];
        lines[side] = arena == NULL ? NULL : ps_arena_allocate(arena, LINE_COUNT_MAX, sizeof **lines);
        if (lines[side] == NULL) {
            return ps_error_memory(error, "a comparison of models");
        }
        counts[side] = split_lines(texts[side], lines[side]);
    }
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(diffing->document, diffing->root, "statement");
    if (strcmp(texts[0], texts[1]) == 0) {
        return PENSTOCK_OK; /* nothing to tell */
    }
    const size_t width = counts[1] + 1;
    uint32_t *lengths PS_SCOPED(ps_release_scoped) = ps_allocate((counts[0] + 1) * width, sizeof *lengths);
    if (lengths == NULL) {
        return ps_error_memory(error, "a comparison of models");
    }
    match_lines(lines[0], counts[0], lines[1], counts[1], lengths);
    size_t i = 0, j = 0;
    while (i < counts[0] || j < counts[1]) {
        if (i < counts[0] && j < counts[1] && is_same_line(lines[0][i], lines[1][j])) {
            add_line(diffing, list, ' ', lines[0][i]);
            i++;
            j++;
        } else if (i < counts[0] &&
                   (j == counts[1] || lengths[(i + 1) * width + j] >= lengths[i * width + j + 1])) {
            add_line(diffing, list, '-', lines[0][i++]);
        } else {
            add_line(diffing, list, '+', lines[1][j++]);
        }
    }
    return PENSTOCK_OK;
}

/* ---- all of it ---- */

static void add_head(struct diffing *diffing, size_t side, const char *name) {
    static const char *const names[] = {"name", "version", "status", "aliases", "created_at"};
    yyjson_mut_val *object = add_object(diffing, name);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        add_copy(diffing, object, names[i], member(diffing, side, names[i]));
    }
}

static penstock_code read_side(struct ps_connection *connection, const char *reference, struct side *side,
                               struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_buffer json PS_SCOPED(ps_buffer_done) = {0};
    const char *name = NULL;
    int64_t version = 0;
    ps_buffer_init(&json, SHOWN_SIZE_MAX);
    if (arena == NULL) {
        return ps_error_memory(error, "a comparison of models");
    }
    PS_TRY(ps_registry_resolve(connection, reference, arena, &name, &version, error));
    PS_TRY(ps_registry_show(connection, name, version, &json, error));
    PS_TRY(ps_buffer_status(&json, error));
    PS_TRY(ps_json_parse(json.data, json.size, &side->document, error));
    side->root = yyjson_doc_get_root(side->document);
    return PENSTOCK_OK;
}

static penstock_code compare(struct diffing *diffing, struct penstock_error *error) {
    add_head(diffing, 0, "a");
    add_head(diffing, 1, "b");
    add_section(diffing, diffing->root, "chosen", false);
    yyjson_mut_val *metrics = add_object(diffing, "metrics");
    add_section(diffing, metrics, "holdout", false);
    add_section(diffing, metrics, "training", false);
    add_section(diffing, metrics, "baseline", false);
    add_section(diffing, diffing->root, "rows", false);
    add_pair(diffing, diffing->root, "intercept", member(diffing, 0, "intercept"),
             member(diffing, 1, "intercept"));
    PS_TRY(add_features(diffing, "coefficients", error));
    PS_TRY(add_features(diffing, "importances", error));
    yyjson_mut_val *inputs = add_object(diffing, "inputs");
    add_texts(diffing, inputs, "came", member(diffing, 1, "inputs"), member(diffing, 0, "inputs"));
    add_texts(diffing, inputs, "went", member(diffing, 0, "inputs"), member(diffing, 1, "inputs"));
    PS_TRY(add_statement(diffing, error));
    yyjson_mut_val *gate = add_object(diffing, "gate");
    add_copy(diffing, gate, "a", member(diffing, 0, "gate"));
    add_copy(diffing, gate, "b", member(diffing, 1, "gate"));
    return PENSTOCK_OK;
}

penstock_code ps_registry_diff(struct ps_connection *connection, const char *first, const char *second,
                               struct ps_buffer *json_out, struct penstock_error *error) {
    struct diffing diffing PS_SCOPED(diffing_done) = {.document = ps_json_new()};
    if (diffing.document == NULL) {
        return ps_error_memory(error, "a comparison of models");
    }
    diffing.root = yyjson_mut_doc_get_root(diffing.document);
    PS_TRY(read_side(connection, first, &diffing.sides[0], error));
    PS_TRY(read_side(connection, second, &diffing.sides[1], error));
    PS_TRY(compare(&diffing, error));
    return ps_json_write(diffing.document, true, json_out, error);
}
