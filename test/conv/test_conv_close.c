/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * Closing a connection, RFC 9293, 3.6 and 3.10.4: each transition with each segment that may be
 * lost, simultaneous closes, orphans, resets instead of FIN (RFC 2525, 2.15 to 2.17). RELIABILITY
 * A11, A4-9, A7-8, A9-16. (All combinations of losses with two stacks: test_two_stacks.c.)
 */

static const struct conv_options plain = {.no_sack = true, .no_ts = true};

/* ---- 3.10.4 CLOSE, by state ---- */

CONV_TEST(a11_10_close_in_listen)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_close_listener(c);
        conv_none(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "R. =0:=0(0) ack 1 <>");
}

CONV_TEST(a11_10_close_in_syn_sent)
{
        conv_start(c, NULL);
        conv_reach(c, ELKO_TCP_SYN_SENT, true);
        conv_close(c);
        conv_none(c);
        conv_state(c, ELKO_TCP_CLOSED);
        conv_quiet(c, ELKO_SEC(200));
}

/* Before the SYN has left. */
CONV_TEST(a11_10_close_at_once)
{
        conv_start(c, NULL);
        conv_hold(c, true);
        conv_connect(c);
        conv_close(c);
        conv_hold(c, false);
        conv_none(c);
        conv_quiet(c, ELKO_SEC(200));
}

/* SYN-RECEIVED of a simultaneous open: "form a FIN segment and send it", when the SYN is acknowledged. */
CONV_TEST(a11_10_close_in_syn_received)
{
        conv_start(c, &plain);
        conv_reach(c, ELKO_TCP_SYN_RECEIVED, true);
        conv_close(c);
        conv_none(c);
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        conv_in(c, ". 1:1(0) ack 1");
        conv_out(c, "F. 1:1(0) ack 1");
        conv_state(c, ELKO_TCP_FIN_WAIT_1);
        conv_in(c, "F. 1:1(0) ack 2");
        conv_out(c, ". 2:2(0) ack 2");
        conv_state(c, ELKO_TCP_TIME_WAIT);
}

/* What was given to SEND before goes first. */
CONV_TEST(a11_10_close_in_syn_received_with_data)
{
        conv_start(c, &plain);
        conv_reach(c, ELKO_TCP_SYN_SENT, true);
        conv_send(c, 100);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_close(c);
        conv_none(c);
        conv_in(c, ". 1:1(0) ack 1");
        conv_out(c, "FP. 1:101(100) ack 1");
        conv_state(c, ELKO_TCP_FIN_WAIT_1);
}

/* Nobody answers any more: the orphan ends with the open. */
CONV_TEST(a11_10_close_in_syn_received_and_silence)
{
        conv_start(c, &plain);
        conv_reach(c, ELKO_TCP_SYN_RECEIVED, true);
        conv_close(c);
        for (unsigned s = 1; s < 64; s *= 2)
                conv_out_after(c, ELKO_SEC(s), "S. 0:0(0) ack 1 <...>");
        conv_out_after(c, ELKO_SEC(60), "S. 0:0(0) ack 1 <...>");
        conv_advance(c, ELKO_SEC(300));
        conv_state(c, ELKO_TCP_CLOSED);
}

/* SYN-RECEIVED of a simultaneous open: queued until ESTABLISHED. */
CONV_TEST(a6_5_shutdown_in_syn_received)
{
        conv_start(c, &plain);
        conv_reach(c, ELKO_TCP_SYN_RECEIVED, true);
        conv_shutdown(c);
        conv_none(c);
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        conv_in(c, ". 1:1(0) ack 1");
        conv_out(c, "F. 1:1(0) ack 1");
        conv_state(c, ELKO_TCP_FIN_WAIT_1);
}

CONV_TEST(shutdown_in_syn_sent_with_data)
{
        conv_start(c, &plain);
        conv_reach(c, ELKO_TCP_SYN_SENT, true);
        conv_send(c, 100);
        conv_shutdown(c);
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M>");
        conv_out(c, "FP. 1:101(100) ack 1");
        conv_state(c, ELKO_TCP_FIN_WAIT_1);
        conv_in(c, ". 1:1(0) ack 102");
        conv_state(c, ELKO_TCP_FIN_WAIT_2);
}

/* ---- figure 12, with losses ---- */

CONV_TEST(fin_is_retransmitted)
{
        conv_start_open(c, &plain);
        conv_shutdown(c);
        conv_out(c, "F. 1:1(0) ack 1");
        conv_out_after(c, ELKO_MS(200), "F. 1:1(0) ack 1");
        conv_out_after(c, ELKO_MS(400), "F. 1:1(0) ack 1");
        conv_in(c, ". 1:1(0) ack 2");
        conv_state(c, ELKO_TCP_FIN_WAIT_2);
        conv_event(c, ELKO_EV_SENT);
        conv_quiet(c, ELKO_SEC(1000)); /* not an orphan: no limit */
        conv_in(c, "F. 1:1(0) ack 2");
        conv_out(c, ". 2:2(0) ack 2");
        conv_state(c, ELKO_TCP_TIME_WAIT);
        conv_event(c, ELKO_EV_READABLE | ELKO_EV_EOF | ELKO_EV_SENT | ELKO_EV_CLOSED);
}

