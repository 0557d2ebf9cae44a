/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * Nagle's algorithm, RFC 9293, 3.7.4, in Minshall's variant; NODELAY, CORK and MORE; the sender's
 * side of silly window avoidance, 3.8.6.2.1, with its time limit.
 */

static const struct conv_options plain = {.no_sack = true, .no_ts = true, .no_wscale = true};

/* [RFC9293 SHLD-7 SHLD-27] */
CONV_TEST(a_small_segment_waits_for_the_last_small_one)
{
        conv_start_open(c, &plain);
        conv_send(c, 1);
        conv_out(c, "P. 1:2(1) ack 1");
        conv_send(c, 1);
        conv_send(c, 1);
        conv_none(c);
        CONV_EQ(c, conv_info(c).limited_by, ELKO_LIMITED_NAGLE);
        conv_quiet(c, ELKO_MS(100));
        conv_in(c, ". 1:1(0) ack 2");
        conv_out(c, "P. 2:4(2) ack 1");
        conv_in(c, ". 1:1(0) ack 4");
}

/* Minshall: the tail of a large write isn't held back by its full segments. [RFC9293 SHLD-28] */
CONV_TEST(the_tail_of_a_large_write_goes)
{
        unsigned m;

        conv_start_open(c, &plain);
        m = c->mss;
        conv_send(c, m + 10);
        conv_out(c, ". 1:%u(%u) ack 1", 1 + m, m);
        conv_out(c, "P. %u:%u(10) ack 1", 1 + m, 11 + m);
        conv_send(c, 10); /* but the next small one waits */
        conv_none(c);
        conv_in(c, ". 1:1(0) ack %u", 1 + m);
        conv_none(c);
        conv_in(c, ". 1:1(0) ack %u", 11 + m);
        conv_out(c, "P. %u:%u(10) ack 1", 11 + m, 21 + m);
}

/* What waits leaves as soon as it fills a segment. [RFC9293 SHLD-28] */
CONV_TEST(a_full_segment_goes)
{
        unsigned m;

        conv_start_open(c, &plain);
        m = c->mss;
        conv_send(c, 1);
        conv_out(c, "P. 1:2(1) ack 1");
        conv_send(c, m - 1);
        conv_none(c);
        conv_send(c, 1);
        conv_out(c, "P. 2:%u(%u) ack 1", 2 + m, m);
}

/* [RFC9293 MUST-17] */
CONV_TEST(nodelay)
{
        conv_start_open(c, &plain);
        conv_set(c, ELKO_OPTION_NODELAY, 1);
        for (unsigned i = 0; i < 5; i++) {
                conv_send(c, 1);
                conv_out(c, "P. %u:%u(1) ack 1", 1 + i, 2 + i);
        }
}

/* Switching Nagle off lets go what waits. [RFC9293 MUST-17] */
CONV_TEST(nodelay_releases)
{
        conv_start_open(c, &plain);
        conv_send(c, 1);
        conv_out(c, "P. 1:2(1) ack 1");
        conv_send(c, 1);
        conv_none(c);
        conv_set(c, ELKO_OPTION_NODELAY, 1);
        conv_pull(c);
        conv_out(c, "P. 2:3(1) ack 1");
}

/* Cork: full segments only; what is left goes after the time limit of 3.8.6.2.1 at the latest.
 * [RFC9293 MUST-60] */
CONV_TEST(cork)
{
        unsigned m;

        conv_start_open(c, &plain);
        m = c->mss;
        conv_set(c, ELKO_OPTION_CORK, 1);
        conv_send(c, m + 100);
        conv_out(c, ". 1:%u(%u) ack 1", 1 + m, m);
        conv_in(c, ". 1:1(0) ack %u", 1 + m);
        conv_quiet(c, ELKO_MS(199));
        conv_out_after(c, ELKO_MS(1), "P. %u:%u(100) ack 1", 1 + m, 101 + m);
}

CONV_TEST(uncork)
{
        conv_start_open(c, &plain);
        conv_set(c, ELKO_OPTION_CORK, 1);
        conv_send(c, 100);
        conv_none(c);
        conv_set(c, ELKO_OPTION_CORK, 0);
        conv_pull(c);
        conv_out(c, "P. 1:101(100) ack 1");
}

/* MORE: this write is to be continued; it goes with the next, or after the time limit.
 * [RFC9293 MUST-60 MAY-16] */
