/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * Congestion control on the wire: slow start and congestion avoidance (RFC 5681), initial window
 * (RFC 6928), fast retransmit and recovery (RFC 6582), limited transmit (RFC 3042), restart after
 * idle. All without SACK. RELIABILITY A9-3 to A9-6, A4-11, A7-10; RFC 2525, 2.1, 2.3, 2.6, 2.8.
 */

/* Two time-outs in a row would be taken for a path that swallows large segments: test_conv_mtu_search.c. */
static void fixed_mtu(struct elko_config *cfg)
{
        cfg->mtu_probing = ELKO_MTU_PROBING_OFF;
}

static const struct conv_options fixed = {.no_sack = true, .no_ts = true, .config = fixed_mtu};
static const struct conv_options plain = {.no_sack = true, .no_ts = true};

/* Segment i of full ones leaves; `last`: nothing is queued behind it. */
static void out(struct conv *c, unsigned i, bool last)
{
        unsigned m = c->mss;

        conv_out(c, "%s. %u:%u(%u) ack 1", last ? "P" : "", 1 + i * m, 1 + (i + 1) * m, m);
}

/* It leaves again; nothing here was pushed the first time. */
static void again(struct conv *c, unsigned i)
{
        out(c, i, false);
}

static void ack(struct conv *c, unsigned segs)
{
        conv_in(c, ". 1:1(0) ack %u", 1 + segs * c->mss);
}

/* Ten segments are out, `queued` more wait. */
static void ten_out(struct conv *c, unsigned queued)
{
        conv_open_passive(c);
        conv_send(c, (10 + queued) * c->mss);
        for (unsigned i = 0; i < 10; i++)
                out(c, i, queued == 0 && i == 9);
        conv_none(c);
}

/* RFC 6928; RFC 2525, 2.1 and 2.3. [RFC9293 MUST-19; RFC5681 3.1b; RFC2525 2.1 2.3] */
CONV_TEST(a13_initial_window_and_slow_start)
{
        unsigned next = 10;

        conv_start(c, &plain);
        ten_out(c, 100);
        CONV_EQ(c, conv_info(c).snd_cwnd, 10 * c->mss);
        CONV_EQ(c, conv_info(c).limited_by, ELKO_LIMITED_CWND);
        /* each acknowledged segment lets two go: (3.1) equation 2 */
        for (unsigned acked = 1; acked <= 20; acked++) {
                ack(c, acked);
                out(c, next++, false);
                out(c, next++, false);
                conv_none(c);
        }
        CONV_EQ(c, conv_info(c).snd_cwnd, 30 * c->mss);
}

/* RELIABILITY A9-5: at no time is more under way than cwnd (or the initial window says). [RFC5681 3 3.1a] */
CONV_TEST(a9_5_flight_is_bounded_by_cwnd)
{
        conv_start(c, &plain);
        ten_out(c, 200);
        for (unsigned acked = 2; acked <= 60; acked += 2) {
                ack(c, acked);
                conv_ignore(c);
                CONV_CHECK(c, conv_info(c).flight <= conv_info(c).snd_cwnd);
        }
}

/* RFC 5681, 3.2: the third duplicate, and the first segment goes at once.
 * [RFC5681 3.1g 3.2c 3.2-6; RFC6582 6d; RFC2018 5.1a; RFC2525 2.8] */
CONV_TEST(third_duplicate)
{
        conv_start(c, &plain);
        ten_out(c, 0);
        ack(c, 0);
        ack(c, 0);
        conv_none(c);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_DISORDER);
        ack(c, 0);
        again(c, 0);
        conv_none(c);
        conv_counted(c, tcp_fast_retrans, 1);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_RECOVERY);
        CONV_EQ(c, conv_info(c).snd_ssthresh, 5 * c->mss);
        ack(c, 10);
        conv_none(c);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_OPEN);
        CONV_CHECK(c, conv_info(c).snd_cwnd <= 5 * c->mss); /* deflated: RFC 2525, 2.8 */
        conv_quiet(c, ELKO_SEC(10));
}

/* RFC 3042: the first two duplicates let one new segment go each. RFC 5681, 3.2 step 2: these do
 * not count in FlightSize. RFC 6582, 3.2 step 2: inflation, one segment for each duplicate.
 * [RFC5681 3.2-1 3.2-2 3.2-3 3.2-4 3.2-5 4.3b; RFC6582 6a] */
CONV_TEST(limited_transmit_and_inflation)
{
        unsigned m;

        conv_start(c, &plain);
        ten_out(c, 20);
        m = c->mss;
        ack(c, 0);
        out(c, 10, false);
        ack(c, 0);
        out(c, 11, false);
        ack(c, 0);
        again(c, 0);
        conv_none(c);
        CONV_EQ(c, conv_info(c).snd_ssthresh, 5 * m);
        /* cwnd 5 + 3; twelve are out: five more duplicates until the window has room */
        for (unsigned i = 0; i < 4; i++) {
                ack(c, 0);
                conv_none(c);
        }
        ack(c, 0);
        out(c, 12, false);
        ack(c, 0);
        out(c, 13, false);
        ack(c, 14);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_OPEN);
        CONV_CHECK(c, conv_pending(c) <= 3); /* no burst */
        conv_ignore(c);
}

