/* SPDX-License-Identifier: MIT */
/*
 * test_tcp_cookie.c - SYN cookies, RFC 4987, 3.6: what goes in comes out, for one to two minutes,
 * for this tuple and this IRS only; a wrong bit anywhere is noticed (RELIABILITY A3-15).
 */
#include "tcp/cookie.h"
#include "tcp/half_open.h"

#include <elko/types.h>

#include "ek_test.h"

static const struct ek_siphash_key secret = {0x0123456789abcdefu, 0xfedcba9876543210u};

static struct ek_key tuple(uint16_t rport)
{
        struct ek_key key = {.lport = 80, .rport = rport};

        key.local = elko_ip_v4(10, 0, 0, 1);
        key.remote = elko_ip_v4(10, 0, 0, 2);
        return key;
}

EK_TEST(every_mss_comes_back_rounded_down)
{
        struct ek_key key = tuple(1234);
        uint16_t last = 0;

        for (uint32_t mss = 48; mss <= 65535; mss++) {
                seq_t iss = ek_cookie_make(&secret, &key, seq_make(99), (uint16_t)mss, 0);
                struct ek_cookie out = {0};

                CHECK(ek_cookie_check(&secret, &key, seq_make(99), iss, 0, &out));
                CHECK(out.mss <= mss && out.mss >= 48 && out.mss >= last);
                last = out.mss;
        }
        CHECK(last >= 8960);
}

/* The common sizes lose nothing. */
EK_TEST(common_sizes_are_exact)
{
        static const uint16_t sizes[] = {536, 1220, 1440, 1460, 8960};
        struct ek_key key = tuple(1);
        struct ek_cookie out;

        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                seq_t iss = ek_cookie_make(&secret, &key, seq_make(0), sizes[i], ELKO_SEC(7));

                CHECK(ek_cookie_check(&secret, &key, seq_make(0), iss, ELKO_SEC(7), &out));
                CHECK_EQ(out.mss, sizes[i]);
                CHECK_EQ(out.wscale, EK_HALF_OPEN_NO_WSCALE);
                CHECK(!out.sack);
        }
}

/* Any one bit of the cookie, the IRS, the ports. */
EK_TEST(a3_15_wrong_bits)
{
        struct ek_key key = tuple(1000);
        struct ek_cookie out;

        for (int k = 0; k < 50; k++) {
                uint64_t now = ELKO_SEC(k * 17);
                seq_t irs = seq_make((uint32_t)ek_test_rand());
                seq_t iss = ek_cookie_make(&secret, &key, irs, 1460, now);

                for (int bit = 0; bit < 32; bit++) {
                        seq_t bad = seq_make(1u << bit);
                        struct ek_key other = key;

                        CHECK(!ek_cookie_check(&secret, &key, irs, seq_make(iss.v ^ bad.v), now,
                                               &out));
                        CHECK(!ek_cookie_check(&secret, &key, seq_make(irs.v ^ bad.v), iss, now,
                                               &out));
                        other.rport ^= (uint16_t)(1u << bit % 16);
                        CHECK(!ek_cookie_check(&secret, &other, irs, iss, now, &out));
                }
        }
}

static bool valid_at(uint64_t made, uint64_t now)
{
        struct ek_key key = tuple(5);
        struct ek_cookie out;
        seq_t iss = ek_cookie_make(&secret, &key, seq_make(1), 1460, made);

        return ek_cookie_check(&secret, &key, seq_make(1), iss, now, &out);
}

/* At least 60 s, less than 120 s. */
EK_TEST(epochs)
{
        for (uint64_t at = 0; at < 200; at++) {
                for (uint64_t age = 0; age < 400; age++) {
                        bool valid = valid_at(ELKO_SEC(at), ELKO_SEC(at + age));

                        CHECK(age > 60 || valid);
                        CHECK(age < 120 || !valid);
                }
        }
        CHECK(!valid_at(ELKO_SEC(60), ELKO_SEC(10))); /* from the future, clock near zero */
}

EK_TEST(another_secret)
{
        struct ek_siphash_key other = secret;
        struct ek_key key = tuple(5);
        struct ek_cookie out;
        seq_t iss = ek_cookie_make(&secret, &key, seq_make(1), 1460, 0);

        other.k0 ^= 1;
        CHECK(!ek_cookie_check(&other, &key, seq_make(1), iss, 0, &out));
}

/* RELIABILITY A3-15: of random acknowledgements at most 2^-24 are taken; here none of 10^6. */
EK_TEST(a3_15_guessing)
{
        struct ek_key key = tuple(5);
        struct ek_cookie out;

        for (uint32_t i = ek_test_rounds(300000); i > 0; i--)
                CHECK(!ek_cookie_check(&secret, &key, seq_make((uint32_t)ek_test_rand()),
                                       seq_make((uint32_t)ek_test_rand()), ELKO_SEC(100), &out));
}

/* The timestamp carries scale and SACK, never runs ahead of its clock, and never back. */
EK_TEST(options_in_the_timestamp)
{
        static const uint32_t clocks[] = {0, 1, 63, 64, 0x7fffffff, 0x80000000, 0xffffffff};
        struct ek_key key = tuple(5);
        seq_t iss = seq_make(77);

        for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
                for (uint8_t scale = 0; scale <= 15; scale++) {
                        for (int sack = 0; sack < 2; sack++) {
                                struct ek_cookie c = {.wscale = scale, .sack = sack != 0}, out = c;
                                uint32_t ts = ek_cookie_ts(&secret, &key, iss, clocks[i], &c), last;

                                CHECK((int32_t)(ts - clocks[i]) <= 0);
                                CHECK(clocks[i] - ts < 1u << EK_COOKIE_TS_BITS);
                                CHECK(ek_cookie_from_ts(&secret, &key, iss, ts, &out));
                                CHECK_EQ(out.wscale, scale);
                                CHECK_EQ(out.sack, sack != 0);
                                for (uint32_t later = 0; later < 10000; later += 7) {
                                        last = ts;
                                        ts = ek_cookie_ts(&secret, &key, iss, clocks[i] + later,
                                                          &c);
                                        CHECK((int32_t)(ts - last) >= 0);
                                }
                        }
                }
        }
}

/* RFC 7323, 3.2: other echoes, of this connection or not, say nothing of options; one in 128 seems to. */
EK_TEST(other_timestamps_carry_nothing)
{
        struct ek_cookie c = {.wscale = 7, .sack = true}, out;
        struct ek_key key = tuple(5), other = tuple(6);
        uint32_t ts = ek_cookie_ts(&secret, &key, seq_make(1), 1000000, &c), taken = 0;

        for (uint32_t i = 1; i <= 12800; i++)
                taken += ek_cookie_from_ts(&secret, &key, seq_make(1), ts + i, &out);
        CHECK(taken > 60 && taken < 140);
        taken = 0;
        for (uint32_t i = 1; i <= 12800; i++) {
                ts = ek_cookie_ts(&secret, &key, seq_make(i), 1000000, &c);
                taken += ek_cookie_from_ts(&secret, &key, seq_make(i + 1), ts, &out);
                taken += ek_cookie_from_ts(&secret, &other, seq_make(i), ts, &out);
        }
        CHECK(taken > 140 && taken < 260);
}

EK_TEST_MAIN();
