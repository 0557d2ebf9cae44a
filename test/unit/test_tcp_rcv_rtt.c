/* SPDX-License-Identifier: MIT */
/*
 * test_tcp_rcv_rtt.c - the receiver's round trip: from the edge of a window to the first byte behind it,
 * and from a timestamp to its first echo.
 */
#include "tcp/rcv_rtt.h"

#include <elko/types.h>

#include "ek_test.h"

static seq_t at(uint32_t off)
{
        return seq_make(0xffffff00u + off);
}

/* What fills a window that was known before says nothing, however fast it comes. */
EK_TEST(from_the_edge_to_the_byte_behind_it)
{
        struct ek_rcv_rtt m = {0};
        uint32_t est = 0;

        est = ek_rcv_rtt_on_data(&m, est, at(100), 900, ELKO_MS(10)); /* edge 1000 */
        est = ek_rcv_rtt_on_data(&m, est, at(1000), 500, ELKO_MS(12));
        CHECK_EQ(est, 0);
        est = ek_rcv_rtt_on_data(&m, est, at(1001), 499, ELKO_MS(60)); /* edge 1500 */
        CHECK_EQ(est, 50000);
        est = ek_rcv_rtt_on_data(&m, est, at(1600), 400, ELKO_MS(90)); /* edge 2000 */
        CHECK_EQ(est, 30000);
        est = ek_rcv_rtt_on_data(&m, est, at(2100), 400,
                                 ELKO_MS(500)); /* a pause: the least stays */
        CHECK_EQ(est, 30000);
}

EK_TEST(never_zero_and_never_too_long)
{
        struct ek_rcv_rtt m = {0};

        ek_rcv_rtt_on_data(&m, 0, at(0), 10, 0);
        CHECK_EQ(ek_rcv_rtt_on_data(&m, 0, at(20), 10, 1), 1);
        m = (struct ek_rcv_rtt){0};
        ek_rcv_rtt_on_data(&m, 0, at(0), 10, 1);
        CHECK_EQ(ek_rcv_rtt_on_data(&m, 0, at(20), 10, ELKO_SEC(100000)), 4000000000u);
}

/* The first echo of a value counts; then 7/8 old and 1/8 new. */
EK_TEST(from_a_timestamp_to_its_first_echo)
{
        struct ek_rcv_rtt m = {0};
        uint32_t est = ek_rcv_rtt_on_echo(&m, 0, 0, 40);

        CHECK_EQ(est, 40000);
        CHECK_EQ(ek_rcv_rtt_on_echo(&m, est, 0, 90), 40000); /* the same, later */
        est = ek_rcv_rtt_on_echo(&m, est, 1, 48);
        CHECK_EQ(est, 41000);
        est = ek_rcv_rtt_on_echo(&m, est, 2, 41);
        CHECK_EQ(est, 41000);
        m = (struct ek_rcv_rtt){0};
        CHECK_EQ(ek_rcv_rtt_on_echo(&m, 0, 7, 0), 1000); /* below the clock's unit */
}

EK_TEST_MAIN();
