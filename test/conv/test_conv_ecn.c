/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * Explicit congestion notification, RFC 3168: who asks and who answers, what goes with ECT and what never does, ECE and
 * CWR, and what a mark takes from the congestion window. The stack is the client where its own asking matters.
 */

#define SYN_OPTIONS "<mss M,sackOK,TS val 100 ecr 0,nop,wscale 7>"

static void asks(struct elko_config *cfg)
{
        cfg->ecn = ELKO_ECN_CLASSIC;
        cfg->congestion = &elko_cc_newreno;
}

static void counts(struct elko_config *cfg)
{
        cfg->ecn = ELKO_ECN_CLASSIC;
        cfg->congestion = &elko_cc_dctcp;
        cfg->quick_acks = 0;
}

static void patient(struct elko_config *cfg)
{
        asks(cfg);
        cfg->quick_acks = 0;
}

static const struct conv_options client = {.config = asks};
static const struct conv_options no_sack = {.config = asks, .no_sack = true, .no_ts = true};
static const struct conv_options delays = {.config = patient};
static const struct conv_options marks = {.config = counts};

/* ESTABLISHED with ECN, the stack asked. */
static void open_with_ecn(struct conv *c)
{
        conv_connect(c);
        conv_out(c, "SEC 0:0(0) <...>");
        conv_in(c, "S.E 0:0(0) ack 1 win 65535 " SYN_OPTIONS);
        conv_out(c, ". 1:1(0) ack 1");
        conv_event(c, ELKO_EV_CONNECTED | ELKO_EV_WRITABLE);
}

/* ... the peer asked. */
static void accept_with_ecn(struct conv *c)
{
        conv_listen(c);
        conv_in(c, "SEC 0:0(0) win 65535 " SYN_OPTIONS);
        conv_out(c, "S.E 0:0(0) ack 1 <...>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
}

static void out_data(struct conv *c, const char *flags, unsigned i)
{
        unsigned m = c->mss - (c->opt.no_ts ? 0u : 12u);

        conv_out(c, "%s %u:%u(%u) ack 1", flags, 1 + i * m, 1 + (i + 1) * m, m);
}

static unsigned seg(const struct conv *c)
{
        return c->mss - (c->opt.no_ts ? 0u : 12u);
}

static void ack_in(struct conv *c, const char *flags, unsigned segs)
{
        conv_in(c, "%s 1:1(0) ack %u", flags, 1 + segs * seg(c));
}

/* ---- 6.1.1: the handshake ---- */

/* [RFC3168 6.1.1b 6.1.1d 6.1.2a] */
CONV_TEST(asked_and_given)
{
        conv_start(c, &client);
        open_with_ecn(c);
        CONV_EQ(c, conv_info(c).options & ELKO_TCPI_ECN, ELKO_TCPI_ECN);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_ecn_opens, 1);
        conv_send(c, 100);
        conv_out(c, "[ect0] P. 1:101(100) ack 1");
        conv_in(c, "[ect0] P. 1:101(100) ack 101");
        conv_out(c, ". 101:101(0) ack 101");
        CONV_EQ(c, conv_info(c).options & ELKO_TCPI_ECN_SEEN, ELKO_TCPI_ECN_SEEN);
}

/* On request is the default. [RFC3168 6.1.1a] */
CONV_TEST(on_request_is_the_default)
{
        conv_start(c, NULL);
        conv_connect(c);
        conv_out(c, "S 0:0(0) <...>");
        conv_in(c, "S.E 0:0(0) ack 1 win 65535 " SYN_OPTIONS);
        conv_out(c, ". 1:1(0) ack 1");
        conv_send(c, 10);
        conv_out(c, "P. 1:11(10) ack 1");
        CONV_EQ(c, conv_info(c).options & ELKO_TCPI_ECN, 0);
        conv_again(c);
        accept_with_ecn(c);
        CONV_EQ(c, conv_info(c).options & ELKO_TCPI_ECN, ELKO_TCPI_ECN);
        conv_send(c, 10);
        conv_out(c, "[ect0] P. 1:11(10) ack 1");
}

