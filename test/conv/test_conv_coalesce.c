/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * Small segments that are lost go again in full ones: RFC 1122, 4.2.2.15 ("the outstanding segments that
 * fitted would be combined into one maximum-sized segment"). cwnd counts bytes (RFC 5681), so after a
 * time-out one segment's worth of one-byte segments would be a thousand packets. Found by the simulator,
 * seed 7468: 400000 packets for 6746 bytes.
 */

static const struct conv_options plain = {.no_sack = true, .no_ts = true};

static void send_bytes(struct conv *c, unsigned from, unsigned n)
{
        for (unsigned i = from; i < from + n; i++) {
                conv_send(c, 1);
                conv_out(c, "P. %u:%u(1) ack 1", i, i + 1);
        }
}

CONV_TEST(a_time_out_sends_small_segments_as_one)
{
        conv_start(c, &plain);
        conv_open_passive(c);
        conv_set(c, ELKO_OPTION_NODELAY, 1);
        send_bytes(c, 1, 50);
        conv_out_after(c, ELKO_MS(200), "P. 1:51(50) ack 1");
        conv_none(c);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_retrans_segs, 1);
        conv_in(c, ". 1:1(0) ack 51");
        conv_none(c);
        conv_quiet(c, ELKO_SEC(10));
}

/* What has come before is not sent again, and an ACK in the middle cuts the segment. */
CONV_TEST(an_ack_in_the_middle)
{
        conv_start(c, &plain);
        conv_open_passive(c);
        conv_set(c, ELKO_OPTION_NODELAY, 1);
        send_bytes(c, 1, 20);
        conv_in(c, ". 1:1(0) ack 6");
        conv_out_after(c, ELKO_MS(200), "P. 6:21(15) ack 1");
        conv_in(c, ". 1:1(0) ack 11");
        conv_out_after(c, ELKO_MS(400), "P. 11:21(10) ack 1"); /* Karn: no sample yet */
        conv_in(c, ". 1:1(0) ack 21");
        conv_quiet(c, ELKO_SEC(10));
}

/* Never more than a full segment; the FIN goes with the last bytes. */
CONV_TEST(at_most_a_full_segment_and_the_fin)
{
        unsigned m;

        conv_start(c, &plain);
        conv_open_passive(c);
        conv_set(c, ELKO_OPTION_NODELAY, 1);
        m = c->mss;
        conv_send(c, m - 1);
        conv_out(c, "P. 1:%u(%u) ack 1", m, m - 1);
        send_bytes(c, m, 3);
        conv_close(c);
        conv_out(c, "F. %u:%u(0) ack 1", m + 3, m + 3);
        conv_out_after(c, ELKO_MS(200), "P. 1:%u(%u) ack 1", m + 1, m);
        conv_in(c, ". 1:1(0) ack %u", m + 1);
        conv_out(c, "FP. %u:%u(2) ack 1", m + 1, m + 3);
        conv_in(c, ". 1:1(0) ack %u", m + 4);
        conv_none(c);
}

EK_TEST_MAIN();
