/* SPDX-License-Identifier: Apache-2.0
 *
 * jobs.h - the jobs of a run (CREATE JOB): what is due is trained, beside the stream in a thread of its own, or, by a
 * run with --once, in the run's thread when the sources have been read to the end.
 *
 * The thread has a connection of its own. It reads a snapshot in one transaction while the stream goes on, and
 * registers the version, its gate's report, the alias and how far the job is served in a second one. It takes no more
 * cores than ps_job_core_share(), at a lower priority than the stream's threads. There is one such thread, so one
 * training at a time; which is decided by schedule.h.
 *
 * Nothing is shared but queues: requests of other processes go in, words for a person come out and are spoken by the
 * runner's thread.
 */
#ifndef PS_APP_JOBS_H
#define PS_APP_JOBS_H

#include "app/training.h"
#include "publish/json.h"

struct ps_jobs;

/* *jobs_out NULL for a project without jobs; all calls below take that. Needs no store. */
penstock_code ps_jobs_new(struct ps_progress *progress, struct ps_jobs **jobs_out,
                          struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_jobs_free(struct ps_jobs *jobs);
bool ps_jobs_has_model(const struct ps_jobs *jobs, const struct ps_node *model);

/* In the run's thread, on its connection: what is due, at most `outcome_max` trainings, each model once.
 * Errors: that of the first training that failed, which is noted. */
penstock_code ps_jobs_run_due(struct ps_jobs *jobs, struct ps_model_outcome *outcomes, size_t outcome_max,
                              size_t *outcome_count, struct penstock_error *error) PENSTOCK_MUST_USE;
/* The same for one job, whether it is due or not. NOT_FOUND with the nearest name. */
penstock_code ps_jobs_run_one(struct ps_jobs *jobs, const char *name, struct ps_model_outcome *outcome,
                              struct penstock_error *error) PENSTOCK_MUST_USE;

/* What it came to, in a word and a sentence. */
void ps_jobs_describe(const struct ps_model_outcome *outcome, struct ps_job_result *result_out);

/* Starts the thread; the store is prepared. */
penstock_code ps_jobs_start(struct ps_jobs *jobs, struct penstock_error *error) PENSTOCK_MUST_USE;
/* The runner's thread, now and then: speaks what the thread has to say. */
void ps_jobs_hear(struct ps_jobs *jobs);
/* Ends the training under way, which leaves nothing, and the thread. Requests are refused from now on. */
void ps_jobs_stop(struct ps_jobs *jobs);

/* Any other thread. Trains now and waits for what comes of it: "outcome", "version", "sentence" into the answer's
 * root. Errors: those of the training (a refusal is none); CANCELLED when the application ends. */
penstock_code ps_jobs_ask(struct ps_jobs *jobs, const char *name, yyjson_mut_doc *answer,
                          struct penstock_error *error) PENSTOCK_MUST_USE;
/* Any thread: "training": {"model", "job", "reason", "since_ms"} of what is under way. */
void ps_jobs_tell(struct ps_jobs *jobs, yyjson_mut_doc *answer);

#endif
