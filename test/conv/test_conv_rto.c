/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * The retransmission timer: RFC 6298 at exact times, Karn's algorithm, what a time-out does to the
 * congestion window (RFC 5681, 3.1), and the end, R2 (RFC 9293, 3.8.3). RELIABILITY A9-1, -2, -9,
 * -10, -14; RFC 2525, 2.1 to 2.4, 2.7, 2.10, 2.14.
 */

/* Two time-outs in a row would be taken for a path that swallows large segments: test_conv_mtu_search.c. */
static void fixed_mtu(struct elko_config *cfg)
{
        cfg->mtu_probing = ELKO_MTU_PROBING_OFF;
}

static const struct conv_options fixed = {.no_sack = true, .no_ts = true, .config = fixed_mtu};
static const struct conv_options plain = {.no_sack = true, .no_ts = true};
static const struct conv_options ts = {.no_sack = true};

static void send_full(struct conv *c, unsigned segs)
{
        unsigned m = c->mss;

        conv_send(c, segs * m);
        for (unsigned i = 0; i < segs; i++)
                conv_out(c, "%s. %u:%u(%u) ack 1", i + 1 == segs ? "P" : "", 1 + i * m,
                         1 + (i + 1) * m, m);
}

/* ---- SYN ---- */

/* (2.1) 1 s, doubled (5.5), at most 60 s (2.5); the end after 180 s, not before (MUST-23).
 * [RFC9293 MUST-22 MUST-23; RFC6298 2.1] */
CONV_TEST(a9_1_syn)
{
        static const unsigned seconds[] = {1, 2, 4, 8, 16, 32, 60};

        conv_start(c, NULL);
        conv_connect(c);
        conv_out(c, "S 0:0(0) <mss M,...>");
        for (unsigned i = 0; i < 7; i++)
                conv_out_after(c, ELKO_SEC(seconds[i]), "S 0:0(0) <mss M,...>");
        conv_quiet(c, ELKO_SEC(57) - 1);
        conv_state(c, ELKO_TCP_SYN_SENT);
        conv_quiet(c, 1);
        conv_state(c, ELKO_TCP_CLOSED);
        conv_event_error(c, ELKO_EV_SOFT_ERROR | ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ETIMEDOUT);
        conv_recv_is(c, ELKO_ETIMEDOUT);
        CONV_EQ(c, conv_elapsed(c), ELKO_SEC(180));
        CONV_EQ(c, elko_counters_get(c->st)->tcp_timeouts, 1);
}

/* Figures 9 and 10 with a peer that ignores our reset (RELIABILITY A5-4): the SYN goes again at
 * once after the first wrong ACK, afterwards by the timer only. */
CONV_TEST(a5_4_wrong_acks_in_syn_sent_start_no_war)
{
        conv_start(c, &plain);
        conv_connect(c);
        conv_out(c, "S 0:0(0) <mss M,...>");
        conv_in(c, ". 100:100(0) ack 300");
        conv_out(c, "R 300:300(0)");
        conv_out(c, "S 0:0(0) <mss M,...>");
        for (unsigned i = 0; i < 5; i++) {
                conv_in(c, ". 100:100(0) ack 300");
                conv_out(c, "R 300:300(0)");
                conv_none(c);
        }
        conv_out_after(c, ELKO_SEC(1), "S 0:0(0) <mss M,...>");
}

/* (5.7): the SYN had to be sent again, without a sample of it: data starts with 3 s. [RFC6298 5.7] */
CONV_TEST(rfc6298_5_7_three_seconds_after_a_lost_syn)
{
        conv_start(c, &plain);
        conv_connect(c);
        conv_out(c, "S 0:0(0) <mss M,...>");
        conv_out_after(c, ELKO_SEC(1), "S 0:0(0) <mss M,...>");
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M,nop,wscale 7>");
        conv_out(c, ". 1:1(0) ack 1");
        CONV_EQ(c, conv_info(c).srtt_ns, 0); /* Karn: no sample */
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 1");
        conv_out_after(c, ELKO_SEC(3), "P. 1:101(100) ack 1");
        conv_in(c, ". 1:1(0) ack 101");
        conv_send(c, 100);
        conv_out(c, "P. 101:201(100) ack 1");
        conv_advance(c, ELKO_MS(100));
        conv_in(c, ". 1:1(0) ack 201"); /* the first sample counts in full (2.2) */
        CONV_EQ(c, conv_info(c).srtt_ns, ELKO_MS(100));
        CONV_EQ(c, conv_info(c).rto_ns, ELKO_MS(300));
}

