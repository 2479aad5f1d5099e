/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_types.c - the table of sinks. A new one is one file and one line here.
 */
#include "connect/sink_file.h"
#include "connect/sink_hbase.h"
#include "connect/sink_kafka.h"
#include "connect/sink_postgres.h"

const struct ps_sink_type *const ps_sink_types[] = {
    &ps_sink_kafka, &ps_sink_postgres, &ps_sink_hbase, &ps_sink_delta, &ps_sink_parquet, &ps_sink_file, NULL,
};

const struct ps_sink_type *ps_sink_type_find(const char *name) {
    for (size_t i = 0; ps_sink_types[i] != NULL; i++) {
        if (ps_option_name_equal(ps_sink_types[i]->name, name)) {
            return ps_sink_types[i];
        }
    }
    return NULL;
}