CONV_TEST(fin_and_data_are_retransmitted_together)
{
        conv_start_open(c, &plain);
        conv_hold(c, true);
        conv_send(c, 100);
        conv_shutdown(c);
        conv_hold(c, false);
        conv_out(c, "FP. 1:101(100) ack 1");
        conv_out_after(c, ELKO_MS(200), "FP. 1:101(100) ack 1");
        conv_in(c, ". 1:1(0) ack 101"); /* the data, not the FIN: A7-8 */
        conv_state(c, ELKO_TCP_FIN_WAIT_1);
        conv_advance(c, conv_info(c).rto_ns);
        conv_out(c, "F. 101:101(0) ack 1");
        conv_in(c, ". 1:1(0) ack 102");
        conv_state(c, ELKO_TCP_FIN_WAIT_2);
}

/* RELIABILITY A7-8: the ACK of all that was sent is not the ACK of a FIN that was not. */
CONV_TEST(a7_8_ack_before_the_fin_was_sent)
{
        conv_start_open(c, &plain);
        conv_in(c, ". 1:1(0) ack 1 win 1"); /* times the scale: 128 */
        conv_send(c, 200);
        conv_shutdown(c);
        conv_out_after(c, ELKO_MS(200), ". 1:129(128) ack 1");
        conv_in(c, ". 1:1(0) ack 129 win 0");
        conv_state(c, ELKO_TCP_FIN_WAIT_1);
        conv_none(c);
        conv_in(c, ". 1:1(0) ack 129 win 100");
        conv_out(c, "FP. 129:201(72) ack 1");
        conv_in(c, ". 1:1(0) ack 202");
        conv_state(c, ELKO_TCP_FIN_WAIT_2);
}

/* LAST-ACK: only the ACK of the FIN ends it. [RFC9293 3.10.7.4-5] */
CONV_TEST(a7_8_last_ack_needs_the_ack_of_the_fin)
{
        conv_start(c, &plain);
        conv_reach(c, ELKO_TCP_LAST_ACK, false);
        conv_in(c, ". 2:2(0) ack 1");
        conv_state(c, ELKO_TCP_LAST_ACK);
        conv_out_after(c, ELKO_MS(200), "F. 1:1(0) ack 2");
        conv_in(c, ". 2:2(0) ack 2");
        conv_state(c, ELKO_TCP_CLOSED);
        conv_none(c);
        conv_event(c, ELKO_EV_SENT | ELKO_EV_CLOSED);
}

/* RELIABILITY A4-9: LAST-ACK with a silent peer ends after R2. */
CONV_TEST(a4_9_last_ack_ends)
{
        conv_start(c, &plain);
        conv_reach(c, ELKO_TCP_LAST_ACK, false);
        conv_close(c);
        conv_advance(c, ELKO_SEC(900) - 1);
        conv_ignore(c);
        conv_state(c, ELKO_TCP_LAST_ACK);
        conv_advance(c, 1);
        conv_ignore(c);
        conv_state(c, ELKO_TCP_CLOSED);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_orphan_aborts, 1);
}

CONV_TEST(a4_9_fin_wait_1_ends)
{
        conv_start_open(c, &plain);
        conv_close(c);
        conv_out(c, "F. 1:1(0) ack 1");
        conv_advance(c, ELKO_SEC(900));
        conv_ignore(c);
        conv_state(c, ELKO_TCP_CLOSED);
}

CONV_TEST(a4_9_closing_ends)
{
        conv_start(c, &plain);
        conv_reach(c, ELKO_TCP_CLOSING, true);
        conv_close(c);
        conv_advance(c, ELKO_SEC(900));
        conv_ignore(c);
        conv_state(c, ELKO_TCP_CLOSED);
}

/* RELIABILITY A11-8: FIN-WAIT-2 of an orphan, exactly 60 s; with the handle still held, for
 * ever. */
CONV_TEST(a11_8_fin_wait_2_of_an_orphan)
{
        conv_start_open(c, &plain);
        conv_close(c);
        conv_out(c, "F. 1:1(0) ack 1");
        conv_in(c, ". 1:1(0) ack 2");
        conv_state(c, ELKO_TCP_FIN_WAIT_2);
        conv_quiet(c, ELKO_SEC(60) - 1);
        conv_state(c, ELKO_TCP_FIN_WAIT_2);
        conv_quiet(c, 1);
        conv_state(c, ELKO_TCP_CLOSED);
}

