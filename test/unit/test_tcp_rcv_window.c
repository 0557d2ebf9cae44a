/* SPDX-License-Identifier: MIT */
/*
 * test_tcp_rcv_window.c - the advertised window, RFC 9293, 3.8.6. The model is the peer: it
 * computes the right edge from every advertisement, fills what it may, and must never see the edge
 * move left by a whole unit of the scale (RFC 7323, 2.4), nor be invited beyond the memory
 * (RELIABILITY A8-5).
 */
#include "tcp/rcv_window.h"

#include <elko/elko.h>

#include "ek_test.h"

struct bench {
        struct ek_rcv_window w;
        uint8_t scale;
        uint32_t mss, used;
        seq_t rcv_nxt;
        seq_t peer_edge; /* the largest that the peer was ever told */
};

static void start(struct bench *b, uint32_t space, uint8_t scale, uint32_t mss)
{
        b->scale = scale;
        b->mss = mss;
        b->used = 0;
        b->rcv_nxt = seq_make(0xffffff00u);
        b->peer_edge = b->rcv_nxt;
        ek_rcv_window_init(&b->w, space, b->rcv_nxt, 0);
}

static uint32_t unit(const struct bench *b)
{
        return 1u << b->scale;
}

/* Send an ACK; returns the window in it. */
static uint32_t ack(struct bench *b)
{
        struct ek_rcv_adv adv = ek_rcv_window_plan(&b->w, b->rcv_nxt, b->used, b->mss, b->scale);
        seq_t edge = seq_add(b->rcv_nxt, adv.bytes);
        seq_t before = b->w.edge;

        CHECK_EQ(adv.bytes, (uint32_t)adv.field << b->scale);
        CHECK(seq_gt(seq_add(edge, unit(b)), b->peer_edge)); /* less than one unit back */
        ek_rcv_window_on_sent(&b->w, b->rcv_nxt, adv.bytes);
        CHECK(seq_geq(b->w.edge, before));
        CHECK(seq_geq(b->w.edge, edge));
        CHECK(b->used + ek_rcv_window_left(&b->w, b->rcv_nxt) <= b->w.space);
        b->peer_edge = seq_max(b->peer_edge, edge);
        return adv.bytes;
}

static void data(struct bench *b, uint32_t n)
{
        CHECK(n <= ek_rcv_window_left(&b->w, b->rcv_nxt));
        b->rcv_nxt = seq_add(b->rcv_nxt, n);
        b->used += n;
}

static bool take(struct bench *b, uint32_t n)
{
        b->used -= n;
        return ek_rcv_window_wants_update(&b->w, b->rcv_nxt, b->used, b->mss, b->scale);
}

EK_TEST(opens_to_the_whole_buffer)
{
        struct bench b;

        start(&b, 65536, 0, 1460);
        CHECK_EQ(ack(&b), 65535);
        start(&b, 65536, 1, 1460);
        CHECK_EQ(ack(&b), 65536);
        start(&b, 1 << 20, 7, 1460);
        CHECK_EQ(ack(&b), 1 << 20);
}

/* The window closes as data arrives, and opens in steps of at least an MSS (3.8.6.2.2). */
EK_TEST(closes_exactly_and_opens_in_steps)
{
        struct bench b;

        start(&b, 4000, 0, 1000);
        CHECK_EQ(ack(&b), 4000);
        data(&b, 4000);
        CHECK_EQ(ack(&b), 0);
        for (int i = 0; i < 999; i++) {
                CHECK(!take(&b, 1));
                CHECK_EQ(ack(&b), 0);
        }
        CHECK(take(&b, 1));
        CHECK_EQ(ack(&b), 1000);
}

/* min(Fr * RCV.BUFF, Eff.snd.MSS): a buffer smaller than two segments opens by halves. */
EK_TEST(small_buffer_opens_by_half)
{
        struct bench b;

        start(&b, 1000, 0, 1460);
        CHECK_EQ(ack(&b), 1000);
        data(&b, 1000);
        CHECK_EQ(ack(&b), 0);
        CHECK(!take(&b, 499));
        CHECK_EQ(ack(&b), 0);
        CHECK(take(&b, 1));
        CHECK_EQ(ack(&b), 500);
}

