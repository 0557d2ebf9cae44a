/* SPDX-License-Identifier: MIT */
/*
 * The loop's timers against a plain list.
 */

#include "ek_test.h"
#include "host/timers.h"

EK_TEST_MAIN();

enum { TIMERS = 200 };

struct bed {
        struct elko_host_timers heap;
        struct elko_host_timer timer[TIMERS];
        uint64_t fired[TIMERS]; /* how often */
        uint64_t last;          /* instant of the one that fired last */
        bool again;             /* a fired timer sets itself to the same instant */
};

static void on_timer(void *ctx, struct elko_host_timer *timer)
{
        struct bed *b = ctx;

        CHECK(timer->at >= b->last);
        CHECK_EQ(timer->place, 0);
        b->last = timer->at;
        b->fired[timer - b->timer]++;
        if (b->again)
                CHECK_EQ(elko_host_timers_set(&b->heap, timer, timer->at), 0);
}

static struct bed *make_bed(void)
{
        struct bed *b = calloc(1, sizeof(*b));

        for (int i = 0; i < TIMERS; i++)
                b->timer[i] = (struct elko_host_timer){.fn = on_timer, .ctx = b};
        return b;
}

static void free_bed(struct bed *b)
{
        elko_host_timers_free(&b->heap);
        free(b);
}

EK_TEST(timers_fire_in_order_and_not_before_their_time)
{
        struct bed *b = make_bed();

        for (uint64_t i = 0; i < TIMERS; i++)
                CHECK_EQ(elko_host_timers_set(&b->heap, &b->timer[i], (i * 7919) % 1000), 0);
        for (uint64_t now = 0; now < 1000; now++) {
                elko_host_timers_run(&b->heap, now);
                CHECK(elko_host_timers_next(&b->heap) > now);
        }
        for (int i = 0; i < TIMERS; i++)
                CHECK_EQ(b->fired[i], 1);
        CHECK_EQ(elko_host_timers_next(&b->heap), ELKO_NEVER);
        free_bed(b);
}

EK_TEST(a_timer_that_sets_itself_again_does_not_hold_the_loop)
{
        struct bed *b = make_bed();

        b->again = true;
        elko_host_timers_set(&b->heap, &b->timer[0], 5);
        elko_host_timers_set(&b->heap, &b->timer[1], 5);
        CHECK_EQ(elko_host_timers_run(&b->heap, 5), 2);
        CHECK_EQ(elko_host_timers_next(&b->heap), 5);
        free_bed(b);
}

/* Set, move, clear at random; the earliest must be the earliest of a plain list. */
EK_TEST(random_use_agrees_with_a_list)
{
        struct bed *b = make_bed();
        uint64_t at[TIMERS];

        memset(at, 0xff, sizeof(at));
        for (uint32_t round = 0; round < ek_test_rounds(100000); round++) {
                uint32_t i = ek_test_below(TIMERS);
                uint64_t earliest = ELKO_NEVER;

                if (ek_test_below(3) == 0) {
                        elko_host_timers_clear(&b->heap, &b->timer[i]);
                        at[i] = ELKO_NEVER;
                } else {
                        at[i] = 1 + ek_test_below(1000);
                        CHECK_EQ(elko_host_timers_set(&b->heap, &b->timer[i], at[i]), 0);
                }
                for (int k = 0; k < TIMERS; k++)
                        earliest = at[k] < earliest ? at[k] : earliest;
                CHECK_EQ(elko_host_timers_next(&b->heap), earliest);
        }
        free_bed(b);
}
