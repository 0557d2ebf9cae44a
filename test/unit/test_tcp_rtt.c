/* SPDX-License-Identifier: MIT */
/*
 * test_tcp_rtt.c - RFC 6298, worked by hand: the first and the second measurement, the floor and
 * the ceiling, the back-off, and that no sample and no number of time-outs makes the arithmetic
 * overflow.
 */
#include "tcp/rtt.h"

#include <elko/types.h>

#include "ek_test.h"

static const struct ek_rtt_limits limits = {
        .initial_ns = ELKO_SEC(1),
        .min_ns = ELKO_MS(200),
        .max_ns = ELKO_SEC(60),
        .granularity_ns = ELKO_MS(1),
};

/* (2.1) Until there is a measurement, RTO is 1 s. [RFC6298 2.1; RFC2525 2.7] */
EK_TEST(initial_rto)
{
        struct ek_rtt r = {0};

        CHECK_EQ(ek_rtt_rto(&r, &limits), ELKO_SEC(1));
}

/* (2.2) SRTT = R, RTTVAR = R/2, RTO = SRTT + max(G, 4 RTTVAR) = 3 R. [RFC6298 2.2] */
EK_TEST(first_measurement)
{
        struct ek_rtt r = {0};

        ek_rtt_on_sample(&r, ELKO_MS(400));
        CHECK_EQ(r.srtt_ns, ELKO_MS(400));
        CHECK_EQ(r.rttvar_ns, ELKO_MS(200));
        CHECK_EQ(r.min_rtt_ns, ELKO_MS(400));
        CHECK_EQ(ek_rtt_rto(&r, &limits), ELKO_MS(1200));
}

/* However steady the path, the time-out is half a round trip more; less than the floor it is not. */
EK_TEST(a_steady_path)
{
        static const uint32_t ms[][2] = {{20, 200}, {133, 200}, {200, 300}, {300, 450}, {600, 900}};

        for (unsigned i = 0; i < sizeof(ms) / sizeof(ms[0]); i++) {
                struct ek_rtt_limits linux_like = limits;
                struct ek_rtt r = {0};

                for (int k = 0; k < 1000; k++)
                        ek_rtt_on_sample(&r, ELKO_MS(ms[i][0]));
                CHECK(ek_rtt_rto(&r, &limits) / 1000000 + 1 >= ms[i][1]);
                CHECK(ek_rtt_rto(&r, &limits) / 1000000 <= ms[i][1]);
                linux_like.floor_on_variance = true;
                CHECK(ek_rtt_rto(&r, &linux_like) / 1000000 <= ms[i][0] + 200);
        }
}

/* (2.3) RTTVAR = 3/4 RTTVAR + 1/4 |SRTT - R'|, with the old SRTT; SRTT = 7/8 SRTT + 1/8 R'.
 * [RFC9293 MUST-18; RFC7323 4.2; RFC6298 2.3a 2.3b 2.3c] */
EK_TEST(later_measurements)
{
        struct ek_rtt r = {0};

        ek_rtt_on_sample(&r, ELKO_MS(400));
        ek_rtt_on_sample(&r, ELKO_MS(800));
        CHECK_EQ(r.rttvar_ns, ELKO_MS(250)); /* 150 + 100 */
        CHECK_EQ(r.srtt_ns, ELKO_MS(450));   /* 350 + 100 */
        CHECK_EQ(ek_rtt_rto(&r, &limits), ELKO_MS(1450));
        ek_rtt_on_sample(&r, ELKO_MS(50));
        CHECK_EQ(r.rttvar_ns, ELKO_US(287500)); /* 187.5 + 100 */
        CHECK_EQ(r.srtt_ns, ELKO_MS(400));      /* 393.75 + 6.25 */
        CHECK_EQ(r.min_rtt_ns, ELKO_MS(50));
}

/* (2.3), (2.4): G and the floor. [RFC6298 4 2.4] */
EK_TEST(floor_and_granularity)
{
        struct ek_rtt r = {0};
        struct ek_rtt_limits coarse = limits;

        for (int i = 0; i < 100; i++)
                ek_rtt_on_sample(&r, ELKO_MS(10));
        CHECK_EQ(ek_rtt_rto(&r, &limits), ELKO_MS(200));
        coarse.granularity_ns = ELKO_MS(500);
        CHECK(ek_rtt_rto(&r, &coarse) >= ELKO_MS(505));
        CHECK(ek_rtt_rto(&r, &coarse) <= ELKO_MS(511));
}

/* (2.5) a maximum of at least 60 s. [RFC6298 2.5] */
EK_TEST(ceiling)
{
        struct ek_rtt r = {0};

        ek_rtt_on_sample(&r, ELKO_SEC(50));
        CHECK_EQ(ek_rtt_rto(&r, &limits), ELKO_SEC(60));
}

