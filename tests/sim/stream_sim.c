/* SPDX-License-Identifier: Apache-2.0
 *
 * stream_sim.c - crashes the streaming engine before and after every step and counts records.
 *
 *   stream_sim           sweeps, random schedules, canaries; exit status 1 if anything is lost or doubled
 *   stream_sim SEED      replays one random schedule and prints every step
 *
 * A sweep runs the engine undisturbed to count its actions, then once per action and kind of disturbance
 * (crash before, crash after, failure without effect, failure after the effect), restarts until the source is
 * drained, and looks at every record in the store and in each sink. Random schedules disturb twice and let
 * zombies run beside their successors. Each flaw of world.h must be caught, or the simulator itself is broken.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "world.h"

#define RANDOM_SCHEDULE_COUNT 4000
#define ACTION_COUNT_MAX 2000 /* of one schedule: beyond it the engine does not get anywhere */
#define RESTART_COUNT_MAX 20

enum disturbance { CRASH_BEFORE, CRASH_AFTER, FAIL_BEFORE, FAIL_AFTER, DISTURBANCE_COUNT };
static const char *const disturbance_names[] = {"crash before", "crash after", "fail before", "fail after"};

static void trace(bool is_traced, const char *who, const struct process *process, const char *how) {
    if (is_traced) {
        const struct ps_step_action action = process->action;
        printf("  %-8s epoch %lld attempt %lld  %-13s", who, (long long)action.epoch.number,
               (long long)action.epoch.attempt, ps_step_action_name(action.kind));
        if (action.kind == PS_STEP_END) {
            printf(" %s %s", ps_error_code_name(action.code), action.reason != NULL ? action.reason : "");
        } else if (action.kind == PS_STEP_RECOVER_SINK || action.kind == PS_STEP_BEGIN_SINK ||
                   action.kind == PS_STEP_WRITE_SINK || action.kind == PS_STEP_COMMIT_SINK) {
            printf(" %zu", action.sink);
        }
        printf("%s\n", how);
    }
}

/* At most `count` actions; stops at END. Gives the number carried out. */
static int64_t run(struct process *process, int64_t count, const char *who, bool is_traced) {
    int64_t done = 0;
    for (; done < count && process->action.kind != PS_STEP_END; done++) {
        trace(is_traced, who, process, "");
        const struct ps_step_event event = process_act(process);
        process->action = ps_step_next(&process->step, &event);
    }
    if (process->action.kind == PS_STEP_END) {
        trace(is_traced, who, process, "");
    }
    return done;
}

/* Carries out one action badly. False: the process is gone. */
static bool disturb(struct process *process, enum disturbance how, bool is_traced) {
    trace(is_traced, "engine", process, "");
    if (is_traced) {
        printf("  -------- %s that\n", disturbance_names[how]);
    }
    if (how == CRASH_AFTER || how == FAIL_AFTER) {
        (void)process_act(process);
    }
    if (how == CRASH_BEFORE || how == CRASH_AFTER) {
        return false;
    }
    const struct ps_step_event event = {.kind = PS_STEP_FAILED, .code = PENSTOCK_IO};
    process->action = ps_step_next(&process->step, &event);
    return true;
}

/* Starts again until the source is drained. NULL, or what went wrong. */
static const char *finish(struct world *world, bool is_traced) {
    for (int i = 0; i < RESTART_COUNT_MAX; i++) {
        struct process process;
        process_start(&process, world);
        const int64_t done = run(&process, ACTION_COUNT_MAX, "last", is_traced);
        const struct ps_step_action action = process.action;
        process_stop(&process);
        if (done == ACTION_COUNT_MAX) {
            return "stuck";
        }
        if (action.code == PENSTOCK_OK) {
            return world_check(world);
        }
        if (action.reason != NULL) {
            return action.reason;
        }
    }
    return "does not end well";
}

static const char *crash_once(enum flaw flaw, size_t sink_count, int64_t at, enum disturbance how) {
    struct world world;
    world_init(&world, flaw, sink_count, 7);
    struct process process;
    process_start(&process, &world);
    run(&process, at, "", false);
    if (process.action.kind != PS_STEP_END && disturb(&process, how, false)) {
        run(&process, ACTION_COUNT_MAX, "", false);
    }
    process_stop(&process);
    return finish(&world, false);
}

struct tally {
    int64_t run_count, wrong_count;
    int64_t lost, doubled, refused;
};

static void count_outcome(struct tally *tally, const char *wrong) {
    tally->run_count++;
    tally->wrong_count += wrong != NULL ? 1 : 0;
    if (wrong != NULL) {
        tally->lost += strcmp(wrong, "lost") == 0 ? 1 : 0;
        tally->doubled += strcmp(wrong, "doubled") == 0 ? 1 : 0;
        tally->refused += strcmp(wrong, "lost") != 0 && strcmp(wrong, "doubled") != 0 ? 1 : 0;
    }
}

