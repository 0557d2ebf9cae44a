/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * LISTEN: RFC 9293, 3.10.7.2, step by step, and the passive OPEN and CLOSE of 3.10.1 and 3.10.4.
 */

#define SYN_OPTIONS "<mss M,sackOK,TS val 100 ecr 0,nop,wscale 7>"

/* ---- first, check for a RST: ignored ---- */

/* [RFC9293 3.10.7.2-1] */
CONV_TEST(step_1_resets_are_ignored)
{
        static const char *const kinds[] = {"R 0:0(0)", "R. 0:0(0) ack =5", "RS 0:0(0)",
                                            "RS. 0:0(0) ack =5", "RF 0:9(9)"};

        conv_start(c, NULL);
        conv_listen(c);
        for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                conv_in(c, "%s", kinds[i]);
                conv_none(c);
                conv_dropped(c, ELKO_DROP_TCP_LISTEN_FLAGS);
                conv_state(c, ELKO_TCP_LISTEN);
        }
}

/* ---- second, check for an ACK: <SEQ=SEG.ACK><CTL=RST> ---- */

/* [RFC9293 3.10.7.2-2] */
CONV_TEST(step_2_any_ack_is_bad)
{
        static const char *const kinds[] = {". 0:0(0)",    "S. 0:0(0)",  "F. 0:0(0)",
                                            "P. 0:10(10)", "SF. 0:0(0)", "SFPU. 0:5(5)"};

        conv_start(c, NULL);
        conv_listen(c);
        for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                conv_in(c, "%s ack =%u", kinds[i], 1000 * i + 1);
                conv_out(c, "R =%u:=%u(0) win 0 <>", 1000 * i + 1, 1000 * i + 1);
                conv_state(c, ELKO_TCP_LISTEN);
        }
        conv_listen_event(c, 0);
}

/* ---- third, check for a SYN ---- */

/* [RFC9293 3.10.7.2-3; RFC4987 3.5a] */
CONV_TEST(step_3_syn)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 " SYN_OPTIONS);
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        conv_dropped(c, ELKO_DROP_NONE);
        conv_out(c, "S. 0:0(0) ack 1 win 65535 <mss M,sackOK,TS val 0 ecr 100,wscale 4>");
        conv_none(c);
        /* Nobody is told before the handshake is over. */
        conv_listen_event(c, 0);
        conv_accept_none(c);
        CONV_EQ(c, conv_memory(c).half_open, 1);
        CONV_EQ(c, conv_memory(c).connections, 0);
}

/* A6-6: text on a SYN is not acknowledged, so it is not lost: the peer sends it again.
 * [RFC9293 3.10.7.2-3; RFC4987 3.5b] */
CONV_TEST(step_3_syn_with_data)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:100(100) win 65535 " SYN_OPTIONS);
        conv_out(c, "S. 0:0(0) ack 1 <mss M,...>");
        conv_in(c, ". 101:101(0) ack 1");
        conv_accept(c);
        conv_recv_is(c, ELKO_EAGAIN);
        conv_in(c, "P. 1:101(100) ack 1");
        conv_out(c, ". 1:1(0) ack 101");
        conv_recv(c, 100);
}

/* A6-7: an ECN-setup SYN (RFC 3168, 6.1.1) is a SYN. [RFC9293 SHLD-8] */
CONV_TEST(step_3_ecn_setup_syn)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "SEC 0:0(0) win 65535 <mss M>");
        conv_out(c, "S.E 0:0(0) ack 1 <mss M>");
}

/* Flags that mean nothing on a SYN don't harm it: PSH, URG, AE. */
CONV_TEST(step_3_syn_with_odd_flags)
{
        static const char *const flags[] = {"SP", "SU", "SPU", "SA", "SEA", "SC"};

        conv_start(c, NULL);
        conv_listen(c);
        for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
                conv_flow(c, i);
                conv_in(c, "%s 0:0(0) win 65535 urg 1 <mss M>", flags[i]);
                conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        }
}

