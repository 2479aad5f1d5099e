/* SPDX-License-Identifier: Apache-2.0
 *
 * use.h - what the statements of a project need of a source: which columns, and which rows can count at all.
 *
 * A row can count if one of the statements that stream from the source may take it. Where each record has an effect
 * besides (it moves a watermark) every row counts; where it replaces the one with its key, only the key may leave it
 * out. Found once for the graph; a connector that can leave columns or rows out reads it, the others need not know.
 */
#ifndef PS_JOB_USE_H
#define PS_JOB_USE_H

#include "job/predicate.h"

struct ps_source_use {
    const bool *column_is_used; /* of the source's schema, INCLUDE columns too */
    struct ps_predicate_list rows;
    const char *why_all; /* why every row counts: "departures has a watermark"; NULL: `rows` says */
};

#endif