/* Nor is ECN given to who does not ask: a SYN with one of the flags is none. [RFC3168 6.1.1a 6.1.1e] */
CONV_TEST(half_a_question)
{
        static const char *const flags[] = {"S", "SE", "SC", "SA"};

        conv_start(c, NULL);
        conv_listen(c);
        for (unsigned i = 0; i < 4; i++) {
                conv_flow(c, i);
                conv_in(c, "%s 0:0(0) win 65535 " SYN_OPTIONS, flags[i]);
                conv_out(c, "S. 0:0(0) ack 1 <...>");
                conv_in(c, ". 1:1(0) ack 1");
                conv_accept(c);
                conv_in(c, "[ce] P. 1:11(10) ack 1");
                conv_out(c, ". 1:1(0) ack 11");
                conv_recv(c, 10);
                conv_send(c, 10);
                conv_out(c, "P. 1:11(10) ack 11");
        }
}

/* [RFC3168 6.1.1e] */
CONV_TEST(a_listener_without_ecn)
{
        conv_start(c, NULL);
        conv_listen(c);
        CONV_EQ(c, elko_set_option(c->st, c->listener, ELKO_OPTION_ECN, ELKO_ECN_OFF), 0);
        CONV_EQ(c, elko_set_option(c->st, c->listener, ELKO_OPTION_ECN, ELKO_ECN_COUNT),
                (uint64_t)ELKO_EINVAL);
        conv_in(c, "SEC 0:0(0) win 65535 " SYN_OPTIONS);
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        conv_send(c, 10);
        conv_out(c, "P. 1:11(10) ack 1");
}

/* One connection asks though the stack does not. */
CONV_TEST(a_connection_of_its_own)
{
        uint64_t v = 99;

        conv_start(c, NULL);
        conv_hold(c, true);
        conv_connect(c);
        conv_set(c, ELKO_OPTION_ECN, ELKO_ECN_CLASSIC);
        CONV_EQ(c, elko_get_option(c->st, c->f->sock, ELKO_OPTION_ECN, &v), 0);
        CONV_EQ(c, v, ELKO_ECN_CLASSIC);
        conv_hold(c, false);
        conv_pull(c);
        conv_out(c, "SEC 0:0(0) <...>");
}

/* No ECN: an ordinary answer, one that reflects both flags (6.1.1.2), CWR alone. [RFC3168 6.1.1c 6.1.1.2] */
CONV_TEST(asked_in_vain)
{
        static const char *const answers[] = {"S.", "S.EC", "S.C"};

        conv_start(c, &client);
        for (unsigned i = 0; i < 3; i++) {
                conv_flow(c, i);
                conv_connect(c);
                conv_out(c, "SEC 0:0(0) <...>");
                conv_in(c, "%s 0:0(0) ack 1 win 65535 " SYN_OPTIONS, answers[i]);
                conv_out(c, ". 1:1(0) ack 1");
                conv_counted(c, tcp_ecn_refused, 1);
                conv_send(c, 10);
                conv_out(c, "P. 1:11(10) ack 1");
                conv_in(c, "[ce] P.E 1:11(10) ack 11");
                conv_out(c, ". 11:11(0) ack 11");
        }
}

/* The first SYN may have been dropped for its flags: the second asks no more. If the answer to the first comes all
 * the same, our data goes without ECT, and CE is told of. [RFC3168 6.1.1b 6.1.1d 6.1.1.1a] */
