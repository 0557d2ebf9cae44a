/* SPDX-License-Identifier: MIT */
/*
 * test_tcp_delack.c - when to acknowledge: RFC 9293, 3.8.6.3 and RFC 5681, 4.2. An ACK at least for
 * every second full-sized segment; the first segments of a connection at once.
 */
#include "tcp/delack.h"

#include "ek_test.h"

static struct ek_delack past_the_quick_ones(uint32_t mss)
{
        struct ek_delack d;

        ek_delack_init(&d, 10);
        while (d.quick > 0)
                CHECK_EQ(ek_delack_on_data(&d, 1, mss), EK_DELACK_NOW);
        ek_delack_on_ack_sent(&d);
        return d;
}

/* [RFC9293 SHLD-19] */
EK_TEST(every_second_full_segment)
{
        struct ek_delack d = past_the_quick_ones(1000);

        for (int i = 0; i < 5; i++) {
                CHECK(!ek_delack_is_pending(&d));
                CHECK_EQ(ek_delack_on_data(&d, 1000, 1000), EK_DELACK_LATER);
                CHECK(ek_delack_is_pending(&d));
                CHECK_EQ(ek_delack_on_data(&d, 1000, 1000), EK_DELACK_NOW);
                ek_delack_on_ack_sent(&d);
        }
}

/* Small segments count by their bytes: 2 MSS of them are two segments. */
EK_TEST(small_segments_count_by_bytes)
{
        struct ek_delack d = past_the_quick_ones(1000);

        for (int i = 0; i < 19; i++)
                CHECK_EQ(ek_delack_on_data(&d, 100, 1000), EK_DELACK_LATER);
        CHECK_EQ(ek_delack_on_data(&d, 100, 1000), EK_DELACK_NOW);
}

/* A verdict once given stays until an ACK left. */
EK_TEST(stays_due_until_sent)
{
        struct ek_delack d = past_the_quick_ones(1000);

        CHECK_EQ(ek_delack_on_data(&d, 2000, 1000), EK_DELACK_NOW);
        CHECK_EQ(ek_delack_on_data(&d, 1, 1000), EK_DELACK_NOW);
        ek_delack_on_ack_sent(&d);
        CHECK_EQ(ek_delack_on_data(&d, 1, 1000), EK_DELACK_LATER);
}

EK_TEST(quick_at_the_start)
{
        struct ek_delack d;
        int n = 0;

        ek_delack_init(&d, 10);
        CHECK(!ek_delack_is_pending(&d));
        for (;; n++) {
                enum ek_delack_verdict v = ek_delack_on_data(&d, 1, 1000);

                ek_delack_on_ack_sent(&d);
                if (v == EK_DELACK_LATER)
                        break;
        }
        CHECK(n >= 2 && n <= 16);
}

/* config.quick_acks 0: the first segment waits like any other. */
EK_TEST(none_are_quick)
{
        struct ek_delack d;

        ek_delack_init(&d, 0);
        CHECK_EQ(ek_delack_on_data(&d, 1000, 1000), EK_DELACK_LATER);
        CHECK_EQ(ek_delack_on_data(&d, 1000, 1000), EK_DELACK_NOW);
}

/* RELIABILITY A7-10: counters saturate. */
EK_TEST(a7_10_counters_saturate)
{
        struct ek_delack d = past_the_quick_ones(UINT16_MAX);

        for (int i = 0; i < 300; i++)
                ek_delack_on_data(&d, 0, UINT16_MAX);
        CHECK(ek_delack_is_pending(&d));
        CHECK_EQ(ek_delack_on_data(&d, UINT32_MAX, 1460), EK_DELACK_NOW);
        CHECK_EQ(ek_delack_on_data(&d, UINT32_MAX, 1460), EK_DELACK_NOW);
        CHECK_EQ(d.bytes, UINT32_MAX);
}

EK_TEST_MAIN();
