/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * Segment text, RFC 9293, 3.10.7.4, seventh and eighth: in every state; cut at both ends of the
 * window; old, overlapping, after a FIN, after the application left. RELIABILITY A7.
 */

static void small_buffers(struct elko_config *cfg)
{
        cfg->rcv_buf_bytes = cfg->rcv_buf_max_bytes = 4096;
}

static const struct conv_options plain = {.no_sack = true, .no_ts = true};
static const struct conv_options small = {
        .no_sack = true, .no_ts = true, .no_wscale = true, .config = small_buffers};

/* ---- 3.10.7.4 seventh, by state ---- */

/* [RFC9293 3.10.7.4-7] */
CONV_TEST(text_in_established)
{
        conv_start(c, NULL);
        conv_reach(c, ELKO_TCP_ESTABLISHED, false);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 11");
        conv_event(c, ELKO_EV_READABLE);
        conv_in(c, ". 11:12(1) ack 1"); /* without PSH it is delivered just as well: A7-13 */
        conv_out(c, ". 1:1(0) ack 12");
        conv_recv(c, 11);
        conv_recv_is(c, ELKO_EAGAIN);
}

CONV_TEST(text_in_fin_wait_1)
{
        conv_start(c, NULL);
        conv_reach(c, ELKO_TCP_FIN_WAIT_1, true);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 2:2(0) ack 11");
        conv_state(c, ELKO_TCP_FIN_WAIT_1);
        conv_recv(c, 10);
}

CONV_TEST(text_in_fin_wait_2)
{
        conv_start(c, NULL);
        conv_reach(c, ELKO_TCP_FIN_WAIT_2, true);
        conv_in(c, "P. 1:11(10) ack 2");
        conv_out(c, ". 2:2(0) ack 11");
        conv_state(c, ELKO_TCP_FIN_WAIT_2);
        conv_recv(c, 10);
}

/* "This should not occur since a FIN has been received ... Ignore the segment text." */
static void text_is_ignored(struct conv *c, enum elko_tcp_state state)
{
        conv_start(c, NULL);
        conv_reach(c, state, false);
        conv_in(c, "P. 2:12(10) ack 1");
        conv_dropped(c, ELKO_DROP_TCP_AFTER_FIN);
        conv_none(c);
        conv_state(c, state);
        conv_recv_is(c, 0);
}

/* [RFC9293 3.10.7.4-7] */
CONV_TEST(text_in_close_wait)
{
        text_is_ignored(c, ELKO_TCP_CLOSE_WAIT);
}

CONV_TEST(text_in_closing)
{
        text_is_ignored(c, ELKO_TCP_CLOSING);
}

CONV_TEST(text_in_last_ack)
{
        text_is_ignored(c, ELKO_TCP_LAST_ACK);
}

CONV_TEST(text_in_time_wait)
{
        conv_start(c, NULL);
        conv_reach(c, ELKO_TCP_TIME_WAIT, true);
        conv_in(c, "P. 2:12(10) ack 2");
        conv_out(c, ". 2:2(0) ack 2");
        conv_state(c, ELKO_TCP_TIME_WAIT);
}

/* ---- old and overlapping ---- */

/* First step: "If an incoming segment is not acceptable, an acknowledgment should be sent." */
CONV_TEST(old_data_is_acknowledged_again)
{
        conv_start_open(c, &plain);
        conv_in(c, "P. 1:101(100) ack 1");
        conv_out(c, ". 1:1(0) ack 101");
        conv_in(c, "P. 1:101(100) ack 1");
        conv_out(c, ". 1:1(0) ack 101");
        conv_dropped(c, ELKO_DROP_TCP_SEQ);
        conv_in(c, "P. 51:61(10) ack 1");
        conv_out(c, ". 1:1(0) ack 101");
        conv_recv(c, 100);
        conv_recv_is(c, ELKO_EAGAIN);
}

CONV_TEST(a7_1_left_overlap)
{
        conv_start_open(c, &plain);
        conv_in(c, ". 1:1001(1000) ack 1");
        conv_out(c, ". 1:1(0) ack 1001");
        conv_in(c, "P. 501:1501(1000) ack 1");
        conv_out(c, ". 1:1(0) ack 1501");
        conv_recv(c, 1500);
        conv_recv_is(c, ELKO_EAGAIN);
}