/* It becomes an orphan later: the time counts from then. */
CONV_TEST(a11_8_orphaned_in_fin_wait_2)
{
        conv_start(c, &plain);
        conv_reach(c, ELKO_TCP_FIN_WAIT_2, true);
        conv_quiet(c, ELKO_SEC(500));
        conv_close(c);
        conv_quiet(c, ELKO_SEC(60) - 1);
        conv_state(c, ELKO_TCP_FIN_WAIT_2);
        conv_quiet(c, 1);
        conv_state(c, ELKO_TCP_CLOSED);
}

/* ---- figure 13 and its variants: RELIABILITY A11-3 ---- */

CONV_TEST(a11_3_simultaneous_close)
{
        conv_start_open(c, &plain);
        conv_shutdown(c);
        conv_out(c, "F. 1:1(0) ack 1");
        conv_in(c, "F. 1:1(0) ack 1");
        conv_out(c, ". 2:2(0) ack 2");
        conv_state(c, ELKO_TCP_CLOSING);
        conv_event(c, ELKO_EV_READABLE | ELKO_EV_EOF);
        conv_in(c, ". 2:2(0) ack 2");
        conv_state(c, ELKO_TCP_TIME_WAIT);
        conv_none(c);
}

/* The peer's FIN carries data. */
CONV_TEST(a11_3_simultaneous_close_with_data)
{
        conv_start_open(c, &plain);
        conv_send(c, 50);
        conv_out(c, "P. 1:51(50) ack 1");
        conv_shutdown(c);
        conv_out(c, "F. 51:51(0) ack 1");
        conv_in(c, "FP. 1:21(20) ack 1");
        conv_out(c, ". 52:52(0) ack 22");
        conv_state(c, ELKO_TCP_CLOSING);
        conv_recv(c, 20);
        conv_recv_is(c, 0);
        conv_in(c, ". 22:22(0) ack 52");
        conv_state(c, ELKO_TCP_TIME_WAIT);
}

/* FIN and ACK of our FIN in one: straight to TIME-WAIT. */
CONV_TEST(a11_3_fin_with_the_ack_of_ours)
{
        conv_start_open(c, &plain);
        conv_shutdown(c);
        conv_out(c, "F. 1:1(0) ack 1");
        conv_in(c, "F. 1:1(0) ack 2");
        conv_out(c, ". 2:2(0) ack 2");
        conv_state(c, ELKO_TCP_TIME_WAIT);
}

/* The ACK of our FIN is lost: the peer's FIN comes again from its LAST-ACK or CLOSING. */
CONV_TEST(closing_with_a_lost_ack)
{
        conv_start(c, &plain);
        conv_reach(c, ELKO_TCP_CLOSING, true);
        conv_out_after(c, ELKO_MS(200), "F. 1:1(0) ack 2");
        conv_in(c, "F. 1:1(0) ack 2"); /* our ACK was lost; this one has the ACK that was missing */
        conv_ignore(c);
        conv_state(c, ELKO_TCP_TIME_WAIT);
}

/* ---- reset instead of FIN ---- */

/* RFC 2525, 2.17; RFC 9293, 3.10.4, MAY-1. [RFC2525 2.17] */
CONV_TEST(rfc2525_2_17_close_with_unread_data)
{
        conv_start_open(c, &plain);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_ignore(c);
        conv_close(c);
        conv_out(c, "R. 1:1(0) ack 11");
        conv_state(c, ELKO_TCP_CLOSED);
}

CONV_TEST(rfc2525_2_17_close_with_unread_data_in_close_wait)
{
        conv_start_open(c, &plain);
        conv_in(c, "FP. 1:11(10) ack 1");
        conv_ignore(c);
        conv_close(c);
        conv_out(c, "R. 1:1(0) ack 12");
        conv_state(c, ELKO_TCP_CLOSED);
}

/* Data out of order is unread as well. */
CONV_TEST(rfc2525_2_17_close_with_early_data)
{
        conv_start_open(c, &plain);
        conv_in(c, "P. 11:21(10) ack 1");
        conv_ignore(c);
        conv_close(c);
        conv_out(c, "R. 1:1(0) ack 1");
        conv_state(c, ELKO_TCP_CLOSED);
}

/* Everything was read: FIN. */
CONV_TEST(close_with_everything_read)
{
        conv_start_open(c, &plain);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_ignore(c);
        conv_recv(c, 10);
        conv_close(c);
        conv_out(c, "F. 1:1(0) ack 11");
        conv_state(c, ELKO_TCP_FIN_WAIT_1);
}

/* RFC 2525, 2.15: the FIN leaves at once, behind the queued data. [RFC2525 2.15] */
CONV_TEST(rfc2525_2_15_fin_at_once)
{
        conv_start_open(c, &plain);
        conv_send(c, 3 * c->mss);
        conv_ignore(c);
        conv_close(c);
        conv_out(c, "F. %u:%u(0) ack 1", 1 + 3 * c->mss, 1 + 3 * c->mss);
}