CONV_TEST(a_syn_that_is_sent_again_does_not_ask)
{
        conv_start(c, &client);
        conv_connect(c);
        conv_out(c, "SEC 0:0(0) <...>");
        conv_out_after(c, ELKO_SEC(1), "S 0:0(0) <...>");
        conv_in(c, "S.E 0:0(0) ack 1 win 65535 " SYN_OPTIONS);
        conv_out(c, ". 1:1(0) ack 1");
        conv_send(c, 10);
        conv_out(c, "P. 1:11(10) ack 1");
        conv_in(c, "[ce] P. 1:11(10) ack 11");
        conv_out(c, ".E 11:11(0) ack 11");
        conv_in(c, "[ect0] P.C 11:21(10) ack 11");
        conv_out(c, ". 11:11(0) ack 21");
}

/* The example of 6.1.1.1 from the other side. [RFC3168 6.1.1c 6.1.1.1b] */
CONV_TEST(a_second_syn_without_ecn)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "SEC 0:0(0) win 65535 " SYN_OPTIONS);
        conv_out(c, "S.E 0:0(0) ack 1 <...>");
        conv_advance(c, ELKO_MS(500));
        conv_in(c, "S 0:0(0) win 65535 " SYN_OPTIONS);
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        conv_send(c, 10);
        conv_out(c, "P. 1:11(10) ack 1");
}

/* The SYN,ACK is sent again as it was. */
CONV_TEST(a_syn_ack_that_is_lost)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "SEC 0:0(0) win 65535 " SYN_OPTIONS);
        conv_out(c, "S.E 0:0(0) ack 1 <...>");
        conv_out_after(c, ELKO_SEC(1), "S.E 0:0(0) ack 1 <...>");
        conv_in(c, "SEC 0:0(0) win 65535 " SYN_OPTIONS);
        conv_out(c, "S.E 0:0(0) ack 1 <...>");
}

static void one_place(struct elko_config *cfg)
{
        cfg->max_half_open = 1;
}

