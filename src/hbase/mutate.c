/* SPDX-License-Identifier: Apache-2.0
 *
 * mutate.c - many puts and deletes at once: what is done to each row is told to actions.c, which does it.
 */
#include "hbase/mutate.h"

#include "hbase/mutate_parts.h"

struct puts {
    const struct ps_hbase_mutation *mutations;
};

static struct ps_bytes row_of(const void *context, size_t index) {
    const struct puts *const puts = context;
    return puts->mutations[index].row;
}

static void add(const void *context, size_t index, uint32_t number, struct ps_buffer *out,
                struct ps_buffer *cells) {
    const struct puts *const puts = context;
    ps_hbase_add_action(out, number, &puts->mutations[index], cells);
}

penstock_code ps_hbase_mutate(struct ps_hbase *client, const char *table,
                              const struct ps_hbase_mutation *mutations, size_t count,
                              struct penstock_error *error) {
    for (size_t i = 0; i < count; i++) {
        PS_TRY(ps_hbase_mutation_check(&mutations[i], error));
    }
    struct puts puts = {.mutations = mutations};
    const struct ps_hbase_actions actions = {
        .table = table, .word = "a put", .count = count, .context = &puts, .row = row_of, .add = add};
    return ps_hbase_act(client, &actions, error);
}
