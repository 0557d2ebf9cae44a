/* test_base_bits.c - powers of two and logarithms, against loops that count. */
#include "base/bits.h"

#include "ek_test.h"

static uint32_t slow_log2_floor(uint64_t x)
{
        uint32_t n = 0;

        while (x >>= 1)
                n++;
        return n;
}

static void check_64(uint64_t x)
{
        uint32_t floor = slow_log2_floor(x);
        bool pow2 = x == UINT64_C(1) << floor;
        uint32_t ceil = floor + !pow2;

        CHECK_EQ(ek_is_pow2(x), pow2);
        CHECK_EQ(ek_log2_floor64(x), floor);
        CHECK_EQ(ek_log2_ceil64(x), ceil);
        CHECK_EQ(ek_floor_pow2_u64(x), UINT64_C(1) << floor);
        CHECK_EQ(ek_ceil_pow2_u64(x), ceil > 63 ? 0 : UINT64_C(1) << ceil);
        CHECK((x >> ek_ctz64(x) & 1) == 1 && x << (63 - ek_ctz64(x)) << 1 == 0);
}

static void check_32(uint32_t x)
{
        uint32_t floor = slow_log2_floor(x);
        uint32_t ceil = floor + !(x == UINT32_C(1) << floor);

        CHECK_EQ(ek_log2_floor32(x), floor);
        CHECK_EQ(ek_log2_ceil32(x), ceil);
        CHECK_EQ(ek_floor_pow2_u32(x), UINT32_C(1) << floor);
        CHECK_EQ(ek_ceil_pow2_u32(x), ceil > 31 ? 0 : UINT32_C(1) << ceil);
        CHECK_EQ(ek_ctz32(x), ek_ctz64(x));
}

EK_TEST(zero_is_no_power_of_two)
{
        CHECK(!ek_is_pow2(0));
        CHECK_EQ(ek_ceil_pow2_u32(0), 1);
        CHECK_EQ(ek_ceil_pow2_u64(0), 1);
        CHECK_EQ(ek_floor_pow2_u32(0), 0);
        CHECK_EQ(ek_floor_pow2_u64(0), 0);
}

EK_TEST(around_every_power_of_two)
{
        uint32_t k;

        for (k = 0; k < 64; k++) {
                uint64_t x = UINT64_C(1) << k;

                check_64(x);
                check_64(x + 1 == 0 ? x : x + 1);
                check_64(x - 1 == 0 ? x : x - 1);
                if (k < 32) {
                        check_32((uint32_t)x);
                        check_32((uint32_t)x + 1 == 0 ? 1 : (uint32_t)x + 1);
                        check_32((uint32_t)x - 1 == 0 ? 1 : (uint32_t)x - 1);
                }
        }
        check_64(UINT64_MAX);
        check_32(UINT32_MAX);
}

EK_TEST(random_numbers)
{
        uint32_t i;

        for (i = 0; i < ek_test_rounds(200000); i++) {
                check_64(ek_test_magnitude(64) | 1);
                check_64(ek_test_magnitude(63) << 1 | UINT64_C(1) << 63);
                check_32((uint32_t)ek_test_magnitude(31) + 1);
        }
}

EK_TEST_MAIN();
