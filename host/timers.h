/* SPDX-License-Identifier: MIT */
#ifndef ELKO_HOST_TIMERS_H
#define ELKO_HOST_TIMERS_H

/*
 * The application's timers of one loop: a binary heap of pointers, the earliest on top. For the
 * loop's own use; applications see elko_host_timer_set() in loop.h.
 */

#include "host/loop.h"

struct elko_host_timers {
        struct elko_host_timer **heap; /* [1..used] */
        uint32_t used, size;
};

/* 0 or -ENOMEM. */
int elko_host_timers_set(struct elko_host_timers *t, struct elko_host_timer *timer, uint64_t at);
void elko_host_timers_clear(struct elko_host_timers *t, struct elko_host_timer *timer);

/* The earliest instant, or ELKO_NEVER. */
uint64_t elko_host_timers_next(const struct elko_host_timers *t);

/* Call what is due at `now`, each timer at most once; returns how many were called. */
unsigned elko_host_timers_run(struct elko_host_timers *t, uint64_t now);

/* Forget all timers, free the heap. */
void elko_host_timers_free(struct elko_host_timers *t);

#endif