/* RFC 6582, 3.2 step 3: each partial ACK brings the next hole, without new duplicates.
 * [RFC5681 4.3a; RFC6582 3.2-3a 3.2-3b] */
CONV_TEST(partial_acks)
{
        conv_start(c, &plain);
        ten_out(c, 0);
        ack(c, 0);
        ack(c, 0);
        ack(c, 0);
        again(c, 0);
        ack(c, 3);
        again(c, 3);
        conv_none(c);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_RECOVERY);
        ack(c, 7);
        again(c, 7);
        conv_none(c);
        ack(c, 10);
        conv_none(c);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_OPEN);
        CONV_EQ(c, conv_info(c).snd_ssthresh, 5 * c->mss); /* halved once */
        CONV_EQ(c, elko_counters_get(c->st)->tcp_fast_retrans, 1);
}

/* A departure from RFC 6582, 3.2 step 3, which restarts the timer with the first partial ACK only: RFC 6298
 * (5.3) does with each that acknowledges new data. [RFC6582 3.2-3c] */
CONV_TEST(every_partial_ack_restarts_the_timer)
{
        conv_start(c, &plain);
        ten_out(c, 0);
        for (unsigned i = 0; i < 3; i++)
                ack(c, 0);
        again(c, 0);
        for (unsigned i = 1; i < 6; i++) {
                conv_quiet(c, ELKO_MS(150));
                ack(c, i);
                again(c, i);
        }
        conv_quiet(c, conv_info(c).rto_ns - 1);
        conv_advance(c, 1);
        again(c, 5);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_LOSS);
}

/* RFC 6582, 3.2 step 1: duplicates of the full ACK start no second episode. [RFC6582 3.2-2 3.2-3a] */
CONV_TEST(not_twice_in_one_window)
{
        conv_start(c, &plain);
        ten_out(c, 0);
        for (unsigned i = 0; i < 3; i++)
                ack(c, 0);
        again(c, 0);
        ack(c, 10);
        conv_send(c, 2 * c->mss); /* cwnd is FlightSize + SMSS at least, so two */
        out(c, 10, false);
        out(c, 11, true);
        for (unsigned i = 0; i < 6; i++)
                ack(c, 10);
        conv_none(c);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_fast_retrans, 1);
        ack(c, 12);
}

/* The retransmission is lost as well: the timer, and another sign of congestion (RFC 5681, 4.3).
 * [RFC5681 4.3d; RFC6582 3.2-4] */
CONV_TEST(lost_retransmission)
{
        conv_start(c, &plain);
        ten_out(c, 0);
        for (unsigned i = 0; i < 3; i++)
                ack(c, 0);
        again(c, 0);
        CONV_EQ(c, conv_info(c).snd_ssthresh, 5 * c->mss);
        conv_out_after(c, ELKO_MS(200), ". 1:%u(%u) ack 1", 1 + c->mss, c->mss);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_LOSS);
        CONV_EQ(c, conv_info(c).snd_cwnd, c->mss);
        CONV_EQ(c, conv_info(c).snd_ssthresh, 5 * c->mss / 2);
        ack(c, 10);
        conv_none(c);
}

/* RFC 6582, 4: after a time-out duplicates come from our own retransmissions. [RFC6582 4] */
CONV_TEST(duplicates_after_a_timeout)
{
        conv_start(c, &plain);
        ten_out(c, 0);
        conv_out_after(c, ELKO_MS(200), ". 1:%u(%u) ack 1", 1 + c->mss, c->mss);
        for (unsigned i = 0; i < 10; i++)
                ack(c, 0);
        conv_none(c);
        ack(c, 10);
        conv_none(c);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_fast_retrans, 0);
}

/* RELIABILITY A9-3, RFC 5681, 2: what is no duplicate. [RFC5681 2] */
CONV_TEST(a9_3_not_duplicates)
{
        conv_start(c, &plain);
        ten_out(c, 0);
        for (unsigned i = 0; i < 5; i++)
                conv_in(c, ". 1:1(0) ack 1 win %u", 65000 - i); /* window updates */
        conv_none(c);
        for (unsigned i = 0; i < 5; i++) {
                conv_in(c, "P. %u:%u(1) ack 1 win 65000", 1 + i, 2 + i); /* data */
                conv_ignore(c);
        }
        CONV_EQ(c, elko_counters_get(c->st)->tcp_dup_acks_in, 0);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_fast_retrans, 0);
}

CONV_TEST(a9_3_no_duplicates_when_nothing_is_outstanding)
{
        conv_start_open(c, &plain);
        for (unsigned i = 0; i < 5; i++)
                conv_in(c, ". 1:1(0) ack 1");
        conv_none(c);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_dup_acks_in, 0);
}

