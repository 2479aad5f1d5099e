/* SPDX-License-Identifier: Apache-2.0
 *
 * registry.c - a client of a schema registry, on libcurl.
 *
 * One connection per schema: a topic has few, and each is asked for once. What may pass (no connection, a
 * time-out, 5xx, 429) is tried again for some seconds with growing pauses; what will not (401, an address that is
 * something else) is an error at once. Only an answer in the registry's own words that there is no such schema is
 * the record's fault.
 */
#include "connect/registry.h"

#include <curl/curl.h>
#include <yyjson.h>

#include "base/clock.h"
#include "base/limits.h"
#include "data/render.h"

/* The largest answer; Confluent's registry refuses schemas above 1 MiB. */
#define ANSWER_SIZE_MAX ((size_t)16 << 20)
#define CONNECT_TIMEOUT_MS 3000L
#define ANSWER_TIMEOUT_MS 10000L
/* Pauses of 100, 200, ... 3200 ms: 6.3 s in all. */
#define ATTEMPT_COUNT 7
#define PAUSE_MS_MIN 100
/* Schemas that one schema refers to, directly or not. */
#define REFERENCE_COUNT_MAX 256

/* error_code of "no such schema", of "no such subject" and of "no such version" */
#define NO_SUBJECT 40401
#define NO_VERSION 40402
#define NO_SCHEMA 40403

struct ps_registry {
    char *address; /* without a slash at its end */
    char *username, *password, *ca_file;
};

/* An answer with its status. */
struct answer {
    long status;
    struct ps_buffer body;
    char cause[CURL_ERROR_SIZE];
    CURLcode code;
};

static penstock_code check_address(const char *address, struct penstock_error *error) {
    const bool is_http = strncasecmp(address, "http://", 7) == 0 || strncasecmp(address, "https://", 8) == 0;
    const char *host = is_http ? strstr(address, "://") + 3 : "";
    const char *at = strchr(host, '@');
    if (at != NULL) { /* it would be shown with every error */
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                           "schema.registry: the address has a user or password in it");
        return ps_error_hint(error, "give them as schema.registry.username and schema.registry.password");
    }
    if (!is_http || host[0] == '\0' || host[0] == '/' || strpbrk(address, " \t\r\n") != NULL) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "schema.registry: '%s' is no address", address);
        return ps_error_hint(error, "it looks like 'http://host:8081' or 'https://host/path'");
    }
    return PENSTOCK_OK;
}

static bool copy_option(const char *text, char **copy_out) {
    *copy_out = text == NULL || text[0] == '\0' ? NULL : ps_duplicate(text);
    return *copy_out != NULL || text == NULL || text[0] == '\0';
}

penstock_code ps_registry_new(const struct ps_schema_options *options, struct ps_registry **registry_out,
                              struct penstock_error *error) {
    PS_TRY(check_address(options->registry, error));
    struct ps_registry *registry = ps_allocate(1, sizeof *registry);
    if (registry == NULL || !copy_option(options->registry, &registry->address) ||
        !copy_option(options->username, &registry->username) ||
        !copy_option(options->password, &registry->password) ||
        !copy_option(options->ca_file, &registry->ca_file)) {
        ps_registry_free(registry);
        return ps_error_memory(error, "a schema registry");
    }
    size_t size = strlen(registry->address);
    while (size > 0 && registry->address[size - 1] == '/') {
        registry->address[--size] = '\0';
    }
    *registry_out = registry;
    return PENSTOCK_OK;
}

void ps_registry_free(struct ps_registry *registry) {
    if (registry == NULL) {
        return;
    }
    ps_release(registry->address);
    ps_release(registry->username);
    ps_release(registry->password);
    ps_release(registry->ca_file);
    ps_release(registry);
}

/* --- one request ------------------------------------------------------------------------------------------------ */

static size_t take_part(char *data, size_t size, size_t count, void *context) {
    struct ps_buffer *body = context;
    ps_buffer_add(body, data, size * count);
    return body->failed ? 0 : size * count;
}

