/* SPDX-License-Identifier: Apache-2.0
 *
 * prove.h - a user's own proof of exactly-once, on his disk and his broker.
 *
 * A project of its own is run by the very program, killed with SIGKILL at random moments, again and again, while its
 * input grows. In the end the input is read back and counted against the tables, the view and the sink, by code that
 * shares nothing with what is on trial: every record must be there once. A seed repeats the moments.
 */
#ifndef PS_APP_PROVE_H
#define PS_APP_PROVE_H

#include "app/app.h"

struct ps_prove_options {
    const char *folder;    /* where the project's folder is made; removed when all is well */
    const char *bootstrap; /* of a broker: input and sink are topics, made and deleted here. NULL: files */
    const char *const *properties; /* "name=value" of librdkafka, NULL-terminated; or NULL */
    int64_t kill_count, record_count;
    int64_t seed;
    bool is_canary; /* a row is taken out and another doubled before the count: it must be found */
    bool keeps;     /* the project stays */
    void (*on_line)(const char *line, void *context); /* or NULL */
    void *context;
};

/* item, value. *is_proven_out: nothing lost, nothing doubled. Errors: a run that ended by itself, a broker that
 * does not answer, IO; a fault that was found is none. */
penstock_code ps_prove(const struct ps_prove_options *options, struct ps_text_table **report_out,
                       bool *is_proven_out, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