/* RELIABILITY A8-2: whatever happened, an empty buffer with a closed window wants an update. */
EK_TEST(a8_2_reading_everything_opens_a_closed_window)
{
        for (uint32_t i = ek_test_rounds(2000); i > 0; i--) {
                struct bench b;
                uint8_t scale = (uint8_t)ek_test_below(12);
                uint32_t space = 2048 + (uint32_t)ek_test_magnitude(21);

                start(&b, space, scale, 48 + ek_test_below(2000));
                while (ack(&b) >= unit(&b))
                        data(&b, ek_rcv_window_left(&b.w, b.rcv_nxt));
                CHECK(take(&b, b.used));
                CHECK(ack(&b) > 0);
        }
}

static void random_step(struct bench *b)
{
        uint32_t left = ek_rcv_window_left(&b->w, b->rcv_nxt);

        switch (ek_test_below(4)) {
        case 0:
        case 1: data(b, (uint32_t)ek_test_magnitude(11) % (left + 1)); break;
        case 2:
                if (take(b, (uint32_t)ek_test_magnitude(12) % (b->used + 1)))
                        ack(b);
                return;
        default: break;
        }
        if (ek_test_below(2) == 0)
                ack(b);
}

/* RELIABILITY A8-5: a random peer and a random reader. [RFC9293 SHLD-14; RFC7323 2.4-2] */
EK_TEST(a8_5_the_edge_never_goes_back)
{
        for (uint32_t i = ek_test_rounds(300); i > 0; i--) {
                struct bench b;

                start(&b, 2048 + (uint32_t)ek_test_magnitude(18), (uint8_t)ek_test_below(12),
                      48 + ek_test_below(1500));
                ack(&b);
                for (int k = 0; k < 500; k++)
                        random_step(&b);
        }
}

/* RELIABILITY A8-3: a reader of single bytes; the peer sends whatever fits at once. On average a
 * segment must be at least half of what it could be. [RFC9293 MUST-39] */
EK_TEST(a8_3_no_silly_windows)
{
        uint32_t segments = 0, bytes = 0;
        struct bench b;

        start(&b, 8192, 2, 1000);
        ack(&b);
        for (int i = 0; i < 100000; i++) {
                uint32_t left = ek_rcv_window_left(&b.w, b.rcv_nxt);

                if (left > 0) {
                        uint32_t n = left < 1000 ? left : 1000;

                        data(&b, n);
                        segments++;
                        bytes += n;
                        ack(&b);
                        continue;
                }
                if (take(&b, 1))
                        ack(&b);
        }
        CHECK(bytes > 50000);
        CHECK(bytes / segments >= 500);
}

/* Growth: twice what the application takes in a round trip; in slow start, when it takes more and more, enough for twice
 * as much in the next one. */
EK_TEST(grows_for_a_fast_reader)
{
        const uint64_t rtt = ELKO_MS(1);
        struct bench b;

        start(&b, 65536, 0, 1460);
        CHECK_EQ(ek_rcv_window_on_taken(&b.w, 9999, rtt, rtt / 2), 0); /* too early to tell */
        CHECK_EQ(ek_rcv_window_on_taken(&b.w, 1, rtt, rtt), 60000);
        CHECK_EQ(ek_rcv_window_on_taken(&b.w, 10000, rtt, 2 * rtt), 20000);
        CHECK_EQ(ek_rcv_window_on_taken(&b.w, 5000, rtt, 3 * rtt), 10000);
        /* doubling: what is taken next, and as much again, which leaves meanwhile */
        for (uint32_t n = 10000, i = 4; i < 10; i++, n *= 2)
                CHECK_EQ(ek_rcv_window_on_taken(&b.w, n, rtt, i * rtt), 4 * n);
        CHECK_EQ(ek_rcv_window_on_taken(&b.w, UINT32_MAX, rtt, 10 * rtt), UINT32_MAX);
        CHECK_EQ(ek_rcv_window_on_taken(&b.w, UINT32_MAX, rtt, 10 * rtt + 1), 0);
        CHECK_EQ(ek_rcv_window_on_taken(&b.w, UINT32_MAX, rtt, 10 * rtt + 2), 0); /* saturates */
        CHECK_EQ(ek_rcv_window_on_taken(&b.w, 1, rtt, 11 * rtt), UINT32_MAX);
        /* microseconds come round */
        CHECK_EQ(ek_rcv_window_on_taken(&b.w, 1, rtt, ELKO_US(UINT32_MAX)), 2);
        CHECK_EQ(ek_rcv_window_on_taken(&b.w, 1, rtt, ELKO_US(UINT32_MAX) + rtt / 2), 0);
        CHECK_EQ(ek_rcv_window_on_taken(&b.w, 1, rtt, ELKO_US(UINT32_MAX) + rtt), 8);
}

EK_TEST_MAIN();
