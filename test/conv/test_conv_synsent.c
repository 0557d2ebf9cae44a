/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * SYN-SENT: RFC 9293, 3.10.7.3, step by step, the active OPEN of 3.10.1 and R2 of 3.8.3.
 */

static bool begin(struct conv *c)
{
        if (!conv_start_(CONV_AT(c), NULL))
                return false;
        conv_connect(c);
        conv_out(c, "S 0:0(0) win 65535 <mss M,sackOK,TS val 0 ecr =0,wscale 4>");
        conv_state(c, ELKO_TCP_SYN_SENT);
        return true;
}

#define BEGIN(c)                                                                                   \
        do {                                                                                       \
                if (!begin(c))                                                                     \
                        return;                                                                    \
        } while (0)

/* ---- first, check the ACK bit ---- */

/* "If SEG.ACK =< ISS or SEG.ACK > SND.NXT, send a reset <SEQ=SEG.ACK><CTL=RST>". A6-3. [RFC9293 3.10.7.3-1] */
CONV_TEST(step_1_unacceptable_acks)
{
        static const int acks[] = {0, 2, -1, 1000, -1000, 0x7fffffff, -0x7fffffff};
        static const char *const kinds[] = {". 50:50(0)", "S. 50:50(0)", "F. 50:50(0)",
                                            "P. 50:60(10)"};

        BEGIN(c);
        for (unsigned i = 0; i < sizeof(acks) / sizeof(acks[0]); i++) {
                for (unsigned k = 0; k < 4; k++) {
                        conv_in(c, "%s ack %d <>", kinds[k], acks[i]);
                        conv_out(c, "R %d:%d(0) <>", acks[i], acks[i]);
                        /* elko asks again at once: the peer's old end is gone now (figure 9). */
                        if (conv_pending(c) > 0)
                                conv_out(c, "S 0:0(0) <mss M,...>");
                        conv_state(c, ELKO_TCP_SYN_SENT);
                }
        }
        conv_event(c, 0);
}

/* "unless the RST bit is set, if so drop the segment and return". [RFC9293 3.10.7.3-1; RFC5961 3.2-5] */
CONV_TEST(step_1_unacceptable_ack_with_reset)
{
        static const int acks[] = {0, 2, -1, 1000, -1000};

        BEGIN(c);
        for (unsigned i = 0; i < sizeof(acks) / sizeof(acks[0]); i++) {
                conv_in(c, "R. 50:50(0) ack %d", acks[i]);
                conv_none(c);
                conv_dropped(c, ELKO_DROP_TCP_SYN_SENT);
                conv_state(c, ELKO_TCP_SYN_SENT);
        }
        conv_event(c, 0);
}

/* ---- second, check the RST bit ---- */

/* [RFC9293 3.10.7.3-2; RFC5961 3.2-5] */
CONV_TEST(step_2_reset_with_acceptable_ack)
{
        BEGIN(c);
        conv_in(c, "R. =0:=0(0) ack 1");
        conv_none(c);
        conv_state(c, ELKO_TCP_CLOSED);
        conv_event_error(c, ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ECONNREFUSED);
        conv_recv_is(c, ELKO_ECONNREFUSED);
        CONV_EQ(c, conv_try_send(c, 1), ELKO_ECONNREFUSED);
        conv_quiet(c, ELKO_SEC(300));
}

CONV_TEST(step_2_reset_with_acceptable_ack_and_data)
{
        BEGIN(c);
        conv_in(c, "R. 77:87(10) ack 1"); /* SHLD-2: a reset may carry data */
        conv_none(c);
        conv_event_error(c, ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ECONNREFUSED);
}

/* [RFC9293 3.10.7.3-2; RFC5961 3.2-5] */
CONV_TEST(step_2_reset_without_ack)
{
        static const char *const kinds[] = {"R 0:0(0)", "R =0:=0(0)", "RS 0:0(0)", "RF 0:0(0)",
                                            "RP 0:10(10)"};

        BEGIN(c);
        for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                conv_in(c, "%s", kinds[i]);
                conv_none(c);
                conv_dropped(c, ELKO_DROP_TCP_SYN_SENT);
                conv_state(c, ELKO_TCP_SYN_SENT);
        }
        conv_event(c, 0);
}

