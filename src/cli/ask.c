/* SPDX-License-Identifier: Apache-2.0
 *
 * ask.c - shows a plan and takes the answer.
 */
#include "cli/ask.h"

#include <stdio.h>
#include <unistd.h>

void ps_cli_note(const char *text) {
    struct ps_output output PS_SCOPED(ps_output_done);
    ps_output_init(&output, STDERR_FILENO);
    ps_output_text(&output, "note: ");
    ps_output_shown(&output, text);
    ps_output_text(&output, "\n");
    ps_output_flush(&output);
}

/* Lines that end in a line feed, each as it is for a person's eyes. */
static void put_lines(struct ps_output *out, const char *text) {
    while (*text != '\0') {
        char line[1024];
        const size_t size = strcspn(text, "\n");
        (void)snprintf(line, sizeof line, "%.*s", (int)(size < sizeof line ? size : sizeof line - 1), text);
        ps_output_shown(out, line);
        ps_output_text(out, "\n");
        text += size + (text[size] == '\n' ? 1 : 0);
    }
}

/* Reads a line from the terminal: y or yes. */
static bool read_yes(void) {
    char line[64];
    if (fgets(line, sizeof line, stdin) == NULL) {
        return false;
    }
    line[strcspn(line, "\r\n")] = '\0';
    return ps_text_equal_nocase(line, "y") || ps_text_equal_nocase(line, "yes");
}

bool ps_cli_confirm(struct ps_output *out, const char *question) {
    if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0) {
        return false;
    }
    ps_output_printf(out, "%s [y/N] ", question);
    ps_output_flush(out);
    return read_yes();
}

bool ps_cli_ask(const struct ps_text_table *plan, const char *meaning, bool is_harmless, void *context) {
    struct ps_cli_answer *const answer = context;
    struct ps_output *const out = answer->cli->out;
    answer->is_empty = plan->row_count == 0;
    switch (ps_cli_format(answer->cli)) {
    case PS_FORMAT_TABLE:
        if (plan->row_count > 0) {
            ps_output_table(out, plan, 0);
        }
        put_lines(out, meaning);
        break;
    case PS_FORMAT_CSV: ps_output_table_csv(out, plan); break;
    case PS_FORMAT_JSON:
        ps_output_table_json(out, plan, 0);
        ps_output_text(out, "\n");
        break;
    }
    ps_output_flush(out);
    if (answer->is_yes || is_harmless || answer->is_dry_run || answer->is_empty) {
        return true;
    }
    return ps_cli_confirm(out, answer->question);
}
