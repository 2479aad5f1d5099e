/* SPDX-License-Identifier: Apache-2.0
 *
 * dictionary.h - distinct texts, numbered 0, 1, ... in the order in which they are first met.
 *
 * Texts are kept once in the dictionary's own memory; open addressing, never more than half full. The number of
 * texts is limited when it is made, so that a column of identifiers costs no more than that.
 */
#ifndef PS_MODEL_DICTIONARY_H
#define PS_MODEL_DICTIONARY_H

#include "base/bytes.h"

/* Found nowhere and no room for one more. */
#define PS_DICTIONARY_FULL (-2)

struct ps_dictionary;
penstock_code ps_dictionary_new(size_t count_max, struct ps_dictionary **dictionary_out,
                                struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_dictionary_free(struct ps_dictionary *dictionary); /* NULL: nothing */
/* *index_out: the text's number, or PS_DICTIONARY_FULL. Errors: OUT_OF_MEMORY. */
penstock_code ps_dictionary_add(struct ps_dictionary *dictionary, struct ps_bytes text, int32_t *index_out,
                                struct penstock_error *error) PENSTOCK_MUST_USE;
size_t ps_dictionary_count(const struct ps_dictionary *dictionary);
/* NUL-terminated; lives as long as the dictionary. */
const char *ps_dictionary_text(const struct ps_dictionary *dictionary, size_t index);
size_t ps_dictionary_text_size(const struct ps_dictionary *dictionary, size_t index);

#endif
