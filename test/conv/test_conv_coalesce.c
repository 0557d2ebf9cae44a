/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * Small segments that are lost go again in full ones: RFC 1122, 4.2.2.15 ("the outstanding segments that
 * fitted would be combined into one maximum-sized segment"). cwnd counts bytes (RFC 5681), so after a
 * time-out one segment's worth of one-byte segments would be a thousand packets. Found by the simulator,
 * seed 7468: 400000 packets for 6746 bytes; and seeds 67588 and 88079, where NewReno (RFC 6582) filled a gap of
 * thousands of one-byte segments at one byte for each round trip.
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

/* Without SACK nobody can say what of the rest has come: it goes along with the segment that surely has not. */
CONV_TEST(a_fast_retransmission_takes_the_rest_along)
{
        conv_start(c, &plain);
        conv_open_passive(c);
        conv_set(c, ELKO_OPTION_NODELAY, 1);
        send_bytes(c, 1, 20);
        for (unsigned i = 0; i < 3; i++)
                conv_in(c, ". 1:1(0) ack 1");
        conv_out(c, "P. 1:21(20) ack 1");
        conv_none(c);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_retrans_segs, 1);
        CONV_EQ(c, conv_info(c).flight, 20);
        /* A part of it: the first copies had come, up to a second gap. */
        conv_in(c, ". 1:1(0) ack 8");
        conv_out(c, "P. 8:21(13) ack 1");
        CONV_EQ(c, conv_info(c).flight, 13);
        conv_in(c, ". 1:1(0) ack 21");
        CONV_EQ(c, conv_info(c).flight, 0);
        conv_none(c);
        conv_quiet(c, ELKO_SEC(10));
}

static const struct conv_options narrow = {
        .no_sack = true, .no_ts = true, .v4_only = true, .mtu = 576};

/* As many segments, and round trips, as full ones need. [RFC6582 3.2-3b] */
CONV_TEST(a_gap_of_small_segments_takes_as_many_round_trips_as_its_bytes_need)
{
        unsigned m, gap = 1197, trips = 0, at = 1;

        conv_start(c, &narrow);
        conv_open_passive(c);
        conv_set(c, ELKO_OPTION_NODELAY, 1);
        m = c->mss;
        send_bytes(c, 1, gap + 3);
        for (unsigned i = 0; i < 3; i++)
                conv_in(c, ". 1:1(0) ack 1");
        while (at <= gap) {
                unsigned end = at + m < gap + 4 ? at + m : gap + 4;

                conv_out(c, "P. %u:%u(%u) ack 1", at, end, end - at);
                conv_none(c);
                conv_advance(c, ELKO_MS(10));
                conv_in(c, ". 1:1(0) ack %u", end > gap ? gap + 4 : end);
                at = end;
                trips++;
        }
        conv_none(c);
        CONV_EQ(c, trips, (gap + 3 + m - 1) / m);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_retrans_segs, trips);
        CONV_EQ(c, conv_info(c).flight, 0);
}

/* With SACK what is not found lost stays as it is: most of it has come, and copies of that would look like reordering
 * (RFC 8985, 6.2, step 4). */
CONV_TEST(with_sack_only_what_is_lost_goes_along)
{
        conv_start(c, NULL);
        conv_open_passive(c);
        conv_set(c, ELKO_OPTION_NODELAY, 1);
        send_bytes(c, 1, 3);
        conv_advance(c, ELKO_MS(1));
        send_bytes(c, 4, 4);
        conv_in(c, ". 1:1(0) ack 1 <nop,nop,TS val 101 ecr 0,nop,nop,sack 4:7>");
        conv_out(c, "P. 1:4(3) ack 1");
        conv_none(c);
        conv_in(c, ". 1:1(0) ack 8 <nop,nop,TS val 101 ecr 1>");
        conv_none(c);
        CONV_EQ(c, conv_info(c).flight, 0);
}

EK_TEST_MAIN();