CONV_TEST(more)
{
        conv_start_open(c, &plain);
        conv_send_flags(c, 100, ELKO_SEND_MORE);
        conv_quiet(c, ELKO_MS(50));
        conv_send(c, 100);
        conv_out(c, "P. 1:201(200) ack 1");
        conv_in(c, ". 1:1(0) ack 201");
        conv_send_flags(c, 100, ELKO_SEND_MORE);
        conv_quiet(c, ELKO_MS(149));
        conv_advance(c, ELKO_MS(51));
        conv_out_late(c, "P. 201:301(100) ack 1");
}

/* FIN does not wait, and what stands before it neither. */
CONV_TEST(fin_releases)
{
        conv_start_open(c, &plain);
        conv_send(c, 1);
        conv_out(c, "P. 1:2(1) ack 1");
        conv_send_flags(c, 1, ELKO_SEND_MORE);
        conv_none(c);
        conv_shutdown(c);
        conv_out(c, "FP. 2:3(1) ack 1");
}

/* ---- 3.8.6.2.1: the peer's window cuts the data ---- */

/* Less than half of the largest window, less than a segment, more behind it: after the time
 * limit. [RFC9293 MUST-38] */
CONV_TEST(a_cut_segment_waits)
{
        conv_start_open(c, &plain);
        conv_in(c, ". 1:1(0) ack 1 win 500"); /* the peer had 65535 */
        conv_send(c, 5000);
        conv_none(c);
        CONV_EQ(c, conv_info(c).limited_by, ELKO_LIMITED_RWND);
        conv_out_after(c, ELKO_MS(200), ". 1:501(500) ack 1");
        conv_in(c, ". 1:1(0) ack 501 win 500");
        conv_out_after(c, ELKO_MS(200), ". 501:1001(500) ack 1");
        conv_in(c, ". 1:1(0) ack 1001 win 65535");
        conv_ignore(c);
}

/* "The override timeout should be in the range 0.1 - 1.0 seconds", however long the round trip. */
CONV_TEST(a_cut_segment_waits_a_second_at_most)
{
        conv_start(c, &plain);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M,...>");
        conv_advance(c, ELKO_MS(900)); /* RTO: 900 + 4 * 450 ms */
        conv_in(c, ". 1:1(0) ack 1 win 500");
        conv_accept(c);
        conv_in(c, ". 1:1(0) ack 1 win 60000"); /* the largest window; then it is small again */
        conv_in(c, ". 1:1(0) ack 1 win 500");
        CONV_EQ(c, conv_info(c).rto_ns, ELKO_MS(2700));
        conv_send(c, 5000);
        conv_out_after(c, ELKO_SEC(1), ". 1:501(500) ack 1");
        conv_in(c, ". 1:1(0) ack 501 win 0"); /* a probe of a closed window waits for one RTO */
        CONV_CHECK(c, conv_info(c).rto_ns > ELKO_SEC(1));
        conv_out_after(c, conv_info(c).rto_ns, ". 500:500(0) ack 1");
}

/* Half of the largest window that the peer ever had is enough. [RFC9293 MUST-38] */
CONV_TEST(half_of_a_small_window_goes)
{
        conv_start(c, &plain);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 1000 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M,...>");
        conv_in(c, ". 1:1(0) ack 1 win 1000");
        conv_accept(c);
        conv_send(c, 5000);
        conv_out(c, ". 1:1001(1000) ack 1");
        conv_in(c, ". 1:1(0) ack 1001 win 499");
        conv_none(c);
        conv_in(c, ". 1:1(0) ack 1001 win 500");
        conv_out(c, ". 1001:1501(500) ack 1");
}

/* RELIABILITY A8-3: a writer of single bytes against an ACK for each segment: the data leaves in
 * few segments. [RFC9293 MUST-38] */
CONV_TEST(a8_3_one_byte_writer)
{
        unsigned acked = 1, segments = 0;

        conv_start_open(c, &plain);
        for (unsigned i = 0; i < 2000; i++) {
                conv_send(c, 1);
                while (conv_pending(c) > 0) {
                        const struct conv_seg *s = conv_peek(c, 0);

                        acked = s->seq - c->f->iss + s->len;
                        segments++;
                        conv_ignore(c);
                        if (i % 100 != 99)
                                break;
                }
                if (i % 100 == 99) {
                        conv_in(c, ". 1:1(0) ack %u", acked);
                        segments += conv_pending(c);
                        if (conv_pending(c) > 0)
                                acked = conv_peek(c, conv_pending(c) - 1)->seq - c->f->iss +
                                        conv_peek(c, conv_pending(c) - 1)->len;
                        conv_ignore(c);
                }
        }
        CONV_CHECK(c, acked >= 1900);
        CONV_CHECK(c, segments <= 45);
        conv_in(c, ". 1:1(0) ack %u", acked);
        conv_ignore(c);
}

EK_TEST_MAIN();
