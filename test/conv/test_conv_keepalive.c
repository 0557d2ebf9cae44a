/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * Keepalive, RFC 9293, 3.8.4: off by default (MUST-25), 2 h at least by default (MUST-28), only on
 * idle connections (MUST-26), an unanswered probe is not the end (MUST-27). RFC 2525, 2.9 and 2.11;
 * RELIABILITY A9-13.
 */

static const struct conv_options plain = {.no_sack = true, .no_ts = true};

#define PROBE ". 0:0(0) ack 1"

static void keepalive(struct conv *c, uint64_t idle, uint64_t interval, uint64_t count)
{
        conv_open_passive(c);
        conv_set(c, ELKO_OPTION_KEEPALIVE_IDLE, idle);
        conv_set(c, ELKO_OPTION_KEEPALIVE_INTERVAL, interval);
        conv_set(c, ELKO_OPTION_KEEPALIVE_COUNT, count);
        conv_set(c, ELKO_OPTION_KEEPALIVE, 1);
        conv_none(c);
}

/* [RFC9293 MUST-25] */
CONV_TEST(off_by_default)
{
        conv_start_open(c, &plain);
        conv_quiet(c, ELKO_SEC(100000));
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* RFC 2525, 2.9 and 2.11: the defaults, to the nanosecond; death after nine.
 * [RFC9293 MUST-28 MUST-29 SHLD-12; RFC2525 2.9 2.11] */
CONV_TEST(a13_default_times_and_death)
{
        conv_start_open(c, &plain);
        conv_set(c, ELKO_OPTION_KEEPALIVE, 1);
        conv_out_after(c, ELKO_SEC(7200), PROBE);
        for (unsigned i = 0; i < 8; i++)
                conv_out_after(c, ELKO_SEC(75), PROBE);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_keepalives, 9);
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_out_after(c, ELKO_SEC(75), "R. 1:1(0) ack 1");
        conv_state(c, ELKO_TCP_CLOSED);
        conv_event_error(c, ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ETIMEDOUT);
        conv_recv_is(c, ELKO_ETIMEDOUT);
}

/* Answered: idle again from the answer on; the count starts anew. [RFC9293 MAY-5 MUST-24 MUST-27 MUST-29] */
CONV_TEST(answered_probes)
{
        conv_start(c, &plain);
        keepalive(c, ELKO_SEC(10), ELKO_SEC(1), 3);
        for (unsigned i = 0; i < 5; i++) {
                conv_out_after(c, ELKO_SEC(10), PROBE);
                conv_out_after(c, ELKO_SEC(1), PROBE);
                conv_quiet(c, ELKO_MS(100));
                conv_in(c, ". 1:1(0) ack 1");
        }
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* Whatever the peer sends shows that it lives. [RFC9293 MUST-26] */
CONV_TEST(traffic_postpones)
{
        conv_start(c, &plain);
        keepalive(c, ELKO_SEC(10), ELKO_SEC(1), 3);
        conv_quiet(c, ELKO_SEC(9));
        conv_in(c, "P. 1:2(1) ack 1");
        conv_out(c, ". 1:1(0) ack 2");
        conv_quiet(c, ELKO_SEC(10) - 1);
        conv_out_after(c, 1, ". 0:0(0) ack 2");
}

/* ... also while a probe that is due waits for the link: MUST-26. It says ACK like any other segment then. */
CONV_TEST(traffic_while_the_link_is_busy)
{
        conv_start(c, &plain);
        keepalive(c, ELKO_SEC(10), ELKO_SEC(1), 3);
        conv_hold(c, true);
        conv_advance(c, ELKO_MS(10500));
        conv_in(c, "P. 1:11(10) ack 1");
        conv_hold(c, false);
        conv_pull(c);
        conv_out(c, ". 1:1(0) ack 11");
        conv_none(c);
        conv_out_after(c, ELKO_SEC(10), ". 0:0(0) ack 11");
}

/* RELIABILITY A9-13: while data is outstanding the retransmission timer asks, not keepalive.
 * [RFC9293 MUST-26] */
CONV_TEST(a9_13_not_with_data_outstanding)
{
        conv_start(c, &plain);
        keepalive(c, ELKO_SEC(1), ELKO_SEC(1), 2);
        conv_send(c, 10);
        conv_out(c, "P. 1:11(10) ack 1");
        conv_advance(c, ELKO_SEC(60));
        while (conv_pending(c) > 0)
                conv_out_late(c, "P. 1:11(10) ack 1");
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_in(c, ". 1:1(0) ack 11");
        conv_out_after(c, ELKO_SEC(1), ". 10:10(0) ack 1");
}

/* The peer's own probe, with and without its garbage byte, is answered once. */
CONV_TEST(answering_probes)
{
        conv_start_open(c, &plain);
        conv_in(c, ". 0:0(0) ack 1");
        conv_out(c, ". 1:1(0) ack 1");
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 11");
        conv_in(c, ". 10:11(1) ack 1");
        conv_out(c, ". 1:1(0) ack 11");
        conv_none(c);
        conv_recv(c, 10);
        conv_recv_is(c, ELKO_EAGAIN);
}

/* RELIABILITY A11-7: the peer was restarted: it answers the probe with a reset. */
CONV_TEST(a11_7_reset_ends_it)
{
        conv_start(c, &plain);
        keepalive(c, ELKO_SEC(10), ELKO_SEC(1), 3);
        conv_out_after(c, ELKO_SEC(10), PROBE);
        conv_in(c, "R 1:1(0)");
        conv_state(c, ELKO_TCP_CLOSED);
        conv_event_error(c, ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ECONNRESET);
}

/* In the half-closed states as well. */
CONV_TEST(in_close_wait)
{
        conv_start(c, &plain);
        keepalive(c, ELKO_SEC(10), ELKO_SEC(1), 3);
        conv_in(c, "F. 1:1(0) ack 1");
        conv_out(c, ". 1:1(0) ack 2");
        conv_out_after(c, ELKO_SEC(10), ". 0:0(0) ack 2");
}

/* [RFC9293 MUST-24] */
CONV_TEST(switched_off_again)
{
        conv_start(c, &plain);
        keepalive(c, ELKO_SEC(10), ELKO_SEC(1), 3);
        conv_quiet(c, ELKO_SEC(9));
        conv_set(c, ELKO_OPTION_KEEPALIVE, 0);
        conv_quiet(c, ELKO_SEC(1000));
}

/* Set on the listener, it holds for what the listener accepts. */
CONV_TEST(inherited_from_the_listener)
{
        conv_start(c, &plain);
        conv_listen(c);
        CONV_EQ(c, elko_set_option(c->st, c->listener, ELKO_OPTION_KEEPALIVE, 1), 0);
        CONV_EQ(c, elko_set_option(c->st, c->listener, ELKO_OPTION_KEEPALIVE_IDLE, ELKO_SEC(5)), 0);
        conv_open_passive(c);
        conv_out_after(c, ELKO_SEC(5), PROBE);
}

EK_TEST_MAIN();
