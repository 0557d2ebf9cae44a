/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * SYN-RECEIVED: RFC 9293, 3.10.7.4, as it speaks of this state. It has two shapes in elko: the
 * half-open entry of a passive open, and a connection of an active open whose SYN crossed the
 * peer's. MUST-11: they are kept apart.
 */

#define SYN_OPTIONS "<mss M,sackOK,TS val 100 ecr 0,nop,wscale 7>"

#define BEGIN(c, active)                                                                           \
        do {                                                                                       \
                conv_start(c, NULL);                                                               \
                conv_reach(c, ELKO_TCP_SYN_RECEIVED, active);                                      \
        } while (0)

/* ================ passive: half-open entries ================ */

/* ---- first, check the sequence number ---- */

CONV_TEST(passive_step_1_window)
{
        static const struct {
                int64_t seq;
                bool in;
        } at[] = {{0, false},     {1, true},     {65535, true},
                  {65536, false}, {-100, false}, {0x40000000, false}};

        conv_start(c, NULL);
        conv_listen(c);
        for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
                conv_flow(c, i);
                conv_in(c, "S 0:0(0) win 65535 <mss M>");
                conv_out(c, "S. 0:0(0) ack 1 win 65535 <mss M>");
                conv_in(c, ". %d:%d(0) ack 1", (int)at[i].seq, (int)at[i].seq);
                if (at[i].in) {
                        conv_none(c);
                        conv_state(c, ELKO_TCP_ESTABLISHED);
                        conv_accept(c);
                } else {
                        conv_out(c, ". 1:1(0) ack 1");
                        conv_state(c, ELKO_TCP_SYN_RECEIVED);
                        conv_dropped(c, ELKO_DROP_TCP_HALF_OPEN_SEQ);
                }
        }
}

/* ---- second, check the RST bit: back to LISTEN, the user is not informed ---- */

/* [RFC9293 MUST-11 3.10.7.4-2] */
CONV_TEST(passive_step_2_reset)
{
        BEGIN(c, false);
        conv_in(c, "R 1:1(0)");
        conv_none(c);
        conv_state(c, ELKO_TCP_LISTEN);
        conv_listen_event(c, 0);
        CONV_EQ(c, conv_memory(c).half_open, 0);
        conv_quiet(c, ELKO_SEC(60));
}

CONV_TEST(passive_step_2_reset_with_ack_and_data)
{
        BEGIN(c, false);
        conv_in(c, "R. 1:11(10) ack 1");
        conv_none(c);
        conv_state(c, ELKO_TCP_LISTEN);
}

/* RFC 5961, 3.2: the exact number only; elsewhere in the window a challenge ACK, outside nothing.
 * */
CONV_TEST(passive_step_2_reset_elsewhere)
{
        static const struct {
                int seq;
                bool challenge;
        } at[] = {{0, false},     {2, true},   {100, true},        {65535, true},
                  {65536, false}, {-1, false}, {0x40000000, false}};

        BEGIN(c, false);
        for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
                conv_in(c, "R %d:%d(0)", at[i].seq, at[i].seq);
                if (at[i].challenge)
                        conv_out(c, ". 1:1(0) ack 1");
                conv_none(c);
                conv_dropped(c,
                             at[i].challenge ? ELKO_DROP_TCP_RST_SEQ : ELKO_DROP_TCP_HALF_OPEN_SEQ);
                conv_state(c, ELKO_TCP_SYN_RECEIVED);
        }
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
}

/* ---- fourth, check the SYN bit: passive: back to LISTEN (which answers the new SYN) ---- */

/* [RFC9293 3.10.7.4-4] */
CONV_TEST(passive_step_4_another_syn)
{
        BEGIN(c, false);
        conv_advance(c, ELKO_MS(5));
        conv_forget(c);
        conv_in(c, "S 5000:5000(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 5001 <mss M>");
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        CONV_EQ(c, conv_memory(c).half_open, 1);
        conv_in(c, ". 5001:5001(0) ack 1");
        conv_accept(c);
}

