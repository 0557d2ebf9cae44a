/* SPDX-License-Identifier: MIT */
/*
 * test_tcp_rate.c - delivery rate samples (draft-ietf-ccwg-bbr, "Delivery Rate Samples"), worked by
 * hand: the ACK rate, the cap by the send rate, application-limited phases, and what gives no sample.
 */
#include "tcp/rate.h"

#include <elko/types.h>

#include "ek_test.h"

enum { SEG = 1000 };

struct tx {
        uint32_t tag[EK_RATE_TAG_WORDS];
        uint64_t at;
};

static struct tx sent(struct ek_rate *r, uint32_t pipe, uint64_t at)
{
        struct tx p = {.at = at};

        ek_rate_on_send(r, pipe, SEG, at, p.tag);
        return p;
}

static struct ek_rate_sample acked(struct ek_rate *r, const struct tx *p, uint32_t bytes,
                                   uint64_t min_rtt, uint64_t at)
{
        struct ek_rate_acked a = {.tag = p->tag, .sent_at = p->at, .bytes = bytes};

        return ek_rate_on_ack(r, &a, min_rtt, at);
}

/* Ten segments at once, one ACK 100 ms later: 10 segments in 100 ms. */
EK_TEST(one_flight)
{
        struct ek_rate r = {0};
        struct ek_rate_sample s;
        struct tx p;

        for (uint32_t i = 0; i < 10; i++)
                p = sent(&r, i * SEG, ELKO_SEC(1));
        s = acked(&r, &p, 10 * SEG, ELKO_MS(100), ELKO_MS(1100));
        CHECK_EQ(s.delivered, 10 * SEG);
        CHECK_EQ(s.interval_ns, ELKO_MS(100));
        CHECK_EQ(s.bytes_per_s, 100000);
        CHECK(!s.app_limited);
}

/* "P.delivered_time": P left 20 ms after the ACK before it; the interval begins at that ACK, or the
 * rate would be too high. */
EK_TEST(the_interval_begins_at_the_ack_before)
{
        struct ek_rate r = {0};
        struct tx a = sent(&r, 0, ELKO_MS(100)), b = sent(&r, SEG, ELKO_MS(100)), c;
        struct ek_rate_sample s;

        acked(&r, &a, SEG, 0, ELKO_MS(200));
        c = sent(&r, SEG, ELKO_MS(220));
        s = acked(&r, &b, SEG, 0, ELKO_MS(240));
        CHECK_EQ(s.interval_ns, ELKO_MS(140)); /* b left when nothing was delivered: at 100 */
        CHECK_EQ(s.delivered, 2 * SEG);
        s = acked(&r, &c, SEG, 0, ELKO_MS(320));
        CHECK_EQ(s.interval_ns, ELKO_MS(120)); /* 320 - 200, not 320 - 220 */
        CHECK_EQ(s.delivered, 2 * SEG);        /* b and c */
}

/* "Compression": ten segments sent over 90 ms, and their ACKs come in one clump 1 ms later. The send
 * rate caps the sample: 90 ms, not the time since the last ACK. */
EK_TEST(capped_by_the_send_rate)
{
        struct ek_rate r = {0};
        struct ek_rate_sample s = {0};
        struct tx p[20];

        for (uint32_t i = 0; i < 20; i++)
                p[i] = sent(&r, i * SEG, ELKO_MS(100 + 10 * i));
        /* the first one moves the flight's beginning to itself, and "delivered" to 300 */
        acked(&r, &p[0], SEG, 0, ELKO_MS(300));
        CHECK_EQ(r.first_sent_at, ELKO_MS(100));
        p[0] = sent(&r, 19 * SEG, ELKO_MS(301));
        s = acked(&r, &p[0], SEG, 0, ELKO_MS(302));
        CHECK_EQ(s.interval_ns, ELKO_MS(201)); /* 301 - 100, and not 302 - 300 */
}

/* A transmission into an empty network begins anew: silence is no part of the interval. */
EK_TEST(silence_does_not_count)
{
        struct ek_rate r = {0};
        struct tx p = sent(&r, 0, ELKO_MS(1));
        struct ek_rate_sample s;

        acked(&r, &p, SEG, 0, ELKO_MS(11));
        p = sent(&r, 0, ELKO_SEC(100));
        s = acked(&r, &p, SEG, 0, ELKO_SEC(100) + ELKO_MS(10));
        CHECK_EQ(s.interval_ns, ELKO_MS(10));
        CHECK_EQ(s.bytes_per_s, 100 * SEG);
}

/* The bubble: samples of what is sent after the application ran dry, until all that was in the
 * network then, and one more, is delivered. */
EK_TEST(app_limited_until_the_bubble_has_left)
{
        struct ek_rate r = {0};
        struct tx a = sent(&r, 0, 1000), b, c, d;

        ek_rate_on_app_limited(&r, SEG);
        b = sent(&r, SEG, 2000);
        CHECK(!acked(&r, &a, SEG, 0, 11000).app_limited); /* it left before */
        c = sent(&r, SEG, 12000);
        CHECK(acked(&r, &b, SEG, 0, 22000).app_limited); /* delivered: 2 > 1 */
        d = sent(&r, SEG, 23000);
        CHECK(acked(&r, &c, SEG, 0, 32000).app_limited);
        CHECK(!acked(&r, &d, SEG, 0, 42000).app_limited);
}