/* A cookie keeps nothing of what was asked, so nothing is given. [RFC3168 6.1.1e] */
CONV_TEST(a_cookie_gives_no_ecn)
{
        static const struct conv_options o = {.config = one_place};

        conv_start(c, &o);
        conv_listen(c);
        conv_in(c, "SEC 0:0(0) win 65535 " SYN_OPTIONS);
        conv_out(c, "S.E 0:0(0) ack 1 <...>");
        conv_flow(c, 1);
        conv_in(c, "SEC 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        conv_counted(c, tcp_syn_cookies_sent, 1);
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        conv_send(c, 10);
        conv_out(c, "P. 1:11(10) ack 1");
}

/* Both ask. And only one. [RFC3168 6.1.1a 6.1.1c] */
CONV_TEST(simultaneous_open)
{
        conv_start(c, &client);
        conv_connect(c);
        conv_out(c, "SEC 0:0(0) <...>");
        conv_in(c, "SEC 0:0(0) win 65535 " SYN_OPTIONS);
        conv_out(c, "S.E 0:0(0) ack 1 <...>");
        conv_in(c, "S.E 0:0(0) ack 1 win 65535 " SYN_OPTIONS);
        conv_ignore(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_send(c, 10);
        conv_out(c, "[ect0] P. 1:11(10) ack 1");
        conv_again(c);
        conv_connect(c);
        conv_out(c, "SEC 0:0(0) <...>");
        conv_in(c, "S 0:0(0) win 65535 " SYN_OPTIONS);
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_send(c, 10);
        conv_out(c, "P. 1:11(10) ack 1");
}

/* ---- 6.1.3: the receiver ---- */

/* From the first mark until CWR comes, on everything that has an ACK. [RFC3168 6.1.3a 6.1.3b 6.1.3c] */
CONV_TEST(ece_until_cwr)
{
        conv_start(c, &delays);
        accept_with_ecn(c);
        conv_in(c, "[ect0] P. 1:101(100) ack 1");
        conv_none(c); /* delayed */
        conv_in(c, "[ce] P. 101:201(100) ack 1");
        conv_out(c, ".E 1:1(0) ack 201");
        conv_counted(c, tcp_ce_in, 1);
        conv_recv(c, 200);
        conv_in(c, "[ect0] P. 201:301(100) ack 1");
        conv_send(c, 10);
        conv_out(c, "[ect0] P.E 1:11(10) ack 301");
        conv_in(c, "[ect0] P. 301:401(100) ack 11");
        conv_out_after(c, ELKO_MS(40), ".E 11:11(0) ack 401");
        conv_in(c, "[ect0] P.C 401:501(100) ack 11");
        conv_out(c, ". 11:11(0) ack 501"); /* at once: the sender's window may be small now */
        conv_in(c, "[ect0] P. 501:601(100) ack 11");
        conv_out_after(c, ELKO_MS(40), ". 11:11(0) ack 601");
}

/* CWR with a mark of its own: that is another congestion. [RFC3168 6.1.3c] */
CONV_TEST(cwr_that_is_marked)
{
        conv_start(c, NULL);
        accept_with_ecn(c);
        conv_in(c, "[ce] P. 1:101(100) ack 1");
        conv_out(c, ".E 1:1(0) ack 101");
        conv_in(c, "[ce] P.C 101:201(100) ack 1");
        conv_out(c, ".E 1:1(0) ack 201");
        conv_in(c, "[ect0] P.C 201:301(100) ack 1");
        conv_out(c, ". 1:1(0) ack 301");
}

/* Above a gap it counts; outside of the window, or twice, or without data, it does not. [RFC3168 6.1.5b] */
CONV_TEST(marks_that_count)
{
        conv_start(c, NULL);
        accept_with_ecn(c);
        conv_in(c, "[ect0] P. 1:101(100) ack 1");
        conv_out(c, ". 1:1(0) ack 101");
        conv_in(c, "[ce] . 101:101(0) ack 1");
        conv_none(c);
        conv_in(c, "[ce] P. 1:101(100) ack 1");
        conv_out(c, ". 1:1(0) ack 101 <...>");
        conv_in(c, "[ce] P. 2000101:2000201(100) ack 1");
        conv_out(c, ". 1:1(0) ack 101");
        conv_in(c, "[ce] P. 201:301(100) ack 1");
        conv_out(c, ".E 1:1(0) ack 101 <...>");
}

/* Exact to the number, so it is believed. [RFC3168 6.1.6b] */
CONV_TEST(a_probe_that_is_marked)
{
        unsigned end;

        conv_start(c, NULL);
        accept_with_ecn(c);
        while (conv_info(c).rcv_wnd > 0) {
                unsigned at = conv_info(c).rcv_nxt - conv_info(c).irs;
                unsigned n = conv_info(c).rcv_wnd < 1024 ? conv_info(c).rcv_wnd : 1024;

                conv_in(c, "[ect0] . %u:%u(%u) ack 1", at, at + n, n);
                conv_ignore(c);
        }
        end = conv_info(c).rcv_nxt - conv_info(c).irs;
        conv_in(c, "[ce] . %u:%u(1) ack 1", end, end + 1);
        conv_out(c, ".E 1:1(0) ack %u win 0", end);
}

/* RFC 8257, 3.2: each change is told of at once, and what came before it is acknowledged with what was true of it.
 * [RFC8257 3.2] */
CONV_TEST(each_mark_is_echoed_for_who_counts)
{
        conv_start(c, &marks);
        accept_with_ecn(c);
        conv_in(c, "[ect0] P. 1:101(100) ack 1");
        conv_none(c);
        conv_in(c, "[ce] P. 101:201(100) ack 1");
        conv_out(c, ". 1:1(0) ack 101");
        conv_out(c, ".E 1:1(0) ack 201");
        conv_in(c, "[ce] P. 201:301(100) ack 1");
        conv_out_after(c, ELKO_MS(40), ".E 1:1(0) ack 301");
        conv_in(c, "[ect0] P. 301:401(100) ack 1"); /* no CWR is needed */
        conv_out(c, ". 1:1(0) ack 401");
        /* All in one batch. */
        conv_queue(c, "[ect0] P. 401:501(100) ack 1");
        conv_queue(c, "[ce] P. 501:601(100) ack 1");
        conv_queue(c, "[ect0] P. 601:701(100) ack 1");
        conv_flush(c);
        conv_out(c, ". 1:1(0) ack 501");
        conv_out(c, ".E 1:1(0) ack 601");
        conv_out(c, ". 1:1(0) ack 701");
}

/* ---- 6.1.2, 6.1.4 to 6.1.6: what never has ECT ---- */

/* [RFC3168 6.1.1f 6.1.4 6.1.5a; RFC8257 3.6] */
CONV_TEST(what_never_goes_with_ect)
{
        conv_start(c, &client);
        open_with_ecn(c); /* SYN, ACK */
        conv_send(c, 10);
        conv_out(c, "[ect0] P. 1:11(10) ack 1");
        conv_in(c, ". 1:1(0) ack 11");
        conv_send(c, 10);
        conv_out(c, "[ect0] P. 11:21(10) ack 1");
        conv_advance(c, ELKO_SEC(3));
        while (conv_pending(c) > 0) {
                CONV_CHECK(c, (conv_peek(c, 0)->tos & 3) == 0); /* sent again: probe, time-outs */
                conv_out_late(c, "P.%s 11:21(10) ack 1", "");
        }
        conv_in(c, ". 1:1(0) ack 21");
        conv_shutdown(c);
        conv_out(c, "F. 21:21(0) ack 1");
        conv_abort(c);
        conv_out(c, "R. 22:22(0) ack 1 <...>");
}

/* Zero-window probes, and keepalives, which look the same. [RFC3168 6.1.6a] */
CONV_TEST(probes_are_not_ect)
{
        conv_start(c, &client);
        open_with_ecn(c);
        conv_in(c, ". 1:1(0) ack 1 win 0");
        conv_send(c, 10);
        conv_advance(c, ELKO_SEC(3));
        CONV_CHECK(c, conv_pending(c) > 0);
        while (conv_pending(c) > 0)
                conv_out_late(c, ". 0:0(0) ack 1");
        conv_in(c, ". 1:1(0) ack 1");
        conv_out(c, "[ect0] P. 1:11(10) ack 1");
}

/* ---- 6.1.2: the sender ---- */

/* A fifth for NewReno (RFC 8511), over a round trip; CWR on the first new data, once; the ECE that goes on until CWR
 * arrives takes nothing more. [RFC3168 6.1.2b 6.1.2c 6.1.2e 6.1.2f 6.1.2g; RFC8511 3.1] */
CONV_TEST(one_reduction_for_a_window)
{
        unsigned sent = 10, cwr = 0;

        conv_start(c, &client);
        open_with_ecn(c);
        conv_send(c, 100 * seg(c));
        for (unsigned i = 0; i < 10; i++)
                out_data(c, "[ect0] .", i);
        conv_none(c);
        ack_in(c, ".E", 1);
        CONV_EQ(c, conv_info(c).snd_ssthresh, 8 * seg(c));
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_CWR);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_ecn_cuts, 1);
        for (unsigned acked = 1; acked <= 10; acked++) {
                if (acked > 1)
                        ack_in(c, ".E", acked);
                while (conv_pending(c) > 0) {
                        out_data(c, cwr++ == 0 ? "[ect0] .C" : "[ect0] .", sent);
                        sent++;
                }
        }
        CONV_EQ(c, sent - 10, 8); /* RFC 6937: eight tenths of what was delivered */
        CONV_EQ(c, conv_info(c).snd_ssthresh, 8 * seg(c));
        CONV_EQ(c, conv_info(c).snd_cwnd, 8 * seg(c));
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_OPEN);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_ecn_cuts, 1);
        CONV_EQ(c, conv_info(c).delivered_ce, 10);
        /* Beyond that window a mark is another congestion. */
        ack_in(c, ".E", 11);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_ecn_cuts, 2);
        CONV_EQ(c, conv_info(c).snd_ssthresh, 8 * seg(c) * 8 / 10);
        conv_ignore(c);
        conv_abort(c);
        conv_ignore(c);
}

