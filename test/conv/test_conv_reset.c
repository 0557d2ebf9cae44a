/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * Resets: RFC 9293, 3.5.2 (when one is sent, and its form), 3.5.3 (which one is believed), 3.10.5
 * (ABORT), and RFC 5961 against blind attacks (3.10.7.4 second, fourth and fifth), with its limit
 * on challenge ACKs. What a closed port answers is in test_conv_closed.c; every state against every
 * segment in test_conv_matrix.c.
 */

/* ---- 3.5.3 and RFC 5961, 3.2: A3-1, resets at the edges ---- */

/* The receive window of conv_open_active(): 4096 << 4 from RCV.NXT = 1. */
enum { WND = 65536 };

enum what { SILENT, CHALLENGE, RESET };

static void reset_at(struct conv *c, int seq, const char *flags, unsigned payload, enum what what)
{
        if (c->f->has_iss)
                conv_again(c);
        conv_open_active(c);
        conv_in(c, "%s %d:%d(%u)%s", flags, seq, seq + (int)payload, payload,
                flags[1] == '.' ? " ack 1" : "");
        switch (what) {
        case SILENT:
                conv_none(c);
                conv_state(c, ELKO_TCP_ESTABLISHED);
                conv_dropped(c, ELKO_DROP_TCP_SEQ);
                conv_event(c, 0);
                break;
        case CHALLENGE:
                conv_out(c, ". 1:1(0) ack 1");
                conv_state(c, ELKO_TCP_ESTABLISHED);
                conv_dropped(c, ELKO_DROP_TCP_RST_SEQ);
                conv_counted(c, tcp_challenge_acks, 1);
                conv_event(c, 0);
                break;
        case RESET:
                conv_none(c);
                conv_state(c, ELKO_TCP_CLOSED);
                conv_dropped(c, ELKO_DROP_TCP_RST_TAKEN);
                conv_counted(c, tcp_estab_resets, 1);
                conv_event_error(c, ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ECONNRESET);
                break;
        }
}

/* [RFC9293 3.10.7.4-2; RFC5961 3.2-1 3.2-2 3.2-3] */
CONV_TEST(reset_at_every_edge)
{
        static const struct {
                int seq;
                enum what what;
        } at[] = {{-100000, SILENT}, {0, SILENT},       {1, RESET},          {2, CHALLENGE},
                  {WND, CHALLENGE},  {WND + 1, SILENT}, {0x70000000, SILENT}};
        static const char *const flags[] = {"R", "R."};

        conv_start(c, NULL);
        for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++)
                for (unsigned k = 0; k < 2; k++)
                        reset_at(c, at[i].seq, flags[k], 0, at[i].what);
}

/* SHLD-2: a reset may carry data, which is ignored. [RFC9293 SHLD-2; RFC5961 3.2-4] */
CONV_TEST(reset_with_data)
{
        conv_start(c, NULL);
        reset_at(c, 1, "R", 10, RESET);
        reset_at(c, 2, "R.", 10, CHALLENGE);
        reset_at(c, WND + 1, "R.", 10, SILENT);
        reset_at(c, -20, "R.", 10, SILENT);
}

/* RFC 9293 without RFC 5961: anything in the window resets. */
static void no_challenge(struct elko_config *cfg)
{
        cfg->challenge_acks = false;
}

CONV_TEST(reset_inside_of_the_window_without_rfc5961)
{
        conv_start(c, &((struct conv_options){.config = no_challenge}));
        conv_open_active(c);
        conv_in(c, "R 1000:1000(0)");
        conv_state(c, ELKO_TCP_CLOSED);
        conv_event_error(c, ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ECONNRESET);
}

