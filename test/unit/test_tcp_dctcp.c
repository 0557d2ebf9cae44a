/* SPDX-License-Identifier: MIT */
/*
 * test_tcp_dctcp.c - DCTCP (RFC 8257) against its equation, the scalable response of prague, and both on a path whose
 * queue marks early (cc_bench.h). ECN's feedback comes from the bench: no marks are asked of the network here.
 */
#include <math.h>

#include <elko/cc.h>

#include "cc_bench.h"

enum { MSS = 1448 };

struct bench {
        const struct elko_cc_ops *ops;
        uint64_t priv[ELKO_CC_PRIVATE_BYTES / 8];
        struct elko_cc_out out;
        uint64_t now, rtt;
};

static void start(struct bench *b, const struct elko_cc_ops *ops)
{
        struct elko_cc_init ev = {.now = ELKO_SEC(1),
                                  .mss = MSS,
                                  .initial_cwnd_bytes = 10 * MSS,
                                  .srtt_ns = ELKO_MS(100),
                                  .clock_resolution_ns = 1};

        *b = (struct bench){.ops = ops, .now = ELKO_SEC(1), .rtt = ELKO_MS(100)};
        ops->init(b->priv, &b->out, &ev);
}

/* A window of 100 segments, of which `marked` were marked. */
static void window(struct bench *b, uint32_t marked)
{
        for (uint32_t i = 0; i < 100; i++) {
                struct elko_cc_ack ev = {.now = b->now += b->rtt / 100,
                                         .mss = MSS,
                                         .acked_bytes = MSS,
                                         .newly_delivered = MSS,
                                         .srtt_ns = b->rtt,
                                         .ce_bytes = i < marked ? MSS : 0,
                                         .ece = i < marked,
                                         .round_start = i == 99};

                b->ops->on_ack(b->priv, &b->out, &ev);
        }
}

static void congestion(struct bench *b, enum elko_congestion kind, uint32_t flight)
{
        struct elko_cc_event ev = {.now = b->now,
                                   .kind = kind,
                                   .flight_bytes = flight,
                                   .mss = MSS,
                                   .initial_cwnd_bytes = 10 * MSS};

        b->ops->on_congestion(b->priv, &b->out, &ev);
}

static double alpha(const struct bench *b)
{
        struct elko_cc_info i = {0};

        b->ops->info(b->priv, &i);
        CHECK_EQ(i.kind, ELKO_CC_INFO_DCTCP);
        return i.alpha_1024 / 1024.0;
}

/* (3.3) alpha begins at 1 and is the moving average with g = 1/16. [RFC8257 3.3a 3.3b 3.3c] */
EK_TEST(alpha_is_the_moving_average)
{
        static const struct elko_cc_ops *const ops[] = {&elko_cc_dctcp, &elko_cc_prague};

        for (int n = 0; n < 2; n++) {
                struct bench b;
                double want = 1;

                start(&b, ops[n]);
                CHECK(alpha(&b) == 1);
                for (uint32_t i = 0; i < 200; i++) {
                        uint32_t marked = i < 60 ? 0 : i < 120 ? 25 : (i * 37) % 101;

                        window(&b, marked);
                        want = want * 15 / 16 + marked / 100.0 / 16;
                        CHECK(fabs(alpha(&b) - want) < 0.002);
                }
                CHECK_EQ(b.out.cwnd_bytes,
                         10 * MSS); /* not limited by the window: it did not grow */
        }
}

/* (3.3) step 9: cwnd (1 - alpha / 2). (3.5) Losses as in RFC 5681. [RFC8257 3.3d 3.5] */
EK_TEST(reductions)
{
        static const struct elko_cc_ops *const ops[] = {&elko_cc_dctcp, &elko_cc_prague};

        for (int n = 0; n < 2; n++) {
                struct bench b;

                start(&b, ops[n]);
                b.out.cwnd_bytes = 100 * MSS;
                congestion(&b, ELKO_CONGESTION_ECN, 100 * MSS);
                CHECK_EQ(b.out.cwnd_bytes, 50 * MSS); /* alpha = 1 */
                for (int i = 0; i < 400; i++)
                        window(&b, 10);
                b.out.cwnd_bytes = 100 * MSS;
                congestion(&b, ELKO_CONGESTION_ECN, 100 * MSS);
                CHECK(abs((int)b.out.cwnd_bytes - 95 * MSS) < MSS);
                CHECK_EQ(b.out.ssthresh_bytes, b.out.cwnd_bytes);
                b.out.cwnd_bytes = 100 * MSS;
                congestion(&b, ELKO_CONGESTION_LOSS, 80 * MSS);
                CHECK_EQ(b.out.cwnd_bytes, 40 * MSS);
                b.ops->undo(b.priv, &b.out);
                CHECK_EQ(b.out.cwnd_bytes, 100 * MSS);
                congestion(&b, ELKO_CONGESTION_TIMEOUT, 80 * MSS);
                CHECK_EQ(b.out.cwnd_bytes, MSS);
                CHECK_EQ(b.out.ssthresh_bytes, 40 * MSS);
                b.out.cwnd_bytes = MSS;
                congestion(&b, ELKO_CONGESTION_ECN, MSS);
                CHECK_EQ(b.out.cwnd_bytes, 2 * MSS);
        }
}

