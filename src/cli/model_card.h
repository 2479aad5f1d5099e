/* SPDX-License-Identifier: Apache-2.0
 *
 * model_card.h - a registered version, from the registry's JSON to a page for a person.
 */
#ifndef PS_CLI_MODEL_CARD_H
#define PS_CLI_MODEL_CARD_H

#include "cli/command.h"

/* table: the page; csv: feature,coefficient. */
penstock_code ps_model_card_print(struct ps_cli *cli, const char *json, size_t size,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;
/* From the JSON of a comparison. table: the page; csv: feature,a,b,change of the coefficients that differ. */
penstock_code ps_model_diff_print(struct ps_cli *cli, const char *json, size_t size,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