/* ---- fifth, check the ACK field ---- */

CONV_TEST(passive_step_5_no_ack)
{
        static const char *const kinds[] = {"- 1:1(0)", "F 1:1(0)", "P 1:11(10)", "FPU 1:1(0)"};

        BEGIN(c, false);
        for (unsigned i = 0; i < 4; i++) {
                conv_in(c, "%s", kinds[i]);
                conv_none(c);
                conv_dropped(c, ELKO_DROP_TCP_NO_ACK_FLAG);
                conv_state(c, ELKO_TCP_SYN_RECEIVED);
        }
}

/* A6-4: SND.UNA < SEG.ACK =< SND.NXT, else <SEQ=SEG.ACK><CTL=RST>, and the state stays. [RFC9293 3.10.7.4-5] */
CONV_TEST(passive_step_5_unacceptable_ack)
{
        static const int acks[] = {0, 2, -1, 1000, 0x7fffffff};

        BEGIN(c, false);
        for (unsigned i = 0; i < sizeof(acks) / sizeof(acks[0]); i++) {
                conv_in(c, ". 1:1(0) ack %d", acks[i]);
                conv_out(c, "R %d:%d(0) <>", acks[i], acks[i]);
                conv_state(c, ELKO_TCP_SYN_RECEIVED);
        }
        conv_in(c, ". 1:1(0) ack 1");
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_accept(c);
}

/* A reset is not answered by a reset, but by its own rule. */
CONV_TEST(passive_step_5_unacceptable_ack_with_reset)
{
        BEGIN(c, false);
        conv_in(c, "R. 5:5(0) ack 77");
        conv_out(c, ". 1:1(0) ack 1");
        conv_in(c, "R. -5:-5(0) ack 77");
        conv_none(c);
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
}

CONV_TEST(passive_step_5_ack)
{
        BEGIN(c, false);
        conv_in(c, ". 1:1(0) ack 1 win 100");
        conv_none(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_accept(c);
        /* SND.WND <- SEG.WND, scaled now: 100 << 7. */
        CONV_EQ(c, conv_info(c).snd_wnd, 12800);
        CONV_EQ(c, conv_info(c).snd_una, c->f->iss + 1);
        CONV_EQ(c, conv_info(c).rcv_nxt, c->f->irs + 1);
}

/* ---- sixth to eighth: A6-11, all of the third segment is processed ---- */

CONV_TEST(passive_step_7_ack_with_data)
{
        BEGIN(c, false);
        conv_in(c, "P. 1:101(100) ack 1");
        conv_out(c, ". 1:1(0) ack 101");
        conv_accept(c);
        conv_event(c, ELKO_EV_READABLE);
        conv_recv(c, 100);
}

CONV_TEST(passive_step_8_ack_with_fin)
{
        BEGIN(c, false);
        conv_in(c, "F. 1:1(0) ack 1");
        conv_out(c, ". 1:1(0) ack 2");
        conv_state(c, ELKO_TCP_CLOSE_WAIT);
        conv_accept(c);
        conv_event(c, ELKO_EV_READABLE | ELKO_EV_EOF);
        conv_recv_is(c, 0);
}

CONV_TEST(passive_step_8_ack_with_data_and_fin)
{
        BEGIN(c, false);
        conv_in(c, "FP. 1:101(100) ack 1");
        conv_out(c, ". 1:1(0) ack 102");
        conv_state(c, ELKO_TCP_CLOSE_WAIT);
        conv_accept(c);
        conv_recv(c, 100);
        conv_recv_is(c, 0);
}

/* The ACK of the handshake was lost; the first data does as well. */
CONV_TEST(passive_data_instead_of_the_ack)
{
        BEGIN(c, false);
        conv_out_after(c, ELKO_SEC(1), "S. 0:0(0) ack 1 <...>");
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 11");
        conv_accept(c);
        conv_recv(c, 10);
}

/* Data after a lost first segment: it is kept, the hole is told. */
CONV_TEST(passive_out_of_order_data_first)
{
        BEGIN(c, false);
        conv_in(c, "P. 11:21(10) ack 1");
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_out(c, ". 1:1(0) ack 1 <TS val 0 ecr 100,sack 11:21>");
        conv_accept(c);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 21");
        conv_recv(c, 20);
}

/* SYN,ACK and ACK of a peer that believes in a simultaneous open. */
CONV_TEST(passive_syn_ack)
{
        BEGIN(c, false);
        conv_in(c, "S. 0:0(0) ack 1 win 65535 " SYN_OPTIONS);
        conv_out(c, ". 1:1(0) ack 1");
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        conv_in(c, ". 1:1(0) ack 1");
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_accept(c);
}

/* PAWS holds from the first segment on (RFC 7323, 5). */
CONV_TEST(passive_paws)
{
        BEGIN(c, false);
        conv_in(c, ". 1:1(0) ack 1 <TS val 99 ecr 0>");
        conv_out(c, ". 1:1(0) ack 1 <TS val 0 ecr 100>");
        conv_dropped(c, ELKO_DROP_TCP_PAWS);
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        conv_in(c, ". 1:1(0) ack 1 <TS val 100 ecr 0>");
        conv_accept(c);
}

/* A6-9: TSecr that we never sent. A choice: taken, as most stacks do. */
CONV_TEST(passive_bad_tsecr)
{
        BEGIN(c, false);
        conv_in(c, ". 1:1(0) ack 1 <TS val 101 ecr 12345>");
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_accept(c);
}

/* Sent by the same call that read the SYN: nothing is known to the peer before the SYN,ACK left. */
CONV_TEST(passive_ack_before_our_syn_ack)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_hold(c, true);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_in(c, ". 1:1(0) ack =1 <>");
        conv_hold(c, false);
        conv_out(c, "R =1:=1(0)");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
}