/* With nothing delivered and nothing in flight there still is a mark. */
EK_TEST(app_limited_at_the_very_beginning)
{
        struct ek_rate r = {0};
        struct tx p;

        ek_rate_on_app_limited(&r, 0);
        p = sent(&r, 0, 1000);
        CHECK(acked(&r, &p, SEG, 0, 2000).app_limited);
        CHECK_EQ(r.app_limited, 0);
}

/* "P.tx_in_flight" includes P, "RS.lost" counts from when P left, and P.delivered comes back whole: all of it
 * also of a transmission that was declared lost. */
EK_TEST(what_was_in_flight_and_what_was_lost)
{
        struct ek_rate r = {.delivered = 5ull << 32, .lost = UINT32_MAX - SEG + 1};
        struct tx a = sent(&r, 0, ELKO_MS(1)), b;
        struct ek_rate_sample s;

        r.lost += 2 * SEG; /* beyond 2^32 */
        b = sent(&r, SEG, ELKO_MS(2));
        s = acked(&r, &a, SEG, 0, ELKO_MS(11));
        CHECK(s.valid);
        CHECK_EQ(s.tx_in_flight, SEG);
        CHECK_EQ(s.lost, 2 * SEG);
        CHECK_EQ(s.prior_delivered, 5ull << 32);
        r.lost += SEG;
        s = ek_rate_on_lost(&r, b.tag);
        CHECK_EQ(s.tx_in_flight, 2 * SEG);
        CHECK_EQ(s.lost, SEG);
        CHECK_EQ(s.bytes_per_s, 0);
        CHECK_EQ(s.prior_delivered, 5ull << 32);
}

/* A lower sample that the application limited says nothing; a higher one does. */
EK_TEST(which_samples_count)
{
        struct ek_rate_sample s = {.bytes_per_s = 500, .app_limited = true};

        CHECK(!ek_rate_counts(&s, 501));
        CHECK(ek_rate_counts(&s, 500));
        s.app_limited = false;
        CHECK(ek_rate_counts(&s, 501));
        s.bytes_per_s = 0;
        CHECK(!ek_rate_counts(&s, 0));
}

/* "if (RS.interval < C.min_rtt) return": no reliable sample. */
EK_TEST(shorter_than_a_round_trip)
{
        struct ek_rate r = {0};
        struct tx p = sent(&r, 0, ELKO_MS(100));

        CHECK_EQ(acked(&r, &p, SEG, ELKO_MS(50), ELKO_MS(149)).bytes_per_s, 0);
        p = sent(&r, 0, ELKO_MS(200));
        CHECK_EQ(acked(&r, &p, SEG, ELKO_MS(50), ELKO_MS(250)).bytes_per_s, 20 * SEG);
        p = sent(&r, 0, ELKO_MS(300));
        CHECK_EQ(acked(&r, &p, SEG, 0, ELKO_MS(300)).bytes_per_s, 0); /* no time at all */
}

/* A span that does not fit in the tag gives no sample rather than a wrong one. */
EK_TEST(very_long_spans)
{
        struct ek_rate r = {0};
        struct tx a = sent(&r, 0, ELKO_SEC(1)), b, c;

        b = sent(&r, SEG, ELKO_SEC(130)); /* fits: 129 s */
        c = sent(&r, 2 * SEG, ELKO_SEC(140));
        CHECK(acked(&r, &a, SEG, 0, ELKO_SEC(141)).bytes_per_s != 0);
        CHECK(acked(&r, &b, SEG, 0, ELKO_SEC(142)).bytes_per_s != 0);
        CHECK_EQ(acked(&r, &c, SEG, 0, ELKO_SEC(143)).bytes_per_s, 0);
}

/* A segment that is acknowledged in part delivers bytes, and gives no sample. */
EK_TEST(partial)
{
        struct ek_rate r = {0};
        struct tx p = sent(&r, 0, ELKO_MS(100));
        struct ek_rate_acked part = {.bytes = SEG / 2};

        CHECK_EQ(ek_rate_on_ack(&r, &part, 0, ELKO_MS(110)).bytes_per_s, 0);
        CHECK_EQ(r.delivered, SEG / 2);
        CHECK_EQ(acked(&r, &p, SEG / 2, 0, ELKO_MS(120)).delivered, SEG);
}

/* `delivered` in the tag wraps at 2^32; the difference does not care. */
EK_TEST(beyond_four_gigabytes)
{
        struct ek_rate r = {.delivered = 0xffffff00u};
        struct tx p = sent(&r, 0, ELKO_MS(100));

        CHECK_EQ(acked(&r, &p, 0x40000000u, 0, ELKO_MS(1100)).bytes_per_s, 0x40000000u);
}

EK_TEST_MAIN();
