/* SPDX-License-Identifier: Apache-2.0
 *
 * completion.c - completion for bash, from the command and option tables.
 *
 * The script that comes out calls nothing: completing must not open a project.
 */
#include "cli/reference.h"

static void put_names(struct ps_output *out, const struct ps_cli_option *options) {
    for (const struct ps_cli_option *option = options; option != NULL && option->row.name != NULL; option++) {
        ps_output_printf(out, " --%s", option->row.name);
    }
}

/* "--format) COMPREPLY=(table csv json)" for every option whose values are known. */
static void put_values(struct ps_output *out, const struct ps_cli_option *options) {
    for (const struct ps_cli_option *option = options; option != NULL && option->row.name != NULL; option++) {
        if (option->row.type == PS_OPTION_CHOICE) {
            ps_output_printf(out, "    --%s) COMPREPLY=($(compgen -W '", option->row.name);
            for (const char *at = option->row.choices; *at != '\0'; at++) {
                ps_output_bytes(out, *at == '|' ? " " : at, 1);
            }
            ps_output_text(out, "' -- \"$word\")); return ;;\n");
        } else if (option->value_name != NULL && strcmp(option->value_name, "DIR") == 0) {
            ps_output_printf(out, "    --%s) COMPREPLY=($(compgen -d -- \"$word\")); return ;;\n",
                             option->row.name);
        } else if (option->value_name != NULL && strcmp(option->value_name, "FILE") == 0) {
            ps_output_printf(out, "    --%s) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n",
                             option->row.name);
        } else if (option->value_name != NULL) {
            ps_output_printf(out, "    --%s) return ;;\n", option->row.name);
        }
    }
}

/* Groups and owners of options that are one word, each once. */
struct names {
    struct ps_output *out;
    const char *group;
};

static void put_name(const struct ps_reference_row *row, void *context) {
    struct names *const names = context;
    if (row->option != NULL) {
        return;
    }
    if (names->group == NULL || strcmp(names->group, row->group) != 0) {
        names->group = row->group;
        ps_output_printf(names->out, " %s", row->group);
    }
    if (row->owner[strspn(row->owner, "*")] != '\0' && strchr(row->owner, ' ') == NULL) {
        ps_output_printf(names->out, " %s", row->owner);
    }
}

/* "'options') COMPREPLY=(...)": of commands whose argument is such a name. */
static void put_arguments(struct ps_output *out) {
    for (size_t index = 0; ps_commands[index] != NULL; index++) {
        if (ps_commands[index]->takes_names) {
            struct names names = {.out = out};
            ps_output_printf(out, "    '%s') known='", ps_commands[index]->name);
            ps_reference_walk(put_name, &names);
            ps_output_text(out, "' ;;\n");
        }
    }
}

/* The first words, each once: models of "models list" and "models show". */
static void put_first_words(struct ps_output *out) {
    const char *last = "";
    for (size_t index = 0; ps_commands[index] != NULL; index++) {
        const char *const name = ps_commands[index]->name;
        const size_t size = strcspn(name, " ");
        if (strlen(last) < size || strncmp(last, name, size) != 0) {
            ps_output_text(out, " ");
            ps_output_bytes(out, name, size);
        }
        last = name;
    }
}

static void put_second_words(struct ps_output *out) {
    for (size_t index = 0; ps_commands[index] != NULL; index++) {
        const char *const space = strchr(ps_commands[index]->name, ' ');
        if (space != NULL) {
            ps_output_text(out, "    ");
            ps_output_bytes(out, ps_commands[index]->name, (size_t)(space - ps_commands[index]->name));
            ps_output_printf(out, ") more+=' %s' ;;&\n", space + 1);
        }
    }
}

void ps_cli_print_completion(struct ps_output *out) {
    ps_output_text(
        out,
        "# bash completion for penstock " PENSTOCK_VERSION "; written by: penstock help --completion\n"
        "_penstock() {\n"
        "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} first= second= more= at\n"
        "  for ((at = 1; at < COMP_CWORD; at++)); do\n"
        "    case ${COMP_WORDS[at]} in\n"
        "      -*) ;;\n"
        "      *) if [ -z \"$first\" ]; then first=${COMP_WORDS[at]}; elif [ -z \"$second\" ]; then "
        "second=${COMP_WORDS[at]}; fi ;;\n"
        "    esac\n"
        "  done\n"
        "  case $before in\n");
    put_values(out, ps_cli_common_options);
    for (size_t index = 0; ps_commands[index] != NULL; index++) {
        put_values(out, ps_commands[index]->options);
    }
    ps_output_text(out, "  esac\n"
                        "  if [ -z \"$first\" ]; then COMPREPLY=($(compgen -W '");
    put_first_words(out);
    ps_output_text(out, "' -- \"$word\")); return; fi\n  case $first in\n");
    put_second_words(out);
    ps_output_text(
        out,
        "  esac\n"
        "  if [ -n \"$more\" ] && [ -z \"$second\" ]; then COMPREPLY=($(compgen -W \"$more\" -- \"$word\")); "
        "return; fi\n"
        "  [ -n \"$more\" ] && first=\"$first $second\"\n"
        "  more='");
    put_names(out, ps_cli_common_options);
    ps_output_text(out, "'\n  case $first in\n");
    for (size_t index = 0; ps_commands[index] != NULL; index++) {
        if (ps_commands[index]->options != NULL) {
            ps_output_printf(out, "    '%s') more+='", ps_commands[index]->name);
            put_names(out, ps_commands[index]->options);
            ps_output_text(out, "' ;;\n");
        }
    }
    ps_output_text(out, "  esac\n  local known=\n  case $first in\n");
    put_arguments(out);
    ps_output_text(
        out,
        "  esac\n"
        "  case $word in\n"
        "    -*) COMPREPLY=($(compgen -W \"$more\" -- \"$word\")) ;;\n"
        "    *) if [ -n \"$known\" ]; then COMPREPLY=($(compgen -W \"$known\" -- \"$word\")); return; fi\n"
        "       COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
        "  esac\n"
        "}\n"
        "complete -F _penstock penstock\n");
}