/* A4-3: every way a handshake can die leaves no entry behind; the limits count right afterwards. */
CONV_TEST(passive_accounting)
{
        conv_start(c, NULL);
        conv_listen_with(c, &((struct elko_listen_config){.backlog = 8, .syn_queue = 4}));
        for (unsigned round = 0; round < 6; round++) {
                conv_flow(c, round);
                conv_in(c, "S 0:0(0) win 65535 <mss M>");
                conv_out(c, "S. 0:0(0) ack 1 <mss M>");
                CONV_EQ(c, conv_memory(c).half_open, 1);
                if (round % 3 == 0)
                        conv_in(c, "R 1:1(0)");
                else if (round % 3 == 1)
                        conv_advance(c, ELKO_SEC(15));
                else
                        conv_in(c, ". 1:1(0) ack 1");
                conv_ignore(c);
                CONV_EQ(c, conv_memory(c).half_open, 0);
        }
        CONV_EQ(c, elko_counters_get(c->st)->tcp_syn_cookies_sent, 0);
}

/* ================ active: simultaneous open ================ */

CONV_TEST(active_step_1_not_acceptable)
{
        static const int at[] = {-100, 65537, 0x40000000};

        BEGIN(c, true);
        for (unsigned i = 0; i < 3; i++) {
                conv_in(c, "P. %d:%d(10) ack 1", at[i], at[i] + 10);
                conv_out(c, ". 1:1(0) ack 1");
                conv_state(c, ELKO_TCP_SYN_RECEIVED);
                conv_dropped(c, ELKO_DROP_TCP_SEQ);
        }
}

/* "the connection was refused; signal the user; ... enter the CLOSED state". [RFC9293 MUST-11] */
CONV_TEST(active_step_2_reset)
{
        BEGIN(c, true);
        conv_in(c, "R 1:1(0)");
        conv_none(c);
        conv_state(c, ELKO_TCP_CLOSED);
        conv_event_error(c, ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ECONNREFUSED);
        conv_quiet(c, ELKO_SEC(300));
}

