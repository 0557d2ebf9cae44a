/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * STATUS (RFC 9293, 3.9.1.6): what a connection measures of itself, at exact times. Where the sender's
 * time goes, delivery rate (draft-ietf-ccwg-bbr), the receiver's round trip, reordering (RFC 8985, 6.2)
 * and D-SACK (RFC 2883).
 */

static const struct conv_options plain = {.no_sack = true, .no_ts = true, .no_wscale = true};
static const struct conv_options sack = {.no_ts = true, .no_wscale = true};

/* `n` full segments leave from the i-th on; the last of them is pushed if `all`. */
static void out(struct conv *c, unsigned i, unsigned n, bool all)
{
        unsigned m = c->mss;

        for (unsigned k = i; k < i + n; k++)
                conv_out(c, "%s. %u:%u(%u) ack 1", all && k + 1 == i + n ? "P" : "", 1 + k * m,
                         1 + (k + 1) * m, m);
}

static void ack(struct conv *c, unsigned segs)
{
        conv_in(c, ". 1:1(0) ack %u", 1 + segs * c->mss);
}

/* Neither SYN nor FIN is a byte of the stream (RFC 9293, 3.4): as many are acknowledged and received as the users
 * sent. */
CONV_TEST(bytes_are_what_users_sent)
{
        conv_start_open(c, &plain);
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 1");
        conv_shutdown(c);
        conv_out(c, "F. 101:101(0) ack 1");
        conv_in(c, "P. 1:51(50) ack 102");
        conv_state(c, ELKO_TCP_FIN_WAIT_2);
        CONV_EQ(c, conv_info(c).bytes_acked, 100);
        CONV_EQ(c, conv_info(c).bytes_sent, 100);
        CONV_EQ(c, conv_info(c).bytes_received, 50);
        conv_ignore(c);
}

/* ---- the sender's time ---- */

/* Busy from the write to the ACK of the last byte; and it is not forgotten in a silence, in which
 * everything else is given back. */
CONV_TEST(busy)
{
        conv_start_open(c, &plain);
        conv_advance(c, ELKO_MS(500));
        CONV_EQ(c, conv_info(c).busy_ns, 0);
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 1");
        conv_advance(c, ELKO_MS(40));
        CONV_EQ(c, conv_info(c).busy_ns, ELKO_MS(40)); /* it runs */
        conv_in(c, ". 1:1(0) ack 101");
        conv_advance(c, ELKO_MS(300));
        CONV_EQ(c, conv_info(c).busy_ns, ELKO_MS(40));
        for (unsigned i = 1; i < 4; i++) {
                uint64_t busy;

                conv_advance(c, ELKO_SEC(10));
                busy = conv_info(c).busy_ns;
                CONV_CHECK(c, busy >= i * ELKO_MS(40) && busy < i * (ELKO_MS(40) + 4096));
                conv_send(c, 100);
                conv_ignore(c);
                conv_advance(c, ELKO_MS(40));
                conv_in(c, ". 1:1(0) ack %u", 101 + i * 100);
        }
        CONV_EQ(c, conv_info(c).rwnd_limited_ns, 0);
        CONV_EQ(c, conv_info(c).sndbuf_limited_ns, 0);
}

/* Data that waits for the handshake is queued, too. */
CONV_TEST(busy_from_the_first_write)
{
        conv_start(c, &plain);
        conv_connect(c);
        conv_out(c, "S 0:0(0) <...>");
        conv_advance(c, ELKO_MS(10));
        conv_send(c, 10);
        conv_advance(c, ELKO_MS(30));
        conv_in(c, "S. 0:0(0) ack 1 <mss M>");
        conv_out(c, "P. 1:11(10) ack 1");
        conv_advance(c, ELKO_MS(20));
        CONV_EQ(c, conv_info(c).busy_ns, ELKO_MS(50));
        conv_abort(c);
        conv_ignore(c);
}