static struct tally sweep(enum flaw flaw, size_t sink_count) {
    struct world world;
    world_init(&world, flaw, sink_count, 7);
    struct process process;
    process_start(&process, &world);
    const int64_t count = run(&process, ACTION_COUNT_MAX, "", false);
    process_stop(&process);
    ps_check(count > 20 && count < ACTION_COUNT_MAX);
    struct tally tally = {0};
    for (int64_t at = 0; at <= count; at++) {
        for (int how = 0; how < DISTURBANCE_COUNT; how++) {
            const char *wrong = crash_once(flaw, sink_count, at, (enum disturbance)how);
            count_outcome(&tally, wrong);
            if (wrong != NULL && flaw == FLAW_NONE) {
                printf("WRONG: %s action %lld: %s\n", disturbance_names[how], (long long)at, wrong);
            }
        }
    }
    return tally;
}

/* Two engines at once: the older one has been taken for dead, and wakes up. */
static void run_zombie(struct world *world, struct random *random, bool is_traced) {
    struct process zombie, heir;
    process_start(&zombie, world);
    run(&zombie, random_below(random, 40), "zombie", is_traced);
    process_start(&heir, world);
    for (int i = 0; i < 6; i++) {
        run(&heir, random_below(random, 12), "heir", is_traced);
        run(&zombie, random_below(random, 12), "zombie", is_traced);
    }
    process_stop(&heir);
    if (random_below(random, 2) == 0) {
        run(&zombie, ACTION_COUNT_MAX, "zombie", is_traced);
    }
    process_stop(&zombie);
}

static const char *run_random(enum flaw flaw, uint64_t seed, bool is_traced) {
    struct random random = {seed};
    struct world world;
    /* the canaries sit in sink 1 */
    world_init(&world, flaw, flaw == FLAW_NONE ? seed % (SINK_COUNT + 1) : SINK_COUNT, random_next(&random));
    for (int i = 0; i < 2; i++) {
        if (random_below(&random, 4) == 0) {
            run_zombie(&world, &random, is_traced);
            continue;
        }
        struct process process;
        process_start(&process, &world);
        run(&process, random_below(&random, 70), "engine", is_traced);
        if (process.action.kind != PS_STEP_END &&
            disturb(&process, (enum disturbance)random_below(&random, DISTURBANCE_COUNT), is_traced)) {
            run(&process, ACTION_COUNT_MAX, "engine", is_traced);
        }
        process_stop(&process);
    }
    return finish(&world, is_traced);
}

static struct tally run_schedules(enum flaw flaw) {
    struct tally tally = {0};
    for (uint64_t seed = 1; seed <= RANDOM_SCHEDULE_COUNT; seed++) {
        const char *wrong = run_random(flaw, seed, false);
        count_outcome(&tally, wrong);
        if (wrong != NULL && flaw == FLAW_NONE) {
            printf("WRONG: seed %llu: %s (stream_sim %llu shows it)\n", (unsigned long long)seed, wrong,
                   (unsigned long long)seed);
        }
    }
    return tally;
}

static void print_tally(const char *what, const char *flaw, const struct tally *tally) {
    printf("%-9s %-20s runs %5lld  wrong %5lld  (lost %lld, doubled %lld, refused to go on %lld)\n", what,
           flaw, (long long)tally->run_count, (long long)tally->wrong_count, (long long)tally->lost,
           (long long)tally->doubled, (long long)tally->refused);
}

int main(int argument_count, char **arguments) {
    if (argument_count > 1) {
        const char *wrong = run_random(FLAW_NONE, strtoull(arguments[1], NULL, 10), true);
        printf("%s\n", wrong != NULL ? wrong : "every record is everywhere exactly once");
        return wrong != NULL ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    bool is_good = true;
    for (int i = 0; i < FLAW_COUNT; i++) {
        const enum flaw flaw = (enum flaw)i;
        const struct tally swept = sweep(flaw, SINK_COUNT);
        const struct tally scheduled = run_schedules(flaw);
        print_tally("sweep", flaw_name(flaw), &swept);
        print_tally("schedules", flaw_name(flaw), &scheduled);
        bool is_caught = swept.wrong_count + scheduled.wrong_count > 0;
        if (flaw == FLAW_NONE || flaw == FLAW_SPLIT_COMMIT) { /* the flaws of the store need no sinks */
            const struct tally alone = sweep(flaw, 0);
            print_tally("no sinks", flaw_name(flaw), &alone);
            is_caught =
                flaw == FLAW_NONE ? is_caught || alone.wrong_count > 0 : is_caught && alone.wrong_count > 0;
        }
        if (is_caught == (flaw == FLAW_NONE)) {
            printf("%s\n",
                   flaw == FLAW_NONE ? "FAILED: the engine is wrong" : "FAILED: a flaw was not caught");
            is_good = false;
        }
    }
    return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
