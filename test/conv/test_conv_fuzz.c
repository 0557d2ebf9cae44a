/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * What the fuzz targets (test/fuzz) found, each as the smallest conversation that shows it.
 */

static const struct conv_options plain = {.no_sack = true, .no_ts = true, .no_wscale = true};

/*
 * fuzz_pair: data sent beyond every window that the peer had announced (I-5). A segment that came early
 * had moved SND.WL1 on; the retransmission that filled the gap before it carried a newer ACK and a smaller
 * window, but an older SEQ, and RFC 9293, 3.10.7.4's comparison with SND.WL1 alone would not take its
 * window. SND.UNA moved, and with it the edge SND.UNA + SND.WND.
 */
CONV_TEST(a_retransmission_that_acknowledges_tells_of_the_window)
{
        uint32_t mss;

        conv_start_open(c, &plain);
        mss = c->mss;
        conv_in(c, ". 1:1(0) ack 1 win %u", 2 * mss);
        conv_send(c, 6 * mss);
        conv_out(c, ". 1:%u(%u) ack 1", 1 + mss, mss);
        conv_out(c, ". %u:%u(%u) ack 1", 1 + mss, 1 + 2 * mss, mss);
        conv_none(c);
        /* Early: bytes 101 to 110. The window is as it was. */
        conv_in(c, ". 101:111(10) ack 1 win %u", 2 * mss);
        conv_out(c, ". %u:%u(0) ack 1", 1 + 2 * mss, 1 + 2 * mss);
        /* The gap is filled, everything acknowledged, and the window is half a segment now. */
        conv_in(c, "P. 1:101(100) ack %u win %u", 1 + 2 * mss, mss / 2);
        conv_out(c, ". %u:%u(0) ack 111", 1 + 2 * mss, 1 + 2 * mss);
        conv_none(c);
        CONV_EQ(c, conv_info(c).snd_wnd, mss / 2);
        conv_in(c, ". 111:111(0) ack %u win %u", 1 + 2 * mss, mss);
        conv_out(c, ". %u:%u(%u) ack 111", 1 + 2 * mss, 1 + 3 * mss, mss);
        conv_none(c);
        conv_recv(c, 110);
}

/*
 * fuzz_conn: the window's right edge went back by a factor of 16 (I-11). The listener's RCV_BUF_MAX was
 * changed between the SYN,ACK, which announces the scale, and the ACK, when the connection gets its own.
 */
CONV_TEST(the_announced_scale_stays_during_the_handshake)
{
        conv_start(c, NULL);
        conv_listen(c);
        CONV_EQ(c, elko_set_option(c->st, c->listener, ELKO_OPTION_RCV_BUF_MAX, 1u << 20), ELKO_OK);
        conv_in(c, "S 0:0(0) win 65535 <mss M,nop,wscale 7>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M,wscale 5>");
        CONV_EQ(c, (uint32_t)elko_set_option(c->st, c->listener, ELKO_OPTION_RCV_BUF_MAX, 8192),
                (uint32_t)ELKO_EAGAIN);
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        CONV_EQ(c, conv_info(c).rcv_wscale, 5);
        /* Nobody waits any more: it may change again. */
        CONV_EQ(c, elko_set_option(c->st, c->listener, ELKO_OPTION_RCV_BUF_MAX, 8192), ELKO_OK);
}

/*
 * fuzz_api: elko_set_congestion() on a connection that was over gave it memory and a timer, which stayed in
 * the wheel when the handle was closed and the object freed (I-20).
 */
CONV_TEST(no_congestion_control_for_a_dead_connection)
{
        conv_start_open(c, NULL);
        conv_in(c, "R 1:1(0)");
        conv_event_error(c, ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ECONNRESET);
        conv_state(c, ELKO_TCP_CLOSED);
        CONV_EQ(c, (uint32_t)elko_set_congestion(c->st, c->f->sock, &elko_cc_newreno),
                (uint32_t)ELKO_ENOTCONN);
        conv_close(c);
        conv_quiet(c, ELKO_SEC(10));
}

/*
 * fuzz_conn: a connection with the longest USER_TIMEOUT, closed, sent its FIN for ever to a peer that did
 * not answer (I-48): nobody is left who wanted to wait. Both with the FIN still to be sent, and with data
 * already under way.
 */
static void orphan_ends(struct conv *c, bool data_first)
{
        conv_start_open(c, &plain);
        conv_set(c, ELKO_OPTION_USER_TIMEOUT, ELKO_NEVER);
        if (data_first) {
                conv_send(c, 100);
                conv_out(c, "P. 1:101(100) ack 1");
                conv_advance(c, ELKO_MS(1));
        }
        conv_close(c);
        conv_ignore(c);
        conv_advance(c, c->cfg.r2_ns + ELKO_SEC(1));
        conv_ignore(c);
        CONV_EQ(c, conv_memory(c).connections, 0);
        conv_quiet(c, ELKO_SEC(200));
}

CONV_TEST(an_orphan_does_not_wait_longer_than_r2)
{
        orphan_ends(c, false);
}

CONV_TEST(an_orphan_with_data_does_not_wait_longer_than_r2)
{
        orphan_ends(c, true);
}

EK_TEST_MAIN();
