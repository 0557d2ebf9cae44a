/* SPDX-License-Identifier: MIT */
/*
 * test_tcp_chrono.c - the sender's stop watch: one hand at a time, sums that outlive it, totals that
 * never go back.
 */
#include "tcp/chrono.h"

#include <elko/types.h>

#include "ek_test.h"

static uint64_t total(const struct ek_chrono *c, const struct ek_chrono_sums *s,
                      enum ek_chrono_kind kind, uint64_t now)
{
        return ek_chrono_total(c, s, kind, now);
}

EK_TEST(one_hand_at_a_time)
{
        struct ek_chrono_sums s = {.high = {0}, .low = {0}};
        struct ek_chrono c = {0};

        ek_chrono_set(&c, EK_CHRONO_BUSY, 1000);
        CHECK_EQ(total(&c, &s, EK_CHRONO_BUSY, 1500), 500); /* it runs */
        ek_chrono_set(&c, EK_CHRONO_RWND, 2000);
        ek_chrono_set(&c, EK_CHRONO_RWND, 2500); /* the same again changes nothing */
        ek_chrono_set(&c, EK_CHRONO_SNDBUF, 4000);
        ek_chrono_set(&c, EK_CHRONO_IDLE, 8000);
        ek_chrono_set(&c, EK_CHRONO_BUSY, 100000);
        ek_chrono_set(&c, EK_CHRONO_IDLE, 100016);
        CHECK_EQ(total(&c, &s, EK_CHRONO_BUSY, 999999), 1016);
        CHECK_EQ(total(&c, &s, EK_CHRONO_RWND, 999999), 2000);
        CHECK_EQ(total(&c, &s, EK_CHRONO_SNDBUF, 999999), 4000);
}

/* Put away and taken out many times: never less than measured, and at most a unit more each time. */
EK_TEST(sums_outlive_the_watch)
{
        struct ek_chrono_sums s = {.high = {0}, .low = {0}};
        uint64_t now = 5, busy = 0, before = 0;

        for (unsigned i = 1; i <= 1000; i++) {
                struct ek_chrono c = {0};

                ek_chrono_set(&c, EK_CHRONO_BUSY, now);
                now += i * 977;
                busy += i * 977;
                CHECK(total(&c, &s, EK_CHRONO_BUSY, now) >= before);
                before = total(&c, &s, EK_CHRONO_BUSY, now);
                ek_chrono_fold(&c, &s, now);
                CHECK(total(&c, &s, EK_CHRONO_BUSY, now) >= before);
                before = total(&c, &s, EK_CHRONO_BUSY, now);
                CHECK(before >= busy && before < busy + (uint64_t)i * 4096);
                ek_chrono_fold(&c, &s, now + 77); /* once more: nothing */
                CHECK_EQ(total(&c, &s, EK_CHRONO_BUSY, now + 99), before);
                now += 12345;
        }
        CHECK_EQ(total(&(struct ek_chrono){0}, &s, EK_CHRONO_RWND, now), 0);
}

/* 50 days fit. */
EK_TEST(a_long_life)
{
        struct ek_chrono_sums s = {.high = {0}, .low = {0}};
        struct ek_chrono c = {0};
        uint64_t day = ELKO_SEC(24 * 3600);

        for (uint64_t i = 0; i < 50; i++) {
                ek_chrono_set(&c, EK_CHRONO_SNDBUF, i * day);
                ek_chrono_fold(&c, &s, (i + 1) * day);
        }
        CHECK(total(&c, &s, EK_CHRONO_SNDBUF, 51 * day) - 50 * day < 50 * 4096);
}

EK_TEST_MAIN();
