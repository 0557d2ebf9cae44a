/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * Path MTU discovery, RFC 1191, RFC 8201 (RFC 9293, 3.7.2): packet-too-big lowers the segment size
 * and what was too big goes again at once; what can't be true is ignored. RELIABILITY A3-12.
 */

static const struct conv_options plain = {.no_sack = true, .no_ts = true};

/* "fragmentation needed" or "packet too big", about the segment. */
#define too_big(c, mtu, ...)                                                                       \
        conv_in_icmp((c), (c)->variant->v6 ? 2 : 3, (c)->variant->v6 ? 0 : 4, (mtu), __VA_ARGS__)

static unsigned headers(const struct conv *c)
{
        return c->variant->v6 ? 60 : 40;
}

/* One full segment is out; its size. */
static unsigned one_out(struct conv *c)
{
        unsigned m = c->mss;

        conv_send(c, m);
        conv_out(c, "P. 1:%u(%u) ack 1", 1 + m, m);
        return m;
}

/* Segments of the new size, from the first byte that is outstanding on; no sign of congestion.
 * [RFC9293 MUST-54; RFC7323 5.7] */
CONV_TEST(too_big_resends_in_smaller_segments)
{
        unsigned m, n;

        conv_start_open(c, &plain);
        m = c->mss;
        n = 1300 - headers(c);
        conv_send(c, 2 * m);
        conv_out(c, ". 1:%u(%u) ack 1", 1 + m, m);
        conv_out(c, "P. %u:%u(%u) ack 1", 1 + m, 1 + 2 * m, m);
        too_big(c, 1300, ". 1:%u(%u) ack 1", 1 + m, m);
        conv_out(c, ". 1:%u(%u) ack 1", 1 + n, n);
        conv_out(c, ". %u:%u(%u) ack 1", 1 + n, 1 + m, m - n);
        conv_out(c, ". %u:%u(%u) ack 1", 1 + m, 1 + m + n, n);
        conv_out(c, "P. %u:%u(%u) ack 1", 1 + m + n, 1 + 2 * m, m - n);
        conv_none(c);
        CONV_EQ(c, conv_info(c).snd_mss, n);
        CONV_EQ(c, conv_info(c).pmtu, 1300);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_OPEN);
        CONV_CHECK(c, conv_info(c).snd_cwnd >= 10 * n);
        conv_in(c, ". 1:1(0) ack %u", 1 + 2 * m);
        conv_send(c, n + 1);
        conv_out(c, ". %u:%u(%u) ack 1", 1 + 2 * m, 1 + 2 * m + n, n);
        conv_out(c, "P. %u:%u(1) ack 1", 1 + 2 * m + n, 2 + 2 * m + n);
}

/* RFC 1191, 6.4: only what was too big goes again. The peer's segments are smaller than the new path MTU: nothing
 * was lost on its account. */
CONV_TEST(what_fits_is_not_sent_again)
{
        conv_start(c, &plain);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss 1000>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        conv_send(c, 2000);
        conv_out(c, ". 1:1001(1000) ack 1");
        conv_out(c, "P. 1001:2001(1000) ack 1");
        too_big(c, 1300, ". 1:1001(1000) ack 1");
        conv_none(c);
        CONV_EQ(c, conv_info(c).pmtu, 1300);
        CONV_EQ(c, conv_info(c).snd_mss, 1000);
}

/* RFC 5681, 3.1: the congestion window shrinks as the segments do, so that as many as before may be under
 * way, not a burst of smaller ones. [RFC5681 3.1e] */
CONV_TEST(as_many_segments_as_before)
{
        unsigned m, n, sent = 0;

        conv_start_open(c, &plain);
        m = c->mss;
        conv_send(c, 40 * m);
        CONV_EQ(c, conv_ignore(c), 10);
        too_big(c, 1280, ". 1:%u(%u) ack 1", 1 + m, m);
        n = conv_info(c).snd_mss;
        CONV_CHECK(c, n < m);
        for (unsigned i = 0; i < conv_pending(c); i++)
                sent += conv_peek(c, i)->len;
        conv_ignore(c);
        CONV_CHECK(c, sent > 8 * n && sent <= 10 * n);
        CONV_EQ(c, conv_info(c).snd_cwnd, 10 * n);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_OPEN);
}

