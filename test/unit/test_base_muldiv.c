/* SPDX-License-Identifier: MIT */
/*
 * test_base_muldiv.c - products over quotients against arithmetic with 128 bits by hand, and cube roots against their
 * definition.
 */
#include "base/muldiv.h"

#include "ek_test.h"

struct wide {
        uint64_t hi, lo;
};

static struct wide product(uint64_t a, uint64_t b)
{
        uint64_t al = (uint32_t)a, ah = a >> 32, bl = (uint32_t)b, bh = b >> 32;
        uint64_t low = al * bl, mid = ah * bl + (low >> 32), mid2 = al * bh + (uint32_t)mid;

        return (struct wide){ah * bh + (mid >> 32) + (mid2 >> 32), mid2 << 32 | (uint32_t)low};
}

/* a * b / c, bit by bit; UINT64_MAX when it does not fit. */
static uint64_t exact(uint64_t a, uint64_t b, uint64_t c)
{
        struct wide p = product(a, b);
        uint64_t rest = p.hi, q = 0;

        if (p.hi >= c)
                return UINT64_MAX;
        for (int i = 63; i >= 0; i--) {
                bool over = rest >> 63 != 0;

                rest = rest << 1 | (p.lo >> i & 1);
                q <<= 1;
                if (over || rest >= c) {
                        rest -= c;
                        q |= 1;
                }
        }
        return q;
}

static void check(uint64_t a, uint64_t b, uint64_t c)
{
        uint64_t got = ek_mul_div(a, b, c), want = exact(a, b, c);
        uint64_t less = a < b ? a : b, off = got > want ? got - want : want - got;
        bool sure = product(a, b).hi == 0 || product(less, c).hi == 0;

        if (got != ek_mul_div(b, a, c))
                ek_test_fail(__FILE__, __LINE__, "%llu * %llu / %llu depends on the order",
                             (unsigned long long)a, (unsigned long long)b, (unsigned long long)c);
        if (sure ? off != 0 : less >> 42 == 0 && off > (want >> 20) + 1)
                ek_test_fail(__FILE__, __LINE__, "%llu * %llu / %llu is %llu, not %llu",
                             (unsigned long long)a, (unsigned long long)b, (unsigned long long)c,
                             (unsigned long long)want, (unsigned long long)got);
}

EK_TEST(products_over_quotients)
{
        static const uint64_t edge[] = {0,          1,          2,          3,
                                        1000000000, UINT32_MAX, 1ull << 32, (1ull << 42) - 1,
                                        1ull << 63, UINT64_MAX};
        enum { N = sizeof(edge) / sizeof(edge[0]) };

        for (unsigned i = 0; i < N; i++)
                for (unsigned j = 0; j < N; j++)
                        for (unsigned k = 1; k < N; k++)
                                check(edge[i], edge[j], edge[k]);
        for (uint32_t i = ek_test_rounds(300000); i > 0; i--)
                check(ek_test_magnitude(64), ek_test_magnitude(64), 1 + ek_test_magnitude(63));
}

EK_TEST(sums_and_products_that_do_not_fit)
{
        CHECK_EQ(ek_mul_sat(1ull << 32, 1ull << 32), UINT64_MAX);
        CHECK_EQ(ek_mul_sat(1ull << 32, (1ull << 32) - 1), ((1ull << 32) - 1) << 32);
        CHECK_EQ(ek_mul_sat(UINT64_MAX, 0), 0);
        CHECK_EQ(ek_add_sat(UINT64_MAX, 1), UINT64_MAX);
        CHECK_EQ(ek_add_sat(UINT64_MAX - 1, 1), UINT64_MAX);
        CHECK_EQ(ek_add_sat(1, 2), 3);
        CHECK_EQ(ek_clamp_u32(1ull << 32), UINT32_MAX);
        CHECK_EQ(ek_clamp_u32(77), 77);
}

EK_TEST(cube_roots)
{
        for (uint32_t i = ek_test_rounds(100000); i > 0; i--) {
                uint64_t x = ek_test_magnitude(64), y = ek_cbrt(x);

                CHECK(y * y * y <= x);
                CHECK(product((y + 1) * (y + 1), y + 1).hi != 0 || (y + 1) * (y + 1) * (y + 1) > x);
        }
        CHECK_EQ(ek_cbrt(0), 0);
        CHECK_EQ(ek_cbrt(26), 2);
        CHECK_EQ(ek_cbrt(27), 3);
        CHECK_EQ(ek_cbrt(UINT64_MAX), 2642245);
}

EK_TEST_MAIN();