CONV_TEST(a7_2_same_start_longer_then_shorter)
{
        conv_start_open(c, &plain);
        conv_in(c, ". 1:501(500) ack 1");
        conv_out(c, ". 1:1(0) ack 501");
        conv_in(c, "P. 1:1201(1200) ack 1");
        conv_out(c, ". 1:1(0) ack 1201");
        conv_in(c, "P. 1:601(600) ack 1");
        conv_out(c, ". 1:1(0) ack 1201");
        conv_recv(c, 1200);
        conv_recv_is(c, ELKO_EAGAIN);
}

/* RELIABILITY A7-3: bytes that could be read already stay; the rest of a lying segment is new. */
CONV_TEST(a7_3_conflicting_bytes)
{
        uint8_t packet[2048], buf[30];
        uint32_t len;

        conv_start_open(c, &plain);
        conv_in(c, "P. 1:21(20) ack 1");
        conv_out(c, ". 1:1(0) ack 21");
        len = conv_make(c, packet, "P. 11:31(20) ack 1");
        for (unsigned i = 0; i < 20; i++)
                packet[len - 20 + i] = (uint8_t)~packet[len - 20 + i];
        /* the link vouches for the checksum */
        elko_input(c->st, c->link,
                   &(struct elko_packet){.data = packet, .len = len, .flags = ELKO_PACKET_CSUM_OK},
                   1, c->now);
        conv_pull(c);
        conv_out(c, ". 1:1(0) ack 31");
        CONV_EQ(c, elko_recv(c->st, c->f->sock, buf, sizeof(buf)), 30);
        for (unsigned i = 0; i < 30; i++)
                CONV_EQ(c, buf[i], i < 20 ? conv_peer_byte(i) : (uint8_t)~conv_peer_byte(i));
}

/* RELIABILITY A7-4: an ACK in the middle of a segment is progress; the rest goes again. */
CONV_TEST(a7_4_ack_inside_a_segment)
{
        conv_start_open(c, &plain);
        conv_send(c, 1000);
        conv_out(c, "P. 1:1001(1000) ack 1");
        conv_in(c, ". 1:1(0) ack 401");
        conv_out_after(c, ELKO_MS(200), "P. 401:1001(600) ack 1");
        conv_in(c, ". 1:1(0) ack 1001");
        conv_quiet(c, ELKO_SEC(5));
}

/* ---- the right edge ---- */

/* RELIABILITY A7-7: what is beyond the window is cut; only the part inside is acknowledged.
 * [RFC9293 3.10.7.4-1] */
CONV_TEST(a7_7_right_edge)
{
        conv_start_open(c, &small);
        conv_in(c, ". 1:1201(1200) ack 1");
        conv_out(c, ". 1:1(0) ack 1201 win 2896");
        conv_in(c, ". 1201:2401(1200) ack 1");
        conv_out(c, ". 1:1(0) ack 2401 win 1696");
        conv_in(c, ". 2401:3601(1200) ack 1");
        conv_out(c, ". 1:1(0) ack 3601 win 496");
        conv_in(c, ". 3601:4801(1200) ack 1"); /* straddles */
        conv_out(c, ". 1:1(0) ack 4097 win 0");
        conv_in(c, ". 4097:4098(1) ack 1"); /* beyond */
        conv_out(c, ". 1:1(0) ack 4097 win 0");
        conv_dropped(c, ELKO_DROP_TCP_SEQ);
        conv_recv(c, 4096);
        conv_out(c, ". 1:1(0) ack 4097 win 4096");
}

CONV_TEST(a7_7_entirely_beyond_the_window)
{
        conv_start_open(c, &small);
        conv_in(c, ". 4097:4107(10) ack 1");
        conv_out(c, ". 1:1(0) ack 1 win 4096");
        conv_dropped(c, ELKO_DROP_TCP_SEQ);
        conv_recv_is(c, ELKO_EAGAIN);
}

