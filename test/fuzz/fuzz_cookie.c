/* SPDX-License-Identifier: MIT */
/*
 * fuzz_cookie (F12): SYN cookies, RFC 4987, 3.6.
 *
 * What was encoded is decoded, in time and not later; a cookie is bound to its tuple, its IRS and its
 * secret; no MSS comes out that is larger than what went in; and a cookie that is one bit off is none.
 */
#include "common/fz.h"

#include "tcp/cookie.h"
#include "tcp/half_open.h"

static void round_trip(const struct ek_siphash_key *secret, const struct ek_key *key, seq_t irs,
                       uint16_t mss, uint64_t now, uint64_t age)
{
        const uint64_t epoch = ELKO_SEC(EK_COOKIE_LIFE_SECONDS);
        seq_t iss = ek_cookie_make(secret, key, irs, mss, now);
        uint64_t later = now > UINT64_MAX - age ? UINT64_MAX : now + age;
        struct ek_cookie c = {.mss = 1};
        bool ok = ek_cookie_check(secret, key, irs, iss, later, &c);
        uint64_t passed = later / epoch - now / epoch;

        /* Good in its own epoch and in the next. */
        if (passed <= 1)
                FZ_REQUIRE(ok);
        if (!ok)
                return;
        FZ_REQUIRE(c.mss >= 48 && (c.mss <= mss || mss < 48));
        FZ_REQUIRE(c.wscale == EK_HALF_OPEN_NO_WSCALE && !c.sack);
}

/* Another tuple, IRS, number or secret: one bit is enough. */
static void other_guess(const struct ek_siphash_key *secret, const struct ek_key *key, seq_t irs,
                        uint16_t mss, uint64_t now, uint8_t which, uint8_t bit)
{
        seq_t iss = ek_cookie_make(secret, key, irs, mss, now);
        struct ek_siphash_key s2 = *secret;
        struct ek_key k2 = *key;
        struct ek_cookie c;

        switch (which & 3) {
        case 0: ((uint8_t *)&k2)[bit % sizeof(k2)] ^= (uint8_t)(1u << (bit & 7)); break;
        case 1: irs.v ^= 1u << (bit & 31); break;
        case 2: iss.v ^= 1u << (bit & 31); break;
        default: ((uint8_t *)&s2)[bit % sizeof(s2)] ^= (uint8_t)(1u << (bit & 7)); break;
        }
        /* A blind guess is right once in 2^28: no fuzzer meets that by chance. But the parity bit alone
         * says which of two epochs it was; with another epoch the digest differs, too. */
        FZ_REQUIRE(!ek_cookie_check(&s2, &k2, irs, iss, now, &c));
}

static void timestamps(const struct ek_siphash_key *secret, const struct ek_key *key, seq_t iss,
                       uint32_t ts, uint8_t wscale, bool sack)
{
        struct ek_cookie c = {.wscale = wscale & 15, .sack = sack};
        uint32_t out = ek_cookie_ts(secret, key, iss, ts, &c);

        /* Never ahead of its clock, never one of its steps behind. */
        FZ_REQUIRE((int32_t)(out - ts) <= 0);
        FZ_REQUIRE(ts - out < 1u << EK_COOKIE_TS_BITS);
        FZ_REQUIRE(ek_cookie_from_ts(secret, key, iss, out, &c));
        FZ_REQUIRE(c.sack == sack);
        FZ_REQUIRE(c.wscale == ((wscale & 15) == 15 ? EK_HALF_OPEN_NO_WSCALE : (wscale & 15)));
        if (ek_cookie_from_ts(secret, key, iss, ts, &c))
                FZ_REQUIRE(c.wscale <= 14 || c.wscale == EK_HALF_OPEN_NO_WSCALE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct fz_in in = {data, size};
        struct ek_siphash_key secret;
        uint8_t bytes[sizeof(struct ek_key)];
        struct ek_key key;
        uint64_t now, age;
        uint16_t mss;
        seq_t irs;

        for (size_t i = 0; i < sizeof(secret); i++)
                ((uint8_t *)&secret)[i] = fz_u8(&in);
        for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = fz_u8(&in);
        memcpy(&key, bytes, sizeof(key));
        irs = seq_make(fz_u32(&in));
        mss = fz_u16(&in);
        now = (uint64_t)fz_u32(&in) << 32 | fz_u32(&in);
        age = (uint64_t)fz_u16(&in) << (fz_u8(&in) % 40);
        round_trip(&secret, &key, irs, mss, now, age);
        other_guess(&secret, &key, irs, mss, now, fz_u8(&in), fz_u8(&in));
        timestamps(&secret, &key, irs, fz_u32(&in), fz_u8(&in), (fz_u8(&in) & 1) != 0);
        fz_steps++;
        return 0;
}

size_t fz_seed(unsigned i, uint8_t *out)
{
        uint64_t rng = i + 3;

        if (i >= 16)
                return 0;
        for (size_t k = 0; k < 96; k++)
                out[k] = (uint8_t)fz_random(&rng);
        return 96;
}
