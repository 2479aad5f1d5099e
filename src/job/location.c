/* SPDX-License-Identifier: Apache-2.0
 *
 * location.c - "file:line:column: " in front of an error.
 */
#include "job/project.h"

penstock_code ps_error_at(struct penstock_error *error, struct ps_location location, const char *text,
                          int64_t offset) {
    for (int64_t i = 0; text != NULL && i < offset && text[i] != '\0'; i++) {
        if (text[i] == '\n') {
            location.line++;
            location.column = 1;
        } else {
            location.column++;
        }
    }
    if (location.file == NULL) {
        return error != NULL ? error->code : PENSTOCK_INTERNAL;
    }
    if (location.line <= 0) {
        return ps_error_context(error, "%s", location.file);
    }
    return ps_error_context(error, "%s:%d:%d", location.file, (int)location.line, (int)location.column);
}