/* A closed window, and a window that is too small for what waits. */
CONV_TEST(rwnd_limited)
{
        conv_start_open(c, &plain);
        conv_in(c, ". 1:1(0) ack 1 win 0");
        conv_advance(c, ELKO_MS(10));
        CONV_EQ(c, conv_info(c).rwnd_limited_ns, 0); /* nothing waits */
        conv_send(c, 3000);
        conv_advance(c, ELKO_MS(70));
        conv_in(c, ". 1:1(0) ack 1 win 2000");
        conv_out(c, ". 1:%u(%u) ack 1", 1 + c->mss, c->mss);
        conv_advance(c, ELKO_MS(25)); /* 540 of 60000 would be silly */
        CONV_EQ(c, conv_info(c).rwnd_limited_ns, ELKO_MS(95));
        conv_in(c, ". 1:1(0) ack %u win 60000", 1 + c->mss);
        conv_ignore(c);
        conv_advance(c, ELKO_MS(5));
        CONV_EQ(c, conv_info(c).rwnd_limited_ns, ELKO_MS(95));
        CONV_EQ(c, conv_info(c).busy_ns, ELKO_MS(100));
        CONV_EQ(c, conv_info(c).sndbuf_limited_ns, 0);
}

/* cwnd is the limit, whatever the peer's window says besides. */
CONV_TEST(cwnd_limited_is_just_busy)
{
        conv_start_open(c, &plain);
        conv_in(c, ". 1:1(0) ack 1 win %u", 10 * c->mss);
        conv_send(c, 20 * c->mss);
        out(c, 0, 10, false);
        conv_advance(c, ELKO_MS(30));
        CONV_EQ(c, conv_info(c).rwnd_limited_ns, 0);
        CONV_EQ(c, conv_info(c).busy_ns, ELKO_MS(30));
        conv_abort(c);
        conv_ignore(c);
}

/* All is sent, and the application can't queue more: the buffer is the limit, until there is room
 * again (a third of it). */
CONV_TEST(sndbuf_limited)
{
        conv_start_open(c, &plain);
        conv_set(c, ELKO_OPTION_SND_BUF_MAX, 4096);
        CONV_EQ(c, conv_try_send(c, 5000), 4096);
        conv_ignore(c);
        conv_advance(c, ELKO_MS(30));
        CONV_EQ(c, conv_info(c).sndbuf_limited_ns, ELKO_MS(30));
        conv_in(c, ". 1:1(0) ack 1001"); /* not enough */
        conv_advance(c, ELKO_MS(10));
        conv_in(c, ". 1:1(0) ack 2001");
        conv_event(c, ELKO_EV_WRITABLE);
        conv_advance(c, ELKO_MS(5)); /* the application takes its time */
        CONV_EQ(c, conv_info(c).sndbuf_limited_ns, ELKO_MS(40));
        conv_in(c, ". 1:1(0) ack 4097");
        CONV_EQ(c, conv_info(c).sndbuf_limited_ns, ELKO_MS(40));
        CONV_EQ(c, conv_info(c).busy_ns, ELKO_MS(45));
        CONV_EQ(c, conv_info(c).rwnd_limited_ns, 0);
}

/* What was measured survives the connection, as long as the handle does. */
CONV_TEST(busy_until_the_end)
{
        conv_start_open(c, &plain);
        conv_send(c, 100);
        conv_ignore(c);
        conv_advance(c, ELKO_MS(40));
        conv_in(c, "R 1:1(0)");
        conv_event_error(c, ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ECONNRESET);
        conv_advance(c, ELKO_SEC(5));
        CONV_CHECK(c, conv_info(c).busy_ns >= ELKO_MS(40) &&
                              conv_info(c).busy_ns < ELKO_MS(40) + 4096);
}

/* ---- delivery rate ---- */

/* Ten segments, acknowledged together after 100 ms; then again, faster and slower. The application has
 * more all the time but for the end. */
CONV_TEST(delivery_rate)
{
        uint64_t m, rate;
        unsigned n;

        conv_start_open(c, &plain);
        m = c->mss;
        conv_send(c, 60 * c->mss);
        out(c, 0, 10, false);
        CONV_EQ(c, conv_info(c).delivery_rate, 0);
        conv_advance(c, ELKO_MS(100));
        ack(c, 10);
        CONV_EQ(c, conv_info(c).delivery_rate, 10 * m * 10);
        n = conv_ignore(c);
        CONV_CHECK(c, n >= 10);
        /* the path became slower, and that is not the application's doing */
        conv_advance(c, ELKO_MS(180));
        ack(c, 10 + n);
        rate = n * m * 1000 / 180;
        CONV_EQ(c, conv_info(c).delivery_rate, rate);
        conv_ignore(c);
        conv_advance(c, ELKO_MS(1));
        conv_abort(c);
        conv_ignore(c);
}

