/*
 * rng.c - SipHash-2-4 in counter mode.
 *
 * Draw number i of stream s is SipHash-2-4(seed, s || i), both as 64-bit little-endian words.
 * SipHash is a pseudorandom function: without the seed, its values for distinct inputs can't be
 * told from independent random numbers. The state is just a counter, so a stream can be stored and
 * replayed.
 */
#include "base/rng.h"

#include "base/bits.h"

static void store_le64(uint8_t *p, uint64_t v)
{
        uint32_t i;

        for (i = 0; i < 8; i++)
                p[i] = (uint8_t)(v >> (8 * i));
}

void ek_rng_init(struct ek_rng *r, const uint8_t seed[16], uint64_t stream)
{
        r->key = ek_siphash_key(seed);
        r->stream = stream;
        r->counter = 0;
}

uint64_t ek_rng_u64(struct ek_rng *r)
{
        uint8_t input[16];

        store_le64(input, r->stream);
        store_le64(input + 8, r->counter++);
        return ek_siphash24(&r->key, input, sizeof(input));
}

uint32_t ek_rng_u32(struct ek_rng *r)
{
        return (uint32_t)(ek_rng_u64(r) >> 32);
}

/*
 * Draws from the smallest power of two that is enough, until the number is below n. That is more
 * than every other time, and takes neither a division nor a 128-bit product.
 */
uint64_t ek_rng_below(struct ek_rng *r, uint64_t n)
{
        uint64_t mask, x;

        EK_ASSERT(n > 0);
        mask = n == 1 ? 0 : UINT64_MAX >> (63 - ek_log2_floor64(n - 1));
        do {
                EK_WORK(1);
                x = ek_rng_u64(r) & mask;
        } while (x >= n);
        return x;
}

void ek_rng_fill(struct ek_rng *r, void *dst, size_t n)
{
        uint8_t *p = dst;

        while (n > 0) {
                uint8_t word[8];
                size_t take = n < sizeof(word) ? n : sizeof(word);

                EK_WORK(1);
                store_le64(word, ek_rng_u64(r));
                memcpy(p, word, take);
                p += take;
                n -= take;
        }
}
