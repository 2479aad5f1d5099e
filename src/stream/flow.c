/* SPDX-License-Identifier: Apache-2.0
 *
 * flow.c - which statements have something to do in an epoch.
 *
 * A statement has if what it streams from has rows: a source that was loaded, or a table that was written in this
 * pass over the statements. A statement without rows is left out; its stage then still has those of an older epoch,
 * so whoever reads two streams must ask for each of them.
 */
#include "stream/join.h"

void ps_flow_begin(struct ps_run *run) {
    for (size_t i = 0; i < run->output_count; i++) {
        run->outputs[i].is_written = false;
    }
}

bool ps_flow_stream_has_rows(const struct ps_run *run, size_t root, int64_t upstream) {
    return upstream >= 0 ? run->outputs[upstream].is_written
                         : !run->is_targeted && run->inputs[root].rows.row_count > 0;
}

bool ps_flow_has_rows(const struct ps_run *run, const struct ps_output *output) {
    if (output->is_skipped) {
        return false;
    }
    if (output->join == NULL) {
        return ps_flow_stream_has_rows(run, output->root, output->upstream);
    }
    const struct ps_join_side *sides = output->join->sides;
    return ps_flow_stream_has_rows(run, sides[0].root, sides[0].upstream) ||
           ps_flow_stream_has_rows(run, sides[1].root, sides[1].upstream);
}
