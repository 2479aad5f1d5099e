/* SPDX-License-Identifier: Apache-2.0
 *
 * output.c - buffered writing to one descriptor. The first failure is kept and told at the end; nothing
 * is written after it, so that a full disk never leaves a line with a hole in it.
 */
#include "cli/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* Written out when this much is waiting: few system calls, little memory. */
#define OUTPUT_FLUSH_SIZE ((size_t)64 << 10)

void ps_output_init(struct ps_output *output, int descriptor) {
    *output = (struct ps_output){.descriptor = descriptor};
    ps_buffer_init(&output->text, PS_LIMIT_ARENA_SIZE);
}

void ps_output_done(struct ps_output *output) {
    ps_buffer_done(&output->text);
}

void ps_output_flush(struct ps_output *output) {
    size_t written = 0;
    if (output->text.failed && output->failed_errno == 0) {
        output->failed_errno = ENOMEM;
    }
    while (written < output->text.size && output->failed_errno == 0) {
        const ssize_t count =
            write(output->descriptor, output->text.data + written, output->text.size - written);
        if (count > 0) {
            written += (size_t)count;
        } else if (count < 0 && errno != EINTR) {
            output->failed_errno = errno;
        }
    }
    ps_buffer_clear(&output->text);
}

static void flush_if_large(struct ps_output *output) {
    if (output->text.size >= OUTPUT_FLUSH_SIZE) {
        ps_output_flush(output);
    }
}

void ps_output_bytes(struct ps_output *output, const char *data, size_t size) {
    if (size > 0) {
        ps_buffer_add(&output->text, data, size);
    }
    flush_if_large(output);
}

void ps_output_text(struct ps_output *output, const char *text) {
    ps_output_bytes(output, text, strlen(text));
}

void ps_output_printf(struct ps_output *output, const char *format, ...) {
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    const int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (size > 0) {
        ps_output_bytes(output, text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1);
    }
}

void ps_output_shown(struct ps_output *output, const char *text) {
    for (const char *at = text; *at != '\0'; at++) {
        const unsigned char byte = (unsigned char)*at;
        if (byte == '\n') {
            ps_buffer_text(&output->text, "\\n");
        } else if (byte == '\t') {
            ps_buffer_text(&output->text, "\\t");
        } else if (byte < 0x20 || byte == 0x7f) {
            ps_buffer_printf(&output->text, "\\x%02x", byte);
        } else {
            ps_buffer_add(&output->text, at, 1);
        }
    }
    flush_if_large(output);
}

void ps_output_json(struct ps_output *output, const char *text) {
    if (text == NULL) {
        ps_buffer_text(&output->text, "null");
    } else {
        ps_buffer_json(&output->text, text, strlen(text));
    }
    flush_if_large(output);
}

penstock_code ps_output_status(struct ps_output *output, struct penstock_error *error) {
    ps_output_flush(output);
    if (output->failed_errno == 0 || output->failed_errno == EPIPE) {
        return PENSTOCK_OK;
    }
    return ps_error_errno(error, output->failed_errno, "write to standard output");
}

const char *ps_show_count(int64_t count, char *text, size_t size) {
    char digits[32];
    const int length = snprintf(digits, sizeof digits, "%lld", (long long)count);
    const int first = digits[0] == '-' ? 1 : 0;
    size_t used = 0;
    for (int index = 0; index < length && used + 2 < size; index++) {
        if (index > first && (length - index) % 3 == 0) {
            text[used++] = ',';
        }
        text[used++] = digits[index];
    }
    text[used] = '\0';
    return text;
}
