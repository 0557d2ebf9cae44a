/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * The figures of RFC 9293, 3.5 and 3.6 as conversations, each line of a figure one line here. The
 * stack is "TCP Peer A", and then again "TCP Peer B", where both sides of a figure have something
 * to do.
 */

/* ---- figure 6: basic three-way handshake ---- */

CONV_TEST(figure_6_peer_a)
{
        conv_start(c, NULL);
        conv_connect(c);
        conv_out(c, "S 0:0(0) win 65535 <mss M,sackOK,TS val 0 ecr =0,wscale 4>");
        conv_state(c, ELKO_TCP_SYN_SENT);
        conv_advance(c, ELKO_MS(10));
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M,sackOK,TS val 100 ecr 0,nop,wscale 7>");
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_out(c, ". 1:1(0) ack 1");
        conv_event(c, ELKO_EV_CONNECTED | ELKO_EV_WRITABLE);
        conv_send(c, 10);
        conv_out(c, "P. 1:11(10) ack 1");
        conv_in(c, ". 1:1(0) ack 11");
        conv_none(c);
}

CONV_TEST(figure_6_peer_b)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_state(c, ELKO_TCP_LISTEN);
        conv_in(c, "S 0:0(0) win 65535 <mss M,sackOK,TS val 100 ecr 0,nop,wscale 7>");
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        conv_out(c, "S. 0:0(0) ack 1 win 65535 <mss M,sackOK,TS val 0 ecr 100,wscale 4>");
        conv_advance(c, ELKO_MS(10));
        conv_in(c, ". 1:1(0) ack 1");
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_listen_event(c, ELKO_EV_ACCEPT);
        conv_accept(c);
        conv_accept_none(c);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 11");
        conv_event(c, ELKO_EV_READABLE);
        conv_recv(c, 10);
}
/* ---- figure 7: simultaneous connection synchronization (MUST-10) ---- */

/* [RFC9293 MUST-10] */
CONV_TEST(figure_7)
{
        conv_start(c, NULL);
        conv_connect(c);
        conv_out(c, "S 0:0(0) <mss M,...>");
        conv_in(c, "S 0:0(0) win 65535 <mss M,sackOK,TS val 100 ecr 0,nop,wscale 7>");
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        conv_out(c, "S. 0:0(0) ack 1 win 65535 <mss M,sackOK,TS val 0 ecr 100,wscale 4>");
        conv_event(c, 0);
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M,sackOK,TS val 100 ecr 0,nop,wscale 7>");
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_event(c, ELKO_EV_CONNECTED | ELKO_EV_WRITABLE);
        /* Line 7: the peer gets our SYN,ACK. Neither side owes an ACK; one does no harm. */
        conv_ignore(c);
        conv_send(c, 5);
        conv_out(c, "P. 1:6(5) ack 1");
        conv_in(c, "P. 1:4(3) ack 6");
        conv_out(c, ". 6:6(0) ack 4");
        conv_recv(c, 3);
}

/* The peer answers our SYN,ACK with a bare ACK, as Linux does. */
CONV_TEST(figure_7_with_a_bare_ack)
{
        conv_start(c, NULL);
        conv_reach(c, ELKO_TCP_SYN_RECEIVED, true);
        conv_in(c, ". 1:1(0) ack 1");
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_none(c);
        conv_event(c, ELKO_EV_CONNECTED | ELKO_EV_WRITABLE);
}

/* ---- figure 8: recovery from an old duplicate SYN ---- */