/* An orphan sends what was queued. */
CONV_TEST(an_orphan_sends_its_data)
{
        unsigned m, at = 0;

        conv_start_open(c, &plain);
        m = c->mss;
        conv_hold(c, true);
        conv_send(c, 30 * m);
        conv_close(c);
        conv_hold(c, false);
        while (at < 30) {
                const struct conv_seg *s;

                CONV_CHECK(c, conv_pending(c) > 0);
                s = conv_peek(c, conv_pending(c) - 1);
                at = (s->seq - c->f->iss - 1 + s->len) / m;
                conv_ignore(c);
                conv_in(c, ". 1:1(0) ack %u", 1 + at * m);
        }
        conv_ignore(c);
        conv_in(c, ". 1:1(0) ack %u", 2 + 30 * m);
        conv_state(c, ELKO_TCP_FIN_WAIT_2);
        conv_in(c, "F. 1:1(0) ack %u", 2 + 30 * m);
        conv_out(c, ". %u:%u(0) ack 2", 2 + 30 * m, 2 + 30 * m);
        conv_state(c, ELKO_TCP_TIME_WAIT);
}

/* ---- 3.10.5 ABORT, by state ---- */

static void abort_in(struct conv *c, enum elko_tcp_state state, bool rst)
{
        uint32_t nxt = conv_stack_nxt(state), peer = conv_peer_nxt(state);

        conv_start(c, &plain);
        conv_reach(c, state, true);
        conv_abort(c);
        if (rst)
                conv_out(c, "R. %u:%u(0) ack %u", nxt, nxt, peer);
        conv_none(c);
        conv_state(c, ELKO_TCP_CLOSED);
        conv_quiet(c, ELKO_SEC(10));
}

CONV_TEST(a11_10_abort_in_syn_sent)
{
        abort_in(c, ELKO_TCP_SYN_SENT, false);
}

CONV_TEST(a11_10_abort_in_syn_received)
{
        abort_in(c, ELKO_TCP_SYN_RECEIVED, true);
}

CONV_TEST(a11_10_abort_in_established)
{
        abort_in(c, ELKO_TCP_ESTABLISHED, true);
}

CONV_TEST(a11_10_abort_in_fin_wait_1)
{
        abort_in(c, ELKO_TCP_FIN_WAIT_1, true);
}

CONV_TEST(a11_10_abort_in_fin_wait_2)
{
        abort_in(c, ELKO_TCP_FIN_WAIT_2, true);
}

CONV_TEST(a11_10_abort_in_close_wait)
{
        abort_in(c, ELKO_TCP_CLOSE_WAIT, true);
}

/* "Respond to the ABORT with an ok and delete the TCB." */
CONV_TEST(a11_10_abort_in_closing)
{
        abort_in(c, ELKO_TCP_CLOSING, false);
}

CONV_TEST(a11_10_abort_in_last_ack)
{
        abort_in(c, ELKO_TCP_LAST_ACK, false);
}

/* RELIABILITY A11-2: the handle is given up in TIME-WAIT; the wait goes on. */
CONV_TEST(a11_2_close_in_time_wait)
{
        conv_start(c, &plain);
        conv_reach(c, ELKO_TCP_TIME_WAIT, true);
        conv_close(c);
        conv_state(c, ELKO_TCP_TIME_WAIT);
        conv_in(c, "F. 1:1(0) ack 2");
        conv_out(c, ". 2:2(0) ack 2");
        conv_quiet(c, ELKO_SEC(59));
        conv_state(c, ELKO_TCP_TIME_WAIT);
        conv_quiet(c, ELKO_SEC(2));
        conv_state(c, ELKO_TCP_CLOSED);
}

/* RELIABILITY A9-15: close while everything is due at the same instant. */
CONV_TEST(a9_15_close_with_all_timers_armed)
{
        conv_start_open(c, &plain);
        conv_set(c, ELKO_OPTION_KEEPALIVE, 1);
        conv_set(c, ELKO_OPTION_KEEPALIVE_IDLE, ELKO_SEC(1));
        conv_set(c, ELKO_OPTION_USER_TIMEOUT, ELKO_SEC(1));
        conv_set(c, ELKO_OPTION_LINGER, ELKO_SEC(1));
        conv_send(c, 100);
        conv_ignore(c);
        conv_close(c);
        conv_ignore(c);
        c->now += ELKO_SEC(1);
        elko_advance(c->st, c->now);
        conv_pull(c);
        conv_ignore(c);
        conv_state(c, ELKO_TCP_CLOSED);
        conv_quiet(c, ELKO_SEC(100));
}

EK_TEST_MAIN();
