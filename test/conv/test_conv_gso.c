/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * Links that cut bursts into segments, and join them (virtio-net, TSO and LRO): what leaves as one frame, what never
 * does, and how a burst falls apart when some of it is lost. What the segments are then is the same as without such a
 * link, which the planner's unit test and the simulator show; here is what one frame holds.
 */

#define SYN_OPTIONS "<mss M,sackOK,TS val 100 ecr 0,nop,wscale 7>"

static void newreno(struct elko_config *cfg)
{
        cfg->congestion = &elko_cc_newreno;
}

static void with_ecn(struct elko_config *cfg)
{
        newreno(cfg);
        cfg->ecn = ELKO_ECN_CLASSIC;
}

static const struct conv_options plain = {.config = newreno, .tso = true, .no_ts = true};
static const struct conv_options no_sack = {
        .config = newreno, .tso = true, .no_ts = true, .no_sack = true};
static const struct conv_options ecn = {.config = with_ecn, .tso = true, .no_ts = true};

static void burst(struct conv *c, const char *flags, unsigned from, unsigned to)
{
        conv_out(c, "%s %u:%u(%u) ack 1", flags, from, to, to - from);
        CONV_EQ(c, c->last.gso, to - from > c->mss ? c->mss : 0);
}

/* cwnd is the limit of a burst, not 64 KiB; PSH is of its end. [RFC5681 3.1a] */
CONV_TEST(a_window_leaves_as_one_frame)
{
        unsigned m;

        conv_start_open(c, &plain);
        m = c->mss;
        conv_send(c, 20 * m + 100);
        burst(c, ".", 1, 1 + 10 * m);
        CONV_EQ(c, conv_info(c).data_segs_out, 10);
        CONV_EQ(c, conv_info(c).unacked, 10);
        conv_none(c);
        conv_in(c, ". 1:1(0) ack %u", 1 + 10 * m);
        burst(c, "P.", 1 + 10 * m, 101 + 20 * m);
        CONV_EQ(c, conv_info(c).data_segs_out, 21);
        CONV_EQ(c, conv_info(c).unacked, 11);
        conv_in(c, ". 1:1(0) ack %u", 101 + 20 * m);
        CONV_EQ(c, conv_info(c).unacked, 0);
}

/* The peer's window cuts it between segments where silly windows are avoided. [RFC9293 SHLD-15 MUST-38] */
CONV_TEST(the_peers_window_ends_a_burst)
{
        unsigned m;

        conv_start_open(c, &plain);
        m = c->mss;
        conv_in(c, ". 1:1(0) ack 1 win %u", (4 * m + m / 2 + 127) >> 7);
        conv_send(c, 20 * m);
        conv_out(c, ". 1:%u(%u) ack 1", 1 + 4 * m, 4 * m);
        conv_ignore(c);
}

/* The first segment is missing: SACK tells of what is behind it, and just that goes again. [RFC6675 4-update; RFC8985 6.2-5] */
CONV_TEST(a_lost_segment_of_a_burst_goes_again)
{
        unsigned m;

        conv_start_open(c, &plain);
        m = c->mss;
        conv_send(c, 10 * m);
        burst(c, "P.", 1, 1 + 10 * m);
        conv_advance(c, ELKO_MS(20));
        conv_in(c, ". 1:1(0) ack %u <sack %u:%u>", 1 + 2 * m, 1 + 3 * m, 1 + 10 * m);
        burst(c, ".", 1 + 2 * m, 1 + 3 * m);
        CONV_EQ(c, conv_info(c).total_retrans, 1);
        CONV_EQ(c, conv_info(c).sacked, 7);
        conv_in(c, ". 1:1(0) ack %u", 1 + 10 * m);
        conv_none(c);
}