/* A lone segment now and then is the application's rate, and no news unless it is faster. */
CONV_TEST(delivery_rate_of_an_idle_application)
{
        uint64_t rate;

        conv_start_open(c, &plain);
        conv_send(c, 10 * c->mss);
        conv_ignore(c);
        conv_advance(c, ELKO_MS(100));
        ack(c, 10);
        rate = conv_info(c).delivery_rate;
        CONV_EQ(c, rate, 10 * (uint64_t)c->mss * 10);
        for (unsigned i = 11; i < 14; i++) {
                conv_advance(c, ELKO_SEC(10)); /* it is known still after a silence */
                conv_send(c, c->mss);
                conv_ignore(c);
                conv_advance(c, ELKO_MS(100));
                ack(c, i);
                CONV_EQ(c, conv_info(c).delivery_rate, rate);
        }
        conv_send(c, c->mss);
        conv_ignore(c);
        conv_advance(c, ELKO_MS(2));
        ack(c, 14);
        CONV_EQ(c, conv_info(c).delivery_rate, (uint64_t)c->mss * 500);
}

/* ACKs in a clump: two for segments that were sent 10 ms apart come at the same time. */
CONV_TEST(delivery_rate_is_capped_by_the_send_rate)
{
        unsigned m;

        conv_start_open(c, &plain);
        m = c->mss;
        for (unsigned i = 0; i < 5; i++) {
                conv_send(c, m);
                conv_ignore(c);
                conv_advance(c, ELKO_MS(10));
        }
        ack(c, 4); /* 5 sent over 40 ms, the first of them 50 ms ago */
        CONV_EQ(c, conv_info(c).delivery_rate, (uint64_t)4 * m * 1000 / 50);
        ack(c, 5);
        CONV_EQ(c, conv_info(c).delivery_rate, (uint64_t)5 * m * 1000 / 50);
}

/* ---- the receiver's round trip ---- */

/* Data that echoes our ACK of 80 ms ago; what follows at once with the same echo says nothing new. */
CONV_TEST(rcv_rtt_from_timestamps)
{
        conv_start_open(c, NULL);
        for (unsigned i = 0; i < 6; i += 2) {
                conv_advance(c, ELKO_MS(80));
                conv_queue(c, ". %u:%u(1000) ack 1", 1 + i * 1000, 1001 + i * 1000);
                conv_queue(c, ". %u:%u(1000) ack 1", 1001 + i * 1000, 2001 + i * 1000);
                conv_flush(c);
                conv_ignore(c);
                CONV_EQ(c, conv_info(c).rcv_rtt_ns, ELKO_MS(80));
        }
        conv_advance(c, ELKO_MS(160));
        conv_queue(c, "P. 6001:6101(100) ack 1"); /* small: it may have waited for more */
        conv_queue(c, ". 6101:7101(1000) ack 1");
        conv_flush(c);
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).rcv_rtt_ns, ELKO_MS(90));
        conv_recv(c, 7100);
        conv_ignore(c);
}

static void small_window(struct elko_config *cfg)
{
        cfg->rcv_buf_bytes = 8192;
        cfg->rcv_buf_max_bytes = 8192;
}