/* A SYN with FIN is nobody's honest intention (RFC 9293 would queue the FIN). [RFC9293 3.10.7.2-3] */
CONV_TEST(step_3_syn_with_fin)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "SF 0:0(0) win 65535 <mss M>");
        conv_none(c);
        conv_dropped(c, ELKO_DROP_TCP_LISTEN_FLAGS);
        conv_state(c, ELKO_TCP_LISTEN);
}

/* ---- fourth, other data or control: drop ---- */

/* [RFC9293 3.10.7.2-4] */
CONV_TEST(step_4_neither_syn_nor_ack)
{
        static const char *const kinds[] = {"- 0:0(0)",   "F 0:0(0)",   "P 0:10(10)",
                                            "FPU 0:0(0)", "- 0:10(10)", "U 0:1(1)"};

        conv_start(c, NULL);
        conv_listen(c);
        for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                conv_in(c, "%s", kinds[i]);
                conv_none(c);
                conv_dropped(c, ELKO_DROP_TCP_LISTEN_FLAGS);
                conv_state(c, ELKO_TCP_LISTEN);
        }
}

/* ---- the answer's timing: RFC 9293, 3.8.1; RFC 6298, 2.1 and 5.5 ---- */

/* [RFC9293 MUST-23; RFC4987 3.3] */
CONV_TEST(syn_ack_retransmissions)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 " SYN_OPTIONS);
        conv_out(c, "S. 0:0(0) ack 1 <mss M,sackOK,TS val 0 ecr 100,wscale 4>");
        /* A6-14, I-8: the same ISS and options; TSval is the clock. */
        conv_out_after(c, ELKO_SEC(1),
                       "S. 0:0(0) ack 1 <mss M,sackOK,TS val 1000 ecr 100,wscale 4>");
        conv_out_after(c, ELKO_SEC(2),
                       "S. 0:0(0) ack 1 <mss M,sackOK,TS val 3000 ecr 100,wscale 4>");
        conv_out_after(c, ELKO_SEC(4),
                       "S. 0:0(0) ack 1 <mss M,sackOK,TS val 7000 ecr 100,wscale 4>");
        conv_quiet(c, ELKO_SEC(8) - 1);
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        conv_quiet(c, 1);
        conv_state(c, ELKO_TCP_LISTEN);
        conv_quiet(c, ELKO_SEC(600));
        CONV_EQ(c, elko_counters_get(c->st)->tcp_syn_retrans, 3);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_attempt_fails, 1);
}

/* The peer's SYN again: our answer was lost. */
CONV_TEST(syn_retransmission)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 " SYN_OPTIONS);
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        conv_advance(c, ELKO_MS(900));
        conv_in(c, "S 0:0(0) win 65535 <mss M,sackOK,TS val 1000 ecr 0,nop,wscale 7>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M,sackOK,TS val 900 ecr *,wscale 4>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        conv_quiet(c, ELKO_SEC(100));
}

/* A4-12: however often a spoofed SYN comes, few answers leave. */
CONV_TEST(syn_repeated_many_times)
{
        unsigned n = 0;

        conv_start(c, NULL);
        conv_listen(c);
        for (unsigned i = 0; i < 100; i++) {
                conv_in(c, "S 0:0(0) win 65535 <mss M>");
                n += conv_ignore(c);
        }
        CONV_CHECK(c, n <= 8);
        CONV_EQ(c, conv_memory(c).half_open, 1);
}

/* ---- passive OPEN and CLOSE ---- */

CONV_TEST(close_listener_with_half_open)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_close_listener(c);
        conv_none(c);
        CONV_EQ(c, conv_memory(c).half_open, 0);
        /* 3.10.7.1 for whatever comes now. */
        conv_in(c, ". 1:1(0) ack 1");
        conv_out(c, "R 1:1(0)");
        conv_quiet(c, ELKO_SEC(60));
}