/* Without SACK one segment is known to be lost, not the burst. [RFC5681 3.2-2] */
CONV_TEST(three_duplicates_send_one_segment_again)
{
        unsigned m;

        conv_start_open(c, &no_sack);
        m = c->mss;
        conv_send(c, 10 * m);
        burst(c, "P.", 1, 1 + 10 * m);
        for (int i = 0; i < 3; i++)
                conv_in(c, ". 1:1(0) ack 1");
        burst(c, ".", 1, 1 + m);
        conv_none(c);
        conv_in(c, ". 1:1(0) ack %u", 1 + 5 * m); /* a partial one (RFC 6582, 3.2, 3) */
        burst(c, ".", 1 + 5 * m, 1 + 6 * m);
        conv_in(c, ". 1:1(0) ack %u", 1 + 10 * m);
}

/* After a time-out segments go one by one, too: what the window allows. [RFC5681 3.1e] */
CONV_TEST(a_timeout_sends_one_segment)
{
        unsigned m;

        conv_start_open(c, &no_sack);
        m = c->mss;
        conv_send(c, 10 * m);
        burst(c, "P.", 1, 1 + 10 * m);
        conv_out_after(c, ELKO_MS(200), ". 1:%u(%u) ack 1", 1 + m, m);
        CONV_EQ(c, c->last.gso, 0);
        conv_in(c, ". 1:1(0) ack %u", 1 + 10 * m);
}

/* A tail loss probe is the last segment. [RFC8985 7.3-4] */
CONV_TEST(a_probe_is_one_segment)
{
        unsigned m;

        conv_start_open(c, &plain);
        m = c->mss;
        conv_send(c, 10 * m);
        burst(c, "P.", 1, 1 + 10 * m);
        conv_out_after(c, ELKO_MS(200), "P. %u:%u(%u) ack 1", 1 + 9 * m, 1 + 10 * m, m);
        CONV_EQ(c, c->last.gso, 0);
        conv_in(c, ". 1:1(0) ack %u", 1 + 10 * m);
}

/* CWR answers a mark once: it is on a segment by itself. [RFC3168 6.1.2e] */
CONV_TEST(cwr_leaves_alone)
{
        unsigned m;

        conv_start(c, &ecn);
        conv_connect(c);
        conv_out(c, "SEC 0:0(0) <...>");
        conv_in(c, "S.E 0:0(0) ack 1 win 65535 " SYN_OPTIONS);
        conv_out(c, ". 1:1(0) ack 1");
        conv_event(c, ELKO_EV_CONNECTED | ELKO_EV_WRITABLE);
        m = c->mss;
        conv_send(c, 60 * m);
        burst(c, "[ect0] .", 1, 1 + 10 * m);
        conv_in(c, ".E 1:1(0) ack %u", 1 + 10 * m);
        burst(c, "[ect0] .C", 1 + 10 * m, 1 + 11 * m);
        burst(c, "[ect0] .", 1 + 11 * m, 1 + 18 * m);
        conv_none(c);
        conv_in(c, ". 1:1(0) ack %u", 1 + 18 * m);
        conv_ignore(c);
}

/* What the link joined is as many segments of the peer as it says: for the counters, for the peer's segment size, and
 * for the ACK, which is due at once. [RFC5681 4.2c] */
CONV_TEST(joined_segments_are_counted)
{
        struct elko_tcp_info before, after;

        conv_start_open(c, &plain);
        for (int i = 0; i < 20; i++) { /* the quick ACKs of a new connection */
                conv_in(c, "P. %d:%d(10) ack 1", 1 + 10 * i, 11 + 10 * i);
                conv_ignore(c);
        }
        before = conv_info(c);
        c->joined = 600;
        conv_in(c, "P. 201:6401(6200) ack 1");
        conv_out(c, ". 1:1(0) ack 6401");
        after = conv_info(c);
        CONV_EQ(c, after.segs_in - before.segs_in, 11);
        CONV_EQ(c, after.data_segs_in - before.data_segs_in, 11);
        CONV_EQ(c, after.rcv_mss, 600);
        c->joined = 0;
        conv_in(c, "P. 6401:6501(100) ack 1");
        conv_out_after(c, ELKO_MS(40), ". 1:1(0) ack 6501");
        conv_recv(c, 6500);
        conv_ignore(c);
}
EK_TEST_MAIN();