/* Without SACK all at once. */
CONV_TEST(without_a_scoreboard)
{
        conv_start(c, &no_sack);
        conv_connect(c);
        conv_out(c, "SEC 0:0(0) <...>");
        conv_in(c, "S.E 0:0(0) ack 1 win 65535 <mss M,nop,wscale 7>");
        conv_out(c, ". 1:1(0) ack 1");
        conv_send(c, 100 * seg(c));
        for (unsigned i = 0; i < 10; i++)
                out_data(c, "[ect0] .", i);
        ack_in(c, ".E", 1);
        CONV_EQ(c, conv_info(c).snd_cwnd, 8 * seg(c));
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_CWR);
        conv_none(c);
        ack_in(c, ".E", 2);
        conv_none(c);
        ack_in(c, ".E", 3);
        out_data(c, "[ect0] .C", 10);
        conv_none(c);
        /* Three duplicates: the loss lies in the same window. */
        for (unsigned i = 0; i < 3; i++) {
                ack_in(c, ".E", 3);
                conv_ignore(c);
        }
        CONV_EQ(c, conv_info(c).snd_ssthresh, 8 * seg(c));
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_RECOVERY);
        conv_ignore(c);
        conv_abort(c);
        conv_ignore(c);
}

/* Marked and lost in one window: one reduction, whichever is known first. [RFC3168 6.1.2c] */
CONV_TEST(a_loss_in_a_marked_window)
{
        conv_start(c, &client);
        open_with_ecn(c);
        conv_send(c, 100 * seg(c));
        conv_ignore(c);
        ack_in(c, ".E", 1);
        conv_ignore(c);
        conv_in(c, ".E 1:1(0) ack %u <sack %u:%u>", 1 + seg(c), 1 + 2 * seg(c), 1 + 6 * seg(c));
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_RECOVERY);
        CONV_EQ(c, conv_info(c).snd_ssthresh, 8 * seg(c));
        conv_abort(c);
        conv_ignore(c);
        conv_again(c);
        /* The loss first. */
        open_with_ecn(c);
        conv_send(c, 100 * seg(c));
        conv_ignore(c);
        conv_in(c, ". 1:1(0) ack 1 <sack %u:%u>", 1 + seg(c), 1 + 5 * seg(c));
        CONV_EQ(c, conv_info(c).snd_ssthresh, 5 * seg(c));
        conv_ignore(c);
        ack_in(c, ".E", 6);
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).snd_ssthresh, 5 * seg(c));
        CONV_EQ(c, elko_counters_get(c->st)->tcp_ecn_cuts, 0);
        conv_abort(c);
        conv_ignore(c);
}