/* RELIABILITY A7-6: FIN right behind the last byte that fits, and FIN on a closed window. */
CONV_TEST(a7_6_fin_at_the_edge_of_the_window)
{
        conv_start_open(c, &small);
        for (unsigned i = 0; i < 4; i++) {
                conv_in(c, ". %u:%u(1000) ack 1", 1 + i * 1000, 1001 + i * 1000);
                conv_out(c, ". 1:1(0) ack %u win %u", 1001 + i * 1000, 3096 - i * 1000);
        }
        conv_in(c, "F. 4001:4097(96) ack 1");
        conv_out(c, ". 1:1(0) ack 4098");
        conv_state(c, ELKO_TCP_CLOSE_WAIT);
        conv_recv(c, 4096);
        conv_recv_is(c, 0);
}

/* [RFC9293 3.10.7.4-1] */
CONV_TEST(a7_6_fin_on_a_closed_window)
{
        conv_start_open(c, &small);
        for (unsigned i = 0; i < 4; i++) {
                conv_in(c, ". %u:%u(1024) ack 1", 1 + i * 1024, 1025 + i * 1024);
                conv_out(c, ". 1:1(0) ack %u", 1025 + i * 1024);
        }
        conv_in(c, "F. 4097:4097(0) ack 1");
        conv_out(c, ". 1:1(0) ack 4098");
        conv_recv(c, 4096);
        conv_recv_is(c, 0);
        conv_state(c, ELKO_TCP_CLOSE_WAIT);
}

/* A FIN beyond the window does not count: its data was cut. */
CONV_TEST(a7_6_fin_beyond_the_window)
{
        conv_start_open(c, &small);
        for (unsigned i = 0; i < 3; i++) {
                conv_in(c, ". %u:%u(1200) ack 1", 1 + i * 1200, 1201 + i * 1200);
                conv_out(c, ". 1:1(0) ack %u", 1201 + i * 1200);
        }
        conv_in(c, "FP. 3601:4801(1200) ack 1");
        conv_out(c, ". 1:1(0) ack 4097 win 0");
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_recv(c, 4096);
        conv_out(c, ". 1:1(0) ack 4097 win 4096");
        conv_in(c, "FP. 4097:4801(704) ack 1");
        conv_out(c, ". 1:1(0) ack 4802");
        conv_recv(c, 704);
        conv_recv_is(c, 0);
}

/* ---- FIN ---- */

/* 3.10.7.4 eighth: data and FIN in one segment; the end comes after the data. [RFC9293 3.10.7.4-8] */
CONV_TEST(data_and_fin)
{
        conv_start_open(c, NULL);
        conv_in(c, "FP. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 12");
        conv_state(c, ELKO_TCP_CLOSE_WAIT);
        conv_event(c, ELKO_EV_READABLE | ELKO_EV_EOF);
        conv_recv(c, 10);
        conv_recv_is(c, 0);
        conv_recv_is(c, 0); /* and stays */
}

/* RELIABILITY A11-9: data and FIN in one batch of packets. */
CONV_TEST(a11_9_data_then_fin_in_one_batch)
{
        conv_start_open(c, NULL);
        conv_queue(c, "P. 1:11(10) ack 1");
        conv_queue(c, "F. 11:11(0) ack 1");
        conv_flush(c);
        conv_out(c, ". 1:1(0) ack 12");
        conv_event(c, ELKO_EV_READABLE | ELKO_EV_EOF);
        conv_recv(c, 10);
        conv_recv_is(c, 0);
}

/* A FIN that comes again gets its ACK again, in each state that has seen it. */
static void duplicate_fin(struct conv *c, enum elko_tcp_state state, unsigned nxt)
{
        conv_start(c, NULL);
        conv_reach(c, state, false);
        conv_in(c, "F. 1:1(0) ack 1");
        conv_out(c, ". %u:%u(0) ack 2", nxt, nxt);
        conv_state(c, state);
        conv_event(c, 0); /* EOF once */
}

CONV_TEST(duplicate_fin_in_close_wait)
{
        duplicate_fin(c, ELKO_TCP_CLOSE_WAIT, 1);
}

CONV_TEST(duplicate_fin_in_closing)
{
        duplicate_fin(c, ELKO_TCP_CLOSING, 2);
}