/* The window moves, and so does what is exact. */
CONV_TEST(reset_after_data)
{
        conv_start_open(c, NULL);
        conv_in(c, "P. 1:101(100) ack 1");
        conv_out(c, ". 1:1(0) ack 101");
        conv_in(c, "R 1:1(0)");
        conv_none(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_in(c, "R 101:101(0)");
        conv_state(c, ELKO_TCP_CLOSED);
        /* What came before the reset can be read (I-47), then the error. */
        conv_recv(c, 100);
        conv_recv_is(c, ELKO_ECONNRESET);
}

/* A reset flushes what was to be sent: nothing leaves afterwards. */
CONV_TEST(reset_flushes_the_queues)
{
        conv_start_open(c, NULL);
        conv_send(c, 100000);
        conv_ignore(c);
        conv_in(c, "R 1:1(0)");
        conv_none(c);
        conv_quiet(c, ELKO_SEC(1000));
        CONV_EQ(c, conv_try_send(c, 1), ELKO_ECONNRESET);
}

/* Each state's way to CLOSED. */
CONV_TEST(reset_in_every_synchronized_state)
{
        static const enum elko_tcp_state states[] = {ELKO_TCP_ESTABLISHED, ELKO_TCP_FIN_WAIT_1,
                                                     ELKO_TCP_FIN_WAIT_2,  ELKO_TCP_CLOSE_WAIT,
                                                     ELKO_TCP_CLOSING,     ELKO_TCP_LAST_ACK};

        conv_start(c, NULL);
        for (unsigned i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
                uint32_t nxt = conv_peer_nxt(states[i]);

                if (i > 0)
                        conv_again(c);
                conv_reach(c, states[i], true);
                conv_in(c, "R %u:%u(0)", nxt, nxt);
                conv_none(c);
                conv_state(c, ELKO_TCP_CLOSED);
                conv_event_error(c, ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ECONNRESET);
                conv_quiet(c, ELKO_SEC(200));
        }
}

/* ---- RFC 5961, 4.2: A3-2, SYN at the same places ---- */

/* [RFC9293 3.10.7.4-4; RFC5961 4.2-1 4.2-2] */
CONV_TEST(syn_at_every_edge)
{
        static const int at[] = {-100000, 0, 1, 2, WND, WND + 1};

        conv_start(c, NULL);
        for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
                for (unsigned payload = 0; payload <= 10; payload += 10) {
                        if (c->f->has_iss)
                                conv_again(c);
                        conv_open_active(c);
                        conv_in(c, "SP. %d:%d(%u) ack 1 <>", at[i], at[i] + (int)payload, payload);
                        conv_out(c, ". 1:1(0) ack 1 <...>");
                        conv_state(c, ELKO_TCP_ESTABLISHED);
                        conv_event(c, 0);
                        conv_recv_is(c, ELKO_EAGAIN);
                }
        }
}

/* ---- RFC 5961, 5.2: A3-3, SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT ---- */

/* A connection whose peer never offered more than 1000 bytes; ten are in flight. */
static void open_narrow(struct conv *c)
{
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 1000 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, ". 1:1(0) ack 1 win 1000");
        conv_accept(c);
        conv_send(c, 2000);
        conv_ignore(c);
        conv_in(c, ". 1:1(0) ack 1001 win 1000");
        conv_ignore(c);
}

/* [RFC9293 MAY-12; RFC5961 5.2-1 5.2-2] */
CONV_TEST(data_with_an_ack_out_of_range)
{
        static const struct {
                int ack;
                bool taken;
        } at[] = {{0, false},   {1, true},     {2, true},           {1001, true},
                  {2001, true}, {2002, false}, {0x40000000, false}, {-0x40000000, false}};

        conv_start(c, NULL);
        for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
                if (i > 0)
                        conv_again(c);
                open_narrow(c); /* SND.UNA 1001, SND.NXT 2001 */
                conv_in(c, "P. 1:11(10) ack %d win 1000", at[i].ack);
                if (at[i].taken) {
                        conv_out(c, ". 2001:2001(0) ack 11 <>");
                        conv_dropped(c, ELKO_DROP_NONE);
                        conv_recv(c, 10);
                } else {
                        conv_out(c, ". 2001:2001(0) ack 1 <>");
                        conv_dropped(c, ELKO_DROP_TCP_ACK_RANGE);
                        conv_recv_is(c, ELKO_EAGAIN);
                }
        }
}

/* F-Stack's regression, as TCP-Fuzz found it. [RFC5961 5.2-2] */
CONV_TEST(data_with_a_random_ack)
{
        conv_start_open(c, NULL);
        conv_in(c, "P. 1:1001(1000) ack 1");
        conv_out(c, ". 1:1(0) ack 1001");
        conv_recv(c, 1000);
        conv_in(c, ". 1001:2001(1000) ack =2560098456");
        conv_out(c, ". 1:1(0) ack 1001");
        conv_recv_is(c, ELKO_EAGAIN);
}

/* ---- challenge ACKs: their form and their limit (I-44) ---- */

/* A3-5: <SEQ=SND.NXT><ACK=RCV.NXT>, not the numbers of the segment; so the peer's answer is exact.
 * [RFC5961 3.2-6] */
CONV_TEST(challenge_of_a_peer_that_is_gone)
{
        conv_start_open(c, NULL);
        conv_send(c, 10);
        conv_out(c, "P. 1:11(10) ack 1");
        conv_in(c, "R 6:6(0)");
        conv_out(c, ". 11:11(0) ack 1");
        conv_in(c, "R 1:1(0)"); /* <SEQ=SEG.ACK> */
        conv_state(c, ELKO_TCP_CLOSED);
        conv_none(c);
}