/* "should not decrease ... ssthresh, if it has been decreased within the last round trip time". [RFC3168 6.1.2c] */
CONV_TEST(a_time_out_in_a_marked_window)
{
        conv_start(c, &client);
        open_with_ecn(c);
        conv_send(c, 10 * seg(c));
        conv_ignore(c);
        ack_in(c, ".E", 1);
        CONV_EQ(c, conv_info(c).snd_ssthresh, 8 * seg(c));
        conv_advance(c, ELKO_SEC(2));
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_LOSS);
        CONV_EQ(c, conv_info(c).snd_ssthresh, 8 * seg(c));
        CONV_EQ(c, conv_info(c).snd_cwnd, seg(c));
        conv_abort(c);
        conv_ignore(c);
}

/* CWR also tells of a loss's reduction; what is sent again does not carry it. [RFC3168 6.1.2e 6.1.2f] */
CONV_TEST(cwr_after_a_loss)
{
        unsigned cwr = 0;

        conv_start(c, &client);
        open_with_ecn(c);
        conv_send(c, 100 * seg(c));
        conv_ignore(c);
        conv_in(c, ". 1:1(0) ack 1 <sack %u:%u>", 1 + seg(c), 1 + 5 * seg(c));
        out_data(c, ".", 0); /* again: neither ECT nor CWR */
        for (unsigned i = 6; i <= 10; i++) {
                conv_in(c, ". 1:1(0) ack 1 <sack %u:%u>", 1 + seg(c), 1 + i * seg(c));
                while (conv_pending(c) > 0) {
                        const struct conv_seg *s = conv_peek(c, 0);

                        if (s->seq - c->f->iss > 10 * seg(c)) {
                                CONV_EQ(c, s->flags & ELKO_CWR, cwr++ == 0 ? ELKO_CWR : 0);
                                CONV_EQ(c, s->tos & 3, 2);
                        } else {
                                CONV_EQ(c, s->tos & 3, 0);
                        }
                        conv_out(c, "%s %s * ack 1", (s->tos & 3) ? "[ect0]" : "",
                                 (s->flags & ELKO_CWR) ? ".C" : ".");
                }
        }
        CONV_CHECK(c, cwr > 0);
        conv_abort(c);
        conv_ignore(c);
}