/* A retransmission by the timer uses the new size as well. */
CONV_TEST(then_the_timer)
{
        unsigned m, n;

        conv_start_open(c, &plain);
        m = one_out(c);
        n = 1300 - headers(c);
        too_big(c, 1300, "P. 1:%u(%u) ack 1", 1 + m, m);
        conv_ignore(c);
        conv_out_after(c, ELKO_MS(200), ". 1:%u(%u) ack 1", 1 + n, n);
        conv_in(c, ". 1:1(0) ack %u", 1 + n);
        conv_out(c, "P. %u:%u(%u) ack 1", 1 + n, 1 + m, m - n);
}

/* RELIABILITY A3-12: not in flight; not smaller; impossible. */
CONV_TEST(a3_12_forged_or_nonsense)
{
        static const unsigned mtus[] = {1, 67, 1500, 1501, 65535};
        unsigned m;

        conv_start_open(c, &plain);
        m = one_out(c);
        for (unsigned i = 0; i < 5; i++) {
                too_big(c, mtus[i], "P. 1:%u(%u) ack 1", 1 + m, m);
                conv_none(c);
                CONV_EQ(c, conv_info(c).snd_mss, m);
        }
        too_big(c, 1300, ". %u:%u(0) ack 1", 1 + m, 1 + m);
        too_big(c, 1300, ". 0:0(0) ack 1");
        conv_none(c);
        CONV_EQ(c, conv_info(c).snd_mss, m);
        conv_in(c, ". 1:1(0) ack %u", 1 + m);
}

/* RFC 1191, 5: an old router names no MTU; the next plateau below the packet is tried. */
CONV_TEST(a3_12_no_mtu_given)
{
        static const struct conv_options v4 = {.no_sack = true, .no_ts = true, .v4_only = true};

        conv_start_open(c, &v4);
        conv_send(c, 1460);
        conv_out(c, "P. 1:1461(1460) ack 1");
        too_big(c, 0, "P. 1:1461(1460) ack 1");
        conv_out(c, ". 1:1453(1452) ack 1");
        conv_out(c, "P. 1453:1461(8) ack 1");
        CONV_EQ(c, conv_info(c).pmtu, 1492);
}

/* The floors: 552 for IPv4 (choice), 1280 for IPv6 (below it, the message is discarded). */
CONV_TEST(a3_12_floor)
{
        unsigned m;

        conv_start_open(c, &plain);
        m = one_out(c);
        too_big(c, c->variant->v6 ? 1279 : 68, "P. 1:%u(%u) ack 1", 1 + m, m);
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).snd_mss, c->variant->v6 ? m : 512);
        too_big(c, 1280, "P. 1:%u(%u) ack 1", 1 + m, m);
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).snd_mss, c->variant->v6 ? 1220 : 512);
}

/* What one connection learns, a new one to the same host knows. */
CONV_TEST(a_new_connection_knows)
{
        unsigned m;

        conv_start_open(c, &plain);
        m = one_out(c);
        too_big(c, 1300, "P. 1:%u(%u) ack 1", 1 + m, m);
        conv_ignore(c);
        conv_flow(c, 1);
        conv_open_passive(c);
        CONV_EQ(c, conv_info(c).snd_mss, 1300 - headers(c));
}

/* A second connection, open already, gets a message of its own: it must not be taken for old
 * news. */
CONV_TEST(a_second_connection_learns_as_well)
{
        unsigned m, n;

        conv_start_open(c, &plain);
        conv_flow(c, 1);
        conv_open_passive(c);
        n = 1300 - headers(c);
        for (unsigned i = 0; i < 2; i++) {
                conv_flow(c, i);
                m = one_out(c);
                too_big(c, 1300, "P. 1:%u(%u) ack 1", 1 + m, m);
                conv_out(c, ". 1:%u(%u) ack 1", 1 + n, n);
                conv_out(c, "P. %u:%u(%u) ack 1", 1 + n, 1 + m, m - n);
        }
}

/* RELIABILITY A3-12, RFC 1191, 6.3: after ten minutes the larger size is tried again. */
CONV_TEST(a3_12_forgotten_after_ten_minutes)
{
        unsigned m;

        conv_start_open(c, &plain);
        m = one_out(c);
        too_big(c, 1300, "P. 1:%u(%u) ack 1", 1 + m, m);
        conv_ignore(c);
        conv_in(c, ". 1:1(0) ack %u", 1 + m);
        conv_advance(c, ELKO_SEC(601));
        conv_send(c, m);
        conv_out(c, "P. %u:%u(%u) ack 1", 1 + m, 1 + 2 * m, m);
}

EK_TEST_MAIN();