/* RFC 6928, 2: one lost SYN may have been a long path; more than one mean an initial window of
 * one. */
static void lost_syns(struct conv *c, unsigned lost, unsigned segs)
{
        unsigned m;

        conv_start(c, &plain);
        conv_connect(c);
        conv_out(c, "S 0:0(0) <mss M,...>");
        for (unsigned i = 0; i < lost; i++)
                conv_out_after(c, ELKO_SEC(1u << i), "S 0:0(0) <mss M,...>");
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M,nop,wscale 7>");
        conv_out(c, ". 1:1(0) ack 1");
        m = c->mss;
        conv_send(c, 20 * m);
        for (unsigned i = 0; i < segs; i++)
                conv_out(c, ". %u:%u(%u) ack 1", 1 + i * m, 1 + (i + 1) * m, m);
        conv_none(c);
}

/* [RFC5681 3.1c] */
CONV_TEST(rfc6928_initial_window_without_loss)
{
        lost_syns(c, 0, 10);
}

/* [RFC5681 3.1d] */
CONV_TEST(rfc6928_initial_window_after_one_lost_syn)
{
        lost_syns(c, 1, 10);
}

/* [RFC5681 3.1d] */
CONV_TEST(rfc6928_initial_window_after_two_lost_syns)
{
        lost_syns(c, 2, 1);
}

/* ---- data ---- */

/* RFC 6298 (5.4) to (5.6): 200 ms here (deviation, see rtt.c), doubled, at most 60 s. RFC 2525,
 * 2.10. [RFC9293 MUST-19 3.10.8; RFC6298 5 5.5 5.6; RFC2525 2.10] */
CONV_TEST(a9_1_back_off)
{
        uint64_t span = ELKO_MS(200);

        conv_start_open(c, &plain);
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 1");
        for (unsigned i = 0; i < 13; i++) {
                conv_out_after(c, span, "P. 1:101(100) ack 1");
                span = span * 2 > ELKO_SEC(60) ? ELKO_SEC(60) : span * 2;
        }
        CONV_EQ(c, conv_info(c).total_rto, 13);
        conv_in(c, ". 1:1(0) ack 101");
        conv_quiet(c, ELKO_SEC(1000));
}