CONV_TEST(figure_8_peer_a)
{
        conv_start(c, NULL);
        conv_connect(c);
        conv_out(c, "S 0:0(0) <mss M,...>");
        conv_in(c, "S. 0:0(0) ack -9 win 65535 <mss M>");
        conv_state(c, ELKO_TCP_SYN_SENT);
        conv_out(c, "R -9:-9(0)");
        /* Line 6: our SYN is still on its way; elko repeats it at once. */
        conv_out(c, "S 0:0(0) <mss M,...>");
        conv_in(c, "S. 100:100(0) ack 1 win 65535 <mss M>");
        conv_out(c, ". 1:1(0) ack 101");
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

CONV_TEST(figure_8_peer_b)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S -10:-10(0) win 65535 <mss M>");
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        conv_out(c, "S. 0:0(0) ack -9 <mss M>");
        conv_in(c, "R -9:-9(0)");
        conv_state(c, ELKO_TCP_LISTEN);
        conv_none(c);
        conv_forget(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* "If the SYN at line 6 had arrived before the RST, a more complex exchange might have occurred."
 * */
CONV_TEST(figure_8_syn_before_the_reset)
{
        uint32_t iss;

        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S -10:-10(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack -9 <mss M>");
        iss = c->f->iss;
        conv_forget(c);
        conv_advance(c, ELKO_MS(1));
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        CONV_CHECK(c, c->f->iss != iss);
        /* The reset for the first SYN,ACK: its number is outside of the window now. */
        conv_in(c, "R -9:-9(0)");
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        conv_none(c);
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* ---- figure 9: half-open connection discovery ---- */

CONV_TEST(figure_9_peer_a)
{
        conv_start(c, NULL);
        conv_connect(c);
        conv_out(c, "S 0:0(0) <mss M,...>");
        /* Line 4: <SEQ=300><ACK=100>, nothing to do with our 400. */
        conv_in(c, ". 300:300(0) ack -300");
        conv_out(c, "R -300:-300(0)");
        conv_state(c, ELKO_TCP_SYN_SENT);
        conv_out(c, "S 0:0(0) <mss M,...>"); /* line 7, without waiting for the timer */
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M>");
        conv_out(c, ". 1:1(0) ack 1");
        conv_event(c, ELKO_EV_CONNECTED | ELKO_EV_WRITABLE);
}

static void peer_b_of_figure_9(struct conv *c, const char *seq)
{
        conv_open_passive(c);
        conv_in(c, "S %s win 65535 <mss M>", seq);
        conv_out(c, ". 1:1(0) ack 1 <...>");
        conv_in(c, "R 1:1(0)");
        conv_state(c, ELKO_TCP_CLOSED);
        conv_event_error(c, ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ECONNRESET);
        conv_recv_is(c, ELKO_ECONNRESET);
        conv_none(c);
}

/* [RFC5961 4.2-3] */
CONV_TEST(figure_9_peer_b_syn_outside_of_the_window)
{
        conv_start(c, NULL);
        peer_b_of_figure_9(c, "3000000:3000000(0)");
        conv_close(c);
        /* Line 7 again: the basic handshake of figure 6. */
        conv_forget(c);
        conv_in(c, "S 3000000:3000000(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 3000001 <mss M>");
}

CONV_TEST(figure_9_peer_b_syn_inside_of_the_window)
{
        conv_start(c, NULL);
        peer_b_of_figure_9(c, "500:500(0)");
}

CONV_TEST(figure_9_peer_b_syn_of_the_same_isn)
{
        conv_start(c, NULL);
        peer_b_of_figure_9(c, "0:0(0)");
}

/* ---- figure 10: the active side causes half-open connection discovery ---- */

CONV_TEST(figure_10_peer_a)
{
        conv_start(c, NULL);
        conv_in(c, ". 300:310(10) ack =100");
        conv_out(c, "R =100:=100(0)");
        conv_dropped(c, ELKO_DROP_TCP_NO_CONN);
}

CONV_TEST(figure_10_peer_b)
{
        conv_start_open(c, NULL);
        conv_send(c, 10);
        conv_out(c, "P. 1:11(10) ack 1");
        conv_in(c, "R 1:1(0)");
        conv_state(c, ELKO_TCP_CLOSED);
        conv_event_error(c, ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ECONNRESET);
        CONV_EQ(c, conv_try_send(c, 1), ELKO_ECONNRESET);
}

/* ---- figure 11: an old duplicate SYN initiates a reset on two passive sockets ---- */

CONV_TEST(figure_11_peer_a)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S. 0:0(0) ack =4711 <mss M>");
        conv_out(c, "R =4711:=4711(0)");
        conv_state(c, ELKO_TCP_LISTEN);
}

CONV_TEST(figure_11_peer_b)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, "R 1:1(0)");
        conv_state(c, ELKO_TCP_LISTEN);
        conv_accept_none(c);
        conv_quiet(c, ELKO_SEC(60)); /* no SYN,ACK any more */
}

/* ---- figure 12: normal close sequence ---- */

CONV_TEST(figure_12_peer_a)
{
        conv_start(c, NULL);
        conv_open_active(c);
        conv_shutdown(c);
        conv_state(c, ELKO_TCP_FIN_WAIT_1);
        conv_out(c, "F. 1:1(0) ack 1");
        conv_in(c, ". 1:1(0) ack 2");
        conv_state(c, ELKO_TCP_FIN_WAIT_2);
        conv_event(c, ELKO_EV_SENT);
        conv_none(c);
        conv_in(c, "F. 1:1(0) ack 2");
        conv_state(c, ELKO_TCP_TIME_WAIT);
        conv_out(c, ". 2:2(0) ack 2");
        conv_event(c, ELKO_EV_READABLE | ELKO_EV_EOF | ELKO_EV_SENT | ELKO_EV_CLOSED);
        conv_recv_is(c, 0);
        conv_quiet(c, 2 * c->cfg.msl_ns - 1);
        conv_state(c, ELKO_TCP_TIME_WAIT);
        conv_quiet(c, ELKO_MS(3)); /* kept in whole milliseconds, rounded up */
        conv_state(c, ELKO_TCP_CLOSED);
}

CONV_TEST(figure_12_peer_b)
{
        conv_start_open(c, NULL);
        conv_in(c, "F. 1:1(0) ack 1");
        conv_state(c, ELKO_TCP_CLOSE_WAIT);
        conv_out(c, ". 1:1(0) ack 2");
        conv_event(c, ELKO_EV_READABLE | ELKO_EV_EOF);
        conv_recv_is(c, 0);
        conv_shutdown(c);
        conv_state(c, ELKO_TCP_LAST_ACK);
        conv_out(c, "F. 1:1(0) ack 2");
        conv_in(c, ". 2:2(0) ack 2");
        conv_state(c, ELKO_TCP_CLOSED);
        conv_event(c, ELKO_EV_SENT | ELKO_EV_CLOSED);
        conv_none(c);
}

/* Both lines 3 and 4 in one segment: FIN-WAIT-1 to TIME-WAIT directly. */
CONV_TEST(figure_12_ack_and_fin_in_one)
{
        conv_start(c, NULL);
        conv_open_active(c);
        conv_shutdown(c);
        conv_out(c, "F. 1:1(0) ack 1");
        conv_in(c, "F. 1:1(0) ack 2");
        conv_state(c, ELKO_TCP_TIME_WAIT);
        conv_out(c, ". 2:2(0) ack 2");
        conv_none(c);
}

/* A11-9: data and FIN in one batch of packets: one ACK for both, all events, the data before the
 * end. */
CONV_TEST(figure_12_data_and_fin_in_one_batch)
{
        conv_start_open(c, NULL);
        conv_queue(c, "P. 1:101(100) ack 1");
        conv_queue(c, "P. 101:201(100) ack 1");
        conv_queue(c, "F. 201:201(0) ack 1");
        conv_flush(c);
        conv_out(c, ". 1:1(0) ack 202"); /* MUST-58, MUST-59 */
        conv_none(c);
        conv_event(c, ELKO_EV_READABLE | ELKO_EV_EOF);
        conv_recv(c, 200);
        conv_recv_is(c, 0);
}

/* The whole life of a connection in one batch. [RFC9293 MUST-58 MUST-59] */
CONV_TEST(figure_12_all_of_the_peer_in_one_batch)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_queue(c, ". 1:1(0) ack 1");
        conv_queue(c, "P. 1:11(10) ack 1");
        conv_queue(c, "F. 11:11(0) ack 1");
        conv_flush(c);
        conv_out(c, ". 1:1(0) ack 12");
        conv_none(c);
        conv_state(c, ELKO_TCP_CLOSE_WAIT);
        conv_accept(c);
        conv_recv(c, 10);
        conv_recv_is(c, 0);
}

