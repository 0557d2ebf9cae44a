/* SPDX-License-Identifier: MIT */
/*
 * A binary heap. Element i has its children at 2i and 2i + 1; each is not earlier than its parent.
 * A timer knows its place, so that it can be moved and removed in logarithmic time; place 0 is "not
 * set".
 */

#include <errno.h>
#include <stdlib.h>

#include "host/timers.h"

static void put(struct elko_host_timers *t, uint32_t place, struct elko_host_timer *timer)
{
        t->heap[place] = timer;
        timer->place = place;
}

static void sift_up(struct elko_host_timers *t, struct elko_host_timer *timer)
{
        uint32_t i = timer->place;

        while (i > 1 && t->heap[i / 2]->at > timer->at) {
                put(t, i, t->heap[i / 2]);
                i /= 2;
        }
        put(t, i, timer);
}

static void sift_down(struct elko_host_timers *t, struct elko_host_timer *timer)
{
        uint32_t i = timer->place;

        for (;;) {
                uint32_t child = 2 * i;

                if (child < t->used && t->heap[child + 1]->at < t->heap[child]->at)
                        child++;
                if (child > t->used || t->heap[child]->at >= timer->at)
                        break;
                put(t, i, t->heap[child]);
                i = child;
        }
        put(t, i, timer);
}

static int grow(struct elko_host_timers *t)
{
        uint32_t size = t->size == 0 ? 16 : 2 * t->size;
        struct elko_host_timer **heap = realloc(t->heap, (size + 1) * sizeof(*heap));

        if (heap == NULL)
                return -ENOMEM;
        t->heap = heap;
        t->size = size;
        return 0;
}

int elko_host_timers_set(struct elko_host_timers *t, struct elko_host_timer *timer, uint64_t at)
{
        timer->at = at;
        if (timer->place == 0) {
                if (t->used == t->size && grow(t) != 0)
                        return -ENOMEM;
                put(t, ++t->used, timer);
        }
        sift_up(t, timer);
        sift_down(t, timer);
        return 0;
}

void elko_host_timers_clear(struct elko_host_timers *t, struct elko_host_timer *timer)
{
        struct elko_host_timer *last;

        if (timer->place == 0)
                return;
        last = t->heap[t->used--];
        if (last != timer) {
                put(t, timer->place, last);
                sift_up(t, last);
                sift_down(t, last);
        }
        timer->place = 0;
}

uint64_t elko_host_timers_next(const struct elko_host_timers *t)
{
        return t->used == 0 ? ELKO_NEVER : t->heap[1]->at;
}

unsigned elko_host_timers_run(struct elko_host_timers *t, uint64_t now)
{
        unsigned n = 0;

        /* A timer that sets itself to `now` again waits for the next call, or this would not
         * end. */
        for (uint32_t budget = t->used; budget > 0 && elko_host_timers_next(t) <= now; budget--) {
                struct elko_host_timer *timer = t->heap[1];

                elko_host_timers_clear(t, timer);
                timer->fn(timer->ctx, timer);
                n++;
        }
        return n;
}

void elko_host_timers_free(struct elko_host_timers *t)
{
        for (uint32_t i = 1; i <= t->used; i++)
                t->heap[i]->place = 0;
        free(t->heap);
        t->heap = NULL;
        t->used = t->size = 0;
}
