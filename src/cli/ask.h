/* SPDX-License-Identifier: Apache-2.0
 *
 * ask.h - a plan shown, and the answer of whoever sits there: for commands that do what cannot be taken back.
 *
 * Without a terminal nobody answers, and no answer is a no.
 */
#ifndef PS_CLI_ASK_H
#define PS_CLI_ASK_H

#include "cli/command.h"

struct ps_cli_answer {
    struct ps_cli *cli;
    const char *question; /* "Move it?" */
    bool is_yes;          /* --yes */
    bool is_dry_run;
    bool is_empty; /* out: the plan had no rows */
};
/* struct ps_app_ask.on_plan; context: a struct ps_cli_answer. */
bool ps_cli_ask(const struct ps_text_table *plan, const char *meaning, bool is_harmless, void *context);
/* The question at the terminal; without one: no. */
bool ps_cli_confirm(struct ps_output *out, const char *question);
/* "note: ..." on standard error. */
void ps_cli_note(const char *text);

#endif