/* R2: exactly 15 minutes after the data left first; SHLD-10: at least 100 s. [RFC9293 MUST-20 SHLD-11] */
CONV_TEST(a9_1_r2)
{
        conv_start_open(c, &plain);
        conv_advance(c, ELKO_SEC(7));
        conv_send(c, 100);
        conv_ignore(c);
        conv_advance(c, ELKO_SEC(900) - 1);
        conv_ignore(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_advance(c, 1);
        conv_ignore(c);
        conv_state(c, ELKO_TCP_CLOSED);
        conv_event_error(c, ELKO_EV_SOFT_ERROR | ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ETIMEDOUT);
        CONV_EQ(c, conv_try_send(c, 1), ELKO_ETIMEDOUT);
        conv_recv_is(c, ELKO_ETIMEDOUT);
}

/* Progress starts R2 anew. */
CONV_TEST(r2_counts_from_the_last_progress)
{
        conv_start_open(c, &plain);
        conv_send(c, 100);
        conv_ignore(c);
        conv_advance(c, ELKO_SEC(500));
        conv_ignore(c);
        conv_in(c, ". 1:1(0) ack 51");
        conv_ignore(c);
        conv_advance(c, ELKO_SEC(900) - 1);
        conv_ignore(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_advance(c, 1);
        conv_ignore(c);
        conv_state(c, ELKO_TCP_CLOSED);
}

/* (5.3): an ACK for new data restarts the timer. (5.2): when all is acknowledged it stops.
 * [RFC6298 5 5.2 5.3] */
CONV_TEST(restarted_by_progress)
{
        unsigned m;

        conv_start_open(c, &plain);
        m = c->mss;
        send_full(c, 3);
        conv_quiet(c, ELKO_MS(20));
        conv_in(c, ". 1:1(0) ack %u", 1 + m); /* SRTT 0 -> 2.5 ms, RTO still at the floor */
        conv_quiet(c, ELKO_MS(150));
        conv_in(c, ". 1:1(0) ack %u", 1 + 2 * m);
        conv_none(c);
        conv_advance(c, conv_info(c).rto_ns);
        conv_out(c, "P. %u:%u(%u) ack 1", 1 + 2 * m, 1 + 3 * m, m);
        conv_in(c, ". 1:1(0) ack %u", 1 + 3 * m);
        conv_quiet(c, ELKO_SEC(100));
}

/* RELIABILITY A9-2: what is no progress does not restart it: duplicates, window updates, data. [RFC6298 5.3] */
CONV_TEST(a9_2_not_restarted_by_anything_else)
{
        conv_start_open(c, &plain);
        send_full(c, 1);
        conv_quiet(c, ELKO_MS(90));
        conv_in(c, ". 1:1(0) ack 1");
        conv_quiet(c, ELKO_MS(90));
        conv_in(c, ". 1:1(0) ack 1 win 60000");
        conv_quiet(c, ELKO_MS(10));
        conv_in(c, "P. 1:2(1) ack 1 win 60001");
        conv_out(c, ". %u:%u(0) ack 2", 1 + c->mss, 1 + c->mss);
        conv_out_after(c, ELKO_MS(10), "P. 1:%u(%u) ack 2", 1 + c->mss, c->mss);
}

/* (5.1): a segment sent while the timer runs does not restart it. [RFC6298 5.1] */
CONV_TEST(not_restarted_by_sending)
{
        unsigned m;

        conv_start_open(c, &plain);
        m = c->mss;
        send_full(c, 1);
        conv_quiet(c, ELKO_MS(150));
        conv_send(c, m);
        conv_out(c, "P. %u:%u(%u) ack 1", 1 + m, 1 + 2 * m, m);
        conv_out_after(c, ELKO_MS(50), "P. 1:%u(%u) ack 1", 1 + m, m);
}

/* RFC 5681, 3.1, RFC 2525, 2.2 and 2.14: after a time-out one segment, then slow start.
 * [RFC6298 5.4; RFC5681 3.1l 3.1n; RFC2525 2.2 2.14] */
CONV_TEST(a13_slow_start_after_a_timeout)
{
        unsigned m;

        conv_start_open(c, &plain);
        m = c->mss;
        send_full(c, 10);
        conv_out_after(c, ELKO_MS(200), ". 1:%u(%u) ack 1", 1 + m, m);
        CONV_EQ(c, conv_info(c).snd_cwnd, m);
        CONV_EQ(c, conv_info(c).snd_ssthresh, 5 * m);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_LOSS);
        conv_in(c, ". 1:1(0) ack %u", 1 + m);
        conv_out(c, ". %u:%u(%u) ack 1", 1 + m, 1 + 2 * m, m);
        conv_out(c, ". %u:%u(%u) ack 1", 1 + 2 * m, 1 + 3 * m, m);
        conv_none(c);
        conv_in(c, ". 1:1(0) ack %u", 1 + 10 * m); /* the rest was not lost */
        conv_none(c);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_OPEN);
        CONV_CHECK(c, conv_info(c).snd_cwnd <= 5 * m);
}

/* RFC 5681, 3.1: a segment lost again does not halve ssthresh again. [RFC5681 3.1m] */
CONV_TEST(a9_6_second_timeout_keeps_ssthresh)
{
        unsigned m;

        conv_start_open(c, &fixed);
        m = c->mss;
        send_full(c, 10);
        conv_out_after(c, ELKO_MS(200), ". 1:%u(%u) ack 1", 1 + m, m);
        conv_out_after(c, ELKO_MS(400), ". 1:%u(%u) ack 1", 1 + m, m);
        conv_out_after(c, ELKO_MS(800), ". 1:%u(%u) ack 1", 1 + m, m);
        CONV_EQ(c, conv_info(c).snd_ssthresh, 5 * m);
        CONV_EQ(c, conv_info(c).snd_cwnd, m);
}

/* RELIABILITY A9-10: the ACKs were only late. No more than the window goes again. */
CONV_TEST(a9_10_spurious_timeout)
{
        unsigned m, again = 0;

        conv_start_open(c, &fixed);
        m = c->mss;
        send_full(c, 10);
        conv_advance(c, ELKO_SEC(5));
        again += conv_ignore(c);
        for (unsigned i = 1; i <= 10; i++) {
                conv_in(c, ". 1:1(0) ack %u", 1 + i * m);
                again += conv_ignore(c);
        }
        CONV_CHECK(c, again <= 5 + 10);
        CONV_EQ(c, conv_info(c).flight, 0);
        conv_quiet(c, ELKO_SEC(100));
}

