/* SPDX-License-Identifier: Apache-2.0
 *
 * predicate_parts.h - what the files that read a condition share: a constant as a value of a column's type.
 */
#ifndef PS_JOB_PREDICATE_PARTS_H
#define PS_JOB_PREDICATE_PARTS_H

#include "job/predicate.h"

struct ps_predicate_constant {
    struct ps_bytes value; /* of the column's type; the nearest one if what was written is none */
    int order;             /* of value to what was written: less, equal, greater */
    const char *shown;     /* as SQL would write it */
    const char *why;       /* not NULL: it cannot be used, for this reason */
};
/* Is the expression the same for every row and every run, without looking anything up? */
bool ps_predicate_is_constant(yyjson_mut_val *expression);
/* `is_listed`: it stands in an IN list, whose values take one type together. */
penstock_code ps_predicate_constant(const struct ps_predicate_scope *scope, size_t column, bool is_listed,
                                    yyjson_mut_val *expression, struct ps_predicate_constant *constant_out,
                                    struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
