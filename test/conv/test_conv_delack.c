/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * Delayed acknowledgements: RFC 9293, 3.8.6.3, RFC 5681, 4.2. At least one ACK for two full
 * segments, never later than 40 ms, at once for what is out of order, for what fills a hole, and
 * for FIN.
 */

enum { QUICK = 10 }; /* segments that a new connection acknowledges at once */

static const struct conv_options plain = {.no_sack = true, .no_ts = true};

/* Past the quick ones; the peer's next number is 11. */
#define start(c)                                                                                   \
        do {                                                                                       \
                conv_start_open((c), &plain);                                                      \
                past_the_quick_ones(c);                                                            \
        } while (0)

static void past_the_quick_ones(struct conv *c)
{
        for (unsigned i = 1; i <= QUICK; i++) {
                conv_in(c, "P. %u:%u(1) ack 1", i, i + 1);
                conv_out(c, ". 1:1(0) ack %u", i + 1);
        }
        conv_recv(c, QUICK);
}

/* [RFC9293 SHLD-18; RFC5681 4.2a] */
CONV_TEST(forty_milliseconds)
{
        start(c);
        conv_in(c, "P. 11:111(100) ack 1");
        conv_out_after(c, ELKO_MS(40), ". 1:1(0) ack 111");
        conv_counted(c, tcp_delayed_acks, 1);
        conv_quiet(c, ELKO_SEC(10));
}

/* The clock runs from the first segment that is not acknowledged. [RFC9293 MUST-40; RFC5681 4.2b] */
CONV_TEST(from_the_first_segment_on)
{
        start(c);
        conv_in(c, "P. 11:111(100) ack 1");
        conv_quiet(c, ELKO_MS(30));
        conv_in(c, "P. 111:211(100) ack 1");
        conv_out_after(c, ELKO_MS(10), ". 1:1(0) ack 211");
        conv_in(c, "P. 211:311(100) ack 1");
        conv_out_after(c, ELKO_MS(40), ". 1:1(0) ack 311");
}

static uint64_t quick(struct conv *c)
{
        uint64_t got = 7;

        CONV_EQ(c, elko_get_option(c->st, c->f->sock, ELKO_OPTION_QUICKACK, &got), 0);
        return got;
}

/* `n` one-byte segments from `at` on are acknowledged at once, the one after them is not. */
static void quick_for(struct conv *c, unsigned at, unsigned n)
{
        for (unsigned i = at; i < at + n; i++) {
                conv_in(c, "P. %u:%u(1) ack 1", i, i + 1);
                conv_out(c, ". 1:1(0) ack %u", i + 1);
        }
        conv_in(c, "P. %u:%u(1) ack 1", at + n, at + n + 1);
        conv_out_after(c, ELKO_MS(40), ". 1:1(0) ack %u", at + n + 1);
}

/* The option goes for some segments, and says at any time whether it still does. */
CONV_TEST(quick_by_option)
{
        start(c);
        conv_in(c, "P. 11:12(1) ack 1");
        conv_none(c);
        conv_set(c, ELKO_OPTION_QUICKACK, 1);
        conv_out(c, ". 1:1(0) ack 12");
        CONV_EQ(c, quick(c), 1);
        quick_for(c, 12, 16);
        CONV_EQ(c, quick(c), 0);
        conv_set(c, ELKO_OPTION_QUICKACK, 1);
        conv_set(c, ELKO_OPTION_QUICKACK, 0);
        quick_for(c, 29, 0);
}

/* Before the first SYN it holds for the connection, at a listener for those that it accepts. */
static void quick_from_the_beginning(struct conv *c, unsigned on)
{
        conv_start(c, &plain);
        conv_hold(c, true);
        conv_connect(c);
        conv_set(c, ELKO_OPTION_QUICKACK, on);
        CONV_EQ(c, quick(c), on);
        conv_hold(c, false);
        conv_out(c, "S 0:0(0) <...>");
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M>");
        conv_out(c, ". 1:1(0) ack 1");
        quick_for(c, 1, on == 1 ? 16 : 0);
}

CONV_TEST(quick_from_the_beginning_by_option)
{
        quick_from_the_beginning(c, 1);
}

CONV_TEST(not_quick_at_the_beginning_by_option)
{
        quick_from_the_beginning(c, 0);
}

CONV_TEST(quick_by_the_listeners_option)
{
        uint64_t got = 7;

        conv_start(c, &plain);
        conv_listen(c);
        CONV_EQ(c, elko_get_option(c->st, c->listener, ELKO_OPTION_QUICKACK, &got), 0);
        CONV_EQ(c, got, 0);
        CONV_EQ(c, elko_set_option(c->st, c->listener, ELKO_OPTION_QUICKACK, 1), 0);
        CONV_EQ(c, elko_get_option(c->st, c->listener, ELKO_OPTION_QUICKACK, &got), 0);
        CONV_EQ(c, got, 1);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        quick_for(c, 1, 16);
}

/* RFC 5681, 4.2; RFC 2525, 2.13: every second full-sized segment.
 * [RFC9293 SHLD-19; RFC5681 4.2c; RFC2525 2.13] */
CONV_TEST(a13_stretch_ack_every_second_full_segment)
{
        unsigned m, at = 11;

        start(c);
        m = c->mss;
        conv_in(c, ". %u:%u(%u) ack 1", at, at + m, m); /* the first tells the segment size */
        conv_ignore(c);
        conv_advance(c, ELKO_MS(40));
        conv_ignore(c);
        at += m;
        for (unsigned i = 0; i < 6; i++) {
                conv_in(c, ". %u:%u(%u) ack 1", at, at + m, m);
                conv_none(c);
                conv_in(c, ". %u:%u(%u) ack 1", at + m, at + 2 * m, m);
                conv_out(c, ". 1:1(0) ack %u", at + 2 * m);
                at += 2 * m;
        }
        conv_quiet(c, ELKO_SEC(1));
}

