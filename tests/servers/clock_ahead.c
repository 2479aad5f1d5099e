/* SPDX-License-Identifier: Apache-2.0
 *
 * clock_ahead.c - a clock that is wrong, for LD_PRELOAD: the time of day is $PENSTOCK_CLOCK_AHEAD seconds later than it
 * is. Clocks that only count go on as they do.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

static time_t ahead(void) {
    const char *const seconds = getenv("PENSTOCK_CLOCK_AHEAD");
    return seconds == NULL ? 0 : (time_t)atol(seconds);
}

EXPORTED int clock_gettime(clockid_t clock, struct timespec *now) {
    const int result = (int)syscall(SYS_clock_gettime, clock, now);
    now->tv_sec += result == 0 && clock == CLOCK_REALTIME ? ahead() : 0;
    return result;
}

EXPORTED int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &exact);
    *now = (struct timeval){.tv_sec = exact.tv_sec, .tv_usec = exact.tv_nsec / 1000};
    return 0;
}

EXPORTED time_t time(time_t *now) {
    struct timespec exact;
    (void)clock_gettime(CLOCK_REALTIME, &exact);
    if (now != NULL) {
        *now = exact.tv_sec;
    }
    return exact.tv_sec;
}
