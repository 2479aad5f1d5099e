/* SPDX-License-Identifier: Apache-2.0
 *
 * codec.h - bytes to columns. One row of the codec table per format (json, csv).
 *
 * A decoder is configured once and then only read: any number of threads may decode with it at the same
 * time, each into its own batch. A record becomes exactly one row or exactly one dead letter.
 */
#ifndef PS_DATA_CODEC_H
#define PS_DATA_CODEC_H

#include "base/option.h"
#include "data/batch.h"

struct ps_codec; /* a configured decoder */

struct ps_codec_type {
    const char *name; /* "json", "csv" */
    const char *summary;
    const struct ps_option *options; /* for csv: delimiter, quote, header, null_text, ... */
    size_t config_size;
    /* Finds the end of the record that starts at data[0]: its length with its terminator, 0 if it is not
     * complete within `size`. `is_end`: no more bytes will come, so what is there is a whole record. */
    size_t (*frame)(const void *config, const char *data, size_t size, bool is_end);
    penstock_code (*decode)(const void *config, struct ps_batch *batch, struct ps_record record,
                            struct penstock_error *error);
    /* Called before a file's first record, with the bytes of its header line if options want one; may be NULL. */
    bool (*has_header)(const void *config);
};
extern const struct ps_codec_type *const ps_codec_types[]; /* NULL-terminated */

const struct ps_codec_type *ps_codec_find(const char *name); /* or NULL */
#endif