CONV_TEST(duplicate_fin_in_last_ack)
{
        duplicate_fin(c, ELKO_TCP_LAST_ACK, 2);
}

/* RELIABILITY A7-5: in order, the FIN's number does not change any more; what lies beyond is
 * nothing. */
CONV_TEST(a7_5_longer_data_after_the_fin)
{
        conv_start_open(c, &plain);
        conv_in(c, "F. 1:501(500) ack 1");
        conv_out(c, ". 1:1(0) ack 502");
        conv_in(c, "P. 1:801(800) ack 1");
        conv_dropped(c, ELKO_DROP_TCP_AFTER_FIN);
        conv_ignore(c);
        conv_recv(c, 500);
        conv_recv_is(c, 0);
        conv_state(c, ELKO_TCP_CLOSE_WAIT);
}

/* The same with the FIN out of order. */
CONV_TEST(a7_5_longer_data_after_an_early_fin)
{
        conv_start_open(c, &plain);
        conv_in(c, "F. 101:501(400) ack 1");
        conv_out(c, ". 1:1(0) ack 1");
        conv_in(c, "P. 101:801(700) ack 1");
        conv_out(c, ". 1:1(0) ack 1");
        conv_in(c, "P. 1:801(800) ack 1");
        conv_out(c, ". 1:1(0) ack 502");
        conv_recv(c, 500);
        conv_recv_is(c, 0);
        conv_state(c, ELKO_TCP_CLOSE_WAIT);
}

/* RELIABILITY A7-6: the FIN before its data; delivered when the hole closes, once. */
CONV_TEST(a7_6_early_fin)
{
        conv_start_open(c, &plain);
        conv_in(c, "F. 11:11(0) ack 1");
        conv_out(c, ". 1:1(0) ack 1");
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_event(c, 0);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 12");
        conv_event(c, ELKO_EV_READABLE | ELKO_EV_EOF);
        conv_state(c, ELKO_TCP_CLOSE_WAIT);
        conv_recv(c, 10);
        conv_recv_is(c, 0);
}

/* RELIABILITY A7-6: two FINs at different places; the first one counts. */
CONV_TEST(a7_6_two_fins)
{
        conv_start_open(c, &plain);
        conv_in(c, "F. 11:11(0) ack 1");
        conv_out(c, ". 1:1(0) ack 1");
        conv_in(c, "F. 21:21(0) ack 1");
        conv_ignore(c);
        conv_in(c, "P. 1:21(20) ack 1");
        conv_out(c, ". 1:1(0) ack 12");
        conv_recv(c, 10);
        conv_recv_is(c, 0);
}

/* The FIN early in FIN-WAIT-1 and FIN-WAIT-2 as well. */
CONV_TEST(early_fin_in_fin_wait_2)
{
        conv_start(c, &plain);
        conv_reach(c, ELKO_TCP_FIN_WAIT_2, true);
        conv_in(c, "F. 11:11(0) ack 2");
        conv_out(c, ". 2:2(0) ack 1");
        conv_in(c, "P. 1:11(10) ack 2");
        conv_out(c, ". 2:2(0) ack 12");
        conv_state(c, ELKO_TCP_TIME_WAIT);
        conv_recv(c, 10);
        conv_recv_is(c, 0);
}

/* ---- after the application left ---- */

/* RFC 2525, 2.16: data that nobody will read is answered with RST. */
static void data_after_close(struct conv *c, bool fin_acked)
{
        conv_start_open(c, NULL);
        conv_close(c);
        conv_out(c, "F. 1:1(0) ack 1");
        if (fin_acked)
                conv_in(c, ". 1:1(0) ack 2");
        conv_in(c, "P. 1:11(10) ack %u", fin_acked ? 2 : 1);
        conv_out(c, fin_acked ? "R 2:2(0)" : "R 1:1(0)"); /* <SEQ=SEG.ACK><CTL=RST> */
        conv_dropped(c, ELKO_DROP_TCP_DATA_CLOSED);
        conv_state(c, ELKO_TCP_CLOSED);
}

/* [RFC2525 2.16] */
CONV_TEST(rfc2525_2_16_data_after_close_in_fin_wait_1)
{
        data_after_close(c, false);
}