CONV_TEST(active_step_2_reset_inside_of_the_window)
{
        BEGIN(c, true);
        conv_in(c, "R 2:2(0)");
        conv_out(c, ". 1:1(0) ack 1");
        conv_dropped(c, ELKO_DROP_TCP_RST_SEQ);
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
}

CONV_TEST(active_step_2_reset_outside_of_the_window)
{
        BEGIN(c, true);
        conv_in(c, "R 0:0(0)");
        conv_in(c, "R 65536:65536(0)");
        conv_none(c);
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
}

/* "Otherwise, handle per the directions for synchronized states": a challenge ACK. */
CONV_TEST(active_step_4_syn)
{
        BEGIN(c, true);
        conv_in(c, "S 0:0(0) win 65535 " SYN_OPTIONS); /* the same one again */
        conv_out(c, ". 1:1(0) ack 1");
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        conv_advance(c, ELKO_MS(600));
        conv_in(c, "S 500:500(0) win 65535 " SYN_OPTIONS);
        conv_out(c, ". 1:1(0) ack 1");
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
}

/* [RFC9293 3.10.7.4-5] */
CONV_TEST(active_step_5_no_ack)
{
        BEGIN(c, true);
        conv_in(c, "P 1:11(10)");
        conv_none(c);
        conv_dropped(c, ELKO_DROP_TCP_NO_ACK_FLAG);
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
}

CONV_TEST(active_step_5_unacceptable_ack)
{
        static const int acks[] = {0, 2, -1, 1000, 0x7fffffff};

        BEGIN(c, true);
        for (unsigned i = 0; i < sizeof(acks) / sizeof(acks[0]); i++) {
                conv_in(c, ". 1:1(0) ack %d", acks[i]);
                conv_out(c, "R %d:%d(0) <>", acks[i], acks[i]);
                conv_state(c, ELKO_TCP_SYN_RECEIVED);
        }
        conv_in(c, ". 1:1(0) ack 1");
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

CONV_TEST(active_step_7_and_8)
{
        BEGIN(c, true);
        conv_in(c, "FP. 1:101(100) ack 1");
        conv_out(c, ". 1:1(0) ack 102");
        conv_state(c, ELKO_TCP_CLOSE_WAIT);
        conv_event(c, ELKO_EV_CONNECTED | ELKO_EV_WRITABLE | ELKO_EV_READABLE | ELKO_EV_EOF);
        conv_recv(c, 100);
}

/* The SYN,ACK is retransmitted with the same ISS (I-8) until R2. */
CONV_TEST(active_no_answer)
{
        static const unsigned waits[] = {1, 2, 4, 8, 16, 32, 60};

        BEGIN(c, true);
        for (unsigned i = 0; i < 7; i++)
                conv_out_after(c, ELKO_SEC(waits[i]), "S. 0:0(0) ack 1 <mss M,...>");
        conv_quiet(c, ELKO_SEC(180 - 123));
        conv_state(c, ELKO_TCP_CLOSED);
        conv_event_error(c, ELKO_EV_SOFT_ERROR | ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ETIMEDOUT);
}

/* ---- user calls (A6-5) ---- */

/* 3.10.4: "If no SENDs have been issued and there is no pending data to send, then form a FIN
 * segment and send it, and enter FIN-WAIT-1 state; otherwise, queue for processing after entering
 * ESTABLISHED". */
CONV_TEST(active_shutdown)
{
        BEGIN(c, true);
        conv_shutdown(c);
        conv_none(c); /* elko always queues it */
        conv_in(c, ". 1:1(0) ack 1");
        conv_state(c, ELKO_TCP_FIN_WAIT_1);
        conv_out(c, "F. 1:1(0) ack 1");
        conv_in(c, ". 1:1(0) ack 2");
        conv_state(c, ELKO_TCP_FIN_WAIT_2);
}

CONV_TEST(active_send_then_shutdown)
{
        BEGIN(c, true);
        conv_send(c, 30);
        conv_shutdown(c);
        conv_in(c, "S. 0:0(0) ack 1 win 65535 " SYN_OPTIONS);
        conv_state(c, ELKO_TCP_FIN_WAIT_1);
        conv_out(c, "FP. 1:31(30) ack 1");
}

/* The ACK of the SYN carries the peer's FIN, and ours is queued. */
CONV_TEST(active_shutdown_meets_fin)
{
        BEGIN(c, true);
        conv_shutdown(c);
        conv_in(c, "F. 1:1(0) ack 1");
        conv_state(c, ELKO_TCP_CLOSING);
        conv_out(c, "F. 1:1(0) ack 2");
        conv_in(c, ". 2:2(0) ack 2");
        conv_state(c, ELKO_TCP_TIME_WAIT);
}

CONV_TEST(active_reset_after_shutdown)
{
        BEGIN(c, true);
        conv_shutdown(c);
        conv_in(c, "R 1:1(0)");
        conv_none(c);
        conv_state(c, ELKO_TCP_CLOSED);
        conv_event_error(c, ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ECONNREFUSED);
}

/* A11-10: the peer may have our SYN,ACK, so it must learn that nobody is here: by a FIN, when it has acknowledged our
 * SYN (RFC 9293, 3.10.4), and by a reset if it sends something. */
CONV_TEST(active_close)
{
        BEGIN(c, true);
        conv_close(c);
        conv_none(c);
        conv_in(c, ". 1:1(0) ack 1");
        conv_out(c, "F. 1:1(0) ack 1");
        conv_in(c, "P. 1:11(10) ack 2");
        conv_out(c, "R 2:2(0)");
        conv_none(c);
        conv_state(c, ELKO_TCP_CLOSED);
        CONV_EQ(c, conv_memory(c).connections, 0);
}

/* The peer gives up as well. */
CONV_TEST(active_close_then_reset)
{
        BEGIN(c, true);
        conv_close(c);
        conv_in(c, "R 1:1(0)");
        conv_none(c);
        conv_state(c, ELKO_TCP_CLOSED);
        CONV_EQ(c, conv_memory(c).connections, 0);
}

CONV_TEST(active_abort)
{
        BEGIN(c, true);
        conv_abort(c);
        conv_out(c, "R. 1:1(0) ack 1");
        conv_state(c, ELKO_TCP_CLOSED);
}

/* Another SYN in the window would be a new beginning (3.10.7.4 fourth), but one that LISTEN refuses is none. */
CONV_TEST(another_syn_that_is_malformed)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, "S 10:10(0) win 65535 <raw 02 00 00 00>");
        conv_dropped(c, ELKO_DROP_TCP_OPTIONS);
        conv_none(c);
        conv_in(c, ". 1:1(0) ack 1");
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

