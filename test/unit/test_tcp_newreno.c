/* SPDX-License-Identifier: MIT */
/*
 * test_tcp_newreno.c - RFC 5681 as a black box: what cwnd and ssthresh must be after each event,
 * byte counting (RFC 3465), and bounds that hold whatever comes (RELIABILITY A9-6, A4-11, A13).
 */
#include <elko/cc.h>

#include "ek_test.h"

enum { MSS = 1000 };

struct bench {
        uint64_t priv[ELKO_CC_PRIVATE_BYTES / 8];
        struct elko_cc_out out;
};

static void start(struct bench *b)
{
        struct elko_cc_init ev = {.mss = MSS, .initial_cwnd_bytes = 10 * MSS};

        memset(b, 0xee, sizeof(*b)); /* the area may be dirty: A13, "uninitialized cwnd" */
        elko_cc_newreno.init(b->priv, &b->out, &ev);
}

static void ack(struct bench *b, uint32_t bytes)
{
        struct elko_cc_ack ev = {.mss = MSS,
                                 .acked_bytes = bytes,
                                 .flight_bytes = b->out.cwnd_bytes,
                                 .cwnd_limited = true};

        elko_cc_newreno.on_ack(b->priv, &b->out, &ev);
}

static void congestion(struct bench *b, enum elko_congestion kind, uint32_t flight)
{
        struct elko_cc_event ev = {
                .kind = kind, .mss = MSS, .flight_bytes = flight, .initial_cwnd_bytes = 10 * MSS};

        elko_cc_newreno.on_congestion(b->priv, &b->out, &ev);
}

/* [RFC5681 3.1f] */
EK_TEST(starts_with_the_initial_window)
{
        struct bench b;

        start(&b);
        CHECK_EQ(b.out.cwnd_bytes, 10 * MSS);
        CHECK_EQ(b.out.ssthresh_bytes, UINT32_MAX);
        CHECK_EQ(b.out.pacing_bytes_per_s, 0);
}

/* (3.1) slow start: a window of ACKs doubles cwnd, not more (RFC 2525, 2.1). [RFC5681 3.1h] */
EK_TEST(slow_start_doubles)
{
        struct bench b;

        start(&b);
        for (int rtt = 0; rtt < 5; rtt++) {
                uint32_t before = b.out.cwnd_bytes;

                for (uint32_t k = 0; k < before / MSS; k++)
                        ack(&b, MSS);
                CHECK_EQ(b.out.cwnd_bytes, 2 * before);
        }
}

/* RELIABILITY A4-11, Savage's ACK division: bytes count, not ACKs. [RFC5681 3.1h] */
EK_TEST(a4_11_ack_division_gains_nothing)
{
        struct bench b, whole;

        start(&b);
        start(&whole);
        for (int i = 0; i < 10 * MSS; i++)
                ack(&b, 1);
        ack(&whole, 10 * MSS);
        CHECK_EQ(b.out.cwnd_bytes, whole.out.cwnd_bytes);
        congestion(&b, ELKO_CONGESTION_LOSS, 20 * MSS);
        for (int i = 0; i < 10 * MSS; i++)
                ack(&b, 1);
        CHECK_EQ(b.out.cwnd_bytes, 11 * MSS);
}

/* (3.1) congestion avoidance: one SMSS a window; no constant is added (RFC 2525, 2.6).
 * [RFC5681 3.1i 3.1j; RFC2525 2.6] */
EK_TEST(congestion_avoidance_one_segment_a_window)
{
        struct bench b;

        start(&b);
        congestion(&b, ELKO_CONGESTION_LOSS, 20 * MSS);
        CHECK_EQ(b.out.ssthresh_bytes, 10 * MSS);
        CHECK_EQ(b.out.cwnd_bytes, 10 * MSS);
        for (uint32_t w = 10; w < 20; w++) {
                for (uint32_t k = 0; k < w - 1; k++)
                        ack(&b, MSS);
                CHECK_EQ(b.out.cwnd_bytes, w * MSS);
                ack(&b, MSS);
                CHECK_EQ(b.out.cwnd_bytes, (w + 1) * MSS);
        }
}

