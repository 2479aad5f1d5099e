/* SPDX-License-Identifier: Apache-2.0
 *
 * manifest.h - penstock.yml and what overrides it, as values with their places.
 *
 * Order of precedence, the later wins: defaults, the manifest's own keys, the keys of the chosen target,
 * --conf, --master. Of variables the first that is there: --set, the target's vars, vars, the environment.
 */
#ifndef PS_JOB_MANIFEST_H
#define PS_JOB_MANIFEST_H

#include "job/project.h"

#define PS_MANIFEST_FILE "penstock.yml"

struct ps_manifest_reading {
    const struct ps_project_options *options;
    struct ps_arena *arena;
    struct ps_manifest manifest;
    struct ps_setting *variables; /* in order of precedence */
    size_t variable_count;
    struct ps_setting *patterns; /* of sql files: value and place */
    size_t pattern_count;
    struct ps_location master_location; /* file NULL: not from the manifest */
    struct ps_location executors_location;
};

/* "executor_cores" and "executor-cores" are one, upper and lower case too. */
bool ps_manifest_name_equal(const char *left, const char *right);

/* Reads the manifest's text and applies everything; fills all of `reading` but options and arena. */
penstock_code ps_manifest_read(const char *text, size_t size, struct ps_manifest_reading *reading,
                               struct penstock_error *error) PENSTOCK_MUST_USE;

/* Task slots of a master; refuses what this version cannot run on. */
penstock_code ps_master_read(const char *master, int64_t *core_count_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
