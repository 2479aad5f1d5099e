/* SPDX-License-Identifier: Apache-2.0
 *
 * json.c - the allocator under yyjson, and the few things every writer of JSON here needs.
 *
 * Names given to yyjson stay borrowed (they are literals or live as long as the document); texts are copied.
 * A yyjson call that finds no memory leaves its value out; the document's allocator remembers that, and
 * ps_json_write() refuses to write what is not whole.
 */
#include "publish/json.h"

/* `context`: a bool that remembers a failure, or NULL. */
static void *remember(void *context, void *pointer) {
    if (pointer == NULL && context != NULL) {
        *(bool *)context = true;
    }
    return pointer;
}

static void *json_allocate(void *context, size_t size) {
    return remember(context, ps_allocate(1, size));
}

static void *json_reallocate(void *context, void *pointer, size_t old_size, size_t size) {
    (void)old_size;
    return remember(context, ps_reallocate(pointer, 1, size));
}

static void json_release(void *context, void *pointer) {
    (void)context;
    ps_release(pointer);
}

static const yyjson_alc allocator = {json_allocate, json_reallocate, json_release, NULL};

static void free_document(yyjson_mut_doc *document, bool *failed) {
    yyjson_mut_doc_free(document);
    ps_release(failed);
}

yyjson_mut_doc *ps_json_new(void) {
    bool *failed = ps_allocate(1, sizeof *failed);
    if (failed == NULL) {
        return NULL;
    }
    yyjson_alc remembering = allocator;
    remembering.ctx = failed;
    yyjson_mut_doc *document = yyjson_mut_doc_new(&remembering);
    yyjson_mut_val *root = document == NULL ? NULL : yyjson_mut_obj(document);
    if (root == NULL) {
        free_document(document, failed);
        return NULL;
    }
    yyjson_mut_doc_set_root(document, root);
    return document;
}

void ps_json_free_scoped(yyjson_mut_doc **document) {
    if (*document != NULL) {
        free_document(*document, (*document)->alc.ctx);
    }
}

penstock_code ps_json_parse(const char *text, size_t size, yyjson_doc **document_out,
                            struct penstock_error *error) {
    /* without YYJSON_READ_INSITU the text is only read; the parameter is not const for that flag's sake */
    union {
        const char *given;
        char *wanted;
    } view = {.given = text};
    yyjson_read_err cause = {0};
    yyjson_doc *document = text == NULL ? NULL : yyjson_read_opts(view.wanted, size, 0, &allocator, &cause);
    if (document == NULL && cause.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION) {
        return ps_error_memory(error, "JSON");
    }
    if (document == NULL) {
        ps_error_set(error, PENSTOCK_INVALID_DATA, "not JSON, byte %zu", cause.pos);
        ps_error_detail(error, "%s", cause.msg == NULL ? "nothing there" : cause.msg);
        return PENSTOCK_INVALID_DATA;
    }
    *document_out = document;
    return PENSTOCK_OK;
}

yyjson_doc *ps_json_read(const char *text, size_t size) {
    yyjson_doc *document = NULL;
    return ps_json_parse(text, size, &document, NULL) == PENSTOCK_OK ? document : NULL;
}

void ps_json_read_free_scoped(yyjson_doc **document) {
    yyjson_doc_free(*document);
}

penstock_code ps_json_write(const yyjson_mut_doc *document, bool is_pretty, struct ps_buffer *out,
                            struct penstock_error *error) {
    const yyjson_write_flag flags =
        YYJSON_WRITE_INF_AND_NAN_AS_NULL | (is_pretty ? YYJSON_WRITE_PRETTY_TWO_SPACES : 0);
    size_t size = 0;
    char *text PS_SCOPED(ps_release_scoped) = yyjson_mut_write_opts(document, flags, &allocator, &size, NULL);
    const bool *failed = document->alc.ctx;
    if (text == NULL || *failed) {
        return ps_error_memory(error, "write JSON");
    }
    ps_buffer_add(out, text, size);
    return ps_buffer_status(out, error);
}

void ps_json_add_number(yyjson_mut_doc *document, yyjson_mut_val *object, const char *name, double value) {
    (void)yyjson_mut_obj_add_val(document, object, name, yyjson_mut_real(document, value));
}

void ps_json_add_text(yyjson_mut_doc *document, yyjson_mut_val *object, const char *name, const char *text) {
    (void)yyjson_mut_obj_add_val(
        document, object, name, text == NULL ? yyjson_mut_null(document) : yyjson_mut_strcpy(document, text));
}

void ps_json_add_parsed(yyjson_mut_doc *document, yyjson_mut_val *object, const char *name,
                        const char *text) {
    yyjson_doc *parsed PS_SCOPED(ps_json_read_free_scoped) = NULL;
    const penstock_code code = ps_json_parse(text, text == NULL ? 0 : strlen(text), &parsed, NULL);
    if (code == PENSTOCK_OUT_OF_MEMORY) {
        *(bool *)document->alc.ctx = true;
    }
    yyjson_mut_val *value = code == PENSTOCK_OK ? yyjson_val_mut_copy(document, yyjson_doc_get_root(parsed))
                                                : yyjson_mut_null(document);
    (void)yyjson_mut_obj_add_val(document, object, name, value);
}