static void few_replies(struct elko_config *cfg)
{
        cfg->max_replies = 4;
}

/* No room for the answer to a SYN that comes again: it counts as not made, and the next one is answered. */
CONV_TEST(no_room_for_another_answer)
{
        static const struct conv_options few = {.config = few_replies};

        conv_start(c, &few);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_hold(c, true);
        for (unsigned i = 1; i <= 4; i++) {
                conv_flow(c, i);
                conv_in(c, ". 1:1(0) ack 1 <>");
        }
        conv_flow(c, 0);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_hold(c, false);
        conv_pull(c);
        for (unsigned i = 0; i < conv_pending(c); i++)
                CONV_CHECK(c, conv_peek(c, i)->flags == ELKO_RST);
        CONV_EQ(c, conv_ignore(c), 4);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_syn_retrans, 0);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        CONV_EQ(c, elko_counters_get(c->st)->tcp_syn_retrans, 1);
}

/* The same before the SYN,ACK could leave. */
CONV_TEST(active_close_on_a_busy_link)
{
        conv_start(c, NULL);
        conv_connect(c);
        conv_out(c, "S 0:0(0) <mss M,...>");
        conv_hold(c, true);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_close(c);
        conv_hold(c, false);
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_none(c);
        conv_in(c, ". 1:1(0) ack 1");
        conv_out(c, "F. 1:1(0) ack 1 <>");
        conv_none(c);
}

EK_TEST_MAIN();