/* The same where no segment can be as large as the 536 bytes that are expected of a peer that sent none:
 * every second one, timestamps taken off. */
static void every_second_small_segment(struct conv *c, bool ts, unsigned m)
{
        unsigned at = 11;

        conv_start(c, ts ? NULL : &plain);
        conv_hold(c, true);
        conv_connect(c);
        conv_set(c, ELKO_OPTION_MAX_SEG, 100);
        conv_hold(c, false);
        conv_out(c, "S 0:0(0) <mss 100,...>");
        conv_in(c, ts ? "S. 0:0(0) ack 1 win 65535 <mss M,sackOK,TS val 100 ecr 0,nop,wscale 7>"
                      : "S. 0:0(0) ack 1 win 65535 <mss M>");
        conv_out(c, ". 1:1(0) ack 1");
        past_the_quick_ones(c);
        for (unsigned i = 0; i < 6; i++) {
                conv_in(c, ". %u:%u(%u) ack 1", at, at + m, m);
                conv_none(c);
                conv_in(c, ". %u:%u(%u) ack 1", at + m, at + 2 * m, m);
                conv_out(c, ". 1:1(0) ack %u", at + 2 * m);
                at += 2 * m;
        }
        conv_quiet(c, ELKO_SEC(1));
}

/* [RFC5681 4.2c] */
CONV_TEST(a13_stretch_ack_of_segments_of_100_bytes)
{
        every_second_small_segment(c, false, 100);
}

CONV_TEST(a13_stretch_ack_of_segments_with_timestamps)
{
        every_second_small_segment(c, true, 100 - 12);
}

/* A batch of packets shares one ACK: 3.10.7.4, MUST-58 and MUST-59. [RFC9293 MUST-58 MUST-59] */
CONV_TEST(a_batch_is_acknowledged_once)
{
        unsigned m, at = 11;

        start(c);
        m = c->mss;
        for (unsigned i = 0; i < 8; i++, at += m)
                conv_queue(c, ". %u:%u(%u) ack 1", at, at + m, m);
        conv_flush(c);
        conv_out(c, ". 1:1(0) ack %u", at);
        conv_none(c);
        conv_quiet(c, ELKO_SEC(1));
}

/* Data that leaves takes the ACK along. [RFC9293 SHLD-18] */
CONV_TEST(piggybacked)
{
        start(c);
        conv_in(c, "P. 11:111(100) ack 1");
        conv_none(c);
        conv_advance(c, ELKO_MS(20));
        conv_send(c, 50);
        conv_out(c, "P. 1:51(50) ack 111");
        conv_quiet(c, ELKO_MS(100));
        conv_in(c, ". 111:111(0) ack 51");
        conv_quiet(c, ELKO_SEC(10));
}

/* [RFC5681 3.2b] */
CONV_TEST(at_once_out_of_order_and_for_the_fill)
{
        start(c);
        conv_in(c, "P. 111:211(100) ack 1");
        conv_out(c, ". 1:1(0) ack 11");
        conv_in(c, "P. 11:111(100) ack 1");
        conv_out(c, ". 1:1(0) ack 211");
        conv_quiet(c, ELKO_SEC(1));
}

/* Part of a hole is filled: at once as well. [RFC5681 3.2b; RFC6582 5] */
CONV_TEST(at_once_while_a_hole_remains)
{
        start(c);
        conv_in(c, "P. 111:211(100) ack 1");
        conv_out(c, ". 1:1(0) ack 11");
        conv_in(c, "P. 11:61(50) ack 1");
        conv_out(c, ". 1:1(0) ack 61");
}

CONV_TEST(at_once_for_fin)
{
        start(c);
        conv_in(c, "P. 11:111(100) ack 1");
        conv_none(c);
        conv_in(c, "F. 111:111(0) ack 1");
        conv_out(c, ". 1:1(0) ack 112");
        conv_quiet(c, ELKO_SEC(1));
}

CONV_TEST(at_once_for_a_duplicate)
{
        start(c);
        conv_in(c, "P. 11:111(100) ack 1");
        conv_none(c);
        conv_in(c, "P. 11:111(100) ack 1");
        conv_out(c, ". 1:1(0) ack 111");
        conv_quiet(c, ELKO_SEC(1));
}

CONV_TEST(option_zero_means_at_once)
{
        start(c);
        conv_set(c, ELKO_OPTION_DELACK, 0);
        conv_in(c, "P. 11:111(100) ack 1");
        conv_out(c, ". 1:1(0) ack 111");
}

CONV_TEST(option_sets_the_time)
{
        start(c);
        conv_set(c, ELKO_OPTION_DELACK, ELKO_MS(499));
        conv_in(c, "P. 11:111(100) ack 1");
        conv_out_after(c, ELKO_MS(499), ". 1:1(0) ack 111");
}

/* RFC 2525, 2.13 with a link that is busy: one pull later everything is acknowledged at once. */
CONV_TEST(a_busy_link)
{
        start(c);
        conv_hold(c, true);
        conv_in(c, "P. 11:111(100) ack 1");
        conv_advance(c, ELKO_MS(200));
        conv_in(c, "P. 111:211(100) ack 1");
        conv_hold(c, false);
        conv_out(c, ". 1:1(0) ack 211");
        conv_quiet(c, ELKO_SEC(1));
}

EK_TEST_MAIN();
