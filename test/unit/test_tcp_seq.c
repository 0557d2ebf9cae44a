/* SPDX-License-Identifier: MIT */
/*
 * test_tcp_seq.c - sequence arithmetic, RFC 9293, 3.4: every comparison must give the same answer
 * wherever on the circle of 2^32 the numbers stand. The model is plain 64-bit arithmetic on a line;
 * the circle must agree with it for all distances below 2^31.
 */
#include "tcp/seq.h"

#include "ek_test.h"

static const uint32_t places[] = {0,          1,          2,          0x7ffffffe,
                                  0x7fffffff, 0x80000000, 0x80000001, 0xfffffffd,
                                  0xfffffffe, 0xffffffff, 12345};

enum { PLACES = sizeof(places) / sizeof(places[0]) };

/* b lies d after a on the line, |d| < 2^31. */
static void compare(uint32_t a_at, int64_t d)
{
        seq_t a = seq_make(a_at), b = seq_make(a_at + (uint32_t)d);

        CHECK_EQ(seq_lt(a, b), d > 0);
        CHECK_EQ(seq_leq(a, b), d >= 0);
        CHECK_EQ(seq_gt(a, b), d < 0);
        CHECK_EQ(seq_geq(a, b), d <= 0);
        CHECK_EQ(seq_eq(a, b), d == 0);
        CHECK_EQ(seq_max(a, b).v, d > 0 ? b.v : a.v);
        CHECK_EQ(seq_diff(b, a), (uint32_t)d);
        CHECK_EQ(seq_add(a, (uint32_t)d).v, b.v);
}

EK_TEST(compares_around_the_wrap)
{
        static const int64_t dist[] = {0, 1, 2, 1460, 65535, 1 << 30, INT32_MAX - 1, INT32_MAX};

        for (int i = 0; i < PLACES; i++) {
                for (size_t k = 0; k < sizeof(dist) / sizeof(dist[0]); k++) {
                        compare(places[i], dist[k]);
                        compare(places[i], -dist[k]);
                }
        }
}

EK_TEST(compares_like_a_line)
{
        for (uint32_t i = ek_test_rounds(100000); i > 0; i--) {
                int64_t d = (int64_t)ek_test_magnitude(31);

                if (d > INT32_MAX)
                        d = INT32_MAX;
                compare((uint32_t)ek_test_rand(), (ek_test_rand() & 1) != 0 ? d : -d);
        }
}

/* lo =< x < lo + n: exactly n numbers are in, and none when n is 0. */
EK_TEST(windows_around_the_wrap)
{
        for (int i = 0; i < PLACES; i++) {
                seq_t lo = seq_make(places[i]);

                for (uint32_t n = 0; n < 6; n++)
                        for (uint32_t x = 0; x < 12; x++)
                                CHECK_EQ(seq_in(seq_add(lo, x - 3), lo, n), x >= 3 && x - 3 < n);
        }
}

/* Half the circle away nothing is before or after: so such a number is not between a and a, which is where SEG.ACK
 * has to be when nothing is outstanding (RFC 9293, 3.4: SND.UNA < SEG.ACK =< SND.NXT). */
EK_TEST(opposite_points_are_not_ordered)
{
        for (int i = 0; i < PLACES; i++) {
                seq_t a = seq_make(places[i]), b = seq_add(a, 0x80000000u);

                CHECK(!seq_eq(a, b));
                CHECK(!seq_leq(a, b) && !seq_leq(b, a));
                CHECK(!seq_geq(a, b) && !seq_geq(b, a));
        }
}

EK_TEST_MAIN();
