/* SPDX-License-Identifier: Apache-2.0
 *
 * prove_parts.h - what the files of the proof share.
 *
 *   prove.c         the project, the lives and deaths, the report
 *   prove_input.c   records, written and counted
 *   prove_child.c   the program as a child: started, killed, asked where it was
 *   prove_check.c   what was read against what is there
 */
#ifndef PS_APP_PROVE_PARTS_H
#define PS_APP_PROVE_PARTS_H

#include <sys/types.h>

#include "app/prove.h"
#include "connect/kafka_trial.h"

#define PS_PROVE_KEY_COUNT 500
#define PS_PROVE_PARTITION_COUNT 4

/* Where a kill hit. */
enum ps_prove_hit {
    PS_PROVE_STARTING, /* before the first epoch: opening, recovery */
    PS_PROVE_IN_EPOCH, /* reading, SQL, commit */
    PS_PROVE_BETWEEN,  /* nothing under way */
    PS_PROVE_HIT_COUNT,
};

/* How often each record is somewhere, and what was wrong with it. */
struct ps_prove_count {
    uint8_t *times; /* per id; 255: that often or more */
    int64_t total, foreign, wrong;
};

struct ps_prove {
    const struct ps_prove_options *options;
    struct ps_arena *arena;
    const char *folder, *store_path, *id;
    const char *input_topic, *output_topic;
    const char *program;
    struct ps_trial *trial;
    uint64_t random;
    int64_t written; /* records */
    int64_t hits[PS_PROVE_HIT_COUNT];

    /* the input, as it was read back */
    struct ps_prove_count input, table, sink;
    int32_t *values; /* per id */
    int64_t key_counts[PS_PROVE_KEY_COUNT], key_sums[PS_PROVE_KEY_COUNT];
    int64_t view_wrong; /* keys whose count or sum is another */
    int64_t epoch_count, dead_count;
};

uint64_t ps_prove_random(struct ps_prove *prove);

/* --- prove_input.c */
/* Appends `count` records to the input, spread over its partitions. */
penstock_code ps_prove_write(struct ps_prove *prove, int64_t count, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Counts the input as it lies there; fails if it is not what was written. */
penstock_code ps_prove_read_input(struct ps_prove *prove, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Takes one record, as JSON, into a count. */
penstock_code ps_prove_take(struct ps_prove *prove, struct ps_prove_count *count, struct ps_bytes json,
                            struct penstock_error *error) PENSTOCK_MUST_USE;
/* Every line of a file, in order. */
penstock_code ps_prove_read_lines(struct ps_prove *prove, const char *path, struct ps_prove_count *count,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;

/* --- prove_child.c */
penstock_code ps_prove_start(struct ps_prove *prove, bool once, pid_t *child_out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
/* Has it ended by itself? That is an error of the proof, with the last words of the child. */
penstock_code ps_prove_check_alive(struct ps_prove *prove, pid_t child, struct penstock_error *error)
    PENSTOCK_MUST_USE;
void ps_prove_kill(pid_t child);
/* Waits for its end; an error if its status is not 0. */
penstock_code ps_prove_wait(struct ps_prove *prove, pid_t child, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Where the last life ended, as its log has it. */
enum ps_prove_hit ps_prove_where(const struct ps_prove *prove);

/* --- prove_check.c */
/* Takes one row out of the table and doubles another. */
penstock_code ps_prove_plant(struct ps_prove *prove, struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_prove_check(struct ps_prove *prove, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Records of the input that `count` lacks, and how many are too many. */
void ps_prove_compare(const struct ps_prove *prove, const struct ps_prove_count *count, int64_t *lost_out,
                      int64_t *doubled_out);
/* "ext4, 0.14 ms a sync of 4 KiB" */
const char *ps_prove_disk(struct ps_prove *prove);

#endif
