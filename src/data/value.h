/* SPDX-License-Identifier: Apache-2.0
 *
 * value.h - texts to values, one way for all codecs.
 *
 * What is accepted: integers, also written 1.0 or 1e3 if they are whole; numbers with a dot and an exponent;
 * true/false/t/f/1/0; dates YYYY-MM-DD; timestamps YYYY-MM-DD[ T]HH:MM[:SS[.fraction]][Z|+hh[:mm]] (with an
 * offset: converted to UTC; digits after the microsecond are cut). White space around a value is ignored.
 */
#ifndef PS_DATA_VALUE_H
#define PS_DATA_VALUE_H

#include "data/batch.h"

enum ps_value_result {
    PS_VALUE_OK,
    PS_VALUE_TYPE,  /* not a value of this type */
    PS_VALUE_RANGE, /* a value, but outside the type's range */
};

/* Writes the value that `text` stands for at values[row]. Text types keep the view. */
enum ps_value_result ps_value_of_text(enum ps_type type, struct ps_bytes text, void *values, int64_t row);
enum ps_value_result ps_value_of_integer(enum ps_type type, int64_t value, void *values, int64_t row);
enum ps_value_result ps_value_of_double(enum ps_type type, double value, void *values, int64_t row);

/* Adds the dead letter of a value that did not fit: column, what was found, what was expected. */
penstock_code ps_value_refuse(struct ps_batch *batch, struct ps_record record, size_t column,
                              enum ps_value_result result, const char *kind_found, struct ps_bytes found,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_value_refuse_null(struct ps_batch *batch, struct ps_record record, size_t column,
                                   const char *found, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
