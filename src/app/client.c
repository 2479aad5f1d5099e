/* SPDX-License-Identifier: Apache-2.0
 *
 * client.c - the asking side of the control socket.
 */
#include "app/control.h"
#include "app/wire.h"

#include <stdio.h>

#include "base/limits.h"

/* A stop is only a flag being set; whoever does not answer by then is asked by a signal. */
#define STOP_WAIT_MS 2000
#define SEND_WAIT_MS 10000

/* The answer's own error becomes ours. */
static penstock_code adopt(yyjson_val *answer, struct penstock_error *error) {
    yyjson_val *code = yyjson_obj_get(answer, "code");
    if (!yyjson_is_int(code)) {
        return ps_error_set(error, PENSTOCK_INTERNAL,
                            "the running process answered with something that is no answer");
    }
    if (yyjson_get_int(code) == PENSTOCK_OK) {
        return PENSTOCK_OK;
    }
    const char *message = yyjson_get_str(yyjson_obj_get(answer, "message"));
    const char *detail = yyjson_get_str(yyjson_obj_get(answer, "detail"));
    const char *hint = yyjson_get_str(yyjson_obj_get(answer, "hint"));
    ps_error_set(error, (penstock_code)yyjson_get_int(code), "%s", message == NULL ? "" : message);
    if (detail != NULL && detail[0] != '\0') {
        ps_error_detail(error, "%s", detail);
    }
    if (hint != NULL && hint[0] != '\0') {
        ps_error_hint(error, "%s", hint);
    }
    return (penstock_code)yyjson_get_int(code);
}

penstock_code ps_control_ask(const char *store_path, const yyjson_mut_doc *request, int64_t wait_ms,
                             yyjson_doc **answer_out, struct penstock_error *error) {
    int peer PS_SCOPED(ps_wire_close) = -1;
    struct ps_buffer text PS_SCOPED(ps_buffer_done) = {0};
    struct ps_buffer line PS_SCOPED(ps_buffer_done) = {0};
    ps_buffer_init(&text, PS_LIMIT_ARENA_SIZE);
    ps_buffer_init(&line, PS_LIMIT_ARENA_SIZE);
    PS_TRY(ps_json_write(request, false, &text, error));
    ps_buffer_text(&text, "\n");
    PS_TRY(ps_buffer_status(&text, error));
    PS_TRY(ps_wire_connect(store_path, &peer, error));
    PS_TRY(ps_wire_write(peer, -1, SEND_WAIT_MS, text.data, text.size, error));
    PS_TRY(ps_wire_read(peer, -1, wait_ms, &line, error));
    yyjson_doc *answer PS_SCOPED(ps_json_read_free_scoped) = NULL;
    PS_TRY(ps_json_parse(line.data, line.size, &answer, error));
    PS_TRY(adopt(yyjson_doc_get_root(answer), error));
    *answer_out = ps_take(answer);
    return PENSTOCK_OK;
}

bool ps_control_is_served(const char *store_path) {
    struct penstock_error ignored;
    int peer PS_SCOPED(ps_wire_close) = -1;
    return ps_wire_connect(store_path, &peer, &ignored) == PENSTOCK_OK;
}

penstock_code ps_control_stop(const char *store_path, const char *application, struct penstock_error *error) {
    yyjson_mut_doc *request PS_SCOPED(ps_json_free_scoped) = ps_json_new();
    yyjson_doc *answer PS_SCOPED(ps_json_read_free_scoped) = NULL;
    if (request == NULL) {
        return ps_error_memory(error, "request");
    }
    ps_json_add_text(request, yyjson_mut_doc_get_root(request), "request", "stop");
    ps_json_add_text(request, yyjson_mut_doc_get_root(request), "application", application);
    return ps_control_ask(store_path, request, STOP_WAIT_MS, &answer, error);
}