static CURLcode set_options(CURL *curl, const struct ps_registry *registry, const char *url,
                            struct curl_slist *headers, struct answer *answer) {
    CURLcode code = curl_easy_setopt(curl, CURLOPT_URL, url);
    code = code != CURLE_OK ? code : curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    code = code != CURLE_OK ? code : curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    code = code != CURLE_OK ? code : curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    code = code != CURLE_OK ? code : curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
    code = code != CURLE_OK ? code : curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    code = code != CURLE_OK ? code : curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, ANSWER_TIMEOUT_MS);
    code = code != CURLE_OK ? code : curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_part);
    code = code != CURLE_OK ? code : curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer->body);
    code = code != CURLE_OK ? code : curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, answer->cause);
    if (code == CURLE_OK && registry->username != NULL) {
        code = curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        code = code != CURLE_OK ? code : curl_easy_setopt(curl, CURLOPT_USERNAME, registry->username);
        code = code != CURLE_OK
                   ? code
                   : curl_easy_setopt(curl, CURLOPT_PASSWORD, registry->password ? registry->password : "");
    }
    if (code == CURLE_OK && registry->ca_file != NULL) {
        code = curl_easy_setopt(curl, CURLOPT_CAINFO, registry->ca_file);
    }
    return code;
}

