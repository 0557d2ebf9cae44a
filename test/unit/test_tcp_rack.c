/* SPDX-License-Identifier: MIT */
/*
 * test_tcp_rack.c - RFC 8985 step by step: which transmission counts, how long the reordering window is, when a
 * probe is due and what its ACK says, on clocks that tick every 1 us, 500 us and 15 ms.
 */
#include "tcp/rack.h"

#include <elko/types.h>

#include "ek_test.h"

static const uint64_t ticks[] = {ELKO_US(1), ELKO_US(500), ELKO_MS(15)};

static struct ek_rack_facts facts(void)
{
        return (struct ek_rack_facts){.srtt_ns = ELKO_MS(100), .min_rtt_ns = ELKO_MS(80)};
}

/* 6.2, step 2: later in time, or as late and higher. [RFC8985 6.2-2] */
EK_TEST(the_latest_counts)
{
        struct ek_rack r = {.valid = false};

        ek_rack_on_delivered(&r, 1000, seq_make(50), 5000);
        CHECK_EQ(r.xmit_at, 1000);
        CHECK_EQ(r.rtt_ns, 4000);
        ek_rack_on_delivered(&r, 900, seq_make(90), 5100); /* older */
        CHECK_EQ(r.xmit_at, 1000);
        CHECK_EQ(r.rtt_ns, 4200);
        ek_rack_on_delivered(&r, 1000, seq_make(60), 5200);
        CHECK_EQ(r.end.v, 60);
        ek_rack_on_delivered(&r, 1000, seq_make(55), 5200);
        CHECK_EQ(r.end.v, 60);
        ek_rack_on_delivered(&r, 1100, seq_make(10), 5300);
        CHECK_EQ(r.end.v, 10);
}

/* Step 4. [RFC8985 6.2-4a 6.2-4b 6.2-4c 6.2-4d] */
EK_TEST(reordering_window)
{
        struct ek_rack r = {.valid = true};
        struct ek_rack_facts f = facts();

        CHECK_EQ(ek_rack_reo_wnd(&r, &f), ELKO_MS(20));
        f.segs_sacked = 2;
        CHECK_EQ(ek_rack_reo_wnd(&r, &f), ELKO_MS(20));
        f.segs_sacked = 3;
        CHECK_EQ(ek_rack_reo_wnd(&r, &f), 0);
        f.reordering_seen = true;
        CHECK_EQ(ek_rack_reo_wnd(&r, &f), ELKO_MS(20));
        f.recovering = true;
        CHECK_EQ(ek_rack_reo_wnd(&r, &f), ELKO_MS(20));
        f.reordering_seen = false;
        f.segs_sacked = 0;
        CHECK_EQ(ek_rack_reo_wnd(&r, &f), 0);
        /* one quarter more for each round trip with a D-SACK, SRTT at most */
        f.reordering_seen = true;
        for (uint32_t round = 1; round <= 6; round++) {
                ek_rack_on_ack(&r, seq_make(100 * round), seq_make(100 * round + 100), true);
                ek_rack_on_ack(&r, seq_make(100 * round + 50), seq_make(100 * round + 150), true);
                CHECK_EQ(ek_rack_reo_wnd(&r, &f),
                         ek_min_u64(ELKO_MS(100), ELKO_MS(20) * (round + 1)));
        }
        for (int i = 0; i < 15; i++)
                ek_rack_on_recovered(&r);
        CHECK_EQ(ek_rack_reo_wnd(&r, &f), ELKO_MS(100));
        ek_rack_on_recovered(&r);
        CHECK_EQ(ek_rack_reo_wnd(&r, &f), ELKO_MS(20));
        ek_rack_on_recovered(&r);
        CHECK_EQ(ek_rack_reo_wnd(&r, &f), ELKO_MS(20));
}

/* Step 5: exactly RTT and the window after it was sent, not a tick earlier. [RFC8985 6.2-5] */
EK_TEST(lost_when_the_window_is_over)
{
        for (size_t i = 0; i < 3; i++) {
                struct ek_rack_facts f = facts();
                struct ek_rack r = {.valid = false};
                uint64_t g = ticks[i], sent = 100 * g, until, wnd;

                f.granularity_ns = g;
                ek_rack_on_delivered(&r, sent, seq_make(9), sent + 10 * g);
                wnd = ek_rack_reo_wnd(&r, &f);
                CHECK(wnd >= ELKO_MS(20) && wnd <= ELKO_MS(20) + g);
                CHECK_EQ(ek_rack_deadline(&r, wnd), sent + 10 * g + wnd);
                CHECK(ek_rack_lost_until(&r, wnd, sent + 10 * g + wnd, &until));
                CHECK_EQ(until, sent);
                CHECK(ek_rack_lost_until(&r, wnd, sent + 10 * g + wnd - 1, &until));
                CHECK_EQ(until, sent - 1);
        }
        {
                struct ek_rack r = {.valid = false};
                uint64_t until;

                CHECK(!ek_rack_lost_until(&r, 0, 5, &until));
        }
}

/* 7.2 [RFC8985 7.2-2 7.2-3] */
EK_TEST(probe_time_out)
{
        for (size_t i = 0; i < 3; i++) {
                struct ek_rack_facts f = facts();

                f.granularity_ns = ticks[i];
                CHECK_EQ(ek_tlp_pto(&f, true, ELKO_MS(200)), ELKO_MS(400));
                CHECK_EQ(ek_tlp_pto(&f, false, ELKO_MS(200)),
                         ELKO_MS(200) + ek_max_u64(ELKO_MS(2), ticks[i]));
                f.srtt_ns = 0;
                CHECK_EQ(ek_tlp_pto(&f, false, ELKO_MS(200)), ELKO_SEC(1));
        }
}

static enum ek_tlp_verdict probed(struct ek_rack *r, uint32_t ack, bool dsack, bool duplicate)
{
        struct ek_tlp_ack a = {.ack = seq_make(ack), .dsack = dsack, .duplicate = duplicate};

        return ek_tlp_on_ack(r, &a);
}

/* 7.3, 7.4.2 [RFC8985 7.1 7.3-1 7.3-2 7.4.2a 7.4.2b] */
EK_TEST(what_the_probe_says)
{
        struct ek_rack r = {.valid = false};

        CHECK(ek_tlp_may_probe(&r));
        ek_tlp_on_sent(&r, seq_make(100), true);
        CHECK(!ek_tlp_may_probe(&r));
        CHECK_EQ(probed(&r, 99, true, true), EK_TLP_NOTHING);
        CHECK_EQ(probed(&r, 100, false, false), EK_TLP_NOTHING);
        CHECK_EQ(probed(&r, 101, false, false), EK_TLP_REPAIRED);
        CHECK(!ek_tlp_may_probe(&r)); /* a sample must come first */
        r.probe_unsampled = false;
        CHECK(ek_tlp_may_probe(&r));
        ek_tlp_on_sent(&r, seq_make(200), true);
        CHECK_EQ(probed(&r, 200, true, false), EK_TLP_DONE);
        ek_tlp_on_sent(&r, seq_make(300), true);
        CHECK_EQ(probed(&r, 300, false, true), EK_TLP_DONE);
        ek_tlp_on_sent(&r, seq_make(400), false); /* new data */
        CHECK_EQ(probed(&r, 450, false, false), EK_TLP_DONE);
        ek_tlp_on_sent(&r, seq_make(500), true);
        ek_tlp_reset(&r);
        CHECK_EQ(probed(&r, 600, false, false), EK_TLP_NOTHING);
}

EK_TEST_MAIN();