/* One in 500 ms on one connection, whatever provokes them. [RFC5961 7-1] */
CONV_TEST(challenge_limit)
{
        conv_start_open(c, NULL);
        conv_advance(c, ELKO_MS(10));
        conv_in(c, "R 2:2(0)");
        conv_out(c, ". 1:1(0) ack 1");
        conv_in(c, "R 3:3(0)");
        conv_in(c, "S 100:100(0)");
        conv_in(c, ". 1:1(0) ack 5000");
        conv_none(c);
        conv_counted(c, tcp_challenge_acks_limited, 1);
        conv_advance(c, ELKO_MS(499));
        conv_in(c, "R 2:2(0)");
        conv_none(c);
        conv_advance(c, ELKO_MS(1));
        conv_in(c, "R 2:2(0)");
        conv_out(c, ". 1:1(0) ack 1");
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* An impossible ACK gets no more answers because there is data with it: an honest peer sends none (RFC
 * 5961, 5.2 and 7). An ordinary ACK is not limited. */
CONV_TEST(challenge_limit_and_data)
{
        conv_start_open(c, NULL);
        conv_in(c, "R 2:2(0)");
        conv_out(c, ". 1:1(0) ack 1");
        for (unsigned i = 0; i < 5; i++) {
                conv_in(c, "P. 1:11(10) ack 5000");
                conv_none(c);
                conv_dropped(c, ELKO_DROP_TCP_ACK_RANGE);
        }
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 11");
}

/* A3-4: no limit that connections share (CVE-2016-5696): the attacker learns nothing from its own.
 * [RFC5961 7-1] */
CONV_TEST(challenge_limit_is_not_shared_between_connections)
{
        conv_start_open(c, NULL);
        conv_flow(c, 1);
        conv_open_passive(c);
        conv_in(c, "R 2:2(0)");
        conv_out(c, ". 1:1(0) ack 1");
        for (unsigned i = 0; i < 110; i++)
                conv_in(c, "R %u:%u(0)", 2 + i, 2 + i);
        conv_none(c);
        conv_flow(c, 0);
        conv_in(c, "R 2:2(0)");
        conv_out(c, ". 1:1(0) ack 1");
}

/* A3-6: a flood of them costs neither answers nor memory. */
CONV_TEST(challenge_flood)
{
        uint64_t used;
        unsigned n = 0;

        conv_start_open(c, NULL);
        used = conv_memory(c).used;
        for (unsigned i = 0; i < 500; i++) {
                conv_advance(c, ELKO_MS(2));
                n += conv_ignore(c);
                conv_in(c, "R %u:%u(0)", 2 + i, 2 + i);
                n += conv_ignore(c);
        }
        CONV_CHECK(c, n >= 2 && n <= 3);
        CONV_EQ(c, conv_memory(c).used, used);
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* A5-4: a middlebox that answers each of our ACKs with a reset of sequence number 0. */
CONV_TEST(challenge_ping_pong)
{
        unsigned n = 0;

        conv_start_open(c, NULL);
        conv_in(c, "R 1000:1000(0)");
        for (unsigned i = 0; i < 20; i++) {
                n += conv_ignore(c);
                conv_in(c, "R 1000:1000(0)");
        }
        CONV_EQ(c, n, 1);
}

/* ---- 3.5.2, group 3: unacceptable segments get an ACK, and data in it does not count ---- */

/* [RFC9293 3.10.7.4-1] */
CONV_TEST(unacceptable_segments)
{
        static const char *const kinds[] = {"P. -10:0(10) ack 1", "P. 70000:70010(10) ack 1",
                                            "F. 70000:70000(0) ack 1", "F. -5:-5(0) ack 1"};

        conv_start(c, NULL);
        conv_open_active(c);
        for (unsigned i = 0; i < 4; i++) {
                conv_in(c, "%s", kinds[i]);
                conv_out(c, ". 1:1(0) ack 1 <...>");
                conv_dropped(c, ELKO_DROP_TCP_SEQ);
                conv_state(c, ELKO_TCP_ESTABLISHED);
        }
        conv_event(c, 0);
}

/* ---- 3.10.5, ABORT: A11-10, in each state ---- */

static void abort_in(struct conv *c, enum elko_tcp_state state, bool reset)
{
        if (c->f->has_iss)
                conv_again(c);
        conv_reach(c, state, true);
        conv_abort(c);
        if (reset)
                conv_out(c, "R. %u:%u(0) ack %u", conv_stack_nxt(state), conv_stack_nxt(state),
                         conv_peer_nxt(state));
        conv_none(c);
        if (state != ELKO_TCP_TIME_WAIT) {
                conv_state(c, ELKO_TCP_CLOSED);
                CONV_EQ(c, conv_memory(c).connections, 0);
        }
        conv_quiet(c, ELKO_SEC(200));
}

/* [RFC7323 3.2c 5.2c] */
CONV_TEST(abort_in_every_state)
{
        conv_start(c, NULL);
        abort_in(c, ELKO_TCP_SYN_SENT, false);
        abort_in(c, ELKO_TCP_SYN_RECEIVED, true);
        abort_in(c, ELKO_TCP_ESTABLISHED, true);
        abort_in(c, ELKO_TCP_FIN_WAIT_1, true);
        abort_in(c, ELKO_TCP_FIN_WAIT_2, true);
        abort_in(c, ELKO_TCP_CLOSE_WAIT, true);
        abort_in(c, ELKO_TCP_CLOSING, false);
        abort_in(c, ELKO_TCP_LAST_ACK, false);
        abort_in(c, ELKO_TCP_TIME_WAIT, false);
}

/* Queued data and what was received are forgotten. */
CONV_TEST(abort_with_data)
{
        conv_start_open(c, NULL);
        conv_send(c, 10);
        conv_out(c, "P. 1:11(10) ack 1");
        conv_in(c, "P. 1:21(20) ack 1");
        conv_out(c, ". 11:11(0) ack 21");
        conv_abort(c);
        conv_out(c, "R. 11:11(0) ack 21");
        conv_in(c, ". 21:21(0) ack 11");
        conv_out(c, "R 11:11(0)");
}

/* ---- A11-5: data that nobody will read ---- */

/* RFC 2525, 2.17; 3.10.4 MAY-1: close with unread data. [RFC9293 SHLD-3] */
CONV_TEST(close_with_unread_data)
{
        conv_start_open(c, NULL);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 11");
        conv_close(c);
        conv_out(c, "R. 1:1(0) ack 11");
        conv_none(c);
        conv_state(c, ELKO_TCP_CLOSED);
}

CONV_TEST(close_with_unread_data_and_fin)
{
        conv_start_open(c, NULL);
        conv_in(c, "FP. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 12");
        conv_close(c);
        conv_out(c, "R. 1:1(0) ack 12");
        conv_state(c, ELKO_TCP_CLOSED);
}

/* RFC 2525, 2.16: data after close. [RFC9293 MAY-1 SHLD-3] */
CONV_TEST(data_after_close)
{
        conv_start_open(c, NULL);
        conv_close(c);
        conv_out(c, "F. 1:1(0) ack 1");
        conv_in(c, "P. 1:11(10) ack 2");
        conv_out(c, "R 2:2(0)");
        conv_dropped(c, ELKO_DROP_TCP_DATA_CLOSED);
        conv_state(c, ELKO_TCP_CLOSED);
}

/* Half-close is not close: data is welcome. */
CONV_TEST(data_after_shutdown)
{
        conv_start_open(c, NULL);
        conv_shutdown(c);
        conv_out(c, "F. 1:1(0) ack 1");
        conv_in(c, "P. 1:11(10) ack 2");
        conv_out(c, ". 2:2(0) ack 11");
        conv_recv(c, 10);
}

/* A retransmission of what was read before is no new data: ACK, no reset. */
CONV_TEST(old_data_after_close)
{
        conv_start_open(c, NULL);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 11");
        conv_recv(c, 10);
        conv_close(c);
        conv_out(c, "F. 1:1(0) ack 11");
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 2:2(0) ack 11 <...>");
        conv_state(c, ELKO_TCP_FIN_WAIT_1);
}

/* The reset waits for the link like everything else, and leaves once. */
CONV_TEST(reset_on_a_busy_link)
{
        conv_start_open(c, NULL);
        conv_send(c, 5000);
        conv_ignore(c);
        conv_hold(c, true);
        conv_abort(c);
        conv_in(c, ". 1:1(0) ack 1");
        conv_hold(c, false);
        /* The answer to the late ACK, and the reset of the abort, in any order; both are right. */
        CONV_EQ(c, conv_pending(c), 2);
        CONV_CHECK(c, conv_peek(c, 0)->flags & ELKO_RST);
        CONV_CHECK(c, conv_peek(c, 1)->flags & ELKO_RST);
        conv_ignore(c);
        conv_quiet(c, ELKO_SEC(100));
}

EK_TEST_MAIN();
