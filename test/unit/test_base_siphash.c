/* test_base_siphash.c - SipHash against the reference vectors, at every alignment. */
#include "base/siphash.h"

#include "ek_test.h"

/* SipHash-2-4 of 00 01 02 ... (0 to 63 bytes), key 00 01 ... 0f: the authors' vectors_sip64. */
static const uint64_t sip24[] = {
        0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
        0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137,
        0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
        0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee, 0xa129ca6149be45e5,
        0x3f2acc7f57c29bdb, 0x699ae9f52cbe4794, 0x4bc1b3f0968dd39c, 0xbb6dc91da77961bd,
        0xbed65cf21aa2ee98, 0xd0f2cbb02e3b67c7, 0x93536795e3a33e88, 0xa80c038ccd5ccec8,
        0xb8ad50c6f649af94, 0xbce192de8a85b8ea, 0x17d835b85bbb15f3, 0x2f2e6163076bcfad,
        0xde4daaaca71dc9a5, 0xa6a2506687956571, 0xad87a3535c49ef28, 0x32d892fad841c342,
        0x7127512f72f27cce, 0xa7f32346f95978e3, 0x12e0b01abb051238, 0x15e034d40fa197ae,
        0x314dffbe0815a3b4, 0x027990f029623981, 0xcadcd4e59ef40c4d, 0x9abfd8766a33735c,
        0x0e3ea96b5304a7d0, 0xad0c42d6fc585992, 0x187306c89bc215a9, 0xd4a60abcf3792b95,
        0xf935451de4f21df2, 0xa9538f0419755787, 0xdb9acddff56ca510, 0xd06c98cd5c0975eb,
        0xe612a3cb9ecba951, 0xc766e62cfcadaf96, 0xee64435a9752fe72, 0xa192d576b245165a,
        0x0a8787bf8ecb74b2, 0x81b3e73d20b49b6f, 0x7fa8220ba3b2ecea, 0x245731c13ca42499,
        0xb78dbfaf3a8d83bd, 0xea1ad565322a1a0b, 0x60e61c23a3795013, 0x6606d7e446282b93,
        0x6ca4ecb15c5f91e1, 0x9f626da15c9625f3, 0xe51b38608ef25f57, 0x958a324ceb064572,
};

/* SipHash-1-3 of 00 01 02 ..., key 0: hash() of CPython 3.11 with PYTHONHASHSEED=0. */
static const uint32_t sip13_bytes[] = {1, 7, 8, 9, 15, 16, 31, 32, 63};
static const uint64_t sip13_zero_key[] = {
        0x68a914128e01e473, 0x2f098ab0c751325a, 0xead411e67ebe2eea,
        0x75927f9d95124362, 0xf30eb725bb91c9ea, 0x8972188433a5c5b7,
        0x169739443111d49b, 0x31ef8061c910629b, 0x385d3e39e5f37359,
};

static void count_up(uint8_t *p, uint32_t n)
{
        uint32_t i;

        for (i = 0; i < n; i++)
                p[i] = (uint8_t)i;
}

EK_TEST(key_bytes_are_little_endian)
{
        uint8_t bytes[16];
        struct ek_siphash_key key;

        count_up(bytes, 16);
        key = ek_siphash_key(bytes);
        CHECK_EQ(key.k0, UINT64_C(0x0706050403020100));
        CHECK_EQ(key.k1, UINT64_C(0x0f0e0d0c0b0a0908));
}

EK_TEST(reference_vectors_2_4)
{
        uint8_t buf[64 + 8], bytes[16];
        struct ek_siphash_key key;
        uint32_t n, skew;

        count_up(bytes, 16);
        key = ek_siphash_key(bytes);
        CHECK_EQ(ek_siphash24(&key, NULL, 0), UINT64_C(0x726fdb47dd0e0e31));
        for (skew = 0; skew < 8; skew++) {
                count_up(buf + skew, 64);
                for (n = 0; n < 64; n++)
                        CHECK_EQ(ek_siphash24(&key, buf + skew, n), sip24[n]);
        }
}

EK_TEST(reference_vectors_1_3)
{
        struct ek_siphash_key key = {0, 0};
        uint8_t buf[64];
        uint32_t i;

        count_up(buf, 64);
        for (i = 0; i < sizeof(sip13_bytes) / sizeof(sip13_bytes[0]); i++)
                CHECK_EQ(ek_siphash13(&key, buf, sip13_bytes[i]), sip13_zero_key[i]);
}

EK_TEST(every_bit_matters)
{
        struct ek_siphash_key key = {ek_test_rand(), ek_test_rand()};
        uint8_t buf[40] = {0};
        uint64_t h24 = ek_siphash24(&key, buf, 40), h13 = ek_siphash13(&key, buf, 40);
        uint32_t bit;

        for (bit = 0; bit < 320; bit++) {
                buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
                CHECK(ek_siphash24(&key, buf, 40) != h24);
                CHECK(ek_siphash13(&key, buf, 40) != h13);
                buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        CHECK(ek_siphash24(&key, buf, 39) != h24);
        key.k1 ^= 1;
        CHECK(ek_siphash24(&key, buf, 40) != h24);
}

EK_TEST_MAIN();
