/* SPDX-License-Identifier: Apache-2.0
 *
 * reference.h - every option row of the program in one walk: commands, manifest, sources, sinks, codecs,
 * transforms.
 *
 * `penstock options`, the man page and the completion are made from this walk, so that a new row is
 * documented by being there.
 */
#ifndef PS_CLI_REFERENCE_H
#define PS_CLI_REFERENCE_H

#include "cli/command.h"

struct ps_reference_row {
    const char *
        group; /* "command", "manifest", "source", "sink", "encode", "transform", "estimator", "job", "dataset",
               "validation" */
    const char *owner;                   /* "run", "penstock.yml", "file", "csv", "StandardScaler" */
    const char *summary;                 /* of the owner */
    const struct ps_option *option;      /* NULL: the owner itself, before its options */
    const struct ps_cli_option *written; /* of the command line; else NULL */
};
typedef void ps_reference_visit(const struct ps_reference_row *row, void *context);
void ps_reference_walk(ps_reference_visit *visit, void *context);

/* "TEXT", "N", "true|false": what may stand for the value */
const char *ps_reference_value(const struct ps_option *option);

#endif