/* RELIABILITY A4-11 and A7-10: duplicates without end buy no window beyond what is out, and
 * overflow nothing. [RFC5681 3.2-4] */
CONV_TEST(a4_11_invented_duplicates)
{
        unsigned sent = 0;

        conv_start(c, &plain);
        ten_out(c, 500);
        for (unsigned i = 0; i < 1000; i++) {
                ack(c, 0);
                sent += conv_ignore(c);
        }
        CONV_CHECK(c, sent <= 12);
        CONV_CHECK(c, conv_info(c).flight <= 20 * c->mss);
}

/* RELIABILITY A4-11: an ACK for what was not sent is nothing but a reason for an ACK. */
CONV_TEST(a4_11_optimistic_ack)
{
        conv_start(c, &plain);
        ten_out(c, 5);
        ack(c, 11);
        conv_out(c, ". %u:%u(0) ack 1", 1 + 10 * c->mss, 1 + 10 * c->mss);
        conv_dropped(c, ELKO_DROP_TCP_ACK_RANGE);
        CONV_EQ(c, conv_info(c).snd_cwnd, 10 * c->mss);
        CONV_EQ(c, conv_info(c).flight, 10 * c->mss);
}

/* After recovery: congestion avoidance, one segment more for each window.
 * [RFC9293 MUST-19; RFC5681 3.1i 3.1j 4.3c] */
CONV_TEST(congestion_avoidance)
{
        uint32_t m, before;

        conv_start(c, &plain);
        ten_out(c, 100);
        m = c->mss;
        for (unsigned i = 0; i < 3; i++) {
                ack(c, 0);
                conv_ignore(c);
        }
        ack(c, 12);
        conv_ignore(c);
        before = conv_info(c).snd_cwnd;
        CONV_CHECK(c, before <= 5 * m);
        for (unsigned acked = 13; acked < 40; acked++) {
                uint32_t cwnd = conv_info(c).snd_cwnd;

                if (conv_info(c).flight == 0)
                        break;
                ack(c, acked);
                conv_ignore(c);
                CONV_CHECK(c, conv_info(c).snd_cwnd <= cwnd + m);
        }
        CONV_CHECK(c, conv_info(c).snd_cwnd > 5 * m);
        CONV_CHECK(c, conv_info(c).snd_cwnd <= 10 * m);
}

/* RFC 5681, 4.1: after a silence of more than an RTO at most the initial window; ssthresh stays.
 * [RFC5681 4.1] */
CONV_TEST(restart_after_idle)
{
        unsigned next = 10;

        conv_start(c, &plain);
        ten_out(c, 20);
        for (unsigned acked = 1; acked <= 10; acked++) {
                ack(c, acked);
                out(c, next, false);
                out(c, next + 1, next == 28);
                next += 2;
        }
        ack(c, 30);
        CONV_CHECK(c, conv_info(c).snd_cwnd >= 20 * c->mss);
        conv_quiet(c, ELKO_MS(201));
        conv_send(c, 40 * c->mss);
        CONV_EQ(c, conv_pending(c), 10);
        conv_ignore(c);
}

/* Shorter silences cost nothing. */
CONV_TEST(no_restart_after_a_short_silence)
{
        unsigned next = 10;

        conv_start(c, &plain);
        ten_out(c, 20);
        for (unsigned acked = 1; acked <= 10; acked++) {
                ack(c, acked);
                out(c, next, false);
                out(c, next + 1, next == 28);
                next += 2;
        }
        ack(c, 30);
        conv_quiet(c, ELKO_MS(100));
        conv_send(c, 40 * c->mss);
        CONV_CHECK(c, conv_pending(c) >= 20);
        conv_ignore(c);
}

/* RELIABILITY A8-8: an application that sends little does not make the window grow. */
CONV_TEST(a8_8_application_limited)
{
        conv_start_open(c, &plain);
        for (unsigned i = 0; i < 50; i++) {
                conv_send(c, c->mss);
                out(c, i, true);
                conv_advance(c, ELKO_MS(1));
                ack(c, i + 1);
        }
        CONV_EQ(c, conv_info(c).snd_cwnd, 10 * c->mss);
}

/* RELIABILITY A9-4: the head is lost and the window is one segment: forced all the same. */
CONV_TEST(a9_4_retransmission_with_a_full_window)
{
        conv_start(c, &fixed);
        ten_out(c, 0);
        conv_out_after(c, ELKO_MS(200), ". 1:%u(%u) ack 1", 1 + c->mss, c->mss);
        conv_out_after(c, ELKO_MS(400), ". 1:%u(%u) ack 1", 1 + c->mss, c->mss);
        ack(c, 1);
        again(c, 1);
        again(c, 2);
        conv_none(c);
        ack(c, 2);
        again(c, 3);
        conv_ignore(c);
        ack(c, 10);
        conv_none(c);
}

EK_TEST_MAIN();