/* RFC 4015, 3.1: detection "MUST NOT be reinitiated after a timeout-based loss recovery has already been started but not
 * completed". The second timer's segment had come, its ACK was lost, and an old echo answers its copy: that says nothing
 * of the segments behind it, which are lost since the first. Found by the simulator, seed 1040473, where each of them then
 * took a time-out of its own. [RFC4015 3.1-0] */
CONV_TEST(no_second_test_in_one_recovery)
{
        unsigned m;

        conv_start_open(c, &ts);
        m = c->mss - 12;
        conv_send(c, 10 * m);
        CONV_EQ(c, conv_ignore(c), 10);
        conv_out_after(c, ELKO_MS(200), ". 1:%u(%u) ack 1", 1 + m, m);
        conv_in(c, ". 1:1(0) ack %u <nop,nop,TS val 300 ecr 200>", 1 + m);
        conv_out(c, ". %u:%u(%u) ack 1", 1 + m, 1 + 2 * m, m);
        conv_out(c, ". %u:%u(%u) ack 1", 1 + 2 * m, 1 + 3 * m, m);
        conv_out_after(c, ELKO_MS(200), ". %u:%u(%u) ack 1", 1 + m, 1 + 2 * m, m);
        conv_in(c, ". 1:1(0) ack %u <nop,nop,TS val 500 ecr 200>", 1 + 2 * m);
        CONV_EQ(c, conv_info(c).undone, 0);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_LOSS);
        conv_out(c, ". %u:%u(%u) ack 1", 1 + 2 * m, 1 + 3 * m, m);
        conv_out(c, ". %u:%u(%u) ack 1", 1 + 3 * m, 1 + 4 * m, m);
        conv_none(c);
}

/* ---- samples ---- */

/* Karn: no sample from what was sent twice. [RFC9293 MUST-18; RFC6298 3a] */
CONV_TEST(karn)
{
        uint64_t before;

        conv_start_open(c, &plain);
        before = conv_info(c).srtt_ns;
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 1");
        conv_out_after(c, ELKO_MS(200), "P. 1:101(100) ack 1");
        conv_advance(c, ELKO_MS(50));
        conv_in(c, ". 1:1(0) ack 101");
        CONV_EQ(c, conv_info(c).srtt_ns, before);
        /* The doubled time-out stays until there is a sample: a path that is slower than we think would give none
         * for ever (section 5, last paragraph; Karn and Partridge). */
        CONV_EQ(c, conv_info(c).backoff, 1);
        CONV_EQ(c, conv_info(c).retransmits, 0);
        conv_send(c, 100);
        conv_out(c, "P. 101:201(100) ack 1");
        conv_out_after(c, ELKO_MS(400), "P. 101:201(100) ack 1");
        conv_in(c, ". 1:1(0) ack 201");
        CONV_EQ(c, conv_info(c).backoff, 2);
        conv_send(c, 100);
        conv_out(c, "P. 201:301(100) ack 1");
        conv_in(c, ". 1:1(0) ack 301");
        CONV_EQ(c, conv_info(c).backoff, 0);
        conv_send(c, 100);
        conv_out(c, "P. 301:401(100) ack 1");
        conv_out_after(c, ELKO_MS(200), "P. 301:401(100) ack 1");
}

/* RFC 7323, 4.1: with timestamps the copy is known. [RFC6298 3a] */
CONV_TEST(timestamps_sample_a_retransmission)
{
        conv_start_open(c, &ts);
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 1");
        conv_out_after(c, ELKO_MS(200), "P. 1:101(100) ack 1");
        conv_advance(c, ELKO_MS(80));
        conv_in(c, ". 1:1(0) ack 101"); /* echoes the second copy */
        CONV_CHECK(c, conv_info(c).srtt_ns >= ELKO_MS(10) && conv_info(c).srtt_ns <= ELKO_MS(11));
}

/* The sample is taken when the ACK arrives, with the clock's full resolution. [RFC6298 3b] */
CONV_TEST(sample_of_a_microsecond)
{
        conv_start_open(c, &plain);
        for (unsigned i = 0; i < 60; i++) {
                conv_send(c, 1);
                conv_out(c, "P. %u:%u(1) ack 1", 1 + i, 2 + i);
                conv_advance(c, ELKO_US(10));
                conv_in(c, ". 1:1(0) ack %u", 2 + i);
        }
        CONV_CHECK(c, conv_info(c).srtt_ns > ELKO_US(9) && conv_info(c).srtt_ns <= ELKO_US(10));
        CONV_CHECK(c, conv_info(c).min_rtt_ns <= ELKO_US(10));
}