/* (3.1) time-out: cwnd is one segment, ssthresh half of the flight, at least two segments.
 * [RFC5681 3.1l 3.1n] */
EK_TEST(timeout)
{
        struct bench b;

        start(&b);
        congestion(&b, ELKO_CONGESTION_TIMEOUT, 30 * MSS);
        CHECK_EQ(b.out.cwnd_bytes, MSS);
        CHECK_EQ(b.out.ssthresh_bytes, 15 * MSS);
        for (int i = 0; i < 14; i++)
                ack(&b, MSS);
        CHECK_EQ(b.out.cwnd_bytes, 15 * MSS);
        congestion(&b, ELKO_CONGESTION_TIMEOUT, MSS);
        CHECK_EQ(b.out.ssthresh_bytes, 2 * MSS);
        CHECK_EQ(b.out.cwnd_bytes, MSS);
}

/* (4.1) idle: at most the initial window; ssthresh stays. */
EK_TEST(idle_restart)
{
        struct bench b;

        start(&b);
        for (int i = 0; i < 30; i++)
                ack(&b, MSS);
        congestion(&b, ELKO_CONGESTION_IDLE, 0);
        CHECK_EQ(b.out.cwnd_bytes, 10 * MSS);
        CHECK_EQ(b.out.ssthresh_bytes, UINT32_MAX);
        congestion(&b, ELKO_CONGESTION_TIMEOUT, 10 * MSS);
        congestion(&b, ELKO_CONGESTION_IDLE, 0);
        CHECK_EQ(b.out.cwnd_bytes, MSS);
}

/* RELIABILITY A8-8, RFC 7661: a window that isn't used does not grow; recovery is the engine's. */
EK_TEST(a8_8_unused_window_does_not_grow)
{
        struct elko_cc_ack ev = {.mss = MSS, .acked_bytes = 50 * MSS};
        struct bench b;

        start(&b);
        elko_cc_newreno.on_ack(b.priv, &b.out, &ev);
        CHECK_EQ(b.out.cwnd_bytes, 10 * MSS);
        ev.cwnd_limited = true;
        ev.in_recovery = true;
        elko_cc_newreno.on_ack(b.priv, &b.out, &ev);
        CHECK_EQ(b.out.cwnd_bytes, 10 * MSS);
}

EK_TEST(undo_gives_back)
{
        struct bench b;

        start(&b);
        ack(&b, 10 * MSS);
        congestion(&b, ELKO_CONGESTION_TIMEOUT, 20 * MSS);
        elko_cc_newreno.undo(b.priv, &b.out);
        CHECK_EQ(b.out.cwnd_bytes, 20 * MSS);
        CHECK_EQ(b.out.ssthresh_bytes, UINT32_MAX);
}

/* RELIABILITY A9-6: random events. cwnd is never below one segment, ssthresh never below two, and
 * an ACK adds at most what it acknowledges. */
EK_TEST(a9_6_bounds)
{
        for (uint32_t round = ek_test_rounds(300); round > 0; round--) {
                struct bench b;

                start(&b);
                for (int i = 0; i < 1000; i++) {
                        uint32_t before = b.out.cwnd_bytes;
                        uint32_t n = (uint32_t)ek_test_magnitude(24);

                        if (ek_test_below(20) != 0) {
                                ack(&b, n);
                                CHECK(b.out.cwnd_bytes >= before);
                                CHECK(b.out.cwnd_bytes - before <= (n > MSS ? n : MSS));
                        } else {
                                congestion(&b, (enum elko_congestion)ek_test_below(4), n);
                                CHECK(b.out.cwnd_bytes <= before ||
                                      b.out.cwnd_bytes == b.out.ssthresh_bytes);
                        }
                        CHECK(b.out.cwnd_bytes >= MSS && b.out.cwnd_bytes <= 1u << 31);
                        CHECK(b.out.ssthresh_bytes >= 2 * MSS);
                }
        }
}

EK_TEST_MAIN();