/* [RFC2525 2.16] */
CONV_TEST(rfc2525_2_16_data_after_close_in_fin_wait_2)
{
        data_after_close(c, true);
}

/* But a retransmission of what was read is no offence. */
CONV_TEST(old_data_after_close_is_only_acknowledged)
{
        conv_start_open(c, &plain);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 11");
        conv_recv(c, 10);
        conv_close(c);
        conv_out(c, "F. 1:1(0) ack 11");
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 2:2(0) ack 11");
        conv_state(c, ELKO_TCP_FIN_WAIT_1);
        conv_in(c, "F. 11:11(0) ack 2");
        conv_out(c, ". 2:2(0) ack 12");
        conv_state(c, ELKO_TCP_TIME_WAIT);
}

/* ---- sending ---- */

/* RELIABILITY A7-13: what the application wrote last is pushed. [RFC9293 MUST-2 MUST-61] */
CONV_TEST(a7_13_push)
{
        unsigned m;

        conv_start_open(c, &plain);
        m = c->mss;
        conv_send(c, 2 * m + 1);
        conv_out(c, ". 1:%u(%u) ack 1", 1 + m, m);
        conv_out(c, ". %u:%u(%u) ack 1", 1 + m, 1 + 2 * m, m);
        conv_out(c, "P. %u:%u(1) ack 1", 1 + 2 * m, 2 + 2 * m);
        conv_in(c, ". 1:1(0) ack %u", 2 + 2 * m);
}

/* RFC 2525, 2.18: options count in the segment size (RFC 6691); here 12 bytes of timestamps. [RFC2525 2.18] */
CONV_TEST(a13_options_in_the_mss_calculation)
{
        unsigned m;

        conv_start_open(c, NULL);
        m = c->mss - 12u;
        conv_send(c, 2 * m);
        conv_out(c, ". 1:%u(%u) ack 1", 1 + m, m);
        conv_out(c, "P. %u:%u(%u) ack 1", 1 + m, 1 + 2 * m, m);
        CONV_EQ(c, c->last.packet_len, 1500);
        conv_in(c, ". 1:1(0) ack %u", 1 + 2 * m);
}

/* RELIABILITY A7-11: a length beyond all measure is cut to what fits. */
CONV_TEST(a7_11_huge_lengths)
{
        static uint8_t buf[1 << 16];

        conv_start_open(c, &plain);
        for (unsigned i = 0; i < sizeof(buf); i++)
                buf[i] = conv_stack_byte(i);
        conv_set(c, ELKO_OPTION_SND_BUF_MAX, 8192);
        conv_hold(c, true);
        CONV_EQ(c, elko_send(c->st, c->f->sock, buf, SIZE_MAX, 0), 8192);
        CONV_EQ(c, elko_send(c->st, c->f->sock, buf, SIZE_MAX, 0), ELKO_EAGAIN);
        conv_in(c, "P. 1:11(10) ack 1");
        CONV_EQ(c, elko_recv(c->st, c->f->sock, buf, SIZE_MAX), 10);
        conv_hold(c, false);
        conv_ignore(c);
}

/* 3.10.2 SEND before ESTABLISHED is queued, and goes with the end of the handshake. */
CONV_TEST(send_in_syn_sent)
{
        conv_start(c, &plain);
        conv_connect(c);
        conv_out(c, "S 0:0(0) <mss M,...>");
        conv_send(c, 10);
        conv_none(c);
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M>");
        conv_out(c, "P. 1:11(10) ack 1");
        conv_in(c, ". 1:1(0) ack 11");
}

/* Data, text and ACK in one: both directions at once. */
CONV_TEST(bidirectional)
{
        conv_start_open(c, NULL);
        for (unsigned i = 0; i < 20; i++) {
                conv_send(c, 10);
                conv_out(c, "P. %u:%u(10) ack %u", 1 + i * 10, 11 + i * 10, 1 + i * 10);
                conv_in(c, "P. %u:%u(10) ack %u", 1 + i * 10, 11 + i * 10, 11 + i * 10);
                conv_ignore(c); /* an ACK of its own while they are quick */
                conv_recv(c, 10);
        }
}

EK_TEST_MAIN();