/* RELIABILITY A9-9: the SYN,ACK waits in the stack, for a verdict or for the link. That is not the path's time. */
static void late_syn_ack(struct conv *c, bool verdict)
{
        static const struct elko_listen_config ask = {
                .backlog = 8, .syn_queue = 8, .flags = ELKO_LISTEN_VERDICT};
        struct elko_syn syn;

        if (verdict)
                conv_listen_with(c, &ask);
        else
                conv_listen(c);
        conv_hold(c, true);
        if (c->opt.no_ts)
                conv_in(c, "S 0:0(0) win 65535 <mss M,sackOK,nop,wscale 7>");
        else
                conv_in(c, "S 0:0(0) win 65535 <mss M,sackOK,TS val 100 ecr 0,nop,wscale 7>");
        conv_advance(c, ELKO_MS(700));
        if (verdict) {
                conv_listen_event(c, ELKO_EV_SYN);
                CONV_EQ(c, elko_syn_next(c->st, c->listener, &syn), 0);
                CONV_EQ(c, elko_syn_verdict(c->st, syn.id, ELKO_VERDICT_ACCEPT), 0);
        }
        conv_hold(c, false);
        conv_pull(c);
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        conv_advance(c, ELKO_MS(10));
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        CONV_CHECK(c, conv_info(c).srtt_ns >= ELKO_MS(10) && conv_info(c).srtt_ns <= ELKO_MS(11));
}

/* [RFC6298 3a] */
CONV_TEST(a9_9_a_syn_ack_that_waits_for_the_link)
{
        conv_start(c, &plain);
        late_syn_ack(c, false);
        conv_again(c);
        conv_start(c, &ts);
        late_syn_ack(c, false);
}

CONV_TEST(a9_9_a_syn_ack_that_waits_for_a_verdict)
{
        conv_start(c, &plain);
        late_syn_ack(c, true);
        conv_again(c);
        conv_start(c, &ts);
        late_syn_ack(c, true);
}

/* ---- clocks ---- */

/* RELIABILITY A9-14: the clock jumps; one expiry for the jump, not one for each that it skipped. */
CONV_TEST(a9_14_clock_jump)
{
        conv_start_open(c, &plain);
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 1");
        c->now += ELKO_SEC(100);
        elko_advance(c->st, c->now);
        conv_pull(c);
        conv_out(c, "P. 1:101(100) ack 1");
        conv_none(c);
        CONV_EQ(c, conv_info(c).total_rto, 1);
        conv_out_after(c, ELKO_MS(400), "P. 1:101(100) ack 1");
        conv_in(c, ". 1:1(0) ack 101");
}

/* RELIABILITY A9-12: the link is down for ten seconds. Sending goes on within one capped RTO. */
CONV_TEST(a9_12_link_down)
{
        conv_start_open(c, &plain);
        conv_hold(c, true);
        conv_send(c, 100);
        conv_advance(c, ELKO_SEC(10));
        conv_hold(c, false);
        conv_out(c, "P. 1:101(100) ack 1");
        conv_in(c, ". 1:1(0) ack 101");
        conv_quiet(c, ELKO_SEC(100));
}

CONV_TEST(a9_12_link_down_with_data_in_flight)
{
        conv_start_open(c, &plain);
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 1");
        conv_hold(c, true);
        conv_advance(c, ELKO_SEC(10));
        conv_hold(c, false);
        conv_out(c, "P. 1:101(100) ack 1"); /* once, although the timer expired several times */
        conv_none(c);
        conv_in(c, ". 1:1(0) ack 101");
        conv_quiet(c, ELKO_SEC(100));
}

/* RFC 2525, 2.4 and RELIABILITY A7-12: a number always stands for the same byte (the harness
 * compares); here the application writes on while the head is sent again and again. [RFC2525 2.4] */
CONV_TEST(a7_12_same_bytes_every_time)
{
        conv_start_open(c, &plain);
        for (unsigned i = 0; i < 20; i++) {
                conv_send(c, 777);
                conv_ignore(c);
                conv_advance(c, ELKO_MS(300));
                conv_ignore(c);
        }
        conv_in(c, ". 1:1(0) ack 1000");
        conv_ignore(c);
        conv_advance(c, ELKO_SEC(50));
        conv_ignore(c);
}

EK_TEST_MAIN();