static penstock_code ask(const struct ps_registry *registry, const char *url, struct answer *answer,
                         struct penstock_error *error) {
    CURL *curl = curl_easy_init();
    struct curl_slist *headers =
        curl_slist_append(NULL, "Accept: application/vnd.schemaregistry.v1+json, application/json");
    ps_buffer_clear(&answer->body);
    answer->body.failed = false;
    answer->cause[0] = '\0';
    answer->status = 0;
    answer->code = CURLE_OUT_OF_MEMORY;
    if (curl != NULL && headers != NULL) {
        answer->code = set_options(curl, registry, url, headers, answer);
    }
    if (answer->code == CURLE_OK) {
        answer->code = curl_easy_perform(curl);
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
    }
    if (answer->cause[0] == '\0') {
        (void)snprintf(answer->cause, sizeof answer->cause, "%s", curl_easy_strerror(answer->code));
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return answer->code == CURLE_OUT_OF_MEMORY ? ps_error_memory(error, "a schema") : PENSTOCK_OK;
}

/* May the same request succeed later? */
static bool is_passing(const struct answer *answer) {
    if (answer->code == CURLE_OK) {
        return answer->status >= 500 || answer->status == 408 || answer->status == 429;
    }
    return answer->code != CURLE_PEER_FAILED_VERIFICATION && answer->code != CURLE_SSL_CACERT_BADFILE &&
           answer->code != CURLE_SSL_CONNECT_ERROR && answer->code != CURLE_WRITE_ERROR;
}

static penstock_code fail_passing(const struct ps_registry *registry, const struct answer *answer,
                                  struct penstock_error *error) {
    if (answer->code != CURLE_OK) {
        (void)ps_error_set(error, PENSTOCK_UNAVAILABLE, "the schema registry at %s does not answer",
                           registry->address);
        (void)ps_error_detail(error, "%s", answer->cause);
    } else {
        (void)ps_error_set(error, PENSTOCK_UNAVAILABLE, "the schema registry at %s answers %ld",
                           registry->address, answer->status);
        (void)ps_error_detail(error, "%.300s", answer->body.size > 0 ? answer->body.data : "");
    }
    return ps_error_hint(error, "records wait in their topic until it is back");
}

/* An answer that will be the same the next time. */
static penstock_code fail(const struct ps_registry *registry, const struct answer *answer,
                          struct penstock_error *error) {
    if (answer->code != CURLE_OK) {
        (void)ps_error_set(error, PENSTOCK_IO, "the schema registry at %s cannot be asked",
                           registry->address);
        (void)ps_error_detail(error, "%s", answer->cause);
        (void)ps_error_hint(error, "is schema.registry.ca the right one?");
    } else if (answer->status == 401 || answer->status == 403) {
        (void)ps_error_set(error, PENSTOCK_IO, "the schema registry at %s refuses %s", registry->address,
                           registry->username == NULL ? "requests without a user" : registry->username);
        (void)ps_error_hint(error, "set schema.registry.username and schema.registry.password");
    } else {
        (void)ps_error_set(error, PENSTOCK_IO, "the schema registry at %s answers %ld", registry->address,
                           answer->status);
        (void)ps_error_detail(error, "%.300s", answer->body.size > 0 ? answer->body.data : "");
        (void)ps_error_hint(error, "is this the address of a schema registry?");
    }
    if (error != NULL) {
        error->remedy = PENSTOCK_GIVE_UP;
    }
    return PENSTOCK_IO;
}

/* GET, tried again while there is hope. The answer is JSON, of status 200, or 404 in the registry's own words: then
 * *code_out is the registry's error code. */
static penstock_code get(const struct ps_registry *registry, const char *url, struct answer *answer,
                         yyjson_doc **document_out, int64_t *code_out, struct penstock_error *error) {
    for (int attempt = 0; attempt < ATTEMPT_COUNT; attempt++) {
        if (attempt > 0) {
            ps_clock_sleep_ms((int64_t)PAUSE_MS_MIN << (attempt - 1));
        }
        PS_TRY(ask(registry, url, answer, error));
        if (!is_passing(answer)) {
            break;
        }
    }
    if (is_passing(answer)) {
        return fail_passing(registry, answer, error);
    }
    yyjson_doc *document = answer->code == CURLE_OK && answer->body.size > 0
                               ? yyjson_read(answer->body.data, answer->body.size, 0)
                               : NULL;
    *code_out = yyjson_get_sint(yyjson_obj_get(yyjson_doc_get_root(document), "error_code"));
    const bool is_missing = answer->status == 404 &&
                            (*code_out == NO_SUBJECT || *code_out == NO_VERSION || *code_out == NO_SCHEMA);
    if ((answer->status == 200 && document != NULL) || is_missing) {
        *document_out = document;
        return PENSTOCK_OK;
    }
    yyjson_doc_free(document);
    return fail(registry, answer, error);
}

/* --- a schema with its references ------------------------------------------------------------------------------- */

/* A schema that still has to be asked for, by the rest of its address. */
struct wanted {
    const char *path;
    struct ps_bytes text;
};

struct fetch {
    const struct ps_registry *registry;
    bool is_serialized;
    struct ps_arena *arena;
    struct penstock_error *error;
    struct answer answer;
    struct wanted items[REFERENCE_COUNT_MAX];
    size_t count;
};

static bool is_wanted(const struct fetch *fetch, const char *path) {
    for (size_t i = 0; i < fetch->count; i++) {
        if (strcmp(fetch->items[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

/* {"subject": "x", "version": 3} as a path */
static penstock_code add_reference(struct fetch *fetch, yyjson_val *reference) {
    const char *subject = yyjson_get_str(yyjson_obj_get(reference, "subject"));
    yyjson_val *version = yyjson_obj_get(reference, "version");
    char *escaped = subject == NULL ? NULL : curl_easy_escape(NULL, subject, 0);
    if (escaped == NULL || !yyjson_is_int(version)) {
        curl_free(escaped);
        return ps_error_set(fetch->error, PENSTOCK_INVALID_DATA, "a reference without subject and version");
    }
    const char *path = ps_arena_printf(fetch->arena, "/subjects/%s/versions/%lld", escaped,
                                       (long long)yyjson_get_sint(version));
    curl_free(escaped);
    if (path == NULL) {
        return ps_error_memory(fetch->error, "a schema");
    }
    if (is_wanted(fetch, path)) {
        return PENSTOCK_OK;
    }
    if (fetch->count == REFERENCE_COUNT_MAX) {
        return ps_error_set(fetch->error, PENSTOCK_INVALID_DATA, "it refers to more than %d schemas",
                            REFERENCE_COUNT_MAX);
    }
    fetch->items[fetch->count++].path = path;
    return PENSTOCK_OK;
}

static penstock_code take_text(struct fetch *fetch, yyjson_val *root, struct ps_bytes *text_out) {
    yyjson_val *schema = yyjson_obj_get(root, "schema");
    const struct ps_bytes text = {yyjson_get_str(schema), yyjson_get_len(schema)};
    struct ps_buffer bytes PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&bytes, ANSWER_SIZE_MAX);
    if (text.data == NULL) {
        return ps_error_set(fetch->error, PENSTOCK_INVALID_DATA, "the registry's answer has no schema in it");
    }
    if (!fetch->is_serialized) {
        ps_buffer_add(&bytes, text.data, text.size);
    } else if (!ps_read_base64(text, &bytes)) {
        (void)ps_error_set(fetch->error, PENSTOCK_UNSUPPORTED,
                           "the schema registry at %s gives Protobuf schemas as .proto text only",
                           fetch->registry->address);
        return ps_error_hint(
            fetch->error,
            "it must know ?format=serialized; without it use ENCODE PROTOBUF (descriptor.file = "
            "'x.desc', message = 'pkg.Name')");
    }
    PS_TRY(ps_buffer_status(&bytes, fetch->error));
    text_out->size = bytes.size;
    text_out->data = ps_arena_copy_size(fetch->arena, bytes.size > 0 ? bytes.data : "", bytes.size);
    return text_out->data != NULL ? PENSTOCK_OK : ps_error_memory(fetch->error, "a schema");
}

static penstock_code take_answer(struct fetch *fetch, yyjson_val *root, size_t index) {
    PS_TRY(take_text(fetch, root, &fetch->items[index].text));
    yyjson_val *references = yyjson_obj_get(root, "references");
    yyjson_arr_iter iterator = yyjson_arr_iter_with(references);
    for (yyjson_val *at = yyjson_arr_iter_next(&iterator); at != NULL; at = yyjson_arr_iter_next(&iterator)) {
        PS_TRY(add_reference(fetch, at));
    }
    return PENSTOCK_OK;
}

static penstock_code fetch_item(struct fetch *fetch, size_t index, int64_t id) {
    yyjson_doc *document = NULL;
    int64_t refusal = 0;
    const char *url =
        ps_arena_printf(fetch->arena, "%s%s%s", fetch->registry->address, fetch->items[index].path,
                        fetch->is_serialized ? "?format=serialized" : "");
    if (url == NULL) {
        return ps_error_memory(fetch->error, "a schema");
    }
    PS_TRY(get(fetch->registry, url, &fetch->answer, &document, &refusal, fetch->error));
    penstock_code code = PENSTOCK_OK;
    if (refusal != 0) {
        code = ps_error_set(fetch->error, PENSTOCK_NOT_FOUND,
                            index == 0 ? "the schema registry has no schema of id %lld"
                                       : "the schema registry lacks a schema that schema %lld refers to",
                            (long long)id);
    } else {
        code = take_answer(fetch, yyjson_doc_get_root(document), index);
        code = code == PENSTOCK_INVALID_DATA ? PENSTOCK_NOT_FOUND : code; /* of no use: the record's fault */
    }
    yyjson_doc_free(document);
    return code;
}

static void fetch_free_scoped(struct fetch **fetch) {
    if (*fetch != NULL) {
        ps_buffer_done(&(*fetch)->answer.body);
    }
    ps_release(*fetch);
}

penstock_code ps_registry_fetch(const struct ps_registry *registry, int64_t id, bool is_serialized,
                                struct ps_arena *arena, struct ps_schema_texts *texts_out,
                                struct penstock_error *error) {
    struct fetch *fetch PS_SCOPED(fetch_free_scoped) = ps_allocate(1, sizeof *fetch);
    if (fetch == NULL) {
        return ps_error_memory(error, "a schema");
    }
    fetch->registry = registry;
    fetch->is_serialized = is_serialized;
    fetch->arena = arena;
    fetch->error = error;
    ps_buffer_init(&fetch->answer.body, ANSWER_SIZE_MAX);
    fetch->items[0].path = ps_arena_printf(arena, "/schemas/ids/%lld", (long long)id);
    fetch->count = 1;
    struct ps_bytes *items = ps_arena_allocate(arena, REFERENCE_COUNT_MAX, sizeof *items);
    if (fetch->items[0].path == NULL || items == NULL) {
        return ps_error_memory(error, "a schema");
    }
    for (size_t i = 0; i < fetch->count; i++) {
        PS_TRY(fetch_item(fetch, i, id));
    }
    for (size_t i = 0; i < fetch->count; i++) {
        items[i] = fetch->items[fetch->count - 1 - i].text;
    }
    *texts_out = (struct ps_schema_texts){items, fetch->count};
    return PENSTOCK_OK;
}
