/*
 * siphash.c - SipHash-c-d (J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF",
 * INDOCRYPT 2012).
 *
 * The state is four words. The message is taken in little-endian 64-bit words m, the last of which
 * holds the remaining 0..7 bytes and, in its top byte, the length mod 256. For each word, m is
 * xored into v3, c rounds are run, and m is xored into v0; at the end d rounds mix the state down
 * to 64 bits. Words are put together from bytes, so the result does not depend on the host;
 * compilers make one load of it where that is the same.
 */
#include "base/siphash.h"

struct state {
        uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl(uint64_t x, uint32_t n)
{
        return x << n | x >> (64 - n);
}

static inline uint64_t load_le64(const uint8_t *p)
{
        return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
               (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
               (uint64_t)p[7] << 56;
}

static inline void sip_rounds(struct state *s, uint32_t n)
{
        while (n-- > 0) {
                s->v0 += s->v1;
                s->v2 += s->v3;
                s->v1 = rotl(s->v1, 13) ^ s->v0;
                s->v3 = rotl(s->v3, 16) ^ s->v2;
                s->v0 = rotl(s->v0, 32);
                s->v2 += s->v1;
                s->v0 += s->v3;
                s->v1 = rotl(s->v1, 17) ^ s->v2;
                s->v3 = rotl(s->v3, 21) ^ s->v0;
                s->v2 = rotl(s->v2, 32);
        }
}

static inline void compress(struct state *s, uint64_t m, uint32_t c)
{
        s->v3 ^= m;
        sip_rounds(s, c);
        s->v0 ^= m;
}

/* The last word of a message of n bytes, of which n % 8 are left at `p`. */
static inline uint64_t last_word(const uint8_t *p, size_t n)
{
        uint64_t m = (uint64_t)(n & 0xff) << 56;
        uint32_t i;

        for (i = 0; i < n % 8; i++)
                m |= (uint64_t)p[i] << (8 * i);
        return m;
}

static inline uint64_t siphash(const struct ek_siphash_key *key, const uint8_t *p, size_t n,
                               uint32_t c, uint32_t d)
{
        struct state s = {
                /* "somepseudorandomlygeneratedbytes" */
                .v0 = key->k0 ^ UINT64_C(0x736f6d6570736575),
                .v1 = key->k1 ^ UINT64_C(0x646f72616e646f6d),
                .v2 = key->k0 ^ UINT64_C(0x6c7967656e657261),
                .v3 = key->k1 ^ UINT64_C(0x7465646279746573),
        };
        size_t words;

        for (words = n / 8; words > 0; words--, p += 8) {
                EK_WORK(1);
                compress(&s, load_le64(p), c);
        }
        compress(&s, last_word(p, n), c);
        s.v2 ^= 0xff;
        sip_rounds(&s, d);
        return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

struct ek_siphash_key ek_siphash_key(const uint8_t bytes[16])
{
        return (struct ek_siphash_key){load_le64(bytes), load_le64(bytes + 8)};
}

uint64_t ek_siphash24(const struct ek_siphash_key *key, const void *data, size_t n)
{
        return siphash(key, data, n, 2, 4);
}

uint64_t ek_siphash13(const struct ek_siphash_key *key, const void *data, size_t n)
{
        return siphash(key, data, n, 1, 3);
}