/* A D-SACK shows that nothing was lost, but there were marks as well: the reduction stays. [RFC3168 6.1.2b] */
CONV_TEST(a_mark_is_not_undone)
{
        conv_start(c, &client);
        open_with_ecn(c);
        conv_send(c, 100 * seg(c));
        conv_ignore(c);
        conv_in(c, ". 1:1(0) ack 1 <sack %u:%u>", 1 + seg(c), 1 + 5 * seg(c));
        conv_ignore(c);
        conv_in(c, ".E 1:1(0) ack %u", 1 + 5 * seg(c));
        conv_ignore(c);
        conv_in(c, ".E 1:1(0) ack %u <sack %u:%u>", 1 + 5 * seg(c), 1, 1 + seg(c));
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_OPEN);
        CONV_EQ(c, conv_info(c).snd_ssthresh, 5 * seg(c));
        conv_abort(c);
        conv_ignore(c);
}

/* A reduction that was for nothing is no reason to overlook a mark in that window of data. [RFC3168 6.1.2b] */
CONV_TEST(a_mark_after_a_reduction_that_was_undone)
{
        conv_start(c, &client);
        open_with_ecn(c);
        conv_send(c, 100 * seg(c));
        conv_ignore(c);
        conv_in(c, ". 1:1(0) ack 1 <sack %u:%u>", 1 + seg(c), 1 + 5 * seg(c));
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).snd_ssthresh, 5 * seg(c));
        conv_in(c, ". 1:1(0) ack %u", 1 + 5 * seg(c));
        conv_ignore(c);
        conv_in(c, ". 1:1(0) ack %u <sack %u:%u>", 1 + 5 * seg(c), 1, 1 + seg(c));
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_OPEN);
        CONV_EQ(c, conv_info(c).undone, 1);
        ack_in(c, ".E", 6);
        conv_ignore(c);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_ecn_cuts, 1);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_CWR);
        conv_abort(c);
        conv_ignore(c);
}

/* With a window of one segment the next waits for a time-out. [RFC3168 6.1.2d] */
CONV_TEST(a_window_of_one_segment)
{
        uint64_t rto;

        conv_start(c, &client);
        conv_hold(c, true);
        conv_connect(c);
        CONV_EQ(c, elko_set_congestion(c->st, c->f->sock, &elko_cc_cubic), 0);
        conv_hold(c, false);
        conv_pull(c);
        conv_out(c, "SEC 0:0(0) <...>");
        conv_in(c, "S.E 0:0(0) ack 1 win 65535 " SYN_OPTIONS);
        conv_out(c, ". 1:1(0) ack 1");
        conv_send(c, seg(c));
        out_data(c, "[ect0] P.", 0);
        ack_in(c, ".E", 1); /* the flight was one segment: CUBIC goes down to that */
        CONV_EQ(c, conv_info(c).snd_cwnd, seg(c));
        conv_send(c, 3 * seg(c));
        out_data(c, "[ect0] .C", 1);
        conv_none(c);
        ack_in(c, ".E", 2);
        conv_none(c);
        rto = conv_info(c).rto_ns;
        conv_quiet(c, rto - ELKO_MS(1));
        conv_advance(c, ELKO_MS(1));
        conv_out_late(c, "[ect0] .C %u:%u(%u) ack 1", 1 + 2 * seg(c), 1 + 3 * seg(c), seg(c));
        ack_in(c, ".", 3);
        out_data(c, "[ect0] P.", 3);
}

