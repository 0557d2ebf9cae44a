/*
 * Checksums against a naive model: 16-bit words, one at a time, as RFC 1071 section 4.1 has it.
 */
#include "wire/csum.h"

#include "wire/addr.h"

#include "../support/ek_test.h"

static uint32_t naive_sum(const uint8_t *p, size_t n, uint32_t sum)
{
        for (size_t i = 0; i < n; i++) {
                sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
                sum = (sum & 0xffff) + (sum >> 16);
        }
        return sum;
}

static uint16_t naive(const uint8_t *p, size_t n)
{
        return (uint16_t)~naive_sum(p, n, 0);
}

EK_TEST(every_length_and_alignment)
{
        uint8_t buf[320];

        for (size_t i = 0; i < sizeof(buf); i++)
                buf[i] = (uint8_t)ek_test_rand();
        for (size_t n = 0; n <= 300; n++)
                for (size_t at = 0; at < 16; at++)
                        CHECK_EQ(ek_csum_fold(ek_csum_add(0, buf + at, n)), naive(buf + at, n));
}

/* 0xffff everywhere makes every addition wrap. */
EK_TEST(all_ones_and_all_zeros)
{
        static uint8_t buf[70000];

        memset(buf, 0xff, sizeof(buf));
        for (size_t n = 0; n <= 300; n++)
                CHECK_EQ(ek_csum_fold(ek_csum_add(0, buf, n)), naive(buf, n));
        CHECK_EQ(ek_csum_fold(ek_csum_add(0, buf, 65535)), naive(buf, 65535));
        memset(buf, 0, sizeof(buf));
        CHECK_EQ(ek_csum_fold(ek_csum_add(0, buf, 65534)), 0xffff);
        CHECK_EQ(ek_csum_fold(0), 0xffff);
}

EK_TEST(split_anywhere_in_two)
{
        uint8_t buf[300];
        struct ek_csum c;

        for (size_t i = 0; i < sizeof(buf); i++)
                buf[i] = (uint8_t)ek_test_rand();
        for (size_t n = 0; n <= sizeof(buf); n++) {
                for (size_t at = 0; at <= n; at++) {
                        c = ek_csum_start(0);
                        ek_csum_append(&c, buf, at);
                        ek_csum_append(&c, buf + at, n - at);
                        CHECK_EQ(ek_csum_fold(c.acc), naive(buf, n));
                }
        }
}

EK_TEST(split_into_many)
{
        uint8_t buf[1600];
        struct ek_csum c;
        size_t at, piece, n;

        for (size_t i = 0; i < sizeof(buf); i++)
                buf[i] = (uint8_t)ek_test_rand();
        for (int round = 0; round < 2000; round++) {
                n = ek_test_rand() % sizeof(buf);
                c = ek_csum_start(0);
                for (at = 0; at < n; at += piece) {
                        piece = ek_test_rand() % 200;
                        if (piece > n - at)
                                piece = n - at;
                        ek_csum_append(&c, buf + at, piece);
                }
                CHECK_EQ(ek_csum_fold(c.acc), naive(buf, n));
        }
}

EK_TEST(carries_survive_a_full_accumulator)
{
        uint8_t buf[64];
        uint16_t want;

        memset(buf, 0xff, sizeof(buf));
        want = ek_csum_fold(ek_csum_add(0, buf, sizeof(buf)));
        /* UINT64_MAX is 0 modulo 2^16 - 1: it must not change the result. */
        CHECK_EQ(ek_csum_fold(ek_csum_add(UINT64_MAX, buf, sizeof(buf))), want);
        CHECK_EQ(ek_csum_fold(ek_csum_add_odd(UINT64_MAX, buf, 3)),
                 ek_csum_fold(ek_csum_add_odd(0, buf, 3)));
}

/* RFC 1071, 3: the example's sum is ddf2. */
EK_TEST(rfc1071_example)
{
        static const uint8_t example[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

        CHECK_EQ(ek_csum_fold(ek_csum_add(0, example, sizeof(example))), (uint16_t)~0xddf2);
}

EK_TEST(pseudo_header_v4)
{
        elko_ip src = elko_ip_v4(192, 0, 2, 1), dst = elko_ip_v4(198, 51, 100, 255);
        const uint8_t want[] = {192, 0, 2, 1, 198, 51, 100, 255, 0, 6, 0x12, 0x34};

        CHECK_EQ(ek_csum_fold(ek_csum_pseudo(&src, &dst, 6, 0x1234)), naive(want, sizeof(want)));
}

EK_TEST(pseudo_header_v6_ignores_scope)
{
        uint8_t want[40] = {0};
        elko_ip src, dst;

        CHECK(elko_ip_parse("fe80::1:2", &src));
        CHECK(elko_ip_parse("2001:db8::ffff", &dst));
        memcpy(want, src.b, 16);
        memcpy(want + 16, dst.b, 16);
        ek_put32be(want + 32, 70000);
        want[39] = 58;
        CHECK_EQ(ek_csum_fold(ek_csum_pseudo(&src, &dst, 58, 70000)), naive(want, 40));
        ek_put16be(src.b + 2, 7); /* an embedded link number */
        CHECK_EQ(ek_csum_fold(ek_csum_pseudo(&src, &dst, 58, 70000)), naive(want, 40));
}

/* RFC 1624: the corner is a sum of 0. */
EK_TEST(incremental_update)
{
        uint8_t buf[20];

        for (int round = 0; round < 20000; round++) {
                uint16_t csum, old_word, new_word;
                size_t at = ek_test_rand() % 10 * 2;

                for (size_t i = 0; i < sizeof(buf); i++)
                        buf[i] = ek_test_rand() % 3 == 0 ? 0xff : (uint8_t)ek_test_rand();
                csum = naive(buf, sizeof(buf));
                old_word = ek_get16be(buf + at);
                new_word = ek_test_rand() % 4 == 0 ? 0xffff : (uint16_t)ek_test_rand();
                ek_put16be(buf + at, new_word);
                CHECK_EQ(ek_csum_update16(csum, old_word, new_word), naive(buf, sizeof(buf)));
        }
        /* RFC 1624, 4: DD2F, 5555 -> 3285 gives 0000. */
        CHECK_EQ(ek_csum_update16(0xdd2f, 0x5555, 0x3285), 0x0000);
}

EK_TEST_MAIN();