/* [RFC8257 3.4] A queue that marks beyond 30 kB of 100 Mbit/s * 10 ms: it stays short, nothing is lost, the link is busy. */
EK_TEST(short_queues)
{
        static const struct elko_cc_ops *const ops[] = {&elko_cc_dctcp, &elko_cc_prague};

        for (int n = 0; n < 2; n++) {
                struct ccb b = {.ce_above = 30000, .seed = 2};
                uint64_t queue;

                ccb_init(&b, ops[n], 12500000, ELKO_MS(10), 1000000);
                ccb_run(&b, b.now + ELKO_SEC(10));
                CHECK_EQ(b.dropped, 0);
                CHECK((double)b.delivered / 10 > 0.95 * 12500000);
                CHECK(b.marked > 0 && b.marked < b.delivered / 4);
                /* min_rtt was before the queue; srtt tells its length now */
                queue = (b.srtt - ELKO_MS(10)) * 12500000 / 1000000000;
                CHECK(queue < 60000);
                ccb_free(&b);
        }
}

/* CUBIC and NewReno on the same path: ABE lowers less, so the queue of marks costs no goodput either. */
EK_TEST(classic_algorithms_with_marks)
{
        static const struct elko_cc_ops *const ops[] = {&elko_cc_cubic, &elko_cc_newreno};

        for (int n = 0; n < 2; n++) {
                struct ccb b = {.ce_above = 30000, .seed = 2};

                ccb_init(&b, ops[n], 12500000, ELKO_MS(10), 1000000);
                ccb_run(&b, b.now + ELKO_SEC(10));
                CHECK_EQ(b.dropped, 0);
                CHECK((double)b.delivered / 10 > 0.9 * 12500000);
                ccb_free(&b);
        }
}

/* RFC 9331, 4.3 item 4: below 25 ms the rate grows as it does at 25 ms. Without marks, one second: at 25 ms
 * 40 segments in 25 ms, at 5 ms 8 segments in 5 ms, and not 200. */
EK_TEST(prague_depends_less_on_the_round_trip)
{
        static const uint32_t rtt_ms[] = {25, 5};
        uint32_t grown[2];

        for (int n = 0; n < 2; n++) {
                struct bench b;
                uint64_t until;

                start(&b, &elko_cc_prague);
                b.rtt = ELKO_MS(rtt_ms[n]);
                b.out.cwnd_bytes = 200 * MSS;
                congestion(&b, ELKO_CONGESTION_LOSS, 200 * MSS);
                until = b.now + ELKO_SEC(1);
                while (b.now < until) {
                        uint32_t cwnd = b.out.cwnd_bytes;

                        for (uint32_t i = 0; i < cwnd / MSS; i++) {
                                struct elko_cc_ack ev = {.now = b.now += b.rtt * MSS / cwnd,
                                                         .mss = MSS,
                                                         .acked_bytes = MSS,
                                                         .newly_delivered = MSS,
                                                         .srtt_ns = b.rtt,
                                                         .cwnd_limited = true};

                                b.ops->on_ack(b.priv, &b.out, &ev);
                        }
                }
                grown[n] = b.out.cwnd_bytes / MSS - 100;
                CHECK(b.out.pacing_bytes_per_s > 0);
        }
        CHECK(grown[0] >= 36 && grown[0] <= 44);
        CHECK(grown[1] >= 5 && grown[1] <= 11); /* 200 round trips, a 25th of a segment each */
}

/* RELIABILITY A9-6. */
EK_TEST(bounds)
{
        static const struct elko_cc_ops *const ops[] = {&elko_cc_dctcp, &elko_cc_prague};

        for (uint32_t round = ek_test_rounds(100); round > 0; round--) {
                struct bench b;

                start(&b, ops[round % 2]);
                for (int i = 0; i < 1000; i++) {
                        struct elko_cc_ack ev = {.now = b.now += ek_test_magnitude(30), .mss = MSS};
                        uint32_t before = b.out.cwnd_bytes;

                        ev.acked_bytes = ev.newly_delivered = (uint32_t)ek_test_magnitude(30);
                        ev.ce_bytes = (uint32_t)ek_test_magnitude(31);
                        ev.srtt_ns = ek_test_magnitude(36);
                        ev.cwnd_limited = ek_test_below(3) != 0;
                        ev.round_start = ek_test_below(5) == 0;
                        b.ops->on_ack(b.priv, &b.out, &ev);
                        CHECK(b.out.cwnd_bytes >= before);
                        CHECK(b.out.cwnd_bytes - before <=
                              (ev.acked_bytes > MSS ? ev.acked_bytes : MSS));
                        if (ek_test_below(10) == 0)
                                congestion(&b, (enum elko_congestion)ek_test_below(4),
                                           (uint32_t)ek_test_magnitude(30));
                        CHECK(b.out.cwnd_bytes >= MSS && b.out.cwnd_bytes <= (1u << 30) + MSS);
                        CHECK(b.out.ssthresh_bytes >= 2 * MSS);
                        CHECK(alpha(&b) <= 1);
                }
        }
}

EK_TEST_MAIN();