CONV_TEST(listener_reopened_between_syn_and_ack)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_close_listener(c);
        conv_listen(c);
        conv_in(c, ". 1:1(0) ack 1");
        conv_out(c, "R 1:1(0)");
        conv_state(c, ELKO_TCP_LISTEN);
}

/* A6-12: what waits in the accept queue is reset, once. */
CONV_TEST(close_listener_with_accept_queue)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 11");
        conv_close_listener(c);
        conv_out(c, "R. 1:1(0) ack 11");
        conv_state(c, ELKO_TCP_CLOSED);
        CONV_EQ(c, conv_memory(c).connections, 0);
}

CONV_TEST(peer_resets_while_in_the_accept_queue)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_in(c, "R 1:1(0)");
        conv_none(c);
        /* The application learns it from the handle. */
        conv_accept(c);
        conv_event_error(c, ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ECONNRESET);
        conv_recv_is(c, ELKO_ECONNRESET);
}

CONV_TEST(peer_closes_while_in_the_accept_queue)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_in(c, "FP. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 12");
        conv_state(c, ELKO_TCP_CLOSE_WAIT);
        conv_accept(c);
        conv_event(c, ELKO_EV_READABLE | ELKO_EV_EOF);
        conv_recv(c, 10);
        conv_recv_is(c, 0);
        conv_close(c);
        conv_out(c, "F. 1:1(0) ack 12");
        conv_in(c, ". 12:12(0) ack 2");
        conv_state(c, ELKO_TCP_CLOSED);
}

/* 3.10.1: a more specific listener is asked first; "any address" takes the rest. */
CONV_TEST(specific_listener_first)
{
        elko_endpoint local = {.ip = c->local, .port = CONV_PORT};
        elko_sock specific, got;

        conv_start(c, NULL);
        local.ip = c->local;
        conv_listen(c);
        CONV_EQ(c, elko_listen(c->st, &local, NULL, &specific), 0);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        elko_close(c->st, c->listener);
        c->listener = specific;
        conv_in(c, ". 1:1(0) ack 1");
        CONV_EQ(c, elko_accept(c->st, specific, &got, NULL), 0);
        c->f->sock = got;
}

CONV_TEST(listen_twice)
{
        elko_endpoint any = {.port = CONV_PORT};
        elko_sock s;

        conv_start(c, NULL);
        conv_listen(c);
        CONV_EQ(c, elko_listen(c->st, &any, NULL, &s), ELKO_EADDRINUSE);
        any.port = 0;
        CONV_EQ(c, elko_listen(c->st, &any, NULL, &s), ELKO_EINVAL);
}

static void any_port_config(struct elko_listen_config *cfg)
{
        *cfg = (struct elko_listen_config){
                .flags = ELKO_LISTEN_ANY_PORT, .backlog = 10, .syn_queue = 10};
}

CONV_TEST(any_port)
{
        struct elko_listen_config cfg;
        elko_endpoint any = {.port = 0};

        conv_start(c, NULL);
        any_port_config(&cfg);
        CONV_EQ(c, elko_listen(c->st, &any, &cfg, &c->listener), 0);
        c->f->port = 12345;
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
        CONV_EQ(c, conv_info(c).local.port, 12345);
}

/* A3-15: ACKs at random towards a listener make no connection, and the answers are bounded. */
CONV_TEST(random_acks)
{
        conv_start(c, NULL);
        conv_listen(c);
        for (unsigned i = 0; i < ek_test_rounds(300); i++) {
                uint32_t ack = (uint32_t)ek_test_rand();

                conv_advance(c, ELKO_MS(2));
                conv_in(c, ". %d:%d(0) ack =%u", (int)i, (int)i, ack);
                conv_out(c, "R =%u:=%u(0) <>", ack, ack);
        }
        conv_listen_event(c, 0);
        CONV_EQ(c, conv_memory(c).connections, 0);
}

EK_TEST_MAIN();