/* (5.5) doubling, up to the ceiling; a sample ends it, progress alone does not (Karn; section 5, last paragraph).
 * [RFC6298 5.5] */
EK_TEST(back_off)
{
        static const uint64_t want[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
        struct ek_rtt r = {0};

        for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
                CHECK_EQ(ek_rtt_rto(&r, &limits), ELKO_SEC(want[i]));
                ek_rtt_on_timeout(&r);
        }
        for (int i = 0; i < 1000; i++)
                ek_rtt_on_timeout(&r);
        CHECK_EQ(ek_rtt_rto(&r, &limits), ELKO_SEC(60));
        CHECK_EQ(r.timeouts, UINT8_MAX);
        ek_rtt_on_progress(&r);
        CHECK_EQ(r.timeouts, 0);
        CHECK_EQ(ek_rtt_rto(&r, &limits), ELKO_SEC(60));
        ek_rtt_on_sample(&r, ELKO_MS(400));
        CHECK_EQ(ek_rtt_rto(&r, &limits), ELKO_MS(1200));
}

/* Linux's floor is that of the second term: SRTT + max(min, 4 RTTVAR). */
EK_TEST(floor_on_variance)
{
        struct ek_rtt_limits linux_ = {.initial_ns = ELKO_SEC(1),
                                       .min_ns = ELKO_MS(200),
                                       .max_ns = ELKO_SEC(120),
                                       .floor_on_variance = true};
        struct ek_rtt r = {0};

        ek_rtt_on_sample(&r, ELKO_MS(20));
        CHECK_EQ(ek_rtt_rto(&r, &linux_), ELKO_MS(220));
        linux_.floor_on_variance = false;
        CHECK_EQ(ek_rtt_rto(&r, &linux_), ELKO_MS(200));
        linux_.floor_on_variance = true;
        r = (struct ek_rtt){0};
        ek_rtt_on_sample(&r, ELKO_MS(300));
        CHECK_EQ(ek_rtt_rto(&r, &linux_), ELKO_MS(900));
}

/* (5.7) The SYN was sent again: 3 s, until the first sample. [RFC6298 5.7] */
EK_TEST(after_a_lost_syn)
{
        struct ek_rtt r = {.syn_lost = true};

        CHECK_EQ(ek_rtt_rto(&r, &limits), ELKO_SEC(3));
        ek_rtt_on_timeout(&r);
        CHECK_EQ(ek_rtt_rto(&r, &limits), ELKO_SEC(6));
        ek_rtt_on_progress(&r);
        ek_rtt_on_sample(&r, ELKO_MS(100));
        CHECK_EQ(ek_rtt_rto(&r, &limits), ELKO_MS(300));
}

/* A clock may be coarser than the path: 0 is a sample, not "no sample". */
EK_TEST(zero_sample)
{
        struct ek_rtt r = {0};

        ek_rtt_on_sample(&r, 0);
        CHECK(r.srtt_ns != 0 && r.min_rtt_ns != 0);
        for (int i = 0; i < 100; i++)
                ek_rtt_on_sample(&r, 0);
        CHECK(r.srtt_ns != 0);
        CHECK_EQ(ek_rtt_rto(&r, &limits), ELKO_MS(200));
}

/* Samples of any magnitude that a 100-year clock can give: RTO stays inside of its limits, SRTT
 * between the least and the greatest sample. [RFC6298 1] */
EK_TEST(never_out_of_bounds)
{
        for (uint32_t i = ek_test_rounds(2000); i > 0; i--) {
                struct ek_rtt r = {0};
                uint64_t least = UINT64_MAX, most = 0;

                for (int k = 0; k < 50; k++) {
                        uint64_t sample = ek_test_magnitude(60), rto;

                        sample = sample == 0 ? 1 : sample;
                        least = sample < least ? sample : least;
                        most = sample > most ? sample : most;
                        ek_rtt_on_sample(&r, sample);
                        rto = ek_rtt_rto(&r, &limits);
                        CHECK(rto >= limits.min_ns && rto <= limits.max_ns);
                        CHECK(r.srtt_ns + 16 >= least / 8 * 7 && r.srtt_ns <= most);
                        CHECK(r.rttvar_ns <= most);
                        CHECK_EQ(r.min_rtt_ns, least);
                }
        }
}

/* A steady path: SRTT goes to the sample, the deviation to nothing. */
EK_TEST(converges)
{
        struct ek_rtt r = {0};

        ek_rtt_on_sample(&r, ELKO_SEC(1));
        for (int i = 0; i < 200; i++)
                ek_rtt_on_sample(&r, ELKO_MS(300));
        CHECK(r.srtt_ns >= ELKO_MS(300) && r.srtt_ns - ELKO_MS(300) < 16);
        CHECK(r.rttvar_ns < 64);
        CHECK_EQ(r.min_rtt_ns, ELKO_MS(300));
}

EK_TEST_MAIN();