/* Without them: the first byte behind an edge of the window. */
CONV_TEST(rcv_rtt_from_the_window)
{
        static const struct conv_options o = {
                .no_ts = true, .no_wscale = true, .config = small_window};

        conv_start_open(c, &o);
        for (unsigned i = 0; i < 8; i++) {
                conv_in(c, ". %u:%u(1000) ack 1", 1 + i * 1000, 1001 + i * 1000);
                conv_ignore(c);
                conv_recv(c, 1000);
                conv_ignore(c);
        }
        CONV_EQ(c, conv_info(c).rcv_rtt_ns, 0); /* all this was in the first window: 8192 */
        conv_advance(c, ELKO_MS(50));
        for (unsigned i = 8; i < 11; i++) {
                conv_in(c, ". %u:%u(1000) ack 1", 1 + i * 1000, 1001 + i * 1000);
                conv_ignore(c);
                conv_recv(c, 1000);
                conv_ignore(c);
        }
        CONV_EQ(c, conv_info(c).rcv_rtt_ns, ELKO_MS(50));
        conv_in(c, "R 11001:11001(0)");
        conv_event_error(c, ELKO_EV_READABLE | ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ECONNRESET);
}

/* ---- reordering, duplicates ---- */

/* The first segment is overtaken by the second, and arrives. */
CONV_TEST(reordering_is_seen)
{
        unsigned m;

        conv_start_open(c, &sack);
        m = c->mss;
        conv_send(c, 4 * m);
        out(c, 0, 4, true);
        conv_in(c, ". 1:1(0) ack 1 <sack %u:%u>", 1 + m, 1 + 2 * m);
        CONV_EQ(c, conv_info(c).reord_seen, 0);
        ack(c, 2);
        CONV_EQ(c, conv_info(c).reord_seen, 1);
        /* it is no reordering when the ACK and the block tell of it together */
        conv_in(c, ". 1:1(0) ack %u <sack %u:%u>", 1 + 3 * m, 1 + 3 * m, 1 + 4 * m);
        CONV_EQ(c, conv_info(c).reord_seen, 1);
        ack(c, 4);
        CONV_EQ(c, conv_info(c).reord_seen, 1);
}

/* A hole that a retransmission fills is a loss. */
CONV_TEST(a_loss_is_no_reordering)
{
        unsigned m;

        conv_start_open(c, &sack);
        m = c->mss;
        conv_send(c, 4 * m);
        out(c, 0, 4, true);
        for (unsigned i = 2; i <= 4; i++)
                conv_in(c, ". 1:1(0) ack 1 <sack %u:%u>", 1 + m, 1 + i * m);
        conv_out(c, ". 1:%u(%u) ack 1", 1 + m, m); /* fast retransmit */
        ack(c, 4);
        CONV_EQ(c, conv_info(c).reord_seen, 0);
        CONV_EQ(c, conv_info(c).dsack_dups, 0);
        /* the original was only late, says the D-SACK: below its ACK */
        conv_in(c, ". 1:1(0) ack %u <sack 1:%u>", 1 + 4 * m, 1 + m);
        CONV_EQ(c, conv_info(c).dsack_dups, 1);
}

/* RFC 2883, 4: above the ACK the second block contains the first; RFC 4898 counts segments. [RFC2883 5a 5b] */
CONV_TEST(dsack)
{
        unsigned m;

        conv_start_open(c, &sack);
        m = c->mss;
        conv_send(c, 10 * m);
        out(c, 0, 10, true);
        ack(c, 2);
        conv_in(c, ". 1:1(0) ack %u <sack %u:%u %u:%u>", 1 + 2 * m, 1 + 4 * m, 1 + 5 * m, 1 + 3 * m,
                1 + 5 * m);
        CONV_EQ(c, conv_info(c).dsack_dups, 1);
        conv_in(c, ". 1:1(0) ack %u <sack 1:%u>", 1 + 2 * m, 1 + 2 * m);
        CONV_EQ(c, conv_info(c).dsack_dups, 3); /* a block of two segments */
        /* nobody sent what is reported here */
        conv_in(c, ". 1:1(0) ack %u <sack %u:%u %u:%u>", 1 + 2 * m, 1 + 11 * m, 1 + 12 * m,
                1 + 11 * m, 1 + 13 * m);
        conv_ignore(c); /* a fast retransmit */
        conv_in(c, ". 1:1(0) ack %u <sack =%u:%u>", 1 + 2 * m, c->f->iss - 5, 1 + m);
        CONV_EQ(c, conv_info(c).dsack_dups, 3);
        conv_ignore(c);
        ack(c, 10);
        conv_ignore(c);
}

EK_TEST_MAIN();