/* After a silence the flag that still waits goes with the next data; an old ECE means nothing then. */
CONV_TEST(a_mark_before_a_silence)
{
        conv_start(c, &client);
        open_with_ecn(c);
        conv_send(c, 10);
        conv_out(c, "[ect0] P. 1:11(10) ack 1");
        conv_in(c, ".E 1:1(0) ack 11");
        CONV_EQ(c, elko_counters_get(c->st)->tcp_ecn_cuts, 1);
        conv_advance(c, ELKO_SEC(10));
        conv_in(c, "[ect0] P.E 1:11(10) ack 11");
        conv_out(c, ". 11:11(0) ack 11");
        conv_send(c, 10);
        conv_out(c, "[ect0] P.C 11:21(10) ack 11");
        conv_in(c, "[ect0] P.E 11:21(10) ack 11"); /* it crossed our CWR */
        conv_ignore(c);
        conv_in(c, ". 21:21(0) ack 21");
        CONV_EQ(c, elko_counters_get(c->st)->tcp_ecn_cuts, 1);
}

/* Bytes that an ACK with ECE delivers are marked; alpha is 1 at first, so the window is halved, at once, and the
 * state stays. [RFC8257 3.3b 3.3d 3.3e] */
CONV_TEST(dctcp)
{
        conv_start(c, &marks);
        open_with_ecn(c);
        conv_send(c, 100 * seg(c));
        conv_ignore(c);
        ack_in(c, ".E", 2);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_OPEN);
        CONV_CHECK(c, conv_info(c).snd_cwnd <= 5 * seg(c) + 4);
        CONV_EQ(c, conv_info(c).delivered_ce, 2);
        ack_in(c, ".E", 10);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_ecn_cuts, 1);
        conv_ignore(c);
        conv_abort(c);
        conv_ignore(c);
}

/* Every algorithm reacts, and everything arrives. [RFC3168 6.1.2b] */
CONV_TEST(every_algorithm)
{
        conv_start(c, &client);
        for (unsigned n = 0; elko_cc_list[n] != NULL; n++) {
                unsigned acked = 0, before;

                conv_flow(c, n);
                conv_hold(c, true);
                conv_connect(c);
                CONV_EQ(c, elko_set_congestion(c->st, c->f->sock, elko_cc_list[n]), 0);
                conv_hold(c, false);
                conv_pull(c);
                conv_out(c, "SEC 0:0(0) <...>");
                conv_advance(c, ELKO_MS(10));
                conv_in(c, "S.E 0:0(0) ack 1 win 65535 " SYN_OPTIONS);
                conv_ignore(c);
                conv_send(c, 400 * seg(c));
                conv_ignore(c);
                while (acked < 400) {
                        conv_advance(c, ELKO_MS(10));
                        conv_ignore(c);
                        before = acked;
                        acked = (conv_info(c).snd_nxt - conv_info(c).iss - 1) / seg(c);
                        if (acked == before)
                                continue;
                        ack_in(c, acked > 40 ? ".E" : ".", acked);
                        conv_ignore(c);
                }
                CONV_CHECK(c, conv_info(c).delivered_ce > 0);
                CONV_CHECK(c,
                           elko_cc_list[n] == &elko_cc_bbr || conv_info(c).snd_ssthresh < 1u << 24);
                conv_abort(c);
                conv_ignore(c);
        }
}

EK_TEST_MAIN();
