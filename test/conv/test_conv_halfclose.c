/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * Half-closed connections, RFC 9293, 3.6: after shutdown the other direction goes on for as long as
 * it likes, with windows, delayed ACKs and time-outs as ever.
 */

static const struct conv_options plain = {.no_sack = true, .no_ts = true};

/* We closed; the peer goes on sending, for hours. */
CONV_TEST(receiving_in_fin_wait_2)
{
        conv_start(c, &plain);
        conv_reach(c, ELKO_TCP_FIN_WAIT_2, true);
        for (unsigned i = 0; i < 30; i++) {
                conv_in(c, "P. %u:%u(1000) ack 2", 1 + i * 1000, 1001 + i * 1000);
                conv_ignore(c);
                conv_recv(c, 1000);
                conv_ignore(c);
                conv_advance(c, ELKO_SEC(300));
                conv_ignore(c);
        }
        conv_in(c, "F. 30001:30001(0) ack 2");
        conv_out(c, ". 2:2(0) ack 30002");
        conv_recv_is(c, 0);
        conv_state(c, ELKO_TCP_TIME_WAIT);
}

/* The peer closed; we go on sending. */
CONV_TEST(sending_in_close_wait)
{
        conv_start(c, &plain);
        conv_reach(c, ELKO_TCP_CLOSE_WAIT, false);
        conv_recv_is(c, 0);
        for (unsigned i = 0; i < 30; i++) {
                conv_send(c, 1000);
                conv_out(c, "P. %u:%u(1000) ack 2", 1 + i * 1000, 1001 + i * 1000);
                conv_in(c, ". 2:2(0) ack %u", 1001 + i * 1000);
                conv_quiet(c, ELKO_SEC(300));
        }
        conv_state(c, ELKO_TCP_CLOSE_WAIT);
        conv_close(c);
        conv_out(c, "F. 30001:30001(0) ack 2");
        conv_in(c, ". 2:2(0) ack 30002");
        conv_state(c, ELKO_TCP_CLOSED);
}

/* In CLOSE-WAIT the peer's window counts as before, and it is probed for. */
CONV_TEST(window_in_close_wait)
{
        conv_start(c, &plain);
        conv_reach(c, ELKO_TCP_CLOSE_WAIT, false);
        conv_in(c, ". 2:2(0) ack 1 win 0");
        conv_send(c, 100);
        conv_out_after(c, ELKO_MS(200), ". 0:0(0) ack 2");
        conv_in(c, ". 2:2(0) ack 1 win 100");
        conv_out(c, "P. 1:101(100) ack 2");
}

/* Our window in FIN-WAIT-2 is updated for the peer. */
CONV_TEST(window_updates_in_fin_wait_2)
{
        unsigned m;

        conv_start(c, &plain);
        conv_reach(c, ELKO_TCP_FIN_WAIT_2, true);
        m = 1400;
        for (unsigned i = 0; i < 40; i++) {
                conv_in(c, ". %u:%u(%u) ack 2", 1 + i * m, 1 + (i + 1) * m, m);
                conv_ignore(c);
        }
        conv_recv(c, 40 * m);
        conv_out(c, ". 2:2(0) ack %u", 1 + 40 * m);
}

/* Both directions have data when we close: ours is sent, the peer's is read. */
CONV_TEST(data_in_both_directions_around_the_fin)
{
        conv_start_open(c, &plain);
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 1");
        conv_shutdown(c);
        conv_out(c, "F. 101:101(0) ack 1");
        conv_in(c, "P. 1:51(50) ack 1"); /* crossed ours */
        conv_out(c, ". 102:102(0) ack 51");
        conv_in(c, "P. 51:101(50) ack 102");
        conv_out(c, ". 102:102(0) ack 101");
        conv_state(c, ELKO_TCP_FIN_WAIT_2);
        conv_recv(c, 100);
        conv_recv_is(c, ELKO_EAGAIN);
        conv_in(c, "F. 101:101(0) ack 102");
        conv_out(c, ". 102:102(0) ack 102");
        conv_recv_is(c, 0);
}

/* The third ACK brings data and FIN: RELIABILITY A6-11. */
CONV_TEST(a6_11_data_and_fin_with_the_third_ack)
{
        conv_start(c, &plain);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, "FP. 1:101(100) ack 1");
        conv_out(c, ". 1:1(0) ack 102");
        conv_accept(c);
        conv_state(c, ELKO_TCP_CLOSE_WAIT);
        conv_event(c, ELKO_EV_READABLE | ELKO_EV_EOF);
        conv_recv(c, 100);
        conv_recv_is(c, 0);
}

EK_TEST_MAIN();