/* ---- fourth, check the SYN bit ---- */

/* [RFC9293 3.10.7.3-4] */
CONV_TEST(step_4_syn_ack)
{
        BEGIN(c);
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M,sackOK,TS val 100 ecr 0,nop,wscale 7>");
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_out(c, ". 1:1(0) ack 1");
        conv_none(c);
        conv_event(c, ELKO_EV_CONNECTED | ELKO_EV_WRITABLE);
        conv_quiet(c, ELKO_SEC(1000));
}

/* A6-9: an echo of what we did not send is no answer to our SYN: reset, and the SYN once more.
 * [RFC7323 5.2b] */
CONV_TEST(a6_9_syn_ack_with_an_echo_that_is_not_ours)
{
        static const char *const foreign[] = {"1", "1000", "-1", "2147483647", "-2147483648"};

        BEGIN(c);
        for (unsigned i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
                conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M,TS val 100 ecr %s>", foreign[i]);
                conv_dropped(c, ELKO_DROP_TCP_SYN_SENT);
                conv_out(c, "R 1:1(0) <>");
                if (i == 0)
                        conv_out(c, "S 0:0(0) win 65535 <mss M,sackOK,TS val 0 ecr =0,wscale 4>");
                conv_none(c);
                conv_state(c, ELKO_TCP_SYN_SENT);
        }
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M,TS val 100 ecr 0>");
        conv_out(c, ". 1:1(0) ack 1");
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* Any of our SYNs may be the one that is answered, at any time since. */
CONV_TEST(a6_9_syn_ack_that_echoes_the_first_of_several_syns)
{
        for (unsigned ecr = 0; ecr <= 3000; ecr += 1000) {
                if (ecr > 0)
                        conv_again(c);
                else
                        conv_start(c, NULL);
                conv_connect(c);
                CONV_EQ(c, conv_ignore(c), 1);
                conv_advance(c, ELKO_SEC(3) + ELKO_MS(50)); /* SYNs at 0, 1 and 3 s */
                CONV_EQ(c, conv_ignore(c), 2);
                conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M,TS val 100 ecr %u>", ecr);
                conv_out(c, ". 1:1(0) ack 1");
                conv_state(c, ELKO_TCP_ESTABLISHED);
        }
}

/* Old stacks echo nothing. */
CONV_TEST(a6_9_syn_ack_with_an_echo_of_zero)
{
        BEGIN(c);
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M,TS val 100 ecr =0>");
        conv_out(c, ". 1:1(0) ack 1");
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* "Data or controls that were queued for transmission MAY be included." */
CONV_TEST(step_4_syn_ack_with_queued_data)
{
        BEGIN(c);
        conv_send(c, 20);
        conv_none(c); /* 3.10.2: queued until ESTABLISHED */
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M>");
        conv_out(c, "P. 1:21(20) ack 1 <>");
        conv_none(c);
}

/* A6-6: text on a SYN,ACK is kept and acknowledged, or neither. */
CONV_TEST(step_4_syn_ack_with_data)
{
        BEGIN(c);
        conv_in(c, "S. 0:512(512) ack 1 win 65535 <mss M>");
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_out(c, ". 1:1(0) ack 513 <>");
        conv_event(c, ELKO_EV_CONNECTED | ELKO_EV_WRITABLE | ELKO_EV_READABLE);
        conv_recv(c, 512);
}

/* "continue processing at the sixth step": the FIN of a SYN,ACK counts, too. */
CONV_TEST(step_4_syn_ack_with_fin)
{
        BEGIN(c);
        conv_in(c, "SF. 0:0(0) ack 1 win 65535 <mss M>");
        conv_state(c, ELKO_TCP_CLOSE_WAIT);
        conv_out(c, ". 1:1(0) ack 2 <>");
        conv_recv_is(c, 0);
}

CONV_TEST(step_4_syn_ack_with_data_and_fin)
{
        BEGIN(c);
        conv_in(c, "SFP. 0:10(10) ack 1 win 65535 <mss M>");
        conv_state(c, ELKO_TCP_CLOSE_WAIT);
        conv_out(c, ". 1:1(0) ack 12 <>");
        conv_recv(c, 10);
        conv_recv_is(c, 0);
}

/* "Otherwise, enter SYN-RECEIVED, form a SYN,ACK segment <SEQ=ISS><ACK=RCV.NXT>". [RFC9293 3.10.7.3-4] */
CONV_TEST(step_4_syn)
{
        BEGIN(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M,sackOK,TS val 100 ecr 0,nop,wscale 7>");
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        conv_out(c, "S. 0:0(0) ack 1 win 65535 <mss M,sackOK,TS val 0 ecr 100,wscale 4>");
        conv_event(c, 0);
}

/* Text of a crossing SYN: "queue them for processing after the ESTABLISHED state has been reached",
 * or don't acknowledge it (A6-6). */
CONV_TEST(step_4_syn_with_data)
{
        BEGIN(c);
        conv_in(c, "S 0:10(10) win 65535 <mss M>");
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_recv_is(c, ELKO_EAGAIN);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_out(c, ". 1:1(0) ack 11 <>");
        conv_recv(c, 10);
}

/* The window of a SYN is never scaled (RFC 7323, 2.2; A6-10): 10 << 7 would be 1280. */
CONV_TEST(step_4_window_is_not_scaled)
{
        BEGIN(c);
        conv_send(c, 3000);
        conv_in(c, "S. 0:0(0) ack 1 win 2000 <mss 1000,wscale 7>");
        conv_out(c, ". 1:1001(1000) ack 1 <>");
        conv_out(c, ". 1001:2001(1000) ack 1 <>");
        conv_none(c);
        CONV_EQ(c, conv_info(c).snd_wnd, 2000);
        conv_in(c, ". 1:1(0) ack 2001 win 16 <>");
        conv_out(c, "P. 2001:3001(1000) ack 1 <>"); /* 16 << 7 */
}

/* ---- fifth, neither SYN nor RST: drop ---- */

/* [RFC9293 3.10.7.3-5] */
CONV_TEST(step_5_no_syn)
{
        static const char *const kinds[] = {". 0:0(0) ack 1", "F. 0:0(0) ack 1",  "P. 0:9(9) ack 1",
                                            "F 0:0(0)",       "P 0:9(9)",         "- 0:0(0)",
                                            "FPU 0:0(0)",     "FPU. 0:0(0) ack 1"};

        BEGIN(c);
        for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                conv_in(c, "%s <>", kinds[i]);
                conv_none(c);
                conv_dropped(c, ELKO_DROP_TCP_SYN_SENT);
                conv_state(c, ELKO_TCP_SYN_SENT);
        }
        conv_event(c, 0);
}

/* ---- 3.8.3: R2 for SYN is at least 3 minutes; RFC 6298: 1 s, doubled, at most 60 s ---- */

/* [RFC7323 3.2g] */
CONV_TEST(no_answer)
{
        static const unsigned waits[] = {1, 2, 4, 8, 16, 32, 60};

        BEGIN(c);
        for (unsigned i = 0; i < 7; i++)
                conv_out_after(c, ELKO_SEC(waits[i]), /* A6-14, I-8: the same ISS */
                               "S 0:0(0) win 65535 <mss M,sackOK,TS val * ecr =0,wscale 4>");
        conv_quiet(c, ELKO_SEC(180 - 123) - 1);
        conv_state(c, ELKO_TCP_SYN_SENT);
        conv_quiet(c, 1);
        conv_state(c, ELKO_TCP_CLOSED);
        conv_event_error(c, ELKO_EV_SOFT_ERROR | ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ETIMEDOUT);
        conv_recv_is(c, ELKO_ETIMEDOUT);
        conv_quiet(c, ELKO_SEC(300));
        CONV_EQ(c, elko_counters_get(c->st)->tcp_timeouts, 1);
}

/* Nothing of a failed attempt matters for the next one. */
CONV_TEST(again_after_a_failure)
{
        BEGIN(c);
        conv_in(c, "R. =0:=0(0) ack 1");
        conv_close(c);
        conv_forget(c);
        conv_advance(c, ELKO_MS(1));
        conv_connect(c);
        conv_out(c, "S 0:0(0) <mss M,...>");
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M>");
        conv_out(c, ". 1:1(0) ack 1 <>");
}

/* ---- 3.10.4, 3.10.5: CLOSE and ABORT in SYN-SENT: the TCB goes, nothing is sent (A11-10) ---- */

CONV_TEST(close)
{
        BEGIN(c);
        conv_send(c, 10);
        conv_close(c);
        conv_none(c);
        conv_state(c, ELKO_TCP_CLOSED);
        CONV_EQ(c, conv_memory(c).connections, 0);
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M>");
        conv_out(c, "R 1:1(0)");
        conv_quiet(c, ELKO_SEC(300));
}

CONV_TEST(close_before_the_syn_left)
{
        conv_start(c, NULL);
        conv_hold(c, true);
        conv_connect(c);
        conv_close(c);
        conv_hold(c, false);
        conv_none(c);
        CONV_EQ(c, conv_memory(c).connections, 0);
}

CONV_TEST(abort)
{
        BEGIN(c);
        conv_abort(c);
        conv_none(c);
        conv_state(c, ELKO_TCP_CLOSED);
        conv_quiet(c, ELKO_SEC(300));
}

/* "Queue until ESTABLISHED": shutdown leaves the receiving side open. */
CONV_TEST(shutdown)
{
        BEGIN(c);
        conv_send(c, 10);
        conv_shutdown(c);
        conv_none(c);
        CONV_EQ(c, conv_try_send(c, 1), ELKO_EPIPE);
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M>");
        conv_out(c, "FP. 1:11(10) ack 1 <>");
        conv_state(c, ELKO_TCP_FIN_WAIT_1);
        conv_in(c, "P. 1:6(5) ack 12");
        conv_state(c, ELKO_TCP_FIN_WAIT_2);
        conv_out(c, ". 12:12(0) ack 6 <>");
        conv_recv(c, 5);
}

/* The SYN waits for the link: what was set meanwhile is announced. */
CONV_TEST(options_set_before_the_syn_left)
{
        conv_start(c, NULL);
        conv_hold(c, true);
        conv_connect(c);
        conv_set(c, ELKO_OPTION_MAX_SEG, 600);
        conv_hold(c, false);
        conv_out(c, "S 0:0(0) <mss 600,...>");
}

/* ---- RFC 6298, 5.7 and A6-14: an answer after retransmissions ---- */

CONV_TEST(answer_after_retransmissions)
{
        BEGIN(c);
        conv_out_after(c, ELKO_SEC(1), "S 0:0(0) <mss M,...>");
        conv_out_after(c, ELKO_SEC(2), "S 0:0(0) <mss M,...>");
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M,sackOK,TS val 100 ecr 0,nop,wscale 7>");
        conv_out(c, ". 1:1(0) ack 1");
        conv_quiet(c, ELKO_SEC(100));
}

/* Both the answer to the SYN and to its retransmission arrive. */
CONV_TEST(two_syn_acks)
{
        BEGIN(c);
        conv_out_after(c, ELKO_SEC(1), "S 0:0(0) <mss M,...>");
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M>");
        conv_out(c, ". 1:1(0) ack 1 <>");
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M>");
        conv_out(c, ". 1:1(0) ack 1 <>"); /* 3.10.7.4, first: not acceptable, acknowledge */
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

EK_TEST_MAIN();