/* ---- figure 13: simultaneous close sequence ---- */

CONV_TEST(figure_13)
{
        conv_start(c, NULL);
        conv_open_active(c);
        conv_shutdown(c);
        conv_out(c, "F. 1:1(0) ack 1");
        conv_in(c, "F. 1:1(0) ack 1");
        conv_state(c, ELKO_TCP_CLOSING);
        conv_out(c, ". 2:2(0) ack 2");
        conv_event(c, ELKO_EV_READABLE | ELKO_EV_EOF);
        conv_in(c, ". 2:2(0) ack 2");
        conv_state(c, ELKO_TCP_TIME_WAIT);
        conv_none(c);
        conv_event(c, ELKO_EV_SENT | ELKO_EV_CLOSED);
        conv_quiet(c, 2 * c->cfg.msl_ns - 1);
        conv_state(c, ELKO_TCP_TIME_WAIT);
        conv_quiet(c, ELKO_MS(3));
        conv_state(c, ELKO_TCP_CLOSED);
}

/* The same with the last bytes of both directions in the segments of the FINs. */
CONV_TEST(figure_13_with_data)
{
        conv_start(c, NULL);
        conv_open_active(c);
        conv_hold(c, true);
        conv_send(c, 10);
        conv_shutdown(c);
        conv_hold(c, false);
        conv_out(c, "FP. 1:11(10) ack 1");
        conv_in(c, "FP. 1:21(20) ack 1");
        conv_state(c, ELKO_TCP_CLOSING);
        conv_out(c, ". 12:12(0) ack 22");
        conv_recv(c, 20);
        conv_recv_is(c, 0);
        conv_in(c, ". 22:22(0) ack 12");
        conv_state(c, ELKO_TCP_TIME_WAIT);
        conv_none(c);
}

EK_TEST_MAIN();
