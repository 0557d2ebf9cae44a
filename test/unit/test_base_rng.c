/* test_base_rng.c - the random stream: known values, independence of streams, no bias. */
#include "base/rng.h"

#include "ek_test.h"

static const uint8_t seed[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

EK_TEST(draws_are_siphash_of_stream_and_counter)
{
        const uint8_t input[16] = {0x34, 0x12, 0, 0, 0, 0, 0, 0, 2};
        struct ek_siphash_key key = ek_siphash_key(seed);
        struct ek_rng r;

        ek_rng_init(&r, seed, 0x1234);
        ek_rng_u64(&r);
        ek_rng_u64(&r);
        CHECK_EQ(ek_rng_u64(&r), ek_siphash24(&key, input, 16));
        CHECK_EQ(r.counter, 3);
}

EK_TEST(same_seed_same_numbers)
{
        uint8_t other[16];
        struct ek_rng a, b, c, d;
        uint32_t i;

        memcpy(other, seed, 16);
        other[15] ^= 0x80;
        ek_rng_init(&a, seed, 1);
        ek_rng_init(&b, seed, 1);
        ek_rng_init(&c, seed, 2);
        ek_rng_init(&d, other, 1);
        for (i = 0; i < 1000; i++) {
                uint64_t x = ek_rng_u64(&a);

                CHECK_EQ(ek_rng_u64(&b), x);
                CHECK(ek_rng_u64(&c) != x);
                CHECK(ek_rng_u64(&d) != x);
        }
}

EK_TEST(below_is_in_range_and_unbiased)
{
        uint32_t count[6] = {0}, i;
        struct ek_rng r;

        ek_rng_init(&r, seed, ek_test_rand());
        CHECK_EQ(ek_rng_below(&r, 1), 0);
        for (i = 0; i < 60000; i++)
                count[ek_rng_below(&r, 6)]++;
        for (i = 0; i < 6; i++)
                CHECK(count[i] > 9400 && count[i] < 10600);
        for (i = 0; i < ek_test_rounds(100000); i++) {
                uint64_t n = ek_test_magnitude(64) | 1;

                CHECK(ek_rng_below(&r, n) < n);
        }
        CHECK(ek_rng_below(&r, UINT64_MAX) < UINT64_MAX);
        CHECK(ek_rng_below(&r, UINT64_C(1) << 63) < UINT64_C(1) << 63);
        CHECK_TRAPS(ek_rng_below(&r, 0));
}

EK_TEST(every_bit_is_fair)
{
        uint32_t ones[64] = {0}, i, k;
        struct ek_rng r;

        ek_rng_init(&r, seed, ek_test_rand());
        for (i = 0; i < 20000; i++) {
                uint64_t x = ek_rng_u64(&r);

                for (k = 0; k < 64; k++)
                        ones[k] += (uint32_t)(x >> k) & 1;
        }
        for (k = 0; k < 64; k++)
                CHECK(ones[k] > 9600 && ones[k] < 10400);
}

EK_TEST(fill_writes_the_words_in_order)
{
        struct ek_rng a, b;
        uint8_t buf[40], want[40];
        uint32_t n, i;

        for (n = 0; n <= 32; n++) {
                ek_rng_init(&a, seed, n);
                ek_rng_init(&b, seed, n);
                memset(buf, 0xee, sizeof(buf));
                ek_rng_fill(&a, buf, n);
                for (i = 0; i < (n + 7) / 8 * 8; i += 8) {
                        uint64_t x = ek_rng_u64(&b);
                        uint32_t k;

                        for (k = 0; k < 8; k++)
                                want[i + k] = (uint8_t)(x >> (8 * k));
                }
                CHECK_MEM_EQ(buf, want, n);
                CHECK_EQ(buf[n], 0xee);
                CHECK_EQ(a.counter, b.counter);
        }
        ek_rng_init(&a, seed, 7);
        CHECK_EQ(ek_rng_u32(&a), (ek_rng_init(&b, seed, 7), ek_rng_u64(&b)) >> 32);
}

EK_TEST_MAIN();
