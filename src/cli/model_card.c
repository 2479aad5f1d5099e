/* SPDX-License-Identifier: Apache-2.0
 *
 * model_card.c - a registered version for a person.
 */
#include "cli/model_card.h"

penstock_code ps_model_card_print(struct ps_cli *cli, const char *json, size_t size, struct penstock_error *error) {
    (void)error;
    ps_output_bytes(cli->out, json, size);
    ps_output_text(cli->out, "\n");
    return PENSTOCK_OK;
}
